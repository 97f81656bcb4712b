/* The section of a report about a sweep over lambda. */
#ifndef CHOICE_PAGE_H
#define CHOICE_PAGE_H

#include "../runs/choose.h"

void choice_page(const choice *c, text *page);

#endif
