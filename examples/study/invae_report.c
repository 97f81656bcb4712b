/* The report of `study invae`, its table in a file, and the same in short for the terminal. */
#include "invae_study.h"

#include "../report/page.h"
#include "../report/repeat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is shown ---- */

typedef struct quantity { integration_asked asked; int better; const char *words, *title; } quantity;     /* better -1: less is */

static const quantity of_truth[] = {
    { { "invariant", 0, 2 }, 1, "inv", "R² of invariant from z_inv" },
    { { "invariant_within", 0, 2 }, 1, "within", "the same within type and condition" },
    { { "spurious", 0, 2 }, 1, "spur", "R² of spurious from z_spur" },
    { { "spurious_within", 0, 2 }, 1, "within", "the same within type and condition" },
    { { "leaks", 0, 1 }, -1, "leak: ridge", "leakage: R² of spurious from z_inv, by ridge" },
    { { "leaks", 0, 2 }, -1, "better", "the same, the better of ridge and network" },
    { { "leaks_back", 0, 2 }, -1, "inv in spur", "leakage: R² of invariant from z_spur" },
    { { "spurious_all", 0, 2 }, 0, "spur in all", "R² of spurious from all" },
};
static const quantity of_types[] = {
    { { "mcc", 0, 1 }, 1, "MCC", "MCC of invariant" },
    { { "mcc_within", 0, 1 }, 1, "within", "the same within type and condition" },
    { { "accuracy_seen", 0, 1 }, 1, "seen: inv", "type from z_inv, seen batches" },
    { { "accuracy_seen", 1, 1 }, 1, "all", "type from all, seen batches" },
    { { "accuracy_unseen", 0, 1 }, 1, "unseen: inv", "type from z_inv, unseen batch" },
    { { "accuracy_unseen", 1, 1 }, 1, "all", "type from all, unseen batch" },
    { { "seconds", 0, 1 }, 0, "seconds", "seconds of training" },
};
static const quantity of_public[] = {
    { { "mcc_public", 0, 1 }, 1, "MCC of all", "MCC of all ten, public protocol" },
    { { "r2_public", 0, 1 }, 1, "R² backwards", "R² of latent from true, public protocol" },
    { { "mcc", 0, 1 }, 0, "MCC inv", "MCC of invariant" },
    { { "mcc_within", 0, 1 }, 0, "within", "the same within type and condition" },
};
static const quantity leakage_by_ridge = { { "leaks", 0, 1 }, -1, NULL, NULL }, leakage = { { "leaks", 0, 2 }, -1, NULL, NULL };
static const quantity spurious_found = { { "spurious", 0, 2 }, 1, NULL, NULL };
#define COUNT(list) (int)(sizeof (list) / sizeof *(list))
enum { MOST_SHOWN = 10 };

/* ---- tables ---- */

static average measured(const integration_study *s, simulation_kind kind, const integrator *row, const quantity *q) {
    const int seeds = s->w.s->seeds, first = (int)kind * seeds;
    return integration_average(s, row, &q->asked, first, first + seeds, 1);
}

static double best_of(const integration_study *s, simulation_kind kind, const quantity *q) {
    double best = NAN;
    for (int i = 0; i < s->row_count && q->better; i++) {
        if (s->rows[i]->kind == INTEGRATOR_TRUTH) { continue; }
        best = fmax(best, q->better * measured(s, kind, s->rows[i], q).mean);
    }
    return q->better * best;
}

static void add_table(const integration_study *s, simulation_kind kind, const char *title, const quantity *all, int count,
                      int in_page, text *out) {
    sheet_column columns[MOST_SHOWN + 1];
    double best[MOST_SHOWN];
    sheet to = { .columns = columns };
    columns[to.column_count++] = (sheet_column){ .words = title, .title = title };
    for (int k = 0; k < count; k++) {
        columns[to.column_count++] = (sheet_column){ .words = all[k].words, .title = all[k].title, .form = SHEET_REAL, .decimals = 3,
                                                    .error = SHEET_ERROR_IN_PAGE | SHEET_ERROR_ON_TERMINAL };
        best[k] = best_of(s, kind, &all[k]);
    }
    for (int i = 0; i < s->row_count; i++) {
        const integrator *row = s->rows[i];
        int any = 0;
        for (int k = 0; k < count; k++) { any |= measured(s, kind, row, &all[k]).count > 0; }
        if (!any) { continue; }
        sheet_row(&to);
        sheet_format(&to, "%s", row->words);
        for (int k = 0; k < count; k++) {
            const average a = measured(s, kind, row, &all[k]);
            sheet_average(&to, a);
            if (is_equal(a.mean, best[k])) { sheet_strong(&to); }
        }
    }
    if (in_page) { page_sheet(out, &to); } else { sheet_text(&to, out); }
    sheet_free(&to);
}

static int has_any(const integration_study *s, simulation_kind kind) {
    int any = 0;
    for (int i = 0; i < s->row_count; i++) { any |= measured(s, kind, s->rows[i], &of_public[0]).count > 0; }
    return any;
}

