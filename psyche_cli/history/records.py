"""The records of a run's history: transactions as the ledger has them, what they did, and what is missing.

Addresses and signatures are base58, as in the file of the history. Amounts are integers: lamports, or base units of a
mint. Slots, positions and indexes start at 0. Times are in seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import InvalidTransaction, Json
from psyche_cli.results import JsonValue
from psyche_cli.solana.messages import DecodedMessage, MessageInstruction, decode_message
from psyche_cli.solana.rpc.whole_transactions import InnerCall


class Place(NamedTuple):
    """The place of a transaction in the order of execution; places compare in this order.

    ``position`` is the place among the run's transactions in the same slot. It has no gaps, and is not the index in
    the block, which also contains transactions of others.
    """

    slot: int
    position: int


class TokenBalance(NamedTuple):
    """The balance of a token account of a transaction, in base units.

    ``account`` is its index in the transaction's accounts. ``owner`` and ``decimals`` are those of the token account
    and of the mint; None if the endpoint did not report them.
    """

    account: int
    mint: str
    owner: str | None
    decimals: int | None
    amount: int


class ExecutedCall(NamedTuple):
    """An instruction in the order of execution.

    ``outer`` is the index of the instruction of the message. ``inner`` is 0 for that instruction itself, and counts the
    calls that it led to from 1. ``height`` is the depth: 1 for an instruction of the message, None if unknown.
    """

    outer: int
    inner: int
    height: int | None
    instruction: MessageInstruction


class RawTransaction(NamedTuple):
    """A transaction in the ledger, with everything that its effects are decoded from.

    ``position`` is that of its ``Place``; 0 until the order within the slot is known. ``commitment`` is ``confirmed``
    or ``finalized``. ``block_time`` is None if the endpoint does not know it. ``fee`` is in lamports. ``error`` is None
    or the transaction error in its JSON-RPC form; the fee of a failed transaction was paid too. ``units`` are the
    consumed compute units, None if unknown. ``content`` are the signed bytes. ``loaded_writable`` and
    ``loaded_readonly`` are the addresses from lookup tables, which follow those of the message. ``lamports_before`` and
    ``lamports_after`` have an entry for each account. ``logs`` may be cut off by the validator, after 10,000 bytes.
    """

    signature: str
    slot: int
    position: int
    commitment: str
    block_time: int | None
    fee: int
    payer: str
    error: Json
    units: int | None
    content: bytes
    loaded_writable: tuple[str, ...]
    loaded_readonly: tuple[str, ...]
    inner: tuple[InnerCall, ...]
    lamports_before: tuple[int, ...]
    lamports_after: tuple[int, ...]
    tokens_before: tuple[TokenBalance, ...]
    tokens_after: tuple[TokenBalance, ...]
    logs: tuple[str, ...]

    @property
    def place(self) -> Place:
        """Its place in the order of execution."""
        return Place(self.slot, self.position)

    @property
    def failed(self) -> bool:
        """Whether it failed, so that it changed nothing except the balance of the payer, and perhaps a nonce."""
        return self.error is not None

    @property
    def message(self) -> DecodedMessage:
        """The message with the addresses from lookup tables, decoded on each call.

        Raises ValueError if it is invalid, or does not have as many lookups as addresses were loaded.
        """
        try:
            message = decode_message(self.content)
        except InvalidTransaction as error:
            raise ValueError("the transaction cannot be decoded") from error
        loaded = ([Pubkey.from_string(one) for one in side] for side in (self.loaded_writable, self.loaded_readonly))
        return message.with_loaded(*loaded)

    def executed(self, message: DecodedMessage | None = None) -> tuple[ExecutedCall, ...]:
        """All instructions in the order of execution, those that programs called included. Raises ValueError.

        A failed transaction has the calls up to the failure, and the instructions of the message after it, which were
        not executed. ``message`` saves decoding it again.
        """
        message = message or self.message
        found: list[tuple[int, int, int | None, tuple[int, bytes, bytes]]] = []
        for outer, call in enumerate(message.calls):
            found.append((outer, 0, 1, call))
            inner = [one for one in self.inner if one.outer == outer]
            found += [
                (outer, number, one.height, (one.program, one.accounts, one.data))
                for number, one in enumerate(inner, 1)
            ]
        instructions = message._replace(calls=tuple(call for *_, call in found)).instructions
        return tuple(
            ExecutedCall(outer, inner, height, instruction)
            for (outer, inner, height, _), instruction in zip(found, instructions, strict=True)
        )


class Event(NamedTuple):
    """What an instruction of a transaction did, or would have done if the transaction had not failed.

    The transaction's ``signature`` and the path ``outer``, ``inner`` (of ``ExecutedCall``) identify it. ``program`` is
    the name of the program (``coordinator``, ``authorizer``, ``treasurer``, ``token``, ``system``, ...), or its address
    if it is not known. ``kind`` is the name of the instruction in snake case. ``signers`` are the accounts of the
    instruction that signed; a program signs for its own addresses. ``accounts`` are the addresses by role.
    ``arguments`` and ``effects`` are values that JSON can express exactly: integers, text, bytes in hexadecimal; floats
    only where the program has floats, and None for one that is not a number. ``failed`` is whether the transaction
    failed; ``error`` is the reason in words, of the instruction that failed only.
    """

    signature: str
    outer: int
    inner: int
    program: str
    kind: str
    signers: tuple[str, ...]
    accounts: Mapping[str, str]
    arguments: Mapping[str, JsonValue]
    effects: Mapping[str, JsonValue]
    failed: bool
    error: str | None = None


class Gap(NamedTuple):
    """A part of the history that no endpoint has returned so far.

    ``address`` is the address whose transactions are missing: those after ``after_signature`` (None: from the
    beginning of the chain) and before ``before_signature`` (None: up to the newest). If ``signature`` is set, that one
    transaction is known to exist, but its content is missing. ``reason`` is a clause, such as ``the ledger of the
    endpoint begins at slot 1,000``. ``first_slot`` is the oldest slot in the ledger of the endpoint, None if unknown:
    an endpoint whose ledger begins earlier may fill the gap. ``found_at`` is a time.
    """

    address: str
    after_signature: str | None
    before_signature: str | None
    signature: str | None
    first_slot: int | None
    found_at: int
    reason: str


class Incarnation(NamedTuple):
    """One life of a run id: from its creation until it is closed, after which it may be created again.

    ``number`` counts from 1 in the order of execution. ``created_by`` and ``closed_by`` are signatures; ``created_by``
    is None if the creation is in a gap, and ``closed_by`` None for a run that exists. ``treasurer_run`` and ``vault``
    are those of the treasurer that created it; None without one.
    """

    number: int
    coordinator_account: str
    created_by: str | None
    created_slot: int | None
    closed_by: str | None
    closed_slot: int | None
    main_authority: str | None
    join_authority: str | None
    treasurer_run: str | None
    vault: str | None
