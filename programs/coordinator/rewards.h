/* Rewards and slashing at the end of an epoch. */
#pragma once
#include "coordinator/context.h"

/* Adds an equal share of the epoch's earnings to every client that is Healthy at the end, and the slashing rate to
   every client that was Ejected. Shares are rounded down; the remainder is not paid. */
void distribute_rewards(Context *context);
