"""Human-readable output: on a terminal it has colors and is folded; elsewhere, the text is plain and never wrapped."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.cli.app import main
from psyche_cli.cli.render import Renderer
from psyche_cli.environment import Environment, SystemClock
from psyche_cli.errors import ExitCode, UsageError
from psyche_cli.folding import cells
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult, Toned
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import environment_of
from tests.support.terminals import Terminal

SIGNATURE = "5" * 88
RESULT: OperationResult[Any] = OperationResult(
    "Done.",
    {"run_id": "x"},
    (("run", "x"), ("longer label", "y " * 60), ("signature", SIGNATURE), ("state", Toned("Paused", "caution", ", 3"))),
    warnings=("Careful: two of three.",),
)


def environment(stdout: io.StringIO, stderr: io.StringIO, variables: dict[str, str]) -> Environment:
    def no_network(url: str) -> Transport:
        raise AssertionError(url)

    return Environment(io.StringIO(), stdout, stderr, variables, Path("/nonexistent"), SystemClock(), no_network)


def shown(stream: io.StringIO, variables: dict[str, str], result: OperationResult[Any] = RESULT) -> str:
    Renderer(environment(stream, io.StringIO(), variables), command="x", as_json=False).result(result)
    return stream.getvalue()


def without_styles(text: str) -> str:
    for code in ("1", "2", "31", "32", "33", "0"):
        text = text.replace(f"\x1b[{code}m", "")
    assert "\x1b" not in text
    return text


PLAIN = (
    f"Done.\n  run           x\n  longer label  {'y ' * 60}\n  signature     {SIGNATURE}\n  state         Paused, 3\n"
)
FOLDED = f"""Done.
  run           x
  longer label  {" ".join("y" * 32)}
                {" ".join("y" * 28)}
  signature     {SIGNATURE[:64]}
                {SIGNATURE[64:]}
  state         Paused, 3
