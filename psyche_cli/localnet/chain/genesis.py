"""The genesis state of a local validator, and the VM created from it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from solders.token.state import Mint

from psyche_cli import resources
from psyche_cli.amounts import LAMPORTS_PER_SOL, SOL_DECIMALS
from psyche_cli.errors import BadProgram
from psyche_cli.localnet.chain.account_index import AccountIndex
from psyche_cli.localnet.chain.known_addresses import GENESIS_ADDRESSES, PSYCHE_PROGRAMS
from psyche_cli.solana.programs import NATIVE_MINT, SYSTEM_PROGRAM, TOKEN_PROGRAM

DEFAULT_FAUCET_LAMPORTS: Final = 1_000_000 * LAMPORTS_PER_SOL
_ELF_MACHINES: Final = {247, 263}  # EM_BPF, EM_SBPF


def faucet_keypair() -> Keypair:
    """The faucet's keypair, which is the same for every local validator and has no use elsewhere."""
    return Keypair.from_seed(sha256(b"psyche-cli localnet faucet").digest())


def psyche_programs() -> dict[Pubkey, Path]:
    """The stand-in programs in this package, by the declared ids of the Psyche programs."""
    return {address: resources.program_path(name) for name, address in PSYCHE_PROGRAMS.items()}


@dataclass(frozen=True)
class Genesis:
    """Programs (ELF files), accounts and balances (lamports) by address, and the faucet's balance in lamports.

    ``code`` holds programs as ELF bytes, which override ``programs`` at the same address. ``blockhash`` is the genesis
    hash, by default a different one for each validator.
    """

    programs: Mapping[Pubkey, Path] = field(default_factory=psyche_programs)
    code: Mapping[Pubkey, bytes] = field(default_factory=dict)
    accounts: Mapping[Pubkey, Account] = field(default_factory=dict)
    balances: Mapping[Pubkey, int] = field(default_factory=dict)
    faucet_lamports: int = DEFAULT_FAUCET_LAMPORTS
    blockhash: Hash = field(default_factory=lambda: Hash(os.urandom(32)))


def create_vm(genesis: Genesis) -> tuple[LiteSVM, AccountIndex]:
    """A VM with the built-in and SPL programs and the content of ``genesis``.

    Raises BadProgram, also for an account that is a program or sysvar rejected by the VM.

    The VM does not check signatures, blockhashes or duplicates.
    """
    vm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
    vm.set_epoch_schedule(EpochSchedule.without_warmup())
    for address, path in genesis.programs.items():
        if address not in genesis.code:
            add_program_file(vm, address, path)
    for address, code in genesis.code.items():
        add_program(vm, address, code, f"The program cloned as {address}")
    for address, account in programs_last({NATIVE_MINT: _native_mint(), **genesis.accounts}):
        try:
            put_account(vm, address, account)
        except AccountRefused as error:
            raise BadProgram(
                f"The account {address} cannot be loaded: {error}.",
                hint="A program must be complete: an upgradeable program also needs its program data account.",
                address=str(address),
            ) from error
    for address, lamports in {**genesis.balances, faucet_keypair().pubkey(): genesis.faucet_lamports}.items():
        vm.set_account(address, Account(lamports, b"", SYSTEM_PROGRAM))
    index = AccountIndex()
    for address in (
        *GENESIS_ADDRESSES,
        NATIVE_MINT,
        *genesis.programs,
        *genesis.code,
        *genesis.accounts,
        *genesis.balances,
    ):
        existing = vm.get_account(address)
        index.record(address, existing.owner if existing is not None else None)
    index.record(faucet_keypair().pubkey(), SYSTEM_PROGRAM)
    return vm, index


class AccountRefused(Exception):
    """An account that the VM rejects: an invalid program or a malformed sysvar."""


def put_account(vm: LiteSVM, address: Pubkey, account: Account) -> None:
    """Write an account. Raises AccountRefused."""
    try:
        vm.set_account(address, account)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # pyo3's PanicException derives from BaseException
        raise AccountRefused(f"the VM rejects it ({str(error).rstrip('.')})") from error


def programs_last(accounts: Mapping[Pubkey, Account]) -> list[tuple[Pubkey, Account]]:
    """Accounts in an order that the VM accepts: an upgradeable program follows its program data account."""
    return sorted(accounts.items(), key=lambda item: item[1].executable)


def _native_mint() -> Account:
    """The mint of wrapped SOL: 9 decimals, no authorities, supply 0, which is not updated."""
    mint = Mint(mint_authority=None, supply=0, decimals=SOL_DECIMALS, is_initialized=True)
    return Account(1_461_600, bytes(mint), TOKEN_PROGRAM)


def add_program_file(vm: LiteSVM, address: Pubkey, path: Path) -> None:
    """Load an ELF file as the program at ``address``. Raises BadProgram."""
    try:
        code = path.read_bytes()
    except OSError as error:
        raise BadProgram(
            f"Cannot read the program file {path}: {error.strerror}.",
            hint="Use the path of an SBPF shared object (.so) built with cargo build-sbf.",
            path=str(path),
        ) from error
    add_program(vm, address, code, str(path))


def add_program(vm: LiteSVM, address: Pubkey, code: bytes, origin: str) -> None:
    """Load ELF bytes as the program at ``address``; ``origin`` describes them in errors. Raises BadProgram."""
    if problem := _elf_problem(code):
        raise BadProgram(
            f"{origin} is not a Solana program: {problem}.",
            hint="Use an SBPF shared object (.so) built with cargo build-sbf.",
            path=origin,
        )
    try:
        with _panic_text_hidden():
            vm.add_program(address, code)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # pyo3's PanicException derives from BaseException
        raise BadProgram(
            f"The VM rejects {origin} as a program: {error}",
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


@contextmanager
def _panic_text_hidden() -> Iterator[None]:
    """Suppress Rust's panic message, which is written directly to file descriptor 2."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
