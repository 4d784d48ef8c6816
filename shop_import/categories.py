"""Categories in the form that catalog requires: paths with all parents, and unique names."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shop_import.wording import unique_names

SEPARATOR = " > "


@dataclass(frozen=True)
class Category:
    """A category of a shop's file."""

    row: int
    category_id: str
    name: str | None
    parent_id: str | None


def code_of(category: Category, by_id: Mapping[str, Category]) -> str | None:
    """Its path from the root; None if it is its own ancestor, or a parent is unknown."""
    parts, seen = [category.category_id], {category.category_id}
    while category.parent_id is not None:
        parent = by_id.get(category.parent_id)
        if parent is None or parent.category_id in seen:
            return None
        parts.append(parent.category_id)
        seen.add(parent.category_id)
        category = parent
    return SEPARATOR.join(reversed(parts))


def tree(codes: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Every path and its ancestors, parents first, each with a unique name.

    Args:
        codes: the paths in use.
        names: the shop's names. Default: the last part of the path.
    """
    used = [code.split(SEPARATOR) for code in codes]
    paths = {SEPARATOR.join(parts[:depth]) for parts in used for depth in range(1, len(parts) + 1)}
    ordered = sorted(paths, key=lambda path: (path.count(SEPARATOR), path))
    words: dict[str, list[str]] = {}
    for path in ordered:
        parent, _, last = path.rpartition(SEPARATOR)
        words[path] = [*words.get(parent, []), names.get(path, last)]
    unique = unique_names(words)
    taken = Counter(unique.values())
    return {path: unique[path] if taken[unique[path]] == 1 else f"{unique[path]} ({path})" for path in ordered}
