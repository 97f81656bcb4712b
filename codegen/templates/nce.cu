/* ---- symmetric InfoNCE, as isk__nce_run: from u v^T in `save` to the loss and D, which replaces it ----

   With logits L = scale u v^T, shares w of the rows, P and Q the softmaxes of L over rows and over columns,
       loss = sum_i w_i ( (logsumexp_j L_ij + logsumexp_j L_ji) / 2 - L_ii )
       D_ij = (w_i P_ij + w_j Q_ij) / 2 - [i = j] w_i
   Absent rows, of share 0, are left out of both softmaxes: the logits of their columns get exponentials that
   are 0, and their rows are skipped.  in: u, v, scale, weights; rows = cols = rows of the batch.  The kernels
   run in the order in which they stand here. */

#define ISK_NCE_REACH 80.0f                 /* exp(-80) is a normal float */
#define ISK_NCE_ABSENT -1.0e30f

/* work: scalars, then vectors of `rows` */
enum { ISK_NCE_ONE, ISK_NCE_MOST };     /* if one exponential serves both softmaxes; its shift */
enum { ISK_NCE_SHARE, ISK_NCE_ROW_SHIFT, ISK_NCE_COL_SHIFT, ISK_NCE_ROW_FACTOR, ISK_NCE_COL_FACTOR,
       ISK_NCE_ROW_LOSS, ISK_NCE_COL_LOSS, ISK_NCE_VECTORS };

ISK_INLINE float dev_nce_scalar(isk_call call, int model, int which) {
    return dev_at(call.work, model, 0, 0)[which];
}
ISK_INLINE float *dev_nce(isk_call call, int model, int which, int i) {
    return dev_at(call.work, model, 0, 0) + 16 + which * call.rows + i;
}
ISK_INLINE int dev_nce_absent(isk_call call, int model, int i) {
    return !(*dev_nce(call, model, ISK_NCE_SHARE, i) > 0);
}
ISK_INLINE float dev_nce_shift(isk_call call, int model, int which, int i) {
    if (dev_nce_scalar(call, model, ISK_NCE_ONE) > 0) return dev_nce_scalar(call, model, ISK_NCE_MOST);
    return *dev_nce(call, model, which, i);
}

ISK_MODELS(isk_nce_share) {
    double total = 0;
    for (int i = 0; i < call.rows; i++) total += (double)dev_weight(call.in[3], model, i);
    for (int i = 0; i < call.rows; i++) {
        const double weight = (double)dev_weight(call.in[3], model, i);
        *dev_nce(call, model, ISK_NCE_SHARE, i) = total > 0 ? (float)(weight / total) : 0.0f;
    }
}

/* The row's logits, and the largest of them. */
ISK_ROWS(isk_nce_rows) {
    float *logits = dev_at(call.save, model, i, 0), largest = ISK_LOWEST;
    if (dev_nce_absent(call, model, i)) return;
    for (int j = 0; j < call.cols; j++) {
        const float logit = logits[j] + (dev_nce_absent(call, model, j) ? ISK_NCE_ABSENT : 0.0f);
        logits[j] = logit;
        largest = dev_maximum(largest, logit);
    }
    *dev_nce(call, model, ISK_NCE_ROW_SHIFT, i) = largest;
}

ISK_COLUMNS(isk_nce_columns) {
    float largest = ISK_LOWEST;
    for (int i = 0; i < call.rows; i++) {
        if (!dev_nce_absent(call, model, i)) largest = dev_maximum(largest, dev_get(call.save, model, i, j));
    }
    *dev_nce(call, model, ISK_NCE_COL_SHIFT, j) = largest;
}

/* Where all the maxima lie close together no sum can vanish that is shifted by the largest of them. */
ISK_MODELS(isk_nce_shift) {
    float most = ISK_LOWEST, least = -ISK_LOWEST;
    for (int i = 0; i < call.rows; i++) {
        if (dev_nce_absent(call, model, i)) continue;
        const float row = *dev_nce(call, model, ISK_NCE_ROW_SHIFT, i);
        const float col = *dev_nce(call, model, ISK_NCE_COL_SHIFT, i);
        most = dev_maximum(most, row);
        least = dev_minimum(least, dev_minimum(row, col));
    }
    float *work = dev_at(call.work, model, 0, 0);
    work[ISK_NCE_ONE] = most - least < ISK_NCE_REACH ? 1.0f : 0.0f;
    work[ISK_NCE_MOST] = most;
}

