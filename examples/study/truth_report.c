/* The report of `study truth`, its table in a file, and the same in short for the terminal. */
#include "truth_study.h"

#include "../report/page.h"
#include "../report/repeat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is shown of a model ---- */

/* Of all factors of RNA or proteins alone, of all shared ones, of a view, of one factor. */
typedef enum shown_kind {
    SHOWN_PRIVATE, SHOWN_SHARED, SHOWN_MISPLACED, SHOWN_LEAKAGE, SHOWN_COMPLETENESS, SHOWN_STABLE_Z, SHOWN_STABLE_C,
    SHOWN_FOUND, SHOWN_ELSEWHERE
} shown_kind;
typedef struct quantity { shown_kind kind; int at; const char *words, *title; } quantity;

static const quantity in_short[] = {
    { SHOWN_PRIVATE, 0, "private in Z", "private factors in Z, of the ceiling" },
    { SHOWN_SHARED, 0, "shared in C", "shared factors in C, of the ceiling" },
    { SHOWN_MISPLACED, 0, "private in C", "private factors in C, of the ceiling" },
    { SHOWN_LEAKAGE, 0, "leak Z1", "leakage of Z1" },
    { SHOWN_LEAKAGE, 1, "leak Z2", "leakage of Z2" },
    { SHOWN_COMPLETENESS, 0, "complete 1", "completeness of 1" },
    { SHOWN_COMPLETENESS, 1, "complete 2", "completeness of 2" },
    { SHOWN_STABLE_Z, 0, "stable Z", "stability of Z" },
    { SHOWN_STABLE_C, 0, "stable C", "stability of C" },
};
enum { IN_SHORT = sizeof in_short / sizeof *in_short, MOST_SHOWN = TRUTHS > IN_SHORT ? TRUTHS : IN_SHORT };
/* Below this share of a factor's variance in the inputs there is next to nothing to be found. */
static const double least_ceiling = 0.05;

static int is_private(truth_factor k) { return truth_kinds[k].side == SIDE_RNA || truth_kinds[k].side == SIDE_PROTEIN; }

/* Where it belongs: a shared one in C of both, one of a view alone in its Z, a function of shared ones in C of RNA or of proteins.  The
   one representation of a method without C and Z, and the inputs, hold what they hold. */
static double found(const records *r, const sweep_record *s, int model, truth_factor k) {
    double from[TOLD_FROM], belongs = NAN, whole;
    for (int i = 0; i < TOLD_FROM; i++) { from[i] = truth_found(r, s, model, k, (told_from)i); }
    whole = from[FROM_FUSED];
    switch (truth_kinds[k].side) {
        case SIDE_SHARED:
            whole = fmax(whole, (from[FROM_X1] + from[FROM_X2]) / 2);
            belongs = (from[FROM_C1] + from[FROM_C2]) / 2;
            break;
        case SIDE_RNA:
            whole = fmax(whole, from[FROM_X1]);
            belongs = from[FROM_Z1];
            break;
        case SIDE_PROTEIN:
            whole = fmax(whole, from[FROM_X2]);
            belongs = from[FROM_Z2];
            break;
        case SIDE_FUNCTION: case SIDES: default:
            whole = fmax(whole, from[FROM_X1]);
            belongs = fmax(from[FROM_C1], from[FROM_C2]);
    }
    return fmax(belongs, whole);
}

/* Where it does not belong: a shared one or a function of those in Z, one of a view alone in C. */
static double elsewhere(const records *r, const sweep_record *s, int model, truth_factor k) {
    const told_from first = is_private(k) ? FROM_C1 : FROM_Z1, second = is_private(k) ? FROM_C2 : FROM_Z2;
    return fmax(truth_found(r, s, model, k, first), truth_found(r, s, model, k, second));
}

/* The mean over the factors of one kind of what is found, as a share of what the inputs tell of it. */
static double of_ceiling(const records *r, const sweep_record *s, const sweep_record *inputs, int model, shown_kind kind) {
    double sum = 0;
    int count = 0;
    for (int k = 0; k < TRUTHS && inputs; k++) {
        const double ceiling = found(r, inputs, 0, (truth_factor)k);
        const double value = kind == SHOWN_MISPLACED ? elsewhere(r, s, model, (truth_factor)k) : found(r, s, model, (truth_factor)k);
        const int asked = kind == SHOWN_SHARED ? truth_kinds[k].side == SIDE_SHARED : is_private((truth_factor)k);
        if (!asked || !(ceiling >= least_ceiling) || isnan(value)) { continue; }
        sum += fmax(value, 0) / ceiling;
        count++;
    }
    return count ? sum / count : NAN;
}

