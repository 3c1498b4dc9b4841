/* checkpoint: a client of the epoch reports where it has stored the weights. */
#include "coordinator/errors.h"
#include "coordinator/instructions.h"
#include "coordinator/members.h"
#include "coordinator/participation.h"
#include "coordinator/state_machine.h"
#include "protocol/run_arguments.h"
#include "sdk/log.h"

static bool is_hub(u32 tag) { return tag == CHECKPOINT_HUB || tag == CHECKPOINT_P2P; }
static bool is_gcs(u32 tag) { return tag == CHECKPOINT_GCS || tag == CHECKPOINT_P2P_GCS; }
static bool is_peers(u32 tag) { return tag == CHECKPOINT_P2P || tag == CHECKPOINT_P2P_GCS; }

/* The kind of the checkpoint after `submitted` is reported; CHECKPOINT_COUNT if it does not change. While clients load
   the weights from their peers, either kind of repository may be reported; otherwise only the current kind. */
static u32 recorded_kind(u32 current, u32 submitted) {
    if (submitted == CHECKPOINT_HUB && (is_hub(current) || is_peers(current)))
        return is_peers(current) ? CHECKPOINT_P2P : CHECKPOINT_HUB;
    if (submitted == CHECKPOINT_GCS && (is_gcs(current) || is_peers(current)))
        return is_peers(current) ? CHECKPOINT_P2P_GCS : CHECKPOINT_GCS;
    return CHECKPOINT_COUNT;
}

Status checkpoint(Invocation *invocation, Reader *arguments) {
    Checkpoint submitted;
    read_checkpoint(arguments, &submitted);
    REQUIRE_DECODED(arguments);
    Context context;
    const Pubkey *wallet;
    TRY(open_as_member(invocation, &context, &wallet));
    if (find_epoch_client(context.epoch, wallet) == NULL)
        return error_occurred(&SIGNER_NOT_A_CLIENT); /* without a source location, as published */

    Checkpoint *current = &context.coordinator->model.llm.checkpoint;
    u32 kind = recorded_kind(current->tag, submitted.tag);
    if (kind != CHECKPOINT_COUNT) {
        current->tag = kind;
        current->repo = submitted.repo;
    }
    if (!is_halted(context.coordinator))
        return tick_run(&context);
    LogLine line;
    line_start(&line, "Checkpoint recorded while halted (state: ");
    line_text(&line, run_state_text(context.coordinator->run_state));
    line_text(&line, "), skipping tick");
    line_end(&line);
    return OK;
}
