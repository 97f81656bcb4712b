/* What every comparison with the vectors of tests/oracle needs: the file, reading from it, and the tolerance.  Include after
   indiseek.h: 1e-10 in double, 1e-5 in float, of max(1, |value|), where a test does not set another one. */

#include "tests/base/hostile.h"

#ifdef INDISEEK_DOUBLE
static double tolerance = 1e-10;
#else
static double tolerance = 1e-5;
#endif

static isk_context *context;
static isk_safetensors *vectors;
static double worst;                            /* of the tensors compared so far, for the message */

static void ok(isk_status status) {
    if (status != ISK_OK) { fail_msg("%s", isk_error(context)); }
}

/* Values by name; in a float build they are rounded to float, as the library's own are. */
static void load(const char *name, uint64_t count, isk_scalar *values) {
    const isk_safetensors_entry *found = isk_safetensors_find(vectors, name);
    if (!found) { fail_msg("%s is not in the vectors", name); }
    if (found->count != count) { fail_msg("%s has %d values, not %d", name, (int)found->count, (int)count); }
    ok(isk_safetensors_read(vectors, name, 0, count, values));
}

static double load_one(const char *name) {
    isk_scalar value;
    load(name, 1, &value);
    return (double)value;
}

static void compare_one(const char *what, const char *name, int index, double ours, double theirs) {
    double size = fabs(theirs) > 1 ? fabs(theirs) : 1, difference = fabs(ours - theirs) / size;
    if (!(difference <= tolerance)) {
        fail_msg("%s %s[%d]: %.12g, due %.12g, off by %.2g of %.2g", what, name, index, ours, theirs, difference, tolerance);
    }
    if (difference > worst) { worst = difference; }
}

static UNUSED_FUNCTION void compare(const char *what, const char *name, double ours) { compare_one(what, name, 0, ours, load_one(name)); }

/* Where PyTorch's [out, in] has an entry of the library's [in, out]. */
static UNUSED_FUNCTION int place_of(const isk_graph *graph, const isk__parameter_info *parameter, int row, int col) {
    return parameter->desc.vector ? col : col * graph->nodes[parameter->node].rows + row;
}

/* Every instruction set that this CPU has, the portable one first. */
#define AT_EVERY_LEVEL(call) do { \
        int level, best = isk__cpu_level(); \
        for (level = 0; level <= best; level++) { \
            worst = 0; \
            call; \
            print_message("level %d: within %.1e\n", level, worst); \
        } \
    } while (0)

static int open_file(const char *path) {
    isk_context_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    context = isk_open(&desc);
    if (context && isk_safetensors_open(context, path, &vectors) == ISK_OK) { return 0; }
    print_error("%s\n", isk_error(context));
    return -1;
}

static int close_vectors(void **state) {
    (void)state;
    isk_safetensors_close(vectors);
    isk_close(context);
    return 0;
}
