/* indiseek.h - v0.1.0 - shared and specific features of paired measurements; one C header, no dependencies

   Do this:
       #define INDISEEK_IMPLEMENTATION
   before you include this file in *one* C or C++ file, and include it there before any system header.

   Two measurements of the same samples (RNA and protein of a cell, text and video of a clip) go in; what they SHARE
   (C1, C2) and what is SPECIFIC to each (Z1, Z2) comes out.  The methods are those of Gui, Ma and Ma, "IndiSeek learns
   information-guided disentangled representations" (2025), built on tensors, automatic differentiation, optimisers and
   losses that are yours to use as well.

   QUICK START (C99; in C++11 fill the structs field by field)

       isk_context *context = isk_open(&(isk_context_desc){ .threads = 2 });
       isk_fit_desc fit = { .views = { { rna, n, 200 }, { adt, n, 24 } }, .view_count = 2 };
       isk_transform_desc out = { .views = { { rna, n, 200 }, { adt, n, 24 } }, .specific = { z1, z2 } };
       isk_model *model = NULL;
       if (isk_fit(context, &fit, &model) != ISK_OK || isk_transform(model, &out) != ISK_OK ||
           isk_save(model, "model.safetensors") != ISK_OK) {
           fprintf(stderr, "%s\n", isk_error(context));
       }
       isk_model_close(model);
       isk_close(context);

   Link with -lm (and -pthread unless INDISEEK_NO_THREADS).

   CONFIGURE: define before including, in the implementation file only unless the last column says otherwise
       INDISEEK_DOUBLE         isk_scalar is double; portable kernels only                                    every file
       INDISEEK_API            prefix of every public function, e.g. static or an export attribute          every file
       INDISEEK_NO_METRICS     leaves out the section "metrics"                                               every file
       INDISEEK_NO_FILES       leaves out the sections "npy" and "safetensors", isk_save, isk_load, resuming  every file
       INDISEEK_NO_CUDA        leaves out the device code and the kernel text
       INDISEEK_NO_THREADS     no pthread: everything runs on the calling thread
       INDISEEK_NO_SIMD        portable C kernels only
       INDISEEK_USE_CBLAS      matrix products by cblas_sgemm/cblas_dgemm; see "same bits" below

   WORDS
       view       one measurement: a matrix [samples, features], rows aligned over views
       shared     C_i = f_i(X_i), learned by contrast between the views (CLIP), then frozen
       specific   Z_i = h_i(X_i), learned to say nothing about C of the other view and, with C_i, everything about X_i
       critic     q(z|c), the Gaussian whose fit bounds the mutual information of Z and C (CLUB)
       program    a recorded computation over common state, planned once and then replayed without any allocation
       group      parameters that one optimiser updates, laid out as one flat vector

   CONVENTIONS
       A descriptor struct filled with zeros asks for the defaults.  Where zero itself is meant, ISK_NONE says so.
       Functions that can fail return isk_status; isk_error(context) is then one sentence: what, where, what to do.
       Matrices are row-major and contiguous.  Shapes are written [models, rows, cols] or [rows, cols].
       A context and what was made from it belong to one thread at a time; two contexts are independent.

   SAME BITS: the same executable, CPU and seed give the same bits whatever the number of threads, the number of models
       trained together, and whether training was interrupted and resumed, with the built-in matrix product (default).
       With cblas this holds for OpenBLAS at one thread; its thread count is never changed from here.

   WHAT IT DOES NOT DO: image encoders, data sets larger than memory, training on several machines.

   HOW TO READ: every section stands under a mark; search for ">>platform", ">>math", ">>ops", ">>gemm", ">>optimisers",
       ">>graph", ">>cpu-kernels", ">>modules", ">>losses", ">>trainer", ">>methods", ">>metrics", ">>files",
       ">>npy", ">>safetensors", ">>model-files".  Each uses only what stands above it.  Blocks between ">>generated"
       marks are written by codegen/generate.py.

   HISTORY: 0.1.0  CLIP, IndiSeek and IndiSeek0 on the CPU.

   LICENCE: MIT or public domain, at your choice; see the end of the file.
*/
#ifndef INDISEEK_H
#define INDISEEK_H

#if defined(INDISEEK_IMPLEMENTATION) && !defined(_WIN32)
    /* clock_gettime, fsync and threads are POSIX; under -std=c99 they must be asked for before the first system header */
    #if defined(_FEATURES_H) && !defined(__USE_XOPEN2K8)
        #error "include indiseek.h before any system header in the file that defines INDISEEK_IMPLEMENTATION"
    #endif
    #ifndef _POSIX_C_SOURCE
        #define _POSIX_C_SOURCE 200809L
    #endif
#endif

#include <stddef.h>
#include <stdint.h>

#ifndef INDISEEK_API
    #define INDISEEK_API extern
#endif
#ifdef __cplusplus
extern "C" {
#endif

#define ISK_VERSION "0.1.0"
#define ISK_NONE (-1)           /* in a descriptor: really none or zero, where 0 means "the default" */
#define ISK_MAX_VIEWS 4

#ifdef INDISEEK_DOUBLE
typedef double isk_scalar;
#else
typedef float isk_scalar;
#endif

/* ---- context and errors ---------------------------------------------------------------------------------------- */

/* One row per status: name, text. */
#define ISK_STATUS_LIST(X)                                                                                            \
    X(OK,          "success")                                                                                         \
    X(ARGUMENT,    "an argument or a field is out of its range")                                                      \
    X(SHAPE,       "shapes do not fit")                                                                               \
    X(MEMORY,      "out of memory")                                                                                   \
    X(IO,          "a file could not be read or written")                                                             \
    X(DATA,        "a file or matrix holds something that it must not")                                               \
    X(MISMATCH,    "a checkpoint belongs to another configuration or other data")                                     \
    X(DIVERGED,    "training diverged")                                                                               \
    X(INTERRUPTED, "stopped on request; what was saved can be resumed")                                               \
    X(DEVICE,      "the device cannot be used")                                                                       \
    X(UNSUPPORTED, "this build or method cannot do that")

typedef enum isk_status {
#define ISK__STATUS_ENUM(name, text) ISK_##name,
    ISK_STATUS_LIST(ISK__STATUS_ENUM)
#undef ISK__STATUS_ENUM
    ISK_STATUS_COUNT
} isk_status;

typedef struct isk_context isk_context;
typedef enum isk_device { ISK_DEVICE_AUTO, ISK_DEVICE_CPU, ISK_DEVICE_CUDA } isk_device;
typedef enum isk_level { ISK_INFO, ISK_WARNING } isk_level;

/* Memory for everything but thread stacks.  allocate returns NULL when there is none.  Give both functions or none. */
typedef struct isk_allocator {
    void *(*allocate)(size_t bytes, void *user);
    void (*release)(void *pointer, void *user);
    void *user;
} isk_allocator;

/* Where a fit or sweep stands; given to the progress callback after every round of epochs. */
typedef struct isk_progress {
    const char *stage;              /* "shared" or "specific", of the model reported on */
    int model, models;              /* index of that model, number of models in this call */
    int epoch, epochs;              /* of the stage */
    double fraction;                /* of the whole call, 0..1, by epochs */
    double loss;                    /* training loss of the last epoch */
} isk_progress;

typedef struct isk_context_desc {
    int threads;                    /* 0: one per online processor */
    isk_device device;              /* AUTO takes the best usable one; this version has the CPU only */
    isk_allocator allocator;        /* malloc and free when empty */
    void (*log)(void *user, isk_level level, const char *message);          /* one sentence, no newline; NULL: silent */
    void (*progress)(void *user, const isk_progress *progress);             /* NULL: none */
    void (*record)(void *user, const char *json);                           /* one JSON object per epoch and event */
    void *user;
} isk_context_desc;

/* Opens a context.  Returns NULL when there is no memory for it, or when this file and the implementation were compiled
   with different versions or scalar types.  Every other failure is kept and reported by the first call that needs it. */
#define isk_open(...) isk_open_checked((__VA_ARGS__), ISK_VERSION, (int)sizeof(isk_scalar))   /* commas in braces pass */
INDISEEK_API isk_context *isk_open_checked(const isk_context_desc *desc, const char *version, int scalar_size);
INDISEEK_API void isk_close(isk_context *context);

INDISEEK_API const char *isk_error(const isk_context *context);       /* last error: one sentence; "" when none */
INDISEEK_API const char *isk_status_text(isk_status status);
INDISEEK_API const char *isk_device_text(const isk_context *context); /* e.g. "cpu, 2 threads, AVX2+FMA" */
/* Asks a running fit or sweep to stop after its current round of epochs.  Safe in a signal handler. */
INDISEEK_API void isk_interrupt(isk_context *context);

/* ---- options ---------------------------------------------------------------------------------------------------- */

typedef enum isk_method { ISK_INDISEEK, ISK_INDISEEK0, ISK_CLIP, ISK_METHOD_COUNT } isk_method;
typedef enum isk_preset { ISK_ROBUST, ISK_PAPER, ISK_SIMULATION, ISK_PRESET_COUNT } isk_preset;

/* Values of the CHOICE options below; 0 asks for the preset's choice. */
enum { ISK_RELU = 1, ISK_GELU, ISK_QUICK_GELU, ISK_TANH, ISK_LINEAR };
enum { ISK_NORM_NONE = 1, ISK_NORM_LAYER, ISK_NORM_BATCH };
enum { ISK_INIT_PYTORCH = 1, ISK_INIT_XAVIER, ISK_INIT_NORMAL };
enum { ISK_LAST_KEEP = 1, ISK_LAST_DROP };
enum { ISK_ADAM = 1, ISK_ADAMW, ISK_SGD };
enum { ISK_COSINE = 1, ISK_CONSTANT, ISK_PLATEAU };
enum { ISK_CLUB_ALL_PAIRS = 1, ISK_CLUB_PERMUTATION };
enum { ISK_LOGVAR_TANH = 1, ISK_LOGVAR_NONE, ISK_LOGVAR_CLAMP };
enum { ISK_STANDARDISE_BATCH = 1, ISK_STANDARDISE_NONE };
enum { ISK_CRITIC_PER_BATCH = 1, ISK_CRITIC_PER_EPOCH };
enum { ISK_SHARED_UNIT = 1, ISK_SHARED_RAW };
enum { ISK_TEMPERATURE_LEARNED = 1, ISK_TEMPERATURE_FIXED };
enum { ISK_KEEP_BEST = 1, ISK_KEEP_LAST };
enum { ISK_POWER_TRAIN = 1, ISK_POWER_BATCH };
enum { ISK_STOP_LOSS = 1, ISK_STOP_RECONSTRUCTION, ISK_STOP_CLUB };

/* Everything that determines a result beside the data, one row each:
   kind, field, default of `robust`, of `paper`, of `simulation`, smallest, largest, choices or "", meaning.
   A field of 0 takes the preset's value, ISK_NONE means none or zero where the smallest value is 0.
   Sources: `paper` METHODS of Gui et al. sections 3.1-3.3, A.1, A.3; `simulation` their section 1.1. */
#define ISK_OPTION_LIST(X)                                                                                            \
    X(REAL,   lambda,          10,   10,   0.1,  0, 1e9, "", "weight of the reconstruction of X_i from (Z_i, C_i)")     \
    X(INT,    epochs,          200,  2000, 40,   0, 1e9, "", "passes over the training rows for the specific features") \
    X(INT,    shared_epochs,   100,  2000, 30,   0, 1e9, "", "passes for the shared features (CLIP)")                  \
    X(INT,    batch,           128,  128,  128,  2, 1e6, "", "rows of a mini-batch")                                    \
    X(CHOICE, last_batch,      1, 1, 2, 1, 2, "keep|drop", "what happens to the last, partial batch of an epoch")       \
    X(REAL,   rate,            1e-3, 1e-4, 1e-3, 0, 1e3, "", "learning rate of encoders and decoders")                  \
    X(REAL,   shared_rate,     1e-3, 1e-4, 1e-3, 0, 1e3, "", "learning rate of the shared encoders")                    \
    X(REAL,   critic_rate,     1e-3, 1e-4, 1e-3, 0, 1e3, "", "learning rate of the critics q(z|c)")                     \
    X(CHOICE, schedule,        1, 2, 1, 1, 3, "cosine|constant|plateau", "how the rates fall over the epochs")           \
    X(CHOICE, optimiser,       1, 1, 1, 1, 3, "adam|adamw|sgd", "adam adds weight decay to the gradient, adamw decouples it") \
    X(REAL,   momentum,        0.9,  0.9,  0.9,  0, 1, "", "momentum of sgd")                                           \
    X(REAL,   weight_decay,    0,    1e-4, 0,    0, 1e3, "", "weight decay of all matrices and biases")                \
    X(REAL,   clip_norm,       0,    0,    0,    0, 1e9, "", "largest Euclidean norm of a group's gradient; 0 is no limit") \
    X(INT,    layers,          5,    5,    5,    1, 64,  "", "linear maps of every network")                            \
    X(INT,    width,           50,   50,   100,  1, 65536, "", "units of every hidden layer")                           \
    X(INT,    dim,             50,   50,   10,   1, 65536, "", "coordinates of each Z_i")                               \
    X(INT,    shared_dim,      50,   50,   50,   1, 65536, "", "coordinates of each C_i")                               \
    X(CHOICE, activation,      1, 1, 1, 1, 5, "relu|gelu|quick_gelu|tanh|linear", "between the linear maps")             \
    X(CHOICE, norm,            1, 1, 1, 1, 3, "none|layer|batch", "normalisation before each activation")               \
    X(REAL,   dropout,         0,    0,    0,    0, 0.99, "", "probability of dropping a hidden unit")                  \
    X(CHOICE, init,            1, 1, 1, 1, 3, "pytorch|xavier|normal", "first weights; normal is N(0, 0.01^2)")          \
    X(CHOICE, club,            1, 1, 1, 1, 2, "all_pairs|permutation", "negatives of the CLUB bound")                    \
    X(CHOICE, logvar,          1, 1, 1, 1, 3, "tanh|none|clamp", "last map of the critic's log variance; clamp is to [-8, 8]") \
    X(CHOICE, standardise,     1, 2, 2, 1, 2, "batch|none", "zero mean and unit variance of each coordinate of Z")       \
    X(CHOICE, critic_inner,    1, 2, 1, 1, 2, "per_batch|per_epoch", "critic_steps is per batch, or in whole passes per epoch") \
    X(INT,    critic_steps,    5,    5,    5,    1, 1e6, "", "critic updates before an update of the encoder")           \
    X(INT,    critic_width,    0,    0,    0,    0, 65536, "", "units of the critics' hidden layers; 0 is `width`")       \
    X(CHOICE, shared_scale,    1, 1, 1, 1, 2, "unit|raw", "C_i is of Euclidean norm 1, or the encoder's raw output")     \
    X(CHOICE, temperature,     1, 1, 1, 1, 2, "learned|fixed", "the temperature of CLIP's logits, clamped to [0.01, 1]") \
    X(REAL,   tau,             0.07, 0.07, 0.07, 1e-3, 100, "", "first (or fixed) temperature")                         \
    X(CHOICE, shared_keep,     1, 2, 2, 1, 2, "best|last", "which weights of the shared encoders are kept")              \
    X(CHOICE, power,           1, 1, 1, 1, 2, "train|batch", "E||X_i||^2 of the reconstruction term")                    \
    X(REAL,   validation,      0.1,  0.1,  0,    0, 0.9, "", "part of the rows held out when no split is given")          \
    X(INT,    patience,        0,    0,    0,    0, 1e9, "", "epochs without a better stop_on before stopping; 0 is never") \
    X(CHOICE, stop_on,         1, 1, 1, 1, 3, "loss|reconstruction|club", "validation value that early stopping watches") \
    X(INT,    diagnoses,       10,   10,   0,    0, 1e6, "", "times in a run that CLUB is measured with a fresh critic")  \
    X(INT,    diagnosis_epochs, 10,  10,   10,   1, 1e6, "", "passes that fit the fresh critic (at least 300 steps)")

typedef struct isk_options {
#define ISK__FIELD_REAL double
#define ISK__FIELD_INT int
#define ISK__FIELD_CHOICE int
#define ISK__FIELD(kind, name, robust, paper, simulation, low, high, choices, text) ISK__FIELD_##kind name;
    ISK_OPTION_LIST(ISK__FIELD)
#undef ISK__FIELD
} isk_options;

/* The rows of the table for programs that list or set options by name. */
typedef enum isk_option_kind { ISK_OPTION_REAL, ISK_OPTION_INT, ISK_OPTION_CHOICE } isk_option_kind;
typedef struct isk_option_info {
    const char *name, *choices, *text;
    isk_option_kind kind;
    double preset[ISK_PRESET_COUNT], low, high;
} isk_option_info;

INDISEEK_API int isk_option_count(void);
INDISEEK_API const isk_option_info *isk_option_get(int index);                /* NULL beyond the last */
/* Sets one field from text: a number or the name of a choice; a plain 0 means zero.  ARGUMENT names field and range. */
INDISEEK_API isk_status isk_option_set(isk_context *context, isk_options *options, const char *name, const char *value);
/* Writes the value of a field as text into buffer (at least 32 bytes) and returns it. */
INDISEEK_API const char *isk_option_text(const isk_options *options, int index, char *buffer);
/* Fills every field that is 0 from the preset and checks every range. */
INDISEEK_API isk_status isk_options_resolve(isk_context *context, isk_options *options, isk_preset preset);

/* The number that starts at `text` ("-12", ".5", "1e-3"; a point whatever the locale; no spaces, no "nan", no "inf"),
   rounded to the nearest double, ties to even; beyond the range it is infinite.  Returns the characters used, or 0. */
INDISEEK_API size_t isk_parse_number(const char *text, size_t length, double *value);

INDISEEK_API const char *isk_method_name(isk_method method);                  /* "indiseek"; NULL beyond the last */
INDISEEK_API isk_status isk_method_find(isk_context *context, const char *name, isk_method *method);
INDISEEK_API const char *isk_preset_name(isk_preset preset);
INDISEEK_API isk_status isk_preset_find(isk_context *context, const char *name, isk_preset *preset);

/* ---- fit, sweep, transform, save --------------------------------------------------------------------------------- */

typedef struct isk_matrix {
    const isk_scalar *data;         /* [rows, cols], row-major, contiguous */
    int64_t rows, cols;
} isk_matrix;

typedef enum isk_part { ISK_TRAIN, ISK_VALIDATION, ISK_TEST } isk_part;

typedef struct isk_fit_desc {
    isk_method method;
    isk_preset preset;
    isk_matrix views[ISK_MAX_VIEWS];        /* X_i [rows, cols_i], the same rows in each; no NaN, no infinity */
    int view_count;                         /* 2; or 1 with given shared features */
    isk_matrix given[ISK_MAX_VIEWS];        /* shared features to use instead of learning them: given[i] is C_i.  With one
                                               view given[0] also stands for the other view's (METHODS: simulations) */
    const uint8_t *split;                   /* isk_part of each row, or NULL: `validation` of the rows at random by seed */
    uint64_t seed;
    isk_options options;
    const char *checkpoint;                 /* file for isk_resume, or NULL; written beside and renamed */
    int checkpoint_every;                   /* epochs; 0: 10 */
} isk_fit_desc;

/* Models in the order lambda, rate, seed (last varies fastest): models[(l * rates + r) * seeds + s]. */
typedef struct isk_sweep_desc {
    isk_fit_desc fit;
    const double *lambdas; int lambda_count;    /* 0: fit.options.lambda alone */
    const double *rates;   int rate_count;      /* 0: fit.options.rate alone */
    int seed_count;                             /* seeds fit.seed, fit.seed + 1, ...; 0: one */
} isk_sweep_desc;

typedef struct isk_model isk_model;

typedef struct isk_transform_desc {
    isk_matrix views[ISK_MAX_VIEWS];                /* X_i [rows, cols_i]; data NULL where that view is not measured */
    isk_matrix given[ISK_MAX_VIEWS];                /* C_i of models with given shared features; for reconstruction only */
    isk_scalar *shared[ISK_MAX_VIEWS];              /* out: C_i [rows, shared_dim], or NULL */
    isk_scalar *specific[ISK_MAX_VIEWS];            /* out: Z_i [rows, dim], or NULL */
    isk_scalar *reconstruction[ISK_MAX_VIEWS];      /* out: g_i(Z_i, C_i) [rows, cols_i], or NULL */
} isk_transform_desc;

/* What training left behind.  Values that a method does not have are NaN. */
typedef struct isk_view_report {
    double loss, club, reconstruction;      /* on the training rows, last epoch; reconstruction = E||g-x||^2 / E||x||^2 */
    double validation_r2;                   /* 1 - E||g-x||^2 / E||x-mean||^2 on validation rows, of the weights kept */
    double fresh_club;                      /* CLUB of standardised held-out Z with a freshly fitted critic, in nats */
    double saturation;                      /* fraction of the critic's log variances at the tanh limits (|.| > 0.99) */
    double variance;                        /* mean over coordinates of the variance of the raw Z over the rows */
} isk_view_report;

typedef struct isk_report {
    isk_status status;                      /* OK or DIVERGED */
    char message[160];                      /* e.g. "diverged at epoch 3 of stage specific1: loss is not finite" */
    double shared_loss, shared_validation_loss, temperature, seconds;
    int shared_epochs, epochs;              /* really run */
    isk_view_report view[ISK_MAX_VIEWS];
} isk_report;

/* Trains one model.  On failure *model is NULL, but a diverged model is returned beside DIVERGED, for its report.
   INTERRUPTED: a checkpoint was written when desc->checkpoint is set.
   ARGUMENT, SHAPE, DATA name the field, or view, row and column. */
INDISEEK_API isk_status isk_fit(isk_context *context, const isk_fit_desc *desc, isk_model **model);
/* Trains isk_sweep_models(desc) models.  A model that diverges ends alone: its report says so and OK is returned. */
INDISEEK_API isk_status isk_sweep(isk_context *context, const isk_sweep_desc *desc, isk_model **models);
INDISEEK_API int isk_sweep_models(const isk_sweep_desc *desc);
#ifndef INDISEEK_NO_FILES
/* As isk_sweep, going on from desc->fit.checkpoint when that file exists, else from the start.  MISMATCH names the field. */
INDISEEK_API isk_status isk_resume(isk_context *context, const isk_sweep_desc *desc, isk_model **models);
/* Writes weights as safetensors with PyTorch's names and [out, in] layout; metadata holds what determines the result. */
INDISEEK_API isk_status isk_save(const isk_model *model, const char *path);
INDISEEK_API isk_status isk_load(isk_context *context, const char *path, isk_model **model);
#endif
/* Features of any rows in any number; each row's result depends on that row alone. */
INDISEEK_API isk_status isk_transform(const isk_model *model, const isk_transform_desc *desc);
INDISEEK_API void isk_model_close(isk_model *model);                          /* NULL is allowed */

INDISEEK_API const isk_report *isk_model_report(const isk_model *model);
INDISEEK_API const isk_options *isk_model_options(const isk_model *model);
INDISEEK_API isk_method isk_model_method(const isk_model *model);
INDISEEK_API uint64_t isk_model_seed(const isk_model *model);
INDISEEK_API int isk_model_views(const isk_model *model);
INDISEEK_API int isk_model_shared_dim(const isk_model *model, int view);      /* columns of C_i; 0 beyond the views */
INDISEEK_API int isk_model_specific_dim(const isk_model *model, int view);    /* columns of Z_i; 0 when the method has none */
INDISEEK_API int isk_model_view_cols(const isk_model *model, int view);
/* A matrix of the user's own that is saved and loaded with the model (input means, loadings); copied.  `get` points into
   the model, rows == 0 when there is none of that name.  Names start with "user.". */
INDISEEK_API isk_status isk_model_put(isk_model *model, const char *name, isk_matrix value);
INDISEEK_API isk_matrix isk_model_get(const isk_model *model, const char *name);
/* The same for one line of text (preprocessing in words, feature names); NULL when there is none. */
INDISEEK_API isk_status isk_model_put_text(isk_model *model, const char *name, const char *text);
INDISEEK_API const char *isk_model_get_text(const isk_model *model, const char *name);

/* ---- graph and ops ------------------------------------------------------------------------------------------------ */

typedef struct isk_graph isk_graph;
typedef struct isk_program isk_program;
/* A recorded value: shape [models, rows, cols], known when it is recorded.  node < 0: recording failed, see isk_error. */
typedef struct isk_tensor { isk_graph *graph; int node; } isk_tensor;
/* A named set of parameters under a prefix; see isk_group. */
typedef struct isk_scope { isk_graph *graph; int group; char prefix[48]; } isk_scope;

typedef struct isk_graph_desc {
    int models;                     /* 0: 1.  Every tensor has this many models */
    const uint64_t *seeds;          /* [models], or NULL: 0, 1, 2, ... */
} isk_graph_desc;

/* Recording never fails half-way: the first mistake (shapes, memory) is kept, later calls do nothing, and opening a
   program returns NULL with isk_error naming the op and both shapes. */
INDISEEK_API isk_graph *isk_graph_open(isk_context *context, const isk_graph_desc *desc);
INDISEEK_API void isk_graph_close(isk_graph *graph);                         /* closes its programs too; NULL is allowed */
INDISEEK_API int isk_rows(isk_tensor tensor);
INDISEEK_API int isk_cols(isk_tensor tensor);

INDISEEK_API isk_tensor isk_input(isk_graph *graph, int rows, int cols);     /* to be written; shared by all models */
INDISEEK_API isk_tensor isk_model_input(isk_graph *graph, int rows, int cols);        /* one per model */
/* The current weights of the rows of x, [rows, 1]: every op that mixes rows uses them.  A row of weight 0 is absent. */
INDISEEK_API isk_tensor isk_with_row_weights(isk_tensor x, isk_tensor weights);
INDISEEK_API isk_scope isk_group(isk_graph *graph, const char *name);        /* finds or makes */
INDISEEK_API isk_scope isk_within(isk_scope scope, const char *name);        /* same group, longer prefix: "net.0" */

/* First values of a parameter: uniform in [-bound, bound], or normal with that standard deviation. */
typedef enum isk_fill { ISK_FILL_ZERO, ISK_FILL_ONE, ISK_FILL_UNIFORM, ISK_FILL_NORMAL, ISK_FILL_VALUE } isk_fill;
typedef struct isk_parameter_desc {
    isk_fill fill; double amount;   /* bound, standard deviation or value */
    int no_decay;                   /* 1: the optimiser's weight decay leaves it alone */
    int limited; double low, high;  /* 1: clamped to [low, high] after every update */
    int buffer;                     /* 1: a running statistic, not optimised */
    int vector;                     /* 1: [1, n] that is saved with the shape [n] */
} isk_parameter_desc;
INDISEEK_API isk_tensor isk_parameter(isk_scope scope, const char *name, int rows, int cols, const isk_parameter_desc *desc);

/* >>generated op-declarations: begin (python3 codegen/generate.py; do not edit) */
/* Ops of codegen/ops.py.  Row weights, w below, are those of the tensor; a row of weight 0 is absent. */

/* element by element */
/* a + b.  a, b [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_add(isk_tensor a, isk_tensor b);
/* a - b.  a, b [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_sub(isk_tensor a, isk_tensor b);
/* a * b, element by element.  a, b [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_mul(isk_tensor a, isk_tensor b);
/* a / b; |b| counts as at least 1e-12, with b's sign.  a, b [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_div(isk_tensor a, isk_tensor b);
/* the smaller of a and b; at a tie the gradient is a's.  a, b [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_min(isk_tensor a, isk_tensor b);
/* the larger of a and b; at a tie the gradient is a's.  a, b [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_max(isk_tensor a, isk_tensor b);
/* -x.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_neg(isk_tensor x);
/* 1 / x; |x| counts as at least 1e-12, with x's sign.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_reciprocal(isk_tensor x);
/* x^2.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_square(isk_tensor x);
/* sqrt(x); 0 with gradient 0 for x <= 0.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_sqrt(isk_tensor x);
/* |x|; gradient 0 at 0.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_abs(isk_tensor x);
/* e^x; x counts as at most 88, which is finite in float.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_exp(isk_tensor x);
/* ln x; x counts as at least 1e-32.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_log(isk_tensor x);
/* x within [low, high].  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_clamp(isk_tensor x, double low, double high);
/* factor * x + offset.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_affine(isk_tensor x, double factor, double offset);
/* a * x, a one number.  x [rows, cols], a [1, 1] -> [rows, cols] */
INDISEEK_API isk_tensor isk_scale(isk_tensor x, isk_tensor a);
/* a_i * x_ij.  x [rows, cols], a [rows, 1] -> [rows, cols] */
INDISEEK_API isk_tensor isk_mul_rows(isk_tensor x, isk_tensor a);
/* a_j * x_ij.  x [rows, cols], a [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_mul_cols(isk_tensor x, isk_tensor a);
/* x_ij + a_i.  x [rows, cols], a [rows, 1] -> [rows, cols] */
INDISEEK_API isk_tensor isk_add_rows(isk_tensor x, isk_tensor a);
/* x_ij + b_j.  x [rows, cols], b [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_bias(isk_tensor x, isk_tensor b);
/* mu + e^(logvar / 2) noise, the reparameterised draw; logvar counts as at most 88.  mu, logvar, noise [rows, cols] ->
   [rows, cols] */
INDISEEK_API isk_tensor isk_sample_normal(isk_tensor mu, isk_tensor logvar, isk_tensor noise);

/* activations, alone and with a bias */
/* max(x, 0); gradient 0 at 0.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_relu(isk_tensor x);
/* x, or slope * x for x < 0.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_leaky_relu(isk_tensor x, double slope);
/* x/2 (1 + erf(x / sqrt 2)), the exact GELU.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_gelu(isk_tensor x);
/* x sigmoid(1.702 x).  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_quick_gelu(isk_tensor x);
/* tanh x.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_tanh(isk_tensor x);
/* 1 / (1 + e^-x).  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_sigmoid(isk_tensor x);
/* ln(1 + e^x).  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_softplus(isk_tensor x);
/* max(x_ij + b_j, 0).  x [rows, cols], b [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_bias_relu(isk_tensor x, isk_tensor b);
/* tanh(x_ij + b_j).  x [rows, cols], b [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_bias_tanh(isk_tensor x, isk_tensor b);
/* gelu(x_ij + b_j).  x [rows, cols], b [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_bias_gelu(isk_tensor x, isk_tensor b);
/* quick_gelu(x_ij + b_j).  x [rows, cols], b [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_bias_quick_gelu(isk_tensor x, isk_tensor b);

/* over the columns of each row */
/* sum over the columns of a row.  x [rows, cols] -> [rows, 1] */
INDISEEK_API isk_tensor isk_row_sum(isk_tensor x);
/* mean over the columns of a row.  x [rows, cols] -> [rows, 1] */
INDISEEK_API isk_tensor isk_row_mean(isk_tensor x);
/* largest of a row; ties share the gradient evenly.  x [rows, cols] -> [rows, 1] */
INDISEEK_API isk_tensor isk_row_max(isk_tensor x);
/* ln sum_j e^x_ij, shifted by the maximum.  x [rows, cols] -> [rows, 1] */
INDISEEK_API isk_tensor isk_row_logsumexp(isk_tensor x);
/* sum_j a_ij b_ij.  a, b [rows, cols] -> [rows, 1] */
INDISEEK_API isk_tensor isk_row_dot(isk_tensor a, isk_tensor b);
/* sum_j (a_ij - b_ij)^2.  a, b [rows, cols] -> [rows, 1] */
INDISEEK_API isk_tensor isk_squared_error_rows(isk_tensor a, isk_tensor b);
/* e^x_ij / sum_j e^x_ij, shifted by the maximum.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_softmax(isk_tensor x);
/* x_ij - ln sum_j e^x_ij, shifted by the maximum.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_log_softmax(isk_tensor x);
/* x_i / max(|x_i|, eps); the gradient at a zero row is g / eps.  x [rows, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_l2_normalise(isk_tensor x, double eps);
/* (x - mean of the row) / sqrt(variance of the row + eps) * gamma_j + beta_j.  x [rows, cols], gamma, beta [1, cols] ->
   [rows, cols] */
INDISEEK_API isk_tensor isk_layer_norm(isk_tensor x, isk_tensor gamma, isk_tensor beta, double eps);
/* ln N(x_i; mu_i, e^logvar_i), summed over the columns; e^-logvar counts as at most e^50.  x, mu, logvar [rows, cols]
   -> [rows, 1] */
INDISEEK_API isk_tensor isk_normal_log_density(isk_tensor x, isk_tensor mu, isk_tensor logvar);
/* KL(N(mu_i, e^logvar_i) || N(prior)), summed over the columns; each exponential counts as at most e^50.  mu, logvar,
   prior_mu, prior_logvar [rows, cols] -> [rows, 1] */
INDISEEK_API isk_tensor isk_normal_kl(isk_tensor mu, isk_tensor logvar, isk_tensor prior_mu, isk_tensor prior_logvar);

/* over the rows of each column */
/* sum_i w_i x_ij.  x [rows, cols] -> [1, cols]; takes row weights */
INDISEEK_API isk_tensor isk_col_sum(isk_tensor x);
/* sum_i w_i x_ij / sum_i w_i; 0 without a present row.  x [rows, cols] -> [1, cols]; takes row weights */
INDISEEK_API isk_tensor isk_col_mean(isk_tensor x);
/* population variance over the rows, weighted.  x [rows, cols] -> [1, cols]; takes row weights */
INDISEEK_API isk_tensor isk_col_var(isk_tensor x);
/* largest over the present rows; ties share the gradient evenly; 0 without a present row.  x [rows, cols] -> [1, cols];
   takes row weights */
INDISEEK_API isk_tensor isk_col_max(isk_tensor x);
/* ln sum_i e^x_ij over the present rows, shifted by the maximum; 0 without a present row.  x [rows, cols] -> [1, cols];
   takes row weights */
INDISEEK_API isk_tensor isk_col_logsumexp(isk_tensor x);
/* (x - column mean) / sqrt(column's population variance + eps), moments over the present rows, weighted; absent rows 0.
    x [rows, cols] -> [rows, cols]; takes row weights */
INDISEEK_API isk_tensor isk_standardise(isk_tensor x, double eps);
/* standardise(x) * gamma_j + beta_j; absent rows 0.  x [rows, cols], gamma, beta [1, cols] -> [rows, cols]; takes row
   weights */
INDISEEK_API isk_tensor isk_batch_norm(isk_tensor x, isk_tensor gamma, isk_tensor beta, double eps);
/* (x - mean_j) / sqrt(variance_j + eps), with moments from elsewhere: the form for evaluation.  x [rows, cols], mean,
   variance [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_standardise_by(isk_tensor x, isk_tensor mean, isk_tensor variance, double eps);
/* standardise_by(x) * gamma_j + beta_j.  x [rows, cols], mean, variance, gamma, beta [1, cols] -> [rows, cols] */
INDISEEK_API isk_tensor isk_batch_norm_by(isk_tensor x, isk_tensor mean, isk_tensor variance, isk_tensor gamma,
                                          isk_tensor beta, double eps);

/* to one number */
/* sum_i w_i sum_j x_ij.  x [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_sum_all(isk_tensor x);
/* sum_i w_i sum_j x_ij / (cols sum_i w_i); 0 without a present row.  x [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_mean_all(isk_tensor x);
/* largest over the present rows; ties share the gradient evenly; 0 without a present row.  x [rows, cols] -> [1, 1];
   takes row weights */
INDISEEK_API isk_tensor isk_max_all(isk_tensor x);
/* ln sum_ij e^x_ij over the present rows, shifted by the maximum; 0 without a present row.  x [rows, cols] -> [1, 1];
   takes row weights */
INDISEEK_API isk_tensor isk_logsumexp_all(isk_tensor x);
/* weighted mean over the rows of sum_j (a_ij - b_ij)^2.  a, b [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_mse(isk_tensor a, isk_tensor b);
/* weighted mean over the rows of sum_j (mu - z)^2 e^-logvar + logvar, CLUB's learning loss; e^-logvar counts as at most
   e^50.  mu, logvar, z [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_gaussian_nll(isk_tensor mu, isk_tensor logvar, isk_tensor z);
/* mean_i sum_j e^-logvar_ij / 2 (mean_k (z_kj - mu_ij)^2 - (z_ij - mu_ij)^2), means weighted; e^-logvar counts as at
   most e^50.  mu, logvar, z [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_club(isk_tensor mu, isk_tensor logvar, isk_tensor z);
/* mean_i sum_j e^-logvar_ij / 2 ((z_permuted - mu)^2 - (z - mu)^2), weighted; e^-logvar counts as at most e^50.  mu,
   logvar, z, z_permuted [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_club_paired(isk_tensor mu, isk_tensor logvar, isk_tensor z, isk_tensor z_permuted);
/* weighted mean over the rows of -sum_j target_ij log_softmax(logits)_ij; target is one-hot or holds probabilities.
   logits, target [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_cross_entropy(isk_tensor logits, isk_tensor target);
/* weighted mean over the rows of sum_j -target ln p - (1 - target) ln(1 - p), p = sigmoid(logits).  logits, target
   [rows, cols] -> [1, 1]; takes row weights */
INDISEEK_API isk_tensor isk_binary_cross_entropy(isk_tensor logits, isk_tensor target);
/* >>generated op-declarations: end */

/* Ops that no row-wise expression can hold. */
INDISEEK_API isk_tensor isk_matmul(isk_tensor a, isk_tensor b);               /* [m,k] [k,n] -> [m,n] */
INDISEEK_API isk_tensor isk_matmul_nt(isk_tensor a, isk_tensor b);            /* [m,k] [n,k] -> [m,n], a b^T */
INDISEEK_API isk_tensor isk_matmul_tn(isk_tensor a, isk_tensor b);            /* [k,m] [k,n] -> [m,n], a^T b */
INDISEEK_API isk_tensor isk_linear_map(isk_tensor x, isk_tensor weight, isk_tensor bias, int relu);
                                            /* [rows,in] [in,out] [1,out] -> x W + b, then max(.,0) when relu is 1 */
INDISEEK_API isk_tensor isk_concat(const isk_tensor *parts, int count);       /* columns side by side; at most 4 parts */
INDISEEK_API isk_tensor isk_slice(isk_tensor x, int first, int count);        /* columns first .. first+count-1 */
INDISEEK_API isk_tensor isk_stop_gradient(isk_tensor x);
INDISEEK_API isk_tensor isk_dropout(isk_tensor x, double probability);        /* survivors scaled by 1/(1-p); Philox by seed */
INDISEEK_API isk_tensor isk_permute_rows(isk_tensor x);                       /* a fresh permutation of the present rows */
/* Rows of `data` chosen by the program's batch (isk_batch), absent rows as zeros with weight 0. */
INDISEEK_API isk_tensor isk_batch(isk_graph *graph, int rows);
INDISEEK_API isk_tensor isk_gather(isk_tensor data, isk_tensor batch);
/* Symmetric InfoNCE of paired rows, logits scale * <u_i, v_j>: mean over rows of half the two cross entropies.
   u, v [rows, d], best of unit norm; scale [1, 1] (1/temperature).  Radford et al. 2021, figure 3. */
INDISEEK_API isk_tensor isk_info_nce(isk_tensor u, isk_tensor v, isk_tensor scale);

INDISEEK_API isk_status isk_write(isk_tensor tensor, int model, const isk_scalar *values);    /* inputs and parameters */
INDISEEK_API isk_status isk_read(isk_tensor tensor, int model, isk_scalar *values);           /* any kept value */

/* ---- modules ------------------------------------------------------------------------------------------------------ */

typedef struct isk_mlp_desc {
    int layers;                     /* linear maps; 0: 5 */
    int width, out;                 /* hidden units (0: 100); columns of the result */
    int activation, norm, init;     /* choices as in the option table; 0: relu, none, pytorch */
    double dropout;
    int training;                   /* 1: dropout is on and batch norm uses the batch; 0: evaluation */
} isk_mlp_desc;

/* PyTorch's names: prefix.0.weight, prefix.2.weight ... as in nn.Sequential(Linear, [norm], activation, [dropout], ...).
   Recording the same scope twice (training and evaluation) uses the same parameters. */
INDISEEK_API isk_tensor isk_mlp(isk_scope scope, isk_tensor x, const isk_mlp_desc *desc);
/* nn.BatchNorm1d(affine=False) over the present rows: batch moments when training (running moments follow with weight
   0.1), running moments else.  Population variance in both, eps 1e-5. */
INDISEEK_API isk_tensor isk_standardise_rows(isk_scope scope, isk_tensor x, int training);

/* ---- optimisers and programs --------------------------------------------------------------------------------------- */

typedef struct isk_optimiser_desc {
    int kind;                       /* ISK_ADAM (0 too), ISK_ADAMW, ISK_SGD */
    double rate;                    /* 0: 1e-3 */
    double beta1, beta2, epsilon;   /* 0: 0.9, 0.999, 1e-8 */
    double momentum;                /* sgd; 0: none */
    double weight_decay, clip_norm; /* 0: none */
} isk_optimiser_desc;

/* A program that computes `loss` [1, 1], its gradient with respect to the group's parameters, and one update. */
INDISEEK_API isk_program *isk_minimise(isk_graph *graph, const char *group, isk_tensor loss, const isk_optimiser_desc *desc);
/* A program that computes some tensors; they can be read after a run. */
INDISEEK_API isk_program *isk_compute(isk_graph *graph, const isk_tensor *outputs, int count);
/* Replays the program for every model `count` times.  Allocates nothing. */
INDISEEK_API isk_status isk_run(isk_program *program, int count);
/* Compares every gradient of `loss` with central differences of step h (0: 1e-6 in double, 1e-3 in float).  Returns the
   largest |difference| / max(1, |value|), or a negative number on error.  For tests; meant for INDISEEK_DOUBLE. */
INDISEEK_API double isk_check_gradient(isk_graph *graph, const char *group, isk_tensor loss, double h);

#ifndef INDISEEK_NO_METRICS
/* ---- metrics ------------------------------------------------------------------------------------------------------ */

/* How good are features?  Every function checks its input before it computes: ARGUMENT and SHAPE name the field and
   its value, DATA names the matrix, row and column of a NaN or infinity, MEMORY leaves nothing behind and nothing half
   done.  Labels are int32; a negative label means "unlabelled" and that row is left out.  Sums are taken in double.
   Results have the same bits for any number of threads.  Rows are limited to 2147483647. */

/* Exact k nearest neighbours by Euclidean distance; ties go to the lower index.  No [n, n] matrix is made: squared
   norms and products of row blocks (matrix product) rule candidates out, with a bound on their rounding; what is left
   is summed exactly as (x - y)^2 in double.  ARGUMENT when k exceeds the references, less one where
   self is excluded. */
typedef struct isk_knn_desc {
    isk_matrix queries;             /* [n, d] */
    isk_matrix references;          /* [m, d]; data NULL: the queries themselves, and a row is no neighbour of itself */
    int k;                          /* 0: 10 */
    int include_self;               /* 1: with references NULL, a row is its own neighbour too */
    int32_t *indices;               /* out: [n, k] rows of the references, nearest first; or NULL */
    double *distances;              /* out: [n, k] squared distances; or NULL */
} isk_knn_desc;
INDISEEK_API isk_status isk_knn(isk_context *context, const isk_knn_desc *desc);

/* How many of the k neighbours of each row carry the row's own label: matches [rows], -1 where the row is unlabelled.
   indices [rows, k]; labels [rows]; reference_labels [references], or NULL where the rows are the references.
   mean, or NULL, gets the mean of matches / k over the labelled rows.  DATA when an index is out of range. */
INDISEEK_API isk_status isk_knn_matches(isk_context *context, const int32_t *indices, int64_t rows, int k,
                                        const int32_t *labels, const int32_t *reference_labels, int64_t references,
                                        int32_t *matches, double *mean);

/* theta = ln((matches1 + offset) / (matches2 + offset)): in which of two neighbourhoods a row lies better among its own
   kind.  Gui, Ma and Ma 2025, section 4; the offset is ours, for counts of zero.  DATA names a count of zero that the
   offset does not cover. */
typedef struct isk_theta_desc {
    const int32_t *matches1, *matches2;     /* [rows], from isk_knn_matches with the same k */
    const int32_t *labels;                  /* [rows], for mean and counts; may be NULL without them */
    int64_t rows;
    int label_count;                        /* labels are below this; needed for mean and counts */
    double offset;                          /* 0: 0.5; ISK_NONE: none, as printed in the paper */
    int ratio_of_means;                     /* 1: mean[l] is ln of the ratio of the label's mean counts, no offset */
    double *theta;                          /* out: [rows], NaN where unlabelled; or NULL */
    double *mean;                           /* out: [label_count], NaN for a label without rows; or NULL */
    int64_t *counts;                        /* out: [label_count] rows of the label, beside mean; or NULL */
} isk_theta_desc;
INDISEEK_API isk_status isk_theta(isk_context *context, const isk_theta_desc *desc);

/* Mean of values [rows] over the rows of each label 0 .. label_count-1: mean [label_count], NaN for a label without
   rows; counts [label_count] or NULL. */
INDISEEK_API isk_status isk_mean_by_label(isk_context *context, const double *values, const int32_t *labels,
                                          int64_t rows, int label_count, double *mean, int64_t *counts);

/* Average ranks, 1 .. count: equal values share the mean of their ranks.  values, ranks [count]. */
INDISEEK_API isk_status isk_ranks(isk_context *context, const double *values, int64_t count, double *ranks);
/* Spearman's rank correlation: Pearson's correlation of the average ranks.  DATA when count < 2 or one side is
   constant. */
INDISEEK_API isk_status isk_spearman(isk_context *context, const double *a, const double *b, int64_t count,
                                     double *rho);

/* Lloyd's k-means from k-means++ starts, the best of several.  Arthur and Vassilvitskii 2007 with greedy trials
   (2 + floor(ln k)), limits as in scikit-learn.  A cluster that runs empty takes the row farthest from its centre. */
typedef struct isk_kmeans_desc {
    isk_matrix x;                   /* [n, d] */
    int clusters;                   /* 1 .. n */
    int starts;                     /* 0: 10 */
    int iterations;                 /* of one start at most; 0: 300 */
    double tolerance;               /* stops when the squared move of all centres is no more than tolerance * mean
                                       variance of a column; 0: 1e-4; ISK_NONE: only when no row changes its cluster */
    uint64_t seed;
    int32_t *labels;                /* out: [n] cluster of each row; or NULL */
    double *centres;                /* out: [clusters, d]; or NULL */
    double *inertia;                /* out: sum of squared distances to the own centre; or NULL */
} isk_kmeans_desc;
INDISEEK_API isk_status isk_kmeans(isk_context *context, const isk_kmeans_desc *desc);

/* Agreement of two labellings a, b [rows]: the adjusted Rand index (Hubert and Arabie 1985) and the mutual information
   over the arithmetic mean of the entropies.  Rows unlabelled in either are left out.  ari or nmi may be NULL.  Two
   labellings of one cluster each agree fully: 1, 1. */
INDISEEK_API isk_status isk_compare_labels(isk_context *context, const int32_t *a, const int32_t *b, int64_t rows,
                                           double *ari, double *nmi);

/* Counts and rates of predicted labels; rows with a negative truth are left out, a prediction outside 0 .. classes-1 is
   merely wrong.  balanced: mean over the classes present in the truth of the fraction found.  confusion
   [classes, classes], row = truth, column = prediction.  The three outputs may be NULL. */
INDISEEK_API isk_status isk_score_labels(isk_context *context, const int32_t *truth, const int32_t *predicted,
                                         int64_t rows, int classes, int64_t *confusion, double *accuracy,
                                         double *balanced);

/* Logistic regression on frozen features.  Minimises 0.5 ||W||^2 + c sum_i -ln p(label_i | x_i) over W and a free
   intercept by L-BFGS (Nocedal 1980): multinomial, with two classes binomial with one weight vector, both as
   scikit-learn.  Trains on the rows of part ISK_TRAIN, scores another part.  DATA when the training rows hold fewer
   than two classes; a class that they lack is never predicted, and its scored rows count as wrong. */
typedef struct isk_probe_desc {
    isk_matrix x;                   /* [n, d] */
    const int32_t *labels;          /* [n] */
    const uint8_t *part;            /* [n] isk_part of each row */
    isk_part scored;                /* 0: ISK_TEST; or ISK_VALIDATION, to choose something without the test rows */
    int standardise;                /* 1: columns are standardised by the training rows' moments; a constant one is 0 */
    double c;                       /* weight of the data; 0: 1 */
    double tolerance;               /* largest slope per training row, in standardised columns; 0: 1e-5 */
    int iterations;                 /* 0: 1000 */
    int32_t *predicted;             /* out: [n], of every row; or NULL */
    double *weights, *intercepts;   /* out: [classes, d], [classes] on the scale of x, so that a class scores
                                       x w + intercept; two classes: 0 and the vector; a class unknown in training: 0
                                       and -infinity; or NULL */
} isk_probe_desc;
typedef struct isk_probe_report {
    double accuracy, balanced_accuracy;     /* of the scored rows; balanced: mean recall of the classes among them.
                                               NaN when no labelled row is scored */
    double train_accuracy;
    double objective, slope;                /* where it stopped, per training row (objective / (c * rows)) */
    int iterations, converged;              /* converged 0: the limit of iterations, or of the arithmetic, came first */
    int classes, train_classes;             /* largest label + 1; classes among the training rows */
    int64_t train_rows, scored_rows;        /* labelled ones */
} isk_probe_report;
INDISEEK_API isk_status isk_probe(isk_context *context, const isk_probe_desc *desc, isk_probe_report *report);

/* How much of Y can be told from X: R^2 on rows not trained on, pooled over the columns of Y (so columns weigh by
   their variance): 1 - sum (y - prediction)^2 / sum (y - training mean)^2.  1 is everything, 0 no more than the mean;
   it may be negative.  Z_i about C of the other view is leakage, (Z_i, C_i) about X_i completeness.
   isk_ridge_r2: linear, min (1/n) ||Y - X B||^2 + alpha ||B||^2 with X standardised and Y centred by training moments.
   isk_knn_r2: mean of the k nearest training rows, X taken as it is.
   DATA when Y is constant over the scored rows, or too few rows are trained on (1) or scored (1). */
typedef struct isk_regression_desc {
    isk_matrix x, y;                /* [n, d], [n, q] */
    const uint8_t *part;            /* [n] isk_part of each row */
    isk_part scored;                /* 0: ISK_TEST; or ISK_VALIDATION */
    double alpha;                   /* ridge: penalty per training row; 0: 1e-3; at least 1e-6 with float scalars */
    int k;                          /* knn: neighbours; 0: 10, and no more than the training rows */
    double *column_r2;              /* out: [q] R^2 of each column (constant: 1 if met exactly, else 0); or NULL */
    isk_scalar *predictions;        /* out: [n, q], rows of the scored part only; or NULL */
} isk_regression_desc;
INDISEEK_API isk_status isk_ridge_r2(isk_context *context, const isk_regression_desc *desc, double *r2);
INDISEEK_API isk_status isk_knn_r2(isk_context *context, const isk_regression_desc *desc, double *r2);

/* Principal components.  Up to 512 columns: eigenvectors of the covariance by tridiagonal QL.  More: randomised
   subspace iteration (Halko, Martinsson and Tropp 2011).  The largest loading of each component is positive.  ARGUMENT
   when k exceeds min(rows - 1, columns).  Variances below 1e-6 of the largest are noise in float. */
typedef struct isk_pca_desc {
    isk_matrix x;                   /* [n, d] */
    const uint8_t *part;            /* [n]: only rows of part ISK_TRAIN are used; NULL: all */
    int k;                          /* components; 0: the most possible up to 50 */
    int randomised;                 /* 1: the randomised way at any width; ISK_NONE: never */
    int oversampling;               /* 0: 10 */
    int iterations;                 /* of subspace iteration; 0: 6; ISK_NONE: none */
    uint64_t seed;                  /* of the randomised way */
    isk_scalar *mean;               /* out: [d], or NULL */
    isk_scalar *components;         /* out: [d, k] loadings, columns of norm 1 */
    double *variances;              /* out: [k] variance along each component, dividing by n - 1; or NULL */
    double *total_variance;         /* out: sum of the variances of all columns; or NULL */
} isk_pca_desc;
INDISEEK_API isk_status isk_pca(isk_context *context, const isk_pca_desc *desc);
/* out [rows, k] = (x - mean) components, for any rows; mean [d], components [d, k]. */
INDISEEK_API isk_status isk_pca_transform(isk_context *context, isk_matrix x, const isk_scalar *mean,
                                          const isk_scalar *components, int k, isk_scalar *out);

/* Which coordinates a map looks at: zeta(j) = mean ||map(x) - map(x with coordinate j masked)||^2, divided by the sum
   over j.  Gui, Ma and Ma 2025, A.1, where the points are uniform on [-10, 10]^d and masked means 0.  map must fill out
   [rows, out_cols] from x [rows, cols]; a status other than ISK_OK ends the call with that status.  DATA when the map's
   result is not finite or depends on no coordinate. */
enum { ISK_MASK_ZERO = 1, ISK_MASK_MEAN, ISK_MASK_PERMUTE };
typedef struct isk_importance_desc {
    isk_status (*map)(void *user, const isk_scalar *x, int64_t rows, isk_scalar *out);
    void *user;
    int cols, out_cols;
    isk_matrix points;              /* [count, cols]; data NULL: uniform by seed */
    int count;                      /* of uniform points; 0: 1000 */
    double range;                   /* uniform on [-range, range]; 0: 10 */
    int mask;                       /* ISK_MASK_ZERO (0 too), mean of the column, or permuted column (by seed) */
    uint64_t seed;
    double *importance;             /* out: [cols], sums to 1 */
} isk_importance_desc;
INDISEEK_API isk_status isk_importance(isk_context *context, const isk_importance_desc *desc);

/* Assigns each row to training, validation or test, so that every label is divided alike; the rest of the two
   fractions is training.  With groups (donors, patients) a group is never divided, and the labels come out as even as
   that allows; without groups a label (without labels: the whole) keeps at least one training row.  Negative labels
   form a label of their own; a row of negative group is a group of its own.  DATA when a part asked for would be
   empty. */
typedef struct isk_split_desc {
    int64_t rows;
    const int32_t *labels, *groups; /* [rows] each, or NULL */
    double validation, test;        /* fractions, together below 1 */
    uint64_t seed;
    uint8_t *part;                  /* out: [rows] isk_part */
} isk_split_desc;
INDISEEK_API isk_status isk_split(isk_context *context, const isk_split_desc *desc);

/* Matrices of equal rows side by side: out [rows, sum of cols], e.g. (C1, Z1, C2, Z2) for a probe. */
INDISEEK_API isk_status isk_join_columns(isk_context *context, const isk_matrix *parts, int count, isk_scalar *out);
#endif

#ifndef INDISEEK_NO_FILES
/* ---- files -------------------------------------------------------------------------------------------------------- */
/* Every message names the file.  Rows, columns and lines in messages count from 1, offsets from 0. */

/* Where bytes come from.  `read` puts up to `count` bytes starting at `offset` into buffer and returns how many; fewer
   than asked for is no mistake, 0 is the end of the input, negative is a failure.  Calls go forward or back at will. */
typedef struct isk_reader {
    int64_t (*read)(void *user, uint64_t offset, void *buffer, size_t count);
    void (*close)(void *user);      /* NULL: nothing to close */
    void *user;
    uint64_t size;                  /* bytes of the input; ISK_SIZE_UNKNOWN: found out by reading at the borders */
    const char *name;               /* for messages; must live as long as the reader */
} isk_reader;
#define ISK_SIZE_UNKNOWN UINT64_MAX

INDISEEK_API isk_status isk_reader_open(isk_context *context, const char *path, isk_reader *reader);   /* a file */
INDISEEK_API isk_reader isk_reader_memory(const void *bytes, size_t count, const char *name);         /* not copied */
INDISEEK_API void isk_reader_close(isk_reader *reader);

INDISEEK_API void isk_free(isk_context *context, const void *block);    /* what isk_npy_load gave; NULL is allowed */

/* For readers of other formats: keeps a sentence, made as by printf, for isk_error(context), and returns `status`. */
#if defined(__GNUC__) || defined(__clang__)
__attribute__((format(printf, 3, 4)))
#endif
INDISEEK_API isk_status isk_set_error(isk_context *context, isk_status status, const char *format, ...);

/* Writes a file so that at any moment the path holds the old content or the new: beside it, fsync, rename, fsync of the
   folder.  A link at `path` is replaced by the file; anything but a regular file there is refused. */
INDISEEK_API isk_status isk_write_file(isk_context *context, const char *path, const void *bytes, size_t count);

/* Strict JSON (RFC 8259) of one flat object.  `member` gets the members in order: keys and strings decoded, numbers,
   true, false and null as they are written; what it returns ends the walk unless OK.  A key given twice, an array or an
   object as a value, and anything after the object are DATA.  `name` is for messages. */
typedef enum isk_json_kind {
    ISK_JSON_STRING, ISK_JSON_NUMBER, ISK_JSON_TRUE, ISK_JSON_FALSE, ISK_JSON_NULL
} isk_json_kind;
typedef isk_status isk_json_member(void *user, const char *key, isk_json_kind kind, const char *value);
INDISEEK_API isk_status isk_json_object(isk_context *context, const char *name, const char *text, size_t length,
                                        isk_json_member *member, void *user);

/* Types of stored values: name in safetensors, bits.  The first five can be read and written, the others listed. */
#define ISK_TYPE_LIST(X)                                                                                              \
    X(F32, 32) X(F64, 64) X(I32, 32) X(I64, 64) X(U8, 8)                                                              \
    X(BOOL, 8) X(I8, 8) X(I16, 16) X(U16, 16) X(U32, 32) X(U64, 64) X(F16, 16) X(BF16, 16) X(C64, 64)                 \
    X(F8_E5M2, 8) X(F8_E4M3, 8) X(F8_E8M0, 8) X(F8_E4M3FNUZ, 8) X(F8_E5M2FNUZ, 8) X(F6_E2M3, 6) X(F6_E3M2, 6) X(F4, 4)
typedef enum isk_type {
#define ISK__TYPE_ENUM(name, bits) ISK_TYPE_##name,
    ISK_TYPE_LIST(ISK__TYPE_ENUM)
#undef ISK__TYPE_ENUM
    ISK_TYPE_COUNT
} isk_type;
#define ISK_TYPE_SCALAR (sizeof(isk_scalar) == 8 ? ISK_TYPE_F64 : ISK_TYPE_F32)
INDISEEK_API const char *isk_type_name(isk_type type);                       /* "F32"; NULL beyond the last */

enum { ISK_ALLOW_NONFINITE = 1 };   /* flag of the readers below: NaN and infinity pass; otherwise they are DATA */

/* ---- .npy: arrays of NumPy, versions 1.0, 2.0 and 3.0 (numpy.lib.format) */

typedef struct isk_npy {
    isk_type type;                  /* F32, F64, I32 or I64; other dtypes are UNSUPPORTED and named */
    int big_endian, fortran_order;
    int dimensions;                 /* 1: [n] is taken as [n, 1].  2: [rows, cols].  Others are SHAPE */
    int64_t rows, cols;
    uint64_t offset;                /* of the first value */
} isk_npy;

/* Reads the header and checks that the input holds exactly the values that it announces. */
INDISEEK_API isk_status isk_npy_open(isk_context *context, const isk_reader *reader, isk_npy *npy);
/* Values [rows, cols], row-major whatever the order in the file.  A double beyond the range of isk_scalar is DATA;
   whole numbers are rounded to the nearest isk_scalar. */
INDISEEK_API isk_status isk_npy_read(isk_context *context, const isk_reader *reader, const isk_npy *npy, int flags,
                                     isk_scalar *values);
/* Labels: whole numbers that fit 32 bits, of any of the types; anything else is DATA. */
INDISEEK_API isk_status isk_npy_read_integers(isk_context *context, const isk_reader *reader, const isk_npy *npy,
                                              int32_t *values);
/* All of it in one call, in memory to be given to isk_free. */
INDISEEK_API isk_status isk_npy_load(isk_context *context, const char *path, int flags, isk_matrix *matrix);
/* Writes '<f4', version 1.0, C order, [rows, cols], whatever isk_scalar is; a finite value beyond float is DATA. */
INDISEEK_API isk_status isk_npy_save(isk_context *context, const char *path, isk_matrix matrix);

/* ---- .safetensors: named tensors and text (github.com/huggingface/safetensors, format of 2022) */

#define ISK_MAX_DIMENSIONS 8
typedef struct isk_safetensors isk_safetensors;         /* an opened file */
typedef struct isk_safetensors_entry {
    const char *name;
    isk_type type;
    int dimensions;                                     /* 0: a single value */
    int64_t shape[ISK_MAX_DIMENSIONS];
    uint64_t count, offset, bytes;                      /* values; where the first stands in the file; all of them */
} isk_safetensors_entry;

/* Reads and checks the whole header: strict JSON, no key twice, shapes that fit the offsets, offsets that cover the
   rest of the file without hole or overlap.  The reader is copied and must stay open until isk_safetensors_close. */
INDISEEK_API isk_status isk_safetensors_open(isk_context *context, const char *path, isk_safetensors **file);
INDISEEK_API isk_status isk_safetensors_open_reader(isk_context *context, const isk_reader *reader,
                                                    isk_safetensors **file);
INDISEEK_API void isk_safetensors_close(isk_safetensors *file);                       /* NULL is allowed */
INDISEEK_API int isk_safetensors_count(const isk_safetensors *file);
/* The tensors in the order of their names, NULL beyond the last; the one of that name, or NULL. */
INDISEEK_API const isk_safetensors_entry *isk_safetensors_get(const isk_safetensors *file, int index);
INDISEEK_API const isk_safetensors_entry *isk_safetensors_find(const isk_safetensors *file, const char *name);
/* The same for the texts of __metadata__. */
INDISEEK_API int isk_safetensors_text_count(const isk_safetensors *file);
INDISEEK_API const char *isk_safetensors_text_key(const isk_safetensors *file, int index);
INDISEEK_API const char *isk_safetensors_text(const isk_safetensors *file, const char *key);
/* Reads the tensor of that name, which must hold exactly `count` values, with conversion: to isk_scalar from any type
   that can be read, to int64 and bytes from whole numbers that fit.  DATA: no such tensor, or a value that does not
   fit.  SHAPE: another number of values. */
INDISEEK_API isk_status isk_safetensors_read(const isk_safetensors *file, const char *name, int flags, uint64_t count,
                                             isk_scalar *values);
INDISEEK_API isk_status isk_safetensors_read_int64(const isk_safetensors *file, const char *name, uint64_t count,
                                                   int64_t *values);
INDISEEK_API isk_status isk_safetensors_read_bytes(const isk_safetensors *file, const char *name, uint64_t count,
                                                   uint8_t *values);

/* Writing: begin, any number of put and put_text, finish.  The same content gives the same bytes in whatever order it
   was put: text by key, tensors by size of their values (largest first, which keeps them aligned) and name.
   The first failure is kept and returned by finish too, so that a caller may look at that alone. */
typedef struct isk_safetensors_writer isk_safetensors_writer;
INDISEEK_API isk_status isk_safetensors_begin(isk_context *context, isk_safetensors_writer **writer);
INDISEEK_API isk_status isk_safetensors_put_text(isk_safetensors_writer *writer, const char *key, const char *text);
/* `values` is of that type (ISK_TYPE_SCALAR for isk_scalar), not copied, and must stay until finish. */
INDISEEK_API isk_status isk_safetensors_put(isk_safetensors_writer *writer, const char *name, isk_type type,
                                            int dimensions, const int64_t *shape, const void *values);
/* Writes the file as isk_write_file does, and closes the writer in any case.  A NULL path only closes. */
INDISEEK_API isk_status isk_safetensors_finish(isk_safetensors_writer *writer, const char *path);
#endif

#ifdef __cplusplus
}
#endif
#endif /* INDISEEK_H */

/* ==================================================================================================================== */
#ifdef INDISEEK_IMPLEMENTATION
#ifndef INDISEEK_IMPLEMENTED
#define INDISEEK_IMPLEMENTED

#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if !defined(_WIN32)
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <unistd.h>
    #ifndef INDISEEK_NO_THREADS
        #include <pthread.h>
    #endif
#endif

#ifdef INDISEEK_USE_CBLAS
    #include <cblas.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* How hard gcc works on which section.  At -Og a section compiles in half the time that it takes at -O2, at -O1 in two
   thirds.  Running time is spent in a few loops over data, which are marked (ISK__LOOPS), and in products of matrices. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
    #define ISK__TUNED 1
    #define ISK__COLD_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize (\"Og\")")
    #define ISK__HOT_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize (\"O2\")")
    #define ISK__SECTION_END _Pragma("GCC pop_options")
    #pragma GCC push_options
    #pragma GCC optimize ("O1")
#else
    #define ISK__COLD_BEGIN
    #define ISK__HOT_BEGIN
    #define ISK__SECTION_END
#endif

/* ==== >>platform: compiler, memory, checked arithmetic, errors, threads, clock, random numbers ====================== */

#if defined(__GNUC__) || defined(__clang__)
    #define ISK__INLINE inline __attribute__((always_inline))
    #define ISK__RESTRICT __restrict__
    #define ISK__FORMAT(text, first) __attribute__((format(printf, text, first)))
    #define ISK__UNUSED __attribute__((unused))
#else
    #define ISK__INLINE inline
    #define ISK__RESTRICT
    #define ISK__FORMAT(text, first)
    #define ISK__UNUSED
#endif

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !defined(INDISEEK_DOUBLE) && \
    !defined(INDISEEK_NO_SIMD)
    #define ISK__HAVE_AVX2 1        /* kernels for AVX2+FMA and AVX-512 are compiled in; the CPU chooses at run time */
#endif

#define ISK__ALIGNMENT 64           /* bytes: one cache line, one AVX-512 register */
#define ISK__MAX_THREADS 256

/* 0: portable C.  1: AVX2 and FMA.  2: AVX-512F too. */
static int isk__cpu_level(void) {
#ifdef ISK__HAVE_AVX2
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") ? 2 : 1;
    }
#endif
    return 0;
}

typedef struct isk__pool isk__pool;

struct isk_context {
    isk_context_desc desc;
    int threads;
    int level;                      /* isk__cpu_level(), or lower in tests */
    volatile int interrupted;
    isk__pool *pool;
    isk_status pending;             /* a failure of isk_open, reported by the first call that needs what failed */
    char error[512];
    char device_text[64];
};

/* ---- errors ---- */

/* Keeps one sentence and returns the status, so that a caller can write `return isk__fail(...)`.  The decimal point is
   that of the program's locale; numbers in messages are for people. */
static isk_status isk__fail(isk_context *context, isk_status status, const char *format, ...) ISK__FORMAT(3, 4);
static isk_status isk__fail(isk_context *context, isk_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context->error, sizeof context->error, format, arguments);
    va_end(arguments);
    return status;
}

static void isk__log(const isk_context *context, isk_level level, const char *format, ...) ISK__FORMAT(3, 4);
static void isk__log(const isk_context *context, isk_level level, const char *format, ...) {
    char text[512];
    va_list arguments;
    if (!context->desc.log) { return; }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->desc.log(context->desc.user, level, text);
}

INDISEEK_API const char *isk_error(const isk_context *context) { return context ? context->error : "no context"; }

INDISEEK_API const char *isk_status_text(isk_status status) {
    static const char *const texts[] = {
#define ISK__STATUS_TEXT(name, text) text,
        ISK_STATUS_LIST(ISK__STATUS_TEXT)
#undef ISK__STATUS_TEXT
    };
    return (int)status >= 0 && status < ISK_STATUS_COUNT ? texts[status] : "unknown status";
}

/* ---- checked arithmetic ---- */

/* a * b, or SIZE_MAX when that does not fit: no allocation of SIZE_MAX bytes ever succeeds. */
static size_t isk__mul(size_t a, size_t b) { return a != 0 && b > SIZE_MAX / a ? SIZE_MAX : a * b; }
static size_t isk__add(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

/* ---- memory ---- */

/* Aligned to ISK__ALIGNMENT.  The pointer that the allocator gave stands just before the block.  NULL when there is none. */
static void *isk__allocate(const isk_context *context, size_t count, size_t size) {
    size_t bytes = isk__add(isk__mul(count, size), ISK__ALIGNMENT + sizeof(void *));
    char *raw, *aligned;
    if (bytes == SIZE_MAX || bytes > PTRDIFF_MAX) { return NULL; }
    raw = (char *)(context->desc.allocator.allocate ? context->desc.allocator.allocate(bytes, context->desc.allocator.user)
                                                    : malloc(bytes));
    if (!raw) { return NULL; }
    aligned = raw + sizeof(void *);
    aligned += (ISK__ALIGNMENT - (size_t)((uintptr_t)aligned % ISK__ALIGNMENT)) % ISK__ALIGNMENT;
    memcpy(aligned - sizeof(void *), &raw, sizeof raw);
    return aligned;
}

static void *isk__allocate_zero(const isk_context *context, size_t count, size_t size) {
    void *block = isk__allocate(context, count, size);
    if (block) { memset(block, 0, isk__mul(count, size)); }
    return block;
}

static void isk__release(const isk_context *context, void *block) {
    void *raw;
    if (!block) { return; }
    memcpy(&raw, (char *)block - sizeof(void *), sizeof raw);
    if (context->desc.allocator.release) {
        context->desc.allocator.release(raw, context->desc.allocator.user);
    } else {
        free(raw);
    }
}

/* A growing array: makes room for `need` items, doubling.  Returns 0 when there is no memory; *items stays valid. */
static int isk__grow(const isk_context *context, void **items, int *capacity, int need, size_t size) {
    int wanted = *capacity > 0 ? *capacity : 16;
    void *bigger;
    if (need <= *capacity) { return 1; }
    while (wanted < need) {
        if (wanted > INT_MAX / 2) { return 0; }
        wanted *= 2;
    }
    bigger = isk__allocate_zero(context, (size_t)wanted, size);
    if (!bigger) { return 0; }
    if (*items) { memcpy(bigger, *items, (size_t)*capacity * size); }
    isk__release(context, *items);
    *items = bigger;
    *capacity = wanted;
    return 1;
}

static isk_status isk__no_memory(isk_context *context, const char *what, size_t bytes) {
    return isk__fail(context, ISK_MEMORY, "out of memory: %s needs %.1f MB", what, (double)bytes / 1e6);
}

/* ---- text: a growing string, for JSON ---- */

typedef struct isk__text { isk_context *context; char *data; size_t length, capacity; int failed; } isk__text;

static void isk__text_bytes(isk__text *text, const char *bytes, size_t count) {
    if (text->failed) { return; }
    if (text->length + count + 1 > text->capacity) {
        size_t capacity = isk__add(isk__mul(2, text->capacity), count + 256);
        char *bigger = (char *)isk__allocate(text->context, capacity, 1);
        if (!bigger) { text->failed = 1; return; }
        if (text->length) { memcpy(bigger, text->data, text->length); }
        isk__release(text->context, text->data);
        text->data = bigger;
        text->capacity = capacity;
    }
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = 0;
}

static void isk__text_add(isk__text *text, const char *string) { isk__text_bytes(text, string, strlen(string)); }

/* Shortest of 6, 9 and 17 digits that reads back the same, a point whatever the locale, into at least 32 bytes. */
static void isk__format_number(char *buffer, double value) {
    static const char *const formats[] = { "%.6g", "%.9g", "%.17g" };
    int i;
    for (i = 0; i < 3; i++) {
        snprintf(buffer, 32, formats[i], value);
        if (strtod(buffer, NULL) == value) { break; }
    }
    for (i = 0; buffer[i]; i++) {
        if (!strchr("0123456789+-eE", buffer[i])) { buffer[i] = '.'; }
    }
}

/* A JSON number; NaN and infinity as null. */
static void isk__text_number(isk__text *text, double value) {
    char buffer[32];
    if (value - value == 0) {
        isk__format_number(buffer, value);
        isk__text_add(text, buffer);
    } else {
        isk__text_add(text, "null");
    }
}

/* A JSON string: quotes, backslashes and control characters escaped. */
static void isk__text_string(isk__text *text, const char *string) {
    isk__text_add(text, "\"");
    for (; *string; string++) {
        unsigned char byte = (unsigned char)*string;
        if (byte == '"' || byte == '\\') {
            isk__text_add(text, "\\");
            isk__text_bytes(text, string, 1);
        } else if (byte < 0x20) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\u%04x", byte);
            isk__text_add(text, escape);
        } else {
            isk__text_bytes(text, string, 1);
        }
    }
    isk__text_add(text, "\"");
}

/* ---- numbers from text ---- */

static int isk__is_digit(char c) { return c >= '0' && c <= '9'; }

/* The significant digits of a number as one integer and a power of ten, read by strtod: without a decimal point the
   locale does not matter.  More than 780 digits cannot change the rounding but for being nonzero. */
static double isk__number_exactly(const char *text, size_t length, int64_t exponent) {
    char digits[840];
    size_t i, used = 0;
    int64_t dropped = 0;
    int beyond = 0;
    for (i = 0; i < length; i++) {
        if (!isk__is_digit(text[i]) || (used == 0 && text[i] == '0')) { continue; }
        if (used < 780) {
            digits[used++] = text[i];
        } else {
            dropped++;
            beyond |= text[i] != '0';
        }
    }
    if (beyond) { digits[used++] = '1'; }
    exponent += dropped - beyond;
    if (exponent > 9999) { exponent = 9999; }
    if (exponent < -9999) { exponent = -9999; }
    snprintf(digits + used, sizeof digits - used, "e%d", (int)exponent);
    return strtod(digits, NULL);
}

INDISEEK_API size_t isk_parse_number(const char *text, size_t length, double *value) {
    static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    size_t at = 0, first, end;
    uint64_t mantissa = 0;
    int64_t fraction = 0, exponent = 0;     /* digits after the point; what stands after e */
    int negative, point = 0, digits = 0, significant = 0;
    double result;
    negative = length > 0 && text[0] == '-';
    if (length > 0 && (text[0] == '-' || text[0] == '+')) { at = 1; }
    for (first = at; at < length; at++) {
        if (text[at] == '.' && !point) { point = 1; continue; }
        if (!isk__is_digit(text[at])) { break; }
        digits = 1;
        fraction += point;
        if (mantissa != 0 || text[at] != '0') { significant++; }
        if (significant <= 19) { mantissa = mantissa * 10 + (uint64_t)(text[at] - '0'); }
        if (significant > 1000) { significant = 1000; }         /* it only has to stay large */
    }
    if (!digits) { return 0; }
    end = at;
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        size_t mark = at + 1;
        int minus = mark < length && text[mark] == '-';
        if (mark < length && (text[mark] == '-' || text[mark] == '+')) { mark++; }
        if (mark < length && isk__is_digit(text[mark])) {
            for (; mark < length && isk__is_digit(text[mark]); mark++) {
                if (exponent < INT64_C(100000000000000000)) { exponent = exponent * 10 + (text[mark] - '0'); }
            }
            at = mark;
            if (minus) { exponent = -exponent; }
        }
    }
    exponent -= fraction;
    if (mantissa == 0) {
        result = 0;
    } else if (FLT_EVAL_METHOD == 0 && significant <= 19 && mantissa <= (UINT64_C(1) << 53) && exponent >= -22 &&
               exponent <= 22) {
        result = (double)mantissa;      /* both factors are exact, so one operation rounds correctly (Clinger 1990) */
        result = exponent < 0 ? result / tens[-exponent] : result * tens[exponent];
    } else {
        result = isk__number_exactly(text + first, end - first, exponent);
    }
    *value = negative ? -result : result;
    return at;
}

/* ---- clock ---- */

static double isk__seconds(void) {
#if defined(_WIN32)
    return (double)clock() / CLOCKS_PER_SEC;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#endif
}

/* ---- threads: one pool per context; a job is `count` independent items handed out in order ---- */

typedef void isk__item(void *argument, int item, int worker);

#ifndef INDISEEK_NO_THREADS
struct isk__pool {
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    pthread_t threads[ISK__MAX_THREADS];
    int started;                    /* threads running beside the caller */
    int stop, busy, generation;
    isk__item *item;
    void *argument;
    int count, next, active;
};

typedef struct isk__pool_entry { isk__pool *pool; int worker; } isk__pool_entry;

/* Takes items until none is left.  Called and returns with the mutex held. */
static void isk__pool_take(isk__pool *pool, int worker) {
    while (pool->next < pool->count) {
        int item = pool->next++;
        pthread_mutex_unlock(&pool->mutex);
        pool->item(pool->argument, item, worker);
        pthread_mutex_lock(&pool->mutex);
    }
}

static void *isk__pool_thread(void *argument) {
    isk__pool_entry entry = *(isk__pool_entry *)argument;
    isk__pool *pool = entry.pool;
    int seen = 0;
    pthread_mutex_lock(&pool->mutex);
    ((isk__pool_entry *)argument)->pool = NULL;     /* says: the entry was read */
    pthread_cond_broadcast(&pool->done);
    for (;;) {
        while (!pool->stop && pool->generation == seen) { pthread_cond_wait(&pool->work, &pool->mutex); }
        if (pool->stop) { break; }
        seen = pool->generation;
        pool->active++;
        isk__pool_take(pool, entry.worker);
        pool->active--;
        if (pool->active == 0) { pthread_cond_broadcast(&pool->done); }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Starts what is missing.  Fewer threads than asked for are no error: the caller works too. */
static void isk__pool_start(isk_context *context) {
    isk__pool *pool = context->pool;
    if (!pool) {
        pool = (isk__pool *)isk__allocate_zero(context, 1, sizeof *pool);
        if (!pool) { return; }
        pthread_mutex_init(&pool->mutex, NULL);
        pthread_cond_init(&pool->work, NULL);
        pthread_cond_init(&pool->done, NULL);
        context->pool = pool;
    }
    while (pool->started < context->threads - 1) {
        isk__pool_entry entry;
        entry.pool = pool;
        entry.worker = pool->started + 1;
        if (pthread_create(&pool->threads[pool->started], NULL, isk__pool_thread, &entry)) { break; }
        pthread_mutex_lock(&pool->mutex);
        while (entry.pool) { pthread_cond_wait(&pool->done, &pool->mutex); }
        pthread_mutex_unlock(&pool->mutex);
        pool->started++;
    }
}

static void isk__pool_close(isk_context *context) {
    isk__pool *pool = context->pool;
    int i;
    if (!pool) { return; }
    pthread_mutex_lock(&pool->mutex);
    pool->stop = 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (i = 0; i < pool->started; i++) { pthread_join(pool->threads[i], NULL); }
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    isk__release(context, pool);
    context->pool = NULL;
}

/* Calls item(argument, i, worker) for i = 0 .. count-1, each once, on up to context->threads threads, worker being that
   thread's number from 0; returns when all are done.  Which thread takes an item must not matter to its result.
   A call from inside an item runs serially and must not use the worker's scratch. */
static void isk__parallel(isk_context *context, int count, isk__item *item, void *argument) {
    isk__pool *pool;
    int i;
    if (count > 1 && context->threads > 1) { isk__pool_start(context); }
    pool = context->pool;
    if (count <= 1 || context->threads <= 1 || !pool || pool->busy) {
        for (i = 0; i < count; i++) { item(argument, i, 0); }
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->busy = 1;
    pool->item = item;
    pool->argument = argument;
    pool->count = count;
    pool->next = 0;
    pool->generation++;
    pthread_cond_broadcast(&pool->work);
    isk__pool_take(pool, 0);
    while (pool->active > 0) { pthread_cond_wait(&pool->done, &pool->mutex); }
    pool->busy = 0;
    pthread_mutex_unlock(&pool->mutex);
}
#else
static void isk__pool_close(isk_context *context) { (void)context; }
static void isk__parallel(isk_context *context, int count, isk__item *item, void *argument) {
    int i;
    (void)context;
    for (i = 0; i < count; i++) { item(argument, i, 0); }
}
#endif

/* ---- random numbers: counter-based, the same text on every device ---- */

/* Philox4x32-10, Salmon, Moraes, Dror and Shaw 2011: four words from a counter and a key. */
static void isk__philox(const uint32_t counter[4], uint64_t key, uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    int round;
    for (round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0; out[1] = c1; out[2] = c2; out[3] = c3;
}

/* A stream of numbers: (seed, purpose) is the key, the position the counter. */
typedef struct isk__random { uint64_t key; uint64_t stream; uint64_t position; uint32_t words[4]; int left; } isk__random;

/* Mixes 64 bits well; splitmix64, Steele, Lea and Flood 2014. */
static uint64_t isk__mix64(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static isk__random isk__random_open(uint64_t seed, uint64_t stream) {
    isk__random random;
    memset(&random, 0, sizeof random);
    random.key = isk__mix64(seed);
    random.stream = stream;
    return random;
}

static uint32_t isk__random_word(isk__random *random) {
    if (random->left == 0) {
        uint32_t counter[4];
        counter[0] = (uint32_t)random->position;
        counter[1] = (uint32_t)(random->position >> 32);
        counter[2] = (uint32_t)random->stream;
        counter[3] = (uint32_t)(random->stream >> 32);
        isk__philox(counter, random->key, random->words);
        random->position++;
        random->left = 4;
    }
    return random->words[4 - random->left--];
}

/* Uniform in [0, 1) with 24 bits, so that it is the same in float and double. */
static double isk__random_uniform(isk__random *random) { return (double)(isk__random_word(random) >> 8) / 16777216.0; }

/* Uniform integer below `bound` (> 0), by rejection. */
ISK__UNUSED static uint32_t isk__random_below(isk__random *random, uint32_t bound) {
    uint32_t limit = UINT32_MAX - UINT32_MAX % bound, word;
    do { word = isk__random_word(random); } while (word >= limit);
    return word % bound;
}

/* Standard normal by Box and Muller; one of the pair is dropped so that a draw is a fixed number of words. */
static double isk__random_normal(isk__random *random) {
    double u = 1.0 - isk__random_uniform(random), v = isk__random_uniform(random);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static uint32_t isk__mix32(uint32_t x, uint32_t key) {
    x ^= key;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    return x ^ (x >> 16);
}

/* The image of `i` under a permutation of 0 .. n-1 chosen by key: a Feistel network of six rounds on the smallest even
   number of bits that holds n, walked until it falls inside.  No memory, no sorting, any element alone. */
static uint32_t isk__permute(uint32_t i, uint32_t n, uint64_t key) {
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32), mask, round;
    int half = 1;
    while ((UINT64_C(1) << (2 * half)) < n) { half++; }
    mask = (UINT32_C(1) << half) - 1;
    do {
        uint32_t left = i >> half, right = i & mask;
        for (round = 0; round < 6; round++) {
            uint32_t next = left ^ (isk__mix32(right + round * 0x9E3779B9u, round & 1 ? key1 : key0) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

/* ---- context ---- */

static int isk__online_processors(void) {
#if !defined(_WIN32) && !defined(INDISEEK_NO_THREADS) && defined(_SC_NPROCESSORS_ONLN)
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > ISK__MAX_THREADS ? ISK__MAX_THREADS : (int)count;
#else
    return 1;
#endif
}

INDISEEK_API isk_context *isk_open_checked(const isk_context_desc *desc, const char *version, int scalar_size) {
    static const char *const levels[] = { "portable kernels", "AVX2+FMA", "AVX-512" };
    isk_context empty, *context;
    if (strcmp(version, ISK_VERSION) != 0 || scalar_size != (int)sizeof(isk_scalar)) { return NULL; }
    memset(&empty, 0, sizeof empty);
    if (desc) { empty.desc = *desc; }
    if (!empty.desc.allocator.allocate || !empty.desc.allocator.release) {
        int half = empty.desc.allocator.allocate || empty.desc.allocator.release;
        memset(&empty.desc.allocator, 0, sizeof empty.desc.allocator);
        if (half) {
            empty.pending = isk__fail(&empty, ISK_ARGUMENT, "the allocator has only one of allocate and release; give both");
        }
    }
    context = (isk_context *)isk__allocate(&empty, 1, sizeof *context);
    if (!context) { return NULL; }
    *context = empty;
    context->threads = empty.desc.threads > 0 ? empty.desc.threads : isk__online_processors();
    if (context->threads > ISK__MAX_THREADS) { context->threads = ISK__MAX_THREADS; }
#ifdef INDISEEK_NO_THREADS
    context->threads = 1;
#endif
    context->level = isk__cpu_level();
    if (empty.desc.threads < 0) {
        context->pending = isk__fail(context, ISK_ARGUMENT, "threads is %d; give 0 for one per processor", empty.desc.threads);
    }
    if (empty.desc.device == ISK_DEVICE_CUDA) {
        context->pending = isk__fail(context, ISK_DEVICE, "device cuda: version " ISK_VERSION " runs on the CPU only; "
                                                          "choose cpu or auto");
    }
    snprintf(context->device_text, sizeof context->device_text, "cpu, %d thread%s, %s", context->threads,
             context->threads == 1 ? "" : "s", levels[context->level]);
    return context;
}

INDISEEK_API void isk_close(isk_context *context) {
    isk_context copy;
    if (!context) { return; }
    isk__pool_close(context);
    copy = *context;                /* the allocator outlives the block it is stored in */
    isk__release(&copy, context);
}

INDISEEK_API const char *isk_device_text(const isk_context *context) { return context->device_text; }

INDISEEK_API void isk_interrupt(isk_context *context) { context->interrupted = 1; }

/* ==== >>math: elementary functions that compilers can vectorise ====================================================== */

/* In float these are branch-free polynomials (minimax, fitted for this library), so that a loop over them vectorises with
   plain -O2; each within 3 ulp of the true value over its range, see tests/test_math.c.  In double they are libm's, for
   they serve gradient checks.  NaN in gives NaN out.  Written so that compilers find no branch: a comparison is made once,
   and the cases at the ends come from arithmetic where they can. */

#define ISK__LOWEST ((isk_scalar)-3.0e38)       /* what an absent row counts as in a maximum */

/* The iterations of the loop that follows do not depend on one another.  In double loops call libm. */
#if defined(INDISEEK_DOUBLE)
    #define ISK__VECTOR
#elif defined(__clang__)
    #define ISK__VECTOR _Pragma("clang loop vectorize(assume_safety) interleave(disable)")
#elif defined(__GNUC__)
    #define ISK__VECTOR _Pragma("GCC ivdep")
#else
    #define ISK__VECTOR
#endif

/* a or b, both computed already: under a condition gcc would not vectorise what it computes. */
static ISK__INLINE isk_scalar isk__where(int condition, isk_scalar a, isk_scalar b) { return condition ? a : b; }
static ISK__INLINE isk_scalar isk__maximum(isk_scalar a, isk_scalar b) { return a < b ? b : a; }
static ISK__INLINE isk_scalar isk__minimum(isk_scalar a, isk_scalar b) { return b < a ? b : a; }
static ISK__INLINE isk_scalar isk__relu(isk_scalar x) { return x < 0 ? 0 : x; }
static ISK__INLINE isk_scalar isk__sign(isk_scalar x) { return (isk_scalar)((0 < x) - (x < 0)); }

#ifdef INDISEEK_DOUBLE

static ISK__INLINE double isk__absolute(double x) { return fabs(x); }
static ISK__INLINE double isk__sqrt(double x) { return x <= 0 ? 0 : sqrt(x); }
static ISK__INLINE double isk__rsqrt(double x) { return 1 / sqrt(x); }
static ISK__INLINE double isk__exp(double x) { return exp(x); }
static ISK__INLINE double isk__ln(double x) { return log(x); }
static ISK__INLINE double isk__tanh(double x) { return tanh(x); }
static ISK__INLINE double isk__sigmoid(double x) { return 1 / (1 + exp(-x)); }
static ISK__INLINE double isk__softplus(double x) { return isk__relu(x) + log1p(exp(-fabs(x))); }
static ISK__INLINE double isk__erf(double x) { return erf(x); }

#else

static ISK__INLINE float isk__absolute(float x) { return fabsf(x); }
static ISK__INLINE float isk__sqrt(float x) { return x <= 0 ? 0 : sqrtf(x); }      /* 0 below 0 */
static ISK__INLINE float isk__rsqrt(float x) { return 1 / sqrtf(x); }

static ISK__INLINE uint32_t isk__float_to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static ISK__INLINE float isk__bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* x = n ln 2 + r with |r| <= ln 2 / 2: n is read off the low bits of x / ln 2 + 1.5 * 2^23, which rounds to whole numbers.
   ln 2 is subtracted in two parts, the first exact. */
typedef struct isk__split { uint32_t n; float r; } isk__split;
static ISK__INLINE isk__split isk__split_exponent(float x) {
    isk__split split;
    float whole;
    split.n = isk__float_to_bits(x * 1.44269504f + 12582912.0f) - 0x4B400000u;
    whole = (float)(int32_t)split.n;
    split.r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    return split;
}

/* e^r - 1, |r| <= ln 2 / 2 */
static ISK__INLINE float isk__exp_less_one(float r) {
    float p = 0.001381461043f;
    p = p * r + 0.008368710056f;
    p = p * r + 0.04166838899f;
    p = p * r + 0.1666652113f;
    p = p * r + 0.4999999404f;
    return p * (r * r) + r;
}

/* e^x; 0 below -87.33 (no denormal results), infinity above 88.72 */
static ISK__INLINE float isk__exp(float x) {
    const float high = x > 89.0f ? 89.0f : x, bounded = high < -88.0f ? -88.0f : high;
    const isk__split split = isk__split_exponent(bounded);
    const uint32_t half = (uint32_t)((int32_t)split.n >> 1);     /* 2^n as a product: n may be 128 */
    const float power = (1 + isk__exp_less_one(split.r)) * isk__bits_to_float((half + 127) << 23);
    return isk__where(x < -87.33f, 0, power * isk__bits_to_float((split.n - half + 127) << 23));
}

/* natural logarithm of a normal x > 0; anything finite for other numbers */
static ISK__INLINE float isk__ln(float x) {
    const uint32_t bits = isk__float_to_bits(x) - 0x3F3504F3u;                  /* relative to sqrt(1/2) */
    const float n = (float)((int32_t)bits >> 23);
    const float f = isk__bits_to_float((bits & 0x007FFFFFu) + 0x3F3504F3u) - 1;  /* x = 2^n (1 + f) */
    const float s = f / (2 + f), half = 0.5f * f * f, z = s * s;
    const float tail = s * (half + z * (0.6666677594f + z * (0.3997752666f + z * 0.2987215817f)));
    const float value = n * 0.693359375f + ((n * -2.12194440e-4f + tail) - half + f);
    return isk__where(x <= 3.4028234e38f, value, x);
}

/* tanh x = e / (e + 2) with e = e^2x - 1 */
static ISK__INLINE float isk__tanh(float x) {
    const float high = x > 9.02f ? 9.02f : x, bounded = high < -9.02f ? -9.02f : high;
    const isk__split split = isk__split_exponent(2 * bounded);
    const float power = isk__bits_to_float((split.n + 127) << 23);
    const float e = power * isk__exp_less_one(split.r) + (power - 1);
    return e / (e + 2);
}

static ISK__INLINE float isk__sigmoid(float x) { return 1 / (1 + isk__exp(-x)); }

/* ln(1 + e^x) = max(x, 0) + ln(1 + u) with u = e^-|x|; for s = u / (2 + u) that is ln((1 + s) / (1 - s)), odd in s */
static ISK__INLINE float isk__softplus(float x) {
    const float u = isk__exp(-fabsf(x)), s = u / (2 + u), z = s * s;
    float p = 0.2802446485f;
    p = p * z + 0.2799913883f;
    p = p * z + 0.4002169967f;
    p = p * z + 0.6666641235f;
    return isk__relu(x) + (s * z * p + 2 * s);
}

/* near 0 a polynomial, further out 1 - e^-p(|x|), with p fitted to -ln erfc */
static ISK__INLINE float isk__erf(float x) {
    const float far = fabsf(x), t = far > 4.0f ? 4.0f : far, z = t * t;
    float near = -0.0005999404238f, p = -0.000195938264f, tail;
    near = near * z + 0.00499483012f;
    near = near * z - 0.02676771954f;
    near = near * z + 0.1128184572f;
    near = near * z - 0.3761249781f;
    near = near * z + 0.1283791512f;
    near = near * t + t;
    p = p * t + 0.003043226665f;
    p = p * t - 0.02222695574f;
    p = p * t + 0.1039316654f;
    p = p * t + 0.6371821761f;
    p = p * t + 1.1276756525f;
    p = p * t + 0.0001956665365f;
    tail = 1 - isk__exp(-p);
    tail = isk__where(t < 0.92f, near, tail);
    return isk__where(x < 0, -tail, tail);
}

#endif

/* ==== >>ops: the generated op table, its CPU loops and its CUDA text ================================================= */

#define ISK__MAX_INPUTS 6

/* One call of an expression op on the CPU, for one model.  Kinds of operands: e [rows, cols], r [rows, 1], c [1, cols],
   s [1, 1], w row weights [rows, 1] or NULL when every weight is 1. */
typedef struct isk__loop {
    int rows, cols;                                     /* extent of the 'e' operands */
    const isk_scalar *in[ISK__MAX_INPUTS];
    int in_stride[ISK__MAX_INPUTS];                     /* elements from one row to the next */
    isk_scalar *out;                                    /* forward: written; backward: the forward's output, read */
    int out_stride;
    const isk_scalar *grad;                             /* backward: gradient of out */
    int grad_stride;
    isk_scalar *grad_in[ISK__MAX_INPUTS];               /* backward: NULL where no gradient is wanted */
    int grad_in_stride[ISK__MAX_INPUTS];
    unsigned accumulate;                                /* bit i: add to grad_in[i], else overwrite it */
    const double *attributes;                           /* the op's constants */
    isk_scalar *work;
    int level;                                          /* isk__cpu_level(), or lower */
} isk__loop;

typedef struct isk__op_info {
    const char *name;
    int inputs;
    char kinds[ISK__MAX_INPUTS + 1], out_kind;
    int attributes;
    unsigned differentiable;                            /* bit i: a gradient with respect to input i exists */
    unsigned reads_inputs;                              /* bit i: backward reads in[i] */
    int reads_output;                                   /* backward reads out */
    int work_rows, work_cols;                           /* workspace: work_rows * rows + work_cols * cols + 16 scalars */
    void (*forward)(const isk__loop *);
    void (*backward)(const isk__loop *);
    int module;                                         /* index into isk__kernel_modules */
    const char *forward_grids, *backward_grids;         /* one letter a kernel, see isk__kernel_call */
} isk__op_info;

/* ---- what the generated loops call ---- */

/* How loops are compiled that take a measurable part of a program.  Vectorising a loop doubles its compile time. */
#ifdef ISK__TUNED
    #define ISK__LOOPS __attribute__((optimize("O1", "tree-loop-vectorize", "vect-cost-model=dynamic", \
                                              "no-trapping-math")))
    /* The last one makes gcc leave the upper halves of registers clean: SSE code would run slowly after it otherwise. */
    #define ISK__AVX2_LOOPS __attribute__((target("avx2,fma"), \
        optimize("O1", "tree-loop-vectorize", "vect-cost-model=dynamic", "no-trapping-math", "expensive-optimizations")))
    #define ISK__SUMS __attribute__((optimize("O2")))    /* partial sums become vectors only here */
#else
    #define ISK__LOOPS
    #define ISK__SUMS
    #define ISK__AVX2_LOOPS __attribute__((target("avx2,fma")))
#endif

#if defined(__GNUC__) || defined(__clang__)
    #define ISK__NOINLINE __attribute__((noinline))
#else
    #define ISK__NOINLINE
#endif

static ISK__INLINE const isk_scalar *isk__row(const isk_scalar *matrix, int stride, int row) {
    return matrix + (ptrdiff_t)row * stride;
}

static ISK__INLINE isk_scalar *isk__row_of(isk_scalar *matrix, int stride, int row) {
    return matrix + (ptrdiff_t)row * stride;
}

static ISK__INLINE isk_scalar isk__weight(const isk__loop *l, int input, int row) {
    return l->in[input] ? *isk__row(l->in[input], l->in_stride[input], row) : 1;
}

/* isk__exp_row(l, to, from): e^x for a row of l->cols elements, in place or not; and so on.  These functions take most of
   the time that ops take, so they are what is compiled for AVX2 too; the loops around them wait for memory. */
#ifdef ISK__HAVE_AVX2
    #define ISK__ROW_FUNCTION(name)                                                                       \
        ISK__LOOPS static void isk__##name##_row_portable(isk_scalar *to, const isk_scalar *from, int count) { \
            ISK__VECTOR                                                                                   \
            for (int j = 0; j < count; j++) to[j] = isk__##name(from[j]);                                 \
        }                                                                                                 \
        ISK__AVX2_LOOPS static void isk__##name##_row_avx2(isk_scalar *to, const isk_scalar *from, int count) { \
            ISK__VECTOR                                                                                   \
            for (int j = 0; j < count; j++) to[j] = isk__##name(from[j]);                                 \
        }                                                                                                 \
        static void isk__##name##_row(const isk__loop *l, isk_scalar *to, const isk_scalar *from) {       \
            (l->level > 0 ? isk__##name##_row_avx2 : isk__##name##_row_portable)(to, from, l->cols);      \
        }
#else
    #define ISK__ROW_FUNCTION(name)                                                                       \
        ISK__LOOPS static void isk__##name##_row(const isk__loop *l, isk_scalar *to, const isk_scalar *from) { \
            ISK__VECTOR                                                                                   \
            for (int j = 0; j < l->cols; j++) to[j] = isk__##name(from[j]);                               \
        }
#endif
ISK__ROW_FUNCTION(exp)
ISK__ROW_FUNCTION(ln)
ISK__ROW_FUNCTION(tanh)
ISK__ROW_FUNCTION(sigmoid)
ISK__ROW_FUNCTION(softplus)
ISK__ROW_FUNCTION(erf)

/* What `to` held before is no number when nothing is to be added: it may be NaN. */
static ISK__INLINE void isk__put(isk_scalar *to, int add, isk_scalar value) { *to = (add ? *to : 0) + value; }

static ISK__NOINLINE ISK__LOOPS void isk__put_all(isk_scalar *to, int add, const isk_scalar *values, int count) {
    int i;
    ISK__VECTOR
    for (i = 0; i < count; i++) to[i] = (add ? to[i] : 0) + values[i];
}

static void isk__fill(isk_scalar *to, int count, isk_scalar value) {
    int i;
    for (i = 0; i < count; i++) to[i] = value;
}

/* Eight partial sums, so that compilers may use vectors; the order of additions depends on count only.  Not inlined: every
   variant of every loop then shares one compiled text, and its bits. */
static ISK__NOINLINE ISK__SUMS isk_scalar isk__sum(const isk_scalar *terms, int count) {
    isk_scalar part[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };
    int i, k;
    for (i = 0; i + 8 <= count; i += 8) {
        for (k = 0; k < 8; k++) part[k] += terms[i + k];
    }
    for (k = 0; i < count; i++, k++) part[k] += terms[i];
    return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

/* Largest of count > 0 terms; NaN among them may go unnoticed. */
static ISK__NOINLINE ISK__SUMS isk_scalar isk__largest(const isk_scalar *terms, int count) {
    isk_scalar part[8];
    int i, k;
    isk__fill(part, 8, terms[0]);
    for (i = 0; i + 8 <= count; i += 8) {
        for (k = 0; k < 8; k++) part[k] = isk__maximum(part[k], terms[i + k]);
    }
    for (k = 0; i < count; i++, k++) part[k] = isk__maximum(part[k], terms[i]);
    for (k = 1; k < 8; k++) part[0] = isk__maximum(part[0], part[k]);
    return part[0];
}

/* Records an op; kind w inputs are filled in here.  Defined under >>graph. */
static isk_tensor isk__record(int op, const isk_tensor *inputs, int input_count, const double *attributes,
                              int attribute_count);

/* >>generated op-list: begin (python3 codegen/generate.py; do not edit) */
enum {
    ISK__OP_ADD, ISK__OP_SUB, ISK__OP_MUL, ISK__OP_DIV, ISK__OP_MIN, ISK__OP_MAX, ISK__OP_NEG, ISK__OP_RECIPROCAL,
    ISK__OP_SQUARE, ISK__OP_SQRT, ISK__OP_ABS, ISK__OP_EXP, ISK__OP_LOG, ISK__OP_CLAMP, ISK__OP_AFFINE, ISK__OP_SCALE,
    ISK__OP_MUL_ROWS, ISK__OP_MUL_COLS, ISK__OP_ADD_ROWS, ISK__OP_BIAS, ISK__OP_SAMPLE_NORMAL, ISK__OP_RELU,
    ISK__OP_LEAKY_RELU, ISK__OP_GELU, ISK__OP_QUICK_GELU, ISK__OP_TANH, ISK__OP_SIGMOID, ISK__OP_SOFTPLUS,
    ISK__OP_BIAS_RELU, ISK__OP_BIAS_TANH, ISK__OP_BIAS_GELU, ISK__OP_BIAS_QUICK_GELU, ISK__OP_ROW_SUM, ISK__OP_ROW_MEAN,
    ISK__OP_ROW_MAX, ISK__OP_ROW_LOGSUMEXP, ISK__OP_ROW_DOT, ISK__OP_SQUARED_ERROR_ROWS, ISK__OP_SOFTMAX,
    ISK__OP_LOG_SOFTMAX, ISK__OP_L2_NORMALISE, ISK__OP_LAYER_NORM, ISK__OP_NORMAL_LOG_DENSITY, ISK__OP_NORMAL_KL,
    ISK__OP_COL_SUM, ISK__OP_COL_MEAN, ISK__OP_COL_VAR, ISK__OP_COL_MAX, ISK__OP_COL_LOGSUMEXP, ISK__OP_STANDARDISE,
    ISK__OP_BATCH_NORM, ISK__OP_STANDARDISE_BY, ISK__OP_BATCH_NORM_BY, ISK__OP_SUM_ALL, ISK__OP_MEAN_ALL,
    ISK__OP_MAX_ALL, ISK__OP_LOGSUMEXP_ALL, ISK__OP_MSE, ISK__OP_GAUSSIAN_NLL, ISK__OP_CLUB, ISK__OP_CLUB_PAIRED,
    ISK__OP_CROSS_ENTROPY, ISK__OP_BINARY_CROSS_ENTROPY, ISK__OP_COUNT
};
/* >>generated op-list: end */
/* >>generated ops: begin (python3 codegen/generate.py; do not edit) */
/* ---- loops ---- */

ISK__LOOPS static void isk__add_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = a[j] + b[j];
    }
}

ISK__LOOPS static void isk__add_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) isk__put_all(isk__row_of(l->grad_in[0], l->grad_in_stride[0], i), add_da, g, cols);
        if (l->grad_in[1]) isk__put_all(isk__row_of(l->grad_in[1], l->grad_in_stride[1], i), add_db, g, cols);
    }
}

ISK__LOOPS static void isk__sub_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = a[j] - b[j];
    }
}

ISK__LOOPS static void isk__sub_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) isk__put_all(isk__row_of(l->grad_in[0], l->grad_in_stride[0], i), add_da, g, cols);
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                db[j] = (add_db ? db[j] : 0) + -g[j];
        }
    }
}

ISK__LOOPS static void isk__mul_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = a[j] * b[j];
    }
}

ISK__LOOPS static void isk__mul_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT da = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                da[j] = (add_da ? da[j] : 0) + b[j] * g[j];
        }
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                db[j] = (add_db ? db[j] : 0) + a[j] * g[j];
        }
    }
}

static void isk__div_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = isk__where(b[j] < 0, (isk_scalar)-1e-12, (isk_scalar)1e-12);
            y[j] = a[j] / isk__where(isk__absolute(b[j]) < (isk_scalar)1e-12, t1, b[j]);
        }
    }
}

static void isk__div_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT da = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t1 = isk__where(b[j] < 0, (isk_scalar)-1e-12, (isk_scalar)1e-12);
                const isk_scalar t2 = g[j] / isk__where(isk__absolute(b[j]) < (isk_scalar)1e-12, t1, b[j]);
                da[j] = (add_da ? da[j] : 0) + t2;
            }
        }
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t3 = isk__where(b[j] < 0, (isk_scalar)-1e-12, (isk_scalar)1e-12);
                const isk_scalar t4 = -(g[j] * y[j] / isk__where(isk__absolute(b[j]) < (isk_scalar)1e-12, t3, b[j]));
                db[j] = (add_db ? db[j] : 0) + isk__where(isk__absolute(b[j]) < (isk_scalar)1e-12, 0, t4);
            }
        }
    }
}

static void isk__min_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__minimum(a[j], b[j]);
    }
}

static void isk__min_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT da = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                da[j] = (add_da ? da[j] : 0) + isk__where(b[j] < a[j], 0, g[j]);
        }
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                db[j] = (add_db ? db[j] : 0) + isk__where(b[j] < a[j], g[j], 0);
        }
    }
}

static void isk__max_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__maximum(a[j], b[j]);
    }
}

static void isk__max_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT da = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                da[j] = (add_da ? da[j] : 0) + isk__where(a[j] < b[j], 0, g[j]);
        }
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                db[j] = (add_db ? db[j] : 0) + isk__where(a[j] < b[j], g[j], 0);
        }
    }
}

static void isk__neg_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = -x[j];
    }
}

static void isk__neg_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + -g[j];
    }
}

static void isk__reciprocal_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = isk__where(x[j] < 0, (isk_scalar)-1e-12, (isk_scalar)1e-12);
            y[j] = 1 / isk__where(isk__absolute(x[j]) < (isk_scalar)1e-12, t1, x[j]);
        }
    }
}

static void isk__reciprocal_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = isk__where(x[j] < 0, (isk_scalar)-1e-12, (isk_scalar)1e-12);
            const isk_scalar t2 = -(g[j] * y[j] / isk__where(isk__absolute(x[j]) < (isk_scalar)1e-12, t1, x[j]));
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(isk__absolute(x[j]) < (isk_scalar)1e-12, 0, t2);
        }
    }
}

ISK__LOOPS static void isk__square_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] * x[j];
    }
}

ISK__LOOPS static void isk__square_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + 2 * x[j] * g[j];
    }
}

static void isk__sqrt_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        for (int j = 0; j < cols; j++)
            y[j] = isk__sqrt(x[j]);
    }
}

static void isk__sqrt_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(0 < y[j], 0.5f * (g[j] / y[j]), 0);
    }
}

static void isk__abs_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__absolute(x[j]);
    }
}

static void isk__abs_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + g[j] * isk__sign(x[j]);
    }
}

ISK__LOOPS static void isk__exp_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__minimum(x[j], 88);
        isk__exp_row(l, y, y);
    }
}

ISK__LOOPS static void isk__exp_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(88 < x[j], 0, g[j] * y[j]);
    }
}

static void isk__log_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__maximum(x[j], (isk_scalar)1e-32);
        isk__ln_row(l, y, y);
    }
}

static void isk__log_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = g[j] / isk__maximum(x[j], (isk_scalar)1e-32);
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(x[j] < (isk_scalar)1e-32, 0, t1);
        }
    }
}

static void isk__clamp_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar low = (isk_scalar)l->attributes[0];
    const isk_scalar high = (isk_scalar)l->attributes[1];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__minimum(isk__maximum(x[j], low), high);
    }
}

static void isk__clamp_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar low = (isk_scalar)l->attributes[0];
    const isk_scalar high = (isk_scalar)l->attributes[1];
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = isk__where(x[j] < low, 0, isk__where(high < isk__maximum(x[j], low), 0, g[j]));
            dx[j] = (add_dx ? dx[j] : 0) + t1;
        }
    }
}

ISK__LOOPS static void isk__affine_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar factor = (isk_scalar)l->attributes[0];
    const isk_scalar offset = (isk_scalar)l->attributes[1];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = factor * x[j] + offset;
    }
}

ISK__LOOPS static void isk__affine_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar factor = (isk_scalar)l->attributes[0];
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + factor * g[j];
    }
}

ISK__LOOPS static void isk__scale_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar a = *l->in[1];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = a * x[j];
    }
}

ISK__LOOPS static void isk__scale_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar a = *l->in[1];
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_da = (l->accumulate >> 1 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] * g[j];
        const isk_scalar sum2 = isk__sum(terms, cols);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + a * g[j];
        }
        sum += sum2;
    }
    if (l->grad_in[1]) isk__put(l->grad_in[1], add_da, sum);
}

static void isk__mul_rows_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar a = *isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = a * x[j];
    }
}

static void isk__mul_rows_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_da = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar a = *isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] * g[j];
        const isk_scalar sum = isk__sum(terms, cols);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + a * g[j];
        }
        if (l->grad_in[1]) isk__put(isk__row_of(l->grad_in[1], l->grad_in_stride[1], i), add_da, sum);
    }
}

ISK__LOOPS static void isk__mul_cols_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT a = l->in[1];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = a[j] * x[j];
    }
}

ISK__LOOPS static void isk__mul_cols_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT a = l->in[1];
    isk_scalar *ISK__RESTRICT sum = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_da = (l->accumulate >> 1 & 1u) != 0;
    isk__fill(sum, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + a[j] * g[j];
        }
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += x[j] * g[j];
        }
    }
    if (l->grad_in[1]) isk__put_all(l->grad_in[1], add_da, sum, cols);
}

static void isk__add_rows_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar a = *isk__row(l->in[1], l->in_stride[1], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] + a;
    }
}

static void isk__add_rows_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_da = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        const isk_scalar sum = isk__sum(g, cols);
        if (l->grad_in[0]) isk__put_all(isk__row_of(l->grad_in[0], l->grad_in_stride[0], i), add_dx, g, cols);
        if (l->grad_in[1]) isk__put(isk__row_of(l->grad_in[1], l->grad_in_stride[1], i), add_da, sum);
    }
}

ISK__LOOPS static void isk__bias_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT b = l->in[1];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] + b[j];
    }
}

ISK__LOOPS static void isk__bias_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT sum = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    isk__fill(sum, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) isk__put_all(isk__row_of(l->grad_in[0], l->grad_in_stride[0], i), add_dx, g, cols);
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += g[j];
        }
    }
    if (l->grad_in[1]) isk__put_all(l->grad_in[1], add_db, sum, cols);
}

static void isk__sample_normal_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT noise = isk__row(l->in[2], l->in_stride[2], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(0.5f * logvar[j], 44);
        isk__exp_row(l, terms, terms);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = mu[j] + noise[j] * terms[j];
    }
}

static void isk__sample_normal_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dmu = (l->accumulate >> 0 & 1u) != 0;
    const int add_dlogvar = (l->accumulate >> 1 & 1u) != 0;
    const int add_dnoise = (l->accumulate >> 2 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT noise = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) isk__put_all(isk__row_of(l->grad_in[0], l->grad_in_stride[0], i), add_dmu, g, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(0.5f * logvar[j], 44);
        isk__exp_row(l, terms, terms);
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dlogvar = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t1 = 0.5f * isk__where(44 < 0.5f * logvar[j], 0, noise[j] * terms[j] * g[j]);
                dlogvar[j] = (add_dlogvar ? dlogvar[j] : 0) + t1;
            }
        }
        if (l->grad_in[2]) {
            isk_scalar *ISK__RESTRICT dnoise = isk__row_of(l->grad_in[2], l->grad_in_stride[2], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dnoise[j] = (add_dnoise ? dnoise[j] : 0) + terms[j] * g[j];
        }
    }
}

ISK__LOOPS static void isk__relu_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__relu(x[j]);
    }
}

ISK__LOOPS static void isk__relu_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(0 < y[j], g[j], 0);
    }
}

static void isk__leaky_relu_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar slope = (isk_scalar)l->attributes[0];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] * isk__where(x[j] < 0, slope, 1);
    }
}

static void isk__leaky_relu_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar slope = (isk_scalar)l->attributes[0];
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(x[j] < 0, slope, 1) * g[j];
    }
}

static void isk__gelu_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = (isk_scalar)0.7071067811865476 * x[j];
        isk__erf_row(l, terms, terms);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = 0.5f * x[j] * (1 + terms[j]);
    }
}

static void isk__gelu_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = (isk_scalar)-0.5000000000000001 * x[j] * x[j];
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = (isk_scalar)0.7071067811865476 * x[j];
        isk__erf_row(l, terms2, terms2);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = g[j] * ((isk_scalar)0.3989422804014327 * x[j] * terms[j] + 0.5f * (1 + terms2[j]));
            dx[j] = (add_dx ? dx[j] : 0) + t1;
        }
    }
}

static void isk__quick_gelu_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = (isk_scalar)1.702 * x[j];
        isk__sigmoid_row(l, terms, terms);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] * terms[j];
    }
}

static void isk__quick_gelu_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = (isk_scalar)1.702 * x[j];
        isk__sigmoid_row(l, terms, terms);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + terms[j] * g[j] * (1 + (isk_scalar)1.702 * x[j] * (1 - terms[j]));
    }
}

ISK__LOOPS static void isk__tanh_forward(const isk__loop *l) {
    const int rows = l->rows;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        isk__tanh_row(l, y, x);
    }
}

ISK__LOOPS static void isk__tanh_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + g[j] * (1 - y[j] * y[j]);
    }
}

static void isk__sigmoid_forward(const isk__loop *l) {
    const int rows = l->rows;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        isk__sigmoid_row(l, y, x);
    }
}

static void isk__sigmoid_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + g[j] * y[j] * (1 - y[j]);
    }
}

static void isk__softplus_forward(const isk__loop *l) {
    const int rows = l->rows;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        isk__softplus_row(l, y, x);
    }
}

static void isk__softplus_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        isk__sigmoid_row(l, terms, x);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + g[j] * terms[j];
    }
}

ISK__LOOPS static void isk__bias_relu_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT b = l->in[1];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = isk__relu(x[j] + b[j]);
    }
}

ISK__LOOPS static void isk__bias_relu_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT sum = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    isk__fill(sum, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + isk__where(0 < y[j], g[j], 0);
        }
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += isk__where(0 < y[j], g[j], 0);
        }
    }
    if (l->grad_in[1]) isk__put_all(l->grad_in[1], add_db, sum, cols);
}

ISK__LOOPS static void isk__bias_tanh_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT b = l->in[1];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] + b[j];
        isk__tanh_row(l, y, y);
    }
}

ISK__LOOPS static void isk__bias_tanh_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT sum = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    isk__fill(sum, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + g[j] * (1 - y[j] * y[j]);
        }
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += g[j] * (1 - y[j] * y[j]);
        }
    }
    if (l->grad_in[1]) isk__put_all(l->grad_in[1], add_db, sum, cols);
}

static void isk__bias_gelu_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT b = l->in[1];
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = (isk_scalar)0.7071067811865476 * (x[j] + b[j]);
        isk__erf_row(l, terms, terms);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = 0.5f * (x[j] + b[j]) * (1 + terms[j]);
    }
}

static void isk__bias_gelu_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT b = l->in[1];
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT terms = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT terms2 = l->work + 2 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    isk__fill(sum, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] + b[j];
            terms[j] = (isk_scalar)-0.5000000000000001 * t1 * t1;
        }
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = (isk_scalar)0.7071067811865476 * (x[j] + b[j]);
        isk__erf_row(l, terms2, terms2);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t2 = (isk_scalar)0.3989422804014327 * (x[j] + b[j]) * terms[j]
                    + 0.5f * (1 + terms2[j]);
                dx[j] = (add_dx ? dx[j] : 0) + g[j] * t2;
            }
        }
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t3 = (isk_scalar)0.3989422804014327 * (x[j] + b[j]) * terms[j]
                    + 0.5f * (1 + terms2[j]);
                sum[j] += g[j] * t3;
            }
        }
    }
    if (l->grad_in[1]) isk__put_all(l->grad_in[1], add_db, sum, cols);
}

static void isk__bias_quick_gelu_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT b = l->in[1];
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = (isk_scalar)1.702 * (x[j] + b[j]);
        isk__sigmoid_row(l, terms, terms);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = (x[j] + b[j]) * terms[j];
    }
}

static void isk__bias_quick_gelu_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT b = l->in[1];
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT terms = l->work + (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    isk__fill(sum, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = (isk_scalar)1.702 * (x[j] + b[j]);
        isk__sigmoid_row(l, terms, terms);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t1 = terms[j] * g[j] * (1 + (isk_scalar)1.702 * (x[j] + b[j]) * (1 - terms[j]));
                dx[j] = (add_dx ? dx[j] : 0) + t1;
            }
        }
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += terms[j] * g[j] * (1 + (isk_scalar)1.702 * (x[j] + b[j]) * (1 - terms[j]));
        }
    }
    if (l->grad_in[1]) isk__put_all(l->grad_in[1], add_db, sum, cols);
}

ISK__LOOPS static void isk__row_sum_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar sum = isk__sum(x, cols);
        *isk__row_of(l->out, l->out_stride, i) = sum;
    }
}

ISK__LOOPS static void isk__row_sum_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + g;
    }
}

ISK__LOOPS static void isk__row_mean_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar sum = isk__sum(x, cols);
        *isk__row_of(l->out, l->out_stride, i) = sum / (isk_scalar)cols;
    }
}

ISK__LOOPS static void isk__row_mean_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        const isk_scalar t1 = g / (isk_scalar)cols;
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + t1;
    }
}

static void isk__row_max_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar largest = isk__largest(x, cols);
        *isk__row_of(l->out, l->out_stride, i) = largest;
    }
}

static void isk__row_max_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        const isk_scalar largest = isk__largest(x, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__where(x[j] == largest, 1, 0);
        const isk_scalar sum = isk__sum(terms, cols);
        const isk_scalar t1 = g / sum;
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(x[j] == largest, t1, 0);
    }
}

static void isk__row_logsumexp_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar largest = isk__largest(x, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] - largest;
        isk__exp_row(l, terms, terms);
        const isk_scalar sum = isk__sum(terms, cols);
        *isk__row_of(l->out, l->out_stride, i) = largest + isk__ln(sum);
    }
}

static void isk__row_logsumexp_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        const isk_scalar largest = isk__largest(x, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] - largest;
        isk__exp_row(l, terms, terms);
        const isk_scalar sum = isk__sum(terms, cols);
        const isk_scalar t1 = g / sum;
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + t1 * terms[j];
    }
}

ISK__LOOPS static void isk__row_dot_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = a[j] * b[j];
        const isk_scalar sum = isk__sum(terms, cols);
        *isk__row_of(l->out, l->out_stride, i) = sum;
    }
}

ISK__LOOPS static void isk__row_dot_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT da = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                da[j] = (add_da ? da[j] : 0) + g * b[j];
        }
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                db[j] = (add_db ? db[j] : 0) + g * a[j];
        }
    }
}

ISK__LOOPS static void isk__squared_error_rows_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = a[j] - b[j];
            terms[j] = t1 * t1;
        }
        const isk_scalar sum = isk__sum(terms, cols);
        *isk__row_of(l->out, l->out_stride, i) = sum;
    }
}

ISK__LOOPS static void isk__squared_error_rows_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        const isk_scalar t1 = 2 * g;
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT da = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                da[j] = (add_da ? da[j] : 0) + t1 * (a[j] - b[j]);
        }
        const isk_scalar t2 = -2 * g;
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                db[j] = (add_db ? db[j] : 0) + t2 * (a[j] - b[j]);
        }
    }
}

ISK__LOOPS static void isk__softmax_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar largest = isk__largest(x, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] - largest;
        isk__exp_row(l, terms, terms);
        const isk_scalar sum = isk__sum(terms, cols);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = terms[j] / sum;
    }
}

ISK__LOOPS static void isk__softmax_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = g[j] * y[j];
        const isk_scalar sum = isk__sum(terms, cols);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + y[j] * (g[j] - sum);
    }
}

static void isk__log_softmax_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar largest = isk__largest(x, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] - largest;
        isk__exp_row(l, terms, terms);
        const isk_scalar sum = isk__sum(terms, cols);
        const isk_scalar t1 = isk__ln(sum);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] - largest - t1;
    }
}

static void isk__log_softmax_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        const isk_scalar largest = isk__largest(x, cols);
        const isk_scalar sum = isk__sum(g, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] - largest;
        isk__exp_row(l, terms, terms);
        const isk_scalar sum2 = isk__sum(terms, cols);
        const isk_scalar t1 = sum / sum2;
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + (g[j] - t1 * terms[j]);
    }
}

ISK__LOOPS static void isk__l2_normalise_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = x[j] * x[j];
        const isk_scalar sum = isk__sum(terms, cols);
        const isk_scalar t1 = isk__maximum(isk__sqrt(sum), eps);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = x[j] / t1;
    }
}

ISK__LOOPS static void isk__l2_normalise_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT y = isk__row(l->out, l->out_stride, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            terms[j] = x[j] * x[j];
            terms2[j] = g[j] * y[j];
        }
        const isk_scalar sum = isk__sum(terms, cols);
        const isk_scalar sum2 = isk__sum(terms2, cols);
        const isk_scalar t1 = isk__sqrt(sum);
        const isk_scalar t2 = isk__maximum(t1, eps);
        const isk_scalar t3 = 2 * isk__where(0 < t1, 0.5f * (isk__where(t1 < eps, 0, -(sum2 / t2)) / t1), 0);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + (g[j] / t2 + t3 * x[j]);
    }
}

ISK__LOOPS static void isk__layer_norm_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT gamma = l->in[1];
    const isk_scalar *ISK__RESTRICT beta = l->in[2];
    isk_scalar *ISK__RESTRICT terms = l->work;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar sum = isk__sum(x, cols);
        const isk_scalar mean = sum / (isk_scalar)cols;
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] - mean;
            terms[j] = t1 * t1;
        }
        const isk_scalar sum2 = isk__sum(terms, cols);
        const isk_scalar variance = sum2 / (isk_scalar)cols;
        const isk_scalar scale = isk__rsqrt(variance + eps);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = scale * (gamma[j] * (x[j] - mean)) + beta[j];
    }
}

ISK__LOOPS static void isk__layer_norm_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT gamma = l->in[1];
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT sum2 = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT terms = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT terms2 = l->work + 3 * (size_t)cols;
    isk_scalar *ISK__RESTRICT terms3 = l->work + 4 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_dgamma = (l->accumulate >> 1 & 1u) != 0;
    const int add_dbeta = (l->accumulate >> 2 & 1u) != 0;
    isk__fill(sum, cols, 0);
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = gamma[j] * g[j];
        const isk_scalar sum3 = isk__sum(x, cols);
        const isk_scalar sum4 = isk__sum(terms, cols);
        const isk_scalar mean = sum3 / (isk_scalar)cols;
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] - mean;
            terms2[j] = t1 * t1;
            terms3[j] = gamma[j] * (t1 * g[j]);
        }
        const isk_scalar sum5 = isk__sum(terms2, cols);
        const isk_scalar sum6 = isk__sum(terms3, cols);
        const isk_scalar variance = sum5 / (isk_scalar)cols;
        const isk_scalar scale = isk__rsqrt(variance + eps);
        const isk_scalar t2 = scale * scale * scale * sum6 / (isk_scalar)cols;
        const isk_scalar t3 = scale * sum4 / (isk_scalar)cols;
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + (scale * (gamma[j] * g[j]) - t2 * (x[j] - mean) - t3);
        }
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += scale * ((x[j] - mean) * g[j]);
        }
        if (l->grad_in[2]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum2[j] += g[j];
        }
    }
    if (l->grad_in[1]) isk__put_all(l->grad_in[1], add_dgamma, sum, cols);
    if (l->grad_in[2]) isk__put_all(l->grad_in[2], add_dbeta, sum2, cols);
}

static void isk__normal_log_density_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[2], l->in_stride[2], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] - mu[j];
            terms2[j] = t1 * t1 * terms[j] + logvar[j] + (isk_scalar)1.8378770664093453;
        }
        const isk_scalar sum = isk__sum(terms2, cols);
        *isk__row_of(l->out, l->out_stride, i) = -0.5f * sum;
    }
}

static void isk__normal_log_density_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_dmu = (l->accumulate >> 1 & 1u) != 0;
    const int add_dlogvar = (l->accumulate >> 2 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        const isk_scalar t1 = -g;
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + t1 * ((x[j] - mu[j]) * terms[j]);
        }
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dmu = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dmu[j] = (add_dmu ? dmu[j] : 0) + g * ((x[j] - mu[j]) * terms[j]);
        }
        const isk_scalar t2 = 0.5f * g;
        if (l->grad_in[2]) {
            isk_scalar *ISK__RESTRICT dlogvar = isk__row_of(l->grad_in[2], l->grad_in_stride[2], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t3 = x[j] - mu[j];
                const isk_scalar t4 = isk__where(50 < -logvar[j], 0, t2 * (t3 * t3 * terms[j])) - t2;
                dlogvar[j] = (add_dlogvar ? dlogvar[j] : 0) + t4;
            }
        }
    }
}

static void isk__normal_kl_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT terms3 = l->work + 2 * (size_t)cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT prior_mu = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar *ISK__RESTRICT prior_logvar = isk__row(l->in[3], l->in_stride[3], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(logvar[j] - prior_logvar[j], 50);
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = isk__minimum(-prior_logvar[j], 50);
        isk__exp_row(l, terms2, terms2);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = mu[j] - prior_mu[j];
            terms3[j] = prior_logvar[j] - logvar[j] - 1 + terms[j] + t1 * t1 * terms2[j];
        }
        const isk_scalar sum = isk__sum(terms3, cols);
        *isk__row_of(l->out, l->out_stride, i) = 0.5f * sum;
    }
}

static void isk__normal_kl_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    const int add_dmu = (l->accumulate >> 0 & 1u) != 0;
    const int add_dlogvar = (l->accumulate >> 1 & 1u) != 0;
    const int add_dprior_mu = (l->accumulate >> 2 & 1u) != 0;
    const int add_dprior_logvar = (l->accumulate >> 3 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT prior_mu = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar *ISK__RESTRICT prior_logvar = isk__row(l->in[3], l->in_stride[3], i);
        const isk_scalar g = *isk__row(l->grad, l->grad_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-prior_logvar[j], 50);
        isk__exp_row(l, terms, terms);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dmu = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dmu[j] = (add_dmu ? dmu[j] : 0) + g * ((mu[j] - prior_mu[j]) * terms[j]);
        }
        const isk_scalar t1 = 0.5f * g;
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = isk__minimum(logvar[j] - prior_logvar[j], 50);
        isk__exp_row(l, terms2, terms2);
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dlogvar = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t2 = isk__where(50 < logvar[j] - prior_logvar[j], 0, t1 * terms2[j]) - t1;
                dlogvar[j] = (add_dlogvar ? dlogvar[j] : 0) + t2;
            }
        }
        const isk_scalar t3 = -g;
        if (l->grad_in[2]) {
            isk_scalar *ISK__RESTRICT dprior_mu = isk__row_of(l->grad_in[2], l->grad_in_stride[2], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dprior_mu[j] = (add_dprior_mu ? dprior_mu[j] : 0) + t3 * ((mu[j] - prior_mu[j]) * terms[j]);
        }
        const isk_scalar t4 = -0.5f * g;
        if (l->grad_in[3]) {
            isk_scalar *ISK__RESTRICT dprior_logvar = isk__row_of(l->grad_in[3], l->grad_in_stride[3], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t5 = mu[j] - prior_mu[j];
                const isk_scalar t6 = isk__where(50 < -prior_logvar[j], 0, t4 * (t5 * t5 * terms[j]));
                const isk_scalar t7 = t6 + isk__where(50 < logvar[j] - prior_logvar[j], 0, t4 * terms2[j]) + t1;
                dprior_logvar[j] = (add_dprior_logvar ? dprior_logvar[j] : 0) + t7;
            }
        }
    }
}

static void isk__col_sum_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk__fill(sum, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum[j] += w * x[j];
    }
    isk_scalar *ISK__RESTRICT y = l->out;
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        y[j] = sum[j];
}

static void isk__col_sum_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT g = l->grad;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 1, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + w * g[j];
    }
}

ISK__LOOPS static void isk__col_mean_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk__fill(sum, cols, 0);
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum[j] += w * x[j];
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    isk_scalar *ISK__RESTRICT y = l->out;
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        y[j] = sum[j] / weight;
}

ISK__LOOPS static void isk__col_mean_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT g = l->grad;
    isk_scalar *ISK__RESTRICT column = l->work;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 1, i);
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        column[j] = g[j] / weight;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 1, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + w * column[j];
    }
}

static void isk__col_var_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum3 = l->work + 2 * (size_t)cols;
    isk__fill(sum, cols, 0);
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum[j] += w * x[j];
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        mean[j] = sum[j] / weight;
    isk__fill(sum3, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] - mean[j];
            sum3[j] += w * (t1 * t1);
        }
    }
    isk_scalar *ISK__RESTRICT y = l->out;
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        y[j] = sum3[j] / weight;
}

static void isk__col_var_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT g = l->grad;
    isk_scalar *ISK__RESTRICT sum2 = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT column = l->work + 2 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk_scalar sum = 0;
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum2[j] += w * x[j];
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++) {
        mean[j] = sum2[j] / weight;
        column[j] = g[j] / weight;
    }
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar t1 = 2 * w;
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + t1 * (column[j] * (x[j] - mean[j]));
    }
}

static void isk__col_max_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT largest = l->work;
    isk_scalar sum = 0;
    isk__fill(largest, cols, ISK__LOWEST);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            largest[j] = isk__maximum(largest[j], isk__where(0 < w, x[j], ISK__LOWEST));
        sum += w;
    }
    isk_scalar *ISK__RESTRICT y = l->out;
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        y[j] = isk__where(0 < sum, largest[j], 0);
}

static void isk__col_max_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT g = l->grad;
    isk_scalar *ISK__RESTRICT largest = l->work;
    isk_scalar *ISK__RESTRICT sum2 = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT column = l->work + 2 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk__fill(largest, cols, ISK__LOWEST);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            largest[j] = isk__maximum(largest[j], isk__where(0 < w, x[j], ISK__LOWEST));
    }
    isk_scalar sum = 0;
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum2[j] += isk__where(isk__where(0 < w, x[j], ISK__LOWEST) == largest[j], 1, 0);
        sum += w;
    }
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        column[j] = isk__where(0 < sum, g[j], 0) / sum2[j];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = isk__where(isk__where(0 < w, x[j], ISK__LOWEST) == largest[j], column[j], 0);
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(0 < w, t1, 0);
        }
    }
}

static void isk__col_logsumexp_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT largest = l->work;
    isk_scalar *ISK__RESTRICT sum2 = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT terms = l->work + 2 * (size_t)cols;
    isk__fill(largest, cols, ISK__LOWEST);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            largest[j] = isk__maximum(largest[j], isk__where(0 < w, x[j], ISK__LOWEST));
    }
    isk_scalar sum = 0;
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__where(0 < w, x[j] - largest[j], ISK__LOWEST);
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum2[j] += terms[j];
        sum += w;
    }
    isk_scalar *ISK__RESTRICT y = l->out;
    for (int j = 0; j < cols; j++)
        y[j] = isk__where(0 < sum, largest[j] + isk__ln(sum2[j]), 0);
}

static void isk__col_logsumexp_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar *ISK__RESTRICT g = l->grad;
    isk_scalar *ISK__RESTRICT largest = l->work;
    isk_scalar *ISK__RESTRICT sum2 = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT terms = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT column = l->work + 3 * (size_t)cols;
    isk_scalar *ISK__RESTRICT terms2 = l->work + 4 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk__fill(largest, cols, ISK__LOWEST);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            largest[j] = isk__maximum(largest[j], isk__where(0 < w, x[j], ISK__LOWEST));
    }
    isk_scalar sum = 0;
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__where(0 < w, x[j] - largest[j], ISK__LOWEST);
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum2[j] += terms[j];
        sum += w;
    }
    for (int j = 0; j < cols; j++)
        column[j] = isk__where(0 < sum, g[j], 0) / sum2[j];
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = isk__where(0 < w, x[j] - largest[j], ISK__LOWEST);
        isk__exp_row(l, terms2, terms2);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(0 < w, column[j] * terms2[j], 0);
    }
}

ISK__LOOPS static void isk__standardise_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum3 = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT scale = l->work + 3 * (size_t)cols;
    isk__fill(sum, cols, 0);
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum[j] += w * x[j];
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        mean[j] = sum[j] / weight;
    isk__fill(sum3, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] - mean[j];
            sum3[j] += w * (t1 * t1);
        }
    }
    for (int j = 0; j < cols; j++) {
        const isk_scalar variance = sum3[j] / weight;
        scale[j] = isk__rsqrt(variance + eps);
    }
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar present = isk__where(0 < w, 1, 0);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = present * (scale[j] * (x[j] - mean[j]));
    }
}

ISK__LOOPS static void isk__standardise_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum3 = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum4 = l->work + 3 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum5 = l->work + 4 * (size_t)cols;
    isk_scalar *ISK__RESTRICT scale = l->work + 5 * (size_t)cols;
    isk_scalar *ISK__RESTRICT column = l->work + 6 * (size_t)cols;
    isk_scalar *ISK__RESTRICT column2 = l->work + 7 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk__fill(sum, cols, 0);
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum[j] += w * x[j];
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        mean[j] = sum[j] / weight;
    isk__fill(sum3, cols, 0);
    isk__fill(sum4, cols, 0);
    isk__fill(sum5, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        const isk_scalar present = isk__where(0 < w, 1, 0);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] - mean[j];
            sum3[j] += w * (t1 * t1);
            sum4[j] += present * (t1 * g[j]);
            sum5[j] += present * g[j];
        }
    }
    for (int j = 0; j < cols; j++) {
        const isk_scalar variance = sum3[j] / weight;
        scale[j] = isk__rsqrt(variance + eps);
        column[j] = scale[j] * scale[j] * scale[j] * sum4[j] / weight;
        column2[j] = scale[j] * sum5[j] / weight;
    }
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        const isk_scalar present2 = isk__where(0 < w, 1, 0);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t2 = present2 * (scale[j] * g[j]) - w * (column[j] * (x[j] - mean[j])) - w * column2[j];
            dx[j] = (add_dx ? dx[j] : 0) + t2;
        }
    }
}

ISK__LOOPS static void isk__batch_norm_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT gamma = l->in[1];
    const isk_scalar *ISK__RESTRICT beta = l->in[2];
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum3 = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT column = l->work + 3 * (size_t)cols;
    isk__fill(sum, cols, 0);
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 3, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum[j] += w * x[j];
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        mean[j] = sum[j] / weight;
    isk__fill(sum3, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 3, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = x[j] - mean[j];
            sum3[j] += w * (t1 * t1);
        }
    }
    for (int j = 0; j < cols; j++) {
        const isk_scalar variance = sum3[j] / weight;
        const isk_scalar scale = isk__rsqrt(variance + eps);
        column[j] = gamma[j] * scale;
    }
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 3, i);
        const isk_scalar present = isk__where(0 < w, 1, 0);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        for (int j = 0; j < cols; j++)
            y[j] = present * (column[j] * (x[j] - mean[j]) + beta[j]);
    }
}

ISK__LOOPS static void isk__batch_norm_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT gamma = l->in[1];
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum3 = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum4 = l->work + 3 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum5 = l->work + 4 * (size_t)cols;
    isk_scalar *ISK__RESTRICT column = l->work + 5 * (size_t)cols;
    isk_scalar *ISK__RESTRICT column2 = l->work + 6 * (size_t)cols;
    isk_scalar *ISK__RESTRICT column3 = l->work + 7 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_dgamma = (l->accumulate >> 1 & 1u) != 0;
    const int add_dbeta = (l->accumulate >> 2 & 1u) != 0;
    isk__fill(sum, cols, 0);
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 3, i);
        if (l->grad_in[0] || l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += w * x[j];
        }
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        mean[j] = sum[j] / weight;
    isk__fill(sum3, cols, 0);
    isk__fill(sum4, cols, 0);
    isk__fill(sum5, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 3, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        const isk_scalar present = isk__where(0 < w, 1, 0);
        if (l->grad_in[0] || l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t1 = x[j] - mean[j];
                sum3[j] += w * (t1 * t1);
                sum4[j] += present * (t1 * g[j]);
            }
        }
        if (l->grad_in[0] || l->grad_in[2]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum5[j] += present * g[j];
        }
    }
    for (int j = 0; j < cols; j++) {
        const isk_scalar variance = sum3[j] / weight;
        const isk_scalar scale = isk__rsqrt(variance + eps);
        column[j] = gamma[j] * scale;
        column2[j] = column[j] * scale * scale * sum4[j] / weight;
        column3[j] = column[j] * sum5[j] / weight;
    }
    if (l->grad_in[1]) {
        isk_scalar *ISK__RESTRICT dgamma = l->grad_in[1];
        for (int j = 0; j < cols; j++) {
            const isk_scalar variance2 = sum3[j] / weight;
            const isk_scalar scale2 = isk__rsqrt(variance2 + eps);
            dgamma[j] = (add_dgamma ? dgamma[j] : 0) + scale2 * sum4[j];
        }
    }
    if (l->grad_in[2]) isk__put_all(l->grad_in[2], add_dbeta, sum5, cols);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 3, i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        const isk_scalar present2 = isk__where(0 < w, 1, 0);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            for (int j = 0; j < cols; j++) {
                const isk_scalar t2 = present2 * (column[j] * g[j]) - w * (column2[j] * (x[j] - mean[j]))
                    - w * column3[j];
                dx[j] = (add_dx ? dx[j] : 0) + t2;
            }
        }
    }
}

static void isk__standardise_by_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT mean = l->in[1];
    const isk_scalar *ISK__RESTRICT variance = l->in[2];
    isk_scalar *ISK__RESTRICT scale = l->work;
    for (int j = 0; j < cols; j++)
        scale[j] = isk__rsqrt(variance[j] + eps);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            y[j] = scale[j] * (x[j] - mean[j]);
    }
}

static void isk__standardise_by_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT mean = l->in[1];
    const isk_scalar *ISK__RESTRICT variance = l->in[2];
    isk_scalar *ISK__RESTRICT scale = l->work;
    isk_scalar *ISK__RESTRICT column = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum2 = l->work + 3 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_dmean = (l->accumulate >> 1 & 1u) != 0;
    const int add_dvariance = (l->accumulate >> 2 & 1u) != 0;
    for (int j = 0; j < cols; j++) {
        scale[j] = isk__rsqrt(variance[j] + eps);
        column[j] = -0.5f * scale[j] * scale[j] * scale[j];
    }
    isk__fill(sum, cols, 0);
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + scale[j] * g[j];
        }
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += g[j];
        }
        if (l->grad_in[2]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum2[j] += (x[j] - mean[j]) * g[j];
        }
    }
    if (l->grad_in[1]) {
        isk_scalar *ISK__RESTRICT dmean = l->grad_in[1];
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dmean[j] = (add_dmean ? dmean[j] : 0) + -(scale[j] * sum[j]);
    }
    if (l->grad_in[2]) {
        isk_scalar *ISK__RESTRICT dvariance = l->grad_in[2];
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dvariance[j] = (add_dvariance ? dvariance[j] : 0) + column[j] * sum2[j];
    }
}

static void isk__batch_norm_by_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT mean = l->in[1];
    const isk_scalar *ISK__RESTRICT variance = l->in[2];
    const isk_scalar *ISK__RESTRICT gamma = l->in[3];
    const isk_scalar *ISK__RESTRICT beta = l->in[4];
    isk_scalar *ISK__RESTRICT column = l->work;
    for (int j = 0; j < cols; j++) {
        const isk_scalar scale = isk__rsqrt(variance[j] + eps);
        column[j] = gamma[j] * scale;
    }
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        isk_scalar *ISK__RESTRICT y = isk__row_of(l->out, l->out_stride, i);
        for (int j = 0; j < cols; j++)
            y[j] = column[j] * (x[j] - mean[j]) + beta[j];
    }
}

static void isk__batch_norm_by_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar eps = (isk_scalar)l->attributes[0];
    const isk_scalar *ISK__RESTRICT mean = l->in[1];
    const isk_scalar *ISK__RESTRICT variance = l->in[2];
    const isk_scalar *ISK__RESTRICT gamma = l->in[3];
    isk_scalar *ISK__RESTRICT scale = l->work;
    isk_scalar *ISK__RESTRICT column = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT column2 = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum = l->work + 3 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum2 = l->work + 4 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    const int add_dmean = (l->accumulate >> 1 & 1u) != 0;
    const int add_dvariance = (l->accumulate >> 2 & 1u) != 0;
    const int add_dgamma = (l->accumulate >> 3 & 1u) != 0;
    const int add_dbeta = (l->accumulate >> 4 & 1u) != 0;
    for (int j = 0; j < cols; j++) {
        scale[j] = isk__rsqrt(variance[j] + eps);
        column[j] = gamma[j] * scale[j];
        column2[j] = -0.5f * gamma[j] * scale[j] * scale[j] * scale[j];
    }
    isk__fill(sum, cols, 0);
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT g = isk__row(l->grad, l->grad_stride, i);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dx[j] = (add_dx ? dx[j] : 0) + column[j] * g[j];
        }
        if (l->grad_in[1] || l->grad_in[4]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum[j] += g[j];
        }
        if (l->grad_in[2] || l->grad_in[3]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                sum2[j] += (x[j] - mean[j]) * g[j];
        }
    }
    if (l->grad_in[1]) {
        isk_scalar *ISK__RESTRICT dmean = l->grad_in[1];
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dmean[j] = (add_dmean ? dmean[j] : 0) + -(column[j] * sum[j]);
    }
    if (l->grad_in[2]) {
        isk_scalar *ISK__RESTRICT dvariance = l->grad_in[2];
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dvariance[j] = (add_dvariance ? dvariance[j] : 0) + column2[j] * sum2[j];
    }
    if (l->grad_in[3]) {
        isk_scalar *ISK__RESTRICT dgamma = l->grad_in[3];
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dgamma[j] = (add_dgamma ? dgamma[j] : 0) + scale[j] * sum2[j];
    }
    if (l->grad_in[4]) isk__put_all(l->grad_in[4], add_dbeta, sum, cols);
}

static void isk__sum_all_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar sum2 = isk__sum(x, cols);
        sum += w * sum2;
    }
    *l->out = sum;
}

static void isk__sum_all_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar t1 = g * w;
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + t1;
    }
}

static void isk__mean_all_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar sum3 = isk__sum(x, cols);
        const isk_scalar mean = sum3 / (isk_scalar)cols;
        sum += w * mean;
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    const isk_scalar mean2 = sum / weight;
    *l->out = mean2;
}

static void isk__mean_all_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 1, i);
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    const isk_scalar t1 = g / weight;
    const isk_scalar t2 = t1 / (isk_scalar)cols;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 1, i);
        const isk_scalar t3 = t2 * w;
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + t3;
    }
}

static void isk__max_all_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar sum = 0;
    isk_scalar largest = ISK__LOWEST;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__where(0 < w, x[j], ISK__LOWEST);
        const isk_scalar largest2 = isk__largest(terms, cols);
        sum += w;
        largest = isk__maximum(largest, largest2);
    }
    const isk_scalar t1 = isk__where(0 < sum, largest, 0);
    *l->out = t1;
}

static void isk__max_all_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk_scalar largest = ISK__LOWEST;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__where(0 < w, x[j], ISK__LOWEST);
        const isk_scalar largest2 = isk__largest(terms, cols);
        largest = isk__maximum(largest, largest2);
    }
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = isk__where(isk__where(0 < w, x[j], ISK__LOWEST) == largest, 1, 0);
        const isk_scalar sum3 = isk__sum(terms2, cols);
        sum += w;
        sum2 += sum3;
    }
    const isk_scalar t1 = isk__where(0 < sum, g, 0);
    const isk_scalar t2 = t1 / sum2;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t3 = isk__where(isk__where(0 < w, x[j], ISK__LOWEST) == largest, t2, 0);
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(0 < w, t3, 0);
        }
    }
}

static void isk__logsumexp_all_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    isk_scalar largest = ISK__LOWEST;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__where(0 < w, x[j], ISK__LOWEST);
        const isk_scalar largest2 = isk__largest(terms, cols);
        largest = isk__maximum(largest, largest2);
    }
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = isk__where(0 < w, x[j] - largest, ISK__LOWEST);
        isk__exp_row(l, terms2, terms2);
        const isk_scalar sum3 = isk__sum(terms2, cols);
        sum += w;
        sum2 += sum3;
    }
    const isk_scalar t1 = isk__ln(sum2);
    const isk_scalar t2 = largest + t1;
    const isk_scalar t3 = isk__where(0 < sum, t2, 0);
    *l->out = t3;
}

static void isk__logsumexp_all_backward(const isk__loop *l) {
    if (!l->grad_in[0]) return;
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT terms3 = l->work + 2 * (size_t)cols;
    const int add_dx = (l->accumulate >> 0 & 1u) != 0;
    isk_scalar largest = ISK__LOWEST;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__where(0 < w, x[j], ISK__LOWEST);
        const isk_scalar largest2 = isk__largest(terms, cols);
        largest = isk__maximum(largest, largest2);
    }
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = isk__where(0 < w, x[j] - largest, ISK__LOWEST);
        isk__exp_row(l, terms2, terms2);
        const isk_scalar sum3 = isk__sum(terms2, cols);
        sum += w;
        sum2 += sum3;
    }
    const isk_scalar t1 = isk__where(0 < sum, g, 0);
    const isk_scalar t2 = t1 / sum2;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT x = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar w = isk__weight(l, 1, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms3[j] = isk__where(0 < w, x[j] - largest, ISK__LOWEST);
        isk__exp_row(l, terms3, terms3);
        isk_scalar *ISK__RESTRICT dx = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            dx[j] = (add_dx ? dx[j] : 0) + isk__where(0 < w, t2 * terms3[j], 0);
    }
}

ISK__LOOPS static void isk__mse_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar w = isk__weight(l, 2, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = a[j] - b[j];
            terms[j] = t1 * t1;
        }
        const isk_scalar sum3 = isk__sum(terms, cols);
        sum += w * sum3;
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    const isk_scalar mean = sum / weight;
    *l->out = mean;
}

ISK__LOOPS static void isk__mse_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    const int add_da = (l->accumulate >> 0 & 1u) != 0;
    const int add_db = (l->accumulate >> 1 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 2, i);
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    const isk_scalar t1 = g / weight;
    const isk_scalar t2 = 2 * t1;
    const isk_scalar t3 = -2 * t1;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT a = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT b = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar w = isk__weight(l, 2, i);
        const isk_scalar t4 = t2 * w;
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT da = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                da[j] = (add_da ? da[j] : 0) + t4 * (a[j] - b[j]);
        }
        const isk_scalar t5 = t3 * w;
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT db = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                db[j] = (add_db ? db[j] : 0) + t5 * (a[j] - b[j]);
        }
    }
}

ISK__LOOPS static void isk__gaussian_nll_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = mu[j] - z[j];
            terms2[j] = t1 * t1 * terms[j] + logvar[j];
        }
        const isk_scalar sum3 = isk__sum(terms2, cols);
        sum += w * sum3;
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    const isk_scalar mean = sum / weight;
    *l->out = mean;
}

ISK__LOOPS static void isk__gaussian_nll_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dmu = (l->accumulate >> 0 & 1u) != 0;
    const int add_dlogvar = (l->accumulate >> 1 & 1u) != 0;
    const int add_dz = (l->accumulate >> 2 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 3, i);
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    const isk_scalar t1 = g / weight;
    const isk_scalar t2 = 2 * t1;
    const isk_scalar t3 = -t1;
    const isk_scalar t4 = -2 * t1;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        const isk_scalar t5 = t2 * w;
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dmu = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dmu[j] = (add_dmu ? dmu[j] : 0) + t5 * ((mu[j] - z[j]) * terms[j]);
        }
        const isk_scalar t6 = t1 * w;
        const isk_scalar t7 = t3 * w;
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dlogvar = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t8 = mu[j] - z[j];
                const isk_scalar t9 = t6 + isk__where(50 < -logvar[j], 0, t7 * (t8 * t8 * terms[j]));
                dlogvar[j] = (add_dlogvar ? dlogvar[j] : 0) + t9;
            }
        }
        const isk_scalar t10 = t4 * w;
        if (l->grad_in[2]) {
            isk_scalar *ISK__RESTRICT dz = isk__row_of(l->grad_in[2], l->grad_in_stride[2], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dz[j] = (add_dz ? dz[j] : 0) + t10 * ((mu[j] - z[j]) * terms[j]);
        }
    }
}

ISK__LOOPS static void isk__club_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT sum = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum3 = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT variance = l->work + 3 * (size_t)cols;
    isk_scalar *ISK__RESTRICT terms = l->work + 4 * (size_t)cols;
    isk_scalar *ISK__RESTRICT terms2 = l->work + 5 * (size_t)cols;
    isk__fill(sum, cols, 0);
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum[j] += w * z[j];
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        mean[j] = sum[j] / weight;
    isk__fill(sum3, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = z[j] - mean[j];
            sum3[j] += w * (t1 * t1);
        }
    }
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        variance[j] = sum3[j] / weight;
    isk_scalar sum4 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t2 = mean[j] - mu[j];
            const isk_scalar t3 = z[j] - mu[j];
            terms2[j] = terms[j] * (variance[j] + t2 * t2 - t3 * t3);
        }
        const isk_scalar sum5 = isk__sum(terms2, cols);
        sum4 += w * sum5;
    }
    const isk_scalar t4 = sum4 / weight;
    const isk_scalar mean2 = 0.5f * t4;
    *l->out = mean2;
}

ISK__LOOPS static void isk__club_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    isk_scalar *ISK__RESTRICT sum2 = l->work;
    isk_scalar *ISK__RESTRICT mean = l->work + (size_t)cols;
    isk_scalar *ISK__RESTRICT sum3 = l->work + 2 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum4 = l->work + 3 * (size_t)cols;
    isk_scalar *ISK__RESTRICT sum5 = l->work + 4 * (size_t)cols;
    isk_scalar *ISK__RESTRICT terms = l->work + 5 * (size_t)cols;
    isk_scalar *ISK__RESTRICT variance = l->work + 6 * (size_t)cols;
    isk_scalar *ISK__RESTRICT terms2 = l->work + 7 * (size_t)cols;
    const int add_dmu = (l->accumulate >> 0 & 1u) != 0;
    const int add_dlogvar = (l->accumulate >> 1 & 1u) != 0;
    const int add_dz = (l->accumulate >> 2 & 1u) != 0;
    isk_scalar sum = 0;
    isk__fill(sum2, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            sum2[j] += w * z[j];
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    const isk_scalar t1 = g / weight;
    const isk_scalar t2 = 0.5f * t1;
    const isk_scalar t3 = t2 / weight;
    const isk_scalar t4 = -0.5f * t1;
    const isk_scalar t5 = 2 * t3;
    const isk_scalar t6 = t1 / weight;
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        mean[j] = sum2[j] / weight;
    isk__fill(sum3, cols, 0);
    isk__fill(sum4, cols, 0);
    isk__fill(sum5, cols, 0);
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        if (l->grad_in[1]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t7 = z[j] - mean[j];
                sum3[j] += w * (t7 * t7);
            }
        }
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        if (l->grad_in[2]) {
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                sum4[j] += w * terms[j];
                sum5[j] += w * (terms[j] * (mean[j] - mu[j]));
            }
        }
    }
    ISK__VECTOR
    for (int j = 0; j < cols; j++)
        variance[j] = sum3[j] / weight;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar w = isk__weight(l, 3, i);
        const isk_scalar t8 = t1 * w;
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms2, terms2);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dmu = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dmu[j] = (add_dmu ? dmu[j] : 0) + t8 * (terms2[j] * (z[j] - mean[j]));
        }
        const isk_scalar t9 = t4 * w;
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dlogvar = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t10 = mean[j] - mu[j];
                const isk_scalar t11 = z[j] - mu[j];
                const isk_scalar t12 = t9 * (terms2[j] * (variance[j] + t10 * t10 - t11 * t11));
                dlogvar[j] = (add_dlogvar ? dlogvar[j] : 0) + isk__where(50 < -logvar[j], 0, t12);
            }
        }
        if (l->grad_in[2]) {
            isk_scalar *ISK__RESTRICT dz = isk__row_of(l->grad_in[2], l->grad_in_stride[2], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t13 = t5 * sum4[j] * (z[j] - mean[j]) - t1 * (terms2[j] * (z[j] - mu[j]))
                    + t6 * sum5[j];
                dz[j] = (add_dz ? dz[j] : 0) + w * t13;
            }
        }
    }
}

static void isk__club_paired_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar *ISK__RESTRICT z_permuted = isk__row(l->in[3], l->in_stride[3], i);
        const isk_scalar w = isk__weight(l, 4, i);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        ISK__VECTOR
        for (int j = 0; j < cols; j++) {
            const isk_scalar t1 = z_permuted[j] - mu[j];
            const isk_scalar t2 = z[j] - mu[j];
            terms2[j] = terms[j] * (t1 * t1 - t2 * t2);
        }
        const isk_scalar sum3 = isk__sum(terms2, cols);
        sum += w * sum3;
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    const isk_scalar t3 = sum / weight;
    const isk_scalar mean = 0.5f * t3;
    *l->out = mean;
}

static void isk__club_paired_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dmu = (l->accumulate >> 0 & 1u) != 0;
    const int add_dlogvar = (l->accumulate >> 1 & 1u) != 0;
    const int add_dz = (l->accumulate >> 2 & 1u) != 0;
    const int add_dz_permuted = (l->accumulate >> 3 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 4, i);
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    const isk_scalar t1 = g / weight;
    const isk_scalar t2 = -0.5f * t1;
    const isk_scalar t3 = -t1;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT mu = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT logvar = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar *ISK__RESTRICT z = isk__row(l->in[2], l->in_stride[2], i);
        const isk_scalar *ISK__RESTRICT z_permuted = isk__row(l->in[3], l->in_stride[3], i);
        const isk_scalar w = isk__weight(l, 4, i);
        const isk_scalar t4 = t1 * w;
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = isk__minimum(-logvar[j], 50);
        isk__exp_row(l, terms, terms);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dmu = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dmu[j] = (add_dmu ? dmu[j] : 0) + t4 * (terms[j] * (z[j] - z_permuted[j]));
        }
        const isk_scalar t5 = t2 * w;
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dlogvar = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t6 = z_permuted[j] - mu[j];
                const isk_scalar t7 = z[j] - mu[j];
                const isk_scalar t8 = isk__where(50 < -logvar[j], 0, t5 * (terms[j] * (t6 * t6 - t7 * t7)));
                dlogvar[j] = (add_dlogvar ? dlogvar[j] : 0) + t8;
            }
        }
        const isk_scalar t9 = t3 * w;
        if (l->grad_in[2]) {
            isk_scalar *ISK__RESTRICT dz = isk__row_of(l->grad_in[2], l->grad_in_stride[2], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dz[j] = (add_dz ? dz[j] : 0) + t9 * (terms[j] * (z[j] - mu[j]));
        }
        if (l->grad_in[3]) {
            isk_scalar *ISK__RESTRICT dz_permuted = isk__row_of(l->grad_in[3], l->grad_in_stride[3], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++) {
                const isk_scalar t10 = t4 * (terms[j] * (z_permuted[j] - mu[j]));
                dz_permuted[j] = (add_dz_permuted ? dz_permuted[j] : 0) + t10;
            }
        }
    }
}

ISK__LOOPS static void isk__cross_entropy_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT logits = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT target = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar w = isk__weight(l, 2, i);
        const isk_scalar largest = isk__largest(logits, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = logits[j] - largest;
        isk__exp_row(l, terms, terms);
        const isk_scalar sum3 = isk__sum(terms, cols);
        const isk_scalar t1 = isk__ln(sum3);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = target[j] * (t1 - (logits[j] - largest));
        const isk_scalar sum4 = isk__sum(terms2, cols);
        sum += w * sum4;
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    const isk_scalar mean = sum / weight;
    *l->out = mean;
}

ISK__LOOPS static void isk__cross_entropy_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dlogits = (l->accumulate >> 0 & 1u) != 0;
    const int add_dtarget = (l->accumulate >> 1 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 2, i);
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    const isk_scalar t1 = g / weight;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT logits = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT target = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar w = isk__weight(l, 2, i);
        const isk_scalar largest = isk__largest(logits, cols);
        const isk_scalar sum2 = isk__sum(target, cols);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms[j] = logits[j] - largest;
        isk__exp_row(l, terms, terms);
        const isk_scalar sum3 = isk__sum(terms, cols);
        const isk_scalar t2 = t1 * (w * sum2) / sum3;
        const isk_scalar t3 = t1 * w;
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dlogits = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dlogits[j] = (add_dlogits ? dlogits[j] : 0) + (t2 * terms[j] - t3 * target[j]);
        }
        const isk_scalar t4 = isk__ln(sum3);
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dtarget = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dtarget[j] = (add_dtarget ? dtarget[j] : 0) + t3 * (t4 - (logits[j] - largest));
        }
    }
}

static void isk__binary_cross_entropy_forward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    isk_scalar *ISK__RESTRICT terms = l->work;
    isk_scalar *ISK__RESTRICT terms2 = l->work + (size_t)cols;
    isk_scalar sum = 0;
    isk_scalar sum2 = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT logits = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT target = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar w = isk__weight(l, 2, i);
        isk__softplus_row(l, terms, logits);
        ISK__VECTOR
        for (int j = 0; j < cols; j++)
            terms2[j] = terms[j] - logits[j] * target[j];
        const isk_scalar sum3 = isk__sum(terms2, cols);
        sum += w * sum3;
        sum2 += w;
    }
    const isk_scalar weight = isk__maximum(sum2, (isk_scalar)1e-12);
    const isk_scalar mean = sum / weight;
    *l->out = mean;
}

static void isk__binary_cross_entropy_backward(const isk__loop *l) {
    const int rows = l->rows, cols = l->cols;
    const isk_scalar g = *l->grad;
    isk_scalar *ISK__RESTRICT terms = l->work;
    const int add_dlogits = (l->accumulate >> 0 & 1u) != 0;
    const int add_dtarget = (l->accumulate >> 1 & 1u) != 0;
    isk_scalar sum = 0;
    for (int i = 0; i < rows; i++) {
        const isk_scalar w = isk__weight(l, 2, i);
        sum += w;
    }
    const isk_scalar weight = isk__maximum(sum, (isk_scalar)1e-12);
    const isk_scalar t1 = g / weight;
    const isk_scalar t2 = -t1;
    for (int i = 0; i < rows; i++) {
        const isk_scalar *ISK__RESTRICT logits = isk__row(l->in[0], l->in_stride[0], i);
        const isk_scalar *ISK__RESTRICT target = isk__row(l->in[1], l->in_stride[1], i);
        const isk_scalar w = isk__weight(l, 2, i);
        const isk_scalar t3 = t1 * w;
        isk__sigmoid_row(l, terms, logits);
        if (l->grad_in[0]) {
            isk_scalar *ISK__RESTRICT dlogits = isk__row_of(l->grad_in[0], l->grad_in_stride[0], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dlogits[j] = (add_dlogits ? dlogits[j] : 0) + t3 * (terms[j] - target[j]);
        }
        const isk_scalar t4 = t2 * w;
        if (l->grad_in[1]) {
            isk_scalar *ISK__RESTRICT dtarget = isk__row_of(l->grad_in[1], l->grad_in_stride[1], i);
            ISK__VECTOR
            for (int j = 0; j < cols; j++)
                dtarget[j] = (add_dtarget ? dtarget[j] : 0) + t4 * logits[j];
        }
    }
}

/* ---- the table: in the order of the enum above ---- */

static const isk__op_info isk__op_table[] = {
    { "add", 2, "ee", 'e', 0, 0x3u, 0x0u, 0, 0, 0, isk__add_forward, isk__add_backward, 0, "e", "e" },
    { "sub", 2, "ee", 'e', 0, 0x3u, 0x0u, 0, 0, 0, isk__sub_forward, isk__sub_backward, 0, "e", "e" },
    { "mul", 2, "ee", 'e', 0, 0x3u, 0x3u, 0, 0, 0, isk__mul_forward, isk__mul_backward, 0, "e", "e" },
    { "div", 2, "ee", 'e', 0, 0x3u, 0x2u, 1, 0, 0, isk__div_forward, isk__div_backward, 0, "e", "e" },
    { "min", 2, "ee", 'e', 0, 0x3u, 0x3u, 0, 0, 0, isk__min_forward, isk__min_backward, 0, "e", "e" },
    { "max", 2, "ee", 'e', 0, 0x3u, 0x3u, 0, 0, 0, isk__max_forward, isk__max_backward, 0, "e", "e" },
    { "neg", 1, "e", 'e', 0, 0x1u, 0x0u, 0, 0, 0, isk__neg_forward, isk__neg_backward, 0, "e", "e" },
    { "reciprocal", 1, "e", 'e', 0, 0x1u, 0x1u, 1, 0, 0, isk__reciprocal_forward, isk__reciprocal_backward, 0, "e", "e"
      },
    { "square", 1, "e", 'e', 0, 0x1u, 0x1u, 0, 0, 0, isk__square_forward, isk__square_backward, 0, "e", "e" },
    { "sqrt", 1, "e", 'e', 0, 0x1u, 0x0u, 1, 0, 0, isk__sqrt_forward, isk__sqrt_backward, 0, "e", "e" },
    { "abs", 1, "e", 'e', 0, 0x1u, 0x1u, 0, 0, 0, isk__abs_forward, isk__abs_backward, 0, "e", "e" },
    { "exp", 1, "e", 'e', 0, 0x1u, 0x1u, 1, 0, 0, isk__exp_forward, isk__exp_backward, 0, "e", "e" },
    { "log", 1, "e", 'e', 0, 0x1u, 0x1u, 0, 0, 0, isk__log_forward, isk__log_backward, 0, "e", "e" },
    { "clamp", 1, "e", 'e', 2, 0x1u, 0x1u, 0, 0, 0, isk__clamp_forward, isk__clamp_backward, 0, "e", "e" },
    { "affine", 1, "e", 'e', 2, 0x1u, 0x0u, 0, 0, 0, isk__affine_forward, isk__affine_backward, 0, "e", "e" },
    { "scale", 2, "es", 'e', 0, 0x3u, 0x3u, 0, 1, 1, isk__scale_forward, isk__scale_backward, 0, "e", "rse" },
    { "mul_rows", 2, "er", 'e', 0, 0x3u, 0x3u, 0, 0, 1, isk__mul_rows_forward, isk__mul_rows_backward, 0, "e", "re" },
    { "mul_cols", 2, "ec", 'e', 0, 0x3u, 0x3u, 0, 0, 1, isk__mul_cols_forward, isk__mul_cols_backward, 0, "e", "ce" },
    { "add_rows", 2, "er", 'e', 0, 0x3u, 0x0u, 0, 0, 0, isk__add_rows_forward, isk__add_rows_backward, 0, "e", "re" },
    { "bias", 2, "ec", 'e', 0, 0x3u, 0x0u, 0, 0, 1, isk__bias_forward, isk__bias_backward, 0, "e", "ce" },
    { "sample_normal", 3, "eee", 'e', 0, 0x7u, 0x6u, 0, 0, 1, isk__sample_normal_forward, isk__sample_normal_backward,
      0, "e", "e" },
    { "relu", 1, "e", 'e', 0, 0x1u, 0x0u, 1, 0, 0, isk__relu_forward, isk__relu_backward, 1, "e", "e" },
    { "leaky_relu", 1, "e", 'e', 1, 0x1u, 0x1u, 0, 0, 0, isk__leaky_relu_forward, isk__leaky_relu_backward, 1, "e", "e"
      },
    { "gelu", 1, "e", 'e', 0, 0x1u, 0x1u, 0, 0, 2, isk__gelu_forward, isk__gelu_backward, 1, "e", "e" },
    { "quick_gelu", 1, "e", 'e', 0, 0x1u, 0x1u, 0, 0, 1, isk__quick_gelu_forward, isk__quick_gelu_backward, 1, "e", "e"
      },
    { "tanh", 1, "e", 'e', 0, 0x1u, 0x0u, 1, 0, 0, isk__tanh_forward, isk__tanh_backward, 1, "e", "e" },
    { "sigmoid", 1, "e", 'e', 0, 0x1u, 0x0u, 1, 0, 0, isk__sigmoid_forward, isk__sigmoid_backward, 1, "e", "e" },
    { "softplus", 1, "e", 'e', 0, 0x1u, 0x1u, 0, 0, 1, isk__softplus_forward, isk__softplus_backward, 1, "e", "e" },
    { "bias_relu", 2, "ec", 'e', 0, 0x3u, 0x0u, 1, 0, 1, isk__bias_relu_forward, isk__bias_relu_backward, 1, "e", "ce"
      },
    { "bias_tanh", 2, "ec", 'e', 0, 0x3u, 0x0u, 1, 0, 1, isk__bias_tanh_forward, isk__bias_tanh_backward, 1, "e", "ce"
      },
    { "bias_gelu", 2, "ec", 'e', 0, 0x3u, 0x3u, 0, 0, 3, isk__bias_gelu_forward, isk__bias_gelu_backward, 1, "e", "ce"
      },
    { "bias_quick_gelu", 2, "ec", 'e', 0, 0x3u, 0x3u, 0, 0, 2, isk__bias_quick_gelu_forward,
      isk__bias_quick_gelu_backward, 1, "e", "ce" },
    { "row_sum", 1, "e", 'r', 0, 0x1u, 0x0u, 0, 0, 0, isk__row_sum_forward, isk__row_sum_backward, 2, "r", "e" },
    { "row_mean", 1, "e", 'r', 0, 0x1u, 0x0u, 0, 0, 0, isk__row_mean_forward, isk__row_mean_backward, 2, "r", "e" },
    { "row_max", 1, "e", 'r', 0, 0x1u, 0x1u, 0, 2, 1, isk__row_max_forward, isk__row_max_backward, 2, "r", "re" },
    { "row_logsumexp", 1, "e", 'r', 0, 0x1u, 0x1u, 0, 2, 1, isk__row_logsumexp_forward, isk__row_logsumexp_backward, 2,
      "r", "re" },
    { "row_dot", 2, "ee", 'r', 0, 0x3u, 0x3u, 0, 0, 1, isk__row_dot_forward, isk__row_dot_backward, 2, "r", "e" },
    { "squared_error_rows", 2, "ee", 'r', 0, 0x3u, 0x3u, 0, 0, 1, isk__squared_error_rows_forward,
      isk__squared_error_rows_backward, 2, "r", "e" },
    { "softmax", 1, "e", 'e', 0, 0x1u, 0x0u, 1, 2, 1, isk__softmax_forward, isk__softmax_backward, 2, "re", "re" },
    { "log_softmax", 1, "e", 'e', 0, 0x1u, 0x1u, 0, 2, 1, isk__log_softmax_forward, isk__log_softmax_backward, 2, "re",
      "re" },
    { "l2_normalise", 1, "e", 'e', 1, 0x1u, 0x1u, 1, 2, 2, isk__l2_normalise_forward, isk__l2_normalise_backward, 2,
      "re", "re" },
    { "layer_norm", 3, "ecc", 'e', 1, 0x7u, 0x3u, 0, 4, 5, isk__layer_norm_forward, isk__layer_norm_backward, 2, "re",
      "rce" },
    { "normal_log_density", 3, "eee", 'r', 0, 0x7u, 0x7u, 0, 0, 2, isk__normal_log_density_forward,
      isk__normal_log_density_backward, 2, "r", "e" },
    { "normal_kl", 4, "eeee", 'r', 0, 0xfu, 0xfu, 0, 0, 3, isk__normal_kl_forward, isk__normal_kl_backward, 2, "r", "e"
      },
    { "col_sum", 2, "ew", 'c', 0, 0x1u, 0x2u, 0, 0, 1, isk__col_sum_forward, isk__col_sum_backward, 3, "c", "e" },
    { "col_mean", 2, "ew", 'c', 0, 0x1u, 0x2u, 0, 0, 1, isk__col_mean_forward, isk__col_mean_backward, 3, "sc", "sce" },
    { "col_var", 2, "ew", 'c', 0, 0x1u, 0x3u, 0, 0, 3, isk__col_var_forward, isk__col_var_backward, 3, "scc", "sce" },
    { "col_max", 2, "ew", 'c', 0, 0x1u, 0x3u, 0, 0, 3, isk__col_max_forward, isk__col_max_backward, 3, "sc", "csce" },
    { "col_logsumexp", 2, "ew", 'c', 0, 0x1u, 0x3u, 0, 0, 5, isk__col_logsumexp_forward, isk__col_logsumexp_backward, 3,
      "csc", "csce" },
    { "standardise", 2, "ew", 'e', 1, 0x1u, 0x3u, 0, 0, 8, isk__standardise_forward, isk__standardise_backward, 3,
      "scce", "scce" },
    { "batch_norm", 4, "eccw", 'e', 1, 0x7u, 0xbu, 0, 0, 8, isk__batch_norm_forward, isk__batch_norm_backward, 3,
      "scce", "scce" },
    { "standardise_by", 3, "ecc", 'e', 1, 0x7u, 0x7u, 0, 0, 4, isk__standardise_by_forward,
      isk__standardise_by_backward, 3, "e", "ce" },
    { "batch_norm_by", 5, "ecccc", 'e', 1, 0x1fu, 0xfu, 0, 0, 5, isk__batch_norm_by_forward,
      isk__batch_norm_by_backward, 3, "e", "ce" },
    { "sum_all", 2, "ew", 's', 0, 0x1u, 0x2u, 0, 1, 0, isk__sum_all_forward, isk__sum_all_backward, 4, "rs", "e" },
    { "mean_all", 2, "ew", 's', 0, 0x1u, 0x2u, 0, 1, 0, isk__mean_all_forward, isk__mean_all_backward, 4, "rs", "se" },
    { "max_all", 2, "ew", 's', 0, 0x1u, 0x3u, 0, 2, 2, isk__max_all_forward, isk__max_all_backward, 4, "rs", "rsrse" },
    { "logsumexp_all", 2, "ew", 's', 0, 0x1u, 0x3u, 0, 2, 3, isk__logsumexp_all_forward, isk__logsumexp_all_backward, 4,
      "rsrs", "rsrse" },
    { "mse", 3, "eew", 's', 0, 0x3u, 0x7u, 0, 1, 1, isk__mse_forward, isk__mse_backward, 4, "rs", "se" },
    { "gaussian_nll", 4, "eeew", 's', 0, 0x7u, 0xfu, 0, 1, 2, isk__gaussian_nll_forward, isk__gaussian_nll_backward, 4,
      "rs", "se" },
    { "club", 4, "eeew", 's', 0, 0x7u, 0xfu, 0, 1, 8, isk__club_forward, isk__club_backward, 4, "sccrs", "scce" },
    { "club_paired", 5, "eeeew", 's', 0, 0xfu, 0x1fu, 0, 1, 2, isk__club_paired_forward, isk__club_paired_backward, 4,
      "rs", "se" },
    { "cross_entropy", 3, "eew", 's', 0, 0x3u, 0x7u, 0, 3, 2, isk__cross_entropy_forward, isk__cross_entropy_backward,
      4, "rs", "rsre" },
    { "binary_cross_entropy", 3, "eew", 's', 0, 0x3u, 0x7u, 0, 1, 2, isk__binary_cross_entropy_forward,
      isk__binary_cross_entropy_backward, 4, "rs", "se" },
};

/* ---- public functions ---- */

INDISEEK_API isk_tensor isk_add(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_ADD, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_sub(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_SUB, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_mul(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_MUL, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_div(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_DIV, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_min(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_MIN, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_max(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_MAX, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_neg(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_NEG, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_reciprocal(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_RECIPROCAL, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_square(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_SQUARE, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_sqrt(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_SQRT, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_abs(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_ABS, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_exp(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_EXP, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_log(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_LOG, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_clamp(isk_tensor x, double low, double high) {
    const isk_tensor inputs[] = { x };
    const double attributes[] = { low, high };
    return isk__record(ISK__OP_CLAMP, inputs, 1, attributes, 2);
}

INDISEEK_API isk_tensor isk_affine(isk_tensor x, double factor, double offset) {
    const isk_tensor inputs[] = { x };
    const double attributes[] = { factor, offset };
    return isk__record(ISK__OP_AFFINE, inputs, 1, attributes, 2);
}

INDISEEK_API isk_tensor isk_scale(isk_tensor x, isk_tensor a) {
    const isk_tensor inputs[] = { x, a };
    return isk__record(ISK__OP_SCALE, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_mul_rows(isk_tensor x, isk_tensor a) {
    const isk_tensor inputs[] = { x, a };
    return isk__record(ISK__OP_MUL_ROWS, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_mul_cols(isk_tensor x, isk_tensor a) {
    const isk_tensor inputs[] = { x, a };
    return isk__record(ISK__OP_MUL_COLS, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_add_rows(isk_tensor x, isk_tensor a) {
    const isk_tensor inputs[] = { x, a };
    return isk__record(ISK__OP_ADD_ROWS, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_bias(isk_tensor x, isk_tensor b) {
    const isk_tensor inputs[] = { x, b };
    return isk__record(ISK__OP_BIAS, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_sample_normal(isk_tensor mu, isk_tensor logvar, isk_tensor noise) {
    const isk_tensor inputs[] = { mu, logvar, noise };
    return isk__record(ISK__OP_SAMPLE_NORMAL, inputs, 3, NULL, 0);
}

INDISEEK_API isk_tensor isk_relu(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_RELU, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_leaky_relu(isk_tensor x, double slope) {
    const isk_tensor inputs[] = { x };
    const double attributes[] = { slope };
    return isk__record(ISK__OP_LEAKY_RELU, inputs, 1, attributes, 1);
}

INDISEEK_API isk_tensor isk_gelu(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_GELU, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_quick_gelu(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_QUICK_GELU, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_tanh(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_TANH, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_sigmoid(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_SIGMOID, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_softplus(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_SOFTPLUS, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_bias_relu(isk_tensor x, isk_tensor b) {
    const isk_tensor inputs[] = { x, b };
    return isk__record(ISK__OP_BIAS_RELU, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_bias_tanh(isk_tensor x, isk_tensor b) {
    const isk_tensor inputs[] = { x, b };
    return isk__record(ISK__OP_BIAS_TANH, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_bias_gelu(isk_tensor x, isk_tensor b) {
    const isk_tensor inputs[] = { x, b };
    return isk__record(ISK__OP_BIAS_GELU, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_bias_quick_gelu(isk_tensor x, isk_tensor b) {
    const isk_tensor inputs[] = { x, b };
    return isk__record(ISK__OP_BIAS_QUICK_GELU, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_row_sum(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_ROW_SUM, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_row_mean(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_ROW_MEAN, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_row_max(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_ROW_MAX, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_row_logsumexp(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_ROW_LOGSUMEXP, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_row_dot(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_ROW_DOT, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_squared_error_rows(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_SQUARED_ERROR_ROWS, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_softmax(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_SOFTMAX, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_log_softmax(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_LOG_SOFTMAX, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_l2_normalise(isk_tensor x, double eps) {
    const isk_tensor inputs[] = { x };
    const double attributes[] = { eps };
    return isk__record(ISK__OP_L2_NORMALISE, inputs, 1, attributes, 1);
}

INDISEEK_API isk_tensor isk_layer_norm(isk_tensor x, isk_tensor gamma, isk_tensor beta, double eps) {
    const isk_tensor inputs[] = { x, gamma, beta };
    const double attributes[] = { eps };
    return isk__record(ISK__OP_LAYER_NORM, inputs, 3, attributes, 1);
}

INDISEEK_API isk_tensor isk_normal_log_density(isk_tensor x, isk_tensor mu, isk_tensor logvar) {
    const isk_tensor inputs[] = { x, mu, logvar };
    return isk__record(ISK__OP_NORMAL_LOG_DENSITY, inputs, 3, NULL, 0);
}

INDISEEK_API isk_tensor isk_normal_kl(isk_tensor mu, isk_tensor logvar, isk_tensor prior_mu, isk_tensor prior_logvar) {
    const isk_tensor inputs[] = { mu, logvar, prior_mu, prior_logvar };
    return isk__record(ISK__OP_NORMAL_KL, inputs, 4, NULL, 0);
}

INDISEEK_API isk_tensor isk_col_sum(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_COL_SUM, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_col_mean(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_COL_MEAN, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_col_var(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_COL_VAR, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_col_max(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_COL_MAX, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_col_logsumexp(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_COL_LOGSUMEXP, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_standardise(isk_tensor x, double eps) {
    const isk_tensor inputs[] = { x };
    const double attributes[] = { eps };
    return isk__record(ISK__OP_STANDARDISE, inputs, 1, attributes, 1);
}

INDISEEK_API isk_tensor isk_batch_norm(isk_tensor x, isk_tensor gamma, isk_tensor beta, double eps) {
    const isk_tensor inputs[] = { x, gamma, beta };
    const double attributes[] = { eps };
    return isk__record(ISK__OP_BATCH_NORM, inputs, 3, attributes, 1);
}

INDISEEK_API isk_tensor isk_standardise_by(isk_tensor x, isk_tensor mean, isk_tensor variance, double eps) {
    const isk_tensor inputs[] = { x, mean, variance };
    const double attributes[] = { eps };
    return isk__record(ISK__OP_STANDARDISE_BY, inputs, 3, attributes, 1);
}

INDISEEK_API isk_tensor isk_batch_norm_by(isk_tensor x, isk_tensor mean, isk_tensor variance, isk_tensor gamma,
                                          isk_tensor beta, double eps) {
    const isk_tensor inputs[] = { x, mean, variance, gamma, beta };
    const double attributes[] = { eps };
    return isk__record(ISK__OP_BATCH_NORM_BY, inputs, 5, attributes, 1);
}

INDISEEK_API isk_tensor isk_sum_all(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_SUM_ALL, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_mean_all(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_MEAN_ALL, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_max_all(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_MAX_ALL, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_logsumexp_all(isk_tensor x) {
    const isk_tensor inputs[] = { x };
    return isk__record(ISK__OP_LOGSUMEXP_ALL, inputs, 1, NULL, 0);
}

INDISEEK_API isk_tensor isk_mse(isk_tensor a, isk_tensor b) {
    const isk_tensor inputs[] = { a, b };
    return isk__record(ISK__OP_MSE, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_gaussian_nll(isk_tensor mu, isk_tensor logvar, isk_tensor z) {
    const isk_tensor inputs[] = { mu, logvar, z };
    return isk__record(ISK__OP_GAUSSIAN_NLL, inputs, 3, NULL, 0);
}

INDISEEK_API isk_tensor isk_club(isk_tensor mu, isk_tensor logvar, isk_tensor z) {
    const isk_tensor inputs[] = { mu, logvar, z };
    return isk__record(ISK__OP_CLUB, inputs, 3, NULL, 0);
}

INDISEEK_API isk_tensor isk_club_paired(isk_tensor mu, isk_tensor logvar, isk_tensor z, isk_tensor z_permuted) {
    const isk_tensor inputs[] = { mu, logvar, z, z_permuted };
    return isk__record(ISK__OP_CLUB_PAIRED, inputs, 4, NULL, 0);
}

INDISEEK_API isk_tensor isk_cross_entropy(isk_tensor logits, isk_tensor target) {
    const isk_tensor inputs[] = { logits, target };
    return isk__record(ISK__OP_CROSS_ENTROPY, inputs, 2, NULL, 0);
}

INDISEEK_API isk_tensor isk_binary_cross_entropy(isk_tensor logits, isk_tensor target) {
    const isk_tensor inputs[] = { logits, target };
    return isk__record(ISK__OP_BINARY_CROSS_ENTROPY, inputs, 2, NULL, 0);
}
/* >>generated ops: end */
static const isk__op_info *isk__op(int op) { return &isk__op_table[op]; }

#ifndef INDISEEK_NO_CUDA

/* ---- the ops as CUDA kernels ---- */

/* What a kernel is told: one struct by value, field by field the isk_call of the kernel text.  The kernels of an op are
   isk_NAME_forward_0, isk_NAME_forward_1, ... and isk_NAME_backward_0, ...; isk__op_info has a letter for each: how many
   threads it wants, in blocks of at most 256, with one row of blocks (gridDim.y) for each model:

       e  rows * cols      r  rows      c  cols      s  1

   They run in this order; what one leaves in `work` the next one reads. */
typedef struct isk__kernel_operand {
    uint64_t data;                                      /* device address; 0 for missing weights or an unwanted gradient */
    int64_t model;                                      /* elements from one model to the next; 0 where all share it */
    int32_t stride, unused;                             /* elements from one row to the next */
} isk__kernel_operand;

typedef struct isk__kernel_call {
    isk__kernel_operand in[ISK__MAX_INPUTS], grad_in[ISK__MAX_INPUTS], out, grad, work;
    uint64_t live;                                      /* 0, or address of an int for each model: 0 for one that rests */
    int32_t rows, cols;
    uint32_t accumulate;
    int32_t unused;
    float attributes[4];
} isk__kernel_call;

typedef struct isk__kernel_module {
    const char *name;
    const char *const *text;                            /* ends with NULL */
} isk__kernel_module;

/* >>generated kernel-text: begin (python3 codegen/generate.py; do not edit) */
ISK__UNUSED static const char *const isk__kernel_prelude[] = {
    "/* Shared by all modules of kernels. It includes nothing: NVRTC's builtins suffice. */\n"
    "#ifndef ISK_PRELUDE\n"
    "#define ISK_PRELUDE\n"
    "\n"
    "#ifndef ISK_KERNEL\n"
    "    #define ISK_KERNEL extern \"C\" __global__ void __launch_bounds__(256)\n"
    "    #define ISK_INLINE static __device__ __forceinline__\n"
    "#endif\n"
    "#define ISK_LOWEST -3.0e38f\n"
    "\n"
    "/* The host's isk__kernel_call, field by field. */\n"
    "typedef struct isk_operand {\n"
    "    float *data;\n"
    "    long long model;                /* elements from one model to the next; 0 where all models share it */\n"
    "    int stride, unused;             /* elements from one row to the next */\n"
    "} isk_operand;\n"
    "\n"
    "typedef struct isk_call {\n"
    "    isk_operand in[6], grad_in[6], out, grad, work;\n"
    "    const int *live;                /* NULL, or for each model whether it is still trained */\n"
    "    int rows, cols;\n"
    "    unsigned accumulate;            /* bit i: add to grad_in[i], else overwrite it */\n"
    "    int unused;\n"
    "    float attributes[4];\n"
    "} isk_call;\n"
    "\n"
    "ISK_INLINE float *dev_at(isk_operand o, int model, int i, int j) {\n"
    "    return o.data + model * o.model + (long long)i * o.stride + j;\n"
    "}\n"
    "ISK_INLINE float dev_weight(isk_operand o, int model, int i) { return o.data ? *dev_at(o, model, i, 0) : 1.0f; }\n"
    "ISK_INLINE void dev_put(float *to, unsigned add, float value) { *to = (add ? *to : 0.0f) + value; }\n"
    "ISK_INLINE float dev_maximum(float a, float b) { return a < b ? b : a; }\n"
    "ISK_INLINE float dev_minimum(float a, float b) { return b < a ? b : a; }\n"
    "ISK_INLINE float dev_relu(float x) { return x < 0 ? 0.0f : x; }\n"
    "ISK_INLINE float dev_sign(float x) { return (float)((0 < x) - (x < 0)); }\n"
    "ISK_INLINE float dev_sqrt(float x) { return x <= 0 ? 0.0f : sqrtf(x); }\n"
    "ISK_INLINE float dev_rsqrt(float x) { return 1.0f / sqrtf(x); }\n"
    "ISK_INLINE float dev_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }\n"
    "ISK_INLINE float dev_softplus(float x) { return dev_relu(x) + log1pf(expf(-fabsf(x))); }\n"
    "\n"
    "/* First line of a kernel: its index, and out with threads beyond the matrix and models that rest. */\n"
    "#define ISK_THREAD \\\n"
    "    const int model = (int)blockIdx.y; \\\n"
    "    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x\n"
    "#define ISK_REST call.live && !call.live[model]\n"
    "#define ISK_EACH_ELEMENT \\\n"
    "    ISK_THREAD; \\\n"
    "    const int i = (int)(index / (unsigned)call.cols), j = (int)(index % (unsigned)call.cols); \\\n"
    "    if (i >= call.rows || (ISK_REST)) return\n"
    "#define ISK_EACH_ROW ISK_THREAD; const int i = (int)index; if (i >= call.rows || (ISK_REST)) return\n"
    "#define ISK_EACH_COLUMN ISK_THREAD; const int j = (int)index; if (j >= call.cols || (ISK_REST)) return\n"
    "#define ISK_ONCE ISK_THREAD; if (index > 0 || (ISK_REST)) return\n"
    "\n"
    "#endif\n"
    "\n",
    NULL };

static const char *const isk__kernels_elementwise[] = {
    "/* add */\n"
    "ISK_KERNEL isk_add_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = a + b;\n"
    "}\n"
    "ISK_KERNEL isk_add_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, g);\n"
    "}\n"
    "\n"
    "/* sub */\n"
    "ISK_KERNEL isk_sub_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = a - b;\n"
    "}\n"
    "ISK_KERNEL isk_sub_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, -g);\n"
    "}\n"
    "\n"
    "/* mul */\n"
    "ISK_KERNEL isk_mul_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = a * b;\n"
    "}\n"
    "ISK_KERNEL isk_mul_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, b * g);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, a * g);\n"
    "}\n"
    "\n"
    "/* div */\n"
    "ISK_KERNEL isk_div_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = a / (fabsf(b) < 1e-12f ? (b < 0 ? -1e-12f : 1e-12f) : b);\n"
    "}\n"
    "ISK_KERNEL isk_div_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = fabsf(b) < 1e-12f ? (b < 0 ? -1e-12f : 1e-12f) : b;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g / t1);\n"
    "    const float t2 = fabsf(b) < 1e-12f ? 0.0f : -(g * y / t1);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t2);\n"
    "}\n"
    "\n"
    "/* min */\n"
    "ISK_KERNEL isk_min_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_minimum(a, b);\n"
    "}\n"
    "ISK_KERNEL isk_min_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = b < a ? 0.0f : g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "    const float t2 = b < a ? g : 0.0f;\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t2);\n"
    "}\n"
    "\n"
    "/* max */\n"
    "ISK_KERNEL isk_max_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_maximum(a, b);\n"
    "}\n"
    "ISK_KERNEL isk_max_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n",
    "    const float t1 = a < b ? 0.0f : g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "    const float t2 = a < b ? g : 0.0f;\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t2);\n"
    "}\n"
    "\n"
    "/* neg */\n"
    "ISK_KERNEL isk_neg_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = -x;\n"
    "}\n"
    "ISK_KERNEL isk_neg_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, -g);\n"
    "}\n"
    "\n"
    "/* reciprocal */\n"
    "ISK_KERNEL isk_reciprocal_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = 1 / (fabsf(x) < 1e-12f ? (x < 0 ? -1e-12f : 1e-12f) : x);\n"
    "}\n"
    "ISK_KERNEL isk_reciprocal_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = -(g * y / (fabsf(x) < 1e-12f ? (x < 0 ? -1e-12f : 1e-12f) : x));\n"
    "    const float t2 = fabsf(x) < 1e-12f ? 0.0f : t1;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "}\n"
    "\n"
    "/* square */\n"
    "ISK_KERNEL isk_square_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = x * x;\n"
    "}\n"
    "ISK_KERNEL isk_square_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = 2 * x * g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* sqrt */\n"
    "ISK_KERNEL isk_sqrt_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_sqrt(x);\n"
    "}\n"
    "ISK_KERNEL isk_sqrt_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = 0 < y ? 0.5f * (g / y) : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* abs */\n"
    "ISK_KERNEL isk_abs_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = fabsf(x);\n"
    "}\n"
    "ISK_KERNEL isk_abs_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = g * dev_sign(x);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* exp */\n"
    "ISK_KERNEL isk_exp_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = expf(dev_minimum(x, 88));\n"
    "}\n"
    "ISK_KERNEL isk_exp_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = 88 < x ? 0.0f : g * y;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* log */\n"
    "ISK_KERNEL isk_log_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = logf(dev_maximum(x, 1e-32f));\n"
    "}\n"
    "ISK_KERNEL isk_log_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n",
    "    const float t1 = x < 1e-32f ? 0.0f : g / dev_maximum(x, 1e-32f);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* clamp */\n"
    "ISK_KERNEL isk_clamp_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float low = call.attributes[0];\n"
    "    const float high = call.attributes[1];\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_minimum(dev_maximum(x, low), high);\n"
    "}\n"
    "ISK_KERNEL isk_clamp_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float low = call.attributes[0];\n"
    "    const float high = call.attributes[1];\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = x < low ? 0.0f : (high < dev_maximum(x, low) ? 0.0f : g);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* affine */\n"
    "ISK_KERNEL isk_affine_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float factor = call.attributes[0];\n"
    "    const float offset = call.attributes[1];\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = factor * x + offset;\n"
    "}\n"
    "ISK_KERNEL isk_affine_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float factor = call.attributes[0];\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = factor * g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* scale */\n"
    "ISK_KERNEL isk_scale_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float a = *dev_at(call.in[1], model, 0, 0);\n"
    "    *dev_at(call.out, model, i, j) = a * x;\n"
    "}\n"
    "ISK_KERNEL isk_scale_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += x * g;\n"
    "    }\n"
    "    work[16 + i] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_scale_backward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++)\n"
    "        sum += work[16 + i];\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, 0), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_scale_backward_2(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[1], model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, a * g);\n"
    "}\n"
    "\n"
    "/* mul_rows */\n"
    "ISK_KERNEL isk_mul_rows_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float a = *dev_at(call.in[1], model, i, 0);\n"
    "    *dev_at(call.out, model, i, j) = a * x;\n"
    "}\n"
    "ISK_KERNEL isk_mul_rows_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += x * g;\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, 0), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_mul_rows_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[1], model, i, 0);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, a * g);\n"
    "}\n"
    "\n"
    "/* mul_cols */\n"
    "ISK_KERNEL isk_mul_cols_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float a = *dev_at(call.in[1], model, 0, j);\n"
    "    *dev_at(call.out, model, i, j) = a * x;\n"
    "}\n"
    "ISK_KERNEL isk_mul_cols_backward_0(const isk_call call) {\n",
    "    ISK_EACH_COLUMN;\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += x * g;\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_mul_cols_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[1], model, 0, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, a * g);\n"
    "}\n"
    "\n"
    "/* add_rows */\n"
    "ISK_KERNEL isk_add_rows_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float a = *dev_at(call.in[1], model, i, 0);\n"
    "    *dev_at(call.out, model, i, j) = x + a;\n"
    "}\n"
    "ISK_KERNEL isk_add_rows_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += g;\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, 0), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_add_rows_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g);\n"
    "}\n"
    "\n"
    "/* bias */\n"
    "ISK_KERNEL isk_bias_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    *dev_at(call.out, model, i, j) = x + b;\n"
    "}\n"
    "ISK_KERNEL isk_bias_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += g;\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_bias_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g);\n"
    "}\n"
    "\n"
    "/* sample_normal */\n"
    "ISK_KERNEL isk_sample_normal_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float mu = *dev_at(call.in[0], model, i, j);\n"
    "    const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "    const float noise = *dev_at(call.in[2], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = mu + noise * expf(dev_minimum(0.5f * logvar, 44));\n"
    "}\n"
    "ISK_KERNEL isk_sample_normal_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "    const float noise = *dev_at(call.in[2], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = 0.5f * logvar;\n"
    "    const float t2 = expf(dev_minimum(t1, 44));\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g);\n"
    "    const float t3 = 0.5f * (44 < t1 ? 0.0f : noise * t2 * g);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t3);\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, i, j), call.accumulate & 4u, t2 * g);\n"
    "}\n"
    "\n",
    NULL };

static const char *const isk__kernels_activations[] = {
    "/* relu */\n"
    "ISK_KERNEL isk_relu_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_relu(x);\n"
    "}\n"
    "ISK_KERNEL isk_relu_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = 0 < y ? g : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* leaky_relu */\n"
    "ISK_KERNEL isk_leaky_relu_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float slope = call.attributes[0];\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = x * (x < 0 ? slope : 1.0f);\n"
    "}\n"
    "ISK_KERNEL isk_leaky_relu_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float slope = call.attributes[0];\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = (x < 0 ? slope : 1.0f) * g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* gelu */\n"
    "ISK_KERNEL isk_gelu_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = 0.5f * x * (1 + erff(0.7071067811865476f * x));\n"
    "}\n"
    "ISK_KERNEL isk_gelu_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = 0.3989422804014327f * x * expf(-0.5000000000000001f * x * x);\n"
    "    const float t2 = g * (t1 + 0.5f * (1 + erff(0.7071067811865476f * x)));\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "}\n"
    "\n"
    "/* quick_gelu */\n"
    "ISK_KERNEL isk_quick_gelu_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = x * dev_sigmoid(1.702f * x);\n"
    "}\n"
    "ISK_KERNEL isk_quick_gelu_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = 1.702f * x;\n"
    "    const float t2 = dev_sigmoid(t1);\n"
    "    const float t3 = t2 * g * (1 + t1 * (1 - t2));\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t3);\n"
    "}\n"
    "\n"
    "/* tanh */\n"
    "ISK_KERNEL isk_tanh_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = tanhf(x);\n"
    "}\n"
    "ISK_KERNEL isk_tanh_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = g * (1 - y * y);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* sigmoid */\n"
    "ISK_KERNEL isk_sigmoid_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_sigmoid(x);\n"
    "}\n"
    "ISK_KERNEL isk_sigmoid_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = g * y * (1 - y);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* softplus */\n"
    "ISK_KERNEL isk_softplus_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_softplus(x);\n"
    "}\n"
    "ISK_KERNEL isk_softplus_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = g * dev_sigmoid(x);\n",
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* bias_relu */\n"
    "ISK_KERNEL isk_bias_relu_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    *dev_at(call.out, model, i, j) = dev_relu(x + b);\n"
    "}\n"
    "ISK_KERNEL isk_bias_relu_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float y = *dev_at(call.out, model, i, j);\n"
    "        sum += 0 < y ? g : 0.0f;\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_bias_relu_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = 0 < y ? g : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* bias_tanh */\n"
    "ISK_KERNEL isk_bias_tanh_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    *dev_at(call.out, model, i, j) = tanhf(x + b);\n"
    "}\n"
    "ISK_KERNEL isk_bias_tanh_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float y = *dev_at(call.out, model, i, j);\n"
    "        sum += g * (1 - y * y);\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_bias_tanh_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = g * (1 - y * y);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* bias_gelu */\n"
    "ISK_KERNEL isk_bias_gelu_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    const float t1 = x + b;\n"
    "    *dev_at(call.out, model, i, j) = 0.5f * t1 * (1 + erff(0.7071067811865476f * t1));\n"
    "}\n"
    "ISK_KERNEL isk_bias_gelu_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float t1 = x + b;\n"
    "        const float t2 = 0.3989422804014327f * t1 * expf(-0.5000000000000001f * t1 * t1);\n"
    "        sum += g * (t2 + 0.5f * (1 + erff(0.7071067811865476f * t1)));\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_bias_gelu_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = x + b;\n"
    "    const float t2 = 0.3989422804014327f * t1 * expf(-0.5000000000000001f * t1 * t1);\n"
    "    const float t3 = g * (t2 + 0.5f * (1 + erff(0.7071067811865476f * t1)));\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t3);\n"
    "}\n"
    "\n"
    "/* bias_quick_gelu */\n"
    "ISK_KERNEL isk_bias_quick_gelu_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    const float t1 = x + b;\n"
    "    *dev_at(call.out, model, i, j) = t1 * dev_sigmoid(1.702f * t1);\n"
    "}\n"
    "ISK_KERNEL isk_bias_quick_gelu_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n",
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float t1 = 1.702f * (x + b);\n"
    "        const float t2 = dev_sigmoid(t1);\n"
    "        sum += t2 * g * (1 + t1 * (1 - t2));\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_bias_quick_gelu_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, 0, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = 1.702f * (x + b);\n"
    "    const float t2 = dev_sigmoid(t1);\n"
    "    const float t3 = t2 * g * (1 + t1 * (1 - t2));\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t3);\n"
    "}\n"
    "\n",
    NULL };

static const char *const isk__kernels_rows[] = {
    "/* row_sum */\n"
    "ISK_KERNEL isk_row_sum_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += x;\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = sum;\n"
    "}\n"
    "ISK_KERNEL isk_row_sum_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g);\n"
    "}\n"
    "\n"
    "/* row_mean */\n"
    "ISK_KERNEL isk_row_mean_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += x;\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = sum / (float)call.cols;\n"
    "}\n"
    "ISK_KERNEL isk_row_mean_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    const float t1 = g / (float)call.cols;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* row_max */\n"
    "ISK_KERNEL isk_row_max_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, x);\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = largest;\n"
    "}\n"
    "ISK_KERNEL isk_row_max_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, x);\n"
    "    }\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += x == largest ? 1.0f : 0.0f;\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "    work[16 + call.rows + i] = g / sum;\n"
    "}\n"
    "ISK_KERNEL isk_row_max_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float t1 = x == work[16 + i] ? work[16 + call.rows + i] : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* row_logsumexp */\n"
    "ISK_KERNEL isk_row_logsumexp_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, x);\n"
    "    }\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(x - largest);\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = largest + logf(sum);\n"
    "}\n"
    "ISK_KERNEL isk_row_logsumexp_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, x);\n"
    "    }\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(x - largest);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "    work[16 + call.rows + i] = g / sum;\n"
    "}\n"
    "ISK_KERNEL isk_row_logsumexp_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float power = expf(x - work[16 + i]);\n"
    "    const float t1 = work[16 + call.rows + i] * power;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* row_dot */\n"
    "ISK_KERNEL isk_row_dot_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n",
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float a = *dev_at(call.in[0], model, i, j);\n"
    "        const float b = *dev_at(call.in[1], model, i, j);\n"
    "        sum += a * b;\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = sum;\n"
    "}\n"
    "ISK_KERNEL isk_row_dot_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g * b);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, g * a);\n"
    "}\n"
    "\n"
    "/* squared_error_rows */\n"
    "ISK_KERNEL isk_squared_error_rows_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float a = *dev_at(call.in[0], model, i, j);\n"
    "        const float b = *dev_at(call.in[1], model, i, j);\n"
    "        const float t1 = a - b;\n"
    "        sum += t1 * t1;\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = sum;\n"
    "}\n"
    "ISK_KERNEL isk_squared_error_rows_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    const float t1 = a - b;\n"
    "    const float t2 = 2 * g * t1;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "    const float t3 = -2 * g * t1;\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t3);\n"
    "}\n"
    "\n"
    "/* softmax */\n"
    "ISK_KERNEL isk_softmax_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, x);\n"
    "    }\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(x - largest);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "    work[16 + call.rows + i] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_softmax_forward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float power = expf(x - work[16 + i]);\n"
    "    *dev_at(call.out, model, i, j) = power / work[16 + call.rows + i];\n"
    "}\n"
    "ISK_KERNEL isk_softmax_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float y = *dev_at(call.out, model, i, j);\n"
    "        sum += g * y;\n"
    "    }\n"
    "    work[16 + i] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_softmax_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float y = *dev_at(call.out, model, i, j);\n"
    "    const float t1 = y * (g - work[16 + i]);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* log_softmax */\n"
    "ISK_KERNEL isk_log_softmax_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, x);\n"
    "    }\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(x - largest);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "    work[16 + call.rows + i] = logf(sum);\n"
    "}\n"
    "ISK_KERNEL isk_log_softmax_forward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n",
    "    *dev_at(call.out, model, i, j) = x - work[16 + i] - work[16 + call.rows + i];\n"
    "}\n"
    "ISK_KERNEL isk_log_softmax_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        largest = dev_maximum(largest, x);\n"
    "        sum += g;\n"
    "    }\n"
    "    float sum2 = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum2 += expf(x - largest);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "    work[16 + call.rows + i] = sum / sum2;\n"
    "}\n"
    "ISK_KERNEL isk_log_softmax_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float power = expf(x - work[16 + i]);\n"
    "    const float t1 = g - work[16 + call.rows + i] * power;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* l2_normalise */\n"
    "ISK_KERNEL isk_l2_normalise_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += x * x;\n"
    "    }\n"
    "    work[16 + i] = dev_maximum(dev_sqrt(sum), eps);\n"
    "}\n"
    "ISK_KERNEL isk_l2_normalise_forward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    *dev_at(call.out, model, i, j) = x / work[16 + i];\n"
    "}\n"
    "ISK_KERNEL isk_l2_normalise_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float y = *dev_at(call.out, model, i, j);\n"
    "        sum += x * x;\n"
    "        sum2 += g * y;\n"
    "    }\n"
    "    const float t1 = dev_sqrt(sum);\n"
    "    const float t2 = dev_maximum(t1, eps);\n"
    "    work[16 + i] = t2;\n"
    "    work[16 + call.rows + i] = 2 * (0 < t1 ? 0.5f * ((t1 < eps ? 0.0f : -(sum2 / t2)) / t1) : 0.0f);\n"
    "}\n"
    "ISK_KERNEL isk_l2_normalise_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = g / work[16 + i] + work[16 + call.rows + i] * x;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* layer_norm */\n"
    "ISK_KERNEL isk_layer_norm_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += x;\n"
    "    }\n"
    "    const float mean = sum / (float)call.cols;\n"
    "    float sum2 = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float t1 = x - mean;\n"
    "        sum2 += t1 * t1;\n"
    "    }\n"
    "    const float variance = sum2 / (float)call.cols;\n"
    "    work[16 + i] = mean;\n"
    "    work[16 + call.rows + i] = dev_rsqrt(variance + eps);\n"
    "}\n"
    "ISK_KERNEL isk_layer_norm_forward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float gamma = *dev_at(call.in[1], model, 0, j);\n"
    "    const float beta = *dev_at(call.in[2], model, 0, j);\n"
    "    const float mean = work[16 + i];\n"
    "    const float scale = work[16 + call.rows + i];\n",
    "    *dev_at(call.out, model, i, j) = scale * (gamma * (x - mean)) + beta;\n"
    "}\n"
    "ISK_KERNEL isk_layer_norm_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float gamma = *dev_at(call.in[1], model, 0, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += x;\n"
    "        sum2 += gamma * g;\n"
    "    }\n"
    "    const float mean = sum / (float)call.cols;\n"
    "    float sum3 = 0;\n"
    "    float sum4 = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float gamma = *dev_at(call.in[1], model, 0, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float t1 = x - mean;\n"
    "        sum3 += t1 * t1;\n"
    "        sum4 += gamma * (t1 * g);\n"
    "    }\n"
    "    const float variance = sum3 / (float)call.cols;\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    work[16 + i] = mean;\n"
    "    work[16 + call.rows + i] = scale;\n"
    "    work[16 + 2 * call.rows + i] = scale * scale * scale * sum4 / (float)call.cols;\n"
    "    work[16 + 3 * call.rows + i] = scale * sum2 / (float)call.cols;\n"
    "}\n"
    "ISK_KERNEL isk_layer_norm_backward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float mean = work[16 + i];\n"
    "        const float scale = work[16 + call.rows + i];\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += g;\n"
    "        sum2 += scale * ((x - mean) * g);\n"
    "    }\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, sum2);\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, 0, j), call.accumulate & 4u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_layer_norm_backward_2(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float gamma = *dev_at(call.in[1], model, 0, j);\n"
    "    const float mean = work[16 + i];\n"
    "    const float scale = work[16 + call.rows + i];\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float t1 = scale * (gamma * g) - work[16 + 2 * call.rows + i] * (x - mean);\n"
    "    const float t2 = t1 - work[16 + 3 * call.rows + i];\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "}\n"
    "\n"
    "/* normal_log_density */\n"
    "ISK_KERNEL isk_normal_log_density_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float mu = *dev_at(call.in[1], model, i, j);\n"
    "        const float logvar = *dev_at(call.in[2], model, i, j);\n"
    "        const float t1 = x - mu;\n"
    "        const float precision = expf(dev_minimum(-logvar, 50));\n"
    "        sum += t1 * t1 * precision + logvar + 1.8378770664093453f;\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = -0.5f * sum;\n"
    "}\n"
    "ISK_KERNEL isk_normal_log_density_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float mu = *dev_at(call.in[1], model, i, j);\n"
    "    const float logvar = *dev_at(call.in[2], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    const float t1 = x - mu;\n"
    "    const float t2 = -logvar;\n"
    "    const float precision = expf(dev_minimum(t2, 50));\n"
    "    const float t3 = t1 * precision;\n"
    "    const float t4 = 0.5f * g;\n"
    "    const float t5 = -g * t3;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t5);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, g * t3);\n"
    "    const float t6 = (50 < t2 ? 0.0f : t4 * (t1 * t1 * precision)) - t4;\n",
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, i, j), call.accumulate & 4u, t6);\n"
    "}\n"
    "\n"
    "/* normal_kl */\n"
    "ISK_KERNEL isk_normal_kl_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float mu = *dev_at(call.in[0], model, i, j);\n"
    "        const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "        const float prior_mu = *dev_at(call.in[2], model, i, j);\n"
    "        const float prior_logvar = *dev_at(call.in[3], model, i, j);\n"
    "        const float t1 = mu - prior_mu;\n"
    "        const float precision = expf(dev_minimum(-prior_logvar, 50));\n"
    "        const float t2 = prior_logvar - logvar - 1 + expf(dev_minimum(logvar - prior_logvar, 50));\n"
    "        sum += t2 + t1 * t1 * precision;\n"
    "    }\n"
    "    *dev_at(call.out, model, i, 0) = 0.5f * sum;\n"
    "}\n"
    "ISK_KERNEL isk_normal_kl_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float mu = *dev_at(call.in[0], model, i, j);\n"
    "    const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "    const float prior_mu = *dev_at(call.in[2], model, i, j);\n"
    "    const float prior_logvar = *dev_at(call.in[3], model, i, j);\n"
    "    const float g = *dev_at(call.grad, model, i, 0);\n"
    "    const float t1 = mu - prior_mu;\n"
    "    const float t2 = -prior_logvar;\n"
    "    const float precision = expf(dev_minimum(t2, 50));\n"
    "    const float t3 = t1 * precision;\n"
    "    const float t4 = logvar - prior_logvar;\n"
    "    const float t5 = 0.5f * g;\n"
    "    const float t6 = expf(dev_minimum(t4, 50));\n"
    "    const float t7 = -0.5f * g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g * t3);\n"
    "    const float t8 = (50 < t4 ? 0.0f : t5 * t6) - t5;\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t8);\n"
    "    const float t9 = -g * t3;\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, i, j), call.accumulate & 4u, t9);\n"
    "    const float t10 = (50 < t2 ? 0.0f : t7 * (t1 * t1 * precision)) + (50 < t4 ? 0.0f : t7 * t6) + t5;\n"
    "    if (call.grad_in[3].data) dev_put(dev_at(call.grad_in[3], model, i, j), call.accumulate & 8u, t10);\n"
    "}\n"
    "\n",
    NULL };

static const char *const isk__kernels_columns[] = {
    "/* col_sum */\n"
    "ISK_KERNEL isk_col_sum_forward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    *dev_at(call.out, model, 0, j) = sum;\n"
    "}\n"
    "ISK_KERNEL isk_col_sum_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float g = *dev_at(call.grad, model, 0, j);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, w * g);\n"
    "}\n"
    "\n"
    "/* col_mean */\n"
    "ISK_KERNEL isk_col_mean_forward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_col_mean_forward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    *dev_at(call.out, model, 0, j) = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_col_mean_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_col_mean_backward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    const float g = *dev_at(call.grad, model, 0, j);\n"
    "    work[16 + j] = g / weight;\n"
    "}\n"
    "ISK_KERNEL isk_col_mean_backward_2(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float t1 = w * work[16 + j];\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* col_var */\n"
    "ISK_KERNEL isk_col_var_forward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_col_var_forward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_col_var_forward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    const float mean = work[16 + j];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        const float t1 = x - mean;\n"
    "        sum += w * (t1 * t1);\n"
    "    }\n"
    "    *dev_at(call.out, model, 0, j) = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_col_var_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_col_var_backward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n",
    "    const float g = *dev_at(call.grad, model, 0, j);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "    work[16 + call.cols + j] = g / weight;\n"
    "}\n"
    "ISK_KERNEL isk_col_var_backward_2(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float mean = work[16 + j];\n"
    "    const float t1 = 2 * w * (work[16 + call.cols + j] * (x - mean));\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* col_max */\n"
    "ISK_KERNEL isk_col_max_forward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_col_max_forward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    *dev_at(call.out, model, 0, j) = 0 < work[0] ? largest : 0.0f;\n"
    "}\n"
    "ISK_KERNEL isk_col_max_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + j] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_col_max_backward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_col_max_backward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, j);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += (0 < w ? x : ISK_LOWEST) == work[16 + j] ? 1.0f : 0.0f;\n"
    "    }\n"
    "    work[16 + call.cols + j] = (0 < work[0] ? g : 0.0f) / sum;\n"
    "}\n"
    "ISK_KERNEL isk_col_max_backward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float t1 = (0 < w ? x : ISK_LOWEST) == work[16 + j] ? work[16 + call.cols + j] : 0.0f;\n"
    "    const float t2 = 0 < w ? t1 : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "}\n"
    "\n"
    "/* col_logsumexp */\n"
    "ISK_KERNEL isk_col_logsumexp_forward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + j] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_col_logsumexp_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = sum;\n"
    "}\n",
    "ISK_KERNEL isk_col_logsumexp_forward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += expf(0 < w ? x - work[16 + j] : ISK_LOWEST);\n"
    "    }\n"
    "    *dev_at(call.out, model, 0, j) = 0 < work[0] ? work[16 + j] + logf(sum) : 0.0f;\n"
    "}\n"
    "ISK_KERNEL isk_col_logsumexp_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + j] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_col_logsumexp_backward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_col_logsumexp_backward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, j);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += expf(0 < w ? x - work[16 + j] : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + call.cols + j] = (0 < work[0] ? g : 0.0f) / sum;\n"
    "}\n"
    "ISK_KERNEL isk_col_logsumexp_backward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float t1 = work[16 + call.cols + j] * expf(0 < w ? x - work[16 + j] : ISK_LOWEST);\n"
    "    const float t2 = 0 < w ? t1 : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "}\n"
    "\n"
    "/* standardise */\n"
    "ISK_KERNEL isk_standardise_forward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_standardise_forward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_standardise_forward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    const float weight = work[0];\n"
    "    const float mean = work[16 + j];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        const float t1 = x - mean;\n"
    "        sum += w * (t1 * t1);\n"
    "    }\n"
    "    const float variance = sum / weight;\n"
    "    work[16 + call.cols + j] = dev_rsqrt(variance + eps);\n"
    "}\n"
    "ISK_KERNEL isk_standardise_forward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float mean = work[16 + j];\n"
    "    const float scale = work[16 + call.cols + j];\n"
    "    const float present = 0 < w ? 1.0f : 0.0f;\n"
    "    *dev_at(call.out, model, i, j) = present * (scale * (x - mean));\n"
    "}\n"
    "ISK_KERNEL isk_standardise_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n",
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_standardise_backward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_standardise_backward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    const float weight = work[0];\n"
    "    const float mean = work[16 + j];\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    float sum3 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float t1 = x - mean;\n"
    "        const float present = 0 < w ? 1.0f : 0.0f;\n"
    "        sum += w * (t1 * t1);\n"
    "        sum2 += present * (t1 * g);\n"
    "        sum3 += present * g;\n"
    "    }\n"
    "    const float variance = sum / weight;\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    work[16 + call.cols + j] = scale;\n"
    "    work[16 + 2 * call.cols + j] = scale * scale * scale * sum2 / weight;\n"
    "    work[16 + 3 * call.cols + j] = scale * sum3 / weight;\n"
    "}\n"
    "ISK_KERNEL isk_standardise_backward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float mean = work[16 + j];\n"
    "    const float scale = work[16 + call.cols + j];\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float present = 0 < w ? 1.0f : 0.0f;\n"
    "    const float t1 = present * (scale * g) - w * (work[16 + 2 * call.cols + j] * (x - mean));\n"
    "    const float t2 = t1 - w * work[16 + 3 * call.cols + j];\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "}\n"
    "\n"
    "/* batch_norm */\n"
    "ISK_KERNEL isk_batch_norm_forward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_forward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_forward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    const float gamma = *dev_at(call.in[1], model, 0, j);\n"
    "    const float weight = work[0];\n"
    "    const float mean = work[16 + j];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        const float t1 = x - mean;\n"
    "        sum += w * (t1 * t1);\n"
    "    }\n"
    "    const float variance = sum / weight;\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    work[16 + call.cols + j] = gamma * scale;\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_forward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float beta = *dev_at(call.in[2], model, 0, j);\n",
    "    const float w = dev_weight(call.in[3], model, i);\n"
    "    const float mean = work[16 + j];\n"
    "    const float present = 0 < w ? 1.0f : 0.0f;\n"
    "    *dev_at(call.out, model, i, j) = present * (work[16 + call.cols + j] * (x - mean) + beta);\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_backward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w * x;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_backward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float eps = call.attributes[0];\n"
    "    const float gamma = *dev_at(call.in[1], model, 0, j);\n"
    "    const float weight = work[0];\n"
    "    const float mean = work[16 + j];\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    float sum3 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        const float t1 = x - mean;\n"
    "        const float present = 0 < w ? 1.0f : 0.0f;\n"
    "        sum += w * (t1 * t1);\n"
    "        sum2 += present * g;\n"
    "        sum3 += present * (t1 * g);\n"
    "    }\n"
    "    const float variance = sum / weight;\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    const float t2 = gamma * scale;\n"
    "    work[16 + call.cols + j] = t2;\n"
    "    work[16 + 2 * call.cols + j] = t2 * scale * scale * sum3 / weight;\n"
    "    work[16 + 3 * call.cols + j] = t2 * sum2 / weight;\n"
    "    const float t3 = scale * sum3;\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, t3);\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, 0, j), call.accumulate & 4u, sum2);\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_backward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[3], model, i);\n"
    "    const float mean = work[16 + j];\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float present = 0 < w ? 1.0f : 0.0f;\n"
    "    const float t1 = w * (work[16 + 2 * call.cols + j] * (x - mean));\n"
    "    const float t2 = present * (work[16 + call.cols + j] * g) - t1 - w * work[16 + 3 * call.cols + j];\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "}\n"
    "\n"
    "/* standardise_by */\n"
    "ISK_KERNEL isk_standardise_by_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float eps = call.attributes[0];\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float mean = *dev_at(call.in[1], model, 0, j);\n"
    "    const float variance = *dev_at(call.in[2], model, 0, j);\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    *dev_at(call.out, model, i, j) = scale * (x - mean);\n"
    "}\n"
    "ISK_KERNEL isk_standardise_by_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    const float eps = call.attributes[0];\n"
    "    const float mean = *dev_at(call.in[1], model, 0, j);\n"
    "    const float variance = *dev_at(call.in[2], model, 0, j);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += (x - mean) * g;\n"
    "        sum2 += g;\n"
    "    }\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    const float t1 = -(scale * sum2);\n",
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, t1);\n"
    "    const float t2 = -0.5f * scale * scale * scale * sum;\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, 0, j), call.accumulate & 4u, t2);\n"
    "}\n"
    "ISK_KERNEL isk_standardise_by_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float eps = call.attributes[0];\n"
    "    const float variance = *dev_at(call.in[2], model, 0, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    const float t1 = scale * g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* batch_norm_by */\n"
    "ISK_KERNEL isk_batch_norm_by_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float eps = call.attributes[0];\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float mean = *dev_at(call.in[1], model, 0, j);\n"
    "    const float variance = *dev_at(call.in[2], model, 0, j);\n"
    "    const float gamma = *dev_at(call.in[3], model, 0, j);\n"
    "    const float beta = *dev_at(call.in[4], model, 0, j);\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    *dev_at(call.out, model, i, j) = gamma * scale * (x - mean) + beta;\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_by_backward_0(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    const float eps = call.attributes[0];\n"
    "    const float mean = *dev_at(call.in[1], model, 0, j);\n"
    "    const float variance = *dev_at(call.in[2], model, 0, j);\n"
    "    const float gamma = *dev_at(call.in[3], model, 0, j);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        const float g = *dev_at(call.grad, model, i, j);\n"
    "        sum += g;\n"
    "        sum2 += (x - mean) * g;\n"
    "    }\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    const float t1 = -(gamma * scale * sum);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, 0, j), call.accumulate & 2u, t1);\n"
    "    const float t2 = -0.5f * gamma * scale * scale * scale * sum2;\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, 0, j), call.accumulate & 4u, t2);\n"
    "    const float t3 = scale * sum2;\n"
    "    if (call.grad_in[3].data) dev_put(dev_at(call.grad_in[3], model, 0, j), call.accumulate & 8u, t3);\n"
    "    if (call.grad_in[4].data) dev_put(dev_at(call.grad_in[4], model, 0, j), call.accumulate & 16u, sum);\n"
    "}\n"
    "ISK_KERNEL isk_batch_norm_by_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float eps = call.attributes[0];\n"
    "    const float variance = *dev_at(call.in[2], model, 0, j);\n"
    "    const float gamma = *dev_at(call.in[3], model, 0, j);\n"
    "    const float g = *dev_at(call.grad, model, i, j);\n"
    "    const float scale = dev_rsqrt(variance + eps);\n"
    "    const float t1 = gamma * scale * g;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n",
    NULL };

static const char *const isk__kernels_losses[] = {
    "/* sum_all */\n"
    "ISK_KERNEL isk_sum_all_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += x;\n"
    "    }\n"
    "    work[16 + i] = w * sum;\n"
    "}\n"
    "ISK_KERNEL isk_sum_all_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++)\n"
    "        sum += work[16 + i];\n"
    "    *dev_at(call.out, model, 0, 0) = sum;\n"
    "}\n"
    "ISK_KERNEL isk_sum_all_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, g * w);\n"
    "}\n"
    "\n"
    "/* mean_all */\n"
    "ISK_KERNEL isk_mean_all_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += x;\n"
    "    }\n"
    "    const float mean = sum / (float)call.cols;\n"
    "    work[16 + i] = w * mean;\n"
    "}\n"
    "ISK_KERNEL isk_mean_all_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += work[16 + i];\n"
    "        sum2 += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum2, 1e-12f);\n"
    "    *dev_at(call.out, model, 0, 0) = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_mean_all_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    work[0] = g / weight / (float)call.cols;\n"
    "}\n"
    "ISK_KERNEL isk_mean_all_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float t1 = work[0] * w;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* max_all */\n"
    "ISK_KERNEL isk_max_all_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_max_all_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "        largest = dev_maximum(largest, work[16 + i]);\n"
    "    }\n"
    "    *dev_at(call.out, model, 0, 0) = 0 < sum ? largest : 0.0f;\n"
    "}\n"
    "ISK_KERNEL isk_max_all_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_max_all_backward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++)\n"
    "        largest = dev_maximum(largest, work[16 + i]);\n",
    "    work[0] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_max_all_backward_2(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += (0 < w ? x : ISK_LOWEST) == work[0] ? 1.0f : 0.0f;\n"
    "    }\n"
    "    work[16 + call.rows + i] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_max_all_backward_3(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "        sum2 += work[16 + call.rows + i];\n"
    "    }\n"
    "    work[1] = (0 < sum ? g : 0.0f) / sum2;\n"
    "}\n"
    "ISK_KERNEL isk_max_all_backward_4(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float t1 = 0 < w ? ((0 < w ? x : ISK_LOWEST) == work[0] ? work[1] : 0.0f) : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* logsumexp_all */\n"
    "ISK_KERNEL isk_logsumexp_all_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++)\n"
    "        largest = dev_maximum(largest, work[16 + i]);\n"
    "    work[0] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_forward_2(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(0 < w ? x - work[0] : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + call.rows + i] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_forward_3(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "        sum2 += work[16 + call.rows + i];\n"
    "    }\n"
    "    *dev_at(call.out, model, 0, 0) = 0 < sum ? work[0] + logf(sum2) : 0.0f;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, 0 < w ? x : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_backward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int i = 0; i < call.rows; i++)\n"
    "        largest = dev_maximum(largest, work[16 + i]);\n"
    "    work[0] = largest;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_backward_2(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float x = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(0 < w ? x - work[0] : ISK_LOWEST);\n"
    "    }\n"
    "    work[16 + call.rows + i] = sum;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_backward_3(const isk_call call) {\n"
    "    ISK_ONCE;\n",
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[1], model, i);\n"
    "        sum += w;\n"
    "        sum2 += work[16 + call.rows + i];\n"
    "    }\n"
    "    work[1] = (0 < sum ? g : 0.0f) / sum2;\n"
    "}\n"
    "ISK_KERNEL isk_logsumexp_all_backward_4(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float x = *dev_at(call.in[0], model, i, j);\n"
    "    const float w = dev_weight(call.in[1], model, i);\n"
    "    const float t1 = 0 < w ? work[1] * expf(0 < w ? x - work[0] : ISK_LOWEST) : 0.0f;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "}\n"
    "\n"
    "/* mse */\n"
    "ISK_KERNEL isk_mse_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[2], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float a = *dev_at(call.in[0], model, i, j);\n"
    "        const float b = *dev_at(call.in[1], model, i, j);\n"
    "        const float t1 = a - b;\n"
    "        sum += t1 * t1;\n"
    "    }\n"
    "    work[16 + i] = w * sum;\n"
    "}\n"
    "ISK_KERNEL isk_mse_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[2], model, i);\n"
    "        sum += work[16 + i];\n"
    "        sum2 += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum2, 1e-12f);\n"
    "    *dev_at(call.out, model, 0, 0) = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_mse_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[2], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    const float t1 = g / weight;\n"
    "    work[0] = 2 * t1;\n"
    "    work[1] = -2 * t1;\n"
    "}\n"
    "ISK_KERNEL isk_mse_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float a = *dev_at(call.in[0], model, i, j);\n"
    "    const float b = *dev_at(call.in[1], model, i, j);\n"
    "    const float w = dev_weight(call.in[2], model, i);\n"
    "    const float t1 = a - b;\n"
    "    const float t2 = work[0] * w * t1;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t2);\n"
    "    const float t3 = work[1] * w * t1;\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t3);\n"
    "}\n"
    "\n"
    "/* gaussian_nll */\n"
    "ISK_KERNEL isk_gaussian_nll_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[3], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float mu = *dev_at(call.in[0], model, i, j);\n"
    "        const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "        const float z = *dev_at(call.in[2], model, i, j);\n"
    "        const float t1 = mu - z;\n"
    "        const float precision = expf(dev_minimum(-logvar, 50));\n"
    "        sum += t1 * t1 * precision + logvar;\n"
    "    }\n"
    "    work[16 + i] = w * sum;\n"
    "}\n"
    "ISK_KERNEL isk_gaussian_nll_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += work[16 + i];\n"
    "        sum2 += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum2, 1e-12f);\n"
    "    *dev_at(call.out, model, 0, 0) = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_gaussian_nll_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n",
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    const float t1 = g / weight;\n"
    "    work[0] = t1;\n"
    "    work[1] = -t1;\n"
    "    work[2] = 2 * t1;\n"
    "    work[3] = -2 * t1;\n"
    "}\n"
    "ISK_KERNEL isk_gaussian_nll_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float mu = *dev_at(call.in[0], model, i, j);\n"
    "    const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "    const float z = *dev_at(call.in[2], model, i, j);\n"
    "    const float w = dev_weight(call.in[3], model, i);\n"
    "    const float t1 = mu - z;\n"
    "    const float t2 = -logvar;\n"
    "    const float precision = expf(dev_minimum(t2, 50));\n"
    "    const float t3 = t1 * precision;\n"
    "    const float t4 = work[2] * w * t3;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t4);\n"
    "    const float t5 = work[0] * w + (50 < t2 ? 0.0f : work[1] * w * (t1 * t1 * precision));\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t5);\n"
    "    const float t6 = work[3] * w * t3;\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, i, j), call.accumulate & 4u, t6);\n"
    "}\n"
    "\n"
    "/* club */\n"
    "ISK_KERNEL isk_club_forward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    work[0] = dev_maximum(sum, 1e-12f);\n"
    "}\n"
    "ISK_KERNEL isk_club_forward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float z = *dev_at(call.in[2], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w * z;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_club_forward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    const float mean = work[16 + j];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float z = *dev_at(call.in[2], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        const float t1 = z - mean;\n"
    "        sum += w * (t1 * t1);\n"
    "    }\n"
    "    work[16 + call.cols + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_club_forward_3(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[3], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float mu = *dev_at(call.in[0], model, i, j);\n"
    "        const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "        const float z = *dev_at(call.in[2], model, i, j);\n"
    "        const float mean = work[16 + j];\n"
    "        const float variance = work[16 + call.cols + j];\n"
    "        const float precision = expf(dev_minimum(-logvar, 50));\n"
    "        const float t1 = mean - mu;\n"
    "        const float t2 = z - mu;\n"
    "        sum += precision * (variance + t1 * t1 - t2 * t2);\n"
    "    }\n"
    "    work[16 + 2 * call.cols + i] = w * sum;\n"
    "}\n"
    "ISK_KERNEL isk_club_forward_4(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++)\n"
    "        sum += work[16 + 2 * call.cols + i];\n"
    "    *dev_at(call.out, model, 0, 0) = 0.5f * (sum / weight);\n"
    "}\n"
    "ISK_KERNEL isk_club_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    const float t1 = g / weight;\n"
    "    work[0] = weight;\n"
    "    work[1] = t1;\n"
    "    work[2] = -0.5f * t1;\n",
    "    work[3] = 2 * (0.5f * t1 / weight);\n"
    "    work[4] = t1 / weight;\n"
    "}\n"
    "ISK_KERNEL isk_club_backward_1(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float z = *dev_at(call.in[2], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        sum += w * z;\n"
    "    }\n"
    "    work[16 + j] = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_club_backward_2(const isk_call call) {\n"
    "    ISK_EACH_COLUMN;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float weight = work[0];\n"
    "    const float mean = work[16 + j];\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    float sum3 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float mu = *dev_at(call.in[0], model, i, j);\n"
    "        const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "        const float z = *dev_at(call.in[2], model, i, j);\n"
    "        const float w = dev_weight(call.in[3], model, i);\n"
    "        const float t1 = z - mean;\n"
    "        const float precision = expf(dev_minimum(-logvar, 50));\n"
    "        sum += w * (t1 * t1);\n"
    "        sum2 += w * precision;\n"
    "        sum3 += w * (precision * (mean - mu));\n"
    "    }\n"
    "    work[16 + call.cols + j] = sum / weight;\n"
    "    work[16 + 2 * call.cols + j] = work[3] * sum2;\n"
    "    work[16 + 3 * call.cols + j] = work[4] * sum3;\n"
    "}\n"
    "ISK_KERNEL isk_club_backward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float mu = *dev_at(call.in[0], model, i, j);\n"
    "    const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "    const float z = *dev_at(call.in[2], model, i, j);\n"
    "    const float w = dev_weight(call.in[3], model, i);\n"
    "    const float mean = work[16 + j];\n"
    "    const float variance = work[16 + call.cols + j];\n"
    "    const float t1 = -logvar;\n"
    "    const float precision = expf(dev_minimum(t1, 50));\n"
    "    const float t2 = z - mean;\n"
    "    const float t3 = mean - mu;\n"
    "    const float t4 = z - mu;\n"
    "    const float t5 = work[1] * w * (precision * t2);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t5);\n"
    "    const float t6 = 50 < t1 ? 0.0f : work[2] * w * (precision * (variance + t3 * t3 - t4 * t4));\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t6);\n"
    "    const float t7 = work[16 + 2 * call.cols + j] * t2 - work[1] * (precision * t4);\n"
    "    const float t8 = w * (t7 + work[16 + 3 * call.cols + j]);\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, i, j), call.accumulate & 4u, t8);\n"
    "}\n"
    "\n"
    "/* club_paired */\n"
    "ISK_KERNEL isk_club_paired_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[4], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float mu = *dev_at(call.in[0], model, i, j);\n"
    "        const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "        const float z = *dev_at(call.in[2], model, i, j);\n"
    "        const float z_permuted = *dev_at(call.in[3], model, i, j);\n"
    "        const float precision = expf(dev_minimum(-logvar, 50));\n"
    "        const float t1 = z_permuted - mu;\n"
    "        const float t2 = z - mu;\n"
    "        sum += precision * (t1 * t1 - t2 * t2);\n"
    "    }\n"
    "    work[16 + i] = w * sum;\n"
    "}\n"
    "ISK_KERNEL isk_club_paired_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[4], model, i);\n"
    "        sum += work[16 + i];\n"
    "        sum2 += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum2, 1e-12f);\n"
    "    *dev_at(call.out, model, 0, 0) = 0.5f * (sum / weight);\n"
    "}\n"
    "ISK_KERNEL isk_club_paired_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n",
    "        const float w = dev_weight(call.in[4], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    const float t1 = g / weight;\n"
    "    work[0] = t1;\n"
    "    work[1] = -0.5f * t1;\n"
    "    work[2] = -t1;\n"
    "}\n"
    "ISK_KERNEL isk_club_paired_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float mu = *dev_at(call.in[0], model, i, j);\n"
    "    const float logvar = *dev_at(call.in[1], model, i, j);\n"
    "    const float z = *dev_at(call.in[2], model, i, j);\n"
    "    const float z_permuted = *dev_at(call.in[3], model, i, j);\n"
    "    const float w = dev_weight(call.in[4], model, i);\n"
    "    const float t1 = work[0] * w;\n"
    "    const float t2 = -logvar;\n"
    "    const float precision = expf(dev_minimum(t2, 50));\n"
    "    const float t3 = z_permuted - mu;\n"
    "    const float t4 = z - mu;\n"
    "    const float t5 = t1 * (precision * (z - z_permuted));\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t5);\n"
    "    const float t6 = 50 < t2 ? 0.0f : work[1] * w * (precision * (t3 * t3 - t4 * t4));\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t6);\n"
    "    const float t7 = work[2] * w * (precision * t4);\n"
    "    if (call.grad_in[2].data) dev_put(dev_at(call.grad_in[2], model, i, j), call.accumulate & 4u, t7);\n"
    "    const float t8 = t1 * (precision * t3);\n"
    "    if (call.grad_in[3].data) dev_put(dev_at(call.grad_in[3], model, i, j), call.accumulate & 8u, t8);\n"
    "}\n"
    "\n"
    "/* cross_entropy */\n"
    "ISK_KERNEL isk_cross_entropy_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[2], model, i);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, logits);\n"
    "    }\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(logits - largest);\n"
    "    }\n"
    "    const float t1 = logf(sum);\n"
    "    float sum2 = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        const float target = *dev_at(call.in[1], model, i, j);\n"
    "        sum2 += target * (t1 - (logits - largest));\n"
    "    }\n"
    "    work[16 + i] = w * sum2;\n"
    "}\n"
    "ISK_KERNEL isk_cross_entropy_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[2], model, i);\n"
    "        sum += w;\n"
    "        sum2 += work[16 + i];\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    *dev_at(call.out, model, 0, 0) = sum2 / weight;\n"
    "}\n"
    "ISK_KERNEL isk_cross_entropy_backward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float largest = ISK_LOWEST;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        largest = dev_maximum(largest, logits);\n"
    "    }\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        sum += expf(logits - largest);\n"
    "    }\n"
    "    work[16 + i] = largest;\n"
    "    work[16 + call.rows + i] = logf(sum);\n"
    "}\n"
    "ISK_KERNEL isk_cross_entropy_backward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[2], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    work[0] = g / weight;\n"
    "}\n"
    "ISK_KERNEL isk_cross_entropy_backward_2(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[2], model, i);\n"
    "    float largest = ISK_LOWEST;\n"
    "    float sum = 0;\n",
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        const float target = *dev_at(call.in[1], model, i, j);\n"
    "        largest = dev_maximum(largest, logits);\n"
    "        sum += target;\n"
    "    }\n"
    "    float sum2 = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        sum2 += expf(logits - largest);\n"
    "    }\n"
    "    work[16 + 2 * call.rows + i] = work[0] * (w * sum) / sum2;\n"
    "}\n"
    "ISK_KERNEL isk_cross_entropy_backward_3(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float logits = *dev_at(call.in[0], model, i, j);\n"
    "    const float target = *dev_at(call.in[1], model, i, j);\n"
    "    const float w = dev_weight(call.in[2], model, i);\n"
    "    const float t1 = logits - work[16 + i];\n"
    "    const float power = expf(t1);\n"
    "    const float t2 = work[0] * w;\n"
    "    const float t3 = work[16 + 2 * call.rows + i] * power - t2 * target;\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t3);\n"
    "    const float t4 = t2 * (work[16 + call.rows + i] - t1);\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t4);\n"
    "}\n"
    "\n"
    "/* binary_cross_entropy */\n"
    "ISK_KERNEL isk_binary_cross_entropy_forward_0(const isk_call call) {\n"
    "    ISK_EACH_ROW;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float w = dev_weight(call.in[2], model, i);\n"
    "    float sum = 0;\n"
    "    for (int j = 0; j < call.cols; j++) {\n"
    "        const float logits = *dev_at(call.in[0], model, i, j);\n"
    "        const float target = *dev_at(call.in[1], model, i, j);\n"
    "        sum += dev_softplus(logits) - logits * target;\n"
    "    }\n"
    "    work[16 + i] = w * sum;\n"
    "}\n"
    "ISK_KERNEL isk_binary_cross_entropy_forward_1(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    float sum2 = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[2], model, i);\n"
    "        sum += work[16 + i];\n"
    "        sum2 += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum2, 1e-12f);\n"
    "    *dev_at(call.out, model, 0, 0) = sum / weight;\n"
    "}\n"
    "ISK_KERNEL isk_binary_cross_entropy_backward_0(const isk_call call) {\n"
    "    ISK_ONCE;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float g = *dev_at(call.grad, model, 0, 0);\n"
    "    float sum = 0;\n"
    "    for (int i = 0; i < call.rows; i++) {\n"
    "        const float w = dev_weight(call.in[2], model, i);\n"
    "        sum += w;\n"
    "    }\n"
    "    const float weight = dev_maximum(sum, 1e-12f);\n"
    "    const float t1 = g / weight;\n"
    "    work[0] = t1;\n"
    "    work[1] = -t1;\n"
    "}\n"
    "ISK_KERNEL isk_binary_cross_entropy_backward_1(const isk_call call) {\n"
    "    ISK_EACH_ELEMENT;\n"
    "    float *work = dev_at(call.work, model, 0, 0);\n"
    "    const float logits = *dev_at(call.in[0], model, i, j);\n"
    "    const float target = *dev_at(call.in[1], model, i, j);\n"
    "    const float w = dev_weight(call.in[2], model, i);\n"
    "    const float t1 = work[0] * w * (dev_sigmoid(logits) - target);\n"
    "    if (call.grad_in[0].data) dev_put(dev_at(call.grad_in[0], model, i, j), call.accumulate & 1u, t1);\n"
    "    const float t2 = work[1] * w * logits;\n"
    "    if (call.grad_in[1].data) dev_put(dev_at(call.grad_in[1], model, i, j), call.accumulate & 2u, t2);\n"
    "}\n"
    "\n",
    NULL };

/* isk__op_info.module is an index; the text of a module is the prelude and then its own. */
static const isk__kernel_module isk__kernel_modules[] ISK__UNUSED = {
    { "elementwise", isk__kernels_elementwise },
    { "activations", isk__kernels_activations },
    { "rows", isk__kernels_rows },
    { "columns", isk__kernels_columns },
    { "losses", isk__kernels_losses },
};
/* >>generated kernel-text: end */

#endif

ISK__HOT_BEGIN

/* ==== >>gemm: matrix product ====================================================================================== */

/* C[m, n] = A[m, k] * B[k, n] with an epilogue, on register tiles.  The promise on bits: an element of C is one chain
   acc = a * b + acc over p = 0 .. k-1, fused wherever the instruction set has FMA.  So it depends on its own row of A
   and column of B alone, not on m, n, the tile it falls in, alignment or strides: a row gives the same in any batch.
   Nothing outside [rows, cols] of any operand is read or written, so padding and user data need no rules. */

/* One tile: rows x vectors of C, see codegen/templates/gemm_tiles.py. */
typedef struct isk__tile {
    int k;
    int tail;                                   /* columns in the last vector, 1 .. width */
    int accumulate, relu;
    const isk_scalar *a;
    ptrdiff_t a_row, a_col;
    const isk_scalar *b;
    ptrdiff_t b_row;
    isk_scalar *c;
    ptrdiff_t c_row;
    const isk_scalar *bias, *mask;
    ptrdiff_t mask_row;
} isk__tile;

#if defined(__GNUC__) && !defined(INDISEEK_NO_SIMD)
    #define ISK__HAVE_VECTORS 1                 /* the compiler knows vector_size: gcc and clang, on every machine */
#endif

typedef struct isk__tile_entry {
    int rows, vectors;
    int quads;                                  /* the last vector is held as quads: at most 4 columns */
    void (*run)(const isk__tile *);
} isk__tile_entry;

#ifdef ISK__HAVE_VECTORS

/* Makes the compiler forget what it knows of x.  Else gcc computes the addresses of the epilogue before the loop of a
   tile, and keeps them in registers that the loop needs. */
#define ISK__FORGET(x) __asm__("" : "+r"(x))
/* No use of the pointer is moved above the last change of the vector. */
#define ISK__AFTER(pointer, vector) __asm__("" : "+r"(pointer), "+x"(vector))

/* What the tiles are written in: a vector of each instruction set under the same names.  "plain" is whatever 16-byte
   registers the compiler finds (SSE2, NEON, or scalars), and the only one for doubles. */
typedef isk_scalar isk__plain __attribute__((vector_size(16)));
typedef isk_scalar isk__plain_memory __attribute__((vector_size(16), aligned(sizeof(isk_scalar)), may_alias));
typedef int isk__plain_tail;
enum { isk__plain_width = 16 / (int)sizeof(isk_scalar) };

static ISK__INLINE isk__plain_tail isk__plain_tail_of(int columns) { return columns; }
static ISK__INLINE isk__plain isk__plain_load(const isk_scalar *p) { return *(const isk__plain_memory *)p; }
static ISK__INLINE void isk__plain_store(isk_scalar *p, isk__plain x) { *(isk__plain_memory *)p = x; }
/* Where the machine has a fused multiply-add it is asked for: left alone, gcc contracts a * b + c in one tile and not
   in another. */
static ISK__INLINE isk__plain isk__plain_fma(isk__plain a, isk__plain b, isk__plain c) {
#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    int i;
    for (i = 0; i < isk__plain_width; i++) {
#ifdef INDISEEK_DOUBLE
        c[i] = __builtin_fma(a[i], b[i], c[i]);
#else
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
#endif
    }
    return c;
#else
    return a * b + c;
#endif
}
static ISK__INLINE isk__plain isk__plain_set1(isk_scalar x) {
    const isk__plain zero = { 0 };
    return x - zero;                            /* a scalar next to a vector stands for all its elements */
}
static ISK__INLINE isk__plain isk__plain_load_tail(const isk_scalar *p, isk__plain_tail tail) {
    isk__plain y = isk__plain_set1(0);
    int i;
    if (tail == isk__plain_width) { return isk__plain_load(p); }
    for (i = 0; i < isk__plain_width - 1; i++) {
        if (i < tail) { y[i] = p[i]; }
    }
    return y;
}
static ISK__INLINE void isk__plain_store_tail(isk_scalar *p, isk__plain x, isk__plain_tail tail) {
    int i;
    for (i = 0; i < isk__plain_width; i++) {
        if (i < tail) { p[i] = x[i]; }
    }
}
/* max(x, 0) that lets NaN through */
static ISK__INLINE isk__plain isk__plain_relu(isk__plain x) {
    int i;
    for (i = 0; i < isk__plain_width; i++) { x[i] = x[i] < 0 ? (isk_scalar)0 : x[i]; }
    return x;
}
static ISK__INLINE isk__plain isk__plain_sqrt(isk__plain x) {
    int i;
#ifdef INDISEEK_DOUBLE
    for (i = 0; i < isk__plain_width; i++) { x[i] = sqrt(x[i]); }
#else
    for (i = 0; i < isk__plain_width; i++) { x[i] = sqrtf(x[i]); }
#endif
    return x;
}
/* x where the mask is positive, else 0 */
static ISK__INLINE isk__plain isk__plain_keep(isk__plain x, isk__plain mask) {
    int i;
    for (i = 0; i < isk__plain_width; i++) { x[i] = mask[i] > 0 ? x[i] : (isk_scalar)0; }
    return x;
}
#endif

#ifdef ISK__HAVE_AVX2

#define ISK__TARGET_AVX2 __attribute__((target("avx2,fma")))
#define ISK__TARGET_AVX512 __attribute__((target("avx512f,avx512vl")))

typedef float isk__avx2 __attribute__((vector_size(32), may_alias));
typedef float isk__avx2_memory __attribute__((vector_size(32), aligned(4), may_alias));
typedef int isk__avx2_tail __attribute__((vector_size(32), may_alias));       /* all bits set in the columns in use */
typedef float isk__avx512 __attribute__((vector_size(64), may_alias));
typedef float isk__avx512_memory __attribute__((vector_size(64), aligned(4), may_alias));
typedef unsigned short isk__avx512_tail;                                      /* bit i: column i is in use */
enum { isk__avx2_width = 8, isk__avx512_width = 16 };

/* gcc needs half a second to read immintrin.h, so its built-in functions are called by their names; elsewhere the
   header is cheap, or the names may have changed. */
#if !defined(__clang__) && __GNUC__ >= 8 && __GNUC__ <= 15 && !defined(ISK__USE_IMMINTRIN)
    #define isk__avx2_fma(a, b, c) __builtin_ia32_vfmaddps256(a, b, c)
    #define isk__avx2_relu(x) __builtin_ia32_maxps256(isk__avx2_set1(0), x)
    #define isk__avx2_sqrt(x) __builtin_ia32_sqrtps256(x)
    #define isk__avx2_load_tail(p, tail) __builtin_ia32_maskloadps256((const isk__avx2 *)(p), tail)
    #define isk__avx2_store_tail(p, x, tail) __builtin_ia32_maskstoreps256((isk__avx2 *)(p), tail, x)
    #define isk__avx2_low(a, b) __builtin_ia32_unpcklps256(a, b)
    #define isk__avx2_high(a, b) __builtin_ia32_unpckhps256(a, b)
    #define isk__avx2_pairs(a, b, which) __builtin_ia32_shufps256(a, b, which)
    #define isk__avx2_halves(p, q) __builtin_ia32_blendps256( \
            __builtin_ia32_vbroadcastf128_ps256((const isk__plain *)(p)), \
            __builtin_ia32_vbroadcastf128_ps256((const isk__plain *)(q)), 0xF0)
    #define isk__avx512_low(a, b) __builtin_ia32_unpcklps512_mask(a, b, a, 0xFFFF)
    #define isk__avx512_high(a, b) __builtin_ia32_unpckhps512_mask(a, b, a, 0xFFFF)
    #define isk__avx512_pairs(a, b, which) __builtin_ia32_shufps512_mask(a, b, which, a, 0xFFFF)
    #define isk__avx512_fma(a, b, c) __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4)
    #define isk__avx512_relu(x) __builtin_ia32_maxps512_mask(isk__avx512_set1(0), x, x, -1, 4)
    #define isk__avx512_sqrt(x) __builtin_ia32_sqrtps512_mask(x, x, -1, 4)
    #define isk__avx512_load_tail(p, tail) __builtin_ia32_loadups512_mask(p, isk__avx512_set1(0), tail)
    #define isk__avx512_store_tail(p, x, tail) __builtin_ia32_storeups512_mask(p, x, tail)
    #define isk__avx512_select(mask, yes, no) __builtin_ia32_movaps512_mask(yes, no, mask)
    #define isk__avx512_spread(x) __builtin_ia32_shuf_f32x4_mask(x, x, 0, x, 0xFFFF)
    #define isk__avx512_load_quarter(p, mask, other) \
            __builtin_ia32_broadcastf32x4_512(*(const isk__plain_memory *)(p), other, mask)
    #define isk__avx512_load_part(p, mask, other) __builtin_ia32_loadups512_mask(p, other, mask)
    #define isk__avx512_keep(x, mask) __builtin_ia32_movaps512_mask(x, isk__avx512_set1(0), \
            __builtin_ia32_cmpps512_mask(mask, isk__avx512_set1(0), 30 /* greater, quiet */, 0xFFFF, 4))
#else
    #include <immintrin.h>
    #define isk__avx2_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
    #define isk__avx2_relu(x) _mm256_max_ps(_mm256_setzero_ps(), x)
    #define isk__avx2_sqrt(x) _mm256_sqrt_ps(x)
    #define isk__avx2_load_tail(p, tail) _mm256_maskload_ps(p, (__m256i)(tail))
    #define isk__avx2_store_tail(p, x, tail) _mm256_maskstore_ps(p, (__m256i)(tail), x)
    #define isk__avx2_low(a, b) _mm256_unpacklo_ps(a, b)
    #define isk__avx2_high(a, b) _mm256_unpackhi_ps(a, b)
    #define isk__avx2_pairs(a, b, which) _mm256_shuffle_ps(a, b, which)
    #define isk__avx2_halves(p, q) _mm256_blend_ps(_mm256_broadcast_ps((const __m128 *)(p)), \
            _mm256_broadcast_ps((const __m128 *)(q)), 0xF0)
    #define isk__avx512_low(a, b) _mm512_unpacklo_ps(a, b)
    #define isk__avx512_high(a, b) _mm512_unpackhi_ps(a, b)
    #define isk__avx512_pairs(a, b, which) _mm512_shuffle_ps(a, b, which)
    #define isk__avx512_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
    #define isk__avx512_relu(x) _mm512_max_ps(_mm512_setzero_ps(), x)
    #define isk__avx512_sqrt(x) _mm512_sqrt_ps(x)
    #define isk__avx512_load_tail(p, tail) _mm512_maskz_loadu_ps(tail, p)
    #define isk__avx512_store_tail(p, x, tail) _mm512_mask_storeu_ps(p, tail, x)
    #define isk__avx512_select(mask, yes, no) _mm512_mask_mov_ps(no, mask, yes)
    #define isk__avx512_spread(x) _mm512_shuffle_f32x4(x, x, 0)
    #define isk__avx512_load_quarter(p, mask, other) _mm512_mask_broadcast_f32x4(other, mask, _mm_loadu_ps(p))
    #define isk__avx512_load_part(p, mask, other) _mm512_mask_loadu_ps(other, mask, p)
    #define isk__avx512_keep(x, mask) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(mask, _mm512_setzero_ps(), _CMP_GT_OQ), x)
#endif

ISK__TARGET_AVX2 static ISK__INLINE isk__avx2_tail isk__avx2_tail_of(int columns) {
    isk__avx2_tail index = { 0, 1, 2, 3, 4, 5, 6, 7 };
    isk__avx2_tail limit = { columns, columns, columns, columns, columns, columns, columns, columns };
    return index < limit;
}
ISK__TARGET_AVX2 static ISK__INLINE isk__avx2 isk__avx2_set1(float x) {
    isk__avx2 y = { x, x, x, x, x, x, x, x };
    return y;
}
ISK__TARGET_AVX2 static ISK__INLINE isk__avx2 isk__avx2_load(const float *p) { return *(const isk__avx2_memory *)p; }
ISK__TARGET_AVX2 static ISK__INLINE void isk__avx2_store(float *p, isk__avx2 x) { *(isk__avx2_memory *)p = x; }
ISK__TARGET_AVX2 static ISK__INLINE isk__avx2 isk__avx2_keep(isk__avx2 x, isk__avx2 mask) {
    return (isk__avx2)((isk__avx2_tail)x & (isk__avx2_tail)(mask > isk__avx2_set1(0)));
}

ISK__TARGET_AVX512 static ISK__INLINE isk__avx512_tail isk__avx512_tail_of(int columns) {
    return (isk__avx512_tail)((1u << columns) - 1u);
}
ISK__TARGET_AVX512 static ISK__INLINE isk__avx512 isk__avx512_set1(float x) {
    isk__avx512 y = { x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x };
    return y;
}
ISK__TARGET_AVX512 static ISK__INLINE isk__avx512 isk__avx512_load(const float *p) {
    return *(const isk__avx512_memory *)p;
}
ISK__TARGET_AVX512 static ISK__INLINE void isk__avx512_store(float *p, isk__avx512 x) { *(isk__avx512_memory *)p = x; }

/* A quad holds up to 4 columns of 4 rows: row r fills elements 4r .. 4r + 3.  Each row is loaded or stored through a
   mask, from an address 4r elements ahead of it; nothing is touched there.  Bit 4r + i of `which` is its column i. */
ISK__TARGET_AVX512 static ISK__INLINE float *isk__avx512_ahead(const float *p, int elements) {
    return (float *)((uintptr_t)p - (uintptr_t)elements * sizeof(float));
}
ISK__TARGET_AVX512 static ISK__INLINE isk__avx512 isk__avx512_load_rows(const float *p, ptrdiff_t row,
                                                                        isk__avx512_tail which) {
    isk__avx512 x = isk__avx512_load_tail(p, which & 0xF);
    x = isk__avx512_load_part(isk__avx512_ahead(p + row, 4), which & 0xF0, x);
    x = isk__avx512_load_part(isk__avx512_ahead(p + 2 * row, 8), which & 0xF00, x);
    return isk__avx512_load_part(isk__avx512_ahead(p + 3 * row, 12), which & 0xF000, x);
}
/* all 4 columns of all 4 rows, from 16 bytes a row */
ISK__TARGET_AVX512 static ISK__INLINE isk__avx512 isk__avx512_load_whole_rows(const float *p, ptrdiff_t row) {
    isk__avx512 x = isk__avx512_load_quarter(p, 0xFFFF, isk__avx512_set1(0));
    x = isk__avx512_load_quarter(p + row, 0xF0, x);
    x = isk__avx512_load_quarter(p + 2 * row, 0xF00, x);
    return isk__avx512_load_quarter(p + 3 * row, 0xF000, x);
}
ISK__TARGET_AVX512 static ISK__INLINE isk__avx512 isk__avx512_load_quad(const float *p, ptrdiff_t row,
                                                                        isk__avx512_tail tail) {
    return isk__avx512_load_rows(p, row, (isk__avx512_tail)(tail * 0x1111));
}
ISK__TARGET_AVX512 static ISK__INLINE void isk__avx512_store_quad(float *p, ptrdiff_t row, isk__avx512 x,
                                                                  isk__avx512_tail tail) {
    isk__avx512_store_tail(p, x, tail);
    isk__avx512_store_tail(isk__avx512_ahead(p + row, 4), x, (isk__avx512_tail)(tail << 4));
    isk__avx512_store_tail(isk__avx512_ahead(p + 2 * row, 8), x, (isk__avx512_tail)(tail << 8));
    isk__avx512_store_tail(isk__avx512_ahead(p + 3 * row, 12), x, (isk__avx512_tail)(tail << 12));
}

#endif /* ISK__HAVE_AVX2 */

#ifndef INDISEEK_USE_CBLAS
/* >>generated gemm-tiles: begin (python3 codegen/generate.py; do not edit) */
#ifdef ISK__HAVE_VECTORS
static void isk__tile_plain_4x1(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__plain_tail tail = isk__plain_tail_of(t->tail);
    const isk__plain zero = isk__plain_set1(0);
    isk__plain x, b0;
    isk__plain acc0_0 = zero;
    isk__plain acc1_0 = zero;
    isk__plain acc2_0 = zero;
    isk__plain acc3_0 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__plain_load_tail(c, tail);
        acc1_0 = isk__plain_load_tail(c + c_row, tail);
        acc2_0 = isk__plain_load_tail(c + 2 * c_row, tail);
        acc3_0 = isk__plain_load_tail(c + 3 * c_row, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__plain_load_tail(b, tail);
        x = isk__plain_set1(a[0]); acc0_0 = isk__plain_fma(x, b0, acc0_0);
        x = isk__plain_set1(a[a_row]); acc1_0 = isk__plain_fma(x, b0, acc1_0);
        x = isk__plain_set1(a[2 * a_row]); acc2_0 = isk__plain_fma(x, b0, acc2_0);
        x = isk__plain_set1(a[3 * a_row]); acc3_0 = isk__plain_fma(x, b0, acc3_0);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__plain_load_tail(t->bias, tail);
        acc0_0 = acc0_0 + b0;
        acc1_0 = acc1_0 + b0;
        acc2_0 = acc2_0 + b0;
        acc3_0 = acc3_0 + b0;
    }
    if (t->relu) {
        acc0_0 = isk__plain_relu(acc0_0);
        acc1_0 = isk__plain_relu(acc1_0);
        acc2_0 = isk__plain_relu(acc2_0);
        acc3_0 = isk__plain_relu(acc3_0);
    }
    if (mask != NULL) {
        acc0_0 = isk__plain_keep(acc0_0, isk__plain_load_tail(mask, tail));
        acc1_0 = isk__plain_keep(acc1_0, isk__plain_load_tail(mask + mask_row, tail));
        acc2_0 = isk__plain_keep(acc2_0, isk__plain_load_tail(mask + 2 * mask_row, tail));
        acc3_0 = isk__plain_keep(acc3_0, isk__plain_load_tail(mask + 3 * mask_row, tail));
    }
    isk__plain_store_tail(c, acc0_0, tail);
    isk__plain_store_tail(c + c_row, acc1_0, tail);
    isk__plain_store_tail(c + 2 * c_row, acc2_0, tail);
    isk__plain_store_tail(c + 3 * c_row, acc3_0, tail);
}

static void isk__tile_plain_1x1(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__plain_tail tail = isk__plain_tail_of(t->tail);
    const isk__plain zero = isk__plain_set1(0);
    isk__plain x, b0;
    isk__plain acc0_0 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__plain_load_tail(c, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__plain_load_tail(b, tail);
        x = isk__plain_set1(a[0]); acc0_0 = isk__plain_fma(x, b0, acc0_0);
    }
    if (t->bias != NULL) {
        b0 = isk__plain_load_tail(t->bias, tail);
        acc0_0 = acc0_0 + b0;
    }
    if (t->relu) {
        acc0_0 = isk__plain_relu(acc0_0);
    }
    if (mask != NULL) {
        acc0_0 = isk__plain_keep(acc0_0, isk__plain_load_tail(mask, tail));
    }
    isk__plain_store_tail(c, acc0_0, tail);
}

static void isk__tile_plain_4x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__plain_tail tail = isk__plain_tail_of(t->tail);
    const isk__plain zero = isk__plain_set1(0);
    isk__plain x, b0, b1;
    isk__plain acc0_0 = zero, acc0_1 = zero;
    isk__plain acc1_0 = zero, acc1_1 = zero;
    isk__plain acc2_0 = zero, acc2_1 = zero;
    isk__plain acc3_0 = zero, acc3_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__plain_load(c); acc0_1 = isk__plain_load_tail(c + 1 * isk__plain_width, tail);
        acc1_0 = isk__plain_load(c + c_row); acc1_1 = isk__plain_load_tail(c + c_row + 1 * isk__plain_width, tail);
        acc2_0 = isk__plain_load(c + 2 * c_row);
        acc2_1 = isk__plain_load_tail(c + 2 * c_row + 1 * isk__plain_width, tail);
        acc3_0 = isk__plain_load(c + 3 * c_row);
        acc3_1 = isk__plain_load_tail(c + 3 * c_row + 1 * isk__plain_width, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__plain_load(b); b1 = isk__plain_load_tail(b + 1 * isk__plain_width, tail);
        x = isk__plain_set1(a[0]); acc0_0 = isk__plain_fma(x, b0, acc0_0); acc0_1 = isk__plain_fma(x, b1, acc0_1);
        x = isk__plain_set1(a[a_row]); acc1_0 = isk__plain_fma(x, b0, acc1_0); acc1_1 = isk__plain_fma(x, b1, acc1_1);
        x = isk__plain_set1(a[2 * a_row]); acc2_0 = isk__plain_fma(x, b0, acc2_0);
        acc2_1 = isk__plain_fma(x, b1, acc2_1);
        x = isk__plain_set1(a[3 * a_row]); acc3_0 = isk__plain_fma(x, b0, acc3_0);
        acc3_1 = isk__plain_fma(x, b1, acc3_1);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__plain_load(t->bias); b1 = isk__plain_load_tail(t->bias + 1 * isk__plain_width, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__plain_relu(acc0_0); acc0_1 = isk__plain_relu(acc0_1);
        acc1_0 = isk__plain_relu(acc1_0); acc1_1 = isk__plain_relu(acc1_1);
        acc2_0 = isk__plain_relu(acc2_0); acc2_1 = isk__plain_relu(acc2_1);
        acc3_0 = isk__plain_relu(acc3_0); acc3_1 = isk__plain_relu(acc3_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__plain_keep(acc0_0, isk__plain_load(mask));
        acc0_1 = isk__plain_keep(acc0_1, isk__plain_load_tail(mask + 1 * isk__plain_width, tail));
        acc1_0 = isk__plain_keep(acc1_0, isk__plain_load(mask + mask_row));
        acc1_1 = isk__plain_keep(acc1_1, isk__plain_load_tail(mask + mask_row + 1 * isk__plain_width, tail));
        acc2_0 = isk__plain_keep(acc2_0, isk__plain_load(mask + 2 * mask_row));
        acc2_1 = isk__plain_keep(acc2_1, isk__plain_load_tail(mask + 2 * mask_row + 1 * isk__plain_width, tail));
        acc3_0 = isk__plain_keep(acc3_0, isk__plain_load(mask + 3 * mask_row));
        acc3_1 = isk__plain_keep(acc3_1, isk__plain_load_tail(mask + 3 * mask_row + 1 * isk__plain_width, tail));
    }
    isk__plain_store(c, acc0_0); isk__plain_store_tail(c + 1 * isk__plain_width, acc0_1, tail);
    isk__plain_store(c + c_row, acc1_0); isk__plain_store_tail(c + c_row + 1 * isk__plain_width, acc1_1, tail);
    isk__plain_store(c + 2 * c_row, acc2_0); isk__plain_store_tail(c + 2 * c_row + 1 * isk__plain_width, acc2_1, tail);
    isk__plain_store(c + 3 * c_row, acc3_0); isk__plain_store_tail(c + 3 * c_row + 1 * isk__plain_width, acc3_1, tail);
}

static void isk__tile_plain_1x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__plain_tail tail = isk__plain_tail_of(t->tail);
    const isk__plain zero = isk__plain_set1(0);
    isk__plain x, b0, b1;
    isk__plain acc0_0 = zero, acc0_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__plain_load(c); acc0_1 = isk__plain_load_tail(c + 1 * isk__plain_width, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__plain_load(b); b1 = isk__plain_load_tail(b + 1 * isk__plain_width, tail);
        x = isk__plain_set1(a[0]); acc0_0 = isk__plain_fma(x, b0, acc0_0); acc0_1 = isk__plain_fma(x, b1, acc0_1);
    }
    if (t->bias != NULL) {
        b0 = isk__plain_load(t->bias); b1 = isk__plain_load_tail(t->bias + 1 * isk__plain_width, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__plain_relu(acc0_0); acc0_1 = isk__plain_relu(acc0_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__plain_keep(acc0_0, isk__plain_load(mask));
        acc0_1 = isk__plain_keep(acc0_1, isk__plain_load_tail(mask + 1 * isk__plain_width, tail));
    }
    isk__plain_store(c, acc0_0); isk__plain_store_tail(c + 1 * isk__plain_width, acc0_1, tail);
}

static void isk__tile_plain_3x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__plain_tail tail = isk__plain_tail_of(t->tail);
    const isk__plain zero = isk__plain_set1(0);
    isk__plain x, b0, b1, b2;
    isk__plain acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__plain acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    isk__plain acc2_0 = zero, acc2_1 = zero, acc2_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__plain_load(c); acc0_1 = isk__plain_load(c + 1 * isk__plain_width);
        acc0_2 = isk__plain_load_tail(c + 2 * isk__plain_width, tail);
        acc1_0 = isk__plain_load(c + c_row); acc1_1 = isk__plain_load(c + c_row + 1 * isk__plain_width);
        acc1_2 = isk__plain_load_tail(c + c_row + 2 * isk__plain_width, tail);
        acc2_0 = isk__plain_load(c + 2 * c_row); acc2_1 = isk__plain_load(c + 2 * c_row + 1 * isk__plain_width);
        acc2_2 = isk__plain_load_tail(c + 2 * c_row + 2 * isk__plain_width, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__plain_load(b); b1 = isk__plain_load(b + 1 * isk__plain_width);
        b2 = isk__plain_load_tail(b + 2 * isk__plain_width, tail);
        x = isk__plain_set1(a[0]); acc0_0 = isk__plain_fma(x, b0, acc0_0); acc0_1 = isk__plain_fma(x, b1, acc0_1);
        acc0_2 = isk__plain_fma(x, b2, acc0_2);
        x = isk__plain_set1(a[a_row]); acc1_0 = isk__plain_fma(x, b0, acc1_0); acc1_1 = isk__plain_fma(x, b1, acc1_1);
        acc1_2 = isk__plain_fma(x, b2, acc1_2);
        x = isk__plain_set1(a[2 * a_row]); acc2_0 = isk__plain_fma(x, b0, acc2_0);
        acc2_1 = isk__plain_fma(x, b1, acc2_1); acc2_2 = isk__plain_fma(x, b2, acc2_2);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__plain_load(t->bias); b1 = isk__plain_load(t->bias + 1 * isk__plain_width);
        b2 = isk__plain_load_tail(t->bias + 2 * isk__plain_width, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1; acc2_2 = acc2_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__plain_relu(acc0_0); acc0_1 = isk__plain_relu(acc0_1); acc0_2 = isk__plain_relu(acc0_2);
        acc1_0 = isk__plain_relu(acc1_0); acc1_1 = isk__plain_relu(acc1_1); acc1_2 = isk__plain_relu(acc1_2);
        acc2_0 = isk__plain_relu(acc2_0); acc2_1 = isk__plain_relu(acc2_1); acc2_2 = isk__plain_relu(acc2_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__plain_keep(acc0_0, isk__plain_load(mask));
        acc0_1 = isk__plain_keep(acc0_1, isk__plain_load(mask + 1 * isk__plain_width));
        acc0_2 = isk__plain_keep(acc0_2, isk__plain_load_tail(mask + 2 * isk__plain_width, tail));
        acc1_0 = isk__plain_keep(acc1_0, isk__plain_load(mask + mask_row));
        acc1_1 = isk__plain_keep(acc1_1, isk__plain_load(mask + mask_row + 1 * isk__plain_width));
        acc1_2 = isk__plain_keep(acc1_2, isk__plain_load_tail(mask + mask_row + 2 * isk__plain_width, tail));
        acc2_0 = isk__plain_keep(acc2_0, isk__plain_load(mask + 2 * mask_row));
        acc2_1 = isk__plain_keep(acc2_1, isk__plain_load(mask + 2 * mask_row + 1 * isk__plain_width));
        acc2_2 = isk__plain_keep(acc2_2, isk__plain_load_tail(mask + 2 * mask_row + 2 * isk__plain_width, tail));
    }
    isk__plain_store(c, acc0_0); isk__plain_store(c + 1 * isk__plain_width, acc0_1);
    isk__plain_store_tail(c + 2 * isk__plain_width, acc0_2, tail);
    isk__plain_store(c + c_row, acc1_0); isk__plain_store(c + c_row + 1 * isk__plain_width, acc1_1);
    isk__plain_store_tail(c + c_row + 2 * isk__plain_width, acc1_2, tail);
    isk__plain_store(c + 2 * c_row, acc2_0); isk__plain_store(c + 2 * c_row + 1 * isk__plain_width, acc2_1);
    isk__plain_store_tail(c + 2 * c_row + 2 * isk__plain_width, acc2_2, tail);
}

static void isk__tile_plain_1x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__plain_tail tail = isk__plain_tail_of(t->tail);
    const isk__plain zero = isk__plain_set1(0);
    isk__plain x, b0, b1, b2;
    isk__plain acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__plain_load(c); acc0_1 = isk__plain_load(c + 1 * isk__plain_width);
        acc0_2 = isk__plain_load_tail(c + 2 * isk__plain_width, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__plain_load(b); b1 = isk__plain_load(b + 1 * isk__plain_width);
        b2 = isk__plain_load_tail(b + 2 * isk__plain_width, tail);
        x = isk__plain_set1(a[0]); acc0_0 = isk__plain_fma(x, b0, acc0_0); acc0_1 = isk__plain_fma(x, b1, acc0_1);
        acc0_2 = isk__plain_fma(x, b2, acc0_2);
    }
    if (t->bias != NULL) {
        b0 = isk__plain_load(t->bias); b1 = isk__plain_load(t->bias + 1 * isk__plain_width);
        b2 = isk__plain_load_tail(t->bias + 2 * isk__plain_width, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__plain_relu(acc0_0); acc0_1 = isk__plain_relu(acc0_1); acc0_2 = isk__plain_relu(acc0_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__plain_keep(acc0_0, isk__plain_load(mask));
        acc0_1 = isk__plain_keep(acc0_1, isk__plain_load(mask + 1 * isk__plain_width));
        acc0_2 = isk__plain_keep(acc0_2, isk__plain_load_tail(mask + 2 * isk__plain_width, tail));
    }
    isk__plain_store(c, acc0_0); isk__plain_store(c + 1 * isk__plain_width, acc0_1);
    isk__plain_store_tail(c + 2 * isk__plain_width, acc0_2, tail);
}

static const isk__tile_entry isk__tiles_plain[] = {
    { 4, 1, 0, isk__tile_plain_4x1 },
    { 1, 1, 0, isk__tile_plain_1x1 },
    { 4, 2, 0, isk__tile_plain_4x2 },
    { 1, 2, 0, isk__tile_plain_1x2 },
    { 3, 3, 0, isk__tile_plain_3x3 },
    { 1, 3, 0, isk__tile_plain_1x3 },
};

#endif
#ifdef ISK__HAVE_AVX2
ISK__TARGET_AVX2 static void isk__tile_avx2_8x1(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2_tail tail = isk__avx2_tail_of(t->tail);
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0;
    isk__avx2 acc0_0 = zero;
    isk__avx2 acc1_0 = zero;
    isk__avx2 acc2_0 = zero;
    isk__avx2 acc3_0 = zero;
    isk__avx2 acc4_0 = zero;
    isk__avx2 acc5_0 = zero;
    isk__avx2 acc6_0 = zero;
    isk__avx2 acc7_0 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load_tail(c, tail);
        acc1_0 = isk__avx2_load_tail(c + c_row, tail);
        acc2_0 = isk__avx2_load_tail(c + 2 * c_row, tail);
        acc3_0 = isk__avx2_load_tail(c + 3 * c_row, tail);
        acc4_0 = isk__avx2_load_tail(c + 4 * c_row, tail);
        acc5_0 = isk__avx2_load_tail(c + 5 * c_row, tail);
        acc6_0 = isk__avx2_load_tail(c + 6 * c_row, tail);
        acc7_0 = isk__avx2_load_tail(c + 7 * c_row, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load_tail(b, tail);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0);
        x = isk__avx2_set1(a[a_row]); acc1_0 = isk__avx2_fma(x, b0, acc1_0);
        x = isk__avx2_set1(a[2 * a_row]); acc2_0 = isk__avx2_fma(x, b0, acc2_0);
        x = isk__avx2_set1(a[3 * a_row]); acc3_0 = isk__avx2_fma(x, b0, acc3_0);
        x = isk__avx2_set1(a[4 * a_row]); acc4_0 = isk__avx2_fma(x, b0, acc4_0);
        x = isk__avx2_set1(a[5 * a_row]); acc5_0 = isk__avx2_fma(x, b0, acc5_0);
        x = isk__avx2_set1(a[6 * a_row]); acc6_0 = isk__avx2_fma(x, b0, acc6_0);
        x = isk__avx2_set1(a[7 * a_row]); acc7_0 = isk__avx2_fma(x, b0, acc7_0);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx2_load_tail(t->bias, tail);
        acc0_0 = acc0_0 + b0;
        acc1_0 = acc1_0 + b0;
        acc2_0 = acc2_0 + b0;
        acc3_0 = acc3_0 + b0;
        acc4_0 = acc4_0 + b0;
        acc5_0 = acc5_0 + b0;
        acc6_0 = acc6_0 + b0;
        acc7_0 = acc7_0 + b0;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0);
        acc1_0 = isk__avx2_relu(acc1_0);
        acc2_0 = isk__avx2_relu(acc2_0);
        acc3_0 = isk__avx2_relu(acc3_0);
        acc4_0 = isk__avx2_relu(acc4_0);
        acc5_0 = isk__avx2_relu(acc5_0);
        acc6_0 = isk__avx2_relu(acc6_0);
        acc7_0 = isk__avx2_relu(acc7_0);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load_tail(mask, tail));
        acc1_0 = isk__avx2_keep(acc1_0, isk__avx2_load_tail(mask + mask_row, tail));
        acc2_0 = isk__avx2_keep(acc2_0, isk__avx2_load_tail(mask + 2 * mask_row, tail));
        acc3_0 = isk__avx2_keep(acc3_0, isk__avx2_load_tail(mask + 3 * mask_row, tail));
        acc4_0 = isk__avx2_keep(acc4_0, isk__avx2_load_tail(mask + 4 * mask_row, tail));
        acc5_0 = isk__avx2_keep(acc5_0, isk__avx2_load_tail(mask + 5 * mask_row, tail));
        acc6_0 = isk__avx2_keep(acc6_0, isk__avx2_load_tail(mask + 6 * mask_row, tail));
        acc7_0 = isk__avx2_keep(acc7_0, isk__avx2_load_tail(mask + 7 * mask_row, tail));
    }
    isk__avx2_store_tail(c, acc0_0, tail);
    isk__avx2_store_tail(c + c_row, acc1_0, tail);
    isk__avx2_store_tail(c + 2 * c_row, acc2_0, tail);
    isk__avx2_store_tail(c + 3 * c_row, acc3_0, tail);
    isk__avx2_store_tail(c + 4 * c_row, acc4_0, tail);
    isk__avx2_store_tail(c + 5 * c_row, acc5_0, tail);
    isk__avx2_store_tail(c + 6 * c_row, acc6_0, tail);
    isk__avx2_store_tail(c + 7 * c_row, acc7_0, tail);
}

ISK__TARGET_AVX2 static void isk__tile_avx2_1x1(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2_tail tail = isk__avx2_tail_of(t->tail);
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0;
    isk__avx2 acc0_0 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load_tail(c, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load_tail(b, tail);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0);
    }
    if (t->bias != NULL) {
        b0 = isk__avx2_load_tail(t->bias, tail);
        acc0_0 = acc0_0 + b0;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load_tail(mask, tail));
    }
    isk__avx2_store_tail(c, acc0_0, tail);
}

ISK__TARGET_AVX2 static void isk__tile_avx2_6x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2_tail tail = isk__avx2_tail_of(t->tail);
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0, b1;
    isk__avx2 acc0_0 = zero, acc0_1 = zero;
    isk__avx2 acc1_0 = zero, acc1_1 = zero;
    isk__avx2 acc2_0 = zero, acc2_1 = zero;
    isk__avx2 acc3_0 = zero, acc3_1 = zero;
    isk__avx2 acc4_0 = zero, acc4_1 = zero;
    isk__avx2 acc5_0 = zero, acc5_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load(c); acc0_1 = isk__avx2_load_tail(c + 8, tail);
        acc1_0 = isk__avx2_load(c + c_row); acc1_1 = isk__avx2_load_tail(c + c_row + 8, tail);
        acc2_0 = isk__avx2_load(c + 2 * c_row); acc2_1 = isk__avx2_load_tail(c + 2 * c_row + 8, tail);
        acc3_0 = isk__avx2_load(c + 3 * c_row); acc3_1 = isk__avx2_load_tail(c + 3 * c_row + 8, tail);
        acc4_0 = isk__avx2_load(c + 4 * c_row); acc4_1 = isk__avx2_load_tail(c + 4 * c_row + 8, tail);
        acc5_0 = isk__avx2_load(c + 5 * c_row); acc5_1 = isk__avx2_load_tail(c + 5 * c_row + 8, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load(b); b1 = isk__avx2_load_tail(b + 8, tail);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0); acc0_1 = isk__avx2_fma(x, b1, acc0_1);
        x = isk__avx2_set1(a[a_row]); acc1_0 = isk__avx2_fma(x, b0, acc1_0); acc1_1 = isk__avx2_fma(x, b1, acc1_1);
        x = isk__avx2_set1(a[2 * a_row]); acc2_0 = isk__avx2_fma(x, b0, acc2_0); acc2_1 = isk__avx2_fma(x, b1, acc2_1);
        x = isk__avx2_set1(a[3 * a_row]); acc3_0 = isk__avx2_fma(x, b0, acc3_0); acc3_1 = isk__avx2_fma(x, b1, acc3_1);
        x = isk__avx2_set1(a[4 * a_row]); acc4_0 = isk__avx2_fma(x, b0, acc4_0); acc4_1 = isk__avx2_fma(x, b1, acc4_1);
        x = isk__avx2_set1(a[5 * a_row]); acc5_0 = isk__avx2_fma(x, b0, acc5_0); acc5_1 = isk__avx2_fma(x, b1, acc5_1);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx2_load(t->bias); b1 = isk__avx2_load_tail(t->bias + 8, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1;
        acc4_0 = acc4_0 + b0; acc4_1 = acc4_1 + b1;
        acc5_0 = acc5_0 + b0; acc5_1 = acc5_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0); acc0_1 = isk__avx2_relu(acc0_1);
        acc1_0 = isk__avx2_relu(acc1_0); acc1_1 = isk__avx2_relu(acc1_1);
        acc2_0 = isk__avx2_relu(acc2_0); acc2_1 = isk__avx2_relu(acc2_1);
        acc3_0 = isk__avx2_relu(acc3_0); acc3_1 = isk__avx2_relu(acc3_1);
        acc4_0 = isk__avx2_relu(acc4_0); acc4_1 = isk__avx2_relu(acc4_1);
        acc5_0 = isk__avx2_relu(acc5_0); acc5_1 = isk__avx2_relu(acc5_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load(mask));
        acc0_1 = isk__avx2_keep(acc0_1, isk__avx2_load_tail(mask + 8, tail));
        acc1_0 = isk__avx2_keep(acc1_0, isk__avx2_load(mask + mask_row));
        acc1_1 = isk__avx2_keep(acc1_1, isk__avx2_load_tail(mask + mask_row + 8, tail));
        acc2_0 = isk__avx2_keep(acc2_0, isk__avx2_load(mask + 2 * mask_row));
        acc2_1 = isk__avx2_keep(acc2_1, isk__avx2_load_tail(mask + 2 * mask_row + 8, tail));
        acc3_0 = isk__avx2_keep(acc3_0, isk__avx2_load(mask + 3 * mask_row));
        acc3_1 = isk__avx2_keep(acc3_1, isk__avx2_load_tail(mask + 3 * mask_row + 8, tail));
        acc4_0 = isk__avx2_keep(acc4_0, isk__avx2_load(mask + 4 * mask_row));
        acc4_1 = isk__avx2_keep(acc4_1, isk__avx2_load_tail(mask + 4 * mask_row + 8, tail));
        acc5_0 = isk__avx2_keep(acc5_0, isk__avx2_load(mask + 5 * mask_row));
        acc5_1 = isk__avx2_keep(acc5_1, isk__avx2_load_tail(mask + 5 * mask_row + 8, tail));
    }
    isk__avx2_store(c, acc0_0); isk__avx2_store_tail(c + 8, acc0_1, tail);
    isk__avx2_store(c + c_row, acc1_0); isk__avx2_store_tail(c + c_row + 8, acc1_1, tail);
    isk__avx2_store(c + 2 * c_row, acc2_0); isk__avx2_store_tail(c + 2 * c_row + 8, acc2_1, tail);
    isk__avx2_store(c + 3 * c_row, acc3_0); isk__avx2_store_tail(c + 3 * c_row + 8, acc3_1, tail);
    isk__avx2_store(c + 4 * c_row, acc4_0); isk__avx2_store_tail(c + 4 * c_row + 8, acc4_1, tail);
    isk__avx2_store(c + 5 * c_row, acc5_0); isk__avx2_store_tail(c + 5 * c_row + 8, acc5_1, tail);
}

ISK__TARGET_AVX2 static void isk__tile_avx2_2x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2_tail tail = isk__avx2_tail_of(t->tail);
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0, b1;
    isk__avx2 acc0_0 = zero, acc0_1 = zero;
    isk__avx2 acc1_0 = zero, acc1_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load(c); acc0_1 = isk__avx2_load_tail(c + 8, tail);
        acc1_0 = isk__avx2_load(c + c_row); acc1_1 = isk__avx2_load_tail(c + c_row + 8, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load(b); b1 = isk__avx2_load_tail(b + 8, tail);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0); acc0_1 = isk__avx2_fma(x, b1, acc0_1);
        x = isk__avx2_set1(a[a_row]); acc1_0 = isk__avx2_fma(x, b0, acc1_0); acc1_1 = isk__avx2_fma(x, b1, acc1_1);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx2_load(t->bias); b1 = isk__avx2_load_tail(t->bias + 8, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0); acc0_1 = isk__avx2_relu(acc0_1);
        acc1_0 = isk__avx2_relu(acc1_0); acc1_1 = isk__avx2_relu(acc1_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load(mask));
        acc0_1 = isk__avx2_keep(acc0_1, isk__avx2_load_tail(mask + 8, tail));
        acc1_0 = isk__avx2_keep(acc1_0, isk__avx2_load(mask + mask_row));
        acc1_1 = isk__avx2_keep(acc1_1, isk__avx2_load_tail(mask + mask_row + 8, tail));
    }
    isk__avx2_store(c, acc0_0); isk__avx2_store_tail(c + 8, acc0_1, tail);
    isk__avx2_store(c + c_row, acc1_0); isk__avx2_store_tail(c + c_row + 8, acc1_1, tail);
}

ISK__TARGET_AVX2 static void isk__tile_avx2_1x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2_tail tail = isk__avx2_tail_of(t->tail);
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0, b1;
    isk__avx2 acc0_0 = zero, acc0_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load(c); acc0_1 = isk__avx2_load_tail(c + 8, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load(b); b1 = isk__avx2_load_tail(b + 8, tail);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0); acc0_1 = isk__avx2_fma(x, b1, acc0_1);
    }
    if (t->bias != NULL) {
        b0 = isk__avx2_load(t->bias); b1 = isk__avx2_load_tail(t->bias + 8, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0); acc0_1 = isk__avx2_relu(acc0_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load(mask));
        acc0_1 = isk__avx2_keep(acc0_1, isk__avx2_load_tail(mask + 8, tail));
    }
    isk__avx2_store(c, acc0_0); isk__avx2_store_tail(c + 8, acc0_1, tail);
}

ISK__TARGET_AVX2 static void isk__tile_avx2_4x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0, b1, b2;
    isk__avx2 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__avx2 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    isk__avx2 acc2_0 = zero, acc2_1 = zero, acc2_2 = zero;
    isk__avx2 acc3_0 = zero, acc3_1 = zero, acc3_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load(c); acc0_1 = isk__avx2_load(c + 8); acc0_2 = isk__avx2_load(c + 16);
        acc1_0 = isk__avx2_load(c + c_row); acc1_1 = isk__avx2_load(c + c_row + 8);
        acc1_2 = isk__avx2_load(c + c_row + 16);
        acc2_0 = isk__avx2_load(c + 2 * c_row); acc2_1 = isk__avx2_load(c + 2 * c_row + 8);
        acc2_2 = isk__avx2_load(c + 2 * c_row + 16);
        acc3_0 = isk__avx2_load(c + 3 * c_row); acc3_1 = isk__avx2_load(c + 3 * c_row + 8);
        acc3_2 = isk__avx2_load(c + 3 * c_row + 16);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load(b); b1 = isk__avx2_load(b + 8); b2 = isk__avx2_load(b + 16);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0); acc0_1 = isk__avx2_fma(x, b1, acc0_1);
        acc0_2 = isk__avx2_fma(x, b2, acc0_2); ISK__AFTER(a, acc0_0); ISK__AFTER(a, acc0_1); ISK__AFTER(a, acc0_2);
        x = isk__avx2_set1(a[a_row]); acc1_0 = isk__avx2_fma(x, b0, acc1_0); acc1_1 = isk__avx2_fma(x, b1, acc1_1);
        acc1_2 = isk__avx2_fma(x, b2, acc1_2); ISK__AFTER(a, acc1_0); ISK__AFTER(a, acc1_1); ISK__AFTER(a, acc1_2);
        x = isk__avx2_set1(a[2 * a_row]); acc2_0 = isk__avx2_fma(x, b0, acc2_0); acc2_1 = isk__avx2_fma(x, b1, acc2_1);
        acc2_2 = isk__avx2_fma(x, b2, acc2_2); ISK__AFTER(a, acc2_0); ISK__AFTER(a, acc2_1); ISK__AFTER(a, acc2_2);
        x = isk__avx2_set1(a[3 * a_row]); acc3_0 = isk__avx2_fma(x, b0, acc3_0); acc3_1 = isk__avx2_fma(x, b1, acc3_1);
        acc3_2 = isk__avx2_fma(x, b2, acc3_2);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx2_load(t->bias); b1 = isk__avx2_load(t->bias + 8); b2 = isk__avx2_load(t->bias + 16);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1; acc2_2 = acc2_2 + b2;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1; acc3_2 = acc3_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0); acc0_1 = isk__avx2_relu(acc0_1); acc0_2 = isk__avx2_relu(acc0_2);
        acc1_0 = isk__avx2_relu(acc1_0); acc1_1 = isk__avx2_relu(acc1_1); acc1_2 = isk__avx2_relu(acc1_2);
        acc2_0 = isk__avx2_relu(acc2_0); acc2_1 = isk__avx2_relu(acc2_1); acc2_2 = isk__avx2_relu(acc2_2);
        acc3_0 = isk__avx2_relu(acc3_0); acc3_1 = isk__avx2_relu(acc3_1); acc3_2 = isk__avx2_relu(acc3_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load(mask));
        acc0_1 = isk__avx2_keep(acc0_1, isk__avx2_load(mask + 8));
        acc0_2 = isk__avx2_keep(acc0_2, isk__avx2_load(mask + 16));
        acc1_0 = isk__avx2_keep(acc1_0, isk__avx2_load(mask + mask_row));
        acc1_1 = isk__avx2_keep(acc1_1, isk__avx2_load(mask + mask_row + 8));
        acc1_2 = isk__avx2_keep(acc1_2, isk__avx2_load(mask + mask_row + 16));
        acc2_0 = isk__avx2_keep(acc2_0, isk__avx2_load(mask + 2 * mask_row));
        acc2_1 = isk__avx2_keep(acc2_1, isk__avx2_load(mask + 2 * mask_row + 8));
        acc2_2 = isk__avx2_keep(acc2_2, isk__avx2_load(mask + 2 * mask_row + 16));
        acc3_0 = isk__avx2_keep(acc3_0, isk__avx2_load(mask + 3 * mask_row));
        acc3_1 = isk__avx2_keep(acc3_1, isk__avx2_load(mask + 3 * mask_row + 8));
        acc3_2 = isk__avx2_keep(acc3_2, isk__avx2_load(mask + 3 * mask_row + 16));
    }
    isk__avx2_store(c, acc0_0); isk__avx2_store(c + 8, acc0_1); isk__avx2_store(c + 16, acc0_2);
    isk__avx2_store(c + c_row, acc1_0); isk__avx2_store(c + c_row + 8, acc1_1); isk__avx2_store(c + c_row + 16, acc1_2);
    isk__avx2_store(c + 2 * c_row, acc2_0); isk__avx2_store(c + 2 * c_row + 8, acc2_1);
    isk__avx2_store(c + 2 * c_row + 16, acc2_2);
    isk__avx2_store(c + 3 * c_row, acc3_0); isk__avx2_store(c + 3 * c_row + 8, acc3_1);
    isk__avx2_store(c + 3 * c_row + 16, acc3_2);
}

ISK__TARGET_AVX2 static void isk__tile_avx2_2x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0, b1, b2;
    isk__avx2 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__avx2 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load(c); acc0_1 = isk__avx2_load(c + 8); acc0_2 = isk__avx2_load(c + 16);
        acc1_0 = isk__avx2_load(c + c_row); acc1_1 = isk__avx2_load(c + c_row + 8);
        acc1_2 = isk__avx2_load(c + c_row + 16);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load(b); b1 = isk__avx2_load(b + 8); b2 = isk__avx2_load(b + 16);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0); acc0_1 = isk__avx2_fma(x, b1, acc0_1);
        acc0_2 = isk__avx2_fma(x, b2, acc0_2); ISK__AFTER(a, acc0_0); ISK__AFTER(a, acc0_1); ISK__AFTER(a, acc0_2);
        x = isk__avx2_set1(a[a_row]); acc1_0 = isk__avx2_fma(x, b0, acc1_0); acc1_1 = isk__avx2_fma(x, b1, acc1_1);
        acc1_2 = isk__avx2_fma(x, b2, acc1_2);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx2_load(t->bias); b1 = isk__avx2_load(t->bias + 8); b2 = isk__avx2_load(t->bias + 16);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0); acc0_1 = isk__avx2_relu(acc0_1); acc0_2 = isk__avx2_relu(acc0_2);
        acc1_0 = isk__avx2_relu(acc1_0); acc1_1 = isk__avx2_relu(acc1_1); acc1_2 = isk__avx2_relu(acc1_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load(mask));
        acc0_1 = isk__avx2_keep(acc0_1, isk__avx2_load(mask + 8));
        acc0_2 = isk__avx2_keep(acc0_2, isk__avx2_load(mask + 16));
        acc1_0 = isk__avx2_keep(acc1_0, isk__avx2_load(mask + mask_row));
        acc1_1 = isk__avx2_keep(acc1_1, isk__avx2_load(mask + mask_row + 8));
        acc1_2 = isk__avx2_keep(acc1_2, isk__avx2_load(mask + mask_row + 16));
    }
    isk__avx2_store(c, acc0_0); isk__avx2_store(c + 8, acc0_1); isk__avx2_store(c + 16, acc0_2);
    isk__avx2_store(c + c_row, acc1_0); isk__avx2_store(c + c_row + 8, acc1_1); isk__avx2_store(c + c_row + 16, acc1_2);
}

ISK__TARGET_AVX2 static void isk__tile_avx2_1x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx2 zero = isk__avx2_set1(0);
    isk__avx2 x, b0, b1, b2;
    isk__avx2 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx2_load(c); acc0_1 = isk__avx2_load(c + 8); acc0_2 = isk__avx2_load(c + 16);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx2_load(b); b1 = isk__avx2_load(b + 8); b2 = isk__avx2_load(b + 16);
        x = isk__avx2_set1(a[0]); acc0_0 = isk__avx2_fma(x, b0, acc0_0); acc0_1 = isk__avx2_fma(x, b1, acc0_1);
        acc0_2 = isk__avx2_fma(x, b2, acc0_2);
    }
    if (t->bias != NULL) {
        b0 = isk__avx2_load(t->bias); b1 = isk__avx2_load(t->bias + 8); b2 = isk__avx2_load(t->bias + 16);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx2_relu(acc0_0); acc0_1 = isk__avx2_relu(acc0_1); acc0_2 = isk__avx2_relu(acc0_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx2_keep(acc0_0, isk__avx2_load(mask));
        acc0_1 = isk__avx2_keep(acc0_1, isk__avx2_load(mask + 8));
        acc0_2 = isk__avx2_keep(acc0_2, isk__avx2_load(mask + 16));
    }
    isk__avx2_store(c, acc0_0); isk__avx2_store(c + 8, acc0_1); isk__avx2_store(c + 16, acc0_2);
}

static const isk__tile_entry isk__tiles_avx2[] = {
    { 8, 1, 0, isk__tile_avx2_8x1 },
    { 1, 1, 0, isk__tile_avx2_1x1 },
    { 6, 2, 0, isk__tile_avx2_6x2 },
    { 2, 2, 0, isk__tile_avx2_2x2 },
    { 1, 2, 0, isk__tile_avx2_1x2 },
    { 4, 3, 0, isk__tile_avx2_4x3 },
    { 2, 3, 0, isk__tile_avx2_2x3 },
    { 1, 3, 0, isk__tile_avx2_1x3 },
};

ISK__TARGET_AVX512 static void isk__tile_avx512_16x1(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0;
    isk__avx512 acc0_0 = zero;
    isk__avx512 acc1_0 = zero;
    isk__avx512 acc2_0 = zero;
    isk__avx512 acc3_0 = zero;
    isk__avx512 acc4_0 = zero;
    isk__avx512 acc5_0 = zero;
    isk__avx512 acc6_0 = zero;
    isk__avx512 acc7_0 = zero;
    isk__avx512 acc8_0 = zero;
    isk__avx512 acc9_0 = zero;
    isk__avx512 acc10_0 = zero;
    isk__avx512 acc11_0 = zero;
    isk__avx512 acc12_0 = zero;
    isk__avx512 acc13_0 = zero;
    isk__avx512 acc14_0 = zero;
    isk__avx512 acc15_0 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load_tail(c, tail);
        acc1_0 = isk__avx512_load_tail(c + c_row, tail);
        acc2_0 = isk__avx512_load_tail(c + 2 * c_row, tail);
        acc3_0 = isk__avx512_load_tail(c + 3 * c_row, tail);
        acc4_0 = isk__avx512_load_tail(c + 4 * c_row, tail);
        acc5_0 = isk__avx512_load_tail(c + 5 * c_row, tail);
        acc6_0 = isk__avx512_load_tail(c + 6 * c_row, tail);
        acc7_0 = isk__avx512_load_tail(c + 7 * c_row, tail);
        acc8_0 = isk__avx512_load_tail(c + 8 * c_row, tail);
        acc9_0 = isk__avx512_load_tail(c + 9 * c_row, tail);
        acc10_0 = isk__avx512_load_tail(c + 10 * c_row, tail);
        acc11_0 = isk__avx512_load_tail(c + 11 * c_row, tail);
        acc12_0 = isk__avx512_load_tail(c + 12 * c_row, tail);
        acc13_0 = isk__avx512_load_tail(c + 13 * c_row, tail);
        acc14_0 = isk__avx512_load_tail(c + 14 * c_row, tail);
        acc15_0 = isk__avx512_load_tail(c + 15 * c_row, tail);
    }
    const isk_scalar *a0 = a + 0 * a_row;
    const isk_scalar *a4 = a + 4 * a_row;
    const isk_scalar *a8 = a + 8 * a_row;
    const isk_scalar *a12 = a + 12 * a_row;
    for (p = t->k; p > 0; p--, a0 += a_col, a4 += a_col, a8 += a_col, a12 += a_col, b += b_row) {
        b0 = isk__avx512_load_tail(b, tail);
        x = isk__avx512_set1(a0[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0);
        x = isk__avx512_set1(a0[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        x = isk__avx512_set1(a0[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        x = isk__avx512_set1(a0[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        x = isk__avx512_set1(a4[0]); acc4_0 = isk__avx512_fma(x, b0, acc4_0);
        x = isk__avx512_set1(a4[a_row]); acc5_0 = isk__avx512_fma(x, b0, acc5_0);
        x = isk__avx512_set1(a4[2 * a_row]); acc6_0 = isk__avx512_fma(x, b0, acc6_0);
        x = isk__avx512_set1(a4[3 * a_row]); acc7_0 = isk__avx512_fma(x, b0, acc7_0);
        x = isk__avx512_set1(a8[0]); acc8_0 = isk__avx512_fma(x, b0, acc8_0);
        x = isk__avx512_set1(a8[a_row]); acc9_0 = isk__avx512_fma(x, b0, acc9_0);
        x = isk__avx512_set1(a8[2 * a_row]); acc10_0 = isk__avx512_fma(x, b0, acc10_0);
        x = isk__avx512_set1(a8[3 * a_row]); acc11_0 = isk__avx512_fma(x, b0, acc11_0);
        x = isk__avx512_set1(a12[0]); acc12_0 = isk__avx512_fma(x, b0, acc12_0);
        x = isk__avx512_set1(a12[a_row]); acc13_0 = isk__avx512_fma(x, b0, acc13_0);
        x = isk__avx512_set1(a12[2 * a_row]); acc14_0 = isk__avx512_fma(x, b0, acc14_0);
        x = isk__avx512_set1(a12[3 * a_row]); acc15_0 = isk__avx512_fma(x, b0, acc15_0);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load_tail(t->bias, tail);
        acc0_0 = acc0_0 + b0;
        acc1_0 = acc1_0 + b0;
        acc2_0 = acc2_0 + b0;
        acc3_0 = acc3_0 + b0;
        acc4_0 = acc4_0 + b0;
        acc5_0 = acc5_0 + b0;
        acc6_0 = acc6_0 + b0;
        acc7_0 = acc7_0 + b0;
        acc8_0 = acc8_0 + b0;
        acc9_0 = acc9_0 + b0;
        acc10_0 = acc10_0 + b0;
        acc11_0 = acc11_0 + b0;
        acc12_0 = acc12_0 + b0;
        acc13_0 = acc13_0 + b0;
        acc14_0 = acc14_0 + b0;
        acc15_0 = acc15_0 + b0;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0);
        acc1_0 = isk__avx512_relu(acc1_0);
        acc2_0 = isk__avx512_relu(acc2_0);
        acc3_0 = isk__avx512_relu(acc3_0);
        acc4_0 = isk__avx512_relu(acc4_0);
        acc5_0 = isk__avx512_relu(acc5_0);
        acc6_0 = isk__avx512_relu(acc6_0);
        acc7_0 = isk__avx512_relu(acc7_0);
        acc8_0 = isk__avx512_relu(acc8_0);
        acc9_0 = isk__avx512_relu(acc9_0);
        acc10_0 = isk__avx512_relu(acc10_0);
        acc11_0 = isk__avx512_relu(acc11_0);
        acc12_0 = isk__avx512_relu(acc12_0);
        acc13_0 = isk__avx512_relu(acc13_0);
        acc14_0 = isk__avx512_relu(acc14_0);
        acc15_0 = isk__avx512_relu(acc15_0);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load_tail(mask, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load_tail(mask + mask_row, tail));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load_tail(mask + 2 * mask_row, tail));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load_tail(mask + 3 * mask_row, tail));
        acc4_0 = isk__avx512_keep(acc4_0, isk__avx512_load_tail(mask + 4 * mask_row, tail));
        acc5_0 = isk__avx512_keep(acc5_0, isk__avx512_load_tail(mask + 5 * mask_row, tail));
        acc6_0 = isk__avx512_keep(acc6_0, isk__avx512_load_tail(mask + 6 * mask_row, tail));
        acc7_0 = isk__avx512_keep(acc7_0, isk__avx512_load_tail(mask + 7 * mask_row, tail));
        acc8_0 = isk__avx512_keep(acc8_0, isk__avx512_load_tail(mask + 8 * mask_row, tail));
        acc9_0 = isk__avx512_keep(acc9_0, isk__avx512_load_tail(mask + 9 * mask_row, tail));
        acc10_0 = isk__avx512_keep(acc10_0, isk__avx512_load_tail(mask + 10 * mask_row, tail));
        acc11_0 = isk__avx512_keep(acc11_0, isk__avx512_load_tail(mask + 11 * mask_row, tail));
        acc12_0 = isk__avx512_keep(acc12_0, isk__avx512_load_tail(mask + 12 * mask_row, tail));
        acc13_0 = isk__avx512_keep(acc13_0, isk__avx512_load_tail(mask + 13 * mask_row, tail));
        acc14_0 = isk__avx512_keep(acc14_0, isk__avx512_load_tail(mask + 14 * mask_row, tail));
        acc15_0 = isk__avx512_keep(acc15_0, isk__avx512_load_tail(mask + 15 * mask_row, tail));
    }
    isk__avx512_store_tail(c, acc0_0, tail);
    isk__avx512_store_tail(c + c_row, acc1_0, tail);
    isk__avx512_store_tail(c + 2 * c_row, acc2_0, tail);
    isk__avx512_store_tail(c + 3 * c_row, acc3_0, tail);
    isk__avx512_store_tail(c + 4 * c_row, acc4_0, tail);
    isk__avx512_store_tail(c + 5 * c_row, acc5_0, tail);
    isk__avx512_store_tail(c + 6 * c_row, acc6_0, tail);
    isk__avx512_store_tail(c + 7 * c_row, acc7_0, tail);
    isk__avx512_store_tail(c + 8 * c_row, acc8_0, tail);
    isk__avx512_store_tail(c + 9 * c_row, acc9_0, tail);
    isk__avx512_store_tail(c + 10 * c_row, acc10_0, tail);
    isk__avx512_store_tail(c + 11 * c_row, acc11_0, tail);
    isk__avx512_store_tail(c + 12 * c_row, acc12_0, tail);
    isk__avx512_store_tail(c + 13 * c_row, acc13_0, tail);
    isk__avx512_store_tail(c + 14 * c_row, acc14_0, tail);
    isk__avx512_store_tail(c + 15 * c_row, acc15_0, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_4x1(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0;
    isk__avx512 acc0_0 = zero;
    isk__avx512 acc1_0 = zero;
    isk__avx512 acc2_0 = zero;
    isk__avx512 acc3_0 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load_tail(c, tail);
        acc1_0 = isk__avx512_load_tail(c + c_row, tail);
        acc2_0 = isk__avx512_load_tail(c + 2 * c_row, tail);
        acc3_0 = isk__avx512_load_tail(c + 3 * c_row, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load_tail(b, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load_tail(t->bias, tail);
        acc0_0 = acc0_0 + b0;
        acc1_0 = acc1_0 + b0;
        acc2_0 = acc2_0 + b0;
        acc3_0 = acc3_0 + b0;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0);
        acc1_0 = isk__avx512_relu(acc1_0);
        acc2_0 = isk__avx512_relu(acc2_0);
        acc3_0 = isk__avx512_relu(acc3_0);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load_tail(mask, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load_tail(mask + mask_row, tail));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load_tail(mask + 2 * mask_row, tail));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load_tail(mask + 3 * mask_row, tail));
    }
    isk__avx512_store_tail(c, acc0_0, tail);
    isk__avx512_store_tail(c + c_row, acc1_0, tail);
    isk__avx512_store_tail(c + 2 * c_row, acc2_0, tail);
    isk__avx512_store_tail(c + 3 * c_row, acc3_0, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_1x1(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0;
    isk__avx512 acc0_0 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load_tail(c, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load_tail(b, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0);
    }
    if (t->bias != NULL) {
        b0 = isk__avx512_load_tail(t->bias, tail);
        acc0_0 = acc0_0 + b0;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load_tail(mask, tail));
    }
    isk__avx512_store_tail(c, acc0_0, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_8x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1;
    isk__avx512 acc0_0 = zero, acc0_1 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero;
    isk__avx512 acc2_0 = zero, acc2_1 = zero;
    isk__avx512 acc3_0 = zero, acc3_1 = zero;
    isk__avx512 acc4_0 = zero, acc4_1 = zero;
    isk__avx512 acc5_0 = zero, acc5_1 = zero;
    isk__avx512 acc6_0 = zero, acc6_1 = zero;
    isk__avx512 acc7_0 = zero, acc7_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load_tail(c + 16, tail);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load_tail(c + c_row + 16, tail);
        acc2_0 = isk__avx512_load(c + 2 * c_row); acc2_1 = isk__avx512_load_tail(c + 2 * c_row + 16, tail);
        acc3_0 = isk__avx512_load(c + 3 * c_row); acc3_1 = isk__avx512_load_tail(c + 3 * c_row + 16, tail);
        acc4_0 = isk__avx512_load(c + 4 * c_row); acc4_1 = isk__avx512_load_tail(c + 4 * c_row + 16, tail);
        acc5_0 = isk__avx512_load(c + 5 * c_row); acc5_1 = isk__avx512_load_tail(c + 5 * c_row + 16, tail);
        acc6_0 = isk__avx512_load(c + 6 * c_row); acc6_1 = isk__avx512_load_tail(c + 6 * c_row + 16, tail);
        acc7_0 = isk__avx512_load(c + 7 * c_row); acc7_1 = isk__avx512_load_tail(c + 7 * c_row + 16, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load_tail(b + 16, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        acc2_1 = isk__avx512_fma(x, b1, acc2_1);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        acc3_1 = isk__avx512_fma(x, b1, acc3_1);
        x = isk__avx512_set1(a[4 * a_row]); acc4_0 = isk__avx512_fma(x, b0, acc4_0);
        acc4_1 = isk__avx512_fma(x, b1, acc4_1);
        x = isk__avx512_set1(a[5 * a_row]); acc5_0 = isk__avx512_fma(x, b0, acc5_0);
        acc5_1 = isk__avx512_fma(x, b1, acc5_1);
        x = isk__avx512_set1(a[6 * a_row]); acc6_0 = isk__avx512_fma(x, b0, acc6_0);
        acc6_1 = isk__avx512_fma(x, b1, acc6_1);
        x = isk__avx512_set1(a[7 * a_row]); acc7_0 = isk__avx512_fma(x, b0, acc7_0);
        acc7_1 = isk__avx512_fma(x, b1, acc7_1);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load_tail(t->bias + 16, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1;
        acc4_0 = acc4_0 + b0; acc4_1 = acc4_1 + b1;
        acc5_0 = acc5_0 + b0; acc5_1 = acc5_1 + b1;
        acc6_0 = acc6_0 + b0; acc6_1 = acc6_1 + b1;
        acc7_0 = acc7_0 + b0; acc7_1 = acc7_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1);
        acc2_0 = isk__avx512_relu(acc2_0); acc2_1 = isk__avx512_relu(acc2_1);
        acc3_0 = isk__avx512_relu(acc3_0); acc3_1 = isk__avx512_relu(acc3_1);
        acc4_0 = isk__avx512_relu(acc4_0); acc4_1 = isk__avx512_relu(acc4_1);
        acc5_0 = isk__avx512_relu(acc5_0); acc5_1 = isk__avx512_relu(acc5_1);
        acc6_0 = isk__avx512_relu(acc6_0); acc6_1 = isk__avx512_relu(acc6_1);
        acc7_0 = isk__avx512_relu(acc7_0); acc7_1 = isk__avx512_relu(acc7_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load_tail(mask + 16, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load_tail(mask + mask_row + 16, tail));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load(mask + 2 * mask_row));
        acc2_1 = isk__avx512_keep(acc2_1, isk__avx512_load_tail(mask + 2 * mask_row + 16, tail));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load(mask + 3 * mask_row));
        acc3_1 = isk__avx512_keep(acc3_1, isk__avx512_load_tail(mask + 3 * mask_row + 16, tail));
        acc4_0 = isk__avx512_keep(acc4_0, isk__avx512_load(mask + 4 * mask_row));
        acc4_1 = isk__avx512_keep(acc4_1, isk__avx512_load_tail(mask + 4 * mask_row + 16, tail));
        acc5_0 = isk__avx512_keep(acc5_0, isk__avx512_load(mask + 5 * mask_row));
        acc5_1 = isk__avx512_keep(acc5_1, isk__avx512_load_tail(mask + 5 * mask_row + 16, tail));
        acc6_0 = isk__avx512_keep(acc6_0, isk__avx512_load(mask + 6 * mask_row));
        acc6_1 = isk__avx512_keep(acc6_1, isk__avx512_load_tail(mask + 6 * mask_row + 16, tail));
        acc7_0 = isk__avx512_keep(acc7_0, isk__avx512_load(mask + 7 * mask_row));
        acc7_1 = isk__avx512_keep(acc7_1, isk__avx512_load_tail(mask + 7 * mask_row + 16, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store_tail(c + 16, acc0_1, tail);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store_tail(c + c_row + 16, acc1_1, tail);
    isk__avx512_store(c + 2 * c_row, acc2_0); isk__avx512_store_tail(c + 2 * c_row + 16, acc2_1, tail);
    isk__avx512_store(c + 3 * c_row, acc3_0); isk__avx512_store_tail(c + 3 * c_row + 16, acc3_1, tail);
    isk__avx512_store(c + 4 * c_row, acc4_0); isk__avx512_store_tail(c + 4 * c_row + 16, acc4_1, tail);
    isk__avx512_store(c + 5 * c_row, acc5_0); isk__avx512_store_tail(c + 5 * c_row + 16, acc5_1, tail);
    isk__avx512_store(c + 6 * c_row, acc6_0); isk__avx512_store_tail(c + 6 * c_row + 16, acc6_1, tail);
    isk__avx512_store(c + 7 * c_row, acc7_0); isk__avx512_store_tail(c + 7 * c_row + 16, acc7_1, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_4x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1;
    isk__avx512 acc0_0 = zero, acc0_1 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero;
    isk__avx512 acc2_0 = zero, acc2_1 = zero;
    isk__avx512 acc3_0 = zero, acc3_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load_tail(c + 16, tail);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load_tail(c + c_row + 16, tail);
        acc2_0 = isk__avx512_load(c + 2 * c_row); acc2_1 = isk__avx512_load_tail(c + 2 * c_row + 16, tail);
        acc3_0 = isk__avx512_load(c + 3 * c_row); acc3_1 = isk__avx512_load_tail(c + 3 * c_row + 16, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load_tail(b + 16, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        acc2_1 = isk__avx512_fma(x, b1, acc2_1);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        acc3_1 = isk__avx512_fma(x, b1, acc3_1);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load_tail(t->bias + 16, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1);
        acc2_0 = isk__avx512_relu(acc2_0); acc2_1 = isk__avx512_relu(acc2_1);
        acc3_0 = isk__avx512_relu(acc3_0); acc3_1 = isk__avx512_relu(acc3_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load_tail(mask + 16, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load_tail(mask + mask_row + 16, tail));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load(mask + 2 * mask_row));
        acc2_1 = isk__avx512_keep(acc2_1, isk__avx512_load_tail(mask + 2 * mask_row + 16, tail));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load(mask + 3 * mask_row));
        acc3_1 = isk__avx512_keep(acc3_1, isk__avx512_load_tail(mask + 3 * mask_row + 16, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store_tail(c + 16, acc0_1, tail);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store_tail(c + c_row + 16, acc1_1, tail);
    isk__avx512_store(c + 2 * c_row, acc2_0); isk__avx512_store_tail(c + 2 * c_row + 16, acc2_1, tail);
    isk__avx512_store(c + 3 * c_row, acc3_0); isk__avx512_store_tail(c + 3 * c_row + 16, acc3_1, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_2x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1;
    isk__avx512 acc0_0 = zero, acc0_1 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load_tail(c + 16, tail);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load_tail(c + c_row + 16, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load_tail(b + 16, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load_tail(t->bias + 16, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load_tail(mask + 16, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load_tail(mask + mask_row + 16, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store_tail(c + 16, acc0_1, tail);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store_tail(c + c_row + 16, acc1_1, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_1x2(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1;
    isk__avx512 acc0_0 = zero, acc0_1 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load_tail(c + 16, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load_tail(b + 16, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
    }
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load_tail(t->bias + 16, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load_tail(mask + 16, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store_tail(c + 16, acc0_1, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_8x3q(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, y, b0, b1, b2;
    isk__avx512 acc0_0 = zero, acc0_1 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero;
    isk__avx512 acc2_0 = zero, acc2_1 = zero;
    isk__avx512 acc3_0 = zero, acc3_1 = zero, quad0 = zero;
    isk__avx512 acc4_0 = zero, acc4_1 = zero;
    isk__avx512 acc5_0 = zero, acc5_1 = zero;
    isk__avx512 acc6_0 = zero, acc6_1 = zero;
    isk__avx512 acc7_0 = zero, acc7_1 = zero, quad4 = zero;
    isk__avx512_tail row1 = 0xF0, row2 = 0xF00, row3 = 0xF000;
    int p;

    ISK__FORGET(row1); ISK__FORGET(row2); ISK__FORGET(row3);
    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load(c + c_row + 16);
        acc2_0 = isk__avx512_load(c + 2 * c_row); acc2_1 = isk__avx512_load(c + 2 * c_row + 16);
        acc3_0 = isk__avx512_load(c + 3 * c_row); acc3_1 = isk__avx512_load(c + 3 * c_row + 16);
        quad0 = isk__avx512_load_quad(c + 32, c_row, tail);
        acc4_0 = isk__avx512_load(c + 4 * c_row); acc4_1 = isk__avx512_load(c + 4 * c_row + 16);
        acc5_0 = isk__avx512_load(c + 5 * c_row); acc5_1 = isk__avx512_load(c + 5 * c_row + 16);
        acc6_0 = isk__avx512_load(c + 6 * c_row); acc6_1 = isk__avx512_load(c + 6 * c_row + 16);
        acc7_0 = isk__avx512_load(c + 7 * c_row); acc7_1 = isk__avx512_load(c + 7 * c_row + 16);
        quad4 = isk__avx512_load_quad(c + 4 * c_row + 32, c_row, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16);
        b2 = isk__avx512_spread(isk__avx512_load_tail(b + 32, tail));
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        y = x;
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1); y = isk__avx512_select(row1, x, y);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        acc2_1 = isk__avx512_fma(x, b1, acc2_1); y = isk__avx512_select(row2, x, y);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        acc3_1 = isk__avx512_fma(x, b1, acc3_1); y = isk__avx512_select(row3, x, y);
        quad0 = isk__avx512_fma(y, b2, quad0);
        x = isk__avx512_set1(a[4 * a_row]); acc4_0 = isk__avx512_fma(x, b0, acc4_0);
        acc4_1 = isk__avx512_fma(x, b1, acc4_1); y = x;
        x = isk__avx512_set1(a[5 * a_row]); acc5_0 = isk__avx512_fma(x, b0, acc5_0);
        acc5_1 = isk__avx512_fma(x, b1, acc5_1); y = isk__avx512_select(row1, x, y);
        x = isk__avx512_set1(a[6 * a_row]); acc6_0 = isk__avx512_fma(x, b0, acc6_0);
        acc6_1 = isk__avx512_fma(x, b1, acc6_1); y = isk__avx512_select(row2, x, y);
        x = isk__avx512_set1(a[7 * a_row]); acc7_0 = isk__avx512_fma(x, b0, acc7_0);
        acc7_1 = isk__avx512_fma(x, b1, acc7_1); y = isk__avx512_select(row3, x, y);
        quad4 = isk__avx512_fma(y, b2, quad4);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16);
        b2 = isk__avx512_spread(isk__avx512_load_tail(t->bias + 32, tail));
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1; quad0 = quad0 + b2;
        acc4_0 = acc4_0 + b0; acc4_1 = acc4_1 + b1;
        acc5_0 = acc5_0 + b0; acc5_1 = acc5_1 + b1;
        acc6_0 = acc6_0 + b0; acc6_1 = acc6_1 + b1;
        acc7_0 = acc7_0 + b0; acc7_1 = acc7_1 + b1; quad4 = quad4 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1);
        acc2_0 = isk__avx512_relu(acc2_0); acc2_1 = isk__avx512_relu(acc2_1);
        acc3_0 = isk__avx512_relu(acc3_0); acc3_1 = isk__avx512_relu(acc3_1); quad0 = isk__avx512_relu(quad0);
        acc4_0 = isk__avx512_relu(acc4_0); acc4_1 = isk__avx512_relu(acc4_1);
        acc5_0 = isk__avx512_relu(acc5_0); acc5_1 = isk__avx512_relu(acc5_1);
        acc6_0 = isk__avx512_relu(acc6_0); acc6_1 = isk__avx512_relu(acc6_1);
        acc7_0 = isk__avx512_relu(acc7_0); acc7_1 = isk__avx512_relu(acc7_1); quad4 = isk__avx512_relu(quad4);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load(mask + mask_row + 16));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load(mask + 2 * mask_row));
        acc2_1 = isk__avx512_keep(acc2_1, isk__avx512_load(mask + 2 * mask_row + 16));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load(mask + 3 * mask_row));
        acc3_1 = isk__avx512_keep(acc3_1, isk__avx512_load(mask + 3 * mask_row + 16));
        quad0 = isk__avx512_keep(quad0, isk__avx512_load_quad(mask + 32, mask_row, tail));
        acc4_0 = isk__avx512_keep(acc4_0, isk__avx512_load(mask + 4 * mask_row));
        acc4_1 = isk__avx512_keep(acc4_1, isk__avx512_load(mask + 4 * mask_row + 16));
        acc5_0 = isk__avx512_keep(acc5_0, isk__avx512_load(mask + 5 * mask_row));
        acc5_1 = isk__avx512_keep(acc5_1, isk__avx512_load(mask + 5 * mask_row + 16));
        acc6_0 = isk__avx512_keep(acc6_0, isk__avx512_load(mask + 6 * mask_row));
        acc6_1 = isk__avx512_keep(acc6_1, isk__avx512_load(mask + 6 * mask_row + 16));
        acc7_0 = isk__avx512_keep(acc7_0, isk__avx512_load(mask + 7 * mask_row));
        acc7_1 = isk__avx512_keep(acc7_1, isk__avx512_load(mask + 7 * mask_row + 16));
        quad4 = isk__avx512_keep(quad4, isk__avx512_load_quad(mask + 4 * mask_row + 32, mask_row, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store(c + c_row + 16, acc1_1);
    isk__avx512_store(c + 2 * c_row, acc2_0); isk__avx512_store(c + 2 * c_row + 16, acc2_1);
    isk__avx512_store(c + 3 * c_row, acc3_0); isk__avx512_store(c + 3 * c_row + 16, acc3_1);
    isk__avx512_store_quad(c + 32, c_row, quad0, tail);
    isk__avx512_store(c + 4 * c_row, acc4_0); isk__avx512_store(c + 4 * c_row + 16, acc4_1);
    isk__avx512_store(c + 5 * c_row, acc5_0); isk__avx512_store(c + 5 * c_row + 16, acc5_1);
    isk__avx512_store(c + 6 * c_row, acc6_0); isk__avx512_store(c + 6 * c_row + 16, acc6_1);
    isk__avx512_store(c + 7 * c_row, acc7_0); isk__avx512_store(c + 7 * c_row + 16, acc7_1);
    isk__avx512_store_quad(c + 4 * c_row + 32, c_row, quad4, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_8x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1, b2;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    isk__avx512 acc2_0 = zero, acc2_1 = zero, acc2_2 = zero;
    isk__avx512 acc3_0 = zero, acc3_1 = zero, acc3_2 = zero;
    isk__avx512 acc4_0 = zero, acc4_1 = zero, acc4_2 = zero;
    isk__avx512 acc5_0 = zero, acc5_1 = zero, acc5_2 = zero;
    isk__avx512 acc6_0 = zero, acc6_1 = zero, acc6_2 = zero;
    isk__avx512 acc7_0 = zero, acc7_1 = zero, acc7_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load_tail(c + 32, tail);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load(c + c_row + 16);
        acc1_2 = isk__avx512_load_tail(c + c_row + 32, tail);
        acc2_0 = isk__avx512_load(c + 2 * c_row); acc2_1 = isk__avx512_load(c + 2 * c_row + 16);
        acc2_2 = isk__avx512_load_tail(c + 2 * c_row + 32, tail);
        acc3_0 = isk__avx512_load(c + 3 * c_row); acc3_1 = isk__avx512_load(c + 3 * c_row + 16);
        acc3_2 = isk__avx512_load_tail(c + 3 * c_row + 32, tail);
        acc4_0 = isk__avx512_load(c + 4 * c_row); acc4_1 = isk__avx512_load(c + 4 * c_row + 16);
        acc4_2 = isk__avx512_load_tail(c + 4 * c_row + 32, tail);
        acc5_0 = isk__avx512_load(c + 5 * c_row); acc5_1 = isk__avx512_load(c + 5 * c_row + 16);
        acc5_2 = isk__avx512_load_tail(c + 5 * c_row + 32, tail);
        acc6_0 = isk__avx512_load(c + 6 * c_row); acc6_1 = isk__avx512_load(c + 6 * c_row + 16);
        acc6_2 = isk__avx512_load_tail(c + 6 * c_row + 32, tail);
        acc7_0 = isk__avx512_load(c + 7 * c_row); acc7_1 = isk__avx512_load(c + 7 * c_row + 16);
        acc7_2 = isk__avx512_load_tail(c + 7 * c_row + 32, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load_tail(b + 32, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1); acc1_2 = isk__avx512_fma(x, b2, acc1_2);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        acc2_1 = isk__avx512_fma(x, b1, acc2_1); acc2_2 = isk__avx512_fma(x, b2, acc2_2);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        acc3_1 = isk__avx512_fma(x, b1, acc3_1); acc3_2 = isk__avx512_fma(x, b2, acc3_2);
        x = isk__avx512_set1(a[4 * a_row]); acc4_0 = isk__avx512_fma(x, b0, acc4_0);
        acc4_1 = isk__avx512_fma(x, b1, acc4_1); acc4_2 = isk__avx512_fma(x, b2, acc4_2);
        x = isk__avx512_set1(a[5 * a_row]); acc5_0 = isk__avx512_fma(x, b0, acc5_0);
        acc5_1 = isk__avx512_fma(x, b1, acc5_1); acc5_2 = isk__avx512_fma(x, b2, acc5_2);
        x = isk__avx512_set1(a[6 * a_row]); acc6_0 = isk__avx512_fma(x, b0, acc6_0);
        acc6_1 = isk__avx512_fma(x, b1, acc6_1); acc6_2 = isk__avx512_fma(x, b2, acc6_2);
        x = isk__avx512_set1(a[7 * a_row]); acc7_0 = isk__avx512_fma(x, b0, acc7_0);
        acc7_1 = isk__avx512_fma(x, b1, acc7_1); acc7_2 = isk__avx512_fma(x, b2, acc7_2);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16);
        b2 = isk__avx512_load_tail(t->bias + 32, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1; acc2_2 = acc2_2 + b2;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1; acc3_2 = acc3_2 + b2;
        acc4_0 = acc4_0 + b0; acc4_1 = acc4_1 + b1; acc4_2 = acc4_2 + b2;
        acc5_0 = acc5_0 + b0; acc5_1 = acc5_1 + b1; acc5_2 = acc5_2 + b2;
        acc6_0 = acc6_0 + b0; acc6_1 = acc6_1 + b1; acc6_2 = acc6_2 + b2;
        acc7_0 = acc7_0 + b0; acc7_1 = acc7_1 + b1; acc7_2 = acc7_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1); acc1_2 = isk__avx512_relu(acc1_2);
        acc2_0 = isk__avx512_relu(acc2_0); acc2_1 = isk__avx512_relu(acc2_1); acc2_2 = isk__avx512_relu(acc2_2);
        acc3_0 = isk__avx512_relu(acc3_0); acc3_1 = isk__avx512_relu(acc3_1); acc3_2 = isk__avx512_relu(acc3_2);
        acc4_0 = isk__avx512_relu(acc4_0); acc4_1 = isk__avx512_relu(acc4_1); acc4_2 = isk__avx512_relu(acc4_2);
        acc5_0 = isk__avx512_relu(acc5_0); acc5_1 = isk__avx512_relu(acc5_1); acc5_2 = isk__avx512_relu(acc5_2);
        acc6_0 = isk__avx512_relu(acc6_0); acc6_1 = isk__avx512_relu(acc6_1); acc6_2 = isk__avx512_relu(acc6_2);
        acc7_0 = isk__avx512_relu(acc7_0); acc7_1 = isk__avx512_relu(acc7_1); acc7_2 = isk__avx512_relu(acc7_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load_tail(mask + 32, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load(mask + mask_row + 16));
        acc1_2 = isk__avx512_keep(acc1_2, isk__avx512_load_tail(mask + mask_row + 32, tail));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load(mask + 2 * mask_row));
        acc2_1 = isk__avx512_keep(acc2_1, isk__avx512_load(mask + 2 * mask_row + 16));
        acc2_2 = isk__avx512_keep(acc2_2, isk__avx512_load_tail(mask + 2 * mask_row + 32, tail));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load(mask + 3 * mask_row));
        acc3_1 = isk__avx512_keep(acc3_1, isk__avx512_load(mask + 3 * mask_row + 16));
        acc3_2 = isk__avx512_keep(acc3_2, isk__avx512_load_tail(mask + 3 * mask_row + 32, tail));
        acc4_0 = isk__avx512_keep(acc4_0, isk__avx512_load(mask + 4 * mask_row));
        acc4_1 = isk__avx512_keep(acc4_1, isk__avx512_load(mask + 4 * mask_row + 16));
        acc4_2 = isk__avx512_keep(acc4_2, isk__avx512_load_tail(mask + 4 * mask_row + 32, tail));
        acc5_0 = isk__avx512_keep(acc5_0, isk__avx512_load(mask + 5 * mask_row));
        acc5_1 = isk__avx512_keep(acc5_1, isk__avx512_load(mask + 5 * mask_row + 16));
        acc5_2 = isk__avx512_keep(acc5_2, isk__avx512_load_tail(mask + 5 * mask_row + 32, tail));
        acc6_0 = isk__avx512_keep(acc6_0, isk__avx512_load(mask + 6 * mask_row));
        acc6_1 = isk__avx512_keep(acc6_1, isk__avx512_load(mask + 6 * mask_row + 16));
        acc6_2 = isk__avx512_keep(acc6_2, isk__avx512_load_tail(mask + 6 * mask_row + 32, tail));
        acc7_0 = isk__avx512_keep(acc7_0, isk__avx512_load(mask + 7 * mask_row));
        acc7_1 = isk__avx512_keep(acc7_1, isk__avx512_load(mask + 7 * mask_row + 16));
        acc7_2 = isk__avx512_keep(acc7_2, isk__avx512_load_tail(mask + 7 * mask_row + 32, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store_tail(c + 32, acc0_2, tail);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store(c + c_row + 16, acc1_1);
    isk__avx512_store_tail(c + c_row + 32, acc1_2, tail);
    isk__avx512_store(c + 2 * c_row, acc2_0); isk__avx512_store(c + 2 * c_row + 16, acc2_1);
    isk__avx512_store_tail(c + 2 * c_row + 32, acc2_2, tail);
    isk__avx512_store(c + 3 * c_row, acc3_0); isk__avx512_store(c + 3 * c_row + 16, acc3_1);
    isk__avx512_store_tail(c + 3 * c_row + 32, acc3_2, tail);
    isk__avx512_store(c + 4 * c_row, acc4_0); isk__avx512_store(c + 4 * c_row + 16, acc4_1);
    isk__avx512_store_tail(c + 4 * c_row + 32, acc4_2, tail);
    isk__avx512_store(c + 5 * c_row, acc5_0); isk__avx512_store(c + 5 * c_row + 16, acc5_1);
    isk__avx512_store_tail(c + 5 * c_row + 32, acc5_2, tail);
    isk__avx512_store(c + 6 * c_row, acc6_0); isk__avx512_store(c + 6 * c_row + 16, acc6_1);
    isk__avx512_store_tail(c + 6 * c_row + 32, acc6_2, tail);
    isk__avx512_store(c + 7 * c_row, acc7_0); isk__avx512_store(c + 7 * c_row + 16, acc7_1);
    isk__avx512_store_tail(c + 7 * c_row + 32, acc7_2, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_4x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1, b2;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    isk__avx512 acc2_0 = zero, acc2_1 = zero, acc2_2 = zero;
    isk__avx512 acc3_0 = zero, acc3_1 = zero, acc3_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load_tail(c + 32, tail);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load(c + c_row + 16);
        acc1_2 = isk__avx512_load_tail(c + c_row + 32, tail);
        acc2_0 = isk__avx512_load(c + 2 * c_row); acc2_1 = isk__avx512_load(c + 2 * c_row + 16);
        acc2_2 = isk__avx512_load_tail(c + 2 * c_row + 32, tail);
        acc3_0 = isk__avx512_load(c + 3 * c_row); acc3_1 = isk__avx512_load(c + 3 * c_row + 16);
        acc3_2 = isk__avx512_load_tail(c + 3 * c_row + 32, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load_tail(b + 32, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1); acc1_2 = isk__avx512_fma(x, b2, acc1_2);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        acc2_1 = isk__avx512_fma(x, b1, acc2_1); acc2_2 = isk__avx512_fma(x, b2, acc2_2);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        acc3_1 = isk__avx512_fma(x, b1, acc3_1); acc3_2 = isk__avx512_fma(x, b2, acc3_2);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16);
        b2 = isk__avx512_load_tail(t->bias + 32, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1; acc2_2 = acc2_2 + b2;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1; acc3_2 = acc3_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1); acc1_2 = isk__avx512_relu(acc1_2);
        acc2_0 = isk__avx512_relu(acc2_0); acc2_1 = isk__avx512_relu(acc2_1); acc2_2 = isk__avx512_relu(acc2_2);
        acc3_0 = isk__avx512_relu(acc3_0); acc3_1 = isk__avx512_relu(acc3_1); acc3_2 = isk__avx512_relu(acc3_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load_tail(mask + 32, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load(mask + mask_row + 16));
        acc1_2 = isk__avx512_keep(acc1_2, isk__avx512_load_tail(mask + mask_row + 32, tail));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load(mask + 2 * mask_row));
        acc2_1 = isk__avx512_keep(acc2_1, isk__avx512_load(mask + 2 * mask_row + 16));
        acc2_2 = isk__avx512_keep(acc2_2, isk__avx512_load_tail(mask + 2 * mask_row + 32, tail));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load(mask + 3 * mask_row));
        acc3_1 = isk__avx512_keep(acc3_1, isk__avx512_load(mask + 3 * mask_row + 16));
        acc3_2 = isk__avx512_keep(acc3_2, isk__avx512_load_tail(mask + 3 * mask_row + 32, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store_tail(c + 32, acc0_2, tail);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store(c + c_row + 16, acc1_1);
    isk__avx512_store_tail(c + c_row + 32, acc1_2, tail);
    isk__avx512_store(c + 2 * c_row, acc2_0); isk__avx512_store(c + 2 * c_row + 16, acc2_1);
    isk__avx512_store_tail(c + 2 * c_row + 32, acc2_2, tail);
    isk__avx512_store(c + 3 * c_row, acc3_0); isk__avx512_store(c + 3 * c_row + 16, acc3_1);
    isk__avx512_store_tail(c + 3 * c_row + 32, acc3_2, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_2x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1, b2;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load_tail(c + 32, tail);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load(c + c_row + 16);
        acc1_2 = isk__avx512_load_tail(c + c_row + 32, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load_tail(b + 32, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1); acc1_2 = isk__avx512_fma(x, b2, acc1_2);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16);
        b2 = isk__avx512_load_tail(t->bias + 32, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1); acc1_2 = isk__avx512_relu(acc1_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load_tail(mask + 32, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load(mask + mask_row + 16));
        acc1_2 = isk__avx512_keep(acc1_2, isk__avx512_load_tail(mask + mask_row + 32, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store_tail(c + 32, acc0_2, tail);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store(c + c_row + 16, acc1_1);
    isk__avx512_store_tail(c + c_row + 32, acc1_2, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_1x3(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1, b2;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load_tail(c + 32, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load_tail(b + 32, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2);
    }
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16);
        b2 = isk__avx512_load_tail(t->bias + 32, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load_tail(mask + 32, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store_tail(c + 32, acc0_2, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_8x4q(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, y, b0, b1, b2, b3;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    isk__avx512 acc2_0 = zero, acc2_1 = zero, acc2_2 = zero;
    isk__avx512 acc3_0 = zero, acc3_1 = zero, acc3_2 = zero, quad0 = zero;
    isk__avx512 acc4_0 = zero, acc4_1 = zero, acc4_2 = zero;
    isk__avx512 acc5_0 = zero, acc5_1 = zero, acc5_2 = zero;
    isk__avx512 acc6_0 = zero, acc6_1 = zero, acc6_2 = zero;
    isk__avx512 acc7_0 = zero, acc7_1 = zero, acc7_2 = zero, quad4 = zero;
    isk__avx512_tail row1 = 0xF0, row2 = 0xF00, row3 = 0xF000;
    int p;

    ISK__FORGET(row1); ISK__FORGET(row2); ISK__FORGET(row3);
    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load(c + 32);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load(c + c_row + 16);
        acc1_2 = isk__avx512_load(c + c_row + 32);
        acc2_0 = isk__avx512_load(c + 2 * c_row); acc2_1 = isk__avx512_load(c + 2 * c_row + 16);
        acc2_2 = isk__avx512_load(c + 2 * c_row + 32);
        acc3_0 = isk__avx512_load(c + 3 * c_row); acc3_1 = isk__avx512_load(c + 3 * c_row + 16);
        acc3_2 = isk__avx512_load(c + 3 * c_row + 32); quad0 = isk__avx512_load_quad(c + 48, c_row, tail);
        acc4_0 = isk__avx512_load(c + 4 * c_row); acc4_1 = isk__avx512_load(c + 4 * c_row + 16);
        acc4_2 = isk__avx512_load(c + 4 * c_row + 32);
        acc5_0 = isk__avx512_load(c + 5 * c_row); acc5_1 = isk__avx512_load(c + 5 * c_row + 16);
        acc5_2 = isk__avx512_load(c + 5 * c_row + 32);
        acc6_0 = isk__avx512_load(c + 6 * c_row); acc6_1 = isk__avx512_load(c + 6 * c_row + 16);
        acc6_2 = isk__avx512_load(c + 6 * c_row + 32);
        acc7_0 = isk__avx512_load(c + 7 * c_row); acc7_1 = isk__avx512_load(c + 7 * c_row + 16);
        acc7_2 = isk__avx512_load(c + 7 * c_row + 32); quad4 = isk__avx512_load_quad(c + 4 * c_row + 48, c_row, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load(b + 32);
        b3 = isk__avx512_spread(isk__avx512_load_tail(b + 48, tail));
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2); y = x;
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1); acc1_2 = isk__avx512_fma(x, b2, acc1_2);
        y = isk__avx512_select(row1, x, y);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        acc2_1 = isk__avx512_fma(x, b1, acc2_1); acc2_2 = isk__avx512_fma(x, b2, acc2_2);
        y = isk__avx512_select(row2, x, y);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        acc3_1 = isk__avx512_fma(x, b1, acc3_1); acc3_2 = isk__avx512_fma(x, b2, acc3_2);
        y = isk__avx512_select(row3, x, y); quad0 = isk__avx512_fma(y, b3, quad0);
        x = isk__avx512_set1(a[4 * a_row]); acc4_0 = isk__avx512_fma(x, b0, acc4_0);
        acc4_1 = isk__avx512_fma(x, b1, acc4_1); acc4_2 = isk__avx512_fma(x, b2, acc4_2); y = x;
        x = isk__avx512_set1(a[5 * a_row]); acc5_0 = isk__avx512_fma(x, b0, acc5_0);
        acc5_1 = isk__avx512_fma(x, b1, acc5_1); acc5_2 = isk__avx512_fma(x, b2, acc5_2);
        y = isk__avx512_select(row1, x, y);
        x = isk__avx512_set1(a[6 * a_row]); acc6_0 = isk__avx512_fma(x, b0, acc6_0);
        acc6_1 = isk__avx512_fma(x, b1, acc6_1); acc6_2 = isk__avx512_fma(x, b2, acc6_2);
        y = isk__avx512_select(row2, x, y);
        x = isk__avx512_set1(a[7 * a_row]); acc7_0 = isk__avx512_fma(x, b0, acc7_0);
        acc7_1 = isk__avx512_fma(x, b1, acc7_1); acc7_2 = isk__avx512_fma(x, b2, acc7_2);
        y = isk__avx512_select(row3, x, y); quad4 = isk__avx512_fma(y, b3, quad4);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16); b2 = isk__avx512_load(t->bias + 32);
        b3 = isk__avx512_spread(isk__avx512_load_tail(t->bias + 48, tail));
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1; acc2_2 = acc2_2 + b2;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1; acc3_2 = acc3_2 + b2; quad0 = quad0 + b3;
        acc4_0 = acc4_0 + b0; acc4_1 = acc4_1 + b1; acc4_2 = acc4_2 + b2;
        acc5_0 = acc5_0 + b0; acc5_1 = acc5_1 + b1; acc5_2 = acc5_2 + b2;
        acc6_0 = acc6_0 + b0; acc6_1 = acc6_1 + b1; acc6_2 = acc6_2 + b2;
        acc7_0 = acc7_0 + b0; acc7_1 = acc7_1 + b1; acc7_2 = acc7_2 + b2; quad4 = quad4 + b3;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1); acc1_2 = isk__avx512_relu(acc1_2);
        acc2_0 = isk__avx512_relu(acc2_0); acc2_1 = isk__avx512_relu(acc2_1); acc2_2 = isk__avx512_relu(acc2_2);
        acc3_0 = isk__avx512_relu(acc3_0); acc3_1 = isk__avx512_relu(acc3_1); acc3_2 = isk__avx512_relu(acc3_2);
        quad0 = isk__avx512_relu(quad0);
        acc4_0 = isk__avx512_relu(acc4_0); acc4_1 = isk__avx512_relu(acc4_1); acc4_2 = isk__avx512_relu(acc4_2);
        acc5_0 = isk__avx512_relu(acc5_0); acc5_1 = isk__avx512_relu(acc5_1); acc5_2 = isk__avx512_relu(acc5_2);
        acc6_0 = isk__avx512_relu(acc6_0); acc6_1 = isk__avx512_relu(acc6_1); acc6_2 = isk__avx512_relu(acc6_2);
        acc7_0 = isk__avx512_relu(acc7_0); acc7_1 = isk__avx512_relu(acc7_1); acc7_2 = isk__avx512_relu(acc7_2);
        quad4 = isk__avx512_relu(quad4);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load(mask + 32));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load(mask + mask_row + 16));
        acc1_2 = isk__avx512_keep(acc1_2, isk__avx512_load(mask + mask_row + 32));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load(mask + 2 * mask_row));
        acc2_1 = isk__avx512_keep(acc2_1, isk__avx512_load(mask + 2 * mask_row + 16));
        acc2_2 = isk__avx512_keep(acc2_2, isk__avx512_load(mask + 2 * mask_row + 32));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load(mask + 3 * mask_row));
        acc3_1 = isk__avx512_keep(acc3_1, isk__avx512_load(mask + 3 * mask_row + 16));
        acc3_2 = isk__avx512_keep(acc3_2, isk__avx512_load(mask + 3 * mask_row + 32));
        quad0 = isk__avx512_keep(quad0, isk__avx512_load_quad(mask + 48, mask_row, tail));
        acc4_0 = isk__avx512_keep(acc4_0, isk__avx512_load(mask + 4 * mask_row));
        acc4_1 = isk__avx512_keep(acc4_1, isk__avx512_load(mask + 4 * mask_row + 16));
        acc4_2 = isk__avx512_keep(acc4_2, isk__avx512_load(mask + 4 * mask_row + 32));
        acc5_0 = isk__avx512_keep(acc5_0, isk__avx512_load(mask + 5 * mask_row));
        acc5_1 = isk__avx512_keep(acc5_1, isk__avx512_load(mask + 5 * mask_row + 16));
        acc5_2 = isk__avx512_keep(acc5_2, isk__avx512_load(mask + 5 * mask_row + 32));
        acc6_0 = isk__avx512_keep(acc6_0, isk__avx512_load(mask + 6 * mask_row));
        acc6_1 = isk__avx512_keep(acc6_1, isk__avx512_load(mask + 6 * mask_row + 16));
        acc6_2 = isk__avx512_keep(acc6_2, isk__avx512_load(mask + 6 * mask_row + 32));
        acc7_0 = isk__avx512_keep(acc7_0, isk__avx512_load(mask + 7 * mask_row));
        acc7_1 = isk__avx512_keep(acc7_1, isk__avx512_load(mask + 7 * mask_row + 16));
        acc7_2 = isk__avx512_keep(acc7_2, isk__avx512_load(mask + 7 * mask_row + 32));
        quad4 = isk__avx512_keep(quad4, isk__avx512_load_quad(mask + 4 * mask_row + 48, mask_row, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store(c + 32, acc0_2);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store(c + c_row + 16, acc1_1);
    isk__avx512_store(c + c_row + 32, acc1_2);
    isk__avx512_store(c + 2 * c_row, acc2_0); isk__avx512_store(c + 2 * c_row + 16, acc2_1);
    isk__avx512_store(c + 2 * c_row + 32, acc2_2);
    isk__avx512_store(c + 3 * c_row, acc3_0); isk__avx512_store(c + 3 * c_row + 16, acc3_1);
    isk__avx512_store(c + 3 * c_row + 32, acc3_2); isk__avx512_store_quad(c + 48, c_row, quad0, tail);
    isk__avx512_store(c + 4 * c_row, acc4_0); isk__avx512_store(c + 4 * c_row + 16, acc4_1);
    isk__avx512_store(c + 4 * c_row + 32, acc4_2);
    isk__avx512_store(c + 5 * c_row, acc5_0); isk__avx512_store(c + 5 * c_row + 16, acc5_1);
    isk__avx512_store(c + 5 * c_row + 32, acc5_2);
    isk__avx512_store(c + 6 * c_row, acc6_0); isk__avx512_store(c + 6 * c_row + 16, acc6_1);
    isk__avx512_store(c + 6 * c_row + 32, acc6_2);
    isk__avx512_store(c + 7 * c_row, acc7_0); isk__avx512_store(c + 7 * c_row + 16, acc7_1);
    isk__avx512_store(c + 7 * c_row + 32, acc7_2); isk__avx512_store_quad(c + 4 * c_row + 48, c_row, quad4, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_4x4q(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, y, b0, b1, b2, b3;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero;
    isk__avx512 acc2_0 = zero, acc2_1 = zero, acc2_2 = zero;
    isk__avx512 acc3_0 = zero, acc3_1 = zero, acc3_2 = zero, quad0 = zero;
    isk__avx512_tail row1 = 0xF0, row2 = 0xF00, row3 = 0xF000;
    int p;

    ISK__FORGET(row1); ISK__FORGET(row2); ISK__FORGET(row3);
    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load(c + 32);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load(c + c_row + 16);
        acc1_2 = isk__avx512_load(c + c_row + 32);
        acc2_0 = isk__avx512_load(c + 2 * c_row); acc2_1 = isk__avx512_load(c + 2 * c_row + 16);
        acc2_2 = isk__avx512_load(c + 2 * c_row + 32);
        acc3_0 = isk__avx512_load(c + 3 * c_row); acc3_1 = isk__avx512_load(c + 3 * c_row + 16);
        acc3_2 = isk__avx512_load(c + 3 * c_row + 32); quad0 = isk__avx512_load_quad(c + 48, c_row, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load(b + 32);
        b3 = isk__avx512_spread(isk__avx512_load_tail(b + 48, tail));
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2); y = x;
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1); acc1_2 = isk__avx512_fma(x, b2, acc1_2);
        y = isk__avx512_select(row1, x, y);
        x = isk__avx512_set1(a[2 * a_row]); acc2_0 = isk__avx512_fma(x, b0, acc2_0);
        acc2_1 = isk__avx512_fma(x, b1, acc2_1); acc2_2 = isk__avx512_fma(x, b2, acc2_2);
        y = isk__avx512_select(row2, x, y);
        x = isk__avx512_set1(a[3 * a_row]); acc3_0 = isk__avx512_fma(x, b0, acc3_0);
        acc3_1 = isk__avx512_fma(x, b1, acc3_1); acc3_2 = isk__avx512_fma(x, b2, acc3_2);
        y = isk__avx512_select(row3, x, y); quad0 = isk__avx512_fma(y, b3, quad0);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16); b2 = isk__avx512_load(t->bias + 32);
        b3 = isk__avx512_spread(isk__avx512_load_tail(t->bias + 48, tail));
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2;
        acc2_0 = acc2_0 + b0; acc2_1 = acc2_1 + b1; acc2_2 = acc2_2 + b2;
        acc3_0 = acc3_0 + b0; acc3_1 = acc3_1 + b1; acc3_2 = acc3_2 + b2; quad0 = quad0 + b3;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1); acc1_2 = isk__avx512_relu(acc1_2);
        acc2_0 = isk__avx512_relu(acc2_0); acc2_1 = isk__avx512_relu(acc2_1); acc2_2 = isk__avx512_relu(acc2_2);
        acc3_0 = isk__avx512_relu(acc3_0); acc3_1 = isk__avx512_relu(acc3_1); acc3_2 = isk__avx512_relu(acc3_2);
        quad0 = isk__avx512_relu(quad0);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load(mask + 32));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load(mask + mask_row + 16));
        acc1_2 = isk__avx512_keep(acc1_2, isk__avx512_load(mask + mask_row + 32));
        acc2_0 = isk__avx512_keep(acc2_0, isk__avx512_load(mask + 2 * mask_row));
        acc2_1 = isk__avx512_keep(acc2_1, isk__avx512_load(mask + 2 * mask_row + 16));
        acc2_2 = isk__avx512_keep(acc2_2, isk__avx512_load(mask + 2 * mask_row + 32));
        acc3_0 = isk__avx512_keep(acc3_0, isk__avx512_load(mask + 3 * mask_row));
        acc3_1 = isk__avx512_keep(acc3_1, isk__avx512_load(mask + 3 * mask_row + 16));
        acc3_2 = isk__avx512_keep(acc3_2, isk__avx512_load(mask + 3 * mask_row + 32));
        quad0 = isk__avx512_keep(quad0, isk__avx512_load_quad(mask + 48, mask_row, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store(c + 32, acc0_2);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store(c + c_row + 16, acc1_1);
    isk__avx512_store(c + c_row + 32, acc1_2);
    isk__avx512_store(c + 2 * c_row, acc2_0); isk__avx512_store(c + 2 * c_row + 16, acc2_1);
    isk__avx512_store(c + 2 * c_row + 32, acc2_2);
    isk__avx512_store(c + 3 * c_row, acc3_0); isk__avx512_store(c + 3 * c_row + 16, acc3_1);
    isk__avx512_store(c + 3 * c_row + 32, acc3_2); isk__avx512_store_quad(c + 48, c_row, quad0, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_2x4(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const ptrdiff_t a_row = t->a_row, mask_row = t->mask_row;
    ptrdiff_t c_row = t->c_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1, b2, b3;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero, acc0_3 = zero;
    isk__avx512 acc1_0 = zero, acc1_1 = zero, acc1_2 = zero, acc1_3 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load(c + 32);
        acc0_3 = isk__avx512_load_tail(c + 48, tail);
        acc1_0 = isk__avx512_load(c + c_row); acc1_1 = isk__avx512_load(c + c_row + 16);
        acc1_2 = isk__avx512_load(c + c_row + 32); acc1_3 = isk__avx512_load_tail(c + c_row + 48, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load(b + 32);
        b3 = isk__avx512_load_tail(b + 48, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2); acc0_3 = isk__avx512_fma(x, b3, acc0_3);
        x = isk__avx512_set1(a[a_row]); acc1_0 = isk__avx512_fma(x, b0, acc1_0);
        acc1_1 = isk__avx512_fma(x, b1, acc1_1); acc1_2 = isk__avx512_fma(x, b2, acc1_2);
        acc1_3 = isk__avx512_fma(x, b3, acc1_3);
    }
    ISK__FORGET(c); ISK__FORGET(c_row);
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16); b2 = isk__avx512_load(t->bias + 32);
        b3 = isk__avx512_load_tail(t->bias + 48, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2; acc0_3 = acc0_3 + b3;
        acc1_0 = acc1_0 + b0; acc1_1 = acc1_1 + b1; acc1_2 = acc1_2 + b2; acc1_3 = acc1_3 + b3;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
        acc0_3 = isk__avx512_relu(acc0_3);
        acc1_0 = isk__avx512_relu(acc1_0); acc1_1 = isk__avx512_relu(acc1_1); acc1_2 = isk__avx512_relu(acc1_2);
        acc1_3 = isk__avx512_relu(acc1_3);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load(mask + 32));
        acc0_3 = isk__avx512_keep(acc0_3, isk__avx512_load_tail(mask + 48, tail));
        acc1_0 = isk__avx512_keep(acc1_0, isk__avx512_load(mask + mask_row));
        acc1_1 = isk__avx512_keep(acc1_1, isk__avx512_load(mask + mask_row + 16));
        acc1_2 = isk__avx512_keep(acc1_2, isk__avx512_load(mask + mask_row + 32));
        acc1_3 = isk__avx512_keep(acc1_3, isk__avx512_load_tail(mask + mask_row + 48, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store(c + 32, acc0_2);
    isk__avx512_store_tail(c + 48, acc0_3, tail);
    isk__avx512_store(c + c_row, acc1_0); isk__avx512_store(c + c_row + 16, acc1_1);
    isk__avx512_store(c + c_row + 32, acc1_2); isk__avx512_store_tail(c + c_row + 48, acc1_3, tail);
}

ISK__TARGET_AVX512 static void isk__tile_avx512_1x4(const isk__tile *t) {
    const ptrdiff_t a_col = t->a_col, b_row = t->b_row;
    const isk_scalar *a = t->a, *b = t->b, *mask = t->mask;
    isk_scalar *c = t->c;
    const isk__avx512_tail tail = isk__avx512_tail_of(t->tail);
    const isk__avx512 zero = isk__avx512_set1(0);
    isk__avx512 x, b0, b1, b2, b3;
    isk__avx512 acc0_0 = zero, acc0_1 = zero, acc0_2 = zero, acc0_3 = zero;
    int p;

    if (t->accumulate) {
        acc0_0 = isk__avx512_load(c); acc0_1 = isk__avx512_load(c + 16); acc0_2 = isk__avx512_load(c + 32);
        acc0_3 = isk__avx512_load_tail(c + 48, tail);
    }
    for (p = t->k; p > 0; p--, a += a_col, b += b_row) {
        b0 = isk__avx512_load(b); b1 = isk__avx512_load(b + 16); b2 = isk__avx512_load(b + 32);
        b3 = isk__avx512_load_tail(b + 48, tail);
        x = isk__avx512_set1(a[0]); acc0_0 = isk__avx512_fma(x, b0, acc0_0); acc0_1 = isk__avx512_fma(x, b1, acc0_1);
        acc0_2 = isk__avx512_fma(x, b2, acc0_2); acc0_3 = isk__avx512_fma(x, b3, acc0_3);
    }
    if (t->bias != NULL) {
        b0 = isk__avx512_load(t->bias); b1 = isk__avx512_load(t->bias + 16); b2 = isk__avx512_load(t->bias + 32);
        b3 = isk__avx512_load_tail(t->bias + 48, tail);
        acc0_0 = acc0_0 + b0; acc0_1 = acc0_1 + b1; acc0_2 = acc0_2 + b2; acc0_3 = acc0_3 + b3;
    }
    if (t->relu) {
        acc0_0 = isk__avx512_relu(acc0_0); acc0_1 = isk__avx512_relu(acc0_1); acc0_2 = isk__avx512_relu(acc0_2);
        acc0_3 = isk__avx512_relu(acc0_3);
    }
    if (mask != NULL) {
        acc0_0 = isk__avx512_keep(acc0_0, isk__avx512_load(mask));
        acc0_1 = isk__avx512_keep(acc0_1, isk__avx512_load(mask + 16));
        acc0_2 = isk__avx512_keep(acc0_2, isk__avx512_load(mask + 32));
        acc0_3 = isk__avx512_keep(acc0_3, isk__avx512_load_tail(mask + 48, tail));
    }
    isk__avx512_store(c, acc0_0); isk__avx512_store(c + 16, acc0_1); isk__avx512_store(c + 32, acc0_2);
    isk__avx512_store_tail(c + 48, acc0_3, tail);
}

static const isk__tile_entry isk__tiles_avx512[] = {
    { 16, 1, 0, isk__tile_avx512_16x1 },
    { 4, 1, 0, isk__tile_avx512_4x1 },
    { 1, 1, 0, isk__tile_avx512_1x1 },
    { 8, 2, 0, isk__tile_avx512_8x2 },
    { 4, 2, 0, isk__tile_avx512_4x2 },
    { 2, 2, 0, isk__tile_avx512_2x2 },
    { 1, 2, 0, isk__tile_avx512_1x2 },
    { 8, 3, 1, isk__tile_avx512_8x3q },
    { 8, 3, 0, isk__tile_avx512_8x3 },
    { 4, 3, 0, isk__tile_avx512_4x3 },
    { 2, 3, 0, isk__tile_avx512_2x3 },
    { 1, 3, 0, isk__tile_avx512_1x3 },
    { 8, 4, 1, isk__tile_avx512_8x4q },
    { 4, 4, 1, isk__tile_avx512_4x4q },
    { 2, 4, 0, isk__tile_avx512_2x4 },
    { 1, 4, 0, isk__tile_avx512_1x4 },
};

#endif
/* >>generated gemm-tiles: end */
#endif

/* What a product is made of.  a_row and a_col are the steps of A from one element to the next, one of them 1 (that of a
   transposed matrix is a_row); the same for B.  Columns of C are contiguous.  work holds isk__gemm_work() scalars. */
typedef struct isk__gemm_call {
    int level;                                  /* of the context: isk__cpu_level() or lower */
    int m, n, k;                                /* C[m, n] = A[m, k] * B[k, n] */
    const isk_scalar *a;
    int a_row, a_col;
    const isk_scalar *b;
    int b_row, b_col;
    isk_scalar *c;
    int c_row;
    int accumulate;                             /* start from what C holds, not from 0 */
    const isk_scalar *bias;                     /* [n], added to every row, or NULL */
    int relu;                                   /* then max(., 0) */
    const isk_scalar *mask;                     /* [m, n] or NULL: an element stays where mask > 0, else becomes 0 */
    int mask_row;
    isk_scalar *work;
} isk__gemm_call;

/* Row stride of the transposed copy of B: whole vectors, and not a multiple of 2 KiB, which would share cache sets. */
static int isk__gemm_packed_row(int n) {
    int row = (n + 15) / 16 * 16;
    return row % 512 ? row : row + 16;
}

/* Scalars of workspace for a product, known when it is planned. */
static size_t isk__gemm_work(int n, int k, int b_col) {
    return b_col == 1 ? 0 : (size_t)k * (size_t)isk__gemm_packed_row(n);
}

#if defined(INDISEEK_USE_CBLAS)

static int isk__at_least(int x, int least) { return x > least ? x : least; }

/* One call of the BLAS for the whole product: its size depends on the problem alone, see "same bits" on the front
   page. */
static void isk__gemm_product(const isk__gemm_call *call) {
    const int m = call->m, n = call->n, k = call->k;
    const int a_stride = call->a_col == 1 ? isk__at_least(call->a_row, k) : isk__at_least(call->a_col, m);
    const int b_stride = call->b_col == 1 ? isk__at_least(call->b_row, n) : isk__at_least(call->b_col, k);
    const isk_scalar beta = call->accumulate ? (isk_scalar)1 : (isk_scalar)0;
#ifdef INDISEEK_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, call->a_col == 1 ? CblasNoTrans : CblasTrans, call->b_col == 1 ? CblasNoTrans : CblasTrans,
        m, n, k, (isk_scalar)1, call->a, isk__at_least(a_stride, 1), call->b, isk__at_least(b_stride, 1),
        beta, call->c, isk__at_least(call->c_row, n));
}

#elif !defined(ISK__HAVE_VECTORS)

/* For compilers without vectors: one row of C after the other. */
static void isk__gemm_product(const isk__gemm_call *call) {
    int i, j, p;
    for (i = 0; i < call->m; i++) {
        isk_scalar *c = call->c + (ptrdiff_t)i * call->c_row;
        for (j = 0; j < call->n && !call->accumulate; j++) { c[j] = 0; }
        for (p = 0; p < call->k; p++) {
            const isk_scalar x = call->a[(ptrdiff_t)i * call->a_row + (ptrdiff_t)p * call->a_col];
            const isk_scalar *b = call->b + (ptrdiff_t)p * call->b_row;
            for (j = 0; j < call->n; j++) { c[j] += x * b[(ptrdiff_t)j * call->b_col]; }
        }
    }
}

#endif

#if defined(INDISEEK_USE_CBLAS) || !defined(ISK__HAVE_VECTORS)

static void isk__gemm_epilogue(const isk__gemm_call *call) {
    int i, j;
    if (call->bias == NULL && !call->relu && call->mask == NULL) { return; }
    for (i = 0; i < call->m; i++) {
        isk_scalar *c = call->c + (ptrdiff_t)i * call->c_row;
        const isk_scalar *mask = call->mask != NULL ? call->mask + (ptrdiff_t)i * call->mask_row : NULL;
        if (call->bias != NULL) {
            for (j = 0; j < call->n; j++) { c[j] += call->bias[j]; }
        }
        if (call->relu) {
            for (j = 0; j < call->n; j++) { c[j] = c[j] < 0 ? (isk_scalar)0 : c[j]; }
        }
        if (mask != NULL) {
            for (j = 0; j < call->n; j++) { c[j] = mask[j] > 0 ? c[j] : (isk_scalar)0; }
        }
    }
}

static void isk__gemm(const isk__gemm_call *call) {
    if (call->m <= 0 || call->n <= 0) { return; }
    isk__gemm_product(call);
    isk__gemm_epilogue(call);
}

#else

/* out[p, j] = x[j * x_row + p * x_col] for j = first .. n-1, by blocks that stay in the first cache. */
static void isk__transpose_plain(int first, int n, int k, const isk_scalar *x, ptrdiff_t x_row, ptrdiff_t x_col,
                                 isk_scalar *out, ptrdiff_t out_row) {
    enum { block = 16 };
    int j0, p0, j, p;
    for (j0 = first; j0 < n; j0 += block) {
        const int j1 = j0 + block < n ? j0 + block : n;
        for (p0 = 0; p0 < k; p0 += block) {
            const int p1 = p0 + block < k ? p0 + block : k;
            for (j = j0; j < j1; j++) {
                for (p = p0; p < p1; p++) { out[p * out_row + j] = x[j * x_row + p * x_col]; }
            }
        }
    }
}

#ifdef ISK__HAVE_AVX2

/* The same from contiguous rows (x_col = 1).  Four registers hold 4 columns of 16 rows, row 4i + r in quarter i of
   register r, so that what remains is to transpose each quarter in its place.  Rows of out have whole vectors. */
ISK__TARGET_AVX512 static void isk__transpose_avx512(int n, int k, const float *x, ptrdiff_t x_row, float *out,
                                                     ptrdiff_t out_row) {
    int j, p, r;
    for (j = 0; j < n; j += 16, x += 16 * x_row, out += 16) {
        isk__avx512_tail present[4];            /* of each register: rows that exist */
        for (r = 0; r < 4; r++) {
            const int rows = n - j - r <= 0 ? 0 : n - j - r >= 16 ? 4 : (n - j - r + 3) / 4;
            present[r] = (isk__avx512_tail)((1u << 4 * rows) - 1u);
        }
        for (p = 0; p < k; p += 4) {
            const unsigned columns = k - p >= 4 ? 0xFFFF : ((1u << (k - p)) - 1u) * 0x1111;
            const float *from = x + p;
            float *to = out + p * out_row;
            isk__avx512 x0, x1, x2, x3, low01, low23, high01, high23;
            if ((present[3] & columns) == 0xFFFF) {
                x0 = isk__avx512_load_whole_rows(from, 4 * x_row);
                x1 = isk__avx512_load_whole_rows(from + x_row, 4 * x_row);
                x2 = isk__avx512_load_whole_rows(from + 2 * x_row, 4 * x_row);
                x3 = isk__avx512_load_whole_rows(from + 3 * x_row, 4 * x_row);
            } else {
                x0 = isk__avx512_load_rows(from, 4 * x_row, (isk__avx512_tail)(present[0] & columns));
                x1 = isk__avx512_load_rows(from + x_row, 4 * x_row, (isk__avx512_tail)(present[1] & columns));
                x2 = isk__avx512_load_rows(from + 2 * x_row, 4 * x_row, (isk__avx512_tail)(present[2] & columns));
                x3 = isk__avx512_load_rows(from + 3 * x_row, 4 * x_row, (isk__avx512_tail)(present[3] & columns));
            }
            low01 = isk__avx512_low(x0, x1);
            low23 = isk__avx512_low(x2, x3);
            high01 = isk__avx512_high(x0, x1);
            high23 = isk__avx512_high(x2, x3);
            isk__avx512_store(to, isk__avx512_pairs(low01, low23, 0x44));
            if (k - p > 1) { isk__avx512_store(to + out_row, isk__avx512_pairs(low01, low23, 0xEE)); }
            if (k - p > 2) { isk__avx512_store(to + 2 * out_row, isk__avx512_pairs(high01, high23, 0x44)); }
            if (k - p > 3) { isk__avx512_store(to + 3 * out_row, isk__avx512_pairs(high01, high23, 0xEE)); }
        }
    }
}

/* With AVX2 by 8 rows; what does not fill a block is left to the plain loop. */
ISK__TARGET_AVX2 static void isk__transpose_avx2(int n, int k, const float *x, ptrdiff_t x_row, float *out,
                                                 ptrdiff_t out_row) {
    int j, p;
    for (j = 0; j + 8 <= n; j += 8) {
        for (p = 0; p + 4 <= k; p += 4) {
            const float *from = x + j * x_row + p, *from4 = from + 4 * x_row;
            float *to = out + p * out_row + j;
            isk__avx2 x0 = isk__avx2_halves(from, from4);
            isk__avx2 x1 = isk__avx2_halves(from + x_row, from4 + x_row);
            isk__avx2 x2 = isk__avx2_halves(from + 2 * x_row, from4 + 2 * x_row);
            isk__avx2 x3 = isk__avx2_halves(from + 3 * x_row, from4 + 3 * x_row);
            isk__avx2 low01 = isk__avx2_low(x0, x1), low23 = isk__avx2_low(x2, x3);
            isk__avx2 high01 = isk__avx2_high(x0, x1), high23 = isk__avx2_high(x2, x3);
            isk__avx2_store(to, isk__avx2_pairs(low01, low23, 0x44));
            isk__avx2_store(to + out_row, isk__avx2_pairs(low01, low23, 0xEE));
            isk__avx2_store(to + 2 * out_row, isk__avx2_pairs(high01, high23, 0x44));
            isk__avx2_store(to + 3 * out_row, isk__avx2_pairs(high01, high23, 0xEE));
        }
        isk__transpose_plain(j, j + 8, k - p, x + p, x_row, 1, out + p * out_row, out_row);
    }
    isk__transpose_plain(j, n, k, x, x_row, 1, out, out_row);
}
#endif

/* B in rows, as the tiles want it. */
static void isk__gemm_transpose(const isk__gemm_call *call, isk_scalar *out, int out_row) {
#ifdef ISK__HAVE_AVX2
    if (call->b_row == 1 && call->level >= 2) {
        isk__transpose_avx512(call->n, call->k, call->b, call->b_col, out, out_row);
        return;
    }
    if (call->b_row == 1 && call->level == 1) {
        isk__transpose_avx2(call->n, call->k, call->b, call->b_col, out, out_row);
        return;
    }
#endif
    isk__transpose_plain(0, call->n, call->k, call->b, call->b_col, call->b_row, out, out_row);
}

/* The tiles of one panel of columns, from the first row to the last: the highest tile that still fits. */
static void isk__gemm_rows(const isk__tile_entry *tiles, int vectors, int quads, int rows, isk__tile *t) {
    while (rows > 0) {
        while (tiles->vectors != vectors || tiles->rows > rows || tiles->quads > quads) { tiles++; }
        tiles->run(t);
        rows -= tiles->rows;
        t->a += tiles->rows * t->a_row;
        t->c += tiles->rows * t->c_row;
        if (t->mask != NULL) { t->mask += tiles->rows * t->mask_row; }
    }
}

/* Columns in panels of up to 3 vectors, as even as they come; the inner dimension in blocks of up to `depth`, so that a
   panel of B stays in the first cache, or with AVX-512 the second.  C carries the unfinished sums from block to block,
   so the blocks leave no trace in the bits. */
static void isk__gemm_tiled(const isk__gemm_call *call, const isk_scalar *b, int b_row, const isk__tile_entry *tiles,
                            int width, int depth) {
    const int vectors = (call->n + width - 1) / width, tail = call->n - (vectors - 1) * width;
    const int quads = width == 16 && tail <= 4 && vectors > 1;          /* the last panel may have a quad more */
    const int whole = width == 8 && tail < 8;       /* the last panel must be narrower */
    const int panels = (vectors - quads + whole + 2) / 3;
    const int blocks = call->k > depth ? (call->k + depth - 1) / depth : 1;
    int block, panel, first, next, p, p_next;
    for (block = 0, p = 0; block < blocks; block++, p = p_next) {
        const int finished = block == blocks - 1;
        p_next = (int)((int64_t)call->k * (block + 1) / blocks);
        for (panel = 0, first = 0; panel < panels; panel++, first = next) {
            const ptrdiff_t column = (ptrdiff_t)first * width;
            isk__tile t;
            next = (int)(((int64_t)vectors * (panel + 1) + (quads ? 0 : panels - 1)) / panels);
            t.k = p_next - p;
            t.tail = next == vectors ? tail : width;
            t.accumulate = p > 0 || call->accumulate;
            t.relu = finished && call->relu;
            t.a = call->a + (ptrdiff_t)p * call->a_col;
            t.a_row = call->a_row;
            t.a_col = call->a_col;
            t.b = b + (ptrdiff_t)p * b_row + column;
            t.b_row = b_row;
            t.c = call->c + column;
            t.c_row = call->c_row;
            t.bias = finished && call->bias != NULL ? call->bias + column : NULL;
            t.mask = finished && call->mask != NULL ? call->mask + column : NULL;
            t.mask_row = call->mask_row;
            isk__gemm_rows(tiles, next - first, quads && next == vectors, call->m, &t);
        }
    }
}

static void isk__gemm(const isk__gemm_call *call) {
    const isk_scalar *b = call->b;
    int b_row = call->b_row;
    if (call->m <= 0 || call->n <= 0) { return; }
    if (call->b_col != 1 && call->k > 0) {
        b_row = isk__gemm_packed_row(call->n);
        isk__gemm_transpose(call, call->work, b_row);
        b = call->work;
    }
#ifdef ISK__HAVE_AVX2
    if (call->level >= 2) { isk__gemm_tiled(call, b, b_row, isk__tiles_avx512, isk__avx512_width, 512); return; }
    if (call->level == 1) { isk__gemm_tiled(call, b, b_row, isk__tiles_avx2, isk__avx2_width, 128); return; }
#endif
    isk__gemm_tiled(call, b, b_row, isk__tiles_plain, isk__plain_width, 128);
}
#endif

ISK__SECTION_END

/* ==== >>optimisers: one pass over all parameters of a group ======================================================= */

/* What a step of Adam is made of: n parameters, their gradients and their two moments lie in four flat arrays.
     g  = gradient_scale * gradient + (coupled ? weight_decay * p : 0)
     m  = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
     p  = p (1 - (coupled ? 0 : rate * weight_decay))
          - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
   as torch.optim.Adam (Kingma and Ba 2015, algorithm 1) and, not coupled, AdamW (Loshchilov and Hutter 2019) do. */
typedef struct isk__adam_call {
    int level;                                  /* of the context */
    size_t n;
    isk_scalar *p, *m, *v;                      /* [n] parameters, first and second moments */
    const isk_scalar *gradient;                 /* [n] */
    uint64_t step;                              /* t, the first one is 1 */
    double rate, beta1, beta2, epsilon;
    double weight_decay;
    int coupled;                                /* decay is added to the gradient, not taken off the parameter */
    double gradient_scale;                      /* of clipping, else 1 */
} isk__adam_call;

/* A step of SGD: g as above, m = momentum m + g (0 before the first step), p = p - rate m: torch.optim.SGD. */
typedef struct isk__sgd_call {
    int level;
    size_t n;
    isk_scalar *p, *m;
    const isk_scalar *gradient;
    double rate, momentum, weight_decay, gradient_scale;
} isk__sgd_call;

/* sum[j] = sum over i of x[i, j] (+ sum[j]): the gradient of a bias.  Four chains of every fourth row, then those. */
typedef struct isk__row_sum_call {
    int level;
    int rows, cols, row;                        /* row: stride of x */
    const isk_scalar *x;
    isk_scalar *sum;                            /* [cols] */
    int accumulate;
} isk__row_sum_call;

/* The numbers of a step, ready for the loops. */
typedef struct isk__adam_factors {
    isk_scalar scale, decay, keep, beta1, rest1, beta2, rest2, root_scale, epsilon, rate;
} isk__adam_factors;

typedef struct isk__sgd_factors {
    isk_scalar scale, decay, momentum, rate;
} isk__sgd_factors;

/* >>generated optimiser-loops: begin (python3 codegen/generate.py; do not edit) */
#ifdef ISK__HAVE_VECTORS
static ISK__INLINE isk__plain isk__plain_adam_step(const isk__adam_factors *f, isk__plain p, isk__plain g,
                                            isk__plain *m, isk__plain *v) {
    isk__plain decay = isk__plain_set1(f->decay), scale = isk__plain_set1(f->scale), root;
    g = isk__plain_fma(decay, p, g * scale);
    *m = isk__plain_fma(isk__plain_set1(f->beta1), *m, isk__plain_set1(f->rest1) * g);
    *v = isk__plain_fma(isk__plain_set1(f->beta2), *v, isk__plain_set1(f->rest2) * g * g);
    root = isk__plain_fma(isk__plain_sqrt(*v), isk__plain_set1(f->root_scale), isk__plain_set1(f->epsilon));
    return isk__plain_fma(isk__plain_set1(-f->rate), *m / root, p * isk__plain_set1(f->keep));
}

static void isk__adam_plain(const isk__adam_factors *f, size_t n, isk_scalar *p, const isk_scalar *g, isk_scalar *m,
                         isk_scalar *v) {
    isk__plain y, moment, square;
    for (; n >= isk__plain_width; n -= isk__plain_width) {
        moment = isk__plain_load(m);
        square = isk__plain_load(v);
        y = isk__plain_adam_step(f, isk__plain_load(p), isk__plain_load(g), &moment, &square);
        isk__plain_store(m, moment);
        isk__plain_store(v, square);
        isk__plain_store(p, y);
        p += isk__plain_width;
        g += isk__plain_width;
        m += isk__plain_width;
        v += isk__plain_width;
    }
    if (n > 0) {
        const isk__plain_tail tail = isk__plain_tail_of((int)n);
        moment = isk__plain_load_tail(m, tail);
        square = isk__plain_load_tail(v, tail);
        y = isk__plain_adam_step(f, isk__plain_load_tail(p, tail), isk__plain_load_tail(g, tail), &moment, &square);
        isk__plain_store_tail(m, moment, tail);
        isk__plain_store_tail(v, square, tail);
        isk__plain_store_tail(p, y, tail);
    }
}

static ISK__INLINE isk__plain
isk__plain_sgd_step(const isk__sgd_factors *f, isk__plain p, isk__plain g, isk__plain *m) {
    g = isk__plain_fma(isk__plain_set1(f->decay), p, g * isk__plain_set1(f->scale));
    *m = isk__plain_fma(isk__plain_set1(f->momentum), *m, g);
    return isk__plain_fma(isk__plain_set1(-f->rate), *m, p);
}

static void isk__sgd_plain(const isk__sgd_factors *f, size_t n, isk_scalar *p, const isk_scalar *g,
                        isk_scalar *m) {
    isk__plain y, moment;
    for (; n >= isk__plain_width; n -= isk__plain_width) {
        moment = isk__plain_load(m);
        y = isk__plain_sgd_step(f, isk__plain_load(p), isk__plain_load(g), &moment);
        isk__plain_store(m, moment);
        isk__plain_store(p, y);
        p += isk__plain_width;
        g += isk__plain_width;
        m += isk__plain_width;
    }
    if (n > 0) {
        const isk__plain_tail tail = isk__plain_tail_of((int)n);
        moment = isk__plain_load_tail(m, tail);
        y = isk__plain_sgd_step(f, isk__plain_load_tail(p, tail), isk__plain_load_tail(g, tail), &moment);
        isk__plain_store_tail(m, moment, tail);
        isk__plain_store_tail(p, y, tail);
    }
}

static double isk__squares_plain(const isk_scalar *x, size_t n) {
    isk__plain s0 = isk__plain_set1(0), s1 = s0, s2 = s0, s3 = s0, y;
    isk_scalar lanes[isk__plain_width];
    double sum = 0;
    int i;
    for (; n >= 4 * isk__plain_width; n -= 4 * isk__plain_width, x += 4 * isk__plain_width) {
        y = isk__plain_load(x);
        s0 = isk__plain_fma(y, y, s0);
        y = isk__plain_load(x + isk__plain_width);
        s1 = isk__plain_fma(y, y, s1);
        y = isk__plain_load(x + 2 * isk__plain_width);
        s2 = isk__plain_fma(y, y, s2);
        y = isk__plain_load(x + 3 * isk__plain_width);
        s3 = isk__plain_fma(y, y, s3);
    }
    for (; n >= isk__plain_width; n -= isk__plain_width, x += isk__plain_width) {
        y = isk__plain_load(x);
        s0 = isk__plain_fma(y, y, s0);
    }
    y = isk__plain_load_tail(x, isk__plain_tail_of((int)n));
    s1 = isk__plain_fma(y, y, s1);
    isk__plain_store(lanes, (s0 + s1) + (s2 + s3));
    for (i = 0; i < isk__plain_width; i++) { sum += (double)lanes[i]; }
    return sum;
}

static void isk__row_sum_plain(const isk__row_sum_call *c) {
    const isk_scalar *x = c->x;
    isk_scalar *sum = c->sum;
    const ptrdiff_t row = c->row;
    int left, p;
    for (left = c->cols; left > 0; left -= isk__plain_width, x += isk__plain_width, sum += isk__plain_width) {
        const isk__plain_tail tail = isk__plain_tail_of(left < isk__plain_width ? left : isk__plain_width);
        const isk_scalar *at = x;
        isk__plain s0 = isk__plain_set1(0), s1 = s0, s2 = s0, s3 = s0;
        for (p = c->rows; p >= 4; p -= 4, at += 4 * row) {
            s0 = s0 + isk__plain_load_tail(at, tail);
            s1 = s1 + isk__plain_load_tail(at + row, tail);
            s2 = s2 + isk__plain_load_tail(at + 2 * row, tail);
            s3 = s3 + isk__plain_load_tail(at + 3 * row, tail);
        }
        for (; p > 0; p--, at += row) { s0 = s0 + isk__plain_load_tail(at, tail); }
        s0 = (s0 + s1) + (s2 + s3);
        if (c->accumulate) { s0 = s0 + isk__plain_load_tail(sum, tail); }
        isk__plain_store_tail(sum, s0, tail);
    }
}

#endif
#ifdef ISK__HAVE_AVX2
ISK__TARGET_AVX2
static ISK__INLINE isk__avx2 isk__avx2_adam_step(const isk__adam_factors *f, isk__avx2 p, isk__avx2 g,
                                            isk__avx2 *m, isk__avx2 *v) {
    isk__avx2 decay = isk__avx2_set1(f->decay), scale = isk__avx2_set1(f->scale), root;
    g = isk__avx2_fma(decay, p, g * scale);
    *m = isk__avx2_fma(isk__avx2_set1(f->beta1), *m, isk__avx2_set1(f->rest1) * g);
    *v = isk__avx2_fma(isk__avx2_set1(f->beta2), *v, isk__avx2_set1(f->rest2) * g * g);
    root = isk__avx2_fma(isk__avx2_sqrt(*v), isk__avx2_set1(f->root_scale), isk__avx2_set1(f->epsilon));
    return isk__avx2_fma(isk__avx2_set1(-f->rate), *m / root, p * isk__avx2_set1(f->keep));
}

ISK__TARGET_AVX2
static void isk__adam_avx2(const isk__adam_factors *f, size_t n, isk_scalar *p, const isk_scalar *g, isk_scalar *m,
                         isk_scalar *v) {
    isk__avx2 y, moment, square;
    for (; n >= isk__avx2_width; n -= isk__avx2_width) {
        moment = isk__avx2_load(m);
        square = isk__avx2_load(v);
        y = isk__avx2_adam_step(f, isk__avx2_load(p), isk__avx2_load(g), &moment, &square);
        isk__avx2_store(m, moment);
        isk__avx2_store(v, square);
        isk__avx2_store(p, y);
        p += isk__avx2_width;
        g += isk__avx2_width;
        m += isk__avx2_width;
        v += isk__avx2_width;
    }
    if (n > 0) {
        const isk__avx2_tail tail = isk__avx2_tail_of((int)n);
        moment = isk__avx2_load_tail(m, tail);
        square = isk__avx2_load_tail(v, tail);
        y = isk__avx2_adam_step(f, isk__avx2_load_tail(p, tail), isk__avx2_load_tail(g, tail), &moment, &square);
        isk__avx2_store_tail(m, moment, tail);
        isk__avx2_store_tail(v, square, tail);
        isk__avx2_store_tail(p, y, tail);
    }
}

ISK__TARGET_AVX2
static ISK__INLINE isk__avx2
isk__avx2_sgd_step(const isk__sgd_factors *f, isk__avx2 p, isk__avx2 g, isk__avx2 *m) {
    g = isk__avx2_fma(isk__avx2_set1(f->decay), p, g * isk__avx2_set1(f->scale));
    *m = isk__avx2_fma(isk__avx2_set1(f->momentum), *m, g);
    return isk__avx2_fma(isk__avx2_set1(-f->rate), *m, p);
}

ISK__TARGET_AVX2
static void isk__sgd_avx2(const isk__sgd_factors *f, size_t n, isk_scalar *p, const isk_scalar *g,
                        isk_scalar *m) {
    isk__avx2 y, moment;
    for (; n >= isk__avx2_width; n -= isk__avx2_width) {
        moment = isk__avx2_load(m);
        y = isk__avx2_sgd_step(f, isk__avx2_load(p), isk__avx2_load(g), &moment);
        isk__avx2_store(m, moment);
        isk__avx2_store(p, y);
        p += isk__avx2_width;
        g += isk__avx2_width;
        m += isk__avx2_width;
    }
    if (n > 0) {
        const isk__avx2_tail tail = isk__avx2_tail_of((int)n);
        moment = isk__avx2_load_tail(m, tail);
        y = isk__avx2_sgd_step(f, isk__avx2_load_tail(p, tail), isk__avx2_load_tail(g, tail), &moment);
        isk__avx2_store_tail(m, moment, tail);
        isk__avx2_store_tail(p, y, tail);
    }
}

ISK__TARGET_AVX2
static double isk__squares_avx2(const isk_scalar *x, size_t n) {
    isk__avx2 s0 = isk__avx2_set1(0), s1 = s0, s2 = s0, s3 = s0, y;
    isk_scalar lanes[isk__avx2_width];
    double sum = 0;
    int i;
    for (; n >= 4 * isk__avx2_width; n -= 4 * isk__avx2_width, x += 4 * isk__avx2_width) {
        y = isk__avx2_load(x);
        s0 = isk__avx2_fma(y, y, s0);
        y = isk__avx2_load(x + isk__avx2_width);
        s1 = isk__avx2_fma(y, y, s1);
        y = isk__avx2_load(x + 2 * isk__avx2_width);
        s2 = isk__avx2_fma(y, y, s2);
        y = isk__avx2_load(x + 3 * isk__avx2_width);
        s3 = isk__avx2_fma(y, y, s3);
    }
    for (; n >= isk__avx2_width; n -= isk__avx2_width, x += isk__avx2_width) {
        y = isk__avx2_load(x);
        s0 = isk__avx2_fma(y, y, s0);
    }
    y = isk__avx2_load_tail(x, isk__avx2_tail_of((int)n));
    s1 = isk__avx2_fma(y, y, s1);
    isk__avx2_store(lanes, (s0 + s1) + (s2 + s3));
    for (i = 0; i < isk__avx2_width; i++) { sum += (double)lanes[i]; }
    return sum;
}

ISK__TARGET_AVX2
static void isk__row_sum_avx2(const isk__row_sum_call *c) {
    const isk_scalar *x = c->x;
    isk_scalar *sum = c->sum;
    const ptrdiff_t row = c->row;
    int left, p;
    for (left = c->cols; left > 0; left -= isk__avx2_width, x += isk__avx2_width, sum += isk__avx2_width) {
        const isk__avx2_tail tail = isk__avx2_tail_of(left < isk__avx2_width ? left : isk__avx2_width);
        const isk_scalar *at = x;
        isk__avx2 s0 = isk__avx2_set1(0), s1 = s0, s2 = s0, s3 = s0;
        for (p = c->rows; p >= 4; p -= 4, at += 4 * row) {
            s0 = s0 + isk__avx2_load_tail(at, tail);
            s1 = s1 + isk__avx2_load_tail(at + row, tail);
            s2 = s2 + isk__avx2_load_tail(at + 2 * row, tail);
            s3 = s3 + isk__avx2_load_tail(at + 3 * row, tail);
        }
        for (; p > 0; p--, at += row) { s0 = s0 + isk__avx2_load_tail(at, tail); }
        s0 = (s0 + s1) + (s2 + s3);
        if (c->accumulate) { s0 = s0 + isk__avx2_load_tail(sum, tail); }
        isk__avx2_store_tail(sum, s0, tail);
    }
}

ISK__TARGET_AVX512
static ISK__INLINE isk__avx512 isk__avx512_adam_step(const isk__adam_factors *f, isk__avx512 p, isk__avx512 g,
                                            isk__avx512 *m, isk__avx512 *v) {
    isk__avx512 decay = isk__avx512_set1(f->decay), scale = isk__avx512_set1(f->scale), root;
    g = isk__avx512_fma(decay, p, g * scale);
    *m = isk__avx512_fma(isk__avx512_set1(f->beta1), *m, isk__avx512_set1(f->rest1) * g);
    *v = isk__avx512_fma(isk__avx512_set1(f->beta2), *v, isk__avx512_set1(f->rest2) * g * g);
    root = isk__avx512_fma(isk__avx512_sqrt(*v), isk__avx512_set1(f->root_scale), isk__avx512_set1(f->epsilon));
    return isk__avx512_fma(isk__avx512_set1(-f->rate), *m / root, p * isk__avx512_set1(f->keep));
}

ISK__TARGET_AVX512
static void isk__adam_avx512(const isk__adam_factors *f, size_t n, isk_scalar *p, const isk_scalar *g, isk_scalar *m,
                         isk_scalar *v) {
    isk__avx512 y, moment, square;
    for (; n >= isk__avx512_width; n -= isk__avx512_width) {
        moment = isk__avx512_load(m);
        square = isk__avx512_load(v);
        y = isk__avx512_adam_step(f, isk__avx512_load(p), isk__avx512_load(g), &moment, &square);
        isk__avx512_store(m, moment);
        isk__avx512_store(v, square);
        isk__avx512_store(p, y);
        p += isk__avx512_width;
        g += isk__avx512_width;
        m += isk__avx512_width;
        v += isk__avx512_width;
    }
    if (n > 0) {
        const isk__avx512_tail tail = isk__avx512_tail_of((int)n);
        moment = isk__avx512_load_tail(m, tail);
        square = isk__avx512_load_tail(v, tail);
        y = isk__avx512_adam_step(f, isk__avx512_load_tail(p, tail), isk__avx512_load_tail(g, tail), &moment, &square);
        isk__avx512_store_tail(m, moment, tail);
        isk__avx512_store_tail(v, square, tail);
        isk__avx512_store_tail(p, y, tail);
    }
}

ISK__TARGET_AVX512
static ISK__INLINE isk__avx512
isk__avx512_sgd_step(const isk__sgd_factors *f, isk__avx512 p, isk__avx512 g, isk__avx512 *m) {
    g = isk__avx512_fma(isk__avx512_set1(f->decay), p, g * isk__avx512_set1(f->scale));
    *m = isk__avx512_fma(isk__avx512_set1(f->momentum), *m, g);
    return isk__avx512_fma(isk__avx512_set1(-f->rate), *m, p);
}

ISK__TARGET_AVX512
static void isk__sgd_avx512(const isk__sgd_factors *f, size_t n, isk_scalar *p, const isk_scalar *g,
                        isk_scalar *m) {
    isk__avx512 y, moment;
    for (; n >= isk__avx512_width; n -= isk__avx512_width) {
        moment = isk__avx512_load(m);
        y = isk__avx512_sgd_step(f, isk__avx512_load(p), isk__avx512_load(g), &moment);
        isk__avx512_store(m, moment);
        isk__avx512_store(p, y);
        p += isk__avx512_width;
        g += isk__avx512_width;
        m += isk__avx512_width;
    }
    if (n > 0) {
        const isk__avx512_tail tail = isk__avx512_tail_of((int)n);
        moment = isk__avx512_load_tail(m, tail);
        y = isk__avx512_sgd_step(f, isk__avx512_load_tail(p, tail), isk__avx512_load_tail(g, tail), &moment);
        isk__avx512_store_tail(m, moment, tail);
        isk__avx512_store_tail(p, y, tail);
    }
}

ISK__TARGET_AVX512
static double isk__squares_avx512(const isk_scalar *x, size_t n) {
    isk__avx512 s0 = isk__avx512_set1(0), s1 = s0, s2 = s0, s3 = s0, y;
    isk_scalar lanes[isk__avx512_width];
    double sum = 0;
    int i;
    for (; n >= 4 * isk__avx512_width; n -= 4 * isk__avx512_width, x += 4 * isk__avx512_width) {
        y = isk__avx512_load(x);
        s0 = isk__avx512_fma(y, y, s0);
        y = isk__avx512_load(x + isk__avx512_width);
        s1 = isk__avx512_fma(y, y, s1);
        y = isk__avx512_load(x + 2 * isk__avx512_width);
        s2 = isk__avx512_fma(y, y, s2);
        y = isk__avx512_load(x + 3 * isk__avx512_width);
        s3 = isk__avx512_fma(y, y, s3);
    }
    for (; n >= isk__avx512_width; n -= isk__avx512_width, x += isk__avx512_width) {
        y = isk__avx512_load(x);
        s0 = isk__avx512_fma(y, y, s0);
    }
    y = isk__avx512_load_tail(x, isk__avx512_tail_of((int)n));
    s1 = isk__avx512_fma(y, y, s1);
    isk__avx512_store(lanes, (s0 + s1) + (s2 + s3));
    for (i = 0; i < isk__avx512_width; i++) { sum += (double)lanes[i]; }
    return sum;
}

ISK__TARGET_AVX512
static void isk__row_sum_avx512(const isk__row_sum_call *c) {
    const isk_scalar *x = c->x;
    isk_scalar *sum = c->sum;
    const ptrdiff_t row = c->row;
    int left, p;
    for (left = c->cols; left > 0; left -= isk__avx512_width, x += isk__avx512_width, sum += isk__avx512_width) {
        const isk__avx512_tail tail = isk__avx512_tail_of(left < isk__avx512_width ? left : isk__avx512_width);
        const isk_scalar *at = x;
        isk__avx512 s0 = isk__avx512_set1(0), s1 = s0, s2 = s0, s3 = s0;
        for (p = c->rows; p >= 4; p -= 4, at += 4 * row) {
            s0 = s0 + isk__avx512_load_tail(at, tail);
            s1 = s1 + isk__avx512_load_tail(at + row, tail);
            s2 = s2 + isk__avx512_load_tail(at + 2 * row, tail);
            s3 = s3 + isk__avx512_load_tail(at + 3 * row, tail);
        }
        for (; p > 0; p--, at += row) { s0 = s0 + isk__avx512_load_tail(at, tail); }
        s0 = (s0 + s1) + (s2 + s3);
        if (c->accumulate) { s0 = s0 + isk__avx512_load_tail(sum, tail); }
        isk__avx512_store_tail(sum, s0, tail);
    }
}

#endif
/* >>generated optimiser-loops: end */

#ifndef ISK__HAVE_VECTORS
static void isk__adam_plain(const isk__adam_factors *f, size_t n, isk_scalar *p, const isk_scalar *gradient,
                            isk_scalar *m, isk_scalar *v) {
    size_t i;
    for (i = 0; i < n; i++) {
        isk_scalar g = f->scale * gradient[i] + f->decay * p[i];
        m[i] = f->beta1 * m[i] + f->rest1 * g;
        v[i] = f->beta2 * v[i] + f->rest2 * g * g;
        p[i] = f->keep * p[i] - f->rate * (m[i] / ((isk_scalar)sqrt((double)v[i]) * f->root_scale + f->epsilon));
    }
}

static void isk__sgd_plain(const isk__sgd_factors *f, size_t n, isk_scalar *p, const isk_scalar *gradient,
                           isk_scalar *m) {
    size_t i;
    for (i = 0; i < n; i++) {
        m[i] = f->momentum * m[i] + (f->scale * gradient[i] + f->decay * p[i]);
        p[i] -= f->rate * m[i];
    }
}

static double isk__squares_plain(const isk_scalar *x, size_t n) {
    double sum = 0;
    size_t i;
    for (i = 0; i < n; i++) { sum += (double)x[i] * (double)x[i]; }
    return sum;
}

static void isk__row_sum_plain(const isk__row_sum_call *c) {
    int i, j;
    for (j = 0; j < c->cols && !c->accumulate; j++) { c->sum[j] = 0; }
    for (i = 0; i < c->rows; i++) {
        for (j = 0; j < c->cols; j++) { c->sum[j] += c->x[(ptrdiff_t)i * c->row + j]; }
    }
}
#endif

static void isk__adam(const isk__adam_call *call) {
    double t = (double)call->step;
    isk__adam_factors f;
    f.scale = (isk_scalar)call->gradient_scale;
    f.decay = (isk_scalar)(call->coupled ? call->weight_decay : 0);
    f.keep = (isk_scalar)(call->coupled ? 1 : 1 - call->rate * call->weight_decay);
    f.beta1 = (isk_scalar)call->beta1;
    f.rest1 = (isk_scalar)(1 - call->beta1);
    f.beta2 = (isk_scalar)call->beta2;
    f.rest2 = (isk_scalar)(1 - call->beta2);
    f.root_scale = (isk_scalar)(1 / sqrt(1 - pow(call->beta2, t)));
    f.epsilon = (isk_scalar)call->epsilon;
    f.rate = (isk_scalar)(call->rate / (1 - pow(call->beta1, t)));
#ifdef ISK__HAVE_AVX2
    if (call->level >= 2) { isk__adam_avx512(&f, call->n, call->p, call->gradient, call->m, call->v); return; }
    if (call->level == 1) { isk__adam_avx2(&f, call->n, call->p, call->gradient, call->m, call->v); return; }
#endif
    isk__adam_plain(&f, call->n, call->p, call->gradient, call->m, call->v);
}

static void isk__sgd(const isk__sgd_call *call) {
    isk__sgd_factors f;
    f.scale = (isk_scalar)call->gradient_scale;
    f.decay = (isk_scalar)call->weight_decay;
    f.momentum = (isk_scalar)call->momentum;
    f.rate = (isk_scalar)call->rate;
#ifdef ISK__HAVE_AVX2
    if (call->level >= 2) { isk__sgd_avx512(&f, call->n, call->p, call->gradient, call->m); return; }
    if (call->level == 1) { isk__sgd_avx2(&f, call->n, call->p, call->gradient, call->m); return; }
#endif
    isk__sgd_plain(&f, call->n, call->p, call->gradient, call->m);
}

/* Sum of x[i]^2 in an order that n alone fixes; blocks of 4096 are added in double, so that long sums stay exact to
   1e-6. */
static double isk__sum_squares(int level, const isk_scalar *x, size_t n) {
    const size_t block = 4096;
    double sum = 0;
    size_t i;
    (void)level;
    for (i = 0; i < n; i += block) {
        size_t count = n - i < block ? n - i : block;
#ifdef ISK__HAVE_AVX2
        if (level >= 2) { sum += isk__squares_avx512(x + i, count); continue; }
        if (level == 1) { sum += isk__squares_avx2(x + i, count); continue; }
#endif
        sum += isk__squares_plain(x + i, count);
    }
    return sum;
}

static void isk__row_sum(const isk__row_sum_call *call) {
#ifdef ISK__HAVE_AVX2
    if (call->level >= 2) { isk__row_sum_avx512(call); return; }
    if (call->level == 1) { isk__row_sum_avx2(call); return; }
#endif
    isk__row_sum_plain(call);
}

ISK__COLD_BEGIN

/* ==== >>graph: recording, differentiating, planning, replaying ======================================================= */

/* A graph is a list of nodes; a node's inputs stand before it, so the list is in an order of evaluation.  A program is
   made from some of its nodes: it has its own plan of memory and its own list of instructions, and shares parameters and
   inputs with the other programs of the graph.

   Memory comes in four classes, so that many models can be trained with little of it:
     worker   scratch and gradients: one per thread, whatever the number of models
     state    parameters, moments, running statistics: one per model, saved
     slot     values of a model while it is being trained: kept outputs, cached features, lambda
     shared   the data
   A space is a piece of one class; a reference names a space and an offset, and is turned into a pointer by the table
   of bases that a frame holds. */

enum { ISK__WORKER, ISK__STATE, ISK__SLOT, ISK__SHARED, ISK__CLASSES };
enum { ISK__SCRATCH_SPACE = 0 };
enum { ISK__MAX_OUTPUTS = 24, ISK__MAX_ATTRIBUTES = 4 };

typedef struct isk__ref { int space, stride; size_t offset; } isk__ref;     /* space < 0: there is none */

typedef struct isk__space {
    int kind;                               /* class */
    size_t size;                            /* scalars */
    const isk_scalar *bound;                /* memory of the user's that stands in, or NULL */
} isk__space;

typedef struct isk__node {
    int op;                                 /* ISK__OP_... ; ISK__LEAF: a value that is there before the program runs */
    int input_count, inputs[ISK__MAX_INPUTS];
    int rows, cols;
    int weight;                             /* node of the row weights of this value, or -1: all rows are present */
    int alias;                              /* >= 0: the same memory as that node */
    int parameter;                          /* index in graph->parameters, or -1 */
    double attributes[ISK__MAX_ATTRIBUTES];
    isk__ref leaf;                          /* where a leaf lives */
} isk__node;

typedef struct isk__parameter_info {
    char name[64];
    int node, group;
    size_t offset;                          /* in the group's vector, or in its buffers */
    isk_parameter_desc desc;
} isk__parameter_info;

typedef struct isk__group_info {
    char name[48];
    int value, gradient, moment1, moment2, buffer;      /* spaces */
    size_t size, buffer_size;                           /* scalars */
} isk__group_info;

typedef struct isk__memory { isk_scalar *block; size_t *offsets; size_t size; int spaces; } isk__memory;

struct isk_graph {
    isk_context *context;
    int models, failed;
    uint64_t *seeds;
    isk__node *nodes; int node_count, node_capacity;
    isk__space *spaces; int space_count, space_capacity;
    isk__group_info *groups; int group_count, group_capacity;
    isk__parameter_info *parameters; int parameter_count, parameter_capacity;
    int *effects; int effect_count, effect_capacity;    /* recorded side effects that no program has taken yet */
    isk_program **programs; int program_count, program_capacity;
    /* what isk_run needs; a trainer brings its own */
    isk__memory shared, *state, *slot, *worker;
    isk_scalar **bases; int bases_spaces;   /* [threads] tables, for that many spaces */
    int ready_parameters;
    uint64_t runs;
};

/* What an instruction does with its node. */
enum { ISK__FORWARD, ISK__BACKWARD, ISK__MASK_GRADIENT, ISK__FILL_GRADIENT, ISK__UPDATE };

typedef struct isk__instruction {
    int action, node;
    isk__ref in[ISK__MAX_INPUTS], out, grad, grad_in[ISK__MAX_INPUTS], save, work;
    unsigned accumulate;                    /* bit i: grad_in[i] is added to */
    unsigned mask;                          /* bit i: grad_in[i] is kept only where in[i] > 0 (ReLU of the producer) */
    double value;                           /* FILL_GRADIENT */
    size_t count;
} isk__instruction;

/* A run of parameters that the optimiser treats alike. */
typedef struct isk__segment { size_t offset, size; int decay, limited; double low, high; } isk__segment;

struct isk_program {
    isk_graph *graph;
    isk__instruction *instructions; int instruction_count, instruction_capacity;
    int output_count, outputs[ISK__MAX_OUTPUTS];        /* nodes */
    isk__ref output_refs[ISK__MAX_OUTPUTS];             /* in a space of class slot */
    int group;                                          /* that is updated, or -1 */
    size_t size;                                        /* of the group when the program was made, scalars */
    int batch_rows, data_rows;                          /* rows of its batch, 0: it has none; of the least data it gathers */
    isk_optimiser_desc optimiser;
    isk__segment *segments; int segment_count, segment_capacity;
    size_t scratch;                                     /* scalars */
    uint64_t *steps;                                    /* [models] updates so far, for isk_run */
    uint64_t ran;                                       /* which of the graph's runs was its last; 0: none */
};

/* Which rows a program's batch takes: rows[permute(first + i)] for i below the batch's size, absent at and after count. */
typedef struct isk__rows {
    const int32_t *rows;                    /* eligible rows, or NULL: 0 .. count-1 */
    int64_t count, first;
    int shuffled;
    uint64_t key;                           /* of the permutation */
} isk__rows;

/* Everything one replay on one worker needs. */
typedef struct isk__frame {
    isk_scalar **base;                      /* of every space */
    int level;
    uint64_t seed, step;                    /* step: updates that this program made before */
    double rate;
    isk__rows batch;
} isk__frame;

/* One call of an op that no expression can hold.  loop.rows, loop.cols are the shape of the output. */
typedef struct isk__call {
    isk__loop loop;
    int in_rows[ISK__MAX_INPUTS], in_cols[ISK__MAX_INPUTS];
    isk_scalar *save;                       /* kept from forward to backward */
    unsigned mask;                          /* as in isk__instruction */
    const isk__frame *frame;
    int node;                               /* number of the node: a stream of random numbers of its own */
} isk__call;

typedef struct isk__special_info {
    const char *name;
    void (*forward)(const isk__call *);
    void (*backward)(const isk__call *);    /* NULL: not differentiable */
    size_t (*work)(const isk_graph *, const isk__node *);       /* scalars for either direction, or NULL: none */
    size_t (*save)(const isk_graph *, const isk__node *);       /* scalars from forward to backward, or NULL: none */
    unsigned differentiable, reads_inputs;
    int reads_output;
} isk__special_info;

/* name, differentiable inputs, inputs that backward reads, backward reads the output */
#define ISK__SPECIAL_LIST(X)      \
    X(matmul, 3, 3, 0)            \
    X(linear, 7, 3, 1)            \
    X(concat, 15, 0, 0)           \
    X(slice, 1, 0, 0)             \
    X(dropout, 1, 0, 0)           \
    X(permute_rows, 1, 0, 0)      \
    X(batch, 0, 0, 0)             \
    X(batch_weight, 0, 0, 0)      \
    X(gather, 0, 0, 0)            \
    X(scatter, 0, 0, 0)           \
    X(store, 0, 0, 0)             \
    X(follow, 0, 0, 0)            \
    X(info_nce, 7, 7, 0)

enum {
    ISK__LEAF = -1,
    ISK__BEFORE_SPECIALS = ISK__OP_COUNT - 1,       /* the specials' numbers follow those of the expression ops */
#define ISK__SPECIAL_ENUM(name, differentiable, reads_inputs, reads_output) ISK__OP_##name,
    ISK__SPECIAL_LIST(ISK__SPECIAL_ENUM)
#undef ISK__SPECIAL_ENUM
    ISK__OP_END
};

static const isk__special_info *isk__special(int op);                   /* >>cpu-kernels */
static void isk__update(const isk_program *program, const isk__frame *frame);

/* Distance of rows of planned tensors: whole cache lines, and not a power of two of pages, which would collide in cache. */
static int isk__stride(int cols) {
    int stride = cols == 1 ? 1 : (cols + 15) / 16 * 16;
    return stride >= 512 && stride % 512 == 0 ? stride + 16 : stride;
}

/* ---- recording ---- */

static isk_tensor isk__no_tensor(isk_graph *graph) {
    isk_tensor none;
    none.graph = graph;
    none.node = -1;
    return none;
}

/* Keeps the first mistake of a graph. */
static isk_tensor isk__record_fail(isk_graph *graph, isk_status status, const char *format, ...) ISK__FORMAT(3, 4);
static isk_tensor isk__record_fail(isk_graph *graph, isk_status status, const char *format, ...) {
    if (!graph->failed) {
        char text[400];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        isk__fail(graph->context, status, "%s", text);
        graph->failed = (int)status;
    }
    return isk__no_tensor(graph);
}

/* Extents so small that sums and products of a program's sizes never overflow. */
static int isk__shape_fits(isk_graph *graph, const char *what, int rows, int cols) {
    const int most_rows = 1 << 30, most_cols = 1 << 28;
    if (rows <= most_rows && cols <= most_cols && (uint64_t)rows * (uint64_t)isk__stride(cols) <= (uint64_t)1 << 40) { return 1; }
    isk__record_fail(graph, ISK_SHAPE, "%s: shape [%d, %d] is too large", what, rows, cols);
    return 0;
}

static isk__node *isk__node_of(isk_tensor tensor) { return &tensor.graph->nodes[tensor.node]; }

/* The node whose memory this one shows. */
static int isk__root(const isk_graph *graph, int node) {
    while (graph->nodes[node].alias >= 0) { node = graph->nodes[node].alias; }
    return node;
}

static isk_tensor isk__node_add(isk_graph *graph, int op, int rows, int cols) {
    isk_tensor tensor;
    isk__node *node;
    void *items = graph->nodes;
    if (graph->failed) { return isk__no_tensor(graph); }
    if (!isk__grow(graph->context, &items, &graph->node_capacity, graph->node_count + 1, sizeof *node)) {
        return isk__record_fail(graph, ISK_MEMORY, "out of memory while recording");
    }
    graph->nodes = (isk__node *)items;
    node = &graph->nodes[graph->node_count];
    memset(node, 0, sizeof *node);
    node->op = op;
    node->rows = rows;
    node->cols = cols;
    node->weight = node->alias = node->parameter = -1;
    node->leaf.space = -1;
    tensor.graph = graph;
    tensor.node = graph->node_count++;
    return tensor;
}

/* Returns the new space, or -1. */
static int isk__space_add(isk_graph *graph, int kind, size_t size) {
    void *items = graph->spaces;
    if (!isk__grow(graph->context, &items, &graph->space_capacity, graph->space_count + 1, sizeof *graph->spaces)) {
        isk__record_fail(graph, ISK_MEMORY, "out of memory while recording");
        return -1;
    }
    graph->spaces = (isk__space *)items;
    memset(&graph->spaces[graph->space_count], 0, sizeof *graph->spaces);
    graph->spaces[graph->space_count].kind = kind;
    graph->spaces[graph->space_count].size = size;
    return graph->space_count++;
}

/* A leaf [rows, cols] in a space of its own.  `compact`: rows follow each other without padding. */
static isk_tensor isk__leaf(isk_graph *graph, int kind, int rows, int cols, int compact) {
    isk_tensor tensor;
    int space, stride;
    if (graph->failed) { return isk__no_tensor(graph); }
    if (rows < 1 || cols < 1) {
        return isk__record_fail(graph, ISK_SHAPE, "input: shape [%d, %d] is empty; give at least 1 x 1", rows, cols);
    }
    if (!isk__shape_fits(graph, "input", rows, cols)) { return isk__no_tensor(graph); }
    stride = compact ? cols : isk__stride(cols);
    space = isk__space_add(graph, kind, isk__mul((size_t)rows, (size_t)stride));
    tensor = isk__node_add(graph, ISK__LEAF, rows, cols);
    if (tensor.node < 0 || space < 0) { return isk__no_tensor(graph); }
    isk__node_of(tensor)->leaf.space = space;
    isk__node_of(tensor)->leaf.stride = stride;
    return tensor;
}

INDISEEK_API isk_tensor isk_input(isk_graph *graph, int rows, int cols) {
    return isk__leaf(graph, ISK__SHARED, rows, cols, 0);
}

INDISEEK_API isk_tensor isk_model_input(isk_graph *graph, int rows, int cols) {
    return isk__leaf(graph, ISK__SLOT, rows, cols, 0);
}

INDISEEK_API int isk_rows(isk_tensor tensor) { return tensor.node < 0 ? 0 : isk__node_of(tensor)->rows; }
INDISEEK_API int isk_cols(isk_tensor tensor) { return tensor.node < 0 ? 0 : isk__node_of(tensor)->cols; }

/* True when all tensors are of one graph and were recorded; `name` is for the message. */
static int isk__recorded(const char *name, const isk_tensor *inputs, int count) {
    int i;
    for (i = 0; i < count; i++) {
        if (inputs[i].graph != inputs[0].graph) {
            isk__record_fail(inputs[0].graph, ISK_ARGUMENT, "%s: input %d belongs to another graph", name, i);
            return 0;
        }
        if (inputs[i].node < 0) {
            isk__record_fail(inputs[0].graph, ISK_ARGUMENT, "%s: input %d was not recorded", name, i);
            return 0;
        }
    }
    return !inputs[0].graph->failed;
}

static isk_tensor isk__node_with_inputs(int op, int rows, int cols, const isk_tensor *inputs, int count) {
    isk_tensor tensor = isk__node_add(inputs[0].graph, op, rows, cols);
    int i;
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->input_count = count;
    for (i = 0; i < count; i++) { isk__node_of(tensor)->inputs[i] = inputs[i].node; }
    for (i = 0; i < count && isk__node_of(tensor)->weight < 0; i++) {
        if (isk__node_of(inputs[i])->rows == rows) { isk__node_of(tensor)->weight = isk__node_of(inputs[i])->weight; }
    }
    return tensor;
}

/* Does [rows, cols] of an operand of this kind fit an index space of [all_rows, all_cols]? */
static int isk__kind_fits(char kind, int rows, int cols, int all_rows, int all_cols) {
    switch (kind) {
    case 'e': return rows == all_rows && cols == all_cols;
    case 'r': return rows == all_rows && cols == 1;
    case 'c': return rows == 1 && cols == all_cols;
    default:  return rows == 1 && cols == 1;
    }
}

static isk_tensor isk__record(int op, const isk_tensor *inputs, int input_count, const double *attributes,
                              int attribute_count) {
    const isk__op_info *info = isk__op(op);
    int i, given = 0, rows = 0, cols = 0, extent = 0, weight = -1;
    isk_tensor tensor, operands[ISK__MAX_INPUTS];
    isk_graph *graph = inputs[0].graph;
    if (!isk__recorded(info->name, inputs, input_count)) { return isk__no_tensor(graph); }
    for (i = 0; i < info->inputs; i++) {
        if (info->kinds[i] == 'w') { continue; }
        operands[i] = inputs[given++];
        if (info->kinds[i] == 'e' && !extent) {
            extent = 1;
            rows = isk_rows(operands[i]);
            cols = isk_cols(operands[i]);
        }
        if (weight < 0 && (info->kinds[i] == 'e' || info->kinds[i] == 'r')) { weight = isk__node_of(operands[i])->weight; }
    }
    for (i = 0; i < info->inputs; i++) {
        if (info->kinds[i] == 'w') {
            operands[i] = isk__no_tensor(graph);
            operands[i].node = weight;
        } else if (!isk__kind_fits(info->kinds[i], isk_rows(operands[i]), isk_cols(operands[i]), rows, cols)) {
            static const char *const wanted[] = { "the same shape", "[rows, 1]", "[1, cols]", "[1, 1]" };
            const char *kind = strchr("ercs", info->kinds[i]);
            return isk__record_fail(graph, ISK_SHAPE, "%s: input %d is [%d, %d], which does not fit [%d, %d]; it takes %s",
                                    info->name, i, isk_rows(operands[i]), isk_cols(operands[i]), rows, cols,
                                    wanted[kind ? kind - "ercs" : 0]);
        }
    }
    tensor = isk__node_add(graph, op, info->out_kind == 'e' || info->out_kind == 'r' ? rows : 1,
                           info->out_kind == 'e' || info->out_kind == 'c' ? cols : 1);
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->input_count = info->inputs;
    for (i = 0; i < info->inputs; i++) { isk__node_of(tensor)->inputs[i] = operands[i].node; }
    for (i = 0; i < attribute_count && i < ISK__MAX_ATTRIBUTES; i++) { isk__node_of(tensor)->attributes[i] = attributes[i]; }
    if (info->out_kind == 'e' || info->out_kind == 'r') { isk__node_of(tensor)->weight = weight; }
    return tensor;
}

INDISEEK_API isk_tensor isk_with_row_weights(isk_tensor x, isk_tensor weights) {
    isk_tensor inputs[2], tensor;
    inputs[0] = x;
    inputs[1] = weights;
    if (!isk__recorded("with_row_weights", inputs, 2)) { return isk__no_tensor(x.graph); }
    if (isk_rows(weights) != isk_rows(x) || isk_cols(weights) != 1) {
        return isk__record_fail(x.graph, ISK_SHAPE, "with_row_weights: weights are [%d, %d]; a value of %d rows takes [%d, 1]",
                                isk_rows(weights), isk_cols(weights), isk_rows(x), isk_rows(x));
    }
    tensor = isk__node_add(x.graph, isk__node_of(x)->op, isk_rows(x), isk_cols(x));
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->alias = x.node;
    isk__node_of(tensor)->weight = weights.node;
    return tensor;
}

/* An alias whose attribute 0 says that no gradient passes. */
INDISEEK_API isk_tensor isk_stop_gradient(isk_tensor x) {
    isk_tensor tensor;
    if (!isk__recorded("stop_gradient", &x, 1)) { return isk__no_tensor(x.graph); }
    tensor = isk__node_add(x.graph, ISK__LEAF, isk_rows(x), isk_cols(x));
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->alias = x.node;
    isk__node_of(tensor)->weight = isk__node_of(x)->weight;
    isk__node_of(tensor)->attributes[0] = 1;
    return tensor;
}

/* op(a) op(b), where bit 0 of `transposed` is for a and bit 1 for b. */
static isk_tensor isk__matmul(const char *name, isk_tensor a, isk_tensor b, int transposed) {
    isk_tensor inputs[2], tensor;
    int rows, cols, inner, inner_b;
    inputs[0] = a;
    inputs[1] = b;
    if (!isk__recorded(name, inputs, 2)) { return isk__no_tensor(a.graph); }
    rows = transposed & 1 ? isk_cols(a) : isk_rows(a);
    inner = transposed & 1 ? isk_rows(a) : isk_cols(a);
    inner_b = transposed & 2 ? isk_cols(b) : isk_rows(b);
    cols = transposed & 2 ? isk_rows(b) : isk_cols(b);
    if (inner != inner_b) {
        return isk__record_fail(a.graph, ISK_SHAPE, "%s: [%d, %d] and [%d, %d] do not fit: inner extents are %d and %d", name,
                                isk_rows(a), isk_cols(a), isk_rows(b), isk_cols(b), inner, inner_b);
    }
    if (!isk__shape_fits(a.graph, name, rows, cols)) { return isk__no_tensor(a.graph); }
    tensor = isk__node_with_inputs(ISK__OP_matmul, rows, cols, inputs, 2);
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->attributes[0] = transposed;
    isk__node_of(tensor)->weight = transposed & 1 ? -1 : isk__node_of(a)->weight;
    return tensor;
}

INDISEEK_API isk_tensor isk_matmul(isk_tensor a, isk_tensor b) { return isk__matmul("matmul", a, b, 0); }
INDISEEK_API isk_tensor isk_matmul_tn(isk_tensor a, isk_tensor b) { return isk__matmul("matmul_tn", a, b, 1); }
INDISEEK_API isk_tensor isk_matmul_nt(isk_tensor a, isk_tensor b) { return isk__matmul("matmul_nt", a, b, 2); }

INDISEEK_API isk_tensor isk_linear_map(isk_tensor x, isk_tensor weight, isk_tensor bias, int relu) {
    isk_tensor inputs[3], tensor;
    inputs[0] = x;
    inputs[1] = weight;
    inputs[2] = bias;
    if (!isk__recorded("linear_map", inputs, 3)) { return isk__no_tensor(x.graph); }
    if (isk_cols(x) != isk_rows(weight) || isk_rows(bias) != 1 || isk_cols(bias) != isk_cols(weight)) {
        return isk__record_fail(x.graph, ISK_SHAPE, "linear_map: x [%d, %d], weight [%d, %d] and bias [%d, %d] do not fit",
                                isk_rows(x), isk_cols(x), isk_rows(weight), isk_cols(weight), isk_rows(bias), isk_cols(bias));
    }
    if (!isk__shape_fits(x.graph, "linear_map", isk_rows(x), isk_cols(weight))) { return isk__no_tensor(x.graph); }
    tensor = isk__node_with_inputs(ISK__OP_linear, isk_rows(x), isk_cols(weight), inputs, 3);
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->attributes[0] = relu ? 1 : 0;
    isk__node_of(tensor)->weight = isk__node_of(x)->weight;
    return tensor;
}

INDISEEK_API isk_tensor isk_concat(const isk_tensor *parts, int count) {
    int i, cols = 0;
    if (count < 1 || count > 4) {
        return isk__record_fail(parts[0].graph, ISK_ARGUMENT, "concat: %d parts; it takes 1 to 4", count);
    }
    if (!isk__recorded("concat", parts, count)) { return isk__no_tensor(parts[0].graph); }
    for (i = 0; i < count; i++) {
        if (isk_rows(parts[i]) != isk_rows(parts[0])) {
            return isk__record_fail(parts[0].graph, ISK_SHAPE, "concat: part 0 is [%d, %d], part %d is [%d, %d]; rows differ",
                                    isk_rows(parts[0]), isk_cols(parts[0]), i, isk_rows(parts[i]), isk_cols(parts[i]));
        }
        cols += isk_cols(parts[i]);
    }
    if (!isk__shape_fits(parts[0].graph, "concat", isk_rows(parts[0]), cols)) { return isk__no_tensor(parts[0].graph); }
    return isk__node_with_inputs(ISK__OP_concat, isk_rows(parts[0]), cols, parts, count);
}

INDISEEK_API isk_tensor isk_slice(isk_tensor x, int first, int count) {
    isk_tensor tensor;
    if (!isk__recorded("slice", &x, 1)) { return isk__no_tensor(x.graph); }
    if (first < 0 || count < 1 || first > isk_cols(x) - count) {
        return isk__record_fail(x.graph, ISK_SHAPE, "slice: columns %d to %d of [%d, %d]", first, first + count - 1,
                                isk_rows(x), isk_cols(x));
    }
    tensor = isk__node_with_inputs(ISK__OP_slice, isk_rows(x), count, &x, 1);
    if (tensor.node >= 0) { isk__node_of(tensor)->attributes[0] = first; }
    return tensor;
}

INDISEEK_API isk_tensor isk_dropout(isk_tensor x, double probability) {
    isk_tensor tensor;
    if (!isk__recorded("dropout", &x, 1)) { return isk__no_tensor(x.graph); }
    if (!(probability >= 0 && probability < 1)) {
        return isk__record_fail(x.graph, ISK_ARGUMENT, "dropout: probability %g; it must be in [0, 1)", probability);
    }
    if (probability == 0) { return x; }
    tensor = isk__node_with_inputs(ISK__OP_dropout, isk_rows(x), isk_cols(x), &x, 1);
    if (tensor.node >= 0) { isk__node_of(tensor)->attributes[0] = probability; }
    return tensor;
}

INDISEEK_API isk_tensor isk_permute_rows(isk_tensor x) {
    isk_tensor tensor;
    if (!isk__recorded("permute_rows", &x, 1)) { return isk__no_tensor(x.graph); }
    tensor = isk__node_with_inputs(ISK__OP_permute_rows, isk_rows(x), isk_cols(x), &x, 1);
    if (tensor.node >= 0) {
        isk__node_of(tensor)->inputs[1] = isk__node_of(x)->weight;      /* NULL when every row is present */
        isk__node_of(tensor)->input_count = 2;
    }
    return tensor;
}

INDISEEK_API isk_tensor isk_batch(isk_graph *graph, int rows) {
    isk_tensor batch, weight;
    if (rows < 1) { return isk__record_fail(graph, ISK_SHAPE, "batch: %d rows; give at least 1", rows); }
    if (!isk__shape_fits(graph, "batch", rows, 1)) { return isk__no_tensor(graph); }
    batch = isk__node_add(graph, ISK__OP_batch, rows, 1);
    if (batch.node < 0) { return batch; }
    weight = isk__node_with_inputs(ISK__OP_batch_weight, rows, 1, &batch, 1);
    if (weight.node < 0) { return weight; }
    isk__node_of(batch)->weight = weight.node;
    return batch;
}

INDISEEK_API isk_tensor isk_gather(isk_tensor data, isk_tensor batch) {
    isk_tensor inputs[2], tensor;
    inputs[0] = data;
    inputs[1] = batch;
    if (!isk__recorded("gather", inputs, 2)) { return isk__no_tensor(data.graph); }
    if (isk__node_of(batch)->op != ISK__OP_batch) {
        return isk__record_fail(data.graph, ISK_ARGUMENT, "gather: the second input must come from isk_batch");
    }
    if (!isk__shape_fits(data.graph, "gather", isk_rows(batch), isk_cols(data))) { return isk__no_tensor(data.graph); }
    tensor = isk__node_with_inputs(ISK__OP_gather, isk_rows(batch), isk_cols(data), inputs, 2);
    if (tensor.node >= 0) { isk__node_of(tensor)->weight = isk__node_of(batch)->weight; }
    return tensor;
}

INDISEEK_API isk_tensor isk_info_nce(isk_tensor u, isk_tensor v, isk_tensor scale) {
    isk_tensor inputs[3], tensor;
    inputs[0] = u;
    inputs[1] = v;
    inputs[2] = scale;
    if (!isk__recorded("info_nce", inputs, 3)) { return isk__no_tensor(u.graph); }
    if (isk_rows(u) != isk_rows(v) || isk_cols(u) != isk_cols(v) || isk_rows(scale) != 1 || isk_cols(scale) != 1) {
        return isk__record_fail(u.graph, ISK_SHAPE, "info_nce: u [%d, %d], v [%d, %d] and scale [%d, %d] do not fit",
                                isk_rows(u), isk_cols(u), isk_rows(v), isk_cols(v), isk_rows(scale), isk_cols(scale));
    }
    if (!isk__shape_fits(u.graph, "info_nce", isk_rows(u), isk_rows(u))) { return isk__no_tensor(u.graph); }
    tensor = isk__node_with_inputs(ISK__OP_info_nce, 1, 1, inputs, 3);
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->inputs[3] = isk__node_of(isk__node_of(u)->weight >= 0 ? u : v)->weight;   /* none: all present */
    isk__node_of(tensor)->input_count = 4;
    isk__node_of(tensor)->weight = -1;
    return tensor;
}

/* ---- side effects: they run in the next program that is made ---- */

static isk_tensor isk__effect(int op, isk_tensor target, isk_tensor value, isk_tensor batch, int count, double attribute) {
    isk_graph *graph = value.graph;
    isk_tensor inputs[3], tensor;
    void *items = graph->effects;
    inputs[0] = value;
    inputs[1] = target;
    inputs[2] = batch;
    if (!isk__recorded("effect", inputs, count)) { return isk__no_tensor(graph); }
    if (!isk__grow(graph->context, &items, &graph->effect_capacity, graph->effect_count + 1, sizeof(int))) {
        return isk__record_fail(graph, ISK_MEMORY, "out of memory while recording");
    }
    graph->effects = (int *)items;
    tensor = isk__node_with_inputs(op, isk_rows(value), isk_cols(value), inputs, count);
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->attributes[0] = attribute;
    graph->effects[graph->effect_count++] = tensor.node;
    return tensor;
}

/* target = value, both [rows, cols] */
static void isk__store(isk_tensor target, isk_tensor value) { isk__effect(ISK__OP_store, target, value, value, 2, 0); }
/* target += weight * (value - target) */
static void isk__follow(isk_tensor target, isk_tensor value, double weight) {
    isk__effect(ISK__OP_follow, target, value, value, 2, weight);
}
/* rows of target chosen by the batch = rows of value */
static void isk__scatter(isk_tensor target, isk_tensor value, isk_tensor batch) {
    isk__effect(ISK__OP_scatter, target, value, batch, 3, 0);
}

/* ---- groups and parameters ---- */

static isk_scope isk__scope(isk_graph *graph, int group, const char *prefix) {
    isk_scope scope;
    scope.graph = graph;
    scope.group = group;
    snprintf(scope.prefix, sizeof scope.prefix, "%s", prefix);
    return scope;
}

static int isk__group_find(const isk_graph *graph, const char *name) {
    int i;
    for (i = 0; i < graph->group_count; i++) {
        if (strcmp(graph->groups[i].name, name) == 0) { return i; }
    }
    return -1;
}

INDISEEK_API isk_scope isk_group(isk_graph *graph, const char *name) {
    int index = isk__group_find(graph, name);
    isk__group_info *group;
    void *items = graph->groups;
    if (index >= 0 || graph->failed) { return isk__scope(graph, index, name); }
    if (strlen(name) >= sizeof group->name) {
        isk__record_fail(graph, ISK_ARGUMENT, "group: the name '%s' is longer than %d bytes", name,
                         (int)sizeof group->name - 1);
        return isk__scope(graph, -1, name);
    }
    if (!isk__grow(graph->context, &items, &graph->group_capacity, graph->group_count + 1, sizeof *group)) {
        isk__record_fail(graph, ISK_MEMORY, "out of memory while recording");
        return isk__scope(graph, -1, name);
    }
    graph->groups = (isk__group_info *)items;
    group = &graph->groups[graph->group_count];
    memset(group, 0, sizeof *group);
    snprintf(group->name, sizeof group->name, "%s", name);
    group->value = isk__space_add(graph, ISK__STATE, 0);
    group->gradient = isk__space_add(graph, ISK__WORKER, 0);
    group->moment1 = isk__space_add(graph, ISK__STATE, 0);
    group->moment2 = isk__space_add(graph, ISK__STATE, 0);
    group->buffer = isk__space_add(graph, ISK__STATE, 0);
    return isk__scope(graph, graph->failed ? -1 : graph->group_count++, name);
}

INDISEEK_API isk_scope isk_within(isk_scope scope, const char *name) {
    isk_scope inner = scope;
    char full[sizeof scope.prefix + 64];
    snprintf(full, sizeof full, "%s%s%.60s", scope.prefix, scope.prefix[0] ? "." : "", name);
    if (strlen(full) >= sizeof inner.prefix) {
        isk__record_fail(scope.graph, ISK_ARGUMENT, "within: the prefix '%s' is longer than %d bytes", full,
                         (int)sizeof inner.prefix - 1);
        inner.group = -1;
        return inner;
    }
    memcpy(inner.prefix, full, strlen(full) + 1);
    return inner;
}

/* Finds the parameter prefix.name, or makes it. */
INDISEEK_API isk_tensor isk_parameter(isk_scope scope, const char *name, int rows, int cols, const isk_parameter_desc *desc) {
    isk_graph *graph = scope.graph;
    isk__parameter_info *parameter;
    isk__group_info *group;
    isk_tensor tensor;
    char full[sizeof scope.prefix + 128];
    size_t size, *end;
    void *items = graph->parameters;
    int i;
    if (graph->failed || scope.group < 0) { return isk__no_tensor(graph); }
    snprintf(full, sizeof full, "%s%s%.120s", scope.prefix, scope.prefix[0] ? "." : "", name);
    if (strlen(full) >= sizeof parameter->name) {
        return isk__record_fail(graph, ISK_ARGUMENT, "parameter: the name '%s' is longer than %d bytes", full,
                                (int)sizeof parameter->name - 1);
    }
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__node *node = &graph->nodes[graph->parameters[i].node];
        if (strcmp(graph->parameters[i].name, full) != 0) { continue; }
        tensor.graph = graph;
        tensor.node = graph->parameters[i].node;
        if (graph->parameters[i].group != scope.group) {
            return isk__record_fail(graph, ISK_ARGUMENT, "parameter '%s' belongs to group '%s'; it is asked for in '%s'", full,
                                    graph->groups[graph->parameters[i].group].name, graph->groups[scope.group].name);
        }
        if (node->rows == rows && node->cols == cols) { return tensor; }
        return isk__record_fail(graph, ISK_SHAPE, "parameter '%s' is [%d, %d]; it is asked for as [%d, %d]", full, node->rows,
                                node->cols, rows, cols);
    }
    if (rows < 1 || cols < 1) {
        return isk__record_fail(graph, ISK_SHAPE, "parameter '%s': shape [%d, %d] is empty", full, rows, cols);
    }
    if (!isk__shape_fits(graph, full, rows, cols)) { return isk__no_tensor(graph); }
    size = (size_t)rows * (size_t)isk__stride(cols);
    if (!isk__grow(graph->context, &items, &graph->parameter_capacity, graph->parameter_count + 1, sizeof *parameter)) {
        return isk__record_fail(graph, ISK_MEMORY, "out of memory while recording");
    }
    graph->parameters = (isk__parameter_info *)items;
    tensor = isk__node_add(graph, ISK__LEAF, rows, cols);
    if (tensor.node < 0) { return tensor; }
    group = &graph->groups[scope.group];
    end = desc->buffer ? &group->buffer_size : &group->size;
    parameter = &graph->parameters[graph->parameter_count];
    memset(parameter, 0, sizeof *parameter);
    memcpy(parameter->name, full, strlen(full) + 1);
    parameter->node = tensor.node;
    parameter->group = scope.group;
    parameter->offset = *end;
    parameter->desc = *desc;
    isk__node_of(tensor)->parameter = desc->buffer ? -1 : graph->parameter_count;
    isk__node_of(tensor)->leaf.space = desc->buffer ? group->buffer : group->value;
    isk__node_of(tensor)->leaf.offset = *end;
    isk__node_of(tensor)->leaf.stride = isk__stride(cols);
    *end += (size + 15) / 16 * 16;
    graph->spaces[group->value].size = graph->spaces[group->gradient].size = group->size;
    graph->spaces[group->buffer].size = group->buffer_size;
    graph->parameter_count++;
    return tensor;
}

/* The stream of random numbers that fills a parameter depends on its name only. */
static uint64_t isk__name_hash(const char *name) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *name; name++) { hash = (hash ^ (unsigned char)*name) * 0x100000001B3u; }
    return isk__mix64(hash);
}

/* First values of a parameter, drawn in PyTorch's order [out, in] = column by column of ours. */
static void isk__parameter_fill(const isk_graph *graph, const isk__parameter_info *parameter, isk_scalar **base,
                                uint64_t seed) {
    const isk__node *node = &graph->nodes[parameter->node];
    isk_scalar *values = base[node->leaf.space] + node->leaf.offset;
    isk__random random = isk__random_open(seed, isk__name_hash(parameter->name));
    const isk_parameter_desc *desc = &parameter->desc;
    int row, col;
    for (col = 0; col < node->cols; col++) {
        for (row = 0; row < node->rows; row++) {
            double value = 0;
            switch (desc->fill) {
            case ISK_FILL_ZERO: break;
            case ISK_FILL_ONE: value = 1; break;
            case ISK_FILL_UNIFORM: value = desc->amount * (2 * isk__random_uniform(&random) - 1); break;
            case ISK_FILL_NORMAL: value = desc->amount * isk__random_normal(&random); break;
            case ISK_FILL_VALUE: value = desc->amount; break;
            }
            values[(size_t)row * (size_t)node->leaf.stride + (size_t)col] = (isk_scalar)value;
        }
    }
}

/* ---- memory of one class ---- */

static void isk__memory_close(const isk_context *context, isk__memory *memory) {
    isk__release(context, memory->block);
    isk__release(context, memory->offsets);
    memset(memory, 0, sizeof *memory);
}

/* Scalars that the spaces of a class take together, and where each begins: on a cache line. */
static size_t isk__memory_layout(const isk_graph *graph, int kind, size_t *offsets) {
    size_t total = 0;
    int i;
    for (i = 0; i < graph->space_count; i++) {
        if (graph->spaces[i].kind != kind || graph->spaces[i].bound) { continue; }
        if (offsets) { offsets[i] = total; }
        total = isk__add(total, isk__add(graph->spaces[i].size, 31) / 16 * 16);
    }
    return total;
}

/* Makes room for every space of the class, keeping what was there. */
static isk_status isk__memory_open(isk_graph *graph, int kind, isk__memory *memory) {
    isk__memory next;
    size_t total = isk__memory_layout(graph, kind, NULL);
    int i;
    if (memory->block && total == memory->size && memory->spaces == graph->space_count) { return ISK_OK; }
    memset(&next, 0, sizeof next);
    next.spaces = graph->space_count;
    next.offsets = (size_t *)isk__allocate_zero(graph->context, (size_t)graph->space_count, sizeof(size_t));
    if (!next.offsets) { return isk__no_memory(graph->context, "the table of spaces", sizeof(size_t)); }
    next.size = isk__memory_layout(graph, kind, next.offsets);
    next.block = (isk_scalar *)isk__allocate_zero(graph->context, isk__add(total, 16), sizeof(isk_scalar));
    if (!next.block) {
        static const char *const names[] = { "a worker's scratch", "a model's state", "a model in training", "the data" };
        isk__release(graph->context, next.offsets);
        return isk__no_memory(graph->context, names[kind], isk__mul(total, sizeof(isk_scalar)));
    }
    for (i = 0; i < memory->spaces; i++) {
        size_t old, size = graph->spaces[i].size;
        int j;
        if (graph->spaces[i].kind != kind || graph->spaces[i].bound) { continue; }
        old = memory->size - memory->offsets[i];
        for (j = i + 1; j < memory->spaces; j++) {
            if (graph->spaces[j].kind == kind && !graph->spaces[j].bound) { old = memory->offsets[j] - memory->offsets[i]; break; }
        }
        memcpy(next.block + next.offsets[i], memory->block + memory->offsets[i],
               (size < old ? size : old) * sizeof(isk_scalar));
    }
    isk__memory_close(graph->context, memory);
    *memory = next;
    return ISK_OK;
}

/* Fills the table of bases from one memory of each class; NULL classes stay as they are. */
static void isk__compose(const isk_graph *graph, isk_scalar **base, const isk__memory *worker, const isk__memory *state,
                         const isk__memory *slot, const isk__memory *shared) {
    int i;
    for (i = 0; i < graph->space_count; i++) {
        const isk__memory *memory = NULL;
        switch (graph->spaces[i].kind) {
        case ISK__WORKER: memory = worker; break;
        case ISK__STATE: memory = state; break;
        case ISK__SLOT: memory = slot; break;
        default: memory = shared; break;
        }
        if (graph->spaces[i].bound) {
            memcpy(&base[i], &graph->spaces[i].bound, sizeof base[i]);  /* read only, as every op treats its inputs */
        } else if (memory) {
            base[i] = memory->block + memory->offsets[i];
        }
    }
}

/* ---- making a program: choose nodes, differentiate, plan ---- */

/* A value or gradient in scratch while a program is made. */
typedef struct isk__block { size_t size, offset; int first, last; } isk__block;

typedef struct isk__maker {
    isk_graph *graph;
    isk_program *program;
    unsigned char *needed, *wants;          /* [nodes] computed by this program; depends on the group's parameters */
    int *value, *gradient, *save;           /* [nodes] block, or -1 */
    int *consumers;                         /* [nodes] uses that send a gradient back */
    unsigned char *masked;                  /* [nodes] the gradient arrives with the ReLU's zeros already in it */
    unsigned char *kept;                    /* [nodes] index of output + 1, or 0 */
    isk__block *blocks; int block_count, block_capacity;
    int failed;
} isk__maker;

enum { ISK__MARK_BLOCK = -1000000 };        /* refs hold ISK__MARK_BLOCK - block until the plan is known */

static int isk__block_add(isk__maker *maker, size_t size) {
    void *items = maker->blocks;
    if (!isk__grow(maker->graph->context, &items, &maker->block_capacity, maker->block_count + 1, sizeof *maker->blocks)) {
        maker->failed = 1;
        return 0;
    }
    maker->blocks = (isk__block *)items;
    maker->blocks[maker->block_count].size = (size + 15) / 16 * 16;
    maker->blocks[maker->block_count].first = INT_MAX;
    maker->blocks[maker->block_count].last = -1;
    return maker->block_count++;
}

/* A reference to a block, used by the instruction that comes next. */
static isk__ref isk__block_ref(isk__maker *maker, int block, int stride) {
    isk__ref ref;
    int now = maker->program->instruction_count;
    ref.space = ISK__MARK_BLOCK - block;
    ref.offset = 0;
    ref.stride = stride;
    if (maker->failed) { return ref; }
    if (now < maker->blocks[block].first) { maker->blocks[block].first = now; }
    if (now > maker->blocks[block].last) { maker->blocks[block].last = now; }
    return ref;
}

static isk__ref isk__no_ref(void) {
    isk__ref ref;
    ref.space = -1;
    ref.stride = 0;
    ref.offset = 0;
    return ref;
}

/* Where the value of a node is, for the instruction that comes next. */
static isk__ref isk__value_ref(isk__maker *maker, int node) {
    const isk__node *info;
    int stride;
    if (node < 0) { return isk__no_ref(); }
    node = isk__root(maker->graph, node);
    info = &maker->graph->nodes[node];
    if (info->op == ISK__LEAF) { return info->leaf; }
    if (maker->kept[node]) { return maker->program->output_refs[maker->kept[node] - 1]; }
    stride = isk__stride(info->cols);
    if (maker->value[node] < 0) { maker->value[node] = isk__block_add(maker, (size_t)info->rows * (size_t)stride); }
    return isk__block_ref(maker, maker->value[node], stride);
}

/* Where the gradient of a node is.  Parameters' gradients are in the group's flat vector. */
static isk__ref isk__gradient_ref(isk__maker *maker, int node) {
    const isk__node *info = &maker->graph->nodes[node];
    int stride = isk__stride(info->cols);
    if (info->parameter >= 0) {
        isk__ref ref = info->leaf;
        ref.space = maker->graph->groups[maker->program->group].gradient;
        maker->gradient[node] = 0;
        return ref;
    }
    if (maker->gradient[node] < 0) { maker->gradient[node] = isk__block_add(maker, (size_t)info->rows * (size_t)stride); }
    return isk__block_ref(maker, maker->gradient[node], stride);
}

static isk__instruction *isk__instruction_add(isk__maker *maker, const isk__instruction *instruction) {
    isk_program *program = maker->program;
    void *items = program->instructions;
    if (!isk__grow(maker->graph->context, &items, &program->instruction_capacity, program->instruction_count + 1,
                   sizeof *instruction)) {
        maker->failed = 1;
        return NULL;
    }
    program->instructions = (isk__instruction *)items;
    program->instructions[program->instruction_count] = *instruction;
    return &program->instructions[program->instruction_count++];
}

static isk__instruction isk__instruction_new(int action, int node) {
    isk__instruction instruction;
    int i;
    memset(&instruction, 0, sizeof instruction);
    instruction.action = action;
    instruction.node = node;
    for (i = 0; i < ISK__MAX_INPUTS; i++) { instruction.in[i] = instruction.grad_in[i] = isk__no_ref(); }
    instruction.out = instruction.grad = instruction.save = instruction.work = isk__no_ref();
    return instruction;
}

/* Index space of an expression op: the shape of its first 'e' operand. */
static const isk__node *isk__extent(const isk_graph *graph, const isk__node *node) {
    const isk__op_info *info = isk__op(node->op);
    int i;
    for (i = 0; i < info->inputs; i++) {
        if (info->kinds[i] == 'e') { return &graph->nodes[node->inputs[i]]; }
    }
    return node;
}

static size_t isk__work_size(const isk_graph *graph, const isk__node *node) {
    if (node->op < ISK__OP_COUNT) {
        const isk__op_info *info = isk__op(node->op);
        const isk__node *extent = isk__extent(graph, node);
        size_t size = (size_t)info->work_rows * (size_t)extent->rows + (size_t)info->work_cols * (size_t)extent->cols;
        return size ? size + 16 : 0;
    }
    return isk__special(node->op)->work ? isk__special(node->op)->work(graph, node) : 0;
}

static unsigned isk__differentiable(const isk__node *node) {
    return node->op < 0 ? 0 : node->op < ISK__OP_COUNT ? isk__op(node->op)->differentiable
                                                        : isk__special(node->op)->differentiable;
}

/* What a gradient passes through from `node` to its input i, or -1. */
static int isk__passes_to(const isk__maker *maker, const isk__node *node, int i) {
    int input = node->inputs[i];
    if (input < 0 || !(isk__differentiable(node) >> i & 1)) { return -1; }
    while (maker->graph->nodes[input].alias >= 0) {
        if (maker->graph->nodes[input].attributes[0] > 0 && maker->graph->nodes[input].op == ISK__LEAF) { return -1; }
        input = maker->graph->nodes[input].alias;
    }
    return maker->wants[input] ? input : -1;
}

static void isk__need(isk__maker *maker, int node) {
    const isk__node *info;
    int i;
    if (node < 0) { return; }
    node = isk__root(maker->graph, node);
    if (maker->needed[node]) { return; }
    maker->needed[node] = 1;
    info = &maker->graph->nodes[node];
    for (i = 0; i < info->input_count; i++) { isk__need(maker, info->inputs[i]); }
}

static void isk__make_forward(isk__maker *maker, int index) {
    const isk__node *node = &maker->graph->nodes[index];
    isk__instruction instruction = isk__instruction_new(ISK__FORWARD, index);
    size_t size = isk__work_size(maker->graph, node);
    int i;
    for (i = 0; i < node->input_count; i++) { instruction.in[i] = isk__value_ref(maker, node->inputs[i]); }
    instruction.out = isk__value_ref(maker, index);
    if (size) { instruction.work = isk__block_ref(maker, isk__block_add(maker, size), 1); }
    if (node->op >= ISK__OP_COUNT && isk__special(node->op)->save) {
        maker->save[index] = isk__block_add(maker, isk__special(node->op)->save(maker->graph, node));
        instruction.save = isk__block_ref(maker, maker->save[index], 1);
    }
    isk__instruction_add(maker, &instruction);
}

static void isk__make_backward(isk__maker *maker, int index) {
    const isk_graph *graph = maker->graph;
    const isk__node *node = &graph->nodes[index];
    isk__instruction instruction = isk__instruction_new(ISK__BACKWARD, index);
    unsigned reads = node->op < ISK__OP_COUNT ? isk__op(node->op)->reads_inputs : isk__special(node->op)->reads_inputs;
    int i, reads_output = node->op < ISK__OP_COUNT ? isk__op(node->op)->reads_output : isk__special(node->op)->reads_output;
    size_t size = isk__work_size(graph, node);
    if (node->op == ISK__OP_linear && node->attributes[0] > 0 && !maker->masked[index]) {
        isk__instruction mask = isk__instruction_new(ISK__MASK_GRADIENT, index);
        mask.out = isk__value_ref(maker, index);
        mask.grad = isk__gradient_ref(maker, index);
        isk__instruction_add(maker, &mask);
    }
    instruction.grad = isk__gradient_ref(maker, index);
    for (i = 0; i < node->input_count; i++) {
        int input = isk__passes_to(maker, node, i);
        int fresh;
        /* row weights (and the relu's input for the mask below) are read whatever the table says */
        if (node->inputs[i] >= 0 && ((reads >> i & 1) || (node->op < ISK__OP_COUNT && isk__op(node->op)->kinds[i] == 'w') ||
                                     (node->op == ISK__OP_info_nce && i == 3))) {
            instruction.in[i] = isk__value_ref(maker, node->inputs[i]);
        }
        if (input < 0) { continue; }
        fresh = maker->gradient[input] < 0;
        instruction.grad_in[i] = isk__gradient_ref(maker, input);
        if (!fresh) { instruction.accumulate |= 1u << i; }
        if (node->op == ISK__OP_linear && i == 0 && graph->nodes[input].op == ISK__OP_linear &&
            graph->nodes[input].attributes[0] > 0 && maker->consumers[input] == 1) {
            instruction.mask |= 1u;
            maker->masked[input] = 1;
        }
    }
    if (reads_output) { instruction.out = isk__value_ref(maker, index); }
    if (size) { instruction.work = isk__block_ref(maker, isk__block_add(maker, size), 1); }
    if (maker->save[index] >= 0) { instruction.save = isk__block_ref(maker, maker->save[index], 1); }
    isk__instruction_add(maker, &instruction);
}

/* Which nodes depend on the group's parameters, and how many uses of each will send a gradient. */
static void isk__make_wants(isk__maker *maker, int loss) {
    const isk_graph *graph = maker->graph;
    int i, j;
    for (i = 0; i <= loss; i++) {
        const isk__node *node = &graph->nodes[i];
        if (!maker->needed[i]) { continue; }
        if (node->parameter >= 0) { maker->wants[i] = graph->parameters[node->parameter].group == maker->program->group; }
        for (j = 0; j < node->input_count; j++) {
            if (isk__passes_to(maker, node, j) >= 0) { maker->wants[i] = 1; }
        }
    }
    /* from the loss back: a use that the loss does not reach (behind a stop, or in another output) sends nothing */
    for (i = loss; i >= 0; i--) {
        const isk__node *node = &graph->nodes[i];
        if (!maker->needed[i] || (i != loss && maker->consumers[i] == 0)) { continue; }
        for (j = 0; j < node->input_count; j++) {
            int input = isk__passes_to(maker, node, j);
            if (input >= 0) { maker->consumers[input]++; }
        }
    }
}

static void isk__make_fill(isk__maker *maker, isk__ref ref, size_t count, double value) {
    isk__instruction fill = isk__instruction_new(ISK__FILL_GRADIENT, -1);
    fill.grad = ref;
    fill.count = count;
    fill.value = value;
    isk__instruction_add(maker, &fill);
}

/* Offsets for the blocks: each takes the lowest gap among the blocks that live at the same time, large ones first. */
static int isk__make_plan(isk__maker *maker) {
    isk_program *program = maker->program;
    int i, j, count = maker->block_count;
    int *order = (int *)isk__allocate_zero(maker->graph->context, (size_t)count + 1, sizeof(int));
    if (!order) { return 0; }
    for (i = 0; i < count; i++) {
        for (j = i; j > 0 && maker->blocks[order[j - 1]].size < maker->blocks[i].size; j--) { order[j] = order[j - 1]; }
        order[j] = i;
    }
    program->scratch = 0;
    for (i = 0; i < count; i++) {
        isk__block *block = &maker->blocks[order[i]];
        int moved = 1;
        block->offset = 0;
        while (moved) {
            moved = 0;
            for (j = 0; j < i; j++) {
                const isk__block *other = &maker->blocks[order[j]];
                if (other->last < block->first || other->first > block->last) { continue; }
                if (block->offset < other->offset + other->size && other->offset < block->offset + block->size) {
                    block->offset = other->offset + other->size;
                    moved = 1;
                }
            }
        }
        if (block->offset + block->size > program->scratch) { program->scratch = block->offset + block->size; }
    }
    isk__release(maker->graph->context, order);
    return 1;
}

static void isk__make_resolve(const isk__maker *maker, isk__ref *ref) {
    if (ref->space > ISK__MARK_BLOCK) { return; }
    ref->offset = maker->blocks[ISK__MARK_BLOCK - ref->space].offset;
    ref->space = ISK__SCRATCH_SPACE;
}

/* Outputs live in a space of class slot, so that they are still there after the run. */
static int isk__make_outputs(isk__maker *maker, const isk_tensor *outputs, int count) {
    isk_program *program = maker->program;
    size_t size = 0;
    int i, space = isk__space_add(maker->graph, ISK__SLOT, 0);
    if (space < 0) { return 0; }
    for (i = 0; i < count; i++) {
        int node = isk__root(maker->graph, outputs[i].node), stride = isk__stride(maker->graph->nodes[node].cols);
        program->outputs[i] = outputs[i].node;
        if (maker->graph->nodes[node].op == ISK__LEAF) {
            program->output_refs[i] = maker->graph->nodes[node].leaf;
            continue;
        }
        if (maker->kept[node]) {
            program->output_refs[i] = program->output_refs[maker->kept[node] - 1];
            continue;
        }
        program->output_refs[i].space = space;
        program->output_refs[i].offset = size;
        program->output_refs[i].stride = stride;
        maker->kept[node] = (unsigned char)(i + 1);
        size += ((size_t)maker->graph->nodes[node].rows * (size_t)stride + 15) / 16 * 16;
    }
    program->output_count = count;
    maker->graph->spaces[space].size = size;
    return 1;
}

/* Neighbouring parameters that are treated alike become one segment. */
static int isk__make_segments(isk__maker *maker) {
    isk_program *program = maker->program;
    const isk_graph *graph = maker->graph;
    int i;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        isk__segment *last = program->segment_count ? &program->segments[program->segment_count - 1] : NULL;
        size_t size = ((size_t)node->rows * (size_t)node->leaf.stride + 15) / 16 * 16;
        void *items = program->segments;
        if (parameter->group != program->group || parameter->desc.buffer) { continue; }
        if (last && !last->limited && !parameter->desc.limited && last->decay == !parameter->desc.no_decay &&
            last->offset + last->size == parameter->offset) {
            last->size += size;
            continue;
        }
        if (!isk__grow(graph->context, &items, &program->segment_capacity, program->segment_count + 1,
                       sizeof *program->segments)) {
            return 0;
        }
        program->segments = (isk__segment *)items;
        last = &program->segments[program->segment_count++];
        memset(last, 0, sizeof *last);
        last->offset = parameter->offset;
        last->size = size;
        last->decay = !parameter->desc.no_decay;
        last->limited = parameter->desc.limited;
        last->low = parameter->desc.low;
        last->high = parameter->desc.high;
    }
    return 1;
}

static void isk__program_close(isk_program *program) {
    const isk_context *context = program->graph->context;
    isk__release(context, program->instructions);
    isk__release(context, program->segments);
    isk__release(context, program->steps);
    isk__release(context, program);
}

/* Forward, and when there is a group backward and (unless `gradient_only`) update. */
static void isk__make_instructions(isk__maker *maker, int loss, int gradient_only) {
    isk_graph *graph = maker->graph;
    isk_program *program = maker->program;
    int i, j;
    for (i = 0; i < graph->node_count; i++) {
        if (!maker->needed[i] || graph->nodes[i].op == ISK__LEAF || graph->nodes[i].alias >= 0) { continue; }
        if (graph->nodes[i].op == ISK__OP_batch) { program->batch_rows = graph->nodes[i].rows; }
        if (graph->nodes[i].op == ISK__OP_gather) {
            int rows = graph->nodes[graph->nodes[i].inputs[0]].rows;
            if (program->data_rows == 0 || rows < program->data_rows) { program->data_rows = rows; }
        }
        isk__make_forward(maker, i);
    }
    if (program->group < 0) { return; }
    isk__make_wants(maker, loss);
    for (i = 0; i < graph->parameter_count; i++) {      /* parameters that the loss does not use have gradient 0 */
        const isk__node *node = &graph->nodes[graph->parameters[i].node];
        if (node->parameter < 0 || graph->parameters[i].group != program->group) { continue; }
        if (!maker->consumers[graph->parameters[i].node]) {
            isk__make_fill(maker, isk__gradient_ref(maker, graph->parameters[i].node),
                           (size_t)node->rows * (size_t)node->leaf.stride, 0);
        }
    }
    isk__make_fill(maker, isk__gradient_ref(maker, loss), 1, 1);
    for (i = loss; i >= 0; i--) {
        int sends = 0;
        if (!maker->needed[i] || !maker->wants[i] || graph->nodes[i].op == ISK__LEAF || maker->gradient[i] < 0) { continue; }
        for (j = 0; j < graph->nodes[i].input_count; j++) { sends |= isk__passes_to(maker, &graph->nodes[i], j) >= 0; }
        if (sends) { isk__make_backward(maker, i); }
    }
    if (!gradient_only) {
        isk__instruction update = isk__instruction_new(ISK__UPDATE, -1);
        program->size = graph->groups[program->group].size;
        if (!isk__make_segments(maker)) { maker->failed = 1; }
        isk__instruction_add(maker, &update);
        graph->spaces[graph->groups[program->group].moment1].size = graph->groups[program->group].size;
        graph->spaces[graph->groups[program->group].moment2].size = graph->groups[program->group].size;
    }
}

/* outputs[0] is the loss when there is a group.  Takes the pending effects. */
static isk_program *isk__program_make(isk_graph *graph, int group, const isk_tensor *outputs, int count,
                                      const isk_optimiser_desc *optimiser, int gradient_only) {
    isk_context *context = graph->context;
    isk__maker maker;
    isk_program *program;
    void *programs = graph->programs;
    size_t nodes;
    int i, j;
    if (graph->failed) { return NULL; }
    if (count < 0 || count > ISK__MAX_OUTPUTS) {
        isk__fail(context, ISK_ARGUMENT, "a program has at most %d outputs; %d were asked for", ISK__MAX_OUTPUTS, count);
        return NULL;
    }
    for (i = 0; i < count; i++) {
        if (outputs[i].graph == graph && outputs[i].node >= 0) { continue; }
        isk__fail(context, ISK_ARGUMENT, "program: output %d %s", i, outputs[i].graph == graph ? "was not recorded"
                                                                                              : "belongs to another graph");
        return NULL;
    }
    memset(&maker, 0, sizeof maker);
    nodes = (size_t)graph->node_count + 1;
    maker.graph = graph;
    maker.program = program = (isk_program *)isk__allocate_zero(context, 1, sizeof *program);
    maker.needed = (unsigned char *)isk__allocate_zero(context, 4 * nodes, 1);
    maker.value = (int *)isk__allocate_zero(context, 4 * nodes, sizeof(int));
    if (program) {
        program->graph = graph;
        program->steps = (uint64_t *)isk__allocate_zero(context, (size_t)graph->models, sizeof(uint64_t));
    }
    if (!program || !program->steps || !maker.needed || !maker.value ||
        !isk__grow(context, &programs, &graph->program_capacity, graph->program_count + 1, sizeof(isk_program *))) {
        maker.failed = 1;
    } else {
        graph->programs = (isk_program **)programs;
        maker.wants = maker.needed + nodes;
        maker.masked = maker.wants + nodes;
        maker.kept = maker.masked + nodes;
        maker.gradient = maker.value + nodes;
        maker.save = maker.gradient + nodes;
        maker.consumers = maker.save + nodes;
        for (i = 0; i < graph->node_count; i++) { maker.value[i] = maker.gradient[i] = maker.save[i] = -1; }
        program->group = group;
        if (optimiser) { program->optimiser = *optimiser; }
        if (!isk__make_outputs(&maker, outputs, count)) { maker.failed = 1; }
        for (i = 0; i < count; i++) { isk__need(&maker, outputs[i].node); }
        for (i = 0; i < graph->effect_count; i++) { isk__need(&maker, graph->effects[i]); }
        graph->effect_count = 0;
        isk__make_instructions(&maker, count ? isk__root(graph, outputs[0].node) : -1, gradient_only);
        if (!maker.failed && !isk__make_plan(&maker)) { maker.failed = 1; }
    }
    if (!maker.failed) {
        for (i = 0; i < program->instruction_count; i++) {
            isk__instruction *instruction = &program->instructions[i];
            for (j = 0; j < ISK__MAX_INPUTS; j++) {
                isk__make_resolve(&maker, &instruction->in[j]);
                isk__make_resolve(&maker, &instruction->grad_in[j]);
            }
            isk__make_resolve(&maker, &instruction->out);
            isk__make_resolve(&maker, &instruction->grad);
            isk__make_resolve(&maker, &instruction->save);
            isk__make_resolve(&maker, &instruction->work);
        }
        if (program->scratch > graph->spaces[ISK__SCRATCH_SPACE].size) {
            graph->spaces[ISK__SCRATCH_SPACE].size = program->scratch;
        }
        graph->programs[graph->program_count++] = program;
    }
    isk__release(context, maker.needed);
    isk__release(context, maker.value);
    isk__release(context, maker.blocks);
    if (maker.failed) {
        isk__fail(context, ISK_MEMORY, "out of memory while making a program of %d nodes", graph->node_count);
        if (program) { isk__program_close(program); }
        return NULL;
    }
    return program;
}

INDISEEK_API isk_program *isk_compute(isk_graph *graph, const isk_tensor *outputs, int count) {
    return isk__program_make(graph, -1, outputs, count, NULL, 0);
}

static isk_program *isk__minimise(isk_graph *graph, const char *group, const isk_tensor *outputs, int count,
                                  const isk_optimiser_desc *desc, int gradient_only) {
    isk_optimiser_desc optimiser;
    int index = isk__group_find(graph, group);
    memset(&optimiser, 0, sizeof optimiser);
    if (desc) { optimiser = *desc; }
    if (graph->failed) { return NULL; }
    if (index < 0) {
        isk__fail(graph->context, ISK_ARGUMENT, "minimise: there is no group '%s'", group);
        return NULL;
    }
    if (outputs[0].node >= 0 && (isk_rows(outputs[0]) != 1 || isk_cols(outputs[0]) != 1)) {
        isk__fail(graph->context, ISK_SHAPE, "minimise: the loss is [%d, %d]; it must be [1, 1]", isk_rows(outputs[0]),
                  isk_cols(outputs[0]));
        return NULL;
    }
    if (optimiser.kind == 0) { optimiser.kind = ISK_ADAM; }
    if (optimiser.rate == 0) { optimiser.rate = 1e-3; }
    if (optimiser.beta1 == 0) { optimiser.beta1 = 0.9; }
    if (optimiser.beta2 == 0) { optimiser.beta2 = 0.999; }
    if (optimiser.epsilon == 0) { optimiser.epsilon = 1e-8; }
    if (optimiser.kind < ISK_ADAM || optimiser.kind > ISK_SGD || !(optimiser.rate > 0) || !(optimiser.weight_decay >= 0) ||
        !(optimiser.clip_norm >= 0)) {
        isk__fail(graph->context, ISK_ARGUMENT, "minimise: kind %d, rate %g, weight_decay %g or clip_norm %g is out of range",
                  optimiser.kind, optimiser.rate, optimiser.weight_decay, optimiser.clip_norm);
        return NULL;
    }
    return isk__program_make(graph, index, outputs, count, &optimiser, gradient_only);
}

INDISEEK_API isk_program *isk_minimise(isk_graph *graph, const char *group, isk_tensor loss, const isk_optimiser_desc *desc) {
    return isk__minimise(graph, group, &loss, 1, desc, 0);
}

/* ---- replaying ---- */

static isk_scalar *isk__pointer(const isk__frame *frame, const isk__ref *ref) {
    return ref->space < 0 ? NULL : frame->base[ref->space] + ref->offset;
}

/* max(0, .)'s backward on a gradient in place: zero where the output is not positive. */
static void isk__mask_gradient(const isk__node *node, const isk_scalar *out, int out_stride, isk_scalar *grad, int stride) {
    int row, col;
    for (row = 0; row < node->rows; row++) {
        const isk_scalar *y = out + (size_t)row * (size_t)out_stride;
        isk_scalar *g = grad + (size_t)row * (size_t)stride;
        for (col = 0; col < node->cols; col++) { g[col] = y[col] > 0 ? g[col] : (isk_scalar)0; }
    }
}

static void isk__execute_node(const isk_graph *graph, const isk__instruction *instruction, const isk__frame *frame) {
    const isk__node *node = &graph->nodes[instruction->node];
    isk__call call;
    isk__loop *loop = &call.loop;
    int i, expression = node->op < ISK__OP_COUNT;
    for (i = 0; i < node->input_count; i++) {
        loop->in[i] = isk__pointer(frame, &instruction->in[i]);
        loop->in_stride[i] = instruction->in[i].stride;
        loop->grad_in[i] = isk__pointer(frame, &instruction->grad_in[i]);
        loop->grad_in_stride[i] = instruction->grad_in[i].stride;
    }
    loop->out = isk__pointer(frame, &instruction->out);
    loop->out_stride = instruction->out.stride;
    loop->grad = isk__pointer(frame, &instruction->grad);
    loop->grad_stride = instruction->grad.stride;
    loop->accumulate = instruction->accumulate;
    loop->attributes = node->attributes;
    loop->work = isk__pointer(frame, &instruction->work);
    if (expression) {
        const isk__op_info *info = isk__op(node->op);
        const isk__node *extent = isk__extent(graph, node);
        loop->rows = extent->rows;
        loop->cols = extent->cols;
        loop->level = frame->level;
        (instruction->action == ISK__FORWARD ? info->forward : info->backward)(loop);
        return;
    }
    loop->rows = node->rows;
    loop->cols = node->cols;
    for (i = 0; i < node->input_count; i++) {
        call.in_rows[i] = node->inputs[i] < 0 ? 0 : graph->nodes[node->inputs[i]].rows;
        call.in_cols[i] = node->inputs[i] < 0 ? 0 : graph->nodes[node->inputs[i]].cols;
    }
    call.save = isk__pointer(frame, &instruction->save);
    call.mask = instruction->mask;
    call.frame = frame;
    call.node = instruction->node;
    if (instruction->action == ISK__FORWARD) {
        isk__special(node->op)->forward(&call);
    } else {
        isk__special(node->op)->backward(&call);
    }
}

/* Runs the program once.  Allocates nothing. */
static void isk__execute(const isk_program *program, const isk__frame *frame) {
    int i;
    size_t j;
    for (i = 0; i < program->instruction_count; i++) {
        const isk__instruction *instruction = &program->instructions[i];
        isk_scalar *grad;
        switch (instruction->action) {
        case ISK__MASK_GRADIENT:
            isk__mask_gradient(&program->graph->nodes[instruction->node], isk__pointer(frame, &instruction->out),
                               instruction->out.stride, isk__pointer(frame, &instruction->grad), instruction->grad.stride);
            break;
        case ISK__FILL_GRADIENT:
            grad = isk__pointer(frame, &instruction->grad);
            for (j = 0; j < instruction->count; j++) { grad[j] = (isk_scalar)instruction->value; }
            break;
        case ISK__UPDATE: isk__update(program, frame); break;
        default: isk__execute_node(program->graph, instruction, frame); break;
        }
    }
}

/* ---- graphs that the user runs ---- */

INDISEEK_API isk_graph *isk_graph_open(isk_context *context, const isk_graph_desc *desc) {
    isk_graph *graph;
    int i, models = desc && desc->models ? desc->models : 1;
    if (context->pending) { return NULL; }
    if (models < 1) {
        isk__fail(context, ISK_ARGUMENT, "graph: %d models; give at least 1", models);
        return NULL;
    }
    graph = (isk_graph *)isk__allocate_zero(context, 1, sizeof *graph);
    if (graph) {
        graph->context = context;
        graph->models = models;
        graph->seeds = (uint64_t *)isk__allocate_zero(context, (size_t)models, sizeof(uint64_t));
        graph->state = (isk__memory *)isk__allocate_zero(context, 2 * (size_t)models, sizeof(isk__memory));
        graph->worker = (isk__memory *)isk__allocate_zero(context, (size_t)context->threads, sizeof(isk__memory));
    }
    if (!graph || !graph->seeds || !graph->state || !graph->worker || isk__space_add(graph, ISK__WORKER, 0) < 0) {
        isk_graph_close(graph);
        isk__no_memory(context, "a graph", sizeof *graph);
        return NULL;
    }
    graph->slot = graph->state + models;
    for (i = 0; i < models; i++) { graph->seeds[i] = desc && desc->seeds ? desc->seeds[i] : (uint64_t)i; }
    return graph;
}

INDISEEK_API void isk_graph_close(isk_graph *graph) {
    isk_context *context;
    int i;
    if (!graph) { return; }
    context = graph->context;
    for (i = 0; i < graph->program_count; i++) { isk__program_close(graph->programs[i]); }
    for (i = 0; graph->state && i < 2 * graph->models; i++) { isk__memory_close(context, &graph->state[i]); }
    for (i = 0; graph->worker && i < context->threads; i++) { isk__memory_close(context, &graph->worker[i]); }
    isk__memory_close(context, &graph->shared);
    isk__release(context, graph->bases);
    isk__release(context, graph->seeds);
    isk__release(context, graph->state);
    isk__release(context, graph->worker);
    isk__release(context, graph->nodes);
    isk__release(context, graph->spaces);
    isk__release(context, graph->groups);
    isk__release(context, graph->parameters);
    isk__release(context, graph->effects);
    isk__release(context, graph->programs);
    isk__release(context, graph);
}

/* A table of bases for one model on one worker; worker < 0: none. */
static isk_scalar **isk__bases_open(const isk_graph *graph) {
    return (isk_scalar **)isk__allocate_zero(graph->context, (size_t)graph->space_count + 1, sizeof(isk_scalar *));
}

/* Memory for everything recorded so far; new parameters get their first values. */
static isk_status isk__graph_ready(isk_graph *graph) {
    isk_scalar **base;
    isk_status status = ISK_OK;
    int i, model;
    if (graph->failed) { return (isk_status)graph->failed; }
    status = isk__memory_open(graph, ISK__SHARED, &graph->shared);
    for (i = 0; i < graph->context->threads && status == ISK_OK; i++) {
        status = isk__memory_open(graph, ISK__WORKER, &graph->worker[i]);
    }
    for (model = 0; model < graph->models && status == ISK_OK; model++) {
        status = isk__memory_open(graph, ISK__STATE, &graph->state[model]);
        if (status == ISK_OK) { status = isk__memory_open(graph, ISK__SLOT, &graph->slot[model]); }
    }
    if (status != ISK_OK || graph->ready_parameters == graph->parameter_count) { return status; }
    base = isk__bases_open(graph);
    if (!base) { return isk__no_memory(graph->context, "a table of bases", sizeof(isk_scalar *)); }
    for (model = 0; model < graph->models; model++) {
        isk__compose(graph, base, NULL, &graph->state[model], NULL, NULL);
        for (i = graph->ready_parameters; i < graph->parameter_count; i++) {
            isk__parameter_fill(graph, &graph->parameters[i], base, graph->seeds[model]);
        }
    }
    graph->ready_parameters = graph->parameter_count;
    isk__release(graph->context, base);
    return ISK_OK;
}

typedef struct isk__replay { isk_program *program; int count; } isk__replay;

static void isk__run_model(void *argument, int model, int worker) {
    isk__replay *run = (isk__replay *)argument;
    isk_program *program = run->program;
    isk_graph *graph = program->graph;
    isk__frame frame;
    int i;
    memset(&frame, 0, sizeof frame);
    frame.base = graph->bases + (size_t)worker * (size_t)(graph->space_count + 1);
    isk__compose(graph, frame.base, &graph->worker[worker], &graph->state[model], &graph->slot[model], &graph->shared);
    frame.level = graph->context->level;
    frame.seed = graph->seeds[model];
    frame.rate = program->optimiser.rate;
    frame.batch.count = program->data_rows && program->data_rows < program->batch_rows ? program->data_rows : program->batch_rows;
    for (i = 0; i < run->count; i++) {
        frame.step = program->steps[model]++;
        isk__execute(program, &frame);
    }
}

INDISEEK_API isk_status isk_run(isk_program *program, int count) {
    isk__replay run;
    isk_graph *graph;
    isk_status status;
    if (!program) { return ISK_ARGUMENT; }
    graph = program->graph;
    status = isk__graph_ready(graph);
    if (status != ISK_OK) { return status; }
    if (graph->bases_spaces != graph->space_count) {
        isk__release(graph->context, graph->bases);
        graph->bases_spaces = 0;
        graph->bases = (isk_scalar **)isk__allocate_zero(
            graph->context, isk__mul((size_t)graph->space_count + 1, (size_t)graph->context->threads), sizeof(isk_scalar *));
        if (!graph->bases) { return isk__no_memory(graph->context, "tables of bases", sizeof(isk_scalar *)); }
        graph->bases_spaces = graph->space_count;
    }
    run.program = program;
    run.count = count;
    program->ran = ++graph->runs;
    isk__parallel(graph->context, graph->models, isk__run_model, &run);
    return ISK_OK;
}

/* The memory that holds a tensor between runs: a leaf's own, or the kept output of that program which ran last. */
static isk_scalar *isk__find_value(isk_tensor tensor, int model, int *stride) {
    isk_graph *graph = tensor.graph;
    int root = isk__root(graph, tensor.node), i, j;
    isk__ref ref = graph->nodes[root].leaf;
    const isk__memory *memory;
    uint64_t newest = 0;
    for (i = 0; i < graph->program_count && graph->nodes[root].leaf.space < 0; i++) {
        const isk_program *program = graph->programs[i];
        for (j = 0; j < program->output_count && program->ran >= newest; j++) {
            if (isk__root(graph, program->outputs[j]) == root) {
                ref = program->output_refs[j];
                newest = program->ran;
            }
        }
    }
    if (ref.space < 0) { return NULL; }
    *stride = ref.stride;
    memory = graph->spaces[ref.space].kind == ISK__STATE ? &graph->state[model]
             : graph->spaces[ref.space].kind == ISK__SLOT ? &graph->slot[model] : &graph->shared;
    return memory->block + memory->offsets[ref.space] + ref.offset;
}

static isk_status isk__access(isk_tensor tensor, int model, isk_scalar *out, const isk_scalar *in) {
    isk_graph *graph = tensor.graph;
    isk_status status = isk__graph_ready(graph);
    isk_scalar *values;
    int row, stride = 0;
    size_t cols;
    if (status != ISK_OK) { return status; }
    if (tensor.node < 0 || model < 0 || model >= graph->models) {
        return isk__fail(graph->context, ISK_ARGUMENT, "model %d of %d, or a tensor that was not recorded", model, graph->models);
    }
    values = isk__find_value(tensor, model, &stride);
    if (!values) {
        return isk__fail(graph->context, ISK_ARGUMENT, "this tensor [%d, %d] is no input, parameter or output of a program",
                         isk_rows(tensor), isk_cols(tensor));
    }
    cols = (size_t)isk_cols(tensor);
    for (row = 0; row < isk_rows(tensor); row++) {
        isk_scalar *line = values + (size_t)row * (size_t)stride;
        if (in) {
            memcpy(line, in + (size_t)row * cols, cols * sizeof *line);
        } else {
            memcpy(out + (size_t)row * cols, line, cols * sizeof *line);
        }
    }
    return ISK_OK;
}

INDISEEK_API isk_status isk_write(isk_tensor tensor, int model, const isk_scalar *values) {
    return isk__access(tensor, model, NULL, values);
}

INDISEEK_API isk_status isk_read(isk_tensor tensor, int model, isk_scalar *values) {
    return isk__access(tensor, model, values, NULL);
}

INDISEEK_API double isk_check_gradient(isk_graph *graph, const char *group, isk_tensor loss, double h) {
    isk_program *backward, *forward;
    const isk__group_info *info;
    isk_scalar *values, *gradient;
    double worst = 0;
    size_t i;
    if (graph->models > 1) {
        isk__fail(graph->context, ISK_ARGUMENT, "check_gradient: the graph has %d models; it takes a graph of one", graph->models);
        return -1;
    }
    backward = isk__minimise(graph, group, &loss, 1, NULL, 1);
    forward = backward ? isk_compute(graph, &loss, 1) : NULL;
    if (h <= 0) { h = sizeof(isk_scalar) == sizeof(double) ? 1e-6 : 1e-3; }
    if (!forward || isk_run(backward, 1) != ISK_OK) { return -1; }
    info = &graph->groups[isk__group_find(graph, group)];
    values = graph->state[0].block + graph->state[0].offsets[info->value];
    gradient = graph->worker[0].block + graph->worker[0].offsets[info->gradient];
    for (i = 0; i < info->size; i++) {
        isk_scalar kept = values[i], up, down;
        double numeric, difference;
        forward->steps[0] = 0;              /* the same random numbers in every run */
        values[i] = (isk_scalar)(kept + h);
        if (isk_run(forward, 1) != ISK_OK || isk_read(loss, 0, &up) != ISK_OK) { return -1; }
        forward->steps[0] = 0;
        values[i] = (isk_scalar)(kept - h);
        if (isk_run(forward, 1) != ISK_OK || isk_read(loss, 0, &down) != ISK_OK) { return -1; }
        values[i] = kept;
        numeric = ((double)up - (double)down) / (2 * h);
        difference = fabs(numeric - (double)gradient[i]) / (fabs(numeric) > 1 ? fabs(numeric) : 1);
        if (!(difference <= worst)) { worst = difference; }
    }
    return worst;
}

ISK__SECTION_END

/* ==== >>cpu-kernels: ops that no row-wise expression can hold ========================================================= */

/* A product of a[m, k] or its transpose with b[k, n] or its transpose. */
static void isk__product(const isk__call *call, int m, int n, int k, const isk_scalar *a, int a_stride, int a_transposed,
                         const isk_scalar *b, int b_stride, int b_transposed, isk_scalar *c, int c_stride, int accumulate,
                         isk_scalar *work) {
    isk__gemm_call gemm;
    memset(&gemm, 0, sizeof gemm);
    gemm.level = call->frame->level;
    gemm.m = m;
    gemm.n = n;
    gemm.k = k;
    gemm.a = a;
    gemm.a_row = a_transposed ? 1 : a_stride;
    gemm.a_col = a_transposed ? a_stride : 1;
    gemm.b = b;
    gemm.b_row = b_transposed ? 1 : b_stride;
    gemm.b_col = b_transposed ? b_stride : 1;
    gemm.c = c;
    gemm.c_row = c_stride;
    gemm.accumulate = accumulate;
    gemm.work = work;
    isk__gemm(&gemm);
}

/* ---- matmul: out = op(a) op(b), attribute 0 as in isk__matmul ---- */

static void isk__matmul_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int transposed = (int)l->attributes[0];
    isk__product(call, l->rows, l->cols, transposed & 1 ? call->in_rows[0] : call->in_cols[0], l->in[0], l->in_stride[0],
                 transposed & 1, l->in[1], l->in_stride[1], transposed >> 1, l->out, l->out_stride, 0, l->work);
}

/* da = g op(b)^T and db = op(a)^T g, transposed back where the operand was. */
static void isk__matmul_backward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int transposed = (int)l->attributes[0], inner = transposed & 1 ? call->in_rows[0] : call->in_cols[0];
    if (l->grad_in[0]) {
        int accumulate = (int)(l->accumulate & 1);
        if (transposed & 1) {       /* a is [k, m]: da = op(b) g^T */
            isk__product(call, inner, l->rows, l->cols, l->in[1], l->in_stride[1], transposed >> 1, l->grad, l->grad_stride, 1,
                         l->grad_in[0], l->grad_in_stride[0], accumulate, l->work);
        } else {
            isk__product(call, l->rows, inner, l->cols, l->grad, l->grad_stride, 0, l->in[1], l->in_stride[1],
                         !(transposed >> 1), l->grad_in[0], l->grad_in_stride[0], accumulate, l->work);
        }
    }
    if (l->grad_in[1]) {
        int accumulate = (int)(l->accumulate >> 1 & 1);
        if (transposed & 2) {       /* b is [n, k]: db = g^T op(a) */
            isk__product(call, l->cols, inner, l->rows, l->grad, l->grad_stride, 1, l->in[0], l->in_stride[0], transposed & 1,
                         l->grad_in[1], l->grad_in_stride[1], accumulate, l->work);
        } else {
            isk__product(call, inner, l->cols, l->rows, l->in[0], l->in_stride[0], !(transposed & 1), l->grad, l->grad_stride,
                         0, l->grad_in[1], l->grad_in_stride[1], accumulate, l->work);
        }
    }
}

/* The product that needs the largest copy of a transposed operand. */
static size_t isk__matmul_work(const isk_graph *graph, const isk__node *node) {
    int extent[3], i, j;
    size_t most = 0;
    extent[0] = node->rows;
    extent[1] = node->cols;
    extent[2] = (int)node->attributes[0] & 1 ? graph->nodes[node->inputs[0]].rows : graph->nodes[node->inputs[0]].cols;
    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++) {
            size_t work = i == j ? 0 : isk__gemm_work(extent[i], extent[j], 2);
            if (work > most) { most = work; }
        }
    }
    return most;
}

/* ---- linear: out = x W + b, then max(., 0) when attribute 0 is 1 ---- */

static void isk__linear_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    isk__gemm_call gemm;
    memset(&gemm, 0, sizeof gemm);
    gemm.level = call->frame->level;
    gemm.m = l->rows;
    gemm.n = l->cols;
    gemm.k = call->in_cols[0];
    gemm.a = l->in[0];
    gemm.a_row = l->in_stride[0];
    gemm.a_col = 1;
    gemm.b = l->in[1];
    gemm.b_row = l->in_stride[1];
    gemm.b_col = 1;
    gemm.c = l->out;
    gemm.c_row = l->out_stride;
    gemm.bias = l->in[2];
    gemm.relu = l->attributes[0] > 0;
    gemm.work = l->work;
    isk__gemm(&gemm);
}

/* The gradient arrives with the ReLU's zeros in it (ISK__MASK_GRADIENT, or the mask of the product that made it). */
static void isk__linear_backward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    if (l->grad_in[2]) {
        isk__row_sum_call sums;
        sums.level = call->frame->level;
        sums.rows = l->rows;
        sums.cols = l->cols;
        sums.x = l->grad;
        sums.row = l->grad_stride;
        sums.sum = l->grad_in[2];
        sums.accumulate = (int)(l->accumulate >> 2 & 1);
        isk__row_sum(&sums);
    }
    if (l->grad_in[1]) {
        isk__product(call, call->in_cols[0], l->cols, l->rows, l->in[0], l->in_stride[0], 1, l->grad, l->grad_stride, 0,
                     l->grad_in[1], l->grad_in_stride[1], (int)(l->accumulate >> 1 & 1), l->work);
    }
    if (l->grad_in[0]) {
        isk__gemm_call gemm;
        memset(&gemm, 0, sizeof gemm);
        gemm.level = call->frame->level;
        gemm.m = l->rows;
        gemm.n = call->in_cols[0];
        gemm.k = l->cols;
        gemm.a = l->grad;
        gemm.a_row = l->grad_stride;
        gemm.a_col = 1;
        gemm.b = l->in[1];
        gemm.b_row = 1;
        gemm.b_col = l->in_stride[1];
        gemm.c = l->grad_in[0];
        gemm.c_row = l->grad_in_stride[0];
        gemm.accumulate = (int)(l->accumulate & 1);
        gemm.mask = call->mask & 1 ? l->in[0] : NULL;
        gemm.mask_row = l->in_stride[0];
        gemm.work = l->work;
        isk__gemm(&gemm);
    }
}

/* W^T, for the gradient of x */
static size_t isk__linear_work(const isk_graph *graph, const isk__node *node) {
    return isk__gemm_work(graph->nodes[node->inputs[1]].rows, node->cols, 2);
}

/* ---- concat and slice: columns side by side, columns of a part ---- */

static void isk__copy_columns(const isk_scalar *from, int from_stride, isk_scalar *to, int to_stride, int rows, int cols,
                              int accumulate) {
    int row, col;
    for (row = 0; row < rows; row++) {
        const isk_scalar *x = isk__row(from, from_stride, row);
        isk_scalar *y = isk__row_of(to, to_stride, row);
        if (!accumulate) {
            memcpy(y, x, (size_t)cols * sizeof *y);
        } else {
            for (col = 0; col < cols; col++) { y[col] += x[col]; }
        }
    }
}

static void isk__concat_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int i, first = 0;
    for (i = 0; i < 4 && first < l->cols; i++) {
        isk__copy_columns(l->in[i], l->in_stride[i], l->out + first, l->out_stride, l->rows, call->in_cols[i], 0);
        first += call->in_cols[i];
    }
}

static void isk__concat_backward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int i, first = 0;
    for (i = 0; i < 4 && first < l->cols; i++) {
        if (l->grad_in[i]) {
            isk__copy_columns(l->grad + first, l->grad_stride, l->grad_in[i], l->grad_in_stride[i], l->rows, call->in_cols[i],
                              (int)(l->accumulate >> i & 1));
        }
        first += call->in_cols[i];
    }
}

static void isk__slice_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    isk__copy_columns(l->in[0] + (int)l->attributes[0], l->in_stride[0], l->out, l->out_stride, l->rows, l->cols, 0);
}

static void isk__slice_backward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int row;
    for (row = 0; row < l->rows && !(l->accumulate & 1); row++) {
        memset(isk__row_of(l->grad_in[0], l->grad_in_stride[0], row), 0, (size_t)call->in_cols[0] * sizeof(isk_scalar));
    }
    isk__copy_columns(l->grad, l->grad_stride, l->grad_in[0] + (int)l->attributes[0], l->grad_in_stride[0], l->rows, l->cols, 1);
}

/* ---- random ops: the stream is keyed by the model's seed and the node, the counter is (step, position) ---- */

static isk__random isk__node_random(const isk__call *call) {
    isk__random random = isk__random_open(call->frame->seed ^ isk__mix64((uint64_t)call->node + 1), call->frame->step);
    return random;
}

/* to (+)= from / (1 - p) where a word of the stream is at least p * 2^32, else 0 */
static void isk__dropout_apply(const isk__call *call, const isk_scalar *from, int from_stride, isk_scalar *to, int to_stride,
                               int accumulate) {
    const isk__loop *l = &call->loop;
    isk__random random = isk__node_random(call);
    uint32_t limit = (uint32_t)(l->attributes[0] * 4294967296.0);
    isk_scalar scale = (isk_scalar)(1 / (1 - l->attributes[0]));
    int row, col;
    for (row = 0; row < l->rows; row++) {
        const isk_scalar *x = isk__row(from, from_stride, row);
        isk_scalar *y = isk__row_of(to, to_stride, row);
        for (col = 0; col < l->cols; col++) {
            isk_scalar value = isk__random_word(&random) >= limit ? scale * x[col] : (isk_scalar)0;
            y[col] = accumulate ? y[col] + value : value;
        }
    }
}

static void isk__dropout_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    isk__dropout_apply(call, l->in[0], l->in_stride[0], l->out, l->out_stride, 0);
}

static void isk__dropout_backward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    isk__dropout_apply(call, l->grad, l->grad_stride, l->grad_in[0], l->grad_in_stride[0], (int)(l->accumulate & 1));
}

/* Present rows change places by a permutation that may have fixed points; absent rows stay.  The source of each row is
   kept for backward. */
static void isk__permute_rows_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    uint64_t key = isk__mix64(call->frame->seed ^ isk__mix64((uint64_t)call->node + 1)) ^ isk__mix64(call->frame->step);
    isk_scalar *source = call->save, *present = call->save + l->rows;
    int row, count = 0;
    for (row = 0; row < l->rows; row++) {
        source[row] = (isk_scalar)row;
        if (!l->in[1] || *isk__row(l->in[1], l->in_stride[1], row) > 0) { present[count++] = (isk_scalar)row; }
    }
    for (row = 0; row < count; row++) {
        source[(int)present[row]] = present[isk__permute((uint32_t)row, (uint32_t)count, key)];
    }
    for (row = 0; row < l->rows; row++) {
        memcpy(isk__row_of(l->out, l->out_stride, row), isk__row(l->in[0], l->in_stride[0], (int)source[row]),
               (size_t)l->cols * sizeof(isk_scalar));
    }
}

static void isk__permute_rows_backward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int row;
    for (row = 0; row < l->rows; row++) {       /* a permutation: each row of grad_in is met once */
        isk__copy_columns(isk__row(l->grad, l->grad_stride, row), 0,
                          isk__row_of(l->grad_in[0], l->grad_in_stride[0], (int)call->save[row]), 0, 1, l->cols,
                          (int)(l->accumulate & 1));
    }
}

static size_t isk__permute_rows_save(const isk_graph *graph, const isk__node *node) {
    (void)graph;
    return 2 * (size_t)node->rows;
}

/* ---- batches ---- */

/* Row numbers of the batch as 32-bit integers in the memory of scalars; -1 is absent. */
static void isk__batch_forward(const isk__call *call) {
    const isk__rows *batch = &call->frame->batch;
    int i;
    for (i = 0; i < call->loop.rows; i++) {
        int64_t position = batch->first + i;
        int32_t row = -1;
        if (position < batch->count) {
            if (batch->shuffled) { position = isk__permute((uint32_t)position, (uint32_t)batch->count, batch->key); }
            row = batch->rows ? batch->rows[position] : (int32_t)position;
        }
        memcpy(call->loop.out + i, &row, sizeof row);
    }
}

static int32_t isk__batch_row(const isk_scalar *batch, int i) {
    int32_t row;
    memcpy(&row, batch + i, sizeof row);
    return row;
}

static void isk__batch_weight_forward(const isk__call *call) {
    int i;
    for (i = 0; i < call->loop.rows; i++) { call->loop.out[i] = isk__batch_row(call->loop.in[0], i) >= 0 ? 1 : 0; }
}

static void isk__gather_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int i;
    for (i = 0; i < l->rows; i++) {
        int32_t row = isk__batch_row(l->in[1], i);
        isk_scalar *to = isk__row_of(l->out, l->out_stride, i);
        if (row < 0) {
            memset(to, 0, (size_t)l->cols * sizeof *to);
        } else {
            memcpy(to, isk__row(l->in[0], l->in_stride[0], row), (size_t)l->cols * sizeof *to);
        }
    }
}

/* ---- side effects; in[1] is the target, which is the program's own memory, so it may be written ---- */

static isk_scalar *isk__target(const isk__call *call) {
    isk_scalar *target;
    memcpy(&target, &call->loop.in[1], sizeof target);
    return target;
}

static void isk__scatter_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int i;
    for (i = 0; i < l->rows; i++) {
        int32_t row = isk__batch_row(l->in[2], i);
        if (row >= 0) {
            memcpy(isk__row_of(isk__target(call), l->in_stride[1], row), isk__row(l->in[0], l->in_stride[0], i),
                   (size_t)l->cols * sizeof(isk_scalar));
        }
    }
}

static void isk__store_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    isk__copy_columns(l->in[0], l->in_stride[0], isk__target(call), l->in_stride[1], l->rows, l->cols, 0);
}

static void isk__follow_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    isk_scalar weight = (isk_scalar)l->attributes[0];
    int row, col;
    for (row = 0; row < l->rows; row++) {
        isk_scalar *y = isk__row_of(isk__target(call), l->in_stride[1], row);
        const isk_scalar *x = isk__row(l->in[0], l->in_stride[0], row);
        for (col = 0; col < l->cols; col++) { y[col] += weight * (x[col] - y[col]); }
    }
}

/* ---- symmetric InfoNCE ---- */

/* With logits L = s u v^T, row weights w of sum W, and P, Q the softmaxes of L over rows and columns,
     loss = sum_i w_i/W * ( (logsumexp_j L_ij + logsumexp_j L_ji) / 2 - L_ii )
     D_ij = dloss/dL_ij = (w_i/W P_ij + w_j/W Q_ij) / 2 - [i = j] w_i/W
     du = s D v, dv = s D^T u, ds = sum_i u_i (D v)_i
   D is made in the forward pass and kept, so only one [rows, rows] matrix is ever stored.  Rows of weight 0 are left out
   of both softmaxes: their columns get a logit whose exponential is 0.  When the largest logits of all rows and columns lie
   within `reach` of each other, one exponential serves both softmaxes: no sum can vanish.  Else each row and column is
   shifted by its own. */
typedef struct isk__nce {
    isk__loop line;                         /* how to run over one row of logits */
    int rows, stride;
    isk_scalar *logits;                     /* [rows, stride]: u v^T in, D out */
    const isk_scalar *weights; int weight_stride;
    isk_scalar scale;
    isk_scalar *row_shift, *col_shift, *col_sum, *share, *absent, *other;      /* [rows] each */
} isk__nce;

enum { ISK__NCE_VECTORS = 6 };

/* logits = scale * logits + absent, and their maxima by column */
ISK__LOOPS static void isk__nce_logits(isk_scalar *ISK__RESTRICT logits, isk_scalar scale, const isk_scalar *ISK__RESTRICT absent,
                                       isk_scalar *ISK__RESTRICT largest, int count) {
    int j;
    for (j = 0; j < count; j++) {
        isk_scalar logit = scale * logits[j] + absent[j];
        logits[j] = logit;
        largest[j] = logit > largest[j] ? logit : largest[j];
    }
}

/* to = from - shift, or from - shift_j */
ISK__LOOPS static void isk__nce_shift(isk_scalar *to, const isk_scalar *from, isk_scalar shift, int count) {
    int j;
    for (j = 0; j < count; j++) { to[j] = from[j] - shift; }
}
ISK__LOOPS static void isk__nce_shift_each(isk_scalar *to, const isk_scalar *from, const isk_scalar *shift, int count) {
    int j;
    for (j = 0; j < count; j++) { to[j] = from[j] - shift[j]; }
}

/* D but for its diagonal: p (a + b_j) where one exponential serves both softmaxes, else a p + b_j q */
ISK__LOOPS static void isk__nce_gradient(isk_scalar *ISK__RESTRICT p, isk_scalar a, const isk_scalar *ISK__RESTRICT b, int count) {
    int j;
    for (j = 0; j < count; j++) { p[j] *= a + b[j]; }
}
ISK__LOOPS static void isk__nce_gradient_apart(isk_scalar *ISK__RESTRICT p, isk_scalar a, const isk_scalar *ISK__RESTRICT b,
                                               const isk_scalar *ISK__RESTRICT q, int count) {
    int j;
    for (j = 0; j < count; j++) { p[j] = a * p[j] + b[j] * q[j]; }
}

static double isk__nce_run(const isk__nce *n) {
    const isk_scalar reach = sizeof(isk_scalar) == sizeof(double) ? (isk_scalar)600 : (isk_scalar)80;
    const int rows = n->rows;
    isk_scalar most = -(isk_scalar)FLT_MAX, least = (isk_scalar)FLT_MAX;
    double total = 0, loss = 0;
    int i, one;
    for (i = 0; i < rows; i++) {
        n->share[i] = n->weights ? n->weights[(size_t)i * (size_t)n->weight_stride] : (isk_scalar)1;
        total += (double)n->share[i];
    }
    for (i = 0; i < rows; i++) {
        n->share[i] = total > 0 ? (isk_scalar)((double)n->share[i] / total) : (isk_scalar)0;
        n->absent[i] = n->share[i] > 0 ? (isk_scalar)0 : (isk_scalar)-1e30;
        n->col_sum[i] = 0;
        n->col_shift[i] = -(isk_scalar)FLT_MAX;
    }
    for (i = 0; i < rows; i++) {
        isk_scalar *logits = isk__row_of(n->logits, n->stride, i);
        if (!(n->share[i] > 0)) { continue; }
        isk__nce_logits(logits, n->scale, n->absent, n->col_shift, rows);
        n->row_shift[i] = isk__largest(logits, rows);
        loss -= (double)n->share[i] * (double)logits[i];
    }
    for (i = 0; i < rows; i++) {
        if (!(n->share[i] > 0)) { continue; }
        most = n->row_shift[i] > most ? n->row_shift[i] : most;
        least = n->row_shift[i] < least ? n->row_shift[i] : least;
        least = n->col_shift[i] < least ? n->col_shift[i] : least;
    }
    one = most - least < reach;
    for (i = 0; i < rows && one; i++) { n->row_shift[i] = n->col_shift[i] = most; }
    for (i = 0; i < rows; i++) {
        isk_scalar *logits = isk__row_of(n->logits, n->stride, i), *p = one ? logits : n->other, *q = n->other, sum;
        if (!(n->share[i] > 0)) { continue; }
        isk__nce_shift(p, logits, n->row_shift[i], rows);
        isk__exp_row(&n->line, p, p);
        sum = isk__sum(p, rows);
        if (!one) {
            isk__nce_shift_each(q, logits, n->col_shift, rows);
            isk__exp_row(&n->line, q, q);
        }
        isk__put_all(n->col_sum, 1, one ? p : q, rows);
        loss += 0.5 * (double)n->share[i] * ((double)n->row_shift[i] + log((double)sum));
        /* from here on: what the row's exponentials are to be multiplied with, or shifted by */
        n->row_shift[i] = one ? (isk_scalar)0.5 * n->share[i] / sum : n->row_shift[i] + (isk_scalar)log((double)sum);
    }
    for (i = 0; i < rows; i++) {
        if (!(n->share[i] > 0)) { n->col_sum[i] = 0; continue; }
        loss += 0.5 * (double)n->share[i] * ((double)n->col_shift[i] + log((double)n->col_sum[i]));
        n->col_shift[i] += (isk_scalar)log((double)n->col_sum[i]);
        n->col_sum[i] = (isk_scalar)0.5 * n->share[i] / (one ? n->col_sum[i] : (isk_scalar)1);
    }
    for (i = 0; i < rows; i++) {
        isk_scalar *logits = isk__row_of(n->logits, n->stride, i);
        if (!(n->share[i] > 0)) {
            isk__fill(logits, rows, 0);
            continue;
        }
        if (one) {
            isk__nce_gradient(logits, n->row_shift[i], n->col_sum, rows);
        } else {
            isk__nce_shift_each(n->other, logits, n->col_shift, rows);
            isk__exp_row(&n->line, n->other, n->other);
            isk__nce_shift(logits, logits, n->row_shift[i], rows);
            isk__exp_row(&n->line, logits, logits);
            isk__nce_gradient_apart(logits, (isk_scalar)0.5 * n->share[i], n->col_sum, n->other, rows);
        }
        logits[i] -= n->share[i];
    }
    return loss;
}

static void isk__info_nce_forward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int rows = call->in_rows[0];
    isk__nce n;
    n.line = *l;
    n.line.cols = rows;
    n.rows = rows;
    n.stride = isk__stride(rows);
    n.logits = call->save;
    n.weights = l->in[3];
    n.weight_stride = l->in_stride[3];
    n.scale = l->in[2][0];
    n.row_shift = l->work;
    n.col_shift = n.row_shift + rows;
    n.col_sum = n.col_shift + rows;
    n.share = n.col_sum + rows;
    n.absent = n.share + rows;
    n.other = n.absent + rows;
    isk__product(call, rows, rows, call->in_cols[0], l->in[0], l->in_stride[0], 0, l->in[1], l->in_stride[1], 1, n.logits,
                 n.stride, 0, n.other + rows);
    l->out[0] = (isk_scalar)isk__nce_run(&n);
}

static void isk__info_nce_backward(const isk__call *call) {
    const isk__loop *l = &call->loop;
    int rows = call->in_rows[0], cols = call->in_cols[0], stride = isk__stride(rows), wide = isk__stride(cols), side, row, col;
    isk_scalar scale = l->in[2][0], g = l->grad[0], *product = l->work, *pack = l->work + (size_t)rows * (size_t)wide;
    double scale_gradient = 0;
    for (side = 0; side < 2; side++) {
        int accumulate = (int)(l->accumulate >> side & 1), other = 1 - side;
        if (!l->grad_in[side] && !(side == 0 && l->grad_in[2])) { continue; }
        isk__product(call, rows, cols, rows, call->save, stride, side, l->in[other], l->in_stride[other], 0, product, wide, 0,
                     pack);
        for (row = 0; row < rows; row++) {
            const isk_scalar *p = isk__row(product, wide, row), *u = isk__row(l->in[side], l->in_stride[side], row);
            isk_scalar *d = l->grad_in[side] ? isk__row_of(l->grad_in[side], l->grad_in_stride[side], row) : NULL;
            double dot = 0;
            for (col = 0; col < cols && side == 0; col++) { dot += (double)u[col] * (double)p[col]; }
            scale_gradient += dot;
            for (col = 0; col < cols && d; col++) { d[col] = (accumulate ? d[col] : (isk_scalar)0) + g * scale * p[col]; }
        }
    }
    if (l->grad_in[2]) {
        l->grad_in[2][0] = (l->accumulate >> 2 & 1 ? l->grad_in[2][0] : (isk_scalar)0) + g * (isk_scalar)scale_gradient;
    }
}

static size_t isk__info_nce_work(const isk_graph *graph, const isk__node *node) {
    int rows = graph->nodes[node->inputs[0]].rows, cols = graph->nodes[node->inputs[0]].cols;
    size_t forward = ISK__NCE_VECTORS * (size_t)rows + isk__gemm_work(rows, cols, 2) + 16;
    size_t backward = (size_t)rows * (size_t)isk__stride(cols) + isk__gemm_work(cols, rows, 2) + 16;
    return forward > backward ? forward : backward;
}

static size_t isk__info_nce_save(const isk_graph *graph, const isk__node *node) {
    int rows = graph->nodes[node->inputs[0]].rows;
    return (size_t)rows * (size_t)isk__stride(rows);
}

/* ---- the table ---- */

static const isk__special_info *isk__special(int op) {
    static const isk__special_info table[] = {
        { "matmul", isk__matmul_forward, isk__matmul_backward, isk__matmul_work, NULL, 3, 3, 0 },
        { "linear_map", isk__linear_forward, isk__linear_backward, isk__linear_work, NULL, 7, 3, 0 },
        { "concat", isk__concat_forward, isk__concat_backward, NULL, NULL, 15, 0, 0 },
        { "slice", isk__slice_forward, isk__slice_backward, NULL, NULL, 1, 0, 0 },
        { "dropout", isk__dropout_forward, isk__dropout_backward, NULL, NULL, 1, 0, 0 },
        { "permute_rows", isk__permute_rows_forward, isk__permute_rows_backward, NULL, isk__permute_rows_save, 1, 0, 0 },
        { "batch", isk__batch_forward, NULL, NULL, NULL, 0, 0, 0 },
        { "batch_weight", isk__batch_weight_forward, NULL, NULL, NULL, 0, 0, 0 },
        { "gather", isk__gather_forward, NULL, NULL, NULL, 0, 0, 0 },
        { "scatter", isk__scatter_forward, NULL, NULL, NULL, 0, 0, 0 },
        { "store", isk__store_forward, NULL, NULL, NULL, 0, 0, 0 },
        { "follow", isk__follow_forward, NULL, NULL, NULL, 0, 0, 0 },
        { "info_nce", isk__info_nce_forward, isk__info_nce_backward, isk__info_nce_work, isk__info_nce_save, 7, 7, 0 },
    };
    return &table[op - ISK__OP_COUNT];
}

/* ---- update ---- */

/* One step of the program's optimiser on its group, with the gradient that the instructions before it left. */
static void isk__update(const isk_program *program, const isk__frame *frame) {
    const isk__group_info *group = &program->graph->groups[program->group];
    const isk_optimiser_desc *optimiser = &program->optimiser;
    isk_scalar *values = frame->base[group->value], *gradient = frame->base[group->gradient];
    double scale = 1;
    int i;
    size_t j;
    if (optimiser->clip_norm > 0) {
        double norm = sqrt(isk__sum_squares(frame->level, gradient, program->size));
        if (norm > optimiser->clip_norm) { scale = optimiser->clip_norm / norm; }
    }
    for (i = 0; i < program->segment_count; i++) {
        const isk__segment *segment = &program->segments[i];
        isk_scalar *p = values + segment->offset;
        if (optimiser->kind == ISK_SGD) {
            isk__sgd_call sgd;
            sgd.level = frame->level;
            sgd.n = segment->size;
            sgd.p = p;
            sgd.m = frame->base[group->moment1] + segment->offset;
            sgd.gradient = gradient + segment->offset;
            sgd.rate = frame->rate;
            sgd.momentum = optimiser->momentum;
            sgd.weight_decay = segment->decay ? optimiser->weight_decay : 0;
            sgd.gradient_scale = scale;
            isk__sgd(&sgd);
        } else {
            isk__adam_call adam;
            adam.level = frame->level;
            adam.n = segment->size;
            adam.p = p;
            adam.m = frame->base[group->moment1] + segment->offset;
            adam.v = frame->base[group->moment2] + segment->offset;
            adam.gradient = gradient + segment->offset;
            adam.step = frame->step + 1;
            adam.rate = frame->rate;
            adam.beta1 = optimiser->beta1;
            adam.beta2 = optimiser->beta2;
            adam.epsilon = optimiser->epsilon;
            adam.weight_decay = segment->decay ? optimiser->weight_decay : 0;
            adam.coupled = optimiser->kind == ISK_ADAM;
            adam.gradient_scale = scale;
            isk__adam(&adam);
        }
        for (j = 0; j < segment->size && segment->limited; j++) {
            p[j] = p[j] < (isk_scalar)segment->low ? (isk_scalar)segment->low
                   : p[j] > (isk_scalar)segment->high ? (isk_scalar)segment->high : p[j];
        }
    }
}

ISK__COLD_BEGIN

/* ==== >>modules: networks made of ops ================================================================================== */

/* A linear map with PyTorch's names and one of three first fills (He et al.'s bound with a = sqrt 5 is 1/sqrt(in)). */
static isk_tensor isk__linear(isk_scope scope, isk_tensor x, int out, int init, int relu) {
    isk_parameter_desc weight, bias;
    isk_tensor w, b;
    int in = isk_cols(x) > 0 ? isk_cols(x) : 1;
    memset(&weight, 0, sizeof weight);
    memset(&bias, 0, sizeof bias);
    weight.fill = bias.fill = ISK_FILL_UNIFORM;
    bias.vector = 1;
    weight.amount = bias.amount = 1 / sqrt((double)in);
    if (init == ISK_INIT_XAVIER) { weight.amount = sqrt(6.0 / (in + out)); }
    if (init == ISK_INIT_NORMAL) {
        weight.fill = ISK_FILL_NORMAL;
        weight.amount = 0.01;
    }
    /* one after the other: compilers evaluate arguments in any order, and the order is the layout of a group */
    w = isk_parameter(scope, "weight", in, out, &weight);
    b = isk_parameter(scope, "bias", 1, out, &bias);
    return isk_linear_map(x, w, b, relu);
}

static isk_tensor isk__activate(isk_tensor x, int activation) {
    switch (activation) {
    case ISK_GELU: return isk_gelu(x);
    case ISK_QUICK_GELU: return isk_quick_gelu(x);
    case ISK_TANH: return isk_tanh(x);
    case ISK_LINEAR: return x;
    default: return isk_relu(x);
    }
}

static isk_tensor isk__row_parameter(isk_scope scope, const char *name, int cols, isk_fill fill, int buffer) {
    isk_parameter_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.fill = fill;
    desc.buffer = buffer;
    desc.vector = 1;
    return isk_parameter(scope, name, 1, cols, &desc);
}

enum { ISK__EVALUATING, ISK__TRAINING, ISK__BATCH_MOMENTS };     /* the last: batch moments, running ones left alone */

/* Running moments follow those of the batch. */
static void isk__follow_moments(isk_scope scope, isk_tensor x) {
    int cols = isk_cols(x) > 0 ? isk_cols(x) : 1;
    isk__follow(isk__row_parameter(scope, "running_mean", cols, ISK_FILL_ZERO, 1), isk_col_mean(x), 0.1);
    isk__follow(isk__row_parameter(scope, "running_var", cols, ISK_FILL_ONE, 1), isk_col_var(x), 0.1);
}

INDISEEK_API isk_tensor isk_standardise_rows(isk_scope scope, isk_tensor x, int training) {
    const double epsilon = 1e-5;
    int cols = isk_cols(x) > 0 ? isk_cols(x) : 1;
    isk_tensor mean = isk__row_parameter(scope, "running_mean", cols, ISK_FILL_ZERO, 1);
    isk_tensor variance = isk__row_parameter(scope, "running_var", cols, ISK_FILL_ONE, 1);
    if (training == ISK__EVALUATING) { return isk_standardise_by(x, mean, variance, epsilon); }
    if (training == ISK__TRAINING) { isk__follow_moments(scope, x); }
    return isk_standardise(x, epsilon);
}

static isk_tensor isk__norm(isk_scope scope, isk_tensor x, int norm, int training) {
    const double epsilon = 1e-5;
    int cols = isk_cols(x) > 0 ? isk_cols(x) : 1;
    isk_tensor gamma = isk__row_parameter(scope, "weight", cols, ISK_FILL_ONE, 0);
    isk_tensor beta = isk__row_parameter(scope, "bias", cols, ISK_FILL_ZERO, 0);
    if (norm == ISK_NORM_LAYER) { return isk_layer_norm(x, gamma, beta, epsilon); }
    if (training == ISK__EVALUATING) {
        isk_tensor mean = isk__row_parameter(scope, "running_mean", cols, ISK_FILL_ZERO, 1);
        isk_tensor variance = isk__row_parameter(scope, "running_var", cols, ISK_FILL_ONE, 1);
        return isk_batch_norm_by(x, mean, variance, gamma, beta, epsilon);
    }
    if (training == ISK__TRAINING) { isk__follow_moments(scope, x); }
    return isk_batch_norm(x, gamma, beta, epsilon);
}

static isk_scope isk__numbered(isk_scope scope, int number) {
    char name[16];
    snprintf(name, sizeof name, "%d", number);
    return isk_within(scope, name);
}

INDISEEK_API isk_tensor isk_mlp(isk_scope scope, isk_tensor x, const isk_mlp_desc *desc) {
    int layers = desc->layers ? desc->layers : 5, width = desc->width ? desc->width : 100, layer, position = 0;
    int activation = desc->activation ? desc->activation : ISK_RELU, norm = desc->norm ? desc->norm : ISK_NORM_NONE;
    if (layers < 1 || width < 1 || desc->out < 1) {
        return isk__record_fail(scope.graph, ISK_ARGUMENT, "mlp '%s': layers %d, width %d and out %d must be at least 1",
                                scope.prefix, layers, width, desc->out);
    }
    for (layer = 0; layer < layers - 1; layer++) {
        int fused = activation == ISK_RELU && norm == ISK_NORM_NONE;
        x = isk__linear(isk__numbered(scope, position++), x, width, desc->init, fused);
        if (norm != ISK_NORM_NONE) { x = isk__norm(isk__numbered(scope, position++), x, norm, desc->training); }
        if (!fused) { x = isk__activate(x, activation); }
        position++;
        if (desc->dropout > 0) {
            if (desc->training == ISK__TRAINING) { x = isk_dropout(x, desc->dropout); }
            position++;
        }
    }
    return isk__linear(isk__numbered(scope, position), x, desc->out, desc->init, 0);
}

/* ==== >>losses: what methods minimise ================================================================================== */

/* The networks of q(z|c) = N(z; mean(c), diag(exp(logvar(c)))), Cheng et al. 2020; Gui et al. A.1. */
typedef struct isk__critic { isk_tensor mean, logvar; } isk__critic;

static isk__critic isk__critic_record(isk_scope scope, isk_tensor c, int dim, const isk_options *options) {
    isk__critic critic;
    isk_mlp_desc mlp;
    memset(&mlp, 0, sizeof mlp);
    mlp.layers = options->layers;
    mlp.width = options->critic_width > 0 ? options->critic_width : options->width;
    mlp.out = dim;
    mlp.init = options->init;
    critic.mean = isk_mlp(isk_within(scope, "mean"), c, &mlp);
    critic.logvar = isk_mlp(isk_within(scope, "logvar"), c, &mlp);
    if (options->logvar == ISK_LOGVAR_TANH) { critic.logvar = isk_tanh(critic.logvar); }
    if (options->logvar == ISK_LOGVAR_CLAMP) { critic.logvar = isk_clamp(critic.logvar, -8, 8); }
    return critic;
}

/* The upper bound on I(Z; C), METHODS 3.2: all pairs of the batch, or one permutation as negatives. */
static isk_tensor isk__club_record(isk__critic critic, isk_tensor z, int kind) {
    if (kind == ISK_CLUB_PERMUTATION) { return isk_club_paired(critic.mean, critic.logvar, z, isk_permute_rows(z)); }
    return isk_club(critic.mean, critic.logvar, z);
}

/* Fraction of log variances at the limits of tanh. */
static isk_tensor isk__saturation_record(isk__critic critic) {
    return isk_mean_all(isk_clamp(isk_affine(isk_abs(critic.logvar), 1e6, -0.99e6), 0, 1));
}

/* ==== >>trainer: stages of programs, schedules, early stopping ========================================================= */

/* A method is a list of stages.  A stage is a list of passes, each a program with its own optimiser and its own counter of
   steps, run per batch, per epoch or to fill a cache.  Stages of one phase are independent and run side by side; a model
   goes from phase to phase.  The trainer knows nothing of what the programs compute. */

enum {
    ISK__PER_BATCH,                         /* neighbouring passes of this kind take turns on every batch */
    ISK__PER_EPOCH,                         /* whole passes over the training rows, in an order of their own */
    ISK__FILL                               /* one pass over the rows in their order */
};
enum { ISK__RATE_MAIN, ISK__RATE_SHARED, ISK__RATE_CRITIC, ISK__RATE_NONE };
enum { ISK__ROWS_TRAIN, ISK__ROWS_HELD_OUT, ISK__ROWS_ALL };
enum { ISK__MAX_PASSES = 4, ISK__MAX_STAGES = 1 + ISK_MAX_VIEWS, ISK__MAX_LABELS = 8 };

typedef struct isk__pass {
    isk_program *program;
    int kind, repeats, rate;
    int label_count;
    const char *labels[ISK__MAX_LABELS];    /* names of the program's outputs */
} isk__pass;

/* A measurement with a network of its own that starts afresh each time. */
typedef struct isk__diagnosis { isk_program *fill, *fit, *measure; int group; } isk__diagnosis;

typedef struct isk__stage {
    char name[40];
    int view;                               /* or -1 */
    int phase, epochs;
    isk_program *before;                    /* fills caches when the stage begins, over all rows; or NULL */
    isk__pass passes[ISK__MAX_PASSES];
    int pass_count, main;                   /* main: the pass whose first output is the loss */
    isk__pass evaluation;                   /* on held-out rows; program NULL: none */
    int group, best;                        /* whose best weights are kept, and the space of class state that holds them, or -1 */
    int keep_best, watch;                   /* watch: index of the evaluation's output that should fall */
    int patience;
    int diagnosed;                          /* it has a diagnosis */
    isk__diagnosis diagnosis;
} isk__stage;

/* Where one stage of one model stands.  Plain numbers, all of them saved in checkpoints. */
typedef struct isk__track {
    double epoch, finished, diverged;       /* diverged: 1 + index of the output that is not finite */
    double best, best_epoch, stale, rate_factor, plateau;
    double steps[ISK__MAX_PASSES];
    double means[ISK__MAX_PASSES][ISK__MAX_LABELS];     /* over the rows of the last epoch */
    double evaluation[ISK__MAX_LABELS], kept[ISK__MAX_LABELS];     /* on held-out rows: last epoch; weights that are kept */
    double diagnosis, diagnosed;            /* last value; epoch it was taken at, 0: never */
    double skipped;                         /* batches with fewer than two rows */
} isk__track;

enum { ISK__TRACK_NUMBERS = sizeof(isk__track) / sizeof(double) };

typedef struct isk__plan {
    isk_graph *graph;
    isk__stage stages[ISK__MAX_STAGES];
    int stage_count;
} isk__plan;

/* A model in training. */
typedef struct isk__learner {
    isk_options options;
    uint64_t seed;
    isk__memory state;
    int32_t *rows[3];                       /* by ISK__ROWS_...; the last is NULL: all */
    int counts[3];
    isk__track tracks[ISK__MAX_STAGES];
    int phase, finished;
    double seconds;
    double view_power[ISK_MAX_VIEWS];       /* mean over training rows of |x|^2 */
    double view_spread[ISK_MAX_VIEWS];      /* mean over held-out rows of |x - training mean|^2 */
} isk__learner;

typedef struct isk__training {
    isk_context *context;
    const isk_fit_desc *desc;
    isk_options options;                    /* resolved, of model 0 */
    isk__plan plan;
    isk__memory *workers, *slots, shared;
    isk_scalar **bases;                     /* [threads] tables */
    int worker_count, slot_count;
    isk__learner *learners;
    int learner_count;
    int *slot_learner;                      /* which learner a slot trains, or -1 */
    unsigned char *begun;                   /* [slots, ISK__MAX_STAGES] caches are filled */
    int next;                               /* first learner that no slot has taken */
    int *tasks, task_count;                 /* slot * ISK__MAX_STAGES + stage */
    int rounds;
    char fingerprint[65];                   /* of the data */
    isk_tensor lambda, inverse_power[ISK_MAX_VIEWS];    /* inputs, one value per model */
} isk__training;

static isk__frame isk__frame_open(const isk__training *training, int slot, int worker) {
    const isk__learner *learner = &training->learners[training->slot_learner[slot]];
    isk__frame frame;
    memset(&frame, 0, sizeof frame);
    frame.base = training->bases + (size_t)worker * (size_t)(training->plan.graph->space_count + 1);
    isk__compose(training->plan.graph, frame.base, &training->workers[worker], &learner->state, &training->slots[slot],
                 &training->shared);
    frame.level = training->context->level;
    frame.seed = learner->seed;
    return frame;
}

static int isk__batches(int rows, int batch, int drop) {
    int whole = rows / batch;
    return drop && whole > 0 ? whole : (rows + batch - 1) / batch;
}

/* Adds the program's outputs, weighted by the rows that were present. */
static void isk__collect(const isk_program *program, const isk__frame *frame, int count, int present, double *sums) {
    int i;
    for (i = 0; i < count; i++) { sums[i] += (double)*isk__pointer(frame, &program->output_refs[i]) * present; }
}

static int isk__present(const isk__frame *frame, const isk_program *program) {
    int64_t left = frame->batch.count - frame->batch.first;
    return left < program->batch_rows ? (int)left : program->batch_rows;
}

/* One pass in row order; means of the outputs over the rows, if wanted. */
static void isk__run_in_order(const isk__learner *learner, isk__frame *frame, isk_program *program, int rows, int count,
                              double *means) {
    double sums[ISK__MAX_LABELS] = { 0 }, seen = 0;
    int i, b;
    frame->batch.rows = learner->rows[rows];
    frame->batch.count = learner->counts[rows];
    frame->batch.shuffled = 0;
    for (b = 0; (int64_t)b * program->batch_rows < frame->batch.count; b++) {
        int present;
        frame->batch.first = (int64_t)b * program->batch_rows;
        present = isk__present(frame, program);
        if (count > 0 && b > 0 && present < 2) { continue; }    /* terms that mix rows say nothing of one row */
        isk__execute(program, frame);
        isk__collect(program, frame, count, present, sums);
        seen += present;
    }
    for (i = 0; i < count; i++) { means[i] = sums[i] / seen; }
}

/* The order of a pass: a permutation keyed by seed, stage, epoch and pass. */
static uint64_t isk__order_key(uint64_t seed, const char *stage, int epoch, int pass) {
    return isk__mix64(isk__mix64(seed ^ isk__name_hash(stage)) + ((uint64_t)epoch << 8) + (uint64_t)pass);
}

static double isk__rate(const isk__learner *learner, const isk__stage *stage, const isk__track *track, int kind, double done) {
    double rate = kind == ISK__RATE_SHARED ? learner->options.shared_rate
                  : kind == ISK__RATE_CRITIC ? learner->options.critic_rate : learner->options.rate;
    if (learner->options.schedule == ISK_COSINE) { return rate * 0.5 * (1 + cos(3.141592653589793 * done / stage->epochs)); }
    return rate * track->rate_factor;
}

/* Passes first .. last-1 of kind PER_BATCH or one pass of kind PER_EPOCH, over the training rows once. */
static void isk__run_shuffled(const isk__training *training, isk__learner *learner, const isk__stage *stage, isk__track *track,
                              isk__frame *frame, int first, int last, uint64_t key, double sums[][ISK__MAX_LABELS],
                              double *present_sum) {
    int rows = learner->counts[ISK__ROWS_TRAIN], size = stage->passes[first].program->batch_rows, b, p, r;
    int batches = isk__batches(rows, size, learner->options.last_batch == ISK_LAST_DROP);
    (void)training;
    frame->batch.rows = learner->rows[ISK__ROWS_TRAIN];
    frame->batch.count = rows;
    frame->batch.shuffled = 1;
    frame->batch.key = key;
    for (b = 0; b < batches; b++) {
        int present;
        frame->batch.first = (int64_t)b * size;
        present = isk__present(frame, stage->passes[first].program);
        if (present < 2) {
            track->skipped++;
            continue;
        }
        for (p = first; p < last; p++) {
            const isk__pass *pass = &stage->passes[p];
            int repeats = pass->kind == ISK__PER_BATCH ? pass->repeats : 1;
            frame->rate = isk__rate(learner, stage, track, pass->rate, track->epoch + (double)b / batches);
            for (r = 0; r < repeats; r++) {
                frame->step = (uint64_t)track->steps[p];
                isk__execute(pass->program, frame);
                track->steps[p]++;
            }
            isk__collect(pass->program, frame, pass->label_count, present, sums[p]);
            present_sum[p] += present;
        }
    }
}

/* Runs every pass of the stage for one epoch and leaves the means of their outputs in the track. */
static void isk__run_passes(const isk__training *training, isk__learner *learner, const isk__stage *stage, isk__track *track,
                            isk__frame *frame) {
    double sums[ISK__MAX_PASSES][ISK__MAX_LABELS], present[ISK__MAX_PASSES];
    int p, next, r, i;
    memset(sums, 0, sizeof sums);
    memset(present, 0, sizeof present);
    for (p = 0; p < stage->pass_count; p = next) {
        const isk__pass *pass = &stage->passes[p];
        next = p + 1;
        if (pass->kind == ISK__FILL) {
            isk__run_in_order(learner, frame, pass->program, ISK__ROWS_TRAIN, 0, NULL);
        } else if (pass->kind == ISK__PER_EPOCH) {
            for (r = 0; r < pass->repeats; r++) {
                isk__run_shuffled(training, learner, stage, track, frame, p, next,
                                  isk__order_key(learner->seed, stage->name, (int)track->epoch, 16 * p + 1 + r), sums, present);
            }
        } else {
            while (next < stage->pass_count && stage->passes[next].kind == ISK__PER_BATCH) { next++; }
            isk__run_shuffled(training, learner, stage, track, frame, p, next,
                              isk__order_key(learner->seed, stage->name, (int)track->epoch, 0), sums, present);
        }
    }
    for (p = 0; p < stage->pass_count; p++) {
        for (i = 0; i < stage->passes[p].label_count; i++) {
            track->means[p][i] = present[p] > 0 ? sums[p][i] / present[p] : 0;
            if (!(track->means[p][i] - track->means[p][i] == 0) && track->diverged == 0) {
                track->diverged = 1 + p * ISK__MAX_LABELS + i;
            }
        }
    }
}

/* Fits a fresh network on the training rows and measures on held-out ones (on the training rows where there are none). */
static void isk__diagnose(const isk__training *training, const isk__learner *learner, const isk__stage *stage,
                          isk__track *track, isk__frame *frame) {
    const isk__diagnosis *diagnosis = &stage->diagnosis;
    const isk_graph *graph = training->plan.graph;
    const isk__group_info *group = &graph->groups[diagnosis->group];
    int i, epoch, b, rows = learner->counts[ISK__ROWS_TRAIN], size = diagnosis->fit->batch_rows;
    int batches = isk__batches(rows, size, 1), epochs = learner->options.diagnosis_epochs;
    const int least_steps = 300;            /* else the critic of a small set has not learned anything yet */
    double means[1];
    if (epochs * batches < least_steps) { epochs = (least_steps + batches - 1) / batches; }
    isk__run_in_order(learner, frame, diagnosis->fill, ISK__ROWS_ALL, 0, NULL);
    memset(frame->base[group->moment1], 0, group->size * sizeof(isk_scalar));
    memset(frame->base[group->moment2], 0, group->size * sizeof(isk_scalar));
    for (i = 0; i < graph->parameter_count; i++) {
        if (graph->parameters[i].group == diagnosis->group) {
            isk__parameter_fill(graph, &graph->parameters[i], frame->base, learner->seed);
        }
    }
    frame->step = 0;
    for (epoch = 0; epoch < epochs; epoch++) {
        frame->batch.rows = learner->rows[ISK__ROWS_TRAIN];
        frame->batch.count = rows;
        frame->batch.shuffled = 1;
        frame->batch.key = isk__order_key(learner->seed, stage->name, epoch, 255);
        for (b = 0; b < batches; b++) {
            frame->batch.first = (int64_t)b * size;
            frame->rate = 1e-3 * 0.5 * (1 + cos(3.141592653589793 * (epoch + (double)b / batches) / epochs));
            isk__execute(diagnosis->fit, frame);
            frame->step++;
        }
    }
    isk__run_in_order(learner, frame, diagnosis->measure,
                      learner->counts[ISK__ROWS_HELD_OUT] > 1 ? ISK__ROWS_HELD_OUT : ISK__ROWS_TRAIN, 1, means);
    track->diagnosis = means[0];
    track->diagnosed = track->epoch;
}

/* Is a diagnosis due at the end of this epoch?  `count` of them, evenly spread, the last at the end. */
static int isk__diagnosis_due(int epoch, int epochs, int count) {
    return count > 0 && (epoch == epochs || (int64_t)epoch * count / epochs > (int64_t)(epoch - 1) * count / epochs);
}

/* The group's parameters and buffers, to or from the copy of the best. */
static void isk__best_copy(const isk_graph *graph, const isk__stage *stage, const isk__frame *frame, int restore) {
    const isk__group_info *group = &graph->groups[stage->group];
    isk_scalar *copy = frame->base[stage->best];
    size_t values = group->size * sizeof(isk_scalar), buffers = group->buffer_size * sizeof(isk_scalar);
    if (restore) {
        memcpy(frame->base[group->value], copy, values);
        memcpy(frame->base[group->buffer], copy + group->size, buffers);
    } else {
        memcpy(copy, frame->base[group->value], values);
        memcpy(copy + group->size, frame->base[group->buffer], buffers);
    }
}

/* Evaluation, best weights, early stopping, plateau schedule. */
static void isk__finish_epoch(const isk__training *training, isk__learner *learner, const isk__stage *stage, isk__track *track,
                              isk__frame *frame) {
    const int plateau_patience = 10;        /* as torch.optim.lr_scheduler.ReduceLROnPlateau, factor 0.1 */
    double value = track->means[stage->main][stage->watch];
    int stop = 0, judged = stage->evaluation.program && learner->counts[ISK__ROWS_HELD_OUT] > 1;
    int keeps = stage->best >= 0 && (judged || stage->patience > 0);    /* without held-out rows only early stopping does */
    if (judged) {
        isk__run_in_order(learner, frame, stage->evaluation.program, ISK__ROWS_HELD_OUT, stage->evaluation.label_count,
                          track->evaluation);
        value = track->evaluation[stage->watch];
        if (!keeps) { memcpy(track->kept, track->evaluation, sizeof track->kept); }
    }
    if (track->best_epoch == 0 || value < track->best) {
        track->best = value;
        track->best_epoch = track->epoch;
        track->stale = track->plateau = 0;
        if (keeps) {
            memcpy(track->kept, track->evaluation, sizeof track->kept);
            isk__best_copy(training->plan.graph, stage, frame, 0);
        }
    } else {
        track->stale++;
        track->plateau++;
        stop = stage->patience > 0 && track->stale >= stage->patience;
        if (learner->options.schedule == ISK_PLATEAU && track->plateau > plateau_patience) {
            track->rate_factor *= 0.1;
            track->plateau = 0;
        }
    }
    if (track->epoch >= stage->epochs || stop || track->diverged > 0) {
        track->finished = 1;
        if (keeps && track->diverged == 0) { isk__best_copy(training->plan.graph, stage, frame, 1); }
    }
    if (stage->diagnosed && track->diverged == 0 &&
        (track->finished > 0 || isk__diagnosis_due((int)track->epoch, stage->epochs, learner->options.diagnoses))) {
        isk__diagnose(training, learner, stage, track, frame);
    }
}

/* One epoch of one stage of one model, on one worker. */
static void isk__train_epoch(void *argument, int task, int worker) {
    isk__training *training = (isk__training *)argument;
    int slot = training->tasks[task] / ISK__MAX_STAGES, index = training->tasks[task] % ISK__MAX_STAGES;
    isk__learner *learner = &training->learners[training->slot_learner[slot]];
    const isk__stage *stage = &training->plan.stages[index];
    isk__track *track = &learner->tracks[index];
    unsigned char *begun = &training->begun[slot * ISK__MAX_STAGES + index];
    isk__frame frame = isk__frame_open(training, slot, worker);
    if (!*begun) {
        *begun = 1;
        if (track->rate_factor == 0) { track->rate_factor = 1; }
        if (stage->before) { isk__run_in_order(learner, &frame, stage->before, ISK__ROWS_ALL, 0, NULL); }
        if (stage->epochs == 0) {
            track->finished = 1;
            return;
        }
    }
    isk__run_passes(training, learner, stage, track, &frame);
    track->epoch++;
    isk__finish_epoch(training, learner, stage, track, &frame);
}

/* ---- what the caller sees ---- */

static void isk__record_number(isk__text *text, const char *name, double value) {
    isk__text_add(text, ", ");
    isk__text_string(text, name);
    isk__text_add(text, ": ");
    isk__text_number(text, value);
}

static void isk__record_send(const isk_context *context, isk__text *text) {
    isk__text_add(text, "}");
    if (!text->failed && context->desc.record) { context->desc.record(context->desc.user, text->data); }
    isk__release(context, text->data);
}

/* {"model": 0, "stage": "specific1", "epoch": 3, "loss": ..., "validation.club": ...} */
static void isk__record_epoch(const isk__training *training, int model, int index) {
    const isk__stage *stage = &training->plan.stages[index];
    const isk__learner *learner = &training->learners[model];
    const isk__track *track = &learner->tracks[index];
    isk__text text;
    int p, i;
    memset(&text, 0, sizeof text);
    text.context = training->context;
    isk__text_add(&text, "{\"model\": ");
    isk__text_number(&text, model);
    isk__text_add(&text, ", \"stage\": ");
    isk__text_string(&text, stage->name);
    isk__record_number(&text, "epoch", track->epoch);
    for (p = 0; p < stage->pass_count; p++) {
        for (i = 0; i < stage->passes[p].label_count; i++) {
            isk__record_number(&text, stage->passes[p].labels[i], track->means[p][i]);
        }
    }
    if (stage->evaluation.program && learner->counts[ISK__ROWS_HELD_OUT] > 1) {
        for (i = 0; i < stage->evaluation.label_count; i++) {
            char name[64];
            snprintf(name, sizeof name, "validation.%s", stage->evaluation.labels[i]);
            isk__record_number(&text, name, track->evaluation[i]);
            if (stage->view >= 0 && strcmp(stage->evaluation.labels[i], "reconstruction") == 0) {
                isk__record_number(&text, "validation.r2",
                                   1 - track->evaluation[i] * learner->view_power[stage->view] / learner->view_spread[stage->view]);
            }
        }
    }
    if (track->diagnosed == track->epoch && track->diagnosed > 0) { isk__record_number(&text, "fresh_club", track->diagnosis); }
    isk__record_send(training->context, &text);
}

static void isk__report_progress(const isk__training *training, int slot, int stage) {
    const isk_context *context = training->context;
    isk_progress progress;
    double done = 0, all = 0;
    int i, model = training->slot_learner[slot];
    if (!context->desc.progress) { return; }
    memset(&progress, 0, sizeof progress);
    for (i = 0; i < training->learner_count; i++) {
        const isk__learner *learner = &training->learners[i];
        int s;
        for (s = 0; s < training->plan.stage_count; s++) {
            int epochs = training->plan.stages[s].epochs;
            all += epochs;
            done += learner->finished || learner->tracks[s].finished > 0 ? epochs : learner->tracks[s].epoch;
        }
    }
    progress.stage = training->plan.stages[stage].phase == 0 && training->plan.stages[stage].view < 0 ? "shared" : "specific";
    progress.model = model;
    progress.models = training->learner_count;
    progress.epoch = (int)training->learners[model].tracks[stage].epoch;
    progress.epochs = training->plan.stages[stage].epochs;
    progress.fraction = all > 0 ? done / all : 1;
    progress.loss = training->learners[model].tracks[stage].means[training->plan.stages[stage].main][0];
    context->desc.progress(context->desc.user, &progress);
}

/* ---- rounds ---- */

/* Empty slots take the next models. */
static void isk__take_learners(isk__training *training, void (*begin)(isk__training *, int slot)) {
    int slot;
    for (slot = 0; slot < training->slot_count; slot++) {
        if (training->slot_learner[slot] >= 0) { continue; }
        while (training->next < training->learner_count && training->learners[training->next].finished) { training->next++; }
        if (training->next == training->learner_count) { return; }
        training->slot_learner[slot] = training->next++;
        memset(&training->begun[slot * ISK__MAX_STAGES], 0, ISK__MAX_STAGES);
        begin(training, slot);
    }
}

/* The unfinished stages of the current phase of every model in a slot. */
static void isk__collect_tasks(isk__training *training) {
    int slot, stage;
    training->task_count = 0;
    for (slot = 0; slot < training->slot_count; slot++) {
        const isk__learner *learner;
        if (training->slot_learner[slot] < 0) { continue; }
        learner = &training->learners[training->slot_learner[slot]];
        for (stage = 0; stage < training->plan.stage_count; stage++) {
            if (training->plan.stages[stage].phase == learner->phase && !(learner->tracks[stage].finished > 0)) {
                training->tasks[training->task_count++] = slot * ISK__MAX_STAGES + stage;
            }
        }
    }
}

/* Moves models to their next phase, or out of their slots. */
static void isk__advance(isk__training *training) {
    int slot, stage;
    for (slot = 0; slot < training->slot_count; slot++) {
        isk__learner *learner;
        int open = 0, later = 0, diverged = 0;
        if (training->slot_learner[slot] < 0) { continue; }
        learner = &training->learners[training->slot_learner[slot]];
        for (stage = 0; stage < training->plan.stage_count; stage++) {
            if (training->plan.stages[stage].phase > learner->phase) { later = 1; }
            if (training->plan.stages[stage].phase == learner->phase && !(learner->tracks[stage].finished > 0)) { open = 1; }
            diverged |= learner->tracks[stage].diverged > 0;
        }
        if (open && !diverged) { continue; }
        if (later && !diverged) {
            learner->phase++;
            continue;
        }
        if (open) { continue; }             /* the other stage of a diverged model finishes its run */
        learner->finished = 1;
        training->slot_learner[slot] = -1;
    }
}

static int isk__unfinished(const isk__training *training) {
    int i, left = 0;
    for (i = 0; i < training->learner_count; i++) { left |= !training->learners[i].finished; }
    return left;
}

static isk_status isk__checkpoint_write(isk__training *training);       /* >>model-files */

/* Trains every learner.  `begin` prepares a slot for the model it has taken. */
static isk_status isk__train(isk__training *training, void (*begin)(isk__training *, int slot)) {
    isk_context *context = training->context;
    int every = training->desc->checkpoint_every > 0 ? training->desc->checkpoint_every : 10, i;
    /* first of all: a path that cannot be written is found out before the work, not after it */
    isk_status status = training->desc->checkpoint ? isk__checkpoint_write(training) : ISK_OK;
    while (status == ISK_OK) {
        double start = isk__seconds(), seconds;
        int trained = -1, interrupted;
        isk__take_learners(training, begin);
        isk__collect_tasks(training);
        if (training->task_count == 0) {
            if (!isk__unfinished(training)) { break; }
            isk__advance(training);
            continue;
        }
        isk__parallel(context, training->task_count, isk__train_epoch, training);
        seconds = (isk__seconds() - start) / training->task_count;      /* each stage's share of the round */
        for (i = 0; i < training->task_count; i++) {
            int slot = training->tasks[i] / ISK__MAX_STAGES, stage = training->tasks[i] % ISK__MAX_STAGES;
            training->learners[training->slot_learner[slot]].seconds += seconds;
            if (training->plan.stages[stage].epochs == 0) { continue; }
            if (trained < 0) { trained = training->tasks[i]; }
            isk__record_epoch(training, training->slot_learner[slot], stage);
        }
        if (trained >= 0) { isk__report_progress(training, trained / ISK__MAX_STAGES, trained % ISK__MAX_STAGES); }
        isk__advance(training);
        if (trained < 0) { continue; }      /* caches only: made again when resuming, so stopping here would lead nowhere */
        training->rounds++;
        interrupted = context->interrupted;
        if (training->desc->checkpoint && (training->rounds % every == 0 || interrupted)) {
            status = isk__checkpoint_write(training);
            if (status != ISK_OK) { return status; }
        }
        if (interrupted && isk__unfinished(training)) {
            return isk__fail(context, ISK_INTERRUPTED, "stopped after round %d%s%s", training->rounds,
                             training->desc->checkpoint ? "; resume from " : "; there is no checkpoint to resume from",
                             training->desc->checkpoint ? training->desc->checkpoint : "");
        }
    }
    return status;
}

/* ==== >>methods: what each method trains, as data ====================================================================== */

/* ---- options by name ---- */

static const isk_option_info isk__option_table[] = {
#define ISK__OPTION_INFO(kind, name, robust, paper, simulation, low, high, choices, text) \
    { #name, choices, text, ISK_OPTION_##kind, { robust, paper, simulation }, low, high },
    ISK_OPTION_LIST(ISK__OPTION_INFO)
#undef ISK__OPTION_INFO
};

static const size_t isk__option_offsets[] = {
#define ISK__OPTION_OFFSET(kind, name, robust, paper, simulation, low, high, choices, text) offsetof(isk_options, name),
    ISK_OPTION_LIST(ISK__OPTION_OFFSET)
#undef ISK__OPTION_OFFSET
};

INDISEEK_API int isk_option_count(void) { return (int)(sizeof isk__option_table / sizeof isk__option_table[0]); }

INDISEEK_API const isk_option_info *isk_option_get(int index) {
    return index >= 0 && index < isk_option_count() ? &isk__option_table[index] : NULL;
}

static double isk__option_value(const isk_options *options, int index) {
    const char *field = (const char *)options + isk__option_offsets[index];
    double real;
    int integer;
    if (isk__option_table[index].kind == ISK_OPTION_REAL) {
        memcpy(&real, field, sizeof real);
        return real;
    }
    memcpy(&integer, field, sizeof integer);
    return integer;
}

static void isk__option_store(isk_options *options, int index, double value) {
    char *field = (char *)options + isk__option_offsets[index];
    int integer = (int)value;
    if (isk__option_table[index].kind == ISK_OPTION_REAL) {
        memcpy(field, &value, sizeof value);
    } else {
        memcpy(field, &integer, sizeof integer);
    }
}

static int isk__option_find(const char *name) {
    int i;
    for (i = 0; i < isk_option_count(); i++) {
        if (strcmp(isk__option_table[i].name, name) == 0) { return i; }
    }
    return -1;
}

/* The number (from 1) of a word in "a|b|c", or 0. */
static int isk__choice_find(const char *choices, const char *word) {
    size_t length = strlen(word);
    int number = 1;
    for (; *choices; number++) {
        const char *end = strchr(choices, '|');
        size_t size = end ? (size_t)(end - choices) : strlen(choices);
        if (size == length && memcmp(choices, word, size) == 0) { return number; }
        choices += size + (end != NULL);
    }
    return 0;
}

static isk_status isk__option_check(isk_context *context, int index, double value) {
    const isk_option_info *info = &isk__option_table[index];
    if (value >= info->low && value <= info->high) { return ISK_OK; }
    return isk__fail(context, ISK_ARGUMENT, "option %s is %g; it must be from %g to %g%s%s", info->name, value, info->low,
                     info->high, info->choices[0] ? ": " : "", info->choices);
}

INDISEEK_API isk_status isk_option_set(isk_context *context, isk_options *options, const char *name, const char *value) {
    int index = isk__option_find(name);
    const isk_option_info *info = isk_option_get(index);
    double number = 0;
    isk_status status;
    if (!info) { return isk__fail(context, ISK_ARGUMENT, "there is no option '%s'", name); }
    if (info->kind == ISK_OPTION_CHOICE) {
        number = isk__choice_find(info->choices, value);
        if (number == 0) {
            return isk__fail(context, ISK_ARGUMENT, "option %s is '%s'; it must be one of %s", name, value, info->choices);
        }
    } else if (!value[0] || isk_parse_number(value, strlen(value), &number) != strlen(value) ||
               (info->kind == ISK_OPTION_INT && number != floor(number))) {
        return isk__fail(context, ISK_ARGUMENT, "option %s is '%s'; it must be %s from %g to %g", name, value,
                         info->kind == ISK_OPTION_INT ? "a whole number" : "a number", info->low, info->high);
    }
    status = isk__option_check(context, index, number);
    if (status != ISK_OK) { return status; }
    isk__option_store(options, index, number == 0 ? ISK_NONE : number);
    return ISK_OK;
}

INDISEEK_API const char *isk_option_text(const isk_options *options, int index, char *buffer) {
    const isk_option_info *info = isk_option_get(index);
    double value = info ? isk__option_value(options, index) : 0;
    buffer[0] = 0;
    if (!info) { return buffer; }
    if (info->kind == ISK_OPTION_CHOICE) {
        const char *word = info->choices;
        int i;
        for (i = 1; i < (int)value && strchr(word, '|'); i++) { word = strchr(word, '|') + 1; }
        snprintf(buffer, 32, "%.*s", (int)strcspn(word, "|"), word);
    } else {
        isk__format_number(buffer, value == ISK_NONE ? 0 : value);
    }
    return buffer;
}

/* After this every field holds its real value: 0 is zero. */
INDISEEK_API isk_status isk_options_resolve(isk_context *context, isk_options *options, isk_preset preset) {
    int i;
    if ((int)preset < 0 || preset >= ISK_PRESET_COUNT) {
        return isk__fail(context, ISK_ARGUMENT, "preset %d is unknown", (int)preset);
    }
    for (i = 0; i < isk_option_count(); i++) {
        double value = isk__option_value(options, i);
        isk_status status;
        if (value == 0) {
            value = isk__option_table[i].preset[preset];
        } else if (value == ISK_NONE && isk__option_table[i].low == 0) {
            value = 0;
        }
        status = isk__option_check(context, i, value);
        if (status != ISK_OK) { return status; }
        isk__option_store(options, i, value);
    }
    return ISK_OK;
}

/* One row per method; the table of METHODS section 0. */
typedef struct isk__method_info {
    const char *name;
    int specific;                           /* learns Z_i after the shared features */
    int club_other;                         /* CLUB bounds I(Z_i; C of the other view), else of its own */
} isk__method_info;

static const isk__method_info isk__methods[ISK_METHOD_COUNT] = {
    { "indiseek", 1, 1 },
    { "indiseek0", 1, 0 },
    { "clip", 0, 0 },
};

INDISEEK_API const char *isk_method_name(isk_method method) {
    return (int)method >= 0 && method < ISK_METHOD_COUNT ? isk__methods[method].name : NULL;
}

static const char *const isk__preset_names[ISK_PRESET_COUNT] = { "robust", "paper", "simulation" };

INDISEEK_API const char *isk_preset_name(isk_preset preset) {
    return (int)preset >= 0 && preset < ISK_PRESET_COUNT ? isk__preset_names[preset] : NULL;
}

INDISEEK_API isk_status isk_method_find(isk_context *context, const char *name, isk_method *method) {
    int i;
    for (i = 0; i < ISK_METHOD_COUNT; i++) {
        if (strcmp(isk__methods[i].name, name) == 0) {
            *method = (isk_method)i;
            return ISK_OK;
        }
    }
    return isk__fail(context, ISK_ARGUMENT, "there is no method '%s'; the methods are indiseek, indiseek0 and clip", name);
}

INDISEEK_API isk_status isk_preset_find(isk_context *context, const char *name, isk_preset *preset) {
    int i;
    for (i = 0; i < ISK_PRESET_COUNT; i++) {
        if (strcmp(isk__preset_names[i], name) == 0) {
            *preset = (isk_preset)i;
            return ISK_OK;
        }
    }
    return isk__fail(context, ISK_ARGUMENT, "there is no preset '%s'; the presets are robust, paper and simulation", name);
}

/* What the networks of a method depend on. */
typedef struct isk__design {
    isk_method method;
    isk_options options;                    /* resolved */
    int view_count, cols[ISK_MAX_VIEWS], given_cols[ISK_MAX_VIEWS];
} isk__design;

static int isk__design_given(const isk__design *design) { return design->given_cols[0] > 0; }
/* Columns of C_i */
static int isk__shared_cols(const isk__design *design, int view) {
    return isk__design_given(design) ? design->given_cols[view] : design->options.shared_dim;
}
/* The view whose C the CLUB term of view i sees; with one view, its own. */
static int isk__club_view(const isk__design *design, int view) {
    return isk__methods[design->method].club_other && design->view_count > 1 ? 1 - view : view;
}

static isk_scope isk__view_scope(isk_graph *graph, const char *group, const char *name, int view) {
    char prefix[48];
    snprintf(prefix, sizeof prefix, "%s%d", name, view + 1);
    return isk__scope(graph, isk_group(graph, group).group, prefix);
}

static const char *isk__view_group(char *buffer, const char *name, int view) {
    snprintf(buffer, 32, "%s%d", name, view + 1);
    return buffer;
}

static isk_tensor isk__encoder(const isk__design *design, isk_scope scope, isk_tensor x, int out, int training) {
    isk_mlp_desc mlp;
    memset(&mlp, 0, sizeof mlp);
    mlp.layers = design->options.layers;
    mlp.width = design->options.width;
    mlp.out = out;
    mlp.activation = design->options.activation;
    mlp.norm = design->options.norm;
    mlp.init = design->options.init;
    mlp.dropout = design->options.dropout;
    mlp.training = training;
    return isk_mlp(scope, x, &mlp);
}

/* f_i(x), not yet normalised */
static isk_tensor isk__shared_record(const isk__design *design, int view, isk_tensor x, int training) {
    return isk__encoder(design, isk__view_scope(x.graph, "shared", "shared", view), x, design->options.shared_dim, training);
}

/* C_i as the rest of the method sees it */
static isk_tensor isk__shared_final(const isk__design *design, int view, isk_tensor x) {
    isk_tensor c = isk__shared_record(design, view, x, ISK__EVALUATING);
    return design->options.shared_scale == ISK_SHARED_UNIT ? isk_l2_normalise(c, 1e-12) : c;
}

/* h_i(x), raw */
static isk_tensor isk__specific_record(const isk__design *design, int view, isk_tensor x, int training) {
    char group[32];
    return isk__encoder(design, isk__view_scope(x.graph, isk__view_group(group, "specific", view), "specific", view), x,
                        design->options.dim, training);
}

/* Z_i from h_i(x) */
static isk_tensor isk__specific_final(const isk__design *design, int view, isk_tensor raw, int training) {
    char group[32];
    if (design->options.standardise != ISK_STANDARDISE_BATCH) { return raw; }
    return isk_standardise_rows(isk__view_scope(raw.graph, isk__view_group(group, "specific", view), "standardise", view), raw,
                                training);
}

/* g_i(Z_i, C_i) */
static isk_tensor isk__decode_record(const isk__design *design, int view, isk_tensor z, isk_tensor c, int training) {
    char group[32];
    isk_tensor parts[2];
    parts[0] = z;
    parts[1] = c;
    return isk__encoder(design, isk__view_scope(z.graph, isk__view_group(group, "specific", view), "decoder", view),
                        isk_concat(parts, 2), design->cols[view], training);
}

/* The scale of CLIP's logits, exp(t) with t learned from ln(1/tau) and clamped to [0, ln 100]; Radford et al. 2021.  A fixed
   t is what it is. */
static isk_tensor isk__logit_scale(const isk__design *design, isk_graph *graph) {
    isk_parameter_desc desc;
    isk_tensor t;
    memset(&desc, 0, sizeof desc);
    desc.fill = ISK_FILL_VALUE;
    desc.amount = -log(design->options.tau);
    desc.no_decay = 1;
    desc.vector = 1;
    desc.limited = design->options.temperature == ISK_TEMPERATURE_LEARNED;
    desc.low = 0;
    desc.high = log(100.0);
    t = isk_parameter(isk__scope(graph, isk_group(graph, "shared").group, ""), "logit_scale", 1, 1, &desc);
    if (design->options.temperature == ISK_TEMPERATURE_FIXED) { t = isk_stop_gradient(t); }
    return isk_exp(t);
}

/* ---- the training programs ---- */

/* A leaf that shows the user's memory. */
static isk_tensor isk__bound(isk_graph *graph, isk_matrix matrix) {
    isk_tensor tensor = isk__leaf(graph, ISK__SHARED, 1, (int)matrix.cols, 1);
    if (tensor.node < 0) { return tensor; }
    isk__node_of(tensor)->rows = (int)matrix.rows;
    graph->spaces[isk__node_of(tensor)->leaf.space].bound = matrix.data;
    return tensor;
}

enum { ISK__TILE_ROWS = 256 };              /* rows of a program that fills caches or transforms */

typedef struct isk__recorder {
    isk__training *training;
    isk_graph *graph;
    const isk__design *design;
    int rows;                               /* of a batch */
    isk_tensor views[ISK_MAX_VIEWS], shared[ISK_MAX_VIEWS];     /* [n, .]: X_i and C_i, given or cached */
    isk_tensor lambda, inverse_power[ISK_MAX_VIEWS];
} isk__recorder;

static isk_optimiser_desc isk__optimiser_of(const isk_options *options) {
    isk_optimiser_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.kind = options->optimiser;
    desc.rate = 1;                          /* the trainer gives the rate of each step */
    desc.momentum = options->momentum;
    desc.weight_decay = options->weight_decay;
    desc.clip_norm = options->clip_norm;
    return desc;
}

static isk__pass isk__pass_of(isk_program *program, int kind, int repeats, int rate) {
    isk__pass pass;
    memset(&pass, 0, sizeof pass);
    pass.program = program;
    pass.kind = kind;
    pass.repeats = repeats;
    pass.rate = rate;
    return pass;
}

static void isk__pass_labels(isk__pass *pass, int count, const char *const *labels) {
    int i;
    pass->label_count = count;
    for (i = 0; i < count; i++) { pass->labels[i] = labels[i]; }
}

static isk__stage *isk__stage_add(isk__recorder *r, const char *name, int view, int phase, int epochs) {
    isk__stage *stage = &r->training->plan.stages[r->training->plan.stage_count++];
    memset(stage, 0, sizeof *stage);
    if (view < 0) {
        snprintf(stage->name, sizeof stage->name, "%s", name);
    } else {
        snprintf(stage->name, sizeof stage->name, "%.16s%d", name, view + 1);
    }
    stage->view = view;
    stage->phase = phase;
    stage->epochs = epochs;
    stage->best = stage->group = -1;
    return stage;
}

static void isk__stage_keeps_best(isk__recorder *r, isk__stage *stage, const char *group) {
    stage->group = isk__group_find(r->graph, group);
    if (stage->group < 0) { return; }
    stage->best = isk__space_add(r->graph, ISK__STATE,
                                 r->graph->groups[stage->group].size + r->graph->groups[stage->group].buffer_size);
    stage->keep_best = 1;
}

/* CLIP: symmetric InfoNCE of the unit-norm encodings of the two views. */
static void isk__clip_outputs(isk__recorder *r, int training, isk_tensor outputs[2]) {
    isk_tensor batch = isk_batch(r->graph, r->rows), u[2], scale = isk__logit_scale(r->design, r->graph);
    int i;
    for (i = 0; i < 2; i++) {
        u[i] = isk_l2_normalise(isk__shared_record(r->design, i, isk_gather(r->views[i], batch), training), 1e-12);
    }
    outputs[0] = isk_info_nce(u[0], u[1], scale);
    outputs[1] = isk_reciprocal(scale);
}

static void isk__record_shared_stage(isk__recorder *r) {
    static const char *const labels[] = { "loss", "temperature" };
    const isk_options *options = &r->design->options;
    isk_optimiser_desc optimiser = isk__optimiser_of(options);
    isk__stage *stage = isk__stage_add(r, "shared", -1, 0, options->shared_epochs);
    isk_tensor outputs[2];
    isk__clip_outputs(r, ISK__TRAINING, outputs);
    stage->passes[0] = isk__pass_of(isk__minimise(r->graph, "shared", outputs, 2, &optimiser, 0), ISK__PER_BATCH, 1,
                                    ISK__RATE_SHARED);
    isk__pass_labels(&stage->passes[0], 2, labels);
    stage->pass_count = 1;
    isk__clip_outputs(r, ISK__EVALUATING, outputs);
    stage->evaluation = isk__pass_of(isk_compute(r->graph, outputs, 1), ISK__FILL, 1, ISK__RATE_NONE);
    isk__pass_labels(&stage->evaluation, 1, labels);
    if (options->shared_keep == ISK_KEEP_BEST) { isk__stage_keeps_best(r, stage, "shared"); }
}

/* C_i of every row, once the encoders are frozen. */
static void isk__record_cache_stage(isk__recorder *r) {
    isk__stage *stage = isk__stage_add(r, "cache", -1, 1, 0);
    isk_tensor batch = isk_batch(r->graph, ISK__TILE_ROWS);
    int i;
    for (i = 0; i < r->design->view_count; i++) {
        isk__scatter(r->shared[i], isk__shared_final(r->design, i, isk_gather(r->views[i], batch)), batch);
    }
    stage->before = isk_compute(r->graph, NULL, 0);
}

/* The critic of view i: learning loss on detached Z, and the share of saturated log variances. */
static isk_program *isk__record_critic_step(isk__recorder *r, const char *group, isk_tensor z, isk_tensor c, int saturation) {
    isk__critic critic = isk__critic_record(isk_group(r->graph, group), c, r->design->options.dim, &r->design->options);
    isk_optimiser_desc optimiser = isk__optimiser_of(&r->design->options);
    isk_tensor outputs[2];
    outputs[0] = isk_gaussian_nll(critic.mean, critic.logvar, z);
    if (saturation) { outputs[1] = isk__saturation_record(critic); }
    return isk__minimise(r->graph, group, outputs, saturation ? 2 : 1, &optimiser, 0);
}

/* loss, CLUB, fraction of |x|^2 not reconstructed, mean variance of the raw Z: METHODS section 4. */
static void isk__specific_outputs(isk__recorder *r, int view, int training, isk_tensor outputs[4]) {
    const isk__design *design = r->design;
    isk_tensor batch = isk_batch(r->graph, r->rows), x = isk_gather(r->views[view], batch);
    isk_tensor raw = isk__specific_record(design, view, x, training), z = isk__specific_final(design, view, raw, training);
    isk_tensor own = isk_gather(r->shared[view], batch), seen = isk_gather(r->shared[isk__club_view(design, view)], batch);
    char group[32];
    isk__critic critic = isk__critic_record(isk_group(r->graph, isk__view_group(group, "critic", view)), seen,
                                            design->options.dim, &design->options);
    isk_tensor club = isk__club_record(critic, z, design->options.club);
    isk_tensor error = isk_mse(isk__decode_record(design, view, z, own, training), x), fraction;
    if (design->options.power == ISK_POWER_BATCH) {
        fraction = isk_div(error, isk_mse(isk_affine(x, 0, 0), x));
    } else {
        fraction = isk_mul(error, r->inverse_power[view]);
    }
    outputs[0] = isk_add(club, isk_mul(isk_affine(r->lambda, 0.5, 0), fraction));
    outputs[1] = club;
    outputs[2] = fraction;
    outputs[3] = isk_mean_all(isk_col_var(raw));
}

/* Raw Z of rows in order, into the cache. */
static isk_program *isk__record_fill(isk__recorder *r, int view, isk_tensor cache) {
    isk_tensor batch = isk_batch(r->graph, ISK__TILE_ROWS);
    isk__scatter(cache, isk__specific_record(r->design, view, isk_gather(r->views[view], batch), ISK__EVALUATING), batch);
    return isk_compute(r->graph, NULL, 0);
}

/* The critic's passes: k steps on the batch that the encoder's step will take, or whole passes over cached Z. */
static void isk__record_critic_passes(isk__recorder *r, isk__stage *stage, int view, isk_tensor cache) {
    static const char *const labels[] = { "critic_loss", "saturation" };
    const isk__design *design = r->design;
    isk_tensor source = r->shared[isk__club_view(design, view)], batch, z, c;
    isk__pass *first = &stage->passes[0], *second = &stage->passes[1];
    char group[32];
    isk__view_group(group, "critic", view);
    if (design->options.critic_inner == ISK_CRITIC_PER_EPOCH) {
        *first = isk__pass_of(isk__record_fill(r, view, cache), ISK__FILL, 1, ISK__RATE_NONE);
        batch = isk_batch(r->graph, r->rows);
        z = isk__specific_final(design, view, isk_gather(cache, batch), ISK__BATCH_MOMENTS);
        *second = isk__pass_of(isk__record_critic_step(r, group, z, isk_gather(source, batch), 1), ISK__PER_EPOCH,
                               design->options.critic_steps, ISK__RATE_CRITIC);
    } else {
        isk_tensor weight = isk_model_input(r->graph, r->rows, 1);
        isk_tensor kept_z = isk_model_input(r->graph, r->rows, design->options.dim);
        isk_tensor kept_c = isk_model_input(r->graph, r->rows, isk_cols(source) > 0 ? isk_cols(source) : 1);
        batch = isk_batch(r->graph, r->rows);
        z = isk__specific_record(design, view, isk_gather(r->views[view], batch), ISK__BATCH_MOMENTS);
        c = isk_gather(source, batch);
        isk__store(kept_z, isk__specific_final(design, view, z, ISK__BATCH_MOMENTS));
        isk__store(kept_c, c);
        if (batch.node >= 0) {
            isk_tensor present = batch;
            present.node = isk__node_of(batch)->weight;
            isk__store(weight, present);
        }
        *first = isk__pass_of(isk_compute(r->graph, NULL, 0), ISK__PER_BATCH, 1, ISK__RATE_NONE);
        *second = isk__pass_of(isk__record_critic_step(r, group, isk_with_row_weights(kept_z, weight),
                                                       isk_with_row_weights(kept_c, weight), 1),
                               ISK__PER_BATCH, design->options.critic_steps, ISK__RATE_CRITIC);
    }
    isk__pass_labels(second, 2, labels);
}

/* CLUB of standardised held-out Z with a critic that is fitted afresh. */
static void isk__record_diagnosis(isk__recorder *r, isk__stage *stage, int view, isk_tensor cache) {
    const isk__design *design = r->design;
    isk_tensor source = r->shared[isk__club_view(design, view)], batch, z, club;
    isk__critic critic;
    char group[32];
    isk__view_group(group, "diagnosis", view);
    stage->diagnosed = 1;
    stage->diagnosis.fill = isk__record_fill(r, view, cache);
    batch = isk_batch(r->graph, r->rows);
    z = isk_standardise(isk_gather(cache, batch), 1e-12);
    stage->diagnosis.fit = isk__record_critic_step(r, group, z, isk_gather(source, batch), 0);
    batch = isk_batch(r->graph, ISK__TILE_ROWS);
    z = isk_standardise(isk_gather(cache, batch), 1e-12);
    critic = isk__critic_record(isk_group(r->graph, group), isk_gather(source, batch), design->options.dim, &design->options);
    club = isk_club(critic.mean, critic.logvar, z);
    stage->diagnosis.measure = isk_compute(r->graph, &club, 1);
    stage->diagnosis.group = isk__group_find(r->graph, group);
}

static void isk__record_specific_stage(isk__recorder *r, int view) {
    static const char *const labels[] = { "loss", "club", "reconstruction", "variance" };
    static const int watched[] = { 0, 0, 2, 1 };        /* by stop_on */
    const isk_options *options = &r->design->options;
    isk_optimiser_desc optimiser = isk__optimiser_of(options);
    isk__stage *stage = isk__stage_add(r, "specific", view, 2, options->epochs);
    isk_tensor outputs[4], cache = isk__no_tensor(r->graph);
    char group[32];
    isk__view_group(group, "specific", view);
    if (options->diagnoses > 0 || options->critic_inner == ISK_CRITIC_PER_EPOCH) {
        cache = isk__leaf(r->graph, ISK__SLOT, isk_rows(r->views[view]), options->dim, 1);
    }
    isk__record_critic_passes(r, stage, view, cache);
    isk__specific_outputs(r, view, ISK__TRAINING, outputs);
    stage->passes[2] = isk__pass_of(isk__minimise(r->graph, group, outputs, 4, &optimiser, 0), ISK__PER_BATCH, 1, ISK__RATE_MAIN);
    isk__pass_labels(&stage->passes[2], 4, labels);
    stage->pass_count = 3;
    stage->main = 2;
    isk__specific_outputs(r, view, ISK__EVALUATING, outputs);
    stage->evaluation = isk__pass_of(isk_compute(r->graph, outputs, 3), ISK__FILL, 1, ISK__RATE_NONE);
    isk__pass_labels(&stage->evaluation, 3, labels);
    stage->patience = options->patience;
    stage->watch = watched[options->stop_on];
    if (options->patience > 0) { isk__stage_keeps_best(r, stage, group); }
    if (options->diagnoses > 0) { isk__record_diagnosis(r, stage, view, cache); }
}

/* Records everything that training a design needs. */
static isk_status isk__training_record(isk__training *training, const isk__design *design) {
    const isk_fit_desc *desc = training->desc;
    isk__recorder r;
    isk_graph *graph = isk_graph_open(training->context, NULL);
    int i, j, rows = (int)desc->views[0].rows;
    if (!graph) { return ISK_MEMORY; }
    memset(&r, 0, sizeof r);
    training->plan.graph = graph;
    r.training = training;
    r.graph = graph;
    r.design = design;
    r.rows = design->options.batch < rows ? design->options.batch : rows;
    r.lambda = training->lambda = isk_model_input(graph, 1, 1);
    for (i = 0; i < design->view_count; i++) {
        r.views[i] = isk__bound(graph, desc->views[i]);
        r.inverse_power[i] = training->inverse_power[i] = isk_model_input(graph, 1, 1);
        r.shared[i] = isk__design_given(design) ? isk__bound(graph, desc->given[i])
                                                : isk__leaf(graph, ISK__SLOT, rows, design->options.shared_dim, 1);
    }
    if (!isk__design_given(design)) {
        isk__record_shared_stage(&r);
        if (isk__methods[design->method].specific) { isk__record_cache_stage(&r); }
    }
    for (i = 0; i < design->view_count && isk__methods[design->method].specific; i++) { isk__record_specific_stage(&r, i); }
    if (graph->failed) { return (isk_status)graph->failed; }
    for (i = 0; i < training->plan.stage_count; i++) {
        const isk__stage *stage = &training->plan.stages[i];
        for (j = 0; j < stage->pass_count; j++) {
            if (!stage->passes[j].program) { return ISK_MEMORY; }
        }
        if ((!stage->before && stage->epochs == 0 && stage->pass_count == 0) || (stage->pass_count && !stage->evaluation.program) ||
            (stage->diagnosed && !(stage->diagnosis.fill && stage->diagnosis.fit && stage->diagnosis.measure))) {
            return ISK_MEMORY;
        }
    }
    return ISK_OK;
}

/* ---- checks of what the caller gave ---- */

/* Refuses NaN and infinity with row and column. */
static isk_status isk__check_finite(isk_context *context, const char *what, int index, isk_matrix matrix) {
    int64_t row, col;
    for (row = 0; row < matrix.rows; row++) {
        const isk_scalar *line = matrix.data + row * matrix.cols;
        isk_scalar sum = 0;                 /* 0 times a finite number is 0; one test a row in the usual case */
        for (col = 0; col < matrix.cols; col++) { sum += 0 * line[col]; }
        if (sum == 0) { continue; }
        for (col = 0; col < matrix.cols; col++) {
            if (!(line[col] - line[col] == 0)) {
                return isk__fail(context, ISK_DATA, "%s %d: row %lld, column %lld is %s; remove or impute it", what, index + 1,
                                 (long long)row + 1, (long long)col + 1, line[col] != line[col] ? "not a number" : "infinite");
            }
        }
    }
    return ISK_OK;
}

static isk_status isk__check_matrix(isk_context *context, const char *what, int index, isk_matrix matrix, int64_t rows) {
    if (!matrix.data || matrix.rows < 1 || matrix.cols < 1) {
        return isk__fail(context, ISK_SHAPE, "%s %d is empty: %lld x %lld", what, index + 1, (long long)matrix.rows,
                         (long long)matrix.cols);
    }
    if (matrix.rows > INT_MAX / 2 || matrix.cols > 1 << 24) {
        return isk__fail(context, ISK_SHAPE, "%s %d is %lld x %lld; at most %d rows and %d columns", what, index + 1,
                         (long long)matrix.rows, (long long)matrix.cols, INT_MAX / 2, 1 << 24);
    }
    if (matrix.rows != rows) {
        return isk__fail(context, ISK_SHAPE, "%s %d has %lld rows, view 1 has %lld; rows must be the same samples", what,
                         index + 1, (long long)matrix.rows, (long long)rows);
    }
    return isk__check_finite(context, what, index, matrix);
}

static isk_status isk__design_of(isk_context *context, const isk_fit_desc *desc, isk__design *design) {
    isk_status status;
    int i, given = 0;
    memset(design, 0, sizeof *design);
    if (context->pending) { return context->pending; }
    if ((int)desc->method < 0 || desc->method >= ISK_METHOD_COUNT) {
        return isk__fail(context, ISK_ARGUMENT, "method %d is unknown", (int)desc->method);
    }
    design->method = desc->method;
    design->options = desc->options;
    design->view_count = desc->view_count;
    status = isk_options_resolve(context, &design->options, desc->preset);
    if (status != ISK_OK) { return status; }
    if (desc->view_count < 1 || desc->view_count > 2) {
        return isk__fail(context, ISK_UNSUPPORTED, "view_count is %d; this version takes 2 views, or 1 with given shared features",
                         desc->view_count);
    }
    for (i = 0; i < desc->view_count && status == ISK_OK; i++) {
        status = isk__check_matrix(context, "view", i, desc->views[i], desc->views[0].rows);
        design->cols[i] = (int)desc->views[i].cols;
        given += desc->given[i].data != NULL;
    }
    for (i = 0; i < desc->view_count && given && status == ISK_OK; i++) {
        status = isk__check_matrix(context, "given shared features", i, desc->given[i], desc->views[0].rows);
        design->given_cols[i] = (int)desc->given[i].cols;
    }
    if (status != ISK_OK) { return status; }
    if (desc->view_count == 1 && !given) {
        return isk__fail(context, ISK_ARGUMENT, "one view needs given shared features: set given[0], or give a second view");
    }
    if (given && !isk__methods[desc->method].specific) {
        return isk__fail(context, ISK_ARGUMENT, "method %s learns shared features, so given ones leave it nothing to do",
                         isk_method_name(desc->method));
    }
    if (desc->views[0].rows < 2) { return isk__fail(context, ISK_SHAPE, "there is 1 row; training needs at least 2"); }
    return ISK_OK;
}

/* ---- learners ---- */

/* Which rows train and which are held out: the split's, else a part of the training rows chosen by seed. */
static isk_status isk__learner_rows(isk__training *training, isk__learner *learner) {
    isk_context *context = training->context;
    const uint8_t *split = training->desc->split;
    int n = (int)training->desc->views[0].rows, i, train = 0, held = 0, carve = 0, position = 0, *counts = learner->counts;
    uint64_t key = isk__mix64(learner->seed ^ isk__name_hash("split"));
    for (i = 0; i < n; i++) {
        if (split && split[i] > ISK_TEST) {
            return isk__fail(context, ISK_DATA, "split: row %d is %d; it must be 0 (train), 1 (validation) or 2 (test)", i + 1,
                             split[i]);
        }
        train += !split || split[i] == ISK_TRAIN;
        held += split && split[i] == ISK_VALIDATION;
    }
    if (!held) {
        carve = (int)floor(learner->options.validation * train + 0.5);
        if (carve > train - 2) { carve = train > 2 ? train - 2 : 0; }
    }
    if (train - carve < 2) {
        return isk__fail(context, ISK_SHAPE, "%d of %d rows are for training; at least 2 are needed", train - carve, n);
    }
    counts[ISK__ROWS_TRAIN] = train - carve;
    counts[ISK__ROWS_HELD_OUT] = held + carve;
    counts[ISK__ROWS_ALL] = n;
    learner->rows[ISK__ROWS_TRAIN] = (int32_t *)isk__allocate(context, (size_t)n + 1, sizeof(int32_t));
    if (!learner->rows[ISK__ROWS_TRAIN]) { return isk__no_memory(context, "row lists", (size_t)n * sizeof(int32_t)); }
    learner->rows[ISK__ROWS_HELD_OUT] = learner->rows[ISK__ROWS_TRAIN] + counts[ISK__ROWS_TRAIN];
    train = held = 0;
    for (i = 0; i < n; i++) {
        int part = split ? (int)split[i] : (int)ISK_TRAIN;
        if (part == ISK_TRAIN && (int)isk__permute((uint32_t)position++, (uint32_t)(counts[0] + carve), key) < carve) {
            part = ISK_VALIDATION;
        }
        if (part == ISK_TRAIN) { learner->rows[ISK__ROWS_TRAIN][train++] = i; }
        if (part == ISK_VALIDATION) { learner->rows[ISK__ROWS_HELD_OUT][held++] = i; }
    }
    return ISK_OK;
}

/* mean |x|^2 over training rows, and mean |x - training mean|^2 over held-out rows */
static isk_status isk__learner_moments(isk__training *training, isk__learner *learner) {
    int view, i;
    for (view = 0; view < training->desc->view_count; view++) {
        isk_matrix x = training->desc->views[view];
        double *mean = (double *)isk__allocate_zero(training->context, (size_t)x.cols, sizeof(double)), power = 0, spread = 0;
        int64_t col;
        if (!mean) { return isk__no_memory(training->context, "column means", (size_t)x.cols * sizeof(double)); }
        for (i = 0; i < learner->counts[ISK__ROWS_TRAIN]; i++) {
            const isk_scalar *line = x.data + (int64_t)learner->rows[ISK__ROWS_TRAIN][i] * x.cols;
            for (col = 0; col < x.cols; col++) {
                mean[col] += (double)line[col] / learner->counts[ISK__ROWS_TRAIN];
                power += (double)line[col] * (double)line[col];
            }
        }
        for (i = 0; i < learner->counts[ISK__ROWS_HELD_OUT]; i++) {
            const isk_scalar *line = x.data + (int64_t)learner->rows[ISK__ROWS_HELD_OUT][i] * x.cols;
            for (col = 0; col < x.cols; col++) { spread += ((double)line[col] - mean[col]) * ((double)line[col] - mean[col]); }
        }
        isk__release(training->context, mean);
        learner->view_power[view] = power / learner->counts[ISK__ROWS_TRAIN];
        learner->view_spread[view] = learner->counts[ISK__ROWS_HELD_OUT] ? spread / learner->counts[ISK__ROWS_HELD_OUT] : 0;
        if (!(learner->view_power[view] > 0)) {
            return isk__fail(training->context, ISK_DATA, "view %d is zero in every training row; there is nothing to encode",
                             view + 1);
        }
    }
    return ISK_OK;
}

/* Options, seed and first weights of every model, in the order that isk_sweep_desc names. */
static isk_status isk__learners_open(isk__training *training, const isk_sweep_desc *sweep, const isk__design *design) {
    isk_context *context = training->context;
    int count = isk_sweep_models(sweep), seeds = sweep->seed_count > 0 ? sweep->seed_count : 1, i, p;
    int rates = sweep->rate_count > 0 ? sweep->rate_count : 1;
    isk_scalar **base = isk__bases_open(training->plan.graph);
    isk_status status = ISK_OK;
    training->learners = (isk__learner *)isk__allocate_zero(context, (size_t)count, sizeof(isk__learner));
    if (!training->learners || !base) {
        isk__release(context, base);
        return isk__no_memory(context, "the models", (size_t)count * sizeof(isk__learner));
    }
    training->learner_count = count;
    for (i = 0; i < count && status == ISK_OK; i++) {
        isk__learner *learner = &training->learners[i];
        learner->options = design->options;
        learner->seed = sweep->fit.seed + (uint64_t)(i % seeds);
        if (sweep->rate_count > 0) { learner->options.rate = sweep->rates[i / seeds % rates]; }
        if (sweep->lambda_count > 0) { learner->options.lambda = sweep->lambdas[i / seeds / rates]; }
        status = isk__option_check(context, isk__option_find("lambda"), learner->options.lambda);
        if (status == ISK_OK) { status = isk__option_check(context, isk__option_find("rate"), learner->options.rate); }
        if (status == ISK_OK) { status = isk__learner_rows(training, learner); }
        if (status == ISK_OK) { status = isk__learner_moments(training, learner); }
        if (status == ISK_OK) { status = isk__memory_open(training->plan.graph, ISK__STATE, &learner->state); }
        if (status != ISK_OK) { break; }
        isk__compose(training->plan.graph, base, NULL, &learner->state, NULL, NULL);
        for (p = 0; p < training->plan.graph->parameter_count; p++) {
            isk__parameter_fill(training->plan.graph, &training->plan.graph->parameters[p], base, learner->seed);
        }
    }
    isk__release(context, base);
    return status;
}

/* Slots for as many models as there are threads; every worker has a scratch of its own. */
static isk_status isk__workers_open(isk__training *training) {
    isk_context *context = training->context;
    isk_graph *graph = training->plan.graph;
    int i, slots = training->learner_count < context->threads ? training->learner_count : context->threads;
    isk_status status;
    training->workers = (isk__memory *)isk__allocate_zero(context, 2 * (size_t)context->threads, sizeof(isk__memory));
    training->bases = (isk_scalar **)isk__allocate_zero(
        context, isk__mul((size_t)context->threads, (size_t)graph->space_count + 1), sizeof(isk_scalar *));
    training->tasks = (int *)isk__allocate_zero(context, (size_t)slots * (2 + ISK__MAX_STAGES), sizeof(int));
    training->begun = (unsigned char *)isk__allocate_zero(context, (size_t)slots * ISK__MAX_STAGES, 1);
    if (!training->workers || !training->bases || !training->tasks || !training->begun) {
        return isk__no_memory(context, "the tables of the workers", (size_t)context->threads * sizeof(isk__memory));
    }
    training->slots = training->workers + context->threads;
    training->slot_learner = training->tasks + slots * ISK__MAX_STAGES;
    training->worker_count = context->threads;
    training->slot_count = slots;
    for (i = 0; i < slots; i++) { training->slot_learner[i] = -1; }
    status = isk__memory_open(graph, ISK__SHARED, &training->shared);
    for (i = 0; i < context->threads && status == ISK_OK; i++) { status = isk__memory_open(graph, ISK__WORKER, &training->workers[i]); }
    for (i = 0; i < slots && status == ISK_OK; i++) { status = isk__memory_open(graph, ISK__SLOT, &training->slots[i]); }
    return status;
}

static void isk__training_close(isk__training *training) {
    const isk_context *context = training->context;
    int i;
    for (i = 0; training->learners && i < training->learner_count; i++) {
        isk__memory_close(context, &training->learners[i].state);
        isk__release(context, training->learners[i].rows[0]);
    }
    for (i = 0; training->workers && i < 2 * context->threads; i++) { isk__memory_close(context, &training->workers[i]); }
    isk__memory_close(context, &training->shared);
    isk__release(context, training->learners);
    isk__release(context, training->workers);
    isk__release(context, training->bases);
    isk__release(context, training->tasks);
    isk__release(context, training->begun);
    isk_graph_close(training->plan.graph);
}

static isk_scalar *isk__slot_input(const isk__training *training, int slot, isk_tensor tensor) {
    const isk__ref *ref = &isk__node_of(tensor)->leaf;
    return training->slots[slot].block + training->slots[slot].offsets[ref->space] + ref->offset;
}

/* The values of the model that a slot has taken. */
static void isk__slot_begin(isk__training *training, int slot) {
    const isk__learner *learner = &training->learners[training->slot_learner[slot]];
    int i;
    *isk__slot_input(training, slot, training->lambda) = (isk_scalar)learner->options.lambda;
    for (i = 0; i < training->desc->view_count; i++) {
        *isk__slot_input(training, slot, training->inverse_power[i]) = (isk_scalar)(1 / learner->view_power[i]);
    }
}

/* ---- models ---- */

typedef struct isk__item_saved {            /* a matrix or a text of the user's */
    struct isk__item_saved *next;
    char name[64];
    isk_matrix value;
    char *text;
} isk__item_saved;

struct isk_model {
    isk_context *context;
    isk__design design;
    uint64_t seed;
    isk_graph *graph;                       /* the networks alone, for transform; weights are its state */
    isk_tensor views[ISK_MAX_VIEWS], given[ISK_MAX_VIEWS];
    isk_program *encode[ISK_MAX_VIEWS];     /* outputs: C_i unless given, Z_i if the method has it */
    isk_program *decode[ISK_MAX_VIEWS];     /* output: reconstruction */
    isk_report report;
    char fingerprint[65];                   /* SHA-256 of the training data */
    int64_t rows;                           /* of the training data */
    isk__item_saved *items;
};

INDISEEK_API void isk_model_close(isk_model *model) {
    if (!model) { return; }
    while (model->items) {
        isk__item_saved *item = model->items;
        model->items = item->next;
        isk__release(model->context, (void *)(uintptr_t)item->value.data);
        isk__release(model->context, item->text);
        isk__release(model->context, item);
    }
    isk_graph_close(model->graph);
    isk__release(model->context, model);
}

/* The networks of a design that transform tiles of rows; isk__graph_ready then gives them memory and first weights. */
static isk_status isk__model_open(isk_context *context, const isk__design *design, uint64_t seed, isk_model **out) {
    isk_model *model = (isk_model *)isk__allocate_zero(context, 1, sizeof *model);
    isk_matrix none;
    int i, specific = isk__methods[design->method].specific, learned = !isk__design_given(design);
    isk_status status = ISK_OK;
    *out = NULL;
    if (!model) { return isk__no_memory(context, "a model", sizeof *model); }
    memset(&none, 0, sizeof none);
    none.rows = 1;
    model->context = context;
    model->design = *design;
    model->seed = seed;
    model->graph = isk_graph_open(context, NULL);
    for (i = 0; i < design->view_count && model->graph; i++) {
        isk_tensor batch = isk_batch(model->graph, ISK__TILE_ROWS), outputs[2], x, z, c;
        int count = 0;
        none.cols = design->cols[i];
        model->views[i] = isk__bound(model->graph, none);
        x = isk_gather(model->views[i], batch);
        if (learned) { outputs[count++] = isk__shared_final(design, i, x); }
        if (specific) {
            z = isk__specific_final(design, i, isk__specific_record(design, i, x, ISK__EVALUATING), ISK__EVALUATING);
            outputs[count++] = z;
        }
        model->encode[i] = isk_compute(model->graph, outputs, count);
        if (!model->encode[i]) { status = ISK_MEMORY; }
        if (!specific) { continue; }
        c = outputs[0];
        if (!learned) {
            none.cols = design->given_cols[i];
            model->given[i] = isk__bound(model->graph, none);
            c = isk_gather(model->given[i], batch);
        }
        z = isk__decode_record(design, i, z, c, ISK__EVALUATING);
        model->decode[i] = isk_compute(model->graph, &z, 1);
        if (!model->decode[i]) { status = ISK_MEMORY; }
    }
    if (learned && model->graph) { isk__logit_scale(design, model->graph); }
    if (!model->graph) { status = ISK_MEMORY; } else if (model->graph->failed) { status = (isk_status)model->graph->failed; }
    if (status != ISK_OK) {
        isk_model_close(model);
        return status;
    }
    *out = model;
    return ISK_OK;
}

/* Values of a parameter in one graph's state, [rows, stride]. */
static isk_scalar *isk__parameter_values(const isk_graph *graph, const isk__memory *state, const isk__parameter_info *parameter) {
    const isk__ref *ref = &graph->nodes[parameter->node].leaf;
    return state->block + state->offsets[ref->space] + ref->offset;
}

/* Copies the trained weights by name. */
static void isk__model_take_weights(isk_model *model, const isk_graph *graph, const isk__memory *state) {
    int i, j;
    for (i = 0; i < model->graph->parameter_count; i++) {
        const isk__parameter_info *to = &model->graph->parameters[i];
        const isk__node *node = &model->graph->nodes[to->node];
        for (j = 0; j < graph->parameter_count; j++) {
            if (strcmp(graph->parameters[j].name, to->name) == 0) {
                memcpy(isk__parameter_values(model->graph, &model->graph->state[0], to),
                       isk__parameter_values(graph, state, &graph->parameters[j]),
                       (size_t)node->rows * (size_t)node->leaf.stride * sizeof(isk_scalar));
            }
        }
    }
}

static void isk__report_fill(const isk__training *training, const isk__learner *learner, isk_report *report) {
    const double none = NAN;
    int s, v;
    memset(report, 0, sizeof *report);
    report->seconds = learner->seconds;
    report->shared_loss = report->shared_validation_loss = report->temperature = none;
    for (v = 0; v < ISK_MAX_VIEWS; v++) {
        isk_view_report *view = &report->view[v];
        view->loss = view->club = view->reconstruction = view->validation_r2 = none;
        view->fresh_club = view->saturation = view->variance = none;
    }
    for (s = 0; s < training->plan.stage_count; s++) {
        const isk__stage *stage = &training->plan.stages[s];
        const isk__track *track = &learner->tracks[s];
        int held_out = learner->counts[ISK__ROWS_HELD_OUT] > 1;
        if (track->diverged > 0 && report->status == ISK_OK) {
            int pass = ((int)track->diverged - 1) / ISK__MAX_LABELS, label = ((int)track->diverged - 1) % ISK__MAX_LABELS;
            report->status = ISK_DIVERGED;
            snprintf(report->message, sizeof report->message, "diverged at epoch %d of stage %s: %s is not finite",
                     (int)track->epoch, stage->name, stage->passes[pass].labels[label]);
        }
        if (stage->view < 0) {
            if (stage->pass_count == 0) { continue; }
            report->shared_loss = track->means[0][0];
            report->temperature = track->means[0][1];
            report->shared_epochs = (int)track->epoch;
            if (held_out) { report->shared_validation_loss = track->kept[0]; }
        } else {
            isk_view_report *view = &report->view[stage->view];
            if (track->epoch > report->epochs) { report->epochs = (int)track->epoch; }
            view->loss = track->means[stage->main][0];
            view->club = track->means[stage->main][1];
            view->reconstruction = track->means[stage->main][2];
            view->variance = track->means[stage->main][3];
            view->saturation = track->means[1][1];
            if (held_out && learner->view_spread[stage->view] > 0) {
                view->validation_r2 = 1 - track->kept[2] * learner->view_power[stage->view] / learner->view_spread[stage->view];
            }
            if (track->diagnosed > 0) { view->fresh_club = track->diagnosis; }
        }
    }
}

/* Plain words when a run shows a known failure; METHODS 3.4, 3.6, 10.6 and 18. */
static void isk__report_warn(const isk__training *training, int model) {
    const isk__learner *learner = &training->learners[model];
    const isk_context *context = training->context;
    isk_report report;
    int v;
    isk__report_fill(training, learner, &report);
    if (report.status != ISK_OK) { isk__log(context, ISK_WARNING, "model %d %s", model, report.message); }
    for (v = 0; v < training->desc->view_count && report.status == ISK_OK; v++) {
        const isk_view_report *view = &report.view[v];
        int standardised = learner->options.standardise == ISK_STANDARDISE_BATCH;
        if (view->variance < (standardised ? 1e-12 : 1e-6)) {
            isk__log(context, ISK_WARNING, "model %d: Z%d has collapsed (variance %.1e): it says nothing about X%d; raise lambda, "
                     "or train for more steps", model, v + 1, view->variance, v + 1);
        }
        if (view->reconstruction > 0.5) {
            isk__log(context, ISK_WARNING, "model %d: %.0f %% of X%d is not reconstructed from (Z%d, C%d): coordinates are unlearned; "
                     "train for more epochs or raise lambda", model, 100 * view->reconstruction, v + 1, v + 1, v + 1);
        }
        if (view->club < -0.5 || view->fresh_club > view->club + 1 + 2 * fabs(view->club)) {
            isk__log(context, ISK_WARNING, "model %d: the critic of Z%d is stale: in training CLUB was %.2f, a fresh critic finds %.2f "
                     "nats; raise critic_steps", model, v + 1, view->club, view->fresh_club);
        }
        if (view->saturation > 0.9 && view->fresh_club > 0.5) {
            isk__log(context, ISK_WARNING, "model %d: Z%d depends on C although its CLUB looks small, because the critic's log variances "
                     "are at the limit of tanh; use standardise=batch, or train for more steps", model, v + 1);
        }
    }
}

/* ---- fit and sweep ---- */

INDISEEK_API int isk_sweep_models(const isk_sweep_desc *desc) {
    int lambdas = desc->lambda_count > 0 ? desc->lambda_count : 1, rates = desc->rate_count > 0 ? desc->rate_count : 1;
    int seeds = desc->seed_count > 0 ? desc->seed_count : 1;
    if (seeds > 1000000 / lambdas / rates) { return 0; }        /* more models than anything here is made for */
    return lambdas * rates * seeds;
}

static isk_status isk__fingerprint(isk__training *training);                    /* >>model-files */
static isk_status isk__checkpoint_read(isk__training *training, int *found);    /* >>model-files */

static isk_status isk__models_make(isk__training *training, const isk__design *design, isk_model **models) {
    isk_status status = ISK_OK;
    int i;
    for (i = 0; i < training->learner_count && status == ISK_OK; i++) {
        isk__design own = *design;
        own.options = training->learners[i].options;
        status = isk__model_open(training->context, &own, training->learners[i].seed, &models[i]);
        if (status == ISK_OK) { status = isk__graph_ready(models[i]->graph); }
        if (status != ISK_OK) { break; }
        isk__model_take_weights(models[i], training->plan.graph, &training->learners[i].state);
        isk__report_fill(training, &training->learners[i], &models[i]->report);
        models[i]->rows = training->desc->views[0].rows;
        memcpy(models[i]->fingerprint, training->fingerprint, sizeof training->fingerprint);
        isk__report_warn(training, i);
    }
    for (i = 0; i < training->learner_count && status != ISK_OK; i++) {
        isk_model_close(models[i]);
        models[i] = NULL;
    }
    return status;
}

static isk_status isk__sweep(isk_context *context, const isk_sweep_desc *desc, isk_model **models, int resume) {
    isk__training training;
    isk__design design;
    isk_status status;
    int i, count = isk_sweep_models(desc), found = 0;
    if (count == 0) { return isk__fail(context, ISK_ARGUMENT, "the sweep has more than a million models"); }
    for (i = 0; i < count; i++) { models[i] = NULL; }
    status = isk__design_of(context, &desc->fit, &design);
    if (status != ISK_OK) { return status; }
    memset(&training, 0, sizeof training);
    context->interrupted = 0;
    training.context = context;
    training.desc = &desc->fit;
    training.options = design.options;
    status = isk__training_record(&training, &design);
    if (status == ISK_OK) { status = isk__learners_open(&training, desc, &design); }
    if (status == ISK_OK) { status = isk__workers_open(&training); }
    if (status == ISK_OK) { status = isk__fingerprint(&training); }
    if (status == ISK_OK && resume) { status = isk__checkpoint_read(&training, &found); }
    if (status == ISK_OK && found) {
        isk__log(context, ISK_INFO, "resumed from %s after round %d", desc->fit.checkpoint, training.rounds);
    }
    if (status == ISK_OK) { status = isk__train(&training, isk__slot_begin); }
    if (status == ISK_OK) { status = isk__models_make(&training, &design, models); }
    isk__training_close(&training);
    return status;
}

INDISEEK_API isk_status isk_sweep(isk_context *context, const isk_sweep_desc *desc, isk_model **models) {
    return isk__sweep(context, desc, models, 0);
}

INDISEEK_API isk_status isk_fit(isk_context *context, const isk_fit_desc *desc, isk_model **model) {
    isk_sweep_desc sweep;
    isk_status status;
    memset(&sweep, 0, sizeof sweep);
    sweep.fit = *desc;
    status = isk_sweep(context, &sweep, model);
    if (status == ISK_OK && (*model)->report.status != ISK_OK) {
        return isk__fail(context, (*model)->report.status, "%s", (*model)->report.message);
    }
    return status;
}

/* ---- transform ---- */

typedef struct isk__transform_job {
    const isk_model *model;
    const isk_transform_desc *desc;
    isk__memory *workers;                   /* [threads] scratch, then [threads] slots */
    isk_scalar **bases;
    int64_t rows;
} isk__transform_job;

static void isk__copy_out(const isk__frame *frame, const isk_program *program, int output, int present, isk_scalar *to, int cols) {
    const isk__ref *ref = &program->output_refs[output];
    if (to) {
        isk__copy_columns(isk__pointer(frame, ref), ref->stride, to + (size_t)frame->batch.first * (size_t)cols, cols, present,
                          cols, 0);
    }
}

static void isk__transform_tile(void *argument, int tile, int worker) {
    const isk__transform_job *job = (const isk__transform_job *)argument;
    const isk_model *model = job->model;
    const isk__design *design = &model->design;
    const isk_graph *graph = model->graph;
    int view, specific = isk__methods[design->method].specific, learned = !isk__design_given(design);
    isk__frame frame;
    memset(&frame, 0, sizeof frame);
    frame.base = job->bases + (size_t)worker * (size_t)(graph->space_count + 1);
    isk__compose(graph, frame.base, &job->workers[worker], &graph->state[0], &job->workers[model->context->threads + worker],
                 &graph->shared);
    frame.level = model->context->level;
    frame.batch.count = job->rows;
    frame.batch.first = (int64_t)tile * ISK__TILE_ROWS;
    for (view = 0; view < design->view_count; view++) {
        const isk_transform_desc *desc = job->desc;
        int present;
        if (!desc->views[view].data) { continue; }
        memcpy(&frame.base[graph->nodes[model->views[view].node].leaf.space], &desc->views[view].data, sizeof(isk_scalar *));
        present = isk__present(&frame, model->encode[view]);
        if (desc->shared[view] || desc->specific[view]) {
            isk__execute(model->encode[view], &frame);
            if (learned) { isk__copy_out(&frame, model->encode[view], 0, present, desc->shared[view], design->options.shared_dim); }
            if (specific) { isk__copy_out(&frame, model->encode[view], learned, present, desc->specific[view], design->options.dim); }
        }
        if (desc->reconstruction[view]) {
            if (!learned) {
                memcpy(&frame.base[graph->nodes[model->given[view].node].leaf.space], &desc->given[view].data, sizeof(isk_scalar *));
            }
            isk__execute(model->decode[view], &frame);
            isk__copy_out(&frame, model->decode[view], 0, present, desc->reconstruction[view], design->cols[view]);
        }
    }
}

static isk_status isk__transform_check(const isk_model *model, const isk_transform_desc *desc, int64_t *rows) {
    isk_context *context = model->context;
    const isk__design *design = &model->design;
    int i, first = -1;
    for (i = 0; i < design->view_count; i++) {
        isk_status status;
        int wanted = desc->shared[i] || desc->specific[i] || desc->reconstruction[i];
        if (!desc->views[i].data) {
            if (wanted) { return isk__fail(context, ISK_ARGUMENT, "transform: features of view %d are asked for without its data", i + 1); }
            continue;
        }
        if (first < 0) { first = i; }
        status = isk__check_matrix(context, "transform: view", i, desc->views[i], desc->views[first].rows);
        if (status != ISK_OK) { return status; }
        if (desc->views[i].cols != design->cols[i]) {
            return isk__fail(context, ISK_SHAPE, "transform: view %d has %lld columns; the model was trained on %d", i + 1,
                             (long long)desc->views[i].cols, design->cols[i]);
        }
        if ((desc->specific[i] || desc->reconstruction[i]) && !isk__methods[design->method].specific) {
            return isk__fail(context, ISK_ARGUMENT, "transform: method %s has no specific features", isk_method_name(design->method));
        }
        if (desc->shared[i] && isk__design_given(design)) {
            return isk__fail(context, ISK_ARGUMENT, "transform: the shared features of view %d were given, not learned", i + 1);
        }
        if (desc->reconstruction[i] && isk__design_given(design)) {
            status = isk__check_matrix(context, "transform: given shared features", i, desc->given[i], desc->views[i].rows);
            if (status != ISK_OK) { return status; }
            if (desc->given[i].cols != design->given_cols[i]) {
                return isk__fail(context, ISK_SHAPE, "transform: given shared features %d have %lld columns; the model has %d", i + 1,
                                 (long long)desc->given[i].cols, design->given_cols[i]);
            }
        }
    }
    for (; i < ISK_MAX_VIEWS; i++) {
        if (desc->shared[i] || desc->specific[i] || desc->reconstruction[i]) {
            return isk__fail(context, ISK_ARGUMENT, "transform: features of view %d are asked for; the model has %d view%s", i + 1,
                             design->view_count, design->view_count == 1 ? "" : "s");
        }
    }
    if (first < 0) { return isk__fail(context, ISK_ARGUMENT, "transform: there is no view"); }
    *rows = desc->views[first].rows;
    return ISK_OK;
}

INDISEEK_API isk_status isk_transform(const isk_model *model, const isk_transform_desc *desc) {
    isk_context *context = model->context;
    isk__transform_job job;
    isk_status status = isk__transform_check(model, desc, &job.rows);
    int i;
    if (status != ISK_OK) { return status; }
    job.model = model;
    job.desc = desc;
    job.workers = (isk__memory *)isk__allocate_zero(context, 2 * (size_t)context->threads, sizeof(isk__memory));
    job.bases = (isk_scalar **)isk__allocate_zero(
        context, isk__mul((size_t)context->threads, (size_t)model->graph->space_count + 1), sizeof(isk_scalar *));
    if (!job.workers || !job.bases) { status = isk__no_memory(context, "transform", sizeof(isk__memory)); }
    for (i = 0; i < context->threads && status == ISK_OK; i++) {
        status = isk__memory_open(model->graph, ISK__WORKER, &job.workers[i]);
        if (status == ISK_OK) { status = isk__memory_open(model->graph, ISK__SLOT, &job.workers[context->threads + i]); }
    }
    if (status == ISK_OK) {
        isk__parallel(context, (int)((job.rows + ISK__TILE_ROWS - 1) / ISK__TILE_ROWS), isk__transform_tile, &job);
    }
    for (i = 0; job.workers && i < 2 * context->threads; i++) { isk__memory_close(context, &job.workers[i]); }
    isk__release(context, job.workers);
    isk__release(context, job.bases);
    return status;
}

/* ---- what a model tells ---- */

INDISEEK_API const isk_report *isk_model_report(const isk_model *model) { return &model->report; }
INDISEEK_API const isk_options *isk_model_options(const isk_model *model) { return &model->design.options; }
INDISEEK_API isk_method isk_model_method(const isk_model *model) { return model->design.method; }
INDISEEK_API uint64_t isk_model_seed(const isk_model *model) { return model->seed; }
INDISEEK_API int isk_model_views(const isk_model *model) { return model->design.view_count; }
INDISEEK_API int isk_model_shared_dim(const isk_model *model, int view) {
    return view >= 0 && view < model->design.view_count ? isk__shared_cols(&model->design, view) : 0;
}
INDISEEK_API int isk_model_specific_dim(const isk_model *model, int view) {
    return view >= 0 && view < model->design.view_count && isk__methods[model->design.method].specific ? model->design.options.dim : 0;
}
INDISEEK_API int isk_model_view_cols(const isk_model *model, int view) {
    return view >= 0 && view < model->design.view_count ? model->design.cols[view] : 0;
}

static isk__item_saved *isk__item_find(const isk_model *model, const char *name) {
    isk__item_saved *item;
    for (item = model->items; item && strcmp(item->name, name) != 0; item = item->next) {}
    return item;
}

/* Finds the item or makes an empty one. */
static isk_status isk__item_make(isk_model *model, const char *name, isk__item_saved **out) {
    isk__item_saved *item = isk__item_find(model, name);
    if (strncmp(name, "user.", 5) != 0 || strlen(name) >= sizeof item->name) {
        return isk__fail(model->context, ISK_ARGUMENT, "the name '%s' must start with \"user.\" and have at most %d bytes", name,
                         (int)sizeof item->name - 1);
    }
    if (!item) {
        item = (isk__item_saved *)isk__allocate_zero(model->context, 1, sizeof *item);
        if (!item) { return isk__no_memory(model->context, name, sizeof *item); }
        snprintf(item->name, sizeof item->name, "%s", name);
        item->next = model->items;
        model->items = item;
    }
    *out = item;
    return ISK_OK;
}

INDISEEK_API isk_status isk_model_put(isk_model *model, const char *name, isk_matrix value) {
    isk__item_saved *item;
    size_t count = value.rows > 0 && value.cols > 0 ? isk__mul((size_t)value.rows, (size_t)value.cols) : 0;
    isk_scalar *copy;
    isk_status status;
    if (!value.data || count == 0) {
        return isk__fail(model->context, ISK_SHAPE, "'%s' is empty: %lld x %lld", name, (long long)value.rows, (long long)value.cols);
    }
    status = isk__item_make(model, name, &item);
    if (status != ISK_OK) { return status; }
    copy = (isk_scalar *)isk__allocate(model->context, count, sizeof *copy);
    if (!copy) { return isk__no_memory(model->context, name, isk__mul(count, sizeof *copy)); }
    memcpy(copy, value.data, count * sizeof *copy);
    isk__release(model->context, (void *)(uintptr_t)item->value.data);
    item->value = value;
    item->value.data = copy;
    return ISK_OK;
}

INDISEEK_API isk_matrix isk_model_get(const isk_model *model, const char *name) {
    const isk__item_saved *item = isk__item_find(model, name);
    isk_matrix none;
    memset(&none, 0, sizeof none);
    return item ? item->value : none;
}

INDISEEK_API isk_status isk_model_put_text(isk_model *model, const char *name, const char *text) {
    isk__item_saved *item;
    isk_status status = isk__item_make(model, name, &item);
    char *copy;
    if (status != ISK_OK) { return status; }
    copy = (char *)isk__allocate(model->context, strlen(text) + 1, 1);
    if (!copy) { return isk__no_memory(model->context, name, strlen(text) + 1); }
    memcpy(copy, text, strlen(text) + 1);
    isk__release(model->context, item->text);
    item->text = copy;
    return ISK_OK;
}

INDISEEK_API const char *isk_model_get_text(const isk_model *model, const char *name) {
    const isk__item_saved *item = isk__item_find(model, name);
    return item ? item->text : NULL;
}

ISK__SECTION_END

#ifndef INDISEEK_NO_METRICS
/* ==== >>metrics ======================================================================================================= */
/* ---- what the metrics share: blocks of memory, checks, and matrices that are read centred and scaled ---- */

enum {
    ISK__ROW_BLOCK = 256,           /* rows of a unit of work; fixed, so that no sum depends on the number of threads */
    ISK__COL_BLOCK = 128,
    ISK__CHUNKS = 32                /* partial sums of a reduction over rows, added in their order */
};

/* What one call has allocated; released together, whatever happened. */
typedef struct isk__blocks {
    isk_context *context;
    void *block[32];
    int count, failed;
    size_t bytes;
} isk__blocks;

static isk__blocks isk__blocks_open(isk_context *context) {
    isk__blocks blocks;
    memset(&blocks, 0, sizeof blocks);
    blocks.context = context;
    return blocks;
}

static void *isk__take(isk__blocks *blocks, size_t count, size_t size) {
    void *block = NULL;
    blocks->bytes = isk__add(blocks->bytes, isk__mul(count, size));
    if (!blocks->failed && blocks->count < 32) { block = isk__allocate_zero(blocks->context, count, size); }
    if (block) {
        blocks->block[blocks->count++] = block;
    } else {
        blocks->failed = 1;
    }
    return block;
}

static double *isk__take_doubles(isk__blocks *blocks, size_t count) {
    return (double *)isk__take(blocks, count, sizeof(double));
}
static isk_scalar *isk__take_scalars(isk__blocks *blocks, size_t count) {
    return (isk_scalar *)isk__take(blocks, count, sizeof(isk_scalar));
}
static int32_t *isk__take_ints(isk__blocks *blocks, size_t count) {
    return (int32_t *)isk__take(blocks, count, sizeof(int32_t));
}

/* Ends a call: releases the blocks and passes the status on. */
static isk_status isk__blocks_close(isk__blocks *blocks, isk_status status) {
    while (blocks->count > 0) { isk__release(blocks->context, blocks->block[--blocks->count]); }
    return status;
}

static isk_status isk__blocks_status(const isk__blocks *blocks, const char *what) {
    return blocks->failed ? isk__no_memory(blocks->context, what, blocks->bytes) : ISK_OK;
}

static isk_status isk__check_rows(isk_context *context, const char *name, int64_t rows) {
    if (context->pending != ISK_OK) { return context->pending; }
    if (rows < 1 || rows > INT32_MAX) {
        return isk__fail(context, ISK_SHAPE, "%s is %lld; it must be between 1 and 2147483647", name, (long long)rows);
    }
    return ISK_OK;
}

static isk_status isk__check_given(isk_context *context, const char *name, const void *pointer) {
    if (pointer) { return ISK_OK; }
    return isk__fail(context, ISK_ARGUMENT, "%s is NULL", name);
}

/* rows < 0: any number of rows. */
static isk_status isk__checked_matrix(isk_context *context, const char *name, const isk_matrix *matrix, int64_t rows) {
    int64_t i, j;
    if (context->pending != ISK_OK) { return context->pending; }
    if (!matrix->data) { return isk__fail(context, ISK_ARGUMENT, "%s.data is NULL", name); }
    if (matrix->rows < 1 || matrix->cols < 1 || matrix->rows > INT32_MAX || matrix->cols > INT32_MAX / 4) {
        return isk__fail(context, ISK_SHAPE,
                         "%s is [%lld, %lld]; it needs at least one row and one column, and fewer than "
                         "2147483648 rows and 536870911 columns",
                         name, (long long)matrix->rows, (long long)matrix->cols);
    }
    if (rows >= 0 && matrix->rows != rows) {
        return isk__fail(context, ISK_SHAPE, "%s has %lld rows, but %lld are needed", name, (long long)matrix->rows,
                         (long long)rows);
    }
    for (i = 0; i < matrix->rows; i++) {
        const isk_scalar *x = matrix->data + i * matrix->cols;
        int bad = 0;
        for (j = 0; j < matrix->cols; j++) { bad |= !(x[j] - x[j] == 0); }
        for (j = 0; bad && j < matrix->cols; j++) {
            if (x[j] - x[j] == 0) { continue; }
            return isk__fail(context, ISK_DATA, "%s holds %s in row %lld, column %lld (from 0); replace or drop it",
                             name, x[j] == x[j] ? "an infinity" : "a NaN", (long long)i, (long long)j);
        }
    }
    return ISK_OK;
}

static isk_status isk__check_values(isk_context *context, const char *name, const double *values, int64_t count) {
    int64_t i;
    for (i = 0; i < count; i++) {
        if (values[i] - values[i] == 0) { continue; }
        return isk__fail(context, ISK_DATA, "%s[%lld] is %s", name, (long long)i,
                         values[i] == values[i] ? "an infinity" : "a NaN");
    }
    return ISK_OK;
}

static isk_status isk__check_part(isk_context *context, const uint8_t *part, int64_t rows) {
    int64_t i;
    if (!part) { return isk__fail(context, ISK_ARGUMENT, "part is NULL; fill one by isk_split"); }
    for (i = 0; i < rows; i++) {
        if (part[i] <= ISK_TEST) { continue; }
        return isk__fail(context, ISK_DATA, "part[%lld] is %d; it must be an isk_part: 0, 1 or 2", (long long)i,
                         part[i]);
    }
    return ISK_OK;
}

/* The rows of one part, of those with a label when labels are given.  Returns their number. */
static int isk__rows_of_part(const uint8_t *part, const int32_t *labels, int64_t rows, int wanted, int32_t *list) {
    int64_t i;
    int count = 0;
    for (i = 0; i < rows; i++) {
        if (part[i] == wanted && (!labels || labels[i] >= 0)) { list[count++] = (int32_t)i; }
    }
    return count;
}

static int isk__blocks_of(int64_t count, int block) { return (int)((count + block - 1) / block); }

/* Summed in four chains, in a fixed order. */
static double isk__dot(const double *a, const double *b, int count) {
    double sum[4] = { 0, 0, 0, 0 };
    int i, j;
    for (i = 0; i + 4 <= count; i += 4) {
        for (j = 0; j < 4; j++) { sum[j] += a[i + j] * b[i + j]; }
    }
    for (j = 0; i + j < count; j++) { sum[j] += a[i + j] * b[i + j]; }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* A matrix as a computation wants it: some of its rows, as (x - mean) * scale. */
typedef struct isk__source {
    const isk_scalar *data;         /* [.., cols], contiguous */
    int rows, cols;
    const int32_t *list;            /* [rows] which rows; NULL: the first ones */
    const double *mean, *scale;     /* [cols]; NULL: 0, 1 */
} isk__source;

static isk__source isk__source_of(const isk_scalar *data, int64_t rows, int64_t cols, const int32_t *list,
                                  const double *mean, const double *scale) {
    isk__source source;
    source.data = data;
    source.rows = (int)rows;
    source.cols = (int)cols;
    source.list = list;
    source.mean = mean;
    source.scale = scale;
    return source;
}

static const isk_scalar *isk__source_row(const isk__source *source, int row) {
    return source->data + (ptrdiff_t)(source->list ? source->list[row] : row) * source->cols;
}

/* Rows row .. row+rows-1, columns col .. col+cols-1 into out [rows, cols]. */
static void isk__source_load(const isk__source *source, int row, int rows, int col, int cols, isk_scalar *out) {
    int i, j;
    for (i = 0; i < rows; i++, out += cols) {
        const isk_scalar *x = isk__source_row(source, row + i) + col;
        if (source->scale) {
            const double *mean = source->mean + col, *scale = source->scale + col;
            for (j = 0; j < cols; j++) { out[j] = (isk_scalar)(((double)x[j] - mean[j]) * scale[j]); }
        } else if (source->mean) {
            const double *mean = source->mean + col;
            for (j = 0; j < cols; j++) { out[j] = (isk_scalar)((double)x[j] - mean[j]); }
        } else {
            memcpy(out, x, (size_t)cols * sizeof *out);
        }
    }
}

/* Mean and mean squared deviation of each column, in double, in two passes; exactly 0 for a constant column. */
typedef struct isk__moments_job { const isk__source *source; double *mean, *variance; } isk__moments_job;

static void isk__moments_item(void *argument, int item, int worker) {
    const isk__moments_job *job = (const isk__moments_job *)argument;
    const isk__source *source = job->source;
    int col = item * 64, cols = source->cols - col < 64 ? source->cols - col : 64, i, j, varies[64];
    double sum[64], mean[64];
    const isk_scalar *first = isk__source_row(source, 0) + col;
    (void)worker;
    for (j = 0; j < cols; j++) { sum[j] = 0; varies[j] = 0; }
    for (i = 0; i < source->rows; i++) {
        const isk_scalar *x = isk__source_row(source, i) + col;
        for (j = 0; j < cols; j++) { sum[j] += (double)x[j]; varies[j] |= x[j] < first[j] || x[j] > first[j]; }
    }
    for (j = 0; j < cols; j++) {
        mean[j] = varies[j] ? sum[j] / source->rows : (double)first[j];
        sum[j] = 0;
    }
    for (i = 0; i < source->rows; i++) {
        const isk_scalar *x = isk__source_row(source, i) + col;
        for (j = 0; j < cols; j++) { sum[j] += ((double)x[j] - mean[j]) * ((double)x[j] - mean[j]); }
    }
    for (j = 0; j < cols; j++) {
        job->mean[col + j] = mean[j];
        job->variance[col + j] = sum[j] / source->rows;
    }
}

static void isk__moments(isk_context *context, const isk__source *source, double *mean, double *variance) {
    isk__moments_job job;
    job.source = source;
    job.mean = mean;
    job.variance = variance;
    isk__parallel(context, isk__blocks_of(source->cols, 64), isk__moments_item, &job);
}

/* 1 / standard deviation; 0 for a constant column, which so drops out. */
static void isk__scales(const double *variance, int cols, double *scale) {
    int j;
    for (j = 0; j < cols; j++) { scale[j] = variance[j] > 0 ? 1.0 / sqrt(variance[j]) : 0; }
}

/* The power of two that brings the largest |x - mean| to at most 1, so that squares fit isk_scalar. */
static double isk__unit(const isk__source *source, const double *mean) {
    double largest = 0;
    int i, j, exponent = 0;
    for (i = 0; i < source->rows; i++) {
        const isk_scalar *x = isk__source_row(source, i);
        for (j = 0; j < source->cols; j++) {
            double value = fabs((double)x[j] - mean[j]);
            largest = value > largest ? value : largest;
        }
    }
    if (largest > 0) { frexp(largest, &exponent); }
    return ldexp(1.0, exponent < -1000 ? 1000 : -exponent);
}

/* One product of contiguous matrices: c [m, n] (+)= a [m, k] b [k, n] (+ bias); a_transposed: a is stored [k, m]. */
static void isk__multiply(const isk_context *context, int m, int n, int k, const isk_scalar *a, int a_transposed,
                         const isk_scalar *b, isk_scalar *c, int accumulate, const isk_scalar *bias) {
    isk__gemm_call call;
    memset(&call, 0, sizeof call);
    call.level = context->level;
    call.m = m;
    call.n = n;
    call.k = k;
    call.a = a;
    call.a_row = a_transposed ? 1 : k;
    call.a_col = a_transposed ? m : 1;
    call.b = b;
    call.b_row = n;
    call.b_col = 1;
    call.c = c;
    call.c_row = n;
    call.accumulate = accumulate;
    call.bias = bias;
    isk__gemm(&call);
}

/* out [a.rows, n] = A b, with b [a.cols, n].  A row of out depends on its row of A alone. */
typedef struct isk__times_job {
    isk_context *context;
    const isk__source *a;
    const isk_scalar *b;
    int n;
    isk_scalar *out, *work;
} isk__times_job;

static void isk__times_item(void *argument, int item, int worker) {
    const isk__times_job *job = (const isk__times_job *)argument;
    int row = item * ISK__ROW_BLOCK, rows = job->a->rows - row < ISK__ROW_BLOCK ? job->a->rows - row : ISK__ROW_BLOCK;
    isk_scalar *tile = job->work + (size_t)worker * ISK__ROW_BLOCK * ISK__COL_BLOCK;
    int col, cols;
    for (col = 0; col < job->a->cols; col += cols) {
        cols = job->a->cols - col < ISK__COL_BLOCK ? job->a->cols - col : ISK__COL_BLOCK;
        isk__source_load(job->a, row, rows, col, cols, tile);
        isk__multiply(job->context, rows, job->n, cols, tile, 0, job->b + (ptrdiff_t)col * job->n,
                     job->out + (ptrdiff_t)row * job->n, col > 0, NULL);
    }
}

static isk_status isk__times(isk_context *context, const isk__source *a, const isk_scalar *b, int n, isk_scalar *out) {
    isk__blocks blocks = isk__blocks_open(context);
    isk__times_job job;
    job.context = context;
    job.a = a;
    job.b = b;
    job.n = n;
    job.out = out;
    job.work = isk__take_scalars(&blocks, isk__mul((size_t)context->threads, ISK__ROW_BLOCK * ISK__COL_BLOCK));
    if (!blocks.failed) { isk__parallel(context, isk__blocks_of(a->rows, ISK__ROW_BLOCK), isk__times_item, &job); }
    return isk__blocks_close(&blocks, isk__blocks_status(&blocks, "a matrix product"));
}

/* out [a.cols, b.cols] = A' B in double: products of row blocks in isk_scalar, added in double in their order.
   a == b: the lower triangle of tiles is mirrored. */
typedef struct isk__gram_job {
    isk_context *context;
    const isk__source *a, *b;
    double *out;
    isk_scalar *work;
    int tiles;                      /* of b's columns */
} isk__gram_job;

enum { ISK__GRAM_WORK = 2 * ISK__ROW_BLOCK * ISK__COL_BLOCK + ISK__COL_BLOCK * ISK__COL_BLOCK };

static void isk__gram_item(void *argument, int item, int worker) {
    const isk__gram_job *job = (const isk__gram_job *)argument;
    const int i0 = item / job->tiles * ISK__COL_BLOCK, j0 = item % job->tiles * ISK__COL_BLOCK;
    const int is = job->a->cols - i0 < ISK__COL_BLOCK ? job->a->cols - i0 : ISK__COL_BLOCK;
    const int js = job->b->cols - j0 < ISK__COL_BLOCK ? job->b->cols - j0 : ISK__COL_BLOCK, n = job->b->cols;
    isk_scalar *a = job->work + (size_t)worker * ISK__GRAM_WORK, *b = a + ISK__ROW_BLOCK * ISK__COL_BLOCK;
    isk_scalar *c = b + ISK__ROW_BLOCK * ISK__COL_BLOCK;
    int row, rows, i, j;
    if (job->a == job->b && j0 > i0) { return; }
    for (i = 0; i < is; i++) { memset(job->out + (ptrdiff_t)(i0 + i) * n + j0, 0, (size_t)js * sizeof(double)); }
    for (row = 0; row < job->a->rows; row += rows) {
        rows = job->a->rows - row < ISK__ROW_BLOCK ? job->a->rows - row : ISK__ROW_BLOCK;
        isk__source_load(job->a, row, rows, i0, is, a);
        isk__source_load(job->b, row, rows, j0, js, b);
        isk__multiply(job->context, is, js, rows, a, 1, b, c, 0, NULL);
        for (i = 0; i < is; i++) {
            double *out = job->out + (ptrdiff_t)(i0 + i) * n + j0;
            for (j = 0; j < js; j++) { out[j] += (double)c[i * js + j]; }
        }
    }
    if (job->a != job->b) { return; }
    for (i = 0; i < is; i++) {
        for (j = 0; j < js; j++) {
            if (j0 + j < i0 + i) {
                job->out[(ptrdiff_t)(j0 + j) * n + i0 + i] = job->out[(ptrdiff_t)(i0 + i) * n + j0 + j];
            }
        }
    }
}

static isk_status isk__gram(isk_context *context, const isk__source *a, const isk__source *b, double *out) {
    isk__blocks blocks = isk__blocks_open(context);
    isk__gram_job job;
    job.context = context;
    job.a = a;
    job.b = b;
    job.out = out;
    job.tiles = isk__blocks_of(b->cols, ISK__COL_BLOCK);
    job.work = isk__take_scalars(&blocks, isk__mul((size_t)context->threads, ISK__GRAM_WORK));
    if (!blocks.failed) {
        isk__parallel(context, job.tiles * isk__blocks_of(a->cols, ISK__COL_BLOCK), isk__gram_item, &job);
    }
    return isk__blocks_close(&blocks, isk__blocks_status(&blocks, "a Gram matrix"));
}

/* ---- k nearest neighbours ----
   Each pair has a score s = x y - |y|^2 / 2 from a matrix product (centred, scaled), so that |x - y|^2 = |x|^2 - 2 s,
   and a bound m on its rounding.  A query keeps the references whose s + m reaches the k-th largest s - m, and only
   those are measured exactly.  Where too many come that close (equal rows), it goes on with exact distances. */

enum { ISK__KNN_QUERIES = 64, ISK__KNN_TILE = 512 };

typedef struct isk__knn_job {
    isk_context *context;
    const isk__source *queries, *references;
    int k, exclude_self, capacity;
    const double *centre;           /* [d] subtracted before the products, so that they cancel less */
    double unit;                    /* power of two that brings the largest centred coordinate to at most 1 */
    isk_scalar *tiles;              /* centred, scaled references by tiles of [d, <= ISK__KNN_TILE] */
    isk_scalar *half_norms;         /* [m] -|y|^2 / 2 in that scale */
    double *largest;                /* [tiles] largest |y| */
    int32_t *indices;               /* [n, k], or NULL */
    double *distances;              /* [n, k], or NULL */
    isk_scalar *work;               /* per worker: queries [64, d], scores [64, tile], lower bounds [64, capacity] */
    size_t work_size;
    double *work_distances;         /* per worker: [64, k] */
    int32_t *work_indices;          /* per worker: [64, k], [64, capacity] */
} isk__knn_job;

/* One query and what it has found. */
typedef struct isk__knn_query {
    const isk_scalar *x;            /* as given */
    int row, count;                 /* count: candidates */
    int exact;                      /* 1: distances and indices are a heap of the k nearest so far */
    double norm;                    /* |x|, centred and scaled */
    isk_scalar least;               /* k-th largest lower bound so far */
    isk_scalar *lower;              /* [capacity] s - m of each candidate */
    int32_t *candidates;            /* [capacity] */
    double *distances;              /* [k] */
    int32_t *indices;               /* [k] */
} isk__knn_query;

static double isk__squared_distance(const isk_scalar *x, const isk_scalar *y, int count) {
    double sum[4] = { 0, 0, 0, 0 }, difference;
    int i, j;
    for (i = 0; i + 4 <= count; i += 4) {
        for (j = 0; j < 4; j++) {
            difference = (double)x[i + j] - (double)y[i + j];
            sum[j] += difference * difference;
        }
    }
    for (j = 0; i + j < count; j++) {
        difference = (double)x[i + j] - (double)y[i + j];
        sum[j] += difference * difference;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* One tile of references: transposed copy, norms. */
static void isk__knn_tile_item(void *argument, int item, int worker) {
    const isk__knn_job *job = (const isk__knn_job *)argument;
    const int d = job->references->cols, first = item * ISK__KNN_TILE;
    const int count = job->references->rows - first < ISK__KNN_TILE ? job->references->rows - first : ISK__KNN_TILE;
    isk_scalar *tile = job->tiles + (size_t)first * (size_t)d;
    double largest = 0;
    int i, j;
    (void)worker;
    for (i = 0; i < count; i++) {
        const isk_scalar *y = isk__source_row(job->references, first + i);
        double norm = 0;
        for (j = 0; j < d; j++) {
            double value = ((double)y[j] - job->centre[j]) * job->unit;
            norm += value * value;
            tile[(ptrdiff_t)j * count + i] = (isk_scalar)value;
        }
        job->half_norms[first + i] = (isk_scalar)(-0.5 * norm);
        if (norm > largest) { largest = norm; }
    }
    job->largest[item] = sqrt(largest);
}

/* a comes after b in the order (distance, index). */
static int isk__knn_after(double a, int32_t a_index, double b, int32_t b_index) {
    return a > b || (!(a < b) && a_index > b_index);
}

/* Puts (distance, index) at the root of a heap whose root is the last in order, and restores the order below. */
static void isk__knn_sift(double *distances, int32_t *indices, int count, double distance, int32_t index) {
    int at = 0;
    for (;;) {
        int child = 2 * at + 1;
        if (child >= count) { break; }
        if (child + 1 < count &&
            isk__knn_after(distances[child + 1], indices[child + 1], distances[child], indices[child])) { child++; }
        if (!isk__knn_after(distances[child], indices[child], distance, index)) { break; }
        distances[at] = distances[child];
        indices[at] = indices[child];
        at = child;
    }
    distances[at] = distance;
    indices[at] = index;
}

/* Bound on all rounding between the score of a reference of norm <= largest and the order of the exact distances, which
   are rounded too.  Higham 2002, section 3.1: a product of length d errs by at most d eps |x| |y|. */
static double isk__knn_margin(const isk__knn_job *job, double norm, double largest) {
#ifdef INDISEEK_DOUBLE
    const double eps = DBL_EPSILON, tiny = DBL_MIN;
#else
    const double eps = (double)FLT_EPSILON, tiny = (double)FLT_MIN;
#endif
    const double terms = 2.0 * job->references->cols + 16;
    return terms * (eps * (norm + largest) * largest + DBL_EPSILON * (norm + largest) * (norm + largest) + tiny);
}

/* Score below which no reference of a tile can be among the k nearest. */
static isk_scalar isk__knn_limit(const isk__knn_job *job, const isk__knn_query *query, double largest) {
    const double margin = isk__knn_margin(job, query->norm, largest);
    double worst, limit;
    if (!query->exact) { return (isk_scalar)((double)query->least - margin); }
    worst = query->distances[0] * job->unit * job->unit;
    limit = 0.5 * (query->norm * query->norm - worst) - margin;
    limit -= (2.0 * job->references->cols + 16) * DBL_EPSILON * worst;
    return (isk_scalar)(limit > -1e30 ? limit : -1e30);
}

/* Measures a reference, and keeps it if it is among the k nearest. */
static void isk__knn_measure(const isk__knn_job *job, isk__knn_query *query, int32_t index) {
    const isk_scalar *y = isk__source_row(job->references, index);
    double distance = isk__squared_distance(query->x, y, job->references->cols);
    if (isk__knn_after(query->distances[0], query->indices[0], distance, index)) {
        isk__knn_sift(query->distances, query->indices, job->k, distance, index);
    }
}

static void isk__knn_measure_all(const isk__knn_job *job, isk__knn_query *query) {
    int i;
    for (i = 0; i < job->k; i++) {
        query->distances[i] = HUGE_VAL;
        query->indices[i] = INT32_MAX;
    }
    for (i = 0; i < query->count; i++) { isk__knn_measure(job, query, query->candidates[i]); }
    query->exact = 1;
}

/* Brings the k largest lower bounds to the front.  Hoare 1961 (find). */
static void isk__knn_select(isk_scalar *lower, int32_t *candidates, int count, int k) {
    int first = 0, last = count - 1;
    while (first < last) {
        const isk_scalar pivot = lower[first + (last - first) / 2];
        int i = first, j = last;
        while (i <= j) {
            while (lower[i] > pivot) { i++; }
            while (pivot > lower[j]) { j--; }
            if (i <= j) {
                const isk_scalar bound = lower[i];
                const int32_t candidate = candidates[i];
                lower[i] = lower[j];
                candidates[i++] = candidates[j];
                lower[j] = bound;
                candidates[j--] = candidate;
            }
        }
        if (k - 1 <= j) {
            last = j;
        } else if (k - 1 >= i) {
            first = i;
        } else {
            break;
        }
    }
}

/* Drops the candidates that cannot be among the k nearest any more; too many left: exact from here on. */
static void isk__knn_prune(const isk__knn_job *job, isk__knn_query *query) {
    int i, kept = job->k;
    if (query->count <= job->k) { return; }
    isk__knn_select(query->lower, query->candidates, query->count, job->k);
    for (query->least = query->lower[0], i = 1; i < job->k; i++) {
        query->least = query->lower[i] < query->least ? query->lower[i] : query->least;
    }
    for (i = job->k; i < query->count; i++) {
        const double largest = job->largest[query->candidates[i] / ISK__KNN_TILE];
        const double upper = (double)query->lower[i] + 2 * isk__knn_margin(job, query->norm, largest);
        if (upper < (double)query->least) { continue; }
        query->lower[kept] = query->lower[i];
        query->candidates[kept++] = query->candidates[i];
    }
    query->count = kept;
    if (kept > job->capacity - 32) { isk__knn_measure_all(job, query); }
}

/* Looks through the scores of one query with references first .. first+count-1. */
static void isk__knn_scan(const isk__knn_job *job, isk__knn_query *query, int first, int count,
                          const isk_scalar *scores) {
    const double largest = job->largest[first / ISK__KNN_TILE], margin = isk__knn_margin(job, query->norm, largest);
    isk_scalar limit = isk__knn_limit(job, query, largest);
    int j = 0, t, end, hit;
    for (; j < count; j = end) {
        end = j + 16 <= count ? j + 16 : count;
        hit = end - j < 16;
        if (!hit) {
            for (t = 0; t < 16; t++) { hit |= scores[j + t] >= limit; }
        }
        for (t = j; hit && t < end; t++) {
            const int32_t index = (int32_t)(first + t);
            if (!(scores[t] >= limit) || (job->exclude_self && index == query->row)) { continue; }
            if (query->exact) {
                isk__knn_measure(job, query, index);
            } else {
                query->lower[query->count] = (isk_scalar)((double)scores[t] - margin);
                query->candidates[query->count++] = index;
                if (query->count < job->capacity) { continue; }
                isk__knn_prune(job, query);
            }
            limit = isk__knn_limit(job, query, largest);
        }
    }
}

/* Measures what is left and sorts it: the last in order goes to the end. */
static void isk__knn_finish(const isk__knn_job *job, isk__knn_query *query) {
    int left;
    if (!query->exact) {
        isk__knn_prune(job, query);
        isk__knn_measure_all(job, query);
    }
    for (left = job->k - 1; left > 0; left--) {
        const double last = query->distances[left];
        const int32_t last_index = query->indices[left];
        query->distances[left] = query->distances[0];
        query->indices[left] = query->indices[0];
        isk__knn_sift(query->distances, query->indices, left, last, last_index);
    }
    if (job->indices) {
        memcpy(job->indices + (ptrdiff_t)query->row * job->k, query->indices, (size_t)job->k * sizeof(int32_t));
    }
    if (job->distances) {
        memcpy(job->distances + (ptrdiff_t)query->row * job->k, query->distances, (size_t)job->k * sizeof(double));
    }
}

static void isk__knn_item(void *argument, int item, int worker) {
    const isk__knn_job *job = (const isk__knn_job *)argument;
    const int d = job->references->cols, first = item * ISK__KNN_QUERIES, rows = job->references->rows;
    const int count = job->queries->rows - first < ISK__KNN_QUERIES ? job->queries->rows - first : ISK__KNN_QUERIES;
    const size_t k = (size_t)job->k, capacity = (size_t)job->capacity;
    isk_scalar *x = job->work + (size_t)worker * job->work_size, *scores = x + (size_t)ISK__KNN_QUERIES * (size_t)d;
    double *distances = job->work_distances + (size_t)worker * ISK__KNN_QUERIES * k;
    int32_t *indices = job->work_indices + (size_t)worker * ISK__KNN_QUERIES * (k + capacity);
    isk__knn_query queries[ISK__KNN_QUERIES];
    int i, j, from, n;
    for (i = 0; i < count; i++) {
        isk__knn_query *query = &queries[i];
        double norm = 0;
        query->row = first + i;
        query->x = isk__source_row(job->queries, query->row);
        for (j = 0; j < d; j++) {
            double value = ((double)query->x[j] - job->centre[j]) * job->unit;
            norm += value * value;
            x[(ptrdiff_t)i * d + j] = (isk_scalar)value;
        }
        query->norm = sqrt(norm);
        query->count = query->exact = 0;
        query->least = (isk_scalar)-1e30;
        query->lower = scores + ISK__KNN_QUERIES * ISK__KNN_TILE + (size_t)i * capacity;
        query->distances = distances + (size_t)i * k;
        query->indices = indices + (size_t)i * (k + capacity);
        query->candidates = query->indices + k;
    }
    for (from = 0; from < rows; from += n) {
        n = rows - from < ISK__KNN_TILE ? rows - from : ISK__KNN_TILE;
        isk__multiply(job->context, count, n, d, x, 0, job->tiles + (size_t)from * (size_t)d, scores, 0,
                      job->half_norms + from);
        for (i = 0; i < count; i++) { isk__knn_scan(job, &queries[i], from, n, scores + (ptrdiff_t)i * n); }
    }
    for (i = 0; i < count; i++) { isk__knn_finish(job, &queries[i]); }
}

/* Indices are positions in the references' row list. */
static isk_status isk__knn(isk_context *context, const isk__source *queries, const isk__source *references, int k,
                           int exclude_self, int32_t *indices, double *distances) {
    isk__blocks blocks = isk__blocks_open(context);
    const size_t d = (size_t)references->cols, m = (size_t)references->rows, threads = (size_t)context->threads;
    const size_t capacity = 2 * (size_t)k + 96, queries_at_once = threads * ISK__KNN_QUERIES;
    const int tiles = isk__blocks_of(references->rows, ISK__KNN_TILE);
    double *centre = isk__take_doubles(&blocks, d), *variance = isk__take_doubles(&blocks, d), unit;
    isk__knn_job job;
    job.context = context;
    job.queries = queries;
    job.references = references;
    job.k = k;
    job.capacity = capacity < INT_MAX ? (int)capacity : INT_MAX;
    job.exclude_self = exclude_self;
    job.centre = centre;
    job.indices = indices;
    job.distances = distances;
    job.tiles = isk__take_scalars(&blocks, isk__mul(m, d));
    job.half_norms = isk__take_scalars(&blocks, m);
    job.largest = isk__take_doubles(&blocks, (size_t)tiles);
    job.work_size = isk__mul(ISK__KNN_QUERIES, d + ISK__KNN_TILE + (size_t)job.capacity);
    job.work = isk__take_scalars(&blocks, isk__mul(threads, job.work_size));
    job.work_distances = isk__take_doubles(&blocks, isk__mul(queries_at_once, (size_t)k));
    job.work_indices = isk__take_ints(&blocks, isk__mul(queries_at_once, (size_t)k + (size_t)job.capacity));
    if (blocks.failed) { return isk__blocks_close(&blocks, isk__blocks_status(&blocks, "isk_knn")); }
    isk__moments(context, references, centre, variance);
    job.unit = isk__unit(references, centre);
    unit = isk__unit(queries, centre);
    job.unit = unit < job.unit ? unit : job.unit;
    isk__parallel(context, tiles, isk__knn_tile_item, &job);
    isk__parallel(context, isk__blocks_of(queries->rows, ISK__KNN_QUERIES), isk__knn_item, &job);
    return isk__blocks_close(&blocks, ISK_OK);
}

INDISEEK_API isk_status isk_knn(isk_context *context, const isk_knn_desc *desc) {
    const isk_matrix *references = desc->references.data ? &desc->references : &desc->queries;
    const int self = !desc->references.data, exclude = self && !desc->include_self, k = desc->k ? desc->k : 10;
    isk__source q, r;
    isk_status status = isk__checked_matrix(context, "queries", &desc->queries, -1);
    if (status == ISK_OK && !self) { status = isk__checked_matrix(context, "references", references, -1); }
    if (status != ISK_OK) { return status; }
    if (references->cols != desc->queries.cols) {
        return isk__fail(context, ISK_SHAPE, "queries have %lld columns, references %lld",
                         (long long)desc->queries.cols, (long long)references->cols);
    }
    if (k < 1 || k > references->rows - exclude) {
        return isk__fail(context, ISK_ARGUMENT,
                         "k is %d, but a row has %lld possible neighbours; choose k from 1 to that", k,
                         (long long)(references->rows - exclude));
    }
    q = isk__source_of(desc->queries.data, desc->queries.rows, desc->queries.cols, NULL, NULL, NULL);
    r = isk__source_of(references->data, references->rows, references->cols, NULL, NULL, NULL);
    return isk__knn(context, &q, &r, k, exclude, desc->indices, desc->distances);
}

INDISEEK_API isk_status isk_knn_matches(isk_context *context, const int32_t *indices, int64_t rows, int k,
                                        const int32_t *labels, const int32_t *reference_labels, int64_t references,
                                        int32_t *matches, double *mean) {
    const int32_t *of = reference_labels ? reference_labels : labels;
    const int64_t limit = reference_labels ? references : rows;
    int64_t i, labelled = 0, total = 0;
    isk_status status = isk__check_rows(context, "rows", rows);
    int j;
    if (status == ISK_OK && reference_labels) { status = isk__check_rows(context, "references", references); }
    if (status == ISK_OK) { status = isk__check_given(context, "indices", indices); }
    if (status == ISK_OK) { status = isk__check_given(context, "labels", labels); }
    if (status == ISK_OK) { status = isk__check_given(context, "matches", matches); }
    if (status != ISK_OK) { return status; }
    if (k < 1) { return isk__fail(context, ISK_ARGUMENT, "k is %d; it must be at least 1", k); }
    for (i = 0; i < rows; i++) {
        int32_t count = 0;
        for (j = 0; j < k; j++) {
            int32_t neighbour = indices[i * k + j];
            if (neighbour < 0 || neighbour >= limit) {
                return isk__fail(context, ISK_DATA, "neighbour %d of row %lld is row %ld, but there are %lld", j,
                                 (long long)i, (long)neighbour, (long long)limit);
            }
            count += of[neighbour] == labels[i];
        }
        matches[i] = labels[i] >= 0 ? count : -1;
        if (labels[i] >= 0) { labelled++; total += count; }
    }
    if (mean && labelled == 0) {
        return isk__fail(context, ISK_DATA, "no row is labelled, so there is no mean agreement");
    }
    if (mean) { *mean = (double)total / ((double)labelled * k); }
    return ISK_OK;
}

/* ---- scores by label, ranks, rank correlation ---- */

INDISEEK_API isk_status isk_mean_by_label(isk_context *context, const double *values, const int32_t *labels,
                                          int64_t rows, int label_count, double *mean, int64_t *counts) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__check_rows(context, "rows", rows);
    int64_t i, *number;
    int l;
    if (status == ISK_OK) { status = isk__check_given(context, "values", values); }
    if (status == ISK_OK) { status = isk__check_given(context, "labels", labels); }
    if (status == ISK_OK) { status = isk__check_given(context, "mean", mean); }
    if (status != ISK_OK) { return status; }
    if (label_count < 1) {
        return isk__fail(context, ISK_ARGUMENT, "label_count is %d; it must be at least 1", label_count);
    }
    for (i = 0; i < rows; i++) {
        if (labels[i] >= label_count) {
            return isk__fail(context, ISK_DATA, "labels[%lld] is %ld, but label_count is %d", (long long)i,
                             (long)labels[i], label_count);
        }
        if (labels[i] >= 0 && !(values[i] - values[i] == 0)) {
            return isk__fail(context, ISK_DATA, "values[%lld] is not finite", (long long)i);
        }
    }
    number = (int64_t *)isk__take(&blocks, (size_t)label_count, sizeof *number);
    if (!number) { return isk__blocks_close(&blocks, isk__blocks_status(&blocks, "isk_mean_by_label")); }
    for (l = 0; l < label_count; l++) { mean[l] = 0; }
    for (i = 0; i < rows; i++) {
        if (labels[i] >= 0) {
            mean[labels[i]] += values[i];
            number[labels[i]]++;
        }
    }
    for (l = 0; l < label_count; l++) {
        mean[l] = number[l] ? mean[l] / (double)number[l] : NAN;
        if (counts) { counts[l] = number[l]; }
    }
    return isk__blocks_close(&blocks, ISK_OK);
}

static isk_status isk__theta_all(isk_context *context, const isk_theta_desc *desc, isk__blocks *blocks) {
    const double offset = desc->offset < 0 ? 0 : desc->offset > 0 ? desc->offset : 0.5;
    const size_t rows = (size_t)desc->rows, labels = (size_t)(desc->mean ? desc->label_count : 0);
    double *first = isk__take_doubles(blocks, rows), *second = isk__take_doubles(blocks, rows);
    double *other = isk__take_doubles(blocks, labels + 1);
    const int rowwise = desc->theta || (desc->mean && !desc->ratio_of_means);
    isk_status status = isk__blocks_status(blocks, "isk_theta");
    int64_t i;
    int l;
    if (status != ISK_OK) { return status; }
    for (i = 0; i < desc->rows; i++) {
        int unlabelled = desc->matches1[i] < 0;
        if (unlabelled != (desc->matches2[i] < 0) || (desc->labels && unlabelled != (desc->labels[i] < 0))) {
            return isk__fail(context, ISK_DATA,
                             "row %lld is labelled in one of matches1, matches2 and labels and not in another",
                             (long long)i);
        }
        first[i] = desc->matches1[i];
        second[i] = desc->matches2[i];
        if (rowwise && !unlabelled && (!(first[i] + offset > 0) || !(second[i] + offset > 0))) {
            return isk__fail(context, ISK_DATA,
                             "row %lld has a count of 0 matches, so theta is infinite; give an offset", (long long)i);
        }
        if (desc->theta) { desc->theta[i] = unlabelled ? NAN : log((first[i] + offset) / (second[i] + offset)); }
    }
    if (!desc->mean) { return ISK_OK; }
    if (desc->ratio_of_means) {
        status = isk_mean_by_label(context, second, desc->labels, desc->rows, desc->label_count, other, NULL);
    } else {
        for (i = 0; i < desc->rows; i++) { first[i] = log((first[i] + offset) / (second[i] + offset)); }
    }
    if (status == ISK_OK) {
        status =
            isk_mean_by_label(context, first, desc->labels, desc->rows, desc->label_count, desc->mean, desc->counts);
    }
    for (l = 0; status == ISK_OK && desc->ratio_of_means && l < desc->label_count; l++) {
        if (desc->mean[l] <= 0 || other[l] <= 0) {
            return isk__fail(context, ISK_DATA,
                             "label %d has no match at all in one of the two, so the ratio is infinite", l);
        }
        desc->mean[l] = log(desc->mean[l] / other[l]);
    }
    return status;
}

INDISEEK_API isk_status isk_theta(isk_context *context, const isk_theta_desc *desc) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__check_rows(context, "rows", desc->rows);
    if (status == ISK_OK) { status = isk__check_given(context, "matches1", desc->matches1); }
    if (status == ISK_OK) { status = isk__check_given(context, "matches2", desc->matches2); }
    if (status == ISK_OK && desc->mean) {
        status = isk__check_given(context, "labels, needed for mean,", desc->labels);
    }
    if (status != ISK_OK) { return status; }
    if (!(desc->offset - desc->offset == 0) || (desc->mean && desc->label_count < 1)) {
        return isk__fail(context, ISK_ARGUMENT,
                         "offset is %g and label_count %d; offset must be finite, label_count at least 1",
                         desc->offset, desc->label_count);
    }
    return isk__blocks_close(&blocks, isk__theta_all(context, desc, &blocks));
}

typedef struct isk__ranked { double value; int64_t index; } isk__ranked;

static int isk__ranked_order(const void *a, const void *b) {
    const isk__ranked *x = (const isk__ranked *)a, *y = (const isk__ranked *)b;
    if (x->value < y->value) { return -1; }
    if (x->value > y->value) { return 1; }
    return (x->index > y->index) - (x->index < y->index);
}

INDISEEK_API isk_status isk_ranks(isk_context *context, const double *values, int64_t count, double *ranks) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__check_rows(context, "count", count);
    isk__ranked *sorted;
    int64_t i, j, end;
    if (status == ISK_OK) { status = isk__check_given(context, "values", values); }
    if (status == ISK_OK) { status = isk__check_given(context, "ranks", ranks); }
    if (status == ISK_OK) { status = isk__check_values(context, "values", values, count); }
    if (status != ISK_OK) { return status; }
    sorted = (isk__ranked *)isk__take(&blocks, (size_t)count, sizeof *sorted);
    if (!sorted) { return isk__blocks_close(&blocks, isk__blocks_status(&blocks, "isk_ranks")); }
    for (i = 0; i < count; i++) {
        sorted[i].value = values[i];
        sorted[i].index = i;
    }
    qsort(sorted, (size_t)count, sizeof *sorted, isk__ranked_order);
    for (i = 0; i < count; i = end) {
        for (end = i + 1; end < count && !(sorted[end].value > sorted[i].value);) { end++; }
        for (j = i; j < end; j++) { ranks[sorted[j].index] = 0.5 * (double)(i + 1 + end); }
    }
    return isk__blocks_close(&blocks, ISK_OK);
}

INDISEEK_API isk_status isk_spearman(isk_context *context, const double *a, const double *b, int64_t count,
                                     double *rho) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__check_rows(context, "count", count);
    double *ranks[2], centre = 0.5 * ((double)count + 1), ab = 0, aa = 0, bb = 0;
    int64_t i;
    if (status == ISK_OK) { status = isk__check_given(context, "a", a); }
    if (status == ISK_OK) { status = isk__check_given(context, "b", b); }
    if (status == ISK_OK) { status = isk__check_given(context, "rho", rho); }
    if (status == ISK_OK) { status = isk__check_values(context, "a", a, count); }
    if (status == ISK_OK) { status = isk__check_values(context, "b", b, count); }
    if (status != ISK_OK) { return status; }
    if (count < 2) { return isk__fail(context, ISK_DATA, "count is 1; a correlation needs at least 2 values"); }
    ranks[0] = isk__take_doubles(&blocks, (size_t)count);
    ranks[1] = isk__take_doubles(&blocks, (size_t)count);
    status = isk__blocks_status(&blocks, "isk_spearman");
    if (status == ISK_OK) { status = isk_ranks(context, a, count, ranks[0]); }
    if (status == ISK_OK) { status = isk_ranks(context, b, count, ranks[1]); }
    for (i = 0; status == ISK_OK && i < count; i++) {
        double x = ranks[0][i] - centre, y = ranks[1][i] - centre;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if (status == ISK_OK && !(aa > 0 && bb > 0)) {
        status = isk__fail(context, ISK_DATA, "%s is constant, so it has no rank correlation", aa > 0 ? "b" : "a");
    }
    if (status == ISK_OK) { *rho = ab / (sqrt(aa) * sqrt(bb)); }
    return isk__blocks_close(&blocks, status);
}

/* ---- k-means and agreement of labellings ---- */

typedef struct isk__kmeans_job {
    isk_context *context;
    const isk_scalar *x;            /* [n, d] centred by the column means, scaled */
    const double *norms;            /* [n] |x|^2 */
    int n, d, k;
    const isk_scalar *points;       /* [d, count] columns to compare with: centres, or trial rows */
    const isk_scalar *half_norms;   /* [count] -|c|^2 / 2 */
    int count;
    isk_scalar *work;               /* per worker: [ISK__ROW_BLOCK, max(k, trials)] */
    size_t work_size;
    double *distances;              /* [n, count] of the trials */
    const double *nearest;          /* [n] squared distance to the nearest centre so far */
    int32_t *labels;
    int *changed;                   /* [blocks] */
    const double *centres;          /* [k, d] */
    double *sums;                   /* [k, d] */
    const int32_t *order;           /* rows sorted by cluster */
    const int32_t *start;           /* [k + 1] */
    double *row_distance;           /* [n] exact, to the own centre */
} isk__kmeans_job;

/* Rows of the block, and x c - |c|^2 / 2 for each point c. */
static isk_scalar *isk__kmeans_scores(const isk__kmeans_job *job, int item, int worker, int *row, int *rows) {
    isk_scalar *scores = job->work + (size_t)worker * job->work_size;
    *row = item * ISK__ROW_BLOCK;
    *rows = job->n - *row < ISK__ROW_BLOCK ? job->n - *row : ISK__ROW_BLOCK;
    isk__multiply(job->context, *rows, job->count, job->d, job->x + (ptrdiff_t)*row * job->d, 0, job->points, scores, 0,
                 job->half_norms);
    return scores;
}

static void isk__kmeans_assign_item(void *argument, int item, int worker) {
    const isk__kmeans_job *job = (const isk__kmeans_job *)argument;
    int row, rows, i, c, changed = 0;
    const isk_scalar *scores = isk__kmeans_scores(job, item, worker, &row, &rows);
    for (i = 0; i < rows; i++, scores += job->count) {
        int best = 0;
        for (c = 1; c < job->count; c++) { best = scores[c] > scores[best] ? c : best; }
        changed |= job->labels[row + i] != best;
        job->labels[row + i] = best;
    }
    job->changed[item] = changed;
}

/* Squared distances to the trial rows, no more than to the nearest centre so far. */
static void isk__kmeans_trial_item(void *argument, int item, int worker) {
    const isk__kmeans_job *job = (const isk__kmeans_job *)argument;
    int row, rows, i, c;
    const isk_scalar *scores = isk__kmeans_scores(job, item, worker, &row, &rows);
    for (i = 0; i < rows; i++, scores += job->count) {
        double *out = job->distances + (ptrdiff_t)(row + i) * job->count;
        for (c = 0; c < job->count; c++) {
            double distance = job->norms[row + i] - 2 * (double)scores[c];
            if (distance < 0) { distance = 0; }
            out[c] = distance < job->nearest[row + i] ? distance : job->nearest[row + i];
        }
    }
}

static void isk__kmeans_sum_item(void *argument, int item, int worker) {
    const isk__kmeans_job *job = (const isk__kmeans_job *)argument;
    double *sum = job->sums + (ptrdiff_t)item * job->d;
    int i, j;
    (void)worker;
    memset(sum, 0, (size_t)job->d * sizeof *sum);
    for (i = job->start[item]; i < job->start[item + 1]; i++) {
        const isk_scalar *x = job->x + (ptrdiff_t)job->order[i] * job->d;
        for (j = 0; j < job->d; j++) { sum[j] += (double)x[j]; }
    }
}

static void isk__kmeans_distance_item(void *argument, int item, int worker) {
    const isk__kmeans_job *job = (const isk__kmeans_job *)argument;
    int row = item * ISK__ROW_BLOCK, end = row + ISK__ROW_BLOCK < job->n ? row + ISK__ROW_BLOCK : job->n, j;
    (void)worker;
    for (; row < end; row++) {
        const isk_scalar *x = job->x + (ptrdiff_t)row * job->d;
        const double *centre = job->centres + (ptrdiff_t)job->labels[row] * job->d;
        double sum = 0;
        for (j = 0; j < job->d; j++) { sum += ((double)x[j] - centre[j]) * ((double)x[j] - centre[j]); }
        job->row_distance[row] = sum;
    }
}

/* What one start works on. */
typedef struct isk__kmeans {
    isk__kmeans_job job;
    isk_scalar *points, *half_norms;
    double *centres, *previous, *nearest, *trials, *norms;
    int32_t *labels, *order, *start;
    int blocks, trial_count;
} isk__kmeans;

/* Copies centres (or rows of x, when list is given) into columns. */
static void isk__kmeans_points(isk__kmeans *means, const int32_t *list, int count) {
    const int d = means->job.d;
    int c, j;
    for (c = 0; c < count; c++) {
        double norm = 0;
        for (j = 0; j < d; j++) {
            double value =
                list ? (double)means->job.x[(ptrdiff_t)list[c] * d + j] : means->centres[(ptrdiff_t)c * d + j];
            norm += value * value;
            means->points[(ptrdiff_t)j * count + c] = (isk_scalar)value;
        }
        means->half_norms[c] = (isk_scalar)(-0.5 * norm);
    }
    means->job.count = count;
}

/* A row with probability proportional to weights [n], whose sum is total; any row when all are 0. */
static int32_t isk__draw_row(isk__random *random, const double *weights, int n, double total) {
    double target, sum = 0;
    int32_t i, last = -1;
    if (!(total > 0)) { return (int32_t)isk__random_below(random, (uint32_t)n); }
    target = (isk__random_uniform(random) + isk__random_uniform(random) / 16777216.0) * total;
    for (i = 0; i < n; i++) {
        if (weights[i] > 0) { last = i; }
        sum += weights[i];
        if (sum > target && last == i) { return i; }
    }
    return last;
}

/* k-means++: each next centre is the best of a few rows drawn with probability proportional to the squared distance
   from the nearest centre so far. */
static void isk__kmeans_start(isk__kmeans *means, isk__random *random) {
    isk__kmeans_job *job = &means->job;
    const int n = job->n, d = job->d, limit = means->trial_count;
    int32_t trial[64];
    double total = 0;
    int c, t, i, j, count = 1, best;
    for (i = 0; i < n; i++) { means->nearest[i] = DBL_MAX; }
    for (c = 0; c < job->k; c++) {
        double potential[64];
        for (t = 0; t < count; t++) {
            trial[t] = c == 0 ? (int32_t)isk__random_below(random, (uint32_t)n)
                              : isk__draw_row(random, means->nearest, n, total);
            potential[t] = 0;
        }
        isk__kmeans_points(means, trial, count);
        isk__parallel(job->context, means->blocks, isk__kmeans_trial_item, job);
        for (t = 0; t < count; t++) { means->trials[(ptrdiff_t)trial[t] * count + t] = 0; }
        for (i = 0; i < n; i++) {
            for (t = 0; t < count; t++) { potential[t] += means->trials[(ptrdiff_t)i * count + t]; }
        }
        for (best = 0, t = 1; t < count; t++) { best = potential[t] < potential[best] ? t : best; }
        for (i = 0; i < n; i++) { means->nearest[i] = means->trials[(ptrdiff_t)i * count + best]; }
        total = potential[best];
        for (j = 0; j < d; j++) {
            means->centres[(ptrdiff_t)c * d + j] = (double)job->x[(ptrdiff_t)trial[best] * d + j];
        }
        count = limit;
    }
}

/* Sorts the rows by cluster, and gives every empty cluster the row farthest from its centre, if any is apart from
   its own. */
static void isk__kmeans_sort(isk__kmeans *means) {
    isk__kmeans_job *job = &means->job;
    const int n = job->n, k = job->k;
    int c, i, far, measured = 0;
    for (;;) {
        memset(means->start, 0, ((size_t)k + 1) * sizeof *means->start);
        for (i = 0; i < n; i++) { means->start[means->labels[i] + 1]++; }
        for (c = 0; c < k && means->start[c + 1] > 0;) { c++; }
        if (c == k) { break; }
        if (!measured) { isk__parallel(job->context, means->blocks, isk__kmeans_distance_item, job); }
        measured = 1;
        for (far = -1, i = 0; i < n; i++) {
            if (job->row_distance[i] > 0 && means->start[means->labels[i] + 1] > 1 &&
                (far < 0 || job->row_distance[i] > job->row_distance[far])) { far = i; }
        }
        if (far < 0) { break; }
        means->labels[far] = c;
        job->row_distance[far] = 0;
    }
    for (c = 0; c < k; c++) { means->start[c + 1] += means->start[c]; }
    for (i = 0; i < n; i++) { means->order[means->start[means->labels[i]]++] = i; }
    for (c = k; c > 0; c--) { means->start[c] = means->start[c - 1]; }
    means->start[0] = 0;
}

static int isk__kmeans_assign(isk__kmeans *means) {
    int b, changed = 0;
    isk__kmeans_points(means, NULL, means->job.k);
    isk__parallel(means->job.context, means->blocks, isk__kmeans_assign_item, &means->job);
    for (b = 0; b < means->blocks; b++) { changed |= means->job.changed[b]; }
    return changed;
}

/* Returns the inertia; labels and centres belong together. */
static double isk__kmeans_run(isk__kmeans *means, int iterations, double tolerance) {
    isk__kmeans_job *job = &means->job;
    const size_t size = (size_t)job->k * (size_t)job->d;
    double inertia = 0, move;
    size_t s;
    int i, c, j, iteration;
    isk__kmeans_assign(means);
    for (iteration = 0; iteration < iterations; iteration++) {
        isk__kmeans_sort(means);
        memcpy(means->previous, means->centres, size * sizeof(double));
        isk__parallel(job->context, job->k, isk__kmeans_sum_item, job);
        for (c = 0; c < job->k; c++) {
            int rows = means->start[c + 1] - means->start[c];
            for (j = 0; rows > 0 && j < job->d; j++) {
                means->centres[(ptrdiff_t)c * job->d + j] = job->sums[(ptrdiff_t)c * job->d + j] / rows;
            }
        }
        for (move = 0, s = 0; s < size; s++) {
            move += (means->centres[s] - means->previous[s]) * (means->centres[s] - means->previous[s]);
        }
        if (!isk__kmeans_assign(means) || move <= tolerance) { break; }
    }
    isk__parallel(job->context, means->blocks, isk__kmeans_distance_item, job);
    for (i = 0; i < job->n; i++) { inertia += job->row_distance[i]; }
    return inertia;
}

static isk_status isk__kmeans_all(isk_context *context, const isk_kmeans_desc *desc, isk__blocks *blocks) {
    const size_t n = (size_t)desc->x.rows, d = (size_t)desc->x.cols, k = (size_t)desc->clusters;
    const int starts = desc->starts ? desc->starts : 10, trials = 2 + (int)floor(log((double)k));
    const size_t widest = k > (size_t)trials ? k : (size_t)trials;
    isk__source source = isk__source_of(desc->x.data, desc->x.rows, desc->x.cols, NULL, NULL, NULL);
    double *mean = isk__take_doubles(blocks, d), *variance = isk__take_doubles(blocks, d);
    double *scale = isk__take_doubles(blocks, d), *best_centres, tolerance = 0, best = HUGE_VAL, unit;
    isk_scalar *x = isk__take_scalars(blocks, isk__mul(n, d));
    int32_t *best_labels = isk__take_ints(blocks, n);
    isk__kmeans means;
    isk_status status;
    size_t i, j;
    int s;
    memset(&means, 0, sizeof means);
    means.blocks = isk__blocks_of(desc->x.rows, ISK__ROW_BLOCK);
    means.trial_count = trials;
    means.points = isk__take_scalars(blocks, isk__mul(d, widest));
    means.half_norms = isk__take_scalars(blocks, widest);
    means.centres = isk__take_doubles(blocks, isk__mul(k, d));
    means.previous = isk__take_doubles(blocks, isk__mul(k, d));
    best_centres = isk__take_doubles(blocks, isk__mul(k, d));
    means.nearest = isk__take_doubles(blocks, n);
    means.trials = isk__take_doubles(blocks, isk__mul(n, (size_t)trials));
    means.norms = isk__take_doubles(blocks, n);
    means.labels = isk__take_ints(blocks, n);
    means.order = isk__take_ints(blocks, n);
    means.start = isk__take_ints(blocks, k + 1);
    means.job.work_size = ISK__ROW_BLOCK * widest;
    means.job.work = isk__take_scalars(blocks, isk__mul((size_t)context->threads, means.job.work_size));
    means.job.changed = (int *)isk__take(blocks, (size_t)means.blocks, sizeof(int));
    means.job.sums = isk__take_doubles(blocks, isk__mul(k, d));
    means.job.row_distance = isk__take_doubles(blocks, n);
    status = isk__blocks_status(blocks, "isk_kmeans");
    if (status != ISK_OK) { return status; }

    isk__moments(context, &source, mean, variance);
    unit = isk__unit(&source, mean);
    for (j = 0; j < d; j++) { scale[j] = unit; }
    source.mean = mean;
    source.scale = scale;
    isk__source_load(&source, 0, source.rows, 0, source.cols, x);
    for (i = 0; i < n; i++) {
        for (j = 0; j < d; j++) { means.norms[i] += (double)x[i * d + j] * (double)x[i * d + j]; }
    }
    for (j = 0; j < d; j++) { tolerance += variance[j] * unit * unit / (double)d; }
    tolerance *= desc->tolerance < 0 ? 0 : desc->tolerance > 0 ? desc->tolerance : 1e-4;
    means.job.context = context;
    means.job.x = x;
    means.job.norms = means.norms;
    means.job.n = (int)n;
    means.job.d = (int)d;
    means.job.k = (int)k;
    means.job.points = means.points;
    means.job.half_norms = means.half_norms;
    means.job.distances = means.trials;
    means.job.nearest = means.nearest;
    means.job.labels = means.labels;
    means.job.centres = means.centres;
    means.job.order = means.order;
    means.job.start = means.start;
    for (s = 0; s < starts; s++) {
        isk__random random = isk__random_open(desc->seed, (uint64_t)s);
        double inertia;
        isk__kmeans_start(&means, &random);
        inertia = isk__kmeans_run(&means, desc->iterations ? desc->iterations : 300, tolerance);
        if (!(inertia < best)) { continue; }
        best = inertia;
        memcpy(best_labels, means.labels, n * sizeof *best_labels);
        memcpy(best_centres, means.centres, k * d * sizeof *best_centres);
    }
    if (desc->labels) { memcpy(desc->labels, best_labels, n * sizeof *best_labels); }
    for (i = 0; desc->centres && i < k; i++) {
        for (j = 0; j < d; j++) { desc->centres[i * d + j] = best_centres[i * d + j] / unit + mean[j]; }
    }
    if (desc->inertia) { *desc->inertia = best / unit / unit; }
    return ISK_OK;
}

INDISEEK_API isk_status isk_kmeans(isk_context *context, const isk_kmeans_desc *desc) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__checked_matrix(context, "x", &desc->x, -1);
    if (status != ISK_OK) { return status; }
    if (desc->clusters < 1 || desc->clusters > desc->x.rows) {
        return isk__fail(context, ISK_ARGUMENT, "clusters is %d; choose from 1 to the number of rows, %lld",
                         desc->clusters, (long long)desc->x.rows);
    }
    if (desc->starts < 0 || desc->iterations < 0 || !(desc->tolerance - desc->tolerance == 0)) {
        return isk__fail(context, ISK_ARGUMENT, "starts is %d, iterations %d, tolerance %g; none may be negative (but "
                         "tolerance ISK_NONE) or infinite", desc->starts, desc->iterations, desc->tolerance);
    }
    return isk__blocks_close(&blocks, isk__kmeans_all(context, desc, &blocks));
}

typedef struct isk__label_pair { int32_t a, b; } isk__label_pair;

static int isk__label_pair_order(const void *left, const void *right) {
    const isk__label_pair *x = (const isk__label_pair *)left, *y = (const isk__label_pair *)right;
    if (x->a != y->a) { return x->a < y->a ? -1 : 1; }
    return (x->b > y->b) - (x->b < y->b);
}

/* Of the runs of equal pairs (or of equal a alone): the pairs of rows within a run, and the entropy in nats. */
static void isk__label_runs(const isk__label_pair *pairs, int64_t count, int whole, double *within, double *entropy) {
    int64_t i, end;
    *within = *entropy = 0;
    for (i = 0; i < count; i = end) {
        double share;
        for (end = i + 1; end < count && pairs[end].a == pairs[i].a && (!whole || pairs[end].b == pairs[i].b);) {
            end++;
        }
        share = (double)(end - i) / (double)count;
        *within += 0.5 * (double)(end - i) * (double)(end - i - 1);
        *entropy -= share * log(share);
    }
}

INDISEEK_API isk_status isk_compare_labels(isk_context *context, const int32_t *a, const int32_t *b, int64_t rows,
                                           double *ari, double *nmi) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__check_rows(context, "rows", rows);
    isk__label_pair *pairs;
    double both, left, right, entropy_both, entropy_a, entropy_b, all, expected, information;
    int64_t i, count = 0;
    if (status == ISK_OK) { status = isk__check_given(context, "a", a); }
    if (status == ISK_OK) { status = isk__check_given(context, "b", b); }
    if (status != ISK_OK) { return status; }
    pairs = (isk__label_pair *)isk__take(&blocks, (size_t)rows, sizeof *pairs);
    if (!pairs) { return isk__blocks_close(&blocks, isk__blocks_status(&blocks, "isk_compare_labels")); }
    for (i = 0; i < rows; i++) {
        if (a[i] < 0 || b[i] < 0) { continue; }
        pairs[count].a = a[i];
        pairs[count++].b = b[i];
    }
    if (count == 0) {
        return isk__blocks_close(&blocks, isk__fail(context, ISK_DATA, "no row is labelled in both a and b"));
    }
    qsort(pairs, (size_t)count, sizeof *pairs, isk__label_pair_order);
    isk__label_runs(pairs, count, 1, &both, &entropy_both);
    isk__label_runs(pairs, count, 0, &left, &entropy_a);
    for (i = 0; i < count; i++) { pairs[i].a = pairs[i].b; }
    qsort(pairs, (size_t)count, sizeof *pairs, isk__label_pair_order);
    isk__label_runs(pairs, count, 0, &right, &entropy_b);
    all = 0.5 * (double)count * (double)(count - 1);
    expected = all > 0 ? left * right / all : 0;
    /* the same pairs in both: equal partitions, also where the index would be 0 / 0 */
    if (ari) { *ari = both >= left && both >= right ? 1 : (both - expected) / (0.5 * (left + right) - expected); }
    information = entropy_a + entropy_b - entropy_both;
    if (information < 0) { information = 0; }
    if (nmi) { *nmi = entropy_a + entropy_b > 0 ? information / (0.5 * (entropy_a + entropy_b)) : 1; }
    return isk__blocks_close(&blocks, ISK_OK);
}

INDISEEK_API isk_status isk_score_labels(isk_context *context, const int32_t *truth, const int32_t *predicted,
                                         int64_t rows, int classes, int64_t *confusion, double *accuracy,
                                         double *balanced) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__check_rows(context, "rows", rows);
    int64_t *present, *found, i, labelled = 0, right = 0;
    double recall = 0;
    int c, classes_present = 0;
    if (status == ISK_OK) { status = isk__check_given(context, "truth", truth); }
    if (status == ISK_OK) { status = isk__check_given(context, "predicted", predicted); }
    if (status != ISK_OK) { return status; }
    if (classes < 1) { return isk__fail(context, ISK_ARGUMENT, "classes is %d; it must be at least 1", classes); }
    for (i = 0; i < rows; i++) {
        if (truth[i] < classes) { continue; }
        return isk__fail(context, ISK_DATA, "truth[%lld] is %ld, but classes is %d", (long long)i, (long)truth[i],
                         classes);
    }
    present = (int64_t *)isk__take(&blocks, (size_t)classes, sizeof *present);
    found = (int64_t *)isk__take(&blocks, (size_t)classes, sizeof *found);
    status = isk__blocks_status(&blocks, "isk_score_labels");
    if (status != ISK_OK) { return isk__blocks_close(&blocks, status); }
    if (confusion) { memset(confusion, 0, (size_t)classes * (size_t)classes * sizeof *confusion); }
    for (i = 0; i < rows; i++) {
        if (truth[i] < 0) { continue; }
        labelled++;
        present[truth[i]]++;
        found[truth[i]] += truth[i] == predicted[i];
        if (confusion && predicted[i] >= 0 && predicted[i] < classes) {
            confusion[(ptrdiff_t)truth[i] * classes + predicted[i]]++;
        }
    }
    if (labelled == 0) {
        status = isk__fail(context, ISK_DATA, "no row has a truth of 0 or more, so there is nothing to score");
    }
    for (c = 0; c < classes; c++) {
        right += found[c];
        if (present[c]) { classes_present++; recall += (double)found[c] / (double)present[c]; }
    }
    if (status == ISK_OK && accuracy) { *accuracy = (double)right / (double)labelled; }
    if (status == ISK_OK && balanced) { *balanced = recall / classes_present; }
    return isk__blocks_close(&blocks, status);
}

/* ---- logistic regression probe ---- */

enum { ISK__LBFGS_PAIRS = 12, ISK__MAX_LABEL = 1000000 };

typedef struct isk__probe {
    isk_context *context;
    const isk_scalar *x;            /* [n, d] standardised training rows */
    const int32_t *y;               /* [n] class among those in training */
    int n, d, classes, outputs;     /* outputs: classes, or 1 when there are two */
    const double *penalty;          /* [d] of a squared weight, per training row */
    isk_scalar *weights, *bias;     /* [d, outputs], [outputs]: the parameters as the products take them */
    int chunks, blocks;             /* blocks of rows in all */
    double *partial;                /* [chunks, d * outputs + outputs + 1]: gradient, loss */
    isk_scalar *work;               /* per worker: residuals [ISK__ROW_BLOCK, outputs], their products [d, outputs] */
    size_t work_size;
} isk__probe;

/* Replaces scores [outputs] by d loss / d score; returns the loss. */
static double isk__probe_loss(isk_scalar *scores, int outputs, int truth) {
    double largest = (double)scores[0], sum = 0;
    int c;
    if (outputs == 1) {
        double margin = truth ? (double)scores[0] : -(double)scores[0], small = exp(-fabs(margin));
        double miss = margin > 0 ? small / (1 + small) : 1 / (1 + small);       /* probability of the other class */
        scores[0] = (isk_scalar)(truth ? -miss : miss);
        return (margin > 0 ? 0 : -margin) + log1p(small);
    } else {
        double loss = (double)scores[truth];
        for (c = 1; c < outputs; c++) { largest = (double)scores[c] > largest ? (double)scores[c] : largest; }
        for (c = 0; c < outputs; c++) {
            double e = exp((double)scores[c] - largest);
            sum += e;
            scores[c] = (isk_scalar)e;
        }
        for (c = 0; c < outputs; c++) { scores[c] = (isk_scalar)((double)scores[c] / sum - (c == truth ? 1 : 0)); }
        return log(sum) + largest - loss;
    }
}

static void isk__probe_item(void *argument, int item, int worker) {
    const isk__probe *probe = (const isk__probe *)argument;
    const int d = probe->d, outputs = probe->outputs, size = d * outputs;
    isk_scalar *scores = probe->work + (size_t)worker * probe->work_size, *product = scores + ISK__ROW_BLOCK * outputs;
    double *gradient = probe->partial + (ptrdiff_t)item * (size + outputs + 1), *loss = gradient + size + outputs;
    int first = (int)((int64_t)item * probe->blocks / probe->chunks), row, rows, i, c, b;
    int end = (int)((int64_t)(item + 1) * probe->blocks / probe->chunks);
    memset(gradient, 0, ((size_t)size + (size_t)outputs + 1) * sizeof *gradient);
    for (b = first; b < end; b++) {
        row = b * ISK__ROW_BLOCK;
        rows = probe->n - row < ISK__ROW_BLOCK ? probe->n - row : ISK__ROW_BLOCK;
        isk__multiply(probe->context, rows, outputs, d, probe->x + (ptrdiff_t)row * d, 0, probe->weights, scores, 0,
                     probe->bias);
        for (i = 0; i < rows; i++) {
            *loss += isk__probe_loss(scores + (ptrdiff_t)i * outputs, outputs, probe->y[row + i]);
            for (c = 0; c < outputs; c++) { gradient[size + c] += (double)scores[i * outputs + c]; }
        }
        isk__multiply(probe->context, d, outputs, rows, probe->x + (ptrdiff_t)row * d, 1, scores, product, 0, NULL);
        for (i = 0; i < size; i++) { gradient[i] += (double)product[i]; }
    }
}

/* Objective per training row and its gradient at parameters [d * outputs + outputs]. */
static double isk__probe_value(isk__probe *probe, const double *parameters, double *gradient) {
    const int size = probe->d * probe->outputs, all = size + probe->outputs;
    double loss = 0, penalty = 0;
    int i, j, c;
    for (i = 0; i < size; i++) { probe->weights[i] = (isk_scalar)parameters[i]; }
    for (c = 0; c < probe->outputs; c++) { probe->bias[c] = (isk_scalar)parameters[size + c]; }
    isk__parallel(probe->context, probe->chunks, isk__probe_item, probe);
    for (i = 0; i < all; i++) { gradient[i] = 0; }
    for (j = 0; j < probe->chunks; j++) {
        const double *partial = probe->partial + (ptrdiff_t)j * (all + 1);
        for (i = 0; i < all; i++) { gradient[i] += partial[i]; }
        loss += partial[all];
    }
    for (i = 0; i < all; i++) { gradient[i] /= probe->n; }
    for (j = 0, i = 0; j < probe->d; j++) {
        for (c = 0; c < probe->outputs; c++, i++) {
            penalty += probe->penalty[j] * parameters[i] * parameters[i];
            gradient[i] += probe->penalty[j] * parameters[i];
        }
    }
    return loss / probe->n + 0.5 * penalty;
}

/* L-BFGS; `scale` [count] is the inverse of the first guess of the Hessian's diagonal. */
typedef struct isk__lbfgs {
    int count, pairs, newest;
    double *x, *gradient, *direction, *next, *next_gradient, *scale;
    double *steps, *changes;        /* [pairs, count] each */
    double products[ISK__LBFGS_PAIRS];
} isk__lbfgs;

/* direction = -H gradient by the two loops of Nocedal 1980. */
static void isk__lbfgs_direction(isk__lbfgs *l) {
    double share[ISK__LBFGS_PAIRS], size = 1;
    int i, p, at;
    for (i = 0; i < l->count; i++) { l->direction[i] = -l->gradient[i]; }
    for (p = 0; p < l->pairs; p++) {
        at = (l->newest - p + ISK__LBFGS_PAIRS) % ISK__LBFGS_PAIRS;
        share[at] = isk__dot(l->steps + (ptrdiff_t)at * l->count, l->direction, l->count) / l->products[at];
        for (i = 0; i < l->count; i++) { l->direction[i] -= share[at] * l->changes[(ptrdiff_t)at * l->count + i]; }
    }
    if (l->pairs) {
        const double *change = l->changes + (ptrdiff_t)l->newest * l->count;
        double curvature = 0;
        for (i = 0; i < l->count; i++) { curvature += change[i] * change[i] * l->scale[i]; }
        size = l->products[l->newest] / curvature;
    }
    for (i = 0; i < l->count; i++) { l->direction[i] *= size * l->scale[i]; }
    for (p = l->pairs - 1; p >= 0; p--) {
        double other;
        at = (l->newest - p + ISK__LBFGS_PAIRS) % ISK__LBFGS_PAIRS;
        other = isk__dot(l->changes + (ptrdiff_t)at * l->count, l->direction, l->count) / l->products[at];
        for (i = 0; i < l->count; i++) {
            l->direction[i] += (share[at] - other) * l->steps[(ptrdiff_t)at * l->count + i];
        }
    }
}

/* A step that meets the weak Wolfe conditions, by doubling and halving; the descent condition allows for the rounding
   of the objective.  Returns 0 when there is none. */
static int isk__probe_search(isk__probe *probe, isk__lbfgs *l, double value, double *next_value) {
#ifdef INDISEEK_DOUBLE
    const double noise = 16 * DBL_EPSILON;
#else
    const double noise = 4 * (double)FLT_EPSILON;
#endif
    double slope = isk__dot(l->gradient, l->direction, l->count), low = 0, high = 0, step = 1, next_slope;
    int trial, i;
    if (!(slope < 0)) { return 0; }
    for (trial = 0; trial < 40; trial++) {
        for (i = 0; i < l->count; i++) { l->next[i] = l->x[i] + step * l->direction[i]; }
        *next_value = isk__probe_value(probe, l->next, l->next_gradient);
        next_slope = isk__dot(l->next_gradient, l->direction, l->count);
        if (!(*next_value <= value + 1e-4 * step * slope + noise * fabs(value)) || !(next_slope - next_slope == 0)) {
            high = step;
        } else if (next_slope < 0.9 * slope) {
            low = step;
        } else {
            return 1;
        }
        step = high > 0 ? 0.5 * (low + high) : 2 * step;
    }
    return 0;
}

static double isk__largest_slope(const double *values, int count) {
    double largest = 0;
    int i;
    for (i = 0; i < count; i++) { largest = fabs(values[i]) > largest ? fabs(values[i]) : largest; }
    return largest;
}

static void isk__probe_fit(isk__probe *probe, isk__lbfgs *l, double tolerance, int iterations,
                           isk_probe_report *report) {
    double value = isk__probe_value(probe, l->x, l->gradient), next_value = value, *swap;
    int i, at;
    for (report->iterations = 0; report->iterations < iterations; report->iterations++) {
        if (isk__largest_slope(l->gradient, l->count) <= tolerance) { break; }
        isk__lbfgs_direction(l);
        if (!isk__probe_search(probe, l, value, &next_value)) {
            if (l->pairs == 0) { break; }
            l->pairs = 0;               /* once more along the slope alone; if that fails too, arithmetic ends here */
            continue;
        }
        at = (l->newest + 1) % ISK__LBFGS_PAIRS;
        for (i = 0; i < l->count; i++) {
            l->steps[(ptrdiff_t)at * l->count + i] = l->next[i] - l->x[i];
            l->changes[(ptrdiff_t)at * l->count + i] = l->next_gradient[i] - l->gradient[i];
        }
        l->products[at] =
            isk__dot(l->steps + (ptrdiff_t)at * l->count, l->changes + (ptrdiff_t)at * l->count, l->count);
        if (l->products[at] > 0) {
            l->newest = at;
            l->pairs += l->pairs < ISK__LBFGS_PAIRS;
        }
        value = next_value;
        swap = l->x; l->x = l->next; l->next = swap;
        swap = l->gradient; l->gradient = l->next_gradient; l->next_gradient = swap;
    }
    report->objective = value;
    report->slope = isk__largest_slope(l->gradient, l->count);
    report->converged = report->slope <= tolerance;
}

/* Class scores of every row, the best of which is the prediction; the lower class wins a tie. */
static isk_status isk__probe_predict(const isk__probe *probe, const isk_probe_desc *desc, const double *parameters,
                                     const double *mean, const double *scale, const int32_t *label_of,
                                     int32_t *predicted) {
    isk__blocks blocks = isk__blocks_open(probe->context);
    const int outputs = probe->outputs;
    const double *bias = parameters + (ptrdiff_t)probe->d * outputs;
    isk__source all = isk__source_of(desc->x.data, desc->x.rows, desc->x.cols, NULL, mean, scale);
    isk_scalar *scores = isk__take_scalars(&blocks, isk__mul((size_t)desc->x.rows, (size_t)outputs));
    isk_status status = isk__blocks_status(&blocks, "isk_probe");
    int64_t i;
    int c;
    for (i = 0; i < (int64_t)probe->d * outputs; i++) { probe->weights[i] = (isk_scalar)parameters[i]; }
    if (status == ISK_OK) { status = isk__times(probe->context, &all, probe->weights, outputs, scores); }
    for (i = 0; status == ISK_OK && i < desc->x.rows; i++) {
        const isk_scalar *row = scores + i * outputs;
        int best = outputs == 1 && (double)row[0] + bias[0] > 0 ? 1 : 0;
        for (c = 1; c < outputs; c++) { best = (double)row[c] + bias[c] > (double)row[best] + bias[best] ? c : best; }
        predicted[i] = label_of[best];
    }
    return isk__blocks_close(&blocks, status);
}

/* Weights on the scale of x: u ((x - mean) scale) + b = (u scale) x + (b - u scale mean); the intercepts' mean before
   that is 0, as a common shift changes no probability. */
static void isk__probe_weights(const isk__probe *probe, const isk_probe_desc *desc, const double *parameters,
                               const double *mean, const double *scale, const int32_t *label_of, int label_count) {
    const int d = probe->d, outputs = probe->outputs;
    const double *bias = parameters + (ptrdiff_t)d * outputs;
    double shift = 0;
    int c, j;
    for (c = 0; c < label_count; c++) {
        if (desc->weights) { memset(desc->weights + (ptrdiff_t)c * d, 0, (size_t)d * sizeof(double)); }
        if (desc->intercepts) { desc->intercepts[c] = -HUGE_VAL; }
    }
    if (outputs == 1 && desc->intercepts) { desc->intercepts[label_of[0]] = 0; }
    for (c = 0; outputs > 1 && c < outputs; c++) { shift += bias[c] / outputs; }
    for (c = 0; c < outputs; c++) {
        const int32_t label = label_of[outputs == 1 ? 1 : c];
        double intercept = bias[c] - shift;
        for (j = 0; j < d; j++) {
            double weight = parameters[(ptrdiff_t)j * outputs + c] * scale[j];
            intercept -= weight * mean[j];
            if (desc->weights) { desc->weights[(ptrdiff_t)label * d + j] = weight; }
        }
        if (desc->intercepts) { desc->intercepts[label] = intercept; }
    }
}

static isk_status isk__probe_scores(isk_context *context, const isk_probe_desc *desc, const int32_t *predicted,
                                    int scored, isk__blocks *blocks, isk_probe_report *report) {
    const int64_t n = desc->x.rows;
    int32_t *truth = isk__take_ints(blocks, (size_t)n);
    isk_status status = isk__blocks_status(blocks, "isk_probe");
    int64_t i;
    if (status != ISK_OK) { return status; }
    for (i = 0; i < n; i++) { truth[i] = desc->part[i] == ISK_TRAIN ? desc->labels[i] : -1; }
    status = isk_score_labels(context, truth, predicted, n, report->classes, NULL, &report->train_accuracy, NULL);
    for (i = 0; i < n; i++) {
        truth[i] = desc->part[i] == scored ? desc->labels[i] : -1;
        report->scored_rows += truth[i] >= 0;
    }
    if (status == ISK_OK && report->scored_rows > 0) {
        status = isk_score_labels(context, truth, predicted, n, report->classes, NULL, &report->accuracy,
                                  &report->balanced_accuracy);
    }
    return status;
}

static isk_status isk__probe_all(isk_context *context, const isk_probe_desc *desc, isk_probe_report *report,
                                 isk__blocks *blocks) {
    const size_t n = (size_t)desc->x.rows, d = (size_t)desc->x.cols, labels = (size_t)report->classes;
    const double c = desc->c > 0 ? desc->c : 1;
    int32_t *list = isk__take_ints(blocks, n), *y = isk__take_ints(blocks, n), *predicted = isk__take_ints(blocks, n);
    int32_t *label_of = isk__take_ints(blocks, labels), *class_of = isk__take_ints(blocks, labels);
    int32_t *count = isk__take_ints(blocks, labels);
    double *mean = isk__take_doubles(blocks, d), *variance = isk__take_doubles(blocks, d);
    double *scale = isk__take_doubles(blocks, d), *penalty = isk__take_doubles(blocks, d), *memory, curvature;
    isk_status status = isk__blocks_status(blocks, "isk_probe");
    isk_scalar *x;
    isk__source train;
    isk__probe probe;
    isk__lbfgs l;
    size_t size, i, j, rows;
    int k;
    if (status != ISK_OK) { return status; }
    rows = (size_t)isk__rows_of_part(desc->part, desc->labels, desc->x.rows, ISK_TRAIN, list);
    report->train_rows = (int64_t)rows;
    for (i = 0; i < rows; i++) { count[desc->labels[list[i]]]++; }
    for (i = 0; i < labels; i++) {
        class_of[i] = report->train_classes;
        if (count[i]) { label_of[report->train_classes++] = (int32_t)i; }
    }
    if (report->train_classes < 2) {
        return isk__fail(context, ISK_DATA,
                         "the %lld labelled training rows hold %d class%s; a probe needs at least two", (long long)rows,
                         report->train_classes, report->train_classes == 1 ? "" : "es");
    }
    train = isk__source_of(desc->x.data, (int64_t)rows, desc->x.cols, list, NULL, NULL);
    isk__moments(context, &train, mean, variance);
    isk__scales(variance, (int)d, scale);
    train.mean = mean;
    train.scale = scale;

    memset(&probe, 0, sizeof probe);
    memset(&l, 0, sizeof l);
    probe.context = context;
    probe.n = (int)rows;
    probe.d = (int)d;
    probe.classes = report->train_classes;
    probe.outputs = probe.classes == 2 ? 1 : probe.classes;
    if (isk__mul(d + 1, (size_t)probe.outputs) > INT_MAX / 2) {
        return isk__fail(context, ISK_UNSUPPORTED, "%lld columns and %d classes are too many weights for a probe",
                         (long long)d, probe.classes);
    }
    size = (d + 1) * (size_t)probe.outputs;
    probe.blocks = isk__blocks_of((int64_t)rows, ISK__ROW_BLOCK);
    probe.chunks = probe.blocks < ISK__CHUNKS ? probe.blocks : ISK__CHUNKS;
    probe.y = y;
    probe.penalty = penalty;
    x = isk__take_scalars(blocks, isk__mul(rows, d));
    probe.x = x;
    probe.weights = isk__take_scalars(blocks, size);
    probe.bias = isk__take_scalars(blocks, (size_t)probe.outputs);
    probe.partial = isk__take_doubles(blocks, isk__mul((size_t)probe.chunks, size + 1));
    probe.work_size = ISK__ROW_BLOCK * (size_t)probe.outputs + size;
    probe.work = isk__take_scalars(blocks, isk__mul((size_t)context->threads, probe.work_size));
    memory = isk__take_doubles(blocks, isk__mul(6 + 2 * ISK__LBFGS_PAIRS, size));
    status = isk__blocks_status(blocks, "isk_probe");
    if (status != ISK_OK) { return status; }
    isk__source_load(&train, 0, train.rows, 0, train.cols, x);
    for (i = 0; i < rows; i++) { y[i] = class_of[desc->labels[list[i]]]; }
    for (j = 0; j < d; j++) { penalty[j] = (desc->standardise ? 1 : scale[j] * scale[j]) / (c * (double)rows); }

    l.count = (int)size;
    l.x = memory;
    l.gradient = memory + size;
    l.direction = memory + 2 * size;
    l.next = memory + 3 * size;
    l.next_gradient = memory + 4 * size;
    l.scale = memory + 5 * size;
    l.steps = memory + 6 * size;
    l.changes = memory + (6 + ISK__LBFGS_PAIRS) * size;
    curvature = probe.outputs == 1 ? 0.25 : (1.0 - 1.0 / probe.classes) / probe.classes;
    for (j = 0; j < d; j++) {
        for (k = 0; k < probe.outputs; k++) {
            l.scale[j * (size_t)probe.outputs + (size_t)k] = 1 / (curvature + penalty[j]);
        }
    }
    for (k = 0; k < probe.outputs; k++) {       /* the intercepts start at the classes' log frequencies */
        const double frequency = (double)count[label_of[probe.outputs == 1 ? 1 : k]];
        l.scale[size - (size_t)probe.outputs + (size_t)k] = 1 / curvature;
        l.x[size - (size_t)probe.outputs + (size_t)k] =
            log(frequency / (probe.outputs == 1 ? (double)rows - frequency : (double)rows));
    }
    isk__probe_fit(&probe, &l, desc->tolerance > 0 ? desc->tolerance : 1e-5, desc->iterations ? desc->iterations : 1000,
                   report);
    isk__probe_weights(&probe, desc, l.x, mean, scale, label_of, report->classes);
    status = isk__probe_predict(&probe, desc, l.x, mean, scale, label_of, predicted);
    if (status == ISK_OK) {
        status =
            isk__probe_scores(context, desc, predicted, desc->scored ? (int)desc->scored : ISK_TEST, blocks, report);
    }
    if (status == ISK_OK && desc->predicted) { memcpy(desc->predicted, predicted, n * sizeof *predicted); }
    return status;
}

INDISEEK_API isk_status isk_probe(isk_context *context, const isk_probe_desc *desc, isk_probe_report *report) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__checked_matrix(context, "x", &desc->x, -1);
    int64_t i;
    if (status == ISK_OK) { status = isk__check_given(context, "labels", desc->labels); }
    if (status == ISK_OK) { status = isk__check_given(context, "report", report); }
    if (status == ISK_OK) { status = isk__check_part(context, desc->part, desc->x.rows); }
    if (status != ISK_OK) { return status; }
    if ((int)desc->scored < 0 || (int)desc->scored > ISK_TEST || !(desc->c >= 0) || desc->c > DBL_MAX ||
        !(desc->tolerance >= 0) || desc->iterations < 0) {
        return isk__fail(context, ISK_ARGUMENT,
                         "scored is %d, c %g, tolerance %g, iterations %d; scored is an isk_part, and "
                         "none of the others may be negative or infinite",
                         (int)desc->scored, desc->c, desc->tolerance, desc->iterations);
    }
    memset(report, 0, sizeof *report);
    report->accuracy = report->balanced_accuracy = NAN;
    report->classes = 1;
    for (i = 0; i < desc->x.rows; i++) {
        if (desc->labels[i] >= ISK__MAX_LABEL) {
            return isk__fail(context, ISK_DATA, "labels[%lld] is %ld; labels must be below %d", (long long)i,
                             (long)desc->labels[i], (int)ISK__MAX_LABEL);
        }
        if (desc->labels[i] >= report->classes) { report->classes = (int)desc->labels[i] + 1; }
    }
    return isk__blocks_close(&blocks, isk__probe_all(context, desc, report, &blocks));
}

/* ---- regression: ridge, nearest neighbours ---- */

/* a [n, n] = L L', the lower triangle in place.  Returns 0 when a is not positive definite. */
static int isk__cholesky(double *a, int n) {
    int i, j;
    for (i = 0; i < n; i++) {
        double *row = a + (ptrdiff_t)i * n;
        for (j = 0; j < i; j++) {
            const double *other = a + (ptrdiff_t)j * n;
            row[j] = (row[j] - isk__dot(row, other, j)) / other[j];
        }
        row[i] -= isk__dot(row, row, i);
        if (!(row[i] > 0)) { return 0; }
        row[i] = sqrt(row[i]);
    }
    return 1;
}

/* Solves L L' x = b in place; at step i of the way back, row i of L is taken from what is left. */
static void isk__cholesky_solve(const double *a, int n, double *b) {
    int i, j;
    for (i = 0; i < n; i++) {
        const double *row = a + (ptrdiff_t)i * n;
        b[i] = (b[i] - isk__dot(row, b, i)) / row[i];
    }
    for (i = n - 1; i >= 0; i--) {
        const double *row = a + (ptrdiff_t)i * n;
        b[i] /= row[i];
        for (j = 0; j < i; j++) { b[j] -= b[i] * row[j]; }
    }
}

typedef struct isk__solve_job { const double *factor; double *right; isk_scalar *out; int n, count; } isk__solve_job;

static void isk__solve_item(void *argument, int item, int worker) {
    const isk__solve_job *job = (const isk__solve_job *)argument;
    double *right = job->right + (ptrdiff_t)item * job->n;
    int i;
    (void)worker;
    isk__cholesky_solve(job->factor, job->n, right);
    for (i = 0; i < job->n; i++) { job->out[(ptrdiff_t)i * job->count + item] = (isk_scalar)right[i]; }
}

/* Sums of squares of each column of y over the scored rows: residual, and about the training mean. */
typedef struct isk__r2_job {
    const isk__source *y;
    const isk_scalar *predictions;  /* [y.rows, y.cols] */
    const double *mean;
    double *residual, *total;
} isk__r2_job;

static void isk__r2_item(void *argument, int item, int worker) {
    const isk__r2_job *job = (const isk__r2_job *)argument;
    const int cols = job->y->cols, end = item * 64 + 64 < cols ? item * 64 + 64 : cols;
    int i, j;
    (void)worker;
    for (j = item * 64; j < end; j++) { job->residual[j] = job->total[j] = 0; }
    for (i = 0; i < job->y->rows; i++) {
        const isk_scalar *y = isk__source_row(job->y, i), *guess = job->predictions + (ptrdiff_t)i * cols;
        for (j = item * 64; j < end; j++) {
            double miss = (double)y[j] - (double)guess[j], spread = (double)y[j] - job->mean[j];
            job->residual[j] += miss * miss;
            job->total[j] += spread * spread;
        }
    }
}

/* What both regressions share. */
typedef struct isk__regression {
    const isk_regression_desc *desc;
    int32_t *train, *scored;
    int train_rows, scored_rows;
    double *mean;                   /* [q] of the training rows */
    double *variance;
    isk_scalar *predictions;        /* [scored_rows, q] */
} isk__regression;

static isk_status isk__regression_open(isk_context *context, const isk_regression_desc *desc, const double *r2,
                                       isk__blocks *blocks, isk__regression *regression) {
    isk_status status = isk__checked_matrix(context, "x", &desc->x, -1);
    const int scored = desc->scored ? (int)desc->scored : ISK_TEST;
    isk__source y;
    if (status == ISK_OK) { status = isk__checked_matrix(context, "y", &desc->y, desc->x.rows); }
    if (status == ISK_OK) { status = isk__check_part(context, desc->part, desc->x.rows); }
    if (status == ISK_OK) { status = isk__check_given(context, "r2", r2); }
    if (status != ISK_OK) { return status; }
    if (scored < 0 || scored > ISK_TEST) {
        return isk__fail(context, ISK_ARGUMENT, "scored is %d; it must be an isk_part, or 0 for ISK_TEST", scored);
    }
    regression->desc = desc;
    regression->train = isk__take_ints(blocks, (size_t)desc->x.rows);
    regression->scored = isk__take_ints(blocks, (size_t)desc->x.rows);
    regression->mean = isk__take_doubles(blocks, (size_t)desc->y.cols);
    regression->variance = isk__take_doubles(blocks, (size_t)desc->y.cols);
    status = isk__blocks_status(blocks, "a regression");
    if (status != ISK_OK) { return status; }
    regression->train_rows = isk__rows_of_part(desc->part, NULL, desc->x.rows, ISK_TRAIN, regression->train);
    regression->scored_rows = isk__rows_of_part(desc->part, NULL, desc->x.rows, scored, regression->scored);
    if (regression->train_rows < 1 || regression->scored_rows < 1) {
        return isk__fail(context, ISK_DATA, "part holds %d training rows and %d scored rows; both must be at least 1",
                         regression->train_rows, regression->scored_rows);
    }
    regression->predictions =
        isk__take_scalars(blocks, isk__mul((size_t)regression->scored_rows, (size_t)desc->y.cols));
    y = isk__source_of(desc->y.data, regression->train_rows, desc->y.cols, regression->train, NULL, NULL);
    isk__moments(context, &y, regression->mean, regression->variance);
    return isk__blocks_status(blocks, "a regression");
}

static isk_status isk__regression_score(isk_context *context, const isk__regression *regression, isk__blocks *blocks,
                                        double *r2) {
    const isk_regression_desc *desc = regression->desc;
    const size_t cols = (size_t)desc->y.cols;
    isk__source y = isk__source_of(desc->y.data, regression->scored_rows, desc->y.cols, regression->scored, NULL, NULL);
    double residual = 0, total = 0;
    isk__r2_job job;
    isk_status status;
    size_t j;
    int i;
    job.y = &y;
    job.predictions = regression->predictions;
    job.mean = regression->mean;
    job.residual = isk__take_doubles(blocks, cols);
    job.total = isk__take_doubles(blocks, cols);
    status = isk__blocks_status(blocks, "a regression");
    if (status != ISK_OK) { return status; }
    isk__parallel(context, isk__blocks_of(desc->y.cols, 64), isk__r2_item, &job);
    for (j = 0; j < cols; j++) {
        residual += job.residual[j];
        total += job.total[j];
        if (!desc->column_r2) { continue; }
        desc->column_r2[j] = job.total[j] > 0 ? 1 - job.residual[j] / job.total[j] : job.residual[j] > 0 ? 0 : 1;
    }
    for (i = 0; desc->predictions && i < regression->scored_rows; i++) {
        memcpy(desc->predictions + (ptrdiff_t)regression->scored[i] * desc->y.cols,
               regression->predictions + (ptrdiff_t)i * desc->y.cols, cols * sizeof(isk_scalar));
    }
    if (!(total > 0)) {
        return isk__fail(context, ISK_DATA, "y equals its training mean in all %d scored rows, so R^2 is undefined",
                         regression->scored_rows);
    }
    *r2 = 1 - residual / total;
    return ISK_OK;
}

static isk_status isk__ridge_fit(isk_context *context, const isk__regression *regression, double alpha,
                             isk__blocks *blocks) {
    const isk_regression_desc *desc = regression->desc;
    const size_t d = (size_t)desc->x.cols, q = (size_t)desc->y.cols;
    double *mean = isk__take_doubles(blocks, d), *scale = isk__take_doubles(blocks, d);
    double *y_scale = isk__take_doubles(blocks, q);
    double *gram = isk__take_doubles(blocks, isk__mul(d, d)), *product = isk__take_doubles(blocks, isk__mul(d, q));
    double *right = isk__take_doubles(blocks, isk__mul(d, q)), unit;
    isk_scalar *weights = isk__take_scalars(blocks, isk__mul(d, q));
    isk__source x = isk__source_of(desc->x.data, regression->train_rows, desc->x.cols, regression->train, NULL, NULL);
    isk__source y = isk__source_of(desc->y.data, regression->train_rows, desc->y.cols, regression->train, NULL, NULL);
    isk__solve_job job;
    isk_status status = isk__blocks_status(blocks, "isk_ridge_r2");
    size_t i, j;
    if (status != ISK_OK) { return status; }
    isk__moments(context, &x, mean, scale);
    isk__scales(scale, (int)d, scale);
    x.mean = mean;
    x.scale = scale;
    unit = isk__unit(&y, regression->mean);
    for (j = 0; j < q; j++) { y_scale[j] = unit; }
    y.mean = regression->mean;
    y.scale = y_scale;
    status = isk__gram(context, &x, &x, gram);
    if (status == ISK_OK) { status = isk__gram(context, &x, &y, product); }
    if (status != ISK_OK) { return status; }
    for (i = 0; i < d; i++) { gram[i * d + i] += alpha * regression->train_rows; }
    if (!isk__cholesky(gram, (int)d)) {
        return isk__fail(context, ISK_DATA,
                         "alpha %g is too small for these %lld columns: their Gram matrix is not positive "
                         "definite; give a larger alpha",
                         alpha, (long long)desc->x.cols);
    }
    for (i = 0; i < d; i++) {
        for (j = 0; j < q; j++) { right[j * d + i] = product[i * q + j]; }
    }
    job.factor = gram;
    job.right = right;
    job.out = weights;
    job.n = (int)d;
    job.count = (int)q;
    isk__parallel(context, (int)q, isk__solve_item, &job);
    x.rows = regression->scored_rows;
    x.list = regression->scored;
    status = isk__times(context, &x, weights, (int)q, regression->predictions);
    for (i = 0; status == ISK_OK && i < (size_t)regression->scored_rows; i++) {
        isk_scalar *row = regression->predictions + i * q;
        for (j = 0; j < q; j++) { row[j] = (isk_scalar)((double)row[j] / unit + regression->mean[j]); }
    }
    return status;
}

INDISEEK_API isk_status isk_ridge_r2(isk_context *context, const isk_regression_desc *desc, double *r2) {
    isk__blocks blocks = isk__blocks_open(context);
    isk__regression regression;
#ifdef INDISEEK_DOUBLE
    const double least = 1e-12;
#else
    const double least = 1e-6;
#endif
    const double alpha = desc->alpha != 0 ? desc->alpha : 1e-3;
    isk_status status;
    if (!(alpha >= least && alpha <= DBL_MAX)) {
        return isk__fail(context, ISK_ARGUMENT, "alpha is %g; it must be at least %g and finite", alpha, least);
    }
    status = isk__regression_open(context, desc, r2, &blocks, &regression);
    if (status == ISK_OK) { status = isk__ridge_fit(context, &regression, alpha, &blocks); }
    if (status == ISK_OK) { status = isk__regression_score(context, &regression, &blocks, r2); }
    return isk__blocks_close(&blocks, status);
}

INDISEEK_API isk_status isk_knn_r2(isk_context *context, const isk_regression_desc *desc, double *r2) {
    isk__blocks blocks = isk__blocks_open(context);
    isk__regression regression;
    isk__source queries, references;
    int32_t *indices;
    double *sum;
    isk_status status;
    int i, j, t, k = desc->k ? desc->k : 10, q;
    if (k < 1) { return isk__fail(context, ISK_ARGUMENT, "k is %d; it must be at least 1", k); }
    status = isk__regression_open(context, desc, r2, &blocks, &regression);
    if (status != ISK_OK) { return isk__blocks_close(&blocks, status); }
    if (k > regression.train_rows) { k = regression.train_rows; }
    q = (int)desc->y.cols;
    indices = isk__take_ints(&blocks, isk__mul((size_t)regression.scored_rows, (size_t)k));
    sum = isk__take_doubles(&blocks, (size_t)q);
    status = isk__blocks_status(&blocks, "isk_knn_r2");
    queries = isk__source_of(desc->x.data, regression.scored_rows, desc->x.cols, regression.scored, NULL, NULL);
    references = isk__source_of(desc->x.data, regression.train_rows, desc->x.cols, regression.train, NULL, NULL);
    if (status == ISK_OK) { status = isk__knn(context, &queries, &references, k, 0, indices, NULL); }
    for (i = 0; status == ISK_OK && i < regression.scored_rows; i++) {
        for (j = 0; j < q; j++) { sum[j] = 0; }
        for (t = 0; t < k; t++) {
            const isk_scalar *y = desc->y.data + (ptrdiff_t)regression.train[indices[(ptrdiff_t)i * k + t]] * q;
            for (j = 0; j < q; j++) { sum[j] += (double)y[j]; }
        }
        for (j = 0; j < q; j++) { regression.predictions[(ptrdiff_t)i * q + j] = (isk_scalar)(sum[j] / k); }
    }
    if (status == ISK_OK) { status = isk__regression_score(context, &regression, &blocks, r2); }
    return isk__blocks_close(&blocks, status);
}

/* ---- principal components ---- */

/* Householder's reduction of a symmetric a [n, n] to tridiagonal form: diagonal[n], beside[n] (beside[i] couples i and
   i+1); vectors [n, n] gets the transformation, row i being the i-th new axis.  Golub and Van Loan, section 8.3.1. */
static void isk__tridiagonal(double *a, int n, double *diagonal, double *beside, double *vectors, double *work) {
    int i, j, k;
    for (k = 0; k + 2 < n; k++) {
        double *v = a + (ptrdiff_t)k * n + k + 1;       /* the row right of the diagonal; becomes the reflector */
        const int m = n - k - 1;
        double length = sqrt(isk__dot(v, v, m)), half;
        if (length > 0 && isk__dot(v + 1, v + 1, m - 1) > 0) {
            beside[k] = v[0] > 0 ? -length : length;
            half = v[0] - beside[k];
            length = sqrt(2 * fabs(beside[k]) * fabs(half));
            v[0] = half;
            for (i = 0; i < m; i++) { v[i] *= 1.4142135623730951 / length; }     /* H = I - v v' */
        } else {
            beside[k] = v[0];
            for (i = 0; i < m; i++) { v[i] = 0; }
            continue;
        }
        for (i = 0; i < m; i++) { work[i] = isk__dot(a + (ptrdiff_t)(k + 1 + i) * n + k + 1, v, m); }
        half = 0.5 * isk__dot(work, v, m);
        for (i = 0; i < m; i++) { work[i] -= half * v[i]; }
        for (i = 0; i < m; i++) {
            double *row = a + (ptrdiff_t)(k + 1 + i) * n + k + 1;
            const double vi = v[i], wi = work[i];
            for (j = 0; j < m; j++) { row[j] -= vi * work[j] + wi * v[j]; }
        }
    }
    if (n > 1) { beside[n - 2] = a[(ptrdiff_t)(n - 2) * n + n - 1]; }
    beside[n - 1] = 0;
    for (i = 0; i < n; i++) {
        double *row = vectors + (ptrdiff_t)i * n;
        diagonal[i] = a[(ptrdiff_t)i * n + i];
        for (j = 0; j < n; j++) { row[j] = i == j; }
        for (k = (i < n - 2 ? i : n - 2) - 1; k >= 0; k--) {
            const double *v = a + (ptrdiff_t)k * n + k + 1;
            const int m = n - k - 1;
            double share = isk__dot(v, row + k + 1, m);
            for (j = 0; j < m; j++) { row[k + 1 + j] -= share * v[j]; }
        }
    }
}

/* Implicit QL with shifts on a tridiagonal matrix, the rows of vectors [n, n] turned along.  Bowdler, Martin, Reinsch
   and Wilkinson 1968 (tql2). */
static void isk__tridiagonal_ql(double *d, double *e, int n, double *vectors) {
    double shift = 0, largest = 0;
    int l, m, i, k, round;
    for (l = 0; l < n; l++) {
        double size = fabs(d[l]) + fabs(e[l]);
        largest = size > largest ? size : largest;
        for (m = l; fabs(e[m]) > DBL_EPSILON * largest && m < n - 1;) { m++; }
        for (round = 0; m > l && round < 60; round++) {
            double g = d[l], p = (d[l + 1] - g) / (2 * e[l]), r = p < 0 ? -sqrt(p * p + 1) : sqrt(p * p + 1), h;
            double c = 1, c2 = 1, c3 = 1, s = 0, s2 = 0, next = e[l + 1], after;
            d[l] = e[l] / (p + r);
            d[l + 1] = e[l] * (p + r);
            after = d[l + 1];
            h = g - d[l];
            for (i = l + 2; i < n; i++) { d[i] -= h; }
            shift += h;
            p = d[m];
            for (i = m - 1; i >= l; i--) {
                double *low = vectors + (ptrdiff_t)i * n, *high = low + n;
                c3 = c2;
                c2 = c;
                s2 = s;
                g = c * e[i];
                h = c * p;
                r = sqrt(p * p + e[i] * e[i]);
                e[i + 1] = s * r;
                s = r > 0 ? e[i] / r : 0;
                c = r > 0 ? p / r : 1;
                p = c * d[i] - s * g;
                d[i + 1] = h + s * (c * g + s * d[i]);
                for (k = 0; k < n; k++) {
                    double x = high[k];
                    high[k] = s * low[k] + c * x;
                    low[k] = c * low[k] - s * x;
                }
            }
            p = -s * s2 * c3 * next * e[l] / after;
            e[l] = s * p;
            d[l] = c * p;
            if (!(fabs(e[l]) > DBL_EPSILON * largest)) { break; }
        }
        d[l] += shift;
        e[l] = 0;
    }
}

/* Eigenvalues of a symmetric a [n, n] (overwritten) and eigenvectors as rows, largest first. */
static isk_status isk__eigen(isk_context *context, double *a, int n, double *values, double *vectors) {
    isk__blocks blocks = isk__blocks_open(context);
    double *beside = isk__take_doubles(&blocks, (size_t)n), *work = isk__take_doubles(&blocks, (size_t)n);
    isk_status status = isk__blocks_status(&blocks, "eigenvectors");
    int i, j, best;
    if (status != ISK_OK) { return isk__blocks_close(&blocks, status); }
    isk__tridiagonal(a, n, values, beside, vectors, work);
    isk__tridiagonal_ql(values, beside, n, vectors);
    for (i = 0; i < n; i++) {
        for (best = i, j = i + 1; j < n; j++) { best = values[j] > values[best] ? j : best; }
        if (best == i) { continue; }
        work[0] = values[i]; values[i] = values[best]; values[best] = work[0];
        memcpy(work, vectors + (ptrdiff_t)i * n, (size_t)n * sizeof *work);
        memcpy(vectors + (ptrdiff_t)i * n, vectors + (ptrdiff_t)best * n, (size_t)n * sizeof *work);
        memcpy(vectors + (ptrdiff_t)best * n, work, (size_t)n * sizeof *work);
    }
    return isk__blocks_close(&blocks, ISK_OK);
}

/* Orthonormal rows [count, n] by Gram-Schmidt, twice over; a row without a direction of its own is drawn anew. */
static void isk__orthonormalise(double *rows, int count, int n, isk__random *random) {
    int i, j, p, pass, attempt;
    for (i = 0; i < count; i++) {
        double *row = rows + (ptrdiff_t)i * n;
        for (attempt = 0; attempt < 8; attempt++) {
            double before = sqrt(isk__dot(row, row, n)), after;
            for (pass = 0; pass < 2; pass++) {
                for (j = 0; j < i; j++) {
                    const double *other = rows + (ptrdiff_t)j * n;
                    double share = isk__dot(row, other, n);
                    for (p = 0; p < n; p++) { row[p] -= share * other[p]; }
                }
            }
            after = sqrt(isk__dot(row, row, n));
            if (after > 1e-10 * before && after > 0) {
                for (p = 0; p < n; p++) { row[p] /= after; }
                break;
            }
            for (p = 0; p < n; p++) { row[p] = isk__random_normal(random); }
        }
    }
}

/* Basis [d, l] of the l directions of most variance, by subspace iteration on X'X, and from it the best k:
   values [l] (sums of squares), rows [l, d]. */
static isk_status isk__pca_randomised(isk_context *context, const isk__source *x, int l, int iterations, uint64_t seed,
                                      double *values, double *rows, isk__blocks *blocks) {
    const int d = x->cols;
    const size_t size = isk__mul((size_t)d, (size_t)l);
    isk_scalar *basis = isk__take_scalars(blocks, size);
    isk_scalar *image = isk__take_scalars(blocks, isk__mul((size_t)x->rows, (size_t)l));
    double *back = isk__take_doubles(blocks, size), *gram = isk__take_doubles(blocks, isk__mul((size_t)l, (size_t)l));
    double *turn = isk__take_doubles(blocks, isk__mul((size_t)l, (size_t)l));
    isk__random random = isk__random_open(seed, 0);
    isk__source projected = isk__source_of(image, x->rows, l, NULL, NULL, NULL);
    isk_status status = isk__blocks_status(blocks, "isk_pca");
    int i, j, c, round;
    if (status != ISK_OK) { return status; }
    for (i = 0; i < l * d; i++) { rows[i] = isk__random_normal(&random); }
    for (round = 0; status == ISK_OK; round++) {
        isk__orthonormalise(rows, l, d, &random);
        for (j = 0; j < d; j++) {
            for (c = 0; c < l; c++) { basis[(ptrdiff_t)j * l + c] = (isk_scalar)rows[(ptrdiff_t)c * d + j]; }
        }
        status = isk__times(context, x, basis, l, image);
        if (round == iterations + 1 || status != ISK_OK) { break; }
        status = isk__gram(context, x, &projected, back);
        for (j = 0; j < d; j++) {
            for (c = 0; c < l; c++) { rows[(ptrdiff_t)c * d + j] = back[(ptrdiff_t)j * l + c]; }
        }
    }
    /* Rayleigh and Ritz: the axes of X within the basis, orthonormal whatever X is */
    if (status == ISK_OK) { status = isk__gram(context, &projected, &projected, gram); }
    if (status == ISK_OK) { status = isk__eigen(context, gram, l, values, turn); }
    if (status != ISK_OK) { return status; }
    memcpy(back, rows, size * sizeof *rows);
    for (i = 0; i < l; i++) {
        double *row = rows + (ptrdiff_t)i * d;
        for (j = 0; j < d; j++) { row[j] = 0; }
        for (c = 0; c < l; c++) {
            const double share = turn[(ptrdiff_t)i * l + c], *from = back + (ptrdiff_t)c * d;
            for (j = 0; j < d; j++) { row[j] += share * from[j]; }
        }
    }
    return ISK_OK;
}

static isk_status isk__pca_all(isk_context *context, const isk_pca_desc *desc, isk__blocks *blocks) {
    const int64_t n = desc->x.rows, cols = desc->x.cols;
    const size_t d = (size_t)cols;
    int32_t *list = desc->part ? isk__take_ints(blocks, (size_t)n) : NULL;
    double *mean = isk__take_doubles(blocks, d), *variance = isk__take_doubles(blocks, d);
    double *scale = isk__take_doubles(blocks, d), *values, *rows, *gram, total = 0, unit;
    const int oversampling = desc->oversampling ? desc->oversampling : 10;
    const int iterations = desc->iterations < 0 ? 0 : desc->iterations ? desc->iterations : 6;
    isk_status status = isk__blocks_status(blocks, "isk_pca");
    int count, most, k, l, i, j;
    isk__source x;
    if (status != ISK_OK) { return status; }
    count = list ? isk__rows_of_part(desc->part, NULL, n, ISK_TRAIN, list) : (int)n;
    most = count - 1 < cols ? count - 1 : (int)cols;
    k = desc->k ? desc->k : most < 50 ? most : 50;
    if (k < 1 || k > most) {
        return isk__fail(context, ISK_ARGUMENT, "k is %d, but %d rows of %lld columns have at most %d components", k,
                         count, (long long)cols, most > 0 ? most : 0);
    }
    x = isk__source_of(desc->x.data, count, cols, list, NULL, NULL);
    isk__moments(context, &x, mean, variance);
    for (j = 0; j < (int)cols; j++) {
        mean[j] = (double)(isk_scalar)mean[j];          /* what isk_pca_transform will subtract */
        total += variance[j] * count / (count - 1);
    }
    unit = isk__unit(&x, mean);
    for (j = 0; j < (int)cols; j++) { scale[j] = unit; }
    x.mean = mean;
    x.scale = scale;
    if (desc->randomised == 1 || (desc->randomised == 0 && cols > 512)) {
        l = k > INT_MAX / 2 - oversampling ? k : k + oversampling;
        l = l < cols ? l : (int)cols;
        l = l < count ? l : count;
        values = isk__take_doubles(blocks, (size_t)l);
        rows = isk__take_doubles(blocks, isk__mul((size_t)l, d));
        status = isk__blocks_status(blocks, "isk_pca");
        if (status == ISK_OK) {
            status = isk__pca_randomised(context, &x, l, iterations, desc->seed, values, rows, blocks);
        }
    } else {
        values = isk__take_doubles(blocks, d);
        rows = isk__take_doubles(blocks, isk__mul(d, d));
        gram = isk__take_doubles(blocks, isk__mul(d, d));
        status = isk__blocks_status(blocks, "isk_pca");
        if (status == ISK_OK) { status = isk__gram(context, &x, &x, gram); }
        if (status == ISK_OK) { status = isk__eigen(context, gram, (int)cols, values, rows); }
    }
    if (status != ISK_OK) { return status; }
    for (i = 0; i < k; i++) {
        const double *row = rows + (ptrdiff_t)i * cols;
        int largest = 0;
        for (j = 1; j < (int)cols; j++) { largest = fabs(row[j]) > fabs(row[largest]) ? j : largest; }
        for (j = 0; j < (int)cols; j++) {
            desc->components[(ptrdiff_t)j * k + i] = (isk_scalar)(row[largest] < 0 ? -row[j] : row[j]);
        }
        if (desc->variances) { desc->variances[i] = values[i] > 0 ? values[i] / (count - 1) / unit / unit : 0; }
    }
    for (j = 0; desc->mean && j < (int)cols; j++) { desc->mean[j] = (isk_scalar)mean[j]; }
    if (desc->total_variance) { *desc->total_variance = total; }
    return ISK_OK;
}

INDISEEK_API isk_status isk_pca(isk_context *context, const isk_pca_desc *desc) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__checked_matrix(context, "x", &desc->x, -1);
    if (status == ISK_OK && desc->part) { status = isk__check_part(context, desc->part, desc->x.rows); }
    if (status == ISK_OK) { status = isk__check_given(context, "components", desc->components); }
    if (status != ISK_OK) { return status; }
    if (desc->oversampling < 0 || desc->iterations < ISK_NONE || desc->randomised < ISK_NONE || desc->randomised > 1) {
        return isk__fail(context, ISK_ARGUMENT,
                         "oversampling is %d, iterations %d, randomised %d; randomised is -1, 0 or 1, and "
                         "the others must not be negative (but iterations ISK_NONE)",
                         desc->oversampling, desc->iterations, desc->randomised);
    }
    return isk__blocks_close(&blocks, isk__pca_all(context, desc, &blocks));
}

INDISEEK_API isk_status isk_pca_transform(isk_context *context, isk_matrix x, const isk_scalar *mean,
                                          const isk_scalar *components, int k, isk_scalar *out) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__checked_matrix(context, "x", &x, -1);
    isk__source source;
    double *centre;
    int64_t j;
    if (status == ISK_OK) { status = isk__check_given(context, "mean", mean); }
    if (status == ISK_OK) { status = isk__check_given(context, "components", components); }
    if (status == ISK_OK) { status = isk__check_given(context, "out", out); }
    if (status != ISK_OK) { return status; }
    if (k < 1 || k > x.cols) {
        return isk__fail(context, ISK_ARGUMENT, "k is %d; it must be from 1 to the %lld columns of x", k,
                         (long long)x.cols);
    }
    centre = isk__take_doubles(&blocks, (size_t)x.cols);
    status = isk__blocks_status(&blocks, "isk_pca_transform");
    for (j = 0; status == ISK_OK && j < x.cols; j++) { centre[j] = (double)mean[j]; }
    source = isk__source_of(x.data, x.rows, x.cols, NULL, centre, NULL);
    if (status == ISK_OK) { status = isk__times(context, &source, components, k, out); }
    return isk__blocks_close(&blocks, status);
}

/* ---- importance of coordinates by masking ---- */

static isk_status isk__importance_map(isk_context *context, const isk_importance_desc *desc, const isk_scalar *points,
                                      int count, isk_scalar *out) {
    isk_status status = desc->map(desc->user, points, count, out);
    int64_t i;
    if (status != ISK_OK) {
        return isk__fail(context, status, "the map that is explained failed: %s", isk_status_text(status));
    }
    for (i = 0; i < (int64_t)count * desc->out_cols; i++) {
        if (out[i] - out[i] == 0) { continue; }
        return isk__fail(context, ISK_DATA, "the map gave a value that is not finite in row %lld, column %lld",
                         (long long)(i / desc->out_cols), (long long)(i % desc->out_cols));
    }
    return ISK_OK;
}

static isk_status isk__importance_all(isk_context *context, const isk_importance_desc *desc, int count,
                                  isk__blocks *blocks) {
    const size_t m = (size_t)count, d = (size_t)desc->cols, p = (size_t)desc->out_cols;
    const double range = desc->range > 0 ? desc->range : 10;
    isk_scalar *points = isk__take_scalars(blocks, isk__mul(m, d)), *masked = isk__take_scalars(blocks, isk__mul(m, d));
    isk_scalar *values = isk__take_scalars(blocks, isk__mul(m, p));
    isk_scalar *changed = isk__take_scalars(blocks, isk__mul(m, p));
    double *zeta = isk__take_doubles(blocks, d), total = 0;
    isk__random random = isk__random_open(desc->seed, 0);
    isk_status status = isk__blocks_status(blocks, "isk_importance");
    size_t i, j;
    if (status != ISK_OK) { return status; }
    if (desc->points.data) { memcpy(points, desc->points.data, m * d * sizeof *points); }
    for (i = 0; !desc->points.data && i < m * d; i++) {
        points[i] = (isk_scalar)(range * (2 * isk__random_uniform(&random) - 1));
    }
    status = isk__importance_map(context, desc, points, count, values);
    for (j = 0; status == ISK_OK && j < d; j++) {
        const uint64_t key = isk__mix64(isk__mix64(desc->seed) + j);
        double mean = 0;
        for (i = 0; i < m; i++) { mean += (double)points[i * d + j]; }
        mean /= (double)m;
        memcpy(masked, points, m * d * sizeof *masked);
        for (i = 0; i < m; i++) {
            masked[i * d + j] = desc->mask == ISK_MASK_MEAN ? (isk_scalar)mean : desc->mask != ISK_MASK_PERMUTE ? 0
                                : points[isk__permute((uint32_t)i, (uint32_t)m, key) * d + j];
        }
        status = isk__importance_map(context, desc, masked, count, changed);
        for (i = 0; status == ISK_OK && i < m * p; i++) {
            zeta[j] += ((double)values[i] - (double)changed[i]) * ((double)values[i] - (double)changed[i]);
        }
        total += zeta[j];
    }
    if (status == ISK_OK && !(total > 0)) {
        return isk__fail(context, ISK_DATA,
                         "masking changes nothing: the map depends on no coordinate at these %d points", count);
    }
    for (j = 0; status == ISK_OK && j < d; j++) { desc->importance[j] = zeta[j] / total; }
    return status;
}

INDISEEK_API isk_status isk_importance(isk_context *context, const isk_importance_desc *desc) {
    isk__blocks blocks = isk__blocks_open(context);
    const int64_t count = desc->points.data ? desc->points.rows : desc->count ? desc->count : 1000;
    isk_status status = isk__check_rows(context, "count", count);
    if (status != ISK_OK) { return status; }
    if (!desc->map || !desc->importance) { return isk__fail(context, ISK_ARGUMENT, "map or importance is NULL"); }
    if (desc->cols < 1 || desc->out_cols < 1) {
        return isk__fail(context, ISK_SHAPE, "cols is %d and out_cols %d; both must be at least 1", desc->cols,
                         desc->out_cols);
    }
    if (desc->points.data) {
        status = isk__checked_matrix(context, "points", &desc->points, -1);
        if (status == ISK_OK && desc->points.cols != desc->cols) {
            status = isk__fail(context, ISK_SHAPE, "points have %lld columns, but cols is %d",
                               (long long)desc->points.cols, desc->cols);
        }
        if (status != ISK_OK) { return status; }
    }
    if (desc->mask < 0 || desc->mask > ISK_MASK_PERMUTE || !(desc->range >= 0) || desc->range > (double)FLT_MAX) {
        return isk__fail(context, ISK_ARGUMENT, "mask is %d and range %g; mask is 1, 2 or 3, range positive and finite",
                         desc->mask, desc->range);
    }
    return isk__blocks_close(&blocks, isk__importance_all(context, desc, (int)count, &blocks));
}

/* ---- splits ---- */

typedef struct isk__split_row { int32_t group, label; uint64_t key; int32_t row; } isk__split_row;

/* By group, label, key. */
static int isk__split_order(const void *a, const void *b) {
    const isk__split_row *x = (const isk__split_row *)a, *y = (const isk__split_row *)b;
    if (x->group != y->group) { return x->group < y->group ? -1 : 1; }
    if (x->label != y->label) { return x->label < y->label ? -1 : 1; }
    if (x->key != y->key) { return x->key < y->key ? -1 : 1; }
    return (x->row > y->row) - (x->row < y->row);
}

/* Rows for one part of a label's rows, so that the sum over the labels follows the fraction, and each label too. */
static int64_t isk__split_share(double fraction, int64_t label_rows, int64_t seen, int64_t given) {
    int64_t share = (int64_t)floor(fraction * (double)seen + 0.5) - given;
    int64_t low = (int64_t)floor(fraction * (double)label_rows), high = (int64_t)ceil(fraction * (double)label_rows);
    return share < low ? low : share > high ? high : share;
}

/* Rows sorted by label and shuffled within: the first go to the test part, the next to validation. */
static void isk__split_rows(const isk_split_desc *desc, const isk__split_row *rows) {
    int64_t first, end, i, test, validation, tests = 0, validations = 0;
    for (first = 0; first < desc->rows; first = end) {
        for (end = first + 1; end < desc->rows && rows[end].label == rows[first].label;) { end++; }
        test = isk__split_share(desc->test, end - first, end, tests);
        validation = isk__split_share(desc->validation, end - first, end, validations);
        while (test + validation > end - first - 1) {
            if (validation >= test) { validation--; } else { test--; }
        }
        tests += test;
        validations += validation;
        for (i = first; i < end; i++) {
            const int later = i < first + test + validation ? ISK_VALIDATION : ISK_TRAIN;
            desc->part[rows[i].row] = (uint8_t)(i < first + test ? ISK_TEST : later);
        }
    }
}

typedef struct isk__split_group { uint64_t key; int32_t first, end; } isk__split_group;

static int isk__split_group_order(const void *a, const void *b) {
    const isk__split_group *x = (const isk__split_group *)a, *y = (const isk__split_group *)b;
    if (x->key != y->key) { return x->key < y->key ? -1 : 1; }
    return (x->first > y->first) - (x->first < y->first);
}

/* What one way of dividing groups works on. */
typedef struct isk__split_groups {
    const isk__split_row *rows;
    const int32_t *label_of;
    int labels, count;
    isk__split_group *groups;
    double fraction[3];
    double *wanted, *given;         /* [3, labels] rows */
    uint8_t *part;                  /* [rows] */
} isk__split_groups;

/* Each group in random order goes where it lowers most the sum over labels and parts of (rows - wanted)^2 / wanted, and
   that sum is returned.  At the end of the groups no part stays empty. */
static double isk__split_try(isk__split_groups *split, isk__random *random) {
    const int labels = split->labels;
    int g, p, i, from, to, empty[3], empties = 0;
    double sum = 0;
    for (g = 0; g < split->count; g++) { split->groups[g].key = isk__random_word(random); }
    qsort(split->groups, (size_t)split->count, sizeof *split->groups, isk__split_group_order);
    for (p = 0; p < 3; p++) { empties += empty[p] = split->fraction[p] > 0; }
    memset(split->given, 0, 3 * (size_t)labels * sizeof *split->given);
    for (g = 0; g < split->count; g++) {
        const isk__split_group group = split->groups[g];
        int best = -1;
        double best_change = 0;
        for (p = 0; p < 3; p++) {
            double change = 0;
            if (!(split->fraction[p] > 0) || (split->count - g == empties && !empty[p])) { continue; }
            for (from = group.first; from < group.end; from = to) {
                const int label = p * labels + split->label_of[split->rows[from].row];
                const double wanted = split->wanted[label], ahead = 2 * (split->given[label] - wanted);
                for (to = from + 1; to < group.end && split->rows[to].label == split->rows[from].label;) { to++; }
                change += (to - from) * (to - from + ahead) / wanted;
            }
            if (best < 0 || change < best_change) { best = p; best_change = change; }
        }
        empties -= empty[best];
        empty[best] = 0;
        sum += best_change;
        for (i = group.first; i < group.end; i++) {
            split->part[split->rows[i].row] = (uint8_t)best;
            split->given[best * labels + split->label_of[split->rows[i].row]] += 1;
        }
    }
    return sum;
}

/* The most even of several random ways. */
static isk_status isk__split_by_group(isk_context *context, const isk_split_desc *desc, const isk__split_row *rows,
                                      const int32_t *label_of, int labels, isk__blocks *blocks) {
    const int n = (int)desc->rows;
    isk__split_groups split;
    isk__random random = isk__random_open(desc->seed, 1);
    double best = HUGE_VAL;
    isk_status status;
    int first, end, i, p, attempt, parts = 0;
    split.rows = rows;
    split.label_of = label_of;
    split.labels = labels;
    split.count = 0;
    split.groups = (isk__split_group *)isk__take(blocks, (size_t)n, sizeof *split.groups);
    split.wanted = isk__take_doubles(blocks, isk__mul(3, (size_t)labels));
    split.given = isk__take_doubles(blocks, isk__mul(3, (size_t)labels));
    split.part = (uint8_t *)isk__take(blocks, (size_t)n, 1);
    split.fraction[ISK_TRAIN] = 1 - desc->validation - desc->test;
    split.fraction[ISK_VALIDATION] = desc->validation;
    split.fraction[ISK_TEST] = desc->test;
    status = isk__blocks_status(blocks, "isk_split");
    if (status != ISK_OK) { return status; }
    for (p = 0; p < 3; p++) {
        parts += split.fraction[p] > 0;
        for (i = 0; i < n; i++) { split.wanted[p * labels + label_of[rows[i].row]] += split.fraction[p]; }
    }
    for (first = 0; first < n; first = end) {
        for (end = first + 1; end < n && rows[first].group >= 0 && rows[end].group == rows[first].group;) { end++; }
        split.groups[split.count].first = first;
        split.groups[split.count++].end = end;
    }
    if (split.count < parts) {
        return isk__fail(context, ISK_DATA, "%d group%s cannot fill %d parts; lower validation or test to 0",
                         split.count, split.count == 1 ? "" : "s", parts);
    }
    for (attempt = 0; attempt < 8; attempt++) {
        double sum = isk__split_try(&split, &random);
        if (!(sum < best)) { continue; }
        best = sum;
        memcpy(desc->part, split.part, (size_t)n);
    }
    return ISK_OK;
}

static isk_status isk__split_all(isk_context *context, const isk_split_desc *desc, isk__blocks *blocks) {
    const size_t n = (size_t)desc->rows;
    isk__split_row *rows = (isk__split_row *)isk__take(blocks, n, sizeof *rows);
    int32_t *label_of = isk__take_ints(blocks, n);
    isk__random random = isk__random_open(desc->seed, 0);
    isk_status status = isk__blocks_status(blocks, "isk_split");
    int64_t count[3] = { 0, 0, 0 };
    int labels = 0;
    size_t i;
    if (status != ISK_OK) { return status; }
    for (i = 0; i < n; i++) {
        rows[i].group = 0;
        rows[i].label = desc->labels ? (desc->labels[i] < 0 ? -1 : desc->labels[i]) : 0;
        rows[i].key = (uint64_t)isk__random_word(&random) << 32;
        rows[i].key |= isk__random_word(&random);
        rows[i].row = (int32_t)i;
    }
    qsort(rows, n, sizeof *rows, isk__split_order);
    if (!desc->groups) {
        isk__split_rows(desc, rows);
    } else {
        for (i = 0; i < n; i++) {       /* labels numbered from 0 */
            labels += i == 0 || rows[i].label != rows[i - 1].label;
            label_of[rows[i].row] = labels - 1;
        }
        for (i = 0; i < n; i++) { rows[i].group = desc->groups[rows[i].row] < 0 ? -1 : desc->groups[rows[i].row]; }
        qsort(rows, n, sizeof *rows, isk__split_order);
        status = isk__split_by_group(context, desc, rows, label_of, labels, blocks);
    }
    for (i = 0; status == ISK_OK && i < n; i++) { count[desc->part[i]]++; }
    if (status == ISK_OK &&
        ((desc->validation > 0 && !count[ISK_VALIDATION]) || (desc->test > 0 && !count[ISK_TEST]))) {
        return isk__fail(context, ISK_DATA, "%lld rows at validation %g and test %g leave %s without a row",
                         (long long)desc->rows, desc->validation, desc->test,
                         desc->test > 0 && !count[ISK_TEST] ? "the test part" : "validation");
    }
    return status;
}

INDISEEK_API isk_status isk_split(isk_context *context, const isk_split_desc *desc) {
    isk__blocks blocks = isk__blocks_open(context);
    isk_status status = isk__check_rows(context, "rows", desc->rows);
    if (status == ISK_OK) { status = isk__check_given(context, "part", desc->part); }
    if (status != ISK_OK) { return status; }
    if (!(desc->validation >= 0) || !(desc->test >= 0) || !(desc->validation + desc->test < 1)) {
        return isk__fail(context, ISK_ARGUMENT,
                         "validation is %g and test %g; both must be at least 0, and below 1 together",
                         desc->validation, desc->test);
    }
    return isk__blocks_close(&blocks, isk__split_all(context, desc, &blocks));
}

INDISEEK_API isk_status isk_join_columns(isk_context *context, const isk_matrix *parts, int count, isk_scalar *out) {
    isk_status status = isk__check_given(context, "parts", parts);
    int64_t cols = 0, at = 0, i;
    char name[32];
    int p;
    if (status == ISK_OK) { status = isk__check_given(context, "out", out); }
    if (status == ISK_OK && count < 1) {
        status = isk__fail(context, ISK_ARGUMENT, "count is %d; it must be at least 1", count);
    }
    for (p = 0; status == ISK_OK && p < count; p++) {
        snprintf(name, sizeof name, "parts[%d]", p);
        status = isk__checked_matrix(context, name, &parts[p], parts[0].rows);
        cols += parts[p].cols;
    }
    for (p = 0; status == ISK_OK && p < count; at += parts[p].cols, p++) {
        for (i = 0; i < parts[p].rows; i++) {
            memcpy(out + i * cols + at, parts[p].data + i * parts[p].cols, (size_t)parts[p].cols * sizeof *out);
        }
    }
    return status;
}

#endif /* INDISEEK_NO_METRICS */

ISK__COLD_BEGIN

#ifndef INDISEEK_NO_FILES
/* ==== >>files: readers, atomic writes, numbers from text, JSON, SHA-256 =========================================== */
typedef unsigned long long isk__wide;       /* what "%llu" prints */

/* ---- words for messages ---- */

/* The end of a long path: a message must have room for what is wrong. */
static const char *isk__file_name(const char *name) {
    size_t length = name ? strlen(name) : 0;
    return length == 0 ? "input" : length > 160 ? name + (length - 160) : name;
}

/* Text from a file as it may be shown to a person: no control characters, cut after about 60 bytes. */
typedef struct isk__shown { char text[80]; } isk__shown;
static const char *isk__show(isk__shown *shown, const char *text, size_t length) {
    size_t i, cut = length;
    if (length > 64) {
        cut = 60;
        while (cut > 50 && ((unsigned char)text[cut] & 0xC0) == 0x80) { cut--; }    /* not inside a UTF-8 character */
    }
    for (i = 0; i < cut; i++) {
        unsigned char byte = (unsigned char)text[i], before = i > 0 ? (unsigned char)text[i - 1] : 0;
        int control = byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0);       /* C2 80 .. C2 9F too */
        shown->text[i] = control ? '?' : (char)byte;
    }
    memcpy(shown->text + cut, cut < length ? "..." : "", cut < length ? 4 : 1);
    return shown->text;
}

INDISEEK_API isk_status isk_set_error(isk_context *context, isk_status status, const char *format, ...) {
    char text[sizeof context->error];       /* an argument may be isk_error(context) */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(context->error, text, sizeof text);
    return status;
}

/* ---- reading ---- */

#if defined(_WIN32)
    #define isk__seek(file, offset, whence) _fseeki64(file, (long long)(offset), whence)
    #define isk__tell(file) ((int64_t)_ftelli64(file))
#else
    #define isk__seek(file, offset, whence) fseeko(file, (off_t)(offset), whence)
    #define isk__tell(file) ((int64_t)ftello(file))
#endif

static int64_t isk__stdio_read(void *user, uint64_t offset, void *buffer, size_t count) {
    FILE *file = (FILE *)user;
    size_t got;
    if (offset > INT64_MAX || isk__seek(file, offset, SEEK_SET) != 0) { return -1; }
    got = fread(buffer, 1, count, file);
    if (!ferror(file)) { return (int64_t)got; }
    clearerr(file);
    return -1;
}

static void isk__stdio_close(void *user) { fclose((FILE *)user); }

INDISEEK_API isk_status isk_reader_open(isk_context *context, const char *path, isk_reader *reader) {
    FILE *file;
    int64_t size = -1;
    char byte;
    memset(reader, 0, sizeof *reader);
    errno = 0;
    file = fopen(path, "rb");
    if (!file) { return isk__fail(context, ISK_IO, "%s: cannot be opened: %s", isk__file_name(path), strerror(errno)); }
    setvbuf(file, NULL, _IONBF, 0);         /* callers read in large pieces */
    errno = 0;
    if (isk__seek(file, 0, SEEK_END) == 0) { size = isk__tell(file); }
    reader->user = file;
    if (size < 0 || isk__stdio_read(file, 0, &byte, 1) < 0) {           /* a pipe; a folder */
        isk_status status = isk__fail(context, ISK_IO, "%s: cannot be read as a file: %s", isk__file_name(path),
                                      strerror(errno));
        fclose(file);
        reader->user = NULL;
        return status;
    }
    reader->read = isk__stdio_read;
    reader->close = isk__stdio_close;
    reader->size = (uint64_t)size;
    reader->name = path;
    return ISK_OK;
}

INDISEEK_API void isk_reader_close(isk_reader *reader) {
    if (reader->close) { reader->close(reader->user); }
    memset(reader, 0, sizeof *reader);
}

static int64_t isk__memory_read(void *user, uint64_t offset, void *buffer, size_t count) {
    memcpy(buffer, (const char *)user + offset, count);
    return (int64_t)count;
}

INDISEEK_API isk_reader isk_reader_memory(const void *bytes, size_t count, const char *name) {
    isk_reader reader;
    memset(&reader, 0, sizeof reader);
    reader.read = isk__memory_read;
    reader.user = (void *)bytes;
    reader.size = count;
    reader.name = name;
    return reader;
}

/* Up to `count` bytes; fewer only at the end of the input.  Never asks for anything beyond a known size. */
static isk_status isk__read_some(isk_context *context, const isk_reader *reader, uint64_t offset, void *buffer,
                                 size_t count, size_t *done) {
    *done = 0;
    if (reader->size != ISK_SIZE_UNKNOWN) {
        uint64_t left = offset < reader->size ? reader->size - offset : 0;
        if (count > left) { count = (size_t)left; }
    }
    while (*done < count) {
        int64_t got;
        errno = 0;
        got = reader->read(reader->user, offset + *done, (char *)buffer + *done, count - *done);
        if (got == 0) { break; }
        if (got < 0 || (uint64_t)got > count - *done) {
            return isk__fail(context, ISK_IO, "%s: reading at offset %llu failed%s%s", isk__file_name(reader->name),
                             (isk__wide)(offset + *done), errno ? ": " : "", errno ? strerror(errno) : "");
        }
        *done += (size_t)got;
    }
    return ISK_OK;
}

static isk_status isk__read(isk_context *context, const isk_reader *reader, uint64_t offset, void *buffer,
                            size_t count) {
    size_t done;
    isk_status status = isk__read_some(context, reader, offset, buffer, count, &done);
    if (status == ISK_OK && done < count) {
        return isk__fail(context, ISK_DATA, "%s: ends at offset %llu where data up to offset %llu are due; it is cut "
                         "off", isk__file_name(reader->name), (isk__wide)(offset + done), (isk__wide)(offset + count));
    }
    return status;
}

/* Checks that the input has at least `due` (> 0) bytes, before anything of that size is allocated. */
static isk_status isk__check_reach(isk_context *context, const isk_reader *reader, uint64_t due) {
    const char *name = isk__file_name(reader->name);
    char byte;
    size_t last;
    isk_status status;
    if (reader->size >= due && reader->size != ISK_SIZE_UNKNOWN) { return ISK_OK; }
    if (reader->size < due) {
        return isk__fail(context, ISK_DATA, "%s: its header asks for %llu bytes, but it has %llu; it is cut off", name,
                         (isk__wide)due, (isk__wide)reader->size);
    }
    status = isk__read_some(context, reader, due - 1, &byte, 1, &last);
    if (status != ISK_OK || last) { return status; }
    return isk__fail(context, ISK_DATA, "%s: its header asks for %llu bytes, but it has fewer; it is cut off", name,
                     (isk__wide)due);
}

/* Checks that it has exactly that many. */
static isk_status isk__check_size(isk_context *context, const isk_reader *reader, uint64_t due) {
    const char *name = isk__file_name(reader->name);
    char byte;
    size_t beyond;
    isk_status status = isk__check_reach(context, reader, due);
    if (status != ISK_OK || reader->size == due) { return status; }
    if (reader->size != ISK_SIZE_UNKNOWN) {
        return isk__fail(context, ISK_DATA, "%s: its last value ends at offset %llu, but it has %llu bytes", name,
                         (isk__wide)due, (isk__wide)reader->size);
    }
    status = isk__read_some(context, reader, due, &byte, 1, &beyond);
    if (status != ISK_OK || !beyond) { return status; }
    return isk__fail(context, ISK_DATA, "%s: its last value ends at offset %llu, but more bytes follow", name,
                     (isk__wide)due);
}

INDISEEK_API void isk_free(isk_context *context, const void *block) { isk__release(context, (void *)block); }

/* ---- writing ---- */

/* Writes the content; returns 0 when a write failed. */
typedef int isk__emit(FILE *file, void *argument);

static int isk__put_bytes(FILE *file, const void *bytes, size_t count) {
    return count == 0 || fwrite(bytes, 1, count, file) == count;
}

#if defined(_WIN32)
static isk_status isk__open_beside(isk_context *context, const char *path, char *beside, size_t room, FILE **file) {
    snprintf(beside, room, "%s.tmp", path);
    *file = fopen(beside, "wb");
    if (*file) { return ISK_OK; }
    return isk__fail(context, ISK_IO, "%s: cannot be created: %s", isk__file_name(beside), strerror(errno));
}
static int isk__sync(FILE *file) { (void)file; return 1; }
static int isk__replace(const char *from, const char *to) { remove(to); return rename(from, to) == 0; }
static int isk__sync_folder(char *path) { (void)path; return 1; }
#else
/* Makes a new file in the folder of `path`, with the permissions of the file that it will replace. */
static isk_status isk__open_beside(isk_context *context, const char *path, char *beside, size_t room, FILE **file) {
    struct stat old;
    int exists = stat(path, &old) == 0, attempt, descriptor = -1;
    if (exists && !S_ISREG(old.st_mode)) {
        return isk__fail(context, ISK_IO, "%s: cannot be replaced: it is not a regular file", isk__file_name(path));
    }
    for (attempt = 0; attempt < 100 && descriptor < 0; attempt++) {     /* others may be writing the same path */
        snprintf(beside, room, "%s.%ld-%d.tmp", path, (long)getpid(), attempt);
        descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (descriptor < 0 && errno != EEXIST) { break; }
    }
    if (descriptor >= 0) {
        *file = !exists || fchmod(descriptor, old.st_mode & 0777) == 0 ? fdopen(descriptor, "wb") : NULL;
        if (*file) { return ISK_OK; }
        attempt = errno;
        close(descriptor);
        remove(beside);
        errno = attempt;
    }
    return isk__fail(context, ISK_IO, "%s: cannot be created: %s", isk__file_name(beside), strerror(errno));
}

static int isk__sync(FILE *file) { return fsync(fileno(file)) == 0 || errno == EINVAL; }     /* EINVAL: cannot sync */
static int isk__replace(const char *from, const char *to) { return rename(from, to) == 0; }

/* Makes the new name durable.  Cuts `path`.  A folder that may not be read or cannot sync is left to the system. */
static int isk__sync_folder(char *path) {
    char *slash = strrchr(path, '/');
    int descriptor, ok;
    if (slash) { slash[slash == path] = 0; }
    descriptor = open(slash ? path : ".", O_RDONLY);
    if (descriptor < 0) { return 1; }
    ok = fsync(descriptor) == 0 || errno != EIO;
    close(descriptor);
    return ok;
}
#endif

static isk_status isk__write_file_atomic(isk_context *context, const char *path, isk__emit *emit, void *argument) {
    size_t room = strlen(path) + 48;
    char *beside = (char *)isk__allocate(context, room, 1);
    FILE *file = NULL;
    isk_status status;
    int error = 0;
    if (!beside) { return isk__no_memory(context, "the name of a temporary file", room); }
    status = isk__open_beside(context, path, beside, room, &file);
    if (status == ISK_OK) {
        errno = 0;
        if (!emit(file, argument) || fflush(file) != 0 || !isk__sync(file)) { error = errno ? errno : EIO; }
        if (fclose(file) != 0 && !error) { error = errno ? errno : EIO; }
        if (!error && !isk__replace(beside, path)) { error = errno ? errno : EIO; }
        if (error) { remove(beside); }
        if (!error && !isk__sync_folder(beside)) { error = EIO; }
        if (error) {
            status = isk__fail(context, ISK_IO, "%s: cannot be written: %s", isk__file_name(path), strerror(error));
        }
    }
    isk__release(context, beside);
    return status;
}

typedef struct isk__bytes { const void *bytes; size_t count; } isk__bytes;
static int isk__emit_bytes(FILE *file, void *argument) {
    const isk__bytes *all = (const isk__bytes *)argument;
    return isk__put_bytes(file, all->bytes, all->count);
}

INDISEEK_API isk_status isk_write_file(isk_context *context, const char *path, const void *bytes, size_t count) {
    isk__bytes all;
    all.bytes = bytes;
    all.count = count;
    return isk__write_file_atomic(context, path, isk__emit_bytes, &all);
}

/* ---- numbers from text ---- */

/* ---- JSON: a cursor over a text, strict ---- */

typedef struct isk__json {
    isk_context *context;
    const char *name;               /* of the file, for messages */
    const char *text;
    size_t length, at;
    uint64_t origin;                /* offset of the text in the file, for messages */
    char *store;                    /* decoded strings go here; `length` bytes always suffice: each loses two quotes */
    size_t used;
} isk__json;

static isk_status isk__json_fail(const isk__json *json, const char *problem) {
    return isk__fail(json->context, ISK_DATA, "%s: JSON at offset %llu: %s", isk__file_name(json->name),
                     (isk__wide)(json->origin + json->at), problem);
}

static void isk__json_space(isk__json *json) {
    while (json->at < json->length && strchr(" \t\r\n", json->text[json->at]) && json->text[json->at]) { json->at++; }
}

/* Skips space; takes the character when it comes next. */
static int isk__json_take(isk__json *json, char c) {
    isk__json_space(json);
    if (json->at >= json->length || json->text[json->at] != c) { return 0; }
    json->at++;
    return 1;
}

/* Length of the UTF-8 character at `text`, 0 when it is none (overlong, surrogate, beyond U+10FFFF, cut off). */
static size_t isk__utf8_length(const char *text, size_t left) {
    const unsigned char *byte = (const unsigned char *)text;
    size_t length, i;
    if (byte[0] < 0x80) { return 1; }
    if (byte[0] < 0xC2 || byte[0] > 0xF4) { return 0; }
    length = byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;
    if (length > left) { return 0; }
    for (i = 1; i < length; i++) {
        if ((byte[i] & 0xC0) != 0x80) { return 0; }
    }
    if (byte[0] == 0xE0 && byte[1] < 0xA0) { return 0; }
    if (byte[0] == 0xED && byte[1] > 0x9F) { return 0; }
    if (byte[0] == 0xF0 && byte[1] < 0x90) { return 0; }
    if (byte[0] == 0xF4 && byte[1] > 0x8F) { return 0; }
    return length;
}

/* Four hexadecimal digits at the cursor, or -1. */
static long isk__json_hex(isk__json *json) {
    static const char digits[] = "0123456789abcdefABCDEF";
    long value = 0;
    int i;
    if (json->length - json->at < 4) { return -1; }
    for (i = 0; i < 4; i++) {
        const char *digit = (const char *)memchr(digits, json->text[json->at], 22);
        if (!digit) { return -1; }
        value = value * 16 + (digit - digits < 16 ? digit - digits : digit - digits - 6);
        json->at++;
    }
    return value;
}

/* What follows a backslash. */
static isk_status isk__json_escape(isk__json *json) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = json->at < json->length ? json->text[json->at] : (char)0;
    const char *known = c ? strchr(from, c) : NULL;
    unsigned char *out = (unsigned char *)json->store + json->used;
    long code;
    if (known) {
        json->at++;
        json->store[json->used++] = to[known - from];
        return ISK_OK;
    }
    if (c != 'u') { return isk__json_fail(json, "an escape that JSON does not know"); }
    json->at++;
    code = isk__json_hex(json);
    if (code >= 0xD800 && code <= 0xDBFF) {
        long low = -1;
        if (json->length - json->at >= 2 && json->text[json->at] == '\\' && json->text[json->at + 1] == 'u') {
            json->at += 2;
            low = isk__json_hex(json);
        }
        code = low >= 0xDC00 && low <= 0xDFFF ? 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00) : -1;
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        code = -1;
    }
    if (code < 0) { return isk__json_fail(json, "\\u needs four hexadecimal digits, and surrogates come in pairs"); }
    if (code == 0) { return isk__json_fail(json, "a string holds the character 0"); }
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        json->used += 1;
    } else if (code < 0x800) {
        out[0] = (unsigned char)(0xC0 | code >> 6);
        out[1] = (unsigned char)(0x80 | (code & 0x3F));
        json->used += 2;
    } else if (code < 0x10000) {
        out[0] = (unsigned char)(0xE0 | code >> 12);
        out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (unsigned char)(0x80 | (code & 0x3F));
        json->used += 3;
    } else {
        out[0] = (unsigned char)(0xF0 | code >> 18);
        out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3F));
        out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        out[3] = (unsigned char)(0x80 | (code & 0x3F));
        json->used += 4;
    }
    return ISK_OK;
}

static isk_status isk__json_string(isk__json *json, const char **string) {
    if (!isk__json_take(json, '"')) { return isk__json_fail(json, "a string is due"); }
    *string = json->store + json->used;
    while (json->at < json->length && json->text[json->at] != '"') {
        const char *c = json->text + json->at;
        if (*c == '\\') {
            isk_status status;
            json->at++;
            status = isk__json_escape(json);
            if (status != ISK_OK) { return status; }
        } else {
            size_t length = isk__utf8_length(c, json->length - json->at);
            if ((unsigned char)*c < 0x20) { return isk__json_fail(json, "a control character inside a string"); }
            if (length == 0) { return isk__json_fail(json, "a string that is not UTF-8"); }
            memcpy(json->store + json->used, c, length);
            json->used += length;
            json->at += length;
        }
    }
    if (json->at >= json->length) { return isk__json_fail(json, "a string without its end"); }
    json->at++;
    json->store[json->used++] = 0;
    return ISK_OK;
}

static size_t isk__json_digits(isk__json *json) {
    size_t start = json->at;
    while (json->at < json->length && isk__is_digit(json->text[json->at])) { json->at++; }
    return json->at - start;
}

/* A number, kept as text. */
static isk_status isk__json_number(isk__json *json, const char **number) {
    size_t start, whole;
    isk__json_space(json);
    start = json->at;
    if (json->at < json->length && json->text[json->at] == '-') { json->at++; }
    whole = json->at;
    if (isk__json_digits(json) == 0) { return isk__json_fail(json, "a value is due"); }
    if (json->text[whole] == '0' && json->at > whole + 1) {
        return isk__json_fail(json, "a number with a leading zero");
    }
    if (json->at < json->length && json->text[json->at] == '.') {
        json->at++;
        if (isk__json_digits(json) == 0) { return isk__json_fail(json, "digits are due after the point"); }
    }
    if (json->at < json->length && (json->text[json->at] == 'e' || json->text[json->at] == 'E')) {
        json->at++;
        if (json->at < json->length && (json->text[json->at] == '+' || json->text[json->at] == '-')) { json->at++; }
        if (isk__json_digits(json) == 0) { return isk__json_fail(json, "digits are due in the exponent"); }
    }
    *number = json->store + json->used;
    memcpy(json->store + json->used, json->text + start, json->at - start);
    json->used += json->at - start;
    json->store[json->used++] = 0;
    return ISK_OK;
}

/* A whole number from 0 to INT64_MAX: a size or an offset. */
static isk_status isk__json_whole(isk__json *json, int64_t *value) {
    const char *text;
    isk_status status = isk__json_number(json, &text);
    *value = 0;
    if (status != ISK_OK) { return status; }
    for (; *text; text++) {
        if (!isk__is_digit(*text)) { return isk__json_fail(json, "a whole number from 0 up is due"); }
        if (*value > (INT64_MAX - (*text - '0')) / 10) { return isk__json_fail(json, "a number beyond 2^63 - 1"); }
        *value = *value * 10 + (*text - '0');
    }
    return ISK_OK;
}

static isk_status isk__json_value(isk__json *json, isk_json_kind *kind, const char **value) {
    static const char *const words[] = { "true", "false", "null" };
    int i;
    char c;
    isk__json_space(json);
    c = json->at < json->length ? json->text[json->at] : (char)0;
    if (c == '"') { *kind = ISK_JSON_STRING; return isk__json_string(json, value); }
    if (c == '{' || c == '[') {
        return isk__json_fail(json, "an object or array inside; strings, numbers, true, false and null are read here");
    }
    for (i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);
        if (json->length - json->at >= length && memcmp(json->text + json->at, words[i], length) == 0) {
            *kind = (isk_json_kind)(ISK_JSON_TRUE + i);
            *value = words[i];
            json->at += length;
            return ISK_OK;
        }
    }
    *kind = ISK_JSON_NUMBER;
    return isk__json_number(json, value);
}

typedef struct isk__member { const char *key, *value; isk_json_kind kind; int order; } isk__member;
typedef struct isk__members { isk__member *items; int count, capacity; } isk__members;

static int isk__member_by_key(const void *a, const void *b) {
    return strcmp(((const isk__member *)a)->key, ((const isk__member *)b)->key);
}

static int isk__member_by_order(const void *a, const void *b) {
    int x = ((const isk__member *)a)->order, y = ((const isk__member *)b)->order;
    return (x > y) - (x < y);
}

/* The members of a flat object, sorted by key, no key twice.  The caller releases items, whatever is returned. */
static isk_status isk__json_members(isk__json *json, isk__members *members) {
    int i;
    if (!isk__json_take(json, '{')) { return isk__json_fail(json, "an object, {, is due"); }
    if (isk__json_take(json, '}')) { return ISK_OK; }
    do {
        isk__member *member;
        isk_status status;
        if (members->count == INT_MAX || !isk__grow(json->context, (void **)&members->items, &members->capacity,
                                                    members->count + 1, sizeof *member)) {
            return isk__no_memory(json->context, "reading JSON", json->length);
        }
        member = &members->items[members->count];
        member->order = members->count++;
        member->key = "";
        status = isk__json_string(json, &member->key);
        if (status == ISK_OK && !isk__json_take(json, ':')) { status = isk__json_fail(json, "a colon is due"); }
        if (status == ISK_OK) { status = isk__json_value(json, &member->kind, &member->value); }
        if (status != ISK_OK) { return status; }
    } while (isk__json_take(json, ','));
    if (!isk__json_take(json, '}')) { return isk__json_fail(json, "a comma or } is due"); }
    qsort(members->items, (size_t)members->count, sizeof *members->items, isk__member_by_key);
    for (i = 1; i < members->count; i++) {
        const char *key = members->items[i].key;
        isk__shown shown;
        if (strcmp(key, members->items[i - 1].key) == 0) {
            return isk__fail(json->context, ISK_DATA, "%s: JSON: the key '%s' stands twice", isk__file_name(json->name),
                             isk__show(&shown, key, strlen(key)));
        }
    }
    return ISK_OK;
}

INDISEEK_API isk_status isk_json_object(isk_context *context, const char *name, const char *text, size_t length,
                                        isk_json_member *member, void *user) {
    isk__json json;
    isk__members members;
    isk_status status;
    int i;
    memset(&json, 0, sizeof json);
    memset(&members, 0, sizeof members);
    json.context = context;
    json.name = name;
    json.text = text;
    json.length = length;
    json.store = (char *)isk__allocate(context, length, 1);
    if (!json.store) { return isk__no_memory(context, "reading JSON", length); }
    status = isk__json_members(&json, &members);
    isk__json_space(&json);
    if (status == ISK_OK && json.at < length) { status = isk__json_fail(&json, "something follows the object"); }
    if (status == ISK_OK && members.count > 1) {
        qsort(members.items, (size_t)members.count, sizeof *members.items, isk__member_by_order);
    }
    for (i = 0; i < members.count && status == ISK_OK; i++) {
        status = member(user, members.items[i].key, members.items[i].kind, members.items[i].value);
    }
    isk__release(context, members.items);
    isk__release(context, json.store);
    return status;
}

/* ---- SHA-256, FIPS 180-4 ---- */

typedef struct isk__sha256 { uint32_t state[8]; uint64_t bytes; unsigned char block[64]; } isk__sha256;

static ISK__UNUSED void isk__sha256_open(isk__sha256 *hash) {
    static const uint32_t start[8] = { 0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au,
                                       0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u };
    memcpy(hash->state, start, sizeof start);
    hash->bytes = 0;
}

static uint32_t isk__rotate(uint32_t x, int right) { return x >> right | x << (32 - right); }

static void isk__sha256_block(uint32_t state[8], const unsigned char *block) {
    static const uint32_t constants[64] = {
        0x428A2F98u, 0x71374491u, 0xB5C0FBCFu, 0xE9B5DBA5u, 0x3956C25Bu, 0x59F111F1u, 0x923F82A4u, 0xAB1C5ED5u,
        0xD807AA98u, 0x12835B01u, 0x243185BEu, 0x550C7DC3u, 0x72BE5D74u, 0x80DEB1FEu, 0x9BDC06A7u, 0xC19BF174u,
        0xE49B69C1u, 0xEFBE4786u, 0x0FC19DC6u, 0x240CA1CCu, 0x2DE92C6Fu, 0x4A7484AAu, 0x5CB0A9DCu, 0x76F988DAu,
        0x983E5152u, 0xA831C66Du, 0xB00327C8u, 0xBF597FC7u, 0xC6E00BF3u, 0xD5A79147u, 0x06CA6351u, 0x14292967u,
        0x27B70A85u, 0x2E1B2138u, 0x4D2C6DFCu, 0x53380D13u, 0x650A7354u, 0x766A0ABBu, 0x81C2C92Eu, 0x92722C85u,
        0xA2BFE8A1u, 0xA81A664Bu, 0xC24B8B70u, 0xC76C51A3u, 0xD192E819u, 0xD6990624u, 0xF40E3585u, 0x106AA070u,
        0x19A4C116u, 0x1E376C08u, 0x2748774Cu, 0x34B0BCB5u, 0x391C0CB3u, 0x4ED8AA4Au, 0x5B9CCA4Fu, 0x682E6FF3u,
        0x748F82EEu, 0x78A5636Fu, 0x84C87814u, 0x8CC70208u, 0x90BEFFFAu, 0xA4506CEBu, 0xBEF9A3F7u, 0xC67178F2u
    };
    uint32_t words[64], a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    int i;
    for (i = 0; i < 16; i++) {
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
                   (uint32_t)block[4 * i + 3];
    }
    for (i = 16; i < 64; i++) {
        uint32_t x = words[i - 15], y = words[i - 2];
        words[i] = words[i - 16] + (isk__rotate(x, 7) ^ isk__rotate(x, 18) ^ x >> 3) + words[i - 7] +
                   (isk__rotate(y, 17) ^ isk__rotate(y, 19) ^ y >> 10);
    }
    for (i = 0; i < 64; i++) {
        uint32_t one = h + (isk__rotate(e, 6) ^ isk__rotate(e, 11) ^ isk__rotate(e, 25)) + ((e & f) ^ (~e & g)) +
                       constants[i] + words[i];
        uint32_t two = (isk__rotate(a, 2) ^ isk__rotate(a, 13) ^ isk__rotate(a, 22)) +
                       ((a & b) ^ (a & c) ^ (b & c));
        h = g; g = f; f = e; e = d + one;
        d = c; c = b; b = a; a = one + two;
    }
    state[0] += a; state[1] += b; state[2] += c; state[3] += d;
    state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

static void isk__sha256_add(isk__sha256 *hash, const void *bytes, size_t count) {
    const unsigned char *from = (const unsigned char *)bytes;
    while (count > 0) {
        size_t filled = (size_t)(hash->bytes % 64), part = 64 - filled < count ? 64 - filled : count;
        if (part == 64) {
            isk__sha256_block(hash->state, from);
        } else {
            memcpy(hash->block + filled, from, part);
            if (filled + part == 64) { isk__sha256_block(hash->state, hash->block); }
        }
        hash->bytes += part;
        from += part;
        count -= part;
    }
}

/* Ends the hash and writes it as 64 hexadecimal digits and a NUL. */
static ISK__UNUSED void isk__sha256_close(isk__sha256 *hash, char hex[65]) {
    static const unsigned char padding[64] = { 0x80 };
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = hash->bytes * 8;
    unsigned char length[8];
    int i;
    for (i = 0; i < 8; i++) { length[i] = (unsigned char)(bits >> (56 - 8 * i)); }
    isk__sha256_add(hash, padding, 64 - (size_t)((hash->bytes + 8) % 64));
    isk__sha256_add(hash, length, 8);
    for (i = 0; i < 64; i++) { hex[i] = digits[hash->state[i / 8] >> (28 - 4 * (i % 8)) & 15]; }
    hex[64] = 0;
}

/* ---- stored values ---- */

typedef struct isk__type_info { const char *name; int bits; } isk__type_info;
static const isk__type_info isk__types[] = {
#define ISK__TYPE_ROW(name, bits) { #name, bits },
    ISK_TYPE_LIST(ISK__TYPE_ROW)
#undef ISK__TYPE_ROW
};

INDISEEK_API const char *isk_type_name(isk_type type) {
    return (int)type >= 0 && type < ISK_TYPE_COUNT ? isk__types[type].name : NULL;
}

/* Values pass from file to memory in runs: as doubles from F32 and F64, as whole numbers from the others. */
#define ISK__RUN 512
typedef struct isk__run {
    int is_real;
    double real[ISK__RUN];
    int64_t whole[ISK__RUN];
    unsigned char bytes[8 * ISK__RUN];
} isk__run;

/* Bytes to a bit pattern, least significant first or last; compilers make it one load. */
static uint32_t isk__bits32(const unsigned char *b, int big_endian) {
    return big_endian ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3]
                      : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | (uint32_t)b[0];
}

static uint64_t isk__bits64(const unsigned char *b, int big_endian) {
    uint64_t first = isk__bits32(b, big_endian), second = isk__bits32(b + 4, big_endian);
    return big_endian ? first << 32 | second : second << 32 | first;
}

/* Reads the `count` (<= ISK__RUN) values that start at `offset`. */
static isk_status isk__read_run(isk_context *context, const isk_reader *reader, isk_type type, int big_endian,
                                uint64_t offset, size_t count, isk__run *run) {
    isk_status status = isk__read(context, reader, offset, run->bytes, count * (size_t)(isk__types[type].bits / 8));
    size_t i;
    if (status != ISK_OK) { return status; }
    run->is_real = type == ISK_TYPE_F32 || type == ISK_TYPE_F64;
    for (i = 0; i < count; i++) {
        if (type == ISK_TYPE_F32) {
            uint32_t bits = isk__bits32(run->bytes + 4 * i, big_endian);
            float value;
            memcpy(&value, &bits, sizeof value);
            run->real[i] = (double)value;
        } else if (type == ISK_TYPE_F64) {
            uint64_t bits = isk__bits64(run->bytes + 8 * i, big_endian);
            memcpy(&run->real[i], &bits, sizeof bits);
        } else if (type == ISK_TYPE_I32) {
            uint32_t bits = isk__bits32(run->bytes + 4 * i, big_endian);
            int32_t value;
            memcpy(&value, &bits, sizeof value);
            run->whole[i] = value;
        } else if (type == ISK_TYPE_I64) {
            uint64_t bits = isk__bits64(run->bytes + 8 * i, big_endian);
            memcpy(&run->whole[i], &bits, sizeof bits);
        } else {
            run->whole[i] = run->bytes[i];
        }
    }
    return ISK_OK;
}

/* By the bits, so that it holds under -ffast-math as well. */
static int isk__is_finite(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits >> 52 & 0x7FF) != 0x7FF;
}

static int isk__is_nan(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & UINT64_C(0x7FFFFFFFFFFFFFFF)) > UINT64_C(0x7FF0000000000000);
}

/* Value i of a run as isk_scalar.  Returns NULL or what is wrong with it. */
static const char *isk__run_scalar(const isk__run *run, size_t i, int flags, isk_scalar *value) {
    double real = run->real[i];
    *value = 0;
    if (!run->is_real) { *value = (isk_scalar)run->whole[i]; return NULL; }
    if (!isk__is_finite(real)) {
        if (!(flags & ISK_ALLOW_NONFINITE)) { return isk__is_nan(real) ? "NaN" : "infinite"; }
    } else if (sizeof(isk_scalar) < sizeof real && (real > FLT_MAX || real < -FLT_MAX)) {
        return "beyond the range of float";
    }
    *value = (isk_scalar)real;
    return NULL;
}

/* Value i of a run as a whole number from low to high.  Returns 0 when it is none. */
static int isk__run_whole(const isk__run *run, size_t i, int64_t low, int64_t high, int64_t *value) {
    double real = run->real[i];
    if (!run->is_real) {
        *value = run->whole[i];
    } else {
        if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0)) { return 0; }    /* NaN too */
        *value = (int64_t)real;
        if ((double)*value != real) { return 0; }
    }
    return *value >= low && *value <= high;
}

/* Value i of a run as text, for messages. */
static const char *isk__run_text(const isk__run *run, size_t i, char buffer[32]) {
    if (run->is_real) {
        snprintf(buffer, 32, "%.9g", run->real[i]);
    } else {
        snprintf(buffer, 32, "%lld", (long long)run->whole[i]);
    }
    return buffer;
}

/* ==== >>npy ======================================================================================================= */

#define ISK__NPY_HEADER 10000           /* longest header read; NumPy's own limit */

/* A cursor over the header, a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */
typedef struct isk__literal { isk_context *context; const char *name, *text; size_t length, at, origin; } isk__literal;

static isk_status isk__literal_fail(const isk__literal *literal, const char *problem) {
    return isk__fail(literal->context, ISK_DATA, "%s: .npy header at offset %llu: %s", isk__file_name(literal->name),
                     (isk__wide)(literal->origin + literal->at), problem);
}

static int isk__literal_take(isk__literal *literal, const char *word) {
    size_t length = strlen(word);
    while (literal->at < literal->length && memchr(" \t\r\n", literal->text[literal->at], 4)) { literal->at++; }
    if (literal->length - literal->at < length) { return 0; }
    if (memcmp(literal->text + literal->at, word, length) != 0) { return 0; }
    literal->at += length;
    return 1;
}

/* A string in single or double quotes; no escapes, as no name or dtype that is read here has any. */
static isk_status isk__literal_string(isk__literal *literal, const char **string, size_t *length) {
    char quote = isk__literal_take(literal, "'") ? '\'' : isk__literal_take(literal, "\"") ? '"' : (char)0;
    const char *end;
    if (!quote) { return isk__literal_fail(literal, "a string is due"); }
    *string = literal->text + literal->at;
    end = (const char *)memchr(*string, quote, literal->length - literal->at);
    if (!end) { return isk__literal_fail(literal, "a string without its end"); }
    *length = (size_t)(end - *string);
    literal->at += *length + 1;
    return ISK_OK;
}

static isk_status isk__npy_descr(isk__literal *literal, isk_npy *npy) {
    static const struct { char text[4]; isk_type type; } dtypes[] = {
        { "f4", ISK_TYPE_F32 }, { "f8", ISK_TYPE_F64 }, { "i4", ISK_TYPE_I32 }, { "i8", ISK_TYPE_I64 }
    };
    const char *text;
    size_t length, i;
    isk__shown shown;
    isk_status status;
    if (isk__literal_take(literal, "[")) {
        return isk__fail(literal->context, ISK_UNSUPPORTED, "%s: holds a structured array; save one plain matrix, e.g. "
                         "numpy.save(path, array.astype('<f4'))", isk__file_name(literal->name));
    }
    status = isk__literal_string(literal, &text, &length);
    if (status != ISK_OK) { return status; }
    for (i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (length == 3 && (text[0] == '<' || text[0] == '>') && memcmp(text + 1, dtypes[i].text, 2) == 0) {
            npy->type = dtypes[i].type;
            npy->big_endian = text[0] == '>';
            return ISK_OK;
        }
    }
    return isk__fail(literal->context, ISK_UNSUPPORTED, "%s: dtype '%s' is not read, only f4, f8, i4 and i8; save it "
                     "with numpy.save(path, array.astype('<f4'))", isk__file_name(literal->name),
                     isk__show(&shown, text, length));
}

static isk_status isk__npy_shape(isk__literal *literal, isk_npy *npy) {
    int64_t size[2];
    size_t start;
    isk__shown shown;
    int commas = 0;
    size[0] = size[1] = 1;
    if (!isk__literal_take(literal, "(")) { return isk__literal_fail(literal, "a shape in parentheses is due"); }
    start = literal->at - 1;
    npy->dimensions = 0;
    while (!isk__literal_take(literal, ")")) {
        int64_t value = 0;
        size_t first = literal->at;
        if (npy->dimensions > commas) { return isk__literal_fail(literal, "a comma or ) is due in the shape"); }
        for (; literal->at < literal->length && isk__is_digit(literal->text[literal->at]); literal->at++) {
            int digit = literal->text[literal->at] - '0';
            if (value > (INT64_MAX - digit) / 10) { return isk__literal_fail(literal, "a dimension beyond 2^63 - 1"); }
            value = value * 10 + digit;
        }
        if (literal->at == first || (literal->text[first] == '0' && literal->at > first + 1)) {
            return isk__literal_fail(literal, "a dimension is due");
        }
        if (npy->dimensions < 2) { size[npy->dimensions] = value; }
        npy->dimensions++;
        commas += isk__literal_take(literal, ",");
    }
    if (npy->dimensions == 1 && commas == 0) { return isk__literal_fail(literal, "the shape is no tuple"); }
    if (npy->dimensions < 1 || npy->dimensions > 2) {
        return isk__fail(literal->context, ISK_SHAPE, "%s: its shape is %s; a matrix (rows, columns) or a vector "
                         "(rows,) is due", isk__file_name(literal->name),
                         isk__show(&shown, literal->text + start, literal->at - start));
    }
    npy->rows = size[0];
    npy->cols = size[1];
    return ISK_OK;
}

static isk_status isk__npy_header(isk__literal *literal, isk_npy *npy) {
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    unsigned seen = 0;
    if (!isk__literal_take(literal, "{")) { return isk__literal_fail(literal, "a dictionary, {, is due"); }
    while (!isk__literal_take(literal, "}")) {
        const char *key;
        size_t length;
        unsigned which;
        isk_status status = isk__literal_string(literal, &key, &length);
        if (status != ISK_OK) { return status; }
        for (which = 0; which < 3; which++) {
            if (strlen(keys[which]) == length && memcmp(key, keys[which], length) == 0) { break; }
        }
        if (which == 3) { return isk__literal_fail(literal, "a key other than descr, fortran_order and shape"); }
        if (seen >> which & 1) { return isk__literal_fail(literal, "a key stands twice"); }
        seen |= 1u << which;
        if (!isk__literal_take(literal, ":")) { return isk__literal_fail(literal, "a colon is due"); }
        if (which == 1) {
            npy->fortran_order = isk__literal_take(literal, "True");
            if (!npy->fortran_order && !isk__literal_take(literal, "False")) {
                status = isk__literal_fail(literal, "True or False is due");
            }
        } else {
            status = which == 0 ? isk__npy_descr(literal, npy) : isk__npy_shape(literal, npy);
        }
        if (status != ISK_OK) { return status; }
        if (!isk__literal_take(literal, ",")) {
            if (!isk__literal_take(literal, "}")) { return isk__literal_fail(literal, "a comma or } is due"); }
            break;
        }
    }
    (void)isk__literal_take(literal, "");       /* space */
    if (literal->at < literal->length) { return isk__literal_fail(literal, "something follows the dictionary"); }
    return seen == 7 ? ISK_OK : isk__literal_fail(literal, "descr, fortran_order or shape is missing");
}

INDISEEK_API isk_status isk_npy_open(isk_context *context, const isk_reader *reader, isk_npy *npy) {
    unsigned char start[12];
    char header[ISK__NPY_HEADER];
    size_t length, values;
    isk__literal literal;
    isk_status status;
    memset(npy, 0, sizeof *npy);
    status = isk__read(context, reader, 0, start, 10);
    if (status != ISK_OK) { return status; }
    if (memcmp(start, "\x93NUMPY", 6) != 0) {
        return isk__fail(context, ISK_DATA, "%s: is no .npy file; those start with \\x93NUMPY",
                         isk__file_name(reader->name));
    }
    if (start[6] < 1 || start[6] > 3 || start[7] != 0) {
        return isk__fail(context, ISK_UNSUPPORTED, "%s: is of .npy version %d.%d; 1.0, 2.0 and 3.0 are read",
                         isk__file_name(reader->name), start[6], start[7]);
    }
    npy->offset = start[6] == 1 ? 10 : 12;
    status = isk__read(context, reader, 10, start + 10, (size_t)npy->offset - 10);
    if (status != ISK_OK) { return status; }
    length = start[6] == 1 ? (size_t)(start[8] | start[9] << 8) : isk__bits32(start + 8, 0);
    if (length > ISK__NPY_HEADER) {
        return isk__fail(context, ISK_DATA, "%s: its .npy header is %llu bytes long; at most %d are read",
                         isk__file_name(reader->name), (isk__wide)length, ISK__NPY_HEADER);
    }
    status = isk__read(context, reader, npy->offset, header, length);
    if (status != ISK_OK) { return status; }
    literal.context = context;
    literal.name = reader->name;
    literal.text = header;
    literal.length = length;
    literal.at = 0;
    literal.origin = (size_t)npy->offset;
    status = isk__npy_header(&literal, npy);
    if (status != ISK_OK) { return status; }
    npy->offset += length;
    values = isk__mul(isk__mul((size_t)npy->rows, (size_t)npy->cols), 8);       /* in memory: at most 8 bytes each */
    if (values > PTRDIFF_MAX || (uint64_t)npy->rows > SIZE_MAX || (uint64_t)npy->cols > SIZE_MAX) {
        return isk__fail(context, ISK_DATA, "%s: its shape [%lld, %lld] is larger than memory can be",
                         isk__file_name(reader->name), (long long)npy->rows, (long long)npy->cols);
    }
    return isk__check_size(context, reader, npy->offset + values / 8 * (size_t)(isk__types[npy->type].bits / 8));
}

/* Walks over all values in the order of the file; exactly one of scalars and labels is given. */
static isk_status isk__npy_walk(isk_context *context, const isk_reader *reader, const isk_npy *npy, int flags,
                                isk_scalar *scalars, int32_t *labels) {
    uint64_t total = (uint64_t)npy->rows * (uint64_t)npy->cols, done = 0;
    uint64_t size = (uint64_t)(isk__types[npy->type].bits / 8);
    int64_t row = 0, col = 0;
    isk__run run;
    while (done < total) {
        size_t count = total - done < ISK__RUN ? (size_t)(total - done) : ISK__RUN, i;
        isk_status status = isk__read_run(context, reader, npy->type, npy->big_endian, npy->offset + done * size, count,
                                          &run);
        if (status != ISK_OK) { return status; }
        for (i = 0; i < count; i++) {
            size_t place = (size_t)row * (size_t)npy->cols + (size_t)col;
            if (scalars) {
                const char *problem = isk__run_scalar(&run, i, flags, &scalars[place]);
                if (problem) {
                    return isk__fail(context, ISK_DATA, "%s: row %lld, column %lld is %s", isk__file_name(reader->name),
                                     (long long)row + 1, (long long)col + 1, problem);
                }
            } else {
                int64_t whole = 0;
                char text[32];
                if (!isk__run_whole(&run, i, INT32_MIN, INT32_MAX, &whole)) {
                    return isk__fail(context, ISK_DATA, "%s: row %lld, column %lld is %s, not a whole number of 32 "
                                     "bits", isk__file_name(reader->name), (long long)row + 1, (long long)col + 1,
                                     isk__run_text(&run, i, text));
                }
                labels[place] = (int32_t)whole;
            }
            if (npy->fortran_order) {
                if (++row == npy->rows) { row = 0; col++; }
            } else {
                if (++col == npy->cols) { col = 0; row++; }
            }
        }
        done += count;
    }
    return ISK_OK;
}

INDISEEK_API isk_status isk_npy_read(isk_context *context, const isk_reader *reader, const isk_npy *npy, int flags,
                                     isk_scalar *values) {
    return isk__npy_walk(context, reader, npy, flags, values, NULL);
}

INDISEEK_API isk_status isk_npy_read_integers(isk_context *context, const isk_reader *reader, const isk_npy *npy,
                                              int32_t *values) {
    return isk__npy_walk(context, reader, npy, 0, NULL, values);
}

INDISEEK_API isk_status isk_npy_load(isk_context *context, const char *path, int flags, isk_matrix *matrix) {
    isk_reader reader;
    isk_npy npy;
    isk_scalar *values = NULL;
    isk_status status;
    memset(matrix, 0, sizeof *matrix);
    status = isk_reader_open(context, path, &reader);
    if (status != ISK_OK) { return status; }
    status = isk_npy_open(context, &reader, &npy);
    if (status == ISK_OK) {
        size_t count = (size_t)npy.rows * (size_t)npy.cols;
        values = (isk_scalar *)isk__allocate(context, count, sizeof *values);
        if (!values) { status = isk__no_memory(context, isk__file_name(path), count * sizeof *values); }
    }
    if (status == ISK_OK) { status = isk_npy_read(context, &reader, &npy, flags, values); }
    isk_reader_close(&reader);
    if (status != ISK_OK) { isk__release(context, values); return status; }
    matrix->data = values;
    matrix->rows = npy.rows;
    matrix->cols = npy.cols;
    return ISK_OK;
}

/* Values as little-endian bytes. */
static int isk__put_values(FILE *file, const void *values, isk_type type, size_t count) {
    size_t size = (size_t)(isk__types[type].bits / 8), first, i, b;
    unsigned char bytes[8 * ISK__RUN];
    for (first = 0; first < count; first += ISK__RUN) {
        size_t part = count - first < ISK__RUN ? count - first : ISK__RUN;
        const char *from = (const char *)values + first * size;
        for (i = 0; i < part; i++) {
            uint64_t bits = 0;
            if (size == 8) {
                memcpy(&bits, from + 8 * i, 8);
            } else if (size == 4) {
                uint32_t half;
                memcpy(&half, from + 4 * i, 4);
                bits = half;
            } else {
                bits = (unsigned char)from[i];
            }
            for (b = 0; b < size; b++) { bytes[size * i + b] = (unsigned char)(bits >> (8 * b)); }
        }
        if (!isk__put_bytes(file, bytes, size * part)) { return 0; }
    }
    return 1;
}

static int isk__npy_emit(FILE *file, void *argument) {
    const isk_matrix *matrix = (const isk_matrix *)argument;
    size_t count = (size_t)matrix->rows * (size_t)matrix->cols, first, i;
    char header[128];
    float floats[ISK__RUN];
    int length;
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);        /* version 1.0; 118 bytes follow: values start at 128 */
    length = snprintf(header + 10, sizeof header - 10,
                      "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }", (long long)matrix->rows,
                      (long long)matrix->cols);
    header[10 + length] = ' ';
    header[127] = '\n';
    if (!isk__put_bytes(file, header, sizeof header)) { return 0; }
    for (first = 0; first < count; first += ISK__RUN) {
        size_t part = count - first < ISK__RUN ? count - first : ISK__RUN;
        for (i = 0; i < part; i++) { floats[i] = (float)matrix->data[first + i]; }
        if (!isk__put_values(file, floats, ISK_TYPE_F32, part)) { return 0; }
    }
    return 1;
}

INDISEEK_API isk_status isk_npy_save(isk_context *context, const char *path, isk_matrix matrix) {
    size_t i, count;
    if (matrix.rows < 0 || matrix.cols < 0 || (!matrix.data && matrix.rows > 0 && matrix.cols > 0)) {
        return isk__fail(context, ISK_ARGUMENT, "%s: cannot be written: the matrix is [%lld, %lld]%s",
                         isk__file_name(path), (long long)matrix.rows, (long long)matrix.cols,
                         matrix.data ? "" : " at NULL");
    }
    count = (size_t)matrix.rows * (size_t)matrix.cols;
    for (i = 0; i < count && sizeof(isk_scalar) > sizeof(float); i++) {
        double value = (double)matrix.data[i];
        if (isk__is_finite(value) && (value > FLT_MAX || value < -FLT_MAX)) {
            return isk__fail(context, ISK_DATA, "%s: cannot be written: row %llu, column %llu is %g, beyond the range "
                             "of float", isk__file_name(path), (isk__wide)(i / (size_t)matrix.cols + 1),
                             (isk__wide)(i % (size_t)matrix.cols + 1), value);
        }
    }
    return isk__write_file_atomic(context, path, isk__npy_emit, &matrix);
}

/* ==== >>safetensors =============================================================================================== */

#define ISK__SAFETENSORS_HEADER 100000000       /* longest header, as in the reference implementation */

struct isk_safetensors {
    isk_context *context;
    isk_reader reader;
    char *name, *header, *store;        /* the path; the JSON text; its strings decoded */
    isk_safetensors_entry *entries;
    int count, capacity;
    isk__members texts;
};

static int isk__entry_by_name(const void *a, const void *b) {
    return strcmp(((const isk_safetensors_entry *)a)->name, ((const isk_safetensors_entry *)b)->name);
}

static int isk__entry_by_offset(const void *a, const void *b) {
    const isk_safetensors_entry *x = (const isk_safetensors_entry *)a, *y = (const isk_safetensors_entry *)b;
    if (x->offset != y->offset) { return x->offset < y->offset ? -1 : 1; }
    if (x->bytes != y->bytes) { return x->bytes < y->bytes ? -1 : 1; }
    return strcmp(x->name, y->name);
}

/* "'encoder.0.weight' [50, 24]" */
typedef struct isk__entry_text { char text[280]; } isk__entry_text;
static const char *isk__entry_show(isk__entry_text *shown, const isk_safetensors_entry *entry) {
    isk__shown name;
    size_t used;
    int i;
    snprintf(shown->text, sizeof shown->text, "'%s' [", isk__show(&name, entry->name, strlen(entry->name)));
    for (i = 0; i < entry->dimensions; i++) {
        used = strlen(shown->text);
        snprintf(shown->text + used, sizeof shown->text - used, "%s%lld", i ? ", " : "", (long long)entry->shape[i]);
    }
    used = strlen(shown->text);
    snprintf(shown->text + used, sizeof shown->text - used, "]");
    return shown->text;
}

/* Sets count and bytes from type and shape.  Returns NULL or what is wrong. */
static const char *isk__entry_measure(isk_safetensors_entry *entry) {
    uint64_t bits = (uint64_t)isk__types[entry->type].bits;
    int i;
    entry->count = 1;
    for (i = 0; i < entry->dimensions; i++) {
        if (entry->shape[i] == 0) { entry->count = 0; }
    }
    for (i = 0; i < entry->dimensions && entry->count > 0; i++) {
        uint64_t size = (uint64_t)entry->shape[i];
        if (size > (uint64_t)INT64_MAX / 64 / entry->count) { return "is larger than any file can be"; }
        entry->count *= size;
    }
    if (entry->count * bits % 8 != 0) { return "does not fill whole bytes"; }
    entry->bytes = entry->count * bits / 8;
    return NULL;
}

/* [a, b, ...]: at most `most` whole numbers. */
static isk_status isk__json_wholes(isk__json *json, int64_t *values, int most, int *count) {
    *count = 0;
    if (!isk__json_take(json, '[')) { return isk__json_fail(json, "an array, [, is due"); }
    if (isk__json_take(json, ']')) { return ISK_OK; }
    do {
        int64_t value;
        isk_status status = isk__json_whole(json, &value);
        if (status != ISK_OK) { return status; }
        if (*count == most) { return isk__json_fail(json, "an array with too many numbers"); }
        values[(*count)++] = value;
    } while (isk__json_take(json, ','));
    return isk__json_take(json, ']') ? ISK_OK : isk__json_fail(json, "a comma or ] is due");
}

static isk_status isk__entry_type(isk__json *json, isk_safetensors_entry *entry) {
    const char *text;
    isk__shown name, type;
    isk_status status = isk__json_string(json, &text);
    int i;
    if (status != ISK_OK) { return status; }
    for (i = 0; i < ISK_TYPE_COUNT; i++) {
        if (strcmp(text, isk__types[i].name) == 0) { entry->type = (isk_type)i; return ISK_OK; }
    }
    return isk__fail(json->context, ISK_DATA, "%s: tensor '%s' is of dtype '%s', which safetensors does not know",
                     isk__file_name(json->name), isk__show(&name, entry->name, strlen(entry->name)),
                     isk__show(&type, text, strlen(text)));
}

/* {"dtype": "F32", "shape": [50, 24], "data_offsets": [0, 4800]}, in any order. */
static isk_status isk__json_entry(isk__json *json, isk_safetensors_entry *entry) {
    static const char *const keys[] = { "dtype", "shape", "data_offsets" };
    int64_t offsets[2];
    unsigned seen = 0;
    int offset_count = 0;
    const char *problem;
    isk__entry_text shown;
    offsets[0] = offsets[1] = 0;
    if (!isk__json_take(json, '{')) { return isk__json_fail(json, "the description of a tensor, {, is due"); }
    do {
        const char *key;
        unsigned which;
        isk_status status = isk__json_string(json, &key);
        if (status != ISK_OK) { return status; }
        for (which = 0; which < 3 && strcmp(key, keys[which]) != 0; which++) { }
        if (which == 3) { return isk__json_fail(json, "a key other than dtype, shape and data_offsets"); }
        if (seen >> which & 1) { return isk__json_fail(json, "a key stands twice"); }
        seen |= 1u << which;
        if (!isk__json_take(json, ':')) { return isk__json_fail(json, "a colon is due"); }
        status = which == 0 ? isk__entry_type(json, entry)
               : which == 1 ? isk__json_wholes(json, entry->shape, ISK_MAX_DIMENSIONS, &entry->dimensions)
                            : isk__json_wholes(json, offsets, 2, &offset_count);
        if (status != ISK_OK) { return status; }
    } while (isk__json_take(json, ','));
    if (!isk__json_take(json, '}')) { return isk__json_fail(json, "a comma or } is due"); }
    if (seen != 7) { return isk__json_fail(json, "dtype, shape or data_offsets is missing"); }
    if (offset_count != 2 || offsets[1] < offsets[0]) {
        return isk__json_fail(json, "data_offsets must be [begin, end] with begin <= end");
    }
    problem = isk__entry_measure(entry);
    if (problem) {
        return isk__fail(json->context, ISK_DATA, "%s: tensor %s %s", isk__file_name(json->name),
                         isk__entry_show(&shown, entry), problem);
    }
    if (entry->bytes != (uint64_t)(offsets[1] - offsets[0])) {
        return isk__fail(json->context, ISK_DATA, "%s: tensor %s of %s needs %llu bytes but its data_offsets hold %llu",
                         isk__file_name(json->name), isk__entry_show(&shown, entry), isk__types[entry->type].name,
                         (isk__wide)entry->bytes, (isk__wide)(offsets[1] - offsets[0]));
    }
    entry->offset = (uint64_t)offsets[0];
    return ISK_OK;
}

/* The value of __metadata__, a flat object of strings. */
static isk_status isk__json_texts(isk__json *json, isk__members *texts) {
    isk_status status;
    int i;
    status = isk__json_members(json, texts);
    for (i = 0; i < texts->count && status == ISK_OK; i++) {
        isk__shown shown;
        if (texts->items[i].kind != ISK_JSON_STRING) {
            status = isk__fail(json->context, ISK_DATA, "%s: '%s' in __metadata__ is no string",
                               isk__file_name(json->name),
                               isk__show(&shown, texts->items[i].key, strlen(texts->items[i].key)));
        }
    }
    return status;
}

static isk_status isk__safetensors_header(isk_safetensors *file, isk__json *json) {
    int has_texts = 0;
    if (json->length == 0 || json->text[0] != '{') { return isk__json_fail(json, "a header must start with {"); }
    json->at = 1;
    if (!isk__json_take(json, '}')) {
        do {
            const char *name;
            isk_status status = isk__json_string(json, &name);
            if (status == ISK_OK && !isk__json_take(json, ':')) { status = isk__json_fail(json, "a colon is due"); }
            if (status != ISK_OK) { return status; }
            if (strcmp(name, "__metadata__") == 0) {
                if (has_texts) { return isk__json_fail(json, "__metadata__ stands twice"); }
                has_texts = 1;
                status = isk__json_texts(json, &file->texts);
            } else if (file->count == INT_MAX || !isk__grow(json->context, (void **)&file->entries, &file->capacity,
                                                            file->count + 1, sizeof *file->entries)) {
                status = isk__no_memory(json->context, "the list of tensors", json->length);
            } else {
                isk_safetensors_entry *entry = &file->entries[file->count++];
                entry->name = name;
                status = isk__json_entry(json, entry);
            }
            if (status != ISK_OK) { return status; }
        } while (isk__json_take(json, ','));
        if (!isk__json_take(json, '}')) { return isk__json_fail(json, "a comma or } is due"); }
    }
    while (json->at < json->length && json->text[json->at] == ' ') { json->at++; }
    return json->at == json->length ? ISK_OK : isk__json_fail(json, "only spaces may follow the header's }");
}

/* The tensors must cover the bytes after the header, each byte once.  Turns offsets into those of the file. */
static isk_status isk__safetensors_cover(isk_safetensors *file, uint64_t start) {
    const char *path = isk__file_name(file->reader.name);
    uint64_t end = 0;
    isk__entry_text shown;
    isk__shown name;
    int i;
    if (file->count > 1) { qsort(file->entries, (size_t)file->count, sizeof *file->entries, isk__entry_by_offset); }
    for (i = 0; i < file->count; i++) {
        isk_safetensors_entry *entry = &file->entries[i];
        if (entry->offset != end) {
            return isk__fail(file->context, ISK_DATA, "%s: the data of tensor %s begin at %llu, but %s ends at %llu",
                             path, isk__entry_show(&shown, entry), (isk__wide)entry->offset,
                             i > 0 ? "what stands before" : "the header", (isk__wide)end);
        }
        end += entry->bytes;            /* each is below 2^60, and any sum equals an offset below 2^63 */
        entry->offset += start;
    }
    if (file->count > 1) { qsort(file->entries, (size_t)file->count, sizeof *file->entries, isk__entry_by_name); }
    for (i = 1; i < file->count; i++) {
        if (strcmp(file->entries[i].name, file->entries[i - 1].name) == 0) {
            return isk__fail(file->context, ISK_DATA, "%s: tensor '%s' stands twice", path,
                             isk__show(&name, file->entries[i].name, strlen(file->entries[i].name)));
        }
    }
    return isk__check_size(file->context, &file->reader, start + end);
}

static isk_status isk__safetensors_parse(isk_safetensors *file) {
    isk_context *context = file->context;
    unsigned char prefix[8];
    uint64_t length;
    isk__json json;
    isk_status status = isk__read(context, &file->reader, 0, prefix, 8);
    if (status != ISK_OK) { return status; }
    length = isk__bits64(prefix, 0);
    if (length < 2 || length > ISK__SAFETENSORS_HEADER) {
        return isk__fail(context, ISK_DATA, "%s: is no safetensors file, or damaged: its header would have %llu "
                         "bytes (2 to %d are allowed)", isk__file_name(file->reader.name), (isk__wide)length,
                         ISK__SAFETENSORS_HEADER);
    }
    status = isk__check_reach(context, &file->reader, 8 + length);
    if (status != ISK_OK) { return status; }
    file->header = (char *)isk__allocate(context, (size_t)length, 1);
    file->store = (char *)isk__allocate(context, (size_t)length, 1);
    if (!file->header || !file->store) { return isk__no_memory(context, "a safetensors header", 2 * (size_t)length); }
    status = isk__read(context, &file->reader, 8, file->header, (size_t)length);
    if (status != ISK_OK) { return status; }
    memset(&json, 0, sizeof json);
    json.context = context;
    json.name = file->reader.name;
    json.text = file->header;
    json.length = (size_t)length;
    json.origin = 8;
    json.store = file->store;
    status = isk__safetensors_header(file, &json);
    isk__release(context, file->header);
    file->header = NULL;
    return status == ISK_OK ? isk__safetensors_cover(file, 8 + length) : status;
}

INDISEEK_API isk_status isk_safetensors_open_reader(isk_context *context, const isk_reader *reader,
                                                    isk_safetensors **result) {
    isk_safetensors *file = (isk_safetensors *)isk__allocate_zero(context, 1, sizeof *file);
    isk_status status;
    *result = NULL;
    if (!file) { return isk__no_memory(context, isk__file_name(reader->name), sizeof *file); }
    file->context = context;
    file->reader = *reader;
    file->reader.close = NULL;          /* it stays the caller's */
    status = isk__safetensors_parse(file);
    if (status != ISK_OK) { isk_safetensors_close(file); return status; }
    *result = file;
    return ISK_OK;
}

INDISEEK_API isk_status isk_safetensors_open(isk_context *context, const char *path, isk_safetensors **result) {
    isk_reader reader;
    size_t room = strlen(path) + 1;
    char *name;
    isk_status status;
    *result = NULL;
    status = isk_reader_open(context, path, &reader);
    if (status != ISK_OK) { return status; }
    name = (char *)isk__allocate(context, room, 1);
    if (name) {
        memcpy(name, path, room);
        reader.name = name;
        status = isk_safetensors_open_reader(context, &reader, result);
    } else {
        status = isk__no_memory(context, isk__file_name(path), room);
    }
    if (status != ISK_OK) {
        isk_reader_close(&reader);
        isk__release(context, name);
        return status;
    }
    (*result)->name = name;
    (*result)->reader.close = reader.close;
    return ISK_OK;
}

INDISEEK_API void isk_safetensors_close(isk_safetensors *file) {
    isk_context *context;
    if (!file) { return; }
    context = file->context;
    isk_reader_close(&file->reader);
    isk__release(context, file->texts.items);
    isk__release(context, file->entries);
    isk__release(context, file->store);
    isk__release(context, file->header);
    isk__release(context, file->name);
    isk__release(context, file);
}

INDISEEK_API int isk_safetensors_count(const isk_safetensors *file) { return file->count; }

INDISEEK_API const isk_safetensors_entry *isk_safetensors_get(const isk_safetensors *file, int index) {
    return index >= 0 && index < file->count ? &file->entries[index] : NULL;
}

INDISEEK_API const isk_safetensors_entry *isk_safetensors_find(const isk_safetensors *file, const char *name) {
    int low = 0, high = file->count;
    while (low < high) {
        int middle = low + (high - low) / 2, order = strcmp(name, file->entries[middle].name);
        if (order == 0) { return &file->entries[middle]; }
        if (order < 0) { high = middle; } else { low = middle + 1; }
    }
    return NULL;
}

INDISEEK_API int isk_safetensors_text_count(const isk_safetensors *file) { return file->texts.count; }

INDISEEK_API const char *isk_safetensors_text_key(const isk_safetensors *file, int index) {
    return index >= 0 && index < file->texts.count ? file->texts.items[index].key : NULL;
}

INDISEEK_API const char *isk_safetensors_text(const isk_safetensors *file, const char *key) {
    int low = 0, high = file->texts.count;
    while (low < high) {
        int middle = low + (high - low) / 2, order = strcmp(key, file->texts.items[middle].key);
        if (order == 0) { return file->texts.items[middle].value; }
        if (order < 0) { high = middle; } else { low = middle + 1; }
    }
    return NULL;
}

/* Reads one tensor; exactly one of scalars, wholes and bytes is given. */
static isk_status isk__safetensors_walk(const isk_safetensors *file, const char *name, int flags, uint64_t count,
                                        isk_scalar *scalars, int64_t *wholes, uint8_t *bytes) {
    const isk_safetensors_entry *entry = isk_safetensors_find(file, name);
    const char *path = isk__file_name(file->reader.name);
    int64_t low = bytes ? 0 : INT64_MIN, high = bytes ? UINT8_MAX : INT64_MAX;
    uint64_t done, size;
    isk__entry_text shown;
    isk__shown wanted;
    isk__run run;
    if (!entry) {
        return isk__fail(file->context, ISK_DATA, "%s: has no tensor '%s'", path,
                         isk__show(&wanted, name, strlen(name)));
    }
    if (entry->type > ISK_TYPE_U8) {
        return isk__fail(file->context, ISK_UNSUPPORTED, "%s: tensor %s is of dtype %s; only F32, F64, I32, I64 and U8 "
                         "are read", path, isk__entry_show(&shown, entry), isk__types[entry->type].name);
    }
    if (entry->count != count) {
        return isk__fail(file->context, ISK_SHAPE, "%s: tensor %s holds %llu values where %llu are due", path,
                         isk__entry_show(&shown, entry), (isk__wide)entry->count, (isk__wide)count);
    }
    size = (uint64_t)(isk__types[entry->type].bits / 8);
    for (done = 0; done < count; done += ISK__RUN) {
        size_t part = count - done < ISK__RUN ? (size_t)(count - done) : ISK__RUN, i;
        isk_status status = isk__read_run(file->context, &file->reader, entry->type, 0, entry->offset + done * size,
                                          part, &run);
        if (status != ISK_OK) { return status; }
        for (i = 0; i < part; i++) {
            int64_t whole = 0;
            char text[32];
            if (scalars) {
                const char *problem = isk__run_scalar(&run, i, flags, &scalars[done + i]);
                if (problem) {
                    return isk__fail(file->context, ISK_DATA, "%s: tensor %s: value %llu is %s", path,
                                     isk__entry_show(&shown, entry), (isk__wide)(done + i + 1), problem);
                }
                continue;
            }
            if (!isk__run_whole(&run, i, low, high, &whole)) {
                return isk__fail(file->context, ISK_DATA, "%s: tensor %s: value %llu is %s, not a whole number %s",
                                 path, isk__entry_show(&shown, entry), (isk__wide)(done + i + 1),
                                 isk__run_text(&run, i, text), bytes ? "from 0 to 255" : "of 64 bits");
            }
            if (bytes) { bytes[done + i] = (uint8_t)whole; } else { wholes[done + i] = whole; }
        }
    }
    return ISK_OK;
}

INDISEEK_API isk_status isk_safetensors_read(const isk_safetensors *file, const char *name, int flags, uint64_t count,
                                             isk_scalar *values) {
    return isk__safetensors_walk(file, name, flags, count, values, NULL, NULL);
}

INDISEEK_API isk_status isk_safetensors_read_int64(const isk_safetensors *file, const char *name, uint64_t count,
                                                   int64_t *values) {
    return isk__safetensors_walk(file, name, 0, count, NULL, values, NULL);
}

INDISEEK_API isk_status isk_safetensors_read_bytes(const isk_safetensors *file, const char *name, uint64_t count,
                                                   uint8_t *values) {
    return isk__safetensors_walk(file, name, 0, count, NULL, NULL, values);
}

/* ---- writing ---- */

typedef struct isk__put_entry { isk_safetensors_entry entry; const void *values; } isk__put_entry;

struct isk_safetensors_writer {
    isk_context *context;
    isk_status status;                  /* the first failure, and its sentence */
    char error[512];
    isk__put_entry *entries;            /* names, keys and texts are copies of our own */
    int count, capacity;
    isk__members texts;
    isk__text header;
};

/* Keeps the first failure. */
static isk_status isk__writer_fail(isk_safetensors_writer *writer, isk_status status) {
    writer->status = status;
    memcpy(writer->error, writer->context->error, sizeof writer->error);
    return status;
}

static char *isk__copy_text(const isk_context *context, const char *text) {
    size_t room = strlen(text) + 1;
    char *copy = (char *)isk__allocate(context, room, 1);
    if (copy) { memcpy(copy, text, room); }
    return copy;
}

static int isk__is_utf8(const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = isk__utf8_length(text, left);
        if (length == 0) { return 0; }
        text += length;
        left -= length;
    }
    return 1;
}

INDISEEK_API isk_status isk_safetensors_begin(isk_context *context, isk_safetensors_writer **writer) {
    *writer = (isk_safetensors_writer *)isk__allocate_zero(context, 1, sizeof **writer);
    if (!*writer) { return isk__no_memory(context, "a safetensors writer", sizeof **writer); }
    (*writer)->context = context;
    (*writer)->header.context = context;
    return ISK_OK;
}

INDISEEK_API isk_status isk_safetensors_put_text(isk_safetensors_writer *writer, const char *key, const char *text) {
    isk_context *context = writer->context;
    isk__member *member;
    isk__shown shown;
    if (writer->status != ISK_OK) { return writer->status; }
    if (!isk__is_utf8(key) || !isk__is_utf8(text)) {
        return isk__writer_fail(writer, isk__fail(context, ISK_ARGUMENT, "safetensors: the text '%s' is not UTF-8",
                                                  isk__show(&shown, key, strlen(key))));
    }
    if (writer->texts.count == INT_MAX || !isk__grow(context, (void **)&writer->texts.items, &writer->texts.capacity,
                                                     writer->texts.count + 1, sizeof *member)) {
        return isk__writer_fail(writer, isk__no_memory(context, "safetensors metadata", sizeof *member));
    }
    member = &writer->texts.items[writer->texts.count++];
    member->key = isk__copy_text(context, key);
    member->value = isk__copy_text(context, text);
    if (!member->key || !member->value) {
        return isk__writer_fail(writer, isk__no_memory(context, "safetensors metadata", strlen(key) + strlen(text)));
    }
    return ISK_OK;
}

INDISEEK_API isk_status isk_safetensors_put(isk_safetensors_writer *writer, const char *name, isk_type type,
                                            int dimensions, const int64_t *shape, const void *values) {
    isk_context *context = writer->context;
    const char *problem = NULL;
    isk__put_entry *put;
    isk__shown shown;
    int i;
    if (writer->status != ISK_OK) { return writer->status; }
    if (writer->count == INT_MAX || !isk__grow(context, (void **)&writer->entries, &writer->capacity, writer->count + 1,
                                               sizeof *put)) {
        return isk__writer_fail(writer, isk__no_memory(context, "the list of tensors", sizeof *put));
    }
    put = &writer->entries[writer->count];
    memset(put, 0, sizeof *put);
    if (!isk__is_utf8(name)) { problem = "has a name that is not UTF-8"; }
    if (strcmp(name, "__metadata__") == 0) { problem = "has the name that is kept for texts"; }
    if ((int)type < 0 || type > ISK_TYPE_U8) { problem = "is of a type other than F32, F64, I32, I64 and U8"; }
    if (dimensions < 0 || dimensions > ISK_MAX_DIMENSIONS) { problem = "has fewer than 0 or more than 8 dimensions"; }
    for (i = 0; i < dimensions && !problem; i++) {
        put->entry.shape[i] = shape[i];
        if (shape[i] < 0) { problem = "has a negative dimension"; }
    }
    put->entry.type = type;
    put->entry.dimensions = dimensions;
    if (!problem) { problem = isk__entry_measure(&put->entry); }
    if (!problem && !values && put->entry.count > 0) { problem = "has no values"; }
    if (problem) {
        return isk__writer_fail(writer, isk__fail(context, ISK_ARGUMENT, "safetensors: tensor '%s' %s",
                                                  isk__show(&shown, name, strlen(name)), problem));
    }
    put->values = values;
    put->entry.name = isk__copy_text(context, name);
    if (!put->entry.name) {
        return isk__writer_fail(writer, isk__no_memory(context, "the name of a tensor", strlen(name)));
    }
    writer->count++;
    return ISK_OK;
}

/* Largest values first, so that each tensor is aligned to the size of its values. */
static int isk__put_order(const void *a, const void *b) {
    const isk_safetensors_entry *x = &((const isk__put_entry *)a)->entry, *y = &((const isk__put_entry *)b)->entry;
    int difference = isk__types[y->type].bits - isk__types[x->type].bits;
    return difference ? difference : strcmp(x->name, y->name);
}

static int isk__put_by_name(const void *a, const void *b) {
    return strcmp(((const isk__put_entry *)a)->entry.name, ((const isk__put_entry *)b)->entry.name);
}

static void isk__text_whole(isk__text *text, uint64_t value) {
    char buffer[24];
    snprintf(buffer, sizeof buffer, "%llu", (isk__wide)value);
    isk__text_add(text, buffer);
}

static void isk__writer_header(isk_safetensors_writer *writer) {
    isk__text *text = &writer->header;
    uint64_t end = 0;
    int i, d;
    isk__text_add(text, "{");
    if (writer->texts.count > 0) {
        isk__text_add(text, "\"__metadata__\":{");
        for (i = 0; i < writer->texts.count; i++) {
            if (i > 0) { isk__text_add(text, ","); }
            isk__text_string(text, writer->texts.items[i].key);
            isk__text_add(text, ":");
            isk__text_string(text, writer->texts.items[i].value);
        }
        isk__text_add(text, writer->count > 0 ? "}," : "}");
    }
    for (i = 0; i < writer->count; i++) {
        const isk_safetensors_entry *entry = &writer->entries[i].entry;
        if (i > 0) { isk__text_add(text, ","); }
        isk__text_string(text, entry->name);
        isk__text_add(text, ":{\"dtype\":\"");
        isk__text_add(text, isk__types[entry->type].name);
        isk__text_add(text, "\",\"shape\":[");
        for (d = 0; d < entry->dimensions; d++) {
            if (d > 0) { isk__text_add(text, ","); }
            isk__text_whole(text, (uint64_t)entry->shape[d]);
        }
        isk__text_add(text, "],\"data_offsets\":[");
        isk__text_whole(text, end);
        isk__text_add(text, ",");
        end += entry->bytes;
        isk__text_whole(text, end);
        isk__text_add(text, "]}");
    }
    isk__text_add(text, "}");
    while (!text->failed && text->length % 8 != 0) { isk__text_add(text, " "); }
}

static int isk__safetensors_emit(FILE *file, void *argument) {
    const isk_safetensors_writer *writer = (const isk_safetensors_writer *)argument;
    uint64_t length = writer->header.length;
    unsigned char prefix[8];
    int i;
    for (i = 0; i < 8; i++) { prefix[i] = (unsigned char)(length >> (8 * i)); }
    if (!isk__put_bytes(file, prefix, 8)) { return 0; }
    if (!isk__put_bytes(file, writer->header.data, writer->header.length)) { return 0; }
    for (i = 0; i < writer->count; i++) {
        const isk__put_entry *put = &writer->entries[i];
        if (!isk__put_values(file, put->values, put->entry.type, (size_t)put->entry.count)) { return 0; }
    }
    return 1;
}

/* Sorts, looks for names that stand twice, and writes. */
static isk_status isk__writer_write(isk_safetensors_writer *writer, const char *path) {
    isk_context *context = writer->context;
    isk__members *texts = &writer->texts;
    isk__shown shown;
    uint64_t total = 0;
    int i;
    if (texts->count > 1) { qsort(texts->items, (size_t)texts->count, sizeof *texts->items, isk__member_by_key); }
    for (i = 1; i < texts->count; i++) {
        const char *key = texts->items[i].key;
        if (strcmp(key, texts->items[i - 1].key) == 0) {
            return isk__fail(context, ISK_ARGUMENT, "%s: the text '%s' was put twice", isk__file_name(path),
                             isk__show(&shown, key, strlen(key)));
        }
    }
    if (writer->count > 1) { qsort(writer->entries, (size_t)writer->count, sizeof *writer->entries, isk__put_by_name); }
    for (i = 0; i < writer->count; i++) {
        const char *name = writer->entries[i].entry.name;
        if (i > 0 && strcmp(name, writer->entries[i - 1].entry.name) == 0) {
            return isk__fail(context, ISK_ARGUMENT, "%s: tensor '%s' was put twice", isk__file_name(path),
                             isk__show(&shown, name, strlen(name)));
        }
        if (writer->entries[i].entry.bytes > (uint64_t)INT64_MAX - total) {
            return isk__fail(context, ISK_ARGUMENT, "%s: the tensors are larger than any file can be",
                             isk__file_name(path));
        }
        total += writer->entries[i].entry.bytes;
    }
    if (writer->count > 1) { qsort(writer->entries, (size_t)writer->count, sizeof *writer->entries, isk__put_order); }
    isk__writer_header(writer);
    if (writer->header.failed) { return isk__no_memory(context, "a safetensors header", writer->header.length); }
    if (writer->header.length > ISK__SAFETENSORS_HEADER) {
        return isk__fail(context, ISK_ARGUMENT, "%s: its header would be %llu bytes long; safetensors allows %d",
                         isk__file_name(path), (isk__wide)writer->header.length, ISK__SAFETENSORS_HEADER);
    }
    return isk__write_file_atomic(context, path, isk__safetensors_emit, writer);
}

INDISEEK_API isk_status isk_safetensors_finish(isk_safetensors_writer *writer, const char *path) {
    isk_context *context;
    isk_status status;
    int i;
    if (!writer) { return ISK_OK; }
    context = writer->context;
    status = writer->status;
    if (status != ISK_OK) { memcpy(context->error, writer->error, sizeof writer->error); }
    if (status == ISK_OK && path) { status = isk__writer_write(writer, path); }
    for (i = 0; i < writer->texts.count; i++) {
        isk_free(context, writer->texts.items[i].key);
        isk_free(context, writer->texts.items[i].value);
    }
    for (i = 0; i < writer->count; i++) { isk_free(context, writer->entries[i].entry.name); }
    isk__release(context, writer->texts.items);
    isk__release(context, writer->entries);
    isk__release(context, writer->header.data);
    isk__release(context, writer);
    return status;
}

/* ==== >>model-files: saving, loading, checkpoints ===================================================================== */

static isk_status isk__put_whole(isk_safetensors_writer *writer, const char *key, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return isk_safetensors_put_text(writer, key, text);
}

/* The options, one text each, and what else a design and its data are known by. */
static void isk__put_design(isk_safetensors_writer *writer, const isk__design *design, uint64_t seed, int64_t rows,
                            const char *fingerprint) {
    char key[64], value[40];
    int i;
    isk_safetensors_put_text(writer, "version", ISK_VERSION);
    isk_safetensors_put_text(writer, "method", isk_method_name(design->method));
    isk__put_whole(writer, "seed", seed);
    isk__put_whole(writer, "data.rows", (uint64_t)rows);
    isk_safetensors_put_text(writer, "data.sha256", fingerprint);
    isk__put_whole(writer, "views", (uint64_t)design->view_count);
    for (i = 0; i < design->view_count; i++) {
        snprintf(key, sizeof key, "view%d.cols", i + 1);
        isk__put_whole(writer, key, (uint64_t)design->cols[i]);
        snprintf(key, sizeof key, "given%d.cols", i + 1);
        isk__put_whole(writer, key, (uint64_t)design->given_cols[i]);
    }
    for (i = 0; i < isk_option_count(); i++) {
        snprintf(key, sizeof key, "option.%s", isk_option_get(i)->name);
        isk_safetensors_put_text(writer, key, isk_option_text(&design->options, i, value));
    }
}

/* Shape of a parameter in the file, in PyTorch's layout: matrices [out, in], vectors [n].  Returns the dimensions. */
static int isk__parameter_shape(const isk_graph *graph, const isk__parameter_info *parameter, int64_t shape[2]) {
    const isk__node *node = &graph->nodes[parameter->node];
    shape[0] = node->cols;
    shape[1] = node->rows;
    return parameter->desc.vector ? 1 : 2;
}

/* Between our layout [rows, stride] and the file's, the transpose without padding. */
static void isk__parameter_transpose(const isk_graph *graph, const isk__parameter_info *parameter, isk_scalar *values,
                                     isk_scalar *file, int to_file) {
    const isk__node *node = &graph->nodes[parameter->node];
    int row, col;
    for (col = 0; col < node->cols; col++) {
        for (row = 0; row < node->rows; row++) {
            isk_scalar *ours = values + (size_t)row * (size_t)node->leaf.stride + (size_t)col;
            isk_scalar *theirs = file + (size_t)col * (size_t)node->rows + (size_t)row;
            if (to_file) {
                *theirs = *ours;
            } else {
                *ours = *theirs;
            }
        }
    }
}

static size_t isk__parameter_count_values(const isk_graph *graph) {
    size_t total = 0;
    int i;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__node *node = &graph->nodes[graph->parameters[i].node];
        total += (size_t)node->rows * (size_t)node->cols;
    }
    return total;
}

INDISEEK_API isk_status isk_save(const isk_model *model, const char *path) {
    isk_context *context = model->context;
    isk_graph *graph = model->graph;
    isk_safetensors_writer *writer;
    const isk__item_saved *item;
    size_t total = isk__parameter_count_values(graph);
    isk_scalar *file, *next;
    int64_t shape[2];
    int i;
    isk_status status = isk_safetensors_begin(context, &writer);
    if (status != ISK_OK) { return status; }
    next = file = (isk_scalar *)isk__allocate(context, total + 1, sizeof *file);
    if (!file) {
        isk_safetensors_finish(writer, NULL);
        return isk__no_memory(context, "the weights to be written", isk__mul(total, sizeof *file));
    }
    isk_safetensors_put_text(writer, "format", "indiseek.model");
    isk__put_design(writer, &model->design, model->seed, model->rows, model->fingerprint);
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        isk__parameter_transpose(graph, parameter, isk__parameter_values(graph, &graph->state[0], parameter), next, 1);
        isk_safetensors_put(writer, parameter->name, ISK_TYPE_SCALAR, isk__parameter_shape(graph, parameter, shape), shape, next);
        next += (size_t)node->rows * (size_t)node->cols;
    }
    for (item = model->items; item; item = item->next) {
        if (item->text) { isk_safetensors_put_text(writer, item->name, item->text); }
        if (!item->value.data) { continue; }
        shape[0] = item->value.rows;
        shape[1] = item->value.cols;
        isk_safetensors_put(writer, item->name, ISK_TYPE_SCALAR, 2, shape, item->value.data);
    }
    status = isk_safetensors_finish(writer, path);
    isk__release(context, file);
    return status;
}

/* A whole number of the metadata from 0 to `most`. */
static isk_status isk__get_whole(isk_context *context, const isk_safetensors *file, const char *path, const char *key,
                                 uint64_t most, uint64_t *value) {
    const char *text = isk_safetensors_text(file, key), *end = text;
    *value = 0;
    for (; end && *end >= '0' && *end <= '9'; end++) {
        uint64_t digit = (uint64_t)(*end - '0');
        if (*value > (UINT64_MAX - digit) / 10) { break; }
        *value = 10 * *value + digit;
    }
    if (text && end != text && *end == 0 && *value <= most) { return ISK_OK; }
    return isk__fail(context, ISK_DATA, "%s: metadata '%s' is %s%s%s; it must be a whole number up to %llu", path, key,
                     text ? "'" : "", text ? text : "missing", text ? "'" : "", (unsigned long long)most);
}

static isk_status isk__load_design(isk_context *context, const isk_safetensors *file, const char *path, isk__design *design,
                                   uint64_t *seed, uint64_t *rows) {
    const char *format = isk_safetensors_text(file, "format"), *method = isk_safetensors_text(file, "method");
    char key[64];
    uint64_t number;
    int i;
    isk_status status;
    memset(design, 0, sizeof *design);
    if (!format || strcmp(format, "indiseek.model") != 0) {
        return isk__fail(context, ISK_DATA, "%s: not a model of this library (metadata 'format' is %s%s%s)", path,
                         format ? "'" : "", format ? format : "missing", format ? "'" : "");
    }
    status = isk_method_find(context, method ? method : "", &design->method);
    for (i = 0; i < isk_option_count() && status == ISK_OK; i++) {
        const char *text;
        snprintf(key, sizeof key, "option.%s", isk_option_get(i)->name);
        text = isk_safetensors_text(file, key);
        if (!text) { return isk__fail(context, ISK_DATA, "%s: metadata '%s' is missing", path, key); }
        status = isk_option_set(context, &design->options, isk_option_get(i)->name, text);
    }
    if (status == ISK_OK) { status = isk_options_resolve(context, &design->options, ISK_ROBUST); }
    if (status != ISK_OK) {
        char text[sizeof context->error];
        memcpy(text, context->error, sizeof text);
        return isk__fail(context, ISK_DATA, "%s: %.400s", path, text);
    }
    status = isk__get_whole(context, file, path, "seed", UINT64_MAX, seed);
    if (status == ISK_OK) { status = isk__get_whole(context, file, path, "data.rows", INT64_MAX, rows); }
    if (status == ISK_OK) { status = isk__get_whole(context, file, path, "views", 2, &number); }
    if (status != ISK_OK) { return status; }
    design->view_count = (int)number;
    for (i = 0; i < design->view_count && status == ISK_OK; i++) {
        snprintf(key, sizeof key, "view%d.cols", i + 1);
        status = isk__get_whole(context, file, path, key, 1 << 24, &number);
        design->cols[i] = (int)number;
        snprintf(key, sizeof key, "given%d.cols", i + 1);
        if (status == ISK_OK) { status = isk__get_whole(context, file, path, key, 1 << 24, &number); }
        design->given_cols[i] = (int)number;
        if (status == ISK_OK && (design->cols[i] < 1 || (design->given_cols[i] > 0) != isk__design_given(design))) {
            status = isk__fail(context, ISK_DATA, "%s: view %d has %d columns and %d given ones, which no model has", path, i + 1,
                               design->cols[i], design->given_cols[i]);
        }
    }
    if (status == ISK_OK && (design->view_count < 1 || (design->view_count == 1 && !isk__design_given(design)) ||
                             (isk__design_given(design) && !isk__methods[design->method].specific))) {
        status = isk__fail(context, ISK_DATA, "%s: %d views %s given shared features, which no model of method %s has", path,
                           design->view_count, isk__design_given(design) ? "with" : "without", isk_method_name(design->method));
    }
    return status;
}

/* "3, 4", for messages */
static const char *isk__show_shape(char *text, size_t room, int dimensions, const int64_t *shape) {
    size_t used = 0;
    int i;
    text[0] = 0;
    for (i = 0; i < dimensions && used < room - 24; i++) {
        used += (size_t)snprintf(text + used, room - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    }
    return text;
}

/* Every weight must be there with its shape. */
static isk_status isk__load_shapes(const isk_model *model, const isk_safetensors *file, const char *path) {
    const isk_graph *graph = model->graph;
    int i;
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk_safetensors_entry *entry = isk_safetensors_find(file, parameter->name);
        int64_t shape[2];
        int dimensions = isk__parameter_shape(graph, parameter, shape);
        char there[200], here[200];
        if (!entry) { return isk__fail(model->context, ISK_DATA, "%s: tensor '%s' is missing", path, parameter->name); }
        if (entry->dimensions == dimensions && entry->shape[0] == shape[0] && (dimensions == 1 || entry->shape[1] == shape[1])) {
            continue;
        }
        return isk__fail(model->context, ISK_SHAPE, "%s: tensor '%s' is [%s]; the model's is [%s]", path, parameter->name,
                         isk__show_shape(there, sizeof there, entry->dimensions, entry->shape),
                         isk__show_shape(here, sizeof here, dimensions, shape));
    }
    return ISK_OK;
}

static isk_status isk__load_weights(isk_model *model, const isk_safetensors *file) {
    isk_context *context = model->context;
    isk_graph *graph = model->graph;
    size_t total = isk__parameter_count_values(graph);
    isk_scalar *values = (isk_scalar *)isk__allocate(context, total + 1, sizeof *values);
    isk_status status = values ? ISK_OK : isk__no_memory(context, "the weights", isk__mul(total, sizeof *values));
    int i;
    for (i = 0; i < graph->parameter_count && status == ISK_OK; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        status = isk_safetensors_read(file, parameter->name, 0, (uint64_t)node->rows * (uint64_t)node->cols, values);
        if (status == ISK_OK) {
            isk__parameter_transpose(graph, parameter, isk__parameter_values(graph, &graph->state[0], parameter), values, 0);
        }
    }
    isk__release(context, values);
    return status;
}

/* What isk_model_put and isk_model_put_text kept. */
static isk_status isk__load_items(isk_model *model, const isk_safetensors *file, const char *path) {
    isk_context *context = model->context;
    isk_status status = ISK_OK;
    int i;
    for (i = 0; i < isk_safetensors_text_count(file) && status == ISK_OK; i++) {
        const char *key = isk_safetensors_text_key(file, i);
        if (strncmp(key, "user.", 5) == 0) { status = isk_model_put_text(model, key, isk_safetensors_text(file, key)); }
    }
    for (i = 0; i < isk_safetensors_count(file) && status == ISK_OK; i++) {
        const isk_safetensors_entry *entry = isk_safetensors_get(file, i);
        isk_matrix matrix;
        isk_scalar *values;
        if (strncmp(entry->name, "user.", 5) != 0) { continue; }
        if (entry->dimensions != 2) {
            return isk__fail(context, ISK_SHAPE, "%s: tensor '%s' has %d dimensions; it must have 2", path, entry->name,
                             entry->dimensions);
        }
        values = (isk_scalar *)isk__allocate(context, (size_t)entry->count + 1, sizeof *values);
        if (!values) { return isk__no_memory(context, entry->name, isk__mul((size_t)entry->count, sizeof *values)); }
        matrix.data = values;
        matrix.rows = entry->shape[0];
        matrix.cols = entry->shape[1];
        status = isk_safetensors_read(file, entry->name, ISK_ALLOW_NONFINITE, entry->count, values);    /* as it was put */
        if (status == ISK_OK) { status = isk_model_put(model, entry->name, matrix); }
        isk__release(context, values);
    }
    return status;
}

INDISEEK_API isk_status isk_load(isk_context *context, const char *path, isk_model **out) {
    isk_safetensors *file;
    isk_model *model = NULL;
    isk__design design;
    uint64_t seed = 0, rows = 0;
    const char *fingerprint;
    isk_status status = isk_safetensors_open(context, path, &file);
    *out = NULL;
    if (status != ISK_OK) { return status; }
    status = isk__load_design(context, file, path, &design, &seed, &rows);
    if (status == ISK_OK) { status = isk__model_open(context, &design, seed, &model); }
    if (status == ISK_OK) { status = isk__load_shapes(model, file, path); }
    if (status == ISK_OK) { status = isk__graph_ready(model->graph); }
    if (status == ISK_OK) { status = isk__load_weights(model, file); }
    if (status == ISK_OK) { status = isk__load_items(model, file, path); }
    if (status == ISK_OK) {
        model->rows = (int64_t)rows;
        fingerprint = isk_safetensors_text(file, "data.sha256");
        snprintf(model->fingerprint, sizeof model->fingerprint, "%s", fingerprint ? fingerprint : "");
        *out = model;
    } else {
        isk_model_close(model);
    }
    isk_safetensors_close(file);
    return status;
}

/* ---- checkpoints: the state of every model that has begun, and where its stages stand ---- */

/* SHA-256 of the data, the given features and the split, with their shapes. */
static isk_status isk__fingerprint(isk__training *training) {
    const isk_fit_desc *desc = training->desc;
    isk__sha256 hash;
    int i;
    isk__sha256_open(&hash);
    for (i = 0; i < 2 * desc->view_count; i++) {
        isk_matrix matrix = i % 2 ? desc->given[i / 2] : desc->views[i / 2];
        isk__sha256_add(&hash, &matrix.rows, sizeof matrix.rows);
        isk__sha256_add(&hash, &matrix.cols, sizeof matrix.cols);
        if (matrix.data) { isk__sha256_add(&hash, matrix.data, (size_t)matrix.rows * (size_t)matrix.cols * sizeof(isk_scalar)); }
    }
    if (desc->split) { isk__sha256_add(&hash, desc->split, (size_t)desc->views[0].rows); }
    isk__sha256_close(&hash, training->fingerprint);
    return ISK_OK;
}

static int isk__learner_begun(const isk__training *training, const isk__learner *learner) {
    int i, begun = learner->finished || learner->phase > 0;
    for (i = 0; i < training->plan.stage_count; i++) { begun |= learner->tracks[i].epoch > 0; }
    return begun;
}

/* The stages of one model as 64-bit patterns, which survive the file exactly. */
enum { ISK__PROGRESS_NUMBERS = ISK__MAX_STAGES * (int)ISK__TRACK_NUMBERS + 3 };

static void isk__progress_pack(isk__learner *learner, int64_t *bits, int unpack) {
    double extra[3];
    size_t tracks = sizeof learner->tracks;
    if (unpack) {
        memcpy(learner->tracks, bits, tracks);
        memcpy(extra, (char *)bits + tracks, sizeof extra);
        learner->phase = (int)extra[0];
        learner->finished = (int)extra[1];
        learner->seconds = extra[2];
    } else {
        extra[0] = learner->phase;
        extra[1] = learner->finished;
        extra[2] = learner->seconds;
        memcpy(bits, learner->tracks, tracks);
        memcpy((char *)bits + tracks, extra, sizeof extra);
    }
}

static void isk__design_of_training(const isk__training *training, isk__design *design) {
    int i;
    memset(design, 0, sizeof *design);
    design->method = training->desc->method;
    design->options = training->options;
    design->view_count = training->desc->view_count;
    for (i = 0; i < design->view_count; i++) {
        design->cols[i] = (int)training->desc->views[i].cols;
        design->given_cols[i] = (int)training->desc->given[i].cols;
    }
}

static isk_status isk__checkpoint_write(isk__training *training) {
    isk_context *context = training->context;
    isk_safetensors_writer *writer = NULL;
    isk__design design;
    int64_t *bits = (int64_t *)isk__allocate(context, isk__mul((size_t)training->learner_count, ISK__PROGRESS_NUMBERS), sizeof *bits);
    int i;
    isk_status status = bits ? isk_safetensors_begin(context, &writer) : isk__no_memory(context, "a checkpoint", sizeof *bits);
    if (status != ISK_OK) {
        isk__release(context, bits);
        return status;
    }
    isk__design_of_training(training, &design);
    isk_safetensors_put_text(writer, "format", "indiseek.checkpoint");
    isk__put_design(writer, &design, training->learners[0].seed, training->desc->views[0].rows, training->fingerprint);
    isk__put_whole(writer, "models", (uint64_t)training->learner_count);
    isk__put_whole(writer, "round", (uint64_t)training->rounds);
    for (i = 0; i < training->learner_count; i++) {
        isk__learner *learner = &training->learners[i];
        char key[64], value[40];
        int64_t shape = ISK__PROGRESS_NUMBERS, size = (int64_t)learner->state.size;
        snprintf(key, sizeof key, "model%d.lambda", i);
        isk__format_number(value, learner->options.lambda);
        isk_safetensors_put_text(writer, key, value);
        snprintf(key, sizeof key, "model%d.rate", i);
        isk__format_number(value, learner->options.rate);
        isk_safetensors_put_text(writer, key, value);
        snprintf(key, sizeof key, "model%d.seed", i);
        isk__put_whole(writer, key, learner->seed);
        if (!isk__learner_begun(training, learner)) { continue; }
        isk__progress_pack(learner, bits + (size_t)i * ISK__PROGRESS_NUMBERS, 0);
        snprintf(key, sizeof key, "model%d.progress", i);
        isk_safetensors_put(writer, key, ISK_TYPE_I64, 1, &shape, bits + (size_t)i * ISK__PROGRESS_NUMBERS);
        snprintf(key, sizeof key, "model%d.state", i);
        isk_safetensors_put(writer, key, ISK_TYPE_SCALAR, 1, &size, learner->state.block);
    }
    status = isk_safetensors_finish(writer, training->desc->checkpoint);
    isk__release(context, bits);
    return status;
}

/* MISMATCH when a text of the checkpoint is not what this run would write. */
static isk_status isk__checkpoint_same(isk__training *training, const isk_safetensors *file, const char *key, const char *here) {
    const char *there = isk_safetensors_text(file, key);
    if (there && strcmp(there, here) == 0) { return ISK_OK; }
    return isk__fail(training->context, ISK_MISMATCH, "%s: %s is %s in the checkpoint and %s here; resume with what it was started "
                     "with, or start afresh", training->desc->checkpoint, key, there ? there : "missing", here);
}

static isk_status isk__checkpoint_compare(isk__training *training, const isk_safetensors *file) {
    isk__design design;
    char key[64], value[40];
    int i;
    isk_status status;
    isk__design_of_training(training, &design);
    status = isk__checkpoint_same(training, file, "format", "indiseek.checkpoint");
    if (status == ISK_OK) { status = isk__checkpoint_same(training, file, "version", ISK_VERSION); }
    if (status == ISK_OK) { status = isk__checkpoint_same(training, file, "method", isk_method_name(design.method)); }
    for (i = 0; i < isk_option_count() && status == ISK_OK; i++) {
        snprintf(key, sizeof key, "option.%s", isk_option_get(i)->name);
        status = isk__checkpoint_same(training, file, key, isk_option_text(&design.options, i, value));
    }
    snprintf(value, sizeof value, "%d", training->learner_count);
    if (status == ISK_OK) { status = isk__checkpoint_same(training, file, "models", value); }
    for (i = 0; i < training->learner_count && status == ISK_OK; i++) {
        const isk__learner *learner = &training->learners[i];
        snprintf(key, sizeof key, "model%d.lambda", i);
        isk__format_number(value, learner->options.lambda);
        status = isk__checkpoint_same(training, file, key, value);
        snprintf(key, sizeof key, "model%d.rate", i);
        isk__format_number(value, learner->options.rate);
        if (status == ISK_OK) { status = isk__checkpoint_same(training, file, key, value); }
        snprintf(key, sizeof key, "model%d.seed", i);
        snprintf(value, sizeof value, "%llu", (unsigned long long)learner->seed);
        if (status == ISK_OK) { status = isk__checkpoint_same(training, file, key, value); }
    }
    if (status == ISK_OK && isk__checkpoint_same(training, file, "data.sha256", training->fingerprint) != ISK_OK) {
        status = isk__fail(training->context, ISK_MISMATCH, "%s: the data or the split are not those that the checkpoint was made "
                           "from; resume with the same files, or start afresh", training->desc->checkpoint);
    }
    return status;
}

/* A model goes on in the stage that it had reached, but caches are made again. */
static void isk__learner_rewind(const isk__training *training, isk__learner *learner) {
    int i;
    for (i = 0; i < training->plan.stage_count && !learner->finished; i++) {
        const isk__stage *stage = &training->plan.stages[i];
        if (stage->before && stage->pass_count == 0 && stage->phase < learner->phase) {
            learner->tracks[i].finished = 0;
            learner->phase = stage->phase;
        }
    }
}

static isk_status isk__checkpoint_read(isk__training *training, int *found) {
    isk_context *context = training->context;
    isk_safetensors *file;
    uint64_t round = 0;
    int64_t bits[ISK__PROGRESS_NUMBERS];
    FILE *probe;
    int i;
    isk_status status;
    *found = 0;
    if (!training->desc->checkpoint) { return isk__fail(context, ISK_ARGUMENT, "resume: desc->fit.checkpoint is not set"); }
    probe = fopen(training->desc->checkpoint, "rb");
    if (!probe && errno == ENOENT) { return ISK_OK; }       /* before the first checkpoint: from the start */
    if (probe) { fclose(probe); }
    status = isk_safetensors_open(context, training->desc->checkpoint, &file);
    if (status != ISK_OK) { return status; }
    status = isk__checkpoint_compare(training, file);
    if (status == ISK_OK) { status = isk__get_whole(context, file, training->desc->checkpoint, "round", INT_MAX, &round); }
    for (i = 0; i < training->learner_count && status == ISK_OK; i++) {
        isk__learner *learner = &training->learners[i];
        char key[64];
        snprintf(key, sizeof key, "model%d.progress", i);
        if (!isk_safetensors_find(file, key)) { continue; }
        status = isk_safetensors_read_int64(file, key, ISK__PROGRESS_NUMBERS, bits);
        if (status != ISK_OK) { break; }
        isk__progress_pack(learner, bits, 1);
        isk__learner_rewind(training, learner);
        snprintf(key, sizeof key, "model%d.state", i);
        status = isk_safetensors_read(file, key, ISK_ALLOW_NONFINITE, learner->state.size, learner->state.block);
    }
    isk_safetensors_close(file);
    training->rounds = (int)round;
    *found = status == ISK_OK;
    return status;
}

INDISEEK_API isk_status isk_resume(isk_context *context, const isk_sweep_desc *desc, isk_model **models) {
    return isk__sweep(context, desc, models, 1);
}

#else
static isk_status isk__fingerprint(isk__training *training) { (void)training; return ISK_OK; }
static isk_status isk__checkpoint_write(isk__training *training) {
    return isk__fail(training->context, ISK_UNSUPPORTED, "this build has no files (INDISEEK_NO_FILES), so no checkpoints");
}
static isk_status isk__checkpoint_read(isk__training *training, int *found) {
    *found = 0;
    return isk__checkpoint_write(training);
}
#endif /* INDISEEK_NO_FILES */

ISK__SECTION_END

#ifdef ISK__TUNED
    #pragma GCC pop_options
#endif
#ifdef __cplusplus
}
#endif
#endif /* INDISEEK_IMPLEMENTED */
#endif /* INDISEEK_IMPLEMENTATION */

/* -----------------------------------------------------------------------------------------------------------------------
   Choose the licence that you like.

   A. MIT License.  Copyright (c) 2026 the indiseek authors.
   Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
   documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
   rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
   persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright notice and
   this permission notice shall be included in all copies or substantial portions of the Software.
   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
   WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.  IN NO EVENT SHALL THE AUTHORS OR
   COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

   B. Public domain (www.unlicense.org).  This is free and unencumbered software released into the public domain.  Anyone
   is free to copy, modify, publish, use, compile, sell, or distribute this software, either in source code form or as a
   compiled binary, for any purpose, commercial or non-commercial, and by any means.
   ----------------------------------------------------------------------------------------------------------------------- */
