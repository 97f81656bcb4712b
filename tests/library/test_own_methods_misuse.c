/* Methods of one's own that their writer got wrong: every function of the recorder called wrongly, descriptions and stages with each
   field wrong in turn, outputs that cannot be, functions that fail without a word.  A fit, a sweep or a load of such a method ends
   with a status and a sentence, leaves no memory behind, and never the program. */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#include "indiseek.h"
#include "tests/base/hostile.h"
#include "two_views.h"
#include "tests/base/fixture.h"

enum { ROWS = 40, BATCH = 8, DIM = 2 };

/* ---- a method that works, and places where a test makes it go wrong ---- */

static struct {
    void (*in_record)(isk_recorder *r);         /* before its own work, when it trains and when it does not */
    void (*in_terms)(isk_recorder *r);
    void (*in_value)(isk_recorder *r);
    void (*in_outputs)(isk_recorder *r, int view);
    isk_status (*in_settle)(isk_settling *settling, int view);
    void (*change)(isk_recorder *r, isk_stage_desc *stage);         /* of the stage, before it is added */
    isk_status (*in_check)(isk_context *own, const isk_design *design);
    void (*in_warn)(isk_context *own);
    isk_status record_returns;
    int records;                                /* calls of `record` */
} wrong;

static isk_tensor encoded(isk_recorder *r, int view) {
    return isk_encoder(r, isk_net(r, isk_numbered(r, "net", view), isk_numbered(r, "encoder", view)), view, isk_view_rows(r, view), DIM);
}

static isk_tensor decoded(isk_recorder *r, int view, isk_tensor z) {
    isk_scope scope = isk_net(r, isk_numbered(r, "net", view), isk_numbered(r, "decoder", view));
    return isk_network(r, scope, z, isk_recorder_design(r)->cols[view]);
}

static void terms(isk_recorder *r, int view, isk_tensor *out) {
    if (wrong.in_terms) { wrong.in_terms(r); }
    out[1] = isk_squared_error(decoded(r, view, encoded(r, view)), isk_view_rows(r, view).x);
    out[0] = isk_affine(out[1], isk_own_option(isk_recorder_design(r), "weight"), 0);
}

static isk_tensor value(isk_recorder *r, int view) {
    if (wrong.in_value) { wrong.in_value(r); }
    return encoded(r, view);
}

static isk_status settle(isk_settling *settling, int view) { return wrong.in_settle ? wrong.in_settle(settling, view) : ISK_OK; }

static void outputs(isk_recorder *r, int view) {
    isk_tensor z = encoded(r, view);
    if (wrong.in_outputs) { wrong.in_outputs(r, view); }
    isk_output_add(r, ISK_ROLE_SPECIFIC, NULL, z);
    isk_output_add(r, ISK_ROLE_RECONSTRUCTION, NULL, decoded(r, view, z));
}

static isk_status record(isk_recorder *r) {
    int view;
    wrong.records++;
    if (wrong.in_record) { wrong.in_record(r); }
    for (view = 0; view < isk_recorder_design(r)->view_count; view++) {
        isk_stage_desc stage = { .name = "fit", .of_view = 1, .view = view, .epochs = isk_recorder_design(r)->options.epochs,
                                 .passes = { { .terms = terms, .labels = { "loss", "error" }, .group = isk_numbered(r, "net", view) } },
                                 .keep_best = 1 };
        isk_stage_desc after = { .name = "after", .of_view = 1, .view = view, .phase = 1, .cache = isk_cache(r, DIM), .value = value,
                                 .settle = settle };
        if (wrong.change) { wrong.change(r, &stage); }
        if (isk_recorder_trains(r)) {
            isk_stage_add(r, &stage);
            isk_stage_add(r, &after);
        }
        if (isk_outputs(r, view, outputs) != ISK_OK) { return ISK_OK; }     /* the graph has kept why */
    }
    return wrong.record_returns;
}

static isk_status check(isk_context *own, const isk_design *design) { return wrong.in_check ? wrong.in_check(own, design) : ISK_OK; }

static void warn(isk_context *own, const isk_design *design, const isk_report *report, const char *who) {
    (void)design, (void)report, (void)who;
    if (wrong.in_warn) { wrong.in_warn(own); }
}

static const isk_option_info own_options[] = {
    ISK_OPTION_ROW(REAL, OWN, weight, 1, 1, 1, 0, 0, 10, "", "of the error")
    ISK_OPTION_ROW(CHOICE, OWN, way, 1, 1, 2, 0, 1, 2, "here|there", "which")
};
static const isk_extra_info own_extras[] = { { "sizes", "library sizes", 0, 0 }, { NULL, NULL, 0, 0 } };
static const isk_number_info own_numbers[] = {
    { "error", NULL, -1, ISK_NUMBER_HELD_OUT, "fit", "error" }, { "left", NULL, 0, ISK_NUMBER_SETTLED, "after", NULL },
    { "elsewhere", NULL, 0, ISK_NUMBER_SETTLED, "fit", NULL }, { NULL, NULL, 0, ISK_NUMBER_TRAINED, NULL, NULL }
};
static const isk_method working = {
    .name = "own", .words = "an autoencoder of each view", .can = ISK_LEARNS_SPECIFIC | ISK_DECODES,
    .groups = ISK_READS(TRAINING) | ISK_READS(RATE) | ISK_READS(MAIN) | ISK_READS(NETWORK),
    .options = own_options, .option_count = 2, .least_views = 1,
    .extras = own_extras, .numbers = own_numbers, .check = check, .record = record, .warn = warn
};

/* ---- what must be answered ---- */

static isk_sweep_desc sweep;

static void describe(const isk_method *method) {
    memset(&sweep, 0, sizeof sweep);
    sweep.fit.method = method;
    sweep.fit.views[0].x = matrix_of(view1, ROWS, VIEW1_COLS);
    sweep.fit.views[1].x = matrix_of(view2, ROWS, VIEW2_COLS);
    sweep.fit.view_count = 2;
    sweep.seed_count = 2;
    set_options(context, &sweep.fit.options, "epochs=2 layers=2 width=4 batch=8");
}

/* Neither trained alone nor in a sweep; the sentence has the word, and nothing stays behind. */
static void refused_at(int line, isk_status due, const char *word) {
    const long live = supply.live;
    isk_model *made[2] = { NULL, NULL };
    isk_status got = isk_fit(context, &sweep.fit, made);
    if (got != due || !strstr(isk_error(context), word) || made[0]) {
        fail_msg("line %d: %s: '%s' does not name '%s'", line, isk_status_text(got), isk_error(context), word);
    }
    got = isk_sweep(context, &sweep, made);
    if (got != due || !strstr(isk_error(context), word) || made[0] || made[1] || supply.live != live) {
        fail_msg("line %d, sweep: %s: '%s' does not name '%s', or memory is left", line, isk_status_text(got), isk_error(context), word);
    }
    memset(&wrong, 0, sizeof wrong);
}
/* PLACE is a field of `wrong`, which the test's function is put into. */
#define REFUSED(place, function, word)                  \
    do {                                                \
        wrong.place = function;                         \
        refused_at(__LINE__, ISK_ARGUMENT, word);       \
    } while (0)
#define MISSHAPEN(place, function, word)                \
    do {                                                \
        wrong.place = function;                         \
        refused_at(__LINE__, ISK_SHAPE, word);          \
    } while (0)

static isk_model *fitted(void) {
    isk_model *made = NULL;
    must(isk_fit(context, &sweep.fit, &made));
    assert_string_equal(isk_error(context), "");
    return made;
}

static int begin(void **state) {
    (void)state;
    memset(&wrong, 0, sizeof wrong);
    describe(&working);
    return 0;
}

