"""Uploads as attackers and careless people make them: `hostile()` gives 200 of them by name, seeded."""

import io
import random
import struct
import zlib
from itertools import product

from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

CANARY = b"<script>canary()</script>"
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
OTHER_TYPES = {
    "svg with a script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>canary()</script></svg>',
    "svg with a handler": b'<svg onload="canary()" width="9" height="9"/>',
    "svg after a declaration": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "svg with an entity bomb": b'<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>',
    "svg, zipped": zlib.compress(b"<svg/>"),
    "html": b"<!doctype html>" + CANARY,
    "html behind spaces": b" " * 64 + CANARY,
    "html with a bom": b"\xef\xbb\xbf" + CANARY,
    "javascript": b"canary()",
    "json": b"{}",
    "pdf": b"%PDF-1.7\n1 0 obj<</S/JavaScript/JS(canary())>>endobj",
    "zip": b"PK\x03\x04" + bytes(60),
    "rar": b"Rar!\x1a\x07\x01\x00",
    "gzip": b"\x1f\x8b\x08" + bytes(60),
    "windows program": b"MZ\x90\x00" + bytes(60),
    "linux program": b"\x7fELF\x02\x01\x01" + bytes(60),
    "script": b"#!/bin/sh\ncanary\n",
    "php": b"<?php canary(); ?>",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "photoshop": b"8BPS\x00\x01" + bytes(60),
    "bitmap": b"BM" + bytes(60),
    "tiff": b"II*\x00" + bytes(60),
    "icon": b"\x00\x00\x01\x00\x01\x00" + bytes(60),
    "jpeg 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60),
    "avif": b"\x00\x00\x00\x20ftypavif" + bytes(60),
    "heic": b"\x00\x00\x00\x20ftypheic" + bytes(60),
    "mp4": b"\x00\x00\x00\x20ftypisom" + bytes(60),
    "wave": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "windows metafile": b"\xd7\xcd\xc6\x9a" + bytes(60),
    "nothing": b"",
    "a byte": b"\xff",
    "zeros": bytes(1_000),
}
BEGINNINGS = {
    "jpeg": b"\xff\xd8\xff\xe0",
    "png": b"\x89PNG\r\n\x1a\n",
    "gif": b"GIF89a",
    "webp": b"RIFF\xff\xff\xff\xffWEBPVP8 ",
}


