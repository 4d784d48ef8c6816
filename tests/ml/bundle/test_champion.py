"""Which bundle and generation are in use: always as a pair."""

import pytest

from ml.bundle.champion import Champion, ChampionChangedError
from ml.bundle.check import BadManifestError

SECOND = Champion(bundle="b2", generation="g2", previous="b1", previous_generation="g1")


def test_a_folder_without_a_champion_has_none(tmp_path):
    assert Champion.read(tmp_path) is None


def test_the_champion_that_was_written_is_read(tmp_path):
    SECOND.put(tmp_path)

    assert Champion.read(tmp_path) == SECOND


def test_a_champion_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "champion.json").write_text("{")

    with pytest.raises(BadManifestError):
        Champion.read(tmp_path)


def test_a_new_champion_has_no_generation_and_remembers_the_pair_before():
    assert Champion.after(SECOND, "b3") == Champion(bundle="b3", previous="b2", previous_generation="g2")


def test_going_back_leads_past_a_bundle_whose_shelves_were_never_shown():
    never_shown = Champion.after(SECOND, "b3")

    assert Champion.after(never_shown, "b4").rolled_back() == Champion(
        bundle="b2", generation="g2", previous="b4", previous_generation=None
    )


def test_another_generation_of_the_same_bundle_leaves_the_pair_before():
    assert SECOND.with_generation("g3").rolled_back() == Champion(
        bundle="b1", generation="g1", previous="b2", previous_generation="g3"
    )


def test_rolling_back_twice_is_where_it_began():
    back = SECOND.rolled_back()

    assert back is not None
    assert back.rolled_back() == SECOND


def test_there_is_no_way_back_from_the_first_champion():
    assert Champion.after(None, "b1").with_generation("g1").rolled_back() is None


def test_a_champion_that_was_changed_by_somebody_else_is_not_overwritten(tmp_path):
    SECOND.with_generation("g3").put(tmp_path)

    with pytest.raises(ChampionChangedError, match="g3"):
        SECOND.with_generation("g4").replace(SECOND, tmp_path)

    assert Champion.read(tmp_path) == SECOND.with_generation("g3")


def test_the_first_champion_takes_the_place_of_none(tmp_path):
    SECOND.replace(None, tmp_path)

    assert Champion.read(tmp_path) == SECOND
