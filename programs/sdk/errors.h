/* The error codes of Anchor programs, and the log lines that clients parse. */
#pragma once
#include "sdk/types.h"

typedef struct {
    u32 code;
    const char *name;
    const char *message;
} Error;

#define TEXT_OF_(value) #value
#define TEXT_OF(value) TEXT_OF_(value)
#define HERE __FILE_NAME__ ":" TEXT_OF(__LINE__)

/* Returns an error with its location from a function: "AnchorError thrown in <here>. Error Code: ...". */
#define THROW(error) return error_thrown(&(error), HERE)
/* The same, followed by the compared values: two keys, or two numbers. */
#define THROW_KEYS(error, left, right) return error_thrown_of_keys(&(error), HERE, left, right)
#define THROW_NUMBERS(error, left, right) return error_thrown_of_numbers(&(error), HERE, left, right)

/* The equivalent of a Rust panic, such as a failed overflow check: the transaction fails without an error code. */
#define ABORT(reason) abort_because(HERE, reason)

Status error_thrown(const Error *error, const char *where);
Status error_thrown_of_keys(const Error *error, const char *where, const Pubkey *left, const Pubkey *right);
Status error_thrown_of_numbers(const Error *error, const char *where, u64 left, u64 right);
/* "AnchorError caused by account: <account>. ..." */
Status error_of_account(const Error *error, const char *account);
/* The same, followed by the two keys that should have been equal. */
Status error_of_keys(const Error *error, const char *account, const Pubkey *found, const Pubkey *expected);
/* "AnchorError occurred. ...", without location or account. */
Status error_occurred(const Error *error);

void abort_because(const char *where, const char *reason) __attribute__((noreturn));
/* Fails as a program does that exceeds the 32 KiB heap of an instruction. */
void abort_out_of_memory(void) __attribute__((noreturn));

/* Errors of the Solana runtime, as opposed to the numbered errors of a program. */
#define RUNTIME_ERROR(number) ((Status)(number) << 32)
Status runtime_error_of_account(u64 number, const char *name, const char *message, const char *account);

/* Errors of the Anchor framework (below 6000). */
extern const Error INSTRUCTION_FALLBACK_NOT_FOUND, INSTRUCTION_DID_NOT_DESERIALIZE;
extern const Error IDL_INSTRUCTION_INVALID_PROGRAM, IDL_ACCOUNT_NOT_EMPTY, EVENT_INSTRUCTION_STUB;
extern const Error CONSTRAINT_MUT, CONSTRAINT_HAS_ONE, CONSTRAINT_SIGNER, CONSTRAINT_RAW, CONSTRAINT_OWNER,
    CONSTRAINT_RENT_EXEMPT, CONSTRAINT_SEEDS, CONSTRAINT_EXECUTABLE, CONSTRAINT_ASSOCIATED, CONSTRAINT_CLOSE,
    CONSTRAINT_ZERO, CONSTRAINT_TOKEN_OWNER, REQUIRE_GTE_VIOLATED;
extern const Error ACCOUNT_DISCRIMINATOR_ALREADY_SET, ACCOUNT_DISCRIMINATOR_NOT_FOUND, ACCOUNT_DISCRIMINATOR_MISMATCH,
    ACCOUNT_DID_NOT_DESERIALIZE, ACCOUNT_NOT_ENOUGH_KEYS, ACCOUNT_OWNED_BY_WRONG_PROGRAM, INVALID_PROGRAM_ID,
    INVALID_PROGRAM_EXECUTABLE, ACCOUNT_NOT_SIGNER, ACCOUNT_NOT_SYSTEM_OWNED, ACCOUNT_NOT_INITIALIZED,
    ACCOUNT_REALLOC_EXCEEDS_LIMIT;
extern const Error DECLARED_PROGRAM_ID_MISMATCH, TRYING_TO_INIT_PAYER;
