"""The width of stdout in columns."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios
from pathlib import Path
from typing import TextIO

import pytest

from psyche_cli.environment import Environment, SystemClock
from psyche_cli.folding import folded_line
from psyche_cli.solana.rpc.http import HttpTransport


def width(stdout: TextIO, variables: dict[str, str]) -> int:
    environment = Environment(
        stdin=io.StringIO(),
        stdout=stdout,
        stderr=io.StringIO(),
        variables=variables,
        home=Path("/nonexistent"),
        clock=SystemClock(),
        open_transport=HttpTransport,
    )
    return environment.columns


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(None, 80), ("100", 100), ("40", 40), ("39", 80), ("0", 80), ("x", 80), ("²", 80), ("", 80)],
)
def test_the_width_is_what_the_environment_says_or_80(columns: str | None, expected: int) -> None:
    assert width(io.StringIO(), {} if columns is None else {"COLUMNS": columns}) == expected


def test_the_width_of_a_terminal() -> None:
    controller, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 132, 0, 0))
    with os.fdopen(terminal, "w") as stdout, os.fdopen(controller, "rb"):
        assert width(stdout, {}) == 132
        assert width(stdout, {"COLUMNS": "90"}) == 90


def test_a_folded_line_keeps_its_indentation() -> None:
    assert folded_line("  short", 20) == ["  short"]
    assert folded_line("  key: one -> another one", 20) == ["  key: one ->", "      another one"]
    assert folded_line("x" * 9, 8) == ["xxxx", "    xxxx", "    x"]
