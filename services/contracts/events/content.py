"""What happens to the top page: `content.v1`."""

from typing import Annotated, Literal

from pydantic import Field

from services.contracts.envelope import MAX_INTEGER, Contract, DisplayType, Id, Text
from services.contracts.string_formats import Open


class GenerationSwitched(Contract):
    """GENERATION_ACTIVATED, GENERATION_ROLLED_BACK: which generation is shown now, and which was before."""

    generation: Text
    previous: Text | None = None
    bundle: Text | None = None
    rows: Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class DisplayChanged(Contract):
    """DISPLAY_CHANGED: a merchandiser's row was made, altered or removed."""

    display_id: Id
    change: Literal["CREATED", "UPDATED", "DELETED"]
    display_type: Annotated[DisplayType, Open()]
    product_id: Id | None = None
