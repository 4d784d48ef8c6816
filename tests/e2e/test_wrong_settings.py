"""A program whose settings are wrong ends at once, with one line."""

import os
import subprocess
import sys

import pytest

SERVER = "services.common.web.server"
NOT_A_NUMBER = "Input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        ((SERVER, "services.gateway.app:create_app"), "GATEWAY_METRICS_PORT"),
        ((SERVER, "services.gateway.app:create_app"), "SERVER_CONNECTIONS"),
        (("warehouse.landing",), "LANDING_SESSION_MS"),
    ],
)
def test_the_line_names_the_variable_its_value_and_what_is_expected(words, variable):
    urls = {"WAREHOUSE_LOADER_URL": "postgresql://127.0.0.1:1/warehouse", "KAFKA_URL": "127.0.0.1:1"}
    known = {**urls, "AUTH_SIGNING_KEY_FILE": "/none"}
    environment = {**os.environ, **known, variable: "many"}
    ran = subprocess.run([sys.executable, "-m", *words], env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, f"{variable}=many: {NOT_A_NUMBER}\n")
