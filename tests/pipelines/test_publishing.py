"""Bundle and generation go together: forth by publishing, back by `rollback`, whatever breaks off in between."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

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
    answer = httpx2.get(f"{content.url}/v1/displays", params={"userId": "anon:somebody"}).raise_for_status()
    return str(answer.json()["generation"])


def test_what_is_published_is_shown_and_named(promote, champion, content):
    promote()

    assert show(content).success
    assert shown(content) == champion().generation


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

    assert content.publish("again", "b1", rows) == 1
    assert content.publish("again", "b1", rows * 2) == 1
    assert shown(content) == "again"


class Meanwhile(Content):
    """A content service during whose upload somebody else changes the champion."""

    bundles: str

    def publish(self, *upload) -> int:
        """Upload, and look away for a moment."""
        Champion(bundle="somebody-elses").put(Path(self.bundles))
        return super().publish(*upload)


def test_a_champion_that_changes_during_the_upload_is_not_overwritten(promote, champion, bundles, content):
    promote()
    meanwhile = Meanwhile(bundles=str(bundles), **content.model_dump())

    assert "somebody-elses" in said(show(meanwhile))
    assert champion() == Champion(bundle="somebody-elses")


def test_what_content_refuses_is_not_tried_again(promote, content):
    promote()
    stranger = Content(**{**content.model_dump(), "issuer": "https://stranger.example"})

    result = show(stranger)

    assert "401" in said(result)
    assert result.filter_events(lambda event: event.is_step_up_for_retry) == []
