/* The treasurer's two account types. All fields have a fixed size, so their Borsh form is a packed structure. */
#pragma once
#include "sdk/accounts.h"

typedef struct __attribute__((packed)) {
    u64 discriminator;
    u8 bump;
    u64 index;
    Pubkey main_authority; /* the administrator; the coordinator's main authority is the Run itself */
    Pubkey join_authority;
    Pubkey coordinator_account;
    Pubkey coordinator_instance;
    Pubkey collateral_mint;
    u64 total_claimed_collateral_amount; /* base units */
    u64 total_claimed_earned_points;
} TreasurerRun;

typedef struct __attribute__((packed)) {
    u64 discriminator;
    u8 bump;
    u64 claimed_collateral_amount; /* base units */
    u64 claimed_earned_points;
} Participant;

/* The published program allocates the in-memory sizes, rounded up to 8 bytes. */
#define TREASURER_RUN_SIZE (DISCRIMINATOR_SIZE + 192)
#define PARTICIPANT_SIZE (DISCRIMINATOR_SIZE + 24)
_Static_assert(sizeof(TreasurerRun) == 193 && __builtin_offsetof(TreasurerRun, collateral_mint) == 145, "layout");
_Static_assert(sizeof(Participant) == 25 && __builtin_offsetof(Participant, claimed_earned_points) == 17, "layout");

extern const AccountType TREASURER_RUN_TYPE, PARTICIPANT_TYPE;

Status take_run(Invocation *invocation, Account *account, TreasurerRun **run);
Status take_participant(Invocation *invocation, Account *account, Participant **participant);

/* The seeds of a Run's address, including the bump, with which the treasurer signs as the Run. Points into `run`. */
#define RUN_SEED_COUNT 3
void run_seeds(const TreasurerRun *run, Bytes *seeds);
extern const Bytes RUN_SEED, PARTICIPANT_SEED;
