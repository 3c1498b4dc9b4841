"""Transactions and messages of unknown origin, signed or not: decoding, and the accounts that they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from solders.hash import Hash
from solders.message import MessageV0, from_bytes_versioned, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from psyche_cli.errors import InvalidTransaction
from psyche_cli.limits import LAMPORTS_PER_SIGNATURE, MAX_TRANSACTION_BYTES
from psyche_cli.solana.nonces import ADVANCE_NONCE
from psyche_cli.solana.programs import SYSTEM_PROGRAM

if TYPE_CHECKING:
    from solders.message import Message

SIGNED: Final = "signed"
MISSING: Final = "missing"
INVALID: Final = "invalid"


class MessageAccount(NamedTuple):
    """An account that a message names, with the flags that the message declares.

    Accounts from an address lookup table have the address of the ``table`` and an index into it; their own
    ``address`` is None until the table has been read. All others have an address and no table.
    """

    address: Pubkey | None
    is_signer: bool
    is_writable: bool
    table: Pubkey | None = None
    table_index: int = 0


class MessageInstruction(NamedTuple):
    """An instruction: the program, its accounts and its data."""

    program: Pubkey
    accounts: tuple[MessageAccount, ...]
    data: bytes


class Signer(NamedTuple):
    """A required signer. ``state`` is SIGNED, MISSING (its signature is all zeros or absent) or INVALID."""

    address: Pubkey
    state: str


class Lookup(NamedTuple):
    """The accounts that a message takes from an address lookup table, by their indexes in it."""

    table: Pubkey
    writable: bytes
    readonly: bytes


class DecodedMessage(NamedTuple):
    """A well-formed message, and the signatures of its transaction, if it came in one.

    ``version`` is 0 or ``"legacy"``; ``content`` are the bytes that are signed. ``signatures`` has an entry for each
    required signer, or none for a bare message. ``accounts`` are in the order of the message, the fee payer first;
    those from lookup tables come last.
    """

    version: int | str
    content: bytes
    signatures: tuple[Signature, ...]
    required_signatures: int
    accounts: tuple[MessageAccount, ...]
    calls: tuple[tuple[int, bytes, bytes], ...]
    """The instructions, by indexes into ``accounts``: program, accounts, data."""
    lookups: tuple[Lookup, ...]
    blockhash: Hash

    @property
    def payer(self) -> Pubkey:
        """The account that pays the fee."""
        address = self.accounts[0].address
        assert address is not None  # it never comes from a table
        return address

    @property
    def signature(self) -> Signature | None:
        """The first signature, which identifies the transaction; None if the fee payer has not signed."""
        first = next(iter(self.signatures), Signature.default())
        return None if first == Signature.default() else first

    @property
    def signers(self) -> tuple[Signer, ...]:
        """The required signers in order, each with the state of its signature, which is verified."""
        given = self.signatures or (Signature.default(),) * self.required_signatures
        addresses = [account.address for account in self.accounts[: self.required_signatures]]
        return tuple(
            Signer(address, self._state_of(address, signature))
            for address, signature in zip(addresses, given, strict=True)
            if address is not None
        )

    @property
    def instructions(self) -> tuple[MessageInstruction, ...]:
        """The instructions in order."""
        return tuple(
            MessageInstruction(self._address(program), tuple(self.accounts[index] for index in indexes), data)
            for program, indexes, data in self.calls
        )

    @property
    def nonce_account(self) -> Pubkey | None:
        """The nonce account that the first instruction advances, whose value is the blockhash; None without one."""
        first = next(iter(self.instructions), None)
        if first is None or first.program != SYSTEM_PROGRAM or first.data[:4] != ADVANCE_NONCE:
            return None
        return first.accounts[0].address if first.accounts else None

    @property
    def base_fee(self) -> int:
        """The fee in lamports for the signatures, without a priority fee."""
        return self.required_signatures * LAMPORTS_PER_SIGNATURE

    @property
    def unresolved(self) -> bool:
        """Whether some addresses are unknown because they are in lookup tables."""
        return any(account.address is None for account in self.accounts)

    def with_loaded(self, writable: Sequence[Pubkey], readonly: Sequence[Pubkey]) -> DecodedMessage:
        """The message with the addresses from its lookup tables, in order. Raises ValueError for another number."""
        own = [account for account in self.accounts if account.table is None]
        looked_up = self.accounts[len(own) :]
        resolved = [
            account._replace(address=address)
            for account, address in zip(looked_up, [*writable, *readonly], strict=True)
        ]
        return self._replace(accounts=(*own, *resolved))

    def as_transaction(self) -> bytes:
        """The transaction with its signatures; missing ones are zeros."""
        signatures = self.signatures or (Signature.default(),) * self.required_signatures
        return bytes(VersionedTransaction.populate(from_bytes_versioned(self.content), list(signatures)))

    def _state_of(self, address: Pubkey, signature: Signature) -> str:
        if signature == Signature.default():
            return MISSING
        return SIGNED if signature.verify(address, self.content) else INVALID

    def _address(self, index: int) -> Pubkey:
        address = self.accounts[index].address
        assert address is not None  # programs never come from tables
        return address


def decode_message(data: bytes) -> DecodedMessage:
    """The transaction or bare message (legacy or version 0) with these bytes.

    Raises InvalidTransaction for anything else, also for bytes after its end, and for more than 1,232 bytes.
    """
    if len(data) > MAX_TRANSACTION_BYTES:
        raise _unreadable(f"{len(data)} bytes are too long for a transaction; the maximum is {MAX_TRANSACTION_BYTES}")
    decoded = _transaction(data)
    if decoded is None:
        decoded = _bare_message(data)
    if decoded is None:
        raise _unreadable(f"The {len(data)} bytes are neither a transaction nor a message")
    message, signatures = decoded
    problem = _problem(message)
    if problem:
        raise _unreadable(f"The {'transaction' if signatures else 'message'} is invalid: {problem}")
    return _decoded(message, signatures)


def _transaction(data: bytes) -> tuple[Message | MessageV0, tuple[Signature, ...]] | None:
    try:
        transaction = VersionedTransaction.from_bytes(data)
    except ValueError:
        return None
    message, signatures = transaction.message, tuple(transaction.signatures)
    if len(signatures) != message.header.num_required_signatures or bytes(transaction) != data:
        return None
    return message, signatures


def _bare_message(data: bytes) -> tuple[Message | MessageV0, tuple[Signature, ...]] | None:
    try:
        message = from_bytes_versioned(data)
    except ValueError:
        return None
    return (message, ()) if bytes(to_bytes_versioned(message)) == data else None


def _problem(message: Message | MessageV0) -> str:
    """What a validator would reject about the message's indexes, as a clause; empty if nothing."""
    header, own = message.header, len(message.account_keys)
    lookups = message.address_table_lookups if isinstance(message, MessageV0) else []
    every = own + sum(len(bytes(one.writable_indexes)) + len(bytes(one.readonly_indexes)) for one in lookups)
    signers = header.num_required_signatures
    if signers == 0 or header.num_readonly_signed_accounts >= signers:
        return "no account can pay the fee"
    if signers + header.num_readonly_unsigned_accounts > own:
        return "its header declares more accounts than it has"
    for number, instruction in enumerate(message.instructions, 1):
        if not 0 < instruction.program_id_index < own or max(bytes(instruction.accounts), default=0) >= every:
            return f"instruction {number} refers to an account that does not exist"
    return ""


