"""The leaf table of the coordinator account, pinned, and the enums in it.

One line per leaf: offset in the account (of the first element), size, path; for an array its elements as
``of COUNTxSTRIDE``; inside arrays the repetitions as ``at COUNTxSTRIDE ...``, outermost first.
``A|B`` stands for several variants.
"""

LEAVES = """\
8 8 version
16 64 state.metadata.name
80 280 state.metadata.description
360 8 state.metadata.num_parameters
368 8 state.metadata.vocab_size
376 32 state.coordinator.run_id
408 1 state.coordinator.run_state
416 4 state.coordinator.model.<tag>
424 4 state.coordinator.model.LLM.max_seq_len
428 4 state.coordinator.model.LLM.cold_start_warmup_steps
432 4 state.coordinator.model.LLM.architecture.<tag>
436 4 state.coordinator.model.LLM.checkpoint.<tag>
440 1 state.coordinator.model.LLM.checkpoint.Dummy|Hub|P2P.revision.<tag>
441 64 state.coordinator.model.LLM.checkpoint.Dummy|Hub|P2P.revision.Some
505 64 state.coordinator.model.LLM.checkpoint.Dummy|Hub|P2P.repo_id
440 1 state.coordinator.model.LLM.checkpoint.Gcs|P2PGcs.prefix.<tag>
441 64 state.coordinator.model.LLM.checkpoint.Gcs|P2PGcs.prefix.Some
505 64 state.coordinator.model.LLM.checkpoint.Gcs|P2PGcs.bucket
572 4 state.coordinator.model.LLM.data_type.<tag>
576 4 state.coordinator.model.LLM.data_location.<tag>
580 64 state.coordinator.model.LLM.data_location.Server
580 192 state.coordinator.model.LLM.data_location.Local
580 4 state.coordinator.model.LLM.data_location.Http.location.<tag>
584 192 state.coordinator.model.LLM.data_location.Http.location.SingleUrl
584 64 state.coordinator.model.LLM.data_location.Http.location.NumberedFiles.url_template
648 4 state.coordinator.model.LLM.data_location.Http.location.NumberedFiles.start_index
652 1 state.coordinator.model.LLM.data_location.Http.location.NumberedFiles.n_left_pad_zeros
656 4 state.coordinator.model.LLM.data_location.Http.location.NumberedFiles.num_files
584 64 state.coordinator.model.LLM.data_location.Http.location.Gcp.bucket_name
648 192 state.coordinator.model.LLM.data_location.Http.location.Gcp.filter_directory
840 4 state.coordinator.model.LLM.data_location.Http.token_size_in_bytes.<tag>
844 4 state.coordinator.model.LLM.data_location.Http.shuffle.<tag>
848 32 state.coordinator.model.LLM.data_location.Http.shuffle.Seeded
580 192 state.coordinator.model.LLM.data_location.WeightedHttp
580 192 state.coordinator.model.LLM.data_location.Preprocessed
880 4 state.coordinator.model.LLM.lr_schedule.<tag>
888 8 state.coordinator.model.LLM.lr_schedule.Constant.base_lr
896 8 state.coordinator.model.LLM.lr_schedule.Constant.warmup_init_lr
904 4 state.coordinator.model.LLM.lr_schedule.Constant.warmup_steps
888 8 state.coordinator.model.LLM.lr_schedule.Linear.base_lr
896 8 state.coordinator.model.LLM.lr_schedule.Linear.warmup_init_lr
904 8 state.coordinator.model.LLM.lr_schedule.Linear.final_lr
912 4 state.coordinator.model.LLM.lr_schedule.Linear.warmup_steps
916 4 state.coordinator.model.LLM.lr_schedule.Linear.total_steps
888 8 state.coordinator.model.LLM.lr_schedule.Cosine.base_lr
896 8 state.coordinator.model.LLM.lr_schedule.Cosine.warmup_init_lr
904 8 state.coordinator.model.LLM.lr_schedule.Cosine.final_lr
912 4 state.coordinator.model.LLM.lr_schedule.Cosine.warmup_steps
916 4 state.coordinator.model.LLM.lr_schedule.Cosine.total_steps
888 8 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.base_lr
896 8 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.warmup_init_lr
904 8 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.cosine_decay_final_lr
912 8 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.linear_decay_final_lr
920 4 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.warmup_steps
924 4 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.stable_steps
928 4 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.cosine_decay_steps
932 4 state.coordinator.model.LLM.lr_schedule.WarmupStableDecay.linear_decay_steps
936 4 state.coordinator.model.LLM.optimizer.<tag>
940 8 state.coordinator.model.LLM.optimizer.AdamW.betas of 2x4
948 4 state.coordinator.model.LLM.optimizer.AdamW.weight_decay
952 4 state.coordinator.model.LLM.optimizer.AdamW.eps
956 4 state.coordinator.model.LLM.optimizer.AdamW.clip_grad_norm.<tag>
960 4 state.coordinator.model.LLM.optimizer.AdamW.clip_grad_norm.Some
940 4 state.coordinator.model.LLM.optimizer.Distro.clip_grad_norm.<tag>
944 4 state.coordinator.model.LLM.optimizer.Distro.clip_grad_norm.Some
948 4 state.coordinator.model.LLM.optimizer.Distro.weight_decay.<tag>
952 4 state.coordinator.model.LLM.optimizer.Distro.weight_decay.Some
956 4 state.coordinator.model.LLM.optimizer.Distro.compression_decay
960 2 state.coordinator.model.LLM.optimizer.Distro.compression_topk
962 2 state.coordinator.model.LLM.optimizer.Distro.compression_chunk
964 1 state.coordinator.model.LLM.optimizer.Distro.quantize_1bit
968 8 state.coordinator.config.warmup_time
976 8 state.coordinator.config.cooldown_time
984 8 state.coordinator.config.max_round_train_time
992 8 state.coordinator.config.round_witness_time
1000 8 state.coordinator.config.global_batch_size_warmup_tokens
1008 8 state.coordinator.config.epoch_time
1016 4 state.coordinator.config.total_steps
1020 2 state.coordinator.config.init_min_clients
1022 2 state.coordinator.config.min_clients
1024 2 state.coordinator.config.witness_nodes
1026 2 state.coordinator.config.global_batch_size_start
1028 2 state.coordinator.config.global_batch_size_end
1030 1 state.coordinator.config.verification_percent
1031 1 state.coordinator.config.waiting_for_members_extra_time
1032 2 state.coordinator.progress.epoch
1036 4 state.coordinator.progress.step
1040 8 state.coordinator.progress.epoch_start_data_index
1048 56448 state.coordinator.epoch_state.rounds of 4x14112
1048 14080 state.coordinator.epoch_state.rounds[i].witnesses.data of 32x440 at 4x14112
1048 8 state.coordinator.epoch_state.rounds[i].witnesses.data[j].proof.position at 4x14112 32x440
1056 8 state.coordinator.epoch_state.rounds[i].witnesses.data[j].proof.index at 4x14112 32x440
1064 1 state.coordinator.epoch_state.rounds[i].witnesses.data[j].proof.witness at 4x14112 32x440
1072 64 state.coordinator.epoch_state.rounds[i].witnesses.data[j].participant_bloom.keys of 8x8 at 4x14112 32x440
1136 128 state.coordinator.epoch_state.rounds[i].witnesses.data[j].participant_bloom.bits of 16x8 at 4x14112 32x440
1264 64 state.coordinator.epoch_state.rounds[i].witnesses.data[j].broadcast_bloom.keys of 8x8 at 4x14112 32x440
1328 128 state.coordinator.epoch_state.rounds[i].witnesses.data[j].broadcast_bloom.bits of 16x8 at 4x14112 32x440
1456 32 state.coordinator.epoch_state.rounds[i].witnesses.data[j].broadcast_merkle.inner at 4x14112 32x440
15128 8 state.coordinator.epoch_state.rounds[i].witnesses.len at 4x14112
15136 8 state.coordinator.epoch_state.rounds[i].data_index at 4x14112
15144 8 state.coordinator.epoch_state.rounds[i].random_seed at 4x14112
15152 4 state.coordinator.epoch_state.rounds[i].height at 4x14112
15156 2 state.coordinator.epoch_state.rounds[i].clients_len at 4x14112
15158 2 state.coordinator.epoch_state.rounds[i].tie_breaker_tasks at 4x14112
57496 18432 state.coordinator.epoch_state.clients.data of 256x72
57496 32 state.coordinator.epoch_state.clients.data[i].id.signer at 256x72
57528 32 state.coordinator.epoch_state.clients.data[i].id.p2p_identity at 256x72
57560 1 state.coordinator.epoch_state.clients.data[i].state at 256x72
57564 4 state.coordinator.epoch_state.clients.data[i].exited_height at 256x72
75928 8 state.coordinator.epoch_state.clients.len
75936 18432 state.coordinator.epoch_state.exited_clients.data of 256x72
75936 32 state.coordinator.epoch_state.exited_clients.data[i].id.signer at 256x72
75968 32 state.coordinator.epoch_state.exited_clients.data[i].id.p2p_identity at 256x72
76000 1 state.coordinator.epoch_state.exited_clients.data[i].state at 256x72
76004 4 state.coordinator.epoch_state.exited_clients.data[i].exited_height at 256x72
94368 8 state.coordinator.epoch_state.exited_clients.len
94376 4 state.coordinator.epoch_state.rounds_head
94380 4 state.coordinator.epoch_state.start_step
94384 4 state.coordinator.epoch_state.last_step
94392 8 state.coordinator.epoch_state.start_timestamp
94400 1 state.coordinator.epoch_state.first_round
94401 1 state.coordinator.epoch_state.cold_start_epoch
94408 8 state.coordinator.run_state_start_unix_timestamp
94416 1 state.coordinator.pending_pause
94424 24576 state.clients_state.clients.data of 256x96
94424 32 state.clients_state.clients.data[i].id.signer at 256x96
94456 32 state.clients_state.clients.data[i].id.p2p_identity at 256x96
94488 8 state.clients_state.clients.data[i]._unused at 256x96
94496 8 state.clients_state.clients.data[i].earned at 256x96
94504 8 state.clients_state.clients.data[i].slashed at 256x96
94512 8 state.clients_state.clients.data[i].active at 256x96
119000 8 state.clients_state.clients.len
119008 8 state.clients_state.next_active
119016 8 state.clients_state.current_epoch_rates.earning_rate_total_shared
119024 8 state.clients_state.current_epoch_rates.slashing_rate_per_client
119032 8 state.clients_state.future_epoch_rates.earning_rate_total_shared
119040 8 state.clients_state.future_epoch_rates.slashing_rate_per_client
119048 1 state.is_warmup_first_tick
119049 1 state.is_training_first_tick
119050 96 state.client_version
119152 8 nonce
"""

