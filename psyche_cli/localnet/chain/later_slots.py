"""What a cluster allows only in a later slot than the one in which something else was done."""

from __future__ import annotations

from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys
from psyche_cli.localnet.chain.nonces import is_of_this_slot
from psyche_cli.localnet.chain.program_accounts import deployment_slot, is_program_data
from psyche_cli.solana.programs import UPGRADEABLE_LOADER


def needs_later_slot(transaction: DecodedTransaction, loaded: LoadedKeys, accounts: Accounts, tip: Block) -> bool:
    """Whether a transaction can only succeed in a later slot than that of ``tip``.

    It uses a nonce that was set in this slot, or addresses added to a lookup table in this slot, or it writes to a
    program that was deployed in this slot, which the upgradeable loader refuses.
    """
    if loaded.from_this_slot:
        return True
    if any(is_of_this_slot(accounts.get(nonce), tip.blockhash) for nonce in transaction.nonces):
        return True
    return UPGRADEABLE_LOADER in loaded.keys and any(
        account is not None and is_program_data(account) and deployment_slot(account) >= tip.slot
        for account in map(accounts.get, loaded.writable)
    )
