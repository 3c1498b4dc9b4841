"""The sources of each program, and the ``scripts/build-programs`` command."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .compiler import check_compiler, compile_c
from .errors import BuildError
from .linker import Program, link
from .objects import ObjectFile, read_object

SOURCES = Path(__file__).resolve().parent.parent
OUTPUT = SOURCES.parent / "psyche_cli" / "localnet" / "programs"
PROGRAMS = ("coordinator", "authorizer", "treasurer")
SHARED = ("sdk", "protocol")  # compiled once, linked into every program; unreachable code is omitted


def build_programs(names: Sequence[str] = PROGRAMS) -> dict[str, Program]:
    """Compile and link the named programs. Raises ``BuildError``."""
    check_compiler()
    folders = (*SHARED, *names)
    sources = [source for folder in folders for source in sorted((SOURCES / folder).glob("*.c"))]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        images = dict(zip(sources, workers.map(lambda source: _compile(source, Path(scratch)), sources), strict=True))
    return {name: link(_objects(images, (*SHARED, name))) for name in names}


def _compile(source: Path, scratch: Path) -> bytes:
    output = scratch / f"{source.parent.name}-{source.stem}.o"
    compile_c(source, output, include=SOURCES, cache=scratch / "cache")
    return output.read_bytes()


def _objects(images: dict[Path, bytes], folders: Sequence[str]) -> list[ObjectFile]:
    """Newly parsed objects of these folders: the linker modifies them, so they cannot be shared between programs."""
    return [
        read_object(f"{source.parent.name}/{source.name}", image)
        for source, image in images.items()
        if source.parent.name in folders
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the programs into the package, or with ``--check`` compare the committed ones with a rebuild."""
    parser = argparse.ArgumentParser(prog="build-programs", description="Build the on-chain programs from programs/.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a committed program differs from its sources"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help="folder of the .so files")
    options = parser.parse_args(arguments)
    try:
        programs = build_programs()
    except BuildError as error:
        sys.stderr.write(f"build-programs: {error}\n")
        return 1
    differing = 0
    for name, program in programs.items():
        path: Path = options.output / f"{name}.so"
        digest = hashlib.sha256(program.image).hexdigest()[:16]
        parts = f"code {program.code_size}, constants {program.constants_size}"
        sys.stdout.write(f"{name}.so  {len(program.image):6} bytes  ({parts})  sha256 {digest}\n")
        if options.check:
            committed = path.read_bytes() if path.exists() else b""
            if committed != program.image:
                differing += 1
                sys.stderr.write(f"build-programs: {path.name} ({len(committed)} bytes) differs from its sources\n")
        else:
            options.output.mkdir(parents=True, exist_ok=True)
            path.write_bytes(program.image)
    if differing:
        sys.stderr.write("build-programs: run scripts/build-programs and commit the result\n")
    return 1 if differing else 0
