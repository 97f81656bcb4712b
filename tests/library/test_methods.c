/* Methods: every loss against its formula, written out naively in float64 from the weights that the programs use; which C
   each term sees; gradients of whole objectives; options, presets and names.  Sources: Gui et al. 3.1-3.3, Cheng et al. 2020. */
/* build: double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#define INDISEEK_NO_METRICS
#include "indiseek.h"
#include "stepped.h"

/* ---- formulas of this file alone ---- */

static double naive_saturation(critic q) {
    double sum = 0;
    int i, j;
    for (i = 0; i < q.logvar.rows; i++) {
        for (j = 0; j < q.mean.cols; j++) { sum += fabs(q.logvar.at[i][j]) > 0.99; }
    }
    return sum / q.logvar.rows / q.mean.cols;
}

/* mean_i ln q(z_i|c_i) - ln q(z_p(i)|c_i), CLUB with one permutation p as negatives: how many of all p give this value. */
static int permutations_that_give(critic q, values z, double value) {
    int places[MOST], found = 0, i, k, more = 1;
    for (i = 0; i < z.rows; i++) { places[i] = i; }
    while (more) {
        double sum = 0;
        for (i = 0; i < z.rows; i++) {
            for (k = 0; k < q.mean.cols; k++) {
                sum += log_density(z.at[i][k], q.mean.at[i][k], q.logvar.at[i][k]) -
                       log_density(z.at[places[i]][k], q.mean.at[i][k], q.logvar.at[i][k]);
            }
        }
        found += fabs(sum / z.rows - value) <= 1e-11 * (1 + fabs(value));
        for (i = z.rows - 2; i >= 0 && places[i] > places[i + 1]; i--) {}       /* the next one in the order of words */
        more = i >= 0;
        if (more) {
            int last = z.rows - 1, low, high, kept;
            while (places[last] < places[i]) { last--; }
            kept = places[i];
            places[i] = places[last];
            places[last] = kept;
            for (low = i + 1, high = z.rows - 1; low < high; low++, high--) {
                kept = places[low];
                places[low] = places[high];
                places[high] = kept;
            }
        }
    }
    return found;
}

/* Radford et al. 2021, figure 3: C of both views of norm 1, logits scale <c1_i, c2_j>. */
static double naive_clip(const fixture *f, int rows, double scale) {
    return naive_info_nce(naive_unit(naive_encoder(f, "shared", 0, chosen(0, in_batch(rows)), SHARED)),
                          naive_unit(naive_encoder(f, "shared", 1, chosen(1, in_batch(rows)), SHARED)), scale);
}

/* ---- losses are their formulas --------------------------------------------------------------------------------------------- */

/* One batch of a specific stage: critic's step, main step, evaluation; `rows` of the batch are present. */
static void check_specific(fixture *f, int view, int rows) {
    const isk_options *options = &f->design.options;
    const isk__stage *stage = view_stage(f, "specific", view);
    const isk_program *learn = stage->passes[1].program, *main_step = stage->passes[stage->main].program;
    const isk_program *evaluate = stage->evaluation.program;
    values x = chosen(view, in_batch(rows)), own = naive_c(f, view, in_batch(rows)), z, raw;
    values seen = f->design.method == ISK_INDISEEK && f->design.view_count > 1 ? naive_c(f, 1 - view, in_batch(rows)) : own;
    double club, reconstruction, variance;
    critic q;
    int round;
    for (round = 0; round < 2; round++) {
        if (options->critic_inner == ISK_CRITIC_PER_EPOCH) {
            fill(f, stage->passes[0].program);
        } else {
            run(f, stage->passes[0].program, rows);
        }
        q = naive_critic(f, view, seen);
        z = naive_z(f, view, x, 0);
        run(f, learn, rows);
        close_to("learning loss", output(f, learn, 0), naive_learning(q, z));
        close_to("saturation", output(f, learn, 1), naive_saturation(q));

        q = naive_critic(f, view, seen);
        raw = naive_encoder(f, "specific", view, x, DIM);
        variance = naive_variance(raw);
        club = naive_club(q, z);
        reconstruction = naive_reconstruction(f, view, z, own, x, NULL);
        f->frame.step = (uint64_t)round;
        run(f, main_step, rows);
        if (options->club == ISK_CLUB_PERMUTATION) {
            club = output(f, main_step, 1);
            assert_int_equal(permutations_that_give(q, z, club), 1);
        }
        close_to("club", output(f, main_step, 1), club);
        close_to("reconstruction", output(f, main_step, 2), reconstruction);
        close_to("variance", output(f, main_step, 3), variance);
        close_to("loss", output(f, main_step, 0), club + options->lambda / 2 * reconstruction);
    }
    z = naive_z(f, view, x, 1);
    run(f, evaluate, rows);
    if (options->club == ISK_CLUB_ALL_PAIRS) { close_to("validation club", output(f, evaluate, 1), naive_club(q, z)); }
    reconstruction = naive_reconstruction(f, view, z, own, x, NULL);
    close_to("validation reconstruction", output(f, evaluate, 2), reconstruction);
    close_to("validation loss", output(f, evaluate, 0), output(f, evaluate, 1) + options->lambda / 2 * reconstruction);
}

/* The same for the methods that have no decoder. */
static void check_contrast(fixture *f, int view, int rows) {
    const isk_options *options = &f->design.options;
    const isk__stage *stage = view_stage(f, "specific", view);
    const isk_program *main_step = stage->passes[stage->main].program, *evaluate = stage->evaluation.program;
    int clubbed = f->design.method == ISK_FACTORIZEDCL, one = f->design.view_count == 1, round;
    values x = chosen(view, in_batch(rows)), own = naive_c(f, view, in_batch(rows)), z;
    values with = clubbed || one ? own : naive_c(f, 1 - view, in_batch(rows));
    double apart, keep;
    for (round = 0; round < 2; round++) {
        z = naive_z(f, view, x, 0);
        apart = clubbed ? naive_club(naive_critic(f, view, own), z) : naive_overlap(options->ortho, z, own);
        keep = naive_contrast(f, view, with, z, x);
        run(f, main_step, rows);
        close_to(clubbed ? "club" : "overlap", output(f, main_step, 1), apart);
        close_to("contrast", output(f, main_step, 2), keep);
        close_to("loss", output(f, main_step, 0), apart + options->lambda / 2 * keep);
    }
    z = naive_z(f, view, x, 1);
    run(f, evaluate, rows);
    close_to("validation contrast", output(f, evaluate, 2), naive_contrast(f, view, with, z, x));
}

