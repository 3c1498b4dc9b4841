/* What a configuration, a model and both together must fulfil before a run can start. Reasons are logged where the
   published program logs them; the broken configuration rule is not. */
#pragma once
#include "protocol/coordinator_account.h"

Status check_config(const Config *config);                          /* 6004 */
Status check_model(const Model *model);                             /* 6005 */
Status check_cold_start(const Config *config, const Model *model); /* 6004; aborts where it divides by zero */
