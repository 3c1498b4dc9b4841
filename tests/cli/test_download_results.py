"""``download-results`` against an HTTP server that speaks the service's API."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from tests.cli.file_client import FileClient
from tests.cli.harness import environment_of
from tests.support.clocks import FastClock
from tests.support.file_service import (
    MARK,
    FileService,
    checksum_text,
    dropping,
    expire,
    failing_with,
    file_service,
    replying,
    stalling,
    tag_of,
    truncated,
)
from tests.support.patience import PATIENCE
from tests.support.terminals import Terminal

BIG = bytes(range(256)) * 2000
FILES = {"model/weights.bin": BIG, "model/config.json": b"{}", "log.txt": b"done\n", "empty": b""}


class Downloader(FileClient):
    """A command line that downloads into the folder ``out``."""

    def __init__(self, service: FileService, home: Path) -> None:
        super().__init__(service, home)
        self.out = home / "results"

    def words(self) -> tuple[object, ...]:
        return ("download-results", "--run-id", "my run/1", "-o", self.out)

    def content(self) -> dict[str, bytes]:
        """All files in the folder."""
        found = sorted(path for path in self.out.rglob("*") if path.is_file())
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def service() -> Iterator[FileService]:
    with file_service() as running:
        running.files = dict(FILES)
        yield running


@pytest.fixture
def client(service: FileService, tmp_path: Path) -> Downloader:
    return Downloader(service, tmp_path)


def statuses(data: Any) -> dict[str, str]:
    return {file["path"]: file["status"] for file in data["files"]}


def test_files_are_downloaded_with_their_checksums(client: Downloader) -> None:
    data = client.data()
    assert client.content() == FILES
    assert {file["path"]: (file["size"], file["sha256"]) for file in data["files"]} == {
        path: (len(content), hashlib.sha256(content).hexdigest()) for path, content in FILES.items()
    }
    assert set(statuses(data).values()) == {"downloaded"}
    assert data["received_bytes"] == sum(map(len, FILES.values()))
    assert data["service"] == client.service.base_url.removesuffix("/v1")
    assert client.service.requests[0].path == "/v1/download/my%20run%2F1"


def test_the_text_output_names_the_folder_and_each_file(client: Downloader) -> None:
    outcome = client.cli("download-results", "--run-id", "test", "-o", client.out)
    assert outcome.stdout.startswith("Downloaded 4 files of run test.\n")
    assert str(client.out) in outcome.stdout
    assert "4 (512 kB)" in outcome.stdout
    assert "Downloaded model/config.json (2 bytes), 2 of 4\n" in outcome.stderr
    assert "\r" not in outcome.stderr


def test_variables_set_folder_and_validity(client: Downloader) -> None:
    outcome = client.cli(
        *("download-results", "--run-id", "test"),
        variables={"OUTPUT_DIR": str(client.out), "EXPIRES_IN_SECONDS": "60"},
    )
    assert outcome.code is ExitCode.OK
    assert client.content() == FILES
    assert (
        "From the environment: --output-dir (OUTPUT_DIR), --expires-in-seconds (EXPIRES_IN_SECONDS)." in outcome.stderr
    )


def test_a_second_call_downloads_nothing(client: Downloader) -> None:
    client.data()
    inodes = {path: path.stat().st_ino for path in client.out.rglob("*")}
    data = client.data()
    assert set(statuses(data).values()) == {"already_complete"}
    assert data["received_bytes"] == 0
    assert all(file["sha256"] == hashlib.sha256(FILES[file["path"]]).hexdigest() for file in data["files"])
    assert inodes == {path: path.stat().st_ino for path in client.out.rglob("*")}


def test_a_touched_file_is_compared_by_its_content(client: Downloader) -> None:
    client.data()
    os.utime(client.out / "log.txt", (1, 1))
    assert client.data()["received_bytes"] == 0


def test_files_of_another_program_are_recognized_by_their_checksum(client: Downloader) -> None:
    for path, content in FILES.items():
        (client.out / path).parent.mkdir(parents=True, exist_ok=True)
        (client.out / path).write_bytes(content)
    assert client.error()["code"] == "not_confirmed"
    data = client.data("--overwrite")
    assert set(statuses(data).values()) == {"already_complete"}
    assert all(file["checked"] == ["md5"] for file in data["files"])


@pytest.mark.parametrize("fault", [truncated(100_000), stalling(100_000)], ids=["truncated", "stalled"])
def test_a_broken_download_continues_where_it_ended(client: Downloader, fault: Any) -> None:
    client.service.faults["GET"] = [fault]
    data = client.data("--stall-timeout", "1")
    assert client.content() == FILES
    first = data["files"][0]
    assert 0 < first["resumed_from"] <= 100_000
    ranged = [seen for seen in client.service.requests if "range" in seen.headers]
    assert [seen.headers["range"] for seen in ranged] == [f"bytes={first['resumed_from']}-"]
    assert ranged[0].headers["if-range"] == tag_of(BIG)
    assert data["received_bytes"] == sum(map(len, FILES.values()))


def test_a_later_command_continues_a_partial_file(client: Downloader) -> None:
    client.service.faults["GET"] = [truncated(200_000), *[failing_with(503)] * 5]
    error = client.error()
    assert error["code"] == "http_status_error"
    assert "0 of 4 files are complete. To continue, run the same command again." in error["hint"]
    assert list(client.content()) == ["model/weights.bin.part"]
    data = client.data()
    assert data["files"][0]["resumed_from"] > 100_000
    assert client.content() == FILES


@pytest.mark.parametrize("change", ["ranges", "tags"])
def test_without_support_of_the_server_a_partial_file_starts_again(client: Downloader, change: str) -> None:
    setattr(client.service, change, False)
    client.service.faults["GET"] = [truncated(200_000)]
    data = client.data()
    assert data["files"][0]["resumed_from"] == 0
    assert client.content() == FILES


def test_a_partial_file_of_other_content_starts_again(client: Downloader) -> None:
    client.service.faults["GET"] = [truncated(200_000), *[failing_with(503)] * 5]
    client.error()
    client.service.files["model/weights.bin"] = BIG[::-1]
    data = client.data()
    assert data["files"][0]["resumed_from"] == 0
    assert client.content()["model/weights.bin"] == BIG[::-1]


@pytest.mark.parametrize(
    "answer",
    [
        replying(206, BIG[5:], Content_Range=f"bytes 5-{len(BIG) - 1}/{len(BIG)}", ETag=tag_of(BIG)),
        replying(206, BIG[200_000:], Content_Range=f"bytes 200000-{len(BIG) - 1}/{len(BIG)}", ETag='"other"'),
        replying(206, BIG),
        replying(416),
    ],
    ids=["another part", "another version", "no range", "not satisfiable"],
)
def test_a_wrong_part_is_not_appended(client: Downloader, answer: Any) -> None:
    client.service.faults["GET"] = [truncated(200_000), answer]
    data = client.data()
    assert data["files"][0]["resumed_from"] == 0
    assert client.content() == FILES


@pytest.mark.parametrize("total", [str(len(BIG)), "*"], ids=["known", "unknown"])
def test_a_part_that_ends_early_does_not_complete_the_file(client: Downloader, total: str) -> None:
    part = {"Content_Range": f"bytes 200000-200009/{total}", "ETag": tag_of(BIG)}
    client.service.faults["GET"] = [truncated(200_000), replying(206, BIG[200_000:200_010], **part)]
    data = client.data()
    assert client.content() == FILES
    assert data["files"][0]["sha256"] == hashlib.sha256(BIG).hexdigest()


@pytest.mark.parametrize("headers", [{}, {"ETag": tag_of(BIG)}], ids=["without a tag", "with a tag"])
def test_a_part_that_was_not_requested_is_not_taken_for_the_file(client: Downloader, headers: dict[str, str]) -> None:
    part = replying(206, BIG[:10], Content_Range=f"bytes 0-9/{len(BIG)}", **headers)
    client.service.faults["GET"] = [part]
    client.data()
    assert client.content() == FILES


def test_a_file_that_starts_again_and_again_makes_no_progress(client: Downloader) -> None:
    client.service.files = {"weights.bin": BIG * 8}
    client.service.tags = False
    client.service.faults["GET"] = [truncated(3_000_000)] * 20
    assert client.error()["code"] == "unreachable"
    assert client.service.count("GET") == 5


def test_progress_is_what_is_beyond_the_furthest_position(client: Downloader) -> None:
    client.service.files = {"weights.bin": BIG * 20}
    client.service.faults["GET"] = [truncated(1_200_000)] * 8
    assert client.data()["files"][0]["resumed_from"] > 8 * 1_100_000


def test_a_folder_that_is_a_loop_of_links_is_refused(client: Downloader) -> None:
    client.out.symlink_to(client.out)
    assert client.error()["code"] == "file_error"
    assert client.service.requests == []


CHECKSUMS = {
    "content-md5": lambda content: {"Content-MD5": checksum_text("md5", content)},
    "digest": lambda content: {"Digest": f"sha-256={checksum_text('sha256', content)},unixsum=30637"},
    "repr-digest": lambda content: {"Repr-Digest": f"sha-256=:{checksum_text('sha256', content)}:"},
    "amazon": lambda content: {"x-amz-checksum-sha256": checksum_text("sha256", content)},
    "google": lambda content: {"x-goog-hash": f"crc32c=AAAAAA==,md5={checksum_text('md5', content)}"},
}


@pytest.mark.parametrize("kind", [kind for kind in CHECKSUMS if kind != "google"])
def test_checksums_of_the_server_are_compared(client: Downloader, kind: str) -> None:
    client.service.checksums = CHECKSUMS[kind]
    checked = {file["path"]: file["checked"] for file in client.data()["files"]}
    assert set(map(tuple, checked.values())) == {("md5" if "md5" in kind else "sha256",)}


@pytest.mark.parametrize("kind", CHECKSUMS)
def test_a_wrong_checksum_is_an_error_and_nothing_is_kept(client: Downloader, kind: str) -> None:
    client.service.checksums = lambda content: CHECKSUMS[kind](content + b"x")
    error = client.error()
    assert error["code"] == "bad_service_response"
    assert "does not match the" in error["message"]
    assert error["context"]["path"] == "model/weights.bin"
    assert error["context"]["checksum"] == ("sha256" if kind in ("digest", "repr-digest", "amazon") else "md5")
    assert client.service.count("GET") == 2
    assert client.content() == {"model/weights.bin.part": b""}


def test_content_that_was_damaged_once_is_downloaded_again(client: Downloader) -> None:
    client.service.checksums = CHECKSUMS["amazon"]
    damaged = replying(200, BIG[::-1], x_amz_checksum_sha256=checksum_text("sha256", BIG), ETag=tag_of(BIG))
    client.service.faults["GET"] = [damaged]
    client.data()
    assert client.content() == FILES


def test_crc32c_is_compared_if_it_is_the_only_checksum(client: Downloader) -> None:
    client.service.files = {"digits": b"123456789"}
    value = base64.b64encode(0xE3069283.to_bytes(4, "big")).decode()
    client.service.checksums = lambda content: {"x-goog-hash": f"crc32c={value}"}
    assert client.data()["files"][0]["checked"] == ["crc32c"]
    client.service.files = {"other": b"123456780"}
    assert client.error()["context"]["checksum"] == "crc32c"
    assert client.content() == {"digits": b"123456789", "other.part": b""}


def test_an_expired_url_is_replaced(client: Downloader) -> None:
    client.service.faults["GET"] = [None, expire]
    client.data()
    assert client.content() == FILES
    assert client.service.count("POST") == 2


def test_a_url_that_is_rejected_twice_is_an_error(client: Downloader) -> None:
    client.service.faults["GET"] = [None, expire, expire]
    error = client.error()
    assert error["context"]["status"] == 403
    assert "A new URL was also rejected. 1 of 4 files are complete." in error["hint"]


def test_a_file_that_disappears_is_an_error(client: Downloader) -> None:
    def vanish(handler: Any) -> None:
        client.service.files.pop("model/config.json")
        expire(handler)

    client.service.faults["GET"] = [None, vanish]
    error = client.error()
    assert error["code"] == "bad_service_response"
    assert error["context"]["path"] == "model/config.json"


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_temporary_failures_are_repeated_after_the_requested_time(client: Downloader, method: str, code: int) -> None:
    client.service.faults[method] = [failing_with(code, Retry_After="100"), failing_with(code), dropping]
    clock = client.cli.clock
    started = clock.monotonic()
    client.data()
    assert client.content() == FILES
    assert 101 < clock.monotonic() - started < 110


def test_a_long_requested_pause_is_not_waited_for(client: Downloader) -> None:
    client.service.faults["GET"] = [failing_with(503, Retry_After="7200")]
    error = client.error()
    assert error["context"]["retry_after"] == 7200
    assert "The server requests a wait of 2h." in error["hint"]


def test_a_requested_pause_may_be_a_date(client: Downloader) -> None:
    client.service.faults["GET"] = [failing_with(503, Retry_After="Fri, 31 Dec 2999 23:59:59 GMT")]
    assert client.error()["context"]["retry_after"] > 10**9
    client.service.faults["GET"] = [
        failing_with(503, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"),
        failing_with(503, Retry_After="x"),
    ]
    client.data()


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_redirects_are_not_followed(client: Downloader, method: str, code: int) -> None:
    client.service.faults[method] = [failing_with(code, Location=client.service.base_url)]
    error = client.error()
    assert error["context"]["status"] == code
    assert "Redirects are not followed." in error["hint"]
    assert client.content() == {}


def test_compressed_content_is_refused(client: Downloader) -> None:
    client.service.faults["GET"] = [replying(200, b"xx", Content_Encoding="gzip")]
    assert "compressed" in client.error()["message"]


def test_a_wallet_without_access_is_refused(client: Downloader) -> None:
    client.service.owner = Keypair().pubkey()
    error = client.error()
    assert (error["code"], error["context"]["status"]) == ("http_status_error", 401)
    assert "does not accept the signature of the wallet" in error["hint"]
    assert client.content() == {}


def test_every_request_has_its_own_nonce(client: Downloader) -> None:
    """The server refuses a nonce that it has seen."""
    client.service.faults["POST"] = [failing_with(503)]
    client.data()
    client.data()


def test_a_run_without_files_is_not_an_error(client: Downloader) -> None:
    client.service.files = {}
    outcome = client.cli("download-results", "--run-id", "test", "-o", client.out)
    assert outcome.code is ExitCode.OK
    assert outcome.stdout == "The service has no files of run test.\n"


UNSAFE = {
    "parent": ["../x"],
    "parent inside": ["a/../../x"],
    "absolute": ["/etc/passwd"],
    "windows": ["C:\\x"],
    "drive": ["C:x"],
    "backslash": ["..\\x"],
    "nul": ["a\0b"],
    "escape": ["a\x1b[2Jb"],
    "bidirectional": ["a\u202eb"],
    "surrogate": ["a\ud800b"],
    "empty": [""],
    "folder": ["a/"],
    "dot": ["./a"],
    "twice a slash": ["a//b"],
    "long name": ["x" * 256],
    "long name in UTF-8": ["ü" * 128],
    "long path": ["/".join(["x" * 200] * 21)],
    "twice": ["a", "a"],
    "case": ["a/README", "a/readme"],
    "case of a folder": ["a/x", "A/y"],
    "normalization": ["\u00e9", "e\u0301"],
    "file and folder": ["a", "a/b"],
    "folder and file": ["a", "x", "A/b/c"],
    "partial": ["a", "a.part"],
}


@pytest.mark.parametrize("paths", UNSAFE.values(), ids=UNSAFE)
def test_hostile_paths_are_refused_before_anything_is_written(client: Downloader, paths: list[str]) -> None:
    client.service.listed = ["log.txt", *paths]
    before = sorted(client.home.rglob("*"))
    outcome = client.run()
    assert outcome.code is ExitCode.FILES
    assert outcome.json["error"]["code"] == "unsafe_path"
    assert outcome.json["error"]["context"]["path"] == paths[-1]
    assert sorted(client.home.rglob("*")) == before
    assert client.service.count("GET") == 0


@pytest.mark.parametrize("path", ["~/x", "a b", "...", "-rf", "12:30", "ä/ö", "x" * 255, "x" * 253, "%2e%2e"])
def test_unusual_paths_are_used_as_they_are(client: Downloader, path: str) -> None:
    client.service.files = {path: b"content"}
    client.data()
    assert client.content() == {path: b"content"}


@pytest.mark.parametrize(
    "kind", ["link to a folder", "dangling link", "link to a file", "link as partial", "file", "pipe"]
)
def test_links_and_special_files_in_the_folder_are_not_written_through(client: Downloader, kind: str) -> None:
    outside = client.home / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    out = client.out
    out.mkdir()
    if kind == "link to a folder":
        (out / "model").symlink_to(outside)
    elif kind == "dangling link":
        (out / "log.txt").symlink_to(outside / "new")
    elif kind == "link to a file":
        (out / "log.txt").symlink_to(outside / "secret")
    elif kind == "link as partial":
        (out / "log.txt.part").symlink_to(outside / "secret")
    elif kind == "file":
        (out / "model").write_bytes(b"")
    else:
        os.mkfifo(out / "log.txt.part")
    error = client.error("--overwrite")
    assert error["code"] == "unsafe_path"
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"secret"}


def test_a_partial_file_that_is_also_another_file_is_not_written_through(client: Downloader) -> None:
    other = client.home / "other"
    other.write_bytes(b"other")
    client.out.mkdir()
    (client.out / "log.txt.part").hardlink_to(other)
    client.data("--overwrite")
    assert client.content() == FILES
    assert other.read_bytes() == b"other"


def test_a_folder_in_place_of_a_file_is_refused(client: Downloader) -> None:
    (client.out / "log.txt").mkdir(parents=True)
    assert client.error("--yes")["code"] == "unsafe_path"


def test_the_folder_itself_may_be_a_link(client: Downloader) -> None:
    (client.home / "disk").mkdir()
    client.out.symlink_to(client.home / "disk")
    client.data()
    assert client.content() == FILES


def test_a_folder_that_is_not_empty_needs_consent(client: Downloader) -> None:
    client.out.mkdir()
    (client.out / "mine").write_bytes(b"mine")
    error = client.error()
    assert error["code"] == "not_confirmed"
    assert "is not empty" in error["message"]
    assert error["hint"] == "No file was changed."
    assert client.service.requests == []
    client.data("--yes")
    assert client.content() == {**FILES, "mine": b"mine"}


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_at_a_terminal_the_user_is_asked(client: Downloader, answer: str) -> None:
    client.out.mkdir()
    (client.out / "log.txt").write_bytes(b"mine")
    environment = environment_of(client.cli).replaced(stdin=Terminal(f"{answer}\n"), stderr=Terminal())
    code = main(["download-results", "--run-id", "test", "-o", str(client.out)], environment)
    shown = environment.stderr.getvalue()  # type: ignore[attr-defined]  # a Terminal
    assert "Files in it may be overwritten. Continue? [y/N]" in shown
    assert shown.count("Continue?") == 1
    assert code == (ExitCode.OK if answer == "y" else ExitCode.USAGE)
    assert client.content() == (FILES if answer == "y" else {"log.txt": b"mine"})


@pytest.mark.parametrize("mine", ["changed by the user", "changed at the service"])
def test_a_downloaded_file_is_not_replaced_without_consent(client: Downloader, mine: str) -> None:
    client.data()
    if mine == "changed by the user":
        (client.out / "log.txt").write_bytes(b"mine\n")
    else:
        client.service.files["log.txt"] = b"new!\n"
    kept = client.content()
    error = client.error()
    assert error["code"] == "not_confirmed"
    assert "log.txt already exists with different content and will be replaced." in error["message"]
    assert "2 of 4 files are complete" in error["hint"]
    assert client.content() == kept
    assert statuses(client.data("--overwrite"))["log.txt"] == "downloaded"
    assert client.content() == client.service.files


def test_an_output_folder_that_is_a_file_is_refused(client: Downloader) -> None:
    client.out.write_bytes(b"")
    assert client.error()["code"] == "file_error"


def test_a_folder_that_cannot_be_written_is_an_error(client: Downloader) -> None:
    client.out = client.home / "owner.json" / "results"
    error = client.error()
    assert error["code"] in ("file_error", "unsafe_path")


def test_a_full_disk_keeps_what_was_received(client: Downloader) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        error = client.error()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error["code"] == "disk_full"
    assert "File too large" in error["message"]
    assert "0 of 4 files are complete. To continue, run the same command again." in error["hint"]
    assert client.data()["files"][0]["resumed_from"] == 300_000
    assert client.content() == FILES


def test_missing_space_is_noticed_before_the_first_byte(client: Downloader) -> None:
    client.service.faults["GET"] = [replying(200, b"", Content_Length=str(10**18))]
    error = client.error()
    assert error["code"] == "disk_full"
    assert error["context"]["needed"] == 10**18
    assert client.content() == {}


MALFORMED: dict[str, Any] = {
    "a list": [],
    "no files": {},
    "no list": {"urls": {}},
    "a text": {"urls": ["log.txt"]},
    "a number": {"urls": [{"path": 1, "url": "https://example.com/x"}]},
    "no scheme": {"urls": [{"path": "a", "url": "example.com/x"}]},
    "a file": {"urls": [{"path": "a", "url": "file:///etc/passwd"}]},
    "plain http": {"urls": [{"path": "a", "url": "http://example.com/x"}]},
    "a port": {"urls": [{"path": "a", "url": "https://example.com:99999/x"}]},
    "a line break": {"urls": [{"path": "a", "url": "https://example.com/x\r\nA: b"}]},
    "a space": {"urls": [{"path": "a", "url": "https://example.com/x y"}]},
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_list_is_an_error(client: Downloader, document: Any) -> None:
    client.service.answer = lambda _: document
    error = client.error()
    assert error["code"] == "bad_service_response"
    assert client.content() == {}


def test_an_answer_that_is_not_json_is_an_error(client: Downloader) -> None:
    client.service.faults["POST"] = [replying(200, b"<html>")]
    assert "it is not a JSON object" in client.error()["message"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "ftp://127.0.0.1/v1",
        "https://user:pass@example.com/v1",
        "https://example.com/v1?key=x",
        "https://example.com/v1#x",
        "https://example.com:0/v1",
        "https://example.com:x/v1",
        "https:///v1",
        "example.com",
        "",
        "https://exa mple.com",
    ],
)
def test_base_urls_must_be_https_or_local(client: Downloader, url: str) -> None:
    outcome = client.cli("download-results", "--run-id", "test", "-o", client.out, "--base-url", url)
    assert outcome.code is ExitCode.USAGE
    assert "pass" not in outcome.stderr


def test_a_service_that_is_not_running_is_reported(client: Downloader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = client.error("--base-url", f"http://127.0.0.1:{port}/v1")
    assert error["code"] == "unreachable"
    assert "refused" in error["message"]


@pytest.mark.parametrize("words", [("--run-id", "x" * 33), ("--expires-in-seconds", "0"), ("--stall-timeout", "0")])
def test_invalid_options_are_refused(client: Downloader, words: tuple[str, str]) -> None:
    assert client.cli("download-results", "--run-id", "test", *words).code is ExitCode.USAGE


def test_a_missing_wallet_is_reported(client: Downloader) -> None:
    assert client.run("-w", client.home / "none.json").code is ExitCode.WALLET
    assert client.service.requests == []


def test_a_damaged_record_is_only_an_inconvenience(client: Downloader) -> None:
    state = client.home / "state"
    state.mkdir()
    (state / "transfers.sqlite3").write_bytes(b"no database at all, but long enough" * 100)
    outcome = client.run("--state-dir", state)
    assert outcome.code is ExitCode.OK
    assert "Cannot use the record of transferred files" in outcome.stderr
    assert client.content() == FILES


def test_the_record_contains_neither_urls_nor_keys(client: Downloader) -> None:
    state = client.home / "state"
    client.data("--state-dir", state)
    stored = (state / "transfers.sqlite3").read_bytes()
    assert b"log.txt" in stored
    for secret in (b"http", MARK.encode(), b"127.0.0.1", str(Keypair.from_json(client.wallet.read_text())).encode()):
        assert secret not in stored


def test_two_services_have_separate_records(client: Downloader, tmp_path: Path) -> None:
    client.data()
    with file_service() as other:
        other.owner, other.files = client.service.owner, {"log.txt": b"other"}
        assert client.error("--base-url", other.base_url)["code"] == "not_confirmed"


def test_the_bar_is_only_drawn_at_a_terminal_and_vanishes(client: Downloader) -> None:
    def shown(*words: str, **variables: str) -> str:
        environment = environment_of(client.cli, variables).replaced(
            stderr=Terminal(), clock=FastClock(per_reading=0.001)
        )
        assert main(["download-results", "--run-id", "test", "-o", str(client.out), *words], environment) == 0
        text: str = environment.stderr.getvalue()  # type: ignore[attr-defined]  # a Terminal
        return text

    drawn = shown()
    assert "Downloading 1 of 4: weights.bin (0 bytes)" in drawn
    assert "% of 512 kB" in drawn
    assert drawn.rpartition("\r")[2] == "\x1b[K"
    assert "\r" not in shown("--quiet", "--overwrite")
    assert "\r" not in shown(TERM="dumb")


def process(client: Downloader, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "psyche_cli", "download-results", "--run-id", "test", "-o", str(client.out), *words],
        env={**os.environ, **client.cli.variables, "PSYCHE_CLI_STATE_DIR": str(client.home / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_process_is_continued(client: Downloader, number: signal.Signals) -> None:
    client.service.faults["GET"] = [None, None, None, stalling(0)]
    client.service.files = {"a": b"a", "b": b"b", "c": b"c", "weights": BIG}
    client.service.faults["GET"] = [None, None, None, stalling(150_000)]
    with process(client, "--output", "json") as running:
        assert client.service.stalled.wait(PATIENCE)
        running.send_signal(number)
        stdout, _ = running.communicate(timeout=PATIENCE)
    if number != signal.SIGKILL:
        error = json.loads(stdout)["error"]
        assert error["message"] == "Interrupted. 3 of 4 files are complete."
        assert error["hint"] == "To continue, run the same command again."
    with process(client, "--output", "json") as running:
        stdout, _ = running.communicate(timeout=PATIENCE)
    data = json.loads(stdout)["data"]
    assert client.content() == client.service.files
    assert [file["status"] for file in data["files"]] == ["already_complete"] * 3 + ["downloaded"]


def test_two_processes_do_not_write_the_same_file(client: Downloader) -> None:
    client.service.faults["GET"] = [stalling(150_000)]
    with process(client, "--output", "json") as running:
        assert client.service.stalled.wait(PATIENCE)
        error = client.error("--overwrite")
        assert "Another process is downloading" in error["message"]
        running.kill()
