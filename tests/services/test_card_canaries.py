"""A card number through every field of every route: it is refused, and no database, topic, trace or log has it.

The fields are those of the OpenAPI documents, so that a new one is among them. A field of `EXEMPT` may take a number,
because it is no text that people write; then only the logs must not have it.
"""

import asyncio
import base64
import io
import json
import logging
import re
from copy import deepcopy
from types import SimpleNamespace
from uuid import uuid4

import httpx2
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from psycopg.sql import SQL, Identifier

from services.analytics.domain import FIELDS
from services.analytics.refusals import KEPT
from services.common.identity.policy import guarded_routes, policy_of
from services.common.runtime import telemetry
from services.common.runtime.telemetry import JsonFormatter
from services.common.storage.migrate import migrate
from services.contracts.vault import ensure_keys
from stack.keys import HOLDERS
from tests.applications import HAVE_DATABASE, PACKAGES, application
from tests.services.documents import LINES, Document
from tests.tokens import ROLES

CARDS = (
    *("4242424242424242", "5555 5555 5555 4444 12/28", "No. 7, 3782-822463-10005"),
    "".join(chr(ord("\uff10") + int(digit)) for digit in "3566002020360505"),
)
ELSEWHERE = "4000056655665556"
"""The number in fields that are exempt."""
EXEMPT = {
    **dict.fromkeys(("userId", "sessionId", "requestID", "recommendationId", "generation", "externalId"), "an id"),
    **dict.fromkeys(("searchId", "returnId", "reservationId", "cursor", "provider", "role"), "an id"),
    **dict.fromkeys(
        ("sku", "parentSku", "code", "categoryCode", "searchCategoryCode", "categoryCodes"), "a product's or category's"
    ),
    **dict.fromkeys(("ids", "productId", "excludeIds", "categoryId", "category", "parentId"), "such a code"),
    **dict.fromkeys(("email", "password", "currentPassword", "newPassword", "refreshToken"), "of the account"),
    **dict.fromkeys(
        ("image", "images", "link", "userAgent", "source", "pageUrl", "referrer"), "an address, or written by programs"
    ),
    **dict.fromkeys([f"utm{what}" for what in ("Source", "Medium", "Campaign", "Term", "Content")], "the shop's own"),
}
TYPED = {"currency", "locale", "countryCode", *("price", "amount", "productPrice", "specialPrice", "expectedTotal")}
TYPED |= {"priceMin", "priceMax", "promisedPrice", "placement"}
"""Fields whose own type refuses it."""
BY_PROGRAMS = {"/v1/generations/{generation}/rows"}
"""Bodies that repeat the names of the catalog, which takes no card number: one row must not hold up a publication."""
BY_SERVICES = {"reviewText": "importer"}
"""Fields of actions that no shopper's own token may send."""
PREFIXES = {"returnUrl": "https://shop.example/?of=", "avatar": "https://shop.example/", "image": "/", "link": "/"}

UNPROCESSABLE = 422


def put(body, place, value):
    """The body with that value there."""
    body = deepcopy(body)
    inner = body
    for part in place[:-1]:
        inner = inner.setdefault(part, {}) if isinstance(inner, dict) else inner[part]
    inner[place[-1]] = value
    return body


def fit(operation, body, place):
    """The body, with what else its rules need where that place is filled."""
    name = place[-1]
    if operation == "/v1/actions":
        own = {"sku": "productId", "categoryCode": "categoryId", "searchCategoryCode": "searchCategoryId"}
        fields = {kind: known | {each for each in own if own[each] in known} for kind, known in FIELDS.items()}
        kind = next((kind for kind, known in fields.items() if set(place) & known), "PRODUCT_VIEWED")
        more = {"orderId": 7, "returnId": 7, "cartItemId": 7, "quantity": 1}
        more |= {"productId": 7, "categoryId": 7, "searchCategoryId": 7, "rating": 4, "searchKeyword": "tea"}
        more |= {"reviewText": "good", "errorDetails": "none", "currency": "JPY", "productPrice": "100"}
        action = {key: value for key, value in (more | body["actions"][0]).items() if key in fields[kind]}
        return {"actions": [action | {"actionType": kind, "userId": "staff"}], "consent": True}
    if operation == "/v1/order-events" and name in ("reason", "returnId"):
        return {"events": [body["events"][0] | {"eventType": "RETURN_REQUESTED", "returnId": "R-1", **NEEDED}]}
    if operation == "/v1/order-events":
        return {"events": [body["events"][0] | {"eventType": "ORDER_COMPLETED", **NEEDED}]}
    if operation == "/v1/generations/{generation}/rows":
        return {"productId": 7} | body
    return body


NEEDED = {"items": [{"productId": 7, "quantity": 1, "price": "100", "amount": "100"}]}


