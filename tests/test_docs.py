"""The documentation is complete: it covers every command, option, exit code and environment variable."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.cli.command_tree import root_command
from psyche_cli.cli.options import VARIABLES
from psyche_cli.cli.verbs import Verb
from psyche_cli.errors import ExitCode, error_classes

ROOT = Path(__file__).resolve().parent.parent
WRITER = runpy.run_path(str(ROOT / "scripts" / "write_command_docs.py"))
TABLE: list[tuple[tuple[str, ...], Verb]] = list(WRITER["verbs"]())
VERBS = [words for words, _ in TABLE]


def words_of(verb: tuple[str, ...]) -> str:
    return " ".join(verb)


def test_the_command_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == WRITER["reference"](), "run scripts/write_command_docs.py"


def test_the_pages_about_states_and_their_pictures_are_up_to_date() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "write_run_states.py"))["files"]()
    assert [path.suffix for path in written] == [".md", ".md", ".svg", ".svg", ".svg", ".svg"]
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, "run scripts/write_run_states.py"


@pytest.mark.parametrize("verb", VERBS, ids=words_of)
def test_every_command_has_help_and_an_example(verb: tuple[str, ...]) -> None:
    text = WRITER["help_text"](verb)
    *lines, last = text.splitlines()
    assert len(lines) > 4
    assert last.startswith(f"  Example: psyche-cli {words_of(verb)}")  # on one line, to be copied
    assert [line for line in lines if len(line) > 80 or re.search(r"\w-$", line)] == []  # no word is broken
    assert re.findall(r"<(?:str|int|float|path)\b|\{|\}", text) == []  # placeholders are names, not types
    arguments = re.sub(r"\w+=", "", text.partition("\n\n")[0].partition("[OPTIONS]")[2])
    assert arguments == arguments.upper()


@pytest.mark.parametrize("verb", [words for words, verb in TABLE if verb.runs], ids=words_of)
def test_every_command_is_in_the_readme(verb: tuple[str, ...]) -> None:
    assert f"`{words_of(verb)}`" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("words", "verb"), TABLE, ids=[words_of(words) for words in VERBS])
def test_the_summary_of_a_verb_is_the_first_line_of_its_help(words: tuple[str, ...], verb: Verb) -> None:
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
    for name, code in ExitCode.__members__.items():
        assert f"| {code.value} | {name} |" in text


def test_every_variable_is_shown_in_help() -> None:
    text = re.sub(r"\s+", " ", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"))
    for variable in VARIABLES.values():
        assert f"[env: {variable}]" in text


def test_the_diagram_of_the_error_classes_is_complete() -> None:
    import psyche_cli.errors

    drawn = psyche_cli.errors.__doc__ or ""

    diagram = re.search(r"^    PsycheError\n(?: +[│├└].*\n)+", drawn, re.MULTILINE)
    assert diagram
    rows = re.findall(r"^[ │├└─]+(\w+)(?: +(\d+)  )?", diagram[0], re.MULTILINE)
    kinds = error_classes()
    assert [name for name, _ in rows] == [kind.__name__ for kind in kinds]
    assert all(int(kind.exit_code) == int(code) for (_, code), kind in zip(rows, kinds, strict=True) if code)
    assert all(kind.__doc__ for kind in kinds)


def test_links_in_the_docs_are_not_broken() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_nothing_depends_on_files_outside_the_checkout() -> None:
    """No file refers to the shared folder outside the checkout."""
    suffixes = {".py", ".c", ".h", ".md", ".toml", ".json", ""}
    folders = ("psyche_cli", "idl", "configs", "programs", "scripts", "docs", "tests")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    assert len(paths) > 400
    named = re.compile(r"""\.\./shared|["']shared["']""")
    own = {path for path in paths if path.is_file() and not {"node_modules", "__pycache__"} & set(path.parts)}
    own.remove(Path(__file__))
    assert [path for path in own if named.search(path.read_text(encoding="utf-8", errors="replace"))] == []


FOLDERS = ("psyche_cli", "tests", "scripts", "docs", "configs", "idl", "programs", "changelog.d")
NAMED_PATH = re.compile(rf"(?<![\w./$-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*\w")
NAMED_FILE = re.compile(r"(?<![\w./$<*{-])[\w-]+\.(?:md)\b")
NAMED_MODULE = re.compile(r"``(?:psyche_cli\.)?([a-z_]+(?:\.[a-z_]+)+)``")
NOT_WRITTEN_YET = re.compile(r"your_verb|programs/(?:sbf|build)")


def prose() -> dict[Path, str]:
    """The texts of the project by file: Markdown pages, and modules with their docstrings and comments."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    modules = [path for folder in ("psyche_cli", "scripts") for path in (ROOT / folder).rglob("*.py")]
    return {path: path.read_text(encoding="utf-8") for path in (*pages, *modules)}


def test_files_mentioned_in_texts_exist() -> None:
    """Including files that are not linked, for example in docstrings."""
    names = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*")} | {p.name for p in ROOT.iterdir()}
    missing, named = [], 0
    for page, text in prose().items():
        named += len(NAMED_FILE.findall(text))
        for found in NAMED_PATH.findall(text):
            named += 1
            if not (ROOT / found).exists() and not NOT_WRITTEN_YET.search(found):
                missing.append(f"{page.relative_to(ROOT)}: {found}")
        missing += [f"{page.relative_to(ROOT)}: {name}" for name in NAMED_FILE.findall(text) if name not in names]
    assert named > 100
    assert not missing


def test_modules_mentioned_in_docstrings_exist() -> None:
    """For example, ``cluster.http`` is a module or a name defined in one."""
    rooms = {path.name for path in (ROOT / "psyche_cli").iterdir() if path.is_dir()}
    missing, named = [], 0
    for page, text in prose().items():
        for found in NAMED_MODULE.findall(text):
            parts = found.split(".")
            if parts[0] not in rooms:
                continue
            named += 1
            module = ROOT.joinpath("psyche_cli", *parts)
            inside = module.parent.with_suffix(".py")
            named_inside = inside.exists() and re.search(rf"\b{parts[-1]}\b", inside.read_text(encoding="utf-8"))
            if not (module.exists() or module.with_suffix(".py").exists() or named_inside):
                missing.append(f"{page.relative_to(ROOT)}: {found}")
    assert named > 5
    assert not missing
