#include "authorizer/errors.h"

const Error AUTHORIZATION_ACTIVE_IS_TRUE = {6000, "AuthorizationActiveIsTrue", "AuthorizationActive is true"};
const Error CLOSING_CONDITIONS_NOT_REACHED_YET = {6001, "AuthorizationClosingConditionsNotReachedYet",
                                                  "Authorization closing conditions not reached yet"};
