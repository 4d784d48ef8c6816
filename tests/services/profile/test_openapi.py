from functools import partial

import psycopg
import pytest

from tests.services.conformance import served, violations


@pytest.mark.repeated
def test_the_api_does_what_its_document_says(settings, tokens, tmp_path, others, rounds):
    environment = {
        **tokens.environment,
        "PROFILE_DATABASE_URL": settings.database_url,
        "KAFKA_URL": settings.kafka_url,
        **{f"{name.upper()}_URL": service.url for name, service in others.items()},
    }
    for path in ("/v1/users/tester/actions", "/v1/users/tester/views"):
        others["analytics"].says(path, {"items": []})
    others["cart"].says("/v1/carts/tester", {})
    for service, name in (("order", "orders"), ("order", "returns"), ("payment", "payments")):
        others[service].says(f"/v1/users/tester/{name}", {"items": []})
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("INSERT INTO users (id, email) VALUES ('tester', 'tester@example.com')")
    caller = partial(tokens.user, "tester", roles=("operator",))
    with served("profile", environment, tmp_path / "profile.log") as url:
        assert violations(url, caller, cases=rounds(2_300)) == ""
