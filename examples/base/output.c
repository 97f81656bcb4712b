#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char staging[] = ".indiseek-new", lock_name[] = ".indiseek-lock", manifest_name[] = "manifest.sha256";
static const char manifest_head[] = "# what indiseek wrote here; all else is the user's\n";

/* ---- names ---- */

/* Is `name` one of the words, where # is a digit? */
static int is_among(const char *name, const char *words) {
    while (*words) {
        const char *at = name;
        for (; *words && *words != ' ' && *at && (*words == '#' ? *at >= '0' && *at <= '9' : *at == *words); words++) { at++; }
        if (!*at && (!*words || *words == ' ')) { return 1; }
        words += strcspn(words, " ");
        words += *words == ' ';
    }
    return 0;
}

static output_file *file_named(output_file *files, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(files[i].name, name) == 0) { return &files[i]; }
    }
    return NULL;
}

char *output_path(const output *o, const char *name, char *buffer, size_t size) {
    snprintf(buffer, size, "%.4000s/%.150s", o->folder, name);
    return buffer;
}

static char *staged_path(const output *o, const char *name, char *buffer, size_t size) {
    snprintf(buffer, size, "%.4000s/%s%s%.150s", o->folder, staging, *name ? "/" : "", name);
    return buffer;
}

static isk_status cannot(output *o, const char *what, const char *path) {
    snprintf(o->error, sizeof o->error, "%.300s %s: %s", path, what, strerror(errno));
    return ISK_IO;
}

static isk_status library_error(output *o, isk_status status) {
    if (status != ISK_OK) { snprintf(o->error, sizeof o->error, "%s", isk_error(o->context)); }
    return status;
}

/* ---- the manifest ---- */

static isk_status hash_of(isk_context *context, const char *path, char hash[65]) {
    isk_reader file;
    isk_status status = isk_reader_open(context, path, &file);
    if (status != ISK_OK) { return status; }
    status = isk_sha256(context, &file, hash);
    isk_reader_close(&file);
    return status;
}

/* Lines "HASH  NAME" after the first; -1: there is no such file, or it is none of ours. */
static int manifest_read(const char *path, output_file files[MOST_OWNED]) {
    char line[200];
    int count = 0;
    const int opened = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat about;
    FILE *file = opened >= 0 && fstat(opened, &about) == 0 && S_ISREG(about.st_mode) ? fdopen(opened, "r") : NULL;
    if (!file) {
        if (opened >= 0) { close(opened); }
        return -1;
    }
    if (!fgets(line, sizeof line, file) || strcmp(line, manifest_head) != 0) { count = -1; }
    while (count >= 0 && fgets(line, sizeof line, file)) {
        const size_t length = strcspn(line, "\n");
        line[length] = 0;
        if (count == MOST_OWNED || length < 67 || length >= 66 + sizeof files->name || strspn(line, "0123456789abcdef") != 64 ||
            strncmp(line + 64, "  ", 2) != 0 || strchr(line + 66, '/')) {
            count = -1;
            break;
        }
        snprintf(files[count].hash, sizeof files->hash, "%.64s", line);
        memcpy(files[count++].name, line + 66, length - 65);        /* with the 0 */
    }
    fclose(file);
    return count;
}

static isk_status manifest_write(output *o, const output_file *files, int count, const char *path) {
    text t = { 0 };
    isk_status status;
    text_add(&t, manifest_head);
    for (int i = 0; i < count; i++) { text_format(&t, "%s  %s\n", files[i].hash, files[i].name); }
    status = library_error(o, write_text(o->context, path, &t));
    text_free(&t);
    return status;
}

/* Is the file at that path a regular one, of those bytes? */
static int is_file_of(isk_context *context, const char *path, const char *hash) {
    char here[65];
    struct stat about;
    return lstat(path, &about) == 0 && S_ISREG(about.st_mode) && hash_of(context, path, here) == ISK_OK && strcmp(here, hash) == 0;
}

int output_awaited(const char *folder, char *sentence, size_t size) {
    char path[4200];
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int file, held;
    snprintf(path, sizeof path, "%.4000s/%s", folder, manifest_name);
    if (access(path, F_OK) == 0) { return 0; }
    snprintf(path, sizeof path, "%.4000s/%s", folder, lock_name);
    file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) { return 0; }
    held = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(file);
    if (held) {
        snprintf(sentence, size, "%.300s has no results yet: process %ld is writing the first into it; wait for its end", folder,
                 (long)lock.l_pid);
    }
    return held;
}

