"""The applications of all services, found by their folders, for tests that look at all of them."""

import importlib
from pathlib import Path

from services.common.runtime.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
PACKAGES = {
    file.parent.name: ".".join(file.parent.relative_to(ROOT).parts)
    for file in sorted([*ROOT.glob("services/*/app.py"), *ROOT.glob("*/app.py")])
}
"""The package of each service, by its name."""
HAVE_DATABASE = {file.parent.parent.name for file in ROOT.glob("services/*/migrations/versions")}
NOWHERE = {"database_url": "postgresql://nobody@127.0.0.1:9/nothing", "kafka_url": "127.0.0.1:9"}


def settings_of(name, **given):
    """A service's settings, from those of the given ones that it has."""
    module = importlib.import_module(f"{PACKAGES[name]}.settings")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, ServiceSettings)]
    (kind,) = [kind for kind in kinds if kind.__module__ == module.__name__]
    return kind(**{key: value for key, value in given.items() if key in kind.model_fields})


def application(name, **given):
    """A service's application, as its process builds it; without a database it is complete, too."""
    create_app = importlib.import_module(f"{PACKAGES[name]}.app").create_app
    return create_app(settings_of(name, **(NOWHERE | given)))
