#!/usr/bin/env python3
"""Checks that an exported GGUF file runs in llama.cpp and continues prompts as vlm-merge does.

usage: check_in_llama_cpp.py MODEL_DIR DATA.jsonl [--dtype f32] [--limit N] [--prompt TEMPLATE]

Exports MODEL_DIR, then compares the greedy continuations of each question, which llama.cpp reads
with its own tokenizer. TEMPLATE holds {question}.
Needs: tools/build; pip install llama-cpp-python. It is no dependency of vlm-merge; this script is
run by hand.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import llama_cpp

import ask_vlm_merge


def continue_by_llama_cpp(model, ids, max_tokens):
    model.reset()
    model.eval(ids)
    new = []
    while len(new) < max_tokens:
        token = int(model.scores[model.n_tokens - 1].argmax())
        if token == model.token_eos():
            break
        new.append(token)
        model.eval([token])
    return new


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--dtype", default="f32")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--prompt", default="{question}")
    parser.add_argument("--max-tokens", type=int, default=64)
    arguments = parser.parse_args()
    lines = pathlib.Path(arguments.data).read_text(encoding="utf-8").splitlines()[: arguments.limit]
    prompts = [arguments.prompt.replace("{question}", json.loads(line)["question"]) for line in lines]
    ours = ask_vlm_merge.continue_prompts(arguments.model, prompts, [None] * len(prompts), "--max-tokens",
                                          arguments.max_tokens)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.gguf"
        subprocess.run([ask_vlm_merge.PROGRAM, "export", arguments.model, "--gguf", file, "--dtype", arguments.dtype, "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        exact = llama_cpp.GGML_TYPE_F32  # of keys and values, which llama.cpp else rounds to float16
        model = llama_cpp.Llama(str(file), n_ctx=2048, logits_all=True, type_k=exact, type_v=exact, verbose=False)
        equal = 0
        for number, (prompt, our) in enumerate(zip(prompts, ours)):
            ids = model.tokenize(prompt.encode(), add_bos=True, special=True)
            new = continue_by_llama_cpp(model, ids, arguments.max_tokens)
            equal += new == our
            if new != our:
                print(f"{number}: prompt {ids}: vlm-merge {our} llama.cpp {new}")
    print(f"{equal} of {len(prompts)} continuations have equal ids (llama-cpp-python {llama_cpp.__version__})")
    raise SystemExit(equal != len(prompts))


if __name__ == "__main__":
    main()
