#include "curves.h"

#include "../base/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct record { int model; char stage[64]; double epoch, value[CURVE_COUNT]; int given[CURVE_COUNT]; } record;

static isk_status read_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    static const char *const quantities[CURVE_COUNT] = {
#define CURVE_NAME(name, field) name,
        CURVE_LIST(CURVE_NAME)
#undef CURVE_NAME
    };
    record *r = user;
    double number = 0;
    if (kind == ISK_JSON_STRING && strcmp(key, "stage") == 0) { snprintf(r->stage, sizeof r->stage, "%s", value); }
    if (kind != ISK_JSON_NUMBER || !isk_parse_number(value, strlen(value), &number)) { return ISK_OK; }
    if (strcmp(key, "model") == 0) { r->model = (int)number; }
    if (strcmp(key, "epoch") == 0) { r->epoch = number; }
    for (int i = 0; i < CURVE_COUNT; i++) {
        if (strcmp(key, quantities[i]) == 0) {
            r->value[i] = number;
            r->given[i] = 1;
        }
    }
    return ISK_OK;
}

static int add_point(curve *c, double x, double y) {
    while (c->count > 0 && c->x[c->count - 1] >= x) { c->count--; }         /* resumed from an earlier epoch */
    if (c->count == c->room) {
        int room = c->room ? 2 * c->room : 64;
        double *xs = realloc(c->x, sizeof *xs * (size_t)room), *ys;
        if (xs) { c->x = xs; }
        ys = xs ? realloc(c->y, sizeof *ys * (size_t)room) : NULL;
        if (!ys) { return 0; }
        c->y = ys;
        c->room = room;
    }
    c->x[c->count] = x;
    c->y[c->count++] = y;
    return 1;
}

static int find_stage(const curves *c, const char *name) {
    int i = 0;
    while (i < c->count && strcmp(c->stages[i].name, name) != 0) { i++; }
    return i;
}

static int add_record(curves *c, const record *r) {
    const int at = find_stage(c, r->stage);
    if (at == c->count) {
        stage_curves *more = realloc(c->stages, sizeof *more * ((size_t)at + 1));
        if (!more) { return 0; }
        c->stages = more;
        c->stages[c->count++] = (stage_curves){ { 0 }, { { 0 } } };
        memcpy(more[at].name, r->stage, sizeof r->stage);
    }
    for (int i = 0; i < CURVE_COUNT; i++) {
        if (r->given[i] && !add_point(&c->stages[at].of[i], r->epoch, r->value[i])) { return 0; }
    }
    return 1;
}

isk_status curves_read(isk_context *context, const char *path, int model, curves *c) {
    char line[4096];
    isk_status status = ISK_OK;
    FILE *file = fopen(path, "rb");
    *c = (curves){ 0 };
    if (!file) { return isk_set_error(context, ISK_IO, "%s cannot be read", path); }
    while (status == ISK_OK && fgets(line, sizeof line, file)) {
        record r = { .model = -1 };
        status = isk_json_object(context, path, line, strlen(line), read_member, &r);
        if (status == ISK_MEMORY) { break; }
        if (status != ISK_OK) {                             /* of a line that was stopped amid its writing */
            status = ISK_OK;
            continue;
        }
        if (r.model != model || !r.stage[0] || r.epoch < 1) { continue; }
        if (!add_record(c, &r)) { status = no_memory(context, path); }
    }
    if (status == ISK_OK && ferror(file)) { status = isk_set_error(context, ISK_IO, "%s cannot be read", path); }
    fclose(file);
    if (status != ISK_OK) { curves_free(c); }
    return status;
}

const curve *curves_of(const curves *c, const char *stage) {
    const int at = find_stage(c, stage);
    return at < c->count ? c->stages[at].of : NULL;
}

void curves_free(curves *c) {
    for (int s = 0; s < c->count; s++) {
        for (int i = 0; i < CURVE_COUNT; i++) {
            free(c->stages[s].of[i].x);
            free(c->stages[s].of[i].y);
        }
    }
    free(c->stages);
    *c = (curves){ 0 };
}
