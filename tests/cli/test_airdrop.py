"""SOL from the faucet: ``localnet airdrop``, ``new-wallet --airdrop``, and hints that suggest an airdrop."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import (
    ExitCode,
    HttpStatusError,
    LocalnetError,
    NetworkError,
    ProgramRefused,
    TransactionUnknown,
    Unreachable,
)
from psyche_cli.operations.localnet.airdrop import DEADLINE_SECONDS, request_sol
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, address_of
from tests.localnet.test_command import run, running
from tests.solana.scripted import FakeClock


def test_against_a_running_validator(tmp_path: Path) -> None:
    file = tmp_path / "owner.json"
    wallet = json.loads(run(tmp_path, "new-wallet", str(file), "--output", "json").stdout)["data"]["address"]
    with running(tmp_path) as validator:
        made = run(tmp_path, "airdrop", wallet, "0.001000001", "--rpc", validator.rpc_url)
        assert made.returncode == 0, made.stderr
        assert made.stdout.startswith(f"Airdropped 0.001000001 SOL to {wallet}.\n  balance ")
        assert validator.value("getBalance", wallet) == 1_000_001
        again = run(tmp_path, "airdrop", str(file), "1.5e0", "--rpc", validator.rpc_url, "--output", "json")
        document = json.loads(again.stdout)
        assert document["data"] == {
            "address": wallet,
            "lamports": 1_500_000_000,
            "balance": {"lamports": 1_501_000_001, "sol": 1.501000001},
        }
        [transaction] = document["transactions"]
        assert validator.value("getSignatureStatuses", [transaction["signature"]])[0]["slot"] == transaction["slot"]
        assert validator.value("getBalance", wallet) == 1_501_000_001


@pytest.mark.parametrize(
    ("recipient", "sol", "expected"),
    [
        ("nobody", "1", "The path of an existing keypair file is also accepted."),
        ("11111111111111111111111111111111", "0", "is zero"),
        ("11111111111111111111111111111111", "1.0000000001", "more than 9 decimals"),
        ("11111111111111111111111111111111", "1,5", "not a decimal number"),
        ("11111111111111111111111111111111", "20000000000", "too large"),
    ],
)
def test_invalid_amounts_and_recipients(house: House, recipient: str, sol: str, expected: str) -> None:
    outcome = house.cli("localnet", "airdrop", recipient, sol)
    assert outcome.code is ExitCode.USAGE
    assert expected in outcome.stderr
    assert house.chain.requests == []


def test_a_private_key_instead_of_a_recipient_is_not_echoed(house: House) -> None:
    key = "4" * 88
    outcome = house.cli("localnet", "airdrop", key, "1", "--output", "json")
    assert outcome.code is ExitCode.USAGE
    assert key[:20] not in outcome.stdout + outcome.stderr


def test_more_than_the_faucet_holds_fails_with_a_hint(house: House) -> None:
    outcome = house.cli("localnet", "airdrop", house.owner, "1000000")
    assert outcome.code is ExitCode.REFUSED
    assert "failed on-chain: the faucet holds less than 1000000 SOL." in outcome.stderr
    assert house.cli("localnet", "airdrop", house.owner, "999999.9").code is ExitCode.OK


# --- new-wallet --airdrop


def test_new_wallet_funds_an_existing_file_once(tmp_path: Path) -> None:
    file = tmp_path / "owner.json"
    run(tmp_path, "new-wallet", str(file))
    content = file.read_bytes()
    with running(tmp_path, "--quiet") as validator:
        words = ("new-wallet", str(file), "--airdrop", "2.5", "--rpc", validator.rpc_url, "--output", "json")
        for _ in range(2):
            funded = run(tmp_path, *words)
            assert funded.returncode == 0, funded.stderr
            data = json.loads(funded.stdout)["data"]
            assert (data["created"], data["lamports"]) == (False, 2_500_000_000)
            assert "already exists; keeping its key" in funded.stderr
        assert validator.value("getBalance", data["address"]) == 2_500_000_000
        assert validator.result("getTransactionCount") == 1
    assert file.read_bytes() == content


def test_new_wallet_tops_up_what_is_missing(house: House) -> None:
    assert house.cli.json("localnet", "new-wallet", house.owner, "--airdrop", "100.25")["lamports"] == 100_250_000_000
    assert house.cli.json("localnet", "new-wallet", house.owner, "--airdrop", "3")["lamports"] == 100_250_000_000
    assert house.chain.requests.count("requestAirdrop") == 1


def test_new_wallet_keeps_a_file_that_is_not_a_keypair(house: House, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes")
    assert house.cli("localnet", "new-wallet", file, "--airdrop", "1").code is ExitCode.WALLET
    assert file.read_text() == "my notes"
    assert house.chain.requests == []


# --- hints


def words_after_hint(stderr: str) -> list[str]:
    [line] = [line for line in stderr.splitlines() if line.startswith("Hint: Fund it first: psyche-cli ")]
    return shlex.split(line)[5:]


def poor_wallet(house: House, sol: str | None = None) -> Path:
    file = house.cli.home / "poor.json"
    Wallet.generate().write_keypair_file(file)
    if sol is not None:
        house.cli.json("localnet", "airdrop", file, sol)
    return file


@pytest.mark.parametrize("holds", [None, "0.5"])
@pytest.mark.parametrize(
    "verb",
    [
        ("create-run", "--run-id", "test"),
        ("localnet", "new-mint"),
        ("join-authorization-create", "--permissionless"),
    ],
    ids=lambda verb: verb[0],
)
@pytest.mark.parametrize("rpc", [None, "http://127.0.0.1:5000"])
def test_the_hint_for_insufficient_funds_works_when_pasted(
    house: House, holds: str | None, verb: tuple[str, ...], rpc: str | None
) -> None:
    wallet = poor_wallet(house, {None: None, "0.5": "0.00095"}[holds] if verb[0] != "create-run" else holds)
    words = (*verb, "-w", wallet, *(("--rpc", rpc) if rpc else ()))
    refused = house.cli(*words)
    assert refused.code is ExitCode.REFUSED, refused.stderr
    assert house.chain.sent == 0
    pasted = words_after_hint(refused.stderr)
    assert pasted[:3] == ["localnet", "airdrop", str(address_of(wallet))]
    assert pasted[4:] == (["--rpc", rpc] if rpc else [])
    assert house.cli(*pasted).code is ExitCode.OK
    assert house.cli(*words).code is ExitCode.OK


def test_on_another_cluster_no_local_airdrop_is_suggested(house: House) -> None:
    wallet = poor_wallet(house)
    for verb in (("create-run", "--run-id", "test"), ("join-authorization-create", "--permissionless")):
        refused = house.cli(*verb, "-w", wallet, "--rpc", "https://rpc.example/secret-path", "--output", "json")
        assert refused.json["error"]["hint"] == f"Send SOL to {address_of(wallet)} on this cluster first."
        assert "localnet" not in refused.stdout + refused.stderr


# --- the wait for the airdrop


class Cluster:
    """Answers each request with the result of a function of its method, and counts requests."""

    label = "scripted"

    def __init__(self, answer: Callable[[str, int], Any]) -> None:
        self._answer = answer
        self.asked = 0

    def send(self, body: bytes, *, timeout: float) -> bytes:
        assert timeout > 0
        request = json.loads(body)
        if request["method"] == "getSignatureStatuses":
            self.asked += 1
        answer = self._answer(request["method"], self.asked)
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode()

    def close(self) -> None: ...


SIGNATURE = str(Signature.new_unique())


def status(confirmation: str, err: Any = None) -> dict[str, Any]:
    return {"slot": 7, "confirmations": None, "err": err, "confirmationStatus": confirmation}


def ask(statuses: Callable[[int], Any]) -> tuple[Cluster, FakeClock, Callable[[], int | None]]:
    def answer(method: str, asked: int) -> Any:
        if method == "requestAirdrop":
            return {"result": SIGNATURE}
        if method == "getBalance":
            return {"result": {"context": {"slot": 1}, "value": 12}}
        return {"result": {"context": {"slot": 1}, "value": [statuses(asked)]}}

    cluster, clock = Cluster(answer), FakeClock()
    return cluster, clock, lambda: request_sol(RpcClient(cluster, clock), clock, Pubkey.new_unique(), 12).slot


def test_it_succeeds_when_confirmed() -> None:
    cluster, _, request = ask(lambda asked: [None, status("processed"), status("confirmed")][asked - 1])
    assert request() == 7
    assert cluster.asked == 3


def test_a_failed_airdrop_is_an_error() -> None:
    _, _, request = ask(lambda asked: status("confirmed", {"InstructionError": [1, {"Custom": 1}]}))
    with pytest.raises(ProgramRefused, match="failed on-chain") as refused:
        request()
    assert refused.value.context["signature"] == SIGNATURE


def test_temporary_faults_are_retried() -> None:
    def statuses(asked: int) -> Any:
        if asked < 4:
            raise Unreachable("Gone for a moment.")
        return status("confirmed")

    assert ask(statuses)[2]() == 7


@pytest.mark.parametrize("fault", [None, Unreachable("Gone.")])
def test_the_wait_is_limited(fault: NetworkError | None) -> None:
    def statuses(asked: int) -> Any:
        if fault:
            raise fault
        return None

    _, clock, request = ask(statuses)
    began = clock.monotonic()
    with pytest.raises(TransactionUnknown) as unknown:
        request()
    assert unknown.value.context["signature"] == SIGNATURE
    assert clock.monotonic() - began == pytest.approx(DEADLINE_SECONDS)


def test_a_cluster_without_a_faucet() -> None:
    def answer(method: str, asked: int) -> Any:
        return {"error": {"code": -32601, "message": "Method not found"}}

    clock = FakeClock()
    with pytest.raises(LocalnetError, match="scripted has no faucet") as refused:
        request_sol(RpcClient(Cluster(answer), clock), clock, Pubkey.new_unique(), 1)
    assert "devnet" in refused.value.hint


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (Unreachable("Refused.", request_sent=False), False),
        (HttpStatusError("No.", status=403), False),
        (HttpStatusError("Gateway.", status=504), True),
        (Unreachable("Broke.", request_sent=True), True),
    ],
)
def test_a_failed_request_reports_whether_sol_may_have_been_sent(fault: NetworkError, sent: bool) -> None:
    def answer(method: str, asked: int) -> Any:
        raise fault

    clock = FakeClock()
    with pytest.raises(NetworkError) as failed:
        request_sol(RpcClient(Cluster(answer), clock), clock, Pubkey.new_unique(), 1)
    assert failed.value.context["sent"] is sent


def test_an_unreadable_balance_after_the_airdrop_is_not_a_failure(tmp_path: Path) -> None:
    def answer(method: str, asked: int) -> Any:
        if method == "requestAirdrop":
            return {"result": SIGNATURE}
        if method == "getBalance":
            raise HttpStatusError("No.", status=500)
        return {"result": {"context": {"slot": 1}, "value": [status("confirmed")]}}

    cli = CommandLine(tmp_path, lambda url: Cluster(answer), clock=FakeClock())
    given = cli("localnet", "airdrop", Pubkey.new_unique(), "1", "--output", "json").json
    [receipt] = given["transactions"]
    assert (receipt["signature"], given["data"]["balance"]) == (SIGNATURE, None)


@pytest.mark.parametrize("name", ["nobody.json", "keys/nobody"])
def test_a_missing_file_is_not_reported_as_a_malformed_public_key(house: House, name: str) -> None:
    outcome = house.cli("localnet", "airdrop", name, "1")
    assert outcome.code is ExitCode.WALLET
    assert outcome.stderr == f"Error: The recipient is a keypair file that does not exist: {name}.\n"
    assert "requestAirdrop" not in house.chain.requests
