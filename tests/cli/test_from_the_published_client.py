"""The migration guide: its command lines parse, every command of the published client is in it, what is missing is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import pytest
from solders.keypair import Keypair

from psyche_cli.cli.command_line import CommandLine as Reader
from psyche_cli.cli.command_tree import Group, root_command
from psyche_cli.environment import Environment
from psyche_cli.errors import UsageError
from psyche_cli.transport import Transport
from tests.cli.harness import CommandLine, environment_of

PAGE: Final = (Path(__file__).parents[2] / "docs" / "from-the-published-client.md").read_text(encoding="utf-8")

PUBLISHED: Final = (
    "create-run",
    "close-run",
    "update-config",
    "set-paused",
    "set-future-epoch-rates",
    "checkpoint",
    "tick",
    "join-authorization-create",
    "join-authorization-delegate",
    "join-authorization-delete",
    "join-authorization-read",
    "treasurer-claim-rewards",
    "treasurer-top-up-rewards",
    "can-join",
    "list-runs",
    "json-dump-run",
    "json-dump-user",
    "download-results",
    "upload-data",
)
"""The commands of the published client."""

KEY: Final = str(Keypair.from_seed(bytes(range(32))).pubkey())
VALUES: Final = {
    "ID": "my-run",
    "PUBKEY": KEY,
    "MINT": KEY,
    "VERSION": "v1",
    "FILE": "file",
    "DIR": "folder",
    "URL": "http://127.0.0.1:8899",
    "STEP": "100",
    "N": "3",
    "RATE": "12.5",
    "AMOUNT": "1000.25",
    "REPO": "owner/model",
    "REVISION": "main",
    "SIGNATURE": "5" * 88,
}
"""A valid value of each placeholder."""

CODE: Final = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SPANS: Final = re.findall(r"`(psyche-cli [^`]+)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL))
SCRIPTED: Final = [line.strip() for block in CODE for line in re.findall(r"psyche-cli [^|;)>&\n]+", block)]
"""Command lines in the example scripts, up to a pipe or the end of the command."""


def environment(home: Path) -> Environment:
    def no_network(url: str) -> Transport:
        raise AssertionError(f"parsing must not connect to {url}")

    return environment_of(CommandLine(home, no_network), {"RUN_ID": "my-run"})


def words_of(line: str) -> list[str]:
    """The arguments of a command line, with a value for each placeholder."""
    words = shlex.split(line)[1:]
    assert {word for word in words if re.fullmatch(r"[A-Z_]+", word)} <= set(VALUES), "a placeholder without a value"
    return [re.sub(r"(?<==)[A-Z_]+$|^[A-Z_]+$", lambda found: VALUES[found[0]], word) for word in words]


@pytest.mark.parametrize("line", sorted({line for line in (*SPANS, *SCRIPTED) if line != "psyche-cli --version"}))
def test_command_lines_parse(line: str, tmp_path: Path) -> None:
    reader = Reader(words_of(line), environment(tmp_path))
    reader.read()
    assert line.removeprefix("psyche-cli ").startswith(reader.command)
    assert reader.call().values is not None


def test_the_page_has_command_lines() -> None:
    assert len(SPANS) > 50
    assert len(SCRIPTED) > 6


def test_a_line_that_does_not_parse_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Reader(words_of("psyche-cli tick -r ID --count RATE"), environment(tmp_path)).read()
    with pytest.raises(UsageError):
        Reader(words_of("psyche-cli close-run -r ID --dry"), environment(tmp_path)).read()


@pytest.mark.parametrize("verb", PUBLISHED)
def test_every_command_of_the_published_client_is_described(verb: str) -> None:
    rows = re.findall(rf"^\| `run-manager {verb}\b[^`]*` \| (.+?) \|", PAGE, re.MULTILINE)
    assert rows
    for ours in rows:
        assert ours.startswith(f"`psyche-cli {verb} ")


def test_the_other_way_round_no_row_is_of_an_unknown_command() -> None:
    assert set(re.findall(r"^\| `run-manager ([a-z][\w-]*)", PAGE, re.MULTILINE)) == set(PUBLISHED)


def test_what_is_not_supported_yet_is_not() -> None:
    """Fails when one of them is added: then move it out of the table."""
    table = PAGE.partition("## Not supported yet")[2].partition("\n## ")[0]
    first_cells = " ".join(re.findall(r"^\| (.+?)(?: \(| \|)", table, re.MULTILINE))
    missing = set(re.findall(r"`(-*[a-z][a-z-]+)`", first_cells))
    assert "hardware wallets" in first_cells
    assert missing & everything(root_command()) == set()


def everything(group: Group) -> set[str]:
    """The names of all verbs of a group, and of their options, except for those of the local validator."""
    found: set[str] = set()
    for verb in group.verbs:
        if verb.name == "localnet":
            continue  # it has a --timeout
        command = group.load(verb)
        found |= {verb.name, *(flag for parameter in command.params for flag in parameter.opts)}
        found |= everything(command) if isinstance(command, Group) else set()
    return found
