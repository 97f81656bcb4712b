/* indiseek integrate --model: new cells by a model, without training. */
#include "integrate.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The model of a folder, or the file itself. */
static const char *model_path(const char *given, char *buffer, size_t size) {
    struct stat what;
    if (stat(given, &what) != 0 || !S_ISDIR(what.st_mode)) { return given; }
    snprintf(buffer, size, "%s/model.safetensors", given);
    return buffer;
}

static isk_status check_model(integrate_job *j) {
    struct stat a, b;
    if (isk_model_views(j->t.model) != 1 || strcmp(isk_method_name(isk_model_method(j->t.model)), INTEGRATE_METHOD) != 0) {
        return isk_set_error(j->t.context, ISK_DATA, "%s: is a model of method %s, not of `indiseek integrate`", j->s->model,
                             isk_method_name(isk_model_method(j->t.model)));
    }
    if (stat(j->s->model, &a) == 0 && stat(j->s->training.out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
        return isk_set_error(j->t.context, ISK_ARGUMENT, "--out is the folder of the model, whose files would be written over");
    }
    return ISK_OK;
}

static isk_status commit(integrate_job *j) {
    const isk_status status = output_commit(&j->t.out, NULL);
    return status == ISK_OK ? ISK_OK : isk_set_error(j->t.context, status, "%s", j->t.out.error);
}

isk_status integrate_query(integrate_job *j) {
    training *t = &j->t;
    char path[4200], buffer[32];
    int counts;
    isk_status status = *isk_error(t->context) ? ISK_DEVICE : isk_load(t->context, model_path(j->s->model, path, sizeof path), &t->model);
    if (status == ISK_OK) { status = check_model(j); }
    if (status == ISK_OK && (status = output_open(&t->out, t->context, j->s->training.out, INTEGRATION_NAMES, NULL)) != ISK_OK) {
        status = isk_set_error(t->context, status, "%s", t->out.error);
    }
    for (int i = 0; i < j->s->gather.files.count; i++) { output_reads(&t->out, j->s->gather.files.word[i]); }
    output_reads(&t->out, j->s->gather.cells);
    if (status != ISK_OK) { return status; }
    counts = strcmp(integrate_option(isk_model_method(t->model), isk_model_options(t->model), "likelihood", buffer), "gaussian") != 0;
    status = gathered_recall(&j->g, t->context, &j->s->gather, t->model, counts, &t->bar);
    if (status != ISK_OK) { return status; }
    gathered_say(&j->g);
    status = integrated_make(&j->made, t->context, t->model, &j->g, j->s->denoised || j->s->as_batch, j->s->as_batch);
    if (status == ISK_OK) { status = integrate_draw(j); }
    if (status == ISK_OK) { status = integrate_write_results(j); }
    return status == ISK_OK ? commit(j) : status;
}
