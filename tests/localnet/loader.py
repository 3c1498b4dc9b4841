"""Instructions of the upgradeable loader, in the sequences in which the Solana command line sends them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account
from solders.transaction import VersionedTransaction

from psyche_cli.solana.programs import CLOCK_SYSVAR, RENT_SYSVAR, SYSTEM_PROGRAM, UPGRADEABLE_LOADER
from tests.localnet.harness import Chain

CHUNK = 900
"""The bytes of code in a write instruction."""


def _instruction(tag: int, arguments: bytes, *accounts: AccountMeta) -> Instruction:
    return Instruction(UPGRADEABLE_LOADER, tag.to_bytes(4, "little") + arguments, list(accounts))


def writable(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=True)


def readonly(address: Pubkey) -> AccountMeta:
    return AccountMeta(address, is_signer=False, is_writable=False)


def signer(address: Pubkey, *, writable: bool = False) -> AccountMeta:
    return AccountMeta(address, is_signer=True, is_writable=writable)


def set_authority(account: Pubkey, authority: Pubkey, new: Pubkey | None) -> Instruction:
    """Change the authority of a buffer or of program data; None ends it."""
    return _instruction(4, b"", writable(account), signer(authority), *([readonly(new)] if new else []))


@dataclass
class Deployer:
    """A wallet that deploys programs on a chain; it is their upgrade authority."""

    chain: Chain
    program: Keypair = field(default_factory=Keypair)

    @property
    def wallet(self) -> Pubkey:
        return self.chain.payer.pubkey()

    @property
    def program_data(self) -> Pubkey:
        return Pubkey.find_program_address([bytes(self.program.pubkey())], UPGRADEABLE_LOADER)[0]

    def sign(self, *instructions: Instruction, others: tuple[Keypair, ...] = ()) -> VersionedTransaction:
        return self.chain.sign(*instructions, others=others)

    def land(self, *instructions: Instruction, others: tuple[Keypair, ...] = ()) -> str:
        """Send a transaction that must succeed; its signature."""
        signature = self.chain.send(self.sign(*instructions, others=others))
        assert self.chain.status(signature)["err"] is None
        return signature

    def create(self, account: Keypair, size: int) -> Instruction:
        lamports = self.chain.result("getMinimumBalanceForRentExemption", size)
        return create_account(
            CreateAccountParams(
                from_pubkey=self.wallet,
                to_pubkey=account.pubkey(),
                lamports=lamports,
                space=size,
                owner=UPGRADEABLE_LOADER,
            )
        )

    def buffer(self, code: bytes) -> Pubkey:
        """A new buffer with the code."""
        buffer = Keypair()
        initialize = _instruction(0, b"", writable(buffer.pubkey()), readonly(self.wallet))
        self.land(self.create(buffer, 37 + len(code)), initialize, others=(buffer,))
        for offset in range(0, len(code), CHUNK):
            chunk = code[offset : offset + CHUNK]
            arguments = struct.pack("<IQ", offset, len(chunk)) + chunk
            self.land(_instruction(1, arguments, writable(buffer.pubkey()), signer(self.wallet)))
        return buffer.pubkey()

    def deploy(self, code: bytes, *, max_size: int | None = None) -> str:
        buffer = self.buffer(code)
        deploy = _instruction(
            2,
            (max_size or len(code)).to_bytes(8, "little"),
            signer(self.wallet, writable=True),
            writable(self.program_data),
            writable(self.program.pubkey()),
            writable(buffer),
            *map(readonly, (RENT_SYSVAR, CLOCK_SYSVAR, SYSTEM_PROGRAM)),
            signer(self.wallet),
        )
        return self.land(self.create(self.program, 36), deploy, others=(self.program,))

    def upgrade(self, code: bytes, *, spill: Pubkey | None = None) -> str:
        return self.land(self.upgrade_from(self.buffer(code), spill=spill))

    def upgrade_from(self, buffer: Pubkey, *, spill: Pubkey | None = None) -> Instruction:
        return _instruction(
            3,
            b"",
            *map(writable, (self.program_data, self.program.pubkey(), buffer, spill or self.wallet)),
            *map(readonly, (RENT_SYSVAR, CLOCK_SYSVAR)),
            signer(self.wallet),
        )

    def set_authority(self, account: Pubkey, new: Pubkey | None) -> Instruction:
        return set_authority(account, self.wallet, new)

    def close(self, account: Pubkey, *, program: bool = False) -> Instruction:
        accounts = [writable(account), writable(self.wallet), signer(self.wallet)]
        return _instruction(5, b"", *accounts, *([writable(self.program.pubkey())] if program else []))

    def close_program(self) -> str:
        return self.land(self.close(self.program_data, program=True))

    def extend(self, extra: int) -> Instruction:
        return _instruction(
            6,
            extra.to_bytes(4, "little"),
            writable(self.program_data),
            writable(self.program.pubkey()),
            readonly(SYSTEM_PROGRAM),
            signer(self.wallet, writable=True),
        )
