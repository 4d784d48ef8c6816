"""The topic and the payload of every event type, and the only emitter of each action."""

from dataclasses import dataclass

import msgspec
from pydantic import ValidationError

from services.contracts.envelope import Contract, Envelope, Event
from services.contracts.events import actions, cart, catalog, content, dead_letters, feedback, identity, order, payment
from services.contracts.events.actions import ActionType


@dataclass(frozen=True)
class EventType:
    """One kind of event: its topic and its payload."""

    name: str
    topic: str
    payload: type[Contract]

    @property
    def version(self) -> int:
        """The newest schema version of the payload."""
        return self.payload.version


UNKNOWN_TYPE = "UNKNOWN_TYPE"
"""The reason of a refusal: this release knows no event of that type on the topic."""


class ContractError(ValueError):
    """A message that violates the contract; `reason` is a short stable code, the text says what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


_TOPICS: dict[str, dict[str, type[Contract]]] = {
    "auth.v1": {
        "USER_REGISTERED": identity.UserRegistered,
        "USER_AUTHENTICATED": identity.UserAuthenticated,
        "USER_EMAIL_CONFIRMED": identity.UserEmailConfirmed,
        "USER_DISABLED": identity.UserStatusChanged,
        "USER_ENABLED": identity.UserStatusChanged,
        "USER_DELETED": identity.UserDeleted,
        "USER_ROLES_CHANGED": identity.UserRolesChanged,
        "SESSIONS_REVOKED": identity.SessionsRevoked,
    },
    "profile.v1": {
        "USER_PROFILE_CREATED": identity.UserProfileCreated,
        "USER_PROFILE_UPDATED": identity.UserProfileUpdated,
        "USER_EMAIL_CHANGED": identity.UserEmailChanged,
    },
    "erasures.v1": {"USER_DATA_ERASED": identity.UserDataErased},
    "catalog.v1": {
        "PRODUCT_CREATED": catalog.ProductSnapshot,
        "PRODUCT_UPDATED": catalog.ProductSnapshot,
        "PRODUCT_DELETED": catalog.ProductDeleted,
        "STOCK_CHANGED": catalog.StockChanged,
        "SPECIAL_PRICE_SET": catalog.SpecialPriceSet,
        "SPECIAL_PRICE_ENDED": catalog.SpecialPriceEnded,
        "REVIEW_UPDATED": catalog.ReviewSnapshot,
        "REVIEW_DELETED": catalog.ReviewDeleted,
        "CATEGORY_CREATED": catalog.CategorySnapshot,
        "CATEGORY_UPDATED": catalog.CategorySnapshot,
        "CATEGORY_DELETED": catalog.CategoryDeleted,
    },
    "cart.v1": {
        "CART_ITEM_ADDED": cart.CartItemChanged,
        "CART_ITEM_CHANGED": cart.CartItemChanged,
        "CART_ITEM_REMOVED": cart.CartItemChanged,
        "CART_MERGED": cart.CartMerged,
    },
    "order.v1": {
        "ORDER_CREATED": order.OrderSnapshot,
        "ORDER_COMPLETED": order.OrderSnapshot,
        "ORDER_CANCELLED": order.OrderCancelled,
        "RETURN_REQUESTED": order.ReturnSnapshot,
        "RETURN_COMPLETED": order.ReturnSnapshot,
    },
    "payment.v1": {
        "PAYMENT_AUTHORIZED": payment.PaymentAuthorized,
        "PAYMENT_COMPLETED": payment.PaymentSettled,
        "PAYMENT_FAILED": payment.PaymentSettled,
        "REFUND_COMPLETED": payment.RefundCompleted,
    },
    "content.v1": {
        "GENERATION_ACTIVATED": content.GenerationSwitched,
        "GENERATION_ROLLED_BACK": content.GenerationSwitched,
        "DISPLAY_CHANGED": content.DisplayChanged,
        "BANNER_CHANGED": content.BannerChanged,
        "CAMPAIGN_CHANGED": content.CampaignChanged,
        "EXPERIMENT_CHANGED": content.ExperimentChanged,
    },
    "user-actions.v1": {
        "PRODUCT_VIEWED": actions.ProductViewed,
        "CART_ADD": actions.ProductAction,
        "CART_REMOVE": actions.ProductAction,
        "CART_UPDATE": actions.ProductAction,
        "CART_READD": actions.ProductAction,
        "ORDER_COMPLETE": actions.OrderAction,
        "ORDER_CANCEL": actions.OrderAction,
        "ORDER_RETURN_REQUEST": actions.OrderAction,
        "ORDER_RETURN_COMPLETE": actions.OrderAction,
        "SEARCH_BY_KEYWORD": actions.KeywordSearch,
        "SEARCH_BY_CATEGORY": actions.CategorySearch,
        "REVIEW_START": actions.ProductAction,
        "REVIEW_SUBMIT": actions.ProductAction,
        "USER_REGISTER_START": actions.UserAction,
        "USER_REGISTER_COMPLETE": actions.UserAction,
        "USER_UPDATE": actions.UserAction,
        "USER_LOGIN": actions.UserAction,
        "USER_LOGOUT": actions.UserAction,
        "USER_DELETE": actions.UserAction,
    },
    "recommendation-feedback.v1": {
        "RECOMMENDATION_SHOWN": feedback.RecommendationShown,
        "RECOMMENDATION_CLICKED": feedback.RecommendationClicked,
    },
    "dead-letters.v1": {"DEAD_LETTER": dead_letters.DeadLetter},
}

EVENTS: dict[str, EventType] = {
    name: EventType(name, topic, payload) for topic, payloads in _TOPICS.items() for name, payload in payloads.items()
}

EMITTERS: dict[str, str] = {
    "PRODUCT_VIEWED": "browser",
    ActionType.SEARCH_BY_KEYWORD: "browser",
    ActionType.SEARCH_BY_CATEGORY: "browser",
    ActionType.REVIEW_START: "browser",
    ActionType.REVIEW_SUBMIT: "catalog",
    ActionType.USER_REGISTER_START: "browser",
    ActionType.CART_ADD: "cart",
    ActionType.CART_REMOVE: "cart",
    ActionType.CART_UPDATE: "cart",
    ActionType.CART_READD: "cart",
    ActionType.ORDER_COMPLETE: "order",
    ActionType.ORDER_CANCEL: "order",
    ActionType.ORDER_RETURN_REQUEST: "order",
    ActionType.ORDER_RETURN_COMPLETE: "order",
    ActionType.USER_REGISTER_COMPLETE: "auth",
    ActionType.USER_LOGIN: "auth",
    ActionType.USER_LOGOUT: "auth",
    ActionType.USER_DELETE: "auth",
    ActionType.USER_UPDATE: "profile",
}
"""The only emitter of each action; the collector refuses other actions of browsers, a service token may send any."""


class MessageHead(msgspec.Struct, rename="camel"):
    """The event type, which selects the model, and the payload's text as it was sent."""

    event_type: str
    data: msgspec.Raw


