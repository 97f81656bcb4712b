/* The section of a report about what each gene or protein follows. */
#ifndef EXPLAINED_PAGE_H
#define EXPLAINED_PAGE_H

#include "../runs/explained.h"

/* Of each modality the features that Z tells most, and those that C does. */
void explained_page(const explained *e, text *page);

#endif
