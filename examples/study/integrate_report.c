/* The report of `study integrate`, its table in a file, and the same in short for the terminal. */
#include "integrate_study.h"

#include "../report/page.h"
#include "../report/repeat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int integrate_first(const integrate_data *d, int seed) { return seed * (1 + d->c.batches); }

/* ---- tables of the ten metrics ---- */

/* In the order of isk_integration_metric, and the three means. */
static const char *const score_titles[SCORES] = { "sil_batch", "iLISI", "kBET", "graph", "PCR", "isolated", "NMI", "ARI", "sil_label",
                                                  "cLISI", "BATCH", "BIO", "TOTAL" };

/* Over the seeds. */
static average over_seeds(const integration_study *s, const integrate_data *d, const integrator *row, const char *field, int at) {
    return integration_average(s, row, &(integration_asked){ field, at, 1 }, 0, s->data_count, integrate_first(d, 1));
}

/* Over seeds and batches left out: there is nothing of the kind where none is. */
static average over_batches(const integration_study *s, const integrate_data *d, const integrator *row, const char *field, int at) {
    (void)d;
    return integration_average(s, row, &(integration_asked){ field, at, 1 }, 0, s->data_count, 1);
}

typedef average (*mean_over)(const integration_study *s, const integrate_data *d, const integrator *row, const char *field, int at);
/* A number of each row: of what field, at which place. */
typedef struct shown_number { const char *field; int at; const char *title; } shown_number;

static void start_table(const char *title, const shown_number *of, int count, sheet_column *columns, sheet *s) {
    *s = (sheet){ .columns = columns };
    columns[s->column_count++] = (sheet_column){ .words = title, .title = title };
    for (int k = 0; k < count; k++) {
        columns[s->column_count++] = (sheet_column){ .words = of[k].title, .title = of[k].title, .form = SHEET_REAL, .decimals = 3,
                                                     .error = SHEET_ERROR_IN_PAGE };
    }
}

static double best_of(const integration_study *s, const integrate_data *d, mean_over over, const shown_number *n) {
    double best = NAN;
    for (int i = 0; i < s->row_count; i++) { best = fmax(best, over(s, d, s->rows[i], n->field, n->at).mean); }
    return best;
}

/* A row of the study where it has any of them; `words` follow its name. */
static void add_row(const integration_study *s, const integrate_data *d, mean_over over, const integrator *row, const char *words,
                    const shown_number *of, const double *best, int count, sheet *to) {
    int any = 0;
    for (int k = 0; k < count; k++) { any |= over(s, d, row, of[k].field, of[k].at).count > 0; }
    if (!any) { return; }
    sheet_row(to);
    sheet_format(to, "%s%s", row->words, words);
    for (int k = 0; k < count; k++) {
        const average a = over(s, d, row, of[k].field, of[k].at);
        sheet_average(to, a);
        if (is_equal(a.mean, best[k])) { sheet_strong(to); }
    }
}

static void end_table(sheet *s, int in_page, text *out) {
    if (in_page) { page_sheet(out, s); } else { sheet_text(s, out); }
    sheet_free(s);
}

/* also: the field of a second row of those that have it, or NULL. */
static void add_scores(const integration_study *s, const integrate_data *d, const char *title, const char *field, const char *also,
                       int in_page, text *out) {
    shown_number of[SCORES], second[SCORES];
    double best[SCORES];
    sheet_column columns[SCORES + 1];
    sheet to;
    for (int k = 0; k < SCORES; k++) {
        of[k] = (shown_number){ field, k, score_titles[k] };
        second[k] = (shown_number){ also ? also : field, k, score_titles[k] };
        best[k] = best_of(s, d, over_seeds, &of[k]);
    }
    start_table(title, of, SCORES, columns, &to);
    for (int i = 0; i < s->row_count; i++) {
        add_row(s, d, over_seeds, s->rows[i], "", of, best, SCORES, &to);
        if (also) { add_row(s, d, over_seeds, s->rows[i], ", labels unknown", second, best, SCORES, &to); }
    }
    end_table(&to, in_page, out);
}

static const shown_number transfers[] = {
    { TRANSFER_ACCURACY, TRANSFER_LINEAR_INV, "linear, inv" }, { TRANSFER_ACCURACY, TRANSFER_LINEAR_ALL, "linear, all" },
    { TRANSFER_ACCURACY, TRANSFER_KNN_INV, "5-NN, inv" }, { TRANSFER_ACCURACY, TRANSFER_KNN_ALL, "5-NN, all" },
    { TRANSFER_ACCURACY, TRANSFER_OWN, "own" }, { TRANSFER_BALANCED, TRANSFER_LINEAR_INV, "balanced: linear, inv" },
    { TRANSFER_BALANCED, TRANSFER_LINEAR_ALL, "linear, all" }, { TRANSFER_BALANCED, TRANSFER_KNN_INV, "5-NN, inv" },
    { TRANSFER_BALANCED, TRANSFER_KNN_ALL, "5-NN, all" }, { TRANSFER_BALANCED, TRANSFER_OWN, "own" },
};
enum { SHOWN_TRANSFERS = sizeof transfers / sizeof *transfers };

