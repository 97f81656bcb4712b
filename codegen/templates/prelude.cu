/* Shared by all modules of kernels. It includes nothing: NVRTC's builtins suffice.  All text is C99 as
   well as CUDA, so that tests can run it on a CPU. */
#ifndef ISK_PRELUDE
#define ISK_PRELUDE

#ifdef __CUDACC_RTC__
    #pragma nv_diag_suppress 177    /* functions that one module or another does not use */
#endif
#ifndef ISK_KERNEL
    #define ISK_KERNEL extern "C" __global__ void __launch_bounds__(256)
    #define ISK_LARGE_KERNEL extern "C" __global__ void __launch_bounds__(256, 1)
#endif
#ifndef ISK_INLINE
    #define ISK_INLINE static __device__ __forceinline__
#endif
#ifndef ISK_SHARED
    #define ISK_SHARED __shared__ __align__(16)
#endif
#define ISK_LOWEST -3.0e38f

/* ---- what a kernel is told, field by field the isk__kernel_... of the host ---- */

typedef struct isk_operand {
    float *data;                    /* NULL: weights that are all 1, a gradient that nobody wants */
    long long model;                /* elements from one model to the next; 0 where all models share it */
    int stride, unused;             /* elements from one row to the next */
} isk_operand;

typedef struct isk_control {        /* one per model: what changes from step to step */
    unsigned long long seed, key;   /* of the model; of the order of this pass over the rows */
    unsigned long long step;        /* updates that the program now running made before */
    unsigned long long steps[4];    /* the same, per pass of the stage */
    double rate, rates[4];          /* now; before the schedule, by kind of rate */
    double epoch, epochs;           /* where the schedule is: epochs done, epochs in all */
    double sums[4][9], present[4];  /* per pass: outputs times present rows, present rows */
    const int *rows;                /* eligible rows, or NULL: 0 .. count-1 */
    int count, batch_rows, batches; /* eligible rows; rows of a batch; batches of an epoch */
    int batch, first;               /* number of the batch; its first position, batch * batch_rows */
    int shuffled, cosine, live;     /* live: 0 = kernels leave this model alone */
} isk_control;

typedef struct isk_call {           /* the one argument of every kernel */
    isk_operand in[6], grad_in[6], out, grad, work, save;
    isk_control *control;           /* [models] */
    const struct isk_call *calls;   /* of the block trainer: the launches of one round */
    const int *kernels;             /* of the block trainer: which case each of them is */
    int rows, cols, inner, tiles;   /* extent of the grid; length of a product's sums; tiles of a product */
    unsigned accumulate;            /* bit i: add to grad_in[i], else overwrite; without it: bit 0, to out */
    unsigned flags;
    int node, count, rounds, unused;
    float attributes[4];
} isk_call;

/* ---- the forms of a kernel ----

   ISK_FORM(name) { body } makes a function name_at, which the block trainer calls, and a kernel around it.
   Blocks have 256 threads; blockIdx.y is the model; a model that rests is left alone.

       ISK_ELEMENTS   e   a thread for each of rows * cols elements    call, model, i, j are in scope
       ISK_ROWS       r   a thread for each of `rows` rows             call, model, i
       ISK_COLUMNS    c   a thread for each of `cols` columns          call, model, j
       ISK_MODELS     s   one thread                                   call, model
       ISK_TILES      t   a block for each of `tiles` tiles            call, model, tile; all threads enter:
                                                                       barriers, shared memory are allowed

   With ISK_ONLY_BLOCK no kernels are made: their functions are cases of the block trainer. */
#ifdef ISK_ONLY_BLOCK
    #define ISK_ELEMENT_KERNEL(name)
    #define ISK_ROW_KERNEL(name)
    #define ISK_COLUMN_KERNEL(name)
    #define ISK_MODEL_KERNEL(name)
    #define ISK_TILE_KERNEL(name)
