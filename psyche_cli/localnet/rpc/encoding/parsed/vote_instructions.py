"""The instructions of the vote program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.rpc.encoding.parsed.readers import (
    Reader,
    i64,
    key,
    named,
    optional,
    record,
    short_vector,
    skipped,
    text,
    u8,
    u32,
    u64,
    variable_integer,
    vector,
)
from psyche_cli.localnet.rpc.encoding.parsed.shapes import Instructions, Shape, shape
from psyche_cli.solana.byte_reader import ByteReader
from psyche_cli.solana.programs import VOTE_PROGRAM

_NO_ROOT: Final = U64_MAX
_AUTHORITY_TYPE: Final = named(("Voter", "Withdrawer"))
_VOTE: Final = record(slots=vector(u64), hash=key, timestamp=optional(i64))
_STATE: Final = record(
    lockouts=vector(record(slot=u64, confirmation_count=u32)), root=optional(u64), hash=key, timestamp=optional(i64)
)
_OFFSETS: Final = short_vector(record(offset=variable_integer, confirmation_count=u8))


def _compact(**after: Reader) -> Reader:
    """A vote state whose slots are stored as distances, the first from the root."""

    def read(reader: ByteReader) -> Json:
        root = u64(reader)
        slot = 0 if root == _NO_ROOT else root
        lockouts = []
        for lockout in _OFFSETS(reader):
            slot += lockout["offset"]
            if slot > U64_MAX:
                raise ValueError("a slot is out of range")
            lockouts.append({"slot": slot, "confirmation_count": lockout["confirmation_count"]})
        rest = record(hash=key, timestamp=optional(i64), **after)(reader)
        return {"lockouts": lockouts, "root": None if root == _NO_ROOT else root, **rest}

    return read


_COMPACT: Final = _compact()
_TOWER: Final = _compact(blockId=key)
_AUTHORITY: Final = "voteAccount voteAuthority"
_VOTER: Final = "voteAccount slotHashesSysvar clockSysvar voteAuthority"
_CHANGE: Final = "voteAccount clockSysvar authority"
_SEED_ACCOUNTS: Final = "voteAccount clockSysvar authorityBaseKey"
_SEED: Final = {"authorityType": _AUTHORITY_TYPE, "authorityOwner": key, "authoritySeed": text(8)}


def _switch(voting: Shape, name: str) -> Shape:
    """A vote with the hash that proves a switch between forks."""
    return voting._replace(name=name, arguments={**voting.arguments, "hash": key})


_PLAIN: Final = shape("vote", _VOTER, vote=_VOTE)
_UPDATE: Final = shape("updatevotestate", _AUTHORITY, voteStateUpdate=_STATE)
_COMPACT_UPDATE: Final = shape("compactupdatevotestate", _AUTHORITY, voteStateUpdate=_COMPACT)
_TOWER_SYNC: Final = shape("towersync", _AUTHORITY, towerSync=_TOWER)
_INSTRUCTIONS: Final = {
    0: shape(
        "initialize",
        "voteAccount rentSysvar clockSysvar node",
        node=skipped(Pubkey.LENGTH),
        authorizedVoter=key,
        authorizedWithdrawer=key,
        commission=u8,
    ),
    1: shape("authorize", _CHANGE, newAuthority=key, authorityType=_AUTHORITY_TYPE),
    2: _PLAIN,
    3: shape("withdraw", "voteAccount destination withdrawAuthority", lamports=u64),
    4: shape("updateValidatorIdentity", "voteAccount newValidatorIdentity withdrawAuthority"),
    5: shape("updateCommission", "voteAccount withdrawAuthority", commission=u8),
    6: _switch(_PLAIN, "voteSwitch"),
    7: shape("authorizeChecked", f"{_CHANGE} newAuthority", authorityType=_AUTHORITY_TYPE),
    8: _UPDATE,
    9: _switch(_UPDATE, "updatevotestateswitch"),
    10: shape("authorizeWithSeed", _SEED_ACCOUNTS, **_SEED, newAuthority=key),
    11: shape("authorizeCheckedWithSeed", f"{_SEED_ACCOUNTS} newAuthority", **_SEED),
    12: _COMPACT_UPDATE,
    13: _switch(_COMPACT_UPDATE, "compactupdatevotestateswitch"),
    14: _TOWER_SYNC,
    15: _switch(_TOWER_SYNC, "towersyncswitch"),
}
TABLES: Final[Mapping[Pubkey, Instructions]] = {VOTE_PROGRAM: Instructions(4, _INSTRUCTIONS)}
