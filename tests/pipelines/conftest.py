"""A shop of forty regulars, a state directory of its own for what is made of it, and a content service to show it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml.bundle.champion import CHAMPION, Champion
from ml.bundle.content import ACTIVITY, ITEMS
from pipelines.content import Content
from pipelines.day import Judgement, Passed
from pipelines.settings import settings
from pipelines.training_set import TrainingSet
from services.common.storage.migrate import migrate
from tests.pipelines.training_runs import DAY, NEXT_DAY, run
from tests.service_process import ServiceProcess

CUT = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, mlflow_store):
    """A state directory that the settings point to, with an MLflow database in it; one for a whole file of tests."""
    directory = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TANAWARI_BUNDLES", "TANAWARI_EXTRACTS", "TANAWARI_EVALUATION_TEST_START", "TANAWARI_TIMEZONE"):
            patch.delenv(name, raising=False)
        patch.chdir(directory)  # MLflow keeps artifacts beside where it is started
        patch.setenv("TANAWARI_STATE", str(directory))
        patch.setenv("MLFLOW_TRACKING_URI", mlflow_store(directory))
        settings.cache_clear()
        yield directory
    settings.cache_clear()


@pytest.fixture
def tell(monkeypatch):
    """Sets a variable of the settings for one test."""

    def tell(name: str, value: Path) -> None:
        monkeypatch.setenv(name, str(value))
        settings.cache_clear()

    yield tell
    settings.cache_clear()


@pytest.fixture(scope="module")
def training_set(state: Path) -> TrainingSet:
    """Each user buys three staples of their own every week, and one of thirty other products now and then."""
    lines = [
        (f"u{user:02}", product, user * 1000 + week, CUT - timedelta(days=7 * week, hours=user + 1))
        for user in range(40)
        for week in range(30)
        for product in (*(1 + (user + step) % 60 for step in (0, 7, 14)), 61 + (user * 7 + week * 3) % 30)
    ]
    interactions = pl.DataFrame(
        lines,
        schema={
            "user_id": pl.String,
            "product_id": pl.Int64,
            "order_id": pl.Int64,
            "ordered_at": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )
    numbers = list(range(1, 91))
    items = pl.DataFrame(
        {
            "product_id": numbers,
            "parent_id": None,
            "sku": [f"S-{number}" for number in numbers],
            "name": [f"Product {number}" for number in numbers],
            "price": [f"{number}.00" for number in numbers],
            "currency": "USD",
            "currency_digits": 2,
            "image": None,
            "rating": 0.0,
            "brand": "National",
            "department": "GROCERY",
            "category": [f"C{number % 9}" for number in numbers],
            "product_type": [f"T{number % 30}" for number in numbers],
            "category_id": [number % 9 + 1 for number in numbers],
            "category_code": [f"C{number % 9}" for number in numbers],
            "category_name": [f"C{number % 9}" for number in numbers],
            "is_active": True,
            "is_recommendable": True,
            "stock": 10,
            "special_price": None,
            "special_starts_at": None,
            "special_ends_at": None,
        }
    ).select(pl.col(name).cast(kind) for name, kind in ITEMS.items())
    made = TrainingSet(CUT, interactions, items, pl.DataFrame(schema=ACTIVITY))
    made.write(state / "training" / DAY)
    return made


@pytest.fixture(scope="module")
def first(training_set, state: Path) -> Champion:
    """The first champion, made by a whole run."""
    assert training_set.interactions.height
    assert run("challenger", "evaluation", "bundle", "champion").success
    made = Champion.read(state / "bundles")
    assert made is not None
    return made


@pytest.fixture
def champion_file(first, state: Path) -> Iterator[Path]:
    """The file that names the first champion; a test may change it."""
    file = state / "bundles" / CHAMPION
    yield file
    first.put(file.parent)


@pytest.fixture
def another_day(first: Champion, state: Path) -> Iterator[Path]:
    """The next day's folder: the first day's training set and figures, and a judgement made beside the champion."""
    following = state / "training" / NEXT_DAY
    shutil.copytree(state / "training" / DAY, following, ignore=shutil.ignore_patterns(Passed.file))
    Judgement.read(following).model_copy(update={"champion": first.bundle}).put(following)
    yield following
    shutil.rmtree(following)


@pytest.fixture
def second(another_day: Path, state: Path) -> Iterator[Path]:
    """The files of a bundle of the following day, which passed its checks and is no champion yet."""
    result = run("bundle", day=NEXT_DAY)
    assert result.success
    files = state / "bundles" / Passed.read(another_day).bundle
    yield files
    shutil.rmtree(files)


@pytest.fixture(scope="module")
def content(database, broker, tokens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    """The real content service in a process of its own, as the pipelines reach it."""
    database_url = database("content")
    migrate("content", database_url)
    broker.create_topics("catalog.v1", "content.v1", "dead-letters.v1")
    environment = {"CONTENT_DATABASE_URL": database_url, "KAFKA_URL": broker.url, **tokens.environment}
    with ServiceProcess("content", environment, tmp_path_factory.mktemp("content") / "log") as service:
        yield Content(url=service.url, signing_key_file=str(tokens.key_file("pipelines")), issuer=tokens.issuer)
