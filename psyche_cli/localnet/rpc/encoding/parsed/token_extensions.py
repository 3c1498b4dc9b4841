"""The extensions of Token-2022 mints and token accounts, in their parsed form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final, NamedTuple

from psyche_cli.json_values import Json
from psyche_cli.limits import TOKEN_ACCOUNT_BYTES
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    Reader,
    base64_bytes,
    base64_bytes_or_null,
    float_text,
    i16,
    i64,
    items,
    key,
    key_or_null,
    loose_boolean,
    read_fields,
    record,
    text,
    u16,
    u64,
    vector,
)
from psyche_cli.solana.byte_reader import ByteReader

EXTENSION_TYPES: Final = (
    "uninitialized",
    "transferFeeConfig",
    "transferFeeAmount",
    "mintCloseAuthority",
    "confidentialTransferMint",
    "confidentialTransferAccount",
    "defaultAccountState",
    "immutableOwner",
    "memoTransfer",
    "nonTransferable",
    "interestBearingConfig",
    "cpiGuard",
    "permanentDelegate",
    "nonTransferableAccount",
    "transferHook",
    "transferHookAccount",
    "confidentialTransferFeeConfig",
    "confidentialTransferFeeAmount",
    "metadataPointer",
    "tokenMetadata",
    "groupPointer",
    "tokenGroup",
    "groupMemberPointer",
    "tokenGroupMember",
    "confidentialMintBurn",
    "scaledUiAmount",
    "pausable",
    "pausableAccount",
)
"""The names of the types of extensions in instructions, by their numbers."""

ACCOUNT_STATES: Final = ("uninitialized", "initialized", "frozen")
INTEREST_BEARING: Final = 10
SCALED_UI_AMOUNT: Final = 25

_ELGAMAL_KEY: Final = base64_bytes(32)
_ELGAMAL_CIPHERTEXT: Final = base64_bytes(64)
_AES_CIPHERTEXT: Final = base64_bytes(36)
_END_OF_EXTENSIONS: Final = 0


class Holder(Enum):
    """The kinds of accounts with extensions, by the byte that follows the base layout."""

    MINT = 1
    ACCOUNT = 2


class _Layout(NamedTuple):
    """An extension: its name, the kind of account that has it, and its fields, which take all of its bytes.

    If the content ``has_rest``, it may be followed by bytes without meaning. ``fields`` is None for an extension
    that has no content.
    """

    name: str
    holder: Holder
    fields: Mapping[str, Reader] | None
    has_rest: bool = False


def _mint(name: str, **fields: Reader) -> _Layout:
    return _Layout(name, Holder.MINT, fields or None)


def _account(name: str, **fields: Reader) -> _Layout:
    return _Layout(name, Holder.ACCOUNT, fields or None)


def _account_state(reader: ByteReader) -> str:
    """The name of a state; that of the first for a number that is not known."""
    number = reader.number(1)
    return ACCOUNT_STATES[number if number < len(ACCOUNT_STATES) else 0]


_FEE: Final = record(epoch=u64, maximumFee=u64, transferFeeBasisPoints=u16)
_TEXT: Final = text(4)
_LAYOUTS: Final = {
    1: _mint(
        "transferFeeConfig",
        transferFeeConfigAuthority=key_or_null,
        withdrawWithheldAuthority=key_or_null,
        withheldAmount=u64,
        olderTransferFee=_FEE,
        newerTransferFee=_FEE,
    ),
    2: _account("transferFeeAmount", withheldAmount=u64),
    3: _mint("mintCloseAuthority", closeAuthority=key_or_null),
    4: _mint(
        "confidentialTransferMint",
        authority=key_or_null,
        autoApproveNewAccounts=loose_boolean,
        auditorElgamalPubkey=base64_bytes_or_null(32),
    ),
    5: _account(
        "confidentialTransferAccount",
        approved=loose_boolean,
        elgamalPubkey=_ELGAMAL_KEY,
        pendingBalanceLo=_ELGAMAL_CIPHERTEXT,
        pendingBalanceHi=_ELGAMAL_CIPHERTEXT,
        availableBalance=_ELGAMAL_CIPHERTEXT,
        decryptableAvailableBalance=_AES_CIPHERTEXT,
        allowConfidentialCredits=loose_boolean,
        allowNonConfidentialCredits=loose_boolean,
        pendingBalanceCreditCounter=u64,
        maximumPendingBalanceCreditCounter=u64,
        expectedPendingBalanceCreditCounter=u64,
        actualPendingBalanceCreditCounter=u64,
    ),
    6: _mint("defaultAccountState", accountState=_account_state),
    7: _account("immutableOwner"),
    8: _account("memoTransfer", requireIncomingTransferMemos=loose_boolean),
    9: _mint("nonTransferable"),
    INTEREST_BEARING: _mint(
        "interestBearingConfig",
        rateAuthority=key_or_null,
        initializationTimestamp=i64,
        preUpdateAverageRate=i16,
        lastUpdateTimestamp=i64,
        currentRate=i16,
    ),
    11: _account("cpiGuard", lockCpi=loose_boolean),
    12: _mint("permanentDelegate", delegate=key_or_null),
    13: _account("nonTransferableAccount"),
    14: _mint("transferHook", authority=key_or_null, programId=key_or_null),
    15: _account("transferHookAccount", transferring=loose_boolean),
    16: _mint(
        "confidentialTransferFeeConfig",
        authority=key_or_null,
        withdrawWithheldAuthorityElgamalPubkey=_ELGAMAL_KEY,
        harvestToMintEnabled=loose_boolean,
        withheldAmount=_ELGAMAL_CIPHERTEXT,
    ),
    17: _account("confidentialTransferFeeAmount", withheldAmount=_ELGAMAL_CIPHERTEXT),
    18: _mint("metadataPointer", authority=key_or_null, metadataAddress=key_or_null),
    19: _Layout(
        "tokenMetadata",
        Holder.MINT,
        {
            "updateAuthority": key_or_null,
            "mint": key,
            "name": _TEXT,
            "symbol": _TEXT,
            "uri": _TEXT,
            "additionalMetadata": vector(items(_TEXT, 2), 4),
        },
        has_rest=True,
    ),
    20: _mint("groupPointer", authority=key_or_null, groupAddress=key_or_null),
    21: _mint("tokenGroup", updateAuthority=key_or_null, mint=key, size=u64, maxSize=u64),
    22: _mint("groupMemberPointer", authority=key_or_null, memberAddress=key_or_null),
    23: _mint("tokenGroupMember", mint=key, group=key, memberNumber=u64),
    24: _mint(
        "confidentialMintBurn",
        confidentialSupply=_ELGAMAL_CIPHERTEXT,
        decryptableSupply=_AES_CIPHERTEXT,
        supplyElgamalPubkey=_ELGAMAL_KEY,
        pendingBurn=_ELGAMAL_CIPHERTEXT,
    ),
    SCALED_UI_AMOUNT: _mint(
        "scaledUiAmountConfig",
        authority=key_or_null,
        multiplier=float_text,
        newMultiplierEffectiveTimestamp=i64,
        newMultiplier=float_text,
    ),
    26: _mint("pausableConfig", authority=key_or_null, paused=loose_boolean),
    27: _account("pausableAccount"),
}
"""The extensions by their numbers."""


def stored_extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The number and the content of each extension in the data of a mint or token account.

    Raises ValueError for an extension that ends beyond the data or that is not known.
    """
    reader = ByteReader(data)
    reader.take(min(TOKEN_ACCOUNT_BYTES + 1, reader.left))
    # One byte can be left over after a change of size.
    while reader.left >= 2:
        number = reader.number(2)
        if number == _END_OF_EXTENSIONS:
            return
        if number not in _LAYOUTS:
            raise ValueError(f"the extension {number} is not known")
        yield number, reader.take(reader.number(2))


def parsed_extensions(data: bytes, holder: Holder) -> list[Json]:
    """The extensions of a mint or token account; none of them if one is damaged or not known."""
    try:
        stored = list(stored_extensions(data))
    except ValueError:
        return []
    # The first of several equal ones is read for all.
    contents = dict(reversed(stored))
    return [_parsed(_LAYOUTS[number], contents[number], holder) for number, _ in stored]


def _parsed(layout: _Layout, content: bytes, holder: Holder) -> Json:
    if layout.fields is None:
        return {"extension": layout.name}
    reader = ByteReader(content)
    try:
        if layout.holder is not holder:
            raise ValueError("an extension of the other kind of account")
        state = read_fields(layout.fields, reader)
        if reader.left and not layout.has_rest:
            raise ValueError("the extension is too long")
    except ValueError:
        return {"extension": "unparseableExtension"}
    return {"extension": layout.name, "state": state}
