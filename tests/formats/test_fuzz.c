/* Bytes that nobody should have written, into every reader of examples/formats: tables, .mtx, .npy, .gz, 10x folders, names beside a
   matrix, and HDF5.  Nothing may crash, leak, hang, fail without a sentence, or ask for memory that the input does not bear out.

       make test               some inputs of each kind
       make fuzz               a minute of each; time=SECONDS for longer.  libFuzzer of clang takes the same entry, but for HDF5

   The first byte chooses the reader, the second how it is called, the rest is its input.  HDF5 is read in a child process: libhdf5 itself
   crashes on some files (1.10.8, in H5HG_read), which we cannot mend; what falls in our code is told from that by where it fell. */
#define _GNU_SOURCE
#include "examples/formats/write_cells.h"
#include "examples/formats/hdf5.h"
#include "examples/base/random.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { MATRIX, FOLDER, BESIDE, HDF5, READERS };
enum { PART_END = 0x1E };           /* between the files of one input */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* A block of that size is asked for by no input that is small. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "max_allocation_size_mb=512:allocator_may_return_null=1:handle_segv=0:abort_on_error=1"; }

/* ---- files ---- */

static const char *scratch(char path[200], const char *name) {
    snprintf(path, 200, SCRATCH "/%s", name);
    return path;
}

static void make_folder(const char *name) {
    char path[200];
    scratch(path, name);
    for (char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
        *end = 0;
        mkdir(path, 0777);
        *end = '/';
    }
    mkdir(path, 0777);
}

static const char *put(char path[200], const char *name, const void *bytes, size_t count) {
    FILE *file = fopen(scratch(path, name), "wb");
    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) { abort(); }
    return path;
}

/* The next part of an input, up to PART_END, to a file. */
static void put_part(const char *name, const uint8_t **bytes, size_t *count) {
    char path[200];
    const uint8_t *end = memchr(*bytes, PART_END, *count);
    const size_t length = end ? (size_t)(end - *bytes) : *count;
    put(path, name, *bytes, length);
    *bytes += length + (end != NULL);
    *count -= length + (end != NULL);
}

/* ---- readers ---- */

static int of_hdf5;                  /* libhdf5 itself may ask for what the sizes in a damaged header say */
static int taken, refused, lacked;   /* calls that did well, and those that did not; of these, of files of HDF5, for want of memory */

/* Small inputs need little memory, and whatever is refused is refused in a sentence. */
static int good(isk_context *context, isk_status status) {
    taken += status == ISK_OK;
    refused += status != ISK_OK;
    lacked += status == ISK_MEMORY && of_hdf5;
    if (status != ISK_OK && ((status == ISK_MEMORY && !of_hdf5) || !*isk_error(context))) {
        fprintf(stderr, "status %d: '%s'\n", (int)status, isk_error(context));
        abort();
    }
    return status == ISK_OK;
}

static void read_cells(isk_context *context, const char *path, int options) {
    static const char *const modalities[] = { NULL, NULL, "protein", "rna,adt=protein" };
    cells c;
    const read_desc desc = { .modalities = modalities[options & 3], .layer = (options & 0x46) == 0x46 ? "raw" : NULL,
                             .pairing = { .strip_suffix = options >> 3 & 1, .paired = options >> 4 & 1, .keep_empty = options >> 5 & 1 } };
    if (good(context, cells_read(&c, context, path, &desc))) { cells_free(&c); }
}

