/* The studies, each in files of its own.  argv is the whole line: argv[0] is the program as it was typed, argv[1] the
   study.  They return the exit code. */
#ifndef STUDIES_H
#define STUDIES_H

int study_simulations(int argc, char **argv);
int study_probe(int argc, char **argv);
int study_truth(int argc, char **argv);
int study_invae(int argc, char **argv);
int study_integrate(int argc, char **argv);
int study_time(int argc, char **argv);

#endif
