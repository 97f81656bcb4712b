/* ---- products: out[rows, cols] (+)= A B, with what often follows them ----

   A is [rows, inner], or [inner, rows] if flags & 1; B is [inner, cols], or [cols, inner] if flags & 2.
   Then, each only where it is given: the product is multiplied by in[4], a scalar; in[2] is added, a row;
   max(., 0) is taken if flags & 4; it is 0 where in[3] <= 0.

   A block of threads makes one tile of out.  It goes through `inner` in steps of 16: all threads fetch their
   part of the tile's rows of A and columns of B for the next step into registers, work on the step before in
   shared memory, and then put there what they fetched.  An element is one sum in the order of `inner`. */

#define ISK_STEP 16

/* What one side of the product is to a thread: lines are rows of A or columns of B. */
typedef struct isk_side {
    const float *data;
    int lines, inner;               /* extent */
    long long to_line, to_inner;    /* elements to the next */
    int line, k;                    /* what the thread fetches first, */
    int line_step, k_step;          /* and how far further the next one is */
} isk_side;

/* Neighbours in memory are fetched by neighbouring threads. */
ISK_INLINE isk_side
dev_side(isk_operand o, int model, int first, int lines, int inner, int inner_is_close, int tile) {
    const int t = (int)threadIdx.x;
    isk_side side;
    side.data = dev_at(o, model, 0, 0);
    side.lines = lines;
    side.inner = inner;
    side.to_line = inner_is_close ? o.stride : 1;
    side.to_inner = inner_is_close ? 1 : o.stride;
    side.line = first + (inner_is_close ? t / ISK_STEP : t % tile);
    side.k = inner_is_close ? t % ISK_STEP : t / tile;
    side.line_step = inner_is_close ? 256 / ISK_STEP : 0;
    side.k_step = inner_is_close ? 0 : 256 / tile;
    return side;
}

/* Elements beyond the matrix are 0.  count = tile * ISK_STEP / 256. */
ISK_INLINE void dev_fetch(isk_side side, int begin, float *fetched, const int count) {
    #pragma unroll
    for (int n = 0; n < count; n++) {
        const int line = side.line + n * side.line_step, k = begin + side.k + n * side.k_step;
        const int inside = line < side.lines && k < side.inner;
        fetched[n] = inside ? side.data[line * side.to_line + k * side.to_inner] : 0.0f;
    }
}

/* shared[k][line], rows of `pitch` elements */
ISK_INLINE void
dev_share(isk_side side, int first, const float *fetched, const int count, float *shared, const int pitch) {
    #pragma unroll
    for (int n = 0; n < count; n++) {
        shared[(side.k + n * side.k_step) * pitch + side.line - first + n * side.line_step] = fetched[n];
    }
}

/* What follows the sum of an element. */
ISK_INLINE void dev_finish(isk_call call, int model, int i, int j, float sum) {
    float value = sum;
    if (i >= call.rows || j >= call.cols) return;
    if (call.in[4].data) value *= dev_scalar(call.in[4], model);
    if (call.in[2].data) value += dev_get(call.in[2], model, 0, j);
    if (call.flags & 4u) value = dev_relu(value);
    if (call.in[3].data && !(dev_get(call.in[3], model, i, j) > 0)) value = 0;
    dev_put(dev_at(call.out, model, i, j), call.accumulate & 1u, value);
}

/* ---- fp32: 16 x 16 threads, each with a square of `each` x `each` elements ---- */

ISK_INLINE void
dev_product_fp32(isk_call call, int model, int tile, const int each, float *a, float *b, const int pitch) {
    const int wide = 16 * each, col_tiles = (call.cols + wide - 1) / wide;
    const int row = tile / col_tiles * wide, col = tile % col_tiles * wide;
    const int y = (int)threadIdx.x / 16 * each, x = (int)threadIdx.x % 16 * each;
    const int a_close = !(call.flags & 1u), b_close = (call.flags & 2u) != 0;
    const isk_side left = dev_side(call.in[0], model, row, call.rows, call.inner, a_close, wide);
    const isk_side right = dev_side(call.in[1], model, col, call.cols, call.inner, b_close, wide);
    float sums[16], next_a[4], next_b[4];
    #pragma unroll
    for (int n = 0; n < each * each; n++) sums[n] = 0;
    dev_fetch(left, 0, next_a, each);
    dev_fetch(right, 0, next_b, each);
    for (int begin = 0; begin < call.inner; begin += ISK_STEP) {
        dev_share(left, row, next_a, each, a, pitch);
        dev_share(right, col, next_b, each, b, pitch);
        __syncthreads();
        dev_fetch(left, begin + ISK_STEP, next_a, each);
        dev_fetch(right, begin + ISK_STEP, next_b, each);
        #pragma unroll
        for (int k = 0; k < ISK_STEP; k++) {
            #pragma unroll
            for (int n = 0; n < each * each; n++) {
                sums[n] += a[k * pitch + y + n / each] * b[k * pitch + x + n % each];
            }
        }
        __syncthreads();
    }
    #pragma unroll
    for (int n = 0; n < each * each; n++) {
        dev_finish(call, model, row + y + n / each, col + x + n % each, sums[n]);
    }
}