static void read_matrix(isk_context *context, const char *path, int options) {
    static const char delimiters[] = { 0, 0, ',', ' ' };
    input_desc desc = { .transpose = options & 1, .sequences = options >> 1 & 1, .missing = options >> 2 & 1 };
    input_extent size;
    input in;
    desc.table = (table_desc){ delimiters[options >> 3 & 3], (table_choice)((options >> 5 & 3) % 3), (table_choice)((options >> 6 & 3) % 3),
                               desc.missing };
    good(context, input_size(context, path, desc.transpose, &size));
    if (!good(context, input_read(context, path, &desc, &in))) { return; }
    if (in.rows < 0 || in.cols < 0) { abort(); }
    if (good(context, input_check(&in, NULL)) && (in.cols == 0 || in.rows < 1000000 / in.cols)) {
        for (int64_t r = 0; r < in.rows; r++) {
            const input_row row = input_row_of(&in, r);
            for (int64_t i = 0; i < row.count; i++) {
                if (row.columns && (row.columns[i] < 0 || row.columns[i] >= in.cols)) { abort(); }
            }
        }
        good(context, input_log1p_cp10k(&in));
        if (good(context, input_dense(&in)) && !in.steps) { good(context, input_transpose(&in)); }
    }
    input_free(&in);
}

static void read_columns(isk_context *context, const char *path, int options) {
    char column[220];
    labels l;
    cell_table t;
    isk_matrix values = { 0 };
    int32_t *whole = NULL;
    const int64_t rows = options & 1 ? 3 : 0;
    snprintf(column, sizeof column, "%s%s", path, options & 2 ? ":2" : options & 4 ? ":a" : "");
    if (good(context, input_labels(context, column, rows, &l))) { labels_free(&l); }
    if (good(context, input_whole(context, column, rows, "test", -1, 100, &whole))) { free(whole); }
    if (good(context, input_numbers(context, column, rows, &values))) { free((void *)(uintptr_t)values.data); }
    if (good(context, cell_table_read(context, path, &t))) { cell_table_free(&t); }
}

static void read_beside(isk_context *context, const uint8_t *bytes, size_t count, int options) {
    static const char *const matrix_names[] = { "b/counts.mtx", "b/counts.csv" };
    static const modality_kind kinds[] = { MODALITY_RNA, MODALITY_PROTEIN };
    char path[2][200];
    cells c = { .context = context };
    matrix_source sources[2] = { { 0 } };
    put_part(matrix_names[0], &bytes, &count);
    put_part("b/counts.barcodes.txt", &bytes, &count);
    put_part("b/counts.genes.txt", &bytes, &count);
    put_part(matrix_names[1], &bytes, &count);
    for (int i = 0; i < 2; i++) {
        sources[i] = (matrix_source){ .path = scratch(path[i], matrix_names[i]), .kind = kinds[i] };
        sources[i].along = (cells_along)((options & 3) % 3);
    }
    if (good(context, matrices_read(context, sources, 2, NULL, &(read_desc){ 0 }, &c))) { good(context, cells_match(&c)); }
    cells_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static isk_context *context;
    char path[200];
    const int which = count > 0 ? bytes[0] % READERS : 0, options = count > 1 ? bytes[1] : 0;
    if (count < 2) { return 0; }
    if (!context) {
        context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
        make_folder("x");
        make_folder("b");
    }
    of_hdf5 = which == HDF5;
    bytes += 2;
    count -= 2;
    switch (which) {
    case MATRIX:
        put(path, "matrix", bytes, count);
        read_matrix(context, path, options);
        read_columns(context, path, options);
        break;
    case FOLDER:
        put_part("x/matrix.mtx", &bytes, &count);
        put_part("x/features.tsv", &bytes, &count);
        put_part("x/barcodes.tsv", &bytes, &count);
        read_cells(context, scratch(path, "x"), options);
        break;
    case BESIDE: read_beside(context, bytes, count, options); break;
    default:
#ifndef FUZZ_BY_CLANG
        put(path, "cells.h5", bytes, count);
        read_cells(context, path, options);
#endif
        break;
    }
    return 0;
}

#ifndef FUZZ_BY_CLANG

/* ---- seeds ---- */

