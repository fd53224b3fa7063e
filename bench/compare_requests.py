#!/usr/bin/env python3
"""Compares the speed of many requests with transformers' generate() and llama.cpp's parallel decoding.

usage: compare_requests.py [--shape mistral-4-layers|tinyllama|smollm2-135m|base-lm] [--threads N] [--requests N]
                           [--new N] [--batch-sizes N ...]

Requests have prompts of 50 to 200 tokens and take the same number of new tokens each, greedily. All
programs run bfloat16 weights with the same threads. transformers gets the requests sorted by length
and padded to the left, in batches of each size; its best size counts. llama.cpp runs all requests
as sequences of one context: prompts in batches of 512 tokens, then a token of each at a time.
Printed are prompt and new tokens per second together. Needs: as compare_inference.py.
"""
import argparse
import importlib.util
import time

import numpy
import torch

import peer_models


def make_requests(count, vocabulary):
    """As bench/inference_bench.cc makes them."""
    return [[(1 + p * 131 + i * 17) % vocabulary for i in range(50 + p * 37 % 151)] for p in range(count)]


def measure_ours(directory, weights, arguments):
    result = peer_models.run_inference_bench(directory, weights, arguments.threads, "requests", arguments.requests,
                                             arguments.new)
    return result["seconds"], result["first_ids"]


@torch.no_grad()
def measure_transformers(model, requests, batch_size, arguments):
    ordered = sorted(requests, key=len)
    first_ids = {}
    start = time.perf_counter()
    for first in range(0, len(ordered), batch_size):
        batch = ordered[first:first + batch_size]
        longest = max(map(len, batch))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in batch])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in batch])
        out = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=arguments.new,
                             eos_token_id=None, pad_token_id=0)
        for row, new in zip(batch, out[:, longest].tolist()):
            first_ids[tuple(row)] = new
    return time.perf_counter() - start, [first_ids[tuple(row)] for row in requests]


def measure_llama_cpp(file, requests, arguments):
    import llama_cpp as llama

    tokens = sum(map(len, requests)) + len(requests) * (arguments.new + 1)
    model, context = peer_models.llama_context(file, arguments.threads, tokens, len(requests))
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    peer_models.llama_decode(context, [(1, 0, 0, True)])  # pages are there
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    chosen = {}

    def run(batch):
        peer_models.llama_decode(context, batch)
        for row, (_, _, sequence, wants_logits) in enumerate(batch):
            if wants_logits:
                logits = llama.llama_get_logits_ith(context, row)
                chosen[sequence] = int(numpy.ctypeslib.as_array(logits, (vocabulary,)).argmax())

    start = time.perf_counter()
    prompts = [(token, i, s, i + 1 == len(row)) for s, row in enumerate(requests) for i, token in enumerate(row)]
    for first in range(0, len(prompts), 512):
        run(prompts[first:first + 512])
    first_ids = [chosen[s] for s in range(len(requests))]
    for step in range(arguments.new - 1):
        run([(chosen[s], len(row) + step, s, True) for s, row in enumerate(requests)])
    seconds = time.perf_counter() - start
    llama.llama_free(context)
    llama.llama_model_free(model)
    return seconds, first_ids


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=peer_models.NAMES, default=peer_models.SMOLLM2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16, 32, 64])
    arguments = parser.parse_args()
    directory = peer_models.make_model(arguments.shape)
    peer = peer_models.load_in_transformers(directory, arguments.threads)
    requests = make_requests(arguments.requests, peer.config.vocab_size)
    found = {"ours, bfloat16": measure_ours(directory, "bfloat16", arguments),
             "ours, int8": measure_ours(directory, "int8", arguments)}
    if importlib.util.find_spec("llama_cpp"):
        found["llama.cpp, bf16"] = measure_llama_cpp(peer_models.make_gguf(directory, "bf16"), requests, arguments)
    for batch_size in arguments.batch_sizes:
        found[f"transformers, {batch_size} together"] = measure_transformers(peer, requests, batch_size, arguments)
    tokens = sum(map(len, requests)) + len(requests) * arguments.new
    print(peer_models.describe(arguments.shape, arguments.threads))
    print(f"{arguments.requests} requests, {tokens} tokens{'seconds':>22}{'tokens/s':>10}{'ours/theirs':>13}"
          f"{'same first id as ours':>23}")
    our_seconds, our_ids = found["ours, bfloat16"]
    for name, (seconds, ids) in found.items():
        ratio = "" if name.startswith("ours") else f"{seconds / our_seconds:.2f}"
        same = sum(a == b for a, b in zip(ids, our_ids))
        print(f"{name:30}{seconds:15.2f}{tokens / seconds:10.0f}{ratio:>13}{same:>16} of {len(requests)}")


if __name__ == "__main__":
    main()
