#include "treasurer/state.h"
#include "protocol/program_ids.h"

const AccountType TREASURER_RUN_TYPE = {
    .owner = &TREASURER_PROGRAM_ID,
    .discriminator = DISCRIMINATOR(0xc7, 0x36, 0x9b, 0x56, 0xeb, 0x73, 0xf6, 0xbd),
};
const AccountType PARTICIPANT_TYPE = {
    .owner = &TREASURER_PROGRAM_ID,
    .discriminator = DISCRIMINATOR(0x20, 0x8e, 0x6c, 0x4f, 0xf7, 0xb3, 0x36, 0x06),
};
const Bytes RUN_SEED = {(const u8 *)"Run", sizeof("Run") - 1};
const Bytes PARTICIPANT_SEED = {(const u8 *)"Participant", sizeof("Participant") - 1};

Status take_run(Invocation *invocation, Account *account, TreasurerRun **run) {
    TRY(take_typed(invocation, "run", &TREASURER_RUN_TYPE, account));
    if (account->info->data_length < sizeof(TreasurerRun))
        return error_of_account(&ACCOUNT_DID_NOT_DESERIALIZE, account->name);
    *run = (TreasurerRun *)account->info->data;
    return OK;
}

Status take_participant(Invocation *invocation, Account *account, Participant **participant) {
    TRY(take_typed(invocation, "participant", &PARTICIPANT_TYPE, account));
    if (account->info->data_length < sizeof(Participant))
        return error_of_account(&ACCOUNT_DID_NOT_DESERIALIZE, account->name);
    *participant = (Participant *)account->info->data;
    return OK;
}

void run_seeds(const TreasurerRun *run, Bytes *seeds) {
    seeds[0] = RUN_SEED;
    seeds[1] = (Bytes){(const u8 *)run + __builtin_offsetof(TreasurerRun, index), sizeof(run->index)};
    seeds[2] = (Bytes){&run->bump, sizeof(run->bump)};
}
