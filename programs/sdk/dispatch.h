/* From the entrypoint to the handler of an instruction. */
#pragma once
#include "sdk/accounts.h"
#include "sdk/borsh.h"

/* Decodes the arguments (102), checks the accounts, and does the work. */
typedef Status Handler(Invocation *invocation, Reader *arguments);

typedef struct {
    u64 discriminator;
    const char *log_line; /* "Instruction: <Name>" */
    Handler *handler;
} InstructionEntry;

typedef struct {
    const Pubkey *program_id;
    const InstructionEntry *instructions;
    u64 instruction_count;
} ProgramEntry;

Status dispatch(u8 *input, const ProgramEntry *program);

/* Ends a handler whose arguments were malformed. */
#define REQUIRE_DECODED(arguments)                                                                                     \
    do {                                                                                                               \
        if ((arguments)->failed)                                                                                       \
            return error_occurred(&INSTRUCTION_DID_NOT_DESERIALIZE);                                                   \
    } while (0)
