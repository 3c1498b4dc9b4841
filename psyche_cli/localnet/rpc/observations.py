"""What a client learns of the newest landings by a request, so that it is not notified of them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.commitment import Commitment, commitment_of
from psyche_cli.localnet.rpc.params import pubkey_of, signature_of
from psyche_cli.solana.token_state import TOKEN_PROGRAMS

_Observation = Callable[[Bank, list[Json], Commitment], None]


def _account(bank: Bank, params: list[Json], commitment: Commitment) -> None:
    bank.unseen.account_read(pubkey_of(params[0]), commitment)


def _accounts(bank: Bank, params: list[Json], commitment: Commitment) -> None:
    for address in params[0]:
        bank.unseen.account_read(pubkey_of(address), commitment)


def _program(bank: Bank, params: list[Json], commitment: Commitment) -> None:
    bank.unseen.program_read(pubkey_of(params[0]), commitment)


def _token_accounts(bank: Bank, _params: list[Json], commitment: Commitment) -> None:
    for program in TOKEN_PROGRAMS:
        bank.unseen.program_read(program, commitment)


def _transaction(bank: Bank, params: list[Json], commitment: Commitment) -> None:
    bank.unseen.asked(signature_of(params[0]), commitment)


def _statuses(bank: Bank, params: list[Json], _commitment: Commitment) -> None:
    for signature in params[0]:
        bank.unseen.asked(signature_of(signature))  # each status is finalized


def _signatures(bank: Bank, params: list[Json], commitment: Commitment) -> None:
    for record in bank.unseen.records(commitment, pubkey_of(params[0])):
        bank.unseen.seen(record.signature, commitment)


def _block(bank: Bank, params: list[Json], commitment: Commitment) -> None:
    for record in bank.unseen.records(commitment):
        if record.slot == params[0]:
            bank.unseen.seen(record.signature, commitment)


_OBSERVATIONS: Final[Mapping[str, _Observation]] = {
    "getAccountInfo": _account,
    "getBalance": _account,
    "getTokenAccountBalance": _account,
    "getTokenSupply": _account,
    "getMultipleAccounts": _accounts,
    "getProgramAccounts": _program,
    "getTokenAccountsByOwner": _token_accounts,
    "getTokenAccountsByDelegate": _token_accounts,
    "getTokenLargestAccounts": _token_accounts,
    "getTransaction": _transaction,
    "getSignatureStatuses": _statuses,
    "getSignaturesForAddress": _signatures,
    "getBlock": _block,
}


def observe(bank: Bank, method: str, params: list[Json]) -> None:
    """Note what the result of a request, whose parameters are valid, shows of the newest landings."""
    observation = _OBSERVATIONS.get(method) if bank.unseen.may_exist else None
    if observation is not None:
        observation(bank, params, commitment_of(params))
