"""All state machines, by name."""

from __future__ import annotations

from typing import Final

from psyche_cli.lifecycle.crynux_task import CRYNUX_TASK
from psyche_cli.lifecycle.machine import Machine
from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN, PSYCHE_RUN_OLDER
from psyche_cli.lifecycle.worker import WORKER

MACHINES: Final[dict[str, Machine]] = {
    machine.name: machine for machine in (PSYCHE_RUN, PSYCHE_RUN_OLDER, CRYNUX_TASK, WORKER)
}
