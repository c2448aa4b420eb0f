#!/usr/bin/env python3
"""Writes pickles that people hand over, and that are no model to be put to work.

    python3 -m venv venv && venv/bin/pip install scikit-learn pandas joblib && venv/bin/python make_foreign.py

The samples need not be written again: they are here so that the tests run without Python.
"""

import pathlib
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR, OneClassSVM

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).resolve().parent
X = np.random.default_rng(1).normal(20.0, 2.0, (12, 2)).round(2)
y = (X[:, 0] > 20.0).astype(int)


class Detector:
    def __init__(self):
        self.model = OneClassSVM(nu=0.2).fit(X)


def clean(x):
    return np.clip(x, 0.0, 100.0)


for name, what in {
    "lof_not_novelty": LocalOutlierFactor(n_neighbors=3).fit(X),
    "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
    "random_forest": RandomForestClassifier(n_estimators=2, max_depth=2, random_state=0).fit(X, y),
    "ridge": Ridge().fit(X, y),
    "svr": SVR().fit(X, y),
    "own_class": Detector(),
    "own_function": make_pipeline(FunctionTransformer(clean), OneClassSVM(nu=0.2)).fit(X),
    "array": X,
    "frame": pd.DataFrame(X, columns=["a", "b"]),
}.items():
    joblib.dump(what, HERE / f"{name}.joblib")
for protocol in (0, 1):
    with open(HERE / f"protocol_{protocol}.pkl", "wb") as file:
        pickle.dump(OneClassSVM(nu=0.2).fit(X), file, protocol=protocol)
