#include "device.h"

#include <string.h>

/* The number of a word in "a|b|c"; the parser has let no other word through. */
static int choice(const char *choices, const char *word) {
    size_t length = strlen(word);
    int number = 0;
    while (strncmp(choices, word, length) != 0 || (choices[length] != '|' && choices[length] != 0)) {
        choices = strchr(choices, '|');
        if (!choices) { return 0; }
        choices++;
        number++;
    }
    return number;
}

void device_apply(const device_settings *s, isk_context_desc *desc) {
    desc->threads = s->threads;
    desc->device = (isk_device)choice(DEVICE_CHOICES, s->device);
    desc->cuda.ordinal = s->gpu;
    desc->cuda.precision = (isk_precision)choice(PRECISION_CHOICES, s->precision);
    desc->cuda.trainer = (isk_trainer)choice(TRAINER_CHOICES, s->trainer);
    desc->cuda.auto_split = s->auto_split;
}
