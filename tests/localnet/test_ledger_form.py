"""The rows of a ledger belong to its format: a validator reads no ledger of another one, so they change together."""

from __future__ import annotations

from dataclasses import fields

from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.storage.rows import read_record, written_details, written_summary
from tests.localnet.ledger_form import RECORDED, form, heading, sample_record


def test_rows_change_only_with_the_format() -> None:
    recorded = RECORDED.read_text(encoding="ascii")
    assert recorded.startswith(heading()), "run python -m tests.localnet.ledger_form"
    assert recorded.removeprefix(heading()) == form(), (
        "The form of the rows has changed: raise FORMAT in ledger_file.py"
    )


def test_the_recorded_sample_has_all_fields() -> None:
    """Each field of a transaction is stored, so a new one changes the recorded form."""
    record = sample_record()
    read = read_record(written_summary(record), written_details(record))
    assert {field.name: getattr(read, field.name) for field in fields(TransactionRecord)} == {
        field.name: getattr(record, field.name) for field in fields(TransactionRecord)
    }
