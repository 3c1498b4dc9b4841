"""jsonParsed instructions of the token programs beyond the basic ones: known answers for data that is built here."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.localnet.rpc.encoding.parsed.instructions import parsed_instruction
from psyche_cli.solana.programs import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from tests.localnet.packing import pack

KEYS = [Pubkey.new_unique() for _ in range(12)]
X, Y = Pubkey.new_unique(), Pubkey.new_unique()
x, y = str(X), str(Y)
NONE = Pubkey.default()
CIPHER, SEALED = bytes(range(64)), bytes(range(36))
cipher, sealed, elgamal = (base64.b64encode(content).decode() for content in (CIPHER, SEALED, bytes(X)))
HALF = {"amount": "50", "decimals": 2, "uiAmount": 0.5, "uiAmountString": "0.5"}
TENTH = {"amount": "10", "decimals": 2, "uiAmount": 0.1, "uiAmountString": "0.1"}


def prefix(name: str) -> bytes:
    return hashlib.sha256(f"spl_token_{name}".encode()).digest()[:8]


def words(*texts: str) -> bytes:
    return b"".join(pack(("I", len(word.encode()))) + word.encode() for word in texts)


Row = tuple[bytes, str, str, dict[str, Any]]
"""Data, type, the names of the accounts in order, and the arguments. ``owner&`` may be a multisig."""

FEE_PROOFS = (
    "equalityProofAccount transferAmountCiphertextValidityProofAccount feeCiphertextValidityProofAccount "
    "feeSigmaProofAccount rangeProofAccount"
)
ROWS: list[Row] = [
    (pack(b"\x13\2"), "initializeMultisig2", "multisig", {"m": 2, "signers": []}),
    (pack(b"\x17", 5), "amountToUiAmount", "mint", {"amount": "5"}),
    (b"\x181.5", "uiAmountToAmount", "mint", {"uiAmount": "1.5"}),
    (b"\x15", "getAccountDataSize", "mint", {}),
    (b"\x15\7\0\x1b\0", "getAccountDataSize", "mint", {"extensionTypes": ["immutableOwner", "pausableAccount"]}),
    (b"\x19\0", "initializeMintCloseAuthority", "mint", {"newAuthority": None}),
    (pack(b"\x19\1", X), "initializeMintCloseAuthority", "mint", {"newAuthority": x}),
    (pack(b"\x1a\0\1", X, b"\0", ("H", 50), 9), "initializeTransferFeeConfig", "mint",
     {"transferFeeConfigAuthority": x, "transferFeeBasisPoints": 50, "maximumFee": 9}),
    (pack(b"\x1a\1", 50, b"\2", 10), "transferCheckedWithFee", "source mint destination authority&",
     {"tokenAmount": HALF, "feeAmount": TENTH}),
    (b"\x1a\2", "withdrawWithheldTokensFromMint", "mint feeRecipient withdrawWithheldAuthority&", {}),
    (pack(b"\x1a\5", ("H", 50), 9), "setTransferFee", "mint transferFeeConfigAuthority&",
     {"transferFeeBasisPoints": 50, "maximumFee": 9}),
    (pack(b"\x1b\0", X, b"\1", NONE), "initializeConfidentialTransferMint", "mint",
     {"authority": x, "autoApproveNewAccounts": True, "auditorElGamalPubkey": None}),
    (pack(b"\x1b\0", NONE, b"\0", X), "initializeConfidentialTransferMint", "mint",
     {"autoApproveNewAccounts": False, "auditorElGamalPubkey": elgamal}),
    (pack(b"\x1b\1\0", X), "updateConfidentialTransferMint", "mint confidentialTransferMintAuthority",
     {"autoApproveNewAccounts": False, "auditorElGamalPubkey": elgamal}),
    (pack(b"\x1b\2", SEALED, 7, b"\0"), "configureConfidentialTransferAccount",
     "account mint proofContextStateAccount owner&",
     {"decryptableZeroBalance": sealed, "maximumPendingBalanceCreditCounter": 7, "proofInstructionOffset": 0}),
    (pack(b"\x1b\2", SEALED, 7, b"\xff"), "configureConfidentialTransferAccount",
     "account mint instructionsSysvar owner",
     {"decryptableZeroBalance": sealed, "maximumPendingBalanceCreditCounter": 7, "proofInstructionOffset": -1}),
    (pack(b"\x1b\2", SEALED, 7, b"\1"), "configureConfidentialTransferAccount",
     "account mint instructionsSysvar recordAccount owner&",
     {"decryptableZeroBalance": sealed, "maximumPendingBalanceCreditCounter": 7, "proofInstructionOffset": 1}),
    (b"\x1b\3", "approveConfidentialTransferAccount", "account mint confidentialTransferAuditorAuthority", {}),
    (b"\x1b\4\0", "emptyConfidentialTransferAccount", "account proofContextStateAccount owner&",
     {"proofInstructionOffset": 0}),
    (pack(b"\x1b\5", 7, b"\2"), "depositConfidentialTransfer", "source destination mint owner&",
     {"amount": 7, "decimals": 2}),
    (pack(b"\x1b\6", 7, b"\2", SEALED, b"\1\2"), "withdrawConfidentialTransfer",
     "source destination mint instructionsSysvar equalityProofAccount rangeProofAccount owner&",
     {"amount": 7, "decimals": 2, "newDecryptableAvailableBalance": sealed,
      "equalityProofInstructionOffset": 1, "rangeProofInstructionOffset": 2}),
    (pack(b"\x1b\7", SEALED, CIPHER, CIPHER, b"\0\0\0"), "confidentialTransfer",
     "source mint destination equalityProofAccount ciphertextValidityProofAccount rangeProofAccount owner&",
     {"newSourceDecryptableAvailableBalance": sealed, "equalityProofInstructionOffset": 0,
      "ciphertextValidityProofInstructionOffset": 0, "rangeProofInstructionOffset": 0}),
    (pack(b"\x1b\7", SEALED, CIPHER, CIPHER, b"\1\2\3"), "confidentialTransfer",
     "source mint destination instructionsSysvar owner",
     {"newSourceDecryptableAvailableBalance": sealed, "equalityProofInstructionOffset": 1,
      "ciphertextValidityProofInstructionOffset": 2, "rangeProofInstructionOffset": 3}),
    (pack(b"\x1b\x08", 6, SEALED), "applyPendingConfidentialTransferBalance", "account owner&",
     {"newDecryptableAvailableBalance": sealed, "expectedPendingBalanceCreditCounter": 6}),
    (b"\x1b\x09", "enableConfidentialTransferConfidentialCredits", "account owner&", {}),
    (b"\x1b\x0a", "disableConfidentialTransferConfidentialCredits", "account owner&", {}),
    (b"\x1b\x0b", "enableConfidentialTransferNonConfidentialCredits", "account owner&", {}),
    (b"\x1b\x0c", "disableConfidentialTransferNonConfidentialCredits", "account owner&", {}),
    (pack(b"\x1b\x0d", SEALED, CIPHER, CIPHER, b"\1\2\3\4\5"), "confidentialTransferWithFee",
     f"source mint destination instructionsSysvar {FEE_PROOFS} owner&",
     {"newSourceDecryptableAvailableBalance": sealed, "equalityProofInstructionOffset": 1,
      "transferAmountCiphertextValidityProofInstructionOffset": 2, "feeSigmaProofInstructionOffset": 3,
      "feeCiphertextValidityProofInstructionOffset": 4, "rangeProofInstructionOffset": 5}),
    (b"\x1b\x0e", "configureConfidentialAccountWithRegistry", "account mint registry", {}),
    (b"\x1c\0\2", "initializeDefaultAccountState", "mint", {"accountState": "frozen"}),
    (b"\x1c\1\1", "updateDefaultAccountState", "mint freezeAuthority&", {"accountState": "initialized"}),
    (b"\x1d\x08\0", "reallocate", "account payer systemProgram owner&", {"extensionTypes": ["memoTransfer"]}),
    (b"\x1e\0", "enableRequiredMemoTransfers", "account owner&", {}),
    (b"\x1e\1", "disableRequiredMemoTransfers", "account owner&", {}),
    (b"\x1f", "createNativeMint", "payer nativeMint systemProgram", {}),
    (b"\x20", "initializeNonTransferableMint", "mint", {}),
    (pack(b"\x21\0", NONE, ("h", -5)), "initializeInterestBearingConfig", "mint", {"rateAuthority": None, "rate": -5}),
    (pack(b"\x21\1", ("h", 500)), "updateInterestBearingConfigRate", "mint rateAuthority&", {"newRate": 500}),
    (b"\x22\0", "enableCpiGuard", "account owner&", {}),
    (b"\x22\1", "disableCpiGuard", "account owner&", {}),
    (pack(b"\x23", X), "initializePermanentDelegate", "mint", {"delegate": x}),
    (pack(b"\x24\0", X, Y), "initializeTransferHook", "mint", {"authority": x, "programId": y}),
    (pack(b"\x24\1", NONE), "updateTransferHook", "mint authority&", {}),
    (pack(b"\x25\0", X, X), "initializeConfidentialTransferFeeConfig", "mint",
     {"authority": x, "withdrawWithheldAuthorityElGamalPubkey": elgamal}),
    (pack(b"\x25\1\0", SEALED), "withdrawWithheldConfidentialTransferTokensFromMint",
     "mint feeRecipient proofContextStateAccount withdrawWithheldAuthority&",
     {"proofInstructionOffset": 0, "newDecryptableAvailableBalance": sealed}),
    (pack(b"\x25\1\1", SEALED), "withdrawWithheldConfidentialTransferTokensFromMint",
     "mint feeRecipient instructionsSysvar withdrawWithheldAuthority&",
     {"proofInstructionOffset": 1, "newDecryptableAvailableBalance": sealed}),
    (b"\x25\4", "enableConfidentialTransferFeeHarvestToMint", "account owner&", {}),
    (b"\x25\5", "disableConfidentialTransferFeeHarvestToMint", "account owner&", {}),
    (b"\x26", "withdrawExcessLamports", "source destination authority&", {}),
    (pack(b"\x27\0", NONE, X), "initializeMetadataPointer", "mint", {"metadataAddress": x}),
    (pack(b"\x27\1", X), "updateMetadataPointer", "mint authority&", {"metadataAddress": x}),
    (pack(b"\x28\0", X, Y), "initializeGroupPointer", "mint", {"authority": x, "groupAddress": y}),
    (pack(b"\x28\1", X), "updateGroupPointer", "mint authority&", {"groupAddress": x}),
    (pack(b"\x29\0", X, Y), "initializeGroupMemberPointer", "mint", {"authority": x, "memberAddress": y}),
    (pack(b"\x29\1", X), "updateGroupMemberPointer", "mint authority&", {"memberAddress": x}),
    (pack(b"\x2a\0", X, SEALED), "initializeConfidentialMintBurnMint", "mint",
     {"supplyElGamalPubkey": elgamal, "decryptableSupply": sealed}),
    (pack(b"\x2a\1", X, b"\0"), "rotateConfidentialMintBurnSupplyElGamalPubkey", "mint proofAccount owner&",
     {"newSupplyElGamalPubkey": elgamal, "proofInstructionOffset": 0}),
    (pack(b"\x2a\2", SEALED), "updateConfidentialMintBurnDecryptableSupply", "mint owner&",
     {"newDecryptableSupply": sealed}),
    (pack(b"\x2a\3", SEALED, CIPHER, CIPHER, b"\0\0\0"), "confidentialMint",
     "destination mint equalityProofRecordAccount ciphertextValidityProofRecordAccount rangeProofRecordAccount owner&",
     {"newDecryptableSupply": sealed, "equalityProofInstructionOffset": 0,
      "ciphertextValidityProofInstructionOffset": 0, "rangeProofInstructionOffset": 0}),
    (pack(b"\x2a\4", SEALED, CIPHER, CIPHER, b"\1\2\3"), "confidentialBurn",
     "destination mint instructionsSysvar owner",
     {"newDecryptableAvailableBalance": sealed, "equalityProofInstructionOffset": 1,
      "ciphertextValidityProofInstructionOffset": 2, "rangeProofInstructionOffset": 3}),
    (pack(b"\x2b\0", X, ("d", 1.25)), "initializeScaledUiAmountConfig", "mint", {"authority": x, "multiplier": "1.25"}),
    (pack(b"\x2b\1", ("d", 1e21), ("q", -4)), "updateMultiplier", "mint authority&",
     {"newMultiplier": "1000000000000000000000", "newMultiplierTimestamp": -4}),
    (pack(b"\x2c\0", NONE), "initializePausableConfig", "mint", {"authority": None}),
    (b"\x2c\1", "pause", "mint authority&", {}),
    (b"\x2c\2", "resume", "mint authority&", {}),
    (prefix("metadata_interface:initialize_account") + words("Ada", "ADA", "u"), "initializeTokenMetadata",
     "metadata updateAuthority mint mintAuthority", {"name": "Ada", "symbol": "ADA", "uri": "u"}),
    (prefix("metadata_interface:updating_field") + b"\2" + words("u"), "updateTokenMetadataField",
     "metadata updateAuthority", {"field": "uri", "value": "u"}),
    (prefix("metadata_interface:updating_field") + b"\3" + words("k", "ü"), "updateTokenMetadataField",
     "metadata updateAuthority", {"field": "k", "value": "ü"}),
    (prefix("metadata_interface:remove_key_ix") + b"\1" + words("k"), "removeTokenMetadataKey",
     "metadata updateAuthority", {"key": "k", "idempotent": True}),
    (prefix("metadata_interface:update_the_authority") + bytes(NONE), "updateTokenMetadataAuthority",
     "metadata updateAuthority", {"newAuthority": None}),
    (prefix("metadata_interface:emitter") + pack(b"\1", 4, b"\0"), "emitTokenMetadata", "metadata", {"start": 4}),
    (prefix("group_interface:initialize_token_group") + pack(X, 9), "initializeTokenGroup", "group mint mintAuthority",
     {"updateAuthority": x, "maxSize": 9}),
    (prefix("group_interface:update_group_max_size") + pack(9), "updateTokenGroupMaxSize", "group updateAuthority",
     {"maxSize": 9}),
    (prefix("group_interface:update_authority") + bytes(X), "updateTokenGroupAuthority", "group updateAuthority",
     {"newAuthority": x}),
    (prefix("group_interface:initialize_member"), "initializeTokenGroupMember",
     "member memberMint memberMintAuthority group groupUpdateAuthority", {}),
]  # fmt: skip


def instruction(data: bytes, accounts: int, program: Pubkey = TOKEN_2022_PROGRAM) -> Any:
    return parsed_instruction(program, KEYS[:accounts], data, None)


def has_guessed_accounts(accounts: str) -> bool:
    """Whether accounts before the last are proofs if there are any, so that the number of accounts is not fixed."""
    return any(word in accounts for word in ("instructionsSysvar", "ProofAccount", "ecordAccount"))


def multisig_name(name: str) -> str:
    return (
        "multisigtransferFeeConfigAuthority"
        if name.startswith("transferFee")
        else f"multisig{name[:1].upper()}{name[1:]}"
    )


@pytest.mark.parametrize(("data", "kind", "accounts", "arguments"), ROWS)
def test_known_instructions(data: bytes, kind: str, accounts: str, arguments: dict[str, Any]) -> None:
    names = accounts.replace("&", "").split()
    info = {**dict(zip(names, map(str, KEYS), strict=False)), **arguments}
    if kind == "initializeMultisig2":
        info["signers"] = [str(KEYS[1])]
        assert instruction(data, 2)["parsed"] == {"type": kind, "info": info}
        return
    for program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
        shown = instruction(data, len(names), program)
        assert shown["parsed"] == {"type": kind, "info": info}
        assert (shown["program"], shown["programId"]) == ("spl-token", str(program)), "one name for both programs"
    if accounts.endswith("&"):
        last = names[-1]
        several = info | {multisig_name(last): info[last], "signers": [str(key) for key in KEYS[len(names) :][:2]]}
        del several[last]
        if not has_guessed_accounts(accounts):
            assert instruction(data, len(names) + 2)["parsed"]["info"] == several


@pytest.mark.parametrize(("data", "kind", "accounts", "arguments"), ROWS)
def test_damaged_instructions_stay_encoded(data: bytes, kind: str, accounts: str, arguments: dict[str, Any]) -> None:
    count = len(accounts.split())
    assert "parsed" not in instruction(data, 0)
    assert "parsed" not in instruction(data, count - 1) or has_guessed_accounts(accounts)
    shown = instruction(data[:-1], count)
    assert "parsed" not in shown or shown["parsed"] != {"type": kind, "info": arguments}


def test_sources_of_withheld_fees() -> None:
    harvested = instruction(b"\x1a\4", 3)["parsed"]
    assert harvested["info"] == {"mint": str(KEYS[0]), "sourceAccounts": [str(KEYS[1]), str(KEYS[2])]}
    assert instruction(b"\x25\3", 3)["parsed"]["info"] == harvested["info"]
    keys = [str(key) for key in KEYS]
    assert instruction(b"\x1a\3\2", 5)["parsed"]["info"] == {
        "mint": keys[0], "feeRecipient": keys[1], "withdrawWithheldAuthority": keys[2], "sourceAccounts": keys[3:5],
    }  # fmt: skip
    assert instruction(b"\x1a\3\2", 6)["parsed"]["info"] == {
        "mint": keys[0], "feeRecipient": keys[1], "multisigWithdrawWithheldAuthority": keys[2], "signers": keys[3:4],
        "sourceAccounts": keys[4:6],
    }  # fmt: skip
    assert "parsed" not in instruction(b"\x1a\3\2", 4)
    assert instruction(pack(b"\x25\2\2\0", SEALED), 6)["parsed"]["info"] == {
        "mint": keys[0], "feeRecipient": keys[1], "proofContextStateAccount": keys[2],
        "withdrawWithheldAuthority": keys[3], "sourceAccounts": keys[4:6], "proofInstructionOffset": 0,
        "newDecryptableAvailableBalance": sealed,
    }  # fmt: skip
    assert "parsed" not in instruction(pack(b"\x25\2\2\0", SEALED), 5)


def test_multisigs() -> None:
    keys = [str(key) for key in KEYS]
    assert instruction(b"\2\2", 4)["parsed"] == {
        "type": "initializeMultisig",
        "info": {"multisig": keys[0], "rentSysvar": keys[1], "signers": keys[2:4], "m": 2},
    }
    assert "parsed" not in instruction(b"\2\2", 2)
    assert "parsed" not in instruction(b"\x13\2", 1)
    for number, owned in ((2, "account"), (3, "account"), (6, "mint"), (16, "mint")):
        info = instruction(bytes([6, number, 0]), 3)["parsed"]["info"]
        assert (info[owned], info["multisigAuthority"], info["signers"]) == (keys[0], keys[1], [keys[2]])
    assert "parsed" not in instruction(bytes([6, 17, 0]), 2)


@pytest.mark.parametrize(
    "data",
    [
        b"\x1a\6", b"\x1b\x0f", b"\x2c\3", b"\x2d", b"\xff", b"\x15\7", b"\x1d\x1c\0", b"\x1c\0\3", b"\x18\xff",
        pack(b"\x19\2", X), pack(b"\x21\0", X, ("h", 5), b"\0"),
        prefix("metadata_interface:remove_key_ix") + b"\2" + words("k"),
    ],
)  # fmt: skip
def test_unknown_and_invalid_instructions_stay_encoded(data: bytes) -> None:
    assert "parsed" not in instruction(data, 8)


@given(st.integers(0, 46), st.integers(0, 16), st.binary(max_size=220), st.integers(0, 12))
def test_any_data_is_parsed_or_stays_encoded(number: int, second: int, data: bytes, accounts: int) -> None:
    for content in (data, bytes([number, second]) + data, prefix("metadata_interface:emitter") + data):
        shown = instruction(content, accounts)
        assert ("parsed" in shown) is not ("data" in shown)
        json.dumps(shown, allow_nan=False).encode()
