/* The commands of indiseek, each in its own file.  argv is the whole line: argv[0] is the program as it was typed,
   argv[1] the command.  They return the exit code. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "../base/options.h"

int command_run(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_integrate(int argc, char **argv);
int command_differ(int argc, char **argv);
int command_annotate(int argc, char **argv);
int command_impute(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_fit(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_transform(int argc, char **argv);
int command_evaluate(int argc, char **argv);
int command_devices(int argc, char **argv);
int command_man(int argc, char **argv);
int command_completion(int argc, char **argv);

/* Their options, for the man page and completion. */
const command *run_table_get(void);
const command *compare_table_get(void);
const command *integrate_table_get(void);
const command *differ_table_get(void);
const command *annotate_table_get(void);
const command *impute_table_get(void);
const command *demo_table_get(void);
const command *fit_table_get(void);
const command *explain_table_get(void);
const command *transform_table_get(void);
const command *evaluate_table_get(void);
const command *devices_table_get(void);
const command *man_table_get(void);
const command *completion_table_get(void);

/* All of them, in the order of --help. */
extern const program_table indiseek_program;

#endif
