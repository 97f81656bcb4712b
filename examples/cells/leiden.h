/* Clusters of a graph of neighbours by the Leiden algorithm (Traag, Waltman and van Eck 2019), where igraph was found. */
#ifndef LEIDEN_H
#define LEIDEN_H

#include "../../indiseek.h"

/* 1: igraph was found when this was built. */
int leiden_available(void);

typedef struct leiden_desc {
    int64_t rows;
    int k;
    const int32_t *near;            /* [rows, k] neighbours, the row itself not among them; below 0: there are no more */
    double resolution;              /* of modularity; 0: 1, as scanpy's */
    int clusters;                   /* above 0: the resolution is searched for that gives so many, or as near as was found */
    uint64_t seed;
    int32_t *labels;                /* out: [rows] 0, 1, ..., the largest cluster first */
    int count;                      /* out: clusters */
} leiden_desc;
/* Edges as Seurat's (FindNeighbors): rows that share neighbours, weighted by how many, over how many they have together, from 1/15
   on.  The same seed gives the same clusters.  ARGUMENT without igraph or when rows or k are below 1. */
isk_status leiden(isk_context *context, leiden_desc *desc);

#endif
