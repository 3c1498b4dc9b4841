"""A replay as bytes, to continue it later."""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

from solders.pubkey import Pubkey

from psyche_cli.history.clocks import SlotTime
from psyche_cli.history.execution import RunAddresses
from psyche_cli.history.moments import Claims, Moment, TreasuryMoment
from psyche_cli.history.records import Place
from psyche_cli.history.replay import Problem, Replay
from psyche_cli.model.from_account import state_from_account
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.layouts.known import WRITTEN, layout_named
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.raw_account import RawAccount

_LENGTH: Final = 4
_LEVEL: Final = 3


def keep(replay: Replay) -> bytes:
    """The replay, compressed: the length of a JSON object (u32), the object, and the data of the account, if any."""
    now, treasury = replay.now, replay.now.treasury
    rest = {
        "count": replay.count,
        "place": replay.place,
        "clock": replay.clock,
        "times": {slot: [*time] for slot, time in replay.times.items()},
        "problems": [[*problem] for problem in replay.problems],
        "authorities": [now.main_authority, now.join_authority],
        "treasury": None
        if treasury is None
        else {
            **treasury._asdict(),
            "total": [*treasury.total],
            "participants": {wallet: [*claims] for wallet, claims in treasury.participants.items()},
        },
    }
    text = json.dumps(rest, separators=(",", ":")).encode()
    return zlib.compress(len(text).to_bytes(_LENGTH, "little") + text + (replay.data or b""), _LEVEL)


def continued(kept: bytes, addresses: RunAddresses, programs: ProgramIds) -> Replay:
    """A replay that was kept. Times of slots before it cannot be searched any more. Raises ValueError if damaged."""
    try:
        whole = zlib.decompress(kept)
        end = _LENGTH + int.from_bytes(whole[:_LENGTH], "little")
        rest, data = json.loads(whole[_LENGTH:end]), whole[end:]
    except zlib.error as error:
        raise ValueError("the replay is damaged") from error
    state = None
    if data:
        raw = RawAccount(Pubkey.from_string(addresses.account), programs.coordinator, 0, data)
        state = state_from_account(CoordinatorAccount(raw, layout_named(WRITTEN)))
    main_authority, join_authority = rest["authorities"]
    start = Moment(state, main_authority, join_authority, _treasury(rest["treasury"]))
    replay = Replay(addresses, start, base=data or None, count=rest["count"], programs=programs)
    replay.place = None if rest["place"] is None else Place(*rest["place"])
    replay.clock = None if rest["clock"] is None else (rest["clock"][0], rest["clock"][1])
    replay.times = {int(slot): SlotTime(*time) for slot, time in rest["times"].items()}
    replay.problems = [Problem(*problem) for problem in rest["problems"]]
    return replay


def _treasury(given: Any) -> TreasuryMoment | None:
    if given is None:
        return None
    participants = {wallet: Claims(*claims) for wallet, claims in given["participants"].items()}
    return TreasuryMoment(**{**given, "total": Claims(*given["total"]), "participants": participants})