static void contrast_losses(void **state) {
    static const char *const variants[] = {
        "", "ortho=frob_sum contrast_tau=0.5", "ortho=cos dim=2 standardize=none", "ortho=cos2 dim=2 layers=2", "activation=tanh lambda=0",
    };
    static const isk_method *methods[] = { ISK_FACTORIZEDCL, ISK_INFODISEN };
    static fixture f;
    int v, method, view, views, rows;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (method = 0; method < 2; method++) {
            for (views = 1; views <= 2; views++) {
                open_fixture(&f, methods[method], views, 1, variants[v]);
                stir_weights(&f, 1);
                for (view = 0; view < views; view++) {
                    for (rows = BATCH; rows >= BATCH - 1; rows--) { check_contrast(&f, view, rows); }
                }
                close_fixture(&f);
            }
        }
    }
}

/* The regressions' losses, the cached residuals, and the specific losses on them. */
static void residual_losses(void **state) {
    static fixture f;
    int view;
    (void)state;
    open_fixture(&f, ISK_RESIDUAL_INDISEEK, 2, 0, "activation=tanh");
    stir_weights(&f, 1);
    fill_views(&f, "cache");
    for (view = 0; view < 2; view++) {
        const values c = naive_c(&f, view, in_batch(BATCH));
        const residuals left = naive_residuals(&f, view, chosen(view, in_batch(BATCH)), c);
        const isk_program *mean = view_stage(&f, "mean", view)->evaluation.program;
        const isk_program *spread = view_stage(&f, "spread", view)->evaluation.program;
        const isk_program *specific = view_stage(&f, "specific", view)->evaluation.program;
        values z;
        run(&f, mean, BATCH);
        close_to("mean", output(&f, mean, 0), left.mean_loss);
        run(&f, spread, BATCH);
        close_to("spread", output(&f, spread, 0), left.spread_loss);
        fill(&f, view_stage(&f, "residual", view)->before);
        z = naive_z(&f, view, left.r, 1);
        run(&f, specific, BATCH);
        close_to("residual reconstruction", output(&f, specific, 2), naive_reconstruction(&f, view, z, c, left.r, &left.units));
        close_to("residual club", output(&f, specific, 1),
                 naive_club(naive_critic(&f, view, naive_c(&f, 1 - view, in_batch(BATCH))), z));
    }
    close_fixture(&f);
}

static void specific_losses(void **state) {
    static const char *const variants[] = {
        "", "layers=1", "layers=5 activation=tanh", "critic_inner=per_epoch", "club=permutation", "logvar=none", "logvar=clamp",
        "standardize=none", "power=batch", "critic_width=9", "lambda=0", "lambda=1e6 standardize=none critic_inner=per_epoch power=batch",
        "club=permutation logvar=none standardize=none", "weight_decay=0.1 clip_norm=0.01", "optimizer=adamw", "optimizer=sgd",
    };
    static const isk_method *methods[] = { ISK_INDISEEK, ISK_INDISEEK0 };
    static fixture f;
    int v, m, given, view;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (m = 0; m < (int)COUNT(methods); m++) {
            for (given = 0; given < 2; given++) {
                open_fixture(&f, methods[m], 2, given, variants[v]);
                stir_weights(&f, strstr(variants[v], "clamp") ? 6 : 1);
                if (!given) { fill_views(&f, "cache"); }
                for (view = 0; view < 2; view++) {
                    check_specific(&f, view, BATCH);
                    check_specific(&f, view, 5);            /* two rows are absent */
                }
                close_fixture(&f);
            }
        }
    }
    for (m = 0; m < (int)COUNT(methods); m++) {             /* one view, with given C */
        open_fixture(&f, methods[m], 1, 1, "");
        stir_weights(&f, 1);
        check_specific(&f, 0, BATCH);
        close_fixture(&f);
    }
}

static void shared_losses(void **state) {
    static const char *const variants[] = { "", "temperature=fixed", "tau=0.5", "tau=0.011 temperature=fixed", "shared_scale=raw" };
    static fixture f;
    int v, step, rows;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        open_fixture(&f, ISK_CLIP, 2, 0, variants[v]);
        stir_weights(&f, 1);
        for (step = 0; step < 6; step++) {
            const isk__stage *stage = stage_of(&f, "shared");
            const isk_program *program = stage->passes[0].program, *evaluate = stage->evaluation.program;
            double scale = exp(*weight(&f, "logit_scale", 0, 0)), due;
            rows = step % 2 ? 5 : BATCH;
            if (step == 0) { close_to("first scale", scale, 1 / f.design.options.tau); }
            due = naive_clip(&f, rows, scale);
            run(&f, evaluate, rows);
            close_to("validation InfoNCE", output(&f, evaluate, 0), due);
            f.frame.step = (uint64_t)step;
            run(&f, program, rows);
            close_to("InfoNCE", output(&f, program, 0), due);
            close_to("temperature", output(&f, program, 1), 1 / scale);
        }
        if (strstr(variants[v], "fixed")) {
            close_to("fixed temperature", exp(-*weight(&f, "logit_scale", 0, 0)), f.design.options.tau);
        } else {
            assert_true(fabs(exp(-*weight(&f, "logit_scale", 0, 0)) / f.design.options.tau - 1) > 1e-3);
        }
        close_fixture(&f);
    }
}

