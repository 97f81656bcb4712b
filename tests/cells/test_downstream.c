/* What is done with features: labels and other modalities for new cells, clusters; examples/cells/annotate.c, impute.c, cluster.c.
   Each against formulas written out here, on data small enough for that; then real cells. */
#include "indiseek.h"
#include "tests/base/fixture.h"

#include <math.h>

#include "examples/formats/mtx.h"
#include "examples/base/random.h"
#include "examples/formats/table.h"
#include "examples/cells/annotate.h"
#include "examples/cells/cluster.h"
#include "examples/cells/leiden.h"
#include "examples/cells/impute.h"

#define REAL "../shared/data/pbmc10k_citeseq/"

static isk_context *three;                  /* of three threads; that of fixture.h has one */

static int open_contexts(void **state) {
    isk_context_desc desc = { .threads = 3, .device = ISK_DEVICE_CPU };
    three = isk_open(&desc);
    return three ? open_context(state) : 1;
}

static int close_contexts(void **state) {
    isk_close(three);
    return close_context(state);
}

static void ok_at(const char *file, int line, isk_status status) {
    if (status != ISK_OK) { print_message("%s:%d: %s | %s\n", file, line, isk_error(context), isk_error(three)); }
    assert_int_equal(status, ISK_OK);
}
#define ok(call) ok_at(__FILE__, __LINE__, call)

static void close_at(const char *file, int line, double value, double due, double tolerance) {
    if (fabs(value - due) <= tolerance) { return; }
    print_message("%s:%d: %.12g is not %.12g +- %g\n", file, line, value, due, tolerance);
    assert_true(0);
}
#define assert_close(value, due, tolerance) close_at(__FILE__, __LINE__, value, due, tolerance)

static isk_matrix make(int64_t rows, int64_t cols, isk_scalar **data) {
    *data = calloc((size_t)(rows * cols), sizeof **data);
    assert_non_null(*data);
    return (isk_matrix){ *data, rows, cols };
}

static isk_matrix normal(random_stream *r, int64_t rows, int64_t cols, isk_scalar **data) {
    const isk_matrix m = make(rows, cols, data);
    for (int64_t i = 0; i < rows * cols; i++) { (*data)[i] = (isk_scalar)random_normal(r); }
    return m;
}

static names list(const char *const *words, int count) {
    names n = { NULL, 0, 0, NULL, 0, 0 };
    for (int i = 0; i < count; i++) { assert_true(names_add(&n, words[i])); }
    return n;
}

/* ---- labels: votes ---- */

/* All labelled cells in order of distance, then of their number; the class of most votes, of the nearer one in a tie. */
static int32_t naive_vote(isk_matrix reference, const int32_t *codes, const isk_scalar *query, int k, int weighted, double *share) {
    double distance[200], votes[10] = { 0 }, total = 0;
    int32_t label[200], best = -1;
    int nearest[200], zero = 0;
    for (int64_t i = 0; i < reference.rows; i++) {
        distance[i] = 0;
        for (int64_t j = 0; j < reference.cols; j++) {
            distance[i] += pow((double)reference.data[i * reference.cols + j] - (double)query[j], 2);
        }
        distance[i] = codes[i] < 0 ? HUGE_VAL : sqrt(distance[i]);
    }
    for (int t = 0; t < k; t++) {
        nearest[t] = 0;
        for (int i = 1; i < (int)reference.rows; i++) { nearest[t] = distance[i] < distance[nearest[t]] ? i : nearest[t]; }
        label[t] = codes[nearest[t]];
        total = distance[nearest[t]];
        distance[nearest[t]] = HUGE_VAL;
        zero |= total <= 0;
        votes[label[t]] += !weighted ? 1 : total > 0 ? zero ? 0 : 1 / total : 1;
    }
    total = 0;
    for (int c = 0; c < 10; c++) { total += votes[c]; }
    for (int t = 0; t < k; t++) {
        if (best < 0 || votes[label[t]] > votes[best] * (1 + 1e-12)) { best = label[t]; }
    }
    *share = votes[best] / total;
    return best;
}

/* Cells on a grid, so that equal distances, equal votes and distance 0 abound. */
static void votes_are_those_of_the_nearest(void **state) {
    enum { n = 200, m = 150, d = 3 };
    random_stream random = random_open(1, 1);
    isk_scalar *x, *y;
    const isk_matrix reference = normal(&random, n, d, &x), query = normal(&random, m, d, &y);
    int32_t codes[n];
    int ties = 0, sure = 0;
    (void)state;
    for (int i = 0; i < n * d; i++) { x[i] = (isk_scalar)floor((double)x[i] * 1.5); }
    for (int i = 0; i < m * d; i++) { y[i] = (isk_scalar)floor((double)y[i] * 1.5); }
    for (int i = 0; i < n; i++) { codes[i] = (int32_t)random_below(&random, 6) - 1; }
    for (int run = 0; run < 8; run++) {
        const int k = (int[]){ 1, 2, 5, 20 }[run / 2], weighted = run % 2;
        annotate_desc desc = { .reference = { reference }, .query = { query }, .labels = codes, .ways = 1u << ANNOTATE_KNN, .k = k,
                               .weighted = weighted };
        annotation a, b;
        ok(annotate_cells(context, &desc, &a));
        ok(annotate_cells(three, &desc, &b));
        assert_int_equal(a.classes, 5);
        assert_int_equal(a.k, k);
        assert_null(a.way[ANNOTATE_PROBE].label);
        assert_memory_equal(a.way[ANNOTATE_KNN].label, b.way[ANNOTATE_KNN].label, m * sizeof(int32_t));
        assert_memory_equal(a.way[ANNOTATE_KNN].confidence, b.way[ANNOTATE_KNN].confidence, m * sizeof(double));
        for (int i = 0; i < m; i++) {
            double share;
            assert_int_equal(a.way[ANNOTATE_KNN].label[i], naive_vote(reference, codes, y + i * d, k, weighted, &share));
            assert_close(a.way[ANNOTATE_KNN].confidence[i], share, 1e-9);
            ties += k == 2 && share < 0.51;
            sure += k == 20 && weighted && share > 0.999;
        }
        annotation_free(&a);
        annotation_free(&b);
    }
    assert_true(ties > 20 && sure > 5);                     /* else the grid tests nothing */
    free(x);
    free(y);
}

