"""Public API of psyche-cli for other projects: the operations of the command line as functions.

It covers sessions, runs, sending, decoding, configurations and local validators; docs/api.md has examples. Nothing here
prints. Errors are those of ``psyche_cli.errors``. Amounts are exact decimal strings, or integers in base units.

Names are imported lazily, so importing this module is cheap. The names and their signatures are pinned by a test;
everything else in the package may change in any release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from psyche_cli.api.configuration import (
        check_config,
        diff_config,
        dump_config,
        preview_config,
        preview_config_of_run,
    )
    from psyche_cli.api.following import wait_for_run, watch_run
    from psyche_cli.api.runs import (
        create_run,
        dump_run,
        dump_user,
        explain_run,
        find_run,
        list_members,
        pause_run,
        resume_run,
        set_future_epoch_rates,
        show_run,
        top_up_rewards,
        update_config,
    )
    from psyche_cli.api.scheduling import schedule_pause, schedule_tick, schedule_top_up
    from psyche_cli.api.sending import send, simulate
    from psyche_cli.api.sessions import Session, SigningSession, open_session, open_signing_session
    from psyche_cli.api.simulation import simulate_from_run, simulate_run
    from psyche_cli.localnet.chain.genesis import Genesis
    from psyche_cli.localnet.in_process import InProcessValidator
    from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
    from psyche_cli.localnet.process import LocalValidatorProcess
    from psyche_cli.operations.config.payloads import (
        ChangedValue,
        DiffData,
        DifferentValue,
        DumpedConfig,
        EpochTimes,
        PreviewData,
        PreviewStep,
        RewardCost,
        UpdateConfigData,
    )
    from psyche_cli.operations.observe.payloads import RunDump, UserDump
    from psyche_cli.operations.rewards.payloads import CollateralAmount, RatesData, TopUpData
    from psyche_cli.operations.runs.find import Run, Treasury
    from psyche_cli.operations.runs.payloads import CreateRunData, NewTreasurer, SetPausedData
    from psyche_cli.operations.schedule.payloads import FundingData, ScheduledAct, ScheduledData
    from psyche_cli.operations.simulation.payloads import (
        SimulatedEpoch,
        SimulatedMember,
        SimulatedRewards,
        SimulatedState,
        SimulationData,
    )
    from psyche_cli.operations.status.diagnosis.payloads import DiagnosisData
    from psyche_cli.operations.status.event_payloads import RunEvent
    from psyche_cli.operations.status.member_payloads import MemberListData
    from psyche_cli.operations.status.show_payloads import ShowData
    from psyche_cli.operations.status.wait_payloads import ReachedData
    from psyche_cli.protocol.accounts.any_account import DecodedAccount, decode_account
    from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
    from psyche_cli.protocol.accounts.small_accounts import (
        Authorization,
        CoordinatorInstance,
        Participant,
        TreasurerRun,
    )
    from psyche_cli.protocol.accounts.token_accounts import TokenAccount, TokenMint
    from psyche_cli.protocol.errors.program_errors import ProgramFailure, explain_failure
    from psyche_cli.protocol.instructions.builder import Instructions
    from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
    from psyche_cli.protocol.run_states import ClientState, RunState
    from psyche_cli.receipts import Receipt
    from psyche_cli.results import OperationResult
    from psyche_cli.run_config.load import RunConfig, load_run_config
    from psyche_cli.run_config.problems import Problem
    from psyche_cli.solana.raw_account import RawAccount
    from psyche_cli.solana.rpc.client import RpcClient
    from psyche_cli.solana.rpc.types import Simulation
    from psyche_cli.solana.wallet import Wallet
    from psyche_cli.transport import Endpoint, Transport

__all__ = [
    "PUBLISHED",
    "Authorization",
    "ChangedValue",
    "ClientState",
    "CollateralAmount",
    "CoordinatorAccount",
    "CoordinatorInstance",
    "CreateRunData",
    "DecodedAccount",
    "DiagnosisData",
    "DiffData",
    "DifferentValue",
    "DumpedConfig",
    "Endpoint",
    "EpochTimes",
    "FundingData",
    "Genesis",
    "InProcessValidator",
    "Instructions",
    "LocalValidator",
    "LocalValidatorProcess",
    "LocalnetOptions",
    "MemberListData",
    "NewTreasurer",
    "OperationResult",
    "Participant",
    "PreviewData",
    "PreviewStep",
    "Problem",
    "ProgramFailure",
    "ProgramIds",
    "RatesData",
    "RawAccount",
    "ReachedData",
    "Receipt",
    "RewardCost",
    "RpcClient",
    "Run",
    "RunConfig",
    "RunDump",
    "RunEvent",
    "RunState",
    "ScheduledAct",
    "ScheduledData",
    "Session",
    "SetPausedData",
    "ShowData",
    "SigningSession",
    "SimulatedEpoch",
    "SimulatedMember",
    "SimulatedRewards",
    "SimulatedState",
    "Simulation",
    "SimulationData",
    "TokenAccount",
    "TokenMint",
    "TopUpData",
    "Transport",
    "TreasurerRun",
    "Treasury",
    "UpdateConfigData",
    "UserDump",
    "Wallet",
    "check_config",
    "create_run",
    "decode_account",
    "diff_config",
    "dump_config",
    "dump_run",
    "dump_user",
    "explain_failure",
    "explain_run",
    "find_run",
    "list_members",
    "load_run_config",
    "open_session",
    "open_signing_session",
    "pause_run",
    "preview_config",
    "preview_config_of_run",
    "resume_run",
    "schedule_pause",
    "schedule_tick",
    "schedule_top_up",
    "send",
    "set_future_epoch_rates",
    "show_run",
    "simulate",
    "simulate_from_run",
    "simulate_run",
    "top_up_rewards",
    "update_config",
    "wait_for_run",
    "watch_run",
]

_MODULES: Final = {
    "api.configuration": ["check_config", "diff_config", "dump_config", "preview_config", "preview_config_of_run"],
    "api.following": ["wait_for_run", "watch_run"],
    "api.runs": [
        "create_run",
        "dump_run",
        "dump_user",
        "explain_run",
        "find_run",
        "list_members",
        "pause_run",
        "resume_run",
        "set_future_epoch_rates",
        "show_run",
        "top_up_rewards",
        "update_config",
    ],
    "api.scheduling": ["schedule_pause", "schedule_tick", "schedule_top_up"],
    "api.sending": ["send", "simulate"],
    "api.sessions": ["Session", "SigningSession", "open_session", "open_signing_session"],
    "api.simulation": ["simulate_from_run", "simulate_run"],
    "localnet.chain.genesis": ["Genesis"],
    "localnet.in_process": ["InProcessValidator"],
    "localnet.local_validator": ["LocalValidator", "LocalnetOptions"],
    "localnet.process": ["LocalValidatorProcess"],
    "operations.config.payloads": [
        "ChangedValue",
        "DiffData",
        "DifferentValue",
        "DumpedConfig",
        "EpochTimes",
        "PreviewData",
        "PreviewStep",
        "RewardCost",
        "UpdateConfigData",
    ],
    "operations.observe.payloads": ["RunDump", "UserDump"],
    "operations.rewards.payloads": ["CollateralAmount", "RatesData", "TopUpData"],
    "operations.runs.find": ["Run", "Treasury"],
    "operations.runs.payloads": ["CreateRunData", "NewTreasurer", "SetPausedData"],
    "operations.schedule.payloads": ["FundingData", "ScheduledAct", "ScheduledData"],
    "operations.status.event_payloads": ["RunEvent"],
    "operations.status.show_payloads": ["ShowData"],
    "operations.status.wait_payloads": ["ReachedData"],
    "operations.status.diagnosis.payloads": ["DiagnosisData"],
    "operations.status.member_payloads": ["MemberListData"],
    "operations.simulation.payloads": [
        "SimulatedEpoch",
        "SimulatedMember",
        "SimulatedRewards",
        "SimulatedState",
        "SimulationData",
    ],
    "protocol.accounts.any_account": ["DecodedAccount", "decode_account"],
    "protocol.accounts.coordinator_account": ["CoordinatorAccount"],
    "protocol.accounts.small_accounts": ["Authorization", "CoordinatorInstance", "Participant", "TreasurerRun"],
    "protocol.accounts.token_accounts": ["TokenAccount", "TokenMint"],
    "protocol.errors.program_errors": ["ProgramFailure", "explain_failure"],
    "protocol.instructions.builder": ["Instructions"],
    "protocol.programs": ["PUBLISHED", "ProgramIds"],
    "protocol.run_states": ["ClientState", "RunState"],
    "receipts": ["Receipt"],
    "results": ["OperationResult"],
    "run_config.load": ["RunConfig", "load_run_config"],
    "run_config.problems": ["Problem"],
    "solana.raw_account": ["RawAccount"],
    "solana.rpc.client": ["RpcClient"],
    "solana.rpc.types": ["Simulation"],
    "solana.wallet": ["Wallet"],
    "transport": ["Endpoint", "Transport"],
}
"""The public names of each module; the same as the imports above."""

if not TYPE_CHECKING:  # type checkers use the imports above and reject any other name

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for module, names in _MODULES.items():
            if name in names:
                value = getattr(import_module(f"psyche_cli.{module}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
