#include "join.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 64 };

/* One file, as it was read. */
typedef struct part {
    cells c;
    char tag[TAG];                  /* what it is called where names are given */
    const names *called;            /* its genes by the kind of names that is used */
    int64_t *columns;               /* of the genes that are kept, in their order */
} part;

typedef struct join {
    isk_context *context;
    const join_desc *desc;
    part *parts;
    int count;
    names genes;                    /* in common */
} join;

static isk_status out_of_memory(const join *j) { return no_memory(j->context, "the files"); }

/* ---- reading ---- */

static isk_status read_part(join *j, int i) {
    static const modality_kind rna = MODALITY_RNA;
    const char *path = j->desc->paths[i];
    const matrix_source source = { .path = path, .along = j->desc->transpose ? CELLS_IN_COLUMNS : CELLS_FOUND, .kind = rna };
    read_desc desc = *j->desc->read;
    cells *c = &j->parts[i].c;
    isk_status status;
    shown s;
    desc.only = &rna;
    desc.modalities = NULL;
    c->context = j->context;
    c->bar = desc.bar;
    c->pairing = desc.pairing;
    status = matrices_read(j->context, &source, 1, j->desc->known, &desc, c);
    if (status != ISK_OK) { return status; }
    if (c->modality[0].in.steps) { return isk_set_error(j->context, ISK_DATA, "%s: holds sequences, not counts of genes", path); }
    if (desc.pairing.strip_suffix) {
        names_strip_suffix(&c->modality[0].in.row_names);
        for (int64_t k = 0; k < c->table_count; k++) { names_strip_suffix(&c->tables[k].cells); }
    }
    for (int64_t r = c->modality[0].in.row_names.count; r < c->modality[0].in.rows; r++) {
        if (!names_add(&c->modality[0].in.row_names, (snprintf(s.text, sizeof s.text, "%lld", (long long)r + 1), s.text))) {
            return out_of_memory(j);
        }
    }
    return ISK_OK;
}

/* ---- what files are called ---- */

/* Cell Ranger calls the folder of every sample so. */
static int says_nothing(const char *name, size_t length) {
    static const char *const words[] = { "filtered_feature_bc_matrix", "raw_feature_bc_matrix", "filtered_gene_bc_matrices", "outs", "." };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == length && strncmp(name, words[i], length) == 0) { return 1; }
    }
    return 0;
}

/* The last part of a path that says anything, without its ending, or with `up` 1 that of its folder. */
static void tag_of(const char *path, int up, char tag[TAG]) {
    size_t end = strlen(path), begin;
    for (;;) {
        while (end > 1 && path[end - 1] == '/') { end--; }
        begin = end;
        while (begin > 0 && path[begin - 1] != '/') { begin--; }
        if (begin == 0 || (!says_nothing(path + begin, end - begin) && up-- == 0)) { break; }
        end = begin;
    }
    snprintf(tag, TAG, "%.*s", (int)(end - begin < TAG - 1 ? end - begin : TAG - 1), path + begin);
    for (;;) {
        static const char *const endings[] = { ".gz", ".h5ad", ".h5mu", ".h5", ".mtx", ".npy", ".csv", ".tsv", ".txt" };
        const size_t length = strlen(tag);
        size_t i = 0;
        for (; i < sizeof endings / sizeof *endings; i++) {
            const size_t own = strlen(endings[i]);
            if (length > own && strcmp(tag + length - own, endings[i]) == 0) { break; }
        }
        if (i == sizeof endings / sizeof *endings) { return; }
        tag[length - strlen(endings[i])] = 0;
    }
}

static int tags_differ(const join *j) {
    for (int i = 0; i < j->count; i++) {
        for (int k = 0; k < i; k++) {
            if (strcmp(j->parts[i].tag, j->parts[k].tag) == 0) { return 0; }
        }
    }
    return 1;
}

/* Files are often called alike, in folders that are not. */
static void make_tags(join *j) {
    for (int up = 0; up < 3; up++) {
        for (int i = 0; i < j->count; i++) { tag_of(j->desc->paths[i], up, j->parts[i].tag); }
        if (tags_differ(j)) { return; }
    }
    for (int i = 0; i < j->count; i++) { snprintf(j->parts[i].tag, TAG, "%d", i + 1); }
}

/* ---- genes ---- */

