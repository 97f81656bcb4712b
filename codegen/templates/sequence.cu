/* ---- sequences: samples of T steps stand as [samples * T, features], the steps of a sample in order ---- */

/* The same values, row after row, from rows of `inner` columns: forward and backward. */
ISK_ELEMENTS(isk_reshape) {
    const unsigned at = (unsigned)i * (unsigned)call.cols + (unsigned)j, inner = (unsigned)call.inner;
    const float value = dev_get(call.in[0], model, (int)(at / inner), (int)(at % inner));
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, value);
}

/* in[0] where the step, of `inner` columns, is below the length in[1], else 0: forward and backward. */
ISK_ELEMENTS(isk_trim) {
    const int kept = (float)(j / call.inner) < dev_get(call.in[1], model, i, 0);
    const float value = kept ? dev_get(call.in[0], model, i, j) : 0.0f;
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, value);
}

ISK_ELEMENTS(isk_step_mask) {
    *dev_at(call.out, model, i, j) = (float)j < dev_get(call.in[0], model, i, 0) ? 1.0f : 0.0f;
}

/* ---- attention, as isk__attention_forward and _backward; in: queries, keys, values side by side, weights ----

   A row of save and of work is that of (sample * heads + head) * steps + query, a column a key.  count: heads;
   inner: columns of a head; tiles: steps.  A weight p of the softmax that is dropped is saved as -p. */

/* The row of the sample's first step, and the first column of the head, of row i of save. */
ISK_INLINE int dev_attention_first(isk_call call, int i) {
    return i / (call.tiles * call.count) * call.tiles;
}
ISK_INLINE int dev_attention_head(isk_call call, int i) { return i / call.tiles % call.count * call.inner; }
/* A row of save for the element of a result in this row and column. */
ISK_INLINE int dev_attention_row(isk_call call, int i, int col) {
    return (i / call.tiles * call.count + col / call.inner) * call.tiles;
}
ISK_INLINE float dev_dot(const float *a, const float *b, int count) {
    float sum = 0;
    for (int k = 0; k < count; k++) sum += a[k] * b[k];
    return sum;
}

ISK_ELEMENTS(isk_attention_scores) {
    const int first = dev_attention_first(call, i), head = dev_attention_head(call, i);
    const int query = first + i % call.tiles, key = first + j;
    float score = ISK_LOWEST;
    if (dev_weight(call.in[1], model, query) > 0 && dev_weight(call.in[1], model, key) > 0) {
        const float *q = dev_at(call.in[0], model, query, head);
        const float *k = dev_at(call.in[0], model, key, head + call.inner * call.count);
        score = call.attributes[0] * dev_dot(q, k, call.inner);
    }
    *dev_at(call.save, model, i, j) = score;
}

/* A query that is present sees itself at least, so its largest score is no mark of absence. */
ISK_ROWS(isk_attention_softmax) {
    const int query = dev_attention_first(call, i) + i % call.tiles;
    const int present = dev_weight(call.in[1], model, query) > 0;
    const unsigned long long key = dev_node_key(call, model), step = call.control[model].step;
    const unsigned long long words = (unsigned long long)i * (unsigned)((call.tiles + 3) / 4 * 4);
    float *row = dev_at(call.save, model, i, 0), largest = ISK_LOWEST, sum = 0;
    for (int j = 0; j < call.cols; j++) largest = dev_maximum(largest, row[j]);
    for (int j = 0; j < call.cols; j++) {
        row[j] = expf(row[j] - largest);
        sum += row[j];
    }
    for (int j = 0; j < call.cols; j++) {
        const float p = present ? row[j] / sum : 0.0f;
        row[j] = call.flags && dev_philox(key, step, words + (unsigned)j) < call.flags ? -p : p;
    }
}

ISK_ELEMENTS(isk_attention_apply) {
    const int first = i / call.tiles * call.tiles;
    const int row = dev_attention_row(call, i, j) + i % call.tiles;
    float sum = 0;
    for (int k = 0; k < call.tiles; k++) {
        const float p = dev_get(call.save, model, row, k);
        if (!(p <= 0)) sum += p * dev_get(call.in[0], model, first + k, 2 * call.cols + j);
    }
    *dev_at(call.out, model, i, j) = call.attributes[1] * sum;
}

