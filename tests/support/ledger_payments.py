"""The transfers of tokens in the ledger of a local validator."""

from __future__ import annotations

from psyche_cli.localnet.chain.bank import Bank

_TRANSFER_CHECKED = 12
_BYTES = 10


def payments(bank: Bank, since: int = 0) -> list[tuple[int, int]]:
    """The checked transfers that a transaction itself contains, as top-ups do and claims do not, oldest first.

    Each is the cluster's time and the base units. Omits the first ``since`` transactions, those that failed, and
    transfers of an account to itself, which guard its balance.
    """
    return [
        (record.unix_time, int.from_bytes(call.data[1:9], "little"))
        for record in bank.history.records()[since:]
        if record.error is None
        for call in record.decoded.message.instructions
        if call.data[:1] == bytes([_TRANSFER_CHECKED])
        and len(call.data) == _BYTES
        and call.accounts[0] != call.accounts[2]
    ]
