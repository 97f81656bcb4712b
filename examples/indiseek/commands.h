/* The commands of indiseek, each in its own file.  They return the exit code. */
#ifndef COMMANDS_H
#define COMMANDS_H

int command_fit(int argc, char **argv);
int command_transform(int argc, char **argv);
int command_evaluate(int argc, char **argv);

#endif
