"""The features of Solana that are active in the VM."""

from __future__ import annotations

from typing import Final

from solders.litesvm import FeatureSet, LiteSVM
from solders.pubkey import Pubkey

NO_NEW_DEPLOYMENTS: Final = Pubkey.from_string("EmhbpdVtZ2hWRGFWBDjn2i3SJD8Z36z4mpMcZJEnebnP")
"""The feature with which the upgradeable loader refuses deployments. No public cluster has activated it."""


def deploying_vm() -> LiteSVM:
    """A VM with all features of its version but ``NO_NEW_DEPLOYMENTS``."""
    vm = LiteSVM()
    if FeatureSet.all_enabled().is_active(NO_NEW_DEPLOYMENTS):
        vm = vm.with_builtins(FeatureSet(dict.fromkeys(active_features(), 0), {NO_NEW_DEPLOYMENTS}))
    return vm


def active_features() -> list[Pubkey]:
    """The features that are active from genesis on."""
    return [feature for feature in FeatureSet.all_enabled().active if feature != NO_NEW_DEPLOYMENTS]
