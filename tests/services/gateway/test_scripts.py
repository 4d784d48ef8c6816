import json

from tests.services.gateway.scripts import run

LEFT_ALONE = ["メンズTシャツ", "LEDライト", "DVD・CDプレーヤー", "ÖKOSTROM", "H&M", "LED", "iPHONE", "T"]
SHOUTED = {"PAPER TOWELS": "Paper towels", "COOKIES/CONES": "Cookies/cones", "GROCERY": "Grocery", "TEAS": "Teas"}


def test_only_a_name_shouted_in_latin_letters_is_written_in_ordinary_ones():
    names = {**SHOUTED, **{name: name for name in LEFT_ALONE}}
    shown = run("format.js", f"({{ readable }}) => {json.dumps(list(names))}.map(readable)")
    assert shown == list(names.values())


def test_both_reasons_of_an_offer_are_in_the_language_of_the_page():
    given = {
        "70% off · Popular with other shoppers": "70%引き · ほかのお客様に人気です",
        "20% off · Similar to Tea · green, which you bought": "20%引き · ご購入のTea · greenに似ています",
        "5% off": "5%引き",
        "Similar to Tea · green": "Tea · greenに似ています",
        "By hand · of ours": "By hand · of ours",
    }
    shown = run("reasons.js", f"({{ translated }}) => {json.dumps(list(given))}.map(translated)", "ja")
    assert shown == list(given.values())


def test_one_star_is_one_star():
    said = run("texts.js", '({ t }) => [1, 4].map((rating) => t("filter.rating.from", { rating, count: rating }))')
    assert said == ["1 star or more", "4 stars or more"]
