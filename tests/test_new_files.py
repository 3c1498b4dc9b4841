from __future__ import annotations

import resource
from pathlib import Path

import pytest

from psyche_cli.errors import UsageError
from psyche_cli.new_files import write_new_file


def test_a_new_file_contains_the_text_and_ends_with_a_line_break(tmp_path: Path) -> None:
    for text in ("Füße\nzwei", "Füße\nzwei\n"):
        file = tmp_path / f"{len(text)}.txt"
        write_new_file(file, text, what="the file")
        assert file.read_bytes() == "Füße\nzwei\n".encode()


def test_existing_files_are_not_overwritten_and_links_not_followed(tmp_path: Path) -> None:
    mine, link = tmp_path / "mine", tmp_path / "link"
    mine.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for path in (mine, link, tmp_path):
        with pytest.raises(UsageError, match="already exists and will not be overwritten") as caught:
            write_new_file(path, "text", what="the file")
        assert caught.value.path == str(path)
    assert mine.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [link, mine]


@pytest.mark.parametrize(
    ("name", "reason"), [("none/file", "No such file or directory"), ("mine/file", "Not a directory"), ("a\0b", "path")]
)
def test_an_unwritable_path(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(UsageError, match=reason):
        write_new_file(tmp_path / name, "text", what="the file")


def test_a_partially_written_file_is_deleted(tmp_path: Path) -> None:
    """As on a full disk; simulated by limiting the file size to 1,000 bytes."""
    file = tmp_path / "file"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(UsageError, match="File too large"):
            write_new_file(file, "x" * 10_000, what="the file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not file.exists()
