/* Runs CUDA text on the CPU, thread by thread.  Tests only: the stand-in of the driver (driver.c) compiles a module as
       cc -std=gnu11 -shared -include tests/gpu/emulator/cuda.h module.c
   and a test may include this file and then a .cu file.

   One block runs at a time.  Each of its threads is a fiber: it runs until it ends or has to wait for others, at
   __syncthreads() or at something that a warp does together; then the next thread runs, and the next warp when this one can
   go no further.  In which order is the schedule: forwards, backwards or scattered, for blocks, warps and threads.  Text
   whose result depends on the schedule lacks a barrier.

   What it finds
     a missing barrier              results differ between schedules, or are NaN: shared memory is NaN before each block
     a barrier that some threads    the launch fails; the message names kernel, block, two threads and where they are
       of the block do not reach
     a shuffle that some lanes of   the same
       the warp do not reach
     accesses out of bounds         under AddressSanitizer and -fsanitize=bounds
   What it does not find: races between blocks beyond the order of whole blocks, loops that wait for another thread, anything
   about speed, and what a memory without order between threads would do.

   Needs GNU C (gcc, clang) and ELF.  On x86-64 and aarch64 a switch is a few instructions, elsewhere (or with
   -DEMULATOR_UCONTEXT) a swapcontext(). */
#ifndef EMULATOR_CUDA_H
#define EMULATOR_CUDA_H

#if !defined(__ELF__) || !defined(__GNUC__)
    #error "the emulator needs gcc or clang, and ELF"
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if !defined(EMULATOR_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
    #define EMULATOR_UCONTEXT
#endif
#ifdef EMULATOR_UCONTEXT
    #include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
    #define EMULATOR_ASAN 1
#elif defined(__has_feature)
    #if __has_feature(address_sanitizer)
        #define EMULATOR_ASAN 1
    #endif
#endif
#ifndef EMULATOR_ASAN
    #define EMULATOR_ASAN 0
#endif
#if EMULATOR_ASAN
    #include <sanitizer/asan_interface.h>
    #include <sanitizer/common_interface_defs.h>
#endif

#define EMULATOR_UNUSED __attribute__((unused))
#ifdef __clang__
    #pragma clang diagnostic ignored "-Wpass-failed"                /* of #pragma unroll */
#else
    #pragma GCC diagnostic ignored "-Wunknown-pragmas"
#endif

/* ---- types and words of CUDA that are not C ---- */

typedef struct dim3 { unsigned x, y, z; } dim3;
typedef struct float2 { float x, y; } __attribute__((aligned(8))) float2;
typedef struct float4 { float x, y, z, w; } __attribute__((aligned(16))) float4;

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static __attribute__((section("emulator_shared"), aligned(16)))

/* The words of our own prelude. */
#define ISK_KERNEL __attribute__((visibility("default"))) void
#define ISK_INLINE static inline EMULATOR_UNUSED
#define ISK_SHARED __shared__

/* ---- fibers: threads that take turns on one processor ---- */

enum {
    EMULATOR_STACK = EMULATOR_ASAN ? 512 << 10 : 128 << 10,     /* the sanitizer's frames are large */
    EMULATOR_GUARD = 64 << 10                                   /* below each stack: touching it ends the program */
};

typedef struct emulator_fiber {
    void *stack_pointer;            /* while it does not run */
    char *stack;
    void *fake_stack;               /* AddressSanitizer's */
    int begun;
    struct emulator_fiber *next;    /* of the idle ones */
#ifdef EMULATOR_UCONTEXT
    ucontext_t context;
#endif
} emulator_fiber;

typedef enum emulator_state {
    EMULATOR_READY,
    EMULATOR_AT_BARRIER,            /* waits for the block */
    EMULATOR_AT_WARP,               /* waits for its warp */
    EMULATOR_AT_MASK,               /* asked for part of a warp, which is not emulated */
    EMULATOR_ENDED
} emulator_state;

typedef struct emulator_thread {
    dim3 index;
    unsigned number;                /* in the block */
    emulator_state state;
    const int *line;                /* what it waits at: its address tells one place from another */
    const char *function;
    unsigned turn;                  /* collective operations of its warp so far */
    uint32_t slots[2][6];           /* what it shows to its warp, by turns: a fast lane may be one operation ahead */
    emulator_fiber *fiber;          /* NULL before it begins and after it ends */
} emulator_thread;

typedef void (*emulator_kernel)(void);                                      /* cast from the kernel's own type */
typedef void (*emulator_call)(emulator_kernel kernel, const void *argument);    /* casts it back */

static struct {
    dim3 grid, block, block_index;
    emulator_thread *thread;        /* the one that runs */
    emulator_thread *threads;       /* of the block */
    unsigned count, room;           /* threads of the block; allocated */
    emulator_fiber *idle;
    emulator_fiber host;            /* the caller of the launch */
    const void *host_stack;         /* for AddressSanitizer */
    size_t host_stack_bytes;
    emulator_kernel kernel;
    emulator_call call;
    const void *argument;
} emulator;

#define threadIdx (emulator.thread->index)
#define blockIdx (emulator.block_index)
#define blockDim (emulator.block)
#define gridDim (emulator.grid)
#define warpSize 32

static void emulator_begin(void);

#ifndef EMULATOR_UCONTEXT

/* Stores the registers that a callee must keep and the stack pointer, then goes on where `to` stored them. */
__attribute__((visibility("hidden"))) void emulator_switch(void **from, void *to);

#ifdef __x86_64__
__asm__(".text\n"
        ".type emulator_switch, @function\n"
        "emulator_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size emulator_switch, . - emulator_switch\n");

/* A stack from which emulator_switch returns into emulator_begin. */
static void emulator_prepare(emulator_fiber *fiber) {
    void **top = (void **)(void *)(fiber->stack + EMULATOR_STACK);
    emulator_kernel begin = emulator_begin;
    memset(top - 8, 0, 8 * sizeof *top);            /* six registers, the way in, and no way back from there */
    memcpy(top - 2, &begin, sizeof begin);
    fiber->stack_pointer = top - 8;
}
#else
__asm__(".text\n"
        ".type emulator_switch, %function\n"
        "emulator_switch:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size emulator_switch, . - emulator_switch\n");

static void emulator_prepare(emulator_fiber *fiber) {
    void **top = (void **)(void *)(fiber->stack + EMULATOR_STACK);
    emulator_kernel begin = emulator_begin;
    memset(top - 20, 0, 20 * sizeof *top);
    memcpy(top - 9, &begin, sizeof begin);          /* x30, the way in */
    fiber->stack_pointer = top - 20;
}
#endif

static void emulator_jump(emulator_fiber *from, emulator_fiber *to) { emulator_switch(&from->stack_pointer, to->stack_pointer); }

#else

static void emulator_prepare(emulator_fiber *fiber) {
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = EMULATOR_STACK;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, emulator_begin, 0);
}

