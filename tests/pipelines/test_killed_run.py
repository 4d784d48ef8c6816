"""A run that is killed between training and what shoppers see is taken up again, and publishes once."""

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
from tests.pipelines.killed_run import POINTS
from tests.waiting import read_topic

pytestmark = [
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning"),  # MLflow's
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(content: Content, tmp_path: Path):
    """Runs it in a process of its own; gives the exit code."""
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    names = {"CONTENT_URL": content.url, "AUTH_SIGNING_KEY_FILE": content.signing_key_file}
    environment = {**os.environ, **names, "AUTH_ISSUER": content.issuer, "DAGSTER_HOME": str(home)}
    environment["PYTHONPATH"] = str(ROOT)

    def start(point: str) -> int:
        command = [sys.executable, "-W", "ignore", "-m", "tests.pipelines.killed_run", point]
        return subprocess.run(command, env=environment, check=False).returncode

    return start


async def activated(broker, bundle_id: str) -> list[str]:
    """The generations of a bundle that shoppers were shown, in that order, as the events tell."""
    events = [Event.model_validate_json(record.value) for record in await read_topic(broker.url, "content.v1", 1)]
    return [
        event.data["generation"]
        for event in events
        if event.event_type == "GENERATION_ACTIVATED" and event.data["bundle"] == bundle_id
    ]


@pytest.mark.parametrize("point", POINTS)
async def test_a_run_killed_on_the_way_to_the_shoppers_is_taken_up_and_publishes_once(
    point, first, champion_file, another_day, run, content, broker
):
    bundles = champion_file.parent
    assert run(point) == -signal.SIGKILL
    assert Champion.read(bundles) in (first, Champion.after(first, Champion.read(bundles).bundle))

    assert run("none") == 0

    champion = Champion.read(bundles)
    assert champion.bundle == Passed.read(another_day).bundle
    assert Bundle.open(bundles / champion.bundle).manifest.bundle == champion.bundle
    assert tracking.version_of(champion.bundle)
    answer = httpx2.get(f"{content.url}/v1/displays").raise_for_status()
    assert answer.json()["generation"] == champion.generation
    assert await activated(broker, champion.bundle) == [champion.generation]
