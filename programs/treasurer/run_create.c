/* run_create: creates a Run with its collateral vault, and the coordinator's accounts with the Run as authority. */
#include "protocol/coordinator_account.h"
#include "protocol/program_ids.h"
#include "sdk/system.h"
#include "treasurer/coordinator_calls.h"
#include "treasurer/errors.h"
#include "treasurer/instructions.h"
#include "treasurer/state.h"
#include "treasurer/token.h"

typedef struct {
    u64 index;
    Bytes run_id;
    Bytes client_version;
    const Pubkey *main_authority;
    const Pubkey *join_authority;
} RunCreateArguments;

typedef struct {
    Account payer, run, run_collateral, collateral_mint, coordinator_instance, coordinator_account;
    Account coordinator_program, associated_token_program, token_program, system_program;
} RunCreateAccounts;

static Status take_accounts(Invocation *invocation, RunCreateAccounts *accounts) {
    TRY(take_signer(invocation, "payer", &accounts->payer));
    TRY(take_new(invocation, "run", &accounts->run));
    TRY(take_new(invocation, "run_collateral", &accounts->run_collateral));
    TRY(take_mint(invocation, "collateral_mint", &accounts->collateral_mint));
    TRY(take_any(invocation, "coordinator_instance", &accounts->coordinator_instance));
    TRY(take_any(invocation, "coordinator_account", &accounts->coordinator_account));
    TRY(take_program(invocation, "coordinator_program", &COORDINATOR_PROGRAM_ID, &accounts->coordinator_program));
    TRY(take_program(invocation, "associated_token_program", &ASSOCIATED_TOKEN_PROGRAM_ID,
                     &accounts->associated_token_program));
    TRY(take_program(invocation, "token_program", &TOKEN_PROGRAM_ID, &accounts->token_program));
    return take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &accounts->system_program);
}

static Status create_run(const RunCreateAccounts *accounts, u64 index, u8 *bump) {
    Bytes seeds[] = {RUN_SEED, BYTES_OF_VALUE(index), {bump, sizeof(*bump)}};
    TRY(require_canonical_pda(&accounts->run, seeds, COUNT_OF(seeds) - 1, &TREASURER_PROGRAM_ID, bump));
    NewAccount new_run = {
        &accounts->payer, &accounts->run, TREASURER_RUN_SIZE, &TREASURER_PROGRAM_ID, {seeds, COUNT_OF(seeds)},
    };
    return create_account(&new_run);
}

Status run_create(Invocation *invocation, Reader *reader) {
    RunCreateArguments arguments;
    arguments.index = read_u64(reader);
    read_string(reader, &arguments.run_id);
    read_string(reader, &arguments.client_version);
    arguments.main_authority = read_pubkey(reader);
    arguments.join_authority = read_pubkey(reader);
    REQUIRE_DECODED(reader);

    RunCreateAccounts accounts;
    TRY(take_accounts(invocation, &accounts));
    u8 bump;
    TRY(create_run(&accounts, arguments.index, &bump));
    NewTokenAccount vault = {
        &accounts.payer,           &accounts.run_collateral, &accounts.run,
        &accounts.collateral_mint, &accounts.system_program, &accounts.token_program,
    };
    create_associated_token_account(&vault);
    TRY(require_writable(&accounts.payer));
    TRY(require_writable(&accounts.coordinator_instance));
    TRY(require_writable(&accounts.coordinator_account));

    if (arguments.run_id.length > RUN_ID_SIZE)
        THROW(RUN_ID_INVALID_LENGTH);
    TreasurerRun *run = (TreasurerRun *)accounts.run.info->data;
    run->discriminator = TREASURER_RUN_TYPE.discriminator;
    run->bump = bump;
    run->index = arguments.index;
    pubkey_copy(&run->main_authority, arguments.main_authority);
    pubkey_copy(&run->join_authority, arguments.join_authority);
    pubkey_copy(&run->coordinator_account, accounts.coordinator_account.info->key);
    pubkey_copy(&run->coordinator_instance, accounts.coordinator_instance.info->key);
    pubkey_copy(&run->collateral_mint, accounts.collateral_mint.info->key);

    NewCoordinator coordinator = {
        &accounts.payer,         &accounts.coordinator_instance, &accounts.coordinator_account, accounts.run.info->key,
        arguments.join_authority, arguments.run_id,               arguments.client_version,
    };
    call_init_coordinator(&coordinator);
    return OK;
}
