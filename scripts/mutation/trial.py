"""Runs tests against a mutant in a forked child process, with pytest and heavy libraries already loaded."""

from __future__ import annotations

import importlib
import importlib.util
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# No module that starts threads, because the children are forked from this process.
_LIBRARIES = (
    *("pytest", "hypothesis", "tomli", "zstandard", "typer", "typer.main", "aiohttp.web"),
    *("solders.litesvm", "solders.keypair", "solders.transaction", "solders.message", "solders.system_program"),
)
_WALL_SECONDS = 900.0
"""Wall-clock seconds after which a child process is considered hung."""
_TEST_SECONDS = 10.0
"""CPU seconds after which a test is considered to be in an infinite loop."""
_MEMORY_LIMIT = 4 * 1024**3
"""In bytes, per child."""


@dataclass(frozen=True)
class Verdict:
    """The result of the tests: ``survived`` if all of them passed. ``cpu_seconds`` is their CPU time."""

    survived: bool
    how: str
    cpu_seconds: float


def preload(modules: Sequence[str]) -> None:
    """Import what every child needs: the libraries, and ``modules`` of the product, none of which is mutated."""
    for name in (*_LIBRARIES, *modules):
        importlib.import_module(name)


class Trial:
    """A child process that runs groups of tests until one fails, with ``source`` in place of the module's own.

    ``finished`` returns the result.
    """

    def __init__(self, module: str, source: str, tests: Sequence[Sequence[str]]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mutant-"))
        self._deadline = time.monotonic() + _WALL_SECONDS
        self.pid = os.fork()
        if self.pid == 0:
            _run(self._folder, module, source, tests)

    def finished(self) -> Verdict | None:
        """The verdict, or None while the tests are running."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            if time.monotonic() > self._deadline:
                os.kill(self.pid, signal.SIGKILL)
            return None
        output = (self._folder / "output").read_text(encoding="utf-8", errors="replace")
        shutil.rmtree(self._folder, ignore_errors=True)
        code = os.waitstatus_to_exitcode(status)
        failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
        how = "passed" if code == 0 else failed[0] if failed else f"exit code {code}: {output[-500:]}"
        if code < 0:
            how = f"ended by {signal.Signals(-code).name}"
        return Verdict(code == 0, how, usage.ru_utime + usage.ru_stime)

    def stop(self) -> None:
        """Kill the child and wait for it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        shutil.rmtree(self._folder, ignore_errors=True)


def _run(folder: Path, module: str, source: str, tests: Sequence[Sequence[str]]) -> None:
    """Runs in the child process and never returns."""
    code = 70
    try:
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _import_from(source, module)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
        import pytest

        options = ["-x", "-q", "-r", "fE", "--tb=no", "--no-header", "-p", "no:cacheprovider"]
        # Hypothesis is already loaded, so its assertions cannot be rewritten.
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        options += ["-m", "not hypothesis", f"--basetemp={folder / 'tmp'}"]
        for group in tests:
            code = int(pytest.main([*options, *group], plugins=[_TimeLimit()]))
            if code != 0:
                break
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class _TimeLimit:
    """A pytest plugin that kills the process if a test takes too much CPU time."""

    def pytest_runtest_logstart(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, _TEST_SECONDS)


def _import_from(source: str, module: str) -> None:
    """Import ``module`` from ``source`` instead of its file. Must be called before anything else imports it."""
    package, _, name = module.rpartition(".")
    assert module not in sys.modules
    parent = importlib.import_module(package)
    spec = importlib.util.find_spec(module)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    exec(compile(source, str(spec.origin), "exec"), made.__dict__)
    setattr(parent, name, made)
