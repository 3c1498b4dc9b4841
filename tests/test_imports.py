"""Imports of commands: ``--help`` imports very little, a read nothing that only writes need, and no command pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.cli.options import COMPLETION_VARIABLE
from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.solana.wallet import Wallet

HEAVY = ("solders", "anchorpy", "solana", "httpx", "aiohttp", "pydantic", "rich", "zstandard", "tomli")
PROBE = """
import sys
from psyche_cli.cli.app import environment_of_this_process, main
from psyche_cli.environment import Environment
code = main(sys.argv[1:], environment_of_this_process())
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def packages_loaded_by(*words: str, code: int = 0, home: Path | None = None) -> set[str]:
    """The top-level packages imported by a command line in a new process."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"} if home else None
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == code, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("create-run", "--help"), ("localnet", "--help")])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    assert not packages_loaded_by(*words) & {*HEAVY}


def test_a_schema_imports_nothing_of_solana() -> None:
    assert not packages_loaded_by("schema", "create-run") & {*HEAVY}


@pytest.mark.parametrize(
    ("words", "verbs"),
    [
        (("--help",), []),
        (("--help", "--output", "json"), []),
        (("--version",), []),
        (("nonsense",), []),
        (("set-paused", "--help"), ["set_paused"]),
        (("localnet", "--help"), ["localnet", "localnet.serve"]),
        (("COMPLETE", "set-"), []),
        (("COMPLETE", "set-paused", "--"), ["set_paused"]),
    ],
)
def test_only_the_verb_that_is_called_is_imported(words: tuple[str, ...], verbs: list[str]) -> None:
    probe = PROBE.rpartition("print")[0] + (
        "rooms, shared = ('psyche_cli.cli.commands.', 'psyche_cli.operations'), ('.options', '.sessions')\n"
        "verbs = [name for name in sys.modules if name.startswith(rooms) and not name.endswith(shared)]\n"
        "print(sorted(verbs), file=sys.stderr)"
    )
    environment = dict(os.environ)
    if words[0] == "COMPLETE":
        words, environment[COMPLETION_VARIABLE] = words[1:], "1"
    command = [sys.executable, "-c", probe, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr.splitlines()[-1] == str([f"psyche_cli.cli.commands.{verb}" for verb in verbs])


def test_reading_does_not_import_what_only_writing_needs() -> None:
    loaded = packages_loaded_by("json-dump-run", "--run-id", "x", "--rpc", "http://127.0.0.1:9", code=ExitCode.NETWORK)
    assert "solders" in loaded
    assert not loaded & {"anchorpy", "construct", "solana", "httpx", "aiohttp", "rich", "pytest", "_pytest"}


READ_PATH = Path(__file__).parent / "imported_by_a_read.txt"
NOT_FOR_A_READ = ("typer", "click", "rich", "html", "decimal", "shlex", "copy", "hashlib", "secrets", "encodings.idna")


def test_a_read_imports_these_modules_and_no_others(tmp_path: Path) -> None:
    """Each module costs a read part of a millisecond. A new one belongs in the file if every read needs it; one that
    few reads need is imported where it is used."""
    owner = Wallet.generate()
    owner.write_keypair_file(tmp_path / "owner.json")
    with LocalValidator(LocalnetOptions(Genesis(balances={owner.address: 10**10}), rpc_port=0)) as validator:
        words = ["--run-id", "speedy", "--rpc", validator.rpc_url]
        packages_loaded_by("create-run", *words, "-w", str(tmp_path / "owner.json"), home=tmp_path)
        probe = PROBE.replace('name.partition(".")[0]', "name")
        done = subprocess.run(
            [sys.executable, "-c", probe, "json-dump-run", *words], capture_output=True, text=True, check=True
        )
    loaded = done.stderr.splitlines()[-1].split()
    assert [name for name in loaded if name.startswith("psyche_cli.")] == READ_PATH.read_text().split()
    assert not {*loaded} & {*NOT_FOR_A_READ}


def test_writing_imports_only_the_coder_of_anchorpy_and_nothing_of_pytest(tmp_path: Path) -> None:
    owner = Wallet.generate()
    owner.write_keypair_file(tmp_path / "owner.json")
    with LocalValidator(LocalnetOptions(Genesis(balances={owner.address: 10**10}), rpc_port=0)) as validator:
        words = ["--run-id", "speedy", "--rpc", validator.rpc_url, "-w", str(tmp_path / "owner.json")]
        loaded = packages_loaded_by("create-run", *words, home=tmp_path)
        loaded |= packages_loaded_by("set-future-epoch-rates", "--earning-rate", "5", *words, home=tmp_path)
    assert {"anchorpy_core", "construct"} <= loaded
    assert not loaded & {"anchorpy", "aiohttp", "jsonrpcclient", "websockets", "pytest", "_pytest"}
