#include "sdk/idl.h"
#include "sdk/arithmetic.h"
#include "sdk/dispatch.h"
#include "sdk/log.h"
#include "sdk/system.h"

enum { CREATE, CREATE_BUFFER, WRITE, SET_BUFFER, SET_AUTHORITY, CLOSE, RESIZE, IDL_INSTRUCTION_COUNT };

/* The header of an account with an IDL or a part of one, followed by the compressed text. The authority may change the
   account; an authority of all zeros makes it immutable. */
typedef struct __attribute__((packed)) {
    u64 discriminator;
    Pubkey authority;
    u32 text_length;
    u8 text[];
} IdlAccount;

#define IDL_ACCOUNT_DISCRIMINATOR DISCRIMINATOR(0x18, 0x46, 0x62, 0xbf, 0x3a, 0x90, 0x7b, 0x9e)
#define IDL_ACCOUNT_SEED BYTES_OF("anchor:idl")
#define MAX_STEP 10000 /* maximum size of a new account, or growth, in bytes per instruction */

static u64 text_room(const Account *account) { return account->info->data_length - sizeof(IdlAccount); }

/* --- accounts ----------------------------------------------------------------------------------------------------- */

static Status require_whole(const Account *account) {
    bool whole = account->info->data_length >= sizeof(IdlAccount);
    return whole ? OK : error_of_account(&ACCOUNT_DID_NOT_DESERIALIZE, account->name);
}

static Status take_idl(Invocation *invocation, const char *name, Account *account, IdlAccount **idl) {
    AccountType type = {invocation->program_id, IDL_ACCOUNT_DISCRIMINATOR};
    TRY(take_typed(invocation, name, &type, account));
    *idl = (IdlAccount *)account->info->data;
    return require_whole(account);
}

static Status require_authority(const Account *account, const IdlAccount *idl, const Account *authority) {
    TRY(require_writable(account));
    return require_has_one(account, &idl->authority, authority);
}

/* The signer is not the all-zero key, which means no authority. */
static Status require_nonzero_key(const Account *authority) {
    return require_condition(!pubkey_is_zero(authority->info->key), authority);
}

/* An account and its authority, for writing and for a change of authority. */
static Status own_idl(Invocation *invocation, IdlAccount **idl, Account *account) {
    Account authority;
    TRY(take_idl(invocation, "idl", account, idl));
    TRY(take_signer(invocation, "authority", &authority));
    TRY(require_authority(account, *idl, &authority));
    return require_nonzero_key(&authority);
}

/* --- instructions ------------------------------------------------------------------------------------------------- */

static Status create(Invocation *invocation, u64 text_length) {
    Account from, to, base, system_program, program;
    TRY(take_any(invocation, "from", &from));
    TRY(take_any(invocation, "to", &to));
    TRY(take_any(invocation, "base", &base));
    TRY(take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &system_program));
    TRY(take_any(invocation, "program", &program));
    TRY(require_signer(&from));
    TRY(require_writable(&to));
    u8 bump;
    TRY(require_canonical_pda(&base, NULL, 0, invocation->program_id, &bump));
    TRY(require_executable(&program));

    log_text("Instruction: IdlCreateAccount");
    if (!pubkey_equals(program.info->key, invocation->program_id))
        return error_occurred(&IDL_INSTRUCTION_INVALID_PROGRAM);
    Pubkey address;
    Bytes parts[] = {pubkey_bytes(base.info->key), IDL_ACCOUNT_SEED, pubkey_bytes(program.info->key)};
    sol_sha256(parts, COUNT_OF(parts), address.bytes);
    u64 length = checked_add(sizeof(IdlAccount), text_length);
    Bytes seeds[] = {{&bump, sizeof(bump)}};
    NewSeededAccount new_account = {
        .payer = &from,
        .account = &to,
        .base = &base,
        .address = &address,
        .seed = IDL_ACCOUNT_SEED,
        .data_length = length < MAX_STEP ? length : MAX_STEP,
        .owner = program.info->key,
        .signer = {seeds, COUNT_OF(seeds)},
    };
    create_account_with_seed(&new_account);
    IdlAccount *idl = (IdlAccount *)to.info->data;
    idl->discriminator = IDL_ACCOUNT_DISCRIMINATOR;
    pubkey_copy(&idl->authority, from.info->key);
    return OK;
}

/* The buffer must be an existing account, zero-filled and owned by this program. */
static Status create_buffer(Invocation *invocation) {
    Account buffer, authority;
    TRY(take_new(invocation, "buffer", &buffer));
    TRY(take_signer(invocation, "authority", &authority));
    if (buffer.info->data_length < DISCRIMINATOR_SIZE)
        ABORT("range end index 8 out of range");
    if (load_u64(buffer.info->data) != 0)
        return error_of_account(&CONSTRAINT_ZERO, buffer.name);
    TRY(require_owned(&buffer, invocation->program_id));
    TRY(require_whole(&buffer));
    TRY(require_writable(&buffer));
    TRY(require_rent_exempt(&buffer));
    TRY(require_nonzero_key(&authority));

    log_text("Instruction: IdlCreateBuffer");
    IdlAccount *idl = (IdlAccount *)buffer.info->data;
    idl->discriminator = IDL_ACCOUNT_DISCRIMINATOR;
    pubkey_copy(&idl->authority, authority.info->key);
    return OK;
}

