"""The only validator of the cluster: its identity, its vote account, and the stake delegated to it at genesis.

As in solana-test-validator, its vote account votes for every block, and it leads every slot.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from solders.account import Account
from solders.epoch_schedule import EpochSchedule
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.amounts import LAMPORTS_PER_SOL
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.chain.blockhashes import BlockChain
from psyche_cli.localnet.chain.rent import RENT_EXEMPT_EPOCH, rent_exempt_minimum
from psyche_cli.solana.programs import CONFIG_PROGRAM, STAKE_CONFIG, STAKE_PROGRAM, SYSTEM_PROGRAM, VOTE_PROGRAM

IDENTITY_LAMPORTS: Final = 500 * LAMPORTS_PER_SOL
GENESIS_LAMPORTS: Final = 1_000_000 * LAMPORTS_PER_SOL
"""The balance of the vote account, of the stake account, and usually of the faucet, at genesis."""

CREDITS_PER_VOTE: Final = 16
"""The credits for a vote that lands in the next slot."""

VOTES_KEPT: Final = 31
"""The number of votes in the tower of a vote account; a block with more votes after it is rooted."""

_VOTE_STATE_BYTES: Final = 3762
_VOTE_STATE_VERSION: Final = 2
_PRIOR_VOTERS_BYTES: Final = 32 * 48
_STAKE_BYTES: Final = 200
_DELEGATED: Final = 2
_NEVER: Final = U64_MAX
_WARMUP_RATE: Final = 0.25
_SLASH_PENALTY: Final = 12


def _address(name: str) -> Pubkey:
    return Keypair.from_seed(sha256(f"psyche-cli localnet {name}".encode()).digest()).pubkey()


IDENTITY: Final = _address("identity")
"""The validator's identity: the same for every local validator, as the faucet."""

VOTE_ACCOUNT: Final = _address("vote account")
STAKE_ACCOUNT: Final = _address("stake account")


@dataclass(frozen=True)
class Votes:
    """The votes of the validator: for the last blocks, at most VOTES_KEPT, and before them for ``rooted`` blocks.

    ``epoch_start`` is the number of blocks that were rooted before the current epoch.
    """

    slots: Sequence[int]
    root: int | None
    rooted: int
    epoch: int
    epoch_start: int
    unix_time: int

    @property
    def last(self) -> int:
        """The slot of the last vote; 0 if there is none."""
        return self.slots[-1] if self.slots else 0

    @property
    def epoch_credits(self) -> list[tuple[int, int, int]]:
        """For the current epoch: the epoch, all credits, and the credits before it."""
        credits = self.rooted * CREDITS_PER_VOTE
        return [(self.epoch, credits, self.epoch_start * CREDITS_PER_VOTE)] if credits else []


NO_VOTES: Final = Votes((), None, 0, 0, 0, 0)


def genesis_accounts() -> dict[Pubkey, Account]:
    """The accounts of the validator at genesis, and the former configuration of the stake program."""
    return {
        IDENTITY: Account(IDENTITY_LAMPORTS, b"", SYSTEM_PROGRAM, rent_epoch=RENT_EXEMPT_EPOCH),
        VOTE_ACCOUNT: vote_account(GENESIS_LAMPORTS),
        STAKE_ACCOUNT: _stake_account(),
        STAKE_CONFIG: _stake_config(),
    }


def vote_account(lamports: int, votes: Votes = NO_VOTES) -> Account:
    """The vote account after these votes. It is its own voter and withdrawer, with no commission."""
    tower = b"".join(struct.pack("<BQI", 1, slot, len(votes.slots) - index) for index, slot in enumerate(votes.slots))
    credits = votes.epoch_credits
    state = b"".join(
        (
            struct.pack("<I", _VOTE_STATE_VERSION),
            bytes(IDENTITY),
            bytes(VOTE_ACCOUNT),
            b"\0",
            struct.pack("<Q", len(votes.slots)),
            tower,
            b"\0" if votes.root is None else struct.pack("<BQ", 1, votes.root),
            struct.pack("<QQ", 1, votes.epoch),
            bytes(VOTE_ACCOUNT),
            bytes(_PRIOR_VOTERS_BYTES),
            struct.pack("<QB", 31, 1),
            struct.pack("<Q", len(credits)),
            b"".join(struct.pack("<QQQ", *entry) for entry in credits),
            struct.pack("<Qq", votes.last, votes.unix_time),
        )
    )
    return Account(lamports, state.ljust(_VOTE_STATE_BYTES, b"\0"), VOTE_PROGRAM, rent_epoch=RENT_EXEMPT_EPOCH)


def _stake_account() -> Account:
    """A stake that was active before the first epoch."""
    reserve = rent_exempt_minimum(_STAKE_BYTES)
    state = b"".join(
        (
            struct.pack("<IQ", _DELEGATED, reserve),
            bytes(STAKE_ACCOUNT) * 2,
            struct.pack("<qQ", 0, 0),
            bytes(32),
            bytes(VOTE_ACCOUNT),
            struct.pack("<QQQd", GENESIS_LAMPORTS - reserve, _NEVER, _NEVER, _WARMUP_RATE),
            struct.pack("<QB", 0, 0),
        )
    )
    return Account(GENESIS_LAMPORTS, state.ljust(_STAKE_BYTES, b"\0"), STAKE_PROGRAM, rent_epoch=RENT_EXEMPT_EPOCH)


def _stake_config() -> Account:
    """The account that instructions of the stake program named until 2.0: warm-up rate and slash penalty."""
    data = struct.pack("<BdB", 0, _WARMUP_RATE, _SLASH_PENALTY)
    return Account(rent_exempt_minimum(len(data)), data, CONFIG_PROGRAM, rent_epoch=RENT_EXEMPT_EPOCH)


def votes_for(chain: BlockChain, epochs: EpochSchedule) -> Votes:
    """The votes for the blocks below the tip of a chain."""
    slots = [slot for slot, _ in chain.slot_hashes()[1 : VOTES_KEPT + 2]]
    root = slots.pop() if len(slots) > VOTES_KEPT else None
    rooted = max(chain.tip.height - 1 - len(slots), 0)
    epoch = epochs.get_epoch(chain.tip.slot)
    in_epoch = 0 if root is None else max(root + 1 - epochs.get_first_slot_in_epoch(epoch), 0)
    return Votes(slots[::-1], root, rooted, epoch, max(rooted - in_epoch, 0), chain.tip.unix_time)
