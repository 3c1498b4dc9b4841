"""``--rpc`` given several times: one validator behind two proxies with faults of their own, and real command lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import House
from tests.cli.harness import SOL, CommandLine, Outcome
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy

OTHER_GENESIS = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
SURVEY = "getGenesisHash+getSlot"


@dataclass(frozen=True)
class Net:
    """Two endpoints of one validator, and a command line that uses both."""

    a: FaultyProxy
    b: FaultyProxy
    cli: CommandLine
    rpc_url: str

    def __call__(self, *words: object) -> Outcome:
        return self.cli(*words, "--rpc", self.a.url, "--rpc", self.b.url)

    def forget(self) -> None:
        self.a.methods.clear()
        self.b.methods.clear()


@pytest.fixture(scope="module")
def net_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    home = tmp_path_factory.mktemp("failover")
    key = Wallet.generate()
    key.write_keypair_file(home / "owner.json")
    genesis = Genesis(balances={key.address: 1000 * SOL})
    cli = CommandLine(home, HttpTransport, {"WALLET_PRIVATE_KEY_PATH": str(home / "owner.json")})
    with (
        LocalValidator(LocalnetOptions(genesis=genesis, rpc_port=0, first_slot=1000)) as validator,
        faulty_proxy(validator.rpc_url) as a,
        faulty_proxy(validator.rpc_url) as b,
    ):
        assert cli("create-run", "--run-id", "test", "--rpc", validator.rpc_url).code is ExitCode.OK
        yield Net(a, b, cli, validator.rpc_url)


@pytest.fixture
def net(net_of_module: Net) -> Net:
    for proxy in (net_of_module.a, net_of_module.b):
        proxy.fault, proxy.retry_after, proxy.lag, proxy.genesis = None, None, 0, None
    net_of_module.forget()
    return net_of_module


def test_the_first_endpoint_is_used_while_it_is_healthy(net: Net) -> None:
    assert net("json-dump-run", "--run-id", "test").code is ExitCode.OK
    assert net.a.methods == [SURVEY, "getMultipleAccounts", "getMultipleAccounts"]
    assert net.b.methods == [SURVEY]


@pytest.mark.parametrize(
    ("fault", "retry_after"), [(429, None), (429, 60), (503, None), (500, None), (403, None), ("disconnect", None)]
)
def test_commands_go_on_at_the_second_endpoint(net: Net, fault: int | str, retry_after: int | None) -> None:
    net.a.fault, net.a.retry_after = fault, retry_after
    for words in (("json-dump-run", "--run-id", "test"), ("join-authorization-create", "--permissionless")):
        assert net(*words).code is ExitCode.OK
    assert "getMultipleAccounts" not in net.a.methods


def test_a_command_that_sends_survives_an_endpoint_that_fails_in_the_middle(net: Net) -> None:
    def failing_after(proxy: FaultyProxy, method: str) -> Callable[[str], HttpTransport]:
        class Transport(HttpTransport):
            def send(self, body: bytes, *, timeout: float) -> bytes:
                answer = super().send(body, timeout=timeout)
                if method in proxy.methods[-1:]:
                    proxy.fault = "disconnect"
                return answer

        return Transport

    for rate, method in enumerate(("simulateTransaction+getGenesisHash", "sendTransaction", "getMultipleAccounts"), 1):
        net.a.fault = None
        net.forget()
        cli = CommandLine(net.cli.home, failing_after(net.a, method), net.cli.variables)
        words = ("set-future-epoch-rates", "--run-id", "test", "--earning-rate", rate, "--rpc", net.a.url)
        outcome = cli(*words, "--rpc", net.b.url)
        assert outcome.code is ExitCode.OK, outcome.stderr
        sent = net.a.methods.count("sendTransaction") + net.b.methods.count("sendTransaction")
        assert sent >= 1
        assert net.b.methods[-1] == "getTransaction"


def test_an_endpoint_that_stalls_is_left_after_a_few_seconds(net: Net) -> None:
    net.a.fault = "stall"
    assert net("balance").code is ExitCode.OK
    assert net.b.methods == [SURVEY, "getBalance"]


def test_an_endpoint_that_lags_is_named_and_not_used(net: Net) -> None:
    net.a.lag = 500
    outcome = net("json-dump-run", "--run-id", "test", "--verbose")
    assert outcome.code is ExitCode.OK
    assert outcome.stderr.count(f"Warning: {net.a.url} is ") == 1
    assert f"slots behind {net.b.url} and not used until it catches up." in outcome.stderr
    assert net.a.methods == [SURVEY]
    assert f"{net.b.url} getMultipleAccounts: " in outcome.stderr, "--verbose shows which endpoint responded"


def test_endpoints_of_different_clusters_are_refused_before_anything_is_sent(net: Net) -> None:
    net.b.genesis = OTHER_GENESIS
    for words in (("create-run", "--run-id", "mixed"), ("list-runs",)):
        outcome = net(*words, "--output", "json")
        assert outcome.code is ExitCode.USAGE
        assert "are endpoints of different clusters" in outcome.json["error"]["message"]
    assert {*net.a.methods, *net.b.methods} == {SURVEY}


def test_endpoints_that_all_fail_end_with_one_error_that_names_both(net: Net) -> None:
    net.a.fault = net.b.fault = "disconnect"
    outcome = net("list-runs", "--output", "json")
    assert outcome.code is ExitCode.NETWORK
    error = outcome.json["error"]
    assert net.a.url in error["message"] + error["hint"]
    assert net.b.url in error["message"] + error["hint"]


def test_the_same_endpoint_twice_is_one(net: Net) -> None:
    assert net.cli("balance", "--rpc", net.a.url, "-u", net.a.url).code is ExitCode.OK
    assert net.a.methods == ["getBalance"]


def test_options_replace_the_variable_which_is_a_single_url(net: Net) -> None:
    variables = {"RPC": net.b.url}
    assert net.cli("balance", "--rpc", net.a.url, variables=variables).code is ExitCode.OK
    assert (net.a.methods, net.b.methods) == (["getBalance"], [])
    assert net.cli("balance", variables=variables).code is ExitCode.OK
    assert net.b.methods == ["getBalance"]
    outcome = net.cli("balance", variables={"RPC": f"{net.a.url},{net.b.url}"})
    assert outcome.code is ExitCode.USAGE


def test_suggested_commands_repeat_every_endpoint_without_secrets(net: Net) -> None:
    secret = f"{net.b.url}/v1/KEY12345"
    words = ("set-paused", "--run-id", "nothing", "--rpc", net.a.url, "--rpc", secret, "-u", f"{secret}6")
    outcome = net.cli("create-run", *words[1:], "--verbose")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert f'--rpc {net.a.url} --rpc "$RPC" --rpc "$RPC2"' in outcome.stderr
    assert "KEY12345" not in outcome.stderr + outcome.stdout


def test_an_unsettled_transaction_is_resumed_at_the_other_endpoint(net: Net) -> None:
    class Vanishing(HttpTransport):
        """Loses the endpoint, and with it all responses, once a transaction was sent."""

        def send(self, body: bytes, *, timeout: float) -> bytes:
            answer = super().send(body, timeout=timeout)
            if "sendTransaction" in net.a.methods:
                raise KeyboardInterrupt
            return answer

    state = net.cli.home / "resumed"
    cli = CommandLine(net.cli.home, Vanishing, net.cli.variables)
    words = ("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "77", "--state-dir", state)
    assert cli(*words, "--rpc", net.a.url).code is ExitCode.INTERRUPTED
    net.a.fault = "disconnect"
    outcome = net("tx", "resume", "--state-dir", state, "--output", "json")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert [one["state"] for one in outcome.json["data"]["settled"]] == ["landed"]


def test_one_endpoint_imports_no_failover(house: House, tmp_path: Path) -> None:
    """The list of a read's imports (tests/imported_by_a_read.txt) has no module for several endpoints."""
    listed = (Path(__file__).parents[1] / "imported_by_a_read.txt").read_text()
    assert "psyche_cli.solana.rpc.requester" in listed
    assert "failover" not in listed
