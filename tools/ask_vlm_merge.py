"""Asks vlm-merge to continue prompts, for the scripts that compare it with other programs."""
import argparse
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/vlm-merge"
VQA_PROMPT = (
    "[INST] <<SYS>>\nあなたは役立つアシスタントです。与えられた画像を下に、質問に答えてください。\n<</SYS>>\n\n"
    "<image>\n{question} [/INST]"
)


def continue_prompts(model, prompts, images, *options):
    """The ids of each continuation. images: a file or None for each prompt."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as lines:
        for number, (prompt, image) in enumerate(zip(prompts, images)):
            line = {"id": str(number), "prompt": prompt}
            if image:
                line["image"] = str(image)
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        lines.flush()
        command = [PROGRAM, "generate", "--model", model, "--input", lines.name, "--json", *map(str, options)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line)["ids"] for line in out.splitlines()]


def expand_image(ids, config):
    """Ids with the placeholder of a picture as often as it has features."""
    token, length = config["image_token_index"], config["image_seq_length"]
    return [i for x in ids for i in ([x] * length if x == token else [x])]


def compare_generations(description, peer, ids_by_peer):
    """The whole of a script that compares greedy ids.

    ids_by_peer(model_dir, prompts, images, max_tokens, dtype) gives the ids and the peer's version."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--prompt", default=VQA_PROMPT)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    data = pathlib.Path(arguments.data)
    items = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()][: arguments.limit]
    prompts = [arguments.prompt.replace("{question}", item["question"]) for item in items]
    images = [data.parent.resolve() / item["image"] if "image" in item else None for item in items]
    ours = continue_prompts(arguments.model, prompts, images, "--max-tokens", arguments.max_tokens,
                            "--weights", arguments.dtype)
    theirs, version = ids_by_peer(arguments.model, prompts, images, arguments.max_tokens, arguments.dtype)
    equal = sum(a == b for a, b in zip(ours, theirs))
    for item, a, b in zip(items, ours, theirs):
        if a != b:
            print(f"{item['id']}: vlm-merge {a} {peer} {b}")
    print(f"{equal} of {len(items)} generations have equal ids ({peer} {version}, {arguments.dtype})")
    raise SystemExit(equal != len(items))
