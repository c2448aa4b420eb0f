#!/usr/bin/env python3
"""Writes the samples of models whose scaler is in a file of its own, or beside the model in one file, as notebooks have
them: detectors that were fitted to scaled rows, and answers to raw ones.

    python3 -m venv venv && venv/bin/pip install scikit-learn pandas joblib && venv/bin/python make_separate.py

The samples need not be written again: they are here so that the tests run without Python.
"""

import pathlib
import pickle

import joblib
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent / "separate"
NAMES = ["mean", "std"]


def readings(seed, rows):
    """Degrees and ampere: far off, and all but constant, for who expects standardised numbers."""
    random = np.random.default_rng(seed)
    return np.column_stack([random.normal(71.0, 4.0, rows), random.normal(0.3, 0.02, rows)]).round(6)


def save(name, content):
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(content, protocol=4))


def answers(name, detector, rows):
    prepared = SCALER.transform(rows)
    columns = {"x0": rows[:, 0], "x1": rows[:, 1], "decision": detector.decision_function(prepared)}
    pd.DataFrame(columns).assign(label=detector.predict(prepared)).to_csv(HERE / f"{name}.csv", index=False)


X = readings(0, 200)
SCALER = StandardScaler().fit(X)
Z = SCALER.transform(X)
ROWS = np.concatenate([readings(1, 32), readings(2, 8) * [1.5, 1.4]])
SVM = OneClassSVM(nu=0.05).fit(Z)
FOREST = IsolationForest(n_estimators=8, max_samples=32, random_state=0).fit(Z)
FACTOR = LocalOutlierFactor(n_neighbors=5, novelty=True).fit(Z[:60])
ENVELOPE = EllipticEnvelope(random_state=0).fit(Z)
CENTRES = KMeans(6, n_init=1, random_state=0).fit(Z)
CENTRES.offset_ = -2.0

save("scaler", SCALER)
for name, detector in {"svm": SVM, "forest": FOREST, "factor": FACTOR, "envelope": ENVELOPE}.items():
    save(name, detector)
    answers(name, detector, ROWS)
save("centres", CENTRES)

# The same detector, in one file with what stands before it.
bundles = HERE / "bundles"
project = PCA(1).fit(Z)
narrow = OneClassSVM(nu=0.05).fit(project.transform(Z))
imputer = SimpleImputer().fit(X)
named = StandardScaler().fit(pd.DataFrame(X, columns=NAMES))
listed = {"metrics": {"auc": 0.93, "losses": [0.5, 0.25]}, "version": "1.2", "rows": np.int64(200), "scaled": True}
good = {
    "dictionary": {"model": SVM, "scaler": SCALER, "features": NAMES, **listed},
    "other_keys": {"preprocessor": SCALER, "clf": SVM, "feature_names": np.array(NAMES)},
    "scaler_first": (SCALER, SVM),
    "model_first": [SVM, SCALER],
    "pairs": [("scale", SCALER), ("detect", SVM)],
    "pipeline": {"pipeline": make_pipeline(SCALER, SVM), "columns": NAMES},
    "twice": {"model": SVM, "detector": SVM, "scaler": SCALER},
    "threshold": {"model": SVM, "scaler": SCALER, "threshold": -0.25},
}
refused = {
    "two_detectors": {"model": SVM, "forest": FOREST, "scaler": SCALER},
    "no_order": {"model": SVM, "imputer": imputer, "scaler": SCALER},
    "scaled_twice": {"model": make_pipeline(SCALER, SVM), "scaler": SCALER},
    "two_scalers": {"model": make_pipeline(SCALER, SVM), "scaler": MinMaxScaler().fit(X)},
    "by_hand": {"model": SVM, "mean": X.mean(axis=0), "std": X.std(axis=0)},
    "hand_scaler": {"model": SVM, "scaler": {"mean": X.mean(axis=0)}},
    "nested": {"press-1": {"model": SVM, "scaler": SCALER}},
    "encoder": {"model": SVM, "scaler": SCALER, "encoder": LabelEncoder().fit(["a", "b"])},
    "other_columns": {"model": SVM, "scaler": named, "features": NAMES[::-1]},
    "few_columns": {"model": SVM, "scaler": SCALER, "features": NAMES[:1]},
    "scalers": [("scale", SCALER), ("range", MinMaxScaler().fit(Z))],
    "nothing": {"version": "1.2"},
}
for folder, files in {"good": good, "refused": refused}.items():
    (bundles / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        joblib.dump(content, bundles / folder / f"{name}.joblib", compress=3)
# Here the order follows from the widths.
joblib.dump({"model": narrow, "pca": project, "scaler": SCALER}, bundles / "projected.joblib", compress=3)
prepared = project.transform(SCALER.transform(ROWS))
columns = {"x0": ROWS[:, 0], "x1": ROWS[:, 1], "decision": narrow.decision_function(prepared)}
pd.DataFrame(columns).assign(label=narrow.predict(prepared)).to_csv(HERE / "projected.csv", index=False)

# Fitted to data frames: both know their columns.
FRAME = pd.DataFrame(X, columns=NAMES)
save("scaler_named", named)
save("svm_named", OneClassSVM(nu=0.05).fit(pd.DataFrame(Z, columns=NAMES)))
save("svm_other_columns", OneClassSVM(nu=0.05).fit(pd.DataFrame(Z, columns=["mean", "max"])))
save("scaler_3d", StandardScaler().fit(np.column_stack([X, X[:, 0]])))
save("projection", project)
save("narrow", narrow)
# Raw readings that lie around 0, as differences do: nothing was scaled.
save("raw_around_zero", OneClassSVM(nu=0.05).fit(np.random.default_rng(3).normal(0.1, 0.9, (200, 1))))
# Of one column, for a daemon: flows of some 40 litres a minute.
flows = np.random.default_rng(4).normal(40.0, 3.0, (200, 1))
flow_scaler = StandardScaler().fit(flows)
save("flow_scaler", flow_scaler)
save("flow_svm", OneClassSVM(nu=0.05).fit(flow_scaler.transform(flows)))
