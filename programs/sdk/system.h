/* Inner instructions: creating accounts through the system program, and calling any program. */
#pragma once
#include "sdk/accounts.h"

/* The lamports that keep `data_length` bytes of data alive (rent exemption). */
u64 rent_exempt_minimum(u64 data_length);

/* Calls another program with the accounts of this invocation. A failure of the callee ends the transaction at once.
   `signer` are the seeds of the PDA that signs, with its bump, or NULL. */
void invoke(const Invocation *invocation, const Instruction *instruction, const SignerSeeds *signer);

/* Pays `lamports` from one account to another, `from` having signed. */
void transfer_lamports(const Invocation *invocation, const Account *from, const Account *to, u64 lamports);

typedef struct {
    const Account *payer;
    const Account *account;
    u64 data_length;
    const Pubkey *owner;
    SignerSeeds signer;
} NewAccount;

/* Creates an account, rent-exempt and owned by `owner`. Lamports that it has already received are taken into account,
   so nobody can block an address by paying into it. Fails in the system program (0x0) if the account is in use. */
Status create_account(const Invocation *invocation, const NewAccount *new_account);
