#include "protocol/coordinator_account.h"
#include "protocol/program_ids.h"

const AccountType COORDINATOR_ACCOUNT_TYPE = {
    .owner = &COORDINATOR_PROGRAM_ID,
    .discriminator = DISCRIMINATOR(239, 33, 177, 55, 44, 155, 86, 43),
};

CoordinatorAccount *coordinator_account_of(const Account *account) {
    if (account->info->data_length < COORDINATOR_ACCOUNT_SIZE)
        ABORT("coordinator account is too short");
    return (CoordinatorAccount *)(account->info->data + DISCRIMINATOR_SIZE);
}
