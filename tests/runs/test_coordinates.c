/* What coordinates follow, on features whose factors were planted; what is left out; the table, written and read again; and how stable
   features are that other seeds gave again, turned, or not at all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/runs/coordinates.h"

#include "examples/base/random.h"

#include <cmocka.h>

static isk_context *context;

static int open_context(void **state) {
    output scratch;
    int made;
    (void)state;
    context = isk_open(&(isk_context_desc){ .threads = 2, .device = ISK_DEVICE_CPU });
    if (!context) { return -1; }
    made = output_open(&scratch, context, SCRATCH, "", NULL) == ISK_OK;
    output_close(&scratch);
    return made ? 0 : -1;
}

static int close_context(void **state) {
    (void)state;
    isk_close(context);
    return 0;
}

static void must(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

/* ---- planted ---- */

enum { N = 300, C_COLS = 1, Z_COLS = 4, FEATURES = 7, ZERO = 1 };
static const char *const modalities[] = { "rna", "protein" };
static const char *const feature_names[FEATURES] = { "up", "down", "weak", "of both", "of C", "constant", "noise" };

/* Of two views; Z of the first holds factor b, nothing, factor a flipped and widened, noise. */
typedef struct made {
    isk_scalar c[N * C_COLS], z[N * Z_COLS], y[N * FEATURES], other[N * 2];
    uint8_t part[N];
    dataset d;
    features f;
} made;

static int is_absent(int row) { return row % 11 == 4; }

static void make(made *m) {
    random_stream r = random_open(5, 1);
    memset(m, 0, sizeof *m);
    for (int i = 0; i < N; i++) {
        isk_scalar *z = m->z + i * Z_COLS, *y = m->y + i * FEATURES;
        const double a = random_normal(&r), b = random_normal(&r), shared = random_normal(&r);
        m->part[i] = (uint8_t)(i % 4 == 0 ? ISK_TEST : i % 4 == 1 ? ISK_VALIDATION : ISK_TRAIN);
        m->c[i] = (isk_scalar)shared;
        z[0] = (isk_scalar)b;
        z[2] = (isk_scalar)(7 - 5 * a);
        z[3] = (isk_scalar)random_normal(&r);
        y[0] = (isk_scalar)(a + 0.1 * random_normal(&r));
        y[1] = (isk_scalar)(-2 * a + 0.4 * random_normal(&r));
        y[2] = (isk_scalar)(b + random_normal(&r));
        y[3] = (isk_scalar)(a + b + 0.5 * random_normal(&r));
        y[4] = (isk_scalar)(shared + 0.2 * random_normal(&r));
        y[5] = 3;
        y[6] = (isk_scalar)random_normal(&r);
        m->other[2 * i] = (isk_scalar)(shared + 0.3 * random_normal(&r));
        m->other[2 * i + 1] = (isk_scalar)random_normal(&r);
        if (is_absent(i)) { z[0] = z[1] = z[2] = z[3] = m->c[i] = y[0] = (isk_scalar)NAN; }
    }
    m->d = (dataset){ .rows = N, .part = m->part };
    m->d.v.count = 2;
    m->d.v.in[0] = (input){ .values = m->y, .rows = N, .cols = FEATURES };
    m->d.v.in[1] = (input){ .values = m->other, .rows = N, .cols = 2 };
    for (int k = 0; k < FEATURES; k++) { assert_true(names_add(&m->d.v.in[0].column_names, feature_names[k])); }
    m->d.v.summary[0] = (isk_matrix){ m->y, N, FEATURES };
    m->d.v.summary[1] = (isk_matrix){ m->other, N, 2 };
    m->f.m[FEATURE_C] = (isk_matrix){ m->c, N, C_COLS };
    m->f.m[FEATURE_Z] = (isk_matrix){ m->z, N, Z_COLS };
}

static void drop(made *m) { names_free(&m->d.v.in[0].column_names); }

/* Pearson's r over the test rows that are there, written out. */
static double naive_r(const made *m, int column, int feature) {
    double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < N; i++) {
        const double p = (double)m->z[i * Z_COLS + column], q = (double)m->y[i * FEATURES + feature];
        if (m->part[i] != ISK_TEST || is_absent(i)) { continue; }
        n++;
        x += p;
        y += q;
        xx += p * p;
        yy += q * q;
        xy += p * q;
    }
    return (xy - x * y / n) / sqrt((xx - x * x / n) * (yy - y * y / n));
}

