/* examples/report/plots.h and what is computed for the sections of examples/report/cells_page.h: data inside the page, coordinates in
   16 bits, names that try to break out, charts of ranks and references.  What a browser makes of it stands in test_page.py. */
#include "indiseek.h"
#include "tests/base/hostile.h"

#include "examples/report/plots.h"
#include "examples/base/random.h"
#include "examples/report/cells_page.h"

#include <math.h>

enum { ROWS = 40 };

/* ---- reading the page ---- */

static int digit_of(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The bytes that stand in base64 from `s` to the first other character. */
static size_t decode(const char *s, unsigned char *bytes, size_t most) {
    size_t count = 0;
    unsigned word = 0;
    for (int held = 0; digit_of(*s) >= 0; s++) {
        word = word << 6 | (unsigned)digit_of(*s);
        held += 6;
        if (held < 8) { continue; }
        held -= 8;
        assert_true(count < most);
        bytes[count++] = (unsigned char)(word >> held & 255);
    }
    return count;
}

static const char *after(const char *s, const char *words) {
    const char *found = s ? strstr(s, words) : NULL;
    assert_non_null(found);
    return found + strlen(words);
}

static int occurrences(const char *s, const char *words) {
    int count = 0;
    for (; (s = strstr(s, words)); s += strlen(words)) { count++; }
    return count;
}

/* ---- coordinates ---- */

static void coordinates_come_back_within_half_a_step(void **state) {
    float points[2 * ROWS];
    int16_t whole[2 * ROWS];
    plots_scale scale;
    random_stream r = random_open(3, 1);
    (void)state;
    for (int i = 0; i < 2 * ROWS; i++) { points[i] = (float)(i % 2 ? 1000 + 3 * random_normal(&r) : -5 + 20 * random_normal(&r)); }
    scale = plots_quantise(points, NULL, ROWS, whole);
    int least = 0, most = 0;
    for (int i = 0; i < 2 * ROWS; i++) {
        const double back = scale.middle[i % 2] + scale.step * whole[i];
        assert_true(fabs(back - (double)points[i]) <= 0.5001 * scale.step);
        least = whole[i] < least ? whole[i] : least;
        most = whole[i] > most ? whole[i] : most;
    }
    /* the wider axis uses all of the range, and no point looks like a missing one */
    assert_int_equal(least, -PLOTS_REACH);
    assert_int_equal(most, PLOTS_REACH);
}

static void rows_that_are_not_there_stretch_nothing(void **state) {
    float points[2 * 5] = { 0, 0, 10, 4, NAN, 1, 1e30f, INFINITY, 500, 500 };
    const uint8_t shown[5] = { 1, 1, 1, 1, 0 };
    int16_t whole[2 * 5];
    const plots_scale scale = plots_quantise(points, shown, 5, whole);
    (void)state;
    assert_float_equal(scale.middle[0], 5, 1e-12);
    assert_float_equal(scale.middle[1], 2, 1e-12);
    assert_float_equal(scale.step * PLOTS_REACH, 5, 1e-9);
    assert_int_equal(whole[0], -PLOTS_REACH);
    assert_int_equal(whole[2], PLOTS_REACH);
    for (int i = 4; i < 10; i++) { assert_int_equal(whole[i], PLOTS_MISSING); }
}

static void one_point_and_none(void **state) {
    const float points[4] = { 7, -3, NAN, NAN };
    int16_t whole[4];
    plots_scale scale = plots_quantise(points, NULL, 2, whole);
    (void)state;
    assert_int_equal(whole[0], 0);
    assert_int_equal(whole[1], 0);
    assert_int_equal(whole[2], PLOTS_MISSING);
    assert_float_equal(scale.middle[0], 7, 1e-12);
    scale = plots_quantise(points + 2, NULL, 1, whole);
    assert_int_equal(whole[0], PLOTS_MISSING);
    assert_true(isfinite(scale.step) && scale.step > 0);
}

/* ---- the section ---- */

static const char hostile_name[] = "</script><img onerror=alert(1)>\"\\ <!-- &\n";

static const char *name_of_cell(const void *user, int64_t row) {
    (void)user;
    return row % 2 ? "AAAC-1" : hostile_name;
}

static void make_section(text *page, float *points, int32_t *codes, double *numbers) {
    static const char *const classes[] = { "T & B", hostile_name, "NK" };
    const plots_column columns[] = { { "type <b>", codes, classes, 3, NULL }, { "depth", NULL, NULL, 0, numbers } };
    plots p;
    for (int i = 0; i < ROWS; i++) {
        points[2 * i] = i == 4 ? NAN : (float)i;
        points[2 * i + 1] = (float)(i % 7);
        codes[i] = i == 5 ? 17 : i % 4 - 1;
        numbers[i] = i == 6 ? INFINITY : i == 7 ? NAN : i / 3.0;
    }
    plots_begin(&p, page, &(plots_desc){ .rows = ROWS, .name = name_of_cell, .columns = columns, .column_count = 2 });
    plots_add(&p, &(plots_panel){ .title = "C1 </figcaption><b>", .note = "a <note>", .points = points });
    plots_add(&p, &(plots_panel){ .title = "Z1", .points = points });
    plots_end(&p);
    assert_false(page->failed);
}

static void what_the_page_holds_is_what_was_given(void **state) {
    text page = { 0 };
    float points[2 * ROWS];
    int32_t codes[ROWS];
    double numbers[ROWS];
    unsigned char bytes[4 * ROWS];
    const char *at;
    (void)state;
    make_section(&page, points, codes, numbers);
    assert_int_equal(decode(after(page.data, "\"codes\": \""), bytes, sizeof bytes), 4 * ROWS);
    for (int i = 0; i < ROWS; i++) {
        int32_t code;
        memcpy(&code, bytes + 4 * i, 4);
        assert_int_equal(code, i == 5 ? -1 : codes[i]);
    }
    assert_int_equal(decode(after(page.data, "\"numbers\": \""), bytes, sizeof bytes), 4 * ROWS);
    for (int i = 0; i < ROWS; i++) {
        float value;
        memcpy(&value, bytes + 4 * i, 4);
        assert_true(i == 6 || i == 7 ? isnan(value) : value == (float)numbers[i]);
    }
    at = after(page.data, "data-middle=\"19.5 3\" data-step=\"");
    assert_float_equal(strtod(at, NULL), 19.5 / PLOTS_REACH, 1e-10);
    assert_int_equal(decode(after(at, "\">"), bytes, sizeof bytes), 4 * ROWS);
    for (int i = 0; i < ROWS; i++) {
        const int16_t x = (int16_t)(bytes[4 * i] | bytes[4 * i + 1] << 8);
        if (i == 4) {
            assert_int_equal(x, PLOTS_MISSING);
        } else {
            assert_float_equal(19.5 + x * 19.5 / PLOTS_REACH, i, 0.5001 * 19.5 / PLOTS_REACH);
        }
    }
    text_free(&page);
}

static void no_name_breaks_out_of_its_place(void **state) {
    text page = { 0 };
    float points[2 * ROWS];
    int32_t codes[ROWS];
    double numbers[ROWS];
    (void)state;
    make_section(&page, points, codes, numbers);
    /* data, two panels and the script; as many ends */
    assert_int_equal(occurrences(page.data, "<script"), 4);
    assert_int_equal(occurrences(page.data, "</script>"), 4);
    assert_null(strstr(page.data, "<img"));
    assert_null(strstr(page.data, "<!--"));
    assert_null(strstr(page.data, "<b>"));
    assert_null(strstr(page.data, "<note>"));
    assert_int_equal(occurrences(page.data, "\"\\u003c/script>\\u003cimg onerror=alert(1)>\\\"\\\\ \\u003c!-- &\\u000a\""), ROWS / 2 + 1);
    assert_int_equal(occurrences(page.data, "C1 &lt;/figcaption&gt;&lt;b&gt;</figcaption>"), 1);
    assert_int_equal(occurrences(page.data, "<noscript>"), 3);
    text_free(&page);
}

static void names_are_made_where_none_are_given(void **state) {
    text page = { 0 };
    plots p;
    (void)state;
    plots_begin(&p, &page, &(plots_desc){ .rows = 3 });
    plots_end(&p);
    assert_non_null(strstr(page.data, "\"names\": [\"cell 1\",\"cell 2\",\"cell 3\"], \"columns\": []}"));
    text_free(&page);
}

static void coordinates_stand_once_in_every_panel(void **state) {
    enum { MANY = 6000, PANELS = 4 };
    static float points[2 * MANY];
    static int32_t codes[MANY];
    static const char *const classes[] = { "a", "b" };
    const plots_column column = { "type", codes, classes, 2, NULL };
    size_t before = 0, each = 0;
    text page = { 0 };
    plots p;
    random_stream r = random_open(5, 1);
    (void)state;
    for (int i = 0; i < MANY; i++) {
        points[2 * i] = (float)random_normal(&r);
        points[2 * i + 1] = (float)random_normal(&r);
        codes[i] = i % 2;
    }
    plots_begin(&p, &page, &(plots_desc){ .rows = MANY, .columns = &column, .column_count = 1 });
    for (int i = 0; i < PANELS; i++) {
        before = page.length;
        plots_add(&p, &(plots_panel){ .title = "panel", .points = points });
        each = page.length - before;
    }
    plots_end(&p);
    /* 16 bits an axis in base64, and a plain picture of 3000 cells at about 14 bytes */
    assert_in_range(each, MANY * 16 / 3, MANY * 16 / 3 + 3000 * 18);
    assert_int_equal(occurrences(page.data, "\"codes\": \""), 1);
    text_free(&page);
}

/* The plain pictures of a number: seven levels, and what has none. */
static void plain_pictures_of_a_number_have_levels(void **state) {
    enum { MANY = 21 };
    float points[2 * MANY];
    double numbers[MANY];
    const plots_column column = { "depth", NULL, NULL, 0, numbers };
    const int of_level[7] = { 3, 3, 3, 2, 3, 3, 3 };          /* of 0 .. 19: level = floor(7 i / 19), the last with 19 itself */
    text page = { 0 };
    plots p;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        points[2 * i] = (float)i;
        points[2 * i + 1] = 0;
        numbers[i] = i == 20 ? NAN : i;
    }
    plots_begin(&p, &page, &(plots_desc){ .rows = MANY, .columns = &column, .column_count = 1 });
    plots_add(&p, &(plots_panel){ .title = "panel", .points = points });
    plots_end(&p);
    for (int level = 0; level < 7; level++) {
        char class[16];
        const char *path, *end;
        int dots = 0;
        snprintf(class, sizeof class, " t%d\" d=\"", level);
        path = after(after(page.data, "<figure"), class);
        end = strchr(path, '"');
        for (; path < end; path++) { dots += *path == 'M'; }
        assert_int_equal(dots, of_level[level]);
    }
    assert_non_null(strstr(after(page.data, "<figure"), " none\" d=\"M"));
    text_free(&page);
    /* the same alone: without a script, and with a legend of its own */
    plots_still(&page, &(plots_panel){ .title = "by depth", .points = points }, MANY, &column);
    assert_non_null(strstr(page.data, "by depth"));
    assert_non_null(strstr(page.data, " t6\" d=\"M"));
    assert_true(!strstr(page.data, "<noscript>") && !strstr(page.data, "<script"));
    plots_still_legend(&page, NULL);
    assert_non_null(strstr(page.data, "highest"));
    text_free(&page);
}

