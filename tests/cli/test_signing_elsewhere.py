"""Transactions that are signed or sent elsewhere: exported, signed offline, collected and sent."""

from __future__ import annotations

import json
from pathlib import Path

from psyche_cli.errors import ExitCode
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, address_of

PAUSE = ("set-paused", "--run-id", "test")
RESUME = (*PAUSE, "--resume")
NONCE_RENT = 1_447_680


def exported(house: House, *words: object, file: str = "unsigned.json") -> Path:
    """A transaction exported to a file."""
    path = house.cli.home / file
    house.cli.json(*words, "--unsigned", "-o", path)
    return path


def signed(offline: CommandLine, path: Path, key: Path, name: str = "signed.json") -> Path:
    """The file signed with a key, by a command line without a cluster."""
    target = offline.home / name
    outcome = offline("tx", "sign", path, "-w", key, "-o", target, "--yes", "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    return target


def without_wallet(house: House) -> CommandLine:
    """The same command line on a computer without any key."""
    return CommandLine(house.cli.home, house.cli.open_transport)


def is_paused(house: House) -> bool:
    [run] = house.cli.json("list-runs")["runs"]
    return bool(run["state"] == "Paused")


def test_an_offline_computer_signs_what_another_exports_and_sends(house: House, offline: CommandLine) -> None:
    house.run()
    house.cli.json(*RESUME)
    online = without_wallet(house)
    owner = str(address_of(house.owner))
    path = house.cli.home / "pause.json"
    sent = house.chain.sent
    data = online.json(*PAUSE, "--authority", owner, "--unsigned", "-o", path)
    assert (data["fee_payer"], data["authority"], data["missing"], data["signatures"]) == (owner, owner, [owner], [])
    assert json.loads(path.read_text()) == data
    assert house.chain.sent == sent
    assert "simulateTransaction" in "".join(house.chain.requests)
    target = signed(offline, path, house.owner)
    sent_data = online.json("tx", "send", target)
    assert sent_data["already_so"] is False
    assert house.chain.sent == sent + 1
    assert is_paused(house)
    again = online.json("tx", "send", target)
    assert (again["already_so"], again["signature"]) == (True, sent_data["signature"])
    assert house.chain.sent == sent + 1
    [record] = [one for one in online.json("tx", "list", "--all")["transactions"] if one["label"] == "pause"]
    assert (record["state"], record["command"], record["run_id"], record["wallet"]) == (
        "landed",
        "set-paused",
        "test",
        owner,
    )
