/* Inner instructions: creating accounts through the system program, and calling any program. */
#pragma once
#include "sdk/accounts.h"

#define MAX_INVOKED_ACCOUNTS 6

/* The lamports that keep `data_length` bytes of data alive (rent exemption). */
u64 rent_exempt_minimum(u64 data_length);

/* 2005 unless the account has the lamports that its length needs. */
Status require_rent_exempt(const Account *account);

/* Calls another program, handing on `accounts`, at most MAX_INVOKED_ACCOUNTS. An account that the instruction names and
   that is not among them is missing, whatever else this program was called with. A failure of the callee ends the
   transaction at once. `signer` are the seeds of the PDA that signs, with its bump, or NULL. */
void invoke(const Instruction *instruction, const Account *const *accounts, u64 count, const SignerSeeds *signer);

/* Pays `lamports` from one account to another, `from` having signed. */
void transfer_lamports(const Account *from, const Account *to, u64 lamports);

typedef struct {
    const Account *payer;
    const Account *account;
    u64 data_length;
    const Pubkey *owner;
    SignerSeeds signer;
} NewAccount;

/* Creates an account, rent-exempt and owned by `owner`. Lamports that it has already received are taken into account,
   so nobody can block an address by paying into it. Fails in the system program (0x0) if the account is in use, and with
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

/* Gives the account a new length, and lamports for it. When it grows, the payer adds what is missing (3016 above 10,240
   bytes in one instruction); when it shrinks, everything above the need goes to the payer. */
Status resize_account(const Account *payer, const Account *account, u64 length);
