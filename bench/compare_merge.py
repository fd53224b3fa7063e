#!/usr/bin/env python3
"""Compares the speed of `vlm-merge merge` with mergekit and with cp, as whole commands.

usage: compare_merge.py MODELS [--methods NAME,...] [--threads N] [--rounds N] [--peer-rounds N]
                        [--mergekit PROGRAM] [--cold] [--out DIR] [--json FILE]

MODELS is what bench/make_merge_models.py wrote. The same recipes, the same files, read once before
so that they are in the page cache, the same number of threads. For each method the table has the
shortest wall time of each side, the processor time (user and system) of that run, the ratios of
both, the bytes that a merge must read and write per second, and the peak memory without mapped
files (RssAnon, sampled from /proc). `cp` is timed on one model, with and without a flush to the
disk; a merge of ours ends with one, mergekit's does not. With --cold nothing is in the page cache:
it is emptied before each run (root only), and `cat` of the inputs is the limit. Needs: tools/build;
pip install mergekit.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TASK = "base_model: {base}\nmodels:\n{tuned}"
RECIPES = {
    "linear": "models:\n{linear}",
    "task_arithmetic": TASK,
    "slerp": "base_model: {base}\nmodels:\n- model: {base}\n- model: {a}\nparameters: {{t: 0.4}}\n",
    "nuslerp": "models:\n- {{model: {a}, parameters: {{weight: 0.6}}}}\n"
               "- {{model: {b}, parameters: {{weight: 0.4}}}}\n",
    "model_stock": "base_model: {base}\nmodels:\n- model: {a}\n- model: {b}\n- model: {c}\n",
    "ties": TASK,
    "dare_ties": TASK,
    "della": TASK + "parameters: {{epsilon: 0.1}}\n",
    "breadcrumbs": TASK + "parameters: {{gamma: 0.01}}\n",
}
MODELS_READ = {"linear": 3, "slerp": 2, "nuslerp": 2}  # others: 4


def write_recipe(method, models, folder):
    paths = {name: models / name for name in ("base", "a", "b", "c")}
    tuned = "".join(f"- {{model: {paths[m]}, parameters: {{weight: 0.4, density: 0.5}}}}\n"
                    for m in "abc")
    linear = "".join(f"- {{model: {paths[m]}, parameters: {{weight: {w}}}}}\n"
                     for m, w in zip("abc", (0.5, 0.3, 0.2)))
    text = f"merge_method: {method}\n" + RECIPES[method].format(tuned=tuned, linear=linear, **paths)
    file = folder / f"{method}.yml"
    file.write_text(text + "dtype: bfloat16\n")
    return file


def watch_memory(process, peak):
    while process.poll() is None:
        try:
            text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            return
        found = re.search(r"RssAnon:\s+(\d+) kB", text)
        peak[0] = max(peak[0], int(found.group(1)) * 1024 if found else 0)
        time.sleep(0.005)


def run(command, environment=None):
    """Wall seconds, processor seconds, peak anonymous bytes of a command."""
    peak = [0]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, env=environment, text=True)
    watcher = threading.Thread(target=watch_memory, args=(process, peak))
    watcher.start()
    errors = process.stderr.read()
    process.wait()
    wall = time.perf_counter() - start
    watcher.join()
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{errors}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "peak": peak[0]}


def empty_page_cache():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")


def best(rounds, command, target, environment=None, before=lambda: None):
    runs = []
    for _ in range(rounds):
        shutil.rmtree(target, ignore_errors=True)
        before()
        runs.append(run(command, environment))
    shutil.rmtree(target, ignore_errors=True)
    fastest = min(runs, key=lambda r: r["wall"])
    fastest["peak"] = max(r["peak"] for r in runs)
    return fastest


def time_copy(file, out, rounds):
    """Seconds of cp, and of cp with a flush."""
    target = out / "copy.safetensors"
    plain, flushed = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(["cp", file, target], check=True)
        plain.append(time.perf_counter() - start)
        with open(target, "rb") as copy:
            os.fsync(copy.fileno())
        flushed.append(time.perf_counter() - start)
        target.unlink()
    return min(plain), min(flushed)


def machine():
    found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("--methods", default=",".join(RECIPES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-rounds", type=int, default=2)
    parser.add_argument("--mergekit", default="mergekit-yaml", help="'' leaves it out")
    parser.add_argument("--program", default=ROOT / "build/release/vlm-merge")
    parser.add_argument("--cold", action="store_true", help="empty the page cache before each run")
    parser.add_argument("--out", type=pathlib.Path, help="folder for results (default: MODELS/out)")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    models = arguments.models.resolve()
    out = arguments.out or models / "out"
    out.mkdir(parents=True, exist_ok=True)
    inputs = [models / name / "model.safetensors" for name in ("base", "a", "b", "c")]
    before = empty_page_cache if arguments.cold else lambda: None
    before()
    start = time.perf_counter()
    subprocess.run(["cat", *inputs], check=True, stdout=subprocess.DEVNULL)  # into the page cache
    if arguments.cold:
        print(f"cat of the {len(inputs)} inputs {time.perf_counter() - start:.2f} s")
    size = (models / "base/model.safetensors").stat().st_size
    copy, copy_flushed = time_copy(models / "base/model.safetensors", out, arguments.rounds)
    print(f"{machine()}, {arguments.threads} threads, {size / 1e9:.2f} GB a model")
    print(f"cp {copy:.2f} s, with flush {copy_flushed:.2f} s")
    environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads), HF_HUB_OFFLINE="1",
                       CUDA_VISIBLE_DEVICES="")
    results = {"cp": copy, "cp_flushed": copy_flushed, "threads": arguments.threads, "methods": {}}
    for method in arguments.methods.split(","):
        recipe = write_recipe(method, models, out)
        ours = best(arguments.rounds, [arguments.program, "merge", recipe, out / "ours", "--quiet",
                                       "--threads", arguments.threads], out / "ours", before=before)
        bytes_moved = size * (MODELS_READ.get(method, 4) + 1)
        line = (f"{method:16} {ours['wall']:7.2f} s  cpu {ours['cpu']:7.2f} s  "
                f"{bytes_moved / ours['wall'] / 1e9:5.1f} GB/s  {ours['wall'] / copy:5.1f} x cp  "
                f"{ours['wall'] / copy_flushed:5.1f} x cp+flush  {ours['peak'] / 1e6:6.0f} MB")
        results["methods"][method] = {"ours": ours}
        if arguments.mergekit:
            theirs = best(arguments.peer_rounds, [arguments.mergekit, recipe, out / "theirs",
                                                   "--no-copy-tokenizer", "-j", arguments.threads],
                          out / "theirs", environment, before)
            line += (f"  mergekit {theirs['wall']:7.1f} s  cpu {theirs['cpu']:7.1f} s  "
                     f"{theirs['peak'] / 1e6:6.0f} MB  ratio {theirs['wall'] / ours['wall']:6.1f}  "
                     f"cpu {theirs['cpu'] / ours['cpu']:6.1f}")
            results["methods"][method]["mergekit"] = theirs
        print(line, flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
