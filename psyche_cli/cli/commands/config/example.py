"""``psyche-cli config example``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from psyche_cli.cli.options import Argument, OutputFile, option
from psyche_cli.cli.sessions import plain
from psyche_cli.errors import UsageError
from psyche_cli.results import PlainText

if TYPE_CHECKING:
    from psyche_cli.cli.payloads import Example, ExampleList, WrittenExample
    from psyche_cli.environment import Environment


def _names(_: Environment, __: Mapping[str, Any]) -> list[str]:
    from psyche_cli.run_config.examples import list_examples

    return [example.name for example in list_examples()]


@plain(example="psyche-cli config example small-llama -o run.toml")
def command(
    name: Annotated[str, Argument(metavar="NAME", help="Name of the example; see --list.", values=_names)] = "minimal",
    *,
    output_file: OutputFile = None,
    show_list: Annotated[bool, option("--list", help="List the available examples with a short description.")] = False,
) -> PlainText[Any]:
    """Print an example run configuration, or write it to a new file.

    The example is commented TOML. Edit it, then pass it to update-config.
    """
    from psyche_cli.new_files import write_new_file
    from psyche_cli.run_config.examples import find_example, list_examples

    if show_list:
        if output_file is not None:
            raise UsageError("Cannot use --list together with --output-file.", hint="Omit one of them.")
        examples = list_examples()
        width = max((len(example.name) for example in examples), default=0)
        text = "\n".join(f"{example.name.ljust(width)}  {example.summary}" for example in examples)
        listed: ExampleList = {"examples": [{"name": example.name, "summary": example.summary} for example in examples]}
        return PlainText(text, listed)
    found = find_example(name)
    if output_file is not None:
        write_new_file(output_file, found.text(), what="the output file")
        written: WrittenExample = {"name": found.name, "summary": found.summary, "path": str(output_file)}
        return PlainText(f"Wrote the example {found.name} to {output_file}.", written)
    shown: Example = {"name": found.name, "summary": found.summary, "toml": found.text()}
    return PlainText(found.text(), shown)
