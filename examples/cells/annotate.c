#include "annotate.h"

#include "../base/sheet.h"
#include "../base/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *annotate_way_name(annotate_way way) { return way == ANNOTATE_KNN ? "knn" : "probe"; }

/* ---- what is given ---- */

static int64_t rows_of(const isk_matrix *blocks) {
    for (int b = 0; b < ANNOTATE_BLOCKS; b++) {
        if (blocks[b].data) { return blocks[b].rows; }
    }
    return 0;
}

static isk_status check_blocks(isk_context *context, const annotate_desc *desc) {
    const int64_t references = rows_of(desc->reference), queries = rows_of(desc->query);
    isk_status status;
    for (int b = 0; b < ANNOTATE_BLOCKS; b++) {
        const isk_matrix reference = desc->reference[b], query = desc->query[b];
        if (!reference.data != !query.data) {
            return isk_set_error(context, ISK_ARGUMENT, "block %d is in the %s only; reference and query must have the same features",
                                 b + 1, reference.data ? "reference" : "query");
        }
        if (reference.data && reference.cols != query.cols) {
            return isk_set_error(context, ISK_SHAPE, "block %d has %lld columns in the reference and %lld in the query; both must be the "
                                 "same features", b + 1, (long long)reference.cols, (long long)query.cols);
        }
    }
    if (references < 1 || queries < 1) {
        return isk_set_error(context, ISK_ARGUMENT, "there are %lld reference cells and %lld query cells; at least one of each is needed",
                             (long long)references, (long long)queries);
    }
    status = blocks_check(context, "the reference", desc->reference, ANNOTATE_BLOCKS, references);
    if (status == ISK_OK) { status = blocks_check(context, "the query", desc->query, ANNOTATE_BLOCKS, queries); }
    return status;
}

static isk_status check_labels(isk_context *context, const char *name, const int32_t *labels, int64_t rows, int classes, int *most) {
    for (int64_t i = 0; labels && i < rows; i++) {
        if (classes && labels[i] >= classes) {
            return isk_set_error(context, ISK_DATA, "%s[%lld] is %ld, but there are %d classes", name, (long long)i, (long)labels[i],
                                 classes);
        }
        if (labels[i] >= *most) { *most = (int)labels[i] + 1; }
    }
    return ISK_OK;
}

static isk_status check(isk_context *context, const annotate_desc *desc, int *classes) {
    isk_status status = check_blocks(context, desc);
    if (status != ISK_OK) { return status; }
    if (!desc->labels) { return isk_set_error(context, ISK_ARGUMENT, "labels is NULL; the reference cells must be labelled"); }
    if (!(desc->least >= 0 && desc->least <= 1)) {
        return isk_set_error(context, ISK_ARGUMENT, "least is %g; a confidence is from 0 to 1", desc->least);
    }
    if (desc->classes < 0 || desc->k < 0) {
        return isk_set_error(context, ISK_ARGUMENT, "classes is %d and k %d; neither may be negative", desc->classes, desc->k);
    }
    *classes = desc->classes;
    status = check_labels(context, "labels", desc->labels, rows_of(desc->reference), desc->classes, classes);
    if (status == ISK_OK) { status = check_labels(context, "truth", desc->truth, rows_of(desc->query), desc->classes, classes); }
    return status;
}

/* What the ways work on: labelled reference cells and query cells that are there, their blocks joined by the same numbers. */
typedef struct sides {
    whole_rows references, queries;
    isk_matrix reference, query;
    int32_t *labels;                /* [reference.rows] */
} sides;

static void sides_free(sides *s) {
    whole_rows_free(&s->references);
    whole_rows_free(&s->queries);
    matrix_free(s->reference);
    matrix_free(s->query);
    free(s->labels);
}

static isk_status out_of_memory(isk_context *context) { return isk_set_error(context, ISK_MEMORY, "annotation: out of memory"); }

static void keep_labelled(whole_rows *rows, const int32_t *labels) {
    int64_t kept = 0;
    for (int64_t i = 0; i < rows->count; i++) {
        if (labels[rows->index[i]] >= 0) { rows->index[kept++] = rows->index[i]; }
    }
    rows->count = kept;
}

