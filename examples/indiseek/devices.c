/* indiseek devices */
#include "commands.h"

#include "../base/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings { int json; } settings;

static const option devices_options[] = {
    { NULL, OPTION_HEADING, 0, NULL, "Options", 0, 0, NULL },
    { "json", OPTION_FLAG, offsetof(settings, json), NULL, "the same as one JSON object", 0, 0, NULL },
};

static const command devices_command = {
    .name = "indiseek devices", .usage = "[--json]",
    .about = "Lists the CPU, the GPUs with the driver and NVRTC, and what is missing where no GPU can be used.",
    .examples = "  indiseek devices\n"
                "  indiseek devices --json\n"
                "  INDISEEK_NVRTC_LIB=/opt/cuda/lib64/libnvrtc.so.12 indiseek devices\n",
    .options = devices_options, .option_count = sizeof devices_options / sizeof *devices_options,
    .notes = "A GPU of compute capability 7.5 (Turing) or newer needs NVIDIA's driver 525 or newer and NVRTC, which\n"
             "are opened when a program starts.  INDISEEK_CUDA_LIB and INDISEEK_NVRTC_LIB are their paths where the\n"
             "system does not find them.  NVRTC compiles the kernels once and keeps them in INDISEEK_CACHE_DIR,\n"
             "XDG_CACHE_HOME/indiseek or ~/.cache/indiseek.\n",
};

const command *devices_table_get(void) { return &devices_command; }

/* Where the library keeps compiled kernels; returns the variable that says so, NULL when none does. */
static const char *cache_folder(char *folder, size_t size) {
    const char *own = getenv("INDISEEK_CACHE_DIR"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    folder[0] = 0;
    if (own) {
        snprintf(folder, size, "%s", own);
        return *own ? "INDISEEK_CACHE_DIR" : NULL;
    }
    if (cache && *cache) {
        snprintf(folder, size, "%s/indiseek", cache);
        return "XDG_CACHE_HOME";
    }
    if (!home || !*home) { return NULL; }
    snprintf(folder, size, "%s/.cache/indiseek", home);
    return "HOME";
}

/* GPU i can be used when nothing is wrong with it and the kernels can be compiled. */
static int usable(const isk_cuda_info *info, int i) { return info->compiler[0] && !info->gpus[i].problem[0]; }

static int usable_count(const isk_cuda_info *info) {
    int count = 0;
    for (int i = 0; i < info->device_count; i++) { count += usable(info, i); }
    return count;
}

/* ---- words ---- */

static void print_gpu(const isk_cuda_info *info, int i) {
    const struct isk_gpu *gpu = &info->gpus[i];
    char memory[32];
    printf("GPU %-7d%s: compute capability %d.%d, %d multiprocessors, %s GB\n", i, gpu->name, gpu->major, gpu->minor,
           gpu->multiprocessors, fixed((double)gpu->memory / 1e9, 1, memory));
    if (gpu->problem[0]) { printf("           not usable: %s\n", gpu->problem); }
}

static void print_words(const isk_context *cpu, const isk_cuda_info *info) {
    char folder[4200];
    const char *variable = cache_folder(folder, sizeof folder);
    printf("CPU        %s\n", isk_device_text(cpu));
    for (int i = 0; i < info->device_count; i++) { print_gpu(info, i); }
    if (info->device_count == 0) { printf("GPU        none found\n"); }
    printf("driver     %s\n", info->driver[0] ? info->driver : "none that can be used");
    printf("compiler   %s\n", info->compiler[0] ? info->compiler :
                              info->driver[0] ? "no NVRTC that can be used" : "not looked for without a driver");
    if (variable) {
        printf("kernels    compiled ones are kept in %s (from %s)\n", folder, variable);
    } else {
        printf("kernels    compiled ones are not kept: INDISEEK_CACHE_DIR is empty, or there is no HOME\n");
    }
    if (info->missing[0] && strcmp(info->missing, info->gpus[0].problem) != 0) { printf("missing    %s\n", info->missing); }
    printf("\n%s\n", usable_count(info) == 0 ? "No GPU can be used: training runs on the CPU." :
                     usable(info, 0) ? "Training runs on GPU 0, unless --gpu or --device cpu says otherwise." :
                     "Training runs on the CPU, unless --gpu names a GPU that can be used.");
}

/* ---- JSON ---- */

static void json_text(text *out, const char *key, const char *value) {
    text_json_key(out, key);
    if (value && *value) { text_json_string(out, value); } else { text_add(out, "null"); }
}

static void json_gpu(text *out, const isk_cuda_info *info, int i) {
    const struct isk_gpu *gpu = &info->gpus[i];
    text_add(out, i ? ",\n    {" : "\n    {");
    text_json_key(out, "gpu");
    text_format(out, "%d", i);
    json_text(out, "name", gpu->name);
    text_json_key(out, "compute_capability");
    text_format(out, "\"%d.%d\"", gpu->major, gpu->minor);
    text_json_key(out, "multiprocessors");
    text_format(out, "%d", gpu->multiprocessors);
    text_json_key(out, "memory_bytes");
    text_format(out, "%llu", (unsigned long long)gpu->memory);
    text_json_key(out, "usable");
    text_add(out, usable(info, i) ? "true" : "false");
    json_text(out, "problem", gpu->problem);
    text_add(out, "}");
}

static void print_json(const isk_context *cpu, const isk_cuda_info *info) {
    char folder[4200];
    text out = { 0 };
    cache_folder(folder, sizeof folder);
    text_add(&out, "{\n  ");
    json_text(&out, "indiseek", ISK_VERSION);
    text_add(&out, "\n  ");
    json_text(&out, "cpu", isk_device_text(cpu));
    text_add(&out, "\n  ");
    json_text(&out, "driver", info->driver);
    text_add(&out, "\n  ");
    json_text(&out, "compiler", info->compiler);
    text_add(&out, "\n  ");
    json_text(&out, "missing", info->missing);
    text_add(&out, "\n  ");
    json_text(&out, "kernel_cache", folder);
    text_add(&out, "\n  ");
    text_json_key(&out, "gpus");
    text_add(&out, "[");
    for (int i = 0; i < info->device_count; i++) { json_gpu(&out, info, i); }
    text_add(&out, info->device_count ? "\n  ]\n}\n" : "]\n}\n");
    if (!out.failed) { fputs(out.data, stdout); }
    text_free(&out);
}

int command_devices(int argc, char **argv) {
    settings s = { 0 };
    isk_cuda_info info;
    isk_context *cpu;
    int code = options_parse(&devices_command, argc - 1, argv + 1, &s);
    if (code >= 0) { return code; }
    cpu = isk_open(&(isk_context_desc){ .device = ISK_DEVICE_CPU });
    if (!cpu) { return fail(devices_command.name, ISK_MEMORY, NULL); }
    isk_cuda_info_get(&info);
    if (s.json) { print_json(cpu, &info); } else { print_words(cpu, &info); }
    isk_close(cpu);
    return 0;
}
