/* The variants of the methods: other critics and contrasts, principal components of residuals, one representation of all views
   (CoMM), views reduced before all else.  Every loss against its formula, gradients of whole objectives, who moves what.
   Sources: Gui et al. 3.3, 6; Liang et al. 2023; Dufumier et al. 2024.  What whole fits promise stands in test_variants_fits.c. */
/* build: double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"
#include "stepped.h"

/* ---- formulas that several have ---------------------------------------------------------------------------------------------- */

/* A text made of parts; it stays for long enough. */
static UNUSED_FUNCTION __attribute__((format(printf, 1, 2))) const char *text_of(const char *format, ...) {
    static char texts[64][100];
    static unsigned next;
    char *text = texts[next++ % 64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof texts[0], format, arguments);
    va_end(arguments);
    return text;
}

/* x W + b, without b where there is none. */
static values naive_linear(const fixture *f, const char *w, const char *b, values x, int out) {
    values y;
    int i, j, k;
    y.rows = x.rows;
    y.cols = out;
    for (i = 0; i < x.rows; i++) {
        for (j = 0; j < out; j++) {
            double sum = b ? *weight(f, b, 0, j) : 0;
            for (k = 0; k < x.cols; k++) { sum += x.at[i][k] * *weight(f, w, k, j); }
            y.at[i][j] = sum;
        }
    }
    return y;
}

static values naive_layer(const fixture *f, const char *scope, values x, int out) {
    return naive_linear(f, text_of("%s.weight", scope), text_of("%s.bias", scope), x, out);
}

static values naive_sum(values a, values b) {
    int i, j;
    for (i = 0; i < a.rows; i++) {
        for (j = 0; j < a.cols; j++) { a.at[i][j] += b.at[i][j]; }
    }
    return a;
}

static values naive_relu(values x) {
    int i, j;
    for (i = 0; i < x.rows; i++) {
        for (j = 0; j < x.cols; j++) { x.at[i][j] = x.at[i][j] > 0 ? x.at[i][j] : 0; }
    }
    return x;
}

/* T(a_i, b_j) for all i and j: the first map is of [a_i, b_j] side by side, ReLU after it and after the second. */
static values naive_scores(const fixture *f, const char *scope, values a, values b, int width) {
    char own[60];
    values all;
    int i, j;
    snprintf(own, sizeof own, "%s", scope);
    scope = own;
    all.rows = all.cols = a.rows;
    for (i = 0; i < a.rows; i++) {
        for (j = 0; j < b.rows; j++) {
            values one, other, hidden;
            one = a;
            other = b;
            memcpy(one.at[0], a.at[i], sizeof one.at[0]);
            memcpy(other.at[0], b.at[j], sizeof other.at[0]);
            one.rows = other.rows = 1;
            hidden = naive_relu(naive_sum(naive_layer(f, text_of("%s.0.a", scope), one, width),
                                          naive_layer(f, text_of("%s.0.b", scope), other, width)));
            hidden = naive_relu(naive_layer(f, text_of("%s.2", scope), hidden, width));
            all.at[i][j] = naive_layer(f, text_of("%s.4", scope), hidden, 1).at[0][0];
        }
    }
    return all;
}

/* -mean_i(S_ii - ln sum_j exp S_ij); over both sides, half of that and half of that of the transpose. */
static double naive_nce(values s, int both) {
    double loss = 0;
    int i, j;
    for (i = 0; i < s.rows; i++) {
        double forth = 0, back = 0;
        for (j = 0; j < s.rows; j++) {
            forth += exp(s.at[i][j]);
            back += exp(s.at[j][i]);
        }
        loss += (both ? (log(forth) + log(back)) / 2 : log(forth)) - s.at[i][i];
    }
    return loss / s.rows;
}

static double naive_nce_club(values s) {
    double own = 0, all = 0;
    int i, j;
    for (i = 0; i < s.rows; i++) {
        own += s.at[i][i];
        for (j = 0; j < s.rows; j++) { all += s.at[i][j]; }
    }
    return own / s.rows - all / s.rows / s.rows;
}

static int critic_width(const fixture *f) { return f->design.options.critic_width ? f->design.options.critic_width : WIDTH; }

/* ---- rows that have a view ----------------------------------------------------------------------------------------------------- */

/* Rows of the batch are 4 0 9 2 7 1 10.  View 1 lacks 0, view 2 lacks 9 and 5; row 6 is nowhere. */
static const uint8_t presence[2][N] = { { 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1 }, { 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1 } };

static int has_view(const fixture *f, int view, int row) {
    const isk_fit_desc *fit = &f->sweep.fit;
    if (fit->views[view].present && !fit->views[view].present[row]) { return 0; }
    return !fit->views[view].lengths || fit->views[view].lengths[row] > 0;
}

/* Those of the rows that have all views of a set (a bit each); or, any, at least one of them. */
static list rows_with(const fixture *f, list among, unsigned views, int any) {
    list rows;
    int i, v;
    for (i = rows.count = 0; i < among.count; i++) {
        unsigned there = 0;
        for (v = 0; v < f->design.view_count; v++) { there |= (unsigned)(has_view(f, v, among.row[i]) && views >> v & 1) << v; }
        if (any ? there != 0 : there == views) { rows.row[rows.count++] = among.row[i]; }
    }
    return rows;
}

/* What an evaluation gives; where rows lack views, its outputs are multiplied by the share of the rows that they are means over. */
static double evaluated(const fixture *f, const isk__pass *pass, int index) {
    return output(f, pass->program, index) / (pass->shared ? output(f, pass->program, pass->label_count) : 1);
}

static void open_pair(fixture *f, const isk_method *method, int given, int absent, const char *settings) {
    describe_fixture(f, method, 2, given, settings);
    if (absent) {
        f->sweep.fit.views[0].present = presence[0];
        f->sweep.fit.views[1].present = presence[1];
    }
    record_fixture(f);
}

/* ---- the critic of NCE-CLUB ---------------------------------------------------------------------------------------------------- */