static void it_works_when_nothing_is_wrong(void **state) {
    static isk_scalar z[ROWS * DIM];
    isk_transform_desc features = { .out = { { "specific2", z } } };
    isk_model *made = fitted();
    (void)state;
    assert_true(isk_report_value(isk_model_report(made), "error", 1) > 0);
    features.views[1] = sweep.fit.views[1];
    must(isk_transform(made, &features));
    isk_model_close(made);
}

/* ---- no recorder, and no settling ---- */

static void nobody_records(isk_recorder *r, int view) { (void)r, (void)view; fail(); }

static void without_a_recorder(void **state) {
    const isk_scope none = { NULL, -1, "" };
    const isk_tensor zeroed = { NULL, 0 };
    isk_scalar scalar = 0;
    uint8_t byte = 0;
    (void)state;
    assert_null(isk_recorder_design(NULL));
    assert_null(isk_recorder_graph(NULL));
    assert_null(isk_recorder_user(NULL));
    assert_null(isk_recorder_keep(NULL, &byte, 1));
    assert_int_equal(isk_recorder_mode(NULL), ISK_MODE_EVALUATE);
    assert_int_equal(isk_recorder_trains(NULL), 0);
    assert_int_equal(isk_recorder_batch_rows(NULL), 0);
    assert_int_equal(isk_recorder_training_rows(NULL), 0);
    assert_int_equal(isk_net(NULL, "g", "p").group, -1);
    assert_string_equal(isk_numbered(NULL, "a", 0), "");
    assert_true(isk_recorder_batch(NULL).node < 0 && isk_view_rows(NULL, 0).x.node < 0 && isk_given_rows(NULL, 0).node < 0);
    assert_true(isk_extra_rows(NULL, "sizes").node < 0 && isk_lambda(NULL).node < 0 && isk_inverse_power(NULL, 0).node < 0);
    assert_true(isk_row_numbers(NULL, 1).node < 0 && isk_cache(NULL, 1).node < 0 && isk_cache_rows(NULL, 0, zeroed).node < 0);
    assert_true(isk_cache_sample(NULL, 0, zeroed).x.node < 0 && isk_view_share(NULL, 0, 1).node < 0 && isk_weights_of(zeroed).node < 0);
    assert_true(isk_encoder(NULL, none, 0, isk_view_rows(NULL, 0), 1).node < 0 && isk_network(NULL, none, zeroed, 1).node < 0);
    assert_true(isk_standard_normal(zeroed).node < 0 && isk_constant(NULL, matrix_of(&scalar, 1, 1)).node < 0);
    isk_follow(zeroed, zeroed, 1);
    isk_store(zeroed, zeroed);
    isk_rows_in_both(NULL, NULL);
    isk_share_set(NULL, zeroed);
    isk_stage_add(NULL, NULL);
    isk_output_add(NULL, ISK_ROLE_SPECIFIC, NULL, zeroed);
    assert_int_equal(isk_outputs(NULL, 0, nobody_records), ISK_ARGUMENT);
    assert_null(isk_settling_context(NULL));
    assert_null(isk_settling_user(NULL));
    assert_int_equal(isk_settling_seed(NULL), 0);
    assert_int_equal(isk_settling_rows(NULL, 0, &byte), 0);
    assert_int_equal(isk_settling_read(NULL, zeroed, &scalar), ISK_ARGUMENT);
    assert_int_equal(isk_settling_write(NULL, zeroed, &scalar), ISK_ARGUMENT);
    assert_int_equal(isk_settling_number(NULL, "n", 0, 1), ISK_ARGUMENT);
}

/* ---- descriptions of methods ---- */

static void described_at(int line, const isk_method *method, const char *word) {
    isk_options set;
    memset(&set, 0, sizeof set);
    describe(method);
    refused_at(line, ISK_ARGUMENT, word);
    if (isk_method_add(context, method) != ISK_ARGUMENT || !strstr(isk_error(context), word)) { fail_msg("line %d: it was added", line); }
    assert_int_equal(isk_option_set(context, method, &set, "weight", "1"), ISK_ARGUMENT);
    assert_int_equal(isk_options_resolve(context, method, &set, ISK_ROBUST), ISK_ARGUMENT);
}
/* A copy of the method, with that field. */
#define DESCRIBED(field, given, word)                   \
    do {                                                \
        isk_method crooked = working;                   \
        crooked.field = given;                          \
        described_at(__LINE__, &crooked, word);         \
    } while (0)
/* A copy of its options, with that field of the first. */
#define OPTION(field, given, word)                      \
    do {                                                \
        isk_method crooked = working;                   \
        isk_option_info rows[2];                        \
        memcpy(rows, own_options, sizeof rows);         \
        rows[0].field = given;                          \
        crooked.options = rows;                         \
        described_at(__LINE__, &crooked, word);         \
    } while (0)

/* Defaults of its own for one of all methods' options, with that field wrong. */
#define DEFAULT(field, given, word)                     \
    do {                                                \
        isk_method crooked = working;                   \
        isk_option_info rows[2];                        \
        memcpy(rows, own_defaults, sizeof rows);        \
        rows[0].field = given;                          \
        crooked.defaults = rows;                        \
        described_at(__LINE__, &crooked, word);         \
    } while (0)

static const isk_option_info own_defaults[] = {
    ISK_OPTION_ROW(CHOICE, NETWORK, norm, 3, 3, 3, 0, 1, 3, "none|layer|batch", "normalization before each activation")
    { NULL, NULL, NULL, ISK_OPTION_REAL, ISK_GROUP_OWN, { 0, 0, 0 }, 0, 0, 0 }
};

static void defaults(void **state) {
    static const isk_option_info wide[] = {
        ISK_OPTION_ROW(INT, NETWORK, layers, 3, 3, 3, 0, 1, 65, "", "linear maps")
        { NULL, NULL, NULL, ISK_OPTION_REAL, ISK_GROUP_OWN, { 0, 0, 0 }, 0, 0, 0 }
    };
    static const char none[] = "method own: default 1 ('norm') is none of all methods' options, of its kind, group and choices and "
                               "within its range";
    isk_method straight = working;
    (void)state;
    straight.defaults = own_defaults;
    describe(&straight);
    isk_model_close(fitted());
    DEFAULT(name, "weight", "method own: default 1 ('weight') is none of all methods' options");     /* its own are no others' */
    DEFAULT(name, "unknown", "method own: default 1 ('unknown') is none of all methods' options");
    DEFAULT(name, "two words", "method own: default 1 ('two words') has no name");
    DEFAULT(kind, ISK_OPTION_INT, none);
    DEFAULT(kind, (isk_option_kind)7, "no known kind");
    DEFAULT(group, ISK_GROUP_OWN, none);
    DEFAULT(group, ISK_GROUP_COUNT, "or group");
    DEFAULT(choices, "none|layer|rows", none);
    DEFAULT(choices, NULL, "lacks its choices");
    DEFAULT(text, NULL, "its text");
    DEFAULT(low, 0, "counts other choices");
    DEFAULT(high, 4, "counts other choices");
    DEFAULT(preset[ISK_PAPER], 4, "a default beyond its range");
    DEFAULT(without, (double)NAN, "no range");
    straight.defaults = wide;
    described_at(__LINE__, &straight, "method own: default 1 ('layers') is none of all methods' options");
}

