/* The rules for a configuration, a model and their combination, required for a run to start. The violated rule is
   logged where the published program logs it, that is, not for a configuration. */
#pragma once
#include "protocol/coordinator_account.h"

Status check_config(const Config *config);                          /* 6004 */
Status check_model(const Model *model);                             /* 6005 */
Status check_cold_start(const Config *config, const Model *model); /* 6004; aborts on a division by zero */
