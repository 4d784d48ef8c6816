from xml.etree import ElementTree as ET

import pytest

from services.gateway.drawings import draw, glyph_of, short
from services.gateway.glyphs import GLYPHS


def test_a_category_is_drawn_from_its_name_in_the_catalog(gateway, services):
    services["catalog"].says("/v1/categories/3", {"code": "GROCERY > TEAS", "name": "TEAS"})
    answer = gateway().get("/images/categories/3.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "Teas" in answer.text


def test_the_catalog_is_asked_once(gateway, services):
    services["catalog"].says("/v1/categories/4", {"code": "GROCERY > SOUP", "name": "SOUP"})
    client = gateway()
    assert client.get("/images/categories/4.svg").text == client.get("/images/categories/4.svg").text
    assert len(services["catalog"].asked) == 1


def test_while_the_catalog_is_away_the_drawing_is_neutral_and_not_kept_long(gateway, nowhere):
    answer = gateway(catalog_url=nowhere).get("/images/categories/5.svg")
    assert (answer.status_code, answer.text) == (200, draw("", ""))
    assert answer.headers["cache-control"] == "public, max-age=5"


@pytest.mark.parametrize("status", [404, 500])
def test_a_category_that_nobody_knows_yet_is_drawn_as_soon_as_it_is_there(gateway, services, status):
    services["catalog"].says("/v1/categories/6", {"title": "Not found"}, status)
    client = gateway(preview_shoppers=())
    neutral = client.get("/images/categories/6.svg")
    services["catalog"].says("/v1/categories/6", {"code": "GROCERY > TEAS", "name": "TEAS"})
    assert (neutral.text, neutral.headers["cache-control"]) == (draw("", ""), "public, max-age=5")
    assert "Teas" in client.get("/images/categories/6.svg").text


def test_a_product_without_a_category_has_the_neutral_drawing(gateway, services):
    answer = gateway().get("/images/categories/0.svg")
    assert (answer.status_code, answer.text) == (200, draw("", ""))
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert services["catalog"].asked == []


def test_drawings_of_invented_categories_are_not_to_be_had_without_end(gateway):
    client = gateway(address_requests_per_minute=2)
    assert [client.get(f"/images/categories/{each}.svg").status_code for each in (7, 8, 9)] == [200, 200, 429]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "A \"B\" & 'C'", "]]>", "緑茶"])
def test_a_name_is_text_whatever_it_holds(name):
    drawing = ET.fromstring(draw("X", name))
    assert drawing.findtext("{*}title") == name
    assert drawing.find("{*}script") is None


@pytest.mark.parametrize("character", ["\b", "\x1f", "\ufffe", "\uffff"])
def test_what_xml_has_no_place_for_is_left_out_of_a_name(character):
    drawing = ET.fromstring(draw("X", f"Te{character}as"))
    assert (drawing.findtext("{*}title"), drawing.findtext("{*}text")) == ("Teas", "Teas")


def test_the_same_category_always_looks_the_same_and_two_do_not():
    assert draw("GROCERY > SOUP", "SOUP") == draw("GROCERY > SOUP", "SOUP") != draw("GROCERY > TEAS", "TEAS")


@pytest.mark.parametrize(
    ("code", "glyph"),
    [
        ("GROCERY > FRZN NOVELTIES/WTR ICE > STICKS", "ice"),
        ("GROCERY > CHEESE > SHREDDED", "cheese"),
        ("DRUG GM > CANDY - PACKAGED > GUM", "bag"),
        ("お茶", "basket"),
    ],
)
def test_the_glyph_follows_the_nearest_word_of_the_path(code, glyph):
    assert glyph_of(code)[0] == glyph


def test_every_glyph_but_the_one_for_all_else_has_its_words():
    assert [name for name, glyph in GLYPHS.items() if not glyph.words] == ["basket"]


def test_a_long_name_is_cut_between_words():
    assert short("SFT DRNK 2 LITER BTL CARB INCL") == "Sft drnk 2 liter btl…"
