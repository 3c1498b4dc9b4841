/* authorization_grantee_update: the grantee changes its delegates; the account is resized with the list. */
#include "authorizer/instructions.h"
#include "protocol/authorization.h"
#include "sdk/arithmetic.h"
#include "sdk/system.h"

/* The published program reads the delegates into a vector whose capacity doubles whenever it is full. A capacity of
   512, together with its other allocations, is the most that fits into its 32 KiB heap, so an authorization never gets
   a 513th delegate. The recordings of that program come from a build without this limit, and reach longer lists with
   instructions that do not fit into a transaction. */
#define MOST_DELEGATES 512
#define TRANSACTION_SIZE 1232

static void require_memory(const Invocation *invocation, u64 present_length, u64 new_length) {
    u64 most = MOST_DELEGATES * PUBKEY_SIZE;
    if (present_length <= most && new_length > most && invocation->data.length <= TRANSACTION_SIZE)
        abort_out_of_memory();
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
    u64 kept_length = clear ? 0 : authorization.delegates.length;
    u64 delegates_length = checked_add(kept_length, added.length);
    u64 new_length = AUTHORIZATION_BASE_SIZE + authorization.scope.length + delegates_length;
    TRY(resize_account(&payer, &account, new_length));
    TRY(require_writable(&account));
    TRY(require_condition(pubkey_equals(authorization.grantee, grantee.info->key), &account));
    require_memory(invocation, authorization.delegates.length, delegates_length);
    authorization_set_delegates(&authorization, kept_length, &added);
    return OK;
}
