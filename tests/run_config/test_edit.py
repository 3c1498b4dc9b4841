"""Changing numbers in the text of a TOML file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import tomli

from psyche_cli.run_config.edit import with_numbers
from tests.support.counts import repetitions

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

TEXT = """# a file
top = 1
[config]  # numbers
epoch_time = 60  # seconds
  "warmup_time"   =\t1_000
total_steps = 0x10
inner = { deep = 5, text = "epoch_time = 7" }
text = '''
warmup_time = 3
'''

[[many]]
epoch_time = 8
"""


def test_only_the_numbers_change() -> None:
    values = {"config.epoch_time": 90, "config.warmup_time": 2, "config.total_steps": 17, "config.inner.deep": 6}
    expected = (
        TEXT.replace("= 60  #", "= 90  #").replace("1_000", "2").replace("0x10", "17").replace("deep = 5", "deep = 6")
    )
    assert with_numbers(TEXT, values) == expected
    assert with_numbers(TEXT, {}) == TEXT


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_and_the_byte_order_mark_stay(mark: str) -> None:
    lines = TEXT.split("\n")
    for seed in range(repetitions(20)):
        pick = random.Random(seed)
        ends = ["\n" if "warmup_time = 3" in line else pick.choice(["\n", "\r\n"]) for line in lines[:-1]]
        text = mark + "".join(map("".join, zip(lines, [*ends, ""], strict=True)))
        expected = text.replace("= 60  #", "= 12345  #").replace("0x10", "1")
        assert with_numbers(text, {"config.epoch_time": 12345, "config.total_steps": 1}) == expected, seed


def test_forms_of_the_same_table() -> None:
    for text in (
        "config.epoch_time = 5",
        "config = { epoch_time = 5 }",
        "[config]\nepoch_time = 5",
        "['config']\n'epoch_time'=5",
    ):
        found = with_numbers(text, {"config.epoch_time": 6})
        assert found == text.replace("5", "6")
        assert tomli.loads(found) == {"config": {"epoch_time": 6}}


def test_a_key_that_is_not_there() -> None:
    with pytest.raises(KeyError, match=r"config\.nothing"):
        with_numbers(TEXT, {"config.nothing": 1})


def test_every_number_of_the_examples() -> None:
    for path in CONFIGS.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        for key, value in tomli.loads(text)["config"].items():
            found = tomli.loads(with_numbers(text, {f"config.{key}": value + 1}))
            assert found["config"][key] == value + 1