static void nce_losses(void **state) {
    static const char *const variants[] = { "critic=nce", "critic=nce critic_inner=per_epoch standardize=none",
                                            "critic=nce critic_width=9 lambda=0",
                                            "critic=nce last_batch=drop layers=4" };
    static const isk_method *methods[] = { ISK_INDISEEK, ISK_INDISEEK0, ISK_FACTORIZEDCL };
    static fixture f;
    int v, m, view, absent, count, round;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (m = 0; m < (int)COUNT(methods); m++) {
            absent = (v + m) % 2;
            open_pair(&f, methods[m], 1, absent, variants[v]);
            stir_weights(&f, 1);
            for (view = 0; view < 2; view++) {
                const isk__stage *stage = view_stage(&f, "specific", view);
                const isk_program *learn = stage->passes[1].program, *main_step = stage->passes[stage->main].program;
                int seen = methods[m] == ISK_INDISEEK ? 1 - view : view;
                const char *scope = view ? "critic2.score" : "critic1.score";
                assert_int_equal(stage->passes[1].label_count, 1);
                for (round = 0; round < 2; round++) {
                    list batch, here, both;
                    values z, c;
                    count = round ? 6 : BATCH;
                    batch = in_batch(count);
                    here = rows_with(&f, batch, 1u << view, 0);
                    both = in_both(here, rows_with(&f, batch, 1u << seen, 0));
                    z = lines_of(naive_z(&f, view, chosen(view, here), 0), here, both);
                    c = picked(cs[seen], SHARED, both);
                    if (stage->passes[0].kind == ISK_FILL) {
                        fill(&f, stage->passes[0].program);
                    } else {
                        run(&f, stage->passes[0].program, count);
                    }
                    double due = naive_nce(naive_scores(&f, scope, z, c, critic_width(&f)), 0);
                    run(&f, learn, count);
                    close_to("learning loss", output(&f, learn, 0), due);
                    due = naive_nce_club(naive_scores(&f, scope, z, c, critic_width(&f)));
                    run(&f, main_step, count);
                    close_to("club", output(&f, main_step, 1), due);
                    close_to("loss", output(&f, main_step, 0), due + f.design.options.lambda / 2 * output(&f, main_step, 2));
                }
                round = 6;
                run(&f, stage->evaluation.program, round);
                {
                    list batch = in_batch(round), here = rows_with(&f, batch, 1u << view, 0),
                        both = in_both(here, rows_with(&f, batch, 1u << seen, 0));
                    values z = lines_of(naive_z(&f, view, chosen(view, here), 1), here, both), c = picked(cs[seen], SHARED, both);
                    close_to("validation club", evaluated(&f, &stage->evaluation, 1),
                             naive_nce_club(naive_scores(&f, scope, z, c, critic_width(&f))));
                }
            }
            close_fixture(&f);
        }
    }
}

/* ---- contrasts ------------------------------------------------------------------------------------------------------------------- */

/* InfoNCE of (c, z) and x: scores T of a network of all three, or <u, v> times a learned scale or over tau, u and v of norm 1. */
static double contrast_due(const fixture *f, int view, values c, values z, values x) {
    const isk_options *options = &f->design.options;
    int both = options->contrast_sides == ISK_SIDES_BOTH, i, j, k;
    double scale = 1 / options->contrast_tau;
    values u, v, s;
    if (options->contrast == ISK_CONTRAST_CONCAT) {
        return naive_nce(naive_scores(f, text_of("score%d", view + 1), side_by_side(c, z), x, critic_width(f)), both);
    }
    if (options->contrast_temperature == ISK_TEMPERATURE_LEARNED) {
        scale = exp(*weight(f, text_of("contrast%d.logit_scale", view + 1), 0, 0));
    }
    u = naive_unit(naive_encoder(f, "joint", view, side_by_side(c, z), options->dim));
    v = naive_unit(naive_encoder(f, "input", view, x, options->dim));
    s.rows = s.cols = u.rows;
    for (i = 0; i < u.rows; i++) {
        for (j = 0; j < u.rows; j++) {
            for (s.at[i][j] = 0, k = 0; k < u.cols; k++) { s.at[i][j] += scale * u.at[i][k] * v.at[j][k]; }
        }
    }
    return naive_nce(s, both);
}

static void contrast_losses(void **state) {
    static const char *const variants[] = {
        "contrast=concat", "contrast=concat contrast_sides=one", "contrast_sides=one", "contrast_sides=one contrast_tau=0.5",
        "contrast_temperature=learned", "contrast_temperature=learned contrast_sides=one contrast_tau=0.3",
        "contrast=concat critic_width=9 standardize=none",
    };
    static const isk_method *methods[] = { ISK_FACTORIZEDCL, ISK_INFODISEN };
    static fixture f;
    int v, m, view, absent, step;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (m = 0; m < (int)COUNT(methods); m++) {
            absent = (v + m) % 2;
            open_pair(&f, methods[m], 1, absent, variants[v]);
            if (strstr(variants[v], "learned")) {
                close_to("first temperature", exp(-*weight(&f, "contrast2.logit_scale", 0, 0)), f.design.options.contrast_tau);
            }
            stir_weights(&f, 1);
            for (view = 0; view < 2; view++) {
                const isk__stage *stage = view_stage(&f, "specific", view);
                const isk_program *main_step = stage->passes[stage->main].program, *evaluate = stage->evaluation.program;
                int other = methods[m] == ISK_INFODISEN ? 1 - view : view;
                double first = strstr(variants[v], "learned") ? *weight(&f, text_of("contrast%d.logit_scale", view + 1), 0, 0) : 0;
                for (step = 0; step < 4; step++) {
                    int count = step % 2 ? 6 : BATCH, evaluating;
                    list batch = in_batch(count), here = rows_with(&f, batch, 1u << view, 0),
                        both = in_both(here, rows_with(&f, batch, 1u << other, 0));
                    double due[2];
                    for (evaluating = 0; evaluating < 2; evaluating++) {
                        values z = lines_of(naive_z(&f, view, chosen(view, here), evaluating), here, both);
                        due[evaluating] = contrast_due(&f, view, picked(cs[other], SHARED, both), z, chosen(view, both));
                    }
                    run(&f, evaluate, count);
                    close_to("validation contrast", evaluated(&f, &stage->evaluation, 2), due[1]);
                    f.frame.step = (uint64_t)step;
                    run(&f, main_step, count);
                    close_to("contrast", output(&f, main_step, 2), due[0]);
                    close_to("loss", output(&f, main_step, 0), output(&f, main_step, 1) + f.design.options.lambda / 2 * due[0]);
                }
                if (strstr(variants[v], "learned")) {
                    assert_true(fabs(*weight(&f, text_of("contrast%d.logit_scale", view + 1), 0, 0) - first) > 1e-3);
                }
            }
            close_fixture(&f);
        }
    }
}

/* A sequence is scored by its encoding, of dim columns. */
static void scores_of_a_sequence(void **state) {
    static const int32_t lengths[N] = { 3, 1, 2, 3, 3, 1, 2, 3, 2, 1, 3 };
    static fixture f;
    const isk_program *step;
    (void)state;
    describe_fixture(&f, ISK_FACTORIZEDCL, 3, 1, "contrast=concat attention_dropout=0 token_width=4 feed_forward=5 blocks=1");
    f.sweep.fit.views[2].steps = 3;
    f.sweep.fit.views[2].lengths = lengths;
    record_fixture(&f);
    assert_non_null(weight(&f, "score3.0.b.weight", DIM - 1, WIDTH - 1));
    assert_non_null(weight(&f, "input3.head.weight", 3, DIM - 1));
    step = view_stage(&f, "specific", 2)->passes[2].program;
    run(&f, step, BATCH);
    assert_true(output(&f, step, 2) - output(&f, step, 2) == 0);
    close_fixture(&f);
}

/* ---- whitened components of residuals ---------------------------------------------------------------------------------------------- */

