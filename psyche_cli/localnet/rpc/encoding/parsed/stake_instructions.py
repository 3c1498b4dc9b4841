"""The instructions of the stake program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.parsed.readers import ABSENT, i64, key, named, optional, record, text, u64
from psyche_cli.localnet.rpc.encoding.parsed.shapes import Instructions, accounts_named, shape
from psyche_cli.solana.programs import STAKE_PROGRAM

_AUTHORITY_TYPE: Final = named(("Staker", "Withdrawer"))
_SYSVARS: Final = "clockSysvar stakeHistorySysvar"
_LOCKUP: Final = {
    "unixTimestamp": optional(i64, none=ABSENT),
    "epoch": optional(u64, none=ABSENT),
}


def _checked_lockup(accounts: Sequence[str], arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The new custodian is an account, and shown as a part of the lockup."""
    named_accounts = accounts_named("stakeAccount custodian")(accounts, arguments)
    new = {"custodian": accounts[2]} if len(accounts) > 2 else {}
    return {**named_accounts, "lockup": {**arguments["lockup"], **new}}


_STAKE: Final = {
    0: shape(
        "initialize",
        "stakeAccount rentSysvar",
        authorized=record(staker=key, withdrawer=key),
        lockup=record(unixTimestamp=i64, epoch=u64, custodian=key),
    ),
    1: shape(
        "authorize",
        "stakeAccount clockSysvar authority custodian?",
        newAuthority=key,
        authorityType=_AUTHORITY_TYPE,
    ),
    2: shape("delegate", f"stakeAccount voteAccount {_SYSVARS} stakeConfigAccount stakeAuthority"),
    3: shape("split", "stakeAccount newSplitAccount stakeAuthority", lamports=u64),
    4: shape("withdraw", f"stakeAccount destination {_SYSVARS} withdrawAuthority custodian?", lamports=u64),
    5: shape("deactivate", "stakeAccount clockSysvar stakeAuthority"),
    6: shape("setLockup", "stakeAccount custodian", lockup=record(**_LOCKUP, custodian=optional(key, none=ABSENT))),
    7: shape("merge", f"destination source {_SYSVARS} stakeAuthority"),
    8: shape(
        "authorizeWithSeed",
        "stakeAccount authorityBase clockSysvar? custodian?",
        newAuthorized=key,
        authorityType=_AUTHORITY_TYPE,
        authoritySeed=text(8),
        authorityOwner=key,
    ),
    9: shape("initializeChecked", "stakeAccount rentSysvar staker withdrawer"),
    10: shape(
        "authorizeChecked",
        "stakeAccount clockSysvar authority newAuthority custodian?",
        authorityType=_AUTHORITY_TYPE,
    ),
    11: shape(
        "authorizeCheckedWithSeed",
        "stakeAccount authorityBase clockSysvar newAuthorized custodian?",
        authorityType=_AUTHORITY_TYPE,
        authoritySeed=text(8),
        authorityOwner=key,
    ),
    12: shape("setLockupChecked", _checked_lockup, lockup=record(**_LOCKUP)),
    13: shape("getMinimumDelegation", ""),
    14: shape("deactivateDelinquent", "stakeAccount voteAccount referenceVoteAccount"),
    15: shape("redelegate", "stakeAccount newStakeAccount voteAccount stakeConfigAccount stakeAuthority"),
    16: shape("moveStake", "source destination stakeAuthority", lamports=u64),
    17: shape("moveLamports", "source destination stakeAuthority", lamports=u64),
}
TABLES: Final[Mapping[Pubkey, Instructions]] = {STAKE_PROGRAM: Instructions(4, _STAKE)}
