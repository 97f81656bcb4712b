/* Three and four views, rows that a view lacks: every loss against its formula on the rows that are there, gradients of whole
   objectives.  Sources: Gui et al. 3.1-3.3; of more than two views ours.  What whole fits promise stands in test_views_fits.c. */
/* build: double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#define INDISEEK_NO_METRICS
#include "indiseek.h"
#include "stepped.h"

static const isk_method *specific[] = { ISK_INDISEEK, ISK_INDISEEK0, ISK_FACTORIZEDCL, ISK_INFODISEN };

/* Rows of the batch are 4 0 9 2 7 1 10.  View 1 lacks 0, view 2 lacks 9 and 5, view 3 lacks 2, 9 and 3; row 6 is nowhere. */
static const uint8_t presence[VIEWS][N] = {
    { 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1 },
    { 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1 },
    { 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1 },
    { 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1 },
};

static void make_absent(fixture *f) {
    int view;
    for (view = 0; view < f->sweep.fit.view_count; view++) { f->sweep.fit.views[view].present = presence[view]; }
}

static void open_absent(fixture *f, const isk_method *method, int views, int given, int absent, const char *settings) {
    describe_fixture(f, method, views, given, settings);
    if (absent) { make_absent(f); }
    record_fixture(f);
}

/* ---- the formulas of several views ---------------------------------------------------------------------------------------- */

static int is_present(const fixture *f, int view, int row) {
    if (view == 2 && sequence_lengths && sequence_lengths[row] == 0) { return 0; }
    return !f->sweep.fit.views[view].present || f->sweep.fit.views[view].present[row];
}

static list rows_of(const fixture *f, int view, list among) {
    list rows;
    int i;
    for (i = rows.count = 0; i < among.count; i++) {
        if (is_present(f, view, among.row[i])) { rows.row[rows.count++] = among.row[i]; }
    }
    return rows;
}

/* The rows of `among` for which there is a C that a term of this view sees. */
static list rows_seen(const fixture *f, int view, int other, list among) {
    list rows;
    int i, v;
    if (!other || f->design.view_count == 1) { return rows_of(f, view, among); }
    for (i = rows.count = 0; i < among.count; i++) {
        int there = 0, lacking = 0;
        for (v = 0; v < f->design.view_count; v++) {
            there += v != view && is_present(f, v, among.row[i]);
            lacking += v != view && !is_present(f, v, among.row[i]);
        }
        if (f->design.options.others == ISK_OTHERS_MEAN && f->design.view_count > 2 ? there > 0 : lacking == 0) {
            rows.row[rows.count++] = among.row[i];
        }
    }
    return rows;
}

/* That C: the view's own; the others' side by side; or the mean of those that are there. */
static values c_seen(const fixture *f, int view, int other, list rows) {
    values c, sum;
    int v, i, j, first = 1;
    if (!other || f->design.view_count == 1) { return naive_c(f, view, rows); }
    memset(&sum, 0, sizeof sum);
    if (f->design.options.others == ISK_OTHERS_CONCAT || f->design.view_count == 2) {
        for (v = 0; v < f->design.view_count; v++) {
            if (v == view) { continue; }
            c = naive_c(f, v, rows);
            sum = first ? c : side_by_side(sum, c);
            first = 0;
        }
        return sum;
    }
    sum.rows = rows.count;
    sum.cols = SHARED;
    for (i = 0; i < rows.count; i++) {
        int count = 0;
        for (v = 0; v < f->design.view_count; v++) {
            list one = { { 0 }, 1 };
            one.row[0] = rows.row[i];
            if (v == view || !is_present(f, v, one.row[0])) { continue; }
            c = naive_c(f, v, one);
            for (j = 0; j < SHARED; j++) { sum.at[i][j] += c.at[0][j]; }
            count++;
        }
        for (j = 0; j < SHARED; j++) { sum.at[i][j] /= count; }
    }
    return sum;
}

/* ---- losses are their formulas --------------------------------------------------------------------------------------------- */

