"""The option ``--env-file`` of ``list-runs``: what a file can set, and that nothing in it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from solders.keypair import Keypair

from psyche_cli.errors import ExitCode
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import Outcome, address_of
from tests.support.secret_forms import FORMS, leaked

SECRET_URL = "https://rpc.example.org/v1/SECRETSECRET"


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "psyche.env"
    path.write_text(text)
    path.chmod(mode)
    return path


def mine(house: House, *words: object, **variables: str) -> Outcome:
    return house.cli("list-runs", "--mine", "--output", "json", *words, variables=variables)


def run_ids(outcome: Outcome) -> list[str]:
    return [run["run_id"] for run in outcome.data["runs"]]


def test_a_file_selects_the_wallet(house: House, tmp_path: Path) -> None:
    house.run("of-owner", configured=False)
    house.cli.json("create-run", "--run-id", "of-stranger", "-w", house.stranger)
    for text in (
        f"WALLET_PRIVATE_KEY_PATH={house.stranger}\n",
        f"# mine\n\n  export WALLET_PRIVATE_KEY_PATH = '{house.stranger}'  \nNVIDIA=all\n",
        f'WALLET_PRIVATE_KEY_PATH=/nowhere\nWALLET_PRIVATE_KEY_PATH="{house.stranger}"\n',
        f"RAW_WALLET_PRIVATE_KEY={house.stranger.read_text()}",
    ):
        outcome = mine(house, "--env-file", write(tmp_path, text))
        assert run_ids(outcome) == ["of-stranger"]
    assert run_ids(mine(house, "--env-file", write(tmp_path, "RPC=\nWALLET_PRIVATE_KEY_PATH=\n"))) == ["of-owner"]
    path = write(tmp_path, f"WALLET_PRIVATE_KEY_PATH={house.stranger}\n")
    assert run_ids(mine(house, "--env-file", path, "-w", house.owner)) == ["of-owner"]
    assert run_ids(mine(house, "--env-file", path, WALLET_PRIVATE_KEY_PATH=str(house.owner))) == ["of-stranger"]


def test_a_file_selects_the_cluster_and_its_values_are_not_shown(house: House, tmp_path: Path) -> None:
    opened: list[str] = []

    def connect(url: str) -> Transport:
        opened.append(url)
        return house.chain.transport("rpc.example.org")

    cli = replace(house.cli, open_transport=connect)
    path = write(tmp_path, f"RPC={SECRET_URL}\n")
    shown = cli("list-runs", "--env-file", path, "--verbose", variables={"RPC": "http://127.0.0.1:1"})
    assert shown.code is ExitCode.OK
    cli("list-runs", "--env-file", path, "--rpc", "http://127.0.0.1:2")
    assert opened == [SECRET_URL, "http://127.0.0.1:2"]
    assert "SECRETSECRET" not in shown.stdout + shown.stderr
    wrong = cli("list-runs", "--env-file", write(tmp_path, "RPC=ftp://SECRETSECRET/x\n"))
    assert wrong.code is ExitCode.USAGE
    assert "SECRETSECRET" not in wrong.stderr


def test_other_variables_are_ignored(house: House, tmp_path: Path) -> None:
    path = write(tmp_path, "RUN_ID=x\nPSYCHE_CLI_STATE_DIR=/nowhere\nHTTP_PROXY=http://x\nAUTHORIZER=x\nCOLUMNS=1\n")
    outcome = house.cli("list-runs", "--env-file", path)
    assert (outcome.code, outcome.stderr) == (ExitCode.OK, "")


def test_a_key_that_others_can_read_is_reported(house: House, tmp_path: Path) -> None:
    path = write(tmp_path, f"RAW_WALLET_PRIVATE_KEY={house.owner.read_text()}", mode=0o644)
    assert f"Other users can read {path}. Make it private with chmod 600." in mine(house, "--env-file", path).stderr


KEY = bytes(Keypair.from_seed(bytes(range(100, 132))))


@pytest.mark.parametrize("text", ["SECRETSECRET", FORMS["base58"](KEY), FORMS["JSON"](KEY), "RPC=x\n=SECRETSECRET\n"])
def test_a_line_that_is_no_assignment(house: House, tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    outcome = house.cli("list-runs", "--env-file", path)
    assert outcome.code is ExitCode.USAGE
    number = text.count("\n") or 1
    assert outcome.stderr.startswith(f"Error: Line {number} of {path} is not an assignment.\n")
    assert "SECRETSECRET" not in outcome.stderr
    assert not leaked(FORMS["base58"](KEY), outcome.stderr)
    assert house.chain.requests == []


def test_files_that_cannot_be_read(house: House, tmp_path: Path) -> None:
    path = write(tmp_path, "RPC=" + "x" * 70_000)
    for given, problem in (
        (path, "larger than 65536 bytes"),
        (tmp_path, "Is a directory"),
        (tmp_path / "missing", "No such file"),
        (FORMS["base58"](KEY), "is a key, not a path"),
    ):
        outcome = house.cli("list-runs", "--env-file", given)
        assert outcome.code is ExitCode.USAGE
        assert problem in outcome.stderr
    path.write_bytes(b"\xff\xfe\xff")
    assert "is not a text file" in house.cli("list-runs", "--env-file", path).stderr


def test_the_key_in_the_file_and_a_wallet_on_the_command_line(house: House, tmp_path: Path) -> None:
    path = write(tmp_path, f"RAW_WALLET_PRIVATE_KEY={house.owner.read_text()}")
    assert mine(house, "--env-file", path, "-w", house.owner).code is ExitCode.OK
    outcome = mine(house, "--env-file", path, "-w", house.stranger)
    assert outcome.code is ExitCode.USAGE
    assert str(address_of(house.stranger)) in outcome.stderr
