/* The two groups of accounts that the coordinator's instructions begin with. */
#pragma once
#include "protocol/coordinator_account.h"
#include "protocol/coordinator_instance.h"

/* Conditions on the instance and the account it names, the parse phase being over: the PDA (2006); writable (2000),
   the address stored in the instance, and the version (2003). */
Status require_instance_pda(const Account *account, const CoordinatorInstance *instance);
Status require_coordinator_account(const Account *account, const CoordinatorInstance *instance);

/* Administrators: authority (the run's main authority), instance, account. */
Status owner_accounts(Invocation *invocation, CoordinatorAccount **account);

/* Everybody: user, instance, account. Whether the user is a client is looked at afterwards. */
Status permissionless_accounts(Invocation *invocation, Account *user, CoordinatorAccount **account);
