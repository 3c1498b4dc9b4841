"""The common base of the instructions of the three programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from psyche_cli.errors import UsageError
from psyche_cli.limits import MAX_CLIENT_VERSION_BYTES
from psyche_cli.protocol.instructions.anchor_programs import AnchorPrograms
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey

Table = Mapping[str, object]


class ProgramInstructions:
    """Builds any instruction for the program ids ``programs``."""

    def __init__(self, programs: ProgramIds = PUBLISHED) -> None:
        self.programs = programs
        self._anchor = AnchorPrograms(programs)

    def build(self, program: str, name: str, accounts: Mapping[str, Pubkey], arguments: Table) -> Instruction:
        """Any instruction of ``coordinator``, ``authorizer`` or ``treasurer``, by its snake-case names in the IDL."""
        return self._anchor.instruction(program, name, accounts, arguments)


def owner_accounts(authority: Pubkey, instance: Pubkey, account: Pubkey) -> dict[str, Pubkey]:
    """The accounts of every instruction of the main authority."""
    return {"authority": authority, "coordinator_instance": instance, "coordinator_account": account}


def checked_client_version(text: str) -> str:
    """The version, if the coordinator can store it: above 96 bytes, one instruction truncates it and another aborts."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UsageError("The client version is not valid UTF-8.") from None
    if size > MAX_CLIENT_VERSION_BYTES:
        raise UsageError(
            f"The client version is {size} bytes long; the maximum is {MAX_CLIENT_VERSION_BYTES}.",
            bytes=size,
            maximum=MAX_CLIENT_VERSION_BYTES,
        )
    return text
