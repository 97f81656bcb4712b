/* Which features are learned from: those that the user keeps or drops, and among antibodies neither the tags of pooled samples nor isotype
   controls, which are told by their names. */
#ifndef PANEL_H
#define PANEL_H

#include "../formats/cells.h"

typedef enum antibody { ANTIBODY_OF_CELLS, ANTIBODY_HASHTAG, ANTIBODY_ISOTYPE } antibody;
/* "HTO_3", "Hashtag-1", "SampleTag02" are hashtags; "IgG2a_TotalSeqB", "Rat-IgG1-control", "isotype_RTK4530" isotype controls; but not
   "IgG-Fc", which is on cells. */
antibody antibody_of(const char *name);

/* Lists are patterns with commas between, with the wildcards of a shell (* ? [abc]), matched with names and ids; "protein:CD*" is for the
   modality of that name or kind alone. */
typedef struct panel_desc {
    const char *keep;               /* of a modality that one of these is for, others go, and these stay whatever they are called; NULL:
                                       all stay */
    const char *drop;               /* these go, also where they are kept; NULL: none */
    int with_controls;              /* 1: hashtags and isotype controls stay */
} panel_desc;
/* Takes features from the modalities; isotype controls among them become modality.aside.  What goes, and patterns that fit nothing, are
   said by c->bar.  ARGUMENT where nothing would be left of a modality. */
isk_status panel_choose(cells *c, const panel_desc *desc);

#endif
