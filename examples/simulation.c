/* The simulated settings of Gui, Ma and Ma 2025: all runs of a call are models of one sweep. */
#include "base/options.h"
#include "base/output.h"
#include "base/progress.h"
#include "report/setting_chart.h"
#include "runs/device.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    device_settings device;
    int setting, n, test, seeds, quiet;
    const char *method, *preset, *json, *svg;
    real_list lambdas;
    uint64_t seed;
    isk_options options;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option table[] = {
    { NULL, OPTION_HEADING, 0, NULL, "What to run", 0, 0, NULL },
    { "setting", OPTION_INT, FIELD(setting), "1..4", "the paper's setting [1]", 1, 4, NULL },
    { "n", OPTION_INT, FIELD(n), "N", "training rows [10000]", 2, 1e8, NULL },
    { "test", OPTION_INT, FIELD(test), "N", "rows of the independent test set [1000]", 1, 1e8, NULL },
    { "method", OPTION_TEXT, FIELD(method), "NAME",
      "indiseek (indiseek0 is the same where there is one view), factorizedcl, infodisen [indiseek]", 0, 0, NULL },
    { "lambda", OPTION_REALS, FIELD(lambdas), "LIST", "weights of the reconstruction, with commas between [0.1]", 0,
      1e9, NULL },
    { "seeds", OPTION_INT, FIELD(seeds), "N", "models of each lambda, of seeds SEED, SEED + 1, ... [1]", 1, 100000,
      NULL },
    { "seed", OPTION_SEED, FIELD(seed), "SEED", "first seed; it also makes the data, which all models share [0]", 0, 0,
      NULL },
    { "preset", OPTION_TEXT, FIELD(preset), "NAME",
      "where other options have their defaults from: robust, paper or simulation "
      "[simulation]",
      0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Output", 0, 0, NULL },
    { "json", OPTION_TEXT, FIELD(json), "FILE", "an array with one object for each model", 0, 0, NULL },
    { "svg", OPTION_TEXT, FIELD(svg), "FILE", "a bar chart of the importances, with standard deviations", 0, 0, NULL },
    { "quiet", OPTION_FLAG, FIELD(quiet), NULL, "no progress", 0, 0, NULL },
    DEVICE_OPTIONS(FIELD(device)),
};

static const command simulation = {
    .name = "simulation", .usage = "[OPTION]...",
    .about = "Which coordinates of X does the specific feature Z look at, when C says all about some of them?\n"
             "Setting 1: Z should ignore coordinates 1 and 2; setting 2: Z should see 5 and 6 only; 3 and 4 are\n"
             "the same with discrete specific coordinates.",
    .examples = "  simulation --setting 1 --lambda 0.1 --seeds 5\n"
                "  simulation --setting 2 --lambda 0.01,0.1,1,10 --seeds 10 --svg importance.svg --json runs.json\n",
    .options = table, .option_count = sizeof table / sizeof *table,
    .library = 1, .library_offset = FIELD(options),
};

static void json_runs(text *out, const settings *s, const setting_run *runs, int count) {
    const configuration c = { .seed = s->seed };
    records r = setting_records();
    const sweep_record *all = records_add(&r, s->method, s->setting, s->lambdas.value, s->lambdas.count, s->seeds);
    out->failed |= !all;
    for (int i = 0; i < count && all; i++) { setting_to_record(&runs[i], &r, all, i); }
    records_runs(&r, &c, "  ", out);
    text_add(out, "\n");
    records_free(&r);
}

/* Files are written one after the other; the first that cannot be is the error. */
static isk_status write_files(isk_context *context, const settings *s, const setting_run *runs, int run_count,
                              const setting_summary *all, int count) {
    isk_status status = ISK_OK;
    text out = { 0 };
    if (s->json) {
        json_runs(&out, s, runs, run_count);
        status = write_text(context, s->json, &out);
        text_free(&out);
    }
    if (s->svg && status == ISK_OK) {
        setting_chart(&out, s->setting, all, count, 1);
        status = write_text(context, s->svg, &out);
        text_free(&out);
    }
    return status;
}

static isk_status run(isk_context *context, const settings *s, progress *bar) {
    isk_sweep_desc sweep = { .fit = { .seed = s->seed, .options = s->options }, .lambdas = s->lambdas.value,
                             .lambda_count = s->lambdas.count, .seed_count = s->seeds };
    setting_run *runs = NULL;
    setting_summary all[MOST_REALS];
    int count = 0;
    /* isk_open leaves its sentence when there is no GPU for --device cuda */
    isk_status status = *isk_error(context) ? ISK_DEVICE : isk_method_find(context, s->method, &sweep.fit.method);
    if (status == ISK_OK) { status = isk_preset_find(context, s->preset, &sweep.fit.preset); }
    if (status == ISK_OK) { status = can_write(context, s->json); }
    if (status == ISK_OK) { status = can_write(context, s->svg); }
    if (status == ISK_OK) {
        count = isk_sweep_models(&sweep);
        runs = calloc((size_t)count + 1, sizeof *runs);
        progress_say(bar, "%d model%s on %s", count, count == 1 ? "" : "s", isk_device_text(context));
        status = runs ? setting_sweep(context, s->setting, s->n, s->test, &sweep, runs) : ISK_MEMORY;
    }
    if (status == ISK_OK) {
        for (int i = 0; i < s->lambdas.count; i++) { setting_summarise(runs + i * s->seeds, s->seeds, &all[i]); }
        printf("setting %d, %s, %d rows, %d seed%s\n", s->setting, s->method, s->n, s->seeds, s->seeds > 1 ? "s" : "");
        setting_print(s->setting, all, s->lambdas.count);
        status = write_files(context, s, runs, count, all, s->lambdas.count);
    }
    free(runs);
    return status;
}

int main(int argc, char **argv) {
    settings s = { .setting = 1, .n = 10000, .test = 1000, .seeds = 1, .method = "indiseek", .preset = "simulation",
                   .lambdas = { { 0.1 }, 1 }, .device = DEVICE_DEFAULTS };
    isk_context_desc desc = { 0 };
    isk_context *context;
    isk_status status;
    progress bar;
    int code = options_parse(&simulation, argc, argv, &s);
    take_limits_for_errors();
    if (code >= 0) { return check_output(simulation.name, code); }
    progress_open(&bar, s.quiet);
    progress_attach(&bar, &desc);
    bar.single = s.seeds * s.lambdas.count == 1;
    device_apply(&s.device, &desc);
    context = isk_open(&desc);
    if (!context) { return fail(simulation.name, ISK_MEMORY, NULL); }
    progress_watch(context);
    status = run(context, &s, &bar);
    progress_close(&bar);
    code = status == ISK_OK ? 0 : fail(simulation.name, status, isk_error(context));
    if (status == ISK_INTERRUPTED) { code = EXIT_FAILED; }             /* nothing is kept that could be resumed */
    isk_close(context);
    return check_output(simulation.name, code);
}
