"""Compilation of C for the Solana VM with the Clang of the ``ziglang`` package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .errors import BuildError

ZIG_VERSION = "0.15.2"

# -mcpu=v2: no 32-bit arithmetic, which has a different meaning in SBPF v0. -bpf-stack-size: the VM's stack frames are
# 4 KiB; a larger frame is a compile error. The committed programs depend on the optimization settings: do not change.
FLAGS = (
    *("-target", "bpfel-freestanding", "-mcpu=v2", "-std=c11", "-O2", "-g0"),
    *("-ffreestanding", "-fno-builtin", "-fno-jump-tables", "-fno-stack-protector", "-fno-sanitize=all"),
    *("-fwrapv", "-fno-strict-aliasing", "-ffunction-sections", "-fdata-sections"),
    *("-mllvm", "-bpf-stack-size=4096"),
    *("-Wall", "-Wextra", "-Werror"),
)


def check_compiler() -> None:
    """Raise ``BuildError`` unless this Python has the exact ``ziglang`` version that built the committed programs."""
    try:
        found = subprocess.run(
            [sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except subprocess.CalledProcessError as error:
        raise BuildError(
            f"this Python has no ziglang package: install it with `pip install ziglang=={ZIG_VERSION}`"
        ) from error
    if found != ZIG_VERSION:
        raise BuildError(
            f"found ziglang {found}, but the programs need {ZIG_VERSION}: `pip install ziglang=={ZIG_VERSION}`"
        )


def compile_c(source: Path, output: Path, *, include: Path, cache: Path) -> None:
    """Compile ``source`` into the object file ``output``; ``cache`` is a scratch folder for the compiler.

    Raises ``BuildError`` with the compiler's messages. Warnings are errors.
    """
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, f"-I{include}", "-c", str(source), "-o", str(output)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(f"{source.name} does not compile:\n{result.stderr.strip()}")
