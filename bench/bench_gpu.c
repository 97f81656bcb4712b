/* What a GPU does with this library: training steps of 1 to 264 models, single kernels as shares of what the GPU can do,
   and two whole pieces of work.  device_check.py runs it, row by row in processes of their own, beside peer_torch_gpu.py.

       bench_gpu [--small] [--seconds S] ROW [NUMBER]

       info            one line about the GPU, its driver and NVRTC
       kernels         every module of kernels compiled, or taken from the cache
       mlp N           training steps of N models: 5 linear maps 6-100x4-10, batch 128, squared error, Adam
       indiseek N      the same of a whole IndiSeek step of the simulations: 5 updates of the critic and a main one
       precise N       both of them with products on tensor cores
       peaks           copy bandwidth, multiply-adds, tensor cores: what the other rows are shares of
       gemm, nce, ops  products (beside cuBLAS where it can be opened), InfoNCE, kernels that only move memory
       grid            4 settings x 4 lambdas x 10 seeds of the simulation, n = 10000
       cite            the paper's CITE-seq fit, 15000 x (200, 24), 2000 epochs, from 20 of them
       sanitise        a little of everything, for compute-sanitizer

   Each row prints one JSON object a line, at once: {"row": ..., "value": ..., "unit": ..., "note": ...}, or "ok": false with
   the reason as note.  --small shrinks the work so that the stand-in of tests/gpu/emulator gets through; its numbers mean
   nothing.  --seconds: when whole pieces of work are cut short and extrapolated.  Times are of the wall clock around
   synchronised work, the best of several. */

#define INDISEEK_IMPLEMENTATION
#include "indiseek.h"

#include "examples/runs/settings.h"

static int small;                   /* --small */
static double patience = 60;        /* --seconds */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double least(double a, double b) { return a < b ? a : b; }

/* ---- what is printed ---- */

static void text_out(const char *words) {
    putchar('"');
    for (; *words; words++) {
        if (*words == '"' || *words == '\\') { putchar('\\'); }
        putchar((unsigned char)*words < ' ' ? ' ' : *words);
    }
    putchar('"');
}

static int failures;

static void row_failed(const char *row, const char *why) {
    failures++;
    printf("{\"row\": ");
    text_out(row);
    printf(", \"ok\": false, \"note\": ");
    text_out(why[0] ? why : "no reason was given");
    printf("}\n");
    fflush(stdout);
}

static void row_out(const char *row, double value, const char *unit, const char *note) {
    if (!(fabs(value) < 1e300)) {               /* JSON has no word for it either */
        row_failed(row, "the number is not finite");
        return;
    }
    printf("{\"row\": ");
    text_out(row);
    printf(", \"ok\": true, \"value\": %.6g, \"unit\": ", value);
    text_out(unit);
    printf(", \"note\": ");
    text_out(note);
    printf("}\n");
    fflush(stdout);
}

/* ---- contexts ---- */

static int by_graphs;               /* the block trainer was asked for and gave way */

static void on_log(void *user, isk_level level, const char *message) {
    (void)user;
    if (strncmp(message, "training by CUDA graphs", 23) == 0) { by_graphs = 1; }
    fprintf(stderr, "%s%s\n", level == ISK_WARNING ? "warning: " : "", message);
}

typedef void progress_function(void *user, const isk_progress *progress);

static isk_context *open_on(isk_trainer trainer, isk_precision precision, progress_function *progress, void *user) {
    isk_context_desc desc;
    memset(&desc, 0, sizeof desc);
    by_graphs = 0;
    desc.device = ISK_DEVICE_CUDA;
    desc.cuda.trainer = trainer;
    desc.cuda.precision = precision;
    desc.log = on_log;
    desc.progress = progress;
    desc.user = user;
    return isk_open(&desc);
}

/* The context's GPU, or NULL with a row that says why. */
static isk__cuda *gpu_of(isk_context *context, const char *row) {
    if (context && context->cuda) { return context->cuda; }
    row_failed(row, context ? isk_error(context) : "no memory for a context");
    return NULL;
}

static float *numbers(size_t count) {
    float *x = (float *)malloc(count * sizeof *x);
    uint32_t state = 12345;
    size_t i;
    if (!x) {
        fprintf(stderr, "bench_gpu: out of memory\n");
        exit(1);
    }
    for (i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 8388608.0f - 1;
    }
    return x;
}

/* The same numbers for all models. */
static int fill(isk_tensor tensor, double factor) {
    size_t count = (size_t)isk_rows(tensor) * (size_t)isk_cols(tensor), i;
    float *values = numbers(count);
    isk_status status;
    for (i = 0; i < count; i++) { values[i] *= (float)factor; }
    status = isk_write(tensor, 0, values);
    free(values);
    return status == ISK_OK;
}

/* ---- training steps ---- */

typedef struct variant { const char *name; isk_trainer trainer; isk_precision precision; } variant;

static const variant plain[] = { { "graph", ISK_TRAINER_GRAPH, ISK_FP32 }, { "block", ISK_TRAINER_BLOCK, ISK_FP32 } };
static const variant precise[] = {
    { "graph tf32x3", ISK_TRAINER_GRAPH, ISK_TF32X3 }, { "graph tf32", ISK_TRAINER_GRAPH, ISK_TF32 },
    { "block tf32x3", ISK_TRAINER_BLOCK, ISK_TF32X3 }, { "block tf32", ISK_TRAINER_BLOCK, ISK_TF32 }
};

static const double turn = 0.6;     /* seconds that one variant is measured */

static void step_row(const char *work, int models, const char *name, double seconds, double flops) {
    char row[100], note[200];
    snprintf(row, sizeof row, "%s, %d model%s, %s", work, models, models > 1 ? "s" : "", name);
    snprintf(note, sizeof note, "%.1f us a step of all, %.3g GFLOP/s in products%s", seconds * 1e6,
             flops * models / seconds / 1e9, by_graphs ? "; THE BLOCK TRAINER GAVE WAY: these are graphs" : "");
    row_out(row, models / seconds, "model-steps/s", note);
}

static void step_failed(const char *work, int models, const char *name, const char *why) {
    char row[100];
    snprintf(row, sizeof row, "%s, %d model%s, %s", work, models, models > 1 ? "s" : "", name);
    row_failed(row, why);
}

