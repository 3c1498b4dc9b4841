#include "sdk/system.h"
#include "sdk/arithmetic.h"

/* Rent counts this many bytes per account in addition to its data. */
#define ACCOUNT_OVERHEAD 128

enum { SYSTEM_CREATE_ACCOUNT = 0, SYSTEM_ASSIGN = 1, SYSTEM_TRANSFER = 2, SYSTEM_CREATE_ACCOUNT_WITH_SEED = 3, SYSTEM_ALLOCATE = 8 };

#define DOUBLE_MANTISSA_BITS 52
#define DOUBLE_EXPONENT_BIAS 1023
#define DOUBLE_EXPONENT_MASK 0x7ffull

/* The integer part of a double from 1.0 to 2^52. */
static u64 whole_part(u64 bits) {
    u64 exponent = (bits >> DOUBLE_MANTISSA_BITS & DOUBLE_EXPONENT_MASK) - DOUBLE_EXPONENT_BIAS;
    u64 mantissa = (bits & ((1ull << DOUBLE_MANTISSA_BITS) - 1)) | 1ull << DOUBLE_MANTISSA_BITS;
    return mantissa >> (DOUBLE_MANTISSA_BITS - exponent);
}

/* The threshold is an integer on every cluster: 2.0, or 1.0 with the newer rent parameters. */
u64 rent_exempt_minimum(u64 data_length) {
    Rent rent;
    sol_get_rent_sysvar(&rent);
    return (data_length + ACCOUNT_OVERHEAD) * rent.lamports_per_byte_year * whole_part(rent.exemption_threshold_bits);
}

Status require_rent_exempt(const Account *account) {
    bool exempt = *account->info->lamports >= rent_exempt_minimum(account->info->data_length);
    return exempt ? OK : error_of_account(&CONSTRAINT_RENT_EXEMPT, account->name);
}

void invoke(const Instruction *instruction, const Account *const *accounts, u64 count, const SignerSeeds *signer) {
    AccountInfo infos[MAX_INVOKED_ACCOUNTS];
    for (u64 i = 0; i < count; i++)
        infos[i] = *accounts[i]->info;
    sol_invoke_signed_c(instruction, infos, count, signer, signer ? 1 : 0);
    for (u64 i = 0; i < count; i++)
        refresh_data_length(accounts[i]->info);
}

/* Instruction data of the system program. */
typedef struct __attribute__((packed)) {
    u32 tag;
    u64 lamports;
} TransferData;

typedef struct __attribute__((packed)) {
    u32 tag;
    u64 lamports;
    u64 data_length;
    Pubkey owner;
} CreateAccountData;

typedef struct __attribute__((packed)) {
    u32 tag;
    u64 data_length;
} AllocateData;

typedef struct __attribute__((packed)) {
    u32 tag;
    Pubkey owner;
} AssignData;

/* For a seed of MAX_SEED bytes; after a shorter one, the following fields move up. */
#define MAX_SEED 32

typedef struct __attribute__((packed)) {
    u32 tag;
    Pubkey base;
    u64 seed_length;
    u8 rest[MAX_SEED + 2 * sizeof(u64) + PUBKEY_SIZE];
} CreateWithSeedData;

void transfer_lamports(const Account *from, const Account *to, u64 lamports) {
    TransferData data = {SYSTEM_TRANSFER, lamports};
    AccountMeta metas[] = {{from->info->key, true, true}, {to->info->key, true, false}};
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, COUNT_OF(metas), (const u8 *)&data, sizeof(data)};
    const Account *accounts[] = {from, to};
    invoke(&instruction, accounts, COUNT_OF(accounts), NULL);
}

static void create_empty(const NewAccount *new_account, u64 lamports) {
    CreateAccountData data = {SYSTEM_CREATE_ACCOUNT, lamports, new_account->data_length, *new_account->owner};
    AccountMeta metas[] = {{new_account->payer->info->key, true, true}, {new_account->account->info->key, true, true}};
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, COUNT_OF(metas), (const u8 *)&data, sizeof(data)};
    const Account *accounts[] = {new_account->payer, new_account->account};
    invoke(&instruction, accounts, COUNT_OF(accounts), &new_account->signer);
}

/* Calls an instruction of the system program with the new account as its only account. */
static void change_new(const NewAccount *new_account, const void *data, u64 length) {
    AccountMeta metas[] = {{new_account->account->info->key, true, true}};
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, COUNT_OF(metas), data, length};
    const Account *accounts[] = {new_account->account};
    invoke(&instruction, accounts, COUNT_OF(accounts), &new_account->signer);
}

Status create_account(const NewAccount *new_account) {
    u64 needed = rent_exempt_minimum(new_account->data_length);
    u64 present = *new_account->account->info->lamports;
    if (present == 0) {
        create_empty(new_account, needed);
        return OK;
    }
    const Pubkey *payer = new_account->payer->info->key, *key = new_account->account->info->key;
    if (pubkey_equals(payer, key))
        THROW_KEYS(TRYING_TO_INIT_PAYER, payer, key);
    if (needed > present)
        transfer_lamports(new_account->payer, new_account->account, needed - present);
    AllocateData allocation = {SYSTEM_ALLOCATE, new_account->data_length};
    change_new(new_account, &allocation, sizeof(allocation));
    AssignData assignment = {SYSTEM_ASSIGN, *new_account->owner};
    change_new(new_account, &assignment, sizeof(assignment));
    return OK;
}

void create_account_with_seed(const NewSeededAccount *new_account) {
    const Pubkey *payer = new_account->payer->info->key, *base = new_account->base->info->key;
    CreateWithSeedData data = {SYSTEM_CREATE_ACCOUNT_WITH_SEED, *base, new_account->seed.length, {0}};
    u8 *next = data.rest;
    sol_memcpy_(next, new_account->seed.data, new_account->seed.length);
    next += new_account->seed.length;
    store_u64(next, rent_exempt_minimum(new_account->data_length));
    store_u64(next + sizeof(u64), new_account->data_length);
    pubkey_copy((Pubkey *)(next + 2 * sizeof(u64)), new_account->owner);
    u64 data_length = sizeof(data) - MAX_SEED + new_account->seed.length;

    AccountMeta metas[] = {{payer, true, true}, {new_account->address, true, false}, {base, false, true}};
    u64 count = pubkey_equals(payer, base) ? 2 : COUNT_OF(metas);
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, count, (const u8 *)&data, data_length};
    const Account *accounts[] = {new_account->payer, new_account->account, new_account->base};
    invoke(&instruction, accounts, COUNT_OF(accounts), &new_account->signer);
}

#define MAX_GROWTH 10240 /* bytes in one instruction */

Status resize_account(const Account *payer, const Account *account, u64 length) {
    u64 present_length = account->info->data_length;
    u64 *lamports = account->info->lamports;
    if (length == present_length)
        return OK;
    u64 needed = rent_exempt_minimum(length);
    if (length > present_length) {
        if (length - present_length > MAX_GROWTH)
            return error_of_account(&ACCOUNT_REALLOC_EXCEEDS_LIMIT, account->name);
        if (needed > *lamports)
            transfer_lamports(payer, account, needed - *lamports);
    } else {
        /* Set, not subtracted: if the account is its own payer, lamports are lost and the runtime reports an error. */
        u64 freed = checked_sub(*lamports, needed);
        *payer->info->lamports = checked_add(*payer->info->lamports, freed);
        *lamports = needed;
    }
    set_data_length(account->info, length);
    return OK;
}
