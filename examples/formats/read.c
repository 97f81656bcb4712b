/* A folder or file of any kind: which reader takes it, what is wanted of it, and whether memory is enough. */
#include "cells.h"
#include "stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which modalities are wanted ---- */

int next_listed(const char **list, char word[LISTED_WORD]) {
    size_t length;
    *list += strspn(*list, " ,");
    length = strcspn(*list, ",");
    if (length == 0) { return 0; }
    snprintf(word, LISTED_WORD, "%.*s", (int)(length < LISTED_WORD - 1 ? length : LISTED_WORD - 1), *list);
    *list += length;
    for (length = strlen(word); length > 0 && word[length - 1] == ' '; length--) { word[length - 1] = 0; }
    return 1;
}

/* "protein=adt" is { "protein", "adt" }, "adt" { "", "adt" }. */
typedef struct list_word { char name[LISTED_WORD], called[LISTED_WORD]; } list_word;

static int next_word(const char **list, list_word *w) {
    char *equals;
    if (!next_listed(list, w->called)) { return 0; }
    equals = strchr(w->called, '=');
    w->name[0] = 0;
    if (equals) {
        const char *called = equals + 1 + strspn(equals + 1, " ");
        while (equals > w->called && equals[-1] == ' ') { equals--; }
        snprintf(w->name, sizeof w->name, "%.*s", (int)(equals - w->called), w->called);
        memmove(w->called, called, strlen(called) + 1);
    }
    return 1;
}

/* How well a word fits: as the file calls it, the whole or its last part; as we do; by its kind; 0: not. */
static int fits(const offer *o, const char *called) {
    const modality_kind kind = modality_kind_of(called);
    const char *slash = strrchr(o->key, '/');
    if (same_words(o->key, called) || (slash && same_words(slash + 1, called))) { return 3; }
    if (same_words(o->name, called)) { return 2; }
    return kind != MODALITY_OTHER && kind == o->kind;
}

int modality_is(const modality *m, const char *called) {
    offer o = { .kind = m->kind };
    memcpy(o.name, m->name, sizeof o.name);
    memcpy(o.key, m->key, sizeof o.key);
    return fits(&o, called) > 0;
}

static int best_fit(const cells *c, const char *called) {
    int best = 0;
    for (int64_t i = 0; i < c->offer_count; i++) {
        const int fit = fits(&c->offered[i], called);
        best = fit > best ? fit : best;
    }
    return best;
}

static const offer *offer_of(const cells *c, const modality *m) {
    for (int64_t i = 0; i < c->offer_count; i++) {
        if (strcmp(c->offered[i].key, m->key) == 0) { return &c->offered[i]; }
    }
    return NULL;
}

int cells_offer(cells *c, const modality *m) {
    offer *new;
    if (offer_of(c, m)) { return 1; }
    if (!make_room((void **)&c->offered, &c->offer_capacity, c->offer_count + 1, sizeof *c->offered)) { return 0; }
    new = &c->offered[c->offer_count++];
    new->kind = m->kind;
    memcpy(new->name, m->name, sizeof new->name);
    memcpy(new->key, m->key, sizeof new->key);
    return 1;
}

int cells_want(const cells *c, const read_desc *desc, modality *m) {
    const char *list = desc->modalities;
    const offer *o = offer_of(c, m);
    list_word w;
    if (!list || desc->only) { return 1; }
    for (int number = 1; next_word(&list, &w); number++) {
        const int fit = o ? fits(o, w.called) : 0;
        if (fit == 0 || fit < best_fit(c, w.called)) { continue; }
        if (w.name[0]) { modality_call(m, o->key, w.name); }
        return number;
    }
    return 0;
}

/* What there is, by names that can be given back. */
static isk_status not_there(const cells *c, const char *called) {
    text list = { 0 };
    shown s;
    isk_status status;
    text_add(&list, "");
    for (int64_t i = 0; i < c->offer_count; i++) {
        int same = 0;
        for (int64_t k = 0; k < c->offer_count; k++) { same += strcmp(c->offered[k].name, c->offered[i].name) == 0; }
        text_format(&list, "%s%s", i > 0 ? ", " : "", show(&s, same > 1 ? c->offered[i].key : c->offered[i].name));
    }
    status = list.failed ? no_memory(c->context, c->path)
                         : isk_set_error(c->context, ISK_ARGUMENT, "%s: has no modality '%s'; it has %s", c->path, show(&s, called),
                                         list.data);
    text_free(&list);
    return status;
}

