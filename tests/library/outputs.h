/* Outputs of isk_transform asked for by what they are.  Include after indiseek.h and hostile.h. */
#ifndef OUTPUTS_H
#define OUTPUTS_H

/* The name of what the library's methods give out of a role and view; of role FUSED the view is no matter. */
static UNUSED_FUNCTION const char *output_name(isk_role role, int view) {
    static const char *const names[ISK_ROLE_COUNT][ISK_MAX_VIEWS] = {
        { "shared1", "shared2", "shared3", "shared4" }, { "specific1", "specific2", "specific3", "specific4" }, { "fused" },
        { "reconstruction1", "reconstruction2", "reconstruction3", "reconstruction4" }, { NULL },
    };
    return names[role][role == ISK_ROLE_FUSED ? 0 : view];
}

/* Asks for it, in the place of what was asked for under that name; values NULL: no longer. */
static UNUSED_FUNCTION void ask(isk_transform_desc *desc, isk_role role, int view, isk_scalar *values) {
    const char *name = output_name(role, view);
    int k;
    for (k = 0; desc->out[k].name && strcmp(desc->out[k].name, name) != 0; k++) {}
    assert_true(k < ISK_MAX_OUTPUTS);
    desc->out[k].name = name;
    desc->out[k].values = values;
}

/* Asks for it where the model has it. */
static UNUSED_FUNCTION void ask_if_there(isk_transform_desc *desc, const isk_model *model, isk_role role, int view, isk_scalar *values) {
    if (isk_model_cols(model, role, view) > 0) { ask(desc, role, view, values); }
}

#endif
