#!/usr/bin/env python3
"""Checks that an exported vision tower and projector (mmproj) run in llama.cpp as in vlm-merge.

usage: check_mmproj_in_llama_cpp.py MODEL_DIR DATA.jsonl [--dtype f32] [--limit N]

Exports MODEL_DIR, makes each picture of DATA.jsonl as large as the tower's view (so that neither
program has to resize it), and compares the projected features and the greedy continuations. The
ids of the prompt are ours; llama.cpp encodes the picture and continues.

llama-cpp-python 0.3.36 puts CLIP's class token behind the patches, where it gets the last position,
and yet drops the first row, as if the token were in front. So its features are not those of the
model; the check passes if they are what the model gives in that order (up to its GELU, an
approximation in float16).
Needs: tools/build; pip install llama-cpp-python torch pillow numpy safetensors. Run by hand.
"""
import argparse
import ctypes
import json
import pathlib
import subprocess
import tempfile

import llama_cpp
import numpy
from llama_cpp import mtmd_cpp as mtmd
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file

import ask_vlm_merge

PROGRAM = ask_vlm_merge.PROGRAM
TOLERANCE = 5e-3  # of features, relative; the GELU of llama.cpp is a table of float16


def run(*arguments):
    command = [PROGRAM, *map(str, arguments), "--quiet"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def our_trace(model, image, folder):
    """Pixel values and projected features of a picture."""
    (folder / "in.json").write_text(json.dumps({"prompt": "<image>", "images": [str(image)]}))
    run("trace", "--model", model, "--input", folder / "in.json", "--out", folder / "trace.safetensors")
    return load_file(folder / "trace.safetensors")


class ClassTokenLast:
    """A CLIP tower in the layout of the hub, with the class token behind the patches."""

    def __init__(self, model, config):
        self.config = config["vision_config"]
        layers = self.config["num_hidden_layers"]
        layer = config.get("vision_feature_layer", -2)
        self.layers = layer if layer >= 0 else layers + 1 + layer
        self.tensors = {}
        with safe_open(pathlib.Path(model) / "model.safetensors", "pt") as file:
            for name in file.keys():
                self.tensors[name.replace("vision_tower.vision_model.", "")] = file.get_tensor(name).float()

    def norm(self, x, name):
        weight, bias = self.tensors[name + ".weight"], self.tensors[name + ".bias"]
        return torch.nn.functional.layer_norm(x, weight.shape, weight, bias, self.config["layer_norm_eps"])

    def linear(self, x, name):
        return x @ self.tensors[name + ".weight"].T + self.tensors[name + ".bias"]

    def block(self, x, name):
        heads = self.config["num_attention_heads"]
        normed = self.norm(x, name + "layer_norm1")
        q, k, v = [self.linear(normed, f"{name}self_attn.{part}_proj").reshape(len(x), heads, -1).transpose(0, 1)
                   for part in "qkv"]
        attended = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, -1) @ v
        x = x + self.linear(attended.transpose(0, 1).reshape(x.shape), name + "self_attn.out_proj")
        up = self.linear(self.norm(x, name + "layer_norm2"), name + "mlp.fc1")
        return x + self.linear(up * torch.sigmoid(1.702 * up), name + "mlp.fc2")

    def features(self, pixel_values):
        side = self.config["image_size"]
        pixels = torch.tensor(pixel_values).reshape(1, 3, side, side)
        patches = torch.nn.functional.conv2d(
            pixels, self.tensors["embeddings.patch_embedding.weight"], stride=self.config["patch_size"])
        x = torch.cat([patches.flatten(2)[0].T, self.tensors["embeddings.class_embedding"][None]])
        x = self.norm(x + self.tensors["embeddings.position_embedding.weight"], "pre_layrnorm")
        for i in range(self.layers):
            x = self.block(x, f"encoder.layers.{i}.")
        hidden = torch.nn.functional.gelu(self.linear(x[1:], "multi_modal_projector.linear_1"))
        return self.linear(hidden, "multi_modal_projector.linear_2").numpy()


def difference(features, wanted):
    return float(numpy.linalg.norm(features - wanted) / numpy.linalg.norm(wanted))


def ids_of(model, prompt, folder):
    (folder / "text.jsonl").write_text(json.dumps({"text": prompt}) + "\n")
    return json.loads(run("tokenize", "--model", model, "--input", folder / "text.jsonl", "--json"))["ids"]


