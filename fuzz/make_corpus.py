"""Writes the seeds of the fuzz targets: small models of every kind, in every format.

    python fuzz/make_corpus.py

Needs scikit-learn, joblib, skops, skl2onnx and lz4. Files of our own format are made by `anomalyd model convert`, and
those of LIBSVM and of networks are copies of tests/samples. What was found by fuzzing stays beside the seeds: files
that this script does not write are left alone.
"""

import io
import json
import pickle
import shutil
import subprocess
import zipfile
from pathlib import Path

import joblib
import numpy as np
import skops.io
from skl2onnx import to_onnx
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import OneClassSVM

ROOT = Path(__file__).resolve().parent
SAMPLES = ROOT.parent / "tests" / "samples"
CORPUS = ROOT / "corpus"
# As fuzz/src/archive.rs has it.
BETWEEN = b"\n--\0\n"

rng = np.random.default_rng(7)
rows = rng.normal(1.0, 0.5, (24, 2)).round(3)


def set_offset(model, errors):
    model.offset_ = -np.quantile(errors, 0.9)
    return model


def svm(**parameters):
    return OneClassSVM(nu=0.2, **parameters)


def autoencoder():
    model = MLPRegressor(hidden_layer_sizes=(1,), solver="lbfgs", max_iter=20, random_state=0).fit(rows, rows)
    return set_offset(model, ((model.predict(rows) - rows) ** 2).mean(axis=1))


def pca():
    model = PCA(1).fit(rows)
    back = model.inverse_transform(model.transform(rows))
    return set_offset(model, ((back - rows) ** 2).mean(axis=1))


def kmeans():
    model = KMeans(2, n_init=1, random_state=0).fit(rows)
    return set_offset(model, model.transform(rows).min(axis=1))


columns = ColumnTransformer([("a", MinMaxScaler(), [0]), ("b", "passthrough", [1])])
filled = rows.copy()
filled[3, 1] = np.nan
models = {
    "svm_rbf": make_pipeline(StandardScaler(), svm(gamma=0.3)).fit(rows),
    "svm_linear": svm(kernel="linear").fit(rows),
    "svm_poly": make_pipeline(MaxAbsScaler(), svm(kernel="poly", degree=2, coef0=1.0)).fit(rows),
    "svm_sigmoid": make_pipeline(RobustScaler(), svm(kernel="sigmoid", gamma=0.01)).fit(rows),
    "sgd": make_pipeline(PowerTransformer(), SGDOneClassSVM(nu=0.2, random_state=0)).fit(rows),
    "forest": IsolationForest(n_estimators=2, max_samples=8, random_state=0).fit(rows),
    "forest_share": IsolationForest(n_estimators=2, max_samples=8, contamination=0.1, random_state=0).fit(rows),
    "factor": LocalOutlierFactor(3, novelty=True).fit(rows[:12]),
    "factor_brute": LocalOutlierFactor(3, novelty=True, algorithm="brute", metric="manhattan").fit(rows[:12]),
    "envelope": make_pipeline(FunctionTransformer(np.log1p), EllipticEnvelope(random_state=0)).fit(np.abs(rows)),
    "imputer": make_pipeline(SimpleImputer(), svm(gamma=0.3)).fit(filled),
    "columns": make_pipeline(columns, PolynomialFeatures(2), StandardScaler(), svm(gamma=0.1)).fit(rows),
    "quantile": Pipeline(
        [("q", QuantileTransformer(n_quantiles=5, output_distribution="normal")), ("s", make_pipeline(PCA(1), svm(gamma=1.0)))]
    ).fit(rows),
    "autoencoder": autoencoder(),
    "pca": pca(),
    "kmeans": kmeans(),
}


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def dumped(model, **options):
    target = io.BytesIO()
    joblib.dump(model, target, **options)
    return target.getvalue()


