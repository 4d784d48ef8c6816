"""Runs a module of the storefront without a browser, for what needs no page."""

import json
import subprocess

from playwright._impl._driver import compute_driver_executable

from services.gateway.storefront_files import FOLDER

RUN = """
globalThis.document = { documentElement: { lang: %s } };
import(%s).then((module) => console.log(JSON.stringify((%s)(module))));
"""


def run(module, function, language="en"):
    """What a JavaScript function of a module's exports gives."""
    node, _ = compute_driver_executable()
    address = (FOLDER / module).as_uri()
    command = [node, "--no-warnings", "--eval", RUN % (json.dumps(language), json.dumps(address), function)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