/* Which C the two terms see, from the definitions and not from the header's table. */
static int apart_other(const isk_method *method) { return method == ISK_INDISEEK || method == ISK_RESIDUAL_INDISEEK; }
static int keep_other(const isk_method *method) { return method == ISK_INFODISEN; }

static double naive_apart(const fixture *f, int view, values z, list here, list batch) {
    int other = apart_other(f->design.method);
    list both = in_both(here, rows_seen(f, view, other, batch));
    values c = c_seen(f, view, other, both);
    z = lines_of(z, here, both);
    return f->design.method == ISK_INFODISEN ? naive_overlap(f->design.options.ortho, z, c) : naive_club(naive_critic(f, view, c), z);
}

static double naive_keep(const fixture *f, int view, values z, values x, list here, list batch) {
    int other = keep_other(f->design.method);
    list both;
    if (f->design.method != ISK_FACTORIZEDCL && f->design.method != ISK_INFODISEN) {
        return naive_reconstruction(f, view, z, naive_c(f, view, here), x, NULL);
    }
    both = in_both(here, rows_seen(f, view, other, batch));
    return naive_contrast(f, view, c_seen(f, view, other, both), lines_of(z, here, both), lines_of(x, here, both));
}

/* A mean of an evaluation: where rows may lack views its outputs are sums over the rows that count, by the rows of the batch. */
static double evaluated(const fixture *f, const isk__pass *pass, int index) {
    return output(f, pass->program, index) / (pass->shared ? output(f, pass->program, pass->label_count) : 1);
}

/* Critic's step, main step and evaluation of one view on the first `count` rows of the batch. */
static void check_view(fixture *f, int view, int count) {
    const isk__stage *stage = view_stage(f, "specific", view);
    const isk_program *main_step = stage->passes[stage->main].program;
    list batch = in_batch(count), here = rows_of(f, view, batch),
        both = in_both(here, rows_seen(f, view, apart_other(f->design.method), batch));
    values x = chosen(view, here), z = naive_z(f, view, x, 0);
    double apart, keep, variance, lambda = f->design.options.lambda;
    if (stage->main > 0) {
        critic q = naive_critic(f, view, c_seen(f, view, apart_other(f->design.method), both));
        double due = naive_learning(q, lines_of(z, here, both));
        if (stage->passes[0].kind == ISK_FILL) {
            fill(f, stage->passes[0].program);
        } else {
            run(f, stage->passes[0].program, count);
        }
        run(f, stage->passes[1].program, count);
        close_to("learning loss", output(f, stage->passes[1].program, 0), due);
    }
    apart = naive_apart(f, view, z, here, batch);
    keep = naive_keep(f, view, z, x, here, batch);
    variance = naive_variance(naive_encoder(f, "specific", view, x, f->design.options.dim));
    run(f, main_step, count);
    close_to("term apart", output(f, main_step, 1), apart);
    close_to("term that keeps X", output(f, main_step, 2), keep);
    close_to("variance", output(f, main_step, 3), variance);
    close_to("loss", output(f, main_step, 0), apart + lambda / 2 * keep);
    z = naive_z(f, view, x, 1);
    run(f, stage->evaluation.program, count);
    apart = naive_apart(f, view, z, here, batch);
    keep = naive_keep(f, view, z, x, here, batch);
    close_to("validation apart", evaluated(f, &stage->evaluation, 1), apart);
    close_to("validation keep", evaluated(f, &stage->evaluation, 2), keep);
    close_to("validation loss", evaluated(f, &stage->evaluation, 0), apart + lambda / 2 * keep);
}

static void specific_losses(void **state) {
    static const char *const variants[] = { "", "others=mean", "critic_inner=per_epoch others=mean power=batch",
                                            "standardize=none critic_inner=per_epoch activation=tanh", "power=batch layers=3" };
    static fixture f;
    int v, m, views, absent, given, view;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (m = 0; m < (int)COUNT(specific); m++) {
            for (views = 2; views <= VIEWS; views++) {
                for (absent = 0; absent < 2; absent++) {
                    given = (v + m + views) % 2;
                    open_absent(&f, specific[m], views, given, absent, variants[v]);
                    stir_weights(&f, 1);
                    if (!given) { fill_views(&f, "cache"); }
                    for (view = 0; view < views; view++) {
                        check_view(&f, view, BATCH);
                        check_view(&f, view, 6);
                    }
                    close_fixture(&f);
                }
            }
        }
    }
}