static void descriptions(void **state) {
    static const isk_extra_info unnamed[] = { { "two words", "", 0, 0 }, { NULL, NULL, 0, 0 } };
    static const isk_extra_info twice[] = { { "a", "", 0, 0 }, { "a", "", 0, 0 }, { NULL, NULL, 0, 0 } };
    static const isk_extra_info many[10] = { { .name = "a" }, { .name = "b" }, { .name = "c" }, { .name = "d" }, { .name = "e" },
                                             { .name = "f" }, { .name = "g" }, { .name = "h" }, { .name = "i" } };
    static const isk_number_info stageless[2] = { { .name = "n", .source = ISK_NUMBER_EPOCHS, .term = "" } };
    static const isk_number_info termless[2] = { { .name = "n", .source = ISK_NUMBER_TRAINED, .stage = "fit" } };
    static const isk_number_info alien[2] = { { .name = "n", .source = (isk_number_source)9, .stage = "fit", .term = "" } };
    (void)state;
    DESCRIBED(name, NULL, "a method's name");
    DESCRIBED(name, "", "a method's name");
    DESCRIBED(name, "two words", "'two words'");
    DESCRIBED(name, "a-name-that-is-longer-than-any-name-may-be", "36");
    DESCRIBED(words, NULL, "lacks its `words`");
    DESCRIBED(record, NULL, "lacks its `record`");
    DESCRIBED(least_views, -1, "least_views is -1");
    DESCRIBED(least_views, 5, "least_views is 5");
    DESCRIBED(most_views, -1, "most_views is -1");
    DESCRIBED(most_views, 5, "most_views is 5");
    DESCRIBED(option_count, -1, "-1 options");
    DESCRIBED(option_count, ISK_MAX_OWN_OPTIONS + 1, "25 options");
    DESCRIBED(options, NULL, "2 options");
    DESCRIBED(extras, unnamed, "'two words'");
    DESCRIBED(extras, twice, "extra 2 is 'a'");
    DESCRIBED(extras, many, "at most 8");
    DESCRIBED(numbers, stageless, "number 'n'");
    DESCRIBED(numbers, termless, "number 'n'");
    DESCRIBED(numbers, alien, "number 'n'");
    OPTION(name, NULL, "has no name");
    OPTION(name, "two words", "has no name");
    OPTION(name, "dim", "an option 'dim' is there already");
    OPTION(name, "way", "an option 'way' is there already");
    OPTION(choices, NULL, "lacks its choices");
    OPTION(text, NULL, "its text");
    OPTION(kind, (isk_option_kind)7, "no known kind");
    OPTION(group, ISK_GROUP_COUNT, "or group");
    OPTION(low, 5, "a default beyond its range");
    OPTION(high, (double)NAN, "no range");
    OPTION(preset[ISK_PAPER], (double)NAN, "a default beyond its range");
    OPTION(preset[ISK_ROBUST], 11, "a default beyond its range");
    OPTION(without, HUGE_VAL, "no range");
    OPTION(kind, ISK_OPTION_CHOICE, "counts other choices");
    assert_int_equal(isk_method_count(context), isk_method_count(NULL));
}

/* What is well described, and still not for this fit. */
static void methods_that_do_not_fit_are_refused(void **state) {
    isk_method other = working;
    (void)state;
    other.name = "clip";        /* as one of the library: its file would be loaded as that one's */
    describe(&other);
    refused_at(__LINE__, ISK_ARGUMENT, "there is a method 'clip' already");
    other = working;
    other.most_views = 1;
    describe(&other);
    refused_at(__LINE__, ISK_ARGUMENT, "view_count is 2; method own takes 1");
    other.least_views = 3;
    other.most_views = 4;
    describe(&other);
    refused_at(__LINE__, ISK_ARGUMENT, "view_count is 2; it must be from 3 to 4");
}

static void names_of_methods(void **state) {
    static char names[ISK_MOST_METHODS][12];
    static isk_method many[ISK_MOST_METHODS];
    isk_context_desc desc = { .device = ISK_DEVICE_CPU };
    isk_context *own = isk_open(&desc);
    isk_method clip = working;
    int i, room = ISK_MOST_METHODS - isk_method_count(NULL);
    (void)state;
    clip.name = "clip";
    assert_int_equal(isk_method_add(own, &clip), ISK_ARGUMENT);
    assert_non_null(strstr(isk_error(own), "'clip' already"));
    for (i = 0; i <= room; i++) {
        snprintf(names[i], sizeof names[i], "own%d", i);
        many[i] = working;
        many[i].name = names[i];
        assert_int_equal(isk_method_add(own, &many[i]), i < room ? ISK_OK : ISK_ARGUMENT);
    }
    assert_non_null(strstr(isk_error(own), "at most 32"));
    assert_int_equal(isk_method_add(own, &many[0]), ISK_OK);            /* there already, the same */
    isk_close(own);
}

static void values_of_options(void **state) {
    isk_options *set = &sweep.fit.options;
    isk_design design;
    char text[40];
    (void)state;
    memset(&design, 0, sizeof design);
    assert_true(isnan(isk_own_option(&design, "weight")));              /* of no method */
    design.method = &working;
    assert_true(isnan(isk_own_option(&design, NULL)) && isnan(isk_own_option(&design, "none")));
    assert_int_equal(isk_option_set(context, &working, set, "way", "nowhere"), ISK_ARGUMENT);
    set->own[1] = 1e300;
    assert_string_equal(isk_option_text(&working, set, isk_option_count(&working) - 1, text), "there");
    refused_at(__LINE__, ISK_ARGUMENT, "option way");
    set->own[1] = 1.5;
    refused_at(__LINE__, ISK_ARGUMENT, "a whole number");
    set->own[1] = (double)NAN;
    refused_at(__LINE__, ISK_ARGUMENT, "option way");
    set->own[1] = 0;
    set->own[0] = 11;
    refused_at(__LINE__, ISK_ARGUMENT, "option weight is 11");
}

/* ---- the recorder ---- */

#define CALL(name, call) static void name(isk_recorder *r) { (void)(call); }
CALL(rows_of_view_7, isk_view_rows(r, 7).x)
CALL(rows_of_view_minus_1, isk_view_rows(r, -1).x)
CALL(rows_of_view_2, isk_view_rows(r, 2).x)
CALL(rows_of_view_0, isk_view_rows(r, 0).x)
CALL(given_of_view_7, isk_given_rows(r, 7))
CALL(given_of_view_0, isk_given_rows(r, 0))
CALL(power_of_view_7, isk_inverse_power(r, 7))
CALL(share_of_view_7, isk_view_share(r, 0, 7))
CALL(share_of_view_minus_1, isk_view_share(r, -1, 0))
CALL(cache_of_view_7, isk_cache_rows(r, 7, isk_cache(r, 1)))
CALL(sample_of_view_7, isk_cache_sample(r, 7, isk_cache(r, 1)).x)
CALL(encoder_of_view_7, isk_encoder(r, isk_net(r, "net1", "encoder1"), 7, isk_view_rows(r, 0), 1))
CALL(no_columns, isk_encoder(r, isk_net(r, "net1", "other"), 0, isk_view_rows(r, 0), 0))
CALL(minus_1_numbers, isk_row_numbers(r, -1))
CALL(no_numbers, isk_row_numbers(r, 0))
CALL(two_thousand_million_numbers, isk_row_numbers(r, INT_MAX))
CALL(no_cache, isk_cache(r, 0))
CALL(minus_1_columns, isk_cache(r, -1))
CALL(too_wide_a_cache, isk_cache(r, INT_MAX))
CALL(unknown_extra, isk_extra_rows(r, "colours"))
CALL(unnamed_extra, isk_extra_rows(r, NULL))
CALL(unnamed_group, isk_net(r, NULL, "a").group)
CALL(unnamed_net, isk_net(r, "net1", NULL).group)
CALL(unnamed_number, isk_numbered(r, NULL, 0))
CALL(long_number, isk_numbered(r, "a-name-that-is-longer-than-any-name-may-be", 0))
CALL(rows_of_no_cache, isk_cache_rows(r, 0, isk_view_rows(r, 0).x))
CALL(rows_of_a_parameter, isk_cache_rows(r, 0, isk_parameter(isk_net(r, "net1", "p"), "p", ROWS, 1, &(isk_parameter_desc){ .buffer = 1 })))
CALL(own_batch, isk_batch(isk_recorder_graph(r), 7))
CALL(beyond, isk_weights_of((isk_tensor){ isk_recorder_graph(r), 100000 }))
CALL(too_much, isk_recorder_keep(r, NULL, SIZE_MAX))
CALL(numbered_highest, isk_numbered(r, "a", INT_MAX))