class Sender:
    """Sends requests to one service, and remembers what came of the card numbers in them."""

    def __init__(self, app, keys, service):
        self._app, self._service = app, service
        self._headers = {"user": keys.user("staff", roles=ROLES)}
        callers = [each for each, may in HOLDERS.items() if service in may.audiences]
        self._headers |= {each: keys.service(each, service) for each in callers}
        self.accepted, self.refused = [], {}

    async def run(self):
        transport = httpx2.ASGITransport(self._app, raise_app_exceptions=False)
        document = self._app.openapi()
        policies = {
            (method, re.sub(r":\w+}", "}", path)): policy_of(needs)
            for path, methods, needs in guarded_routes(self._app.routes)
            for method in methods
        }
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as self._client:
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    policy = policies.get((method.upper(), path))
                    await self._operation(Document(document), method.upper(), path, operation, policy)
            await self._client.get(f"/v1/{ELSEWHERE}")

    async def _operation(self, document, method, path, operation, policy):
        given = {}
        for each in operation.get("parameters", ()):
            if each.get("required") and each["name"] != "Idempotency-Key":
                given[each["in"], each["name"]] = document.example(each["schema"], each["name"])
        by = next(iter(policy.services & self._headers.keys()), "user") if not policy.roles | policy.kinds else "user"
        call = SimpleNamespace(method=method, path=path, given=given, by=by, type="application/json", body=None)
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            await self._bodies(document, call, content["application/json"]["schema"])
        elif content and path in LINES:  # what is no text is made anew, see test_image_files
            call.type = next(iter(content))
            schema = LINES[path].model_json_schema()
            await self._bodies(Document(schema), call, schema)
        elif method == "POST":
            await self._send(call, f'{{"id": "{ELSEWHERE}", "payment": "local_{ELSEWHERE}"}}')
        for each in operation.get("parameters", ()):
            await self._parameter(document, call, each)

    async def _parameter(self, document, call, parameter):
        where, name = parameter["in"], parameter["name"]
        if not any(True for _ in document.leaves(parameter["schema"])):
            return
        is_exempt = where != "query" or name in EXEMPT
        for card in [ELSEWHERE] if is_exempt else CARDS:
            value = f"sku:{card}" if "sku:" in str(parameter["schema"]) else card
            changed = SimpleNamespace(**{**vars(call), "given": {**call.given, (where, name): value}})
            await self._send(changed, json.dumps(call.body) if call.body else None)

    async def _bodies(self, document, call, schema):
        for place, leaf in document.leaves(schema):
            names = [each for each in place if isinstance(each, str)]
            call.body = fit(call.path, document.example(schema, place=place), place)
            if isinstance(place[-1], str):
                surplus = put(call.body, (*place[:-1], "surplus"), CARDS[3])
                await self._send(call, json.dumps(surplus))
            if leaf.get("type") == "integer" or leaf.get("format") in ("uuid", "date-time"):
                for wrong in (int(ELSEWHERE), CARDS[1]):
                    await self._send(call, json.dumps(put(call.body, place, wrong)))
                continue
            if names[-1] in EXEMPT or call.path in BY_PROGRAMS:
                await self._send(call, json.dumps(put(call.body, place, PREFIXES.get(names[-1], "") + ELSEWHERE)))
                continue
            sending = SimpleNamespace(**{**vars(call), "by": BY_SERVICES.get(names[-1], call.by)})
            for card in CARDS:
                body = put(call.body, place, PREFIXES.get(names[-1], "") + card)
                await self._judge(sending, names[-1], json.dumps(body, ensure_ascii=False))
        for wrong in (f'{{"a": "{CARDS[0]}', json.dumps([CARDS[1]]), json.dumps(CARDS[2])):
            await self._send(call, wrong)
        if isinstance(call.body, dict):
            await self._send(call, json.dumps({**call.body, CARDS[0]: CARDS[3]}))

    async def _judge(self, call, name, body):
        answer = await self._send(call, body)
        if "must not contain a card number" in answer.text:
            self.refused[name] = "by the guard"
        else:
            self.refused.setdefault(name, answer.text)
        if answer.status_code != UNPROCESSABLE and '"errors":[{' not in answer.text:
            self.accepted.append((call.method, call.path, name, body, answer.status_code))

    async def _send(self, call, body):
        KEPT.clear()  # or else only some are kept
        values = {name: str(value) for (where, name), value in call.given.items() if where == "path"}
        url = re.sub(r"{(\w+)}", lambda found: values[found[1]], call.path)
        headers = {"Authorization": f"Bearer {self._headers[call.by]}", "Idempotency-Key": str(uuid4())}
        headers |= {name: str(value) for (where, name), value in call.given.items() if where == "header"}
        if body is not None:
            headers["Content-Type"] = call.type
        params = {name: value for (where, name), value in call.given.items() if where == "query"}
        return await self._client.request(call.method, url, params=params or None, content=body, headers=headers)


