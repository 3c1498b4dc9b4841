"""Reading accounts: encodings, slices, filters, and missing accounts."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import zstandard
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.limits import U64_MAX
from tests.localnet.harness import SOL, Chain

OWNER = Pubkey.new_unique()


def put(chain: Chain, data: bytes, *, owner: Pubkey = OWNER, lamports: int = SOL) -> str:
    address = Pubkey.new_unique()
    chain.dispatcher.context.bank.set_account(address, Account(lamports, data, owner))
    return str(address)


@pytest.mark.parametrize("size", [0, 1, 128, 129, 119_160])
def test_every_encoding_gives_the_same_bytes(chain: Chain, size: int) -> None:
    data = bytes(i * 7 % 256 for i in range(size))
    address = put(chain, data)

    def read(encoding: str) -> Any:
        return chain.value("getAccountInfo", address, {"encoding": encoding})["data"]

    assert base64.b64decode(read("base64")[0]) == data
    text, name = read("base64+zstd")
    assert name == "base64+zstd"
    assert zstandard.ZstdDecompressor().decompress(base64.b64decode(text), max_output_size=size + 1) == data
    assert read("jsonParsed")[1] == "base64"
    if size <= 128:
        assert base58.decode(read("base58")[0]) == data
        assert base58.decode(chain.value("getAccountInfo", address)["data"]) == data
    else:
        error = chain.error("getAccountInfo", address, {"encoding": "base58"})
        assert error["code"] == -32600
        assert "128 bytes" in error["message"]


def test_account_fields(chain: Chain) -> None:
    address = put(chain, b"abc")
    assert chain.value("getAccountInfo", address, {"encoding": "base64"}) == {
        "lamports": SOL,
        "owner": str(OWNER),
        "data": ["YWJj", "base64"],
        "executable": False,
        "rentEpoch": U64_MAX,
        "space": 3,
    }


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ({"offset": 0, "length": 0}, b""),
        ({"offset": 2, "length": 3}, b"cde"),
        ({"offset": 24, "length": 10}, b"yz"),
        ({"offset": 99, "length": 10}, b""),
    ],
)
def test_data_slice(chain: Chain, cut: dict[str, int], expected: bytes) -> None:
    address = put(chain, b"abcdefghijklmnopqrstuvwxyz")
    account = chain.value("getAccountInfo", address, {"encoding": "base64", "dataSlice": cut})
    assert base64.b64decode(account["data"][0]) == expected
    assert account["space"] == 26


def test_many_accounts_keep_their_order_and_gaps(chain: Chain) -> None:
    first, missing, second = put(chain, b"1"), str(Pubkey.new_unique()), put(chain, b"2")
    accounts = chain.value("getMultipleAccounts", [second, missing, first, second])
    assert [account and base64.b64decode(account["data"][0]) for account in accounts] == [b"2", None, b"1", b"2"]
    assert chain.value("getMultipleAccounts", []) == []
    error = chain.error("getMultipleAccounts", [first] * 101)
    assert error["message"] == "Too many inputs provided; max 100"


def test_account_without_lamports_does_not_exist(chain: Chain) -> None:
    address = put(chain, b"leftover", lamports=0)
    assert chain.value("getAccountInfo", address) is None
    assert chain.value("getBalance", address) == 0
    assert chain.result("getProgramAccounts", str(OWNER)) == []


@pytest.mark.parametrize("address", ["", "0OIl", "abc", "1" * 31, "1" * 45, 5, None, ["x"], "é" * 32])
def test_wrong_addresses(chain: Chain, address: Any) -> None:
    assert chain.error("getAccountInfo", address)["code"] == -32602
    assert chain.error("getBalance", address)["code"] == -32602
    assert chain.error("getMultipleAccounts", [address])["code"] == -32602


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "hex"},
        {"encoding": 1},
        {"dataSlice": 5},
        {"dataSlice": {"offset": -1, "length": 1}},
        {"dataSlice": {"offset": 0, "length": 2**64}},
        {"minContextSlot": "1"},
        {"minContextSlot": True},
        [],
        "base64",
    ],
)
def test_wrong_options(chain: Chain, options: Any) -> None:
    assert chain.error("getAccountInfo", str(OWNER), options)["code"] == -32602


def test_an_unknown_commitment_is_none(chain: Chain) -> None:
    address = put(chain, b"abc")
    assert chain.value("getBalance", address, {"commitment": "sure"}) == SOL


def test_null_options_are_absent_options(chain: Chain) -> None:
    address = put(chain, b"abc")
    nulls = {"encoding": "base64", "commitment": None, "dataSlice": None, "minContextSlot": None}
    assert chain.value("getAccountInfo", address, nulls)["data"] == ["YWJj", "base64"]
    assert chain.value("getBalance", address, None) == SOL
    assert chain.value("getMultipleAccounts", [address], None)[0]["lamports"] == SOL


def test_program_accounts_and_filters(chain: Chain) -> None:
    small, large = put(chain, b"\x01abc"), put(chain, b"\x02abcdef")
    put(chain, b"\x01abc", owner=Pubkey.new_unique())

    def found(*filters: Any) -> list[str]:
        result = chain.result("getProgramAccounts", str(OWNER), {"encoding": "base64", "filters": list(filters)})
        return [item["pubkey"] for item in result]

    assert found() == [small, large]
    assert found({"dataSize": 4}) == [small]
    assert found({"memcmp": {"offset": 0, "bytes": base58.encode(b"\x02a")}}) == [large]
    assert found({"memcmp": {"offset": 1, "bytes": "YWJj", "encoding": "base64"}}) == [small, large]
    assert found({"memcmp": {"offset": 1, "bytes": [97, 98]}}, {"dataSize": 7}) == [large]
    assert found({"memcmp": {"offset": 100, "bytes": base58.encode(b"a")}}) == []
    assert found("tokenAccountState") == []
    result = chain.result("getProgramAccounts", str(OWNER), {"withContext": True, "encoding": "base64"})
    assert result["context"]["slot"] == 1
    assert len(result["value"]) == 2


@pytest.mark.parametrize(
    "filters",
    [
        [{"dataSize": 1}] * 5,
        [{"size": 1}],
        [{"memcmp": {"offset": 0, "bytes": "0"}}],
        [{"memcmp": {"offset": 0, "bytes": "!", "encoding": "base64"}}],
        [{"memcmp": {"offset": 0, "bytes": [256]}}],
        [{"memcmp": {"offset": 0}}],
        [{"memcmp": {"offset": 0, "bytes": "2" * 200}}],
        [7],
        "dataSize",
    ],
)
def test_wrong_filters(chain: Chain, filters: Any) -> None:
    assert chain.error("getProgramAccounts", str(OWNER), {"filters": filters})["code"] == -32602


def test_rent_of_sizes(chain: Chain) -> None:
    assert chain.result("getMinimumBalanceForRentExemption", 0) == 890_880
    assert chain.result("getMinimumBalanceForRentExemption", 165) == 2_039_280
    for wrong in (-1, 1.5, "5", None, True):
        assert chain.error("getMinimumBalanceForRentExemption", wrong)["code"] == -32602
    for size in (10 * 2**20 + 1, U64_MAX):
        assert chain.error("getMinimumBalanceForRentExemption", size) == {"code": -32600, "message": "Invalid request"}


def test_supply_and_largest_accounts_count_everything(chain: Chain) -> None:
    supply = chain.value("getSupply")
    assert supply["total"] >= 1_000_100 * SOL
    assert supply["nonCirculating"] == 0
    largest = chain.value("getLargestAccounts")
    assert largest[0]["lamports"] == 1_000_000 * SOL
    assert {"lamports": 100 * SOL, "address": str(chain.payer.pubkey())} in largest
