#include "coordinator/members.h"
#include "coordinator/errors.h"

u64 count_pending(const Members *members) {
    u64 count = 0;
    u64 length = LENGTH_OF(&members->members);
    for (u64 i = 0; i < length; i++)
        count += is_pending(members, &members->members.data[i]);
    return count;
}

Member *find_member(Members *members, const Pubkey *wallet) {
    u64 length = LENGTH_OF(&members->members);
    for (u64 i = 0; i < length; i++)
        if (pubkey_equals(&members->members.data[i].id.signer, wallet))
            return &members->members.data[i];
    return NULL;
}

EpochClient *find_epoch_client(EpochState *epoch, const Pubkey *wallet) {
    u64 length = LENGTH_OF(&epoch->clients);
    for (u64 i = 0; i < length; i++)
        if (pubkey_equals(&epoch->clients.data[i].id.signer, wallet))
            return &epoch->clients.data[i];
    return NULL;
}

Status require_member(Members *members, const Pubkey *wallet) {
    if (find_member(members, wallet) == NULL)
        THROW(SIGNER_NOT_A_CLIENT);
    return OK;
}

static void add_exited(EpochState *epoch, const EpochClient *client, u32 height) {
    if (epoch->exited_clients.length >= MAX_CLIENTS)
        ABORT("exited client list is full");
    EpochClient *exited = &epoch->exited_clients.data[epoch->exited_clients.length++];
    *exited = *client;
    exited->exited_height = height;
}

void move_unhealthy_to_exited(EpochState *epoch, u32 height) {
    EpochClientList *clients = &epoch->clients;
    u64 kept = 0;
    u64 length = LENGTH_OF(clients);
    for (u64 i = 0; i < length; i++) {
        EpochClient *client = &clients->data[i];
        if (client->state != HEALTHY) {
            add_exited(epoch, client, height);
            continue;
        }
        if (kept != i)
            clients->data[kept] = *client;
        kept++;
    }
    sol_memset_(&clients->data[kept], 0, (length - kept) * sizeof(EpochClient));
    clients->length = kept;
}

void withdraw_all(EpochState *epoch) {
    u64 length = LENGTH_OF(&epoch->clients);
    for (u64 i = 0; i < length; i++)
        if (epoch->clients.data[i].state == HEALTHY)
            epoch->clients.data[i].state = WITHDRAWN;
}

/* Both lists are in the order in which wallets first joined, so one pass over both finds every match. */
bool any_client_stays(const EpochState *epoch, const Members *members) {
    u64 next = 0, clients = LENGTH_OF(&epoch->clients), length = LENGTH_OF(&members->members);
    for (u64 i = 0; i < length && next < clients; i++) {
        const Member *member = &members->members.data[i];
        if (!pubkey_equals(&member->id.signer, &epoch->clients.data[next].id.signer))
            continue;
        if (is_pending(members, member))
            return true;
        next++;
    }
    return false;
}

void enlist_pending(EpochState *epoch, const Members *members) {
    u64 length = LENGTH_OF(&members->members);
    for (u64 i = 0; i < length; i++) {
        const Member *member = &members->members.data[i];
        if (!is_pending(members, member))
            continue;
        EpochClient *client = &epoch->clients.data[epoch->clients.length++];
        client->id = member->id;
        client->state = HEALTHY;
        client->exited_height = 0;
    }
}
