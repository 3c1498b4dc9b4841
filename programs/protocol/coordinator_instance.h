/* The coordinator instance: the PDA that maps a run id to its authorities and its coordinator account. */
#pragma once
#include "sdk/accounts.h"
#include "sdk/borsh.h"

/* Discriminator (8), bump (1), 3 keys, and space for a run id of 64 bytes, of which 32 are usable. */
#define COORDINATOR_INSTANCE_SIZE (DISCRIMINATOR_SIZE + 1 + 3 * PUBKEY_SIZE + 4 + 64)

typedef struct {
    u8 bump;
    const Pubkey *main_authority;
    const Pubkey *join_authority;
    const Pubkey *coordinator_account;
    Bytes run_id;
} CoordinatorInstance;

extern const AccountType COORDINATOR_INSTANCE_TYPE;
extern const Bytes COORDINATOR_INSTANCE_SEED;

/* Takes the next account and decodes it; the fields point into its data. */
Status take_coordinator_instance(Invocation *invocation, Account *account, CoordinatorInstance *instance);
/* Writes a new instance into an account of COORDINATOR_INSTANCE_SIZE bytes. */
void write_coordinator_instance(const Account *account, const CoordinatorInstance *instance);
