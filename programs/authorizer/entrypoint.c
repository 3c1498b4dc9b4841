/* The authorizer program: permissions from grantors to grantees and their delegates. */
#include "authorizer/instructions.h"
#include "protocol/program_ids.h"

static const InstructionEntry INSTRUCTIONS[] = {
    {DISCRIMINATOR(0x14, 0x9d, 0xc4, 0xb3, 0xe7, 0xdf, 0x6d, 0x66), "Instruction: AuthorizationCreate",
     authorization_create},
    {DISCRIMINATOR(0x1d, 0x74, 0x41, 0xa1, 0x61, 0xbd, 0x3a, 0xf9), "Instruction: AuthorizationGrantorUpdate",
     authorization_grantor_update},
    {DISCRIMINATOR(0xba, 0x6f, 0x7f, 0xc7, 0x59, 0x90, 0xc1, 0x43), "Instruction: AuthorizationGranteeUpdate",
     authorization_grantee_update},
    {DISCRIMINATOR(0x81, 0xd0, 0xf8, 0x20, 0xc8, 0x85, 0x57, 0x17), "Instruction: AuthorizationClose",
     authorization_close},
};

static const ProgramEntry PROGRAM = {&AUTHORIZER_PROGRAM_ID, INSTRUCTIONS, COUNT_OF(INSTRUCTIONS)};

Status entrypoint(u8 *input) { return dispatch(input, &PROGRAM); }
