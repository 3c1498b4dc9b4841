"""Initial accounts of a chain, from files and from other clusters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import AccountError, AccountNotFound, BadProgram, LocalnetError
from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.account_from_json import account_from_json
from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.protocol.addresses import parse_pubkey
from psyche_cli.secret_files import kind_of_secret_file
from psyche_cli.solana.deployments import PROGRAM_DATA_HEADER_BYTES, PROGRAM_TAG, ProgramDataHeader
from psyche_cli.solana.programs import UPGRADEABLE_LOADER
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.client import RpcClient


class ClonedProgram(NamedTuple):
    """The ELF bytes of a program, and who can upgrade it (None for nobody)."""

    code: bytes
    authority: Pubkey | None


def accounts_from_files(pairs: Iterable[tuple[str, Path]]) -> dict[Pubkey, Account]:
    """Accounts from files written by ``solana account --output json``; for address ``-``, the address in the file.

    Raises LocalnetError or UsageError.
    """
    return dict(_account_from_file(address, path) for address, path in pairs)


def accounts_from_directories(directories: Iterable[Path]) -> dict[Pubkey, Account]:
    """The accounts in the ``.json`` files of directories, at the addresses in the files.

    Raises LocalnetError, also if two files have the same address, or UsageError.
    """
    accounts: dict[Pubkey, Account] = {}
    origins: dict[Pubkey, Path] = {}
    for path in (file for directory in directories for file in _json_files(directory)):
        address, account = _account_from_file("-", path)
        if address in origins:
            raise LocalnetError(
                f"{path} and {origins[address]} are both files of the account {address}.",
                hint="Remove one of them.",
                path=str(path),
            )
        accounts[address], origins[address] = account, path
    return accounts


def _json_files(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.suffix == ".json" and path.is_file())
    except OSError as error:
        raise LocalnetError(
            f"Cannot read the account directory {directory}: {error.strerror}.", path=str(directory)
        ) from error
    except ValueError:
        raise LocalnetError("The path of the account directory is invalid.") from None


def _account_from_file(address: str, path: Path) -> tuple[Pubkey, Account]:
    document = read_account_file(path)
    if address == "-":
        own = document.get("pubkey")
        if not isinstance(own, str):
            raise _no_account_in(path)
        address = own
    return parse_pubkey(address, "--account"), account_from_json(document["account"])


def read_account_file(path: Path) -> dict[str, Json]:
    """The JSON object in a file written by ``solana account --output json``.

    Its ``account`` has the form for ``account_from_json``. Raises LocalnetError, which quotes no content of the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LocalnetError(f"Cannot read the account file {path}: {error.strerror}.", path=str(path)) from error
    except ValueError:
        raise LocalnetError("The path of the account file is invalid.") from None
    try:
        document: Any = json.loads(content)
        account_from_json(document["account"])
    except (ValueError, TypeError, KeyError, RecursionError, RpcFault):
        document = None
    # Outside the except block, since the caught exception may contain the file and would become the cause.
    if not isinstance(document, dict):
        raise _no_account_in(path, kind_of_secret_file(content.decode("utf-8", errors="replace")))
    return document


def _no_account_in(path: Path, kind: str = "") -> LocalnetError:
    """The error for a file with other content; ``kind`` describes it if known."""
    return LocalnetError(
        f"{path} is {kind}, not an account." if kind else f"{path} does not contain a valid account.",
        hint="Create the file with: solana account ADDRESS --output json --output-file FILE",
        path=str(path),
    )


def cloned_accounts(rpc: RpcClient, addresses: Iterable[Pubkey]) -> dict[Pubkey, Account]:
    """Accounts from another cluster. Raises AccountNotFound and the errors of the RPC client."""
    return {raw.address: _as_account(raw) for raw in _fetch(rpc, list(addresses))}


def cloned_programs(rpc: RpcClient, addresses: Iterable[Pubkey]) -> dict[Pubkey, ClonedProgram]:
    """Programs on another cluster, upgradeable or not. Raises BadProgram, AccountNotFound."""
    programs = {}
    for program in _fetch(rpc, list(addresses)):
        if program.owner == UPGRADEABLE_LOADER and int.from_bytes(program.data[:4], "little") == PROGRAM_TAG:
            [data] = _fetch(rpc, [Pubkey(program.data[4:36])])
            header = ProgramDataHeader.of(data.data)
            if header is None:
                raise BadProgram(f"The program {program.address} on {rpc.label} has no program data account.")
            programs[program.address] = ClonedProgram(data.data[PROGRAM_DATA_HEADER_BYTES:], header.authority)
        elif program.executable:
            programs[program.address] = ClonedProgram(program.data, None)
        else:
            raise BadProgram(
                f"The account {program.address} on {rpc.label} is not a program.",
                hint="Use --clone for other accounts.",
                address=str(program.address),
            )
    return programs


def _fetch(rpc: RpcClient, addresses: list[Pubkey]) -> list[RawAccount]:
    found = []
    for address, raw in zip(addresses, rpc.accounts(addresses) if addresses else [], strict=True):
        if raw is None:
            raise AccountNotFound(
                f"The account {address} does not exist on {rpc.label}.",
                hint="Check the address and --url.",
                address=str(address),
            )
        found.append(raw)
    return found


def _as_account(raw: RawAccount) -> Account:
    if raw.executable:
        raise AccountError(
            f"The account {raw.address} is an upgradeable program.",
            hint="Use --clone-upgradeable-program for programs.",
            address=str(raw.address),
        )
    return Account(raw.lamports, raw.data, raw.owner)
