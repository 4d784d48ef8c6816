"""Stripe and PayPal, as far as a shop uses them: over HTTP, honouring idempotency keys, and failing when told to.

The last three digits of an amount mean what they mean to the local provider: 401 has to be confirmed by the shopper,
402 is declined. `trouble` says how the next request fails, `done` lists what had an effect.
"""

import base64
import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from stripe import WebhookSignature

NEEDS_ACTION, DECLINED = 401, 402
REFUSAL = {"name": "REFUSED", "error": {"type": "invalid_request_error", "code": "refused", "message": "No."}}
STATUSES = {"after": 500, "before": 500, "busy": 429, "conflict": 409, "forbidden": 403}


class RefusedError(Exception):
    """What this party answers instead of doing it."""

    def __init__(self, status, body):
        super().__init__(status, body)
        self.status, self.body = status, body


class Fake:
    """An outside party; a subclass has its routes: what it does at a method and a path."""

    key_header = ""

    def __init__(self):
        self.done = []
        self.payments = {}
        self.are_refunds_pending = False
        self._numbers = itertools.count(1)
        self._answers = {}
        self._trouble = None

    def trouble(self, kind, method="POST", path=""):
        """How the next request of this method fails, to a path that ends so."""
        self._trouble = (kind, method, path)

    def _troubled(self, method, path):
        if (
            self._trouble is None
            or method != self._trouble[1]
            or "oauth2" in path
            or not path.endswith(self._trouble[2])
        ):
            return None
        kind, self._trouble = self._trouble[0], None
        return kind

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        body = await request.body()
        kind = self._troubled(request.method, request.url.path)
        if kind == "slow":
            await receive()  # until the caller has gone
            return
        answer = None if kind in ("before", "busy", "conflict", "forbidden", "refused") else self._once(request, body)
        if kind in STATUSES:
            answer = Response("<html>unavailable</html>", STATUSES[kind])
        elif kind == "refused":
            answer = JSONResponse(REFUSAL, 400)
        elif kind == "garbage":
            answer = Response("<html>", media_type="text/html")
        elif kind == "another shape":
            answer = JSONResponse(["what", "is", "this?"])
        await answer(scope, receive, send)

    def _once(self, request, body):
        key = request.headers.get(self.key_header) if request.method == "POST" else None
        if key is None or (request.url.path, key) not in self._answers:
            try:
                answer = JSONResponse(self.answer(request, body), 200)
            except RefusedError as refusal:
                answer = JSONResponse(refusal.body, refusal.status)
            if key is None:
                return answer
            self._answers[request.url.path, key] = answer
        return self._answers[request.url.path, key]

    def forget_keys(self):
        """What happens to keys after a day."""
        self._answers.clear()

    def answer(self, request, body):
        raise NotImplementedError

    def _id(self, prefix):
        return f"{prefix}{next(self._numbers):06}"


