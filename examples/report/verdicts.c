#include "verdicts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- a verdict ---- */

static void add_fixed(text *t, const char *before, double value, int decimals, const char *after) {
    text_add(t, before);
    text_fixed(t, value, decimals);
    text_add(t, after);
}

/* "84 %" of a share that regressions found: what is below nothing is nothing, and little or nearly all is told by a decimal more. */
static void add_share(text *t, const char *before, double r2, const char *after) {
    const double end = fmin(r2, 1 - r2);
    add_fixed(t, before, 100 * fmax(r2, 0), end >= 0.0005 && (r2 < 0.095 || r2 >= 0.995) ? 1 : 0, " %");
    text_add(t, after);
}

/* Takes the sentence. */
static void add(verdicts *v, page_tone tone, const char *head, text *sentence) {
    verdict *to = &v->list[v->count];
    if (v->count == MOST_VERDICTS) {
        text_free(sentence);
        return;
    }
    v->count++;
    to->tone = tone;
    snprintf(to->head, sizeof to->head, "%s", head);
    to->sentence = *sentence;
    *sentence = (text){ 0 };
}

static void add_words(verdicts *v, page_tone tone, const char *head, const char *words) {
    text s = { 0 };
    text_add(&s, words);
    add(v, tone, head, &s);
}

/* The inputs of the other views: "X2", "X2 and X3". */
static const char *other_inputs(const evaluation *e, int view, char buffer[48]) {
    int used = 0, left = 0;
    for (int i = 0; i < e->views; i++) { left += i != view && (e->x >> i & 1); }
    buffer[0] = '\0';
    for (int i = 0; i < e->views; i++) {
        if (i == view || !(e->x >> i & 1)) { continue; }
        left--;
        used += snprintf(buffer + used, 48 - (size_t)used, "%sX%d", used == 0 ? "" : left ? ", " : " and ", i + 1);
    }
    return buffer;
}

/* Has it no variance to speak of?  What is absent (NaN) is not still. */
static int is_still(double variance) { return variance <= 1e-10; }

static int can_tell(const evaluation *e) { return e->asked[0] >= LEAST_TOLD; }

/* ---- labels ---- */

/* Do the shared features carry the labels? */
static void verdict_labels(verdicts *v, const evaluation *e) {
    const int which = e->fused ? SCORE_FUSED : SCORE_SHARED;
    const double shared = e->label[which].value[METRIC_ACCURACY], raw = e->label[SCORE_RAW].value[METRIC_ACCURACY];
    const double floor = e->label[which].majority;
    score_text words;
    text s = { 0 };
    page_tone tone = PAGE_NEUTRAL;
    const char *head = e->fused ? "The features carry part of the labels." : "Shared features carry part of the labels.";
    if (!isfinite(shared)) { return; }
    if (shared <= floor + 0.02) {
        tone = PAGE_WARNING;
        head = e->fused ? "The features say nothing about the labels." : "Shared features say nothing about the labels.";
    } else if (shared >= raw - 0.02) {
        tone = PAGE_GOOD;
        head = e->fused ? "The features carry the labels." : "Shared features carry the labels.";
    } else if (isfinite(raw) && shared < floor + 0.25 * (raw - floor)) {
        tone = PAGE_WARNING;
        head = e->fused ? "The features say little about the labels." : "Shared features say little about the labels.";
    }
    text_format(&s, e->fused ? "From the %s features" : "From (%s)", score_words(e, which, &words));
    add_fixed(&s, " a linear probe names ", 100 * shared, 1, " % of the held-out rows right");
    if (isfinite(raw)) { add_fixed(&s, "; from the inputs as prepared ", 100 * raw, 1, " %"); }
    add_fixed(&s, ", and always guessing the most frequent label ", 100 * floor, 1, " %.");
    if (tone == PAGE_WARNING && !e->fused && raw > floor + 0.02) {
        text_add(&s, " Perhaps the labels show in one view only; then they belong to Z.");
    }
    add(v, tone, head, &s);
}

/* ---- C ---- */

/* Has no direction of the view more variance than noise would give it?  Of a few columns nobody can say. */
static int is_noise(const emptiness *of) { return of->cols > 3 && of->largest < 1.3 * of->largest_noise; }

