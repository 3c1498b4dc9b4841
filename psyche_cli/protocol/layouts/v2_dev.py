"""The coordinator account, layout v2 of the development branch: a discriminator and an image of 118,528 bytes.

Differs from v1: no metadata, only the checkpoint of the model, in Borsh, and a flag for a recorded checkpoint.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_uint8, c_uint32, c_uint64
from typing import Any

from psyche_cli.protocol.layouts import v1
from psyche_cli.protocol.layouts.derived import derived, model_with
from psyche_cli.protocol.layouts.kinds import Boolean, TagOnly, UncheckedVec
from psyche_cli.solana.byte_reader import ByteReader

_MAX_CHECKPOINT_BYTES = 256
_KINDS = {1: ("Hub", "repo_id", "revision"), 2: ("Gcs", "bucket", "prefix")}
"""The name of each kind of checkpoint with a repository, and those of its fields."""


class CheckpointSource(TagOnly, c_uint32):
    """Four bytes."""

    variants = ("Ephemeral", "Stored", "P2P")


class CheckpointData(UncheckedVec, LittleEndianStructure):
    """264 bytes. The program stores whatever a client sends, even a length above 256."""

    _fields_ = (("data", c_uint8 * _MAX_CHECKPOINT_BYTES), ("len", c_uint64))


class Llm(LittleEndianStructure):
    """280 bytes."""

    _fields_ = (
        ("max_seq_len", c_uint32),
        ("cold_start_warmup_steps", c_uint32),
        ("checkpoint_source", CheckpointSource),
        ("checkpoint_data", CheckpointData),
    )

    def derived_values(self) -> dict[str, Any]:
        """``checkpoint``, decoded from the data, or None with the reason as ``checkpoint_error``.

        A model without a checkpoint, which is Ephemeral and has no data, has no ``checkpoint_error``.
        """
        length = int(self.checkpoint_data.len)
        if length == 0 and int(self.checkpoint_source.value) == 0:
            return {"checkpoint": None}
        try:
            if length > _MAX_CHECKPOINT_BYTES:
                raise ValueError(f"its length is {length}, but the maximum is {_MAX_CHECKPOINT_BYTES}")
            return {"checkpoint": decode_checkpoint(bytes(self.checkpoint_data.data[:length]))}
        except ValueError as error:
            return {"checkpoint": None, "checkpoint_error": f"The checkpoint data cannot be decoded: {error}."}


def decode_checkpoint(data: bytes) -> str | dict[str, Any]:
    """A checkpoint in Borsh: ``"Dummy"``, or one kind with its repository, as in the model of layout v1.

    Clients send these bytes, and the program stores them without decoding them. Raises ValueError with the reason.
    """
    reader = ByteReader(data)
    kind = reader.number(1)
    if kind == 0:
        checkpoint: str | dict[str, Any] = "Dummy"
    elif kind in _KINDS:
        name, repository, optional = _KINDS[kind]
        checkpoint = {name: {repository: _text(reader, repository), optional: _optional_text(reader, optional)}}
    else:
        raise ValueError(f"its kind is {kind}, but the highest kind is {max(_KINDS)}")
    if reader.left > 0:
        raise ValueError(f"{reader.left} of its {len(data)} bytes are left over")
    return checkpoint


def _optional_text(reader: ByteReader, name: str) -> str | None:
    tag = reader.number(1)
    if tag > 1:
        raise ValueError(f"{name} has option tag {tag}, but it must be 0 or 1")
    return _text(reader, name) if tag == 1 else None


def _text(reader: ByteReader, name: str) -> str:
    try:
        return reader.text(4)
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not valid UTF-8") from error


EpochState = derived(v1.EpochState, checkpointed=Boolean)
Coordinator = derived(v1.Coordinator, model=model_with(Llm), epoch_state=EpochState)
CoordinatorImage = derived(
    v1.CoordinatorImage, state=derived(v1.InstanceState, without=("metadata",), coordinator=Coordinator)
)
