/* The treasurer's error codes. */
#pragma once
#include "sdk/errors.h"

extern const Error INVALID_PARAMETER, RUN_ID_INVALID_LENGTH;
