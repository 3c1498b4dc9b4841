"""``tx explain``: transactions of any origin and in any form, before and after they were sent."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import (
    AdvanceNonceAccountParams,
    TransferParams,
    advance_nonce_account,
    create_nonce_account,
    transfer,
)
from solders.transaction import VersionedTransaction

from psyche_cli import base58
from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode, Unreachable
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.run_config.write import shortest_float
from psyche_cli.solana.programs import LOOKUP_TABLE_PROGRAM, MEMO_PROGRAMS
from psyche_cli.transport import Transport
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import SOL, CommandLine, Outcome, address_of, environment_of
from tests.support.counts import repetitions
from tests.support.secret_forms import FORMS, leaked
from tests.support.state_home import state_home

READ, SIMULATE, GET = "getMultipleAccounts", "simulateTransaction", "getTransaction"


def key_of(path: Path) -> Keypair:
    return Keypair.from_bytes(bytes(json.loads(path.read_text())))


def pausing(house: House, *, paused: bool = True) -> Instruction:
    instance = house.instance()
    return Instructions().set_paused(
        authority=address_of(house.owner),
        instance=instance.address,
        account=instance.coordinator_account,
        paused=paused,
    )


def message_of(house: House, *instructions: Instruction, payer: Path | None = None) -> Message:
    blockhash = house.chain.rpc.latest_blockhash().hash
    return Message.new_with_blockhash([*instructions], address_of(payer or house.owner), blockhash)


def signed_by(message: Message | MessageV0, *paths: Path) -> bytes:
    return bytes(VersionedTransaction(message, [key_of(path) for path in paths]))


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def explained(house: House, *words: object) -> Any:
    return house.cli.json("tx", "explain", *words)


def sol_transfer(house: House, lamports: int = 5) -> Instruction:
    return transfer(
        TransferParams(from_pubkey=address_of(house.owner), to_pubkey=address_of(house.stranger), lamports=lamports)
    )


def sending(house: House, raw: bytes) -> str:
    """Send without preflight, so that a failure lands."""
    return str(house.chain.rpc.send_transaction(raw, skip_preflight=True))


# --- what the verbs sent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
def test_every_transaction_of_the_verbs_is_explained(house: House, treasurer: bool) -> None:
    house.run(treasurer=treasurer)
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "5")
    house.join(house.owner)
    house.cli.json("localnet", "warp", "3")
    house.cli.json("tick", "--run-id", "test", "--count", "1")
    house.cli.json("checkpoint", "--run-id", "test", "--repo", "owner/model")
    house.cli.json("set-paused", "--run-id", "test")
    house.cli.json("join-authorization-delete", "--permissionless")
    house.cli.json("join-authorization-close", "--permissionless")
    if treasurer:
        house.cli.json("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "5")
    else:
        house.cli.json("close-run", "--run-id", "test", "--yes")
    records = house.cli.json("tx", "list", "--all")["transactions"]
    assert len(records) >= 10
    found = {}
    for record in records:
        data = explained(house, record["signature"])
        assert (data["status"], data["record"]) == ("landed", record)
        if record["command"]:
            assert data["runs"] == ([record["run_id"]] if record["run_id"] else [])
        assert [one["problem"] for one in data["instructions"]] == [None] * len(data["instructions"])
        assert {signer["signature"] for signer in data["signers"]} == {"signed"}
        assert sum(one["after"] - one["before"] for one in data["balances"]) == -data["fee"]["lamports"]
        names = [f"{one['program']} {one['name']}" for one in data["instructions"]]
        found[record["command"]] = names[-1]
        offline = explained(house, record["signature"], "--offline")
        assert offline["status"] == "unknown"
        for one, other in zip(offline["instructions"], data["instructions"], strict=True):
            # Only the cluster knows whose vault a token account is.
            assert other["description"].partition(", the vault of")[0] == one["description"]
            assert {**other, "description": ""} == {**one, "description": ""}
        assert offline["runs"] == data["runs"]
    changes = "treasurer run_update" if treasurer else "coordinator {}"
    assert found["set-paused"] == changes.format("set_paused")
    assert found["set-future-epoch-rates"] == changes.format("set_future_epoch_rates")
    assert (found["tick"], found["checkpoint"]) == ("coordinator tick", "coordinator checkpoint")
    assert found["join-authorization-close"] == "authorizer authorization_close"


def test_a_landed_transaction_takes_two_requests(house: House) -> None:
    house.run()
    signature = house.cli("set-paused", "--run-id", "test", "--resume", "--output", "json").json["transactions"][0][
        "signature"
    ]
    before = len(house.chain.requests)
    outcome = house.cli("tx", "explain", signature)
    assert house.chain.requests[before:] == [GET, READ]
    assert outcome.stdout.startswith("Starts or resumes run 'test'.\n")
    for part in ("landed in slot", "run             'test'", "0.000005 SOL", "coordinator set_paused", "paused  false"):
        assert part in outcome.stdout
    assert "Program logs" not in outcome.stdout
    assert "Program log: Instruction: SetPaused" in house.cli("tx", "explain", signature, "--verbose").stdout


def test_a_payment_of_tokens(house: House) -> None:
    house.run(treasurer=True)
    house.cli.json("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "5")
    [record] = [
        one for one in house.cli.json("tx", "list", "--all")["transactions"] if one["command"].startswith("treasurer")
    ]
    data = explained(house, record["signature"])
    changes = [(one["after"] - one["before"], one["decimals"]) for one in data["tokens"]]
    assert sorted(changes) == [(-5_000_000, 6), (5_000_000, 6)]
    [payment] = data["transfers"]
    assert (payment["base_units"], payment["decimals"]) == (5_000_000, 6)
    shown = house.cli("tx", "explain", record["signature"]).stdout
    assert "+5 tokens of" in shown
    assert "from 1000000 to" in shown


def test_a_failed_transaction_is_explained_with_its_error(house: House) -> None:
    house.run()
    instance = house.instance()
    foreign = Instructions().set_paused(
        authority=address_of(house.stranger),
        instance=instance.address,
        account=instance.coordinator_account,
        paused=True,
    )
    message = message_of(house, foreign, payer=house.stranger)
    data = explained(house, sending(house, signed_by(message, house.stranger)))
    assert (data["status"], data["runs"]) == ("failed", ["test"])
    assert "The coordinator program rejected the transaction" in data["outcome"]["error"]
    assert json.loads(data["outcome"]["transaction_error"]) == {"InstructionError": [0, {"Custom": 2003}]}
    assert [one["after"] - one["before"] for one in data["balances"]] == [-LAMPORTS_PER_SIGNATURE]
    shown = house.cli("tx", "explain", data["signature"]).stdout
    assert shown.startswith("Failed, and only its fee was paid: pauses run 'test'.")


# --- before it is sent ------------------------------------------------------------------------------------------------


def test_an_unsigned_message_is_simulated_and_not_sent(house: House) -> None:
    house.run()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    sent = house.chain.sent
    raw = in_base64(bytes(message_of(house, pausing(house))))
    requests = len(house.chain.requests)
    outcome = house.cli("tx", "explain", raw)
    assert house.chain.requests[requests:] == [READ, SIMULATE]
    assert outcome.code is ExitCode.OK
    assert outcome.stderr == ""
    assert outcome.stdout.startswith("Pauses run 'test'.\n")
    assert "not signed by its fee payer" in outcome.stdout
    assert "Changed balances, according to the simulation" in outcome.stdout
    data = explained(house, raw)
    assert (data["status"], data["signature"], data["runs"]) == ("unsigned", None, ["test"])
    assert [one["signature"] for one in data["signers"]] == ["missing"]
    assert (data["simulation"]["error"], data["outcome"]) == (None, None)
    [balance] = data["balances"]
    assert balance["after"] - balance["before"] == -LAMPORTS_PER_SIGNATURE
    assert house.chain.sent == sent


def test_a_payment_of_tokens_that_was_not_sent(house: House) -> None:
    house.run(treasurer=True)
    dump = house.cli.json("rewards", "list", "--run-id", "test")
    mint = Pubkey.from_string(dump["collateral_mint"])
    from psyche_cli.protocol.addresses import associated_token_address

    owner, other = address_of(house.owner), address_of(house.stranger)
    made = Instructions()
    pay = made.transfer_tokens(
        owner=owner,
        source=associated_token_address(owner, mint),
        mint=mint,
        destination=associated_token_address(other, mint),
        amount=1_500_000,
        decimals=6,
    )
    create = made.create_associated_token_account(payer=owner, owner=other, mint=mint)
    raw = in_base64(signed_by(message_of(house, create, pay), house.owner))
    data = explained(house, raw)
    assert data["status"] == "not_found"
    changes = [(one["after"] - one["before"], one["decimals"]) for one in data["tokens"]]
    assert sorted(changes) == [(-1_500_000, 6), (1_500_000, 6)]
    assert {one["owner"] for one in data["tokens"]} == {str(owner), str(other)}
    offline = house.cli("tx", "explain", raw, "--offline")
    assert "Transfers in the instructions" in offline.stdout
    assert "pays 1.5 tokens of" in offline.stdout


def test_the_decimals_of_a_mint_that_the_message_does_not_name(house: House) -> None:
    from spl.token.instructions import TransferParams as TokenTransfer
    from spl.token.instructions import transfer as transfer_tokens

    from psyche_cli.protocol.addresses import associated_token_address
    from psyche_cli.solana.programs import TOKEN_PROGRAM

    house.run(treasurer=True)
    dump = house.cli.json("rewards", "list", "--run-id", "test")
    mint, owner = Pubkey.from_string(dump["collateral_mint"]), address_of(house.owner)
    vault = house.dump()["treasurer_run"]["address"]
    pay = transfer_tokens(
        TokenTransfer(
            program_id=TOKEN_PROGRAM,
            source=associated_token_address(owner, mint),
            dest=associated_token_address(Pubkey.from_string(vault), mint),
            owner=owner,
            amount=7,
        )
    )
    raw = in_base64(bytes(message_of(house, pay)))
    data = explained(house, raw)
    assert sorted((one["after"] - one["before"], one["decimals"]) for one in data["tokens"]) == [(-7, 6), (7, 6)]
    assert "pays 7 base units" in house.cli("tx", "explain", raw, "--offline").stdout


def test_one_that_would_fail_is_explained_with_its_error(house: House) -> None:
    house.run()
    raw = in_base64(bytes(message_of(house, pausing(house))))
    data = explained(house, raw)
    assert "rejected the transaction" in data["simulation"]["error"]
    assert (data["balances"], data["tokens"]) == (None, None)
    outcome = house.cli("tx", "explain", raw)
    assert outcome.code is ExitCode.OK
    assert outcome.stdout.startswith("Would fail now: pauses run 'test'.")


def test_signatures_are_verified(house: House) -> None:
    message = message_of(house, sol_transfer(house))
    wrong = VersionedTransaction.populate(message, [Signature.new_unique()])
    assert explained(house, in_base64(bytes(wrong)))["signers"] == [
        {"address": str(address_of(house.owner)), "signature": "invalid"}
    ]


def test_fees(house: House) -> None:
    priced = [set_compute_unit_limit(200_000), set_compute_unit_price(1_000_000), sol_transfer(house)]
    raw = in_base64(bytes(message_of(house, *priced)))
    assert explained(house, raw)["fee"] == {
        "payer": str(address_of(house.owner)),
        "lamports": 205_000,
        "base_lamports": 5_000,
        "priority_lamports": 200_000,
        "compute_unit_limit": 200_000,
        "compute_unit_price": 1_000_000,
    }
    shown = house.cli("tx", "explain", raw).stdout
    assert "0.000205 SOL, of which 0.0002 SOL is the priority fee" in shown
    unlimited = in_base64(bytes(message_of(house, *priced[1:])))
    assert "at most 0.000205 SOL, of which" in house.cli("tx", "explain", unlimited).stdout


def test_a_durable_nonce(house: House) -> None:
    nonce, owner = Keypair(), address_of(house.owner)
    made = create_nonce_account(owner, nonce.pubkey(), owner, 1_447_680)
    message = message_of(house, *made)
    signed = VersionedTransaction(message, [key_of(house.owner), nonce])
    house.chain.rpc.send_transaction(bytes(signed))
    house.cli.json("localnet", "warp", "--slots", "2")
    raw = house.chain.rpc.account(nonce.pubkey())
    assert raw is not None
    value = Hash(raw.data[40:72])
    advance = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce.pubkey(), authorized_pubkey=owner))
    using = Message.new_with_blockhash([advance, sol_transfer(house)], owner, value)
    data = explained(house, in_base64(bytes(using)))
    assert (data["nonce_account"], data["blockhash"]) == (str(nonce.pubkey()), str(value))
    outcome = house.cli("tx", "explain", in_base64(bytes(using)))
    assert outcome.stdout.startswith("Transfers 0.000000005 SOL from ")
    assert f"durable nonce  {value}, of account {nonce.pubkey()}" in outcome.stdout


def looking_up(house: House, table: Pubkey) -> MessageV0:
    accounts = AddressLookupTableAccount(table, [address_of(house.stranger)])
    blockhash = house.chain.rpc.latest_blockhash().hash
    return MessageV0.try_compile(address_of(house.owner), [sol_transfer(house)], [accounts], blockhash)


def test_lookup_tables_are_resolved(house: House) -> None:
    table = Pubkey.new_unique()
    head = ((1).to_bytes(4, "little") + b"\xff" * 8).ljust(56, b"\0")
    data = head + bytes(address_of(house.stranger))
    house.chain.dispatcher.context.bank.set_account(table, Account(SOL, data, LOOKUP_TABLE_PROGRAM))
    house.cli.json("localnet", "warp", "--slots", "2")
    message = looking_up(house, table)
    raw = in_base64(signed_by(message, house.owner))
    shown = explained(house, raw)
    [destination] = [one for one in shown["instructions"][0]["accounts"] if one["role"] == "destination"]
    assert destination == {
        "role": "destination",
        "address": str(address_of(house.stranger)),
        "signer": False,
        "writable": True,
        "lookup_table": str(table),
    }
    assert (shown["version"], shown["lookup_tables"]) == ("0", [str(table)])
    assert shown["simulation"]["error"] is None
    assert [one["after"] - one["before"] for one in shown["balances"]] == [-5_005, 5]
    offline = house.cli("tx", "explain", raw, "--offline")
    assert f"to account 0 of lookup table {table}" in " ".join(offline.stdout.split())
    assert f"in lookup table {table}" in offline.stdout
    landed = explained(house, sending(house, base64.b64decode(raw)))
    assert (landed["status"], landed["instructions"]) == ("landed", shown["instructions"])


def test_a_lookup_table_that_does_not_exist_is_reported(house: House) -> None:
    outcome = house.cli("tx", "explain", in_base64(to_bytes_versioned(looking_up(house, Pubkey.new_unique()))))
    assert outcome.code is ExitCode.OK
    assert "Warning: A lookup table does not exist, or has too few addresses." in outcome.stderr
    assert "could not be simulated" in outcome.stderr
    assert "Transaction loads an address table account that doesn't exist" in outcome.stderr


# --- forms of input ---------------------------------------------------------------------------------------------------


def test_every_form_is_read(house: House, tmp_path: Path) -> None:
    message = message_of(house, sol_transfer(house))
    raw = signed_by(message, house.owner)
    in_text = in_base64(raw)
    wrapped = "\n".join(in_text[start : start + 64] for start in range(0, len(in_text), 64))
    signer, signature = address_of(house.owner), VersionedTransaction.from_bytes(raw).signatures[0]
    files: dict[str, bytes] = {
        "raw": raw,
        "base64": in_text.encode(),
        "wrapped": wrapped.encode() + b"\n",
        "base58": base58.encode(raw).encode(),
        "bom": b"\xef\xbb\xbf" + in_text.encode(),
        "utf16": in_text.encode("utf-16"),
        "json": json.dumps({"transaction": in_text}).encode(),
        "exported": json.dumps({"data": {"transaction_base64": in_text, "message_base64": "x"}}).encode(),
        "list": json.dumps({"result": {"transaction": [in_text, "base64"]}}).encode(),
        "envelope": json.dumps(
            {"data": {"message": in_base64(bytes(message)), "signers": [f"{signer}={signature}"]}}
        ).encode(),
    }
    expected = explained(house, in_text)
    assert expected["signature"] == str(signature)
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert explained(house, path) == expected, name
    urlsafe = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    for words in (urlsafe, base58.encode(raw), wrapped):
        assert explained(house, words) == expected
    assert _with_stdin(house, in_text).data == expected
    bare = {"message": in_base64(bytes(message)), "signers": [f"{Pubkey.new_unique()}={signature}", 5, "nothing"]}
    path = tmp_path / "bare"
    path.write_text(json.dumps(bare))
    assert explained(house, path)["status"] == "unsigned"
    path.write_text(json.dumps({"message": in_base64(bytes(message)), "signers": None}))
    assert explained(house, path)["status"] == "unsigned"


def _with_stdin(house: House, content: str) -> Outcome:
    environment = environment_of(house.cli).replaced(stdin=io.StringIO(content))
    code = main(["tx", "explain", "-", "--output", "json"], environment)
    assert isinstance(environment.stdout, io.StringIO)
    assert isinstance(environment.stderr, io.StringIO)
    return Outcome(code, environment.stdout.getvalue(), environment.stderr.getvalue())


def test_a_file_that_was_exported(house: House, tmp_path: Path) -> None:
    house.run()
    path, signed = tmp_path / "exported.json", tmp_path / "signed.json"
    house.cli.json("set-paused", "--run-id", "test", "--resume", "--unsigned", "-o", path)
    data = explained(house, path)
    assert (data["status"], data["runs"], data["record"]) == ("unsigned", ["test"], None)
    assert data["instructions"][0]["description"] == "starts or resumes run 'test'"
    house.cli.json("tx", "sign", path, "-o", signed, "--yes")
    data = explained(house, signed)
    assert (data["status"], [one["signature"] for one in data["signers"]]) == ("not_found", ["signed"])
    assert explained(house, house.cli.json("tx", "send", signed)["signature"])["status"] == "landed"
    assert explained(house, signed)["status"] == "landed"


def test_a_signature_in_a_file(house: House, tmp_path: Path) -> None:
    house.run()
    record = house.cli.json("tx", "list", "--all")["transactions"][0]
    path = tmp_path / "signature"
    path.write_text(f"{record['signature']}\n")
    assert explained(house, path)["record"] == record


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"{", "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b"{}", "a JSON object without a transaction or a message"),
        (b'{"message": 5, "transaction": [], "data": 7}', "a JSON object without a transaction or a message"),
        (b'{"message": "AAAA"}', "the 3 bytes are neither a transaction nor a message"),
        (b"hello, world", "it is neither base64 nor base58"),
        (b"AAAA", "the 3 bytes are neither a transaction nor a message"),
        (bytes(range(128, 256)), "it is not text, and as bytes: The 128 bytes are neither"),
        (b"A" * 2000, "1500 bytes are too long for a transaction; the maximum is 1232"),
        (b"0" * 70_000, "larger than 65536 bytes"),
    ],
)
def test_what_is_not_a_transaction(offline: CommandLine, tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    outcome = offline("tx", "explain", path)
    assert outcome.code is ExitCode.USAGE
    assert outcome.stderr.startswith("Error: The file is not a transaction: ")
    assert reason in outcome.stderr
    assert "Hint: Give a signature" in outcome.stderr


def test_an_invalid_list_of_signers(offline: CommandLine, house: House, tmp_path: Path) -> None:
    path = tmp_path / "file"
    message = in_base64(bytes(message_of(house, sol_transfer(house))))
    path.write_text(json.dumps({"message": message, "signers": ["x=y"]}))
    assert "an entry that is not PUBKEY=SIGNATURE" in offline("tx", "explain", path).stderr


def test_a_file_that_cannot_be_read(offline: CommandLine, tmp_path: Path) -> None:
    outcome = offline("tx", "explain", tmp_path)
    assert outcome.code is ExitCode.USAGE
    assert f"Cannot read {tmp_path}: Is a directory" in outcome.stderr
    for missing in ("no-such-file.json", "a\0b", "x" * 5000):
        outcome = offline("tx", "explain", missing)
        assert outcome.code is ExitCode.USAGE
        assert "Error: The argument is not a transaction: " in outcome.stderr


def test_truncated_transactions_are_refused(offline: CommandLine, house: House) -> None:
    raw = signed_by(message_of(house, sol_transfer(house)), house.owner)
    for size in range(0, len(raw), 7):
        outcome = offline("tx", "explain", "--offline", in_base64(raw[:size]) or '""')
        assert outcome.code is ExitCode.USAGE
        assert outcome.stderr.count("Error: ") == 1


@settings(max_examples=repetitions(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=1300) | st.text(max_size=200).map(lambda one: one.encode("utf-8", "surrogatepass")))
def test_any_file_is_explained_or_refused(offline: CommandLine, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    _is_one_answer(offline("tx", "explain", path, "--offline"))


@settings(max_examples=repetitions(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_transactions_are_explained_or_refused(offline: CommandLine, data: st.DataObject) -> None:
    memo = Instruction(MEMO_PROGRAMS[0], data.draw(st.binary(max_size=40)), [])
    message = Message.new_with_blockhash([memo], Pubkey.new_unique(), Hash.default())
    raw = bytearray(bytes(message))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    _is_one_answer(offline("tx", "explain", in_base64(bytes(raw)), "--offline"))


def _is_one_answer(outcome: Outcome) -> None:
    refused = outcome.code is ExitCode.USAGE
    assert refused or outcome.code is ExitCode.OK
    assert outcome.stderr.count("Error: ") == int(refused)
    assert all(character.isprintable() or character == "\n" for character in outcome.stdout + outcome.stderr)


def test_hostile_text_is_shown_harmlessly(house: House) -> None:
    hostile = "\x1b[31m\u202e[bold]\nx".encode()
    memo = Instruction(MEMO_PROGRAMS[0], hostile, [])
    raw = in_base64(bytes(message_of(house, memo)))
    shown = house.cli("tx", "explain", raw).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[bold]" in shown
    [one] = explained(house, raw)["instructions"]
    assert one["arguments"] == {"memo": hostile.decode()}


# --- endpoints and the journal ----------------------------------------------------------------------------------------


def test_without_an_endpoint_the_bytes_are_explained(house: House) -> None:
    house.run()
    raw = in_base64(signed_by(message_of(house, pausing(house)), house.owner))

    def unreachable(url: str) -> Transport:
        return _Unreachable(url)

    cut_off = CommandLine(house.cli.home, unreachable, house.cli.variables)
    outcome = cut_off("tx", "explain", raw)
    assert outcome.code is ExitCode.OK
    assert outcome.stdout.startswith("Pauses run 'test'.")  # its id is known from the journal
    assert "unknown: no endpoint was queried, or none responded" in outcome.stdout
    assert "Warning: Nobody answers." in outcome.stderr
    bare = cut_off("tx", "explain", in_base64(bytes(message_of(house, pausing(house)))))
    assert (bare.code, "Warning: It could not be simulated: Nobody answers." in bare.stderr) == (ExitCode.OK, True)
    record = house.cli.json("tx", "list", "--all")["transactions"][0]
    known = cut_off("tx", "explain", record["signature"], "--output", "json")
    assert (known.data["status"], known.data["record"]) == ("unknown", record)
    assert cut_off("tx", "explain", str(Signature.new_unique())).code is ExitCode.NETWORK


class _Unreachable:
    def __init__(self, url: str) -> None:
        self.label = url

    def send(self, body: bytes, *, timeout: float) -> bytes:
        del body, timeout
        raise Unreachable("Nobody answers.", endpoint=self.label, request_sent=True)

    def close(self) -> None:
        pass


def test_offline_makes_no_request(house: House, offline: CommandLine) -> None:
    house.run()
    raw = in_base64(bytes(message_of(house, pausing(house))))
    outcome = offline("tx", "explain", raw, "--offline")
    assert outcome.code is ExitCode.OK
    assert "Warning: No request was made" in outcome.stderr
    unknown = offline("tx", "explain", str(Signature.new_unique()), "--offline")
    assert unknown.code is ExitCode.NOT_FOUND
    assert "Omit --offline" in unknown.stderr


def test_a_signature_that_nobody_knows(house: House) -> None:
    outcome = house.cli("tx", "explain", str(Signature.new_unique()))
    assert outcome.code is ExitCode.NOT_FOUND
    assert "Neither http://127.0.0.1:8899 nor the journal knows transaction" in outcome.stderr


def test_a_damaged_journal_is_a_warning(house: House) -> None:
    house.run()
    record = house.cli.json("tx", "list", "--all")["transactions"][0]
    file = state_home(house.cli.home) / "psyche-cli" / "transactions.sqlite3"
    file.write_bytes(b"damaged")
    outcome = house.cli("tx", "explain", record["signature"])
    assert outcome.code is ExitCode.OK
    assert "is damaged" in outcome.stderr


def test_a_claim_names_its_run_by_the_treasurer(house: House) -> None:
    house.run(treasurer=True)
    run = Pubkey.from_string(house.dump()["treasurer_run"]["address"])
    register = Instructions().participant_create(payer=address_of(house.owner), user=address_of(house.owner), run=run)
    data = explained(house, in_base64(bytes(message_of(house, register))))
    assert data["runs"] == ["test"]
    assert data["instructions"][0]["description"].endswith("with the treasurer of run 'test'")


def test_a_landed_transaction_on_a_public_cluster_has_a_link(house: House) -> None:
    signature = sending(house, signed_by(message_of(house, sol_transfer(house)), house.owner))
    link = f"https://explorer.solana.com/tx/{signature}?cluster=devnet"
    assert explained(house, signature, "--rpc", "devnet")["explorer"] == link
    assert re.search(rf"explorer +{re.escape(link)}\n", house.cli("tx", "explain", signature, "--rpc", "devnet").stdout)
    assert explained(house, signature)["explorer"] is None


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.9990000128746033, "0.999"),
        (0.999, "0.999"),
        (0.0, "0.0"),
        (1e300, "1e+300"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_shortest_numbers(number: float, shown: str) -> None:
    assert shortest_float(number) == shown


def test_numbers_have_the_fewest_digits(house: House) -> None:
    house.run()
    [record] = [one for one in house.cli.json("tx", "list", "--all")["transactions"] if one["label"] == "update"]
    shown = house.cli("tx", "explain", record["signature"]).stdout
    assert re.search(r"compression_decay +0\.999$", shown, re.MULTILINE)
    assert re.search(r"base_lr +0\.0003$", shown, re.MULTILINE)


def test_accounts_that_are_not_what_their_roles_say(house: House) -> None:
    owner = address_of(house.owner)
    register = Instructions().participant_create(payer=owner, user=owner, run=owner)
    tick = Instructions().tick(user=owner, instance=owner, account=Pubkey.new_unique())
    data = explained(house, in_base64(bytes(message_of(house, register, tick))))
    assert data["runs"] == []


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_fit_into_the_terminal(house: House, columns: int) -> None:
    house.run(treasurer=True)
    house.cli.json("update-config", "--run-id", "test", "--config-path", MINIMAL, "--name", "n" * 64)
    for record in house.cli.json("tx", "list", "--all")["transactions"]:
        shown = house.cli("tx", "explain", record["signature"], variables={"COLUMNS": str(columns)}).stdout
        body = shown[shown.index("Instructions (") :]
        assert max(map(len, body.splitlines())) <= columns


# --- secrets ----------------------------------------------------------------------------------------------------------

SECRET = Keypair.from_seed(bytes(range(7, 39)))


@pytest.mark.parametrize("form", FORMS)
def test_a_private_key_is_recognized_and_not_shown(offline: CommandLine, tmp_path: Path, form: str) -> None:
    written = FORMS[form](bytes(SECRET))
    path = tmp_path / "file"
    path.write_text(written)
    for words in ([written], [str(path)], [str(path), "--output", "json"], [written, "--offline", "--verbose"]):
        outcome = offline("tx", "explain", *words)
        assert outcome.code is ExitCode.USAGE
        assert leaked(written, outcome.stdout + outcome.stderr) == []


def test_the_error_for_a_private_key(offline: CommandLine, tmp_path: Path) -> None:
    numbers, path = json.dumps(list(bytes(SECRET))), tmp_path / "id.json"
    path.write_text(numbers)
    assert "Error: The file is a keypair file, not a transaction." in offline("tx", "explain", path).stderr
    assert "Error: The argument is a keypair file, not a transaction." in offline("tx", "explain", numbers).stderr
    assert "A private key was given instead of a signature." in offline("tx", "explain", str(SECRET)).stderr
    path.write_text(f"{SECRET}\n")
    assert "A private key was given instead of a signature." in offline("tx", "explain", path).stderr
    phrase = " ".join(["abandon"] * 11 + ["about"])
    assert "Error: The argument is a recovery phrase" in offline("tx", "explain", phrase).stderr
