#include "setting_chart.h"

#include "chart.h"

#include <stdio.h>

enum { MOST_SERIES = 10 };

void setting_bars(text *out, int setting, const char *title, const char *const *names, const setting_summary *s,
                  int count, int standalone) {
    static const char *const groups[] = { "x1", "x2", "x3", "x4", "x5", "x6" };
    static const char *const notes[2][SETTING_COLS] = {
        { "shared", "shared", "specific", "specific", "specific", "specific" },
        { "shared", "shared", ".2(x1+x2)", "x1 x2", "specific", "specific" } };
    double mean[MOST_SERIES * SETTING_COLS], deviation[MOST_SERIES * SETTING_COLS];
    if (count > MOST_SERIES) { count = MOST_SERIES; }
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < SETTING_COLS; j++) {
            mean[i * SETTING_COLS + j] = s[i].mean[j];
            deviation[i * SETTING_COLS + j] = s[i].deviation[j];
        }
    }
    chart_bars(out, &(bar_chart){ .title = title,
                                  .y_label = "importance",
                                  .groups = groups,
                                  .notes = notes[setting_derives(setting)],
                                  .series = names,
                                  .mean = mean,
                                  .error = deviation,
                                  .group_count = SETTING_COLS,
                                  .series_count = count,
                                  .standalone = standalone });
}

void setting_chart(text *out, int setting, const setting_summary *s, int count, int standalone) {
    char title[80], words[MOST_SERIES][32];
    const char *names[MOST_SERIES];
    if (count > MOST_SERIES) { count = MOST_SERIES; }
    for (int i = 0; i < count; i++) {
        snprintf(words[i], sizeof words[i], "λ = %g", s[i].lambda);
        names[i] = words[i];
    }
    snprintf(title, sizeof title, "Setting %d: importance of each coordinate for Z (± s.d. of %d runs)", setting,
             s[0].runs);
    setting_bars(out, setting, title, names, s, count, standalone);
}
