/* HDF5 files by the paths inside them: a thin layer over libhdf5 that checks what a file says before it asks for memory.
   Only hdf5.c sees the library.  Rows, columns and entries in its messages count from 0, as Python does. */
#ifndef INDISEEK_HDF5_H
#define INDISEEK_HDF5_H

#include "mtx.h"

/* 1: HDF5 was compiled in. */
int hdf5_available(void);
/* UNSUPPORTED: what to install so that `path` can be read or written. */
isk_status hdf5_missing(isk_context *context, const char *path);

#ifdef INDISEEK_HAVE_HDF5

typedef struct hdf5 {
    isk_context *context;
    const char *path;               /* not copied */
    int64_t id;                     /* the library's, -1: closed */
    isk_status status;              /* the first failure of writing or of looking, after which calls do nothing but to return it */
} hdf5;

typedef enum hdf5_kind { HDF5_NOTHING, HDF5_GROUP, HDF5_INTEGER, HDF5_FLOAT, HDF5_BOOLEAN, HDF5_TEXT, HDF5_OTHER } hdf5_kind;
/* dimensions 0: one value.  What is not there: rows and cols are 1. */
typedef struct hdf5_shape { hdf5_kind kind; int dimensions; int64_t rows, cols; } hdf5_shape;

enum { HDF5_PATH = 1024 };
/* "group/name", or "name" in the root, whose path is "" */
const char *hdf5_at(char buffer[HDF5_PATH], const char *group, const char *name);
/* "FILE: at: sentence"; at NULL or "": of the file as a whole.  After a failure of looking the sentence of that stays. */
isk_status hdf5_fail(const hdf5 *f, isk_status status, const char *at, const char *format, ...);

/* ---- reading: what cannot be read is never taken for something that is not there ---- */

isk_status hdf5_open(isk_context *context, const char *path, hdf5 *f);
void hdf5_close(hdf5 *f);
/* Two that cannot fail by themselves: where the file cannot be read they see nothing, and f->status, which the caller is to return in the
   end, says why. */
hdf5_shape hdf5_look(hdf5 *f, const char *at);                          /* HDF5_NOTHING too where Python's None was written */
int hdf5_is(hdf5 *f, const char *group, const char *name);       /* whether group/name is there */
/* What a group holds, in the order of the names. */
isk_status hdf5_list(hdf5 *f, const char *at, names *n);
/* The text of an attribute, or texts; none when there is no such attribute. */
isk_status hdf5_attribute(hdf5 *f, const char *at, const char *name, names *n);
/* `count` whole numbers of an attribute; *found 0 when there is no such attribute. */
isk_status hdf5_attribute_whole(hdf5 *f, const char *at, const char *name, int64_t *values, int count, int *found);
/* The functions below take one dimension; DATA when the values are not `count`.  Numbers are read as texts too. */
isk_status hdf5_names(hdf5 *f, const char *at, names *n);
isk_status hdf5_doubles(hdf5 *f, const char *at, int64_t count, double *values);
isk_status hdf5_whole(hdf5 *f, const char *at, int64_t count, int64_t *values);
/* The shape must be [rows, cols], all values finite; `values` is allocated. */
isk_status hdf5_matrix(hdf5 *f, const char *at, int64_t rows, int64_t cols, isk_scalar **values);
/* The group's data, indices and indptr, which are by rows or by columns; the result is by rows, each sorted. */
isk_status hdf5_sparse(hdf5 *f, const char *at, int by_columns, int64_t rows, int64_t cols, sparse *m);

/* A counting sort: the rows of the result are the columns of `from`, sorted whatever they were.  0: out of memory. */
int sparse_turn(const sparse *from, sparse *to);
/* The names of the rows of a data frame of AnnData, such as obs. */
isk_status hdf5_frame_index(hdf5 *f, const char *data_frame, names *n);

/* ---- writing: after a failure nothing more is done, and hdf5_finish says which it was ---- */

/* userblock: 512 bytes before the file's own begin, for what MuData writes there */
isk_status hdf5_create(isk_context *context, const char *path, int userblock, hdf5 *f);
/* An existing file, to be added to. */
isk_status hdf5_append(isk_context *context, const char *path, hdf5 *f);
isk_status hdf5_finish(hdf5 *f);
void hdf5_remove(hdf5 *f, const char *at);                              /* nothing when it is not there */
/* With the attributes encoding-type and encoding-version, unless type is NULL. */
void hdf5_put_group(hdf5 *f, const char *at, const char *type, const char *version);
void hdf5_put_attribute(hdf5 *f, const char *at, const char *name, const char *value);
void hdf5_put_attribute_names(hdf5 *f, const char *at, const char *name, const names *values);
void hdf5_put_attribute_whole(hdf5 *f, const char *at, const char *name, const int64_t *values, int count);   /* count 0: one value */
void hdf5_put_attribute_boolean(hdf5 *f, const char *at, const char *name, int value);
/* cols 0: one dimension.  What is large is packed by gzip. */
typedef enum hdf5_number { HDF5_SCALARS, HDF5_DOUBLES, HDF5_WHOLE, HDF5_INDICES, HDF5_TRUTH } hdf5_number;
void hdf5_put_numbers(hdf5 *f, const char *at, hdf5_number kind, int64_t rows, int64_t cols, const void *values);
void hdf5_put_names(hdf5 *f, const char *at, const names *values);
void hdf5_put_text(hdf5 *f, const char *at, const char *value);
void hdf5_put_sparse(hdf5 *f, const char *at, const sparse *m);

#endif
#endif
