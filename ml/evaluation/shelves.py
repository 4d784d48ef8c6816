"""Evaluates shelves as users see them: composed as of a cut, compared with the lists of their sources.

They are composed with the purchases before the cut. Stock, prices and offers of that time are not recorded, so
everything is in stock and nothing on offer; browsing is not used, because the demo's is simulated.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import chain, islice, product
from typing import Any, Final

import numpy as np
import polars as pl

from ml import columns as c
from ml.bundle.bundle import Bundle
from ml.bundle.content import ITEMS
from ml.bundle.files import Manifest
from ml.dataset import Dataset
from ml.evaluation.split import Task
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import Rules, Shopper, compose
from ml.shelves.filling import in_turns
from ml.shelves.purchases import DAY
from ml.shelves.rules import LIVE_SOURCES, MADE_OF, DisplayType, ShelfRule
from ml.shelves.session import BUY, LiveState, activity_of
from ml.training.assembly import NEIGHBOURS_FOUND, Lists, assemble

SHELF, KIND, PLACES, USERS, NEXT_BASKET, WINDOW = "shelf", "kind", "places", "users", "next_basket", "window"
SHOWN, LIST, POPULARITY = "shown", "list", "popularity"
"""Which ranking: the shelf's own, its list, or popularity."""
FIRST: Final = (6, 12)
"""The evaluated numbers of places: the visible ones, and the whole shelf."""
KEEPS: Final = 0.9
"""The minimum share of its list's result that a shelf should achieve."""
ORDERS_DAYS: Final = 30
"""A bundle lists the orders of this many days individually."""
SHARES: Final[dict[str, type[pl.DataType]]] = {
    SHELF: pl.String,
    KIND: pl.String,
    PLACES: pl.Int64,
    USERS: pl.Int64,
    NEXT_BASKET: pl.Float64,
    WINDOW: pl.Float64,
}


def measure_shelves(
    task: Task, next_baskets: pl.DataFrame, lists: Mapping[str, Lists], popular_days: float, rules: Rules
) -> pl.DataFrame:
    """The share of the first places that users bought, in the next basket and in the whole window.

    A shelf's list is its sources' lists without products of shelves that chose before it, because a product is on a
    page once. The list and popularity leave out bought products if the shelf does. An empty place counts as not
    bought.

    Args:
        task: `all`: the purchases in the window of all users known at the cut.
        next_baskets: `user_id, product_id`, see `split.next_baskets`.
        lists: by source, of models fitted on the task's history.
        popular_days: popularity counts the baskets of this many last days.
        rules: `shelves.yaml`.

    Returns:
        Columns `SHARES`, a row for each shelf, kind and number of places; without shelves of offers, and shelves that
        no model fills.
    """
    measured = [
        shelf for shelf, rule in rules.shelves.items() if rule.offer is None and any(map(_learnt, rule.sources))
    ]
    rows = _rows(task, as_of(task.history, lists, popular_days, rules), rules) if task.users else []
    schema = {SHELF: pl.String, KIND: pl.String, c.USER: pl.String, c.RANK: pl.Int64, c.ITEM: pl.Int64}
    places = pl.DataFrame(rows, schema=schema, orient="row")
    for name, bought in ((NEXT_BASKET, next_baskets), (WINDOW, task.relevant)):
        places = places.join(bought.with_columns(pl.lit(1.0).alias(name)), on=[c.USER, c.ITEM], how="left")
    shares = []
    for first, shelf, kind in product(FIRST, measured if task.users else [], (SHOWN, LIST, POPULARITY)):
        of = places.filter(pl.col(c.RANK) <= first, pl.col(SHELF) == shelf, pl.col(KIND) == kind)
        of_all = first * len(task.users)
        shares.append((shelf, kind, first, len(task.users), of[NEXT_BASKET].sum() / of_all, of[WINDOW].sum() / of_all))
    return pl.DataFrame(shares, schema=SHARES, orient="row")


def as_of(history: Dataset, lists: Mapping[str, Lists], popular_days: float, rules: Rules) -> Bundle:
    """Serving's state at the cut, as far as it is known: see the module."""
    known = history.items
    unknown = [pl.lit(None, kind).alias(name) for name, kind in ITEMS.items() if name not in known.columns]
    no_offers = [pl.lit(None, kind).alias(name) for name, kind in ITEMS.items() if name.startswith("special_")]
    no_digits = pl.lit(None, ITEMS["currency_digits"]).alias("currency_digits")  # there are no prices to round
    items = known.with_columns(*unknown).with_columns(*no_offers, no_digits, pl.lit(1).alias("stock"))
    about = Manifest(
        created_at=history.cut,
        data_cut=history.cut,
        rules_version=rules.version,
        format_version=0,
        bundle="",
        files={},
    )
    candidates = {source: made.ranked for source, made in lists.items()}
    no_neighbours, no_factors = pl.DataFrame(schema=NEIGHBOURS_FOUND), np.zeros((len(items), 0), dtype=np.float32)
    shown = replace(history, items=items)
    return Bundle(about, assemble(shown, candidates, no_neighbours, no_factors, _orders(history), popular_days))


