#include "coordinator/sanity.h"
#include "coordinator/errors.h"
#include "sdk/arithmetic.h"
#include "sdk/log.h"

/* A rule, with its name in psyche_cli/run_config/rules.py, which has the same rules in the same order. The name is not
   compiled in, since the program does not report it. */
#define RULE(name, condition)                                                                                          \
    if (!(condition))                                                                                                  \
    return false

static bool is_config_sane(const Config *config) {
    RULE(EpochTime, config->epoch_time >= 1);
    RULE(WarmupTime, config->warmup_time < config->epoch_time);
    RULE(MaxRoundTrainTime, config->max_round_train_time >= 1);
    RULE(MaxRoundTrainTime, config->max_round_train_time < config->epoch_time);
    RULE(RoundWitnessTime, config->round_witness_time >= 1);
    RULE(MinClients, config->min_clients >= 1);
    RULE(InitMinClients, config->init_min_clients >= config->min_clients);
    RULE(InitMinClients, config->init_min_clients <= MAX_CLIENTS);
    RULE(GlobalBatchSize, config->global_batch_size_start >= 1);
    RULE(GlobalBatchSize, config->global_batch_size_end >= 1);
    RULE(GlobalBatchSize, config->global_batch_size_end >= config->global_batch_size_start);
    RULE(TotalSteps, config->total_steps >= 1);
    RULE(WitnessNodes, config->witness_nodes <= config->min_clients);
    RULE(WitnessNodes, config->witness_nodes <= MAX_WITNESSES);
    RULE(CooldownTime, config->cooldown_time >= 1);
    RULE(WaitingForMembersExtraTime, config->waiting_for_members_extra_time >= 1);
    return true;
}

Status check_config(const Config *config) {
    if (!is_config_sane(config))
        THROW(CONFIG_SANITY_CHECK_FAILED);
    return OK;
}

/* A fixed-size string is empty if its first byte is NUL. */
static bool is_empty(const char *fixed_string) { return fixed_string[0] == 0; }

static bool is_http_location_sane(const HttpLocation *location) {
    switch (location->tag) {
    case HTTP_SINGLE_URL:
        RULE(DataLocation, !is_empty(location->single_url));
        return true;
    case HTTP_NUMBERED_FILES:
        RULE(DataLocation, !is_empty(location->numbered_files.url_template));
        RULE(DataLocation, location->numbered_files.num_files != 0);
        return true;
    default:
        RULE(DataLocation, !is_empty(location->gcp.bucket_name));
        return true;
    }
}

static bool is_data_location_sane(const DataLocation *location) {
    switch (location->tag) {
    case DATA_SERVER:
        RULE(DataLocation, !is_empty(location->server));
        return true;
    case DATA_HTTP:
        return is_http_location_sane(&location->http.location);
    case DATA_WEIGHTED_HTTP:
        RULE(DataLocation, !is_empty(location->weighted_http));
        return true;
    case DATA_PREPROCESSED:
        RULE(DataLocation, !is_empty(location->preprocessed));
        return true;
    default: /* Dummy and Local */
        return true;
    }
}

static bool is_checkpoint_sane(const Checkpoint *checkpoint) {
    RULE(Checkpoint, checkpoint->tag != CHECKPOINT_EPHEMERAL);
    RULE(Checkpoint, checkpoint->tag == CHECKPOINT_DUMMY || !is_empty(checkpoint->repo.name));
    return true;
}

/* The log line for the first violated rule of the model, or NULL. */
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
