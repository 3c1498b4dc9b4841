"""Notifications of PubSub: what subscribers get when the chain changes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.known_addresses import TIME_SYSVARS
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.encoding.blocks import BlockView
from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.localnet.server.subscriptions import Connection, Later, Subscription, Subscriptions, Topic
from psyche_cli.solana.programs import SYSTEM_PROGRAM, SYSVAR_OWNER
from psyche_cli.solana.rpc.codes import UNSUPPORTED_TRANSACTION_VERSION

_AT_ONCE: Final = 64
"""How many subscribers are notified of a slot before other connections are served."""

_text_of: Final = json.JSONEncoder(separators=(",", ":")).encode


class Notifications:
    """A listener of the bank that notifies subscribers."""

    def __init__(self, context: RpcContext, subscriptions: Subscriptions, later: Later) -> None:
        self._context = context
        self._subscriptions = subscriptions
        self._later = later
        self._sysvars_are_due = False
        context.bank.listeners.append(self)

    def _with_slot(self, value: Json) -> str:
        return _text_of({"context": {"slot": self._context.bank.slot}, "value": value})

    # -- transactions and accounts

    def _report_past(self, connection: Connection, subscription: Subscription) -> None:
        """Report a signature that landed before a connection has subscribed to it.

        With ``enableReceivedNotification``, a node also reports what it receives of other leaders. There are none.
        """
        kind, about = subscription.interest.topic
        record = self._context.bank.history.find(about) if isinstance(about, Signature) else None
        if kind != "signature" or record is None:
            return
        connection.push(subscription.text(_landed(record)))
        self._subscriptions.remove(connection, subscription)

    def on_transaction(self, record: TransactionRecord) -> None:
        """Notify subscribers of the transaction's signature, logs and changed accounts."""
        if not len(self._subscriptions):
            return
        for subscription in self._subscriptions.of_topic(("signature", record.signature)):
            subscription.notify(_landed(record))
            for connection in list(subscription.connections):
                self._subscriptions.remove(connection, subscription)
        logs: list[Topic] = [("logs", None), *(("logs", key) for key in record.keys)]
        if self._subscriptions.has(*logs):
            value = {"signature": str(record.signature), "err": record.error, "logs": list(record.logs)}
            text = self._with_slot(value)
            for subscription in self._subscriptions.of_topic(*logs):
                subscription.notify(text)
        for address in record.changed:
            self.on_account(address)

    def on_account(self, address: Pubkey) -> None:
        """Notify subscribers of an account's new content; a closed account is empty and holds 0 lamports."""
        bank = self._context.bank
        about: Topic = ("account", address)
        program: Topic = ("program", SYSVAR_OWNER if address in TIME_SYSVARS else bank.accounts.index.owner_of(address))
        if not self._subscriptions.has(about, program):
            return
        account = bank.accounts.get(address) or Account(0, b"", SYSTEM_PROGRAM)
        # A large account may have many subscribers: it is encoded once per requested encoding.
        texts: dict[tuple[str, AccountView], str] = {}
        for subscription in self._subscriptions.of_topic(about, program):
            (kind, _), view = subscription.interest.topic, subscription.interest.view
            if kind == "program" and not all(test(account) for test in subscription.interest.tests):
                continue
            if (kind, view) not in texts:
                encode = view.keyed if kind == "program" else view.account
                texts[kind, view] = self._with_slot(encode(address, account, bank.accounts.get))
            subscription.notify(texts[kind, view])

    def on_restore(self) -> None:
        """Changed accounts were already reported; past signatures and logs need no notification."""

    # -- slots and blocks

    def on_block(self, block: Block) -> None:
        """Notify subscribers of a new slot, which is also the root, and of the block that has ended by it."""
        slot = _text_of({"slot": block.slot, "parent": block.parent_slot, "root": block.slot})
        self._notify_all(("slotsUpdates", None), *map(_text_of, self._updates(block)))
        self._notify_all(("slot", None), slot)
        self._notify_all(("root", None), _text_of(block.slot))
        self._report_block(block.parent_slot)
        if not self._sysvars_are_due and self._subscriptions.has(*_SYSVAR_TOPICS):
            # The bank sets them after all slots that are due have begun.
            self._sysvars_are_due = True
            self._later(self._report_sysvars)

    def _notify_all(self, topic: Topic, *results: str) -> None:
        for subscription in self._subscriptions.of_topic(topic):
            texts = [subscription.text(result) for result in results]
            self._push(list(subscription.connections), texts)

    def _push(self, connections: list[Connection], texts: list[str]) -> None:
        for connection in connections[:_AT_ONCE]:
            for text in texts:
                connection.push(text)
        if connections[_AT_ONCE:]:
            self._later(lambda: self._push(connections[_AT_ONCE:], texts))

    def _updates(self, block: Block) -> Iterator[Json]:
        """The events of a node that ends a slot as its leader and begins the next one, in their order."""
        ended = block.parent_slot
        records = self._context.bank.history.of_slot(ended)
        failed = sum(record.error is not None for record in records)
        moment = {"timestamp": int(time.time() * 1000)}
        yield {
            "slot": ended,
            **moment,
            "stats": {
                "numTransactionEntries": len(records),
                "numSuccessfulTransactions": len(records) - failed,
                "numFailedTransactions": failed,
                "maxTransactionsPerEntry": min(len(records), 1),
            },
            "type": "frozen",
        }
        yield {"slot": ended, **moment, "type": "root"}
        yield {"slot": ended, **moment, "type": "completed"}
        yield {"slot": ended, **moment, "type": "optimisticConfirmation"}
        yield {"slot": block.slot, "parent": ended, **moment, "type": "createdBank"}

    def _report_sysvars(self) -> None:
        self._sysvars_are_due = False
        for address in sorted(TIME_SYSVARS, key=bytes):
            self.on_account(address)

    def _report_block(self, slot: int) -> None:
        """Notify subscribers of a block that is complete."""
        block = self._context.bank.chain.block(slot)
        records = self._context.bank.history.of_slot(slot)
        mentioned = {key for record in records for key in record.keys}
        topics: list[Topic] = [("block", None), *(("block", key) for key in mentioned)]
        if block is None or not self._subscriptions.has(*topics):
            return
        for subscription in self._subscriptions.of_topic(*topics):
            address, view = subscription.interest.topic[1], subscription.interest.block
            assert view is not None  # that is how blocks are subscribed to
            shown = [record for record in records if address is None or address in record.keys]
            steps = self._block_steps(subscription, view, block, shown)
            self._later(lambda steps=steps: self._continue(steps))  # type: ignore[misc]

    def _block_steps(
        self, subscription: Subscription, view: BlockView, block: Block, records: list[TransactionRecord]
    ) -> Iterator[None]:
        """Notify a subscriber of a block, in steps of one transaction."""
        parts = []
        try:
            for part in view.parts(block, records):
                parts.append(part)
                yield
        except RpcFault as fault:
            if fault.code != UNSUPPORTED_TRANSACTION_VERSION:
                raise
            value = f'{{"slot":{block.slot},"block":null,"err":{{"UnsupportedTransactionVersion":0}}}}'
        else:
            value = f'{{"slot":{block.slot},"block":{"".join(parts)},"err":null}}'
        subscription.notify(f'{{"context":{{"slot":{block.slot}}},"value":{value}}}')

    def _continue(self, steps: Iterator[None]) -> None:
        for _ in range(_AT_ONCE):
            if next(steps, steps) is steps:
                return
        self._later(lambda: self._continue(steps))


def _landed(record: TransactionRecord) -> str:
    return _text_of({"context": {"slot": record.slot}, "value": {"err": record.error}})


_SYSVAR_TOPICS: Final[list[Topic]] = [("program", SYSVAR_OWNER), *(("account", address) for address in TIME_SYSVARS)]
