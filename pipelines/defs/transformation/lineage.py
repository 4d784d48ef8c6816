"""The lineage of columns, kept by version of the model: to compute it takes a fifth of a small shop's refresh.

dagster-dbt computes it in each run, from each model's SQL, in which the rules stand, and the names of the tables.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliInvocation
from dagster_dbt.core.dbt_event_iterator import DbtEventIterator

from pipelines.recipe import Recipe

METADATA = "dagster/column_lineage"
Lineages = dict[str, dg.TableColumnLineage]
"""By the version of the model, and a digest of the rules, the tables' names and the packages that computed it."""


class ColumnLineage:
    """The lineage of the models' columns as far as a file knows it, kept up to date there.

    Args:
        file: where it is kept; without a readable one everything is computed.
        recipe: the versions of all models, and the rules.
        tables: what Dagster calls them and what they read.
    """

    def __init__(self, file: Path, recipe: Recipe, tables: Iterable[dg.AssetKey]) -> None:
        packages = [f"{package} {version(package)}" for package in ("dagster", "dagster-dbt", "sqlglot")]
        common = [packages, sorted(recipe.rules.items()), sorted(key.to_user_string() for key in tables)]
        digest = hashlib.sha256(repr(common).encode()).hexdigest()[:12]
        self._file = file
        self._keys = {model: f"{model} {number} {digest}" for model, number in recipe.versions.items()}
        self._known = {key: each for key, each in _read(file).items() if key in self._keys.values()}

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to compute."""
        return self._known.keys() == set(self._keys.values())

    def kept(self, events: Iterable[Any]) -> Iterator[Any]:
        """The events of dbt, models with their lineage as far as it is known; what events bring with them is kept."""
        computed: Lineages = {}
        try:
            for event in events:
                key = self._keys.get(event.metadata["unique_id"].text, "")
                is_model = isinstance(event, dg.Output | dg.AssetMaterialization)
                if is_model and METADATA in event.metadata:
                    computed[key] = event.metadata[METADATA].value
                is_known = is_model and key in self._known and key not in computed
                yield event.with_metadata({**event.metadata, METADATA: self._known[key]}) if is_known else event
        finally:  # of a run that fails, too
            if computed:
                self._write(self._known | computed)

    def _write(self, lineages: Lineages) -> None:
        fresh = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        fresh.write_text(dg.serialize_value(lineages))
        fresh.replace(self._file)


def with_columns(invocation: DbtCliInvocation, *, with_lineage: bool) -> Iterator[Any]:
    """The events of dbt as they come, models with their columns, and with the lineage of these if wanted.

    dagster-dbt gets one event at a time: with all of them it keeps a core busy asking whether dbt has told another.
    """
    for event in invocation.stream():
        yield from DbtEventIterator(iter([event]), invocation).fetch_column_metadata(with_column_lineage=with_lineage)


def _read(file: Path) -> Lineages:
    try:
        return dict(dg.deserialize_value(file.read_text(), as_type=dict))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it can be computed again
        return {}
