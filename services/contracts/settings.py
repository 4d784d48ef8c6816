"""Settings from environment variables, and secrets from files, as Docker and Kubernetes mount them.

`CATALOG_DATABASE_URL_FILE` names a file with the value of `CATALOG_DATABASE_URL`; the same works for every URL, user
name, password and webhook. `TANAWARI_SECRETS_DIR` names a directory of files that are named like variables.
"""

import os
import re
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from services.contracts.setting_errors import SECRET, SecretError, SettingError, assignment, message_of

DIRECTORY = "TANAWARI_SECRETS_DIR"
_NAMES_A_FILE = re.compile(rf"([A-Z][A-Z0-9_]*(?:{'|'.join(SECRET)}))_FILE")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_given: ContextVar[Mapping[str, str] | None] = ContextVar("given", default=None)


def resolved(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the values of secrets in place of the variables that name their files.

    Raises:
        SecretError: a variable is set twice, or a file cannot be read.
    """
    named = [
        (name, variable[1], Path(value))
        for name, value in environment.items()
        if value and (variable := _NAMES_A_FILE.fullmatch(name))
    ]
    if directory := environment.get(DIRECTORY):
        named += [(f"{DIRECTORY}/{path.name}", path.name, path) for path in _secrets_in(Path(directory))]
    found = {
        name: value for name, value in environment.items() if name != DIRECTORY and not _NAMES_A_FILE.fullmatch(name)
    }
    sources = {name: name for name, value in found.items() if value}
    for source, name, path in named:
        if name in sources:
            raise SecretError(f"{sources[name]} and {source} are both set: unset one")
        sources[name], found[name] = source, _read(source, path)
    return found


def resolve(environment: MutableMapping[str, str]) -> None:
    """The same in place, for libraries that read the environment."""
    values = resolved(environment)
    for name in [*environment]:
        if name not in values:
            del environment[name]
    environment.update(values)


def _secrets_in(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if _VARIABLE.fullmatch(path.name) and path.is_file())
    except OSError as error:
        raise SecretError(f"{DIRECTORY}: {directory} cannot be read: {error.strerror}") from error


def _read(source: str, path: Path) -> str:
    try:
        value = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretError(f"{source}: {path} cannot be read: {reason}") from None
    if not value:
        raise SecretError(f"{source}: {path} is empty")
    return value


class _Environment(EnvSettingsSource):
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - as it is there
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            variable = f"{self.env_prefix}{field_name}".upper()
            raise SettingError(f'{assignment(variable, value)}: expected JSON, such as ["a", "b"]') from None


class Settings(BaseSettings):
    """Fields from the resolved environment."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore", frozen=True)

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - any field
        """Read the fields that are not given.

        Raises:
            SettingError: a variable is missing or has an invalid value.
        """
        try:
            super().__init__(**given)
        except ValidationError as error:  # its own text would show secrets
            raise SettingError(message_of(error.errors(), str(self.model_config.get("env_prefix", "")))) from None

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The settings from these variables only; the environment of this process may belong to another deployment."""
        token = _given.set(variables)
        try:
            return cls.model_validate({})
        finally:
            _given.reset(token)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments take precedence over the environment; there are no other sources."""
        del env_settings, dotenv_settings, file_secret_settings
        environment, given = _Environment(settings_cls), _given.get()
        variables = resolved(os.environ if given is None else given)
        environment.env_vars = {name.lower(): value for name, value in variables.items()}
        return init_settings, environment
