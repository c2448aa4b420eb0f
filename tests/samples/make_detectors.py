#!/usr/bin/env python3
"""Writes the sample detectors beside one-class SVMs, each with rows and scikit-learn's own answers to them.

    python3 -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python make_detectors.py

Those of old versions come from `make_old.py`.

The samples need not be written again: they are here so that the tests run without Python.
"""

import pathlib
import pickle

import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).resolve().parent / "detectors"


def training(features, seed, rows=60):
    rng = np.random.default_rng(seed)
    return 20.0 + 5.0 * rng.normal(size=(rows, features)) * np.arange(1, features + 1)


def save(name, protocol, model):
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=protocol))


def write(name, protocol, model, features, seed, decimals=12, lacking=None):
    """Of `lacking` the first is the share of numbers that training lacks, the second that of the rows that are asked."""
    train, near, far = (training(features, seed + i, rows).round(decimals) for i, rows in enumerate([60, 16, 4]))
    rows = np.concatenate([train[:8], near, 40.0 * far])
    for numbers, share in zip([train, rows], lacking or []):
        numbers[np.random.default_rng(seed).random(numbers.shape) < share] = np.nan
    model.fit(train)
    save(name, protocol, model)
    answers(name, rows, model.predict(rows), model.decision_function(rows))


def answers(name, rows, labels, decisions):
    features = rows.shape[1]
    with open(HERE / f"{name}.csv", "w", encoding="ascii", newline="\n") as file:
        print(",".join([f"x{i}" for i in range(features)] + ["label", "decision"]), file=file)
        for row, label, decision in zip(rows, labels, decisions):
            print(",".join([repr(float(x)) for x in row] + [str(int(label)), repr(float(decision))]), file=file)


def forest(**settings):
    return IsolationForest(**{"n_estimators": 5, "max_samples": 16, "random_state": 3, **settings})


def factor(**settings):
    return LocalOutlierFactor(**{"n_neighbors": 5, "novelty": True, **settings})


HERE.mkdir(exist_ok=True)
write("forest_p2", 2, forest(), 2, 10)
write("forest_some_features", 3, forest(max_features=0.5, bootstrap=True), 4, 20)
write("forest_contamination", 4, make_pipeline(StandardScaler(), forest(contamination=0.1)), 2, 30)
write("forest_one_row", 5, forest(max_samples=1), 1, 40)
# From 1.6 on a forest answers rows that lack numbers, whether or not it was trained on such.
write("forest_lacking", 4, forest(), 3, 44, lacking=[0.2, 0.3])
write("forest_asked_of_lacking", 4, make_pipeline(StandardScaler(), forest(max_features=0.7)), 3, 47, lacking=[0.0, 0.3])
write("factor_kd_tree", 4, factor(), 2, 50)
write("factor_brute_manhattan", 3, factor(metric="manhattan", algorithm="brute", contamination=0.1), 3, 60)
write("factor_minkowski", 5, factor(p=3), 2, 70)
# Rows of whole numbers are equally far from many others: which of them count as the nearest decides the answer.
write("factor_ties_kd_tree", 4, factor(leaf_size=6), 2, 80, decimals=-1)
write("factor_ties_kd_tree_manhattan", 4, factor(leaf_size=4, metric="manhattan"), 3, 81, decimals=0)
# A BallTree comes to them in another order.
ball_tree = {"algorithm": "ball_tree", "leaf_size": 4}
write("factor_ties_ball_tree", 4, factor(**ball_tree), 2, 82, decimals=0)
write("factor_ties_ball_tree_manhattan", 5, factor(**ball_tree, metric="manhattan"), 2, 83, decimals=0)
write("factor_ties_ball_tree_chebyshev", 3, factor(**ball_tree, metric="chebyshev"), 3, 84, decimals=0)
write("factor_ties_ball_tree_minkowski", 2, factor(**ball_tree, p=3), 2, 85, decimals=0)
write("factor_ties_brute", 4, factor(algorithm="brute"), 2, 80, decimals=-1)
write("envelope", 4, EllipticEnvelope(random_state=3), 3, 90)
save("refused_not_novelty", 4, LocalOutlierFactor(n_neighbors=5).fit(training(1, 100)))
save("refused_cosine", 4, factor(metric="cosine").fit(training(2, 110)))
save("refused_no_precision", 4, EllipticEnvelope(random_state=3, store_precision=False).fit(training(2, 120)))
