"""RPC methods that execute and simulate transactions."""

from __future__ import annotations

from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from psyche_cli.amounts import format_sol
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.bank import PreflightFailed
from psyche_cli.localnet.chain.compute_budget import budget_request_of
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction, MalformedTransaction, parse_transaction
from psyche_cli.localnet.chain.executor import TransactionRejected
from psyche_cli.localnet.chain.recent_transactions import signature_text
from psyche_cli.localnet.chain.simulation import Simulation
from psyche_cli.localnet.chain.slot_ends import Urgency
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.encoding.transaction_view import parsed_inner_instructions
from psyche_cli.localnet.rpc.error_texts import transaction_error_text
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.params import Config, Params, hash_of, pubkey_of
from psyche_cli.localnet.rpc.transaction_parameter import INVALID_INDEX, message_of, transaction_of
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.rpc.codes import INTERNAL_ERROR, PREFLIGHT_FAILURE, SIGNATURE_VERIFICATION_FAILURE

_SANITIZE_ERRORS: Final = (
    "AddressLookupTableNotFound",
    "InvalidAddressLookupTableOwner",
    "InvalidAddressLookupTableData",
    "InvalidAddressLookupTableIndex",
)
"""The errors, beside those of compute budgets, that a node finds when it resolves a received transaction."""


def _read_transaction(params: Params, config: Config) -> DecodedTransaction:
    encoding = config.text("encoding") or "base58"
    if encoding in ("json", "jsonParsed"):
        raise invalid_params(f"unsupported encoding: {encoding}. Supported encodings: base58, base64")
    return transaction_of(params.required(0), "base64" if encoding == "base64" else "base58")


def _require_sane(error: Json) -> None:
    """Raise RpcFault (-32602) if a node would not get as far as the checks before an execution."""
    if error in _SANITIZE_ERRORS:
        raise invalid_params(f"invalid transaction: {transaction_error_text(error)}")


def _require_valid_budget(transaction: DecodedTransaction) -> None:
    """Raise RpcFault (-32602) if a compute budget instruction is invalid or repeated."""
    fault = budget_request_of(transaction).fault
    if fault is not None:
        raise invalid_params(f"invalid transaction: {transaction_error_text(fault)}")


def _send_transaction(context: RpcContext, params: Params) -> Json:
    config = params.config(1)
    transaction = _read_transaction(params, config)
    config.require_slot(context.bank.slot)
    _require_valid_budget(transaction)
    preflight = not config.flag("skipPreflight")
    genuine = transaction.signatures_verify()
    if preflight and not genuine:
        raise RpcFault(SIGNATURE_VERIFICATION_FAILURE, "Transaction signature verification failure")
    try:
        # A node that skips preflight forwards every transaction, and an invalid one is later dropped silently.
        if not genuine:
            raise TransactionRejected("SignatureFailure")
        record = context.bank.execute(transaction, preflight=preflight)
    except TransactionRejected as rejected:
        _require_sane(rejected.error)
        if preflight:
            raise _preflight_fault(rejected.error, (), 0, None, 0) from rejected
        if context.is_logging:
            from psyche_cli.localnet.rpc.transaction_log import dropped_line

            context.log(dropped_line(transaction, context.bank.executor.load_keys(transaction).keys, rejected.error))
    except PreflightFailed as failed:
        record = failed.record
        raise _preflight_fault(
            record.error, record.logs, record.units, record.return_data, record.loaded_accounts_data_size
        ) from failed
    else:
        context.recent.add(transaction, record)
        if context.is_logging:
            from psyche_cli.localnet.rpc.transaction_log import executed_line

            context.log(executed_line(record, transaction))
        if context.log_requests:
            for line in record.logs:
                context.log(f"    {line}")
    return signature_text(transaction.signature)


