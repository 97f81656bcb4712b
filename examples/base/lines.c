#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef INDISEEK_HAVE_ZLIB
    #include <zlib.h>
#endif

enum { CHUNK = 1 << 16 };
#define LONGEST_LINE ((size_t)1 << 28)      /* 256 MB: a file without line ends must not fill the memory */

isk_status no_memory(isk_context *context, const char *name) {
    return isk_set_error(context, ISK_MEMORY, "%s: out of memory while reading", name);
}

int make_room(void **items, int64_t *capacity, int64_t need, size_t size) {
    int64_t wanted = *capacity > 0 ? *capacity : 16;
    void *bigger;
    if (need <= *capacity) { return 1; }
    while (wanted < need) {
        if (wanted > INT64_MAX / 2) { return 0; }
        wanted *= 2;
    }
    if ((uint64_t)wanted > PTRDIFF_MAX / size) { return 0; }
    bigger = realloc(*items, (size_t)wanted * size);
    if (!bigger) { return 0; }
    *items = bigger;
    *capacity = wanted;
    return 1;
}

/* ---- gzip ---- */

#ifdef INDISEEK_HAVE_ZLIB
typedef struct unzip {
    z_stream stream;
    unsigned char packed[CHUNK];
    int inside;                     /* of a member; a file may have several, one after the other */
} unzip;

static isk_status unzip_open(lines *l) {
    l->unzip = calloc(1, sizeof *l->unzip);
    if (!l->unzip) { return no_memory(l->context, l->reader.name); }
    if (inflateInit2(&l->unzip->stream, 16 + MAX_WBITS) != Z_OK) {
        free(l->unzip);
        l->unzip = NULL;
        return no_memory(l->context, l->reader.name);
    }
    l->unzip->inside = 1;
    return ISK_OK;
}

static void unzip_close(lines *l) {
    if (!l->unzip) { return; }
    inflateEnd(&l->unzip->stream);
    free(l->unzip);
    l->unzip = NULL;
}

static isk_status read_bytes(lines *l, void *buffer, size_t count, size_t *got);

/* Fills the chunk with unpacked text; nothing at the end. */
static isk_status unzip_chunk(lines *l) {
    z_stream *stream = &l->unzip->stream;
    stream->next_out = l->chunk;
    stream->avail_out = CHUNK;
    while (stream->avail_out > 0) {
        if (stream->avail_in == 0) {
            size_t got;
            isk_status status = read_bytes(l, l->unzip->packed, CHUNK, &got);
            if (status != ISK_OK) { return status; }
            if (got == 0) {
                if (!l->unzip->inside) { break; }
                return isk_set_error(l->context, ISK_DATA, "%s: the gzip file is cut off", l->reader.name);
            }
            stream->next_in = l->unzip->packed;
            stream->avail_in = (uInt)got;
        }
        if (!l->unzip->inside) {
            inflateReset(stream);
            l->unzip->inside = 1;
        }
        int result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR) { return no_memory(l->context, l->reader.name); }
        if (result == Z_STREAM_END) {
            l->unzip->inside = 0;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return isk_set_error(l->context, ISK_DATA, "%s: the gzip file is damaged: %s", l->reader.name,
                                 stream->msg ? stream->msg : "not what gzip writes");
        }
    }
    l->filled = CHUNK - stream->avail_out;
    return ISK_OK;
}
#else
static isk_status unzip_open(lines *l) {
    return isk_set_error(l->context, ISK_UNSUPPORTED, "%s: is a gzip file, but this program was built without zlib; unpack it "
                         "with gunzip first", l->reader.name);
}
static void unzip_close(lines *l) { (void)l; }
static isk_status unzip_chunk(lines *l) { (void)l; return ISK_OK; }
#endif

/* ---- lines ---- */