/* Seconds of one run of the program, the best chunk of several. */
static isk_status program_seconds(isk_program *program, double *best) {
    const int rounds = small ? 2 : 64;              /* a multiple of what one CUDA graph holds */
    double start, once, end;
    int count;
    isk_status status = isk_run(program, rounds);   /* compiles, records */
    start = now();
    if (status == ISK_OK) { status = isk_run(program, rounds); }
    once = now() - start;
    *best = once / rounds;
    count = rounds * (1 + (int)(0.1 / (once + 1e-9)));
    for (end = now() + (small ? 0 : turn); status == ISK_OK && now() < end;) {
        start = now();
        status = isk_run(program, count);
        *best = least(*best, (now() - start) / count);
    }
    return status;
}

/* Multiplications and additions of matrix products, per sample; `input` 1: the input has a gradient too. */
static double mlp_weights(int in, int width, int out) {
    return (double)in * width + 3.0 * width * width + (double)width * out;
}

static double mlp_flops(int in, int width, int out, int input) {
    return 6 * mlp_weights(in, width, out) - (input ? 0 : 2.0 * in * width);
}

static void mlp_row(int models, const variant *v) {
    const int in = 6, out = 10, width = small ? 8 : 100, batch = small ? 16 : 128;
    isk_context *context = open_on(v->trainer, v->precision, NULL, NULL);
    isk_graph_desc desc;
    isk_mlp_desc mlp;
    isk_graph *graph = NULL;
    isk_program *program = NULL;
    isk_tensor x, y;
    double seconds = 0;
    memset(&desc, 0, sizeof desc);
    memset(&mlp, 0, sizeof mlp);
    desc.models = models;
    mlp.width = width;
    mlp.out = out;
    if (context) { graph = isk_graph_open(context, &desc); }
    if (graph) {
        x = isk_input(graph, batch, in);
        y = isk_input(graph, batch, out);
        program = isk_program_minimize(graph, "net", isk_squared_error(isk_mlp(isk_group_scope(graph, "net"), x, &mlp), y), NULL);
        if (program && fill(x, 2) && fill(y, 2) && program_seconds(program, &seconds) == ISK_OK) {
            step_row("MLP step", models, v->name, seconds, batch * mlp_flops(in, width, out, 0));
            seconds = -1;
        }
    }
    if (seconds >= 0) { step_failed("MLP step", models, v->name, isk_error(context)); }
    isk_graph_close(graph);
    isk_close(context);
}

/* When the epochs of a stage ended; stops the training when enough was seen. */
typedef struct watch {
    isk_context *context;
    double start, enough;           /* seconds after the first epoch of the last stage; 0: all epochs are wanted */
    double first, last, best;       /* of the stage now: ends of its first and last epoch; the quickest between two */
    int epochs;                     /* of the stage, seen */
    double shared;                  /* mean seconds of an epoch of the stage before, "shared" */
    double fraction;                /* of the whole call */
    char stage[16];
} watch;

static double watch_mean(const watch *w) { return w->epochs > 1 ? (w->last - w->first) / (w->epochs - 1) : 0; }

static void on_progress(void *user, const isk_progress *progress) {
    watch *w = (watch *)user;
    const double time = now();
    if (strcmp(w->stage, progress->stage) != 0) {
        if (strcmp(w->stage, "shared") == 0) { w->shared = watch_mean(w); }
        snprintf(w->stage, sizeof w->stage, "%s", progress->stage);
        w->epochs = 0;
    }
    if (w->epochs == 0) {
        w->first = time;
        w->best = 1e30;
    } else {
        w->best = least(w->best, time - w->last);
    }
    w->last = time;
    w->epochs++;
    w->fraction = progress->fraction;
    if (w->enough > 0 && w->epochs > 2 && time - w->first > w->enough && w->context) { isk_interrupt(w->context); }
}

static void indiseek_row(int models, const variant *v) {
    const int batch = small ? 16 : 128, rows = (small ? 2 : 78) * batch, cols = SETTING_COLS, shared = SETTING_SHARED;
    const int width = small ? 8 : 100, dim = 10;
    watch w;
    isk_sweep_desc sweep;
    isk_model **trained = (isk_model **)calloc((size_t)models, sizeof *trained);
    float *x = numbers((size_t)(rows * cols)), *c = numbers((size_t)(rows * shared));
    isk_status status = ISK_MEMORY;
    int i;
    memset(&w, 0, sizeof w);
    w.context = open_on(v->trainer, v->precision, on_progress, &w);
    w.enough = small ? 1e-9 : turn;
    memset(&sweep, 0, sizeof sweep);
    sweep.seed_count = models;
    sweep.fit.preset = ISK_SIMULATION;
    sweep.fit.view_count = 1;
    sweep.fit.views[0].x = (isk_matrix){ x, rows, cols };
    sweep.fit.views[0].given = (isk_matrix){ c, rows, shared };
    sweep.fit.options.epochs = 100000;
    sweep.fit.options.batch = batch;
    sweep.fit.options.width = width;
    sweep.fit.options.dim = dim;
    sweep.fit.options.validation = ISK_NONE;
    sweep.fit.options.diagnoses = ISK_NONE;
    if (w.context && trained) { status = isk_sweep(w.context, &sweep, trained); }
    if (status == ISK_INTERRUPTED || status == ISK_OK) {
        const double critic = 2 * mlp_flops(shared, width, dim, 0), encoder = mlp_flops(cols, width, dim, 0),
                     decoder = mlp_flops(dim + shared, width, cols, 1), bound = 2 * 2 * mlp_weights(shared, width, dim);
        const double flops = batch * (5 * critic + encoder + decoder + bound);
        step_row("IndiSeek step", models, v->name, w.best / (rows / batch), flops);
    } else {
        step_failed("IndiSeek step", models, v->name, isk_error(w.context));
    }
    for (i = 0; trained && i < models; i++) { isk_model_close(trained[i]); }
    free(trained);
    free(x);
    free(c);
    isk_close(w.context);
}

static void precise_rows(int models) {
    size_t i;
    for (i = 0; i < sizeof precise / sizeof precise[0]; i++) {
        mlp_row(models, &precise[i]);
        indiseek_row(models, &precise[i]);
    }
}

/* ---- single kernels ---- */