static double value_of(const records *r, const sweep_record *s, const sweep_record *inputs, int model, const quantity *q) {
    switch (q->kind) {
        case SHOWN_PRIVATE: case SHOWN_SHARED: case SHOWN_MISPLACED: return of_ceiling(r, s, inputs, model, q->kind);
        case SHOWN_LEAKAGE: return truth_leakage(r, s, model, q->at);
        case SHOWN_COMPLETENESS: return truth_completeness(r, s, model, q->at);
        case SHOWN_STABLE_Z: case SHOWN_STABLE_C:
            return (truth_stability(r, s, model, q->kind == SHOWN_STABLE_C, 0) +
                    truth_stability(r, s, model, q->kind == SHOWN_STABLE_C, 1)) / 2;
        case SHOWN_FOUND: return found(r, s, model, (truth_factor)q->at);
        case SHOWN_ELSEWHERE: default: return elsewhere(r, s, model, (truth_factor)q->at);
    }
}

static int less_is_better(shown_kind kind) { return kind == SHOWN_MISPLACED || kind == SHOWN_LEAKAGE || kind == SHOWN_ELSEWHERE; }

/* ---- tables of one difficulty ---- */

int truth_number(const configuration *c, const difficulty *how, int seed) { return (int)(how - difficulties) * c->seeds + seed + 1; }

/* Over the data sets of the difficulty. */
static average average_of_row(const truth_tables *t, const difficulty *how, const truth_row *row, int lambda, const quantity *q) {
    double values[1000];
    int count = 0;
    for (int seed = 0; seed < t->c->seeds && count < 1000; seed++) {
        const int number = truth_number(t->c, how, seed);
        const sweep_record *s = records_find(t->r, row->name, number);
        if (s) { values[count++] = value_of(t->r, s, records_find(t->r, t->rows[0].name, number), lambda, q); }
    }
    return average_of(values, count, 1);
}

typedef struct row_words { char text[96]; } row_words;
static const char *words_of(const truth_tables *t, const truth_row *row, int lambda, row_words *words) {
    if (!row->has_lambda || t->c->lambda_count < 2) { return row->words; }
    snprintf(words->text, sizeof words->text, "%s, λ = %g", row->words, t->c->lambdas[lambda]);
    return words->text;
}

/* The best of methods and what came from outside; inputs and autoencoder divide nothing. */
static double best_of(const truth_tables *t, const difficulty *how, const quantity *q) {
    double best = NAN;
    const double sign = less_is_better(q->kind) ? -1 : 1;
    for (int i = 0; i < t->row_count; i++) {
        for (int k = 0; k < (t->rows[i].has_lambda ? t->c->lambda_count : 1) && t->rows[i].kind >= ROW_METHOD; k++) {
            best = fmax(best, sign * average_of_row(t, how, &t->rows[i], k, q).mean);
        }
    }
    return sign * best;
}

/* Columns of a difficulty: what there is in it of each quantity. */
static void truth_sheet(const truth_tables *t, const difficulty *how, const char *title, const quantity *all, int count,
                        sheet_column columns[MOST_SHOWN + 1], sheet *s) {
    double best[MOST_SHOWN];
    *s = (sheet){ .columns = columns };
    columns[s->column_count++] = (sheet_column){ .words = title, .title = title };
    for (int i = 0; i < count; i++) {
        columns[s->column_count++] = (sheet_column){ .words = all[i].words, .title = all[i].title, .form = SHEET_BAR, .decimals = 2,
                                                     .error = SHEET_ERROR_IN_PAGE };
        best[i] = best_of(t, how, &all[i]);
    }
    for (int i = 0; i < t->row_count; i++) {
        const truth_row *row = &t->rows[i];
        for (int lambda = 0; lambda < (row->has_lambda ? t->c->lambda_count : 1); lambda++) {
            row_words words;
            int any = 0;
            for (int k = 0; k < count; k++) { any |= average_of_row(t, how, row, lambda, &all[k]).count > 0; }
            if (!any) { continue; }
            sheet_row(s);
            sheet_format(s, "%s", words_of(t, row, lambda, &words));
            for (int k = 0; k < count; k++) {
                const average a = average_of_row(t, how, row, lambda, &all[k]);
                sheet_average(s, a);
                if (row->kind >= ROW_METHOD && is_equal(a.mean, best[k])) { sheet_strong(s); }
            }
        }
    }
}

