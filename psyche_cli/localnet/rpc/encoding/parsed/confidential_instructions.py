"""The instructions of Token-2022's confidential extensions.

A proof is in another instruction of the transaction, at an offset from this one, or, if the offset is 0, in an account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    Reader,
    base64_bytes,
    base64_bytes_or_null,
    i8,
    key_or_absent,
    loose_boolean,
    skipped,
    u8,
    u64,
)
from psyche_cli.localnet.rpc.encoding.parsed.shapes import (
    NameAccounts,
    exact,
    require,
    shape,
    signer,
)

_SYSVAR: Final = "instructionsSysvar"
_OFFSET: Final = "InstructionOffset"
_ELGAMAL_KEY: Final = base64_bytes(32)
_AES_CIPHERTEXT: Final = base64_bytes(36)
_AUDITOR: Final = {"auditorElGamalPubkey": base64_bytes_or_null(32)}
_AUDITED_AMOUNT: Final = {"amountForAuditor": skipped(2 * 64)}
_BALANCE: Final = {"newDecryptableAvailableBalance": _AES_CIPHERTEXT}
_PROOF: Final = {"proofInstructionOffset": i8}


def _offsets(names: str) -> dict[str, Reader]:
    """The offsets of several proofs."""
    return {f"{name}{_OFFSET}": i8 for name in names.split()}


def _owner(accounts: Sequence[str], name: str = "owner") -> dict[str, Json]:
    return signer(name, accounts) if accounts else {}


def _one_proof(first: str, account: str, *, has_record: bool = False, owner: str = "owner") -> NameAccounts:
    """The accounts ``first``, the one with the proof, named ``account``, or the sysvar of the instructions, the owner.

    If the instruction ``has_record``, a further account after the sysvar is taken for the record of the proof.
    """
    names = first.split()

    def name(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        require(accounts, len(names) + 2)
        in_account = arguments["proofInstructionOffset"] == 0
        record = has_record and not in_account and len(accounts) > len(names) + 2
        every = [*names, account if in_account else _SYSVAR, *(["recordAccount"] if record else [])]
        return dict(zip(every, accounts, strict=False)) | _owner(accounts[len(every) :], owner)

    return name


def _several_proofs(first: str, proofs: str, least: int) -> NameAccounts:
    """The accounts ``first``, the sysvar of the instructions if a proof has an offset, ``proofs``, and the owner.

    Accounts before the last are taken for proofs; there are at ``least`` so many accounts.
    """
    names = first.split()

    def name(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        require(accounts, least)
        has_offset = any(arguments[offset] for offset in arguments if offset.endswith(_OFFSET))
        every = [*names, *([_SYSVAR] if has_offset else [])]
        for proof in proofs.split():
            if len(every) < len(accounts) - 1:
                every.append(proof)
        return dict(zip(every, accounts, strict=False)) | _owner(accounts[len(every) :])

    return name


def _withdrawn_from_accounts(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    sources = arguments["numTokenAccounts"]
    require(accounts, 4 + sources)
    before = accounts[: len(accounts) - sources]
    named = _one_proof("mint feeRecipient", "proofContextStateAccount", owner="withdrawWithheldAuthority")
    return {**named(before, arguments), "sourceAccounts": list(accounts[len(before) :])}


_TRANSFER_PROOFS: Final = "equality ciphertextValidity range"
_FEE_PROOFS: Final = "equality transferAmountCiphertextValidity feeSigma feeCiphertextValidity range"
_FEE_PROOF_ACCOUNTS: Final = "equality transferAmountCiphertextValidity feeCiphertextValidity feeSigma range"
"""The accounts are named in another order than the offsets."""


def _proofs(names: str) -> str:
    return " ".join(f"{name}Proof" for name in names.split())


def _proof_accounts(names: str, ending: str) -> str:
    return " ".join(f"{name}Proof{ending}" for name in names.split())


_SOURCE_MINT_DESTINATION: Final = "source mint destination"
CONFIDENTIAL_TRANSFER: Final = {
    0: exact(
        "initializeConfidentialTransferMint",
        "mint",
        authority=key_or_absent,
        autoApproveNewAccounts=loose_boolean,
        **_AUDITOR,
    ),
    1: exact(
        "updateConfidentialTransferMint",
        "mint confidentialTransferMintAuthority",
        autoApproveNewAccounts=loose_boolean,
        **_AUDITOR,
    ),
    2: exact(
        "configureConfidentialTransferAccount",
        _one_proof("account mint", "proofContextStateAccount", has_record=True),
        decryptableZeroBalance=_AES_CIPHERTEXT,
        maximumPendingBalanceCreditCounter=u64,
        **_PROOF,
    ),
    3: shape("approveConfidentialTransferAccount", "account mint confidentialTransferAuditorAuthority"),
    4: exact(
        "emptyConfidentialTransferAccount",
        _one_proof("account", "proofContextStateAccount", has_record=True),
        **_PROOF,
    ),
    5: exact("depositConfidentialTransfer", "source destination mint owner&", amount=u64, decimals=u8),
    6: exact(
        "withdrawConfidentialTransfer",
        _several_proofs("source destination mint", _proof_accounts("equality range", "Account"), 5),
        amount=u64,
        decimals=u8,
        **_BALANCE,
        **_offsets(_proofs("equality range")),
    ),
    7: exact(
        "confidentialTransfer",
        _several_proofs(_SOURCE_MINT_DESTINATION, _proof_accounts(_TRANSFER_PROOFS, "Account"), 4),
        newSourceDecryptableAvailableBalance=_AES_CIPHERTEXT,
        **_AUDITED_AMOUNT,
        **_offsets(_proofs(_TRANSFER_PROOFS)),
    ),
    8: exact(
        "applyPendingConfidentialTransferBalance",
        "account owner&",
        expectedPendingBalanceCreditCounter=u64,
        **_BALANCE,
    ),
    9: shape("enableConfidentialTransferConfidentialCredits", "account owner&"),
    10: shape("disableConfidentialTransferConfidentialCredits", "account owner&"),
    11: shape("enableConfidentialTransferNonConfidentialCredits", "account owner&"),
    12: shape("disableConfidentialTransferNonConfidentialCredits", "account owner&"),
    13: exact(
        "confidentialTransferWithFee",
        _several_proofs(_SOURCE_MINT_DESTINATION, _proof_accounts(_FEE_PROOF_ACCOUNTS, "Account"), 4),
        newSourceDecryptableAvailableBalance=_AES_CIPHERTEXT,
        **_AUDITED_AMOUNT,
        **_offsets(_proofs(_FEE_PROOFS)),
    ),
    14: shape("configureConfidentialAccountWithRegistry", "account mint registry"),
}
CONFIDENTIAL_TRANSFER_FEE: Final = {
    0: exact(
        "initializeConfidentialTransferFeeConfig",
        "mint",
        authority=key_or_absent,
        withdrawWithheldAuthorityElGamalPubkey=_ELGAMAL_KEY,
    ),
    1: exact(
        "withdrawWithheldConfidentialTransferTokensFromMint",
        _one_proof("mint feeRecipient", "proofContextStateAccount", owner="withdrawWithheldAuthority"),
        **_PROOF,
        **_BALANCE,
    ),
    2: exact(
        "withdrawWithheldConfidentialTransferTokensFromAccounts",
        _withdrawn_from_accounts,
        numTokenAccounts=u8,
        **_PROOF,
        **_BALANCE,
    ),
    3: shape("harvestWithheldConfidentialTransferTokensToMint", "mint sourceAccounts*"),
    4: shape("enableConfidentialTransferFeeHarvestToMint", "account owner&"),
    5: shape("disableConfidentialTransferFeeHarvestToMint", "account owner&"),
}
_SUPPLY_PROOFS: Final = _proof_accounts(_TRANSFER_PROOFS, "RecordAccount")
CONFIDENTIAL_MINT_BURN: Final = {
    0: exact(
        "initializeConfidentialMintBurnMint",
        "mint",
        supplyElGamalPubkey=_ELGAMAL_KEY,
        decryptableSupply=_AES_CIPHERTEXT,
    ),
    1: exact(
        "rotateConfidentialMintBurnSupplyElGamalPubkey",
        _one_proof("mint", "proofAccount"),
        newSupplyElGamalPubkey=_ELGAMAL_KEY,
        **_PROOF,
    ),
    2: exact("updateConfidentialMintBurnDecryptableSupply", "mint owner&", newDecryptableSupply=_AES_CIPHERTEXT),
    3: exact(
        "confidentialMint",
        _several_proofs("destination mint", _SUPPLY_PROOFS, 3),
        newDecryptableSupply=_AES_CIPHERTEXT,
        **_AUDITED_AMOUNT,
        **_offsets(_proofs(_TRANSFER_PROOFS)),
    ),
    4: exact(
        "confidentialBurn",
        _several_proofs("destination mint", _SUPPLY_PROOFS, 3),
        **_BALANCE,
        **_AUDITED_AMOUNT,
        **_offsets(_proofs(_TRANSFER_PROOFS)),
    ),
}