#define MTX "%%MatrixMarket matrix coordinate integer general\n%written by hand\n3 4 5\n1 1 5\n2 1 3\n3 2 4\n1 3 1\n2 4 7\n"
#define PART "\x1E"
static const struct { int reader; const char *words; } texts[] = {
    { MATRIX, "cell,a,b,c\nAAA-1,1,2.5,-3e2\n\"C,C\",4,NA,6\nGGG-1,7,8,9\n" },
    { MATRIX, "a\tb\tc\n1\t2\t3\n4\t5\t6\n" },
    { MATRIX, "\xEF\xBB\xBF" "barcode;type;age\r\nx;T cell;1\r\ny;\"B \"\"x\"\"\";2\r\nz;;3\r\n" },
    { MATRIX, "1 2 3\n4 5 6\n" },
    { MATRIX, MTX },
    { MATRIX, "%%MatrixMarket matrix array real general\n2 2\n1.5\n-2\n3e4\n0\n" },
    { MATRIX, "%%MatrixMarket matrix coordinate pattern general\n2 2 2\n1 1\n2 2\n" },
    { MATRIX, "\x1F\x8B\x08" },                                 /* and gzip of the first */
    { MATRIX, "\x93NUMPY" },                                    /* and the rest of a .npy */
    { FOLDER, MTX PART "ENSG1\tCD3\tGene Expression\nENSG2\tCD4\tGene Expression\nP1\tCD8\tAntibody Capture\n"
              PART "A-1\nC-1\nG-1\nT-1\n" },
    { FOLDER, MTX PART "CD3\nCD4\nCD8\n" PART "A-1\nC-1\nG-1\nT-1\n" },
    { BESIDE, MTX PART "A-1\nC-1\nG-1\nT-1\n" PART "CD3\nCD4\nCD8\n" PART "cell,p,q\nA-1,1,2\nC-1,3,4\nG-1,5,6\nT-1,7,8\n" },
    { BESIDE, MTX PART "A\nC\nG\n" PART "CD3\nCD4\nCD8\nCD19\n" PART "protein,A,C,G\np,1,2,3\nq,3,4,5\n" },
};
enum { TEXTS = sizeof texts / sizeof *texts, LONGEST = 1 << 20 };

static uint8_t buffer[LONGEST];
static size_t length_of_buffer;

static size_t npy(uint8_t *to, uint64_t which) {
    static const char *const heads[] = { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                                         "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }",
                                         "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }",
                                         "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 2, 3), }" };
    const char *head = heads[which % 4];
    memcpy(to, "\x93NUMPY\x01\x00\x76\x00", 10);
    memset(to + 10, ' ', 118);
    memcpy(to + 10, head, strlen(head));
    to[127] = '\n';
    memset(to + 128, 0, 48);
    to[131] = 63;
    return 128 + (which % 4 == 1 ? 48 : which % 4 == 3 ? 12 : 24);
}

/* Stored as it is, which needs no library; the sum at the end is that of the text. */
static size_t gzip(uint8_t *to, const char *words) {
    const size_t count = strlen(words);
    uint32_t crc = ~0u;
    const uint8_t head[15] = { 0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, (uint8_t)count, (uint8_t)(count >> 8), (uint8_t)~count,
                               (uint8_t)(~count >> 8) };
    for (size_t i = 0; i < count; i++) {
        crc ^= (uint8_t)words[i];
        for (int k = 0; k < 8; k++) { crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0); }
    }
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, words, count);
    for (int k = 0; k < 4; k++) {
        to[sizeof head + count + (size_t)k] = (uint8_t)(~crc >> 8 * k);
        to[sizeof head + count + 4 + (size_t)k] = (uint8_t)(count >> 8 * k);
    }
    return sizeof head + count + 8;
}

static void take_text(int which, uint64_t word) {
    const char *words = texts[which].words;
    buffer[0] = (uint8_t)texts[which].reader;
    if (*words == '\x1F') {
        length_of_buffer = 2 + gzip(buffer + 2, texts[0].words);
    } else if ((uint8_t)*words == 0x93) {
        length_of_buffer = 2 + npy(buffer + 2, word);
    } else {
        length_of_buffer = 2 + strlen(words);
        memcpy(buffer + 2, words, strlen(words));
    }
}

/* ---- changes ---- */

