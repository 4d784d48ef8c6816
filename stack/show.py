"""Tables of the stack's status."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

COLOURS = {
    "ready": "green",
    "starting": "yellow",
    "not answering": "red",
    "external": "cyan",
    "stopped": "red",
    "waiting to restart": "red",
}

ADDRESSES = {
    "storefront": ("gateway", "/"),
    "api_docs": ("gateway", "/docs"),
    "dagster": ("dagster", "/"),
    "mlflow": ("mlflow", "/"),
    "dbt_docs": ("dbt-docs", "/"),
}
"""The pages that people open: program and path by name."""


def addresses(status: dict[str, Any]) -> dict[str, str]:
    """The addresses of these pages, by name."""
    processes = status["processes"]
    return {
        name: processes[program]["address"] + path
        for name, (program, path) in ADDRESSES.items()
        if processes.get(program, {}).get("address")
    }


def processes_table(status: dict[str, Any]) -> Table:
    """The table of all processes."""
    columns = ("process", "state", "pid", "restarts", "address", "last error")
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for name, process in status["processes"].items():
        state = process["state"]
        cells = (process["pid"] or "", process["restarts"] or "", process["address"] or "", process["trouble"] or "")
        table.add_row(name, f"[{COLOURS[state]}]{state}[/]", *map(str, cells))
    return table


def addresses_table(opened: Mapping[str, str]) -> Table:
    """The table of addresses."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, address in opened.items():
        table.add_row(name.replace("_", " "), f"[link={address}]{address}[/link]")
    return table