/* Is there anything in C_i, and does the other view see it? */
static void verdict_shared(verdicts *v, const evaluation *e, int view) {
    const emptiness *of = &e->of[view];
    const double told = metrics_best(of->c_told);
    char head[160], others[48];
    text s = { 0 };
    page_tone tone = PAGE_GOOD;
    other_inputs(e, view, others);
    if (is_still(of->c)) {
        snprintf(head, sizeof head, "C%d is empty: nothing is shared.", view + 1);
        text_format(&s, "C%d is the same in all held-out rows. Either the views share nothing, or rows that belong together do not stand "
                        "side by side.", view + 1);
        add(v, PAGE_BAD, head, &s);
        return;
    }
    if (!isfinite(told) || !can_tell(e)) { return; }
    if (told < 0.05) {
        tone = PAGE_BAD;
        snprintf(head, sizeof head, "C%d is empty of shared information: %s tells nothing of it.", view + 1, others);
    } else if (told < 0.5) {
        tone = PAGE_WARNING;
        snprintf(head, sizeof head, "C%d is impure: %s tells less than half of it.", view + 1, others);
    } else if (told < 0.7) {
        tone = PAGE_NEUTRAL;
        snprintf(head, sizeof head, "C%d is mostly shared.", view + 1);
    } else {
        snprintf(head, sizeof head, "C%d is shared.", view + 1);
    }
    text_format(&s, "From %s one predicts ", others);
    add_share(&s, "", told, "");
    text_format(&s, " of the variance of C%d.", view + 1);
    if (told < 0.05) {
        text_add(&s, " Either the views share nothing, or rows that belong together do not stand side by side.");
        for (int i = 0; i < e->views; i++) {
            if (is_noise(&e->of[i])) { text_format(&s, " No direction of X%d stands out from noise of equal variance.", i + 1); }
        }
    } else {
        add_share(&s, " The other ", 1 - told, " is noise, or what only ");
        text_format(&s, "X%d sees, or what these regressions did not find.", view + 1);
    }
    add(v, tone, head, &s);
}

/* ---- Z ---- */

/* " (linear .10, 10 neighbours .02, MLP .12)" */
static void add_each(text *s, const double *values) {
    const char *before = " (";
    for (int m = metric_of_matrix(-1); m < metric_count; m = metric_of_matrix(m)) {
        text_format(s, "%s%s ", before, metrics[m].title);
        text_fixed(s, values[m], 2);
        before = ", ";
    }
    text_add(s, ")");
}

/* Is there next to nothing in Z_i?  1: so it is, and that has been said. */
static int verdict_empty(verdicts *v, const evaluation *e, int view) {
    static const double nothing = 0.01, little = 0.05;      /* of the variance of X_i, which Z_i adds to what C_i tells */
    const emptiness *of = &e->of[view];
    const double alone = metrics_best(of->alone), both = metrics_best(e->completeness[view]), seen = metrics_best(of->z_told);
    char head[160], told[48], others[48];
    text s = { 0 };
    told_words(e, view, told);
    other_inputs(e, view, others);
    if (is_still(of->z)) {
        snprintf(head, sizeof head, "Z%d is empty: nothing was found that is specific to X%d.", view + 1, view + 1);
        text_format(&s, "Z%d is the same in all held-out rows.", view + 1);
    } else if (can_tell(e) && both - alone < nothing) {
        snprintf(head, sizeof head, "Z%d is empty: it adds nothing about X%d.", view + 1, view + 1);
    } else if (can_tell(e) && both - alone < little && seen >= 0.1) {
        snprintf(head, sizeof head, "Z%d is nearly empty: it adds little about X%d, and %s sees that too.", view + 1, view + 1, others);
    } else {
        return 0;
    }
    if (isfinite(alone) && can_tell(e)) {
        text_format(&s, "%sFrom C%d alone one predicts ", s.length ? " " : "", view + 1);
        add_share(&s, "", alone, " of the variance of ");
        text_format(&s, "%s, and from Z%d and C%d together ", told, view + 1, view + 1);
        add_share(&s, "", both, ".");
        if (isfinite(seen)) {
            text_format(&s, " From %s one predicts ", others);
            add_share(&s, "", seen, " of the variance of ");
            text_format(&s, "Z%d.", view + 1);
        }
        if (alone > 0.9) { text_format(&s, " Nearly all of X%d is shared.", view + 1); }
    }
    add(v, alone > 0.75 ? PAGE_NEUTRAL : PAGE_WARNING, head, &s);
    return 1;
}

