/* A method of one's own, a Gaussian variational autoencoder (Kingma and Welling 2014): the library trains it, stops it early, resumes,
   saves, loads and transforms it like its own.
       cc -O2 -I. -DINDISEEK_IMPLEMENTATION examples/own_method.c -lm -pthread -o own_method && ./own_method */
#include "indiseek.h"
#include <math.h>
#include <stdio.h>

/* ---- the method: networks, what they minimize, what comes out ---- */

#define VAE_OPTIONS(X) X(REAL, OWN, beta, 1, 1, 1, 0, 0, 1e3, "", "weight of the Kullback-Leibler term (Higgins et al. 2017)")
static const isk_option_info vae_options[] = { VAE_OPTIONS(ISK_OPTION_ROW) };

typedef struct posterior { isk_tensor mean, logvar; } posterior;

/* q(z|x) = N(mean(x), diag(exp(logvar(x)))).  The same for training, held-out rows and a loaded model. */
static posterior encode(isk_recorder *r, isk_sample x) {
    const int dim = isk_recorder_design(r)->options.dim;
    posterior q;
    q.mean = isk_encoder(r, isk_net(r, "vae", "mean"), 0, x, dim);
    q.logvar = isk_clamp(isk_encoder(r, isk_net(r, "vae", "logvar"), 0, x, dim), -8, 8);
    return q;
}

static isk_tensor decode(isk_recorder *r, isk_tensor z) {
    return isk_network(r, isk_net(r, "vae", "decoder"), z, isk_recorder_design(r)->cols[0]);
}

/* -ELBO for unit noise: |g(z) - x|^2 / 2 + beta KL(q(z|x) || N(0, I)), means over the rows of the batch. */
static void vae_terms(isk_recorder *r, int view, isk_tensor *terms) {
    isk_sample x = isk_view_rows(r, view);
    posterior q = encode(r, x);
    isk_tensor zero = isk_affine(q.mean, 0, 0), z = q.mean;
    if (isk_recorder_mode(r) == ISK_MODE_TRAIN) { z = isk_sample_normal(q.mean, q.logvar, isk_standard_normal(q.mean)); }
    terms[1] = isk_squared_error(decode(r, z), x.x);
    terms[2] = isk_mean_all(isk_normal_kl(q.mean, q.logvar, zero, zero));
    terms[0] = isk_add(isk_affine(terms[1], 0.5, 0), isk_affine(terms[2], isk_own_option(isk_recorder_design(r), "beta"), 0));
}

static void vae_outputs(isk_recorder *r, int view) {
    posterior q = encode(r, isk_view_rows(r, view));
    isk_output_add(r, ISK_ROLE_SPECIFIC, NULL, q.mean);
    isk_output_add(r, ISK_ROLE_OTHER, "logvar", q.logvar);
    isk_output_add(r, ISK_ROLE_RECONSTRUCTION, NULL, decode(r, q.mean));
}

static isk_status vae_record(isk_recorder *r) {
    const isk_options *options = &isk_recorder_design(r)->options;
    isk_stage_desc stage = {
        .name = "vae", .of_view = 1, .epochs = options->epochs, .patience = options->patience,
        .passes = { { .terms = vae_terms, .labels = { "loss", "squared_error", "kl" }, .group = "vae" } },
    };
    isk_stage_add(r, &stage);
    return isk_outputs(r, 0, vae_outputs);
}

static const isk_number_info vae_numbers[] = {
    { "loss", "negative evidence lower bound, without its constant", -1, ISK_NUMBER_HELD_OUT, "vae", "loss" },
    { "epochs", "epochs that were run", 0, ISK_NUMBER_EPOCHS, "vae", "" },
    { NULL, NULL, 0, ISK_NUMBER_TRAINED, NULL, NULL },
};

static const isk_method vae = {
    .name = "vae", .words = "a Gaussian variational autoencoder of one view", .can = ISK_LEARNS_SPECIFIC | ISK_DECODES,
    .groups = ISK_READS(TRAINING) | ISK_READS(DIM) | ISK_READS(RATE) | ISK_READS(MAIN) | ISK_READS(NETWORK) | ISK_READS(SEQUENCE),
    .options = vae_options, .option_count = 1, .least_views = 1, .most_views = 1, .numbers = vae_numbers, .record = vae_record,
};

/* ---- its use: as any other ---- */

enum { ROWS = 600, COLS = 8, DIM = 2, SEEDS = 3 };
static isk_scalar x[ROWS][COLS], z[ROWS][DIM], again[ROWS][DIM];

/* Interrupts the first run half way, for the sake of showing how to go on. */
static isk_context *context;
static int runs;
static void half_way(void *user, const isk_progress *progress) {
    (void)user;
    if (runs == 0 && progress->fraction > 0.2) { isk_interrupt(context); }
}

int main(void) {
    isk_sweep_desc sweep = {
        .fit = { .method = &vae, .views = { { .x = { x[0], ROWS, COLS } } }, .view_count = 1, .checkpoint = "own_method.checkpoint",
                 .options = { .dim = DIM, .width = 32, .layers = 3, .epochs = 200, .patience = 20 } },
        .seed_count = SEEDS,
    };
    isk_transform_desc features = { .views = { sweep.fit.views[0] }, .out = { { "specific1", z[0] } } };
    isk_model *models[SEEDS] = { NULL }, *loaded = NULL;
    isk_status status;
    double difference = 0;
    for (int i = 0; i < ROWS; i++) {        /* two causes, seen through eight columns */
        for (int j = 0; j < COLS; j++) { x[i][j] = (isk_scalar)(sin(i * 0.7) * cos(j) + sin(i * 1.9) * sin(j)); }
    }
    remove(sweep.fit.checkpoint);
    context = isk_open(&(isk_context_desc){ .threads = 2, .progress = half_way });
    status = context ? isk_method_add(context, &vae) : ISK_MEMORY;          /* isk_load will look for it by name */
    if (status == ISK_OK) { status = isk_option_set(context, &vae, &sweep.fit.options, "beta", "0.1"); }
    for (; status == ISK_OK || (status == ISK_INTERRUPTED && runs == 1); runs++) {
        status = isk_resume(context, &sweep, models);
        printf("%s\n", status == ISK_INTERRUPTED ? isk_error(context) : "trained");
        if (status == ISK_OK) { break; }
    }
    for (int i = 0; i < SEEDS && status == ISK_OK; i++) {
        const isk_report *report = isk_model_report(models[i]);
        printf("seed %d: held-out loss %.4f after %g epochs\n", i, isk_report_value(report, "loss", 0),
               isk_report_value(report, "epochs", 0));
    }
    if (status == ISK_OK) { status = isk_save(models[0], "own_method.safetensors"); }
    if (status == ISK_OK) { status = isk_load(context, "own_method.safetensors", &loaded); }
    if (status == ISK_OK) { status = isk_transform(models[0], &features); }
    features.out[0].values = again[0];
    if (status == ISK_OK) { status = isk_transform(loaded, &features); }
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < DIM; j++) { difference = fmax(difference, fabs((double)(z[i][j] - again[i][j]))); }
    }
    if (status == ISK_OK) { printf("row 0: %.3f %.3f; the loaded model differs by %g\n", (double)z[0][0], (double)z[0][1], difference); }
    if (status != ISK_OK) { fprintf(stderr, "%s\n", context ? isk_error(context) : "no memory"); }
    isk_model_close(loaded);
    for (int i = 0; i < SEEDS; i++) { isk_model_close(models[i]); }
    isk_close(context);
    return status != ISK_OK;
}
