"""A run that is killed between training and what shoppers see is taken up again, and publishes once."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from ml import tracking
from ml.bundle.bundle import Bundle, Champion
from pipelines.content import Content
from pipelines.day import Passed
from services.contracts.envelope import Event
from tests.pipelines import killed_run
from tests.waiting import read_topic

pytestmark = [
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning"),  # MLflow's
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def dagster(content: Content, tmp_path: Path, monkeypatch):
    """Where Dagster keeps its runs, and what they need to know."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    names = {"CONTENT_URL": content.url, "AUTH_SIGNING_KEY_FILE": content.signing_key_file}
    for name, value in {**names, "AUTH_ISSUER": content.issuer, "DAGSTER_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)


def exit_code_of_run(point: str) -> int:
    """Of a run that comes to a point where its process kills itself."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.pipelines.killed_run", point]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


async def activated(broker, bundle_id: str) -> list[str]:
    """The generations of a bundle that shoppers were shown, in that order, as the events tell."""
    events = [Event.model_validate_json(record.value) for record in await read_topic(broker.url, "content.v1", 1)]
    return [
        event.data["generation"]
        for event in events
        if event.event_type == "GENERATION_ACTIVATED" and event.data["bundle"] == bundle_id
    ]


@pytest.mark.usefixtures("dagster")
@pytest.mark.parametrize("point", killed_run.POINTS)
def test_a_run_killed_on_the_way_to_the_shoppers_is_taken_up_and_publishes_once(
    point, first, champion_file, another_day, content, broker
):
    bundles = champion_file.parent
    assert exit_code_of_run(point) == -signal.SIGKILL
    assert Champion.read(bundles) in (first, Champion.after(first, Champion.read(bundles).bundle))

    assert killed_run.succeeds()

    champion = Champion.read(bundles)
    assert champion.bundle == Passed.read(another_day).bundle
    assert Bundle.open(bundles / champion.bundle).manifest.bundle == champion.bundle
    assert tracking.version_of(champion.bundle)
    answer = httpx2.get(f"{content.url}/v1/displays").raise_for_status()
    assert answer.json()["generation"] == champion.generation
    assert asyncio.run(activated(broker, champion.bundle)) == [champion.generation]
