"""PayPal, by its Orders API v2: the payer approves an order, which is then authorised, and captured later.

The official SDK has its addresses hard-coded, and these are six endpoints. What a step has done is not read from its
answer: the order is asked for.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import httpx2
import orjson

from services.common.runtime.http_client import ServiceClient
from services.common.runtime.oauth import ClientCredentials
from services.contracts.money import shown
from services.payment.domain import RefundStatus, Stage, Step
from services.payment.errors import ForgedWebhook, OutcomeUnknownError, RefusedError, understood
from services.payment.provider import LONGEST_CALL, TOLERANCE_SECONDS, Charge, Notice, Outcome, RefundOutcome

STAGES: Final = {
    "order": {"CREATED": "REQUIRES_ACTION", "PAYER_ACTION_REQUIRED": "REQUIRES_ACTION", "APPROVED": "APPROVED"},
    "authorizations": {"CREATED": "AUTHORISED", "DENIED": "DECLINED", "VOIDED": "VOIDED"},
    "captures": {
        **dict.fromkeys(("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"), "CAPTURED"),
        **dict.fromkeys(("DECLINED", "FAILED"), "DECLINED"),
    },
}
"""Our stage by PayPal's status; what is not here, such as a capture that is PENDING, is not known yet."""
REFUNDS: Final = {"PENDING": "PENDING", "COMPLETED": "COMPLETED", "FAILED": "FAILED", "CANCELLED": "FAILED"}
NOT_FOUND, REFUSED = 404, frozenset({400, 422})
SIGNED: Final = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time")
OWN_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Json = Any


class PayPalProvider:
    """Payments by PayPal; `webhook_id` is what PayPal calls the webhook to `/v1/webhooks/paypal`."""

    name = "paypal"

    def __init__(self, url: str, client_id: str, secret: str, webhook_id: str) -> None:
        auth = ClientCredentials(f"{url}/v1/oauth2/token", client_id, secret)
        self._client = ServiceClient("paypal", url, timeout=LONGEST_CALL, auth=auth)
        self._webhook_id = webhook_id

    async def do(self, step: Step, charge: Charge, key: str) -> Outcome:
        """Do a step of the order."""
        with understood("PayPal"):
            if step is Step.CREATE:
                return _outcome(await self._post("/v2/checkout/orders", key, _wish(charge)))
            order = await self._order(charge)
            if order is None and charge.is_authorised:
                raise OutcomeUnknownError("PayPal knows no order that it authorised: keys of another account?")
            authorised = _parts(order, "authorizations")
            is_untouched = step is Step.CANCEL and not authorised  # nothing to void: without us, nothing is taken
            if order is None or is_untouched:
                return Outcome(Stage.VOIDED, charge.external_id)
            if step is Step.ASK:
                return _outcome(order)
            if step is Step.CONFIRM:
                await self._post(f"/v2/checkout/orders/{order['id']}/authorize", key, {})
            else:
                what = ("capture", {"final_capture": True}) if step is Step.CAPTURE else ("void", {})
                await self._post(f"/v2/payments/authorizations/{authorised[-1]['id']}/{what[0]}", key, what[1])
            return _outcome(await self._order(charge))

    async def refund(self, charge: Charge, amount: Decimal, key: str) -> RefundOutcome:
        """Give money back, unless that was done: PayPal forgets a key, but not what a refund is called."""
        with understood("PayPal"):
            order = await self._order(charge)
            found = next((each for each in _parts(order, "refunds") if each.get("invoice_id") == key), None)
            if found is None:
                back = {"amount": _money(amount, charge.currency), "invoice_id": key, "custom_id": charge.id}
                taken = _parts(order, "captures")[-1]["id"]
                found = await self._post(f"/v2/payments/captures/{taken}/refund", key, back)
            return RefundOutcome(RefundStatus(REFUNDS[found["status"]]), found["id"])

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """An event, if PayPal says that it is its own: no certificate is fetched from where the sender says."""
        try:
            event = orjson.loads(body)
            about = event["resource"]
            order = about.get("supplementary_data", {}).get("related_ids", {}).get("order_id", about["id"])
            signed = {name: headers[f"paypal-{name.replace('_', '-')}"] for name in SIGNED}
            age = datetime.now(UTC) - datetime.fromisoformat(signed["transmission_time"])
            custom = str(about.get("custom_id"))  # another system's, if the account has other orders, too
            notice = Notice(str(event["id"]), str(order), UUID(custom) if OWN_ID.fullmatch(custom) else None)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ForgedWebhook("It is no message of PayPal's.") from error
        if abs(age.total_seconds()) > TOLERANCE_SECONDS:
            raise ForgedWebhook("The signature is too old.")
        question = {**signed, "webhook_id": self._webhook_id, "webhook_event": orjson.Fragment(body)}
        with understood("PayPal"):
            try:
                verdict = await self._post("/v1/notifications/verify-webhook-signature", None, question)
            except RefusedError as error:
                raise ForgedWebhook("PayPal does not understand the signature.") from error
            if verdict["verification_status"] != "SUCCESS":
                raise ForgedWebhook("The signature is wrong.")
        return notice

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _order(self, charge: Charge) -> Json:
        """The order; None if PayPal does not know it any more, because it was never approved."""
        answer = await self._client.request("GET", f"/v2/checkout/orders/{charge.external_id}")
        return None if answer.status_code == NOT_FOUND else _read(answer)

    async def _post(self, path: str, key: str | None, body: Mapping[str, Any]) -> Json:
        headers = {"Prefer": "return=representation", "Content-Type": "application/json"}
        headers |= {"PayPal-Request-Id": key} if key else {}
        return _read(await self._client.request("POST", path, headers=headers, content=orjson.dumps(body)))


def _read(answer: httpx2.Response) -> Json:
    """The JSON of an answer; only what PayPal refuses for good is refused."""
    if not answer.is_success and answer.status_code not in REFUSED:
        raise OutcomeUnknownError(f"PayPal answers with status {answer.status_code}")
    found = orjson.loads(answer.content or b"{}")
    if answer.status_code in REFUSED:
        issues = [each["issue"] for each in found.get("details", ())]
        raise RefusedError(f"refused by PayPal: {', '.join(issues) or found['name']}")
    return found


def _wish(charge: Charge) -> dict[str, Any]:
    unit = {"custom_id": charge.id, "amount": _money(charge.amount, charge.currency)}
    order: dict[str, Any] = {"intent": "AUTHORIZE", "purchase_units": [unit]}
    if charge.return_url:
        back = {"return_url": charge.return_url, "cancel_url": charge.return_url, "user_action": "PAY_NOW"}
        order["payment_source"] = {"paypal": {"experience_context": back}}
    return order


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"currency_code": currency, "value": str(shown(amount, currency))}


def _parts(order: Json, kind: str) -> Json:
    return order.get("purchase_units", [{}])[0].get("payments", {}).get(kind, []) if order else []


def _outcome(order: Json) -> Outcome:
    kind = next((kind for kind in ("captures", "authorizations") if _parts(order, kind)), "order")
    status = (order if kind == "order" else _parts(order, kind)[-1])["status"]
    links = {link["rel"]: link["href"] for link in order.get("links", ())}
    stage = Stage(STAGES[kind][status])
    url = links.get("payer-action", links.get("approve")) if stage is Stage.REQUIRES_ACTION else None
    reason = f"refused by PayPal: {status}" if stage is Stage.DECLINED else None
    return Outcome(stage, order["id"], url, reason)