static void the_nearer_wins_a_tie(void **state) {
    const isk_scalar x[] = { 0, 1, 2, 10, 11, 12 }, y[] = { 0.4f, 1.6f, 11.4f, 5.9f };
    const int32_t codes[] = { 2, 0, 0, 1, 1, -1 }, of_far[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
    const isk_scalar far[] = { 9, 9, 9, 9, 9, 9, 9, 9, 9, 1 }, origin = 0;
    annotate_desc desc = { .reference = { { x, 6, 1 } }, .query = { { y, 4, 1 } }, .labels = codes, .k = 2, .ways = 1u << ANNOTATE_KNN };
    annotation a;
    const annotation_result *r = &a.way[ANNOTATE_KNN];
    (void)state;
    ok(annotate_cells(context, &desc, &a));
    assert_int_equal(r->label[0], 2);                       /* at 0 a 2, at 1 a 0: the nearer, though its number is higher */
    assert_int_equal(r->label[1], 0);
    assert_int_equal(r->label[2], 1);                       /* the unlabelled cell at 12 has no vote */
    assert_int_equal(r->label[3], 0);                       /* 3.9 from a 0 at 2, 4.1 from a 1 at 10 */
    assert_close(r->confidence[0], 0.5, 0);
    assert_close(r->confidence[1], 1, 0);
    annotation_free(&a);
    desc.k = 5;
    ok(annotate_cells(context, &desc, &a));                 /* 2, 0, 0, 1, 1: a tie of 0 and 1 */
    assert_int_equal(r->label[0], 0);
    assert_int_equal(r->label[2], 1);
    assert_close(r->confidence[0], 0.4, 1e-15);
    annotation_free(&a);
    desc.k = 0;
    ok(annotate_cells(context, &desc, &a));
    assert_int_equal(a.k, 5);                               /* 15, but there are 5 */
    assert_int_equal(a.reference, 5);
    annotation_free(&a);
    desc = (annotate_desc){ .reference = { { far, 10, 1 } }, .query = { { &origin, 1, 1 } }, .labels = of_far, .k = 10, .weighted = 1,
                            .ways = 1u << ANNOTATE_KNN };
    ok(annotate_cells(context, &desc, &a));                 /* 1 against nine times 1/9, which as added up is more by rounding */
    assert_int_equal(r->label[0], 1);
    assert_close(r->confidence[0], 0.5, 1e-12);
    annotation_free(&a);
}

/* Several blocks are divided by the reference's total deviation; the query's own, which is another, does not count. */
static void blocks_weigh_by_the_reference(void **state) {
    enum { n = 120, m = 60 };
    random_stream random = random_open(2, 1);
    isk_scalar *c, *z, *query_c, *query_z, *joined, *asked;
    annotate_desc desc = { .k = 3, .ways = 1u << ANNOTATE_KNN };
    const isk_matrix all = make(n, 5, &joined);
    int32_t codes[n];
    double deviation[2] = { 0, 0 };
    annotation a;
    int differ = 0;
    (void)state;
    make(m, 5, &asked);
    desc.reference[0] = normal(&random, n, 2, &c);
    desc.reference[3] = normal(&random, n, 3, &z);
    desc.query[0] = normal(&random, m, 2, &query_c);
    desc.query[3] = normal(&random, m, 3, &query_z);
    desc.labels = codes;
    for (int i = 0; i < 3 * n; i++) { z[i] = (isk_scalar)(1000 * (double)z[i]); }
    for (int i = 0; i < 3 * m; i++) { query_z[i] = (isk_scalar)(250 * (double)query_z[i]); }
    for (int i = 0; i < n; i++) { codes[i] = i % 4; }
    for (int j = 0; j < 5; j++) {
        double mean = 0, square = 0;
        for (int i = 0; i < n; i++) { mean += (double)(j < 2 ? c[i * 2 + j] : z[i * 3 + j - 2]) / n; }
        for (int i = 0; i < n; i++) { square += pow((double)(j < 2 ? c[i * 2 + j] : z[i * 3 + j - 2]) - mean, 2) / n; }
        deviation[j >= 2] += square;
    }
    for (int i = 0; i < n * 5; i++) {
        const int row = i / 5, j = i % 5;
        joined[i] = (isk_scalar)((double)(j < 2 ? c[row * 2 + j] : z[row * 3 + j - 2]) / sqrt(deviation[j >= 2]));
        if (row < m) {
            asked[i] = (isk_scalar)((double)(j < 2 ? query_c[row * 2 + j] : query_z[row * 3 + j - 2]) / sqrt(deviation[j >= 2]));
        }
    }
    ok(annotate_cells(context, &desc, &a));
    for (int i = 0; i < m; i++) {
        const isk_scalar alone[] = { asked[i * 5], asked[i * 5 + 1], 4 * asked[i * 5 + 2], 4 * asked[i * 5 + 3], 4 * asked[i * 5 + 4] };
        double share;
        assert_int_equal(a.way[ANNOTATE_KNN].label[i], naive_vote(all, codes, asked + i * 5, 3, 0, &share));
        assert_close(a.way[ANNOTATE_KNN].confidence[i], share, 1e-12);
        differ += naive_vote(all, codes, alone, 3, 0, &share) != a.way[ANNOTATE_KNN].label[i];
    }
    assert_true(differ > 10);                               /* by the query's own deviation they would be others */
    annotation_free(&a);
    free(c);
    free(z);
    free(query_c);
    free(query_z);
    free(joined);
    free(asked);
}

/* ---- labels: probabilities ---- */

/* Classes 0, 2, ...: class 1 is in no reference cell.  Weights are those of isk_probe; the softmax is written out. */
static void probabilities_are_a_softmax(void **state) {
    enum { n = 240, m = 80, d = 4 };
    (void)state;
    for (int count = 2; count <= 4; count++) {
        random_stream random = random_open(3, (uint64_t)count);
        isk_scalar *x, *y;
        const isk_matrix reference = normal(&random, n, d, &x), query = normal(&random, m, d, &y);
        int32_t codes[n];
        uint8_t part[n] = { 0 };
        double weights[5 * d], intercepts[5];
        isk_probe_report report;
        annotation a;
        for (int i = 0; i < n; i++) {
            codes[i] = i % count ? i % count + 1 : 0;
            x[i * d + i % count] += (isk_scalar)1.5;
            if (i % 7 == 0) { codes[i] = -1; }
        }
        for (int i = 0; i < m; i++) { y[i * d + i % count] += (isk_scalar)1.5; }
        ok(isk_probe(context, &(isk_probe_desc){ .x = reference, .labels = codes, .part = part, .standardize = 1, .weights = weights,
                                                 .intercepts = intercepts }, &report));
        ok(annotate_cells(context, &(annotate_desc){ .reference = { reference }, .query = { query }, .labels = codes, .classes = 7 }, &a));
        assert_int_equal(a.classes, 7);
        assert_int_equal(a.probe.train_classes, count);
        for (int i = 0; i < m; i++) {
            double p[5], sum = 0;
            int best = 0;
            for (int c = 0; c < report.classes; c++) {
                double z = intercepts[c];
                for (int j = 0; j < d; j++) { z += weights[c * d + j] * (double)y[i * d + j]; }
                p[c] = exp(z);
                sum += p[c];
                best = p[c] > p[best] ? c : best;
            }
            assert_int_equal(a.way[ANNOTATE_PROBE].label[i], best);
            assert_true(best != 1);
            assert_close(a.way[ANNOTATE_PROBE].confidence[i], p[best] / sum, 1e-5);
        }
        annotation_free(&a);
        free(x);
        free(y);
    }
}

/* ---- labels: unassigned and missing cells, scores ---- */

typedef struct task {
    isk_scalar *x, *y;
    int32_t labels[300], truth[200];
    annotate_desc desc;
} task;

/* Four classes of cells that overlap; class 3 is in no reference cell; a seventh of the query is of unknown truth. */
static void task_make(task *t) {
    random_stream random = random_open(4, 1);
    *t = (task){ .x = NULL };
    t->desc = (annotate_desc){ .reference = { normal(&random, 300, 2, &t->x) }, .query = { normal(&random, 200, 2, &t->y) },
                               .labels = t->labels, .truth = t->truth, .k = 7, .least = 0.6 };
    for (int i = 0; i < 300; i++) {
        t->labels[i] = i % 3;
        t->x[2 * i] += (isk_scalar)(2 * (i % 3));
    }
    for (int i = 0; i < 200; i++) {
        t->truth[i] = i % 4;
        t->y[2 * i] += (isk_scalar)(2 * (i % 4));
        if (i % 7 == 3) { t->truth[i] = -1; }
    }
}

static void task_free(task *t) {
    free(t->x);
    free(t->y);
}

static void scores_count_the_unassigned(void **state) {
    task t;
    annotation a;
    (void)state;
    task_make(&t);
    t.y[2 * 8] = t.y[2 * 9] = (isk_scalar)NAN;              /* two cells are missing */
    ok(annotate_cells(context, &t.desc, &a));
    assert_int_equal(a.cells, 200);
    assert_int_equal(a.missing, 2);
    assert_int_equal(a.classes, 4);
    for (int way = 0; way < ANNOTATE_WAYS; way++) {
        const annotation_result *r = &a.way[way];
        const annotation_score *s = &r->score;
        double right[4] = { 0 }, all[4] = { 0 }, hits[10] = { 0 }, sum[10] = { 0 }, cells[10] = { 0 }, error = 0, balanced = 0;
        int64_t confusion[5][5] = { { 0 } };
        int assigned = 0, known = 0, unassigned = 0, correct = 0;
        for (int i = 0; i < 200; i++) {
            const int32_t truth = t.truth[i], best = r->best[i];
            const int given = r->confidence[i] >= 0.6;
            if (i == 8 || i == 9) {
                assert_true(r->label[i] == -1 && best == -1 && isnan(r->confidence[i]));
                continue;
            }
            assert_true(best >= 0 && best < 3 && r->confidence[i] > 1.0 / 3 - 1e-9 && r->confidence[i] <= 1);
            assert_int_equal(r->label[i], given ? best : -1);
            unassigned += !given;
            if (truth < 0) { continue; }
            known++;
            assigned += given;
            correct += given && best == truth;
            right[truth] += given && best == truth;
            all[truth]++;
            confusion[truth][given ? best : 4]++;
            for (int b = 0; b < 10; b++) {                  /* the last bin has both its ends */
                if (r->confidence[i] * 10 < b || (r->confidence[i] * 10 >= b + 1 && b < 9)) { continue; }
                hits[b] += best == truth;
                sum[b] += r->confidence[i];
                cells[b]++;
            }
        }
        assert_true(unassigned > 3);
        assert_int_equal(r->unassigned, unassigned);
        assert_int_equal(s->cells, known);
        assert_int_equal(s->assigned, assigned);
        assert_int_equal(s->unknown, (int)all[3]);
        assert_memory_equal(s->confusion, confusion, sizeof confusion);
        assert_close(s->accuracy, (double)correct / known, 1e-12);
        assert_close(s->assigned_accuracy, (double)correct / assigned, 1e-12);
        assert_true(s->accuracy < s->assigned_accuracy);
        for (int c = 0; c < 4; c++) {
            assert_close(s->recall[c], right[c] / all[c], 1e-12);
            balanced += right[c] / all[c] / 4;
        }
        assert_close(s->balanced_accuracy, balanced, 1e-12);
        for (int b = 0; b < 10; b++) {
            assert_int_equal(s->bin[b].cells, (int64_t)cells[b]);
            error += fabs(hits[b] - sum[b]) / known;
            if (cells[b] > 0) {
                assert_close(s->bin[b].accuracy, hits[b] / cells[b], 1e-12);
                assert_close(s->bin[b].confidence, sum[b] / cells[b], 1e-12);
            } else {
                assert_true(isnan(s->bin[b].accuracy) && isnan(s->bin[b].confidence));
            }
        }
        assert_close(s->calibration_error, error, 1e-12);
    }
    annotation_free(&a);
    t.desc.least = 1;                                       /* nothing but certainty */
    t.desc.truth = NULL;
    ok(annotate_cells(context, &t.desc, &a));
    assert_int_equal(a.way[ANNOTATE_PROBE].unassigned, 198);
    assert_true(a.way[ANNOTATE_KNN].unassigned > 0 && a.way[ANNOTATE_KNN].unassigned < 198);
    assert_int_equal(a.way[ANNOTATE_KNN].score.cells, 0);
    annotation_free(&a);
    task_free(&t);
}

static isk_status annotate_and_free(isk_context *in, void *desc) {
    annotation a;
    const isk_status status = annotate_cells(in, desc, &a);
    if (status == ISK_OK) { annotation_free(&a); }
    return status;
}

static void annotation_says_what_is_wrong(void **state) {
    task t;
    annotation a;
    annotate_desc desc;
    (void)state;
    task_make(&t);
#define WRONG(change, status, sentence) \
    do { desc = t.desc; change; expect(context, annotate_cells(context, &desc, &a), status, sentence); } while (0)
    WRONG(desc.query[0].cols = 1, ISK_SHAPE,
          "block 1 has 2 columns in the reference and 1 in the query; both must be the same features");
    WRONG(desc.query[1] = desc.query[0], ISK_ARGUMENT, "block 2 is in the query only; reference and query must have the same features");
    WRONG(desc.query[0].data = NULL, ISK_ARGUMENT, "block 1 is in the reference only; reference and query must have the same features");
    WRONG((desc.query[0].data = NULL, desc.reference[0].data = NULL), ISK_ARGUMENT,
          "there are 0 reference cells and 0 query cells; at least one of each is needed");
    WRONG(desc.k = 301, ISK_ARGUMENT, "k is 301, but the reference has 300 labelled cells; give a smaller k");
    WRONG(desc.k = -1, ISK_ARGUMENT, "classes is 0 and k -1; neither may be negative");
    WRONG(desc.least = 1.5, ISK_ARGUMENT, "least is 1.5; a confidence is from 0 to 1");
    WRONG(desc.least = NAN, ISK_ARGUMENT, "least is nan; a confidence is from 0 to 1");
    WRONG(desc.labels = NULL, ISK_ARGUMENT, "labels is NULL; the reference cells must be labelled");
    WRONG(desc.classes = 2, ISK_DATA, "labels[2] is 2, but there are 2 classes");
    WRONG(desc.classes = 3, ISK_DATA, "truth[7] is 3, but there are 3 classes");
    t.x[9] = (isk_scalar)INFINITY;
    WRONG(desc.k = 7, ISK_DATA, "block 1 of the reference holds an infinity in row 4, column 1 (from 0); of a row that is missing the "
                                "first value is NaN");
    t.x[9] = 0;
    t.y[3] = (isk_scalar)NAN;
    WRONG(desc.k = 7, ISK_DATA, "block 1 of the query holds a NaN in row 1, column 1 (from 0); of a row that is missing the first value "
                                "is NaN");
    t.y[3] = 0;
    for (int i = 0; i < 300; i++) { t.labels[i] = -1; }
    WRONG(desc.k = 7, ISK_DATA, "none of the 300 reference cells is labelled and there in every block, so there is no label to give");
    t.labels[4] = t.labels[5] = 2;
    WRONG(desc.k = 1, ISK_DATA, "all 2 labelled reference cells are of class 2; a regression needs two classes, nearest neighbours do not");
    t.desc.ways = 1u << ANNOTATE_KNN;
    WRONG(desc.k = 3, ISK_ARGUMENT, "k is 3, but the reference has 2 labelled cells; give a smaller k");
#undef WRONG
    t.desc.k = 0;
    ok(annotate_cells(context, &t.desc, &a));               /* one class is enough for votes */
    assert_int_equal(a.k, 2);
    assert_int_equal(a.way[ANNOTATE_KNN].label[0], 2);
    annotation_free(&a);
    task_free(&t);
}

static void one_cell_is_enough(void **state) {
    const isk_scalar x[] = { 1, 5 }, y = 4;
    const int32_t codes[] = { 0, 1 };
    annotate_desc desc = { .reference = { { x, 1, 1 } }, .query = { { &y, 1, 1 } }, .labels = codes, .ways = 1u << ANNOTATE_KNN };
    annotation a;
    (void)state;
    ok(annotate_cells(context, &desc, &a));                 /* one reference cell, one query cell, one feature */
    assert_int_equal(a.way[ANNOTATE_KNN].label[0], 0);
    assert_close(a.way[ANNOTATE_KNN].confidence[0], 1, 0);
    annotation_free(&a);
    desc.reference[0].rows = 2;
    desc.ways = 0;
    desc.k = 1;
    ok(annotate_cells(context, &desc, &a));
    assert_int_equal(a.way[ANNOTATE_KNN].label[0], 1);
    assert_int_equal(a.way[ANNOTATE_PROBE].label[0], 1);
    assert_true(a.way[ANNOTATE_PROBE].confidence[0] > 0.5 && a.way[ANNOTATE_PROBE].confidence[0] < 1);
    annotation_free(&a);
}

static void annotation_is_written(void **state) {
    const isk_scalar x[] = { 0, 1, 10, 11 }, y[] = { (isk_scalar)0.5, (isk_scalar)5.5, (isk_scalar)NAN };
    const int32_t codes[] = { 0, 0, 1, 1 }, truth[] = { 0, -1, 1 };
    static const char *const cell_names[] = { "one", "two\t2", "three" }, *const class_names[] = { "B cells", "T \"cells\"" };
    names cells = list(cell_names, 3), classes = list(class_names, 2);
    annotate_desc desc = { .reference = { { x, 4, 1 } }, .query = { { y, 3, 1 } }, .labels = codes, .truth = truth, .k = 4, .least = 0.6,
                           .weighted = 1, .ways = 1u << ANNOTATE_KNN };
    annotation a;
    text out = { NULL, 0, 0, 0 };
    (void)state;
    ok(annotate_cells(context, &desc, &a));
    annotation_tsv(&a, &cells, &classes, truth, &out);
    assert_string_equal(out.data, "cell\tlabel_knn\tconfidence_knn\ttruth\none\tB cells\t0.952267\tB cells\ntwo 2\tunassigned\t0.5\t\n"
                                  "three\t\t\tT \"cells\"\n");
    text_free(&out);
    out = (text){ NULL, 0, 0, 0 };
    text_add(&out, "{");
    annotation_json(&a, &classes, &out);
    assert_non_null(strstr(out.data, "\"classes\": [\"B cells\", \"T \\\"cells\\\"\"]"));
    assert_non_null(strstr(out.data, "\"accuracy\": 1, \"balanced_accuracy\": 1, \"assigned_accuracy\": 1"));
    assert_non_null(strstr(out.data, "\"recall\": {\"B cells\": 1, \"T \\\"cells\\\"\": null}"));
    assert_non_null(strstr(out.data, "\"confusion\": [[1, 0, 0], [0, 0, 0]]}"));
    text_free(&out);
    out = (text){ NULL, 0, 0, 0 };
    annotation_text(&a, &classes, &out);
    assert_non_null(strstr(out.data, "2 cells from 4 labelled ones (k = 4, weighted by distance); 1 missing\n"));
    assert_non_null(strstr(out.data, "\nB cells              1.000\nT \"cells\"                -\n"));
    text_free(&out);
    annotation_free(&a);
    names_free(&cells);
    names_free(&classes);
}

/* Where no truth is known: how many cells of each class each way finds, and how sure it is of them. */
static void annotation_without_truth_says_how_sure_it_is(void **state) {
    const isk_scalar x[] = { 0, 1, 10, 11 }, y[] = { (isk_scalar)0.5, (isk_scalar)5.5, (isk_scalar)NAN, 0 };
    const int32_t codes[] = { 0, 0, 1, 1 }, unknown[] = { -1, -1, -1, -1 };
    static const char *const class_names[] = { "B cells", "T cells", "none of them" };
    names classes = list(class_names, 3);
    annotate_desc desc = { .reference = { { x, 4, 1 } }, .query = { { y, 4, 1 } }, .labels = codes, .classes = 3, .k = 4, .least = 0.6,
                           .weighted = 1,
                           .ways = 1u << ANNOTATE_KNN };
    annotation a;
    text out = { NULL, 0, 0, 0 };
    (void)state;
    for (int run = 0; run < 2; run++) {                     /* a truth that names no cell is none */
        desc.truth = run ? unknown : NULL;
        ok(annotate_cells(context, &desc, &a));
        a.way[ANNOTATE_KNN].confidence[1] = 0.4375;
        annotation_text(&a, &classes, &out);                /* B cells: 0.952 and 1 at distance 0 */
        assert_string_equal(out.data, "3 cells from 4 labelled ones (k = 4, weighted by distance); 1 missing\n"
                                      "class                cells, knn  median confidence\n"
                                      "B cells                       2              0.976\n"
                                      "T cells                       0                  -\n"
                                      "none of them                  0                  -\n"
                                      "unassigned                    1              0.438\n"
                                      "all                           3              0.952\n"
                                      "confidence < 0.5              1\n");
        text_free(&out);
        out = (text){ NULL, 0, 0, 0 };
        annotation_free(&a);
    }
    desc.least = 0;
    desc.ways = 0;
    ok(annotate_cells(context, &desc, &a));
    annotation_text(&a, &classes, &out);
    assert_non_null(strstr(out.data, "cells, knn  median confidence cells, probe  median confidence\n"));
    assert_null(strstr(out.data, "unassigned"));
    text_free(&out);
    annotation_free(&a);
    names_free(&classes);
}

/* ---- the other modality ---- */

typedef struct pair {
    isk_scalar *c, *z, *components, *target;
    uint8_t part[1200];
    impute_desc desc;
} pair;

/* Target 0 is a fold of c that no line finds; 1 needs z too; 2 is constant; 3 is noise. */
static void pair_make(pair *p, uint64_t seed) {
    enum { n = 1200 };
    random_stream random = random_open(5, seed);
    *p = (pair){ .c = NULL };
    p->desc.from.c = normal(&random, n, 2, &p->c);
    p->desc.from.z = normal(&random, n, 2, &p->z);
    p->desc.from.components = make(n, 4, &p->components);
    p->desc.target = normal(&random, n, 4, &p->target);
    p->desc.part = p->part;
    p->desc.k = 5;
    for (int i = 0; i < n; i++) {
        const double c = (double)p->c[2 * i], z = (double)p->z[2 * i];
        p->part[i] = (uint8_t)(i % 6 == 0 ? ISK_VALIDATION : i % 6 < 3 ? ISK_TEST : ISK_TRAIN);
        p->z[2 * i] = (isk_scalar)(1000 * z);
        p->target[4 * i] = (isk_scalar)(3 + fabs(c));
        p->target[4 * i + 1] = (isk_scalar)(fabs(c) * z);
        p->target[4 * i + 2] = 7;
        for (int j = 0; j < 4; j++) { p->components[4 * i + j] = j < 2 ? p->c[2 * i + j] : p->z[2 * i + j - 2] / 1000; }
    }
}

static void pair_free(pair *p) {
    free(p->c);
    free(p->z);
    free(p->components);
    free(p->target);
}

static void a_decoder_finds_what_lines_do_not(void **state) {
    pair p;
    imputation m;
    double ridge, column_r2[4];
    (void)state;
    pair_make(&p, 1);
    ok(isk_ridge_r2(context, &(isk_regression_desc){ .x = p.desc.from.c, .y = p.desc.target, .part = p.part, .column_r2 = column_r2 },
                    &ridge));
    assert_true(column_r2[0] < 0.1);
    ok(impute_modality(context, &p.desc, &m));
    assert_int_equal(m.rows, 1200);
    assert_int_equal(m.features, 4);
    assert_int_equal(m.trained_on, 600);
    assert_int_equal(m.stopped_on, 200);
    assert_int_equal(m.scored_on, 400);
    assert_int_equal(m.scored, ISK_TEST);
    for (int stop = 0; stop < 2; stop++) {                  /* it is isk_mlp_r2's network, stopped by the validation cells */
        double mlp;
        ok(isk_mlp_r2(context, &(isk_regression_desc){ .x = p.desc.from.c, .y = p.desc.target, .part = p.part, .stop_on_validation = stop },
                      &mlp));
        assert_int_equal(mlp == m.way[IMPUTE_C].pooled_r2, stop);
    }
    assert_true(m.way[IMPUTE_C].r2[0] > 0.9);
    assert_true(m.way[IMPUTE_C].r2[1] < 0.1);               /* of z nothing is known */
    assert_true(m.way[IMPUTE_CZ].r2[0] > 0.8);
    assert_true(m.way[IMPUTE_CZ].r2[1] > 0.7);
    assert_true(m.way[IMPUTE_CZ].r2[3] < 0.1);
    assert_true(m.way[IMPUTE_CZ].pooled_r2 > m.way[IMPUTE_C].pooled_r2);
    for (int way = 0; way < IMPUTE_WAYS; way++) {           /* the scores are those of the predictions */
        const imputation_result *r = &m.way[way];
        double residual = 0, total = 0, correlations[3];
        int finite = 0;
        for (int j = 0; j < 4; j++) {
            double mean = 0, own = 0, about = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
            for (int i = 0; i < 1200; i++) { mean += p.part[i] == ISK_TRAIN ? (double)p.target[4 * i + j] / 600 : 0; }
            for (int i = 0; i < 1200; i++) {
                const double y = (double)p.target[4 * i + j], guess = (double)r->predictions[4 * i + j];
                assert_true(isfinite(guess));
                if (p.part[i] != ISK_TEST) { continue; }
                own += (y - guess) * (y - guess);
                about += (y - mean) * (y - mean);
                a += y / 400;
                b += guess / 400;
                aa += y * y / 400;
                bb += guess * guess / 400;
                ab += y * guess / 400;
            }
            residual += own;
            total += about;
            if (j == 2) {
                assert_true(isnan(r->correlation[j]) && r->r2[j] == 1);
                continue;
            }
            assert_close(r->r2[j], 1 - own / about, 1e-6);
            correlations[finite] = (ab - a * b) / sqrt((aa - a * a) * (bb - b * b));
            assert_close(r->correlation[j], correlations[finite++], 1e-6);
        }
        assert_close(r->pooled_r2, 1 - residual / total, 1e-6);
        assert_close(r->median_correlation, fmax(fmin(correlations[0], correlations[1]),
                                                 fmin(fmax(correlations[0], correlations[1]), correlations[2])), 1e-6);
    }
    imputation_free(&m);
    pair_free(&p);
}

static void the_baseline_is_the_mean_of_neighbours(void **state) {
    pair p;
    imputation m;
    (void)state;
    pair_make(&p, 2);
    p.desc.from.c.data = NULL;                              /* only the baseline is possible */
    p.desc.from.z.data = NULL;
    ok(impute_modality(context, &p.desc, &m));
    assert_null(m.way[IMPUTE_C].predictions);
    assert_null(m.way[IMPUTE_CZ].predictions);
    for (int i = 0; i < 1200; i += 7) {
        double taken[5] = { -1, -1, -1, -1, -1 }, sum[4] = { 0 };
        for (int t = 0; t < 5; t++) {
            double best = HUGE_VAL;
            int nearest = -1;
            for (int other = 0; other < 1200; other++) {
                double distance = 0;
                int again = 0;
                for (int s = 0; s < t; s++) { again |= (int)taken[s] == other; }
                if (p.part[other] != ISK_TRAIN || again) { continue; }
                for (int j = 0; j < 4; j++) {
                    distance += pow((double)p.components[4 * i + j] - (double)p.components[4 * other + j], 2);
                }
                if (distance < best) {
                    best = distance;
                    nearest = other;
                }
            }
            taken[t] = nearest;
            for (int j = 0; j < 4; j++) { sum[j] += (double)p.target[4 * nearest + j] / 5; }
        }
        for (int j = 0; j < 4; j++) { assert_close((double)m.way[IMPUTE_BASELINE].predictions[4 * i + j], sum[j], 1e-5); }
    }
    imputation_free(&m);
    pair_free(&p);
}

/* Further cells get what the same cells get among the others; cells that lack a modality are told, or missing; seeds. */
static void further_and_partial_cells(void **state) {
    enum { m_rows = 50 };
    pair p;
    imputation m, again, other;
    (void)state;
    pair_make(&p, 3);
    p.desc.query.c = (isk_matrix){ p.c + 2 * 100, m_rows, 2 };
    p.desc.query.z = (isk_matrix){ p.z + 2 * 100, m_rows, 2 };
    p.desc.query.components = (isk_matrix){ p.components + 4 * 100, m_rows, 4 };
    p.desc.epochs = 3;
    p.target[4 * 3] = p.target[4 * 8] = p.target[4 * 6] = (isk_scalar)NAN;      /* a training, a test, a validation cell */
    p.c[2 * 110] = (isk_scalar)NAN;
    ok(impute_modality(context, &p.desc, &m));
    assert_int_equal(m.trained_on + m.stopped_on + m.scored_on, 1200 - 4);
    assert_int_equal(m.query_rows, m_rows);
    for (int way = 0; way < IMPUTE_WAYS; way++) {
        assert_memory_equal(m.way[way].query, m.way[way].predictions + 4 * 100, 10 * 4 * sizeof(isk_scalar));
        assert_memory_equal(m.way[way].query + 4 * 11, m.way[way].predictions + 4 * 111, (m_rows - 11) * 4 * sizeof(isk_scalar));
        for (int j = 0; j < 4; j++) {
            assert_true(isfinite(m.way[way].predictions[4 * 3 + j]) && isfinite(m.way[way].predictions[4 * 8 + j]));
            assert_true(isnan(m.way[way].predictions[4 * 110 + j]) && isnan(m.way[way].query[4 * 10 + j]));
        }
    }
    ok(impute_modality(three, &p.desc, &again));
    p.desc.seed = 1;
    ok(impute_modality(context, &p.desc, &other));
    for (int way = 0; way < IMPUTE_WAYS; way++) {
        assert_memory_equal(m.way[way].r2, again.way[way].r2, 4 * sizeof(double));
        assert_memory_equal(m.way[way].query, again.way[way].query, m_rows * 4 * sizeof(isk_scalar) / 8);
        assert_int_equal(m.way[way].r2[0] != other.way[way].r2[0], way != IMPUTE_BASELINE);
    }
    imputation_free(&m);
    imputation_free(&again);
    imputation_free(&other);
    pair_free(&p);
}

static isk_status impute_and_free(isk_context *in, void *desc) {
    imputation m;
    const isk_status status = impute_modality(in, desc, &m);
    if (status == ISK_OK) { imputation_free(&m); }
    return status;
}

static void parts_decide_what_is_scored(void **state) {
    pair p;
    imputation m;
    (void)state;
    pair_make(&p, 4);
    p.desc.epochs = 1;
    for (int i = 0; i < 1200; i++) { p.part[i] = p.part[i] == ISK_TEST ? ISK_TRAIN : p.part[i]; }
    ok(impute_modality(context, &p.desc, &m));              /* the validation cells are scored, and nothing is chosen by them */
    assert_int_equal(m.scored, ISK_VALIDATION);
    assert_int_equal(m.stopped_on, 0);
    assert_int_equal(m.scored_on, 200);
    assert_true(isfinite(m.way[IMPUTE_C].pooled_r2));
    imputation_free(&m);
    memset(p.part, ISK_TRAIN, sizeof p.part);
    ok(impute_modality(context, &p.desc, &m));
    assert_int_equal(m.scored, ISK_TRAIN);
    assert_true(isnan(m.way[IMPUTE_C].pooled_r2) && isnan(m.way[IMPUTE_C].r2[0]) && isnan(m.way[IMPUTE_CZ].median_correlation));
    assert_true(isfinite(m.way[IMPUTE_C].predictions[0]));
    imputation_free(&m);
    /* n = 1: what that cell has is all that can be said */
    p.desc.from.c.rows = p.desc.from.z.rows = p.desc.from.components.rows = p.desc.target.rows = 1;
    p.desc.k = 0;
    ok(impute_modality(context, &p.desc, &m));
    assert_int_equal(m.k, 1);
    for (int way = 0; way < IMPUTE_WAYS; way++) {
        for (int j = 0; j < 4; j++) { assert_true(m.way[way].predictions[j] == p.target[j]); }
    }
    imputation_free(&m);
    pair_free(&p);
}

static void imputation_says_what_is_wrong(void **state) {
    pair p;
    imputation m;
    impute_desc desc;
    (void)state;
    pair_make(&p, 5);
#define WRONG(change, status, sentence) \
    do { desc = p.desc; change; expect(context, impute_modality(context, &desc, &m), status, sentence); } while (0)
    WRONG(desc.target.data = NULL, ISK_ARGUMENT, "target.data is NULL");
    WRONG(desc.part = NULL, ISK_ARGUMENT, "part is NULL");
    WRONG((desc.from.c.data = NULL, desc.from.components.data = NULL), ISK_ARGUMENT, "from.c.data and from.components.data are NULL");
    WRONG(desc.k = 601, ISK_ARGUMENT, "k is 601, but 600 training cells have both modalities; give a smaller k");
    WRONG(desc.k = -2, ISK_ARGUMENT, "k is -2; it must not be negative");
    WRONG(desc.from.z.rows = 1199, ISK_SHAPE, "block 2 of the cells is [1199, 2]; it must have 1200 rows and at least one column");
    WRONG((desc.query = desc.from, desc.query.z.cols = 1), ISK_SHAPE,
          "Z has 2 columns in the cells trained on and 1 in the further ones; both must be the same features");
    WRONG((desc.query = desc.from, desc.query.components.data = NULL), ISK_SHAPE,
          "principal components has 4 columns in the cells trained on and 0 in the further ones; both must be the same features");
    p.target[41] = (isk_scalar)NAN;
    WRONG(desc.k = 5, ISK_DATA, "block 4 of the cells holds a NaN in row 10, column 1 (from 0); of a row that is missing the first value "
                                "is NaN");
    p.target[41] = 0;
    p.part[17] = 9;
    WRONG(desc.k = 5, ISK_DATA, "part[17] is 9; it must be an isk_part: 0, 1 or 2");
    memset(p.part, ISK_TEST, sizeof p.part);
    WRONG(desc.k = 5, ISK_DATA, "no training cell has both modalities, so nothing can be learned; 1200 cells of other parts have");
#undef WRONG
    pair_free(&p);
}

static void imputation_is_written(void **state) {
    const isk_scalar x[] = { 0, 1, 2, 3 }, y[] = { 0, 5, 1, 5, 3, 5, 7, 5 };
    const uint8_t part[] = { ISK_TRAIN, ISK_TRAIN, ISK_TEST, ISK_TEST };
    static const char *const protein_names[] = { "CD3", "CD19" };
    names features = list(protein_names, 2);
    impute_desc desc = { .from = { .components = { x, 4, 1 } }, .target = { y, 4, 2 }, .part = part, .k = 1 };
    imputation m;
    text out = { NULL, 0, 0, 0 };
    (void)state;
    ok(impute_modality(context, &desc, &m));                /* 1 for 3 and 7; about the mean 0.5: 1 - (4 + 36) / (6.25 + 42.25) */
    imputation_tsv(&m, &features, &out);
    assert_string_equal(out.data, "feature\tr2_baseline\tcorrelation_baseline\nCD3\t0.175258\t\nCD19\t1\t\n");
    text_free(&out);
    out = (text){ NULL, 0, 0, 0 };
    text_add(&out, "{");
    imputation_json(&m, &out);
    assert_string_equal(out.data, "{\n  \"features\": 2, \"trained_on\": 2, \"stopped_on\": 0, \"scored_cells\": 2, \"scored_on\": "
                                  "\"test\", \"k\": 1,\n  \"baseline\": {\"r2\": 0.175257731958763, \"median_correlation\": null}");
    text_free(&out);
    out = (text){ NULL, 0, 0, 0 };
    imputation_text(&m, &features, &out);
    assert_string_equal(out.data, "R^2 from        neighbours\nall features         0.175\nCD3                  0.175\n"
                                  "CD19                 1.000\n(trained on 2 cells, scored on 2)\n");
    text_free(&out);
    out = (text){ NULL, 0, 0, 0 };
    m.query_rows = 7;
    imputation_text(&m, &features, &out);
    assert_ptr_equal(strstr(out.data, "on the run's held-out cells, with all their features:\nR^2 from "), out.data);
    text_free(&out);
    imputation_free(&m);
    names_free(&features);
}

/* R^2 of feature j is j / 100, but for what has none. */
static void of_many_features_the_best_and_the_worst_are_printed(void **state) {
    enum { MANY = 60 };
    double best[MANY], other[MANY];
    imputation m = { .features = MANY, .scored = ISK_TEST, .trained_on = 5, .scored_on = 3 };
    names features = { NULL, 0, 0, NULL, 0, 0 };
    text out = { NULL, 0, 0, 0 };
    const char *at;
    (void)state;
    for (int j = 0; j < MANY; j++) {
        char name[16];
        snprintf(name, sizeof name, "gene%02d", j);
        assert_true(names_add(&features, name));
        best[j] = j == 59 || j == 3 ? (double)NAN : j / 100.0;
        other[j] = 1 - j / 100.0;
    }
    m.way[IMPUTE_C] = (imputation_result){ .r2 = other, .pooled_r2 = 0.25 };
    m.way[IMPUTE_CZ] = (imputation_result){ .r2 = best, .pooled_r2 = 0.5 };
    imputation_text(&m, &features, &out);
    at = strstr(out.data, "\nall features         0.250       0.500\ngene58               0.420       0.580\ngene57 ");
    assert_non_null(at);
    at = strstr(at, "\ngene49               0.510       0.490\n...\ngene10               0.900       0.100\ngene09 ");
    assert_non_null(at);
    at = strstr(at, "\ngene04               0.960       0.040\ngene02 ");
    assert_non_null(at);
    assert_non_null(strstr(at, "\ngene00               1.000       0.000\n"
                               "(the features that are told best and worst, 20 of 60; all of them are in imputation.tsv)\n(trained on 5 "
                               "cells"));
    text_free(&out);
    out = (text){ NULL, 0, 0, 0 };
    m.features = 40;                                        /* few enough for all, in their order */
    imputation_text(&m, &features, &out);
    assert_null(strstr(out.data, "..."));
    assert_non_null(strstr(out.data, "\ngene03               0.970           -\ngene04 "));
    assert_non_null(strstr(out.data, "\ngene39               0.610       0.390\n(trained on 5 cells, scored on 3)\n"));
    text_free(&out);
    names_free(&features);
}

/* ---- clusters ---- */

/* Hubert and Arabie's index by counting pairs. */
static double naive_ari(const int32_t *a, const int32_t *b, int n) {
    double both = 0, only_a = 0, only_b = 0, neither = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            both += a[i] == a[j] && b[i] == b[j];
            only_a += a[i] == a[j] && b[i] != b[j];
            only_b += a[i] != a[j] && b[i] == b[j];
            neither += a[i] != a[j] && b[i] != b[j];
        }
    }
    return 2 * (both * neither - only_a * only_b) / ((both + only_a) * (only_a + neither) + (both + only_b) * (only_b + neither));
}