isk_status output_verify(isk_context *context, const char *folder, const char *names) {
    output_file files[MOST_OWNED];
    char path[4200];
    struct stat about;
    int count;
    if (output_awaited(folder, path, sizeof path)) { return isk_set_error(context, ISK_IO, "%s", path); }
    snprintf(path, sizeof path, "%s/%s/%s", folder, staging, manifest_name);
    if (lstat(path, &about) == 0) {
        return isk_set_error(context, ISK_DATA, "%s: a run is giving its files their names, or was stopped while it did; run again",
                             folder);
    }
    snprintf(path, sizeof path, "%s/%s", folder, manifest_name);
    count = manifest_read(path, files);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%.4000s/%.63s", folder, files[i].name);
        if (!is_among(files[i].name, names) || lstat(path, &about) != 0 || is_file_of(context, path, files[i].hash)) { continue; }
        return isk_set_error(context, ISK_DATA, "%s is not as %s/%s says: a later run was stopped while its files took their names, or "
                             "it was changed; run again, or take its line out of there if the change is yours", path, folder,
                             manifest_name);
    }
    return ISK_OK;
}

/* ---- opening ---- */

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

/* FOLDER/.indiseek-lock, which is there while a process has the folder.  Whoever finds it locked reads the pid from the lock; a lock
   goes with its process, however that ends. */
static isk_status take_lock(output *o) {
    char path[4200];
    for (;;) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        struct stat here, there;
        const int file = open(output_path(o, lock_name, path, sizeof path), O_RDWR | O_CREAT | O_NOFOLLOW, 0666);
        if (file < 0) {
            snprintf(o->error, sizeof o->error, "no file can be made in %.300s: %s", o->folder, strerror(errno));
            return ISK_IO;
        }
        if (fcntl(file, F_SETLK, &lock) != 0) {
            const int held = errno == EACCES || errno == EAGAIN;
            const int known = held && fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
            if (!held) {                    /* a file system without locks: better no lock than no results */
                o->lock = file + 1;
                return ISK_OK;
            }
            close(file);
            if (!known) { continue; }       /* it has just ended */
            snprintf(o->error, sizeof o->error, "process %ld is writing into %.300s; wait for it, or name another folder", (long)lock.l_pid,
                     o->folder);
            return ISK_IO;
        }
        /* Another may have removed the file between open and lock, and a third made a new one. */
        if (fstat(file, &here) == 0 && lstat(path, &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
            o->lock = file + 1;
            return ISK_OK;
        }
        close(file);
    }
}

static void drop_lock(output *o) {
    char path[4200];
    if (!o->lock) { return; }
    unlink(output_path(o, lock_name, path, sizeof path));
    close(o->lock - 1);
    o->lock = 0;
}

/* What is in the staging folder, and the folder. */
static void clear_staging(const output *o) {
    char path[4200];
    struct stat about;
    DIR *folder = lstat(staged_path(o, "", path, sizeof path), &about) == 0 && S_ISDIR(about.st_mode) ? opendir(path) : NULL;
    struct dirent *entry;
    if (!folder) { return; }
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlink(staged_path(o, entry->d_name, path, sizeof path));
        }
    }
    closedir(folder);
    rmdir(staged_path(o, "", path, sizeof path));
}

/* Refuses where a file that may be written is the user's. */
static isk_status look_for_others(output *o) {
    char path[4200], found[300] = "";
    int count = 0;
    DIR *folder = opendir(o->folder);
    struct dirent *entry;
    if (!folder) { return cannot(o, "cannot be read", o->folder); }
    while ((entry = readdir(folder)) != NULL) {
        const output_file *own = file_named(o->owned, o->owned_count, entry->d_name);
        const size_t length = strlen(found);
        if (!is_among(entry->d_name, o->names) && (strcmp(entry->d_name, manifest_name) != 0 || o->owned_count >= 0)) { continue; }
        if (strcmp(entry->d_name, manifest_name) == 0) { own = NULL; }
        if (own && is_file_of(o->context, output_path(o, entry->d_name, path, sizeof path), own->hash)) { continue; }
        if (count++ < 4) { snprintf(found + length, sizeof found - length, "%s%.60s", length ? ", " : "", entry->d_name); }
    }
    closedir(folder);
    if (!count) { return ISK_OK; }
    snprintf(o->error, sizeof o->error, "%.200s has %s%s, which would be replaced, and by %s no run of this program wrote %s as %s now; "
             "name another folder, or move %s away", o->folder, found, count > 4 ? " and others" : "", manifest_name,
             count > 1 ? "them" : "it", count > 1 ? "they are" : "it is", count > 1 ? "them" : "it");
    return ISK_IO;
}