/* Jacobi's rotations: eigenvalues on the diagonal of a, vectors in the columns of v; largest first. */
static void eigen(int n, double a[MOST][MOST], double v[MOST][MOST]) {
    int sweep, i, j, k;
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) { v[i][j] = i == j; }
    }
    for (sweep = 0; sweep < 60; sweep++) {
        for (i = 0; i < n; i++) {
            for (j = i + 1; j < n; j++) {
                double angle = 0.5 * atan2(2 * a[i][j], a[i][i] - a[j][j]), c = cos(angle), s = sin(angle);
                for (k = 0; k < n; k++) {
                    double p = a[k][i], q = a[k][j];
                    a[k][i] = c * p + s * q;
                    a[k][j] = c * q - s * p;
                    p = v[k][i];
                    q = v[k][j];
                    v[k][i] = c * p + s * q;
                    v[k][j] = c * q - s * p;
                }
                for (k = 0; k < n; k++) {
                    double p = a[i][k], q = a[j][k];
                    a[i][k] = c * p + s * q;
                    a[j][k] = c * q - s * p;
                }
            }
        }
    }
    for (i = 0; i < n; i++) {
        for (j = i + 1; j < n; j++) {
            if (a[j][j] > a[i][i]) {
                double kept = a[i][i];
                a[i][i] = a[j][j];
                a[j][j] = kept;
                for (k = 0; k < n; k++) {
                    kept = v[k][i];
                    v[k][i] = v[k][j];
                    v[k][j] = kept;
                }
            }
        }
    }
}

static list all_rows(void) {
    list rows;
    for (rows.count = 0; rows.count < N; rows.count++) { rows.row[rows.count] = rows.count; }
    return rows;
}

static list training_rows(const fixture *f, int view) {
    list rows;
    int i;
    for (i = rows.count = 0; i < N; i++) {
        if (has_view(f, view, i) && (!f->sweep.fit.split || f->sweep.fit.split[i] == ISK_TRAIN)) { rows.row[rows.count++] = i; }
    }
    return rows;
}

/* r = (x - m(c)) / e^((v(c) + s) / 2): v learns ln (x - m)^2, whose mean of a normal x falls short of its log-variance by s. */
static values naive_residual(fixture *f, int view, values x, values c) {
    static const double normal = 1.2703628454614782;       /* -(digamma(1/2) + ln 2) */
    values mean = naive_regression(f, "mean", view, c, x.cols), spread = naive_regression(f, "spread", view, c, x.cols);
    int i, j;
    for (i = 0; i < x.rows; i++) {
        for (j = 0; j < x.cols; j++) { x.at[i][j] = (x.at[i][j] - mean.at[i][j]) / exp((spread.at[i][j] + normal) / 2); }
    }
    return x;
}

/* Z of every row by the eigenvectors of the covariance of the training rows; `rank` of its columns are not zero. */
static values whitened(values r, list train, int dim, int *rank) {
    double covariance[MOST][MOST], vectors[MOST][MOST], mean[MOST];
    values z;
    int i, j, k;
    for (j = 0; j < r.cols; j++) {
        for (mean[j] = 0, i = 0; i < train.count; i++) { mean[j] += r.at[train.row[i]][j] / train.count; }
    }
    for (j = 0; j < r.cols; j++) {
        for (k = 0; k < r.cols; k++) {
            for (covariance[j][k] = 0, i = 0; i < train.count; i++) {
                covariance[j][k] += (r.at[train.row[i]][j] - mean[j]) * (r.at[train.row[i]][k] - mean[k]) / (train.count - 1);
            }
        }
    }
    eigen(r.cols, covariance, vectors);
    z.rows = r.rows;
    z.cols = dim < r.cols ? dim : r.cols;
    for (k = *rank = 0; k < z.cols; k++) {
        int real = covariance[k][k] > 1e-6 * covariance[0][0];
        *rank += real;
        for (i = 0; i < r.rows; i++) {
            double sum = 0;
            for (j = 0; j < r.cols; j++) { sum += (r.at[i][j] - mean[j]) * vectors[j][k]; }
            z.at[i][k] = real ? sum / sqrt(covariance[k][k]) : 0;
        }
    }
    return z;
}

static void settle(fixture *f, int view) {
    isk__trainee trainee = isk__trainee_of(&f->training, 0, 0);
    isk__crew crew;
    isk_settling settling;
    trainee.frame = f->frame;
    crew.training = &f->training;
    crew.stage = view_stage(f, "components", view);
    crew.trainees = &trainee;
    crew.count = 1;
    settling.crew = &crew;
    settling.trainee = &trainee;
    ok(crew.stage->settle(&settling, view));
}

static void check_components(fixture *f, const char *what, int view, int due_rank) {
    isk_model *model;
    isk_transform_desc transform;
    isk_scalar ours[2][N * COLS3];
    list train = training_rows(f, view);
    values due = naive_residual(f, view, chosen(view, all_rows()), naive_c(f, view, all_rows()));
    int i, j, k, rank, p;
    variant = what;
    due = whitened(due, train, f->design.options.dim, &rank);
    assert_int_equal(rank, due_rank);
    fill_views(f, "cache");
    for (i = 0; i < 2; i++) {
        fill(f, view_stage(f, "residual", i)->before);
        settle(f, i);
    }
    ok(isk__models_make(&f->training, &f->design, &model));
    assert_int_equal(isk_model_cols(model, ISK_ROLE_SPECIFIC, view), due.cols);
    for (p = 0; p < 2; p++) {               /* of all rows, and of one row alone */
        memset(&transform, 0, sizeof transform);
        transform.views[view].x = f->sweep.fit.views[view].x;
        ask(&transform, ISK_ROLE_SPECIFIC, view, ours[0]);
        if (p == 1) {
            transform.views[view].x.data += 3 * cols_of[view];
            transform.views[view].x.rows = 1;
            ask(&transform, ISK_ROLE_SPECIFIC, view, ours[1]);
        }
        ok(isk_transform(model, &transform));
    }
    for (k = 0; k < due.cols; k++) {
        double sign = ours[0][train.row[0] * due.cols + k] * due.at[train.row[0]][k] < 0 ? -1 : 1, mean = 0, square = 0;
        for (i = 0; i < N; i++) {
            double z = ours[0][i * due.cols + k];
            if (fabs(z - sign * due.at[i][k]) > 1e-8 * (1 + fabs(z))) {
                fail_msg("%s: component %d of row %d of view %d: %.12g, due %.12g", what, k, i, view + 1, z, sign * due.at[i][k]);
            }
            if (rank <= k) { assert_true(z == 0); }
        }
        for (j = 0; j <= k && k < rank; j++) {
            double product = 0;
            for (i = 0; i < train.count; i++) { product += ours[0][train.row[i] * due.cols + k] * ours[0][train.row[i] * due.cols + j]; }
            if (fabs(product / (train.count - 1) - (j == k)) > 1e-8) {
                fail_msg("%s: components %d and %d: %g", what, j, k, product / (train.count - 1));
            }
        }
        for (i = 0; i < train.count; i++) {
            mean += ours[0][train.row[i] * due.cols + k] / train.count;
            square += ours[0][train.row[i] * due.cols + k] * ours[0][train.row[i] * due.cols + k];
        }
        assert_true(fabs(mean) < 1e-10 && square >= 0);
        assert_true(fabs(ours[1][k] - ours[0][3 * due.cols + k]) < 1e-12);
    }
    isk_model_close(model);
}

