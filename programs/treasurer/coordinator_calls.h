/* Instructions of the coordinator that the treasurer calls. Arguments are in their Borsh form. */
#pragma once
#include "sdk/accounts.h"

#define CALL_UPDATE DISCRIMINATOR(0xdb, 0xc8, 0x58, 0xb0, 0x9e, 0x3f, 0xfd, 0x7f)
#define CALL_SET_FUTURE_EPOCH_RATES DISCRIMINATOR(0xef, 0x15, 0xa0, 0x57, 0xc7, 0xc8, 0xb6, 0x81)
#define CALL_SET_PAUSED DISCRIMINATOR(0x5b, 0x3c, 0x7d, 0xc0, 0xb0, 0xe1, 0xa6, 0xda)
#define CALL_UPDATE_CLIENT_VERSION DISCRIMINATOR(0xc1, 0x15, 0x2e, 0x3c, 0x33, 0x02, 0x0d, 0xfb)

typedef struct {
    const Account *run; /* signs as the coordinator's main authority */
    const Account *instance;
    const Account *account;
    SignerSeeds signer;
} CoordinatorAuthority;

/* Calls an instruction of the main authority, with the discriminator and `arguments` as data. */
void call_coordinator(const CoordinatorAuthority *authority, u64 discriminator, const Bytes *arguments);

typedef struct {
    const Account *payer;
    const Account *instance;
    const Account *account;
    const Pubkey *main_authority;
    const Pubkey *join_authority;
    Bytes run_id;
    Bytes client_version;
} NewCoordinator;

void call_init_coordinator(const NewCoordinator *coordinator);
