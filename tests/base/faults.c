/* For LD_PRELOAD: the k-th call of a kind that the program makes itself, or HDF5 for it, fails as it would where memory or a disk does.

       FAULTS=KIND:K           memory (malloc, calloc, realloc), open, read, write, flush, close, rename, remove, print (to standard
                               output); K from 1.  kill:K ends the program, as kill -9 does, before its K-th rename
       FAULTS_LOG=PATH         at the end a line "KIND CALLS" for each

   Calls of the C library and of others are passed through: how they fail is theirs.  For programs of one thread. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <dirent.h>

enum { MEMORY, OPEN, READ, WRITE, FLUSH, CLOSE, RENAME, REMOVE, PRINT, KILL, KINDS };
static const char *const kinds[KINDS] = { "memory", "open", "read", "write", "flush", "close", "rename", "remove", "print", "kill" };
static long calls[KINDS], due[KINDS];
static int begun;
static FILE *broken;                    /* its error flag is up */
static struct { uintptr_t low, high; int memory; } ours[8];
static int our_count;

/* Segments of code of the program and of HDF5. */
static int note(struct dl_phdr_info *info, size_t size, void *first) {
    const int own = *(int *)first, hdf5 = strstr(info->dlpi_name, "hdf5") != NULL;
    (void)size;
    *(int *)first = 0;
    for (int i = 0; (own || hdf5) && i < info->dlpi_phnum && our_count < 8; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) { continue; }
        ours[our_count].low = info->dlpi_addr + part->p_vaddr;
        ours[our_count].high = ours[our_count].low + part->p_memsz;
        ours[our_count++].memory = own;
    }
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *wanted = getenv("FAULTS");
    int first = 1;
    dl_iterate_phdr(note, &first);
    for (int i = 0; wanted && i < KINDS; i++) {
        const size_t length = strlen(kinds[i]);
        if (strncmp(wanted, kinds[i], length) == 0 && wanted[length] == ':') { due[i] = atol(wanted + length + 1); }
    }
    begun = 1;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAULTS_LOG");
    FILE *(*open_file)(const char *, const char *) = (FILE * (*)(const char *, const char *))dlsym(RTLD_NEXT, "fopen");
    FILE *file = path ? open_file(path, "w") : NULL;
    begun = 0;
    for (int i = 0; file && i < KINDS; i++) { fprintf(file, "%s %ld\n", kinds[i], calls[i]); }
    if (file) { fclose(file); }
}

/* Is this the call that fails? */
static int fails(int kind, const void *caller) {
    const uintptr_t at = (uintptr_t)caller;
    for (int i = 0; begun && i < our_count; i++) {
        if (at < ours[i].low || at >= ours[i].high || (kind == MEMORY && !ours[i].memory)) { continue; }
        if (++calls[kind] != due[kind]) { return 0; }
        errno = kind == MEMORY ? ENOMEM : kind == WRITE || kind == PRINT ? ENOSPC : EIO;
        return 1;
    }
    return 0;
}

#define CALLER __builtin_return_address(0)
#define REAL(name, type) (*(type *)(void *)next(&name##_next, #name))
static void *next(void **kept, const char *name) {
    if (!*kept) { *kept = dlsym(RTLD_NEXT, name); }
    return kept;
}

/* ---- memory; dlsym may ask for some before it can say where to get it ---- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
void *malloc(size_t size) { return fails(MEMORY, CALLER) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails(MEMORY, CALLER) ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails(MEMORY, CALLER) ? NULL : __libc_realloc(old, size); }

/* ---- files ---- */

#define WRAP(kind, failed, type, name, parameters, arguments)                                                          \
    static void *name##_next;                                                                                          \
    type name parameters {                                                                                             \
        typedef type made parameters;                                                                                  \
        if (fails(kind, CALLER)) { return failed; }                                                                    \
        return REAL(name, made *) arguments;                                                                           \
    }