/* R^2 of all of a view from one coordinate: slope cov / (var (1 + 1e-3)), fitted on the training rows. */
static double naive_r2(const made *m, int column) {
    double residual = 0, total = 0;
    for (int j = 0; j < FEATURES; j++) {
        double n = 0, x = 0, y = 0, xx = 0, xy = 0, slope;
        for (int i = 0; i < N; i++) {
            const double p = (double)m->z[i * Z_COLS + column], q = (double)m->y[i * FEATURES + j];
            if (m->part[i] != ISK_TRAIN || is_absent(i)) { continue; }
            n++;
            x += p;
            y += q;
            xx += p * p;
            xy += p * q;
        }
        x /= n;
        y /= n;
        slope = (xy / n - x * y) / (xx / n - x * x) / 1.001;
        for (int i = 0; i < N; i++) {
            const double q = (double)m->y[i * FEATURES + j];
            if (m->part[i] != ISK_TEST || is_absent(i)) { continue; }
            residual += pow(q - y - slope * ((double)m->z[i * Z_COLS + column] - x), 2);
            total += pow(q - y, 2);
        }
    }
    return 1 - residual / total;
}

static const char *word(const coordinates *c, const followed *one) { return names_get(&c->words, one->word); }

static void planted_factors_are_named_by_their_features(void **state) {
    made m;
    coordinates c;
    const coordinate *a, *b;
    (void)state;
    make(&m);
    must(coordinates_make(&c, context, &m.d, &m.f, NULL, modalities));
    assert_int_equal(c.views, 2);
    assert_int_equal(coordinates_of(&c, FEATURE_Z), 3);         /* of four columns one is 0 */
    assert_int_equal(coordinates_of(&c, FEATURE_C), 1);
    for (int64_t i = 0; i < c.count; i++) { assert_true(c.list[i].of != FEATURE_Z || c.list[i].column != ZERO); }
    a = &c.list[0];                                             /* what moves most stands first */
    b = &c.list[1];
    assert_int_equal(a->column, 2);
    assert_int_equal(b->column, 0);
    assert_string_equal(word(&c, &a->side[0][0]), "down");
    assert_string_equal(word(&c, &a->side[1][0]), "up");
    assert_string_equal(word(&c, &a->side[1][1]), "of both");
    assert_string_equal(word(&c, &b->side[0][0]), "weak");
    assert_string_equal(word(&c, &b->side[0][1]), "of both");
    assert_true(fabs(a->side[0][0].r - naive_r(&m, 2, 1)) < 1e-5);
    assert_true(fabs(a->side[1][0].r - naive_r(&m, 2, 0)) < 1e-5);
    assert_true(fabs(b->side[0][1].r - naive_r(&m, 0, 3)) < 1e-5);
    for (int k = 0; k < 3; k++) {
        const double due = naive_r2(&m, c.list[k].column);
        if (!(fabs(c.list[k].r2[0] - due) < 1e-4)) { fail_msg("column %d: R^2 %.6f, not %.6f", c.list[k].column, c.list[k].r2[0], due); }
        assert_true(c.list[k].r2[1] < 0.1);                     /* the other view has none of it */
        for (int i = 0; i < FOLLOWED; i++) {                    /* what is constant is named nowhere */
            assert_true(c.list[k].side[0][i].word < 0 || strcmp(word(&c, &c.list[k].side[0][i]), "constant") != 0);
        }
    }
    assert_true(c.list[3].of == FEATURE_C && c.list[3].r2[1] > 0.3);
    assert_true(fabs(a->cumulative - a->r2[0]) < 1e-6);
    assert_true(fabs(b->cumulative - a->r2[0] - b->r2[0]) < 0.05);      /* the factors are near independent */
    for (int k = 1; k <= 3; k++) {                              /* the first k side by side */
        isk_scalar x[N * 3], y[N * FEATURES];
        uint8_t part[N];
        int rows = 0;
        double due;
        for (int i = 0; i < N; i++) {
            if (is_absent(i)) { continue; }
            for (int j = 0; j < k; j++) { x[rows * k + j] = m.z[i * Z_COLS + c.list[j].column]; }
            memcpy(y + rows * FEATURES, m.y + i * FEATURES, sizeof *y * FEATURES);
            part[rows++] = m.part[i];
        }
        must(isk_ridge_r2(context, &(isk_regression_desc){ .x = { x, rows, k }, .y = { y, rows, FEATURES }, .part = part }, &due));
        if (!(fabs(c.list[k - 1].cumulative - due) < 1e-4)) { fail_msg("first %d: %.6f, not %.6f", k, c.list[k - 1].cumulative, due); }
    }
    coordinates_free(&c);
    /* no row held out, or none that trains: there is nothing to say */
    for (int way = 0; way < 2; way++) {
        memset(m.part, way ? ISK_TRAIN : ISK_TEST, N);
        must(coordinates_make(&c, context, &m.d, &m.f, NULL, modalities));
        assert_int_equal(c.count, 0);
    }
    drop(&m);
}

