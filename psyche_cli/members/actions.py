"""The instructions of a run's members, built for one run, and the search for the authorization to join it."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from psyche_cli.errors import AccountError, MayNotJoin
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.members.records import WitnessFigures, as_arguments, warmup_record
from psyche_cli.members.run_now import Absence
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, decode_authorization
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.protocol.run_states import name_in_program
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.client import RpcClient

_PROOF: Final = struct.Struct("<QQ")
"""The position and the index of a proof, which follow the discriminator of a report."""


class Actions:
    """Builds the instructions with which wallets act as members of a run."""

    def __init__(self, instance: CoordinatorInstance, programs: ProgramIds = PUBLISHED) -> None:
        self.instance = instance
        self.build = Instructions(programs)

    def join(self, wallet: Pubkey, authorization: Pubkey, p2p_identity: bytes) -> Instruction:
        """Join the next epoch. ``p2p_identity`` is the 32-byte network key of the member."""
        accounts = self._accounts(wallet)
        return self.build.join_run(**accounts, authorization=authorization, p2p_identity=p2p_identity)

    def tick(self, wallet: Pubkey) -> Instruction:
        """Apply the transition that is due."""
        return self.build.tick(**self._accounts(wallet))

    def report_warmup(self, wallet: Pubkey, index: int) -> Instruction:
        """Report that the member at ``index`` of the epoch has loaded the model."""
        return self.build.warmup_witness(**self._accounts(wallet), **as_arguments(warmup_record(index)))

    def witness(self, wallet: Pubkey, record: WitnessRecord, figures: WitnessFigures, step: int) -> Instruction:
        """Report what the member has seen of the round of ``step``."""
        arguments = as_arguments(record)
        return self.build.witness(**self._accounts(wallet), **arguments, metadata=figures.as_arguments(step))

    def same_report(self, report: Instruction, wallet: Pubkey, position: int, index: int) -> Instruction:
        """The ``report`` of a witness, or of a member that is ready, with the proof of another member.

        Encoding a report takes milliseconds, and the members of a crowd see the same. The proof is at the beginning.
        """
        accounts = [AccountMeta(wallet, is_signer=True, is_writable=True), *report.accounts[1:]]
        end = DISCRIMINATOR_BYTES + _PROOF.size
        data = report.data[:DISCRIMINATOR_BYTES] + _PROOF.pack(position, index) + report.data[end:]
        return Instruction(report.program_id, data, accounts)

    def report_absent(self, wallet: Pubkey, absence: Absence) -> Instruction:
        """Report a member that was absent from the previous round."""
        return self.build.health_check(
            **self._accounts(wallet),
            accused=absence.wallet,
            accused_p2p_identity=absence.p2p_identity,
            committee=name_in_program(absence.committee),
            position=absence.position,
            index=absence.index,
        )

    def checkpoint(self, wallet: Pubkey, repo: str | Mapping[str, Any]) -> Instruction:
        """Record where the model is stored, such as ``{"Hub": {"repo_id": "a/b", "revision": None}}``."""
        return self.build.checkpoint(**self._accounts(wallet), repo=repo)

    def _accounts(self, wallet: Pubkey) -> dict[str, Any]:
        return {"user": wallet, "instance": self.instance.address, "account": self.instance.coordinator_account}


def authorizations_for(
    rpc: RpcClient,
    instance: CoordinatorInstance,
    wallets: Sequence[Pubkey],
    authorizer: Pubkey | None = None,
    programs: ProgramIds = PUBLISHED,
) -> list[Pubkey]:
    """The address of an authorization with which each of ``wallets`` can join the run.

    Looks for those for everyone, for ``authorizer``, whose delegates may include the wallet, and for the wallet itself.
    Raises MayNotJoin for the first wallet that has none.
    """
    grantor = instance.join_authority
    common = [ANYONE] if authorizer is None else [ANYONE, authorizer]
    shared = [authorization_address(grantor, grantee, programs) for grantee in common]
    own = [authorization_address(grantor, wallet, programs) for wallet in wallets]
    found = []
    for raw in map(taken, rpc.accounts([*shared, *own])):
        try:
            found.append(None if raw is None else decode_authorization(raw, programs))
        except AccountError:
            found.append(None)  # the program does not accept it either
    general = found[: len(shared)]
    addresses = []
    for wallet, special in zip(wallets, found[len(shared) :], strict=True):
        valid = next((one for one in (*general, special) if one and one.is_valid_for(grantor, wallet)), None)
        if valid is None:
            tried = "neither everyone nor this wallet"
            if authorizer is not None:
                tried = f"neither everyone, nor this wallet, nor {authorizer} with this wallet among its delegates"
            raise MayNotJoin(
                f"{wallet} may not join run {instance.run_id!r}: its join authority {grantor} has authorized {tried}.",
                hint="The join authority permits everyone with: psyche-cli join-authorization-create --permissionless",
                run_id=instance.run_id,
                wallet=str(wallet),
                join_authority=str(grantor),
            )
        addresses.append(valid.address)
    return addresses
