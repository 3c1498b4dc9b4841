"""Conversion of a state of the model to the bytes of a coordinator account: the inverse of ``model.from_account``."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from solders.pubkey import Pubkey

from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES, DISCRIMINATOR_BYTES
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, PendingClient
from psyche_cli.protocol.accounts.coordinator_rounds import Round, WitnessRecord
from psyche_cli.protocol.layouts.kinds import Choice, FixedString, Flag, OptionOf, TagOnly
from psyche_cli.protocol.layouts.known import WRITTEN, layout_named
from psyche_cli.protocol.layouts.v1 import COORDINATOR_ACCOUNT_VERSION
from psyche_cli.solana.raw_account import RawAccount

_WITNESS: Final = struct.Struct("<QQB7x24Q24Q32s")
_EPOCH_CLIENT: Final = struct.Struct("<32s32sB3xI")
_IDENTITY: Final = struct.Struct("<32s32s")


class AccountImage:
    """The data of a coordinator account in layout v1 or v1-reprc, which follows the states of a run.

    ``data`` begins as the account with the state ``state``: as ``base``, if the account was read, or newly created.
    ``follow`` writes only what another state changes. Bytes that no value needs, such as padding and those of unused
    variants, are zero where a value is written, and remain as they were elsewhere; the published program leaves
    arbitrary bytes there. Text with lone surrogates, which stand for bytes that are not valid UTF-8, is written as
    these bytes.
    """

    def __init__(self, state: CoordinatorState, base: bytes | None = None, layout: str = WRITTEN) -> None:
        self.data = bytearray(COORDINATOR_ACCOUNT_BYTES if base is None else base)
        self._image: Any = layout_named(layout).image.from_buffer(self.data, DISCRIMINATOR_BYTES)
        self._state = self._image.state
        self._coordinator = self._state.coordinator
        self._epoch = self._coordinator.epoch_state
        self._members = self._state.clients_state
        self._origin = ctypes.addressof(self._image) - DISCRIMINATOR_BYTES
        self._now: CoordinatorState | None = None if base is None else state
        self.follow(state)

    def follow(self, state: CoordinatorState) -> None:
        """Change the data to those of ``state``."""
        before = self._now
        if before is None:
            self.data[:DISCRIMINATOR_BYTES] = account_discriminator("CoordinatorAccount")
            self._image.version = COORDINATOR_ACCOUNT_VERSION
            _fill(self._coordinator.run_id, state.run_id)
        for part, name in (
            (self._state.client_version, "client_version"),
            (self._state.metadata, "metadata"),
            (self._coordinator.config, "config"),
            (self._coordinator.model, "model"),
            (self._coordinator.progress, "progress"),
        ):
            value = getattr(state, name)
            if before is None or _differ(getattr(before, name), value):
                _fill(part, value)
        self._follow_epoch(state, before)
        self._follow_members(state.clients, () if before is None else before.clients)
        self._members.next_active = state.next_active
        for rates, value in (
            (self._members.current_epoch_rates, state.current_epoch_rates),
            (self._members.future_epoch_rates, state.future_epoch_rates),
        ):
            _fill_rates(rates, value)
        self._coordinator.run_state.value = int(state.run_state)
        self._coordinator.run_state_start_unix_timestamp = state.run_state_start_timestamp
        self._coordinator.pending_pause.value = int(state.pending_pause)
        self._state.is_warmup_first_tick.value = int(state.is_warmup_first_tick)
        self._state.is_training_first_tick.value = int(state.is_training_first_tick)
        self._image.nonce = state.nonce
        self._now = state

    def _follow_epoch(self, state: CoordinatorState, before: CoordinatorState | None) -> None:
        epoch, old = state.epoch, None if before is None else before.epoch
        if epoch is old:
            return
        for index, (part, round_) in enumerate(zip(self._epoch.rounds, epoch.rounds, strict=True)):
            earlier = Round() if old is None else old.rounds[index]
            if round_ is not earlier:
                self._write_round(part, round_, earlier)
        for vector, now, then in (
            (self._epoch.clients, epoch.clients, () if old is None else old.clients),
            (self._epoch.exited_clients, epoch.exited_clients, () if old is None else old.exited_clients),
        ):
            self._write_clients(vector, now, then)
        self._epoch.rounds_head = epoch.rounds_head
        self._epoch.start_step = epoch.start_step
        self._epoch.last_step = epoch.last_step
        self._epoch.start_timestamp = epoch.start_timestamp
        self._epoch.first_round.value = int(epoch.first_round)
        self._epoch.cold_start_epoch.value = int(epoch.cold_start_epoch)

    def _write_round(self, part: Any, round_: Round, before: Round) -> None:
        start = self._offset(part.witnesses.data)
        known = _common(round_.witnesses, before.witnesses)
        for index in range(known, len(round_.witnesses)):
            _WITNESS.pack_into(self.data, start + index * _WITNESS.size, *_witness_values(round_.witnesses[index]))
        self._clear(start, len(round_.witnesses), len(before.witnesses), _WITNESS.size)
        part.witnesses.len = len(round_.witnesses)
        for name in ("data_index", "random_seed", "height", "clients_len", "tie_breaker_tasks"):
            setattr(part, name, getattr(round_, name))

    def _write_clients(self, vector: Any, clients: Sequence[EpochClient], before: Sequence[EpochClient]) -> None:
        start = self._offset(vector.data)
        for index in range(_common(clients, before), len(clients)):
            client = clients[index]
            at = start + index * _EPOCH_CLIENT.size
            _EPOCH_CLIENT.pack_into(self.data, at, *client.id, int(client.state), client.exited_height)
        self._clear(start, len(clients), len(before), _EPOCH_CLIENT.size)
        vector.len = len(clients)

    def _follow_members(self, members: Sequence[PendingClient], before: Sequence[PendingClient]) -> None:
        if members is before:
            return
        vector = self._members.clients
        for index, member in enumerate(members):
            if index < len(before) and before[index] is member:
                continue
            part = vector.data[index]
            _IDENTITY.pack_into(self.data, self._offset(part), *member.id)
            part.earned, part.slashed, part.active = member.earned, member.slashed, member.active
        vector.len = len(members)

    def _clear(self, start: int, length: int, before: int, size: int) -> None:
        """Clear the elements of a list that it had before and has no longer, as the program does."""
        if length < before:
            self.data[start + length * size : start + before * size] = bytes((before - length) * size)

    def _offset(self, part: Any) -> int:
        return ctypes.addressof(part) - self._origin


def account_of(state: CoordinatorState, layout: str = WRITTEN) -> CoordinatorAccount:
    """An account with this state, as the decoder reads it."""
    data = bytes(AccountImage(state, layout=layout).data)
    nowhere = Pubkey.default()
    return CoordinatorAccount(RawAccount(nowhere, nowhere, 0, data), layout_named(layout))


def _common(now: Sequence[object], before: Sequence[object]) -> int:
    """The number of elements at the beginning of both that are the same objects."""
    count = 0
    for one, other in zip(now, before, strict=False):
        if one is not other:
            break
        count += 1
    return count


def _differ(before: object, after: object) -> bool:
    return before is not after and before != after


def _witness_values(record: WitnessRecord) -> tuple[Any, ...]:
    participants, broadcasts = record.participant_bloom, record.broadcast_bloom
    filters = (*participants.keys, *participants.bits, *broadcasts.keys, *broadcasts.bits)
    return record.position, record.index, record.witness, *filters, record.broadcast_merkle


def _fill_rates(part: Any, rates: EpochRates) -> None:
    part.earning_rate_total_shared = rates.earning_rate_total_shared
    part.slashing_rate_per_client = rates.slashing_rate_per_client


def _fill(part: Any, value: Any) -> None:
    """Write a plain value into a part of the image. The bytes that it does not need become zero."""
    if isinstance(part, TagOnly):
        part.value = part.variants.index(value)  # type: ignore[attr-defined]
    elif isinstance(part, Flag):
        part.value = int(value)  # type: ignore[attr-defined]
    elif isinstance(part, ctypes.Array):
        # U+FFFD, for what is not valid UTF-8, may be longer than what it stands for.
        raw = value.encode(errors="surrogateescape")[: len(part)] if isinstance(part, FixedString) else value
        part[:] = [*raw, *[0] * (len(part) - len(raw))]
    elif isinstance(part, Choice | OptionOf):
        _fill_tagged(part, value)
    else:
        _clear(part)
        for name, inner in value.items():
            _set(part, name, inner)


def _fill_tagged(part: Any, value: Any) -> None:
    _clear(part)
    if isinstance(part, OptionOf):
        if value is not None:
            part.tag = 1  # type: ignore[attr-defined]
            _set(part, "Some", value)
    elif isinstance(value, Mapping):
        ((variant, payload),) = value.items()
        part.tag = part.variants.index(variant)
        _set(part, variant, payload)
    else:
        part.tag = part.variants.index(value)


def _set(part: Any, name: str, value: Any) -> None:
    inner = getattr(part, name)
    if isinstance(inner, int | float):
        setattr(part, name, value)
    else:
        _fill(inner, value)


def _clear(part: Any) -> None:
    ctypes.memset(ctypes.addressof(part), 0, ctypes.sizeof(part))