/* Up to `count` bytes of the file, 0 at its end. */
static isk_status read_bytes(lines *l, void *buffer, size_t count, size_t *got) {
    int64_t result;
    if (l->reader.size != ISK_SIZE_UNKNOWN && count > l->reader.size - l->offset) {
        count = (size_t)(l->reader.size - l->offset);
    }
    *got = 0;
    if (count == 0) { return ISK_OK; }
    result = l->reader.read(l->reader.user, l->offset, buffer, count);
    if (result < 0 || (uint64_t)result > count) {
        return isk_set_error(l->context, ISK_IO, "%s: reading at offset %llu failed", l->reader.name,
                             (unsigned long long)l->offset);
    }
    l->offset += (uint64_t)result;
    *got = (size_t)result;
    return ISK_OK;
}

static isk_status next_chunk(lines *l) {
    l->at = l->filled = 0;
    return l->unzip ? unzip_chunk(l) : read_bytes(l, l->chunk, CHUNK, &l->filled);
}

isk_status lines_peek(lines *l, const unsigned char **start, size_t *count) {
    const isk_status status = l->at < l->filled ? ISK_OK : next_chunk(l);
    *start = l->chunk + l->at;
    *count = status == ISK_OK ? l->filled - l->at : 0;
    return status;
}

isk_status lines_open_reader(isk_context *context, const isk_reader *reader, lines *l) {
    isk_status status;
    memset(l, 0, sizeof *l);
    l->context = context;
    l->reader = *reader;
    l->reader.close = NULL;
    l->chunk = malloc(CHUNK);
    if (!l->chunk) { return no_memory(context, reader->name); }
    /* The two bytes that tell a gzip file may come one by one. */
    while (l->filled < 2) {
        size_t got;
        status = read_bytes(l, l->chunk + l->filled, CHUNK - l->filled, &got);
        if (status != ISK_OK) { return status; }
        if (got == 0) { return ISK_OK; }
        l->filled += got;
    }
    if (l->chunk[0] == 0x1F && l->chunk[1] == 0x8B) {
        l->filled = 0;
        l->offset = 0;
        return unzip_open(l);
    }
    return ISK_OK;
}

isk_status lines_open(isk_context *context, const char *path, lines *l) {
    isk_reader reader;
    isk_status status;
    memset(l, 0, sizeof *l);
    status = isk_reader_open(context, path, &reader);
    if (status != ISK_OK) { return status; }
    status = lines_open_reader(context, &reader, l);
    l->reader.close = reader.close;
    return status;
}

void lines_close(lines *l) {
    unzip_close(l);
    isk_reader_close(&l->reader);
    free(l->chunk);
    free(l->line);
    memset(l, 0, sizeof *l);
}

/* Room for the line so far, the rest of the chunk and a final zero. */
static isk_status line_room(lines *l, size_t length) {
    size_t need = length + (l->filled - l->at) + 1, room = l->room ? l->room : 256;
    char *bigger;
    if (need <= l->room) { return ISK_OK; }
    if (need > LONGEST_LINE) {
        return isk_set_error(l->context, ISK_DATA, "%s: line %lld is longer than 256 MB; not a text file", l->reader.name,
                             (long long)l->number);
    }
    while (room < need) { room *= 2; }
    bigger = realloc(l->line, room);
    if (!bigger) { return no_memory(l->context, l->reader.name); }
    l->line = bigger;
    l->room = room;
    return ISK_OK;
}

isk_status lines_next(lines *l, char **line, size_t *length) {
    size_t used = 0;
    int ended = 0;
    *line = NULL;
    *length = 0;
    l->number++;
    while (!ended) {
        const unsigned char *from, *end;
        size_t part;
        isk_status status = l->at < l->filled ? ISK_OK : next_chunk(l);
        if (status == ISK_OK) { status = line_room(l, used); }
        if (status != ISK_OK) { return status; }
        if (l->at == l->filled) {
            if (used > 0) { break; }
            l->number--;
            return ISK_OK;
        }
        from = l->chunk + l->at;
        end = memchr(from, '\n', l->filled - l->at);
        ended = end != NULL;
        part = end ? (size_t)(end - from) : l->filled - l->at;
        memcpy(l->line + used, from, part);
        used += part;
        l->at += part + (size_t)ended;
    }
    if (used > 0 && l->line[used - 1] == '\r') { used--; }
    l->line[used] = 0;
    if (memchr(l->line, 0, used)) {
        return isk_set_error(l->context, ISK_DATA, "%s: line %lld holds a zero byte: not a text file, or one in UTF-16 (save it "
                             "as UTF-8)", l->reader.name, (long long)l->number);
    }
    *line = l->line;
    *length = used;
    if (l->number == 1 && used >= 3 && memcmp(l->line, "\xEF\xBB\xBF", 3) == 0) {
        *line += 3;
        *length -= 3;
    }
    return ISK_OK;
}

