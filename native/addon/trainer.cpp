#include "train/trainer.h"

#include "addon/common.h"
#include "addon/handle.h"
#include "addon/module.h"

namespace medilora {

namespace {

/// A trainer as a handle in JavaScript.
struct TrainerObject : Trainer {
    using Trainer::Trainer;
    static const napi_type_tag tag;
};
const napi_type_tag TrainerObject::tag = {0x6d65646974303031, 0x51e8a7c20f3b96d4};

using TrainerHandle = Handle<TrainerObject>;

Module module_of(const std::string& name) {
    for (int m = 0; m < kModules; ++m)
        if (name == module_name(static_cast<Module>(m))) return static_cast<Module>(m);
    throw Error("ARGUMENT_INVALID",
                "Unknown target module. Use attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down.");
}

LoraOptions lora_options(const Args& args) {
    LoraOptions lora;
    lora.rank = args.integer("rank", 1, 4096);
    lora.alpha = static_cast<float>(args.number("alpha"));
    lora.seed = static_cast<uint64_t>(args.integer("seed", 0, int64_t{1} << 53, 0));
    for (const std::string& name : args.strings("modules")) lora.modules.push_back(module_of(name));
    if (lora.modules.empty()) throw Error("ARGUMENT_INVALID", "Option `modules` must name at least one target module.");
    return lora;
}

Hparams fresh_hparams(const Args& args) {
    constexpr int64_t kMax = int64_t{1} << 30;
    Hparams h;
    h.n_vocab = 1; // the tokenizer's, later
    h.n_embd = args.integer("embeddingLength", 1, kMax);
    h.n_layer = args.integer("layers", 1, 512);
    h.n_head = args.integer("heads", 1, kMax);
    h.n_head_kv = args.integer("kvHeads", 1, kMax, h.n_head);
    if (h.n_embd % h.n_head != 0) throw Error("ARGUMENT_INVALID", "The embedding length is no multiple of the heads.");
    h.head_dim = h.n_embd / h.n_head;
    h.n_rot = h.head_dim;
    h.n_ff = args.integer("feedForwardLength", 1, kMax);
    h.n_ctx = args.integer("contextLength", 1, kMax);
    h.rope_base = args.number("ropeBase", 10000.0);
    h.rms_eps = static_cast<float>(args.number("rmsEps", 1e-5));
    h.tied_output = args.boolean("tiedOutput", true);
    check_hparams(h, "ARGUMENT_INVALID", "model_config");
    return h;
}

/// Which model to make is decided on the JavaScript thread, made on the job's.
std::function<std::shared_ptr<TrainerObject>()> trainer_factory(const Args& args, const TrainerOptions& options) {
    const int64_t layers = args.integer("layers", 1, 512, kAllLayers);
    if (args.has("lora")) {
        const LoraOptions lora = lora_options(args.object("lora"));
        const std::string model = args.string("model");
        return
            [=] { return std::make_shared<TrainerObject>(std::make_unique<LoraModel>(model, lora, layers), options); };
    }
    if (args.has("adapter")) {
        const std::string model = args.string("model"), adapter = args.string("adapter");
        return [=] { return std::make_shared<TrainerObject>(std::make_unique<LoraModel>(model, adapter), options); };
    }
    if (args.has("fresh")) {
        Hparams h = fresh_hparams(args.object("fresh"));
        h.n_layer = std::min(h.n_layer, layers);
        const std::string tokenizer = args.string("tokenizer");
        return [=] {
            return std::make_shared<TrainerObject>(std::make_unique<FullModel>(h, tokenizer, options.seed), options);
        };
    }
    const std::string model = args.string("model");
    return [=] { return std::make_shared<TrainerObject>(std::make_unique<FullModel>(model, layers), options); };
}

/// trainerOpen({model, lora: {rank, alpha, modules, seed} | adapter: path | fresh: {...}, tokenizer?, dropout?, seed?,
///   optimizer?: "adamw" | "adamw_8bit", checkpointing?, threads?}) -> Promise<handle>; with neither lora, adapter nor
///   fresh, all weights of `model` train.
Napi::Value trainer_open(const Napi::CallbackInfo& info) {
    const Args args(info[0]);
    TrainerOptions options;
    options.threads = threads_option(args);
    options.checkpointing = args.boolean("checkpointing", false);
    options.dropout = static_cast<float>(args.number("dropout", 0));
    options.seed = static_cast<uint64_t>(args.integer("seed", 0, int64_t{1} << 53, 0));
    options.neftune_alpha = static_cast<float>(args.number("neftuneAlpha", 0));
    options.plain_attention = args.boolean("plainAttention", false);
    options.optimizer = args.string("optimizer", "adamw");
    if (options.dropout < 0 || options.dropout >= 1)
        throw Error("ARGUMENT_INVALID", "Option `dropout` must be in [0, 1).");
    return start_job(info.Env(), info[0], [make = trainer_factory(args, options)](JobContext&) -> ValueBuilder {
        auto trainer = make();
        return [trainer](Napi::Env env) { return TrainerHandle::wrap(env, trainer); };
    });
}

/// trainerInfo(handle) -> {vocabSize, contextLength, layers, trainable}
Napi::Value trainer_info(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    auto value = Napi::Object::New(info.Env());
    value.Set("vocabSize", static_cast<double>(trainer->hparams().n_vocab));
    value.Set("contextLength", static_cast<double>(trainer->hparams().n_ctx));
    value.Set("layers", static_cast<double>(trainer->hparams().n_layer));
    value.Set("trainable", static_cast<double>(trainer->trainable()));
    return value;
}

Batch batch_of(const Args& args) {
    return {args.ints("tokens"), args.ints("positions"), args.ints("sequences"), args.ints("labels")};
}

ValueBuilder number_builder(double number) {
    return [number](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, number); };
}

/// trainerAccumulate(handle, {tokens, positions, sequences, labels, gradientScale?}) -> Promise<lossSum>, in nats.
Napi::Value trainer_accumulate(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    const Args args(info[1]);
    const float scale = static_cast<float>(args.number("gradientScale", 1));
    return start_job(info.Env(), info[1], [trainer, scale, batch = batch_of(args)](JobContext& context) {
        return number_builder(trainer->accumulate(batch, scale, context.cancel));
    });
}

/// trainerEvaluate(handle, {tokens, positions, sequences, labels}) -> Promise<lossSum>, in nats.
Napi::Value trainer_evaluate(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    return start_job(info.Env(), info[1], [trainer, batch = batch_of(Args(info[1]))](JobContext& context) {
        return number_builder(trainer->evaluate(batch, context.cancel));
    });
}

/// trainerLogits(handle, {tokens, positions, sequences, labels}) -> Promise<Float32Array [n, vocabSize]>
Napi::Value trainer_logits(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    return start_job(info.Env(), info[1],
                     [trainer, batch = batch_of(Args(info[1]))](JobContext& context) -> ValueBuilder {
                         auto logits = std::make_shared<std::vector<float>>(trainer->logits(batch, context.cancel));
                         return [logits](Napi::Env env) { return to_float32_array(env, *logits); };
                     });
}

/// trainerStep(handle, {learningRate, divisor, maxGradNorm, beta1, beta2, epsilon, weightDecay})
///   -> Promise<{gradNorm, skipped}>
Napi::Value trainer_step(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    const Args args(info[1]);
    StepOptions options;
    options.adamw = {args.number("learningRate"), args.number("beta1", 0.9), args.number("beta2", 0.999),
                     args.number("epsilon", 1e-8), args.number("weightDecay", 0)};
    options.divisor = args.number("divisor", 1);
    options.max_grad_norm = args.number("maxGradNorm", 0);
    if (options.divisor <= 0) throw Error("ARGUMENT_INVALID", "Option `divisor` must be positive.");
    return start_job(info.Env(), info[1], [trainer, options](JobContext&) -> ValueBuilder {
        const StepResult result = trainer->step(options);
        return [result](Napi::Env env) -> Napi::Value {
            auto value = Napi::Object::New(env);
            value.Set("gradNorm", result.grad_norm);
            value.Set("skipped", result.skipped);
            return value;
        };
    });
}

/// trainerTensors(handle, {gradients: boolean}) -> Promise<{[name]: {shape: [rows, cols], data: Float32Array}}>
Napi::Value trainer_tensors(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    const bool gradients = Args(info[1]).boolean("gradients", false);
    struct Tensor {
        Parameter parameter;
        std::vector<float> data;
    };
    return start_job(info.Env(), info[1], [trainer, gradients](JobContext&) -> ValueBuilder {
        auto tensors = std::make_shared<std::vector<Tensor>>();
        trainer->visit([&](const Parameter& p, const float* values, const float* gradient) {
            const float* data = gradients ? gradient : values;
            tensors->push_back({p, std::vector<float>(data, data + p.size())});
        });
        return [tensors](Napi::Env env) -> Napi::Value {
            auto result = Napi::Object::New(env);
            for (const Tensor& tensor : *tensors) {
                auto shape = Napi::Array::New(env);
                shape.Set(0u, static_cast<double>(tensor.parameter.rows));
                shape.Set(1u, static_cast<double>(tensor.parameter.cols));
                auto entry = Napi::Object::New(env);
                entry.Set("shape", shape);
                entry.Set("data", to_float32_array(env, tensor.data));
                result.Set(tensor.parameter.name, entry);
            }
            return result;
        };
    });
}

/// trainerSaveWeights(handle, {path, metadata?}) -> Promise<bytes>: the adapter, or the whole model in full training.
Napi::Value trainer_save_weights(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    const Args args(info[1]);
    return start_job(info.Env(), info[1],
                     [trainer, path = args.string("path"), metadata = metadata_option(args)](JobContext&) {
                         return number_builder(static_cast<double>(trainer->save_weights(path, metadata)));
                     });
}

/// trainerSaveState(handle, {path, note}) -> Promise<bytes>
Napi::Value trainer_save_state(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    const Args args(info[1]);
    return start_job(info.Env(), info[1],
                     [trainer, path = args.string("path"), note = args.string("note")](JobContext&) {
                         return number_builder(static_cast<double>(trainer->save_state(path, note)));
                     });
}

/// trainerLoadState(handle, {path}) -> Promise<note>
Napi::Value trainer_load_state(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    return start_job(info.Env(), info[1], [trainer, path = Args(info[1]).string("path")](JobContext&) -> ValueBuilder {
        const std::string note = trainer->load_state(path);
        return [note](Napi::Env env) -> Napi::Value { return Napi::String::New(env, note); };
    });
}

/// trainerSetCheckpointing(handle, on)
Napi::Value trainer_set_checkpointing(const Napi::CallbackInfo& info) {
    TrainerHandle::get(info[0])->set_checkpointing(info[1].ToBoolean());
    return info.Env().Undefined();
}

/// trainerMemory(handle, {tokens, labels, checkpointing}) -> {weights, parameters, buffers}, bytes
Napi::Value trainer_memory(const Napi::CallbackInfo& info) {
    const auto trainer = TrainerHandle::get(info[0]);
    const Args args(info[1]);
    constexpr int64_t kMost = int64_t{1} << 31;
    const Trainer::Memory memory = trainer->memory(args.integer("tokens", 1, kMost), args.integer("labels", 0, kMost),
                                                   args.boolean("checkpointing", false));
    auto value = Napi::Object::New(info.Env());
    value.Set("weights", static_cast<double>(memory.weights));
    value.Set("parameters", static_cast<double>(memory.parameters));
    value.Set("buffers", static_cast<double>(memory.buffers));
    return value;
}

Napi::Value trainer_dispose(const Napi::CallbackInfo& info) {
    TrainerHandle::dispose(info[0]);
    return info.Env().Undefined();
}

} // namespace

void register_trainer(Napi::Env env, Napi::Object exports) {
    add_function<trainer_open>(env, exports, "trainerOpen");
    add_function<trainer_info>(env, exports, "trainerInfo");
    add_function<trainer_accumulate>(env, exports, "trainerAccumulate");
    add_function<trainer_evaluate>(env, exports, "trainerEvaluate");
    add_function<trainer_logits>(env, exports, "trainerLogits");
    add_function<trainer_step>(env, exports, "trainerStep");
    add_function<trainer_tensors>(env, exports, "trainerTensors");
    add_function<trainer_save_weights>(env, exports, "trainerSaveWeights");
    add_function<trainer_save_state>(env, exports, "trainerSaveState");
    add_function<trainer_load_state>(env, exports, "trainerLoadState");
    add_function<trainer_set_checkpointing>(env, exports, "trainerSetCheckpointing");
    add_function<trainer_memory>(env, exports, "trainerMemory");
    add_function<trainer_dispose>(env, exports, "trainerDispose");
}

} // namespace medilora