static void components_of_residuals(void **state) {
    static const uint8_t split[N] = { 0, 0, 2, 0, 1, 1, 2, 2, 1, 2, 2 };     /* three rows train */
    static isk_scalar kept[N * COLS3];
    static fixture f;
    int i, name;
    (void)state;
    open_fixture(&f, ISK_RESIDUAL, 2, 0, "dim=3");
    stir_weights(&f, 1);
    check_components(&f, "as many as asked for", 0, 3);
    check_components(&f, "as many as asked for", 1, 3);
    close_fixture(&f);
    open_fixture(&f, ISK_RESIDUAL, 2, 0, "dim=50 shared_scale=raw");
    stir_weights(&f, 1);
    check_components(&f, "as many as there are columns", 0, 4);
    check_components(&f, "as many as there are columns", 1, 3);
    close_fixture(&f);
    open_pair(&f, ISK_RESIDUAL, 0, 1, "dim=2");
    stir_weights(&f, 1);
    check_components(&f, "rows that lack views", 0, 2);
    check_components(&f, "rows that lack views", 1, 2);
    close_fixture(&f);
    describe_fixture(&f, ISK_RESIDUAL, 2, 0, "dim=4");
    f.sweep.fit.split = split;
    record_fixture(&f);
    stir_weights(&f, 1);
    check_components(&f, "three rows", 0, 2);
    close_fixture(&f);
    /* columns that are multiples of each other, with a mean and a spread that do not depend on C */
    memcpy(kept, xs[0], sizeof kept);
    for (i = 0; i < N; i++) {
        xs[0][i * COLS1 + 1] = 2 * xs[0][i * COLS1];
        xs[0][i * COLS1 + 3] = 1 - xs[0][i * COLS1 + 2];
    }
    open_fixture(&f, ISK_RESIDUAL, 2, 0, "dim=4");
    for (name = 0; name < 2; name++) {
        for (i = 0; i < COLS1 * 100; i++) { *weight(&f, name ? "mean1.4.weight" : "spread1.4.weight", i / COLS1, i % COLS1) = 0; }
    }
    check_components(&f, "two dimensions of four", 0, 2);
    memcpy(xs[0], kept, sizeof kept);
    close_fixture(&f);
}

/* ---- CoMM -------------------------------------------------------------------------------------------------------- */

enum { STEPS = 3, FEATURES = COLS3 / STEPS };
static const int32_t step_counts[N] = { 3, 2, 1, 3, 2, 0, 3, 3, 1, 2, 3 };
static const char fused_settings[] = "augment=none attention_dropout=0 token_width=4 feed_forward=5 blocks=1 heads=2 tokens=3 "
                                     "fusion_heads=2 project_width=5 project_dim=4 epochs=9";

/* Views: a vector; a sequence, or a vector; and, of three, another vector. */
static void open_fused(fixture *f, int views, int sequence, int absent, const char *settings) {
    describe_fixture(f, ISK_COMM, views, 0, fused_settings);
    set_options(&f->sweep.fit.options, settings);
    variant = settings;
    if (sequence) {
        f->sweep.fit.views[1].x = matrix(xs[2], COLS3);
        f->sweep.fit.views[1].steps = STEPS;
        f->sweep.fit.views[1].lengths = step_counts;
    }
    if (views == 3) { f->sweep.fit.views[2].x = matrix(xs[3], COLS4); }
    if (absent) { f->sweep.fit.views[0].present = presence[0]; f->sweep.fit.views[1].present = presence[1]; }
    record_fixture(f);
}

static values norm_of(const fixture *f, const char *scope, values x) {
    int i, j;
    for (i = 0; i < x.rows; i++) {
        double mean = 0, variance = 0;
        for (j = 0; j < x.cols; j++) { mean += x.at[i][j] / x.cols; }
        for (j = 0; j < x.cols; j++) { variance += (x.at[i][j] - mean) * (x.at[i][j] - mean) / x.cols; }
        for (j = 0; j < x.cols; j++) {
            x.at[i][j] = (x.at[i][j] - mean) / sqrt(variance + 1e-5) * *weight(f, text_of("%s.weight", scope), 0, j) +
                         *weight(f, text_of("%s.bias", scope), 0, j);
        }
    }
    return x;
}

/* Tokens of one sample, each seeing those that are there. */
static values attention_of(const fixture *f, const char *scope, values x, const int *there, int heads) {
    values qkv = naive_linear(f, text_of("%s.in_proj_weight", scope), text_of("%s.in_proj_bias", scope), x, 3 * x.cols), y = x;
    int width = x.cols / heads, h, i, j, k;
    for (h = 0; h < heads; h++) {
        for (i = 0; i < x.rows; i++) {
            double share[MOST], all = 0;
            for (j = 0; j < x.rows; j++) {
                double dot = 0;
                for (k = 0; k < width; k++) { dot += qkv.at[i][h * width + k] * qkv.at[j][x.cols + h * width + k]; }
                all += share[j] = there[j] ? exp(dot / sqrt(width)) : 0;
            }
            for (k = 0; k < width; k++) {
                for (y.at[i][h * width + k] = 0, j = 0; j < x.rows; j++) {
                    y.at[i][h * width + k] += share[j] / all * qkv.at[j][2 * x.cols + h * width + k];
                }
            }
        }
    }
    return naive_layer(f, text_of("%s.out_proj", scope), y, x.cols);
}

static values naive_feed_forward(const fixture *f, const char *scope, values x, int width, int quick) {
    values y = naive_layer(f, text_of("%s.linear1", scope), x, width);
    int i, j;
    for (i = 0; i < y.rows; i++) {
        for (j = 0; j < y.cols; j++) { y.at[i][j] = quick ? y.at[i][j] / (1 + exp(-1.702 * y.at[i][j])) : y.at[i][j] > 0 ? y.at[i][j] : 0; }
    }
    return naive_layer(f, text_of("%s.linear2", scope), y, x.cols);
}

/* Layers x = x + A(n(x)), x = x + F(n(x)) with the norm first, else x = n(x + A(x)), x = n(x + F(x)): attention, feed forward. */
static values transformer_of(const fixture *f, const char *scope, values x, const int *there, int layers, int heads, int width,
                             int first, int quick) {
    char own[80], norm1[96], norm2[96], attention[96];
    int layer;
    for (layer = 0; layer < layers; layer++) {
        snprintf(own, sizeof own, "%s.layers.%d", scope, layer);
        snprintf(norm1, sizeof norm1, "%s.norm1", own);
        snprintf(norm2, sizeof norm2, "%s.norm2", own);
        snprintf(attention, sizeof attention, "%s.self_attn", own);
        if (first) {
            x = naive_sum(x, attention_of(f, attention, norm_of(f, norm1, x), there, heads));
            x = naive_sum(x, naive_feed_forward(f, own, norm_of(f, norm2, x), width, quick));
        } else {
            x = norm_of(f, norm1, naive_sum(x, attention_of(f, attention, x, there, heads)));
            x = norm_of(f, norm2, naive_sum(x, naive_feed_forward(f, own, x, width, quick)));
        }
    }
    return x;
}

