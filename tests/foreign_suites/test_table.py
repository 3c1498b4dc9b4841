"""``scripts/foreign-suites`` reads reports of pytest and of Rust's test programs, and gives each failure's reason.

The recorded files are reports of real runs, cut to a few tests and without tracebacks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.foreign.outcomes import NOT_ENDED, Case, Outcome, from_junit, listed, of_a_rust_test
from scripts.foreign.rust_suites import DEPENDENCIES, STAND_INS, locked_version, manifest
from scripts.foreign.suites import SUITES
from scripts.foreign.table import UNEXPLAINED, Result, lines, read_reasons, unexplained, unneeded

RECORDED = Path(__file__).parent / "recorded"
SOCKETS = "integration.test_websockets::"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text(encoding="utf-8")


def result() -> Result:
    return Result("solana-py", "0.39.0", from_junit(RECORDED / "pytest.xml"))


def test_a_report_of_pytest() -> None:
    outcomes = {case.name.removeprefix(SOCKETS): (case.outcome, case.said) for case in result().tests}
    assert outcomes == {
        "test_multiple_subscriptions": (
            Outcome.FAILED,
            'failed on setup with "IndexError: list index out of range"',
        ),
        "test_account_subscribe": (Outcome.PASSED, ""),
        "test_logs_subscribe": (
            Outcome.FAILED,
            "AssertionError: assert 'Program Comp...11 invoke [1]' == 'Program 1111...11 invoke [1]'",
        ),
        "test_block_subscribe": (Outcome.SKIPPED, ""),
    }


def test_the_names_of_a_rust_program() -> None:
    assert listed(recorded("rust-list.txt")) == [
        "test_offline_vote_authorize_and_withdraw::base",
        "test_offline_vote_authorize_and_withdraw::with_compute_unit_price",
        "test_vote_authorize_and_withdraw::base",
        "test_vote_authorize_and_withdraw::with_compute_unit_price",
    ]


@pytest.mark.parametrize(
    ("text", "outcome", "said"),
    [
        (recorded("rust-passed.txt"), Outcome.PASSED, ""),
        (
            recorded("rust-failed.txt"),
            Outcome.FAILED,
            'called `Result::unwrap()` on an `Err` value: DynamicProgramError("Insufficient funds for fee")',
        ),
        (
            recorded("rust-passed.txt").replace("1 passed; 0 failed; 0 ignored", "0 passed; 0 failed; 1 ignored"),
            Outcome.SKIPPED,
            "",
        ),
        ("\nPSYCHE_CLI_PYTHON is not set\n", Outcome.FAILED, "PSYCHE_CLI_PYTHON is not set"),
        ("", Outcome.FAILED, "the program ended without a result"),
        # No test of the name was run.
        ("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out", Outcome.FAILED, ""),
    ],
)
def test_the_outcome_of_a_rust_test(text: str, outcome: Outcome, said: str) -> None:
    assert of_a_rust_test("vote::one", text) == Case("vote::one", outcome, said)


def test_a_failure_without_a_reason_is_unexplained() -> None:
    reasons = {"solana-py": {f"{SOCKETS}test_logs_*": "airdrops have three log lines"}}
    failed = f"{SOCKETS}test_multiple_subscriptions"
    assert [case.name for case in unexplained([result()], reasons)] == [failed]
    text = "\n".join(lines([result()], reasons))
    assert "solana-py        0.39.0           1       2        1" in text
    assert f"{SOCKETS}test_logs_subscribe\n    airdrops have three log lines" in text
    assert f'{failed}\n    {UNEXPLAINED}\n    failed on setup with "IndexError: list index out of range"' in text


def test_every_failure_has_a_reason() -> None:
    reasons = {"solana-py": {f"{SOCKETS}test_*": "not yet"}}
    assert unexplained([result()], reasons) == []


def test_the_exact_name_comes_before_a_pattern() -> None:
    reasons = {"solana-py": {f"{SOCKETS}*": "not yet", f"{SOCKETS}test_logs_subscribe": "three log lines"}}
    assert f"{SOCKETS}test_logs_subscribe\n    three log lines" in "\n".join(lines([result()], reasons))


def test_a_reason_that_no_failure_needs_is_reported() -> None:
    reasons = {
        "solana-py": {f"{SOCKETS}test_account_subscribe": "was broken", f"{SOCKETS}test_logs_*": "three log lines"},
        "another": {"x": "was not run"},
    }
    assert unneeded([result()], reasons) == [f"solana-py: {SOCKETS}test_account_subscribe"]
    assert list(lines([result()], reasons))[-1] == f"No longer fails: solana-py: {SOCKETS}test_account_subscribe"


def test_a_test_that_does_not_end_has_failed() -> None:
    hanging = Result("solana-cli", "1.0.0", [Case("stake::one", Outcome.FAILED, NOT_ENDED)])
    assert f"    {NOT_ENDED}" in lines([hanging], {})


def test_the_reasons_in_the_repository_are_clauses_about_known_suites() -> None:
    reasons = read_reasons()
    assert set(reasons) <= {suite.name for suite in SUITES}
    for clauses in reasons.values():
        for clause in clauses.values():
            assert clause[0].islower()
            assert not clause.endswith(".")


def test_a_stand_in_has_the_locked_version() -> None:
    packages = (("solana-rpc-client", "3.0.1"), ("solana-rpc", "3.0.7"))
    lock = "\n".join(f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in packages)
    assert locked_version(lock, "solana-rpc") == "3.0.7"
    with pytest.raises(RuntimeError, match="does not name solana-test-validator"):
        locked_version(lock, "solana-test-validator")
    text = manifest("solana-rpc", "3.0.7", ("solana-pubkey",))
    assert 'name = "solana-rpc"\nversion = "3.0.7"' in text
    assert text.endswith('[dependencies]\nsolana-pubkey = "*"\n')


def test_every_stand_in_has_its_source() -> None:
    assert {path.stem for path in STAND_INS.glob("*.rs")} == set(DEPENDENCIES)
