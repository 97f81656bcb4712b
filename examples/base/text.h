/* A growing string, for pages and JSON.  Numbers always have a decimal point, whatever the locale. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

#if defined(__GNUC__) || defined(__clang__)
#define TEXT_FORMAT(string, first) __attribute__((format(printf, string, first)))
#else
#define TEXT_FORMAT(string, first)
#endif

/* Zeros are an empty text.  When memory runs out `failed` is set, and nothing more is added. */
typedef struct text {
    char *data;                     /* NULL, or ends with a zero */
    size_t length, capacity;
    int failed;
} text;

void text_free(text *t);
void text_add(text *t, const char *s);
void text_add_bytes(text *t, const char *s, size_t length);
/* As printf, for words and whole numbers; reals go through text_number or text_fixed. */
void text_format(text *t, const char *format, ...) TEXT_FORMAT(2, 3);
/* Shortest text with `digits` significant digits; "NaN" and "inf" are written as words. */
void text_number(text *t, double value, int digits);
/* `decimals` digits after the point. */
void text_fixed(text *t, double value, int decimals);
/* Escaped for HTML and XML, in text and in attributes. */
void text_html(text *t, const char *s);

/* A name on a line of its own, where ends of lines become blanks.  The end of this one is the caller's. */
void text_line(text *t, const char *s);

/* Fields of a table with tabs between: in words tabs and ends of lines become blanks, NULL is nothing; what begins with a quote, or has a
   blank at an end, stands in quotes, as readers of tables would take it for something else.  Nothing else is changed: an apostrophe before
   a name such as =A1, which a spreadsheet takes for a formula, would make it another name.  6 digits of a number, nothing when it is not
   finite.  The tabs are the caller's.  text_words: the words as who reads such a field finds them. */
void text_words(text *t, const char *s);
void text_tsv(text *t, const char *s);
void text_tsv_number(text *t, double value);

/* JSON.  A value that is not finite becomes null. */
void text_json_string(text *t, const char *s);
void text_json_number(text *t, double value);
/* "key": with a comma before it, and before blanks that stand there, unless a bracket has just been opened. */
void text_json_key(text *t, const char *key);
/* The key and a number. */
void text_json_member(text *t, const char *key, double value);

/* Writes into buffer[32] and returns it. */
const char *fixed(double value, int decimals, char *buffer);
/* 0.123 s, 12.3 s, 3 min 20 s, 2 h 05 min; into buffer[32]. */
const char *duration(double seconds, char *buffer);

#endif
