"""Calls every route of a service, and has every worker and consumer work, on filled tables."""

import asyncio
import json
import re
from itertools import count
from uuid import uuid4

import httpx2
from aiokafka import ConsumerRecord

from services.common.identity.policy import guarded_routes, policy_of
from services.common.messaging.consumer import Consumer
from services.contracts.envelope import Event
from services.contracts.registry import EVENTS
from tests.services.documents import LINES, Document
from tests.services.plans.examples import BODIES, FIELDS, MORE_OF_EVENTS, PATHS, TOGETHER, USERS, headers
from tests.tokens import ROLES
from tests.waiting import eventually

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Rows are deleted last."""
ERROR = 400


class Driver:
    """`did` has each statement with its plan, by route or worker; `refused` the errors of routes."""

    def __init__(self, app, service, keys, explained):
        self._app, self._service, self._keys, self._explained = app, service, keys, explained
        self.did, self.refused = {}, {}

    async def call_routes(self):
        """Call each route; one that reads also with each of its filters, and for its second page."""
        content = self._app.openapi()
        policies = {
            f"{method} {re.sub(r':[a-z]+}', '}', path)}": policy_of(needs)
            for path, methods, needs in guarded_routes(self._app.routes)
            for method in methods
        }
        routes = [
            (f"{method.upper()} {path}", operation)
            for path, operations in content["paths"].items()
            for method, operation in operations.items()
        ]
        transport = httpx2.ASGITransport(self._app, raise_app_exceptions=False, client=("203.0.113.7", 1234))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service", timeout=60) as self._client:
            for route, operation in sorted(routes, key=lambda each: METHODS.index(each[0].split(" ")[0])):
                await self._call(Document(content, FIELDS), route, operation, policies[route])

    async def _call(self, document, route, operation, policy):
        content = operation.get("requestBody", {}).get("content", {})
        kind = next(iter(content), None)
        body = json.dumps(_body(document, route, content[kind]["schema"] if kind else None)).encode()
        sent = {**self._token(policy), "Idempotency-Key": str(uuid4()), **headers(route, body)}
        sent |= {"Content-Type": kind} if kind else {}
        if route.startswith("PATCH") and kind and body == b"{}":
            self.refused[route] = "its example changes nothing"
        filters = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
        needed = {each["name"]: _value(document, each) for each in filters if each.get("required")}
        names = {each["name"]: _value(document, each) for each in filters if each["name"] != "cursor"}
        variants = [{name: value, **TOGETHER.get((route, name), {})} for name, value in names.items()]
        for user_id in USERS if route.startswith("GET") else USERS[:1]:
            for given in [{}, *variants] if route.startswith("GET") else [{}]:
                url = _url(route, user_id)
                answer = await self._send(route, url, needed | given, body, sent)
                if b'"nextCursor":"' in answer.content:
                    following = {**needed, **given, "cursor": answer.json()["nextCursor"]}
                    await self._send(route, url, following, body, sent)

    async def _send(self, route, url, params, body, sent):
        method = route.split(" ")[0]
        content = body if "Content-Type" in sent or "x-local-signature" in sent else None
        answer = await self._client.request(method, url, params=params, content=content, headers=sent)
        if answer.status_code >= ERROR:
            self.refused[route] = f"{params}: {answer.status_code} {answer.text[:300]}"
        self._note(route)
        return answer

    def _token(self, policy):
        if policy.services and not policy.roles | policy.kinds and policy.place is None:
            return self._keys.header(self._keys.service(min(policy.services), self._service))
        return self._keys.header(self._keys.user("u1", roles=ROLES))

    def _note(self, name):
        self.did.setdefault(name, []).extend(self._explained.statements())

    async def work(self, workers):
        """Have each worker do a round, and each consumer handle an event of each type of its topics.

        What a consumer cannot handle is an error: as a dead letter, or in smaller parts, it would be overlooked.
        """
        for worker in workers:
            if isinstance(worker, Consumer):
                worker._handle_in_parts, worker._give_up = worker._handle_together, _unreadable
                await worker.handle_records(list(_records(worker._topics)))
            elif worker.name != "revocations":  # it has no database
                await _one_round(worker)
            self._note(f"worker {worker.name}")


async def _unreadable(record, reason, detail):
    raise AssertionError(f"{record.topic}: {reason}: {detail}")


def _url(route, user_id):
    path, begin = route.split(" ")[1], PATHS.get(route, "")
    path = begin + "/".join(["", *path.split("/")[begin.count("/") + 1 :]]).rstrip("/")
    return re.sub(r"{(\w+)}", lambda found: (FIELDS | {"userId": user_id})[found[1]], path)


def _body(document, route, schema):
    if route in BODIES or schema is None:
        return BODIES.get(route)
    path = route.split(" ")[1]
    if path in LINES:
        schema = LINES[path].model_json_schema()
        document = Document(schema, FIELDS)
    return document.example(schema)


def _value(document, parameter):
    value = document.example(parameter["schema"], parameter["name"], (0,))
    return str(value).lower() if isinstance(value, bool) else value


async def _one_round(worker):
    stop, heard_at = asyncio.Event(), worker._heard_at
    running = asyncio.create_task(worker.run(stop))
    await eventually(lambda: running.done() or worker._heard_at > heard_at)
    stop.set()
    await running


def _records(topics):
    offsets = count()
    for kind in EVENTS.values():
        if kind.topic in topics:
            schema = kind.payload.model_json_schema(by_alias=True)
            example = Document(schema, FIELDS).example(schema) | MORE_OF_EVENTS.get(kind.name, {})
            payload = kind.payload.model_validate_json(json.dumps(example))
            event = Event.of(kind.name, payload, producer="test")
            yield ConsumerRecord(
                topic=kind.topic,
                partition=0,
                offset=next(offsets),
                timestamp=0,
                timestamp_type=0,
                key=FIELDS["userId"].encode(),
                value=event.to_bytes(),
                headers=[],
                checksum=None,
                serialized_key_size=0,
                serialized_value_size=0,
            )
