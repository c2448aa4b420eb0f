#!/usr/bin/env python3
"""Writes samples with versions of scikit-learn and numpy that compute or write otherwise than newer ones.

Python 3.6 still runs them:

    for version in 0.18.2 0.19.2 0.20.4; do
        python3.6 -m venv $version && $version/bin/pip install scikit-learn==$version scipy==1.2.3 numpy==1.16.6
        $version/bin/python make_old.py
    done

As with the others, they need not be written again. They stand in the folders `detectors` and `transformers`.
"""

import pathlib
import pickle

import numpy as np
import sklearn
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent
VERSION = "_".join(sklearn.__version__.split(".")[:2])


def write(folder, name, model, asked, protocol=2):
    path = HERE / folder / "{}_of_{}".format(name, VERSION)
    path.with_suffix(".pkl").write_bytes(pickle.dumps(model, protocol=protocol))
    with open(str(path) + ".csv", "w", encoding="ascii", newline="\n") as file:
        print(",".join(["x{}".format(i) for i in range(asked.shape[1])] + ["label", "decision"]), file=file)
        for row, label, decision in zip(asked, model.predict(asked), model.decision_function(asked).ravel()):
            print(",".join([repr(float(x)) for x in row] + [str(int(label)), repr(float(decision))]), file=file)


def detectors():
    random = np.random.RandomState(130)
    training, asked = random.normal(20, 2, (60, 2)), random.normal(20, 3, (16, 2))
    write("detectors", "forest", IsolationForest(5, 16, 0.3, random_state=3).fit(training), asked)
    if VERSION != "0_18":
        # Trees of two rows, and of some of the features each.
        pairs = {"max_features": 0.5, "max_samples": 2, "n_estimators": 8, "random_state": 3}
        write("detectors", "forest_of_pairs", IsolationForest(**pairs).fit(training), asked, 3)
    if VERSION == "0_19":
        write("detectors", "envelope", EllipticEnvelope(random_state=3).fit(training), asked)
    if VERSION == "0_20":
        settings = {"behaviour": "new", "contamination": 0.2}
        write("detectors", "forest_of_new_behaviour", IsolationForest(5, 16, random_state=3, **settings).fit(training), asked)


def transformers():
    from sklearn.preprocessing import QuantileTransformer

    random = np.random.RandomState(131)
    training, asked = random.normal(0, 1, (40, 4)), random.normal(0, 3, (12, 4))
    asked[0] = training.min(axis=0)
    asked[1] = training.max(axis=0)
    asked[2] = training.min(axis=0) + 5e-8
    # Scaled up so far that a ten-millionth is seen in the decisions.
    for output in "uniform", "normal":
        steps = QuantileTransformer(7, output), RobustScaler(quantile_range=(49.9, 50.1))
        model = make_pipeline(*steps, OneClassSVM(nu=0.2, gamma=1e-5)).fit(training)
        write("transformers", "quantile_" + output, model, asked)
    # numpy before 1.20 writes its functions as a call.
    functions = [FunctionTransformer(f, validate=True) for f in (np.abs, np.sqrt, np.log1p, np.log)]
    functions[2].inverse_func = np.expm1
    model = make_pipeline(*functions, RobustScaler(), OneClassSVM(nu=0.2, gamma=0.1)).fit(np.exp(training))
    write("transformers", "functions", model, np.exp(asked), 4)


detectors()
if VERSION != "0_18":
    transformers()