const char *show(shown *s, const char *text) {
    size_t length = strlen(text), cut = length;
    if (length > 64) {
        cut = 60;
        while (cut > 50 && ((unsigned char)text[cut] & 0xC0) == 0x80) { cut--; }    /* not inside a UTF-8 character */
    }
    for (size_t i = 0; i < cut; i++) {
        unsigned char byte = (unsigned char)text[i], before = i > 0 ? (unsigned char)text[i - 1] : 0;
        int control = byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0);
        s->text[i] = control ? '?' : text[i];
    }
    strcpy(s->text + cut, cut < length ? "..." : "");
    return s->text;
}

static int small_letter(int c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

int same_words(const char *a, const char *b) {
    while (*a && small_letter((unsigned char)*a) == small_letter((unsigned char)*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* ---- names ---- */

int names_add(names *n, const char *name) {
    size_t length = strlen(name) + 1;
    int64_t room = (int64_t)n->room;
    if (!make_room((void **)&n->starts, &n->capacity, n->count + 1, sizeof *n->starts)) { return 0; }
    if (!make_room((void **)&n->bytes, &room, (int64_t)(n->used + length), 1)) { return 0; }
    n->room = (size_t)room;
    memcpy(n->bytes + n->used, name, length);
    n->starts[n->count++] = n->used;
    n->used += length;
    return 1;
}

const char *names_get(const names *n, int64_t index) {
    return index >= 0 && index < n->count ? n->bytes + n->starts[index] : NULL;
}

int64_t names_find(const names *n, const char *name) {
    for (int64_t i = 0; i < n->count; i++) {
        if (strcmp(names_get(n, i), name) == 0) { return i; }
    }
    return -1;
}

int names_copy(names *to, const names *from) {
    memset(to, 0, sizeof *to);
    for (int64_t i = 0; i < from->count; i++) {
        if (!names_add(to, names_get(from, i))) {
            names_free(to);
            return 0;
        }
    }
    return 1;
}

void names_free(names *n) {
    free(n->bytes);
    free(n->starts);
    memset(n, 0, sizeof *n);
}

/* ---- an index of names ---- */

uint64_t hash_bytes(uint64_t h, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) { h = (h ^ at[i]) * UINT64_C(1099511628211); }
    return h;
}

/* High bits are folded in: the low ones choose the slot. */
static uint64_t hash_of(const char *name) {
    const uint64_t hash = hash_bytes(HASH_START, name, strlen(name));
    return hash ^ hash >> 32;
}

/* The slot of that name, or the free one where it belongs. */
static int64_t *slot_of(const name_index *x, const char *name) {
    const uint64_t mask = (uint64_t)x->room - 1;
    uint64_t at = hash_of(name) & mask;
    while (x->slots[at] && strcmp(names_get(x->of, x->slots[at] - 1), name) != 0) { at = (at + 1) & mask; }
    return &x->slots[at];
}

int name_index_update(name_index *x, const names *n) {
    x->of = n;
    if (2 * n->count >= x->room) {
        int64_t room = 64, *slots;
        while (room <= 4 * n->count) { room *= 2; }
        slots = calloc((size_t)room, sizeof *slots);
        if (!slots) { return 0; }
        free(x->slots);
        x->slots = slots;
        x->room = room;
        x->indexed = 0;
    }
    for (; x->indexed < n->count; x->indexed++) {
        int64_t *slot = slot_of(x, names_get(n, x->indexed));
        if (!*slot) { *slot = x->indexed + 1; }
    }
    return 1;
}

int64_t name_index_find(const name_index *x, const char *name) { return x->room > 0 ? *slot_of(x, name) - 1 : -1; }

int64_t name_index_twice(const name_index *x, int64_t *before) {
    for (int64_t i = 0; i < x->indexed; i++) {
        *before = name_index_find(x, names_get(x->of, i));
        if (*before != i) { return i; }
    }
    return -1;
}

void name_index_free(name_index *x) {
    free(x->slots);
    memset(x, 0, sizeof *x);
}

/* "name-N", with the first N above *counter that no name of `all` has; adds it there and to the index. */
static int add_numbered(names *all, name_index *x, const char *name, int64_t *counter) {
    const size_t room = strlen(name) + 24;
    char *numbered = malloc(room);
    int done = numbered != NULL;
    while (done) {
        snprintf(numbered, room, "%s-%lld", name, (long long)++*counter);
        if (name_index_find(x, numbered) < 0) { break; }
    }
    done = done && names_add(all, numbered) && name_index_update(x, all);
    free(numbered);
    return done;
}

int names_make_unique(names *n) {
    const int64_t count = n->count;
    int64_t *counters = calloc((size_t)(count > 0 ? count : 1), sizeof *counters);
    names all = { 0 }, unique = { 0 };
    name_index x = { 0 };
    int done = counters && names_copy(&all, n) && name_index_update(&x, &all);
    for (int64_t i = 0; i < count && done; i++) {
        const int64_t first = name_index_find(&x, names_get(n, i));
        if (first == i) {
            done = names_add(&unique, names_get(n, i));
        } else {
            done = add_numbered(&all, &x, names_get(n, i), &counters[first]);
            done = done && names_add(&unique, names_get(&all, all.count - 1));
        }
    }
    if (done) {
        names_free(n);
        *n = unique;
    } else {
        names_free(&unique);
    }
    name_index_free(&x);
    names_free(&all);
    free(counters);
    return done;
}

/* ---- names as a line ---- */

static const char special[] = "\t\n\r\\", written[] = "tnr\\";

char *names_join(const names *n) {
    char *line = malloc(2 * n->used + 1), *to = line;
    for (int64_t i = 0; i < n->count && line; i++) {
        if (i > 0) { *to++ = '\t'; }
        for (const char *at = names_get(n, i); *at; at++) {
            const char *found = strchr(special, *at);
            if (found) { *to++ = '\\'; }
            *to++ = found ? written[found - special] : *at;
        }
    }
    if (line) { *to = 0; }
    return line;
}

int names_split(const char *line, names *n) {
    char *word = malloc(strlen(line) + 1), *to = word;
    int done = word != NULL;
    for (const char *at = line; *line && done; at++) {
        if (*at == '\t' || !*at) {
            *to = 0;
            done = names_add(n, to = word);
            if (!*at) { break; }
        } else if (*at == '\\' && at[1]) {
            const char *found = strchr(written, *++at);
            *to++ = found ? special[found - written] : *at;
        } else {
            *to++ = *at;
        }
    }
    free(word);
    return done;
}

/* ---- a file of names ---- */

isk_status names_read(isk_context *context, const char *path, names *n) {
    lines l;
    char *line = NULL;
    size_t length;
    int64_t empty = 0;
    isk_status status;
    memset(n, 0, sizeof *n);
    status = lines_open(context, path, &l);
    while (status == ISK_OK) {
        status = lines_next(&l, &line, &length);
        if (status != ISK_OK || !line) { break; }
        if (length == 0) {
            empty = empty ? empty : l.number;
        } else if (empty) {
            status = isk_set_error(context, ISK_DATA, "%s: line %lld is empty where a name is due", path, (long long)empty);
        } else if (!names_add(n, line)) {
            status = no_memory(context, path);
        }
    }
    lines_close(&l);
    if (status != ISK_OK) { names_free(n); }
    return status;
}
