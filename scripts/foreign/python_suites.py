"""Runs the tests of a Python package in an environment of their own against a process of the local validator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scripts.foreign.outcomes import Case, from_junit
from scripts.foreign.suites import PythonSuite

SECONDS_PER_TEST: Final = 100
"""One test of solana-py sleeps for a minute."""


@contextmanager
def running_validator(folder: Path) -> Iterator[tuple[str, str]]:
    """``psyche-cli localnet`` on free ports: the URLs of JSON-RPC and PubSub. Its log is in the folder."""
    command = [sys.executable, "-m", "psyche_cli", "localnet", "--rpc-port", "0", "--output", "json"]
    with (folder / "localnet.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())["data"]
            yield ready["rpc_url"], ready["ws_url"]
        finally:
            process.terminate()
            process.communicate()


def run(suite: PythonSuite, folder: Path) -> list[Case]:
    """Fetch and install what is not in the folder yet, and run the tests."""
    folder.mkdir(parents=True, exist_ok=True)
    source, python = _fetch(suite, folder), _environment(suite, folder)
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    # Without the options in the package's settings, which measure coverage.
    options = ["-o", "addopts=", "-o", "asyncio_mode=auto", "-p", "no:anyio", "-p", "no:cacheprovider"]
    command = [str(python), "-m", "pytest", *options, "-q", f"--timeout={SECONDS_PER_TEST}", f"--junitxml={report}"]
    with running_validator(folder) as urls:
        environment = os.environ | dict(zip(suite.url_variables, urls, strict=True)) | dict(suite.variables)
        with (folder / "pytest.log").open("w") as log:
            subprocess.run([*command, "tests"], cwd=source, env=environment, stdout=log, stderr=log, check=False)
    if not report.is_file():
        raise RuntimeError(f"pytest left no report: see {folder / 'pytest.log'}")
    return from_junit(report)


def _fetch(suite: PythonSuite, folder: Path) -> Path:
    unpacked = folder / f"{suite.package}-{suite.version}"
    if not unpacked.is_dir():
        wanted = f"{suite.package}=={suite.version}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", suite.package]
        subprocess.run([*pip, "--dest", str(folder), wanted], check=True, stdout=sys.stderr)
        with tarfile.open(folder / f"{unpacked.name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return unpacked


def _environment(suite: PythonSuite, folder: Path) -> Path:
    """The Python of a virtual environment with the package and what its tests need."""
    home = folder / "venv"
    python, stamp = home / "bin" / "python", home / "installed"
    wanted = [f"{suite.package}=={suite.version}", *suite.requires]
    if not (stamp.is_file() and stamp.read_text() == "\n".join(wanted)):
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *wanted], check=True, stdout=sys.stderr)
        stamp.write_text("\n".join(wanted))
    return python
