/* tick: any signer may advance a run. */
#include "coordinator/accounts.h"
#include "coordinator/instructions.h"
#include "coordinator/state_machine.h"

Status tick(Invocation *invocation, Reader *arguments) {
    REQUIRE_DECODED(arguments);
    Account user;
    CoordinatorAccount *account;
    TRY(permissionless_accounts(invocation, &user, &account));
    increment_nonce(account);
    Context context;
    open_context(&context, account);
    return tick_run(&context);
}
