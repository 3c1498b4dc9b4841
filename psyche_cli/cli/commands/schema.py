"""``psyche-cli schema``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import plain
from psyche_cli.cli.verbs import ALIASES
from psyche_cli.errors import UsageError
from psyche_cli.results import Document, PlainText

if TYPE_CHECKING:
    from psyche_cli.cli.payloads import SchemaList
    from psyche_cli.environment import Environment


def _next_words(_: Environment, before: Mapping[str, Any]) -> list[str]:
    """The words that may follow those of an incomplete name."""
    from psyche_cli.cli.schemas import listed_schemas

    words = [*(before["words"] or ())]
    names = [item["name"].split() for item in listed_schemas()]
    return list(
        dict.fromkeys(name[len(words)] for name in names if len(name) > len(words) and name[: len(words)] == words)
    )


@plain(example="psyche-cli schema set-paused")
def command(
    words: Annotated[
        list[str] | None,
        Argument(
            metavar="[COMMAND]",
            help="Command to describe, or failure, help or version. Without it, lists the schemas.",
            values=_next_words,
        ),
    ] = None,
) -> Any:
    """Print the JSON Schema of a command's output.

    The schema (draft 2020-12) describes stdout with --output json when the command succeeds. All commands share one
    schema for failures, named failure.
    """
    from psyche_cli.cli.schemas import listed_schemas, schema

    if not words:
        listed: SchemaList = {"schemas": listed_schemas()}
        return PlainText("\n".join(item["name"] for item in listed["schemas"]), listed)
    name = " ".join([*ALIASES.get(words[0], words[:1]), *words[1:]])
    found = schema(name)
    if found is None:
        raise UsageError(f"Schema {name!r} does not exist.", hint="To list the schemas: psyche-cli schema", name=name)
    return Document(found)
