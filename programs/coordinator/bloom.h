/* The Bloom filters in which witnesses say whom and what they have seen. */
#pragma once
#include "protocol/coordinator_account.h"

/* Whether the filter contains a sha256 digest (or seems to). */
bool bloom_contains(const Bloom *bloom, const u8 *digest);