WRAP(OPEN, NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
WRAP(OPEN, NULL, FILE *, fdopen, (int file, const char *mode), (file, mode))
WRAP(OPEN, NULL, DIR *, opendir, (const char *path), (path))
WRAP(OPEN, -1, int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(READ, -1, ssize_t, read, (int file, void *to, size_t size), (file, to, size))
WRAP(READ, -1, ssize_t, pread, (int file, void *to, size_t size, off_t at), (file, to, size, at))
WRAP(READ, -1, ssize_t, pread64, (int file, void *to, size_t size, off64_t at), (file, to, size, at))
WRAP(WRITE, -1, ssize_t, pwrite, (int file, const void *from, size_t size, off_t at), (file, from, size, at))
WRAP(WRITE, -1, ssize_t, pwrite64, (int file, const void *from, size_t size, off64_t at), (file, from, size, at))
WRAP(FLUSH, -1, int, fsync, (int file), (file))
WRAP(REMOVE, -1, int, remove, (const char *path), (path))
WRAP(REMOVE, -1, int, unlink, (const char *path), (path))
WRAP(REMOVE, -1, int, rmdir, (const char *path), (path))

static void *rename_next, *open_next, *write_next, *close_next, *fclose_next, *fflush_next, *fread_next, *fgets_next, *getc_next,
    *fwrite_next, *fputs_next, *fputc_next, *ferror_next, *clearerr_next, *vfprintf_next;

int rename(const char *from, const char *to) {
    typedef int made(const char *, const char *);
    const void *caller = CALLER;
    if (fails(KILL, caller)) { raise(SIGKILL); }
    return fails(RENAME, caller) ? -1 : REAL(rename, made *)(from, to);
}

int open(const char *path, int flags, ...) {
    typedef int made(const char *, int, ...);
    va_list rest;
    unsigned mode;
    va_start(rest, flags);
    mode = va_arg(rest, unsigned);
    va_end(rest);
    return fails(OPEN, CALLER) ? -1 : REAL(open, made *)(path, flags, mode);
}

ssize_t write(int file, const void *from, size_t size) {
    typedef ssize_t made(int, const void *, size_t);
    if (file > 2 && fails(WRITE, CALLER)) { return -1; }
    return REAL(write, made *)(file, from, size);
}

/* What is closed is closed, whatever is said of it. */
int close(int file) {
    typedef int made(int);
    const int failed = fails(CLOSE, CALLER), done = REAL(close, made *)(file);
    return failed ? (errno = EIO, -1) : done;
}

int fclose(FILE *file) {
    typedef int made(FILE *);
    const int failed = fails(CLOSE, CALLER), done = REAL(fclose, made *)(file);
    if (broken == file) { broken = NULL; }
    return failed ? (errno = EIO, EOF) : done;
}

int ferror(FILE *file) {
    typedef int made(FILE *);
    return broken == file || REAL(ferror, made *)(file);
}

void clearerr(FILE *file) {
    typedef void made(FILE *);
    if (broken == file) { broken = NULL; }
    REAL(clearerr, made *)(file);
}

/* Standard error is where it would be said. */
static int writing_fails(FILE *file, const void *caller) {
    if (file == stderr || !fails(file == stdout ? PRINT : WRITE, caller)) { return 0; }
    broken = file;
    return 1;
}

static int reading_fails(FILE *file, const void *caller) {
    if (!fails(READ, caller)) { return 0; }
    broken = file;
    return 1;
}

int fflush(FILE *file) {
    typedef int made(FILE *);
    if (file != stderr && fails(FLUSH, CALLER)) { return broken = file, EOF; }
    return REAL(fflush, made *)(file);
}

size_t fread(void *to, size_t size, size_t count, FILE *file) {
    typedef size_t made(void *, size_t, size_t, FILE *);
    return reading_fails(file, CALLER) ? 0 : REAL(fread, made *)(to, size, count, file);
}

char *fgets(char *to, int size, FILE *file) {
    typedef char *made(char *, int, FILE *);
    return reading_fails(file, CALLER) ? NULL : REAL(fgets, made *)(to, size, file);
}

int getc(FILE *file) {
    typedef int made(FILE *);
    return reading_fails(file, CALLER) ? EOF : REAL(getc, made *)(file);
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *file) {
    typedef size_t made(const void *, size_t, size_t, FILE *);
    return writing_fails(file, CALLER) ? 0 : REAL(fwrite, made *)(from, size, count, file);
}

int fputs(const char *words, FILE *file) {
    typedef int made(const char *, FILE *);
    return writing_fails(file, CALLER) ? EOF : REAL(fputs, made *)(words, file);
}

int fputc(int c, FILE *file) {
    typedef int made(int, FILE *);
    return writing_fails(file, CALLER) ? EOF : REAL(fputc, made *)(c, file);
}

int vfprintf(FILE *file, const char *form, va_list rest) {
    typedef int made(FILE *, const char *, va_list);
    return writing_fails(file, CALLER) ? -1 : REAL(vfprintf, made *)(file, form, rest);
}

int fprintf(FILE *file, const char *form, ...) {
    typedef int made(FILE *, const char *, va_list);
    va_list rest;
    int done;
    if (writing_fails(file, CALLER)) { return -1; }
    va_start(rest, form);
    done = REAL(vfprintf, made *)(file, form, rest);
    va_end(rest);
    return done;
}
