"""The programs that a run involves, and their program ids."""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey

from psyche_cli import resources
from psyche_cli.solana.programs import PROGRAM_NAMES

_COORDINATOR = Pubkey.from_string("4SHugWqSXwKE5fqDchkJcPEqnoZE22VYKtSTVm7axbT7")
_AUTHORIZER = Pubkey.from_string("PsyAUmhpmiUouWsnJdNGFSX8vZ6rWjXjgDPHsgqPGyw")
_TREASURER = Pubkey.from_string("EnU7DRx5az5YWxaxgqEGbXSYtudcfnjXewyBRRZCjJPw")


class ProgramIds(NamedTuple):
    """The ids of the three Psyche programs on a cluster. Every derived address depends on them.

    The defaults are the ids that the programs have declared since December 2025; test clusters use others.
    """

    coordinator: Pubkey = _COORDINATOR
    authorizer: Pubkey = _AUTHORIZER
    treasurer: Pubkey = _TREASURER

    @property
    def by_name(self) -> dict[str, Pubkey]:
        """The three ids by the programs' names: ``coordinator``, ``authorizer``, ``treasurer``."""
        return {name: getattr(self, name) for name in resources.PSYCHE_PROGRAM_NAMES}

    def name_of(self, program_id: Pubkey | str) -> str:
        """``coordinator``, ``authorizer``, ``treasurer``, ``system``, ``spl-token``...; else the id in base58."""
        names = {str(address): name for address, name in PROGRAM_NAMES.items()}
        names.update((str(address), name) for name, address in self.by_name.items())
        return names.get(str(program_id), str(program_id))


PUBLISHED = ProgramIds()
