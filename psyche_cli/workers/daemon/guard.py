"""Checks the token of every call, and keeps the texts of unexpected errors from clients."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Literal

import grpc
from grpc import aio

from psyche_cli.errors import (
    DaemonError,
    IllegalTransition,
    InvalidSubmission,
    PsycheError,
    SlotsNotFree,
    TelemetryError,
    WorkerRunNotFound,
)
from psyche_cli.workers.daemon.daemon_log import DaemonLog
from psyche_cli.workers.registry.tokens import Kind
from psyche_cli.workers.service import contract

SERVICE: Final = "/psyche.workers.v1.WorkerService/"

Caller = Literal["owner", "launch", "session", "publish"]

CALLERS: Final[dict[str, Caller]] = {
    **dict.fromkeys(("SubmitRun", "CancelRun", "ListRuns", "WatchRuns", "GetHealth", "StopDaemon"), "owner"),
    **dict.fromkeys(("StreamRunSteps", "StreamRunEpisodes", "DirectWorkers"), "owner"),
    "RegisterWorker": "launch",
    **dict.fromkeys(("Heartbeat", "ControlStream"), "session"),
    **dict.fromkeys(("PublishRunSteps", "PublishRunEpisodes"), "publish"),
}
"""Whose token a call needs. Other calls are refused."""

_STATUS: Final[dict[type[PsycheError], grpc.StatusCode]] = {
    InvalidSubmission: grpc.StatusCode.INVALID_ARGUMENT,
    WorkerRunNotFound: grpc.StatusCode.NOT_FOUND,
    IllegalTransition: grpc.StatusCode.FAILED_PRECONDITION,
    SlotsNotFree: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DaemonError: grpc.StatusCode.FAILED_PRECONDITION,
    TelemetryError: grpc.StatusCode.RESOURCE_EXHAUSTED,
}

Check = Callable[[str, str, Kind, str], Awaitable[bool]]


def caller(context: Any) -> tuple[str, str]:
    """The ids of the run and of the worker that a call of a worker or proxy comes from. Its token was checked."""
    found = _texts(context.invocation_metadata())
    return found.get(contract.RUN_ID, ""), found.get(contract.WORKER_ID, "")


async def refusal(context: Any, status: grpc.StatusCode, message: str) -> Exception:
    """End a call with an error. Raises what ends the handler, so that nothing is returned."""
    await context.abort(status, message)
    raise AssertionError("the call was aborted")


class Guard(aio.ServerInterceptor):
    """Comes before every call. ``check`` is whether a token of a worker is valid."""

    def __init__(self, owner_token: str, check: Check, log: DaemonLog) -> None:
        self._owner_token = owner_token.encode()
        self._check = check
        self._log = log

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Replace the handler of a call by one that checks the token first."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method).removeprefix(SERVICE)
        metadata = _texts(handler_call_details.invocation_metadata)
        return self._guarded(handler, method, metadata)

    def _guarded(self, handler: Any, method: str, metadata: dict[str, str]) -> Any:
        if handler.response_streaming:
            answer_all = handler.stream_stream if handler.request_streaming else handler.unary_stream
            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )

            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                async with self._errors(method, context):
                    await self._admit(method, metadata, context)
                    async with contextlib.aclosing(answer_all(request, context)) as answers:
                        async for answer in answers:
                            yield answer

            guarded: Any = stream
        else:
            answer_once = handler.stream_unary if handler.request_streaming else handler.unary_unary
            make = (
                grpc.stream_unary_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_unary_rpc_method_handler
            )

            async def once(request: Any, context: Any) -> Any:
                async with self._errors(method, context):
                    await self._admit(method, metadata, context)
                    return await answer_once(request, context)

            guarded = once
        return make(guarded, handler.request_deserializer, handler.response_serializer)

    async def _admit(self, method: str, metadata: dict[str, str], context: Any) -> None:
        token = metadata.get(contract.TOKEN, "")
        kind = CALLERS.get(method)
        if kind == "owner":
            allowed = hmac.compare_digest(self._owner_token, token.encode())
        elif kind is None:
            allowed = False
        else:
            ids = metadata.get(contract.RUN_ID, ""), metadata.get(contract.WORKER_ID, "")
            allowed = await self._check(*ids, kind, token)
        if not allowed:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token of this call is missing or not valid.")
        version = metadata.get(contract.PROTOCOL, "1")
        if version != str(contract.PROTOCOL_VERSION):
            raise DaemonError(
                f"The caller has protocol version {version[:8]}, and the worker daemon {contract.PROTOCOL_VERSION}.",
                hint="Use the psyche-cli that started the daemon, or end the daemon once its runs have ended.",
            )

    @contextlib.asynccontextmanager
    async def _errors(self, method: str, context: Any) -> AsyncIterator[None]:
        try:
            yield
        except (aio.AbortError, asyncio.CancelledError):
            raise
        except PsycheError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), None)
            if status is None:
                self._log.failure(method, error)
            trailing = ((contract.ERROR, error.code), (contract.HINT, error.hint.encode()))
            await context.abort(status or grpc.StatusCode.INTERNAL, error.message, trailing)
        except Exception as error:
            self._log.failure(method, error)
            await context.abort(
                grpc.StatusCode.INTERNAL, "The worker daemon failed. Its log has the kind and place of the error."
            )


def _texts(metadata: Any) -> dict[str, str]:
    return {key: value for key, value in metadata or () if isinstance(value, str)}
