"""JSON payload of ``tx explain``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.operations.transactions.payloads import TransactionRecord
from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class ExplainedSigner:
    """A required signer."""

    address: Address
    signature: Annotated[
        Literal["signed", "missing", "invalid"], "Whether it has signed; signatures are verified against the message."
    ]


@dataclass(frozen=True)
class ExplainedAccount:
    """An account of an instruction."""

    role: Annotated[str, "Its role, such as coordinator_instance; other_1, other_2 and so on if it has none."]
    address: Annotated[Address | None, "Null if it is in a lookup table that could not be read."]
    signer: bool
    writable: bool
    lookup_table: Annotated[Address | None, "The address lookup table that the address comes from."]


@dataclass(frozen=True)
class ExplainedInstruction:
    """A decoded instruction."""

    program: Annotated[str, "The program's name, or its address if it is not known."]
    program_id: Address
    name: Annotated[str | None, "Null if the instruction is not known."]
    description: Annotated[str, "What it does, in words."]
    accounts: list[ExplainedAccount]
    arguments: Annotated[
        dict[str, object], "By name, in the same form as in json-dump-run; bytes are hexadecimal, public keys base58."
    ]
    problem: Annotated[str | None, "Why it could not be decoded."]
    data: Annotated[str, "The data in hexadecimal."]
    unused_bytes: Annotated[Unsigned, "Bytes of data after the arguments, which the program ignores."]


@dataclass(frozen=True)
class ExplainedFee:
    """The fee in lamports. The priority fee of a transaction that has not landed is the highest possible one."""

    payer: Address
    lamports: Unsigned
    base_lamports: Unsigned
    priority_lamports: Unsigned
    compute_unit_limit: Annotated[Unsigned | None, "Null if the transaction sets none."]
    compute_unit_price: Annotated[Unsigned, "In micro-lamports per compute unit."]


@dataclass(frozen=True)
class BalanceChange:
    """A changed balance in lamports."""

    address: Address
    before: Unsigned
    after: Unsigned


@dataclass(frozen=True)
class TokenBalanceChange:
    """A changed balance of a token account, in base units."""

    address: Address
    mint: Address
    owner: Annotated[Address | None, "The owner of the token account."]
    decimals: Annotated[Unsigned | None, "Decimals of the mint."]
    before: Unsigned
    after: Unsigned


@dataclass(frozen=True)
class ExplainedTransfer:
    """A payment that an instruction states: lamports, or base units of tokens."""

    source: Annotated[Address | None, "Null for tokens that are minted."]
    destination: Annotated[Address | None, "Null for tokens that are burned."]
    lamports: Unsigned | None
    base_units: Unsigned | None
    decimals: Annotated[Unsigned | None, "Null if the instruction does not state them."]
    mint: Annotated[Address | None, "Null if the instruction does not state it."]


@dataclass(frozen=True)
class ExplainedOutcome:
    """The outcome of an execution, on the cluster or in a simulation."""

    error: Annotated[str | None, "The error in words; null if it succeeds."]
    transaction_error: Annotated[str | None, "The transaction error as JSON text."]
    compute_units: Unsigned | None
    logs: list[str]


@dataclass(frozen=True)
class ExplainedData:
    """A transaction or message."""

    status: Annotated[
        Literal["landed", "failed", "not_found", "unsigned", "unknown"],
        "landed or failed on the cluster. not_found: the endpoint does not know it, so it may still land. unsigned: "
        "the fee payer has not signed it. unknown: no endpoint responded.",
    ]
    signature: Annotated[str | None, "The signature of the fee payer in base58, which identifies the transaction."]
    endpoint: Annotated[str | None, "Scheme, host and port of the endpoint that responded."]
    explorer: Annotated[
        str | None, "A link to the transaction in an explorer; null unless it has landed on a public cluster."
    ]
    slot: Unsigned | None
    block_time: Annotated[str | None, "When it was executed, in UTC (ISO 8601)."]
    outcome: Annotated[ExplainedOutcome | None, "The execution on the cluster."]
    simulation: Annotated[ExplainedOutcome | None, "A simulation of its execution now, for one that has not landed."]
    runs: Annotated[list[str], "Ids of the runs that it concerns, as far as they are known."]
    version: Literal["legacy", "0"]
    size: Annotated[Unsigned, "Size of the transaction in bytes, with all signatures."]
    blockhash: Annotated[str, "The blockhash, or the value of the durable nonce."]
    nonce_account: Annotated[Address | None, "The account of the durable nonce that takes the place of a blockhash."]
    signers: Annotated[list[ExplainedSigner], "The required signers, the fee payer first."]
    fee: ExplainedFee
    instructions: list[ExplainedInstruction]
    lookup_tables: list[Address]
    balances: Annotated[
        list[BalanceChange] | None, "Changed balances, on the cluster or in the simulation; null if not known."
    ]
    tokens: Annotated[list[TokenBalanceChange] | None, "Changed balances of token accounts; null if not known."]
    transfers: Annotated[list[ExplainedTransfer], "Transfers stated in the instructions."]
    record: Annotated[TransactionRecord | None, "Its record in the journal; null if there is none."]