class FakeStripe(Fake):
    """PaymentIntents and refunds."""

    key_header = "idempotency-key"
    secret = "whsec_test"

    def __init__(self):
        super().__init__()
        self.refunds = {}

    def answer(self, request, body):
        assert request.headers["authorization"] == "Bearer sk_test_1"
        given = dict(parse_qsl(body.decode() or request.url.query))
        match [request.method, *request.url.path.strip("/").split("/")[1:]]:
            case ["POST", "payment_intents"]:
                return self._create(given)
            case ["GET", "payment_intents", name]:
                return self.payments[name]
            case ["POST", "payment_intents", name, what]:
                return getattr(self, f"_{what}")(self.payments[name], given)
            case ["POST", "refunds"]:
                return self._refund(given)
            case ["GET", "refunds"]:
                found = [each for each in self.refunds.values() if each["payment_intent"] == given["payment_intent"]]
                return {"object": "list", "data": found, "has_more": False, "url": "/v1/refunds"}
        raise AssertionError(f"{request.method} {request.url.path}")

    def _create(self, given):
        assert (given["capture_method"], given["payment_method_types[0]"]) == ("manual", "card")
        name = self._id("pi_")
        self.payments[name] = {
            "id": name,
            "object": "payment_intent",
            "amount": int(given["amount"]),
            "currency": given["currency"],
            "status": "requires_confirmation" if "payment_method" in given else "requires_payment_method",
            "next_action": None,
            "last_payment_error": None,
            "metadata": {"payment_id": given["metadata[payment_id]"]},
        }
        return self.payments[name]

    def _confirm(self, intent, given):
        if intent["status"] == "requires_payment_method":
            raise self._refusal("parameter_missing")
        self._must_be(intent, "requires_confirmation")
        digits = intent["amount"] % 1000
        if digits == DECLINED:
            self._fail(intent, "card_declined", "insufficient_funds")
            raise RefusedError(402, {"error": {"type": "card_error", **intent["last_payment_error"]}})
        if digits == NEEDS_ACTION:
            url = f"https://stripe.example/{intent['id']}?to={given['return_url']}"
            intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"url": url}}
            intent["status"] = "requires_action"
        else:
            self._authorise(intent)
        return intent

    def _authorise(self, intent):
        intent["status"], intent["next_action"] = "requires_capture", None
        self.done.append(("authorise", intent["id"]))

    def _capture(self, intent, _):
        self._must_be(intent, "requires_capture")
        intent["status"] = "succeeded"
        self.done.append(("capture", intent["id"]))
        return intent

    def _cancel(self, intent, _):
        self._must_be(intent, "requires_confirmation", "requires_action", "requires_capture")
        intent["status"], intent["next_action"] = "canceled", None
        self.done.append(("void", intent["id"]))
        return intent

    def _refund(self, given):
        intent, amount = self.payments[given["payment_intent"]], int(given["amount"])
        if self.refunded(intent["id"]) + amount > intent["amount"]:
            raise self._refusal("charge_already_refunded")
        name = self._id("re_")
        self.refunds[name] = {
            "id": name,
            "object": "refund",
            "amount": amount,
            "payment_intent": intent["id"],
            "status": "pending" if self.are_refunds_pending else "succeeded",
            "metadata": {"refund": given["metadata[refund]"]},
        }
        self.done.append(("refund", intent["id"]))
        return self.refunds[name]

    def _fail(self, intent, code, decline_code=None):
        intent["status"], intent["next_action"] = "requires_payment_method", None
        intent["last_payment_error"] = {"code": code, "decline_code": decline_code, "message": "Declined."}

    def _must_be(self, intent, *statuses):
        if intent["status"] not in statuses:
            raise self._refusal("payment_intent_unexpected_state")

    def _refusal(self, code):
        return RefusedError(400, {"error": {"type": "invalid_request_error", "code": code, "message": "No."}})

    def refunded(self, name):
        """What was given back of a payment."""
        return sum(each["amount"] for each in self.refunds.values() if each["payment_intent"] == name)

    def act(self, name, *, is_approved):
        """The shopper confirms at the bank, or fails to."""
        if is_approved:
            self._authorise(self.payments[name])
        else:
            self._fail(self.payments[name], "payment_intent_authentication_failure")

    def refund_by_hand(self, name, amount):
        """Somebody of the shop gives money back at Stripe's own site."""
        self.refunds["re_0"] = {"id": "re_0", "payment_intent": name, "amount": amount, "metadata": {}}

    def settle_refunds(self, *, fail=False):
        self.are_refunds_pending = False
        for each in self.refunds.values():
            each["status"] = "failed" if fail else "succeeded"

    def webhook(self, name, *, event="evt_1", age=0, is_forged=False):
        """Headers and body of an event of this payment."""
        body = json.dumps({"id": event, "object": "event", "data": {"object": self.payments[name]}}, indent=1)
        return self._signed(body, age, is_forged=is_forged)

    def refund_webhook(self, name, *, event="evt_r"):
        refund = next(each for each in self.refunds.values() if each["payment_intent"] == name)
        return self._signed(json.dumps({"id": event, "object": "event", "data": {"object": refund}}))

    def _signed(self, body, age=0, *, is_forged=False):
        moment = int(datetime.now(UTC).timestamp()) - age
        secret = "whsec_other" if is_forged else self.secret
        return {"stripe-signature": WebhookSignature.generate_signature_header(body, secret, moment)}, body.encode()


