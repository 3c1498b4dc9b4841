"""The genesis state of a local validator, and the VM created from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from solders.account import Account
from solders.epoch_schedule import EpochSchedule
from solders.hash import Hash
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.rent import Rent
from solders.token.state import Mint

from psyche_cli import resources
from psyche_cli.amounts import LAMPORTS_PER_SOL, SOL_DECIMALS
from psyche_cli.errors import BadProgram
from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.localnet.chain.cluster_identity import GENESIS_LAMPORTS, genesis_accounts
from psyche_cli.localnet.chain.known_addresses import GENESIS_ADDRESSES, PSYCHE_PROGRAMS
from psyche_cli.localnet.chain.program_accounts import upgradeable_program
from psyche_cli.localnet.chain.rent import LAMPORTS_PER_BYTE, RENT_EXEMPT_EPOCH
from psyche_cli.localnet.chain.vm_accounts import AccountRefused
from psyche_cli.localnet.chain.vm_features import active_features, deploying_vm, feature_account
from psyche_cli.solana.deployments import program_data_address
from psyche_cli.solana.programs import NATIVE_MINT, SYSTEM_PROGRAM, TOKEN_PROGRAM

DEFAULT_FAUCET_LAMPORTS: Final = GENESIS_LAMPORTS
_ELF_MACHINES: Final = {247, 263}  # EM_BPF, EM_SBPF


_EXEMPTION_THRESHOLD: Final = 1.0
_BURN_PERCENT: Final = 50
"""The rest of the rent sysvar (SIMD-0194): the minimum balance in years, and the part of fees that is burned."""


def faucet_keypair() -> Keypair:
    """The faucet's keypair, which is the same for every local validator and has no use elsewhere."""
    return Keypair.from_seed(sha256(b"psyche-cli localnet faucet").digest())


def psyche_programs() -> dict[Pubkey, Path]:
    """The stand-in programs in this package, by the declared ids of the Psyche programs."""
    return {address: resources.program_path(name) for name, address in PSYCHE_PROGRAMS.items()}


@dataclass(frozen=True)
class Genesis:
    """Programs (ELF files), accounts and balances (lamports) by address, and the faucet's balance in lamports.

    ``code`` holds programs as ELF bytes, which override ``programs`` at the same address. Programs are deployed by the
    upgradeable loader, with the upgrade authorities in ``authorities``; others cannot be upgraded. ``blockhash`` is the
    genesis hash, by default a different one for each validator.
    """

    programs: Mapping[Pubkey, Path] = field(default_factory=psyche_programs)
    code: Mapping[Pubkey, bytes] = field(default_factory=dict)
    authorities: Mapping[Pubkey, Pubkey] = field(default_factory=dict)
    accounts: Mapping[Pubkey, Account] = field(default_factory=dict)
    balances: Mapping[Pubkey, int] = field(default_factory=dict)
    faucet_lamports: int = DEFAULT_FAUCET_LAMPORTS
    blockhash: Hash = field(default_factory=lambda: Hash(os.urandom(32)))

    def authority_of(self, program: Pubkey) -> Pubkey:
        """The upgrade authority of a program: as in solana-test-validator, the system program's address for none."""
        return self.authorities.get(program, SYSTEM_PROGRAM)

    def program_addresses(self) -> frozenset[Pubkey]:
        """The addresses of the programs and of their program data, which every start loads again."""
        programs = {*self.programs, *self.code}
        return frozenset(programs | {program_data_address(program) for program in programs})


def create_vm(genesis: Genesis) -> tuple[LiteSVM, Accounts]:
    """A VM with the built-in and SPL programs and the content of ``genesis``.

    Raises BadProgram, also for an account that is a program or sysvar rejected by the VM.

    The VM does not check signatures, blockhashes or duplicates.
    """
    vm = deploying_vm().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
    vm.set_epoch_schedule(EpochSchedule.without_warmup())
    vm.set_rent(Rent(LAMPORTS_PER_BYTE, _EXEMPTION_THRESHOLD, _BURN_PERCENT))
    accounts = Accounts(vm)
    for address in GENESIS_ADDRESSES:
        accounts.changed(address, accounts.get(address))
    for address, path in genesis.programs.items():
        if address not in genesis.code:
            _add_program(accounts, address, program_file_code(path), str(path), genesis.authority_of(address))
    for address, code in genesis.code.items():
        _add_program(accounts, address, code, f"The program cloned as {address}", genesis.authority_of(address))
    for address, account in programs_last({**_first_accounts(), **genesis.accounts}):
        try:
            accounts.put(address, account)
        except AccountRefused as error:
            raise BadProgram(
                f"The account {address} cannot be loaded: {error}.",
                hint="Check that the account is complete, and that a program was built for Solana (SBPF).",
                address=str(address),
            ) from error
    for address, lamports in {**genesis.balances, faucet_keypair().pubkey(): genesis.faucet_lamports}.items():
        accounts.put(address, Account(lamports, b"", SYSTEM_PROGRAM))
    return vm, accounts


def programs_last(accounts: Mapping[Pubkey, Account]) -> list[tuple[Pubkey, Account]]:
    """Accounts in an order that the VM accepts: an upgradeable program follows its program data account."""
    return sorted(accounts.items(), key=lambda item: item[1].executable)


def _first_accounts() -> dict[Pubkey, Account]:
    """The accounts of every genesis: the validator's, one of each active feature, and the mint of wrapped SOL."""
    features = {feature: feature_account() for feature in active_features()}
    return {NATIVE_MINT: _native_mint(), **genesis_accounts(), **features}


def _native_mint() -> Account:
    """The mint of wrapped SOL: 9 decimals, no authorities, supply 0, which is not updated."""
    mint = Mint(mint_authority=None, supply=0, decimals=SOL_DECIMALS, is_initialized=True)
    return Account(LAMPORTS_PER_SOL, bytes(mint), TOKEN_PROGRAM, rent_epoch=RENT_EXEMPT_EPOCH)


def program_file_code(path: Path) -> bytes:
    """The content of a program file. Raises BadProgram."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadProgram(
            f"Cannot read the program file {path}: {error.strerror}.",
            hint="Use the path of an SBPF shared object (.so) built with cargo build-sbf.",
            path=str(path),
        ) from error


def _add_program(accounts: Accounts, address: Pubkey, code: bytes, origin: str, authority: Pubkey) -> None:
    """Deploy ELF bytes as an upgradeable program; ``origin`` describes them in errors. Raises BadProgram."""
    if problem := _elf_problem(code):
        raise BadProgram(
            f"{origin} is not a Solana program: {problem}.",
            hint="Use an SBPF shared object (.so) built with cargo build-sbf.",
            path=origin,
        )
    try:
        for each, account in upgradeable_program(address, code, authority).items():
            accounts.put(each, account)
    except AccountRefused as error:
        raise BadProgram(
            f"The VM rejects {origin} as a program: {error}.",
            hint="Check that the file is complete and was built for Solana (SBPF).",
            path=origin,
        ) from error


def _elf_problem(code: bytes) -> str:
    if code[:4] != b"\x7fELF":
        return "it does not start with the ELF magic number" if code else "it is empty"
    if len(code) < 64:
        return f"at {len(code)} bytes it is too small for an ELF header"
    if code[4:6] != b"\x02\x01":
        return "it is not a 64-bit little-endian ELF file"
    machine = int.from_bytes(code[18:20], "little")
    if machine not in _ELF_MACHINES:
        return f"its machine type is {machine}, not SBPF (247 or 263)"
    return ""
