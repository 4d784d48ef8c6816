"""Encrypts values: envelope encryption by Tink, a key of its own for each value, wrapped by the keyset's.

    vault = Vault(Path("payment-keys.json"))
    sealed = vault.seal({"token": "pm_1"}, "the payment's id")     # {"keyId": 17, "sealed": "..."}
    vault.open(sealed, "the payment's id")

A keyset has one primary key, which seals, and older ones, which only open. `rotate` adds a new primary; when all values
are sealed again by it, `retire` drops the older ones. A vault reads its file again when it was replaced. A value is
bound to its place: moved to another row, it does not open.
"""

import base64
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tink
from tink import aead, cleartext_keyset_handle
from tink.aead import KmsEnvelopeAead, aead_key_templates
from tink.proto import tink_pb2

from services.contracts.signing import version_of

aead.register()
TEMPLATE = aead_key_templates.AES256_GCM


class Vault:
    """Seals and opens JSON values by the keyset of a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read()

    def seal(self, value: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Encrypt a value, which only opens in the same place."""
        self._read_again()
        sealed = self._aead.encrypt(json.dumps(value).encode(), place.encode())
        return {"keyId": self.primary, "sealed": base64.b64encode(sealed).decode()}

    def open(self, sealed: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Decrypt a value.

        Raises:
            tink.TinkError: it was sealed elsewhere, or by a key that is gone.
        """
        self._read_again()
        value: dict[str, Any] = json.loads(self._aead.decrypt(base64.b64decode(sealed["sealed"]), place.encode()))
        return value

    def _read_again(self) -> None:
        if version_of(self._file) != self._version:
            self._read()

    def _read(self) -> None:
        self._version = version_of(self._file)
        keys = cleartext_keyset_handle.read(tink.JsonKeysetReader(self._file.read_text()))
        self.primary = int(keys.keyset_info().primary_key_id)
        self._aead = KmsEnvelopeAead(TEMPLATE, keys.primitive(aead.Aead))


def ensure_keys(file: Path) -> None:
    """Make a keyset with one key, if there is none."""
    if not file.exists():
        _write(file, _new())


def rotate(file: Path) -> int:
    """Add a new primary key; returns its id. The older ones still open what they sealed."""
    keyset, added = _keys(file), _new()
    while added.primary_key_id in {key.key_id for key in keyset.key}:
        added = _new()
    keyset.key.extend(added.key)
    keyset.primary_key_id = added.primary_key_id
    _write(file, keyset)
    return int(keyset.primary_key_id)


def retire(file: Path) -> list[int]:
    """Drop all keys but the primary; returns the ids of those that are gone, with all that they have sealed."""
    keyset = _keys(file)
    kept = [key for key in keyset.key if key.key_id == keyset.primary_key_id]
    gone = [int(key.key_id) for key in keyset.key if key.key_id != keyset.primary_key_id]
    del keyset.key[:]
    keyset.key.extend(kept)
    _write(file, keyset)
    return gone


def _new() -> tink_pb2.Keyset:
    target = io.StringIO()
    cleartext_keyset_handle.write(tink.JsonKeysetWriter(target), tink.new_keyset_handle(TEMPLATE))
    return tink.JsonKeysetReader(target.getvalue()).read()


def _keys(file: Path) -> tink_pb2.Keyset:
    return tink.JsonKeysetReader(file.read_text()).read()


def _write(file: Path, keyset: tink_pb2.Keyset) -> None:
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as target:
        tink.JsonKeysetWriter(target).write(keyset)
    new.replace(file)
