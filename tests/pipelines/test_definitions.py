"""The asset graph as a whole. A key that changes here is a decision: dashboards, alerts and backfills rely on it."""

import dagster as dg
import pytest

OURS = {
    "content/top_page_display",
    "docs/dbt",
    "extracts/duckdb",
    "maintenance/disk",
    "raw/auth_v1",
    "raw/cart_v1",
    "raw/catalog_v1",
    "raw/content_v1",
    "raw/dead_letters",
    "raw/erasures_v1",
    "raw/order_v1",
    "raw/payment_v1",
    "raw/profile_v1",
    "raw/recommendation_feedback_v1",
    "raw/user_actions_v1",
    "training/bundle",
    "training/challenger",
    "training/champion",
    "training/dataset",
    "training/evaluation",
}
MARTS = {
    "behaviour/actions",
    "behaviour/cart_items",
    "behaviour/carts",
    "behaviour/product_views",
    "behaviour/searches",
    "behaviour/sessions",
    "core/categories",
    "core/checkouts",
    "core/order_items",
    "core/orders",
    "core/payments",
    "core/products",
    "core/refunds",
    "core/returns",
    "core/reviews",
    "core/user_spending",
    "core/users",
    "merchandising/banners",
    "merchandising/campaigns",
    "merchandising/displays",
    "merchandising/experiment_performance",
    "merchandising/generations",
    "merchandising/product_performance",
    "merchandising/product_revenue",
    "merchandising/review_statistics",
    "merchandising/search_revenue",
    "merchandising/search_terms",
    "merchandising/shelf_performance",
    "merchandising/traffic_revenue",
    "merchandising/traffic_sources",
    "recommendation/recommendation_impressions",
    "recommendation/interactions",
    "recommendation/item_features",
    "recommendation/negative_interactions",
}
PARTITIONED = {"extracts/duckdb", "training/bundle", "training/challenger", "training/dataset", "training/evaluation"}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    """What `dagster dev -w workspace.yaml` loads."""
    from pipelines.definitions import definitions  # noqa: PLC0415 (loading parses the dbt project: only here)

    return definitions()


@pytest.fixture(scope="module")
def graph(definitions):
    """The assets and what they are made from."""
    return definitions.resolve_asset_graph()


def test_the_keys_are_the_schemas_and_tables_that_people_know(graph):
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    layers = ("staging", "intermediate")

    assert {key for key in keys if key.split("/")[0] not in layers} == OURS | MARTS


def test_the_graph_is_one_piece_from_topic_to_shelf(graph):
    shelf = dg.AssetKey(["content", "top_page_display"])
    sources = {key.to_user_string() for key in dg.AssetSelection.assets(shelf).upstream().resolve(graph)}

    assert {"raw/order_v1", "raw/catalog_v1", "raw/user_actions_v1", "core/products", "training/champion"} <= sources


def test_only_training_cuts_and_extracts_are_made_by_day(graph):
    partitioned = {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned}

    assert partitioned == PARTITIONED


def test_every_asset_says_what_it_is(graph):
    assert [key for key in graph.get_all_asset_keys() if not graph.get(key).description] == []


def test_an_event_table_says_by_what_its_topic_is_keyed(graph):
    described = graph.get(dg.AssetKey(["raw", "catalog_v1"])).description

    assert "Keyed by productId, or category:<categoryId>. Carries PRODUCT_CREATED, " in described


def test_nothing_is_published_past_a_failed_check(graph):
    blocking = {check.to_user_string() for check in graph.asset_check_keys if graph.get_check_spec(check).blocking}

    assert {check for check in blocking if check.startswith("training/")} == {
        "training/bundle:files_are_whole_and_finite",
        "training/bundle:lists_reach_users_and_items",
        "training/bundle:pages_are_made_in_time",
        "training/bundle:size_is_bounded",
        "training/challenger:not_worse_than_champion",
        "training/dataset:has_interactions_and_recommendable_items",
        "training/dataset:holds_what_the_champion_was_made_of",
    }


def test_refresh_full_refresh_and_rollback_are_jobs(definitions):
    names = {job.name for job in definitions.resolve_all_job_defs()}

    assert {"refresh", "full_refresh", "rollback"} <= names


def test_what_people_and_shoppers_see_is_expected_anew_every_night(graph):
    watched = {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy}

    assert watched >= MARTS | {"raw/order_v1", "raw/user_actions_v1", "training/champion", "content/top_page_display"}


def test_shelves_follow_a_champion_that_came_without_them(definitions):
    sensor = definitions.resolve_sensor_def("follow_the_champion")

    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    names = {each.name for each in definitions.get_repository_def().sensor_defs}
    assert names == {"follow_the_champion", "tell_of_failed_checks", "tell_of_failed_runs"}


def test_the_extract_is_made_from_all_marts(graph):
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey(["extracts", "duckdb"])).parent_keys}

    assert parents == MARTS
