#include "pictures.h"

#include "../cells/umap.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- which ---- */

static void add(pictures *p, isk_matrix x, int of, const char *title, const char *key) {
    picture *q = &p->list[p->count];
    if (!x.data || x.cols < 1 || p->count == MOST_PICTURES) { return; }
    *q = (picture){ .of = of, .x = x };
    snprintf(q->title, sizeof q->title, "%s", title);
    snprintf(q->key, sizeof q->key, "%s", key);
    p->count++;
}

/* All features side by side in the rows that have them all, NaN in the others. */
static isk_status add_all(pictures *p, isk_context *context, const dataset *d, const features *f) {
    whole_rows rows;
    isk_matrix whole, all;
    isk_scalar *values;
    isk_status status = whole_rows_find(context, f->m, FEATURE_FUSED, NULL, &rows);
    if (status != ISK_OK) { return status; }
    whole = join_whole_rows(context, f->m, FEATURE_FUSED, &rows);
    if (!whole.data) {
        whole_rows_free(&rows);
        return ISK_OK;
    }
    all = (isk_matrix){ NULL, d->rows, whole.cols };
    values = malloc(sizeof *values * (size_t)d->rows * (size_t)whole.cols);
    for (int64_t i = 0; values && i < d->rows * whole.cols; i++) { values[i] = (isk_scalar)NAN; }
    for (int64_t k = 0; values && k < rows.count; k++) {
        memcpy(values + rows.index[k] * whole.cols, whole.data + k * whole.cols, sizeof *values * (size_t)whole.cols);
    }
    whole_rows_free(&rows);
    matrix_free(whole);
    if (!values) { return no_memory(context, "the pictures"); }
    all.data = values;
    add(p, all, -1, "all features (C and Z of every modality)", "all");
    p->list[p->count - 1].own = values;
    return ISK_OK;
}

isk_status pictures_plan(pictures *p, isk_context *context, const dataset *d, const features *f, const char *const *modalities) {
    char title[80];
    for (int i = 0; i < d->v.count; i++) {
        snprintf(title, sizeof title, "shared, by %s (C%d)", modalities[i], i + 1);
        add(p, f->m[FEATURE_C + i], i, title, "shared");
    }
    for (int i = 0; i < d->v.count; i++) {
        snprintf(title, sizeof title, "specific to %s (Z%d)", modalities[i], i + 1);
        add(p, f->m[FEATURE_Z + i], i, title, "specific");
    }
    add(p, f->m[FEATURE_FUSED], -1, "one representation of all", "fused");
    for (int i = 0; i < d->v.count; i++) {
        snprintf(title, sizeof title, "%s as prepared", modalities[i]);
        add(p, d->v.summary[i], i, title, "input");
    }
    return f->m[FEATURE_FUSED].data ? ISK_OK : add_all(p, context, d, f);
}

/* ---- layouts ---- */

typedef struct gang {
    pictures *p;
    progress *bar;
    uint64_t seed;
    pthread_mutex_t lock;
    int next;
    double done[MOST_PICTURES];
    isk_status status;
    char error[600];
} gang;

typedef struct place { gang *all; int picture; } place;

/* One picture says how far it is; returns 1 to stop. */
static int on_step(void *user, double done) {
    const place *here = user;
    gang *g = here->all;
    double sum = 0;
    int stop;
    pthread_mutex_lock(&g->lock);
    if (done > g->done[here->picture]) {
        g->done[here->picture] = done;
        for (int i = 0; i < g->p->count; i++) { sum += g->done[i]; }
        progress_show(g->bar, sum / g->p->count, "drawing UMAPs");
    }
    stop = progress_stopped() || g->status != ISK_OK;
    pthread_mutex_unlock(&g->lock);
    return stop;
}

static int take(gang *g) {
    int index = -1;
    pthread_mutex_lock(&g->lock);
    if (g->status == ISK_OK && g->next < g->p->count) { index = g->next++; }
    pthread_mutex_unlock(&g->lock);
    return index;
}

static void *draw(void *user) {
    gang *g = user;
    isk_context *context = isk_open(&(isk_context_desc){ .threads = 1, .device = ISK_DEVICE_CPU });
    for (int index; (index = take(g)) >= 0;) {
        picture *q = &g->p->list[index];
        place here = { g, index };
        isk_status status = context ? ISK_OK : ISK_MEMORY;
        if (status == ISK_OK) {
            status = umap_layout(context, &(umap_desc){ .x = q->x, .seed = g->seed, .progress = on_step, .user = &here,
                                                        .points = q->points });
        }
        if (status == ISK_OK) {
            on_step(&here, 1);
            continue;
        }
        pthread_mutex_lock(&g->lock);
        g->status = status;
        snprintf(g->error, sizeof g->error, "UMAP of '%s': %s", q->title, context ? isk_error(context) : "no memory");
        pthread_mutex_unlock(&g->lock);
    }
    isk_close(context);
    return NULL;
}

isk_status pictures_make(pictures *p, isk_context *context, int threads, uint64_t seed, progress *bar) {
    enum { MOST_THREADS = 16 };
    gang g = { .p = p, .bar = bar, .seed = seed, .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t workers[MOST_THREADS];
    int started = 0;
    if (threads < 1) { threads = (int)sysconf(_SC_NPROCESSORS_ONLN); }
    if (threads > p->count) { threads = p->count; }
    if (threads > MOST_THREADS) { threads = MOST_THREADS; }
    for (int i = 0; i < p->count; i++) {
        p->list[i].points = malloc(sizeof *p->list[i].points * 2 * ((size_t)p->list[i].x.rows + 1));
        if (!p->list[i].points) { return no_memory(context, "the pictures"); }
    }
    while (started < threads - 1 && pthread_create(&workers[started], NULL, draw, &g) == 0) { started++; }
    draw(&g);                       /* this thread too, so that one thread is enough */
    for (int i = 0; i < started; i++) { pthread_join(workers[i], NULL); }
    progress_end(bar);
    if (progress_stopped()) { return isk_set_error(context, ISK_INTERRUPTED, "stopped while drawing"); }
    return g.status == ISK_OK ? ISK_OK : isk_set_error(context, g.status, "%s", g.error);
}

void pictures_free(pictures *p) {
    for (int i = 0; i < p->count; i++) {
        free(p->list[i].own);
        free(p->list[i].points);
    }
    memset(p, 0, sizeof *p);
}
