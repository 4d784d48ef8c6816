"""Similar products: bought by the same users, or with similar descriptions, then popular in the category."""

from collections.abc import Collection, Iterator

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import Pick
from ml.shelves.rules import Reasons


def similar(
    bundle: Bundle,
    catalogue: Catalogue,
    reasons: Reasons,
    item: int,
    limit: int,
    moment: float,
    exclude: Collection[int] = (),
) -> tuple[list[Pick], bool]:
    """The most similar visible products, best first, and whether the category fallback was used.

    Args:
        bundle: has the neighbours.
        catalogue: the current products.
        reasons: how each is explained.
        item: an item index of the catalogue.
        limit: maximum number.
        moment: when, for the special prices; seconds since 1970 UTC.
        exclude: product ids to leave out.
    """
    taken = {item, *(catalogue.index[product_id] for product_id in exclude if product_id in catalogue.index)}
    picks: list[Pick] = []
    for other, score, source, reason in _ranking(bundle, catalogue, reasons, item):
        if len(picks) == limit:
            break
        if other not in taken and catalogue.is_shown[other]:
            taken.add(other)
            product = catalogue.products[other]
            picks.append(Pick(product, product.offer_at(moment), score, source, reason))
    return picks, any(pick.source == "popular" for pick in picks)


def _ranking(
    bundle: Bundle, catalogue: Catalogue, reasons: Reasons, item: int
) -> Iterator[tuple[int, float, str, str]]:
    product, neighbours = catalogue.products[item], bundle.content.neighbours
    if item < neighbours.items.shape[0]:
        ground = "also_bought" if bundle.content.together[item] else "alike_product"
        reason = reasons.text(ground, item=product.name)
        for other, score in zip(neighbours.items[item].tolist(), neighbours.scores[item].tolist(), strict=True):
            if other >= 0:
                yield other, score, "neighbours", reason
    reason = reasons.text("popular_in", category=product.category_name)
    for other in bundle.popular_by_category.get(product.category_id or 0, ()):
        yield other, float(bundle.content.popularity[other]), "popular", reason
