/* The two groups of accounts with which the coordinator's instructions begin. */
#pragma once
#include "protocol/coordinator_account.h"
#include "protocol/coordinator_instance.h"

/* Constraints on the instance and its coordinator account, checked after the parse phase: the PDA (2006); writable
   (2000), the address stored in the instance, and the version (2003). */
Status require_instance_pda(const Account *account, const CoordinatorInstance *instance);
Status require_coordinator_account(const Account *account, const CoordinatorInstance *instance);

/* For administrators: authority (the run's main authority), instance, account. */
Status owner_accounts(Invocation *invocation, CoordinatorAccount **account);

/* For any user: user, instance, account. Whether the user is a client is checked later. */
Status permissionless_accounts(Invocation *invocation, Account *user, CoordinatorAccount **account);
