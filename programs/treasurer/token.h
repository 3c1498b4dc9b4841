/* SPL Token: reading of mints and token accounts, and the two inner calls of the treasurer. */
#pragma once
#include "sdk/accounts.h"

typedef struct {
    const Pubkey *mint;
    const Pubkey *owner;
    bool has_delegate;
} TokenAccount;

/* Take the next account, an initialized account of the classic token program (3012, 3007; runtime errors for invalid
   content). */
Status take_mint(Invocation *invocation, const char *name, Account *account);
Status take_token_account(Invocation *invocation, const char *name, Account *account, TokenAccount *token);

/* The associated token address of `owner`. */
void associated_token_address(const Pubkey *owner, const Pubkey *mint, Pubkey *address);

typedef struct {
    const Account *payer, *token_account, *owner, *mint, *system_program, *token_program;
} NewTokenAccount;

/* Creates the token account at the associated address; fails in the callee if it exists. The callee is called with the
   associated address: if `token_account` has another one, the call fails for a missing account. */
void create_associated_token_account(const NewTokenAccount *new_account);

typedef struct {
    const Account *from, *to, *owner;
    u64 amount; /* base units */
    SignerSeeds signer;
} TokenTransfer;

/* Transfers tokens, with the owner signing as a PDA; fails in the callee if the balance is insufficient. */
void transfer_tokens(const TokenTransfer *transfer);
