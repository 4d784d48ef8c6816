"""Stripe, by its official SDK: cards, and the wallets that hold cards. A payment is a PaymentIntent, captured manually.

It is created unconfirmed, so that its id is known before anything happens to money. Cards are entered in Stripe's own
fields in the browser: we get the id of a payment method.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

from stripe import CardError, HTTPClient, InvalidRequestError, PaymentIntent, RequestOptions, StripeClient, StripeError

from services.common.runtime.http_client import ServiceClient
from services.contracts.money import digits_of
from services.payment.domain import RefundStatus, Stage, Step
from services.payment.errors import ForgedWebhook, OutcomeUnknownError, RefusedError, understood
from services.payment.provider import LONGEST_CALL, TOLERANCE_SECONDS, Charge, Notice, Outcome, RefundOutcome

OWN_DIGITS: Final = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe's smallest unit is not that of ISO 4217 (docs.stripe.com/currencies)."""
STAGES: Final = {
    "requires_payment_method": Stage.CREATED,
    "requires_confirmation": Stage.CREATED,
    "requires_action": Stage.REQUIRES_ACTION,
    "requires_capture": Stage.AUTHORISED,
    "succeeded": Stage.CAPTURED,
    "canceled": Stage.VOIDED,
}
"""What is not here, such as `processing`, is not known yet."""
REFUNDS: Final = {
    **dict.fromkeys(("pending", "requires_action"), RefundStatus.PENDING),
    **dict.fromkeys(("failed", "canceled"), RefundStatus.FAILED),
    "succeeded": RefundStatus.COMPLETED,
}
REFUSED: Final = frozenset({400, 402})


class StripeProvider:
    """Payments by card; `webhook_secret` is that of the endpoint `/v1/webhooks/stripe`."""

    name = "stripe"

    def __init__(self, url: str, api_key: str, webhook_secret: str) -> None:
        self._http = _Http(url)
        self._client = StripeClient(api_key, base_addresses={"api": url}, http_client=self._http, max_network_retries=0)
        self._webhook_secret = webhook_secret

    async def do(self, step: Step, charge: Charge, key: str) -> Outcome:
        """Do a step of the PaymentIntent."""
        intents, known = self._client.v1.payment_intents, charge.external_id or ""
        options: RequestOptions = {"idempotency_key": key}
        with _answers():
            if step is Step.CREATE:
                found = await intents.create_async(_wish(charge), options)
            elif step is Step.CONFIRM:
                url = charge.return_url
                found = await intents.confirm_async(known, {"return_url": url} if url else {}, options)
            elif step is Step.CAPTURE:
                found = await intents.capture_async(known, {}, options)
            elif step is Step.CANCEL:
                found = await intents.cancel_async(known, {}, options)
            else:
                found = await intents.retrieve_async(known)
            return _outcome(found)

    async def refund(self, charge: Charge, amount: Decimal, key: str) -> RefundOutcome:
        """Give money back, unless that was done: Stripe forgets a key after a day, but not what a refund is called."""
        refunds, of_it = self._client.v1.refunds, charge.external_id or ""
        with _answers():
            made = await refunds.list_async({"payment_intent": of_it, "limit": 100})
            found = next((each for each in made.data if getattr(each.metadata, "refund", None) == key), None)
            if found is None:
                found = await refunds.create_async(
                    {"payment_intent": of_it, "amount": _units(amount, charge.currency), "metadata": {"refund": key}},
                    {"idempotency_key": key},
                )
            return RefundOutcome(REFUNDS[found.status or ""], found.id, getattr(found, "failure_reason", None))

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """An event of a PaymentIntent, or of what belongs to one."""
        signature = headers.get("stripe-signature")
        try:
            event = self._client.construct_event(body, signature, self._webhook_secret, TOLERANCE_SECONDS)
            about = event.data.object
            is_payment = about["object"] == "payment_intent"
            return Notice(event.id, about["id"] if is_payment else getattr(about, "payment_intent", None) or "")
        except (StripeError, AttributeError, LookupError, ValueError) as error:
            raise ForgedWebhook("The signature is wrong, or too old.") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()


class _Http(HTTPClient):
    """The SDK's transport: our client, with its deadline and circuit breaker."""

    name = "httpx2"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._service = ServiceClient("stripe", url, timeout=LONGEST_CALL)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        answer = await self._service.request(method.upper(), url, headers=headers, content=post_data)
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        await self._service.close()


@contextmanager
def _answers() -> Iterator[None]:
    """Only what Stripe refuses for good is refused: everything else is unknown."""
    try:
        with understood("Stripe"):
            yield
    except StripeError as error:
        if isinstance(error, CardError | InvalidRequestError) and error.http_status in REFUSED:
            raise RefusedError(_reason(error.error)) from error
        raise OutcomeUnknownError(f"Stripe gives no answer: {type(error).__name__} {error.http_status}") from error


def _wish(charge: Charge) -> Any:  # noqa: ANN401 - the SDK's parameters
    made = {
        "amount": _units(charge.amount, charge.currency),
        "currency": charge.currency.lower(),
        "capture_method": "manual",
        "payment_method_types": ["card"],
        "metadata": {"payment_id": charge.id, "order_id": str(charge.order_id)},
    }
    return {**made, "payment_method": charge.token} if charge.token else made


def _units(amount: Decimal, currency: str) -> int:
    units = amount.scaleb(OWN_DIGITS.get(currency, digits_of(currency)))
    if units != int(units):
        raise RefusedError(f"Stripe takes no such amount in {currency}")
    return int(units)


def _outcome(intent: PaymentIntent) -> Outcome:
    stage, failure = STAGES[intent.status], intent.last_payment_error
    redirect = intent.next_action and getattr(intent.next_action, "redirect_to_url", None)
    if stage is Stage.CREATED and failure is not None:
        return Outcome(Stage.DECLINED, intent.id, failure_reason=_reason(failure), intent_id=intent.id)
    return Outcome(stage, intent.id, action_url=redirect.url if redirect else None, intent_id=intent.id)


def _reason(failure: object) -> str:
    code = getattr(failure, "decline_code", None) or getattr(failure, "code", None)
    return f"refused by Stripe: {code or 'it gives no reason'}"
