"""What happens to the top page: `content.v1`."""

from typing import Annotated, Literal

from pydantic import Field

from services.contracts.envelope import MAX_INTEGER, Contract, DisplayType, Id, Text, Timestamp, Version
from services.contracts.string_formats import Open


class GenerationSwitched(Contract):
    """GENERATION_ACTIVATED, GENERATION_ROLLED_BACK: which generation is shown now, and which was before."""

    generation: Text
    previous: Text | None = None
    bundle: Text | None = None
    rows: Annotated[int, Field(ge=0, le=MAX_INTEGER)]


Change = Literal["CREATED", "UPDATED", "DELETED"]


class _Scheduled(Contract):
    """What merchandisers show from a start until an end; events of before 2026-11-28 do not say when."""

    change: Change
    start_date: Timestamp | None = None
    end_date: Timestamp | None = None
    is_active: bool = True


class DisplayChanged(_Scheduled):
    """DISPLAY_CHANGED: a merchandiser's row was made, altered or removed."""

    display_id: Id
    display_version: Version = 0
    display_type: Annotated[DisplayType, Open()]
    product_id: Id | None = None
    mode: Text | None = None
    campaign_id: Id | None = None


class BannerChanged(_Scheduled):
    """BANNER_CHANGED: a banner was made, altered or removed."""

    banner_id: Id
    banner_version: Version = 0
    placement: Text
    link: Text | None = None
    campaign_id: Id | None = None


class CampaignChanged(_Scheduled):
    """CAMPAIGN_CHANGED: a campaign was made, altered or removed; its banners and displays show within its dates."""

    campaign_id: Id
    campaign_version: Version = 0
    name: Text


class Arm(Contract):
    """An arm of an experiment, which gets its weight's share of the users."""

    name: Text
    weight: Annotated[int, Field(ge=1, le=MAX_INTEGER)]


class ExperimentChanged(_Scheduled):
    """EXPERIMENT_CHANGED: an experiment was made, altered or removed; `experiments.arm_of` divides users."""

    experiment_id: Id
    experiment_version: Version = 0
    name: Text
    arms: list[Arm]