/* One representation of both views is told by the features of both, and numbers stand for names that are unknown. */
static void one_representation_follows_all_views(void **state) {
    made m;
    coordinates c;
    int found = 0;
    (void)state;
    make(&m);
    m.f.m[FEATURE_FUSED] = m.f.m[FEATURE_C];
    m.f.m[FEATURE_C] = m.f.m[FEATURE_Z] = (isk_matrix){ NULL, 0, 0 };
    must(coordinates_make(&c, context, &m.d, &m.f, NULL, modalities));
    assert_int_equal(c.count, 1);
    assert_string_equal(word(&c, &c.list[0].side[0][0]), "of C");
    for (int i = 0; i < FOLLOWED && c.list[0].side[0][i].word >= 0; i++) { found |= strcmp(word(&c, &c.list[0].side[0][i]), "1") == 0; }
    assert_true(found);                                         /* the first protein, which has no name */
    assert_true(isnan(c.list[0].cumulative));
    coordinates_free(&c);
    drop(&m);
}

/* ---- the table ---- */

static followed add_word(coordinates *c, const char *name, double r) {
    assert_true(names_add(&c->words, name));
    return (followed){ c->words.count - 1, r };
}

static void make_small(coordinates *c, double stable) {
    memset(c, 0, sizeof *c);
    c->list = calloc(2, sizeof *c->list);
    assert_non_null(c->list);
    c->count = 2;
    c->views = 2;
    snprintf(c->modality[0], sizeof c->modality[0], "rna");
    snprintf(c->modality[1], sizeof c->modality[1], "protein");
    for (int i = 0; i < 2; i++) {
        c->list[i] = (coordinate){ .of = i ? FEATURE_C + 1 : FEATURE_Z, .column = 3 - i, .r2 = { 0.25, NAN }, .cumulative = 0.5,
                                   .stable = stable };
        for (int k = 0; k < 2 * FOLLOWED; k++) { c->list[i].side[k / FOLLOWED][k % FOLLOWED].word = -1; }
    }
    c->list[0].side[0][0] = add_word(c, "MKI67", 0.75);
    c->list[0].side[0][1] = add_word(c, "TOP2A", 0.5);
    c->list[0].side[1][0] = add_word(c, "CD3E", -0.625);
}

