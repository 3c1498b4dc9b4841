#include "sdk/system.h"

/* Each account costs as much as this many bytes of data in addition to its own. */
#define ACCOUNT_OVERHEAD 128

enum { SYSTEM_CREATE_ACCOUNT = 0, SYSTEM_ASSIGN = 1, SYSTEM_TRANSFER = 2, SYSTEM_ALLOCATE = 8 };

#define DOUBLE_MANTISSA_BITS 52
#define DOUBLE_EXPONENT_BIAS 1023
#define DOUBLE_EXPONENT_MASK 0x7ffull

/* The whole part of a double from 1.0 to 2^52. */
static u64 whole_part(u64 bits) {
    u64 exponent = (bits >> DOUBLE_MANTISSA_BITS & DOUBLE_EXPONENT_MASK) - DOUBLE_EXPONENT_BIAS;
    u64 mantissa = (bits & ((1ull << DOUBLE_MANTISSA_BITS) - 1)) | 1ull << DOUBLE_MANTISSA_BITS;
    return mantissa >> (DOUBLE_MANTISSA_BITS - exponent);
}

/* The threshold has no fraction on any cluster: it is 2.0, and 1.0 where the newer rent parameters hold. */
u64 rent_exempt_minimum(u64 data_length) {
    Rent rent;
    sol_get_rent_sysvar(&rent);
    return (data_length + ACCOUNT_OVERHEAD) * rent.lamports_per_byte_year * whole_part(rent.exemption_threshold_bits);
}

void invoke(const Invocation *invocation, const Instruction *instruction, const SignerSeeds *signer) {
    sol_invoke_signed_c(instruction, invocation->accounts, invocation->account_count, signer, signer ? 1 : 0);
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

void transfer_lamports(const Invocation *invocation, const Account *from, const Account *to, u64 lamports) {
    TransferData data = {SYSTEM_TRANSFER, lamports};
    AccountMeta metas[] = {{from->info->key, true, true}, {to->info->key, true, false}};
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, COUNT_OF(metas), (const u8 *)&data, sizeof(data)};
    invoke(invocation, &instruction, NULL);
}

static void create_empty(const Invocation *invocation, const NewAccount *new_account, u64 lamports) {
    CreateAccountData data = {SYSTEM_CREATE_ACCOUNT, lamports, new_account->data_length, *new_account->owner};
    AccountMeta metas[] = {{new_account->payer->info->key, true, true}, {new_account->account->info->key, true, true}};
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, COUNT_OF(metas), (const u8 *)&data, sizeof(data)};
    invoke(invocation, &instruction, &new_account->signer);
}

static void allocate(const Invocation *invocation, const NewAccount *new_account) {
    AllocateData data = {SYSTEM_ALLOCATE, new_account->data_length};
    AccountMeta metas[] = {{new_account->account->info->key, true, true}};
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, COUNT_OF(metas), (const u8 *)&data, sizeof(data)};
    invoke(invocation, &instruction, &new_account->signer);
}

static void assign(const Invocation *invocation, const NewAccount *new_account) {
    AssignData data = {SYSTEM_ASSIGN, *new_account->owner};
    AccountMeta metas[] = {{new_account->account->info->key, true, true}};
    Instruction instruction = {&SYSTEM_PROGRAM_ID, metas, COUNT_OF(metas), (const u8 *)&data, sizeof(data)};
    invoke(invocation, &instruction, &new_account->signer);
}

Status create_account(const Invocation *invocation, const NewAccount *new_account) {
    u64 needed = rent_exempt_minimum(new_account->data_length);
    u64 present = *new_account->account->info->lamports;
    if (present == 0) {
        create_empty(invocation, new_account, needed);
        return OK;
    }
    if (pubkey_equals(new_account->payer->info->key, new_account->account->info->key))
        THROW(TRYING_TO_INIT_PAYER);
    if (needed > present)
        transfer_lamports(invocation, new_account->payer, new_account->account, needed - present);
    allocate(invocation, new_account);
    assign(invocation, new_account);
    return OK;
}