def drawing(size=(64, 48), mode="RGB"):
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    ImageDraw.Draw(image).rectangle([size[0] // 2, 0, *size], fill="blue")
    return image.convert(mode)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, data, *, depth=8, colour=2, chunks=(), packed=None):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return BEGINNINGS["png"] + b"".join(
        (chunk(b"IHDR", head), *chunks, chunk(b"IDAT", packed or zlib.compress(data)), chunk(b"IEND", b""))
    )


def _wrong_types():
    yield from OTHER_TYPES.items()
    generator = random.Random(1)
    for name, beginning in BEGINNINGS.items():
        yield f"{name} of noise", beginning + generator.randbytes(4_000)
        yield f"{name} of html", beginning + CANARY * 40
        yield f"only the beginning of {name}", beginning


def _huge():
    tiny = bytes(100)
    for width, height in ((2**31 - 1, 2**31 - 1), (100_000, 100_000), (65_535, 400), (1, 30_000_000), (0, 9)):
        yield f"png of {width} x {height}", png(width, height, tiny)
    jpeg, gif = saved(drawing(), "JPEG"), saved(drawing(), "GIF")
    start = jpeg.index(b"\xff\xc0") + 5
    for width, height in ((65_500, 65_500), (5_001, 5_000), (20_001, 1)):
        size = struct.pack(">HH", height, width)
        yield f"jpeg of {width} x {height}", jpeg[:start] + size + jpeg[start + 4 :]
        yield f"gif of {width} x {height}", gif[:6] + struct.pack("<HH", width, height) + gif[10:]
    webp = saved(drawing(), "WEBP", lossless=True)
    yield "webp of 16384 x 16384", webp[:21] + b"\xff\xff\xff\x0f" + webp[25:]


def _bombs():
    zeros = zlib.compress(bytes(100_000_000))
    yield "png of 400 megapixels", png(20_000, 20_000, b"", depth=1, colour=0, packed=zeros)
    yield "png with too many rows", png(9, 9, b"", packed=zeros)
    for name in (b"iCCP", b"zTXt"):
        yield f"png with a bomb in {name.decode()}", png(9, 9, bytes(252), chunks=[chunk(name, b"x\0\0" + zeros)])
    text = b"x\0\1\0\0\0" + zeros
    yield "png with a bomb in iTXt", png(9, 9, bytes(252), chunks=[chunk(b"iTXt", text)])
    yield "png with 5,000 texts", png(9, 9, bytes(252), chunks=[chunk(b"tEXt", b"x\0" + bytes(900))] * 5_000)
    frames = [Image.new("P", (900, 900), at) for at in range(60)]
    yield "gif of 60 frames", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "webp of 60 frames", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    yield "png of 60 frames", saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    gif = saved(drawing(), "GIF")
    at = gif.index(b",", 13 + 3 * 2 ** ((gif[10] & 7) + 1))
    yield "gif whose frame is outside", gif[:at] + b"," + struct.pack("<HHHH", 60_000, 60_000, 64, 48) + gif[at + 9 :]
    yield "gif whose frame is huge", gif[:at] + b"," + struct.pack("<HHHH", 0, 0, 60_000, 60_000) + gif[at + 9 :]
    yield "jpeg of 300 scans", _many_scans()


def _many_scans():
    jpeg = saved(drawing((2_000, 2_000)), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * 300 + b"\xff\xd9"


def _polyglots():
    behind = {
        "html": CANARY,
        "zip": b"PK\x03\x04" + CANARY,
        "php": b"<?php canary(); ?>" + CANARY,
        "pdf": b"%PDF-1.7\n" + CANARY,
    }
    for kind, (name, more) in product(FORMATS, behind.items()):
        yield f"{kind} and {name}", saved(drawing(), kind) + more
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    for kind in ("JPEG", "PNG", "WEBP"):
        yield f"{kind} with a script in its exif", saved(drawing(), kind, exif=exif)
        yield f"{kind} with a script in its profile", saved(drawing(), kind, icc_profile=CANARY * 20)
    yield "jpeg with a script in its comment", saved(drawing(), "JPEG", comment=CANARY)
    yield "gif with a script in its comment", saved(drawing(), "GIF", comment=CANARY)
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", CANARY.decode())
    yield "png with a script in its text", saved(drawing(), "PNG", pnginfo=info)
    yield "webp with a script in its xmp", saved(drawing(), "WEBP", xmp=CANARY)
    yield "gif that is javascript", b"GIF89a/*" + saved(drawing(), "GIF")[8:] + b"*/=1;" + CANARY


def _modes():
    yield "cmyk", saved(drawing(mode="CMYK"), "JPEG")
    yield "grey", saved(drawing(mode="L"), "JPEG")
    yield "16 bits of grey", saved(Image.new("I;16", (64, 48), 40_000), "PNG")
    yield "16 bits of colour", png(9, 9, (b"\0" + b"\x80\0\0\0\0\0" * 9) * 9, depth=16)
    yield "16 bits with alpha", png(9, 9, (b"\0" + b"\x80\0\0\0\0\0\x80\0" * 9) * 9, depth=16, colour=6)
    yield "a bit", saved(drawing(mode="1"), "PNG")
    yield "grey with alpha", saved(drawing(mode="LA"), "PNG")
    yield "a palette with alpha", saved(drawing().quantize(4), "PNG", transparency=bytes([0, 80, 160, 255]))
    yield "a palette with a transparent colour", saved(drawing(mode="P"), "GIF", transparency=0)
    yield "a short palette", png(9, 9, (b"\0" + b"\xff" * 9) * 9, colour=3, chunks=[chunk(b"PLTE", b"\1\2\3")])
    yield "no palette", png(9, 9, bytes(90), colour=3)
    yield "a profile of another space", saved(drawing(), "PNG", icc_profile=_lab())
    for orientation in range(1, 10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation {orientation}", saved(drawing(), "JPEG", exif=exif)


def _lab():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def _damaged():
    generator = random.Random(2)
    for kind, part in product(FORMATS, (0.1, 0.3, 0.5, 0.8, 0.95)):
        content = saved(drawing((300, 200)), kind)
        yield f"{kind} cut off at {part:.0%}", content[: int(len(content) * part)]
    for kind, number in product(FORMATS, range(16)):
        content = bytearray(saved(drawing((300, 200)), kind) + CANARY)
        for _ in range(1 + number):
            content[generator.randrange(12, len(content))] = generator.randrange(256)
        yield f"{kind} with {1 + number} wrong bytes", bytes(content)


def hostile():
    """All of them, by name."""
    return {name: content for family in FAMILIES for name, content in family()}


FAMILIES = (_wrong_types, _huge, _bombs, _polyglots, _modes, _damaged)
