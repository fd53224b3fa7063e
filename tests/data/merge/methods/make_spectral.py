"""Expected values of tsv_m and iso_c in float64 (numpy 2.4): writes spectral.json beside itself."""

import json
import pathlib

import numpy as np


def polar(matrix):
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right


def tsv_m(deltas):
    count = max(1, min(deltas[0].shape) // len(deltas))
    left, values, right = [], [], []
    for delta in deltas:
        u, s, vt = np.linalg.svd(delta, full_matrices=False)
        left.append(u[:, :count])
        values.append(s[:count])
        right.append(vt[:count].T)
    return polar(np.hstack(left)) @ np.diag(np.hstack(values)) @ polar(np.hstack(right)).T


def iso_c(deltas):
    total = sum(deltas)
    values = np.linalg.svd(total, compute_uv=False)
    return 1.5 * values.mean() * polar(total)


random = np.random.default_rng(14)
cases = []
for models, shape in ((2, (6, 9)), (3, (9, 7)), (2, (5, 5))):
    deltas = [random.standard_normal(shape).astype(np.float32).astype(np.float64)
              for _ in range(models)]
    for method in (tsv_m, iso_c):
        cases.append({"method": method.__name__,
                      "task_vectors": [delta.tolist() for delta in deltas],
                      "merged": method(deltas).tolist()})
target = pathlib.Path(__file__).with_name("spectral.json")
target.write_text(json.dumps({"cases": cases}) + "\n")
