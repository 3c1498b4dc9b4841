/* Dispatch from the entrypoint to the handler of an instruction. */
#pragma once
#include "sdk/accounts.h"
#include "sdk/borsh.h"

/* Decodes the arguments (102), checks the accounts, and executes the instruction. */
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

/* The result of a handler whose arguments are malformed. */
#define REQUIRE_DECODED(arguments)                                                                                     \
    do {                                                                                                               \
        if ((arguments)->failed)                                                                                       \
            return error_occurred(&INSTRUCTION_DID_NOT_DESERIALIZE);                                                   \
    } while (0)
