#include "settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEST_STREAM = 1000003 };     /* so that no test seed is a training seed of a neighbouring call */

typedef struct setting_data { isk_scalar *x, *c, *test_x, *test_c, *reconstruction; } setting_data;

static int data_open(setting_data *d, int setting, int64_t n, int64_t test, uint64_t seed) {
    const size_t size = sizeof *d->x;
    *d = (setting_data){ malloc(size * (size_t)n * SETTING_COLS), malloc(size * (size_t)n * SETTING_SHARED),
                         malloc(size * (size_t)test * SETTING_COLS), malloc(size * (size_t)test * SETTING_SHARED),
                         malloc(size * (size_t)test * SETTING_COLS) };
    if (!d->x || !d->c || !d->test_x || !d->test_c || !d->reconstruction) { return 0; }
    simulate_setting(setting, n, seed, d->x, d->c);
    simulate_setting(setting, test, seed + TEST_STREAM, d->test_x, d->test_c);
    return 1;
}

static void data_close(setting_data *d) {
    free(d->x);
    free(d->c);
    free(d->test_x);
    free(d->test_c);
    free(d->reconstruction);
}

static isk_status encode(void *user, const isk_scalar *x, int64_t rows, isk_scalar *out) {
    return isk_transform(user, &(isk_transform_desc){ .views = { { .x = { x, rows, SETTING_COLS } } }, .out = { { "specific1", out } } });
}

/* Importances, and the error of the decoder on test rows where the method has one. */
static isk_status judge(isk_context *context, isk_model *model, const setting_data *d, int64_t test, setting_run *run) {
    run->error = NAN;
    if (isk_model_cols(model, ISK_ROLE_RECONSTRUCTION, 0)) {
        isk_status status = isk_transform(model, &(isk_transform_desc){
            .views = { { .x = { d->test_x, test, SETTING_COLS }, .given = { d->test_c, test, SETTING_SHARED } } },
            .out = { { "reconstruction1", d->reconstruction } } });
        if (status != ISK_OK) { return status; }
        run->error = 0;
        for (int64_t i = 0; i < test * SETTING_COLS; i++) {
            double miss = (double)d->test_x[i] - (double)d->reconstruction[i];
            run->error += miss * miss / (double)test;
        }
    }
    return isk_importance(context, &(isk_importance_desc){
        .map = encode, .user = model, .cols = SETTING_COLS, .out_cols = isk_model_cols(model, ISK_ROLE_SPECIFIC, 0),
        .importance = run->importance });
}

isk_status setting_sweep(isk_context *context, int setting, int64_t n, int64_t test, isk_sweep_desc *sweep,
                         setting_run *runs) {
    int count = isk_sweep_models(sweep);
    isk_model **models = calloc((size_t)count + 1, sizeof *models);
    setting_data d = { NULL, NULL, NULL, NULL, NULL };
    isk_status status = ISK_MEMORY;
    if (models && data_open(&d, setting, n, test, sweep->fit.seed)) {
        sweep->fit.views[0] = (isk_view){ .x = { d.x, n, SETTING_COLS }, .given = { d.c, n, SETTING_SHARED } };
        sweep->fit.view_count = 1;
        status = sweep->fit.checkpoint ? isk_resume(context, sweep, models) : isk_sweep(context, sweep, models);
    } else {
        isk_set_error(context, status, "no memory for %lld rows", (long long)n);
    }
    for (int i = 0; i < count && status == ISK_OK; i++) {
        const isk_report *report = isk_model_report(models[i]);
        runs[i] = (setting_run){ .lambda = isk_model_options(models[i])->lambda, .seed = isk_model_seed(models[i]),
                                 .seconds = report->seconds, .diverged = report->status != ISK_OK };
        if (!runs[i].diverged) { status = judge(context, models[i], &d, test, &runs[i]); }
    }
    for (int i = 0; models && i < count; i++) { isk_model_close(models[i]); }
    free(models);
    data_close(&d);
    return status;
}

void setting_summarise(const setting_run *runs, int count, setting_summary *s) {
    int good = 0;
    *s = (setting_summary){ .lambda = count ? runs[0].lambda : 0, .runs = count };
    for (int i = 0; i < count; i++) {
        s->seconds += runs[i].seconds;
        s->diverged += runs[i].diverged;
        if (runs[i].diverged) { continue; }
        good++;
        s->unlearned += runs[i].error >= SETTING_UNLEARNED;
        s->error += runs[i].error;
        s->worst_error = fmax(s->worst_error, runs[i].error);
        for (int j = 0; j < SETTING_COLS; j++) { s->mean[j] += runs[i].importance[j]; }
    }
    s->error = good ? s->error / good : NAN;
    for (int j = 0; j < SETTING_COLS; j++) {
        double squares = 0;
        s->mean[j] = good ? s->mean[j] / good : NAN;
        for (int i = 0; i < count; i++) {
            if (!runs[i].diverged) { squares += pow(runs[i].importance[j] - s->mean[j], 2); }
        }
        s->deviation[j] = good > 1 ? sqrt(squares / (good - 1)) : NAN;
    }
}