isk_status cells_choose(cells *c, const read_desc *desc, modality *const *list, int64_t count, int64_t *chosen) {
    shown a, b;
    *chosen = -1;
    if (!desc->only) { return ISK_OK; }
    for (int64_t i = 0; i < count; i++) {
        if (count > 1 && list[i]->kind != *desc->only) { continue; }
        if (*chosen >= 0) {
            return isk_set_error(c->context, ISK_DATA, "%s: '%s' and '%s' are both %s, and one file is to give one modality", c->path,
                                 show(&a, list[*chosen]->key), show(&b, list[i]->key), modality_kind_name(*desc->only));
        }
        *chosen = i;
    }
    if (*chosen < 0) { return not_there(c, modality_kind_name(*desc->only)); }
    if (c->bar && *desc->only != MODALITY_OTHER && list[*chosen]->kind != *desc->only && !list[*chosen]->likely) {
        progress_warn(c->bar, "%s: says that it is '%s', and is taken for %s, as --%s-file says", c->path, show(&a, list[*chosen]->key),
                      modality_kind_name(*desc->only), modality_kind_name(*desc->only));
    }
    modality_call_file(list[*chosen], c->path, *desc->only);
    return ISK_OK;
}

isk_status cells_check_chosen(isk_context *context, const read_desc *desc, int layers, int obsms) {
    shown word;
    if (desc->layer && !layers) {
        return isk_set_error(context, ISK_DATA, "--layer: nothing that is read has a layer '%s'", show(&word, desc->layer));
    }
    if (desc->obsm && *desc->obsm && !obsms) {
        return isk_set_error(context, ISK_DATA, "--obsm: nothing that is read has an obsm '%s'; .h5ad files have some",
                             show(&word, desc->obsm));
    }
    return ISK_OK;
}

static void swap(modality *a, modality *b) {
    modality kept = *a;
    *a = *b;
    *b = kept;
}

/* In the order of the words; others are dropped, for readers that did not ask. */
static isk_status order_as_wanted(cells *c, const read_desc *desc) {
    const char *list = desc->modalities;
    list_word w;
    int placed = 0;
    for (int i = 0; i < c->count; i++) {
        if (!cells_offer(c, &c->modality[i])) { return no_memory(c->context, c->path); }
    }
    for (int number = 1; next_word(&list, &w); number++) {
        int at = placed;
        while (at < c->count && cells_want(c, desc, &c->modality[at]) != number) { at++; }
        if (at == c->count && best_fit(c, w.called) == 0) { return not_there(c, w.called); }
        if (at == c->count) {
            shown s;
            return isk_set_error(c->context, ISK_ARGUMENT, "%s: modality %s is wanted twice", c->path, show(&s, w.called));
        }
        for (; at > placed; at--) { swap(&c->modality[at], &c->modality[at - 1]); }
        placed++;
    }
    while (c->count > placed && placed > 0) { modality_free(&c->modality[--c->count]); }
    return ISK_OK;
}

/* RNA, protein, ATAC, then others as the file has them. */
static void order_by_kind(cells *c) {
    static const modality_kind order[] = { MODALITY_RNA, MODALITY_PROTEIN, MODALITY_ATAC };
    int placed = 0;
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        for (int i = placed; i < c->count; i++) {
            if (c->modality[i].kind != order[k]) { continue; }
            for (int at = i; at > placed; at--) { swap(&c->modality[at], &c->modality[at - 1]); }
            placed++;
        }
    }
}

/* ---- memory ---- */

double memory_estimate(const extent *parts, int count) {
    double reading = 0, kept = 0;
    for (int i = 0; i < count; i++) {
        const extent *e = &parts[i];
        const double each = (double)sizeof(isk_scalar) + (e->is_sparse ? (double)sizeof(int32_t) : 0);
        const double chosen = (double)(e->cols < PREPARED_FEATURES ? e->cols : PREPARED_FEATURES);
        reading += (double)e->count * (e->reading > each ? e->reading : each);
        kept += (double)e->count * each;
        if (e->is_sparse) { kept += (double)e->rows * chosen * (double)sizeof(isk_scalar); }
    }
    return reading > kept ? reading : kept;
}

/* 3 significant digits: "120 MB", "3.41 GB" */
static const char *bytes_words(double bytes, char buffer[32]) {
    const int giga = bytes >= 999.5e6;
    const double value = bytes / (giga ? 1e9 : 1e6);
    char number[32];
    snprintf(buffer, 32, "%s %s", value < 0.1 && bytes > 0 ? "0.1"
             : fixed(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : giga ? 2 : 1, number),
             giga ? "GB" : "MB");
    return buffer;
}

