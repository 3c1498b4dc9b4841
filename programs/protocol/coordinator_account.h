/* The memory layout of the coordinator account: the state of a run, 119,152 bytes after the discriminator.
 *
 * The published program casts the account's bytes to a Rust structure (zero copy). These structures reproduce the
 * compiler's layout; coordinator_account_layout.c asserts the offset of each leaf field. Padding and the unused bytes
 * of unions have no meaning, and are not always zero in accounts that other builds have written.
 */
#pragma once
#include "sdk/accounts.h"

#define MAX_CLIENTS 256
#define MAX_WITNESSES 32 /* per round */
#define STORED_ROUNDS 4  /* ring buffer */
#define SHORT_STRING 64
#define URL_STRING 192
#define RUN_ID_SIZE 32
#define DESCRIPTION_SIZE 280
#define CLIENT_VERSION_SIZE 96
#define BLOOM_KEYS 8
#define BLOOM_WORDS 16
#define DIGEST_SIZE 32
#define SHUFFLE_SEED_SIZE 32

#define COORDINATOR_ACCOUNT_VERSION 1

/* --- identities --------------------------------------------------------------------------------------------------- */

typedef struct {
    Pubkey signer; /* wallet */
    u8 p2p_identity[32];
} NodeIdentity;

/* --- model -------------------------------------------------------------------------------------------------------- */

typedef enum { MODEL_LLM } ModelTag;

/* HubRepo (revision, repo_id) and GcsRepo (prefix, bucket) have the same layout, with the optional text first. */
typedef struct {
    u8 has_detail;
    char detail[SHORT_STRING];
    char name[SHORT_STRING];
} Repo;

typedef enum {
    CHECKPOINT_EPHEMERAL,
    CHECKPOINT_DUMMY,
    CHECKPOINT_HUB,
    CHECKPOINT_P2P,
    CHECKPOINT_GCS,
    CHECKPOINT_P2P_GCS,
    CHECKPOINT_COUNT
} CheckpointTag;

typedef struct {
    u32 tag;
    Repo repo; /* for all kinds except Ephemeral */
} Checkpoint;

typedef enum {
    DATA_DUMMY,
    DATA_SERVER,
    DATA_LOCAL,
    DATA_HTTP,
    DATA_WEIGHTED_HTTP,
    DATA_PREPROCESSED,
    DATA_COUNT
} DataTag;
typedef enum { HTTP_SINGLE_URL, HTTP_NUMBERED_FILES, HTTP_GCP, HTTP_COUNT } HttpTag;
typedef enum { SHUFFLE_NONE, SHUFFLE_SEEDED, SHUFFLE_COUNT } ShuffleTag;
#define ARCHITECTURE_COUNT 4
#define DATA_TYPE_COUNT 2
#define TOKEN_SIZE_COUNT 2

typedef struct {
    char url_template[SHORT_STRING];
    u32 start_index;
    u8 n_left_pad_zeros;
    u32 num_files;
} NumberedFiles;

typedef struct {
    char bucket_name[SHORT_STRING];
    char filter_directory[URL_STRING];
} GcpBucket;

typedef struct {
    u32 tag;
    union {
        char single_url[URL_STRING];
        NumberedFiles numbered_files;
        GcpBucket gcp;
    };
} HttpLocation;

typedef struct {
    u32 tag;
    u8 seed[SHUFFLE_SEED_SIZE];
} Shuffle;

typedef struct {
    HttpLocation location;
    u32 token_size;
    Shuffle shuffle;
} HttpData;

typedef struct {
    u32 tag;
    union {
        char server[SHORT_STRING];
        char local[URL_STRING];
        HttpData http;
        char weighted_http[URL_STRING];
        char preprocessed[URL_STRING];
    };
} DataLocation;

typedef enum { LR_CONSTANT, LR_LINEAR, LR_COSINE, LR_WARMUP_STABLE_DECAY, LR_COUNT } ScheduleTag;

/* Rates are doubles, represented by their bits, since the program only stores them. */
typedef struct {
    u64 base_lr, warmup_init_lr;
    u32 warmup_steps;
} ConstantSchedule;

typedef struct {
    u64 base_lr, warmup_init_lr, final_lr;
    u32 warmup_steps, total_steps;
} DecayingSchedule; /* Linear and Cosine */

typedef struct {
    u64 base_lr, warmup_init_lr, cosine_decay_final_lr, linear_decay_final_lr;
    u32 warmup_steps, stable_steps, cosine_decay_steps, linear_decay_steps;
} WarmupStableDecaySchedule;

typedef struct {
    u32 tag;
    union {
        ConstantSchedule constant;
        DecayingSchedule decaying;
        WarmupStableDecaySchedule warmup_stable_decay;
    };
} Schedule;

typedef enum { OPTIMIZER_DUMMY, OPTIMIZER_ADAMW, OPTIMIZER_DISTRO, OPTIMIZER_COUNT } OptimizerTag;

/* An optional float, represented by its bits. */
typedef struct {
    u32 present;
    u32 value;
} OptionalFloat;

typedef struct {
    u32 betas[2];
    u32 weight_decay;
    u32 eps;
    OptionalFloat clip_grad_norm;
} AdamW;

