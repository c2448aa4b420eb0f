"""Writes a model of robust statistics in anomalyd's own format with numpy and safetensors alone, and its answers."""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent
rng = np.random.default_rng(0)
history = rng.normal([20.0, 1.5, -300.0], [2.0, 0.1, 40.0], size=(500, 3))

# The ten lines.
median = np.median(history, axis=0)
mad = np.median(np.abs(history - median), axis=0)
description = {
    "format": 1,
    "detector": {"robust_statistics": {"rule": "mad", "offset": -3.5}},
    "features": ["temperature", "vibration", "pressure"],
    "library": "numpy", "library_version": np.__version__, "training_rows": len(history),
}
save_file({"detector.median": median, "detector.mad": mad}, FOLDER / "robust_by_python.safetensors",
          metadata={"anomalyd": json.dumps(description)})

rows = np.vstack([history[:10], history[:10] + rng.normal(size=(10, 3)) * [10, 0.5, 200]])
decision = 3.5 - (np.abs(rows - median) / (1.4826 * mad)).max(axis=1)
with open(FOLDER / "robust_by_python.csv", "w") as file:
    print("x0,x1,x2,label,decision", file=file)
    for row, value in zip(rows, decision):
        print(*(repr(float(x)) for x in row), 1 if value >= 0 else -1, repr(float(value)), sep=",", file=file)
