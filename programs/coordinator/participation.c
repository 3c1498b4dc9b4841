#include "coordinator/participation.h"
#include "coordinator/accounts.h"
#include "coordinator/members.h"

Status open_as_member(Invocation *invocation, Context *context, const Pubkey **wallet) {
    Account user;
    CoordinatorAccount *account;
    TRY(permissionless_accounts(invocation, &user, &account));
    increment_nonce(account);
    open_context(context, account);
    *wallet = user.info->key;
    return require_member(context->members, *wallet);
}
