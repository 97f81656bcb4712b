#include "panel.h"

#include "../base/text.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* ---- names of antibodies ---- */

/* Where the word stands in the name, whatever the case of its letters, with no letter before it; NULL: nowhere. */
static const char *find_word(const char *name, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = name; *at; at++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)at[i]) == word[i]) { i++; }
        if (i == length && (at == name || !isalpha((unsigned char)at[-1]))) { return at; }
    }
    return NULL;
}

static int ends_with_number(const char *name, const char *word, int needs) {
    const char *at = find_word(name, word);
    if (!at) { return 0; }
    at += strlen(word);
    return isdigit((unsigned char)*at) || (!needs && !isalpha((unsigned char)*at));
}

static int is_hashtag(const char *name) {
    return find_word(name, "hashtag") || find_word(name, "hash_tag") || find_word(name, "hash-tag") || find_word(name, "sampletag") ||
           find_word(name, "sample_tag") || ends_with_number(name, "hto", 0) || ends_with_number(name, "cmo", 1);
}

/* IgG alone, as of IgG-Fc, is no control: a subclass is, or what is called one. */
static int is_isotype(const char *name) {
    return find_word(name, "isotype") || ends_with_number(name, "igg", 1) ||
           (find_word(name, "igg") && (find_word(name, "control") || find_word(name, "ctrl")));
}

antibody antibody_of(const char *name) {
    return is_hashtag(name) ? ANTIBODY_HASHTAG : is_isotype(name) ? ANTIBODY_ISOTYPE : ANTIBODY_OF_CELLS;
}

/* ---- which features go ---- */

typedef enum fate { STAYS, LEFT_OUT, HASHTAG, ISOTYPE } fate;

typedef struct panel {
    cells *c;
    uint8_t *marked[ISK_MAX_VIEWS]; /* [features] 1: a pattern of the list fits */
    uint8_t *fate[ISK_MAX_VIEWS];   /* [features] */
} panel;

static isk_status lacks_memory(const panel *p) { return no_memory(p->c->context, "the choice of features"); }

/* The pattern of a word, and of which modalities it is: all, or of the one before a colon.  A peak may have a colon too. */
static const char *split_word(const panel *p, char word[LISTED_WORD], unsigned *of) {
    char *colon = strchr(word, ':');
    *of = (1u << p->c->count) - 1;
    if (colon) {
        unsigned named = 0;
        *colon = 0;
        for (int i = 0; i < p->c->count; i++) { named |= (unsigned)modality_is(&p->c->modality[i], word) << i; }
        if (named || modality_kind_of(word) != MODALITY_OTHER) {
            *of = named;
            return colon + 1;
        }
        *colon = ':';
    }
    return word;
}

static int64_t mark_fitting(const panel *p, int i, const char *pattern) {
    const modality *m = &p->c->modality[i];
    int64_t found = 0;
    for (int64_t j = 0; j < m->in.cols; j++) {
        if (fnmatch(pattern, names_get(&m->in.column_names, j), 0) != 0 &&
            (j >= m->ids.count || fnmatch(pattern, names_get(&m->ids, j), 0) != 0)) { continue; }
        p->marked[i][j] = 1;
        found++;
    }
    return found;
}

/* Features that fit the list are marked; *of gets the modalities that the list is for. */
static void mark(const panel *p, const char *option, const char *list, unsigned *of) {
    char word[LISTED_WORD], whole[LISTED_WORD];
    *of = 0;
    for (int i = 0; i < p->c->count; i++) { memset(p->marked[i], 0, (size_t)p->c->modality[i].in.cols); }
    while (list && next_listed(&list, word)) {
        unsigned own;
        const char *pattern;
        int64_t found = 0;
        shown s;
        memcpy(whole, word, sizeof whole);
        pattern = split_word(p, word, &own);
        for (int i = 0; i < p->c->count; i++) { found += own >> i & 1 ? mark_fitting(p, i, pattern) : 0; }
        *of |= own;
        if (found == 0 && p->c->bar) { progress_warn(p->c->bar, "--%s: no feature fits '%s'", option, show(&s, whole)); }
    }
}

/* What a user says goes before what a name says. */
static void decide(const panel *p, const panel_desc *desc) {
    unsigned of;
    for (int i = 0; i < p->c->count && !desc->with_controls; i++) {
        const modality *m = &p->c->modality[i];
        for (int64_t j = 0; j < m->in.cols && m->kind == MODALITY_PROTEIN; j++) {
            const antibody is = antibody_of(names_get(&m->in.column_names, j));
            if (is != ANTIBODY_OF_CELLS) { p->fate[i][j] = is == ANTIBODY_HASHTAG ? HASHTAG : ISOTYPE; }
        }
    }
    mark(p, "keep-features", desc->keep, &of);
    for (int i = 0; i < p->c->count; i++) {
        for (int64_t j = 0; j < p->c->modality[i].in.cols && of >> i & 1; j++) {
            p->fate[i][j] = p->marked[i][j] ? STAYS : LEFT_OUT;
        }
    }
    mark(p, "drop-features", desc->drop, &of);
    for (int i = 0; i < p->c->count; i++) {
        for (int64_t j = 0; j < p->c->modality[i].in.cols; j++) {
            if (p->marked[i][j]) { p->fate[i][j] = LEFT_OUT; }
        }
    }
}

/* ---- what is said ---- */

