/* What is included between this and fixture.h has its memory from hostile.h, which runs out on request. */
#include "hostile.h"

#define malloc scarce_malloc
#define calloc scarce_calloc
#define realloc scarce_realloc
#define free scarce_free
