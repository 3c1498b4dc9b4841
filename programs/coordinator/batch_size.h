/* The batch size of a round, in sequences, and its position in the training data. */
#pragma once
#include "protocol/coordinator_account.h"

/* The number of sequences in a round that begins after `tokens` tokens. It grows linearly from the start to the end
   size over the configured number of tokens, bit for bit as in the published program's double arithmetic. */
u64 batch_size_at(const Config *config, u64 tokens);

/* The first sequence of the round that follows the one at sequence `data_index`. Aborts on overflow. */
u64 next_data_index(const Coordinator *coordinator, u64 data_index);
