"""Rules about rates and the vault of a run with a treasurer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.operations.status.diagnosis.finding import Symptom, counted

if TYPE_CHECKING:
    from psyche_cli.operations.rewards.collateral import Obligations
    from psyche_cli.operations.status.diagnosis.subject import Subject


def claims_exceed_vault(subject: Subject) -> Symptom | None:
    """A vault that holds less than members have earned."""
    vault = subject.obligations
    if vault is None or vault.owed <= vault.held:
        return None
    missing = max(vault.missing, vault.owed - vault.held)
    return Symptom(
        f"Members have earned {subject.counted_tokens(vault.owed - vault.held)} more than the vault holds, so not all "
        "of them can claim their rewards.",
        _rows(subject, vault),
        f"Top up the vault with at least {subject.counted_tokens(missing)}.",
        (_top_up(subject, missing),),
    )


def treasury_short(subject: Subject) -> Symptom | None:
    """A vault that holds less than the current and the next epoch pay."""
    vault = subject.obligations
    if vault is None or vault.owed > vault.held or vault.missing == 0:
        return None
    return Symptom(
        f"The vault is short by {subject.counted_tokens(vault.missing)} for what is owed, this epoch and the next one."
        if vault.current > 0
        else f"The vault is short by {subject.counted_tokens(vault.missing)} for what is owed and the next epoch.",
        _rows(subject, vault),
        f"Top up the vault with at least {subject.counted_tokens(vault.missing)}.",
        (_top_up(subject, vault.missing),),
    )


def treasury_low(subject: Subject) -> Symptom | None:
    """A vault that pays for few epochs."""
    # Not at the top: it imports the payloads of the reward verbs.
    from psyche_cli.operations.rewards.collateral import FUNDED_EPOCHS

    vault = subject.obligations
    if vault is None or vault.owed > vault.held or vault.missing > 0:
        return None
    wanted = vault.missing_for(FUNDED_EPOCHS)
    if wanted == 0:
        return None
    covered = vault.epochs or 0
    return Symptom(
        f"The vault pays for {counted(covered, 'more epoch')} at the current rate.",
        _rows(subject, vault),
        f"For {FUNDED_EPOCHS} epochs, top up the vault with {subject.counted_tokens(wanted)}.",
        (_top_up(subject, wanted),),
    )


def rate_zero(subject: Subject) -> Symptom | None:
    """A rate of 0 for future epochs."""
    if subject.obligations is None or subject.state.future_epoch_rates.earning_rate_total_shared > 0:
        return None
    current = subject.state.current_epoch_rates.earning_rate_total_shared
    return Symptom(
        "Members earn nothing in future epochs: the earning rate is 0.",
        (
            ("rate of future epochs", "0"),
            *((("rate of this epoch", subject.tokens(current)),) if subject.in_epoch else ()),
        ),
        "Set a rate. It takes effect with the next epoch.",
        (subject.command("set-future-epoch-rates", "--earning-rate", "AMOUNT"),),
    )


def current_rate_zero(subject: Subject) -> Symptom | None:
    """An epoch in progress that pays nothing because its rate is 0."""
    future = subject.state.future_epoch_rates.earning_rate_total_shared
    if subject.obligations is None or future == 0 or subject.state.current_epoch_rates.earning_rate_total_shared > 0:
        return None
    return Symptom(
        f"Members earn nothing in epoch {subject.epoch}: its earning rate is 0. The rate of future epochs takes effect "
        "with the next one.",
        (("rate of this epoch", "0"), ("rate of future epochs", subject.tokens(future))),
        "Nothing needs to be done: the next epoch pays the new rate.",
    )


def share_zero(subject: Subject) -> Symptom | None:
    """A rate of less than one base unit for each member."""
    rate, members = subject.state.current_epoch_rates.earning_rate_total_shared, len(subject.state.epoch.clients)
    if subject.obligations is None or not 0 < rate < members:
        return None
    return Symptom(
        f"Members earn nothing in epoch {subject.epoch}: its earning rate is less than one base unit for each of "
        f"{counted(members, 'member')}.",
        (("earning rate in base units", str(rate)), ("members", str(members))),
        "Set a higher rate. It takes effect with the next epoch.",
        (subject.command("set-future-epoch-rates", "--earning-rate", "AMOUNT"),),
    )


def _rows(subject: Subject, vault: Obligations) -> tuple[tuple[str, str], ...]:
    amounts = (
        ("vault balance", vault.held),
        ("owed to members", vault.owed),
        ("due for this epoch", vault.current),
        ("per future epoch", vault.future),
    )
    return tuple((name, subject.tokens(amount)) for name, amount in amounts)


def _top_up(subject: Subject, amount: int) -> str:
    return subject.command("treasurer-top-up-rewards", "--collateral-amount", subject.tokens(amount))
