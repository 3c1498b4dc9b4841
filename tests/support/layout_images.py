"""Coordinator accounts of every layout, made from one of layout v1."""

from __future__ import annotations

import ctypes
from typing import Any

from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.layouts.known import LAYOUTS, Layout

BY_NAME = {layout.name: layout for layout in LAYOUTS}
HUB = 2
"""The tag of a checkpoint on the Hub."""


def converted(data: bytes, name: str) -> bytes:
    """The account ``data`` of layout v1 in another layout, with the same values where that has them.

    In v1-reprc and v2-dev, the model has the checkpoint ``owner/model`` on the Hub. In v2-claimer, each client has a
    claimer of 32 bytes 7.
    """
    layout = BY_NAME[name]
    image, source = layout.image(), BY_NAME["v1"].image.from_buffer_copy(data, DISCRIMINATOR_BYTES)
    _copy(image, source)
    if layout.version is not None:
        image.version = layout.version
    llm = image.state.coordinator.model.LLM
    if name == "v1-reprc":
        ctypes.memset(ctypes.addressof(llm.checkpoint), 0, ctypes.sizeof(llm.checkpoint))
        llm.checkpoint.tag = HUB
        put_text(llm.checkpoint.Hub.repo_id, "owner/model")
    if name == "v2-dev":
        put_checkpoint(image, b"\1" + (11).to_bytes(4, "little") + b"owner/model" + b"\0")
    if name == "v2-claimer":
        for client in image.state.clients_state.clients.data:
            client.claimer[:] = [7] * 32
    return data[:DISCRIMINATOR_BYTES] + bytes(image)


def put_checkpoint(image: Any, content: bytes, source: int = 1, length: int | None = None) -> None:
    """Set the checkpoint of a v2-dev model: up to 256 bytes, and a length that may differ from theirs."""
    llm = image.state.coordinator.model.LLM
    llm.checkpoint_source.value = source
    ctypes.memset(ctypes.addressof(llm.checkpoint_data.data), 0, 256)
    llm.checkpoint_data.data[: len(content)] = list(content)
    llm.checkpoint_data.len = len(content) if length is None else length


def put_text(field: Any, text: str) -> None:
    """Set a fixed-size string."""
    content = text.encode()
    field[:] = list(content.ljust(len(field), b"\0"))


def empty_account(layout: Layout) -> bytearray:
    """An account of a layout without content, except for the checkpoint of ``converted``."""
    image = BY_NAME["v1"].image()
    return bytearray(converted(account_discriminator("CoordinatorAccount") + bytes(image), layout.name))


def _copy(target: Any, source: Any) -> None:
    """Copy the fields of structures that both have, by name; other values by their bytes."""
    if not hasattr(target, "_fields_") or isinstance(target, ctypes.Union):
        size = min(ctypes.sizeof(target), ctypes.sizeof(source))
        ctypes.memmove(ctypes.addressof(target), ctypes.addressof(source), size)
        return
    for name, kind in target._fields_:
        if not hasattr(source, name):
            continue
        inner = getattr(target, name)
        if isinstance(inner, int | float):
            setattr(target, name, getattr(source, name))
        elif isinstance(inner, ctypes.Array) and hasattr(kind._type_, "_fields_"):
            for one, other in zip(inner, getattr(source, name), strict=True):
                _copy(one, other)
        else:
            _copy(inner, getattr(source, name))