#else
    #define ISK_THREAD \
        const int model = (int)blockIdx.y; \
        const unsigned index = blockIdx.x * blockDim.x + threadIdx.x
    #define ISK_LIVE call.control[model].live
    #define ISK_ELEMENT_KERNEL(name) \
        ISK_KERNEL name(const isk_call call) { \
            ISK_THREAD; \
            const int i = (int)(index / (unsigned)call.cols), j = (int)(index % (unsigned)call.cols); \
            if (i < call.rows && ISK_LIVE) name##_at(call, model, i, j); \
        }
    #define ISK_ROW_KERNEL(name) \
        ISK_KERNEL name(const isk_call call) { \
            ISK_THREAD; \
            if (index < (unsigned)call.rows && ISK_LIVE) name##_at(call, model, (int)index); \
        }
    #define ISK_COLUMN_KERNEL(name) \
        ISK_KERNEL name(const isk_call call) { \
            ISK_THREAD; \
            if (index < (unsigned)call.cols && ISK_LIVE) name##_at(call, model, (int)index); \
        }
    #define ISK_MODEL_KERNEL(name) \
        ISK_KERNEL name(const isk_call call) { \
            ISK_THREAD; \
            if (index == 0 && ISK_LIVE) name##_at(call, model); \
        }
    #define ISK_TILE_KERNEL(name) \
        ISK_KERNEL name(const isk_call call) { \
            const int model = (int)blockIdx.y, tile = (int)blockIdx.x; \
            if (tile < call.tiles && ISK_LIVE) name##_at(call, model, tile); \
        }
#endif

#define ISK_ELEMENTS(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int i, const int j); \
    ISK_ELEMENT_KERNEL(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int i, const int j)
#define ISK_ROWS(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int i); \
    ISK_ROW_KERNEL(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int i)
#define ISK_COLUMNS(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int j); \
    ISK_COLUMN_KERNEL(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int j)
#define ISK_MODELS(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model); \
    ISK_MODEL_KERNEL(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model)
#define ISK_TILES(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int tile); \
    ISK_TILE_KERNEL(name) \
    ISK_INLINE void name##_at(const isk_call call, const int model, const int tile)

/* ---- what kernels call ---- */

ISK_INLINE float *dev_at(isk_operand o, int model, int i, int j) {
    return o.data + model * o.model + (long long)i * o.stride + j;
}
ISK_INLINE float dev_get(isk_operand o, int model, int i, int j) { return *dev_at(o, model, i, j); }
ISK_INLINE float dev_scalar(isk_operand o, int model) { return *dev_at(o, model, 0, 0); }
ISK_INLINE float dev_weight(isk_operand o, int model, int i) {
    return o.data ? dev_get(o, model, i, 0) : 1.0f;
}
/* Row numbers of a batch are 32-bit integers in the memory of scalars; -1 is absent. */
ISK_INLINE int *dev_row_number(isk_operand o, int model, int i) { return (int *)dev_at(o, model, i, 0); }
ISK_INLINE void dev_put(float *to, unsigned add, float value) { *to = (add ? *to : 0.0f) + value; }
ISK_INLINE float dev_maximum(float a, float b) { return a < b ? b : a; }
ISK_INLINE float dev_minimum(float a, float b) { return b < a ? b : a; }
ISK_INLINE float dev_relu(float x) { return x < 0 ? 0.0f : x; }
ISK_INLINE float dev_sign(float x) { return (float)((0 < x) - (x < 0)); }
ISK_INLINE float dev_sqrt(float x) { return x <= 0 ? 0.0f : sqrtf(x); }
ISK_INLINE float dev_rsqrt(float x) { return 1.0f / sqrtf(x); }
ISK_INLINE float dev_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
ISK_INLINE float dev_softplus(float x) { return dev_relu(x) + log1pf(expf(-fabsf(x))); }

