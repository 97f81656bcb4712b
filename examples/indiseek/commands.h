/* The commands of indiseek, each in its own file.  argv is the whole line: argv[0] is the program as it was typed,
   argv[1] the command.  They return the exit code. */
#ifndef COMMANDS_H
#define COMMANDS_H

int command_fit(int argc, char **argv);
int command_transform(int argc, char **argv);
int command_evaluate(int argc, char **argv);
int command_devices(int argc, char **argv);

#endif
