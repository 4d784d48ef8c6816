from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import pytest_asyncio

from services.contracts.experiments import arm_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = datetime.now(UTC)
IN_A_WEEK, IN_TWO_WEEKS, YESTERDAY = ((NOW + timedelta(days=each)).isoformat() for each in (7, 14, -1))
ARMS = [{"name": "control", "weight": 50}, {"name": "challenger", "weight": 50}]
NAMED = {"name": "ranking", "arms": ARMS}


@pytest_asyncio.fixture(loop_scope="module")
async def make(client, database_url):
    """Makes an experiment, which is unknown again at the end."""

    async def create(**fields):
        return await client.post("/v1/experiments", json=NAMED | fields)

    yield create
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM experiments")
        connection.execute("UPDATE active_generation SET version = version + 1")


@pytest.fixture
def running(client):
    """The experiment of a user's page."""

    async def read(user_id=None):
        answer = await client.get("/v1/displays", params={"userId": user_id} if user_id else None)
        return answer.json()["experiment"]

    return read


async def test_a_page_says_in_which_arm_its_user_is_while_the_experiment_runs(client, make, running, events):
    assert await running("u1") is None
    made = (await make()).json()
    arm = arm_of("ranking", [("control", 50), ("challenger", 50)], "u1")
    assert await running("u1") == {"name": "ranking", "arm": arm, "arms": ARMS}
    assert (await running())["arm"] is None
    await client.patch(f"/v1/experiments/{made['id']}", json={"endDate": datetime.now(UTC).isoformat()})
    assert await running("u1") is None
    assert [(kind, data["change"]) for kind, data in events(f"experiment:{made['id']}")] == [
        ("EXPERIMENT_CHANGED", "CREATED"),
        ("EXPERIMENT_CHANGED", "UPDATED"),
    ]


async def test_an_experiment_is_planned_before_it_runs(client, make, running):
    await make(startDate=IN_A_WEEK)
    assert await running("u1") is None
    planned = await client.get("/v1/planned-displays", params={"userId": "u1", "at": IN_TWO_WEEKS})
    assert planned.json()["experiment"]["name"] == "ranking"


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"name": "other"}, 409),
        ({"name": "other", "startDate": IN_A_WEEK}, 201),
        ({"name": "other", "isActive": False}, 201),
        ({"startDate": IN_A_WEEK}, 409),
    ],
)
async def test_one_experiment_runs_at_a_time_under_a_name_of_its_own(make, other, status):
    await make(endDate=IN_A_WEEK)
    assert (await make(**other)).status_code == status


OTHER_ARMS = [{"name": "control", "weight": 90}, {"name": "challenger", "weight": 10}]


@pytest.mark.parametrize(("begins", "status"), [(YESTERDAY, 409), (IN_A_WEEK, 200)], ids=["begun", "planned"])
@pytest.mark.parametrize("changes", [{"arms": OTHER_ARMS}, {"startDate": IN_TWO_WEEKS}])
async def test_once_it_has_begun_its_arms_and_its_start_stay(client, make, begins, status, changes):
    made = (await make(startDate=begins)).json()
    answer = await client.patch(f"/v1/experiments/{made['id']}", json=changes)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("begins", "statuses"), [(YESTERDAY, (409, 409)), (IN_A_WEEK, (204, 201))], ids=["begun", "planned"]
)
async def test_once_it_has_begun_it_is_ended_and_its_name_stays_taken(client, make, begins, statuses):
    place = f"/v1/experiments/{(await make(startDate=begins)).json()['id']}"
    removed = await client.delete(place)
    await client.patch(place, json={"isActive": False})
    assert (removed.status_code, (await make(arms=OTHER_ARMS)).status_code) == statuses


@pytest.mark.parametrize(
    "arms", [[], ARMS[:1], ARMS + ARMS, [{"name": "a", "weight": 0}, ARMS[0]], [{"name": "a~b", "weight": 1}, ARMS[0]]]
)
async def test_an_experiment_has_two_arms_of_different_names_at_least(make, arms):
    assert (await make(arms=arms)).status_code == 422
