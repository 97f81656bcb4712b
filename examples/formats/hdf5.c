#include "hdf5.h"

isk_status hdf5_missing(isk_context *context, const char *path) {
    return isk_set_error(context, ISK_UNSUPPORTED, "%s: HDF5 files need libhdf5, which was not there when this program was made; install "
                         "libhdf5-dev and run make again", path);
}

int hdf5_available(void) {
#ifdef INDISEEK_HAVE_HDF5
    return 1;
#else
    return 0;
#endif
}

#ifdef INDISEEK_HAVE_HDF5

#include <hdf5.h>

#include "../base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 100000000 };    /* rows or columns, as of Matrix Market files */

#define FILE_SCALAR (sizeof(isk_scalar) == 8 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE)
#define MEMORY_SCALAR (sizeof(isk_scalar) == 8 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT)

const char *hdf5_at(char buffer[HDF5_PATH], const char *group, const char *name) {
    const size_t length = strlen(group), more = strlen(name);
    const size_t kept = length < HDF5_PATH - 2 ? length : HDF5_PATH - 2, rest = HDF5_PATH - 2 - kept;
    const int slash = kept > 0;
    memmove(buffer, group, kept);
    if (slash) { buffer[kept] = '/'; }
    memcpy(buffer + kept + slash, name, more < rest ? more : rest);
    buffer[kept + (size_t)slash + (more < rest ? more : rest)] = 0;
    return buffer;
}

isk_status hdf5_fail(const hdf5 *f, isk_status status, const char *at, const char *format, ...) {
    char words[400];
    shown where;
    va_list arguments;
    if (f->status != ISK_OK) { return f->status; }          /* what was found missing since may only not have been readable */
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (!at || !*at) { return isk_set_error(f->context, status, "%s: %s", f->path, words); }
    return isk_set_error(f->context, status, "%s: %s: %s", f->path, show(&where, at), words);
}

static void *items(int64_t count, size_t size) {
    if (count < 0 || (uint64_t)count >= PTRDIFF_MAX / size) { return NULL; }
    return calloc((size_t)(count > 0 ? count : 1), size);
}

/* ---- why a call of the library failed ---- */

static herr_t first_error(unsigned n, const H5E_error2_t *error, void *user) {
    hid_t *major = user;
    (void)n;
    *major = error->maj_num;
    return 1;                                               /* ends the walk */
}

/* Why the last one did: the innermost entry of its stack of errors is the cause.  Other causes than disk and memory are `otherwise`. */
static isk_status cause(hdf5 *f, const char *at, const char *otherwise) {
    hid_t major = -1;
    if (f->status != ISK_OK) { return f->status; }
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_error, &major);
    if (major == H5E_RESOURCE) {
        f->status = no_memory(f->context, f->path);
    } else if (major == H5E_IO) {
        f->status = hdf5_fail(f, ISK_IO, at, "cannot be read; the disk or the network gives an error");
    } else {
        f->status = hdf5_fail(f, ISK_DATA, at, "%s", otherwise);
    }
    return f->status;
}

static isk_status unreadable(hdf5 *f, const char *at) { return cause(f, at, "cannot be read; the file is damaged"); }

/* ---- LZF ---- */

/* What h5py packs by compression='lzf' (LibLZF by Marc Lehmann): a byte below 32 says that bytes, one more than that, follow as they are;
   others hold three bits of length and five of how far back to copy from, then more length where it is 7, and eight bits of how far. */
static size_t unpack_lzf(const unsigned char *from, size_t length, unsigned char *to, size_t room) {
    const unsigned char *end = from + length;
    size_t done = 0;
    while (from < end) {
        size_t count = (size_t)*from >> 5, back = ((size_t)*from & 31) << 8;
        if (count == 0) {
            count = (size_t)*from++ + 1;
            if (count > (size_t)(end - from) || count > room - done) { return 0; }
            memcpy(to + done, from, count);
            from += count;
            done += count;
            continue;
        }
        from++;
        if (count == 7 && from < end) { count += *from++; }
        if (from >= end) { return 0; }
        back += (size_t)*from++ + 1;
        count += 2;
        if (back > done || count > room - done) { return 0; }
        for (; count > 0; count--, done++) { to[done] = to[done - back]; }      /* what is copied may be part of it */
    }
    return done;
}

/* settings: the filter's version, that of the library, and the bytes of a chunk, of texts too few.  A byte gives at most 88. */
static size_t filter_lzf(unsigned flags, size_t count, const unsigned settings[], size_t length, size_t *size, void **buffer) {
    size_t room = count > 2 && settings[2] > length ? settings[2] : length + 1;
    if (!(flags & H5Z_FLAG_REVERSE)) { return 0; }
    for (; room / 200 <= length; room *= 2) {
        unsigned char *unpacked = H5allocate_memory(room, 0);
        const size_t done = unpacked ? unpack_lzf(*buffer, length, unpacked, room) : 0;
        if (done > 0) {
            H5free_memory(*buffer);
            *buffer = unpacked;
            *size = room;
            return done;
        }
        H5free_memory(unpacked);
    }
    return 0;
}

enum { LZF = 32000 };
static const H5Z_class2_t lzf = { H5Z_CLASS_T_VERS, LZF, 0, 1, "lzf", NULL, NULL, filter_lzf };

/* ---- files ---- */

/* Its own stack of errors is for programmers; what went wrong is said by us.  At exit it would close once more what a full disk kept it
   from closing, and end by a signal (1.10.8). */
