/* Decoding of metadata, configuration, model and progress from Borsh to their layout in the account. */
#pragma once
#include "protocol/coordinator_account.h"
#include "sdk/borsh.h"

void read_metadata(Reader *reader, RunMetadata *metadata);
void read_config(Reader *reader, Config *config);
void read_model(Reader *reader, Model *model);
void read_checkpoint(Reader *reader, Checkpoint *checkpoint);
void read_progress(Reader *reader, Progress *progress);
void read_node_identity(Reader *reader, NodeIdentity *identity);

/* The arguments of coordinator `update`, and the first four of treasurer `run_update`. */
typedef struct {
    bool has_metadata, has_config, has_model, has_progress;
    RunMetadata metadata;
    Config config;
    Model model;
    Progress progress;
} RunUpdate;

void read_run_update(Reader *reader, RunUpdate *update);
