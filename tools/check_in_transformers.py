#!/usr/bin/env python3
"""Checks that a checkpoint loads in transformers and generates the same ids as vlm-merge.

usage: check_in_transformers.py MODEL_DIR DATA.jsonl [--limit N] [--prompt TEMPLATE]
                                [--max-tokens N] [--dtype float32|bfloat16]

DATA.jsonl: lines with "question" and, for a VLM, "image" (relative to the file).
TEMPLATE holds {question}. Needs: pip install torch transformers pillow sentencepiece.
transformers is no dependency of vlm-merge; this script is run by hand.
"""
import json
import pathlib

import torch
import transformers
from PIL import Image

import ask_vlm_merge


def ids_by_transformers(model_dir, prompts, images, max_tokens, dtype):
    config = json.loads((pathlib.Path(model_dir) / "config.json").read_text())
    vlm = config["model_type"] == "llava"
    name = "LlavaForConditionalGeneration" if vlm else "AutoModelForCausalLM"
    model = getattr(transformers, name).from_pretrained(model_dir, dtype=getattr(torch, dtype)).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
    end = tokenizer.eos_token_id
    processor = None
    if vlm:
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        processor = CLIPImageProcessorPil.from_pretrained(model_dir)
    results = []
    for prompt, image in zip(prompts, images):
        ids = tokenizer(prompt)["input_ids"]
        inputs = {}
        if vlm:
            ids = ask_vlm_merge.expand_image(ids, config)
            pixels = processor(Image.open(image), return_tensors="np")["pixel_values"]
            inputs["pixel_values"] = torch.tensor(pixels, dtype=model.dtype)
        ids = torch.tensor([ids])
        with torch.no_grad():
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=max_tokens,
                do_sample=False, **inputs,
            )
        new = out[0, ids.shape[1]:].tolist()
        results.append(new[: new.index(end)] if end in new else new)
    return results, transformers.__version__


if __name__ == "__main__":
    ask_vlm_merge.compare_generations(__doc__, "transformers", ids_by_transformers)
