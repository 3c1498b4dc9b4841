/* authorization_create, authorization_grantor_update, authorization_close: the grantor's instructions. */
#include "authorizer/errors.h"
#include "authorizer/instructions.h"
#include "protocol/authorization.h"
#include "protocol/program_ids.h"
#include "sdk/arithmetic.h"
#include "sdk/system.h"

/* An authorization with delegates can be closed this many seconds after the grantor's last update. */
#define SECONDS_BEFORE_CLOSING (30ll * 24 * 60 * 60)

static i64 unix_timestamp(void) {
    Clock clock;
    sol_get_clock_sysvar(&clock);
    return clock.unix_timestamp;
}

/* The fields after the scope are all zero: inactive, no delegates, no timestamp. */
static void write_new_authorization(const Account *account, const Authorization *authorization) {
    u8 *next = account->info->data;
    store_u64(next, AUTHORIZATION_TYPE.discriminator);
    next += DISCRIMINATOR_SIZE;
    *next++ = authorization->bump;
    pubkey_copy((Pubkey *)next, authorization->grantor);
    pubkey_copy((Pubkey *)(next + PUBKEY_SIZE), authorization->grantee);
    next += 2 * PUBKEY_SIZE;
    store_u32(next, (u32)authorization->scope.length);
    sol_memcpy_(next + sizeof(u32), authorization->scope.data, authorization->scope.length);
}

Status authorization_create(Invocation *invocation, Reader *arguments) {
    Authorization authorization;
    authorization.grantee = read_pubkey(arguments);
    read_vec(arguments, 1, &authorization.scope);
    REQUIRE_DECODED(arguments);

    Account payer, grantor, account, system_program;
    TRY(take_signer(invocation, "payer", &payer));
    TRY(take_signer(invocation, "grantor", &grantor));
    TRY(take_new(invocation, "authorization", &account));
    TRY(take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &system_program));

    authorization.grantor = grantor.info->key;
    Bytes seeds[] = {
        AUTHORIZATION_SEED,
        pubkey_bytes(authorization.grantor),
        pubkey_bytes(authorization.grantee),
        authorization.scope,
        {&authorization.bump, sizeof(authorization.bump)},
    };
    TRY(require_canonical_pda(&account, seeds, COUNT_OF(seeds) - 1, &AUTHORIZER_PROGRAM_ID, &authorization.bump));
    NewAccount new_account = {
        &payer, &account, AUTHORIZATION_BASE_SIZE + authorization.scope.length, &AUTHORIZER_PROGRAM_ID,
        {seeds, COUNT_OF(seeds)},
    };
    TRY(create_account(&new_account));
    TRY(require_writable(&payer));
    write_new_authorization(&account, &authorization);
    return OK;
}

Status authorization_grantor_update(Invocation *invocation, Reader *arguments) {
    bool active = read_bool(arguments);
    REQUIRE_DECODED(arguments);
    Account grantor, account;
    Authorization authorization;
    TRY(take_signer(invocation, "grantor", &grantor));
    TRY(take_authorization(invocation, &account, &authorization));

    TRY(require_writable(&account));
    TRY(require_condition(pubkey_equals(authorization.grantor, grantor.info->key), &account));
    authorization_set_active(&authorization, active, unix_timestamp());
    return OK;
}

Status authorization_close(Invocation *invocation, Reader *arguments) {
    REQUIRE_DECODED(arguments);
    Account grantor, spill, account, system_program;
    Authorization authorization;
    TRY(take_signer(invocation, "grantor", &grantor));
    TRY(take_system_account(invocation, "spill", &spill));
    TRY(take_authorization(invocation, &account, &authorization));
    TRY(take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &system_program));

    TRY(require_writable(&spill));
    TRY(require_writable(&account));
    TRY(require_condition(pubkey_equals(authorization.grantor, grantor.info->key), &account));
    TRY(require_close_to(&account, &spill));

    if (authorization.active)
        THROW(AUTHORIZATION_ACTIVE_IS_TRUE);
    i64 closing_time = saturating_add(authorization.grantor_update_unix_timestamp, SECONDS_BEFORE_CLOSING);
    if (authorization.delegates.length != 0 && unix_timestamp() < closing_time)
        THROW(CLOSING_CONDITIONS_NOT_REACHED_YET);
    close_account(&account, &spill);
    return OK;
}
