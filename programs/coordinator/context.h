/* The context of an instruction: the state of the run, and the time and random seed of its execution. */
#pragma once
#include "protocol/coordinator_account.h"

typedef struct {
    CoordinatorAccount *account;
    Run *run;
    Coordinator *coordinator;
    EpochState *epoch;
    Members *members;
    u64 now;         /* seconds, from the cluster's clock */
    u64 random_seed; /* used if a round starts */
} Context;

void open_context(Context *context, CoordinatorAccount *account);

/* Increments the nonce, by which observers order the states that they see. */
void increment_nonce(CoordinatorAccount *account);

bool is_halted(const Coordinator *coordinator); /* Uninitialized, Finished or Paused */
bool is_active(const Coordinator *coordinator); /* RoundTrain, RoundWitness or Cooldown */

/* The name of a run state in logs. */
const char *run_state_text(u8 run_state);
/* "<label><run state>" */
void log_run_state(const char *label, u8 run_state);

/* Enters another state now. Aborts if the run is already in that state, which is a bug. */
void change_state(Context *context, RunState state);

/* The round at the head of the ring buffer; NULL if the head is out of range, which no instruction causes. */
Round *find_current_round(Coordinator *coordinator);
/* The same, but aborts instead of returning NULL. */
Round *current_round(Coordinator *coordinator);
