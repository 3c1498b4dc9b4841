"""Create, fund and start a run until it is waiting for members, and inspect it, using only the command line.

Starts a local validator on free ports and works in a temporary folder, which is also the home directory of all
commands. Leaves no processes or files behind.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLI = Path(sys.executable).with_name("psyche-cli")
READY_SECONDS = 30


class Demo:
    """Runs commands with ``folder`` as the home directory and prints each command with its output, as in a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}

    def run(self, *words: str) -> str:
        """Run a psyche-cli command and return its output. Exits if it fails."""
        print(f"\n$ {shlex.join(('psyche-cli', *words))}", flush=True)
        command = [str(CLI), *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        print(done.stdout, end="", flush=True)
        if done.returncode != 0:
            sys.exit(f"The command failed with exit code {done.returncode}.")
        return done.stdout

    def set(self, **variables: str) -> None:
        """Set environment variables for all following commands."""
        print("\n$ export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items()))
        self.variables |= variables

    def start_validator(self, *words: str) -> tuple[subprocess.Popen[str], str]:
        """Start the local validator, wait until it is ready, and return its process and RPC URL."""
        ready_file = self.folder / "ready.json"
        command = ("localnet", "--rpc-port", "0", "--quiet", "--ready-file", str(ready_file), *words)
        print(f"\n$ {shlex.join(('psyche-cli', *command))} &", flush=True)
        process = subprocess.Popen([CLI, *command], cwd=ROOT, env=self.variables, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            sys.exit(f"The local validator exited with code {process.wait(READY_SECONDS)}.")
        print(line, end="", flush=True)
        return process, json.loads(ready_file.read_text(encoding="utf-8"))["data"]["rpc_url"]


def play(demo: Demo) -> None:
    """Run all commands in order."""
    owner = str(demo.folder / "owner.json")
    address = public_key_in(demo.run("localnet", "new-wallet", owner))
    validator, rpc = demo.start_validator("--airdrop", f"{address}=100")
    demo.set(RPC=rpc, WALLET_PRIVATE_KEY_PATH=owner, RUN_ID="demo")
    try:
        mint = public_key_in(demo.run("localnet", "new-mint", "--decimals", "6", "--amount", "1000000"))
        demo.run("join-authorization-create", "--permissionless")
        demo.run("create-run", "--treasurer-collateral-mint", mint, "--name", "Demo run")
        demo.run("update-config", "--config-path", "configs/minimal.toml")
        demo.run("treasurer-top-up-rewards", "--collateral-amount", "1000.25")
        demo.run("set-future-epoch-rates", "--earning-rate", "12.5", "--slashing-rate", "0")
        demo.run("set-paused", "--resume")
        demo.run("show")
        demo.run("explain")
    finally:
        validator.terminate()
        validator.wait(READY_SECONDS)


def public_key_in(text: str) -> str:
    """The first public key in the output of a command."""
    found = re.search(r"\b[1-9A-HJ-NP-Za-km-z]{32,44}\b", text)
    if found is None:
        sys.exit("The command did not print a public key.")
    return found[0]


def main() -> None:
    """Run the demo in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="psyche-demo-") as folder:
        play(Demo(Path(folder)))
    print("\nThe run is waiting for members. The validator was stopped and the temporary folder deleted.")


if __name__ == "__main__":
    main()
