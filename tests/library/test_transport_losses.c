/* Method transport: the likelihood of its maps, with determinants by elimination, and what its decoder learns by, against formulas in
   float64; their gradients; two to four views, rows that lack a view, columns that hold nothing. */
/* build: double */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"
#include "stepped.h"
#include "transported.h"

static const uint8_t presence[VIEWS][N] = {
    { 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1 },
    { 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1 },
    { 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1 },
    { 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1 },
};

static block block_of_fixture(void *from, const char *name) {
    const fixture *f = from;
    const isk_graph *graph = f->training.plan.graph;
    block b;
    int i;
    for (i = 0; i < graph->parameter_count && strcmp(graph->parameters[i].name, name) != 0; i++) {}
    b.values = weight(f, name, 0, 0);
    b.down = graph->nodes[graph->parameters[i].node].leaf.stride;
    b.across = 1;
    return b;
}

static transported written(fixture *f, int view) {
    const isk_options *options = &f->design.options;
    transported m = { block_of_fixture, f, view, cols_of[view], options->shared_dim, 0, 0, 0, 0 };
    m.n = cols_of[view] < options->dim ? cols_of[view] : options->dim;
    m.maps = options->transport_maps;
    m.terms = options->transport_terms;
    m.amount = options->transport;
    return m;
}

/* Numbers as no training would leave them: nothing is at a special point, but that a column may hold nothing. */
static void stir(fixture *f, int empty) {
    int view, i, j;
    stir_weights(f, 1);
    for (view = 0; view < f->design.view_count; view++) {
        const transported m = written(f, view);
        char name[32];
        snprintf(name, sizeof name, "decoder%d.weight", view + 1);
        for (i = 0; i < m.n; i++) {
            for (j = 0; j < m.cols; j++) { *weight(f, name, i, j) *= i == m.n - 1 && empty ? 0 : 10; }
        }
    }
}

/* A mean of an evaluation: where rows may lack views its outputs are sums over the rows that count, by the rows of the batch. */
static double evaluated(const fixture *f, const isk__pass *pass) {
    return output(f, pass->program, 0) / (pass->shared ? output(f, pass->program, pass->label_count) : 1);
}

/* Both losses over the rows that have the view, by the numbers of this moment. */
static double likelihood(fixture *f, int view, values x) {
    const transported m = written(f, view);
    double sum = 0;
    int i;
    for (i = 0; i < x.rows; i++) { sum += naive_likelihood(&m, x.at[i]) / x.rows; }
    return sum;
}

static double reconstruction(fixture *f, int view, values x) {
    const transported m = written(f, view);
    double sum = 0;
    int i, j;
    for (i = 0; i < x.rows; i++) {
        const rest r = naive_rest(&m, x.at[i]);
        double z[MOST_Y], again[MOST_X];
        naive_moved(&m, &r, z);
        naive_again(&m, &r, z, again);
        for (j = 0; j < m.cols; j++) { sum += (again[j] - x.at[i][j]) * (again[j] - x.at[i][j]) / x.rows; }
    }
    return sum / training_power(f, view);
}

static const char *const variants[] = { "", "transport_terms=0", "transport_maps=1", "transport=0", "transport=1 transport_terms=1 dim=2" };

static void open_variant(fixture *f, int views, int absent, const char *settings) {
    int view;
    describe_fixture(f, ISK_TRANSPORT, views, 0, "transport_terms=3 transport_maps=2");
    set_options(&f->sweep.fit.options, settings);
    variant = settings;
    for (view = 0; view < views && absent; view++) { f->sweep.fit.views[view].present = presence[view]; }
    record_fixture(f);
}

