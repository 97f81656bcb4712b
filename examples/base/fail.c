#include "fail.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

static void sentence(const char *program, const char *format, va_list arguments) {
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int usage_error(const char *program, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sentence(program, format, arguments);
    va_end(arguments);
    fprintf(stderr, "(%s --help lists the options)\n", program);
    return EXIT_USAGE;
}

int fail_as(int code, const char *program, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sentence(program, format, arguments);
    va_end(arguments);
    return code;
}

int fail(const char *program, isk_status status, const char *words) {
    static const int codes[ISK_STATUS_COUNT] = {            /* 0: EXIT_FAILED */
        [ISK_ARGUMENT] = EXIT_USAGE, [ISK_MISMATCH] = EXIT_USAGE, [ISK_INTERRUPTED] = EXIT_STOPPED,
        [ISK_SHAPE] = EXIT_BAD_DATA, [ISK_DATA] = EXIT_BAD_DATA, [ISK_UNSUPPORTED] = EXIT_BAD_DATA,
    };
    return fail_as(codes[status] ? codes[status] : EXIT_FAILED, program, "%s",
                   words && *words ? words : isk_status_text(status));
}

void take_limits_for_errors(void) {
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
}

int check_output(const char *program, int code) {
    if (fflush(stdout) == 0 && !ferror(stdout)) { return code; }
    return fail_as(code ? code : EXIT_FAILED, program, "what goes to standard output cannot be written");
}

/* ---- the line again ---- */

void typed_line(text *out, int argc, char **argv) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=+@%";
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--resume") == 0) { continue; }
        text_add(out, i ? " " : "");
        if (*word && strspn(word, plain) == strlen(word)) {
            text_add(out, word);
        } else {
            text_add(out, "'");
            for (; *word; word++) { text_add(out, *word == '\'' ? "'\\''" : (char[2]){ *word, 0 }); }
            text_add(out, "'");
        }
    }
}

void say_how_to_resume(int argc, char **argv) {
    text line = { 0 };
    typed_line(&line, argc, argv);
    if (line.data) { fprintf(stderr, "to go on:  %s --resume\n", line.data); }
    text_free(&line);
}

/* ---- suggestions ---- */

static int smaller(int a, int b) { return a < b ? a : b; }

/* Insertions, deletions, replacements and swaps of neighbours between two words (Damerau 1964). */
static int distance(const char *a, const char *b) {
    enum { LONGEST = 40 };
    int rows[3][LONGEST + 1] = { { 0 } }, n = (int)strlen(a), m = (int)strlen(b);
    if (n > LONGEST || m > LONGEST) { return LONGEST; }
    for (int j = 0; j <= m; j++) { rows[0][j] = j; }
    for (int i = 1; i <= n; i++) {
        int *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            now[j] = smaller(before[j - 1] + (a[i - 1] != b[j - 1]), smaller(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = smaller(now[j], two_before[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

void nearest_consider(nearest *best, const char *word) {
    size_t length = strlen(best->typed);
    int far = length >= 3 && strncmp(best->typed, word, length) == 0 ? 1 : distance(best->typed, word);
    if (far < best->distance) {
        best->distance = far;
        best->word = word;
    }
}

nearest nearest_to(const char *typed) {
    int length = (int)strlen(typed);
    return (nearest){ typed, NULL, length < 3 ? 1 : length < 4 ? 2 : length < 8 ? 3 : 4 };
}

const char *nearest_word(const char *typed, const char *const *words) {
    nearest best = nearest_to(typed);
    for (; *words; words++) { nearest_consider(&best, *words); }
    return best.word;
}
