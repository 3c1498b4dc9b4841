"""``config example`` through the command line."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.errors import ExitCode
from psyche_cli.run_config.examples import find_example, list_examples
from tests.cli.harness import CommandLine

EXAMPLE = ("config", "example")


def test_the_command_prints_the_file_itself(offline: CommandLine) -> None:
    assert offline(*EXAMPLE, "small-llama").stdout == find_example("small-llama").path.read_text(encoding="utf-8")
    assert offline(*EXAMPLE).stdout == offline(*EXAMPLE, "minimal.toml").stdout == find_example("minimal").text()
    found = find_example("small-llama")
    assert offline.json(*EXAMPLE, "small-llama") == {"name": found.name, "summary": found.summary, "toml": found.text()}


def test_the_command_lists_names(offline: CommandLine) -> None:
    lines = offline(*EXAMPLE, "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [example.name for example in list_examples()]
    listed = [{"name": example.name, "summary": example.summary} for example in list_examples()]
    assert offline.json(*EXAMPLE, "--list") == {"examples": listed}


def test_a_file_is_written_once(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    outcome = offline(*EXAMPLE, "small-llama", "-o", file)
    assert (outcome.stdout, outcome.stderr) == (f"Wrote the example small-llama to {file}.\n", "")
    assert file.read_text(encoding="utf-8") == find_example("small-llama").text()
    file.write_text("mine")
    again = offline(*EXAMPLE, "--output-file", file, "--output", "json")
    assert again.code is ExitCode.USAGE
    assert again.json["error"]["context"] == {"path": str(file)}
    assert file.read_text() == "mine"
