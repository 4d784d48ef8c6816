"""Encrypts payment details: envelope encryption by Tink, a key of its own for each value, wrapped by the keyset's.

    vault = Vault.of(Path("payment-keys.json"))
    sealed = vault.seal({"token": "pm_1"}, "the payment's id")     # {"keyId": 17, "sealed": "..."}
    vault.open(sealed, "the payment's id")

A keyset has one primary key, which seals, and older ones, which only open. `rotate` adds a new primary;
`Vault.is_current` says which values are to be sealed again before an old key may go. A value is bound to its payment:
moved to another row, it does not open.
"""

import base64
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import tink
from tink import aead, cleartext_keyset_handle
from tink.aead import KmsEnvelopeAead, aead_key_templates
from tink.proto import tink_pb2

aead.register()
TEMPLATE = aead_key_templates.AES256_GCM


class Vault:
    """Seals and opens JSON values."""

    def __init__(self, keys: tink.KeysetHandle) -> None:
        self._primary = keys.keyset_info().primary_key_id
        self._aead = KmsEnvelopeAead(TEMPLATE, keys.primitive(aead.Aead))

    @classmethod
    def of(cls, file: Path) -> Self:
        """The vault of a keyset's file."""
        return cls(_read(file))

    def seal(self, value: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Encrypt a value, which only opens in the same place."""
        sealed = self._aead.encrypt(json.dumps(value).encode(), place.encode())
        return {"keyId": self._primary, "sealed": base64.b64encode(sealed).decode()}

    def open(self, sealed: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Decrypt a value.

        Raises:
            tink.TinkError: it was sealed elsewhere, or by a key that is gone.
        """
        value: dict[str, Any] = json.loads(self._aead.decrypt(base64.b64decode(sealed["sealed"]), place.encode()))
        return value

    def is_current(self, sealed: Mapping[str, Any]) -> bool:
        """Whether a value was sealed by the primary key."""
        return bool(sealed["keyId"] == self._primary)


def ensure_keys(file: Path) -> None:
    """Make a keyset with one key, if there is none."""
    if not file.exists():
        _write(file, tink.new_keyset_handle(TEMPLATE))


def rotate(file: Path) -> int:
    """Add a new primary key; returns its id. The older ones still open what they sealed."""
    keyset = tink.JsonKeysetReader(file.read_text()).read()
    known = {key.key_id for key in keyset.key}
    while True:
        added = _keyset(tink.new_keyset_handle(TEMPLATE))
        if added.primary_key_id not in known:
            break
    keyset.key.extend(added.key)
    keyset.primary_key_id = added.primary_key_id
    _write(file, cleartext_keyset_handle.from_keyset(keyset))
    return int(keyset.primary_key_id)


def _read(file: Path) -> tink.KeysetHandle:
    return cleartext_keyset_handle.read(tink.JsonKeysetReader(file.read_text()))


def _json(keys: tink.KeysetHandle) -> str:
    target = io.StringIO()
    cleartext_keyset_handle.write(tink.JsonKeysetWriter(target), keys)
    return target.getvalue()


def _keyset(keys: tink.KeysetHandle) -> tink_pb2.Keyset:
    return tink.JsonKeysetReader(_json(keys)).read()


def _write(file: Path, keys: tink.KeysetHandle) -> None:
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(_json(keys))
    new.replace(file)
