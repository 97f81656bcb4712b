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

isk_status integrate_load(isk_context *context, const char *given, isk_model **model, int *counts) {
    char path[4200], buffer[32];
    isk_status status = isk_load(context, model_path(given, path, sizeof path), model);
    if (status != ISK_OK) { return status; }
    if (isk_model_views(*model) != 1 || strcmp(isk_method_name(isk_model_method(*model)), INTEGRATE_METHOD) != 0) {
        return isk_set_error(context, ISK_DATA, "%s: is a model of method %s, not of `indiseek integrate`", given,
                             isk_method_name(isk_model_method(*model)));
    }
    *counts = strcmp(integrate_option(isk_model_method(*model), isk_model_options(*model), "likelihood", buffer), "gaussian") != 0;
    return ISK_OK;
}

static isk_status check_folder(integrate_job *j) {
    struct stat a, b;
    if (stat(j->s->model, &a) != 0 || stat(j->s->training.out, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino) { return ISK_OK; }
    return isk_set_error(j->t.context, ISK_ARGUMENT, "--out is the folder of the model, whose files would be written over");
}

/* Where the new cells have labels that the model knows, how many of these it names right. */
static isk_status say_right(integrate_job *j) {
    const names *types = gathered_levels(&j->g, GATHERED_LABEL);
    double accuracy, balanced;
    char one[32], two[32];
    int64_t known = 0;
    isk_status status;
    for (int64_t i = 0; i < j->g.c.rows && j->g.types; i++) { known += j->g.types[i] >= 0; }
    if (!known || !types || !j->made.predicted) { return ISK_OK; }
    status = isk_score_labels(j->t.context, j->g.types, j->made.predicted, j->g.c.rows, (int)types->count, NULL, &accuracy, &balanced);
    if (status == ISK_OK) {
        progress_say(&j->t.bar, "of %lld cells whose %s is known the model names %s right (balanced %s)", (long long)known,
                     gathered_name(&j->g, GATHERED_LABEL), fixed(accuracy, 3, one), fixed(balanced, 3, two));
    }
    return status;
}

static isk_status commit(integrate_job *j) {
    const isk_status status = output_commit(&j->t.out, INTEGRATION_NAMES);
    return status == ISK_OK ? ISK_OK : isk_set_error(j->t.context, status, "%s", j->t.out.error);
}

isk_status integrate_query(integrate_job *j) {
    training *t = &j->t;
    int counts = 1;
    isk_status status = *isk_error(t->context) ? ISK_DEVICE : integrate_load(t->context, j->s->model, &t->model, &counts);
    if (status == ISK_OK) { status = check_folder(j); }
    if (status == ISK_OK && (status = output_open(&t->out, t->context, j->s->training.out, INTEGRATION_NAMES, NULL)) != ISK_OK) {
        status = isk_set_error(t->context, status, "%s", t->out.error);
    }
    for (int i = 0; i < j->s->gather.files.count; i++) { output_reads(&t->out, j->s->gather.files.word[i]); }
    output_reads(&t->out, j->s->gather.cells);
    if (status != ISK_OK) { return status; }
    status = gathered_recall(&j->g, t->context, &j->s->gather, t->model, counts, &t->bar);
    if (status != ISK_OK) { return status; }
    gathered_say(&j->g);
    status = integrated_make(&j->made, t->context, t->model, &j->g, j->s->denoised || j->s->as_batch, j->s->as_batch);
    if (status == ISK_OK && j->made.sees_known) {
        progress_warn(&t->bar, "the encoder of this model takes covariates: a cell without a label, or of another batch, is not like "
                      "those that "
                      "it was trained on");
    }
    if (status == ISK_OK) { status = say_right(j); }
    if (status == ISK_OK) { status = integrate_draw(j); }
    if (status == ISK_OK) { status = integrate_write_results(j); }
    return status == ISK_OK ? commit(j) : status;
}
