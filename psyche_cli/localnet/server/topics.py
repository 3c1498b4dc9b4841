"""What PubSub methods subscribe to: their parameters, with the errors of a node."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.commitment import commitment_of
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.encoding.blocks import BlockView
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.methods.accounts import account_filters
from psyche_cli.localnet.rpc.params import Config, Params
from psyche_cli.localnet.rpc.signatures import SUBSCRIPTIONS
from psyche_cli.localnet.server.subscriptions import Interest
from psyche_cli.solana.rpc.codes import METHOD_NOT_FOUND


def _pubkey(text: str, name: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        raise invalid_params(f"Invalid Request: Invalid {name} provided") from error


def _view(config: Config) -> AccountView:
    return replace(AccountView.of(config, default="binary"), never_refuses=True)


def _account(params: Params) -> Interest:
    address = _pubkey(params.raw(0), "pubkey")
    return Interest(("account", address), view=_view(params.config(1)))


def _program(params: Params) -> Interest:
    program, config = _pubkey(params.raw(0), "pubkey"), params.config(1)
    return Interest(("program", program), view=_view(config), tests=tuple(account_filters(config)))


def _logs(params: Params) -> Interest:
    wanted = params.raw(0)
    if not isinstance(wanted, dict):  # all, allWithVotes
        return Interest(("logs", None))
    addresses = wanted["mentions"]
    if len(addresses) != 1:
        raise invalid_params("Invalid Request: Only 1 address supported")
    return Interest(("logs", _pubkey(addresses[0], "mentions")))


def _signature(params: Params) -> Interest:
    try:
        signature = Signature.from_string(params.raw(0))
    except ValueError as error:
        raise invalid_params("Invalid Request: Invalid signature provided") from error
    return Interest(("signature", signature))


def _block(params: Params) -> Interest:
    wanted, config = params.raw(0), params.config(1)
    config.require_confirmed()
    address = _pubkey(wanted["mentionsAccountOrProgram"], "mentions_account_or_program") if wanted != "all" else None
    return Interest(("block", address), block=BlockView.of(config, encoding="base64", rewards=False))


def _without_parameters(kind: str) -> Callable[[Params], Interest]:
    return lambda _: Interest((kind, None))


_INTERESTS: Final[Mapping[str, Callable[[Params], Interest]]] = {
    "accountSubscribe": _account,
    "programSubscribe": _program,
    "logsSubscribe": _logs,
    "signatureSubscribe": _signature,
    "blockSubscribe": _block,
    "slotSubscribe": _without_parameters("slot"),
    "slotsUpdatesSubscribe": _without_parameters("slotsUpdates"),
    "rootSubscribe": _without_parameters("root"),
    "voteSubscribe": _without_parameters("vote"),
}

UNSUBSCRIBE: Final = frozenset(name.replace("Subscribe", "Unsubscribe") for name in _INTERESTS)
"""The methods that end a subscription."""


def methods() -> list[str]:
    """The names of all PubSub methods."""
    return sorted({*_INTERESTS, *UNSUBSCRIBE})


def interest(method: str, params: Json) -> Interest:
    """What a request subscribes to. Raises RpcFault."""
    read = _INTERESTS.get(method)
    if read is None:
        raise RpcFault(METHOD_NOT_FOUND, "Method not found")
    values = SUBSCRIPTIONS[method].read(params)
    key = json.dumps(_without_defaults(values), sort_keys=True)
    return replace(read(Params(values)), key=key, commitment=commitment_of(values))


def _without_defaults(values: Json) -> Json:
    """Parameters without options that are absent or have the default value of all methods."""
    if isinstance(values, dict):
        kept = {name: _without_defaults(value) for name, value in values.items() if value is not None}
        return {name: value for name, value in kept.items() if (name, value) != ("commitment", "finalized")}
    if isinstance(values, list):
        return [_without_defaults(value) or None for value in values]
    return values
