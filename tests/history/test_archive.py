"""Archives of runs: commands print the same from an archive as from the cluster at the time of the export."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from solders.keypair import Keypair

from psyche_cli.errors import ExitCode
from psyche_cli.operations.archives.writing import ArchiveWriter
from tests.cli.harness import CommandLine, Outcome
from tests.history.command_lines import command_line_of, offline
from tests.history.story import StillStory


class Exported(NamedTuple):
    """A run that was exported: the command line, and the archive."""

    cli: CommandLine
    run_id: str
    archive: Path
    member: str
    owner: str

    def both(self, *words: object) -> tuple[Outcome, Outcome]:
        """A command at the cluster, and with the archive and no cluster."""
        return self.cli(*words), offline(self.cli)(*words, "--archive", self.archive)


@pytest.fixture(scope="module")
def exported(told: StillStory, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    home = tmp_path_factory.mktemp("exported")
    cli, archive = command_line_of(told, home), home / "story.zip"
    cli.json("history", "export", "--run-id", told.run_id, "-o", archive)
    member = str(told.members[-1].address)
    return Exported(cli, told.run_id, archive, member, str(told.owner.address))


@pytest.mark.parametrize("format", ["human", "json"])
@pytest.mark.parametrize(
    "words",
    [
        *("show", "members", "explain", "json-dump-run", "rewards list", "cost", "config dump", "authority check"),
        "config dump --full",
        *("can-join --address {member}", "json-dump-user --address {member}", "history", "history --failed", "curves"),
        *("history state --at 100", "history state --at 2027-01-15T08:05:00Z", "history state --at 1m"),
    ],
)
def test_output_from_the_archive_equals_that_from_the_cluster(exported: Exported, words: str, format: str) -> None:
    filled = words.format(member=exported.member).split()
    there, here = exported.both(*filled, "--run-id", exported.run_id, "--output", format)
    assert here.code == there.code
    assert there.stdout
    assert here.stdout == there.stdout
    assert here.stderr.startswith(f"Reading the archive {exported.archive}: run story as of slot ")


def test_verbs_that_name_the_source_read_the_archive(exported: Exported) -> None:
    cli, archive = offline(exported.cli), exported.archive
    listed = cli("list-runs", "--archive", archive, "--output", "json").data["runs"]
    assert [one["run_id"] for one in listed] == [exported.run_id]
    granted = cli("join-authorization", "list", "--grantor", exported.owner, "--archive", archive, "--output", "json")
    assert len(granted.data["authorizations"]) == 1
    latest = cli("show", "--run-id", exported.run_id, "--archive", archive, "--output", "json").data
    signature = latest["transactions"][0]["signature"]
    for verb in ("status", "explain"):
        found = cli("tx", verb, signature, "--archive", archive, "--output", "json").data
        assert found["signature"] == signature


def test_the_same_run_is_exported_to_the_same_bytes(exported: Exported, told: StillStory, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    command_line_of(told, tmp_path).json("history", "export", "--run-id", told.run_id, "-o", again)
    assert again.read_bytes() == exported.archive.read_bytes()


def test_an_existing_file_is_not_overwritten(exported: Exported) -> None:
    before = exported.archive.read_bytes()
    outcome = exported.cli("history", "export", "--run-id", exported.run_id, "-o", exported.archive)
    assert (outcome.code, exported.archive.read_bytes()) == (ExitCode.USAGE, before)
    assert [*exported.archive.parent.glob(".*.zip.*")] == []


def test_a_full_disk_is_that_of_the_archive(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ArchiveWriter.add

    def full(writer: ArchiveWriter, name: str, records: Iterator[Any]) -> None:
        if name == "events.jsonl":
            raise OSError(errno.ENOSPC, "No space left on device")
        add(writer, name, records)

    monkeypatch.setattr(ArchiveWriter, "add", full)
    outcome = exported.cli("history", "export", "--run-id", exported.run_id, "-o", tmp_path / "full.zip")
    assert outcome.code is ExitCode.USAGE
    assert f"Cannot write {tmp_path / 'full.zip'}: No space left on device." in outcome.stderr
    assert [*tmp_path.iterdir()] == []


def test_the_archive_contains_no_endpoint_and_no_path(exported: Exported) -> None:
    with zipfile.ZipFile(exported.archive) as file:
        content = b"".join(file.read(name) for name in file.namelist())
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    for secret in (b"http://", b"https://", b"127.0.0.1", str(exported.cli.home).encode()):
        assert secret not in content


@pytest.mark.parametrize("option", [("--rpc", "localhost"), ("--commitment", "finalized")])
def test_an_archive_and_a_cluster_are_refused(exported: Exported, option: tuple[str, str]) -> None:
    outcome = offline(exported.cli)("show", "--run-id", "story", "--archive", exported.archive, *option)
    assert outcome.code is ExitCode.USAGE
    assert f"--archive cannot be combined with {option[0]}" in outcome.stderr


@pytest.mark.parametrize("verb", ["watch", "wait", "metrics", "monitor", "set-paused", "tick", "close-run", "airdrop"])
def test_verbs_that_follow_or_write_take_no_archive(exported: Exported, verb: str) -> None:
    outcome = offline(exported.cli)(verb, "--archive", exported.archive)
    assert outcome.code is ExitCode.USAGE
    assert "--archive. Only commands that read a run once can read it from an archive." in outcome.stderr


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (("show", "--run-id", "other"), "does not contain the account"),
        (
            ("balance", "11111111111111111111111111111111"),
            "does not contain the account 11111111111111111111111111111111",
        ),
        (("join-authorization", "list", "--grantor", str(Keypair().pubkey())), "all accounts that this command needs"),
    ],
)
def test_what_the_archive_does_not_contain(exported: Exported, words: tuple[str, ...], missing: str) -> None:
    outcome = offline(exported.cli)(*words, "--archive", exported.archive, "--output", "json")
    assert outcome.code is ExitCode.HISTORY
    error = outcome.json["error"]
    assert error["code"] == "not_in_archive"
    assert missing in error["message"]
    assert "the run 'story'" in error["hint"]


def rewritten(path: Path, target: Path, **changed: bytes | None) -> Path:
    """A copy of an archive with other content of some members, given without their suffix; None omits a member.

    The manifest states the sizes and checksums of the other content, unless it is given itself.
    """
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    for name in [*content]:
        stem = name.partition(".")[0]
        if stem in changed:
            new = changed[stem]
            content.pop(name) if new is None else content.update({name: new})
    if "manifest" not in changed:
        manifest = json.loads(content["manifest.json"])
        for name, data in content.items():
            if name in manifest["members"]:
                manifest["members"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        content["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return target


def manifest_with(path: Path, **changed: object) -> bytes:
    """The manifest of an archive with other values."""
    with zipfile.ZipFile(path) as file:
        return json.dumps(json.loads(file.read("manifest.json")) | changed).encode()


def first_with(path: Path, member: str, **changed: object) -> bytes:
    """A member of an archive whose first line has other values."""
    with zipfile.ZipFile(path) as file:
        first, *rest = file.read(member).splitlines(keepends=True)
    return b"".join([json.dumps(json.loads(first) | changed).encode() + b"\n", *rest])


def damaged_archives(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Archives with something wrong, and a part of the sentence about each."""

    def made(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    def with_member(name: str, member: str, content: bytes) -> Path:
        copy = folder / name
        shutil.copy(path, copy)
        with zipfile.ZipFile(copy, "a", zipfile.ZIP_DEFLATED) as file:
            file.writestr(member, content)
        return copy

    content = path.read_bytes()
    yield "does not end like a ZIP file", made("empty.zip", b"")
    yield "does not end like a ZIP file", made("text.zip", b"no archive\n" * 100)
    yield "does not end like a ZIP file", made("truncated.zip", content[: len(content) // 2])
    yield "is not an archive of a run, or it is damaged", made("shifted.zip", content[1000:])
    yield "which archives do not have", with_member("other.zip", "../../etc/cron.d/evil", b"x")
    yield "which archives do not have", with_member("control.zip", "a\x1b[2Jb", b"x")
    many = folder / "many.zip"
    with zipfile.ZipFile(many, "w") as file:
        for number in range(100):
            file.writestr(str(number), b"")
    yield "more files than archives have", many
    yield "too large when decompressed", rewritten(path, folder / "bomb.zip", contents=bytes(50_000_000))
    yield "its manifest is too large", rewritten(path, folder / "big.zip", manifest=os.urandom(1_100_000))
    yield "it does not contain the file manifest.json", rewritten(path, folder / "no.zip", manifest=None)
    yield (
        "its files are not those of its manifest",
        rewritten(path, folder / "gone.zip", gaps=None, manifest=manifest_with(path)),
    )
    yield "'format' is missing", rewritten(path, folder / "any.zip", manifest=b"{}")
    yield (
        "nested too deeply",
        rewritten(
            path, folder / "deep.zip", manifest=b"".join(b"[%d," % (number**3 % 9973) for number in range(100_000))
        ),
    )
    yield "it has an invalid run id", rewritten(path, folder / "id.zip", manifest=manifest_with(path, run_id="x" * 99))
    yield "slot has an invalid value", rewritten(path, folder / "slot.zip", manifest=manifest_with(path, slot="1"))
    for name, wrong in (("slot", -1), ("slot", 1 << 63), ("time", -1), ("time", 1 << 63), ("synced_slot", -1)):
        bad = rewritten(path, folder / f"{name}{wrong}.zip", manifest=manifest_with(path, **{name: wrong}))
        yield f"{name} has an invalid value", bad
    yield "it is about other programs", rewritten(path, folder / "ids.zip", manifest=manifest_with(path, programs={}))


def test_damaged_and_hostile_archives_are_refused(exported: Exported, tmp_path: Path) -> None:
    for reason, path in damaged_archives(exported.archive, tmp_path):
        outcome = offline(exported.cli)("show", "--run-id", "story", "--archive", path, "--output", "json")
        assert outcome.code is ExitCode.HISTORY, path
        assert outcome.json["error"]["code"] == "archive_damaged"
        assert reason in outcome.json["error"]["message"]
        assert "\x1b" not in outcome.stderr
    newer = rewritten(exported.archive, tmp_path / "new.zip", manifest=manifest_with(exported.archive, format=99))
    outcome = offline(exported.cli)("show", "--run-id", "story", "--archive", newer, "--output", "json")
    assert outcome.json["error"]["code"] == "archive_too_new"
    missing = offline(exported.cli)("show", "--run-id", "story", "--archive", tmp_path / "none", "--output", "json")
    assert missing.json["error"]["code"] == "archive_error"


@pytest.mark.parametrize(
    ("member", "changed"),
    [
        ("accounts.jsonl", {"slot": -1}),
        ("accounts.jsonl", {"address": "x"}),
        ("accounts.jsonl", {"account": {}}),
        ("addresses.jsonl", {"role": None}),
        ("transactions.jsonl", {"slot": 1 << 70}),
        ("transactions.jsonl", {"error": {"x": 1}, "signature": 7}),
        ("transactions.jsonl", {"addresses": {"a": [1]}}),
        ("contents.jsonl", {"content": "AAAA"}),
        ("contents.jsonl", {"lamports_before": []}),
        ("contents.jsonl", {"inner_calls": [[0, 2, 250, [], ""]]}),
        ("contents.jsonl", {"tokens_after": [[99, "m", None, 6, 1]]}),
        ("contents.jsonl", {"logs": 5}),
    ],
)
def test_damaged_members_are_refused(
    exported: Exported, tmp_path: Path, member: str, changed: dict[str, object]
) -> None:
    path = rewritten(
        exported.archive,
        tmp_path / "damaged.zip",
        **{member.partition(".")[0]: first_with(exported.archive, member, **changed)},
    )
    outcome = offline(exported.cli)("cost", "--run-id", "story", "--archive", path, "--output", "json")
    if outcome.code is ExitCode.OK:  # of a transaction with addresses that are none of the run's
        assert changed == {"addresses": {"a": [1]}}
        return
    assert outcome.json["error"]["code"] == "archive_damaged"


def test_a_wrong_checksum_is_refused(exported: Exported, tmp_path: Path) -> None:
    other = first_with(exported.archive, "contents.jsonl", units=1)
    with zipfile.ZipFile(exported.archive) as file:
        manifest = json.loads(file.read("manifest.json"))
    manifest["members"]["contents.jsonl"]["size"] = len(other)
    path = rewritten(exported.archive, tmp_path / "changed.zip", contents=other, manifest=json.dumps(manifest).encode())
    outcome = offline(exported.cli)("cost", "--run-id", "story", "--archive", path, "--output", "json")
    assert "its checksum is wrong" in outcome.json["error"]["message"]


def test_the_page_from_the_archive_equals_that_of_the_run(exported: Exported, tmp_path: Path) -> None:
    words = ("dashboard", "export", "--run-id", exported.run_id, "-o")
    pages: list[dict[str, Any]] = []
    for cli, more in ((exported.cli, ()), (offline(exported.cli), ("--archive", exported.archive))):
        path = tmp_path / f"{len(pages)}.html"
        outcome = cli(*words, path, *more)
        assert outcome.code is ExitCode.OK, outcome.stderr
        [text] = re.findall(r'id="documents">(.*?)</script>', path.read_text(), re.DOTALL)
        page = json.loads(text)
        page.pop("exported_at")
        cluster = page["run"]["cluster"]
        cluster.pop("read_at")
        assert ("the archive" in cluster.pop("label")) == bool(more)
        pages.append(page)
    assert pages[0]["curves"]["curves"]
    assert pages[1] == pages[0]
