"""Delegations of stake accounts, and what of them is active in an epoch."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Final, NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.solana.programs import STAKE_PROGRAM

_DELEGATED: Final = 2
_VOTER: Final = slice(124, 156)
_AMOUNTS: Final = struct.Struct("<QQQ")
_BOOTSTRAP: Final = U64_MAX
"""The activation epoch of a stake that was active before the first epoch."""


class Delegation(NamedTuple):
    """A delegation to a vote account: lamports, and the epochs in which it was activated and deactivated."""

    voter: Pubkey
    lamports: int
    activation_epoch: int
    deactivation_epoch: int

    def is_active(self, epoch: int) -> bool:
        """Whether the stake counts in an epoch.

        It is active from the epoch after its activation, up to the epoch of its deactivation. That large parts of the
        stake of a cluster change over several epochs is left out.
        """
        if self.activation_epoch == self.deactivation_epoch != _BOOTSTRAP:
            return False
        begun = self.activation_epoch == _BOOTSTRAP or self.activation_epoch < epoch
        return begun and epoch <= self.deactivation_epoch


def delegation_of(account: Account) -> Delegation | None:
    """The delegation of a stake account; None if it is not delegated."""
    data = account.data
    if account.owner != STAKE_PROGRAM or int.from_bytes(data[:4], "little") != _DELEGATED or len(data) < 180:
        return None
    return Delegation(Pubkey(data[_VOTER]), *_AMOUNTS.unpack_from(data, _VOTER.stop))


def active_stake(accounts: Accounts, epoch: int) -> Counter[Pubkey]:
    """The lamports of active stake by vote account."""
    stake: Counter[Pubkey] = Counter()
    for address in accounts.index.owned_by(STAKE_PROGRAM):
        account = accounts.get(address)
        delegation = None if account is None else delegation_of(account)
        if delegation is not None and delegation.is_active(epoch):
            stake[delegation.voter] += delegation.lamports
    return stake
