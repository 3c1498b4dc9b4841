"""The keys of a run configuration, in the order of the coordinator account."""

from __future__ import annotations

CONFIG_KEYS = (
    "warmup_time",
    "cooldown_time",
    "max_round_train_time",
    "round_witness_time",
    "global_batch_size_warmup_tokens",
    "epoch_time",
    "total_steps",
    "init_min_clients",
    "min_clients",
    "witness_nodes",
    "global_batch_size_start",
    "global_batch_size_end",
    "verification_percent",
    "waiting_for_members_extra_time",
)