/* Kernels of our own, for what the GPU can do at most: eight chains of multiply-adds a thread; eight tiles a warp. */
static const char peak_text[] =
    "ISK_ELEMENTS(bench_fma) {\n"
    "    const float x = call.attributes[0], y = call.attributes[1];\n"
    "    float a = y + (float)j, b = a + y, c = b + y, d = c + y, e = d + y, f = e + y, g = f + y, h = g + y;\n"
    "    int k;\n"
    "    for (k = 0; k < call.inner; k++) {\n"
    "#pragma unroll\n"
    "        for (int n = 0; n < 16; n++) {\n"
    "            a = a * x + y; b = b * x + y; c = c * x + y; d = d * x + y;\n"
    "            e = e * x + y; f = f * x + y; g = g * x + y; h = h * x + y;\n"
    "        }\n"
    "    }\n"
    "    call.out.data[(long long)i * call.out.stride + j] = a + b + c + d + e + f + g + h;\n"
    "}\n";

static const char tensor_text[] =
    "ISK_TILES(bench_tensor) {\n"
    "    unsigned a[4], b[2];\n"
    "    float c0[4], c1[4], c2[4], c3[4], c4[4], c5[4], c6[4], c7[4];\n"
    "    int k;\n"
    "#pragma unroll\n"
    "    for (k = 0; k < 4; k++) {\n"
    "        a[k] = dev_tf32(call.attributes[0] * (float)(threadIdx.x + k));\n"
    "        c0[k] = c1[k] = c2[k] = c3[k] = c4[k] = c5[k] = c6[k] = c7[k] = 0;\n"
    "    }\n"
    "    b[0] = a[1];\n"
    "    b[1] = a[2];\n"
    "    for (k = 0; k < call.inner; k++) {\n"
    "        dev_mma_tf32(c0, a, b); dev_mma_tf32(c1, a, b); dev_mma_tf32(c2, a, b); dev_mma_tf32(c3, a, b);\n"
    "        dev_mma_tf32(c4, a, b); dev_mma_tf32(c5, a, b); dev_mma_tf32(c6, a, b); dev_mma_tf32(c7, a, b);\n"
    "    }\n"
    "    call.out.data[tile * 256 + (int)threadIdx.x] = c0[0] + c1[1] + c2[2] + c3[3] + c4[0] + c5[1] + c6[2] + c7[3]\n"
    "                                                   + (float)model;\n"
    "}\n";

/* Launches of one thing on the GPU's stream: a kernel, or a call of cuBLAS. */
typedef struct work {
    isk__cuda *cuda;
    void *function;                 /* of the kernel; NULL: `call_other` */
    unsigned blocks, models;
    isk__kernel_call call;
    int (*other)(void *user);
    void *user;
} work;

static int work_launch(work *w) {
    void *arguments[1];
    arguments[0] = &w->call;
    if (!w->function) { return w->other(w->user); }
    return w->cuda->driver.launch(w->function, w->blocks, w->models, 1, ISK__BLOCK_THREADS, 1, 1, 0, w->cuda->stream,
                                  arguments, NULL);
}

/* Seconds of one launch, as one of ten in a CUDA graph; negative: the driver's error. */
static double work_seconds(work *w) {
    const isk__driver *driver = &w->cuda->driver;
    const int launches = small ? 1 : 10;
    void *graph = NULL, *executable = NULL;
    double best = 1e30, end;
    int result = work_launch(w), k, ended, repeats = 1;
    if (result == 0) { result = driver->synchronise(w->cuda->stream); }
    if (result == 0) { result = driver->begin_capture(w->cuda->stream, 1); }
    if (result != 0) { return -result; }
    for (k = 0; k < launches && result == 0; k++) { result = work_launch(w); }
    ended = driver->end_capture(w->cuda->stream, &graph);
    if (result == 0) { result = ended; }
    if (result == 0) { result = driver->graph_instantiate(&executable, graph, 0); }
    if (graph) { driver->graph_destroy(graph); }
    for (end = now() + (small ? 0 : 0.3), k = 0; result == 0 && (k < 2 || now() < end); k++) {
        const double start = now();
        double seconds;
        int i;
        for (i = 0; i < repeats && result == 0; i++) { result = driver->graph_launch(executable, w->cuda->stream); }
        if (result == 0) { result = driver->synchronise(w->cuda->stream); }
        seconds = now() - start;
        if (k > 0) { best = least(best, seconds / repeats / launches); }    /* the first time warms up */
        if (seconds < 0.01 && !small) { repeats = 1 + (int)(0.01 * repeats / (seconds + 1e-9)); }
    }
    if (executable) { driver->executable_destroy(executable); }
    return result == 0 ? best : -result;
}

/* Device memory of so many floats, with numbers in its first part; 0 when there is none. */
static uint64_t device_floats(isk__cuda *cuda, size_t count) {
    const size_t part = count < (size_t)1 << 24 ? count : (size_t)1 << 24;
    float *values = numbers(part);
    uint64_t address = 0;
    if (cuda->driver.allocate(&address, count * sizeof *values) != 0) { address = 0; }
    if (address && cuda->driver.set_words(address, 0, count) != 0) { address = 0; }
    if (address && cuda->driver.to_device(address, values, part * sizeof *values) != 0) { address = 0; }
    free(values);
    return address;
}

static float *pointer(uint64_t address) { return (float *)(uintptr_t)address; }

/* Control blocks of `models` models that all live. */
static isk__kernel_control *device_controls(isk__cuda *cuda, int models) {
    isk__kernel_control *controls = (isk__kernel_control *)calloc((size_t)models, sizeof *controls);
    uint64_t address = 0;
    int i;
    for (i = 0; controls && i < models; i++) {
        controls[i].live = 1;
        controls[i].rate = 1e-3;
    }
    if (!controls || cuda->driver.allocate(&address, (size_t)models * sizeof *controls) != 0 ||
        cuda->driver.to_device(address, controls, (size_t)models * sizeof *controls) != 0) { address = 0; }
    free(controls);
    return (isk__kernel_control *)(uintptr_t)address;
}