static void views_that_are_not_there(void **state) {
    (void)state;
    REFUSED(in_terms, rows_of_view_7, "stage fit: isk_view_rows: there is no view 7; views are 0 to 1");
    REFUSED(in_terms, rows_of_view_2, "no view 2");
    REFUSED(in_terms, rows_of_view_minus_1, "no view -1");
    REFUSED(in_value, rows_of_view_7, "stage after: isk_view_rows");
    REFUSED(in_terms, given_of_view_7, "isk_given_rows");
    REFUSED(in_terms, given_of_view_0, "no given shared features");
    REFUSED(in_terms, power_of_view_7, "isk_inverse_power");
    REFUSED(in_terms, share_of_view_7, "isk_view_share");
    REFUSED(in_terms, share_of_view_minus_1, "no view -1");
    REFUSED(in_terms, cache_of_view_7, "isk_cache_rows");
    REFUSED(in_terms, sample_of_view_7, "isk_cache_sample");
    REFUSED(in_terms, encoder_of_view_7, "isk_encoder");
    REFUSED(in_record, rows_of_view_0, "rows are there for terms");
    REFUSED(in_record, cache_of_view_7, "isk_cache_rows");
}

static void counts_and_names(void **state) {
    (void)state;
    REFUSED(in_terms, minus_1_numbers, "count is -1");
    REFUSED(in_terms, no_numbers, "count is 0");
    MISSHAPEN(in_terms, two_thousand_million_numbers, "isk_row_numbers");
    MISSHAPEN(in_record, no_cache, "isk_cache: cols is 0");
    MISSHAPEN(in_record, minus_1_columns, "cols is -1");
    MISSHAPEN(in_record, too_wide_a_cache, "2147483647] is too large");
    REFUSED(in_terms, no_columns, "out 0");
    REFUSED(in_terms, unknown_extra, "'colours'");
    REFUSED(in_terms, unnamed_extra, "'NULL'");
    REFUSED(in_terms, unnamed_group, "the name is NULL");
    REFUSED(in_terms, unnamed_net, "isk_net: the prefix");
    REFUSED(in_record, unnamed_number, "isk_numbered: the name");
    REFUSED(in_record, long_number, "longer than 36 bytes");
    REFUSED(in_terms, rows_of_no_cache, "no cache of isk_cache");
    REFUSED(in_terms, rows_of_a_parameter, "no cache of isk_cache");
    wrong.in_record = too_much;
    refused_at(__LINE__, ISK_MEMORY, "out of memory");
}

/* What is odd and does no harm. */
static void harmless(void **state) {
    void (*const calls[])(isk_recorder *r) = { own_batch, beyond, numbered_highest };
    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        wrong.in_record = wrong.in_terms = calls[i];
        isk_model_close(fitted());
    }
}

/* ---- tensors: of another stage, of no graph, of shapes that do not fit ---- */

static isk_tensor kept;

static void keep_first(isk_recorder *r) { if (kept.graph != isk_recorder_graph(r)) { kept = isk_view_rows(r, 0).x; } }
static void use_in_value(isk_recorder *r) { isk_store(isk_model_input(isk_recorder_graph(r), BATCH, VIEW1_COLS), kept); }
static void store_elsewhere(isk_recorder *r) { isk_store(isk_view_rows(r, 0).x, isk_view_rows(r, 0).x); }
static void store_wider(isk_recorder *r) { isk_store(isk_model_input(isk_recorder_graph(r), BATCH, 1), isk_view_rows(r, 0).x); }
static void store_nothing(isk_recorder *r) { isk_store(isk_model_input(isk_recorder_graph(r), BATCH, 1), (isk_tensor){ NULL, 0 }); }
static void store_over_data(isk_recorder *r) { isk_store(isk_input(isk_recorder_graph(r), BATCH, VIEW1_COLS), isk_view_rows(r, 0).x); }
static void gather_few(isk_recorder *r) {
    isk_tensor few = isk_gather(isk_row_numbers(r, 3), isk_recorder_batch(r));
    isk_store(isk_model_input(isk_recorder_graph(r), BATCH, 1), few);
}
static void share_of_rows(isk_recorder *r) { isk_share_set(r, isk_view_rows(r, 0).x); }
static void no_values(isk_recorder *r) { (void)isk_constant(r, matrix_of(NULL, 2, 2)); }
static void values_without_rows(isk_recorder *r) { (void)isk_constant(r, matrix_of(view1, 0, 2)); }
static void values_without_columns(isk_recorder *r) { (void)isk_constant(r, matrix_of(view1, 2, -1)); }
static void follow_with_data(isk_recorder *r) { isk_follow(isk_view_rows(r, 0).x, isk_view_rows(r, 0).x, 0.5); }
static void norm_by_nothing(isk_recorder *r) {
    (void)isk_batch_norm_rows(isk_net(r, isk_numbered(r, "net", 0), "norm"), isk_view_rows(r, 0).x, NULL);
}
static void lonely_rows(isk_recorder *r) {
    isk_tensor x = isk_view_rows(r, 0).x, none = { NULL, 0 };
    isk_rows_in_both(&x, &none);
    (void)isk_add(none, x);
}

static void tensors(void **state) {
    (void)state;
    wrong.in_terms = keep_first;
    REFUSED(in_value, use_in_value, "a batch of 8 rows beside that of 256");
    REFUSED(in_terms, store_elsewhere, "must come from isk_model_input");
    REFUSED(in_terms, store_over_data, "must come from isk_model_input");
    MISSHAPEN(in_terms, store_wider, "does not fit the target [8, 1]");
    REFUSED(in_terms, store_nothing, "was not recorded");
    REFUSED(in_terms, gather_few, "gathered from 3 rows");
    MISSHAPEN(in_terms, share_of_rows, "term 'share' is [8, 6]");
    REFUSED(in_terms, lonely_rows, "was not recorded");
    REFUSED(in_terms, no_values, "isk_constant: values are 2 x 2; it takes at least one");
    REFUSED(in_terms, values_without_rows, "isk_constant: values are 0 x 2; it takes at least one");
    REFUSED(in_terms, values_without_columns, "isk_constant: values are 2 x -1; it takes at least one");
    REFUSED(in_terms, follow_with_data, "follow: the target must be a parameter with buffer 1");
    REFUSED(in_terms, norm_by_nothing, "isk_batch_norm_rows: desc is NULL");
}

/* ---- stages ---- */

