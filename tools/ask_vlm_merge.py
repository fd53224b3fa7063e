"""Asks vlm-merge to continue prompts, for the scripts that compare it with other programs."""
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
