"""Who sends a batch, and which actions this sender may send."""

from dataclasses import dataclass
from functools import cached_property
from uuid import NAMESPACE_URL, UUID, uuid5

from services.analytics.bots import is_known_bot
from services.analytics.refusals import Reason, RefusedError
from services.analytics.schemas import Action
from services.analytics.structs import ActionStruct, model_of
from services.common.identity.ownership import is_owner
from services.common.identity.principal import Principal
from services.contracts.events.actions import MAX_AGENT
from services.contracts.registry import EMITTERS

PRODUCER = "analytics"


@dataclass(frozen=True)
class Sender:
    """The sender of a batch, its user agent and Idempotency-Key."""

    principal: Principal
    user_agent: str
    key: str | None = None

    @cached_property
    def is_service(self) -> bool:
        """Whether the batch has a service token, the importer's for example."""
        return self.principal.is_service

    @cached_property
    def agent(self) -> str | None:
        """The user's own user agent; None if a service sends the batch."""
        return None if self.is_service else self.user_agent.replace("\0", "")[:MAX_AGENT] or None

    @cached_property
    def has_bots_agent(self) -> bool:
        """Whether the user's own user agent is a known bot's."""
        return self.agent is not None and is_known_bot(self.agent)

    def event_id(self, index: int, action: Action | ActionStruct) -> UUID | None:
        """The event id of the action at `index`: the same for the same Idempotency-Key, None without a key."""
        if self.key is None:
            return None
        action = action if isinstance(action, Action) else model_of(action)
        caller = self.principal.scope
        return uuid5(NAMESPACE_URL, "\n".join((PRODUCER, caller, self.key, str(index), action.model_dump_json())))


def refuse_unpermitted(sender: Sender, action_type: str, user_id: str) -> None:
    """Let a sender send its own actions only.

    Raises:
        RefusedError: this sender may not send an action of this type, or for this user.
    """
    if sender.is_service:
        return
    if EMITTERS[action_type] != "browser":
        reason = f"{action_type} is emitted by {EMITTERS[action_type]} alone"
        raise RefusedError.of(Reason.FOREIGN_TYPE, "actionType", reason)
    if not is_owner(sender.principal, user_id):
        reason = "must be the token's subject"
        raise RefusedError.of(Reason.FOREIGN_USER, "userId", reason)
