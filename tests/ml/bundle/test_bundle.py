import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace as replace_struct

from ml.bundle.bundle import Bundle, BundleContent, Champion, check, write
from ml.bundle.check import (
    BadManifestError,
    BadShapeError,
    BrokenHashError,
    EmptyBundleError,
    MissingFileError,
    MissingSourceError,
    NotFiniteError,
    UnknownVersionError,
    UnwritableError,
)
from ml.bundle.content import ITEMS, Ranked, to_files
from ml.bundle.files import FORMAT_VERSION
from ml.shelves.catalogue import Catalogue
from tests.disks import fill, small_disk
from tests.ml.tiny_bundle import BUYER, NEWCOMER, about, content


def test_what_was_written_is_what_is_opened(tmp_path):
    manifest = write(tmp_path / "b1", content(), about())

    opened = Bundle.open(tmp_path / "b1")

    assert opened.manifest == manifest
    assert opened.manifest.bundle == "b1"
    for name, part in to_files(content()).items():
        other = to_files(opened.content)[name]
        assert part.equals(other) if isinstance(part, pl.DataFrame) else np.array_equal(part, other), name


def test_opened_arrays_cannot_be_written_to(tmp_path):
    write(tmp_path / "b1", content(), about())

    with pytest.raises(ValueError, match="read-only"):
        Bundle.open(tmp_path / "b1").content.popularity[0] = 1


def test_nothing_in_a_bundle_is_a_pickle(tmp_path):
    write(tmp_path / "b1", content(), about())

    assert {path.suffix for path in (tmp_path / "b1").iterdir()} == {".npy", ".arrow", ".json"}


def test_a_bundle_is_never_written_over(tmp_path):
    write(tmp_path / "b1", content(), about())

    with pytest.raises(FileExistsError):
        write(tmp_path / "b1", content(), about())


def test_a_refused_bundle_leaves_nothing_behind(tmp_path):
    with pytest.raises(NotFiniteError):
        write(tmp_path / "b1", _with_nan(), about())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.repeated
@pytest.mark.parametrize("room_kb", [0, 8, 40])
def test_a_bundle_for_which_there_is_no_room_is_refused_by_name_and_leaves_nothing_behind(tmp_path, room_kb):
    with small_disk(tmp_path / "disk", 1) as disk:
        ballast = fill(disk, leaving_kb=room_kb)
        with pytest.raises(UnwritableError, match="No space left on device"):
            write(disk / "b1", content(), about())
        assert list(disk.iterdir()) == [ballast]
        ballast.unlink()
        write(disk / "b1", content(), about())
        assert Bundle.open(disk / "b1").manifest.bundle == "b1"


