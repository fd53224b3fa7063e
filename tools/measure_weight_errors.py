#!/usr/bin/env python3
"""Measures how far transformers with rounded weights is from itself in float32, layer by layer.

usage: measure_weight_errors.py language > tests/data/language/weight_errors.json
       measure_weight_errors.py vision > tests/data/vision/weight_errors.json

bfloat16: everything is bfloat16, as users of transformers have it. int8: weights are rounded to
steps of 1/127 of their row's largest magnitude, all else is float32.
An error is the Frobenius norm of the difference divided by that of the float32 values. The tests of
our own formats of weights (tests/model/weight_format_golden_test.cc and
tests/model/vision_format_golden_test.cc) compare with these numbers.
Needs: pip install torch transformers. Run by hand.
"""
import json
import pathlib
import sys

import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
LM = "tests/data/language/lm"
VISION = "tests/data/vision"


def ids_of_case(folder):
    return json.loads((ROOT / folder / "case.json").read_text())["input_ids"]


LANGUAGE_MODELS = {
    **{f"{LM}/{name}": ids_of_case(f"{LM}/{name}")
       for name in ("mistral_gqa", "mistral_head_dim", "mistral_window", "llama_rope3_tied_bias", "qwen2")},
    "zoo/models/base-lm": [1] + [300 + i * 17 % 2000 for i in range(63)],
}
# Models and the files of their pictures.
VISION_MODELS = {
    f"{VISION}/clip": f"{VISION}/clip/tensors.safetensors",
    f"{VISION}/siglip": f"{VISION}/siglip/tensors.safetensors",
    f"{VISION}/llava15": f"{VISION}/llava15/tensors.safetensors",
    "zoo/models/en-vlm": "tests/data/zoo_golden/image0.safetensors",
}


def round_to_int8(model, kinds):
    for module in model.modules():
        if isinstance(module, kinds):
            scale = module.weight.abs().amax(dim=1, keepdim=True) / 127
            module.weight.copy_((module.weight / scale).round() * scale)


def load(model_class, folder, weights):
    dtype = torch.bfloat16 if weights == "bfloat16" else torch.float32
    return model_class.from_pretrained(ROOT / folder, dtype=dtype)


@torch.no_grad()
def run_language(folder, ids, weights):
    model = load(transformers.AutoModelForCausalLM, folder, weights)
    if weights == "int8":
        round_to_int8(model, (torch.nn.Linear, torch.nn.Embedding))
    streams = []
    for layer in model.model.layers:
        layer.register_forward_hook(
            lambda module, args, out: streams.append(out[0] if isinstance(out, tuple) else out)
        )
    logits = model(torch.tensor([ids])).logits
    return {"layers": streams, "logits": logits}


@torch.no_grad()
def run_vision(folder, file, weights):
    """Hidden states behind the blocks that are used and, of a LLaVA, the projected features."""
    kind = json.loads((ROOT / folder / "config.json").read_text())["model_type"]
    classes = {"clip_vision_model": transformers.CLIPVisionModel,
               "siglip_vision_model": transformers.SiglipVisionModel,
               "llava": transformers.LlavaForConditionalGeneration}
    model = load(classes[kind], folder, weights)
    tower = model.model.vision_tower if kind == "llava" else model
    if weights == "int8":
        round_to_int8(model, torch.nn.Linear)
    pixels = safetensors.torch.load_file(ROOT / file)["pixel_values"]
    pixels = pixels.reshape(-1, *pixels.shape[-3:]).to(model.dtype)
    states = tower(pixels, output_hidden_states=True).hidden_states
    if kind != "llava":
        return {"layers": states[1:]}
    used = states[:len(states) + model.config.vision_feature_layer + 1]
    return {"layers": used[1:],
            "projected": model.model.multi_modal_projector(used[-1][:, 1:])}


def relative_error(found, expected):
    found, expected = found.double(), expected.double()
    return float((found - expected).norm() / expected.norm())


def errors(run, folder, given):
    exact = run(folder, given, "float32")
    result = {}
    for weights in ("bfloat16", "int8"):
        found = run(folder, given, weights)
        result[weights] = {
            name: ([relative_error(a, b) for a, b in zip(found[name], values)]
                   if name == "layers" else relative_error(found[name], values))
            for name, values in exact.items()
        }
    return result


def main():
    if sys.argv[1:] not in (["language"], ["vision"]):
        sys.exit(__doc__)
    torch.set_num_threads(1)
    models = {}
    if sys.argv[1] == "language":
        for folder, ids in LANGUAGE_MODELS.items():
            models[folder] = {"input_ids": ids, **errors(run_language, folder, ids)}
    else:
        for folder, file in VISION_MODELS.items():
            models[folder] = {"pictures": file, **errors(run_vision, folder, file)}
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = [f"{json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in models.items()]
    print(f'{{"versions": {json.dumps(versions)},\n"models": {{\n' + ",\n".join(lines) + "}}")


if __name__ == "__main__":
    main()
