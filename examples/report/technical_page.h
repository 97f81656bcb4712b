/* The section on technical factors. */
#ifndef TECHNICAL_PAGE_H
#define TECHNICAL_PAGE_H

#include "../runs/technical.h"

/* Nothing where there are none. */
void technical_page(const technical *t, text *page);

#endif
