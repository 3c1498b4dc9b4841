"""Closing a run: returned rent, confirmation, and rejected cases."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.cli.app import main
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import House
from tests.cli.harness import SOL, Outcome
from tests.cli.test_money import balance
from tests.cli.test_refusals import refused
from tests.support.patience import PATIENCE
from tests.support.terminals import Terminal

CLOSE = ("close-run", "--run-id", "test")
RENT = 830_244_480 + 2_094_960
FEE = 5_000


def at_a_terminal(house: House, answer: str, *words: str) -> Outcome:
    """Run a command in which the user types ``answer``."""
    stdout, stderr = io.StringIO(), Terminal()
    environment = Environment(
        stdin=Terminal(answer),
        stdout=stdout,
        stderr=stderr,
        variables={**house.cli.variables, "NO_COLOR": "1"},
        home=house.cli.home,
        clock=SystemClock(),
        open_transport=house.chain.transport,
    )
    return Outcome(main(words, environment), stdout.getvalue(), stderr.getvalue())


@pytest.mark.parametrize("state", [state for state in RunState if state.is_halted])
def test_the_rent_of_both_accounts_is_returned(house: House, owner_address: str, state: RunState) -> None:
    house.run()
    house.enter(state)
    instance = house.instance()
    before = balance(house)
    data = house.cli.json(*CLOSE, "--yes")
    [closing] = house.chain.rpc.signatures_for_address(instance.address, limit=1)
    assert data == {
        "run_id": "test",
        "already_so": False,
        "closing_transaction": str(closing.signature),
        "coordinator_instance": str(instance.address),
        "coordinator_account": str(instance.coordinator_account),
        "state_before": state.text,
        "recovered_lamports": RENT,
        "recovered_by": owner_address,
    }
    assert balance(house) == before + RENT - FEE
    assert house.chain.rpc.accounts([instance.address, instance.coordinator_account]) == [None, None]
    house.run()  # the id can be used again


def test_additional_lamports_of_the_accounts_are_returned_too(house: House) -> None:
    house.run()
    house.chain.rpc.request_airdrop(house.instance().address, 7)
    before = balance(house)
    assert house.cli.json(*CLOSE, "--yes")["recovered_lamports"] == RENT + 7
    assert balance(house) == before + RENT + 7 - FEE


def test_without_a_terminal_the_option_is_required(house: House) -> None:
    house.run()
    assert "--yes" in refused(house, ExitCode.USAGE, *CLOSE)
    error = house.cli(*CLOSE, "--output", "json").json["error"]
    assert error["code"] == "not_confirmed"
    assert error["context"]["sent"] is False
    assert "0.83233944 SOL" in error["message"]


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_the_prompt_shows_the_returned_amount(house: House, owner_address: str, answer: str) -> None:
    house.run()
    outcome = at_a_terminal(house, answer, *CLOSE)
    assert outcome.code is ExitCode.OK
    question, sending = outcome.stderr.split("Continue? [y/N] ")
    assert f"It returns 0.83233944 SOL of rent to {owner_address}." in question
    assert sending.startswith("Sending close")


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n"])
@pytest.mark.parametrize("output", ["human", "json"])
def test_any_other_answer_sends_nothing(house: House, answer: str, output: str) -> None:
    house.run()
    sent = house.chain.sent
    outcome = at_a_terminal(house, answer, *CLOSE, "--output", output)
    assert outcome.code is ExitCode.USAGE
    assert house.chain.sent == sent
    if output == "json":
        assert outcome.json["error"]["code"] == "not_confirmed"
    else:
        assert outcome.stdout == ""
        end_of_question = "" if answer.endswith("\n") else "\n"  # a terminal shows what was typed
        assert outcome.stderr.endswith(f"[y/N] {end_of_question}Error: Not confirmed.\nHint: Nothing was sent.\n")


def test_a_real_terminal(tmp_path: Path) -> None:
    """The prompt appears on a pseudo-terminal; stdout contains only JSON."""
    wallet = Wallet.generate()
    wallet.write_keypair_file(tmp_path / "id.json")
    genesis = Genesis(balances={wallet.address: 10 * SOL})
    with LocalValidator(LocalnetOptions(rpc_port=0, genesis=genesis)) as validator:
        command = [sys.executable, "-m", "psyche_cli"]
        options = ["--run-id", "test", "--rpc", validator.rpc_url, "-w", str(tmp_path / "id.json")]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        subprocess.run([*command, "create-run", *options], check=True, capture_output=True, env=environment)
        terminal, end = pty.openpty()
        with os.fdopen(terminal, "r+b", buffering=0) as screen:
            process = subprocess.Popen(
                [*command, "close-run", *options, "--output", "json"],
                stdin=end,
                stdout=subprocess.PIPE,
                stderr=end,
                text=True,
                env=environment,
            )
            os.close(end)
            shown = b""
            while not shown.endswith(b"[y/N] "):
                shown += screen.read(1024)
            screen.write(b"y\n")
            stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert b"0.83233944 SOL" in shown
    assert Outcome(ExitCode.OK, stdout, "").data["recovered_lamports"] == RENT


@pytest.mark.parametrize("state", [state for state in RunState if not state.is_halted])
def test_a_run_that_is_not_halted(house: House, state: RunState) -> None:
    house.run()
    house.enter(state)
    message = refused(house, ExitCode.REFUSED, *CLOSE, "--yes")
    assert state.text in message
    assert "set-paused --run-id test" in house.cli(*CLOSE, "--yes").stderr


def test_a_pending_pause(house: House) -> None:
    house.run()
    house.enter(RunState.COOLDOWN, pending_pause=True)
    refused(house, ExitCode.REFUSED, *CLOSE, "--yes")
    assert "Wait until the run is Paused." in house.cli(*CLOSE, "--yes").stderr


@pytest.mark.parametrize("index", [None, 7])
def test_a_run_with_a_treasurer_can_never_be_closed(house: House, index: int | None) -> None:
    custom = () if index is None else ("--treasurer-index", str(index))
    house.cli.json("create-run", "--run-id", "test", "--treasurer-collateral-mint", house.new_mint(), *custom)
    assert "treasurer" in refused(house, ExitCode.REFUSED, *CLOSE, "--yes", *custom)


def test_a_stranger_and_a_missing_run(house: House) -> None:
    house.run()
    assert "main authority" in refused(house, ExitCode.REFUSED, *CLOSE, "--yes", "-w", house.stranger)
    refused(house, ExitCode.NOT_FOUND, "close-run", "--run-id", "other", "--yes")
