"""Transactions that are signed or sent elsewhere: exported, signed offline, collected and sent."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import AdvanceNonceAccountParams, advance_nonce_account
from solders.transaction import Transaction

from psyche_cli import base58
from psyche_cli.errors import ExitCode
from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES
from psyche_cli.private_keys import SEED_BYTES, base64_forms
from psyche_cli.protocol.programs import PUBLISHED
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import CommandLine, Outcome, address_of
from tests.cli.killing import killed
from tests.cli.test_tx import without_waiting
from tests.support.secret_forms import FORMS, leaked

PAUSE = ("set-paused", "--run-id", "test")
RESUME = (*PAUSE, "--resume")
SEND = "sendTransaction"


@pytest.fixture
def running(house: House) -> House:
    """A run that can be paused."""
    house.run()
    house.cli.json(*RESUME)
    return house


def exported(house: House, *words: object, file: str = "unsigned.json") -> Path:
    """A transaction exported to a file."""
    path = house.cli.home / file
    house.cli.json(*words, "--unsigned", "-o", path)
    return path


def signed(offline: CommandLine, path: Path, key: Path, name: str = "signed.json") -> Path:
    """The file signed with a key, by a command line without a cluster."""
    target = offline.home / name
    outcome = offline("tx", "sign", path, "-w", key, "-o", target, "--yes", "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    return target


def without_wallet(house: House) -> CommandLine:
    """The same command line on a computer without any key."""
    return CommandLine(house.cli.home, house.cli.open_transport)


def is_paused(house: House) -> bool:
    [run] = house.cli.json("list-runs")["runs"]
    return bool(run["state"] == "Paused")


def refused(outcome: Outcome, code: ExitCode, kind: str) -> Any:
    """The error of a command that failed as expected."""
    assert outcome.code is code, outcome.stderr
    error = outcome.json["error"]
    assert error["code"] == kind
    return error


# --- an offline computer ----------------------------------------------------------------------------------------------


def test_an_offline_computer_signs_what_another_exports_and_sends(running: House, offline: CommandLine) -> None:
    online = without_wallet(running)
    owner = str(address_of(running.owner))
    path = running.cli.home / "pause.json"
    sent = running.chain.sent
    data = online.json(*PAUSE, "--authority", owner, "--unsigned", "-o", path)
    assert (data["fee_payer"], data["authority"], data["missing"], data["signatures"]) == (owner, owner, [owner], [])
    assert json.loads(path.read_text()) == data
    assert running.chain.sent == sent
    target = signed(offline, path, running.owner)
    sent_data = online.json("tx", "send", target)
    assert sent_data["already_so"] is False
    assert running.chain.sent == sent + 1
    assert is_paused(running)
    again = online.json("tx", "send", target)
    assert (again["already_so"], again["signature"]) == (True, sent_data["signature"])
    assert running.chain.sent == sent + 1
    [record] = [one for one in online.json("tx", "list", "--all")["transactions"] if one["label"] == "pause"]
    assert record["state"] == "landed"
    assert (record["command"], record["run_id"], record["wallet"]) == ("set-paused", "test", owner)


def test_what_is_signed_is_shown_in_words_and_asked(running: House, offline: CommandLine) -> None:
    path = exported(running, *PAUSE)
    outcome = offline("tx", "sign", path, "-w", running.owner, "--output", "json")
    refused(outcome, ExitCode.USAGE, "not_confirmed")
    assert "pauses" in outcome.stderr
    assert str(address_of(running.owner)) in outcome.stderr
    agreed = offline("tx", "sign", path, "-w", running.owner, "--yes")
    assert agreed.code is ExitCode.OK
    assert f"{address_of(running.owner)}=" in agreed.stdout
    message = json.loads(path.read_text())["message_base64"]
    assert message in agreed.stdout.splitlines()


def test_human_output_has_the_message_on_a_line_of_its_own(running: House) -> None:
    outcome = running.cli(*PAUSE, "--sign-only")
    owner = address_of(running.owner)
    [line] = [line for line in outcome.stdout.splitlines() if line.startswith(f"  {owner}=")]
    signature = Signature.from_string(line.partition("=")[2])
    assert signature.verify(owner, base64.b64decode(outcome.stdout.splitlines()[-1]))
    assert not is_paused(running)


def test_another_wallet_than_a_signer_is_refused(running: House, offline: CommandLine) -> None:
    path = exported(running, *PAUSE)
    outcome = offline("tx", "sign", path, "-w", running.stranger, "--yes", "--output", "json")
    error = refused(outcome, ExitCode.REFUSED, "refused")
    assert str(address_of(running.owner)) in error["hint"]


def test_all_checks_are_made_for_the_authority(running: House) -> None:
    stranger = str(address_of(running.stranger))
    outcome = running.cli(*PAUSE, "--authority", stranger, "--unsigned", "--output", "json")
    refused(outcome, ExitCode.REFUSED, "not_authority")
    poor = str(Pubkey.new_unique())
    outcome = running.cli("join-authorization-create", "--permissionless", "--authority", poor, "--unsigned")
    assert outcome.code is ExitCode.REFUSED
    assert poor in outcome.stderr


def test_what_is_already_so_exports_nothing(running: House) -> None:
    outcome = running.cli(*RESUME, "--unsigned", "-o", running.cli.home / "none.json", "--output", "json")
    assert outcome.data["already_so"] is True
    assert not (running.cli.home / "none.json").exists()


def test_an_existing_file_is_not_overwritten(running: House) -> None:
    path = exported(running, *PAUSE)
    content = path.read_text()
    outcome = running.cli(*PAUSE, "--unsigned", "-o", path, "--output", "json")
    refused(outcome, ExitCode.USAGE, "usage_error")
    assert path.read_text() == content


def test_a_wallet_without_its_key_cannot_send(running: House) -> None:
    sent = running.chain.sent
    other = str(Pubkey.new_unique())
    for words in (("--authority", other), ("--fee-payer", other)):
        outcome = running.cli(*PAUSE, *words, "--output", "json")
        error = refused(outcome, ExitCode.USAGE, "usage_error")
        assert other in error["message"]
        assert "--unsigned" in error["hint"]
    assert running.chain.sent == sent


@pytest.mark.parametrize(
    "words",
    [
        ("--unsigned", "--sign-only"),
        ("--nonce-authority", "1" * 32),
        ("-o", "file"),
        ("--signer", f"{'1' * 32}={'1' * 64}"),
        ("--blockhash", "nonsense"),
        ("--nonce", "nonsense", "--unsigned"),
        ("--authority", "nonsense", "--unsigned"),
        ("--unsigned", "--signer", "nonsense", "--blockhash", "1" * 32),
        ("--unsigned", "--signer", f"{'1' * 32}=nonsense", "--blockhash", "1" * 32),
        ("--unsigned", "--fee-payer", "nonsense"),
    ],
)
def test_options_that_make_no_sense_are_refused_offline(offline: CommandLine, words: tuple[str, ...]) -> None:
    key = offline.home / "key.json"
    key.write_text(json.dumps(list(bytes(Keypair()))))
    outcome = offline(*PAUSE, "-w", key, *words, "--output", "json")
    assert outcome.code is ExitCode.USAGE, outcome.stderr


def test_the_hint_about_hardware_wallets_works(running: House) -> None:
    outcome = running.cli(*PAUSE, "-w", "usb://ledger", "--output", "json")
    hint = refused(outcome, ExitCode.WALLET, "wallet_error")["hint"]
    assert "--authority PUBKEY --unsigned" in hint
    assert "psyche-cli tx send FILE --signer PUBKEY=SIGNATURE" in hint
    # A device signs the message with other software.
    owner = address_of(running.owner)
    path = running.cli.home / "unsigned.json"
    data = without_wallet(running).json(*PAUSE, "--authority", owner, "--unsigned", "-o", path)
    device = Keypair.from_bytes(bytes(json.loads(running.owner.read_text())))
    signature = device.sign_message(base64.b64decode(data["message_base64"]))
    outcome = without_wallet(running)("tx", "send", path, "--signer", f"{owner}={signature}", "--output", "json")
    assert outcome.data["signature"] == str(signature)
    assert is_paused(running)


# --- several signers --------------------------------------------------------------------------------------------------


def test_two_signers_sign_the_same_file_apart(running: House, offline: CommandLine) -> None:
    owner, stranger = address_of(running.owner), address_of(running.stranger)
    path = running.cli.home / "unsigned.json"
    words = ("--authority", owner, "--fee-payer", stranger, "--unsigned", "-o", path)
    data = without_wallet(running).json(*PAUSE, *words)
    assert data["signers"] == [str(stranger), str(owner)]
    one = signed(offline, path, running.owner, "one.json")
    two = signed(offline, path, running.stranger, "two.json")
    sent = running.chain.sent
    outcome = running.cli("tx", "send", one, "--output", "json")
    error = refused(outcome, ExitCode.REFUSED, "missing_signatures")
    assert error["context"]["missing"] == [str(stranger)]
    assert running.chain.sent == sent
    before = running.chain.rpc.balance(owner)
    done = running.cli.json("tx", "send", one, two)
    assert done["signers"] == [str(stranger), str(owner)]
    assert is_paused(running)
    assert running.chain.rpc.balance(owner) == before, "the fee payer paid"


def test_one_after_the_other_adds_a_signature_to_the_file(running: House, offline: CommandLine) -> None:
    owner, stranger = address_of(running.owner), address_of(running.stranger)
    path = running.cli.home / "half.json"
    data = running.cli.json(*PAUSE, "--fee-payer", stranger, "--sign-only", "-o", path)
    assert data["missing"] == [str(stranger)]
    assert [one["signer"] for one in data["signatures"]] == [str(owner)]
    whole = signed(offline, path, running.stranger)
    assert running.cli.json("tx", "send", whole)["already_so"] is False
    assert is_paused(running)


def test_the_fee_payer_may_be_a_keypair_file(running: House) -> None:
    before = running.chain.rpc.balance(address_of(running.owner))
    running.cli.json(*PAUSE, "--fee-payer", running.stranger)
    assert is_paused(running)
    assert running.chain.rpc.balance(address_of(running.owner)) == before


def test_a_multisig_takes_the_instructions_of_its_vault(running: House) -> None:
    """Squads and others import the message or transaction, and execute its instructions in one of their own."""
    owner = address_of(running.owner)
    data = without_wallet(running).json(*PAUSE, "--authority", owner, "--unsigned")
    for encoded in (base58.decode(data["message_base58"]), base64.b64decode(data["message_base64"])):
        message = Message.from_bytes(encoded)
        transaction = Transaction.from_bytes(base58.decode(data["transaction_base58"]))
        assert transaction.message == message
        assert base64.b64decode(data["transaction_base64"]) == bytes(transaction)
        [instruction] = message.instructions
        assert message.account_keys[instruction.program_id_index] == PUBLISHED.coordinator
    # The vault's program would sign for it; here, the vault is an ordinary key.
    keys = message.account_keys
    metas = [AccountMeta(keys[index], message.is_signer(index), True) for index in bytes(instruction.accounts)]
    running.send(Instruction(PUBLISHED.coordinator, bytes(instruction.data), metas))
    assert is_paused(running)


# --- signatures and files that do not fit -----------------------------------------------------------------------------


def tampered(path: Path, change: Any) -> Path:
    """A file with a change."""
    fields = json.loads(path.read_text())
    change(fields)
    target = path.with_name(f"tampered-{path.name}")
    target.write_text(json.dumps(fields))
    return target


def flip(name: str) -> Any:
    def change(fields: Any) -> None:
        raw = bytearray(base64.b64decode(fields[name]))
        raw[-1] ^= 1
        fields[name] = base64.b64encode(raw).decode()

    return change


def both_flipped(fields: Any) -> None:
    flip("transaction_base64")(fields)
    flip("message_base64")(fields)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (both_flipped, "invalid_signature"),
        (flip("message_base64"), "invalid_transaction"),
        (lambda fields: fields.update(format="another"), "invalid_transaction"),
        (lambda fields: fields.update(version=2), "invalid_transaction"),
        (lambda fields: fields.pop("message_base64"), "invalid_transaction"),
        (lambda fields: fields.update(transaction_base64="%"), "invalid_transaction"),
        (lambda fields: fields.update(label="\x1b[31m"), "invalid_transaction"),
        (lambda fields: fields.update(run_id="a\nb"), "invalid_transaction"),
        (lambda fields: fields.update(intent=5), "invalid_transaction"),
    ],
)
def test_a_tampered_file_is_refused_before_any_request(
    running: House, offline: CommandLine, change: Any, kind: str
) -> None:
    path = signed(offline, exported(running, *PAUSE), running.owner)
    outcome = offline("tx", "send", tampered(path, change), "--output", "json")
    refused(outcome, ExitCode.USAGE, kind)


def test_a_wrong_signature_is_refused(running: House, offline: CommandLine) -> None:
    path = exported(running, *PAUSE)
    owner, other = address_of(running.owner), Keypair().sign_message(b"")
    outcome = offline("tx", "send", path, "--signer", f"{owner}={other}", "--output", "json")
    error = refused(outcome, ExitCode.USAGE, "invalid_signature")
    assert error["context"]["signer"] == str(owner)
    stranger = address_of(running.stranger)
    outcome = offline("tx", "send", path, "--signer", f"{stranger}={other}", "--output", "json")
    assert "is not a signer" in refused(outcome, ExitCode.USAGE, "usage_error")["message"]


def test_different_transactions_are_not_merged(running: House, offline: CommandLine) -> None:
    one = exported(running, *PAUSE, file="one.json")
    two = exported(running, "join-authorization-create", "--permissionless", file="two.json")
    outcome = offline("tx", "send", one, two, "--output", "json")
    refused(outcome, ExitCode.USAGE, "invalid_transaction")


@pytest.mark.parametrize("form", FORMS)
def test_a_key_given_for_a_transaction_is_never_shown(running: House, offline: CommandLine, form: str) -> None:
    secret = bytes(json.loads(running.owner.read_text()))
    text = FORMS[form](secret)
    path = running.cli.home / "mistake"
    path.write_text(text)
    for verb in ("send", "sign"):
        outcome = offline("tx", verb, path, *(("-w", running.stranger) if verb == "sign" else ()), "--output", "json")
        assert outcome.code is ExitCode.USAGE
        assert not leaked(text, outcome.stdout + outcome.stderr)
    outcome = offline("tx", "send", running.owner)
    assert "a keypair file" in outcome.stderr


def test_no_file_holds_a_key(house: House) -> None:
    secret = bytes(json.loads(house.owner.read_text()))
    path = house.cli.home / "created.json"
    outcome = house.cli("create-run", "--run-id", "new", "--sign-only", "-o", path)
    assert outcome.code is ExitCode.OK
    everything = path.read_text() + outcome.stdout + outcome.stderr
    seed = secret[:SEED_BYTES]  # the other half is the public key, which is in the message
    for form in (base58.encode(secret), base58.encode(seed), seed.hex(), *base64_forms(seed)):
        assert not leaked(form, everything)
    assert "(not shown)" not in everything


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "AAAA", "\xff", "x" * 70_000])
def test_other_files_are_refused(offline: CommandLine, content: str) -> None:
    path = offline.home / "file"
    path.write_bytes(content.encode("latin-1"))
    assert offline("tx", "send", path, "--output", "json").code is ExitCode.USAGE
    assert offline("tx", "send", offline.home / "absent", "--output", "json").code is ExitCode.USAGE


def test_base64_of_a_signed_transaction_is_sent(running: House, offline: CommandLine) -> None:
    data = running.cli.json(*PAUSE, "--sign-only")
    path = running.cli.home / "transaction.txt"
    path.write_text(data["transaction_base64"] + "\n")
    done = running.cli.json("tx", "send", path)
    assert (done["label"], done["already_so"]) == ("transaction", False)
    assert is_paused(running)


def test_the_json_output_of_a_command_is_a_file_too(running: House) -> None:
    outcome = running.cli(*PAUSE, "--sign-only", "--output", "json")
    path = running.cli.home / "output.json"
    path.write_text(outcome.stdout)
    assert running.cli.json("tx", "send", path)["already_so"] is False


# --- the chain --------------------------------------------------------------------------------------------------------


def test_an_expired_blockhash_is_refused_before_sending(running: House, offline: CommandLine) -> None:
    path = signed(offline, exported(running, *PAUSE), running.owner)
    running.cli.json("localnet", "warp", "--slots", "400")
    sent = running.chain.sent
    outcome = running.cli("tx", "send", path, "--output", "json")
    refused(outcome, ExitCode.REFUSED, "blockhash_not_valid")
    assert running.chain.sent == sent
    assert running.cli.json("tx", "list")["transactions"] == []


def test_a_wrong_blockhash_is_refused(running: House) -> None:
    wrong = str(Pubkey.new_unique())
    outcome = running.cli(*PAUSE, "--unsigned", "--blockhash", wrong, "--output", "json")
    error = refused(outcome, ExitCode.REFUSED, "blockhash_not_valid")
    assert error["context"]["blockhash"] == wrong


def test_another_cluster_is_refused(running: House, offline: CommandLine) -> None:
    path = signed(offline, exported(running, *PAUSE), running.owner)
    other = tampered(path, lambda fields: fields.update(genesis_hash=str(Pubkey.new_unique())))
    error = refused(running.cli("tx", "send", other, "--output", "json"), ExitCode.REFUSED, "refused")
    assert "different cluster" in error["message"]


def test_a_program_error_is_found_before_sending(running: House, offline: CommandLine) -> None:
    words = ("join-authorization-create", "--permissionless")
    path = signed(offline, exported(running, *words), running.owner)
    running.cli.json("localnet", "warp", "--slots", "1")  # else it would be the same transaction
    running.cli.json(*words)
    sent = running.chain.sent
    outcome = running.cli("tx", "send", path, "--output", "json")
    error = refused(outcome, ExitCode.REFUSED, "program_refused")
    assert error["context"]["logs"]
    assert running.chain.sent == sent


def test_the_same_options_with_the_signature_send_it(running: House) -> None:
    owner, stranger = address_of(running.owner), address_of(running.stranger)
    blockhash = str(running.chain.rpc.latest_blockhash().hash)
    words = (*PAUSE, "--authority", owner, "--fee-payer", stranger, "--blockhash", blockhash)
    data = without_wallet(running).json(*words, "--unsigned")
    device = Keypair.from_bytes(bytes(json.loads(running.owner.read_text())))
    signature = device.sign_message(base64.b64decode(data["message_base64"]))
    payer = CommandLine(running.cli.home, running.cli.open_transport)
    here = (*PAUSE, "--authority", owner, "--fee-payer", running.stranger, "--blockhash", blockhash)
    wrong = payer(*here, "--signer", f"{owner}={device.sign_message(b'x')}", "--output", "json")
    refused(wrong, ExitCode.USAGE, "invalid_signature")
    done = payer(*here, "--signer", f"{owner}={signature}", "--output", "json")
    assert done.code is ExitCode.OK, done.stderr
    assert is_paused(running)


def test_create_run_is_signed_by_the_new_account_when_it_is_exported(house: House, offline: CommandLine) -> None:
    owner = str(address_of(house.owner))
    path = house.cli.home / "create.json"
    data = without_wallet(house).json("create-run", "--run-id", "new", "--authority", owner, "--unsigned", "-o", path)
    [account] = data["created_accounts"]
    assert (data["missing"], [one["signer"] for one in data["signatures"]]) == ([owner], [account["address"]])
    target = signed(offline, path, house.owner)
    house.cli.json("tx", "send", target)
    assert house.instance("new").coordinator_account == Pubkey.from_string(account["address"])
    [record] = house.cli.json("tx", "list", "--all")["transactions"]
    assert record["created_accounts"] == [account]
    assert house.cli.json("tx", "send", target)["already_so"] is True


def test_a_command_of_several_transactions_exports_the_first(house: House) -> None:
    keys = house.cli.home / "keys.csv"
    keys.write_text("\n".join(str(Pubkey.new_unique()) for _ in range(20)))
    outcome = house.cli("join-authorization-create", "--from", keys, "--sign-only", "-o", house.cli.home / "first.json")
    assert "and this is the first one" in outcome.stderr
    assert house.chain.sent == 0


# --- a process that dies, and two at once -----------------------------------------------------------------------------


@pytest.mark.parametrize("executes", [False, True], ids=["never arrived", "arrived"])
def test_a_send_that_was_killed_is_settled_by_sending_again(
    running: House, offline: CommandLine, executes: bool
) -> None:
    path = signed(offline, exported(running, *PAUSE), running.owner)
    killed(running, SEND, "tx", "send", path, executes=executes)
    [record] = running.cli.json("tx", "list")["transactions"]
    assert record["state"] == "unsettled"
    done = running.cli.json("tx", "send", path)
    assert done["signature"] == record["signature"]
    assert is_paused(running)
    assert running.cli.json("tx", "list")["transactions"] == []


def test_a_send_that_was_killed_is_settled_by_tx_resume_and_by_the_command_itself(
    running: House, offline: CommandLine
) -> None:
    path = signed(offline, exported(running, *PAUSE), running.owner)
    killed(running, SEND, "tx", "send", path, executes=False)
    outcome = running.cli(*PAUSE, "--output", "json")
    assert "An earlier attempt" in outcome.stderr
    assert is_paused(running)
    assert running.cli.json("tx", "list")["transactions"] == []


def test_two_processes_send_it_once(running: House, offline: CommandLine, tmp_path: Path) -> None:
    path = signed(offline, exported(running, *PAUSE), running.owner)
    first = running.cli.json("tx", "send", path, "--state-dir", tmp_path / "one")
    second = running.cli.json("tx", "send", path, "--state-dir", tmp_path / "two")
    assert first["signature"] == second["signature"]
    assert second["already_so"] is True


def test_an_export_warns_of_an_unsettled_attempt_and_sends_nothing(running: House) -> None:
    killed(running, SEND, *PAUSE, executes=False)
    sent = running.chain.sent
    outcome = running.cli(*PAUSE, "--unsigned")
    assert outcome.code is ExitCode.OK
    assert "The outcome of earlier transactions for this run is unknown" in outcome.stderr
    assert running.chain.sent == sent


# --- durable nonces ---------------------------------------------------------------------------------------------------


def new_nonce(house: House, *words: object) -> str:
    made = house.cli.json("nonce", "create", *words)
    address: str = made["nonce_account"]
    return address


def nonce_value(house: House, nonce: str) -> str:
    value: str = house.cli.json("nonce", "show", nonce)["value"]
    return value


def test_a_nonce_account_is_created_shown_and_closed(house: House, owner_address: str) -> None:
    made = house.cli.json("nonce", "create")
    nonce = made["nonce_account"]
    assert made["authority"] == owner_address
    assert house.cli.json("nonce", "show", nonce) == made
    stranger = str(address_of(house.stranger))
    foreign = new_nonce(house, stranger)
    assert house.cli.json("nonce", "show", foreign)["authority"] == stranger
    refused(house.cli("nonce", "close", foreign, "--output", "json"), ExitCode.REFUSED, "not_authority")
    house.cli.json("localnet", "warp", "--slots", "1")
    closed = house.cli.json("nonce", "close", nonce)
    assert closed["recovered_lamports"] == made["lamports"]
    refused(house.cli("nonce", "show", nonce, "--output", "json"), ExitCode.NOT_FOUND, "not_found")
    refused(house.cli("nonce", "show", owner_address, "--output", "json"), ExitCode.NOT_FOUND, "not_found")


def test_a_transaction_with_a_nonce_outlives_blockhashes(running: House, offline: CommandLine) -> None:
    nonce = new_nonce(running)
    value = nonce_value(running, nonce)
    path = exported(running, *PAUSE, "--nonce", nonce)
    data = json.loads(path.read_text())
    assert (data["blockhash"], data["nonce_account"], data["last_valid_block_height"]) == (value, nonce, None)
    running.cli.json("localnet", "warp", "--slots", "10000")
    target = signed(offline, path, running.owner)
    assert running.cli.json("tx", "send", target)["already_so"] is False
    assert is_paused(running)
    assert nonce_value(running, nonce) != value
    [record] = [one for one in running.cli.json("tx", "list", "--all")["transactions"] if one["label"] == "pause"]
    assert (record["nonce_account"], record["last_valid_block_height"], record["state"]) == (nonce, None, "landed")
    assert running.cli.json("tx", "send", target)["already_so"] is True


def record_of_killed(house: House, path: Path) -> Any:
    """The record of ``tx send``, killed before the transaction reached the validator."""
    killed(house, SEND, "tx", "send", path, executes=False)
    [record] = house.cli.json("tx", "list")["transactions"]
    return record


def test_a_file_cannot_make_a_transaction_with_a_nonce_expire(running: House, offline: CommandLine) -> None:
    """It would be reported as safe to repeat, and could land later."""
    nonce = new_nonce(running)
    path = signed(offline, exported(running, *PAUSE, "--nonce", nonce), running.owner)
    running.cli.json("localnet", "warp", "--slots", "1")
    record = record_of_killed(running, tampered(path, lambda fields: fields.update(last_valid_block_height=1)))
    assert (record["nonce_account"], record["last_valid_block_height"]) == (nonce, None)
    running.cli.json("localnet", "warp", "--slots", "400")
    assert running.cli.json("tx", "resume")["settled"][0]["state"] == "landed"


def test_a_transaction_that_advances_a_nonce_may_have_a_blockhash(running: House) -> None:
    """Such as that of ``solana new-nonce``: it expires like any other, not when the nonce has another value."""
    nonce = Pubkey.from_string(new_nonce(running))
    running.cli.json("localnet", "warp", "--slots", "1")
    owner = Keypair.from_json(running.owner.read_text())
    advance = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce, authorized_pubkey=owner.pubkey()))
    path = running.cli.home / "advance.txt"

    def write(blockhash: Hash) -> None:
        message = Message.new_with_blockhash([advance], owner.pubkey(), blockhash)
        path.write_text(base64.b64encode(bytes(Transaction([owner], message, blockhash))).decode())

    write(Hash.new_unique())
    outcome = running.cli("tx", "send", path, "--output", "json")
    error = refused(outcome, ExitCode.REFUSED, "blockhash_not_valid")
    assert error["context"]["nonce_account"] == str(nonce)
    write(running.chain.rpc.latest_blockhash().hash)
    height = running.chain.rpc.block_height()
    record = record_of_killed(running, path)
    assert record["nonce_account"] is None
    assert height + 150 <= record["last_valid_block_height"] <= running.chain.rpc.block_height() + 150
    assert running.cli.json("tx", "resume")["settled"][0]["state"] == "landed"


def test_a_nonce_is_used_once(running: House, offline: CommandLine) -> None:
    nonce = new_nonce(running)
    first = signed(offline, exported(running, *PAUSE, "--nonce", nonce, file="1.json"), running.owner, "2.json")
    other = exported(running, "join-authorization-create", "--permissionless", "--nonce", nonce, file="3.json")
    second = signed(offline, other, running.owner, "4.json")
    running.cli.json("localnet", "warp", "--slots", "1")
    running.cli.json("tx", "send", first)
    sent = running.chain.sent
    outcome = running.cli("tx", "send", second, "--output", "json")
    error = refused(outcome, ExitCode.REFUSED, "blockhash_not_valid")
    assert error["context"]["nonce_account"] == nonce
    assert running.chain.sent == sent


def test_a_nonce_is_also_used_when_sending_at_once(running: House) -> None:
    nonce = new_nonce(running)
    running.cli.json("localnet", "warp", "--slots", "1")
    value = nonce_value(running, nonce)
    running.cli.json(*PAUSE, "--nonce", nonce)
    assert is_paused(running)
    assert nonce_value(running, nonce) != value


def test_another_authority_of_the_nonce_signs_too(running: House, offline: CommandLine) -> None:
    stranger = str(address_of(running.stranger))
    nonce = new_nonce(running, stranger)
    running.cli.json("localnet", "warp", "--slots", "1")
    outcome = running.cli(*PAUSE, "--nonce", nonce, "--unsigned", "--output", "json")
    error = refused(outcome, ExitCode.REFUSED, "refused")
    assert f"--nonce-authority {stranger}" in error["hint"]
    path = running.cli.home / "half.json"
    data = running.cli.json(*PAUSE, "--nonce", nonce, "--nonce-authority", stranger, "--sign-only", "-o", path)
    assert data["missing"] == [stranger]
    running.cli.json("tx", "send", signed(offline, path, running.stranger))
    assert is_paused(running)


def test_a_nonce_authority_may_be_a_keypair_file(running: House) -> None:
    nonce = new_nonce(running, address_of(running.stranger))
    running.cli.json("localnet", "warp", "--slots", "1")
    running.cli.json(*PAUSE, "--nonce", nonce, "--nonce-authority", running.stranger)
    assert is_paused(running)


def test_a_killed_transaction_with_a_nonce_is_dead_only_when_the_nonce_was_used(
    running: House, offline: CommandLine
) -> None:
    nonce = new_nonce(running)
    path = signed(offline, exported(running, *PAUSE, "--nonce", nonce), running.owner)
    other = exported(running, "join-authorization-create", "--permissionless", "--nonce", nonce, file="3.json")
    second = signed(offline, other, running.owner, "4.json")
    running.cli.json("localnet", "warp", "--slots", "1")
    killed(running, SEND, "tx", "send", path, executes=False)
    running.cli.json("localnet", "warp", "--slots", "400")
    refused(
        running.cli("tx", "forget", running.cli.json("tx", "list")["transactions"][0]["signature"], "--output", "json"),
        ExitCode.USAGE,
        "not_confirmed",
    )
    running.cli.json("tx", "send", second)
    running.cli.json("localnet", "warp", "--slots", "400")
    [settled] = without_waiting(running).json("tx", "resume")["settled"]
    assert (settled["state"], settled["nonce_account"]) == ("expired", nonce)
    assert not is_paused(running)


def test_a_killed_transaction_with_a_nonce_lands_much_later(running: House, offline: CommandLine) -> None:
    nonce = new_nonce(running)
    path = signed(offline, exported(running, *PAUSE, "--nonce", nonce), running.owner)
    running.cli.json("localnet", "warp", "--slots", "1")
    killed(running, SEND, "tx", "send", path, executes=False)
    running.cli.json("localnet", "warp", "--slots", "10000")
    [settled] = running.cli.json("tx", "resume")["settled"]
    assert settled["state"] == "landed"
    assert is_paused(running)


def test_a_payment_is_the_same_message_for_the_same_nonce(house: House) -> None:
    house.run(treasurer=True)
    nonce = new_nonce(house)
    house.cli.json("localnet", "warp", "--slots", "1")
    words = ("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "5", "--nonce", nonce, "--unsigned")
    first, second = (house.cli.json(*words) for _ in range(2))
    assert first["message_base64"] == second["message_base64"]
    assert first["pays_again"] is True


def test_a_nonce_comes_first_also_before_a_priority_fee(running: House, offline: CommandLine) -> None:
    nonce = new_nonce(running)
    running.cli.json("localnet", "warp", "--slots", "1")
    path = exported(running, *PAUSE, "--nonce", nonce, "--priority-fee", "1000")
    running.cli.json("tx", "send", signed(offline, path, running.owner))
    assert is_paused(running)


# --- every command ----------------------------------------------------------------------------------------------------


def test_every_command_that_writes_exports_and_is_sent(house: House, offline: CommandLine) -> None:
    owner, stranger = str(address_of(house.owner)), str(address_of(house.stranger))
    mint = house.new_mint()
    run = ("--run-id", "test")
    online = without_wallet(house)
    for number, words in enumerate(
        (
            ("create-run", *run, "--treasurer-collateral-mint", mint),
            ("update-config", *run, "--config-path", MINIMAL),
            ("set-future-epoch-rates", *run, "--earning-rate-total-shared", "2.5"),
            ("treasurer-top-up-rewards", *run, "--collateral-amount", "3"),
            ("join-authorization-create", "--authorizer", stranger),
            ("set-paused", *run, "--resume"),
            ("set-paused", *run),
            ("join-authorization-delete", "--authorizer", stranger),
            ("join-authorization-close", "--authorizer", stranger),
            ("create-run", "--run-id", "other"),
            ("close-run", "--run-id", "other"),
        )
    ):
        path, target = house.cli.home / f"{number}.json", f"{number}-signed.json"
        data = online.json(*words, "--authority", owner, "--unsigned", "-o", path)
        assert data["missing"] == [owner], words
        done = online.json("tx", "send", signed(offline, path, house.owner, target))
        assert done["already_so"] is False
    accounts = house.chain.rpc.program_accounts(PUBLISHED.coordinator, [{"dataSize": COORDINATOR_ACCOUNT_BYTES}])
    assert len(accounts) == 1
