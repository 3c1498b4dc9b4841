"""Arguments of the published ``run_authorizer`` recipe: ``rpc=URL grantor=FILE grantee=KEY``, or options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psyche_cli.errors import UsageError

_NAMES = ("rpc", "grantor", "grantee")


def parse_run_authorizer_arguments(settings: Sequence[str], options: Mapping[str, Any]) -> dict[str, str]:
    """The value of each ``name=value`` word. ``options`` are the values of the options with these names.

    Raises UsageError if the same setting is specified twice, or is empty.
    """
    given: dict[str, str] = {}
    for word in settings:
        name, equals, value = word.partition("=")
        if not equals or name not in _NAMES:
            raise UsageError(
                f"{word!r} is not a setting of run-authorizer.",
                hint="The settings are rpc=URL, grantor=FILE and grantee=PUBKEY, each at most once.",
            )
        if name in given or name in options:
            raise UsageError(
                f"{name} is specified twice.", hint="Specify each of rpc, grantor and grantee at most once."
            )
        given[name] = value
    for name, value in {**options, **given}.items():
        if not value:  # an unset shell variable must not authorize everyone
            raise UsageError(f"{name} is empty.", hint=f"Omit {name} to use its default.")
    return given