static double naive_nmi(const int32_t *a, const int32_t *b, int n) {
    double joint[16][16] = { { 0 } }, p[16] = { 0 }, q[16] = { 0 }, mutual = 0, entropies = 0;
    for (int i = 0; i < n; i++) {
        joint[a[i]][b[i]] += 1.0 / n;
        p[a[i]] += 1.0 / n;
        q[b[i]] += 1.0 / n;
    }
    for (int i = 0; i < 16; i++) {
        for (int j = 0; j < 16; j++) { mutual += joint[i][j] > 0 ? joint[i][j] * log(joint[i][j] / (p[i] * q[j])) : 0; }
        entropies -= (p[i] > 0 ? p[i] * log(p[i]) : 0) + (q[i] > 0 ? q[i] * log(q[i]) : 0);
    }
    return 2 * mutual / entropies;
}

/* Shared features tell the lineage (3), specific ones of the second view the state (2), of the first nothing. */
static void clusters_agree_with_what_is_there(void **state) {
    enum { n = 600 };
    static const char *const views[] = { "rna", "protein" };
    random_stream random = random_open(6, 1);
    isk_scalar *data[4], *test_rows;
    isk_matrix c[2] = { normal(&random, n, 3, &data[0]), normal(&random, n, 3, &data[1]) };
    isk_matrix z[2] = { normal(&random, n, 2, &data[2]), normal(&random, n, 2, &data[3]) };
    int32_t lineage[n], kind[n], one[n], truth[n], found[n];
    uint8_t part[n];
    cluster_embedding embeddings[CLUSTER_STANDARD];
    cluster_label columns[] = { { "lineage", lineage }, { "state", kind }, { "one", one } };
    cluster_row rows[3 * CLUSTER_STANDARD], other[3 * CLUSTER_STANDARD];
    cluster_desc desc = { .rows = n, .embeddings = embeddings, .labels = columns, .label_count = 3, .part = part };
    int count = cluster_embeddings(2, views, c, z, embeddings), tests = 0;
    (void)state;
    for (int i = 0; i < n; i++) {
        lineage[i] = i % 3 * 4;                             /* codes need not be 0, 1, 2 */
        kind[i] = i / 3 % 2;
        one[i] = 5;
        part[i] = (uint8_t)(i % 5 < 2 ? ISK_TEST : ISK_TRAIN);
        data[0][3 * i + i % 3] += 12;
        data[1][3 * i + i % 3] += 3;
        data[3][2 * i + kind[i]] += 12;
        if (i % 5 > 2) { lineage[i] = -1; }                 /* of no cell that is scored */
        if (part[i] == ISK_TRAIN) { data[3][2 * i] = (isk_scalar)random_normal(&random); }
    }
    assert_int_equal(count, 9);
    assert_string_equal(embeddings[0].name, "shared_rna");
    assert_string_equal(embeddings[1].name, "specific_rna");
    assert_string_equal(embeddings[2].name, "rna");
    assert_string_equal(embeddings[5].name, "protein");
    assert_string_equal(embeddings[6].name, "shared");
    assert_string_equal(embeddings[7].name, "specific");
    assert_string_equal(embeddings[8].name, "all");
    assert_ptr_equal(embeddings[5].blocks[1].data, z[1].data);
    assert_ptr_equal(embeddings[6].blocks[1].data, c[1].data);
    assert_ptr_equal(embeddings[7].blocks[1].data, z[1].data);
    assert_ptr_equal(embeddings[8].blocks[3].data, z[1].data);
    assert_int_equal(embeddings[5].views, 0);
    assert_int_equal(embeddings[8].views, 2);
    assert_int_equal(embeddings[8].view_of[1], 0);
    assert_int_equal(embeddings[8].view_of[2], 1);
    desc.embedding_count = count;
    ok(cluster_scores(context, &desc, rows));
    for (int i = 0; i < 3 * count; i++) {
        assert_string_equal(rows[i].embedding, embeddings[i / 3].name);
        assert_string_equal(rows[i].label, columns[i % 3].name);
        assert_int_equal(rows[i].cells, 240);
        assert_int_equal(rows[i].k, 3 - i % 3);
        assert_int_equal(isnan(rows[i].ari), i % 3 == 2);   /* one label: nothing to agree about */
        assert_true(isnan(rows[i].ari_deviation));
    }
    assert_close(rows[0].ari, 1, 1e-12);                    /* shared_rna: the lineage, not the state */
    assert_close(rows[0].nmi, 1, 1e-12);
    assert_close(rows[1].ari, 0, 0.05);
    assert_close(rows[3].ari, 0, 0.05);                     /* specific_rna: nothing */
    assert_close(rows[3 * 4].ari, 0, 0.05);                 /* specific_protein: the state */
    assert_close(rows[3 * 4 + 1].ari, 1, 1e-12);
    assert_true(rows[3 * 3].ari > 0.3 && rows[3 * 3].ari < 0.99);       /* shared_protein: the lineage, with faults */

    desc.embeddings = &embeddings[1];                       /* specific_rna by hand: no clusters, so that every seed finds others */
    desc.embedding_count = 1;
    desc.seeds = 3;
    desc.starts = 1;
    ok(cluster_scores(context, &desc, rows));
    ok(cluster_scores(three, &desc, other));
    assert_memory_equal(&rows[0].ari, &other[0].ari, sizeof rows[0].ari);
    make(n, 2, &test_rows);
    for (int i = 0; i < n; i++) {
        if (part[i] != ISK_TEST) { continue; }
        memcpy(test_rows + 2 * tests, data[2] + 2 * i, 2 * sizeof *test_rows);
        truth[tests++] = lineage[i];
    }
    for (int way = 0; way < 2; way++) {
        double values[3], mean = 0, squares = 0;
        for (int s = 0; s < 3; s++) {
            ok(isk_kmeans(context, &(isk_kmeans_desc){ .x = { test_rows, tests, 2 }, .clusters = 3, .starts = 1, .labels = found,
                                                       .seed = (uint64_t)s }));
            values[s] = (way ? naive_nmi : naive_ari)(truth, found, tests);
            mean += values[s] / 3;
        }
        for (int s = 0; s < 3; s++) { squares += (values[s] - mean) * (values[s] - mean); }
        assert_close(way ? rows[0].nmi : rows[0].ari, mean, 1e-12);
        assert_close(way ? rows[0].nmi_deviation : rows[0].ari_deviation, sqrt(squares / 2), 1e-12);
        assert_true(squares > 0);
    }
    free(test_rows);
    for (int i = 0; i < 4; i++) { free(data[i]); }
}

