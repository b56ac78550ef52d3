/* quantize_reference INPUT OUTPUT FTYPE BACKENDS [IMATRIX|- [PATTERN TYPE]...]: llama.cpp's own quantisation, without
 * any code of ours. The importance matrix is read, and noted in the output, as llama-quantize does it. */
#include "ggml-backend.h"
#include "gguf.h"
#include "llama.h"
#include <stdlib.h>
#include <string.h>

enum { MOST = 256 };

static struct llama_model_imatrix_data importance[MOST];
static struct llama_model_kv_override notes[5];
static struct llama_model_tensor_override rules[MOST];

static void silent(enum ggml_log_level level, const char* text, void* data) {
    (void)level, (void)text, (void)data;
}

static void note_text(int i, const char* key, const char* text) {
    notes[i].tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    strncpy(notes[i].key, key, sizeof(notes[i].key) - 1);
    strncpy(notes[i].val_str, text, sizeof(notes[i].val_str) - 1);
}

static void note_number(int i, const char* key, int64_t number) {
    notes[i].tag = LLAMA_KV_OVERRIDE_TYPE_INT;
    strncpy(notes[i].key, key, sizeof(notes[i].key) - 1);
    notes[i].val_i64 = number;
}

static int read_imatrix(const char* path) {
    struct ggml_context* tensors = NULL;
    struct gguf_init_params how = {false, &tensors};
    struct gguf_context* file = gguf_init_from_file(path, how);
    int count = 0;
    if (file == NULL) return -1;
    for (struct ggml_tensor* t = ggml_get_first_tensor(tensors); t != NULL; t = ggml_get_next_tensor(tensors, t)) {
        char* end = strstr(t->name, ".in_sum2");
        char other[GGML_MAX_NAME + 16];
        if (end == NULL) continue;
        strcpy(other, t->name);
        strcpy(other + (end - t->name), ".counts");
        const float* counts = (const float*)ggml_get_tensor(tensors, other)->data;
        float* sums = (float*)t->data;
        for (int64_t i = 0; i < ggml_nelements(t); ++i) {
            const float n = counts[i / t->ne[0]];
            sums[i] = n > 0 ? sums[i] / n : 1;
        }
        *end = 0;
        importance[count].name = t->name;
        importance[count].data = sums;
        importance[count++].size = ggml_nelements(t);
    }
    note_text(0, "quantize.imatrix.file", path);
    note_text(1, "quantize.imatrix.dataset", gguf_get_arr_str(file, gguf_find_key(file, "imatrix.datasets"), 0));
    note_number(2, "quantize.imatrix.entries_count", count);
    note_number(3, "quantize.imatrix.chunks_count", gguf_get_val_u32(file, gguf_find_key(file, "imatrix.chunk_count")));
    return 0;
}

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    llama_log_set(silent, NULL);
    ggml_backend_load_all_from_path(argv[4]);
    llama_backend_init();
    struct llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = (enum llama_ftype)atoi(argv[3]);
    params.nthread = 2;
    if (argc > 5 && strcmp(argv[5], "-") != 0) {
        if (read_imatrix(argv[5]) != 0) return 3;
        params.imatrix = importance;
        params.kv_overrides = notes;
    }
    for (int i = 6; i + 1 < argc; i += 2) {
        rules[(i - 6) / 2].pattern = argv[i];
        rules[(i - 6) / 2].type = (enum ggml_type)atoi(argv[i + 1]);
        params.tt_overrides = rules;
    }
    return (int)llama_model_quantize(argv[1], argv[2], &params);
}
