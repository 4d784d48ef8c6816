"""What every service has in common by its files alone; a new service is looked at as soon as it is there."""

import ast

import pytest

from services.common.storage.migrate import SERVICES

ROUTES = sorted([*SERVICES.glob("**/api*.py"), *SERVICES.parent.glob("serving/api*.py")])
DATABASE = {"sqlalchemy", "psycopg", "alembic"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", ROUTES, ids=lambda path: str(path.relative_to(SERVICES.parent)))
def test_routes_hold_no_sql(path):
    assert [name for name in imported(path) if name.partition(".")[0] in DATABASE] == []