static void emulator_jump(emulator_fiber *from, emulator_fiber *to) { swapcontext(&from->context, &to->context); }

#endif

/* The host lets a fiber run until it waits or its thread ends. */
static void emulator_enter(emulator_fiber *fiber) {
#if EMULATOR_ASAN
    __sanitizer_start_switch_fiber(&emulator.host.fake_stack, fiber->stack, EMULATOR_STACK);
#endif
    emulator_jump(&emulator.host, fiber);
#if EMULATOR_ASAN
    __sanitizer_finish_switch_fiber(emulator.host.fake_stack, NULL, NULL);
#endif
}

/* A fiber gives way to the host, and returns from here when it is its turn again. */
static void emulator_leave(void) {
    emulator_fiber *fiber = emulator.thread->fiber;
#if EMULATOR_ASAN
    __sanitizer_start_switch_fiber(&fiber->fake_stack, emulator.host_stack, emulator.host_stack_bytes);
#endif
    emulator_jump(fiber, &emulator.host);
#if EMULATOR_ASAN
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &emulator.host_stack, &emulator.host_stack_bytes);
#endif
}

/* What a fiber does: thread after thread. */
static void emulator_begin(void) {
#if EMULATOR_ASAN
    __sanitizer_finish_switch_fiber(NULL, &emulator.host_stack, &emulator.host_stack_bytes);
#endif
    for (;;) {
        emulator.call(emulator.kernel, emulator.argument);
        emulator.thread->state = EMULATOR_ENDED;
        emulator_leave();
    }
}