static double naive_clip(const fixture *f, list batch) {
    double sum = 0, scale = exp(*weight(f, "logit_scale", 0, 0));
    int i, j, views = f->design.view_count;
    for (i = 0; i < views; i++) {
        for (j = 0; j < i; j++) {
            list rows = rows_of(f, i, rows_of(f, j, batch));
            sum += naive_info_nce(naive_unit(naive_encoder(f, "shared", i, chosen(i, rows), SHARED)),
                                  naive_unit(naive_encoder(f, "shared", j, chosen(j, rows), SHARED)), scale);
        }
    }
    return sum / (views * (views - 1) / 2.0);
}

/* As it is evaluated: each pair's loss by the share of the rows that have both. */
static double shared_by_rows(const fixture *f, list batch) {
    double sum = 0, scale = exp(*weight(f, "logit_scale", 0, 0));
    int i, j, views = f->design.view_count;
    for (i = 0; i < views; i++) {
        for (j = 0; j < i; j++) {
            list rows = rows_of(f, i, rows_of(f, j, batch));
            sum += rows.count / (double)batch.count *
                   naive_info_nce(naive_unit(naive_encoder(f, "shared", i, chosen(i, rows), SHARED)),
                                  naive_unit(naive_encoder(f, "shared", j, chosen(j, rows), SHARED)), scale);
        }
    }
    return sum / (views * (views - 1) / 2.0);
}

/* The mean over the pairs of views, each on the rows that both have. */
static void shared_losses(void **state) {
    static fixture f;
    int views, absent, step;
    (void)state;
    for (views = 2; views <= VIEWS; views++) {
        for (absent = 0; absent < 2; absent++) {
            open_absent(&f, ISK_CLIP, views, 0, absent, "tau=0.5");
            stir_weights(&f, 1);
            for (step = 0; step < 4; step++) {
                const isk__stage *stage = stage_of(&f, "shared");
                int count = step % 2 ? 6 : BATCH;
                double due = naive_clip(&f, in_batch(count));
                run(&f, stage->evaluation.program, count);
                close_to("validation InfoNCE", output(&f, stage->evaluation.program, 0),
                         absent ? shared_by_rows(&f, in_batch(count)) : due);
                f.frame.step = (uint64_t)step;
                run(&f, stage->passes[0].program, count);
                close_to("InfoNCE", output(&f, stage->passes[0].program, 0), due);
            }
            close_fixture(&f);
        }
    }
}

/* The regressions on the view's rows, and the second step on what they leave. */
static void residual_losses(void **state) {
    static const char *const variants[] = { "activation=tanh", "others=mean critic_inner=per_epoch" };
    static fixture f;
    int v, views, absent, view;
    (void)state;
    for (v = 0; v < 2; v++) {
        for (views = 3; views <= VIEWS; views++) {
            for (absent = 0; absent < 2; absent++) {
                open_absent(&f, ISK_RESIDUAL_INDISEEK, views, 0, absent, variants[v]);
                stir_weights(&f, 1);
                fill_views(&f, "cache");
                for (view = 0; view < views; view++) {
                    const list batch = in_batch(BATCH), here = rows_of(&f, view, batch);
                    const values c = naive_c(&f, view, here);
                    const residuals left = naive_residuals(&f, view, chosen(view, here), c);
                    const isk__pass *mean = &view_stage(&f, "mean", view)->evaluation;
                    const isk__pass *spread = &view_stage(&f, "spread", view)->evaluation;
                    const isk__pass *judged = &view_stage(&f, "specific", view)->evaluation;
                    values z;
                    run(&f, mean->program, BATCH);
                    close_to("mean", evaluated(&f, mean, 0), left.mean_loss);
                    run(&f, spread->program, BATCH);
                    close_to("spread", evaluated(&f, spread, 0), left.spread_loss);
                    fill(&f, view_stage(&f, "residual", view)->before);
                    z = naive_z(&f, view, left.r, 1);
                    run(&f, judged->program, BATCH);
                    close_to("residual reconstruction", evaluated(&f, judged, 2),
                             naive_reconstruction(&f, view, z, c, left.r, &left.units));
                    close_to("residual club", evaluated(&f, judged, 1), naive_apart(&f, view, z, here, batch));
                }
                close_fixture(&f);
            }
        }
    }
}

