#!/usr/bin/env python3
"""Time, share of merging and peak memory of a parameter-space search on the bundled VLM.

usage: bench/measure_search.py [--trials 40] [--items 100] [--threads N]

Runs examples/ja-vlm.yaml with half of the items from each of its benchmarks, without the final
measurement, in a directory that is removed afterwards. Needs a Release build.
"""
import argparse
import pathlib
import re
import resource
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def limited_search(items):
    text = (ROOT / "examples/ja-vlm.yaml").read_text(encoding="utf-8")
    text = text[: text.index("\ntest:")] + "\n"
    return re.sub(r"(metric: \w+), weight: 1}", rf"\1, weight: 1, limit: {items // 2}}}", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        search = pathlib.Path(folder) / "search.yaml"
        search.write_text(limited_search(arguments.items), encoding="utf-8")
        command = [ROOT / "build/release/vlm-merge", "search", search, "--quiet"]
        command += ["--study", f"{folder}/study.db", "--trials", str(arguments.trials)]
        if arguments.threads:
            command += ["--threads", str(arguments.threads)]
        start = time.monotonic()
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        seconds = time.monotonic() - start
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    evaluations = arguments.trials * arguments.items
    print(result.stdout.splitlines()[0])
    print(f"{arguments.trials} candidates x {arguments.items} items: {seconds:.1f} s, "
          f"{evaluations / seconds:.0f} answers/s, peak memory {peak_mb:.0f} MB (mapped files included)")


if __name__ == "__main__":
    main()
