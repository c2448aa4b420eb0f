#!/usr/bin/env python3
"""Writes sample models whose sums cancel, each beside scikit-learn's own answers, in the folder `proofs`.

    python3 -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python make_proofs.py

As with the others, they need not be written again.
"""

import pathlib
import pickle

import numpy as np
from sklearn.cluster import KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, PowerTransformer, StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent / "proofs"
HERE.mkdir(exist_ok=True)
RANDOM = np.random.default_rng(0)
MEAN = [101325.0, 1500.0]


def readings(rows, spread=1.0):
    """Pressure in pascal, and turns a minute."""
    return RANDOM.normal(MEAN, [30.0 * spread, 5.0 * spread], (rows, 2))


TRAINING = readings(100)
ASKED = np.concatenate([TRAINING[:20], readings(20, 3.0)])


def write(name, model, decisions, labels):
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=4))
    with open(HERE / f"{name}.expect.csv", "w", encoding="ascii", newline="\n") as file:
        print("x0,x1,decision,label", file=file)
        for row, decision, label in zip(ASKED, decisions, labels):
            print(",".join([*(repr(float(x)) for x in row), repr(float(decision)), str(int(label))]), file=file)


def write_error(name, model, error):
    """A detector of an error, whose boundary is that of one of the rows that are asked: its decision is a tie."""
    model[-1].offset_ = -np.sort(error)[-10]
    decisions = -error - model[-1].offset_
    write(name, model, decisions, np.where(decisions < 0, -1, 1))


def write_detector(name, *steps, training=TRAINING):
    model = make_pipeline(*steps).fit(training)
    write(name, model, model.decision_function(ASKED), model.predict(ASKED))


model = make_pipeline(KMeans(3, n_init=1, random_state=0)).fit(TRAINING)
write_error("kmeans", model, model.transform(ASKED).min(axis=1))
model = make_pipeline(PCA(1)).fit(TRAINING)
back = model[-1].inverse_transform(model.transform(ASKED))
write_error("reconstruction", model, ((ASKED - back) ** 2).mean(axis=1))
# Behind a scaler the support vectors of the linear kernel cancel: nothing is left but rounding.
apart = readings(3) - MEAN
write_detector("linear", StandardScaler(), OneClassSVM(kernel="linear", nu=0.2), training=MEAN + np.concatenate([apart, -apart] * 10))
write_detector("polynomial", OneClassSVM(kernel="poly", degree=3, nu=0.2))
write_detector("projection", PCA(2, whiten=True), OneClassSVM(nu=0.2, gamma=0.5))
write_detector("products", PolynomialFeatures(3), StandardScaler(), OneClassSVM(nu=0.2, gamma=0.05))
write_detector("power", PowerTransformer(), OneClassSVM(nu=0.2, gamma=0.5))
write_detector("logarithm", FunctionTransformer(np.log1p), StandardScaler(), OneClassSVM(nu=0.2, gamma=0.5))
write_detector("envelope", PolynomialFeatures(2, include_bias=False), EllipticEnvelope(random_state=3))
write_detector("neighbours", LocalOutlierFactor(5, algorithm="brute", novelty=True))