/* CLUB of held-out Z by a fresh critic: the moments over the view's rows, CLUB over those that have the others' C as well. */
static void diagnosis_is_club(void **state) {
    static fixture f;
    int absent, view, i, j;
    (void)state;
    for (absent = 0; absent < 2; absent++) {
        open_absent(&f, ISK_INDISEEK, 3, 1, absent, "diagnoses=2 standardize=none");
        stir_weights(&f, 1);
        for (view = 0; view < 3; view++) {
            const isk__diagnosis *diagnosis = &view_stage(&f, "specific", view)->diagnosis;
            list batch = in_batch(BATCH), here = rows_of(&f, view, batch), both = in_both(here, rows_seen(&f, view, 1, batch));
            values z = naive_z(&f, view, chosen(view, here), 0), c = c_seen(&f, view, 1, both);
            char scope[32];
            critic q;
            for (j = 0; j < DIM; j++) {
                double mean, variance;
                naive_moments(z, j, &mean, &variance);
                for (i = 0; i < z.rows; i++) { z.at[i][j] = (z.at[i][j] - mean) / sqrt(variance + 1e-12); }
            }
            snprintf(scope, sizeof scope, "diagnosis%d.mean", view + 1);
            q.mean = naive_mlp(&f, scope, c, WIDTH, DIM);
            snprintf(scope, sizeof scope, "diagnosis%d.logvar", view + 1);
            q.logvar = naive_mlp(&f, scope, c, WIDTH, DIM);
            for (i = 0; i < q.logvar.rows; i++) {
                for (j = 0; j < DIM; j++) { q.logvar.at[i][j] = tanh(q.logvar.at[i][j]); }
            }
            fill(&f, diagnosis->fill);
            run(&f, diagnosis->measure, BATCH);
            close_to("fresh CLUB", output(&f, diagnosis->measure, 0) / (diagnosis->shared ? output(&f, diagnosis->measure, 1) : 1),
                     naive_club(q, lines_of(z, here, both)));
        }
        close_fixture(&f);
    }
}

/* A batch in which a view, or a pair of views, has no row or one row: nothing to learn there, and nothing that is not finite. */
static void batches_without_a_view(void **state) {
    static const char *const variants[] = { "", "power=batch", "others=mean standardize=none", "ortho=frob_sum", "norm=batch",
                                            "critic_inner=per_epoch club=permutation" };
    static const isk_method *methods[] = { ISK_INDISEEK, ISK_INDISEEK0, ISK_FACTORIZEDCL, ISK_INFODISEN, ISK_RESIDUAL_INDISEEK };
    static fixture f;
    int v, m, alone, s, p, i;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (m = 0; m < (int)COUNT(methods); m++) {
            for (alone = 0; alone < 2; alone++) {
                const isk_graph *graph;
                uint8_t second[N];
                for (i = 0; i < N; i++) { second[i] = 1; }
                for (i = alone; i < BATCH; i++) { second[order[i]] = 0; }
                describe_fixture(&f, methods[m], 3, 0, variants[v]);
                f.sweep.fit.views[1].present = second;
                record_fixture(&f);
                graph = f.training.plan.graph;
                for (s = 0; s < f.training.plan.stage_count; s++) {
                    const isk__stage *stage = &f.training.plan.stages[s];
                    if (stage->before) { fill(&f, stage->before); }
                    for (p = 0; p <= stage->pass_count; p++) {
                        const isk__pass *pass = p < stage->pass_count ? &stage->passes[p] : &stage->evaluation;
                        if (!pass->program) { continue; }
                        if (pass->kind == ISK_FILL && pass->label_count == 0) {
                            fill(&f, pass->program);
                        } else {
                            run(&f, pass->program, BATCH);
                        }
                        for (i = 0; i < pass->label_count; i++) {
                            double value = output(&f, pass->program, i);
                            if (!(value - value == 0)) {
                                fail_msg("%s %s, %d rows: %s of %s is %g", isk_method_name(methods[m]), variants[v], alone, pass->labels[i],
                                         stage->name, value);
                            }
                        }
                    }
                }
                for (i = 0; i < graph->parameter_count; i++) {
                    double value = *weight(&f, graph->parameters[i].name, 0, 0);
                    if (!(value - value == 0)) {
                        fail_msg("%s %s, %d rows: %s is %g", isk_method_name(methods[m]), variants[v], alone, graph->parameters[i].name,
                                 value);
                    }
                }
                close_fixture(&f);
            }
        }
    }
}

