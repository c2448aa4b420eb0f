#!/usr/bin/env python3
"""Writes the sample models of this folder, each with rows and scikit-learn's own answers to them.

    python3 -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python make_pickles.py

The samples need not be written again: they are here so that the tests run without Python. A new version of
scikit-learn gives new files, which must pass as well.
"""

import pathlib
import pickle

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent


def pipeline(scaler, **svm):
    return Pipeline([("scaler", scaler), ("detector", OneClassSVM(kernel="rbf", **svm))])


def training(features, seed, rows=60):
    rng = np.random.default_rng(seed)
    return 20.0 + 5.0 * rng.normal(size=(rows, features)) * np.arange(1, features + 1)


def write(name, protocol, model, features, seed, layout=np.asarray):
    model.fit(training(features, seed))
    # Other machines and other ways to fit lay the same numbers out differently.
    detector = model[-1] if isinstance(model, Pipeline) else model
    detector.support_vectors_ = layout(detector.support_vectors_)
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=protocol))
    detector.support_vectors_ = np.ascontiguousarray(detector.support_vectors_, dtype=float)
    rows = np.concatenate([training(features, seed + 1, 20), 40.0 * training(features, seed + 2, 4)])
    with open(HERE / f"{name}.csv", "w", encoding="ascii", newline="\n") as file:
        print(",".join([f"x{i}" for i in range(features)] + ["label", "decision"]), file=file)
        for row, label, decision in zip(rows, model.predict(rows), model.decision_function(rows)):
            print(",".join([repr(float(x)) for x in row] + [str(int(label)), repr(float(decision))]), file=file)


write("p2_scale_1d", 2, pipeline(StandardScaler(), nu=0.1, gamma="scale"), 1, 10)
write("p3_auto_3d", 3, pipeline(StandardScaler(), nu=0.2, gamma="auto"), 3, 20)
write("p4_number_2d", 4, pipeline(StandardScaler(), nu=0.1, gamma=0.3), 2, 30)
write("p5_scale_2d", 5, pipeline(StandardScaler(), nu=0.1, gamma="scale"), 2, 40)
write("p4_no_mean_2d", 4, pipeline(StandardScaler(with_mean=False), nu=0.1, gamma=0.1), 2, 50)
write("p3_no_std_2d", 3, pipeline(StandardScaler(with_std=False), nu=0.1, gamma="scale"), 2, 60)
write("p4_bare_1d", 4, OneClassSVM(nu=0.1, gamma="scale"), 1, 70)
write("p5_column_major_3d", 5, OneClassSVM(nu=0.1, gamma="scale"), 3, 80, np.asfortranarray)
write("p3_column_major_2d", 3, OneClassSVM(nu=0.1, gamma="scale"), 2, 81, np.asfortranarray)
write("p4_big_endian_2d", 4, OneClassSVM(nu=0.1, gamma="scale"), 2, 82, lambda array: array.astype(">f8"))
write("p4_one_vector_1d", 4, pipeline(StandardScaler(), nu=0.001, gamma=0.01), 1, 90)


# A model fitted to a pandas frame keeps its column names as an array of Python values.
named = pipeline(StandardScaler(), nu=0.1, gamma="scale")
named.fit(training(2, 100))
for _, step in named.steps:
    step.feature_names_in_ = np.array(["temperature", "pressure"], dtype=object)
(HERE / "named_columns.pkl").write_bytes(pickle.dumps(named, protocol=4))
