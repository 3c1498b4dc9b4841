"""Every transaction is compared with its plan before it is signed: a simulation with any other effect is refused."""

from __future__ import annotations

import functools
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.errors import ExitCode, HttpStatusError, PsycheError
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import Timekeeper
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.protocol.accounts.any_account import decode_account
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.nonces import NONCE_BYTES, NONCE_VALUE
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import House
from tests.cli.harness import SOL, Chain, CommandLine
from tests.cli.tampering import Accounts, data_of, tampered, with_data
from tests.cli.writing_verbs import KEYS, RUN, WRITING_VERBS, WritingVerb
from tests.support.counts import repetitions

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "11111111111111111111111111111111"


def content(account: dict[str, Any]) -> object:
    """What the decoders read from an account; None if they refuse it."""
    raw = RawAccount(Pubkey.default(), Pubkey.from_string(account["owner"]), account["lamports"], data_of(account))
    try:
        decoded = decode_account(raw)
        return repr(decoded.as_dict() if isinstance(decoded, CoordinatorAccount) else decoded)
    except PsycheError:
        return None


def changes(account: dict[str, Any] | None, source: st.DataObject) -> dict[str, Any] | None:
    """The account with one difference. What is drawn does not depend on it, since its keys are random."""
    kind = source.draw(st.sampled_from(["byte", "byte", "byte", "lamports", "owner", "executable", "size", "missing"]))
    place, mask, flag = source.draw(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255), st.booleans()))
    change = source.draw(st.integers(-5000, 5000).filter(bool))
    if account is None or not account["lamports"]:
        return {"lamports": 1, "owner": SYSTEM, "executable": False, "data": ["", "base64"]}
    data = data_of(account)
    if kind == "byte" and data:
        used = [offset for offset, byte in enumerate(data) if byte and flag]
        offset = used[place % len(used)] if used else place % min(len(data), 1200)
        other = with_data(account, data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :])
        if content(other) != content(account):
            return other  # not padding
    if kind == "owner":
        others = [key for key in KEYS if key != account["owner"]]
        return {**account, "owner": others[place % len(others)]}
    if kind == "executable":
        return {**account, "executable": True}
    if kind == "size":
        return with_data(account, data + b"\0" if flag or not data else data[:-1])
    if kind == "missing":
        return None
    return {**account, "lamports": max(account["lamports"] + change, 1)}