class FakePayPal(Fake):
    """Orders v2, and what belongs to it."""

    key_header = "paypal-request-id"
    webhook_id = "WH-1"

    def __init__(self):
        super().__init__()
        self.tokens = []

    def answer(self, request, body):
        path = request.url.path.strip("/").split("/")
        if path == ["v1", "oauth2", "token"]:
            assert request.headers["authorization"] == f"Basic {base64.b64encode(b'shop:secret').decode()}"
            self.tokens.append(f"token-{len(self.tokens) + 1}")
            return {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 32400}
        if request.headers["authorization"] != f"Bearer {self.tokens[-1]}":
            raise RefusedError(401, {"name": "AUTHENTICATION_FAILURE"})
        if path[-1] == "verify-webhook-signature":
            return self._verify(body)
        given = json.loads(body or b"{}")
        match [request.method, *path[1:]]:
            case ["POST", "checkout", "orders"]:
                return self._create(given)
            case ["GET", "checkout", "orders", name] if name in self.payments:
                return self.payments[name]
            case ["POST", "checkout", "orders", name, "authorize"]:
                return self._authorize(self.payments[name])
            case ["POST", "payments", "authorizations" | "captures", name, what]:
                order = next(order for order in self.payments.values() if name in json.dumps(order))
                return getattr(self, f"_{what}")(order, given)
        raise RefusedError(404, {"name": "RESOURCE_NOT_FOUND"})

    def _create(self, given):
        assert given["intent"] == "AUTHORIZE"
        name = self._id("ORDER")
        is_guided = "payment_source" in given
        self.payments[name] = {
            "id": name,
            "status": "PAYER_ACTION_REQUIRED" if is_guided else "CREATED",
            "links": [
                {"rel": "self", "href": f"https://api.example/v2/checkout/orders/{name}"},
                {"rel": "payer-action" if is_guided else "approve", "href": f"https://paypal.example/{name}"},
            ],
            "purchase_units": [given["purchase_units"][0]],
        }
        return self.payments[name]

    def _authorize(self, order):
        if order["status"] != "APPROVED":
            raise self._refusal("ORDER_NOT_APPROVED" if order["status"] != "COMPLETED" else "ORDER_ALREADY_AUTHORIZED")
        if _value(order["purchase_units"][0]) % 1000 == DECLINED:
            raise self._refusal("INSTRUMENT_DECLINED")
        order["status"] = "COMPLETED"
        order["purchase_units"][0]["payments"] = {"authorizations": [{"id": self._id("AUTH"), "status": "CREATED"}]}
        self.done.append(("authorise", order["id"]))
        return order

    def _capture(self, order, given):
        assert given == {"final_capture": True}
        payments = self._authorised(order)
        payments["authorizations"][0]["status"] = "CAPTURED"
        payments["captures"] = [{"id": self._id("CAPTURE"), "status": "COMPLETED"}]
        self.done.append(("capture", order["id"]))
        return payments["captures"][0]

    def _void(self, order, _):
        self._authorised(order)["authorizations"][0]["status"] = "VOIDED"
        self.done.append(("void", order["id"]))
        return {}

    def _authorised(self, order):
        payments = order["purchase_units"][0]["payments"]
        if payments["authorizations"][0]["status"] != "CREATED":
            raise self._refusal(f"AUTHORIZATION_{payments['authorizations'][0]['status']}")
        return payments

    def _refund(self, order, given):
        unit = order["purchase_units"][0]
        if self.refunded(order["id"]) + _value(given) > _value(unit):
            raise self._refusal("REFUND_AMOUNT_EXCEEDED")
        refund = {"id": self._id("REFUND"), "status": "PENDING" if self.are_refunds_pending else "COMPLETED", **given}
        unit["payments"].setdefault("refunds", []).append(refund)
        self.done.append(("refund", order["id"]))
        return refund

    def _verify(self, body):
        raw = body.partition(b'"webhook_event":')[2][:-1]  # PayPal signs the bytes that it sent
        given = json.loads(body)
        sent = "|".join((given["transmission_id"], given["transmission_time"], given["webhook_id"]))
        is_genuine = hmac.compare_digest(given["transmission_sig"], _signature(sent, raw))
        return {"verification_status": "SUCCESS" if is_genuine else "FAILURE"}

    def _refusal(self, issue):
        return RefusedError(422, {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]})

    def refunded(self, name):
        """What was given back of a payment."""
        payments = self.payments[name]["purchase_units"][0].get("payments", {})
        return sum(map(_value, payments.get("refunds", [])))

    def act(self, name, *, is_approved):
        """The payer approves; who refuses just does not come back."""
        if is_approved:
            self.payments[name]["status"] = "APPROVED"

    def refund_by_hand(self, name, amount):
        """Somebody of the shop gives money back at PayPal's own site."""
        refund = {"id": "REFUND0", "status": "COMPLETED", "amount": {"value": str(amount)}}
        self.payments[name]["purchase_units"][0]["payments"]["refunds"] = [refund]

    def settle_refunds(self, *, fail=False):
        self.are_refunds_pending = False
        for order in self.payments.values():
            for each in order["purchase_units"][0].get("payments", {}).get("refunds", []):
                each["status"] = "FAILED" if fail else "COMPLETED"

    def webhook(self, name, *, event="WH-E-1", age=0, is_forged=False):
        """Headers and body of an event of this payment."""
        return self._signed({"id": event, "resource": self.payments[name]}, age, is_forged=is_forged)

    def refund_webhook(self, name, *, event="WH-E-R"):
        refund = self.payments[name]["purchase_units"][0]["payments"]["refunds"][0]
        return self._signed({"id": event, "resource": refund})

    def _signed(self, event, age=0, *, is_forged=False):
        body = json.dumps(event, indent=1).encode()
        moment = datetime.fromtimestamp(int(datetime.now(UTC).timestamp()) - age, UTC).isoformat()
        webhook_id = "WH-2" if is_forged else self.webhook_id
        headers = {
            "paypal-auth-algo": "SHA256withRSA",
            "paypal-cert-url": "https://api.example/cert",
            "paypal-transmission-id": event["id"],
            "paypal-transmission-time": moment,
            "paypal-transmission-sig": _signature(f"{event['id']}|{moment}|{webhook_id}", body),
        }
        return headers, body


def _value(priced):
    return int(priced["amount"]["value"].replace(".", ""))


def _signature(sent, raw):
    return hmac.new(b"paypal", sent.encode() + raw, hashlib.sha256).hexdigest()
