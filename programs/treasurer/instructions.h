/* The instructions of the treasurer program, one function each. */
#pragma once
#include "sdk/dispatch.h"

Handler run_create, run_update, participant_create, participant_claim;
