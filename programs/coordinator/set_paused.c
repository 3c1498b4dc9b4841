/* set_paused: the main authority pauses or resumes the run. */
#include "coordinator/accounts.h"
#include "coordinator/errors.h"
#include "coordinator/instructions.h"
#include "coordinator/sanity.h"
#include "coordinator/state_machine.h"
#include "sdk/arithmetic.h"
#include "sdk/log.h"

#define FIRST_STEP 1

static void log_call(bool paused, u8 run_state) {
    LogLine line;
    line_start(&line, paused ? "set_paused called: paused=true, state=" : "set_paused called: paused=false, state=");
    line_text(&line, run_state_text(run_state));
    line_end(&line);
}

static Status resume(Context *context) {
    Coordinator *coordinator = context->coordinator;
    TRY(check_config(&coordinator->config));
    TRY(check_model(&coordinator->model));
    TRY(check_cold_start(&coordinator->config, &coordinator->model));
    if (coordinator->run_state == UNINITIALIZED) {
        coordinator->run_state = PAUSED; /* set directly: the state's timestamp is unchanged */
        coordinator->progress.step = FIRST_STEP;
    }
    if (coordinator->progress.step == 0)
        THROW(PROGRESS_SANITY_CHECK_FAILED);
    TRY(resume_run(context));
    context->members->next_active = checked_add(context->members->next_active, 1); /* all members must rejoin */
    return tick_run(context);
}

Status set_paused(Invocation *invocation, Reader *arguments) {
    bool paused = read_bool(arguments);
    REQUIRE_DECODED(arguments);
    CoordinatorAccount *account;
    TRY(owner_accounts(invocation, &account));
    increment_nonce(account);

    Context context;
    open_context(&context, account);
    log_call(paused, context.coordinator->run_state);
    return paused ? pause_run(&context) : resume(&context);
}
