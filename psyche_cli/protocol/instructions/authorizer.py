"""Instructions of the authorizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psyche_cli.protocol.addresses import JOIN_SCOPE, authorization_address
from psyche_cli.protocol.instructions.program_instructions import ProgramInstructions
from psyche_cli.solana.programs import SYSTEM_PROGRAM

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey


class AuthorizerInstructions(ProgramInstructions):
    """The instructions of grantors and grantees."""

    def authorization_create(
        self, *, payer: Pubkey, grantor: Pubkey, grantee: Pubkey, scope: bytes = JOIN_SCOPE
    ) -> Instruction:
        """Create an authorization, inactive and without delegates; the payer pays its rent."""
        return self.build(
            "authorizer",
            "authorization_create",
            {
                "payer": payer,
                "grantor": grantor,
                "authorization": authorization_address(grantor, grantee, self.programs, scope),
                "system_program": SYSTEM_PROGRAM,
            },
            {"grantee": grantee, "scope": scope},
        )

    def authorization_grantor_update(self, *, grantor: Pubkey, authorization: Pubkey, active: bool) -> Instruction:
        """Activate or deactivate an authorization."""
        accounts = {"grantor": grantor, "authorization": authorization}
        return self.build("authorizer", "authorization_grantor_update", accounts, {"active": active})

    def authorization_grantee_update(
        self,
        *,
        payer: Pubkey,
        grantee: Pubkey,
        authorization: Pubkey,
        delegates_clear: bool,
        delegates_added: Sequence[Pubkey],
    ) -> Instruction:
        """Optionally remove all delegates, then add some. The payer pays or receives the difference in rent."""
        return self.build(
            "authorizer",
            "authorization_grantee_update",
            {"payer": payer, "grantee": grantee, "authorization": authorization, "system_program": SYSTEM_PROGRAM},
            {"delegates_clear": delegates_clear, "delegates_added": list(delegates_added)},
        )

    def authorization_close(self, *, grantor: Pubkey, spill: Pubkey, authorization: Pubkey) -> Instruction:
        """Close an inactive authorization; ``spill`` (a wallet) receives its rent."""
        return self.build(
            "authorizer",
            "authorization_close",
            {"grantor": grantor, "spill": spill, "authorization": authorization, "system_program": SYSTEM_PROGRAM},
            {},
        )
