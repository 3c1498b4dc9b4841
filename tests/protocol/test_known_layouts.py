"""The layouts of the coordinator account: offsets, how one is chosen, and damaged accounts."""

from __future__ import annotations

import ctypes
import random
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import AccountError, MalformedAccount, WrongDiscriminator, WrongSize, WrongVersion
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import HEADER_BYTES, decode_coordinator_account
from psyche_cli.protocol.accounts.layout_support import different_rules, unwritten_layout
from psyche_cli.protocol.layouts import v1
from psyche_cli.protocol.layouts.derived import derived
from psyche_cli.protocol.layouts.known import LAYOUTS, Layout, find_layout
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.raw_account import RawAccount

ADDRESS = Pubkey.from_bytes(bytes([7] * 32))
DISCRIMINATOR = account_discriminator("CoordinatorAccount")
BY_NAME = {layout.name: layout for layout in LAYOUTS}
EVERY = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)

OFFSETS = """\
                                                        v0      v1      v1-reprc  v2-claimer  v2-dev
version                                                 -       8       8         8           8
state.metadata                                          8       16      16        16          -
state.coordinator.run_id                                368     376     376       376         16
state.coordinator.run_state                             432     408     408       408         48
state.coordinator.model                                 440     416     416       416         56
state.coordinator.model.LLM                             448     424     424       424         64
state.coordinator.model.LLM.checkpoint.Hub.repo_id      529     505     440       505         -
state.coordinator.model.LLM.checkpoint.Hub.revision     464     440     504       440         -
state.coordinator.model.LLM.checkpoint.Gcs.bucket       529     505     440       505         -
state.coordinator.model.LLM.checkpoint_source           -       -       -         -           72
state.coordinator.model.LLM.checkpoint_data             -       -       -         -           80
state.coordinator.model.LLM.checkpoint_data.len         -       -       -         -           336
state.coordinator.config                                992     968     968       968         344
state.coordinator.config.rounds_per_epoch               1032    -       -         -           -
state.coordinator.config.total_steps                    1036    1016    1016      1016        392
state.coordinator.config.verification_percent           1050    1030    1030      1030        406
state.coordinator.progress                              1056    1032    1032      1032        408
state.coordinator.epoch_state                           1072    1048    1048      1048        424
state.coordinator.epoch_state.clients                   57520   57496   57496     57496       56872
state.coordinator.epoch_state.clients.len               75952   75928   75928     75928       75304
state.coordinator.epoch_state.exited_clients            75960   75936   75936     75936       75312
state.coordinator.epoch_state.exited_clients.len        94392   94368   94368     94368       93744
state.coordinator.epoch_state.rounds_head               94400   94376   94376     94376       93752
state.coordinator.epoch_state.start_step                94404   94380   94380     94380       93756
state.coordinator.epoch_state.last_step                 -       94384   94384     94384       93760
state.coordinator.epoch_state.start_timestamp           -       94392   94392     94392       93768
state.coordinator.epoch_state.first_round               94408   94400   94400     94400       93776
state.coordinator.epoch_state.cold_start_epoch          94410   94401   94401     94401       93777
state.coordinator.epoch_state.checkpointed              94409   -       -         -           93778
state.coordinator.run_state_start_unix_timestamp        94416   94408   94408     94408       93784
state.coordinator.pending_pause                         94424   94416   94416     94416       93792
state.clients_state.clients                             94432   94424   94424     94424       93800
state.clients_state.clients.len                         119008  119000  119000    125144      118376
state.clients_state.next_active                         119016  119008  119008    125152      118384
state.clients_state.current_epoch_rates                 119024  119016  119016    125160      118392
state.is_warmup_first_tick                              119056  119048  119048    125192      118424
state.client_version                                    -       119050  119050    125194      118426
nonce                                                   119064  119152  119152    125296      118528
"""
SIZES = {"v0": 119_072, "v1": 119_160, "v1-reprc": 119_160, "v2-claimer": 125_304, "v2-dev": 118_536}


def offset_of(image: Any, path: str) -> int | None:
    """The offset in the account of a path in the image; None if the layout does not have it."""
    offset, kind = 8, image
    for step in path.split("."):
        if not hasattr(kind, step):
            return None
        offset += getattr(kind, step).offset
        inner = dict(kind._fields_)
        kind = inner[step] if step in inner else dict(inner[kind._anonymous_[0]]._fields_)[step]
    return offset


