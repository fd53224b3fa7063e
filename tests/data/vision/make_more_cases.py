#!/usr/bin/env python3
"""Writes golden cases of LLaVA that the others lack, with transformers on the CPU in float32.

usage: make_more_cases.py

llava16/two_pictures.{json,safetensors}: the model of llava16 asked about two pictures of unequal shape.
llava_siglip/: LLaVA 1.5 with the tower of siglip, all patches of its last layer but one and random
weights besides.
Needs: pip install torch transformers safetensors. Run by hand.
"""
import json
import pathlib
import shutil

import safetensors.torch
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
IMAGE_TOKEN = 94
NEW_TOKENS = 16


@torch.no_grad()
def golden(model, ids, **pictures):
    """Case and tensors: logits of all places, greedy ids and their smallest gap of two logits."""
    given = torch.tensor([ids])
    logits = model(input_ids=given, **pictures).logits[0]
    found = model.generate(input_ids=given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=NEW_TOKENS,
                           eos_token_id=None, pad_token_id=0, return_dict_in_generate=True, output_logits=True, **pictures)
    gaps = [float(step[0].topk(2).values.diff().abs()) for step in found.logits]
    case = {"transformers": transformers.__version__, "input_ids_expanded": ids,
            "greedy_new_ids": found.sequences[0, len(ids):].tolist(), "greedy_min_top2_gap": min(gaps)}
    return case, {"logits": logits}


def write(folder, name, case, tensors):
    (folder / f"{name}.json").write_text(json.dumps(case) + "\n")
    safetensors.torch.save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")


def two_pictures():
    folder = HERE / "llava16"
    model = transformers.LlavaNextForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    stored = safetensors.torch.load_file(folder / "tensors.safetensors")
    cases = json.loads((folder / "cases.json").read_text())["cases"]
    chosen = [cases[0], cases[3]]
    views = [stored[f"case{case['id']}_pixel_values"] for case in chosen]
    most = max(len(view) for view in views)
    padded = torch.stack([torch.cat([view, view.new_zeros(most - len(view), *view.shape[1:])]) for view in views])
    ids = [1, 11, 45, *[IMAGE_TOKEN] * chosen[0]["image_tokens"], 19, 56, *[IMAGE_TOKEN] * chosen[1]["image_tokens"], 57, 26, 40]
    sizes = torch.tensor([case["image_size_hw"] for case in chosen])
    case, tensors = golden(model, ids, pixel_values=padded, image_sizes=sizes)
    write(folder, "two_pictures", {"pictures": [case["id"] for case in chosen], **case}, tensors)


def siglip():
    folder = HERE / "llava_siglip"
    text = json.loads((HERE / "llava15/config.json").read_text())["text_config"]
    vision = json.loads((HERE / "siglip/config.json").read_text())
    torch.manual_seed(7)
    config = transformers.LlavaConfig(
        text_config=transformers.MistralConfig(**{key: value for key, value in text.items() if key not in ("model_type", "architectures")}),
        vision_config=transformers.SiglipVisionConfig(**{key: value for key, value in vision.items() if key not in ("model_type", "architectures")}, vision_use_head=False),
        image_token_index=IMAGE_TOKEN, image_seq_length=16, vision_feature_layer=-2, vision_feature_select_strategy="full")
    model = transformers.LlavaForConditionalGeneration(config).eval().float()
    for name, weight in model.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(weight, std=0.2)
    tower = safetensors.torch.load_file(HERE / "siglip/model.safetensors")
    tower = {key.removeprefix("vision_model."): value for key, value in tower.items() if "head." not in key}
    model.model.vision_tower.load_state_dict(tower, strict=False)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(HERE / "llava15" / name, folder)
    processor = json.loads((HERE / "llava15/preprocessor_config.json").read_text())
    processor.update(image_processor_type="SiglipImageProcessor", do_center_crop=False, size={"height": 32, "width": 32},
                     image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor.pop("crop_size")
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
    pixels = safetensors.torch.load_file(HERE / "siglip/tensors.safetensors")["pixel_values"][:1]
    case, tensors = golden(model, [1, 11, *[IMAGE_TOKEN] * 16, 45, 86, 19], pixel_values=pixels)
    write(folder, "case", case, {**tensors, "pixel_values": pixels})


if __name__ == "__main__":
    two_pictures()
    siglip()
