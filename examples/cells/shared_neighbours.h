/* How many neighbours two rows have in common, of k nearest each, themselves among them. */
#ifndef SHARED_NEIGHBOURS_H
#define SHARED_NEIGHBOURS_H

#include <stdint.h>

typedef struct shared_neighbours {
    int64_t rows;
    int others;                     /* k without the row itself */
    const int32_t *near;            /* [rows, others], the row itself not among them; below 0: there are no more */
    /* Which rows have m among their k nearest: members[starts[m]] .. members[starts[m + 1] - 1]. */
    int64_t *starts;
    int32_t *members;
    int32_t *shared, *touched;      /* [rows] of one row at a time; zeros between */
} shared_neighbours;

/* 0: out of memory; to be closed all the same. */
int shared_neighbours_open(shared_neighbours *s, int64_t rows, int others, const int32_t *near);
void shared_neighbours_close(shared_neighbours *s);
/* The rows in touched [returned] share shared[row] neighbours with row i.  Then shared_neighbours_clear, before the next. */
int64_t shared_neighbours_count(const shared_neighbours *s, int64_t i);
void shared_neighbours_clear(const shared_neighbours *s, int64_t count);

#endif
