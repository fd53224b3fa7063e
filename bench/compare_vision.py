#!/usr/bin/env python3
"""Compares the speed of the vision tower of CLIP-L/14-336 with torch, ONNX Runtime and OpenVINO.

usage: compare_vision.py [--threads N] [--images N] [--rounds N] [--models DIR] [--only NAME,NAME...]

All run the same random weights, written once to DIR, on the same pictures in one batch, with the
same threads, each in a process of its own, and take turns. Printed are the median and best images/s
of each and their ratios, the processor and the versions. That all compute the same is checked by
the mean magnitude of the last hidden state.
Needs: tools/build --tests; pip install torch transformers onnx onnxscript onnxruntime openvino.
"""
import argparse
import json
import multiprocessing
import pathlib
import platform
import re
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime
import openvino
import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAPE = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
             num_attention_heads=16, image_size=336, patch_size=14, projection_dim=768)
TEXT_HIDDEN = 64  # of the projector, which is not measured
PROCESSES = multiprocessing.get_context("spawn")
PREFIX = "vision_tower.vision_model."


def make_model(directory, _arguments):
    """Writes a LLaVA of random bfloat16 weights without language model, unless it is there."""
    if (directory / "config.json").exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    tower = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**SHAPE))
    tensors = {PREFIX + name.removeprefix("vision_model."): weight.to(torch.bfloat16).contiguous()
               for name, weight in tower.named_parameters()}
    for number, size in ((1, SHAPE["hidden_size"]), (2, TEXT_HIDDEN)):
        name = f"multi_modal_projector.linear_{number}."
        tensors[name + "weight"] = torch.randn(TEXT_HIDDEN, size).to(torch.bfloat16)
        tensors[name + "bias"] = torch.zeros(TEXT_HIDDEN, dtype=torch.bfloat16)
    # The loader looks at the names of a whole model.
    tensors["language_model.model.norm.weight"] = torch.ones(TEXT_HIDDEN, dtype=torch.bfloat16)
    safetensors.torch.save_file(tensors, directory / "model.safetensors", {"format": "pt"})
    config = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava",
              "image_token_index": 32000, "projector_hidden_act": "gelu",
              "vision_feature_layer": -1, "vision_feature_select_strategy": "full",
              "text_config": {"model_type": "mistral", "hidden_size": TEXT_HIDDEN},
              "vision_config": {"model_type": "clip_vision_model", **SHAPE}}
    (directory / "config.json").write_text(json.dumps(config, indent=1))


def made_up_images(count):
    """The same values as in bench/vision_tower_bench.cc."""
    size = count * 3 * SHAPE["image_size"] ** 2
    values = numpy.arange(size, dtype=numpy.int64) * 7919 % 1000 / 500.0 - 1.0
    return torch.from_numpy(values.astype(numpy.float32)).reshape(
        count, 3, SHAPE["image_size"], SHAPE["image_size"])