@pytest.fixture(scope="module", params=PACKAGES)
def service(request):
    return request.param


@pytest.fixture(scope="module")
def given(service, tokens, database, broker, tmp_path_factory):
    """The settings of the service."""
    folder = tmp_path_factory.mktemp(service)
    ensure_keys(folder / "keys.json")
    settings = {**tokens.settings, "mail_folder": folder, "state": folder, "keys_file": folder / "keys.json"}
    settings |= {f"{name}_url": "http://127.0.0.1:9" for name in PACKAGES}
    settings |= {"kafka_url": broker.url, "otlp_endpoint": "memory", "local_password": "local"}
    if service in HOLDERS:
        settings["auth_signing_key_file"] = tokens.key_file(service)
    if service in HAVE_DATABASE:
        settings["database_url"] = database(service)
        migrate(service, settings["database_url"])
    return settings


@pytest.fixture(scope="module")
def sent(service, given, tokens, broker):
    """What came of all requests: `accepted` card numbers, and the texts of logs, traces, topics and tables."""
    broker.create_topics()
    logs, spans = io.StringIO(), InMemorySpanExporter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace_exporter, "OTLPSpanExporter", lambda **_: spans)
        app = application(service, **given)
        handler = logging.StreamHandler(logs)
        handler.setFormatter(JsonFormatter(service))
        logging.getLogger().addHandler(handler)
        sender = Sender(app, tokens, service)
        try:
            told = asyncio.run(_run(app, sender, broker.url))
            logging.getLogger(service).warning("whatever is logged: %s", ELSEWHERE)
        finally:
            logging.getLogger().removeHandler(handler)
        telemetry._tracer_provider(service, "memory").shutdown()
        telemetry._tracer_provider.cache_clear()
    traced = [span.to_json() for span in spans.get_finished_spans()]
    stored = list(rows_of(given["database_url"])) if "database_url" in given else []
    return SimpleNamespace(sender=sender, logs=logs.getvalue(), traces=traced, topics=told, tables=stored)


async def _run(app, sender, kafka_url):
    await sender.run()
    told = [each async for each in _messages(kafka_url)] if app.state.producer is not None else []
    for part in (app.state.producer, app.state.cache, app.state.database):
        if part is not None:
            await part.close()
    return told


async def _messages(kafka_url):
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_url, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.subscribe(sorted(await consumer.topics()))
        while fetched := await consumer.getmany(timeout_ms=1_000):
            for records in fetched.values():
                for record in records:
                    yield record.value.decode()
                    letter = json.loads(record.value)["data"].get("value", "")
                    if record.topic == "dead-letters.v1":
                        yield base64.b64decode(letter).decode(errors="replace")
    finally:
        await consumer.stop()


def rows_of(url):
    """Every value of every table, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            for row in connection.execute(SQL("SELECT * FROM {}").format(Identifier(table))):
                yield " ".join(each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in row)


def found(texts, *cards):
    """The texts with a card number in them, however it is written."""
    numbers = [re.sub(r"\D", "", str(card).translate(WIDE))[-16:] for card in cards]
    return [text for text in texts if any(each in _bare(text) for each in numbers)]


WIDE = {ord("\uff10") + digit: str(digit) for digit in range(10)}


def _bare(text):
    text = re.sub(r"\\u(ff1\d)", lambda escaped: chr(int(escaped[1], 16)), text).translate(WIDE)
    return re.sub(r"[\s+\u3000-]|%20|%2B|%E3%80%80|\\u3000", "", text)


SOUGHT = ("4242424242424242", "5555555555554444", "378282246310005", "3566002020360505")


def test_no_text_that_people_write_takes_a_card_number(sent):
    assert sent.sender.accepted == []


def test_what_refuses_it_is_the_guard_and_not_another_rule(sent):
    others = {name: answer for name, answer in sent.sender.refused.items() if answer != "by the guard"}
    assert {name: answer for name, answer in others.items() if name not in TYPED} == {}


def test_no_table_has_a_card_number(sent):
    assert found(sent.tables, *SOUGHT) == []


def test_no_topic_has_a_card_number(sent):
    assert found(sent.topics, *SOUGHT) == []


def test_no_trace_has_a_card_number(sent):
    assert len(sent.traces) > 0
    assert found(sent.traces, *SOUGHT, ELSEWHERE) == []


def test_no_log_has_a_card_number_whatever_the_field(sent):
    assert "whatever is logged: [card number]" in sent.logs
    assert found(sent.logs.splitlines(), *SOUGHT, ELSEWHERE) == []