/* Columns for the truths of the difficulty. */
static int factors_of(const difficulty *how, shown_kind kind, quantity all[TRUTHS]) {
    int count = 0;
    for (int k = 0; k < TRUTHS; k++) {
        if (truth_is_in(how, (truth_factor)k)) { all[count++] = (quantity){ kind, k, truth_kinds[k].words, truth_kinds[k].words }; }
    }
    return count;
}

static void add_table(const truth_tables *t, const difficulty *how, const char *title, const quantity *all, int count, int in_page,
                      text *out) {
    sheet_column columns[MOST_SHOWN + 1];
    sheet s;
    truth_sheet(t, how, title, all, count, columns, &s);
    if (in_page) { page_sheet(out, &s); } else { sheet_text(&s, out); }
    sheet_free(&s);
}

/* ---- all of it ---- */

static int diverged_models(const truth_tables *t) {
    int diverged = 0;
    for (int i = 0; i < t->r->count; i++) {
        const sweep_record *s = &t->r->sweeps[i];
        for (int m = 0; m < records_models(s); m++) { diverged += *records_at(t->r, s, m, records_field(t->r, TRUTH_DIVERGED)) > 0; }
    }
    return diverged;
}

static void difficulty_section(const truth_tables *t, const difficulty *how, text *page) {
    quantity factors[TRUTHS];
    int count;
    text words = { 0 };
    page_heading(page, how->name);
    text_format(&words, "%s.", how->words);
    page_paragraph(page, words.data ? words.data : "");
    text_free(&words);
    add_table(t, how, "in short", in_short, IN_SHORT, 1, page);
    count = factors_of(how, SHOWN_FOUND, factors);
    add_table(t, how, "R² of each where it belongs", factors, count, 1, page);
    count = factors_of(how, SHOWN_ELSEWHERE, factors);
    add_table(t, how, "R² of each where it does not belong", factors, count, 1, page);
}

void truth_report(const truth_tables *t, text *page) {
    const int diverged = diverged_models(t);
    text words = { 0 };
    text_format(&words, "What is true of %lld simulated cells is known: types and a state that RNA and proteins both see, and factors "
                "that one of them sees alone. How much of each do the features of every method tell? Mean (standard error) over %d "
                "data set%s of each difficulty, which are made, divided and trained on by seeds of their own.", (long long)t->c->n,
                t->c->seeds, t->c->seeds > 1 ? "s" : "");
    page_begin(page, "What is found of the truth", words.data ? words.data : "");
    text_free(&words);
    page_paragraph(page, "Half of the cells are held out. On these, which no network saw, probes are fitted (60 %), chosen (15 %) and "
                         "scored (25 %): ridge regression and a small network, of which the better counts; R², of types that of their "
                         "indicators. A factor of one view alone belongs in that view's Z; a shared one in C of both, of which the mean "
                         "is shown; a function of shared ones, which RNA alone shows, in C. Where factors do not belong, the larger of "
                         "both views is shown. The inputs tell the ceiling; shares of it leave out factors of which it is below .05.");
    page_paragraph(page, "Leakage is what Z tells of the other view's C (low is good), completeness what Z and C tell of their X (high is "
                         "good), stability what the features of one training tell, by a linear map, of those of another, which had "
                         "the same cells and another seed. Inputs and autoencoder (indiseek with λ = 1e6) divide nothing; of the other "
                         "rows the best stands out.");
    if (diverged) {
        text_format(&words, "%d model%s diverged and %s left out of the means.", diverged, diverged > 1 ? "s" : "",
                    diverged > 1 ? "are" : "is");
        page_paragraph(page, words.data ? words.data : "");
        text_free(&words);
    }
    for (int i = 0; i < t->how_count; i++) { difficulty_section(t, t->how[i], page); }
    repeat_section(page, t->c);
    page_end(page);
}

