"""Instructions whose accounts or arguments have another form in the programs of layouts v2-dev and v2-claimer.

All other instructions are the same for all layouts. Several forms have the same discriminator: if the layout of the run
is not known, the form is chosen whose accounts are there and whose arguments end with the data, v1 before the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.protocol.instructions.idl_decoder import (
    IdlInstruction,
    IdlValues,
    discriminator,
    idl_instruction,
    idl_types,
    instructions_by_discriminator,
    snake_case,
)
from psyche_cli.protocol.layouts.known import WRITTEN
from psyche_cli.solana.byte_reader import ByteReader

DEV: Final = "v2-dev"
CLAIMER: Final = "v2-claimer"


class Form(NamedTuple):
    """An instruction as the program of a layout declares it: roles of accounts, and types of arguments by name."""

    layout: str
    program: str
    name: str
    accounts: tuple[str, ...]
    arguments: Mapping[str, Any]

    @property
    def argument_names(self) -> tuple[str, ...]:
        """The names of the arguments after decoding."""
        return (*self.arguments, "checkpoint") if _CHECKPOINT_DATA in self.arguments else tuple(self.arguments)


def _optional(**types: Any) -> dict[str, Any]:
    return {name: {"option": kind} for name, kind in types.items()}


def _defined(name: str) -> dict[str, str]:
    return {"defined": name}


_CHECKPOINT_DATA: Final = "checkpoint_data"
_OWNER: Final = ("authority", "coordinator_instance", "coordinator_account")
_MEMBER: Final = ("user", "coordinator_instance", "coordinator_account")
_TREASURER: Final = ("authority", "run", "coordinator_instance", "coordinator_account", "coordinator_program")
_WITNESS: Final[Mapping[str, Any]] = {
    "proof": _defined("WitnessProof"),
    "participant_bloom": _defined("Bloom"),
    "broadcast_bloom": _defined("Bloom"),
    "broadcast_merkle": _defined("MerkleRoot"),
}
_CONFIG: Final = {"config": _defined("CoordinatorConfig")}
_PROGRESS: Final = {"progress": _defined("CoordinatorProgress")}
_DEV_TABLES: Final = _optional(**_CONFIG, model=_defined("DevModel"), **_PROGRESS)
_TABLES: Final = _optional(metadata=_defined("RunMetadata"), **_CONFIG, model=_defined("Model"), **_PROGRESS)
_CHANGES: Final = _optional(epoch_earning_rate_total_shared="u64", epoch_slashing_rate_per_client="u64", paused="bool")

FORMS: Final = (
    Form(DEV, "coordinator", "update", _OWNER, _DEV_TABLES),
    Form(DEV, "coordinator", "witness", _MEMBER, {**_WITNESS, "metadata": "bytes"}),
    Form(DEV, "coordinator", "cooldown_witness", _MEMBER, _WITNESS),
    Form(DEV, "coordinator", "checkpoint", _MEMBER, {_CHECKPOINT_DATA: _defined("DevCheckpointData")}),
    Form(DEV, "treasurer", "run_update", _TREASURER, {**_DEV_TABLES, **_CHANGES, **_optional(client_version="string")}),
    Form(
        CLAIMER,
        "coordinator",
        "init_coordinator",
        ("payer", "authority", "coordinator_instance", "coordinator_account", "system_program"),
        {"run_id": "string", "join_authority": "publicKey", "client_version": "string"},
    ),
    Form(CLAIMER, "coordinator", "set_join_authority", _OWNER, {"join_authority": "publicKey"}),
    Form(
        CLAIMER,
        "coordinator",
        "join_run",
        ("user", "authorization", "coordinator_instance", "coordinator_account"),
        {"client_id": _defined("NodeIdentity"), "claimer": "publicKey"},
    ),
    Form(
        CLAIMER,
        "treasurer",
        "run_create",
        (
            "payer",
            "authority",
            "run",
            "run_collateral",
            "collateral_mint",
            "coordinator_instance",
            "coordinator_account",
            "coordinator_program",
            "associated_token_program",
            "token_program",
            "system_program",
        ),
        {"index": "u64", "run_id": "string", "join_authority": "publicKey", "client_version": "string"},
    ),
    Form(
        CLAIMER,
        "treasurer",
        "run_update",
        _TREASURER,
        {**_TABLES, **_CHANGES, **_optional(join_authority="publicKey", client_version="string")},
    ),
    Form(
        CLAIMER,
        "treasurer",
        "participant_create",
        ("payer", "run", "participant", "system_program"),
        {"user": "publicKey"},
    ),
    Form(
        CLAIMER,
        "treasurer",
        "participant_claim",
        (
            "claimer",
            "claimer_collateral",
            "run",
            "run_collateral",
            "coordinator_account",
            "participant",
            "token_program",
        ),
        {"user": "publicKey", "claim_earned_points": "u64"},
    ),
)
"""The forms that differ from those of v1, and the instructions that v1 does not have."""

_TYPES: Final[Mapping[str, Any]] = {
    "DevModel": {"kind": "enum", "variants": [{"name": "LLM", "fields": [_defined("DevLlm")]}]},
    "DevLlm": {
        "kind": "struct",
        "fields": [
            {"name": "max_seq_len", "type": "u32"},
            {"name": "cold_start_warmup_steps", "type": "u32"},
            {"name": "checkpoint_source", "type": _defined("DevCheckpointSource")},
            {"name": _CHECKPOINT_DATA, "type": _defined("DevCheckpointData")},
        ],
    },
    "DevCheckpointSource": {
        "kind": "enum",
        "variants": [{"name": "Ephemeral"}, {"name": "Stored"}, {"name": "P2P"}],
    },
    "DevCheckpointData": {
        "kind": "struct",
        "fields": [{"name": "data", "type": {"array": ["u8", 256]}}, {"name": "len", "type": "u64"}],
    },
}


@functools.cache
def other_forms(program: str, first: bytes) -> tuple[Form, ...]:
    """The forms of the instruction that begins with these 8 bytes which differ from that of v1."""
    return tuple(form for form in FORMS if form.program == program and discriminator(form.name) == first)


def instruction_of_layout(
    program: str, data: bytes, accounts: int, layout: str | None, *, exact: bool = False
) -> IdlInstruction:
    """The instruction of a program of a layout, None if it is not known. ``accounts`` is their number.

    ``exact`` is as in ``idl_instruction``. Bytes that the program of v2-dev does not decode have no other effect than
    to remain bytes if they are invalid. Raises ValueError like ``idl_instruction``.
    """
    forms = other_forms(program, data[:DISCRIMINATOR_BYTES])
    if layout is not None:
        own = next((form for form in forms if form.layout == layout), None)
        return idl_instruction(program, data, exact=exact) if own is None else _read(own, data, exact=exact)
    if forms and data[:DISCRIMINATOR_BYTES] not in instructions_by_discriminator(program):
        return _read(forms[0], data, exact=exact)
    readers: list[Callable[[], IdlInstruction]] = [
        lambda: idl_instruction(program, data, exact=exact),
        *(functools.partial(_read, form, data, exact=exact) for form in forms),
    ]
    for read in readers:
        with suppress(ValueError):
            found = read()
            if found.unused_bytes == 0 and len(found.accounts) <= accounts:
                return found
    return idl_instruction(program, data, exact=exact)


def name_and_roles(program: str, data: bytes, accounts: int) -> tuple[str, Sequence[str]] | None:
    """The name of an instruction and the roles of its accounts, from which its layout is not known.

    None if no program has it. Its arguments are decoded only if the roles depend on the layout.
    """
    first = data[:DISCRIMINATOR_BYTES]
    forms, entry = other_forms(program, first), instructions_by_discriminator(program).get(first)
    if entry is None:
        return (forms[0].name, forms[0].accounts) if forms else None
    roles = tuple(snake_case(account["name"]) for account in entry["accounts"])
    if any(form.accounts != roles for form in forms):
        try:
            found = instruction_of_layout(program, data, accounts, None)
        except ValueError:
            return snake_case(entry["name"]), roles
        return found.name, found.accounts
    return snake_case(entry["name"]), roles


def _read(form: Form, data: bytes, *, exact: bool) -> IdlInstruction:
    reader = ByteReader(data[DISCRIMINATOR_BYTES:])
    types = {**idl_types(form.program), **_TYPES}
    values = IdlValues(reader, types, exact=exact)
    given: dict[str, Any] = {name: values.read(kind, name) for name, kind in form.arguments.items()}
    if form.layout == DEV:
        if form.name == "witness":
            given["metadata"] = _metadata(given["metadata"], types)
        if _CHECKPOINT_DATA in given:
            given |= _checkpoint(given[_CHECKPOINT_DATA])
        if given.get("model") is not None:
            model = given["model"]["LLM"]
            given["model"] = {"LLM": {**model, **_checkpoint(model[_CHECKPOINT_DATA])}}
    return IdlInstruction(form.name, form.accounts, given, reader.left, form.layout)


def _metadata(data: bytes, types: Mapping[str, Any]) -> Any:
    """The metadata of a witness, which the program stores as bytes; the bytes if they are something else."""
    reader = ByteReader(data)
    try:
        found = IdlValues(reader, types, exact=True).read(_defined("WitnessMetadata"), "metadata")
    except ValueError:
        return data
    return data if reader.left > 0 else found


def _checkpoint(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The bytes of a checkpoint in use, the ``checkpoint``, and why it is None as ``checkpoint_error``."""
    from psyche_cli.protocol.layouts.v2_dev import decode_checkpoint

    data, length = stored["data"], stored["len"]
    found: dict[str, Any] = {_CHECKPOINT_DATA: data[:length], "checkpoint": None}
    if length > len(data):
        return {**found, "checkpoint_error": f"its length is {length}, but the maximum is {len(data)}"}
    try:
        return {**found, "checkpoint": decode_checkpoint(data[:length])}
    except ValueError as error:
        return {**found, "checkpoint_error": str(error)}


LIKE_V1: Final = frozenset({WRITTEN, "v1-reprc"})
"""The layouts whose instructions are those of v1."""
