/* study time: how long the specific features take to train once the shared ones are there, as Table 9 of the paper. */
#include "studies.h"

#include "../base/statistics.h"
#include "../runs/records.h"
#include "../runs/study.h"
#include "../runs/views.h"

#include "../report/page.h"
#include "../report/repeat.h"
#include "../runs/simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* ---- what the paper measured ---- */

/* Training rows and columns of its data (vision and text; MIMIC: static and one step of the series), and its seconds
   for 2000 epochs of batches of 128 by transformers on a GPU: Table 9, mean over 10 seeds.  NaN: not in that table. */
enum { PAPER_EPOCHS = 2000, PAPER_BATCH = 128, PAPER_METHODS = 3 };
static const isk_method *const paper_methods[PAPER_METHODS] = { ISK_INDISEEK, ISK_FACTORIZEDCL, ISK_INFODISEN };
static const struct paper { const char *name; int rows, cols[2]; double seconds[PAPER_METHODS]; } papers[] = {
    { "mosi", 1284, { 20, 300 }, { 711, 735, 718 } },
    { "mosei", 16265, { 35, 300 }, { 8143, 8327, 8132 } },
    { "ur-funny", 8074, { 371, 300 }, { 4075, 4197, 4070 } },
    { "mustard", 414, { 371, 300 }, { 263, 272, 265 } },
    { "mimic", 26093, { 5, 12 }, { 13274, 13593, 13260 } },
};
enum { PAPER_COUNT = sizeof papers / sizeof *papers };

/* ---- options ---- */

typedef struct settings {
    study_settings study;           /* seeds: repetitions */
    view_settings views;
    const char *like;
} settings;

#define FIELD(name) offsetof(settings, name)
#define STUDY(name) STUDY_OFFSET(FIELD(study), name)
static const option options[] = {
    { "like", OPTION_TEXT, FIELD(like), "LIST",
      "without files: simulated data of the size of the paper's sets [mosi,mosei,ur-funny,mustard,mimic]", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "methods", OPTION_TEXT, STUDY(methods), "LIST",
      "methods, with commas between [all that train specific features of these views]", 0, 0, NULL },
    { "repetitions", OPTION_INT, STUDY(seeds), "N", "fits of each, one after the other, methods in turn [3]", 1, 1000,
      NULL },
    { "seed", OPTION_SEED, STUDY(seed), "SEED", "of the first repetition; the next has one more [0]", 0, 0, NULL },
    { "preset", OPTION_TEXT, STUDY(preset), "NAME",
      "where other options have their defaults from: robust, paper or simulation [paper]", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, STUDY(out), "DIR", "gets results.json and report.html; made if missing", 0, 0, NULL },
    { "json", OPTION_TEXT, STUDY(json), "FILE", "an array with one object for each fit", 0, 0, NULL },
    { "quiet", OPTION_FLAG, STUDY(quiet), NULL, "no progress", 0, 0, NULL },
    DEVICE_OPTIONS(STUDY(device)),
};

static const command about = {
    .name = "study time", .usage = "[--x1 FILE --x2 FILE] [OPTION]...",
    .about = "How many seconds the specific features of all views take to train after the shared ones (Gui, Ma and Ma\n"
             "2025, Table 9): of each method, on your data or on simulated data of the size of theirs.",
    .examples = "  study time --out times\n"
                "  study time --x1 a.npy --x2 b.npy --methods indiseek,infodisen --repetitions 10 --out times\n",
    .library = 1, .library_offset = STUDY(options),
    .notes = "--epochs and --residual-epochs are 10 here unless given: a step takes the same time in every epoch.\n"
             "Fits are not diagnosed meanwhile, and all rows train.  Nothing is resumed: times of two occasions\n"
             "are no one table.\n",
};

/* ---- measuring ---- */

/* Fields of a fit. */
enum { TIMED_ROWS, TIMED_COLUMNS, TIMED_EPOCHS, TIMED_STEPS, TIMED_SECONDS, TIMED_PER_STEP, TIMED_PAPER };

typedef struct set {
    const char *name;
    int64_t rows;
    int cols[ISK_MAX_VIEWS], steps[ISK_MAX_VIEWS], views;   /* steps: of a sequence, whose cols are those of all steps; else 0 */
    const struct paper *paper;
} set;

