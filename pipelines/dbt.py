"""dbt on the warehouse of `WAREHOUSE_DBT_URL`, by hand: `python -m pipelines.dbt build --select products`."""

import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from services.contracts.settings import resolved

FOLDER = Path(__file__).parents[1] / "dbt"
PROGRAM = str(Path(sys.executable).with_name("dbt"))
TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
"""What a URL may say of TLS, in libpq's words."""


def dbt_variables(url: str) -> dict[str, str]:
    """The pieces of `WAREHOUSE_DBT_URL` as the profile of the dbt project reads them."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    return {
        "WAREHOUSE_DBT_HOST": parts.hostname or "",
        "WAREHOUSE_DBT_PORT": str(parts.port or 5432),
        "WAREHOUSE_DBT_USER": unquote(parts.username or ""),
        "WAREHOUSE_DBT_PASSWORD": unquote(parts.password or ""),
        "WAREHOUSE_DBT_DBNAME": parts.path.lstrip("/"),
        **{f"WAREHOUSE_DBT_{name.upper()}": options.get(name, "") for name in TLS},
    }


def main() -> None:
    """Become dbt."""
    environment = resolved(os.environ)
    variables = dbt_variables(environment["WAREHOUSE_DBT_URL"])
    folders = ("--project-dir", str(FOLDER), "--profiles-dir", str(FOLDER))
    os.execve(PROGRAM, [PROGRAM, *sys.argv[1:], *folders], {**environment, **variables})  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main()
