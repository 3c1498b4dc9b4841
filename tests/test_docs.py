"""The docs say what the tool does: every command, option, exit code and environment variable has its place."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.command_tree import root_command
from psyche_cli.commands import Verb
from psyche_cli.commands.options import VARIABLES
from psyche_cli.errors import ExitCode, PsycheError

ROOT = Path(__file__).resolve().parent.parent
WRITER = runpy.run_path(str(ROOT / "scripts" / "write_command_docs.py"))
TABLE: list[tuple[tuple[str, ...], Verb]] = list(WRITER["verbs"]())
VERBS = [words for words, _ in TABLE]


def words_of(verb: tuple[str, ...]) -> str:
    return " ".join(verb)


def test_the_command_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == WRITER["reference"](), "run scripts/write_command_docs.py"


@pytest.mark.parametrize("verb", VERBS, ids=words_of)
def test_every_command_has_help_an_example_and_a_place_in_the_readme(verb: tuple[str, ...]) -> None:
    text = WRITER["help_text"](verb)
    assert len(text.splitlines()) > 4
    assert f"Example: psyche-cli {words_of(verb)}" in re.sub(r"\s+", " ", text)
    assert f"`{words_of(verb)}`" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("words", "verb"), TABLE, ids=[words_of(words) for words in VERBS])
def test_the_table_of_verbs_says_what_help_says(words: tuple[str, ...], verb: Verb) -> None:
    first_paragraph = WRITER["help_text"](words).split("\n\n")[1]
    assert first_paragraph.strip() == f"{verb.summary}."


@pytest.mark.parametrize("verb", VERBS, ids=words_of)
def test_every_option_has_help(verb: tuple[str, ...]) -> None:
    command: Any = root_command()
    for word in verb:
        command = command.get_command(None, word)
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"| {code.value} | {code.name} |" in text


def test_every_variable_is_shown_in_help() -> None:
    text = re.sub(r"\s+", " ", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"))
    for variable in VARIABLES.values():
        assert f"[env: {variable}]" in text


def test_the_error_tree_is_drawn_in_full() -> None:
    import psyche_cli.errors

    drawn = psyche_cli.errors.__doc__ or ""

    def walk(kind: type[PsycheError]) -> None:
        assert re.search(rf"\b{kind.__name__}\b", drawn), kind
        assert kind.__doc__
        for child in kind.__subclasses__():
            walk(child)

    walk(PsycheError)


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_nothing_needs_what_users_do_not_have() -> None:
    """No file of the product names the founders' shared folder."""
    for folder in ("psyche_cli", "idl", "configs", "programs", "scripts", "docs"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in {".py", ".c", ".h", ".md", ".toml", ".json", ""}:
                assert "../shared" not in path.read_text(encoding="utf-8", errors="replace"), path
