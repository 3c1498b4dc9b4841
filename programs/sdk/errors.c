#include "sdk/errors.h"
#include "sdk/log.h"
#include "sdk/syscalls.h"

const Error INSTRUCTION_FALLBACK_NOT_FOUND = {101, "InstructionFallbackNotFound",
                                               "Fallback functions are not supported"};
const Error INSTRUCTION_DID_NOT_DESERIALIZE = {102, "InstructionDidNotDeserialize",
                                               "The program could not deserialize the given instruction"};
const Error IDL_INSTRUCTION_INVALID_PROGRAM = {1001, "IdlInstructionInvalidProgram",
                                               "Invalid program given to the IDL instruction"};
const Error IDL_ACCOUNT_NOT_EMPTY = {1002, "IdlAccountNotEmpty",
                                     "IDL account must be empty in order to resize, try closing first"};
const Error EVENT_INSTRUCTION_STUB = {1500, "EventInstructionStub",
                                      "The program was compiled without `event-cpi` feature"};
const Error CONSTRAINT_MUT = {2000, "ConstraintMut", "A mut constraint was violated"};
const Error CONSTRAINT_HAS_ONE = {2001, "ConstraintHasOne", "A has one constraint was violated"};
const Error CONSTRAINT_SIGNER = {2002, "ConstraintSigner", "A signer constraint was violated"};
const Error CONSTRAINT_RAW = {2003, "ConstraintRaw", "A raw constraint was violated"};
const Error CONSTRAINT_OWNER = {2004, "ConstraintOwner", "An owner constraint was violated"};
const Error CONSTRAINT_RENT_EXEMPT = {2005, "ConstraintRentExempt", "A rent exemption constraint was violated"};
const Error CONSTRAINT_SEEDS = {2006, "ConstraintSeeds", "A seeds constraint was violated"};
const Error CONSTRAINT_EXECUTABLE = {2007, "ConstraintExecutable", "An executable constraint was violated"};
const Error CONSTRAINT_ASSOCIATED = {2009, "ConstraintAssociated", "An associated constraint was violated"};
const Error CONSTRAINT_CLOSE = {2011, "ConstraintClose", "A close constraint was violated"};
const Error CONSTRAINT_ZERO = {2013, "ConstraintZero", "Expected zero account discriminant"};
const Error CONSTRAINT_TOKEN_OWNER = {2015, "ConstraintTokenOwner", "A token owner constraint was violated"};
const Error REQUIRE_GTE_VIOLATED = {2506, "RequireGteViolated", "A require_gte expression was violated"};
const Error ACCOUNT_DISCRIMINATOR_ALREADY_SET = {3000, "AccountDiscriminatorAlreadySet",
                                                 "The account discriminator was already set on this account"};
const Error ACCOUNT_DISCRIMINATOR_NOT_FOUND = {3001, "AccountDiscriminatorNotFound",
                                               "No discriminator was found on the account"};
const Error ACCOUNT_DISCRIMINATOR_MISMATCH = {3002, "AccountDiscriminatorMismatch",
                                              "Account discriminator did not match what was expected"};
const Error ACCOUNT_DID_NOT_DESERIALIZE = {3003, "AccountDidNotDeserialize", "Failed to deserialize the account"};
const Error ACCOUNT_NOT_ENOUGH_KEYS = {3005, "AccountNotEnoughKeys",
                                       "Not enough account keys given to the instruction"};
const Error ACCOUNT_OWNED_BY_WRONG_PROGRAM = {3007, "AccountOwnedByWrongProgram",
                                              "The given account is owned by a different program than expected"};
const Error INVALID_PROGRAM_ID = {3008, "InvalidProgramId", "Program ID was not as expected"};
const Error INVALID_PROGRAM_EXECUTABLE = {3009, "InvalidProgramExecutable", "Program account is not executable"};
const Error ACCOUNT_NOT_SIGNER = {3010, "AccountNotSigner", "The given account did not sign"};
const Error ACCOUNT_NOT_SYSTEM_OWNED = {3011, "AccountNotSystemOwned",
                                        "The given account is not owned by the system program"};
const Error ACCOUNT_NOT_INITIALIZED = {3012, "AccountNotInitialized",
                                       "The program expected this account to be already initialized"};
const Error ACCOUNT_REALLOC_EXCEEDS_LIMIT = {3016, "AccountReallocExceedsLimit",
                                             "The account reallocation exceeds the MAX_PERMITTED_DATA_INCREASE limit"};
const Error DECLARED_PROGRAM_ID_MISMATCH = {4100, "DeclaredProgramIdMismatch",
                                            "The declared program id does not match the actual program id"};
const Error TRYING_TO_INIT_PAYER = {4101, "TryingToInitPayerAsProgramAccount",
                                    "You cannot/should not initialize the payer account as a program account"};

/* "<origin><place>. Error Code: <name>. Error Number: <code>. Error Message: <message>." */
static void log_error(const char *origin, const char *place, const Error *error) {
    LogLine line;
    line_start(&line, origin);
    line_text(&line, place);
    line_text(&line, ". Error Code: ");
    line_text(&line, error->name);
    line_text(&line, ". Error Number: ");
    line_number(&line, error->code);
    line_text(&line, ". Error Message: ");
    line_text(&line, error->message);
    line_text(&line, ".");
    line_end(&line);
}

static void log_keys(const Pubkey *left, const Pubkey *right) {
    log_text("Left:");
    sol_log_pubkey(left);
    log_text("Right:");
    sol_log_pubkey(right);
}

Status error_thrown(const Error *error, const char *where) {
    log_error("AnchorError thrown in ", where, error);
    return error->code;
}

Status error_of_account(const Error *error, const char *account) {
    log_error("AnchorError caused by account: ", account, error);
    return error->code;
}

Status error_of_keys(const Error *error, const char *account, const Pubkey *found, const Pubkey *expected) {
    log_error("AnchorError caused by account: ", account, error);
    log_keys(found, expected);
    return error->code;
}

Status error_thrown_of_keys(const Error *error, const char *where, const Pubkey *left, const Pubkey *right) {
    log_error("AnchorError thrown in ", where, error);
    log_keys(left, right);
    return error->code;
}

Status error_thrown_of_numbers(const Error *error, const char *where, u64 left, u64 right) {
    log_error("AnchorError thrown in ", where, error);
    log_number("Left: ", left);
    log_number("Right: ", right);
    return error->code;
}

Status error_occurred(const Error *error) {
    log_error("AnchorError occurred", "", error);
    return error->code;
}

Status runtime_error_of_account(u64 number, const char *name, const char *message, const char *account) {
    LogLine line;
    line_start(&line, "ProgramError caused by account: ");
    line_text(&line, account);
    line_text(&line, ". Error Code: ");
    line_text(&line, name);
    line_text(&line, ". Error Number: ");
    line_number(&line, RUNTIME_ERROR(number));
    line_text(&line, ". Error Message: ");
    line_text(&line, message);
    line_text(&line, ".");
    line_end(&line);
    return RUNTIME_ERROR(number);
}

void abort_because(const char *where, const char *reason) {
    LogLine line;
    line_start(&line, "panicked at ");
    line_text(&line, where);
    line_text(&line, ": ");
    line_text(&line, reason);
    line_end(&line);
    abort();
}

void abort_out_of_memory(void) {
    log_text("Error: memory allocation failed, out of memory");
    abort();
}
