"""The project's own commands against a validator whose slots end only after transactions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from solders.keypair import Keypair

from tests.localnet.test_command import environment, running
from tests.support.patience import PATIENCE


def test_the_same_change_is_made_again_and_again(tmp_path: Path) -> None:
    owner, wallet = Keypair(), tmp_path / "owner.json"
    wallet.write_text(owner.to_json())
    with running(tmp_path, "--slot-time", "0", "--quiet", "--airdrop", f"{owner.pubkey()}=100") as validator:
        settings = environment(tmp_path) | {
            "RPC": validator.rpc_url,
            "WALLET_PRIVATE_KEY_PATH": str(wallet),
            "RUN_ID": "z",
        }

        def psyche_cli(*words: str) -> str:
            ended = subprocess.run(
                [sys.executable, "-m", "psyche_cli", *words],
                env=settings,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert ended.returncode == 0, ended.stderr
            return ended.stdout

        psyche_cli("create-run")
        (tmp_path / "run.toml").write_text(psyche_cli("config", "example", "minimal"))
        psyche_cli("update-config", "--config-path", "run.toml")
        for words, done in 2 * [(("--resume",), "Resumed run z"), ((), "Paused run z")]:
            assert done in psyche_cli("set-paused", *words)
