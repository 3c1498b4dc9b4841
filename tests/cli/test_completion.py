"""Shell completion, tested in-process and with a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.cli.options import COMPLETION_VARIABLE
from psyche_cli.errors import ExitCode
from tests.cli.conftest import House
from tests.support.patience import PATIENCE
from tests.support.verb_names import LOCALNET, VERBS


def offered(house: House, *words: str) -> list[str]:
    outcome = house.cli(*words, variables={COMPLETION_VARIABLE: "1"})
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    return [line.partition(" ")[0] for line in outcome.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), VERBS),
        (("",), VERBS),
        (("json-dump-",), ["json-dump-run", "json-dump-user"]),
        (("--output", "json", "cre"), ["create-run"]),
        (("localnet", ""), LOCALNET),
        (("config", "ex"), ["example"]),
        (("config-example", "--li"), ["--list"]),
        (("localnet", "--ledger", "reset", "res"), ["reset", "restore"]),
        (("set-paused", "--re"), ["--resume"]),
        (("set-paused", "--run-id", "x", "--qu"), ["--quiet"]),
        (("set-paused", "--output", ""), ["human", "json"]),
        (("set-paused", "--output", "=", "j"), ["json"]),
        (("set-paused", "--output", "="), ["human", "json"]),
        (("set-paused", "--output="), ["--output=human", "--output=json"]),
        (("set-paused", "--output=j"), ["--output=json"]),
        (("update-config", "--config-path=r"), []),
        (("list-runs", "--state", "Wa"), ["WaitingForMembers", "Warmup"]),
        (("list-runs", "--rpc", "de"), ["devnet"]),
        (("localnet", "--url=m"), ["--url=mainnet-beta"]),
        (("config", "example", "s"), ["small-llama"]),
        (("schema", "f"), ["failure"]),
        (("schema", "rewards", ""), ["list"]),
        (("schema", "set-paused", ""), []),
        (("set-paused", "--run-id", ""), []),
        (("set-paused", "nonsense", ""), []),
        (("--ver",), ["--version", "--verbose"]),
        (("completion", "b"), ["bash"]),
        (("nonsense", "--output", "x", "-"), ["--version", "--output", "--quiet", "--verbose", "--help"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_completions(house: House, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(house, *words) == expected
    assert house.chain.requests == []


def test_completions_have_help(house: House) -> None:
    outcome = house.cli("set-p", variables={COMPLETION_VARIABLE: "1"})
    assert outcome.stdout == "set-paused Pause a run, or start or resume it with --resume\n"


def test_bash_completes(house: House, tmp_path: Path) -> None:
    script = house.cli("completion", "bash").stdout
    drive = f"""{script}
complete -p psyche-cli
for line in "psyche-cli localnet res" "psyche-cli set-paused --output j" "psyche-cli nonsense x"; do
    COMP_WORDS=($line); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _psyche_cli psyche-cli "${{COMP_WORDS[COMP_CWORD]}}"
    echo "${{COMPREPLY[*]}}"
done
"""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", drive],
        capture_output=True, text=True, check=True, timeout=PATIENCE, env={"PATH": path, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["complete -o default -F _psyche_cli psyche-cli", "reset restore", "json", ""]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(house: House, shell: str) -> None:
    data = house.cli.json("completion", shell)
    assert data["shell"] == shell
    assert f"{COMPLETION_VARIABLE}=1" in data["script"]
    assert data["script"] == house.cli("completion", shell).stdout
