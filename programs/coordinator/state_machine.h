/* The state machine of a run: transitions over time (ticks) and those caused by witnesses. */
#pragma once
#include "coordinator/context.h"

/* Performs the transition that is due, if any, and logs the run state before and after. 6015 if the run is halted. */
Status tick_run(Context *context);

/* Starts the first or next round, with the random seed of the context. */
void start_round(Context *context);

/* The number of witnesses that complete a round. */
u64 expected_witnesses(const Coordinator *coordinator);
/* The number of witnesses that must agree: about two thirds of the configured number or, if that is 0, of `received`.
   Aborts if both are 0. */
u64 witness_quorum(const Config *config, u64 received);

/* Pausing is immediate before training, and during training takes effect at the end of the epoch (6015 if halted).
   Resuming enters WaitingForMembers, or Finished if no steps are left (6018 unless paused). */
Status pause_run(Context *context);
Status resume_run(Context *context);