typedef struct job {
    settings s;
    study w;
    views v;                        /* of files */
    simulated simulated;
    set sets[PAPER_COUNT];
    const char *names[PAPER_COUNT]; /* of the sets */
    int set_count;
    records times;                  /* a sweep is a method on a set, a model a repetition */
} job;

/* Called after every round of epochs: the last call in the shared stage stands at its end. */
static void watch(void *user, const isk_progress *now) {
    study *w = user;
    if (strcmp(now->stage, "shared") == 0) { w->stage_ended = progress_clock(); }
}

static isk_status find_sets(job *j) {
    char word[32];
    if (j->v.count) {
        set *s = &j->sets[j->set_count++];
        *s = (set){ .name = "data", .rows = j->v.rows, .views = j->v.count };
        for (int i = 0; i < j->v.count; i++) {
            s->cols[i] = (int)j->v.x[i].cols;
            s->steps[i] = j->v.recipe[i].steps;
        }
        return ISK_OK;
    }
    for (const char *at = j->s.like; at;) {
        const char *comma = strchr(at, ',');
        int k = 0;
        snprintf(word, sizeof word, "%.*s", comma ? (int)(comma - at) : (int)strlen(at), at);
        while (k < PAPER_COUNT && strcmp(papers[k].name, word) != 0) { k++; }
        if (k == PAPER_COUNT || j->set_count == PAPER_COUNT) {
            return isk_set_error(j->w.context, ISK_ARGUMENT, k == PAPER_COUNT ?
                                 "--like has \"%s\"; there are mosi, mosei, ur-funny, mustard and mimic" :
                                 "--like has more than all sets; \"%s\" is one too many", word);
        }
        j->sets[j->set_count++] = (set){ .name = papers[k].name, .rows = papers[k].rows, .views = 2, .paper = &papers[k],
                                         .cols = { papers[k].cols[0], papers[k].cols[1] } };
        at = comma ? comma + 1 : NULL;
    }
    return ISK_OK;
}

static isk_status open_set(job *j, const set *s) {
    isk_fit_desc *fit = &j->w.sweep.fit;
    fit->view_count = s->views;
    if (j->v.count) { views_give(&j->v, fit); }
    if (j->v.count) { return ISK_OK; }
    simulated_free(&j->simulated);
    if (!simulate_two_views(&j->simulated, s->rows, s->cols[0], s->cols[1], 2, 0.3, j->s.study.seed)) {
        return isk_set_error(j->w.context, ISK_MEMORY, "no memory for %lld rows", (long long)s->rows);
    }
    fit->views[0].x = (isk_matrix){ j->simulated.x1, s->rows, s->cols[0] };
    fit->views[1].x = (isk_matrix){ j->simulated.x2, s->rows, s->cols[1] };
    return ISK_OK;
}

static void add_fields(job *j) {
    static const char *const fields[] = { [TIMED_ROWS] = "rows", [TIMED_COLUMNS] = "columns", [TIMED_EPOCHS] = "epochs",
                                          [TIMED_STEPS] = "steps", [TIMED_SECONDS] = "seconds", [TIMED_PER_STEP] = "seconds_per_step",
                                          [TIMED_PAPER] = "paper_seconds_2000_epochs" };
    for (int i = 0; i < (int)(sizeof fields / sizeof *fields); i++) {
        records_add_field(&j->times, fields[i], i == TIMED_COLUMNS ? j->sets[0].views : 0);         /* which all sets have */
    }
    for (int k = 0; k < j->set_count; k++) { j->names[k] = j->sets[k].name; }
    j->times.number = "data";
    j->times.number_first = j->times.without_lambda = 1;
    j->times.words = j->names;
    j->times.word_count = j->set_count;
}

/* Batches of an epoch. */
static int batches(const job *j, const set *s) {
    const int64_t batch = j->w.resolved.batch;
    const int keep = j->w.resolved.last_batch == ISK_LAST_KEEP;
    return (int)(keep || s->rows < batch ? (s->rows + batch - 1) / batch : s->rows / batch);
}

static double paper_seconds(const set *s, const isk_method *method) {
    for (int k = 0; s->paper && k < PAPER_METHODS; k++) {
        if (paper_methods[k] == method) { return s->paper->seconds[k]; }
    }
    return NAN;
}

/* Of the view that took most. */
static int epochs_of(const isk_report *report) {
    double most = 0;
    for (int view = 0; view < ISK_MAX_VIEWS; view++) { most = fmax(most, isk_report_value(report, "epochs", view)); }
    return (int)most;
}