static void the_table_is_written_and_read_again(void **state) {
    static const char due[] =
        "coordinate\tmodality\tr2_rna\tr2_protein\tr2_cumulative\tstable\trises_1\trises_1_r\trises_2\trises_2_r\trises_3\trises_3_r\t"
        "rises_4\trises_4_r\trises_5\trises_5_r\tfalls_1\tfalls_1_r\tfalls_2\tfalls_2_r\tfalls_3\tfalls_3_r\tfalls_4\tfalls_4_r\t"
        "falls_5\tfalls_5_r\n"
        "Z1_4\trna\t0.25\t\t0.5\t0.875\tMKI67\t0.75\tTOP2A\t0.5\t\t\t\t\t\t\tCD3E\t-0.625\t\t\t\t\t\t\t\t\n"
        "C2_3\tprotein\t0.25\t\t0.5\t0.875\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\n";
    static const char printed[] =
        "Z1, specific to rna:\n"
        "        R^2 rna  R^2 protein  cumulative  stable  rises (+) and falls (-) with\n"
        "Z1_4      0.250            -       0.500    0.88  + MKI67 0.75, TOP2A 0.50\n"
        "                                                  - CD3E -0.62\n"
        "\nC2, what protein shares:\n"
        "        R^2 rna  R^2 protein  cumulative  stable  rises (+) and falls (-) with\n"
        "C2_3      0.250            -       0.500    0.88\n";
    coordinates c, back;
    coordinate_columns columns;
    text out = { 0 }, again = { 0 };
    sheet s;
    (void)state;
    make_small(&c, 0.875);
    coordinates_sheet(&c, &columns, &s);
    sheet_tsv(&s, &out);
    sheet_free(&s);
    assert_string_equal(out.data, due);
    must(write_text(context, SCRATCH "/coordinates.tsv", &out));
    must(coordinates_read(&back, context, SCRATCH "/coordinates.tsv"));
    coordinates_sheet(&back, &columns, &s);
    sheet_tsv(&s, &again);
    sheet_free(&s);
    assert_string_equal(again.data, due);
    text_free(&again);
    coordinates_text(&back, 10, &again);
    assert_string_equal(again.data, printed);
    text_free(&again);
    coordinates_free(&back);
    /* without further seeds there is no such column */
    c.list[0].stable = c.list[1].stable = NAN;
    coordinates_sheet(&c, &columns, &s);
    sheet_tsv(&s, &again);
    sheet_free(&s);
    assert_null(strstr(again.data, "stable"));
    coordinates_free(&c);
    text_free(&out);
    text_free(&again);
}

static void what_is_no_such_table_is_refused(void **state) {
    static const struct { const char *content, *sentence; } bad[] = {
        { "a\tb\n1\t2\n", "is no table of coordinates" },
        { "coordinate\tmodality\tr2_cumulative\nZ1_1\trna\t0.5\n", "is no table of coordinates" },
        { "coordinate\tmodality\tr2_rna\tr2_cumulative\nZ9_1\trna\t1\t0.5\n", "row 1: 'Z9_1' is no coordinate, such as Z1_3" },
        { "coordinate\tmodality\tr2_rna\tr2_cumulative\nZ1_1\trna\t1\t0.5\nZ1_0\trna\t1\t0.5\n", "row 2: 'Z1_0' is no coordinate" },
    };
    coordinates c;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text out = { 0 };
        text_add(&out, bad[i].content);
        must(write_text(context, SCRATCH "/bad.tsv", &out));
        text_free(&out);
        assert_int_equal(coordinates_read(&c, context, SCRATCH "/bad.tsv"), ISK_DATA);
        if (!strstr(isk_error(context), bad[i].sentence)) { fail_msg("%s", isk_error(context)); }
    }
}

static void columns_are_named_by_what_they_follow(void **state) {
    coordinates c;
    names list;
    (void)state;
    make_small(&c, NAN);
    assert_true(coordinate_names(&c, FEATURE_Z, 5, &list));
    assert_int_equal(list.count, 5);
    assert_string_equal(names_get(&list, 0), "Z1_1");
    assert_string_equal(names_get(&list, 3), "Z1_4 (+MKI67 -CD3E +TOP2A)");
    names_free(&list);
    assert_true(coordinate_names(&c, FEATURE_C + 1, 3, &list));
    assert_string_equal(names_get(&list, 2), "C2_3");
    names_free(&list);
    coordinates_free(&c);
}

/* ---- stability ---- */

enum { MANY = 2400, COLS = 3 };

typedef struct again { isk_scalar z[MANY * COLS], turned[MANY * COLS], random[MANY * COLS]; uint8_t part[MANY]; } again;

/* Half of the rows are held out, so that probes are fitted on rows that no network saw; or few. */
static again *make_again(int few) {
    again *a = malloc(sizeof *a);
    random_stream r = random_open(9, 2);
    assert_non_null(a);
    for (int i = 0; i < MANY; i++) {
        isk_scalar *z = a->z + i * COLS, *t = a->turned + i * COLS;
        a->part[i] = (uint8_t)(i % (few ? 12 : 2) == 0 ? ISK_TEST : ISK_TRAIN);
        for (int k = 0; k < COLS; k++) {
            z[k] = (isk_scalar)((k + 1) * random_normal(&r));
            a->random[i * COLS + k] = (isk_scalar)random_normal(&r);
        }
        t[0] = z[1] - 2 * z[2];
        t[1] = z[0] + z[1];
        t[2] = (isk_scalar)(3 * (double)z[2] + 5);
    }
    return a;
}

