"""The exchange folder and the submissions in it: atomic, limited, and refusing what other members should not write."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.training.exchange import Exchange, Round, read_limited, write_atomically
from psyche_cli.training.submission import LARGEST_HEADER, Submission, decode_submission
from psyche_cli.training.trainer import BadUpdate

AT = Round(1, 12)
ONE = Submission("alice", "a" * 64, b"update\nwith a line", 2.5, 1024, (("bob", "b" * 64),))


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path, 100)


def file_of(exchange: Exchange, member: str = "alice") -> Path:
    exchange.publish(AT, ONE._replace(member=member))
    [path] = exchange.folder.rglob(f"{member}.result")
    return path


def test_what_is_published_is_read(exchange: Exchange) -> None:
    assert exchange.read(AT, "alice") is None
    assert exchange.published(AT) == ()
    assert exchange.publish(AT, ONE) == ONE
    assert exchange.read(AT, "alice") == ONE
    assert exchange.read(Round(2, 12), "alice") is None
    exchange.publish(AT, ONE._replace(member="Bob_2"))
    assert exchange.published(AT) == ("Bob_2", "alice")
    assert not list(exchange.folder.rglob("*.part"))


def test_the_first_result_of_a_member_and_round_stands(exchange: Exchange) -> None:
    exchange.publish(AT, ONE)
    assert exchange.publish(AT, ONE._replace(update=b"other")) == ONE
    assert exchange.read(AT, "alice") == ONE


def test_an_unreadable_earlier_result_is_replaced(exchange: Exchange) -> None:
    file_of(exchange).write_bytes(b"torn")
    assert exchange.publish(AT, ONE) == ONE
    assert exchange.read(AT, "alice") == ONE


def test_a_partitioned_member_neither_reads_nor_writes(exchange: Exchange) -> None:
    exchange.publish(AT, ONE)
    exchange.connected = False
    assert exchange.read(AT, "alice") is None
    assert exchange.published(AT) == ()
    assert exchange.publish(AT, ONE._replace(member="bob")) is None
    exchange.publish_bytes(AT, "carol", b"x")
    exchange.connected = True
    assert exchange.published(AT) == ("alice",)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a.b", "x" * 65, "é", "a\0"])
def test_a_name_that_is_not_a_members_is_refused(exchange: Exchange, name: str) -> None:
    with pytest.raises(ValueError, match="not a valid name"):
        exchange.read(AT, name)
    with pytest.raises(ValueError, match="not a valid name"):
        exchange.publish(AT, ONE._replace(member=name))
    assert not list(exchange.folder.iterdir())


def test_other_files_in_the_folder_are_not_members(exchange: Exchange) -> None:
    folder = file_of(exchange).parent
    (folder / "..result").write_bytes(b"")
    (folder / "two words.result").write_bytes(b"")
    (folder / "note.txt").write_bytes(b"")
    assert exchange.published(AT) == ("alice",)


def test_a_file_that_is_too_large_or_not_a_file_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    path = file_of(exchange)
    path.write_bytes(b"x" * (exchange.largest + 1))
    with pytest.raises(BadUpdate, match="larger than"):
        exchange.read(AT, "alice")
    path.unlink()
    path.mkdir()
    with pytest.raises(BadUpdate):
        exchange.read(AT, "alice")
    path.rmdir()
    secret = tmp_path / "secret"
    secret.write_bytes(ONE.encode())
    path.symlink_to(secret)
    with pytest.raises(BadUpdate):
        exchange.read(AT, "alice")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadUpdate, match="not a regular file"):
        exchange.read(AT, "alice")


def test_readers_see_a_whole_file_or_none(tmp_path: Path) -> None:
    path, contents = tmp_path / "file", [bytes([n]) * 50_000 for n in range(2)]
    done = threading.Event()
    seen: set[bytes | None] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(read_limited(path, 50_000))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        write_atomically(path, contents[number % 2])
    done.set()
    reader.join()
    assert seen <= {None, *contents}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match=r"target"):
        write_atomically(tmp_path / "target", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_old_epochs_are_deleted(exchange: Exchange) -> None:
    for epoch in (1, 2, 3):
        exchange.publish(Round(epoch, 5), ONE)
    (exchange.folder / "rounds" / "epoch-x").mkdir()
    exchange.forget_before(3)
    assert sorted(path.name for path in (exchange.folder / "rounds").iterdir()) == ["epoch-0003", "epoch-x"]


def with_header(**changes: Any) -> bytes:
    line, _, update = ONE.encode().partition(b"\n")
    header = {**json.loads(line), **changes}
    return json.dumps(header).encode() + b"\n" + update


HOSTILE = {
    "not JSON": b"\xff\n",
    "its header is not JSON": b"[" * 50_000 + b"\n",
    "does not start with a header": ONE.encode().partition(b"\n")[0],
    "with a header": with_header(format="other"),
    "start with a header": b"[]\n",
    "names another member": with_header(member="bob"),
    "not a SHA-256": with_header(base="A" * 64),
    "hash of its weights": with_header(base=None),
    "its loss": with_header(loss=float("nan")),
    "loss is not": with_header(loss="1"),
    "not a finite number": with_header(loss=True),
    "number of tokens": with_header(tokens=-1),
    "tokens is not valid": with_header(tokens=1 << 60),
    "of tokens is not": with_header(tokens=True),
    "not a list of at most 256": with_header(checks={}),
    "at most 256": with_header(checks=[[f"m{n}", "c" * 64] for n in range(257)]),
    "not a pair": with_header(checks=[["bob"]]),
    "a pair of texts": with_header(checks=[["bob", 1]]),
    "a name and a SHA-256": with_header(checks=[["../x", "c" * 64]]),
    "name and a SHA-256": with_header(checks=[["bob", "c"]]),
    "twice": with_header(checks=[["bob", "c" * 64], ["bob", "d" * 64]]),
}


@pytest.mark.parametrize("reason", HOSTILE)
def test_hostile_submissions_are_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(BadUpdate, match=reason):
        decode_submission(HOSTILE[reason], "alice")


def test_a_header_without_end_is_refused() -> None:
    with pytest.raises(BadUpdate):
        decode_submission(b'"' + b" " * LARGEST_HEADER + b'"\n', "alice")
