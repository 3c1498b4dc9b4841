"""The states of a run after each of its transactions, obtained by executing these in the model.

The replay starts before the run exists, or from an account that was read. The ledger is evidence for it: a transaction
that succeeded there must succeed in the model, with the same lines in its log, and one that the state machine refused
must fail with the same error. Where they disagree, the times of the latest slots are searched for others with which
they agree; if there are none, the replay reports a problem.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.history.account_image import AccountImage, account_of
from psyche_cli.history.clocks import SlotRecord, SlotTime, candidates, first_time
from psyche_cli.history.events import DecodedCall
from psyche_cli.history.execution import Decoded, Executed, RunAddresses, decoded, execute
from psyche_cli.history.moments import Moment
from psyche_cli.history.records import Place, RawTransaction
from psyche_cli.model.execution import Clock
from psyche_cli.model.from_account import state_from_account
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.layouts.known import WRITTEN, layout_named
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.raw_account import RawAccount

if TYPE_CHECKING:
    from psyche_cli.model.states import CoordinatorState

_RECENT: Final = 200
"""Transactions whose slots can get another time later."""
_MOST_EXECUTIONS: Final = 2_000
"""Transactions that a search executes at most."""
_MOST_PROBLEMS: Final = 100
_MOST_SNAPSHOTS: Final = 64


class Problem(NamedTuple):
    """In what the ledger and the model disagree. The states from there on are not reliable."""

    signature: str
    outer: int
    inner: int
    text: str


class _Taken(NamedTuple):
    """A transaction that was executed: the run before it, and the outcome."""

    one: Decoded
    before: Moment
    executed: Executed

    @property
    def slot(self) -> int:
        return self.one.transaction.slot


class Replay:
    """Executes the transactions of one run in order.

    ``start`` is the run before the first one: by default, it does not exist. ``base`` is the data of the coordinator
    account then, and ``layout`` its layout, v1 or v1-reprc. ``count`` is the number of transactions so far, ``place``
    that of the last one, ``clock`` its slot and time, and ``now`` the run after it. ``times`` has the slots whose time
    is not the recorded one. If a search changes the time of an earlier slot, ``revised`` is the number of the first
    transaction whose states it changed, from 0; else None.
    """

    def __init__(
        self,
        addresses: RunAddresses,
        start: Moment | None = None,
        *,
        base: bytes | None = None,
        layout: str = WRITTEN,
        count: int = 0,
        programs: ProgramIds = PUBLISHED,
    ) -> None:
        self.addresses = addresses
        self.now = start or Moment()
        self.count = count
        self.place: Place | None = None
        self.clock: tuple[int, int] | None = None
        self.problems: list[Problem] = []
        self.times: dict[int, SlotTime] = {}
        self.revised: int | None = None
        self._programs = programs
        self._layout = layout
        self._recent: deque[_Taken] = deque(maxlen=_RECENT)
        self._snapshots: dict[int, Moment] = {count: self.now}
        self._stride = 1
        state = self.now.state
        self._image = None if base is None or state is None else AccountImage(state, base, layout)

    def add(self, transaction: RawTransaction) -> Executed:
        """Execute the next transaction. Raises ValueError if it is damaged."""
        self.revised = None
        one = decoded(transaction, self._programs, self.addresses)
        before, executed = self.now, self._execute(one, self.now, self._time(transaction))
        self._recent.append(_Taken(one, before, executed))
        self.now = executed.after
        self.count += 1
        self.place = transaction.place
        self.clock = (transaction.slot, self.time_of(transaction).unix)
        if executed.problems and not self.problems and not self._search(lambda found: not found.problems):
            self._give_up()
        elif len(self.problems) < _MOST_PROBLEMS:
            self._report(self._recent[-1])
        executed = self._recent[-1].executed
        self._keep(self.count, self.now)
        self._thin_out()
        return executed

    @property
    def calls(self) -> Sequence[DecodedCall]:
        """The decoded instructions of the last transaction that was added."""
        return self._recent[-1].one.calls

    @property
    def data(self) -> bytes | None:
        """The data of the coordinator account now; None if it does not exist."""
        state = self.now.state
        if state is None:
            self._image = None
            return None
        if self._image is None:
            self._image = AccountImage(state, layout=self._layout)
        self._image.follow(state)
        return bytes(self._image.data)

    @property
    def account(self) -> CoordinatorAccount | None:
        """The coordinator account now; None if it does not exist."""
        data = self.data
        if data is None:
            return None
        address = Pubkey.from_string(self.addresses.account)
        return CoordinatorAccount(RawAccount(address, self._programs.coordinator, 0, data), layout_named(self._layout))

    def time_of(self, transaction: RawTransaction) -> SlotTime:
        """The time at which a transaction was executed, which must be one of those added."""
        found = self.times.get(transaction.slot)
        if found is not None:
            return found
        assert transaction.block_time is not None
        return SlotTime(transaction.block_time, "recorded")

    def settle(self, account: CoordinatorAccount) -> bool:
        """Whether the run is as in an account that was read after the last transaction, in every value.

        If it is not, the times of the latest slots are searched for others with which it is.
        """
        wanted = state_from_account(account)

        def arrives(found: Executed) -> bool:
            return not found.problems and self._as_read(found.after) == wanted

        return self._as_read(self.now) == wanted or self._search(arrives)

    def _as_read(self, moment: Moment) -> CoordinatorState | None:
        """The state as it is read back from the account: with U+FFFD for bytes that are not valid UTF-8."""
        if moment.state is None:
            return None
        return state_from_account(account_of(moment.state, self._layout))

    def state_at(self, number: int, read: Callable[[int, int], Iterable[RawTransaction]]) -> Moment:
        """The run after the first ``number`` transactions.

        ``read`` returns the transactions from one number up to another one, from 0, the second one excluded: at most as
        many as lie between two of the states that are kept.
        """
        start = max(kept for kept in self._snapshots if kept <= number)
        now = self._snapshots[start]
        for transaction in read(start, number):
            one = decoded(transaction, self._programs, self.addresses)
            now = self._execute(one, now, self.time_of(transaction)).after
        return now

    # --- times ----------------------------------------------------------------------------------------------------

    def _time(self, transaction: RawTransaction) -> SlotTime:
        if transaction.slot not in self.times:
            found = first_time(SlotRecord(transaction.slot, transaction.block_time), self.clock)
            if found.source == "recorded":
                return found
            self.times[transaction.slot] = found
        return self.times[transaction.slot]

    def _execute(self, one: Decoded, before: Moment, time: SlotTime) -> Executed:
        clock = Clock(time.unix, one.transaction.slot)
        return execute(one, before, clock, self.addresses, self._programs)

    def _report(self, taken: _Taken) -> None:
        signature = taken.one.transaction.signature
        self.problems += [
            Problem(signature, step.outer, step.inner, text) for step in taken.executed.steps for text in step.problems
        ]

    def _give_up(self) -> None:
        """Return to the recorded times, since no others explain the latest transactions, and report all problems."""
        taken = [*self._recent]
        doubtful = {
            one.slot
            for one in taken
            if one.one.transaction.block_time is not None and self.times.pop(one.slot, None) is not None
        }
        if not doubtful:
            self._report(taken[-1])
            return
        first = next(index for index, one in enumerate(taken) if one.slot in doubtful)
        now = taken[first].before
        found: list[_Taken] = []
        for one in taken[first:]:
            executed = self._execute(one.one, now, self.time_of(one.one.transaction))
            found.append(_Taken(one.one, now, executed))
            now = executed.after
            self._report(found[-1])
        self._adopt({}, found)

    def _search(self, accepts: Callable[[Executed], bool]) -> bool:
        """Search for times of the latest slots with which the last transaction is accepted, and adopt them."""
        taken = [*self._recent]
        slots = [*dict.fromkeys(SlotRecord(one.slot, one.one.transaction.block_time) for one in taken)]
        left = _MOST_EXECUTIONS
        for times in self._other_times(slots):
            first = next(index for index, one in enumerate(taken) if one.slot in times)
            left -= len(taken) - first
            if left < 0:
                return False
            found = self._again(taken, first, times, accepts)
            if found is not None:
                self._adopt(times, found)
                return True
        return False

    def _other_times(self, slots: Sequence[SlotRecord]) -> Iterator[dict[int, SlotTime]]:
        """Other times of one slot, the latest ones first; then of two slots, one of which has no recorded time."""
        others = [
            [(one.slot, SlotTime(time, "searched")) for time in candidates(slots, index, self._tried(one))]
            for index, one in enumerate(slots)
        ][::-1]
        for choice in others:
            yield from ({slot: time} for slot, time in choice)
        unknown = {one.slot for one in slots if one.recorded is None}
        for one, other in combinations(others, 2):
            if unknown & {slot for slot, _ in (*one[:1], *other[:1])}:
                yield from (dict(pair) for pair in product(one, other))

    def _tried(self, one: SlotRecord) -> int:
        found = self.times.get(one.slot)
        if found is not None:
            return found.unix
        assert one.recorded is not None
        return one.recorded

    def _again(
        self,
        taken: Sequence[_Taken],
        first: int,
        times: dict[int, SlotTime],
        accepts: Callable[[Executed], bool],
    ) -> list[_Taken] | None:
        """The transactions from ``first`` on with other times; None if they have problems that they did not have."""
        now = taken[first].before
        found: list[_Taken] = []
        for one in taken[first:]:
            time = times.get(one.slot) or self.time_of(one.one.transaction)
            executed = self._execute(one.one, now, time)
            is_last = len(found) == len(taken) - first - 1
            if not accepts(executed) if is_last else executed.problems and not one.executed.problems:
                return None
            found.append(_Taken(one.one, now, executed))
            now = executed.after
        return found

    def _adopt(self, times: dict[int, SlotTime], found: Sequence[_Taken]) -> None:
        self.times |= times
        self.revised = self.count - len(found)
        for _ in found:
            self._recent.pop()
        self._recent.extend(found)
        self._snapshots = {number: kept for number, kept in self._snapshots.items() if number <= self.revised}
        for number, one in enumerate(found, self.revised + 1):
            self._keep(number, one.executed.after)
        self.now = found[-1].executed.after

    # --- states ---------------------------------------------------------------------------------------------------

    def _keep(self, number: int, moment: Moment) -> None:
        if number % self._stride == 0:
            self._snapshots[number] = moment

    def _thin_out(self) -> None:
        if len(self._snapshots) > _MOST_SNAPSHOTS:
            self._stride *= 2
            self._snapshots = {number: kept for number, kept in self._snapshots.items() if number % self._stride == 0}
