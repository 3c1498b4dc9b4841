"""A run as it is now, for the dashboard: what ``show``, ``members`` and ``explain`` say, from the same accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.errors import NetworkError, PsycheError
from psyche_cli.operations.config.dump import toml_of_run
from psyche_cli.operations.rewards.claims import claims_of_members
from psyche_cli.operations.runs.find import locate_run
from psyche_cli.operations.status.explain import explain_observation
from psyche_cli.operations.status.members import member_list
from psyche_cli.operations.status.observation import Observation, addresses_of, observation_of
from psyche_cli.operations.status.show import LATEST_TRANSACTIONS, show_data
from psyche_cli.protocol.addresses import ANYONE, authorization_address

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.operations.status.diagnosis.payloads import DiagnosisData
    from psyche_cli.operations.status.member_payloads import MemberListData
    from psyche_cli.operations.status.show_payloads import ShowData


class RunNow(NamedTuple):
    """A run as it was read. A part that cannot be had is None, and ``problems`` says why, by its name in the page."""

    observation: Observation
    show: ShowData | None
    members: MemberListData | None
    explain: DiagnosisData | None
    toml: str | None
    problems: dict[str, str]


def read_run(session: Session, run_id: str, treasurer_index: int | None = None) -> RunNow:
    """Read a run in two round trips, a third one with a treasurer, and another one if not everyone may join.

    Raises RunNotFound, AccountNotFound, AccountError, UsageError, NetworkError.
    """
    located = locate_run(session, run_id, treasurer_index)
    everyone = authorization_address(located.instance.join_authority, ANYONE, session.programs)
    found, transactions = session.rpc.accounts_and_signatures(
        (*addresses_of(located), everyone), located.instance.coordinator_account, limit=LATEST_TRANSACTIONS
    )
    observation = observation_of(located, found[:-1])
    problems: dict[str, str] = {}
    shown = members = diagnosis = toml = None
    try:
        shown = show_data(observation, transactions, session.given)
    except PsycheError as error:
        problems["show"] = error.message
    try:
        members = member_list(observation, claims_of_members(session, observation.run))
    except NetworkError:
        raise
    except PsycheError as error:
        problems["members"] = error.message
    try:
        diagnosis = explain_observation(session, observation, found[-1]).data
    except NetworkError:
        raise
    except PsycheError as error:
        problems["explain"] = error.message
    try:
        toml = toml_of_run(observation.run)
    except PsycheError as error:
        problems["configuration"] = error.message
    return RunNow(observation, shown, members, diagnosis, toml, problems)