/* Moments that evaluation uses are those of batches that have the view. */
static void moments_need_rows(void **state) {
    static fixture f;
    int i, alone;
    (void)state;
    for (alone = 0; alone < 2; alone++) {
        uint8_t second[N];
        double mean, variance;
        for (i = 0; i < N; i++) { second[i] = 1; }
        for (i = alone; i < BATCH; i++) { second[order[i]] = 0; }
        describe_fixture(&f, ISK_INDISEEK, 2, 1, "");
        f.sweep.fit.views[1].present = second;
        record_fixture(&f);
        stir_weights(&f, 1);
        mean = *weight(&f, "standardise2.running_mean", 0, 0);
        variance = *weight(&f, "standardise2.running_var", 0, 0);
        run(&f, view_stage(&f, "specific", 1)->passes[2].program, BATCH);
        close_to("running mean", *weight(&f, "standardise2.running_mean", 0, 0), mean);
        close_to("running variance", *weight(&f, "standardise2.running_var", 0, 0), variance);
        close_fixture(&f);
    }
}

/* ---- sequences -------------------------------------------------------------------------------------------------------------------- */

/* Lengths of view 3, which is in 3 steps of 2 features; row 8 has none. */
static const int32_t some_lengths[N] = { 3, 1, 2, 3, 2, 3, 1, 3, 0, 1, 2 };
static const int32_t whole_lengths[N] = { 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3 };

static const char *const sequences[] = {
    "", "pool=mean", "pool=cls", "pool=last_padded padding=seen", "padding=seen", "pool=mean padding=seen norm_place=first",
    "norm_place=first blocks=2", "positions=sincos pool=cls blocks=2", "positions=learned", "decode=pooled", "decode=pooled power=batch",
    "pool=cls padding=seen activation=tanh", "heads=4 critic_inner=per_epoch",
};

static const char *sequence_settings(const char *more) {
    static char text[200];
    snprintf(text, sizeof text, "attention_dropout=0 token_width=8 feed_forward=5 blocks=1 others=mean %s", more);
    return text;
}

