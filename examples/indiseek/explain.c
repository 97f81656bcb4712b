/* indiseek explain */
#include "commands.h"

#include "../runs/coordinates.h"
#include "../runs/methods.h"

#include <stdio.h>
#include <unistd.h>

typedef struct settings {
    const char *folder, *json, *tsv;
    int most;
} settings;

#define FIELD(name) offsetof(settings, name)
static const option explain_options[] = {
    { "RESULTS", OPTION_ARGUMENT, FIELD(folder), NULL, NULL, 0, 0, NULL },
    { NULL, OPTION_HEADING, 0, NULL, "Options", 0, 0, NULL },
    { "most", OPTION_INT, FIELD(most), "N", "coordinates of each Z and C that are printed [10]", 1, 1e6, NULL },
    { "json", OPTION_TEXT, FIELD(json), "FILE", "all of them as JSON; - is standard output, and no table is printed", 0, 0, NULL },
    { "tsv", OPTION_TEXT, FIELD(tsv), "FILE", "all of them as the table that RESULTS/coordinates.tsv is; - likewise", 0, 0, NULL },
};

static const command explain_command = {
    .name = "indiseek explain", .usage = "RESULTS [OPTION]...",
    .about = "Prints what each coordinate of the features follows: the share of every view that it tells (R^2 on held-out\n"
             "rows), alone and together with those above it, and the genes, proteins or columns that rise and fall with it.\n"
             "RESULTS is a folder made by `indiseek run` or `indiseek fit`.",
    .examples = "  indiseek explain results\n"
                "  indiseek explain results --most 3\n"
                "  indiseek explain results --json - | jq '.[0]'\n",
    .notes = "The numbers are those of RESULTS/coordinates.tsv; the data are not needed again.\n",
    .options = explain_options, .option_count = sizeof explain_options / sizeof *explain_options,
};

const command *explain_table_get(void) { return &explain_command; }

static isk_status write_files(isk_context *context, const settings *s, const coordinates *c) {
    coordinate_columns columns;
    sheet all;
    text out = { 0 };
    isk_status status = ISK_OK;
    coordinates_sheet(c, &columns, &all);
    if (s->json) {
        sheet_json(&all, "  ", &out);
        text_add(&out, "\n");
        status = write_text(context, s->json, &out);
        text_free(&out);
    }
    if (s->tsv && status == ISK_OK) {
        sheet_tsv(&all, &out);
        status = write_text(context, s->tsv, &out);
        text_free(&out);
    }
    sheet_free(&all);
    return status;
}

static isk_status explain(isk_context *context, const settings *s) {
    char path[4200];
    coordinates c;
    text out = { 0 };
    isk_status status = output_verify(context, s->folder, "coordinates.tsv");
    if (status != ISK_OK) { return status; }
    snprintf(path, sizeof path, "%s/coordinates.tsv", s->folder);
    if (access(path, F_OK) != 0) {
        return isk_set_error(context, ISK_IO, "%s is not there: `indiseek run` and `indiseek fit` write it where rows are held out", path);
    }
    status = coordinates_read(&c, context, path);
    if (status != ISK_OK) { return status; }
    if (!is_standard_output(s->json) && !is_standard_output(s->tsv)) {
        coordinates_text(&c, s->most, &out);
        if (out.failed) { status = no_memory(context, "coordinates"); } else { fputs(out.data ? out.data : "", stdout); }
        text_free(&out);
    }
    if (status == ISK_OK) { status = write_files(context, s, &c); }
    coordinates_free(&c);
    return status;
}

int command_explain(int argc, char **argv) {
    settings s = { .most = 10 };
    isk_context *context;
    isk_status status;
    int code = options_parse(&explain_command, argc - 1, argv + 1, &s);
    if (code >= 0) { return code; }
    if (!s.folder) { return usage_error(explain_command.name, "RESULTS is missing: a folder of `indiseek run` or `indiseek fit`"); }
    context = methods_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    if (!context) { return fail(explain_command.name, ISK_MEMORY, NULL); }
    status = explain(context, &s);
    code = status == ISK_OK ? 0 : fail(explain_command.name, status, isk_error(context));
    isk_close(context);
    return code;
}
