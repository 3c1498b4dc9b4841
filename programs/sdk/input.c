#include "sdk/input.h"

/* The layout of an account in the input region. */
#define NOT_A_DUPLICATE 0xff
#define DUPLICATE_SIZE 8
#define SIGNER_OFFSET 1
#define WRITABLE_OFFSET 2
#define EXECUTABLE_OFFSET 3
#define KEY_OFFSET 8
#define OWNER_OFFSET 40
#define LAMPORTS_OFFSET 72
#define DATA_LENGTH_OFFSET 80
#define DATA_OFFSET 88
#define ROOM_TO_GROW 10240 /* bytes after the data of each account */

static u8 *align_to_8(u8 *pointer) { return (u8 *)(((u64)pointer + 7) & ~7ull); }

/* Reads the account at `input` and returns the start of the next one. */
static u8 *read_account(u8 *input, AccountInfo *account) {
    account->is_signer = input[SIGNER_OFFSET] != 0;
    account->is_writable = input[WRITABLE_OFFSET] != 0;
    account->is_executable = input[EXECUTABLE_OFFSET] != 0;
    account->key = (Pubkey *)(input + KEY_OFFSET);
    account->owner = (Pubkey *)(input + OWNER_OFFSET);
    account->lamports = (u64 *)(input + LAMPORTS_OFFSET);
    account->data_length = load_u64(input + DATA_LENGTH_OFFSET);
    account->data = input + DATA_OFFSET;
    u8 *rent_epoch = align_to_8(account->data + account->data_length + ROOM_TO_GROW);
    account->rent_epoch = load_u64(rent_epoch);
    return rent_epoch + sizeof(u64);
}

void read_input(u8 *input, Invocation *invocation) {
    u64 count = load_u64(input);
    input += sizeof(u64);
    for (u64 i = 0; i < count; i++) {
        AccountInfo skipped;
        AccountInfo *account = i < MAX_ACCOUNTS ? &invocation->accounts[i] : &skipped;
        u8 duplicate_of = input[0];
        if (duplicate_of == NOT_A_DUPLICATE) {
            input = read_account(input, account);
        } else {
            account = i < MAX_ACCOUNTS ? invocation->listed[duplicate_of] : &skipped;
            input += DUPLICATE_SIZE;
        }
        if (i < MAX_ACCOUNTS)
            invocation->listed[i] = account;
    }
    invocation->account_count = count < MAX_ACCOUNTS ? count : MAX_ACCOUNTS;
    invocation->accounts_taken = 0;
    invocation->data.length = load_u64(input);
    invocation->data.data = input + sizeof(u64);
    invocation->program_id = (const Pubkey *)(invocation->data.data + invocation->data.length);
}

#define LENGTH_BEFORE_DATA (DATA_OFFSET - DATA_LENGTH_OFFSET)

void set_data_length(AccountInfo *account, u64 length) {
    account->data_length = length;
    store_u64(account->data - LENGTH_BEFORE_DATA, length);
}

void refresh_data_length(AccountInfo *account) { account->data_length = load_u64(account->data - LENGTH_BEFORE_DATA); }