/* The gradient of p. */
ISK_ELEMENTS(isk_attention_slopes) {
    const int first = dev_attention_first(call, i), head = dev_attention_head(call, i);
    float slope = 0;
    if (!(dev_get(call.save, model, i, j) <= 0)) {
        const float *g = dev_at(call.grad, model, first + i % call.tiles, head);
        const float *v = dev_at(call.in[0], model, first + j, head + 2 * call.inner * call.count);
        slope = call.attributes[1] * dev_dot(g, v, call.inner);
    }
    *dev_at(call.work, model, i, j) = slope;
}

/* That of the scores, less their scale. */
ISK_ROWS(isk_attention_softmax_back) {
    const float *p = dev_at(call.save, model, i, 0);
    float *slope = dev_at(call.work, model, i, 0), total = 0;
    for (int j = 0; j < call.cols; j++) total += fabsf(p[j]) * slope[j];
    for (int j = 0; j < call.cols; j++) slope[j] = call.attributes[0] * fabsf(p[j]) * (slope[j] - total);
}

/* Queries, keys or values: each from the rows of the sample with which it was multiplied. */
ISK_ELEMENTS(isk_attention_back) {
    const int all = call.inner * call.count, part = j / all, col = j % all;
    const int first = i / call.tiles * call.tiles, t = i % call.tiles;
    const int row = dev_attention_row(call, i, col);
    float sum = 0;
    for (int k = 0; k < call.tiles; k++) {
        const float slope = part == 0 ? dev_get(call.work, model, row + t, k)
                            : part == 1 ? dev_get(call.work, model, row + k, t)
                                        : dev_maximum(dev_get(call.save, model, row + k, t), 0);
        if (slope == 0) continue;
        if (part == 2) sum += call.attributes[1] * slope * dev_get(call.grad, model, first + k, col);
        else sum += slope * dev_get(call.in[0], model, first + k, (1 - part) * all + col);
    }
    dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, sum);
}

/* ---- one row for each sample of `tiles` steps: flags is an ISK_POOL_... of the host ---- */

enum { DEV_POOL_LAST = 1, DEV_POOL_LAST_PADDED, DEV_POOL_MEAN };

/* The step that stands for a sample, or -1; for the mean how many steps are present. */
ISK_INLINE int dev_pool_of(isk_call call, int model, int sample) {
    int found = -1, count = 0;
    for (int step = 0; step < call.tiles; step++) {
        if (!(dev_weight(call.in[1], model, sample * call.tiles + step) > 0)) continue;
        count++;
        if (call.flags == DEV_POOL_LAST || found < 0) found = step;
    }
    if (call.flags == DEV_POOL_LAST_PADDED) return call.tiles - 1;
    return call.flags == DEV_POOL_MEAN ? count : found;
}
/* What a step is multiplied with in the row of its sample. */
ISK_INLINE float dev_pool_share(isk_call call, int model, int sample, int step, int found) {
    if (call.flags != DEV_POOL_MEAN) return step == found ? 1.0f : 0.0f;
    const int present = dev_weight(call.in[1], model, sample * call.tiles + step) > 0;
    return present ? 1.0f / (float)found : 0.0f;
}

ISK_ELEMENTS(isk_pool_steps) {
    const int found = dev_pool_of(call, model, i);
    float sum = 0;
    for (int step = 0; step < call.tiles; step++) {
        const float share = dev_pool_share(call, model, i, step, found);
        if (share > 0) sum += share * dev_get(call.in[0], model, i * call.tiles + step, j);
    }
    *dev_at(call.out, model, i, j) = sum;
}

ISK_ELEMENTS(isk_pool_steps_back) {
    const int sample = i / call.tiles, found = dev_pool_of(call, model, sample);
    const float share = dev_pool_share(call, model, sample, i % call.tiles, found);
    const float value = share > 0 ? share * dev_get(call.in[0], model, sample, j) : 0.0f;
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, value);
}