static isk_status keep(job *j, int which, const isk_method *method, int repetition, int epochs, double seconds) {
    const set *s = &j->sets[which];
    const int steps = epochs * batches(j, s);
    sweep_record *to = records_find(&j->times, isk_method_name(method), which + 1);
    if (!to) { to = records_add(&j->times, isk_method_name(method), which + 1, NULL, 0, j->s.study.seeds); }
    if (!to) { return no_memory(j->w.context, "times"); }
    *records_at(&j->times, to, repetition, TIMED_ROWS) = (double)s->rows;
    for (int v = 0; v < s->views; v++) { records_at(&j->times, to, repetition, TIMED_COLUMNS)[v] = s->cols[v]; }
    *records_at(&j->times, to, repetition, TIMED_EPOCHS) = epochs;
    *records_at(&j->times, to, repetition, TIMED_STEPS) = steps;
    *records_at(&j->times, to, repetition, TIMED_SECONDS) = seconds;
    *records_at(&j->times, to, repetition, TIMED_PER_STEP) = steps ? seconds / steps : NAN;
    *records_at(&j->times, to, repetition, TIMED_PAPER) = paper_seconds(s, method);
    to->there[repetition] = 1;
    return ISK_OK;
}

/* One fit.  Methods without specific features are passed over, by default also those that refuse the data: *done is
   0 then. */
static isk_status measure(job *j, int which, const isk_method *method, int repetition, int *done) {
    isk_fit_desc fit = j->w.sweep.fit;
    isk_model *model = NULL;
    double ended;
    isk_status status;
    int refused;
    fit.method = method;
    fit.seed += (uint64_t)repetition;
    j->w.stage_ended = progress_clock();                    /* where a method has no shared stage */
    status = isk_fit(j->w.context, &fit, &model);
    ended = progress_clock();
    progress_end(&j->w.bar);
    *done = 0;
    refused = status == ISK_UNSUPPORTED || (status == ISK_ARGUMENT && method->most_views > 0 && method->most_views < fit.view_count);
    if (refused && !j->s.study.methods) {
        progress_say(&j->w.bar, "%s is left out: %s", isk_method_name(method), isk_error(j->w.context));
        return ISK_OK;
    }
    if (status == ISK_OK && isk_model_cols(model, ISK_ROLE_SPECIFIC, 0)) {
        status = keep(j, which, method, repetition, epochs_of(isk_model_report(model)), ended - j->w.stage_ended);
        *done = 1;
    } else if (status == ISK_OK && !repetition) {
        progress_say(&j->w.bar, "%s trains no specific features", isk_method_name(method));
    }
    isk_model_close(model);
    return status;
}

/* Methods take turns, so that a machine that slows down slows all of them. */
static isk_status measure_all(job *j) {
    const int methods = j->w.method_count, repetitions = j->s.study.seeds;
    isk_status status = ISK_OK;
    j->w.bar.pieces = j->set_count * repetitions * methods;
    j->w.bar.mute = 1;
    for (int k = 0; k < j->set_count && status == ISK_OK; k++) {
        int skip[ISK_MOST_METHODS] = { 0 };
        status = open_set(j, &j->sets[k]);
        for (int i = 0; i < repetitions * methods && status == ISK_OK; i++) {
            int done;
            char what[96];
            if (skip[i % methods]) { continue; }
            snprintf(what, sizeof what, "%s, %s", j->sets[k].name, isk_method_name(j->w.methods[i % methods]));
            j->w.bar.piece = (k * repetitions) * methods + i;
            j->w.bar.what = what;
            status = measure(j, k, j->w.methods[i % methods], i / methods, &done);
            skip[i % methods] = !done;
            j->w.bar.what = NULL;
        }
    }
    return status == ISK_OK && !j->times.count ? isk_set_error(j->w.context, ISK_DATA, "no method trained specific features") : status;
}

/* ---- results ---- */

static average mean_of(const job *j, int which, const isk_method *method, int field) {
    const sweep_record *s = records_find(&j->times, isk_method_name(method), which + 1);
    if (!s) { return (average){ NAN, NAN, 0 }; }
    return average_of(records_at(&j->times, s, 0, field), s->seeds, records_width(&j->times));
}