def _preflight_fault(
    error: Json, logs: tuple[str, ...], units: int, return_data: Json, loaded_accounts_data_size: int
) -> RpcFault:
    return RpcFault(
        PREFLIGHT_FAILURE,
        f"Transaction simulation failed: {transaction_error_text(error)}",
        {
            "err": error,
            "logs": list(logs),
            "accounts": None,
            "unitsConsumed": units,
            "loadedAccountsDataSize": loaded_accounts_data_size,
            "returnData": return_data,
            "innerInstructions": None,
            "replacementBlockhash": None,
            "fee": None,
            "preBalances": None,
            "postBalances": None,
            "preTokenBalances": None,
            "postTokenBalances": None,
            "loadedAddresses": None,
        },
    )


def _simulation_view(simulation: Simulation) -> Json:
    loaded = simulation.loaded
    return {
        "err": simulation.error,
        "logs": list(simulation.logs),
        "unitsConsumed": simulation.units,
        "loadedAccountsDataSize": simulation.loaded_accounts_data_size,
        "returnData": simulation.return_data,
        "fee": simulation.fee,
        "preBalances": list(simulation.pre_balances),
        "postBalances": list(simulation.post_balances),
        "preTokenBalances": simulation.pre_token_balances,
        "postTokenBalances": simulation.post_token_balances,
        "loadedAddresses": {
            "writable": [str(key) for key in loaded.looked_up[: loaded.looked_up_writable]],
            "readonly": [str(key) for key in loaded.looked_up[loaded.looked_up_writable :]],
        },
    }


def _simulate_transaction(context: RpcContext, params: Params) -> Json:
    config = params.config(1)
    transaction = _read_transaction(params, config)
    config.require_slot(context.bank.slot)
    verify, replace = config.flag("sigVerify"), config.flag("replaceRecentBlockhash")
    if verify and replace:
        raise invalid_params("sigVerify may not be used with replaceRecentBlockhash")
    _require_valid_budget(transaction)
    if verify and not transaction.signatures_verify():
        raise RpcFault(SIGNATURE_VERIFICATION_FAILURE, "Transaction signature verification failure")
    replacement = None
    if replace:
        context.bank.end_slot_if_used()
        replacement = latest_blockhash(context)
        transaction = transaction.with_blockhash(context.bank.chain.tip.blockhash)
    simulation = context.bank.simulate(transaction)
    _require_sane(simulation.error)
    value = _simulation_view(simulation)
    value["accounts"] = _accounts_after(context, simulation, config.config("accounts"))
    inner = simulation.inner_instructions if config.flag("innerInstructions") else None
    value["innerInstructions"] = None if inner is None else parsed_inner_instructions(inner, simulation.loaded.keys)
    value["replacementBlockhash"] = replacement
    return context.with_context(value)


def _accounts_after(context: RpcContext, simulation: Simulation, wanted: Config | None) -> Json:
    """The accounts with the requested ``addresses`` after the simulation; each is null after an error."""
    if wanted is None:
        return None
    view, keys = AccountView.of(wanted, default="base64"), simulation.loaded.keys
    if view.encoding in ("binary", "base58"):
        raise invalid_params("base58 encoding not supported")
    addresses = wanted.items("addresses")
    if len(addresses) > len(keys):
        raise invalid_params(f"Too many accounts provided; max {len(keys)}")
    if simulation.error is not None:
        return [None] * len(addresses)
    return [_account_after(context, simulation, pubkey_of(address), view) for address in addresses]


def _account_after(context: RpcContext, simulation: Simulation, address: Pubkey, view: AccountView) -> Json:
    """An account after the simulation, or its current content if the transaction does not write to it.

    One that the transaction names and that does not exist is empty.
    """

    def account_of(key: Pubkey) -> Account | None:
        return simulation.accounts.get(key) or context.bank.accounts.get(key)

    account = account_of(address)
    if account is None and address in simulation.loaded.keys:
        account = Account(0, b"", SYSTEM_PROGRAM)
    return None if account is None else view.account(address, account, account_of)