def rows() -> list[tuple[str, str, int | None]]:
    head, *lines = OFFSETS.splitlines()
    names = head.split()
    return [
        (name, path, None if text == "-" else int(text))
        for path, *texts in map(str.split, lines)
        for name, text in zip(names, texts, strict=True)
    ]


@pytest.mark.parametrize(("name", "path", "offset"), rows())
def test_offsets(name: str, path: str, offset: int | None) -> None:
    assert offset_of(BY_NAME[name].image, path) == offset


def test_sizes() -> None:
    assert {layout.name: layout.size for layout in LAYOUTS} == SIZES
    assert {layout.name: 8 + ctypes.sizeof(layout.image) for layout in LAYOUTS} == SIZES


def test_the_header_reaches_the_rounds_in_every_layout() -> None:
    assert max(offset_of(layout.image, "state.coordinator.epoch_state") or 0 for layout in LAYOUTS) == HEADER_BYTES


def account(layout: Layout, **changes: bytes) -> RawAccount:
    """An account of a layout without content, with bytes at the offsets ``at_N``."""
    data = bytearray(layout.size)
    data[:8] = DISCRIMINATOR
    if layout.version is not None:
        data[8:16] = layout.version.to_bytes(8, "little")
    for name, content in changes.items():
        start = int(name.removeprefix("at_"))
        data[start : start + len(content)] = content
    return RawAccount(ADDRESS, PUBLISHED.coordinator, 0, bytes(data))


@pytest.mark.parametrize(
    ("tag", "byte", "name"),
    [
        (0, 0x41, "v1"),
        *[(tag, byte, "v1") for tag in range(1, 6) for byte in (0, 1, 2, 0x1F)],
        *[(tag, byte, "v1-reprc") for tag in range(1, 6) for byte in (0x20, 0x41, 0xFF)],
    ],
)
def test_content_decides_between_layouts_of_one_size_and_version(tag: int, byte: int, name: str) -> None:
    raw = account(BY_NAME["v1"], at_436=tag.to_bytes(4, "little"), at_440=bytes([byte]))
    found = decode_coordinator_account(raw)
    assert found.layout == name
    if name == "v1" and tag > 0 and byte > 1:
        with pytest.raises(MalformedAccount, match="has option tag"):
            _ = found.model
        assert found.nonce == 0  # only that field is unreadable


def test_the_repository_is_read_in_either_order() -> None:
    tag = (2).to_bytes(4, "little")
    older = account(BY_NAME["v1"], at_436=tag, at_505=b"nous/model")
    newer = account(BY_NAME["v1"], at_436=tag, at_440=b"nous/model")
    for raw in (older, newer):
        llm: Any = decode_coordinator_account(raw).model["LLM"]
        assert llm["checkpoint"] == {"Hub": {"repo_id": "nous/model", "revision": None}}


@pytest.mark.parametrize(("size", "version"), [(119_160, 2), (118_536, 1), (125_304, 1), (124_680, 2), (119_160, 0)])
def test_unknown_combinations_are_refused_with_size_and_version(size: int, version: int) -> None:
    data = (DISCRIMINATOR + version.to_bytes(8, "little")).ljust(size, b"\0")
    assert find_layout(data, size) is None
    with pytest.raises(
        (WrongSize, WrongVersion),
        match=rf"is {size:,} bytes long and has version {version}, which is not a known layout",
    ):
        decode_coordinator_account(RawAccount(ADDRESS, PUBLISHED.coordinator, 0, data))


def test_other_types_are_refused() -> None:
    with pytest.raises(WrongDiscriminator):
        decode_coordinator_account(RawAccount(ADDRESS, PUBLISHED.coordinator, 0, bytes(119_160)))


@pytest.mark.parametrize("length", [0, 5, 256, 257, 2**64 - 1])
def test_a_checkpoint_of_any_length_is_read(length: int) -> None:
    content = bytes(range(256))
    raw = account(BY_NAME["v2-dev"], at_80=content, at_336=length.to_bytes(8, "little"))
    llm: Any = decode_coordinator_account(raw).model["LLM"]
    assert bytes(llm["checkpoint_data"]) == content[: min(length, 256)]
    assert llm["checkpoint_source"] == "Ephemeral"


