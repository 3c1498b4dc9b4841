#include "coordinator/sanity.h"
#include "coordinator/errors.h"
#include "sdk/arithmetic.h"
#include "sdk/log.h"

Status check_config(const Config *config) {
    bool sane = config->epoch_time != 0 && config->warmup_time < config->epoch_time &&
                config->max_round_train_time != 0 && config->max_round_train_time < config->epoch_time &&
                config->round_witness_time != 0 && config->min_clients != 0 &&
                config->init_min_clients >= config->min_clients && config->init_min_clients <= MAX_CLIENTS &&
                config->global_batch_size_start != 0 && config->global_batch_size_end != 0 &&
                config->global_batch_size_start <= config->global_batch_size_end && config->total_steps != 0 &&
                config->witness_nodes <= config->min_clients && config->witness_nodes <= MAX_WITNESSES &&
                config->cooldown_time != 0 && config->waiting_for_members_extra_time != 0;
    if (!sane)
        THROW(CONFIG_SANITY_CHECK_FAILED);
    return OK;
}

/* A fixed string is empty when its first byte is NUL. */
static bool is_empty(const char *fixed_string) { return fixed_string[0] == 0; }

static bool is_http_location_sane(const HttpLocation *location) {
    switch (location->tag) {
    case HTTP_SINGLE_URL:
        return !is_empty(location->single_url);
    case HTTP_NUMBERED_FILES:
        return !is_empty(location->numbered_files.url_template) && location->numbered_files.num_files != 0;
    default:
        return !is_empty(location->gcp.bucket_name);
    }
}

static bool is_data_location_sane(const DataLocation *location) {
    switch (location->tag) {
    case DATA_SERVER:
        return !is_empty(location->server);
    case DATA_HTTP:
        return is_http_location_sane(&location->http.location);
    case DATA_WEIGHTED_HTTP:
        return !is_empty(location->weighted_http);
    case DATA_PREPROCESSED:
        return !is_empty(location->preprocessed);
    default: /* Dummy and Local */
        return true;
    }
}

static bool is_checkpoint_sane(const Checkpoint *checkpoint) {
    switch (checkpoint->tag) {
    case CHECKPOINT_EPHEMERAL:
        return false;
    case CHECKPOINT_DUMMY:
        return true;
    default:
        return !is_empty(checkpoint->repo.name);
    }
}

/* The first complaint about the model, or NULL. */
static const char *model_complaint(const Llm *llm) {
    if (llm->max_seq_len == 0)
        return "model check failed: max_seq_len is 0.";
    if (!is_data_location_sane(&llm->data_location))
        return "model check failed: bad LLM training data location.";
    if (!is_checkpoint_sane(&llm->checkpoint))
        return "model check failed: bad checkpoint";
    if (llm->optimizer.tag == OPTIMIZER_DUMMY)
        return "model check failed: bad optimizer";
    return NULL;
}

Status check_model(const Model *model) {
    const char *complaint = model_complaint(&model->llm);
    if (complaint == NULL)
        return OK;
    log_text(complaint);
    THROW(MODEL_SANITY_CHECK_FAILED);
}

Status check_cold_start(const Config *config, const Model *model) {
    u32 warmup_steps = model->llm.cold_start_warmup_steps;
    if (warmup_steps == 0)
        return OK;
    u64 training_time = checked_sub(config->epoch_time, config->warmup_time);
    u64 rounds = checked_div(training_time, config->max_round_train_time);
    if (warmup_steps <= rounds)
        return OK;
    LogLine line;
    line_start(&line, "cold_start_warmup_steps (");
    line_number(&line, warmup_steps);
    line_text(&line, ") exceeds estimated training rounds per epoch ((epoch_time=");
    line_number(&line, config->epoch_time);
    line_text(&line, " - warmup_time=");
    line_number(&line, config->warmup_time);
    line_text(&line, ") / max_round_train_time=");
    line_number(&line, config->max_round_train_time);
    line_text(&line, " = ");
    line_number(&line, rounds);
    line_text(&line, ")");
    line_end(&line);
    THROW(CONFIG_SANITY_CHECK_FAILED);
}
