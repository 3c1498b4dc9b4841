/* Account checks in the order and with the error codes of the Anchor framework.
 *
 * Anchor first parses every account in list order (the take_ functions: signature, owner, discriminator), then creates
 * the accounts to be initialized, then checks the remaining constraints account by account, in list order: zeroed,
 * resize, seeds, associated token address, writable, signer, has one, equalities, owner, rent, executable, close.
 * Handlers call the functions in this order. A constraint between two accounts is reported for the account that
 * declares it: that an authority must equal a stored one is a constraint on the account that stores it.
 */
#pragma once
#include "sdk/errors.h"
#include "sdk/input.h"

#define DISCRIMINATOR_SIZE 8
/* The first 8 bytes of an account or of instruction data, as a little-endian number. */
#define DISCRIMINATOR(b0, b1, b2, b3, b4, b5, b6, b7)                                                                  \
    ((u64)(b0) | (u64)(b1) << 8 | (u64)(b2) << 16 | (u64)(b3) << 24 | (u64)(b4) << 32 | (u64)(b5) << 40 |              \
     (u64)(b6) << 48 | (u64)(b7) << 56)

/* An account with its name in error messages. */
typedef struct {
    AccountInfo *info;
    const char *name;
} Account;

/* An account type: its owner and its discriminator. */
typedef struct {
    const Pubkey *owner;
    u64 discriminator;
} AccountType;

extern const Pubkey SYSTEM_PROGRAM_ID;

/* The next account, unchecked (3005 if there is none). Also for accounts that are about to be created. */
Status take_any(Invocation *invocation, const char *name, Account *account);
/* The same for an account that the framework creates: if missing, it is reported without its name. */
Status take_new(Invocation *invocation, const char *name, Account *account);
Status take_signer(Invocation *invocation, const char *name, Account *account);         /* 3010 */
Status take_system_account(Invocation *invocation, const char *name, Account *account); /* 3011 */
Status take_program(Invocation *invocation, const char *name, const Pubkey *id, Account *account); /* 3008, 3009 */
/* An existing account owned by `owner`; also checks one that was already taken (3012, 3007). */
Status take_owned(Invocation *invocation, const char *name, const Pubkey *owner, Account *account);
Status require_owned(const Account *account, const Pubkey *owner);
/* A Borsh account: 3012, 3007, 3001, 3002. The caller decodes it (3003). */
Status take_typed(Invocation *invocation, const char *name, const AccountType *type, Account *account);
/* A zero-copy account: 3007 (also if it does not exist), 3001, 3002. */
Status take_zero_copy(Invocation *invocation, const char *name, const AccountType *type, Account *account);

Status require_writable(const Account *account);                          /* 2000 */
Status require_signer(const Account *account);                            /* 2002 */
Status require_executable(const Account *account);                        /* 2007 */
/* The key stored in `account` is that of `other` (2001). */
Status require_has_one(const Account *account, const Pubkey *stored, const Account *other);
Status require_condition(bool holds, const Account *account);             /* 2003 */
Status require_owner(const Account *account, const Pubkey *owner);        /* 2004 */
Status require_close_to(const Account *account, const Account *recipient); /* 2011 */
/* The account is the PDA of these seeds, the last of which is the stored bump (2006). */
Status require_pda(const Account *account, const Bytes *seeds, u64 count, const Pubkey *program_id);
/* The account is the canonical PDA of these seeds (2006); returns its bump. Aborts if a seed exceeds 32 bytes. */
Status require_canonical_pda(const Account *account, const Bytes *seeds, u64 count, const Pubkey *program_id, u8 *bump);

/* Moves all lamports to `recipient`, empties the account and assigns it to the system program. Aborts if the balance of
   the recipient overflows. */
void close_account(const Account *account, const Account *recipient);
