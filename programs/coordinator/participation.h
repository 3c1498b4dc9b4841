/* What the instructions of a run's clients begin with: accounts, nonce, and the look-up of the signer among the
   members. */
#pragma once
#include "coordinator/context.h"

/* Opens the run for its member `wallet`, the signer; 6007 for others. */
Status open_as_member(Invocation *invocation, Context *context, const Pubkey **wallet);

/* Ends the function with 6015 in a halted run. */
#define REQUIRE_NOT_HALTED(context)                                                                                    \
    do {                                                                                                               \
        if (is_halted((context)->coordinator))                                                                         \
            THROW(HALTED);                                                                                             \
    } while (0)
