#include "sdk/accounts.h"
#include "sdk/arithmetic.h"

const Pubkey SYSTEM_PROGRAM_ID = {{0}};

static Status take(Invocation *invocation, const char *name, Account *account) {
    account->name = name;
    if (invocation->accounts_taken == invocation->account_count)
        return ACCOUNT_NOT_ENOUGH_KEYS.code;
    account->info = invocation->listed[invocation->accounts_taken++];
    return OK;
}

Status take_any(Invocation *invocation, const char *name, Account *account) {
    if (take(invocation, name, account) != OK)
        return error_of_account(&ACCOUNT_NOT_ENOUGH_KEYS, name);
    return OK;
}

Status take_new(Invocation *invocation, const char *name, Account *account) {
    if (take(invocation, name, account) != OK)
        return error_occurred(&ACCOUNT_NOT_ENOUGH_KEYS);
    return OK;
}

Status take_signer(Invocation *invocation, const char *name, Account *account) {
    TRY(take_any(invocation, name, account));
    return account->info->is_signer ? OK : error_of_account(&ACCOUNT_NOT_SIGNER, name);
}

Status take_system_account(Invocation *invocation, const char *name, Account *account) {
    TRY(take_any(invocation, name, account));
    if (!pubkey_equals(account->info->owner, &SYSTEM_PROGRAM_ID))
        return error_of_account(&ACCOUNT_NOT_SYSTEM_OWNED, name);
    return OK;
}

Status take_program(Invocation *invocation, const char *name, const Pubkey *id, Account *account) {
    TRY(take_any(invocation, name, account));
    if (!pubkey_equals(account->info->key, id))
        return error_of_keys(&INVALID_PROGRAM_ID, name, account->info->key, id);
    return account->info->is_executable ? OK : error_of_account(&INVALID_PROGRAM_EXECUTABLE, name);
}

static Status check_owner(const Account *account, const Pubkey *owner) {
    if (pubkey_equals(account->info->owner, owner))
        return OK;
    return error_of_keys(&ACCOUNT_OWNED_BY_WRONG_PROGRAM, account->name, account->info->owner, owner);
}

static Status check_discriminator(const Account *account, u64 discriminator) {
    if (account->info->data_length < DISCRIMINATOR_SIZE)
        return error_of_account(&ACCOUNT_DISCRIMINATOR_NOT_FOUND, account->name);
    if (load_u64(account->info->data) != discriminator)
        return error_of_account(&ACCOUNT_DISCRIMINATOR_MISMATCH, account->name);
    return OK;
}

Status take_owned(Invocation *invocation, const char *name, const Pubkey *owner, Account *account) {
    TRY(take_any(invocation, name, account));
    return require_owned(account, owner);
}

Status require_owned(const Account *account, const Pubkey *owner) {
    if (pubkey_equals(account->info->owner, &SYSTEM_PROGRAM_ID) && *account->info->lamports == 0)
        return error_of_account(&ACCOUNT_NOT_INITIALIZED, account->name);
    return check_owner(account, owner);
}

Status take_typed(Invocation *invocation, const char *name, const AccountType *type, Account *account) {
    TRY(take_owned(invocation, name, type->owner, account));
    return check_discriminator(account, type->discriminator);
}

Status take_zero_copy(Invocation *invocation, const char *name, const AccountType *type, Account *account) {
    TRY(take_any(invocation, name, account));
    TRY(check_owner(account, type->owner));
    return check_discriminator(account, type->discriminator);
}

Status require_writable(const Account *account) {
    return account->info->is_writable ? OK : error_of_account(&CONSTRAINT_MUT, account->name);
}

Status require_signer(const Account *account) {
    return account->info->is_signer ? OK : error_of_account(&CONSTRAINT_SIGNER, account->name);
}

Status require_executable(const Account *account) {
    return account->info->is_executable ? OK : error_of_account(&CONSTRAINT_EXECUTABLE, account->name);
}

Status require_has_one(const Account *account, const Pubkey *stored, const Account *other) {
    if (pubkey_equals(stored, other->info->key))
        return OK;
    return error_of_keys(&CONSTRAINT_HAS_ONE, account->name, stored, other->info->key);
}

Status require_condition(bool holds, const Account *account) {
    return holds ? OK : error_of_account(&CONSTRAINT_RAW, account->name);
}

Status require_owner(const Account *account, const Pubkey *owner) {
    if (pubkey_equals(account->info->owner, owner))
        return OK;
    return error_of_keys(&CONSTRAINT_OWNER, account->name, account->info->owner, owner);
}

Status require_close_to(const Account *account, const Account *recipient) {
    bool same = pubkey_equals(account->info->key, recipient->info->key);
    return same ? error_of_account(&CONSTRAINT_CLOSE, account->name) : OK;
}

static Status check_address(const Account *account, const Pubkey *expected) {
    if (pubkey_equals(account->info->key, expected))
        return OK;
    return error_of_keys(&CONSTRAINT_SEEDS, account->name, account->info->key, expected);
}

Status require_pda(const Account *account, const Bytes *seeds, u64 count, const Pubkey *program_id) {
    Pubkey expected;
    if (sol_create_program_address(seeds, count, program_id, &expected) != 0)
        return error_of_account(&CONSTRAINT_SEEDS, account->name);
    return check_address(account, &expected);
}

Status require_canonical_pda(const Account *account, const Bytes *seeds, u64 count, const Pubkey *program_id,
                             u8 *bump) {
    Pubkey expected;
    if (sol_try_find_program_address(seeds, count, program_id, &expected, bump) != 0)
        ABORT("Unable to find a viable program address bump seed");
    return check_address(account, &expected);
}

void close_account(const Account *account, const Account *recipient) {
    *recipient->info->lamports = checked_add(*recipient->info->lamports, *account->info->lamports);
    *account->info->lamports = 0;
    pubkey_copy(account->info->owner, &SYSTEM_PROGRAM_ID);
    set_data_length(account->info, 0);
}
