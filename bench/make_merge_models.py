#!/usr/bin/env python3
"""Writes a base and three models tuned from it, for bench/compare_merge.py.

usage: make_merge_models.py DIR [--layers N]

The widths are those of Mistral-7B (hidden 4096, intermediate 14336, 8 key-value heads, 32000
tokens, tied head), the weights random in bfloat16: base normal with deviation 0.02, each delta a
tenth of that. With two layers a model has 567 million parameters. Needs torch and safetensors.
"""
import argparse
import json
import pathlib

import torch
from safetensors.torch import save_file

HIDDEN, INTERMEDIATE, KEY_VALUE, VOCABULARY = 4096, 14336, 1024, 32000
MODELS = ("base", "a", "b", "c")


def shapes(layers):
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    for i in range(layers):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", (HIDDEN,)
        yield layer + "mlp.down_proj.weight", (HIDDEN, INTERMEDIATE)
        yield layer + "mlp.gate_proj.weight", (INTERMEDIATE, HIDDEN)
        yield layer + "mlp.up_proj.weight", (INTERMEDIATE, HIDDEN)
        yield layer + "post_attention_layernorm.weight", (HIDDEN,)
        yield layer + "self_attn.k_proj.weight", (KEY_VALUE, HIDDEN)
        yield layer + "self_attn.o_proj.weight", (HIDDEN, HIDDEN)
        yield layer + "self_attn.q_proj.weight", (HIDDEN, HIDDEN)
        yield layer + "self_attn.v_proj.weight", (KEY_VALUE, HIDDEN)
    yield "model.norm.weight", (HIDDEN,)


def config(layers):
    return {"architectures": ["MistralForCausalLM"], "model_type": "mistral",
            "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": layers,
            "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": VOCABULARY,
            "rope_theta": 10000.0, "sliding_window": None, "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": True,
            "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=2)
    arguments = parser.parse_args()
    for index, name in enumerate(MODELS):
        tensors = {}
        for number, (tensor, shape) in enumerate(shapes(arguments.layers)):
            values = torch.randn(shape, generator=torch.Generator().manual_seed(number)) * 0.02
            if index > 0:
                delta = torch.Generator().manual_seed(1000 * index + number)
                values += torch.randn(shape, generator=delta) * 0.002
            tensors[tensor] = values.to(torch.bfloat16)
        folder = arguments.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        (folder / "config.json").write_text(json.dumps(config(arguments.layers), indent=2) + "\n")
        print(folder, sum(t.numel() for t in tensors.values()), "parameters")


if __name__ == "__main__":
    main()
