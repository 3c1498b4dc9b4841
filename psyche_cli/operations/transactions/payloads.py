"""JSON payloads of the ``tx`` verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Address, Unsigned

StateText = Annotated[
    Literal["unsettled", "landed", "failed", "expired", "not_sent", "forgotten"],
    "unsettled: it may have been sent, and its outcome is not known. All others are final: landed, failed on-chain, "
    "expired without landing, never sent, or forgotten by the user.",
]


@dataclass(frozen=True)
class NewAccount:
    """An account with its own key that a transaction creates."""

    address: Address
    role: Annotated[str, "What it is, such as coordinator account."]


@dataclass(frozen=True)
class TransactionRecord:
    """A transaction in the journal."""

    signature: Annotated[str, "The signature in base58."]
    state: StateText
    label: Annotated[str, "A short description."]
    command: Annotated[str, "The command that sent it."]
    run_id: Annotated[str | None, "The run it concerns; null if the command takes no run id."]
    wallet: Annotated[Address, "The wallet that signed and paid."]
    recorded_at: Annotated[str, "When it was signed, in UTC (ISO 8601)."]
    settled_at: Annotated[str | None, "When its outcome was recorded, in UTC (ISO 8601); null while it is unsettled."]
    endpoint: Annotated[str, "Scheme, host and port of the endpoint it was sent to."]
    genesis_hash: Annotated[str, "The genesis hash, which identifies the cluster."]
    blockhash: Annotated[str, "Its blockhash, or the value of its durable nonce."]
    last_valid_block_height: Annotated[
        Unsigned | None, "The last block height at which it can land; null with a durable nonce."
    ]
    nonce_account: Annotated[
        Address | None, "The account of its durable nonce; it can land until the nonce is used. Otherwise null."
    ]
    created_accounts: list[NewAccount]
    slot: Annotated[Unsigned | None, "The slot in which it landed or failed."]
    error: Annotated[str | None, "The transaction error as JSON text, if it failed on-chain."]
    explorer: Annotated[str | None, "A link to the transaction in an explorer; null unless the cluster is public."]
    reason: Annotated[str | None, "Why psyche-cli schedule sent it; null for any other transaction."]


@dataclass(frozen=True)
class TransactionListData:
    """The transactions in the journal, oldest first."""

    journal: Annotated[str, "Path of the journal."]
    transactions: list[TransactionRecord]
    left_out: Annotated[int, "Number of older settled transactions that --limit left out."]


@dataclass(frozen=True)
class TransactionStatusData:
    """What the cluster and the journal know about a transaction."""

    signature: str
    status: Annotated[
        Literal["landed", "failed", "unknown"],
        "On the cluster. unknown: the endpoint does not know it; it may still land, or never have been sent.",
    ]
    confirmation: Annotated[Literal["processed", "confirmed", "finalized"] | None, "Its commitment; null if unknown."]
    slot: Unsigned | None
    error: Annotated[str | None, "The transaction error as JSON text, if it failed."]
    explorer: Annotated[str | None, "A link to the transaction in an explorer; null unless the cluster is public."]
    same_cluster: Annotated[
        bool | None, "Whether the endpoint serves the cluster on which it was recorded; null without a record."
    ]
    record: Annotated[TransactionRecord | None, "Its record in the journal; null if there is none."]


@dataclass(frozen=True)
class ResumeData:
    """The outcome of transactions that were unsettled."""

    settled: list[TransactionRecord]
    in_progress: Annotated[list[str], "Signatures of transactions that another running process is waiting for."]
    on_other_clusters: Annotated[list[str], "Signatures of unsettled transactions on other clusters."]


@dataclass(frozen=True)
class MadeSignature:
    """A signature of a transaction."""

    signer: Address
    signature: Annotated[str, "The signature in base58."]


@dataclass(frozen=True)
class ExportedTransaction:
    """A transaction to sign or send elsewhere. A file written with --output-file has the same content."""

    format: Literal["psyche-cli transaction"]
    version: Literal[1]
    label: Annotated[str, "A short description."]
    command: Annotated[str, "The command that created it."]
    run_id: Annotated[str | None, "The run it concerns; null if the command takes no run id."]
    intent: Annotated[str, "The request as canonical JSON, for the journal; empty if it is unknown."]
    authority: Annotated[Address, "The authority whose action it is."]
    fee_payer: Annotated[Address, "The key that pays the fee; the first of the signers."]
    signers: Annotated[list[Address], "All keys that must sign, in the order of the message."]
    signatures: Annotated[list[MadeSignature], "The signatures made so far."]
    missing: Annotated[list[Address], "The keys that have not signed yet."]
    blockhash: Annotated[str, "Its blockhash, or the value of its durable nonce."]
    last_valid_block_height: Annotated[
        Unsigned | None, "The last block height at which it can land; null with a durable nonce."
    ]
    nonce_account: Annotated[Address | None, "The account of its durable nonce; null if it has none."]
    nonce_authority: Annotated[Address | None, "The authority of the nonce account; null if it has no nonce."]
    genesis_hash: Annotated[str, "The genesis hash, which identifies the cluster."]
    fee_lamports: Annotated[Unsigned, "The fee without a priority fee."]
    message_base64: Annotated[str, "The message, which is what is signed."]
    message_base58: str
    transaction_base64: Annotated[str, "The transaction; missing signatures are zeros."]
    transaction_base58: str
    created_accounts: Annotated[list[NewAccount], "Accounts with their own key that it creates."]
    pays_again: Annotated[bool, "Whether running the command again would pay again."]


@dataclass(frozen=True)
class SentTransaction:
    """A transaction that was signed elsewhere and has landed."""

    already_so: Annotated[bool, "Whether it had already landed, so that nothing was sent."]
    signature: Annotated[str, "The signature in base58."]
    slot: Annotated[Unsigned | None, "The slot in which it landed; null if that is not known."]
    label: Annotated[str, "A short description."]
    run_id: Annotated[str | None, "The run it concerns; null if that is not known."]
    signers: Annotated[list[Address], "The keys that signed it, the fee payer first."]


@dataclass(frozen=True)
class ForgetData:
    """A transaction whose outcome is no longer awaited."""

    already_so: Annotated[bool, "Whether its outcome was already recorded."]
    transaction: TransactionRecord


@dataclass(frozen=True)
class ForgetSettledData:
    """The removal of settled transactions from the journal."""

    already_so: Annotated[bool, "Whether there was none to remove."]
    journal: Annotated[str, "Path of the journal."]
    older_than_seconds: int
    removed: Annotated[int, "Number of transactions removed."]
