"""Similar products: bought by the same users, or with similar descriptions, then popular in the category."""

from collections.abc import Iterator

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import PageQuery, Pick
from ml.shelves.rules import Reasons


def similar(
    bundle: Bundle,
    catalogue: Catalogue,
    reasons: Reasons,
    item: int,
    query: PageQuery,
    moment: float,
) -> tuple[list[Pick], bool]:
    """The most similar visible products, best first, and whether the category fallback was used.

    Of a parent they are those of its most popular variant. None is a variant of the product's own parent, and no two
    are of one.

    Args:
        bundle: has the neighbours.
        catalogue: the current products.
        reasons: how each is explained.
        item: an item index of the catalogue.
        query: how many, and what to leave out.
        moment: when, for the special prices; seconds since 1970 UTC.
    """
    families = catalogue.families
    taken = {families[item], *catalogue.families_of(query.exclude)}
    picks: list[Pick] = []
    for other, score, source, reason in _ranking(bundle, catalogue, reasons, item):
        if len(picks) == query.limit:
            break
        product = catalogue.products[other]
        if families[other] not in taken and query.admits(product) and catalogue.is_shown[other]:
            taken.add(families[other])
            picks.append(Pick(product, product.offer_at(moment), score, source, reason))
    return picks, any(pick.source == "popular" for pick in picks)


def _ranking(
    bundle: Bundle, catalogue: Catalogue, reasons: Reasons, item: int
) -> Iterator[tuple[int, float, str, str]]:
    item = catalogue.representative(item)
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
