/* What an instruction is called with: accounts, data, and the id under which the program runs. */
#pragma once
#include "sdk/syscalls.h"

#define MAX_ACCOUNTS 16 /* more than any instruction here looks at; further accounts are skipped */

typedef struct {
    AccountInfo accounts[MAX_ACCOUNTS];
    AccountInfo *listed[MAX_ACCOUNTS]; /* in list order; an account that is listed twice has one AccountInfo */
    u64 account_count;
    u64 accounts_taken; /* how many of them the account checks have gone through */
    Bytes data;
    const Pubkey *program_id;
} Invocation;

/* Reads the input region that the VM hands to the entrypoint. */
void read_input(u8 *input, Invocation *invocation);

/* Changes the length of an account's data, at most 10,240 bytes above what the instruction began with. */
void set_data_length(AccountInfo *account, u64 length);
/* Takes notice of the length that an inner instruction has given an account's data. */
void refresh_data_length(AccountInfo *account);
