#!/usr/bin/env python3
"""Writes one small model in every format that keeps scikit-learn's objects, and scikit-learn's own answers to some rows.

    python3 -m venv venv && venv/bin/pip install scikit-learn skops joblib lz4 && venv/bin/python make_formats.py

The samples need not be written again: they are here so that the tests run without Python.
"""

import lzma
import pathlib
import pickle
import zipfile

import joblib
import numpy as np
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent


def rows(seed, count):
    return 20.0 + 5.0 * np.random.default_rng(seed).normal(size=(count, 2)) * [1.0, 2.0]


model = Pipeline([("scaler", StandardScaler()), ("detector", OneClassSVM(nu=0.2, gamma=0.3))]).fit(rows(1, 30))
table = np.concatenate([rows(2, 20), 40.0 * rows(3, 4)])
with open(HERE / "answers.csv", "w", encoding="ascii", newline="\n") as file:
    print("x0,x1,label,decision", file=file)
    for row, label, decision in zip(table, model.predict(table), model.decision_function(table)):
        print(",".join([repr(float(x)) for x in row] + [str(int(label)), repr(float(decision))]), file=file)

# Columns with names are an array of Python's values, which joblib writes as a pickle within the pickle.
model[0].feature_names_in_ = np.array(["temperature", "pressure"], dtype=object)
model[1].support_vectors_ = np.asfortranarray(model[1].support_vectors_)

(HERE / "plain.pkl").write_bytes(pickle.dumps(model, protocol=5))
joblib.dump(model, HERE / "plain.joblib")
joblib.dump(model, HERE / "protocol_2.joblib", protocol=2)
for method in ["zlib", "gzip", "bz2", "lzma", "xz", "lz4"]:
    joblib.dump(model, HERE / f"{method}.joblib", compress=(method, 3))
skops.io.dump(model, HERE / "stored.skops")
skops.io.dump(model, HERE / "deflated.skops", compression=zipfile.ZIP_DEFLATED)

# A pickle of 80 MiB of zeros, as 12 KiB: what no model takes to read.
bomb = b"\x80\x05B\xff\xff\xff\xff" + bytes(80 << 20)
for name, form in [("lzma", lzma.FORMAT_ALONE), ("xz", lzma.FORMAT_XZ)]:
    (HERE.parent / "bombs" / f"zeros.{name}").write_bytes(lzma.compress(bomb, format=form, preset=6))