/* Is Z_i free of what the other view shows? */
static void verdict_leakage(verdicts *v, const evaluation *e, int view, const isk_method *method) {
    const double leaks = metrics_best(e->leakage[view]), seen = metrics_best(e->of[view].z_told);
    const int missed = seen >= 0.1 && seen > leaks + 0.05;      /* shared, though not in C of the other views */
    const double most = fmax(leaks, seen >= 0.1 ? seen : leaks);
    page_tone tone = most < 0.095 ? PAGE_GOOD : most < 0.5 ? PAGE_WARNING : PAGE_BAD;
    const char *words = most < 0.095 ? "is nearly free of shared information."
                        : most < 0.3 ? "leaks: it holds some shared information."
                        : most < 0.5 ? "leaks: it still holds shared information."
                                     : "leaks: it holds much of the shared information.";
    const int residual = method && (method->groups & ISK_READS(RESIDUAL)) != 0;
    char head[160], others[48];
    score_text shared;
    text s = { 0 };
    if (!isfinite(leaks) || !can_tell(e)) { return; }
    other_inputs(e, view, others);
    if (missed && leaks < 0.1) {
        snprintf(head, sizeof head, "Z%d is not specific: %s sees it too, though %s %s not hold it.", view + 1, others,
                 other_shared(e->c, view, &shared), strchr(shared.text, ',') ? "do" : "does");
    } else {
        snprintf(head, sizeof head, "Z%d %s", view + 1, words);
    }
    text_format(&s, "Leakage: from Z%d one predicts ", view + 1);
    add_share(&s, "", leaks, " of the variance of ");
    text_format(&s, "%s", other_shared(e->c, view, &shared));
    add_each(&s, e->leakage[view]);
    text_add(&s, ".");
    if (isfinite(seen)) {
        text_format(&s, " From %s itself one predicts ", others);
        add_share(&s, "", seen, " of the variance of ");
        text_format(&s, "Z%d.", view + 1);
    }
    if (missed && leaks < 0.1) {
        text_add(&s, method && !(method->groups & ISK_READS(NETWORK)) ? " It does not follow by a line that other rows confirm, so it was "
                                                                        "not taken into C."
                                                                      : " More dimensions of C or more epochs may take it into C.");
    } else if (tone != PAGE_GOOD && method) {
        const isk_method *advised = isk_preset_method(ISK_ROBUST);
        if (method->can & ISK_HAS_LAMBDA) { text_add(&s, " A smaller lambda lowers it."); }
        if (residual) { text_add(&s, " What is left of X may follow C in a way that was not learned: more residual-epochs may."); }
        if (method == advised) {
            text_add(&s, " More samples may lower it: how X follows C is learned from them.");
        } else {
            text_format(&s, " The method %s usually leaks less.", isk_method_name(advised));
        }
    }
    add(v, tone, head, &s);
}

/* ---- completeness ---- */

/* What brings back what is missing; NULL: the features are of no method. */
static const char *remedy_of(const isk_method *method) {
    if (!method) { return NULL; }
    return method->can & ISK_HAS_LAMBDA ? "a larger lambda or more epochs" : method->groups & ISK_READS(NETWORK) ? "more epochs"
                                                                                                                : "more samples";
}

/* Why something is missing, by what is known of X_i. */
static void add_reason(text *s, const evaluation *e, int view, double most, const char *remedy) {
    const emptiness *of = &e->of[view];
    if (is_noise(of)) {
        text_format(s, " No direction of X%d stands out from noise of equal variance: what is missing is probably noise.", view + 1);
    } else if (of->dims < of->cols && of->linear < 0.85) {
        text_format(s, " X%d has %d columns and the features %d; as many principal components hold ", view + 1, of->cols, of->dims);
        add_share(s, "", of->linear, " of its variance. These are probably too few dimensions: a larger dim brings more back.");
    } else if (of->dims < of->cols && most < of->linear - 0.1) {
        text_format(s, " As many principal components as there are features (%d) hold ", of->dims);
        add_share(s, "", of->linear, " of its variance, so dim is not the reason");
        if (remedy) { text_format(s, ": %s may bring it back", remedy); }
        text_add(s, ".");
    } else if (remedy) {
        text_format(s, " What is missing may be noise; if not, %s may bring it back.", remedy);
    } else {
        text_add(s, " What is missing may be noise.");
    }
}

