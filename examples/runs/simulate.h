/* Data whose truth is known. */
#ifndef SIMULATE_H
#define SIMULATE_H

#include "../../indiseek.h"

#define SETTING_COLS 6              /* columns of X */
#define SETTING_SHARED 2            /* columns of C_1 */

/* The simulated settings 1..4 of Gui, Ma and Ma 2025, section 1.1 and A.2.1: x [n, 6] and the shared feature c [n, 2].
   1  X ~ N(0, I); C = 0.5 u + 0.2 sin u + 0.2 u^3, u = (x1, x2).           Specific: coordinates 3 to 6.
   2  x1, x2, x5, x6 ~ N(0, 1), x3 = 0.2 (x1 + x2), x4 = x1 x2, C = (x1, x2).  Specific: coordinates 5 and 6.
   3, 4  as 1, 2, with the specific coordinates drawn from six values of variance 1. */
void simulate_setting(int setting, int64_t n, uint64_t seed, isk_scalar *x, isk_scalar *c);

/* Two views of the same samples.  Both see the shared position, each sees one factor of its own:
       x1 = M1(position, only1) + noise,   x2 = M2(position, only2) + noise,
   M1 and M2 random maps with a layer of tanh, every column of variance near 1. */
#define SIMULATED_POSITION 3

typedef struct simulated {
    int64_t rows;
    int cols1, cols2, clusters;
    isk_scalar *x1, *x2;            /* [rows, cols] */
    int *cluster;                   /* [rows], 0 .. clusters-1: where the position lies */
    isk_scalar *position;           /* [rows, SIMULATED_POSITION]: cluster centre + N(0, 0.35^2) */
    isk_scalar *only1, *only2;      /* [rows, 1]: N(0, 1), seen in one view only */
} simulated;

/* Returns 0 when there is no memory. */
int simulate_two_views(simulated *s, int64_t rows, int cols1, int cols2, int clusters, double noise, uint64_t seed);
void simulated_free(simulated *s);

#endif
