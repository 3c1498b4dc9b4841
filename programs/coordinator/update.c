/* update, update_client_version, set_future_epoch_rates: settings of the main authority. */
#include "coordinator/accounts.h"
#include "coordinator/context.h"
#include "coordinator/errors.h"
#include "coordinator/instructions.h"
#include "coordinator/sanity.h"
#include "protocol/run_arguments.h"
#include "sdk/log.h"

Status update(Invocation *invocation, Reader *arguments) {
    RunUpdate new_values;
    read_run_update(arguments, &new_values);
    REQUIRE_DECODED(arguments);
    CoordinatorAccount *account;
    TRY(owner_accounts(invocation, &account));
    increment_nonce(account);

    Coordinator *coordinator = &account->state.coordinator;
    if (coordinator->run_state == FINISHED)
        THROW(UPDATE_CONFIG_FINISHED);
    bool metadata_only = !new_values.has_config && !new_values.has_model && !new_values.has_progress;
    if (!is_halted(coordinator) && !metadata_only)
        THROW(UPDATE_CONFIG_NOT_HALTED);

    if (new_values.has_metadata)
        account->state.metadata = new_values.metadata;
    if (new_values.has_config) {
        TRY(check_config(&new_values.config));
        coordinator->config = new_values.config;
    }
    if (new_values.has_model) {
        TRY(check_model(&new_values.model));
        coordinator->model = new_values.model;
    }
    if (new_values.has_config || new_values.has_model)
        TRY(check_cold_start(&coordinator->config, &coordinator->model));
    if (new_values.has_progress) {
        if (new_values.progress.step == 0)
            THROW(MODEL_SANITY_CHECK_FAILED); /* not PROGRESS_SANITY_CHECK_FAILED, as published */
        coordinator->progress = new_values.progress;
    }
    return OK;
}

Status update_client_version(Invocation *invocation, Reader *arguments) {
    Bytes version;
    read_string(arguments, &version);
    REQUIRE_DECODED(arguments);
    CoordinatorAccount *account;
    TRY(owner_accounts(invocation, &account));

    if (!is_halted(&account->state.coordinator))
        THROW(UPDATE_CONFIG_NOT_HALTED);
    if (version.length > CLIENT_VERSION_SIZE)
        ABORT("client version is longer than 96 bytes");
    sol_memset_(account->state.client_version, 0, CLIENT_VERSION_SIZE);
    sol_memcpy_(account->state.client_version, version.data, version.length);
    LogLine line;
    line_start(&line, "new version: ");
    line_fixed_text(&line, account->state.client_version, CLIENT_VERSION_SIZE);
    line_end(&line);
    return OK;
}

Status set_future_epoch_rates(Invocation *invocation, Reader *arguments) {
    bool has_earning_rate = read_option(arguments);
    u64 earning_rate = has_earning_rate ? read_u64(arguments) : 0;
    bool has_slashing_rate = read_option(arguments);
    u64 slashing_rate = has_slashing_rate ? read_u64(arguments) : 0;
    REQUIRE_DECODED(arguments);
    CoordinatorAccount *account;
    TRY(owner_accounts(invocation, &account));
    increment_nonce(account);

    EpochRates *future = &account->state.clients_state.future_epoch_rates;
    if (has_earning_rate)
        future->earning_rate_total_shared = earning_rate;
    if (has_slashing_rate)
        future->slashing_rate_per_client = slashing_rate;
    return OK;
}
