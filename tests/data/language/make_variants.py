"""Reference outputs of configs that share the weights of another folder here.

Run with torch and transformers: python make_variants.py; writes lm/variants.json beside it.
"""
import copy
import json
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent / "lm"
NEW_TOKENS = 12
VARIANTS = [
    # A prompt inside the context, which the new tokens leave, and one longer than the context.
    ("rope_dynamic", "llama_rope_linear", 12, {"max_position_embeddings": 16, "rope_scaling": {"type": "dynamic", "factor": 2.0}}),
    ("rope_dynamic_long", "llama_rope_linear", 24, {"max_position_embeddings": 16, "rope_scaling": {"type": "dynamic", "factor": 4.0}}),
    ("qwen2_windows", "qwen2", 14, {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}),
]


def outputs(name, weights, num_ids, changes):
    config = json.loads((HERE / weights / "config.json").read_text()) | changes
    stated = copy.deepcopy(config)  # AutoConfig changes what it is given
    folder = HERE / weights
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, config=transformers.AutoConfig.for_model(**config), dtype=torch.float32, attn_implementation="eager").eval()
    ids = json.loads((folder / "case.json").read_text())["input_ids"]
    ids = (ids * 2)[:num_ids]
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0]
        # A model with dynamic positions remembers the longest sequence; a new one does not.
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, config=transformers.AutoConfig.for_model(**config), dtype=torch.float32, attn_implementation="eager").eval()
        generated = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=NEW_TOKENS,
                                   do_sample=False, eos_token_id=None, pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    steps = torch.stack([step[0] for step in generated.logits])
    top = steps.topk(2).values
    return {"name": name, "weights": weights, "config": stated, "input_ids": ids, "last_logits": logits[-1].tolist(),
            "logits_of_ids": [logits[i, ids[i]].item() for i in range(len(ids))],
            "greedy_new_ids": generated.sequences[0, len(ids):].tolist(), "min_top2_gap": (top[:, 0] - top[:, 1]).min().item()}


result = {"made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
          "cases": [outputs(*variant) for variant in VARIANTS]}
(HERE / "variants.json").write_text(json.dumps(result, indent=1) + "\n")
