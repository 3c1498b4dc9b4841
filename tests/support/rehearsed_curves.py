"""The curves of a rehearsal, read by the command line from its local validator before that is stopped."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from solders.pubkey import Pubkey

from psyche_cli.cli.app import main
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.operations.rehearsal import rehearse as operation
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.rehearsal.setup import own_validator
from psyche_cli.solana.rpc.http import HttpTransport
from tests.support.rehearsal_environment import rehearsal_environment


def rehearse_and_then(folder: Path, wanted: Request, then: Callable[[str], None]) -> RehearsalData:
    """Rehearse a run, and call ``then`` with the RPC URL of its validator when it has ended."""

    @contextmanager
    def kept_validator(owner: Pubkey, members: list[Pubkey], log: Path) -> Iterator[LocalValidatorProcess]:
        with own_validator(owner, members, log) as validator:
            yield validator
            then(validator.rpc_url)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(operation, "own_validator", kept_validator)
        return operation.rehearse(rehearsal_environment(folder), wanted, lambda _: None).data


def call(folder: Path, *arguments: str, columns: int = 80) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a command with ``folder`` as its home, over real HTTP."""
    stdout, stderr = io.StringIO(), io.StringIO()
    variables = {"COLUMNS": str(columns)}
    environment = Environment(io.StringIO(), stdout, stderr, variables, folder, SystemClock(), HttpTransport)
    code = main(arguments, environment)
    return int(code), stdout.getvalue(), stderr.getvalue()
