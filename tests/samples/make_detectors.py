#!/usr/bin/env python3
"""Writes the sample detectors beside one-class SVMs, each with rows and scikit-learn's own answers to them.

    python3 -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python make_detectors.py

The samples need not be written again: they are here so that the tests run without Python.
"""

import pathlib
import pickle

import numpy as np
import sklearn.base
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


def write(name, protocol, model, features, seed, decimals=12):
    train, near, far = (training(features, seed + i, rows).round(decimals) for i, rows in enumerate([60, 16, 4]))
    model.fit(train)
    save(name, protocol, model)
    rows = np.concatenate([train[:8], near, 40.0 * far])
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


def old_forest():
    """A forest as 0.19 kept and evaluated it: no scikit-learn that wrote such still runs."""

    def path_length(n):
        return np.where(n <= 1, 1.0, 2.0 * (np.log(n) + 0.5772156649) - 2.0 * (n - 1.0) / n)

    model = forest().fit(training(2, 130))
    rows = training(2, 131, 16)
    ends = [(tree.decision_path(rows).sum(axis=1).A1 - 1, tree.tree_.n_node_samples[tree.apply(rows)])
            for tree in model.estimators_]
    depth = np.mean([depths + path_length(samples) for depths, samples in ends], axis=0)
    decisions = 0.5 - 2.0 ** (-depth / path_length(model.max_samples_))
    model.threshold_ = np.sort(decisions)[4] + 1e-6
    del model.offset_
    save("forest_of_0_19", 2, model)
    answers("forest_of_0_19", rows, np.where(decisions <= model.threshold_, -1, 1), decisions)


def old_envelope():
    """An envelope as 0.19 kept and evaluated it."""
    model = EllipticEnvelope(random_state=3).fit(training(2, 140))
    rows = training(2, 141, 16)
    model.threshold_ = -model.offset_
    del model.offset_
    distances = model.mahalanobis(rows)
    save("envelope_of_0_19", 2, model)
    labels = np.where(distances <= model.threshold_, 1, -1)
    answers("envelope_of_0_19", rows, labels, model.threshold_**0.33 - distances**0.33)


HERE.mkdir(exist_ok=True)
write("forest_p2", 2, forest(), 2, 10)
write("forest_some_features", 3, forest(max_features=0.5, bootstrap=True), 4, 20)
write("forest_contamination", 4, make_pipeline(StandardScaler(), forest(contamination=0.1)), 2, 30)
write("forest_one_row", 5, forest(max_samples=1), 1, 40)
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

version, sklearn.base.__version__ = sklearn.base.__version__, "0.19.2"
old_forest()
old_envelope()
sklearn.base.__version__ = version
