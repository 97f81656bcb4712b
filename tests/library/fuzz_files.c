/* Bytes that nobody should have written, into every reader of the header: nothing may crash, leak or read out of bounds.

       make fuzz               libFuzzer of clang, a minute; time=SECONDS for longer
       make fuzz CC=gcc        without libFuzzer: the same entry under random changes of small valid files

   The first byte chooses the reader, the rest is its input. */

#define INDISEEK_IMPLEMENTATION
#define INDISEEK_NO_CUDA
#define INDISEEK_NO_METRICS
#include "indiseek.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static size_t allocated;

/* A header may promise much more than the input holds; such a promise must be refused before memory is asked for. */
static void *allocate(size_t bytes, void *user) {
    (void)user;
    allocated += bytes;
    return malloc(bytes);
}
static void release(void *pointer, void *user) {
    (void)user;
    free(pointer);
}

static isk_status member(void *user, const char *key, isk_json_kind kind, const char *value) {
    size_t *sum = (size_t *)user;
    *sum += strlen(key) + (size_t)kind + (value ? strlen(value) : 0);
    return ISK_OK;
}

static void read_npy(isk_context *context, const isk_reader *reader) {
    isk_npy npy;
    isk_scalar *values;
    int32_t *labels;
    size_t cells;
    if (isk_npy_open(context, reader, &npy) != ISK_OK) { return; }
    cells = (size_t)npy.rows * (size_t)npy.cols;
    values = (isk_scalar *)malloc(cells * sizeof *values + 1);
    labels = (int32_t *)malloc(cells * sizeof *labels + 1);
    if (values && labels) {
        isk_npy_read(context, reader, &npy, 0, values);
        isk_npy_read(context, reader, &npy, ISK_ALLOW_NONFINITE, values);
        isk_npy_read_integers(context, reader, &npy, labels);
    }
    free(values);
    free(labels);
}

static void read_safetensors(isk_context *context, const isk_reader *reader) {
    isk_safetensors *file;
    int i;
    if (isk_safetensors_open_reader(context, reader, &file) != ISK_OK) { return; }
    for (i = 0; i < isk_safetensors_count(file); i++) {
        const isk_safetensors_entry *entry = isk_safetensors_get(file, i);
        isk_scalar *values = (isk_scalar *)malloc((size_t)entry->count * 8 + 1);
        if (!values) { continue; }
        isk_safetensors_read(file, entry->name, 0, entry->count, values);
        isk_safetensors_read_int64(file, entry->name, entry->count, (int64_t *)(void *)values);
        isk_safetensors_read_bytes(file, entry->name, entry->count, (uint8_t *)values);
        free(values);
    }
    for (i = 0; i < isk_safetensors_text_count(file); i++) {
        const char *key = isk_safetensors_text_key(file, i);
        if (!key || !isk_safetensors_text(file, key)) { abort(); }
    }
    isk_safetensors_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    isk_context_desc desc;
    isk_context *context;
    isk_reader reader;
    size_t sum = 0;
    double number;
    if (count < 1) { return 0; }
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.allocator.allocate = allocate;
    desc.allocator.release = release;
    context = isk_open(&desc);
    if (!context) { return 0; }
    reader = isk_reader_memory(bytes + 1, count - 1, "input");
    allocated = 0;
    switch (bytes[0] & 3) {
    case 0: read_npy(context, &reader); break;
    case 1: read_safetensors(context, &reader); break;
    case 2:
        isk_json_object(context, "input", (const char *)bytes + 1, count - 1, member, &sum);
        isk_json_walk(context, "input", (const char *)bytes + 1, count - 1, member, &sum);
        break;
    default:
        if (isk_parse_number((const char *)bytes + 1, count - 1, &number) > count - 1) { abort(); }
        break;
    }
    /* Tables of entries cost more than the text that names them, but not without bound. */
    if (allocated > 1000000 + 4000 * count) { abort(); }
    isk_reader_close(&reader);
    isk_close(context);
    return 0;
}

#ifndef FUZZ_BY_CLANG

/* Valid inputs to start from; each is changed at some places, cut or lengthened. */
static size_t seed_input(int which, uint8_t *to) {
    static const char npy[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    static const char tensors[] = "{\"__metadata__\":{\"a\":\"b\"},\"x\":{\"dtype\":\"F32\",\"shape\":[2,1],"
                                  "\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[8,16]}}";
    static const char json[] = "{\"a\": 1.5e3, \"b\\u00e4\": \"\\ud83d\\ude00\", \"c\": null, \"d\": true}";
    static const char number[] = "-12345.678901234567890e-307";
    size_t length;
    to[0] = (uint8_t)which;
    switch (which) {
    case 0:
        memcpy(to + 1, "\x93NUMPY\x01\x00\x76\x00", 10);
        memset(to + 11, ' ', 118);
        memcpy(to + 11, npy, sizeof npy - 1);
        to[128] = '\n';
        memset(to + 129, 0, 24);
        return 129 + 24;
    case 1:
        length = sizeof tensors - 1;
        memset(to + 1, 0, 8);
        to[1] = (uint8_t)length;
        memcpy(to + 9, tensors, length);
        memset(to + 9 + length, 0, 16);
        return 9 + length + 16;
    case 2: memcpy(to + 1, json, sizeof json - 1); return sizeof json;
    default: memcpy(to + 1, number, sizeof number - 1); return sizeof number;
    }
}

int main(int count, char **arguments) {
    double seconds = count > 1 ? atof(arguments[1]) : 60, end = isk__seconds() + seconds;
    unsigned long inputs = 0;
    uint64_t state = 1;
    uint8_t buffer[512];
    while (isk__seconds() < end) {
        size_t length = seed_input((int)(inputs & 3), buffer), changes, i;
        uint8_t *exact;
        state = isk__mix64(state + inputs);
        changes = (size_t)(state >> 60) % 6;
        for (i = 0; i < changes; i++) {
            static const char favourites[] = "\"{}[]:,.0129-eE\\ \n\x00\xff\x7f";
            uint64_t random = isk__mix64(state + i + 1);
            buffer[1 + random % (length - 1)] =
                random >> 40 & 1 ? (uint8_t)favourites[(random >> 48) % (sizeof favourites - 1)] : (uint8_t)(random >> 32);
        }
        if (state % 5 == 0) { length = 1 + (size_t)(state >> 8) % length; }
        if (state % 7 == 0) { length += (size_t)(state >> 16) % (sizeof buffer - length); }
        exact = (uint8_t *)malloc(length);      /* its own block, so that the sanitizer sees a read past its end */
        if (!exact) { return 1; }
        memcpy(exact, buffer, length);
        LLVMFuzzerTestOneInput(exact, length);
        free(exact);
        inputs++;
    }
    printf("%lu inputs, no crash\n", inputs);
    return 0;
}

#endif
