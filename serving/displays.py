"""Merchandisers' rows as content says them: what serving reads of its answer, and the rows by shelf and product."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from services.contracts.envelope import MAX_ID
from services.contracts.experiments import arm_of

MANUAL: Final = "manual"
Item = Mapping[str, Any]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Number = Annotated[float, Field(allow_inf_nan=False)]
PriceText = Annotated[str, Field(pattern=r"^[0-9]{1,12}([.][0-9]{1,3})?$")]


class PassedOn(TypedDict, total=False):
    """Fields of a product on a shelf that serving shows as content says them."""

    sku: str | None
    productName: str | None
    productPrice: PriceText | None
    currency: str | None
    rating: Number | None
    image: str | None
    categoryId: Id | None
    categoryCode: str | None
    categoryName: str | None
    rank: Id
    score: Number | None
    displayId: Id | None


class SaidItem(PassedOn):
    """A product on a shelf, with the fields that serving needs itself."""

    productId: Id | None
    source: str
    reason: str | None
    specialPrice: PriceText | None


class _Said(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class SaidShelf(_Said):
    """A shelf."""

    display_type: str
    items: list[SaidItem]


class SaidArm(_Said):
    """An arm of an experiment."""

    name: str
    weight: Annotated[int, Field(ge=1)]


class SaidExperiment(_Said):
    """The experiment that runs."""

    name: str
    arms: Annotated[list[SaidArm], Field(min_length=1)]

    def arm_of(self, user_id: str) -> str:
        """The arm of a user or visitor."""
        return arm_of(self.name, [(arm.name, arm.weight) for arm in self.arms], user_id)


class SaidDisplays(_Said):
    """All that content says."""

    generation: str | None
    shelves: list[SaidShelf]
    hidden: list[Id]
    experiment: SaidExperiment | None = None


class SaidPlan(SaidDisplays):
    """What content says of a time: also what hides products, and which banners and campaigns are on."""

    hidden_by: list[dict[str, Any]]
    banners: list[dict[str, Any]]
    campaigns: list[dict[str, Any]]


@dataclass(frozen=True)
class Displays:
    """Content's rows for one user or for everyone.

    Attributes:
        generation: the active generation.
        pinned: merchandisers' products by shelf.
        filling: the active generation's products by shelf.
        hidden: product ids that merchandisers hide everywhere.
        experiment: the one that runs.
    """

    generation: str | None = None
    pinned: Mapping[str, list[Item]] = field(default_factory=dict)
    filling: Mapping[str, list[Item]] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    experiment: SaidExperiment | None = None

    @classmethod
    def of(cls, said: SaidDisplays) -> "Displays":
        """Content's response by shelf and product."""
        shelves = {shelf.display_type: shelf.items for shelf in said.shelves}
        return cls(
            said.generation,
            {name: [item for item in items if item["source"] == MANUAL] for name, items in shelves.items()},
            {name: [item for item in items if item["source"] != MANUAL] for name, items in shelves.items()},
            frozenset(said.hidden),
            said.experiment,
        )

    def pins(self, display_types: Iterable[str]) -> dict[str, list[Item]]:
        """The merchandisers' products by shelf, each product once."""
        taken = set(self.hidden)
        pins: dict[str, list[Item]] = {}
        for display_type in display_types:
            fresh = [item for item in self.pinned.get(display_type, ()) if item["productId"] not in taken]
            pins[display_type] = fresh
            taken.update(item["productId"] for item in fresh)
        return pins

    def lasting(self) -> "Displays":
        """What stays valid while content is silent: no special prices of pins, no experiment, whose end is unknown."""
        pinned: dict[str, list[Item]] = {
            name: [{**item, "specialPrice": None} for item in items] for name, items in self.pinned.items()
        }
        return replace(self, pinned=pinned, experiment=None)
