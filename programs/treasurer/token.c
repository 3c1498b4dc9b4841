#include "treasurer/token.h"
#include "protocol/program_ids.h"
#include "sdk/system.h"

#define MINT_SIZE 82
#define MINT_AUTHORITY_TAG_OFFSET 0
#define MINT_INITIALIZED_OFFSET 45
#define MINT_FREEZE_AUTHORITY_TAG_OFFSET 46

#define TOKEN_ACCOUNT_SIZE 165
#define TOKEN_MINT_OFFSET 0
#define TOKEN_OWNER_OFFSET 32
#define TOKEN_DELEGATE_TAG_OFFSET 72
#define TOKEN_STATE_OFFSET 108
#define TOKEN_NATIVE_TAG_OFFSET 109
#define TOKEN_CLOSE_AUTHORITY_TAG_OFFSET 129
#define TOKEN_STATE_UNINITIALIZED 0
#define TOKEN_STATE_FROZEN 2

#define INVALID_ACCOUNT_DATA 4
#define UNINITIALIZED_ACCOUNT 10

enum { TOKEN_TRANSFER = 3, ASSOCIATED_TOKEN_CREATE = 0 };

static Status invalid_data(const Account *account) {
    return runtime_error_of_account(INVALID_ACCOUNT_DATA, "InvalidAccountData",
                                    "An account's data contents was invalid", account->name);
}

static Status uninitialized(const Account *account) {
    return runtime_error_of_account(UNINITIALIZED_ACCOUNT, "UninitializedAccount",
                                    "An attempt to operate on an account that hasn't been initialized", account->name);
}

/* The tag of an optional value: 0 or 1, 4 bytes. */
static bool is_option_tag(const u8 *data, u64 offset) { return load_u32(data + offset) <= 1; }

Status take_mint(Invocation *invocation, const char *name, Account *account) {
    TRY(take_owned(invocation, name, &TOKEN_PROGRAM_ID, account));
    const u8 *data = account->info->data;
    if (account->info->data_length != MINT_SIZE || !is_option_tag(data, MINT_AUTHORITY_TAG_OFFSET) ||
        !is_option_tag(data, MINT_FREEZE_AUTHORITY_TAG_OFFSET) || data[MINT_INITIALIZED_OFFSET] > 1)
        return invalid_data(account);
    return data[MINT_INITIALIZED_OFFSET] ? OK : uninitialized(account);
}

Status take_token_account(Invocation *invocation, const char *name, Account *account, TokenAccount *token) {
    TRY(take_owned(invocation, name, &TOKEN_PROGRAM_ID, account));
    const u8 *data = account->info->data;
    if (account->info->data_length != TOKEN_ACCOUNT_SIZE || !is_option_tag(data, TOKEN_DELEGATE_TAG_OFFSET) ||
        !is_option_tag(data, TOKEN_NATIVE_TAG_OFFSET) || !is_option_tag(data, TOKEN_CLOSE_AUTHORITY_TAG_OFFSET) ||
        data[TOKEN_STATE_OFFSET] > TOKEN_STATE_FROZEN)
        return invalid_data(account);
    if (data[TOKEN_STATE_OFFSET] == TOKEN_STATE_UNINITIALIZED)
        return uninitialized(account);
    token->mint = (const Pubkey *)(data + TOKEN_MINT_OFFSET);
    token->owner = (const Pubkey *)(data + TOKEN_OWNER_OFFSET);
    token->has_delegate = load_u32(data + TOKEN_DELEGATE_TAG_OFFSET) != 0;
    return OK;
}

void associated_token_address(const Pubkey *owner, const Pubkey *mint, Pubkey *address) {
    Bytes seeds[] = {pubkey_bytes(owner), pubkey_bytes(&TOKEN_PROGRAM_ID), pubkey_bytes(mint)};
    u8 bump;
    if (sol_try_find_program_address(seeds, COUNT_OF(seeds), &ASSOCIATED_TOKEN_PROGRAM_ID, address, &bump) != 0)
        ABORT("Unable to find a viable program address bump seed");
}

void create_associated_token_account(const NewTokenAccount *new_account) {
    Pubkey address;
    associated_token_address(new_account->owner->info->key, new_account->mint->info->key, &address);
    u8 data[] = {ASSOCIATED_TOKEN_CREATE};
    AccountMeta metas[] = {
        {new_account->payer->info->key, true, true}, {&address, true, false},
        {new_account->owner->info->key, false, false}, {new_account->mint->info->key, false, false},
        {&SYSTEM_PROGRAM_ID, false, false}, {&TOKEN_PROGRAM_ID, false, false},
    };
    Instruction instruction = {&ASSOCIATED_TOKEN_PROGRAM_ID, metas, COUNT_OF(metas), data, sizeof(data)};
    const Account *accounts[] = {
        new_account->payer, new_account->token_account,  new_account->owner,
        new_account->mint,  new_account->system_program, new_account->token_program,
    };
    invoke(&instruction, accounts, COUNT_OF(accounts), NULL);
}

void transfer_tokens(const TokenTransfer *transfer) {
    u8 data[1 + sizeof(u64)];
    data[0] = TOKEN_TRANSFER;
    store_u64(data + 1, transfer->amount);
    AccountMeta metas[] = {
        {transfer->from->info->key, true, false},
        {transfer->to->info->key, true, false},
        {transfer->owner->info->key, false, true},
    };
    Instruction instruction = {&TOKEN_PROGRAM_ID, metas, COUNT_OF(metas), data, sizeof(data)};
    const Account *accounts[] = {transfer->from, transfer->to, transfer->owner};
    invoke(&instruction, accounts, COUNT_OF(accounts), &transfer->signer);
}
