"""The instructions of the token programs that ``known_instructions`` does not have: multisigs, Token-2022 and its
extensions, metadata and groups.

Both token programs are parsed alike, as one program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.token_state import token_amount
from psyche_cli.localnet.rpc.encoding.parsed.confidential_instructions import (
    CONFIDENTIAL_MINT_BURN,
    CONFIDENTIAL_TRANSFER,
    CONFIDENTIAL_TRANSFER_FEE,
)
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    ABSENT,
    as_text,
    boolean,
    float_text,
    i16,
    i64,
    key,
    key_or_absent,
    key_or_null,
    named,
    optional,
    text,
    u8,
    u16,
    u64,
)
from psyche_cli.localnet.rpc.encoding.parsed.shapes import (
    Instructions,
    Shape,
    Table,
    accounts_named,
    exact,
    require,
    shape,
    signer,
    token_quantity,
)
from psyche_cli.localnet.rpc.encoding.parsed.token_extensions import ACCOUNT_STATES, EXTENSION_TYPES
from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.programs import ASSOCIATED_TOKEN_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM

_AUTHORITY_TYPES: Final = (
    "mintTokens",
    "freezeAccount",
    "accountOwner",
    "closeAccount",
    "transferFeeConfig",
    "withheldWithdraw",
    "closeMint",
    "interestRate",
    "permanentDelegate",
    "confidentialTransferMint",
    "transferHookProgramId",
    "confidentialTransferFeeConfig",
    "metadataPointer",
    "groupPointer",
    "groupMemberPointer",
    "scaledUiAmount",
    "pause",
)
_AUTHORITIES_OF_ACCOUNTS: Final = ("accountOwner", "closeAccount")
_KEY_OR_NULL: Final = optional(key)
_KEY_OR_ABSENT: Final = optional(key, none=ABSENT)
_STATE: Final = named(ACCOUNT_STATES, 1)
_EXTENSION_TYPE: Final = named(EXTENSION_TYPES, 2)
_TEXT: Final = text(4)
_WITHDRAWING: Final = "withdrawWithheldAuthority"


def _set_authority(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The type of the authority says what has it."""
    owned = "account" if arguments["authorityType"] in _AUTHORITIES_OF_ACCOUNTS else "mint"
    return accounts_named(f"{owned} authority&")(accounts, arguments)


