/* The syscalls of the VM, resolved by name by its loader, and their structures. */
#pragma once
#include "sdk/types.h"

/* An account passed to an instruction: pointers into the input region, so that writes through them take effect. The
   order of the members is defined by the VM, which reads this structure in sol_invoke_signed_c. */
typedef struct {
    Pubkey *key;
    u64 *lamports;
    u64 data_length;
    u8 *data;
    Pubkey *owner;
    u64 rent_epoch;
    bool is_signer;
    bool is_writable;
    bool is_executable;
} AccountInfo;

typedef struct {
    const Pubkey *key;
    bool is_writable;
    bool is_signer;
} AccountMeta;

typedef struct {
    const Pubkey *program_id;
    const AccountMeta *accounts;
    u64 account_count;
    const u8 *data;
    u64 data_length;
} Instruction;

/* The seeds of one PDA that signs an inner instruction. */
typedef struct {
    const Bytes *seeds;
    u64 count;
} SignerSeeds;

typedef struct {
    u64 slot;
    i64 epoch_start_timestamp;
    u64 epoch;
    u64 leader_schedule_epoch;
    i64 unix_timestamp; /* seconds */
} Clock;

typedef struct {
    u64 lamports_per_byte_year;
    u64 exemption_threshold_bits; /* a double: the exemption threshold in years */
    u8 burn_percent;
} Rent;

_Static_assert(sizeof(AccountInfo) == 56 && sizeof(AccountMeta) == 16 && sizeof(Instruction) == 40, "VM structures");
_Static_assert(sizeof(Clock) == 40 && sizeof(Rent) == 24, "VM structures");

void abort(void) __attribute__((noreturn));
void sol_log_(const char *text, u64 length);
void sol_log_pubkey(const Pubkey *key);
void sol_memcpy_(void *to, const void *from, u64 length);
void sol_memmove_(void *to, const void *from, u64 length);
void sol_memset_(void *to, u8 value, u64 length);
void sol_memcmp_(const void *a, const void *b, u64 length, i32 *order);
u64 sol_sha256(const Bytes *parts, u64 count, u8 *digest);
u64 sol_get_clock_sysvar(Clock *clock);
u64 sol_get_rent_sysvar(Rent *rent);
u64 sol_create_program_address(const Bytes *seeds, u64 count, const Pubkey *program_id, Pubkey *address);
u64 sol_try_find_program_address(const Bytes *seeds, u64 count, const Pubkey *program_id, Pubkey *address, u8 *bump);
u64 sol_invoke_signed_c(const Instruction *instruction, const AccountInfo *accounts, u64 account_count,
                        const SignerSeeds *signers, u64 signer_count);

INLINE bool bytes_equal(const Bytes *a, const Bytes *b) {
    if (a->length != b->length)
        return false;
    i32 order = 0;
    sol_memcmp_(a->data, b->data, a->length, &order);
    return order == 0;
}
