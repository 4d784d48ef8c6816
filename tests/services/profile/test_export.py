"""The export of one's own data: a section of each service, or the name of the one that is missing."""

import asyncio

import pytest
from starlette.responses import JSONResponse

from tests.services.profile.addresses import TOKYO

pytestmark = pytest.mark.asyncio(loop_scope="module")
ME = "/v1/users/me"


@pytest.fixture
def told(others):
    """What the other services tell of a user: `told("fred")`."""

    def says(user_id):
        for name in ("auth", "catalog", "content"):
            others[name].says(f"/v1/exports/{user_id}", {"of": name, "when": "2026-11-27T09:00:00Z"})
        others["analytics"].says(f"/v1/users/{user_id}/actions", {"items": [{"id": 1}], "nextCursor": None})
        others["analytics"].says(f"/v1/users/{user_id}/views", {"items": [], "nextCursor": None})
        others["cart"].says(f"/v1/carts/{user_id}", {"of": "cart"})
        for service, name in (("order", "orders"), ("order", "returns"), ("payment", "payments")):
            others[service].says(f"/v1/users/{user_id}/{name}", {"items": [{"of": name}], "nextCursor": None})

    return says


async def test_the_export_has_what_every_service_stores_as_a_file(registered, told, others):
    fred = await registered("fred")
    await fred.patch(ME, json={"address": {"addresses": [TOKYO]}})
    told("fred")
    answer = await fred.get(f"{ME}/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.json()["userId"] == "fred"
    assert answer.json()["sections"] == {
        "profile": (await fred.get(ME)).json(),
        "auth": {"of": "auth", "when": "2026-11-27T09:00:00Z"},
        "catalog": {"of": "catalog", "when": "2026-11-27T09:00:00Z"},
        "content": {"of": "content", "when": "2026-11-27T09:00:00Z"},
        "cart": {"of": "cart"},
        "order": {
            "orders": {"items": [{"of": "orders"}], "nextCursor": None},
            "returns": {"items": [{"of": "returns"}], "nextCursor": None},
        },
        "payment": {"items": [{"of": "payments"}], "nextCursor": None},
        "analytics": {
            "actions": {"items": [{"id": 1}], "nextCursor": None},
            "views": {"items": [], "nextCursor": None},
        },
    }
    assert {each.headers["authorization"].split()[0] for each in others["auth"].asked} == {"Bearer"}


async def test_a_history_is_read_page_by_page(registered, told, others):
    gina = await registered("gina")
    told("gina")

    async def page(request):
        number = int(request.query_params.get("cursor", 0))
        return JSONResponse({"items": [{"id": number}], "nextCursor": str(number + 1) if number < 2 else None})

    others["analytics"].answers["/v1/users/gina/views"] = page
    views = (await gina.get(f"{ME}/export")).json()["sections"]["analytics"]["views"]
    assert views == {"items": [{"id": 0}, {"id": 1}, {"id": 2}], "nextCursor": None}


async def test_of_a_long_history_the_latest_rows_come_with_the_cursor_of_the_others(
    registered, told, others, monkeypatch
):
    hugo = await registered("hugo")
    told("hugo")
    monkeypatch.setattr("services.profile.exports.MOST_ROWS", 250)
    others["analytics"].says("/v1/users/hugo/actions", {"items": [{"id": 9}], "nextCursor": "older"})
    actions = (await hugo.get(f"{ME}/export")).json()["sections"]["analytics"]["actions"]
    assert actions == {"items": [{"id": 9}], "nextCursor": "older"}


@pytest.mark.parametrize(("service", "path"), [("auth", "/v1/exports/ines"), ("analytics", "/v1/users/ines/views")])
@pytest.mark.parametrize(("content", "status"), [({}, 503), ({}, 404), ("garbage", 200)])
async def test_a_service_that_does_not_answer_is_named(registered, told, others, service, path, content, status):
    ines = await registered("ines")
    told("ines")
    others[service].says(path, content, status)
    answer = await ines.get(f"{ME}/export")
    assert (answer.status_code, answer.json()["detail"].split()[0]) == (503, service)
    assert "retry-after" in answer.headers


async def test_a_user_has_one_export_at_a_time(registered, told, others):
    jana = await registered("jana")
    told("jana")
    is_asked, goes_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def waits(_):
        loop.call_soon_threadsafe(is_asked.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(goes_on.wait(), loop))
        return JSONResponse({})

    others["auth"].answers["/v1/exports/jana"] = waits
    first = asyncio.create_task(jana.get(f"{ME}/export"))
    await is_asked.wait()
    assert (await jana.get(f"{ME}/export")).status_code == 409
    goes_on.set()
    assert (await first).status_code == 200
    assert (await jana.get(f"{ME}/export")).status_code == 200


async def test_who_views_as_a_user_gets_no_export(registered, calling):
    await registered("karl")
    viewer = calling("karl", actor="user:otto")
    assert (await viewer.get(ME)).status_code == 200
    assert (await viewer.get(f"{ME}/export")).status_code == 403
