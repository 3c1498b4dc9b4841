"""Reads several runs again and again, in as few round trips as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.errors import AccountError, NotFound, PsycheError, RunNotFound, UsageError
from psyche_cli.operations.runs.find import LocatedRun, locate_runs
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.status.observation import Observation, addresses_of, observation_of
from psyche_cli.operations.status.show import show_data
from psyche_cli.solana.cluster_clock import ClusterClock, decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.rpc.deadline import Deadline

if TYPE_CHECKING:
    from psyche_cli.operations.status.show_payloads import ShowData
    from psyche_cli.solana.raw_account import RawAccount
    from psyche_cli.solana.rpc.types import AddressSignature

LONGEST_READ: Final = 10.0
"""Seconds after which a reading is given up."""

_RUNS_PER_CALL: Final = 16
"""Each has up to 6 accounts, and one call reads at most 100."""
_LIST_SECONDS: Final = 60.0
"""How long the list of all runs is used."""


class RunReading(NamedTuple):
    """A run as it was read.

    ``authority_lamports`` is the balance of the wallet that administers it. If the run cannot be read, ``problem`` says
    why, and ``observation`` and ``shown`` are None.
    """

    run_id: str
    located: LocatedRun | None = None
    observation: Observation | None = None
    shown: ShowData | None = None
    authority_lamports: int = 0
    problem: PsycheError | None = None


class Reading(NamedTuple):
    """Runs as they were read, and the clock of the cluster. ``read_at`` is a Unix time of this machine."""

    clock: ClusterClock
    read_at: float
    runs: tuple[RunReading, ...]


class RunReader:
    """Reads the runs ``run_ids``, or all runs of the cluster if it is None. For one thread at a time.

    ``treasurer_index`` is the custom index of a single run. The first reading takes two round trips per 16 runs, and a
    later one takes one, unless a run was closed or created again. The list of all runs takes three more, and is read
    again after a minute.
    """

    def __init__(self, session: Session, run_ids: Sequence[str] | None, *, treasurer_index: int | None = None) -> None:
        self._session = session
        self._run_ids = None if run_ids is None else list(dict.fromkeys(run_ids))
        self._index = treasurer_index
        self._listed: list[str] = []
        self._list_until = 0.0
        self._located: dict[str, LocatedRun] = {}

    def read(self) -> Reading:
        """The runs as they are now, with the newest transaction of each. Raises NetworkError, UsageError."""
        clock = self._session.feed.clock
        session = self.session()
        run_ids = self._wanted(session)
        read: dict[str, RunReading] = {}
        time = decode_clock(session.rpc.account(CLOCK_SYSVAR)) if not run_ids else None
        for start in range(0, len(run_ids), _RUNS_PER_CALL):
            chunk = run_ids[start : start + _RUNS_PER_CALL]
            again = chunk
            for _ in range(2):  # once more for runs that were created again meanwhile
                read |= self._locate(session, again)
                found, part = self._read(session, [run_id for run_id in again if run_id in self._located])
                time = time or found
                read |= part
                again = [run_id for run_id in again if run_id not in read]
                if not again:
                    break
            read |= {run_id: RunReading(run_id, problem=_changing(run_id)) for run_id in again}
        assert time is not None  # at least one call has read it
        return Reading(time, clock.unix_time(), tuple(read[run_id] for run_id in run_ids))

    def session(self) -> Session:
        """A session for one reading, which ends after LONGEST_READ."""
        base = self._session
        rpc = base.rpc.within(Deadline(base.feed.clock, LONGEST_READ))
        return Session(rpc, base.programs, base.notify, base.given, base.feed)

    def _wanted(self, session: Session) -> list[str]:
        if self._run_ids is not None:
            return self._run_ids
        now = session.feed.clock.monotonic()
        if now >= self._list_until:
            from psyche_cli.operations.observe.list_runs import RunFilter, list_runs

            self._listed = [run.run_id for run in list_runs(session, RunFilter()).data.runs]
            self._list_until = now + _LIST_SECONDS
        return self._listed

    def _locate(self, session: Session, run_ids: Sequence[str]) -> dict[str, RunReading]:
        """Locate the runs that are not located yet. Returns those that cannot be."""
        unknown = [run_id for run_id in run_ids if run_id not in self._located]
        failed = {}
        if unknown:
            found = locate_runs(session, [(run_id, self._index) for run_id in unknown])
            for run_id, located in zip(unknown, found, strict=True):
                if isinstance(located, UsageError):
                    raise located
                if isinstance(located, LocatedRun):
                    self._located[run_id] = located
                else:
                    failed[run_id] = RunReading(run_id, problem=located)
        return failed

    def _read(self, session: Session, run_ids: Sequence[str]) -> tuple[ClusterClock, dict[str, RunReading]]:
        """Read located runs. Those that are no longer there, or have other accounts now, are left out and forgotten."""
        runs = [self._located[run_id] for run_id in run_ids]
        parts = [(one.instance.address, one.main_authority, *addresses_of(one)) for one in runs]
        wanted = list(dict.fromkeys([CLOCK_SYSVAR, *(address for part in parts for address in part)]))
        accounts = [one.instance.coordinator_account for one in runs]
        found, signatures = session.rpc.accounts_and_signatures_of(wanted, accounts, limit=1)
        by_address = dict(zip(wanted, found, strict=True))
        read = {}
        for run, part, latest in zip(runs, parts, signatures, strict=True):
            raw = [by_address[address] for address in part]
            if _is_same(run, raw[0]):
                read[run.run_id] = self._one(session, run, raw, latest)
            else:
                del self._located[run.run_id]
        return decode_clock(by_address[CLOCK_SYSVAR]), read

    @staticmethod
    def _one(
        session: Session, run: LocatedRun, raw: Sequence[RawAccount | None], latest: list[AddressSignature]
    ) -> RunReading:
        try:
            observation = observation_of(run, raw[2:])
            shown = show_data(observation, latest, session.given)
        except (NotFound, AccountError) as error:
            return RunReading(run.run_id, run, problem=error)
        lamports = 0 if raw[1] is None else raw[1].lamports
        return RunReading(run.run_id, run, observation, shown, lamports)


def _is_same(run: LocatedRun, instance: RawAccount | None) -> bool:
    """Whether a run still has the accounts that were located, by its instance as it is now."""
    from psyche_cli.protocol.accounts.small_accounts import decode_instance

    if instance is None or not instance.is_taken:
        return False
    try:
        return decode_instance(instance, run.programs) == run.instance
    except AccountError:
        return False


def _changing(run_id: str) -> PsycheError:
    return RunNotFound(
        f"Run {run_id!r} is being closed and created again.", hint="It is read again at the next time.", run_id=run_id
    )
