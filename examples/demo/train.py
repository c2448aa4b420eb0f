#!/usr/bin/env python3
"""Trains the demo's 15 models: one scikit-learn pipeline per sensor, from a week of the plant in health.

    cargo run --release --example demo_history > history.csv
    python3 -m pip install scikit-learn
    python3 examples/demo/train.py history.csv examples/demo/models

A model sees one feature, the mean of a sensor's readings over one minute, which is also what the daemon feeds it.
The models in this folder were made with scikit-learn 1.9.1 and numpy 2.4.6; with these the script makes the same bytes.
"""

import csv
import math
import pickle
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

# A wide kernel: the normal range is one stretch without holes, and ends a little beyond what the week showed.
GAMMA = 0.05
# At most this part of the week's minutes may lie outside: about five of 10,080.
NU = 0.0005


def minute_means(path):
    """Reads `TS,Device,Tag,Value` and returns {(device, tag): the mean of each minute, in the order of time}."""
    minutes = defaultdict(lambda: defaultdict(list))
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            minute = row["TS"][: len("2026-03-02 06:00")]
            minutes[row["Device"], row["Tag"]][minute].append(float(row["Value"]))
    return {
        sensor: np.array([math.fsum(values) / len(values) for _, values in sorted(by_minute.items())])
        for sensor, by_minute in minutes.items()
    }


def main(history, models):
    models = Path(models)
    models.mkdir(parents=True, exist_ok=True)
    for (device, tag), means in sorted(minute_means(history).items()):
        rows = means.reshape(-1, 1)
        model = make_pipeline(StandardScaler(), OneClassSVM(kernel="rbf", gamma=GAMMA, nu=NU, tol=1e-9))
        outside = int((model.fit_predict(rows) < 0).sum())
        data = pickle.dumps(model, protocol=4)
        path = models / f"model_{device}_{tag}.pkl"
        path.write_bytes(data)
        vectors = len(model[-1].support_vectors_)
        print(f"{path}: {len(rows)} minutes, {outside} outside, {vectors} support vectors, {len(data)} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