/* A kernel of text of our own, behind the prelude and, where given, a module. */
static int own_kernel(isk__cuda *cuda, const char *kernel, const char *name, int module, void **function) {
    isk__text source;
    void *loaded = NULL;
    isk_status status;
    memset(&source, 0, sizeof source);
    source.context = cuda->context;
    isk__text_lines(&source, isk__kernel_prelude);
    if (module >= 0) { isk__text_lines(&source, isk__kernel_modules[module].text); }
    isk__text_add(&source, kernel);
    status = source.failed ? isk__no_memory(cuda->context, "kernel text", source.capacity)
                           : isk__cuda_load(cuda, name, source.data, &loaded);
    isk__release(cuda->context, source.data);
    if (status == ISK_OK) {
        status = isk__cuda_check(cuda, cuda->driver.module_function(function, loaded, name), "finding a kernel");
    }
    return status == ISK_OK;
}

static const isk__kernel_info *template_kernel(const char *name) {
    size_t i;
    for (i = 0; i < sizeof isk__template_kernels / sizeof isk__template_kernels[0]; i++) {
        if (strcmp(isk__template_kernels[i].name, name) == 0) { return &isk__template_kernels[i]; }
    }
    return NULL;
}

static int named_kernel(isk__cuda *cuda, const char *name, void **function) {
    const isk__kernel_info *info = template_kernel(name);
    if (!info) {
        isk__fail(cuda->context, ISK_DEVICE, "there is no kernel %s", name);
        return 0;
    }
    return isk__cuda_function(cuda, info->module, name, function) == ISK_OK;
}

/* Prints a failed launch with the driver's word for it. */
static void work_failed(const isk__cuda *cuda, const char *row, double result) {
    char why[120];
    snprintf(why, sizeof why, "a launch failed: %s (%d)", isk__cuda_error(cuda, (int)-result), (int)-result);
    row_failed(row, why);
}

static struct limits {
    int known;
    double copy, fma, tensor;       /* bytes/s read and written, FLOP/s; 0: not measured */
} limits;

/* Measures what the shares are of, once in a process; prints them when asked. */
static void find_limits(isk__cuda *cuda, int print) {
    const size_t count = (size_t)1 << (small ? 12 : 28);
    const int many = small ? 1 : cuda->processors * 16, inner = small ? 2 : 256;
    uint64_t from, to;
    double seconds, end;
    work w;
    int k, result = 0;
    if (limits.known) { return; }
    limits.known = 1;
    from = device_floats(cuda, count);
    to = device_floats(cuda, count);
    if (!from || !to) {
        row_failed("peaks", "no device memory for 2 GB");
        return;
    }
    /* the driver's own copy, on its default stream */
    for (end = now() + (small ? 0 : 0.4), seconds = 1e30, k = 0; result == 0 && (k < 2 || now() < end); k++) {
        const double start = now();
        int i;
        for (i = 0; i < 4 && result == 0; i++) { result = cuda->driver.on_device(to, from, count * sizeof(float)); }
        if (result == 0) { result = cuda->driver.synchronise(NULL); }
        seconds = least(seconds, (now() - start) / 4);
    }
    if (result == 0) {
        limits.copy = 2.0 * (double)count * sizeof(float) / seconds;
        if (print) {
            row_out("copy bandwidth", limits.copy / 1e9, "GB/s", "cuMemcpyDtoD of 1 GiB, bytes read and written");
        }
    } else if (print) {
        work_failed(cuda, "copy bandwidth", -result);
    }
    memset(&w, 0, sizeof w);
    w.cuda = cuda;
    w.models = 1;
    w.call.control = device_controls(cuda, 1);
    w.call.rows = many;
    w.call.cols = 256;
    w.call.inner = inner;
    w.call.out.data = pointer(to);
    w.call.out.stride = 256;
    w.call.attributes[0] = 0.999f;
    w.call.attributes[1] = 1e-4f;
    w.blocks = (unsigned)many;
    if (own_kernel(cuda, peak_text, "bench_fma", -1, &w.function)) {
        seconds = work_seconds(&w);
        if (seconds > 0) {
            limits.fma = 2.0 * 8 * 16 * inner * 256 * many / seconds;
            if (print) {
                row_out("FMA peak", limits.fma / 1e12, "TFLOP/s", "float32, independent multiply-adds on registers");
            }
        } else if (print) {
            work_failed(cuda, "FMA peak", seconds);
        }
    } else if (print) {
        row_failed("FMA peak", isk_error(cuda->context));
    }
    if (cuda->major < 8) {
        if (print) { row_failed("tensor peak", "this GPU has no TF32 products"); }
    } else if (own_kernel(cuda, tensor_text, "bench_tensor", template_kernel("isk_gemm_tf32")->module, &w.function)) {
        w.call.inner = small ? 2 : 4096;
        w.call.tiles = many;
        w.call.attributes[0] = 0.37f;
        seconds = work_seconds(&w);
        if (seconds > 0) {
            limits.tensor = 2.0 * 16 * 8 * 8 * 8 * w.call.inner * 8.0 * many / seconds;
            if (print) {
                row_out("tensor peak", limits.tensor / 1e12, "TFLOP/s", "TF32 by mma.sync m16n8k8 on registers");
            }
        } else if (print) {
            work_failed(cuda, "tensor peak", seconds);
        }
    } else if (print) {
        row_failed("tensor peak", isk_error(cuda->context));
    }
    cuda->driver.free(from);
    cuda->driver.free(to);
    cuda->driver.free((uint64_t)(uintptr_t)w.call.control);
}

/* "12.3 % of ...", or nothing where the limit is not known */
static const char *share(double rate, double limit, const char *of) {
    static char texts[4][100];
    static int next;
    char *to = texts[next++ % 4];
    if (limit > 0) {
        snprintf(to, sizeof texts[0], "%.1f %% of %s", 100 * rate / limit, of);
    } else {
        snprintf(to, sizeof texts[0], "%s was not measured", of);
    }
    return to;
}

/* ---- products ---- */

/* cuBLAS, where it can be opened: BENCH_CUBLAS names it. */
static struct cublas {
    void *library, *handle;
    int (*create)(void **handle);
    int (*set_stream)(void *handle, void *stream);
    int (*set_mode)(void *handle, int mode);
    int (*product)(void *handle, int ta, int tb, int m, int n, int k, const float *alpha, const float *a, int lda,
                   long long sa, const float *b, int ldb, long long sb, const float *beta, float *c, int ldc, long long sc,
                   int count);
    char why[200];
} cublas;

