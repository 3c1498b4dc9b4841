"""JSON-RPC 2.0 over the bank: bytes in, bytes out, no sockets."""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.archive import HistoryDamaged
from psyche_cli.localnet.chain.journal import NotRecorded
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.json_text import finished, plain_text, unfinished_parts
from psyche_cli.localnet.rpc.fault import UNSUPPORTED_VERSION, RpcFault, not_recorded
from psyche_cli.localnet.rpc.methods import accounts as rpc_accounts
from psyche_cli.localnet.rpc.methods import cluster as rpc_cluster
from psyche_cli.localnet.rpc.methods import control as rpc_control
from psyche_cli.localnet.rpc.methods import history as rpc_history
from psyche_cli.localnet.rpc.methods import staking as rpc_staking
from psyche_cli.localnet.rpc.methods import tokens as rpc_tokens
from psyche_cli.localnet.rpc.methods import transactions as rpc_transactions
from psyche_cli.localnet.rpc.observations import observe
from psyche_cli.localnet.rpc.params import Params
from psyche_cli.localnet.rpc.requests import InvalidRequest, Request, read_body
from psyche_cli.localnet.rpc.signatures import checked_params
from psyche_cli.localnet.rpc.steps import MAX_ANSWER_BYTES, SlowResult, Steps, completed, encoded
from psyche_cli.solana.rpc.codes import INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND

_PIECE_BYTES: Final = 256 * 1024

_TABLES: Final[tuple[MethodTable, ...]] = (
    rpc_accounts.METHODS,
    rpc_tokens.METHODS,
    rpc_transactions.METHODS,
    rpc_history.METHODS,
    rpc_cluster.METHODS,
    rpc_staking.METHODS,
    rpc_control.METHODS,
)


def all_methods() -> dict[str, str]:
    """The topic of each method, by method name, for the documentation and its test."""
    return {name: table_of for table_of, table in zip(_SUBJECTS, _TABLES, strict=True) for name in table}


_SUBJECTS: Final = ("accounts", "tokens", "transactions", "history", "cluster", "staking", "control")


class Dispatcher:
    """Answers JSON-RPC requests. All slots that are due begin before a request is handled."""

    def __init__(self, context: RpcContext) -> None:
        self.context = context
        self._methods = {name: method for table in _TABLES for name, method in table.items()}

    def handle(self, body: bytes, *, allow_control: bool = True) -> bytes:
        """The response to one body, a request or a batch; empty if it contains only notifications.

        With ``allow_control`` False, the control methods (``localnet_...``) are rejected.
        """
        answer = self.answer(body, allow_control=allow_control)
        return answer if isinstance(answer, bytes) else completed(answer)

    def answer(self, body: bytes, *, allow_control: bool = True) -> bytes | Steps:
        """The same response or, for a batch or a request that takes long, the steps to it.

        One request is answered from one state; between the requests of a batch, others may change it.
        """
        try:
            requests, is_batch = read_body(body)
        except RpcFault as fault:
            return _failure(None, fault)
        return self._batch(requests, allow_control) if is_batch else self._answer(requests[0], allow_control)

    def _batch(self, requests: list[Request | InvalidRequest], allow_control: bool) -> Steps:
        pieces: list[bytes] = []
        together: list[bytes] = []
        size = joined = 0
        for request in requests:
            if size > MAX_ANSWER_BYTES:
                answer: bytes | Steps = _refusal(request)
            else:
                answer = self._answer(request, allow_control)
            found = [answer] if isinstance(answer, bytes) else (yield from answer)
            if any(found):
                together += (b"," if size else b"[", *found)
                size += sum(map(len, found))
                if size - joined > _PIECE_BYTES:
                    pieces.append(b"".join(together))
                    together.clear()
                    joined = size
            yield
        return [*pieces, b"".join(together), b"]"] if size else []

    def _answer(self, request: Request | InvalidRequest, allow_control: bool) -> bytes | Steps:
        identity = request.identity
        if isinstance(request, InvalidRequest):
            return _failure(identity, RpcFault(INVALID_REQUEST, "Invalid request"))
        if not request.has_version:
            if request.is_notification:
                return b""
            return _encode({"error": UNSUPPORTED_VERSION.to_json(), "id": identity})
        self.context.bank.catch_up()
        try:
            if not allow_control and request.method in rpc_control.METHODS:
                raise RpcFault(INVALID_REQUEST, f"{request.method} is not available to web pages from other origins")
            result = self._call(request.method, request.params)
            if isinstance(result, SlowResult):
                return b"" if request.is_notification else self._slow(request, result)
            parts = unfinished_parts({"jsonrpc": "2.0", "result": result, "id": identity})
            if len(parts) > 1 and not request.is_notification:
                return self._slow(request, SlowResult(finished(unfinished_parts(result))))
            answer = "".join(finished(parts)).encode()
        except Exception as error:
            answer = self._failed(request, error)
        else:
            self._log(request, None)
        return b"" if request.is_notification else answer

    def _slow(self, request: Request, result: SlowResult) -> Steps:
        end = b',"id":%b}' % _encode(request.identity)
        try:
            pieces = yield from encoded(result, b'{"jsonrpc":"2.0","result":', end)
        except Exception as error:
            return [self._failed(request, error)]
        self._log(request, None)
        return pieces

    def _failed(self, request: Request, error: Exception) -> bytes:
        """The response after an error, which is logged."""
        if isinstance(error, RpcFault):
            fault = error
        elif isinstance(error, NotRecorded):
            fault = not_recorded(str(error))
        elif isinstance(error, HistoryDamaged):
            self.context.notice(f"{request.method}: {error}")
            fault = RpcFault(INTERNAL_ERROR, str(error))
        else:
            self.context.notice(f"{request.method}: internal error: {type(error).__name__}: {error}")
            fault = RpcFault(INTERNAL_ERROR, "Internal error")
        self._log(request, fault)
        return _failure(request.identity, fault)

    def _log(self, request: Request, fault: RpcFault | None) -> None:
        if self.context.log_requests:
            outcome = "ok" if fault is None else f"error {fault.code}: {fault.message}"
            self.context.log(f"{request.method}: {outcome}")

    def _call(self, name: str, params: Json) -> Json:
        method = self._methods.get(name)
        if method is None:
            raise RpcFault(METHOD_NOT_FOUND, "Method not found")
        read = checked_params(name, params)
        try:
            result = method(self.context, Params(read))
        except (KeyboardInterrupt, SystemExit, Exception):
            raise
        except BaseException as panic:  # pyo3's PanicException derives from BaseException
            raise RuntimeError(f"the VM panicked: {panic}") from panic
        observe(self.context.bank, name, read)
        return result


def _failure(identity: Json, fault: RpcFault) -> bytes:
    return _encode({"jsonrpc": "2.0", "error": fault.to_json(), "id": identity})


def _refusal(request: Request | InvalidRequest) -> bytes:
    """The response to a request of a batch whose responses are too large; the request is not executed."""
    if isinstance(request, Request) and request.is_notification:
        return b""
    sentence = f"The responses before this one have more than {MAX_ANSWER_BYTES >> 20} MiB. Use smaller batches."
    return _failure(request.identity, RpcFault(INVALID_REQUEST, sentence))


def _encode(answer: Json) -> bytes:
    return plain_text(answer).encode()