#define STAGE(name, words) static void name(isk_recorder *r, isk_stage_desc *stage) { (void)r; words }
static void nothing(isk_recorder *r, int view, isk_tensor *out) { (void)r, (void)view, (void)out; }
static void wide(isk_recorder *r, int view, isk_tensor *out) { terms(r, view, out); out[1] = isk_view_rows(r, view).x; }
static void of_nowhere(isk_recorder *r, int view, isk_tensor *out) { (void)r, (void)view; out[0].graph = NULL; out[0].node = 0; }
static isk_tensor wide_value(isk_recorder *r, int view) { return isk_view_rows(r, view).x; }
static isk_tensor no_value(isk_recorder *r, int view) { (void)view; return isk_lambda(r); }
static void no_rows(isk_recorder *r, int view, isk_tensor *out) {
    (void)view;
    out[0] = isk_sum_all(isk_parameter(isk_net(r, "net1", "alone"), "alone", 1, 1, &(isk_parameter_desc){ .fill = ISK_FILL_ONE }));
    out[1] = out[0];
}
STAGE(unnamed, stage->name = NULL;)
STAGE(nameless, stage->name = "";)
STAGE(long_named, stage->name = "a-name-that-is-longer-than-any-name-may-be";)
STAGE(view_7, stage->view = 7;)
STAGE(phase_below, stage->phase = -1;)
STAGE(phase_beyond, stage->phase = INT_MAX;)
STAGE(epochs_below, stage->epochs = -1;)
STAGE(steps_below, stage->least_steps = -1;)
STAGE(patience_below, stage->patience = -1;)
STAGE(diagnoses_below, stage->diagnoses = -1;)
STAGE(evaluated_below, stage->evaluated = -1;)
STAGE(evaluated_beyond, stage->evaluated = 3;)
STAGE(watch_below, stage->watch = -1;)
STAGE(watch_beyond, stage->evaluated = 1; stage->watch = 1;)
STAGE(main_below, stage->main = -1;)
STAGE(main_beyond, stage->main = 1;)
STAGE(main_far_beyond, stage->main = INT_MAX;)
STAGE(turn_unknown, stage->passes[0].turn = (isk_turn)9;)
STAGE(rate_unknown, stage->passes[0].rate = (isk_rate)99;)
STAGE(repeats_below, stage->passes[0].repeats = -1;)
STAGE(decay_below, stage->passes[0].weight_decay = -1;)
STAGE(decay_nan, stage->passes[0].weight_decay = (double)NAN;)
STAGE(no_terms, stage->passes[0].terms = NULL;)
STAGE(no_labels, stage->passes[0].labels[0] = NULL;)
STAGE(no_group, stage->passes[0].group = NULL;)
STAGE(other_group, stage->passes[0].group = "elsewhere";)
STAGE(both, stage->passes[0].value = value;)
STAGE(gap, stage->passes[2] = stage->passes[0];)
STAGE(no_pass, stage->passes[0].terms = NULL; stage->passes[0].group = NULL;)
STAGE(idle, no_pass(r, stage); stage->epochs = 0;)
STAGE(idle_main, idle(r, stage); stage->main = 3; stage->settle = settle;)
STAGE(settles_too, stage->settle = settle;)
STAGE(explains_nothing, stage->explains = "other";)
STAGE(explains_of_no_view, stage->explains = "error"; stage->of_view = 0;)
STAGE(half_diagnosis, stage->diagnoses = 1;)
STAGE(records_nothing, stage->passes[0].terms = nothing;)
STAGE(records_wide, stage->passes[0].terms = wide;)
STAGE(records_nowhere, stage->passes[0].terms = of_nowhere;)
STAGE(stores_nothing, stage->passes[1].terms = nothing; stage->passes[1].turn = ISK_PER_EPOCH;)
STAGE(fills_nowhere, stage->passes[1].value = value;)
STAGE(fills_a_view, stage->passes[1].value = value; stage->passes[1].cache = isk_model_input(isk_recorder_graph(r), 8, DIM);)
STAGE(fills_wide, stage->passes[1].value = wide_value; stage->passes[1].cache = isk_cache(r, DIM);)
STAGE(fills_nothing, stage->passes[1].value = no_value; stage->passes[1].cache = isk_cache(r, DIM);)
STAGE(diagnoses_itself, stage->diagnoses = 1;
      stage->diagnosis = ((isk_diagnosis_desc){ 1, isk_cache(r, DIM), value, terms, terms, stage->passes[0].group });)
STAGE(diagnoses_nobody, stage->diagnoses = 1;
      stage->diagnosis = ((isk_diagnosis_desc){ 1, isk_cache(r, DIM), value, terms, terms, "nobody" });)
STAGE(diagnoses_nothing, stage->diagnoses = 1;
      stage->diagnosis = ((isk_diagnosis_desc){ 1, isk_cache(r, DIM), value, nothing, terms, "nobody" });)
STAGE(negative_diagnosis, diagnoses_nobody(r, stage); stage->diagnosis.epochs = -1;)

static void stages(void **state) {
    (void)state;
    REFUSED(change, unnamed, "stage without name: it has no name");
    REFUSED(change, nameless, "it has no name");
    REFUSED(change, long_named, "longer than 36 bytes");
    REFUSED(change, view_7, "there is no such view");
    REFUSED(change, phase_below, "a number is negative");
    REFUSED(change, phase_beyond, "its phase is beyond");
    REFUSED(change, epochs_below, "a number is negative");
    REFUSED(change, steps_below, "a number is negative");
    REFUSED(change, patience_below, "a number is negative");
    REFUSED(change, diagnoses_below, "a number is negative");
    REFUSED(change, evaluated_below, "a number is negative");
    REFUSED(change, watch_below, "a number is negative");
    REFUSED(change, main_below, "a number is negative");
    REFUSED(change, negative_diagnosis, "a number is negative");
    REFUSED(change, evaluated_beyond, "beyond its main pass's terms");
    REFUSED(change, watch_beyond, "beyond its main pass's terms");
    REFUSED(change, main_beyond, "`main` is none of its passes");
    REFUSED(change, main_far_beyond, "`main` is none of its passes");
    REFUSED(change, turn_unknown, "the turn or the rate");
    REFUSED(change, rate_unknown, "the turn or the rate");
    REFUSED(change, repeats_below, "repeats or weight_decay");
    REFUSED(change, decay_below, "repeats or weight_decay");
    REFUSED(change, decay_nan, "repeats or weight_decay");
    REFUSED(change, no_terms, "it has epochs, but no pass");
    REFUSED(change, no_labels, "has no labels");
    REFUSED(change, no_group, "its main pass needs");
    REFUSED(change, other_group, "group 'elsewhere' has no parameters");
    REFUSED(change, both, "both a value and terms");
    REFUSED(change, gap, "do not follow each other");
    REFUSED(change, no_pass, "it has epochs, but no pass");
    REFUSED(change, idle, "it does nothing");
    REFUSED(change, idle_main, "it is to be judged, but has no pass");
    REFUSED(change, settles_too, "`settle` is for a stage without epochs");
    REFUSED(change, explains_nothing, "`explains`");
    REFUSED(change, explains_of_no_view, "`explains`");
    REFUSED(change, half_diagnosis, "its diagnosis lacks a part");
    REFUSED(change, diagnoses_itself, "a group of its passes afresh");
    REFUSED(change, diagnoses_nobody, "group 'nobody' has no parameters");
}

static void terms_and_values(void **state) {
    (void)state;
    REFUSED(change, records_nothing, "stage fit: term 'loss' was not recorded");
    REFUSED(change, records_nowhere, "term 'loss' was not recorded");
    MISSHAPEN(change, records_wide, "term 'error' is [8, 6]");
    REFUSED(change, stores_nothing, "a pass records nothing");
    REFUSED(change, fills_nowhere, "no cache of isk_cache");
    REFUSED(change, fills_a_view, "no cache of isk_cache");
    MISSHAPEN(change, fills_wide, "a cache of 2 columns is filled with [256, 6]");
    MISSHAPEN(change, fills_nothing, "is filled with [1, 1]");
    REFUSED(change, diagnoses_nothing, "term 'of the diagnosis's fit' was not recorded");
}

static void add_30(isk_recorder *r) {
    const isk_stage_desc one = { .name = "one of many", .settle = settle };
    for (int i = 0; i < 30; i++) { isk_stage_add(r, &one); }
}
static void add_within(isk_recorder *r) { isk_stage_add(r, &(isk_stage_desc){ .name = "inner", .settle = settle }); }
static void add_nothing(isk_recorder *r) { isk_stage_add(r, NULL); }
static void outputs_within(isk_recorder *r) { (void)isk_outputs(r, 0, outputs); }

/* Two stages of one phase that train one group, or of which one reads what the other trains. */
static void train_together(isk_recorder *r, isk_stage_desc *stage) {
    stage->passes[0].group = isk_numbered(r, "net", stage->view);
    if (stage->view == 1) { isk_stage_add(r, stage); }
}
static void read_other(isk_recorder *r) { (void)isk_share_set(r, isk_mean_all(encoded(r, 0))); }

