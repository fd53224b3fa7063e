#!/usr/bin/env python3
"""Compares the memory that `vlm-merge merge --dry-run` tells with what a merge takes.

usage: measure_merge_memory.py MODELS [--methods "NAME;..."] [--threads N] [--out DIR]
                               [--program FILE] [--dry-run]

MODELS is what bench/make_merge_models.py wrote; of a model with headers only, --dry-run tells the
plan alone. For every method of the registry, with parameters that make it do all it can: the
memory of the plan, the largest RssAnon of the merge (without mapped files, sampled from /proc),
and its wall and processor time.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess

import compare_merge

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPARSE = "weight: 0.4, density: 0.5"
# name: (method, models, has a base, parameters of each model, global parameters)
CASES = {
    "linear": ("linear", "abc", False, "weight: 0.4", ""),
    "slerp": ("slerp", "a", True, "", "t: 0.4"),
    "task_arithmetic": ("task_arithmetic", "abc", True, "weight: 0.4", ""),
    "ties": ("ties", "abc", True, SPARSE, ""),
    "ties, scope: model": ("ties", "abc", True, SPARSE, "scope: model"),
    "dare_linear": ("dare_linear", "abc", True, SPARSE, ""),
    "dare_ties": ("dare_ties", "abc", True, SPARSE, ""),
    "passthrough": ("passthrough", "a", False, "", "scale: 0.9"),
    "nuslerp": ("nuslerp", "ab", True, "weight: 0.4", ""),
    "nuslerp, columns": ("nuslerp", "ab", True, "weight: 0.4",
                         "nuslerp_flatten: false, nuslerp_row_wise: true"),
    "multislerp": ("multislerp", "abc", True, "weight: 0.4", ""),
    "karcher": ("karcher", "abc", False, "", ""),
    "breadcrumbs": ("breadcrumbs", "abc", True, SPARSE + ", gamma: 0.01", ""),
    "breadcrumbs_ties": ("breadcrumbs_ties", "abc", True, SPARSE + ", gamma: 0.01", ""),
    "della": ("della", "abc", True, SPARSE, "epsilon: 0.1"),
    "della_linear": ("della_linear", "abc", True, SPARSE, "epsilon: 0.1"),
    "model_stock": ("model_stock", "abc", True, "", ""),
    "nearswap": ("nearswap", "a", True, "", "t: 0.001"),
    "arcee_fusion": ("arcee_fusion", "a", True, "", ""),
    "sce": ("sce", "abc", True, "", "select_topk: 0.5"),
    "ram": ("ram", "abc", True, "", ""),
    "ramplus_tl": ("ramplus_tl", "abc", True, "", ""),
    "dim3": ("dim3", "abc", True, "", ""),
    "lines": ("lines", "abc", True, "weight: 0.4", "alpha: 0.2, beta: 0.1"),
    "layer_swap": ("layer_swap", "ab", False, "", "bottom: 1, top: 1"),
    "localize_and_stitch": ("localize_and_stitch", "abc", True, "density: 0.5", "scope: tensor"),
    "pcb": ("pcb", "abc", True, "density: 0.5", ""),
    "iso_c": ("iso_c", "abc", True, "", ""),
    "tsv_m": ("tsv_m", "abc", True, "", ""),
    "wudi": ("wudi", "abc", True, "", ""),
}


def recipe_of(name, models):
    method, inputs, has_base, each, parameters = CASES[name]
    text = f"merge_method: {method}\nmodels:\n"
    if method in ("slerp", "nearswap", "arcee_fusion"):
        text += f"- model: {models / 'base'}\n"
    for model in inputs:
        text += f"- {{model: {models / model}" + (f", parameters: {{{each}}}" if each else "") + "}\n"
    if has_base:
        text += f"base_model: {models / 'base'}\n"
    return text + (f"parameters: {{{parameters}}}\n" if parameters else "") + "dtype: bfloat16\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("--methods", default=";".join(CASES), help="names separated by ';'")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", default=ROOT / "build/release/vlm-merge")
    parser.add_argument("--out", type=pathlib.Path, help="folder for results (default: MODELS/out)")
    parser.add_argument("--dry-run", action="store_true")
    arguments = parser.parse_args()
    out = arguments.out or arguments.models / "out"
    out.mkdir(parents=True, exist_ok=True)
    for name in arguments.methods.split(";"):
        recipe = out / "memory.yml"
        recipe.write_text(recipe_of(name, arguments.models.resolve()))
        command = [str(arguments.program), "merge", str(recipe), str(out / "merged"),
                   "--threads", str(arguments.threads)]
        plan = subprocess.run(command + ["--dry-run"], check=True, capture_output=True, text=True)
        line = f"{name:22} planned {re.search(r'memory +(.*) at most', plan.stdout).group(1):>10}"
        if not arguments.dry_run:
            shutil.rmtree(out / "merged", ignore_errors=True)
            took = compare_merge.run(command + ["--quiet"])
            shutil.rmtree(out / "merged")
            line += (f"  measured {took['peak'] / 1e6:7.0f} MB  {took['wall']:7.1f} s"
                     f"  cpu {took['cpu']:7.1f} s")
        print(line, flush=True)
        recipe.unlink()


if __name__ == "__main__":
    main()