/* Four groups of unlike sizes. */
static void leiden_finds_groups_on_joint_neighbours(void **state) {
    enum { n = 400 };
    random_stream random = random_open(8, 1);
    isk_scalar *data[2];
    isk_matrix c[2] = { normal(&random, n, 3, &data[0]), normal(&random, n, 3, &data[1]) };
    static const char *const views[] = { "rna", "protein" };
    static const int sizes[] = { 160, 40, 110, 90 };
    const isk_matrix none[2] = { { NULL, 0, 0 }, { NULL, 0, 0 } };
    cluster_embedding embeddings[CLUSTER_STANDARD];
    uint8_t part[n];
    int32_t kind[n], found[n], again[n];
    cluster_label label = { "kind", kind };
    cluster_desc desc = { .rows = n, .embeddings = &embeddings[2], .embedding_count = 1, .labels = &label, .label_count = 1, .leiden = 1 };
    cluster_row rows[2];
    int count, repeated, of[10] = { 0 }, cells[10] = { 0 };
    (void)state;
    for (int i = 0, k = 0, left = sizes[0]; i < n; i++, left--) {
        if (left == 0) { left = sizes[++k]; }
        kind[i] = k;
        data[0][3 * i + k % 3] += k < 3 ? 9 : -9;
        data[1][3 * i + k / 2] += k % 2 ? 9 : -9;
    }
    data[1][3 * 7] = (isk_scalar)NAN;                       /* not measured */
    assert_int_equal(cluster_embeddings(2, views, c, none, embeddings), 4);
    ok(cluster_joint(context, &embeddings[3], 1, found, &count));
    if (!leiden_available()) {
        leiden_desc without = { .rows = n, .k = 1, .near = kind, .labels = found };
        assert_int_equal(count, 0);
        assert_int_equal(cluster_row_count(&desc), 1);
        expect(context, leiden(context, &without), ISK_ARGUMENT, "clusters by Leiden need igraph, which was not found when this was built");
    } else {
        assert_in_range(count, 4, 10);                      /* of resolution 1, which may divide a group but joins none */
        assert_int_equal(found[7], -1);
        for (int i = 0; i < n; i++) {
            if (i == 7) { continue; }
            assert_in_range(found[i], 0, count - 1);
            assert_true(of[found[i]] == 0 || of[found[i]] == kind[i] + 1);
            of[found[i]] = kind[i] + 1;
            cells[found[i]]++;
        }
        for (int i = 1; i < count; i++) { assert_true(cells[i] > 0 && cells[i] <= cells[i - 1]); }
        ok(cluster_joint(three, &embeddings[3], 1, again, &repeated));
        assert_memory_equal(again, found, sizeof found);
        assert_int_equal(cluster_row_count(&desc), 2);
        ok(cluster_scores(context, &desc, rows));
        assert_int_equal(rows[0].leiden, 0);
        assert_int_equal(rows[1].leiden, 1);
        assert_int_equal(rows[1].k, 4);
        assert_int_equal(rows[1].cells, n - 1);
        assert_close(rows[1].ari, 1, 1e-12);
        assert_close(rows[1].nmi, 1, 1e-12);
        for (int i = 0; i < n; i++) { part[i] = (uint8_t)(i % 20 == 0 ? ISK_TEST : ISK_TRAIN); }
        desc.part = part;                                   /* few cells have fewer neighbours: not all of all */
        ok(cluster_scores(context, &desc, rows));
        assert_int_equal(rows[1].cells, 20);
        assert_true(rows[1].ari > 0.9);
    }
    free(data[0]);
    free(data[1]);
}

