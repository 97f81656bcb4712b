/* The command line from one table: parsing, --help, suggestions, --config files and config.json all come from it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "../../indiseek.h"
#include "fail.h"
#include "text.h"

typedef enum option_kind {
    OPTION_HEADING,                 /* not an option: `text` stands above the next ones in --help */
    OPTION_FLAG,                    /* int, 1 when given */
    OPTION_TEXT,                    /* const char *; one of `choices` when there are any */
    OPTION_INT,                     /* int */
    OPTION_SEED,                    /* uint64_t */
    OPTION_REAL,                    /* double */
    OPTION_REALS,                   /* real_list: numbers with commas between */
    OPTION_ARGUMENT,                /* const char *: the one argument without a name */
    OPTION_ALIAS,                   /* another name: `value` is the name of an option of the library */
    OPTION_CONFIG                   /* a file of options, read before the others */
} option_kind;

#define MOST_REALS 64
typedef struct real_list { double value[MOST_REALS]; int count; } real_list;

typedef struct option {
    const char *name;
    option_kind kind;
    size_t offset;                  /* of the field in the struct of settings */
    const char *value, *text;       /* "FILE"; what it means, or NULL: it is as one told of before, and --help and files of options
                                       pass it over where it has no value */
    double low, high;               /* of numbers */
    const char *choices;            /* "none|zscore", or NULL */
} option;

typedef struct command {
    const char *name;               /* "indiseek fit" */
    const char *usage;              /* what follows the name in the line of usage */
    const char *about, *examples, *notes;
    const option *options;
    int option_count;
    int library;                    /* 1: every isk_option by its own name too */
    size_t library_offset;          /* of isk_options in the settings */
} command;

/* Fills the settings, which hold the defaults.  Returns -1 to go on, else the exit code: all has been said.
   Texts point into argv, or into memory that stays until the program ends. */
int options_parse(const command *c, int argc, char **argv, void *settings);
/* Reads options from a flat JSON file.  Names unknown to the command are refused, or passed over when lenient. */
int options_read(const command *c, const char *path, int lenient, void *settings);
/* Every option that has a value, as members of a JSON object that options_read understands. */
void options_write(const command *c, const void *settings, text *out);
void options_help(const command *c);
/* The row of the table with that name, "-" and "_" being alike; NULL when there is none. */
const option *options_find(const command *c, const char *name);

/* A whole file of settings or results and a 0 after it, to be freed whatever is returned. */
isk_status read_small_file(isk_context *context, const char *path, char **data, size_t *length);

#endif
