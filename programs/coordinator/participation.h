/* The common beginning of the client instructions: accounts, nonce, and the lookup of the signer among the
   members. */
#pragma once
#include "coordinator/context.h"

/* Opens the run for the signer `wallet`, which must be a member (6007). */
Status open_as_member(Invocation *invocation, Context *context, const Pubkey **wallet);

/* Returns 6015 from the function if the run is halted. */
#define REQUIRE_NOT_HALTED(context)                                                                                    \
    do {                                                                                                               \
        if (is_halted((context)->coordinator))                                                                         \
            THROW(HALTED);                                                                                             \
    } while (0)
