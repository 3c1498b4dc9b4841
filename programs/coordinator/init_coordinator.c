/* init_coordinator and free_coordinator: initialize and close a run's two accounts. */
#include "coordinator/accounts.h"
#include "coordinator/context.h"
#include "coordinator/errors.h"
#include "coordinator/instructions.h"
#include "protocol/program_ids.h"
#include "sdk/system.h"

#define RUN_ID_SEED_LIMIT 64 /* a longer run id is truncated; above 32 bytes, the derivation fails */

static u64 at_most(u64 length, u64 limit) { return length < limit ? length : limit; }

static Status initialize_account(const Account *account, const Bytes *run_id, const Bytes *client_version) {
    if (account->info->data_length != COORDINATOR_ACCOUNT_SIZE)
        THROW(COORDINATOR_ACCOUNT_INCORRECT_SIZE);
    if (load_u64(account->info->data) != 0)
        THROW(ACCOUNT_DISCRIMINATOR_ALREADY_SET);
    store_u64(account->info->data, COORDINATOR_ACCOUNT_TYPE.discriminator);
    CoordinatorAccount *content = coordinator_account_of(account);
    content->version = COORDINATOR_ACCOUNT_VERSION;
    content->nonce = 0;
    sol_memset_(content->state.client_version, 0, CLIENT_VERSION_SIZE);
    u64 version_length = at_most(client_version->length, CLIENT_VERSION_SIZE);
    sol_memcpy_(content->state.client_version, client_version->data, version_length);
    sol_memset_(content->state.coordinator.run_id, 0, RUN_ID_SIZE);
    sol_memcpy_(content->state.coordinator.run_id, run_id->data, at_most(run_id->length, RUN_ID_SIZE));
    return OK;
}

Status init_coordinator(Invocation *invocation, Reader *arguments) {
    CoordinatorInstance instance;
    Bytes client_version;
    instance.main_authority = read_pubkey(arguments);
    instance.join_authority = read_pubkey(arguments);
    read_string(arguments, &instance.run_id);
    read_string(arguments, &client_version);
    REQUIRE_DECODED(arguments);

    Account payer, instance_account, coordinator_account, system_program;
    TRY(take_signer(invocation, "payer", &payer));
    TRY(take_new(invocation, "coordinator_instance", &instance_account));
    TRY(take_any(invocation, "coordinator_account", &coordinator_account));
    TRY(take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &system_program));

    Bytes seeds[] = {
        COORDINATOR_INSTANCE_SEED,
        {instance.run_id.data, at_most(instance.run_id.length, RUN_ID_SEED_LIMIT)},
        {&instance.bump, sizeof(instance.bump)},
    };
    TRY(require_canonical_pda(&instance_account, seeds, COUNT_OF(seeds) - 1, &COORDINATOR_PROGRAM_ID, &instance.bump));
    NewAccount new_instance = {
        &payer, &instance_account, COORDINATOR_INSTANCE_SIZE, &COORDINATOR_PROGRAM_ID, {seeds, COUNT_OF(seeds)},
    };
    TRY(create_account(&new_instance));

    TRY(require_writable(&payer));
    TRY(require_writable(&coordinator_account));
    TRY(require_owner(&coordinator_account, &COORDINATOR_PROGRAM_ID));

    instance.coordinator_account = coordinator_account.info->key;
    write_coordinator_instance(&instance_account, &instance);
    return initialize_account(&coordinator_account, &instance.run_id, &client_version);
}

Status free_coordinator(Invocation *invocation, Reader *arguments) {
    REQUIRE_DECODED(arguments);
    Account authority, spill, instance_account, coordinator_account;
    CoordinatorInstance instance;
    TRY(take_signer(invocation, "authority", &authority));
    TRY(take_system_account(invocation, "spill", &spill));
    TRY(take_coordinator_instance(invocation, &instance_account, &instance));
    TRY(take_zero_copy(invocation, "coordinator_account", &COORDINATOR_ACCOUNT_TYPE, &coordinator_account));

    TRY(require_writable(&spill));
    TRY(require_instance_pda(&instance_account, &instance));
    TRY(require_writable(&instance_account));
    TRY(require_condition(pubkey_equals(authority.info->key, instance.main_authority), &instance_account));
    TRY(require_close_to(&instance_account, &spill));
    TRY(require_writable(&coordinator_account));
    bool same = pubkey_equals(coordinator_account.info->key, instance.coordinator_account);
    TRY(require_condition(same, &coordinator_account));
    TRY(require_close_to(&coordinator_account, &spill));

    if (!is_halted(&coordinator_account_of(&coordinator_account)->state.coordinator))
        THROW(CLOSE_COORDINATOR_NOT_HALTED);
    close_account(&instance_account, &spill);
    close_account(&coordinator_account, &spill);
    return OK;
}
