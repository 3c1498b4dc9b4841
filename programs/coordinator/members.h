/* The members of a run, that is, all wallets that ever joined ("pending clients"), and the clients of an epoch. */
#pragma once
#include "coordinator/context.h"

/* Whether the member currently takes part in the next epoch. */
INLINE bool is_pending(const Members *members, const Member *member) { return member->active == members->next_active; }

u64 count_pending(const Members *members);
Member *find_member(Members *members, const Pubkey *wallet);        /* NULL if there is none */
EpochClient *find_epoch_client(EpochState *epoch, const Pubkey *wallet); /* NULL if there is none */

/* 6007 unless the wallet has ever joined the run. */
Status require_member(Members *members, const Pubkey *wallet);

/* Moves every client that is not Healthy to the exited list, with the height of the round. */
void move_unhealthy_to_exited(EpochState *epoch, u32 height);
/* Marks Healthy clients as Withdrawn. */
void withdraw_all(EpochState *epoch);
/* Whether any client of the epoch is also a pending member. */
bool any_client_stays(const EpochState *epoch, const Members *members);
/* Makes the pending members, in order of first joining, the clients of the (empty) epoch. */
void enlist_pending(EpochState *epoch, const Members *members);
