"""The faults file: what it may contain, and what is reported about one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from psyche_cli.errors import ConfigurationError
from psyche_cli.rehearsal.faults import KINDS, Fault, FaultsSeen, parse_faults, random_faults
from tests.rehearsal.in_process import InProcessRehearsal

PATH = Path("faults.toml")


def parsed(text: str, members: int = 4) -> tuple[Fault, ...]:
    return parse_faults(text, PATH, members=members, seed=1)


def problems(text: str) -> list[tuple[str, str, int | None]]:
    with pytest.raises(ConfigurationError) as caught:
        parsed(text)
    return [(one["key"], one["rule"], one.get("line")) for one in caught.value.problems]


def test_all_kinds_are_read_in_the_order_of_the_file() -> None:
    text = """
[[fault]]
kind = "kill"
member = 2
at_step = 5

[[fault]]
kind = "slow"
member = 3
at_seconds = 40
seconds = 20
factor = 2.5

[[fault]]
kind = "lie"
member = 4
at_step = 3
how = "scaled"
"""
    assert parsed(text) == (
        Fault("kill", 2, at_step=5),
        Fault("slow", 3, at_seconds=40, seconds=20, factor=2.5),
        Fault("lie", 4, at_step=3, how="scaled"),
    )
    assert [one.text for one in parsed(text)] == [
        "member 2 is killed at step 5",
        "member 3 becomes 2.5 times slower after 40 s for 20 s",
        "member 4 lies (scaled) from step 3 on",
    ]


def test_an_empty_file_has_no_faults() -> None:
    assert parsed("") == ()


def test_random_faults_depend_only_on_the_seed() -> None:
    text = "[random]\ncount = 30\nseed = 7\nkinds = ['hang', 'slow']\nlast_step = 9\n"
    assert parsed(text) == parsed(text)
    assert parsed(text) != parsed(text.replace("seed = 7", "seed = 8"))
    assert parsed(text.replace("seed = 7", "")) == random_faults(
        30, members=4, seed=1, last_step=9, kinds=("hang", "slow")
    )
    assert {one.kind for one in parsed(text)} == {"hang", "slow"}
    assert all(2 <= (one.at_step or 0) <= 9 and 1 <= one.member <= 4 for one in parsed(text))
    assert all(one.kind not in ("kill", "late") for one in random_faults(500, members=2, seed=3) if one.member == 1)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kind = 'kil'", ("fault[1].kind", "UnknownVariant", 6)),
        ("member = 5", ("fault[1].member", "OutOfRange", 6)),
        ("member = 0", ("fault[1].member", "OutOfRange", 6)),
        ("member = 'two'", ("fault[1].member", "WrongType", 6)),
        ("factor = 2.0", ("fault[1].factor", "UnknownKey", 6)),
        ("seconds = 3", ("fault[1].seconds", "UnknownKey", 6)),
        ("how = 'scaled'", ("fault[1].how", "UnknownKey", 6)),
        ("how = 'scale'", ("fault[1].how", "UnknownVariant", 6)),
        ("at_seconds = 3", ("fault[1]", "MissingKey", 5)),
        ("at_steps = 3", ("fault[1].at_steps", "UnknownKey", 6)),
    ],
)
def test_problems_have_their_place(line: str, expected: tuple[str, str, int]) -> None:
    name = line.partition(" ")[0]
    rest = [one for one in ("kind = 'kill'", "member = 2", "at_step = 4") if not one.startswith(f"{name} ")]
    first = "[[fault]]\nkind = 'kill'\nmember = 1\nat_step = 1\n"
    assert problems("\n".join([first + "[[fault]]", line, *rest]))[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[fault]]\nkind='slow'\nmember=1\nat_step=1\n", ("fault[0].factor", "MissingKey", 1)),
        ("[[fault]]\nkind='slow'\nmember=1\nat_step=1\nfactor=1\n", ("fault[0].factor", "OutOfRange", 5)),
        ("[[fault]]\nkind='hang'\nmember=1\nat_step=1\nseconds=0\n", ("fault[0].seconds", "OutOfRange", 5)),
        ("[[fault]]\nkind='hang'\nmember=1\n", ("fault[0]", "MissingKey", 1)),
        ("[[fault]]\nmember=1\nat_step=1\n", ("fault[0].kind", "MissingKey", 1)),
        ("[fault]\nkind='hang'\n", ("fault", "WrongType", 1)),
        ("[[faults]]\nkind='hang'\n", ("faults", "UnknownKey", 1)),
        ("[random]\n", ("random.count", "MissingKey", 1)),
        ("[random]\ncount=1001\n", ("random.count", "OutOfRange", 2)),
        ("[random]\ncount=1\nkinds=[]\n", ("random.kinds", "WrongType", 3)),
        ("[random]\ncount=1\nkinds=['hang', 3]\n", ("random.kinds[1]", "UnknownVariant", 3)),
        ("kind = ", ("", "Syntax", None)),
    ],
)
def test_whole_files_that_are_wrong(text: str, expected: tuple[str, str, int | None]) -> None:
    assert problems(text)[0] == expected


def test_a_keypair_file_is_not_quoted() -> None:
    key = str(list(range(64)))
    with pytest.raises(ConfigurationError, match=r"faults\.toml is a keypair file, not a faults file") as caught:
        parsed(key)
    assert "63" not in str(caught.value.problems)


def test_a_fault_begins_at_a_step_or_a_time_and_ends_after_its_duration() -> None:
    seen = FaultsSeen((Fault("hang", 1, at_step=3, seconds=10), Fault("slow", 1, at_seconds=50, factor=2.0)), 1000)
    seen.look(2, 1005)
    assert seen.active("hang", 1005) is None
    seen.look(3, 1010)
    hang = seen.active("hang", 1010)
    assert hang is not None
    assert seen.until(hang) == 1020
    assert seen.active("hang", 1019) == hang
    assert seen.active("hang", 1020) is None
    assert seen.active("slow", 1049) is None
    seen.look(4, 1050)
    slow = seen.active("slow", 9999)
    assert slow is not None
    assert seen.until(slow) is None


def test_a_fault_of_a_member_that_was_killed_before_does_not_happen() -> None:
    kill, again, earlier = Fault("kill", 1, at_step=3), Fault("kill", 1, at_step=5), Fault("slow", 1, at_step=2)
    later, other = Fault("hang", 1, at_step=4), Fault("hang", 2, at_step=4)
    seen = FaultsSeen((kill, again, earlier, later, other), 1000)
    for step in range(6):
        seen.look(step, 1000 + step)
    happened = {fault: seen.happened_at(fault) for fault in (kill, again, earlier, later, other)}
    assert happened == {kill: 1003, again: None, earlier: 1002, later: None, other: 1004}


def test_the_example_of_the_documentation_has_every_kind_and_all_of_it_happens(tmp_path: Path) -> None:
    path = Path("docs/faults-example.toml")
    faults = parse_faults(path.read_text(), path, members=7, seed=1)
    assert {fault.kind for fault in faults[:-1]} == set(KINDS)
    rehearsal = InProcessRehearsal(tmp_path, members=7, faults=faults, check_percent=50)
    assert rehearsal.run() == "reached"
    assert [fault.text for fault in faults if rehearsal.faults.begun_at(fault) is None] == []
    assert all(len(found) == 1 for found in rehearsal.hashes().values())
