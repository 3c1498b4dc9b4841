"""``upload-data`` against an HTTP server that speaks the service's API."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.solana.wallet import Wallet
from tests.cli.file_client import FileClient
from tests.cli.harness import environment_of
from tests.support.clocks import FastClock
from tests.support.file_service import (
    FileService,
    checksum_text,
    dropping,
    expire,
    failing_with,
    file_service,
    rejecting_early,
    replying,
)
from tests.support.patience import PATIENCE
from tests.support.terminals import Terminal

BIG = bytes(range(256)) * 4000
FILES = {"a.bin": BIG, "deep/er/b.txt": b"b", "empty": b"", "ä ö": b"umlaut"}


class Uploader(FileClient):
    """A command line that uploads the file or folder ``source``, by default the folder ``folder`` with ``FILES``."""

    def __init__(self, service: FileService, home: Path) -> None:
        super().__init__(service, home)
        self.folder = self.source = home / "data"
        for path, content in FILES.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)

    def words(self) -> tuple[object, ...]:
        return ("upload-data", "--run-id", "test", "-p", self.source)


@pytest.fixture
def service() -> Iterator[FileService]:
    with file_service() as running:
        yield running


@pytest.fixture
def client(service: FileService, tmp_path: Path) -> Uploader:
    return Uploader(service, tmp_path)


def test_a_folder_is_uploaded_with_its_subfolders(client: Uploader) -> None:
    data = client.data()
    assert client.service.uploaded == FILES
    assert [
        (file["path"], file["size"], file["sha256"], file["status"], file["checked"]) for file in data["files"]
    ] == [
        (path, len(content), hashlib.sha256(content).hexdigest(), "uploaded", ["md5"])
        for path, content in sorted(FILES.items())
    ]
    assert data["sent_bytes"] == sum(map(len, FILES.values()))
    puts = [seen for seen in client.service.requests if seen.method == "PUT"]
    assert {seen.headers["content-type"] for seen in puts} == {"application/octet-stream"}
    assert not {name for seen in puts for name in seen.headers if name.startswith("x-") or "md5" in name}


def test_a_single_file_is_uploaded_by_its_name(client: Uploader) -> None:
    client.source = client.folder / "deep/er/b.txt"
    client.data()
    assert client.service.uploaded == {"b.txt": b"b"}


def test_the_text_output_counts_files(client: Uploader) -> None:
    outcome = client.cli("upload-data", "--run-id", "test", "--path", client.folder)
    assert outcome.stdout.startswith("Uploaded 4 files for run test.\n")
    assert "Uploaded deep/er/b.txt (1 byte), 2 of 4\n" in outcome.stderr


def test_what_was_uploaded_is_not_sent_again(client: Uploader) -> None:
    client.data()
    data = client.data()
    assert {file["status"] for file in data["files"]} == {"already_uploaded"}
    assert data["sent_bytes"] == 0
    assert client.service.count("PUT") == 4
    assert client.cli("upload-data", "--run-id", "other", "-p", client.folder).code is ExitCode.OK
    assert client.service.count("PUT") == 8


def test_changed_files_are_sent_again_even_if_they_change_back(client: Uploader) -> None:
    for content in (b"b", b"c", b"b"):
        (client.folder / "deep/er/b.txt").write_bytes(content)
        client.data()
    assert client.service.count("PUT", "b.txt") == 3
    assert client.service.uploaded == FILES


def test_a_failed_upload_continues_with_the_files_that_are_missing(client: Uploader) -> None:
    client.service.faults["PUT"] = [None, None, *[failing_with(500)] * 5]
    error = client.error()
    assert error["code"] == "http_status_error"
    assert "2 of 4 files are complete. To continue, run the same command again." in error["hint"]
    assert list(client.service.uploaded) == ["a.bin", "deep/er/b.txt"]
    client.data()
    assert client.service.uploaded == FILES
    assert client.service.count("PUT", "a.bin") == 1


def test_a_failed_replacement_is_not_taken_for_the_former_content(client: Uploader) -> None:
    client.data()
    (client.folder / "empty").write_bytes(b"new")
    client.service.faults["PUT"] = [dropping] * 5
    client.error()
    (client.folder / "empty").write_bytes(b"")
    data = client.data()
    assert [file["path"] for file in data["files"] if file["status"] == "uploaded"] == ["empty"]


@pytest.mark.parametrize("code", [408, 429, 500, 503])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_temporary_failures_are_repeated(client: Uploader, method: str, code: int) -> None:
    client.service.faults[method] = [failing_with(code, Retry_After="100"), dropping, failing_with(code)]
    clock = client.cli.clock
    started = clock.monotonic()
    client.data()
    assert client.service.uploaded == FILES
    assert 101 < clock.monotonic() - started < 110


@pytest.mark.parametrize("fault", [expire, rejecting_early, failing_with(400)], ids=["expired", "early", "bad request"])
def test_a_rejected_url_is_replaced_once(client: Uploader, fault: Any) -> None:
    client.service.faults["PUT"] = [fault]
    client.data()
    assert client.service.uploaded == FILES


def test_a_url_that_is_rejected_twice_is_an_error(client: Uploader) -> None:
    client.service.faults["PUT"] = [expire, expire]
    error = client.error()
    assert error["context"]["status"] == 403
    assert "A new URL was also rejected. 0 of 4 files are complete." in error["hint"]


def test_redirects_are_not_followed(client: Uploader) -> None:
    client.service.faults["PUT"] = [failing_with(307, Location=client.service.base_url)]
    assert "Redirects are not followed." in client.error()["hint"]


@pytest.mark.parametrize(
    ("headers", "checked"),
    [
        ({"x_goog_hash": f"crc32c=AAAAAA==,md5={checksum_text('md5', BIG)}"}, ["md5"]),
        ({"x_amz_checksum_sha256": checksum_text("sha256", BIG)}, ["sha256"]),
        ({"ETag": '"0123456789abcdef0123456789abcdef"'}, []),
        ({"Content_MD5": checksum_text("md5", b"")}, []),
        ({"x_amz_checksum_sha256": f"{checksum_text('sha256', BIG)}-3"}, []),
    ],
)
def test_checksums_of_what_was_stored_are_compared(
    client: Uploader, headers: dict[str, str], checked: list[str]
) -> None:
    client.service.faults["PUT"] = [replying(200, b"", **headers)]
    assert client.data()["files"][0]["checked"] == checked


def test_content_that_was_stored_with_another_checksum_is_an_error(client: Uploader) -> None:
    client.service.faults["PUT"] = [replying(200, x_amz_checksum_sha256=checksum_text("sha256", b"other"))]
    error = client.error()
    assert error["code"] == "bad_service_response"
    assert error["context"]["checksum"] == "sha256"
    client.data()
    assert client.service.uploaded == FILES


@pytest.mark.parametrize("document", [{}, {"url": 1}, {"url": "http://example.com/x"}, {"url": "/x"}], ids=str)
def test_a_malformed_answer_is_an_error(client: Uploader, document: Any) -> None:
    client.service.answer = lambda _: document
    assert client.error()["code"] == "bad_service_response"
    assert client.service.uploaded == {}


def outside(client: Uploader) -> Path:
    path = client.home / "outside"
    path.write_bytes(b"private")
    return path


def invalid_name(client: Uploader) -> None:
    (client.folder / "a\nb").write_bytes(b"")


def invalid_utf8(client: Uploader) -> None:
    Path(os.fsdecode(os.fsencode(client.folder) + b"/\xff")).write_bytes(b"")


def key_in_folder(client: Uploader) -> None:
    Wallet.generate().write_keypair_file(client.folder / "deep" / "id.json")


UNSAFE: dict[str, Callable[[Uploader], object]] = {
    "link to a file outside": lambda client: (client.folder / "link").symlink_to(outside(client)),
    "link to a folder": lambda client: (client.folder / "link").symlink_to(client.folder / "deep"),
    "link to the home": lambda client: (client.folder / "link").symlink_to(client.home),
    "pipe": lambda client: os.mkfifo(client.folder / "pipe"),
    "line break in the name": invalid_name,
    "invalid name": invalid_utf8,
    "key": key_in_folder,
}


@pytest.mark.parametrize("prepare", UNSAFE.values(), ids=UNSAFE)
def test_files_that_must_not_be_uploaded_are_refused_first(
    client: Uploader, prepare: Callable[[Uploader], object]
) -> None:
    prepare(client)
    error = client.error()
    assert error["code"] == "unsafe_path"
    assert error["hint"].startswith("Nothing was uploaded.")
    assert client.service.requests == []


def test_a_link_within_the_folder_is_uploaded_as_a_file(client: Uploader) -> None:
    (client.folder / "link").symlink_to(client.folder / "deep/er/b.txt")
    client.data()
    assert client.service.uploaded == {**FILES, "link": b"b"}


def test_missing_and_unreadable_files_are_reported(client: Uploader) -> None:
    client.source = client.home / "none"
    assert "does not exist" in client.error()["message"]
    client.source = client.folder
    (client.folder / "dangling").symlink_to(client.folder / "none")
    assert client.error()["code"] == "file_error"
    (client.home / "bare").mkdir()
    client.source = client.home / "bare"
    assert "contains no files" in client.error()["message"]
    assert client.service.requests == []


@pytest.mark.parametrize("change", [b"longer than before", b"c", b""])
def test_a_file_that_changes_during_the_upload_is_not_stored(client: Uploader, change: bytes) -> None:
    def slow(handler: Any) -> None:
        (client.folder / "deep/er/b.txt").write_bytes(change)
        handler._api()

    client.service.faults["POST"] = [None, slow]
    error = client.error()
    assert "changed while it was uploaded" in error["message"]
    assert list(client.service.uploaded) == ["a.bin"]


def test_the_bar_is_drawn_at_a_terminal(client: Uploader) -> None:
    environment = environment_of(client.cli).replaced(stderr=Terminal(), clock=FastClock(per_reading=0.001))
    assert main(["upload-data", "--run-id", "test", "-p", str(client.folder)], environment) == 0
    shown = environment.stderr.getvalue()  # type: ignore[attr-defined]  # a Terminal
    assert "Uploading 1 of 4: a.bin (.......... 0% of 1.02 MB)" in shown
    assert shown.endswith("\r\x1b[K")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_process_is_continued(client: Uploader, number: signal.Signals) -> None:
    def stall(handler: Any) -> None:
        client.service.stalled.set()
        client.service.stopped.wait()

    command = [sys.executable, "-m", "psyche_cli", "upload-data", "--run-id", "test", "-p", str(client.folder)]
    variables = {**os.environ, **client.cli.variables, "PSYCHE_CLI_STATE_DIR": str(client.home / "state")}
    client.service.faults["PUT"] = [None, None, stall]
    with subprocess.Popen([*command, "--output", "json"], env=variables, stdout=subprocess.PIPE, text=True) as running:
        assert client.service.stalled.wait(PATIENCE)
        running.send_signal(number)
        stdout, _ = running.communicate(timeout=PATIENCE)
    if number == signal.SIGINT:
        assert json.loads(stdout)["error"]["message"] == "Interrupted. 2 of 4 files are complete."
    subprocess.run(command, env=variables, check=True, capture_output=True, timeout=PATIENCE)
    assert client.service.uploaded == FILES
    assert client.service.count("PUT", "a.bin") == 1