static void quiet(void) {
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* Files on network drives are often not to be locked. */
static hid_t access_without_locks(void) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 0, 1);
#endif
    return access;
}

isk_status hdf5_open(isk_context *context, const char *path, hdf5 *f) {
    isk_reader reader;
    hid_t access;
    isk_status status;
    *f = (hdf5){ context, path, -1, ISK_OK };
    status = isk_reader_open(context, path, &reader);       /* says why a file cannot be opened */
    if (status != ISK_OK) { return status; }
    isk_reader_close(&reader);
    quiet();
    H5Zregister(&lzf);
    access = access_without_locks();
    f->id = H5Fopen(path, H5F_ACC_RDONLY, access);
    status = f->id < 0 ? cause(f, NULL, "is no HDF5 file, or one that is cut off or damaged") : ISK_OK;
    H5Pclose(access);
    return status;
}

void hdf5_close(hdf5 *f) {
    if (f->id >= 0) { H5Fclose((hid_t)f->id); }
    f->id = -1;
}

/* ---- what is there ---- */

/* Whether a path leads to something: 0 where a name of it is missing or a link leads nowhere, -1 when that cannot be read.  Opening it
   would only fail, whichever it is. */
static int is_there(const hdf5 *f, const char *at) {
    char path[HDF5_PATH];
    size_t end = 0;
    while (at[end]) {
        const size_t start = end + strspn(at + end, "/");
        htri_t found;
        end = start + strcspn(at + start, "/");
        if (end == start || (end == start + 1 && at[start] == '.')) { continue; }       /* where one is already */
        snprintf(path, sizeof path, "%.*s", (int)end, at);
        found = H5Lexists((hid_t)f->id, path, H5P_DEFAULT);
        if (found > 0) { found = H5Oexists_by_name((hid_t)f->id, path, H5P_DEFAULT); }
        if (found > 0 && at[end]) {                         /* of what is no group the library fails to say that it holds nothing */
            hid_t object = H5Oopen((hid_t)f->id, path, H5P_DEFAULT);
            found = object < 0 ? -1 : H5Iget_type(object) == H5I_GROUP;
            if (object >= 0) { H5Oclose(object); }
        }
        if (found <= 0) { return found < 0 ? -1 : 0; }
    }
    return 1;
}

/* *object is -1 where nothing is there, which is no failure. */
static isk_status open_object(hdf5 *f, const char *at, hid_t *object) {
    const int there = f->status == ISK_OK ? is_there(f, at) : -1;
    *object = there > 0 ? H5Oopen((hid_t)f->id, *at ? at : "/", H5P_DEFAULT) : -1;
    return there < 0 || (there > 0 && *object < 0) ? unreadable(f, at) : ISK_OK;
}

static int is_boolean(hid_t type) {
    int truth = H5Tget_nmembers(type) == 2;
    for (unsigned i = 0; i < 2 && truth; i++) {
        char *name = H5Tget_member_name(type, i);
        truth = name && strcmp(name, i ? "TRUE" : "FALSE") == 0;
        H5free_memory(name);
    }
    return truth;
}

static hdf5_kind kind_of(hid_t type) {
    switch (H5Tget_class(type)) {
    case H5T_INTEGER: return HDF5_INTEGER;
    case H5T_FLOAT: return HDF5_FLOAT;
    case H5T_STRING: return HDF5_TEXT;
    case H5T_ENUM: return is_boolean(type) ? HDF5_BOOLEAN : HDF5_OTHER;
    default: return HDF5_OTHER;
    }
}

static int64_t whole_size(hsize_t size) { return size > INT64_MAX ? INT64_MAX : (int64_t)size; }

static int space_shape(hid_t space, hdf5_shape *shape) {
    hsize_t sizes[H5S_MAX_RANK] = { 0 };
    shape->dimensions = H5Sget_simple_extent_ndims(space);
    if (H5Sget_simple_extent_type(space) == H5S_NULL) {
        shape->dimensions = 1;
        shape->rows = 0;
    } else if (shape->dimensions > 0 && H5Sget_simple_extent_dims(space, sizes, NULL) > 0) {
        shape->rows = whole_size(sizes[0]);
        shape->cols = shape->dimensions > 1 ? whole_size(sizes[1]) : 1;
    }
    return shape->dimensions >= 0;
}

/* Of a dataset or an attribute; 0: it cannot be read. */
static int shape_of(hid_t object, hdf5_shape *shape) {
    const int attribute = H5Iget_type(object) == H5I_ATTR;
    hid_t type = attribute ? H5Aget_type(object) : H5Dget_type(object), space = attribute ? H5Aget_space(object) : H5Dget_space(object);
    int done = type >= 0 && space >= 0;
    *shape = (hdf5_shape){ HDF5_OTHER, 0, 1, 1 };
    if (done) {
        shape->kind = kind_of(type);
        done = space_shape(space, shape);
    }
    if (type >= 0) { H5Tclose(type); }
    if (space >= 0) { H5Sclose(space); }
    return done;
}

