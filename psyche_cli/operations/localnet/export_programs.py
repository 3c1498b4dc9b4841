"""Export of the compiled programs as files, for example for solana-test-validator."""

from __future__ import annotations

import hashlib
import shlex
import shutil
from pathlib import Path

from psyche_cli import resources
from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.operations.localnet.payloads import ExportedProgram, ProgramsData
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.results import OperationResult


def export_programs(folder: Path) -> OperationResult[ProgramsData]:
    """Copy the three stand-in programs to ``folder``.

    The result lists their ids, SHA-256 checksums and the flags for solana-test-validator. Raises LocalnetError, and
    UsageError if a private key was given as the folder.
    """
    refuse_key_as_path("the directory to write to", folder)
    programs = []
    details, flags = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, address in PSYCHE_PROGRAMS.items():
            target = folder / f"{name}.so"
            shutil.copyfile(resources.program_path(name), target)
            content = target.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            programs.append(ExportedProgram(name=name, id=str(address), path=str(target), sha256=digest))
            details.append((name, f"{address}  {len(content)} bytes  sha256 {digest}"))
            flags += ["--bpf-program", str(address), str(target)]
    except OSError as error:
        raise LocalnetError(f"Cannot write the programs to {folder}: {error.strerror}.", path=str(folder)) from error
    return OperationResult(
        summary=f"Wrote {len(programs)} programs to {folder}.",
        data=ProgramsData(programs=tuple(programs), solana_test_validator_flags=tuple(flags)),
        details=tuple(details),
        next_steps=(f"solana-test-validator --reset {shlex.join(flags)}",),
    )
