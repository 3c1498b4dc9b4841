"""Decoding of base58 and base64 text, with the messages of a node's decoders for invalid text."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from psyche_cli import base58
from psyche_cli.localnet.rpc.shown_values import quoted

_SYMBOLS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ALPHABET: Final = frozenset(_SYMBOLS)
_QUAD: Final = 4
_PAD: Final = ord("=")


class Undecodable(ValueError):
    """Text is not valid base58 or base64. Its text is the decoder's error, such as ``InvalidLength(5)``."""


def decode_base58(text: str) -> bytes:
    """The bytes of base58 text. Raises Undecodable."""
    position = base58.first_invalid_position(text)
    if position is None:
        return base58.decode(text)
    index = len(text[:position].encode(errors="surrogatepass"))
    if not text[position].isascii():
        raise Undecodable(f"NonAsciiCharacter {{ index: {index} }}")
    shown = quoted(text[position])[1:-1].replace('\\"', '"').replace("'", "\\'")
    raise Undecodable(f"InvalidCharacter {{ character: '{shown}', index: {index} }}")


def decode_base64(text: str) -> bytes:
    """The bytes of base64 text with padding. Raises Undecodable."""
    symbols = text.encode(errors="surrogatepass")
    fault = _base64_fault(symbols)
    if fault is not None:
        raise Undecodable(fault)
    return binascii.a2b_base64(symbols)


def _base64_fault(symbols: bytes) -> str | None:
    """The first error in order of the decoder of nodes: whole quads first, then the last, possibly padded one."""
    rest = len(symbols) % _QUAD
    if rest == 1 and symbols[-1] != _PAD and symbols[-1] not in _ALPHABET:
        return f"InvalidByte({len(symbols) - 1}, {symbols[-1]})"
    start = max(len(symbols) - (rest or _QUAD), 0)
    others = symbols[:start].translate(None, delete=_SYMBOLS)
    if others:
        return f"InvalidByte({symbols.index(others[0])}, {others[0]})"
    return _last_quad_fault(symbols[start:], start) if symbols else None


def _last_quad_fault(quad: bytes, start: int) -> str | None:
    first_padding: int | None = None
    for index, symbol in enumerate(quad):
        if symbol == _PAD:
            if index < 2:
                return f"InvalidByte({start + index if first_padding is None else start + first_padding}, {_PAD})"
            first_padding = index if first_padding is None else first_padding
        elif first_padding is not None:
            return f"InvalidByte({start + first_padding}, {_PAD})"
        elif symbol not in _ALPHABET:
            return f"InvalidByte({start + index}, {symbol})"
    count = len(quad) if first_padding is None else first_padding
    if count < 2:
        return f"InvalidLength({start + count})"
    if len(quad) < _QUAD:
        return "InvalidPadding"
    last = quad[count - 1]
    if base64.b64encode(binascii.a2b_base64(quad)) != quad:
        return f"InvalidLastSymbol({start + count - 1}, {last})"
    return None
