"""``decode`` through the command line: accounts of a real validator in every form, and input that is no account."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from solders.keypair import Keypair

from psyche_cli import base58
from psyche_cli.errors import ExitCode
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.layouts.known import LAYOUTS
from psyche_cli.protocol.programs import PUBLISHED
from tests.cli.conftest import House
from tests.cli.harness import CommandLine

ACCOUNT = account_discriminator("CoordinatorAccount")


def image(name: str) -> bytes:
    """An account of a layout without content."""
    layout = next(layout for layout in LAYOUTS if layout.name == name)
    version = b"" if layout.version is None else layout.version.to_bytes(8, "little")
    data = (ACCOUNT + version).ljust(layout.size, b"\0")
    return data if name != "v1-reprc" else data[:436] + b"\2\0\0\0a/b" + data[443:]


@pytest.mark.parametrize("name", [layout.name for layout in LAYOUTS])
def test_every_layout_is_read_and_named(offline: CommandLine, tmp_path: Path, name: str) -> None:
    file = tmp_path / "account.bin"
    file.write_bytes(image(name))
    [found] = json.loads(offline("decode", file).stdout)["accounts"]
    assert (found["layout"], found["type"], found["size"]) == (name, "CoordinatorAccount", len(image(name)))
    assert found["content"]["status"]["state"] == "Uninitialized"
    assert (found["content"]["setup"]["metadata"] is None) is (name == "v2-dev")
    assert (found["content"]["setup"]["client_version"] is None) is (name == "v0")
    [full] = json.loads(offline("decode", file, "--full").stdout)["accounts"]
    assert full["content"]["nonce"] == 0
    assert full["content"]["state"]["coordinator"]["run_state"] == "Uninitialized"


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda data: data,
    "hex": lambda data: data.hex().encode(),
    "base58": lambda data: base58_of(data).encode(),
    "base64": base64.b64encode,
    "wrapped base64": base64.encodebytes,
    "getAccountInfo": lambda data: rpc({"context": {"slot": 5}, "value": of(data)}),
    "getAccountInfo compressed": lambda data: rpc({"context": {"slot": 5}, "value": compressed(data)}),
    "solana account": lambda data: json.dumps({"pubkey": str(PUBLISHED.treasurer), "account": of(data)}).encode(),
    "getProgramAccounts": lambda data: rpc([{"pubkey": str(PUBLISHED.treasurer), "account": of(data)}]),
    "getProgramAccounts with its slot": lambda data: rpc(
        {"context": {"slot": 5}, "value": [{"pubkey": str(PUBLISHED.treasurer), "account": compressed(data)}]}
    ),
}


def base58_of(data: bytes) -> str:
    """Base58 of a large account: the digits of its halves, because the usual way takes a minute."""

    def digits(number: int, count: int) -> str:
        if count <= 50:
            return "".join(base58.ALPHABET[number // 58**place % 58] for place in reversed(range(count)))
        low = count // 2
        high, rest = divmod(number, 58**low)
        return digits(high, count - low) + digits(rest, low)

    return digits(int.from_bytes(data, "big"), len(data) * 1366 // 1000 + 1).lstrip("1")


def rpc(result: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


def of(data: bytes) -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {"data": [text, "base64"], "owner": str(PUBLISHED.coordinator), "lamports": 7, "executable": False}


def compressed(data: bytes) -> dict[str, Any]:
    text = base64.b64encode(zstandard.ZstdCompressor().compress(data)).decode()
    return {**of(data), "data": [text, "base64+zstd"]}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(offline: CommandLine, tmp_path: Path, form: str) -> None:
    file = tmp_path / "account"
    file.write_bytes(FORMS[form](image("v1")))
    [found] = json.loads(offline("decode", file).stdout)["accounts"]
    assert found["layout"] == "v1"
    assert found["lamports"] == (None if form in ("raw", "hex", "base58", "base64", "wrapped base64") else 7)
    assert (found["address"] is None) is (not form.startswith(("solana account", "getProgramAccounts")))
    assert ("address" in found["content"]) is (found["address"] is not None)


def test_a_small_account_is_read_as_base58(offline: CommandLine, tmp_path: Path) -> None:
    participant = account_discriminator("Participant") + bytes([3]) + (5).to_bytes(8, "little") * 2
    file = tmp_path / "account"
    file.write_text(base58.encode(participant.ljust(32, b"\0")))
    [found] = json.loads(offline("decode", file).stdout)["accounts"]
    assert found["content"] == {"bump": 3, "claimed_collateral_amount": 5, "claimed_earned_points": 5}


def address_of_ones() -> str:
    return base58.encode(bytes([1] * 32))


@pytest.mark.parametrize(("size", "join_authority"), [(200, address_of_ones()), (168, None)])
def test_the_treasurers_run_is_read_by_its_size(
    offline: CommandLine, tmp_path: Path, size: int, join_authority: str | None
) -> None:
    file = tmp_path / "account"
    file.write_bytes((account_discriminator("Run") + bytes([255]) + (9).to_bytes(8, "little")).ljust(size, b"\1"))
    [found] = json.loads(offline("decode", file).stdout)["accounts"]
    assert found["type"] == "Run"
    assert found["content"]["index"] == 9
    assert found["content"]["main_authority"] == address_of_ones()
    assert found["content"]["join_authority"] == join_authority
    assert found["content"]["total_claimed_earned_points"] == int.from_bytes(bytes([1] * 8), "little")


def test_accounts_of_a_real_run_decode_as_dumped(house: House, tmp_path: Path) -> None:
    house.run(treasurer=True)
    house.join(house.stranger)
    dump = house.dump()
    address, instance_address = (dump[name]["address"] for name in ("coordinator_account", "coordinator_instance"))
    answer = house.chain.rpc.request("getMultipleAccounts", [[address, instance_address], {"encoding": "base64"}])
    file = tmp_path / "accounts.json"
    file.write_text(json.dumps(answer))
    account, instance = json.loads(house.cli("decode", file).stdout)["accounts"]
    assert account["content"] == {key: value for key, value in dump["coordinator_account"].items() if key != "address"}
    assert instance["content"]["run_id"] == "test"
    assert instance["content"]["coordinator_account"] == address
    house.chain.rpc.close()


def test_a_list_reports_what_it_cannot_decode(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    file.write_bytes(rpc([{"account": of(image("v1"))}, None, {"account": of(b"\1" * 50)}]))
    good, bad = json.loads(offline("decode", file).stdout)["accounts"]
    assert (good["error"], bad["content"], bad["type"]) == (None, None, None)
    assert "of 50 bytes begins with 0101010101010101" in bad["error"]


def test_standard_input_is_read(offline: CommandLine) -> None:
    outcome = offline("decode", "-", stdin=base64.b64encode(image("v0")).decode())
    assert json.loads(outcome.stdout)["accounts"][0]["layout"] == "v0"


CLOSED = "11111111111111111111111111111111"
KEYPAIR = Keypair.from_seed(bytes(range(32)))


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", ExitCode.USAGE, "is empty"),
        (b"hello, world", ExitCode.USAGE, "contains neither an account nor the text of one"),
        (b"{", ExitCode.USAGE, "is not valid JSON"),
        (b"[" * 100_000, ExitCode.USAGE, "is not valid JSON"),
        (b'{"a": 1}', ExitCode.USAGE, "is JSON, but not an account"),
        (rpc(None), ExitCode.USAGE, "says that the account does not exist"),
        (rpc({"context": {"slot": 5}, "value": None}), ExitCode.USAGE, "says that the account does not exist"),
        (b"null", ExitCode.USAGE, "says that the account does not exist"),
        (b" \n\t ", ExitCode.USAGE, "is empty"),
        (
            b'{"jsonrpc": "2.0", "error": {"code": -32602, "message": "Invalid param"}, "id": 1}',
            ExitCode.USAGE,
            "is the response to a request that failed: Invalid param.",
        ),
        (
            rpc({"value": {**of(b""), "data": {"program": "spl-token", "parsed": {}, "space": 82}}}),
            ExitCode.USAGE,
            "in the encoding jsonParsed, which lacks its bytes",
        ),
        (
            rpc({"value": {**of(ACCOUNT), "space": 119160}}),
            ExitCode.USAGE,
            "contains only 8 of the 119,160 bytes of an account",
        ),
        (rpc({"value": {**of(b""), "data": ["2" * 400_001, "base58"]}}), ExitCode.USAGE, "is JSON, but not an account"),
        (rpc({"value": {**of(b""), "data": ["0", "base58"], "owner": "0"}}), ExitCode.USAGE, "is JSON, but not an"),
        (rpc({"value": of(b"")}), ExitCode.ACCOUNT, "of 0 bytes begins with nothing"),
        (b"2" * 400_001, ExitCode.USAGE, "contains neither an account nor"),
        (rpc({"value": {"data": "x", "owner": 5}}), ExitCode.USAGE, "is JSON, but not an account"),
        (rpc({"value": {"data": ["", "x"], "owner": str(PUBLISHED.coordinator)}}), ExitCode.USAGE, "not an account"),
        (bytes(50), ExitCode.ACCOUNT, "of 50 bytes begins with 0000000000000000"),
        (b"abcd", ExitCode.ACCOUNT, "begins with abcd"),
        (
            ACCOUNT + bytes(92),
            ExitCode.ACCOUNT,
            "The coordinator account is 100 bytes long and has version 0, which is not a known layout",
        ),
        (account_discriminator("Participant"), ExitCode.ACCOUNT, "bump at byte 8 needs 1 bytes"),
        (str(KEYPAIR).encode(), ExitCode.USAGE, "contains a private key"),
        (json.dumps(list(bytes(KEYPAIR))).encode(), ExitCode.USAGE, "contains a private key"),
        (bytes(KEYPAIR).hex().encode(), ExitCode.USAGE, "contains a private key"),
        (base64.b64encode(bytes(KEYPAIR)), ExitCode.USAGE, "contains a private key"),
    ],
)
def test_what_is_no_account_is_refused(
    offline: CommandLine, tmp_path: Path, content: bytes, code: ExitCode, message: str
) -> None:
    file = tmp_path / "input"
    file.write_bytes(content)
    outcome = offline("decode", file)
    assert outcome.code is code
    assert message in outcome.stderr
    assert outcome.json["ok"] is False  # a verb that prints a document prints the error as one, too
    assert CLOSED not in outcome.stdout + outcome.stderr  # the address that stands for an unknown one
    assert str(KEYPAIR) not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize("encoding", ["base58", "binary", "old form"])
def test_a_small_account_is_read_as_base58_in_json(offline: CommandLine, tmp_path: Path, encoding: str) -> None:
    text = base58.encode((account_discriminator("Participant") + bytes(17)).ljust(32, b"\0"))
    file = tmp_path / "account"
    data = text if encoding == "old form" else [text, encoding]
    file.write_bytes(rpc({"value": {**of(b""), "owner": str(PUBLISHED.treasurer), "data": data}}))
    [found] = json.loads(offline("decode", file).stdout)["accounts"]
    assert (found["type"], found["owner"]) == ("Participant", str(PUBLISHED.treasurer))


def test_another_owner_is_reported(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "account"
    imitation = {**of(image("v1")), "owner": str(PUBLISHED.treasurer)}
    file.write_bytes(rpc({"value": imitation}))
    outcome = offline("decode", file)
    assert json.loads(outcome.stdout)["accounts"][0]["content"]["status"]["state"] == "Uninitialized"
    assert f"not owned by the published program of that type, but by {PUBLISHED.treasurer}." in outcome.stderr
    file.write_bytes(rpc([{"account": one} for one in (imitation, of(image("v1")), {**imitation, "owner": CLOSED})]))
    outcome = offline("decode", file)
    assert (
        f"2 accounts are not owned by the published program of that type, but by {PUBLISHED.treasurer} and others"
        in (outcome.stderr)
    )
    file.write_bytes(rpc({"value": of(image("v1"))}))
    assert offline("decode", file).stderr == ""


def test_a_closed_account_has_another_owner_and_no_data(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "account"
    file.write_bytes(rpc({"value": {**of(b""), "owner": CLOSED}}))
    outcome = offline("decode", file)
    assert outcome.code is ExitCode.ACCOUNT
    assert "of 0 bytes begins with nothing" in outcome.stderr


def test_a_file_may_be_large_but_not_endless(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_bytes(rpc([{"account": of(image("v1"))}] * 100))
    assert len(json.loads(offline("decode", file).stdout)["accounts"]) == 100
    with file.open("wb") as stream:
        stream.truncate(64 * 1024 * 1024 + 1)
    outcome = offline("decode", file)
    assert outcome.code is ExitCode.USAGE
    assert "is larger than 64 MiB" in outcome.stderr


def test_a_missing_file_is_named(offline: CommandLine, tmp_path: Path) -> None:
    outcome = offline("decode", tmp_path / "none")
    assert outcome.code is ExitCode.USAGE
    assert "Cannot read" in outcome.stderr


@pytest.mark.parametrize("wrapped", [of, compressed], ids=["base64", "zstd"])
def test_an_account_larger_than_possible_is_refused(
    offline: CommandLine, tmp_path: Path, wrapped: Callable[[bytes], dict[str, Any]]
) -> None:
    file = tmp_path / "account"
    file.write_bytes(rpc(wrapped(image("v1") + bytes(MAX_ACCOUNT_BYTES))))
    outcome = offline("decode", file)
    assert outcome.code == ExitCode.USAGE
    assert "not an account" in outcome.stderr