static emulator_fiber *emulator_take_fiber(void) {
    emulator_fiber *fiber = emulator.idle;
    if (fiber) {
        emulator.idle = fiber->next;
    } else {
        void *memory = NULL;
        fiber = calloc(1, sizeof *fiber);
        if (!fiber || posix_memalign(&memory, EMULATOR_GUARD, EMULATOR_GUARD + EMULATOR_STACK) != 0
            || mprotect(memory, EMULATOR_GUARD, PROT_NONE) != 0) {
            fputs("emulator: no memory for stacks\n", stderr);
            abort();
        }
        fiber->stack = (char *)memory + EMULATOR_GUARD;
    }
    if (!fiber->begun) { emulator_prepare(fiber); }
    fiber->begun = 1;
    return fiber;
}

static void emulator_return_fiber(emulator_fiber *fiber) {
    fiber->next = emulator.idle;
    emulator.idle = fiber;
}

/* A thread that never ended leaves its stack as it was: the next thread starts at the top again. */
static void emulator_abandon(emulator_thread *thread) {
    if (!thread->fiber) { return; }
#if EMULATOR_ASAN
    __asan_unpoison_memory_region(thread->fiber->stack, EMULATOR_STACK);
#endif
    thread->fiber->begun = 0;
    emulator_return_fiber(thread->fiber);
    thread->fiber = NULL;
}

/* When the module is unloaded. */
__attribute__((destructor)) static void emulator_release(void) {
    while (emulator.idle) {
        emulator_fiber *fiber = emulator.idle;
        emulator.idle = fiber->next;
#if EMULATOR_ASAN
        __asan_unpoison_memory_region(fiber->stack, EMULATOR_STACK);
#endif
        mprotect(fiber->stack - EMULATOR_GUARD, EMULATOR_GUARD, PROT_READ | PROT_WRITE);
        free(fiber->stack - EMULATOR_GUARD);
        free(fiber);
    }
    free(emulator.threads);
    emulator.threads = NULL;
    emulator.room = 0;
}

/* ---- waiting for each other ---- */

static EMULATOR_UNUSED void emulator_wait(emulator_state state, const int *line, const char *function) {
    emulator.thread->state = state;
    emulator.thread->line = line;
    emulator.thread->function = function;
    emulator_leave();
}

/* The place is a variable of its own for each barrier of the text. */
#define __syncthreads()                                                 \
    do {                                                                \
        static const int emulator_line = __LINE__;                      \
        emulator_wait(EMULATOR_AT_BARRIER, &emulator_line, __func__);   \
    } while (0)

#define __syncwarp(...)                                                 \
    do {                                                                \
        static const int emulator_line = __LINE__;                      \
        emulator_wait(EMULATOR_AT_WARP, &emulator_line, __func__);      \
    } while (0)

static inline EMULATOR_UNUSED unsigned emulator_lane(void) { return emulator.thread->number % 32; }

/* Shows `count` words to the warp; returns which of the two slots they are in once all lanes have shown theirs. */
static EMULATOR_UNUSED unsigned emulator_show(unsigned mask, const uint32_t *words, int count, const int *line, const char *function) {
    emulator_thread *me = emulator.thread;
    const unsigned turn = me->turn++ % 2;
    memcpy(me->slots[turn], words, (size_t)count * sizeof *words);
    emulator_wait(mask == 0xFFFFFFFFu ? EMULATOR_AT_WARP : EMULATOR_AT_MASK, line, function);
    return turn;
}

/* Of a lane of the same warp, after emulator_show. */
static inline EMULATOR_UNUSED const uint32_t *emulator_shown(unsigned lane, unsigned turn) {
    const unsigned number = emulator.thread->number / 32 * 32 + lane;
    return emulator.threads[number < emulator.count ? number : emulator.thread->number].slots[turn];
}

/* From a lane outside the warp comes one's own. */
static EMULATOR_UNUSED uint32_t emulator_shuffle(unsigned mask, uint32_t word, unsigned lane, const int *line, const char *function) {
    const unsigned turn = emulator_show(mask, &word, 1, line, function);
    return emulator_shown(lane < 32 ? lane : emulator_lane(), turn)[0];
}

