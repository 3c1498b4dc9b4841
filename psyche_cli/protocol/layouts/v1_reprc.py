"""The coordinator account, layout v1 with the repository before its revision, as a proposed change declares it.

It has the size and version of v1. A discriminator is followed by an image of 119,152 bytes.
"""

from __future__ import annotations

from psyche_cli.protocol.layouts import v1, v1_model
from psyche_cli.protocol.layouts.derived import derived

HubRepo = type(v1_model.HubRepo)(
    "HubRepo", v1_model.HubRepo.__bases__, {"_fields_": tuple(reversed(v1_model.HubRepo._fields_))}
)
GcsRepo = type(v1_model.GcsRepo)(
    "GcsRepo", v1_model.GcsRepo.__bases__, {"_fields_": tuple(reversed(v1_model.GcsRepo._fields_))}
)
Checkpoint = derived(
    v1_model.Checkpoint,
    payload=derived(
        v1_model.CheckpointPayload, Dummy=HubRepo, Hub=HubRepo, P2P=HubRepo, Gcs=GcsRepo, P2PGcs=GcsRepo
    ),
)
Llm = derived(v1_model.Llm, checkpoint=Checkpoint)
Model = derived(v1_model.Model, payload=derived(v1_model.ModelPayload, LLM=Llm))
Coordinator = derived(v1.Coordinator, model=Model)
InstanceState = derived(v1.InstanceState, coordinator=Coordinator)
CoordinatorImage = derived(v1.CoordinatorImage, state=InstanceState)