static void losses_are_the_formula(void **state) {
    static fixture f;
    int v, views, absent, view, i;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        for (views = 2; views <= VIEWS; views++) {
            for (absent = 0; absent < 2; absent++) {
                open_variant(&f, views, absent, variants[v]);
                stir(&f, v == 1 || absent);
                for (view = 0; view < views; view++) {
                    const isk__stage *maps = view_stage(&f, "transport", view), *decoder = view_stage(&f, "decoder", view);
                    list here = in_batch(BATCH);
                    values x;
                    double due;
                    for (i = here.count = 0; i < BATCH; i++) {
                        if (!absent || presence[view][order[i]]) { here.row[here.count++] = order[i]; }
                    }
                    x = chosen(view, here);
                    for (i = 0; i < 3; i++) {
                        due = likelihood(&f, view, x);
                        run(&f, maps->evaluation.program, BATCH);
                        close_to("likelihood, evaluated", evaluated(&f, &maps->evaluation), due);
                        run(&f, maps->passes[maps->main].program, BATCH);
                        close_to("likelihood", output(&f, maps->passes[maps->main].program, 0), due);
                    }
                    fill(&f, view_stage(&f, "moved", view)->before);
                    for (i = 0; i < 3; i++) {
                        due = reconstruction(&f, view, x);
                        run(&f, decoder->evaluation.program, BATCH);
                        close_to("reconstruction, evaluated", evaluated(&f, &decoder->evaluation), due);
                        run(&f, decoder->passes[decoder->main].program, BATCH);
                        close_to("reconstruction", output(&f, decoder->passes[decoder->main].program, 0), due);
                    }
                }
                close_fixture(&f);
            }
        }
    }
}

static void likelihood_has_its_gradient(void **state) {
    static fixture f;
    int v, view;
    (void)state;
    for (v = 0; v < (int)COUNT(variants); v++) {
        open_variant(&f, 2, 0, variants[v]);
        stir(&f, v == 0);
        record_leaves(&f);
        for (view = 0; view < 2; view++) {
            isk_tensor outputs[ISK_MAX_TERMS];
            record_terms(&f, isk__transport_terms, view, outputs);
            check_gradient(&f, view ? "transport2" : "transport1", outputs[0]);
        }
        close_fixture(&f);
    }
}

/* The maps, the decoder and the turn are of one view and one stage each; the decomposition is of none. */
static void each_stage_moves_its_own_group(void **state) {
    static const char *const stages[] = { "transport", "decoder" };
    static fixture f;
    isk_scalar *kept;
    int which, i;
    (void)state;
    open_fixture(&f, ISK_TRANSPORT, 2, 0, "");
    stir(&f, 0);
    kept = malloc(f.training.learners[0].state.size * sizeof *kept);
    assert_non_null(kept);
    fill(&f, view_stage(&f, "moved", 1)->before);
    for (which = 0; which < 2; which++) {
        const isk__stage *stage = view_stage(&f, stages[which], 1);
        const isk_graph *graph = f.training.plan.graph;
        memcpy(kept, f.training.learners[0].state.block, f.training.learners[0].state.size * sizeof *kept);
        run(&f, stage->passes[stage->main].program, BATCH);
        for (i = 0; i < graph->parameter_count; i++) {
            const isk__parameter_info *parameter = &graph->parameters[i];
            const isk__node *node = &graph->nodes[parameter->node];
            const isk_scalar *now = isk__parameter_values(graph, &f.training.learners[0].state, parameter);
            const size_t size = (size_t)node->rows * (size_t)node->leaf.stride * sizeof *now;
            const int moved = memcmp(now, kept + (now - f.training.learners[0].state.block), size) != 0;
            const int due = strcmp(parameter->name, "decoder2.weight") != 0 &&
                            strncmp(parameter->name, which ? "decoder2" : "transport2", strlen(stages[which]) + 1) == 0;
            if (moved != due) { fail_msg("%s %s in stage %s", parameter->name, moved ? "moves" : "stays", stages[which]); }
        }
    }
    free(kept);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_the_formula),
        cmocka_unit_test(likelihood_has_its_gradient),
        cmocka_unit_test(each_stage_moves_its_own_group),
    };
    return cmocka_run_group_tests_name("transport losses", tests, open_context, close_context);
}
