/* ---- the block trainer: one block of threads trains one model, `rounds` times the launches of a round ----

   For models so small that a launch costs more than its work.  Before this text stand the modules that the
   launches need, and ISK_CASES, which has a line for each of their kernels:

       ISK_CASE_e(0, isk_fill) ISK_CASE_t(1, isk_gemm_fp32) ... */

#define ISK_CASE(number, loop) \
    case number: { \
        const isk_call one = calls[n]; \
        loop \
        break; \
    }
#define ISK_EACH(count) for (int at = (int)threadIdx.x; at < (count); at += (int)blockDim.x)
#define ISK_CASE_e(number, name) \
    ISK_CASE(number, ISK_EACH(one.rows * one.cols) name##_at(one, model, at / one.cols, at % one.cols);)
#define ISK_CASE_r(number, name) ISK_CASE(number, ISK_EACH(one.rows) name##_at(one, model, at);)
#define ISK_CASE_c(number, name) ISK_CASE(number, ISK_EACH(one.cols) name##_at(one, model, at);)
#define ISK_CASE_s(number, name) ISK_CASE(number, if (threadIdx.x == 0) name##_at(one, model);)
#define ISK_CASE_t(number, name) \
    ISK_CASE(number, for (int at = 0; at < one.tiles; at++) name##_at(one, model, at);)

#ifndef ISK_LARGE_KERNEL                    /* may have all registers of a multiprocessor */
    #define ISK_LARGE_KERNEL ISK_KERNEL
#endif

/* gridDim.x = models.  What one launch wrote the next one reads: the barrier is between them. */
ISK_LARGE_KERNEL isk_block(const isk_call call) {
    const int model = (int)blockIdx.x;
    const isk_call *calls = call.calls;
    if (!call.control[model].live) return;
    for (int round = 0; round < call.rounds; round++) {
        for (int n = 0; n < call.count; n++) {
            switch (call.kernels[n]) {
                ISK_CASES
                default: break;
            }
            __syncthreads();
        }
    }
}
