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