static void clusters_at_the_edges(void **state) {
    const isk_scalar x[] = { 0, 0, 9, (isk_scalar)NAN }, bad[] = { 0, 1, (isk_scalar)INFINITY, 2 };
    const int32_t codes[] = { 3, 3, 1, 0 };
    cluster_embedding embedding = { .name = "z\trna", .blocks = { { NULL, 0, 0 }, { x, 4, 1 } } };
    cluster_label label = { "type", codes };
    cluster_desc desc = { .rows = 4, .embeddings = &embedding, .embedding_count = 1, .labels = &label, .label_count = 1 };
    cluster_row row;
    text out = { NULL, 0, 0, 0 };
    (void)state;
    ok(cluster_scores(context, &desc, &row));
    assert_int_equal(row.cells, 3);                         /* the missing cell's label does not count */
    assert_int_equal(row.k, 2);
    cluster_tsv(&row, 1, &out);
    cluster_json(&row, 1, &out);
    cluster_text(&row, 1, &out);
    assert_string_equal(out.data, "embedding\talgorithm\tlabel\tcells\tk\tari\tari_deviation\tnmi\tnmi_deviation\n"
                                  "z rna\tk-means\ttype\t3\t2\t1\t\t1\t\n"
                                  "[\n  {\"embedding\": \"z\\u0009rna\", \"algorithm\": \"k-means\", \"label\": \"type\", \"cells\": 3, "
                                  "\"k\": 2, \"ari\": 1, \"ari_deviation\": null, \"nmi\": 1, \"nmi_deviation\": null}]"
                                  "clusters of  by       labels     k      ARI      NMI\n"
                                  "z rna        k-means  type       2    1.000    1.000\n");
    text_free(&out);
    desc.rows = 1;
    embedding.blocks[1].rows = 1;
    ok(cluster_scores(context, &desc, &row));               /* n = 1 */
    assert_int_equal(row.k, 1);
    assert_true(isnan(row.ari) && isnan(row.nmi));
    expect(context, (desc.rows = 2, cluster_scores(context, &desc, &row)), ISK_SHAPE,
           "block 2 of z\trna is [1, 1]; it must have 2 rows and at least one column");
    embedding.blocks[1] = (isk_matrix){ bad, 2, 2 };
    expect(context, cluster_scores(context, &desc, &row), ISK_DATA,
           "block 2 of z\trna holds an infinity in row 1, column 0 (from 0); of a row that is missing the first value is NaN");
    embedding.blocks[1].data = NULL;
    expect(context, cluster_scores(context, &desc, &row), ISK_ARGUMENT, "embedding z\trna has no features");
    embedding.blocks[1] = (isk_matrix){ x, 2, 1 };
    label.codes = NULL;
    expect(context, cluster_scores(context, &desc, &row), ISK_ARGUMENT, "labels type have no codes");
    expect(context, (desc.seeds = -1, cluster_scores(context, &desc, &row)), ISK_ARGUMENT,
           "rows is 2, starts 0, seeds -1; there must be a row, and the others may not be negative");
}

