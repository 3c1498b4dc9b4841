"""A new layout is a module and a row of a table: a layout made up here is decoded, listed, named and not written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from solders.account import Account

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.layouts import known, v1
from psyche_cli.protocol.layouts.derived import derived
from psyche_cli.protocol.layouts.kinds import Bytes32
from psyche_cli.protocol.programs import PUBLISHED
from tests.cli.conftest import House
from tests.cli.harness import CommandLine
from tests.cli.test_refusals import refused

NAME, SIZE, VERSION = "v9-made-up", 119_160 - 360 + 32, 9


@pytest.fixture(autouse=True)
def made_up_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout without metadata, and with 32 bytes before the nonce."""
    module = ModuleType("psyche_cli.protocol.layouts.v9_made_up")
    state = derived(v1.InstanceState, without=("metadata",), more=Bytes32)
    module.__dict__["CoordinatorImage"] = derived(v1.CoordinatorImage, state=state)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    row = known.Layout(NAME, "made up", SIZE, VERSION, has_rules_of_v1=True)
    monkeypatch.setattr(known, "LAYOUTS", (*known.LAYOUTS, row))


def account() -> bytes:
    image = known.layout_named(NAME).image()
    image.version = VERSION
    image.state.coordinator.run_id[:4] = list(b"test")
    image.state.more[:] = [3] * 32
    image.nonce = 77
    return account_discriminator("CoordinatorAccount") + bytes(image)


def test_it_is_decoded(offline: CommandLine, tmp_path: Path) -> None:
    assert len(account()) == SIZE
    file = tmp_path / "account.bin"
    file.write_bytes(account())
    [found] = json.loads(offline("decode", file).stdout)["accounts"]
    assert found["layout"] == NAME
    assert (found["content"]["nonce"], found["content"]["run_id"]) == (77, "test")
    assert found["content"]["setup"]["metadata"] is None
    [full] = json.loads(offline("decode", file, "--full").stdout)["accounts"]
    assert full["content"]["state"]["more"] == [3] * 32
    file.write_bytes(account()[:-1])
    assert f"{SIZE:,} bytes ({NAME})" in offline("decode", file).stderr  # known to the message about unknown ones


def test_it_is_listed_and_dumped_but_not_written(house: House) -> None:
    house.run()
    house.chain.dispatcher.context.bank.set_account(
        house.instance().coordinator_account, Account(10**9, account(), PUBLISHED.coordinator)
    )
    [run] = house.cli.json("list-runs")["runs"]
    assert (run["layout"], run["problem"]) == (NAME, None)
    assert house.dump()["coordinator_account"]["layout"] == NAME
    message = refused(house, ExitCode.ACCOUNT, "set-paused", "--run-id", "test")
    assert f"has layout {NAME} (made up): it writes only layout v1." in message