static Status write(Invocation *invocation, const Bytes *text) {
    IdlAccount *idl;
    Account account;
    TRY(own_idl(invocation, &idl, &account));
    log_text("Instruction: IdlWrite");
    u64 start = idl->text_length, end = start + text->length;
    if (end > U32_MAX || end > text_room(&account))
        ABORT("range end index out of range");
    sol_memcpy_(idl->text + start, text->data, text->length);
    idl->text_length = (u32)end;
    return OK;
}

static Status set_authority(Invocation *invocation, const Pubkey *new_authority) {
    IdlAccount *idl;
    Account account;
    TRY(own_idl(invocation, &idl, &account));
    log_text("Instruction: IdlSetAuthority");
    pubkey_copy(&idl->authority, new_authority);
    return OK;
}

static Status set_buffer(Invocation *invocation) {
    Account buffer_account, account, authority;
    IdlAccount *buffer, *idl;
    TRY(take_idl(invocation, "buffer", &buffer_account, &buffer));
    TRY(take_idl(invocation, "idl", &account, &idl));
    TRY(take_signer(invocation, "authority", &authority));
    TRY(require_writable(&buffer_account));
    TRY(require_condition(pubkey_equals(&buffer->authority, &idl->authority), &buffer_account));
    TRY(require_authority(&account, idl, &authority));
    TRY(require_nonzero_key(&authority));

    log_text("Instruction: IdlSetBuffer");
    u64 length = buffer->text_length;
    if (buffer == idl)
        ABORT("already mutably borrowed");
    if (length > text_room(&buffer_account))
        ABORT("range end index out of range");
    if (text_room(&account) < length)
        THROW_NUMBERS(REQUIRE_GTE_VIOLATED, text_room(&account), length);
    sol_memcpy_(idl->text, buffer->text, length);
    idl->text_length = (u32)length;
    return OK;
}

static Status close(Invocation *invocation) {
    Account account, authority, recipient;
    IdlAccount *idl;
    TRY(take_idl(invocation, "account", &account, &idl));
    TRY(take_signer(invocation, "authority", &authority));
    TRY(take_any(invocation, "sol_destination", &recipient));
    TRY(require_authority(&account, idl, &authority));
    TRY(require_close_to(&account, &recipient));
    TRY(require_nonzero_key(&authority));
    TRY(require_writable(&recipient));
    log_text("Instruction: IdlCloseAccount");
    close_account(&account, &recipient);
    return OK;
}

/* Only an account without text can be resized. */
static Status resize(Invocation *invocation, u64 wanted_length) {
    Account account, authority, system_program;
    IdlAccount *idl;
    TRY(take_idl(invocation, "idl", &account, &idl));
    TRY(take_signer(invocation, "authority", &authority));
    TRY(take_program(invocation, "system_program", &SYSTEM_PROGRAM_ID, &system_program));
    TRY(require_authority(&account, idl, &authority));
    TRY(require_writable(&authority));
    TRY(require_nonzero_key(&authority));

    log_text("Instruction: IdlResizeAccount");
    if (idl->text_length != 0)
        return error_occurred(&IDL_ACCOUNT_NOT_EMPTY);
    u64 growth = checked_sub(wanted_length, account.info->data_length);
    if (growth == 0)
        return OK;
    u64 length = account.info->data_length + (growth < MAX_STEP ? growth : MAX_STEP);
    transfer_lamports(&authority, &account, checked_sub(rent_exempt_minimum(length), *account.info->lamports));
    set_data_length(account.info, length);
    return OK;
}

Status idl_instruction(Invocation *invocation, Reader *arguments) {
    u8 tag = read_tag(arguments, IDL_INSTRUCTION_COUNT);
    u64 length = tag == CREATE || tag == RESIZE ? read_u64(arguments) : 0;
    Bytes text = {NULL, 0};
    if (tag == WRITE)
        read_vec(arguments, 1, &text);
    const Pubkey *new_authority = tag == SET_AUTHORITY ? read_pubkey(arguments) : NULL;
    REQUIRE_DECODED(arguments);
    switch (tag) {
    case CREATE:
        return create(invocation, length);
    case CREATE_BUFFER:
        return create_buffer(invocation);
    case WRITE:
        return write(invocation, &text);
    case SET_BUFFER:
        return set_buffer(invocation);
    case SET_AUTHORITY:
        return set_authority(invocation, new_authority);
    case CLOSE:
        return close(invocation);
    default:
        return resize(invocation, length);
    }
}
