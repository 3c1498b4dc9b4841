#include "protocol/coordinator_instance.h"
#include "protocol/program_ids.h"

const AccountType COORDINATOR_INSTANCE_TYPE = {
    .owner = &COORDINATOR_PROGRAM_ID,
    .discriminator = DISCRIMINATOR(156, 9, 153, 16, 175, 24, 31, 252),
};
const Bytes COORDINATOR_INSTANCE_SEED = {(const u8 *)"coordinator", sizeof("coordinator") - 1};

Status take_coordinator_instance(Invocation *invocation, Account *account, CoordinatorInstance *instance) {
    TRY(take_typed(invocation, "coordinator_instance", &COORDINATOR_INSTANCE_TYPE, account));
    Reader reader = {account->info->data + DISCRIMINATOR_SIZE, account->info->data + account->info->data_length, false};
    instance->bump = read_u8(&reader);
    instance->main_authority = read_pubkey(&reader);
    instance->join_authority = read_pubkey(&reader);
    instance->coordinator_account = read_pubkey(&reader);
    read_string(&reader, &instance->run_id);
    return reader.failed ? error_of_account(&ACCOUNT_DID_NOT_DESERIALIZE, account->name) : OK;
}

void write_coordinator_instance(const Account *account, const CoordinatorInstance *instance) {
    u8 *next = account->info->data;
    store_u64(next, COORDINATOR_INSTANCE_TYPE.discriminator);
    next += DISCRIMINATOR_SIZE;
    *next++ = instance->bump;
    const Pubkey *keys[] = {instance->main_authority, instance->join_authority, instance->coordinator_account};
    for (u64 i = 0; i < COUNT_OF(keys); i++, next += PUBKEY_SIZE)
        pubkey_copy((Pubkey *)next, keys[i]);
    store_u32(next, (u32)instance->run_id.length);
    sol_memcpy_(next + sizeof(u32), instance->run_id.data, instance->run_id.length);
}
