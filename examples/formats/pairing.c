#include "pairing.h"

#include <string.h>

/* ---- barcodes ---- */

enum { BARCODE_LEAST = 10, BARCODE_TURNED = 7 };    /* letters that are bases; where the two lie that antibodies have otherwise, from 0 */

/* Where ten or more bases in a row begin; NULL: nowhere. */
static const char *bases_of(const char *name) {
    for (size_t length; *name; name += length + (name[length] != 0)) {
        length = strspn(name, "ACGT");
        if (length >= BARCODE_LEAST) { return name; }
    }
    return NULL;
}

int is_barcode(const char *name) { return bases_of(name) != NULL; }

void names_strip_suffix(names *n) {
    for (int64_t i = 0; i < n->count; i++) {
        char *name = n->bytes + n->starts[i];
        size_t length = strlen(name);
        for (;;) {
            size_t at = length;
            while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') { at--; }
            if (at == length || at < 2 || name[at - 1] != '-') { break; }
            length = at - 1;
        }
        name[length] = 0;
    }
}

/* The beads of 10x 3' v3 and later carry two oligonucleotides: the barcode of the one that catches antibodies is that of the other with
   the bases 8 and 9 complemented.  Cell Ranger translates them by a table of its own (translation/3M-february-2018.txt.gz). */
static void translate(names *n) {
    static const char bases[] = "ACGT";
    for (int64_t i = 0; i < n->count; i++) {
        char *name = n->bytes + n->starts[i];
        const char *barcode = bases_of(name);
        for (int k = 0; k < 2 && barcode; k++) {
            char *base = name + (barcode - name) + BARCODE_TURNED + k;
            *base = bases[3 - (strchr(bases, *base) - bases)];
        }
    }
}

/* ---- why names do not agree ---- */

enum { STRIPPED = 1, TRANSLATED = 2, CAUSES = 4 };

/* How many would be among the others after that; -1: out of memory. */
static int64_t count_after(const names *own, const names *others, int change) {
    names mine = { 0 }, theirs = { 0 };
    name_index x = { 0 };
    int64_t found = -1;
    if (names_copy(&mine, own) && names_copy(&theirs, others)) {
        if (change & STRIPPED) {
            names_strip_suffix(&mine);
            names_strip_suffix(&theirs);
        }
        if (change & TRANSLATED) { translate(&mine); }
        if (name_index_update(&x, &theirs)) {
            found = 0;
            for (int64_t i = 0; i < mine.count; i++) { found += name_index_find(&x, names_get(&mine, i)) >= 0; }
        }
    }
    name_index_free(&x);
    names_free(&mine);
    names_free(&theirs);
    return found;
}

int pairing_cause(const names *own, const names *others, int64_t smaller, int64_t both, text *words) {
    int64_t found = 0;
    int change = STRIPPED;
    while (change < CAUSES) {
        found = count_after(own, others, change);
        if (found < 0) { return 0; }
        if (found > both && 2 * found >= smaller) { break; }
        change++;
    }
    if (change == CAUSES) { return 1; }
    text_format(words, "%lld would be ", (long long)found);
    if (change & STRIPPED) { text_add(words, "without the \"-1\" or the like at the end of names, which --strip-suffix drops"); }
    if (change == (STRIPPED | TRANSLATED)) { text_add(words, ", and "); }
    if (change & TRANSLATED) {
        text_add(words, "with bases 8 and 9 of their barcodes complemented: those of antibodies of 10x 3' v3 are so, and must be "
                        "translated to those of RNA first, as Cell Ranger does");
    }
    return !words->failed;
}
