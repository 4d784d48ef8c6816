"""The way back: the previous bundle and the previous generation, together."""

import dagster as dg

from ml import tracking
from ml.bundle import Bundle, Champion
from ml.shelves import Rules
from pipelines.content import Content
from pipelines.settings import settings


@dg.op
def put_previous_back(context: dg.OpExecutionContext, content: Content) -> None:
    """Show the previous generation and serve the previous bundle; doing it twice returns to where it began."""
    bundles = settings().bundles
    champion = Champion.read(bundles)
    if champion is None or champion.previous is None:
        raise dg.Failure("there is no previous bundle to go back to", allow_retries=False)
    Bundle.open(bundles / champion.previous, Rules.load().candidate_sources())
    shown = content.roll_back()
    tracking.promote(tracking.version_of(champion.previous))
    Champion(
        bundle=champion.previous,
        previous=champion.bundle,
        generation=shown["generation"],
        previous_generation=champion.generation,
    ).put(bundles)
    context.log.info("bundle %s and generation %s are back", champion.previous, shown["generation"])


@dg.job(executor_def=dg.in_process_executor)
def rollback() -> None:
    """Put the previous bundle and generation back."""
    put_previous_back()
