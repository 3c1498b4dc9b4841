"""A command line that transfers files of runs with a service on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psyche_cli.errors import ExitCode
from psyche_cli.solana.wallet import Wallet
from psyche_cli.transport import Transport
from tests.cli.harness import CommandLine, Outcome, address_of
from tests.support.clocks import FastClock
from tests.support.file_service import MARK, FileService


class FileClient:
    """A command line with a wallet that the service accepts, and without any RPC endpoint."""

    def __init__(self, service: FileService, home: Path) -> None:
        self.service = service
        self.home = home
        self.wallet = home / "owner.json"
        Wallet.generate().write_keypair_file(self.wallet)
        service.owner = address_of(self.wallet)

        def refused(url: str) -> Transport:
            raise AssertionError(f"{url} must not be opened")

        variables = {"WALLET_PRIVATE_KEY_PATH": str(self.wallet), "PSYCHE_CLI_BASE_URL": service.base_url}
        self.cli = CommandLine(home, refused, variables, FastClock(per_reading=0.001))

    def words(self) -> tuple[object, ...]:
        """The command."""
        raise NotImplementedError

    def run(self, *words: object) -> Outcome:
        """Run the command with JSON output; nothing it prints contains a presigned URL."""
        outcome = self.cli(*self.words(), "--verbose", *words, "--output", "json")
        assert MARK not in outcome.stdout + outcome.stderr
        assert "X-Amz" not in outcome.stdout + outcome.stderr
        return outcome

    def data(self, *words: object) -> Any:
        """The data of a command that must succeed."""
        return self.run(*words).data

    def error(self, *words: object) -> Any:
        """The error of a command that must fail, but not with a bug."""
        outcome = self.run(*words)
        assert outcome.code not in (ExitCode.OK, ExitCode.INTERNAL), outcome.stderr
        return outcome.json["error"]
