"""Re-encodes one image, in a process of its own: `python -I worker.py`, the upload on its standard input.

What an upload does to the decoder happens to this process, which has neither our environment nor our code, and little
memory and time. What leaves it is what was drawn: WebP in a few widths, in sRGB, upright, and nothing else of the
upload: no metadata, no profile, no bytes behind the image.

The answer begins with a line of JSON: the sizes of the files that follow it, or why the upload is refused.
"""

import io
import json
import re
import resource
import sys
from collections.abc import Iterator
from typing import Any

MEMORY_BYTES = 768 * 1024 * 1024
CPU_SECONDS = 10
MOST_PIXELS = 25_000_000
LONGEST_SIDE = 20_000
FULL = 1600
"""The longest side of the image itself, whose name has no width."""
WIDTHS = (800, 400, 160)
QUALITY = 82
FORMATS = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
"""What we take, by how it begins."""


class RefusedError(Exception):
    """The upload is no image that we take; the text says why."""


def main() -> None:
    """Read the upload, write the answer."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    try:
        width, height, files = reencoded(sys.stdin.buffer.read())
    except RefusedError as refusal:
        answer: dict[str, Any] = {"refusal": str(refusal)}
        files = []
    else:
        answer = {"width": width, "height": height, "bytes": [len(file) for file in files]}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + b"".join(files))


def reencoded(content: bytes) -> tuple[int, int, list[bytes]]:
    """Width and height of the image, and its file in full and in each of the widths.

    Raises:
        RefusedError: it is no image, too large, or damaged.
    """
    kind = next((name for name, beginning in FORMATS.items() if beginning.match(content)), None)
    if kind is None:
        raise RefusedError("must be a JPEG, PNG, WebP or GIF image")
    try:
        image = drawn(content, kind)
        return *image.size, [*files_of(image)]
    except RefusedError:
        raise
    except MemoryError as error:
        raise RefusedError("needs too much memory") from error
    except Exception as error:  # the decoders raise whatever they like
        raise RefusedError("is damaged") from error


def drawn(content: bytes, kind: str) -> Any:  # noqa: ANN401 - Pillow is imported within the limits
    """The first frame, upright and in sRGB, no larger than it will be shown."""
    from PIL import Image, ImageOps, WebPImagePlugin  # noqa: F401, PLC0415 - without the last one, all 40 formats are loaded

    Image.MAX_IMAGE_PIXELS = None  # ours is checked below, before anything is decoded
    image: Any = Image.open(io.BytesIO(content), formats=[kind])
    width, height = image.size
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise RefusedError(f"may have {MOST_PIXELS:,} pixels and sides of {LONGEST_SIDE:,}, and has {width} x {height}")
    image.draft(None, (FULL, FULL))  # a large JPEG is decoded at half the size, or less
    turned = ImageOps.exif_transpose(image)
    image = in_srgb(turned, image.info.get("icc_profile"))
    image.thumbnail((FULL, FULL), Image.Resampling.LANCZOS, reducing_gap=3)
    return image


def in_srgb(image: Any, profile: bytes | None) -> Any:  # noqa: ANN401
    """The image as RGB, or RGBA where something is transparent."""
    from PIL import ImageCms  # noqa: PLC0415

    if image.mode.startswith("I"):  # 16 bits of grey, which `convert` would cut off instead of scaling
        image = image.point(lambda value: value / 256).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if profile and image.mode in ("RGB", "RGBA", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that does not fit is left aside
    return image.convert(mode)


def files_of(image: Any) -> Iterator[bytes]:  # noqa: ANN401
    """The image as WebP, in full and in each of the widths; a narrower one stays as it is."""
    from PIL import Image  # noqa: PLC0415

    for width in (None, *WIDTHS):
        if width is not None and width < image.width:
            height = max(1, round(image.height * width / image.width))
            image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)
        plain = Image.frombytes(image.mode, image.size, image.tobytes())  # without what hangs on the image
        file = io.BytesIO()
        plain.save(file, "WEBP", quality=QUALITY, method=4)
        yield file.getvalue()


if __name__ == "__main__":
    main()
