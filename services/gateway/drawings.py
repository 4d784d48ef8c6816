"""Pictures for shops without their own: one drawing per category, distinguished by colour, glyph and name."""

import json
import logging
import re
import zlib
from functools import partial
from html import escape
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import Response

from services.common.identity.policy import PUBLIC
from services.common.runtime.answers import CallFailedError
from services.common.runtime.errors import problems
from services.common.runtime.http_client import ServiceClient
from services.common.storage.cache import Cache
from services.common.web.routing import Router
from services.contracts.envelope import MAX_ID
from services.gateway.glyphs import GLYPHS
from services.gateway.rate_limit import LIMITED
from services.gateway.schemas import NamedCategory

logger = logging.getLogger(__name__)
router = Router(tags=["drawings"], responses=problems(429))

NO_CATEGORY = 0
KEPT_SECONDS, NEUTRAL_SECONDS = 3600, 5
LINE = 22
SHADES = 25
SEPARATOR = " > "
NOT_IN_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
PAGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 180" role="img"><title>{name}</title>'
    '<rect width="240" height="180" fill="{background}"/><circle cx="120" cy="82" r="66" fill="{halo}"/>'
    '<g transform="translate(76 38) scale(.88)">{glyph}</g>'
    '<text x="120" y="167" text-anchor="middle" font-family="system-ui,Segoe UI,Helvetica,Arial,sans-serif" '
    'font-size="12.5" font-weight="600" fill="{color}">{label}</text></svg>'
)


@router.get(
    "/images/categories/{categoryId}.svg",
    dependencies=[PUBLIC, LIMITED],
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}},
)
async def category_drawing(
    request: Request, category_id: Annotated[int, Path(alias="categoryId", ge=NO_CATEGORY, le=MAX_ID)]
) -> Response:
    """A category's drawing; a neutral one for 0, which is no category.

    If the category is missing or catalog is unavailable: the neutral one, cached briefly.
    """
    catalog: ServiceClient = request.app.state.catalog
    cache: Cache = request.app.state.cache
    code, name, seconds = "", "", KEPT_SECONDS
    if category_id != NO_CATEGORY:
        make = partial(_code_and_name, catalog, category_id)
        try:
            code, name = json.loads(await cache.get_or_make(f"category:{category_id}", seconds=seconds, make=make))
        except CallFailedError as error:
            logger.warning("drawing without a name: %s", error)
            seconds = NEUTRAL_SECONDS
    headers = {"Cache-Control": f"public, max-age={seconds}"}
    return Response(draw(code, name), media_type="image/svg+xml", headers=headers)


async def _code_and_name(catalog: ServiceClient, category_id: int) -> bytes:
    """The category's path and name as JSON."""
    category = await catalog.read(NamedCategory, "GET", f"/v1/categories/{category_id}")
    return json.dumps([category.code, category.name]).encode()


def draw(code: str, name: str) -> str:
    """The drawing of a category as SVG: glyph and hue follow the words of its path, the shade the whole path.

    What XML 1.0 has no place for is left out of the name.
    """
    name = NOT_IN_XML.sub("", name)
    glyph, hue = glyph_of(code)
    hue += zlib.crc32(code.encode()) % SHADES - SHADES // 2
    vivid = 1.0 if code else 0.12
    shape = GLYPHS[glyph].shape
    for tone, lightness, saturation in (("m", 0.52, 0.52), ("l", 0.82, 0.7), ("d", 0.34, 0.5)):
        shape = shape.replace(f"var(--{tone})", _color(hue, lightness, saturation * vivid))
    return PAGE.format(
        name=escape(name or "Product"),
        background=_color(hue, 0.93, 0.5 * vivid),
        halo=_color(hue, 0.965, 0.6 * vivid),
        glyph=shape,
        color=_color(hue, 0.24, 0.45 * vivid),
        label=escape(short(name)),
    )


def glyph_of(code: str) -> tuple[str, int]:
    """The glyph whose words match the path, last part first, and its hue; a basket if none match."""
    parts = code.upper().split(SEPARATOR)
    for part in reversed(parts):
        for name, glyph in GLYPHS.items():
            if any(word in part for word in glyph.words):
                return name, glyph.hue
    return "basket", zlib.crc32(parts[0].encode()) % 360


def short(name: str) -> str:
    """A name in one line: whole words, the shop's capitals made readable."""
    text = name.capitalize() if name.isupper() else name
    if len(text) <= LINE:
        return text
    cut = text[:LINE].rsplit(" ", 1)[0].rstrip(" ,-/&(:")
    return f"{cut}…"


def _color(hue: int, lightness: float, saturation: float) -> str:
    return f"hsl({hue % 360}, {saturation:.1%}, {lightness:.1%})"