/* CLIP and the second steps of all methods, view 3 being a sequence whose rows have some steps, and garbage beyond. */
static void sequence_losses(void **state) {
    static fixture f;
    int v, m, round, row, col;
    (void)state;
    for (v = 0; v < (int)COUNT(sequences); v++) {
        for (round = 0; round < 2; round++) {
            sequence_lengths = round ? whole_lengths : some_lengths;
            for (row = 0; row < N; row++) {
                for (col = COLS3 / STEPS3 * sequence_lengths[row]; col < COLS3; col++) { xs[2][row * COLS3 + col] = NAN; }
            }
            open_absent(&f, ISK_CLIP, 3, 0, 1, sequence_settings(sequences[v]));
            stir_weights(&f, 1);
            run(&f, stage_of(&f, "shared")->evaluation.program, BATCH);
            close_to("InfoNCE", output(&f, stage_of(&f, "shared")->evaluation.program, 0), shared_by_rows(&f, in_batch(BATCH)));
            close_fixture(&f);
            for (m = 0; m < (int)COUNT(specific); m++) {
                open_absent(&f, specific[m], 3, (v + m) % 2, round == 0, sequence_settings(sequences[v]));
                stir_weights(&f, 1);
                if ((v + m) % 2 == 0) { fill_views(&f, "cache"); }
                check_view(&f, 2, BATCH);
                check_view(&f, 1, BATCH);
                close_fixture(&f);
            }
            for (row = 0; row < N * COLS3; row++) {
                if (!(xs[2][row] == xs[2][row])) { xs[2][row] = sin(row); }
            }
        }
    }
    sequence_lengths = NULL;
}

static void sequence_gradients(void **state) {
    static fixture f;
    int v;
    (void)state;
    for (v = 0; v < (int)COUNT(sequences); v++) {
        isk_tensor outputs[ISK_MAX_TERMS];
        sequence_lengths = some_lengths;
        open_absent(&f, specific[v % 4], 3, 1, v % 2, sequence_settings(sequences[v]));
        record_leaves(&f);
        record_terms(&f, isk__specific_terms, 2, outputs);
        check_gradient(&f, "specific3", outputs[0]);
        close_fixture(&f);
        open_absent(&f, ISK_CLIP, 3, 0, 1, sequence_settings(sequences[v]));
        record_leaves(&f);
        record_terms(&f, isk__clip_terms, ISK_NONE, outputs);
        check_gradient(&f, "shared", outputs[0]);
        close_fixture(&f);
    }
    sequence_lengths = NULL;
}

/* ---- gradients of whole objectives --------------------------------------------------------------------------------------------- */

static void objectives_have_their_gradients(void **state) {
    static const char *const variants[] = { "", "others=mean standardize=none", "power=batch norm=batch activation=tanh",
                                            "club=permutation others=mean", "ortho=frob_sum lambda=30" };
    static fixture f;
    int v, m, view, absent;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (m = 0; m < (int)COUNT(specific); m++) {
            absent = (v + m) % 3 > 0;
            open_absent(&f, specific[m], 3, 1, absent, variants[v]);
            record_leaves(&f);
            for (view = 0; view < 3; view++) {
                isk_tensor outputs[ISK_MAX_TERMS];
                record_terms(&f, isk__specific_terms, view, outputs);
                check_gradient(&f, isk_numbered(&f.recorder, "specific", view), outputs[0]);
            }
            close_fixture(&f);
        }
    }
    for (v = 0; v < 4; v++) {
        isk_tensor outputs[ISK_MAX_TERMS];
        open_absent(&f, ISK_CLIP, 3 + v / 2, 0, v % 2, "tau=0.3 activation=tanh");
        record_leaves(&f);
        record_terms(&f, isk__clip_terms, ISK_NONE, outputs);
        check_gradient(&f, "shared", outputs[0]);
        close_fixture(&f);
    }
}

static int begin(void **state) {
    int i;
    (void)state;
    sequence_lengths = NULL;
    for (i = 0; i < N * COLS3; i++) {
        if (!(xs[2][i] == xs[2][i])) { xs[2][i] = sin(i); }
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shared_losses, begin),
        cmocka_unit_test_setup(specific_losses, begin),
        cmocka_unit_test_setup(residual_losses, begin),
        cmocka_unit_test_setup(diagnosis_is_club, begin),
        cmocka_unit_test_setup(batches_without_a_view, begin),
        cmocka_unit_test_setup(moments_need_rows, begin),
        cmocka_unit_test_setup(sequence_losses, begin),
        cmocka_unit_test_setup(sequence_gradients, begin),
        cmocka_unit_test_setup(objectives_have_their_gradients, begin),
    };
    return cmocka_run_group_tests_name("views", tests, open_context, close_context);
}
