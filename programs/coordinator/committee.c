#include "coordinator/committee.h"
#include "coordinator/errors.h"

#define SHUFFLE_ROUNDS 90
#define SOURCE_BITS 256 /* one hash decides this many positions */
#define PERCENT 100

Status select_committees(const Coordinator *coordinator, const Round *round, CommitteeSelection *selection) {
    const Config *config = &coordinator->config;
    selection->tie_breakers = round->tie_breaker_tasks;
    selection->witnesses = config->witness_nodes;
    selection->total = round->clients_len;
    bool too_few = selection->total < selection->tie_breakers || selection->total < selection->witnesses;
    if (too_few || config->verification_percent > PERCENT)
        THROW(INVALID_COMMITTEE_SELECTION);
    selection->verifiers = (selection->total - selection->tie_breakers) * config->verification_percent / PERCENT;
    Bytes parts[] = {BYTES_OF_VALUE(round->random_seed)};
    sol_sha256(parts, COUNT_OF(parts), selection->seed);
    return OK;
}

/* The position of `index` after a swap-or-not shuffle of `total` elements with the key. In each round, a pivot pairs
   every position with its mirror image, and one bit, common to both, decides whether they are swapped. */
static u64 shuffled_position(u64 index, u64 total, const u8 *key) {
    if (index >= total)
        ABORT("index out of range of the shuffle");
    u8 digest[DIGEST_SIZE];
    for (u64 round = 0; round < SHUFFLE_ROUNDS; round++) {
        u8 round_byte = (u8)round;
        Bytes parts[] = {{key, DIGEST_SIZE}, BYTES_OF_VALUE(round_byte), {NULL, 0}};
        sol_sha256(parts, 2, digest);
        u64 pivot = load_u64(digest) % total;
        u64 mirror = (pivot + total - index) % total;
        u64 position = index > mirror ? index : mirror;
        u32 block = (u32)(position / SOURCE_BITS);
        parts[2] = BYTES_OF_VALUE(block);
        sol_sha256(parts, 3, digest);
        u64 bit = position % SOURCE_BITS;
        if (digest[bit / 8] >> (bit % 8) & 1)
            index = mirror;
    }
    return index;
}

static u64 salted_position(const CommitteeSelection *selection, u64 index, const Bytes *salt) {
    u8 key[DIGEST_SIZE];
    Bytes parts[] = {{selection->seed, DIGEST_SIZE}, *salt};
    sol_sha256(parts, COUNT_OF(parts), key);
    return shuffled_position(index, selection->total, key);
}

u64 witness_position(const CommitteeSelection *selection, u64 index) {
    Bytes salt = BYTES_OF("witness");
    return salted_position(selection, index, &salt);
}

bool is_witness_position(const CommitteeSelection *selection, u64 position) {
    return position < (selection->witnesses != 0 ? selection->witnesses : MAX_WITNESSES);
}

u64 committee_position(const CommitteeSelection *selection, u64 index) {
    Bytes salt = BYTES_OF("committee");
    return salted_position(selection, index, &salt);
}

Committee committee_at(const CommitteeSelection *selection, u64 position) {
    if (position < selection->tie_breakers)
        return TIE_BREAKER;
    return position < selection->tie_breakers + selection->verifiers ? VERIFIER : TRAINER;
}
