#include "provenance.h"

#include "../base/fail.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static isk_status hash_file(provenance *p, isk_context *context, const char *path) {
    const int i = p->count;
    int twice = 0;
    isk_reader file;
    isk_status status = isk_reader_open(context, path, &file);
    if (status != ISK_OK) { return status; }
    status = isk_sha256(context, &file, p->hash[i]);
    isk_reader_close(&file);
    snprintf(p->name[i], sizeof p->name[i], "sha256_%.90s", name_of(path));
    for (int k = 0; k < i; k++) { twice = twice || strcmp(p->name[k], p->name[i]) == 0; }
    if (twice) { snprintf(p->name[i], sizeof p->name[i], "sha256_%.90s_%d", name_of(path), i + 1); }
    p->count++;
    return status;
}

isk_status provenance_make(provenance *p, isk_context *context, int argc, char **argv, const char *const *files, int count) {
    const time_t now = time(NULL);
    const struct tm *utc = gmtime(&now);
    isk_status status = ISK_OK;
    memset(p, 0, sizeof *p);
    typed_line(&p->line, argc, argv);
    if (utc) { strftime(p->date, sizeof p->date, "%Y-%m-%d %H:%M UTC", utc); }
    for (int i = 0; i < count && p->count < MOST_HASHED && status == ISK_OK; i++) {
        if (!files[i]) { continue; }
        if (!p->count) { snprintf(p->data, sizeof p->data, "%.110s", name_of(files[i])); }
        status = hash_file(p, context, files[i]);
    }
    return status;
}

void provenance_free(provenance *p) { text_free(&p->line); }
