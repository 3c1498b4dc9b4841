"""One module per verb: reads its options, calls one function of ``operations``, returns the result.

A module is named as its verb and has ``command`` and ``EXAMPLE``, or is a group of verbs and has ``app``.
"""

from typing import Final

VERBS: Final = (
    "join-authorization-create",
    "run-authorizer",
    "create-run",
    "update-config",
    "set-paused",
    "set-future-epoch-rates",
    "treasurer-top-up-rewards",
    "json-dump-run",
    "json-dump-user",
    "config-example",
    "localnet",
)
"""Every verb, in the order of a run's life."""