static isk_status sides_make(isk_context *context, const annotate_desc *desc, sides *s) {
    double divisors[ANNOTATE_BLOCKS];
    isk_status status = whole_rows_find(context, desc->reference, ANNOTATE_BLOCKS, NULL, &s->references);
    if (status == ISK_OK) { status = whole_rows_find(context, desc->query, ANNOTATE_BLOCKS, NULL, &s->queries); }
    if (status != ISK_OK) { return status; }
    block_divisors(desc->reference, ANNOTATE_BLOCKS, &s->references, divisors);
    keep_labelled(&s->references, desc->labels);
    if (!s->references.count) {
        return isk_set_error(context, ISK_DATA, "none of the %lld reference cells is labelled and there in every block, so there is no "
                             "label to give", (long long)rows_of(desc->reference));
    }
    if (desc->k > s->references.count) {
        return isk_set_error(context, ISK_ARGUMENT, "k is %d, but the reference has %lld labelled cells; give a smaller k", desc->k,
                             (long long)s->references.count);
    }
    s->labels = whole_rows_labels(&s->references, desc->labels);
    s->reference = join_divided(context, desc->reference, ANNOTATE_BLOCKS, &s->references, divisors);
    s->query = join_divided(context, desc->query, ANNOTATE_BLOCKS, &s->queries, divisors);
    return s->labels && s->reference.data && (s->query.data || !s->queries.count) ? ISK_OK : out_of_memory(context);
}

/* ---- the two ways ---- */

/* The class with the most votes of neighbours, nearest first; votes [classes] is all zero before and after. */
static int32_t vote(const int32_t *nearest, const double *squared, int k, const int32_t *labels, int weighted, double *votes,
                    double *share) {
    double total = 0;
    int32_t best = labels[nearest[0]];
    for (int t = 0; t < k; t++) {
        /* Relative to the nearest, so that no weight is infinite. */
        const double weight = !weighted ? 1 : squared[t] > 0 ? sqrt(squared[0] / squared[t]) : 1;
        votes[labels[nearest[t]]] += weight;
        total += weight;
    }
    for (int t = 1; t < k; t++) {                           /* more by more than rounding, which depends on the order of the sums */
        if (votes[labels[nearest[t]]] > votes[best] + 1e-12 * total) { best = labels[nearest[t]]; }
    }
    *share = votes[best] / total;
    for (int t = 0; t < k; t++) { votes[labels[nearest[t]]] = 0; }
    return best;
}

static isk_status by_neighbours(isk_context *context, const annotate_desc *desc, const sides *s, const annotation *a,
                                annotation_result *r) {
    const size_t rows = (size_t)s->queries.count;
    int32_t *nearest = malloc(sizeof *nearest * rows * (size_t)a->k);
    double *squared = malloc(sizeof *squared * rows * (size_t)a->k), *votes = calloc((size_t)a->classes, sizeof *votes);
    isk_status status = nearest && squared && votes ? ISK_OK : out_of_memory(context);
    if (status == ISK_OK) {
        status = isk_knn(context, &(isk_knn_desc){ .queries = s->query, .references = s->reference, .k = a->k, .indices = nearest,
                                                   .distances = squared });
    }
    for (size_t i = 0; i < rows && status == ISK_OK; i++) {
        const int64_t cell = s->queries.index[i];
        r->best[cell] = vote(nearest + i * (size_t)a->k, squared + i * (size_t)a->k, a->k, s->labels, desc->weighted, votes,
                             &r->confidence[cell]);
    }
    free(nearest);
    free(squared);
    free(votes);
    return status;
}

/* The likeliest class of one cell, the lower one of a tie, and its probability: softmax of x w + intercept. */
static int32_t likeliest(const isk_scalar *x, int64_t cols, const double *weights, const double *intercepts, int classes, double *scores,
                         double *probability) {
    int32_t best = 0;
    double sum = 0;
    for (int k = 0; k < classes; k++) {
        scores[k] = intercepts[k];
        for (int64_t j = 0; j < cols; j++) { scores[k] += weights[(int64_t)k * cols + j] * (double)x[j]; }
        if (scores[k] > scores[best]) { best = k; }
    }
    for (int k = 0; k < classes; k++) { sum += exp(scores[k] - scores[best]); }
    *probability = 1 / sum;
    return best;
}

static int one_class(const sides *s) {
    for (int64_t i = 1; i < s->references.count; i++) {
        if (s->labels[i] != s->labels[0]) { return 0; }
    }
    return 1;
}

