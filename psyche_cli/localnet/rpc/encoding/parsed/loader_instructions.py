"""The instructions of the loaders and of address lookup tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.readers import base64_vector, key, u8, u32, u64, vector
from psyche_cli.localnet.rpc.encoding.parsed.shapes import Instructions, accounts_named, require, shape
from psyche_cli.solana.programs import FINAL_LOADERS, LOOKUP_TABLE_PROGRAM, UPGRADEABLE_LOADER


def _finalized(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The second account, the rent sysvar, must be there but is not shown."""
    require(accounts, 2)
    return accounts_named("account")(accounts, arguments)


_LOADER: Final = {
    0: shape("write", "account", offset=u32, bytes=base64_vector),
    1: shape("finalize", _finalized),
}

_UPGRADEABLE: Final = {
    0: shape("initializeBuffer", "account authority?"),
    1: shape("write", "account authority", offset=u32, bytes=base64_vector),
    2: shape(
        "deployWithMaxDataLen",
        "payerAccount programDataAccount programAccount bufferAccount rentSysvar clockSysvar systemProgram authority",
        maxDataLen=u64,
    ),
    3: shape(
        "upgrade", "programDataAccount programAccount bufferAccount spillAccount rentSysvar clockSysvar authority"
    ),
    4: shape("setAuthority", "account authority newAuthority="),
    5: shape("close", "account recipient authority programAccount="),
    6: shape("extendProgram", "programDataAccount programAccount systemProgram= payerAccount=", additionalBytes=u32),
    7: shape("setAuthorityChecked", "account authority newAuthority"),
    8: shape("migrate", "programDataAccount programAccount authority"),
    9: shape(
        "extendProgramChecked",
        "programDataAccount programAccount authority systemProgram= payerAccount=",
        additionalBytes=u32,
    ),
}
_TABLE: Final = "lookupTableAccount lookupTableAuthority"


def _extended(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """An extension names who pays only if both the payer and the system program are there."""
    names = f"{_TABLE} payerAccount systemProgram" if len(accounts) >= 4 else _TABLE
    return accounts_named(names)(accounts, arguments)


_LOOKUP_TABLE: Final = {
    0: shape("createLookupTable", f"{_TABLE} payerAccount systemProgram", recentSlot=u64, bumpSeed=u8),
    1: shape("freezeLookupTable", _TABLE),
    2: shape("extendLookupTable", _extended, newAddresses=vector(key)),
    3: shape("deactivateLookupTable", _TABLE),
    4: shape("closeLookupTable", f"{_TABLE} recipient"),
}

TABLES: Final[Mapping[Pubkey, Instructions]] = {
    FINAL_LOADERS[1]: Instructions(4, _LOADER),
    UPGRADEABLE_LOADER: Instructions(4, _UPGRADEABLE),
    LOOKUP_TABLE_PROGRAM: Instructions(4, _LOOKUP_TABLE),
}