/* A fixed temperature stays what it is outside the limits of the learned one, which never leaves them. */
static void temperature_limits(void **state) {
    static const struct { const char *settings; double due; } cases[] = {
        { "temperature=fixed tau=0.002", 0.002 }, { "temperature=fixed tau=50", 50 },
        { "tau=0.0100001 shared_rate=10", 0 }, { "tau=0.99 shared_rate=10", 0 },
    };
    static fixture f;
    int i, step;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        open_fixture(&f, ISK_CLIP, 2, 0, cases[i].settings);
        f.frame.rate = f.design.options.shared_rate;
        for (step = 0; step < 5; step++) {
            f.frame.step = (uint64_t)step;
            run(&f, stage_of(&f, "shared")->passes[0].program, BATCH);
            if (cases[i].due > 0) {
                close_to("fixed", exp(-*weight(&f, "logit_scale", 0, 0)), cases[i].due);
            } else {
                double tau = exp(-*weight(&f, "logit_scale", 0, 0));
                assert_true(tau >= 0.01 * (1 - 1e-12) && tau <= 1 + 1e-12);
            }
        }
        close_fixture(&f);
    }
}

/* CLUB of standardized held-out Z with a critic of its own. */
static void diagnosis_is_club(void **state) {
    static fixture f;
    const isk__diagnosis *diagnosis;
    values x, z;
    critic q;
    int i, j;
    (void)state;
    open_fixture(&f, ISK_INDISEEK, 2, 1, "diagnoses=2 standardize=none");
    stir_weights(&f, 1);
    diagnosis = &stage_of(&f, "specific1")->diagnosis;
    assert_true(diagnosis->fill && diagnosis->fit && diagnosis->measure);
    fill(&f, diagnosis->fill);
    run(&f, diagnosis->measure, BATCH);
    x = chosen(0, in_batch(BATCH));
    z = naive_z(&f, 0, x, 0);
    for (j = 0; j < DIM; j++) {
        double mean, variance;
        naive_moments(z, j, &mean, &variance);
        for (i = 0; i < z.rows; i++) { z.at[i][j] = (z.at[i][j] - mean) / sqrt(variance + 1e-12); }
    }
    /* the same formulas, with the weights of diagnosis1 */
    q.mean = naive_mlp(&f, "diagnosis1.mean", picked(cs[1], SHARED, in_batch(BATCH)), WIDTH, DIM);
    q.logvar = naive_mlp(&f, "diagnosis1.logvar", picked(cs[1], SHARED, in_batch(BATCH)), WIDTH, DIM);
    for (i = 0; i < z.rows; i++) {
        for (j = 0; j < DIM; j++) { q.logvar.at[i][j] = tanh(q.logvar.at[i][j]); }
    }
    close_to("fresh CLUB", output(&f, diagnosis->measure, 0), naive_club(q, z));
    close_fixture(&f);
}

/* ---- wiring ------------------------------------------------------------------------------------------------------------------ */

/* Which C the terms of view i see, its own or that of the other views: Gui et al. 3.2, A.4.3 (indiseek0), 3.3 (the last two). */
static const struct { const char *method; int apart_other, keep_other; } wiring[] = {
    { "indiseek", 1, 0 },
    { "indiseek0", 0, 0 },
    { "factorizedcl", 0, 0 },
    { "infodisen", 0, 1 },
};

enum { TERMS = 6 };
static const char *const terms[TERMS] = { "learning loss", "term that keeps Z apart", "term that keeps X", "the first in validation",
                                          "the second in validation", "fresh club" };

/* All terms of a view's stage, from the same weights each time. */
static void terms_of(fixture *f, int view, double value[TERMS]) {
    isk__learner *learner = &f->training.learners[0];
    const isk__stage *stage = view_stage(f, "specific", view);
    const isk_program *step = stage->passes[stage->main].program, *evaluate = stage->evaluation.program;
    isk_scalar *kept = malloc(learner->state.size * sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, learner->state.block, learner->state.size * sizeof *kept);
    if (stage->main > 0 && stage->passes[0].kind == ISK_FILL) {
        fill(f, stage->passes[0].program);
    } else if (stage->main > 0) {
        run(f, stage->passes[0].program, BATCH);
    }
    if (stage->main > 0) { run(f, stage->passes[1].program, BATCH); }
    value[0] = stage->main > 0 ? output(f, stage->passes[1].program, 0) : 0;
    memcpy(learner->state.block, kept, learner->state.size * sizeof *kept);
    run(f, evaluate, BATCH);
    value[3] = output(f, evaluate, 1);
    value[4] = output(f, evaluate, 2);
    fill(f, stage->diagnosis.fill);
    run(f, stage->diagnosis.measure, BATCH);
    value[5] = output(f, stage->diagnosis.measure, 0);
    run(f, step, BATCH);
    value[1] = output(f, step, 1);
    value[2] = output(f, step, 2);
    memcpy(learner->state.block, kept, learner->state.size * sizeof *kept);
    free(kept);
}

static void each_term_sees_its_c(void **state) {
    static const struct { int views; const char *settings; } variants[] = {
        { 2, "" }, { 2, "critic_inner=per_epoch" }, { 2, "club=permutation standardize=none" },
        { 2, "critic=nce contrast=concat" }, { 3, "critic=nce contrast_sides=one critic_inner=per_epoch" },
        { 3, "" }, { 3, "critic_inner=per_epoch" }, { 3, "others=mean" }, { 4, "others=mean critic_inner=per_epoch" }, { 4, "" },
    };
    static fixture f;
    int m, v, view, moved, t, i;
    (void)state;
    for (m = 0; m < isk_method_count(NULL); m++) {
        const isk_method *method = isk_method_get(NULL, m);
        int row;
        if (!steps_on_x(method)) { continue; }
        for (row = 0; row < (int)COUNT(wiring) && strcmp(wiring[row].method, method->name) != 0; row++) {}
        if (row == (int)COUNT(wiring)) { fail_msg("method %s has no row in the table of wiring", method->name); }
        for (v = 0; v < (int)COUNT(variants); v++) {
            char settings[100];
            snprintf(settings, sizeof settings, "diagnoses=1 %s", variants[v].settings);
            open_fixture(&f, method, variants[v].views, 1, settings);
            stir_weights(&f, 1);
            for (view = 0; view < variants[v].views; view++) {
                double before[TERMS], after[TERMS];
                terms_of(&f, view, before);
                for (moved = 0; moved < variants[v].views; moved++) {
                    isk_scalar *c = cs[moved];
                    int other = moved != view;
                    for (i = 0; i < BATCH; i++) { c[order[i] * SHARED] += 0.5; }
                    terms_of(&f, view, after);
                    for (i = 0; i < BATCH; i++) { c[order[i] * SHARED] -= 0.5; }
                    for (t = 0; t < TERMS; t++) {
                        int due = other == (t == 2 || t == 4 ? wiring[row].keep_other : wiring[row].apart_other);
                        if (t == 0 && isk__family_of(&f.design)->apart != ISK__APART_CLUB) { due = 0; }   /* there is no critic */
                        if ((before[t] != after[t]) != due) {
                            fail_msg("%s %s: %s of view %d %s when C%d changes", wiring[row].method, variants[v].settings, terms[t],
                                     view + 1, due ? "does not change" : "changes", moved + 1);
                        }
                    }
                }
            }
            close_fixture(&f);
        }
    }
}

