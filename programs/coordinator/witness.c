/* witness and warmup_witness: clients report what they observed of the others. */
#include "coordinator/committee.h"
#include "coordinator/errors.h"
#include "coordinator/instructions.h"
#include "coordinator/participation.h"
#include "coordinator/state_machine.h"

/* The arguments, which point into the instruction's data. */
typedef struct {
    WitnessProof proof;
    const u8 *participant_bloom;
    const u8 *broadcast_bloom;
    const u8 *broadcast_merkle;
} WitnessArguments;

static void read_witness(Reader *reader, WitnessArguments *arguments) {
    arguments->proof.position = read_u64(reader);
    arguments->proof.index = read_u64(reader);
    arguments->proof.witness = read_u8(reader);
    arguments->participant_bloom = read_raw(reader, sizeof(Bloom));
    arguments->broadcast_bloom = read_raw(reader, sizeof(Bloom));
    arguments->broadcast_merkle = read_raw(reader, DIGEST_SIZE);
}

#define METADATA_EVALS 8
#define METADATA_EVAL_NAME_SIZE 32
#define METADATA_PROMPT_RESULTS 16

/* Observers read the metadata from the transaction; the program only requires it to be well-formed. */
static void skip_witness_metadata(Reader *reader) {
    read_u32(reader); /* step */
    read_f32(reader); /* tokens per second */
    read_f32(reader); /* bandwidth per second */
    read_f32(reader); /* loss */
    for (u64 i = 0; i < METADATA_EVALS; i++) {
        read_raw(reader, METADATA_EVAL_NAME_SIZE);
        read_f32(reader);
    }
    read_u64(reader); /* number of evaluations in use */
    read_raw(reader, METADATA_PROMPT_RESULTS * sizeof(i32));
    read_u64(reader); /* number of prompt results in use */
    read_u8(reader);  /* prompt index */
    read_f32(reader); /* efficiency */
}

/* 6013 if a stored witness is the signer's. */
static Status require_first_witness(const Context *context, const Round *round, const Pubkey *wallet) {
    const EpochClientList *clients = &context->epoch->clients;
    u64 length = LENGTH_OF(&round->witnesses);
    for (u64 i = 0; i < length; i++) {
        u64 index = round->witnesses.data[i].proof.index;
        if (index >= LENGTH_OF(clients))
            ABORT("index out of bounds: a stored witness names no client of the epoch");
        if (pubkey_equals(&clients->data[index].id.signer, wallet))
            THROW(DUPLICATE_WITNESS);
    }
    return OK;
}

/* 6017 if the list is full. */
static Status store_witness(Round *round, const WitnessArguments *arguments) {
    if (round->witnesses.length == MAX_WITNESSES)
        THROW(WITNESSES_FULL);
    Witness *stored = &round->witnesses.data[round->witnesses.length++];
    stored->proof.position = arguments->proof.position;
    stored->proof.index = arguments->proof.index;
    stored->proof.witness = arguments->proof.witness;
    sol_memcpy_(&stored->participant_bloom, arguments->participant_bloom, sizeof(Bloom));
    sol_memcpy_(&stored->broadcast_bloom, arguments->broadcast_bloom, sizeof(Bloom));
    sol_memcpy_(stored->broadcast_merkle, arguments->broadcast_merkle, DIGEST_SIZE);
    return OK;
}

/* 6011 unless the proof shows that this wallet is a witness of the round. */
static Status require_valid_proof(const Context *context, const Round *round, const WitnessProof *proof,
                                  const Pubkey *wallet) {
    CommitteeSelection selection;
    TRY(select_committees(context->coordinator, round, &selection));
    const EpochClientList *clients = &context->epoch->clients;
    if (proof->index >= LENGTH_OF(clients) || !pubkey_equals(&clients->data[proof->index].id.signer, wallet))
        THROW(INVALID_WITNESS);
    u64 position = witness_position(&selection, proof->index);
    if (proof->position != position || proof->witness != true || !is_witness_position(&selection, position))
        THROW(INVALID_WITNESS);
    return OK;
}

Status witness(Invocation *invocation, Reader *arguments) {
    WitnessArguments given;
    read_witness(arguments, &given);
    skip_witness_metadata(arguments);
    REQUIRE_DECODED(arguments);
    Context context;
    const Pubkey *wallet;
    TRY(open_as_member(invocation, &context, &wallet));

    REQUIRE_NOT_HALTED(&context);
    u8 run_state = context.coordinator->run_state;
    if (run_state != ROUND_TRAIN && run_state != ROUND_WITNESS)
        THROW(INVALID_RUN_STATE);
    Round *round = find_current_round(context.coordinator);
    if (round == NULL)
        THROW(NO_ACTIVE_ROUND);
    TRY(require_valid_proof(&context, round, &given.proof, wallet));
    TRY(require_first_witness(&context, round, wallet));
    TRY(store_witness(round, &given));
    if (round->witnesses.length == expected_witnesses(context.coordinator) && run_state != ROUND_WITNESS)
        change_state(&context, ROUND_WITNESS);
    return tick_run(&context);
}

/* The proof is not verified: only its index is used, to detect a duplicate submission. */
Status warmup_witness(Invocation *invocation, Reader *arguments) {
    WitnessArguments given;
    read_witness(arguments, &given);
    REQUIRE_DECODED(arguments);
    Context context;
    const Pubkey *wallet;
    TRY(open_as_member(invocation, &context, &wallet));

    REQUIRE_NOT_HALTED(&context);
    u8 run_state = context.coordinator->run_state;
    if (run_state == ROUND_TRAIN)
        return tick_run(&context); /* late, which is not an error */
    if (run_state != WARMUP)
        THROW(INVALID_RUN_STATE);
    Round *round = current_round(context.coordinator);
    TRY(require_first_witness(&context, round, wallet));
    TRY(store_witness(round, &given));
    if (round->witnesses.length == expected_witnesses(context.coordinator))
        start_round(&context);
    return tick_run(&context);
}
