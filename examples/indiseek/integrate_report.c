#include "integrate.h"

#include "../report/cells_page.h"
#include "../report/curves.h"
#include "../report/plots.h"
#include "../report/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what may be believed ---- */

static void add_verdicts(const integrate_job *j, text *page) {
    const integration *n = &j->scores;
    const double before = n->batch[INTEGRATION_BEFORE][1], after = n->batch[INTEGRATION_INVARIANT][1];
    text words = { 0 };
    char one[32], two[32];
    page_verdicts_begin(page);
    if (isfinite(before) && isfinite(after)) {
        text_format(&words, "A network tells %s of the batch from the invariant latents", fixed(after, 2, one));
        text_format(&words, ", and %s from principal components of the same counts (R², on cells that it was not fitted on).",
                    fixed(before, 2, two));
        page_verdict(page, after < 0.1 ? PAGE_GOOD : after < before / 2 ? PAGE_NEUTRAL : PAGE_WARNING, "Batch", words.data);
        text_free(&words);
    }
    if (isfinite(n->accuracy[INTEGRATION_INVARIANT])) {
        const double here = n->accuracy[INTEGRATION_INVARIANT], there = n->accuracy[INTEGRATION_BEFORE];
        text_format(&words, "Of the labels that were hidden a logistic regression names %s right by the invariant latents", fixed(here,
                                                                                                                                  3, one));
        text_format(&words, ", and %s by principal components.", fixed(there, 3, two));
        page_verdict(page, here >= there - 0.01 ? PAGE_GOOD : PAGE_WARNING, "Types", words.data);
        text_free(&words);
    }
    if (j->made.sees_known && j->g.types) {
        page_verdict(page, PAGE_WARNING, "Labels were inputs", "The labels were inputs of this embedding: scores of label conservation on "
                     "the "
                     "same labels are not evidence. Cells whose labels were hidden had none as input, too.");
    }
    if (n->alone.count) {
        page_verdict(page, PAGE_WARNING, "Cannot be told apart", n->alone.count == 1 ?
                     "A type occurs in one batch only: whether it is a type or that batch, nothing here can say." :
                     "Some types occur in one batch only: whether they are types or that batch, nothing here can say.");
    }
    if (!j->g.types) {
        page_verdict(page, PAGE_NEUTRAL, "No labels", "Nothing says how much biology was kept: --labels COLUMN, also of few cells, does.");
    }
    page_verdicts_end(page);
}

static void add_scores(const integrate_job *j, text *page) {
    sheet_column columns[INTEGRATION_COLUMNS];
    sheet s;
    text words = { 0 };
    page_heading(page, "What can be told");
    integration_caveats(&j->scores, &j->g, &j->made, &words);
    text_format(&words, "R² are of the batch, and of the label, one column a level, on %lld cells that the regression was not fitted on: "
                "the invariant latents should tell little of the batch%s.", (long long)j->scores.asked,
                j->made.spurious.data ? ", the spurious ones little of the label" : "");
    page_paragraph(page, words.data ? words.data : "");
    text_free(&words);
    integration_sheet(&j->scores, j->g.types != NULL, columns, &s);
    page_sheet(page, &s);
    sheet_free(&s);
}

static void add_ten(const integrate_job *j, text *page) {
    const integration_ten *all = &j->scores.ten[INTEGRATION_ALL], *hidden = &j->scores.ten[INTEGRATION_HIDDEN];
    const isk_integration_report *r = &all->report[1];
    sheet_column columns[TEN_COLUMNS];
    sheet s;
    text words = { 0 };
    if (!all->cells) { return; }
    page_heading(page, "Ten metrics of integration");
    text_format(&words, "All ten as scib-metrics defines them, none left out, on %lld cells; 1 is best. ", (long long)all->cells);
    if (hidden->cells) {
        text_format(&words, "Those of labels, from isolated_labels on, look better than they are where labels were given in training: the "
                    "last two columns are of the %lld cells whose labels were hidden. ", (long long)hidden->cells);
    } else if (j->g.types) {
        text_add(&words, "All labels were given in training, so that the metrics of labels are no evidence. ");
    }
    if (r->isolated && r->isolated == r->labels) {
        text_add(&words, "Every label is in as many batches: isolated_labels is then of all labels, and says nothing of isolated ones. ");
    }
    page_paragraph(page, words.data ? words.data : "");
    text_free(&words);
    integration_ten_sheet(&j->scores, columns, &s);
    page_sheet(page, &s);
    sheet_free(&s);
}

/* ---- the data ---- */

static void add_data(const integrate_job *j, text *page) {
    const gathered *g = &j->g;
    const names *batches = gathered_levels(g, GATHERED_BATCH), *types = gathered_levels(g, GATHERED_LABEL);
    const page_modality rna = { .name = "rna", .kind = "rna", .source = j->s->gather.counts ? j->s->gather.counts : "X", .cells = g->c.rows,
                                .features = g->genes.of, .columns = g->genes.names.count,
                                .prepared = g->counts ? "counts of the genes that vary most within batches" : "as it is" };
    char batch[160], type[160], hidden[32], zero[32];
    const char *facts[12] = { NULL };
    int count = 0;
    snprintf(batch, sizeof batch, "%lld of %.120s", (long long)batches->count, gathered_name(g, GATHERED_BATCH));
    facts[count++] = "batches";
    facts[count++] = batch;
    if (types) {
        snprintf(type, sizeof type, "%lld of %.120s", (long long)types->count, gathered_name(g, GATHERED_LABEL));
        snprintf(hidden, sizeof hidden, "%lld", (long long)g->hidden_count);
        facts[count++] = "types";
        facts[count++] = type;
        facts[count++] = "labels hidden from training";
        facts[count++] = hidden;
    }
    snprintf(zero, sizeof zero, "%lld", (long long)g->genes.zero);
    facts[count++] = "genes without a count";
    facts[count++] = zero;
    cells_page_data(page, &(page_data){ .source = g->c.path ? g->c.path : "several files", .cells = g->c.rows, .complete = g->c.rows,
                                        .modalities = &rna, .count = 1, .facts = facts });
}

