"""Error classes: their codes are stable, and the JSON output shows their fields."""

from __future__ import annotations

import pytest

from psyche_cli.error_fields import field_names
from psyche_cli.errors import (
    ConfigurationError,
    ExitCode,
    HttpStatusError,
    ProgramRefused,
    PsycheError,
    RpcError,
    UsageError,
    error_classes,
)

CODES = {
    "psyche_error": 1,
    "usage_error": 2,
    "invalid_public_key": 2,
    "invalid_run_id": 2,
    "invalid_amount": 2,
    "nothing_to_do": 2,
    "not_confirmed": 2,
    "invalid_transaction": 2,
    "invalid_signature": 2,
    "invalid_submission": 2,
    "configuration_error": 3,
    "wallet_error": 4,
    "wallet_not_found": 4,
    "wallet_malformed": 4,
    "not_found": 5,
    "run_not_found": 5,
    "account_not_found": 5,
    "worker_run_not_found": 5,
    "refused": 6,
    "not_authority": 6,
    "may_not_join": 6,
    "not_in_epoch": 6,
    "wrong_run_state": 6,
    "insufficient_funds": 6,
    "already_exists": 6,
    "fee_above_maximum": 6,
    "transaction_too_large": 6,
    "unplanned_effects": 6,
    "blockhash_not_valid": 6,
    "already_sent": 6,
    "missing_signatures": 6,
    "stale_plan": 6,
    "apply_running": 6,
    "schedule_running": 6,
    "program_refused": 6,
    "account_error": 7,
    "wrong_owner": 7,
    "wrong_size": 7,
    "wrong_discriminator": 7,
    "wrong_version": 7,
    "unsupported_layout": 7,
    "malformed_account": 7,
    "transaction_expired": 8,
    "transaction_unknown": 9,
    "network_error": 10,
    "unreachable": 10,
    "timed_out": 10,
    "http_status_error": 10,
    "rpc_error": 10,
    "bad_rpc_response": 10,
    "bad_service_response": 10,
    "localnet_error": 11,
    "port_in_use": 11,
    "bad_program": 11,
    "journal_error": 12,
    "journal_damaged": 12,
    "journal_too_new": 12,
    "file_error": 13,
    "unsafe_path": 13,
    "disk_full": 13,
    "not_reached": 14,
    "cannot_be_reached": 15,
    "workers_error": 16,
    "engine_unavailable": 16,
    "launch_failed": 16,
    "registry_error": 16,
    "registry_damaged": 16,
    "registry_too_new": 16,
    "telemetry_error": 16,
    "illegal_transition": 16,
    "slots_not_free": 16,
    "rehearsal_error": 16,
    "daemon_error": 16,
    "daemon_unavailable": 16,
    "daemon_running": 16,
    "workers_not_ended": 16,
    "history_error": 17,
    "history_damaged": 17,
    "history_too_new": 17,
    "history_busy": 17,
    "archive_error": 17,
    "archive_damaged": 17,
    "archive_too_new": 17,
    "not_in_archive": 17,
    "monitoring_error": 18,
    "alarms_damaged": 18,
    "alarms_too_new": 18,
    "monitor_running": 18,
    "interrupted": 130,
    "terminated": 143,
    "hung_up": 129,
}
"""The published codes, on which scripts rely. A code and its exit code never change."""


def test_no_code_was_renamed_or_removed() -> None:
    assert {kind.code_of_class(): int(kind.exit_code) for kind in error_classes()} == CODES


def test_an_unknown_field_is_rejected() -> None:
    with pytest.raises(TypeError, match="UsageError has no field status"):
        UsageError("No.", status=5)  # type: ignore[call-arg]


def test_a_field_without_a_default_must_be_given() -> None:
    with pytest.raises(TypeError, match="HttpStatusError needs status"):
        HttpStatusError("No.")  # type: ignore[call-arg]


def test_the_context_consists_of_the_fields() -> None:
    assert UsageError("No.").context == {}
    assert UsageError("No.", hint="Do.", index=0, sent=False).context == {"index": 0, "sent": False}
    rules = ({"key": "config.a", "rule": "A", "message": "m"},)
    error = ConfigurationError("No.", problems=rules)  # type: ignore[arg-type]  # a literal is not a TypedDict
    assert error.problems == rules
    assert error.context == {"problems": [*rules], "path": None}
    landed = PsycheError("No.", landed=("a", "b"), logs=())
    assert landed.context == {"landed": ["a", "b"], "logs": []}


def test_some_fields_are_shown_without_a_value() -> None:
    assert ProgramRefused("No.").context == {"program": "", "program_code": None, "instruction_index": None}
    assert HttpStatusError("No.", status=503).context == {"status": 503, "retry_after": None}


def test_nested_data_from_outside_is_shown_as_json_text() -> None:
    error = RpcError("No.", rpc_code=-1, rpc_data={"a": [1, None]})
    assert error.rpc_data == {"a": [1, None]}
    assert error.context == {"rpc_code": -1, "rpc_data": '{"a":[1,null]}'}


def test_an_error_is_raised_with_its_message_first() -> None:
    error = UsageError("One sentence.", hint="Do.")
    assert (str(error), error.message, error.hint, error.args) == (
        "One sentence.",
        "One sentence.",
        "Do.",
        ("One sentence.",),
    )
    assert error.exit_code is ExitCode.USAGE
    assert error.code == "usage_error"


def test_fields_are_inherited() -> None:
    assert {"sent", "signature", "endpoint", "request_sent", "rpc_code"} <= {*field_names(RpcError)}
    assert "rpc_code" not in field_names(HttpStatusError)
