"""Which test checks which sentence of the text about workers, above all those that its published implementation breaks.

The tests of BROKEN were seen to fail when the code that they check was broken by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = "tests/workers/test_what_the_text_says.py"
ATTACKS = "tests/workers/test_attacks.py"
DAEMON = "tests/workers/test_daemon.py"
STOPPING = "tests/workers/test_stopping.py"
REGISTRY = "tests/workers/registry/test_registry.py"
STORAGE = "tests/workers/storage/test_storage.py"
TELEMETRY = "tests/workers/telemetry"

BROKEN = {
    "cancelling signals the worker": [
        (TEXT, "test_cancelling_signals_the_worker"),
        (TEXT, "test_a_worker_that_ignores_sigterm_is_killed_and_only_then_cancelled"),
    ],
    "telemetry counts as a heartbeat": [(TEXT, "test_telemetry_counts_as_a_heartbeat")],
    "an exit that is not zero is FAULTED": [(TEXT, "test_an_exit_that_is_not_zero_is_faulted")],
    "there is a state CANCELLED": [
        (TEXT, "test_there_is_a_state_cancelled_from_every_open_state"),
        (TEXT, "test_a_run_that_waits_for_slots_is_cancelled_at_once"),
    ],
    "the session token is checked": [
        (TEXT, "test_the_token_is_checked_on_every_call"),
        (ATTACKS, "test_tokens_of_others_and_used_ones_are_refused"),
    ],
    "HANDSHAKE has a time limit": [(TEXT, "test_the_hand_shake_has_a_time_limit")],
    "a run has many workers": [(TEXT, "test_a_run_has_many_workers")],
    "step numbers continue after a restart": [
        (TEXT, "test_sequence_numbers_go_on_after_a_restart"),
        (f"{TELEMETRY}/test_ingest.py", "test_numbers_continue_after_a_restart_of_worker_and_daemon"),
    ],
}
"""What the published implementation does not do."""

KEPT = {
    "SubmitRun is idempotent by digest": [(DAEMON, "test_the_same_configuration_is_the_same_run")],
    "INIT, HANDSHAKE, READY, EXECUTING, TERMINATED": [(TEXT, "test_an_exit_with_zero_is_terminated")],
    "FAULTED after five minutes without a sign of life": [
        (REGISTRY, "test_a_worker_that_is_silent_for_300_seconds_is_faulted_once_its_processes_are_gone"),
        (TEXT, "test_heartbeats_are_sent_by_a_worker_that_prints_nothing"),
    ],
    "details of an error are kept": [(TEXT, "test_an_exit_that_is_not_zero_is_faulted")],
    "GPU slots are released at the end": [(DAEMON, "test_how_workers_ended_while_it_was_dead_is_recorded")],
    "CUDA_VISIBLE_DEVICES has the GPU slots": [
        (DAEMON, "test_the_number_of_gpus_that_was_given_outlives_a_killed_daemon")
    ],
    "SIGTERM to the process group, SIGKILL 5 seconds later": [
        (TEXT, "test_a_worker_that_ignores_sigterm_is_killed_and_only_then_cancelled"),
        (STOPPING, "test_a_worker_that_cannot_be_killed_is_named_and_ended_by_the_next_daemon"),
    ],
    "files for the configurations of run and worker": [
        (STORAGE, "test_the_layout_is_that_of_the_text"),
        (STORAGE, "test_configurations_are_readable_by_their_owner_only"),
    ],
    "training runs in runs, evaluation runs in evals": [
        ("tests/cli/test_workers.py", "test_only_runs_that_have_ended_are_removed")
    ],
    "analytics.json after the end": [(STORAGE, "test_what_remains_of_runs_that_have_ended")],
    "malformed lines are skipped": [(f"{TELEMETRY}/test_proxy.py", "test_hostile_output_is_counted_and_copied")],
    "a queue that drops the oldest": [
        (f"{TELEMETRY}/test_outbox.py", "test_the_oldest_events_are_dropped_and_counted")
    ],
    "rings with replay and credits": [
        (f"{TELEMETRY}/test_rings.py", "test_replay_reads_the_database_only_beyond_the_ring"),
        (f"{TELEMETRY}/test_rings.py", "test_a_credit_is_spent_per_event"),
    ],
    "one daemon per folder": [
        (DAEMON, "test_a_second_daemon_is_refused"),
        (ATTACKS, "test_of_two_daemons_that_start_at_the_same_instant_one_remains"),
    ],
    "a stale pid file is noticed": [(DAEMON, "test_a_pid_file_of_a_process_that_was_replaced_is_stale")],
    "runs in HANDSHAKE go back to INIT after a crash": [
        (DAEMON, "test_a_worker_that_had_not_registered_is_started_again")
    ],
}
"""What both do."""


@pytest.mark.parametrize("sentence", [*BROKEN, *KEPT])
def test_each_sentence_has_its_tests(sentence: str) -> None:
    for path, name in {**BROKEN, **KEPT}[sentence]:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), (path, name)