static void stages_among_each_other(void **state) {
    (void)state;
    REFUSED(in_record, add_30, "stage one of many: there are 26 already");
    REFUSED(in_terms, add_within, "stage inner: isk_stage_add is for `record`");
    REFUSED(in_value, add_within, "isk_stage_add is for `record`");
    REFUSED(in_record, add_nothing, "stage without name");
    REFUSED(in_terms, outputs_within, "isk_outputs: it is for `record`");
    REFUSED(change, train_together, "stages fit2 and fit2 of one phase");
    REFUSED(in_terms, read_other, "stages fit1 and fit2 of one phase");
}

/* Names in a buffer of the method's; a group to which a later stage adds; terms that read no row: none of them does harm. */
static char buffer[12];
static void name_in_a_buffer(isk_recorder *r, isk_stage_desc *stage) {
    (void)r;
    stage->name = strcpy(buffer, "briefly");
    stage->passes[0].labels[0] = buffer;
}
static void grow(isk_recorder *r, isk_stage_desc *stage) {
    const isk_stage_desc first = *stage;
    if (stage->view > 0) { return; }
    isk_stage_add(r, stage);
    stage->phase = 2;
    stage->passes[0].terms = no_rows;
    isk_stage_add(r, stage);
    *stage = first;
    stage->phase = 3;
}
static void progress(void *user, const isk_progress *at) {
    (void)user;
    memset(buffer, 0, sizeof buffer);
    assert_string_equal(at->stage, "briefly");
}

static void names_and_groups_that_change(void **state) {
    isk_context_desc desc = { .threads = 2, .device = ISK_DEVICE_CPU, .progress = progress };
    isk_context *own = isk_open(&desc);
    isk_model *made = NULL;
    (void)state;
    wrong.change = name_in_a_buffer;
    assert_int_equal(isk_fit(own, &sweep.fit, &made), ISK_OK);
    isk_model_close(made);
    isk_close(own);
    wrong.change = grow;
    isk_model_close(fitted());
}

/* ---- outputs ---- */

#define OUTPUTS(name, words) static void name(isk_recorder *r, int view) { (void)view; words }
OUTPUTS(unrecorded, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_lambda(r));)
OUTPUTS(zero_tensor, isk_output_add(r, ISK_ROLE_OTHER, "odd", (isk_tensor){ NULL, 0 });)
OUTPUTS(unnamed_output, isk_output_add(r, ISK_ROLE_OTHER, NULL, isk_view_rows(r, view).x);)
OUTPUTS(spaced_output, isk_output_add(r, ISK_ROLE_OTHER, "a b", isk_view_rows(r, view).x);)
OUTPUTS(long_output, isk_output_add(r, ISK_ROLE_OTHER, "a-name-that-is-longer-than-any-name-may-be", isk_view_rows(r, view).x);)
OUTPUTS(role_unknown, isk_output_add(r, (isk_role)9, "odd", isk_view_rows(r, view).x);)
OUTPUTS(one_row, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_mean_all(isk_view_rows(r, view).x));)
OUTPUTS(own_rows, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_row_numbers(r, 3));)
OUTPUTS(two_alike, isk_output_add(r, ISK_ROLE_SPECIFIC, NULL, isk_view_rows(r, view).x);)
OUTPUTS(gather_few_out, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_gather(isk_row_numbers(r, 3), isk_recorder_batch(r)));)
OUTPUTS(larger_batch, isk_tensor all = isk_batch(isk_recorder_graph(r), 512);
        isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_affine(isk_view_rows(r, view).x, 1, 0));
        isk_store(isk_model_input(isk_recorder_graph(r), 512, 1), isk_weights_of(all));)
OUTPUTS(many_outputs, for (int i = 0; i < 30; i++) {
        isk_output_add(r, ISK_ROLE_OTHER, isk_numbered(r, "odd", i), isk_view_rows(r, view).x); })
OUTPUTS(other_view, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_view_rows(r, 1 - view).x);)
OUTPUTS(nested, (void)isk_outputs(r, view, outputs);)
OUTPUTS(untrained, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_network(r, isk_net(r, "net1", isk_numbered(r, "unseen", view)),
                                                                            isk_view_rows(r, view).x, 1));)
OUTPUTS(other_shape, (void)isk_parameter(isk_net(r, "net1", "alone"), "alone", 9, 9, &(isk_parameter_desc){ .fill = ISK_FILL_ONE });)
CALL(alone, isk_parameter(isk_net(r, "net1", "alone"), "alone", 1, 1, &(isk_parameter_desc){ .fill = ISK_FILL_ONE }))
OUTPUTS(view_7_out, (void)isk_view_rows(r, 7);)
OUTPUTS(cache_out, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_cache_rows(r, view, isk_cache(r, 1)));)
CALL(output_in_training, isk_output_add(r, ISK_ROLE_OTHER, "odd", isk_recorder_batch(r)))
CALL(outputs_of_view_7, isk_outputs(r, 7, outputs))
CALL(outputs_of_view_minus_2, isk_outputs(r, -2, outputs))
CALL(outputs_of_nobody, isk_outputs(r, 0, NULL))
CALL(outputs_twice, isk_outputs(r, 0, outputs))

static void outputs_that_cannot_be(void **state) {
    (void)state;
    REFUSED(in_outputs, unrecorded, "an output ('odd') was not recorded");
    REFUSED(in_outputs, zero_tensor, "was not recorded");
    REFUSED(in_outputs, unnamed_output, "('NULL') has no role");
    REFUSED(in_outputs, spaced_output, "with role OTHER no name");
    REFUSED(in_outputs, long_output, "36 at most");
    REFUSED(in_outputs, role_unknown, "has no role");
    REFUSED(in_outputs, one_row, "has not the rows of the batch");
    REFUSED(in_outputs, own_rows, "has not the rows of the batch");
    REFUSED(in_outputs, two_alike, "two outputs 'specific1'");
    REFUSED(in_outputs, gather_few_out, "gathered from 3 rows");
    REFUSED(in_outputs, larger_batch, "a batch of 512 rows beside that of 256");
    REFUSED(in_outputs, many_outputs, "there are 24 already");
    REFUSED(in_outputs, other_view, "outputs of view 0 ask for view 1");
    REFUSED(in_outputs, nested, "isk_outputs: it is for `record`");
    REFUSED(in_outputs, untrained, "its outputs need parameter 'unseen1.0.weight' [6, 4], which its stages do not have");
    wrong.in_terms = alone;
    REFUSED(in_outputs, other_shape, "parameter 'alone.alone' [9, 9], which its stages have in another shape");
    REFUSED(in_outputs, view_7_out, "no view 7");
    REFUSED(in_outputs, cache_out, "no cache of isk_cache");
    REFUSED(in_terms, output_in_training, "outside of the function");
    REFUSED(in_record, output_in_training, "outside of the function");
    REFUSED(in_record, outputs_of_view_7, "there is no view 7");
    REFUSED(in_record, outputs_of_view_minus_2, "there is no view -2");
    REFUSED(in_record, outputs_of_nobody, "record is NULL");
    REFUSED(in_record, outputs_twice, "two outputs 'specific1'");
}

/* Given features are asked for where an output is made from them, of whatever role. */
static void given_out(isk_recorder *r, int view) { isk_output_add(r, ISK_ROLE_OTHER, "given", isk_given_rows(r, view)); }

static void given_features(void **state) {
    isk_scalar z[ROWS * VIEW1_COLS];
    isk_method taking = working;
    isk_transform_desc features = { .out = { { "given1", z } } };
    isk_model *made;
    (void)state;
    taking.can |= ISK_TAKES_GIVEN;
    sweep.fit.method = &taking;
    sweep.fit.views[0].given = matrix_of(given1, ROWS, GIVEN_COLS);
    sweep.fit.views[1].given = matrix_of(given2, ROWS, GIVEN_COLS);
    wrong.in_outputs = given_out;
    made = fitted();
    features.views[0] = sweep.fit.views[0];
    must(isk_transform(made, &features));
    assert_memory_equal(z, given1, ROWS * GIVEN_COLS * sizeof *z);
    features.views[0].given.data = NULL;
    assert_int_equal(isk_transform(made, &features), ISK_SHAPE);
    assert_non_null(strstr(isk_error(context), "given shared features 1 is empty"));
    features.out[0].name = "reconstruction1";           /* of another program */
    must(isk_transform(made, &features));
    isk_model_close(made);
}