/* ---- memory; real cells ---- */

static isk_status cluster_one(isk_context *in, void *desc) {
    cluster_row row;
    return cluster_scores(in, desc, &row);
}

static void memory_that_runs_out_is_said(void **state) {
    task t;
    pair p;
    cluster_embedding embedding = { .name = "all" };
    cluster_label label = { "type", t.labels };
    (void)state;
    task_make(&t);
    pair_make(&p, 6);
    p.desc.epochs = 1;
    p.desc.query.c = p.desc.from.c;
    p.desc.query.z = p.desc.from.z;
    p.desc.query.components = p.desc.from.components;
    embedding.blocks[0] = t.desc.reference[0];
    sweep_memory(context, annotate_and_free, &t.desc);
    sweep_memory(context, impute_and_free, &p.desc);
    sweep_memory(context, cluster_one, &(cluster_desc){ .rows = 300, .embeddings = &embedding, .embedding_count = 1, .labels = &label,
                                                       .label_count = 1 });
    task_free(&t);
    pair_free(&p);
}

/* ln(1 + 10000 count / sum of the cell) of the most variable genes, to principal components of the training cells. */
static void real_components(const uint8_t *part, int k, isk_matrix *scores, isk_scalar **own) {
    sparse counts, chosen;
    names genes = { NULL, 0, 0, NULL, 0, 0 }, variable = { NULL, 0, 0, NULL, 0, 0 };
    int64_t columns[1000];
    isk_scalar *values, *mean, *loadings;
    ok(mtx_read(context, REAL "rna_counts.mtx.gz", 1, &counts));
    ok(names_read(context, REAL "genes.txt", &genes));
    ok(names_read(context, REAL "genes_hvg1000.txt", &variable));
    assert_int_equal(variable.count, 1000);
    for (int i = 0; i < 1000; i++) { columns[i] = names_find(&genes, names_get(&variable, i)); }
    ok(sparse_select(context, "rna", &counts, columns, 1000, &chosen));
    values = sparse_to_dense(&chosen);
    assert_non_null(values);
    for (int64_t i = 0; i < counts.rows; i++) {
        double sum = 0;
        for (int64_t e = counts.starts[i]; e < counts.starts[i + 1]; e++) { sum += (double)counts.values[e]; }
        for (int64_t j = 0; j < 1000; j++) { values[i * 1000 + j] = (isk_scalar)log1p(1e4 * (double)values[i * 1000 + j] / fmax(sum, 1)); }
    }
    make(1, 1000, &mean);
    make(1000, k, &loadings);
    *scores = make(counts.rows, k, own);
    ok(isk_pca(three, &(isk_pca_desc){ .x = { values, counts.rows, 1000 }, .part = part, .k = k, .mean = mean, .components = loadings }));
    ok(isk_pca_transform(three, (isk_matrix){ values, counts.rows, 1000 }, mean, loadings, k, *own));
    free(values);
    free(mean);
    free(loadings);
    sparse_free(&counts);
    sparse_free(&chosen);
    names_free(&genes);
    names_free(&variable);
}

