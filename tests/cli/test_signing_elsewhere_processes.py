"""Signing elsewhere as real processes: an offline computer, and two senders of the same file at once."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_processes import Shell
from tests.localnet.test_command import running
from tests.support.patience import PATIENCE

UNREACHABLE = "http://127.0.0.1:1"
RUN = ("--run-id", "test")


def test_an_offline_process_signs_and_two_processes_send_it_once(tmp_path: Path) -> None:
    online, offline = Shell(tmp_path / "online"), Shell(tmp_path / "offline", {"RPC": UNREACHABLE})
    for computer in (online, offline):
        computer.home.mkdir()
    key, unsigned, signed = (offline.home / "key.json", tmp_path / "unsigned.json", tmp_path / "signed.json")
    owner = offline.run("keygen", "new", "-o", key).stdout.split()[-1]
    with running(tmp_path) as validator:
        online.variables["RPC"] = validator.rpc_url
        online.run("airdrop", 50, owner)
        online.run("create-run", *RUN, "--authority", owner, "--unsigned", "-o", unsigned)
        offline.run("tx", "sign", unsigned, "-w", key, "-o", signed, "--yes")
        before = online.json("balance", owner)["lamports"]
        senders = [
            online.start("tx", "send", signed, "--state-dir", tmp_path / name, "--output", "json") for name in "ab"
        ]
        outputs = [sender.communicate(timeout=PATIENCE) for sender in senders]
        assert [sender.returncode for sender in senders] == [0, 0], outputs
        signatures = {json.loads(stdout)["data"]["signature"] for stdout, _ in outputs}
        assert len(signatures) == 1
        assert len(online.json("list-runs")["runs"]) == 1
        after = online.json("balance", owner)["lamports"]
        assert online.json("tx", "send", signed)["already_so"] is True
        assert online.json("balance", owner)["lamports"] == after < before
