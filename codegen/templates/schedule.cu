/* ---- what stands between the steps, as kernels: so a whole epoch can be one graph of launches ---- */

ISK_MODELS(isk_begin_batch) {
    isk_control *control = call.control + model;
    control->first = control->batch * control->batch_rows;
}

/* Before the program of a pass: `node` is the number of the pass, `flags` the kind of its rate. */
ISK_MODELS(isk_begin_step) {
    isk_control *control = call.control + model;
    const double done = (control->epoch + (double)control->batch / control->batches) / control->epochs;
    control->step = control->steps[call.node];
    control->steps[call.node] += 1;
    control->rate = control->rates[call.flags] * (control->cosine ? 0.5 * (1.0 + cospi(done)) : 1.0);
}

/* After it: `count` outputs, each an average over the present rows, are added up as number `flags`,
   `flags` + 1, ...  The loop is unrolled because arguments of a kernel that are indexed would be copied to
   slow memory. */
ISK_MODELS(isk_collect) {
    isk_control *control = call.control + model;
    const int left = control->count - control->first;
    const double present = (double)(left < control->batch_rows ? left : control->batch_rows);
    double *sums = control->sums[call.node] + call.flags;
    #pragma unroll
    for (int k = 0; k < 6; k++) {
        if (k < call.count) sums[k] += (double)dev_scalar(call.in[k], model) * present;
    }
    if (call.flags == 0) control->present[call.node] += present;
}

ISK_MODELS(isk_end_batch) { call.control[model].batch += 1; }