/* Tokens of a view of one row that has it; those that are absent are left out. */
static values naive_tokens(const fixture *f, int view, int row) {
    const isk_options *options = &f->design.options;
    isk_matrix x = f->sweep.fit.views[view].x;
    list one = { { 0 }, 1 };
    values made, given;
    int there[MOST], count, i, j, k;
    one.row[0] = row;
    given = picked(x.data, (int)x.cols, one);
    if (f->design.steps[view] == 1) {
        given = naive_encoder(f, "tokens", view, given, options->tokens);
        made.rows = options->tokens;
        made.cols = options->token_width;
        for (i = 0; i < made.rows; i++) {
            for (j = 0; j < made.cols; j++) {
                made.at[i][j] = given.at[0][i] * *weight(f, text_of("tokens%d.adapter.weight", view + 1), i, j) +
                                  *weight(f, text_of("tokens%d.adapter.bias", view + 1), i, j);
            }
        }
        return made;
    }
    count = f->sweep.fit.views[view].lengths[row];
    memset(&made, 0, sizeof made);
    made.rows = STEPS;
    made.cols = FEATURES;
    for (i = 0; i < STEPS; i++) {
        there[i] = i < count || options->padding == ISK_PADDING_SEEN;
        for (k = 0; k < FEATURES && i < count; k++) { made.at[i][k] = given.at[0][i * FEATURES + k]; }
    }
    made = naive_linear(f, text_of("tokens%d.project.weight", view + 1), NULL, made, options->token_width);
    for (i = 0; i < STEPS && options->positions != ISK_POSITIONS_NONE; i++) {
        for (j = 0; j < made.cols; j++) {
            made.at[i][j] += *weight(f, text_of("tokens%d.positions", view + 1), i, j);
        }
    }
    made = transformer_of(f, text_of("tokens%d.encoder", view + 1), made, there, options->blocks, options->heads, options->feed_forward,
                               options->norm_place == ISK_NORM_FIRST, 0);
    made.rows = count;
    return made;
}

/* A learned token and those of the views (a bit each) that the row has: the first output, [rows, token_width]. */
static values naive_fused(const fixture *f, list rows, unsigned views) {
    const isk_options *options = &f->design.options;
    int there[MOST], i, j, view;
    values fused;
    for (i = 0; i < MOST; i++) { there[i] = 1; }
    fused.rows = rows.count;
    fused.cols = options->token_width;
    for (i = 0; i < rows.count; i++) {
        values x;
        x.rows = 1;
        x.cols = options->token_width;
        for (j = 0; j < x.cols; j++) { x.at[0][j] = *weight(f, "fusion.cls", 0, j); }
        for (view = 0; view < f->design.view_count; view++) {
            values made;
            if (!(views >> view & 1) || !has_view(f, view, rows.row[i])) { continue; }
            made = naive_tokens(f, view, rows.row[i]);
            assert_true(x.rows + made.rows <= MOST);
            memcpy(x.at[x.rows], made.at[0], (size_t)made.rows * sizeof x.at[0]);
            x.rows += made.rows;
        }
        x = transformer_of(f, "fusion", x, there, options->fusion_blocks, options->fusion_heads, 4 * x.cols, 1, 1);
        x = norm_of(f, "fusion.norm", x);
        memcpy(fused.at[i], x.at[0], sizeof x.at[0]);
    }
    return fused;
}

typedef struct moments { double mean[2][WIDEST], variance[2][WIDEST]; } moments;       /* of the two normalized layers */

/* Three linear maps with batch norm and ReLU between, to unit norm; by the rows' own moments or by the running ones. */
static values naive_projection(const fixture *f, values x, int evaluating, moments *seen) {
    const isk_options *options = &f->design.options;
    int layer, i, j;
    for (layer = 0; layer < 2; layer++) {
        x = naive_layer(f, text_of("projection.%d", 3 * layer), x, options->project_width);
        for (j = 0; j < x.cols; j++) {
            double mean, variance;
            naive_moments(x, j, &mean, &variance);
            if (seen) { seen->mean[layer][j] = mean; seen->variance[layer][j] = variance; }
            if (evaluating) {
                mean = *weight(f, text_of("projection.%d.running_mean", 3 * layer + 1), 0, j);
                variance = *weight(f, text_of("projection.%d.running_var", 3 * layer + 1), 0, j);
            }
            for (i = 0; i < x.rows; i++) {
                x.at[i][j] = (x.at[i][j] - mean) / sqrt(variance + 1e-5) *
                             *weight(f, text_of("projection.%d.weight", 3 * layer + 1), 0, j) +
                             *weight(f, text_of("projection.%d.bias", 3 * layer + 1), 0, j);
            }
        }
        x = naive_relu(x);
    }
    return naive_unit(naive_layer(f, "projection.6", x, options->project_dim));
}

/* NT-Xent, Chen et al. 2020: of the 2B rows of a and b each is to find its partner among all others. */
static double naive_nt_xent(values a, values b, double tau) {
    double loss = 0;
    int side, i, j, k;
    for (side = 0; side < 2; side++) {
        const values *own = side ? &b : &a, *other = side ? &a : &b;
        for (i = 0; i < a.rows; i++) {
            double all = 0, partner = 0;
            for (j = 0; j < a.rows; j++) {
                double near = 0, same = 0;
                for (k = 0; k < a.cols; k++) {
                    near += own->at[i][k] * other->at[j][k] / tau;
                    same += own->at[i][k] * own->at[j][k] / tau;
                }
                all += exp(near) + (i == j ? 0 : exp(same));
                if (i == j) { partner = near; }
            }
            loss += log(all) - partner;
        }
    }
    return loss / 2 / a.rows;
}

/* loss, l of all views, mean of l of each; without augmentation both copies are the rows themselves. */
static void naive_comm(const fixture *f, list batch, int evaluating, double due[3], moments *seen) {
    int views = f->design.view_count, m;
    unsigned all = (1u << views) - 1;
    double tau = f->design.options.fusion_tau;
    list any = rows_with(f, batch, all, 1);
    values both = naive_projection(f, naive_fused(f, any, all), evaluating, seen ? &seen[views] : NULL);
    due[1] = naive_nt_xent(both, both, tau);
    due[2] = 0;
    for (m = 0; m < views; m++) {
        list here = rows_with(f, batch, 1u << m, 0);
        values one = naive_projection(f, naive_fused(f, here, 1u << m), evaluating, seen ? &seen[m] : NULL);
        due[2] += naive_nt_xent(one, lines_of(both, any, here), tau) / views;
    }
    due[0] = due[1] + f->design.options.lambda * due[2];
}

static const struct { int views, sequence, absent; const char *settings; } fused_variants[] = {
    { 2, 0, 0, "" }, { 2, 1, 0, "fusion_tau=0.5 lambda=1" }, { 2, 1, 1, "padding=seen" }, { 3, 1, 1, "fusion_blocks=2 lambda=0" },
    { 3, 0, 1, "layers=3 activation=tanh fusion_heads=1" }, { 2, 1, 0, "norm_place=first positions=sincos blocks=2" },
    { 2, 1, 1, "positions=learned tokens=1" },
};

