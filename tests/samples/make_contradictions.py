#!/usr/bin/env python3
"""Writes samples whose attributes do not fit each other, or hold what nobody reads, each in the folder `contradictions`.

    python3 -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python make_contradictions.py

Each is a fitted model of which one thing was changed. `refused_*` cannot be evaluated as scikit-learn would; the others
can, and stand beside the answers that were given before the change. As with the others, they need not be written again.
"""

import pathlib
import pickle

import numpy as np
from sklearn.cluster import KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.neighbors import LocalOutlierFactor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, QuantileTransformer, StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent / "contradictions"
HERE.mkdir(exist_ok=True)
RANDOM = np.random.default_rng(7)
TRAINING = RANDOM.normal([20.0, 5.0], [2.0, 1.0], (40, 2))
ASKED = RANDOM.normal([20.0, 5.0], [4.0, 2.0], (12, 2))


class Altered:
    """Is written as an object of a compiled class with another state."""

    def __init__(self, of, change):
        self.of, self.change = of, change

    def __reduce__(self):
        make, arguments, state, *_ = self.of.__reduce__()
        return make, arguments, self.change(state)


def refused(name, model, **changes):
    for attribute, value in changes.items():
        setattr(model[-1] if attribute in vars(model[-1]) else model[0], attribute, value)
    (HERE / f"refused_{name}.pkl").write_bytes(pickle.dumps(model, protocol=4))


def accepted(name, model, decisions=None, **changes):
    decisions = model.decision_function(ASKED) if decisions is None else decisions
    with open(HERE / f"{name}.csv", "w", encoding="ascii", newline="\n") as file:
        print("x0,x1,label,decision", file=file)
        for row, decision in zip(ASKED, decisions):
            label = 1 if decision > 0 else -1
            print(",".join([*(repr(float(x)) for x in row), str(label), repr(float(decision))]), file=file)
    for attribute, value in changes.items():
        step = model[-1] if attribute in vars(model[-1]) else model[0]
        if value is None:
            delattr(step, attribute)
        else:
            setattr(step, attribute, value)
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=4))


def svm(*steps):
    return make_pipeline(*(steps or [StandardScaler()]), OneClassSVM(nu=0.2, gamma=0.3)).fit(TRAINING)


def forest(**settings):
    settings = {"n_estimators": 4, "max_samples": 8, "random_state": 3, **settings}
    return make_pipeline(StandardScaler(), IsolationForest(**settings)).fit(TRAINING)


def factor(**settings):
    return make_pipeline(StandardScaler(), LocalOutlierFactor(n_neighbors=5, novelty=True, **settings)).fit(TRAINING)


def network():
    model = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=[1], solver="lbfgs", max_iter=50, random_state=0))
    scaled = StandardScaler().fit_transform(TRAINING)
    model.fit(TRAINING, scaled)
    model[-1].offset_ = -1.0
    return model


model = svm()
refused("svm_support", model, support_=model[-1].support_[:-1])
model = svm()
refused("svm_counts", model, _n_support=model[-1]._n_support - 1)
refused("svm_features", svm(), n_features_in_=3)
model = forest()
refused("forest_features", model, estimators_features_=model[-1].estimators_features_[:3])
model = forest(max_features=0.5)
refused("forest_feature", model, estimators_features_=[features + 1 for features in model[-1].estimators_features_])
refused("forest_samples", forest(), max_samples_=16)
model = forest()
lengths = [lengths + 1.0 for lengths in model[-1]._average_path_length_per_tree]
refused("forest_lengths", model, _average_path_length_per_tree=lengths)
model = forest()
depths = model[-1]._decision_path_lengths[::-1]
refused("forest_depths", model, _decision_path_lengths=depths)
model = forest()
tree = model[-1].estimators_[1]
tree.tree_ = Altered(tree.tree_, lambda state: {**state, "node_count": state["node_count"] - 2})
refused("forest_nodes", model)
model = forest()
del model[-1].offset_
model[-1].threshold_ = 0.1
refused("forest_offset", model)
model = factor(algorithm="kd_tree", leaf_size=8)
refused("factor_rows", model, _fit_X=model[-1]._fit_X + 1.0)
model = factor(algorithm="ball_tree", leaf_size=8)
refused("factor_rows_of_balls", model, _fit_X=model[-1]._fit_X[::-1].copy())
refused("factor_metric", factor(algorithm="kd_tree"), effective_metric_="manhattan")
refused("factor_power", factor(algorithm="kd_tree", p=3), effective_metric_params_={"p": 4})
refused("factor_tree", factor(algorithm="kd_tree"), _fit_method="ball_tree")
refused("factor_no_tree", factor(algorithm="kd_tree"), _tree=None)
model = factor(algorithm="kd_tree")
refused("factor_distances", model, _distances_fit_X_=model[-1]._distances_fit_X_[:-1])
refused("factor_samples", factor(algorithm="brute"), n_samples_fit_=39)
refused("network_layers", network(), n_layers_=4)
envelope = make_pipeline(StandardScaler(), EllipticEnvelope(random_state=3)).fit(TRAINING)
refused("envelope_precision", envelope, store_precision=False)
model = svm(QuantileTransformer(n_quantiles=10))
refused("quantiles_descend", model, quantiles_=model[0].quantiles_[::-1].copy())
model = svm(QuantileTransformer(n_quantiles=10))
refused("quantiles_none", model, quantiles_=np.zeros((0, 2)))
refused("polynomial_degree", svm(PolynomialFeatures(2)), _max_degree=3)
refused("polynomial_outputs", svm(PolynomialFeatures(2)), n_output_features_=5)
lacking = TRAINING.copy()
lacking[::5, 0], lacking[::7, 1] = np.nan, np.nan
for name, change in [("order", {"features_": np.array([1, 0])}), ("missing", {"missing_values": -999.0})]:
    model = make_pipeline(SimpleImputer(add_indicator=True), OneClassSVM(nu=0.2)).fit(lacking)
    vars(model[0].indicator_).update(change)
    refused(f"imputer_{name}", model)

unread = {"support_": None, "shape_fit_": "garbage", "fit_status_": np.complex128(1j), "offset_": np.datetime64("2020-01-01")}
accepted("svm_unread", svm(), nu=(np.longdouble(1),), cache_size=2**64, class_weight_=np.zeros(2, complex), **unread)
accepted("min_max_unread", svm(MinMaxScaler()), data_min_="garbage", data_max_=None, data_range_=np.zeros(7))
accepted("polynomial_unread", svm(PolynomialFeatures(2)), degree="garbage")
accepted("quantile_unread", svm(QuantileTransformer(n_quantiles=10)), n_quantiles_=None, n_quantiles=np.uint64(2**64 - 1))
accepted("factor_unread", factor(algorithm="brute"), _tree="garbage", algorithm=7, p=5)
accepted("forest_unread", forest(), estimators_features_=["garbage"] * 4, max_samples="garbage", contamination=b"")
kmeans = make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(TRAINING)
kmeans[-1].offset_ = -1.5
accepted("kmeans_unread", kmeans, 1.5 - kmeans.transform(ASKED).min(axis=1), labels_="garbage", n_clusters=9, inertia_=np.complex64(1j))