hdf5_shape hdf5_look(hdf5 *f, const char *at) {
    const hdf5_shape nothing = { HDF5_NOTHING, 0, 1, 1 };
    hdf5_shape shape = nothing;
    hid_t object, space;
    if (open_object(f, at, &object) != ISK_OK || object < 0) { return nothing; }
    switch (H5Iget_type(object)) {
    case H5I_GROUP: shape.kind = HDF5_GROUP; break;
    case H5I_DATASET:
        space = H5Dget_space(object);
        if (space < 0 || !shape_of(object, &shape)) { unreadable(f, at); }
        if (f->status != ISK_OK || H5Sget_simple_extent_type(space) == H5S_NULL) { shape = nothing; }      /* Python's None */
        if (space >= 0) { H5Sclose(space); }
        break;
    default: shape.kind = HDF5_OTHER;
    }
    H5Oclose(object);
    return shape;
}

int hdf5_is(hdf5 *f, const char *group, const char *name) {
    char at[HDF5_PATH];
    return hdf5_look(f, hdf5_at(at, group, name)).kind != HDF5_NOTHING;
}

static herr_t list_one(hid_t group, const char *name, const H5L_info_t *about, void *user) {
    (void)group;
    (void)about;
    return names_add(user, name) ? 0 : 1;                  /* 1 ends the walk */
}

isk_status hdf5_list(hdf5 *f, const char *at, names *n) {
    hid_t group;
    herr_t done;
    isk_status status = open_object(f, at, &group);
    memset(n, 0, sizeof *n);
    if (status != ISK_OK) { return status; }
    if (group < 0 || H5Iget_type(group) != H5I_GROUP) {
        if (group >= 0) { H5Oclose(group); }
        return hdf5_fail(f, ISK_DATA, at, "is not there, or is no group");
    }
    done = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, list_one, n);
    if (done < 0) { status = unreadable(f, at); }
    if (done > 0) { status = no_memory(f->context, f->path); }
    H5Oclose(group);
    if (status != ISK_OK) { names_free(n); }
    return status;
}

/* ---- values of datasets and attributes ---- */

static const char *filter_name(H5Z_filter_t filter) {
    switch (filter) {
    case H5Z_FILTER_DEFLATE: return "gzip";
    case H5Z_FILTER_SZIP: return "szip";
    case 32001: return "Blosc";
    case 32004: return "LZ4";
    case 32015: return "Zstandard";
    case 32026: return "Blosc2";
    default: return "a filter";
    }
}

static isk_status check_filters(hdf5 *f, const char *at, hid_t plan) {
    const int count = H5Pget_nfilters(plan);
    for (int i = 0; i < count; i++) {
        unsigned flags = 0, settings = 0;
        size_t none = 0;
        H5Z_filter_t filter = H5Pget_filter2(plan, (unsigned)i, &flags, &none, NULL, 0, NULL, &settings);
        if (filter >= 0 && H5Zfilter_avail(filter) <= 0) {
            return hdf5_fail(f, ISK_UNSUPPORTED, at, "is packed by %s, whose plug-in of HDF5 (filter %d) is not there: set "
                             "HDF5_PLUGIN_PATH to its folder (pip install hdf5plugin; hdf5plugin.PLUGINS_PATH), or write the file again "
                             "with compression='gzip'", filter_name(filter), (int)filter);
        }
    }
    return ISK_OK;
}

/* gzip packs at most 1032 to 1; a small file that announces more than twice that would only take memory.  `each`: bytes of memory for a
   value, 0: those of its type; up to `least` nothing is asked. */
static isk_status check_size(hdf5 *f, const char *at, hid_t data, double each, double least) {
    hid_t space = H5Dget_space(data), type = H5Dget_type(data);
    const double bytes = (double)H5Sget_simple_extent_npoints(space) * (each > 0 ? each : (double)H5Tget_size(type));
    double held = (double)H5Dget_storage_size(data);
    hsize_t file = 0;
    H5Sclose(space);
    H5Tclose(type);
    if (H5Fget_filesize((hid_t)f->id, &file) >= 0 && (double)file < held) { held = (double)file; }
    if (bytes <= least || bytes <= 2000 * held) { return ISK_OK; }
    return hdf5_fail(f, ISK_DATA, at, "announces %.0f MB of values, but the file holds %.3f MB of them; it is cut off or damaged",
                     bytes / 1e6, held / 1e6);
}

/* A dataset that can be read without surprises. */
static isk_status open_data(hdf5 *f, const char *at, hid_t *data, hdf5_shape *shape) {
    hid_t plan;
    isk_status status = open_object(f, at, data);
    if (status != ISK_OK) { return status; }
    if (*data < 0) { return hdf5_fail(f, ISK_DATA, at, "is not there"); }
    if (H5Iget_type(*data) != H5I_DATASET) {
        H5Oclose(*data);
        return hdf5_fail(f, ISK_DATA, at, "is a group where values are due");
    }
    plan = H5Dget_create_plist(*data);
    status = plan < 0 || !shape_of(*data, shape) ? unreadable(f, at) : check_filters(f, at, plan);
    if (status == ISK_OK && H5Pget_external_count(plan) > 0) {
        status = hdf5_fail(f, ISK_UNSUPPORTED, at, "has its values in another file, which is not followed");
    }
    if (plan >= 0) { H5Pclose(plan); }
    if (status == ISK_OK) { status = check_size(f, at, *data, 0, 64e6); }
    if (status != ISK_OK) { H5Oclose(*data); }
    return status;
}

