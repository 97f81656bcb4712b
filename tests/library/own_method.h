/* A method of a user's own for tests, written against the public interface alone: of each view an autoencoder whose decoder sees
   covariates beside the code Z_i.  It has options of each kind, data that it needs, data that it can do without, a check and a warning.
   Include after indiseek.h and hostile.h. */
#ifndef OWN_METHOD_H
#define OWN_METHOD_H

/* `bound` is younger than the others: without it, the code was what the encoder gave. */
#define CODER_OPTIONS(X) \
    X(REAL, OWN, shrink, 0.1, 0.2, 0.3, 0, 0, 10, "", "weight of the mean square of the code") \
    X(INT, OWN, rounds, 1, 2, 1, 0, 1, 3, "", "updates by each batch") \
    X(CHOICE, OWN, bound, 2, 1, 2, 1, 1, 2, "none|tanh", "what the code passes through")
static const isk_option_info coder_options[] = { CODER_OPTIONS(ISK_OPTION_ROW) };

/* Z_i [rows, dim] */
static isk_tensor coder_code(isk_recorder *r, int view, isk_sample x) {
    isk_scope scope = isk_net(r, isk_numbered(r, "coder", view), isk_numbered(r, "encoder", view));
    isk_tensor z = isk_encoder(r, scope, view, x, isk_recorder_design(r)->options.dim);
    return isk_own_option(isk_recorder_design(r), "bound") > 1 ? isk_tanh(z) : z;
}

static isk_tensor coder_decode(isk_recorder *r, int view, isk_tensor z) {
    isk_scope scope = isk_net(r, isk_numbered(r, "coder", view), isk_numbered(r, "decoder", view));
    isk_tensor parts[2];
    parts[0] = z;
    parts[1] = isk_extra_rows(r, "covariates");
    isk_rows_in_both(&parts[0], &parts[1]);
    return isk_network(r, scope, isk_concat(parts, 2), isk_recorder_design(r)->cols[view]);
}

/* error + shrink * size: what is not given back, a part of E||X_i||^2, each row by its weight; the mean square of the code. */
static void coder_terms(isk_recorder *r, int view, isk_tensor *terms) {
    isk_sample x = isk_view_rows(r, view);
    isk_tensor z = coder_code(r, view, x), weights = isk_extra_rows(r, "weights");
    isk_tensor error = isk_squared_error_rows(coder_decode(r, view, z), x.x);
    if (weights.node >= 0) {
        isk_rows_in_both(&error, &weights);
        error = isk_mul(error, weights);
    }
    terms[1] = isk_mul(isk_mean_all(error), isk_inverse_power(r, view));
    terms[2] = isk_mean_all(isk_square(z));
    terms[0] = isk_add(terms[1], isk_affine(terms[2], isk_own_option(isk_recorder_design(r), "shrink"), 0));
}

static void coder_outputs(isk_recorder *r, int view) {
    isk_tensor z = coder_code(r, view, isk_view_rows(r, view));
    isk_output_add(r, ISK_ROLE_SPECIFIC, NULL, z);
    isk_output_add(r, ISK_ROLE_OTHER, "length", isk_sqrt(isk_row_sum(isk_square(z))));
    isk_output_add(r, ISK_ROLE_RECONSTRUCTION, NULL, coder_decode(r, view, z));
}

static isk_status coder_record(isk_recorder *r) {
    const isk_design *design = isk_recorder_design(r);
    isk_status status = ISK_OK;
    int view;
    for (view = 0; view < design->view_count && status == ISK_OK; view++) {
        isk_stage_desc stage;
        memset(&stage, 0, sizeof stage);
        stage.name = "coder";
        stage.of_view = 1;
        stage.view = view;
        stage.epochs = design->options.epochs;
        stage.patience = design->options.patience;
        stage.watch = 1;
        stage.explains = "error";
        stage.passes[0].terms = coder_terms;
        stage.passes[0].labels[0] = "loss";
        stage.passes[0].labels[1] = "error";
        stage.passes[0].labels[2] = "size";
        stage.passes[0].group = isk_numbered(r, "coder", view);
        stage.passes[0].repeats = (int)isk_own_option(design, "rounds");
        isk_stage_add(r, &stage);
        status = isk_outputs(r, view, coder_outputs);
    }
    return status;
}

static isk_status coder_check(isk_context *context, const isk_design *design) {
    if (design->options.dim % 2 == 0) { return ISK_OK; }
    return isk_set_error(context, ISK_ARGUMENT, "method coder takes an even dim, not %d", design->options.dim);
}

static void coder_warn(isk_context *context, const isk_design *design, const isk_report *report, const char *who) {
    int view;
    for (view = 0; view < design->view_count; view++) {
        if (!(isk_report_value(report, "left", view) > 0.9)) { continue; }
        isk_log_message(context, ISK_WARNING, "%s: the code of view %d holds nothing", who, view + 1);
    }
}

static const isk_extra_info coder_extras[] = {
    { "covariates", "what the decoder is told beside the code", 1, 1 },
    { "weights", "how much a row's error counts", 0, 0 },
    { NULL, NULL, 0, 0 }
};

static const isk_number_info coder_numbers[] = {
    { "left", "part of E||X||^2 that is not given back, training rows", -1, ISK_NUMBER_TRAINED, "coder", "error" },
    { "held_out", "the same of held-out rows", -1, ISK_NUMBER_HELD_OUT, "coder", "error" },
    { "r2", "R^2 of the reconstruction on held-out rows", 1, ISK_NUMBER_EXPLAINED, "coder", "error" },
    { "epochs", "epochs that were run", 0, ISK_NUMBER_EPOCHS, "coder", "" },
    { NULL, NULL, 0, ISK_NUMBER_TRAINED, NULL, NULL }
};

static const isk_method coder = {
    .name = "coder", .words = "autoencoders that are told covariates", .title = "Coder", .can = ISK_LEARNS_SPECIFIC | ISK_DECODES,
    .groups = ISK_READS(TRAINING) | ISK_READS(DIM) | ISK_READS(RATE) | ISK_READS(MAIN) | ISK_READS(NETWORK) | ISK_READS(SEQUENCE),
    .options = coder_options, .option_count = COUNT(coder_options), .least_views = 1, .extras = coder_extras, .numbers = coder_numbers,
    .check = coder_check, .record = coder_record, .warn = coder_warn,
};

#endif
