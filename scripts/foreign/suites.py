"""The published packages of Solana clients that ship tests against a validator."""

from __future__ import annotations

from typing import Final, NamedTuple


class PythonSuite(NamedTuple):
    """Tests in the source distribution of a Python package, run by pytest against a validator on given URLs."""

    name: str
    package: str
    version: str
    requires: tuple[str, ...]
    """What its tests need beside the package."""
    url_variables: tuple[str, str]
    """The environment variables for the URLs of JSON-RPC and of PubSub."""
    variables: tuple[tuple[str, str], ...] = ()


class RustSuite(NamedTuple):
    """Test programs in a published crate, each of which starts a validator with the crate solana-test-validator."""

    name: str
    package: str
    version: str
    programs: tuple[str, ...]
    options: tuple[str, ...] = ()
    """Options of cargo."""
    replaced: tuple[tuple[str, str, str], ...] = ()
    """Passages of its source that assume what the local validator does not have: file, passage, and replacement."""


_PYTEST: Final = ("asyncstdlib==3.14.0", "pytest==9.2.0", "pytest-asyncio==1.4.0", "pytest-timeout==2.4.0")
_SOLANA_PY: Final = ("SOLANA_VALIDATOR_EXTERNAL_RPC_URL", "SOLANA_VALIDATOR_EXTERNAL_WS_URL")
_EXTERNAL: Final = (("SOLANA_VALIDATOR_EXTERNAL", "1"),)
_FREE: Final = "if balance == $expected_balance {"
_PAID: Final = "if balance <= $expected_balance && $expected_balance - balance <= 200_000 {"
"""The tests of solana-cli ask for free transactions, which no command line option gives. Balances may be lower by what
a few transactions cost."""
_NEEDED: Final = (*_PYTEST, "pytest-xdist==3.8.0")

SUITES: Final[tuple[PythonSuite | RustSuite, ...]] = (
    PythonSuite("solana-py", "solana", "0.41.0", _NEEDED, _SOLANA_PY, _EXTERNAL),
    # The last version with a client that is not asynchronous, and with a WebSocket client that sends batches.
    PythonSuite("solana-py-sync", "solana", "0.39.0", _NEEDED, _SOLANA_PY, _EXTERNAL),
    RustSuite(
        "solana-cli",
        "solana-cli",
        "3.1.9",
        (
            "address_lookup_table",
            "cluster_query",
            "nonce",
            "program",
            "request_airdrop",
            "stake",
            "transfer",
            "validator_info",
            "vote",
        ),
        ("--no-default-features",),
        (("src/test_utils.rs", _FREE, _PAID),),
    ),
    RustSuite("spl-token-cli", "spl-token-cli", "5.5.0", ("command",)),
)