void truth_print(const truth_tables *t) {
    text out = { 0 };
    for (int i = 0; i < t->how_count; i++) {
        quantity factors[TRUTHS];
        int count;
        text_format(&out, "%s%s: %s\n", i ? "\n" : "", t->how[i]->name, t->how[i]->words);
        add_table(t, t->how[i], "in short", in_short, IN_SHORT, 0, &out);
        count = factors_of(t->how[i], SHOWN_FOUND, factors);
        add_table(t, t->how[i], "R^2 where it belongs", factors, count, 0, &out);
    }
    text_format(&out, "(on cells that no network saw, the better of ridge and MLP; mean of %d data set%s)\n", t->c->seeds,
                t->c->seeds > 1 ? "s" : "");
    printf("%s", out.data ? out.data : "");
    text_free(&out);
}

/* ---- truth.tsv ---- */

/* A column for each truth and what it is told from, and for what is shown in short. */
enum { TSV_HEAD = 4, TSV_COLUMNS = TSV_HEAD + TRUTHS * TOLD_FROM + 8 };
typedef struct tsv_titles { char text[TSV_COLUMNS][40]; } tsv_titles;

static void tsv_columns(sheet *s, sheet_column columns[TSV_COLUMNS], tsv_titles *titles) {
    static const char *const head[TSV_HEAD] = { "difficulty", "method", "lambda", "seed" };
    static const char *const from[TOLD_FROM] = { "c1", "c2", "z1", "z2", "fused", "x1", "x2" };
    static const char *const tail[] = { "leakage", "completeness", "stability_z", "stability_c" };
    *s = (sheet){ .columns = columns };
    for (int i = 0; i < TSV_COLUMNS; i++) {
        const int told = i - TSV_HEAD, rest = told - TRUTHS * TOLD_FROM;
        if (told < 0) {
            snprintf(titles->text[i], sizeof titles->text[i], "%s", head[i]);
        } else if (rest < 0) {
            snprintf(titles->text[i], sizeof titles->text[i], "%s_%s", truth_kinds[told / TOLD_FROM].key, from[told % TOLD_FROM]);
        } else {
            snprintf(titles->text[i], sizeof titles->text[i], "%s_%d", tail[rest / 2], rest % 2 + 1);
        }
        columns[s->column_count++] = (sheet_column){ .key = titles->text[i],
                                                     .form = i < 2 ? SHEET_WORDS : i == 3 ? SHEET_COUNT : SHEET_REAL };
    }
}

static void tsv_row(const truth_tables *t, const difficulty *how, const truth_row *row, int seed, sheet *s) {
    const sweep_record *sweep = records_find(t->r, row->name, truth_number(t->c, how, seed));
    for (int model = 0; sweep && model < records_models(sweep); model++) {
        sheet_row(s);
        sheet_words(s, how->name);
        sheet_words(s, row->name);
        sheet_number(s, records_lambda(sweep, model));
        sheet_number(s, (double)(t->c->seed + (uint64_t)seed));
        for (int k = 0; k < TRUTHS; k++) {
            for (int i = 0; i < TOLD_FROM; i++) { sheet_number(s, truth_found(t->r, sweep, model, (truth_factor)k, (told_from)i)); }
        }
        for (int view = 0; view < 2; view++) { sheet_number(s, truth_leakage(t->r, sweep, model, view)); }
        for (int view = 0; view < 2; view++) { sheet_number(s, truth_completeness(t->r, sweep, model, view)); }
        for (int i = 0; i < 4; i++) { sheet_number(s, truth_stability(t->r, sweep, model, i / 2, i % 2)); }
    }
}

void truth_tsv(const truth_tables *t, text *out) {
    tsv_titles titles;
    sheet_column columns[TSV_COLUMNS];
    sheet s;
    tsv_columns(&s, columns, &titles);
    for (int i = 0; i < t->how_count; i++) {
        for (int k = 0; k < t->row_count; k++) {
            for (int seed = 0; seed < t->c->seeds; seed++) { tsv_row(t, t->how[i], &t->rows[k], seed, &s); }
        }
    }
    sheet_tsv(&s, out);
    sheet_free(&s);
}
