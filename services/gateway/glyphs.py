"""The glyphs of `glyphs.svg`, by name: what each looks like, its natural hue, and the words that call for it."""

import re
from pathlib import Path
from typing import Final, NamedTuple


class Glyph(NamedTuple):
    """A drawing in a square of 100; a hue of degrees and words in capitals, unless it is for everything else."""

    hue: int
    words: tuple[str, ...]
    shape: str


_LINE: Final = re.compile(r'^<g id="(\w+)"(?: data-hue="(\d+)" data-words="(.+?)")?>(.+)</g>$', re.MULTILINE)
GLYPHS: Final = {
    name: Glyph(int(hue or 0), tuple(words.split("|")) if words else (), shape)
    for name, hue, words, shape in _LINE.findall(Path(__file__).with_name("glyphs.svg").read_text())
}