static int cublas_open(isk__cuda *cuda) {
    static const char *const names[] = { "libcublas.so.13", "/usr/local/cuda/lib64/libcublas.so.13", "libcublas.so.12",
                                         "/usr/local/cuda/lib64/libcublas.so.12", "libcublas.so", NULL };
    static const isk__symbol symbols[] = { { "cublasCreate_v2", offsetof(struct cublas, create) },
                                           { "cublasSetStream_v2", offsetof(struct cublas, set_stream) },
                                           { "cublasSetMathMode", offsetof(struct cublas, set_mode) },
                                           { "cublasSgemmStridedBatched", offsetof(struct cublas, product) },
                                           { NULL, 0 } };
    const char *missing;
    char path[200];
    int result;
    cublas.library = isk__library_open("BENCH_CUBLAS", names, path, sizeof path);
    if (!cublas.library) {
        snprintf(cublas.why, sizeof cublas.why, "cuBLAS is not installed: %.150s", isk__library_error());
        return 0;
    }
    missing = isk__library_symbols(cublas.library, symbols, &cublas);
    if (missing) {
        snprintf(cublas.why, sizeof cublas.why, "%.100s has no %s", path, missing);
        return 0;
    }
    result = cublas.create(&cublas.handle);
    if (result == 0) { result = cublas.set_stream(cublas.handle, cuda->stream); }
    if (result != 0) { snprintf(cublas.why, sizeof cublas.why, "%.100s does not start: status %d", path, result); }
    return result == 0;
}

typedef struct product { int m, n, k, models; float *a, *b, *c; } product;

/* Row-major C = A B is column-major C^T = B^T A^T. */
static int cublas_product(void *user) {
    const product *p = (const product *)user;
    const float one = 1, zero = 0;
    return cublas.product(cublas.handle, 0, 0, p->n, p->m, p->k, &one, p->b, p->n, (long long)p->k * p->n, p->a, p->k,
                          (long long)p->m * p->k, &zero, p->c, p->n, (long long)p->m * p->n, p->models);
}

static void product_row(isk__cuda *cuda, const product *p, const char *name, double seconds, int tensor) {
    const double rate = 2.0 * p->m * p->n * p->k * p->models / seconds;
    char row[120], note[300];
    snprintf(row, sizeof row, "product %dx%dx%d, %d model%s, %s", p->m, p->n, p->k, p->models,
             p->models > 1 ? "s" : "", name);
    if (seconds <= 0) {
        work_failed(cuda, row, seconds);
        return;
    }
    snprintf(note, sizeof note, "%.1f us; %s", seconds * 1e6,
             tensor ? share(rate, limits.tensor, "the tensor peak") : share(rate, limits.fma, "the FMA peak"));
    row_out(row, rate / 1e12, "TFLOP/s", note);
}

static void gemm_rows(void) {
    static const struct { int m, n, k, models; } sizes[] = {
        { 128, 100, 100, 1 }, { 128, 100, 100, 132 }, { 128, 50, 2000, 1 }, { 128, 50, 50, 132 },
        { 2048, 2048, 2048, 1 }
    };
    static const struct { const char *name, *kernel; int tile, tensor; } kernels[] = {
        { "fp32", "isk_gemm_fp32", 64, 0 }, { "fp32 small", "isk_gemm_fp32_small", 32, 0 },
        { "tf32x3", "isk_gemm_tf32x3", 64, 1 }, { "tf32", "isk_gemm_tf32", 64, 1 }
    };
    isk_context *context = open_on(ISK_TRAINER_AUTO, ISK_FP32, NULL, NULL);
    isk__cuda *cuda = gpu_of(context, "products");
    int has_cublas, mode;
    size_t s, k;
    if (!cuda) { return; }
    find_limits(cuda, 0);
    has_cublas = cublas_open(cuda);
    if (!has_cublas) { row_failed("cuBLAS", cublas.why); }
    for (s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        product p;
        uint64_t memory[3];
        isk__kernel_control *controls;
        memset(&p, 0, sizeof p);
        p.m = small ? 8 + (int)s : sizes[s].m;
        p.n = small ? 10 : sizes[s].n;
        p.k = small ? 12 : sizes[s].k;
        p.models = small && sizes[s].models > 1 ? 2 : sizes[s].models;
        memory[0] = device_floats(cuda, (size_t)p.m * (size_t)p.k * (size_t)p.models);
        memory[1] = device_floats(cuda, (size_t)p.k * (size_t)p.n * (size_t)p.models);
        memory[2] = device_floats(cuda, (size_t)p.m * (size_t)p.n * (size_t)p.models);
        controls = device_controls(cuda, p.models);
        if (!memory[0] || !memory[1] || !memory[2] || !controls) {
            row_failed("products", "no device memory");
            break;
        }
        p.a = pointer(memory[0]);
        p.b = pointer(memory[1]);
        p.c = pointer(memory[2]);
        for (k = 0; k < sizeof kernels / sizeof kernels[0]; k++) {
            const int tile = kernels[k].tile;
            work w;
            memset(&w, 0, sizeof w);
            if (kernels[k].tensor && cuda->major < 8) { continue; }
            w.cuda = cuda;
            w.models = (unsigned)p.models;
            w.call.control = controls;
            w.call.in[0].data = p.a;
            w.call.in[0].stride = p.k;
            w.call.in[0].model = (int64_t)p.m * p.k;
            w.call.in[1].data = p.b;
            w.call.in[1].stride = p.n;
            w.call.in[1].model = (int64_t)p.k * p.n;
            w.call.out.data = p.c;
            w.call.out.stride = p.n;
            w.call.out.model = (int64_t)p.m * p.n;
            w.call.rows = p.m;
            w.call.cols = p.n;
            w.call.inner = p.k;
            w.call.tiles = (p.m + tile - 1) / tile * ((p.n + tile - 1) / tile);
            w.blocks = (unsigned)w.call.tiles;
            if (!named_kernel(cuda, kernels[k].kernel, &w.function)) {
                row_failed(kernels[k].kernel, isk_error(context));
                continue;
            }
            product_row(cuda, &p, kernels[k].name, work_seconds(&w), kernels[k].tensor);
        }
        for (mode = 0; has_cublas && mode < 2; mode++) {
            const int tf32 = 3;                 /* CUBLAS_TF32_TENSOR_OP_MATH; 0 is plain float */
            work w;
            memset(&w, 0, sizeof w);
            w.cuda = cuda;
            w.other = cublas_product;
            w.user = &p;
            cublas.set_mode(cublas.handle, mode ? tf32 : 0);
            product_row(cuda, &p, mode ? "cuBLAS tf32" : "cuBLAS fp32", work_seconds(&w), mode);
        }
        for (k = 0; k < 3; k++) { cuda->driver.free(memory[k]); }
        cuda->driver.free((uint64_t)(uintptr_t)controls);
    }
    isk_close(context);
}

