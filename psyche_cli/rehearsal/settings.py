"""The settings of a member's worker: the content of its configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from psyche_cli.errors import RehearsalError
from psyche_cli.rehearsal.faults import Fault

FOLDER_PREFIX: Final = "psyche-rehearsal-"
"""How the names of the folders of rehearsals begin. Each has the keys and the folder that the members share."""


class Settings(NamedTuple):
    """The settings of one worker.

    ``member`` is its number from 1, and ``wallets`` are the addresses of all members in the order of their numbers.
    ``endpoint`` is a file with the URL of the endpoint, which may be secret, ``keypair`` the member's keypair file,
    ``folder`` the one that all members share, and ``text`` the file to train on (None: the one that is part of the
    package). ``trainer`` is numpy, torch, or fake for training without a model. ``authorizer`` is that of
    ``members.Member``.

    A round takes ``train_seconds``, and loading the model ``warmup_seconds``, in seconds of the cluster.
    ``check_percent`` is the share of the results that other members check, from 0 to 100. ``started_at`` is the start,
    in Unix seconds of the cluster, from which the times of ``faults`` count. The member ends once ``until_epoch``
    epochs are completed or the run is at ``until_step`` (None: with the run). It follows turns, or looks at the run by
    itself every ``poll_seconds``.
    """

    endpoint: Path
    run_id: str
    member: int
    wallets: tuple[str, ...]
    keypair: Path
    folder: Path
    text: Path | None
    trainer: str
    seed: int
    train_seconds: int
    warmup_seconds: int
    check_percent: float
    started_at: int
    until_epoch: int | None
    faults: tuple[Fault, ...] = ()
    until_step: int | None = None
    poll_seconds: float | None = None
    authorizer: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The settings as a JSON object."""
        return {
            **self._asdict(),
            "wallets": list(self.wallets),
            "endpoint": str(self.endpoint),
            "keypair": str(self.keypair),
            "folder": str(self.folder),
            "text": None if self.text is None else str(self.text),
            "faults": [fault._asdict() for fault in self.faults],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Settings:
        """The settings from a JSON object, which may have other keys too. Raises RehearsalError."""
        try:
            values = {name: found[name] for name in cls._fields}
            return cls(**values)._replace(
                wallets=tuple(found["wallets"]),
                endpoint=Path(found["endpoint"]),
                keypair=Path(found["keypair"]),
                folder=Path(found["folder"]),
                text=None if found["text"] is None else Path(found["text"]),
                faults=tuple(Fault(**fault) for fault in found["faults"]),
            )
        except (KeyError, TypeError) as error:
            raise RehearsalError(f"The configuration of the worker is not that of a rehearsal: {error}.") from error

    @property
    def rpc_url(self) -> str:
        """The URL of the endpoint. Raises OSError."""
        return self.endpoint.read_text(encoding="utf-8")

    @property
    def name(self) -> str:
        """The name of the member, which is also that of its worker."""
        return name_of(self.member)

    @property
    def names(self) -> dict[str, str]:
        """The name of each member by its wallet."""
        return {wallet: name_of(number) for number, wallet in enumerate(self.wallets, 1)}


def name_of(member: int) -> str:
    """The name of a member, such as ``member-2``."""
    return f"member-{member}"


def number_of(name: str) -> int:
    """The number of a member from its name. Raises ValueError."""
    prefix, _, number = name.rpartition("-")
    if prefix != "member":
        raise ValueError(name)
    return int(number)