static isk_status by_probe(isk_context *context, const annotate_desc *desc, const sides *s, annotation *a, annotation_result *r) {
    const int64_t cols = s->reference.cols;
    double *weights = malloc(sizeof *weights * (size_t)a->classes * (size_t)cols);
    double *intercepts = calloc((size_t)a->classes, sizeof *intercepts), *scores = malloc(sizeof *scores * (size_t)a->classes);
    isk_status status = weights && intercepts && scores ? ISK_OK : out_of_memory(context);
    if (status == ISK_OK && one_class(s)) {
        status = isk_set_error(context, ISK_DATA, "all %lld labelled reference cells are of class %ld; a regression needs two classes, "
                               "nearest neighbours do not", (long long)s->references.count, (long)s->labels[0]);
    }
    if (status == ISK_OK) {
        status = isk_probe(context, &(isk_probe_desc){ .x = s->reference, .labels = s->labels, .part = s->references.part, .c = desc->c,
                                                       .standardize = 1, .weights = weights, .intercepts = intercepts }, &a->probe);
    }
    for (int64_t i = 0; i < s->queries.count && status == ISK_OK; i++) {
        const int64_t cell = s->queries.index[i];
        /* isk_probe knows of the classes up to its largest label. */
        r->best[cell] = likeliest(s->query.data + i * cols, cols, weights, intercepts, a->probe.classes, scores, &r->confidence[cell]);
    }
    free(weights);
    free(intercepts);
    free(scores);
    return status;
}

/* ---- against the truth ---- */

static int bin_of(double confidence) {
    const int b = (int)(confidence * ANNOTATE_BINS);
    return b < ANNOTATE_BINS ? b : ANNOTATE_BINS - 1;
}

static void calibrate(const int32_t *truth, const annotation *a, annotation_result *r) {
    for (int64_t i = 0; i < a->cells; i++) {
        struct annotation_bin *bin = &r->score.bin[bin_of(r->best[i] < 0 ? 0 : r->confidence[i])];
        if (truth[i] < 0 || r->best[i] < 0) { continue; }
        bin->cells++;
        bin->confidence += r->confidence[i];
        bin->accuracy += r->best[i] == truth[i];
    }
    for (int b = 0; b < ANNOTATE_BINS; b++) {
        struct annotation_bin *bin = &r->score.bin[b];
        r->score.calibration_error += fabs(bin->accuracy - bin->confidence) / (double)r->score.cells;
        bin->confidence = bin->cells ? bin->confidence / (double)bin->cells : NAN;
        bin->accuracy = bin->cells ? bin->accuracy / (double)bin->cells : NAN;
    }
}

/* Cells whose class no labelled reference cell has. */
static int64_t count_unknown(const int32_t *known, int64_t cells, const sides *s, uint8_t *present) {
    int64_t unknown = 0;
    for (int64_t i = 0; i < s->references.count; i++) { present[s->labels[i]] = 1; }
    for (int64_t i = 0; i < cells; i++) { unknown += known[i] >= 0 && !present[known[i]]; }
    return unknown;
}

static isk_status score(isk_context *context, const annotate_desc *desc, const sides *s, const annotation *a, annotation_result *r) {
    const int classes = a->classes, side = classes + 1;
    annotation_score *out = &r->score;
    int32_t *truth = malloc(sizeof *truth * (size_t)a->cells), *given = malloc(sizeof *given * (size_t)a->cells);
    uint8_t *present = calloc((size_t)side, 1);
    isk_status status;
    int64_t right = 0;
    out->recall = malloc(sizeof *out->recall * (size_t)side);
    out->confusion = calloc((size_t)side * (size_t)side, sizeof *out->confusion);
    status = truth && given && present && out->recall && out->confusion ? ISK_OK : out_of_memory(context);
    for (int64_t i = 0; i < a->cells && status == ISK_OK; i++) {
        truth[i] = r->best[i] < 0 || desc->truth[i] < 0 ? -1 : desc->truth[i];
        given[i] = r->label[i] < 0 ? classes : r->label[i];             /* unassigned is a class of its own, and never the truth */
        out->cells += truth[i] >= 0;
        out->assigned += truth[i] >= 0 && r->label[i] >= 0;
        right += truth[i] >= 0 && truth[i] == r->label[i];
    }
    out->accuracy = out->balanced_accuracy = NAN;
    if (status == ISK_OK && out->cells) {
        status = isk_score_labels(context, truth, given, a->cells, side, out->confusion, &out->accuracy, &out->balanced_accuracy);
    }
    if (status == ISK_OK && out->cells) {
        calibrate(truth, a, r);
        out->unknown = count_unknown(truth, a->cells, s, present);
    }
    out->assigned_accuracy = out->assigned ? (double)right / (double)out->assigned : NAN;
    for (int k = 0; k < classes && status == ISK_OK; k++) {
        int64_t all = 0;
        for (int j = 0; j < side; j++) { all += out->confusion[k * side + j]; }
        out->recall[k] = all ? (double)out->confusion[k * side + k] / (double)all : NAN;
    }
    free(truth);
    free(given);
    free(present);
    return status;
}

