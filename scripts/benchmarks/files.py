"""Transfers of a large file between the command line and a file service on this machine, beside those of curl."""

from __future__ import annotations

import os
import shutil
from itertools import count

from solders.pubkey import Pubkey

from scripts.benchmarks.shell import Shell
from scripts.benchmarks.table import Table, milliseconds
from tests.support.file_service import file_service

SIZE = 64 * 1024 * 1024
NAME = "weights.bin"
RUN = ("--run-id", "bench", "--quiet")


def measure(shell: Shell, table: Table, repeat: int) -> None:
    """Download and upload a file, each with curl first if it is installed."""
    table.section(f"transfers of a file of {SIZE // 1024 // 1024} MiB (ratio to curl)")
    owner = shell.cli("localnet", "new-wallet", "owner.json").strip()
    (shell.folder / NAME).write_bytes(os.urandom(SIZE))
    numbers = count()
    with file_service() as service:
        service.owner = Pubkey.from_string(owner)
        service.files[NAME] = (shell.folder / NAME).read_bytes()
        shell.variables |= {"WALLET_PRIVATE_KEY_PATH": "owner.json", "PSYCHE_CLI_BASE_URL": service.base_url}
        curl = shutil.which("curl")
        if curl is not None:
            fetch = (curl, "--silent", "--fail", "--output", "fetched")
            table.time("curl, download", milliseconds(lambda: shell.run(*fetch, service.presigned(NAME)), repeat))
        download = milliseconds(lambda: shell.cli("download-results", *RUN, "-o", f"results{next(numbers)}"), repeat)
        table.time("download-results, with SHA-256", download)
        if curl is not None:
            put = (curl, "--silent", "--fail", "--upload-file", NAME)
            table.time("curl, upload", milliseconds(lambda: shell.run(*put, service.presigned("sent")), repeat))

        def upload() -> None:
            with (shell.folder / NAME).open("r+b") as file:
                file.write(os.urandom(8))  # otherwise it would be skipped
            shell.cli("upload-data", *RUN, "--path", NAME)

        table.time("upload-data, with SHA-256", milliseconds(upload, repeat))
