/* ---- updates: rows = 1, cols = parameters ----

   out: parameters, grad: their gradient, which is multiplied by work[0] if flags & 2; the rate and the
   number of the step stand in the control. */

ISK_INLINE float dev_gradient(isk_call call, int model, int j) {
    return dev_get(call.grad, model, 0, j) * (call.flags & 2u ? dev_scalar(call.work, model) : 1.0f);
}

/* 1 - beta^t without the loss of digits of that difference: beta - 1 is exact. */
ISK_INLINE float dev_bias_correction(float beta, float t) {
    return beta > 0 ? -expm1f(t * log1pf(beta - 1.0f)) : 1.0f;
}

/* Adam; flags & 1: weight decay is added to the gradient, else taken off the parameter (AdamW).
   attributes: beta1, beta2, epsilon, weight decay; in: first and second moments, both written. */
ISK_ELEMENTS(isk_adam) {
    const float beta1 = call.attributes[0], beta2 = call.attributes[1];
    const float epsilon = call.attributes[2], decay = call.attributes[3];
    const float rate = (float)call.control[model].rate, t = (float)(call.control[model].step + 1);
    float *p = dev_at(call.out, model, i, j);
    float *m = dev_at(call.in[0], model, i, j), *v = dev_at(call.in[1], model, i, j);
    const float g = dev_gradient(call, model, j) + (call.flags & 1u ? decay * *p : 0.0f);
    const float moment = beta1 * *m + (1.0f - beta1) * g;
    const float square = beta2 * *v + (1.0f - beta2) * g * g;
    const float root = sqrtf(square) / sqrtf(dev_bias_correction(beta2, t)) + epsilon;
    const float keep = call.flags & 1u ? 1.0f : 1.0f - rate * decay;
    *m = moment;
    *v = square;
    *p = keep * *p - rate / dev_bias_correction(beta1, t) * (moment / root);
}

/* SGD with momentum.  attributes: momentum, weight decay; in[0]: the buffer, written. */
ISK_ELEMENTS(isk_sgd) {
    float *p = dev_at(call.out, model, i, j), *m = dev_at(call.in[0], model, i, j);
    const float g = dev_gradient(call, model, j) + call.attributes[1] * *p;
    const float moment = call.attributes[0] * *m + g;
    *m = moment;
    *p -= (float)call.control[model].rate * moment;
}

/* Parameters that have bounds. */
ISK_ELEMENTS(isk_limit) {
    float *p = dev_at(call.out, model, i, j);
    *p = *p < call.attributes[0] ? call.attributes[0] : *p > call.attributes[1] ? call.attributes[1] : *p;
}

/* ---- clipping by the norm of the whole gradient ----

   work: [0] the factor, [16 + i] the sum of squares of the i-th 256 elements; there are `inner` elements. */

ISK_ROWS(isk_norm_parts) {
    const float *gradient = dev_at(call.grad, model, 0, 0);
    const int begin = 256 * i, end = call.inner < begin + 256 ? call.inner : begin + 256;
    float sum = 0;
    for (int k = begin; k < end; k++) sum += gradient[k] * gradient[k];
    dev_at(call.work, model, 0, 0)[16 + i] = sum;
}

ISK_MODELS(isk_norm) {
    float *work = dev_at(call.work, model, 0, 0);
    double sum = 0;
    for (int i = 0; i < call.count; i++) sum += (double)work[16 + i];
    const float norm = (float)sqrt(sum);
    work[0] = norm > call.attributes[0] ? call.attributes[0] / norm : 1.0f;
}