ISK_TILES(isk_gemm_fp32) {
    ISK_SHARED float a[ISK_STEP * 68], b[ISK_STEP * 68];
    dev_product_fp32(call, model, tile, 4, a, b, 68);
}

/* More tiles, so that products of few elements keep more of the device busy. */
ISK_TILES(isk_gemm_fp32_small) {
    ISK_SHARED float a[ISK_STEP * 34], b[ISK_STEP * 34];
    dev_product_fp32(call, model, tile, 2, a, b, 34);
}

/* ---- tensor cores: tiles of 64 x 64; 4 x 2 warps with 16 x 32 elements each ---- */

#ifdef ISK_HAVE_INTRINSICS

/* With `split`, an element is taken as the sum of two tf32 numbers, big and what that leaves: big big + big
   small + small big has nearly the accuracy of fp32.  The small products are added first. */
ISK_INLINE void
dev_product_tf32(isk_call call, int model, int tile, const int split, float *a, float *b, const int pitch) {
    const int col_tiles = (call.cols + 63) / 64, row = tile / col_tiles * 64, col = tile % col_tiles * 64;
    const int warp = (int)threadIdx.x / 32, g = (int)threadIdx.x % 32 / 4, q = (int)threadIdx.x % 4;
    const int y = warp / 2 * 16 + g, x = warp % 2 * 32 + g;
    const int a_close = !(call.flags & 1u), b_close = (call.flags & 2u) != 0;
    const isk_side left = dev_side(call.in[0], model, row, call.rows, call.inner, a_close, 64);
    const isk_side right = dev_side(call.in[1], model, col, call.cols, call.inner, b_close, 64);
    float sums[16], next_a[4], next_b[4];
    #pragma unroll
    for (int n = 0; n < 16; n++) sums[n] = 0;
    dev_fetch(left, 0, next_a, 4);
    dev_fetch(right, 0, next_b, 4);
    for (int begin = 0; begin < call.inner; begin += ISK_STEP) {
        dev_share(left, row, next_a, 4, a, pitch);
        dev_share(right, col, next_b, 4, b, pitch);
        __syncthreads();
        dev_fetch(left, begin + ISK_STEP, next_a, 4);
        dev_fetch(right, begin + ISK_STEP, next_b, 4);
        #pragma unroll
        for (int k = 0; k < ISK_STEP; k += 8) {
            unsigned big_a[4], small_a[4], big_b[2], small_b[2];
            #pragma unroll
            for (int n = 0; n < 4; n++) {
                const float value = a[(k + q + n / 2 * 4) * pitch + y + n % 2 * 8];
                big_a[n] = dev_tf32(value);
                small_a[n] = split ? dev_tf32(value - dev_tf32_value(big_a[n])) : 0u;
            }
            #pragma unroll
            for (int part = 0; part < 4; part++) {
                #pragma unroll
                for (int n = 0; n < 2; n++) {
                    const float value = b[(k + q + n * 4) * pitch + x + part * 8];
                    big_b[n] = dev_tf32(value);
                    small_b[n] = split ? dev_tf32(value - dev_tf32_value(big_b[n])) : 0u;
                }
                if (split) {
                    dev_mma_tf32(sums + 4 * part, small_a, big_b);
                    dev_mma_tf32(sums + 4 * part, big_a, small_b);
                }
                dev_mma_tf32(sums + 4 * part, big_a, big_b);
            }
        }
        __syncthreads();
    }
    #pragma unroll
    for (int n = 0; n < 16; n++) {
        dev_finish(call, model, row + y + n % 4 / 2 * 8, col + x - g + n / 4 * 8 + 2 * q + n % 2, sums[n]);
    }
}

#else                                       /* no tensor cores of this kind: the same tiles in fp32 */

ISK_INLINE void
dev_product_tf32(isk_call call, int model, int tile, const int split, float *a, float *b, const int pitch) {
    dev_product_fp32(call, model, tile, 4, a, b, pitch + 0 * split);
}

#endif

/* Rows of 72 elements: the 32 elements that a warp reads at once lie in different banks. */
ISK_TILES(isk_gemm_tf32x3) {
    ISK_SHARED float a[ISK_STEP * 72], b[ISK_STEP * 72];
    dev_product_tf32(call, model, tile, 1, a, b, 72);
}

ISK_TILES(isk_gemm_tf32) {
    ISK_SHARED float a[ISK_STEP * 72], b[ISK_STEP * 72];
    dev_product_tf32(call, model, tile, 0, a, b, 72);
}
