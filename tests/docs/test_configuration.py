"""The page on configuration can only be trusted as long as it names every variable, and none that nobody reads."""

import importlib
import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from stack import environment, external
from stack.programs import addresses, secrets

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"
NAMED = set(re.findall(r"`([A-Z][A-Z0-9_]{3,})`", PAGE.read_text()))
FOLDERS = (
    *("services", "serving", "warehouse", "pipelines", "ml", "shop_import", "stack", "demo", "cli"),
    *("dbt", "tests", "notebooks"),
)
FOREIGN = {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES"}
"""Read by OpenTelemetry itself."""


def settings_classes():
    """All that the modules called `settings` define, so that those of a new service are among them."""
    classes = []
    for file in sorted([*ROOT.glob("*/settings.py"), *ROOT.glob("services/**/settings.py")]):
        module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        kinds = [kind for kind in vars(module).values() if isinstance(kind, type)]
        own = [kind for kind in kinds if issubclass(kind, BaseSettings) and kind.__module__ == module.__name__]
        classes += [pytest.param(kind, id=module.__name__) for kind in own]
    return classes


def variables(settings):
    """The environment variables of a settings class; `service` is what a process is called, and nobody sets it."""
    prefix = settings.model_config.get("env_prefix") or ""
    fields = {name: field for name, field in settings.model_fields.items() if name != "service"}
    return {str(field.validation_alias or f"{prefix}{name}".upper()) for name, field in fields.items()}


@pytest.mark.parametrize("settings", settings_classes())
def test_every_field_of_the_settings_is_on_the_page(settings):
    assert variables(settings) <= NAMED


def test_every_variable_that_the_stack_composes_is_on_the_page():
    assert {*addresses(), *secrets(), *external.SETTINGS, *external.CONNECTIONS, *environment.QUIET} <= NAMED


def test_the_page_names_no_variable_that_nothing_reads():
    read = set().union(*(variables(*parameter.values) for parameter in settings_classes()))
    files = [
        file
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.*")
        if file.suffix in {".py", ".yml", ".ipynb"} and file != Path(__file__) and "target" not in file.parts
    ]
    texts = "\n".join(file.read_text() for file in files)
    assert {name for name in NAMED - read - FOREIGN if name not in texts} == set()
