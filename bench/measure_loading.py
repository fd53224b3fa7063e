#!/usr/bin/env python3
"""Measures the peak memory of loading a language model, in each format of weights.

usage: measure_loading.py [--shape mistral-4-layers|tinyllama] [--model DIR] [--weights FORMAT ...]
                          [--threads N]

Loads the model with inference_bench, which then runs a few tokens, and prints beside the bytes of
the weights in memory the largest resident size and what is over. Pages of the checkpoint's mapped
file count as resident while they are mapped. The bound: weights + 2 GB.
Without --model, a model of that shape with random weights is made (as for compare_inference.py).
Needs: tools/build --tests; for --shape, pip install torch transformers.
"""
import argparse
import json
import math
import os
import pathlib
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}
ALLOWED_BYTES = 2_000_000_000


def count_parameters(directory):
    """Elements of all tensors, from the headers of the safetensors files."""
    count = 0
    for path in sorted(directory.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        count += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return count


def load(directory, weights, threads):
    """Seconds to load and peak resident bytes."""
    command = [ROOT / "build/release/inference_bench", directory, weights, str(threads), "sequence", "8", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    result = json.load(process.stdout)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"inference_bench ended with {status}")
    return result["load_seconds"], usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="mistral-4-layers")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--weights", nargs="+", choices=ELEMENT_BYTES, default=["bfloat16", "int8"])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    directory = arguments.model
    if not directory:
        import peer_models  # needs torch

        directory = peer_models.make_model(arguments.shape)
    parameters = count_parameters(directory)
    print(f"{directory.name}: {parameters / 1e9:.2f} G parameters, {arguments.threads} threads")
    within = True
    for weights in arguments.weights:
        seconds, peak = load(directory, weights, arguments.threads)
        size = parameters * ELEMENT_BYTES[weights]
        within &= peak <= size + ALLOWED_BYTES
        print(f"{weights:9} loaded in {seconds:5.1f} s: weights {size / 1e9:5.2f} GB, peak {peak / 1e9:5.2f} GB, "
              f"over {(peak - size) / 1e9:5.2f} GB")
    print("within weights + 2 GB" if within else "NOT within weights + 2 GB")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
