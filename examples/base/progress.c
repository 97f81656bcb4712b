#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "progress.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double bar_interval = 0.1, line_interval = 5;          /* seconds */

double progress_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- signals ---- */

static isk_context *volatile watched;
static volatile sig_atomic_t signals;

static void on_signal(int number) {
    static const char words[] = "\nstopping at the next good moment; once more stops at once\n";
    ssize_t ignored;
    if (signals++) { _exit(128 + number); }
    if (watched) { isk_interrupt(watched); }
    ignored = write(STDERR_FILENO, words, sizeof words - 1);
    (void)ignored;
}

void progress_watch(isk_context *context) {
    struct sigaction action, hangup;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = context ? on_signal : SIG_DFL;
    action.sa_flags = SA_RESTART;
    watched = context;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* The end of the terminal, unless nohup has it ignored. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) { sigaction(SIGHUP, &action, NULL); }
}

int progress_stopped(void) { return signals > 0; }

/* ---- words ---- */

static int terminal_is_utf8(void) {
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) { return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "utf-8"); }
    }
    return 0;
}

void progress_open(progress *p, int quiet) {
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    *p = (progress){ .quiet = quiet };
    p->terminal = isatty(STDERR_FILENO) && !(terminal && strcmp(terminal, "dumb") == 0);
    p->colour = p->terminal && !(no_colour && *no_colour);
    p->utf8 = terminal_is_utf8();
}

void progress_end(progress *p) {
    if (p->shown) { fputs("\r\033[K", stderr); }
    p->shown = 0;
}

void progress_close(progress *p) {
    progress_end(p);
    text_free(&p->warnings);
}

static void say(progress *p, int warning, const char *format, va_list arguments) {
    progress_end(p);
    if (warning) { fputs(p->colour ? "\033[33mwarning:\033[0m " : "warning: ", stderr); }
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void progress_say(progress *p, const char *format, ...) {
    va_list arguments;
    if (p->quiet) { return; }
    va_start(arguments, format);
    say(p, 0, format, arguments);
    va_end(arguments);
}

void progress_warn(progress *p, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(p, 1, format, arguments);
    va_end(arguments);
}

/* ---- the library's callbacks ---- */

/* What a warning says, without "model 3 of 8 (lambda 1, seed 0): " before it. */
static const char *gist(const char *message) {
    const char *colon = strchr(message, ':');
    return strncmp(message, "model ", 6) == 0 && colon && colon[1] == ' ' ? colon + 2 : message;
}

static void on_log(void *user, isk_level level, const char *message) {
    static const char model[] = "model 0";
    progress *p = user;
    if (p->single && strncmp(message, model, sizeof model - 1) == 0) {      /* "model 0: ...", "model 0 diverged ..." */
        message += sizeof model - 1;
        message += strspn(message, ": ");
    }
    if (level == ISK_WARNING) {
        int repeated = p->warnings.data && strstr(p->warnings.data, gist(message)) != NULL;     /* by another model */
        if (!p->mute && !repeated) { progress_warn(p, "%s", message); }
        text_add(&p->warnings, message);
        text_add(&p->warnings, "\n");
    } else {
        progress_say(p, "%s", message);
    }
}

static void on_record(void *user, const char *json) {
    progress *p = user;
    if (!p->log) { return; }
    fprintf(p->log, "%s\n", json);
    fflush(p->log);                 /* whole lines, whenever the process is killed or the report reads them */
}

static void draw_bar(const progress *p, double fraction) {
    enum { CELLS = 24 };
    int full = (int)(fraction * CELLS + 0.5);
    fputs(p->colour ? "\033[36m" : "", stderr);
    for (int i = 0; i < full; i++) { fputs(p->utf8 ? "\xe2\x94\x81" : "#", stderr); }
    fputs(p->colour ? "\033[2m" : "", stderr);
    for (int i = full; i < CELLS; i++) { fputs(p->utf8 ? "\xe2\x94\x80" : "-", stderr); }
    fputs(p->colour ? "\033[0m" : "", stderr);
}

/* Is it time for another bar or line?  Keeps the clock of the work, of which `fraction` is done; left gets how long the rest takes. */
static int is_due(progress *p, double fraction, char left[32]) {
    const double clock = progress_clock();
    left[0] = 0;
    if (p->began == 0 || fraction < p->last) {              /* work begins, or the next piece of it */
        p->began = clock;
        p->first = fraction;
    }
    p->last = fraction;
    if (p->quiet || (clock - p->printed < (p->terminal ? bar_interval : line_interval) && fraction < 1)) { return 0; }
    p->printed = clock;
    if (fraction > p->first + 0.005 && fraction < 1) {
        duration((clock - p->began) * (1 - fraction) / (fraction - p->first), left);
    }
    return 1;
}

static void show_line(progress *p, double fraction, const char *words, const char *left) {
    if (p->terminal) {
        fputc('\r', stderr);
        draw_bar(p, fraction);
    }
    fprintf(stderr, " %3.0f %%  %s%s%s%s", 100 * fraction, words, left[0] ? ", " : "", left, left[0] ? " left" : "");
    fputs(p->terminal ? "\033[K" : "\n", stderr);
    fflush(stderr);
    p->shown = p->terminal;
}

void progress_show(progress *p, double fraction, const char *words) {
    char left[32];
    if (is_due(p, fraction, left)) { show_line(p, fraction, words, left); }
}

static void on_progress(void *user, const isk_progress *now) {
    progress *p = user;
    double fraction = now->fraction < 0 ? 0 : now->fraction > 1 ? 1 : now->fraction;
    char left[32], models[48] = "", loss[32], words[200];
    if (p->pieces > 0) { fraction = (p->piece + fraction) / p->pieces; }
    if (!is_due(p, fraction, left)) { return; }
    if (now->models > 1) { snprintf(models, sizeof models, "model %d of %d, ", now->model + 1, now->models); }
    snprintf(words, sizeof words, "%s%s%s%s epoch %d/%d, loss %s", p->what ? p->what : "", p->what ? ", " : "", models, now->stage,
             now->epoch, now->epochs, fixed(now->loss, 4, loss));
    show_line(p, fraction, words, left);
}

void progress_attach(progress *p, isk_context_desc *desc) {
    desc->log = on_log;
    desc->progress = on_progress;
    desc->record = on_record;
    desc->user = p;
}
