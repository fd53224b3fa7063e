#!/usr/bin/env python3
"""Measures how far transformers with rounded weights is from itself in float32, layer by layer.

usage: measure_weight_errors.py > tests/data/language/weight_errors.json

bfloat16: everything is bfloat16, as users of transformers have it. int8: weights are rounded to
steps of 1/127 of their row's largest magnitude, all else is float32.
An error is the Frobenius norm of the difference divided by that of the float32 values. The test of
our own formats of weights (tests/model/weight_format_golden_test.cc) compares with these numbers.
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


def round_to_int8(model):
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            scale = module.weight.abs().amax(dim=1, keepdim=True) / 127
            module.weight.copy_((module.weight / scale).round() * scale)


@torch.no_grad()
def run(folder, ids, weights):
    dtype = torch.bfloat16 if weights == "bfloat16" else torch.float32
    model = transformers.AutoModelForCausalLM.from_pretrained(ROOT / folder, dtype=dtype)
    if weights == "int8":
        round_to_int8(model)
    streams = []
    for layer in model.model.layers:
        layer.register_forward_hook(
            lambda module, args, out: streams.append(out[0] if isinstance(out, tuple) else out)
        )
    logits = model(torch.tensor([ids])).logits
    return [stream.double() for stream in streams], logits.double()


def relative_error(found, expected):
    return float((found - expected).norm() / expected.norm())


def main():
    torch.set_num_threads(1)
    models = {}
    for folder, ids in MODELS.items():
        exact_streams, exact_logits = run(folder, ids, "float32")
        models[folder] = {"input_ids": ids}
        for weights in ("bfloat16", "int8"):
            streams, logits = run(folder, ids, weights)
            models[folder][weights] = {
                "layers": [relative_error(a, b) for a, b in zip(streams, exact_streams)],
                "logits": relative_error(logits, exact_logits),
            }
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = [f"{json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in models.items()]
    print(f'{{"versions": {json.dumps(versions)},\n"models": {{\n' + ",\n".join(lines) + "}}")


if __name__ == "__main__":
    main()
