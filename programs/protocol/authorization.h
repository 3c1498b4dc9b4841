/* Authorizations: a grantor allows a grantee, and whom the grantee delegates to, something named by a scope. */
#pragma once
#include "sdk/accounts.h"
#include "sdk/borsh.h"

/* Everything but the scope and the delegates. */
#define AUTHORIZATION_BASE_SIZE (DISCRIMINATOR_SIZE + 1 + 2 * PUBKEY_SIZE + 4 + 1 + 4 + 8)

typedef struct {
    u8 bump;
    const Pubkey *grantor;
    const Pubkey *grantee; /* all zero: anybody */
    Bytes scope;
    bool active;
    Bytes delegates; /* keys, one behind the other */
    i64 grantor_update_unix_timestamp;
} Authorization;

extern const AccountType AUTHORIZATION_TYPE;
extern const Bytes AUTHORIZATION_SEED;

/* Takes the next account, "authorization", and decodes it; the members point into its data. */
Status take_authorization(Invocation *invocation, Account *account, Authorization *authorization);

/* Whether `authorization` allows `key` what `grantor` grants under `scope`. */
bool authorization_is_valid_for(const Authorization *authorization, const Pubkey *grantor, const Pubkey *key,
                                const Bytes *scope);

/* Rewriting what lies behind the scope. The account must already have the right length. */
void authorization_set_active(Authorization *authorization, bool active, i64 unix_timestamp);
/* Keeps the first `kept_length` bytes of the delegates and puts `added` behind them. */
void authorization_set_delegates(Authorization *authorization, u64 kept_length, const Bytes *added);
