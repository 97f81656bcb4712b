#include "text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_free(text *t) {
    free(t->data);
    *t = (text){ 0 };
}

/* Makes room for `more` bytes and the final zero. */
static int reserve(text *t, size_t more) {
    size_t need = t->length + more + 1, capacity = t->capacity ? t->capacity : 256;
    char *bigger;
    if (t->failed || need < more) { t->failed = 1; return 0; }
    if (need <= t->capacity) { return 1; }
    while (capacity < need) { capacity += capacity / 2 + 64; }
    bigger = realloc(t->data, capacity);
    if (!bigger) { t->failed = 1; return 0; }
    t->data = bigger;
    t->capacity = capacity;
    return 1;
}

void text_add_bytes(text *t, const char *s, size_t length) {
    if (!reserve(t, length)) { return; }
    if (length) { memcpy(t->data + t->length, s, length); }
    t->length += length;
    t->data[t->length] = 0;
}

void text_add(text *t, const char *s) { text_add_bytes(t, s, strlen(s)); }

void text_format(text *t, const char *format, ...) {
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(t, (size_t)length)) { t->failed = 1; return; }
    va_start(arguments, format);
    vsnprintf(t->data + t->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    t->length += (size_t)length;
}

/* printf writes the locale's decimal point, which may be several bytes: whatever is no digit, sign or e becomes ".". */
static void point(char *s) {
    char *to = s, *from = s;
    int done = 0;
    for (; *from; from++) {
        if (strchr("0123456789+-e", *from)) {
            *to++ = *from;
        } else if (!done) {
            *to++ = '.';
            done = 1;
        }
    }
    *to = 0;
}

static const char *print_number(char *buffer, size_t size, const char *format, int digits, double value) {
    if (isnan(value)) { snprintf(buffer, size, "NaN"); return buffer; }
    if (isinf(value)) { snprintf(buffer, size, value > 0 ? "inf" : "-inf"); return buffer; }
    snprintf(buffer, size, format, digits, value);
    point(buffer);
    return buffer;
}

void text_number(text *t, double value, int digits) {
    char buffer[40];
    text_add(t, print_number(buffer, sizeof buffer, "%.*g", digits, value));
}

void text_fixed(text *t, double value, int decimals) {
    char buffer[32];
    text_add(t, fixed(value, decimals, buffer));
}

void text_html(text *t, const char *s) {
    for (; *s; s++) {
        switch (*s) {
            case '&': text_add(t, "&amp;"); break;
            case '<': text_add(t, "&lt;"); break;
            case '>': text_add(t, "&gt;"); break;
            case '"': text_add(t, "&quot;"); break;
            default:  text_add_bytes(t, (unsigned char)*s < ' ' ? " " : s, 1); break;
        }
    }
}

void text_line(text *t, const char *s) {
    for (; *s; s++) { text_add_bytes(t, strchr("\r\n", *s) ? " " : s, 1); }
}

void text_words(text *t, const char *s) {
    for (; *s; s++) { text_add_bytes(t, strchr("\t\r\n", *s) ? " " : s, 1); }
}

void text_tsv(text *t, const char *s) {
    const size_t length = s ? strlen(s) : 0;
    const int quoted = length && (*s == '"' || strchr(" \t\r\n", *s) || strchr(" \t\r\n", s[length - 1]));
    text_add(t, quoted ? "\"" : "");
    for (; s && *s; s++) {
        text_add_bytes(t, strchr("\t\r\n", *s) ? " " : s, 1);
        if (quoted && *s == '"') { text_add(t, "\""); }
    }
    text_add(t, quoted ? "\"" : "");
}

void text_tsv_number(text *t, double value) {
    if (isfinite(value)) { text_number(t, value, 6); }
}

void text_json_string(text *t, const char *s) {
    text_add(t, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            text_format(t, "\\%c", c);
        } else if (c < ' ') {
            text_format(t, "\\u%04x", c);
        } else {
            text_add_bytes(t, s, 1);
        }
    }
    text_add(t, "\"");
}

void text_json_number(text *t, double value) {
    char buffer[40];
    if (isfinite(value)) {
        /* 9 digits hold a float exactly; more are written only when they are needed to read the same double again. */
        print_number(buffer, sizeof buffer, "%.*g", 9, value);
        if ((double)(float)value != value) { print_number(buffer, sizeof buffer, "%.*g", 15, value); }
        text_add(t, buffer);
    } else {
        text_add(t, "null");
    }
}

void text_json_key(text *t, const char *key) {
    size_t end = t->length;
    while (end > 0 && (t->data[end - 1] == ' ' || t->data[end - 1] == '\n')) { end--; }
    if (end > 0 && !strchr("{[", t->data[end - 1])) {
        if (end == t->length) {
            text_add(t, ", ");
        } else if (reserve(t, 1)) {                         /* the comma goes before the line's end */
            memmove(t->data + end + 1, t->data + end, t->length - end + 1);
            t->data[end] = ',';
            t->length++;
        }
    }
    text_json_string(t, key);
    text_add(t, ": ");
}

void text_json_member(text *t, const char *key, double value) {
    text_json_key(t, key);
    text_json_number(t, value);
}

const char *fixed(double value, int decimals, char *buffer) {
    if (fabs(value) >= 1e12) { return print_number(buffer, 32, "%.*g", 6, value); }
    print_number(buffer, 32, "%.*f", decimals, value);
    if (buffer[0] == '-' && strspn(buffer + 1, "0.") == strlen(buffer + 1)) {
        memmove(buffer, buffer + 1, strlen(buffer));            /* no minus zero */
    }
    return buffer;
}

const char *duration(double seconds, char *buffer) {
    long whole = (long)(seconds + 0.5);
    char number[32];
    if (!(seconds >= 0) || seconds > 1e9) { snprintf(buffer, 32, "-"); return buffer; }
    if (seconds < 60) {
        snprintf(buffer, 32, "%.20s s", fixed(seconds, seconds < 1 ? 2 : seconds < 10 ? 1 : 0, number));
    } else if (seconds < 3600) {
        snprintf(buffer, 32, "%ld min %02ld s", whole / 60, whole % 60);
    } else {
        snprintf(buffer, 32, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    }
    return buffer;
}
