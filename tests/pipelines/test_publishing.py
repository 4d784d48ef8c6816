"""Bundle and generation go together: forth by publishing, back by `rollback`, whatever breaks off in between."""

import uuid
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import httpx2
import pytest

from ml import tracking
from ml.bundle.bundle import write
from ml.bundle.champion import CHAMPION, Champion
from pipelines.content import Content
from pipelines.defs.publishing.assets import top_page_display
from pipelines.defs.publishing.rollback import rollback
from services.content.settings import ContentSettings
from tests.ml import tiny_bundle

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning")  # MLflow's


@pytest.fixture
def bundles(state: Path) -> Path:
    """The folder of bundles, without a champion."""
    folder = state / "bundles"
    folder.mkdir(exist_ok=True)
    (folder / CHAMPION).unlink(missing_ok=True)
    return folder


@pytest.fixture
def champion(bundles: Path) -> Callable[[], Champion]:
    """What `champion.json` says."""

    def read() -> Champion:
        found = Champion.read(bundles)
        assert found is not None
        return found

    return read


@pytest.fixture
def promote(bundles: Path) -> Callable[..., None]:
    """Make a bundle, tell MLflow of it, and let it be the champion."""

    def new_champion(*, is_registered: bool = True) -> None:
        now, name = datetime.now(UTC), uuid.uuid4().hex[:8]
        write(bundles / name, tiny_bundle.content(now), tiny_bundle.about(now))
        if is_registered:
            tracking.register(tracking.log_run(name, {}, {}, {}), name, "{}")
        before = Champion.read(bundles)
        Champion.after(before, name).replace(before, bundles)

    return new_champion


def show(content: Content) -> dg.ExecuteInProcessResult:
    return dg.materialize([top_page_display], resources={"content": content}, raise_on_error=False)


def go_back(content: Content) -> dg.ExecuteInProcessResult:
    return rollback.execute_in_process(resources={"content": content}, raise_on_error=False)


def said(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed."""
    failure = result.get_step_failure_events()[0].step_failure_data
    return str(failure.user_failure_data.description if failure.user_failure_data else failure.error)


def shown(content: Content) -> str:
    answer = httpx2.get(f"{content.url}/v1/displays").raise_for_status()
    return str(answer.json()["generation"])


def test_what_is_published_is_shown_and_named(promote, champion, content):
    promote()

    assert show(content).success
    assert shown(content) == champion().generation


def test_a_rollback_without_mlflow_changes_nothing_and_says_that_it_needs_it(promote, champion, content, monkeypatch):
    for _ in range(2):
        promote()
        assert show(content).success
    before = champion()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    assert said(go_back(content)).startswith("a rollback needs MLflow")
    assert (champion(), shown(content)) == (before, before.generation)


def test_two_rollbacks_return_to_where_it_began(promote, champion, content):
    for _ in range(2):
        promote()
        assert show(content).success
    assert show(content).success  # the second bundle's shelves again
    second = champion()

    assert go_back(content).success
    first = champion()
    assert (first.bundle, first.generation) == (second.previous, second.previous_generation)
    assert shown(content) == first.generation

    assert go_back(content).success
    assert champion() == second
    assert shown(content) == second.generation


def test_a_rollback_from_a_bundle_that_was_never_published_shows_the_one_before(promote, champion, content):
    promote()
    assert show(content).success
    published = champion()
    promote()

    assert go_back(content).success
    assert (champion().bundle, champion().generation) == (published.bundle, published.generation)
    assert shown(content) == published.generation


def test_a_rollback_to_shelves_that_content_has_dropped_makes_them_again(promote, champion, content):
    for _ in range(2):
        promote()
        assert show(content).success
    for _ in range(ContentSettings.model_fields["kept_generations"].default):
        assert show(content).success
    second = champion()

    assert go_back(content).success
    assert champion().bundle == second.previous
    assert champion().generation != second.previous_generation
    assert shown(content) == champion().generation


def test_a_rollback_that_mlflow_cannot_follow_changes_nothing(promote, champion, content):
    for is_registered in (False, True):
        promote(is_registered=is_registered)
        assert show(content).success
    before = champion()

    result = go_back(content)

    assert "MLflow knows no version" in said(result)
    assert champion() == before
    assert shown(content) == before.generation


def test_there_is_no_way_back_from_the_first_champion(promote, content):
    promote()
    assert show(content).success

    assert "nothing to go back to" in said(go_back(content))


def test_an_upload_that_is_said_again_is_the_same_generation(content):
    rows = [{"displayType": "RECOMMENDED", "rank": 1, "productId": 1}]

    assert content.upload("again", "b1", rows) == 1
    content.activate("again", "b1")
    assert content.upload("again", "b1", rows * 2) == 1
    content.activate("again", "b1")
    assert shown(content) == content.shown() == "again"


class Meanwhile(Content):
    """A content service that something happens to, once, between an upload or a showing and what follows it."""

    point: str
    happenings: ClassVar[list[Callable[[], None]]] = []  # of the class, for a run works with a copy of its resources

    @classmethod
    def at(cls, point: str, content: Content, happening: Callable[[], None]) -> "Meanwhile":
        """The same service, to which this happens at that point."""
        cls.happenings.append(happening)
        return cls(point=point, **content.model_dump())

    def _at(self, point: str) -> None:
        if point == self.point and self.happenings:
            self.happenings.pop()()

    def upload(self, *of: Any) -> int:
        """Upload, and look away for a moment."""
        rows = super().upload(*of)
        self._at("upload")
        return rows

    def activate(self, *which: str) -> None:
        """Show, and look away for a moment."""
        super().activate(*which)
        self._at("activate")


def test_the_shelves_of_a_champion_that_changed_during_the_upload_are_never_shown(promote, champion, content):
    promote()
    overtaken = champion()

    assert show(Meanwhile.at("upload", content, promote)).success

    assert champion().bundle != overtaken.bundle
    assert shown(content) == champion().generation
    assert shown(content).startswith(champion().bundle)


def test_a_rollback_between_showing_and_naming_waits_so_that_content_and_champion_stay_together(
    promote, champion, content
):
    for _ in range(2):
        promote()
        assert show(content).success
    with ThreadPoolExecutor(1) as aside:
        backs = []

        def roll_back() -> None:
            backs.append(aside.submit(go_back, content))
            futures.wait(backs, timeout=3)  # had it nothing to wait for, it would be done by then

        assert show(Meanwhile.at("activate", content, roll_back)).success
        assert backs[0].result()

    assert shown(content) == champion().generation
    assert shown(content).startswith(champion().bundle)


def test_whoever_publishes_and_rolls_back_at_once_leaves_content_and_champion_together(
    promote, champion, content, rounds
):
    for _ in range(2):
        promote()
        assert show(content).success

    for _ in range(rounds(20)):
        with ThreadPoolExecutor(2) as both:
            done = [both.submit(show, content), both.submit(go_back, content)]
        assert any(each.result().success for each in done)
        assert shown(content) == champion().generation
        assert shown(content).startswith(champion().bundle)


def test_what_content_refuses_is_not_tried_again(promote, content):
    promote()
    stranger = Content(**{**content.model_dump(), "issuer": "https://stranger.example"})

    result = show(stranger)

    assert "401" in said(result)
    assert result.filter_events(lambda event: event.is_step_up_for_retry) == []
