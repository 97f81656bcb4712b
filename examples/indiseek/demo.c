/* indiseek demo: the whole pipeline on simulated cells whose truth is known */
#include "commands.h"

#include "run.h"

#include "../report/page.h"
#include "../cells/simulate_cells.h"
#include "../report/truth.h"

#include <stdio.h>
#include <string.h>

typedef struct settings {
    const char *out;
    int threads, resume, quiet;
    uint64_t seed;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option demo_options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Options", 0, 0, NULL },
    { "out", OPTION_TEXT, FIELD(out), "DIR", "where results go; the simulated cells are in DIR/cells [build/demo-results]", 0, 0, NULL },
    { "seed", OPTION_SEED, FIELD(seed), "N", "decides all that is random [0]", 0, 0, NULL },
    { "threads", OPTION_INT, FIELD(threads), "N", "threads, 0 is one per processor [0]", 0, 256, NULL },
    { "resume", OPTION_FLAG, FIELD(resume), NULL, "go on where Ctrl-C stopped it", 0, 0, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "warnings and errors only", 0, 0, NULL },
};
static const command demo_command = {
    .name = "indiseek demo", .usage = "[OPTION]...",
    .about = "Simulates RNA and surface proteins of 2400 cells with a known truth, runs the whole pipeline on them as `indiseek run`\n"
             "does, and says how much of that truth is found in which features.",
    .examples = "  indiseek demo\n  indiseek demo --out /tmp/demo --seed 1\n",
    .options = demo_options, .option_count = sizeof demo_options / sizeof *demo_options,
};

const command *demo_table_get(void) { return &demo_command; }

enum { TRUTHS = 4, EMBEDDED = 4 };
typedef struct demo {
    simulated_cells cells;
    truth truths[TRUTHS];
    truth_table found;
} demo;

/* ---- what is true, and what was found of it ---- */

static isk_status judge(void *user, run_job *j) {
    enum { C_RNA = 1, C_PROTEIN = 2, Z_RNA = 4, Z_PROTEIN = 8 };
    demo *d = user;
    const simulated_cells *s = &d->cells;
    const embedding made[EMBEDDED] = { { "C rna", j->f.m[FEATURE_C] }, { "C protein", j->f.m[FEATURE_C + 1] },
                                           { "Z rna", j->f.m[FEATURE_Z] }, { "Z protein", j->f.m[FEATURE_Z + 1] } };
    d->truths[0] = (truth){ .name = "cell type, in both", .key = "type", .codes = s->type, .classes = s->types,
                            .ideal = C_RNA | C_PROTEIN };
    d->truths[1] = (truth){ .name = "state, in both", .key = "state", .numbers = { s->state, s->cells, 1 }, .ideal = C_RNA | C_PROTEIN };
    d->truths[2] = (truth){ .name = "cell cycle, in RNA alone", .key = "cycle", .numbers = { s->cycle, s->cells, 2 }, .ideal = Z_RNA };
    d->truths[3] = (truth){ .name = "activation, in proteins alone", .key = "activation", .numbers = { s->activation, s->cells, 1 },
                            .ideal = Z_PROTEIN };
    return truth_score(j->t.context, d->truths, TRUTHS, made, EMBEDDED, j->a.d.part, &d->found);
}

static void truth_section(void *user, text *page) {
    const demo *d = user;
    page_heading(page, "What was found of the truth");
    page_paragraph(page, "These cells are simulated: a type and a state move both genes and proteins, the cell cycle moves genes alone, "
                         "activation "
                         "moves proteins alone; counts have library sizes, dropout and background as real ones do. The table says how "
                         "much of each "
                         "the features predict on held-out cells (R², the better of a linear map and ten neighbours). Ideal: C holds type "
                         "and state, Z of RNA the cycle, Z of protein the activation, and nothing else.");
    truth_page(&d->found, page);
}

static void truth_members(void *user, text *out) {
    const demo *d = user;
    truth_json(&d->found, out);
}

static void print_truth(void *user) {
    const demo *d = user;
    text out = { 0 };
    truth_text(&d->found, &out);
    printf("\n%s", out.data ? out.data : "");
    text_free(&out);
}

/* ---- the run ---- */

static isk_status run(demo *d, run_job *j, const settings *s, const char *folder) {
    output out;
    isk_status status = output_open(&out, j->t.context, s->out, RESULT_NAMES, NULL);       /* says what is wrong with it, if anything */
    if (status != ISK_OK) { return isk_set_error(j->t.context, status, "%s", out.error); }
    output_close(&out);
    status = simulate_cells(j->t.context, &(simulate_cells_desc){ .seed = s->seed }, &d->cells);
    if (status == ISK_OK) { status = simulated_cells_write(&d->cells, folder); }
    if (status != ISK_OK) { return status; }
    progress_say(&j->t.bar, "%lld cells were simulated; they are in %s", (long long)d->cells.cells, folder);
    return run_all(j);
}

/* The line that does the same to the user's own cells. */
static void say_next(const settings *s, const char *folder) {
    if (s->quiet) { return; }
    printf("The same by hand, and with your own 10x folder, .h5, .h5ad or .h5mu instead:\n"
           "  build/indiseek run %s --cells %s/cells.tsv --labels cell_type --coarse lineage --out build/run\n", folder, folder);
}

int command_demo(int argc, char **argv) {
    settings s = { .out = "build/demo-results" };
    demo d = { .found = { .truths = 0 } };
    run_settings r = RUN_DEFAULTS;
    run_job j = { .s = &r, .judge = judge, .page = truth_section, .json_members = truth_members, .print = print_truth, .user = &d,
                  .argc = argc, .argv = argv };
    char folder[4200], known[4300];
    int code = options_parse(&demo_command, argc - 1, argv + 1, &s);
    if (code >= 0) { return code; }
    snprintf(folder, sizeof folder, "%s/cells", s.out);
    snprintf(known, sizeof known, "%s/cells.tsv", folder);
    r.source.path = folder;
    r.source.cells = known;
    r.source.labels = "cell_type";
    r.source.coarse = "lineage";
    r.source.prepare[MODALITY_RNA] = "pca=30";
    r.source.seed = r.training.seed = s.seed;
    r.training.out = s.out;
    r.training.resume = s.resume;
    r.training.quiet = s.quiet;
    r.training.device.threads = s.threads;
    r.training.device.device = "cpu";           /* it takes seconds there, and its numbers are known */
    code = training_open(&j.t, &r.training, demo_command.name);
    if (code >= 0) { return code; }
    code = run_finish(&j, run(&d, &j, &s, folder), demo_command.name, argc, argv);
    if (code == 0) { say_next(&s, folder); }
    simulated_cells_free(&d.cells);
    return code;
}
