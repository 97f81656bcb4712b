/* A sweep over lambda: what a larger one buys and costs, and which model is kept. */
#ifndef CHOOSE_H
#define CHOOSE_H

#include "data.h"
#include "../base/sheet.h"

typedef struct choice {
    isk_tradeoff_point *points;     /* NULL: one model was trained, and nothing is chosen */
    isk_tradeoff_report report;
    const char *by;                 /* "knee" or "probe" */
    int views, point, model;        /* point and model are what is kept */
} choice;

/* Measures the models of isk_sweep on the validation rows and chooses by "knee" or "probe"; of the seeds the first that did
   not diverge. */
isk_status choice_make(choice *c, isk_context *context, isk_model *const *models, int count, const dataset *d, const char *by);
void choice_free(choice *c);

/* A row a lambda; for the terminal; tradeoff.csv; a member of metrics.json. */
void choice_sheet(const choice *c, sheet *s);
void choice_text(const choice *c, text *out);
void choice_csv(const choice *c, text *out);
void choice_json(const choice *c, text *out);
/* "knee, kept": what there is to say of a point, or nothing. */
const char *choice_remark(const choice *c, int point, char *buffer, size_t size);

#endif