int is_ensembl(const char *name) {
    size_t letters = 3, digits = 0;
    if (strncmp(name, "ENS", 3) != 0) { return 0; }
    while (isupper((unsigned char)name[letters])) { letters++; }
    while (isdigit((unsigned char)name[letters + digits])) { digits++; }
    return name[letters - 1] == 'G' && digits >= 9 && (!name[letters + digits] || name[letters + digits] == '.');
}

/* Genes of the first file that all others have, by names as they are `called`; into a list of their own.  0: out of memory. */
static int find_common(const join *j, names *common) {
    const names *first = j->parts[0].called;
    uint8_t *everywhere = malloc((size_t)first->count + 1);
    int done = everywhere != NULL;
    if (done) { memset(everywhere, 1, (size_t)first->count); }
    for (int i = 1; i < j->count && done; i++) {
        name_index x = { 0 };
        done = name_index_update(&x, j->parts[i].called);
        for (int64_t g = 0; g < first->count && done; g++) {
            everywhere[g] = everywhere[g] && name_index_find(&x, names_get(first, g)) >= 0;
        }
        name_index_free(&x);
    }
    memset(common, 0, sizeof *common);
    for (int64_t g = 0; g < first->count && done; g++) { done = !everywhere[g] || names_add(common, names_get(first, g)); }
    free(everywhere);
    return done;
}

static void call_by(join *j, int by_ids) {
    for (int i = 0; i < j->count; i++) {
        const modality *m = &j->parts[i].c.modality[0];
        j->parts[i].called = by_ids && m->ids.count ? &m->ids : &m->in.column_names;
    }
}

static const char *first_gene(const join *j, int i) { return names_get(&j->parts[i].c.modality[0].in.column_names, 0); }

static isk_status refuse_genes(const join *j, int64_t smallest) {
    const char *one = first_gene(j, 0), *two;
    shown s, t;
    int other = 1;
    for (int i = 1; i < j->count; i++) {            /* the one that is called otherwise, where one is */
        if (is_ensembl(first_gene(j, i)) != is_ensembl(one)) { other = i; }
    }
    two = first_gene(j, other);
    return isk_set_error(j->context, ISK_DATA, "only %lld of the %lld genes of the smallest file are in all %d: %s calls its first '%s', "
                         "%s '%s'%s", (long long)j->genes.count, (long long)smallest, j->count, j->desc->paths[0], show(&s, one),
                         j->desc->paths[other], show(&t, two),
                         is_ensembl(one) != is_ensembl(two) ? "; one names Ensembl's ids and the other symbols: name both alike" :
                                                              "; the names of genes must agree");
}

static isk_status choose_genes(join *j) {
    names by_ids = { 0 };
    int64_t smallest = INT64_MAX;
    int ids = 0;
    isk_status status = ISK_OK;
    for (int i = 0; i < j->count; i++) {
        const modality *m = &j->parts[i].c.modality[0];
        smallest = m->in.cols < smallest ? m->in.cols : smallest;
        ids += m->ids.count > 0;
    }
    call_by(j, 0);
    if (!find_common(j, &j->genes)) { return out_of_memory(j); }
    if (ids && j->count > 1 && 2 * j->genes.count < smallest) {
        call_by(j, 1);
        if (!find_common(j, &by_ids)) { status = out_of_memory(j); }
        if (by_ids.count > j->genes.count) {
            names_free(&j->genes);
            j->genes = by_ids;
            memset(&by_ids, 0, sizeof by_ids);
            if (j->desc->read->bar) {
                progress_say(j->desc->read->bar, "genes are matched by their ids, as the names of few are in all files");
            }
        } else {
            call_by(j, 0);
        }
        names_free(&by_ids);
    }
    if (status == ISK_OK && (double)j->genes.count < LEAST_COMMON * (double)smallest) { status = refuse_genes(j, smallest); }
    return status;
}

static void say_lost(const join *j) {
    text words = { 0 };
    for (int i = 0; i < j->count; i++) {
        const int64_t lost = j->parts[i].c.modality[0].in.cols - j->genes.count;
        if (lost) {
            text_format(&words, "%s%lld of the %lld of %s", words.length ? ", " : "", (long long)lost,
                        (long long)j->parts[i].c.modality[0].in.cols, j->parts[i].tag);
        }
    }
    progress_say(j->desc->read->bar, "%lld genes are in all %d files%s%s", (long long)j->genes.count, j->count,
                 words.length ? "; left out: " : "", words.length ? words.data : "");
    text_free(&words);
}

