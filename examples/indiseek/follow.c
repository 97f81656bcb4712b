#include "follow.h"

#include "../runs/methods.h"

#include <stdio.h>
#include <sys/stat.h>

static int same_folder(const char *a, const char *b) {
    struct stat one, two;
    return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

int follow_open(follow *w, follow_settings *s, const char *program) {
    isk_context_desc desc = { 0 };
    int code;
    w->s = s;
    w->program = program;
    if (!s->model) { return usage_error(program, "--model DIR is missing"); }
    if (!s->out) { return usage_error(program, "--out DIR is missing"); }
    w->has_new = source_is_given(&s->source);
    code = w->has_new ? source_check_line(&s->source, program) : -1;
    if (code >= 0) { return code; }
    if (w->has_new && same_folder(s->model, s->out)) {
        return usage_error(program, "--out is the folder of the run, whose files would be written over");
    }
    progress_open(&w->bar, s->quiet);
    progress_attach(&w->bar, &desc);
    device_apply(&s->device, &desc);
    w->context = methods_open(&desc);
    if (!w->context) { return fail(program, ISK_MEMORY, NULL); }
    progress_watch(w->context);
    return -1;
}

isk_status follow_read(follow *w, const char *column, const char *files) {
    isk_status status = *isk_error(w->context) ? ISK_DEVICE : can_write(w->context, w->s->json);
    if (status == ISK_OK) { status = finished_open(&w->r, w->context, w->s->model, column, &w->bar); }
    if (status == ISK_OK && (status = output_open(&w->out, w->context, w->s->out, files, NULL)) != ISK_OK) {
        status = isk_set_error(w->context, status, "%s", w->out.error);
    }
    return status == ISK_OK && w->has_new ? newcomers_read(&w->n, &w->r, &w->s->source, &w->bar) : status;
}

isk_status follow_commit(follow *w, const text *json) {
    isk_status status = output_commit(&w->out, NULL);
    if (status != ISK_OK) { return isk_set_error(w->context, status, "%s", w->out.error); }
    return w->s->json ? write_text(w->context, w->s->json, json) : ISK_OK;
}

int follow_is_silent(const follow *w) { return w->s->quiet || is_standard_output(w->s->json); }

int follow_finish(follow *w, isk_status status) {
    progress_end(&w->bar);
    return status == ISK_OK ? 0 : fail(w->program, status, isk_error(w->context));
}

void follow_close(follow *w) {
    output_close(&w->out);
    newcomers_free(&w->n);
    finished_free(&w->r);
    progress_close(&w->bar);
    isk_close(w->context);
}
