/* Lines of a text file, plain or gzip (told by its first bytes), and lists of names. */
#ifndef LINES_H
#define LINES_H

#include "../../indiseek.h"

/* A file being read.  number is that of the line given last, from 1; 0 before the first. */
typedef struct lines {
    isk_context *context;
    isk_reader reader;
    uint64_t offset;                /* of the bytes to be read next */
    unsigned char *chunk;           /* text: read, unpacked, not yet given out */
    size_t at, filled;
    struct unzip *unzip;            /* NULL: the file is plain */
    char *line;
    size_t room;
    int64_t number;
} lines;

/* `path` must live until lines_close, which is right after a failure too. */
isk_status lines_open(isk_context *context, const char *path, lines *l);
isk_status lines_open_reader(isk_context *context, const isk_reader *reader, lines *l);
/* The next line without its end (LF or CRLF; a byte order mark is dropped), valid until the next call; NULL at the end. */
isk_status lines_next(lines *l, char **line, size_t *length);
void lines_close(lines *l);
/* The bytes that come next, unpacked and not yet given out, without taking them; count 0 at the end. */
isk_status lines_peek(lines *l, const unsigned char **start, size_t *count);

/* Text of a file as it may be shown in a message: no control characters, cut when long. */
typedef struct shown { char text[80]; } shown;
const char *show(shown *s, const char *text);

/* Whether they are the same, whatever the case of their ASCII letters. */
int same_words(const char *a, const char *b);

/* Zeros are an empty list. */
typedef struct names {
    char *bytes;                    /* one after the other, each with its zero */
    size_t used, room;
    size_t *starts;
    int64_t count, capacity;
} names;

int names_add(names *n, const char *name);                  /* 0: out of memory */
const char *names_get(const names *n, int64_t index);       /* NULL beyond the last */
int64_t names_find(const names *n, const char *name);       /* -1 when there is none */
int names_copy(names *to, const names *from);               /* 0: out of memory, `to` is empty */
/* Of equal names the second and later become "name-1", "name-2", ..., as anndata's var_names_make_unique does.  0: out of memory. */
int names_make_unique(names *n);
void names_free(names *n);
/* Names as one line of text with tabs between, to be freed, and back; what is a tab, an end of line or a backslash in them is written
   \t, \n, \r, \\.  NULL and 0: out of memory. */
char *names_join(const names *n);
int names_split(const char *line, names *n);

/* Where each name of a long list stands, by its hash.  Zeros are the index of an empty list. */
typedef struct name_index {
    const names *of;
    int64_t *slots, room;           /* [room] 1 + the number of a name; 0: free */
    int64_t indexed;                /* names of the list that are in it */
} name_index;

int name_index_update(name_index *x, const names *n);       /* takes in what was added to n since; 0: out of memory */
int64_t name_index_find(const name_index *x, const char *name);     /* the first of that name; -1 when there is none */
/* The first name that stands before it already, and where; -1 when each stands once.  The index is up to date. */
int64_t name_index_twice(const name_index *x, int64_t *before);
void name_index_free(name_index *x);

/* One name a line; an empty line is a mistake, but at the end. */
isk_status names_read(isk_context *context, const char *path, names *n);

/* FNV-1a of Fowler, Noll and Vo, 64 bits, going on from h; the first is HASH_START. */
#define HASH_START UINT64_C(14695981039346656037)
uint64_t hash_bytes(uint64_t h, const void *bytes, size_t count);

/* For arrays that grow: room for `need` items of `size` bytes, at least doubling.  0: out of memory, all is as it was. */
int make_room(void **items, int64_t *capacity, int64_t need, size_t size);
isk_status no_memory(isk_context *context, const char *name);

#endif
