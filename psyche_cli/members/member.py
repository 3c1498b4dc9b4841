"""A member of a run: what a training client does on-chain, one method per instruction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.environment import Clock, SystemClock
from psyche_cli.errors import NotInEpoch, Refused
from psyche_cli.members.actions import Actions, authorizations_for
from psyche_cli.members.looking import find_run, look_at
from psyche_cli.members.records import WitnessFigures, random_bloom_keys, witness_record
from psyche_cli.members.run_now import Absence
from psyche_cli.members.sending import MemberSender, Outgoing
from psyche_cli.members.treasury import Treasury, claimable_points, treasury_of
from psyche_cli.members.view import RunView
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet


class Member:
    """A member with ``wallet`` of the run ``run_id``, at the cluster of ``rpc``.

    ``p2p_identity`` is the 32-byte network key of the member, by default its wallet's public key. ``authorizer`` is a
    grantee whose delegates include the wallet, for a run that not everyone may join. ``bloom_keys`` returns the keys of
    a Bloom filter, by default random ones. ``clock`` times the delivery of transactions.

    Each method sends one transaction and waits until it has landed. It raises RunNotFound, AccountNotFound for a run
    that was closed, AccountError, the errors of ``MemberSender.send``, and those named below. If the program refuses,
    ``program_error`` and ``program_code`` of the ProgramRefused state why. Methods look at the run first unless they
    are given a recent ``view`` of it.
    """

    def __init__(
        self,
        rpc: RpcClient,
        wallet: Wallet,
        run_id: str,
        *,
        p2p_identity: bytes | None = None,
        authorizer: Pubkey | None = None,
        programs: ProgramIds = PUBLISHED,
        bloom_keys: Callable[[], tuple[int, ...]] = random_bloom_keys,
        clock: Clock | None = None,
    ) -> None:
        self.rpc = rpc
        self.wallet = wallet
        self.run_id = run_id
        self.is_leaving = False
        """Whether the member has decided to leave the run when its epoch ends."""
        self._p2p_identity = bytes(wallet.address) if p2p_identity is None else p2p_identity
        self._authorizer = authorizer
        self._programs = programs
        self._bloom_keys = bloom_keys
        self._sender = MemberSender(rpc, clock or SystemClock(), programs)
        self._actions: Actions | None = None
        self._treasury: Treasury | None = None

    @property
    def address(self) -> Pubkey:
        """The public key of the wallet."""
        return self.wallet.address

    def look(self) -> RunView:
        """The run as the member sees it now: one round trip, or three the first time."""
        instance, treasury = self._known().instance, self._treasury
        more = [] if treasury is None else [treasury.vault, treasury.participant(self.address)]
        run, money = look_at(self.rpc, instance, more, self._programs)
        view = RunView(run, self.address)
        if money:
            vault, participant = money
            view.claimable = claimable_points(view.earned, participant, vault, self._programs)
        return view

    def join(self) -> Receipt:
        """Join the epoch that begins next. A member must join again for every epoch, once the previous one trains.

        Uses the authorization for everyone, that of ``authorizer``, or the wallet's own. Raises MayNotJoin if there is
        none.
        """
        actions = self._known()
        [found] = authorizations_for(self.rpc, actions.instance, [self.address], self._authorizer, self._programs)
        return self._send("join", actions.join(self.address, found, self._p2p_identity))

    def tick(self) -> Receipt:
        """Apply the transition that is due, if any."""
        return self._send("tick", self._known().tick(self.address))

    def report_warmup(self, view: RunView | None = None) -> Receipt:
        """Report that the model is loaded. Raises NotInEpoch for a wallet that is not a client of the epoch."""
        index = self._index(view or self.look())
        return self._send("report of warmup", self._known().report_warmup(self.address, index))

    def witness(
        self,
        figures: WitnessFigures,
        participants: Iterable[Pubkey],
        results: Sequence[bytes],
        view: RunView | None = None,
    ) -> Receipt:
        """Report what the member has seen of the current round.

        ``participants`` are the wallets that it saw training, itself included, and ``results`` the hashes (32 bytes) of
        the results that it received, in the order of the data (``RunView.expected_from``). Raises NotInEpoch for a
        wallet that is not a witness of the round.
        """
        view = view or self.look()
        index, position = self._index(view), view.witness_position
        if position is None:
            raise self._not_in_epoch(view, "is not a witness of this round")
        record = witness_record(position, index, participants, results, self._bloom_keys())
        return self._send("witness", self._known().witness(self.address, record, figures, view.step))

    def report_absent(self, wallet: Pubkey, view: RunView | None = None) -> Receipt:
        """Report a member that was absent from the previous round, so that it is dropped from the epoch.

        Raises Refused if enough witnesses of that round saw it, or if the program does not accept reports now.
        """
        view = view or self.look()
        absence = next((one for one in view.run.absences if one.wallet == wallet), None)
        if absence is None:
            raise Refused(
                f"{wallet} cannot be reported as absent from the previous round of run {self.run_id!r}.",
                hint="Enough witnesses saw it, it is not a client of the epoch, or the epoch is in its first rounds.",
                run_id=self.run_id,
            )
        return self.report(absence)

    def report(self, absence: Absence) -> Receipt:
        """Report an absence from ``RunNow.absences``."""
        return self._send("health check", self._known().report_absent(self.address, absence))

    def checkpoint(self, repo: str | Mapping[str, Any]) -> Receipt:
        """Record where the model is stored, such as ``{"Hub": {"repo_id": "a/b", "revision": None}}``.

        The program ignores a kind that does not fit the run's, for example Hub for a run on Gcs.
        """
        return self._send("checkpoint", self._known().checkpoint(self.address, repo))

    def leave(self) -> None:
        """Leave the run when its epoch ends. Nothing is sent: a member leaves by not joining again.

        A member that stops earlier is absent; others report it, and it earns nothing in this epoch.
        """
        self.is_leaving = True

    def claim(self, points: int | None = None) -> Receipt | None:
        """Claim ``points`` from the run's treasurer, by default all that the member can claim; None if that is nothing.

        One point pays one base unit of the collateral. Creates the member's token account and participant account if
        they do not exist. Raises Refused for a run without a treasurer.
        """
        actions, treasury = self._known(), self._treasury
        if treasury is None:
            raise Refused(f"Run {self.run_id!r} has no treasurer, so it pays no rewards.", run_id=self.run_id)
        points = self.look().claimable if points is None else points
        if points == 0:
            return None
        has_participant = taken(self.rpc.account(treasury.participant(self.address))) is not None
        claim = treasury.claim(actions.build, self.address, points, has_participant=has_participant)
        return self._send("claim", *claim)

    def _known(self) -> Actions:
        """The run's addresses, read once. Raises RunNotFound."""
        if self._actions is None:
            instance = find_run(self.rpc, self.run_id, self._programs)
            self._treasury = treasury_of(self.rpc, instance, self._programs)
            self._actions = Actions(instance, self._programs)
        return self._actions

    def _index(self, view: RunView) -> int:
        if view.index is None:
            raise self._not_in_epoch(view, "is not a client of this epoch")
        return view.index

    def _not_in_epoch(self, view: RunView, why: str) -> NotInEpoch:
        return NotInEpoch(
            f"{self.address} {why} of run {self.run_id!r}, which is {view.state.text}.",
            hint="A member takes part in an epoch if it joins before the epoch begins.",
            run_id=self.run_id,
            wallet=str(self.address),
            state=view.state.text,
            epoch=view.epoch,
        )

    def _send(self, label: str, *instructions: Instruction) -> Receipt:
        return self._sender.send(Outgoing(self.wallet, instructions, label))