/* Do Z_i and C_i together say all about X_i? */
static void verdict_completeness(verdicts *v, const evaluation *e, int view, int reduced, const isk_method *method) {
    const double decoder = e->completeness[view][METRIC_DECODER], best = metrics_best(e->completeness[view]);
    const double most = e->steps[view].decoder ? best : fmax(best, decoder);        /* of what the regressions are about */
    const double alone = metrics_best(e->of[view].alone);
    const int undecoded = decoder < 0.1;
    page_tone tone = undecoded ? PAGE_WARNING : most >= 0.75 ? PAGE_GOOD : most >= 0.4 || reduced || e->fused ? PAGE_NEUTRAL : PAGE_WARNING;
    const char *amount = most >= 0.75 ? "most of" : most >= 0.4 ? "part of" : "little of";
    const int both = (e->z & e->c) >> view & 1;
    const char *remedy = remedy_of(method);
    char head[160], told[48];
    score_text whole;
    text s = { 0 };
    if (!isfinite(most) || !can_tell(e)) { return; }
    told_words(e, view, told);
    if (e->fused) {
        snprintf(head, sizeof head, "The fused features describe %s %s.", amount, told);
    } else if (both && most >= 0.75) {
        snprintf(head, sizeof head, "%s together describe %s.", whole_words(e, view, &whole), told);
    } else {
        snprintf(head, sizeof head, "%s %s %s %s.", whole_words(e, view, &whole), both ? "describe" : "describes", amount, told);
    }
    add_share(&s, both || e->fused ? "Completeness: they explain " : "Completeness: it explains ", most, " of its variance");
    add_fixed(&s, " (linear ", e->completeness[view][METRIC_RIDGE], 2, "");
    if (isfinite(decoder)) { add_fixed(&s, ", own decoder ", decoder, 2, e->steps[view].decoder ? " of all steps" : ""); }
    if (isfinite(alone) && both) {
        text_format(&s, "; C%d alone ", view + 1);
        text_fixed(&s, alone, 2);
    }
    text_add(&s, ").");
    if (reduced) {
        text_add(&s, " Each view was first reduced to what the option reduce keeps of it, so much of X is to be missing.");
    } else if (e->fused) {
        text_add(&s, " Its method is not trained to reconstruct.");
    } else if (undecoded) {
        text_format(&s, " The model's own decoder gives back next to nothing of %sX%d: %s may teach it.",
                    e->steps[view].decoder ? "the steps of " : "", view + 1, remedy ? remedy : "another method");
    } else if (tone != PAGE_GOOD) {
        add_reason(&s, e, view, most, remedy);
    }
    add(v, tone, head, &s);
}

/* ---- clusters ---- */

/* k-means of that embedding against the first of the labels; NULL: there is none. */
static const cluster_row *clusters_of(const verdicts_desc *desc, const char *embedding) {
    for (int i = 0; i < desc->cluster_count; i++) {
        const cluster_row *row = &desc->clusters[i];
        if (strcmp(row->embedding, embedding) == 0 && !row->leiden && isfinite(row->ari)) { return row; }
    }
    return NULL;
}

/* Do clusters of C miss what clusters of the inputs show?  What a linear probe finds need not be what divides the cells. */
static void verdict_clusters(verdicts *v, const verdicts_desc *desc) {
    static const double much = 0.1;         /* of ARI: k-means from other starts moves by less */
    const cluster_row *c = clusters_of(desc, "shared"), *all = clusters_of(desc, "all"), *inputs = clusters_of(desc, "inputs");
    text s = { 0 };
    if (!c || !inputs || c->ari > inputs->ari - much) { return; }
    text_format(&s, "As many clusters as there are classes of %s agree with them, by adjusted Rand index, ", c->label);
    add_fixed(&s, "to ", c->ari, 2, " on C of all modalities and ");
    add_fixed(&s, "to ", inputs->ari, 2, " on the inputs");
    if (all) { add_fixed(&s, "; on C and Z together ", all->ari, 2, ""); }
    text_add(&s, ". What tells these classes apart stands out in one modality alone, or little among what is shared.");
    add(v, PAGE_WARNING, "C clusters worse than the inputs.", &s);
}

