"""Accounts that are not coordinator accounts of a known layout, and the order of the checks."""

from __future__ import annotations

import pytest

from psyche_cli.errors import (
    RetiredLayout,
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


def test_a_header_is_decoded_without_clients_and_rounds() -> None:
    image = bytes(v1_image())
    header, whole = decode_coordinator_header(raw(image[:HEADER_BYTES])), decode(image)
    assert (header.run_id, header.run_state, header.metadata) == (whole.run_id, whole.run_state, whole.metadata)


def test_a_header_of_another_owner_or_size_is_rejected() -> None:
    image = bytes(v1_image())
    with pytest.raises(WrongOwner):
        decode_coordinator_header(raw(image[:HEADER_BYTES], owner=SYSTEM_PROGRAM))
    with pytest.raises(WrongSize) as caught:
        decode_coordinator_header(raw(image[: HEADER_BYTES - 1]))
    assert caught.value.context["found"] == HEADER_BYTES - 1


@pytest.mark.parametrize("image", [bytes(119_072), bytes(v1_image()[:119_072])], ids=["zeros", "data"])
def test_layout_v0_is_named(image: bytes) -> None:
    with pytest.raises(RetiredLayout) as caught:
        decode(image)
    assert "119,072 bytes long, which is layout v0" in caught.value.message
    assert "119,160" in caught.value.message
    assert caught.value.context["found"] == 119_072


@pytest.mark.parametrize("size", [0, 7, 119_159, 119_161, 120_016, 120_080, 125_296])
def test_any_other_size_is_refused_even_when_the_version_is_right(size: int) -> None:
    image = bytes(v1_image()).ljust(size, b"\0")[:size]
    with pytest.raises(WrongSize) as caught:
        decode(image)
    assert f"is {size:,} bytes long; expected 119,160" in caught.value.message
    assert (caught.value.context["found"], caught.value.context["expected"]) == (size, 119_160)


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
    assert f"has version {version}, but this psyche-cli supports only version 1" in caught.value.message
    assert (caught.value.context["found"], caught.value.context["expected"]) == (version, 1)
