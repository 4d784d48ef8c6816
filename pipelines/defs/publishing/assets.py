"""The generation of shelves in content, built from the champion's bundle."""

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
    """The six shelves of every user and for everyone, as one generation that becomes visible in one transaction.

    They are activated under the champion's lock, so that both are of the same bundle at any time. If the champion has
    changed meanwhile, its shelves are built next.
    """
    bundles = settings().bundles
    champion = Champion.read(bundles)
    if champion is None:
        raise dg.Failure("there is no champion to publish: run training first", allow_retries=False)
    try:
        generation, rows = upload(content, champion.bundle, context.run)
        with Champion.held(champion, bundles):
            content.activate(generation, champion.bundle)
            champion.with_generation(generation).put(bundles)
    except ChampionChangedError as error:
        raise dg.RetryRequested(max_retries=2) from error
    except (BundleError, ContentRefusedError) as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error
    context.log.info("generation %s: %d rows", generation, rows)
    return dg.MaterializeResult(
        metadata={"generation": generation, "bundle": champion.bundle, "dagster/row_count": rows}
    )


def upload(content: Content, bundle_id: str, run: dg.DagsterRun) -> tuple[str, int]:
    """Upload the pages of a bundle to content; returns the generation's name and its number of rows.

    A run and its re-executions create one generation of a bundle, however often they retry.

    Raises:
        BundleError: the bundle must not be shown.
        ContentRefusedError: content refused it.
    """
    rules = Rules.load()
    bundle = Bundle.open(settings().bundles / bundle_id, rules.candidate_sources())
    generation = f"{bundle_id}-{(run.root_run_id or run.run_id)[:8]}"
    pages = compose_all(bundle, rules, datetime.now(settings().timezone))
    return generation, content.upload(generation, bundle_id, pages)
