/* The life of a run: what passes with time (ticks), and what witnesses bring about. */
#pragma once
#include "coordinator/context.h"

/* Does everything that is due now, and logs the run state before and after. 6015 when the run is halted. */
Status tick_run(Context *context);

/* The first or next round begins, with this moment's random seed. */
void start_round(Context *context);

/* How many witnesses a round waits for. */
u64 expected_witnesses(const Coordinator *coordinator);
/* How many of `received` witnesses must agree (two thirds, of the configured number if there is one). Aborts for
   none. */
u64 witness_quorum(const Config *config, u64 received);

/* Main authority's switch: pausing is immediate before training and takes effect at the epoch's end during it (6015
   when halted); resuming goes to WaitingForMembers, or to Finished when no steps are left (6018 unless paused). */
Status pause_run(Context *context);
Status resume_run(Context *context);
