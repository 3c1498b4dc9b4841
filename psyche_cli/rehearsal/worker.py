"""The worker program of a rehearsal: ``python -m psyche_cli.rehearsal.worker``, started by the worker daemon."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.errors import ExitCode, PsycheError
from psyche_cli.members.member import Member
from psyche_cli.redaction import Redactor
from psyche_cli.rehearsal.member_runner import MemberRunner, drawn_keys
from psyche_cli.rehearsal.settings import FOLDER_PREFIX, Settings
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.wallet import load_keypair_file
from psyche_cli.training.text import load_text
from psyche_cli.training.trainer import Trainer, open_trainer
from psyche_cli.workers.worker_side import Turn, WorkerSession, register

KIND: Final = "psyche-rehearsal"
_VALIDATOR_SECONDS: Final = 2.0
_CONNECT_SECONDS: Final = 5.0
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""The variables that limit the threads of numpy. Its matrices are small, and the members share the machine's cores."""


def main() -> int:
    """Run the member that the worker's configuration describes, and return the exit code."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    session = register(kind=KIND, schema_id="psyche-rehearsal-step", schema_version=1)
    try:
        settings = Settings.from_json(session.config.get("rehearsal", {}))
        transport = HttpTransport(settings.rpc_url)
        runner = open_runner(settings, transport)
        if settings.poll_seconds is None:
            Thread(target=_end_with_validator, args=(settings,), name="validator", daemon=True).start()
            _follow_turns(session, runner)
        else:
            _poll(session, runner, settings.poll_seconds)
    except PsycheError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code)
    finally:
        session.close()
    return 0 if runner.is_done else 1


def open_runner(settings: Settings, transport: HttpTransport) -> MemberRunner:
    """The runner of the member. Raises WalletError, UsageError."""
    wallet = load_keypair_file(settings.keypair, lambda _: None, Redactor())
    rpc = RpcClient(transport, SystemClock())
    keys = drawn_keys(f"{settings.seed} {settings.member}")
    authorizer = None if settings.authorizer is None else Pubkey.from_string(settings.authorizer)
    member = Member(rpc, wallet, settings.run_id, authorizer=authorizer, bloom_keys=keys)
    return MemberRunner(settings, member, _trainer(settings, member), emit=_emit, kill=_kill)


def _trainer(settings: Settings, member: Member) -> Trainer:
    if settings.trainer == "fake":
        from psyche_cli.rehearsal.fake_trainer import FakeTrainer

        return FakeTrainer(settings.seed)
    model: Any = member.look().account.model
    return open_trainer(settings.trainer, model, load_text(settings.text), settings.seed)


def _follow_turns(session: WorkerSession, runner: MemberRunner) -> None:
    for turn in session.turns():
        _take(session, runner, turn)
        if runner.is_done:
            return


def _take(session: WorkerSession, runner: MemberRunner, turn: Turn) -> None:
    report = runner.work() if turn.kind == "work" else runner.act()
    if report is not None:
        session.report(
            turn.number,
            wake_at=report.wake_at,
            has_work=report.has_work,
            doing=report.doing,
            details=report.details(),
        )


def _poll(session: WorkerSession, runner: MemberRunner, seconds: float) -> None:
    shown = ""
    while not session.has_ended and not runner.is_done:
        report = runner.act()
        if report is not None and report.has_work:
            report = runner.work()._replace(published=report.published, lied=report.lied)
        if report is not None and (report.published or report.doing != shown):
            shown = report.doing
            session.report(0, wake_at=report.wake_at, doing=report.doing, details=report.details())
        session.wait_for_end(seconds)


def _end_with_validator(settings: Settings) -> None:
    """Remove the folder of the rehearsal and end this process once the validator is gone.

    It ends with the command, also if that is killed and cannot remove anything.
    """
    url = urlsplit(settings.rpc_url)
    while True:
        time.sleep(_VALIDATOR_SECONDS)
        try:
            socket.create_connection((url.hostname or "", url.port or 0), _CONNECT_SECONDS).close()
        except ConnectionRefusedError:
            break
        except OSError:
            continue
    folder = settings.folder.parent
    if folder.name.startswith(FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
    sys.stderr.write("error: The validator of the rehearsal is gone.\n")
    sys.stderr.flush()
    os._exit(int(ExitCode.LOCALNET))


def _emit(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _kill() -> None:
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
