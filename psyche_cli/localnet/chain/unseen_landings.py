"""Landings that no client knows of yet.

A cluster confirms a transaction about one slot after it has landed, and then notifies all who have subscribed by then.
Here it is confirmed at once; so that a client whose subscription arrives a moment later misses nothing, the newest
landings are remembered until a client has learned of them at the commitment of the subscription or a higher one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.environment import Clock
from psyche_cli.localnet.chain.commitment import Commitment
from psyche_cli.localnet.chain.history import TransactionRecord

SECONDS: Final = 0.4
"""How long a landing is remembered."""

_MOST: Final = 1000
_MOST_READS: Final = 4000


@dataclass(slots=True)
class _Landing:
    number: int
    at: float
    record: TransactionRecord
    known: Commitment = Commitment.PROCESSED


class _Reads:
    """The newest landing before the last read of an address, for each commitment. The latest 4000 addresses."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[Pubkey, tuple[int, int]] = OrderedDict()

    def add(self, address: Pubkey, number: int, commitment: Commitment) -> None:
        finalized = number if commitment is Commitment.FINALIZED else self._numbers.get(address, (0, 0))[1]
        self._numbers[address] = (number, finalized)
        self._numbers.move_to_end(address)
        if len(self._numbers) > _MOST_READS:
            self._numbers.popitem(last=False)

    def of(self, address: Pubkey, commitment: Commitment) -> int:
        return self._numbers.get(address, (0, 0))[commitment is Commitment.FINALIZED]

    def clear(self) -> None:
        self._numbers.clear()


class UnseenLandings:
    """The landings of the last 0.4 seconds that nobody has learned of, at most 1000.

    What a client learns at ``processed`` does not count, since no notification of that commitment is ever late.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._landed: OrderedDict[Signature, _Landing] = OrderedDict()
        self._newest = 0
        self._accounts = _Reads()
        self._programs = _Reads()
        self._due: dict[Signature, list[Callable[[], None]]] = {}

    def add(self, record: TransactionRecord) -> None:
        """Remember a landing."""
        now = self._clock.monotonic()
        self._newest += 1
        self._landed[record.signature] = _Landing(self._newest, now, record)
        self._forget(now - SECONDS)

    def _forget(self, before: float) -> None:
        landed = self._landed
        while landed and (len(landed) > _MOST or next(iter(landed.values())).at < before):
            landed.popitem(last=False)
        if not landed:
            self._accounts.clear()
            self._programs.clear()

    @property
    def may_exist(self) -> bool:
        """Whether anything has landed lately, or is about to be reported."""
        return bool(self._landed or self._due)

    def seen(self, signature: Signature, commitment: Commitment = Commitment.FINALIZED) -> None:
        """A client has learned of a landing, by its status, its transaction, a list or its signature's notification.

        Notifications of accounts and logs do not count: they come at once, and to others than who has sent it.
        """
        landing = self._landed.get(signature)
        if landing is not None:
            landing.known = max(landing.known, commitment)

    def report_before_answers(self, signature: Signature, report: Callable[[], None]) -> None:
        """Call ``report`` before the response to a client that asks for a landing, unless it is withdrawn by then."""
        self._due.setdefault(signature, []).append(report)

    def withdraw(self, signature: Signature, report: Callable[[], None]) -> None:
        """Do not call ``report`` any more."""
        reports = self._due.get(signature, [])
        if report in reports:
            reports.remove(report)
            if not reports:
                del self._due[signature]

    def asked(self, signature: Signature, commitment: Commitment = Commitment.FINALIZED) -> None:
        """A client has asked for a landing, and is about to get the response."""
        for report in self._due.pop(signature, ()):
            report()
        self.seen(signature, commitment)

    def account_read(self, address: Pubkey, commitment: Commitment) -> None:
        """A client has read an account."""
        if self._landed and commitment is not Commitment.PROCESSED:
            self._accounts.add(address, self._newest, commitment)

    def program_read(self, program: Pubkey, commitment: Commitment) -> None:
        """A client has read the accounts of a program."""
        if self._landed and commitment is not Commitment.PROCESSED:
            self._programs.add(program, self._newest, commitment)

    @property
    def newest(self) -> int:
        """The number of the newest landing, with which later calls can leave out those after it."""
        return self._newest

    def records(
        self, commitment: Commitment, mentioned: Pubkey | None = None, *, up_to: int | None = None
    ) -> list[TransactionRecord]:
        """The landings that nobody has learned of at this commitment, oldest first.

        With ``mentioned``, only those that involve this account and after which nobody has read it.
        """
        unknown = self._unknown(commitment, up_to)
        if mentioned is not None:
            read = self._accounts.of(mentioned, commitment)
            unknown = [it for it in unknown if it.number > read and mentioned in it.record.keys]
        return [landing.record for landing in unknown]

    def changed(
        self,
        commitment: Commitment,
        about: Pubkey,
        owner_of: Callable[[Pubkey], Pubkey | None],
        *,
        by_owner: bool,
        up_to: int,
    ) -> dict[Pubkey, None]:
        """The accounts that these landings have changed and that nobody has read since, by themselves or by owner.

        Only the account ``about`` or, ``by_owner``, those that it owns.
        """
        found: dict[Pubkey, None] = {}
        for landing in self._unknown(commitment, up_to):
            for address in landing.record.changed:
                if address in found or (not by_owner and address != about):
                    continue
                owner = owner_of(address)
                if by_owner and owner != about:
                    continue
                owner_read = 0 if owner is None else self._programs.of(owner, commitment)
                if landing.number > max(self._accounts.of(address, commitment), owner_read):
                    found[address] = None
        return found

    def _unknown(self, commitment: Commitment, up_to: int | None) -> list[_Landing]:
        self._forget(self._clock.monotonic() - SECONDS)
        last = self._newest if up_to is None else up_to
        return [it for it in self._landed.values() if it.known < commitment and it.number <= last]

    def clear(self) -> None:
        """Forget all landings."""
        self._landed.clear()
        self._forget(0)
