"""Rules about members that join, and about who can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psyche_cli.durations import format_duration
from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.operations.status.diagnosis.finding import Symptom, counted
from psyche_cli.operations.status.diagnosis.subject import wallet_rows
from psyche_cli.protocol.addresses import ANYONE
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.programs import SYSTEM_PROGRAM

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.operations.status.diagnosis.subject import Subject

_USUAL_WAIT: Final = 300
"""Seconds for which it is normal that an epoch waits for members: they start their clients, or join again. More than
the longest possible waiting_for_members_extra_time."""

_NEARLY_FULL: Final = 10
"""The wallet limit is near if at most one in this many wallets can still join."""


def waiting_for_members(subject: Subject) -> Symptom | None:
    """An epoch that has waited for members only for a while, or for an unknown time."""
    if not subject.misses_members or _waits_long(subject):
        return None
    joined, needed = subject.membership.joined, subject.config["init_min_clients"]
    again = len(subject.membership.members) - joined
    return Symptom(
        f"Epoch {subject.epoch} begins when {counted(needed - joined, 'more member')} "
        f"{'joins' if needed - joined == 1 else 'join'}.",
        (
            (f"joined epoch {subject.epoch}", f"{joined} of {needed}"),
            *((("must join again", str(again)),) if again > 0 else ()),
            *_waited(subject),
        ),
        "Wait. Members usually join within a few minutes, also those that must join again.",
        (subject.command("members"),),
    )


def too_few_joined(subject: Subject) -> Symptom | None:
    """An epoch that has waited for members for a long time."""
    if not subject.misses_members or not _waits_long(subject):
        return None
    joined, needed = subject.membership.joined, subject.config["init_min_clients"]
    rows = (
        (f"joined epoch {subject.epoch}", str(joined)),
        ("init_min_clients", str(needed)),
        ("missing", str(needed - joined)),
        *_waited(subject),
    )
    return Symptom(
        f"Epoch {subject.epoch} cannot begin: {counted(joined, 'member')} {'has' if joined == 1 else 'have'} joined, "
        f"but init_min_clients requires {needed}.",
        rows,
        "Have more members start their clients."
        + (
            ""
            if needed == 1
            else " To begin with fewer, pause the run, lower init_min_clients and resume it; all members must join "
            "again then."
        ),
        (subject.command("members"), *(subject.config_commands() if needed > 1 else ())),
    )


def must_join_again(subject: Subject) -> Symptom | None:
    """Members that joined earlier but not the epoch that has waited for members for a long time."""
    if not subject.misses_members or not _waits_long(subject):
        return None
    absent = [member for member in subject.membership.members if not member.joined]
    if not absent:
        return None
    return Symptom(
        f"{counted(len(absent), 'member')} joined earlier, but not epoch {subject.epoch}. A join counts for "
        "one epoch only, and not after a pause.",
        wallet_rows(absent),
        "Have these members join again: their clients must do so for every epoch.",
        (subject.command("members"),),
    )


def too_few_can_join(subject: Subject) -> Symptom | None:
    """A limit of wallets below the number of members that an epoch needs."""
    needed, limit = subject.config["init_min_clients"], _limit(subject)
    if not subject.is_configured or limit >= needed:
        return None
    action = "Pause the run, then raise" if subject.is_waiting else "Raise"
    return Symptom(
        f"No epoch can begin: at most {counted(limit, 'wallet')} can ever join, but init_min_clients is {needed}.",
        (("global_batch_size_end", str(subject.config["global_batch_size_end"])), ("init_min_clients", str(needed))),
        f"{action} global_batch_size_end, or lower init_min_clients.",
        subject.config_commands(),
    )


def wallet_limit(subject: Subject) -> Symptom | None:
    """A run that no new wallet can join."""
    joined = len(subject.state.clients)
    if not subject.is_configured or joined < _limit(subject):
        return None
    rows = (
        ("wallets that joined", str(joined)),
        ("global_batch_size_end", str(subject.config["global_batch_size_end"])),
    )
    if joined == MAX_CLIENTS:
        return Symptom(
            f"No new wallet can join: {MAX_CLIENTS} wallets have joined, the maximum for any run. None is ever "
            "removed.",
            rows,
            "Wallets that joined before can join again. To admit others, create another run from the checkpoint of "
            "this one.",
        )
    return Symptom(
        f"No new wallet can join: {counted(joined, 'wallet')} {'has' if joined == 1 else 'have'} joined, as many as "
        "global_batch_size_end allows. None is ever removed.",
        rows,
        "Wallets that joined before can join again. To admit others, raise global_batch_size_end while the run is "
        "paused.",
    )


def wallet_limit_near(subject: Subject) -> Symptom | None:
    """A run that only few new wallets can join."""
    joined, limit = len(subject.state.clients), _limit(subject)
    left = limit - joined
    if not subject.is_configured or not 0 < left <= limit // _NEARLY_FULL:
        return None
    return Symptom(
        f"Only {counted(left, 'more wallet')} can ever join: {joined} of {limit} have.",
        (("wallets that joined", str(joined)), ("maximum", str(limit))),
        "Wallets that joined before can always join again."
        + ("" if limit == MAX_CLIENTS else " Raise global_batch_size_end while the run is paused to admit more."),
    )


def joined_too_late(subject: Subject) -> Symptom | None:
    """Members that joined the epoch in progress after its members were determined."""
    late = [member for member in subject.membership.members if member.is_late]
    if not late:
        return None
    when = " once training has begun" if subject.state.run_state == RunState.WARMUP else ""
    return Symptom(
        f"{counted(len(late), 'member')} joined during the warmup of epoch {subject.epoch}, when its members "
        "were already determined. That join has no effect.",
        wallet_rows(late),
        f"Have them join again{when} to take part in epoch {subject.membership.next_epoch}.",
    )


def next_epoch_short(subject: Subject) -> Symptom | None:
    """An epoch about to end while too few members have joined the next one."""
    state, joined, needed = subject.state, subject.membership.joined, subject.config["init_min_clients"]
    if joined >= needed or state.pending_pause or state.step >= subject.config["total_steps"]:
        return None
    return Symptom(
        f"So far, {counted(joined, 'member')} {'has' if joined == 1 else 'have'} joined epoch "
        f"{subject.membership.next_epoch}, but init_min_clients requires {needed}.",
        (("joined", str(joined)), ("init_min_clients", str(needed))),
        "Members must join again for every epoch, also those that are in this one.",
        (subject.command("members"),),
    )


def no_authorizations(subject: Subject) -> Symptom | None:
    """A join authority without an active authorization."""
    assert subject.authorizations is not None
    assert subject.run is not None
    if any(one.active for one in subject.authorizations):
        return None
    grantor = subject.run.instance.join_authority
    return Symptom(
        "Nobody can join: the join authority has no active join authorization.",
        (("join authority", str(grantor)), ("inactive authorizations", str(len(subject.authorizations)))),
        "Authorize members, or everyone as below, with the wallet of the join authority. No other wallet can, and the "
        "join authority of a run cannot be changed.",
        (subject.command("join-authorization-create", "--permissionless", of_run=False),),
    )


def too_few_authorized(subject: Subject) -> Symptom | None:
    """Active join authorizations of fewer wallets than an epoch needs."""
    assert subject.authorizations is not None
    active = [one for one in subject.authorizations if one.active]
    wallets = {wallet for one in active for wallet in (one.grantee, *one.delegates)}
    needed = subject.config["init_min_clients"]
    if not active or not subject.is_configured or ANYONE in wallets or len(wallets) >= needed:
        return None
    return Symptom(
        f"No epoch can begin: {counted(len(wallets), 'wallet')} {'is' if len(wallets) == 1 else 'are'} authorized to "
        f"join, but init_min_clients is {needed}.",
        (("authorized wallets", str(len(wallets))), ("init_min_clients", str(needed))),
        "Authorize more wallets with that of the join authority, or have authorized ones add delegates.",
        (
            subject.command("join-authorization-create", "--authorizer", "ADDRESS", of_run=False),
            subject.command("join-authorization-create", "--permissionless", of_run=False),
        ),
    )


def join_authority_lost(subject: Subject) -> Symptom | None:
    """A join authority that cannot sign."""
    assert subject.run is not None
    grantor = subject.run.instance.join_authority
    owner = _known_account(subject, grantor)
    if owner is None:
        return None
    return Symptom(
        f"The join authority is {owner}, which cannot sign. Nobody can ever be authorized to join this run.",
        (("join authority", str(grantor)),),
        "The join authority of a run cannot be changed. Create another run with a wallet as its join authority.",
    )


def join_authority_is_program_address(subject: Subject) -> Symptom | None:
    """A join authority that only a program can sign for."""
    assert subject.run is not None
    grantor = subject.run.instance.join_authority
    if grantor.is_on_curve() or _known_account(subject, grantor) is not None:
        return None
    return Symptom(
        "The join authority is a program address: only its program can authorize members, such as a multisig program.",
        (("join authority", str(grantor)),),
        "Create join authorizations through that program. The join authority of a run cannot be changed.",
    )


def join_authority_elsewhere(subject: Subject) -> Symptom | None:
    """A join authority that is not the main authority."""
    assert subject.run is not None
    grantor, owner = subject.run.instance.join_authority, subject.run.main_authority
    if grantor == owner or not grantor.is_on_curve() or _known_account(subject, grantor) is not None:
        return None
    return Symptom(
        "Only the join authority can authorize members. It is not the main authority of the run, and it cannot be "
        "changed.",
        (("join authority", str(grantor)), ("main authority", str(owner))),
        "Use the wallet of the join authority to authorize members.",
    )


def _waits_long(subject: Subject) -> bool:
    """Whether the run has waited for members for longer than they usually take; False if the time is not known."""
    return subject.seconds_in_state is not None and subject.seconds_in_state >= _USUAL_WAIT


def _waited(subject: Subject) -> tuple[tuple[str, str], ...]:
    waited = subject.seconds_in_state
    return () if waited is None else (("waiting for", format_duration(waited)),)


def _limit(subject: Subject) -> int:
    """The number of wallets that can ever join.

    The program compares the number of wallets with global_batch_size_end for equality, so that a limit lowered below
    that number has no effect.
    """
    by_batch_size = subject.config["global_batch_size_end"]
    return min(by_batch_size, MAX_CLIENTS) if len(subject.state.clients) <= by_batch_size else MAX_CLIENTS


def _known_account(subject: Subject, key: Pubkey) -> str | None:
    """What a key is, if it is one that no wallet can have."""
    run = subject.run
    assert run is not None
    if key == SYSTEM_PROGRAM:
        return "the address of the system program"
    if key == run.instance.address:
        return "the instance of the run"
    if run.treasury is not None and key in (run.treasury.run.address, run.treasury.vault):
        return "an account of the run's treasurer"
    return None
