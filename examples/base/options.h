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
    OPTION_NAME,                    /* const char *; `choices` are offered by completion, and judged by the command itself */
    OPTION_INT,                     /* int */
    OPTION_SEED,                    /* uint64_t */
    OPTION_REAL,                    /* double */
    OPTION_REALS,                   /* real_list: numbers with commas between */
    OPTION_ARGUMENT,                /* const char *: the one argument without a name */
    OPTION_ARGUMENTS,               /* word_list: all that stands on the line without a name */
    OPTION_ALIAS,                   /* another name: `value` is the name of an option of the library */
    OPTION_CONFIG                   /* a file of options, read before the others */
} option_kind;

#define MOST_REALS 64
typedef struct real_list { double value[MOST_REALS]; int count; } real_list;

/* In files of options one text, ends of lines between. */
enum { MOST_WORDS = 64 };
typedef struct word_list { const char *word[MOST_WORDS]; int count; } word_list;

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

/* What --help, the man page and completion tell of one option. */
typedef struct option_line {
    const char *name;               /* "x1-norm"; NULL: `words` are a heading */
    const char *value;              /* "FILE"; NULL: it takes none */
    const char *words;              /* NULL: as one told of before, and told of by completion alone */
    const char *choices;            /* "none|zscore", or NULL */
} option_line;
/* Every option in the order of --help, those of the library too; not --help and --version.  A line lives until `visit` returns. */
void options_each(const command *c, void (*visit)(void *user, const option_line *line), void *user);
/* What an option of the library means, its choices and the defaults of the presets: "weight of ... [10; simulation 0.1]". */
void option_words(const isk_option_info *info, text *out);
/* "--help" and "--version", which every command takes. */
extern const option_line options_of_all[2];
/* The argument without a name, or all of them; NULL: there is none. */
const option *options_argument(const command *c);
/* The row of the table with that name, "-" and "_" being alike; NULL when there is none. */
const option *options_find(const command *c, const char *name);

/* A program of several commands, as its man page and its completion tell of it. */
typedef struct subcommand {
    const char *name;               /* "fit" */
    int (*run)(int argc, char **argv);
    const command *(*table)(void);
    const char *text;               /* what it does, in a few words */
} subcommand;
typedef struct page_entry { const char *name, *words; } page_entry;
typedef struct program_table {
    const char *name, *title, *about, *examples;
    const subcommand *commands;
    int count;
    const page_entry *files, *environment;  /* of the man page; a NULL name ends them */
} program_table;
/* In the macros of man(7). */
void program_man(const program_table *p, text *out);
/* For bash; needs no other package. */
void program_completion(const program_table *p, text *out);

/* A whole file of settings or results and a 0 after it, to be freed whatever is returned. */
isk_status read_small_file(isk_context *context, const char *path, char **data, size_t *length);

#endif
