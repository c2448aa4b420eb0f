#!/usr/bin/env python3
"""Writes sample pipelines of transformers, each with rows and scikit-learn's own decisions about them.

    python3 -m venv venv && venv/bin/pip install scikit-learn pandas pyarrow && venv/bin/python make_transformers.py

As with `make_pickles.py`, they need not be written again. They stand in the folder `transformers`.
"""

import pathlib
import pickle

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent / "transformers"


def rows(seed, missing=False, count=40):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(count, 4)) * [1.0, 5.0, 0.2, 30.0] + [3.0, -10.0, 0.0, 200.0]
    data[:, 0] = np.abs(data[:, 0]) + 0.01
    # A value that comes often makes quantiles that are alike.
    data[::4, 1] = -10.0
    if missing:
        data[rng.random(data.shape) < 0.15] = np.nan
    return data


def write_model(name, model, asked, protocol):
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=protocol))
    with open(HERE / f"{name}.csv", "w", encoding="ascii", newline="\n") as file:
        print(",".join([f"x{i}" for i in range(4)] + ["label", "decision"]), file=file)
        for row, label, decision in zip(np.asarray(asked), model.predict(asked), model.decision_function(asked)):
            print(",".join([*(repr(float(x)) for x in row), str(label), repr(float(decision))]), file=file)


def write(name, *steps, missing=False, protocol=4, positive=False):
    training, asked = rows(1, missing), np.concatenate([rows(2, missing, 8), 1.7 * rows(3, missing, 4)])
    if positive:
        training, asked = np.abs(training), np.abs(asked)
    model = make_pipeline(*steps, OneClassSVM(nu=0.2, gamma="scale")).fit(training)
    write_model(name, model, asked, protocol)


HERE.mkdir(exist_ok=True)
write("min_max", MinMaxScaler((-1, 2), clip=True))
write("max_abs", MaxAbsScaler(), protocol=2)
write("robust", RobustScaler(quantile_range=(10, 80)), "passthrough", None, protocol=3)
write("yeo_johnson", PowerTransformer(), protocol=5)
write("box_cox", PowerTransformer("box-cox", standardize=False), RobustScaler(), positive=True)
write("quantile_uniform", QuantileTransformer(n_quantiles=20))
write("quantile_normal", QuantileTransformer(n_quantiles=7, output_distribution="normal"))
write("pca", PCA(3, whiten=True))
write("imputer", SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), missing=True)
write("imputer_last", RobustScaler(), PowerTransformer(), SimpleImputer(), missing=True)
write("polynomial", StandardScaler(), PolynomialFeatures((2, 3), include_bias=False), StandardScaler())
write("interactions", StandardScaler(), PolynomialFeatures(3, interaction_only=True), MaxAbsScaler())
write("log1p", FunctionTransformer(np.log1p), make_pipeline(FunctionTransformer(np.sqrt)), positive=True, protocol=2)
write(
    "columns",
    ColumnTransformer(
        [
            ("a", make_pipeline(SimpleImputer(), make_pipeline(StandardScaler(), "passthrough")), [3, 0]),
            ("b", "drop", [False, False, True, False]),
            ("c", StandardScaler(), []),
        ],
        remainder=SimpleImputer(strategy="most_frequent"),
    ),
    StandardScaler(),
    missing=True,
)
write(
    "columns_nested",
    ColumnTransformer(
        [
            ("a", FunctionTransformer(np.abs), slice(1)),
            ("b", ColumnTransformer([("x", PCA(1), [0, -1])], remainder="passthrough"), slice(-3, None)),
        ],
        transformer_weights={"a": 0.5},
    ),
    RobustScaler(),
    protocol=3,
)
write("union", FeatureUnion([("a", StandardScaler()), ("b", PCA(2)), ("c", "passthrough")]), MinMaxScaler())

# Fitted to a pandas frame, whose columns are named as a list and a slice, or by pandas' own indexes.
NAMES = ["current", "flow", "pressure", "speed"]
frame = pd.DataFrame(rows(1), columns=NAMES)
listed = [("a", StandardScaler(), ["current", "pressure"]), ("b", MinMaxScaler(), slice("speed", None))]
indexed = [("a", StandardScaler(), frame.columns[[2, 0]]), ("b", MinMaxScaler(), pd.Series(["speed"]))]
for name, columns, protocol in [("columns_named", listed, 4), ("columns_index", indexed, 5)]:
    named = Pipeline([("columns", ColumnTransformer(columns)), ("detector", OneClassSVM(nu=0.2))]).fit(frame)
    write_model(name, named, pd.DataFrame(rows(2, count=8), columns=NAMES), protocol)

# No answers: scikit-learn rounds its own to float32.
single = make_pipeline(PCA(2), OneClassSVM()).fit(rows(1).astype(np.float32))
(HERE / "pca_single.pkl").write_bytes(pickle.dumps(single, protocol=4))
refused = make_pipeline(Normalizer(), OneClassSVM()).fit(rows(1))
(HERE / "refused_normalizer.pkl").write_bytes(pickle.dumps(refused, protocol=4))
