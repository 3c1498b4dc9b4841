"""``--help`` answers at once because it imports next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("solders", "anchorpy", "solana", "httpx", "aiohttp", "pydantic", "rich", "zstandard", "simplejson", "tomli")
PROBE = """
import sys
from psyche_cli.app import main
from psyche_cli.environment import Environment
main(sys.argv[1:], Environment.of_this_process())
print(sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("create-run", "--help"), ("localnet", "--help")])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True)
    loaded = done.stderr
    assert not [name for name in HEAVY if f"'{name}'" in loaded], loaded


def test_reading_does_not_import_what_only_writing_needs() -> None:
    probe = PROBE.replace("main(sys.argv[1:]", "main(['json-dump-run', '--run-id', 'x', '--rpc', 'http://127.0.0.1:9']")
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert "'httpx'" in done.stderr
    assert "'anchorpy'" not in done.stderr
    assert "'aiohttp'" not in done.stderr
