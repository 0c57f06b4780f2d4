/*
 * SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein: "SipHash: a fast short-input PRF"): the seal on
 * what a grader says, for guests and host programs alike. Little-endian machines only.
 */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash {
    uint64_t v[4]; /* the state */
};

static inline uint64_t siphash_rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void siphash_rounds(struct siphash *s, unsigned n)
{
    uint64_t *v = s->v;

    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = siphash_rotate(v[1], 13) ^ v[0];
        v[3] = siphash_rotate(v[3], 16) ^ v[2];
        v[0] = siphash_rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = siphash_rotate(v[1], 17) ^ v[2];
        v[3] = siphash_rotate(v[3], 21) ^ v[0];
        v[2] = siphash_rotate(v[2], 32);
    }
}

static inline void siphash_word(struct siphash *s, uint64_t word)
{
    s->v[3] ^= word;
    siphash_rounds(s, 2);
    s->v[0] ^= word;
}

/* The hash of n bytes with a key of 128 bits. */
static inline uint64_t siphash(const uint64_t key[2], const char *bytes, size_t n)
{
    struct siphash s = {{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                         key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573}};
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++) {
        word |= (uint64_t)(unsigned char)bytes[i] << 8 * (i % 8);
        if (i % 8 == 7) {
            siphash_word(&s, word);
            word = 0;
        }
    }
    siphash_word(&s, word | (uint64_t)n << 56);
    s.v[2] ^= 0xff;
    siphash_rounds(&s, 4);
    return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

#endif
