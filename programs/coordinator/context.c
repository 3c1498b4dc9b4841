#include "coordinator/context.h"
#include "sdk/arithmetic.h"
#include "sdk/log.h"

/* The first 8 bytes of SHA-256(unix timestamp, slot), all little-endian. */
static u64 random_seed_of(const Clock *clock) {
    u8 digest[DIGEST_SIZE];
    Bytes parts[] = {BYTES_OF_VALUE(clock->unix_timestamp), BYTES_OF_VALUE(clock->slot)};
    sol_sha256(parts, COUNT_OF(parts), digest);
    return load_u64(digest);
}

void open_context(Context *context, CoordinatorAccount *account) {
    Clock clock;
    sol_get_clock_sysvar(&clock);
    context->account = account;
    context->run = &account->state;
    context->coordinator = &account->state.coordinator;
    context->epoch = &account->state.coordinator.epoch_state;
    context->members = &account->state.clients_state;
    context->now = (u64)clock.unix_timestamp;
    context->random_seed = random_seed_of(&clock);
}

void increment_nonce(CoordinatorAccount *account) {
    account->nonce = checked_add(account->nonce, 1);
    log_number("Nonce: ", account->nonce);
}

bool is_halted(const Coordinator *coordinator) {
    u8 state = coordinator->run_state;
    return state == UNINITIALIZED || state == FINISHED || state == PAUSED;
}

bool is_active(const Coordinator *coordinator) {
    u8 state = coordinator->run_state;
    return state == ROUND_TRAIN || state == ROUND_WITNESS || state == COOLDOWN;
}

const char *run_state_text(u8 run_state) {
    switch (run_state) {
    case UNINITIALIZED:
        return "Uninitialized";
    case WAITING_FOR_MEMBERS:
        return "Waiting for members";
    case WARMUP:
        return "Warmup";
    case ROUND_TRAIN:
        return "Training";
    case ROUND_WITNESS:
        return "Witness";
    case COOLDOWN:
        return "Cooldown";
    case FINISHED:
        return "Finished";
    case PAUSED:
        return "Paused";
    }
    ABORT("no such run state");
}

void log_run_state(const char *label, u8 run_state) {
    LogLine line;
    line_start(&line, label);
    line_text(&line, run_state_text(run_state));
    line_end(&line);
}

void change_state(Context *context, RunState state) {
    if (context->coordinator->run_state == state)
        ABORT("the run is already in this state");
    context->coordinator->run_state_start_unix_timestamp = context->now;
    context->coordinator->run_state = (u8)state;
}

Round *find_current_round(Coordinator *coordinator) {
    EpochState *epoch = &coordinator->epoch_state;
    return epoch->rounds_head < STORED_ROUNDS ? &epoch->rounds[epoch->rounds_head] : NULL;
}

Round *current_round(Coordinator *coordinator) {
    Round *round = find_current_round(coordinator);
    if (round == NULL)
        ABORT("index out of bounds");
    return round;
}
