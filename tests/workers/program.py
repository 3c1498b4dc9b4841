"""A worker program for tests: ``python -m tests.workers.program``. Its configuration says what it does."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from psyche_cli.workers.worker_side import Assignment, register


def say(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def main() -> int:
    assignment = Assignment.from_environment()
    config: dict[str, Any] = dict(assignment.config)
    if config.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if note := config.get("note"):
        Path(note).write_text(json.dumps({"pid": os.getpid(), "gpus": os.environ["CUDA_VISIBLE_DEVICES"]}))
    if config.get("never_register"):
        signal.pause()
    session = register(kind="test", assignment=assignment)
    for step in range(config.get("steps", 0)):
        say(type="step", step=step, loss=1 / (step + 1))
    if config.get("turns"):
        for turn in session.turns():
            say(type="step", step=turn.number, work=turn.kind == "work")
            session.report(turn.number, wake_at=turn.number * 10, has_work=turn.kind == "act", doing=turn.kind)
        sys.stderr.write(f"{session.end_reason}\n")
        return 0
    if config.get("paced"):
        session.pace.grant(0)
        step = 0
        while session.pace.wait_for_step():
            say(type="step", step=step)
            step += 1
        return 0
    if config.get("stay"):
        session.wait_for_end()
    if config.get("hang"):  # a live process that gives no sign of life
        os.kill(os.getpid(), signal.SIGSTOP)
    if config.get("print_only"):
        session.close()
        for step in range(1000, 1_000_000):
            say(type="step", step=step)
            time.sleep(config["print_only"])
    if message := config.get("stderr"):
        sys.stderr.write(message)
    if number := config.get("signal"):
        os.kill(os.getpid(), number)
    session.close()
    return int(config.get("exit", 0))


if __name__ == "__main__":
    sys.exit(main())
