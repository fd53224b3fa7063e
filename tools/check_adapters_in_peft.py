#!/usr/bin/env python3
"""Checks that PEFT loads a merge of adapters, and that base and result are the merge of the adapted models.

usage: check_adapters_in_peft.py BASE_DIR

Makes two random adapters of the model (other ranks, modules and scales), merges them with vlm-merge and
compares in float32: the weights of base and result in PEFT with w_1 (base + adapter_1) + w_2 (base + adapter_2),
each adapted by PEFT; the logits with those of PEFT's own add_weighted_adapter(combination_type="cat"); and what
a lower rank loses with what PEFT's "svd" loses.
Needs: tools/build; pip install torch transformers peft. This script is run by hand.
"""
import argparse
import pathlib
import subprocess
import tempfile

import peft
import torch
import transformers

import ask_vlm_merge

ADAPTERS = {
    "one": dict(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"]),
    "two": dict(r=4, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "down_proj"],
                rank_pattern={"layers.1.self_attn.q_proj": 2}, alpha_pattern={"down_proj": 3}),
}
WEIGHTS = {"one": 0.6, "two": 0.4}


def load(directory):
    return transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def adapted(base, adapter):
    return peft.PeftModel.from_pretrained(load(base), adapter).eval()


def make_adapters(base, folder):
    torch.manual_seed(5)
    for name, settings in ADAPTERS.items():
        model = peft.get_peft_model(load(base), peft.LoraConfig(task_type="CAUSAL_LM", **settings))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data.normal_(std=0.05)
        model.save_pretrained(folder / name)


def merge(folder, rank=None):
    lines = ["merge_method: linear", "models:"]
    for name, weight in WEIGHTS.items():
        lines.append(f"- {{model: {folder / name}, parameters: {{weight: {weight}}}}}")
    if rank:
        lines.append(f"adapter_rank: {rank}")
    recipe = folder / f"recipe{rank}.yaml"
    recipe.write_text("\n".join(lines) + "\n")
    target = folder / f"merged{rank}"
    subprocess.run([ask_vlm_merge.PROGRAM, "merge", recipe, target, "--quiet"], check=True, capture_output=True)
    return target


def weights_of(model):
    return model.merge_and_unload().state_dict()


def distance(a, b):
    """Norm of the difference, and its largest entry."""
    squares = sum((a[name] - b[name]).double().square().sum().item() for name in a)
    return squares ** 0.5, max((a[name] - b[name]).abs().max().item() for name in a)


def weighted_by_peft(base, folder, combination, **options):
    model = adapted(base, folder / "one")
    model.load_adapter(folder / "two", adapter_name="two")
    model.add_weighted_adapter(["default", "two"], list(WEIGHTS.values()), "both", combination_type=combination,
                               **options)
    model.set_adapter("both")
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    base = parser.parse_args().base
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_adapters(base, folder)
        each = {name: weights_of(adapted(base, folder / name)) for name in ADAPTERS}
        wanted = {key: sum(WEIGHTS[name] * each[name][key].double() for name in ADAPTERS).float()
                  for key in each["one"]}
        merged = merge(folder)
        ids = torch.arange(1, 65)[None]
        with torch.no_grad():
            logits = adapted(base, merged)(ids).logits
            of_cat = weighted_by_peft(base, folder, "cat")(ids).logits
        largest = distance(weights_of(adapted(base, merged)), wanted)[1]
        cut = merge(folder, 6)
        lost = distance(weights_of(adapted(base, cut)), wanted)[0]
        peft_lost = distance(weights_of(weighted_by_peft(base, folder, "svd", svd_rank=6)), wanted)[0]
        linear = distance(weights_of(weighted_by_peft(base, folder, "cat")), wanted)[1]
    logit_difference = (logits - of_cat).abs().max().item()
    print(f"weights: largest difference {largest:.2e} (PEFT's cat: {linear:.2e})")
    print(f"logits: largest difference {logit_difference:.2e} of {of_cat.abs().max():.2f} from PEFT's cat")
    print(f"rank 6: norm of what is lost {lost:.5f}, PEFT's svd {peft_lost:.5f}")
    good = largest < 1e-6 and logit_difference < 1e-3 and lost <= 1.01 * peft_lost
    print(f"PEFT {peft.__version__}: {'agrees' if good else 'does NOT agree'}")
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
