/* quantize_reference INPUT OUTPUT FTYPE BACKENDS: llama.cpp's own quantisation, without any code of ours. */
#include "ggml-backend.h"
#include "llama.h"
#include <stdlib.h>

static void silent(enum ggml_log_level level, const char* text, void* data) {
    (void)level, (void)text, (void)data;
}

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    llama_log_set(silent, NULL);
    ggml_backend_load_all_from_path(argv[4]);
    llama_backend_init();
    struct llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = (enum llama_ftype)atoi(argv[3]);
    params.nthread = 2;
    return (int)llama_model_quantize(argv[1], argv[2], &params);
}
