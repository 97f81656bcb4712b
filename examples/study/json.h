/* A JSON file of objects and arrays within each other, such as a study's results.json, value by value. */
#ifndef JSON_H
#define JSON_H

#include "../../indiseek.h"

/* `path` says where the value stands: "runs.0.importance.5".  What is returned ends the walk unless OK. */
typedef isk_status json_visit(void *user, const char *path, isk_json_kind kind, const char *value);
isk_status json_walk(isk_context *context, const char *file, json_visit *visit, void *user);

#endif
