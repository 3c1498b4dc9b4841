/* health_check: reports a client that the previous round's witnesses did not see, and drops it. */
#include "coordinator/bloom.h"
#include "coordinator/committee.h"
#include "coordinator/errors.h"
#include "coordinator/instructions.h"
#include "coordinator/participation.h"
#include "coordinator/state_machine.h"
#include "protocol/run_arguments.h"

#define LEAST_HEIGHT 2 /* before that, there is no completed round to check */

typedef struct {
    NodeIdentity id;
    u8 committee;
    u64 position;
    u64 index;
} Accusation;

/* The client that had this index when the round began. Clients that left since then are assumed to be at the end of the
   exited list and to have had the highest indices. NULL if there is none. */
static const EpochClient *client_at(const EpochState *epoch, const Round *round, u64 index) {
    if (index < LENGTH_OF(&epoch->clients))
        return &epoch->clients.data[index];
    if (index >= round->clients_len)
        return NULL;
    u64 from_end = round->clients_len - index;
    u64 exited = LENGTH_OF(&epoch->exited_clients);
    return from_end <= exited ? &epoch->exited_clients.data[exited - from_end] : NULL;
}

/* 6021 unless the accused was a client of that round, with this position, and is still in the epoch. */
static Status require_valid_accusation(const Context *context, const Round *round, const Accusation *accusation) {
    const EpochState *epoch = context->epoch;
    const Pubkey *accused = &accusation->id.signer;
    if (accusation->index >= round->clients_len)
        THROW(INVALID_COMMITTEE_PROOF);
    const EpochClient *client = client_at(epoch, round, accusation->index);
    if (client == NULL)
        THROW(INVALID_COMMITTEE_PROOF);
    CommitteeSelection selection;
    TRY(select_committees(context->coordinator, round, &selection));
    if (!pubkey_equals(&client->id.signer, accused) || accusation->index >= epoch->clients.length ||
        !pubkey_equals(&epoch->clients.data[accusation->index].id.signer, accused))
        THROW(INVALID_COMMITTEE_PROOF);
    u64 position = committee_position(&selection, accusation->index);
    if (accusation->position != position || accusation->committee != committee_at(&selection, position))
        THROW(INVALID_COMMITTEE_PROOF);
    return OK;
}

/* The number of the round's witnesses that saw the wallet. */
static u64 trainer_score(const Round *round, const Pubkey *wallet) {
    u8 digest[DIGEST_SIZE];
    Bytes parts[] = {pubkey_bytes(wallet)};
    sol_sha256(parts, COUNT_OF(parts), digest);
    u64 score = 0;
    u64 length = LENGTH_OF(&round->witnesses);
    for (u64 i = 0; i < length; i++)
        score += bloom_contains(&round->witnesses.data[i].participant_bloom, digest);
    return score;
}

Status health_check(Invocation *invocation, Reader *arguments) {
    Accusation accusation;
    read_node_identity(arguments, &accusation.id);
    accusation.committee = read_tag(arguments, COMMITTEE_COUNT);
    accusation.position = read_u64(arguments);
    accusation.index = read_u64(arguments);
    REQUIRE_DECODED(arguments);
    Context context;
    const Pubkey *wallet;
    TRY(open_as_member(invocation, &context, &wallet));

    REQUIRE_NOT_HALTED(&context);
    const Round *round = find_current_round(context.coordinator);
    if (round == NULL)
        THROW(NO_ACTIVE_ROUND);
    if (round->height < LEAST_HEIGHT)
        THROW(INVALID_HEALTH_CHECK);
    u32 head = context.epoch->rounds_head;
    const Round *previous = &context.epoch->rounds[(head + STORED_ROUNDS - 1) % STORED_ROUNDS];
    TRY(require_valid_accusation(&context, previous, &accusation));
    if (accusation.committee != TRAINER)
        ABORT("not implemented: health checks of tie breakers and verifiers");
    u64 score = trainer_score(previous, &accusation.id.signer);
    if (score >= witness_quorum(&context.coordinator->config, previous->witnesses.length))
        THROW(INVALID_HEALTH_CHECK);
    EpochClient *accused = &context.epoch->clients.data[accusation.index];
    if (accused->state == HEALTHY)
        accused->state = DROPPED;
    return tick_run(&context);
}