class LastHidden(torch.nn.Module):
    """Nothing but the last hidden state, which is what ours gives."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, pixels):
        return self.tower(pixels).last_hidden_state


def load_tower(directory, dtype):
    tower = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**SHAPE))
    tensors = safetensors.torch.load_file(directory / "model.safetensors")
    inner = "vision_model." if any(n.startswith("vision_model.") for n in tower.state_dict()) else ""
    tower.load_state_dict({inner + name.removeprefix(PREFIX): weight.float()
                           for name, weight in tensors.items() if name.startswith(PREFIX)},
                          strict=False)
    return LastHidden(tower.eval().to(dtype))


def run_ours(weights, directory, arguments):
    command = [ROOT / "build/release/vision_tower_bench", directory, weights]
    command += [str(arguments.threads), str(arguments.images)]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result["images_per_second"], result["mean_magnitude"]


def timed(encode, arguments):
    """`encode` gives the last hidden state of a batch."""
    start = time.perf_counter()
    hidden = encode()
    seconds = time.perf_counter() - start
    return arguments.images / seconds, float(numpy.abs(hidden).mean())


def torch_encoder(dtype, directory, arguments):
    torch.set_num_threads(arguments.threads)
    tower = load_tower(directory, dtype)
    images = made_up_images(arguments.images).to(dtype)

    @torch.no_grad()
    def encode():
        return tower(images).float().numpy()
    return encode


def onnx_file(directory, arguments):
    return directory / f"batch-{arguments.images}.onnx"


def export_onnx(directory, arguments):
    if not onnx_file(directory, arguments).exists():
        torch.onnx.export(load_tower(directory, torch.float32),
                          (made_up_images(arguments.images),), onnx_file(directory, arguments),
                          input_names=["pixels"], output_names=["hidden"], dynamo=True)


def onnxruntime_encoder(directory, arguments):
    images = made_up_images(arguments.images).numpy()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(onnx_file(directory, arguments), options,
                                           providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"pixels": images})[0]


def openvino_encoder(precision, directory, arguments):
    images = made_up_images(arguments.images).numpy()
    compiled = openvino.Core().compile_model(onnx_file(directory, arguments), "CPU", {
        "INFERENCE_NUM_THREADS": arguments.threads, "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY"})
    return lambda: compiled([images])[0]


ENCODERS = {
    "torch bfloat16": lambda *where: torch_encoder(torch.bfloat16, *where),
    "torch float32": lambda *where: torch_encoder(torch.float32, *where),
    "onnxruntime float32": onnxruntime_encoder,
    "openvino float32": lambda *where: openvino_encoder("f32", *where),
    "openvino bfloat16": lambda *where: openvino_encoder("bf16", *where),
}
ROWS = ["ours bfloat16", "ours float32", *ENCODERS]


def serve(name, directory, arguments, connection):
    """Measures another program each time it is asked to."""
    encode = ENCODERS[name](directory, arguments)
    encode()  # kernels are made, pages are there
    while connection.recv() == "measure":
        connection.send(timed(encode, arguments))


class Peer:
    """Another program, in a process of its own: memory and threads of one do not touch others."""

    def __init__(self, name, directory, arguments):
        self.connection, other = PROCESSES.Pipe()
        process = PROCESSES.Process(target=serve, args=(name, directory, arguments, other),
                                          daemon=True)
        process.start()
        other.close()

    def __call__(self):
        self.connection.send("measure")
        return self.connection.recv()

    def end(self):
        self.connection.send("end")


def runners(directory, arguments):
    found = {}
    for name in arguments.only.split(",") if arguments.only else ROWS:
        if name.startswith("ours "):
            weights = name.removeprefix("ours ")
            found[name] = lambda weights=weights: run_ours(weights, directory, arguments)
        else:
            found[name] = Peer(name, directory, arguments)
    return found


def processor():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def print_table(rates, magnitudes, arguments):
    print(f"CLIP-L/14-336, {arguments.images} images, {arguments.threads} threads, {processor()}")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, onnxruntime "
          f"{onnxruntime.__version__}, openvino {openvino.__version__}")
    print(f"{'':20} {'images/s':>8} {'best':>6} {'ours bfloat16 /':>16} {'ours float32 /':>15}"
          f" {'magnitude':>10}")
    median = {name: statistics.median(values) for name, values in rates.items()}
    for name in rates:
        ratios = [f"{median[ours] / median[name]:.2f}" if ours in median else ""
                  for ours in ("ours bfloat16", "ours float32")]
        print(f"{name:20} {median[name]:8.3f} {max(rates[name]):6.3f} {ratios[0]:>16} "
              f"{ratios[1]:>15} {magnitudes[name]:10.5f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=pathlib.Path,
                        default=pathlib.Path(tempfile.gettempdir()) / "vlm-merge-bench")
    parser.add_argument("--only", help="names of rows, with commas between them")
    arguments = parser.parse_args()
    directory = arguments.models / "clip-l-14-336"
    for prepare in (make_model, export_onnx):  # the memory they take is given back
        process = PROCESSES.Process(target=prepare, args=(directory, arguments))
        process.start()
        process.join()
    measure = runners(directory, arguments)
    rates = {name: [] for name in measure}
    magnitudes = {}
    for _ in range(arguments.rounds):
        for name, run in measure.items():
            rate, magnitudes[name] = run()
            rates[name].append(rate)
    for run in measure.values():
        if isinstance(run, Peer):
            run.end()
    print_table(rates, magnitudes, arguments)


if __name__ == "__main__":
    main()
