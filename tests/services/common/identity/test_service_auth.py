import httpx2

from services.common.identity.service_auth import ServiceAuth
from services.common.identity.tokens import Verifier
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.settings import ServiceSettings


async def test_a_call_carries_the_services_own_token(signing_keys):
    settings = ServiceSettings(
        service="order", auth_issuer=signing_keys.issuer, auth_signing_key_file=signing_keys.key_file
    )
    calls = []

    def answer(request):
        calls.append(request.headers["authorization"].partition(" ")[2])
        return httpx2.Response(200)

    transport = httpx2.MockTransport(answer)
    client = ServiceClient("catalog", "http://catalog", auth=ServiceAuth.of(settings), transport=transport)
    await client.request("GET", "/v1/products/7")
    caller = await Verifier(signing_keys.issuer, signing_keys.jwks_file.as_uri()).verify(calls[0])
    assert (caller.subject, caller.is_service) == ("order", True)