static inline EMULATOR_UNUSED uint32_t emulator_word(float value) { uint32_t word; memcpy(&word, &value, 4); return word; }
static inline EMULATOR_UNUSED float emulator_float(uint32_t word) { float value; memcpy(&value, &word, 4); return value; }

/* For values of four bytes, of whatever type. */
#define EMULATOR_SHUFFLE(mask, value, lane)                                                                 \
    __extension__({                                                                                         \
        static const int emulator_line = __LINE__;                                                          \
        __typeof__((value) + 0) emulator_value = (value);                                                   \
        uint32_t emulator_bits;                                                                             \
        memcpy(&emulator_bits, &emulator_value, 4);                                                         \
        emulator_bits = emulator_shuffle(mask, emulator_bits, lane, &emulator_line, __func__);              \
        memcpy(&emulator_value, &emulator_bits, 4);                                                         \
        emulator_value;                                                                                     \
    })
#define __shfl_sync(mask, value, lane) EMULATOR_SHUFFLE(mask, value, (unsigned)(lane) % 32)
#define __shfl_xor_sync(mask, value, lanes) EMULATOR_SHUFFLE(mask, value, emulator_lane() ^ (unsigned)(lanes))
#define __shfl_down_sync(mask, value, lanes) EMULATOR_SHUFFLE(mask, value, emulator_lane() + (unsigned)(lanes))
#define __shfl_up_sync(mask, value, lanes) EMULATOR_SHUFFLE(mask, value, emulator_lane() - (unsigned)(lanes))

/* ---- instead of codegen/templates/intrinsics.cu ---- */

#define ISK_HAVE_INTRINSICS

/* cvt.rna.tf32: to 10 bits of fraction, halves away from zero.  What is not finite stays what it is: NaN must not get lost. */
static inline EMULATOR_UNUSED unsigned dev_tf32(float x) {
    const uint32_t word = emulator_word(x);
    return (word & 0x7F800000u) == 0x7F800000u ? word : (word + 0x1000u) & ~0x1FFFu;
}

static inline EMULATOR_UNUSED float dev_tf32_value(unsigned bits) { return emulator_float(bits); }

/* A multiplier reads no more than these bits, whatever it is given. */
static inline EMULATOR_UNUSED double emulator_factor(uint32_t word) { return (double)emulator_float(word & ~0x1FFFu); }

/* mma.sync.m16n8k8: c += a b for a 16 x 8 and an 8 x 8 matrix that lie in the registers of the whole warp. */
static EMULATOR_UNUSED void emulator_mma_tf32(float *c, const unsigned *a, const unsigned *b, const int *line, const char *function) {
    const unsigned group = emulator_lane() / 4, quarter = emulator_lane() % 4;
    uint32_t words[6];
    unsigned turn, n, k;
    memcpy(words, a, 4 * sizeof *words);
    memcpy(words + 4, b, 2 * sizeof *words);
    turn = emulator_show(0xFFFFFFFFu, words, 6, line, function);
    for (n = 0; n < 4; n++) {
        const unsigned row = group + n / 2 * 8, col = 2 * quarter + n % 2;
        double sum = (double)c[n];
        for (k = 0; k < 8; k++) {
            const uint32_t of_a = emulator_shown(row % 8 * 4 + k % 4, turn)[row / 8 + k / 4 * 2];
            const uint32_t of_b = emulator_shown(col * 4 + k % 4, turn)[4 + k / 4];
            sum += emulator_factor(of_a) * emulator_factor(of_b);
        }
        c[n] = (float)sum;
    }
}

#define dev_mma_tf32(c, a, b)                                           \
    do {                                                                \
        static const int emulator_line = __LINE__;                      \
        emulator_mma_tf32(c, a, b, &emulator_line, __func__);           \
    } while (0)

/* ---- a launch ---- */

extern char __start_emulator_shared[] __attribute__((weak, visibility("hidden")));      /* made by the linker */
extern char __stop_emulator_shared[] __attribute__((weak, visibility("hidden")));

