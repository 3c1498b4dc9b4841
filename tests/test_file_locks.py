"""Locks of files, beside another open description of the same file, which counts as another process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from psyche_cli.file_locks import lock_if_free, open_locked


def test_one_holds_a_lock_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "lock"
    first = open_locked(path)
    assert first is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert open_locked(path) is None
    os.close(first)
    second = open_locked(path)
    assert second is not None
    os.close(second)


def test_no_descriptor_is_left_open_if_the_file_is_locked(tmp_path: Path) -> None:
    first = open_locked(tmp_path / "lock")
    assert first is not None
    before = len([*Path("/dev/fd").iterdir()])
    assert open_locked(tmp_path / "lock") is None
    assert len([*Path("/dev/fd").iterdir()]) == before
    os.close(first)


def test_what_cannot_be_locked_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        open_locked(tmp_path / "file" / "lock")
    closed = os.open(tmp_path / "file", os.O_RDONLY)
    os.close(closed)
    with pytest.raises(OSError):
        lock_if_free(closed)
