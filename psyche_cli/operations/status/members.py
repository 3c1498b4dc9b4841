"""List the members of a run: who is in the epoch, who has joined the next one, and what each has earned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from psyche_cli.amounts import format_amount
from psyche_cli.operations.rewards.claims import Claim, claims_of_members
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.status.member_payloads import MemberCounts, MemberData, MemberListData
from psyche_cli.operations.status.membership import Member, membership_of
from psyche_cli.operations.status.observation import Observation, observe
from psyche_cli.operations.tables import csv_text, text_table
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.results import OperationResult

SORT_KEYS: Final[Mapping[str, Callable[[MemberData], Any]]] = {
    "wallet": lambda member: member.wallet,
    "joined": lambda member: -1 if member.joined_epoch is None else member.joined_epoch,
    "in-epoch": lambda member: member.in_epoch,
    "health": lambda member: member.health or "",
    "witnessed": lambda member: member.rounds_witnessed,
    "earned": lambda member: member.earned.base_units,
    "slashed": lambda member: member.slashed.base_units,
    "claimed": lambda member: 0 if member.claimed is None else member.claimed.base_units,
    "claimable": lambda member: 0 if member.claimable is None else member.claimable.base_units,
}
"""The columns by which members can be sorted."""

_CSV: Final = (
    "wallet", "joined_epoch", "must_join_again", "in_epoch", "health", "left_in_round", "rounds_witnessed",
    "earned", "slashed", "claimed", "claimable",
)  # fmt: skip
_HEADINGS: Final = (
    "wallet", "joined", "in epoch", "health", "witnessed", "earned", "slashed", "claimed", "claimable"
)  # fmt: skip
_LEFT_ALIGNED: Final = 4
_OPTIONAL: Final = ("slashed", "claimed", "claimable", "earned")
"""Columns that a narrow terminal omits, in this order, if they have no value in any row."""

_OMITTED: Final = ".."
_FEWEST_CHARACTERS: Final = 4
"""Characters that a shortened wallet has at least at either end."""


def list_members(
    session: Session,
    *,
    run_id: str,
    treasurer_index: int | None = None,
    sort: str | None = None,
    descending: bool = False,
    fits_width: bool = True,
) -> OperationResult[MemberListData]:
    """The members of a run, in the order of first joining or sorted by a column of SORT_KEYS.

    ``fits_width`` is whether the table is made as narrow as the terminal.

    Takes two round trips and, with a treasurer, one more per 100 members. Raises RunNotFound, AccountNotFound,
    AccountError, UsageError, NetworkError.
    """
    observation = observe(session, run_id, treasurer_index)
    claims = claims_of_members(session, observation.run)
    data = member_list(observation, claims)
    if sort is not None:
        data.members.sort(key=SORT_KEYS[sort], reverse=descending)
    elif descending:
        data.members.reverse()
    state = observation.run.account

    def body(width: int, _utf8: bool) -> Sequence[str]:
        return table_lines(data, width if fits_width else None)

    return OperationResult(
        summary=_summary(data),
        data=data,
        details=(
            ("state", shown_state(state.run_state, pausing=state.pending_pause)),
            *_rows(data),
        ),
        body=body if data.members else None,
    )


def members_csv(data: MemberListData) -> str:
    """The members as CSV with a header row. Amounts are in whole tokens; a cell without a value is empty."""
    return csv_text([_CSV, *(_csv_row(member, data.decimals) for member in data.members)])


def table_lines(data: MemberListData, width: int | None) -> list[str]:
    """The members as a table for ``width`` columns; None is unlimited.

    If it is too wide, columns of amounts without any value are omitted, then wallets are shortened.
    """
    rows = [list(_HEADINGS), *(_table_row(member, data) for member in data.members)]
    lines = text_table(rows, left=_LEFT_ALIGNED)
    if width is None:
        return lines
    for name in _OPTIONAL:
        if max(map(len, lines)) <= width:
            return lines
        place = rows[0].index(name)
        if all(row[place] in ("0", "-") for row in rows[1:]):
            for row in rows:
                del row[place]
            lines = text_table(rows, left=_LEFT_ALIGNED)
    excess = max(map(len, lines)) - width
    if excess > 0:
        room = max(len(row[0]) for row in rows) - excess - len(_OMITTED)
        each = max(room // 2, _FEWEST_CHARACTERS)
        for row in rows[1:]:
            row[0] = f"{row[0][:each]}{_OMITTED}{row[0][-each:]}"
        lines = text_table(rows, left=_LEFT_ALIGNED)
    return lines


def member_list(observation: Observation, claims: Sequence[Claim]) -> MemberListData:
    """The members of a run in the order of first joining. ``claims`` are those of ``claims_of_members``.

    Raises UnsupportedLayout, MalformedAccount.
    """
    run, state = observation.run, observation.state
    membership = membership_of(state)
    decimals = 0 if run.treasury is None else run.treasury.mint.decimals
    health = membership.by_health
    return MemberListData(
        run_id=run.run_id,
        state=state.run_state.text,
        epoch=state.progress["epoch"],
        next_epoch=membership.next_epoch,
        stored_rounds=membership.stored_rounds,
        collateral_mint=None if run.treasury is None else str(run.treasury.mint.address),
        decimals=decimals,
        counts=MemberCounts(
            all=len(membership.members),
            joined=membership.joined,
            must_join_again=membership.must_join_again,
            in_epoch=membership.in_epoch,
            pending=membership.pending,
            late=membership.late,
            healthy=health[ClientState.HEALTHY],
            dropped=health[ClientState.DROPPED],
            withdrawn=health[ClientState.WITHDRAWN],
            ejected=health[ClientState.EJECTED],
        ),
        members=[
            _member_data(
                member,
                claim,
                state.progress["epoch"] if member.in_epoch else None,
                membership.next_epoch,
                decimals,
                has_treasurer=run.treasury is not None,
                is_last=membership.is_last,
            )
            for member, claim in zip(membership.members, claims, strict=True)
        ],
    )


def _member_data(
    member: Member,
    claim: Claim,
    this_epoch: int | None,
    next_epoch: int,
    decimals: int,
    *,
    has_treasurer: bool,
    is_last: bool,
) -> MemberData:
    return MemberData(
        wallet=str(claim.wallet),
        joined_epoch=next_epoch if member.joined else this_epoch,
        must_join_again=not member.joined and not is_last,
        joined_too_late=member.is_late,
        in_epoch=member.in_epoch,
        health=None if member.health is None else member.health.text,
        left_in_round=member.left_in_round,
        rounds_witnessed=member.rounds_witnessed,
        earned=in_both_units(claim.earned, decimals),
        slashed=in_both_units(claim.slashed, decimals),
        claimed=in_both_units(claim.claimed, decimals) if has_treasurer else None,
        claimable=in_both_units(claim.claimable, decimals) if has_treasurer else None,
    )


def _summary(data: MemberListData) -> str:
    count = data.counts.all
    if count == 0:
        return f"No wallet has joined run {data.run_id}."
    return f"Run {data.run_id} has {count} member{'' if count == 1 else 's'}."


def _rows(data: MemberListData) -> list[tuple[str, str]]:
    counts = data.counts
    if counts.all == 0:
        return []
    rows = []
    health = [(name, getattr(counts, name)) for name in ("healthy", "dropped", "withdrawn", "ejected")]
    text = ", ".join(f"{count} {name}" for name, count in health if count > 0)
    if counts.in_epoch > 0:
        rows.append((f"in epoch {data.epoch}", f"{counts.in_epoch} now; of all that began it, {text}"))
    elif text:
        rows.append(("in the last epoch", text))
    if counts.joined + counts.must_join_again > 0:  # otherwise, no epoch begins anymore
        when = "once training has begun" if data.state == RunState.WARMUP.text else "to take part in it"
        again = f"; {counts.must_join_again} must join again {when}" if counts.must_join_again > 0 else ""
        rows.append((f"joined epoch {data.next_epoch}", f"{counts.joined}{again}"))
    if counts.late > 0:
        rows.append(("joined too late", str(counts.late)))
    rows.append(("witness records", f"of {data.stored_rounds} stored round{'' if data.stored_rounds == 1 else 's'}"))
    return rows


def _table_row(member: MemberData, data: MemberListData) -> list[str]:
    left = "" if member.left_in_round is None else f" ({member.left_in_round})"
    return [
        member.wallet,
        "-" if member.joined_epoch is None else str(member.joined_epoch),
        "yes" if member.in_epoch else "no",
        "-" if member.health is None else f"{member.health}{left}",
        f"{member.rounds_witnessed}/{data.stored_rounds}",
        *("-" if amount is None else format_amount(amount.base_units, data.decimals) for amount in _amounts(member)),
    ]


def _csv_row(member: MemberData, decimals: int) -> list[str]:
    return [
        member.wallet,
        "" if member.joined_epoch is None else str(member.joined_epoch),
        "yes" if member.must_join_again else "no",
        "yes" if member.in_epoch else "no",
        member.health or "",
        "" if member.left_in_round is None else str(member.left_in_round),
        str(member.rounds_witnessed),
        *("" if amount is None else format_amount(amount.base_units, decimals) for amount in _amounts(member)),
    ]


def _amounts(member: MemberData) -> tuple[CollateralAmount | None, ...]:
    return member.earned, member.slashed, member.claimed, member.claimable
