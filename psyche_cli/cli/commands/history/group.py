"""``psyche-cli history``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from psyche_cli.cli.options import HistoryStateDir, NoSync, OptionalRunId, OutputFile, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.errors import UsageError

if TYPE_CHECKING:
    from psyche_cli.operations.history.audit import Wanted
    from psyche_cli.redaction import Redactor


@reads(example="psyche-cli history --run-id my-run --since 2d")
def command(
    call: Call,
    *,
    run_id: OptionalRunId = None,
    since: Annotated[
        str | None,
        option(
            "--since",
            metavar="PLACE",
            help="Only events from here on: a time such as 2026-11-27 or 2026-11-27T10:00:00Z, how long ago, such as "
            "2d, a slot, or a signature or at least 8 of its first characters.",
        ),
    ] = None,
    until: Annotated[
        str | None, option("--until", metavar="PLACE", help="Only events up to here, specified like --since.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        option("--kind", metavar="KIND", help="Only instructions of this name, such as set_paused. Repeatable."),
    ] = None,
    signer: Annotated[
        list[str] | None,
        option("--signer", metavar="PUBKEY", help="Only what this wallet signed. Repeatable."),
    ] = None,
    failed: Annotated[bool, option("--failed", help="Only transactions that failed.")] = False,
    limit: Annotated[
        int | None,
        option("--limit", metavar="N", help="Only the latest N events. Of a table, 1000 by default.", min=1, max=10**9),
    ] = None,
    follow: Annotated[bool, option("--follow", "-f", help="Then print new events as they come.")] = False,
    no_sync: NoSync = False,
    format: Annotated[
        Literal["table", "jsonl", "csv", "parquet"],
        option("--format", help="A table, JSON lines, CSV, or a Parquet file (extra parquet)."),
    ] = "table",
    output_file: OutputFile = None,
    treasurer_index: TreasurerIndex = None,
    state_dir: HistoryStateDir = None,
) -> Reading:
    """Show the history of a run: who did what, when, and with what effect.

    Reads new transactions from the ledger first, replays the run, and compares it with the run as it is now. Gaps in
    the ledger and differences are reported. With --output json, prints the latest events as one document;
    with --format jsonl or csv, all events, one per line; --follow prints JSON lines instead of one document. The exit
    code after Ctrl-C and after --timeout is then 0. Does not need a wallet.
    """
    from psyche_cli.operations.history.audit import DEFAULT_LIMIT, audit, open_log

    if run_id is None:  # not required by the parser, which would then require it of `history export` twice
        raise UsageError("Missing option '--run-id' / '-r'.", hint="See: psyche-cli history --help")
    environment = call.environment
    as_json = environment.output.as_json
    if follow and as_json and format == "table":
        format = "jsonl"
    _check(call, format, output_file, follow=follow, no_sync=no_sync, until=until, as_json=as_json)
    wanted = _wanted(
        environment.redactor,
        since,
        until,
        kind,
        signer,
        failed,
        DEFAULT_LIMIT if limit is None and format == "table" else limit,
    )
    folder = state_dir or environment.state_folder
    environment.output.as_lines = format == "jsonl" and output_file is None

    def read(session: Any) -> Any:
        with open_log(
            session,
            wanted,
            run_id=run_id,
            state_folder=folder,
            syncs=not no_sync,
            treasurer_index=treasurer_index,
        ) as log:
            if output_file is not None and format != "table":
                from psyche_cli.operations.history.files import write_history

                return write_history(log, output_file, format)
            if format == "table" and not follow:
                return audit(log)
            from psyche_cli.cli.history_output import print_log

            assert format != "parquet"
            print_log(environment, log, format, follow=follow)
            return None

    return read


def _check(
    call: Call,
    form: str,
    output_file: Path | None,
    *,
    follow: bool,
    no_sync: bool,
    until: str | None,
    as_json: bool,
) -> None:
    """Refuse what does not go together."""
    if follow:
        others = {
            "--no-sync": no_sync,
            "--until": until is not None,
            "--output-file": output_file is not None,
            "--archive": call.values["archive"] is not None,
        }
        if wrong := [name for name, is_given in others.items() if is_given]:
            raise UsageError(f"--follow cannot be combined with {wrong[0]}.")
    if form == "parquet":
        if output_file is None:
            raise UsageError("--format parquet needs a file.", hint="Add -o FILE.")
        from psyche_cli.operations.history.files import parquet_modules

        parquet_modules()
    if form == "table" and output_file is not None:
        raise UsageError("A table is not written to a file.", hint="Use --format jsonl, csv or parquet.")
    if form in ("jsonl", "csv") and output_file is None and as_json and not (follow and form == "jsonl"):
        raise UsageError(
            f"--output json prints one document, and --format {form} one line per event.",
            hint="Omit one of them, or write the events to a file with -o FILE.",
        )
    if output_file is not None:
        from psyche_cli.new_files import require_new_file

        require_new_file(output_file, what="--output-file")


def _wanted(
    redactor: Redactor,
    since: str | None,
    until: str | None,
    kinds: list[str] | None,
    signers: list[str] | None,
    failed: bool,
    limit: int | None,
) -> Wanted:
    from psyche_cli.history.kinds import event_kinds
    from psyche_cli.operations.history.audit import Wanted
    from psyche_cli.operations.history.places import parse_where
    from psyche_cli.protocol.addresses import parse_pubkey

    known = {one.kind for one in event_kinds()} if kinds else {*()}
    if unknown := [one for one in kinds or () if one not in (*known, "unknown")]:
        from difflib import get_close_matches

        near = get_close_matches(unknown[0], known, 3)
        raise UsageError(
            f"There is no instruction {unknown[0]!r}.",
            hint=f"Did you mean {' or '.join(near)}?" if near else "docs/history.md lists all kinds.",
        )
    return Wanted(
        since=None if since is None else parse_where(since, "--since", redactor),
        until=None if until is None else parse_where(until, "--until", redactor),
        kinds=kinds or (),
        signers=[str(parse_pubkey(one, "--signer")) for one in signers or ()],
        failed=failed,
        limit=limit,
    )
