"""Writes run files, the inverse of ``load``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from psyche_cli.printable import printable
from psyche_cli.run_config.differences import as_stored
from psyche_cli.run_config.write import quoted_text, to_toml
from psyche_cli.run_file.schema import VERSION
from psyche_cli.run_file.wanted import WantedRun

_TOML_INTEGER_MAX: Final = 2**63 - 1


def run_file_toml(wanted: WantedRun, *, comment: Sequence[str] = (), ascii_only: bool = False) -> str:
    """The TOML text of a run file with the configuration in it. ``load.parse_run_file`` reads the same run from it.

    ``comment`` is a list of comment lines at the top. With ``ascii_only``, all non-ASCII characters are escaped.
    """
    lines = [*_comment(comment, ascii_only), *_top(wanted, ascii_only)]
    for title, values in _tables(wanted):
        if values:
            lines += ["", title, *(f"{key} = {_value(value, ascii_only)}" for key, value in values.items())]
    if wanted.config is not None and wanted.model is not None:
        # Rounded first: the digits of an f32 are those that identify it among the values of 32 bits.
        model = as_stored(wanted.model, "model")
        lines += ["", to_toml(wanted.config, model, ascii_only=ascii_only).rstrip("\n")]
    return "\n".join(lines) + "\n"


def _comment(comment: Sequence[str], ascii_only: bool) -> Iterator[str]:
    for line in comment:
        text = printable(line)
        yield "# " + (text.encode("ascii", errors="replace").decode() if ascii_only else text)
    if comment:
        yield ""


def _top(wanted: WantedRun, ascii_only: bool) -> Iterator[str]:
    values = {"run_id": wanted.run_id, "state": wanted.state, "client_version": wanted.client_version}
    yield f"version = {VERSION}"
    for key, value in values.items():
        if value is not None:
            yield f"{key} = {_value(value, ascii_only)}"
    if wanted.resets_checkpoint:
        yield "reset_checkpoint = true"
    if wanted.start_step is not None:
        yield f"start_step = {wanted.start_step}"


def _tables(wanted: WantedRun) -> Iterator[tuple[str, dict[str, Any]]]:
    """The header and the values of each table; a table without values is omitted."""
    join, treasurer, funding = wanted.join, wanted.treasurer, wanted.funding
    yield "[metadata]", dict(wanted.metadata)
    unlisted = "deactivate" if join.deactivates_unlisted else None
    yield "[join]", _given(authority=join.authority, everyone=join.everyone, unlisted=unlisted)
    for one in join.authorizations:
        yield "[[join.authorizations]]", _given(grantee=one.grantee, delegates=one.delegates)
    if treasurer is not None:
        yield "[treasurer]", _given(mint=treasurer.mint, index=treasurer.index)
    yield "[rewards]", _given(earning_rate=wanted.earning_rate, slashing_rate=wanted.slashing_rate)
    if funding is not None:
        yield "[funding]", _given(**vars(funding))


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _value(value: Any, ascii_only: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value <= _TOML_INTEGER_MAX:
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(one, ascii_only) for one in value) + "]"
    return quoted_text(str(value), ascii_only=ascii_only)
