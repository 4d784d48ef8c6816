"""The definition of the marts: the rules of what counts, and a version of every model.

Rules are the variables of the dbt project, its seeds and the macros of `macros/rules.sql`: with other rules than those
of the marts, new rows would be inconsistent with old ones. A version changes with the model's SQL, and with everything
that the model depends on.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

PROJECT = "tanawari"
RULES = "macros/rules.sql"


@dataclass(frozen=True)
class Recipe:
    """The rules by name, and by dbt's ids the versions of all models, the tests of the data and the views.

    A view is its name, followed by the names of what it reads.
    """

    rules: dict[str, str]
    versions: dict[str, str]
    tests: frozenset[str]
    views: dict[str, list[str]]

    @classmethod
    def of(
        cls, project: Path, manifest: Path, environment: Mapping[str, str], overrides: Mapping[str, Any]
    ) -> "Recipe":
        """Read it.

        Args:
            project: the folder of the dbt project.
            manifest: what dbt parsed of it.
            environment: what the project's variables may ask for.
            overrides: variables that the command line says (`--vars`).
        """
        parsed = json.loads(manifest.read_bytes())
        rules = _variables(project, environment, overrides) | _seeds(parsed) | _macros(parsed)
        tests = frozenset(key for key, node in parsed["nodes"].items() if node["resource_type"] == "test")
        return cls(rules, _versions(parsed), tests, _views(parsed))

    def is_complete(self, done: Collection[str]) -> bool:
        """Whether all models were built, and all tests of the data passed."""
        return (self.versions.keys() | self.tests) <= set(done)

    def changed_since(self, written: Sequence[Mapping[str, str]]) -> list[str]:
        """The models that had another version in any of these runs; all models if there was no run."""
        return sorted(
            name for name, version in self.versions.items() if {each.get(name) for each in written} != {version}
        )


def differences(built: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The rules that differ between the marts and a run, as texts with both values."""
    names = sorted(name for name in built.keys() | now.keys() if built.get(name) != now.get(name))
    return [f"{name} was {built.get(name, 'not there')}, is {now.get(name, 'gone')}" for name in names]


def _variables(project: Path, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> dict[str, str]:
    declared = yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]
    template = jinja2.Environment(autoescape=False).from_string  # noqa: S701 - no page
    rendered = {name: template(str(value)).render(env_var=environment.get) for name, value in declared.items()}
    return rendered | {name: str(value) for name, value in overrides.items()}


def _seeds(manifest: Mapping[str, Any]) -> dict[str, str]:
    seeds = (node for node in manifest["nodes"].values() if node["resource_type"] == "seed")
    return {f"seed {seed['name']}": seed["checksum"]["checksum"][:12] for seed in seeds}


def _macros(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"macro {macro['name']}": _digest([macro["macro_sql"]])
        for macro in manifest["macros"].values()
        if macro["package_name"] == PROJECT and macro["original_file_path"] == RULES
    }


def _versions(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of each model's SQL and columns, the project's macros that it uses, and its parents' versions."""

    @cache
    def version(unique_id: str) -> str:
        node = manifest["nodes"].get(unique_id)
        if node is None:  # a source
            return ""
        columns = [(name, column["data_type"], column["constraints"]) for name, column in node["columns"].items()]
        parts = [node["checksum"]["checksum"], columns, node.get("constraints")]
        return _digest(
            [
                *parts,
                *map(macro, node["depends_on"].get("macros", ())),
                *map(version, node["depends_on"].get("nodes", ())),
            ]
        )

    @cache
    def macro(unique_id: str) -> str:
        found = manifest["macros"].get(unique_id)
        if found is None or found["package_name"] != PROJECT:
            return ""
        return _digest([found["macro_sql"], *map(macro, found["depends_on"]["macros"])])

    return {key: version(key) for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def _views(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    relations = manifest["nodes"] | manifest["sources"]

    def name(unique_id: str) -> str:
        relation = relations[unique_id]
        return '"{}"."{}"'.format(relation["schema"], relation.get("identifier") or relation["alias"])

    return {
        key: [name(key), *(name(parent) for parent in node["depends_on"]["nodes"] if parent in relations)]
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "view"
    }


def _digest(parts: Iterable[Any]) -> str:
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True).encode()).hexdigest()[:12]
