/* Runs barrier-free CUDA text on the CPU: include this, then the .cu file.  A kernel is a function, a launch calls it for
   each thread of the grid, one after the other, forwards or backwards: threads of one launch must not depend on each other. */

#include <math.h>

typedef struct shim_index { unsigned x, y, z; } shim_index;
static shim_index blockIdx, blockDim, threadIdx, gridDim;

#define ISK_KERNEL static void
#define ISK_INLINE static inline

#define SHIM_LAUNCH(kernel, argument, blocks, models, threads, backwards)                                       \
    do {                                                                                                        \
        unsigned shim_k, shim_count = (unsigned)(blocks) * (unsigned)(models) * (unsigned)(threads), shim_at;   \
        gridDim.x = (unsigned)(blocks);                                                                         \
        gridDim.y = (unsigned)(models);                                                                         \
        blockDim.x = (unsigned)(threads);                                                                       \
        for (shim_k = 0; shim_k < shim_count; shim_k++) {                                                       \
            shim_at = (backwards) ? shim_count - 1 - shim_k : shim_k;                                           \
            threadIdx.x = shim_at % blockDim.x;                                                                 \
            blockIdx.x = shim_at / blockDim.x % gridDim.x;                                                      \
            blockIdx.y = shim_at / blockDim.x / gridDim.x;                                                      \
            (kernel)(argument);                                                                                 \
        }                                                                                                       \
    } while (0)
