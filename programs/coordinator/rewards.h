/* What an epoch's end is worth to its clients. */
#pragma once
#include "coordinator/context.h"

/* Adds an equal share of the epoch's earnings to every client that is Healthy at the end, and the slashing rate to
   every one that was Ejected. Shares are rounded down; the remainder is nobody's. */
void distribute_rewards(Context *context);
