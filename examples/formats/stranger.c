#include "stranger.h"

#include "../base/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- by their bytes ---- */

/* PACKED: it is read as it is, but not where gzip has packed it.  UNPACKED: it is packed by gzip as a rule, and told by what is inside. */
typedef enum form { ANY_FORM, PACKED, UNPACKED } form;

typedef struct stranger {
    const char *start;
    size_t at, length;
    form form;
    const char *what, *advice;      /* advice "": there is none but to give another file */
} stranger;

#define OF_R "in R write its counts by Matrix::writeMM and the names of both sides by writeLines"
static const stranger files[] = {
    { "\x89HDF\r\n\x1A\n", 0, 8, ANY_FORM, "an HDF5 file (.h5, .h5ad, .h5mu, .mat)", "" },
    { "\x93NUMPY", 0, 6, PACKED, "a .npy file", "" },
    { "PK\x03\x04", 0, 4, ANY_FORM, "a zip archive (.npz, .xlsx)", "; of a .npz save one array with numpy.save" },
    { "PAR1\x15", 0, 5, ANY_FORM, "a Parquet file", "; save it as CSV" },
    { "BZh91AY&SY", 0, 10, ANY_FORM, "a bzip2 file", "; unpack it first" },
    { "\xFD" "7zXZ", 0, 5, ANY_FORM, "an xz file", "; unpack it first" },
    { "\x28\xB5\x2F\xFD", 0, 4, ANY_FORM, "a zstd file", "; unpack it first" },
    { "\xD0\xCF\x11\xE0", 0, 4, ANY_FORM, "an old Excel file", "; save it as CSV" },
    { "ustar", 257, 5, UNPACKED, "a tar archive", "; unpack it first (tar -xf), and give what is in it" },
    { "RDX2\n", 0, 5, UNPACKED, "an R data file (.RData)", "; " OF_R },
    { "RDX3\n", 0, 5, UNPACKED, "an R data file (.RData)", "; " OF_R },
    { "X\n\0\0\0", 0, 5, UNPACKED, "an R data file (.rds)", "; " OF_R },
};

static isk_status refuse_file(isk_context *context, const char *path, const char *also) {
    const unsigned char *start;
    size_t count = 0;
    lines l;
    isk_status status = lines_open(context, path, &l);
    const int packed = l.unzip != NULL;
    if (status == ISK_OK) { status = lines_peek(&l, &start, &count); }
    for (size_t i = 0; i < sizeof files / sizeof *files && status == ISK_OK; i++) {
        const stranger *s = &files[i];
        if (count < s->at + s->length || memcmp(start + s->at, s->start, s->length) != 0 || (s->form == PACKED && !packed)) { continue; }
        status = isk_set_error(context, ISK_UNSUPPORTED, "%s: is %s%s%s", path, s->what, packed && s->form != UNPACKED ?
                               " that gzip has packed; unpack it first (gunzip -k)" : s->advice, also);
    }
    lines_close(&l);
    return status;
}

/* ---- by what a folder holds ---- */

/* %s of the advice is the folder. */
static const struct { const char *member, *what, *advice; } folders[] = {
    { ".zgroup", "a Zarr store", "write it as .h5ad: anndata.read_zarr(\"%s\").write_h5ad(\"cells.h5ad\")" },
    { "zarr.json", "a Zarr store", "write it as .h5ad: anndata.read_zarr(\"%s\").write_h5ad(\"cells.h5ad\")" },
    { ".zattrs", "a Zarr store", "write it as .h5ad: anndata.read_zarr(\"%s\").write_h5ad(\"cells.h5ad\")" },
    { "filtered_feature_bc_matrix", "what Cell Ranger leaves", "of it give %s/filtered_feature_bc_matrix" },
    { "filtered_feature_bc_matrix.h5", "what Cell Ranger leaves", "of it give %s/filtered_feature_bc_matrix.h5" },
    { "filtered_gene_bc_matrices", "what Cell Ranger 2 leaves", "of it give the folder of the genome in %s/filtered_gene_bc_matrices" },
    { "per_sample_outs", "what Cell Ranger multi leaves", "of it give %s/per_sample_outs/SAMPLE/count/sample_filtered_feature_bc_matrix" },
    { "outs", "what Cell Ranger leaves", "of it give %s/outs/filtered_feature_bc_matrix" },
};

static isk_status refuse_folder(isk_context *context, const char *path, const char *also) {
    const size_t length = strlen(path), kept = length > 1 && path[length - 1] == '/' ? length - 1 : length;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char member[4200], folder[4200], advice[4400];
        struct stat info;
        snprintf(folder, sizeof folder, "%.*s", (int)(kept < 4000 ? kept : 4000), path);
        snprintf(member, sizeof member, "%.4000s/%s", folder, folders[i].member);
        if (stat(member, &info) != 0) { continue; }
        snprintf(advice, sizeof advice, folders[i].advice, folder);
        return isk_set_error(context, ISK_UNSUPPORTED, "%s: is %s; %s%s", path, folders[i].what, advice, also);
    }
    return ISK_OK;
}

/* ---- both ---- */

int stranger_is_pipe(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode));
}

isk_status stranger_refuse(isk_context *context, const char *path, const char *also) {
    struct stat info;
    if (stranger_is_pipe(path)) {
        return isk_set_error(context, ISK_UNSUPPORTED, "%s: is a pipe, and files are read more than once; write it to a file first%s", path,
                             also);
    }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) { return refuse_folder(context, path, also); }
    return refuse_file(context, path, also);
}
