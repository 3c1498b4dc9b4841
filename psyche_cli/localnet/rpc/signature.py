"""The check of a request's parameters against the signature of its method, with the messages of a node."""

from __future__ import annotations

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.parameter_kinds import Kind, Mismatch, Optional
from psyche_cli.localnet.rpc.shown_values import debug_list, debug_map, quoted


def mismatch_fault(mismatch: Mismatch) -> RpcFault:
    """The error of a node for a parameter that it cannot decode."""
    return invalid_params(f"Invalid params: {mismatch}.")


class Signature:
    """The kinds of a method's parameters. Trailing parameters of kind Optional may be absent."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds
        self._least = len(kinds)
        while self._least and isinstance(kinds[self._least - 1], Optional):
            self._least -= 1

    def read(self, params: Json) -> list[Json]:
        """The parameters of a request, a list, object or None, as their kinds read them; absent ones are None.

        Raises RpcFault (-32602).
        """
        if not self.kinds:
            if params:
                shown = f"Array({debug_list(params)})" if isinstance(params, list) else f"Map({debug_map(params)})"
                raise _with_details("No parameters were expected", shown)
            if isinstance(params, dict):
                raise _with_details("No parameters were expected", "Map({})")
            return []
        values = [] if params is None else params
        if self._least == len(self.kinds):
            return self._exactly(params)
        if isinstance(values, dict):
            raise invalid_params("`params` should be an array")
        if len(values) < self._least:
            raise invalid_params(f"`params` should have at least {self._least} argument(s)")
        if len(values) > len(self.kinds):
            expected = f"Expected from {self._least} to {len(self.kinds)} parameters."
            raise _with_details(expected, quoted(f"Got: {len(values)}"))
        read = self._each(values)
        return read + [None] * (len(self.kinds) - len(read))

    def _exactly(self, params: Json) -> list[Json]:
        count = len(self.kinds)
        expected = f"expected a tuple of size {count}"
        if not isinstance(params, list):
            raise mismatch_fault(Mismatch(f"invalid type: {'null' if params is None else 'map'}, {expected}"))
        read = self._each(params)
        if len(params) < count:
            raise mismatch_fault(Mismatch(f"invalid length {len(params)}, {expected}"))
        if len(params) > count:
            raise mismatch_fault(Mismatch(f"invalid length {len(params)}, expected fewer elements in array"))
        return read

    def _each(self, values: list[Json]) -> list[Json]:
        try:
            return [kind.read(value) for kind, value in zip(self.kinds, values, strict=False)]
        except Mismatch as mismatch:
            raise mismatch_fault(mismatch) from mismatch


def _with_details(message: str, details: str) -> RpcFault:
    fault = invalid_params(f"Invalid parameters: {message}")
    fault.data = details
    return fault
