/* The authorizer's error codes. */
#pragma once
#include "sdk/errors.h"

extern const Error AUTHORIZATION_ACTIVE_IS_TRUE, CLOSING_CONDITIONS_NOT_REACHED_YET;