/* ---- InfoNCE ---- */

static void nce_row(int rows) {
    const int cols = small ? 6 : 50;
    isk_context *context = open_on(ISK_TRAINER_GRAPH, ISK_FP32, NULL, NULL);
    isk__cuda *cuda;
    isk_graph *graph;
    isk_program *program;
    isk_parameter_desc parameter;
    isk_optimizer_desc sgd;
    isk_tensor u, v, scale;
    const float sharp = (float)(1 / 0.07);
    double seconds = 0;
    char row[60], note[300];
    snprintf(row, sizeof row, "InfoNCE forward and backward, %d x %d", rows, cols);
    cuda = gpu_of(context, row);
    if (!cuda) { return; }
    find_limits(cuda, 0);
    memset(&parameter, 0, sizeof parameter);
    memset(&sgd, 0, sizeof sgd);
    sgd.kind = ISK_SGD;                         /* the least that a step can end with */
    sgd.rate = 1e-9;
    graph = isk_graph_open(context, NULL);
    scale = isk_input(graph, 1, 1);
    u = isk_parameter(isk_group_scope(graph, "rows"), "u", rows, cols, &parameter);
    v = isk_parameter(isk_group_scope(graph, "rows"), "v", rows, cols, &parameter);
    program = isk_program_minimize(graph, "rows", isk_info_nce(u, v, scale), &sgd);
    if (program && fill(u, 0.2) && fill(v, 0.2) && isk_write(scale, 0, &sharp) == ISK_OK &&
        program_seconds(program, &seconds) == ISK_OK) {
        /* three products; ten passes over the square of all pairs: the products write one and read two, seven are between */
        const double square = (double)rows * rows, flops = 6 * square * cols, bytes = 10 * square * sizeof(float);
        snprintf(note, sizeof note, "%s; %s, if every pass over the pairs goes to memory",
                 share(flops / seconds, limits.fma, "the FMA peak"), share(bytes / seconds, limits.copy, "the copy bandwidth"));
        row_out(row, seconds * 1e6, "us", note);
    } else {
        row_failed(row, isk_error(context));
    }
    isk_graph_close(graph);
    isk_close(context);
}

/* ---- kernels that only move memory ---- */

/* Three ops of the shapes that training has, enough models for more than the cache holds. */
static void op_rows(void) {
    static const struct { const char *name; double passes; } ops[] = {
        { "isk_add", 3 }, { "isk_gelu", 2 }, { "isk_softmax", 2 }, { "isk_standardize", 2 }
    };
    const int rows = small ? 8 : 128, cols = small ? 10 : 100, models = small ? 2 : 1024;
    const size_t count = (size_t)(small ? 1000 : 1 << 25);
    isk_context *context = open_on(ISK_TRAINER_GRAPH, ISK_FP32, NULL, NULL);
    isk__cuda *cuda = gpu_of(context, "ops");
    static const char *const names[] = { "isk_copy", "isk_adam" };
    uint64_t memory[4];
    work w;
    int k, failed = 0;
    if (!cuda) { return; }
    find_limits(cuda, 0);
    for (k = 0; k < 4; k++) { memory[k] = device_floats(cuda, count); }
    memset(&w, 0, sizeof w);
    w.cuda = cuda;
    w.models = 1;
    w.blocks = (unsigned)((count + ISK__BLOCK_THREADS - 1) / ISK__BLOCK_THREADS);
    w.call.control = device_controls(cuda, 1);
    w.call.rows = 1;
    w.call.cols = (int)count;
    for (k = 0; k < 4; k++) { failed |= !memory[k]; }
    for (k = 0; k < 2 && !failed && w.call.control; k++) {
        /* adam: p, m, v read and written, gradient read */
        const double bytes = (k ? 7.0 : 2.0) * (double)count * sizeof(float);
        double seconds;
        char note[200];
        w.call.in[0].data = pointer(memory[0]);
        w.call.out.data = pointer(memory[1]);
        w.call.in[1].data = pointer(memory[2]);
        w.call.grad.data = pointer(memory[3]);
        w.call.in[0].stride = w.call.in[1].stride = w.call.out.stride = w.call.grad.stride = (int)count;
        w.call.attributes[0] = 0.9f;
        w.call.attributes[1] = 0.999f;
        w.call.attributes[2] = 1e-8f;
        w.call.attributes[3] = 0;
        if (!named_kernel(cuda, names[k], &w.function)) {
            row_failed(names[k], isk_error(context));
            continue;
        }
        seconds = work_seconds(&w);
        if (seconds <= 0) {
            work_failed(cuda, names[k], seconds);
            continue;
        }
        snprintf(note, sizeof note, "%s; %zu numbers", share(bytes / seconds, limits.copy, "the copy bandwidth"),
                 count);
        row_out(names[k], bytes / seconds / 1e9, "GB/s", note);
    }
    if (failed || !w.call.control) { row_failed("isk_copy, isk_adam", "no device memory"); }
    if (w.call.control) { cuda->driver.free((uint64_t)(uintptr_t)w.call.control); }
    for (k = 0; k < 4; k++) {
        if (memory[k]) { cuda->driver.free(memory[k]); }
    }
    for (k = 0; k < (int)(sizeof ops / sizeof ops[0]); k++) {
        isk_graph_desc desc;
        isk_graph *graph;
        isk_tensor x, y, out;
        isk_program *program;
        double seconds = 0, bytes = ops[k].passes * rows * cols * models * (double)sizeof(float);
        char note[200];
        memset(&desc, 0, sizeof desc);
        desc.models = models;
        graph = isk_graph_open(context, &desc);
        x = isk_model_input(graph, rows, cols);
        y = isk_model_input(graph, rows, cols);
        out = k == 0 ? isk_add(x, y) : k == 1 ? isk_gelu(x) : k == 2 ? isk_softmax(x) : isk_standardize(x, 1e-5);
        program = isk_program_compute(graph, &out, 1);
        if (program && program_seconds(program, &seconds) == ISK_OK) {
            snprintf(note, sizeof note, "%s; [%d, %d] of %d models, with the three small kernels of a round",
                     share(bytes / seconds, limits.copy, "the copy bandwidth"), rows, cols, models);
            row_out(ops[k].name, bytes / seconds / 1e9, "GB/s", note);
        } else {
            row_failed(ops[k].name, isk_error(context));
        }
        isk_graph_close(graph);
    }
    isk_close(context);
}