static void fused_losses(void **state) {
    static fixture f;
    int v, count, i, view, layer, copy, j;
    (void)state;
    for (v = 0; v < (int)COUNT(fused_variants); v++) {
        const isk__stage *stage;
        static moments seen[VIEWS + 1];
        double due[3], running[2][2][WIDEST];
        open_fused(&f, fused_variants[v].views, fused_variants[v].sequence, fused_variants[v].absent, fused_variants[v].settings);
        for (i = 0; i < STEPS && strstr(fused_variants[v].settings, "sincos"); i++) {
            for (j = 0; j < 4; j++) {
                close_to("position", *weight(&f, "tokens2.positions", i, j),
                         j % 2 ? cos(i * pow(10000, -(j - 1) / 4.0)) : sin(i * pow(10000, -j / 4.0)));
            }
        }
        stir_weights(&f, 1);
        stage = stage_of(&f, "fused");
        assert_int_equal(stage->epochs, 9);
        for (count = BATCH; count >= 6; count--) {
            naive_comm(&f, in_batch(count), 1, due, NULL);
            run(&f, stage->evaluation.program, count);
            for (i = 0; i < 3; i++) { close_to("validation loss", output(&f, stage->evaluation.program, i), due[i]); }
            naive_comm(&f, in_batch(count), 0, due, seen);
            for (layer = 0; layer < 2; layer++) {
                for (j = 0; j < f.design.options.project_width; j++) {
                    running[layer][0][j] = *weight(&f, text_of("projection.%d.running_mean", 3 * layer + 1), 0, j);
                    running[layer][1][j] = *weight(&f, text_of("projection.%d.running_var", 3 * layer + 1), 0, j);
                }
            }
            f.frame.step = (uint64_t)(BATCH - count);
            run(&f, stage->passes[0].program, count);
            for (i = 0; i < 3; i++) { close_to("loss", output(&f, stage->passes[0].program, i), due[i]); }
            /* the head is run on every view and on all of them, of both copies, and its moments follow each time */
            for (copy = 0; copy < 2; copy++) {
                for (view = 0; view <= f.design.view_count; view++) {
                    for (layer = 0; layer < 2; layer++) {
                        for (j = 0; j < f.design.options.project_width; j++) {
                            running[layer][0][j] += 0.1 * (seen[view].mean[layer][j] - running[layer][0][j]);
                            running[layer][1][j] += 0.1 * (seen[view].variance[layer][j] - running[layer][1][j]);
                        }
                    }
                }
            }
            for (layer = 0; layer < 2; layer++) {
                for (j = 0; j < f.design.options.project_width; j++) {
                    close_to("running mean", *weight(&f, text_of("projection.%d.running_mean", 3 * layer + 1), 0, j), running[layer][0][j]);
                    close_to("running variance", *weight(&f, text_of("projection.%d.running_var", 3 * layer + 1), 0, j),
                             running[layer][1][j]);
                }
            }
        }
        close_fixture(&f);
    }
}

/* What transform gives: the fused output of all views that a row has, before the projection. */
static void fused_features(void **state) {
    static fixture f;
    int v, i, j;
    (void)state;
    for (v = 0; v < (int)COUNT(fused_variants); v++) {
        isk_scalar ours[N * 4];
        isk_transform_desc transform;
        isk_model *model;
        list any;
        values due;
        open_fused(&f, fused_variants[v].views, fused_variants[v].sequence, fused_variants[v].absent, fused_variants[v].settings);
        stir_weights(&f, 1);
        ok(isk__models_make(&f.training, &f.design, &model));
        memset(&transform, 0, sizeof transform);
        memcpy(transform.views, f.sweep.fit.views, sizeof transform.views);
        ask(&transform, ISK_ROLE_FUSED, ISK_NONE, ours);
        ok(isk_transform(model, &transform));
        any = rows_with(&f, all_rows(), (1u << f.design.view_count) - 1, 1);
        due = naive_fused(&f, any, (1u << f.design.view_count) - 1);
        for (i = 0; i < any.count; i++) {
            for (j = 0; j < 4; j++) { close_to("fused", ours[any.row[i] * 4 + j], due.at[i][j]); }
        }
        for (i = 0; i < N; i++) {
            int there = 0;
            for (j = 0; j < any.count; j++) { there |= any.row[j] == i; }
            for (j = 0; j < 4; j++) { assert_int_equal(ours[i * 4 + j] == ours[i * 4 + j], there); }
        }
        isk_model_close(model);
        close_fixture(&f);
    }
}

/* Two copies differ where the coin falls; noise leaves what lies beyond a row's length alone. */
static void copies_are_augmented(void **state) {
    static const char *const settings[] = { "augment=noise", "augment=drop", "augment=noise_drop", "augment=none" };
    static fixture f;
    int v, copy, i, step, k;
    (void)state;
    for (v = 0; v < 4; v++) {
        isk_tensor copies[2][2];
        isk_program *program;
        int changed[2] = { 0, 0 }, differ = 0, gone = 0;
        open_fused(&f, 2, 1, 0, settings[v]);
        record_leaves(&f);
        isk__begin_program(&f.recorder, BATCH, ISK_MODE_TRAIN);
        for (copy = 0; copy < 2; copy++) {
            for (i = 0; i < 2; i++) {
                copies[copy][i] = isk__augmented_copy(&f.recorder, f.design.steps[i], isk_view_rows(&f.recorder, i), copy).x;
            }
        }
        program = isk_program_compute(f.recorder.graph, copies[0], 4);
        ok(isk__graph_ready(f.recorder.graph));
        for (step = 0; step < 20; step++) {
            static isk_scalar got[2][2][BATCH * COLS3];
            ok(isk_run(program, 1));
            for (copy = 0; copy < 2; copy++) {
                for (i = 0; i < 2; i++) { ok(isk_read(copies[copy][i], 0, got[copy][i])); }
                for (i = 0; i < BATCH; i++) {       /* isk_run takes the rows as they come */
                    int vector = 0, sequence = 0;
                    for (k = 0; k < COLS1; k++) { vector |= got[copy][0][i * COLS1 + k] != xs[0][i * COLS1 + k]; }
                    for (k = 0; k < COLS3; k++) {
                        int beyond = k / FEATURES >= step_counts[i];
                        isk_scalar now = got[copy][1][i * COLS3 + k];
                        if (beyond && now != 0) { fail_msg("%s: %g stands beyond the length of row %d", settings[v], (double)now, i); }
                        sequence |= !beyond && now != xs[2][i * COLS3 + k];
                        gone += !beyond && now == 0;
                    }
                    changed[0] += vector;
                    changed[1] += sequence;
                    if (v == 0 && step_counts[i] > 0) { assert_int_equal(vector, sequence); }       /* one coin for both views */
                }
            }
            differ += memcmp(got[0][0], got[1][0], sizeof got[0][0]) != 0;
        }
        assert_int_equal(changed[0] > 0, v == 0 || v == 2);
        assert_int_equal(changed[1] > 0, v < 3);
        assert_int_equal(gone > 0, v == 1 || v == 2);
        assert_int_equal(differ > 0, v == 0 || v == 2);
        if (changed[0] > 0) { assert_true(changed[0] > 80 && changed[0] < 200); }       /* of 280, about half */
        close_fixture(&f);
    }
}

/* ---- reduction --------------------------------------------------------------------------------------------------- */

enum { TARGET_COLS = 2 };
static isk_scalar target[N * TARGET_COLS];
static const uint8_t target_presence[N] = { 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1 };

static void make_target(void) {
    isk__random random = isk__random_open(15, 16);
    int i;
    for (i = 0; i < N * TARGET_COLS; i++) { target[i] = isk__random_normal(&random); }
}

static isk_status shift(void *user, int view, int copy, isk_scalar *data, int64_t rows, int64_t cols) {
    int64_t i;
    (void)user;
    for (i = 0; i < rows * cols; i++) { data[i] += 0.3 * copy - 0.2 * view * copy * (double)(i % 3); }
    return ISK_OK;
}