/* As isk__digamma and so on; what counts need, in double where they are large. */
ISK_INLINE float dev_digamma(float x) {
    float sum = 0, z;
    for (; x < 12; x += 1) sum += 1 / x;
    z = 1 / (x * x);
    return logf(x) - 0.5f / x - z * (0.0833333333f - z * (0.00833333333f - z * 0.00396825397f)) - sum;
}
ISK_INLINE float dev_trigamma(float x) {
    float sum = 0, z;
    for (; x < 12; x += 1) sum += 1 / (x * x);
    z = 1 / (x * x);
    return sum + 1 / x + z / 2 + z / x * (0.166666667f - z * (0.0333333333f - z * 0.0238095238f));
}
ISK_INLINE double dev_stirling_rest(double x) {
    const double z = 1 / (x * x);
    return (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z / 1680))) / x;
}
ISK_INLINE double dev_digamma_rest(double x) {
    const double z = 1 / (x * x);
    return -0.5 / x - z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z / 240)));
}
ISK_INLINE float dev_rising(float x, float theta) {
    double y = theta, count = x, product = 1;
    if (x <= 64) {
        float sum = 0;
        for (float k = 1; k < x - 0.5f; k += 1) sum += log1pf(k / theta);
        return sum;
    }
    for (; y < 12; y += 1, count -= 1) product *= y / theta;
    return (float)(log(product) + count * log(y / theta) + (y + count - 0.5) * log1p(count / y) - count +
                   dev_stirling_rest(y + count) - dev_stirling_rest(y));
}
ISK_INLINE float dev_rising_slope(float x, float theta) {
    double y = theta, count = x, sum = 0;
    if (x <= 64) {
        float few = 0;
        for (float k = 1; k < x - 0.5f; k += 1) few += k / (theta + k);
        return few;
    }
    for (; y < 12; y += 1, count -= 1) sum += 1 - theta / y;
    sum += count - theta * log1p(count / y);
    return (float)(sum - theta * (dev_digamma_rest(y + count) - dev_digamma_rest(y)));
}

/* ---- random numbers: bit for bit those of isk__mix64, isk__philox, isk__random_word and isk__permute ---- */

ISK_INLINE unsigned long long dev_mix64(unsigned long long x) {
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

/* Word number `position` of the stream (key, stream): Philox4x32-10 makes four from a counter. */
ISK_INLINE unsigned
dev_philox(unsigned long long key, unsigned long long stream, unsigned long long position) {
    unsigned c0 = (unsigned)(position >> 2), c1 = (unsigned)(position >> 34);
    unsigned c2 = (unsigned)stream, c3 = (unsigned)(stream >> 32);
    unsigned k0 = (unsigned)key, k1 = (unsigned)(key >> 32);
    const int word = (int)(position & 3);
    for (int round = 0; round < 10; round++) {
        const unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
        c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0;
        c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1;
        c1 = (unsigned)p1;
        c3 = (unsigned)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}

/* Standard normal number `position` of the stream, from two of its words, as isk__random_normal: to 4 ulp. */
ISK_INLINE float
dev_normal(unsigned long long key, unsigned long long stream, unsigned long long position) {
    const float u = (float)(16777216u - (dev_philox(key, stream, 2 * position) >> 8)) / 16777216.0f;
    const float v = (float)(dev_philox(key, stream, 2 * position + 1) >> 8) / 16777216.0f;
    return sqrtf(-2.0f * logf(u)) * cospif(2.0f * v);
}

/* The key of a node of the graph: its numbers are its own. */
ISK_INLINE unsigned long long dev_node_key(isk_call call, int model) {
    return dev_mix64(call.control[model].seed ^ dev_mix64((unsigned long long)call.node + 1));
}

ISK_INLINE unsigned dev_mix32(unsigned x, unsigned key) {
    x ^= key;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    return x ^ (x >> 16);
}

/* The image of i under a permutation of 0 .. n-1: a Feistel network of six rounds, until it falls inside. */
ISK_INLINE unsigned dev_permute(unsigned i, unsigned n, unsigned long long key) {
    int half = 1;
    while ((1ull << (2 * half)) < n) half++;
    const unsigned mask = (1u << half) - 1;
    do {
        unsigned left = i >> half, right = i & mask;
        for (unsigned round = 0; round < 6; round++) {
            const unsigned key_half = (unsigned)(round & 1 ? key >> 32 : key);
            const unsigned next = left ^ (dev_mix32(right + round * 0x9E3779B9u, key_half) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

#endif
