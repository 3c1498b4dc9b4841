/* The treasurer program: administers a run on behalf of its main authority, and pays out earned points in tokens. */
#include "protocol/program_ids.h"
#include "treasurer/instructions.h"

static const InstructionEntry INSTRUCTIONS[] = {
    {DISCRIMINATOR(0xc6, 0x38, 0xa3, 0xf7, 0x0e, 0x3a, 0xa7, 0xfd), "Instruction: RunCreate", run_create},
    {DISCRIMINATOR(0x33, 0x56, 0x2e, 0x74, 0x0d, 0x42, 0x14, 0x9d), "Instruction: RunUpdate", run_update},
    {DISCRIMINATOR(0x32, 0xb1, 0x8e, 0x28, 0x75, 0xb0, 0x46, 0xb5), "Instruction: ParticipantCreate",
     participant_create},
    {DISCRIMINATOR(0xa0, 0x96, 0xe8, 0x56, 0x3b, 0x6b, 0xad, 0x26), "Instruction: ParticipantClaim", participant_claim},
};

static const ProgramEntry PROGRAM = {&TREASURER_PROGRAM_ID, INSTRUCTIONS, COUNT_OF(INSTRUCTIONS)};

Status entrypoint(u8 *input) { return dispatch(input, &PROGRAM); }
