/* Speed of whole training steps through the public interface, beside the core's FMA peak and PyTorch in the same run.

       bench [WORD ...]        rows whose name holds one of the words; all without one.  `make bench` builds and runs it

   One thread and processor time on both sides.  A machine's clock drifts and its neighbours come and go, so the sides take
   turns: a moment of peak loop, of ours, of PyTorch's (peer_torch.py, in a process of its own), several times round, and the
   best of each counts.  "of peak" is the share of the fastest multiply-adds seen in this run, of the widest the CPU has.
   Without PyTorch the columns of its times stay empty. */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/times.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peak.h"

static const double slice_seconds = 0.15;       /* of one side's turn */
static const double chunk_seconds = 0.004;      /* between two looks at the clock */
static const int rounds = 5;

static void stop(const char *what, const char *why) {
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

/* Processor time of this process: what other programs on the machine do not change, and on one thread the time it takes. */
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double least(double a, double b) { return a < b ? a : b; }

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

typedef enum kind { MLP, MATMUL, INFO_NCE, FIT, INVAE } kind;

typedef struct row {
    const char *title, *name;       /* name: what peer_torch.py calls it */
    kind kind;
    int a, b, c, d;                 /* MLP: in, width, out, batch.  MATMUL: m, n, k.  INFO_NCE: columns, batch */
    int rows, views, cols[2], given, width, dim, steps;     /* FIT; steps: of which the time is that of one */
    isk_preset preset;
} row;

static const row table[] = {
    { "MLP 6-100x4-10, batch 128", "mlp 6 100 10 128", MLP, 6, 100, 10, 128, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "MLP 6-100x4-10, batch 1000", "mlp 6 100 10 1000", MLP, 6, 100, 10, 1000, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "MLP 200-50x5, batch 128", "mlp 200 50 50 128", MLP, 200, 50, 50, 128, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "MLP 200-50x5, batch 1000", "mlp 200 50 50 1000", MLP, 200, 50, 50, 1000, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "MLP 2000-50x5, batch 128", "mlp 2000 50 50 128", MLP, 2000, 50, 50, 128, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "MLP 2000-50x5, batch 1000", "mlp 2000 50 50 1000", MLP, 2000, 50, 50, 1000, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "simulation step (5 q, 1 main)", "simulation", FIT, 0, 0, 0, 0, 2560, 1, { 6, 0 }, 2, 100, 10, 20, ISK_SIMULATION },
    { "IndiSeek epoch 3400x(200,14)", "epoch", FIT, 0, 0, 0, 0, 3400, 2, { 200, 14 }, 50, 50, 50, 1, ISK_ROBUST },
    { "inVAE step, 2000 genes, batch 256", "invae", INVAE, 0, 0, 0, 0, 2560, 1, { 2000, 0 }, 12, 128, 15, 10, ISK_ROBUST },
    { "InfoNCE d=50, batch 128", "infonce 50 128", INFO_NCE, 50, 128, 0, 0, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "InfoNCE d=50, batch 1000", "infonce 50 1000", INFO_NCE, 50, 1000, 0, 0, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "product 128x100x100", "matmul 128 100 100", MATMUL, 128, 100, 100, 0, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "product 128x50x50", "matmul 128 50 50", MATMUL, 128, 50, 50, 0, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "product 128x50x2000", "matmul 128 50 2000", MATMUL, 128, 50, 2000, 0, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
    { "product 512x512x512", "matmul 512 512 512", MATMUL, 512, 512, 512, 0, 0, 0, { 0, 0 }, 0, 0, 0, 0, ISK_ROBUST },
};

/* Multiplications and additions of matrix products, per sample.  Elementwise work, exp and Adam are not counted. */
static double mlp_weights(int in, int width, int out) { return (double)in * width + 3.0 * width * width + (double)width * out; }

static double mlp_flops(int in, int width, int out, int input_gradient) {
    double weights = mlp_weights(in, width, out);
    return 2 * weights + 2 * weights + 2 * (weights - (input_gradient ? 0 : (double)in * width));
}

/* 5 critic updates and a main one: the encoder runs once, the critics once more for CLUB. */
static double step_flops(int in, int width, int dim, int shared) {
    return 5 * 2 * mlp_flops(shared, width, dim, 0) + mlp_flops(in, width, dim, 0) + mlp_flops(dim + shared, width, in, 1) +
           2 * 2 * mlp_weights(shared, width, dim);
}

static double row_flops(const row *r) {
    double flops = 0;
    int i;
    switch (r->kind) {
    case MLP: return r->d * mlp_flops(r->a, r->b, r->c, 0);
    case MATMUL: return 2.0 * r->a * r->b * r->c;
    case INFO_NCE: return 6.0 * r->b * r->b * r->a;
    case INVAE: return 5.0 * 2 * r->rows / r->steps * r->cols[0] * r->width;        /* first and last map, but for the data's gradient */
    case FIT:
        for (i = 0; i < r->views; i++) { flops += r->rows * step_flops(r->cols[i], r->width, r->dim, r->given); }
        return flops / r->steps;
    }
    return flops;
}

/* ---- ours ------------------------------------------------------------------------------------------------------------ */

/* The fit's progress, turned into seconds an epoch of all views. */
typedef struct watch {
    double first_time, first_fraction, last_time, last_fraction;
    int seen;
} watch;

static void on_progress(void *user, const isk_progress *progress) {
    watch *w = (watch *)user;
    double now = seconds();
    if (!w->seen++) {
        w->first_time = now;
        w->first_fraction = progress->fraction;
    }
    w->last_time = now;
    w->last_fraction = progress->fraction;
}

typedef struct side {
    const row *row;
    isk_context *context;
    isk_graph *graph;
    isk_program *program;
    watch watch;
    isk_scalar *data[2], *given[2];
    double best;                    /* seconds of one step */
} side;

static isk_scalar *numbers(size_t count, int unit_cols) {
    isk_scalar *x = (isk_scalar *)malloc(count * sizeof *x);
    size_t i;
    if (!x) { stop("memory", "out of it"); }
    for (i = 0; i < count; i++) { x[i] = (isk_scalar)((rand() + rand() - (double)RAND_MAX) / RAND_MAX * 2.4); }
    for (i = 0; unit_cols > 0 && i < count; i += (size_t)unit_cols) {
        double square = 0;
        int j;
        for (j = 0; j < unit_cols; j++) { square += (double)x[i + (size_t)j] * x[i + (size_t)j]; }
        for (j = 0; j < unit_cols; j++) { x[i + (size_t)j] = (isk_scalar)(x[i + (size_t)j] / sqrt(square)); }
    }
    return x;
}

/* Counts of genes of different means, a fifth of them above 0, in the place of x; then labels of 8 and batches of 4 kinds, one-hot. */
static void count_cells(const row *r, isk_scalar *x, isk_scalar *kinds) {
    const int labels = 8, batches = 4;
    int i, j;
    for (i = 0; i < r->rows; i++) {
        for (j = 0; j < r->cols[0]; j++) {
            const double mean = 1.3 * (j + 1) / r->cols[0];
            x[(size_t)i * (size_t)r->cols[0] + (size_t)j] = (isk_scalar)floor(-mean * log((rand() + 1.0) / (RAND_MAX + 1.0)));
        }
    }
    for (i = 0; i < r->rows * r->given; i++) { kinds[i] = 0; }
    for (i = 0; i < r->rows; i++) {
        kinds[i * labels + rand() % labels] = 1;
        kinds[r->rows * labels + i * batches + rand() % batches] = 1;
    }
}

static void fill(isk_tensor tensor, int unit) {
    isk_scalar *values = numbers((size_t)isk_rows(tensor) * (size_t)isk_cols(tensor), unit ? isk_cols(tensor) : 0);
    isk_write(tensor, 0, values);
    free(values);
}

static void open_side(side *s, const row *r) {
    isk_context_desc desc;
    isk_tensor x, y;
    int i;
    memset(s, 0, sizeof *s);
    memset(&desc, 0, sizeof desc);
    s->row = r;
    s->best = 1e30;
    desc.threads = 1;
    desc.progress = on_progress;
    desc.user = &s->watch;
    s->context = isk_open(&desc);
    if (!s->context) { stop(r->title, "no context"); }
    if (r->kind == FIT || r->kind == INVAE) {
        for (i = 0; i < r->views; i++) {
            s->data[i] = numbers((size_t)r->rows * (size_t)r->cols[i], 0);
            s->given[i] = numbers((size_t)r->rows * (size_t)r->given, r->given);
        }
        if (r->kind == INVAE) { count_cells(r, s->data[0], s->given[0]); }
        return;
    }
    s->graph = isk_graph_open(s->context, NULL);
    if (r->kind == MLP) {
        isk_mlp_desc mlp;
        memset(&mlp, 0, sizeof mlp);
        mlp.width = r->b;
        mlp.out = r->c;
        x = isk_input(s->graph, r->d, r->a);
        y = isk_input(s->graph, r->d, r->c);
        s->program = isk_program_minimize(s->graph, "net", isk_squared_error(isk_mlp(isk_group_scope(s->graph, "net"), x, &mlp), y), NULL);
        fill(x, 0);
        fill(y, 0);
    } else if (r->kind == MATMUL) {
        isk_tensor product;
        x = isk_input(s->graph, r->a, r->c);
        y = isk_input(s->graph, r->c, r->b);
        product = isk_matmul(x, y);
        s->program = isk_program_compute(s->graph, &product, 1);
        fill(x, 0);
        fill(y, 0);
    } else {
        /* Both sides are parameters, so that their gradients are computed; a step of plain descent ends it. */
        isk_parameter_desc parameter;
        isk_optimizer_desc sgd;
        isk_tensor scale = isk_input(s->graph, 1, 1);
        isk_scalar value = (isk_scalar)(1 / 0.07);
        memset(&parameter, 0, sizeof parameter);
        memset(&sgd, 0, sizeof sgd);
        sgd.kind = ISK_SGD;
        sgd.rate = 1e-9;
        x = isk_parameter(isk_group_scope(s->graph, "rows"), "u", r->b, r->a, &parameter);
        y = isk_parameter(isk_group_scope(s->graph, "rows"), "v", r->b, r->a, &parameter);
        s->program = isk_program_minimize(s->graph, "rows", isk_info_nce(x, y, scale), &sgd);
        fill(x, 1);
        fill(y, 1);
        isk_write(scale, 0, &value);
    }
    if (!s->program) { stop(r->title, isk_error(s->context)); }
}

static void give_kinds(isk_extra *extra, const char *name, const isk_scalar *values, int rows, int cols) {
    extra->name = name;
    extra->values.data = values;
    extra->values.rows = rows;
    extra->values.cols = cols;
}

/* The terms that bench/peer_torch.py has as well: the likelihood and both divergences. */
static void invae_fit(const side *s, isk_fit_desc *fit) {
    static const char *const settings[][2] = { { "invariant_dim", "10" }, { "spurious_dim", "5" }, { "prior_variance", "learned" },
                                               { "invariance", "0" }, { "classification", "0" } };
    const row *r = s->row;
    int i;
    fit->method = ISK_INVAE;
    for (i = 0; i < 5; i++) {
        if (isk_option_set(s->context, ISK_INVAE, &fit->options, settings[i][0], settings[i][1]) != ISK_OK) {
            stop(r->title, isk_error(s->context));
        }
    }
    give_kinds(&fit->extras[0], "label", s->given[0], r->rows, 8);
    give_kinds(&fit->extras[1], "batch", s->given[0] + r->rows * 8, r->rows, 4);
    fit->options.patience = ISK_NONE;
    fit->options.batch = 256;
}

/* Seconds a step of one fit, from its own reports of progress, so that setting up is not counted. */
static double fit_seconds(side *s) {
    const row *r = s->row;
    const int epochs = r->views == 1 ? 8 : 5;
    isk_fit_desc fit;
    isk_model *model = NULL;
    int i;
    memset(&fit, 0, sizeof fit);
    memset(&s->watch, 0, sizeof s->watch);
    fit.method = ISK_INDISEEK;
    fit.preset = r->preset;
    fit.view_count = r->views;
    for (i = 0; i < r->views; i++) {
        fit.views[i].x.data = s->data[i];
        fit.views[i].x.rows = fit.views[i].given.rows = r->rows;
        fit.views[i].x.cols = r->cols[i];
        if (r->kind == INVAE) { continue; }
        fit.views[i].given.data = s->given[i];
        fit.views[i].given.cols = r->given;
    }
    fit.options.epochs = epochs;
    fit.options.width = r->width;
    fit.options.dim = r->dim;
    fit.options.batch = 128;
    if (r->kind == INVAE) { invae_fit(s, &fit); }
    fit.options.validation = ISK_NONE;
    fit.options.diagnoses = ISK_NONE;
    if (isk_fit(s->context, &fit, &model) != ISK_OK) { stop(r->title, isk_error(s->context)); }
    isk_model_close(model);
    if (s->watch.last_fraction <= s->watch.first_fraction) { stop(r->title, "the fit reported no progress"); }
    return (s->watch.last_time - s->watch.first_time) / ((s->watch.last_fraction - s->watch.first_fraction) * epochs) / r->steps;
}

static void run(side *s, int count) {
    if (isk_run(s->program, count) != ISK_OK) { stop(s->row->title, isk_error(s->context)); }
}

/* Our turn. */
static void measure(side *s) {
    double end = seconds() + slice_seconds, start;
    int count;
    if (s->row->kind == FIT || s->row->kind == INVAE) {
        do { s->best = least(s->best, fit_seconds(s)); } while (seconds() < end);
        return;
    }
    run(s, 2);
    start = seconds();
    run(s, 1);
    count = 1 + (int)(chunk_seconds / (seconds() - start + 1e-9));
    do {
        start = seconds();
        run(s, count);
        s->best = least(s->best, (seconds() - start) / count);
    } while (seconds() < end);
}

static void close_side(side *s) {
    int i;
    isk_graph_close(s->graph);
    isk_close(s->context);
    for (i = 0; i < 2; i++) {
        free(s->data[i]);
        free(s->given[i]);
    }
}

/* ---- PyTorch's: a process that answers line by line ------------------------------------------------------------------ */

typedef struct peer {
    FILE *to, *from;
    pid_t process;
    char about[256];
} peer;

/* Starts bench/peer_torch.py; returns 0 where this Python has no PyTorch. */
static int open_peer(peer *p, const char *python) {
    int down[2], up[2];
    if (pipe(down) != 0 || pipe(up) != 0) { return 0; }
    p->process = fork();
    if (p->process < 0) { return 0; }
    if (p->process == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        close(down[0]); close(down[1]); close(up[0]); close(up[1]);
        /* A Python without PyTorch says so on its error output; that is no error here. */
        if (!freopen("/dev/null", "w", stderr)) { _exit(127); }
        execlp(python, python, "bench/peer_torch.py", (char *)NULL);
        _exit(127);
    }
    close(down[0]);
    close(up[1]);
    p->to = fdopen(down[1], "w");
    p->from = fdopen(up[0], "r");
    if (p->to && p->from && fgets(p->about, sizeof p->about, p->from)) {
        p->about[strcspn(p->about, "\n")] = 0;
        return 1;
    }
    if (p->to) { fclose(p->to); }
    if (p->from) { fclose(p->from); }
    waitpid(p->process, NULL, 0);
    return 0;
}

/* The peer's turn: best seconds as it comes, and with foreach; 0 where there is none. */
static void ask_peer(peer *p, const char *name, double times[2]) {
    char line[128];
    fprintf(p->to, "%s\n", name);
    fflush(p->to);
    if (!fgets(line, sizeof line, p->from)) { stop("peer_torch.py", "it ended early"); }
    if (sscanf(line, "%lf %lf", &times[0], &times[1]) < 1) { times[0] = times[1] = 0; }
}

static void close_peer(peer *p) {
    fclose(p->to);
    fclose(p->from);
    waitpid(p->process, NULL, 0);
}

/* ---- compile time ---------------------------------------------------------------------------------------------------- */

/* Processor seconds of the children that have ended: what a neighbour's load does not change. */
static double children_seconds(void) {
    struct tms spent;
    times(&spent);
    return (double)(spent.tms_cutime + spent.tms_cstime) / (double)sysconf(_SC_CLK_TCK);
}

/* Best of three, each in turn with the others. */
static void compile_times(void) {
    static const struct { const char *title, *lines, *flags; } units[] = {
        { "empty file", "int main(void) { return 0; }", "-O2 -c" },
        { "indiseek.h, declarations", "#include \"indiseek.h\"", "-O2 -c" },
        { "indiseek.h, implementation", "#define INDISEEK_IMPLEMENTATION\n#include \"indiseek.h\"", "-O2 -c" },
        { "stb_image.h, implementation", "#define STB_IMAGE_IMPLEMENTATION\n#include <stb/stb_image.h>", "-O2 -c" },
    };
    enum { count = sizeof units / sizeof *units };
    const char *compiler = getenv("CC") ? getenv("CC") : "cc";
    double best[count];
    int i, turn;
    for (i = 0; i < count; i++) { best[i] = 1e30; }
    for (turn = 0; turn < 3; turn++) {
        for (i = 0; i < count; i++) {
            char command[512];
            double start;
            int result;
            FILE *pipe;
            snprintf(command, sizeof command, "%s -x c -I. %s -o /dev/null - 2>/dev/null", compiler, units[i].flags);
            start = children_seconds();
            pipe = popen(command, "w");
            if (!pipe) { return; }
            fprintf(pipe, "%s\n", units[i].lines);
            result = pclose(pipe);
            if (result == 0) { best[i] = least(best[i], children_seconds() - start); }
        }
    }
    printf("\nCompile time, %s -O2, processor seconds\n", compiler);
    for (i = 0; i < count; i++) {
        if (best[i] < 1e30) {
            printf("  %-30s %7.2f\n", units[i].title, best[i]);
        } else {
            printf("  %-30s %7s%s\n", units[i].title, "-", i == 3 ? "   (Debian: libstb-dev)" : "   does not compile");
        }
    }
    if (best[2] < 1e30 && best[3] < 1e30) { printf("  indiseek.h / stb_image.h        %6.2f x\n", best[2] / best[3]); }
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

static int wanted(const char *title, int count, char **words) {
    int i;
    for (i = 1; i < count; i++) {
        if (strstr(title, words[i])) { return 1; }
    }
    return count < 2;
}

static void ratio(double ours, double theirs) {
    if (theirs > 0) {
        printf(" %10.1f %6.2fx", theirs * 1e6, theirs / ours);
    } else {
        printf(" %10s %7s", "", "");
    }
}

int main(int count, char **words) {
    static const char *const pythons[] = { NULL, "python3", "/usr/bin/python3" };
    peer p;
    int has_peer = 0;
    size_t i;
    /* For the peer's libraries, and for our own BLAS when compiled with one. */
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    memset(&p, 0, sizeof p);
    for (i = 0; i < sizeof pythons / sizeof *pythons && !has_peer; i++) {
        const char *python = pythons[i] ? pythons[i] : getenv("PEER_PYTHON");
        has_peer = python && open_peer(&p, python);
    }
    {
        isk_context_desc desc;
        isk_context *context;
        memset(&desc, 0, sizeof desc);
        desc.threads = 1;
        context = isk_open(&desc);
        if (!context) { stop("isk_open", "no context"); }
        printf("indiseek " ISK_VERSION ", %s\n%s\n", isk_device_text(context),
               has_peer ? p.about : "no PyTorch here (Debian: python3-torch libopenblas0; PEER_PYTHON names another Python)");
        isk_close(context);
    }
    printf("FMA peak %.1f GFLOP/s\n\n%-30s %10s %8s %8s %10s %7s %10s %7s\n", peak_gflops(0.3), "one thread, float32", "us", "GFLOP/s",
           "of peak", "torch us", "ratio", "foreach us", "ratio");
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        side s;
        double theirs[2] = { 0, 0 }, rate;
        int turn;
        if (!wanted(table[i].title, count, words)) { continue; }
        open_side(&s, &table[i]);
        for (turn = 0; turn < rounds; turn++) {
            peak_gflops(0.02);
            measure(&s);
            if (has_peer) { ask_peer(&p, table[i].name, theirs); }
        }
        rate = row_flops(&table[i]) / s.best / 1e9;
        printf("%-30s %10.1f %8.1f %6.1f %%", table[i].title, s.best * 1e6, rate, 100 * rate / peak_gflops(0));
        ratio(s.best, theirs[0]);
        ratio(s.best, theirs[1]);
        printf("\n");
        fflush(stdout);
        close_side(&s);
    }
    if (has_peer) { close_peer(&p); }
    if (wanted("compile", count, words)) { compile_times(); }
    return 0;
}
