"""Writes warpers.json: what transformers' sampling makes of random scores.

Each case has the options, the scores and the probabilities after them. Needs transformers and torch.
Scores with ties are left out for top-p, which may keep any of equal tokens.
"""

import json
import pathlib

import torch
import transformers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

OPTIONS = [
    {"temperature": 0.7},
    {"temperature": 2.5},
    {"top_k": 1},
    {"top_k": 4},
    {"top_k": 100},
    {"top_p": 0.3},
    {"top_p": 0.9},
    {"top_p": 0.0},
    {"min_p": 0.1},
    {"min_p": 1.0},
    {"temperature": 0.6, "top_p": 0.9},
    {"temperature": 0.7, "top_k": 6, "top_p": 0.8},
    {"temperature": 1.5, "top_k": 8, "min_p": 0.2},
    {"temperature": 0.8, "top_k": 10, "top_p": 0.95, "min_p": 0.05},
    {"temperature": 1.3, "top_p": 0.7, "min_p": 0.3},
]


def rounded(values):
    """Decimals that give the same float32."""
    return [float(f"{value:.9g}") for value in values.tolist()]


def warped(model, options, scores):
    ids = torch.zeros(1, 1, dtype=torch.long)
    warpers = model._get_logits_processor(
        GenerationConfig(do_sample=True, **options),
        input_ids_seq_length=1,
        encoder_input_ids=ids,
        prefix_allowed_tokens_fn=None,
        logits_processor=[],
        device="cpu",
        model_kwargs={},
    )
    return torch.softmax(warpers(ids, scores[None].clone()), -1)[0]


def main():
    size = {"vocab_size": 16, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(**size))
    generator = torch.Generator().manual_seed(7)
    cases = []
    for given in OPTIONS:
        options = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0} | given
        scores = torch.randn(12, generator=generator) * 2
        variants = [scores] if options["top_p"] < 1.0 else [scores, (scores * 2).round() / 2]
        for variant in variants:
            probabilities = warped(model, options, variant)
            cases.append({**options, "scores": rounded(variant), "probabilities": rounded(probabilities)})
    text = ",\n".join(json.dumps(case) for case in cases)
    versions = f'"transformers": "{transformers.__version__}", "torch": "{torch.__version__.split("+")[0]}"'
    output = pathlib.Path(__file__).with_name("warpers.json")
    output.write_text("{" + versions + ', "cases": [\n' + text + "\n]}\n")


if __name__ == "__main__":
    main()
