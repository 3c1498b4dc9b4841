/* Everybody who has ever joined the run ("pending clients"), and the clients of the running epoch. */
#pragma once
#include "coordinator/context.h"

/* Will the member take part in the next epoch, as things stand? */
INLINE bool is_pending(const Members *members, const Member *member) { return member->active == members->next_active; }

u64 count_pending(const Members *members);
Member *find_member(Members *members, const Pubkey *wallet);        /* NULL when there is none */
EpochClient *find_epoch_client(EpochState *epoch, const Pubkey *wallet); /* NULL when there is none */

/* 6007 unless the wallet has joined the run at some time. */
Status require_member(Members *members, const Pubkey *wallet);

/* Moves every client that is not Healthy to the exited list, noting the round's height. */
void move_unhealthy_to_exited(EpochState *epoch, u32 height);
/* Healthy clients become Withdrawn. */
void withdraw_all(EpochState *epoch);
/* Is any client of the epoch also among the pending members? */
bool any_client_stays(const EpochState *epoch, const Members *members);
/* The pending members, in order of their first joining, become the clients of the (empty) epoch. */
void enlist_pending(EpochState *epoch, const Members *members);
