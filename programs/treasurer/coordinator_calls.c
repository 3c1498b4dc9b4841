#include "treasurer/coordinator_calls.h"
#include "protocol/program_ids.h"
#include "sdk/system.h"

#define CALL_INIT_COORDINATOR DISCRIMINATOR(0x14, 0x39, 0x94, 0x49, 0xe8, 0x85, 0x7a, 0x19)

/* The 32 KiB heap of an instruction; instruction data is at most 10 KiB. */
#define SCRATCH ((u8 *)0x300000000ull)

typedef struct {
    u8 *start;
    u64 length;
} Writer;

static void put(Writer *writer, const void *data, u64 length) {
    sol_memcpy_(writer->start + writer->length, data, length);
    writer->length += length;
}

static void put_string(Writer *writer, const Bytes *text) {
    u32 length = (u32)text->length;
    put(writer, &length, sizeof(length));
    put(writer, text->data, text->length);
}

void call_coordinator(const CoordinatorAuthority *authority, u64 discriminator, const Bytes *arguments) {
    Writer data = {SCRATCH, 0};
    put(&data, &discriminator, sizeof(discriminator));
    put(&data, arguments->data, arguments->length);
    AccountMeta metas[] = {
        {authority->run->info->key, false, true},
        {authority->instance->info->key, false, false},
        {authority->account->info->key, true, false},
    };
    Instruction instruction = {&COORDINATOR_PROGRAM_ID, metas, COUNT_OF(metas), data.start, data.length};
    const Account *accounts[] = {authority->run, authority->instance, authority->account};
    invoke(&instruction, accounts, COUNT_OF(accounts), &authority->signer);
}

void call_init_coordinator(const NewCoordinator *coordinator) {
    u64 discriminator = CALL_INIT_COORDINATOR;
    Writer data = {SCRATCH, 0};
    put(&data, &discriminator, sizeof(discriminator));
    put(&data, coordinator->main_authority, PUBKEY_SIZE);
    put(&data, coordinator->join_authority, PUBKEY_SIZE);
    put_string(&data, &coordinator->run_id);
    put_string(&data, &coordinator->client_version);
    AccountMeta metas[] = {
        {coordinator->payer->info->key, true, true},
        {coordinator->instance->info->key, true, false},
        {coordinator->account->info->key, true, false},
        {&SYSTEM_PROGRAM_ID, false, false},
    };
    Instruction instruction = {&COORDINATOR_PROGRAM_ID, metas, COUNT_OF(metas), data.start, data.length};
    const Account *accounts[] = {coordinator->payer, coordinator->instance, coordinator->account};
    invoke(&instruction, accounts, COUNT_OF(accounts), NULL);
}
