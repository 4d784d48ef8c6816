import asyncio
import io

import pytest
from PIL import Image

from services.catalog.domain import Refused
from services.catalog.images import files as image_files
from services.catalog.images.files import Encoder, TooManyUploads
from tests.services.catalog.hostile_images import CANARY, drawing, hostile, saved

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
RED, BLUE = (254, 0, 0), (0, 0, 254)


def opened(file):
    image = Image.open(io.BytesIO(file))
    image.load()
    return image


def colours(file):
    """The colours at the left and at the right."""
    image = opened(file).convert("RGB")
    return [image.getpixel((x, image.height // 2)) for x in (image.width // 8, image.width * 7 // 8)]


def near(found, expected):
    return all(abs(one - other) < 40 for one, other in zip(sum(found, ()), sum(expected, ()), strict=True))


async def first_file(upload):
    return next(iter((await Encoder().files_of(upload)).files.values()))


async def test_an_image_becomes_webp_in_full_and_in_three_widths():
    image = await Encoder().files_of(saved(drawing((2_000, 1_000)), "PNG"))
    shown = {name.removeprefix(image.id): opened(file) for name, file in image.files.items()}
    assert {name: (each.format, each.size) for name, each in shown.items()} == {
        ".webp": ("WEBP", (1_600, 800)),
        "-800.webp": ("WEBP", (800, 400)),
        "-400.webp": ("WEBP", (400, 200)),
        "-160.webp": ("WEBP", (160, 80)),
    }
    assert (image.width, image.height) == (1_600, 800)


async def test_a_small_image_is_not_made_larger():
    image = await Encoder().files_of(saved(drawing((200, 100)), "PNG"))
    assert [opened(file).width for file in image.files.values()] == [200, 200, 200, 160]


async def test_the_same_picture_has_the_same_name_whatever_hangs_on_it():
    plain, with_more = saved(drawing(), "PNG"), saved(drawing(), "PNG") + CANARY
    assert (await Encoder().files_of(plain)).files == (await Encoder().files_of(with_more)).files


async def test_a_photograph_stands_upright_as_its_orientation_says():
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    assert near(colours(await first_file(saved(drawing(), "JPEG", exif=exif))), (BLUE, RED))


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "P"])
async def test_colours_are_kept_whatever_the_mode(mode):
    kind = "PNG" if mode == "P" else "JPEG"
    assert near(colours(await first_file(saved(drawing(mode=mode), kind))), (RED, BLUE))


async def test_sixteen_bits_of_grey_are_scaled_and_not_cut_off():
    grey = saved(Image.new("I;16", (64, 48), 32_768), "PNG")
    assert near(colours(await first_file(grey)), ((128,) * 3, (128,) * 3))


async def test_what_is_transparent_stays_so():
    image = saved(drawing().quantize(2), "PNG", transparency=bytes([0, 255]))
    shown = opened(await first_file(image))
    assert shown.getchannel("A").getextrema() == (0, 255)


async def test_of_200_hostile_files_each_is_refused_or_made_harmless(monkeypatch):
    monkeypatch.setattr(image_files, "MOST_WAITING", 200)
    uploads, encoder = hostile(), Encoder()

    async def outcome(upload):
        try:
            image = await encoder.files_of(upload)
        except Refused as refusal:
            return refusal.message
        for file in image.files.values():
            shown = opened(file)
            assert (shown.format, shown.n_frames) == ("WEBP", 1)
            assert not shown.info.keys() & {"exif", "xmp", "icc_profile", "comment"}
            assert b"canary" not in file
            assert len(file) == 8 + int.from_bytes(file[4:8], "little"), "bytes behind the image"
        return "shown"

    outcomes = dict(zip(uploads, await asyncio.gather(*map(outcome, uploads.values())), strict=True))
    assert len(outcomes) == 200
    assert set(outcomes.values()) <= {"shown", "must be a JPEG, PNG, WebP or GIF image", "is damaged"} | {
        each for each in outcomes.values() if each.startswith("may have 25,000,000 pixels")
    }
    assert [name for name, what in outcomes.items() if what == "shown" and name.startswith(("svg", "html"))] == []


@pytest.mark.parametrize(
    "program", ["x = bytearray(10**9)", "while True: pass", "import os; os.abort()", "raise SystemExit(1)"]
)
async def test_a_decoder_that_runs_wild_ends_alone(program, monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    limits = "import resource as r; r.setrlimit(r.RLIMIT_AS, (5 * 10**8,) * 2); r.setrlimit(r.RLIMIT_CPU, (1, 1))\n"
    worker.write_text(limits + program)
    monkeypatch.setattr(image_files, "COMMAND", (*image_files.COMMAND[:2], str(worker)))
    with pytest.raises(Refused, match="cannot be decoded"):
        await Encoder().files_of(b"an upload")


async def test_a_decoder_that_sleeps_is_ended(monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(image_files, "COMMAND", (*image_files.COMMAND[:2], str(worker)))
    monkeypatch.setattr(image_files, "SECONDS", 0.2)
    with pytest.raises(Refused, match="takes too long"):
        await Encoder().files_of(b"an upload")


async def test_more_uploads_than_can_wait_are_refused(monkeypatch):
    monkeypatch.setattr(image_files, "MOST_WAITING", 1)
    encoder, upload = Encoder(), saved(drawing(), "PNG")
    results = await asyncio.gather(encoder.files_of(upload), encoder.files_of(upload), return_exceptions=True)
    assert [type(each).__name__ for each in results] == ["ImageFiles", TooManyUploads.__name__]
