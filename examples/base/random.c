#include "random.h"

#include <math.h>

/* splitmix64, Steele, Lea and Flood 2014. */
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

random_stream random_open(uint64_t seed, uint64_t purpose) {
    const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);
    return (random_stream){ .key = mix(mix(seed + golden) + purpose * golden) };
}

uint64_t random_word(random_stream *r) {
    return mix(r->key + ++r->position * UINT64_C(0x9E3779B97F4A7C15));
}

double random_uniform(random_stream *r) { return (double)(random_word(r) >> 11) / 9007199254740992.0; }

/* Box and Muller; one of the pair is dropped, so that every draw takes two words. */
double random_normal(random_stream *r) {
    double radius = sqrt(-2.0 * log(1.0 - random_uniform(r)));
    return radius * cos(6.283185307179586 * random_uniform(r));
}

/* Marsaglia and Tsang 2000; a shape below 1 by that above it and a power of a uniform number. */
double random_gamma(random_stream *r, double shape) {
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d), boost = 1;
    if (shape < 1) { boost = pow(1 - random_uniform(r), 1 / shape); }
    for (;;) {
        double x = random_normal(r), root = 1 + c * x, v = root * root * root;
        if (root > 0 && log(1 - random_uniform(r)) < 0.5 * x * x + d - d * v + d * log(v)) { return boost * d * v; }
    }
}

/* Small means by multiplying uniform numbers (Knuth), others by transformed rejection (Hoermann 1993, PTRS). */
int64_t random_poisson(random_stream *r, double mean) {
    if (mean < 10) {
        const double limit = exp(-mean);
        int64_t count = 0;
        for (double product = random_uniform(r); product > limit; product *= random_uniform(r)) { count++; }
        return count;
    }
    const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b, inverse = 1.1239 + 1.1328 / (b - 3.4);
    const double sure = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = random_uniform(r) - 0.5, v = 1 - random_uniform(r), near = 0.5 - fabs(u);
        double count = floor((2 * a / near + b) * u + mean + 0.43);
        if (near >= 0.07 && v <= sure) { return (int64_t)count; }
        if (count < 0 || (near < 0.013 && v > near)) { continue; }
        if (log(v * inverse / (a / (near * near) + b)) <= count * log(mean) - mean - lgamma(count + 1)) { return (int64_t)count; }
    }
}

int64_t random_count(random_stream *r, double mean, double dispersion) {
    if (!(mean > 0)) { return 0; }
    return random_poisson(r, dispersion > 0 ? mean * dispersion * random_gamma(r, 1 / dispersion) : mean);
}

int64_t random_below(random_stream *r, int64_t bound) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % (uint64_t)bound, word;
    do { word = random_word(r); } while (word >= limit);
    return (int64_t)(word % (uint64_t)bound);
}

void random_shuffle(random_stream *r, int64_t *items, int64_t count) {
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = random_below(r, i + 1), swap = items[i];
        items[i] = items[j];
        items[j] = swap;
    }
}