def _decoded(message: Message | MessageV0, signatures: tuple[Signature, ...]) -> DecodedMessage:
    lookups: list[Lookup] = []
    if isinstance(message, MessageV0):
        lookups = [
            Lookup(one.account_key, bytes(one.writable_indexes), bytes(one.readonly_indexes))
            for one in message.address_table_lookups
        ]
    return DecodedMessage(
        version=0 if isinstance(message, MessageV0) else "legacy",
        content=bytes(to_bytes_versioned(message)),
        signatures=signatures,
        required_signatures=message.header.num_required_signatures,
        accounts=(*_own_accounts(message), *_looked_up(lookups)),
        calls=tuple((one.program_id_index, bytes(one.accounts), bytes(one.data)) for one in message.instructions),
        lookups=tuple(lookups),
        blockhash=message.recent_blockhash,
    )


def _own_accounts(message: Message | MessageV0) -> list[MessageAccount]:
    header, keys = message.header, message.account_keys
    signers = header.num_required_signatures
    writable_signers = signers - header.num_readonly_signed_accounts
    writable = len(keys) - header.num_readonly_unsigned_accounts
    return [
        MessageAccount(
            address=key,
            is_signer=index < signers,
            is_writable=index < (writable_signers if index < signers else writable),
        )
        for index, key in enumerate(keys)
    ]


def _looked_up(lookups: Sequence[Lookup]) -> list[MessageAccount]:
    """The accounts from lookup tables: the writable ones of all tables, then the read-only ones."""
    writable = [MessageAccount(None, False, True, one.table, index) for one in lookups for index in one.writable]
    return writable + [
        MessageAccount(None, False, False, one.table, index) for one in lookups for index in one.readonly
    ]


def _unreadable(message: str) -> InvalidTransaction:
    return InvalidTransaction(
        f"{message}.",
        hint="Expected a whole Solana transaction or message, legacy or version 0.",
    )
