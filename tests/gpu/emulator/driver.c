/* A stand-in for libcuda and libnvrtc in one shared library, for tests on machines without a GPU: the whole path from the
   kernel text to numbers runs, only that kernels are compiled by the C compiler and run by the emulator in cuda.h.

   It is stricter than a real driver where that finds mistakes: memory starts as NaN; kernels that store beyond an allocation
   or into a freed one are found (by AddressSanitizer at the store, otherwise after the launch); copies outside allocations,
   calls from a thread without a current context, and calls that are not allowed while a stream is captured fail; so does a
   launch with a divergent barrier.  Each launch takes another schedule of threads.  A failed launch is reported as a device
   does it: by all calls that follow, with CUDA_ERROR_LAUNCH_FAILED, until the primary context has been released.
   The words of what was wrong go to stderr and to standin_message().

   A kernel takes one argument by value, of the type isk_call, which the text defines.  What nvrtcGetCUBIN gives is a shared
   object behind a short head with a hash; one of another emulator or of other flags is refused when it is loaded, as a
   driver refuses code for another architecture: a cache compiles it again.

   Environment
     STANDIN_CC, STANDIN_CFLAGS   the compiler and its flags; by default those this library was built with (and -O1)
     STANDIN_EMULATOR             path of cuda.h; by default tests/gpu/emulator/cuda.h
     STANDIN_SCHEDULE=0|1|2       threads forwards, backwards, scattered; by default in turns
     STANDIN_QUIET=1              nothing on stderr
     STANDIN_ARCH=90              compute capability of the device, 10 * major + minor
     STANDIN_PROCESSORS=132       its multiprocessors
   Faults.  They are read when they matter, so a test may set them at any time; n counts from standin_reset(), or from
   cuInit() where no context is in use, and the first is 1.
     STANDIN_DEVICES=0            number of devices
     STANDIN_DRIVER=13000         what cuDriverGetVersion gives
     STANDIN_INIT=999             what cuInit returns
     STANDIN_MEMORY=BYTES         the device's memory; 8 GiB by default
     STANDIN_FAIL_ALLOC=n         the n-th allocation, and no other, fails with CUDA_ERROR_OUT_OF_MEMORY
     STANDIN_FAIL_LAUNCH=n        the n-th kernel that runs (in a graph or not) fails: the device is lost
     STANDIN_FAIL_COPY=n          the n-th copy to the host and all that follow fail with CUDA_ERROR_LAUNCH_FAILED
     STANDIN_FAIL_LOAD=n          the n-th cuModuleLoadData fails with CUDA_ERROR_INVALID_IMAGE
     STANDIN_FAIL_COMPILE=1       programs do not compile; another text: only programs with this text in their name
     STANDIN_NVRTC=13             major version of NVRTC (it knows sm_100 and sm_120 from 13 on)
   A symbol goes missing by building the library with -DcuGraphLaunch=hidden_cuGraphLaunch, or in a copy of the library in
   which the bytes of that name were changed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "standin.h"

#if defined(__SANITIZE_ADDRESS__)
    #define WITH_ASAN 1
#elif defined(__has_feature)
    #if __has_feature(address_sanitizer)
        #define WITH_ASAN 1
    #endif
#endif
#ifndef WITH_ASAN
    #define WITH_ASAN 0
#endif
#if WITH_ASAN
    #include <sanitizer/asan_interface.h>
    #ifdef __clang__                                /* at -O1 it takes half a minute for some of the unrolled loops */
        #define OPTIMIZE "-O0"
    #else
        #define OPTIMIZE "-O1"
    #endif
    #define DEFAULT_FLAGS OPTIMIZE " -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
#else
    #define DEFAULT_FLAGS "-O1"
#endif
#ifndef STANDIN_CC
    #define STANDIN_CC "cc"
#endif

#define EXPORT __attribute__((visibility("default")))

enum {                                              /* CUresult */
    SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101,
    INVALID_IMAGE = 200, INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, LAUNCH_FAILED = 719,
    CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_IMPLICIT = 906
};
enum { NVRTC_SUCCESS = 0, NVRTC_INVALID_PROGRAM = 4, NVRTC_INVALID_OPTION = 5, NVRTC_COMPILATION = 6 };

typedef uint64_t device_pointer;
typedef void (*kernel_function)(void);
typedef int launch_function(kernel_function kernel, const char *name, const unsigned sizes[6], const void *argument,
                            int schedule, char *message, size_t size);

typedef struct allocation {
    char *memory;                                   /* between two guards */
    size_t bytes;
    struct allocation *next;
} allocation;

typedef struct module module;
typedef struct function {
    char *name;
    kernel_function kernel;
    module *module;
    struct function *next;
} function;

struct module {
    void *library;
    char path[200];
    launch_function *launch;
    size_t argument_bytes;
    function *functions;
};

typedef struct work {                               /* what a stream is told to do */
    enum { LAUNCH, COPY_TO_DEVICE, COPY_TO_HOST, COPY_ON_DEVICE, FILL } kind;
    function *function;
    unsigned sizes[6];
    void *argument;                                 /* a copy of its own, when recorded */
    device_pointer to, from;
    size_t count;                                   /* bytes, or words to fill */
    unsigned word;
    struct work *next;
} work;

typedef struct graph {
    work *first, *last;
} graph;

typedef struct stream {
    graph *capture;                                 /* NULL unless captured */
    int mode;                                       /* of the capture: 0 global, 1 this thread, 2 relaxed */
    int broken;                                     /* the capture met a call that is not allowed in it */
} stream;

typedef struct event { double seconds; int recorded; } event;

typedef struct program {
    char *source, *name, *log;
    char *code;                                     /* head and shared object */
    size_t code_bytes;
    int real;                                       /* for sm_ rather than compute_ */
} program;

static struct {
    int initialised, lost;                          /* lost: the error that all calls return */
    int contexts;                                   /* times the primary context was retained */
    long long allocations, launches, loads;         /* for the n-th fault */
    int schedule;
    int global_captures;                            /* under way, in the mode that forbids things to all threads */
    allocation *live;
    allocation freed[32];                           /* kept for a while, to see whether somebody stores into them */
    int next_freed;
    struct { char *name; long long count; } *kernels;
    int kernel_count;
    standin_counts counts;
    char message[1024];
} standin;

