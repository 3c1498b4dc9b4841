#include "protocol/run_arguments.h"

static void read_fixed(Reader *reader, void *to, u64 length) {
    const u8 *raw = read_raw(reader, length);
    if (raw)
        sol_memcpy_(to, raw, length);
}

void read_node_identity(Reader *reader, NodeIdentity *identity) { read_fixed(reader, identity, sizeof(*identity)); }

void read_metadata(Reader *reader, RunMetadata *metadata) { read_fixed(reader, metadata, sizeof(*metadata)); }

/* Reads the fields in declaration order, which for these two structures without padding is the memory order. */
_Static_assert(sizeof(Config) == 64 && sizeof(RunMetadata) == 360, "read as one block");

void read_config(Reader *reader, Config *config) { read_fixed(reader, config, sizeof(*config)); }

void read_progress(Reader *reader, Progress *progress) {
    progress->epoch = read_u16(reader);
    progress->step = read_u32(reader);
    progress->epoch_start_data_index = read_u64(reader);
}

void read_checkpoint(Reader *reader, Checkpoint *checkpoint) {
    sol_memset_(checkpoint, 0, sizeof(*checkpoint));
    checkpoint->tag = read_tag(reader, CHECKPOINT_COUNT);
    if (checkpoint->tag == CHECKPOINT_EPHEMERAL)
        return;
    read_fixed(reader, checkpoint->repo.name, SHORT_STRING);
    checkpoint->repo.has_detail = read_option(reader);
    if (checkpoint->repo.has_detail)
        read_fixed(reader, checkpoint->repo.detail, SHORT_STRING);
}

static void read_http_location(Reader *reader, HttpLocation *location) {
    location->tag = read_tag(reader, HTTP_COUNT);
    switch (location->tag) {
    case HTTP_SINGLE_URL:
        read_fixed(reader, location->single_url, URL_STRING);
        break;
    case HTTP_NUMBERED_FILES:
        read_fixed(reader, location->numbered_files.url_template, SHORT_STRING);
        location->numbered_files.start_index = read_u32(reader);
        location->numbered_files.n_left_pad_zeros = read_u8(reader);
        location->numbered_files.num_files = read_u32(reader);
        break;
    case HTTP_GCP:
        read_fixed(reader, location->gcp.bucket_name, SHORT_STRING);
        read_fixed(reader, location->gcp.filter_directory, URL_STRING);
        break;
    }
}

static void read_data_location(Reader *reader, DataLocation *location) {
    location->tag = read_tag(reader, DATA_COUNT);
    switch (location->tag) {
    case DATA_SERVER:
        read_fixed(reader, location->server, SHORT_STRING);
        break;
    case DATA_LOCAL:
    case DATA_WEIGHTED_HTTP:
    case DATA_PREPROCESSED:
        read_fixed(reader, location->local, URL_STRING);
        break;
    case DATA_HTTP:
        read_http_location(reader, &location->http.location);
        location->http.token_size = read_tag(reader, TOKEN_SIZE_COUNT);
        location->http.shuffle.tag = read_tag(reader, SHUFFLE_COUNT);
        if (location->http.shuffle.tag == SHUFFLE_SEEDED)
            read_fixed(reader, location->http.shuffle.seed, SHUFFLE_SEED_SIZE);
        break;
    }
}

static void read_schedule(Reader *reader, Schedule *schedule) {
    schedule->tag = read_tag(reader, LR_COUNT);
    switch (schedule->tag) {
    case LR_CONSTANT:
        schedule->constant.base_lr = read_f64(reader);
        schedule->constant.warmup_init_lr = read_f64(reader);
        schedule->constant.warmup_steps = read_u32(reader);
        break;
    case LR_LINEAR:
    case LR_COSINE:
        schedule->decaying.base_lr = read_f64(reader);
        schedule->decaying.warmup_init_lr = read_f64(reader);
        schedule->decaying.final_lr = read_f64(reader);
        schedule->decaying.warmup_steps = read_u32(reader);
        schedule->decaying.total_steps = read_u32(reader);
        break;
    case LR_WARMUP_STABLE_DECAY:
        schedule->warmup_stable_decay.base_lr = read_f64(reader);
        schedule->warmup_stable_decay.warmup_init_lr = read_f64(reader);
        schedule->warmup_stable_decay.cosine_decay_final_lr = read_f64(reader);
        schedule->warmup_stable_decay.linear_decay_final_lr = read_f64(reader);
        schedule->warmup_stable_decay.warmup_steps = read_u32(reader);
        schedule->warmup_stable_decay.stable_steps = read_u32(reader);
        schedule->warmup_stable_decay.cosine_decay_steps = read_u32(reader);
        schedule->warmup_stable_decay.linear_decay_steps = read_u32(reader);
        break;
    }
}

static void read_optional_float(Reader *reader, OptionalFloat *optional) {
    optional->present = read_option(reader);
    if (optional->present)
        optional->value = read_f32(reader);
}

static void read_optimizer(Reader *reader, Optimizer *optimizer) {
    optimizer->tag = read_tag(reader, OPTIMIZER_COUNT);
    switch (optimizer->tag) {
    case OPTIMIZER_ADAMW:
        optimizer->adamw.betas[0] = read_f32(reader);
        optimizer->adamw.betas[1] = read_f32(reader);
        optimizer->adamw.weight_decay = read_f32(reader);
        optimizer->adamw.eps = read_f32(reader);
        read_optional_float(reader, &optimizer->adamw.clip_grad_norm);
        break;
    case OPTIMIZER_DISTRO:
        read_optional_float(reader, &optimizer->distro.clip_grad_norm);
        read_optional_float(reader, &optimizer->distro.weight_decay);
        optimizer->distro.compression_decay = read_f32(reader);
        optimizer->distro.compression_topk = read_u16(reader);
        optimizer->distro.compression_chunk = read_u16(reader);
        optimizer->distro.quantize_1bit = read_bool(reader);
        break;
    }
}

void read_model(Reader *reader, Model *model) {
    sol_memset_(model, 0, sizeof(*model));
    model->tag = read_tag(reader, MODEL_LLM + 1);
    Llm *llm = &model->llm;
    llm->max_seq_len = read_u32(reader);
    llm->cold_start_warmup_steps = read_u32(reader);
    llm->architecture = read_tag(reader, ARCHITECTURE_COUNT);
    read_checkpoint(reader, &llm->checkpoint);
    llm->data_type = read_tag(reader, DATA_TYPE_COUNT);
    read_data_location(reader, &llm->data_location);
    read_schedule(reader, &llm->lr_schedule);
    read_optimizer(reader, &llm->optimizer);
}

void read_run_update(Reader *reader, RunUpdate *update) {
    update->has_metadata = read_option(reader);
    if (update->has_metadata)
        read_metadata(reader, &update->metadata);
    update->has_config = read_option(reader);
    if (update->has_config)
        read_config(reader, &update->config);
    update->has_model = read_option(reader);
    if (update->has_model)
        read_model(reader, &update->model);
    update->has_progress = read_option(reader);
    if (update->has_progress)
        read_progress(reader, &update->progress);
}
