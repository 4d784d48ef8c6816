"""What `docs/howto/manage-the-catalogue.md` tells to type, typed, against a catalog."""

import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from services.catalog.app import create_app
from tests.services.gateway.standing_in import served

HOWTO = (Path(__file__).parents[3] / "docs/howto/manage-the-catalogue.md").read_text()


@pytest.fixture
def typed(settings, tokens, tmp_path):
    """Types a block of commands; gives the lines of the answers."""
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(picture, "PNG")
    (tmp_path / "sencha.png").write_bytes(picture.getvalue())
    with served(create_app(settings)) as address:
        environment = {**os.environ, "GATEWAY": address, "TOKEN": tokens.user("m1", roles=("merchandiser",))}

        def run(block):
            command = ["bash", "-e", "-c", block]
            done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
            assert done.returncode == 0, block + done.stdout + done.stderr
            return list(answers(done.stdout))

        yield run


def answers(text):
    """The documents of a text, whether lines divide them or not."""
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def test_what_the_howto_types_does_what_it_says(typed):
    many, mended, pictured, set_anew, offered, asked = re.findall(r"```bash\n(.*?)```", HOWTO, re.DOTALL)
    assert [(each["status"], each.get("sku")) for each in typed(many)] == [
        ("created", None),
        ("created", None),
        ("created", "SENCHA"),
        ("created", "SENCHA-100"),
        ("refused", "SENCHA-200"),
    ]
    assert [each["status"] for each in typed(mended)] == ["created"]
    assert typed(pictured)[0]["address"].startswith("/v1/images/")
    assert typed(set_anew)[-1]["price"] == "12.50"
    assert typed(offered)[0]["specialPrice"]["price"] == "9.80"
    [prices] = typed(asked)
    assert [(each["price"], each["specialPrice"]) for each in prices["items"]] == [
        ("12.50", "9.80"),
        ("12.50", None),
        ("12.00", None),
    ]
