/* run_update: forwards the administrator's changes to the coordinator, signed by the Run. */
#include "protocol/coordinator_instance.h"
#include "protocol/program_ids.h"
#include "protocol/run_arguments.h"
#include "treasurer/coordinator_calls.h"
#include "treasurer/instructions.h"
#include "treasurer/state.h"

/* The arguments as byte ranges: the options of each coordinator instruction are adjacent, and encoded as in that
   instruction, so they are forwarded unchanged. Length 0: nothing to forward. */
typedef struct {
    Bytes update;
    Bytes rates;
    Bytes paused;
    Bytes client_version;
} RunUpdateArguments;

/* Records the bytes read since `start`, if any option in them is set. */
static void note_span(const Reader *reader, const u8 *start, bool given, Bytes *span) {
    span->data = start;
    span->length = given ? (u64)(reader->next - start) : 0;
}

static void read_arguments(Reader *reader, RunUpdateArguments *arguments) {
    const u8 *start = reader->next;
    RunUpdate update;
    read_run_update(reader, &update);
    bool given = update.has_metadata || update.has_config || update.has_model || update.has_progress;
    note_span(reader, start, given, &arguments->update);

    start = reader->next;
    bool has_earning_rate = read_option(reader);
    if (has_earning_rate)
        read_u64(reader);
    bool has_slashing_rate = read_option(reader);
    if (has_slashing_rate)
        read_u64(reader);
    note_span(reader, start, has_earning_rate || has_slashing_rate, &arguments->rates);

    /* The other two are options here but required values in the coordinator. */
    bool has_paused = read_option(reader);
    start = reader->next;
    if (has_paused)
        read_bool(reader);
    note_span(reader, start, has_paused, &arguments->paused);

    bool has_version = read_option(reader);
    start = reader->next;
    Bytes version;
    if (has_version)
        read_string(reader, &version);
    note_span(reader, start, has_version, &arguments->client_version);
}

Status run_update(Invocation *invocation, Reader *reader) {
    RunUpdateArguments arguments;
    read_arguments(reader, &arguments);
    REQUIRE_DECODED(reader);

    Account authority, run_account, instance_account, coordinator_account, coordinator_program;
    TreasurerRun *run;
    CoordinatorInstance instance;
    TRY(take_signer(invocation, "authority", &authority));
    TRY(take_run(invocation, &run_account, &run));
    TRY(take_coordinator_instance(invocation, &instance_account, &instance));
    TRY(take_zero_copy(invocation, "coordinator_account", &COORDINATOR_ACCOUNT_TYPE, &coordinator_account));
    TRY(take_program(invocation, "coordinator_program", &COORDINATOR_PROGRAM_ID, &coordinator_program));

    TRY(require_condition(pubkey_equals(authority.info->key, &run->main_authority), &run_account));
    TRY(require_condition(pubkey_equals(&run->coordinator_instance, instance_account.info->key), &run_account));
    TRY(require_condition(pubkey_equals(&run->coordinator_account, coordinator_account.info->key), &run_account));
    TRY(require_writable(&coordinator_account));

    Bytes seeds[RUN_SEED_COUNT];
    run_seeds(run, seeds);
    CoordinatorAuthority caller = {&run_account, &instance_account, &coordinator_account, {seeds, RUN_SEED_COUNT}};
    const struct {
        u64 discriminator;
        const Bytes *arguments;
    } calls[] = {
        {CALL_UPDATE, &arguments.update},
        {CALL_SET_FUTURE_EPOCH_RATES, &arguments.rates},
        {CALL_SET_PAUSED, &arguments.paused},
        {CALL_UPDATE_CLIENT_VERSION, &arguments.client_version},
    };
    for (u64 i = 0; i < COUNT_OF(calls); i++)
        if (calls[i].arguments->length != 0)
            call_coordinator(&caller, calls[i].discriminator, calls[i].arguments);
    return OK;
}
