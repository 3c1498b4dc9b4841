"""Library sessions with a journal: what a killed process has sent is neither lost nor sent twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from psyche_cli import api
from psyche_cli.errors import Interrupted, JournalError, UsageError
from psyche_cli.solana.rpc.http import HttpTransport
from tests.cli.harness import CommandLine, methods_of
from tests.support.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
SOL = 10**9
UNIT = 10**6
RECIPIENT = Pubkey.from_string("GrAntee1111111111111111111111111111111111111")


class Sent:
    """An endpoint that calls a function of the test after the validator has executed a transaction."""

    def __init__(self, url: str, then: Callable[[], None]) -> None:
        self._transport = HttpTransport(url)
        self._then = then
        self.label = self._transport.label

    def open_transport(self) -> Sent:
        return self

    def send(self, body: bytes, *, timeout: float) -> bytes:
        answer = self._transport.send(body, timeout=timeout)
        if "sendTransaction" in methods_of(body):
            self._then()
        return answer

    def close(self) -> None:
        self._transport.close()


class Place:
    """A validator on a socket, an owner with a funded run, and a folder for the journal."""

    def __init__(self, home: Path, url: str, owner: api.Wallet) -> None:
        self.url, self.owner, self.keypair, self.journal = url, owner, home / "owner.json", home / "journal"
        variables = {"RPC": url, "WALLET_PRIVATE_KEY_PATH": str(home / "owner.json")}
        self.cli = CommandLine(home, HttpTransport, variables)
        mint = self.cli.json("localnet", "new-mint", "--amount", "1000")["mint"]
        self.cli.json("create-run", "--run-id", "paying", "--treasurer-collateral-mint", mint)
        self.lines: list[str] = []

    @property
    def vault(self) -> int:
        with api.open_session(self.url) as session:
            treasury = api.find_run(session, "paying").treasury
            assert treasury is not None
            return treasury.vault_amount // UNIT

    @property
    def given(self) -> int:
        """What the recipient has been given, in lamports."""
        with api.open_session(self.url) as session:
            return session.rpc.balance(RECIPIENT)

    @property
    def states(self) -> list[str]:
        listed = self.cli.json("tx", "list", "--all", "--state-dir", self.journal)
        return [record["state"] for record in listed["transactions"]]

    def session(self, endpoint: str | api.Endpoint | None = None) -> AbstractContextManager[api.SigningSession]:
        return api.open_signing_session(
            endpoint or self.url, wallet=self.owner, notify=self.lines.append, state_folder=self.journal
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    owner = api.Wallet.generate()
    owner.write_keypair_file(tmp_path / "owner.json")
    genesis = api.Genesis(balances={owner.address: 100 * SOL})
    with api.LocalValidator(api.LocalnetOptions(genesis, rpc_port=0)) as validator:
        yield Place(tmp_path, validator.rpc_url, owner)


def test_without_a_folder_nothing_is_written(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "home"
    empty.mkdir()
    for name in ("HOME", "XDG_STATE_HOME", "PSYCHE_CLI_STATE_DIR"):
        monkeypatch.setenv(name, str(empty))
    monkeypatch.chdir(empty)
    with api.open_signing_session(place.url, wallet=place.owner) as session:
        CALLS["top up"](session)
    assert not [*empty.iterdir()]


def give(session: api.SigningSession) -> api.Receipt:
    lamports = TransferParams(from_pubkey=session.wallet.address, to_pubkey=RECIPIENT, lamports=5 * SOL)
    return api.send(session, [transfer(lamports)], label="gift")


CALLS: dict[str, Callable[[api.SigningSession], object]] = {
    "top up": lambda session: api.top_up_rewards(session, run_id="paying", amount="1"),
    "create": lambda session: api.create_run(session, run_id="new"),
    "send": give,
}

KILLED = """
import os, signal, sys
from psyche_cli import api
from tests.api.test_journal import CALLS, Sent
url, keypair, journal, call = sys.argv[1:]
endpoint = Sent(url, lambda: os.kill(os.getpid(), signal.SIGKILL))
with api.open_signing_session(endpoint, wallet=keypair, state_folder=journal) as session:
    CALLS[call](session)
