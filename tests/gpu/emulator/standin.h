/* What the stand-in for CUDA (driver.c) tells tests beside the functions of libcuda and libnvrtc.  To be looked up with
   dlsym: standin_reset, standin_count, standin_launches_of, standin_message. */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdio.h>
#include <string.h>

typedef struct standin_counts {                     /* since standin_reset or the library's start */
    long long launches;                             /* kernels that ran, those of graphs included */
    long long graph_launches;                       /* cuGraphLaunch */
    long long captured;                             /* launches that were recorded */
    long long to_device, to_host, on_device, fills; /* copies and cuMemset; each operation counts as one */
    long long bytes_to_device, bytes_to_host;
    long long allocations;                          /* cuMemAlloc that succeeded */
    long long compiled, loaded;                     /* nvrtcCompileProgram, cuModuleLoadData that succeeded */
    long long leaks;                                /* allocations that the end of the primary context had to free */
    long long live_allocations, live_bytes;         /* now */
    long long live_objects;                         /* now: modules, streams, events, graphs, graphs that can be launched, programs */
} standin_counts;

typedef void standin_reset_function(void);          /* counts from zero; the device works again; "the n-th" starts over */
typedef void standin_count_function(standin_counts *counts);
typedef long long standin_launches_of_function(const char *kernel);     /* how often a kernel ran */
typedef const char *standin_message_function(void); /* the last thing that was wrong, in words; "" after standin_reset */

/* Where `make` puts the library: beside the test, whose argv[0] this is. */
static inline const char *standin_path(const char *program) {
    static char path[1000];
    const char *slash = strrchr(program, '/');
    snprintf(path, sizeof path, "%.*semulator/libstandin.so", slash ? (int)(slash - program) + 1 : 0, program);
    return path;
}

#endif
