#!/usr/bin/env python3
"""Writes the models of this folder, each with rows and the library's own answers to them: what holds a detector without
being one, what stands before one, and mixtures.

    python3 -m venv venv && venv/bin/pip install scikit-learn imbalanced-learn pyod skops
    venv/bin/python make_wrappers.py

With `pyod` as an argument it writes only pyod's, with the version in their names: run it with that of an old version.
The samples need not be written again: they are here so that the tests run without Python.
"""

import pathlib
import pickle
import sys
import warnings
import zipfile

import numpy as np
from pyod.version import __version__ as PYOD
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from pyod.models.ocsvm import OCSVM
from pyod.models.pca import PCA

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).resolve().parent


def rows(seed, count, features=3):
    return 20.0 + 5.0 * np.random.default_rng(seed).normal(size=(count, features)) * np.arange(1, features + 1)


TRAINING = rows(1, 60)
# Training rows are among them: a row on the boundary must get its label.
ASKED = np.concatenate([TRAINING[:20], rows(2, 16), 40.0 * rows(3, 4)])


def answers(name, asked, decisions, labels):
    with open(FOLDER / f"{name}.csv", "w", encoding="ascii", newline="\n") as file:
        print(",".join([f"x{i}" for i in range(asked.shape[1])] + ["label", "decision"]), file=file)
        for row, label, decision in zip(asked, labels, decisions):
            print(",".join([repr(float(x)) for x in row] + [str(int(label)), repr(float(decision))]), file=file)


def write(name, model, protocol=4, asked=ASKED):
    (FOLDER / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol))
    answers(name, asked, model.decision_function(asked), model.predict(asked))


def of_pyod(name, model, protocol=4):
    name = f"{name}__pyod-{PYOD}"
    model.fit(TRAINING)
    (FOLDER / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol))
    answers(name, ASKED, model.threshold_ - model.decision_function(ASKED), 1 - 2 * model.predict(ASKED))
    return model


forest = {"n_estimators": 4, "max_samples": 16, "random_state": 3}
models = [
    of_pyod("forest", IForest(**forest, contamination=0.1)),
    of_pyod("svm", OCSVM(gamma=0.02, nu=0.3), 2),
    of_pyod("factor", LOF(n_neighbors=5), 5),
    of_pyod("pca", PCA(), 3),
    of_pyod("knn", KNN(n_neighbors=3)),
]
of_pyod("pca_plain", PCA(n_selected_components=2, weighted=False, standardization=False))
of_pyod("knn_mean", KNN(n_neighbors=10, method="mean", metric="manhattan", algorithm="ball_tree", leaf_size=8))
# So many neighbours are found without a tree, which old versions then make themselves, with a power of 2.
of_pyod("knn_median", KNN(n_neighbors=32, method="median", p=3))
# Of rounded readings many lie on the threshold.
smooth = TRAINING, ASKED
TRAINING, ASKED = 4.0 * (rows(4, 80, 1) / 4.0).round(), 4.0 * np.arange(-1, 12.0)[:, None]
of_pyod("forest_ties", IForest(**forest, contamination=0.2))
of_pyod("svm_ties", OCSVM(gamma=0.02, nu=0.3, contamination=0.2))
of_pyod("factor_ties", LOF(n_neighbors=5, contamination=0.2))
of_pyod("knn_ties", KNN(n_neighbors=3, contamination=0.2))
TRAINING, ASKED = smooth
if sys.argv[1:] == ["pyod"]:
    sys.exit()

import skops.io
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as SamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy import stats
from scipy.sparse import csr_array, csr_matrix
from sklearn.ensemble import IsolationForest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import VarianceThreshold
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDOneClassSVM
from sklearn.metrics import f1_score, make_scorer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from pyod.models.ecod import ECOD