/* Staged files take their names; what was of ours before and is not among `files` goes; the manifest comes last. */
static isk_status move_all(output *o, output_file *files, int count) {
    char from[4200], to[4200];
    struct stat about;
    for (int i = 0; i < count; i++) {
        if (lstat(staged_path(o, files[i].name, from, sizeof from), &about) != 0) { continue; }     /* it has its name already */
        if (rename(from, output_path(o, files[i].name, to, sizeof to)) != 0) { return cannot(o, "cannot be written", to); }
    }
    for (int i = 0; i < o->owned_count; i++) {
        if (file_named(files, count, o->owned[i].name)) { continue; }
        if (is_file_of(o->context, output_path(o, o->owned[i].name, to, sizeof to), o->owned[i].hash)) { unlink(to); }
    }
    staged_path(o, manifest_name, from, sizeof from);
    if (rename(from, output_path(o, manifest_name, to, sizeof to)) != 0) { return cannot(o, "cannot be written", to); }
    memcpy(o->owned, files, (size_t)count * sizeof *files);
    o->owned_count = count;
    return ISK_OK;
}

/* A run that was killed while its files took their names: all of them were there by then, so they get them now.  What lies where one of
   them is to go must be that file, or what the manifest before had there. */
static isk_status end_what_was_begun(output *o) {
    output_file files[MOST_OWNED];
    char path[4200], staged[4200];
    const int count = manifest_read(staged_path(o, manifest_name, path, sizeof path), files);
    struct stat about;
    isk_status status = ISK_OK;
    for (int i = 0; i < count; i++) {
        const output_file *own = file_named(o->owned, o->owned_count, files[i].name);
        if (lstat(output_path(o, files[i].name, path, sizeof path), &about) != 0) { continue; }
        if (lstat(staged_path(o, files[i].name, staged, sizeof staged), &about) != 0) { continue; }
        if (own && is_file_of(o->context, path, own->hash)) { continue; }
        snprintf(o->error, sizeof o->error, "%.300s is in the way of what a run that was stopped had to put there; move it away", path);
        return ISK_IO;
    }
    if (count >= 0) { status = move_all(o, files, count); }
    if (status == ISK_OK) { clear_staging(o); }
    return status;
}

isk_status output_open(output *o, isk_context *context, const char *folder, const char *names, const char *known_by) {
    char path[4200];
    struct stat about;
    isk_status status;
    *o = (output){ .context = context, .folder = folder, .names = names };
    if (!make_folders(folder)) {
        snprintf(o->error, sizeof o->error, "the folder %.300s cannot be made: %s", folder, strerror(errno));
        return ISK_IO;
    }
    if (stat(folder, &about) == 0 && !S_ISDIR(about.st_mode)) {
        snprintf(o->error, sizeof o->error, "%.300s is a file; --out wants a folder", folder);
        return ISK_IO;
    }
    status = take_lock(o);
    if (status == ISK_OK) {
        o->owned_count = manifest_read(output_path(o, manifest_name, path, sizeof path), o->owned);
        status = end_what_was_begun(o);
    }
    o->adopts = known_by && access(output_path(o, known_by, path, sizeof path), F_OK) == 0;
    if (status == ISK_OK && !o->adopts) { status = look_for_others(o); }
    if (o->owned_count < 0) { o->owned_count = 0; }
    if (status != ISK_OK) { drop_lock(o); }
    return status;
}

/* ---- writing ---- */

char *output_stage(output *o, const char *name, char *buffer, size_t size) {
    mkdir(staged_path(o, "", buffer, size), 0777);          /* where it cannot be, the file cannot be written either */
    if (o->count == MOST_OUTPUTS) { o->lost = 1; }
    if (o->count < MOST_OUTPUTS) { snprintf(o->staged[o->count++], sizeof o->staged[0], "%s", name); }
    return staged_path(o, name, buffer, size);
}

void output_reads(output *o, const char *path) {
    if (path && o->input_count < MOST_INPUTS) { o->inputs[o->input_count++] = path; }
}

int output_has(const output *o, const char *name) {
    for (int i = 0; i < o->owned_count; i++) {
        if (strcmp(o->owned[i].name, name) == 0) { return 1; }
    }
    return 0;
}

/* Is it one of the inputs, FILE or FILE:COLUMN? */
static int is_input(const output *o, const struct stat *file) {
    for (int i = 0; i < o->input_count; i++) {
        char path[4200];
        struct stat about;
        char *colon;
        snprintf(path, sizeof path, "%s", o->inputs[i]);
        while (stat(path, &about) != 0 && (colon = strrchr(path, ':')) != NULL) { *colon = 0; }
        if (stat(path, &about) == 0 && about.st_ino == file->st_ino && about.st_dev == file->st_dev) { return 1; }
    }
    return 0;
}

