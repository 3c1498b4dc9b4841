#include "coordinator/batch_size.h"
#include "coordinator/double.h"
#include "sdk/arithmetic.h"

u64 batch_size_at(const Config *config, u64 tokens) {
    if (tokens >= config->global_batch_size_warmup_tokens)
        return config->global_batch_size_end;
    /* start + (end - start) * (tokens / warmup_tokens), in doubles and in this order */
    Double size, start, span, fraction, warmup_tokens;
    double_from_u64(tokens, &fraction);
    double_from_u64(config->global_batch_size_warmup_tokens, &warmup_tokens);
    double_divide(&fraction, &warmup_tokens, &fraction);
    double_from_u64(checked_sub(config->global_batch_size_end, config->global_batch_size_start), &span);
    double_multiply(&span, &fraction, &size);
    double_from_u64(config->global_batch_size_start, &start);
    double_add(&start, &size, &size);
    u64 rounded = double_round(&size);
    return rounded < U16_MAX ? rounded : U16_MAX;
}

u64 next_data_index(const Coordinator *coordinator, u64 data_index) {
    u64 tokens = checked_mul(data_index, coordinator->model.llm.max_seq_len);
    return checked_add(data_index, batch_size_at(&coordinator->config, tokens));
}
