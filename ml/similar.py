"""Products like one product: what the same shoppers buy, then what else is popular in its category."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal

from ml.bundle import Bundle
from ml.catalogue import Catalogue
from ml.shelves import Pick


def similar(
    bundle: Bundle,
    catalogue: Catalogue,
    item: int,
    moment: float,
    limit: int,
    exclude: Collection[int] = (),
    prices: Mapping[int, Decimal] | None = None,
) -> tuple[list[Pick], bool]:
    """The products most like `item` that can be shown, best first, and whether the category had to help out.

    Args:
        bundle: where the neighbours are.
        catalogue: the products as they are now.
        item: an item index of the catalogue.
        moment: now, in seconds since 1970 UTC.
        limit: at most so many.
        exclude: product ids that are not wanted.
        prices: merchandisers' special prices, true now: product id -> price.
    """
    prices = prices or {}
    taken = {item, *(catalogue.index[product_id] for product_id in exclude if product_id in catalogue.index)}
    picks: list[Pick] = []
    for other, score, source, reason in _ranking(bundle, catalogue, item):
        if len(picks) == limit:
            break
        if other not in taken and catalogue.is_shown[other]:
            taken.add(other)
            product = catalogue.products[other]
            offer = product.offer_at(moment, prices.get(product.product_id))
            picks.append(Pick(product, offer, score, source, reason))
    return picks, any(pick.source == "popular" for pick in picks)


def _ranking(bundle: Bundle, catalogue: Catalogue, item: int) -> Iterator[tuple[int, float, str, str]]:
    product, neighbours = catalogue.products[item], bundle.content.neighbours
    if item < neighbours.items.shape[0]:
        reason = f"Shoppers who buy {product.name} also buy this"
        for other, score in zip(neighbours.items[item].tolist(), neighbours.scores[item].tolist(), strict=True):
            if other >= 0:
                yield other, score, "neighbours", reason
    for other in bundle.popular_by_category.get(product.category_id or 0, ()):
        yield other, float(bundle.content.popularity[other]), "popular", f"Popular in {product.category_name}"