def test_absent_fields_are_empty() -> None:
    oldest = decode_coordinator_account(account(BY_NAME["v0"]))
    assert (oldest.version, oldest.client_version, oldest.epoch_last_step, oldest.epoch_start_timestamp) == (
        0,
        "",
        0,
        0,
    )
    assert "rounds_per_epoch" in oldest.config
    assert decode_coordinator_account(account(BY_NAME["v2-dev"])).metadata == {}


def test_a_claimer_is_read() -> None:
    raw = account(BY_NAME["v2-claimer"], at_125144=(1).to_bytes(8, "little"), at_94488=bytes([9] * 32))
    values: Any = decode_coordinator_account(raw).as_dict()
    assert values["state"]["clients_state"]["clients"][0]["claimer"] == [9] * 32


@EVERY
def test_damaged_accounts_have_values_or_a_named_error(layout: Layout, full: bool) -> None:
    count = 10_000 if full else 300  # tests/cli/test_damaged_layouts.py: 100,000 others
    draw = random.Random(layout.name)
    places = [at for name, _, at in rows() if name == layout.name and at is not None]
    values = errors = 0
    for _ in range(count // 100):
        data = bytearray(account(layout).data)
        for _ in range(100):
            start = draw.choice(places) if draw.random() < 0.7 else draw.randrange(layout.size)
            data[start] = draw.choice([0, 1, 2, 5, 32, 127, 128, 255, draw.randrange(256)])
            raw = RawAccount(ADDRESS, PUBLISHED.coordinator, 0, bytes(data))
            try:
                found = decode_coordinator_account(raw)
                _ = found.run_state, found.model, found.config, found.rounds_head, found.pending_pause
                values += 1
            except AccountError:
                errors += 1
                data = bytearray(account(layout).data)
    assert values > 0
    assert errors > 0


def test_derived_structures_keep_the_order_unless_reversed() -> None:
    fields = [name for name, *_ in v1.CoordinatorProgress._fields_]
    names = [name for name, *_ in derived(v1.CoordinatorProgress, is_reversed=True)._fields_]
    assert names == fields[::-1]
    longer = derived(v1.CoordinatorProgress, without=("step",), more=ctypes.c_uint8)
    assert [name for name, *_ in longer._fields_] == ["epoch", "epoch_start_data_index", "more"]


@pytest.mark.parametrize("tag", range(8))
def test_the_byte_after_the_tag_of_the_checkpoint(tag: int) -> None:
    for byte in range(256):
        found = decode_coordinator_account(
            account(BY_NAME["v1"], at_436=tag.to_bytes(4, "little"), at_440=bytes([byte]), at_505=b"repository")
        )
        assert found.nonce == 0  # nothing else is affected
        is_older = tag == 0 or byte < 0x20
        assert found.layout == ("v1" if is_older else "v1-reprc")
        if tag > 5:
            with pytest.raises(MalformedAccount, match=f"has tag {tag}, but the highest tag is 5"):
                _ = found.readable_model
            continue
        llm: Any = found.readable_model["LLM"]
        if tag > 0 and 2 <= byte < 0x20:
            assert llm["checkpoint"] is None
            assert f"at byte 440 has option tag {byte}" in llm["checkpoint_error"]
            with pytest.raises(MalformedAccount, match="has option tag"):
                _ = found.model
        else:
            assert "checkpoint_error" not in llm
            assert found.model == found.readable_model


BORSH = {
    "Dummy": b"\0",
    "Hub": b"\1\x03\0\0\0a/b\0",
    "Hub with a revision": b"\1\x03\0\0\0a/b\1\x02\0\0\0v1",
    "Gcs": b"\2\x01\0\0\0x\0",
    "Gcs with a prefix": b"\2\x01\0\0\0x\1\x03\0\0\0p/q",
    "the longest": b"\1" + (246).to_bytes(4, "little") + b"r" * 246 + b"\1\0\0\0\0",
    "the longest without a revision": b"\1" + (250).to_bytes(4, "little") + b"r" * 250 + b"\0",
}
CHECKPOINTS = [
    "Dummy",
    {"Hub": {"repo_id": "a/b", "revision": None}},
    {"Hub": {"repo_id": "a/b", "revision": "v1"}},
    {"Gcs": {"bucket": "x", "prefix": None}},
    {"Gcs": {"bucket": "x", "prefix": "p/q"}},
    {"Hub": {"repo_id": "r" * 246, "revision": ""}},
    {"Hub": {"repo_id": "r" * 250, "revision": None}},
]


def v2_dev_llm(content: bytes, length: int | None = None, source: int = 1) -> Any:
    """The model of a v2-dev account with this checkpoint."""
    size = len(content) if length is None else length
    raw = account(
        BY_NAME["v2-dev"],
        at_72=source.to_bytes(4, "little"),
        at_80=content.ljust(256, b"\xee"),
        at_336=size.to_bytes(8, "little"),
    )
    return decode_coordinator_account(raw).model["LLM"]


@pytest.mark.parametrize(
    ("content", "checkpoint"), list(zip(BORSH.values(), CHECKPOINTS, strict=True)), ids=list(BORSH)
)
def test_a_checkpoint_in_borsh(content: bytes, checkpoint: object) -> None:
    llm = v2_dev_llm(content)
    assert llm["checkpoint"] == checkpoint
    assert "checkpoint_error" not in llm
    assert bytes(llm["checkpoint_data"]) == content
    assert llm["checkpoint_source"] == "Stored"


@pytest.mark.parametrize(
    ("content", "length", "reason"),
    [
        (b"\0", 0, "unexpected end of data"),
        (b"\0", 257, "its length is 257, but the maximum is 256"),
        (b"\0", 2**64 - 1, "its length is 18446744073709551615, but the maximum is 256"),
        (b"\3", 1, "its kind is 3, but the highest kind is 2"),
        (b"\xff" * 5, 5, "its kind is 255, but the highest kind is 2"),
        (b"\0\0", 2, "1 of its 2 bytes are left over"),
        (b"\1\x03\0\0\0a/b\0\0\0", 11, "2 of its 11 bytes are left over"),
        (b"\1\x03\0\0\0a/b", 8, "unexpected end of data"),
        (b"\1\x04\0\0\0a/b\0", 9, "unexpected end of data"),
        (b"\1\xff\xff\xff\xffa/b\0", 9, "unexpected end of data"),
        (b"\1\x03\0\0\0a/b\2", 9, "revision has option tag 2, but it must be 0 or 1"),
        (b"\1\x01\0\0\0\xff\0", 7, "repo_id is not valid UTF-8"),
        (b"\2\x01\0\0\0b\1\x02\0\0\0\xc3\x28", 13, "prefix is not valid UTF-8"),
    ],
)
def test_a_hostile_checkpoint_is_reported_as_such(content: bytes, length: int, reason: str) -> None:
    llm = v2_dev_llm(content, length)
    assert llm["checkpoint"] is None
    assert llm["checkpoint_error"] == f"The checkpoint data cannot be decoded: {reason}."


def test_an_ephemeral_model_without_a_checkpoint() -> None:
    assert v2_dev_llm(b"", source=0) == {
        "max_seq_len": 0,
        "cold_start_warmup_steps": 0,
        "checkpoint_source": "Ephemeral",
        "checkpoint_data": [],
        "checkpoint": None,
    }
    assert v2_dev_llm(b"\0", source=0)["checkpoint"] == "Dummy"


def test_a_claimer_is_a_part_of_its_client() -> None:
    raw = account(
        BY_NAME["v2-claimer"], at_125144=(1).to_bytes(8, "little"), at_94488=bytes([9] * 32), at_94520=b"\x05"
    )
    [client] = decode_coordinator_account(raw).clients
    assert (client.claimer, client.earned) == (bytes([9] * 32), 5)


def test_what_a_layout_does_not_allow_is_refused_by_name() -> None:
    error = unwritten_layout("v2-claimer", ADDRESS, "test")
    assert error.message == (
        "psyche-cli cannot change run 'test', which has layout v2-claimer (proposed, with a separate wallet that "
        "claims rewards): it writes only layout v1."
    )
    assert error.context == {"address": str(ADDRESS), "layout": "v2-claimer", "supported": "v1"}
    oldest = decode_coordinator_account(account(BY_NAME["v0"], at_368=b"old"))
    assert not oldest.has_rules_of_v1
    refused = different_rules(oldest)
    assert refused.message.startswith(
        "Run 'old' has layout v0 (used until December 2025), whose configuration and rules"
    )
    assert refused.hint.startswith("The programs can neither migrate nor close such a run.")