# Searches.
labels = np.where(np.arange(60) < 6, -1, 1)
grid = GridSearchCV(OneClassSVM(), {"gamma": [0.01, 0.1]}, scoring="accuracy", cv=2).fit(TRAINING, labels)
write("grid_search", grid)
search = RandomizedSearchCV(
    make_pipeline(StandardScaler(), OneClassSVM()),
    {"oneclasssvm__nu": stats.uniform(0.05, 0.3), "oneclasssvm__gamma": stats.loguniform(0.01, 1)},
    n_iter=2, scoring=make_scorer(f1_score), cv=2, random_state=1,
)
write("random_search", search.fit(TRAINING, labels), 2)
halving = HalvingGridSearchCV(IsolationForest(**forest), {"max_features": [0.5, 1.0]}, scoring="accuracy", cv=2)
inner = make_pipeline(StandardScaler(), halving).fit(TRAINING, labels)
write("search_in_pipeline", inner, 5)
several = GridSearchCV(OneClassSVM(), {"nu": [0.1]}, scoring=["accuracy", "f1"], refit=False, cv=2)
(FOLDER / "refused_no_best.pkl").write_bytes(pickle.dumps(several.fit(TRAINING, labels), 4))

# imbalanced-learn.
samplers = SamplingPipeline([
    ("scale", StandardScaler()), ("fewer", RandomUnderSampler(random_state=1)),
    ("more", SMOTE(k_neighbors=2, random_state=1)), ("detect", IsolationForest(**forest)),
]).fit(TRAINING, labels)
write("samplers", samplers)

# Trained on sparse rows.
some = np.where(np.abs(TRAINING - 20.0) < 4.0, 0.0, TRAINING)
asked = np.where(np.abs(ASKED - 20.0) < 4.0, 0.0, ASKED)
sparse = OneClassSVM(gamma=0.005, nu=0.2).fit(csr_matrix(some))
write("sparse", sparse, 4, asked)
write("sparse_array", OneClassSVM(kernel="poly", gamma=0.01, nu=0.2).fit(csr_array(some)), 2, asked)

# Steps.
constant = np.insert(TRAINING, 1, 7.0, axis=1)
threshold = make_pipeline(VarianceThreshold(0.5), StandardScaler(), OneClassSVM(nu=0.2, gamma=0.3)).fit(constant)
write("threshold", threshold, 4, np.insert(ASKED, 1, np.arange(len(ASKED)), axis=1))
kernels = {
    "rbf": {"gamma": 0.4}, "rbf_default": {}, "laplacian": {"gamma": 0.3}, "linear": {}, "cosine": {},
    "poly": {"degree": 2, "coef0": 0.5}, "sigmoid": {"gamma": 0.1},
}
for name, settings in kernels.items():
    nystroem = Nystroem(name.split("_")[0], n_components=8, random_state=1, **settings)
    model = make_pipeline(StandardScaler(), nystroem, SGDOneClassSVM(nu=0.2, random_state=1))
    write(f"nystroem_{name}", model.fit(TRAINING))
chi2 = make_pipeline(Nystroem("chi2", n_components=8, random_state=1), SGDOneClassSVM()).fit(np.abs(TRAINING))
(FOLDER / "refused_chi2.pkl").write_bytes(pickle.dumps(chi2, 4))

# Mixtures.
for covariance in ["full", "tied", "diag", "spherical"]:
    mixture = make_pipeline(StandardScaler(), GaussianMixture(2, covariance_type=covariance, random_state=1)).fit(TRAINING)
    mixture[-1].offset_ = np.quantile(mixture.score_samples(TRAINING), 0.05)
    (FOLDER / f"mixture_{covariance}.pkl").write_bytes(pickle.dumps(mixture, 4))
    decisions = mixture.score_samples(ASKED) - mixture[-1].offset_
    answers(f"mixture_{covariance}", ASKED, decisions, np.where(decisions >= 0, 1, -1))
del mixture[-1].offset_
(FOLDER / "mixture_without_offset.pkl").write_bytes(pickle.dumps(mixture, 4))

# What is not supported.
(FOLDER / "refused_ecod.pkl").write_bytes(pickle.dumps(ECOD().fit(TRAINING), 4))

# In skops.
def dump(name, model):
    skops.io.dump(model, FOLDER / f"{name}.skops", compression=zipfile.ZIP_DEFLATED)


for name, model in [("grid_search", grid), ("samplers", samplers), ("threshold", threshold), ("sparse", sparse)]:
    dump(name, model)
for name, model in zip(["forest", "svm", "factor", "pca", "knn"], models):
    dump(f"{name}__pyod-{PYOD}", model)
