"""The ``jsonParsed`` form of instructions of the system, SPL token, associated token and memo programs.

Instructions of other programs, and invalid ones, remain in their encoded form.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    MEMO_PROGRAMS,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)

_NAMES: Final = {
    SYSTEM_PROGRAM: "system",
    TOKEN_PROGRAM: "spl-token",
    TOKEN_2022_PROGRAM: "spl-token-2022",
    ASSOCIATED_TOKEN_PROGRAM: "spl-associated-token-account",
    **dict.fromkeys(MEMO_PROGRAMS, "spl-memo"),
}
"""The programs whose instructions a validator parses, with its names for them."""


def parsed_instruction(program: Pubkey, accounts: Sequence[Pubkey], data: bytes, stack_height: int | None) -> Json:
    """One instruction, parsed if the program is known."""
    parsed = _parsed(program, accounts, data)
    if parsed is None:
        return {
            "programId": str(program),
            "accounts": [str(account) for account in accounts],
            "data": base58.encode(data),
            "stackHeight": stack_height,
        }
    return {"program": _NAMES[program], "programId": str(program), "parsed": parsed, "stackHeight": stack_height}


def _parsed(program: Pubkey, accounts: Sequence[Pubkey], data: bytes) -> Json:
    """The instruction; None if it is not known or invalid."""
    try:
        found = known_instruction(program, data) if program in _NAMES else None
    except ValueError:
        return None
    if found is None or len(accounts) < len(found.accounts):
        return None
    if program in MEMO_PROGRAMS:
        return found.arguments["memo"]
    info = {name: str(account) for name, account in zip(found.accounts, accounts, strict=False)}
    info |= {name: _shown(value) for name, value in found.arguments.items()}
    # An absent freeze authority is omitted, but an absent new authority is null.
    if info.get("freezeAuthority", "") is None:
        del info["freezeAuthority"]
    if program in (TOKEN_PROGRAM, TOKEN_2022_PROGRAM):
        info = _token_info(found, info, accounts)
    return {"type": found.name, "info": info}


def _shown(value: Argument) -> Json:
    if isinstance(value, TokenQuantity):
        return token_amount(value.base_units, value.decimals)
    return str(value) if isinstance(value, BaseUnits | Pubkey) else value


def _token_info(found: KnownInstruction, info: dict[str, Json], accounts: Sequence[Pubkey]) -> dict[str, Json]:
    """If more accounts follow, the last named account is a multisig and these are its signers."""
    if found.name == "setAuthority" and info["authorityType"] in ("mintTokens", "freezeAccount"):
        info = {"mint": info.pop("account"), **info}
    signers = accounts[len(found.accounts) :]
    last = found.accounts[-1]
    if signers and (last == "owner" or last.lower().endswith("authority")):
        info[f"multisig{last[0].upper()}{last[1:]}"] = info.pop(last)
        info["signers"] = [str(signer) for signer in signers]
    return info
