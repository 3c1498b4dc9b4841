"""Arguments of the lifecycle commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from psyche_cli.cli.options import Argument
from psyche_cli.environment import Environment


def _machine_names(before: Mapping[str, Any]) -> list[str]:  # noqa: ARG001 -- they do not depend on other words
    from psyche_cli.lifecycle.machines import MACHINES

    return list(MACHINES)


def _state_names(before: Mapping[str, Any]) -> list[str]:
    from psyche_cli.lifecycle.machines import MACHINES

    machine = MACHINES.get(str(before.get("machine")))
    return [] if machine is None else [state.name for state in machine.states]


def run_state_names(environment: Environment, before: Mapping[str, Any]) -> list[str]:  # noqa: ARG001 -- they do not depend on other words
    """The names of the states of a run."""
    return _state_names({"machine": "psyche-run"})


MachineName = Annotated[
    str, Argument(metavar="MACHINE", help="Name of a machine; lifecycle list prints them.", values=_machine_names)
]
StateName = Annotated[str, Argument(metavar="STATE", help="Name or number of a state.", values=_state_names)]
