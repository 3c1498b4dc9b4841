/* How many sequences a round trains on, and where in the data it begins. */
#pragma once
#include "protocol/coordinator_account.h"

/* Sequences in a round that begins `tokens` into the data. Grows from the start to the end size, in a straight line,
   over the configured number of tokens. Equal to the last bit to the published program's double arithmetic. */
u64 batch_size_at(const Config *config, u64 tokens);

/* Where the round after the one that begins at sequence `data_index` begins. Aborts on overflow. */
u64 next_data_index(const Coordinator *coordinator, u64 data_index);