/* One value far from all others takes one level, not all: the colours span the 1st to the 99th percentile. */
static void a_few_large_numbers_do_not_take_all_the_colours(void **state) {
    enum { MANY = 201 };
    static float points[2 * MANY];
    static double numbers[MANY];
    const plots_column column = { "gene", NULL, NULL, 0, numbers };
    text page = { 0 };
    (void)state;
    for (int i = 0; i < MANY; i++) {
        points[2 * i] = points[2 * i + 1] = (float)i;
        numbers[i] = i ? i : 1e6;
    }
    plots_still(&page, &(plots_panel){ .title = "gene", .points = points }, MANY, &column);
    for (int level = 0; level < 7; level++) {
        char class[32];
        snprintf(class, sizeof class, " t%d\" d=\"M", level);
        assert_non_null(strstr(page.data, class));
    }
    text_free(&page);
}

/* ---- charts ---- */

static void ranked_bars_stand_in_their_order(void **state) {
    static const char *const names[] = { "low", "missing", "high <i>", "middle", "a name that is far too long for the room there is" };
    static const char *const groups[] = { "T", "B" };
    const double value[] = { -1, NAN, 2, 0.5, 0.25 }, error[] = { 0.5, 1, 0, NAN, 0.125 };
    const int64_t sizes[] = { 10, 20, 30, 40, 50 };
    const int group[] = { 0, 0, 1, -1, 1 };
    text out = { 0 };
    const char *at;
    (void)state;
    chart_ranked(&out, &(ranked_chart){ .title = "theta", .x_label = "mean", .names = names, .value = value, .error = error, .sizes = sizes,
                                        .group = group, .groups = groups, .below = "ADT", .above = "RNA", .count = 5, .group_count = 2 });
    at = after(out.data, "<title>high &lt;i&gt;: 2.000 ± 0.000</title><rect class=\"f1\"");
    at = after(at, "high &lt;i&gt; (30)</text>");
    at = after(at, "<title>middle: 0.500</title><rect class=\"fnone\"");
    at = after(at, ">a name that i… room there is (50)</text>");
    at = after(at, "<title>low: -1.000 ± 0.500</title><rect class=\"f0\"");
    assert_null(strstr(out.data, "missing"));
    assert_int_equal(occurrences(out.data, "class=\"error\""), 6);
    assert_int_equal(occurrences(out.data, ">ADT</text>"), 1);
    assert_int_equal(occurrences(out.data, ">RNA</text>"), 1);
    text_free(&out);
}

