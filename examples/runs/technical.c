#include "technical.h"

#include "split.h"
#include "../base/sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- asking ---- */

static isk_status ask(technical *t, isk_context *context, const factors_desc *desc, const features *f, const factor *of) {
    technical_row *row = &t->rows[t->count++];
    isk_status status = ISK_OK;
    snprintf(row->name, sizeof row->name, "%s", of->name);
    for (int i = 0; i < FEATURE_COUNT && status == ISK_OK; i++) {
        double values[MOST_METRICS];
        status = ask_unseen(context, &(unseen_question){ .x = f->m[i], .y = of->values, .part = desc->part, .without_slow = 2,
                                                         .way = unseen_way_of(t->cells), .scored = desc->asked }, values);
        row->r2[i] = values[METRIC_RIDGE];
    }
    return status;
}

isk_status technical_make(technical *t, isk_context *context, const factors_desc *desc, const features *f, const char *const *modalities) {
    factors found;
    isk_status status;
    memset(t, 0, sizeof *t);
    t->cells = split_count(desc->part, desc->cells->rows, desc->asked);
    if (t->cells < LEAST_TOLD) { return ISK_OK; }
    for (int i = 0; i < ISK_MAX_VIEWS; i++) { t->modality[i] = modalities[i]; }
    for (int i = 0; i < FEATURE_COUNT; i++) { t->features |= (unsigned)(f->m[i].data != NULL) << i; }
    status = factors_make(&found, context, desc);
    for (int i = 0; i < found.count && status == ISK_OK; i++) { status = ask(t, context, desc, f, &found.list[i]); }
    if (status == ISK_OK) { factors_free(&found); }
    return status;
}

/* ---- output ---- */

const char *technical_words(const technical *t, int feature, technical_name *buffer) {
    if (feature == FEATURE_FUSED) { return "fused"; }
    snprintf(buffer->text, sizeof buffer->text, feature >= FEATURE_Z ? "Z of %s" : "C of %s",
             t->modality[feature >= FEATURE_Z ? feature - FEATURE_Z : feature]);
    return buffer->text;
}

/* "shared_rna", "specific_protein", "fused" */
static const char *key_of(const technical *t, int feature, technical_name *buffer) {
    if (feature == FEATURE_FUSED) { return "fused"; }
    snprintf(buffer->text, sizeof buffer->text, feature >= FEATURE_Z ? "specific_%s" : "shared_%s",
             t->modality[feature >= FEATURE_Z ? feature - FEATURE_Z : feature]);
    return buffer->text;
}

void technical_tsv(const technical *t, text *out) {
    technical_name over[FEATURE_COUNT];
    sheet_column columns[FEATURE_COUNT + 1] = { { .key = "factor" } };
    sheet s = { .columns = columns, .column_count = 1 };
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (t->features >> i & 1) { columns[s.column_count++] = (sheet_column){ .key = key_of(t, i, &over[i]), .form = SHEET_REAL }; }
    }
    for (int k = 0; k < t->count; k++) {
        sheet_row(&s);
        sheet_words(&s, t->rows[k].name);
        for (int i = 0; i < FEATURE_COUNT; i++) {
            if (t->features >> i & 1) { sheet_number(&s, t->rows[k].r2[i]); }
        }
    }
    sheet_tsv(&s, out);
    sheet_free(&s);
}

void technical_json(const technical *t, text *out) {
    technical_name name;
    text_json_key(out, "technical");
    text_add(out, "{");
    for (int k = 0; k < t->count; k++) {
        text_json_key(out, t->rows[k].name);
        text_add(out, "{");
        for (int i = 0; i < FEATURE_COUNT; i++) {
            if (t->features >> i & 1) { text_json_member(out, key_of(t, i, &name), t->rows[k].r2[i]); }
        }
        text_add(out, "}");
    }
    text_add(out, "}");
}

void technical_remarks(const technical *t, text *out) {
    static const double least = 0.3;
    for (int i = FEATURE_Z; i < FEATURE_FUSED; i++) {
        technical_name name;
        int said = 0;
        for (int k = 0; k < t->count; k++) {
            if (!(t->features >> i & 1) || !(t->rows[k].r2[i] >= least)) { continue; }
            if (!said) { text_format(out, "%s%s follows ", out->length ? " " : "", technical_words(t, i, &name)); }
            text_format(out, "%s%s (R² ", said++ ? ", " : "", t->rows[k].name);
            text_fixed(out, t->rows[k].r2[i], 2);
            text_add(out, ")");
        }
        if (said) { text_add(out, ": part of what seems specific may be technical."); }
    }
}