/* The same for a model that was fitted: g_i of transform sees C_i; Z_i and C_i see X_i alone. */
static void transform_sees_its_c(void **state) {
    isk_scalar z[2][2][N * DIM], g[2][2][N * COLS1], c[2][N * SHARED];
    isk_fit_desc fit = { .method = ISK_INDISEEK, .view_count = 2,
                         .options = { .epochs = 2, .width = WIDTH, .dim = DIM, .batch = 4, .diagnoses = ISK_NONE } };
    isk_transform_desc transform;
    isk_model *model;
    int moved, view, what;
    (void)state;
    for (what = 0; what < 2; what++) {
        memset(fit.views, 0, sizeof fit.views);
        fit.views[0].x = matrix(xs[0], COLS1);
        fit.views[1].x = matrix(xs[1], COLS2);
        if (what == 0) {
            fit.views[0].given = matrix(cs[0], SHARED);
            fit.views[1].given = matrix(cs[1], SHARED);
        }
        fit.options.shared_dim = SHARED;
        fit.options.shared_epochs = 2;
        ok(isk_fit(context, &fit, &model));
        for (moved = 0; moved < 2; moved++) {
            memset(&transform, 0, sizeof transform);
            memcpy(transform.views, fit.views, sizeof fit.views);
            for (view = 0; view < 2; view++) {
                ask(&transform, ISK_ROLE_SPECIFIC, view, z[0][view]);
                ask(&transform, ISK_ROLE_RECONSTRUCTION, view, g[0][view]);
                ask(&transform, ISK_ROLE_SHARED, view, what ? c[view] : NULL);
            }
            ok(isk_transform(model, &transform));
            if (what == 0) {
                cs[moved][SHARED * 2] += 1;
            } else {
                xs[moved][2] += 1;
            }
            for (view = 0; view < 2; view++) {
                ask(&transform, ISK_ROLE_SPECIFIC, view, z[1][view]);
                ask(&transform, ISK_ROLE_RECONSTRUCTION, view, g[1][view]);
            }
            ok(isk_transform(model, &transform));
            if (what == 0) {
                cs[moved][SHARED * 2] -= 1;
            } else {
                xs[moved][2] -= 1;
            }
            for (view = 0; view < 2; view++) {
                int cols = view ? COLS2 : COLS1;
                assert_int_equal(memcmp(z[0][view], z[1][view], sizeof(isk_scalar) * N * DIM) != 0, what == 1 && view == moved);
                assert_int_equal(memcmp(g[0][view], g[1][view], sizeof(isk_scalar) * (size_t)(N * cols)) != 0, view == moved);
            }
        }
        isk_model_close(model);
    }
}

/* ---- gradients of whole objectives --------------------------------------------------------------------------------------------- */

static void objectives_have_their_gradients(void **state) {
    static const char *const variants[] = {
        "", "standardize=none", "club=permutation", "logvar=none", "logvar=clamp", "power=batch lambda=100", "norm=layer activation=gelu",
        "norm=batch dropout=0.2 activation=tanh", "layers=4 activation=quick_gelu init=xavier", "lambda=0 standardize=none", "layers=1",
    };
    static fixture f;
    int v, view, m;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (m = 0; m < isk_method_count(NULL); m++) {
            if (!steps_on_x(isk_method_get(NULL, m))) { continue; }
            open_fixture(&f, isk_method_get(NULL, m), 2, 1, variants[v]);
            record_leaves(&f);
            for (view = 0; view < 2; view++) {
                isk_recorder *r = &f.recorder;
                isk_tensor outputs[ISK_MAX_TERMS], z;
                isk__critic q;
                record_terms(&f, isk__specific_terms, view, outputs);
                check_gradient(&f, view ? "specific2" : "specific1", outputs[0]);
                isk__begin_program(r, BATCH, ISK_MODE_STILL);
                q = isk__critic_networks(r, view ? "critic2" : "critic1", isk_given_rows(r, 1 - view));
                z = isk__specific_record(r, view, isk_view_rows(r, view));
                check_gradient(&f, view ? "critic2" : "critic1", isk_gaussian_deviance(q.mean, q.logvar, z));
            }
            close_fixture(&f);
        }
    }
    for (v = 0; v < 2; v++) {
        isk_tensor outputs[ISK_MAX_TERMS];
        open_fixture(&f, ISK_CLIP, 2, 0, v ? "norm=batch activation=tanh" : "tau=0.3");
        record_leaves(&f);
        record_terms(&f, isk__clip_terms, ISK_NONE, outputs);
        check_gradient(&f, "shared", outputs[0]);
        close_fixture(&f);
    }
}

