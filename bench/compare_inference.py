#!/usr/bin/env python3
"""Compares the speed of one sequence with transformers on torch and with llama.cpp.

usage: compare_inference.py [--shape mistral-4-layers|tinyllama|smollm2-135m|base-lm] [--threads N] [--rounds N]
                            [--prompt N] [--new N]

All run the same weights with the same threads: bfloat16 everywhere, and int8 beside llama.cpp's Q8_0.
They take turns: ours, theirs, ours, ... Printed are the medians, the ratios, the processor and the
versions. To compare what a processor with AVX2 does: ONEDNN_MAX_CPU_ISA=AVX2 limits us and
oneDNN in torch, ATEN_CPU_CAPABILITY=avx2 the rest of torch; llama.cpp has to be built for it
(CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON" pip install --no-binary ...).
Needs: tools/build --tests; pip install torch transformers, and if llama.cpp is to be compared,
llama-cpp-python (built on this machine).
"""
import argparse
import importlib.util
import statistics
import time

import torch

import peer_models


def measure_ours(directory, weights, arguments):
    result = peer_models.run_inference_bench(directory, weights, arguments.threads, "sequence", arguments.prompt,
                                             arguments.new)
    return result["prompt_tokens_per_second"], result["new_tokens_per_second"]


@torch.no_grad()
def measure_transformers(model, arguments):
    ids = torch.tensor([[(1 + i * 17) % model.config.vocab_size for i in range(arguments.prompt)]])
    start = time.perf_counter()
    state = model(ids, use_cache=True, logits_to_keep=1).past_key_values
    prompt_seconds = time.perf_counter() - start
    start = time.perf_counter()
    for i in range(arguments.new):
        state = model(torch.tensor([[i + 1]]), past_key_values=state, use_cache=True).past_key_values
    return arguments.prompt / prompt_seconds, arguments.new / (time.perf_counter() - start)


def measure_llama_cpp(file, arguments):
    import llama_cpp as llama

    model, context = peer_models.llama_context(file, arguments.threads, arguments.prompt + arguments.new + 8)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    prompt = [((1 + i * 17) % vocabulary, i, 0, i + 1 == arguments.prompt) for i in range(arguments.prompt)]
    peer_models.llama_decode(context, prompt[:8])  # pages are there
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    start = time.perf_counter()
    for first in range(0, len(prompt), 512):
        peer_models.llama_decode(context, prompt[first:first + 512])
    llama.llama_synchronize(context)
    prompt_seconds = time.perf_counter() - start
    start = time.perf_counter()
    for i in range(arguments.new):
        peer_models.llama_decode(context, [(i + 1, arguments.prompt + i, 0, True)])
        llama.llama_synchronize(context)
    seconds = time.perf_counter() - start
    llama.llama_free(context)
    llama.llama_model_free(model)
    return arguments.prompt / prompt_seconds, arguments.new / seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=peer_models.NAMES, default="mistral-4-layers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=32)
    arguments = parser.parse_args()
    directory = peer_models.make_model(arguments.shape)
    peer = peer_models.load_in_transformers(directory, arguments.threads)
    measure_transformers(peer, argparse.Namespace(prompt=8, new=2))
    measures = {
        "ours, bfloat16": lambda: measure_ours(directory, "bfloat16", arguments),
        "transformers, bfloat16": lambda: measure_transformers(peer, arguments),
        "ours, int8": lambda: measure_ours(directory, "int8", arguments),
    }
    if importlib.util.find_spec("llama_cpp"):
        files = {dtype: peer_models.make_gguf(directory, dtype) for dtype in ("bf16", "q8_0")}
        measures["llama.cpp, bf16"] = lambda: measure_llama_cpp(files["bf16"], arguments)
        measures["llama.cpp, q8_0"] = lambda: measure_llama_cpp(files["q8_0"], arguments)
    found = {name: [] for name in measures}
    for _ in range(arguments.rounds):
        for name, measure in measures.items():
            time.sleep(0.5)  # threads of the one before may go on waiting actively
            found[name].append(measure())
    print(peer_models.describe(arguments.shape, arguments.threads))
    print(f"{'':24}{'prompt of ' + str(arguments.prompt):>15}{'ours/theirs':>13}{'new tokens':>15}{'ours/theirs':>13}")
    medians = {name: [statistics.median(row[i] for row in rows) for i in (0, 1)] for name, rows in found.items()}
    for name, speeds in medians.items():
        ours = medians["ours, int8" if name.endswith("q8_0") else "ours, bfloat16"]
        ratios = ["" if name.startswith("ours") else f"{ours[i] / speeds[i]:.2f}" for i in (0, 1)]
        print(f"{name:24}{speeds[0]:11.1f} /s{ratios[0]:>13}{speeds[1]:13.1f} /s{ratios[1]:>12}")


if __name__ == "__main__":
    main()
