"""The tones of states, which select their colors on a terminal."""

from __future__ import annotations

from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import Tone, Toned

_PROGRESSES = (
    RunState.WARMUP,
    RunState.ROUND_TRAIN,
    RunState.ROUND_WITNESS,
    RunState.COOLDOWN,
    RunState.FINISHED,
)


def shown_state(state: RunState, rest: str = "", *, pausing: bool = False) -> Toned:
    """The name of a run's state, followed by ``rest``: good if it trains or is finished, otherwise a caution.

    ``pausing`` adds that a pause is pending.
    """
    name = state.text + (" (pause pending)" if pausing else "")
    return Toned(name, state_tone(state, pausing=pausing), rest)


def state_tone(state: RunState, *, pausing: bool = False) -> Tone:
    """The tone of a run's state: good if it trains or is finished, otherwise a caution."""
    return "good" if state in _PROGRESSES and not pausing else "caution"