/* Only those genes, in the order of the first file. */
static isk_status keep_common(join *j, int i) {
    input *in = &j->parts[i].c.modality[0].in;
    name_index x = { 0 };
    int64_t *columns = malloc(sizeof *columns * ((size_t)j->genes.count + 1));
    isk_status status = columns && name_index_update(&x, j->parts[i].called) ? ISK_OK : out_of_memory(j);
    for (int64_t g = 0; g < j->genes.count && status == ISK_OK; g++) { columns[g] = name_index_find(&x, names_get(&j->genes, g)); }
    name_index_free(&x);
    if (status == ISK_OK) { status = input_select(in, columns, j->genes.count); }
    free(columns);
    return status;
}

/* ---- one below the other ---- */

static int64_t stored(const input *in) {
    int64_t count = 0;
    for (int64_t r = 0; r < in->rows; r++) {
        const input_row row = input_row_of(in, r);
        for (int64_t k = 0; k < row.count; k++) { count += row.values[k] != 0; }
    }
    return count;
}

/* Adds the rows of one file to `all`, whose memory is enough, and lets its values go. */
static void append(sparse *all, input *in) {
    for (int64_t r = 0; r < in->rows; r++) {
        const input_row row = input_row_of(in, r);
        for (int64_t k = 0; k < row.count; k++) {
            if (row.values[k] == 0) { continue; }
            all->columns[all->count] = row.columns ? row.columns[k] : (int32_t)k;
            all->values[all->count++] = row.values[k];
        }
        all->starts[++all->rows] = all->count;
    }
    if (in->is_sparse) { sparse_free(&in->sparse); } else { free(in->values); }
    in->values = NULL;
}

static isk_status stack(join *j, modality *m) {
    sparse *all = &m->in.sparse;
    int64_t rows = 0, count = 0;
    m->in.is_sparse = 1;
    m->in.context = j->context;
    m->in.path = j->desc->paths[0];
    for (int i = 0; i < j->count; i++) {
        rows += j->parts[i].c.modality[0].in.rows;
        count += stored(&j->parts[i].c.modality[0].in);
    }
    *all = (sparse){ .cols = j->genes.count, .starts = malloc(sizeof *all->starts * ((size_t)rows + 1)),
                     .columns = malloc(sizeof *all->columns * ((size_t)count + 1)),
                     .values = malloc(sizeof *all->values * ((size_t)count + 1)) };
    if (!all->starts || !all->columns || !all->values) { return out_of_memory(j); }
    all->starts[0] = 0;
    for (int i = 0; i < j->count; i++) { append(all, &j->parts[i].c.modality[0].in); }
    m->in.rows = rows;
    m->in.cols = all->cols;
    return ISK_OK;
}

/* ---- names of cells ---- */

/* Does a name stand in two files? */
static int names_clash(const join *j, int *clash) {
    names all = { 0 };
    name_index x = { 0 };
    int done = 1;
    *clash = 0;
    for (int i = 0; i < j->count && done && !*clash; i++) {
        const names *own = &j->parts[i].c.modality[0].in.row_names;
        for (int64_t r = 0; r < own->count && !*clash; r++) { *clash = name_index_find(&x, names_get(own, r)) >= 0; }
        for (int64_t r = 0; r < own->count && done; r++) { done = names_add(&all, names_get(own, r)); }
        done = done && name_index_update(&x, &all);
    }
    name_index_free(&x);
    names_free(&all);
    return done;
}

static int add_tag(names *n, const char *tag) {
    names tagged = { 0 };
    int done = 1;
    for (int64_t i = 0; i < n->count && done; i++) {
        text name = { 0 };
        text_format(&name, "%s-%s", names_get(n, i), tag);
        done = !name.failed && names_add(&tagged, name.data);
        text_free(&name);
    }
    names_free(n);
    *n = tagged;
    return done;
}

static isk_status name_apart(join *j) {
    int clash, done = names_clash(j, &clash);
    for (int i = 0; i < j->count && done && clash; i++) {
        cells *c = &j->parts[i].c;
        done = add_tag(&c->modality[0].in.row_names, j->parts[i].tag);
        for (int64_t k = 0; k < c->table_count && done; k++) { done = add_tag(&c->tables[k].cells, j->parts[i].tag); }
    }
    if (done && clash && j->desc->read->bar) {
        progress_say(j->desc->read->bar, "files have cells of the same name: each gets that of its file behind it, as '%s'",
                     names_get(&j->parts[0].c.modality[0].in.row_names, 0));
    }
    return done ? ISK_OK : out_of_memory(j);
}

