import base64
import hashlib
import re

import httpx2
import pytest

from stack.parts.process import free_port


def test_metrics_have_a_port_of_their_own_and_are_not_at_the_entrance(gateway):
    port = free_port()
    client = gateway(metrics_port=port)
    assert client.get("/metrics").status_code == 404
    assert "tanawari_http_requests_total" in httpx2.get(f"http://127.0.0.1:{port}/metrics").text


def test_a_host_that_is_not_the_shops_is_refused(gateway):
    answer = gateway().get("/v1/products", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["content-type"]) == (421, "application/problem+json")


@pytest.mark.parametrize("host", ["shop.example", "www.shop.example:8000"])
def test_the_shops_own_hosts_may_be_many(gateway, host):
    client = gateway(allowed_hosts=("shop.example", "*.shop.example"))
    assert client.get("/v1/products", headers={"Host": host}).status_code == 200


def test_a_probe_may_ask_by_any_address(gateway):
    assert gateway().get("/health/live", headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_an_answer_that_is_no_page_may_load_nothing(gateway):
    assert gateway().get("/v1/products").headers["content-security-policy"].startswith("default-src 'none'")


def test_the_api_page_runs_its_own_script_and_no_other(gateway):
    answer = gateway().get("/docs")
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in answer.headers["content-security-policy"]