/* ---- whole pieces of work ---- */

static void grid_row(void) {
    enum { LAMBDAS = 4, MOST_SEEDS = 10 };
    static const double lambdas[LAMBDAS] = { 0.01, 0.1, 1, 10 };
    const int seeds = small ? 1 : MOST_SEEDS, rows = small ? 64 : 10000;
    static setting_run runs[LAMBDAS * MOST_SEEDS];
    const double begin = now();
    double due = 0;                 /* what the work not done would have taken */
    int setting, cut = 0;
    for (setting = 1; setting <= 4; setting++) {
        const double start = now(), left = patience - (start - begin);
        watch w;
        isk_sweep_desc sweep;
        isk_status status = ISK_MEMORY;
        char row[60], note[300];
        snprintf(row, sizeof row, "simulation setting %d, %d lambdas x %d seeds", setting, LAMBDAS, seeds);
        memset(&w, 0, sizeof w);
        w.context = open_on(ISK_TRAINER_AUTO, ISK_FP32, on_progress, &w);
        w.enough = left > 0.5 ? left : 0.5;
        memset(&sweep, 0, sizeof sweep);
        sweep.lambdas = lambdas;
        sweep.lambda_count = LAMBDAS;
        sweep.seed_count = seeds;
        sweep.fit.preset = ISK_SIMULATION;
        if (small) {
            sweep.fit.options.width = 8;
            sweep.fit.options.batch = 16;
            sweep.fit.options.epochs = 1;
        }
        if (w.context) { status = setting_sweep(w.context, setting, rows, small ? 50 : 1000, &sweep, runs); }
        if (status == ISK_OK) {
            setting_summary s;
            setting_summarise(runs + seeds, seeds, &s);         /* lambda 0.1 */
            snprintf(note, sizeof note, "at lambda 0.1: %s %.3f, worst test error %.2g, %d of %d diverged",
                     setting_share_words(setting), setting_share(setting, &s), s.worst_error, s.diverged, s.runs);
            row_out(row, now() - start, "s", note);
        } else if (status == ISK_INTERRUPTED && w.fraction > 0) {
            cut = 1;
            due += (w.last - start) / w.fraction - (now() - start);
            snprintf(note, sizeof note, "extrapolated: cut short after %.0f %% of the epochs", 100 * w.fraction);
            row_out(row, (w.last - start) / w.fraction, "s", note);
        } else {
            row_failed(row, isk_error(w.context));
            isk_close(w.context);
            return;
        }
        isk_close(w.context);
    }
    row_out("simulation grid, 4 settings x 4 lambdas x 10 seeds", now() - begin + due, "s",
            small ? "small sizes: means nothing" :
            cut   ? "partly extrapolated"
                  : "160 models of 3120 steps (5 critic updates and a main one)");
}

static void cite_row(void) {
    const int rows = small ? 64 : 15000, cols[2] = { small ? 8 : 200, small ? 4 : 24 };
    const int epochs = small ? 3 : 20, all = 2000;
    const char *row = "CITE-seq fit 15000 x (200, 24), paper's options";
    watch w;
    isk_fit_desc fit;
    isk_model *model = NULL;
    float *x[2];
    isk_status status = ISK_MEMORY;
    char note[300];
    int i;
    memset(&w, 0, sizeof w);
    memset(&fit, 0, sizeof fit);
    w.context = open_on(ISK_TRAINER_AUTO, ISK_FP32, on_progress, &w);
    w.enough = patience / 2;        /* of each stage */
    w.start = now();
    fit.preset = ISK_PAPER;
    fit.view_count = 2;
    for (i = 0; i < 2; i++) {
        x[i] = numbers((size_t)rows * (size_t)cols[i]);
        fit.views[i].x = (isk_matrix){ x[i], rows, cols[i] };
    }
    fit.options.epochs = fit.options.shared_epochs = epochs;
    fit.options.validation = ISK_NONE;
    fit.options.diagnoses = ISK_NONE;
    if (small) {
        fit.options.width = fit.options.dim = fit.options.shared_dim = 8;
        fit.options.batch = 16;
    }
    if (w.context) { status = isk_fit(w.context, &fit, &model); }
    if ((status == ISK_OK || status == ISK_INTERRUPTED) && w.shared > 0 && w.epochs > 1) {
        snprintf(note, sizeof note, "extrapolated from %d epochs of each stage: %.4g s an epoch of CLIP, %.4g s of IndiSeek "
                 "(5 passes of the critics); random numbers as data", w.epochs, w.shared, watch_mean(&w));
        row_out(row, all * (w.shared + watch_mean(&w)), "s", note);
    } else {
        row_failed(row, status == ISK_INTERRUPTED ? "cut short before both stages were seen" : isk_error(w.context));
    }
    isk_model_close(model);
    free(x[0]);
    free(x[1]);
    isk_close(w.context);
}