static __thread void *current_context;
static __thread stream *capturing;                  /* a stream that this thread captures */
static stream default_stream;
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static int lock(void) { return pthread_mutex_lock(&mutex); }
static void unlock(const int *held) {
    (void)held;
    pthread_mutex_unlock(&mutex);
}
#define LOCKED __attribute__((cleanup(unlock), unused)) const int held = lock()

static int complain(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int complain(int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(standin.message, sizeof standin.message, format, arguments);
    va_end(arguments);
    if (!getenv("STANDIN_QUIET")) { fprintf(stderr, "# stand-in for CUDA: %s\n", standin.message); }
    return error;
}

static long long number_from(const char *variable, long long otherwise) {
    const char *text = getenv(variable);
    return text && *text ? strtoll(text, NULL, 0) : otherwise;
}

/* Head of all functions that work on the device. */
#define ON_DEVICE                                                                                                   \
    LOCKED;                                                                                                         \
    if (!standin.initialised) { return NOT_INITIALIZED; }                                                           \
    if (standin.lost) { return standin.lost; }                                                                      \
    if (!current_context) { return complain(INVALID_CONTEXT, "%s: this thread has no current context", __func__); }

/* Of those that touch the legacy stream, or may: not while anything is captured. */
#define NOT_CAPTURED                                                                                                \
    if (standin.global_captures || (capturing && capturing->mode != 2)) {                                           \
        if (capturing) { capturing->broken = 1; }                                                                   \
        return complain(CAPTURE_UNSUPPORTED, "%s: not allowed while a stream is captured", __func__);               \
    }

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    while (count-- > 0) { hash = (hash ^ *at++) * 1099511628211u; }         /* FNV-1a */
    return hash;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- what tests ask ---- */

static void restart_faults(void) { standin.allocations = standin.launches = standin.loads = 0; }

EXPORT void standin_reset(void) {
    LOCKED;
    standin_counts now = standin.counts;
    int k;
    memset(&standin.counts, 0, sizeof standin.counts);
    standin.counts.live_allocations = now.live_allocations;
    standin.counts.live_bytes = now.live_bytes;
    standin.counts.live_objects = now.live_objects;
    for (k = 0; k < standin.kernel_count; k++) { standin.kernels[k].count = 0; }
    standin.lost = 0;
    standin.schedule = 0;
    standin.message[0] = '\0';
    restart_faults();
}

EXPORT void standin_count(standin_counts *counts) {
    LOCKED;
    *counts = standin.counts;
}

EXPORT long long standin_launches_of(const char *kernel) {
    LOCKED;
    int k;
    for (k = 0; k < standin.kernel_count; k++) {
        if (strcmp(standin.kernels[k].name, kernel) == 0) { return standin.kernels[k].count; }
    }
    return 0;
}

EXPORT const char *standin_message(void) { return standin.message; }

static void count_kernel(const char *name) {
    int k;
    for (k = 0; k < standin.kernel_count && strcmp(standin.kernels[k].name, name) != 0; k++) {}
    if (k == standin.kernel_count) {
        void *grown = realloc(standin.kernels, (size_t)(k + 1) * sizeof *standin.kernels);
        if (!grown) { return; }
        standin.kernels = grown;
        standin.kernels[k].name = strdup(name);
        standin.kernels[k].count = 0;
        standin.kernel_count++;
    }
    standin.kernels[k].count++;
    standin.counts.launches++;
}

/* ---- driver: start, errors, devices ---- */

EXPORT int cuInit(unsigned flags) {
    LOCKED;
    const int error = (int)number_from("STANDIN_INIT", 0);
    if (flags != 0) { return INVALID_VALUE; }
    if (error) { return error; }
    if (number_from("STANDIN_DEVICES", 1) == 0) { return NO_DEVICE; }
    if (standin.contexts == 0) { restart_faults(); }
    standin.initialised = 1;
    return SUCCESS;
}

EXPORT int cuDriverGetVersion(int *version) {
    *version = (int)number_from("STANDIN_DRIVER", 13000);
    return SUCCESS;
}

static const struct { int error; const char *name, *text; } errors[] = {
    { SUCCESS, "CUDA_SUCCESS", "no error" },
    { INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument" },
    { OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory" },
    { NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error" },
    { 35, "CUDA_ERROR_INSUFFICIENT_DRIVER", "CUDA driver version is insufficient for CUDA runtime version" },
    { NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected" },
    { INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal" },
    { INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid" },
    { INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context" },
    { INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle" },
    { NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found" },
    { LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure" },
    { 803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination" },
    { CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing" },
    { CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture" },
    { CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
      "operation would make the legacy stream depend on a capturing blocking stream" },
    { 999, "CUDA_ERROR_UNKNOWN", "unknown error" },
};

static int find_error(int error) {
    int k;
    for (k = 0; k < (int)(sizeof errors / sizeof errors[0]); k++) {
        if (errors[k].error == error) { return k; }
    }
    return -1;
}

EXPORT int cuGetErrorName(int error, const char **name) {
    const int k = find_error(error);
    *name = k < 0 ? NULL : errors[k].name;
    return k < 0 ? INVALID_VALUE : SUCCESS;
}

EXPORT int cuGetErrorString(int error, const char **text) {
    const int k = find_error(error);
    *text = k < 0 ? NULL : errors[k].text;
    return k < 0 ? INVALID_VALUE : SUCCESS;
}

EXPORT int cuDeviceGetCount(int *count) {
    LOCKED;
    if (!standin.initialised) { return NOT_INITIALIZED; }
    *count = (int)number_from("STANDIN_DEVICES", 1);
    return SUCCESS;
}

EXPORT int cuDeviceGet(int *device, int ordinal) {
    LOCKED;
    if (!standin.initialised) { return NOT_INITIALIZED; }
    if (ordinal < 0 || ordinal >= number_from("STANDIN_DEVICES", 1)) { return INVALID_DEVICE; }
    *device = ordinal;
    return SUCCESS;
}

EXPORT int cuDeviceGetName(char *name, int size, int device) {
    (void)device;
    snprintf(name, (size_t)size, "Emulated GPU");
    return SUCCESS;
}

/* Numbers of an H100, as far as somebody asks. */
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
    const int arch = (int)number_from("STANDIN_ARCH", 90);
    static const int known[][2] = {
        { 1, 1024 }, { 2, 1024 }, { 3, 1024 }, { 4, 64 },               /* threads of a block, its x, y, z */
        { 5, 0x7FFFFFFF }, { 6, 65535 }, { 7, 65535 },                  /* x, y, z of the grid */
        { 8, 49152 }, { 9, 65536 }, { 10, 32 }, { 12, 65536 }, { 13, 1980000 },  /* shared, constant, warp, registers, kHz */
        { 31, 1 }, { 36, 2619000 }, { 37, 5120 }, { 38, 52428800 },      /* concurrent kernels, memory's kHz and bits, L2 */
        { 39, 2048 }, { 41, 1 }, { 81, 233472 }, { 82, 65536 }, { 97, 232448 }, { 115, 1 }
    };
    size_t k;
    (void)device;
    if (attribute == 75 || attribute == 76 || attribute == 16) {
        *value = attribute == 75 ? arch / 10 : attribute == 76 ? arch % 10 : (int)number_from("STANDIN_PROCESSORS", 132);
        return SUCCESS;
    }
    for (k = 0; k < sizeof known / sizeof known[0]; k++) {
        if (known[k][0] == attribute) {
            *value = known[k][1];
            return SUCCESS;
        }
    }
    return complain(INVALID_VALUE, "cuDeviceGetAttribute: attribute %d is not emulated", attribute);
}

static long long memory_bytes(void) { return number_from("STANDIN_MEMORY", 8LL << 30); }

EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    (void)device;
    *bytes = (size_t)memory_bytes();
    return SUCCESS;
}

/* ---- memory ---- */

enum { GUARD = 256, GUARD_BYTE = 0xA5, FREED_BYTE = 0xFB };         /* as floats, freed memory is about -2.6e36 */

static int all_bytes_are(const char *bytes, size_t count, int value) {
    size_t k;
    for (k = 0; k < count && (unsigned char)bytes[k] == value; k++) {}
    return k == count;
}

static char *guards_of(const allocation *one) { return one->memory - GUARD; }

/* AddressSanitizer sees a store where it happens; without it, the guards tell after a launch. */
static int guards_are_whole(const allocation *one) {
    return WITH_ASAN || (all_bytes_are(guards_of(one), GUARD, GUARD_BYTE) && all_bytes_are(one->memory + one->bytes, GUARD, GUARD_BYTE));
}

static int check_freed(const allocation *one) {
    if (!one->memory || all_bytes_are(one->memory, one->bytes, FREED_BYTE)) { return SUCCESS; }
    return complain(LAUNCH_FAILED, "somebody stored into %zu bytes that had been freed", one->bytes);
}

static int check_memory(const char *after) {
    const allocation *one;
    for (one = standin.live; one; one = one->next) {
        if (!guards_are_whole(one)) {
            return complain(LAUNCH_FAILED, "%s stored beyond an allocation of %zu bytes", after, one->bytes);
        }
    }
    return SUCCESS;
}

static void let_go(allocation *one) {
    if (!one->memory) { return; }
#if WITH_ASAN
    __asan_unpoison_memory_region(guards_of(one), one->bytes + 2 * GUARD);
#endif
    free(guards_of(one));
    one->memory = NULL;
}

/* Freed memory of moderate size is kept for a while; under AddressSanitizer nobody can even read it. */
static int retire(allocation *one) {
    allocation *place = &standin.freed[standin.next_freed];
    int error = SUCCESS;
    if (one->bytes > 1 << 20) {
        let_go(one);
    } else {
#if WITH_ASAN
        let_go(place);
        __asan_poison_memory_region(one->memory, one->bytes);
#else
        error = check_freed(place);
        let_go(place);
        memset(one->memory, FREED_BYTE, one->bytes);
#endif
        *place = *one;
        standin.next_freed = (standin.next_freed + 1) % (int)(sizeof standin.freed / sizeof standin.freed[0]);
    }
    return error;
}

EXPORT int cuMemAlloc_v2(device_pointer *pointer, size_t bytes) {
    ON_DEVICE;
    NOT_CAPTURED;
    allocation *one;
    void *memory;
    if (bytes == 0) { return complain(INVALID_VALUE, "cuMemAlloc: 0 bytes"); }
    if (++standin.allocations == number_from("STANDIN_FAIL_ALLOC", 0)) { return OUT_OF_MEMORY; }
    if (bytes > (size_t)memory_bytes() || standin.counts.live_bytes + (long long)bytes > memory_bytes()) { return OUT_OF_MEMORY; }
    one = malloc(sizeof *one);
    if (!one || posix_memalign(&memory, GUARD, bytes + 2 * GUARD) != 0) {
        free(one);
        return OUT_OF_MEMORY;
    }
    memset(memory, GUARD_BYTE, bytes + 2 * GUARD);
    one->memory = (char *)memory + GUARD;
    one->bytes = bytes;
    one->next = standin.live;
    standin.live = one;
    memset(one->memory, 0xFF, bytes);
#if WITH_ASAN
    __asan_poison_memory_region(memory, GUARD);
    __asan_poison_memory_region(one->memory + bytes, GUARD);
#endif
    standin.counts.live_allocations++;
    standin.counts.allocations++;
    standin.counts.live_bytes += (long long)bytes;
    *pointer = (device_pointer)(uintptr_t)one->memory;
    return SUCCESS;
}

static int free_one(allocation **link) {
    allocation *one = *link;
    int error;
    *link = one->next;
    standin.counts.live_allocations--;
    standin.counts.live_bytes -= (long long)one->bytes;
    error = retire(one);
    free(one);
    return error;
}

EXPORT int cuMemFree_v2(device_pointer pointer) {
    LOCKED;
    allocation **link = &standin.live;
    int error;
    if (standin.lost) { return standin.lost; }          /* the end of the context frees */
    if (pointer == 0) { return SUCCESS; }
    NOT_CAPTURED;
    while (*link && (device_pointer)(uintptr_t)(*link)->memory != pointer) { link = &(*link)->next; }
    if (!*link) { return complain(INVALID_VALUE, "cuMemFree: this is no allocation, or was freed before"); }
    error = free_one(link);
    standin.lost = error;
    return error;
}

EXPORT int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    ON_DEVICE;
    const long long left = memory_bytes() - standin.counts.live_bytes;
    *total = (size_t)memory_bytes();
    *free_bytes = left > 0 ? (size_t)left : 0;
    return SUCCESS;
}

/* The memory behind an address on the device; NULL where an allocation does not hold all of it. */
static char *memory_at(device_pointer pointer, size_t bytes) {
    const allocation *one;
    for (one = standin.live; one; one = one->next) {
        const device_pointer begin = (device_pointer)(uintptr_t)one->memory;
        if (pointer >= begin && pointer - begin <= one->bytes && bytes <= one->bytes - (size_t)(pointer - begin)) {
            return one->memory + (pointer - begin);
        }
    }
    return NULL;
}

/* ---- contexts ---- */

EXPORT int cuDevicePrimaryCtxRetain(void **context, int device) {
    LOCKED;
    if (!standin.initialised) { return NOT_INITIALIZED; }
    if (device < 0 || device >= number_from("STANDIN_DEVICES", 1)) { return INVALID_DEVICE; }
    if (standin.lost) { return standin.lost; }
    standin.contexts++;
    *context = &standin;
    return SUCCESS;
}

/* The last one to leave frees what is left. */
EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
    LOCKED;
    int k, error = SUCCESS;
    (void)device;
    if (standin.contexts == 0) { return INVALID_CONTEXT; }
    if (--standin.contexts > 0) { return SUCCESS; }
    if (standin.live && !standin.lost) {
        standin.counts.leaks += standin.counts.live_allocations;
        complain(SUCCESS, "%lld allocations were not freed, one of %zu bytes", standin.counts.live_allocations, standin.live->bytes);
    }
    while (standin.live) { free_one(&standin.live); }
    for (k = 0; k < (int)(sizeof standin.freed / sizeof standin.freed[0]); k++) {
        if (!WITH_ASAN && !error) { error = check_freed(&standin.freed[k]); }
        let_go(&standin.freed[k]);
    }
    standin.lost = 0;
    current_context = NULL;
    return error;
}

EXPORT int cuCtxSetCurrent(void *context) {
    LOCKED;
    if (context && (context != &standin || standin.contexts == 0)) { return INVALID_CONTEXT; }
    current_context = context;
    return SUCCESS;
}

EXPORT int cuCtxSynchronize(void) {
    ON_DEVICE;
    NOT_CAPTURED;
    return SUCCESS;
}

/* ---- modules ---- */

typedef struct code_head {                          /* of what nvrtcGetCUBIN gives */
    char magic[8];
    uint64_t stamp, bytes, hash;                    /* the emulator's and the flags' hash; size and hash of what follows */
} code_head;

static const char code_magic[8] = "STANDIN";

static const char *compiler(void) { return getenv("STANDIN_CC") ? getenv("STANDIN_CC") : STANDIN_CC; }
static const char *compiler_flags(void) { return getenv("STANDIN_CFLAGS") ? getenv("STANDIN_CFLAGS") : DEFAULT_FLAGS; }
static const char *emulator_path(void) {
    return getenv("STANDIN_EMULATOR") ? getenv("STANDIN_EMULATOR") : "tests/gpu/emulator/cuda.h";
}

static char *read_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0, got;
    *bytes = 0;
    if (!file) { return NULL; }
    do {
        char *grown = realloc(text, room += 1 << 18);
        if (!grown) { break; }
        text = grown;
        got = fread(text + *bytes, 1, room - *bytes, file);
        *bytes += got;
    } while (*bytes == room);
    fclose(file);
    return text;
}

/* Of everything beside its text that code depends on. */
static uint64_t stamp_now(void) {
    size_t bytes;
    char *text = read_file(emulator_path(), &bytes);
    uint64_t hash = hash_bytes(14695981039346656037u, text, bytes);
    hash = hash_bytes(hash, compiler(), strlen(compiler()) + 1);
    free(text);
    return hash_bytes(hash, compiler_flags(), strlen(compiler_flags()));
}

static int temporary_file(char path[200], const char *suffix) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, 200, "%s/indiseek-standin-XXXXXX%s", folder && *folder && strlen(folder) < 150 ? folder : "/tmp", suffix);
    return mkstemps(path, (int)strlen(suffix));
}

static int load_library(module *loaded, const char *code, size_t bytes) {
    const int file = temporary_file(loaded->path, ".so");
    size_t written = 0;
    const size_t *argument_bytes;
    void *launch;
    if (file < 0) { return complain(OUT_OF_MEMORY, "no temporary file can be made"); }
    while (written < bytes) {
        const ssize_t count = write(file, code + written, bytes - written);
        if (count <= 0) { break; }
        written += (size_t)count;
    }
    close(file);
    loaded->library = written == bytes ? dlopen(loaded->path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!WITH_ASAN) {                               /* whose reports read line numbers from it */
        unlink(loaded->path);
        loaded->path[0] = '\0';
    }
    if (written < bytes) { return complain(OUT_OF_MEMORY, "no room for a temporary file"); }
    if (!loaded->library) { return complain(INVALID_IMAGE, "cuModuleLoadData: %s", dlerror()); }
    argument_bytes = dlsym(loaded->library, "emulator_argument_bytes");
    launch = dlsym(loaded->library, "emulator_launch");
    if (!argument_bytes || !launch) { return INVALID_IMAGE; }
    loaded->argument_bytes = *argument_bytes;
    memcpy(&loaded->launch, &launch, sizeof launch);
    return SUCCESS;
}

static void unload(module *loaded) {
    function *next;
    for (; loaded->functions; loaded->functions = next) {
        next = loaded->functions->next;
        free(loaded->functions->name);
        free(loaded->functions);
    }
    if (loaded->library) { dlclose(loaded->library); }
    if (loaded->path[0]) { unlink(loaded->path); }
    free(loaded);
}

EXPORT int cuModuleLoadData(module **loaded, const void *image) {
    ON_DEVICE;
    NOT_CAPTURED;
    code_head head;
    const char *code = (const char *)image + sizeof head;
    int error;
    if (++standin.loads == number_from("STANDIN_FAIL_LOAD", 0)) { return INVALID_IMAGE; }
    memcpy(head.magic, image, sizeof head.magic);       /* a damaged image may be shorter than a head */
    if (memcmp(head.magic, code_magic, sizeof code_magic) != 0) { return INVALID_IMAGE; }
    memcpy(&head, image, sizeof head);
    if (head.stamp != stamp_now() || head.hash != hash_bytes(0, code, head.bytes)) { return INVALID_IMAGE; }
    *loaded = calloc(1, sizeof **loaded);
    if (!*loaded) { return OUT_OF_MEMORY; }
    error = load_library(*loaded, code, head.bytes);
    if (error) {
        unload(*loaded);
        *loaded = NULL;
        return error;
    }
    standin.counts.loaded++;
    standin.counts.live_objects++;
    return SUCCESS;
}

EXPORT int cuModuleUnload(module *loaded) {
    LOCKED;
    if (!loaded) { return INVALID_HANDLE; }
    unload(loaded);
    standin.counts.live_objects--;
    return standin.lost;
}

EXPORT int cuModuleGetFunction(function **found, module *loaded, const char *name) {
    ON_DEVICE;
    void *kernel;
    function *one;
    for (one = loaded->functions; one && strcmp(one->name, name) != 0; one = one->next) {}
    if (!one) {
        kernel = dlsym(loaded->library, name);
        if (!kernel) { return NOT_FOUND; }
        one = calloc(1, sizeof *one);
        if (!one) { return OUT_OF_MEMORY; }
        one->name = strdup(name);
        one->module = loaded;
        memcpy(&one->kernel, &kernel, sizeof kernel);
        one->next = loaded->functions;
        loaded->functions = one;
    }
    *found = one;
    return SUCCESS;
}

EXPORT int cuFuncGetAttribute(int *value, int attribute, function *asked) {
    static const int values[] = { 1024, 0, 0, 0, 32, 90, 90, 0, 49152, -1 };   /* most threads, shared, const, local, registers, ... */
    if (!asked) { return INVALID_HANDLE; }
    if (attribute < 0 || attribute >= (int)(sizeof values / sizeof values[0])) { return INVALID_VALUE; }
    *value = attribute == 0 ? 256 : values[attribute];
    return SUCCESS;
}

/* ---- work of a stream: done at once, or recorded ---- */

static int launch_now(const work *one) {
    const int schedule = (int)number_from("STANDIN_SCHEDULE", standin.schedule);
    char text[700] = "";
    standin.schedule = (standin.schedule + 1) % 3;
    if (++standin.launches == number_from("STANDIN_FAIL_LAUNCH", 0)) {
        standin.lost = LAUNCH_FAILED;
        return SUCCESS;                                 /* as on a device: the calls that follow tell */
    }
    count_kernel(one->function->name);
    if (one->function->module->launch(one->function->kernel, one->function->name, one->sizes, one->argument, schedule, text, sizeof text)) {
        standin.lost = complain(LAUNCH_FAILED, "%s", text);
    } else {
        standin.lost = check_memory(one->function->name);
    }
    return SUCCESS;
}

static int copy_now(const work *one) {
    char *to = one->kind == COPY_TO_HOST ? (char *)(uintptr_t)one->to : memory_at(one->to, one->count);
    const char *from = one->kind == COPY_TO_DEVICE ? (const char *)(uintptr_t)one->from : memory_at(one->from, one->count);
    static const char *const names[] = { "", "to the device", "to the host", "on the device" };
    if (one->count == 0) { return SUCCESS; }
    if (!to || !from) {
        return complain(INVALID_VALUE, "a copy of %zu bytes %s leaves the allocations", one->count, names[one->kind]);
    }
    if (one->kind == COPY_TO_HOST && number_from("STANDIN_FAIL_COPY", 0) > 0 &&
        standin.counts.to_host + 1 >= number_from("STANDIN_FAIL_COPY", 0)) {
        return LAUNCH_FAILED;
    }
    memmove(to, from, one->count);
    standin.counts.to_device += one->kind == COPY_TO_DEVICE;
    standin.counts.to_host += one->kind == COPY_TO_HOST;
    standin.counts.on_device += one->kind == COPY_ON_DEVICE;
    standin.counts.bytes_to_device += one->kind == COPY_TO_DEVICE ? (long long)one->count : 0;
    standin.counts.bytes_to_host += one->kind == COPY_TO_HOST ? (long long)one->count : 0;
    return SUCCESS;
}

static int fill_now(const work *one) {
    char *to = memory_at(one->to, 4 * one->count);
    size_t k;
    if (!to || one->to % 4) { return complain(INVALID_VALUE, "cuMemsetD32: %zu words leave the allocations", one->count); }
    for (k = 0; k < one->count; k++) { memcpy(to + 4 * k, &one->word, 4); }
    standin.counts.fills++;
    return SUCCESS;
}

static int do_now(const work *one) {
    return one->kind == LAUNCH ? launch_now(one) : one->kind == FILL ? fill_now(one) : copy_now(one);
}

static void drop_graph(graph *dropped) {
    while (dropped->first) {
        work *one = dropped->first;
        dropped->first = one->next;
        free(one->argument);
        free(one);
    }
    free(dropped);
}

static int record(graph *into, const work *one) {
    const size_t bytes = one->kind == LAUNCH ? one->function->module->argument_bytes : 0;
    work *copy = malloc(sizeof *copy);
    if (!copy) { return OUT_OF_MEMORY; }
    *copy = *one;
    copy->next = NULL;
    copy->argument = NULL;
    if (bytes) {
        copy->argument = malloc(bytes);
        if (!copy->argument) {
            free(copy);
            return OUT_OF_MEMORY;
        }
        memcpy(copy->argument, one->argument, bytes);
    }
    if (into->last) { into->last->next = copy; } else { into->first = copy; }
    into->last = copy;
    return SUCCESS;
}

static int submit(stream *to, const work *one) {
    if (!to) { to = &default_stream; }
    if (to->capture) {
        standin.counts.captured += one->kind == LAUNCH;
        return record(to->capture, one);
    }
    if (to == &default_stream && capturing) {
        capturing->broken = 1;
        return complain(CAPTURE_IMPLICIT, "work for the default stream while another is captured");
    }
    return do_now(one);
}

EXPORT int cuMemcpyHtoD_v2(device_pointer to, const void *from, size_t bytes) {
    ON_DEVICE;
    NOT_CAPTURED;
    return do_now(&(work){ .kind = COPY_TO_DEVICE, .to = to, .from = (device_pointer)(uintptr_t)from, .count = bytes });
}

EXPORT int cuMemcpyDtoH_v2(void *to, device_pointer from, size_t bytes) {
    ON_DEVICE;
    NOT_CAPTURED;
    return do_now(&(work){ .kind = COPY_TO_HOST, .to = (device_pointer)(uintptr_t)to, .from = from, .count = bytes });
}

EXPORT int cuMemcpyDtoD_v2(device_pointer to, device_pointer from, size_t bytes) {
    ON_DEVICE;
    NOT_CAPTURED;
    return do_now(&(work){ .kind = COPY_ON_DEVICE, .to = to, .from = from, .count = bytes });
}

EXPORT int cuMemcpyHtoDAsync_v2(device_pointer to, const void *from, size_t bytes, stream *on) {
    ON_DEVICE;
    return submit(on, &(work){ .kind = COPY_TO_DEVICE, .to = to, .from = (device_pointer)(uintptr_t)from, .count = bytes });
}

EXPORT int cuMemcpyDtoHAsync_v2(void *to, device_pointer from, size_t bytes, stream *on) {
    ON_DEVICE;
    return submit(on, &(work){ .kind = COPY_TO_HOST, .to = (device_pointer)(uintptr_t)to, .from = from, .count = bytes });
}

EXPORT int cuMemcpyDtoDAsync_v2(device_pointer to, device_pointer from, size_t bytes, stream *on) {
    ON_DEVICE;
    return submit(on, &(work){ .kind = COPY_ON_DEVICE, .to = to, .from = from, .count = bytes });
}

EXPORT int cuMemsetD32_v2(device_pointer to, unsigned word, size_t count) {
    ON_DEVICE;
    NOT_CAPTURED;
    return do_now(&(work){ .kind = FILL, .to = to, .word = word, .count = count });
}

EXPORT int cuMemsetD32Async(device_pointer to, unsigned word, size_t count, stream *on) {
    ON_DEVICE;
    return submit(on, &(work){ .kind = FILL, .to = to, .word = word, .count = count });
}

EXPORT int cuLaunchKernel(function *kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                          unsigned block_z, unsigned shared_bytes, stream *on, void **arguments, void **extra) {
    ON_DEVICE;
    const unsigned long long threads = (unsigned long long)block_x * block_y * block_z;
    if (!kernel) { return complain(INVALID_HANDLE, "cuLaunchKernel: no kernel"); }
    if (!arguments || !arguments[0] || extra) { return complain(INVALID_VALUE, "%s: it takes one argument", kernel->name); }
    if (shared_bytes) { return complain(INVALID_VALUE, "%s: dynamic shared memory is not emulated", kernel->name); }
    if (grid_x < 1 || grid_y < 1 || grid_z < 1 || grid_x > 0x7FFFFFFF || grid_y > 65535 || grid_z > 65535 || threads < 1 || threads > 256) {
        return complain(INVALID_VALUE, "%s: a grid of %u x %u x %u blocks, blocks of %u x %u x %u threads; 256 are the most", kernel->name,
                        grid_x, grid_y, grid_z, block_x, block_y, block_z);
    }
    return submit(on, &(work){ .kind = LAUNCH, .function = kernel, .argument = arguments[0],
                               .sizes = { grid_x, grid_y, grid_z, block_x, block_y, block_z } });
}

/* ---- streams, events, graphs ---- */

EXPORT int cuStreamCreate(stream **created, unsigned flags) {
    ON_DEVICE;
    if (flags > 1) { return INVALID_VALUE; }
    *created = calloc(1, sizeof **created);
    if (!*created) { return OUT_OF_MEMORY; }
    standin.counts.live_objects++;
    return SUCCESS;
}

/* What was recorded, which the caller now owns. */
static graph *end_capture(stream *captured) {
    graph *made = captured->capture;
    captured->capture = NULL;
    standin.global_captures -= captured->mode == 0;
    if (capturing == captured) { capturing = NULL; }
    return made;
}

EXPORT int cuStreamDestroy_v2(stream *destroyed) {
    LOCKED;
    if (!destroyed) { return INVALID_HANDLE; }
    if (destroyed->capture) { drop_graph(end_capture(destroyed)); }
    free(destroyed);
    standin.counts.live_objects--;
    return standin.lost;
}

EXPORT int cuStreamSynchronize(stream *waited) {
    ON_DEVICE;
    if (waited && waited->capture) {
        waited->broken = 1;
        return complain(CAPTURE_UNSUPPORTED, "cuStreamSynchronize: the stream is captured");
    }
    return SUCCESS;
}

EXPORT int cuEventCreate(event **created, unsigned flags) {
    ON_DEVICE;
    (void)flags;
    *created = calloc(1, sizeof **created);
    if (!*created) { return OUT_OF_MEMORY; }
    standin.counts.live_objects++;
    return SUCCESS;
}

EXPORT int cuEventRecord(event *recorded, stream *on) {
    ON_DEVICE;
    (void)on;
    recorded->seconds = seconds_now();
    recorded->recorded = 1;
    return SUCCESS;
}

EXPORT int cuEventSynchronize(event *waited) {
    ON_DEVICE;
    return waited ? SUCCESS : INVALID_HANDLE;
}

EXPORT int cuEventElapsedTime(float *milliseconds, event *from, event *to) {
    ON_DEVICE;
    if (!from->recorded || !to->recorded) { return INVALID_HANDLE; }
    *milliseconds = (float)(1e3 * (to->seconds - from->seconds));
    return SUCCESS;
}

EXPORT int cuEventDestroy_v2(event *destroyed) {
    LOCKED;
    free(destroyed);
    standin.counts.live_objects--;
    return standin.lost;
}

EXPORT int cuStreamBeginCapture_v2(stream *captured, int mode) {
    ON_DEVICE;
    if (!captured) { return complain(CAPTURE_UNSUPPORTED, "cuStreamBeginCapture: the default stream cannot be captured"); }
    if (captured->capture || capturing) { return complain(INVALID_VALUE, "cuStreamBeginCapture: a capture is under way"); }
    captured->capture = calloc(1, sizeof *captured->capture);
    if (!captured->capture) { return OUT_OF_MEMORY; }
    captured->mode = mode;
    captured->broken = 0;
    standin.global_captures += mode == 0;
    capturing = captured;
    return SUCCESS;
}

EXPORT int cuStreamEndCapture(stream *captured, graph **result) {
    ON_DEVICE;
    graph *made;
    *result = NULL;
    if (!captured || !captured->capture) { return complain(INVALID_VALUE, "cuStreamEndCapture: nothing is captured"); }
    made = end_capture(captured);
    if (captured->broken) {
        drop_graph(made);
        return CAPTURE_INVALIDATED;
    }
    standin.counts.live_objects++;
    *result = made;
    return SUCCESS;
}

EXPORT int cuGraphInstantiateWithFlags(graph **runnable, graph *recorded, unsigned long long flags) {
    ON_DEVICE;
    const work *one;
    (void)flags;
    *runnable = calloc(1, sizeof **runnable);
    if (!*runnable) { return OUT_OF_MEMORY; }
    for (one = recorded->first; one; one = one->next) {
        if (record(*runnable, one) != SUCCESS) {
            drop_graph(*runnable);
            return OUT_OF_MEMORY;
        }
    }
    standin.counts.live_objects++;
    return SUCCESS;
}

EXPORT int cuGraphLaunch(graph *runnable, stream *on) {
    ON_DEVICE;
    const work *one;
    int error = SUCCESS;
    if (!runnable) { return INVALID_HANDLE; }
    if (on && on->capture) { return complain(CAPTURE_UNSUPPORTED, "cuGraphLaunch: graphs inside graphs are not emulated"); }
    standin.counts.graph_launches++;
    for (one = runnable->first; one && !error && !standin.lost; one = one->next) { error = do_now(one); }
    return error;
}

static int destroy_graph(graph *destroyed) {
    if (!destroyed) { return INVALID_HANDLE; }
    drop_graph(destroyed);
    standin.counts.live_objects--;
    return standin.lost;
}

EXPORT int cuGraphExecDestroy(graph *destroyed) {
    LOCKED;
    return destroy_graph(destroyed);
}

EXPORT int cuGraphDestroy(graph *destroyed) {
    LOCKED;
    return destroy_graph(destroyed);
}

/* ---- NVRTC ---- */

static const int architectures[] = { 75, 80, 86, 87, 89, 90, 100, 120 };

static int nvrtc_major(void) { return (int)number_from("STANDIN_NVRTC", 13); }
static int architecture_count(void) { return nvrtc_major() >= 13 ? 8 : 6; }

EXPORT int nvrtcVersion(int *major, int *minor) {
    *major = nvrtc_major();
    *minor = 0;
    return NVRTC_SUCCESS;
}

EXPORT const char *nvrtcGetErrorString(int result) {
    static const char *const names[] = { "NVRTC_SUCCESS", "NVRTC_ERROR_OUT_OF_MEMORY", "NVRTC_ERROR_PROGRAM_CREATION_FAILURE",
        "NVRTC_ERROR_INVALID_INPUT", "NVRTC_ERROR_INVALID_PROGRAM", "NVRTC_ERROR_INVALID_OPTION", "NVRTC_ERROR_COMPILATION" };
    return result >= 0 && result <= NVRTC_COMPILATION ? names[result] : "NVRTC_ERROR unknown";
}

EXPORT int nvrtcGetNumSupportedArchs(int *count) {
    *count = architecture_count();
    return NVRTC_SUCCESS;
}

EXPORT int nvrtcGetSupportedArchs(int *values) {
    memcpy(values, architectures, (size_t)architecture_count() * sizeof *values);
    return NVRTC_SUCCESS;
}

EXPORT int nvrtcCreateProgram(program **created, const char *source, const char *name, int headers, const char *const *texts,
                              const char *const *names) {
    LOCKED;
    program *one = calloc(1, sizeof *one);
    (void)headers;
    (void)texts;
    (void)names;
    if (!one) { return 1; }
    one->source = strdup(source);
    one->name = strdup(name ? name : "default_program");
    one->log = strdup("");
    standin.counts.live_objects++;
    *created = one;
    return NVRTC_SUCCESS;
}

EXPORT int nvrtcDestroyProgram(program **destroyed) {
    LOCKED;
    if (!destroyed || !*destroyed) { return NVRTC_INVALID_PROGRAM; }
    free((*destroyed)->source);
    free((*destroyed)->name);
    free((*destroyed)->log);
    free((*destroyed)->code);
    free(*destroyed);
    *destroyed = NULL;
    standin.counts.live_objects--;
    return NVRTC_SUCCESS;
}

static int starts_with(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static int set_log(program *one, int result, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int set_log(program *one, int result, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    free(one->log);
    one->log = strdup(text);
    return result;
}

/* Macros go to the compiler; of the rest it matters only that NVRTC knows it. */
static int read_options(program *one, int count, const char *const *options, char *macros, size_t room) {
    static const char *const known[] = {
        "--std=c++", "-std=c++", "--ptxas-options", "-Xptxas", "--fmad", "-fmad", "--use_fast_math", "-lineinfo",
        "--generate-line-info", "--restrict", "--maxrregcount", "--extra-device-vectorization", "--dopt", "-dopt",
        "-default-device", "--device-as-default-execution-space", "--ftz", "--prec-sqrt", "--prec-div", "-w",
        "--disable-warnings", "--split-compile", "--no-cache"
    };
    size_t k;
    int n, arch;
    one->real = 0;
    for (n = 0; n < count; n++) {
        const char *text = options[n];
        if (starts_with(text, "--gpu-architecture=") || starts_with(text, "-arch=")) {
            text = strchr(text, '=') + 1;
            one->real = starts_with(text, "sm_");
            if (!one->real && !starts_with(text, "compute_")) { return set_log(one, NVRTC_INVALID_OPTION, "unknown: %s", options[n]); }
            arch = atoi(strchr(text, '_') + 1);
            for (k = 0; k < (size_t)architecture_count() && architectures[k] != arch; k++) {}
            if (k == (size_t)architecture_count()) {
                return set_log(one, NVRTC_INVALID_OPTION, "nvrtc: error: invalid value for --gpu-architecture (-arch)\n");
            }
        } else if (starts_with(text, "-D") || starts_with(text, "--define-macro=")) {
            const size_t length = strlen(macros);
            snprintf(macros + length, room - length, " '-D%s'", starts_with(text, "-D") ? text + 2 : strchr(text, '=') + 1);
        } else {
            for (k = 0; k < sizeof known / sizeof known[0] && !starts_with(text, known[k]); k++) {}
            if (k == sizeof known / sizeof known[0]) { return set_log(one, NVRTC_INVALID_OPTION, "unrecognized option %s found", text); }
        }
    }
    return NVRTC_SUCCESS;
}

/* Runs the compiler; its words become the log. */
static int run_compiler(program *one, const char *macros, const char *source, const char *library) {
    char command[2000], *log = malloc(1 << 16);
    size_t length;
    FILE *words;
    int status;
    if (!log) { return 1; }
    snprintf(command, sizeof command,
             "%s %s -std=gnu11 -w -fPIC -shared -fvisibility=hidden -fno-strict-aliasing%s -include '%s' '%s' -o '%s' -lm 2>&1",
             compiler(), compiler_flags(), macros, emulator_path(), source, library);
    words = popen(command, "r");
    if (!words) {
        free(log);
        return 1;
    }
    length = fread(log, 1, (1 << 16) - 1, words);
    log[length] = '\0';
    while (fgetc(words) != EOF) {}
    status = pclose(words);
    free(one->log);
    one->log = log;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? NVRTC_SUCCESS : NVRTC_COMPILATION;
}

static int keep_code(program *one, const char *library) {
    code_head head;
    size_t bytes;
    char *code = read_file(library, &bytes);
    one->code = code ? malloc(sizeof head + bytes) : NULL;
    if (one->code) {
        memcpy(head.magic, code_magic, sizeof head.magic);
        head.stamp = stamp_now();
        head.bytes = bytes;
        head.hash = hash_bytes(0, code, bytes);
        memcpy(one->code, &head, sizeof head);
        memcpy(one->code + sizeof head, code, bytes);
        one->code_bytes = sizeof head + bytes;
    }
    free(code);
    return one->code ? NVRTC_SUCCESS : 1;
}

EXPORT int nvrtcCompileProgram(program *one, int count, const char *const *options) {
    LOCKED;
    const char *fault = getenv("STANDIN_FAIL_COMPILE");
    char source[200], library[200], macros[1000] = "";
    int file, result = read_options(one, count, options, macros, sizeof macros);
    FILE *text;
    if (result) { return result; }
    if (fault && (strcmp(fault, "1") == 0 || strstr(one->name, fault))) {
        return set_log(one, NVRTC_COMPILATION, "%s(1): error: identifier \"fault\" is undefined\n\n1 error detected.\n", one->name);
    }
    file = temporary_file(source, ".c");
    text = file < 0 ? NULL : fdopen(file, "w");
    if (!text) { return set_log(one, 1, "no temporary file can be made"); }
    fprintf(text, "#line 1 \"%s\"\n%s\nEMULATOR_MODULE(isk_call)\n", one->name, one->source);
    fclose(text);
    snprintf(library, sizeof library, "%.*s.so", (int)strlen(source) - 2, source);
    free(one->code);
    one->code = NULL;
    result = run_compiler(one, macros, source, library);
    if (!result) { result = keep_code(one, library); }
    standin.counts.compiled += result == NVRTC_SUCCESS;
    unlink(source);
    unlink(library);
    return result;
}

/* CUBIN is for a real architecture only; PTX is always there. */
EXPORT int nvrtcGetCUBINSize(program *one, size_t *bytes) {
    *bytes = one->code && one->real ? one->code_bytes : 0;
    return one->code ? NVRTC_SUCCESS : NVRTC_INVALID_PROGRAM;
}

EXPORT int nvrtcGetCUBIN(program *one, char *code) {
    if (!one->code || !one->real) { return NVRTC_INVALID_PROGRAM; }
    memcpy(code, one->code, one->code_bytes);
    return NVRTC_SUCCESS;
}

EXPORT int nvrtcGetPTXSize(program *one, size_t *bytes) {
    *bytes = one->code ? one->code_bytes : 0;
    return one->code ? NVRTC_SUCCESS : NVRTC_INVALID_PROGRAM;
}

EXPORT int nvrtcGetPTX(program *one, char *code) {
    if (!one->code) { return NVRTC_INVALID_PROGRAM; }
    memcpy(code, one->code, one->code_bytes);
    return NVRTC_SUCCESS;
}

EXPORT int nvrtcGetProgramLogSize(program *one, size_t *bytes) {
    *bytes = strlen(one->log) + 1;
    return NVRTC_SUCCESS;
}

EXPORT int nvrtcGetProgramLog(program *one, char *log) {
    strcpy(log, one->log);
    return NVRTC_SUCCESS;
}