read_head = msgspec.json.Decoder(MessageHead).decode


def parse(topic: str, value: bytes) -> tuple[Envelope, Contract]:
    """Decode a message of `topic`.

    Raises:
        ContractError: no JSON, a bad envelope, an unknown type or version, or a payload that violates its model.
    """
    try:
        event = Event.model_validate_json(value, by_name=False)
    except ValidationError as error:
        reason = "NOT_JSON" if error.errors(include_url=False)[0]["type"] == "json_invalid" else "BAD_ENVELOPE"
        raise ContractError(reason, describe(error)) from error
    kind = event_type_on(topic, event.event_type)
    _check_version(event)
    return event, read_payload(kind, value)


def read_payload(kind: EventType, value: bytes) -> Contract:
    """The payload of a message whose envelope has been read.

    Raises:
        ContractError: it violates its model.
    """
    try:
        data = bytes(read_head(value).data)  # as it was sent, so that JSON's rules apply and not Python's
    except msgspec.MsgspecError as error:
        raise ContractError("NOT_JSON", "the message contains values that are not JSON, such as NaN") from error
    try:
        return kind.payload.model_validate_json(data, by_name=False)
    except ValidationError as error:
        raise ContractError("BAD_PAYLOAD", describe(error)) from error


def _check_version(envelope: Envelope) -> None:
    name, version = envelope.event_type, EVENTS[envelope.event_type].version
    if envelope.schema_version > version:
        raise ContractError("UNKNOWN_VERSION", f"{name} has version {version}, not {envelope.schema_version}")


def event_type_on(topic: str, name: str) -> EventType:
    """The event type of that name on `topic`.

    Raises:
        ContractError: there is none, or it belongs to another topic.
    """
    kind = EVENTS.get(name)
    if kind is None or kind.topic != topic:
        raise ContractError(UNKNOWN_TYPE, f"{topic} carries no {name}")
    return kind


def describe(error: ValidationError) -> str:
    """The first faults of a validation error as `field: message`, without values, which may be personal data."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)[:5]
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'message'}: {fault['msg']}" for fault in faults)
