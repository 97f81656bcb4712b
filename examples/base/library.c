/* The one file of every example program that holds the library. */
#define INDISEEK_IMPLEMENTATION
#include "../../indiseek.h"