/* Every kernel that training launches, in both trainers and all precisions, on sizes with tails. */
static void sanitise_row(void) {
    static const struct { isk_trainer trainer; isk_precision precision; const char *options; } runs[] = {
        { ISK_TRAINER_GRAPH, ISK_FP32, "" }, { ISK_TRAINER_BLOCK, ISK_FP32, "" },
        { ISK_TRAINER_GRAPH, ISK_TF32X3, "norm" }, { ISK_TRAINER_GRAPH, ISK_TF32, "other" }, { ISK_TRAINER_BLOCK, ISK_TF32, "" }
    };
    const int rows = 70, cols[2] = { 9, 5 };
    float *x[2];
    size_t k;
    int i;
    for (i = 0; i < 2; i++) { x[i] = numbers((size_t)(rows * cols[i])); }
    for (k = 0; k < (small ? 1 : sizeof runs / sizeof runs[0]); k++) {
        isk_context *context = open_on(runs[k].trainer, runs[k].precision, NULL, NULL);
        isk_sweep_desc sweep;
        isk_model *models[2] = { NULL, NULL };
        memset(&sweep, 0, sizeof sweep);
        sweep.seed_count = 2;
        sweep.fit.method = ISK_INDISEEK;
        sweep.fit.view_count = 2;
        for (i = 0; i < 2; i++) { sweep.fit.views[i].x = (isk_matrix){ x[i], rows, cols[i] }; }
        sweep.fit.options.batch = 32;
        sweep.fit.options.width = 37;
        sweep.fit.options.layers = 3;
        sweep.fit.options.dim = sweep.fit.options.shared_dim = 7;
        sweep.fit.options.epochs = sweep.fit.options.shared_epochs = 1;
        sweep.fit.options.diagnoses = ISK_NONE;
        if (strcmp(runs[k].options, "norm") == 0) {
            sweep.fit.options.norm = ISK_NORM_BATCH;
            sweep.fit.options.dropout = 0.2;
            sweep.fit.options.clip_norm = 0.5;
        } else if (strcmp(runs[k].options, "other") == 0) {
            sweep.fit.options.norm = ISK_NORM_LAYER;
            sweep.fit.options.activation = ISK_GELU;
            sweep.fit.options.club = ISK_CLUB_PERMUTATION;
            sweep.fit.options.optimizer = ISK_SGD;
        }
        if (!context || isk_sweep(context, &sweep, models) != ISK_OK) {
            row_failed("short run", isk_error(context));
        } else {
            fprintf(stderr, "short run %d is through\n", (int)k);
        }
        for (i = 0; i < 2; i++) { isk_model_close(models[i]); }
        isk_close(context);
    }
    free(x[0]);
    free(x[1]);
    if (!failures) { row_out("short run", (double)k, "runs", "two models each: CLIP and IndiSeek, one epoch"); }
}

/* ---- what is there ---- */

static void info_row(void) {
    isk_cuda_info info;
    isk_cuda_info_get(&info);
    printf("{\"usable\": %s, \"gpu\": ", info.usable ? "true" : "false");
    text_out(info.gpus[0].name);
    printf(", \"capability\": \"%d.%d\", \"multiprocessors\": %d, \"memory_gb\": %.1f, \"driver\": ",
           info.gpus[0].major, info.gpus[0].minor, info.gpus[0].multiprocessors, (double)info.gpus[0].memory / 1e9);
    text_out(info.driver);
    printf(", \"nvrtc\": ");
    text_out(info.compiler);
    printf(", \"missing\": ");
    text_out(info.missing);
    printf("}\n");
}

static void kernels_row(void) {
    isk_context *context = open_on(ISK_TRAINER_AUTO, ISK_FP32, NULL, NULL);
    isk__cuda *cuda = gpu_of(context, "kernels compiled");
    const double start = now();
    char note[400] = "";
    size_t i;
    int module;
    if (!cuda) { return; }
    for (module = 0; module < ISK__MODULES; module++) {
        const char *name = NULL;
        const double before = now();
        char op[80];
        void *function;
        for (i = 0; !name && i < sizeof isk__template_kernels / sizeof isk__template_kernels[0]; i++) {
            if (isk__template_kernels[i].module == module) { name = isk__template_kernels[i].name; }
        }
        for (i = 0; !name && i < ISK__OP_COUNT; i++) {
            if (isk__op_table[i].module != module || !isk__op_table[i].forward_grids[0]) { continue; }
            snprintf(op, sizeof op, "isk_%s_forward_0", isk__op_table[i].name);
            name = op;
        }
        if (name && isk__cuda_function(cuda, module, name, &function) != ISK_OK) {
            row_failed("kernels compiled", isk_error(context));
            isk_close(context);
            return;
        }
        snprintf(note + strlen(note), sizeof note - strlen(note), "%s%s %.1f", module ? ", " : "",
                 isk__kernel_modules[module].name, now() - before);
    }
    row_out("kernels compiled", now() - start, "s", note);
    isk_close(context);
}

int main(int count, char **words) {
    const char *row = NULL;
    int number = 1, i, asked = 0;
    size_t k;
    for (i = 1; i < count; i++) {
        if (strcmp(words[i], "--small") == 0) {
            small = 1;
        } else if (strcmp(words[i], "--seconds") == 0 && i + 1 < count) {
            patience = atof(words[++i]);
        } else if (!row) {
            row = words[i];
        } else {
            number = atoi(words[i]);
            asked = number > 0;
        }
    }
    if (!row || (asked && number > 100000)) {
        fprintf(stderr, "bench_gpu [--small] [--seconds S] info | kernels | mlp N | indiseek N | precise N | peaks | gemm | "
                        "nce | ops | grid | cite | sanitise\n");
        return 2;
    }
    if (strcmp(row, "info") == 0) { info_row(); }
    else if (strcmp(row, "kernels") == 0) { kernels_row(); }
    else if (strcmp(row, "mlp") == 0) { for (k = 0; k < 2; k++) { mlp_row(number, &plain[k]); } }
    else if (strcmp(row, "indiseek") == 0) { for (k = 0; k < 2; k++) { indiseek_row(number, &plain[k]); } }
    else if (strcmp(row, "precise") == 0) { precise_rows(number); }
    else if (strcmp(row, "peaks") == 0) {
        isk_context *context = open_on(ISK_TRAINER_AUTO, ISK_FP32, NULL, NULL);
        isk__cuda *cuda = gpu_of(context, "peaks");
        if (cuda) { find_limits(cuda, 1); }
        isk_close(context);
    } else if (strcmp(row, "gemm") == 0) { gemm_rows(); }
    else if (strcmp(row, "nce") == 0) {
        for (i = small ? 16 : 128; i <= (small ? 16 : 8192); i *= 8) { nce_row(i); }
    } else if (strcmp(row, "ops") == 0) { op_rows(); }
    else if (strcmp(row, "grid") == 0) { grid_row(); }
    else if (strcmp(row, "cite") == 0) { cite_row(); }
    else if (strcmp(row, "sanitise") == 0) { sanitise_row(); }
    else {
        fprintf(stderr, "bench_gpu: there is no row %s\n", row);
        return 2;
    }
    return failures ? 1 : 0;
}