# What stands before a model in a file of its own, and both in one file.
scaler = StandardScaler().fit(rows)
detector = svm(gamma=0.3).fit(scaler.transform(rows))
write("pickle", "scaler", pickle.dumps(StandardScaler().fit(rows[:, :1]), protocol=4))
write("pickle", "dictionary", pickle.dumps({"model": detector, "scaler": scaler, "features": ["mean", "std"]}, protocol=4))
write("pickle", "pairs", pickle.dumps([("scaler", scaler), ("model", detector)], protocol=4))

# The first byte says how fuzz/src/lib.rs compresses.
compressed = ["svm_rbf", "factor", "forest", "columns", "kmeans", "svm_linear"]
for number, (name, model) in enumerate(models.items()):
    protocol = 2 + number % 4
    write("pickle", name, pickle.dumps(model, protocol=protocol))
    write("joblib", name, dumped(model, protocol=protocol))
    if name in compressed:
        how = compressed.index(name)
        write("joblib_compressed", name, bytes([how]) + dumped(model))
    archive = skops.io.dumps(model, compression=zipfile.ZIP_STORED)
    with zipfile.ZipFile(io.BytesIO(archive)) as entries:
        schema = json.dumps(json.loads(entries.read("schema.json")), separators=(",", ":")).encode()
        others = [n.encode() + b"\n" + entries.read(n) for n in entries.namelist() if n != "schema.json"]
    if name not in ["forest_share", "svm_poly", "svm_sigmoid", "quantile"]:
        write("skops_parts", name, BETWEEN.join([schema, *others]))
    if name in ["svm_linear", "kmeans"]:
        write("skops", name, archive)
        write("skops", f"{name}_deflated", skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED))
    try:
        onnx = to_onnx(model, rows[:1].astype(np.float32), target_opset={"": 15, "ai.onnx.ml": 3})
        write("onnx", name, onnx.SerializeToString())
    except Exception as problem:
        print(f"no ONNX of {name}: {str(problem)[:80]}")

for how in ["gzip", "zlib", "bz2", "lzma", "xz", "lz4"]:
    write("joblib", f"svm_linear.{how}", dumped(models["svm_linear"], compress=(how, 3)))
for sample in ["onnx_torch_4d.onnx", "onnx_keras_3d.onnx", "onnx_torch_no_offset.onnx"]:
    write("onnx", sample.removesuffix(".onnx"), (SAMPLES / sample).read_bytes())
for sample in (SAMPLES / "svm").glob("*.libsvm"):
    write("libsvm", sample.stem, sample.read_bytes())

binary = ROOT.parent / "target" / "debug" / "anomalyd"
(CORPUS / "own").mkdir(parents=True, exist_ok=True)
for name in models:
    target = CORPUS / "own" / name
    target.unlink(missing_ok=True)
    subprocess.run([binary, "model", "convert", CORPUS / "pickle" / name, target], check=True, stdout=subprocess.DEVNULL)
shutil.copyfile(SAMPLES / "own" / "robust_by_python.safetensors", CORPUS / "own" / "robust_by_python")

lines = (SAMPLES / "p4_number_2d.csv").read_text().splitlines()[:5]
write("expect_csv", "good", ("\n".join(lines) + "\n").encode())
write("expect_csv", "labels", b"x1,x0,label\r\n1,2,1\r\n\r\n# a remark\r\n,nan,-1.0\r\n")
write("expect_csv", "decisions", b'\xef\xbb\xbf"x0","x1",decision\n1e3,-0,0.5\n"1",inf,nan\n')
write("features", "columns", b"mean\ntemperature.mean lag 1\nroom.a b.std diff 60\nhour sin\nhour cos\ncount\nfirst\nlast\nmax\nmin")
write("features", "missing", b"skip\nnan\nlast 5\nlast 65535\nlast 0\nlast 01")
write("features", "names", b"model_{device}_{sensor}\n{sensor}.{device}\nmodel_{{device}}\n{device")
