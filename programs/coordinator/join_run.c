/* join_run: an authorized wallet becomes a member, or rejoins. */
#include "coordinator/accounts.h"
#include "coordinator/errors.h"
#include "coordinator/instructions.h"
#include "coordinator/members.h"
#include "coordinator/state_machine.h"
#include "protocol/authorization.h"
#include "protocol/run_arguments.h"
#include "sdk/log.h"

#define LOGGED_KEY_BYTES 4 /* of a wallet, in hexadecimal */

static void line_client(LogLine *line, const char *label, const Pubkey *wallet) {
    line_start(line, label);
    for (u64 i = 0; i < LOGGED_KEY_BYTES; i++)
        line_hex_byte(line, wallet->bytes[i]);
}

static void rejoin(Members *members, Member *member, const NodeIdentity *id) {
    member->id = *id;
    member->active = members->next_active;
    LogLine line;
    line_client(&line, "Existing client ", &id->signer);
    line_text(&line, " re-joined");
    line_end(&line);
}

static Status join_first_time(Context *context, const NodeIdentity *id) {
    Members *members = context->members;
    u64 count = members->members.length;
    if (count == context->coordinator->config.global_batch_size_end)
        THROW(MORE_CLIENTS_THAN_BATCHES);
    if (count == MAX_CLIENTS)
        THROW(CLIENTS_FULL);
    Member *member = &members->members.data[count];
    sol_memset_(member, 0, sizeof(*member));
    member->id = *id;
    member->active = members->next_active;
    members->members.length = count + 1;
    LogLine line;
    line_client(&line, "New client ", &id->signer);
    line_text(&line, " joined, ");
    line_number(&line, count + 1);
    line_text(&line, " total clients");
    line_end(&line);
    return OK;
}

Status join_run(Invocation *invocation, Reader *arguments) {
    NodeIdentity id;
    read_node_identity(arguments, &id);
    REQUIRE_DECODED(arguments);

    Account user, authorization_account, instance_account, coordinator_account;
    Authorization authorization;
    CoordinatorInstance instance;
    TRY(take_signer(invocation, "user", &user));
    TRY(take_authorization(invocation, &authorization_account, &authorization));
    TRY(take_coordinator_instance(invocation, &instance_account, &instance));
    TRY(take_zero_copy(invocation, "coordinator_account", &COORDINATOR_ACCOUNT_TYPE, &coordinator_account));

    Bytes scope = BYTES_OF("CoordinatorJoinRun");
    bool may_join = authorization_is_valid_for(&authorization, instance.join_authority, user.info->key, &scope);
    TRY(require_condition(may_join, &authorization_account));
    TRY(require_instance_pda(&instance_account, &instance));
    TRY(require_coordinator_account(&coordinator_account, &instance));

    if (!pubkey_equals(&id.signer, user.info->key))
        THROW(SIGNER_MISMATCH);
    CoordinatorAccount *account = coordinator_account_of(&coordinator_account);
    increment_nonce(account);
    Context context;
    open_context(&context, account);
    Member *member = find_member(context.members, &id.signer);
    if (member != NULL)
        rejoin(context.members, member, &id);
    else
        TRY(join_first_time(&context, &id));
    return is_halted(context.coordinator) ? OK : tick_run(&context);
}
