"""Makes the pickles of this folder, each with its answers: estimators that are no outlier detectors by themselves, and
are put to work as such by setting `offset_`. Run with the Python of each version of scikit-learn: it adds that version's.
"""

import pathlib
import pickle
import sys
import warnings

import numpy as np
import sklearn
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).parent
VERSION = sklearn.__version__
MINOR = int(VERSION.split(".")[1])
ACTIVATION = ["relu", "tanh", "logistic", "identity"][MINOR % 4]

rng = np.random.default_rng(MINOR)
base = rng.normal(size=(200, 2))
normal = base @ rng.normal(size=(2, 4)) * [1, 10, 0.1, 3] + [0, 50, -1, 7] + 0.05 * rng.normal(size=(200, 4))
rows = np.vstack([normal[:16], normal[:8] + rng.normal(size=(8, 4)) * [1, 10, 0.1, 3]])


def reconstruction(pca, x):
    return ((x - pca.inverse_transform(pca.transform(x))) ** 2).mean(axis=1)


def distance(kmeans, x):
    centres = kmeans.cluster_centers_
    return np.sqrt(((x[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)).min(axis=1)


def replication(network, x):
    return ((x - network.predict(x)) ** 2).mean(axis=1)


def write(name, model, error, protocol, calibrated=True):
    *steps, last = [estimator for _, estimator in model.steps] if hasattr(model, "steps") else [model]
    fitted, asked = normal, rows
    for step in steps:
        fitted, asked = step.transform(fitted), step.transform(asked)
    last.offset_ = -np.quantile(error(last, fitted), 0.95)
    decision = -error(last, asked) - last.offset_
    if not calibrated:
        del last.offset_
    (FOLDER / f"{name}__sklearn-{VERSION}.pkl").write_bytes(pickle.dumps(model, protocol))
    with open(FOLDER / f"{name}__sklearn-{VERSION}.csv", "w") as file:
        print("x0,x1,x2,x3,label,decision", file=file)
        for row, value in zip(rows, decision):
            print(*(repr(float(x)) for x in row), 1 if value >= 0 else -1, repr(float(value)), sep=",", file=file)


protocol = 2 + MINOR % 4
pca = make_pipeline(StandardScaler(), PCA(n_components=2, whiten=MINOR % 2 == 0)).fit(normal)
write("pca", pca, reconstruction, protocol)
kmeans = KMeans(n_clusters=3, n_init=2, random_state=0) if MINOR % 2 else MiniBatchKMeans(3, n_init=2, random_state=0)
write("kmeans", make_pipeline(StandardScaler(), kmeans).fit(normal), distance, protocol)
scaler = StandardScaler().fit(normal)
scaled = scaler.transform(normal)
network = MLPRegressor(hidden_layer_sizes=(3,), activation=ACTIVATION, solver="lbfgs", max_iter=100, random_state=0).fit(scaled, scaled)
model = make_pipeline(StandardScaler(), network)
model.steps[0] = ("standardscaler", scaler)
write("autoencoder", model, replication, protocol)
if "plain" in sys.argv:
    write("pca_without_offset", PCA(n_components=2).fit(normal), reconstruction, 4, calibrated=False)
    adam = MLPRegressor(hidden_layer_sizes=(2,), early_stopping=True, max_iter=5, random_state=0).fit(normal, normal)
    write("autoencoder_adam", adam, replication, 5)
