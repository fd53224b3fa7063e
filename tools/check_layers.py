#!/usr/bin/env python3
"""Fails if a folder includes another that the layer table (ARCHITECTURE.md) does not allow."""
import pathlib
import re
import sys

PARTS = {"core", "tensor"}
MODEL = PARTS | {"checkpoint", "vision", "projector", "language"}
EVAL = {"core", "tensor", "datasets", "model"}
EVERYTHING = MODEL | {"merge", "evolve", "datasets", "model", "eval"}
ALLOWED = {
    "core": set(),
    "tensor": {"core"},
    "checkpoint": PARTS,
    "vision": PARTS,
    "projector": PARTS,
    "language": PARTS,
    "merge": PARTS | {"checkpoint"},
    "evolve": {"core"},
    "datasets": {"core"},
    "model": MODEL,
    "eval": EVAL,
    "search": EVERYTHING,
    "cli": EVERYTHING | {"search"},
}
root = pathlib.Path(__file__).resolve().parent.parent
bad = 0
for folder, allowed in ALLOWED.items():
    for path in sorted((root / folder).glob("**/*")):
        if path.suffix not in {".h", ".cc"}:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^/"]+)/', line)
            if found and found[1] != folder and found[1] not in allowed:
                print(f"{path.relative_to(root)}:{number}: {folder}/ may not include {found[1]}/")
                bad += 1
            elif re.match(r'\s*#\s*include\s+"[^/]+"', line):
                print(f'{path.relative_to(root)}:{number}: include by folder, as in "core/error.h"')
                bad += 1
sys.exit(bad > 0)