isk_status output_matrix(output *o, const char *name, isk_matrix matrix) {
    char path[4200];
    return library_error(o, isk_npy_save(o->context, output_stage(o, name, path, sizeof path), matrix));
}

isk_status output_text(output *o, const char *name, const text *t) {
    char path[4200];
    return library_error(o, write_text(o->context, output_stage(o, name, path, sizeof path), t));
}

/* What the manifest will say: the staged files, and what is ours already and not stale. */
static isk_status find_owned(output *o, const char *stale, output_file files[MOST_OWNED], int *count) {
    char path[4200];
    *count = 0;
    for (int i = 0; i < o->count; i++) {
        output_file *file = &files[(*count)++];
        isk_status status = library_error(o, hash_of(o->context, staged_path(o, o->staged[i], path, sizeof path), file->hash));
        snprintf(file->name, sizeof file->name, "%s", o->staged[i]);
        if (status != ISK_OK) { return status; }
        o->lost = o->lost || !is_among(file->name, o->names);
    }
    for (int i = 0; i < o->owned_count; i++) {
        struct stat about;
        if (file_named(files, *count, o->owned[i].name)) { continue; }
        if (lstat(output_path(o, o->owned[i].name, path, sizeof path), &about) != 0) { continue; }
        if (stale && is_among(o->owned[i].name, stale) && !is_input(o, &about)) { continue; }
        if (*count == MOST_OWNED) { o->lost = 1; } else { files[(*count)++] = o->owned[i]; }
    }
    if (!o->lost) { return ISK_OK; }
    snprintf(o->error, sizeof o->error, "%.200s: more files than were announced", o->folder);       /* a fault of ours */
    return ISK_ARGUMENT;
}

isk_status output_commit(output *o, const char *stale) {
    output_file files[MOST_OWNED];
    char path[4200];
    int count;
    isk_status status = find_owned(o, stale, files, &count);
    if (status == ISK_OK && !o->adopts) { status = look_for_others(o); }       /* hours may have gone by */
    if (status == ISK_OK) { status = manifest_write(o, files, count, staged_path(o, manifest_name, path, sizeof path)); }
    o->begun = status == ISK_OK;
    if (status == ISK_OK) { status = move_all(o, files, count); }
    if (status != ISK_OK) { return status; }
    o->count = o->begun = o->adopts = 0;
    clear_staging(o);
    return ISK_OK;
}

int output_keep(output *o, const char *name, const char *other) {
    char from[4200], to[4200];
    output_file *own = file_named(o->owned, o->owned_count, name), *taken = file_named(o->owned, o->owned_count, other), kept;
    struct stat about;
    if (!own) { return 0; }
    if (lstat(output_path(o, other, to, sizeof to), &about) == 0 && !(taken && is_file_of(o->context, to, taken->hash))) { return 0; }
    if (rename(output_path(o, name, from, sizeof from), to) != 0) { return 0; }
    kept = *own;
    snprintf(kept.name, sizeof kept.name, "%s", other);
    if (taken) {
        *taken = kept;
        *own = o->owned[--o->owned_count];
    } else {
        *own = kept;
    }
    return library_error(o, manifest_write(o, o->owned, o->owned_count, output_path(o, manifest_name, to, sizeof to))) == ISK_OK;
}

void output_close(output *o) {
    if (!o->lock) { return; }
    if (!o->begun) { clear_staging(o); }
    o->count = 0;
    drop_lock(o);
}

/* checkpoint.*.PID-N.tmp, as the library calls a file until it is whole. */
static int is_leftover(const char *name) {
    static const char digits[] = "0123456789";
    for (const char *at = strchr(name, '.'); at; at = strchr(at + 1, '.')) {
        size_t pid = strspn(at + 1, digits);
        const char *dash = at + 1 + pid;
        if (!pid || *dash != '-' || strcmp(dash + 1 + strspn(dash + 1, digits), ".tmp") != 0) { continue; }
        return strncmp(name, "checkpoint.", 11) == 0;
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

/* ---- one file ---- */

int is_standard_output(const char *path) { return path && strcmp(path, "-") == 0; }

isk_status can_write(isk_context *context, const char *path) {
    char beside[4200];
    struct stat about;
    int file;
    if (!path || is_standard_output(path)) { return ISK_OK; }
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        return isk_set_error(context, ISK_IO, "%s is there and is no regular file", path);
    }
    snprintf(beside, sizeof beside, "%s.%ld.tmp", path, (long)getpid());
    file = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
    if (file < 0 && errno == EEXIST) { return ISK_OK; }                     /* somebody's: files can be made there */
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