/* ---- the whole ---- */

static isk_status name_genes(join *j, modality *m) {
    modality *first = &j->parts[0].c.modality[0];
    name_index x = { 0 };
    isk_status status = name_index_update(&x, j->parts[0].called) ? ISK_OK : out_of_memory(j);
    for (int64_t g = 0; g < j->genes.count && status == ISK_OK; g++) {
        const int64_t at = name_index_find(&x, names_get(&j->genes, g));
        if (!names_add(&m->in.column_names, names_get(&first->in.column_names, at)) ||
            (first->ids.count && !names_add(&m->ids, names_get(&first->ids, at)))) { status = out_of_memory(j); }
    }
    name_index_free(&x);
    return status;
}

/* Which file each cell is of, before all that files say themselves. */
static isk_status add_file_column(join *j, cells *c, const names *cells_of_all) {
    cell_table t = { .first = 1 };
    cell_column *column = cell_table_add(&t, JOIN_COLUMN);
    names words = { 0 };
    int done = column && names_copy(&t.cells, cells_of_all);
    isk_status status;
    for (int i = 0; i < j->count; i++) {
        for (int64_t r = 0; r < j->parts[i].c.modality[0].in.rows && done; r++) { done = names_add(&words, j->parts[i].tag); }
    }
    status = done ? labels_from_names(j->context, JOIN_COLUMN, &words, &column->classes) : out_of_memory(j);
    names_free(&words);
    if (status == ISK_OK) { return cells_add_table(c, &t); }
    cell_table_free(&t);
    return status;
}

static isk_status put_together(join *j, cells *c) {
    modality m = { 0 };
    isk_status status;
    modality_call(&m, NULL, "rna");
    memcpy(m.key, j->parts[0].c.modality[0].key, sizeof m.key);
    status = name_genes(j, &m);
    for (int i = 0; i < j->count && status == ISK_OK && j->count > 1; i++) { status = keep_common(j, i); }
    if (status == ISK_OK && j->count > 1) { status = name_apart(j); }
    for (int i = 0; i < j->count && status == ISK_OK; i++) {
        const names *own = &j->parts[i].c.modality[0].in.row_names;
        for (int64_t r = 0; r < own->count && status == ISK_OK; r++) {
            if (!names_add(&m.in.row_names, names_get(own, r))) { status = out_of_memory(j); }
        }
    }
    if (status == ISK_OK && j->count > 1) { status = add_file_column(j, c, &m.in.row_names); }
    if (status == ISK_OK) { status = stack(j, &m); }
    if (status != ISK_OK) {
        modality_free(&m);
        return status;
    }
    status = cells_add(c, &m);
    for (int i = 0; i < j->count && status == ISK_OK; i++) {
        cells *from = &j->parts[i].c;
        for (int64_t k = 0; k < from->table_count && status == ISK_OK; k++) { status = cells_add_table(c, &from->tables[k]); }
        for (int64_t k = 0; k < from->files.count && status == ISK_OK; k++) {
            if (!names_add(&c->files, names_get(&from->files, k))) { status = out_of_memory(j); }
        }
    }
    c->pairing = (pairing){ 0 };    /* names lost what they are to lose */
    return status == ISK_OK ? cells_match(c) : status;
}

isk_status cells_join(cells *c, isk_context *context, const join_desc *desc) {
    join j = { .context = context, .desc = desc, .parts = calloc((size_t)desc->count + 1, sizeof *j.parts), .count = desc->count };
    isk_status status = j.parts ? ISK_OK : out_of_memory(&j);
    memset(c, 0, sizeof *c);
    c->context = context;
    c->bar = desc->read->bar;
    c->path = desc->count == 1 ? desc->paths[0] : NULL;
    for (int i = 0; i < j.count && status == ISK_OK; i++) { status = read_part(&j, i); }
    if (status == ISK_OK) {
        make_tags(&j);
        status = choose_genes(&j);
    }
    if (status == ISK_OK && j.count > 1 && desc->read->bar) { say_lost(&j); }
    if (status == ISK_OK) { status = put_together(&j, c); }
    for (int i = 0; i < j.count && j.parts; i++) { cells_free(&j.parts[i].c); }
    free(j.parts);
    names_free(&j.genes);
    return status;
}