/* ---- pictures ---- */

static const char *cell_name(const void *user, int64_t row) { return names_get(user, row); }

typedef struct colour { plots_column column; const char **classes; } colour;

/* classes [levels] to be freed; codes are the caller's. */
static isk_status make_colour(const integrate_job *j, colour *to, const char *name, const names *levels, const int32_t *codes) {
    to->classes = malloc(sizeof *to->classes * ((size_t)levels->count + 1));
    if (!to->classes) { return no_memory(j->t.context, "the report"); }
    for (int64_t i = 0; i < levels->count; i++) { to->classes[i] = names_get(levels, i); }
    to->column = (plots_column){ .name = name, .codes = codes, .classes = to->classes, .count = (int)levels->count };
    return ISK_OK;
}

/* By batch and by label, each a plain picture beside the page's own that can be coloured by both. */
static isk_status add_pictures(const integrate_job *j, text *page) {
    const names *types = gathered_levels(&j->g, GATHERED_LABEL);
    colour colours[3] = { { { 0 }, NULL }, { { 0 }, NULL }, { { 0 }, NULL } };
    plots_column columns[3];
    int count = 0;
    plots p;
    isk_status status;
    if (!j->pictures.count) { return ISK_OK; }
    status = make_colour(j, &colours[count++], "batch", gathered_levels(&j->g, GATHERED_BATCH), j->g.batches);
    if (status == ISK_OK && types) { status = make_colour(j, &colours[count++], "label", types, j->g.types); }
    if (status == ISK_OK && types && j->made.predicted) {
        status = make_colour(j, &colours[count++], "predicted label", types, j->made.predicted);
    }
    for (int i = 0; i < count; i++) { columns[i] = colours[i].column; }
    if (status == ISK_OK) {
        page_heading(page, "Embeddings");
        page_paragraph(page, "UMAPs of all cells before and after, coloured by batch, and by label where there are labels. A picture says "
                       "little of how well batches mix: the numbers above do.");
        plots_begin(&p, page, &(plots_desc){ .rows = j->g.c.rows, .name = cell_name, .user = &j->g.c.names, .columns = columns,
                                             .column_count = count });
        for (int i = 0; i < j->pictures.count; i++) {
            plots_add(&p, &(plots_panel){ .title = j->pictures.list[i].title, .points = j->pictures.list[i].points });
        }
        plots_end(&p);
    }
    if (status == ISK_OK && types) {
        page_paragraph(page, "The same by label:");
        page_grid_begin(page);
        for (int i = 0; i < j->pictures.count && i < 2; i++) {
            char title[120];
            snprintf(title, sizeof title, "%s, by label", j->pictures.list[i].title);
            plots_still(page, &(plots_panel){ .title = title, .points = j->pictures.list[i].points }, j->g.c.rows, &columns[1]);
        }
        page_grid_end(page);
        plots_still_legend(page, &columns[1]);
    }
    for (int i = 0; i < 3; i++) { free(colours[i].classes); }
    return status;
}

/* ---- the page ---- */

/* The last name of the first file's path. */
static const char *data_name(const integrate_job *j) {
    const char *path = j->s->gather.files.word[0], *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

isk_status integrate_report(const integrate_job *j, text *page) {
    const char *const facts[] = { "method", isk_method_name(isk_model_method(j->t.model)), "preset", j->s->training.preset, NULL };
    char length[32], title[200];
    text lead = { 0 };
    curves course;
    isk_status status = curves_read(j->t.context, j->t.log_path, 0, &course);
    if (status != ISK_OK) { return status; }
    text_format(&lead, "%lld cells of %lld batches, %lld genes. Method %s, seed %llu; trained in %s on %s.", (long long)j->g.c.rows,
                (long long)gathered_levels(&j->g, GATHERED_BATCH)->count, (long long)j->g.genes.names.count, facts[1],
                (unsigned long long)isk_model_seed(j->t.model), duration(isk_model_report(j->t.model)->seconds, length),
                isk_device_text(j->t.context));
    snprintf(title, sizeof title, "%.120s%s: cells of several batches in one space", data_name(j),
             j->s->gather.files.count > 1 ? " and others" : "");
    page_begin(page, title, lead.data ? lead.data : "");
    add_verdicts(j, page);
    add_ten(j, page);
    add_scores(j, page);
    status = add_pictures(j, page);
    add_data(j, page);
    report_curves(page, &course);
    report_settings(page, facts, j->t.model);
    report_provenance(page, &j->provenance);
    page_end(page);
    text_free(&lead);
    curves_free(&course);
    return status;
}
