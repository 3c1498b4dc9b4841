/* The program ids, which are the same on every cluster. */
#pragma once
#include "sdk/types.h"

extern const Pubkey COORDINATOR_PROGRAM_ID,
    AUTHORIZER_PROGRAM_ID,
    TREASURER_PROGRAM_ID,
    TOKEN_PROGRAM_ID,
    ASSOCIATED_TOKEN_PROGRAM_ID;