/* ---- all of them ---- */

/* Each line of the library's warnings. */
static void verdict_warnings(verdicts *v, const char *warnings) {
    while (warnings && *warnings) {
        const char *end = strchr(warnings, '\n');
        text s = { 0 };
        text_add_bytes(&s, warnings, end ? (size_t)(end - warnings) : strlen(warnings));
        add(v, PAGE_WARNING, "Training warned:", &s);
        warnings = end ? end + 1 : NULL;
    }
}

static void verdict_few(verdicts *v, const evaluation *e) {
    text s = { 0 };
    if (can_tell(e)) { return; }
    text_format(&s, "%lld %s row%s every view, and at least %d are needed to say how good C and Z are. With a larger --test more are held "
                    "out.", (long long)e->asked[0], e->scored == ISK_TEST ? "test" : "validation", e->asked[0] == 1 ? " has" : "s have",
                LEAST_TOLD);
    add(v, PAGE_WARNING, "Too few rows to tell.", &s);
}

static void verdicts_of_scores(verdicts *v, const evaluation *e, const isk_method *method, int reduced) {
    verdict_few(v, e);
    if (e->fused) {
        add_words(v, PAGE_NEUTRAL, "One representation of all views.",
                  "The method does not tell shared from specific: there is no C and no Z, and nothing is said about leakage.");
    }
    for (int view = 0; view < e->views; view++) { verdict_shared(v, e, view); }
    for (int view = 0; view < e->views; view++) {
        if (!verdict_empty(v, e, view)) { verdict_leakage(v, e, view, method); }
    }
    for (int view = 0; view < e->views; view++) { verdict_completeness(v, e, view, reduced, method); }
}

void verdicts_make(verdicts *v, const verdicts_desc *desc) {
    const evaluation *e = desc->scores;
    const isk_report *training = desc->model ? isk_model_report(desc->model) : NULL;
    const int reduced = desc->model && isk_model_options(desc->model)->reduce > ISK_REDUCE_NONE;
    v->count = 0;
    if (training && training->status != ISK_OK) { add_words(v, PAGE_BAD, "Training diverged.", training->message); }
    verdict_warnings(v, desc->warnings);
    if (e->scored == ISK_TRAIN) {
        add_words(v, PAGE_NEUTRAL, "Nothing was scored.", "No rows were held out for testing or validation.");
        return;
    }
    verdict_labels(v, e);
    verdict_clusters(v, desc);
    verdicts_of_scores(v, e, desc->model ? isk_model_method(desc->model) : NULL, reduced);
}

void verdicts_free(verdicts *v) {
    for (int i = 0; i < v->count; i++) { text_free(&v->list[i].sentence); }
    v->count = 0;
}

/* ---- output ---- */

static const char *words_of(const verdict *v) { return v->sentence.data ? v->sentence.data : ""; }

void verdicts_page(const verdicts *v, text *page) {
    page_verdicts_begin(page);
    for (int i = 0; i < v->count; i++) { page_verdict(page, v->list[i].tone, v->list[i].head, words_of(&v->list[i])); }
    page_verdicts_end(page);
}

void verdicts_text(const verdicts *v, text *out) {
    for (int i = 0; i < v->count; i++) {
        const verdict *each = &v->list[i];
        text_add(out, each->head);
        if (each->tone != PAGE_GOOD) { text_format(out, " %s", words_of(each)); }
        text_add(out, "\n");
    }
}

void verdicts_json(const verdicts *v, text *out) {
    static const char *const tones[] = { "good", "neutral", "warning", "bad" };
    text_json_key(out, "verdicts");
    text_add(out, "[");
    for (int i = 0; i < v->count; i++) {
        const verdict *each = &v->list[i];
        text_add(out, i ? ", {" : "{");
        text_json_key(out, "tone");
        text_json_string(out, tones[each->tone]);
        text_json_key(out, "head");
        text_json_string(out, each->head);
        text_json_key(out, "says");
        text_json_string(out, words_of(each));
        text_add(out, "}");
    }
    text_add(out, "]");
}