static void parts_words(const extent *parts, int count, text *out) {
    text_add(out, "");
    for (int i = 0; i < count; i++) {
        const extent *e = &parts[i];
        const int rna = e->name && strcmp(e->name, "rna") == 0;
        text_format(out, "%s%lld%s x %lld%s", i > 0 ? ", " : "", (long long)e->rows, i == 0 ? " cells" : "", (long long)e->cols,
                    rna ? " genes" : i == 0 ? " features" : "");
        if (e->name) { text_format(out, " (%s)", e->name); }
    }
}

isk_status memory_check(isk_context *context, const read_desc *desc, const char *path, const extent *parts, int count) {
    const int together = desc->beside_count + count;
    extent *all = calloc((size_t)together + 1, sizeof *all);
    double need = 0;
    char needed[32], most[32];
    text words = { 0 };
    isk_status status = all ? ISK_OK : no_memory(context, path);
    for (int i = 0; i < together && all; i++) { all[i] = i < desc->beside_count ? desc->beside[i] : parts[i - desc->beside_count]; }
    if (all) {
        need = memory_estimate(all, together);
        parts_words(all, together, &words);
    }
    free(all);
    if (status != ISK_OK) { return status; }
    if (words.failed) {
        status = no_memory(context, path);
    } else if (desc->most_memory > 0 && need > desc->most_memory) {
        status = isk_set_error(context, ISK_MEMORY, "%s: %s need about %s of memory, where %s are allowed; fewer modalities need less, and "
                               "--rna hvg=N keeps fewer genes dense", path, words.data, bytes_words(need, needed),
                               bytes_words(desc->most_memory, most));
    } else if (desc->bar) {
        text_free(&words);          /* what was read before has been said */
        parts_words(parts, count, &words);
        if (words.failed) { status = no_memory(context, path); }
        if (status == ISK_OK) {
            progress_say(desc->bar, "reading %s: about %s%s", words.data, bytes_words(need, needed), desc->beside_count ? " in all" : "");
        }
    }
    text_free(&words);
    return status;
}

/* ---- which reader ---- */

typedef struct reader {
    int (*is)(const char *path);
    isk_status (*read)(isk_context *context, const char *path, const read_desc *desc, cells *c);
    const char *words;
} reader;

static const reader readers[] = {
    { tenx_is, tenx_read, "a folder of 10x Genomics (matrix.mtx, features.tsv, barcodes.tsv)" },
    { h5_is, h5_read, "an HDF5 file (.h5 of 10x Genomics, .h5ad, .h5mu)" },
};
enum { READERS = sizeof readers / sizeof *readers };

static const reader *reader_of(const char *path) {
    for (int i = 0; i < READERS && !stranger_is_pipe(path); i++) {
        if (readers[i].is(path)) { return &readers[i]; }
    }
    return NULL;
}

static isk_status not_understood(isk_context *context, const char *path) {
    char list[300] = "", matrices[FORMATS_WORDS];
    char start[8];
    isk_reader file;
    isk_status status = stranger_refuse(context, path, "");
    if (status == ISK_OK) { status = isk_reader_open(context, path, &file); }
    if (status != ISK_OK) { return status; }                    /* also when it is not there */
    if (file.read(file.user, 0, start, sizeof start) < 0) { status = isk_set_error(context, ISK_IO, "%s: cannot be read", path); }
    isk_reader_close(&file);
    if (status != ISK_OK) { return status; }
    for (int i = 0; i < READERS; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : i + 1 == READERS ? " nor " : ", ", readers[i].words);
    }
    return isk_set_error(context, ISK_UNSUPPORTED, "%s: is neither %s; of %s one is given for each modality", path, list,
                         input_formats(0, matrices));
}

int cells_is(const char *path) { return reader_of(path) != NULL; }

isk_status cells_load(cells *c, isk_context *context, const char *path, const read_desc *desc) {
    const reader *r = reader_of(path);
    *c = (cells){ .context = context, .path = path, .pairing = desc->pairing, .bar = desc->bar };
    return r ? r->read(context, path, desc, c) : not_understood(context, path);
}

isk_status cells_read(cells *c, isk_context *context, const char *path, const read_desc *desc) {
    static const read_desc defaults = { 0 };
    isk_status status;
    if (!desc) { desc = &defaults; }
    status = cells_load(c, context, path, desc);
    if (status == ISK_OK && desc->modalities) {
        status = order_as_wanted(c, desc);
    } else if (status == ISK_OK) {
        order_by_kind(c);
    }
    if (status == ISK_OK) { status = cells_check_chosen(context, desc, c->layers, c->obsms); }
    if (status == ISK_OK) { status = cells_match(c); }
    if (status != ISK_OK) { cells_free(c); }
    return status;
}
