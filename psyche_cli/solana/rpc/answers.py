"""Decoding of RPC results from JSON. Invalid results raise ValueError with the reason."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import zstandard
from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES, U64_MAX
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.types import (
    COMMITMENTS,
    AddressSignature,
    Blockhash,
    ChainPosition,
    LandedTransaction,
    SignatureStatus,
    Simulation,
    TokenAmount,
)


def as_object(value: Json) -> dict[str, Json]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def as_list(value: Json) -> list[Json]:
    """A JSON array."""
    if not isinstance(value, list):
        raise ValueError("expected an array")
    return value


def as_text(value: Json) -> str:
    """A JSON string."""
    if not isinstance(value, str):
        raise ValueError("expected a string")
    return value


def as_u64(value: Json) -> int:
    """A whole number from 0 to 2^64 - 1."""
    if type(value) is not int or not 0 <= value <= U64_MAX:
        raise ValueError("expected an integer from 0 to 2^64-1")
    return value


def as_logs(value: Json) -> tuple[str, ...]:
    """Program logs; empty for null."""
    return () if value is None else tuple(as_text(line) for line in as_list(value))


def is_complete_log(logs: Sequence[str]) -> bool:
    """Whether these are all logs of a transaction: the ledger has them, and they were not too long to be kept."""
    return bool(logs) and "Log truncated" not in logs


def slot_and_value(result: Json) -> tuple[int, Json]:
    """The context slot and the value of a result."""
    envelope = as_object(result)
    if "value" not in envelope:
        raise ValueError("the value is missing")
    return as_u64(as_object(envelope.get("context")).get("slot")), envelope["value"]


def read_account(address: Pubkey, value: Json) -> RawAccount | None:
    """An account in base64+zstd (or base64, to which some nodes fall back); None for null."""
    if value is None:
        return None
    fields = as_object(value)
    executable = fields.get("executable")
    if not isinstance(executable, bool):
        raise ValueError("an account has no executable flag")
    data, space = _account_data(fields.get("data")), fields.get("space")
    return RawAccount(
        address=address,
        owner=Pubkey.from_string(as_text(fields.get("owner"))),
        lamports=as_u64(fields.get("lamports")),
        data=data,
        executable=executable,
        space=None if space is None or space == len(data) else as_u64(space),
    )


def _account_data(value: Json) -> bytes:
    parts = as_list(value)
    if len(parts) != 2:
        raise ValueError("account data is not a [data, encoding] pair")
    raw = base64.b64decode(as_text(parts[0]), validate=True)
    encoding = as_text(parts[1])
    if encoding == "base64":
        data = raw
    elif encoding == "base64+zstd":
        data = decompressed(raw)
    else:
        raise ValueError("account data has an encoding that was not requested")
    if len(data) > MAX_ACCOUNT_BYTES:
        raise ValueError("account data exceeds the maximum account size")
    return data


def decompressed(raw: bytes) -> bytes:
    """The content of a zstd frame, at most 10 MiB, the maximum account size, checked before decompression."""
    try:
        # The size in the frame header, or -1 if it is absent; then max_output_size limits the output.
        if zstandard.frame_content_size(raw) > MAX_ACCOUNT_BYTES:
            raise ValueError("account data exceeds the maximum account size")
        return zstandard.ZstdDecompressor().decompress(raw, max_output_size=MAX_ACCOUNT_BYTES)
    except zstandard.ZstdError as error:
        raise ValueError("account data could not be decompressed") from error


def read_account_and_slot(address: Pubkey, result: Json) -> tuple[int, RawAccount | None]:
    """The slot, and the only account of a getMultipleAccounts result."""
    return slot_and_value(result)[0], read_accounts([address], result)[0]


def read_accounts(addresses: Sequence[Pubkey], result: Json) -> list[RawAccount | None]:
    """The result of getMultipleAccounts for these addresses."""
    return _accounts_at(addresses, slot_and_value(result)[1])


def _accounts_at(addresses: Sequence[Pubkey], value: Json) -> list[RawAccount | None]:
    values = as_list(value)
    if len(values) != len(addresses):
        raise ValueError(f"expected {len(addresses)} accounts, got {len(values)}")
    return [read_account(address, found) for address, found in zip(addresses, values, strict=True)]


def read_program_accounts(result: Json) -> list[RawAccount]:
    """The result of getProgramAccounts."""
    found = []
    for entry in map(as_object, as_list(result)):
        account = read_account(Pubkey.from_string(as_text(entry.get("pubkey"))), entry.get("account"))
        if account is None:
            raise ValueError("an account without data")
        found.append(account)
    return found


def read_hash(value: Json) -> Hash:
    """A base58 hash."""
    try:
        return Hash.from_string(as_text(value))
    except ParseHashError as error:
        raise ValueError("expected a hash") from error


def read_blockhash(value: Json) -> Blockhash:
    """The value of getLatestBlockhash."""
    fields = as_object(value)
    return Blockhash(
        hash=read_hash(fields.get("blockhash")),
        last_valid_block_height=as_u64(fields.get("lastValidBlockHeight")),
    )


def read_chain_position(result: Json) -> ChainPosition:
    """The result of getEpochInfo."""
    fields = as_object(result)
    return ChainPosition(slot=as_u64(fields.get("absoluteSlot")), block_height=as_u64(fields.get("blockHeight")))


def read_fee(result: Json) -> int | None:
    """The result of getFeeForMessage: lamports, or None for an expired blockhash."""
    value = slot_and_value(result)[1]
    return None if value is None else as_u64(value)


def read_flag_in_context(result: Json) -> bool:
    """True or false in a response with a context."""
    _, value = slot_and_value(result)
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def read_prices(result: Json) -> list[int]:
    """The result of getRecentPrioritizationFees: micro-lamports per compute unit, by slot."""
    return [as_u64(as_object(slot).get("prioritizationFee")) for slot in as_list(result)]


def read_simulation(value: Json, addresses: Sequence[Pubkey] = ()) -> Simulation:
    """The value of simulateTransaction, with which the accounts at ``addresses`` were requested."""
    fields = as_object(value)
    if "err" not in fields:
        raise ValueError("the simulation result has no err field")
    units, blockhash = fields.get("unitsConsumed"), fields.get("replacementBlockhash")
    accounts = fields.get("accounts") if addresses and fields["err"] is None else None
    return Simulation(
        err=fields["err"],
        logs=as_logs(fields.get("logs")),
        units_consumed=None if units is None else as_u64(units),
        blockhash=None if blockhash is None else read_blockhash(blockhash),
        accounts=None if accounts is None else tuple(_accounts_at(addresses, accounts)),
    )


def read_signature(result: Json) -> Signature:
    """The result of sendTransaction and requestAirdrop."""
    return Signature.from_string(as_text(result))


def read_signature_status(value: Json) -> SignatureStatus | None:
    """An element of the value of getSignatureStatuses; None for a signature unknown to the node."""
    if value is None:
        return None
    fields = as_object(value)
    if "err" not in fields:
        raise ValueError("the status has no err field")
    reached = fields.get("confirmationStatus")
    if reached is None:
        # The field is optional. Null confirmations mean that the slot is rooted, a number that it is not.
        reached = "finalized" if fields.get("confirmations") is None else "processed"
    if reached not in COMMITMENTS:
        raise ValueError("the confirmation status is unknown")
    return SignatureStatus(slot=as_u64(fields.get("slot")), err=fields["err"], confirmation_status=as_text(reached))


def read_single_status(result: Json) -> tuple[int, SignatureStatus | None]:
    """The context slot and the status from the result of getSignatureStatuses for one signature."""
    slot, value = slot_and_value(result)
    statuses = as_list(value)
    if len(statuses) != 1:
        raise ValueError(f"expected 1 status, got {len(statuses)}")
    return slot, read_signature_status(statuses[0])


def read_address_signatures(result: Json) -> list[AddressSignature]:
    """The result of getSignaturesForAddress."""
    found = []
    for fields in map(as_object, as_list(result)):
        if "err" not in fields:
            raise ValueError("the transaction has no err field")
        signature = read_signature(fields.get("signature"))
        time = fields.get("blockTime")
        seconds = time if isinstance(time, int) and not isinstance(time, bool) else None
        status = fields.get("confirmationStatus")
        commitment = None if status is None else as_text(status)
        found.append(AddressSignature(signature, as_u64(fields.get("slot")), fields["err"], seconds, commitment))
    return found


def read_block_signatures(result: Json) -> list[Signature]:
    """The result of getBlock with signatures only."""
    return [read_signature(one) for one in as_list(as_object(result).get("signatures"))]


def landed_fields(value: Json) -> tuple[dict[str, Json], dict[str, Json]]:
    """A result of getTransaction, and its meta, which says whether the transaction failed. Raises ValueError."""
    fields = as_object(value)
    meta = as_object(fields.get("meta"))
    if "err" not in meta:
        raise ValueError("the transaction has no err field")
    return fields, meta


def read_landed_transaction(value: Json) -> LandedTransaction | None:
    """The result of getTransaction; None for a transaction that the ledger does not (yet) contain."""
    if value is None:
        return None
    fields, meta = landed_fields(value)
    return LandedTransaction(
        slot=as_u64(fields.get("slot")),
        err=meta["err"],
        logs=as_logs(meta.get("logMessages")),
        fee_lamports=as_u64(meta.get("fee")),
        payer=_payer(fields.get("transaction")),
    )


def _payer(transaction: Json) -> Pubkey | None:
    """The first account of a transaction in the encoding ``json``, or None if its message is missing."""
    if not isinstance(transaction, dict) or "message" not in transaction:
        return None
    keys = as_list(as_object(transaction["message"]).get("accountKeys"))
    return Pubkey.from_string(as_text(keys[0])) if keys else None


def read_token_amount(value: Json) -> TokenAmount:
    """The value of getTokenAccountBalance, without its preformatted decimal and float amounts."""
    fields = as_object(value)
    amount = as_text(fields.get("amount"))
    if not (amount.isascii() and amount.isdigit() and len(amount) <= 20):
        raise ValueError("the token amount is not an integer")
    return TokenAmount(base_units=as_u64(int(amount)), decimals=as_u64(fields.get("decimals")))
