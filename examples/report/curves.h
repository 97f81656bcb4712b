/* The course of a training, from the records in log.jsonl. */
#ifndef CURVES_H
#define CURVES_H

#include "../../indiseek.h"

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
typedef struct stage_curves { char name[64]; curve of[CURVE_COUNT]; } stage_curves;    /* "shared", "specific1", ..., or a method's own */
typedef struct curves { stage_curves *stages; int count; } curves;         /* in the order in which they were trained */

/* Records of one model of the call.  An epoch recorded twice, before and after resuming, counts once.  Lines that are no records,
   such as half a line where a run was killed, are passed over. */
isk_status curves_read(isk_context *context, const char *path, int model, curves *c);
/* Of the stage of that name; NULL where there is none. */
const curve *curves_of(const curves *c, const char *stage);
void curves_free(curves *c);

#endif