"""


def test_every_call_is_recorded_and_settled(place: Place) -> None:
    with place.session() as session:
        api.create_run(session, run_id="other")
        for _ in range(2):
            CALLS["top up"](session)
            give(session)
    assert place.states == ["landed"] * 5
    assert place.vault == 2, "a repetition in the same session is another payment"
    assert place.given == 10 * SOL


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("resumes", [False, True])
def test_a_killed_call_is_neither_lost_nor_repeated(place: Place, call: str, *, resumes: bool) -> None:
    words = [place.url, str(place.keypair), str(place.journal), call]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], cwd=ROOT, timeout=PATIENCE, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert place.states == ["unsettled"]
    if resumes:
        [settled] = place.cli.json("tx", "resume", "--state-dir", place.journal)["settled"]
        assert settled["state"] == "landed"
    else:
        with place.session() as session:
            CALLS[call](session)
        assert any(line.startswith("The earlier attempt landed in slot ") for line in place.lines)
    assert place.states == ["landed"]
    assert (place.vault, place.given) == ({"top up": 1}.get(call, 0), {"send": 5 * SOL}.get(call, 0))


def test_an_interrupted_call_is_settled_by_the_next_one(place: Place) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with place.session(Sent(place.url, interrupt)) as session, pytest.raises(Interrupted) as caught:
        CALLS["top up"](session)
    assert caught.value.sent is True
    signature = caught.value.signature
    assert caught.value.hint.endswith(f"psyche-cli tx resume {signature} --state-dir {place.journal}")
    with place.session() as session:
        result = api.top_up_rewards(session, run_id="paying", amount="1")
    assert [receipt.signature for receipt in result.transactions] == [signature]
    assert place.vault == 1


def test_a_journal_that_cannot_be_written_sends_nothing(place: Place) -> None:
    place.journal.write_text("not a folder")
    with place.session() as session, pytest.raises(JournalError) as caught:
        CALLS["top up"](session)
    assert caught.value.sent is False
    assert place.vault == 0


def test_a_simulation_is_not_recorded(place: Place) -> None:
    with place.session() as session:
        lamports = TransferParams(from_pubkey=place.owner.address, to_pubkey=RECIPIENT, lamports=SOL)
        assert api.simulate(session, [transfer(lamports)]).err is None
    assert not place.journal.exists()


def test_scheduled_transfers_share_their_limits_with_the_commands(place: Place) -> None:
    limits: Any = {"keep_epochs": 3, "max": "20", "per_day": "35", "max_in_all": "1000"}
    with place.session() as session:
        api.set_future_epoch_rates(session, run_id="paying", earning_rate="30")
        data = api.schedule_top_up(session, run_id="paying", **limits).data
        assert data.acts[0].transferred is not None
        assert data.acts[0].transferred.base_units == 20 * UNIT
    command = ("schedule", "top-up", "--run-id", "paying", "--keep-epochs", 3, "--max", 20, "--per-day", 35)
    assert place.cli.json(*command, "--state-dir", place.journal)["acts"][0]["transferred"]["amount"] == 15
    with place.session() as session:
        last = api.schedule_top_up(session, run_id="paying", **limits).data
    assert (last.outcome, last.acts) == ("waiting", [])
    assert last.funding is not None
    assert last.funding.left_of_day.base_units == 0
    assert place.vault == 35


def test_scheduled_operations_need_a_folder(place: Place) -> None:
    with api.open_signing_session(place.url, wallet=place.owner) as session:
        with pytest.raises(UsageError, match="state folder"):
            api.schedule_tick(session, run_id="paying")
        with pytest.raises(UsageError, match="neither a step"):
            api.schedule_pause(session, run_id="paying", at="soon")
