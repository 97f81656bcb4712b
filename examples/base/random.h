/* Random numbers of the example programs: the i-th word is a hash of (seed, i), the same everywhere. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

typedef struct random_stream { uint64_t key, position; } random_stream;

/* Streams of one seed with different purposes are independent. */
random_stream random_open(uint64_t seed, uint64_t purpose);
uint64_t random_word(random_stream *r);
double random_uniform(random_stream *r);                        /* [0, 1) */
double random_normal(random_stream *r);                         /* mean 0, variance 1 */
double random_gamma(random_stream *r, double shape);            /* mean and variance `shape`, above 0 */
int64_t random_poisson(random_stream *r, double mean);          /* mean 0 .. 10^15 */
/* A count of that mean and variance mean + dispersion mean^2: negative binomial; dispersion 0: Poisson. */
int64_t random_count(random_stream *r, double mean, double dispersion);
int64_t random_below(random_stream *r, int64_t bound);          /* 0 .. bound-1, bound >= 1 */
void random_shuffle(random_stream *r, int64_t *items, int64_t count);

#endif
