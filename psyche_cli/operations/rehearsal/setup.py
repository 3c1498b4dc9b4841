"""What a rehearsal needs on the cluster: a local validator that stands still, wallets, and a funded run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount
from psyche_cli.environment import Clock
from psyche_cli.errors import LocalnetError, PsycheError
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.operations.authorizations.create import create_join_authorization
from psyche_cli.operations.config.update_config import ConfigChanges, update_config
from psyche_cli.operations.elsewhere import Keys
from psyche_cli.operations.localnet.wallets_and_mints import new_mint
from psyche_cli.operations.rewards.set_future_epoch_rates import set_future_epoch_rates
from psyche_cli.operations.rewards.treasurer_top_up_rewards import top_up_rewards
from psyche_cli.operations.runs.create_run import RunRequest, create_run
from psyche_cli.operations.runs.set_paused import set_paused
from psyche_cli.operations.signing import SigningSession, one_write
from psyche_cli.protocol.addresses import ANYONE
from psyche_cli.run_config.load import RunConfig
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet

STARTED_AT: Final = 1_800_000_000
"""The time of the cluster at which a rehearsal on its own validator starts, in Unix seconds."""
DECIMALS: Final = 6
"""Those of the collateral token of such a rehearsal."""

_OWNER_SOL: Final = 100
_MEMBER_SOL: Final = 5
_END_SECONDS: Final = 0.5
"""How long a validator that no longer responds may take to end."""


def drawn_wallet(seed: int, name: str) -> Wallet:
    """A wallet that depends only on the seed and a name. It must not be used on a public cluster."""
    digest = hashlib.sha256(f"psyche-cli rehearsal {seed} {name}".encode()).digest()
    return Wallet(Keypair.from_seed(digest), f"the wallet of {name}")


@contextmanager
def own_validator(owner: Pubkey, members: list[Pubkey], log: Path) -> Iterator[LocalValidatorProcess]:
    """A local validator whose clock and slots move only when they are warped, with funded wallets.

    Raises LocalnetError if it cannot start, and for any error after which it has ended.
    """
    airdrops = [f"{owner}={_OWNER_SOL}", *(f"{member}={_MEMBER_SOL}" for member in members)]
    options = ["--slot-time", "0", "--clock", f"fixed:{STARTED_AT}"]
    for airdrop in airdrops:
        options += ["--airdrop", airdrop]
    with LocalValidatorProcess(options, log=log) as validator:
        try:
            yield validator
        except PsycheError as error:
            if validator.ends_within(_END_SECONDS):
                raise LocalnetError(
                    "The local validator ended during the rehearsal.", hint="Start the rehearsal again."
                ) from error
            raise


class Owner:
    """The owner of the run on the validator of a rehearsal."""

    def __init__(self, rpc: RpcClient, clock: Clock, wallet: Wallet, run_id: str) -> None:
        self._rpc = rpc
        self._clock = clock
        self._wallet = wallet
        self._run_id = run_id

    def prepare(self, config: RunConfig, *, earning_rate: str, funding: int) -> None:
        """Create, configure, fund and start the run. ``funding`` is in base units of a new token."""
        tokens = format_amount(funding, DECIMALS).replace(",", "")
        run_id = self._run_id
        mint = self._write(lambda session: new_mint(session, decimals=DECIMALS, amount=tokens)).data.mint
        self._write(lambda session: create_run(session, RunRequest(run_id, collateral_mint=mint)))
        changes = ConfigChanges.gather(file=config)
        self._write(lambda session: update_config(session, run_id=run_id, changes=changes))
        self._write(
            lambda session: set_future_epoch_rates(
                session, run_id=run_id, earning_rate=earning_rate, slashing_rate=None
            )
        )
        self._write(lambda session: create_join_authorization(session, ANYONE))
        if funding > 0:
            self._write(lambda session: top_up_rewards(session, run_id=run_id, collateral_amount=tokens))
        self._write(lambda session: set_paused(session, run_id=run_id, paused=False))

    def pause(self) -> None:
        """Pause the run; one in training pauses at the end of its epoch."""
        self._write(lambda session: set_paused(session, run_id=self._run_id, paused=True))

    def _write(self, operation: Callable[[SigningSession], Any]) -> Any:
        keys = Keys(self._wallet, self._wallet)
        with one_write(self._rpc, self._clock, lambda _: None, keys) as session:
            return operation(session)