/* ---- rows that are repeated, and sums over where they went ---- */

/* out_i = a_(i / inner) + b_(i mod tiles) */
ISK_ELEMENTS(isk_add_every) {
    const float a = dev_get(call.in[0], model, i / call.inner, j);
    *dev_at(call.out, model, i, j) = a + dev_get(call.in[1], model, i % call.tiles, j);
}

/* out_i (+)= sum over k < count of in_(i * inner + k * tiles) */
ISK_ELEMENTS(isk_sum_every) {
    float sum = 0;
    for (int k = 0; k < call.count; k++) {
        sum += dev_get(call.in[0], model, i * call.inner + k * call.tiles, j);
    }
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, sum);
}

/* A part of `count` steps into samples of `inner`, and its gradient back; out and grad begin at its place. */
ISK_ELEMENTS(isk_join_steps) {
    const int to = i / call.count * call.inner + i % call.count;
    *dev_at(call.out, model, to, j) = dev_get(call.in[0], model, i, j);
}

ISK_ELEMENTS(isk_join_steps_back) {
    const int from = i / call.count * call.inner + i % call.count;
    dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, dev_get(call.grad, model, from, j));
}

/* ---- tokens x_ij weight_j + bias_j; count: samples; inner: features; tiles: columns of a token ---- */

ISK_ELEMENTS(isk_tokens) {
    const int sample = i / call.inner, token = i % call.inner;
    const float x = dev_get(call.in[0], model, sample, token), weight = dev_get(call.in[1], model, token, j);
    *dev_at(call.out, model, i, j) = dev_get(call.in[2], model, token, j) + x * weight;
}

/* The gradient of x, */
ISK_ELEMENTS(isk_tokens_back) {
    const float *g = dev_at(call.grad, model, i * call.inner + j, 0), *weight = dev_at(call.in[1], model, j, 0);
    dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, dev_dot(g, weight, call.tiles));
}

/* and of the weights. */
ISK_ELEMENTS(isk_tokens_weight) {
    float sum = 0;
    for (int k = 0; k < call.count; k++) {
        sum += dev_get(call.grad, model, k * call.inner + i, j) * dev_get(call.in[0], model, k, i);
    }
    dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, sum);
}

/* ---- augmentations of rows whose coin falls, number `count`, `flags` of whose 2^24 faces do so ---- */

ISK_INLINE int dev_coin_falls(isk_call call, int model, int i) {
    const isk_control *control = call.control + model;
    const unsigned long long key = dev_mix64(control->seed ^ dev_mix64(~(unsigned long long)call.count));
    return dev_philox(key, control->step, (unsigned)i) >> 8 < call.flags;
}

ISK_ELEMENTS(isk_noise) {
    const unsigned long long position = (unsigned long long)i * (unsigned)call.cols + (unsigned)j;
    float value = dev_get(call.in[0], model, i, j);
    if (dev_coin_falls(call, model, i)) {
        const unsigned long long step = call.control[model].step;
        value += call.attributes[0] * dev_normal(dev_node_key(call, model), step, position);
    }
    *dev_at(call.out, model, i, j) = value;
}

/* in[0], but 0 in some of the `tiles` steps of `inner` columns: forward and backward. */
ISK_ELEMENTS(isk_drop_steps) {
    const unsigned long long key = dev_node_key(call, model), stream = call.control[model].step;
    int dropped = 0;
    if (dev_coin_falls(call, model, i)) {
        const unsigned word = dev_philox(key, stream, (unsigned)i) >> 8, steps = (unsigned)call.tiles;
        const float share = (float)word * (1.0f / 16777216.0f) * call.attributes[0];
        const unsigned long long order = dev_mix64(dev_mix64(key ^ dev_mix64(stream)) ^ (unsigned)i);
        const unsigned place = dev_permute((unsigned)(j / call.inner), steps, order);
        dropped = place < (unsigned)(share * (float)steps);
    }
    const float value = dropped ? 0.0f : dev_get(call.in[0], model, i, j);
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, value);
}
