import json

from tests.services.gateway.scripts import run

LEFT_ALONE = ["メンズTシャツ", "LEDライト", "DVD・CDプレーヤー", "ÖKOSTROM", "H&M", "LED", "iPHONE", "T"]
SHOUTED = {"PAPER TOWELS": "Paper towels", "COOKIES/CONES": "Cookies/cones", "GROCERY": "Grocery"}


def test_only_a_name_shouted_in_latin_letters_is_written_in_ordinary_ones():
    names = {**SHOUTED, **{name: name for name in LEFT_ALONE}}
    shown = run("format.js", f"({{ readable }}) => {json.dumps(list(names))}.map(readable)")
    assert shown == list(names.values())
