/* The paper's simulated settings as bars. */
#ifndef SETTING_CHART_H
#define SETTING_CHART_H

#include "../runs/settings.h"

/* Bars of the importances, one series a summary: named by its lambda, or by names[]. */
void setting_chart(text *out, int setting, const setting_summary *s, int count, int standalone);
void setting_bars(text *out, int setting, const char *title, const char *const *names, const setting_summary *s,
                  int count, int standalone);

#endif
