"""Run the tests that published clients ship against psyche-cli localnet and print a table.

Exit code 1 if a test fails for which scripts/foreign/reasons.toml has no reason, or if a suite could not be run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.foreign import python_suites, rust_suites
from scripts.foreign.suites import SUITES, PythonSuite, RustSuite
from scripts.foreign.table import Result, lines, read_reasons, unexplained

USUAL_FOLDER = Path(tempfile.gettempdir()) / "psyche-cli-foreign-suites"


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/foreign-suites", description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"suites to run, by default all: {', '.join(s.name for s in SUITES)}")
    parser.add_argument(
        "--folder",
        type=Path,
        default=USUAL_FOLDER,
        help="where packages are stored, unpacked, built and run (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=int, default=2, help="command-line tests to run at a time (default: 2)")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.suite) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    return chosen


def _run(suite: PythonSuite | RustSuite, folder: Path, jobs: int) -> Result:
    print(f"Running the tests of {suite.package} {suite.version} ...", file=sys.stderr)
    own = folder / suite.name
    if isinstance(suite, PythonSuite):
        return Result(suite.name, suite.version, python_suites.run(suite, own))
    return Result(suite.name, suite.version, rust_suites.run(suite, own, jobs=jobs))


def main(arguments: Sequence[str]) -> int:
    """Run the suites and print the table."""
    chosen = _arguments(arguments)
    results, broken = [], []
    for suite in SUITES:
        if suite.name in (chosen.suite or [suite.name]):
            try:
                results.append(_run(suite, chosen.folder.absolute(), chosen.jobs))
            except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                broken.append(f"{suite.name} could not be run: {error}")
    reasons = read_reasons()
    print("\n".join([*lines(results, reasons), *broken]))
    return 1 if broken or unexplained(results, reasons) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
