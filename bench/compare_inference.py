#!/usr/bin/env python3
"""Compares the speed of the language model with transformers on torch, both in bfloat16.

usage: compare_inference.py [--shape mistral-4-layers|tinyllama] [--threads N] [--rounds N]
                            [--prompt N] [--new N] [--models DIR]

Both run the same random weights, written once to DIR, with the same threads, and take turns: ours,
theirs, ours, ... The ratio of the medians is printed with both, the processor and the versions.
Needs: tools/build --tests; pip install torch transformers.
"""
import argparse
import json
import pathlib
import platform
import re
import statistics
import subprocess
import tempfile
import time

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPES = {
    "mistral-4-layers": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=4,
                             num_attention_heads=32, num_key_value_heads=8),
    "tinyllama": dict(hidden_size=2048, intermediate_size=5632, num_hidden_layers=22,
                      num_attention_heads=32, num_key_value_heads=4),
}


def make_model(shape, directory):
    """Writes a model of that shape with random weights, unless it is there."""
    if (directory / "config.json").exists():
        return
    torch.manual_seed(1)
    config = transformers.MistralConfig(vocab_size=32000, sliding_window=None, **SHAPES[shape])
    with torch.device("meta"):
        model = transformers.MistralForCausalLM(config)
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    for name, weight in model.named_parameters():
        torch.nn.init.ones_(weight) if "norm" in name else torch.nn.init.normal_(weight, std=0.02)
    model.save_pretrained(directory)


def measure_ours(directory, arguments):
    command = [ROOT / "build/release/inference_bench", directory, "bfloat16"]
    command += [str(n) for n in (arguments.threads, arguments.prompt, arguments.new)]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result["prompt_tokens_per_second"], result["new_tokens_per_second"]


@torch.no_grad()
def measure_transformers(model, arguments):
    ids = torch.tensor([[(1 + i * 17) % 32000 for i in range(arguments.prompt)]])
    start = time.perf_counter()
    state = model(ids, use_cache=True, logits_to_keep=1).past_key_values
    prompt_seconds = time.perf_counter() - start
    start = time.perf_counter()
    for i in range(arguments.new):
        state = model(torch.tensor([[i + 1]]), past_key_values=state, use_cache=True).past_key_values
    return arguments.prompt / prompt_seconds, arguments.new / (time.perf_counter() - start)


def processor():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=SHAPES, default="mistral-4-layers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=32)
    parser.add_argument("--models", type=pathlib.Path,
                        default=pathlib.Path(tempfile.gettempdir()) / "vlm-merge-bench")
    arguments = parser.parse_args()
    directory = arguments.models / arguments.shape
    make_model(arguments.shape, directory)
    torch.set_num_threads(arguments.threads)
    peer = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16).eval()
    measure_transformers(peer, argparse.Namespace(prompt=8, new=2))
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        ours.append(measure_ours(directory, arguments))
        theirs.append(measure_transformers(peer, arguments))
    print(f"{arguments.shape}, {arguments.threads} threads, {processor()}")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    for column, what in enumerate(("prompt tokens/s", "new tokens/s")):
        our, their = (statistics.median(row[column] for row in rows) for rows in (ours, theirs))
        print(f"{what:16} ours {our:8.1f}  transformers {their:8.1f}  ratio {our / their:.2f}")


if __name__ == "__main__":
    main()
