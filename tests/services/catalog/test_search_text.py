import pytest

from services.catalog.search.text import folded, normalized


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Böse", "bose"),
        ("Häagen-Dazs", "haagen-dazs"),
        ("Nescafe\u0301", "nescafe"),
        ("Straße", "strasse"),
        ("Việt", "viet"),
    ],
)
def test_latin_letters_lose_their_accents(written, typed):
    assert normalized(written) == typed


@pytest.mark.parametrize("text", ["が", "か\u3099", "ｶﾞ", "ガ"])
def test_kana_keep_their_marks(text):
    assert folded(f"é{text}") == "eガ"


@pytest.mark.parametrize(
    ("one", "several"),
    [
        ("cookie", "cookies"),
        ("berry", "berries"),
        ("pie", "pies"),
        ("box", "boxes"),
        ("dish", "dishes"),
        ("headache", "headaches"),
        ("glass", "glasses"),
        ("potato", "potatoes"),
        ("shoe", "shoes"),
        ("chip", "chips"),
    ],
)
def test_one_and_several_are_the_same_word(one, several):
    assert folded(one) == folded(several)
