#include "coordinator/state_machine.h"
#include "coordinator/batch_size.h"
#include "coordinator/errors.h"
#include "coordinator/members.h"
#include "coordinator/rewards.h"
#include "sdk/arithmetic.h"
#include "sdk/log.h"

/* An epoch that has timed out ends this many steps later, but never at a step below the minimum. */
#define STEPS_AFTER_EPOCH_TIMEOUT 2
#define LEAST_LAST_STEP 4

typedef enum { TICKED, EPOCH_END_SUCCESS, EPOCH_END_FAILURE } TickResult;

/* Whether `duration` seconds have passed since `start`. Always false in the second of `start`, so that at most one
   timed transition happens per second. */
static bool has_elapsed(const Context *context, u64 start, u64 duration) {
    return start != context->now && context->now >= checked_add(start, duration);
}

static bool state_has_lasted(const Context *context, u64 duration) {
    return has_elapsed(context, context->coordinator->run_state_start_unix_timestamp, duration);
}

static u32 increment_u32(u32 value, u32 by) {
    u32 sum = value + by;
    if (sum < value)
        ABORT("attempt to add with overflow");
    return sum;
}

static RunState waiting_or_finished(const Coordinator *coordinator) {
    return coordinator->progress.step < coordinator->config.total_steps ? WAITING_FOR_MEMBERS : FINISHED;
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

u64 expected_witnesses(const Coordinator *coordinator) {
    if (coordinator->config.witness_nodes != 0)
        return coordinator->config.witness_nodes;
    u64 clients = coordinator->epoch_state.clients.length;
    return clients < MAX_WITNESSES ? clients : MAX_WITNESSES;
}

u64 witness_quorum(const Config *config, u64 received) {
    u64 witnesses = config->witness_nodes != 0 ? config->witness_nodes : received;
    switch (witnesses) {
    case 0:
        ABORT("no witnesses");
    case 1:
        return 1;
    case 2:
    case 3:
        return 2;
    default:
        return witnesses * 2 / 3;
    }
}

static void clear_witnesses(Round *round) { sol_memset_(&round->witnesses, 0, sizeof(round->witnesses)); }

void start_round(Context *context) {
    EpochState *epoch = context->epoch;
    u32 height = 0;
    u64 data_index = context->coordinator->progress.epoch_start_data_index;
    if (epoch->first_round) {
        epoch->rounds_head = 0;
    } else {
        const Round *previous = current_round(context->coordinator);
        height = increment_u32(previous->height, 1);
        data_index = next_data_index(context->coordinator, previous->data_index);
        epoch->rounds_head = (epoch->rounds_head + 1) % STORED_ROUNDS;
    }
    Round *round = &epoch->rounds[epoch->rounds_head];
    round->height = height;
    round->data_index = data_index;
    round->clients_len = (u16)epoch->clients.length;
    round->tie_breaker_tasks = 0;
    round->random_seed = context->random_seed;
    clear_witnesses(round);
    change_state(context, ROUND_TRAIN);
}

static void start_cooldown(Context *context) {
    clear_witnesses(current_round(context->coordinator));
    change_state(context, COOLDOWN);
}

/* --- checkpoint transitions --------------------------------------------------------------------------------------- */

/* After an epoch, the clients have the latest weights. */
static void checkpoint_to_peers(Checkpoint *checkpoint) {
    if (checkpoint->tag == CHECKPOINT_HUB || checkpoint->tag == CHECKPOINT_DUMMY)
        checkpoint->tag = CHECKPOINT_P2P;
    else if (checkpoint->tag == CHECKPOINT_GCS)
        checkpoint->tag = CHECKPOINT_P2P_GCS;
}

/* If none of these clients returns, the weights are only in the repository. */
static void checkpoint_to_store(Checkpoint *checkpoint) {
    if (checkpoint->tag == CHECKPOINT_P2P)
        checkpoint->tag = CHECKPOINT_HUB;
    else if (checkpoint->tag == CHECKPOINT_P2P_GCS)
        checkpoint->tag = CHECKPOINT_GCS;
}

/* --- ticks by state ----------------------------------------------------------------------------------------------- */

static void start_epoch(Context *context) {
    EpochState *epoch = context->epoch;
    Coordinator *coordinator = context->coordinator;
    move_unhealthy_to_exited(epoch, current_round(coordinator)->height);
    if (!any_client_stays(epoch, context->members))
        checkpoint_to_store(&coordinator->model.llm.checkpoint);

    u8 cold_start_epoch = epoch->cold_start_epoch;
    sol_memset_(epoch, 0, sizeof(*epoch));
    epoch->cold_start_epoch = cold_start_epoch;
    epoch->first_round = true;
    epoch->start_step = coordinator->progress.step;
    epoch->start_timestamp = context->now;
    enlist_pending(epoch, context->members);
    change_state(context, WARMUP);
}

static TickResult tick_waiting_for_members(Context *context) {
    const Config *config = &context->coordinator->config;
    if (count_pending(context->members) >= config->init_min_clients &&
        state_has_lasted(context, config->waiting_for_members_extra_time))
        start_epoch(context);
    return TICKED;
}

static TickResult tick_warmup(Context *context) {
    Coordinator *coordinator = context->coordinator;
    if (state_has_lasted(context, coordinator->config.warmup_time))
        start_round(context);
    else
        move_unhealthy_to_exited(context->epoch, 0);
    if (context->epoch->clients.length >= coordinator->config.min_clients)
        return TICKED;
    change_state(context, waiting_or_finished(coordinator));
    return EPOCH_END_FAILURE;
}

static TickResult tick_round_train(Context *context) {
    if (state_has_lasted(context, context->coordinator->config.max_round_train_time))
        change_state(context, ROUND_WITNESS);
    return TICKED;
}

/* If the epoch has timed out, sets the step at which it ends. */
static void note_epoch_timeout(Context *context) {
    EpochState *epoch = context->epoch;
    if (epoch->last_step != 0 ||
        !has_elapsed(context, epoch->start_timestamp, context->coordinator->config.epoch_time))
        return;
    u32 candidate = increment_u32(context->coordinator->progress.step, STEPS_AFTER_EPOCH_TIMEOUT);
    if (candidate >= LEAST_LAST_STEP)
        epoch->last_step = candidate;
}

static bool epoch_must_end(Context *context, u64 witnesses) {
    Coordinator *coordinator = context->coordinator;
    const Config *config = &coordinator->config;
    const EpochState *epoch = context->epoch;
    u32 step = coordinator->progress.step;
    if (epoch->last_step != 0 && step == epoch->last_step)
        return true;
    return epoch->clients.length < config->min_clients || witnesses < witness_quorum(config, witnesses) ||
           step >= config->total_steps || coordinator->pending_pause;
}

static TickResult tick_round_witness(Context *context) {
    Coordinator *coordinator = context->coordinator;
    if (!state_has_lasted(context, coordinator->config.round_witness_time))
        return TICKED;
    context->epoch->first_round = false;
    coordinator->progress.step = increment_u32(coordinator->progress.step, 1);

    const Round *round = current_round(coordinator);
    u64 witnesses = round->witnesses.length;
    move_unhealthy_to_exited(context->epoch, round->height);
    if (witnesses == 0) {
        withdraw_all(context->epoch);
        start_cooldown(context);
        return TICKED;
    }
    note_epoch_timeout(context);
    if (epoch_must_end(context, witnesses))
        start_cooldown(context);
    else
        start_round(context);
    return TICKED;
}

static TickResult tick_cooldown(Context *context) {
    Coordinator *coordinator = context->coordinator;
    EpochState *epoch = context->epoch;
    if (!state_has_lasted(context, coordinator->config.cooldown_time))
        return TICKED;
    const Round *round = current_round(coordinator);
    coordinator->progress.epoch_start_data_index = next_data_index(coordinator, round->data_index);
    if (coordinator->progress.epoch == U16_MAX)
        ABORT("attempt to add with overflow");
    coordinator->progress.epoch++;
    move_unhealthy_to_exited(epoch, round->height);
    checkpoint_to_peers(&coordinator->model.llm.checkpoint);
    if (coordinator->pending_pause) {
        withdraw_all(epoch); /* so that no client is paid for this epoch */
        change_state(context, PAUSED);
        coordinator->pending_pause = false;
        epoch->cold_start_epoch = true;
    } else {
        change_state(context, waiting_or_finished(coordinator));
        epoch->cold_start_epoch = false;
    }
    return EPOCH_END_SUCCESS;
}

static Status tick_state(Context *context, TickResult *result) {
    switch (context->coordinator->run_state) {
    case WAITING_FOR_MEMBERS:
        *result = tick_waiting_for_members(context);
        return OK;
    case WARMUP:
        *result = tick_warmup(context);
        return OK;
    case ROUND_TRAIN:
        *result = tick_round_train(context);
        return OK;
    case ROUND_WITNESS:
        *result = tick_round_witness(context);
        return OK;
    case COOLDOWN:
        *result = tick_cooldown(context);
        return OK;
    default:
        THROW(HALTED);
    }
}

/* --- members and rates -------------------------------------------------------------------------------------------- */

/* Once per epoch: the rates are fixed at the beginning of Warmup, and with the first round the members are no longer
   pending (to stay, they have to rejoin before the next epoch). */
static void after_tick(Context *context) {
    Run *run = context->run;
    if (!context->epoch->first_round)
        return;
    if (context->coordinator->run_state == WARMUP && run->is_warmup_first_tick) {
        log_text("New epoch just starting, save epoch rewards rate");
        context->members->current_epoch_rates = context->members->future_epoch_rates;
        run->is_warmup_first_tick = false;
    } else if (context->coordinator->run_state == ROUND_TRAIN && run->is_training_first_tick) {
        log_text("New epoch just starting, save epoch active clients");
        context->members->next_active = checked_add(context->members->next_active, 1);
        run->is_training_first_tick = false;
    }
}

Status tick_run(Context *context) {
    if (context->coordinator->run_state == WAITING_FOR_MEMBERS) {
        context->run->is_warmup_first_tick = true;
        context->run->is_training_first_tick = true;
        log_number("Pending active clients ids: ", count_pending(context->members));
    }
    log_run_state("Pre-tick run state: ", context->coordinator->run_state);
    TickResult result;
    TRY(tick_state(context, &result));
    if (result == TICKED) {
        after_tick(context);
    } else {
        log_text(result == EPOCH_END_SUCCESS ? "Epoch end, sucecsss: true" : "Epoch end, sucecsss: false");
        distribute_rewards(context);
    }
    log_run_state("Post-tick run state: ", context->coordinator->run_state);
    return OK;
}

Status pause_run(Context *context) {
    Coordinator *coordinator = context->coordinator;
    if (is_halted(coordinator))
        THROW(HALTED);
    if (is_active(coordinator)) {
        coordinator->pending_pause = true;
        return OK;
    }
    withdraw_all(context->epoch);
    change_state(context, PAUSED);
    context->epoch->cold_start_epoch = true;
    return OK;
}

Status resume_run(Context *context) {
    if (context->coordinator->run_state != PAUSED)
        THROW(CANNOT_RESUME);
    change_state(context, waiting_or_finished(context->coordinator));
    return OK;
}