/* Mostly not where files of HDF5 are empty. */
static size_t place(random_stream *random) {
    size_t at = length_of_buffer;
    for (int i = 0; i < 30 && (at == length_of_buffer || !buffer[at]); i++) {
        at = 2 + (size_t)random_below(random, (int64_t)length_of_buffer - 1);
    }
    return at;
}

/* What stands behind a change keeps its place where `in_place`. */
static void change(random_stream *random, int in_place) {
    static const char *const words[] = { "-1", "0", "99999999", "4294967296", "1e400", "nan", "\"", "\n", "\t", ",", "\x1E", "1e-320", " ",
                                         "\r", "%", "\xFF\xFE", "((((", "inf" };
    const size_t at = place(random), most = length_of_buffer - at;
    const size_t piece = (size_t)random_below(random, (int64_t)(most < 40 ? most : 40) + 1);
    const char *word = words[random_below(random, sizeof words / sizeof *words)];
    const size_t length = strlen(word);
    switch (random_below(random, in_place ? 3 : 6)) {
    case 0:
    case 1:
        if (most > 0) { buffer[at] = (uint8_t)random_below(random, 256); }
        break;
    case 2:
        if (most > 0) { buffer[at] ^= (uint8_t)(1 << random_below(random, 8)); }
        break;
    case 3:                                                     /* a piece is lost */
        memmove(buffer + at, buffer + at + piece, most - piece);
        length_of_buffer -= piece;
        break;
    case 4:                                                     /* or stands twice */
        if (length_of_buffer + piece > LONGEST) { break; }
        memmove(buffer + at + piece, buffer + at, most);
        length_of_buffer += piece;
        break;
    default:
        if (length_of_buffer + length > LONGEST) { break; }
        memmove(buffer + at + length, buffer + at, most);
        memcpy(buffer + at, word, length);
        length_of_buffer += length;
        break;
    }
}

/* Files of HDF5 are all places, and hardly anything of one that moved is looked at. */
static void change_some(random_stream *random) {
    const int fixed_places = buffer[0] == HDF5, in_place = fixed_places && random_below(random, 8) > 0;
    buffer[1] = (uint8_t)random_below(random, 256);
    for (int64_t k = random_below(random, fixed_places ? 4 : 7); k > 0; k--) { change(random, in_place); }
    if (random_below(random, 12) == 0) { length_of_buffer = 2 + (size_t)random_below(random, (int64_t)length_of_buffer - 1); }
}

/* What a reader fell over is kept, to be tried again. */
static void keep_input(int signal_number) {
    char path[200];
    fprintf(stderr, "signal %d: the input is kept in %s\n", signal_number, put(path, "fell.input", buffer, length_of_buffer));
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static const int deadly[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU };
enum { DEADLY = sizeof deadly / sizeof *deadly };

/* Its own block, so that the sanitizer sees a read past its end. */
static void try_one(void) {
    uint8_t *exact = malloc(length_of_buffer);
    if (!exact) { abort(); }
    memcpy(exact, buffer, length_of_buffer);
    LLVMFuzzerTestOneInput(exact, length_of_buffer);
    free(exact);
}

/* ---- HDF5, in a child ---- */

#ifdef INDISEEK_HAVE_HDF5

enum { WAS_READ = 38, WAS_REFUSED, LACKED_MEMORY, FELL_IN_HDF5, FELL_HERE };
static struct { long tried, refused, lacked, theirs, ours; } fell;

/* Where the innermost call that is neither of the C library nor of a sanitizer stands. */
static void say_where(int signal_number) {
    void *frames[64];
    const int count = backtrace(frames, 64);
    Dl_info here, at;
    const int known = dladdr((void *)(uintptr_t)say_where, &here);
    for (int i = 2; known && i < count; i++) {                  /* the first two are this one and the kernel's */
        if (!dladdr(frames[i], &at) || !at.dli_fname) { continue; }
        if (strstr(at.dli_fname, "hdf5")) { _exit(FELL_IN_HDF5); }
        if (at.dli_fbase == here.dli_fbase) { break; }
    }
    backtrace_symbols_fd(frames, count, 2);
    fprintf(stderr, "signal %d\n", signal_number);
    _exit(FELL_HERE);
}

static void try_in_child(void) {
    int status = 0;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child < 0) { abort(); }
    if (child == 0) {
        const struct rlimit seconds = { 20, 25 }, no_core = { 0, 0 };
        for (int i = 0; i < DEADLY; i++) { signal(deadly[i], say_where); }
        setrlimit(RLIMIT_CPU, &seconds);
        setrlimit(RLIMIT_CORE, &no_core);
        refused = 0;
        try_one();
        _exit(lacked ? LACKED_MEMORY : refused ? WAS_REFUSED : WAS_READ);
    }
    if (waitpid(child, &status, 0) != child) { abort(); }
    fell.tried++;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= WAS_READ && WEXITSTATUS(status) <= FELL_IN_HDF5) {
        fell.refused += WEXITSTATUS(status) == WAS_REFUSED || WEXITSTATUS(status) == LACKED_MEMORY;
        fell.lacked += WEXITSTATUS(status) == LACKED_MEMORY;
        fell.theirs += WEXITSTATUS(status) == FELL_IN_HDF5;
    } else {
        char path[200], name[40];
        snprintf(name, sizeof name, "fell-%ld.input", ++fell.ours);
        fprintf(stderr, "status %x: the input is kept in %s\n", (unsigned)status, put(path, name, buffer, length_of_buffer));
    }
}

