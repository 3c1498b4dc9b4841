from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tomli

from psyche_cli.run_config.advice import ADVICE_NAMES
from psyche_cli.run_config.load import load_run_config
from psyche_cli.run_config.problems import FILE_PROBLEM_NAMES
from psyche_cli.run_config.reader import Reader
from psyche_cli.run_config.rules import CONFIG_RULES, RULE_NAMES
from psyche_cli.run_config.schema import (
    CONFIG,
    IGNORED_KEYS,
    LLM,
    RETIRED_KEYS,
    ROOTS,
    SERVER_KEYS,
    leaves,
)
from psyche_cli.run_config.types import Choice, Text

DOC = (Path(__file__).parents[2] / "docs" / "run-config.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```toml\n(.*?)```", DOC, flags=re.DOTALL)


def test_every_key_and_variant_is_documented() -> None:
    names = {name for root, kind in ROOTS.items() for path, _ in leaves(kind, root) for name in path.split(".")}
    for root, kind in ROOTS.items():
        for _, leaf in leaves(kind, root):
            if isinstance(leaf, Choice):
                names |= {variant.name for variant in leaf.variants}
    missing = [name for name in sorted(names) if not re.search(rf'[`".\[]{name}[`".\]]', DOC)]
    assert missing == []


def test_every_name_of_a_problem_is_documented() -> None:
    names = (*RULE_NAMES, *FILE_PROBLEM_NAMES, *ADVICE_NAMES, "IgnoredKey", "DataIndex")
    assert [name for name in names if f"`{name}`" not in DOC] == []
    keys = (*SERVER_KEYS, *IGNORED_KEYS, *(key.removeprefix("config.") for key in RETIRED_KEYS))
    assert [key for key in keys if f"`{key}`" not in DOC] == []


def test_every_row_of_config_has_type_and_rule() -> None:
    for field in CONFIG.fields:
        (row,) = [line for line in DOC.splitlines() if line.startswith(f"| `{field.key}` | ")]
        assert f"| {field.type.name} |" in row
        for bound in CONFIG_RULES:
            if bound.key == field.key:
                assert f"(`{bound.rule}`)" in row
                limit = f"`{bound.limit}`" if isinstance(bound.limit, str) else str(bound.limit)
                assert f"{bound.relation} {limit}" in row


def test_every_row_of_the_model_has_its_type() -> None:
    for path, leaf in leaves(LLM, "LLM"):
        key = path.rpartition(".")[2]
        rows = [line for line in DOC.splitlines() if line.startswith("|") and f"`{key}`" in line]
        assert rows, path
        if isinstance(leaf, Text):
            assert any(f"{leaf.capacity} bytes" in row for row in rows), path
        elif not isinstance(leaf, Choice) and key not in ("Seeded",) and "lr_schedule" not in path:
            assert any(leaf.name in row for row in rows), path


def test_every_snippet_holds_only_good_values() -> None:
    assert len(SNIPPETS) >= 8
    for snippet in SNIPPETS:
        document: dict[str, Any] = tomli.loads(snippet)
        reader = Reader()
        for name, value in document.items():
            reader.read(ROOTS[name], value, name)
        assert [problem for problem in reader.problems if problem.rule != "MissingKey"] == []


def test_the_complete_file_passes_all_checks(tmp_path: Path) -> None:
    complete = [snippet for snippet in SNIPPETS if {"config", "model"} <= tomli.loads(snippet).keys()]
    assert len(complete) == 1
    path = tmp_path / "run.toml"
    path.write_text(complete[0], encoding="utf-8")
    assert load_run_config(path).warnings == ()