"""


@pytest.mark.parametrize("variables", [{}, {"TERM": "xterm", "COLUMNS": "40", "FORCE_COLOR": "1"}])
def test_elsewhere_the_text_is_bare_and_never_wrapped(variables: dict[str, str]) -> None:
    assert shown(io.StringIO(), variables) == PLAIN


def test_on_a_terminal_the_title_is_bold_labels_are_dim_and_states_are_colored() -> None:
    text = shown(Terminal(), {"TERM": "xterm"})
    assert text.startswith("\x1b[1mDone.\x1b[0m\n  \x1b[2mrun         \x1b[0m  x\n")
    assert text.endswith("  \x1b[33mPaused\x1b[0m, 3\n")
    assert without_styles(text) == FOLDED


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_a_terminal_without_colors_gets_bare_text(variables: dict[str, str]) -> None:
    assert shown(Terminal(), variables) == FOLDED


@pytest.mark.parametrize(("tone", "color"), [("good", 32), ("caution", 33), ("bad", 31)])
def test_a_meaning_keeps_its_color_where_it_is_folded(tone: str, color: int) -> None:
    start, end = f"\x1b[{color}m", "\x1b[0m"
    narrow: OperationResult[Any] = OperationResult("t", {}, (("l" * 12, Toned("a" * 30 + " b", tone, " c")),))  # type: ignore[arg-type]
    assert shown(Terminal(), {"COLUMNS": "42"}, narrow).splitlines()[1:] == [
        f"  \x1b[2m{'l' * 12}{end}  {start}{'a' * 26}{end}",
        f"{' ' * 16}{start}aaaa b{end} c",
    ]


def test_a_label_that_leaves_too_little_room_stands_alone() -> None:
    result: OperationResult[Any] = OperationResult("t", {}, (("short", "a"), ("x" * 57, "b"), ("y" * 90, "c")))
    text = without_styles(shown(Terminal(), {}, result))
    assert text == f"t\n  short  a\n  {'x' * 57}\n         b\n  {'y' * 78}\n  {'y' * 12}\n         c\n"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    wide = "漢字 " * 40 + "界" * 70
    result: OperationResult[Any] = OperationResult(
        wide, {}, (("run", wide), ("state", Toned("Paused", "caution", " " + wide)))
    )
    text = without_styles(shown(Terminal(), {"COLUMNS": str(columns)}, result))
    assert {cells(line) <= columns for line in text.splitlines()} == {True}
    assert "".join(text.split()).count("界") == 210


def test_errors_are_red_and_warnings_yellow_on_a_terminal() -> None:
    stderr = Terminal()
    shell = environment(io.StringIO(), stderr, {"TERM": "xterm"})
    renderer = Renderer(shell, command="x", as_json=False)
    renderer.result(RESULT)
    renderer.error(UsageError("No: really.", hint="Error: is only a word here."), ExitCode.USAGE)
    assert stderr.getvalue() == (
        "\x1b[33mWarning:\x1b[0m Careful: two of three.\n\x1b[31mError:\x1b[0m No: really.\n"
        "Hint: Error: is only a word here.\n"
    )
    stderr = Terminal()
    Renderer(environment(io.StringIO(), stderr, {"NO_COLOR": "1"}), command="x", as_json=False).result(RESULT)
    assert stderr.getvalue() == "Warning: Careful: two of three.\n"


def test_a_terminal_shows_a_signature_once(house: House) -> None:
    house.run()
    words = ["set-paused", "--run-id", "test", "--resume"]
    both = Terminal()
    assert main(words, environment_of(house.cli, {"NO_COLOR": "1"}).replaced(stdout=both, stderr=both)) is ExitCode.OK
    [sending] = [line for line in both.getvalue().splitlines() if line.startswith("Sending resume: ")]
    signature = sending.split()[-1]
    assert both.getvalue().count(signature) == 1
    assert "  transaction (resume)  landed in slot " in both.getvalue()
    assert ", fee 0.000005 SOL\n" in both.getvalue()


@pytest.mark.parametrize(
    ("terminals", "quiet"), [(("stdout",), False), (("stderr",), False), ((), False), (("stdout", "stderr"), True)]
)
def test_otherwise_the_signature_is_in_the_result(house: House, terminals: tuple[str, ...], quiet: bool) -> None:
    house.run()
    words = ["set-paused", "--run-id", "test", "--resume", *(["--quiet"] if quiet else [])]
    streams = {name: Terminal() if name in terminals else io.StringIO() for name in ("stdout", "stderr")}
    shell = environment_of(house.cli, {"NO_COLOR": "1"}).replaced(**streams)
    assert main(words, shell) is ExitCode.OK
    row = streams["stdout"].getvalue().replace("\n" + " " * 24, "").splitlines()[-1]
    assert row.startswith("  transaction (resume)  ")
    assert len(row.split()[-1]) > 80


@pytest.mark.parametrize("words", [("set-paused", "--run-id", "test"), ("set-paused", "--run-id", "none")])
def test_json_is_never_colored_or_folded(house: House, words: tuple[str, ...]) -> None:
    house.run()
    usual = environment_of(house.cli)
    stdout = Terminal()
    main([*words, "--output", "json"], usual.replaced(stdout=stdout))
    assert "\x1b" not in stdout.getvalue()


def test_states_and_reasons_are_colored_by_their_meaning(house: House, owner_address: str) -> None:
    house.run()
    stdout = Terminal()
    words = ["can-join", "--run-id", "test", "--address", owner_address]
    assert main(words, environment_of(house.cli).replaced(stdout=stdout)) is ExitCode.NO
    assert "\x1b[33mUninitialized\x1b[0m\n" in stdout.getvalue()
    assert "\x1b[31mThe run is" in stdout.getvalue()
    house.enter(RunState.ROUND_TRAIN)
    stdout = Terminal()
    assert main(["list-runs"], environment_of(house.cli).replaced(stdout=stdout)) is ExitCode.OK
    assert "\x1b[32mTraining\x1b[0m, epoch 0" in stdout.getvalue()
