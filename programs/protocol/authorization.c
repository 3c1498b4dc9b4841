#include "protocol/authorization.h"
#include "protocol/program_ids.h"

const AccountType AUTHORIZATION_TYPE = {
    .owner = &AUTHORIZER_PROGRAM_ID,
    .discriminator = DISCRIMINATOR(3, 68, 168, 243, 195, 168, 32, 75),
};
const Bytes AUTHORIZATION_SEED = {(const u8 *)"Authorization", sizeof("Authorization") - 1};

Status take_authorization(Invocation *invocation, Account *account, Authorization *authorization) {
    TRY(take_typed(invocation, "authorization", &AUTHORIZATION_TYPE, account));
    Reader reader = {account->info->data + DISCRIMINATOR_SIZE, account->info->data + account->info->data_length, false};
    authorization->bump = read_u8(&reader);
    authorization->grantor = read_pubkey(&reader);
    authorization->grantee = read_pubkey(&reader);
    read_vec(&reader, 1, &authorization->scope);
    authorization->active = read_bool(&reader);
    read_vec(&reader, PUBKEY_SIZE, &authorization->delegates);
    authorization->grantor_update_unix_timestamp = (i64)read_u64(&reader);
    return reader.failed ? error_of_account(&ACCOUNT_DID_NOT_DESERIALIZE, account->name) : OK;
}

static bool is_delegate(const Authorization *authorization, const Pubkey *key) {
    for (u64 at = 0; at < authorization->delegates.length; at += PUBKEY_SIZE)
        if (pubkey_equals((const Pubkey *)(authorization->delegates.data + at), key))
            return true;
    return false;
}

bool authorization_is_valid_for(const Authorization *authorization, const Pubkey *grantor, const Pubkey *key,
                                const Bytes *scope) {
    if (!authorization->active || !pubkey_equals(authorization->grantor, grantor))
        return false;
    if (!bytes_equal(&authorization->scope, scope))
        return false;
    return pubkey_is_zero(authorization->grantee) || pubkey_equals(authorization->grantee, key) ||
           is_delegate(authorization, key);
}

/* The offsets of the fields after the scope. */
static u8 *active_of(const Authorization *authorization) {
    return (u8 *)authorization->scope.data + authorization->scope.length;
}

static u8 *delegates_of(const Authorization *authorization) { return active_of(authorization) + 1 + sizeof(u32); }

static void write_timestamp(const Authorization *authorization) {
    u8 *timestamp = delegates_of(authorization) + authorization->delegates.length;
    store_u64(timestamp, (u64)authorization->grantor_update_unix_timestamp);
}

void authorization_set_active(Authorization *authorization, bool active, i64 unix_timestamp) {
    authorization->active = active;
    *active_of(authorization) = active;
    authorization->grantor_update_unix_timestamp = unix_timestamp;
    write_timestamp(authorization);
}

void authorization_set_delegates(Authorization *authorization, u64 kept_length, const Bytes *added) {
    u8 *delegates = delegates_of(authorization);
    sol_memcpy_(delegates + kept_length, added->data, added->length);
    authorization->delegates.data = delegates;
    authorization->delegates.length = kept_length + added->length;
    store_u32(active_of(authorization) + 1, (u32)(authorization->delegates.length / PUBKEY_SIZE));
    write_timestamp(authorization);
}