/* ---- functions that fail ---- */

static isk_status returned;
static isk_status fail_silently(isk_context *own, const isk_design *design) { (void)own, (void)design; return returned; }
static isk_status fail_with_words(isk_context *own, const isk_design *design) {
    return isk_set_error(own, ISK_UNSUPPORTED, "%d views are too many for me", design->view_count);
}
static isk_status complain(isk_context *own, const isk_design *design) {
    (void)isk_set_error(own, ISK_DATA, "never mind: %d", design->view_count);
    return ISK_OK;
}
static void set_error(isk_context *own) {
    (void)isk_set_error(own, ISK_DATA, "never mind");
    isk_log_message(NULL, ISK_INFO, "nobody hears %d", 1);
    isk_log_message(own, ISK_INFO, "nobody hears %d", 1);
}
static void fail_elsewhere(isk_recorder *r) {
    isk_model *none;
    (void)isk_load(isk_recorder_graph(r)->context, "there is none", &none);
}
static void fail_twice(isk_recorder *r) {
    rows_of_view_7(r);
    fail_elsewhere(r);
}

static isk_status settle_silently(isk_settling *settling, int view) { (void)settling, (void)view; return returned; }
static isk_status settle_strangely(isk_settling *settling, int view) {
    const isk_graph *graph = settling->crew->training->plan.graph;
    isk_scalar values[ROWS * VIEW1_COLS] = { 0 };
    uint8_t part[ROWS];
    int i, taken = 0;
    (void)view;
    for (i = -1; i <= graph->node_count; i++) {         /* every tensor: most are neither */
        isk_tensor tensor = { (isk_graph *)(uintptr_t)graph, i };
        if (isk_rows(tensor) * isk_cols(tensor) > ROWS * VIEW1_COLS) { continue; }
        taken += isk_settling_read(settling, tensor, values) == ISK_OK;
        (void)isk_settling_write(settling, tensor, values);
    }
    assert_true(taken > 0);
    assert_int_equal(isk_settling_rows(settling, 7, part), 0);
    assert_int_equal(isk_settling_rows(settling, -1, part), 0);
    assert_int_equal(isk_settling_rows(settling, 0, NULL), 0);
    return isk_settling_read(settling, (isk_tensor){ NULL, 0 }, values);
}

#define NUMBER(function, name, view) \
    static isk_status function(isk_settling *settling, int of) { (void)of; return isk_settling_number(settling, name, view, 1); }
NUMBER(unknown_number, "alien", ISK_NONE)
NUMBER(nameless_number, NULL, ISK_NONE)
NUMBER(number_of_a_term, "error", ISK_NONE)
NUMBER(number_of_a_stage, "elsewhere", ISK_NONE)
NUMBER(number_of_view_2, "left", 2)
NUMBER(number_of_all, "left", -2)

/* Every stage has a place for 16; this one leaves more. */
static const isk_number_info many_numbers[] = {
    { "a", NULL, 0, ISK_NUMBER_SETTLED, "after", NULL }, { "b", NULL, 0, ISK_NUMBER_SETTLED, "after", NULL },
    { "c", NULL, 0, ISK_NUMBER_SETTLED, "after", NULL }, { "d", NULL, 0, ISK_NUMBER_SETTLED, "after", NULL },
    { "e", NULL, 0, ISK_NUMBER_SETTLED, "after", NULL }, { "f", NULL, 0, ISK_NUMBER_SETTLED, "after", NULL },
    { NULL, NULL, 0, ISK_NUMBER_TRAINED, NULL, NULL }
};
static isk_status leave_many(isk_settling *settling, int of) {
    (void)of;
    for (int i = 0; i < 2 * 18; i++) {                      /* each twice, which takes no place */
        const isk_status status = isk_settling_number(settling, many_numbers[i / 6].name, i / 2 % 3 - 1, i);
        if (status != ISK_OK) {
            assert_int_equal(i, 32);
            return status;
        }
    }
    return ISK_OK;
}

static void numbers_that_are_left(void **state) {
    isk_method crowded = working;
    (void)state;
    REFUSED(in_settle, unknown_number, "isk_settling_number: 'alien' is none of the method's");
    REFUSED(in_settle, nameless_number, "'NULL' is none of the method's");
    REFUSED(in_settle, number_of_a_term, "'error' is none of the method's with source ISK_NUMBER_SETTLED and this stage");
    REFUSED(in_settle, number_of_a_stage, "'elsewhere' is none of the method's");
    REFUSED(in_settle, number_of_view_2, "'left' is of a view that there is not");
    REFUSED(in_settle, number_of_all, "'left' is of a view that there is not");
    crowded.numbers = many_numbers;
    describe(&crowded);
    REFUSED(in_settle, leave_many, "'f' has no place: the stage has left 16 already");
    describe(&working);
}

static void functions_that_fail(void **state) {
    static const isk_status odd[] = { ISK_DIVERGED, ISK_INTERRUPTED, ISK_STATUS_COUNT, (isk_status)-1, ISK_ARGUMENT };
    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        returned = odd[i];
        REFUSED(in_check, fail_silently, "method own: its `check` failed and left no sentence");
        REFUSED(in_settle, settle_silently, "method own: its `settle` failed and left no sentence");
        REFUSED(record_returns, odd[i], "method own: its `record` failed and left no sentence");
    }
    wrong.record_returns = ISK_DATA;
    refused_at(__LINE__, ISK_DATA, "holds something that it must not");
    wrong.in_check = fail_with_words;
    refused_at(__LINE__, ISK_UNSUPPORTED, "2 views are too many for me");
    REFUSED(in_settle, settle_strangely, "isk_settling_read takes a cache of the training");
    REFUSED(in_terms, fail_twice, "no view 7");                         /* the sentence of what ended it */
    wrong.in_check = complain;
    wrong.in_record = fail_elsewhere;
    wrong.in_warn = set_error;
    isk_model_close(fitted());                                          /* isk_error is empty */
}

static void add_when_trained(isk_recorder *r) {
    if (isk_recorder_trains(r)) { (void)isk_parameter(isk_net(r, "net1", "once"), "once", 1, 1, &(isk_parameter_desc){ .buffer = 1 }); }
}
static int changes_at;
static void change_shape(isk_recorder *r, int view) {
    const int size = wrong.records >= changes_at ? 99 : 1;
    (void)view;
    (void)isk_parameter(isk_net(r, "net1", "alone"), "alone", size, size, &(isk_parameter_desc){ .fill = ISK_FILL_ONE });
}
static void fail_as_a_model(isk_recorder *r) {
    if (!isk_recorder_trains(r)) { rows_of_view_7(r); }
}

static void training_and_models_differ(void **state) {
    (void)state;
    wrong.in_record = add_when_trained;                 /* which a method may do */
    isk_model_close(fitted());
    REFUSED(in_record, fail_as_a_model, "no view 7");
    for (int call = 2; call < 4; call++) {              /* before the training, and after it */
        changes_at = call;
        wrong.in_terms = alone;
        REFUSED(in_outputs, change_shape, "which its stages have in another shape");
    }
}

/* ---- files ---- */

