/* SPL Token: what the treasurer reads of mints and token accounts, and the two calls it makes. */
#pragma once
#include "sdk/accounts.h"

typedef struct {
    const Pubkey *mint;
    const Pubkey *owner;
    bool has_delegate;
} TokenAccount;

/* Take the next account: an initialised one of the classic token program (3012, 3007, runtime errors for bad
   content). */
Status take_mint(Invocation *invocation, const char *name, Account *account);
Status take_token_account(Invocation *invocation, const char *name, Account *account, TokenAccount *token);

/* Where the tokens of `owner` lie by convention. */
void associated_token_address(const Pubkey *owner, const Pubkey *mint, Pubkey *address);

typedef struct {
    const Account *payer, *token_account, *owner, *mint, *system_program, *token_program;
} NewTokenAccount;

/* Creates the token account at the associated address; fails in the callee when it exists. The associated address is
   what the callee is asked for: when `token_account` is another, the account is missing. */
void create_associated_token_account(const NewTokenAccount *new_account);

typedef struct {
    const Account *from, *to, *owner;
    u64 amount; /* base units */
    SignerSeeds signer;
} TokenTransfer;

/* Moves tokens, the owner signing as a PDA; fails in the callee when there are too few. */
void transfer_tokens(const TokenTransfer *transfer);
