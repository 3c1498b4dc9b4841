"""The values of a run that a run file describes, by dotted key: as they are, and as they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from psyche_cli.amounts import parse_amount
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.protocol.addresses import ANYONE, treasurer_index
from psyche_cli.run_config.differences import as_stored
from psyche_cli.run_config.rules import is_unset
from psyche_cli.run_config.schema import CHECKPOINT_KEY
from psyche_cli.run_file.wanted import WantedRun

NEW: Final = "new"
"""The wanted value of ``run`` for a run that is to be created, whose account has a random address."""

ORIGINS: Final = {"P2P": "Hub", "Dummy": "Hub", "P2PGcs": "Gcs"}
"""What the programs turn the kinds of checkpoints into during a run, which is not a change by anyone."""


class Value(NamedTuple):
    """The value of a key as it is, ``now``, and as the file wants it. Both are JSON values."""

    now: Any
    wanted: Any

    @property
    def differs(self) -> bool:
        """Whether the value must change."""
        return bool(self.now != self.wanted)


def values_of(wanted: WantedRun, actual: ActualRun) -> dict[str, Value]:
    """All values that the file describes, except for the state and the funding.

    Those of a run that does not exist are, as they are now, those that it will have once it is created, except for
    ``run``. Raises InvalidAmount for a rate with more decimals than the token.
    """
    return {
        **_of_creation(wanted, actual),
        **_metadata(wanted, actual),
        **_configuration(wanted, actual),
        **_rates(wanted, actual),
        **_authorizations(wanted, actual),
    }


def _of_creation(wanted: WantedRun, actual: ActualRun) -> dict[str, Value]:
    """What is decided when a run is created, and the client version."""
    run = actual.run
    address = None if run is None else str(run.account.address)
    authority = str(actual.wallet) if run is None else str(run.main_authority)
    join_authority = str(wanted.join.authority or actual.join_authority)
    found = {
        "run": Value(address, address or NEW),
        "main_authority": Value(authority, authority),
        "join.authority": Value(str(actual.join_authority), join_authority),
    }
    if wanted.client_version is not None:
        version = wanted.client_version if run is None else run.account.client_version
        found["client_version"] = Value(version, wanted.client_version)
    treasurer = wanted.treasurer
    if treasurer is not None:
        index = treasurer_index(wanted.run_id) if treasurer.index is None else treasurer.index
        treasury = run.treasury if run else None
        exists = run is not None
        mint = str(treasurer.mint)
        found["treasurer.mint"] = Value(
            (str(treasury.run.collateral_mint) if treasury else None) if exists else mint, mint
        )
        found["treasurer.index"] = Value((treasury.run.index if treasury else None) if exists else index, index)
    return found


def _metadata(wanted: WantedRun, actual: ActualRun) -> dict[str, Value]:
    created = {"name": "", "description": "", "num_parameters": 0, "vocab_size": 0}
    if not actual.is_recreated:  # otherwise the update sets them, because its transaction has no room for them
        created |= {key: wanted.metadata[key] for key in ("name", "description") if key in wanted.metadata}
    before = created if actual.run is None else actual.run.account.metadata
    return {f"metadata.{key}": Value(before[key], value) for key, value in wanted.metadata.items()}


def _configuration(wanted: WantedRun, actual: ActualRun) -> dict[str, Value]:
    model = wanted_model(wanted, actual)
    if wanted.config is None or model is None:
        return {}
    account = actual.run.account if actual.run else None
    unset = account is None or is_unset(account.config)
    config_now = {} if unset or account is None else flat(account.config, "config")
    model_now = {} if unset or account is None else flat(account.model, "model")
    now = {**config_now, **model_now}
    goal = {**flat(wanted.config, "config"), **flat(as_stored(model, "model"), "model")}
    keys = dict.fromkeys((*goal, *now))
    if account is not None and not unset and _checkpoint(model) is _checkpoint(account.model):
        # It is that of the run, which the program and members change.
        keys = {key: None for key in keys if key != CHECKPOINT_KEY and not key.startswith(f"{CHECKPOINT_KEY}.")}
    return {key: Value(now.get(key), goal.get(key)) for key in keys}


def wanted_model(wanted: WantedRun, actual: ActualRun) -> Mapping[str, Any] | None:
    """The model that the file wants; None if it has none.

    The checkpoint of a run that has started is that of the run: its members save new ones, and the program switches
    between peers and the hub. With ``resets_checkpoint``, that is so only while it comes from the same place.
    """
    if wanted.model is None or actual.run is None or actual.state == "unstarted":
        return wanted.model
    now = _checkpoint(actual.run.account.model)
    llm = wanted.model["LLM"]
    if not wanted.resets_checkpoint or _origin(now) == _origin(llm["checkpoint"]):
        return {"LLM": {**llm, "checkpoint": now}}
    return wanted.model


def first_step(wanted: WantedRun, actual: ActualRun) -> int:
    """The step at which the run starts or is resumed."""
    if actual.state in ("absent", "unstarted"):
        return 1 if wanted.start_step is None else wanted.start_step
    assert actual.run is not None
    return actual.run.next_step


def _checkpoint(model: Mapping[str, Any]) -> Any:
    return model["LLM"]["checkpoint"]


def _origin(checkpoint: Any) -> Any:
    """Where a checkpoint comes from. That of a run that has started is in a repository or a bucket."""
    [(kind, place)] = checkpoint.items()
    return ORIGINS.get(kind, kind), dict(place)


def _rates(wanted: WantedRun, actual: ActualRun) -> dict[str, Value]:
    rates = actual.run.account.future_epoch_rates if actual.run else None
    now = {
        "earning_rate": rates.earning_rate_total_shared if rates else 0,
        "slashing_rate": rates.slashing_rate_per_client if rates else 0,
    }
    texts = {"earning_rate": wanted.earning_rate, "slashing_rate": wanted.slashing_rate}
    return {
        f"rewards.{key}": Value(now[key], parse_amount(text, actual.decimals, f"rewards.{key}", allow_zero=True))
        for key, text in texts.items()
        if text is not None
    }


def _authorizations(wanted: WantedRun, actual: ActualRun) -> dict[str, Value]:
    found = {}
    known = actual.authorizations
    if wanted.join.everyone is not None:
        found["join.everyone"] = Value(ANYONE in known and known[ANYONE].active, wanted.join.everyone)
    for one in wanted.join.authorizations:
        key = f"join.authorizations.{one.grantee}"
        existing = known.get(one.grantee)
        found[key] = Value(existing is not None and existing.active, True)
        if one.delegates is not None:
            delegates = sorted({str(delegate) for delegate in existing.delegates}) if existing else []
            found[f"{key}.delegates"] = Value(delegates, sorted(map(str, one.delegates)))
    if wanted.join.deactivates_unlisted:
        listed = {ANYONE, *(one.grantee for one in wanted.join.authorizations)}
        others = [grantee for grantee, other in known.items() if grantee not in listed and other.active]
        found |= {f"join.authorizations.{grantee}": Value(True, False) for grantee in others}
    return found


def flat(value: Any, key: str) -> dict[str, Any]:
    """The leaves of a table by dotted key. Variant names are part of the key, as in the file."""
    if isinstance(value, Mapping):
        return {name: leaf for part in value for name, leaf in flat(value[part], f"{key}.{part}").items()}
    return {key: list(value) if isinstance(value, tuple) else value}