int setting_derives(int setting) { return setting == 2 || setting == 4; }

double setting_share(int setting, const setting_summary *s) {
    return setting_derives(setting) ? s->mean[4] + s->mean[5] : s->mean[0] + s->mean[1];
}

const char *setting_share_words(int setting) {
    return setting_derives(setting) ? "specific coordinates 5 and 6 together (ideal 1)"
                            : "shared coordinates 1 and 2 together (ideal 0)";
}

enum { RECORD_IMPORTANCE, RECORD_ERROR, RECORD_SECONDS };

records setting_records(void) {
    records r = { .number = "setting", .number_first = 1 };
    records_add_field(&r, "importance", SETTING_COLS);
    records_add_field(&r, "reconstruction_error", 0);
    records_add_field(&r, "seconds", 0);
    return r;
}

void setting_to_record(const setting_run *run, const records *r, const sweep_record *to, int model) {
    for (int j = 0; j < SETTING_COLS; j++) { records_at(r, to, model, RECORD_IMPORTANCE)[j] = run->diverged ? NAN : run->importance[j]; }
    *records_at(r, to, model, RECORD_ERROR) = run->diverged ? NAN : run->error;
    *records_at(r, to, model, RECORD_SECONDS) = run->seconds;
    to->there[model] = 1;
}

setting_run setting_from_record(const configuration *c, const records *r, const sweep_record *from, int model) {
    setting_run run = { .lambda = records_lambda(from, model), .seed = records_seed(c, from, model),
                        .error = *records_at(r, from, model, RECORD_ERROR), .seconds = *records_at(r, from, model, RECORD_SECONDS) };
    for (int j = 0; j < SETTING_COLS; j++) {
        run.importance[j] = records_at(r, from, model, RECORD_IMPORTANCE)[j];
        run.diverged |= !isfinite(run.importance[j]);
    }
    return run;
}

const sheet_column setting_columns[SETTING_COLUMNS] = {
    { .words = "lambda", .title = "mean", .form = SHEET_GENERAL, .width = 8 },
    { .words = "x1", .title = "x1", .form = SHEET_BAR, .width = 8 }, { .words = "x2", .title = "x2", .form = SHEET_BAR, .width = 8 },
    { .words = "x3", .title = "x3", .form = SHEET_BAR, .width = 8 }, { .words = "x4", .title = "x4", .form = SHEET_BAR, .width = 8 },
    { .words = "x5", .title = "x5", .form = SHEET_BAR, .width = 8 }, { .words = "x6", .title = "x6", .form = SHEET_BAR, .width = 8 },
    { .words = "error", .title = "test error", .form = SHEET_BAR, .width = 9, .most = SETTING_COLS },
    { .words = "s/run", .title = "s a run", .form = SHEET_REAL, .decimals = 1, .width = 9 },
};

void setting_cells(const setting_summary *s, sheet *t) {
    for (int j = 0; j < SETTING_COLS; j++) { sheet_number(t, s->mean[j]); }
    sheet_number(t, s->error);
    sheet_number(t, s->seconds / s->runs);
}

static void print_table(const setting_summary *s, int count) {
    sheet t = { .columns = setting_columns, .column_count = SETTING_COLUMNS };
    text out = { 0 };
    for (int i = 0; i < count; i++) {
        sheet_row(&t);
        sheet_number(&t, s[i].lambda);
        setting_cells(&s[i], &t);
        if (s[i].runs - s[i].diverged < 2) { continue; }
        sheet_row(&t);
        sheet_words(&t, "+-");
        for (int j = 0; j < SETTING_COLS; j++) { sheet_number(&t, s[i].deviation[j]); }
    }
    sheet_text(&t, &out);
    printf("%s", out.data ? out.data : "");
    sheet_free(&t);
    text_free(&out);
}

void setting_print(int setting, const setting_summary *s, int count) {
    print_table(s, count);
    for (int i = 0; i < count; i++) {
        printf("lambda %g: %s %.3f", s[i].lambda, setting_share_words(setting), setting_share(setting, &s[i]));
        if (s[i].unlearned) {
            printf("; %d of %d runs left a coordinate unlearned (test error up to %.2f): more --epochs", s[i].unlearned,
                   s[i].runs, s[i].worst_error);
        }
        if (s[i].diverged) { printf("; %d of %d runs diverged", s[i].diverged, s[i].runs); }
        printf("\n");
    }
}
