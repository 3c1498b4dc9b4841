"""Every error of a command that sends transactions reports whether anything was sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.cli.app import environment_of_this_process
from psyche_cli.errors import ExitCode, HttpStatusError, Unreachable
from psyche_cli.operations.signing import signing_session
from psyche_cli.solana.sending.sender import WRITING_SECONDS
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, environment_of, methods_of
from tests.cli.test_life import largest_config


class Failing:
    """Raises ``fault`` instead of answering requests for which ``when`` (method, number of previous calls) is true.

    With ``executes``, the validator executes the request first.
    """

    def __init__(
        self, inner: Transport, fault: BaseException, when: Callable[[str, int], bool], *, executes: bool = False
    ) -> None:
        self._inner, self._fault, self._when, self._executes = inner, fault, when, executes
        self._seen: list[str] = []

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        method = methods_of(body)[0]
        fails = self._when(method, self._seen.count(method))
        self._seen.append(method)
        if not fails or self._executes:
            answer = self._inner.send(body, timeout=timeout)
        if fails:
            raise self._fault
        return answer

    def close(self) -> None:
        self._inner.close()


def a_panic() -> BaseException:
    """Like the panic exception of solders, which is not an Exception."""
    try:
        Pubkey.find_program_address([bytes(33)], Pubkey.default())
    except BaseException as panic:
        return panic
    raise AssertionError("nothing was raised")


def failing(
    house: House, fault: BaseException, when: Callable[[str, int], bool], *, executes: bool = False
) -> CommandLine:
    return CommandLine(
        house.cli.home,
        lambda url: Failing(house.chain.transport(url), fault, when, executes=executes),
        house.cli.variables,
    )


RESUME = ("set-paused", "--run-id", "test", "--resume", "--output", "json")


@pytest.mark.parametrize("method", ["getMultipleAccounts", "simulateTransaction"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [(KeyboardInterrupt(), ExitCode.INTERRUPTED), (HttpStatusError("No.", status=500), ExitCode.NETWORK)],
    ids=["Ctrl-C", "HTTP 500"],
)
def test_failures_before_sending_report_that_nothing_was_sent(
    house: House, method: str, fault: BaseException, code: ExitCode
) -> None:
    house.run()
    outcome = failing(house, fault, lambda asked, _before: asked == method)(*RESUME)
    assert outcome.code is code
    context = outcome.json["error"]["context"]
    assert context["sent"] is False
    assert "signature" not in context


@pytest.mark.parametrize("status", [202, 204, 302, 408, 409, 429, 499])
def test_a_gateway_that_executes_but_returns_an_error(house: House, status: int) -> None:
    house.run()
    fault = HttpStatusError("Odd.", status=status)
    outcome = failing(house, fault, lambda asked, _before: asked == "sendTransaction", executes=True)(*RESUME)
    assert outcome.code is ExitCode.OK, outcome.stderr


@pytest.mark.parametrize("executes", [False, True])
def test_ctrl_c_while_sending_reports_the_signature(house: House, executes: bool) -> None:
    house.run()
    outcome = failing(house, KeyboardInterrupt(), lambda asked, _before: asked == "sendTransaction", executes=executes)(
        *RESUME
    )
    assert outcome.code is ExitCode.INTERRUPTED
    context = outcome.json["error"]["context"]
    assert context["sent"] is True
    assert f"Sending resume: {context['signature']}" in outcome.stderr


@pytest.mark.parametrize(
    "fault", [KeyboardInterrupt(), Unreachable("Gone.", request_sent=False)], ids=["Ctrl-C", "unreachable"]
)
def test_failures_between_two_transactions_report_the_first(house: House, tmp_path: Path, fault: BaseException) -> None:
    run_id = house.run(treasurer=True, configured=False)
    big = tmp_path / "big.toml"
    big.write_text(largest_config())
    words = ("--config-path", big, "--name", "n" * 64, "--description", "d" * 280, "--client-version", "v" * 96)
    # Two simulations check both transactions first; the fourth belongs to sending the second one.
    late = failing(house, fault, lambda asked, before: asked == "simulateTransaction" and before >= 3)
    outcome = late("update-config", "--run-id", run_id, *words, "--output", "json")
    context = outcome.json["error"]["context"]
    assert context["sent"] is True
    assert context["landed"] == [context["signature"]]
    assert house.dump()["coordinator_account"]["setup"]["metadata"]["name"] == "n" * 64


@pytest.mark.parametrize("fault", [ZeroDivisionError("x"), MemoryError(), a_panic()], ids=lambda f: type(f).__name__)
def test_a_bug_reports_what_was_sent_before_it(house: House, fault: BaseException) -> None:
    assert not isinstance(a_panic(), Exception)
    house.run()
    before = failing(house, fault, lambda asked, _before: asked == "simulateTransaction")(*RESUME)
    assert before.code is ExitCode.INTERNAL
    assert before.json["error"]["context"] == {"exception": type(fault).__name__, "sent": False}
    after = failing(house, fault, lambda asked, _before: asked == "getTransaction")(*RESUME)
    assert after.code is ExitCode.INTERNAL
    context = after.json["error"]["context"]
    assert context["sent"] is True
    assert f"Sending resume: {context['signature']}" in after.stderr
    assert f"after transaction {context['signature']} was sent" in after.json["error"]["message"]


def test_a_bug_after_landing_reports_the_signature(house: House) -> None:
    house.run()
    # The first two reads find the run, the next one reads it after the transaction has landed.
    outcome = failing(house, KeyError("x"), lambda asked, before: asked == "getMultipleAccounts" and before >= 2)(
        *RESUME
    )
    assert outcome.code is ExitCode.INTERNAL
    assert f"Sending resume: {outcome.json['error']['context']['signature']}" in outcome.stderr


def test_the_time_limit_starts_with_the_process(house: House) -> None:
    """Including the start-up time before the first request."""
    usual = environment_of(house.cli)
    late = usual.replaced(started=usual.clock.monotonic() - 100)
    with signing_session(late, rpc="http://127.0.0.1:8899", wallet_path=house.owner) as session:
        assert session.rpc.deadline is not None
        assert session.rpc.deadline.remaining <= WRITING_SECONDS - 100
    assert environment_of_this_process(started=5.0).started == 5.0


AIRDROP = ("localnet", "airdrop", "GrAntee1111111111111111111111111111111111111", "1", "--output", "json")


@pytest.mark.parametrize(
    "fault",
    [KeyboardInterrupt(), ZeroDivisionError(), HttpStatusError("Odd.", status=202)],
    ids=["Ctrl-C", "bug", "202"],
)
@pytest.mark.parametrize("executes", [False, True])
def test_an_unanswered_airdrop_request_may_have_been_executed(
    house: House, fault: BaseException, executes: bool
) -> None:
    outcome = failing(house, fault, lambda asked, _before: asked == "requestAirdrop", executes=executes)(*AIRDROP)
    assert outcome.code != ExitCode.OK
    assert outcome.json["error"]["context"]["sent"] is True


def test_ctrl_c_while_waiting_for_an_airdrop_reports_its_signature(house: House) -> None:
    outcome = failing(house, KeyboardInterrupt(), lambda asked, _before: asked == "getSignatureStatuses")(*AIRDROP)
    assert outcome.code is ExitCode.INTERRUPTED
    context = outcome.json["error"]["context"]
    assert context["sent"] is True
    record = house.chain.dispatcher.context.bank.history.find(Signature.from_string(context["signature"]))
    assert record is not None
    assert record.error is None
