"""Rollback to the previous bundle and the previous generation, together."""

import dagster as dg

from ml import tracking
from ml.bundle.bundle import Bundle, BundleError
from ml.bundle.champion import Champion, ChampionChangedError
from ml.shelves.composing import Rules
from pipelines.content import Content, ContentRefusedError
from pipelines.defs.publishing.assets import upload
from pipelines.settings import settings


@dg.op
def put_previous_back(context: dg.OpExecutionContext, content: Content) -> None:
    """Activate the previous generation and serve the previous bundle; a second rollback undoes the first.

    Each step states its target, so an interrupted run can be repeated.
    """
    bundles = settings().bundles
    try:
        champion = Champion.read(bundles)
        back = champion.rolled_back() if champion else None
        if champion is None or back is None or back.generation is None:
            raise dg.Failure("no bundle was shown before this one: there is nothing to go back to", allow_retries=False)
        Bundle.open(bundles / back.bundle, Rules.load().candidate_sources())
        version = tracking.version_of(back.bundle)
        with Champion.held(champion, bundles):
            try:
                content.activate(back.generation, back.bundle)
            except ContentRefusedError as error:
                context.log.warning("the shelves are made again, for content has them no more: %s", error)
                generation, _ = upload(content, back.bundle, context.run)
                content.activate(generation, back.bundle)
                back = back.with_generation(generation)
            tracking.promote(version)
            back.put(bundles)
    except tracking.TrackingError as error:
        said = "a rollback needs MLflow, whose champion it changes too: make it answer, then run this again"
        raise dg.Failure(f"{said}: {error}", allow_retries=False) from error
    except (BundleError, LookupError, ContentRefusedError, ChampionChangedError) as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error
    context.log.info("bundle %s and generation %s are back", back.bundle, back.generation)


@dg.job(executor_def=dg.in_process_executor)
def rollback() -> None:
    """Restore the previous bundle and generation."""
    put_previous_back()
