"""The pytest fixtures for other projects, used in a project in another folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.errors import RpcError
from psyche_cli.localnet.local_validator import LocalValidator
from tests.localnet.harness import PAGE

FILES = dict(re.findall(r"^```(?:toml|python)\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
"""The files of the example in the documentation."""

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


MEMBERS_PAGE = (Path(__file__).parents[2] / "docs" / "members.md").read_text(encoding="utf-8")
OTHER_CONFIG = """
from pathlib import Path

import pytest

from psyche_cli.run_config.examples import find_example


@pytest.fixture
def psyche_run_config(tmp_path):
    text = find_example("minimal").path.read_text().replace("total_steps = 500", "total_steps = 6")
    (tmp_path / "own.toml").write_text(text)
    return tmp_path / "own.toml"
"""
ITS_TEST = """
def test_the_run_ends_as_configured(psyche_run, psyche_members):
    played = psyche_run.play(lambda run: False, clients=2)
    assert played.last.state.text == "Finished"
    assert played.last.account.step == 6
    [member] = psyche_members(1)
    assert member.claim() is None
    assert psyche_run.treasury.vault
"""


def pytest_in(project: Path, *words: str, python_path: str = "") -> subprocess.CompletedProcess[str]:
    """Run pytest as the project's owner would, with only the project's settings."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(project), "PYTHONPATH": python_path}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_the_page_says_works_when_pasted_into_an_empty_project(tmp_path: Path) -> None:
    assert FILES.keys() == {"pyproject.toml", "test_something.py", "conftest.py"}
    for name in ("pyproject.toml", "test_something.py"):
        (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    (tmp_path / "conftest.py").write_text(FILES["conftest.py"], encoding="utf-8")
    (tmp_path / "test_theirs.py").write_text(TESTS, encoding="utf-8")
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_fixtures_of_a_run_and_its_members_work_in_another_project(tmp_path: Path) -> None:
    [example] = re.findall(r"^```python\n# test_members.py\n(.*?)^```$", MEMBERS_PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(FILES["pyproject.toml"], encoding="utf-8")
    (tmp_path / "test_members.py").write_text(example, encoding="utf-8")
    done = pytest_in(tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    (tmp_path / "conftest.py").write_text(OTHER_CONFIG, encoding="utf-8")
    (tmp_path / "test_own.py").write_text(ITS_TEST, encoding="utf-8")
    done = pytest_in(tmp_path, "test_own.py")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_without_the_plugin_pytest_does_not_start_because_of_anchorpy(tmp_path: Path) -> None:
    """The reason for the plugin's settings. If AnchorPy's plugin can ever be imported on its own, they can be
    simplified."""
    (tmp_path / "test_theirs.py").write_text("def test(): pass", encoding="utf-8")
    assert "ModuleNotFoundError: No module named 'pytest_asyncio'" in pytest_in(tmp_path).stderr


def test_where_anchorpys_plugin_can_be_imported_it_is_not_blocked(tmp_path: Path) -> None:
    """Tested with stand-ins for the packages that it needs, which the test environment lacks."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "pytest_asyncio.py").write_text("from pytest import fixture\n")
    (packages / "pytest_xprocess.py").write_text("def getrootdir(config): ...\n")
    (packages / "xprocess.py").write_text("class ProcessStarter: ...\nclass XProcess: ...\nclass XProcessInfo: ...\n")
    (tmp_path / "pyproject.toml").write_text(FILES["pyproject.toml"], encoding="utf-8")
    registered = "PLUGIN registered: <module 'anchorpy.pytest_plugin'"
    assert registered in pytest_in(tmp_path, "--trace-config", python_path=str(packages)).stdout
    assert registered not in pytest_in(tmp_path, "--trace-config").stdout


def test_call_raises_what_the_method_refuses(validator: LocalValidator) -> None:
    with pytest.raises(RpcError) as refused:
        validator.call("getBalance", "nobody")
    assert refused.value.context["rpc_code"] == -32602
    assert validator.call("getHealth") == "ok"