class LlamaCpp:
    def __init__(self, model, projector):
        exact = llama_cpp.GGML_TYPE_F32  # of keys and values, which llama.cpp else rounds to float16
        self.llama = llama_cpp.Llama(str(model), n_ctx=2048, type_k=exact, type_v=exact, verbose=False)
        parameters = mtmd.mtmd_context_params_default()
        parameters.use_gpu = False
        parameters.n_threads = 1
        parameters.warmup = False
        self.context = mtmd.mtmd_init_from_file(str(projector).encode(), self.llama.model, parameters)
        if not self.context:
            raise SystemExit(f"llama.cpp does not take {projector}")

    def picture(self, image):
        """The chunk of a picture alone."""
        pixels = numpy.asarray(Image.open(image).convert("RGB"), dtype=numpy.uint8)
        data = pixels.tobytes()
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmap = mtmd.mtmd_bitmap_init(pixels.shape[1], pixels.shape[0], buffer)
        marker = mtmd.mtmd_default_marker()
        text = mtmd.mtmd_input_text(marker, len(marker), False, True)
        chunks = mtmd.mtmd_input_chunks_init()
        status = mtmd.mtmd_tokenize(
            self.context, chunks, ctypes.byref(text), (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap), 1)
        if status != 0:
            raise SystemExit(f"llama.cpp does not take the picture {image}: {status}")
        for i in range(mtmd.mtmd_input_chunks_size(chunks)):
            chunk = mtmd.mtmd_input_chunks_get(chunks, i)
            if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE:
                return chunk
        raise SystemExit(f"no picture in the chunks of {image}")

    def features(self, chunk):
        if mtmd.mtmd_encode_chunk(self.context, chunk) != 0:
            raise SystemExit("llama.cpp cannot encode the picture")
        rows = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
        values = mtmd.mtmd_get_output_embd(self.context)
        count = rows * self.llama.n_embd()
        return numpy.ctypeslib.as_array(values, (count,)).reshape(rows, -1).copy()

    def decode(self, ids):
        tokens = (llama_cpp.llama_token * len(ids))(*ids)
        if llama_cpp.llama_decode(self.llama.ctx, llama_cpp.llama_batch_get_one(tokens, len(ids))) != 0:
            raise SystemExit("llama.cpp cannot decode")

    def continuation(self, before, chunk, after, max_tokens):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.llama.ctx), True)
        self.decode(before)
        past = llama_cpp.llama_pos(0)
        mtmd.mtmd_helper_eval_chunk_single(
            self.context, self.llama.ctx, chunk, len(before), 0, 512, False, ctypes.byref(past))
        self.decode(after)
        new = []
        while len(new) < max_tokens:
            logits = llama_cpp.llama_get_logits_ith(self.llama.ctx, -1)
            token = int(numpy.ctypeslib.as_array(logits, (self.llama.n_vocab(),)).argmax())
            if token == self.llama.token_eos():
                break
            new.append(token)
            self.decode([token])
        return new


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--dtype", default="f32")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--max-tokens", type=int, default=64)
    arguments = parser.parse_args()
    config = json.loads((pathlib.Path(arguments.model) / "config.json").read_text())
    side = config["vision_config"]["image_size"]
    image_id = config.get("image_token_index", config.get("image_token_id"))
    data = pathlib.Path(arguments.data)
    items = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()[: arguments.limit]]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run("export", arguments.model, "--gguf", folder / "model.gguf", "--mmproj", folder / "mmproj.gguf",
            "--dtype", arguments.dtype)
        images = []
        for number, item in enumerate(items):
            images.append(folder / f"{number}.png")
            Image.open(data.parent / item["image"]).convert("RGB").resize((side, side)).save(images[-1])
        prompts = [ask_vlm_merge.VQA_PROMPT.replace("{question}", item["question"]) for item in items]
        ours = ask_vlm_merge.continue_prompts(arguments.model, prompts, images, "--max-tokens", arguments.max_tokens)
        peer = LlamaCpp(folder / "model.gguf", folder / "mmproj.gguf")
        other_order = ClassTokenLast(arguments.model, config)
        from_ours, from_other, equal = 0.0, 0.0, 0
        for prompt, image, our in zip(prompts, images, ours):
            chunk = peer.picture(image)
            trace = our_trace(arguments.model, image, folder)
            features = peer.features(chunk)
            from_ours = max(from_ours, difference(features, trace["projected"].reshape(features.shape)))
            from_other = max(from_other, difference(features, other_order.features(trace["pixel_values"])))
            ids = ids_of(arguments.model, prompt, folder)
            at = ids.index(image_id)
            equal += peer.continuation(ids[:at], chunk, ids[at + 1 :], arguments.max_tokens) == our
    print(f"features, largest relative difference: from ours {from_ours:.1e}, "
          f"from those with the class token last {from_other:.1e}")
    print(f"{equal} of {len(items)} continuations have equal ids (llama-cpp-python {llama_cpp.__version__})")
    raise SystemExit(min(from_ours, from_other) > TOLERANCE)


if __name__ == "__main__":
    main()