/* In the main step the critic and C are constants, in the critic's step Z is. */
static void each_step_moves_its_own_group(void **state) {
    static fixture f;
    const isk__stage *stage;
    isk_scalar *kept;
    int pass, i;
    (void)state;
    open_fixture(&f, ISK_INDISEEK, 2, 0, "");
    stage = stage_of(&f, "specific2");
    kept = malloc(f.training.learners[0].state.size * sizeof *kept);
    assert_non_null(kept);
    fill_views(&f, "cache");
    run(&f, stage->passes[0].program, BATCH);
    for (pass = 1; pass < 3; pass++) {
        const isk_graph *graph = f.training.plan.graph;
        memcpy(kept, f.training.learners[0].state.block, f.training.learners[0].state.size * sizeof *kept);
        run(&f, stage->passes[pass].program, BATCH);
        for (i = 0; i < graph->parameter_count; i++) {
            const isk__parameter_info *parameter = &graph->parameters[i];
            const isk__node *node = &graph->nodes[parameter->node];
            isk_scalar *now = isk__parameter_values(graph, &f.training.learners[0].state, parameter);
            size_t size = (size_t)node->rows * (size_t)node->leaf.stride * sizeof *now;
            int moved = memcmp(now, kept + (now - f.training.learners[0].state.block), size) != 0;
            int due = strncmp(parameter->name, "critic2", 7) == 0 ? pass == 1
                      : pass == 2 && (strncmp(parameter->name, "specific2", 9) == 0 || strncmp(parameter->name, "decoder2", 8) == 0 ||
                                      strncmp(parameter->name, "standardise2", 12) == 0);
            if (moved != due) { fail_msg("%s %s in pass %d", parameter->name, moved ? "moves" : "stays", pass); }
        }
    }
    free(kept);
    close_fixture(&f);
}

/* ---- schedules --------------------------------------------------------------------------------------------------------------------- */

/* The rate of a step of the stage, `done` epochs into it. */
static double rate_at(isk__learner *learner, const isk__stage *stage, isk__track *track, int kind, double done) {
    isk__trainee trainee;
    memset(&trainee, 0, sizeof trainee);
    trainee.learner = learner;
    trainee.track = track;
    isk__trainee_schedule(&trainee, stage);
    return isk__rate(&trainee, kind, done);
}

static void cosine_falls_to_zero(void **state) {
    isk__learner learner;
    isk__stage stage;
    isk__track track;
    (void)state;
    memset(&learner, 0, sizeof learner);
    memset(&stage, 0, sizeof stage);
    memset(&track, 0, sizeof track);
    learner.options.rate = 2;
    learner.options.shared_rate = 3;
    learner.options.critic_rate = 5;
    learner.options.schedule = ISK_COSINE;
    stage.epochs = 10;
    track.rate_factor = 0.1;
    close_to("begin", rate_at(&learner, &stage, &track, ISK_RATE_MAIN, 0), 2);
    close_to("middle", rate_at(&learner, &stage, &track, ISK_RATE_SHARED, 5), 1.5);
    close_to("quarter", rate_at(&learner, &stage, &track, ISK_RATE_CRITIC, 2.5), 5 * (1 + sqrt(0.5)) / 2);
    close_to("end", rate_at(&learner, &stage, &track, ISK_RATE_MAIN, 10), 0);
    learner.options.schedule = ISK_CONSTANT;
    track.rate_factor = 1;
    close_to("constant", rate_at(&learner, &stage, &track, ISK_RATE_MAIN, 7), 2);
    learner.options.schedule = ISK_PLATEAU;
    track.rate_factor = 0.01;
    close_to("plateau", rate_at(&learner, &stage, &track, ISK_RATE_CRITIC, 7), 0.05);
}

/* ReduceLROnPlateau: a tenth after the 11th epoch in a row that was no better. */
static void plateau_cuts_the_rate(void **state) {
    static fixture f;
    isk__track *track;
    int epoch;
    (void)state;
    open_fixture(&f, ISK_INDISEEK, 2, 1, "schedule=plateau epochs=100 rate=0 critic_rate=0 validation=0.4 standardize=none");
    track = &f.training.learners[0].tracks[0];
    f.training.tasks[0] = 0;
    for (epoch = 1; epoch <= 36; epoch++) {
        isk__train_task(&f.training, 0, 0);
        close_to("rate factor", track->rate_factor, pow(0.1, (epoch - 1) / 11));
    }
    close_fixture(&f);
}

/* ---- options ------------------------------------------------------------------------------------------------------------------------- */

/* What the presets are, written down a second time.  paper: Gui et al. A.3, A.4.2; simulation: 1.1, rates ours; robust: ours. */
static const struct { const char *name, *text[3]; } table[] = {
    { "lambda", { "10", "10", "0.1" } },                    { "batch", { "128", "128", "128" } },
    { "last_batch", { "keep", "keep", "drop" } },           { "schedule", { "cosine", "constant", "cosine" } },
    { "optimizer", { "adam", "adam", "adam" } },            { "momentum", { "0.9", "0.9", "0.9" } },
    { "weight_decay", { "0", "0.0001", "0" } },             { "clip_norm", { "0", "0", "0" } },
    { "validation", { "0.1", "0.1", "0" } },                { "rate", { "0.001", "0.0001", "0.001" } },
    { "epochs", { "200", "2000", "40" } },             { "patience", { "0", "0", "0" } },
    { "stop_on", { "loss", "loss", "loss" } },              { "layers", { "5", "5", "5" } },
    { "width", { "50", "50", "100" } },                     { "activation", { "relu", "relu", "relu" } },
    { "norm", { "none", "none", "none" } },                 { "dropout", { "0", "0", "0" } },
    { "init", { "pytorch", "pytorch", "pytorch" } },        { "blocks", { "2", "2", "2" } },
    { "heads", { "2", "2", "2" } },                         { "token_width", { "128", "128", "128" } },
    { "feed_forward", { "128", "128", "128" } },            { "attention_dropout", { "0.1", "0.1", "0.1" } },
    { "norm_place", { "last", "last", "last" } },           { "positions", { "none", "none", "none" } },
    { "pool", { "last", "last", "last" } },                 { "padding", { "masked", "masked", "masked" } },
    { "shared_dim", { "50", "50", "50" } },                 { "shared_epochs", { "100", "2000", "30" } },
    { "shared_rate", { "0.001", "0.0001", "0.001" } },      { "shared_scale", { "unit", "unit", "unit" } },
    { "temperature", { "learned", "learned", "learned" } }, { "tau", { "0.07", "0.07", "0.07" } },
    { "shared_keep", { "best", "last", "last" } },          { "dim", { "50", "50", "10" } },
    { "standardize", { "batch", "none", "none" } },         { "others", { "concat", "concat", "concat" } },
    { "residual_epochs", { "100", "100", "30" } },          { "residual_spread", { "learned", "learned", "learned" } },
    { "transport", { "0.75", "0.75", "0.75" } },            { "transport_epochs", { "50", "50", "50" } },
    { "transport_maps", { "3", "3", "3" } },                { "transport_terms", { "8", "8", "8" } },
    { "critic", { "gaussian", "gaussian", "gaussian" } },   { "club", { "all_pairs", "all_pairs", "all_pairs" } },
    { "logvar", { "tanh", "tanh", "tanh" } },               { "critic_rate", { "0.001", "0.0001", "0.001" } },
    { "critic_inner", { "per_batch", "per_epoch", "per_batch" } },
    { "critic_steps", { "5", "5", "5" } },                  { "critic_width", { "0", "0", "0" } },
    { "diagnoses", { "10", "10", "0" } },                   { "diagnosis_epochs", { "10", "10", "10" } },
    { "ortho", { "frob", "frob", "frob" } },                { "power", { "train", "train", "train" } },
    { "decode", { "flat", "flat", "flat" } },               { "contrast_tau", { "0.07", "0.07", "0.07" } },
    { "contrast", { "cosine", "cosine", "cosine" } },       { "contrast_sides", { "both", "both", "both" } },
    { "contrast_temperature", { "fixed", "fixed", "fixed" } },
    { "tokens", { "10", "10", "10" } },                     { "fusion_blocks", { "1", "1", "1" } },
    { "fusion_heads", { "8", "8", "8" } },                  { "project_width", { "512", "512", "512" } },
    { "project_dim", { "256", "256", "256" } },             { "fusion_tau", { "0.1", "0.1", "0.1" } },
    { "reduce", { "none", "none", "none" } },               { "augment", { "noise_drop", "noise_drop", "noise_drop" } },
};

