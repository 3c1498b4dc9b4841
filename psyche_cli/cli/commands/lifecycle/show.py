"""``psyche-cli lifecycle show``."""

from __future__ import annotations

from typing import Annotated, Literal

from psyche_cli.cli.lifecycle_options import MachineName, state_names
from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.results import Result


@plain(example="psyche-cli lifecycle show psyche-run --format mermaid")
def command(
    call: Call,
    *,
    machine: MachineName,
    shape: Annotated[
        Literal["table", "mermaid", "dot", "svg", "json"],
        option(
            "--format",
            help="Tables; a Mermaid, Graphviz DOT or SVG diagram; or the same as --output json.",
            case_sensitive=False,
        ),
    ] = "table",
    state: Annotated[
        str | None, option("--state", metavar="STATE", help="Highlight this state.", values=state_names)
    ] = None,
) -> Result:
    """Show the states and transitions of a state machine."""
    from psyche_cli.operations.lifecycle.describe import Format, show_machine

    output = call.environment.output
    if shape == "json":
        output.format = output.format if output.as_json else "json"
        shape = "table"
    return show_machine(machine, width=call.environment.columns, shape=Format(shape), highlighted=state)
