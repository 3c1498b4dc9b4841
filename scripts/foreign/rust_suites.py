"""Compiles the test programs of a crate with our stand-in for solana-test-validator, and runs each test on its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from scripts.foreign.outcomes import NOT_ENDED, Case, Outcome, listed, of_a_rust_test
from scripts.foreign.suites import RustSuite

STAND_INS: Final = Path(__file__).with_name("rust")
DEPENDENCIES: Final = {
    "solana-test-validator": (
        "solana-commitment-config",
        "solana-keypair",
        "solana-pubkey",
        "solana-rpc-client",
        "solana-signer",
    ),
    "solana-rpc": (),
}
"""The crates that we stand in for, and what each needs, in the version that the tested crate's lock file names."""
SECONDS_PER_TEST: Final = 120


def run(suite: RustSuite, folder: Path, *, jobs: int) -> list[Case]:
    """Fetch and compile what is not in the folder yet, and run the tests, ``jobs`` at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    source = _fetch(suite, folder)
    free: SimpleQueue[int] = SimpleQueue()
    for slot in range(jobs):
        free.put(slot)

    def run_one(test: tuple[str, str, str]) -> Case:
        program, path, name = test
        slot = free.get()
        try:
            return of_a_rust_test(f"{program}::{name}", _output([path, "--exact", name], source, slot))
        except subprocess.TimeoutExpired:
            return Case(f"{program}::{name}", Outcome.FAILED, NOT_ENDED)
        finally:
            free.put(slot)

    tests = [
        (program, path, name)
        for program, path in _compile(suite, source, folder)
        for name in listed(_output([path, "--list", "--format", "terse"], source, 0))
    ]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(run_one, tests))


def _output(command: list[str], source: Path, slot: int) -> str:
    """What a test program prints; the validators that it starts run psyche-cli of this interpreter.

    Programs that run at the same time need different slots: their ports follow from them.
    """
    environment = os.environ | {
        "PSYCHE_CLI_PYTHON": sys.executable,
        "NEXTEST_TEST_GLOBAL_SLOT": str(slot),
        "RUST_BACKTRACE": "0",
    }
    ended = subprocess.run(
        command,
        cwd=source,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS_PER_TEST,
        check=False,
    )
    return ended.stdout


def _fetch(suite: RustSuite, folder: Path) -> Path:
    """A copy of the crate's source, set to use our stand-ins."""
    source = folder / f"{suite.package}-{suite.version}"
    published = _published(suite, folder)
    lock = (published / "Cargo.lock").read_text(encoding="utf-8")
    stand_ins = folder / "stand-ins"
    for name, needs in DEPENDENCIES.items():
        home = stand_ins / name
        home.mkdir(parents=True, exist_ok=True)
        _replace(home / "lib.rs", (STAND_INS / f"{name}.rs").read_text(encoding="utf-8"))
        _replace(home / "Cargo.toml", manifest(name, locked_version(lock, name), needs))
    if not source.is_dir():
        shutil.copytree(published, source, copy_function=_writable_copy)
        with (source / "Cargo.toml").open("a") as file:
            file.write("\n[patch.crates-io]\n")
            file.writelines(f'{name} = {{ path = "{stand_ins / name}" }}\n' for name in DEPENDENCIES)
        for changed, passage, replacement in suite.replaced:
            text = (source / changed).read_text(encoding="utf-8")
            if text.count(passage) != 1:
                raise RuntimeError(f"{changed} does not have exactly one passage: {passage}")
            (source / changed).write_text(text.replace(passage, replacement), encoding="utf-8")
    return source


def locked_version(lock: str, name: str) -> str:
    """The version of a crate in a Cargo.lock. Another version would not replace it."""
    found = re.search(rf'^name = "{re.escape(name)}"\nversion = "(.+)"$', lock, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"Cargo.lock does not name {name}")
    return found[1]


def manifest(name: str, version: str, needs: tuple[str, ...]) -> str:
    """The Cargo.toml of a stand-in: the features that dependents may ask for are empty."""
    return f"""[package]
name = "{name}"
version = "{version}"
edition = "2021"

[lib]
path = "lib.rs"

[features]
agave-unstable-api = []
dev-context-only-utils = []

[dependencies]
{"".join(f'{need} = "*"{chr(10)}' for need in needs)}"""


def _published(suite: RustSuite, folder: Path) -> Path:
    """Where cargo keeps the crate's source, which it downloads as a dependency of an empty package."""
    asking = folder / "asking"
    (asking / "src").mkdir(parents=True, exist_ok=True)
    (asking / "src" / "lib.rs").write_text("")
    text = f'[package]\nname = "asking"\nversion = "0.0.0"\n\n[dependencies]\n{suite.package} = "={suite.version}"\n'
    (asking / "Cargo.toml").write_text(text)
    asked = subprocess.run(
        ["cargo", "metadata", "--quiet", "--format-version", "1"],
        cwd=asking,
        stdout=subprocess.PIPE,
        check=True,
    )
    packages = json.loads(asked.stdout)["packages"]
    return next(Path(each["manifest_path"]).parent for each in packages if each["name"] == suite.package)


def _compile(suite: RustSuite, source: Path, folder: Path) -> list[tuple[str, str]]:
    """The test programs, by name. Without debug information, which would take gigabytes."""
    command = ["cargo", "test", "--no-run", "--quiet", "--message-format=json", *suite.options]
    for program in suite.programs:
        command += ["--test", program]
    settings = {"CARGO_TARGET_DIR": str(folder / "target"), "CARGO_INCREMENTAL": "0"}
    settings |= {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_PROFILE_TEST_DEBUG": "0"}
    ended = subprocess.run(command, cwd=source, env=os.environ | settings, stdout=subprocess.PIPE, check=True)
    found = {}
    for line in ended.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and "test" in message["target"]["kind"]:
            found[message["target"]["name"]] = message["executable"]
    return [(program, found[program]) for program in suite.programs]


def _replace(path: Path, text: str) -> None:
    """Write a file unless it has this content, so that cargo does not compile it again."""
    if not (path.is_file() and path.read_text(encoding="utf-8") == text):
        path.write_text(text, encoding="utf-8")


_writable_copy: Final[Callable[[str, str], object]] = shutil.copyfile