static void presets_are_the_table(void **state) {
    int preset, i;
    (void)state;
    assert_int_equal(isk_option_count(NULL), COUNT(table));
    assert_null(isk_option_get(NULL, -1));
    assert_null(isk_option_get(NULL, isk_option_count(NULL)));
    for (preset = 0; preset < ISK_PRESET_COUNT; preset++) {
        isk_options options;
        char text[32];
        memset(&options, 0, sizeof options);
        ok(isk_options_resolve(context, NULL, &options, (isk_preset)preset));
        for (i = 0; i < isk_option_count(NULL); i++) {
            assert_string_equal(isk_option_get(NULL, i)->name, table[i].name);
            assert_true(strlen(isk_option_get(NULL, i)->text) > 10);
            assert_string_equal(isk_option_text(NULL, &options, i, text), table[i].text[preset]);
        }
    }
    {
        isk_options options;
        memset(&options, 0, sizeof options);
        expect(context, isk_options_resolve(context, NULL, &options, ISK_PRESET_COUNT), ISK_ARGUMENT, "preset 3 is unknown");
        expect(context, isk_options_resolve(context, NULL, &options, (isk_preset)-1), ISK_ARGUMENT, "preset -1 is unknown");
    }
}

static double field(const isk_options *options, int index) { return isk__option_value(options, index); }

/* Every field whose range has zero can be zero, by ISK_NONE and by the text 0; the others say that they cannot. */
static void zero_is_zero(void **state) {
    int i, preset;
    (void)state;
    for (i = 0; i < isk_option_count(NULL); i++) {
        const isk_option_info *info = isk_option_get(NULL, i);
        for (preset = 0; preset < ISK_PRESET_COUNT; preset++) {
            isk_options options;
            char due[200], text[32];
            memset(&options, 0, sizeof options);
            isk__option_store(&options, i, ISK_NONE);
            if (info->low == 0) {
                ok(isk_options_resolve(context, NULL, &options, (isk_preset)preset));
                assert_true(field(&options, i) == 0);
                memset(&options, 0, sizeof options);
                ok(isk_option_set(context, NULL, &options, info->name, "0"));
                assert_true(field(&options, i) == ISK_NONE);
                assert_string_equal(isk_option_text(NULL, &options, i, text), "0");
                ok(isk_options_resolve(context, NULL, &options, (isk_preset)preset));
                assert_true(field(&options, i) == 0);
                assert_string_equal(isk_option_text(NULL, &options, i, text), "0");
            } else {
                snprintf(due, sizeof due, "option %s is -1; it must be from %g to %g%s%s", info->name, info->low, info->high,
                         info->choices[0] ? ": " : "", info->choices);
                expect(context, isk_options_resolve(context, NULL, &options, (isk_preset)preset), ISK_ARGUMENT, due);
            }
        }
    }
}

static void ranges_are_kept(void **state) {
    int i, side;
    (void)state;
    for (i = 0; i < isk_option_count(NULL); i++) {
        const isk_option_info *info = isk_option_get(NULL, i);
        for (side = 0; side < 2; side++) {
            double beyond = side ? info->high + (info->kind == ISK_OPTION_REAL ? info->high * 1e-6 : 1)
                            : info->kind == ISK_OPTION_REAL ? info->low - 1e-6 : info->low - (info->low == 0 ? 2 : 1);
            isk_options options;
            char due[300], text[40];
            if (beyond == 0) { beyond = -2; }               /* 0 asks for the preset's value */
            memset(&options, 0, sizeof options);
            isk__option_store(&options, i, beyond);
            snprintf(due, sizeof due, "option %s is %g; it must be from %g to %g%s%s", info->name, beyond, info->low, info->high,
                     info->choices[0] ? ": " : "", info->choices);
            expect(context, isk_options_resolve(context, NULL, &options, ISK_ROBUST), ISK_ARGUMENT, due);
            if (info->kind == ISK_OPTION_CHOICE) { continue; }
            memset(&options, 0, sizeof options);
            snprintf(text, sizeof text, "%.12g", beyond);
            expect(context, isk_option_set(context, NULL, &options, info->name, text), ISK_ARGUMENT, due);
            assert_true(field(&options, i) == 0);
            isk__option_store(&options, i, side ? info->high : info->low);
            ok(isk_options_resolve(context, NULL, &options, ISK_ROBUST));
        }
        if (info->kind == ISK_OPTION_REAL) {
            isk_options options;
            memset(&options, 0, sizeof options);
            isk__option_store(&options, i, NAN);
            assert_int_equal(isk_options_resolve(context, NULL, &options, ISK_ROBUST), ISK_ARGUMENT);
        }
    }
}

