"""jsonParsed instructions of loaders, look-up tables, stake and vote: known answers for data that is built here."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.localnet.rpc.encoding.parsed.instructions import parsed_instruction
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    FINAL_LOADERS,
    LOOKUP_TABLE_PROGRAM,
    STAKE_PROGRAM,
    UPGRADEABLE_LOADER,
    VOTE_PROGRAM,
)
from tests.localnet.packing import pack, tag

KEYS = [Pubkey.new_unique() for _ in range(12)]
X, Y, Z = (Pubkey.new_unique() for _ in range(3))
x, y, z = map(str, (X, Y, Z))
NAMES = {
    UPGRADEABLE_LOADER: "bpf-upgradeable-loader",
    FINAL_LOADERS[1]: "bpf-loader",
    LOOKUP_TABLE_PROGRAM: "address-lookup-table",
    STAKE_PROGRAM: "stake",
    VOTE_PROGRAM: "vote",
    ASSOCIATED_TOKEN_PROGRAM: "spl-associated-token-account",
}
SEED = pack(4) + b"seed"
LOCKOUTS = [{"slot": 100, "confirmation_count": 3}, {"slot": 300, "confirmation_count": 2}]
STATE = pack(2, 100, ("I", 3), 300, ("I", 2), b"\1", 90, X, b"\1", ("q", 5))
COMPACT = pack(90, b"\2", b"\x0a\3", b"\xc8\1\2", X, b"\1", ("q", 5))
VOTED = {"lockouts": LOCKOUTS, "root": 90, "hash": x, "timestamp": 5}
AUTHORITY = "voteAccount voteAuthority"
LOCKUP = {"unixTimestamp": -1, "epoch": 2, "custodian": z}
Row = tuple[Pubkey, bytes, str, str, dict[str, Any]]
"""Program, data, type, the names of the accounts in order, and the arguments."""

ROWS: list[Row] = [
    (UPGRADEABLE_LOADER, tag(0), "initializeBuffer", "account", {}),
    (UPGRADEABLE_LOADER, tag(0), "initializeBuffer", "account authority", {}),
    (UPGRADEABLE_LOADER, tag(1) + pack(("I", 9), 3) + b"ELF", "write", "account authority",
     {"offset": 9, "bytes": base64.b64encode(b"ELF").decode()}),
    (UPGRADEABLE_LOADER, tag(2) + pack(77), "deployWithMaxDataLen",
     "payerAccount programDataAccount programAccount bufferAccount rentSysvar clockSysvar systemProgram authority",
     {"maxDataLen": 77}),
    (UPGRADEABLE_LOADER, tag(3), "upgrade",
     "programDataAccount programAccount bufferAccount spillAccount rentSysvar clockSysvar authority", {}),
    (UPGRADEABLE_LOADER, tag(4), "setAuthority", "account authority newAuthority", {}),
    (UPGRADEABLE_LOADER, tag(4), "setAuthority", "account authority", {"newAuthority": None}),
    (UPGRADEABLE_LOADER, tag(5), "close", "account recipient authority programAccount", {}),
    (UPGRADEABLE_LOADER, tag(5), "close", "account recipient authority", {"programAccount": None}),
    (UPGRADEABLE_LOADER, tag(6) + pack(("I", 5)), "extendProgram",
     "programDataAccount programAccount systemProgram payerAccount", {"additionalBytes": 5}),
    (UPGRADEABLE_LOADER, tag(6) + pack(("I", 5)), "extendProgram", "programDataAccount programAccount",
     {"additionalBytes": 5, "systemProgram": None, "payerAccount": None}),
    (UPGRADEABLE_LOADER, tag(7), "setAuthorityChecked", "account authority newAuthority", {}),
    (UPGRADEABLE_LOADER, tag(8), "migrate", "programDataAccount programAccount authority", {}),
    (UPGRADEABLE_LOADER, tag(9) + pack(("I", 5)), "extendProgramChecked",
     "programDataAccount programAccount authority systemProgram", {"additionalBytes": 5, "payerAccount": None}),
    (FINAL_LOADERS[1], tag(0) + pack(("I", 9), 3) + b"ELF", "write", "account",
     {"offset": 9, "bytes": base64.b64encode(b"ELF").decode()}),
    (LOOKUP_TABLE_PROGRAM, tag(0) + pack(8, b"\xfe"), "createLookupTable",
     "lookupTableAccount lookupTableAuthority payerAccount systemProgram", {"recentSlot": 8, "bumpSeed": 254}),
    (LOOKUP_TABLE_PROGRAM, tag(1), "freezeLookupTable", "lookupTableAccount lookupTableAuthority", {}),
    (LOOKUP_TABLE_PROGRAM, tag(2) + pack(2, X, Y), "extendLookupTable",
     "lookupTableAccount lookupTableAuthority payerAccount systemProgram", {"newAddresses": [x, y]}),
    (LOOKUP_TABLE_PROGRAM, tag(2) + pack(0), "extendLookupTable", "lookupTableAccount lookupTableAuthority",
     {"newAddresses": []}),
    (LOOKUP_TABLE_PROGRAM, tag(3), "deactivateLookupTable", "lookupTableAccount lookupTableAuthority", {}),
    (LOOKUP_TABLE_PROGRAM, tag(4), "closeLookupTable", "lookupTableAccount lookupTableAuthority recipient", {}),
    (STAKE_PROGRAM, tag(0) + pack(X, Y, ("q", -1), 2, Z), "initialize", "stakeAccount rentSysvar",
     {"authorized": {"staker": x, "withdrawer": y}, "lockup": LOCKUP}),
    (STAKE_PROGRAM, tag(1) + pack(X, tag(0)), "authorize", "stakeAccount clockSysvar authority",
     {"newAuthority": x, "authorityType": "Staker"}),
    (STAKE_PROGRAM, tag(1) + pack(X, tag(1)), "authorize", "stakeAccount clockSysvar authority custodian",
     {"newAuthority": x, "authorityType": "Withdrawer"}),
    (STAKE_PROGRAM, tag(2), "delegate",
     "stakeAccount voteAccount clockSysvar stakeHistorySysvar stakeConfigAccount stakeAuthority", {}),
    (STAKE_PROGRAM, tag(3) + pack(7), "split", "stakeAccount newSplitAccount stakeAuthority", {"lamports": 7}),
    (STAKE_PROGRAM, tag(4) + pack(7), "withdraw",
     "stakeAccount destination clockSysvar stakeHistorySysvar withdrawAuthority custodian", {"lamports": 7}),
    (STAKE_PROGRAM, tag(5), "deactivate", "stakeAccount clockSysvar stakeAuthority", {}),
    (STAKE_PROGRAM, tag(6) + pack(b"\1", ("q", -1), b"\1", 2, b"\1", Z), "setLockup", "stakeAccount custodian",
     {"lockup": LOCKUP}),
    (STAKE_PROGRAM, tag(6) + bytes(3), "setLockup", "stakeAccount custodian", {"lockup": {}}),
    (STAKE_PROGRAM, tag(7), "merge", "destination source clockSysvar stakeHistorySysvar stakeAuthority", {}),
    (STAKE_PROGRAM, tag(8) + pack(X, tag(0), SEED, Y), "authorizeWithSeed", "stakeAccount authorityBase",
     {"newAuthorized": x, "authorityType": "Staker", "authoritySeed": "seed", "authorityOwner": y}),
    (STAKE_PROGRAM, tag(8) + pack(X, tag(0), SEED, Y), "authorizeWithSeed",
     "stakeAccount authorityBase clockSysvar custodian",
     {"newAuthorized": x, "authorityType": "Staker", "authoritySeed": "seed", "authorityOwner": y}),
    (STAKE_PROGRAM, tag(9), "initializeChecked", "stakeAccount rentSysvar staker withdrawer", {}),
    (STAKE_PROGRAM, tag(10) + tag(1), "authorizeChecked", "stakeAccount clockSysvar authority newAuthority",
     {"authorityType": "Withdrawer"}),
    (STAKE_PROGRAM, tag(11) + pack(tag(1), SEED, Y), "authorizeCheckedWithSeed",
     "stakeAccount authorityBase clockSysvar newAuthorized custodian",
     {"authorityType": "Withdrawer", "authoritySeed": "seed", "authorityOwner": y}),
    (STAKE_PROGRAM, tag(12) + pack(b"\0\1", 2), "setLockupChecked", "stakeAccount custodian", {"lockup": {"epoch": 2}}),
    (STAKE_PROGRAM, tag(14), "deactivateDelinquent", "stakeAccount voteAccount referenceVoteAccount", {}),
    (STAKE_PROGRAM, tag(15), "redelegate",
     "stakeAccount newStakeAccount voteAccount stakeConfigAccount stakeAuthority", {}),
    (STAKE_PROGRAM, tag(16) + pack(7), "moveStake", "source destination stakeAuthority", {"lamports": 7}),
    (STAKE_PROGRAM, tag(17) + pack(7), "moveLamports", "source destination stakeAuthority", {"lamports": 7}),
    (VOTE_PROGRAM, tag(0) + pack(X, Y, Z, b"\x09"), "initialize", "voteAccount rentSysvar clockSysvar node",
     {"authorizedVoter": y, "authorizedWithdrawer": z, "commission": 9}),
    (VOTE_PROGRAM, tag(1) + pack(X, tag(0)), "authorize", "voteAccount clockSysvar authority",
     {"newAuthority": x, "authorityType": "Voter"}),
    (VOTE_PROGRAM, tag(2) + pack(2, 8, 9, X, b"\0"), "vote",
     "voteAccount slotHashesSysvar clockSysvar voteAuthority",
     {"vote": {"slots": [8, 9], "hash": x, "timestamp": None}}),
    (VOTE_PROGRAM, tag(3) + pack(7), "withdraw", "voteAccount destination withdrawAuthority", {"lamports": 7}),
    (VOTE_PROGRAM, tag(4), "updateValidatorIdentity", "voteAccount newValidatorIdentity withdrawAuthority", {}),
    (VOTE_PROGRAM, tag(5) + b"\x64", "updateCommission", "voteAccount withdrawAuthority", {"commission": 100}),
    (VOTE_PROGRAM, tag(6) + pack(0, X, b"\1", ("q", 4), Y), "voteSwitch",
     "voteAccount slotHashesSysvar clockSysvar voteAuthority",
     {"vote": {"slots": [], "hash": x, "timestamp": 4}, "hash": y}),
    (VOTE_PROGRAM, tag(7) + tag(1), "authorizeChecked", "voteAccount clockSysvar authority newAuthority",
     {"authorityType": "Withdrawer"}),
    (VOTE_PROGRAM, tag(8) + STATE, "updatevotestate", AUTHORITY, {"voteStateUpdate": VOTED}),
    (VOTE_PROGRAM, tag(9) + STATE + bytes(Y), "updatevotestateswitch", AUTHORITY,
     {"voteStateUpdate": VOTED, "hash": y}),
    (VOTE_PROGRAM, tag(10) + pack(tag(0), X, SEED, Y), "authorizeWithSeed", "voteAccount clockSysvar authorityBaseKey",
     {"authorityOwner": x, "authoritySeed": "seed", "newAuthority": y, "authorityType": "Voter"}),
    (VOTE_PROGRAM, tag(11) + pack(tag(0), X, SEED), "authorizeCheckedWithSeed",
     "voteAccount clockSysvar authorityBaseKey newAuthority",
     {"authorityOwner": x, "authoritySeed": "seed", "authorityType": "Voter"}),
    (VOTE_PROGRAM, tag(12) + COMPACT, "compactupdatevotestate", AUTHORITY, {"voteStateUpdate": VOTED}),
    (VOTE_PROGRAM, tag(13) + COMPACT + bytes(Y), "compactupdatevotestateswitch", AUTHORITY,
     {"voteStateUpdate": VOTED, "hash": y}),
    (VOTE_PROGRAM, tag(14) + COMPACT + bytes(Z), "towersync", AUTHORITY, {"towerSync": {**VOTED, "blockId": z}}),
    (VOTE_PROGRAM, tag(15) + COMPACT + bytes(Z) + bytes(Y), "towersyncswitch", AUTHORITY,
     {"towerSync": {**VOTED, "blockId": z}, "hash": y}),
    (ASSOCIATED_TOKEN_PROGRAM, b"\2", "recoverNested",
     "nestedSource nestedMint destination nestedOwner ownerMint wallet tokenProgram", {}),
]  # fmt: skip


def show(program: Pubkey, data: bytes, accounts: int) -> Any:
    return parsed_instruction(program, KEYS[:accounts], data, 1)


@pytest.mark.parametrize(("program", "data", "kind", "accounts", "arguments"), ROWS)
def test_known_instructions(program: Pubkey, data: bytes, kind: str, accounts: str, arguments: dict[str, Any]) -> None:
    names = accounts.split()
    info = {**{name: str(key) for name, key in zip(names, KEYS, strict=False)}, **arguments}
    for trailing in (b"", bytes(3)):
        shown = show(program, data + trailing, len(names))
        assert shown["parsed"] == {"type": kind, "info": info}
    assert (shown["program"], shown["programId"], shown["stackHeight"]) == (NAMES[program], str(program), 1)


@pytest.mark.parametrize(("program", "data", "kind", "accounts", "arguments"), ROWS)
def test_shortened_instructions_stay_encoded(
    program: Pubkey, data: bytes, kind: str, accounts: str, arguments: dict[str, Any]
) -> None:
    """With no accounts, or without the last byte, which every instruction but an empty one needs."""
    count = len(accounts.split())
    assert "parsed" not in show(program, data, 0)
    shown = show(program, data[:-1], count)
    assert "parsed" not in shown or shown["parsed"]["type"] != kind, arguments


def test_accounts_that_are_not_shown() -> None:
    assert show(FINAL_LOADERS[1], tag(1), 2)["parsed"] == {"type": "finalize", "info": {"account": str(KEYS[0])}}
    assert "parsed" not in show(FINAL_LOADERS[1], tag(1), 1)
    assert "parsed" not in show(FINAL_LOADERS[0], tag(1), 2)
    # Without the system program, the payer of an extension is not named.
    assert set(show(LOOKUP_TABLE_PROGRAM, tag(2) + pack(0), 3)["parsed"]["info"]) == {
        "lookupTableAccount", "lookupTableAuthority", "newAddresses",
    }  # fmt: skip
    checked = show(STAKE_PROGRAM, tag(12) + pack(b"\1", ("q", -1), b"\0"), 3)["parsed"]["info"]
    assert checked["lockup"] == {"unixTimestamp": -1, "custodian": str(KEYS[2])}
    assert show(STAKE_PROGRAM, tag(13), 1)["parsed"] == {"type": "getMinimumDelegation"}


@pytest.mark.parametrize(
    "votes",
    [
        pack(90, b"\1", b"\x80\0\3"),  # a needless byte of zero
        pack(90, b"\1", b"\xff" * 9 + b"\x02\3"),  # more than 64 bits
        pack(2**64 - 2, b"\1", b"\x05\3"),  # a slot beyond the last
        pack(90, b"\x80\x80\x04"),  # a length of more than 16 bits
    ],
)
def test_invalid_distances_of_votes_stay_encoded(votes: bytes) -> None:
    assert "parsed" not in show(VOTE_PROGRAM, tag(12) + votes + pack(X, b"\0"), 2)


def test_a_vote_without_a_root() -> None:
    data = tag(12) + pack(2**64 - 1, b"\1", b"\x05\3", X, b"\0")
    update = show(VOTE_PROGRAM, data, 2)["parsed"]["info"]["voteStateUpdate"]
    assert update == {"lockouts": [{"slot": 5, "confirmation_count": 3}], "root": None, "hash": x, "timestamp": None}
