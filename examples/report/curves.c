#include "curves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct record { int model, stage; double epoch, value[CURVE_COUNT]; int given[CURVE_COUNT]; } record;

static isk_status read_member(void *user, const char *key, isk_json_kind kind, const char *value) {
    static const char *const stages[CURVE_STAGES] = { "shared", "specific1", "specific2", "specific3", "specific4", "fused" };
    static const char *const names[CURVE_COUNT] = {
#define CURVE_NAME(name, field) name,
        CURVE_LIST(CURVE_NAME)
#undef CURVE_NAME
    };
    record *r = user;
    double number = 0;
    if (kind == ISK_JSON_STRING && strcmp(key, "stage") == 0) {
        for (int i = 0; i < CURVE_STAGES; i++) {
            if (strcmp(value, stages[i]) == 0) { r->stage = i; }
        }
    }
    if (kind != ISK_JSON_NUMBER || !isk_parse_number(value, strlen(value), &number)) { return ISK_OK; }
    if (strcmp(key, "model") == 0) { r->model = (int)number; }
    if (strcmp(key, "epoch") == 0) { r->epoch = number; }
    for (int i = 0; i < CURVE_COUNT; i++) {
        if (strcmp(key, names[i]) == 0) {
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

static int add_record(curves *c, const record *r) {
    for (int i = 0; i < CURVE_COUNT; i++) {
        if (r->given[i] && !add_point(&c->stage[r->stage][i], r->epoch, r->value[i])) { return 0; }
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
        record r = { .model = -1, .stage = -1 };
        if (isk_json_object(context, path, line, strlen(line), read_member, &r) != ISK_OK) { continue; }
        if (r.model != model || r.stage < 0 || r.epoch < 1) { continue; }
        if (!add_record(c, &r)) { status = isk_set_error(context, ISK_MEMORY, "no memory for the curves of %s", path); }
    }
    fclose(file);
    if (status != ISK_OK) { curves_free(c); }
    return status;
}

void curves_free(curves *c) {
    for (int s = 0; s < CURVE_STAGES; s++) {
        for (int i = 0; i < CURVE_COUNT; i++) {
            free(c->stage[s][i].x);
            free(c->stage[s][i].y);
        }
    }
    *c = (curves){ 0 };
}