static void hdf5_of_10x(const char *path, const cells *c, isk_context *context) {
    static const char *const kinds[] = { "Gene Expression", "Gene Expression", "Antibody Capture" };
    static const char *const lists[] = { "id", "name", "feature_type" };
    static const int64_t shape[2] = { 3, 4 };
    static const int32_t starts[] = { 0, 2, 3, 4, 5 }, rows[] = { 0, 1, 2, 0, 1 }, counts[] = { 5, 3, 4, 1, 7 };
    hdf5 f;
    hdf5_create(context, path, 0, &f);
    hdf5_put_group(&f, "matrix", NULL, NULL);
    hdf5_put_group(&f, "matrix/features", NULL, NULL);
    hdf5_put_names(&f, "matrix/barcodes", &c->names);
    hdf5_put_numbers(&f, "matrix/shape", HDF5_WHOLE, 2, 0, shape);
    hdf5_put_numbers(&f, "matrix/indptr", HDF5_INDICES, 5, 0, starts);
    hdf5_put_numbers(&f, "matrix/indices", HDF5_INDICES, 5, 0, rows);
    hdf5_put_numbers(&f, "matrix/data", HDF5_INDICES, 5, 0, counts);
    for (int i = 0; i < 3; i++) {
        names n = { 0 };
        char at[HDF5_PATH], word[40];
        for (int k = 0; k < 3; k++) {
            snprintf(word, sizeof word, "%.6s%d", lists[i], k);
            if (!names_add(&n, i == 2 ? kinds[k] : word)) { abort(); }
        }
        hdf5_put_names(&f, hdf5_at(at, "matrix/features", lists[i]), &n);
        names_free(&n);
    }
    if (hdf5_finish(&f) != ISK_OK) { abort(); }
}

enum { FILES = 3 };
static struct { uint8_t *bytes; size_t count; } files[FILES];

/* What our own writers make of the folder that is a seed. */
static void make_files(void) {
    static const char *const file_names[FILES] = { "seed.h5", "seed.h5ad", "seed.h5mu" };
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    char path[200];
    cells c;
    take_text(9, 0);
    buffer[1] = 0;
    LLVMFuzzerTestOneInput(buffer, length_of_buffer);           /* writes it */
    if (cells_read(&c, context, scratch(path, "x"), NULL) != ISK_OK) { abort(); }
    for (int i = 0; i < FILES; i++) {
        const cell_results r = { .cells = &c };
        FILE *file;
        scratch(path, file_names[i]);
        if (i == 0) { hdf5_of_10x(path, &c, context); }
        if (i == 1 && h5ad_write(context, path, &r) != ISK_OK) { abort(); }
        if (i == 2 && h5mu_write(context, path, &r) != ISK_OK) { abort(); }
        files[i].bytes = malloc(LONGEST);
        file = fopen(path, "rb");
        if (!file || !files[i].bytes) { abort(); }
        files[i].count = fread(files[i].bytes, 1, LONGEST - 1024, file);
        fclose(file);
    }
    cells_free(&c);
    isk_close(context);
}