def as_document(shares: pl.DataFrame) -> dict[str, Any]:
    """The same by shelf, number of places and kind, for JSON."""
    document: dict[str, Any] = {}
    for row in shares.iter_rows(named=True):
        shelf = document.setdefault(row[SHELF], {USERS: row[USERS]})
        shelf.setdefault(f"first_{row[PLACES]}", {})[row[KIND]] = {name: row[name] for name in (NEXT_BASKET, WINDOW)}
    return document


def falls_behind(shares: pl.DataFrame) -> list[str]:
    """The shelves that achieve less than `KEEPS` of their lists' results, anywhere."""
    shown, lists = (shares.filter(pl.col(KIND) == kind) for kind in (SHOWN, LIST))
    both = shown.join(lists, on=[SHELF, PLACES])
    worse = [pl.col(name) < KEEPS * pl.col(f"{name}_right") for name in (NEXT_BASKET, WINDOW)]
    return both.filter(pl.any_horizontal(worse))[SHELF].unique(maintain_order=True).to_list()


def _rows(task: Task, bundle: Bundle, rules: Rules) -> Iterator[tuple[str, str, str, int, int]]:
    catalogue, states = Catalogue(bundle), activity_of(bundle)
    product_ids = bundle.content.items[c.ITEM].to_list()
    for user_id in task.users:
        shopper = Shopper(user_id, states.get(user_id, LiveState()))
        page = {shelf.display_type: shelf for shelf in compose(bundle, catalogue, rules, shopper, task.history.cut)}
        owned = set(bundle.content.history.items[bundle.bought(user_id)].tolist())
        shown = {
            name: [catalogue.index[pick.product.product_id] for pick in shelf.picks] for name, shelf in page.items()
        }
        lists = _lists(bundle, rules, user_id, shown, owned)
        for display_type, rule in rules.shelves.items():
            popular = list(islice(_distinct(bundle.popular, owned if rule.bought == "exclude" else ()), max(FIRST)))
            rankings = {SHOWN: shown[display_type], LIST: lists[display_type], POPULARITY: popular}
            for kind, items in rankings.items():
                for rank, item in enumerate(items, start=1):
                    yield display_type.value, kind, user_id, rank, product_ids[item]


def _lists(
    bundle: Bundle, rules: Rules, user_id: str, shown: Mapping[DisplayType, list[int]], owned: AbstractSet[int]
) -> dict[DisplayType, list[int]]:
    """Each shelf's products if it only followed its lists, without products of the others, in the page's rounds."""
    lists: dict[DisplayType, list[int]] = {name: [] for name in rules.shelves}
    rankings = {
        name: _distinct(_list(bundle, rule, user_id), owned if rule.bought == "exclude" else ())
        for name, rule in rules.shelves.items()
    }
    standing: dict[int, DisplayType] = {}
    for places in rules.turns(rules.limit):
        for name, chosen in lists.items():
            free = (item for item in rankings[name] if standing.get(item, name) == name)
            chosen.extend(islice(free, places - len(chosen)))
            standing |= dict.fromkeys(shown[name][:places], name)
    return lists


def _list(bundle: Bundle, rule: ShelfRule, user_id: str) -> Iterator[int]:
    """The lists of the shelf's sources: one list of a source after the other, the sources alternating."""
    sources = [
        chain.from_iterable(bundle.candidates(name, user_id)[0].tolist() for name in names)
        for names in map(_learnt, rule.sources)
    ]
    return in_turns(sources)


def _learnt(source: str) -> list[str]:
    """The candidate lists of a source; none if it uses no model."""
    return [name for name in MADE_OF.get(source, (source,)) if name not in LIVE_SOURCES]


def _distinct(ranking: Iterable[int], without: Collection[int]) -> Iterator[int]:
    seen = set(without)
    return (item for item in ranking if not (item in seen or seen.add(item)))  # type: ignore[func-returns-value]


def _orders(history: Dataset) -> pl.DataFrame:
    """The purchases of the last days before the cut, in the form of a bundle's activity."""
    lately = history.age <= ORDERS_DAYS
    microseconds = pl.Series((history.age[lately] * DAY * 1e6).astype(np.int64)).cast(pl.Duration("us"))
    return pl.DataFrame(
        {
            c.USER: pl.Series(history.users[history.user[lately]], dtype=pl.String),
            c.ITEM: history.item_ids[history.item[lately]],
            c.ORDER: history.order[lately],
            "occurred_at": history.cut - microseconds,
        }
    ).with_columns(pl.lit(BUY).alias("kind"), pl.lit(1, pl.Int64).alias("quantity"))
