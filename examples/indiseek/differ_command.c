/* indiseek differ: genes that differ between two groups of cells, by a model of `indiseek integrate` */
#include "integrate.h"

#include "../runs/differ.h"
#include "../runs/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct settings {
    gather_settings gather;
    device_settings device;
    const char *model, *by, *group, *against, *out;
    double least;
    int pairs, quiet;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option differ_options[] = {
    { "model", OPTION_TEXT, FIELD(model), "DIR", "what `indiseek integrate` wrote, or its model.safetensors", 0, 0, NULL },
    { "by", OPTION_TEXT, FIELD(by), "COLUMN", "the column whose groups are compared [the labels of the model]", 0, 0, NULL },
    { "group", OPTION_TEXT, FIELD(group), "NAME", "its cells against", 0, 0, NULL },
    { "against", OPTION_TEXT, FIELD(against), "NAME", "those of this group [all others]", 0, 0, NULL },
    { "least-change", OPTION_REAL, FIELD(least), "X", "log2 fold changes below it do not count [0.25]", 0, 100, NULL },
    { "pairs", OPTION_INT, FIELD(pairs), "N", "of cells that are compared [5000]", 2, 1e6, NULL },
    { "seed", OPTION_SEED, FIELD(gather.seed), "N", "which pairs [0]", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Cells; without FILE those of the run", 0, 0, NULL },
    GATHER_READ_OPTIONS(FIELD(gather)),
    { "force", OPTION_FLAG, FIELD(gather.force), NULL, "also where more than a fifth of the model's genes are missing", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(out), "DIR", "gets differ.tsv, a line a gene; made if missing", 0, 0, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "warnings and errors only", 0, 0, NULL },
    DEVICE_OPTIONS(FIELD(device)),
};

static const command differ_command = {
    .name = "indiseek differ", .usage = "--model DIR [FILE...] --by COLUMN --group NAME --out DIR [OPTION]...",
    .about = "Genes that differ between two groups of cells, by the decoder of a model of `indiseek integrate`: pairs of cells, one of\n"
             "each group and both of one batch, are decoded at that batch; the posterior probability of a change is over the pairs.",
    .examples = "  indiseek differ --model results --by condition --group stimulated --against control --out differ\n"
                "  indiseek differ --model results new.h5ad --by cell_type --group NK --out differ\n",
    .options = differ_options, .option_count = sizeof differ_options / sizeof *differ_options,
    .notes = "Decoded are the means of the latents, not samples of them, so that a probability is over cells alone.  The raw means\n"
             "stand beside it: a change that they do not show is the model's.\n",
};

const command *differ_table_get(void) { return &differ_command; }

typedef struct job {
    settings s;
    isk_context *context;
    isk_model *model;
    progress bar;
    output out;
    gathered g;
    uint8_t *group, *against;
    differences found;
} job;

/* Where the line names no cells, those of the run, as its config.json has them. */
static isk_status take_files(job *j) {
    gather_settings *s = &j->s.gather;
    integrate_settings run = INTEGRATE_DEFAULTS;
    char path[4200];
    if (s->files.count) { return ISK_OK; }
    snprintf(path, sizeof path, "%s/config.json", j->s.model);
    if (access(path, R_OK) != 0 || options_read(integrate_table_get(), path, 1, &run) || !run.gather.files.count) {
        return isk_set_error(j->context, ISK_ARGUMENT, "FILE is missing: %s names no cells", path);
    }
    s->files = run.gather.files;
    s->transpose |= run.gather.transpose;
    s->strip_suffix |= run.gather.strip_suffix;
    s->drop_empty |= run.gather.drop_empty;
    if (!s->cells) { s->cells = run.gather.cells; }
    if (!s->counts) { s->counts = run.gather.counts; }
    return ISK_OK;
}

/* Cells of both groups. */
static isk_status find_groups(job *j) {
    const char *by = j->s.by ? j->s.by : gathered_name(&j->g, GATHERED_LABEL), *wanted[2] = { j->s.group, j->s.against };
    const cell_column *column;
    labels all = { 0 };
    int64_t code[2] = { -1, -1 };
    isk_status status = *by ? ISK_OK : isk_set_error(j->context, ISK_ARGUMENT, "--by COLUMN is missing, as the model has no labels");
    if (status == ISK_OK) { status = cells_need_column(&j->g.c, "--by", by, &column); }
    if (status == ISK_OK) { status = cell_column_classes(j->context, column, j->g.c.rows, &all); }
    for (int side = 0; side < 2 && status == ISK_OK && wanted[side]; side++) {
        nearest best = nearest_to(wanted[side]);
        code[side] = names_find(&all.classes, wanted[side]);
        for (int64_t i = 0; i < all.classes.count; i++) { nearest_consider(&best, names_get(&all.classes, i)); }
        if (code[side] >= 0) { continue; }
        status = isk_set_error(j->context, ISK_ARGUMENT, "--%s: no cell's %s is '%s'%s%s%s", side ? "against" : "group", by, wanted[side],
                               best.word ? "; did you mean '" : "", best.word ? best.word : "", best.word ? "'?" : "");
    }
    if (status == ISK_OK && code[0] == code[1]) {
        status = isk_set_error(j->context, ISK_ARGUMENT, "--group and --against are both '%s'", j->s.group);
    }
    j->group = calloc((size_t)j->g.c.rows + 1, 1);
    j->against = calloc((size_t)j->g.c.rows + 1, 1);
    if (status == ISK_OK && (!j->group || !j->against)) { status = no_memory(j->context, "the groups"); }
    for (int64_t i = 0; i < j->g.c.rows && status == ISK_OK; i++) {
        j->group[i] = all.codes[i] == code[0];
        j->against[i] = code[1] >= 0 ? all.codes[i] == code[1] : all.codes[i] >= 0 && all.codes[i] != code[0];
    }
    labels_free(&all);
    return status;
}

static void say_found(job *j) {
    const differences *d = &j->found;
    progress_say(&j->bar, "%lld cells against %lld, %lld pairs in %d batches", (long long)d->cells[0], (long long)d->cells[1],
                 (long long)d->pairs, d->batches);
    if (d->apart) {
        progress_warn(&j->bar, "no batch has cells of both groups: pairs are of any two cells, decoded at every batch, and what differs "
                      "between the groups cannot be told from what differs between batches");
    }
}

static isk_status write_table(job *j) {
    sheet_column columns[DIFFER_COLUMNS];
    sheet s;
    text out = { 0 };
    isk_status status;
    differ_sheet(&j->found, &j->g, 0, columns, &s);
    sheet_tsv(&s, &out);
    sheet_free(&s);
    status = output_text(&j->out, "differ.tsv", &out);
    text_free(&out);
    if (status == ISK_OK && (status = output_commit(&j->out, NULL)) != ISK_OK) {
        status = isk_set_error(j->context, status, "%s", j->out.error);
    }
    return status;
}

static isk_status run(job *j) {
    int counts = 1;
    isk_status status = *isk_error(j->context) ? ISK_DEVICE : take_files(j);
    if (status == ISK_OK) { status = integrate_load(j->context, j->s.model, &j->model, &counts); }
    if (status == ISK_OK && !counts) {
        status = isk_set_error(j->context, ISK_DATA, "%s: was trained on numbers that are no counts, of which there is no fold change",
                               j->s.model);
    }
    if (status == ISK_OK && (status = output_open(&j->out, j->context, j->s.out, "differ.tsv", NULL)) != ISK_OK) {
        status = isk_set_error(j->context, status, "%s", j->out.error);
    }
    if (status == ISK_OK) { status = gathered_recall(&j->g, j->context, &j->s.gather, j->model, counts, &j->bar); }
    if (status == ISK_OK) { status = find_groups(j); }
    if (status == ISK_OK) {
        gathered_say(&j->g);
        status = differ_make(&j->found, j->context, j->model, &j->g,
                             &(differ_desc){ .group = j->group, .against = j->against, .pairs = j->s.pairs, .least = j->s.least,
                                             .seed = j->s.gather.seed });
    }
    if (status != ISK_OK) { return status; }
    say_found(j);
    return write_table(j);
}

static void say(const job *j) {
    enum { FIRST = 15 };
    sheet_column columns[DIFFER_COLUMNS];
    sheet s;
    text words = { 0 };
    if (j->s.quiet) { return; }
    differ_sheet(&j->found, &j->g, FIRST, columns, &s);
    sheet_text(&s, &words);
    sheet_free(&s);
    printf("%sdiffer.tsv is in %s\n", words.data ? words.data : "", j->s.out);
    text_free(&words);
}

int command_differ(int argc, char **argv) {
    job j = { .s = { .gather = GATHER_DEFAULTS, .device = DEVICE_DEFAULTS, .least = 0.25, .pairs = 5000 } };
    const char *program = differ_command.name;
    isk_context_desc desc = { 0 };
    isk_status status;
    int code = options_parse(&differ_command, argc - 1, argv + 1, &j.s);
    if (code >= 0) { return code; }
    if (!j.s.model) { return usage_error(program, "--model DIR is missing"); }
    if (!j.s.group) { return usage_error(program, "--group NAME is missing"); }
    if (!j.s.out) { return usage_error(program, "--out DIR is missing"); }
    progress_open(&j.bar, j.s.quiet);
    progress_attach(&j.bar, &desc);
    device_apply(&j.s.device, &desc);
    j.context = methods_open(&desc);
    if (!j.context) { return fail(program, ISK_MEMORY, NULL); }
    progress_watch(j.context);
    status = run(&j);
    progress_end(&j.bar);
    code = status == ISK_OK ? 0 : fail(program, status, isk_error(j.context));
    if (code == 0) { say(&j); }
    output_close(&j.out);
    differ_free(&j.found);
    free(j.group);
    free(j.against);
    gathered_free(&j.g);
    isk_model_close(j.model);
    progress_close(&j.bar);
    isk_close(j.context);
    return code;
}
