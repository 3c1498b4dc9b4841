"""What a training client sends: the witness record of a round, in which it has seen all members of the epoch."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.model.bloom import bloom_of, wallet_item
from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.from_account import state_from_account
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance
from psyche_cli.protocol.instructions.builder import Instructions

_KEYS = tuple(range(1, 9))


def witness_record(account: CoordinatorAccount, instance: CoordinatorInstance, wallet: Pubkey) -> Instruction:
    """The record of ``wallet``, a client of the current epoch, for the current round."""
    state = state_from_account(account)
    selection = CommitteeSelection.of(state.current_round, state.config)
    members = [client.id.signer for client in state.epoch.clients]
    index = members.index(bytes(wallet))
    seen, nothing = bloom_of(_KEYS, map(wallet_item, members)), bloom_of(_KEYS, ())
    return Instructions().witness(
        user=wallet,
        instance=instance.address,
        account=instance.coordinator_account,
        proof={"position": selection.witness_position(index), "index": index, "witness": 1},
        participant_bloom={"keys": seen.keys, "bits": seen.bits},
        broadcast_bloom={"keys": nothing.keys, "bits": nothing.bits},
        broadcast_merkle=bytes(32),
        metadata={
            "step": state.step, "tokens_per_sec": 0.0, "bandwidth_per_sec": 0.0, "loss": 0.0, "evals": [],
            "prompt_results": [], "prompt_index": 0, "efficency": 0.0,
        },
    )  # fmt: skip
