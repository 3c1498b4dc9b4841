/* The instructions of the coordinator program, one function each. */
#pragma once
#include "sdk/dispatch.h"

Handler init_coordinator, free_coordinator;
Handler update, update_client_version, set_future_epoch_rates, set_paused;
Handler join_run, tick, witness, warmup_witness, health_check, checkpoint;