static void add_transfers(const integration_study *s, const integrate_data *d, int in_page, text *out) {
    sheet_column columns[SHOWN_TRANSFERS + 1];
    double best[SHOWN_TRANSFERS];
    sheet to;
    for (int k = 0; k < SHOWN_TRANSFERS; k++) { best[k] = best_of(s, d, over_batches, &transfers[k]); }
    start_table("batch left out", transfers, SHOWN_TRANSFERS, columns, &to);
    for (int i = 0; i < s->row_count; i++) { add_row(s, d, over_batches, s->rows[i], "", transfers, best, SHOWN_TRANSFERS, &to); }
    end_table(&to, in_page, out);
}

static int has_any(const integration_study *s, const integrate_data *d, mean_over over, const char *field, int at) {
    return !isnan(best_of(s, d, over, &(shown_number){ field, at, NULL }));
}

/* ---- all of it ---- */

static int has_hidden(const integration_study *s, const integrate_data *d) {
    return has_any(s, d, over_seeds, SCORES_HIDDEN, ISK_INTEGRATION_ILISI);
}

static int has_transfers(const integration_study *s, const integrate_data *d) {
    return has_any(s, d, over_batches, TRANSFER_ACCURACY, TRANSFER_LINEAR_INV);
}

void integrate_report(const integration_study *s, const integrate_data *d, const integrate_settings *settings, text *page) {
    const int seeds = s->w.s->seeds;
    text words = { 0 };
    text_format(&words, "%lld cells of %d batches, %lld genes: which models mix the batches and keep labels apart? Mean (standard error) "
                "over %d seed%s, which also draw the cells whose labels are hidden; all models with the same number of epochs at most.",
                (long long)d->c.counts.rows, d->c.batches, (long long)d->c.counts.cols, seeds, seeds > 1 ? "s" : "");
    page_begin(page, "Integration of batches", words.data ? words.data : "");
    text_free(&words);
    integration_note_diverged(s, page);
    page_paragraph(page, "The ten metrics are those of scib-metrics 0.4, and none is left out: BATCH is the mean of the first five, BIO of "
                         "the others, TOTAL .4 BATCH + .6 BIO. Of models with spurious latent variables the invariant ones are scored.");
    if (has_hidden(s, d)) {
        text lead = { 0 };
        page_heading(page, "Cells whose labels were hidden");
        text_format(&lead, "The labels of %g %% of the labelled cells were given to no model here, and these cells alone are scored. "
                    "This is the table to compare methods by. Embeddings from outside may have seen what they were given.",
                    100 * settings->hide);
        page_paragraph(page, lead.data ? lead.data : "");
        text_free(&lead);
        add_scores(s, d, "hidden labels", SCORES_HIDDEN, NULL, 1, page);
    }
    page_heading(page, "All cells");
    page_paragraph(page, d->c.labels ? "Labels of some of these cells took part in training, so what is scored of labels is in part what "
                                       "was told. Where labels are inputs of the embedding, a second row has none of them."
                                     : "Without labels only the mixture of all batches can be scored.");
    add_scores(s, d, "all cells", SCORES_ALL, SCORES_UNKNOWN, 1, page);
    if (has_transfers(s, d)) {
        page_heading(page, "Labels of a batch that was left out");
        page_paragraph(page, "Models were trained on the other batches with all their labels; logistic regression and 5 neighbours learn "
                             "there on z_inv and on all latent variables, and tell labels of the batch left out; own is what the model "
                             "itself takes for the most probable label. Mean (standard error) over batches and seeds; balanced is the mean "
                             "over labels. A label that the other batches lack counts as wrong.");
        add_transfers(s, d, 1, page);
    }
    repeat_section(page, &s->w.c);
    page_end(page);
}

void integrate_print(const integration_study *s, const integrate_data *d) {
    text out = { 0 };
    if (has_hidden(s, d)) {
        add_scores(s, d, "hidden labels", SCORES_HIDDEN, NULL, 0, &out);
        text_add(&out, "\n");
    }
    add_scores(s, d, d->c.labels ? "all cells (labels took part)" : "all cells", SCORES_ALL, SCORES_UNKNOWN, 0, &out);
    if (has_transfers(s, d)) {
        text_add(&out, "\n");
        add_transfers(s, d, 0, &out);
    }
    text_format(&out, "(mean of %d seed%s; standard errors stand in the report and in integrate.tsv)\n", s->w.s->seeds,
                s->w.s->seeds > 1 ? "s" : "");
    printf("%s", out.data ? out.data : "");
    text_free(&out);
}

static const char *part_name(const char *field, int at) {
    static const char *const of_transfer[TRANSFERS] = { "linear_inv", "linear_all", "knn_inv", "knn_all", "own" };
    static const char *const of_scores[SCORES] = {
#define NAME(name, text, words) text,
        ISK_INTEGRATION_LIST(NAME)
#undef NAME
        "batch", "bio", "total"
    };
    return strncmp(field, TRANSFER_ACCURACY, strlen(TRANSFER_ACCURACY)) == 0 ? of_transfer[at] : of_scores[at];
}

void integrate_tsv(const integration_study *s, text *out) { integration_tsv(s, part_name, out); }