@pytest.mark.parametrize("verb", WRITING_VERBS.values(), ids=WRITING_VERBS.keys())
@settings(
    max_examples=repetitions(25), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(source=st.data())
def test_any_other_effect_is_refused(house: House, verb: Any, source: st.DataObject) -> None:
    if not house.chain.requests:
        verb.prepare(house)
        house.chain.requests.append("prepared")
    sent, recorded = house.chain.sent, len(house.cli.json("tx", "list")["transactions"])
    number = source.draw(st.integers(0, 7))

    def tamper(accounts: Accounts) -> Accounts:
        *written, clock = accounts
        index = number % len(written)
        written[index] = source.draw(st.just(changed.setdefault(index, changes(written[index], source))))
        return [*written, clock]

    changed: dict[int, dict[str, Any] | None] = {}
    outcome = tampered(house, tamper)(*verb.words_in(house), "--output", "json")
    assert outcome.code is ExitCode.REFUSED, outcome.stderr
    error = outcome.json["error"]
    assert error["code"] == "unplanned_effects"
    assert error["context"]["sent"] is False
    assert house.chain.sent == sent
    assert len(house.cli.json("tx", "list")["transactions"]) == recorded


@pytest.mark.parametrize("verb", WRITING_VERBS.values(), ids=WRITING_VERBS.keys())
def test_a_node_that_returns_no_accounts_is_reported_once(house: House, verb: Any) -> None:
    verb.prepare(house)
    outcome = tampered(house, lambda _: None)(*verb.words_in(house))
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert outcome.stderr.count("does not return the accounts of a simulation") == 1


def between_read_and_simulation(house: House, act: Callable[[int], None], *, takes_batches: bool = True) -> Any:
    """The command line of the house; ``act`` is called before each request that simulates with their number so far."""
    count = itertools.count(1)

    class Interfering:
        label = "interfering"

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def send(self, body: bytes, *, timeout: float) -> bytes:
            if body.startswith(b"[") and not takes_batches:
                raise HttpStatusError("No batches.", status=403)
            if b'"simulateTransaction"' in body:
                act(next(count))
            answer: bytes = self._inner.send(body, timeout=timeout)
            return answer

        def close(self) -> None:
            self._inner.close()

    return replace(house.cli, open_transport=lambda url: Interfering(house.chain.transport(url)))


def set_rate(house: House, rate: int) -> None:
    """Change the run on the chain like another process."""

    def change(image: Any) -> None:
        image.state.clients_state.future_epoch_rates.slashing_rate_per_client = rate

    house.edit(change)


def test_a_change_by_others_between_read_and_simulation_is_no_difference(house: House) -> None:
    house.run()
    cli = between_read_and_simulation(house, lambda number: set_rate(house, 7) if number == 1 else None)
    before = len(house.chain.requests)
    assert cli("set-future-epoch-rates", *RUN, "--earning-rate", "5").code is ExitCode.OK
    assert sum("simulateTransaction" in method for method in house.chain.requests[before:]) == 2


def test_a_run_that_changes_before_every_simulation_is_written_to(house: House) -> None:
    house.run()
    cli = between_read_and_simulation(house, lambda number: set_rate(house, 100 + number))
    before = len(house.chain.requests)
    assert cli("set-future-epoch-rates", *RUN, "--earning-rate", "5").code is ExitCode.OK
    simulations = [method for method in house.chain.requests[before:] if "simulateTransaction" in method]
    assert simulations == ["simulateTransaction+getGenesisHash", "getMultipleAccounts+simulateTransaction"]


def test_an_account_that_changes_all_the_time_is_refused_after_ten_simulations(house: House) -> None:
    house.run()
    cli = between_read_and_simulation(house, lambda number: set_rate(house, 100 + number), takes_batches=False)
    sent, before = house.chain.sent, len(house.chain.requests)
    outcome = cli("set-future-epoch-rates", *RUN, "--earning-rate", "5", "--output", "json")
    assert outcome.json["error"]["code"] == "unplanned_effects"
    assert "change all the time" in outcome.json["error"]["hint"]
    assert sum("simulateTransaction" in method for method in house.chain.requests[before:]) == 10
    assert house.chain.sent == sent


@functools.cache
def newer_treasurer() -> bytes:
    """A treasurer whose run_update has no option for the metadata, like that of layout v2-dev, built from source."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "programs", folder / "programs", ignore=shutil.ignore_patterns("__pycache__"))
        source = folder / "programs" / "protocol" / "run_arguments.c"
        text = source.read_text()
        option = """    update->has_metadata = read_option(reader);
    if (update->has_metadata)
        read_metadata(reader, &update->metadata);
"""
        assert text.count(option) == 1
        source.write_text(text.replace(option, "    update->has_metadata = false;\n"))
        build = (
            "from toolchain.build import build_programs; print(build_programs(['treasurer'])['treasurer'].image.hex())"
        )
        command = [sys.executable, "-c", build]
        built = subprocess.run(command, cwd=folder / "programs", check=True, capture_output=True, text=True)
        return bytes.fromhex(built.stdout)


def test_an_earning_rate_that_a_newer_treasurer_takes_for_the_slashing_rate(tmp_path: Path) -> None:
    """The instruction succeeds there (layouts.md, 3.1), so only its effects show the mistake."""
    wallet = Wallet.generate()
    genesis = Genesis(balances={wallet.address: 100 * SOL}, code={PUBLISHED.treasurer: newer_treasurer()})
    chain = Chain(Dispatcher(RpcContext(Bank(genesis, Timekeeper(SystemClock())))), tmp_path)
    owner = tmp_path / "owner.json"
    wallet.write_keypair_file(owner)
    cli = CommandLine(tmp_path, chain.transport, {"WALLET_PRIVATE_KEY_PATH": str(owner)})
    house = House(chain, cli, owner, owner)
    house.run(treasurer=True, configured=False)
    sent = chain.sent
    words = ("set-future-epoch-rates", *RUN, "--earning-rate", "5")
    outcome = cli(*words, "--output", "json")
    assert outcome.code is ExitCode.REFUSED
    error = outcome.json["error"]
    assert (error["code"], error["context"]["sent"]) == ("unplanned_effects", False)
    account = str(house.instance().coordinator_account)
    wrong = {"address": account, "account": "coordinator account", "before": 0, "message": ""}
    rates = "future_epoch_rates."
    differences = error["context"]["differences"]
    assert [{**one, "message": ""} for one in differences] == [
        {**wrong, "path": f"{rates}earning_rate_total_shared", "planned": 5_000_000, "after": 0},
        {**wrong, "path": f"{rates}slashing_rate_per_client", "planned": 0, "after": 5_000_000},
    ]
    assert chain.sent == sent
    human = cli(*words).stderr
    assert all(f"  - {one['message']}\n" in human for one in differences)


@pytest.mark.parametrize("words", [("nonce", "create"), ("set-paused", *RUN, "--resume", "--nonce", "NONCE")])
def test_another_authority_of_a_nonce_is_refused(house: House, words: tuple[str, ...]) -> None:
    assert _tampered_nonce(house, words, lambda data: data[:8] + bytes([7] * 32) + data[40:]) == ["authority"]


def test_a_nonce_that_is_not_advanced_is_refused(house: House) -> None:
    words = ("set-paused", *RUN, "--resume", "--nonce", "NONCE")

    def keep(data: bytes) -> bytes:
        [nonce] = house.chain.rpc.program_accounts(SYSTEM_PROGRAM, [{"dataSize": NONCE_BYTES}])
        return data[: NONCE_VALUE.start] + nonce.data[NONCE_VALUE] + data[NONCE_VALUE.stop :]

    assert _tampered_nonce(house, words, keep) == ["value"]


def _tampered_nonce(house: House, words: tuple[str, ...], change: Callable[[bytes], bytes]) -> list[str]:
    """The values that differ if the simulation returns a nonce account with other data."""
    if "NONCE" in words:
        WRITING_VERBS["set-paused with a nonce"].prepare(house)
    sent = house.chain.sent

    def tamper(accounts: Accounts) -> Accounts:
        return [
            with_data(one, change(data_of(one))) if one is not None and len(data_of(one)) == NONCE_BYTES else one
            for one in accounts
        ]

    line = WritingVerb(lambda _: None, words).words_in(house)
    outcome = tampered(house, tamper)(*line, "--output", "json")
    assert outcome.json["error"]["code"] == "unplanned_effects"
    assert house.chain.sent == sent
    return [one["path"] for one in outcome.json["error"]["context"]["differences"]]
