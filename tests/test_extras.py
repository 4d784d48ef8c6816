"""Each kind of process starts with the packages of its extra alone, as in an image that holds nothing else."""

import subprocess
import sys
import tomllib
from importlib.metadata import distribution, entry_points, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDS = {
    "services": ["services.*"],
    "serving": ["services.common.web.server", "serving.*"],
    "landing": ["warehouse.landing", "warehouse.migrate"],
    "pipelines": ["pipelines.*", "ml.*", "warehouse.*"],
    "cli": ["cli.*", "shop_import.*", "services.common.storage.migrate", "warehouse.migrate"],
    "stack": ["cli.*", "demo.*", "stack.*"],
}
"""What a process of each kind imports, at its start or later; `.*` stands for all modules of a package."""
COMMANDS = {"pipelines": {"dagster", "dagster-webserver", "dagster-daemon", "dbt", "mlflow"}}
IMPORT = """
import pkgutil, sys
from importlib import import_module
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

class Image(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else super().find_spec(name, path, target)

absent, modules = set(sys.argv[1].split(",")), sys.argv[2:]
sys.meta_path[:] = [BuiltinImporter, FrozenImporter, Image]
for name in modules:
    package = import_module(name.removesuffix(".*"))
    if name.endswith(".*"):
        for each in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if each.name not in ("cli.__main__", "services.contracts.generate"):  # the latter is a developer's
                import_module(each.name)
"""


def distributions_of(requirements, found=None):
    """The names of the distributions that some requirements bring, with what those require in turn."""
    found = set() if found is None else found
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name == PROJECT["name"]:
            wanted = [each for extra in requirement.extras for each in PROJECT["optional-dependencies"][extra]]
            distributions_of(wanted, found)
            continue
        extras = frozenset(requirement.extras) or frozenset({""})
        if (name, extras) in found:
            continue
        found.add((name, extras))
        further = [Requirement(each) for each in distribution(name).requires or ()]
        applying = [
            each for each in further if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in extras)
        ]
        distributions_of([str(each).partition(";")[0] for each in applying], found)
    return {name for name, _ in found}


OWNERS = packages_distributions()


def image(extra):
    return distributions_of([*PROJECT["dependencies"], f"{PROJECT['name']}[{extra}]"])


def run_with(extra, code, *modules):
    """Run code in a process in which nothing can be imported that an extra does not bring."""
    there = image(extra) | {PROJECT["name"]}
    absent = [
        package for package, owners in OWNERS.items() if not there & {canonicalize_name(owner) for owner in owners}
    ]
    command = [sys.executable, "-c", code, ",".join(absent), *modules]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("extra", NEEDS)
def test_a_process_imports_nothing_that_its_extra_does_not_bring(extra):
    result = run_with(extra, IMPORT, *NEEDS[extra])
    assert result.returncode == 0, result.stderr[-3_000:]


def test_a_command_that_needs_another_extra_names_it(tmp_path):
    words = ["tanawari", "dbt", "--state", str(tmp_path), "build"]
    result = run_with("cli", f"{IMPORT}\nsys.argv = {words}\nfrom cli.command import app\napp()")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "pip install 'tanawari[pipelines]'" in result.stderr


@pytest.mark.parametrize(("extra", "commands"), COMMANDS.items())
def test_an_extra_brings_the_commands_that_its_processes_are(extra, commands):
    there = image(extra)
    assert commands <= {
        each.name
        for each in entry_points(group="console_scripts")
        if each.dist and canonicalize_name(each.dist.name) in there
    }


@pytest.mark.parametrize(
    ("extra", "heavy"),
    [("services", "polars"), ("landing", "fastapi"), ("serving", "mlflow"), ("serving", "dagster"), ("cli", "dagster")],
)
def test_an_image_is_spared_what_its_process_does_not_use(extra, heavy):
    assert heavy not in image(extra)
