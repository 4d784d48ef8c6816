"""What shoppers see: the generation of shelves that content shows, made from the champion's bundle."""

from datetime import datetime

import dagster as dg

from ml.bundle.bundle import Bundle, BundleError
from ml.bundle.champion import Champion, ChampionChangedError
from ml.shelves.composing import Rules
from ml.shelves.generation import compose_all
from pipelines.content import Content, ContentRefusedError
from pipelines.freshness import EVERY_NIGHT
from pipelines.settings import settings


@dg.asset(
    key=["content", "top_page_display"],
    group_name="publishing",
    kinds={"postgres"},
    deps=[["training", "champion"]],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
    freshness_policy=EVERY_NIGHT,
)
def top_page_display(context: dg.AssetExecutionContext, content: Content) -> dg.MaterializeResult[None]:
    """The six shelves of every user and of everyone, as one generation that becomes visible in one transaction.

    They are shown while nobody else can change the champion, so that both are of one bundle at any time. Whoever
    changed it in the meantime is the one whose shelves are made next.
    """
    bundles = settings().bundles
    champion = Champion.read(bundles)
    if champion is None:
        raise dg.Failure("there is no champion to publish: run training first", allow_retries=False)
    try:
        generation, rows = upload(content, champion.bundle, context.run)
        with Champion.held(champion, bundles):
            content.activate(generation, champion.bundle)
            champion.showing(generation).put(bundles)
    except ChampionChangedError as error:
        raise dg.RetryRequested(max_retries=2) from error
    except (BundleError, ContentRefusedError) as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error
    context.log.info("generation %s: %d rows", generation, rows)
    return dg.MaterializeResult(
        metadata={"generation": generation, "bundle": champion.bundle, "dagster/row_count": rows}
    )


def upload(content: Content, bundle_id: str, run: dg.DagsterRun) -> tuple[str, int]:
    """Let content have the pages that a bundle makes; returns the generation's name and its number of rows.

    A run and those that take it up after a failure make one generation of a bundle, however often they try.

    Raises:
        BundleError: the bundle must not be shown.
        ContentRefusedError: content will not have it.
    """
    rules = Rules.load()
    bundle = Bundle.open(settings().bundles / bundle_id, rules.candidate_sources())
    generation = f"{bundle_id}-{(run.root_run_id or run.run_id)[:8]}"
    pages = compose_all(bundle, rules, datetime.now(settings().timezone))
    return generation, content.upload(generation, bundle_id, pages)
