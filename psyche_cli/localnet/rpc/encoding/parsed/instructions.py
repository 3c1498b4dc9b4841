"""The ``jsonParsed`` form of instructions, for the programs whose instructions a validator parses.

Instructions of other programs, and invalid ones, remain in their encoded form.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.token_state import token_amount
from psyche_cli.solana.known_instructions import (
    Argument,
    BaseUnits,
    KnownInstruction,
    TokenQuantity,
    known_instruction,
)
from psyche_cli.solana.programs import (
    ASSOCIATED_TOKEN_PROGRAM,
    FINAL_LOADERS,
    LOOKUP_TABLE_PROGRAM,
    MEMO_PROGRAMS,
    STAKE_PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    UPGRADEABLE_LOADER,
    VOTE_PROGRAM,
)

_PARSERS: Final = {
    SYSTEM_PROGRAM: ("system", None),
    TOKEN_PROGRAM: ("spl-token", "token_instructions"),
    TOKEN_2022_PROGRAM: ("spl-token", "token_instructions"),
    ASSOCIATED_TOKEN_PROGRAM: ("spl-associated-token-account", "token_instructions"),
    **dict.fromkeys(MEMO_PROGRAMS, ("spl-memo", None)),
    FINAL_LOADERS[1]: ("bpf-loader", "loader_instructions"),
    UPGRADEABLE_LOADER: ("bpf-upgradeable-loader", "loader_instructions"),
    LOOKUP_TABLE_PROGRAM: ("address-lookup-table", "loader_instructions"),
    STAKE_PROGRAM: ("stake", "stake_instructions"),
    VOTE_PROGRAM: ("vote", "vote_instructions"),
}
"""By program: a validator's name for it, and the module here with its instructions in ``TABLES``.

What is in no table is looked up in ``known_instructions``. A module is imported when it is first needed, so that the
validator does not start with it.
"""


def parsed_instruction(program: Pubkey, accounts: Sequence[Pubkey], data: bytes, stack_height: int | None) -> Json:
    """One instruction, parsed if the program is known."""
    parsed = _parsed(program, accounts, data) if program in _PARSERS else None
    if parsed is None:
        return {
            "programId": str(program),
            "accounts": [str(account) for account in accounts],
            "data": base58.encode(data),
            "stackHeight": stack_height,
        }
    name, _ = _PARSERS[program]
    return {"program": name, "programId": str(program), "parsed": parsed, "stackHeight": stack_height}


def _parsed(program: Pubkey, accounts: Sequence[Pubkey], data: bytes) -> Json:
    """The instruction; None if it is not known or invalid."""
    try:
        if program in MEMO_PROGRAMS:
            return data.decode("utf-8")
        if not accounts:
            return None
        _, module = _PARSERS[program]
        found = None
        if module is not None and data:
            tables = import_module(f"{__package__}.{module}").TABLES
            found = tables[program].parsed([str(account) for account in accounts], data)
        return _known(program, accounts, data) if found is None else found
    except ValueError:
        return None


def _known(program: Pubkey, accounts: Sequence[Pubkey], data: bytes) -> Json:
    """The instruction by ``known_instructions``; None if it is not known there. Raises ValueError."""
    if program not in _KNOWN:
        return None
    found = known_instruction(program, data)
    if found is None or len(accounts) < len(found.accounts):
        return None
    info = {name: str(account) for name, account in zip(found.accounts, accounts, strict=False)}
    info |= {name: _shown(value) for name, value in found.arguments.items()}
    # An absent freeze authority is omitted.
    if info.get("freezeAuthority", "") is None:
        del info["freezeAuthority"]
    if program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
        info = _token_info(found, info, accounts)
    return {"type": found.name, "info": info}


_KNOWN: Final = frozenset({SYSTEM_PROGRAM, TOKEN_PROGRAM, TOKEN_2022_PROGRAM, ASSOCIATED_TOKEN_PROGRAM})
"""The programs that ``known_instructions`` decodes as a validator does."""


def _shown(value: Argument) -> Json:
    if isinstance(value, TokenQuantity):
        return token_amount(value.base_units, value.decimals)
    return str(value) if isinstance(value, BaseUnits | Pubkey) else value


def _token_info(found: KnownInstruction, info: dict[str, Json], accounts: Sequence[Pubkey]) -> dict[str, Json]:
    """If more accounts follow, the last named account is a multisig and these are its signers."""
    signers = accounts[len(found.accounts) :]
    last = found.accounts[-1]
    if signers and (last == "owner" or last.lower().endswith("authority")):
        info[f"multisig{last[0].upper()}{last[1:]}"] = info.pop(last)
        info["signers"] = [str(signer) for signer in signers]
    return info
