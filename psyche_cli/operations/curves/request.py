"""What ``curves`` is to show, from its options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from psyche_cli.curves.curve import WHATS, What
from psyche_cli.errors import UsageError
from psyche_cli.limits import U32_MAX
from psyche_cli.new_files import require_new_file
from psyche_cli.operations.curves.extras import require_package

Format: TypeAlias = Literal["csv", "json", "svg", "png", "tensorboard"]
"""The format of a file with curves."""

FILE: Final = "--output-file"
"""The name of the file in messages."""

_SUFFIXES: Final[dict[str, Format]] = {".csv": "csv", ".json": "json", ".svg": "svg", ".png": "png"}
_DIGITS: Final = 10


class Request(NamedTuple):
    """The run, the subjects of the curves, and the file to write.

    ``incarnation`` is None for the latest one. Curves are limited to the steps from ``first_step`` to ``last_step``.
    ``state_folder`` contains the history, which is brought up to date before if ``sync``.
    """

    run_id: str
    state_folder: Path
    what: tuple[What, ...] = WHATS
    incarnation: int | None = None
    first_step: int = 0
    last_step: int = U32_MAX
    sync: bool = True
    file: Path | None = None
    format: Format | None = None


def parse_request(
    run_id: str,
    state_folder: Path,
    *,
    what: str | None = None,
    steps: str | None = None,
    incarnation: int | None = None,
    sync: bool = True,
    file: Path | None = None,
    format: Format | None = None,
) -> Request:
    """The request of options. Raises UsageError, also if the package for a format is not installed."""
    first, last = (0, U32_MAX) if steps is None else _steps(steps)
    found = _format(file, format)
    if found is not None:
        require_package(found)
    if found is not None and file is not None:
        _check_new(file, found)
    return Request(run_id, state_folder, _whats(what), incarnation, first, last, sync, file, found)


def _whats(text: str | None) -> tuple[What, ...]:
    if text is None:
        return WHATS
    words = [word.strip() for word in text.split(",")]
    wrong = next((word for word in words if word not in WHATS), None)
    if wrong is not None:
        raise UsageError(f"There are no curves of {wrong!r}.", hint=f"--what is a list of: {','.join(WHATS)}")
    return cast("tuple[What, ...]", tuple(one for one in WHATS if one in words))


def _steps(text: str) -> tuple[int, int]:
    first, dash, last = (part.strip() for part in text.partition("-"))
    parts: Sequence[str] = (first, last) if dash else (first,)
    if not any(parts) or not all(_is_step(part) for part in parts if part):
        raise UsageError("--steps is not a range of steps.", hint="Use FIRST-LAST, FIRST- or -LAST, such as 100-200.")
    start, end = int(first or 0), int(last or U32_MAX) if dash else int(first)
    if start > end:
        raise UsageError(f"--steps ends before it begins: {start}-{end}.", hint="Use FIRST-LAST, such as 100-200.")
    return start, end


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _format(file: Path | None, given: Format | None) -> Format | None:
    if file is None:
        if given not in (None, "csv"):
            raise UsageError(
                f"--format {given} needs a file.",
                hint="Add --output-file FILE." if given != "json" else "For JSON on stdout, use --output json.",
            )
        return given
    found = given or _SUFFIXES.get(file.suffix.lower())
    if found is None:
        raise UsageError(
            f"The format of {file} is not known from its suffix.",
            hint="Use the suffix .csv, .json, .svg or .png, or --format.",
            path=str(file),
        )
    return found


def _check_new(path: Path, format: Format) -> None:
    if format != "tensorboard":
        require_new_file(path, what=FILE)
    elif not _is_new_folder(path):
        raise UsageError(
            f"{path} already exists and is not an empty folder.",
            hint="Choose another folder: files of several exports cannot be mixed.",
            path=str(path),
        )


def _is_new_folder(path: Path) -> bool:
    try:
        return not any(path.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        return False
