"""The features of Solana that are active in the VM."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Final

import solders
from solders.account import Account
from solders.litesvm import FeatureSet, LiteSVM
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.rent import RENT_EXEMPT_EPOCH, rent_exempt_minimum
from psyche_cli.solana.programs import FEATURE_PROGRAM

NO_NEW_DEPLOYMENTS: Final = Pubkey.from_string("EmhbpdVtZ2hWRGFWBDjn2i3SJD8Z36z4mpMcZJEnebnP")
"""The feature with which the upgradeable loader refuses deployments. No public cluster has activated it."""

CHARGES_PRIORITY_FEES: Final = tuple(int(part) for part in solders.__version__.split(".")[:2]) >= (0, 28)
"""Whether the VM charges priority fees; that of solders 0.26 and 0.27 charges base fees only."""

_FEATURE_BYTES: Final = 9


def deploying_vm() -> LiteSVM:
    """A VM with all features of its version but ``NO_NEW_DEPLOYMENTS``."""
    vm = LiteSVM()
    if FeatureSet.all_enabled().is_active(NO_NEW_DEPLOYMENTS):
        vm = vm.with_builtins(FeatureSet(dict.fromkeys(active_features(), 0), {NO_NEW_DEPLOYMENTS}))
    return vm


@cache
def active_features() -> tuple[Pubkey, ...]:
    """The features that are active from genesis on."""
    return tuple(feature for feature in FeatureSet.all_enabled().active if feature != NO_NEW_DEPLOYMENTS)


@cache
def feature_set_id() -> int:
    """The number by which Agave names the features that a version knows: the start of the hash of their addresses."""
    known = sorted(bytes(feature) for feature in FeatureSet.all_enabled().active)
    return int.from_bytes(sha256(b"".join(known)).digest()[:4], "little")


def feature_account() -> Account:
    """The account of a feature that is active since slot 0."""
    activated_at = b"\1" + bytes(8)
    return Account(rent_exempt_minimum(_FEATURE_BYTES), activated_at, FEATURE_PROGRAM, rent_epoch=RENT_EXEMPT_EPOCH)
