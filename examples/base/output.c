#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".new";

/* As `mkdir -p`. */
static int make_folders(const char *path) {
    char part[4096];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part) { errno = ENAMETOOLONG; return 0; }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != 0) { continue; }
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) { return 0; }
    }
    return 1;
}

isk_status output_open(output *o, isk_context *context, const char *folder) {
    char path[4200];
    struct stat about;
    int file;
    *o = (output){ .context = context, .folder = folder };
    if (!make_folders(folder)) {
        snprintf(o->error, sizeof o->error, "the folder %.300s cannot be made: %s", folder, strerror(errno));
        return ISK_IO;
    }
    if (stat(folder, &about) == 0 && !S_ISDIR(about.st_mode)) {
        snprintf(o->error, sizeof o->error, "%.300s is a file; --out wants a folder", folder);
        return ISK_IO;
    }
    snprintf(path, sizeof path, "%s/.writable", folder);
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0) {
        snprintf(o->error, sizeof o->error, "no file can be made in %.300s: %s", folder, strerror(errno));
        return ISK_IO;
    }
    close(file);
    unlink(path);
    return ISK_OK;
}

char *output_path(const output *o, const char *name, char *buffer, size_t size) {
    snprintf(buffer, size, "%s/%s", o->folder, name);
    return buffer;
}

char *output_stage(output *o, const char *name, char *buffer, size_t size) {
    if (o->count < MOST_OUTPUTS) { snprintf(o->names[o->count++], sizeof o->names[0], "%s", name); }
    snprintf(buffer, size, "%s/%s%s", o->folder, name, suffix);
    return buffer;
}

static isk_status library_error(output *o, isk_status status) {
    if (status != ISK_OK) { snprintf(o->error, sizeof o->error, "%s", isk_error(o->context)); }
    return status;
}

isk_status output_matrix(output *o, const char *name, isk_matrix matrix) {
    char path[4200];
    return library_error(o, isk_npy_save(o->context, output_stage(o, name, path, sizeof path), matrix));
}

isk_status output_text(output *o, const char *name, const text *t) {
    char path[4200];
    return library_error(o, write_text(o->context, output_stage(o, name, path, sizeof path), t));
}

isk_status output_commit(output *o) {
    char from[4200], to[4200];
    for (int i = 0; i < o->count; i++) {
        snprintf(from, sizeof from, "%s/%s%s", o->folder, o->names[i], suffix);
        if (rename(from, output_path(o, o->names[i], to, sizeof to)) != 0) {
            snprintf(o->error, sizeof o->error, "%.300s cannot be written: %s", to, strerror(errno));
            return ISK_IO;
        }
    }
    o->count = 0;
    return ISK_OK;
}

void output_drop(output *o) {
    char path[4200];
    for (int i = 0; i < o->count; i++) {
        snprintf(path, sizeof path, "%s/%s%s", o->folder, o->names[i], suffix);
        unlink(path);
    }
    o->count = 0;
}

/* NAME.PID-N.tmp, as the library calls a file until it is whole, where NAME is staged or a checkpoint. */
static int is_leftover(const char *name) {
    static const char digits[] = "0123456789";
    for (const char *at = strchr(name, '.'); at; at = strchr(at + 1, '.')) {
        size_t pid = strspn(at + 1, digits), length = (size_t)(at - name), end = sizeof suffix - 1;
        const char *dash = at + 1 + pid;
        if (!pid || *dash != '-' || strcmp(dash + 1 + strspn(dash + 1, digits), ".tmp") != 0) { continue; }
        return strncmp(name, "checkpoint.", 11) == 0 || (length > end && memcmp(at - end, suffix, end) == 0);
    }
    return 0;
}

void output_tidy(const output *o) {
    char path[4200];
    DIR *folder = opendir(o->folder);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        if (is_leftover(entry->d_name)) { unlink(output_path(o, entry->d_name, path, sizeof path)); }
    }
    if (folder) { closedir(folder); }
}

int is_standard_output(const char *path) { return path && strcmp(path, "-") == 0; }

isk_status can_write(isk_context *context, const char *path) {
    char beside[4200];
    struct stat about;
    int file;
    if (!path || is_standard_output(path)) { return ISK_OK; }
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        return isk_set_error(context, ISK_IO, "%s is there and is no regular file", path);
    }
    snprintf(beside, sizeof beside, "%s%s", path, suffix);
    file = open(beside, O_WRONLY | O_CREAT, 0666);
    if (file < 0) { return isk_set_error(context, ISK_IO, "%s cannot be written: %s", path, strerror(errno)); }
    close(file);
    unlink(beside);
    return ISK_OK;
}

isk_status write_text(isk_context *context, const char *path, const text *t) {
    if (t->failed) { return ISK_MEMORY; }
    if (is_standard_output(path)) {
        if (t->data) { fwrite(t->data, 1, t->length, stdout); }             /* check_output tells of what was not written */
        return ISK_OK;
    }
    return isk_write_file(context, path, t->data ? t->data : "", t->length);
}