/* The paper gives no time of a step: its seconds over 2000 epochs of ceil(rows / 128) batches. */
static double paper_step(const set *s, const isk_method *method) {
    return paper_seconds(s, method) / (PAPER_EPOCHS * ceil((double)s->rows / PAPER_BATCH));
}

/* The processor's name where the system tells it. */
static void machine(text *out) {
    struct utsname system;
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (uname(&system) == 0) { text_format(out, "%s %s", system.sysname, system.machine); }
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) { continue; }
        colon[strcspn(colon, "\n")] = 0;
        text_format(out, ",%s", colon + 1);
        break;
    }
    if (file) { fclose(file); }
}

static void configure(job *j) {
    configuration *c = &j->w.c;
    text words = { 0 };
    machine(&words);
    configuration_add(c, "version", ISK_VERSION, 1);
    configuration_add(c, "machine", words.data ? words.data : "", 1);
    configuration_number(c, "threads", j->s.study.device.threads);      /* 0: all; made_on says how many */
    configuration_add(c, "preset", j->s.study.preset, 1);
    configuration_options(c, &j->w.resolved);
    text_free(&words);
}

/* ---- report ---- */

static const sheet_column time_columns[] = {
    { .words = "", .title = "method", .width = 20 },
    { .words = "seconds", .title = "seconds", .form = SHEET_REAL, .width = 12, .error = SHEET_ERROR_IN_PAGE },
    { .words = "ms a step", .title = "ms a step", .form = SHEET_REAL, .width = 12, .error = SHEET_ERROR_IN_PAGE },
    { .title = "2000 epochs at that rate, s", .form = SHEET_REAL, .decimals = 1 },
    { .title = "the paper's s, 2000 epochs", .form = SHEET_REAL, .decimals = -1 },
    { .words = "the paper's ms a step", .title = "the paper's ms a step", .form = SHEET_REAL, .decimals = 1 },
};
enum { TIME_COLUMNS = sizeof time_columns / sizeof *time_columns };

/* Methods on one set; the last columns where it is the paper's. */
static void times_sheet(const job *j, int which, const sheet_column *columns, sheet *t) {
    const set *s = &j->sets[which];
    *t = (sheet){ .columns = columns, .column_count = s->paper ? TIME_COLUMNS : TIME_COLUMNS - 2 };
    for (int i = 0; i < j->w.method_count; i++) {
        const isk_method *method = j->w.methods[i];
        const average all = mean_of(j, which, method, TIMED_SECONDS), step = mean_of(j, which, method, TIMED_PER_STEP);
        if (!all.count) { continue; }
        sheet_row(t);
        sheet_words(t, isk_method_name(method));
        sheet_average(t, all);
        sheet_average(t, (average){ 1e3 * step.mean, 1e3 * step.error, step.count });
        sheet_number(t, step.mean * batches(j, s) * PAPER_EPOCHS);
        sheet_number(t, paper_seconds(s, method));
        sheet_number(t, 1e3 * paper_step(s, method));
    }
}

static void set_section(const job *j, int which, text *page) {
    const set *s = &j->sets[which];
    sheet_column columns[TIME_COLUMNS];
    char seconds[48], title[160];
    text cols = { 0 };
    sheet t;
    for (int i = 0; i < s->views; i++) {
        text_add(&cols, i ? " + " : "");
        if (s->steps[i]) { text_format(&cols, "%d x ", s->steps[i]); }
        text_format(&cols, "%d", s->cols[i] / (s->steps[i] ? s->steps[i] : 1));
    }
    snprintf(title, sizeof title, s->paper ? "Simulated, of the size of %s: %lld rows of %s" : "%s: %lld rows of %s",
             s->name, (long long)s->rows, cols.data ? cols.data : "");
    text_free(&cols);
    snprintf(seconds, sizeof seconds, "s, %d epochs", j->w.resolved.epochs);
    page_heading(page, title);
    memcpy(columns, time_columns, sizeof columns);
    columns[1].title = seconds;
    times_sheet(j, which, columns, &t);
    page_sheet(page, &t);
    sheet_free(&t);
}