/* Where the words that end in `words` begin or end. */
static double label_place(const char *svg, const char *words) {
    const char *at = after(svg, words), *start = at;
    while (start > svg && strncmp(start, "<text x=\"", 9) != 0) { start--; }
    return strtod(start + 9, NULL);
}

static void words_beside_zero_stay_inside(void **state) {
    static const char *const names[] = { "a", "b" };
    static const char below[] = "← surface protein says more", above[] = "rna says more →";
    static const double values[][2] = { { -2, 0.01 }, { 2, -0.01 }, { 1, -1 } };
    (void)state;
    for (int i = 0; i < 3; i++) {
        text out = { 0 };
        double end, start;
        chart_ranked(&out, &(ranked_chart){ .title = "theta", .x_label = "mean", .names = names, .value = values[i], .below = below,
                                            .above = above,
                                            .count = 2 });
        end = label_place(out.data, "← surface protein says more</text>");
        start = label_place(out.data, "rna says more →</text>");
        assert_true(start + 6.4 * 15 <= 520 && end - 6.4 * 27 >= 0);
        assert_true(start - end >= 11.9);                   /* they do not touch */
        if (i == 2) { assert_true(start - end < 12.1); }    /* room enough: both at zero */
        text_free(&out);
    }
}

static void ranks_with_ties_and_what_is_missing(void **state) {
    static const char *const names[] = { "a", "b", "c", "d" };
    const double x[] = { 1, 3, 3, NAN }, y[] = { 9, 7, 8, 1 };
    text out = { 0 };
    (void)state;
    chart_rank_scatter(&out, &(rank_chart){ .title = "ranks", .x_label = "", .y_label = "", .names = names, .x = x, .y = y, .rho = -0.866,
                                            .count = 4 });
    assert_non_null(strstr(out.data, "<title>a: 1 and 3</title>"));
    assert_non_null(strstr(out.data, "<title>b: 2.5 and 1</title>"));
    assert_non_null(strstr(out.data, "<title>c: 2.5 and 2</title>"));
    assert_int_equal(occurrences(out.data, "<circle"), 3);
    assert_non_null(strstr(out.data, "aria-label=\"ranks (ρ = -0.866)\""));
    text_free(&out);
}

