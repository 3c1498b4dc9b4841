"""States are written as the bytes from which they are read."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from psyche_cli.history.account_image import AccountImage, account_of
from psyche_cli.limits import U32_MAX
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.layouts.known import layout_named
from tests.model.random_play import RandomPlay
from tests.programs.coordinator_bytes import decode as decode_independently
from tests.protocol.images import decode
from tests.protocol.leaf_images import write_image
from tests.support.counts import repetitions


@pytest.mark.parametrize("layout", ["v1", "v1-reprc"])
def test_every_leaf_is_written(layout: str) -> None:
    draw = random.Random(layout)
    for number in range(repetitions(80)):
        fixed = {"data_location": 3} if number % 2 == 0 else {}  # 3: Http, which has most variants
        if layout == "v1-reprc":
            fixed["checkpoint"] = 1 + number % 5
        data = bytearray(write_image(layout, layout_named(layout).version, draw, **fixed).data)
        data[94_376:94_380] = bytes([draw.randrange(4), 0, 0, 0])  # the current round, of four
        state = state_from_account(decode(bytes(data)))
        assert AccountImage(state, bytes(data), layout).data == data
        assert state_from_account(account_of(state, layout)) == state
        later = replace(initial_state("", ""), run_id=state.run_id)
        followed = AccountImage(later, layout=layout)
        followed.follow(state)
        assert followed.data == AccountImage(state, layout=layout).data
        followed.follow(later)
        assert _without_members(followed.data) == _without_members(AccountImage(later, layout=layout).data)


def _without_members(data: bytearray) -> bytes:
    """An account without the members' data, which the program never clears."""
    return bytes(data[:94_424] + data[119_000:])


@pytest.mark.parametrize("seed", range(repetitions(40)))
def test_an_image_follows_the_states_of_a_played_run(seed: int) -> None:
    play = RandomPlay(seed)
    image = AccountImage(play.state)
    for _ in range(150):
        play.step()
        if play.state.config["total_steps"] > U32_MAX:
            break  # no account can contain it
        image.follow(play.state)
        assert decode_independently(bytes(image.data)) == play.state
        assert image.data == AccountImage(play.state).data


def test_text_that_is_not_utf_8_keeps_its_bytes() -> None:
    state: CoordinatorState = replace(initial_state("run", ""), client_version="a\udcff\0b")
    data = bytes(AccountImage(state).data)
    assert data[119_050:119_055] == b"a\xff\0b\0"
    assert decode_independently(data) == state
