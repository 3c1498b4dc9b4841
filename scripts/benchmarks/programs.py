"""The sizes of the on-chain stand-ins, and the compute units of every instruction."""

from __future__ import annotations

from psyche_cli.resources import program_path
from scripts.benchmarks.table import Table
from tests.programs.compute_units import CLIENTS, DEFAULT_LIMIT, most_used


def measure(table: Table) -> None:
    """Print sizes and compute units."""
    table.section(f"on-chain stand-ins, {CLIENTS} clients")
    for program in ("coordinator", "authorizer", "treasurer"):
        table.figure(f"{program}.so", program_path(program).stat().st_size, "bytes")
    for name, used in most_used().items():
        table.figure(name, used, "compute units", f"{used / DEFAULT_LIMIT:6.1%} of the default limit")
