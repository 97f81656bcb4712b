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
