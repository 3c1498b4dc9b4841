"""RPC URLs: validation, labels, and redaction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.errors import UsageError
from psyche_cli.solana.endpoints import (
    check_rpc_url,
    endpoint_label,
    is_loopback,
)


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("http://127.0.0.1:8899", "http://127.0.0.1:8899"),
        ("https://rpc.example/SECRET", "https://rpc.example"),
        ("https://rpc.example:443/v2/SECRET?api-key=SECRET#SECRET", "https://rpc.example:443"),
        ("https://SECRET:SECRET@rpc.example", "https://rpc.example"),
        ("https://SECRET@rpc.example:8443", "https://rpc.example:8443"),
        ("HTTPS://RPC.Example/SECRET", "https://rpc.example"),
        ("http://[::1]:8899/SECRET", "http://[::1]:8899"),
        ("ftp://host/SECRET", "ftp://host"),
        ("SECRET", "an invalid URL"),
        ("SECRET:SECRET@host", "an invalid URL"),
        ("https:///SECRET", "an invalid URL"),
        ("https://rpc.example:SECRET", "an invalid URL"),
        ("https://[SECRET", "an invalid URL"),
        ("", "an invalid URL"),
    ],
)
def test_labels_show_scheme_host_and_port_alone(url: str, label: str) -> None:
    assert endpoint_label(url) == label


@given(st.text(max_size=30))
def test_any_text_has_a_label(text: str) -> None:
    assert endpoint_label(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8899", "http://127.0.0.1:8899"),
        ('"http://127.0.0.1:8899"', "http://127.0.0.1:8899"),
        (' "https://rpc.example/key?a=b" ', "https://rpc.example/key?a=b"),
        ("localhost", "http://127.0.0.1:8899"),
        ("l", "http://127.0.0.1:8899"),
        ("devnet", "https://api.devnet.solana.com"),
        ("d", "https://api.devnet.solana.com"),
        ("testnet", "https://api.testnet.solana.com"),
        ("t", "https://api.testnet.solana.com"),
        ("mainnet-beta", "https://api.mainnet-beta.solana.com"),
        ('"m"', "https://api.mainnet-beta.solana.com"),
    ],
)
def test_accepted_urls_and_cluster_names(text: str, url: str) -> None:
    assert check_rpc_url(text) == url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The RPC URL is empty."),
        ('""', "The RPC URL is empty."),
        ("SECRET.example:8899", "The RPC URL must start with http:// or https://."),
        ("mainnet", "The RPC URL must start with http:// or https://."),
        ("D", "The RPC URL must start with http:// or https://."),
        ("ws://rpc.example/SECRET", "The RPC URL ws://rpc.example must have the scheme http or https."),
        ("http://", "The RPC URL has no host."),
        ("http:///SECRET", "The RPC URL has no host."),
        ("https://:8899", "The RPC URL has no host."),
        ("https://rpc.example:99999/SECRET", "The RPC URL has an invalid host or port."),
        ("https://rpc.example:0", "The RPC URL has port 0."),
        ("https://rpc.example:SECRET", "The RPC URL has an invalid host or port."),
        ("https://[SECRET", "The RPC URL has an invalid host or port."),
        ("https://rpc.example/a SECRET", "The RPC URL contains whitespace or control characters."),
        ("https://rpc.example/\x1bSECRET", "The RPC URL contains whitespace or control characters."),
        ("https://rpc.example/#SECRET", "The RPC URL https://rpc.example has a fragment (#...)."),
    ],
)
def test_impossible_urls_are_refused_without_showing_them(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_rpc_url(text)
    assert caught.value.message == message
    assert "localhost" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8899", True),
        ("http://127.1.2.3", True),
        ("http://127.example", False),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("https://rpc.example", False),
        ("https://localhost.example", False),
        ("http:", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