ENUMS = {
    "state.coordinator.run_state": [
        "Uninitialized",
        "WaitingForMembers",
        "Warmup",
        "RoundTrain",
        "RoundWitness",
        "Cooldown",
        "Finished",
        "Paused",
    ],
    "state.coordinator.model.<tag>": ["LLM"],
    "state.coordinator.model.LLM.architecture.<tag>": ["HfLlama", "HfDeepseek", "HfAuto", "Torchtitan"],
    "state.coordinator.model.LLM.checkpoint.<tag>": ["Ephemeral", "Dummy", "Hub", "P2P", "Gcs", "P2PGcs"],
    "state.coordinator.model.LLM.data_type.<tag>": ["Pretraining", "Finetuning"],
    "state.coordinator.model.LLM.data_location.<tag>": [
        "Dummy",
        "Server",
        "Local",
        "Http",
        "WeightedHttp",
        "Preprocessed",
    ],
    "state.coordinator.model.LLM.data_location.Http.location.<tag>": ["SingleUrl", "NumberedFiles", "Gcp"],
    "state.coordinator.model.LLM.data_location.Http.token_size_in_bytes.<tag>": ["TwoBytes", "FourBytes"],
    "state.coordinator.model.LLM.data_location.Http.shuffle.<tag>": ["DontShuffle", "Seeded"],
    "state.coordinator.model.LLM.lr_schedule.<tag>": ["Constant", "Linear", "Cosine", "WarmupStableDecay"],
    "state.coordinator.model.LLM.optimizer.<tag>": ["Dummy", "AdamW", "Distro"],
    "state.coordinator.epoch_state.clients.data[i].state": ["Healthy", "Dropped", "Withdrawn", "Ejected"],
    "state.coordinator.epoch_state.exited_clients.data[i].state": ["Healthy", "Dropped", "Withdrawn", "Ejected"],
}
