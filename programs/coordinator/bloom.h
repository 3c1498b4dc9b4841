/* The Bloom filters of the clients and results that a witness observed. */
#pragma once
#include "protocol/coordinator_account.h"

/* Whether the filter contains a SHA-256 digest (with false positives). */
bool bloom_contains(const Bloom *bloom, const u8 *digest);
