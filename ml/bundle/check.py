"""Whether a bundle may be served: each refusal is a class with a stable reason, used by the gate and by serving."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ml.bundle.content import ACTIVITY, ITEMS, USERS, BundleContent, Float32, Ranked, to_files

_ROUNDING = 1e-3
_MANY = 30
"""With fewer users, all lists may have the same scores by chance."""


class BundleError(ValueError):
    """A bundle that must not be served; `reason` is stable, the message has the details."""

    reason: ClassVar[str] = "BAD_BUNDLE"


class MissingFileError(BundleError):
    """The manifest or a file that it names is missing."""

    reason = "MISSING_FILE"


class BadManifestError(BundleError):
    """The manifest is not JSON or does not match its model."""

    reason = "BAD_MANIFEST"


class UnknownVersionError(BundleError):
    """The format version is unknown to this release."""

    reason = "UNKNOWN_VERSION"


class BrokenHashError(BundleError):
    """A file differs from the one that was written."""

    reason = "BROKEN_HASH"


class BadShapeError(BundleError):
    """An array or frame has a shape, type or range that the format does not allow."""

    reason = "BAD_SHAPE"


class NotFiniteError(BundleError):
    """A score is NaN or infinite."""

    reason = "NOT_FINITE"


class EmptyBundleError(BundleError):
    """There is nothing to recommend."""

    reason = "EMPTY"


class MissingSourceError(BundleError):
    """The shelf rules use candidate lists that the bundle does not contain."""

    reason = "MISSING_SOURCE"


class UnwritableError(BundleError):
    """The disk refused the write, most likely because it is full; no files remain."""

    reason = "UNWRITABLE"


def check(content: BundleContent, sources: Iterable[str] = (), *, is_popularity: bool = False) -> None:
    """Refuse content that must not be served.

    Args:
        content: to be written, or just read.
        sources: required candidate lists (`Rules.candidate_sources()`).
        is_popularity: whether its lists come from popularity alone, where all scores may be equal.

    Raises:
        BundleError: the subclass is the kind of fault.
    """
    _check_frames(content)
    users, items = content.users.height, content.items.height
    if not users or not items or not content.candidates:
        raise EmptyBundleError(f"{users} users, {items} items, {len(content.candidates)} candidate lists")
    if absent := sorted(set(sources) - set(content.candidates)):
        raise MissingSourceError(f"no candidates for {', '.join(absent)}")
    for name, part in to_files(content).items():
        if isinstance(part, np.ndarray) and np.issubdtype(part.dtype, np.floating) and not np.isfinite(part).all():
            raise NotFiniteError(f"{name} holds NaN or infinity")
    _check_lists(content, is_popularity=is_popularity)
    _expect("together", content.together, np.bool_, (items,))
    _expect("factors", content.factors, np.float32, (items, *content.factors.shape[1:2]))
    if (np.linalg.norm(content.factors, axis=1) > 1 + _ROUNDING).any():
        raise BadShapeError("factors have rows longer than 1")
    _expect("popularity", content.popularity, np.float32, (items,))
    if not content.popularity.any():
        raise EmptyBundleError("no item is popular")
    _check_history(content, users, items)


def _check_frames(content: BundleContent) -> None:
    for name, frame, columns in (
        ("users", content.users, USERS),
        ("items", content.items, ITEMS),
        ("activity", content.activity, ACTIVITY),
    ):
        if absent := [column for column in columns if column not in frame.columns]:
            raise BadShapeError(f"{name} lacks {', '.join(absent)}")
    if content.users["user_id"].n_unique() != content.users.height:
        raise BadShapeError("users repeat an id")
    if content.items["product_id"].n_unique() != content.items.height:
        raise BadShapeError("items repeat an id")
    for column in ("product_id", "name", "price", "currency", "is_active", "is_recommendable", "stock"):
        if content.items[column].null_count():
            raise BadShapeError(f"items have no {column} in some rows")


def _check_lists(content: BundleContent, *, is_popularity: bool) -> None:
    users, items = content.users.height, content.items.height
    _check_ranked("neighbours", content.neighbours, items, items)
    for source, ranked in content.candidates.items():
        _check_ranked(f"candidates.{source}", ranked, users, items)
        if not (ranked.items >= 0).any():
            _check_all_is_bought(source, content)
        elif users >= _MANY and not is_popularity:
            _check_scores_differ(source, ranked, content.popularity)


def _check_ranked(name: str, ranked: Ranked, rows: int, items: int) -> None:
    _expect(f"{name}.items", ranked.items, np.int32, (rows, *ranked.items.shape[1:2]))
    _expect(f"{name}.scores", ranked.scores, np.float32, ranked.items.shape)
    _expect_range(f"{name}.items", ranked.items, -1, items)
    is_item = ranked.items >= 0
    if (is_item[:, 1:] > is_item[:, :-1]).any():
        raise BadShapeError(f"{name} have an item behind the end of a list")
    if ((ranked.scores[:, 1:] > ranked.scores[:, :-1]) & is_item[:, 1:]).any():
        raise BadShapeError(f"{name} do not go from the best to the worst score")
    ordered = np.sort(ranked.items, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        raise BadShapeError(f"{name} repeat an item within a row")


def _check_scores_differ(source: str, ranked: Ranked, popularity: Float32) -> None:
    """Equal scores for all items and users mean that a model collapsed, unless all items are alike."""
    is_item = ranked.items >= 0
    scores, sold = ranked.scores[is_item], popularity[ranked.items[is_item]]
    if scores.min() == scores.max() and sold.min() < sold.max():
        raise BadShapeError(f"candidates of {source} have one and the same score for every user")


def _check_history(content: BundleContent, users: int, items: int) -> None:
    history, entries = content.history, content.history.items.shape[0]
    _expect("history.indptr", history.indptr, np.int64, (users + 1,))
    if history.indptr[0] != 0 or history.indptr[-1] != entries or (np.diff(history.indptr) < 0).any():
        raise BadShapeError("history.indptr does not divide the entries")
    _expect("history.items", history.items, np.int32, (entries,))
    _expect("history.counts", history.counts, np.int32, (entries,))
    _expect("history.last_bought", history.last_bought, np.int64, (entries,))
    _expect("history.interval_days", history.interval_days, np.float32, (entries,))
    _expect_range("history.items", history.items, 0, items)
    falls = np.flatnonzero(np.diff(history.items) <= 0) + 1
    if not np.isin(falls, history.indptr).all():
        raise BadShapeError("history.items do not ascend within a user")


def _check_all_is_bought(source: str, content: BundleContent) -> None:
    """Lists of new items may be empty only if every user has bought everything."""
    history = content.history
    on_sale = (content.items["is_active"] & content.items["is_recommendable"]).to_numpy()
    owners = np.bincount(history.items, minlength=on_sale.size)
    if not on_sale.any() or (owners[on_sale] < content.users.height).any():
        raise EmptyBundleError(f"candidates of {source} are empty for every user")


def _expect(name: str, array: npt.NDArray[np.generic], dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise BadShapeError(f"{name} is {array.dtype}{list(array.shape)}, not {np.dtype(dtype)}{list(shape)}")


def _expect_range(name: str, array: npt.NDArray[np.integer], low: int, high: int) -> None:
    if array.size and (array.min() < low or array.max() >= high):
        raise BadShapeError(f"{name} points outside [{low}, {high})")
