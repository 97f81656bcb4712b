#include "hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct state {
    uint32_t sum[8];
    unsigned char block[64];
    uint64_t length;                /* bytes so far */
} state;

/* Fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turn(uint32_t x, int bits) { return x >> bits | x << (32 - bits); }

static void add_block(state *s, const unsigned char *block) {
    uint32_t w[64], a[8];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        const uint32_t low = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        const uint32_t high = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    memcpy(a, s->sum, sizeof a);
    for (int i = 0; i < 64; i++) {
        const uint32_t chosen = (a[4] & a[5]) ^ (~a[4] & a[6]), most = (a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]);
        const uint32_t first = a[7] + (turn(a[4], 6) ^ turn(a[4], 11) ^ turn(a[4], 25)) + chosen + constants[i] + w[i];
        const uint32_t second = (turn(a[0], 2) ^ turn(a[0], 13) ^ turn(a[0], 22)) + most;
        memmove(a + 1, a, 7 * sizeof *a);
        a[4] += first;
        a[0] = first + second;
    }
    for (int i = 0; i < 8; i++) { s->sum[i] += a[i]; }
}

static void add_bytes(state *s, const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size;) {
        const size_t at = s->length % 64, take = size - i < 64 - at ? size - i : 64 - at;
        memcpy(s->block + at, bytes + i, take);
        s->length += take;
        i += take;
        if (s->length % 64 == 0) { add_block(s, s->block); }
    }
}

/* Square roots of the first 8 primes begin the sum. */
static const state beginning = { .sum = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
                                          0x5be0cd19 } };

static void finish(state *s, hash_text *hash) {
    const uint64_t bits = s->length * 8;
    const unsigned char one = 0x80, zero = 0;
    unsigned char length[8];
    for (int i = 0; i < 8; i++) { length[i] = (unsigned char)(bits >> (56 - 8 * i)); }
    add_bytes(s, &one, 1);
    while (s->length % 64 != 56) { add_bytes(s, &zero, 1); }
    add_bytes(s, length, 8);
    for (int i = 0; i < 8; i++) { snprintf(hash->text + 8 * i, 9, "%08lx", (unsigned long)s->sum[i]); }
}

void hash_bytes(const void *bytes, size_t size, hash_text *hash) {
    state s = beginning;
    add_bytes(&s, bytes, size);
    finish(&s, hash);
}

isk_status hash_file(isk_context *context, const char *path, hash_text *hash) {
    static const size_t size = 1 << 14;
    unsigned char buffer[1 << 14];
    state s = beginning;
    FILE *file = fopen(path, "rb");
    size_t got;
    int failed;
    if (!file) { return isk_set_error(context, ISK_IO, "%s cannot be read: %s", path, strerror(errno)); }
    while ((got = fread(buffer, 1, size, file)) > 0) { add_bytes(&s, buffer, got); }
    failed = ferror(file);
    fclose(file);
    if (failed) { return isk_set_error(context, ISK_IO, "%s cannot be read to its end", path); }
    finish(&s, hash);
    return ISK_OK;
}
