"""Shell completion, tested in-process and with a real bash."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.cli.options import COMPLETION_VARIABLE
from psyche_cli.errors import ExitCode
from psyche_cli.operations.journal import known_run_ids
from psyche_cli.solana.sending.journal import FILE_NAME
from tests.cli.conftest import House
from tests.support.patience import PATIENCE
from tests.support.verb_names import LOCALNET, VERBS

MACHINE_NAMES = ["psyche-run", "psyche-run-older", "crynux-task", "worker"]
WORKER_STATES = ["INIT", "HANDSHAKE", "READY", "EXECUTING", "TERMINATED", "FAULTED", "CANCELLED"]


def offered(house: House, *words: str) -> list[str]:
    outcome = house.cli(*words, variables={COMPLETION_VARIABLE: "1"})
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")
    return [line.partition("\t")[0] for line in outcome.stdout.splitlines()]


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
        (("set-paused", "--output", ""), ["human", "json", "json-compact"]),
        (("set-paused", "--output", "=", "j"), ["json", "json-compact"]),
        (("set-paused", "--output", "="), ["human", "json", "json-compact"]),
        (("set-paused", "--output="), ["--output=human", "--output=json", "--output=json-compact"]),
        (("set-paused", "--output=j"), ["--output=json", "--output=json-compact"]),
        (("update-config", "--config-path=r"), []),
        (("list-runs", "--state", "Wa"), ["WaitingForMembers", "Warmup"]),
        (("list-runs", "--state", "'Wai"), ["WaitingForMembers"]),
        (("list-runs", "--state", "\\W\\ai"), ["WaitingForMembers"]),
        (("tick", "--count", "x", "--ms-"), ["--ms-interval"]),
        (("tick", '--interval="', "--cou"), ["--count"]),
        (("list-runs", "--rpc", "de"), ["devnet"]),
        (("localnet", "--url=m"), ["--url=mainnet-beta"]),
        (("config", "example", "s"), ["small-llama"]),
        (("schema", "f"), ["failure"]),
        (("schema", "rewards", ""), ["list"]),
        (("schema", "set-paused", ""), []),
        (("set-paused", "--run-id", ""), []),
        (("set-paused", "nonsense", ""), []),
        (("lifecycle", "show", ""), MACHINE_NAMES),
        (("lifecycle", "show", "w"), ["worker"]),
        (("lifecycle", "show", "worker", ""), []),
        (("lifecycle", "show", "worker", "--state", "I"), ["INIT"]),
        (("lifecycle", "show", "--state", "I"), []),
        (("lifecycle", "explain", "p"), [name for name in MACHINE_NAMES if name.startswith("p")]),
        (("lifecycle", "explain", "worker", ""), WORKER_STATES),
        (("lifecycle", "next", "worker", "E"), ["EXECUTING"]),
        (("lifecycle", "next", "nonsense", ""), []),
        (("lifecycle", "next", "worker", "INIT", ""), []),
        (("explain", "--state", "Round"), ["RoundTrain", "RoundWitness"]),
        (("watch", "--until", "Wa"), ["WaitingForMembers", "Warmup"]),
        (("wait", "--for", "P"), ["Paused"]),
        (("members", "--sort", "cl"), ["claimed", "claimable"]),
        (("--ver",), ["--version", "--verbose"]),
        (("completion", "b"), ["bash"]),
        (("help", "cre"), ["create-run"]),
        (("help", "localnet", "res"), ["reset", "restore"]),
        (
            ("nonsense", "--output", "x", "-"),
            [
                *("--version", "--install-completion", "--show-completion"),
                *("--output", "--quiet", "--verbose", "--help"),
            ],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_completions(house: House, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(house, *words) == expected
    assert house.chain.requests == []


def test_completions_have_help(house: House) -> None:
    outcome = house.cli("set-p", variables={COMPLETION_VARIABLE: "1"})
    assert outcome.stdout == "set-paused\tPause a run, or start or resume it with --resume\n"


def test_run_ids_are_those_of_the_journal(house: House, tmp_path: Path) -> None:
    other = tmp_path / "other"
    house.run("plain", configured=False)
    house.run("my run", configured=False)
    house.cli.json("create-run", "--run-id", "elsewhere", "--state-dir", other)
    before = len(house.chain.requests)
    assert set(offered(house, "set-paused", "--run-id", "")) == {"plain", "my run"}
    assert offered(house, "json-dump-run", "-r", "pl") == ["plain"]
    assert offered(house, "tick", "--run-id=m") == ["--run-id=my run"]
    assert offered(house, "tick", "--run-id", "my\\ r") == ["my run"]
    assert offered(house, "config", "preview", "--run-id", '"my r') == ["my run"]
    assert offered(house, "set-paused", "--state-dir", str(other), "--run-id", "") == ["elsewhere"]
    assert offered(house, "set-paused", "--run-id", "x") == []
    assert len(house.chain.requests) == before


@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 1000, b"SQLite format 3\0"])
def test_a_journal_that_cannot_be_read_offers_nothing(house: House, tmp_path: Path, content: bytes | None) -> None:
    house.cli.variables["PSYCHE_CLI_STATE_DIR"] = str(tmp_path)
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    assert offered(house, "set-paused", "--run-id", "") == []
    if content is None:
        assert not (tmp_path / FILE_NAME).exists()


def test_the_latest_run_ids_come_first_and_those_with_control_characters_not_at_all(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE transactions (run_id TEXT, recorded_at INTEGER)")
    rows = [("old", 1), ("new", 3), ("old", 2), (None, 9), ("line\nfeed", 9)]
    connection.executemany("INSERT INTO transactions VALUES (?, ?)", rows)
    connection.commit()
    assert known_run_ids(tmp_path) == ["new", "old"]
    connection.execute("BEGIN EXCLUSIVE")
    assert known_run_ids(tmp_path) == []
    connection.close()


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
    assert done.stdout.splitlines() == [
        "complete -o default -F _psyche_cli psyche-cli",
        "reset restore",
        "json json-compact",
        "",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(house: House, shell: str) -> None:
    data = house.cli.json("completion", shell)
    assert data["shell"] == shell
    assert f"{COMPLETION_VARIABLE}=1" in data["script"]
    assert data["script"] == house.cli("completion", shell).stdout


# --- printed and installed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_the_current_shell(house: House, shell: str) -> None:
    shown = house.cli("--show-completion", variables={"SHELL": f"/usr/bin/{shell}"})
    assert shown.code is ExitCode.OK
    assert shown.stdout == house.cli("completion", shell).stdout
    as_json = house.cli("--show-completion", "--output", "json", variables={"SHELL": shell}).json
    assert (as_json["command"], as_json["data"]["shell"]) == ("completion", shell)


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
@pytest.mark.parametrize("shell", [None, "/bin/tcsh"])
def test_an_unknown_shell(house: House, option: str, shell: str | None) -> None:
    outcome = house.cli(option, variables={"SHELL": shell} if shell else None)
    assert outcome.code is ExitCode.USAGE
    assert "bash, zsh, fish" in outcome.stderr
    assert outcome.stderr.endswith("Hint: See: psyche-cli completion --help\n")


def files_in(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): path.read_text()
        for path in home.rglob("*")
        if path.is_file() and path.suffix != ".json"
    }


def test_installing_twice_adds_one_line(house: House) -> None:
    home = house.cli.home
    (home / ".bashrc").write_text("alias x=y")
    for _ in range(2):
        installed = house.cli("--install-completion", variables={"SHELL": "/bin/bash"})
        assert installed.code is ExitCode.OK
    path = home / ".config" / "psyche-cli" / "completion.bash"
    assert installed.stdout == f"Installed completion for bash in {path}. It works in new shells.\n"
    assert files_in(home) == {
        ".bashrc": f"alias x=y\n. {path}\n",
        ".config/psyche-cli/completion.bash": house.cli("completion", "bash").stdout,
    }


def test_installing_for_other_shells(house: House) -> None:
    home = house.cli.home
    data = house.cli.json("completion", "zsh", "--install")
    assert data == {"shell": "zsh", "path": f"{home}/.config/psyche-cli/completion.zsh"}
    data = house.cli.json("completion", "fish", "--install")
    assert data == {"shell": "fish", "path": f"{home}/.config/fish/completions/psyche-cli.fish"}
    files = files_in(home)
    assert files.keys() == {
        ".zshrc", ".config/psyche-cli/completion.zsh", ".config/fish/completions/psyche-cli.fish"
    }  # fmt: skip
    assert files[".zshrc"] == f". {home}/.config/psyche-cli/completion.zsh\n"
    assert "compinit" in files[".config/psyche-cli/completion.zsh"]


def test_a_start_file_that_cannot_be_written(house: House) -> None:
    (house.cli.home / ".bashrc").mkdir()
    outcome = house.cli("completion", "bash", "--install")
    assert outcome.code is ExitCode.USAGE
    assert outcome.stderr == f"Error: Cannot write {house.cli.home}/.bashrc: Is a directory.\n"
    (house.cli.home / ".zshrc").write_bytes(b"\xff")
    outcome = house.cli("completion", "zsh", "--install")
    assert "it is not a text file" in outcome.stderr
    assert (house.cli.home / ".zshrc").read_bytes() == b"\xff"


def test_a_new_bash_completes_after_the_installation(house: House) -> None:
    home = house.cli.home
    house.cli("completion", "bash", "--install")
    done = subprocess.run(
        ["bash", "--norc", "-c", ". ~/.bashrc; complete -p psyche-cli"],
        capture_output=True, text=True, check=True, timeout=PATIENCE,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )  # fmt: skip
    assert done.stdout == "complete -o default -F _psyche_cli psyche-cli\n"