static isk_status annotate_by(isk_context *context, annotate_way way, const annotate_desc *desc, const sides *s, annotation *a) {
    annotation_result *r = &a->way[way];
    const size_t cells = (size_t)a->cells;
    isk_status status = ISK_OK;
    r->label = malloc(sizeof *r->label * cells);
    r->best = malloc(sizeof *r->best * cells);
    r->confidence = malloc(sizeof *r->confidence * cells);
    if (!r->label || !r->best || !r->confidence) { return out_of_memory(context); }
    for (size_t i = 0; i < cells; i++) {
        r->label[i] = r->best[i] = -1;
        r->confidence[i] = NAN;
    }
    if (s->queries.count) { status = way == ANNOTATE_KNN ? by_neighbours(context, desc, s, a, r) : by_probe(context, desc, s, a, r); }
    for (size_t i = 0; i < cells && status == ISK_OK; i++) {
        if (r->best[i] < 0) { continue; }
        if (r->confidence[i] >= desc->least) {
            r->label[i] = r->best[i];
        } else {
            r->unassigned++;
        }
    }
    return status == ISK_OK && desc->truth ? score(context, desc, s, a, r) : status;
}

isk_status annotate_cells(isk_context *context, const annotate_desc *desc, annotation *a) {
    const unsigned ways = desc->ways ? desc->ways : 1u << ANNOTATE_KNN | 1u << ANNOTATE_PROBE;
    sides s = { .labels = NULL };
    isk_status status;
    *a = (annotation){ .weighted = desc->weighted, .least = desc->least };
    status = check(context, desc, &a->classes);
    if (status == ISK_OK) { status = sides_make(context, desc, &s); }
    if (status == ISK_OK) {
        a->cells = rows_of(desc->query);
        a->missing = a->cells - s.queries.count;
        a->reference = s.references.count;
        a->k = desc->k ? desc->k : s.references.count < 15 ? (int)s.references.count : 15;
    }
    for (int way = 0; way < ANNOTATE_WAYS && status == ISK_OK; way++) {
        if (ways >> way & 1u) { status = annotate_by(context, (annotate_way)way, desc, &s, a); }
    }
    sides_free(&s);
    if (status != ISK_OK) { annotation_free(a); }
    return status;
}

void annotation_free(annotation *a) {
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        annotation_result *r = &a->way[way];
        free(r->label);
        free(r->best);
        free(r->confidence);
        free(r->score.recall);
        free(r->score.confusion);
    }
    *a = (annotation){ .cells = 0 };
}

/* ---- output ---- */

static const char *class_name(const names *classes, int64_t k) {
    const char *name = names_get(classes, k);
    return name ? name : "";
}

/* "unassigned" of a cell that is there, nothing of one that is missing. */
static const char *label_of(const annotation_result *r, int64_t cell, const names *classes) {
    if (r->label[cell] >= 0) { return class_name(classes, r->label[cell]); }
    return r->best[cell] < 0 ? "" : "unassigned";
}

