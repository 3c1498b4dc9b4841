"""The extensions of Token-2022 accounts and mints: of data built here, and of real ones that the program made."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account

from psyche_cli.localnet.rpc.encoding.parsed.accounts import parsed_account
from psyche_cli.solana.programs import CLOCK_SYSVAR, TOKEN_2022_PROGRAM
from tests.localnet.harness import PARSED, SOL, START, Chain, text
from tests.localnet.packing import pack

X, Y, Z = (Pubkey.new_unique() for _ in range(3))
x, y, z = map(str, (X, Y, Z))
NONE = Pubkey.default()
CIPHER, SEALED = bytes(range(64)), bytes(range(36))
cipher, sealed, elgamal = (base64.b64encode(content).decode() for content in (CIPHER, SEALED, bytes(X)))
YEAR = 31_556_736
MINT = pack(("I", 0), NONE, 1_500_000, b"\6\1", ("I", 0), NONE)
HOLDING = pack(Y, X, 1_500_000, ("I", 0), NONE, b"\1", ("I", 0), 0, 0, ("I", 0), NONE)
MINT_TYPE, ACCOUNT_TYPE = 1, 2


def extension(number: int, content: bytes) -> bytes:
    return pack(("H", number), ("H", len(content))) + content


def mint(*extensions: bytes) -> Account:
    return Account(1, MINT.ljust(165, b"\0") + bytes([MINT_TYPE]) + b"".join(extensions), TOKEN_2022_PROGRAM)


def holding(*extensions: bytes) -> Account:
    """A token account with 1,500,000 base units of the mint ``Y``."""
    return Account(1, HOLDING + bytes([ACCOUNT_TYPE]) + b"".join(extensions), TOKEN_2022_PROGRAM)


def info(account: Account, of: Account | None = None, now: int = START) -> Any:
    """The parsed account of a chain with the mint ``of`` and this time."""
    clock = Account(1, pack(5, ("q", 0), 0, 0, ("q", now)), Pubkey.default())
    chain = {Y: of or mint(), CLOCK_SYSVAR: clock}
    shown = parsed_account(Z, account, chain.get)
    return None if shown is None else shown["parsed"]["info"]


FEE = {"epoch": 4, "maximumFee": 9, "transferFeeBasisPoints": 50}
NEWER = {"epoch": 5, "maximumFee": 8, "transferFeeBasisPoints": 60}
WORDS = pack(("I", 3)) + b"Ada" + pack(("I", 3)) + b"ADA" + pack(("I", 0))
OF_MINTS: dict[int, tuple[bytes, str, Any]] = {
    1: (pack(X, NONE, 7, 4, 9, ("H", 50), 5, 8, ("H", 60)), "transferFeeConfig",
        {"transferFeeConfigAuthority": x, "withdrawWithheldAuthority": None, "withheldAmount": 7,
         "olderTransferFee": FEE, "newerTransferFee": NEWER}),
    3: (pack(X), "mintCloseAuthority", {"closeAuthority": x}),
    4: (pack(X, b"\1", NONE), "confidentialTransferMint",
        {"authority": x, "autoApproveNewAccounts": True, "auditorElgamalPubkey": None}),
    6: (b"\2", "defaultAccountState", {"accountState": "frozen"}),
    9: (b"", "nonTransferable", None),
    10: (pack(X, ("q", 1), ("h", -2), ("q", 3), ("h", 4)), "interestBearingConfig",
         {"rateAuthority": x, "initializationTimestamp": 1, "preUpdateAverageRate": -2, "lastUpdateTimestamp": 3,
          "currentRate": 4}),
    12: (pack(NONE), "permanentDelegate", {"delegate": None}),
    14: (pack(X, Y), "transferHook", {"authority": x, "programId": y}),
    16: (pack(X, X, b"\0", CIPHER), "confidentialTransferFeeConfig",
         {"authority": x, "withdrawWithheldAuthorityElgamalPubkey": elgamal, "harvestToMintEnabled": False,
          "withheldAmount": cipher}),
    18: (pack(X, Y), "metadataPointer", {"authority": x, "metadataAddress": y}),
    19: (pack(X, Y) + WORDS + pack(("I", 1)) + WORDS[:14] + b"unused", "tokenMetadata",
         {"updateAuthority": x, "mint": y, "name": "Ada", "symbol": "ADA", "uri": "",
          "additionalMetadata": [["Ada", "ADA"]]}),
    20: (pack(X, Y), "groupPointer", {"authority": x, "groupAddress": y}),
    21: (pack(X, Y, 3, 4), "tokenGroup", {"updateAuthority": x, "mint": y, "size": 3, "maxSize": 4}),
    22: (pack(NONE, NONE), "groupMemberPointer", {"authority": None, "memberAddress": None}),
    23: (pack(X, Y, 3), "tokenGroupMember", {"mint": x, "group": y, "memberNumber": 3}),
    24: (pack(CIPHER, SEALED, X, CIPHER), "confidentialMintBurn",
         {"confidentialSupply": cipher, "decryptableSupply": sealed, "supplyElgamalPubkey": elgamal,
          "pendingBurn": cipher}),
    25: (pack(X, ("d", 1.0), ("q", 5), ("d", 1e-7)), "scaledUiAmountConfig",
         {"authority": x, "multiplier": "1", "newMultiplierEffectiveTimestamp": 5, "newMultiplier": "0.0000001"}),
    26: (pack(X, b"\1"), "pausableConfig", {"authority": x, "paused": True}),
}  # fmt: skip
OF_ACCOUNTS: dict[int, tuple[bytes, str, Any]] = {
    2: (pack(7), "transferFeeAmount", {"withheldAmount": 7}),
    5: (pack(b"\1", X, CIPHER, CIPHER, CIPHER, SEALED, b"\1\0", 1, 2, 3, 4), "confidentialTransferAccount",
        {"approved": True, "elgamalPubkey": elgamal, "pendingBalanceLo": cipher, "pendingBalanceHi": cipher,
         "availableBalance": cipher, "decryptableAvailableBalance": sealed, "allowConfidentialCredits": True,
         "allowNonConfidentialCredits": False, "pendingBalanceCreditCounter": 1,
         "maximumPendingBalanceCreditCounter": 2, "expectedPendingBalanceCreditCounter": 3,
         "actualPendingBalanceCreditCounter": 4}),
    7: (b"", "immutableOwner", None),
    8: (b"\1", "memoTransfer", {"requireIncomingTransferMemos": True}),
    11: (b"\0", "cpiGuard", {"lockCpi": False}),
    13: (b"", "nonTransferableAccount", None),
    15: (b"\1", "transferHookAccount", {"transferring": True}),
    17: (CIPHER, "confidentialTransferFeeAmount", {"withheldAmount": cipher}),
    27: (b"", "pausableAccount", None),
}  # fmt: skip


def shown(name: str, state: Any) -> Any:
    return {"extension": name} if state is None else {"extension": name, "state": state}


def test_every_extension_of_mints_and_of_accounts() -> None:
    for of, make, other in ((OF_MINTS, mint, holding), (OF_ACCOUNTS, holding, mint)):
        every = make(*(extension(number, content) for number, (content, _, _) in of.items()))
        assert info(every)["extensions"] == [shown(name, state) for _, name, state in of.values()]
        for number, (content, name, state) in of.items():
            [here] = info(other(extension(number, content)))["extensions"]
            assert here == {"extension": name if state is None else "unparseableExtension"}
            [long], [short] = (
                info(make(extension(number, changed)))["extensions"] for changed in (content + b"\0", content[:-1])
            )
            assert (long["extension"] == name) is (state is None or name == "tokenMetadata")
            assert (short["extension"] == name) is (state is None or name == "tokenMetadata")
    assert sorted(OF_MINTS | OF_ACCOUNTS) == [*range(1, 28)]


def test_the_list_of_extensions_ends_where_the_program_ends_it() -> None:
    owner = extension(7, b"")
    assert info(holding(owner, bytes(40)))["extensions"] == [{"extension": "immutableOwner"}]
    assert info(holding(owner, b"\1"))["extensions"] == [{"extension": "immutableOwner"}]
    for damaged in (b"\7\0", b"\7\0\1\0", extension(28, b""), extension(65_535, b"")):
        assert "extensions" not in info(holding(owner, damaged))
    assert "extensions" not in info(holding())
    twice = info(holding(extension(11, b"\1"), extension(11, b"\0")))["extensions"]
    assert twice == [{"extension": "cpiGuard", "state": {"lockCpi": True}}] * 2


def test_what_is_neither_a_mint_nor_an_account() -> None:
    damaged = bytearray(mint().data)
    damaged[100] = 1
    for data in (bytes(damaged), MINT.ljust(165, b"\0"), mint().data[:-1] + b"\2", mint().data.ljust(355, b"\0")):
        assert info(Account(1, data, TOKEN_2022_PROGRAM)) is None
    assert parsed_account(Z, holding(), lambda _: None) is None, "without its mint"


INTEREST = pack(X, ("q", START - 2 * YEAR), ("h", 500), ("q", START - YEAR), ("h", 1_000))


@pytest.mark.parametrize(
    ("of", "text", "number"),
    [
        (mint(), "1.5", 1.5),
        (mint(extension(10, INTEREST)), f"{1.5 * math.exp(0.15):.6f}", round(1.5 * math.exp(0.15), 6)),
        (mint(extension(25, pack(X, ("d", 2.0), ("q", START + 1), ("d", 3.0)))), "3", 3.0),
        (mint(extension(25, pack(X, ("d", 2.0), ("q", START), ("d", 3.0)))), "4.5", 4.5),
        (mint(extension(25, pack(X, ("d", 1e-6), ("q", START + 1), ("d", 3.0)))), "0.000001", 1e-6),
        (mint(extension(25, pack(X, ("d", math.inf), ("q", START + 1), ("d", 3.0)))), "inf", None),
        (mint(extension(25, pack(X, ("d", math.nan), ("q", START + 1), ("d", 3.0)))), "NaN", None),
        (mint(extension(10, pack(X, ("q", 0), ("h", 32767), ("q", 0), ("h", 32767)))), None, None),
        (mint(extension(10, pack(X, ("q", -(2**63)), ("h", 1), ("q", 2**63 - 1), ("h", 1)))), "", None),
        (mint(extension(10, INTEREST), extension(28, b"")), "1.5", 1.5),
        (mint(extension(10, INTEREST + b"\0")), "1.5", 1.5),
    ],
)
def test_amounts_with_interest_and_multipliers(of: Account, text: str | None, number: float | None) -> None:
    amount = info(holding(), of)["tokenAmount"]
    assert (amount["amount"], amount["decimals"]) == ("1500000", 6)
    if text is not None:
        assert (amount["uiAmountString"], amount["uiAmount"]) == (text, number)
    else:
        assert math.isfinite(amount["uiAmount"])
        assert float(amount["uiAmountString"]) == amount["uiAmount"] > 1e40


@pytest.mark.parametrize(
    ("multiplier", "amount", "text"),
    [
        (1.5, 123_456_789, "185.185183"),
        (2.9999999, 7, "0.00002"),
        (0.1, 999, "0.000099"),
        (1 / 3, 10**15 + 1, "333333333.333333"),
        (1e-9, 123_456_789_012, "0.000123"),
        (123.456, 1, "0.000123"),
        (1.0000001, 2**63, "9223372959191.980469"),
        (3.3, 19, "0.000062"),
        (0.29, 100, "0.000028"),
    ],
)
def test_multiplied_amounts_are_what_the_program_computes(multiplier: float, amount: int, text: str) -> None:
    """The texts are answers of the program in the VM of solders 0.29 to amountToUiAmount."""
    of = mint(extension(25, pack(X, ("d", 0.0), ("q", 0), ("d", multiplier))))
    account = Account(1, HOLDING[:64] + pack(amount) + HOLDING[72:], TOKEN_2022_PROGRAM)
    assert info(account, of)["tokenAmount"]["uiAmountString"] == text


@given(st.binary(max_size=300), st.sampled_from([mint(), holding()]))
def test_any_extensions_are_shown_or_left_out(content: bytes, account: Account) -> None:
    shown = info(Account(1, account.data + content, TOKEN_2022_PROGRAM))
    if len(account.data) + len(content) != 355:
        assert {"extension"} <= set().union(*shown.get("extensions", [{"extension": ""}]))


@given(st.binary(min_size=52, max_size=52), st.binary(min_size=56, max_size=56), st.integers(-(2**63), 2**63 - 1))
def test_any_interest_and_multiplier_give_an_amount(interest: bytes, scaled: bytes, now: int) -> None:
    for of in (mint(extension(10, interest)), mint(extension(25, scaled))):
        amount = info(holding(), of, now)["tokenAmount"]
        assert amount["uiAmount"] is None or math.isfinite(amount["uiAmount"])


def real_mint(chain: Chain, size: int, *setup: bytes) -> Pubkey:
    """A mint that the program made, whose authority in everything is the payer; ``setup`` is done first."""
    key, payer = Keypair(), chain.payer.pubkey()
    create = CreateAccountParams(
        from_pubkey=payer, to_pubkey=key.pubkey(), lamports=SOL // 100, space=size, owner=TOKEN_2022_PROGRAM
    )
    on_mint = [AccountMeta(key.pubkey(), is_signer=False, is_writable=True)]
    initialize = pack(b"\x14\6", payer, b"\1", payer)
    instructions = [Instruction(TOKEN_2022_PROGRAM, data, on_mint) for data in (*setup, initialize)]
    chain.send(chain.sign(create_account(create), *instructions, others=(key,)))
    return key.pubkey()


def parsed(chain: Chain, address: Pubkey) -> Any:
    return chain.value("getAccountInfo", str(address), PARSED)["data"]["parsed"]["info"]


def test_extensions_of_a_real_mint(chain: Chain) -> None:
    payer = chain.payer.pubkey()
    p = str(payer)
    key = real_mint(
        chain,
        166 + 36 + 112 + 5 + 56 + 36 + 4 * 68,
        pack(b"\x19\1", payer),
        pack(b"\x1a\0\1", payer, b"\1", payer, ("H", 50), 9),
        b"\x1c\0\2",
        pack(b"\x21\0", payer, ("h", 500)),
        pack(b"\x23", payer),
        *(pack(bytes([number, 0]), payer, X) for number in (0x24, 0x27, 0x28, 0x29)),
    )
    fee = {"epoch": 0, "maximumFee": 9, "transferFeeBasisPoints": 50}
    assert parsed(chain, key)["extensions"] == [
        shown("mintCloseAuthority", {"closeAuthority": p}),
        shown("transferFeeConfig", {
            "transferFeeConfigAuthority": p, "withdrawWithheldAuthority": p, "withheldAmount": 0,
            "olderTransferFee": fee, "newerTransferFee": fee}),
        shown("defaultAccountState", {"accountState": "frozen"}),
        shown("interestBearingConfig", {
            "rateAuthority": p, "initializationTimestamp": START, "preUpdateAverageRate": 500,
            "lastUpdateTimestamp": START, "currentRate": 500}),
        shown("permanentDelegate", {"delegate": p}),
        shown("transferHook", {"authority": p, "programId": x}),
        shown("metadataPointer", {"authority": p, "metadataAddress": x}),
        shown("groupPointer", {"authority": p, "groupAddress": x}),
        shown("groupMemberPointer", {"authority": p, "memberAddress": x}),
    ]  # fmt: skip


def test_interest_is_what_the_program_computes(chain: Chain) -> None:
    """In the supply, the balance, and the program's own answer for the same amount."""
    payer = chain.payer
    key = real_mint(chain, 166 + 56, pack(b"\x21\0", payer.pubkey(), ("h", 700)))
    holder = Keypair()
    create = CreateAccountParams(
        from_pubkey=payer.pubkey(), to_pubkey=holder.pubkey(), lamports=SOL // 100, space=165, owner=TOKEN_2022_PROGRAM
    )
    writable = {"is_signer": False, "is_writable": True}
    of_holder, of_mint = AccountMeta(holder.pubkey(), **writable), AccountMeta(key, **writable)
    initialize = Instruction(TOKEN_2022_PROGRAM, pack(b"\x12", payer.pubkey()), [of_holder, of_mint])
    authority = AccountMeta(payer.pubkey(), is_signer=True, is_writable=False)
    mint_to = Instruction(TOKEN_2022_PROGRAM, pack(b"\7", 123_456_789), [of_mint, of_holder, authority])
    chain.send(chain.sign(create_account(create), initialize, mint_to, others=(holder,)))
    chain.result("localnet_warpSeconds", YEAR)
    ask = Instruction(TOKEN_2022_PROGRAM, pack(b"\x17", 123_456_789), [of_mint])
    simulated = chain.value("simulateTransaction", text(chain.sign(ask)), {"encoding": "base64"})
    # Older versions of the program return all digits of the number, nodes and newer ones those of the mint.
    computed = f"{float(base64.b64decode(simulated['returnData']['data'][0])):.6f}"
    assert computed == f"{123.456789 * math.exp(0.07):.6f}"
    amounts = [
        chain.value("getTokenAccountBalance", str(holder.pubkey())),
        chain.value("getTokenSupply", str(key)),
        chain.value("getTokenLargestAccounts", str(key))[0],
        parsed(chain, holder.pubkey())["tokenAmount"],
    ]
    for amount in amounts:
        assert (amount["uiAmountString"], amount["uiAmount"]) == (computed, float(computed))
        assert (amount["amount"], amount["decimals"]) == ("123456789", 6)
