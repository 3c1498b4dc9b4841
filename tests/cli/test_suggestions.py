"""Every suggested command works when pasted: with the actual run id, quoted, without unnecessary options."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.wallet import Wallet
from psyche_cli.suggestions import GivenOptions
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import SOL, Outcome, address_of
from tests.support.patience import PATIENCE

RUN = ("--run-id", "test")


def suggested(stderr: str) -> Iterator[str]:
    """The commands in "Next:" lines and at the end of hints."""
    for line in stderr.splitlines():
        kind, _, text = line.partition(": ")
        if kind == "Next":
            assert text.startswith("psyche-cli "), line
            yield text
        elif kind == "Hint" and "psyche-cli " in text:
            yield f"psyche-cli {text.rpartition('psyche-cli ')[2]}"


def paste(house: House, line: str) -> Outcome:
    """Run a line like a shell. If it fails, run the commands that the error suggests and try again."""
    assert not re.search(r"\b(FILE|RUN_ID|PUBKEY|SOL|AMOUNT)\b", line), f"a placeholder: {line}"
    program, *words = shlex.split(line)
    assert program == "psyche-cli"
    outcome = house.cli(*words)
    if outcome.code is not ExitCode.OK:
        first = list(suggested(outcome.stderr))
        assert first, f"{line} fails: {outcome.stderr}"
        for other in first:
            assert other != line
            paste(house, other)
        outcome = house.cli(*words)
    assert outcome.code is ExitCode.OK, f"{line}: {outcome.stderr}"
    return outcome


def nothing(house: House) -> None:
    pass


def new(house: House) -> None:
    house.run(configured=False)


def configured(house: House) -> None:
    house.run()


def running(house: House) -> None:
    house.run()
    house.cli.json("set-paused", *RUN, "--resume")


def paused(house: House) -> None:
    running(house)
    house.cli.json("set-paused", *RUN)


def pending(house: House) -> None:
    running(house)
    house.enter(RunState.ROUND_TRAIN, pending_pause=True)


def finished(house: House) -> None:
    house.run()
    house.enter(RunState.FINISHED)


def at_the_end(house: House) -> None:
    paused(house)
    text = re.sub(r"total_steps = \d+", "total_steps = 1", MINIMAL.read_text())
    short = house.owner.with_name("short.toml")
    short.write_text(text)
    house.cli.json("update-config", *RUN, "--config-path", short)


def rewarded(house: House) -> None:
    house.run(treasurer=True)


def promising(house: House) -> None:
    rewarded(house)
    house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "12.5")


def known_run(house: House) -> None:
    house.cli.variables["RUN_ID"] = "test"


def poor(house: House) -> None:
    from tests.cli.test_money import holding

    holding(house, 5)


def without_wallet(house: House) -> None:
    house.cli.variables.clear()


RATES = ("set-future-epoch-rates", *RUN, "--earning-rate")
SITUATIONS: dict[str, tuple[Callable[[House], None], tuple[object, ...], list[str]]] = {
    "created": (
        nothing,
        ("create-run", *RUN),
        ["psyche-cli config example -o run.toml", "psyche-cli update-config --run-id test --config-path run.toml"],
    ),
    "exists": (configured, ("create-run", *RUN), ["psyche-cli show --run-id test"]),
    "configured first": (
        new,
        ("update-config", *RUN, "--config-path", MINIMAL),
        ["psyche-cli set-paused --run-id test --resume"],
    ),
    "configured again": (
        configured,
        ("update-config", *RUN, "--config-path", MINIMAL),
        ["psyche-cli set-paused --run-id test --resume"],
    ),
    "named before it is configured": (new, ("update-config", *RUN, "--name", "n"), []),
    "named while it runs": (
        running,
        ("update-config", *RUN, "--name", "n"),
        ["psyche-cli show --run-id test"],
    ),
    "configured while it runs": (
        running,
        ("update-config", *RUN, "--client-version", "v2"),
        ["psyche-cli set-paused --run-id test"],
    ),
    "nothing to update": (nothing, ("update-config", *RUN), ["psyche-cli update-config --help"]),
    "resumed": (configured, ("set-paused", *RUN, "--resume"), ["psyche-cli show --run-id test"]),
    "resumed twice": (running, ("set-paused", *RUN, "--resume"), ["psyche-cli show --run-id test"]),
    "paused": (running, ("set-paused", *RUN), ["psyche-cli show --run-id test"]),
    "paused twice": (paused, ("set-paused", *RUN), ["psyche-cli show --run-id test"]),
    "pausing": (pending, ("set-paused", *RUN), ["psyche-cli show --run-id test"]),
    "resumed without configuration": (
        new,
        ("set-paused", *RUN, "--resume"),
        ["psyche-cli update-config --run-id test --config-path run.toml"],
    ),
    "resumed without steps": (
        at_the_end,
        ("set-paused", *RUN, "--resume"),
        ["psyche-cli update-config --run-id test --config-path run.toml"],
    ),
    "finished": (
        finished,
        ("update-config", *RUN, "--config-path", MINIMAL),
        ["psyche-cli show --run-id test"],
    ),
    "rates": (configured, (*RATES, "1"), []),
    "rates without funds": (
        rewarded,
        (*RATES, "12.5"),
        ["psyche-cli treasurer-top-up-rewards --run-id test --collateral-amount 125"],
    ),
    "top-up": (rewarded, ("treasurer-top-up-rewards", *RUN, "--collateral-amount", "1"), []),
    "top-up of too little": (
        promising,
        ("treasurer-top-up-rewards", *RUN, "--collateral-amount", "1"),
        ["psyche-cli treasurer-top-up-rewards --run-id test --collateral-amount 124"],
    ),
    "resumed without funds": (
        promising,
        ("set-paused", *RUN, "--resume"),
        [
            "psyche-cli treasurer-top-up-rewards --run-id test --collateral-amount 125",
            "psyche-cli show --run-id test",
        ],
    ),
    "authorized": (nothing, ("join-authorization-create", "--permissionless"), []),
    "authorized for a run": (
        known_run,
        ("join-authorization-create", "--permissionless"),
        ["psyche-cli create-run --run-id test"],
    ),
    "recipe for a run": (known_run, ("run-authorizer",), ["psyche-cli create-run --run-id test"]),
    "no configuration file": (
        new,
        ("update-config", *RUN, "--config-path", "it's new.toml"),
        ["psyche-cli config example -o 'it'\"'\"'s new.toml'"],
    ),
    "snapshot": (nothing, ("localnet", "snapshot"), ["psyche-cli localnet restore 1"]),
    "usage": (nothing, ("set-paused", "--nonsense"), ["psyche-cli set-paused --help"]),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_suggestions_can_be_pasted(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, situation: str
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare, words, expected = SITUATIONS[situation]
    prepare(house)
    found = list(suggested(house.cli(*words).stderr))
    assert found == expected
    for line in found:
        paste(house, line)


@pytest.mark.parametrize("words", [("create-run", *RUN), ("join-authorization-create", "--permissionless")])
def test_the_suggestion_for_insufficient_funds_works(house: House, words: tuple[str, ...]) -> None:
    poor(house)
    [line] = suggested(house.cli(*words).stderr)
    assert line.startswith(f"psyche-cli localnet airdrop {address_of(house.owner)} 1")
    paste(house, line)
    assert house.cli(*words).code is ExitCode.OK


def test_the_suggestion_for_a_missing_wallet_works(house: House) -> None:
    without_wallet(house)
    [line] = suggested(house.cli("set-paused", *RUN).stderr)
    assert line == "psyche-cli keygen new"
    paste(house, line)


def test_an_existing_file_is_not_overwritten(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text("mine")
    [line] = suggested(house.cli("create-run", *RUN).stderr)
    assert line == "psyche-cli update-config --run-id test --config-path run.toml"


# Options that are repeated


def test_given_options_are_repeated(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mint = house.new_mint()
    typed = ("--treasurer-index", "5", "--rpc", "http://localhost:8899", "-w", "my key.json")
    house.owner.rename("my key.json")
    house.cli.variables.clear()
    repeated = "--treasurer-index 5 --rpc http://localhost:8899 -w 'my key.json'"
    found = list(suggested(house.cli("create-run", *RUN, "--treasurer-collateral-mint", mint, *typed).stderr))
    assert found[1] == f"psyche-cli update-config --run-id test --config-path run.toml {repeated}"
    for line in found:
        paste(house, line)
    [line] = suggested(house.cli("update-config", *RUN, "--config-path", MINIMAL, *typed).stderr)
    assert line == f"psyche-cli set-paused --run-id test --resume {repeated}"
    paste(house, line)
    [line] = suggested(house.cli("set-paused", *RUN, *typed).stderr)
    assert line == "psyche-cli show --run-id test --treasurer-index 5 --rpc http://localhost:8899"
    paste(house, line)


def test_options_from_the_environment_are_not_repeated(house: House) -> None:
    variables = {"RPC": "http://127.0.0.1:7777", "TREASURER_INDEX": "5", "RUN_ID": "test"}
    mint = house.new_mint()
    house.cli.variables |= variables
    outcome = house.cli("create-run", "--treasurer-collateral-mint", mint)
    assert "Next: psyche-cli update-config --run-id test --config-path run.toml\n" in outcome.stderr


def test_the_default_endpoint_is_only_repeated_to_override_a_variable(house: House) -> None:
    house.run()
    words = ("update-config", *RUN, "--config-path", MINIMAL, "--rpc", "http://127.0.0.1:8899")
    [line] = suggested(house.cli(*words).stderr)
    assert "--rpc" not in line
    house.cli.variables["RPC"] = "http://127.0.0.1:7777"
    [line] = suggested(house.cli(*words).stderr)
    assert line.endswith(" --rpc http://127.0.0.1:8899")


@pytest.mark.parametrize(
    "url",
    ["https://rpc.example/v2/SECRETSECRET", "https://rpc.example/?api-key=SECRET", "https://u:SECRET@rpc.example"],
)
def test_a_secret_endpoint_is_not_repeated(house: House, url: str) -> None:
    house.run()
    outcome = house.cli("update-config", *RUN, "--config-path", MINIMAL, "--rpc", url)
    assert "SECRET" not in outcome.stdout + outcome.stderr
    assert outcome.stderr.endswith('Next: psyche-cli set-paused --run-id test --resume --rpc "$RPC"\n')


@pytest.mark.parametrize(
    ("run_id", "word"),
    [("a b", "--run-id 'a b'"), ("-r", "--run-id=-r"), ("--x y", "--run-id='--x y'"), ("a\n1", "--run-id $'a\\0121'")],
)
def test_run_ids_are_quoted(run_id: str, word: str) -> None:
    given = GivenOptions(wallet="-w.json")
    assert given.command("set-paused", "--resume", run_id=run_id) == f"psyche-cli set-paused {word} --resume -w-w.json"


def test_a_command_that_reads_an_archive_names_no_cluster() -> None:
    given = GivenOptions(rpc="http://127.0.0.1:1", treasurer_index=3)
    command = given.command("show", "--archive", "a.zip", run_id="a")
    assert command == "psyche-cli show --run-id a --archive a.zip --treasurer-index 3"


def test_a_real_shell_can_follow_all_suggestions(tmp_path: Path) -> None:
    """Real processes and a real validator on a socket, from create-run to a run that is waiting for members."""
    key = Wallet.generate()
    key.write_keypair_file(tmp_path / "owner.json")
    options = LocalnetOptions(genesis=Genesis(balances={key.address: 100 * SOL}), rpc_port=0)
    folder = Path(sys.executable).parent
    run_id = "my $run's id"

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            env={"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    with LocalValidator(options) as validator:
        lines = [f"psyche-cli create-run --run-id {shlex.quote(run_id)} --rpc {validator.rpc_url} -w owner.json"]
        done: list[str] = []
        while lines and len(done) < 10:
            outcome = shell(lines.pop(0))
            assert outcome.returncode == 0, outcome.stderr
            done.append(outcome.args[2].split()[1])
            lines += suggested(outcome.stderr)
    assert done == ["create-run", "config", "update-config", "set-paused", "show"]
    assert outcome.stdout.startswith("Run my $run's id: Waiting for members\n")
