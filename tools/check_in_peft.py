#!/usr/bin/env python3
"""Checks that PEFT loads an adapter that extract-lora wrote, and that base and adapter are the tuned model.

usage: check_in_peft.py BASE_DIR TUNED_DIR [--rank N]

Extracts the adapter, merges it into the base with PEFT in float32 and compares all weights with the
tuned model: by kind of module norm(D - BA) / norm(D), which must be what extract-lora prints, and
what is saved whole must be equal. Also prints how far apart the logits are.
Needs: tools/build; pip install torch transformers peft. This script is run by hand.
"""
import argparse
import collections
import pathlib
import subprocess
import tempfile

import peft
import torch
import transformers

import ask_vlm_merge


def load(directory):
    return transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def printed_errors(lines):
    """Rows of the table that extract-lora prints: module, count, relative error, largest."""
    rows = [line.split() for line in lines]
    return {row[0]: float(row[2]) for row in rows if len(row) == 4 and row[1].isdigit()}


def squared_norms(base, tuned, merged):
    norms = collections.defaultdict(lambda: [0.0, 0.0])
    whole = 0.0
    for name, before in base.items():
        delta = tuned[name] - before
        rest = tuned[name] - merged[name]
        kind = ".".join(name.split(".")[-3:-1])
        if kind.endswith("_proj"):
            norms[kind][0] += rest.double().square().sum().item()
            norms[kind][1] += delta.double().square().sum().item()
        else:
            whole = max(whole, rest.abs().max().item())
    return norms, whole


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("tuned")
    parser.add_argument("--rank", default="32")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        adapter = pathlib.Path(folder) / "adapter"
        out = subprocess.run(
            [ask_vlm_merge.PROGRAM, "extract-lora", "--base", arguments.base, "--model", arguments.tuned,
             "--rank", arguments.rank, "--out", adapter, "--quiet"],
            check=True, capture_output=True, text=True).stdout
        tuned = load(arguments.tuned)
        base = load(arguments.base).state_dict()
        model = peft.PeftModel.from_pretrained(load(arguments.base), adapter).eval()
        ids = torch.arange(1, 65)[None] % tuned.config.vocab_size
        with torch.no_grad():
            logits = model(ids).logits
            wanted = tuned(ids).logits
        merged = model.merge_and_unload().state_dict()
    printed = printed_errors(out.splitlines())
    norms, whole = squared_norms(base, tuned.state_dict(), merged)
    equal = whole == 0
    for kind, (rest, delta) in sorted(norms.items()):
        error = (rest / delta) ** 0.5 if delta else 0.0
        agrees = abs(error - printed.get(kind, 0.0)) < 1e-5
        equal &= agrees
        print(f"{kind}: PEFT {error:.6f}, extract-lora {printed.get(kind, 0.0):.6f}")
    print(f"saved whole: largest difference {whole}")
    print(f"logits: largest difference {(logits - wanted).abs().max():.2e} of {wanted.abs().max():.2f}")
    print(f"PEFT {peft.__version__}: {'as extract-lora says' if equal else 'NOT as extract-lora says'}")
    raise SystemExit(not equal)


if __name__ == "__main__":
    main()
