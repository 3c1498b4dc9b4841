"""Every verb that sends transactions, with a state of the chain in which it succeeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.solana.nonces import NONCE_BYTES
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import address_of

RUN: Final = ("--run-id", "test")
KEYS: Final = [str(Pubkey.from_bytes(bytes([number] * 32))) for number in range(1, 60)]


def _nothing(house: House) -> None:
    """The chain as it is at first."""


def _created(house: House) -> None:
    house.run("test", configured=False)


def _configured(house: House) -> None:
    house.run()


def _with_treasurer(house: House) -> None:
    house.run(treasurer=True)


def _running(house: House) -> None:
    house.run()
    house.cli.json("set-paused", *RUN, "--resume")
    house.join(house.owner)
    house.cli.json("localnet", "warp", "3")


def _training(house: House) -> None:
    _running(house)
    house.cli.json("tick", *RUN, "--count", "1")


def _with_rewards(house: House) -> None:
    house.run(treasurer=True)
    house.cli.json("set-paused", *RUN, "--resume")
    house.join(house.owner)
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", "5")

    def earn(image: Any) -> None:
        image.state.clients_state.clients.data[0].earned = 1_000_000

    house.edit(earn)


def _authorized(house: House) -> None:
    house.cli.json("join-authorization-create", "--permissionless")
    house.cli.json("join-authorization-create", "--authorizer", address_of(house.owner))


def _delegated(house: House) -> None:
    _authorized(house)
    house.cli.json("join-authorization-delegate", "--join-authority", address_of(house.owner), *_ADDED)


def _deactivated(house: House) -> None:
    _authorized(house)
    house.cli.json("join-authorization-delete", "--permissionless")


def _with_nonce(house: House) -> None:
    house.run()
    house.cli.json("nonce", "create")
    house.cli.json("localnet", "warp", "1")  # a nonce has one value per slot


_ADDED = ("--delegates-added", *KEYS[1:3])


class WritingVerb(NamedTuple):
    """``prepare`` brings a chain into a state in which the command line ``words`` sends one transaction.

    OWNER in ``words`` stands for the owner's public key, NONCE for the address of the only nonce account.
    """

    prepare: Callable[[House], None]
    words: tuple[object, ...]

    def words_in(self, house: House) -> tuple[object, ...]:
        """The command line."""
        return tuple(self._word(house, word) for word in self.words)

    @staticmethod
    def _word(house: House, word: object) -> object:
        if word == "NONCE":
            [nonce] = house.chain.rpc.program_accounts(SYSTEM_PROGRAM, [{"dataSize": NONCE_BYTES}])
            return str(nonce.address)
        return address_of(house.owner) if word == "OWNER" else word


WRITING_VERBS: Final = {
    "create-run": WritingVerb(_nothing, ("create-run", *RUN, "--name", "A name")),
    "update-config": WritingVerb(_configured, ("update-config", *RUN, "--name", "A", "--restart-from-step", "7")),
    "update-config of a treasurer": WritingVerb(
        _with_treasurer, ("update-config", *RUN, "--description", "A", "--client-version", "v2")
    ),
    "update-config with a file": WritingVerb(_created, ("update-config", *RUN, "--config-path", MINIMAL)),
    "set-paused": WritingVerb(_running, ("set-paused", *RUN)),
    "set-paused --resume": WritingVerb(_with_treasurer, ("set-paused", *RUN, "--resume")),
    "close-run": WritingVerb(_configured, ("close-run", *RUN, "--yes")),
    "checkpoint": WritingVerb(_training, ("checkpoint", *RUN, "--repo", "owner/model")),
    "tick": WritingVerb(_running, ("tick", *RUN, "--count", "1")),
    "set-future-epoch-rates": WritingVerb(_with_treasurer, ("set-future-epoch-rates", *RUN, "--earning-rate", "5")),
    "treasurer-top-up-rewards": WritingVerb(
        _with_rewards, ("treasurer-top-up-rewards", *RUN, "--collateral-amount", "2.5")
    ),
    "treasurer-claim-rewards": WritingVerb(_with_rewards, ("treasurer-claim-rewards", *RUN)),
    "join-authorization-create": WritingVerb(_nothing, ("join-authorization-create", "--authorizer", KEYS[0])),
    "run-authorizer": WritingVerb(_nothing, ("run-authorizer", f"grantee={KEYS[0]}")),
    "join-authorization-delegate": WritingVerb(
        _authorized, ("join-authorization-delegate", "--join-authority", "OWNER", *_ADDED)
    ),
    "join-authorization-delegate with fewer": WritingVerb(
        _delegated, ("join-authorization-delegate", "--join-authority", "OWNER", "--delegates-removed", KEYS[1])
    ),
    "join-authorization-delete": WritingVerb(_authorized, ("join-authorization-delete", "--permissionless")),
    "join-authorization-close": WritingVerb(_deactivated, ("join-authorization-close", "--permissionless")),
    "nonce create": WritingVerb(_nothing, ("nonce", "create")),
    "nonce close": WritingVerb(_with_nonce, ("nonce", "close", "NONCE")),
    "set-paused with a nonce": WritingVerb(_with_nonce, ("set-paused", *RUN, "--resume", "--nonce", "NONCE")),
    "localnet new-mint": WritingVerb(_nothing, ("localnet", "new-mint")),
}
