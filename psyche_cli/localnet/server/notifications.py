"""Notifications of PubSub: what subscribers get when the chain changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
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
from psyche_cli.localnet.rpc.encoding.json_text import json_text, plain_text
from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.localnet.rpc.methods.accounts import AccountTest
from psyche_cli.localnet.server.subscriptions import Connection, Interest, Later, Subscription, Subscriptions, Topic
from psyche_cli.solana.programs import SYSTEM_PROGRAM, SYSVAR_OWNER
from psyche_cli.solana.rpc.codes import UNSUPPORTED_TRANSACTION_VERSION

_AT_ONCE: Final = 64
"""How many subscribers are notified of a slot before other connections are served."""


class Notifications:
    """A listener of the bank that notifies subscribers."""

    def __init__(self, context: RpcContext, subscriptions: Subscriptions, later: Later) -> None:
        self._context = context
        self._subscriptions = subscriptions
        self._later = later
        self._sysvars_are_due = False
        context.bank.listeners.append(self)

    def _with_slot(self, value: Json) -> str:
        return json_text({"context": {"slot": self._context.bank.slot}, "value": value})

    # -- transactions and accounts

    def _report_past(self, connection: Connection, subscription: Subscription, soon: Later, up_to: int) -> None:
        """Report what landed before a connection has subscribed to it: a signature, or what nobody knows of yet.

        ``up_to`` is the number of the newest landing then.

        With ``enableReceivedNotification``, a node also reports what it receives of other leaders. There are none.
        """
        interest, unseen = subscription.interest, self._context.bank.unseen
        kind, about = interest.topic

        def report(text: Callable[[], str | None]) -> None:
            found = text() if connection in subscription.connections else None
            if found is not None:
                connection.push(subscription.text(found))

        if isinstance(about, Signature):
            if self._context.bank.history.number_of(about) is not None:
                self._report_soon(connection, subscription, about, soon)
        elif kind == "logs":
            for record in unseen.records(interest.commitment, about, up_to=up_to):
                soon(partial(report, partial(self._logs, record)))
        elif kind in ("account", "program"):
            assert about is not None  # an account or a program
            owner_of, by_owner = self._context.bank.accounts.index.owner_of, kind == "program"
            for address in unseen.changed(interest.commitment, about, owner_of, by_owner=by_owner, up_to=up_to):
                soon(partial(report, partial(self._account, interest, address)))

    def _report_soon(
        self, connection: Connection, subscription: Subscription, signature: Signature, soon: Later
    ) -> None:
        """Report a landed signature soon, but before any response that contains its status, as a node does.

        web3.js reports a failure in another way if it learns of it by a response first.
        """
        unseen = self._context.bank.unseen
        report = partial(self._report_landed, connection, subscription, signature)

        def report_unless_done() -> None:
            unseen.withdraw(signature, report)
            report()

        unseen.report_before_answers(signature, report)
        soon(report_unless_done)

    def _report_landed(self, connection: Connection, subscription: Subscription, signature: Signature) -> None:
        record = self._context.bank.history.find(signature)
        if record is not None and connection in subscription.connections:
            self._context.bank.unseen.seen(signature, subscription.interest.commitment)
            connection.push(subscription.text(_landed(record)))
            connection.flush()
            self._subscriptions.remove(connection, subscription)

    def _logs(self, record: TransactionRecord) -> str:
        return self._with_slot({"signature": str(record.signature), "err": record.error, "logs": list(record.logs)})

    def _account(self, interest: Interest, address: Pubkey) -> str | None:
        """The notification of an account's content; None if the filters of the interest exclude it."""
        account_of = self._context.bank.accounts.get
        account = account_of(address) or Account(0, b"", SYSTEM_PROGRAM)
        if interest.topic[0] == "account":
            return self._with_slot(interest.view.account(address, account, account_of))
        if not all(test(account) for test in interest.tests):
            return None
        return self._with_slot(interest.view.keyed(address, account, account_of))

    def on_transaction(self, record: TransactionRecord) -> None:
        """Notify subscribers of the transaction's signature, logs and changed accounts."""
        if not len(self._subscriptions):
            return
        for subscription in self._subscriptions.of_topic(("signature", record.signature)):
            self._context.bank.unseen.seen(record.signature, subscription.interest.commitment)
            subscription.notify(_landed(record))
            for connection in list(subscription.connections):
                self._subscriptions.remove(connection, subscription)
        logs: list[Topic] = [("logs", None), *(("logs", key) for key in record.keys)]
        if self._subscriptions.has(*logs):
            text = self._logs(record)
            for subscription in self._subscriptions.of_topic(*logs):
                subscription.notify(text)
        for address in record.changed:
            self.on_account(address)

    def on_account(self, address: Pubkey) -> None:
        """Notify subscribers of an account's new content; a closed account is empty and holds 0 lamports."""
        about: Topic = ("account", address)
        owner = SYSVAR_OWNER if address in TIME_SYSVARS else self._context.bank.accounts.index.owner_of(address)
        program: Topic = ("program", owner)
        if not self._subscriptions.has(about, program):
            return
        # A large account may have many subscribers: it is encoded once per requested encoding and filters.
        texts: dict[tuple[str, AccountView, tuple[AccountTest, ...]], str | None] = {}
        for subscription in self._subscriptions.of_topic(about, program):
            interest = subscription.interest
            form = (interest.topic[0], interest.view, interest.tests)
            if form not in texts:
                texts[form] = self._account(interest, address)
            text = texts[form]
            if text is not None:
                subscription.notify(text)

    def on_restore(self) -> None:
        """Changed accounts were already reported; past signatures and logs need no notification."""

    # -- slots and blocks

    def on_block(self, block: Block) -> None:
        """Notify subscribers of a new slot, which is also the root, and of the block that has ended by it."""
        slot = plain_text({"slot": block.slot, "parent": block.parent_slot, "root": block.slot})
        self._notify_all(("slotsUpdates", None), *map(plain_text, self._updates(block)))
        self._notify_all(("slot", None), slot)
        self._notify_all(("root", None), plain_text(block.slot))
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
            parts = view.parts(block, records, of=address if isinstance(address, Pubkey) else None)
            steps = self._block_steps(subscription, block, parts)
            self._later(partial(self._continue, steps))

    def _block_steps(self, subscription: Subscription, block: Block, texts: Iterator[str]) -> Iterator[None]:
        """Notify a subscriber of a block, in steps of one transaction."""
        parts = []
        try:
            for part in texts:
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
    return plain_text({"context": {"slot": record.slot}, "value": {"err": record.error}})


_SYSVAR_TOPICS: Final[list[Topic]] = [("program", SYSVAR_OWNER), *(("account", address) for address in TIME_SYSVARS)]
