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


@pytest.mark.parametrize(
    ("words", "verbs"),
    [
        (("--help",), []),
        (("--help", "--output", "json"), []),
        (("--version",), []),
        (("nonsense",), []),
        (("set-paused", "--help"), ["set_paused"]),
        (("localnet", "--help"), ["localnet"]),
    ],
)
def test_only_the_verb_that_is_called_is_imported(words: tuple[str, ...], verbs: list[str]) -> None:
    probe = PROBE.rpartition("print")[0] + (
        "rooms, shared = ('psyche_cli.commands.', 'psyche_cli.operations'), ('.options', '.sessions')\n"
        "verbs = [name for name in sys.modules if name.startswith(rooms) and not name.endswith(shared)]\n"
        "print(sorted(verbs), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe, *words], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == str([f"psyche_cli.commands.{verb}" for verb in verbs])


def test_reading_does_not_import_what_only_writing_needs() -> None:
    probe = PROBE.replace("main(sys.argv[1:]", "main(['json-dump-run', '--run-id', 'x', '--rpc', 'http://127.0.0.1:9']")
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert "'httpx'" in done.stderr
    assert "'anchorpy'" not in done.stderr
    assert "'aiohttp'" not in done.stderr
