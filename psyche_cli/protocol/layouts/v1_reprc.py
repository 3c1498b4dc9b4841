"""The coordinator account, layout v1 with the repository before its revision, as a proposed change declares it.

It has the size and version of v1. A discriminator is followed by an image of 119,152 bytes.
"""

from __future__ import annotations

from psyche_cli.protocol.layouts import v1, v1_model
from psyche_cli.protocol.layouts.derived import derived, model_with

HubRepo = derived(v1_model.HubRepo, is_reversed=True)
GcsRepo = derived(v1_model.GcsRepo, is_reversed=True)
Checkpoint = derived(
    v1_model.Checkpoint,
    payload=derived(v1_model.CheckpointPayload, Dummy=HubRepo, Hub=HubRepo, P2P=HubRepo, Gcs=GcsRepo, P2PGcs=GcsRepo),
)
Llm = derived(v1_model.Llm, checkpoint=Checkpoint)
Coordinator = derived(v1.Coordinator, model=model_with(Llm))
CoordinatorImage = derived(v1.CoordinatorImage, state=derived(v1.InstanceState, coordinator=Coordinator))
