/* Authorizations: a grantor permits a grantee and its delegates to perform an action, identified by a scope. */
#pragma once
#include "sdk/accounts.h"
#include "sdk/borsh.h"

/* The size without the scope and the delegates. */
#define AUTHORIZATION_BASE_SIZE (DISCRIMINATOR_SIZE + 1 + 2 * PUBKEY_SIZE + 4 + 1 + 4 + 8)

typedef struct {
    u8 bump;
    const Pubkey *grantor;
    const Pubkey *grantee; /* all zero: any user */
    Bytes scope;
    bool active;
    Bytes delegates; /* concatenated keys */
    i64 grantor_update_unix_timestamp;
} Authorization;

extern const AccountType AUTHORIZATION_TYPE;
extern const Bytes AUTHORIZATION_SEED;

/* Takes the next account, "authorization", and decodes it; the fields point into its data. */
Status take_authorization(Invocation *invocation, Account *account, Authorization *authorization);

/* Whether `authorization` is a valid permission from `grantor` for `key` under `scope`. */
bool authorization_is_valid_for(const Authorization *authorization, const Pubkey *grantor, const Pubkey *key,
                                const Bytes *scope);

/* Writers of the fields after the scope. The account must already have the right length. */
void authorization_set_active(Authorization *authorization, bool active, i64 unix_timestamp);
/* Keeps the first `kept_length` bytes of the delegates and appends `added`. */
void authorization_set_delegates(Authorization *authorization, u64 kept_length, const Bytes *added);