/* Labels of 30 dots in general position: most find a place, and none lies on another. */
static void labels_of_ranks_do_not_overlap(void **state) {
    enum { COUNT_OF_TYPES = 30 };
    static char words[COUNT_OF_TYPES][16];
    const char *names[COUNT_OF_TYPES];
    double x[COUNT_OF_TYPES], y[COUNT_OF_TYPES], left[COUNT_OF_TYPES], right[COUNT_OF_TYPES], base[COUNT_OF_TYPES];
    random_stream r = random_open(11, 1);
    text out = { 0 };
    int found = 0;
    (void)state;
    for (int i = 0; i < COUNT_OF_TYPES; i++) {
        snprintf(words[i], sizeof words[i], "cell type %02d", i);
        names[i] = words[i];
        x[i] = random_uniform(&r);
        y[i] = x[i] + 0.2 * random_normal(&r);
    }
    chart_rank_scatter(&out, &(rank_chart){ .title = "", .x_label = "", .y_label = "", .names = names, .x = x, .y = y, .rho = NAN,
                                            .count = COUNT_OF_TYPES });
    for (const char *at = out.data; (at = strstr(at, "<g class=\"halo small\">")); at++) {
        const char *label = strstr(at, "<text x=\""), *end = strstr(at, "</g>"), *anchor;
        const double wide = 5.9 * 12;
        if (!label || label > end) { continue; }
        left[found] = strtod(label + 9, NULL);
        base[found] = strtod(after(label, "y=\""), NULL);
        anchor = strstr(label, "text-anchor=\"");
        if (anchor && anchor < end) { left[found] -= strncmp(anchor + 13, "end", 3) == 0 ? wide : wide / 2; }
        right[found] = left[found] + wide;
        for (int i = 0; i < found; i++) {
            assert_true(left[found] >= right[i] - 0.2 || left[i] >= right[found] - 0.2 || fabs(base[i] - base[found]) >= 10.8);
        }
        found++;
    }
    assert_in_range(found, 24, COUNT_OF_TYPES);
    text_free(&out);
}

