"""Decoding of coordinator accounts of every known layout, for display. Operations that write accept only layout v1."""

from __future__ import annotations

from typing import NamedTuple

from psyche_cli.errors import WrongSize
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.protocol.accounts.account_checks import check_discriminator
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.layouts.known import LAYOUTS, Layout, find_layout
from psyche_cli.solana.raw_account import RawAccount


class LaidOutAccount(NamedTuple):
    """A coordinator account and its layout. Fields that the layout does not have are empty or 0."""

    layout: Layout
    account: CoordinatorAccount


def decode_any_layout(raw: RawAccount) -> LaidOutAccount:
    """The coordinator account in ``raw``, regardless of its owner.

    Raises WrongDiscriminator, and WrongSize for an unknown combination of size and version. Reading the result may
    raise MalformedAccount.
    """
    check_discriminator(raw, "CoordinatorAccount", "coordinator account")
    layout = find_layout(raw.data)
    if layout is None:
        size = len(raw.data)
        version = int.from_bytes(raw.data[DISCRIMINATOR_BYTES : 2 * DISCRIMINATOR_BYTES], "little")
        known = ", ".join(f"{one.size:,} bytes ({one.name})" for one in LAYOUTS)
        raise WrongSize(
            f"The coordinator account {raw.address} is {size:,} bytes long and has version {version}, which is not a "
            "known layout.",
            hint=f"Known layouts: {known}.",
            address=str(raw.address),
            found=size,
        )
    return LaidOutAccount(layout, CoordinatorAccount(raw, layout.image.from_buffer_copy(raw.data, DISCRIMINATOR_BYTES)))
