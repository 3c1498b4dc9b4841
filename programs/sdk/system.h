/* Inner instructions: creation of accounts by the system program, and calls of any program. */
#pragma once
#include "sdk/accounts.h"

#define MAX_INVOKED_ACCOUNTS 6

/* The minimum balance, in lamports, for rent exemption with `data_length` bytes of data. */
u64 rent_exempt_minimum(u64 data_length);

/* 2005 unless the account is rent-exempt. */
Status require_rent_exempt(const Account *account);

/* Calls another program with `accounts`, at most MAX_INVOKED_ACCOUNTS. They must include every account of the
   instruction, even if this program was called with it. A failure of the callee aborts the transaction immediately.
   `signer` holds the seeds of the signing PDA, including its bump, or is NULL. */
void invoke(const Instruction *instruction, const Account *const *accounts, u64 count, const SignerSeeds *signer);

/* Transfers `lamports` from one account to another; `from` must be a signer. */
void transfer_lamports(const Account *from, const Account *to, u64 lamports);

typedef struct {
    const Account *payer;
    const Account *account;
    u64 data_length;
    const Pubkey *owner;
    SignerSeeds signer;
} NewAccount;

/* Creates a rent-exempt account owned by `owner`. Lamports that the address already holds are taken into account, so
   that a transfer to an address cannot block it. Fails in the system program (0x0) if the account is in use, and with
   4101 if it has lamports and is the payer. */
Status create_account(const NewAccount *new_account);

typedef struct {
    const Account *payer;
    const Account *account;
    const Account *base; /* signs as the PDA of `signer` */
    const Pubkey *address;
    Bytes seed;
    u64 data_length;
    const Pubkey *owner;
    SignerSeeds signer;
} NewSeededAccount;

/* Creates an account at the address derived from a base key, a seed and the owner. */
void create_account_with_seed(const NewSeededAccount *new_account);

/* Changes the length of the account and adjusts its rent. If it grows, the payer adds the missing lamports (3016 above
   10,240 bytes in one instruction); if it shrinks, the surplus goes to the payer. */
Status resize_account(const Account *payer, const Account *account, u64 length);
