"""``python -m scripts.benchmarks [--repeat N] [SECTION ...]``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from scripts.benchmarks import (
    commands,
    dashboard,
    decoding,
    doors,
    engines,
    files,
    following,
    history,
    members,
    programs,
    registry,
    rehearsals,
    simulations,
    telemetry,
    training,
    validator,
    verbs,
    workers,
)
from scripts.benchmarks.shell import Shell
from scripts.benchmarks.table import Table

SECTIONS = (
    "doors",
    "verbs",
    "commands",
    "decoding",
    "files",
    "programs",
    "simulations",
    "members",
    "training",
    "engines",
    "validator",
    "following",
    "telemetry",
    "workers",
    "registry",
    "history",
    "dashboard",
    "rehearse",
)


def main() -> None:
    """Measure the given sections, or all of them."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Print benchmark figures of this machine.")
    parser.add_argument("--repeat", type=int, default=9, metavar="N", help="number of processes per figure (default 9)")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    arguments = parser.parse_args()
    wanted = arguments.sections or SECTIONS
    table = Table()
    with tempfile.TemporaryDirectory(prefix="psyche-bench-") as folder:
        if "doors" in wanted:
            house = Path(folder, "doors")
            house.mkdir()
            doors.measure(Shell(house), table, arguments.repeat)
        if "verbs" in wanted:
            far = Path(folder, "verbs")
            far.mkdir()
            verbs.measure(Shell(far), table)
        if "commands" in wanted:
            commands.measure(Shell(Path(folder)), table, arguments.repeat)
        if "decoding" in wanted:
            decoding.measure(table)
        if "files" in wanted:
            transfers = Path(folder, "files")
            transfers.mkdir()
            files.measure(Shell(transfers), table, arguments.repeat)
        if "programs" in wanted:
            programs.measure(table)
        if "simulations" in wanted:
            simulations.measure(table)
        if "members" in wanted:
            members.measure(table)
        if "training" in wanted:
            training.measure(table)
        if "engines" in wanted:
            place = Path(folder, "engines")
            place.mkdir()
            engines.measure(place, table, arguments.repeat)
        if "validator" in wanted:
            validator.measure(Shell(Path(folder)), table)
        if "following" in wanted:
            following.measure(Shell(Path(folder)), table)
        if "telemetry" in wanted:
            state = Path(folder, "telemetry")
            state.mkdir()
            telemetry.measure(state, table)
        if "workers" in wanted:
            workers.measure(Path(folder, "workers"), table, arguments.repeat)
        if "registry" in wanted:
            registry.measure(Path(folder), table)
        if "history" in wanted:
            history.measure(table, Path(folder, "history"))
        if "dashboard" in wanted:
            dashboard.measure(table, Path(folder, "dashboard"))
        if "rehearse" in wanted:
            rehearsals.measure(Path(folder, "rehearse"), table)


if __name__ == "__main__":
    main()
