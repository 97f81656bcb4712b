/* The few parts of cmocka that the suites of `make test-gpu` use, for a machine that lacks it and can fetch nothing: there
   the Makefile puts this file where they look for <cmocka.h>.  Same names and meaning, TAP as output.  Unlike cmocka it
   catches no signals: a crash ends the suite, which shows in the exit code and in the plan "1..N". */
#ifndef CMOCKA_SMALL_H
#define CMOCKA_SMALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test;
    CMFixtureFunction setup, teardown;
    void *initial_state;
};

#define cmocka_unit_test(test) cmocka_unit_test_setup_teardown(test, NULL, NULL)
#define cmocka_unit_test_setup(test, setup) cmocka_unit_test_setup_teardown(test, setup, NULL)
#define cmocka_unit_test_teardown(test, teardown) cmocka_unit_test_setup_teardown(test, NULL, teardown)
#define cmocka_unit_test_setup_teardown(test, setup, teardown) { #test, test, setup, teardown, NULL }

#define cmocka_run_group_tests(tests, setup, teardown) cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    small_run_group(name, tests, sizeof (tests) / sizeof (tests)[0], setup, teardown)

#define print_message printf
#define print_error printf

typedef enum small_outcome { SMALL_PASSED, SMALL_FAILED, SMALL_SKIPPED } small_outcome;

static struct small_state {
    jmp_buf leave;                  /* back out of the test or fixture that runs */
    char words[2000];               /* why it failed */
} small_state;

#if defined(__GNUC__)
    #define SMALL_ATTRIBUTE(list) __attribute__(list)
#else
    #define SMALL_ATTRIBUTE(list)
#endif

static inline void small_leave(small_outcome outcome) SMALL_ATTRIBUTE((noreturn));
static inline void small_leave(small_outcome outcome) { longjmp(small_state.leave, (int)outcome); }

static inline void small_fail(const char *file, int line, const char *format, ...)
    SMALL_ATTRIBUTE((noreturn, format(printf, 3, 4)));
static inline void small_fail(const char *file, int line, const char *format, ...) {
    const size_t size = sizeof small_state.words;
    int used = snprintf(small_state.words, size, "%s:%d: ", file, line);
    va_list arguments;
    va_start(arguments, format);
    if (used < 0 || (size_t)used >= size) { used = 0; }
    vsnprintf(small_state.words + used, size - (size_t)used, format, arguments);
    va_end(arguments);
    small_leave(SMALL_FAILED);
}

#define fail_msg(...) small_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail() fail_msg("fail()")
#define skip() small_leave(SMALL_SKIPPED)

#define assert_true(c) ((c) ? (void)0 : small_fail(__FILE__, __LINE__, "%s is not true", #c))
#define assert_false(c) ((c) ? small_fail(__FILE__, __LINE__, "%s is true", #c) : (void)0)
#define assert_non_null(p) ((p) ? (void)0 : small_fail(__FILE__, __LINE__, "%s is NULL", #p))
#define assert_null(p) ((p) ? small_fail(__FILE__, __LINE__, "%s is not NULL", #p) : (void)0)
#define assert_int_equal(a, b) small_numbers((long long)(a), (long long)(b), 1, #a, #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) small_numbers((long long)(a), (long long)(b), 0, #a, #b, __FILE__, __LINE__)
#define assert_string_equal(a, b) small_texts(a, b, #a, #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) \
    (memcmp(a, b, size) == 0 ? (void)0 : small_fail(__FILE__, __LINE__, "%s and %s differ in memory", #a, #b))

static inline void small_numbers(long long a, long long b, int equal, const char *a_text, const char *b_text,
                                 const char *file, int line) {
    if ((a == b) != equal) { small_fail(file, line, "%s is %lld, %s is %lld", a_text, a, b_text, b); }
}

static inline void small_texts(const char *a, const char *b, const char *a_text, const char *b_text, const char *file,
                               int line) {
    if (strcmp(a, b) != 0) { small_fail(file, line, "%s is \"%s\", %s is \"%s\"", a_text, a, b_text, b); }
}

/* Runs one of the two; a fixture fails by what it returns too. */
static inline small_outcome small_guarded(CMUnitTestFunction test, CMFixtureFunction fixture, void **state) {
    const int left = setjmp(small_state.leave);
    if (left != 0) { return (small_outcome)left; }
    if (test) { test(state); }
    if (fixture && fixture(state) != 0) {
        snprintf(small_state.words, sizeof small_state.words, "the set-up or clean-up returned an error");
        return SMALL_FAILED;
    }
    return SMALL_PASSED;
}

static inline void small_report(int number, small_outcome outcome, const char *name) {
    const char *word = small_state.words;
    if (outcome == SMALL_SKIPPED) {
        printf("ok %d # SKIP %s\n", number, name);
    } else {
        printf("%sok %d - %s\n", outcome == SMALL_FAILED ? "not " : "", number, name);
    }
    while (outcome == SMALL_FAILED && *word) {          /* every line of TAP that is no result begins with # */
        const int length = (int)strcspn(word, "\n");
        printf("# %.*s\n", length, word);
        word += length + (word[length] == '\n');
    }
    fflush(stdout);
}

static inline int small_run_group(const char *name, const struct CMUnitTest *tests, size_t count,
                                  CMFixtureFunction setup, CMFixtureFunction teardown) {
    void *group = NULL;
    size_t i;
    int failed = 0;
    printf("# %s\n1..%d\n", name, (int)count);
    if (setup && small_guarded(NULL, setup, &group) != SMALL_PASSED) {
        for (i = 0; i < count; i++) { small_report((int)i + 1, SMALL_FAILED, tests[i].name); }
        return (int)count;
    }
    for (i = 0; i < count; i++) {
        void *own = tests[i].initial_state ? tests[i].initial_state : group;
        small_outcome outcome = small_guarded(NULL, tests[i].setup, &own);
        if (outcome == SMALL_PASSED) { outcome = small_guarded(tests[i].test, NULL, &own); }
        if (small_guarded(NULL, tests[i].teardown, &own) == SMALL_FAILED) { outcome = SMALL_FAILED; }
        failed += outcome == SMALL_FAILED;
        small_report((int)i + 1, outcome, tests[i].name);
    }
    if (small_guarded(NULL, teardown, &group) != SMALL_PASSED) {
        printf("# %s\n", small_state.words);
        failed++;
    }
    return failed;
}

#endif
