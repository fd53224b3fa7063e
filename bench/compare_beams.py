#!/usr/bin/env python3
"""Compares beam search over questions about pictures with transformers' generate().

usage: compare_beams.py [--questions N] [--beams N] [--new N] [--threads N] [--rounds N] [--batch-sizes N ...]

The bundled evo-vlm answers questions of ja-emoji-vqa in float32. Ours is the whole command (start,
loading, pictures, answers), and the same without start and loading: a run with one question taken
off. Of transformers only preparing the pictures and generate() count. Ratios are of like with
like: without start and loading. They take turns; printed are medians, ratios, and how many answers
have the same ids.
Needs: tools/build; pip install torch transformers pillow sentencepiece.
"""
import argparse
import json
import statistics
import sys
import time

import torch
import transformers
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import peer_models

sys.path.insert(0, str(peer_models.ROOT / "tools"))
import ask_vlm_merge  # noqa: E402

MODEL = peer_models.ROOT / "zoo/models/evo-vlm"
DATA = peer_models.ROOT / "datasets/ja-emoji-vqa/test/data.jsonl"


def measure_ours(questions, arguments):
    prompts, images = zip(*questions)
    start = time.perf_counter()
    ids = ask_vlm_merge.continue_prompts(MODEL, prompts, images, "--beams", arguments.beams, "--max-tokens",
                                         arguments.new, "--threads", arguments.threads, "--quiet")
    return time.perf_counter() - start, ids


@torch.no_grad()
def measure_transformers(model, tokenizer, processor, questions, batch_size, arguments):
    config, end = model.config.to_dict(), tokenizer.eos_token_id
    start = time.perf_counter()
    rows = []
    for prompt, image in questions:
        expanded = ask_vlm_merge.expand_image(tokenizer(prompt)["input_ids"], config)
        rows.append((expanded, torch.tensor(processor(Image.open(image), return_tensors="np")["pixel_values"])))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    answers = [None] * len(rows)
    for first in range(0, len(order), batch_size):
        batch = order[first:first + batch_size]
        longest = max(len(rows[i][0]) for i in batch)
        ids = torch.tensor([[0] * (longest - len(rows[i][0])) + rows[i][0] for i in batch])
        mask = torch.tensor([[0] * (longest - len(rows[i][0])) + [1] * len(rows[i][0]) for i in batch])
        out = model.generate(input_ids=ids, attention_mask=mask, pixel_values=torch.cat([rows[i][1] for i in batch]),
                             num_beams=arguments.beams, do_sample=False, max_new_tokens=arguments.new)
        for i, new in zip(batch, out[:, longest:].tolist()):
            answers[i] = new[:new.index(end)] if end in new else new
    return time.perf_counter() - start, answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--beams", type=int, default=5)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 16, 32])
    arguments = parser.parse_args()
    items = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()][:arguments.questions]
    questions = [(ask_vlm_merge.VQA_PROMPT.replace("{question}", item["question"]), DATA.parent / item["image"]) for item in items]
    torch.set_num_threads(arguments.threads)
    model = transformers.LlavaForConditionalGeneration.from_pretrained(MODEL, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    processor = CLIPImageProcessorPil.from_pretrained(MODEL)
    whole, without_start = [], []
    theirs = {batch_size: [] for batch_size in arguments.batch_sizes}
    same = {}
    for _ in range(arguments.rounds):
        seconds, our_ids = measure_ours(questions, arguments)
        whole.append(seconds)
        without_start.append(seconds - measure_ours(questions[:1], arguments)[0])
        for batch_size, found in theirs.items():
            seconds, ids = measure_transformers(model, tokenizer, processor, questions, batch_size, arguments)
            found.append(seconds)
            same[batch_size] = sum(a == b for a, b in zip(ids, our_ids))
    our_seconds = statistics.median(without_start)
    print(peer_models.describe("evo-vlm", arguments.threads))
    print(f"{len(questions)} questions, {arguments.beams} beams{'seconds':>20}{'ours/theirs':>13}{'same ids as ours':>18}")
    print(f"{'ours, the whole command':30}{statistics.median(whole):13.2f}")
    print(f"{'ours, without start, loading':30}{our_seconds:13.2f}")
    for batch_size, found in theirs.items():
        seconds = statistics.median(found)
        print(f"{f'transformers, {batch_size} together':30}{seconds:13.2f}{seconds / our_seconds:13.1f}"
              f"{same[batch_size]:>12} of {len(questions)}")


if __name__ == "__main__":
    main()
