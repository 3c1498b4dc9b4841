"""Run ``psyche-cli localnet`` with slots of the given seconds."""

from __future__ import annotations

import sys

from psyche_cli.environment import Environment
from psyche_cli.localnet.foreground import run_in_foreground
from psyche_cli.localnet.local_validator import LocalnetOptions

if __name__ == "__main__":
    options = LocalnetOptions(rpc_port=0, slot_seconds=float(sys.argv[1]))
    run_in_foreground(Environment.of_this_process(), options, as_json=True, quiet=False)
