"""Every instruction of the three programs, and the few of other programs that a run needs.

The bytes come from AnchorPy and the IDLs in ``idl/`` (see ``anchor_programs``); the values go in as plain Python (see
``anchor_values``). AnchorPy is imported when the first instruction is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from psyche_cli.errors import UsageError
from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES, MAX_CLIENT_VERSION_BYTES, MINT_BYTES
from psyche_cli.protocol.addresses import (
    JOIN_SCOPE,
    associated_token_address,
    authorization_address,
    check_run_id,
    instance_address,
    participant_address,
    treasurer_run_address,
)
from psyche_cli.protocol.instructions.anchor_programs import AnchorPrograms
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.programs import ASSOCIATED_TOKEN_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM

if TYPE_CHECKING:
    from solders.instruction import Instruction
    from solders.pubkey import Pubkey


Table = Mapping[str, object]


class Instructions:
    """Makes instructions for the programs under ``programs``.

    All amounts are integers: lamports, base units of a mint, or points (1 point pays 1 base unit). Tables (metadata,
    config, model, progress, repository) are plain values in serde shape. What cannot be encoded raises
    ConfigurationError (config, model) or UsageError.
    """

    def __init__(self, programs: ProgramIds = PUBLISHED) -> None:
        self.programs = programs
        self._anchor = AnchorPrograms(programs)

    def build(self, program: str, name: str, accounts: Mapping[str, Pubkey], arguments: Table) -> Instruction:
        """Any instruction of ``coordinator``, ``authorizer`` or ``treasurer``, by its snake-case names in the IDL."""
        return self._anchor.instruction(program, name, accounts, arguments)

    # Coordinator: for the run's main authority.

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
        """Create a run: its instance (the payer pays the rent) and the content of ``account``.

        ``account`` must be created in the same transaction, or anybody may initialise it for a run of theirs.
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
                "client_version": _client_version(client_version),
            },
        )

    def free_coordinator(self, *, authority: Pubkey, spill: Pubkey, instance: Pubkey, account: Pubkey) -> Instruction:
        """Close a halted run; ``spill`` (a wallet) receives the rent of both accounts."""
        accounts = _owner_group(authority, instance, account) | {"spill": spill}
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
        """Replace what is given, each as a whole. Everything but the metadata needs a halted run."""
        arguments = {"metadata": metadata, "config": config, "model": model, "progress": progress}
        return self.build("coordinator", "update", _owner_group(authority, instance, account), arguments)

    def update_client_version(
        self, *, authority: Pubkey, instance: Pubkey, account: Pubkey, new_version: str
    ) -> Instruction:
        """Replace the client version (at most 96 bytes) of a halted run."""
        arguments = {"new_version": _client_version(new_version)}
        return self.build("coordinator", "update_client_version", _owner_group(authority, instance, account), arguments)

    def set_future_epoch_rates(
        self,
        *,
        authority: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        earning_rate: int | None = None,
        slashing_rate: int | None = None,
    ) -> Instruction:
        """Points per epoch, earned by all clients together or lost by one, in force from the next Warmup on."""
        return self.build(
            "coordinator",
            "set_future_epoch_rates",
            _owner_group(authority, instance, account),
            {"epoch_earning_rate_total_shared": earning_rate, "epoch_slashing_rate_per_client": slashing_rate},
        )

    def set_paused(self, *, authority: Pubkey, instance: Pubkey, account: Pubkey, paused: bool) -> Instruction:
        """Pause (at once, or at the end of the running epoch) or resume."""
        accounts = _owner_group(authority, instance, account)
        return self.build("coordinator", "set_paused", accounts, {"paused": paused})

    # Coordinator: for clients, and for whoever ticks.

    def join_run(
        self, *, user: Pubkey, authorization: Pubkey, instance: Pubkey, account: Pubkey, p2p_identity: bytes
    ) -> Instruction:
        """Become a client of the next epoch. ``p2p_identity`` is the client's 32-byte network key."""
        return self.build(
            "coordinator",
            "join_run",
            _client_group(user, instance, account) | {"authorization": authorization},
            {"client_id": {"signer": user, "p2p_identity": p2p_identity}},
        )

    def tick(self, *, user: Pubkey, instance: Pubkey, account: Pubkey) -> Instruction:
        """Let the run move on, if it is time to. Anybody may."""
        return self.build("coordinator", "tick", _client_group(user, instance, account), {})

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
        """Witness the current round.

        ``proof`` has position, index and witness (0 or 1), a bloom filter has 8 keys and 16 words of bits, the merkle
        root is 32 bytes.
        """
        arguments = _proofs(proof, participant_bloom, broadcast_bloom, broadcast_merkle) | {"metadata": metadata}
        return self.build("coordinator", "witness", _client_group(user, instance, account), arguments)

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
        """Report that the client has loaded the model. Arguments as those of ``witness``."""
        arguments = _proofs(proof, participant_bloom, broadcast_bloom, broadcast_merkle)
        return self.build("coordinator", "warmup_witness", _client_group(user, instance, account), arguments)

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
        """Accuse the client at ``index`` of the previous round of not having taken part in it."""
        return self.build(
            "coordinator",
            "health_check",
            _client_group(user, instance, account),
            {
                "id": {"signer": accused, "p2p_identity": accused_p2p_identity},
                "committee": committee,
                "position": position,
                "index": index,
            },
        )

    def checkpoint(self, *, user: Pubkey, instance: Pubkey, account: Pubkey, repo: object) -> Instruction:
        """Record where a client saved the model, such as ``{"Hub": {"repo_id": ..., "revision": ...}}``."""
        return self.build("coordinator", "checkpoint", _client_group(user, instance, account), {"repo": repo})

    # Authorizer.

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
        """Switch an authorization on or off."""
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
        """Drop all delegates if asked, then add some. The payer pays or receives the difference in rent."""
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

    # Treasurer.

    def run_create(
        self,
        *,
        payer: Pubkey,
        index: int,
        collateral_mint: Pubkey,
        run_id: str,
        account: Pubkey,
        main_authority: Pubkey,
        join_authority: Pubkey,
        client_version: str,
    ) -> Instruction:
        """Create the treasurer's Run, its vault for ``collateral_mint``, and the run on the coordinator."""
        run = treasurer_run_address(index, self.programs)
        return self.build(
            "treasurer",
            "run_create",
            {
                "payer": payer,
                "run": run,
                "run_collateral": associated_token_address(run, collateral_mint),
                "collateral_mint": collateral_mint,
                "coordinator_instance": instance_address(run_id, self.programs),
                "coordinator_account": account,
                "coordinator_program": self.programs.coordinator,
                "associated_token_program": ASSOCIATED_TOKEN_PROGRAM,
                "token_program": TOKEN_PROGRAM,
                "system_program": SYSTEM_PROGRAM,
            },
            {
                "index": index,
                "run_id": check_run_id(run_id),
                "client_version": _client_version(client_version),
                "main_authority": main_authority,
                "join_authority": join_authority,
            },
        )

    def run_update(
        self,
        *,
        authority: Pubkey,
        run: Pubkey,
        instance: Pubkey,
        account: Pubkey,
        metadata: Table | None = None,
        config: Table | None = None,
        model: Table | None = None,
        progress: Table | None = None,
        earning_rate: int | None = None,
        slashing_rate: int | None = None,
        paused: bool | None = None,
        client_version: str | None = None,
    ) -> Instruction:
        """Have the treasurer pass on what is given: update, then rates (points), pause, client version."""
        return self.build(
            "treasurer",
            "run_update",
            _owner_group(authority, instance, account) | {"run": run, "coordinator_program": self.programs.coordinator},
            {
                "params": {
                    "metadata": metadata,
                    "config": config,
                    "model": model,
                    "progress": progress,
                    "epoch_earning_rate_total_shared": earning_rate,
                    "epoch_slashing_rate_per_client": slashing_rate,
                    "paused": paused,
                    "client_version": None if client_version is None else _client_version(client_version),
                }
            },
        )

    def participant_create(self, *, payer: Pubkey, user: Pubkey, run: Pubkey) -> Instruction:
        """Create the record of what ``user`` has claimed from the treasurer's ``run``."""
        return self.build(
            "treasurer",
            "participant_create",
            {
                "payer": payer,
                "user": user,
                "run": run,
                "participant": participant_address(run, user, self.programs),
                "system_program": SYSTEM_PROGRAM,
            },
            {},
        )

    def participant_claim(
        self,
        *,
        user: Pubkey,
        user_collateral: Pubkey,
        run: Pubkey,
        collateral_mint: Pubkey,
        account: Pubkey,
        points: int,
    ) -> Instruction:
        """Turn earned points into as many base units of collateral, paid into the token account ``user_collateral``."""
        return self.build(
            "treasurer",
            "participant_claim",
            {
                "user": user,
                "user_collateral": user_collateral,
                "run": run,
                "run_collateral": associated_token_address(run, collateral_mint),
                "coordinator_account": account,
                "participant": participant_address(run, user, self.programs),
                "token_program": TOKEN_PROGRAM,
            },
            {"claim_earned_points": points},
        )

    # System program and classic SPL Token.

    def create_coordinator_account(self, *, payer: Pubkey, account: Pubkey, lamports: int) -> Instruction:
        """Create the empty account (119,160 bytes, ``lamports`` of rent) that ``init_coordinator`` then fills."""
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

    def create_associated_token_account(self, *, payer: Pubkey, owner: Pubkey, mint: Pubkey) -> Instruction:
        """Create the owner's token account for a mint unless it exists."""
        from spl.token.instructions import create_idempotent_associated_token_account

        return create_idempotent_associated_token_account(payer, owner, mint)

    def create_mint(
        self, *, payer: Pubkey, mint: Pubkey, lamports: int, decimals: int, authority: Pubkey
    ) -> tuple[Instruction, Instruction]:
        """Create a mint (82 bytes, ``lamports`` of rent) whose ``authority`` may mint; nobody may freeze."""
        from solders.system_program import CreateAccountParams, create_account
        from spl.token.instructions import InitializeMintParams, initialize_mint

        account = CreateAccountParams(
            from_pubkey=payer, to_pubkey=mint, lamports=lamports, space=MINT_BYTES, owner=TOKEN_PROGRAM
        )
        content = InitializeMintParams(decimals=decimals, program_id=TOKEN_PROGRAM, mint=mint, mint_authority=authority)
        return create_account(account), initialize_mint(content)

    def mint_tokens(
        self, *, authority: Pubkey, mint: Pubkey, destination: Pubkey, amount: int, decimals: int
    ) -> Instruction:
        """Mint ``amount`` base units into a token account; the program checks the decimals."""
        from spl.token.instructions import MintToCheckedParams, mint_to_checked

        return mint_to_checked(
            MintToCheckedParams(
                program_id=TOKEN_PROGRAM,
                mint=mint,
                dest=destination,
                mint_authority=authority,
                amount=amount,
                decimals=decimals,
            )
        )

    def transfer_tokens(
        self, *, owner: Pubkey, source: Pubkey, mint: Pubkey, destination: Pubkey, amount: int, decimals: int
    ) -> Instruction:
        """Move ``amount`` base units between token accounts; the program checks mint and decimals."""
        from spl.token.instructions import TransferCheckedParams, transfer_checked

        return transfer_checked(
            TransferCheckedParams(
                program_id=TOKEN_PROGRAM,
                source=source,
                mint=mint,
                dest=destination,
                owner=owner,
                amount=amount,
                decimals=decimals,
            )
        )


def _owner_group(authority: Pubkey, instance: Pubkey, account: Pubkey) -> dict[str, Pubkey]:
    return {"authority": authority, "coordinator_instance": instance, "coordinator_account": account}


def _client_group(user: Pubkey, instance: Pubkey, account: Pubkey) -> dict[str, Pubkey]:
    return {"user": user, "coordinator_instance": instance, "coordinator_account": account}


def _proofs(proof: Table, participant_bloom: Table, broadcast_bloom: Table, merkle: bytes) -> dict[str, object]:
    return {
        "proof": proof,
        "participant_bloom": participant_bloom,
        "broadcast_bloom": broadcast_bloom,
        "broadcast_merkle": {"inner": merkle},
    }


def _client_version(text: str) -> str:
    """A version that the coordinator stores whole: more than 96 bytes are cut by one instruction and abort another."""
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
