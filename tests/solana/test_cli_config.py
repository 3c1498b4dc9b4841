"""The configuration file of the Solana CLI."""

from __future__ import annotations

from pathlib import Path

import pytest

from psyche_cli.errors import UsageError
from psyche_cli.solana.cli_config import SolanaCliConfig, read_solana_cli_config

WRITTEN = """---
json_rpc_url: https://api.devnet.solana.com
websocket_url: ''
keypair_path: /home/user/.config/solana/id.json
address_labels:
  '11111111111111111111111111111111': System Program
  keypair_path: of a label
commitment: confirmed
"""


def read(folder: Path, content: str | bytes) -> SolanaCliConfig:
    path = folder / "config.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_solana_cli_config(path)


def test_a_file_written_by_solana_config_set(tmp_path: Path) -> None:
    config = read(tmp_path, WRITTEN)
    assert config.path == tmp_path / "config.yml"
    assert config[1:] == ("https://api.devnet.solana.com", None, "/home/user/.config/solana/id.json", "confirmed")


def test_encodings(tmp_path: Path) -> None:
    for content in (WRITTEN.encode("utf-8-sig"), WRITTEN.encode("utf-16"), WRITTEN.replace("\n", "\r\n").encode()):
        assert read(tmp_path, content) == read(tmp_path, WRITTEN)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("keypair_path: a b.json", "a b.json"),
        ("keypair_path:   a.json   # mine", "a.json"),
        ("keypair_path: a#b.json", "a#b.json"),
        ("keypair_path: prompt:?key=0/0", "prompt:?key=0/0"),
        ("keypair_path: 'it''s # here' # not here", "it's # here"),
        (r'keypair_path: "C:\\a\"b" # mine', r'C:\a"b'),
        ('"keypair_path" : a', "a"),
        ("keypair_path:", None),
        ("keypair_path: ~", None),
        ("keypair_path: null # none", None),
        ('keypair_path: ""', None),
        ("keypair_path: # nothing", None),
        ("  keypair_path: nested", None),
        ("keypair_path:a", None),
        ("# keypair_path: a", None),
        ("", None),
    ],
)
def test_values(tmp_path: Path, line: str, value: str | None) -> None:
    assert read(tmp_path, line).keypair_path == value


@pytest.mark.parametrize(
    "value", ["[a]", "{a: b}", "&a b", "*a", "!t a", "|", ">", "'a", '"a', r'"\u0041"', "'a' b", "a: b", "@a", "?"]
)
def test_other_yaml_is_refused_and_not_repeated(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"---\njson_rpc_url: {value}\n")
    path = tmp_path / "config.yml"
    assert caught.value.message == (
        f"Cannot use the Solana CLI configuration {path}: "
        "the value of json_rpc_url in line 2 is not plain or quoted text."
    )
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"commitment: max", "commitment must be one of processed, confirmed, finalized."),
        (b"commitment: confirmed\ncommitment: confirmed", "commitment occurs twice."),
        (b"\x80", "it is not a text file."),
    ],
)
def test_other_faults(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    assert caught.value.message.endswith(f": {reason}")


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file" / "none"):
        assert read_solana_cli_config(path) == SolanaCliConfig(path)
    with pytest.raises(UsageError, match="Is a directory"):
        read_solana_cli_config(tmp_path)