static void features_again_or_turned_are_stable_and_others_are_not(void **state) {
    (void)state;
    for (int few = 0; few < 2; few++) {
        again *a = make_again(few);
        const isk_matrix z = { a->z, MANY, COLS };
        const isk_scalar *const from[3] = { a->z, a->turned, a->random };
        for (int i = 0; i < 3; i++) {
            double columns[COLS], r2;
            must(stability_told(context, &(unseen_question){ .x = { from[i], MANY, COLS }, .y = z, .part = a->part }, columns, &r2));
            for (int k = 0; k < COLS; k++) {
                if (i < 2 ? !(columns[k] > 0.99) : !(fabs(columns[k]) < 0.06)) { fail_msg("%d, column %d: %.4f", i, k, columns[k]); }
            }
            assert_true(i < 2 ? r2 > 0.999 : fabs(r2) < 0.04);
        }
        free(a);
    }
}

/* The mean is that of the columns weighted by their variance. */
static void seeds_are_averaged_and_what_is_below_is_said(void **state) {
    again *a = make_again(0);
    features f = { .m = { [FEATURE_Z] = { a->z, MANY, COLS }, [FEATURE_C + 1] = { a->turned, MANY, COLS } } }, other = f;
    const dataset d = { .rows = MANY, .part = a->part };
    stability s;
    text out = { 0 };
    (void)state;
    must(stability_begin(&s, context, &f));
    for (int seed = 0; seed < 2; seed++) {
        must(stability_add(&s, context, &d, &f, &other));
        other.m[FEATURE_Z].data = a->random;
    }
    stability_end(&s);
    assert_true(s.mean[FEATURE_C + 1] > 0.999);
    assert_true(fabs(s.mean[FEATURE_Z] - 0.5) < 0.03 && fabs(s.column[FEATURE_Z][1] - 0.5) < 0.03);
    assert_null(s.column[FEATURE_C]);
    stability_text(&s, &out);
    assert_non_null(strstr(out.data, "C2 1.00 (R^2 on held-out rows, from the features of 2 further seeds)"));
    text_free(&out);
    s.mean[FEATURE_Z] = 0.5;
    stability_warning(&s, &out);
    assert_null(out.data);
    s.mean[FEATURE_Z] = 0.494;
    stability_warning(&s, &out);
    assert_ptr_equal(strstr(out.data, "not stable (R^2 below 0.5): Z1 0.49; training from another seed"), out.data);
    text_free(&out);
    stability_json(&s, &out);
    assert_non_null(strstr(out.data, "\"Z1\": {\"mean\": 0.494, \"coordinates\": [0."));
    text_free(&out);
    stability_free(&s);
    free(a);
}

static void what_never_changes_has_no_stability(void **state) {
    again *a = make_again(0);
    double columns[COLS], r2;
    (void)state;
    for (int i = 0; i < MANY * COLS; i++) { a->turned[i] = 0; }
    must(stability_told(context, &(unseen_question){ .x = { a->z, MANY, COLS }, .y = { a->turned, MANY, COLS }, .part = a->part }, columns,
                        &r2));
    assert_true(isnan(r2));
    free(a);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_factors_are_named_by_their_features),
        cmocka_unit_test(one_representation_follows_all_views),
        cmocka_unit_test(the_table_is_written_and_read_again),
        cmocka_unit_test(what_is_no_such_table_is_refused),
        cmocka_unit_test(columns_are_named_by_what_they_follow),
        cmocka_unit_test(features_again_or_turned_are_stable_and_others_are_not),
        cmocka_unit_test(seeds_are_averaged_and_what_is_below_is_said),
        cmocka_unit_test(what_never_changes_has_no_stability),
    };
    return cmocka_run_group_tests_name("coordinates", tests, open_context, close_context);
}
