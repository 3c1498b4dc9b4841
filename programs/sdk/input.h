/* The input of an instruction: accounts, data, and the program id. */
#pragma once
#include "sdk/syscalls.h"

#define MAX_ACCOUNTS 16 /* more than any instruction here uses; further accounts are skipped */

typedef struct {
    AccountInfo accounts[MAX_ACCOUNTS];
    AccountInfo *listed[MAX_ACCOUNTS]; /* in list order; an account that is listed twice has one AccountInfo */
    u64 account_count;
    u64 accounts_taken; /* the number of accounts that have been taken */
    Bytes data;
    const Pubkey *program_id;
} Invocation;

/* Reads the input region that the VM passes to the entrypoint. */
void read_input(u8 *input, Invocation *invocation);

/* Changes the length of an account's data, to at most 10,240 bytes above its length at the start of the instruction. */
void set_data_length(AccountInfo *account, u64 length);
/* Updates the length of an account's data after an inner instruction has changed it. */
void refresh_data_length(AccountInfo *account);
