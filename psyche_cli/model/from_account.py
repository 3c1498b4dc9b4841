"""Conversion of a decoded coordinator account to a state of the model, to predict the course of a real run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psyche_cli.model.states import CoordinatorState, EpochState

if TYPE_CHECKING:
    from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
    from psyche_cli.protocol.layouts.memory_values import PlainValue

UNREADABLE: Final = "Unreadable"


def state_from_account(account: CoordinatorAccount, *, readable: bool = False) -> CoordinatorState:
    """The state stored in the account. A stored witness flag is normalized to 0 or 1.

    With ``readable``, a checkpoint whose content is damaged is the variant ``UNREADABLE``, so that the rest of the run
    can still be shown.

    Raises UnsupportedLayout for a layout whose runs follow other rules than those of v1, and MalformedAccount for bytes
    that the program cannot have written.
    """
    if not account.has_rules_of_v1:
        from psyche_cli.protocol.accounts.layout_support import different_rules

        raise different_rules(account)
    return CoordinatorState(
        run_id=account.run_id,
        client_version=account.client_version,
        metadata=account.metadata,
        config=account.config,
        model=_readable_model(account) if readable else account.model,
        progress=account.progress,
        run_state=account.run_state,
        run_state_start_timestamp=account.run_state_start_timestamp,
        pending_pause=account.pending_pause,
        epoch=EpochState(
            rounds=account.rounds,
            rounds_head=account.rounds_head,
            clients=account.epoch_clients,
            exited_clients=account.exited_clients,
            start_step=account.epoch_start_step,
            last_step=account.epoch_last_step,
            start_timestamp=account.epoch_start_timestamp,
            first_round=account.first_round,
            cold_start_epoch=account.cold_start_epoch,
        ),
        clients=account.clients,
        next_active=account.next_active,
        current_epoch_rates=account.current_epoch_rates,
        future_epoch_rates=account.future_epoch_rates,
        is_warmup_first_tick=account.is_warmup_first_tick,
        is_training_first_tick=account.is_training_first_tick,
        nonce=account.nonce,
    )


def _readable_model(account: CoordinatorAccount) -> dict[str, PlainValue]:
    llm = account.readable_model["LLM"]
    assert isinstance(llm, dict)
    return {"LLM": {**llm, "checkpoint": UNREADABLE} if llm["checkpoint"] is None else llm}
