/* ---- copies, batches, and the ops that draw random numbers ---- */

/* out = a constant */
ISK_ELEMENTS(isk_fill) { *dev_at(call.out, model, i, j) = call.attributes[0]; }

/* out (+)= x */
ISK_ELEMENTS(isk_copy) {
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, dev_get(call.in[0], model, i, j));
}

/* The gradient of a ReLU, in place: out = 0 where the ReLU's output in[0] is 0. */
ISK_ELEMENTS(isk_mask_gradient) {
    if (!(dev_get(call.in[0], model, i, j) > 0)) *dev_at(call.out, model, i, j) = 0;
}

/* An exponential moving average: out += weight * (x - out). */
ISK_ELEMENTS(isk_follow) {
    float *out = dev_at(call.out, model, i, j);
    *out += call.attributes[0] * (dev_get(call.in[0], model, i, j) - *out);
}

/* out (+)= x * attributes[0] where the element's word is at least `flags`, else 0: forward and backward. */
ISK_ELEMENTS(isk_dropout) {
    const unsigned long long position = (unsigned long long)i * (unsigned)call.cols + (unsigned)j;
    const unsigned word = dev_philox(dev_node_key(call, model), call.control[model].step, position);
    const float value = word >= call.flags ? call.attributes[0] * dev_get(call.in[0], model, i, j) : 0.0f;
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, value);
}

/* ---- batches: row numbers, weights, rows of the data ---- */

/* The number of the row at the i-th place of this batch, -1 beyond the last one. */
ISK_ROWS(isk_batch) {
    const isk_control *control = call.control + model;
    unsigned position = (unsigned)(control->first + i);
    int row = -1;
    if (position < (unsigned)control->count) {
        if (control->shuffled) position = dev_permute(position, (unsigned)control->count, control->key);
        row = control->rows ? control->rows[position] : (int)position;
    }
    *dev_row_number(call.out, model, i) = row;
}

ISK_ROWS(isk_batch_weight) {
    *dev_at(call.out, model, i, 0) = *dev_row_number(call.in[0], model, i) >= 0 ? 1.0f : 0.0f;
}

ISK_ELEMENTS(isk_gather) {
    const int row = *dev_row_number(call.in[1], model, i);
    *dev_at(call.out, model, i, j) = row >= 0 ? dev_get(call.in[0], model, row, j) : 0.0f;
}

ISK_ELEMENTS(isk_scatter) {
    const int row = *dev_row_number(call.in[1], model, i);
    if (row >= 0) *dev_at(call.out, model, row, j) = dev_get(call.in[0], model, i, j);
}

/* ---- permuted rows.  save: [rows] source of each row, [rows] the present rows, [1] how many they are ---- */

ISK_MODELS(isk_permute_present) {
    float *present = dev_at(call.save, model, 0, 0) + call.rows;
    int count = 0;
    for (int i = 0; i < call.rows; i++) {
        if (dev_weight(call.in[1], model, i) > 0) present[count++] = (float)i;
    }
    present[call.rows] = (float)count;
}

/* Present rows change places by a permutation that may have fixed points; absent rows stay. */
ISK_ROWS(isk_permute_source) {
    float *source = dev_at(call.save, model, 0, 0);
    const float *present = source + call.rows;
    const int count = (int)present[call.rows];
    const unsigned long long key = dev_node_key(call, model) ^ dev_mix64(call.control[model].step);
    int low = 0, high = count;              /* the place of row i among the present ones lies in low .. high */
    while (low < high) {
        const int middle = (low + high) / 2;
        if (present[middle] < (float)i) low = middle + 1;
        else high = middle;
    }
    source[i] = (float)i;
    if (low < count && present[low] == (float)i) {
        source[i] = present[dev_permute((unsigned)low, (unsigned)count, key)];
    }
}

ISK_ELEMENTS(isk_permute_rows) {
    const int source = (int)dev_at(call.save, model, 0, 0)[i];
    *dev_at(call.out, model, i, j) = dev_get(call.in[0], model, source, j);
}

/* A permutation: each row of grad_in is met once. */
ISK_ELEMENTS(isk_permute_rows_back) {
    const int source = (int)dev_at(call.save, model, 0, 0)[i];
    dev_put(dev_at(call.grad_in[0], model, source, j), call.accumulate & 1u, dev_get(call.grad, model, i, j));
}

/* out_j (+)= sum_i x_ij: the gradient of a bias */
ISK_COLUMNS(isk_sum_rows) {
    float sum = 0;
    for (int i = 0; i < call.rows; i++) sum += dev_get(call.in[0], model, i, j);
    dev_put(dev_at(call.out, model, 0, j), call.accumulate & 1u, sum);
}
