"""Instructions of the coordinator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.protocol.instructions.program_instructions import (
    ProgramInstructions,
    Table,
    checked_client_version,
    owner_accounts,
)
from psyche_cli.solana.programs import SYSTEM_PROGRAM

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey


class CoordinatorInstructions(ProgramInstructions):
    """The instructions of the main authority and of clients, and the tick."""

    # For the run's main authority.

    def create_coordinator_account(self, *, payer: Pubkey, account: Pubkey, lamports: int) -> Instruction:
        """Create the empty account (119,160 bytes, ``lamports`` of rent) that ``init_coordinator`` initializes."""
        from solders.system_program import CreateAccountParams, create_account

        return create_account(
            CreateAccountParams(
                from_pubkey=payer,
                to_pubkey=account,
                lamports=lamports,
                space=COORDINATOR_ACCOUNT_BYTES,
                owner=self.programs.coordinator,
            )
        )

    def init_coordinator(
        self,
        *,
        payer: Pubkey,
        run_id: str,
        account: Pubkey,
        main_authority: Pubkey,
        join_authority: Pubkey,
        client_version: str,
    ) -> Instruction:
        """Create a run: its instance, whose rent the payer pays, and the content of ``account``.

        ``account`` must be created in the same transaction; otherwise, anyone could initialize it for another run.
        """
        return self.build(
            "coordinator",
            "init_coordinator",
            {
                "payer": payer,
                "coordinator_instance": instance_address(run_id, self.programs),
                "coordinator_account": account,
                "system_program": SYSTEM_PROGRAM,
            },
            {
                "main_authority": main_authority,
                "join_authority": join_authority,
                "run_id": run_id,
                "client_version": checked_client_version(client_version),
            },
        )

    def free_coordinator(self, *, authority: Pubkey, spill: Pubkey, instance: Pubkey, account: Pubkey) -> Instruction:
        """Close a halted run; ``spill`` (a wallet) receives the rent of both accounts."""
        accounts = owner_accounts(authority, instance, account) | {"spill": spill}
        return self.build("coordinator", "free_coordinator", accounts, {})

    def update(
        self,
        *,
        authority: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        metadata: Table | None = None,
        config: Table | None = None,
        model: Table | None = None,
        progress: Table | None = None,
    ) -> Instruction:
        """Replace the given tables, each as a whole. All except the metadata require a halted run."""
        arguments = {"metadata": metadata, "config": config, "model": model, "progress": progress}
        return self.build("coordinator", "update", owner_accounts(authority, instance, account), arguments)

    def update_client_version(
        self, *, authority: Pubkey, instance: Pubkey, account: Pubkey, new_version: str
    ) -> Instruction:
        """Replace the client version (at most 96 bytes) of a halted run."""
        arguments = {"new_version": checked_client_version(new_version)}
        return self.build(
            "coordinator", "update_client_version", owner_accounts(authority, instance, account), arguments
        )

    def set_future_epoch_rates(
        self,
        *,
        authority: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        earning_rate: int | None = None,
        slashing_rate: int | None = None,
    ) -> Instruction:
        """Set the points per epoch that all clients earn together and that one loses, from the next Warmup on."""
        return self.build(
            "coordinator",
            "set_future_epoch_rates",
            owner_accounts(authority, instance, account),
            {"epoch_earning_rate_total_shared": earning_rate, "epoch_slashing_rate_per_client": slashing_rate},
        )

    def set_paused(self, *, authority: Pubkey, instance: Pubkey, account: Pubkey, paused: bool) -> Instruction:
        """Pause (immediately, or at the end of the current epoch) or resume."""
        accounts = owner_accounts(authority, instance, account)
        return self.build("coordinator", "set_paused", accounts, {"paused": paused})

    # For clients; ``tick`` is for any signer.

    def join_run(
        self, *, user: Pubkey, authorization: Pubkey, instance: Pubkey, account: Pubkey, p2p_identity: bytes
    ) -> Instruction:
        """Become a client of the next epoch. ``p2p_identity`` is the client's 32-byte network key."""
        return self.build(
            "coordinator",
            "join_run",
            _client_accounts(user, instance, account) | {"authorization": authorization},
            {"client_id": {"signer": user, "p2p_identity": p2p_identity}},
        )

    def tick(self, *, user: Pubkey, instance: Pubkey, account: Pubkey) -> Instruction:
        """Perform the transition of the run that is due, if any. Any wallet may sign."""
        return self.build("coordinator", "tick", _client_accounts(user, instance, account), {})

    def witness(
        self,
        *,
        user: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        proof: Table,
        participant_bloom: Table,
        broadcast_bloom: Table,
        broadcast_merkle: bytes,
        metadata: Table,
    ) -> Instruction:
        """Submit a witness record for the current round.

        ``proof`` has position, index and witness (0 or 1); a Bloom filter has 8 keys and 16 words of bits; the Merkle
        root is 32 bytes.
        """
        arguments = _proofs(proof, participant_bloom, broadcast_bloom, broadcast_merkle) | {"metadata": metadata}
        return self.build("coordinator", "witness", _client_accounts(user, instance, account), arguments)

    def warmup_witness(
        self,
        *,
        user: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        proof: Table,
        participant_bloom: Table,
        broadcast_bloom: Table,
        broadcast_merkle: bytes,
    ) -> Instruction:
        """Report that the client has loaded the model. The arguments are those of ``witness``."""
        arguments = _proofs(proof, participant_bloom, broadcast_bloom, broadcast_merkle)
        return self.build("coordinator", "warmup_witness", _client_accounts(user, instance, account), arguments)

    def health_check(
        self,
        *,
        user: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        accused: Pubkey,
        accused_p2p_identity: bytes,
        committee: str,
        position: int,
        index: int,
    ) -> Instruction:
        """Report that the client at ``index`` of the previous round did not take part in it."""
        return self.build(
            "coordinator",
            "health_check",
            _client_accounts(user, instance, account),
            {
                "id": {"signer": accused, "p2p_identity": accused_p2p_identity},
                "committee": committee,
                "position": position,
                "index": index,
            },
        )

    def checkpoint(self, *, user: Pubkey, instance: Pubkey, account: Pubkey, repo: object) -> Instruction:
        """Record where a client uploaded the model, for example ``{"Hub": {"repo_id": ..., "revision": ...}}``."""
        return self.build("coordinator", "checkpoint", _client_accounts(user, instance, account), {"repo": repo})


def _client_accounts(user: Pubkey, instance: Pubkey, account: Pubkey) -> dict[str, Pubkey]:
    return {"user": user, "coordinator_instance": instance, "coordinator_account": account}


def _proofs(proof: Table, participant_bloom: Table, broadcast_bloom: Table, merkle: bytes) -> dict[str, object]:
    return {
        "proof": proof,
        "participant_bloom": participant_bloom,
        "broadcast_bloom": broadcast_bloom,
        "broadcast_merkle": {"inner": merkle},
    }