/* "4 hashtags: HTO1, HTO2, HTO3 and 1 more" */
static int64_t list_fate(const panel *p, int i, fate which, const char *what, text *out) {
    enum { LISTED = 12 };
    const modality *m = &p->c->modality[i];
    int64_t count = 0, listed = 0;
    shown s;
    for (int64_t j = 0; j < m->in.cols; j++) { count += p->fate[i][j] == which; }
    if (count == 0) { return 0; }
    text_format(out, "%s%lld %s%s: ", out->length ? "; " : "", (long long)count, what, count == 1 ? "" : "s");
    for (int64_t j = 0; j < m->in.cols && listed < LISTED; j++) {
        if (p->fate[i][j] == which) { text_format(out, "%s%s", listed++ ? ", " : "", show(&s, names_get(&m->in.column_names, j))); }
    }
    if (count > listed) { text_format(out, " and %lld more", (long long)(count - listed)); }
    return count;
}

static isk_status say(const panel *p, int i) {
    const char *name = p->c->modality[i].name;
    text controls = { 0 }, others = { 0 };
    isk_status status = ISK_OK;
    int64_t isotypes;
    list_fate(p, i, HASHTAG, "hashtag", &controls);
    isotypes = list_fate(p, i, ISOTYPE, "isotype control", &controls);
    list_fate(p, i, LEFT_OUT, "feature", &others);
    if (controls.failed || others.failed) { status = lacks_memory(p); }
    if (status == ISK_OK && controls.length) {
        progress_say(p->c->bar, "%s: kept out of training, as their names say: %s%s; --controls keep trains on them", name, controls.data,
                     isotypes ? " (still the measure of background)" : "");
    }
    if (status == ISK_OK && others.length) {
        progress_say(p->c->bar, "%s: left out, as --keep-features or --drop-features says: %s", name, others.data);
    }
    text_free(&controls);
    text_free(&others);
    return status;
}

/* ---- what is done ---- */

/* The columns of that number as a matrix of their own. */
static isk_status set_aside(const panel *p, modality *m, const int64_t *columns, int64_t count) {
    const input *in = &m->in;
    input *aside = &m->aside;
    isk_status status = ISK_OK;
    *aside = (input){ .context = p->c->context, .path = in->path, .rows = in->rows, .cols = count, .is_sparse = in->is_sparse };
    if (in->is_sparse) {
        status = sparse_select(p->c->context, m->name, &in->sparse, columns, count, &aside->sparse);
    } else {
        aside->values = malloc(sizeof *aside->values * ((size_t)(in->rows * count) + 1));
        if (!aside->values) { return lacks_memory(p); }
        for (int64_t r = 0; r < in->rows; r++) {
            for (int64_t k = 0; k < count; k++) { aside->values[r * count + k] = in->values[r * in->cols + columns[k]]; }
        }
    }
    for (int64_t k = 0; k < count && status == ISK_OK; k++) {
        if (!names_add(&aside->column_names, names_get(&in->column_names, columns[k]))) { status = lacks_memory(p); }
    }
    return status;
}

static isk_status select_ids(const panel *p, modality *m, const int64_t *columns, int64_t count) {
    names ids = { 0 };
    int done = 1;
    if (m->ids.count == 0) { return ISK_OK; }
    for (int64_t k = 0; k < count && done; k++) { done = names_add(&ids, names_get(&m->ids, columns[k])); }
    names_free(&m->ids);
    m->ids = ids;
    return done ? ISK_OK : lacks_memory(p);
}

static isk_status take_out(const panel *p, int i) {
    modality *m = &p->c->modality[i];
    int64_t *stay = malloc(sizeof *stay * ((size_t)m->in.cols + 1)), *aside = malloc(sizeof *aside * ((size_t)m->in.cols + 1));
    int64_t staying = 0, isotypes = 0;
    isk_status status = stay && aside ? ISK_OK : lacks_memory(p);
    for (int64_t j = 0; j < m->in.cols && status == ISK_OK; j++) {
        if (p->fate[i][j] == STAYS) {
            stay[staying++] = j;
        } else if (m->kind == MODALITY_PROTEIN && antibody_of(names_get(&m->in.column_names, j)) == ANTIBODY_ISOTYPE) {
            aside[isotypes++] = j;
        }
    }
    if (status == ISK_OK && staying == 0) {
        status = isk_set_error(p->c->context, ISK_ARGUMENT, "no feature of %s is left: a pattern of --keep-features is for every modality, "
                               "unless one stands before it (protein:CD*), and --controls keep trains on hashtags and isotype controls",
                               m->name);
    }
    if (status == ISK_OK && staying < m->in.cols) {
        if (isotypes) { status = set_aside(p, m, aside, isotypes); }
        if (status == ISK_OK) { status = select_ids(p, m, stay, staying); }
        if (status == ISK_OK) { status = input_select(&m->in, stay, staying); }
    }
    free(stay);
    free(aside);
    return status;
}

isk_status panel_choose(cells *c, const panel_desc *desc) {
    panel p = { .c = c };
    isk_status status = ISK_OK;
    for (int i = 0; i < c->count && status == ISK_OK; i++) {
        p.marked[i] = calloc((size_t)c->modality[i].in.cols + 1, 1);
        p.fate[i] = calloc((size_t)c->modality[i].in.cols + 1, 1);
        if (!p.marked[i] || !p.fate[i]) { status = lacks_memory(&p); }
    }
    if (status == ISK_OK) { decide(&p, desc); }
    for (int i = 0; i < c->count && status == ISK_OK; i++) {
        if (c->bar) { status = say(&p, i); }
        if (status == ISK_OK) { status = take_out(&p, i); }
    }
    for (int i = 0; i < c->count; i++) {
        free(p.marked[i]);
        free(p.fate[i]);
    }
    return status;
}
