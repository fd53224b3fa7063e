#!/usr/bin/env python3
"""Measures how far transformers in bfloat16 is from transformers in float32, layer by layer.

usage: measure_bfloat16_errors.py > tests/data/language/bfloat16_errors.json

An error is the Frobenius norm of the difference divided by that of the float32 values. The test of
our own bfloat16 weights (tests/model/bfloat16_golden_test.cc) compares with these numbers.
Needs: pip install torch transformers. Run by hand.
"""
import json
import pathlib

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
LM = "tests/data/language/lm"


def ids_of_case(folder):
    return json.loads((ROOT / folder / "case.json").read_text())["input_ids"]


MODELS = {
    f"{LM}/mistral_gqa": ids_of_case(f"{LM}/mistral_gqa"),
    f"{LM}/mistral_head_dim": ids_of_case(f"{LM}/mistral_head_dim"),
    f"{LM}/mistral_window": ids_of_case(f"{LM}/mistral_window"),
    "zoo/models/base-lm": [1] + [300 + i * 17 % 2000 for i in range(63)],
}


def run(folder, ids, dtype):
    model = transformers.AutoModelForCausalLM.from_pretrained(ROOT / folder, dtype=dtype)
    streams = []
    for layer in model.model.layers:
        layer.register_forward_hook(
            lambda module, args, out: streams.append(out[0] if isinstance(out, tuple) else out)
        )
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits
    return [stream.double() for stream in streams], logits.double()


def relative_error(found, expected):
    return float((found - expected).norm() / expected.norm())


def main():
    torch.set_num_threads(1)
    models = {}
    for folder, ids in MODELS.items():
        exact_streams, exact_logits = run(folder, ids, torch.float32)
        streams, logits = run(folder, ids, torch.bfloat16)
        models[folder] = {
            "input_ids": ids,
            "layers": [relative_error(a, b) for a, b in zip(streams, exact_streams)],
            "logits": relative_error(logits, exact_logits),
        }
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = [f"{json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in models.items()]
    print(f'{{"versions": {json.dumps(versions)},\n"models": {{\n' + ",\n".join(lines) + "}}")


if __name__ == "__main__":
    main()