/* What the callback makes of chosen rows. */
static values shifted(int view, int copy, list rows) {
    values x = chosen(view, rows);
    int i, j;
    for (i = 0; i < x.rows; i++) {
        for (j = 0; j < x.cols; j++) { x.at[i][j] += 0.3 * copy - 0.2 * view * copy * (double)((rows.row[i] * x.cols + j) % 3); }
    }
    return x;
}

static values naive_reduced(const fixture *f, int view, values x) { return naive_unit(naive_encoder(f, "reduced", view, x, SHARED)); }

/* For pair p of the user's copies; p of -1: no copies. */
static double naive_reduction(const fixture *f, list batch, int p) {
    double sum = 0, scale = exp(*weight(f, "reduced.logit_scale", 0, 0));
    int view, i;
    for (view = 0; view < f->design.view_count; view++) {
        list rows = rows_with(f, batch, 1u << view, 0), known;
        values one, other;
        for (i = known.count = 0; i < rows.count; i++) {
            if (!f->sweep.fit.target_present || f->sweep.fit.target_present[rows.row[i]]) { known.row[known.count++] = rows.row[i]; }
        }
        if (f->design.options.reduce == ISK_REDUCE_TARGET) {
            one = naive_reduced(f, view, chosen(view, known));
            other = naive_unit(naive_mlp(f, "target", picked(target, TARGET_COLS, known), WIDTH, SHARED));
        } else {
            one = naive_reduced(f, view, p < 0 ? chosen(view, rows) : shifted(view, 2 * p, rows));
            other = naive_reduced(f, view, p < 0 ? chosen(view, rows) : shifted(view, 2 * p + 1, rows));
        }
        sum += naive_info_nce(one, other, scale);
    }
    return sum / f->design.view_count;
}

/* kind 0: a target; 1: one that some rows lack; 2: augmentation by name; 3 and on: by callback, 4 copies or another number. */
static void open_reduced(fixture *f, const isk_method *method, int kind, int absent, const char *settings) {
    make_target();
    describe_fixture(f, method, 2, 0, settings);
    set_options(&f->sweep.fit.options, kind < 2 ? "reduce=target" : "reduce=augment augment=none");
    if (kind < 2) { f->sweep.fit.target = matrix(target, TARGET_COLS); }
    if (kind == 1) { f->sweep.fit.target_present = target_presence; }
    if (kind > 2) {
        f->sweep.fit.augment = shift;
        f->sweep.fit.augment_copies = kind == 3 ? 0 : kind - 2;
    }
    if (absent) { f->sweep.fit.views[0].present = presence[0]; f->sweep.fit.views[1].present = presence[1]; }
    record_fixture(f);
}

static void reduction_losses(void **state) {
    static const char *const variants[] = { "", "tau=0.5 activation=tanh", "temperature=fixed layers=3" };
    static fixture f;
    int v, kind, absent, count, pair, step;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (kind = 0; kind < 7; kind++) {
            for (absent = 0; absent < 2; absent++) {
                const isk__stage *stage;
                double first;
                if (kind == 5) { continue; }        /* an odd number of copies */
                open_reduced(&f, ISK_CLIP, kind, absent, variants[v]);
                close_to("first temperature", exp(-*weight(&f, "reduced.logit_scale", 0, 0)), f.design.options.tau);
                first = *weight(&f, "reduced.logit_scale", 0, 0);
                stir_weights(&f, 1);
                *weight(&f, "reduced.logit_scale", 0, 0) = first;
                stage = stage_of(&f, "reduced");
                assert_int_equal(stage->pass_count, kind < 3 ? 1 : kind == 4 ? 1 : 2);
                for (step = 0; step < 2; step++) {
                    count = step ? 6 : BATCH;
                    run(&f, stage->evaluation.program, count);
                    close_to("validation loss", output(&f, stage->evaluation.program, 0),
                             naive_reduction(&f, in_batch(count), kind < 3 ? -1 : 0));
                    for (pair = 0; pair < stage->pass_count; pair++) {
                        double due = naive_reduction(&f, in_batch(count), kind < 3 ? -1 : pair),
                            scale = exp(*weight(&f, "reduced.logit_scale", 0, 0));
                        f.frame.step = (uint64_t)step;
                        run(&f, stage->passes[pair].program, count);
                        close_to("loss", output(&f, stage->passes[pair].program, 0), due);
                        close_to("temperature", output(&f, stage->passes[pair].program, 1), 1 / scale);
                    }
                }
                assert_int_equal(fabs(*weight(&f, "reduced.logit_scale", 0, 0) - first) > 1e-3, strstr(variants[v], "fixed") == NULL);
                close_fixture(&f);
            }
        }
    }
}

/* After it everything works on the reductions: here CLIP, and what IndiSeek reconstructs. */
static void what_comes_after_a_reduction(void **state) {
    static fixture f;
    int view, absent, i, j;
    (void)state;
    for (absent = 0; absent < 2; absent++) {
        values reduced[2], c[2];
        list batch = in_batch(BATCH), both;
        const isk_program *program;
        open_reduced(&f, ISK_INDISEEK, 0, absent, "standardize=none");
        stir_weights(&f, 1);
        fill_views(&f, "reduction");
        both = rows_with(&f, batch, 3, 0);
        for (view = 0; view < 2; view++) {
            reduced[view] = naive_reduced(&f, view, chosen(view, rows_with(&f, batch, 1u << view, 0)));
            c[view] = naive_unit(naive_encoder(&f, "shared", view, reduced[view], SHARED));
        }
        program = stage_of(&f, "shared")->evaluation.program;
        run(&f, program, BATCH);
        close_to("InfoNCE of reductions", evaluated(&f, &stage_of(&f, "shared")->evaluation, 0),
                 naive_info_nce(lines_of(c[0], rows_with(&f, batch, 1, 0), both), lines_of(c[1], rows_with(&f, batch, 2, 0), both),
                                exp(*weight(&f, "logit_scale", 0, 0))));
        fill_views(&f, "cache");
        for (view = 0; view < 2; view++) {
            values z = naive_encoder(&f, "specific", view, reduced[view], DIM),
                g = naive_encoder(&f, "decoder", view, side_by_side(z, c[view]), SHARED);
            double error = 0, power = 0;
            for (i = 0; i < g.rows; i++) {
                for (j = 0; j < SHARED; j++) {
                    error += (g.at[i][j] - reduced[view].at[i][j]) * (g.at[i][j] - reduced[view].at[i][j]);
                    power += reduced[view].at[i][j] * reduced[view].at[i][j];
                }
            }
            program = view_stage(&f, "specific", view)->evaluation.program;
            run(&f, program, BATCH);
            close_to("reconstruction of reductions", evaluated(&f, &view_stage(&f, "specific", view)->evaluation, 2), error / power);
        }
        close_fixture(&f);
    }
}

/* ---- gradients of whole objectives ------------------------------------------------------------------------------- */

