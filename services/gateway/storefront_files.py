"""The storefront's files as they are sent: compressed once, and under an address that changes when one of them does."""

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from html import escape
from pathlib import Path
from time import monotonic
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

from services.gateway.languages import DICTIONARY, QUERY, Texts, texts_in

FOLDER: Final = Path(__file__).with_name("storefront")
DOCUMENT: Final = "index.html"
TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
IMPORT: Final = re.compile(r'^import [^;]*?"\./([\w-]+\.js)";', re.MULTILINE)
COMMENT: Final = re.compile(r"^ *(?://|/?\*).*", re.MULTILINE)
"""A line of a script for who reads the folder; it is sent empty, so that a browser counts the lines as we do."""
PLACE: Final = re.compile(r"\{\{([\w.-]+)\}\}")
CURRENT: Final = ' aria-current="true"'
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class File:
    """Bytes, also compressed."""

    type: str
    plain: bytes
    packed: bytes

    def response(self, asked: Headers, headers: dict[str, str], status: int = 200) -> Response:
        """The answer to a request with these headers."""
        is_packed = "gzip" in asked.get("accept-encoding", "")
        encoding = {"Content-Encoding": "gzip"} if is_packed else {}
        own = {"Content-Type": self.type, "Vary": "Accept-Encoding", **encoding, **headers}
        return Response(self.packed if is_packed else self.plain, status, own)


class Edition:
    """The folder as it was at one moment."""

    def __init__(self) -> None:
        sources = {path.name: path.read_text(encoding="utf-8") for path in _ours()}
        self._document = sources[DOCUMENT]
        self._imports = {name: IMPORT.findall(source) for name, source in sources.items() if name.endswith(".js")}
        self._documents: dict[tuple[str, str], File] = {}
        self.version = sha256(repr(sources).encode()).hexdigest()[:12]
        self.files = {name: _file(Path(name).suffix, source) for name, source in sources.items()}
        self.texts: dict[str, Texts] = {}
        for name, source in sources.items():
            if found := DICTIONARY.fullmatch(name):
                self.texts[found[1]] = {**self.texts.get(found[1], {}), **texts_in(source)}

    def document(self, language: str, module: str) -> File:
        """The one document in a language, for a page of this module, which the browser loads with all it imports."""
        if (language, module) not in self._documents:
            values = self._values(language, module)
            text = PLACE.sub(lambda place: values.get(place[1]) or self._text(language, place[1]), self._document)
            self._documents[language, module] = _file(".html", text)
        return self._documents[language, module]

    def _text(self, language: str, key: str) -> str:
        return escape(str(self.texts[language][key]))

    def _values(self, language: str, module: str) -> dict[str, str]:
        """What stands in the document that is no text: markup of ours."""
        modules = (*self._with_imports("main.js", module), f"texts-{language}.js")
        preloads = (f'<link rel="modulepreload" href="/storefront/{self.version}/{name}">' for name in modules)
        links = (
            f'<a href="?{QUERY}={code}" hreflang="{code}" lang="{code}"{CURRENT if code == language else ""}>'
            f"{self._text(code, 'language')}</a>"
            for code in sorted(self.texts)
        )
        return {
            "version": self.version,
            "language": language,
            "preloads": "\n  ".join(preloads),
            "languages.links": "\n      ".join(links),
        }

    def _with_imports(self, *modules: str) -> list[str]:
        found = dict.fromkeys(modules)
        for name in (queue := list(modules)):
            queue.extend(each for each in self._imports[name] if each not in found)
            found.update(dict.fromkeys(self._imports[name]))
        return list(found)


def edition() -> Edition:
    """The folder as it is, looked at once a second: read again when a file of it has changed."""
    return _read(_stamp(int(monotonic())))


@lru_cache(maxsize=1)
def _stamp(_: int) -> Stamp:
    stats = ((path.name, path.stat()) for path in _ours())
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


@lru_cache(maxsize=1)
def _read(_: Stamp) -> Edition:
    return Edition()


def _ours() -> list[Path]:
    """The files of the storefront, without what an editor or a desktop leaves beside them."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in TYPES and not path.name.startswith("."))


def _file(suffix: str, source: str) -> File:
    plain = (COMMENT.sub("", source) if suffix == ".js" else source).encode()
    return File(TYPES[suffix], plain, gzip.compress(plain, 9, mtime=0))
