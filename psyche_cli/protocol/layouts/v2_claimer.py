"""The coordinator account, layout v2 with claimers, as a proposed change declares it.

Differs from v1: each client has a claimer, the wallet that may claim its rewards. A discriminator is followed by an
image of 125,296 bytes.
"""

from __future__ import annotations

from ctypes import LittleEndianStructure, c_uint64

from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.protocol.layouts import v1
from psyche_cli.protocol.layouts.derived import derived
from psyche_cli.protocol.layouts.kinds import Bytes32


class PendingClientRecord(LittleEndianStructure):
    """120 bytes."""

    _fields_ = (
        ("id", v1.NodeIdentity),
        ("claimer", Bytes32),
        ("earned", c_uint64),
        ("slashed", c_uint64),
        ("active", c_uint64),
    )


PendingClientVec = derived(v1.PendingClientVec, data=PendingClientRecord * MAX_CLIENTS)
ClientsState = derived(v1.ClientsState, clients=PendingClientVec)
CoordinatorImage = derived(v1.CoordinatorImage, state=derived(v1.InstanceState, clients_state=ClientsState))
