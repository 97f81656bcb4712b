/* The section of a report about what each coordinate of Z follows. */
#ifndef COORDINATES_PAGE_H
#define COORDINATES_PAGE_H

#include "../runs/coordinates.h"

void coordinates_page(const coordinates *c, const stability *s, text *page);

#endif
