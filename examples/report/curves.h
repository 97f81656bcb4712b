/* The course of a training, from the records in log.jsonl. */
#ifndef CURVES_H
#define CURVES_H

#include "../../indiseek.h"

enum { CURVE_SHARED, CURVE_SPECIFIC, CURVE_FUSED = CURVE_SPECIFIC + ISK_MAX_VIEWS, CURVE_STAGES };    /* "shared", "specific1", ... */

/* Quantities of a record: name there, field here. */
#define CURVE_LIST(X)                                                                                                 \
    X("loss", LOSS) X("validation.loss", VALIDATION_LOSS) X("temperature", TEMPERATURE) X("club", CLUB)               \
    X("validation.club", VALIDATION_CLUB) X("reconstruction", RECONSTRUCTION)                                         \
    X("validation.reconstruction", VALIDATION_RECONSTRUCTION) X("variance", VARIANCE) X("saturation", SATURATION)     \
    X("fresh_club", FRESH_CLUB)
enum {
#define CURVE_ENUM(name, field) CURVE_##field,
    CURVE_LIST(CURVE_ENUM)
#undef CURVE_ENUM
    CURVE_COUNT
};

typedef struct curve { double *x, *y; int count, room; } curve;            /* x: epoch, rising */
typedef struct curves { curve stage[CURVE_STAGES][CURVE_COUNT]; } curves;

/* Records of one model of the call.  An epoch recorded twice, before and after resuming, counts once.  Lines that are no records,
   such as half a line where a run was killed, are passed over. */
isk_status curves_read(isk_context *context, const char *path, int model, curves *c);
void curves_free(curves *c);

#endif
