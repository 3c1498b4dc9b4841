"""Simulated members of a run in one process, without training.

What they send is decided by ``next_step``, as for any member. A seed decides how long they train and who ticks.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.amounts import LAMPORTS_PER_SOL
from psyche_cli.environment import Clock
from psyche_cli.errors import ProgramRefused, PsycheError
from psyche_cli.members.actions import Actions, authorizations_for
from psyche_cli.members.looking import find_run, look_at
from psyche_cli.members.next_step import (
    Checkpoint,
    Join,
    Memory,
    ReportAbsent,
    ReportWarmup,
    Step,
    Tick,
    Witness,
    next_step,
)
from psyche_cli.members.records import WitnessFigures, witness_record
from psyche_cli.members.run_now import RoundId, RunNow
from psyche_cli.members.sending import MemberSender, Outgoing
from psyche_cli.members.treasury import claimable_points, treasury_of
from psyche_cli.members.view import RunView
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet

FUNDED_LAMPORTS: Final = LAMPORTS_PER_SOL
"""What a simulated member is given by the faucet, if it holds less than a tenth of that."""


class Habits(NamedTuple):
    """How simulated members behave.

    ``train_seconds`` is the time in which they train a round, by default a random one of at most three quarters of
    ``max_round_train_time``. The last ``absent`` members join and report that they are ready, but then neither train
    nor witness; the others report them.
    """

    train_seconds: int | None = None
    absent: int = 0


class Claimed(NamedTuple):
    """The points that a member has earned in all, and those that it has claimed just now."""

    wallet: Pubkey
    earned: int
    claimed: int


def simulated_wallets(run_id: str, seed: int, count: int) -> list[Wallet]:
    """The wallets of the simulated members of a run, which depend on the seed only.

    Everyone can compute their keys, so they are for local validators.
    """
    return [
        Wallet(Keypair.from_seed(hashlib.sha256(f"{run_id}\0{seed}\0{number}".encode()).digest()), "a simulated member")
        for number in range(count)
    ]


class Crowd:
    """Simulated members with ``wallets`` of the run ``run_id``, at a local validator.

    ``sent`` counts the transactions that landed by their label, and ``refused`` those that the program refused, because
    the run had changed meanwhile or a member cannot join. Raises RunNotFound, AccountError.
    """

    def __init__(
        self,
        rpc: RpcClient,
        run_id: str,
        wallets: Sequence[Wallet],
        *,
        seed: int = 0,
        habits: Habits | None = None,
        clock: Clock,
        programs: ProgramIds = PUBLISHED,
    ) -> None:
        self.rpc = rpc
        self.wallets = list(wallets)
        self.sent: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.last_signature: str | None = None
        self.instance = find_run(rpc, run_id, programs)
        self.treasury = treasury_of(rpc, self.instance, programs)
        self._programs = programs
        self._actions = Actions(self.instance, programs)
        self._sender = MemberSender(rpc, clock, programs)
        self._habits = habits or Habits()
        self._random = random.Random(f"{run_id}\0{seed}")
        self._bloom_keys = tuple(self._random.getrandbits(64) for _ in range(8))
        self._memories = [Memory(saves=True, claims=False) for _ in self.wallets]
        self._absent = {wallet.address for wallet in self.wallets[len(self.wallets) - self._habits.absent :]}
        self._excluded: set[Pubkey] = set()
        self._permits: dict[Pubkey, Pubkey] = {}
        self._round: RoundId | None = None
        self._trained_at = 0

    def prepare(self) -> None:
        """Find the members' authorizations to join, and fund wallets that hold too little.

        Raises MayNotJoin before anything is sent, and NetworkError if the faucet refuses.
        """
        addresses = [wallet.address for wallet in self.wallets]
        permits = authorizations_for(self.rpc, self.instance, addresses, programs=self._programs)
        self._permits = dict(zip(addresses, permits, strict=True))
        fund_from_faucet(self.rpc, addresses)

    def look(self) -> RunNow:
        """The run now. Raises AccountNotFound if it was closed."""
        return look_at(self.rpc, self.instance, programs=self._programs)[0]

    def act(self, run: RunNow) -> bool:
        """Send what the members have to send now; whether there was anything.

        Raises the error of the first transaction if all failed, and MayNotJoin.
        """
        if run.round_id != self._round and RunView(run, self.instance.address).is_training:
            self._begin_round(run)
        is_trained = self._round == run.round_id and run.now >= self._trained_at
        steps: list[tuple[Wallet, Step]] = []
        for number, wallet in enumerate(self.wallets):
            if wallet.address in self._excluded:
                continue
            if is_trained and wallet.address not in self._absent:
                self._memories[number] = self._memories[number]._replace(complete=run.round_id)
            steps.append((wallet, next_step(RunView(run, wallet.address), self._memories[number])))
        outgoing = self._outgoing(run, steps)
        self._send(outgoing)
        return bool(outgoing)

    def wakes_at(self, run: RunNow) -> int:
        """When a member has something to do again, in Unix seconds of the cluster; 0 if that depends on others."""
        is_training = self._round == run.round_id and run.now < self._trained_at
        times = [time for time in (run.due_at, self._trained_at if is_training else 0) if time > 0]
        return min(times, default=0)

    def claim(self) -> list[Claimed]:
        """Claim the rewards of all members that ever joined, in order, as far as the vault can pay them.

        Without a treasurer, nothing is claimed.
        """
        treasury, addresses = self.treasury, [wallet.address for wallet in self.wallets]
        more = [] if treasury is None else [treasury.vault, *map(treasury.participant, addresses)]
        run, found = look_at(self.rpc, self.instance, more, self._programs)
        earned = {client.id.signer: client.earned for client in run.account.clients}
        points = [earned.get(bytes(address), 0) for address in addresses]
        paid, outgoing = [0] * len(points), []
        if treasury is not None:
            vault, *participants = found
            left = claimable_points(sum(points), None, vault, self._programs)
            for number, (wallet, participant) in enumerate(zip(self.wallets, participants, strict=True)):
                amount = min(claimable_points(points[number], participant, vault, self._programs), left)
                if amount > 0:
                    exists = taken(participant) is not None
                    claim = treasury.claim(self._actions.build, wallet.address, amount, has_participant=exists)
                    outgoing.append(Outgoing(wallet, claim, "claim"))
                    paid[number], left = amount, left - amount
            self._send(outgoing)
        return [Claimed(*one) for one in zip(addresses, points, paid, strict=True)]

    def annotate(self, error: PsycheError) -> None:
        """Record in an error whether a transaction of the members may have reached the cluster, and the last one."""
        error.sent = error.sent or bool(self.last_signature)
        error.signature = error.signature or self.last_signature

    def _begin_round(self, run: RunNow) -> None:
        """Begin to train the round: it is trained as soon as the slowest member is done."""
        self._round = run.round_id
        longest = run.account.config["max_round_train_time"]
        seconds = self._habits.train_seconds
        chosen = self._random.randint(1, max(longest * 3 // 4, 1))
        self._trained_at = run.now + (chosen if seconds is None else seconds)
        self._memories = [memory._replace(trained=run.round_id) for memory in self._memories]

    def _outgoing(self, run: RunNow, steps: Sequence[tuple[Wallet, Step]]) -> list[Outgoing]:
        """The transactions for these steps: of several members that would do the same once, one does it."""
        by_kind: dict[type, list[tuple[Wallet, Any]]] = {}
        for wallet, step in steps:
            by_kind.setdefault(type(step), []).append((wallet, step))
        if Join in by_kind:
            return [self._join(wallet) for wallet, _ in by_kind[Join]]
        if ReportWarmup in by_kind:
            missing = run.expected_reports - len(run.reported)
            return self._reports(run, [wallet for wallet, _ in by_kind[ReportWarmup]][:missing])
        if Witness in by_kind:
            return self._witnesses(run, [wallet for wallet, _ in by_kind[Witness]])
        if ReportAbsent in by_kind:
            [(wallet, step), *_] = by_kind[ReportAbsent]
            return [Outgoing(wallet, [self._actions.report_absent(wallet.address, step.absence)], "health check")]
        if Checkpoint in by_kind:
            [(wallet, step)] = by_kind[Checkpoint]
            return self._checkpoint(run, wallet, step.epoch)
        if Tick in by_kind:
            wallet, _ = self._random.choice(by_kind[Tick])
            return [Outgoing(wallet, [self._actions.tick(wallet.address)], "tick")]
        return []

    def _join(self, wallet: Wallet) -> Outgoing:
        address = wallet.address
        return Outgoing(wallet, [self._actions.join(address, self._permits[address], bytes(address))], "join")

    def _reports(self, run: RunNow, wallets: Sequence[Wallet]) -> list[Outgoing]:
        indexes = [run.indexes[bytes(wallet.address)] for wallet in wallets]
        first = self._actions.report_warmup(wallets[0].address, indexes[0])
        reports = [
            self._actions.same_report(first, wallet.address, index, index)
            for wallet, index in zip(wallets, indexes, strict=True)
        ]
        return [Outgoing(wallet, [one], "warmup report") for wallet, one in zip(wallets, reports, strict=True)]

    def _witnesses(self, run: RunNow, wallets: Sequence[Wallet]) -> list[Outgoing]:
        """The records of witnesses, which have seen the same members and results."""
        seen = [client.id.wallet for client in run.account.epoch_clients if client.id.wallet not in self._absent]
        results = [
            hashlib.sha256(f"{run.round_id}\0{share.sequences}".encode()).digest()
            for share in run.shares
            if share.wallet not in self._absent
        ]
        record = witness_record(0, 0, seen, results, self._bloom_keys)
        loss = 10.0 / (1.0 + run.account.step) ** 0.5
        figures = WitnessFigures(loss=loss, tokens_per_sec=1000.0, bandwidth_per_sec=1000.0, efficiency=1.0)
        first = self._actions.witness(wallets[0].address, record, figures, run.account.step)
        outgoing = []
        for wallet in wallets:
            index = run.indexes[bytes(wallet.address)]
            one = self._actions.same_report(first, wallet.address, run.witness_positions[index], index)
            outgoing.append(Outgoing(wallet, [one], "witness"))
        return outgoing

    def _checkpoint(self, run: RunNow, wallet: Wallet, epoch: int) -> list[Outgoing]:
        """The record of an uploaded model: the repository of the run, with the epoch as its revision."""
        number = self.wallets.index(wallet)
        self._memories[number] = self._memories[number]._replace(saved=epoch)
        repo = uploaded(RunView(run, wallet.address).checkpoint, epoch)
        if repo is None:
            return []
        return [Outgoing(wallet, [self._actions.checkpoint(wallet.address, repo)], "checkpoint")]

    def _send(self, outgoing: Sequence[Outgoing]) -> None:
        outcomes: list[Receipt | PsycheError] = self._sender.send_all(outgoing)
        for outcome in outcomes:
            self.last_signature = outcome.signature or self.last_signature
        errors = [outcome for outcome in outcomes if isinstance(outcome, PsycheError)]
        for error in errors:
            if not isinstance(error, ProgramRefused):
                raise error
        if errors and len(errors) == len(outcomes):
            raise errors[0]
        for one, outcome in zip(outgoing, outcomes, strict=True):
            (self.sent if isinstance(outcome, Receipt) else self.refused)[one.label] += 1
            if one.label == "join" and not isinstance(outcome, Receipt):
                self._excluded.add(one.wallet.address)


def uploaded(checkpoint: Any, epoch: int) -> dict[str, Any] | None:
    """What a member records after uploading the model: ``checkpoint`` of the account with ``epoch`` as the revision.

    None for a kind without a repository.
    """
    match checkpoint:
        case {"Hub": repo} | {"P2P": repo}:
            return {"Hub": {"repo_id": repo["repo_id"], "revision": f"epoch-{epoch}"}}
        case {"Gcs": repo} | {"P2PGcs": repo}:
            return {"Gcs": {"bucket": repo["bucket"], "prefix": f"epoch-{epoch}"}}
    return None


def fund_from_faucet(rpc: RpcClient, addresses: Sequence[Pubkey]) -> None:
    """Have the faucet of a local validator fund the wallets that hold little. Raises NetworkError if it refuses."""
    for address, raw in zip(addresses, rpc.accounts(addresses), strict=True):
        if raw is None or raw.lamports < FUNDED_LAMPORTS // 10:
            rpc.request_airdrop(address, FUNDED_LAMPORTS)
