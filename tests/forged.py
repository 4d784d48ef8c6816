"""Tokens that nobody may accept, of every kind of attack, as `Authorization` headers."""

import base64
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from jwt.algorithms import HMACAlgorithm

from services.contracts.signing import ROLES, public_jwk

VISITOR = "anon:8b4ad2c1-27e5-4b0a-9f43-3cf2b7a9d6e1"
OTHERS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encoded(part):
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Forger:
    """Makes a user's token with every role, and changes it; `holder` is whose key signs."""

    def __init__(self, tokens):
        self._tokens = tokens
        self._keys = {}

    def key(self, holder):
        if holder not in self._keys:
            self._keys[holder] = load_pem_private_key(self._tokens.key_file(holder).read_bytes(), None)
        return self._keys[holder]

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": self._tokens.issuer, "sub": "u1", "aud": "tanawari", "iat": now, "exp": now + 60}
        claims |= {"token_use": "access", "roles": list(ROLES), "jti": "1"} | changes
        return {name: value for name, value in claims.items() if value is not None}

    def head(self, holder="auth", **changes):
        head = {"typ": "JWT", "alg": "RS256", "kid": public_jwk(self.key(holder).public_key())["kid"]} | changes
        return {name: value for name, value in head.items() if value is not None}

    def by(self, holder="auth", *, key=None, algorithm="RS256", head=None, payload=None, **changes):
        """A token by RSA, whose head may say anything."""
        signer = jwt.get_algorithm_by_name(algorithm)
        head = self.head(holder, alg=algorithm) | (head or {})
        said = f"{encoded(head)}.{encoded(self.claims(**changes) if payload is None else payload)}"
        return f"{said}.{encoded(signer.sign(said.encode(), key or self.key(holder)))}"

    def by_secret(self, secret):
        """A token by HMAC, whose secret is what everybody knows."""
        said = f"{encoded(self.head(alg='HS256'))}.{encoded(self.claims())}"
        return f"{said}.{encoded(HMACAlgorithm(HMACAlgorithm.SHA256).sign(said.encode(), secret))}"


