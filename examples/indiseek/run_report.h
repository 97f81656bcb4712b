/* report.html of `indiseek run`. */
#ifndef RUN_REPORT_H
#define RUN_REPORT_H

#include "run.h"

isk_status run_report(const run_job *j, text *page);

#endif