typedef struct {
    OptionalFloat clip_grad_norm;
    OptionalFloat weight_decay;
    u32 compression_decay;
    u16 compression_topk;
    u16 compression_chunk;
    u8 quantize_1bit;
} Distro;

typedef struct {
    u32 tag;
    union {
        AdamW adamw;
        Distro distro;
    };
} Optimizer;

typedef struct {
    u32 max_seq_len;
    u32 cold_start_warmup_steps;
    u32 architecture;
    Checkpoint checkpoint;
    u32 data_type;
    DataLocation data_location;
    Schedule lr_schedule;
    Optimizer optimizer;
} Llm;

typedef struct {
    u32 tag;
    Llm llm;
} Model;

/* --- run ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    char name[SHORT_STRING];
    char description[DESCRIPTION_SIZE];
    u64 num_parameters;
    u64 vocab_size;
} RunMetadata;

/* Times are in seconds by the cluster's clock. */
typedef struct {
    u64 warmup_time;
    u64 cooldown_time;
    u64 max_round_train_time;
    u64 round_witness_time;
    u64 global_batch_size_warmup_tokens;
    u64 epoch_time;
    u32 total_steps;
    u16 init_min_clients;
    u16 min_clients;
    u16 witness_nodes;
    u16 global_batch_size_start;
    u16 global_batch_size_end;
    u8 verification_percent;
    u8 waiting_for_members_extra_time;
} Config;

typedef struct {
    u16 epoch;
    u32 step;
    u64 epoch_start_data_index;
} Progress;

typedef enum {
    UNINITIALIZED,
    WAITING_FOR_MEMBERS,
    WARMUP,
    ROUND_TRAIN,
    ROUND_WITNESS,
    COOLDOWN,
    FINISHED,
    PAUSED
} RunState;

/* --- epoch -------------------------------------------------------------------------------------------------------- */

typedef struct {
    u64 position;
    u64 index;
    u8 witness;
} WitnessProof;

typedef struct {
    u64 keys[BLOOM_KEYS];
    u64 bits[BLOOM_WORDS];
} Bloom;

typedef struct {
    WitnessProof proof;
    Bloom participant_bloom;
    Bloom broadcast_bloom;
    u8 broadcast_merkle[DIGEST_SIZE];
} Witness;

typedef struct {
    Witness data[MAX_WITNESSES];
    u64 length;
} WitnessList;

typedef struct {
    WitnessList witnesses;
    u64 data_index;
    u64 random_seed;
    u32 height;
    u16 clients_len;
    u16 tie_breaker_tasks;
} Round;

typedef enum { HEALTHY, DROPPED, WITHDRAWN, EJECTED } ClientState;

typedef struct {
    NodeIdentity id;
    u8 state;
    u32 exited_height;
} EpochClient;

typedef struct {
    EpochClient data[MAX_CLIENTS];
    u64 length;
} EpochClientList;

typedef struct {
    Round rounds[STORED_ROUNDS];
    EpochClientList clients;
    EpochClientList exited_clients;
    u32 rounds_head;
    u32 start_step;
    u32 last_step;
    u64 start_timestamp;
    u8 first_round;
    u8 cold_start_epoch;
} EpochState;

typedef struct {
    char run_id[RUN_ID_SIZE];
    u8 run_state;
    Model model;
    Config config;
    Progress progress;
    EpochState epoch_state;
    u64 run_state_start_unix_timestamp;
    u8 pending_pause;
} Coordinator;

/* --- members (all clients that ever joined) ----------------------------------------------------------------------- */

typedef struct {
    NodeIdentity id;
    u8 unused[8];
    u64 earned;
    u64 slashed;
    u64 active; /* next_active at the last join; takes part in the next epoch if still equal */
} Member;

typedef struct {
    Member data[MAX_CLIENTS];
    u64 length;
} MemberList;

typedef struct {
    u64 earning_rate_total_shared;
    u64 slashing_rate_per_client;
} EpochRates;

typedef struct {
    MemberList members;
    u64 next_active;
    EpochRates current_epoch_rates;
    EpochRates future_epoch_rates;
} Members;

/* --- account ------------------------------------------------------------------------------------------------------ */

typedef struct {
    RunMetadata metadata;
    Coordinator coordinator;
    Members clients_state;
    u8 is_warmup_first_tick;
    u8 is_training_first_tick;
    char client_version[CLIENT_VERSION_SIZE];
} Run;

typedef struct {
    u64 version;
    Run state;
    u64 nonce;
} CoordinatorAccount;

/* The length of a list, checked for iteration. Aborts if the stored length exceeds the capacity, as slicing does in
   Rust; instructions never store such a length. */
#define LENGTH_OF(list) length_within((list)->length, COUNT_OF((list)->data), HERE)

INLINE u64 length_within(u64 length, u64 capacity, const char *where) {
    if (length > capacity)
        abort_because(where, "range end index out of range");
    return length;
}

#define COORDINATOR_ACCOUNT_SIZE (DISCRIMINATOR_SIZE + sizeof(CoordinatorAccount))

extern const AccountType COORDINATOR_ACCOUNT_TYPE;

/* The structure after the discriminator. Aborts if the account is too short, as slicing does in Rust. */
CoordinatorAccount *coordinator_account_of(const Account *account);
