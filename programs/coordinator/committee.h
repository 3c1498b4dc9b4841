/* Who witnesses a round, and on which committee each client sits: decided by the round's random seed, so that everybody
   can compute it and nobody can choose it. */
#pragma once
#include "protocol/coordinator_account.h"

typedef enum { TIE_BREAKER, VERIFIER, TRAINER, COMMITTEE_COUNT } Committee;

typedef struct {
    u64 tie_breakers;
    u64 verifiers;
    u64 witnesses; /* configured; 0 means everybody, up to MAX_WITNESSES */
    u64 total;     /* clients in the round */
    u8 seed[DIGEST_SIZE];
} CommitteeSelection;

/* 6020 when the round has too few clients for its committees. */
Status select_committees(const Coordinator *coordinator, const Round *round, CommitteeSelection *selection);

/* A client's place in the shuffled order for witnesses; aborts when `index` is not below `total`. */
u64 witness_position(const CommitteeSelection *selection, u64 index);
bool is_witness_position(const CommitteeSelection *selection, u64 position);

/* The same for committees. */
u64 committee_position(const CommitteeSelection *selection, u64 index);
Committee committee_at(const CommitteeSelection *selection, u64 position);
