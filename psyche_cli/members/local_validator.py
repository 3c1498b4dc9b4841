"""Control of a local validator of psyche-cli by its additional RPC methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from psyche_cli.environment import Clock
from psyche_cli.errors import Json, LocalnetError, RpcError
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import METHOD_NOT_FOUND

_Value = TypeVar("_Value")


def call_control(rpc: RpcClient, method: str, *params: Json, read: Callable[[Json], _Value]) -> _Value:
    """Call a method and parse its result with ``read``, which raises ValueError for an invalid result.

    Raises LocalnetError if the cluster is not a local validator of psyche-cli.
    """
    try:
        return rpc.call(method, params, read, retry=False)
    except RpcError as error:
        if error.rpc_code != METHOD_NOT_FOUND:
            raise
        raise LocalnetError(
            f"{rpc.label} is not a psyche-cli local validator.",
            hint="Start one with: psyche-cli localnet",
        ) from error


def clock_of_local_validator(rpc: RpcClient, clock: Clock, speed: float | None = None) -> Callable[[int], None]:
    """A function that advances the clock of the local validator behind ``rpc`` by a number of seconds.

    With ``speed``, it takes one real second per ``speed`` seconds of the cluster, otherwise none. Raises LocalnetError
    for any other cluster.
    """

    def advance(seconds: int) -> None:
        if speed is not None:
            rpc.waits.sleep(clock, seconds / speed)
        call_control(rpc, "localnet_warpSeconds", seconds, read=lambda _: None)

    call_control(rpc, "localnet_warpSeconds", 0, read=lambda _: None)
    return advance
