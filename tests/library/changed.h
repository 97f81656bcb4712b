/* Files of models that are not quite what isk_save wrote.  Include after indiseek.h and hostile.h. */
#ifndef CHANGED_H
#define CHANGED_H

/* What is changed in a copy of a file. */
typedef struct change {
    const char *drop;                       /* text or tensor that is left out */
    const char *key, *value;                /* text that is written instead, or beside */
    const char *tensor;                     /* tensor that is written as one of ... */
    int dimensions;
    int64_t shape[3];
    double fill;                            /* ... these values */
} change;

static UNUSED_FUNCTION void must(isk_context *context, isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

/* Writes such a copy as SCRATCH "/changed.safetensors" and returns that path. */
static UNUSED_FUNCTION const char *changed(isk_context *context, const char *path, const change *how) {
    const char *to = scratch("changed.safetensors");
    isk_safetensors *file;
    isk_safetensors_writer *writer;
    isk_scalar *blocks[128], *one = calloc(4096, sizeof *one);
    int i, k;
    must(context, isk_safetensors_open(context, path, &file));
    must(context, isk_safetensors_begin(context, &writer));
    assert_true(isk_safetensors_count(file) < 128);
    for (i = 0; i < isk_safetensors_text_count(file); i++) {
        const char *key = isk_safetensors_text_key(file, i);
        if ((how->drop && strcmp(key, how->drop) == 0) || (how->key && strcmp(key, how->key) == 0)) { continue; }
        must(context, isk_safetensors_put_text(writer, key, isk_safetensors_text(file, key)));
    }
    if (how->key) { must(context, isk_safetensors_put_text(writer, how->key, how->value)); }
    for (i = 0; i < isk_safetensors_count(file); i++) {
        const isk_safetensors_entry *entry = isk_safetensors_get(file, i);
        blocks[i] = malloc((size_t)entry->count * sizeof **blocks);
        assert_non_null(blocks[i]);
        must(context, isk_safetensors_read(file, entry->name, 0, entry->count, blocks[i]));
        if ((how->drop && strcmp(entry->name, how->drop) == 0) || (how->tensor && strcmp(entry->name, how->tensor) == 0)) { continue; }
        must(context, isk_safetensors_put(writer, entry->name, ISK_TYPE_SCALAR, entry->dimensions, entry->shape, blocks[i]));
    }
    assert_non_null(one);
    for (k = 0; k < 4096; k++) { one[k] = (isk_scalar)how->fill; }
    if (how->tensor) { must(context, isk_safetensors_put(writer, how->tensor, ISK_TYPE_SCALAR, how->dimensions, how->shape, one)); }
    must(context, isk_safetensors_finish(writer, to));
    for (i = 0; i < isk_safetensors_count(file); i++) { free(blocks[i]); }
    free(one);
    isk_safetensors_close(file);
    return to;
}

#endif
