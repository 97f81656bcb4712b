/* What the tests of file formats share: scratch files, memory and readers that fail on request, sweeps over damaged input.
   Include after indiseek.h and before nothing in particular. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof *(array))
#define UNUSED_FUNCTION __attribute__((unused))

/* ---- scratch files ---- */

/* SCRATCH is the folder of this program alone, which the Makefile names: programs that run at once must not meet in a file. */
static UNUSED_FUNCTION void make_scratch(void) {
    char path[] = SCRATCH;
    for (char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
        *end = 0;
        mkdir(path, 0777);
        *end = '/';
    }
    mkdir(path, 0777);
}

/* SCRATCH "/NAME", the folder made when it is not there.  The text stays until the fourth next call. */
static UNUSED_FUNCTION const char *scratch(const char *name) {
    static char paths[4][200];
    static int next;
    char *path = paths[next++ % 4];
    make_scratch();
    snprintf(path, sizeof paths[0], SCRATCH "/%s", name);
    return path;
}

static UNUSED_FUNCTION const char *write_bytes(const char *name, const void *bytes, size_t count) {
    const char *path = scratch(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    return path;
}

static UNUSED_FUNCTION const char *write_text(const char *name, const char *text) { return write_bytes(name, text, strlen(text)); }

/* The content of a file, to be freed. */
static UNUSED_FUNCTION char *read_bytes_of(const char *path, size_t *count) {
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1 << 20);
    assert_non_null(file);
    assert_non_null(bytes);
    *count = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* ---- memory that runs out ---- */

static struct { long left, live; } supply = { -1, 0 };      /* allocations that still succeed (-1: all); blocks not released */

static UNUSED_FUNCTION void *scarce_malloc(size_t bytes) {
    void *block;
    if (supply.left == 0) { return NULL; }
    if (supply.left > 0) { supply.left--; }
    block = malloc(bytes);
    if (block) { supply.live++; }
    return block;
}

static UNUSED_FUNCTION void scarce_free(void *block) {
    if (block) { supply.live--; }
    free(block);
}

static UNUSED_FUNCTION void *scarce_calloc(size_t count, size_t bytes) {
    void *block = scarce_malloc(count * bytes);
    if (block) { memset(block, 0, count * bytes); }
    return block;
}

static UNUSED_FUNCTION void *scarce_realloc(void *block, size_t bytes) {
    if (!block) { return scarce_malloc(bytes); }
    if (supply.left == 0) { return NULL; }
    if (supply.left > 0) { supply.left--; }
    return realloc(block, bytes);
}

static UNUSED_FUNCTION void *scarce_allocate(size_t bytes, void *user) { (void)user; return scarce_malloc(bytes); }
static UNUSED_FUNCTION void scarce_release(void *block, void *user) { (void)user; scarce_free(block); }

static UNUSED_FUNCTION isk_context *scarce_context(void) {
    isk_context_desc desc = { .threads = 1, .allocator = { scarce_allocate, scarce_release, NULL } };
    isk_context *context;
    supply.left = -1;
    desc.device = ISK_DEVICE_CPU;
    context = isk_open(&desc);
    assert_non_null(context);
    return context;
}

/* Calls run with 0, 1, 2, ... successful allocations until it succeeds: each failure must be MEMORY and leave nothing behind. */
static UNUSED_FUNCTION void sweep_memory(isk_context *context, isk_status (*run)(isk_context *context, void *argument), void *argument) {
    long live = supply.live, given;
    isk_status status = ISK_MEMORY;
    for (given = 0; status != ISK_OK && given < 10000; given++) {
        supply.left = given;
        status = run(context, argument);
        supply.left = -1;
        if (status != ISK_OK && status != ISK_MEMORY) { print_message("%s\n", isk_error(context)); }
        assert_true(status == ISK_OK || status == ISK_MEMORY);
        if (status != ISK_OK) { assert_non_null(strstr(isk_error(context), "out of memory")); }
        assert_int_equal(supply.live, live);
    }
    assert_int_equal(status, ISK_OK);
    assert_true(given > 1);
}

/* ---- readers that misbehave ---- */

typedef struct odd_reader {
    const char *bytes;
    size_t count;
    size_t most;                    /* bytes given at a time; 0: all that is asked for */
    long good_calls;                /* calls before the first failure; -1: no failure */
    int lie;                        /* 1: fails by claiming more bytes than asked for */
} odd_reader;

static UNUSED_FUNCTION int64_t odd_read(void *user, uint64_t offset, void *buffer, size_t count) {
    odd_reader *odd = user;
    if (odd->good_calls == 0) { return odd->lie ? (int64_t)count + 1 : -1; }
    if (odd->good_calls > 0) { odd->good_calls--; }
    if (offset >= odd->count) { return 0; }
    if (odd->most > 0 && count > odd->most) { count = odd->most; }
    if (count > odd->count - offset) { count = odd->count - (size_t)offset; }
    memcpy(buffer, odd->bytes + offset, count);
    return (int64_t)count;
}

static UNUSED_FUNCTION isk_reader odd_open(odd_reader *odd, int known_size) {
    isk_reader reader = { odd_read, NULL, odd, known_size ? odd->count : ISK_SIZE_UNKNOWN, "odd" };
    return reader;
}

/* Reads bytes in small pieces, with and without a known size, and with every call failing once in both ways. */
static UNUSED_FUNCTION void sweep_readers(isk_context *context, const char *bytes, size_t count,
                                          isk_status (*run)(isk_context *context, const isk_reader *reader)) {
    for (int known = 0; known < 2; known++) {
        for (size_t most = 0; most < 8; most++) {
            odd_reader odd = { bytes, count, most, -1, 0 };
            isk_reader reader = odd_open(&odd, known);
            isk_status status = run(context, &reader);
            if (status != ISK_OK) { print_message("%s\n", isk_error(context)); }
            assert_int_equal(status, ISK_OK);
        }
        for (int lie = 0; lie < 2; lie++) {
            isk_status status = ISK_IO;
            for (long good = 0; status != ISK_OK && good < 10000; good++) {
                odd_reader odd = { bytes, count, 0, good, lie };
                isk_reader reader = odd_open(&odd, known);
                status = run(context, &reader);
                if (status != ISK_OK) {
                    assert_int_equal(status, ISK_IO);
                    assert_non_null(strstr(isk_error(context), "odd: reading at offset "));
                }
            }
            assert_int_equal(status, ISK_OK);
        }
    }
}

/* ---- damaged input ---- */

/* Runs on every truncation, and on copies with one byte changed, left out or put in.  run must not crash, hang or read
   outside; what it returns is up to it, but a failure has a sentence. */
static UNUSED_FUNCTION void sweep_damage(isk_context *context, const char *bytes, size_t count,
                                         isk_status (*run)(isk_context *context, const isk_reader *reader)) {
    static const unsigned char values[] = { 0, 1, 2, '\n', '\r', ' ', '"', '\'', '%', '(', ',', '-', '.', '0', '9', ':', 'N', '[', '\\',
                                            '{', '}', 0x7F, 0x80, 0xC2, 0xFF };
    size_t i, k, runs = 0, refused = 0;
    for (i = 0; i <= count; i++) {
        for (k = 0; k < COUNT(values) + 4; k++) {
            /* exactly as long as the input, so that AddressSanitizer sees any step beyond it */
            size_t length = k == COUNT(values) + 1 ? i : k == COUNT(values) + 2 ? count - 1 : k == COUNT(values) + 3 ? count + 1 : count;
            char *copy;
            isk_reader reader;
            isk_status status;
            if (i == count && k != COUNT(values) + 3) { continue; }
            copy = malloc(length > 0 ? length : 1);
            assert_non_null(copy);
            memcpy(copy, bytes, i);
            if (k < COUNT(values) + 1) {
                memcpy(copy, bytes, count);
                copy[i] = (char)(k < COUNT(values) ? values[k] : (unsigned char)bytes[i] ^ 1);
            } else if (k == COUNT(values) + 2) {
                memcpy(copy + i, bytes + i + 1, count - i - 1);
            } else if (k == COUNT(values) + 3) {
                copy[i] = i < count ? bytes[i] : ' ';
                memcpy(copy + i + 1, bytes + i, count - i);
            }
            reader = isk_reader_memory(copy, length, "damaged");
            status = run(context, &reader);
            if (status != ISK_OK) { assert_non_null(strstr(isk_error(context), "damaged")); }
            free(copy);
            runs++;
            refused += status != ISK_OK;
        }
    }
    assert_true(refused > 0 && refused < runs);
}

/* ---- expectations ---- */

static UNUSED_FUNCTION void expect_at(const char *file, int line, isk_context *context, isk_status got, isk_status due,
                                      const char *sentence) {
    if (got != due || strcmp(isk_error(context), sentence) != 0) {
        print_message("%s:%d\n  got  %s: %s\n  due  %s: %s\n", file, line, isk_status_text(got), isk_error(context),
                      isk_status_text(due), sentence);
    }
    assert_int_equal(got, due);
    assert_string_equal(isk_error(context), sentence);
}
#define expect(context, got, due, sentence) expect_at(__FILE__, __LINE__, context, got, due, sentence)

#endif