/* Proteins as they are prepared: ln of the counts less the cell's mean, z-scored by the training cells. */
static void real_proteins(const uint8_t *part, isk_matrix *proteins, isk_scalar **own) {
    isk_matrix counts;
    ok(isk_npy_load(context, REAL "adt_counts.npy", 0, &counts));
    *proteins = make(counts.rows, counts.cols, own);
    for (int64_t i = 0; i < counts.rows; i++) {
        double mean = 0;
        for (int64_t j = 0; j < counts.cols; j++) { mean += log1p((double)counts.data[i * counts.cols + j]) / (double)counts.cols; }
        for (int64_t j = 0; j < counts.cols; j++) {
            (*own)[i * counts.cols + j] = (isk_scalar)(log1p((double)counts.data[i * counts.cols + j]) - mean);
        }
    }
    for (int64_t j = 0; j < counts.cols; j++) {
        double mean = 0, square = 0, n = 0;
        for (int64_t i = 0; i < counts.rows; i++) {
            if (part[i] != ISK_TRAIN) { continue; }
            mean += (double)(*own)[i * counts.cols + j];
            square += pow((double)(*own)[i * counts.cols + j], 2);
            n++;
        }
        mean /= n;
        for (int64_t i = 0; i < counts.rows; i++) {
            isk_scalar *value = &(*own)[i * counts.cols + j];
            *value = (isk_scalar)(((double)*value - mean) / sqrt(square / n - mean * mean));
        }
    }
    isk_free(context, counts.data);
}