static void texts_come_back(void **state) {
    static const double numbers[] = { 0.1, 1.0 / 3, 0.30000000000000004, 1e-3, 0.0123456789012345678, 0.5000000000000001, 7e-3,
                                      0.99 * 2 / 3, 0.0707106781186547524 };
    isk__random random = isk__random_open(3, 4);
    int i, k, choice;
    (void)state;
    for (i = 0; i < isk_option_count(NULL); i++) {
        const isk_option_info *info = isk_option_get(NULL, i);
        isk_options options, again;
        char text[32];
        memset(&options, 0, sizeof options);
        memset(&again, 0, sizeof again);
        if (info->kind == ISK_OPTION_CHOICE) {
            for (choice = (int)info->low; choice <= (int)info->high; choice++) {
                isk__option_store(&options, i, choice);
                ok(isk_option_set(context, NULL, &again, info->name, isk_option_text(NULL, &options, i, text)));
                assert_true(field(&again, i) == choice);
            }
            continue;
        }
        for (k = 0; k < 200; k++) {
            double value = k < (int)COUNT(numbers) ? numbers[k] : isk__random_uniform(&random) / (1 + isk__random_uniform(&random));
            if (k >= 100) { value = info->low + value * (info->high - info->low); }
            if (info->kind == ISK_OPTION_INT) { value = floor(info->low + value * (info->high - info->low)); }
            if (value < info->low || value > info->high || value == 0) { continue; }
            isk__option_store(&options, i, value);
            ok(isk_option_set(context, NULL, &again, info->name, isk_option_text(NULL, &options, i, text)));
            if (field(&again, i) != value) {
                fail_msg("%s: %.17g came back as %.17g from '%s'", info->name, value, field(&again, i), text);
            }
        }
    }
    {
        isk_options options;
        char text[32];
        memset(&options, 0, sizeof options);
        assert_string_equal(isk_option_text(NULL, &options, -1, text), "");
        assert_string_equal(isk_option_text(NULL, &options, isk_option_count(NULL), text), "");
    }
}

static void texts_that_are_refused(void **state) {
    static const struct { const char *name, *value, *due; } cases[] = {
        { "lamda", "1", "there is no option 'lamda'" },
        { "", "1", "there is no option ''" },
        { "lambda", "ten", "option lambda is 'ten'; it must be a number from 0 to 1e+09" },
        { "lambda", "", "option lambda is ''; it must be a number from 0 to 1e+09" },
        { "lambda", "1e", "option lambda is '1e'; it must be a number from 0 to 1e+09" },
        { "lambda", "1,5", "option lambda is '1,5'; it must be a number from 0 to 1e+09" },
        { "lambda", " 1", "option lambda is ' 1'; it must be a number from 0 to 1e+09" },
        { "lambda", "1 ", "option lambda is '1 '; it must be a number from 0 to 1e+09" },
        { "lambda", "nan", "option lambda is 'nan'; it must be a number from 0 to 1e+09" },
        { "lambda", "0x10", "option lambda is '0x10'; it must be a number from 0 to 1e+09" },
        { "lambda", ".", "option lambda is '.'; it must be a number from 0 to 1e+09" },
        { "lambda", "1e999", "option lambda is inf; it must be from 0 to 1e+09" },
        { "lambda", "-1", "option lambda is -1; it must be from 0 to 1e+09" },
        { "batch", "12.5", "option batch is '12.5'; it must be a whole number from 2 to 1e+06" },
        { "batch", "1", "option batch is 1; it must be from 2 to 1e+06" },
        { "batch", "0", "option batch is 0; it must be from 2 to 1e+06" },
        { "club", "sample", "option club is 'sample'; it must be one of all_pairs|permutation" },
        { "club", "all_pair", "option club is 'all_pair'; it must be one of all_pairs|permutation" },
        { "club", "", "option club is ''; it must be one of all_pairs|permutation" },
        { "club", "1", "option club is '1'; it must be one of all_pairs|permutation" },
        { "club", "all_pairs|permutation", "option club is 'all_pairs|permutation'; it must be one of all_pairs|permutation" },
    };
    int i;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        isk_options options, none;
        memset(&options, 0, sizeof options);
        memset(&none, 0, sizeof none);
        expect(context, isk_option_set(context, NULL, &options, cases[i].name, cases[i].value), ISK_ARGUMENT, cases[i].due);
        assert_memory_equal(&options, &none, sizeof none);
    }
}

static void texts_of_numbers(void **state) {
    static const struct { const char *text; double due; } cases[] = {
        { "1", 1 }, { "1.5", 1.5 }, { "+2", 2 }, { ".5", 0.5 }, { "5.", 5 }, { "1e-3", 1e-3 }, { "1E+2", 100 },
        { "0.10000000000000001", 0.1 }, { "0.33333333333333331", 1.0 / 3 }, { "000000000000000000000000012", 12 },
        { "0.00000000000000000000000000000000000000012e40", 1.2 }, { "123456789.12345678", 123456789.12345678 },
    };
    int i;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        isk_options options;
        memset(&options, 0, sizeof options);
        ok(isk_option_set(context, NULL, &options, "lambda", cases[i].text));
        if (options.lambda != cases[i].due) { fail_msg("%s is %.17g", cases[i].text, options.lambda); }
    }
}