static double height_of(const char *svg, const char *title) { return strtod(after(after(svg, title), "height=\""), NULL); }

static void bars_below_zero_ranges_and_references(void **state) {
    static const char *const groups[] = { "one", "two" }, *const series[] = { "" };
    const double mean[] = { 0.5, -0.25 };
    const bar_reference references[] = { { "raw PCs", 0.75 }, { "beyond", 7 }, { "none", NAN } };
    bar_chart chart = { .title = "", .y_label = "", .groups = groups, .series = series, .mean = mean, .group_count = 2, .series_count = 1,
                        .references = references, .reference_count = 1 };
    text out = { 0 };
    (void)state;
    chart_bars(&out, &chart);
    assert_float_equal(height_of(out.data, "one: 0.500"), 2 * height_of(out.data, "two: -0.250"), 0.11);
    assert_int_equal(occurrences(out.data, "class=\"reference\""), 1);
    assert_int_equal(occurrences(out.data, ">raw PCs</text>"), 1);
    text_free(&out);
    /* a range of one's own: bars are cut off, references beyond it are not drawn */
    chart.y_low = -0.125;
    chart.y_high = 1;
    chart.reference_count = 3;
    chart_bars(&out, &chart);
    assert_float_equal(height_of(out.data, "one: 0.500"), 4 * height_of(out.data, "two: -0.250"), 0.21);
    assert_int_equal(occurrences(out.data, "class=\"reference\""), 1);
    text_free(&out);
}

/* ---- which types are shown ---- */

