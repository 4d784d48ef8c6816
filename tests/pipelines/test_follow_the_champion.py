"""Shelves are made again until shoppers are shown the champion's."""

import dagster as dg
import pytest

from ml.bundle.champion import CHAMPION, Champion
from pipelines.content import Content
from pipelines.defs.publishing import sensor
from pipelines.defs.publishing.assets import top_page_display
from pipelines.defs.publishing.sensor import BUNDLE, follow_the_champion

ROWS = [{"displayType": "RECOMMENDED", "rank": 1, "productId": 1}]
SHOWN = Champion(bundle="b1", generation="b1-shown")
FOLLOWING = Champion.after(SHOWN, "b2")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def bundles(state, content):
    """The folder of bundles; shoppers are shown `SHOWN`."""
    folder = state / "bundles"
    folder.mkdir(exist_ok=True)
    content.upload(SHOWN.generation, SHOWN.bundle, ROWS)
    content.activate(SHOWN.generation, SHOWN.bundle)
    SHOWN.put(folder)
    return folder


def tick(instance: dg.DagsterInstance, content: Content) -> dg.RunRequest | str:
    """What the sensor asks for, or why it asks for nothing."""
    with dg.build_sensor_context(instance=instance, resources={"content": content}) as context:
        found = follow_the_champion(context)
    return found if isinstance(found, dg.RunRequest) else found.skip_message


def fail(instance: dg.DagsterInstance, tags: dict[str, str]) -> None:
    """Let a run of the shelves fail."""

    @dg.op
    def broken() -> None:
        raise dg.Failure

    job = dg.GraphDefinition(name="shelves", node_defs=[broken]).to_job()
    assert not job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success


@pytest.mark.usefixtures("bundles")
def test_while_shoppers_are_shown_the_champions_shelves_nothing_is_to_do(instance, content):
    assert "b1-shown, which is the champion's" in tick(instance, content)


def test_a_champion_without_shelves_gets_them(instance, content, bundles):
    FOLLOWING.put(bundles)

    assert tick(instance, content).tags == {BUNDLE: "b2"}


def test_shelves_of_another_generation_than_the_champions_are_made_again(instance, content, bundles):
    SHOWN.with_generation("b1-lost").put(bundles)

    assert tick(instance, content).tags == {BUNDLE: "b1"}


def test_what_failed_is_tried_again_after_a_break(instance, content, bundles, monkeypatch):
    FOLLOWING.put(bundles)
    fail(instance, tick(instance, content).tags)

    assert "it was tried by" in tick(instance, content)

    monkeypatch.setattr(sensor, "BREAK", sensor.BREAK * 0)
    assert tick(instance, content).tags == {BUNDLE: "b2"}


def test_a_run_that_is_under_way_is_let_be(instance, content, bundles):
    FOLLOWING.put(bundles)
    job = dg.Definitions([top_page_display], resources={"content": content}).resolve_implicit_global_asset_job_def()
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, asset_selection={top_page_display.key})

    assert "under way" in tick(instance, content)


def test_without_a_champion_there_is_nothing_to_follow(instance, content, bundles):
    (bundles / CHAMPION).unlink()

    assert "no champion" in tick(instance, content)


@pytest.mark.usefixtures("bundles")
def test_a_content_service_that_does_not_answer_is_asked_again_later(instance, content):
    away = Content(**{**content.model_dump(), "issuer": "https://stranger.example"})

    assert "content does not say what it shows" in tick(instance, away)
