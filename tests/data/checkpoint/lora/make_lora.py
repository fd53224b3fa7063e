"""Makes the adapters beside this file and what PEFT makes of them.

python3 make_lora.py (in this folder; wants peft, transformers, torch; the versions are written to cases.json)
"""

import json
import pathlib

import peft
import safetensors.torch
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
MERGE = HERE.parent.parent / "merge"

CASES = {
    "attention": dict(
        model="models/base", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"],
    ),
    "patterns": dict(
        model="models/base", r=4, lora_alpha=6, use_rslora=True,
        target_modules=["q_proj", "k_proj", "down_proj"],
        rank_pattern={"layers.1.self_attn.q_proj": 2, "^model.layers.2.mlp.down_proj": 8},
        alpha_pattern={"k_proj": 3, "1.self_attn.k_proj": 40, "down_proj": 1.5},
    ),
    "fan_in_fan_out": dict(
        model="models/base", r=2, lora_alpha=4, fan_in_fan_out=True,
        target_modules=["q_proj", "up_proj"],
    ),
    "embedding_and_head": dict(
        model="models/base", r=3, lora_alpha=5, target_modules=["embed_tokens", "o_proj"],
        modules_to_save=["lm_head", "norm"],
    ),
    "bias_of_b": dict(
        model="models/base_with_bias", r=2, lora_alpha=3, lora_bias=True,
        target_modules=["q_proj"],
    ),
    "vlm": dict(
        model="vlm/models/vlm", r=2, lora_alpha=2,
        target_modules=r".*(language_model.*(q_proj|down_proj)|vision_tower.*fc1|linear_1)",
    ),
}


def load(model):
    if model == "models/base_with_bias":
        config = transformers.Qwen2Config(
            vocab_size=16, hidden_size=8, intermediate_size=12, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=32)
        if not (HERE / "base_with_bias").exists():
            made = transformers.Qwen2ForCausalLM(config)
            for parameter in made.parameters():
                parameter.data.normal_(std=0.3)
            made.save_pretrained(HERE / "base_with_bias")
            (HERE / "base_with_bias" / "generation_config.json").unlink()
        return transformers.AutoModelForCausalLM.from_pretrained(HERE / "base_with_bias",
                                                                 dtype=torch.float32)
    kind = (transformers.LlavaForConditionalGeneration if model.startswith("vlm")
            else transformers.AutoModelForCausalLM)
    return kind.from_pretrained(MERGE / model, dtype=torch.float32)


def hide_paths(config_file):
    config = json.loads(config_file.read_text())
    config["base_model_name_or_path"] = None
    config_file.write_text(json.dumps(config, indent=1) + "\n")


def make(name, case):
    model = load(case["model"])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    config = peft.LoraConfig(**{key: value for key, value in case.items() if key != "model"})
    adapted = peft.get_peft_model(model, config)
    for parameter_name, parameter in adapted.named_parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.2)
    adapted.save_pretrained(HERE / name)
    (HERE / name / "README.md").unlink()
    hide_paths(HERE / name / "adapter_config.json")
    # From the files: they order the patterns by name, and the first that fits counts.
    fresh = peft.PeftModel.from_pretrained(load(case["model"]), HERE / name)
    after = fresh.merge_and_unload().state_dict()
    assert after.keys() == before.keys()
    changed = {key: value.contiguous() for key, value in after.items()
               if not torch.equal(value, before[key])}
    safetensors.torch.save_file(changed, HERE / name / "expected.safetensors")
    return {"name": name, "model": case["model"], "changed": sorted(changed)}


def main():
    torch.manual_seed(20)
    cases = [make(name, case) for name, case in CASES.items()]
    versions = {module.__name__: module.__version__ for module in (peft, transformers, torch)}
    (HERE / "cases.json").write_text(
        json.dumps({"versions": versions, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
