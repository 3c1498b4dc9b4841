"""Compression of gradients: in every chunk, only the values with the largest magnitude are sent, or only their signs.

The bytes of an update (integers and floats are little-endian)::

    kind 1, signs     u8 1, f32 scale, bit fields of (index, sign)
    kind 2, values    u8 2, bit fields of (index), f32 value of each slot
    kind 3, dense     u8 3, f32 value of each parameter

The parameters are spread over chunks by a fixed permutation, so that those of related weights are not in the same
chunk. Every chunk has ``kept`` slots in ascending order of the index in the chunk. The index of an empty slot is the
size of a chunk; empty slots come last, and their sign or value is 0. A value of kind 1 is the scale, with its sign. So
the size of an update is fixed, and every update has exactly one encoding: ``decode`` refuses all other bytes.
"""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from psyche_cli.training.exact import Floats, Whole
from psyche_cli.training.trainer import BadUpdate

SIGNS: Final = 1
VALUES: Final = 2
DENSE: Final = 3
_GOLDEN: Final = 0.6180339887498949
_SCALE: Final = struct.Struct("<f")
_FLOAT32: Final = np.dtype("<f4")


class Layout(NamedTuple):
    """How ``parameters`` values are spread over chunks of ``chunk`` values, of which ``kept`` are sent."""

    parameters: int
    chunk: int
    kept: int

    @property
    def chunks(self) -> int:
        """The number of chunks; the last one may have fewer values."""
        return -(-self.parameters // self.chunk)

    @property
    def slots(self) -> int:
        """The maximum number of values in an update."""
        return self.chunks * min(self.kept, self.chunk)

    @property
    def index_bits(self) -> int:
        """The width of an index in bits."""
        return self.chunk.bit_length()

    def update_bytes(self, kind: int) -> int:
        """The size of every update of this kind in bytes."""
        if kind == DENSE:
            return 1 + 4 * self.parameters
        if kind == SIGNS:
            return 1 + _SCALE.size + -(-self.slots * (self.index_bits + 1) // 8)
        return 1 + -(-self.slots * self.index_bits // 8) + 4 * self.slots


class Compressor:
    """Encodes gradients and decodes updates of one layout. ``kind`` is SIGNS or VALUES."""

    def __init__(self, layout: Layout, kind: int) -> None:
        self.layout, self.kind = layout, kind
        size = layout.parameters
        stride = max(1, int(size * _GOLDEN))
        while math.gcd(stride, size) != 1:
            stride += 1
        self._order: Whole = np.arange(size, dtype=np.int64) * stride % size
        self._places = np.arange(layout.chunks, dtype=np.int64)[:, None] * layout.chunk

    def encode(self, gradient: Floats) -> bytes:
        """The update with the largest values of each chunk. Ties are decided by the lower index; zeros are not sent."""
        layout = self.layout
        chunks = self._in_chunks(gradient)
        # A stable sort, because other selections decide ties differently on different machines.
        best = np.argsort(-np.abs(chunks), axis=1, kind="stable")[:, : layout.kept]
        best.sort(axis=1)
        values = np.take_along_axis(chunks, best, axis=1)
        if self.kind == SIGNS:
            scale = _mean_magnitude(values)
            # A mean that is not a normal float32 leaves nothing to send.
            values = np.sign(values) * scale
        else:
            values = values.astype(_FLOAT32).astype(np.float64)
        index = np.where(values != 0, best, layout.chunk)
        order = np.argsort(index, axis=1, kind="stable")
        index = np.take_along_axis(index, order, axis=1).ravel()
        values = np.take_along_axis(values, order, axis=1).ravel()
        if self.kind == SIGNS:
            fields = index << 1 | (values < 0)
            return bytes([SIGNS]) + _SCALE.pack(scale) + _packed(fields, layout.index_bits + 1)
        return bytes([VALUES]) + _packed(index, layout.index_bits) + values.astype(_FLOAT32).tobytes()

    def decode(self, update: bytes) -> Floats:
        """The value of each parameter, 0 where none was sent. Raises BadUpdate."""
        layout, slots = self.layout, self.layout.slots
        _check_frame(update, self.kind, layout.update_bytes(self.kind))
        if self.kind == SIGNS:
            (scale,) = _SCALE.unpack_from(update, 1)
            if not (math.isfinite(scale) and scale >= 0) or math.copysign(1.0, scale) < 0:
                raise BadUpdate("its scale is not a finite positive number")
            fields = _unpacked(update[1 + _SCALE.size :], slots, layout.index_bits + 1)
            index, negative = fields >> 1, fields & 1
            values = np.where(negative, -scale, scale)
            values[index == layout.chunk] = 0.0
            if np.any(negative[index == layout.chunk]):
                raise BadUpdate("an empty slot has a sign")
            if scale and np.all(index == layout.chunk):
                raise BadUpdate("it has a scale and no values")
        else:
            packed = -(-slots * layout.index_bits // 8)
            index = _unpacked(update[1 : 1 + packed], slots, layout.index_bits)
            values = _finite(update[1 + packed :])
        self._check_slots(index, values)
        result = np.zeros(layout.chunks * layout.chunk + 1)
        table = index.reshape(layout.chunks, -1)
        targets = np.where(table == layout.chunk, len(result) - 1, table + self._places)
        result[targets.ravel()] = values
        gradient = np.empty(layout.parameters)
        gradient[self._order] = result[: layout.parameters]
        return gradient

    def _check_slots(self, index: Whole, values: Floats) -> None:
        layout = self.layout
        if np.any(index > layout.chunk):
            raise BadUpdate("an index is outside of its chunk")
        table = index.reshape(layout.chunks, -1)
        full = table[:, 1:] == layout.chunk
        if np.any((table[:, 1:] <= table[:, :-1]) & ~full):
            raise BadUpdate("the indices of a chunk are not in ascending order")
        if np.any((values == 0) != (index == layout.chunk)) or np.any(np.signbit(values) & (values == 0)):
            raise BadUpdate("a slot is empty and has a value, or has an index and no value")
        last = layout.parameters - (layout.chunks - 1) * layout.chunk
        if np.any((table[-1] >= last) & (table[-1] != layout.chunk)):
            raise BadUpdate("an index is outside of the model")

    def _in_chunks(self, gradient: Floats) -> Floats:
        layout = self.layout
        padded = np.zeros(layout.chunks * layout.chunk)
        padded[: layout.parameters] = gradient[self._order]
        return padded.reshape(layout.chunks, layout.chunk)


def encode_dense(gradient: Floats) -> bytes:
    """The update of kind DENSE with all values as f32."""
    return bytes([DENSE]) + gradient.astype(_FLOAT32).tobytes()


def decode_dense(update: bytes, parameters: int) -> Floats:
    """The values of an update of kind DENSE. Raises BadUpdate."""
    _check_frame(update, DENSE, 1 + 4 * parameters)
    return _finite(update[1:])


def _check_frame(update: bytes, kind: int, size: int) -> None:
    if len(update) != size:
        raise BadUpdate(f"it has {len(update):,} bytes instead of {size:,}")
    if update[0] != kind:
        raise BadUpdate(f"it is of kind {update[0]} instead of {kind}")


def _finite(content: bytes) -> Floats:
    values = np.frombuffer(content, dtype=_FLOAT32)
    if not np.all(np.isfinite(values)):
        raise BadUpdate("a value is not a finite number")
    return values.astype(np.float64)


def _mean_magnitude(values: Floats) -> float:
    """The mean magnitude of the values that are not zero, as f32; 0 if there are none. Independent of their order."""
    magnitudes = np.abs(values[values != 0]).tolist()
    return float(np.float32(math.fsum(magnitudes) / len(magnitudes))) if magnitudes else 0.0


def _packed(fields: npt.NDArray[np.int64], width: int) -> bytes:
    bits = (fields[:, None] >> np.arange(width - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).ravel()).tobytes()


def _unpacked(content: bytes, count: int, width: int) -> Whole:
    bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8))
    if np.any(bits[count * width :]):
        raise BadUpdate("its padding is not zero")
    weights = 1 << np.arange(width - 1, -1, -1, dtype=np.int64)
    fields: Whole = bits[: count * width].reshape(count, width).astype(np.int64) @ weights
    return fields