/* The k-th of `count` in a schedule; 7919 is a prime. */
static unsigned emulator_nth(unsigned k, unsigned count, int schedule) {
    if (schedule == 0) { return k; }
    if (schedule == 1) { return count - 1 - k; }
    return (unsigned)(((uint64_t)k * (count % 7919 ? 7919 : 1) + 13) % count);
}

/* Lets threads first .. first + count - 1 go on if all of them wait in this way at one place. */
static int emulator_meet(unsigned first, unsigned count, emulator_state state) {
    const emulator_thread *threads = emulator.threads + first;
    unsigned k;
    for (k = 0; k < count; k++) {
        if (threads[k].state != state || threads[k].line != threads[0].line) { return 0; }
    }
    for (k = 0; k < count; k++) { emulator.threads[first + k].state = EMULATOR_READY; }
    return 1;
}

static void emulator_describe(const emulator_thread *thread, char *text, size_t size) {
    static const char *const what[] = { "is ready", "waits at __syncthreads()", "waits for its warp",
                                        "shuffles among part of a warp (not emulated)", "has ended" };
    int length = snprintf(text, size, "thread %u %s", thread->number, what[thread->state]);
    if (thread->state == EMULATOR_ENDED || length < 0 || (size_t)length >= size) { return; }
    snprintf(text + length, size - (size_t)length, " of line %d in %s", *thread->line, thread->function);
}

/* Who waits, and who does not come: the first thread that waits, and the first of those it waits for that does not wait
   at the same place. */
static void emulator_complain(const char *name, char *message, size_t size) {
    const emulator_thread *one = emulator.threads, *other = NULL;
    char first[200], second[200];
    unsigned k, warp;
    while (one->state == EMULATOR_ENDED) { one++; }
    for (k = 0; k < emulator.count && one->state == EMULATOR_AT_BARRIER; k++) {     /* rather one that waits for less */
        if (emulator.threads[k].state == EMULATOR_AT_WARP || emulator.threads[k].state == EMULATOR_AT_MASK) { one = &emulator.threads[k]; }
    }
    warp = one->number / 32;
    for (k = 0; k < emulator.count && !other; k++) {
        const emulator_thread *thread = &emulator.threads[k];
        if (one->state == EMULATOR_AT_WARP && thread->number / 32 != warp) { continue; }
        if (thread->state != one->state || thread->line != one->line) { other = thread; }
    }
    emulator_describe(one, first, sizeof first);
    if (other) { emulator_describe(other, second, sizeof second); }
    snprintf(message, size, "kernel %s, block (%u, %u, %u): %s%s%s", name, emulator.block_index.x, emulator.block_index.y,
             emulator.block_index.z, first, other ? ", " : "", other ? second : "");
}

static void emulator_run_thread(emulator_thread *thread) {
    if (!thread->fiber) { thread->fiber = emulator_take_fiber(); }
    emulator.thread = thread;
    emulator_enter(thread->fiber);
    if (thread->state == EMULATOR_ENDED) {
        emulator_return_fiber(thread->fiber);
        thread->fiber = NULL;
    }
}

/* As far as a warp comes without the others, while they stand still: so the other warps are as late as they can be. */
static void emulator_run_warp(unsigned warp, int schedule) {
    const unsigned first = 32 * warp, lanes = emulator.count - first < 32 ? emulator.count - first : 32;
    unsigned k;
    do {
        for (k = 0; k < lanes; k++) {
            emulator_thread *thread = &emulator.threads[first + emulator_nth(k, lanes, schedule)];
            if (thread->state == EMULATOR_READY) { emulator_run_thread(thread); }
        }
    } while (emulator_meet(first, lanes, EMULATOR_AT_WARP));
}

static void emulator_prepare_block(void) {
    unsigned k;
    if (__start_emulator_shared) {
        memset(__start_emulator_shared, 0xFF, (size_t)(__stop_emulator_shared - __start_emulator_shared));      /* NaN */
    }
    for (k = 0; k < emulator.count; k++) {
        emulator_thread *thread = &emulator.threads[k];
        memset(thread, 0, sizeof *thread);
        thread->number = k;
        thread->index.x = k % emulator.block.x;
        thread->index.y = k / emulator.block.x % emulator.block.y;
        thread->index.z = k / emulator.block.x / emulator.block.y;
    }
}

