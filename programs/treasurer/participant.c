/* participant_create and participant_claim: earned points are paid in collateral, one base unit per point. */
#include "protocol/coordinator_account.h"
#include "protocol/program_ids.h"
#include "sdk/arithmetic.h"
#include "sdk/system.h"
#include "treasurer/errors.h"
#include "treasurer/instructions.h"
#include "treasurer/state.h"
#include "treasurer/token.h"

Status participant_create(Invocation *invocation, Reader *reader) {
    REQUIRE_DECODED(reader);
    Account payer, user, run_account, participant_account, system_program;
    TreasurerRun *run;
    TRY(take_signer(invocation, "payer", &payer));
    TRY(take_signer(invocation, "user", &user));
    TRY(take_run(invocation, &run_account, &run));
    TRY(take_new(invocation, "participant", &participant_account));
    TRY(take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &system_program));

    u8 bump;
    Bytes seeds[] = {
        PARTICIPANT_SEED, pubkey_bytes(run_account.info->key), pubkey_bytes(user.info->key), BYTES_OF_VALUE(bump),
    };
    TRY(require_canonical_pda(&participant_account, seeds, COUNT_OF(seeds) - 1, &TREASURER_PROGRAM_ID, &bump));
    NewAccount new_participant = {
        &payer, &participant_account, PARTICIPANT_SIZE, &TREASURER_PROGRAM_ID, {seeds, COUNT_OF(seeds)},
    };
    TRY(create_account(&new_participant));
    TRY(require_writable(&payer));
    Participant *participant = (Participant *)participant_account.info->data;
    participant->discriminator = PARTICIPANT_TYPE.discriminator;
    participant->bump = bump;
    return OK;
}

/* The points that the wallet has earned in the run; 0 if it never joined. */
static u64 earned_points(const CoordinatorAccount *account, const Pubkey *wallet) {
    const MemberList *members = &account->state.clients_state.members;
    u64 length = LENGTH_OF(members);
    for (u64 i = 0; i < length; i++)
        if (pubkey_equals(&members->data[i].id.signer, wallet))
            return members->data[i].earned;
    return 0;
}

typedef struct {
    Account user, user_collateral, run, run_collateral, coordinator, participant, token_program;
    TokenAccount user_token, run_token;
    TreasurerRun *run_state;
    Participant *participant_state;
} ClaimAccounts;

static Status take_accounts(Invocation *invocation, ClaimAccounts *accounts) {
    TRY(take_signer(invocation, "user", &accounts->user));
    TRY(take_token_account(invocation, "user_collateral", &accounts->user_collateral, &accounts->user_token));
    TRY(take_run(invocation, &accounts->run, &accounts->run_state));
    TRY(take_token_account(invocation, "run_collateral", &accounts->run_collateral, &accounts->run_token));
    TRY(take_zero_copy(invocation, "coordinator_account", &COORDINATOR_ACCOUNT_TYPE, &accounts->coordinator));
    TRY(take_participant(invocation, &accounts->participant, &accounts->participant_state));
    return take_program(invocation, "token_program", &TOKEN_PROGRAM_ID, &accounts->token_program);
}

static Status check_collateral(const ClaimAccounts *accounts) {
    const Account *user_collateral = &accounts->user_collateral;
    const TokenAccount *token = &accounts->user_token;
    TRY(require_writable(user_collateral));
    TRY(require_condition(pubkey_equals(token->mint, &accounts->run_state->collateral_mint), user_collateral));
    TRY(require_condition(pubkey_equals(token->owner, accounts->user.info->key), user_collateral));
    return require_condition(!token->has_delegate, user_collateral);
}

static Status check_vault(const ClaimAccounts *accounts) {
    const Account *vault = &accounts->run_collateral;
    const Pubkey *run = accounts->run.info->key;
    if (!pubkey_equals(accounts->run_token.owner, run))
        return error_of_keys(&CONSTRAINT_TOKEN_OWNER, vault->name, accounts->run_token.owner, run);
    Pubkey expected;
    associated_token_address(run, &accounts->run_state->collateral_mint, &expected);
    if (!pubkey_equals(vault->info->key, &expected))
        return error_of_keys(&CONSTRAINT_ASSOCIATED, vault->name, vault->info->key, &expected);
    return require_writable(vault);
}

static Status check_claim_accounts(const ClaimAccounts *accounts) {
    TRY(check_collateral(accounts));
    TRY(require_writable(&accounts->run));
    const Pubkey *coordinator = accounts->coordinator.info->key;
    TRY(require_condition(pubkey_equals(&accounts->run_state->coordinator_account, coordinator), &accounts->run));
    TRY(check_vault(accounts));
    u64 version = coordinator_account_of(&accounts->coordinator)->version;
    TRY(require_condition(version == COORDINATOR_ACCOUNT_VERSION, &accounts->coordinator));
    Bytes seeds[] = {
        PARTICIPANT_SEED,
        pubkey_bytes(accounts->run.info->key),
        pubkey_bytes(accounts->user.info->key),
        {&accounts->participant_state->bump, sizeof(accounts->participant_state->bump)},
    };
    TRY(require_pda(&accounts->participant, seeds, COUNT_OF(seeds), &TREASURER_PROGRAM_ID));
    return require_writable(&accounts->participant);
}

Status participant_claim(Invocation *invocation, Reader *reader) {
    u64 points = read_u64(reader);
    REQUIRE_DECODED(reader);
    ClaimAccounts accounts;
    TRY(take_accounts(invocation, &accounts));
    TRY(check_claim_accounts(&accounts));

    TreasurerRun *run = accounts.run_state;
    Participant *participant = accounts.participant_state;
    u64 earned = earned_points(coordinator_account_of(&accounts.coordinator), accounts.user.info->key);
    if (points > checked_sub(earned, participant->claimed_earned_points))
        THROW(INVALID_PARAMETER);
    participant->claimed_earned_points = checked_add(participant->claimed_earned_points, points);
    participant->claimed_collateral_amount = checked_add(participant->claimed_collateral_amount, points);
    run->total_claimed_earned_points = checked_add(run->total_claimed_earned_points, points);
    run->total_claimed_collateral_amount = checked_add(run->total_claimed_collateral_amount, points);

    Bytes seeds[RUN_SEED_COUNT];
    run_seeds(run, seeds);
    TokenTransfer payout = {
        &accounts.run_collateral, &accounts.user_collateral, &accounts.run, points, {seeds, RUN_SEED_COUNT},
    };
    transfer_tokens(&payout);
    return OK;
}