static void names_are_found(void **state) {
    static const char *const methods[] = { "indiseek", "indiseek0", "clip", "factorizedcl", "infodisen", "residual-indiseek",
                                           "residual", "comm", "cca", "ajive", "transport", "invae" };
    static const char *const presets[] = { "robust", "paper", "simulation" };
    const isk_method *method;
    isk_preset preset;
    int i;
    (void)state;
    assert_int_equal(isk_method_count(NULL), COUNT(methods));
    assert_int_equal(ISK_PRESET_COUNT, COUNT(presets));
    for (i = 0; i < (int)COUNT(methods); i++) {
        assert_string_equal(isk_method_name(isk_method_get(NULL, i)), methods[i]);
        ok(isk_method_find(context, methods[i], &method));
        assert_ptr_equal(method, isk_method_get(NULL, i));
    }
    for (i = 0; i < (int)COUNT(presets); i++) {
        assert_string_equal(isk_preset_name((isk_preset)i), presets[i]);
        ok(isk_preset_find(context, presets[i], &preset));
        assert_int_equal(preset, i);
    }
    assert_null(isk_method_get(NULL, isk_method_count(NULL)));
    assert_null(isk_method_get(NULL, -1));
    assert_string_equal(isk_method_name(NULL), "");
    assert_ptr_equal(isk_preset_method(ISK_ROBUST), ISK_TRANSPORT);
    assert_ptr_equal(isk_preset_method(ISK_PAPER), ISK_INDISEEK);
    assert_ptr_equal(isk_preset_method(ISK_SIMULATION), ISK_INDISEEK);
    assert_null(isk_preset_name(ISK_PRESET_COUNT));
    expect(context, isk_method_find(context, "IndiSeek", &method), ISK_ARGUMENT,
           "there is no method 'IndiSeek'; the methods are indiseek, indiseek0, clip, factorizedcl, infodisen, residual-indiseek, "
           "residual, comm, cca, ajive, transport and invae");
    expect(context, isk_preset_find(context, "", &preset), ISK_ARGUMENT,
           "there is no preset ''; the presets are robust, paper and simulation");
}

/* What a fit that names no method takes, and a sweep. */
static void default_methods(void **state) {
    static const struct { isk_preset preset; int given, steps; double lambda; isk_reduce_choice reduce; const isk_method *due; } cases[] = {
        { ISK_ROBUST, 0, 0, 0, (isk_reduce_choice)0, ISK_TRANSPORT }, { ISK_ROBUST, 0, 1, 0, ISK_REDUCE_NONE, ISK_TRANSPORT },
        { ISK_ROBUST, 0, 3, 0, (isk_reduce_choice)0, ISK_RESIDUAL_INDISEEK },
        { ISK_ROBUST, 0, 0, 10, (isk_reduce_choice)0, ISK_RESIDUAL_INDISEEK },
        { ISK_ROBUST, 0, 0, ISK_NONE, (isk_reduce_choice)0, ISK_RESIDUAL_INDISEEK },
        { ISK_ROBUST, 0, 0, 0, ISK_REDUCE_AUGMENT, ISK_RESIDUAL_INDISEEK },
        { ISK_ROBUST, 1, 3, 10, (isk_reduce_choice)0, ISK_INDISEEK }, { ISK_PAPER, 0, 0, 0, (isk_reduce_choice)0, ISK_INDISEEK },
        { ISK_SIMULATION, 1, 3, 0, (isk_reduce_choice)0, ISK_INDISEEK },
    };
    const double lambdas[] = { 0, 3 };
    isk_sweep_desc sweep;
    isk_model *models[2];
    int i;
    (void)state;
    for (i = 0; i < (int)COUNT(cases); i++) {
        isk_fit_desc fit;
        memset(&fit, 0, sizeof fit);
        fit.preset = cases[i].preset;
        fit.view_count = 2;
        if (cases[i].given) { fit.views[1].given = matrix(cs[1], SHARED); }
        fit.views[1].steps = cases[i].steps;
        fit.options.lambda = cases[i].lambda;
        fit.options.reduce = cases[i].reduce;
        if (isk_default_method(&fit) != cases[i].due) { fail_msg("case %d: %s", i, isk_default_method(&fit)->name); }
    }
    assert_ptr_equal(isk_default_method(NULL), isk_preset_method(ISK_ROBUST));
    memset(&sweep, 0, sizeof sweep);        /* several lambdas are for a method that has one */
    sweep.fit.view_count = 2;
    for (i = 0; i < 2; i++) { sweep.fit.views[i].x = matrix(xs[i], cols_of[i]); }
    set_options(&sweep.fit.options, "batch=7 layers=2 width=5 dim=3 shared_dim=2 epochs=1 shared_epochs=1 residual_epochs=1 validation=0 "
                                    "diagnoses=0");
    sweep.lambdas = lambdas;
    sweep.lambda_count = 2;
    ok(isk_sweep(context, &sweep, models));
    for (i = 0; i < 2; i++) {
        assert_ptr_equal(isk_model_method(models[i]), ISK_RESIDUAL_INDISEEK);
        isk_model_close(models[i]);
    }
}

static void residual_needs_metrics(void **state) {
    isk_fit_desc fit = { .method = ISK_RESIDUAL, .view_count = 2 };
    isk_model *model = (isk_model *)1;
    (void)state;
    fit.views[0].x = matrix(xs[0], COLS1);
    fit.views[1].x = matrix(xs[1], COLS2);
    expect(context, isk_fit(context, &fit, &model), ISK_UNSUPPORTED,
           "view 1: this build has no principal components (INDISEEK_NO_METRICS), which method residual needs");
    assert_null(model);
    fit.method = ISK_AJIVE;
    expect(context, isk_fit(context, &fit, &model), ISK_UNSUPPORTED,
           "this build has no decompositions (INDISEEK_NO_METRICS), which method ajive needs");
    assert_null(model);
    fit.method = NULL;
    expect(context, isk_fit(context, &fit, &model), ISK_UNSUPPORTED,
           "this build has no decompositions (INDISEEK_NO_METRICS), which method transport needs");
    assert_null(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specific_losses),
        cmocka_unit_test(contrast_losses),
        cmocka_unit_test(residual_losses),
        cmocka_unit_test(shared_losses),
        cmocka_unit_test(temperature_limits),
        cmocka_unit_test(diagnosis_is_club),
        cmocka_unit_test(each_term_sees_its_c),
        cmocka_unit_test(transform_sees_its_c),
        cmocka_unit_test(objectives_have_their_gradients),
        cmocka_unit_test(each_step_moves_its_own_group),
        cmocka_unit_test(cosine_falls_to_zero),
        cmocka_unit_test(plateau_cuts_the_rate),
        cmocka_unit_test(presets_are_the_table),
        cmocka_unit_test(zero_is_zero),
        cmocka_unit_test(ranges_are_kept),
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(texts_that_are_refused),
        cmocka_unit_test(texts_of_numbers),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(default_methods),
        cmocka_unit_test(residual_needs_metrics),
    };
    return cmocka_run_group_tests_name("methods", tests, open_context, close_context);
}
