/* authorization_grantee_update: the grantee says to whom it delegates; the account grows and shrinks with the list. */
#include "authorizer/instructions.h"
#include "protocol/authorization.h"
#include "sdk/arithmetic.h"
#include "sdk/system.h"

#define MAX_GROWTH 10240 /* bytes in one instruction */

/* Gives the account a new length and exactly the lamports that the length needs. When it grows, the payer adds what is
   missing; when it shrinks, everything above the need goes to the payer. */
static Status resize(const Invocation *invocation, const Account *payer, const Account *account, u64 length) {
    u64 present_length = account->info->data_length;
    u64 *lamports = account->info->lamports;
    if (length == present_length)
        return OK;
    u64 needed = rent_exempt_minimum(length);
    if (length > present_length) {
        if (length - present_length > MAX_GROWTH)
            return error_of_account(&ACCOUNT_REALLOC_EXCEEDS_LIMIT, account->name);
        if (needed > *lamports)
            transfer_lamports(invocation, payer, account, needed - *lamports);
    } else {
        u64 freed = checked_sub(*lamports, needed);
        *payer->info->lamports = checked_add(*payer->info->lamports, freed);
        *lamports -= freed;
    }
    set_data_length(account->info, length);
    return OK;
}

Status authorization_grantee_update(Invocation *invocation, Reader *arguments) {
    bool clear = read_bool(arguments);
    Bytes added;
    read_vec(arguments, PUBKEY_SIZE, &added);
    REQUIRE_DECODED(arguments);
    Account payer, grantee, account, system_program;
    Authorization authorization;
    TRY(take_signer(invocation, "payer", &payer));
    TRY(take_signer(invocation, "grantee", &grantee));
    TRY(take_authorization(invocation, &account, &authorization));
    TRY(take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &system_program));

    TRY(require_writable(&payer));
    TRY(require_condition(pubkey_equals(authorization.grantee, grantee.info->key), &grantee));
    u64 kept_length = clear ? 0 : authorization.delegates.length;
    u64 delegates_length = checked_add(kept_length, added.length);
    u64 new_length = AUTHORIZATION_BASE_SIZE + authorization.scope.length + delegates_length;
    TRY(resize(invocation, &payer, &account, new_length));
    TRY(require_writable(&account));
    authorization_set_delegates(&authorization, kept_length, &added);
    return OK;
}
