"""The storefront's languages: a dictionary each, `storefront/texts-<language>.js`, and the choice of a browser's.

What only merchandisers read is in another one, `merchandising-texts-<language>.js`.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

QUERY: Final = "lang"
COOKIE: Final = "tanawari_language"
FALLBACK: Final = "en"
DICTIONARY: Final = re.compile(r"(?:merchandising-)?texts-([a-z]{2})\.js")
BEGINNING: Final = "export default "

Texts = Mapping[str, str | Mapping[str, str]]
"""A text by its key; or its plural forms, by the names that `Intl.PluralRules` has for them."""


def texts_in(source: str) -> Texts:
    """The dictionary that a module exports: it is JSON, so that no language is written twice."""
    texts: Texts = json.loads(source[source.index(BEGINNING) + len(BEGINNING) :].rstrip().removesuffix(";"))
    return texts


def choose(request: Request, known: Mapping[str, Texts]) -> str:
    """The language that the address asks for, that was asked for before, or that the browser prefers."""
    asked = (request.query_params.get(QUERY), request.cookies.get(COOKIE), *_preferred(request))
    return next((language for language in asked if language and language in known), FALLBACK)


def _preferred(request: Request) -> list[str]:
    """The languages of Accept-Language, those preferred first, without their regions."""
    weighed = []
    for part in request.headers.get("accept-language", "")[:200].split(","):
        name, _, parameter = part.partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameter) if parameter else None
        if parameter and weight is None:
            continue
        weighed.append((-float(weight[1]) if weight else -1.0, name.strip().lower().partition("-")[0]))
    return [name for weight, name in sorted(weighed, key=lambda each: each[0]) if weight]
