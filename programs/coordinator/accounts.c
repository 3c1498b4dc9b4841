#include "coordinator/accounts.h"
#include "protocol/program_ids.h"

Status require_instance_pda(const Account *account, const CoordinatorInstance *instance) {
    Bytes seeds[] = {COORDINATOR_INSTANCE_SEED, instance->run_id, {&instance->bump, sizeof(instance->bump)}};
    return require_pda(account, seeds, COUNT_OF(seeds), &COORDINATOR_PROGRAM_ID);
}

Status require_coordinator_account(const Account *account, const CoordinatorInstance *instance) {
    TRY(require_writable(account));
    TRY(require_condition(pubkey_equals(account->info->key, instance->coordinator_account), account));
    return require_condition(coordinator_account_of(account)->version == COORDINATOR_ACCOUNT_VERSION, account);
}

Status owner_accounts(Invocation *invocation, CoordinatorAccount **account) {
    Account authority, instance_account, coordinator_account;
    CoordinatorInstance instance;
    TRY(take_signer(invocation, "authority", &authority));
    TRY(take_coordinator_instance(invocation, &instance_account, &instance));
    TRY(take_zero_copy(invocation, "coordinator_account", &COORDINATOR_ACCOUNT_TYPE, &coordinator_account));

    TRY(require_instance_pda(&instance_account, &instance));
    TRY(require_condition(pubkey_equals(authority.info->key, instance.main_authority), &instance_account));
    TRY(require_coordinator_account(&coordinator_account, &instance));
    *account = coordinator_account_of(&coordinator_account);
    return OK;
}

Status permissionless_accounts(Invocation *invocation, Account *user, CoordinatorAccount **account) {
    Account instance_account, coordinator_account;
    CoordinatorInstance instance;
    TRY(take_signer(invocation, "user", user));
    TRY(take_coordinator_instance(invocation, &instance_account, &instance));
    TRY(take_zero_copy(invocation, "coordinator_account", &COORDINATOR_ACCOUNT_TYPE, &coordinator_account));

    TRY(require_instance_pda(&instance_account, &instance));
    TRY(require_coordinator_account(&coordinator_account, &instance));
    *account = coordinator_account_of(&coordinator_account);
    return OK;
}
