"""The fields and encodings of accounts and token amounts, and the order of lists."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import zstandard
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from spl.token.constants import TOKEN_PROGRAM_ID

from psyche_cli import base58
from psyche_cli.limits import U64_MAX
from tests.localnet.node_answers.asking import Asker
from tests.localnet.tokens import NewMint, new_mint

SOL = 10**9
SYSTEM = "11111111111111111111111111111111"
FIELDS = {"data", "executable", "lamports", "owner", "rentEpoch", "space"}
TOO_LARGE = "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding."


@pytest.fixture(scope="module")
def mint(asker: Asker) -> NewMint:
    payer = Keypair()
    asker.result("requestAirdrop", str(payer.pubkey()), 100 * SOL)
    mint = new_mint(payer.pubkey(), rent=1_461_600, decimals=6, base_units=1_500_000)
    asker.land(*mint.instructions, signers=[payer, mint.mint])
    return mint


def info(asker: Asker, address: object, **options: Any) -> Any:
    return asker.result("getAccountInfo", str(address), options)["value"]


def test_encodings(asker: Asker, mint: NewMint) -> None:
    data = base64.b64decode(info(asker, mint.address, encoding="base64")["data"][0])
    plain = asker.result("getAccountInfo", str(mint.address))["value"]
    assert plain.keys() == FIELDS
    assert (plain["data"], plain["space"], plain["rentEpoch"]) == (base58.encode(data), 82, U64_MAX)
    assert info(asker, mint.address, encoding="binary")["data"] == plain["data"]
    assert info(asker, mint.address, encoding="base58")["data"] == [plain["data"], "base58"]
    packed, encoding = info(asker, mint.address, encoding="base64+zstd")["data"]
    assert (zstandard.ZstdDecompressor().decompressobj().decompress(base64.b64decode(packed)), encoding) == (
        data,
        "base64+zstd",
    )
    assert asker.result("getMultipleAccounts", [str(mint.address)])["value"][0]["data"][1] == "base64"


@pytest.mark.parametrize(
    ("address", "encoding", "data"),
    [
        (SYSTEM, "base64", ["c3lzdGVtX3Byb2dyYW0=", "base64"]),
        (SYSTEM, "base64+zstd", ["KLUv/QBYcQAAc3lzdGVtX3Byb2dyYW0=", "base64+zstd"]),
        (SYSTEM, "binary", "jTEcPtEhU4YpbFXpEag"),
        (SYSTEM, "jsonParsed", ["c3lzdGVtX3Byb2dyYW0=", "base64"]),
    ],
)
def test_data_of_known_accounts(asker: Asker, address: str, encoding: str, data: Any) -> None:
    found = info(asker, address, encoding=encoding)
    assert (found["data"], found["rentEpoch"], found["executable"]) == (data, 0, True)


def test_base58_is_for_small_data(asker: Asker, mint: NewMint) -> None:
    for encoding in ("binary", "base58"):
        error = {"code": -32600, "message": TOO_LARGE}
        assert asker.error("getAccountInfo", str(mint.holder), {"encoding": encoding}) == error
        cut = {"encoding": encoding, "dataSlice": {"offset": 0, "length": 128}}
        assert asker.result("getAccountInfo", str(mint.holder), cut)["value"]["space"] == 165
    error = asker.error("getTokenAccountsByOwner", str(Pubkey.new_unique()), {"mint": str(Pubkey.new_unique())})
    assert error["message"] == "Invalid param: could not find mint"


def test_slices(asker: Asker, mint: NewMint) -> None:
    data = base64.b64decode(info(asker, mint.address, encoding="base64")["data"][0])
    for offset, length in ((0, 4), (4, 400), (82, 1), (100, 5), (0, 0)):
        cut = info(asker, mint.address, encoding="base64", dataSlice={"offset": offset, "length": length})
        assert base64.b64decode(cut["data"][0]) == data[offset : offset + length]
    parsed = info(asker, mint.address, encoding="jsonParsed", dataSlice={"offset": 4, "length": 8})
    assert parsed["data"]["parsed"]["type"] == "mint"


def test_lists_are_sorted_by_address(asker: Asker, mint: NewMint) -> None:
    del mint
    for index in range(6):
        account = {"lamports": 5 * SOL, "owner": "Stake11111111111111111111111111111111111112", "data": ["", "base64"]}
        asker.result("localnet_setAccount", str(Pubkey(bytes([200 - index]) * 32)), account)
    owned = asker.result("getProgramAccounts", "Stake11111111111111111111111111111111111112", {"encoding": "base64"})
    addresses = [bytes(Pubkey.from_string(item["pubkey"])) for item in owned]
    assert addresses == sorted(addresses)
    assert len(addresses) == 6
    largest = asker.result("getLargestAccounts")["value"]
    order = [(item["lamports"], bytes(Pubkey.from_string(item["address"]))) for item in largest]
    assert order == sorted(order, reverse=True)
    assert len(order) <= 20
    assert asker.result("getLargestAccounts", {"filter": "nonCirculating"})["value"] == []


def test_with_context(asker: Asker, mint: NewMint) -> None:
    options = {"encoding": "jsonParsed", "filters": [{"memcmp": {"offset": 0, "bytes": str(mint.address)}}]}
    plain = asker.result("getProgramAccounts", str(TOKEN_PROGRAM_ID), options)
    framed = asker.result("getProgramAccounts", str(TOKEN_PROGRAM_ID), {**options, "withContext": True})
    assert framed.keys() == {"context", "value"}
    assert framed["context"].keys() == {"apiVersion", "slot"}
    assert framed["value"] == plain
    assert [item["pubkey"] for item in plain] == [str(mint.holder)]


def test_amounts_of_tokens(asker: Asker, mint: NewMint) -> None:
    amount = {"amount": "1500000", "decimals": 6, "uiAmount": 1.5, "uiAmountString": "1.5"}
    assert asker.result("getTokenAccountBalance", str(mint.holder))["value"] == amount
    assert asker.result("getTokenSupply", str(mint.address))["value"] == amount
    largest = asker.result("getTokenLargestAccounts", str(mint.address))["value"]
    assert largest == [{"address": str(mint.holder), **amount}]


@pytest.mark.parametrize(
    ("method", "of", "message"),
    [
        ("getTokenAccountBalance", "nobody", "could not find account"),
        ("getTokenAccountBalance", "wallet", "not a Token account"),
        ("getTokenAccountBalance", "mint", "not a Token account"),
        ("getTokenSupply", "nobody", "could not find account"),
        ("getTokenSupply", "wallet", "not a Token mint"),
        ("getTokenSupply", "holder", "mint could not be unpacked"),
        ("getTokenLargestAccounts", "nobody", "could not find mint"),
        ("getTokenLargestAccounts", "wallet", "Token mint could not be unpacked"),
    ],
)
def test_accounts_of_the_wrong_kind(asker: Asker, mint: NewMint, method: str, of: str, message: str) -> None:
    wallet = Pubkey.new_unique()
    asker.result("requestAirdrop", str(wallet), SOL)
    addresses = {"nobody": Pubkey.new_unique(), "wallet": wallet, "mint": mint.address, "holder": mint.holder}
    assert asker.error(method, str(addresses[of])) == {"code": -32602, "message": f"Invalid param: {message}"}
