/* The witnesses of a round, and the committee of each client. Both follow from the round's random seed, so that every
   client can compute them and none can choose them. */
#pragma once
#include "protocol/coordinator_account.h"

typedef enum { TIE_BREAKER, VERIFIER, TRAINER, COMMITTEE_COUNT } Committee;

typedef struct {
    u64 tie_breakers;
    u64 verifiers;
    u64 witnesses; /* configured; 0 means all, up to MAX_WITNESSES */
    u64 total;     /* clients in the round */
    u8 seed[DIGEST_SIZE];
} CommitteeSelection;

/* 6020 if the round has too few clients for its committees. */
Status select_committees(const Coordinator *coordinator, const Round *round, CommitteeSelection *selection);

/* A client's position in the witness shuffle; aborts if `index` is not below `total`. */
u64 witness_position(const CommitteeSelection *selection, u64 index);
bool is_witness_position(const CommitteeSelection *selection, u64 position);

/* A client's position in the committee shuffle; aborts likewise. */
u64 committee_position(const CommitteeSelection *selection, u64 index);
Committee committee_at(const CommitteeSelection *selection, u64 position);
