"""The comparison of a transaction's simulation with its plan, before anything is signed.

The simulation returns every account that the transaction may change, as it is afterwards, and the clock of the same
bank. The plan predicts these accounts from what the operation has read. Everything must match: each planned value, the
money, and that nothing else has changed.

An account may have changed between the read and the simulation, for example because a client of the run has sent a
witness. After a difference, the accounts are therefore read again and the transaction is simulated again, both in one
request if the endpoint takes batches: hardly any time passes between the two then, even on a run that changes with
every slot. A difference is an error if the accounts are the same as before, and the simulation was not older than they,
or if there is one in each of ten attempts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountError, EffectDifference, UnplannedEffects
from psyche_cli.model.execution import Clock
from psyche_cli.model.leaves import Leaf, same, shown_leaf
from psyche_cli.operations.effects.ledger import NEW_VALUE, Effects, Ledger, Unpredictable
from psyche_cli.operations.effects.states import AccountState, leaves_of, state_of
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.nonces import Nonce
from psyche_cli.solana.programs import CLOCK_SYSVAR
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.sending.preparing import Prepared

_MOST_ATTEMPTS: Final = 10


class Observed(NamedTuple):
    """The accounts that a transaction may change: before it, and after its simulation."""

    before: Mapping[Pubkey, AccountState | None]
    after: Mapping[Pubkey, AccountState | None]


class Comparison:
    """Compares the simulation of one transaction with its plan; a check for ``Sender.send``.

    ``written`` are the accounts that the transaction may change. ``created`` are those of them with their own key that
    it creates, which need not be read. ``warn`` receives a line if the node does not return the accounts. Afterwards,
    ``observed`` are the accounts, or None if they were not compared.
    """

    def __init__(
        self,
        rpc: RpcClient,
        programs: ProgramIds,
        effects: Effects,
        written: Sequence[Pubkey],
        created: Sequence[Pubkey],
        warn: Callable[[str], None],
    ) -> None:
        self._rpc = rpc
        self._programs = programs
        self._effects = effects
        self._written = written
        self._created = frozenset(created)
        self._warn = warn
        self._attempts = 0
        self._earlier: tuple[dict[Pubkey, RawAccount | None], list[EffectDifference]] | None = None
        self._after: dict[Pubkey, RawAccount | None] = {}
        self._planned: Mapping[Pubkey, AccountState | None] = {}
        self.observed: Observed | None = None

    @property
    def accounts(self) -> Sequence[Pubkey]:
        """The accounts that the simulation must return."""
        return (*self._written, CLOCK_SYSVAR)

    @property
    def reads(self) -> Sequence[Pubkey]:
        """The accounts to read again with the next simulation: after a difference, all that may change."""
        return self._written if self._attempts > 0 else ()

    def accepts(self, prepared: Prepared) -> bool:
        """Whether the simulation shows the planned effects and no others; False if it must be repeated.

        Raises UnplannedEffects for a difference that is not due to changes in the meantime.
        """
        if prepared.simulation.accounts is None:
            self._warn(
                f"Warning: {self._rpc.label} does not return the accounts of a simulation, so the effects of this "
                "transaction were not compared with the plan."
            )
            return True
        *accounts, clock = prepared.simulation.accounts
        self._after = dict(zip(self._written, accounts, strict=True))
        slot, before = self._before()
        differences = self._differences(before, prepared, clock)
        if not differences:
            return True
        if self._earlier is not None and before == self._earlier[0]:
            raise unplanned(self._earlier[1])
        self._attempts += 1
        if self._attempts == _MOST_ATTEMPTS:
            raise unplanned(differences, changing=True)
        simulated = prepared.simulation.slot
        self._earlier = (before, differences) if simulated >= slot else None
        self._rpc.require_slot(max(slot, simulated))
        return False

    def remember(self, slot: int) -> None:
        """Treat the accounts after the simulation as read, since the transaction has landed in ``slot``.

        Not those of nonces: their new values depend on the block.
        """
        self._rpc.remember(
            slot,
            {address: raw for address, raw in self._after.items() if _nonce_of(self._planned.get(address)) is None},
        )

    def _before(self) -> tuple[int, dict[Pubkey, RawAccount | None]]:
        """The accounts as they were last read, and the latest slot of these reads."""
        unread = [key for key in self._written if key not in self._created and self._rpc.last_read(key) is None]
        if unread:
            self._rpc.accounts(unread)
        found = {address: self._rpc.last_read(address) or (0, None) for address in self._written}
        return max(slot for slot, _ in found.values()), {address: raw for address, (_, raw) in found.items()}

    def _differences(
        self, before: Mapping[Pubkey, RawAccount | None], prepared: Prepared, clock: RawAccount | None
    ) -> list[EffectDifference]:
        states = {address: state_of(raw, self._programs) for address, raw in before.items()}
        time = decode_clock(clock)
        ledger = Ledger(states, prepared.payer, Clock(time.unix_timestamp, time.slot))
        try:
            self._effects(ledger)
            ledger.charge_fee(prepared.fee_lamports)
            after = {address: state_of(raw, self._programs) for address, raw in self._after.items()}
        except Unpredictable as problem:
            return [EffectDifference(message=str(problem))]
        except AccountError as error:
            return [EffectDifference(message=error.message)]
        self._planned = ledger.accounts
        self.observed = Observed(states, after)
        return [
            difference
            for address in self._written
            for difference in differences_of(address, states[address], ledger.accounts.get(address), after[address])
        ]


def _nonce_of(state: AccountState | None) -> Nonce | None:
    return state.content if state is not None and isinstance(state.content, Nonce) else None


def _settled(
    before: AccountState | None, planned: AccountState | None, after: AccountState | None
) -> AccountState | None:
    """The plan of an account with what it leaves open: a new value of a nonce, and the fee that is kept with it."""
    old, wanted, found = map(_nonce_of, (before, planned, after))
    if planned is None or wanted is None or found is None or wanted.value != NEW_VALUE:
        return planned
    if old is not None and old.value == found.value:
        return planned
    return planned._replace(content=found._replace(is_current=wanted.is_current, authority=wanted.authority))


def differences_of(
    address: Pubkey, before: AccountState | None, planned: AccountState | None, after: AccountState | None
) -> list[EffectDifference]:
    """The values of an account that are not as planned."""
    planned = _settled(before, planned, after)
    if planned == after:
        return []
    old, wanted, found = leaves_of(before), leaves_of(planned), leaves_of(after)
    state = planned or after
    kind = "account" if state is None else state.kind
    return [
        _difference(address, kind, path, old.get(path), wanted.get(path), found.get(path))
        for path in dict.fromkeys((*wanted, *found))
        if not same(wanted.get(path), found.get(path))
    ]


def _difference(address: Pubkey, kind: str, path: str, before: Leaf, planned: Leaf, after: Leaf) -> EffectDifference:
    return EffectDifference(
        address=str(address),
        account=kind,
        path=path,
        before=before,
        planned=planned,
        after=after,
        message=f"{path} of the {kind} {address} would change from {shown_leaf(before)} to "
        f"{shown_leaf(after)}; planned: {shown_leaf(planned)}.",
    )


def unplanned(differences: Sequence[EffectDifference], *, changing: bool = False) -> UnplannedEffects:
    """The error for a transaction whose simulation differs from its plan, while the accounts are ``changing``."""
    count = "1 difference" if len(differences) == 1 else f"{len(differences)} differences"
    return UnplannedEffects(
        f"The simulation of the transaction shows unplanned effects ({count}).",
        hint="The transaction was not signed. Its accounts change all the time: try again later."
        if changing
        else "The transaction was not signed. The program may have been upgraded: check for a newer psyche-cli.",
        differences=tuple(differences),
    )
