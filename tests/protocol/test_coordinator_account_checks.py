"""Accounts that are not coordinator accounts of a known layout, and the order of the checks."""

from __future__ import annotations

from typing import Any

import pytest

from psyche_cli.errors import (
    WrongDiscriminator,
    WrongOwner,
    WrongSize,
    WrongVersion,
)
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import (
    HEADER_BYTES,
    decode_coordinator_account,
    decode_coordinator_header,
)
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.raw_account import RawAccount
from tests.protocol.images import ADDRESS, decode, put_u64, raw, v1_image


def test_discriminators() -> None:
    assert [
        account_discriminator(name).hex()
        for name in ("CoordinatorAccount", "CoordinatorInstance", "Authorization", "Run", "Participant")
    ] == ["ef21b1372c9b562b", "9c099910af181ffc", "0344a8f3c3a8204b", "c7369b56eb73f6bd", "208e6c4ff7b33606"]


def test_another_owner_comes_before_everything_else() -> None:
    with pytest.raises(WrongOwner) as caught:
        decode_coordinator_account(raw(b"", owner=SYSTEM_PROGRAM))
    assert caught.value.message == (
        f"The coordinator account {ADDRESS} is owned by the system program ({SYSTEM_PROGRAM}), "
        f"expected the coordinator program ({PUBLISHED.coordinator})."
    )
    assert caught.value.context["found"] == str(SYSTEM_PROGRAM)
    assert caught.value.context["expected"] == str(PUBLISHED.coordinator)
    elsewhere = ProgramIds(coordinator=ADDRESS)
    with pytest.raises(WrongOwner, match=f"program {PUBLISHED.coordinator}, expected the coordinator program"):
        decode_coordinator_account(raw(v1_image()), elsewhere)
    assert decode_coordinator_account(raw(v1_image(), owner=ADDRESS), elsewhere).run_id == "test"


def head(image: bytes, **fields: Any) -> RawAccount:
    return raw(image[:HEADER_BYTES], **fields)._replace(space=len(image))


def test_a_header_is_decoded_without_clients_and_rounds() -> None:
    image = bytes(v1_image())
    header, whole = decode_coordinator_header(head(image)), decode(image)
    assert (header.run_id, header.run_state, header.metadata) == (whole.run_id, whole.run_state, whole.metadata)


def test_a_header_of_another_owner_or_size_is_rejected() -> None:
    image = bytes(v1_image())
    with pytest.raises(WrongOwner):
        decode_coordinator_header(head(image, owner=SYSTEM_PROGRAM))
    with pytest.raises(WrongSize, match="is shorter than 1,072 bytes") as caught:
        decode_coordinator_header(head(image)._replace(data=image[: HEADER_BYTES - 1]))
    assert caught.value.context["found"] == HEADER_BYTES - 1
    with pytest.raises(WrongSize, match="is 1,072 bytes long"):
        decode_coordinator_header(raw(image[:HEADER_BYTES]))
    with pytest.raises(WrongSize, match=f"is {2**64 - 1:,} bytes long"):
        decode_coordinator_header(head(image)._replace(space=2**64 - 1))


@pytest.mark.parametrize("size", [0, 7, 119_159, 119_161, 120_016, 120_080, 125_296])
def test_a_size_that_no_layout_has_is_refused_even_when_the_version_is_right(size: int) -> None:
    image = bytes(v1_image()).ljust(size, b"\0")[:size]
    with pytest.raises(WrongSize) as caught:
        decode(image)
    version = 1 if size > 8 else 0
    assert f"is {size:,} bytes long and has version {version}, which is not a known layout" in caught.value.message
    assert "119,072 bytes (v0)" in caught.value.hint
    assert caught.value.context["found"] == size


def test_another_discriminator_comes_before_the_version() -> None:
    with pytest.raises(WrongDiscriminator) as caught:
        decode(bytes(119_160))
    assert "got 0000000000000000" in caught.value.message
    assert caught.value.context["expected"] == "ef21b1372c9b562b"


@pytest.mark.parametrize("version", [0, 2, 2**64 - 1])
def test_another_version_is_refused(version: int) -> None:
    image = v1_image()
    put_u64(image, 8, version)
    with pytest.raises(WrongVersion) as caught:
        decode(image)
    assert f"is 119,160 bytes long and has version {version}, which is not a known layout" in caught.value.message
    assert "119,160 bytes (v1)" in caught.value.hint
    assert caught.value.context["found"] == version
