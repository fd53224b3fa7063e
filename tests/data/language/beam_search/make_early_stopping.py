"""Writes early_stopping.json: all beams of transformers' beam search for each `early_stopping`.

Usage: make_early_stopping.py PROJECT_FOLDER
"""

import json
import pathlib
import sys

import torch
import transformers

MODEL = "zoo/models/base-lm"
PROMPTS = ["A cat and", "What is on the left?"]
END_IDS = [2, 1989, 1978]  # frequent ones, so that hypotheses are complete early
OPTIONS = [
    {"num_beams": 3, "max_new_tokens": 30, "length_penalty": penalty, "early_stopping": early}
    for penalty in (2.0, 0.5, -1.0)
    for early in (False, True, "never")
]


def searched(model, ids, options):
    found = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), pad_token_id=0,
        eos_token_id=END_IDS, do_sample=False, num_return_sequences=options["num_beams"],
        return_dict_in_generate=True, output_scores=True, **options)
    sequences = []
    for row in found.sequences[:, len(ids):].tolist():
        ends = [i + 1 for i, token in enumerate(row) if token in END_IDS]
        sequences.append(row[:ends[0]] if ends else row)
    return {"input_ids": ids, **options, "sequences": sequences,
            "scores": found.sequences_scores.tolist()}


def main():
    project = pathlib.Path(sys.argv[1])
    tokenizer = transformers.AutoTokenizer.from_pretrained(project / MODEL)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        project / MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        cases = [searched(model, tokenizer(prompt)["input_ids"], options)
                 for prompt in PROMPTS for options in OPTIONS]
    result = {"transformers": transformers.__version__, "model": MODEL, "eos_token_id": END_IDS,
              "cases": cases}
    text = json.dumps(result).replace('{"input_ids"', '\n{"input_ids"') + "\n"
    (pathlib.Path(__file__).parent / "early_stopping.json").write_text(text)


main()