def _new_multisig(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    require(accounts, 3)
    return accounts_named("multisig rentSysvar signers*")(accounts, arguments)


def _new_multisig_without_rent(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    require(accounts, 2)
    return accounts_named("multisig signers*")(accounts, arguments)


def _transferred_with_fee(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The fee has the decimals of the amount."""
    fee = token_amount(arguments["feeAmount"], arguments["tokenAmount"]["decimals"])
    return {**accounts_named("source mint destination authority&")(accounts, arguments), "feeAmount": fee}


def _withdrawn_from_accounts(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The last accounts are the sources; the authority and its signers are before them."""
    sources = arguments["numTokenAccounts"]
    require(accounts, 3 + sources)
    before = accounts[: len(accounts) - sources]
    return {
        "mint": accounts[0],
        "feeRecipient": accounts[1],
        "sourceAccounts": list(accounts[len(before) :]),
        **signer(_WITHDRAWING, before[2:]),
    }


def _extension_types(reader: ByteReader) -> list[Json]:
    """The types of extensions up to the end of the data."""
    found = []
    while reader.left:
        found.append(_EXTENSION_TYPE(reader))
    return found


def _rest_as_text(reader: ByteReader) -> str:
    return reader.take(reader.left).decode("utf-8")


def _switches(enabled: str, disabled: str) -> Mapping[int, Shape]:
    """Two instructions of a token account's owner."""
    return {0: shape(enabled, "account owner&"), 1: shape(disabled, "account owner&")}


def _pointer(title: str, target: str) -> Mapping[int, Shape]:
    """The instructions of an extension that consists of an authority and an address."""
    return {
        0: exact(f"initialize{title}", "mint", authority=key_or_absent, **{target: key_or_absent}),
        1: exact(f"update{title}", "mint authority&", **{target: key_or_absent}),
    }


_TRANSFER_FEE: Final = {
    0: shape(
        "initializeTransferFeeConfig",
        "mint",
        transferFeeConfigAuthority=_KEY_OR_ABSENT,
        withdrawWithheldAuthority=_KEY_OR_ABSENT,
        transferFeeBasisPoints=u16,
        maximumFee=u64,
    ),
    1: shape("transferCheckedWithFee", _transferred_with_fee, tokenAmount=token_quantity, feeAmount=u64),
    2: shape("withdrawWithheldTokensFromMint", f"mint feeRecipient {_WITHDRAWING}&"),
    3: shape("withdrawWithheldTokensFromAccounts", _withdrawn_from_accounts, numTokenAccounts=u8),
    4: shape("harvestWithheldTokensToMint", "mint sourceAccounts*"),
    5: shape("setTransferFee", "mint transferFeeConfigAuthority&", transferFeeBasisPoints=u16, maximumFee=u64),
}
_TOKEN: Final[Table] = {
    2: shape("initializeMultisig", _new_multisig, m=u8),
    6: shape("setAuthority", _set_authority, authorityType=named(_AUTHORITY_TYPES, 1), newAuthority=_KEY_OR_NULL),
    19: shape("initializeMultisig2", _new_multisig_without_rent, m=u8),
    21: shape("getAccountDataSize", "mint", extensionTypes=lambda reader: _extension_types(reader) or ABSENT),
    23: shape("amountToUiAmount", "mint", amount=as_text(u64)),
    24: shape("uiAmountToAmount", "mint", uiAmount=_rest_as_text),
    25: shape("initializeMintCloseAuthority", "mint", newAuthority=_KEY_OR_NULL),
    26: _TRANSFER_FEE,
    27: CONFIDENTIAL_TRANSFER,
    28: {
        0: exact("initializeDefaultAccountState", "mint", accountState=_STATE),
        1: exact("updateDefaultAccountState", "mint freezeAuthority&", accountState=_STATE),
    },
    29: shape("reallocate", "account payer systemProgram owner&", extensionTypes=_extension_types),
    30: _switches("enableRequiredMemoTransfers", "disableRequiredMemoTransfers"),
    31: shape("createNativeMint", "payer nativeMint systemProgram"),
    32: shape("initializeNonTransferableMint", "mint"),
    33: {
        0: exact("initializeInterestBearingConfig", "mint", rateAuthority=key_or_null, rate=i16),
        1: exact("updateInterestBearingConfigRate", "mint rateAuthority&", newRate=i16),
    },
    34: _switches("enableCpiGuard", "disableCpiGuard"),
    35: shape("initializePermanentDelegate", "mint", delegate=key),
    36: _pointer("TransferHook", "programId"),
    37: CONFIDENTIAL_TRANSFER_FEE,
    38: shape("withdrawExcessLamports", "source destination authority&"),
    39: _pointer("MetadataPointer", "metadataAddress"),
    40: _pointer("GroupPointer", "groupAddress"),
    41: _pointer("GroupMemberPointer", "memberAddress"),
    42: CONFIDENTIAL_MINT_BURN,
    43: {
        0: exact("initializeScaledUiAmountConfig", "mint", authority=key_or_null, multiplier=float_text),
        1: exact("updateMultiplier", "mint authority&", newMultiplier=float_text, newMultiplierTimestamp=i64),
    },
    44: {
        0: exact("initializePausableConfig", "mint", authority=key_or_null),
        1: shape("pause", "mint authority&"),
        2: shape("resume", "mint authority&"),
    },
}


def _metadata_field(reader: ByteReader) -> str:
    """The name of a field of the metadata: one of three, or any other."""
    field = named(("name", "symbol", "uri", "other"), 1)(reader)
    return str(_TEXT(reader) if field == "other" else field)


def _prefix(name: str) -> bytes:
    """The first bytes of an instruction of an interface, by the name that the interface hashes for it."""
    return hashlib.sha256(name.encode()).digest()[:8]


_UPDATED: Final = "metadata updateAuthority"
_GROUP: Final = "group updateAuthority"
_INTERFACES: Final = {
    _prefix(f"spl_token_{name}"): found
    for name, found in {
        "metadata_interface:initialize_account": exact(
            "initializeTokenMetadata", f"{_UPDATED} mint mintAuthority", name=_TEXT, symbol=_TEXT, uri=_TEXT
        ),
        "metadata_interface:updating_field": exact(
            "updateTokenMetadataField", _UPDATED, field=_metadata_field, value=_TEXT
        ),
        "metadata_interface:remove_key_ix": exact("removeTokenMetadataKey", _UPDATED, idempotent=boolean, key=_TEXT),
        "metadata_interface:update_the_authority": exact(
            "updateTokenMetadataAuthority", _UPDATED, newAuthority=key_or_null
        ),
        "metadata_interface:emitter": exact(
            "emitTokenMetadata", "metadata", start=optional(u64, none=ABSENT), end=optional(u64, none=ABSENT)
        ),
        "group_interface:initialize_token_group": exact(
            "initializeTokenGroup", "group mint mintAuthority", updateAuthority=key_or_null, maxSize=u64
        ),
        "group_interface:update_group_max_size": exact("updateTokenGroupMaxSize", _GROUP, maxSize=u64),
        "group_interface:update_authority": exact("updateTokenGroupAuthority", _GROUP, newAuthority=key_or_null),
        "group_interface:initialize_member": shape(
            "initializeTokenGroupMember", "member memberMint memberMintAuthority group groupUpdateAuthority"
        ),
    }.items()
}
_ASSOCIATED: Final = {
    2: shape("recoverNested", "nestedSource nestedMint destination nestedOwner ownerMint wallet tokenProgram"),
}
TABLES: Final[Mapping[Pubkey, Instructions]] = {
    TOKEN_PROGRAM: Instructions(1, _TOKEN, _INTERFACES),
    TOKEN_2022_PROGRAM: Instructions(1, _TOKEN, _INTERFACES),
    ASSOCIATED_TOKEN_PROGRAM: Instructions(1, _ASSOCIATED),
}
