/* ---- the only PTX: products of 16 x 8 and 8 x 8 elements on tensor cores, from sm_80 on ----

   Numbers of tf32 have 10 bits of fraction.  A thread of the warp holds, with g = lane / 4 and q = lane % 4,
       a[4]: A[g, q], A[g + 8, q], A[g, q + 4], A[g + 8, q + 4]    b[2]: B[q, g], B[q + 4, g]
       c[4]: C[g, 2q], C[g, 2q + 1], C[g + 8, 2q], C[g + 8, 2q + 1] */
#if !defined(ISK_HAVE_INTRINSICS) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define ISK_HAVE_INTRINSICS

/* x rounded to tf32, as the bits of a float */
ISK_INLINE unsigned dev_tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

/* the same as a float */
ISK_INLINE float dev_tf32_value(unsigned bits) { return __uint_as_float(bits); }

/* c += a b, by all threads of a warp together */
ISK_INLINE void dev_mma_tf32(float *c, const unsigned *a, const unsigned *b) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif
