"""JSON Schemas of the verbs' ``--output json`` output, generated from their payload types.

Payload types are defined in separate modules, so no cluster code is imported here.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, Union

from psyche_cli.cli import payloads
from psyche_cli.cli.render import ENVELOPE_VERSION
from psyche_cli.cli.verbs import SECTIONS, Verb
from psyche_cli.error_fields import field_names
from psyche_cli.errors import ExitCode, PsycheError, error_classes
from psyche_cli.json_schema import DRAFT, Schema, description_of, object_schema, schema_of
from psyche_cli.operations.advise.payloads import AdviceOnSettings
from psyche_cli.operations.authorizations import payloads as authorizations
from psyche_cli.operations.config import payloads as config
from psyche_cli.operations.curves.payloads import CurvesData
from psyche_cli.operations.dashboard.payloads import DashboardReadyData, ExportedDashboardData
from psyche_cli.operations.effects.payloads import DryRunData
from psyche_cli.operations.files.payloads import DownloadData, UploadData
from psyche_cli.operations.history import payloads as history
from psyche_cli.operations.lifecycle import payloads as lifecycle
from psyche_cli.operations.localnet import payloads as localnet
from psyche_cli.operations.localnet.play_payloads import PlayedData
from psyche_cli.operations.localnet.ready_data import ReadyData
from psyche_cli.operations.migrations.payloads import RehearsedMigration
from psyche_cli.operations.monitoring import monitor_payloads as monitor
from psyche_cli.operations.monitoring.payloads import MetricsData, MetricsFileData, MetricsReadyData
from psyche_cli.operations.nonces import payloads as nonces
from psyche_cli.operations.observe.payloads import DecodedAccounts, RunDump, UserDump
from psyche_cli.operations.observe.run_payloads import AuthorityData, CanJoinData, CostData, RunListData
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.operations.rewards.payloads import RatesData, RewardClaimsData, RewardListData, TopUpData
from psyche_cli.operations.run_files.payloads import AppliedData, DriftData, DryAppliedData, PlanData, ProgressData
from psyche_cli.operations.runs.payloads import CheckpointData, CloseRunData, CreateRunData, SetPausedData, TickData
from psyche_cli.operations.schedule.payloads import ScheduledData
from psyche_cli.operations.simulation.payloads import SimulationData
from psyche_cli.operations.status.diagnosis.payloads import DiagnosisData, StateDiagnosisData
from psyche_cli.operations.status.event_payloads import AnyEvent
from psyche_cli.operations.status.member_payloads import MemberListData
from psyche_cli.operations.status.show_payloads import ShowData
from psyche_cli.operations.status.wait_payloads import ReachedData
from psyche_cli.operations.transactions import payloads as transactions
from psyche_cli.operations.transactions.explain_payloads import ExplainedData
from psyche_cli.operations.wallet import payloads as wallet
from psyche_cli.operations.workers import payloads as workers
from psyche_cli.operations.workers.daemon_payloads import DaemonReadyData
from psyche_cli.receipts import Receipt
from psyche_cli.results import Document, JsonLines, OperationResult, PlainText

FAILURE: Final = "failure"
HELP: Final = "help"
VERSION: Final = "version"
OTHERS: Final = {
    FAILURE: "Output of any command that fails",
    HELP: "Output of any command with --help",
    VERSION: "Output of psyche-cli --version",
}
"""Schemas that do not belong to a verb, with their titles."""


def _written(data: Any) -> Any:
    """The result of a command that writes. --unsigned and --sign-only export a transaction instead, and --dry-run
    describes its effects."""
    return OperationResult[data | transactions.ExportedTransaction | DryRunData]


_RESULTS: Final[dict[str, Any]] = {
    "plan": OperationResult[PlanData],
    "apply": OperationResult[AppliedData | ProgressData | DryAppliedData],
    "migrate": OperationResult[PlanData | RehearsedMigration],
    "drift": OperationResult[DriftData],
    "create-run": _written(CreateRunData),
    "update-config": _written(config.UpdateConfigData),
    "set-paused": _written(SetPausedData),
    "tick": _written(TickData),
    "schedule pause": OperationResult[ScheduledData],
    "schedule top-up": OperationResult[ScheduledData],
    "schedule tick": OperationResult[ScheduledData],
    "checkpoint": _written(CheckpointData),
    "close-run": _written(CloseRunData),
    "watch": JsonLines[AnyEvent],
    "wait": OperationResult[ReachedData],
    "list-runs": OperationResult[RunListData],
    "explain": OperationResult[DiagnosisData | StateDiagnosisData],
    "members": OperationResult[MemberListData],
    "show": OperationResult[ShowData],
    "history": OperationResult[history.HistoryData | history.HistoryFileData],
    "history state": OperationResult[history.PastRunData],
    "history export": OperationResult[history.ExportedData],
    "dashboard": PlainText[DashboardReadyData],
    "dashboard export": OperationResult[ExportedDashboardData],
    "metrics": PlainText[MetricsData | MetricsReadyData | MetricsFileData],
    "monitor": OperationResult[
        monitor.MonitorData | monitor.AlarmChangeData | monitor.RulesData | monitor.ExampleRulesData
    ],
    "curves": OperationResult[CurvesData],
    "can-join": OperationResult[CanJoinData],
    "authority check": OperationResult[AuthorityData],
    "cost": OperationResult[CostData],
    "rehearse": OperationResult[RehearsalData],
    "advise": OperationResult[AdviceOnSettings],
    "simulate": OperationResult[SimulationData],
    "lifecycle list": OperationResult[lifecycle.MachineListData],
    "lifecycle show": PlainText[lifecycle.MachineData],
    "lifecycle explain": OperationResult[lifecycle.ExplainedState],
    "lifecycle next": OperationResult[lifecycle.NextData],
    "lifecycle crynux-group": OperationResult[lifecycle.CrynuxGroupData],
    "json-dump-run": Document[RunDump],
    "json-dump-user": Document[UserDump],
    "download-results": OperationResult[DownloadData],
    "upload-data": OperationResult[UploadData],
    "decode": Document[DecodedAccounts],
    "set-future-epoch-rates": _written(RatesData),
    "treasurer-top-up-rewards": _written(TopUpData),
    "treasurer-claim-rewards": _written(RewardClaimsData),
    "rewards list": OperationResult[RewardListData],
    "join-authorization-create": _written(authorizations.JoinAuthorizationData | authorizations.AuthorizedFileData),
    "join-authorization-read": OperationResult[authorizations.AuthorizationData],
    "join-authorization-delegate": _written(authorizations.DelegatesData),
    "join-authorization-delete": _written(authorizations.DeactivatedData),
    "join-authorization-close": _written(authorizations.ClosedAuthorizationData),
    "join-authorization list": OperationResult[authorizations.AuthorizationListData],
    "run-authorizer": _written(authorizations.JoinAuthorizationData),
    "config check": OperationResult[config.CheckData],
    "config diff": OperationResult[config.DiffData],
    "config dump": PlainText[config.DumpedConfig | config.WrittenConfig],
    "config preview": OperationResult[config.PreviewData],
    "config example": PlainText[payloads.Example | payloads.WrittenExample | payloads.ExampleList],
    "keygen new": PlainText[localnet.NewWalletData],
    "keygen pubkey": PlainText[wallet.PublicKeyData],
    "balance": PlainText[wallet.BalanceData],
    "airdrop": OperationResult[localnet.AirdropData],
    "tx list": OperationResult[transactions.TransactionListData],
    "tx status": OperationResult[transactions.TransactionStatusData],
    "tx explain": OperationResult[ExplainedData],
    "tx resume": OperationResult[transactions.ResumeData],
    "tx sign": OperationResult[transactions.ExportedTransaction],
    "tx send": OperationResult[transactions.SentTransaction],
    "tx forget": OperationResult[transactions.ForgetData | transactions.ForgetSettledData],
    "nonce create": _written(nonces.NonceData),
    "nonce show": OperationResult[nonces.NonceData],
    "nonce close": _written(nonces.ClosedNonceData),
    "localnet": OperationResult[ReadyData],
    "localnet new-wallet": PlainText[localnet.FundedWalletData | localnet.NewWalletData],
    "localnet airdrop": OperationResult[localnet.AirdropData],
    "localnet new-mint": OperationResult[localnet.NewMintData | DryRunData],
    "localnet wait": OperationResult[localnet.WaitData],
    "localnet status": OperationResult[localnet.StatusData],
    "localnet stop": OperationResult[localnet.StopData],
    "localnet warp": OperationResult[localnet.WarpData],
    "localnet play": OperationResult[PlayedData],
    "localnet reset": OperationResult[localnet.ResetData],
    "localnet snapshot": OperationResult[localnet.SnapshotData],
    "localnet restore": OperationResult[localnet.SnapshotData],
    "localnet set-account": OperationResult[localnet.SetAccountData],
    "localnet programs": OperationResult[localnet.ProgramsData],
    "workers list": OperationResult[workers.WorkersListData],
    "workers show": OperationResult[workers.WorkersShowData],
    "workers logs": PlainText[workers.WorkersLogsData],
    "workers cancel": OperationResult[workers.WorkersCancelData],
    "workers gc": OperationResult[workers.WorkersGcData],
    "workers daemon": OperationResult[DaemonReadyData],
    "completion": PlainText[payloads.CompletionScript | payloads.InstalledCompletion],
    "schema": PlainText[payloads.SchemaList],
}


_EXIT_CODES: Final = {
    "can-join": (0, 1),
    "config diff": (0, 1),
    "monitor": (0, 1, 10),
    "drift": (0, 2, 3),
    "plan": (0, 2),
    "migrate": (0, 2),
    "rehearse": (0, 14, 15, 16),
}
"""The exit codes of verbs that have a result with others than 0: 1 if the answer to a question is no, for example, and
2 if a run differs from its file."""


@dataclass(frozen=True)
class ErrorKind:
    """An error type for the documentation.

    ``keys`` are the fields of its JSON context, without those that all errors share.
    """

    code: str
    exit_code: ExitCode
    meaning: str
    keys: tuple[str, ...]


def verb_names() -> Iterator[tuple[str, Verb]]:
    """All runnable verbs with their full names, such as ``localnet warp``; a group precedes its verbs."""
    for section in SECTIONS:
        for verb in section.verbs:
            if verb.runs:
                yield verb.name, verb
            for child in verb.verbs:
                yield f"{verb.name} {child.name}", child


def listed_schemas() -> list[payloads.SchemaListing]:
    """The names and titles of all schemas: those of verbs first, then the others."""
    listed: list[payloads.SchemaListing] = [
        {"name": name, "describes": f"Output of `psyche-cli {name}`"} for name, _ in verb_names()
    ]
    others: list[payloads.SchemaListing] = [{"name": name, "describes": text} for name, text in OTHERS.items()]
    return listed + others


def schema(name: str) -> Schema | None:
    """The schema with this name; None if it does not exist."""
    definitions: Schema = {}
    if name == FAILURE:
        described = _failure(definitions)
    elif name == HELP:
        data = payloads.GroupHelp | payloads.Help
        described = _success(definitions, str, {"data": data})
    elif name == VERSION:
        described = _success(definitions, str, {"data": payloads.Version})
    elif name in _RESULTS:
        described = _of_result(name, definitions)
    else:
        return None
    title = OTHERS.get(name) or f"Output of `psyche-cli {name}`"
    head: Schema = {"$schema": DRAFT, "title": title}
    return {**head, **described, **({"$defs": definitions} if definitions else {})}


def error_kinds() -> list[ErrorKind]:
    """All error types, in the order of the error tree."""
    shared = field_names(PsycheError)
    return [
        ErrorKind(
            code=kind.code_of_class(),
            exit_code=kind.exit_code,
            meaning=_meaning(kind),
            keys=tuple(name for name in field_names(kind) if name not in shared),
        )
        for kind in error_classes()
    ]


def _meaning(kind: type[PsycheError]) -> str:
    if kind is PsycheError:  # the base class itself is raised only for bugs
        return "An unexpected error in psyche-cli, which is a bug. `exception` is the name of the exception."
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")


def _of_result(name: str, definitions: Schema) -> Schema:
    result = _RESULTS[name]
    [payload] = typing.get_args(result)
    if typing.get_origin(result) is Document:
        return _document(payload, definitions)
    if typing.get_origin(result) is JsonLines:
        return {"description": "Each line of the output.", **schema_of(payload, definitions)}
    fields: dict[str, Any] = {"data": payload}
    if typing.get_origin(result) is OperationResult:
        fields = {"summary": str, **fields, "transactions": list[Receipt], "warnings": list[str]}
    success = _success(definitions, Literal[name], fields, Literal[_EXIT_CODES.get(name, (0,))])
    if name != "schema":
        return success
    printed_schema: Schema = {"type": "object", "required": ["$schema", "title"]}
    return {"anyOf": [success, printed_schema]}


def _document(kind: Any, definitions: Schema) -> Schema:
    """The schema of a TypedDict that is the entire document."""
    fields = typing.get_type_hints(kind, include_extras=True)
    described = object_schema(fields, list(fields), definitions)
    return {"description": description_of(kind), **described}


def _success(definitions: Schema, command: Any, fields: dict[str, Any], exit_code: Any = Literal[0]) -> Schema:
    head: dict[str, Any] = {
        "schema_version": Literal[ENVELOPE_VERSION],
        "command": command,
        "ok": Literal[True],
        "exit_code": exit_code,
    }
    return object_schema({**head, **fields}, [*head, *fields], definitions)


def _failure(definitions: Schema) -> Schema:
    codes = sorted({int(kind.exit_code) for kind in error_classes()})
    head: dict[str, Any] = {
        "schema_version": Literal[ENVELOPE_VERSION],
        "command": str,
        "ok": Literal[False],
        "exit_code": Literal[tuple(codes)],
    }
    described = object_schema(head, [*head, "error"], definitions)
    kinds = [{"$ref": f"#/$defs/{_define_error(kind, definitions)}"} for kind in error_classes()]
    properties = typing.cast("Schema", described["properties"])
    return {**described, "properties": {**properties, "error": {"anyOf": kinds}}}


def _define_error(kind: type[PsycheError], definitions: Schema) -> str:
    code = kind.code_of_class()
    hints = typing.get_type_hints(kind)
    fields: dict[str, Any] = {}
    required = []
    for name in field_names(kind):
        if name in ("message", "hint"):
            continue
        always = name in kind.always_shown or not hasattr(kind, name)
        fields[name] = str if name in kind.shown_as_json_text else hints[name] if always else _without_none(hints[name])
        required += [name] if always else []
    shown = object_schema(
        {"code": Literal[code], "message": str, "hint": str},
        ["code", "message", "hint", "context"],
        definitions,
    )
    properties = typing.cast("Schema", shown["properties"])
    context = object_schema(fields, required, definitions)
    description = f"{_meaning(kind)} Exit code {int(kind.exit_code)}."
    definitions[code] = {"description": description, **shown, "properties": {**properties, "context": context}}
    return code


def _without_none(kind: Any) -> Any:
    """The type of a field that is omitted if it is None."""
    if typing.get_origin(kind) not in (Union, types.UnionType):
        return kind
    left = tuple(argument for argument in typing.get_args(kind) if argument is not type(None))
    return functools.reduce(operator.or_, left)
