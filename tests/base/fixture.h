/* What the tests of readers and of what is computed from cells begin with: one context, whose memory can run out on request and must
   all be back at the end.  Include after indiseek.h and after files of examples/ that a test compiles in (scarce.h before them); brings
   hostile.h with it. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "hostile.h"

#undef malloc
#undef calloc
#undef realloc
#undef free

static isk_context *context;

static UNUSED_FUNCTION int open_context(void **state) {
    (void)state;
    context = scarce_context();
    return 0;
}

static UNUSED_FUNCTION int close_context(void **state) {
    (void)state;
    isk_close(context);
    assert_int_equal(supply.live, 0);
    return 0;
}

static UNUSED_FUNCTION void must(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

/* A reader of a copy of the content that ends where that does, so that AddressSanitizer sees any step beyond it.  The copy is to be
   freed. */
static UNUSED_FUNCTION isk_reader read_copy(const char *content, const char *name, char **copy) {
    const size_t length = strlen(content);
    *copy = malloc(length > 0 ? length : 1);
    assert_non_null(*copy);
    memcpy(*copy, content, length);
    return isk_reader_memory(*copy, length, name);
}

#endif
