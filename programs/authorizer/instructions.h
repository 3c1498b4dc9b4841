/* The instructions of the authorizer program, one function each. */
#pragma once
#include "sdk/dispatch.h"

Handler authorization_create, authorization_grantor_update, authorization_grantee_update, authorization_close;
