"""``psyche-cli config-example``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import plain
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.cli.payloads import Example, ExampleList


@plain(example="psyche-cli config-example small-llama > new-run.toml")
def command(
    name: Annotated[str, typer.Argument(help="Name of the example; see --list.")] = "minimal",
    *,
    show_list: Annotated[bool, option("--list", help="List the available examples with a short description.")] = False,
) -> PlainText[Any]:
    """Print an example run configuration.

    The output is commented TOML. Write it to a new file, edit the file, and pass it to update-config.
    """
    from psyche_cli.run_config.examples import find_example, list_examples

    if show_list:
        examples = list_examples()
        width = max((len(example.name) for example in examples), default=0)
        text = "\n".join(f"{example.name.ljust(width)}  {example.summary}" for example in examples)
        listed: ExampleList = {"examples": [{"name": example.name, "summary": example.summary} for example in examples]}
        return PlainText(text, listed)
    found = find_example(name)
    shown: Example = {"name": found.name, "summary": found.summary, "toml": found.text()}
    return PlainText(found.text(), shown)
