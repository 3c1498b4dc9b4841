"""Instructions of the stake program, in the form in which the Solana command line sends them."""

from __future__ import annotations

import struct

from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account

from psyche_cli.solana.programs import CLOCK_SYSVAR, RENT_SYSVAR, STAKE_CONFIG, STAKE_PROGRAM, SYSVARS
from tests.localnet.loader import readonly, signer, writable

STAKE_BYTES = 200


def create_stake(owner: Pubkey, stake: Pubkey, lamports: int) -> list[Instruction]:
    """A stake account of the owner, who is also its authority."""
    create = CreateAccountParams(
        from_pubkey=owner, to_pubkey=stake, lamports=lamports, space=STAKE_BYTES, owner=STAKE_PROGRAM
    )
    initialize = struct.pack("<I", 0) + bytes(owner) * 2 + bytes(48)
    return [create_account(create), Instruction(STAKE_PROGRAM, initialize, [writable(stake), readonly(RENT_SYSVAR)])]


def delegate(owner: Pubkey, stake: Pubkey, vote: Pubkey) -> Instruction:
    accounts = [
        writable(stake),
        *map(readonly, (vote, CLOCK_SYSVAR, SYSVARS["stakeHistory"], STAKE_CONFIG)),
        signer(owner),
    ]
    return Instruction(STAKE_PROGRAM, struct.pack("<I", 2), accounts)


def deactivate(owner: Pubkey, stake: Pubkey) -> Instruction:
    return Instruction(STAKE_PROGRAM, struct.pack("<I", 5), [writable(stake), readonly(CLOCK_SYSVAR), signer(owner)])


def withdraw(owner: Pubkey, stake: Pubkey, lamports: int) -> Instruction:
    accounts = [
        *map(writable, (stake, owner)),
        *map(readonly, (CLOCK_SYSVAR, SYSVARS["stakeHistory"])),
        signer(owner),
    ]
    return Instruction(STAKE_PROGRAM, struct.pack("<IQ", 4, lamports), accounts)
