"""Arguments of the lifecycle commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from psyche_cli.cli.options import Argument
from psyche_cli.environment import Environment


def _machine_names(_: Environment, __: Mapping[str, Any]) -> list[str]:
    from psyche_cli.lifecycle.machines import MACHINES

    return list(MACHINES)


def state_names(_: Environment, parameters: Mapping[str, Any]) -> list[str]:
    """The names of the states of the machine on the command line."""
    from psyche_cli.lifecycle.machines import MACHINES

    machine = MACHINES.get(str(parameters.get("machine")))
    return [] if machine is None else [state.name for state in machine.states]


def run_state_names(_: Environment, __: Mapping[str, Any]) -> list[str]:
    """The names of the states of a run."""
    from psyche_cli.protocol.run_states import RunState

    return [state.variant for state in RunState]


MachineName = Annotated[
    str, Argument(metavar="MACHINE", help="Name of a machine; lifecycle list prints them.", values=_machine_names)
]
StateName = Annotated[str, Argument(metavar="STATE", help="Name or number of a state.", values=state_names)]
