"""Encoding of JSON-RPC 2.0 requests, and decoding and validation of responses."""

from __future__ import annotations

from psyche_cli.errors import BadRpcResponse, Json, RpcError
from psyche_cli.json_values import STRICT_DECODER, STRICT_ENCODER
from psyche_cli.solana.rpc.codes import METHOD_NOT_FOUND, NODE_UNHEALTHY

_LONGEST_MESSAGE = 500
_HINTS = {
    METHOD_NOT_FOUND: "The endpoint does not support this method. Use another endpoint.",
    NODE_UNHEALTHY: "The endpoint is behind the cluster. Wait, or use another endpoint.",
}


def encode_request(request_id: int, method: str, params: list[Json]) -> bytes:
    """The body of one request."""
    envelope = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return STRICT_ENCODER.encode(envelope).encode("utf-8")


def encode_batch(requests: list[tuple[int, str, list[Json]]]) -> bytes:
    """The body of a batch; each request is its id, method and parameters."""
    return b"[" + b",".join(encode_request(*request) for request in requests) + b"]"


def decode_batch(body: bytes, requests: list[tuple[int, str, list[Json]]], endpoint: str) -> list[Json]:
    """The results of a batch, in the order of the requests, whatever the order of the responses.

    Raises RpcError if the batch or one of its requests was rejected, and BadRpcResponse for anything that is not a
    response to all requests.
    """
    results: list[Json] = []
    for found in decode_each(body, requests, endpoint):
        if isinstance(found, RpcError):
            raise found
        results.append(found)
    return results


def decode_each(body: bytes, requests: list[tuple[int, str, list[Json]]], endpoint: str) -> list[Json | RpcError]:
    """Like ``decode_batch``, but with the errors of rejected requests in place of their results."""
    names = " and ".join(method for _, method, _ in requests)
    answers = _parse(body, names, endpoint)
    if not isinstance(answers, list):
        result_of(answers, requests[0][0], names, endpoint)
        raise bad_response(names, endpoint, "it is not a response to a batch")
    by_id = {answer["id"]: answer for answer in answers if isinstance(answer, dict) and type(answer.get("id")) is int}
    if len(answers) != len(requests):
        raise bad_response(names, endpoint, f"expected {len(requests)} responses, got {len(answers)}")
    found: list[Json | RpcError] = []
    for number, method, _ in requests:
        try:
            found.append(result_of(by_id.get(number), number, method, endpoint))
        except RpcError as error:
            found.append(error)
    return found


def decode_answer(body: bytes, request_id: int, method: str, endpoint: str) -> Json:
    """The ``result`` of a response.

    Raises RpcError for an error object, BadRpcResponse for anything that is not a response to this request.
    """
    return result_of(_parse(body, method, endpoint), request_id, method, endpoint)


def result_of(answer: Json, request_id: int, method: str, endpoint: str) -> Json:
    """The ``result`` of one parsed response, with the errors of ``decode_answer``."""
    if not isinstance(answer, dict):
        raise bad_response(method, endpoint, "it is not a JSON object")
    error = answer.get("error")
    answer_id = answer.get("id")
    # An endpoint that cannot parse a request does not know its id and responds with a null id.
    if type(answer_id) is not int and not (answer_id is None and error is not None):
        raise bad_response(method, endpoint, "it has no id")
    if answer_id is not None and answer_id != request_id:
        raise bad_response(method, endpoint, f"expected id {request_id}, got {answer_id}")
    if error is not None:
        raise _rpc_error(error, method, endpoint)
    if "result" not in answer:
        raise bad_response(method, endpoint, "it has neither a result nor an error")
    return answer["result"]


def bad_response(method: str, endpoint: str, reason: str) -> BadRpcResponse:
    """The error for an invalid response to ``method``."""
    return BadRpcResponse(
        f"Invalid response from {endpoint} to {method}: {reason}.",
        hint="Check that the URL is a Solana JSON-RPC endpoint.",
        endpoint=endpoint,
        method=method,
    )


def _parse(body: bytes, method: str, endpoint: str) -> Json:
    try:
        answer: Json = STRICT_DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise bad_response(method, endpoint, "it is not JSON") from error
    return answer


def _rpc_error(error: Json, method: str, endpoint: str) -> RpcError | BadRpcResponse:
    if not isinstance(error, dict):
        return bad_response(method, endpoint, "its error is not an object")
    code, message = error.get("code"), error.get("message")
    if type(code) is not int or not isinstance(message, str):
        return bad_response(method, endpoint, "its error has no code or message")
    shown = message.removesuffix(".") if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."
    return RpcError(
        f"{endpoint} rejected {method}: {shown} ({code}).",
        hint=_HINTS.get(code, ""),
        rpc_code=code,
        rpc_data=error.get("data"),
        endpoint=endpoint,
        method=method,
    )
