#include "sdk/dispatch.h"
#include "sdk/idl.h"
#include "sdk/log.h"

Status dispatch(u8 *input, const ProgramEntry *program) {
    Invocation invocation;
    read_input(input, &invocation);
    if (!pubkey_equals(invocation.program_id, program->program_id))
        return error_occurred(&DECLARED_PROGRAM_ID_MISMATCH);
    if (invocation.data.length < DISCRIMINATOR_SIZE)
        return error_occurred(&INSTRUCTION_FALLBACK_NOT_FOUND);
    Reader arguments = reader_of(invocation.data);
    u64 discriminator = read_u64(&arguments);
    for (u64 i = 0; i < program->instruction_count; i++) {
        const InstructionEntry *entry = &program->instructions[i];
        if (entry->discriminator == discriminator) {
            log_text(entry->log_line);
            return entry->handler(&invocation, &arguments);
        }
    }
    if (discriminator == IDL_INSTRUCTION)
        return idl_instruction(&invocation, &arguments);
    if (discriminator == EVENT_INSTRUCTION)
        return error_occurred(&EVENT_INSTRUCTION_STUB);
    return error_occurred(&INSTRUCTION_FALLBACK_NOT_FOUND);
}