void annotation_tsv(const annotation *a, const names *cells, const names *classes, const int32_t *truth, text *out) {
    char keys[2 * ANNOTATE_WAYS][32];
    sheet_column columns[2 * ANNOTATE_WAYS + 2] = { { .key = "cell" } };
    sheet s = { .columns = columns, .column_count = 1 };
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        if (!a->way[way].label) { continue; }
        snprintf(keys[2 * way], sizeof keys[0], "label_%s", annotate_way_name((annotate_way)way));
        snprintf(keys[2 * way + 1], sizeof keys[0], "confidence_%s", annotate_way_name((annotate_way)way));
        columns[s.column_count++] = (sheet_column){ .key = keys[2 * way] };
        columns[s.column_count++] = (sheet_column){ .key = keys[2 * way + 1], .form = SHEET_REAL };
    }
    if (truth) { columns[s.column_count++] = (sheet_column){ .key = "truth" }; }
    for (int64_t i = 0; i < a->cells; i++) {
        sheet_row(&s);
        sheet_words(&s, names_get(cells, i));
        for (int way = 0; way < ANNOTATE_WAYS; way++) {
            const annotation_result *r = &a->way[way];
            if (!r->label) { continue; }
            sheet_words(&s, label_of(r, i, classes));
            sheet_number(&s, r->confidence[i]);
        }
        if (truth) { sheet_words(&s, truth[i] < 0 ? "" : names_get(classes, truth[i])); }
    }
    sheet_tsv(&s, out);
    sheet_free(&s);
}

static void score_json(const annotation_score *s, int classes, const names *names_of, text *out) {
    text_json_member(out, "scored", (double)s->cells);
    text_json_member(out, "of_unknown_class", (double)s->unknown);
    text_json_member(out, "accuracy", s->accuracy);
    text_json_member(out, "balanced_accuracy", s->balanced_accuracy);
    text_json_member(out, "assigned_accuracy", s->assigned_accuracy);
    text_json_member(out, "calibration_error", s->calibration_error);
    text_add(out, "\n    ");
    text_json_key(out, "calibration");
    text_add(out, "[");
    for (int b = 0; b < ANNOTATE_BINS; b++) {
        text_add(out, b ? ", {" : "{");
        text_json_member(out, "from", (double)b / ANNOTATE_BINS);
        text_json_member(out, "cells", (double)s->bin[b].cells);
        text_json_member(out, "confidence", s->bin[b].confidence);
        text_json_member(out, "accuracy", s->bin[b].accuracy);
        text_add(out, "}");
    }
    text_add(out, "]\n    ");
    text_json_key(out, "recall");
    text_add(out, "{");
    for (int k = 0; k < classes; k++) { text_json_member(out, class_name(names_of, k), s->recall[k]); }
    text_add(out, "}\n    ");
    text_json_key(out, "confusion");                        /* rows: truth; the last column: unassigned */
    text_add(out, "[");
    for (int k = 0; k < classes; k++) {
        text_add(out, k ? ", [" : "[");
        for (int j = 0; j <= classes; j++) { text_format(out, "%s%lld", j ? ", " : "", (long long)s->confusion[k * (classes + 1) + j]); }
        text_add(out, "]");
    }
    text_add(out, "]");
}

void annotation_json(const annotation *a, const names *classes, text *out) {
    text_add(out, "\n  ");
    text_json_member(out, "cells", (double)a->cells);
    text_json_member(out, "missing", (double)a->missing);
    text_json_member(out, "reference", (double)a->reference);
    text_json_member(out, "k", a->k);
    text_json_member(out, "weighted", a->weighted);
    text_json_member(out, "least", a->least);
    text_add(out, "\n  ");
    text_json_key(out, "classes");
    text_add(out, "[");
    for (int k = 0; k < a->classes; k++) {
        text_add(out, k ? ", " : "");
        text_json_string(out, class_name(classes, k));
    }
    text_add(out, "]");
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        const annotation_result *r = &a->way[way];
        if (!r->label) { continue; }
        text_add(out, "\n  ");
        text_json_key(out, annotate_way_name((annotate_way)way));
        text_add(out, "{");
        text_json_member(out, "unassigned", (double)r->unassigned);
        if (r->score.cells) { score_json(&r->score, a->classes, classes, out); }
        text_add(out, "}");
    }
}

static void recall_text(const annotation *a, const names *classes, text *out) {
    char words[ANNOTATE_WAYS][32];
    sheet_column columns[ANNOTATE_WAYS + 1] = { { .words = "class" } };
    sheet s = { .columns = columns, .column_count = 1 };
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        if (!a->way[way].label) { continue; }
        snprintf(words[way], sizeof words[way], "recall %s", annotate_way_name((annotate_way)way));
        columns[s.column_count++] = (sheet_column){ .words = words[way], .form = SHEET_REAL, .width = 15 };
    }
    for (int k = 0; k < a->classes; k++) {
        sheet_row(&s);
        sheet_words(&s, class_name(classes, k));
        for (int way = 0; way < ANNOTATE_WAYS; way++) {
            if (a->way[way].label) { sheet_number(&s, a->way[way].score.recall[k]); }
        }
    }
    text_add(out, "\n");
    sheet_text(&s, out);
    sheet_free(&s);
}

