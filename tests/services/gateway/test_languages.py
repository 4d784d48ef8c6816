import json
import re
from importlib import import_module

import pytest

from services.common.runtime.errors import Problem
from services.gateway.languages import COOKIE, DICTIONARY
from services.gateway.storefront_files import FOLDER, edition
from tests.services.gateway.scripts import run

LANGUAGES = edition().texts
SOURCES = {path.name: path.read_text() for path in FOLDER.iterdir() if not DICTIONARY.fullmatch(path.name)}
FORMS = f"""() => Object.fromEntries({sorted(LANGUAGES)}.map(
    (each) => [each, new Intl.PluralRules(each).resolvedOptions().pluralCategories]))"""


def places(text):
    """The names of the values in a text, or in all its forms."""
    forms = [text] if isinstance(text, str) else text.values()
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_things(language):
    texts, english = LANGUAGES[language], LANGUAGES["en"]
    assert texts.keys() == english.keys()
    assert [key for key in texts if places(texts[key]) != places(english[key])] == []


OF_NO_SHOPPER = {"forged-webhook", "refund-too-large", "payment-method-not-configured", "return-not-found", "refused"}
"""What only other services, providers and the staff's own programs are answered."""


def problems_of(*packages):
    """The types of the problems that some packages raise; those of 500 and more have one text."""
    classes = [Problem]
    for each in classes:
        classes.extend(each.__subclasses__())
    titles = {each.title for each in classes if each.__module__.startswith(packages) and each.status < 500}
    return {title.lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_that_a_shopper_meets_has_a_text(language):
    for module in ("cart.app", "order.app", "payment.app", "catalog.reviews.reviews"):
        import_module(f"services.{module}")
    found = problems_of("services.cart.", "services.order.", "services.payment.", "services.catalog.reviews.")
    assert {"too-few-in-stock", "price-changed", "payment-not-found", "review-hidden"} <= found
    told = {key.removeprefix("problem.") for key in LANGUAGES[language]}
    assert found - OF_NO_SHOPPER - told == set()


def test_a_text_with_plural_forms_has_those_of_its_language():
    for language, forms in run("texts.js", FORMS).items():
        plurals = {key: set(text) for key, text in LANGUAGES[language].items() if not isinstance(text, str)}
        assert plurals
        assert plurals == {key: set(forms) for key in plurals}, language


def test_every_text_that_the_pages_ask_for_is_there():
    asked = {key for source in SOURCES.values() for key in re.findall(r'\bt\("([^"]+)"', source)}
    assert len(asked) > 100
    assert asked - LANGUAGES["en"].keys() == set()


def test_every_text_is_asked_for_by_its_key_or_by_the_beginning_of_it():
    source = "\n".join(SOURCES.values())
    beginnings = tuple(re.findall(r"`([\w.]+\.)\$\{", source))
    named = set(re.findall(r'"([\w.-]+)"|\{\{([\w.-]+)\}\}', source))
    keys = {key for pair in named for key in pair}
    assert [key for key in LANGUAGES["en"] if key not in keys and not _is_made(key, beginnings)] == []


def _is_made(key, beginnings):
    return key.startswith(beginnings) or key.removesuffix(".about") in LANGUAGES["en"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        *(("キャンセルされました。", "キャンセルされました。"), ("色違い", "色違い。"), ("「色違い」", "「色違い」。")),
        *(("café", "Café."), ("Why?", "Why?")),
    ],
)
def test_a_message_ends_with_the_full_stop_of_its_script(message, said):
    assert run("forms.js", f"({{ sentence }}) => sentence({json.dumps(message)})", "ja") == said


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-GB,en;q=0.9,ja;q=0.8", "en"),
        ("en;q=0.3, ja;q=0.7", "ja"),
        ("xx-XX,xx;q=0.9,ja;q=0.2", "ja"),
        ("ja;q=0, en", "en"),
        ("ja;q=nonsense", "en"),
        ("xx, *", "en"),
        ("", "en"),
    ],
)
def test_the_page_is_in_the_language_that_the_browser_prefers(gateway, accepted, language):
    answer = gateway().get("/", headers={"Accept-Language": accepted})
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.text
    assert f"texts-{language}.js" in answer.text


def test_who_chooses_a_language_keeps_it(gateway):
    client = gateway()
    client.headers["Accept-Language"] = "en"
    assert '<html lang="ja">' in client.get("/cart?lang=ja").text
    assert client.cookies[COOKIE] == "ja"
    assert "商品を検索" in client.get("/").text


@pytest.mark.parametrize("wish", ["xx", "../ja", ""])
def test_a_language_that_the_shop_does_not_speak_is_not_kept(gateway, wish):
    client = gateway()
    assert '<html lang="en">' in client.get("/", params={"lang": wish}).text
    assert COOKIE not in client.cookies