static int emulator_run_block(const char *name, int schedule, char *message, size_t size) {
    const unsigned warps = (emulator.count + 31) / 32;
    unsigned k;
    emulator_prepare_block();
    do {
        for (k = 0; k < warps; k++) { emulator_run_warp(emulator_nth(k, warps, schedule), schedule); }
    } while (emulator_meet(0, emulator.count, EMULATOR_AT_BARRIER));
    for (k = 0; k < emulator.count && emulator.threads[k].state == EMULATOR_ENDED; k++) {}
    if (k == emulator.count) { return 0; }
    emulator_complain(name, message, size);
    for (k = 0; k < emulator.count; k++) { emulator_abandon(&emulator.threads[k]); }
    return 1;
}

/* Runs a kernel; sizes are the grid's x, y, z and the block's.  0, or 1 and a message. */
static EMULATOR_UNUSED int emulator_run(emulator_kernel kernel, emulator_call call, const char *name, const unsigned sizes[6],
                                        const void *argument, int schedule, char *message, size_t size) {
    const unsigned blocks = sizes[0] * sizes[1] * sizes[2], threads = sizes[3] * sizes[4] * sizes[5];
    unsigned k;
    emulator.grid = (dim3){ sizes[0], sizes[1], sizes[2] };
    emulator.block = (dim3){ sizes[3], sizes[4], sizes[5] };
    emulator.count = threads;
    emulator.kernel = kernel;
    emulator.call = call;
    emulator.argument = argument;
    if (threads > emulator.room) {
        free(emulator.threads);
        emulator.room = threads;
        emulator.threads = malloc(threads * sizeof *emulator.threads);
        if (!emulator.threads) {
            emulator.room = 0;
            snprintf(message, size, "kernel %s: no memory for %u threads", name, threads);
            return 1;
        }
    }
    for (k = 0; k < blocks; k++) {
        const unsigned block = emulator_nth(k, blocks, schedule);
        emulator.block_index = (dim3){ block % sizes[0], block / sizes[0] % sizes[1], block / sizes[0] / sizes[1] };
        if (emulator_run_block(name, schedule, message, size) != 0) { return 1; }
    }
    return 0;
}

/* The last line of a module: what the driver calls.  Its kernels take one argument, of this type, by value. */
#define EMULATOR_MODULE(type)                                                                                          \
    static void emulator_call_kernel(emulator_kernel kernel, const void *argument) {                                   \
        ((void (*)(type))kernel)(*(const type *)argument);                                                             \
    }                                                                                                                  \
    __attribute__((visibility("default"))) const size_t emulator_argument_bytes = sizeof(type);                        \
    __attribute__((visibility("default"))) int emulator_launch(emulator_kernel kernel, const char *name,               \
            const unsigned sizes[6], const void *argument, int schedule, char *message, size_t size);                  \
    int emulator_launch(emulator_kernel kernel, const char *name, const unsigned sizes[6], const void *argument,       \
                        int schedule, char *message, size_t size) {                                                    \
        return emulator_run(kernel, emulator_call_kernel, name, sizes, argument, schedule, message, size);             \
    }

/* ---- functions that CUDA has and C has not ---- */

#define __ldg(pointer) (*(pointer))
#define __umulhi(a, b) ((unsigned)((uint64_t)(unsigned)(a) * (unsigned)(b) >> 32))
#define __umul64hi(a, b) ((unsigned long long)((unsigned __int128)(unsigned long long)(a) * (unsigned long long)(b) >> 64))
#define __float_as_uint(value) emulator_word(value)
#define __uint_as_float(word) emulator_float(word)
#define __float_as_int(value) ((int)emulator_word(value))
#define __int_as_float(word) emulator_float((uint32_t)(word))
#define __popc(word) __builtin_popcount(word)
#define __clz(word) ((word) ? __builtin_clz((unsigned)(word)) : 32)
#define __fmaf_rn(a, b, c) fmaf(a, b, c)
#define rsqrtf(x) (1.0f / sqrtf(x))
#define cospi(x) cos(3.14159265358979323846 * (x))
#define cospif(x) ((float)cospi((double)(x)))
#define make_float2(x, y) ((float2){ x, y })
#define make_float4(x, y, z, w) ((float4){ x, y, z, w })

#endif
