"""Write ``docs/json/`` (the JSON Schema of each command's output) and ``docs/errors.md`` from the code.

Tests check that both are up to date.
"""

from __future__ import annotations

from pathlib import Path

from psyche_cli.cli.render import json_text
from psyche_cli.cli.schemas import error_kinds, listed_schemas, schema

DOCS = Path(__file__).resolve().parent.parent / "docs"
ERRORS = DOCS / "errors.md"
HEAD = """\
# Error codes

With `--output json`, a failure has a code in `error.code`. Codes are stable: none is renamed or removed. The keys of
`error.context` are there where they are known; any error may also have `sent`, `signature`, `landed` and `logs`
(see [output.md](output.md)). The exact types are in [json/failure.json](json/failure.json), which
`psyche-cli schema failure` prints. This file is written by `scripts/write_json_schemas.py`.

| code | exit code | meaning | keys of the context |
|---|---:|---|---|
"""


def error_page() -> str:
    """The whole of ``docs/errors.md``."""
    rows = [
        f"| `{kind.code}` | {int(kind.exit_code)} | {kind.meaning} | {', '.join(f'`{key}`' for key in kind.keys)} |\n"
        for kind in error_kinds()
    ]
    return HEAD + "".join(rows)


def schema_files() -> dict[Path, str]:
    """Every file in ``docs/json`` with its text: what ``psyche-cli schema NAME`` prints."""
    files = {}
    for item in listed_schemas():
        described = schema(item["name"])
        assert described is not None, f"{item['name']} has no schema"
        files[DOCS / "json" / f"{item['name'].replace(' ', '-')}.json"] = json_text(described) + "\n"
    return files


if __name__ == "__main__":
    written = schema_files()
    for outdated in {*(DOCS / "json").glob("*.json")} - written.keys():
        outdated.unlink()
    (DOCS / "json").mkdir(exist_ok=True)
    for path, text in {**written, ERRORS: error_page()}.items():
        path.write_text(text, encoding="utf-8")
    print(f"wrote {len(written)} schemas and {ERRORS.name}")