enum { LABEL_ANY = -2 };            /* beside the classes and -1: all cells that are there */

/* How many cells have a label, and their median confidence; work [2 cells]. */
static void confidence_row(const annotation *a, const char *name, int label, double *work, sheet *s) {
    sheet_row(s);
    sheet_words(s, name);
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        const annotation_result *r = &a->way[way];
        int64_t count = 0;
        if (!r->label) { continue; }
        for (int64_t i = 0; i < a->cells; i++) {
            if (r->best[i] >= 0 && (label == LABEL_ANY || r->label[i] == label)) { work[count++] = r->confidence[i]; }
        }
        sheet_number(s, (double)count);
        sheet_number(s, median_of(work, count, work + a->cells));
    }
}

static void unsure_row(const annotation *a, sheet *s) {
    sheet_row(s);
    sheet_words(s, "confidence < 0.5");
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        int64_t unsure = 0;
        if (!a->way[way].label) { continue; }
        for (int64_t i = 0; i < a->cells; i++) { unsure += a->way[way].best[i] >= 0 && a->way[way].confidence[i] < 0.5; }
        sheet_number(s, (double)unsure);
        sheet_skip(s);
    }
}

/* Where no truth is known: what was found, and how sure each way is of it. */
static void confidences_text(const annotation *a, const names *classes, text *out) {
    char words[ANNOTATE_WAYS][32];
    sheet_column columns[2 * ANNOTATE_WAYS + 1] = { { .words = "class" } };
    sheet s = { .columns = columns, .column_count = 1 };
    double *work = malloc(sizeof *work * 2 * ((size_t)a->cells + 1));
    if (!work) { out->failed = 1; return; }
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        if (!a->way[way].label) { continue; }
        snprintf(words[way], sizeof words[way], "cells, %s", annotate_way_name((annotate_way)way));
        columns[s.column_count++] = (sheet_column){ .words = words[way], .form = SHEET_COUNT, .width = 13 };
        columns[s.column_count++] = (sheet_column){ .words = "median confidence", .form = SHEET_REAL };
    }
    for (int k = 0; k < a->classes; k++) { confidence_row(a, class_name(classes, k), k, work, &s); }
    if (a->least > 0) { confidence_row(a, "unassigned", -1, work, &s); }
    confidence_row(a, "all", LABEL_ANY, work, &s);
    unsure_row(a, &s);
    sheet_text(&s, out);
    sheet_free(&s);
    free(work);
}

static int has_truth(const annotation *a) {
    int known = 0;
    for (int way = 0; way < ANNOTATE_WAYS; way++) { known |= a->way[way].score.cells > 0; }
    return known;
}

void annotation_text(const annotation *a, const names *classes, text *out) {
    static const sheet_column columns[] = {
        { .words = "by", .width = 8 }, { .words = "unassigned", .form = SHEET_COUNT }, { .words = "accuracy", .form = SHEET_REAL },
        { .words = "balanced accuracy", .form = SHEET_REAL }, { .words = "accuracy of assigned", .form = SHEET_REAL },
        { .words = "calibration error", .form = SHEET_REAL },
    };
    sheet s = { .columns = columns, .column_count = sizeof columns / sizeof *columns };
    text_format(out, "%lld cells from %lld labelled ones (k = %d", (long long)(a->cells - a->missing), (long long)a->reference, a->k);
    text_format(out, "%s); %lld missing\n", a->weighted ? ", weighted by distance" : "", (long long)a->missing);
    if (!has_truth(a)) {
        confidences_text(a, classes, out);
        return;
    }
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        const annotation_result *r = &a->way[way];
        const int known = r->score.cells > 0;
        if (!r->label) { continue; }
        sheet_row(&s);
        sheet_words(&s, annotate_way_name((annotate_way)way));
        sheet_number(&s, (double)r->unassigned);
        sheet_number(&s, known ? r->score.accuracy : NAN);
        sheet_number(&s, known ? r->score.balanced_accuracy : NAN);
        sheet_number(&s, known ? r->score.assigned_accuracy : NAN);
        sheet_number(&s, known ? r->score.calibration_error : NAN);
    }
    sheet_text(&s, out);
    sheet_free(&s);
    recall_text(a, classes, out);
}