static void real_cells(void **state) {
    enum { K = 30 };
    labels types;
    uint8_t *part;
    isk_matrix rna, proteins;
    isk_scalar *rna_values, *protein_values;
    int32_t *codes, *truth;
    annotate_desc desc = { .least = 0.5 };
    annotation a;
    imputation m;
    int64_t held = 0;
    FILE *file = fopen(REAL "cells.tsv", "r");
    (void)state;
    if (!file) {
        print_message("skipped: real_cells needs " REAL ", which is not here\n");
        skip();
        return;
    }
    fclose(file);
    ok(labels_read(context, REAL "cells.tsv", "cell_type", 0, &types));
    part = calloc((size_t)types.rows, 1);
    codes = malloc(sizeof *codes * (size_t)types.rows);
    truth = malloc(sizeof *truth * (size_t)types.rows);
    assert_true(part && codes && truth);
    ok(isk_split(context, &(isk_split_desc){ .rows = types.rows, .labels = types.codes, .validation = 0.1, .test = 0.3, .part = part }));
    real_components(part, K, &rna, &rna_values);
    real_proteins(part, &proteins, &protein_values);
    /* Reference and query are the same matrices: the others' cells are unlabelled, the reference's truth is not known. */
    for (int64_t i = 0; i < types.rows; i++) {
        const int known = strcmp(names_get(&types.classes, types.codes[i]), "unknown") != 0;
        codes[i] = known && part[i] != ISK_TEST ? types.codes[i] : -1;
        truth[i] = known && part[i] == ISK_TEST ? types.codes[i] : -1;
        held += truth[i] >= 0;
    }
    desc.labels = codes;
    desc.truth = truth;
    desc.classes = types.count;
    for (int blocks = 1; blocks <= 2; blocks++) {           /* RNA; RNA and proteins */
        desc.reference[blocks - 1] = desc.query[blocks - 1] = blocks == 1 ? rna : proteins;
        ok(annotate_cells(three, &desc, &a));
        for (int way = 0; way < ANNOTATE_WAYS; way++) {
            const annotation_score *s = &a.way[way].score;
            print_message("# %s, %d blocks: accuracy %.4f, balanced %.4f, of assigned %.4f, calibration error %.4f\n",
                          annotate_way_name((annotate_way)way), blocks, s->accuracy, s->balanced_accuracy, s->assigned_accuracy,
                          s->calibration_error);
            assert_int_equal(s->cells, held);
            assert_true(s->accuracy > (blocks == 1 ? 0.95 : 0.98));
            assert_true(s->calibration_error < 0.05);
        }
        annotation_free(&a);
    }
    ok(impute_modality(three, &(impute_desc){ .from = { .c = rna, .components = rna }, .target = proteins, .part = part, .epochs = 20 },
                       &m));
    print_message("# proteins from RNA: R^2 %.4f by a decoder, %.4f by neighbours\n", m.way[IMPUTE_C].pooled_r2,
                  m.way[IMPUTE_BASELINE].pooled_r2);
    assert_true(m.way[IMPUTE_C].pooled_r2 > 0.5 && m.way[IMPUTE_BASELINE].pooled_r2 > 0.5);
    imputation_free(&m);
    labels_free(&types);
    free(part);
    free(codes);
    free(truth);
    free(rna_values);
    free(protein_values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(votes_are_those_of_the_nearest),
        cmocka_unit_test(the_nearer_wins_a_tie),
        cmocka_unit_test(blocks_weigh_by_the_reference),
        cmocka_unit_test(probabilities_are_a_softmax),
        cmocka_unit_test(scores_count_the_unassigned),
        cmocka_unit_test(annotation_says_what_is_wrong),
        cmocka_unit_test(one_cell_is_enough),
        cmocka_unit_test(annotation_is_written), cmocka_unit_test(annotation_without_truth_says_how_sure_it_is),
        cmocka_unit_test(a_decoder_finds_what_lines_do_not),
        cmocka_unit_test(the_baseline_is_the_mean_of_neighbours),
        cmocka_unit_test(further_and_partial_cells),
        cmocka_unit_test(parts_decide_what_is_scored),
        cmocka_unit_test(imputation_says_what_is_wrong),
        cmocka_unit_test(imputation_is_written), cmocka_unit_test(of_many_features_the_best_and_the_worst_are_printed),
        cmocka_unit_test(clusters_agree_with_what_is_there),
        cmocka_unit_test(leiden_finds_groups_on_joint_neighbours),
        cmocka_unit_test(clusters_at_the_edges),
        cmocka_unit_test(memory_that_runs_out_is_said),
        cmocka_unit_test(real_cells),
    };
    return cmocka_run_group_tests(tests, open_contexts, close_contexts);
}
