/* How much of what is true do features tell, on cells that no network saw?  With leakage, completeness and stability on the same. */
#include "truth_study.h"

#include "../runs/stability.h"

#include <math.h>
#include <stdio.h>

/* ---- fields ---- */

typedef struct field_name { char text[32]; } field_name;

static int truth_field(const records *r, truth_factor k, int metric_of_matrix) {
    field_name name;
    snprintf(name.text, sizeof name.text, "%s_%s", truth_kinds[k].key, metrics[metric_of_matrix].key);
    return records_field(r, name.text);
}

static int view_field(const records *r, const char *what, int metric_of_matrix) {
    field_name name;
    snprintf(name.text, sizeof name.text, "%s_%s", what, metrics[metric_of_matrix].key);
    return records_field(r, name.text);
}

static const char *const stability_fields[] = { "stability_z", "stability_c" };
/* What truths are told by; of leakage and completeness all metrics of matrices are kept. */
static const int told_by[] = { METRIC_RIDGE, METRIC_MLP };
enum { TOLD_BY = sizeof told_by / sizeof *told_by, RNA_AND_PROTEIN = 2 };

void truth_fields(records *r) {
    field_name name;
    for (int k = 0; k < TRUTHS; k++) {
        for (int i = 0; i < TOLD_BY; i++) {
            snprintf(name.text, sizeof name.text, "%s_%s", truth_kinds[k].key, metrics[told_by[i]].key);
            records_add_field(r, name.text, TOLD_FROM);
        }
    }
    for (int completeness = 0; completeness < 2; completeness++) {
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
            snprintf(name.text, sizeof name.text, "%s_%s", completeness ? "completeness" : "leakage", metrics[m].key);
            records_add_field(r, name.text, RNA_AND_PROTEIN);
        }
    }
    for (int i = 0; i < 2; i++) { records_add_field(r, stability_fields[i], RNA_AND_PROTEIN); }
    records_add_field(r, TRUTH_SECONDS, 0);
    records_add_field(r, TRUTH_DIVERGED, 0);
}

double truth_found(const records *r, const sweep_record *s, int model, truth_factor k, told_from from) {
    double best = NAN;
    for (int i = 0; i < TOLD_BY; i++) { best = fmax(best, records_at(r, s, model, truth_field(r, k, told_by[i]))[from]); }
    return best;
}

static double view_found(const records *r, const sweep_record *s, int model, const char *what, int view) {
    double best = NAN;
    for (int i = 0; i < TOLD_BY; i++) { best = fmax(best, records_at(r, s, model, view_field(r, what, told_by[i]))[view]); }
    return best;
}

double truth_leakage(const records *r, const sweep_record *s, int model, int view) { return view_found(r, s, model, "leakage", view); }

double truth_completeness(const records *r, const sweep_record *s, int model, int view) {
    return view_found(r, s, model, "completeness", view);
}

double truth_stability(const records *r, const sweep_record *s, int model, int of_c, int view) {
    return records_at(r, s, model, records_field(r, stability_fields[of_c]))[view];
}

/* ---- measuring ---- */

static isk_status judge_truth(isk_context *context, const truth_data *d, truth_factor k, const isk_matrix from[TOLD_FROM], uint64_t seed,
                              const records *r, const sweep_record *to, int model) {
    isk_status status = ISK_OK;
    for (int i = 0; i < TOLD_FROM && status == ISK_OK; i++) {
        double values[MOST_METRICS];
        status = ask_unseen(context, &(unseen_question){ .x = from[i], .y = d->truth[k], .part = d->part, .labels = d->s.type,
                                                         .seed = seed }, values);
        for (int m = 0; m < TOLD_BY; m++) { records_at(r, to, model, truth_field(r, k, told_by[m]))[i] = values[told_by[m]]; }
    }
    return status;
}

static isk_status judge_views(isk_context *context, const truth_data *d, const features *f, uint64_t seed, const records *r,
                              const sweep_record *to, int model) {
    evaluation_input in = { .views = RNA_AND_PROTEIN, .fused = f->m[FEATURE_FUSED], .part = d->part, .labels = d->s.type, .unseen = 1 };
    isk_status status = ISK_OK;
    for (int i = 0; i < RNA_AND_PROTEIN; i++) {
        in.x[i] = d->v.summary[i];
        in.c[i] = f->m[FEATURE_C + i];
        in.z[i] = f->m[FEATURE_Z + i];
    }
    for (int view = 0; view < RNA_AND_PROTEIN && status == ISK_OK; view++) {
        double leakage[MOST_METRICS], completeness[MOST_METRICS];
        status = evaluate_view(context, &in, view, ISK_TEST, seed, leakage, completeness);
        for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
            records_at(r, to, model, view_field(r, "leakage", m))[view] = leakage[m];
            records_at(r, to, model, view_field(r, "completeness", m))[view] = completeness[m];
        }
    }
    return status;
}

isk_status truth_judge(isk_context *context, const truth_data *d, const features *f, uint64_t seed, const records *r,
                       const sweep_record *to, int model) {
    isk_matrix from[TOLD_FROM] = { { NULL, 0, 0 } };
    isk_status status = ISK_OK;
    if (f) {
        from[FROM_FUSED] = f->m[FEATURE_FUSED];
        for (int i = 0; i < RNA_AND_PROTEIN; i++) {
            from[FROM_C1 + i] = f->m[FEATURE_C + i];
            from[FROM_Z1 + i] = f->m[FEATURE_Z + i];
        }
    } else {
        for (int i = 0; i < RNA_AND_PROTEIN; i++) { from[FROM_X1 + i] = d->v.summary[i]; }
    }
    for (int k = 0; k < TRUTHS && status == ISK_OK; k++) {
        if (d->truth[k].data) { status = judge_truth(context, d, (truth_factor)k, from, seed, r, to, model); }
    }
    return f && status == ISK_OK ? judge_views(context, d, f, seed, r, to, model) : status;
}

isk_status truth_judge_stability(isk_context *context, const truth_data *d, const features *a, const features *b, const records *r,
                                 const sweep_record *to, int model) {
    isk_status status = ISK_OK;
    for (int i = 0; i < 2 * RNA_AND_PROTEIN && status == ISK_OK; i++) {
        const int of_c = i / RNA_AND_PROTEIN, view = i % RNA_AND_PROTEIN, at = (of_c ? FEATURE_C : FEATURE_Z) + view;
        double there, back;
        unseen_question q = { .x = a->m[at], .y = b->m[at], .part = d->part, .labels = d->s.type };
        status = stability_told(context, &q, NULL, &there);
        q.x = b->m[at];
        q.y = a->m[at];
        if (status == ISK_OK) { status = stability_told(context, &q, NULL, &back); }
        if (status != ISK_OK) { break; }
        records_at(r, to, model, records_field(r, stability_fields[of_c]))[view] = (there + back) / 2;
    }
    return status;
}