static int try_hdf5(long inputs, double seconds) {
    const double end = progress_clock() + seconds;
    random_stream random = random_open(2, 1);
    int unchanged_is_read = 1;
    make_files();
    for (long i = 0; i < inputs || progress_clock() < end; i++) {
        const int which = (int)(i % FILES);
        buffer[0] = HDF5;
        buffer[1] = 0;
        memcpy(buffer + 2, files[which].bytes, files[which].count);
        length_of_buffer = 2 + files[which].count;
        if (i >= FILES) { change_some(&random); }
        try_in_child();
        if (i < FILES) { unchanged_is_read &= fell.refused + fell.theirs + fell.ours == 0; }
    }
    for (int i = 0; i < FILES; i++) { free(files[i].bytes); }
    printf("# HDF5: %ld files, of which %ld were refused (%ld for want of memory), %ld fell inside libhdf5, %ld here\n", fell.tried,
           fell.refused, fell.lacked, fell.theirs, fell.ours);
    return unchanged_is_read && fell.ours == 0;
}

#endif

/* ---- the program ---- */

static void try_texts(long inputs, double seconds) {
    const double end = progress_clock() + seconds;
    random_stream random = random_open(1, 1);
    long i = 0, some = 0;
    for (; i < inputs || progress_clock() < end; i++) {
        take_text((int)(i % TEXTS), random_word(&random));
        change_some(&random);
        taken = 0;
        try_one();
        some += taken > 0;
    }
    printf("# %ld inputs of tables, .mtx, .npy, .gz and 10x folders, of which something was taken from %ld\n", i, some);
}

/* Each seed as a file of that folder, for libFuzzer to begin with. */
static void write_seeds(const char *folder) {
    for (int i = 0; i < TEXTS; i++) {
        char path[200];
        FILE *file;
        take_text(i, 0);
        buffer[1] = 0;
        snprintf(path, sizeof path, "%.150s/seed-%d", folder, i);
        file = fopen(path, "wb");
        if (!file || fwrite(buffer, 1, length_of_buffer, file) != length_of_buffer || fclose(file) != 0) { abort(); }
    }
}

/* SECONDS: for so long of each; 0 FOLDER: leaves seeds there; FILE of a kept input: that alone. */
int main(int count, char **arguments) {
    const double seconds = count > 1 ? atof(arguments[1]) : 0;
    const struct rlimit memory = { 1u << 30, 1u << 30 };
    FILE *kept = count == 2 && seconds <= 0 ? fopen(arguments[1], "rb") : NULL;
    int well = 1;
    make_folder("");
    if (count > 2) {
        write_seeds(arguments[2]);
        return 0;
    }
    if (kept) {
        length_of_buffer = fread(buffer, 1, LONGEST, kept);
        fclose(kept);
        try_one();
        return 0;
    }
    if (!SANITIZED) { setrlimit(RLIMIT_AS, &memory); }
    for (int i = 0; i < DEADLY; i++) { signal(deadly[i], keep_input); }
    printf("1..2\n");
    try_texts(5000, seconds);
    printf("ok 1 - tables, .mtx, .npy, .gz and 10x folders: read, or refused in a sentence\n");
#ifdef INDISEEK_HAVE_HDF5
    well = try_hdf5(300, seconds);
    printf("%s 2 - HDF5: nothing falls but libhdf5 itself\n", well ? "ok" : "not ok");
#else
    printf("ok 2 # SKIP without HDF5\n");
#endif
    return !well;
}

#endif
