/* How to repeat a study, from its configuration. */
#ifndef REPEAT_H
#define REPEAT_H

#include "../runs/configuration.h"

/* "How to repeat it". */
void repeat_section(text *page, const configuration *c);

#endif