/* Which rows meet the goal, by that measure of leakage. */
static void add_goal_by(const integration_study *s, simulation_kind kind, const quantity *leaks, const char *words, text *out) {
    const double most_leakage = 0.15, least_found = 0.85;
    int met = 0;
    text_format(out, " By %s it is met by ", words);
    for (int i = 0; i < s->row_count; i++) {
        const integrator *row = s->rows[i];
        if (row->kind != INTEGRATOR_TRUTH && measured(s, kind, row, leaks).mean <= most_leakage &&
            measured(s, kind, row, &spurious_found).mean >= least_found) {
            text_format(out, "%s%s", met++ ? "; " : "", row->words);
        }
    }
    text_add(out, met ? "." : "no row.");
}

static void add_goal(const integration_study *s, simulation_kind kind, text *out) {
    text_add(out, "The goal is leakage of spurious into z_inv of at most .15, and R² of spurious from z_spur of at least .85.");
    add_goal_by(s, kind, &leakage_by_ridge, "ridge regression", out);
    add_goal_by(s, kind, &leakage, "the better of ridge and network", out);
}

/* ---- all of it ---- */

static void shift_section(const integration_study *s, simulation_kind kind, text *page) {
    text goal = { 0 };
    page_heading(page, "Batches shift what is spurious");
    page_paragraph(page, "R² are of ridge regression and a small network, of which the better counts, fitted (60 %), chosen (15 %) and "
                         "scored (25 %) on held-out cells of the batches that were seen, without labels. Within type and condition "
                         "all means of these are taken away first, so that what tells them apart counts nothing. PCA and the rows without "
                         "z_spur call everything invariant. The true ones tell something of each other, as batches differ in their types: "
                         "leakage of a good model is not below that.");
    add_table(s, kind, "where it belongs", of_truth, COUNT(of_truth), 1, page);
    add_goal(s, kind, &goal);
    page_paragraph(page, goal.data ? goal.data : "");
    text_free(&goal);
    page_paragraph(page, "MCC: mean |correlation| of true coordinates with those of z_inv that they match best. Types are told by logistic "
                         "regression on training cells.");
    add_table(s, kind, "types", of_types, COUNT(of_types), 1, page);
}

static void public_section(const integration_study *s, simulation_kind kind, text *page) {
    page_heading(page, "The public protocol");
    page_paragraph(page, "As the method's public code has it: one batch, so that nothing spurious varies, and clusters 40 deviations apart "
                         "in all invariant coordinates alike, which therefore are one variable; scored on cells that train. Any model that "
                         "tells the clusters apart scores well, and a latent variable that is noise lowers R² backwards while a factor "
                         "that is lost does not. What remains within type and condition stands beside it.");
    add_table(s, kind, "public protocol", of_public, COUNT(of_public), 1, page);
}

void invae_report(const integration_study *s, text *page) {
    const int seeds = s->w.s->seeds;
    text words = { 0 };
    text_format(&words, "Counts of cells were made from invariant variables, which types and conditions move, and spurious ones, which "
                "batches move. Which models find both, and keep them apart? Mean (standard error) over %d data set%s, each with models "
                "of its own seed.", seeds, seeds > 1 ? "s" : "");
    page_begin(page, "Invariant and spurious", words.data ? words.data : "");
    text_free(&words);
    integration_note_diverged(s, page);
    for (simulation_kind kind = SIMULATION_SHIFT; kind < SIMULATIONS; kind++) {
        if (!has_any(s, kind)) { continue; }
        if (kind == SIMULATION_SHIFT) { shift_section(s, kind, page); } else { public_section(s, kind, page); }
    }
    repeat_section(page, &s->w.c);
    page_end(page);
}

void invae_print(const integration_study *s) {
    text out = { 0 };
    for (simulation_kind kind = SIMULATION_SHIFT; kind < SIMULATIONS; kind++) {
        if (!has_any(s, kind)) { continue; }
        if (kind == SIMULATION_PUBLIC) {
            add_table(s, kind, "public protocol", of_public, COUNT(of_public), 0, &out);
            continue;
        }
        add_table(s, kind, "shift: R^2", of_truth, COUNT(of_truth), 0, &out);
        add_goal(s, kind, &out);
        text_add(&out, "\n\n");
        add_table(s, kind, "shift: types", of_types, COUNT(of_types), 0, &out);
        text_add(&out, "\n");
    }
    printf("%s", out.data ? out.data : "");
    text_free(&out);
}

/* ---- invae.tsv ---- */

static const char *part_name(const char *field, int at) {
    static const char *const regressions[] = { "ridge", "mlp" }, *const blocks[] = { "inv", "all" };
    return strncmp(field, "accuracy", strlen("accuracy")) == 0 ? blocks[at] : regressions[at];
}

void invae_tsv(const integration_study *s, text *out) { integration_tsv(s, part_name, out); }
