/* Where a program computes: the options for it, and what they ask of a context. */
#ifndef DEVICE_H
#define DEVICE_H

#include "../base/options.h"

typedef struct device_settings {
    const char *device, *precision, *trainer;
    int threads, gpu, auto_split;
} device_settings;

#define DEVICE_DEFAULTS { .device = "auto", .precision = "fp32", .trainer = "auto" }

/* In the order of isk_device, isk_precision and isk_trainer. */
#define DEVICE_CHOICES "auto|cpu|cuda"
#define PRECISION_CHOICES "fp32|tf32x3|tf32"
#define TRAINER_CHOICES "auto|graph|block"

/* Rows of a command's table of options; `at` is the offset of device_settings. */
#define DEVICE_OFFSET(at, field) ((at) + offsetof(device_settings, field))
#define DEVICE_OPTIONS(at)                                                                                            \
    { NULL, OPTION_HEADING, 0, NULL, "Where it trains (indiseek devices lists what there is)", 0, 0, NULL },          \
    { "threads", OPTION_INT, DEVICE_OFFSET(at, threads), "N",                                                         \
      "threads, 0 is one per processor [0]; results do not depend on it", 0, 256, NULL },                             \
    { "device", OPTION_TEXT, DEVICE_OFFSET(at, device), "NAME",                                                       \
      "cpu; cuda: a GPU or nothing; auto: a GPU where a usable one is found [auto]", 0, 0, DEVICE_CHOICES },          \
    { "gpu", OPTION_INT, DEVICE_OFFSET(at, gpu), "N",                                                                 \
      "which GPU, counted from 0 as CUDA_VISIBLE_DEVICES leaves them [0]", 0, 1000, NULL },                           \
    { "precision", OPTION_TEXT, DEVICE_OFFSET(at, precision), "WORD",                                                 \
      "matrix products on a GPU: fp32; tf32x3: three products of TF32, closer to fp32 than one; tf32: 10 bits of "         \
      "mantissa [fp32]", 0, 0, PRECISION_CHOICES },                                                                   \
    { "trainer", OPTION_TEXT, DEVICE_OFFSET(at, trainer), "WORD",                                                     \
      "on a GPU: graph: CUDA graphs of launches; block: one block of threads a model; auto: as suits the models "     \
      "[auto]", 0, 0, TRAINER_CHOICES },                                                                              \
    { "auto-split", OPTION_FLAG, DEVICE_OFFSET(at, auto_split), NULL,                                                 \
      "models that do not fit in a GPU's memory at once are trained in turns", 0, 0, NULL }

void device_apply(const device_settings *s, isk_context_desc *desc);

#endif
