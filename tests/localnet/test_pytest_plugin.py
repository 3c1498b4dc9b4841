"""The fixtures that other projects' tests use, in a project of another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.errors import RpcError
from psyche_cli.localnet.local_validator import LocalValidator

CONFTEST = """
pytest_plugins = ["psyche_cli.localnet.pytest_plugin"]
"""

TESTS = """
SOMEBODY = "Vote111111111111111111111111111111111111112"

def balance(validator):
    return validator.call("getBalance", SOMEBODY)["value"]

def test_first(psyche_localnet):
    assert balance(psyche_localnet) == 0
    psyche_localnet.call("requestAirdrop", SOMEBODY, 5_000_000)
    psyche_localnet.call("localnet_warpSeconds", 86400)
    assert balance(psyche_localnet) == 5_000_000

def test_second_starts_as_the_first_did(psyche_localnet):
    assert balance(psyche_localnet) == 0
    assert psyche_localnet.ws_url.startswith("ws://127.0.0.1:")
    programs = psyche_localnet.call("getAccountInfo", "4SHugWqSXwKE5fqDchkJcPEqnoZE22VYKtSTVm7axbT7",
                                    {"encoding": "base64"})
    assert programs["value"]["executable"]
"""


def test_fixtures_work_in_another_project(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_theirs.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:pytest_anchorpy", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_call_raises_what_the_method_refuses(validator: LocalValidator) -> None:
    with pytest.raises(RpcError) as refused:
        validator.call("getBalance", "nobody")
    assert refused.value.context["rpc_code"] == -32602
    assert validator.call("getHealth") == "ok"
