"""What the members of a rehearsal must conclude from each round, computed from the files that they published.

The trainer is the fake one, so what an honest member publishes follows from the weights and its share. Nothing of
``psyche_cli.training`` decides here, except who checks whom.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.data_assignment import split_batch
from psyche_cli.model.instructions import Committee
from psyche_cli.model.states import CoordinatorState
from psyche_cli.model.transitions import next_data_index
from psyche_cli.training.checker import Share, choose_checks


class Weights(NamedTuple):
    """Those of the fake trainer after a number of steps."""

    value: bytes
    steps: int

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.value).hexdigest()

    def after(self, updates: Sequence[bytes]) -> Weights:
        """What they become by these updates, in this order."""
        if not updates:
            return self
        return Weights(hashlib.sha256(b"".join((self.value, *updates))).digest(), self.steps + 1)

    def result(self, sequences: range) -> tuple[bytes, float, int]:
        """The update, the loss and the tokens of an honest member."""
        update = hashlib.sha256(self.value + f"{sequences.start} {sequences.stop}".encode()).digest()
        return update, 5.5 / (1 + self.steps / 8), len(sequences)


def score(update: bytes, loss: float, tokens: int) -> str:
    return hashlib.sha256(b"%.6g %d " % (loss, tokens) + update).hexdigest()


class Published(NamedTuple):
    """The file of a member and round, as it was when the rehearsal ended."""

    header: Mapping[str, Any]
    update: bytes

    @property
    def is_sound(self) -> bool:
        """Whether its bytes match their hash."""
        return bool(self.header["sha256"] == hashlib.sha256(self.update).hexdigest())

    @property
    def result(self) -> tuple[bytes, float, int]:
        return self.update, self.header["loss"], self.header["tokens"]

    @property
    def checks(self) -> dict[str, str]:
        return dict(self.header["checks"])


class Files(NamedTuple):
    """What the members of a rehearsal have written: results by step and member, and the rounds that they closed."""

    results: Mapping[int, Mapping[str, Published]]
    closed: Mapping[int, Mapping[str, Any]]

    @classmethod
    def of(cls, folder: Path) -> Files:
        """Those in the folder that the members share."""
        results: dict[int, dict[str, Published]] = {}
        for path in (folder / "exchange").rglob("*.result"):
            line, _, update = path.read_bytes().partition(b"\n")
            step = int(path.parent.name.removeprefix("step-"))
            results.setdefault(step, {})[path.stem] = Published(json.loads(line), update)
        closed = {}
        for path in sorted((folder / "closed").glob("step-*.json")):
            closed[int(path.stem.removeprefix("step-"))] = json.loads(path.read_bytes())
        return cls(results, closed)


def shares_of(state: CoordinatorState, names: Mapping[bytes, str]) -> tuple[Share, ...]:
    """The shares of the round that a state of the run is in, in the order of the data."""
    current = state.current_round
    selection = CommitteeSelection.of(current, state.config)
    trainers = [
        index
        for index in range(current.clients_len)
        if selection.committee(selection.committee_position(index)) == Committee.TRAINER
    ]
    size = next_data_index(state) - current.data_index
    parts = split_batch(current.data_index, size, trainers, current.random_seed)
    return tuple(Share(names[state.epoch.clients[index].id.signer], sequences) for index, sequences in parts)


class Group(NamedTuple):
    """Three members that computed the same share, the owner first. What a score is worth: True if it is the true one,
    False if it is another one, None if there is none.
    """

    members: tuple[str, ...]
    scores: tuple[str | None, ...]
    true: str

    @property
    def agreeing(self) -> str | None:
        """The score that at least two of them have."""
        counts = Counter(one for one in self.scores if one is not None)
        return next((one for one, count in counts.items() if count >= 2), None)

    @property
    def has_honest_majority(self) -> bool:
        """Whether all three have a score, and at least two the true one."""
        return None not in self.scores and self.scores.count(self.true) >= 2

    def refuted(self) -> Iterator[str]:
        """The members whose score differs from that of two others."""
        if self.agreeing is not None:
            for member, one in zip(self.members, self.scores, strict=True):
                if one not in (None, self.agreeing):
                    yield member


class Conclusion(NamedTuple):
    """What follows from a round.

    ``left_out`` has the reason for each member that published something which does not count. ``lied`` are the members
    that published something else than an honest one would, with the same weights.
    """

    step: int
    left_out: Mapping[str, str]
    lied: frozenset[str]
    groups: tuple[Group, ...]
    weights: Weights


def conclusions(
    files: Files, states: Mapping[int, CoordinatorState], names: Mapping[bytes, str], *, seed: int, percent: float
) -> Iterator[Conclusion]:
    """What follows from each round that was closed, in their order. ``states`` are those of the run by step."""
    weights = Weights(hashlib.sha256(f"fake {seed}".encode()).digest(), 0)
    known = {weights.hash: weights}
    for step, closed in sorted(files.closed.items()):
        state = states[step]
        shares = shares_of(state, names)
        results = files.results.get(step, {})
        found = _conclude(step, shares, state.current_round.random_seed, closed["members"], results, known, percent)
        accepted = [
            results[share.member].update
            for share in shares
            if share.sequences and share.member in set(closed["members"]) & results.keys() - found.left_out.keys()
        ]
        weights = weights.after(accepted)
        known[weights.hash] = weights
        yield found._replace(weights=weights)


def _conclude(
    step: int,
    shares: Sequence[Share],
    seed: int,
    seen: Sequence[str],
    results: Mapping[str, Published],
    known: Mapping[str, Weights],
    percent: float,
) -> Conclusion:
    sizes = {share.member: share.sequences for share in shares if share.sequences}
    sound = {name: results[name] for name in sizes if name in seen and name in results and results[name].is_sound}
    left_out = {name: "malformed" for name in sizes if name in results and not results[name].is_sound}
    bases = Counter(one.header["base"] for one in sound.values())
    base = next((one for one, count in bases.items() if count == max(bases.values())), "")
    left_out |= {name: "other-weights" for name, one in sound.items() if one.header["base"] != base}
    usable = {name: one for name, one in sound.items() if name not in left_out}
    checks = choose_checks(shares, seed, percent)
    groups = tuple(
        Group(
            (check.owner, *check.checkers),
            (
                score(*usable[check.owner].result) if check.owner in usable else None,
                *(usable[one].checks.get(check.owner) if one in usable else None for one in check.checkers),
            ),
            score(*known[base].result(check.sequences)) if base in known else "",
        )
        for check in checks
    )
    undecided = {group.members[0] for group in groups if group.agreeing is None and group.members[0] in usable}
    for group in groups:
        for name in group.refuted():
            left_out.setdefault(name, "wrong-result" if name == group.members[0] else "wrong-check")
    left_out = {**dict.fromkeys(undecided, "undecided"), **left_out}
    lied = frozenset(name for name, one in results.items() if name in sizes and _lies(one, sizes, known))
    return Conclusion(step, left_out, lied, groups, Weights(b"", 0))


def _lies(one: Published, sizes: Mapping[str, range], known: Mapping[str, Weights]) -> bool:
    """Whether a member published something else than what follows from the weights that it names."""
    weights = known.get(one.header["base"])
    if weights is None or not one.is_sound:
        return True
    is_wrong = one.result != weights.result(sizes[one.header["member"]])
    return is_wrong or any(given != score(*weights.result(sizes[owner])) for owner, given in one.checks.items())
