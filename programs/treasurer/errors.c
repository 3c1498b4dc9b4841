#include "treasurer/errors.h"

const Error INVALID_PARAMETER = {6000, "InvalidParameter", "Invalid parameter"};
const Error RUN_ID_INVALID_LENGTH = {6001, "RunIdInvalidLength", "run_id must be 32 bytes or less"};