static void report(const job *j, text *page) {
    text lead = { 0 };
    text_format(&lead, "Seconds to train the specific features of all views, after the shared ones (Gui, Ma and Ma "
                "2025, Table 9). Measured here: mean (standard error) of %d repetition%s. A step is one batch of "
                "every view.",
                j->s.study.seeds, j->s.study.seeds > 1 ? "s" : "");
    page_begin(page, "Time of training", lead.data ? lead.data : "");
    text_free(&lead);
    if (j->sets[0].paper) {
        page_paragraph(page, "The paper's numbers are the paper's: transformers on sequences, on a GPU that it does not "
                             "name. Here the networks are MLPs on vectors with the same rows and columns, so the two are "
                             "not the same work.");
    }
    page_paragraph(page, "What a method does once between the shared and the specific features, as the regressions of "
                         "residual-indiseek (residual_epochs), is part of its seconds and so of its steps.");
    for (int k = 0; k < j->set_count; k++) { set_section(j, k, page); }
    repeat_section(page, &j->w.c);
    page_end(page);
}

static void print_all(const job *j) {
    text out = { 0 };
    for (int k = 0; k < j->set_count; k++) {
        const set *s = &j->sets[k];
        sheet t;
        text_format(&out, "%s%s, %lld rows, %d epochs of %d steps\n", k ? "\n" : "", s->name, (long long)s->rows, j->w.resolved.epochs,
                    batches(j, s));
        times_sheet(j, k, time_columns, &t);
        sheet_text(&t, &out);
        sheet_free(&t);
    }
    printf("%s", out.data ? out.data : "");
    text_free(&out);
}

static isk_status nothing_to_resume(void *user, const char *path) {
    (void)user;
    (void)path;
    return ISK_OK;
}

static isk_status write_all(job *j) {
    isk_status status = ISK_OK;
    text out = { 0 }, page = { 0 };
    if (j->s.study.out) {
        records_write(&j->times, &j->w.c, &out);
        report(j, &page);
        status = study_write(&j->w, &out, &page);
        text_free(&out);
        text_free(&page);
    }
    if (status == ISK_OK && j->s.study.json) {
        records_runs(&j->times, &j->w.c, "  ", &out);
        text_add(&out, "\n");
        status = write_text(j->w.context, j->s.study.json, &out);
        text_free(&out);
    }
    return status;
}

static isk_status run(void *user) {
    job *j = user;
    uint8_t *part = NULL;
    isk_status status = study_prepare(&j->w);
    if (status == ISK_OK) { status = can_write(j->w.context, j->s.study.json); }
    if (status == ISK_OK) { status = views_contiguous(j->w.context, &j->s.views); }
    if (status == ISK_OK) { status = views_read(&j->v, j->w.context, &j->s.views, 0); }
    if (status == ISK_OK && j->v.count) {
        part = calloc((size_t)j->v.rows + 1, 1);            /* all of them ISK_TRAIN */
        status = part ? views_prepare(&j->v, &j->s.views, part) : no_memory(j->w.context, "rows");
        if (status == ISK_OK) { views_say(&j->v, &j->s.views, &j->w.bar); }
    }
    if (status == ISK_OK) { status = find_sets(j); }
    if (status == ISK_OK && j->s.study.out) { status = study_folder(&j->w, nothing_to_resume, j); }
    if (status == ISK_OK) {
        configure(j);
        add_fields(j);
        status = measure_all(j);
    }
    free(part);
    if (status != ISK_OK) { return status; }
    study_made(&j->w);
    print_all(j);
    return write_all(j);
}

int study_time(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    option_table *t = calloc(1, sizeof *t);
    int code;
    if (!j || !t) {
        free(j);
        free(t);
        return fail(about.name, ISK_MEMORY, NULL);
    }
    option_table_make(t, &about, "Data (--x1 and --x2; --x3 ... where there are more views)", FIELD(views), 1, options,
                      (int)(sizeof options / sizeof *options));
    j->s = (settings){ .like = "mosi,mosei,ur-funny,mustard,mimic",
                       .study = { .seeds = 3, .preset = "paper", .device = DEVICE_DEFAULTS,
                                  .options = { .epochs = 10, .shared_epochs = 1, .residual_epochs = 10,
                                               .diagnoses = ISK_NONE, .validation = ISK_NONE } } };
    view_defaults(&j->s.views);
    code = options_parse(&t->command, argc - 1, argv + 1, &j->s);
    if (code < 0) {
        j->w = (study){ .command = &t->command, .s = &j->s.study, .watch = watch, .argc = argc, .argv = argv };
        code = study_run(&j->w, run, j);
        views_free(&j->v);
        simulated_free(&j->simulated);
        records_free(&j->times);
    }
    free(t);
    free(j);
    return code;
}
