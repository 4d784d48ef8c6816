"""What shoppers see: the generation of shelves that content shows, made from the champion's bundle."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ml.bundle import Bundle, Champion
from ml.generation import compose_all
from ml.shelves import Rules
from pipelines.content import Content
from pipelines.settings import settings


@dg.asset(
    key=["content", "top_page_display"],
    group_name="publishing",
    kinds={"postgres"},
    deps=[["training", "champion"]],
    automation_condition=dg.AutomationCondition.eager(),
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)),
)
def top_page_display(context: dg.AssetExecutionContext, content: Content) -> dg.MaterializeResult[None]:
    """The six shelves of every user and of everyone, as one generation that becomes visible in one transaction."""
    champion = Champion.read(settings().bundles)
    if champion is None:
        raise dg.Failure("there is no champion to publish: run training first", allow_retries=False)
    rules = Rules.load()
    bundle = Bundle.open(settings().bundles / champion.bundle, rules.candidate_sources())
    now = datetime.now(settings().timezone)
    generation = f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{champion.bundle}"
    rows = content.publish(generation, champion.bundle, compose_all(bundle, rules, now))
    context.log.info("generation %s: %d rows", generation, rows)
    published = champion.model_copy(update={"generation": generation, "previous_generation": champion.generation})
    published.put(settings().bundles)
    return dg.MaterializeResult(
        metadata={"generation": generation, "bundle": champion.bundle, "dagster/row_count": rows}
    )