static herr_t fetch(hid_t object, hid_t type, void *values) {
    return H5Iget_type(object) == H5I_ATTR ? H5Aread(object, type, values) : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

/* Each text is a pointer, by the library's malloc. */
static isk_status variable_texts(hdf5 *f, const char *at, hid_t object, hid_t type, int64_t count, names *n) {
    hid_t memory = H5Tcopy(H5T_C_S1), space;
    hsize_t size = (hsize_t)count;
    char **texts = items(count, sizeof *texts);
    isk_status status = texts ? ISK_OK : no_memory(f->context, f->path);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    if (status == ISK_OK && count > 0 && fetch(object, memory, texts) < 0) { status = unreadable(f, at); }
    for (int64_t i = 0; i < count && status == ISK_OK; i++) {
        if (!names_add(n, texts[i] ? texts[i] : "")) { status = no_memory(f->context, f->path); }
    }
    space = H5Screate_simple(1, &size, NULL);
    if (texts && count > 0) { H5Dvlen_reclaim(memory, space, H5P_DEFAULT, texts); }
    H5Sclose(space);
    H5Tclose(memory);
    free(texts);
    return status;
}

/* Each text has the same room, and is ended by zeros or padded by blanks. */
static isk_status fixed_texts(hdf5 *f, const char *at, hid_t object, hid_t type, int64_t count, names *n) {
    const size_t size = H5Tget_size(type);
    const int blanks = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    char *bytes = size > 0 ? items(count, size) : NULL, *one = items((int64_t)size + 1, 1);
    isk_status status = bytes && one ? ISK_OK : no_memory(f->context, f->path);
    if (status == ISK_OK && count > 0 && fetch(object, type, bytes) < 0) { status = unreadable(f, at); }
    for (int64_t i = 0; i < count && status == ISK_OK; i++) {
        size_t length = size;
        memcpy(one, bytes + (size_t)i * size, size);
        while (blanks && length > 0 && one[length - 1] == ' ') { length--; }
        one[length] = 0;
        if (!names_add(n, one)) { status = no_memory(f->context, f->path); }
    }
    free(bytes);
    free(one);
    return status;
}

static isk_status number_texts(hdf5 *f, const char *at, hid_t object, hdf5_kind kind, int64_t count, names *n) {
    double *reals = items(count, sizeof *reals);
    int64_t *whole = items(count, sizeof *whole);
    isk_status status = reals && whole ? ISK_OK : no_memory(f->context, f->path);
    if (status == ISK_OK && count > 0 && (kind == HDF5_FLOAT ? fetch(object, H5T_NATIVE_DOUBLE, reals) :
                                          fetch(object, H5T_NATIVE_INT64, whole)) < 0) { status = unreadable(f, at); }
    for (int64_t i = 0; i < count && status == ISK_OK; i++) {
        text t = { 0 };
        if (kind == HDF5_FLOAT) {
            text_number(&t, reals[i], 15);
        } else if (kind == HDF5_BOOLEAN) {
            text_add(&t, whole[i] ? "True" : "False");
        } else {
            text_format(&t, "%lld", (long long)whole[i]);
        }
        if (t.failed || !names_add(n, t.data)) { status = no_memory(f->context, f->path); }
        text_free(&t);
    }
    free(reals);
    free(whole);
    return status;
}

static isk_status texts_of(hdf5 *f, const char *at, hid_t object, hdf5_shape shape, names *n) {
    const int64_t count = shape.dimensions == 0 ? 1 : shape.rows;
    hid_t type = H5Iget_type(object) == H5I_ATTR ? H5Aget_type(object) : H5Dget_type(object);
    isk_status status;
    if (shape.kind == HDF5_TEXT) {
        status = H5Tis_variable_str(type) > 0 ? variable_texts(f, at, object, type, count, n) : fixed_texts(f, at, object, type, count, n);
    } else {
        status = number_texts(f, at, object, shape.kind, count, n);
    }
    H5Tclose(type);
    if (status != ISK_OK) { names_free(n); }
    return status;
}

isk_status hdf5_names(hdf5 *f, const char *at, names *n) {
    hid_t data;
    hdf5_shape shape;
    isk_status status = open_data(f, at, &data, &shape);
    memset(n, 0, sizeof *n);
    if (status != ISK_OK) { return status; }
    if (shape.dimensions > 1 || shape.kind == HDF5_OTHER) {
        status = hdf5_fail(f, ISK_DATA, at, "is not a list of texts or numbers");
    }
    if (status == ISK_OK) { status = check_size(f, at, data, 64, 1e9); }        /* a text, its place and its slot in an index of names */
    if (status == ISK_OK) { status = texts_of(f, at, data, shape, n); }
    H5Oclose(data);
    return status;
}

/* *attribute is -1 where there is none, which is no failure. */
static isk_status open_attribute(hdf5 *f, const char *at, const char *name, hid_t *attribute, hdf5_shape *shape) {
    hid_t object;
    htri_t there;
    isk_status status = open_object(f, at, &object);
    *attribute = -1;
    if (status != ISK_OK || object < 0) { return status; }
    there = H5Aexists(object, name);
    if (there > 0) { *attribute = H5Aopen(object, name, H5P_DEFAULT); }
    if (there < 0 || (there > 0 && (*attribute < 0 || !shape_of(*attribute, shape)))) { status = unreadable(f, at); }
    if (status != ISK_OK && *attribute >= 0) { H5Aclose(*attribute); }
    H5Oclose(object);
    return status;
}

isk_status hdf5_attribute(hdf5 *f, const char *at, const char *name, names *n) {
    hid_t attribute;
    hdf5_shape shape;
    isk_status status = open_attribute(f, at, name, &attribute, &shape);
    memset(n, 0, sizeof *n);
    if (status != ISK_OK || attribute < 0) { return status; }
    if (shape.dimensions > 1 || shape.rows > MOST_LINES || shape.kind == HDF5_OTHER) {
        status = hdf5_fail(f, ISK_DATA, at, "its attribute %s is not a text or a list of them", name);
    } else if (shape.rows > 0) {                            /* of none, h5py writes numbers */
        status = texts_of(f, at, attribute, shape, n);
    }
    H5Aclose(attribute);
    return status;
}

isk_status hdf5_attribute_whole(hdf5 *f, const char *at, const char *name, int64_t *values, int count, int *found) {
    hid_t attribute;
    hdf5_shape shape;
    isk_status status = open_attribute(f, at, name, &attribute, &shape);
    *found = status == ISK_OK && attribute >= 0;
    if (!*found) { return status; }
    if (shape.kind != HDF5_INTEGER || shape.dimensions > 1 || shape.rows != count) {
        status = hdf5_fail(f, ISK_DATA, at, "its attribute %s must be %d whole numbers", name, count);
    } else if (fetch(attribute, H5T_NATIVE_INT64, values) < 0) {
        status = unreadable(f, at);
    }
    H5Aclose(attribute);
    return status;
}

/* ---- numbers ---- */

static isk_status read_numbers(hdf5 *f, const char *at, int whole, int64_t count, hid_t memory, void *values) {
    hid_t data;
    hdf5_shape shape;
    isk_status status = open_data(f, at, &data, &shape);
    if (status != ISK_OK) { return status; }
    if (shape.kind != HDF5_INTEGER && shape.kind != HDF5_BOOLEAN && (whole || shape.kind != HDF5_FLOAT)) {
        status = hdf5_fail(f, ISK_DATA, at, "holds something other than %s", whole ? "whole numbers" : "numbers");
    } else if (shape.dimensions != 1) {
        status = hdf5_fail(f, ISK_DATA, at, "has %d dimensions where 1 is due", shape.dimensions);
    } else if (shape.rows != count) {
        status = hdf5_fail(f, ISK_DATA, at, "has %lld values where %lld are due", (long long)shape.rows, (long long)count);
    } else if (count > 0 && fetch(data, memory, values) < 0) {
        status = unreadable(f, at);
    }
    H5Oclose(data);
    return status;
}

isk_status hdf5_doubles(hdf5 *f, const char *at, int64_t count, double *values) {
    return read_numbers(f, at, 0, count, H5T_NATIVE_DOUBLE, values);
}

isk_status hdf5_whole(hdf5 *f, const char *at, int64_t count, int64_t *values) {
    return read_numbers(f, at, 1, count, H5T_NATIVE_INT64, values);
}

/* A number of the file that is beyond isk_scalar's range has become infinite. */
static const char *not_finite(isk_scalar value) { return isnan(value) ? "missing (NaN)" : "infinite, or beyond the range of numbers"; }

isk_status hdf5_matrix(hdf5 *f, const char *at, int64_t rows, int64_t cols, isk_scalar **values) {
    hid_t data;
    hdf5_shape shape;
    isk_status status = open_data(f, at, &data, &shape);
    *values = NULL;
    if (status != ISK_OK) { return status; }
    if (shape.kind != HDF5_INTEGER && shape.kind != HDF5_BOOLEAN && shape.kind != HDF5_FLOAT) {
        status = hdf5_fail(f, ISK_DATA, at, "holds something other than numbers");
    } else if (shape.dimensions != 2 || shape.rows != rows || shape.cols != cols) {
        status = hdf5_fail(f, ISK_DATA, at, "is not %lld x %lld, as the names of its rows and columns say", (long long)rows,
                           (long long)cols);
    } else {
        *values = cols > 0 && rows >= INT64_MAX / cols ? NULL : items(rows * cols, sizeof **values);
        if (!*values) { status = no_memory(f->context, f->path); }
    }
    if (status == ISK_OK && rows * cols > 0 && fetch(data, MEMORY_SCALAR, *values) < 0) { status = unreadable(f, at); }
    for (int64_t i = 0; status == ISK_OK && i < rows * cols; i++) {
        if (!isfinite((*values)[i])) {
            status = hdf5_fail(f, ISK_DATA, at, "row %lld, column %lld is %s", (long long)(i / cols), (long long)(i % cols),
                               not_finite((*values)[i]));
        }
    }
    H5Oclose(data);
    if (status != ISK_OK) {
        free(*values);
        *values = NULL;
    }
    return status;
}

/* ---- sparse matrices ---- */

static int sparse_make(sparse *m, int64_t rows, int64_t cols, int64_t count) {
    *m = (sparse){ rows, cols, count, items(rows + 1, sizeof *m->starts), items(count, sizeof *m->columns),
                   items(count, sizeof *m->values) };
    if (m->starts && m->columns && m->values) { return 1; }
    sparse_free(m);
    return 0;
}

int sparse_turn(const sparse *from, sparse *to) {
    if (!sparse_make(to, from->cols, from->rows, from->count)) { return 0; }
    for (int64_t i = 0; i < from->count; i++) { to->starts[from->columns[i] + 1]++; }
    for (int64_t r = 0; r < to->rows; r++) { to->starts[r + 1] += to->starts[r]; }
    for (int64_t r = 0; r < from->rows; r++) {
        for (int64_t i = from->starts[r]; i < from->starts[r + 1]; i++) {
            const int64_t place = to->starts[from->columns[i]]++;
            to->columns[place] = (int32_t)r;
            to->values[place] = from->values[i];
        }
    }
    memmove(to->starts + 1, to->starts, (size_t)to->rows * sizeof *to->starts);
    to->starts[0] = 0;
    return 1;
}

/* Takes the place of m. */
static isk_status turn_in_place(hdf5 *f, sparse *m) {
    sparse turned;
    if (!sparse_turn(m, &turned)) { return no_memory(f->context, f->path); }
    sparse_free(m);
    *m = turned;
    return ISK_OK;
}

static isk_status check_starts(hdf5 *f, const char *at, const int64_t *starts, int64_t rows, int64_t count) {
    char indptr[HDF5_PATH];
    hdf5_at(indptr, at, "indptr");
    if (starts[0] != 0) { return hdf5_fail(f, ISK_DATA, indptr, "begins with %lld, not with 0", (long long)starts[0]); }
    for (int64_t r = 0; r < rows; r++) {
        if (starts[r + 1] < starts[r]) {
            return hdf5_fail(f, ISK_DATA, indptr, "entry %lld is %lld, below the %lld before it", (long long)r + 1,
                             (long long)starts[r + 1], (long long)starts[r]);
        }
    }
    if (starts[rows] == count) { return ISK_OK; }
    return hdf5_fail(f, ISK_DATA, indptr, "ends with %lld, but there are %lld indices", (long long)starts[rows], (long long)count);
}

/* *sorted: whether each row's columns ascend.  `what` the columns are in the file. */
static isk_status check_columns(hdf5 *f, const char *at, const sparse *m, const char *what, int *sorted) {
    char path[HDF5_PATH];
    *sorted = 1;
    for (int64_t i = 0; i < m->count; i++) {
        if (m->columns[i] < 0 || m->columns[i] >= m->cols) {
            return hdf5_fail(f, ISK_DATA, hdf5_at(path, at, "indices"), "entry %lld is %ld, but there are %lld %s", (long long)i,
                             (long)m->columns[i], (long long)m->cols, what);
        }
        if (!isfinite(m->values[i])) {
            return hdf5_fail(f, ISK_DATA, hdf5_at(path, at, "data"), "entry %lld is %s", (long long)i, not_finite(m->values[i]));
        }
    }
    for (int64_t r = 0; r < m->rows && *sorted; r++) {
        for (int64_t i = m->starts[r] + 1; i < m->starts[r + 1]; i++) { *sorted &= m->columns[i] > m->columns[i - 1]; }
    }
    return ISK_OK;
}

/* Of a matrix whose rows are sorted. */
static isk_status check_twice(hdf5 *f, const char *at, const sparse *m) {
    for (int64_t r = 0; r < m->rows; r++) {
        for (int64_t i = m->starts[r] + 1; i < m->starts[r + 1]; i++) {
            if (m->columns[i] == m->columns[i - 1]) {
                return hdf5_fail(f, ISK_DATA, at, "row %lld, column %ld stands twice", (long long)r, (long)m->columns[i]);
            }
        }
    }
    return ISK_OK;
}

/* As the file has it, rows by rows; of one that is by columns they are the columns. */
static isk_status read_compressed(hdf5 *f, const char *at, const char *what, int64_t rows, int64_t cols, sparse *m, int *sorted) {
    char path[HDF5_PATH];
    const hdf5_shape indices = hdf5_look(f, hdf5_at(path, at, "indices"));
    int64_t *starts = items(rows + 1, sizeof *starts);
    isk_status status = starts ? hdf5_whole(f, hdf5_at(path, at, "indptr"), rows + 1, starts) : no_memory(f->context, f->path);
    const int64_t count = indices.dimensions == 1 ? indices.rows : 0;
    if (status == ISK_OK) { status = check_starts(f, at, starts, rows, count); }
    if (status == ISK_OK) {                                 /* announced too much?  before memory is taken */
        hid_t data;
        hdf5_shape shape;
        status = open_data(f, hdf5_at(path, at, "indices"), &data, &shape);
        if (status == ISK_OK) { H5Oclose(data); }
    }
    if (status == ISK_OK && !sparse_make(m, rows, cols, count)) { status = no_memory(f->context, f->path); }
    if (status == ISK_OK) { memcpy(m->starts, starts, (size_t)(rows + 1) * sizeof *starts); }
    free(starts);
    /* What is beyond 32 bits becomes the nearest number that is not, and that is beyond MOST_LINES. */
    if (status == ISK_OK) { status = read_numbers(f, hdf5_at(path, at, "indices"), 1, count, H5T_NATIVE_INT32, m->columns); }
    if (status == ISK_OK) { status = read_numbers(f, hdf5_at(path, at, "data"), 0, count, MEMORY_SCALAR, m->values); }
    if (status == ISK_OK) { status = check_columns(f, at, m, what, sorted); }
    return status;
}

isk_status hdf5_sparse(hdf5 *f, const char *at, int by_columns, int64_t rows, int64_t cols, sparse *m) {
    int sorted = 1;
    isk_status status;
    memset(m, 0, sizeof *m);
    if (rows > MOST_LINES || cols > MOST_LINES) {
        return hdf5_fail(f, ISK_UNSUPPORTED, at, "is %lld x %lld; at most 10^8 rows or columns are read", (long long)rows, (long long)cols);
    }
    status = by_columns ? read_compressed(f, at, "rows", cols, rows, m, &sorted)
        : read_compressed(f, at, "columns", rows, cols, m, &sorted);
    if (status == ISK_OK && (by_columns || !sorted)) { status = turn_in_place(f, m); }
    if (status == ISK_OK && !by_columns && !sorted) { status = turn_in_place(f, m); }
    if (status == ISK_OK) { status = check_twice(f, at, m); }
    if (status != ISK_OK) { sparse_free(m); }
    return status;
}

/* ---- writing ---- */

static void broken(hdf5 *f, const char *at) {
    if (f->status == ISK_OK) { f->status = hdf5_fail(f, ISK_IO, at, "cannot be written; is the disk full?"); }
}

isk_status hdf5_create(isk_context *context, const char *path, int userblock, hdf5 *f) {
    hid_t plan, access;
    *f = (hdf5){ context, path, -1, ISK_OK };
    quiet();
    plan = H5Pcreate(H5P_FILE_CREATE);
    access = access_without_locks();
    if (userblock) { H5Pset_userblock(plan, 512); }
    f->id = H5Fcreate(path, H5F_ACC_TRUNC, plan, access);
    H5Pclose(plan);
    H5Pclose(access);
    if (f->id < 0) { f->status = hdf5_fail(f, ISK_IO, NULL, "cannot be made"); }
    return f->status;
}

isk_status hdf5_append(isk_context *context, const char *path, hdf5 *f) {
    hid_t access;
    *f = (hdf5){ context, path, -1, ISK_OK };
    quiet();
    access = access_without_locks();
    f->id = H5Fopen(path, H5F_ACC_RDWR, access);
    H5Pclose(access);
    if (f->id < 0) { f->status = hdf5_fail(f, ISK_IO, NULL, "cannot be opened to add to it"); }
    return f->status;
}

isk_status hdf5_finish(hdf5 *f) {
    if (f->id >= 0 && H5Fflush((hid_t)f->id, H5F_SCOPE_GLOBAL) < 0) { broken(f, NULL); }
    if (f->id >= 0 && H5Fclose((hid_t)f->id) < 0) { broken(f, NULL); }
    f->id = -1;
    return f->status;
}

void hdf5_remove(hdf5 *f, const char *at) {
    const int there = f->status == ISK_OK ? is_there(f, at) : 0;
    if (there < 0) { unreadable(f, at); }
    if (there <= 0) { return; }
    if (H5Ldelete((hid_t)f->id, at, H5P_DEFAULT) < 0) { broken(f, at); }
}

/* Fixed or variable texts as Python's h5py writes them. */
static hid_t text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static hid_t boolean_type(void) {
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    signed char value = 0;
    H5Tenum_insert(type, "FALSE", &value);
    value = 1;
    H5Tenum_insert(type, "TRUE", &value);
    return type;
}

/* Replaces one of that name.  Closes space. */
static void put_attribute(hdf5 *f, const char *at, const char *name, hid_t kept, hid_t memory, hid_t space, const void *values) {
    if (f->status == ISK_OK) {
        hid_t object, attribute = -1;
        if (open_object(f, at, &object) == ISK_OK && object >= 0 && H5Aexists(object, name) > 0) { H5Adelete(object, name); }
        if (object >= 0) { attribute = H5Acreate2(object, name, kept, space, H5P_DEFAULT, H5P_DEFAULT); }
        if (attribute < 0 || (values && H5Awrite(attribute, memory, values) < 0)) { broken(f, at); }
        if (attribute >= 0) { H5Aclose(attribute); }
        if (object >= 0) { H5Oclose(object); }
    }
    H5Sclose(space);
}

void hdf5_put_attribute(hdf5 *f, const char *at, const char *name, const char *value) {
    hid_t type = text_type();
    put_attribute(f, at, name, type, type, H5Screate(H5S_SCALAR), &value);
    H5Tclose(type);
}

/* Pointers to the names, by malloc; NULL when there is no memory. */
static const char **pointers(const names *values) {
    const char **list = items(values->count, sizeof *list);
    for (int64_t i = 0; list && i < values->count; i++) { list[i] = names_get(values, i); }
    return list;
}

void hdf5_put_attribute_names(hdf5 *f, const char *at, const char *name, const names *values) {
    const char **list = pointers(values);
    hsize_t count = (hsize_t)values->count;
    hid_t type = text_type();
    if (!list && f->status == ISK_OK) { f->status = no_memory(f->context, f->path); }
    put_attribute(f, at, name, type, type, H5Screate_simple(1, &count, NULL), count ? list : NULL);
    H5Tclose(type);
    free(list);
}

void hdf5_put_attribute_whole(hdf5 *f, const char *at, const char *name, const int64_t *values, int count) {
    hsize_t size = (hsize_t)count;
    put_attribute(f, at, name, H5T_STD_I64LE, H5T_NATIVE_INT64, count ? H5Screate_simple(1, &size, NULL) : H5Screate(H5S_SCALAR), values);
}

void hdf5_put_attribute_boolean(hdf5 *f, const char *at, const char *name, int value) {
    signed char truth = value != 0;
    hid_t type = boolean_type();
    put_attribute(f, at, name, type, type, H5Screate(H5S_SCALAR), &truth);
    H5Tclose(type);
}

static void put_encoding(hdf5 *f, const char *at, const char *type, const char *version) {
    hdf5_put_attribute(f, at, "encoding-type", type);
    hdf5_put_attribute(f, at, "encoding-version", version);
}

void hdf5_put_group(hdf5 *f, const char *at, const char *type, const char *version) {
    if (f->status != ISK_OK) { return; }
    if (*at) {
        hid_t group = H5Gcreate2((hid_t)f->id, at, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        if (group < 0) { broken(f, at); } else { H5Gclose(group); }
    }
    if (type) { put_encoding(f, at, type, version); }
}

/* In pieces of about 64 Ki values, packed; as a whole where that is all. */
static hid_t storage_plan(int dimensions, const hsize_t *sizes) {
    enum { PIECE = 65536, LEAST = 4096 };
    hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t piece[2] = { sizes[0], dimensions > 1 ? sizes[1] : 1 };
    if (piece[0] == 0 || piece[1] == 0 || piece[0] * piece[1] < LEAST || H5Zfilter_avail(H5Z_FILTER_DEFLATE) <= 0) { return plan; }
    if (piece[1] > PIECE) { piece[1] = PIECE; }
    if (piece[0] * piece[1] > PIECE) { piece[0] = PIECE / piece[1]; }
    H5Pset_chunk(plan, dimensions, piece);
    H5Pset_deflate(plan, 4);
    return plan;
}

static void put_data(hdf5 *f, const char *at, hid_t kept, hid_t memory, int dimensions, const hsize_t *sizes, const void *values) {
    hid_t space, plan, data;
    if (f->status != ISK_OK) { return; }
    space = dimensions ? H5Screate_simple(dimensions, sizes, NULL) : H5Screate(H5S_SCALAR);
    plan = dimensions && H5Tis_variable_str(kept) <= 0 ? storage_plan(dimensions, sizes) : H5Pcreate(H5P_DATASET_CREATE);
    data = H5Dcreate2((hid_t)f->id, at, kept, space, H5P_DEFAULT, plan, H5P_DEFAULT);
    if (data < 0 || (H5Sget_simple_extent_npoints(space) > 0 && H5Dwrite(data, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)) {
        broken(f, at);
    }
    if (data >= 0) { H5Dclose(data); }
    H5Pclose(plan);
    H5Sclose(space);
}

void hdf5_put_numbers(hdf5 *f, const char *at, hdf5_number kind, int64_t rows, int64_t cols, const void *values) {
    const hsize_t sizes[2] = { (hsize_t)rows, (hsize_t)cols };
    hid_t truth = boolean_type(), kept = truth, memory = truth;
    switch (kind) {
    case HDF5_SCALARS: kept = FILE_SCALAR; memory = MEMORY_SCALAR; break;
    case HDF5_DOUBLES: kept = H5T_IEEE_F64LE; memory = H5T_NATIVE_DOUBLE; break;
    case HDF5_WHOLE: kept = H5T_STD_I64LE; memory = H5T_NATIVE_INT64; break;
    case HDF5_INDICES: kept = H5T_STD_I32LE; memory = H5T_NATIVE_INT32; break;
    case HDF5_TRUTH: break;
    }
    put_data(f, at, kept, memory, cols ? 2 : 1, sizes, values);
    put_encoding(f, at, "array", "0.2.0");
    H5Tclose(truth);
}

void hdf5_put_names(hdf5 *f, const char *at, const names *values) {
    const char **list = pointers(values);
    const hsize_t count = (hsize_t)values->count;
    hid_t type = text_type();
    if (!list && f->status == ISK_OK) { f->status = no_memory(f->context, f->path); }
    put_data(f, at, type, type, 1, &count, list);
    put_encoding(f, at, "string-array", "0.2.0");
    H5Tclose(type);
    free(list);
}

void hdf5_put_text(hdf5 *f, const char *at, const char *value) {
    hid_t type = text_type();
    put_data(f, at, type, type, 0, NULL, &value);
    put_encoding(f, at, "string", "0.2.0");
    H5Tclose(type);
}

void hdf5_put_sparse(hdf5 *f, const char *at, const sparse *m) {
    const int64_t shape[2] = { m->rows, m->cols };
    char path[HDF5_PATH];
    hdf5_put_group(f, at, "csr_matrix", "0.1.0");
    hdf5_put_attribute_whole(f, at, "shape", shape, 2);
    hdf5_put_numbers(f, hdf5_at(path, at, "data"), HDF5_SCALARS, m->count, 0, m->values);
    hdf5_put_numbers(f, hdf5_at(path, at, "indices"), HDF5_INDICES, m->count, 0, m->columns);
    if (m->count <= INT32_MAX) {                            /* scipy takes indices and indptr of one type as they are */
        int32_t *starts = items(m->rows + 1, sizeof *starts);
        if (!starts && f->status == ISK_OK) { f->status = no_memory(f->context, f->path); }
        for (int64_t r = 0; starts && r <= m->rows; r++) { starts[r] = (int32_t)m->starts[r]; }
        hdf5_put_numbers(f, hdf5_at(path, at, "indptr"), HDF5_INDICES, m->rows + 1, 0, starts);
        free(starts);
    } else {
        hdf5_put_numbers(f, hdf5_at(path, at, "indptr"), HDF5_WHOLE, m->rows + 1, 0, m->starts);
    }
}

#endif
