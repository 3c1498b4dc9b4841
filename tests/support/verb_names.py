"""The names of all verbs: those at the top, and those of ``localnet``."""

from __future__ import annotations

from psyche_cli.cli.verbs import SECTIONS

VERBS = [verb.name for section in SECTIONS for verb in section.verbs]
_GROUPS = {verb.name: verb.verbs for section in SECTIONS for verb in section.verbs}
LOCALNET = [verb.name for verb in _GROUPS["localnet"]]
