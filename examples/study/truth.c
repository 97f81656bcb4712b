/* study truth: how much of what is known to be true do methods find?  Difficulties x methods x lambdas x seeds on simulated cells. */
#include "studies.h"

#include "truth_study.h"

#include "../base/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

#define FIELD(name) offsetof(truth_settings, name)
#define STUDY(name) STUDY_OFFSET(FIELD(study), name)

static const option options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Data", 0, 0, NULL },
    { "difficulties", OPTION_TEXT, FIELD(difficulties), "LIST", "which, with commas between [plain,graded,curved,noisy]", 0, 0, NULL },
    { "cells", OPTION_INT, FIELD(cells), "N", "cells, half of which train [4000]", 40, 50000, NULL },
    { "genes", OPTION_INT, FIELD(genes), "N", "genes [2000]", 40, 100000, NULL },
    { "proteins", OPTION_INT, FIELD(proteins), "N", "proteins [30]", 10, 10000, NULL },
    { "write", OPTION_TEXT, FIELD(write), "DIR",
      "nothing is trained: DIR/DIFFICULTY-SEED gets the data as .npy, what is true of them, and which rows train", 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "seeds", OPTION_INT, STUDY(seeds), "N", "data sets of each difficulty, of seeds SEED, SEED + 1, ... [3]", 1, 1000, NULL },
    { "seed", OPTION_SEED, STUDY(seed), "SEED", "first seed: of the data, their split and the training [0]", 0, 0, NULL },
    { "preset", OPTION_TEXT, STUDY(preset), "NAME",
      "where other options have their defaults from: robust, paper or simulation [robust]", 0, 0, NULL },
    STUDY_OUTPUT_OPTIONS(FIELD(study), "difficulties and methods"),
};

static const command about = {
    .name = "study truth", .usage = "[OPTION]...",
    .about = "How much of what is known to be true of simulated cells, measured as RNA and proteins, do the features of\n"
             "every method hold?  On cells that no network saw.",
    .examples = "  study truth --write data\n",
    .options = options, .option_count = sizeof options / sizeof *options,
    .library = 1, .library_offset = STUDY(options), .notes = STUDY_NOTES,
};

/* ---- the study ---- */

typedef struct job {
    truth_settings s;
    study w;
    const difficulty *how[DIFFICULTIES];
    int how_count;
} job;

static isk_status find_difficulties(job *j) {
    const char *known[DIFFICULTIES + 1] = { NULL };
    for (int i = 0; i < DIFFICULTIES; i++) { known[i] = difficulties[i].name; }
    for (const char *at = j->s.difficulties; at;) {
        const char *comma = strchr(at, ','), *near;
        char name[64];
        int found = 0;
        snprintf(name, sizeof name, "%.*s", comma ? (int)(comma - at) : (int)strlen(at), at);
        while (found < DIFFICULTIES && strcmp(known[found], name) != 0) { found++; }
        if (found == DIFFICULTIES) {
            near = nearest_word(name, known);
            return isk_set_error(j->w.context, ISK_ARGUMENT, "there is no difficulty '%s'%s%s%s", name, near ? "; did you mean '" : "",
                                 near ? near : "", near ? "'?" : "");
        }
        for (int i = 0; i < j->how_count; i++) {
            if (j->how[i] == &difficulties[found]) {
                return isk_set_error(j->w.context, ISK_ARGUMENT, "--difficulties has %s twice", name);
            }
        }
        j->how[j->how_count++] = &difficulties[found];
        at = comma ? comma + 1 : NULL;
    }
    return ISK_OK;
}

static isk_status write_all(job *j) {
    isk_status status = ISK_OK;
    for (int i = 0; i < j->how_count * j->s.study.seeds && status == ISK_OK; i++) {
        const difficulty *how = j->how[i / j->s.study.seeds];
        const uint64_t seed = j->s.study.seed + (uint64_t)(i % j->s.study.seeds);
        truth_data d;
        status = truth_simulate(&d, j->w.context, &j->s, how, seed, j->w.resolved.validation);
        if (status == ISK_OK) { status = truth_write(&d, j->w.context, j->s.write, how, seed); }
        truth_data_free(&d);
        if (status == ISK_OK) { progress_say(&j->w.bar, "%s-%llu is written", how->name, (unsigned long long)seed); }
    }
    return status;
}

static isk_status run(void *user) {
    job *j = user;
    isk_status status = study_prepare(&j->w);
    if (status == ISK_OK) { status = find_difficulties(j); }
    if (status == ISK_OK && j->s.write) { return write_all(j); }
    return status;
}

int study_truth(int argc, char **argv) {
    job *j = calloc(1, sizeof *j);
    int code;
    if (!j) { return fail("study truth", ISK_MEMORY, NULL); }
    j->s = (truth_settings){ .difficulties = "plain,graded,curved,noisy", .cells = 4000, .genes = 2000, .proteins = 30,
                             .study = { .lambdas = { { 10 }, 1 }, .seeds = 3, .preset = "robust", .device = DEVICE_DEFAULTS } };
    code = options_parse(&about, argc - 1, argv + 1, &j->s);
    if (code < 0 && (code = study_check(&about, &j->s.study)) == 0) {
        j->w = (study){ .command = &about, .s = &j->s.study, .resumable = 1, .argc = argc, .argv = argv };
        code = study_run(&j->w, run, j);
    }
    free(j);
    return code;
}