def forgeries(tokens, service):
    """The headers by name of the attack; `service` is who is called."""
    forger = Forger(tokens)
    by = forger.by
    good = by()
    head, body, signature = good.split(".")
    public = forger.key("auth").public_key()
    published = tokens.keyring.published.read_bytes()
    as_service = {"token_use": "service", "aud": service, "roles": None}
    as_visitor = {"token_use": "visitor", "roles": None}
    own = {"jwk": public_jwk(OTHERS.public_key())}
    now = int(time.time())
    made = {
        "alg none": f"{encoded(forger.head(alg='none'))}.{body}.",
        "alg none with a signature": f"{encoded(forger.head(alg='none'))}.{body}.{signature}",
        "alg nOnE": f"{encoded(forger.head(alg='nOnE'))}.{body}.",
        "no alg": f"{encoded(forger.head(alg=None))}.{body}.{signature}",
        "HS256 with the public PEM": forger.by_secret(
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        ),
        "HS256 with the public DER": forger.by_secret(
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ),
        "HS256 with the published list": forger.by_secret(published),
        "HS256 with the modulus": forger.by_secret(public_jwk(public)["n"].encode()),
        "HS256 with nothing": forger.by_secret(b""),
        "RS384": by(algorithm="RS384"),
        "RS512": by(algorithm="RS512"),
        "PS256": by(algorithm="PS256"),
        "ES256": by(algorithm="ES256", key=ec.generate_private_key(ec.SECP256R1())),
        "wrong issuer": by(iss="https://elsewhere.example"),
        "no issuer": by(iss=None),
        "two issuers": by(iss=[tokens.issuer]),
        "wrong audience": by(aud="catalog"),
        "no audience": by(aud=None),
        "an empty audience": by(aud=[]),
        "a number as audience": by(aud=7),
        "an object as audience": by(aud={"tanawari": 1}),
        "an id token": by(token_use="id"),
        "a refresh token": by(token_use="refresh"),
        "a list of uses": by(token_use=["access"]),
        "a use that is null": by(payload=json.dumps(forger.claims() | {"token_use": None}).encode()),
        "a service's by auth's key": by(**as_service, sub="importer"),
        "a visitor's by auth's key": by(**as_visitor, sub=VISITOR),
        "expired": by(iat=now - 120, exp=now - 60),
        "no end": by(exp=None),
        "an end as text": by(exp=str(now + 60)),
        "an end beyond all numbers": by(exp=10**400),
        "an end that is infinite": by(exp=float("inf")),
        "an end that is no number": by(exp=float("nan")),
        "an end that is a list": by(exp=[now + 60]),
        "a number of too many digits": by(payload=b'{"exp":' + b"9" * 5_000 + b"}"),
        "valid for too long": by(exp=now + 3_600),
        "not yet valid": by(nbf=now + 3_600),
        "issued in the future": by(iat=now + 3_600, exp=now + 3_660),
        "no time of issue": by(iat=None),
        "a time of issue as text": by(iat=str(now)),
        "a time of issue that is true": by(iat=True),
        "nobody": by(sub=None),
        "a number as subject": by(sub=1),
        "an empty subject": by(sub=""),
        "a subject with a slash": by(sub="u1/../u2"),
        "a subject with a NUL": by(sub="u1\0"),
        "a subject of half a character": by(sub="\ud800"),
        "a user who is a visitor": by(sub=VISITOR),
        "an unsigned visitor id": VISITOR,
        "a visitor's without a signature": f"{head}.{encoded(forger.claims(**as_visitor, sub=VISITOR))}.",
        "a visitor's that can be guessed": by("gateway", **as_visitor, sub="anon:1"),
        "a visitor's by a service's key": by("serving", **as_visitor, sub=VISITOR),
        "a visitor's for ten years": by("gateway", **as_visitor, sub=VISITOR, exp=now + 10 * 365 * 86_400),
        "a visitor's that has expired": by("gateway", **as_visitor, sub=VISITOR, exp=now - 60),
        "unknown kid": by(head={"kid": "unknown"}),
        "no kid": f"{encoded(forger.head(kid=None))}.{body}.{signature}",
        "a path as kid": by(head={"kid": "../../../auth.pem"}),
        "/dev/null as kid": by(head={"kid": "/dev/null"}),
        "a statement as kid": by(head={"kid": "' OR 1=1 --"}),
        "a number as kid": by(head={"kid": 0}),
        "another holder's kid": by(head={"kid": forger.head("gateway")["kid"]}),
        "jku": by(key=OTHERS, head={"jku": "https://evil.example/jwks.json"}),
        "x5u": by(key=OTHERS, head={"x5u": "https://evil.example/cert.pem"}),
        "x5c": by(key=OTHERS, head={"x5c": [encoded(b"certificate")]}),
        "jwk": by(key=OTHERS, head=own),
        "jwk with its own kid": by(key=OTHERS, head=own | {"kid": own["jwk"]["kid"]}),
        "an unknown critical header": by(head={"crit": ["exp-of-mine"], "exp-of-mine": 1}),
        "an empty list of critical headers": by(head={"crit": []}),
        "an unencoded payload": by(head={"b64": False, "crit": ["b64"]}),
        "a user's by the importer's key": by("importer"),
        "a user's by serving's key": by("serving"),
        "another service's name": by("serving", **as_service, sub="importer"),
        "a service that is unknown": by("serving", **as_service, sub="root"),
        "for a service that its key may not call": by("operator", **as_service | {"aud": "content"}, sub="operator"),
        "a service's for ten minutes": by("importer", **as_service, sub="importer", exp=now + 600),
        "another signature": f"{head}.{body}.{by(sub='u2').split('.')[2]}",
        "a cut signature": f"{head}.{body}.{signature[:-8]}",
        "no signature": f"{head}.{body}",
        "an empty signature": f"{head}.{body}.",
        "another payload": f"{head}.{encoded(forger.claims(sub='u2'))}.{signature}",
        "a payload that is a list": by(payload=b"[]"),
        "a payload that is null": by(payload=b"null"),
        "a payload without an end": by(payload=b'{"sub":' + b"[" * 4_000),
        "encrypted": f"{head}.{body}.{signature}.{body}.{signature}",
        "only dots": "..",
        "too long": by(padding="x" * 9_000),
        "a role as text": by(roles="admin"),
        "roles that are objects": by(roles=[{"name": "admin"}]),
        "a thousand roles": by(roles=["admin"] * 1_000),
        "viewed by nobody": by(act={}),
        "viewed by an empty name": by(act={"sub": ""}),
        "viewed by a text": by(act="u2"),
    }
    if service != "gateway":  # behind which is every other service
        made["for another service"] = tokens.service("serving", "catalog" if service == "content" else "content")
    headers = {name: [f"Bearer {token}"] for name, token in made.items()}
    return headers | {
        "another scheme": [f"Basic {good}"],
        "no scheme": [good],
        "no token": ["Bearer"],
        "two tokens in one": [f"Bearer {good}, Bearer {good}"],
        "two headers": [f"Bearer {good}", f"Bearer {by(sub='u2')}"],
    }
