"""The MMX registers of the CPU, which LiteSVM leaves in use after it has executed a program.

They are the registers of the x87 unit. While they are in use, its next operations result in NaN: those of numpy, for
example, in the same thread.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
from collections.abc import Callable
from typing import Final

_EMMS_AND_RETURN: Final = bytes.fromhex("0f77c3")
_MACHINES: Final = frozenset(("x86_64", "AMD64", "i386", "i686"))

_kept: Final = list[object]()
"""What keeps the memory of the code mapped."""


def _nothing() -> None:
    """For machines without MMX registers, and systems that forbid new code; LiteSVM then interprets programs."""


def _machine_code() -> Callable[[], None]:
    if platform.machine() not in _MACHINES or not hasattr(mmap, "PROT_EXEC"):
        return _nothing
    try:
        memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return _nothing
    memory[: len(_EMMS_AND_RETURN)] = _EMMS_AND_RETURN
    _kept.append(code := ctypes.c_char.from_buffer(memory))
    return ctypes.PYFUNCTYPE(None)(ctypes.addressof(code))


empty_mmx_registers: Final = _machine_code()
"""Empty the MMX registers of this thread. Takes about 0.1 microseconds."""
