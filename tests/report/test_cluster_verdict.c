/* What is said where clusters of C agree less with the labels than those of the inputs do. */
#include "examples/report/verdicts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char head[] = "C clusters worse than the inputs.";

/* The sentence, or NULL: nothing is said. */
static const char *said_of(verdicts *v, const cluster_row *rows, int count) {
    static const evaluation nothing = { .scored = ISK_TEST };
    verdicts_make(v, &(verdicts_desc){ .scores = &nothing, .clusters = rows, .cluster_count = count });
    for (int i = 0; i < v->count; i++) {
        if (strcmp(v->list[i].head, head) == 0) { return v->list[i].sentence.data; }
    }
    return NULL;
}

static void clusters_of_c_are_compared_with_those_of_the_inputs(void **state) {
    cluster_row rows[] = {
        { "shared_rna", "type", 0, 100, 4, 0.1, 0.1, NAN, NAN }, { "shared", "type", 0, 100, 4, 0.4, 0.5, NAN, NAN },
        { "shared", "type", 1, 100, 4, 0.9, 0.9, NAN, NAN },     { "all", "type", 0, 100, 4, 0.62, 0.7, NAN, NAN },
        { "inputs", "type", 0, 100, 4, 0.6, 0.7, NAN, NAN },     { "inputs", "type", 1, 100, 4, 0.2, 0.2, NAN, NAN },
    };
    verdicts v;
    (void)state;
    assert_string_equal(said_of(&v, rows, 6),
                        "As many clusters as there are classes of type agree with them, by adjusted Rand index, to 0.40 on C "
                        "of all modalities and to 0.60 on the inputs; on C and Z together 0.62. What tells these classes "
                        "apart stands out in one modality alone, or little among what is shared.");
    verdicts_free(&v);
    rows[1].ari = 0.55;                                     /* as near as other starts of k-means might come */
    assert_null(said_of(&v, rows, 6));
    verdicts_free(&v);
    rows[1].ari = NAN;                                      /* one label */
    assert_null(said_of(&v, rows, 6));
    verdicts_free(&v);
    assert_null(said_of(&v, NULL, 0));                      /* without cells */
    verdicts_free(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(clusters_of_c_are_compared_with_those_of_the_inputs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