@pytest.mark.repeated
def test_a_champion_for_which_there_is_no_room_stays_as_it_was_and_leaves_nothing_behind(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        Champion(bundle="before").put(disk)
        fill(disk, leaving_kb=0)
        files = set(disk.iterdir())
        with pytest.raises(OSError, match="No space left on device"):
            Champion(bundle="after").put(disk)
        assert set(disk.iterdir()) == files
        assert Champion.read(disk) == Champion(bundle="before")


def test_a_changed_file_is_refused_by_its_hash(tmp_path):
    write(tmp_path / "b1", content(), about())
    data = bytearray((tmp_path / "b1" / "popularity.npy").read_bytes())
    data[-1] ^= 1
    (tmp_path / "b1" / "popularity.npy").write_bytes(data)

    with pytest.raises(BrokenHashError, match="popularity"):
        Bundle.open(tmp_path / "b1")


def test_a_missing_file_is_refused(tmp_path):
    write(tmp_path / "b1", content(), about())
    (tmp_path / "b1" / "factors.npy").unlink()

    with pytest.raises(MissingFileError, match="factors"):
        Bundle.open(tmp_path / "b1")


def test_a_missing_bundle_is_refused(tmp_path):
    with pytest.raises(MissingFileError):
        Bundle.open(tmp_path / "b2")


def test_an_unknown_version_is_refused(tmp_path):
    write(tmp_path / "b1", content(), about())
    manifest = json.loads((tmp_path / "b1" / "manifest.json").read_text())
    (tmp_path / "b1" / "manifest.json").write_text(json.dumps(manifest | {"formatVersion": FORMAT_VERSION + 1}))

    with pytest.raises(UnknownVersionError):
        Bundle.open(tmp_path / "b1")


@pytest.mark.parametrize("text", ["", "[]", "{}", f'{{"formatVersion": {FORMAT_VERSION}}}'])
def test_a_manifest_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(BadManifestError):
        Bundle.open(tmp_path)


def test_a_manifest_that_names_too_few_files_is_refused(tmp_path):
    write(tmp_path / "b1", content(), about())
    manifest = json.loads((tmp_path / "b1" / "manifest.json").read_text())
    del manifest["files"]["history.items.npy"]
    (tmp_path / "b1" / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(MissingFileError, match=r"history\.items"):
        Bundle.open(tmp_path / "b1")


def test_a_bundle_without_the_source_that_a_shelf_draws_on_is_refused(tmp_path):
    write(tmp_path / "b1", content(), about())

    with pytest.raises(MissingSourceError, match="trending"):
        Bundle.open(tmp_path / "b1", sources=["discover", "trending"])


def test_a_score_that_is_nan_is_refused():
    with pytest.raises(NotFiniteError, match="discover"):
        check(_with_nan())


def _with_nan() -> BundleContent:
    whole = content()
    scores = whole.candidates["discover"].scores.copy()
    scores[0, 0] = np.nan
    return replace(
        whole, candidates={**whole.candidates, "discover": Ranked(whole.candidates["discover"].items, scores)}
    )


def _without_candidates(whole: BundleContent) -> BundleContent:
    nothing = Ranked(np.full((2, 3), -1, dtype=np.int32), np.zeros((2, 3), dtype=np.float32))
    return replace(whole, candidates={**whole.candidates, "discover": nothing})


EMPTIES = {
    "no users": lambda whole: replace(whole, users=whole.users.clear()),
    "no items": lambda whole: replace(whole, items=whole.items.clear()),
    "no lists": lambda whole: replace(whole, candidates={}),
    "only empty lists": _without_candidates,
    "no popular item": lambda whole: replace(whole, popularity=np.zeros(8, dtype=np.float32)),
}


@pytest.mark.parametrize("empty", EMPTIES.values(), ids=EMPTIES)
def test_a_bundle_with_nothing_to_recommend_is_refused(empty):
    with pytest.raises(EmptyBundleError):
        check(empty(content()))


def _ranked(items: list[list[int]]) -> Ranked:
    return Ranked(np.array(items, dtype=np.int32), np.ones((len(items), len(items[0])), dtype=np.float32))


MISSHAPEN = {
    "float64 popularity": lambda whole: replace(whole, popularity=whole.popularity.astype(np.float64)),
    "popularity of other items": lambda whole: replace(whole, popularity=whole.popularity[:3]),
    "a user too few": lambda whole: replace(whole, candidates={"discover": _ranked([[1, 2]])}),
    "an item that does not exist": lambda whole: replace(whole, candidates={"discover": _ranked([[1], [8]])}),
    "an item twice": lambda whole: replace(whole, candidates={"discover": _ranked([[1, 1], [0, 1]])}),
    "an item behind the end of a list": lambda whole: replace(
        whole, candidates={"discover": _ranked([[1, -1, 2], [0, 1, -1]])}
    ),
    "scores that ascend": lambda whole: replace(
        whole, candidates={"discover": replace(_ranked([[1, 2], [0, 1]]), scores=np.float32([[1, 2], [2, 1]]))}
    ),
    "a product twice": lambda whole: replace(whole, items=whole.items.with_columns(product_id=pl.lit(1))),
    "a product without a name": lambda whole: replace(whole, items=whole.items.with_columns(name=pl.lit(None))),
    "no column stock": lambda whole: replace(whole, items=whole.items.drop("stock")),
    "history out of order": lambda whole: replace(
        whole, history=replace(whole.history, items=np.array([1, 0], dtype=np.int32))
    ),
    "history of too few": lambda whole: replace(
        whole, history=replace(whole.history, indptr=np.array([0, 1, 1], dtype=np.int64))
    ),
}


@pytest.mark.parametrize("misshape", MISSHAPEN.values(), ids=MISSHAPEN)
def test_arrays_that_do_not_fit_together_are_refused(misshape):
    with pytest.raises(BadShapeError):
        check(misshape(content()))


def _of_many_users(scores: list[float]) -> BundleContent:
    """The buyer thirty times over, each with one list."""
    one, number = content(), 30
    users = pl.DataFrame({"user_id": [str(user) for user in range(number)]})
    history = replace(
        one.history,
        indptr=np.arange(number + 1, dtype=np.int64) * 2,
        **{
            name: np.tile(getattr(one.history, name)[:2], number)
            for name in ("items", "counts", "last_bought", "interval_days")
        },
    )
    lists = Ranked(np.tile(np.int32([2, 3]), (number, 1)), np.tile(np.float32(scores), (number, 1)))
    return replace(one, users=users, history=history, candidates={"discover": lists})


def test_a_model_that_gives_every_item_and_user_the_same_score_is_refused():
    check(_of_many_users([0.5, 0.4]))

    with pytest.raises(BadShapeError, match="one and the same score"):
        check(_of_many_users([0.5, 0.5]))


def test_what_is_popular_may_be_equally_so():
    check(_of_many_users([0.0, 0.0]), is_popularity=True)


def test_a_users_candidates_end_where_the_padding_begins(tmp_path):
    write(tmp_path / "b1", content(), about())
    opened = Bundle.open(tmp_path / "b1")

    items, scores = opened.candidates("discover", NEWCOMER)

    assert items.tolist() == [0, 1, 2]
    assert scores.tolist() == pytest.approx([0.9, 0.8, 0.7])


def test_an_unknown_user_has_neither_candidates_nor_history(tmp_path):
    write(tmp_path / "b1", content(), about())
    opened = Bundle.open(tmp_path / "b1")

    assert [part.tolist() for part in opened.candidates("discover", "nobody")] == [[], []]
    assert opened.bought("nobody") == slice(0, 0)
    assert opened.bought(BUYER) == slice(0, 2)


def test_a_bundle_from_before_it_had_the_shops_own_ids_is_opened_without_them(tmp_path, monkeypatch):
    made = content()
    with monkeypatch.context() as before:
        for name in ("sku", "parent_id", "category_code"):
            before.delitem(ITEMS, name)
        write(tmp_path / "old", made, about())
    catalogue = Catalogue(Bundle.open(tmp_path / "old"))
    product = catalogue.products[0]
    assert (product.name, product.sku, product.category_code) == ("Milk", None, None)


def test_a_sku_is_an_active_products_before_one_that_is_gone(tmp_path):
    write(tmp_path / "b1", content(), about())
    catalogue = Catalogue(Bundle.open(tmp_path / "b1"))
    old = catalogue.products[0]
    catalogue.put(replace_struct(old, product_id=999))
    catalogue.put(replace_struct(old, is_active=False))
    assert catalogue.id_of("M/1") == 999
