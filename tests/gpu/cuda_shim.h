/* Runs barrier-free CUDA text on the CPU: include this, then the .cu file.  A kernel is a function, a launch calls it for
   each thread of the grid, one after the other, forwards or backwards: threads of one launch must not depend on each other.
   kernels/gemm.cu and the block trainer have barriers and are not for this. */

#include <math.h>

typedef struct shim_index { unsigned x, y, z; } shim_index;
static shim_index blockIdx, blockDim, threadIdx, gridDim;

#define ISK_KERNEL static void
#define ISK_INLINE static inline
#define cospi(x) cos(3.14159265358979323846 * (x))
#define cospif(x) ((float)cospi((double)(x)))

/* A kernel need not use all that its form gives it, and only CUDA's compiler knows the pragmas. */
#ifdef __GNUC__
    #pragma GCC diagnostic ignored "-Wunused-parameter"
    #pragma GCC diagnostic ignored "-Wunknown-pragmas"
#endif

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
