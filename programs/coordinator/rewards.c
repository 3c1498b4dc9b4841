#include "coordinator/rewards.h"
#include "sdk/arithmetic.h"

/* The client at the cursor, if it is this member's; the cursor then advances. */
static const EpochClient *next_if_same(const EpochClientList *list, u64 *cursor, const Member *member) {
    if (*cursor >= LENGTH_OF(list))
        return NULL;
    const EpochClient *client = &list->data[*cursor];
    if (!pubkey_equals(&client->id.signer, &member->id.signer))
        return NULL;
    *cursor += 1;
    return client;
}

/* One pass over the members with a cursor in each list, as in the published program. Exited clients are in the order of
   leaving, not of joining: once one is out of order, those after it are not reached. */
void distribute_rewards(Context *context) {
    const EpochClientList *finished = &context->epoch->clients;
    const EpochClientList *exited = &context->epoch->exited_clients;
    const EpochRates *rates = &context->members->current_epoch_rates;
    u64 share = finished->length != 0 ? rates->earning_rate_total_shared / finished->length : 0;
    u64 next_finished = 0, next_exited = 0;
    u64 length = LENGTH_OF(&context->members->members);
    for (u64 i = 0; i < length; i++) {
        Member *member = &context->members->members.data[i];
        const EpochClient *client = next_if_same(finished, &next_finished, member);
        if (client != NULL && client->state == HEALTHY)
            member->earned = checked_add(member->earned, share);
        client = next_if_same(exited, &next_exited, member);
        if (client != NULL && client->state == EJECTED)
            member->slashed = checked_add(member->slashed, rates->slashing_rate_per_client);
    }
}