/* What a row's exponentials are multiplied with in D, and its part of the loss; then the same by columns. */
ISK_ROWS(isk_nce_row_sums) {
    const float share = *dev_nce(call, model, ISK_NCE_SHARE, i);
    const float shift = dev_nce_shift(call, model, ISK_NCE_ROW_SHIFT, i);
    const float *logits = dev_at(call.save, model, i, 0);
    float sum = 0;
    if (dev_nce_absent(call, model, i)) return;
    for (int j = 0; j < call.cols; j++) sum += expf(logits[j] - shift);
    *dev_nce(call, model, ISK_NCE_ROW_FACTOR, i) = 0.5f * share / sum;
    *dev_nce(call, model, ISK_NCE_ROW_LOSS, i) = share * (0.5f * (shift + logf(sum)) - logits[i]);
}

ISK_COLUMNS(isk_nce_column_sums) {
    const float share = *dev_nce(call, model, ISK_NCE_SHARE, j);
    const float shift = dev_nce_shift(call, model, ISK_NCE_COL_SHIFT, j);
    const int absent = dev_nce_absent(call, model, j);
    float sum = 0;
    for (int i = 0; i < call.rows; i++) {
        if (!dev_nce_absent(call, model, i)) sum += expf(dev_get(call.save, model, i, j) - shift);
    }
    *dev_nce(call, model, ISK_NCE_COL_FACTOR, j) = absent ? 0.0f : 0.5f * share / sum;
    *dev_nce(call, model, ISK_NCE_COL_LOSS, j) = absent ? 0.0f : 0.5f * share * (shift + logf(sum));
}

ISK_MODELS(isk_nce_loss) {
    double loss = 0;
    for (int i = 0; i < call.rows; i++) {
        if (dev_nce_absent(call, model, i)) continue;
        loss += (double)*dev_nce(call, model, ISK_NCE_ROW_LOSS, i);
        loss += (double)*dev_nce(call, model, ISK_NCE_COL_LOSS, i);
    }
    *dev_at(call.out, model, 0, 0) = (float)loss;
}

ISK_ELEMENTS(isk_nce_gradient) {
    float *logit = dev_at(call.save, model, i, j), d = 0;
    if (!dev_nce_absent(call, model, i)) {
        const float row_factor = *dev_nce(call, model, ISK_NCE_ROW_FACTOR, i);
        const float col_factor = *dev_nce(call, model, ISK_NCE_COL_FACTOR, j);
        const float row_shift = dev_nce_shift(call, model, ISK_NCE_ROW_SHIFT, i);
        const float col_shift = dev_nce_shift(call, model, ISK_NCE_COL_SHIFT, j);
        const float p = expf(*logit - row_shift), q = row_shift == col_shift ? p : expf(*logit - col_shift);
        d = row_factor * p + col_factor * q - (i == j ? *dev_nce(call, model, ISK_NCE_SHARE, i) : 0.0f);
    }
    *logit = d;
}

/* ---- backward: `work` is the matrix D v, or D^T u ---- */

/* du = grad scale D v */
ISK_ELEMENTS(isk_nce_apply) {
    const float factor = dev_scalar(call.grad, model) * dev_scalar(call.in[2], model);
    const float product = dev_get(call.work, model, i, j);
    dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, factor * product);
}

/* dscale = grad sum_i u_i . (D v)_i */
ISK_ROWS(isk_nce_dots) {
    float sum = 0;
    for (int j = 0; j < call.cols; j++) {
        sum += dev_get(call.in[0], model, i, j) * dev_get(call.work, model, i, j);
    }
    *dev_at(call.out, model, i, 0) = sum;
}

ISK_MODELS(isk_nce_scale_gradient) {
    double sum = 0;
    for (int i = 0; i < call.rows; i++) sum += (double)dev_get(call.in[5], model, i, 0);
    const float gradient = dev_scalar(call.grad, model) * (float)sum;
    dev_put(dev_at(call.grad_in[2], model, 0, 0), call.accumulate & 4u, gradient);
}