def latest_blockhash(context: RpcContext) -> Json:
    """The latest blockhash and the last block height at which it is valid."""
    blockhash = context.bank.chain.tip.blockhash
    return {
        "blockhash": str(blockhash),
        "lastValidBlockHeight": context.bank.chain.last_valid_height(blockhash),
    }


def _get_latest_blockhash(context: RpcContext, params: Params) -> Json:
    params.config(0).require_slot(context.bank.slot)
    context.bank.end_slot_if_used()
    return context.with_context(latest_blockhash(context))


def _is_blockhash_valid(context: RpcContext, params: Params) -> Json:
    blockhash = hash_of(params.required(0))
    params.config(1).require_slot(context.bank.slot)
    return context.with_context(context.bank.chain.is_usable(blockhash))


def _get_fee_for_message(context: RpcContext, params: Params) -> Json:
    message = message_of(params.required(0))
    params.config(1).require_slot(context.bank.slot)
    signatures = message.header.num_required_signatures
    try:
        unsigned = VersionedTransaction.populate(message, [Signature.default()] * signatures)
        transaction = parse_transaction(bytes(unsigned))
    except MalformedTransaction as error:
        raise invalid_params(f"invalid transaction message: {INVALID_INDEX}") from error
    return context.with_context(transaction.fee if context.bank.executor.may_land(transaction) else None)


def _request_airdrop(context: RpcContext, params: Params) -> Json:
    recipient, lamports = params.pubkey(0), params.unsigned(1)
    wanted = params.config(2).text("recentBlockhash")
    if wanted is None:
        transaction = _unused_airdrop(context, recipient, lamports)
    else:
        transaction = _airdrop(context, recipient, lamports, at=Hash(bytes(pubkey_of(wanted))))
    try:
        record = context.bank.execute(transaction)
    except TransactionRejected as rejected:
        reason = transaction_error_text(rejected.error)
        raise RpcFault(INTERNAL_ERROR, f"airdrop request failed: {reason}") from rejected
    context.recent.add(transaction, record)
    # As on a cluster, an airdrop that fails, such as one of more than the faucet holds, has a signature, too.
    outcome = "ok" if record.error is None else f"failed: {transaction_error_text(record.error)}"
    sol = format_sol(lamports)
    context.log(f"slot {record.slot}  airdrop of {sol} SOL to {recipient}  {outcome}  {record.signature}")
    return str(record.signature)


def _unused_airdrop(context: RpcContext, recipient: Pubkey, lamports: int) -> DecodedTransaction:
    """An airdrop that differs from earlier ones: by its blockhash or, if that cannot be a new one, by an account."""
    processed = context.bank.executor.processed
    transaction = _airdrop(context, recipient, lamports)
    if transaction in processed:
        context.bank.end_slot_if_used(Urgency.SPARE)
        transaction = _airdrop(context, recipient, lamports)
    while transaction in processed:
        # The system program ignores further accounts.
        transaction = _airdrop(context, recipient, lamports, AccountMeta(Pubkey.new_unique(), False, False))
    return transaction


def _airdrop(
    context: RpcContext, recipient: Pubkey, lamports: int, *ignored: AccountMeta, at: Hash | None = None
) -> DecodedTransaction:
    faucet = context.faucet.pubkey()
    plain = transfer(TransferParams(from_pubkey=faucet, to_pubkey=recipient, lamports=lamports))
    instruction = Instruction(plain.program_id, plain.data, [*plain.accounts, *ignored])
    message = Message.new_with_blockhash([instruction], faucet, at or context.bank.chain.tip.blockhash)
    return parse_transaction(bytes(VersionedTransaction(message, [context.faucet])))


METHODS: Final[MethodTable] = {
    "sendTransaction": _send_transaction,
    "simulateTransaction": _simulate_transaction,
    "getLatestBlockhash": _get_latest_blockhash,
    "isBlockhashValid": _is_blockhash_valid,
    "getFeeForMessage": _get_fee_for_message,
    "requestAirdrop": _request_airdrop,
}
