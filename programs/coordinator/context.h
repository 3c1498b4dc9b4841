/* One instruction's view of a run: its state, and the moment at which the instruction executes. */
#pragma once
#include "protocol/coordinator_account.h"

typedef struct {
    CoordinatorAccount *account;
    Run *run;
    Coordinator *coordinator;
    EpochState *epoch;
    Members *members;
    u64 now;         /* seconds, from the cluster's clock */
    u64 random_seed; /* of this moment: used if a round starts in it */
} Context;

void open_context(Context *context, CoordinatorAccount *account);

/* Counts the instruction: watchers use the nonce to order what they see. */
void increment_nonce(CoordinatorAccount *account);

bool is_halted(const Coordinator *coordinator); /* Uninitialized, Finished or Paused */
bool is_active(const Coordinator *coordinator); /* RoundTrain, RoundWitness or Cooldown */

/* The name that logs give a run state. */
const char *run_state_text(u8 run_state);
/* "<label><run state>" */
void log_run_state(const char *label, u8 run_state);

/* Enters another state now. Entering the state that the run is already in is a bug, and aborts. */
void change_state(Context *context, RunState state);

/* The round at the head of the ring; NULL when the head lies outside of it, which no real instruction leads to. */
Round *find_current_round(Coordinator *coordinator);
/* The same, where there must be one: aborts. */
Round *current_round(Coordinator *coordinator);
