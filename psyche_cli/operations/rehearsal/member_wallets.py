"""The wallets of the members of an existing run: where they come from, what they need, and who pays for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.amounts import format_sol
from psyche_cli.errors import InsufficientFunds, UsageError
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE, PARTICIPANT_BYTES, TOKEN_ACCOUNT_BYTES
from psyche_cli.model.simulation.engine import Simulation
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.rehearsal.setup import drawn_wallet
from psyche_cli.operations.status.diagnosis.finding import counted
from psyche_cli.rehearsal.settings import name_of
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet, load_keypair_file

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

_PER_ROUND: Final = 3
"""A witness, a tick and a report of an absent member: the most that a member sends in a usual round."""
_PER_EPOCH: Final = 6
"""Joining, the report of warmup, a checkpoint, and the ticks between the states."""
_SPARE: Final = 10


def load_wallets(environment: Environment, request: Request) -> list[Wallet]:
    """The wallets of the members: those of the request, or wallets that follow from its seed.

    They are hidden in all output. Raises WalletError, and UsageError if two members have the same wallet.
    """
    if not request.member_wallets:
        names = [f"{request.run_id} {name_of(number)}" for number in range(1, request.members + 1)]
        wallets = [drawn_wallet(request.seed, name) for name in names]
        for wallet in wallets:
            wallet.hide_in(environment.redactor)
        return wallets
    warn = environment.diagnostics.line
    wallets = [load_keypair_file(path, warn, environment.redactor) for path in request.member_wallets]
    files: dict[str, Path] = {}
    for path, wallet in zip(request.member_wallets, wallets, strict=True):
        earlier = files.setdefault(str(wallet.address), path)
        if earlier is not path:
            raise UsageError(
                f"--member-wallet {earlier} and {path} are the same wallet, {wallet.address}.",
                hint="Each member needs a wallet of its own.",
            )
    return wallets


class Costs(NamedTuple):
    """What a member may pay during a rehearsal, in lamports: ``fees``, and ``rent`` for accounts that remain.

    ``reserve`` is what its wallet must hold all the time.
    """

    fees: int
    rent: int
    reserve: int

    @property
    def total(self) -> int:
        """What its wallet needs before the rehearsal."""
        return self.fees + self.rent + self.reserve


def costs_of(rpc: RpcClient, prediction: Simulation, *, pays_tokens: bool) -> Costs:
    """The costs of one member, if the run goes as predicted. A member of a run that ``pays_tokens`` claims them."""
    rounds = sum(one.rounds for one in prediction.epochs)
    transactions = _SPARE + _PER_EPOCH * (len(prediction.epochs) + 1) + _PER_ROUND * rounds
    sizes = (PARTICIPANT_BYTES, TOKEN_ACCOUNT_BYTES) if pays_tokens else ()
    return Costs(
        fees=transactions * LAMPORTS_PER_SIGNATURE,
        rent=sum(map(rpc.rent_exempt_minimum, sizes)),
        reserve=rpc.rent_exempt_minimum(0),
    )


def plan_of(cluster: str, run_id: str, members: int, costs: Costs) -> str:
    """What a rehearsal on a cluster without a local validator costs and does, as sentences."""
    each, all_of_them = format_sol(costs.fees + costs.rent), format_sol(members * (costs.fees + costs.rent))
    return (
        f"{counted(members, 'member')} will join run {run_id} on {cluster} with their own wallets. If the run goes as "
        f"predicted, each pays up to {each} SOL ({format_sol(costs.fees)} in fees, {format_sol(costs.rent)} in rent), "
        f"together up to {all_of_them} SOL. They train a small model of their own, so other members of the run cannot "
        "use their results, but they are paid from its vault like all members."
    )


def require_funded(rpc: RpcClient, wallets: Sequence[Wallet], costs: Costs) -> None:
    """Raise InsufficientFunds unless each member has what it needs."""
    accounts = rpc.accounts([wallet.address for wallet in wallets])
    balances = [0 if raw is None else raw.lamports for raw in accounts]
    short = [(wallet, held) for wallet, held in zip(wallets, balances, strict=True) if held < costs.total]
    if not short:
        return
    parts = ", ".join(
        f"{wallet.address} holds {format_sol(held)} and lacks {format_sol(costs.total - held)}"
        for wallet, held in short
    )
    wallet, held = short[0]
    raise InsufficientFunds(
        f"{len(short)} of {counted(len(wallets), 'member')} cannot pay for the rehearsal, which needs "
        f"{format_sol(costs.total)} SOL in each wallet: {parts}.",
        hint="Transfer SOL to these wallets, or rehearse fewer epochs. Nothing was sent.",
        wallet=str(wallet.address),
        balance=held,
        needed=costs.total,
    )
