"""The programs that a run involves, and the ids under which they are deployed."""

from __future__ import annotations

from dataclasses import dataclass

from solders.pubkey import Pubkey

SYSTEM = Pubkey.from_string("11111111111111111111111111111111")
SPL_TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED_TOKEN = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")

_COORDINATOR = Pubkey.from_string("4SHugWqSXwKE5fqDchkJcPEqnoZE22VYKtSTVm7axbT7")
_AUTHORIZER = Pubkey.from_string("PsyAUmhpmiUouWsnJdNGFSX8vZ6rWjXjgDPHsgqPGyw")
_TREASURER = Pubkey.from_string("EnU7DRx5az5YWxaxgqEGbXSYtudcfnjXewyBRRZCjJPw")

_WELL_KNOWN = {
    SYSTEM: "system",
    SPL_TOKEN: "spl-token",
    TOKEN_2022: "spl-token-2022",
    ASSOCIATED_TOKEN: "associated-token",
}


@dataclass(frozen=True)
class ProgramIds:
    """Where the three Psyche programs live on a cluster. Every address derived from them depends on these ids.

    The defaults are the ids that the programs declare since December 2025; test clusters use others.
    """

    coordinator: Pubkey = _COORDINATOR
    authorizer: Pubkey = _AUTHORIZER
    treasurer: Pubkey = _TREASURER

    def name_of(self, program_id: Pubkey) -> str:
        """``coordinator``, ``authorizer``, ``treasurer``, ``system``, ``spl-token``...; else the id in base58."""
        ours = {self.coordinator: "coordinator", self.authorizer: "authorizer", self.treasurer: "treasurer"}
        return ours.get(program_id) or _WELL_KNOWN.get(program_id) or str(program_id)


PUBLISHED = ProgramIds()