static void top_types_are_a_share_of_the_finite_ones(void **state) {
    const double weight[] = { 0.5, NAN, 0.9, 0.1, 0.7, 0.3 }, tied[] = { 0.5, 0.5, 0.5, 0.1 };
    const int32_t codes[] = { 2, 4, 0, -1, 9, 3 };
    uint8_t shown[6], rows[6];
    double many[27];
    uint8_t of_many[27];
    (void)state;
    assert_int_equal(cells_top_types(weight, 6, 0.4, shown), 2);
    assert_memory_equal(shown, ((uint8_t[]){ 0, 0, 1, 0, 1, 0 }), 6);
    cells_of_types(codes, 6, shown, 6, rows);
    assert_memory_equal(rows, ((uint8_t[]){ 1, 1, 0, 0, 0, 0 }), 6);
    assert_int_equal(cells_top_types(tied, 4, 0.25, shown), 3);
    /* the paper's 27 types */
    for (int i = 0; i < 27; i++) { many[i] = i * 7 % 27; }
    assert_int_equal(cells_top_types(many, 27, 0.4, of_many), 11);
    for (int i = 0; i < 27; i++) { assert_int_equal(of_many[i], many[i] >= 16); }
}

static void sections_without_rows_are_left_out(void **state) {
    text page = { 0 };
    (void)state;
    cells_page_theta(&page, &(page_theta){ .count = 0 });
    cells_page_clusters(&page, &(page_clusters){ .count = 0 });
    cells_page_comparison(&page, &(page_comparison){ .method_count = 0 });
    cells_page_imputation(&page, NULL, 0);
    cells_page_annotation(&page, NULL, 0);
    assert_int_equal(page.length, 0);
    assert_false(page.failed);
}

static void a_comparison_names_runs_and_the_best(void **state) {
    static const char *const methods[] = { "IndiSeek", "CLIP" };
    const double lambdas[] = { 0.1, 10 }, mean[] = { 0.5, 0.75, NAN, NAN }, error[] = { 0.125, NAN, 0, 0 };
    const int runs[] = { 10, 8, 0, 0 };
    text page = { 0 };
    (void)state;
    cells_page_comparison(&page, &(page_comparison){ .heading = "Methods", .value_name = "rho", .methods = methods, .lambdas = lambdas,
                                                     .mean = mean, .error = error, .runs = runs, .method_count = 2, .lambda_count = 2,
                                                     .references = &(bar_reference){ "raw PCs", 0.625 }, .reference_count = 1 });
    assert_non_null(strstr(page.data, "<tr><th scope=\"row\">IndiSeek</th><td>8 to 10</td><td>0.500 ± 0.125</td><td><b>0.750</b></td>"));
    assert_null(strstr(page.data, "<tr><th scope=\"row\">CLIP"));
    assert_non_null(strstr(page.data, "<li><span>raw PCs</span> 0.625</li>"));
    text_free(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coordinates_come_back_within_half_a_step),
        cmocka_unit_test(rows_that_are_not_there_stretch_nothing),
        cmocka_unit_test(one_point_and_none),
        cmocka_unit_test(what_the_page_holds_is_what_was_given),
        cmocka_unit_test(no_name_breaks_out_of_its_place),
        cmocka_unit_test(names_are_made_where_none_are_given),
        cmocka_unit_test(coordinates_stand_once_in_every_panel),
        cmocka_unit_test(plain_pictures_of_a_number_have_levels),
        cmocka_unit_test(a_few_large_numbers_do_not_take_all_the_colours),
        cmocka_unit_test(ranked_bars_stand_in_their_order),
        cmocka_unit_test(words_beside_zero_stay_inside),
        cmocka_unit_test(ranks_with_ties_and_what_is_missing),
        cmocka_unit_test(labels_of_ranks_do_not_overlap),
        cmocka_unit_test(bars_below_zero_ranges_and_references),
        cmocka_unit_test(top_types_are_a_share_of_the_finite_ones),
        cmocka_unit_test(sections_without_rows_are_left_out),
        cmocka_unit_test(a_comparison_names_runs_and_the_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