static void files(void **state) {
    isk_context_desc desc = { .device = ISK_DEVICE_CPU };
    isk_context *own = isk_open(&desc);
    isk_method other = working;
    isk_model *made = fitted(), *loaded = NULL;
    const char *path = scratch("own.safetensors");
    (void)state;
    must(isk_save(made, path));
    isk_model_close(made);
    assert_int_equal(isk_load(own, path, &loaded), ISK_DATA);
    assert_non_null(strstr(isk_error(own), "with method 'own', which indiseek " ISK_VERSION " does not know"));
    other.option_count = 1;
    assert_int_equal(isk_method_add(own, &other), ISK_OK);              /* of that name, without option `way` */
    assert_int_equal(isk_load(own, path, &loaded), ISK_DATA);
    assert_non_null(strstr(isk_error(own), "'way'"));
    other.option_count = 2;
    wrong.in_outputs = untrained;
    assert_int_equal(isk_load(own, path, &loaded), ISK_DATA);
    assert_non_null(strstr(isk_error(own), "tensor 'unseen1.0.weight' is missing"));
    wrong.in_outputs = view_7_out;
    assert_int_equal(isk_load(own, path, &loaded), ISK_ARGUMENT);
    assert_non_null(strstr(isk_error(own), "no view 7"));
    memset(&wrong, 0, sizeof wrong);
    returned = ISK_UNSUPPORTED;
    wrong.in_check = fail_silently;
    assert_int_equal(isk_load(own, path, &loaded), ISK_UNSUPPORTED);
    assert_non_null(strstr(isk_error(own), "its `check` failed"));
    memset(&wrong, 0, sizeof wrong);
    wrong.in_check = complain;
    assert_int_equal(isk_load(own, path, &loaded), ISK_OK);
    assert_string_equal(isk_error(own), "");
    isk_close(own);                                                     /* before what was made from it */
    assert_ptr_equal(isk_model_method(loaded), &other);
    isk_model_close(loaded);
}

STAGE(renamed, stage->name = "other";)
static void widen(isk_recorder *r) {
    (void)isk_parameter(isk_net(r, "net1", "wide"), "wide", 9, 9, &(isk_parameter_desc){ .fill = ISK_FILL_ONE });
}

/* A checkpoint of a method that has other stages, or other networks, by now. */
static void checkpoints(void **state) {
    isk_model *made[2];
    (void)state;
    sweep.fit.checkpoint = scratch("own.checkpoint");
    sweep.fit.checkpoint_every = 1;
    remove(sweep.fit.checkpoint);
    must(isk_resume(context, &sweep, made));
    isk_model_close(made[0]);
    isk_model_close(made[1]);
    wrong.change = renamed;
    assert_int_equal(isk_resume(context, &sweep, made), ISK_MISMATCH);
    assert_non_null(strstr(isk_error(context), "stages is fit1 after1 fit2 after2 in the checkpoint and other1 after1"));
    memset(&wrong, 0, sizeof wrong);
    wrong.in_terms = widen;
    assert_int_equal(isk_resume(context, &sweep, made), ISK_SHAPE);
    assert_non_null(strstr(isk_error(context), "'model0.state'"));
    memset(&wrong, 0, sizeof wrong);
    must(isk_resume(context, &sweep, made));
    isk_model_close(made[0]);
    isk_model_close(made[1]);
}

static void a_trade_off_without_shared_features(void **state) {
    static const uint8_t part[ROWS] = { 0, 0, 0, 0, 1, 1, 1, 1 };
    isk_model *made = fitted();
    isk_tradeoff_point points[1];
    isk_tradeoff_report report;
    isk_tradeoff_desc desc = { .models = &made, .model_count = 1, .part = part, .points = points };
    (void)state;
    desc.views[0] = sweep.fit.views[0];
    desc.views[1] = sweep.fit.views[1];
    assert_int_equal(isk_tradeoff(context, &desc, &report), ISK_ARGUMENT);
    assert_non_null(strstr(isk_error(context), "shared"));
    isk_model_close(made);
}

/* ---- closing, memory, floating-point exceptions ---- */

static void closing(void **state) {
    isk_scalar z[ROWS * DIM];
    isk_transform_desc features = { .out = { { "specific1", z } } };
    (void)state;
    features.views[0] = sweep.fit.views[0];
    for (int when = 0; when < 3; when++) {
        const long live = supply.live;
        isk_context_desc desc = { .threads = 2, .device = ISK_DEVICE_CPU, .allocator = { scarce_allocate, scarce_release, NULL } };
        isk_context *own = isk_open(&desc);
        isk_model *made[2] = { NULL, NULL };
        assert_int_equal(isk_method_add(own, &working), ISK_OK);
        assert_int_equal(isk_sweep(own, &sweep, made), ISK_OK);
        if (when == 0) { isk_close(own); }
        isk_model_close(made[0]);
        if (when == 1) { isk_close(own); }
        assert_int_equal(isk_transform(made[1], &features), ISK_OK);
        isk_model_close(made[1]);
        if (when == 2) { isk_close(own); }
        assert_int_equal(supply.live, live);
    }
}

static isk_status fit_once(isk_context *own, void *argument) {
    isk_model *made = NULL;
    isk_status status = isk_fit(own, &sweep.fit, &made);
    (void)argument;
    isk_model_close(made);
    return status;
}

static void memory(void **state) {
    (void)state;
    sweep_memory(context, fit_once, NULL);
}

#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
#include <fenv.h>
int feenableexcept(int exceptions);         /* glibc's, declared under _GNU_SOURCE alone */
int fedisableexcept(int exceptions);

static void drop_nan(isk_recorder *r) { (void)isk_dropout(isk_view_rows(r, 0).x, strtod("nan", NULL)); }
static void not_finite(isk_recorder *r, int view, isk_tensor *out) {
    terms(r, view, out);
    out[0] = isk_affine(out[0], HUGE_VAL, (double)NAN);
}
STAGE(diverges, stage->passes[0].terms = not_finite;)

static void traps_do_not_end_the_program(void **state) {
    const int trapped = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW;
    isk_context_desc desc = { .threads = 2, .device = ISK_DEVICE_CPU };
    isk_model *made = NULL;
    isk_context *own;
    (void)state;
    if (feenableexcept(trapped) < 0) { skip(); }            /* this processor has no traps */
    own = isk_open(&desc);
    closing(state);
    files(state);
    isk_model_close(fitted());
    REFUSED(in_terms, drop_nan, "dropout");
    REFUSED(change, decay_nan, "weight_decay");
    describe(&working);
    sweep.fit.options.own[0] = (double)NAN;
    refused_at(__LINE__, ISK_ARGUMENT, "option weight");
    describe(&working);
    wrong.change = diverges;
    assert_int_equal(isk_fit(own, &sweep.fit, &made), ISK_DIVERGED);
    assert_non_null(strstr(isk_model_report(made)->message, "loss is not finite"));
    isk_model_close(made);
    isk_close(own);
    assert_int_equal(fedisableexcept(trapped) & trapped, trapped);          /* the caller's settings came back */
}
#else
static void traps_do_not_end_the_program(void **state) { (void)state; skip(); }
#endif

static int open_data(void **state) {
    make_views(1);
    return open_context(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, begin)
        TEST(it_works_when_nothing_is_wrong), TEST(without_a_recorder), TEST(descriptions), TEST(defaults),
        TEST(methods_that_do_not_fit_are_refused),
        TEST(names_of_methods), TEST(values_of_options),
        TEST(views_that_are_not_there), TEST(counts_and_names), TEST(harmless), TEST(tensors), TEST(stages),
        TEST(terms_and_values), TEST(stages_among_each_other), TEST(names_and_groups_that_change), TEST(outputs_that_cannot_be),
        TEST(given_features), TEST(numbers_that_are_left), TEST(functions_that_fail), TEST(training_and_models_differ), TEST(files),
        TEST(checkpoints), TEST(a_trade_off_without_shared_features), TEST(closing), TEST(memory),
        TEST(traps_do_not_end_the_program)
    };
    return cmocka_run_group_tests_name("misuse by methods of one's own", tests, open_data, close_context);
}