static void objectives_have_their_gradients(void **state) {
    static const char *const contrasts[] = { "contrast=concat", "contrast=concat contrast_sides=one activation=tanh norm=batch",
                                             "contrast_sides=one", "contrast_temperature=learned contrast_tau=0.3", "critic=nce" };
    static const char *const reductions[] = { "tau=0.4", "norm=batch activation=tanh" };
    static fixture f;
    isk_tensor outputs[ISK_MAX_TERMS];
    int v, kind, view, absent, method;
    (void)state;
    for (v = 0; v < (int)COUNT(fused_variants); v++) {
        for (kind = 0; kind < 2; kind++) {
            char settings[200];
            if (v != 1 && v % 2 != kind) { continue; }
            snprintf(settings, sizeof settings, "%s%s", kind ? "augment=noise_drop norm=batch activation=gelu " : "",
                     fused_variants[v].settings);
            open_fused(&f, fused_variants[v].views, fused_variants[v].sequence, fused_variants[v].absent, settings);
            record_leaves(&f);
            record_terms(&f, isk__fused_terms, ISK_NONE, outputs);
            check_gradient(&f, "fused", outputs[0]);
            close_fixture(&f);
        }
    }
    for (v = 0; v < (int)COUNT(contrasts); v++) {
        for (method = 0; method < 3; method++) {
            static const isk_method *methods[] = { ISK_FACTORIZEDCL, ISK_INFODISEN, ISK_INDISEEK };
            absent = (v + method) % 2;
            open_pair(&f, methods[method], 1, absent, contrasts[v]);
            record_leaves(&f);
            for (view = 0; view < 2; view++) {
                record_terms(&f, isk__specific_terms, view, outputs);
                check_gradient(&f, isk_numbered(&f.recorder, "specific", view), outputs[0]);
            }
            if (strstr(contrasts[v], "nce")) {
                isk_tensor z, c;
                isk__begin_program(&f.recorder, BATCH, ISK_MODE_STILL);
                z = isk__specific_record(&f.recorder, 0, isk_view_rows(&f.recorder, 0));
                c = isk__shared_seen(&f.recorder, 0, ISK__OTHER);
                isk_rows_in_both(&z, &c);
                check_gradient(&f, "critic1", isk__scores_nce(isk__critic_scores(&f.recorder, "critic1", z, c), 0));
            }
            close_fixture(&f);
        }
    }
    for (v = 0; v < (int)COUNT(reductions); v++) {
        for (kind = 0; kind < 4; kind++) {
            absent = (v + kind) % 2;
            open_reduced(&f, ISK_CLIP, kind, absent, reductions[v]);
            f.training.options.augment = f.design.options.augment = ISK_AUGMENT_BOTH;
            record_leaves(&f);
            f.recorder.pass = kind == 3;
            record_terms(&f, isk__reduction_terms, ISK_NONE, outputs);
            check_gradient(&f, "reduced", outputs[0]);
            close_fixture(&f);
        }
    }
}

/* ---- who moves what ---------------------------------------------------------------------------------------------- */

/* Runs a program and fails unless exactly the parameters whose names begin with one of the words move. */
static void moves(fixture *f, const char *what, const isk_program *program, const char *words) {
    const isk_graph *graph = f->training.plan.graph;
    const isk__memory *state = &f->training.learners[0].state;
    isk_scalar *kept = malloc(state->size * sizeof *kept);
    char list_of[300], *word;
    int i;
    assert_non_null(kept);
    memcpy(kept, state->block, state->size * sizeof *kept);
    run(f, program, BATCH);
    for (i = 0; i < graph->parameter_count; i++) {
        const isk__parameter_info *parameter = &graph->parameters[i];
        const isk__node *node = &graph->nodes[parameter->node];
        isk_scalar *now = isk__parameter_values(graph, state, parameter);
        int moved = memcmp(now, kept + (now - state->block), (size_t)node->rows * (size_t)node->leaf.stride * sizeof *now) != 0, due = 0;
        /* what is added to all scores alike changes no loss */
        if (strstr(parameter->name, "score") && strstr(parameter->name, ".4.bias")) { continue; }
        snprintf(list_of, sizeof list_of, "%s", words);
        for (word = strtok(list_of, " "); word; word = strtok(NULL, " ")) { due |= strncmp(parameter->name, word, strlen(word)) == 0; }
        if (moved != due) { fail_msg("%s, %s: %s %s", variant, what, parameter->name, moved ? "moves" : "stays"); }
    }
    free(kept);
}

static void each_step_moves_its_own_group(void **state) {
    static fixture f;
    const isk__stage *stage;
    (void)state;
    open_fixture(&f, ISK_INDISEEK, 2, 0, "critic=nce");
    stir_weights(&f, 1);
    fill_views(&f, "cache");
    stage = stage_of(&f, "specific2");
    run(&f, stage->passes[0].program, BATCH);
    moves(&f, "critic", stage->passes[1].program, "critic2.score");
    moves(&f, "main", stage->passes[2].program, "specific2 decoder2 standardise2");
    moves(&f, "evaluation", stage->evaluation.program, "");
    close_fixture(&f);
    open_fixture(&f, ISK_FACTORIZEDCL, 2, 0, "contrast=concat");
    fill_views(&f, "cache");
    stage = stage_of(&f, "specific1");
    run(&f, stage->passes[0].program, BATCH);
    moves(&f, "critic", stage->passes[1].program, "critic1");
    moves(&f, "main", stage->passes[2].program, "specific1 score1 standardise1");
    close_fixture(&f);
    open_fixture(&f, ISK_INFODISEN, 2, 0, "contrast_temperature=learned");
    fill_views(&f, "cache");
    moves(&f, "main", stage_of(&f, "specific1")->passes[0].program, "specific1 joint1 input1 contrast1 standardise1");
    close_fixture(&f);
    open_fused(&f, 2, 1, 0, "augment=noise_drop positions=learned");
    stir_weights(&f, 1);
    moves(&f, "fused", stage_of(&f, "fused")->passes[0].program, "tokens1 tokens2 fusion projection");
    moves(&f, "fused evaluation", stage_of(&f, "fused")->evaluation.program, "");
    close_fixture(&f);
    open_reduced(&f, ISK_INDISEEK, 0, 0, "");
    stir_weights(&f, 1);
    moves(&f, "reduced", stage_of(&f, "reduced")->passes[0].program, "reduced target");
    fill_views(&f, "reduction");
    moves(&f, "shared", stage_of(&f, "shared")->passes[0].program, "shared logit_scale");
    fill_views(&f, "cache");
    run(&f, stage_of(&f, "specific1")->passes[0].program, BATCH);
    moves(&f, "main", stage_of(&f, "specific1")->passes[2].program, "specific1 decoder1 standardise1");
    close_fixture(&f);
    open_reduced(&f, ISK_CLIP, 3, 0, "");
    moves(&f, "second pair", stage_of(&f, "reduced")->passes[1].program, "reduced");
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nce_losses),
        cmocka_unit_test(contrast_losses),
        cmocka_unit_test(scores_of_a_sequence),
        cmocka_unit_test(components_of_residuals),
        cmocka_unit_test(fused_losses),
        cmocka_unit_test(fused_features),
        cmocka_unit_test(copies_are_augmented),
        cmocka_unit_test(reduction_losses),
        cmocka_unit_test(what_comes_after_a_reduction),
        cmocka_unit_test(objectives_have_their_gradients),
        cmocka_unit_test(each_step_moves_its_own_group),
    };
    return cmocka_run_group_tests_name("variants", tests, open_context, close_context);
}
