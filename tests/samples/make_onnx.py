#!/usr/bin/env python3
"""Writes the ONNX samples of this folder, each with rows and the answers to them: of scikit-learn for what skl2onnx
converts, of onnxruntime for networks.

    python3 -m venv venv && venv/bin/pip install skl2onnx onnxruntime && venv/bin/python make_onnx.py

Networks are written by hand, as torch.onnx.export and tf2onnx write them.
"""

import pathlib

import numpy as np
import onnx
import onnxruntime
import pandas
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent


def training(features, seed, rows=60):
    rng = np.random.default_rng(seed)
    return (20.0 + 5.0 * rng.normal(size=(rows, features)) * np.arange(1, features + 1)).astype(np.float32)


def answers(name, rows, decisions, labels):
    with open(HERE / f"{name}.csv", "w", encoding="ascii", newline="\n") as file:
        print(",".join([f"x{i}" for i in range(rows.shape[1])] + ["label", "decision"]), file=file)
        for row, label, decision in zip(rows, labels, decisions):
            print(",".join([repr(float(x)) for x in row] + [str(int(label)), repr(float(decision))]), file=file)


def rows_of(features, seed):
    return np.concatenate([training(features, seed + 1, 20), 2.0 * training(features, seed + 2, 8)])


def estimator(name, model, features, seed, opset=15, columns=None, whole=False, **options):
    """`columns` are inputs of their own; `whole` makes all numbers whole ones."""
    kept = (lambda rows: np.round(rows)) if whole else (lambda rows: rows)
    frame = (lambda rows: pandas.DataFrame(rows, columns=columns)) if columns else (lambda rows: rows)
    model.fit(frame(kept(training(features, seed))))
    rows = frame(kept(rows_of(features, seed)))
    if columns:
        options["initial_types"] = [(column, FloatTensorType([None, 1])) for column in columns]
    if whole:
        options["initial_types"] = [("X", Int64TensorType([None, features]))]
    file = to_onnx(model, None if "initial_types" in options else rows[:1],
                   target_opset={"": opset, "ai.onnx.ml": 2}, **options)
    (HERE / f"{name}.onnx").write_bytes(file.SerializeToString())
    answers(name, np.asarray(rows), model.decision_function(rows), model.predict(rows))


def scores_too(detector):
    return {"options": {type(detector): {"score_samples": True}}}


estimator("onnx_svm_pca_2d", make_pipeline(StandardScaler(), PCA(2, whiten=True), OneClassSVM(gamma=0.2, nu=0.1)), 3, 1)
columns = ColumnTransformer(
    [("a", make_pipeline(SimpleImputer(), StandardScaler()), [2, 0]), ("b", MinMaxScaler(clip=True), [1])],
    remainder="passthrough",
)
estimator("onnx_svm_columns_4d", make_pipeline(columns, OneClassSVM(gamma=0.001, nu=0.1)), 4, 2)
forest = IsolationForest(n_estimators=3, max_samples=16, contamination=0.1, random_state=0)
estimator("onnx_forest_2d", make_pipeline(RobustScaler(), forest), 2, 3, opset=18, **scores_too(forest))
estimator("onnx_lof_2d", make_pipeline(StandardScaler(), LocalOutlierFactor(5, novelty=True)), 2, 4)
manhattan = LocalOutlierFactor(7, novelty=True, metric="manhattan", contamination=0.2)
estimator("onnx_lof_manhattan_2d", make_pipeline(StandardScaler(), manhattan), 2, 5, opset=18)
estimator("onnx_svm_named_2d", make_pipeline(StandardScaler(), OneClassSVM(gamma=0.2, nu=0.1)), 2, 10,
          columns=["mean", "std"])
by_name = ColumnTransformer([("a", StandardScaler(), ["max", "mean"]), ("b", MinMaxScaler(), ["std"])])
estimator("onnx_svm_named_3d", make_pipeline(by_name, OneClassSVM(gamma=0.2, nu=0.1)), 3, 11,
          columns=["mean", "std", "max"])
estimator("onnx_svm_whole_2d", make_pipeline(StandardScaler(), OneClassSVM(gamma=0.2, nu=0.1)), 2, 12, whole=True)


def factor_of_equals(name, model, dtype=np.float32):
    """Half of the training rows are one row, whose numbers single precision does not have."""
    rng = np.random.default_rng(13)
    scattered = [21.1, 3.3] + rng.normal(size=(30, 2))
    model.fit(np.concatenate([np.tile([21.1, 3.3], (30, 1)), scattered]))
    rows = np.concatenate([np.tile([21.1, 3.3], (3, 1)), scattered[:5] + 0.01, [[21.6, 3.3], [35.0, -8.0]]])
    file = to_onnx(model, rows[:1].astype(dtype), target_opset={"": 18, "ai.onnx.ml": 2})
    (HERE / f"{name}.onnx").write_bytes(file.SerializeToString())
    answers(name, rows, model.decision_function(rows), model.predict(rows))


factor_of_equals("onnx_lof_equal_2d", LocalOutlierFactor(5, novelty=True))
factor_of_equals("onnx_lof_equal_scaled_2d", make_pipeline(StandardScaler(), LocalOutlierFactor(5, novelty=True)))


def network(name, nodes, weights, features, outputs, seed, opset, producer, offset=None, anomalous=None, latent=None,
            apart=False):
    """`latent` is the width of a second output z; `apart` puts the weights in a file of their own."""
    rng = np.random.default_rng(seed)
    tensors = [numpy_helper.from_array(np.float32(rng.normal(size=shape) / 2) if key not in ("scale", "variance")
                                       else rng.uniform(0.5, 2.0, size=shape).astype(np.float32), key) for key, shape in weights]
    values = [helper.make_tensor_value_info(key, TensorProto.FLOAT, ["batch", width])
              for key, width in [("x", features), ("y", outputs)] + [("z", latent)] * (latent is not None)]
    graph = helper.make_graph(nodes, "network", values[:1], values[1:][::-1], tensors)
    model = helper.make_model(graph, producer_name=producer, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if offset is not None:
        helper.set_model_props(model, {"anomalyd.offset": str(offset)} | ({"anomalyd.anomalous": anomalous} if anomalous else {}))
    onnx.checker.check_model(model, full_check=True)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    if apart:
        onnx.save(onnx.load_from_string(model.SerializeToString()), HERE / f"{name}.onnx", save_as_external_data=True,
                  location=f"{name}.onnx.data", size_threshold=0)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    # More rows than go through at once.
    rows = rng.normal(size=(70, features)).astype(np.float32)
    (out,) = session.run(["y"], {"x": rows})
    score = out[:, 0] if outputs == 1 else -((rows.astype(float) - out) ** 2).mean(axis=1)
    decisions = offset - score if anomalous == "high" else score - (offset or 0.0)
    answers(name, rows, decisions, np.where(decisions >= 0, 1, -1))


def torch(offset):
    nodes = [
        helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["1"], "/0/Gemm", alpha=1.0, beta=1.0, transB=1),
        helper.make_node("Relu", ["1"], ["2"], "/1/Relu"),
        helper.make_node("Gemm", ["2", "2.weight", "2.bias"], ["y"], "/2/Gemm", alpha=1.0, beta=1.0, transB=1),
    ]
    weights = [("0.weight", (2, 4)), ("0.bias", (2,)), ("2.weight", (4, 2)), ("2.bias", (4,))]
    return nodes, weights, 4, 4, 6, 17, "pytorch", offset


network("onnx_torch_4d", *torch(-1.2))
network("onnx_torch_no_offset", *torch(None))
nodes = [
    helper.make_node("MatMul", ["x", "kernel1"], ["a"]),
    helper.make_node("Add", ["a", "bias1"], ["b"]),
    helper.make_node("Tanh", ["b"], ["c"]),
    helper.make_node("MatMul", ["c", "kernel2"], ["d"]),
    helper.make_node("Add", ["d", "bias2"], ["e"]),
    helper.make_node("Sigmoid", ["e"], ["y"]),
]
weights = [("kernel1", (3, 2)), ("bias1", (2,)), ("kernel2", (2, 3)), ("bias2", (3,))]
network("onnx_keras_3d", nodes, weights, 3, 3, 7, 13, "tf2onnx", -0.9)

# Not a chain: what goes in is added to what comes out.
nodes = [
    helper.make_node("MatMul", ["x", "kernel1"], ["a"]),
    helper.make_node("Relu", ["a"], ["b"]),
    helper.make_node("MatMul", ["b", "kernel2"], ["c"]),
    helper.make_node("Add", ["c", "x"], ["y"]),
]
network("onnx_residual_3d", nodes, [("kernel1", (3, 2)), ("kernel2", (2, 3))], 3, 3, 8, 13, "tf2onnx", -0.2)

# A scaler in front, two kinds of activations, batch normalization behind a layer, and a single score.
nodes = [
    helper.make_node("Sub", ["x", "mean"], ["a"]),
    helper.make_node("Div", ["a", "scale"], ["b"]),
    helper.make_node("Gemm", ["b", "kernel1", "bias1"], ["c"], transB=1, alpha=0.5, beta=2.0),
    helper.make_node("BatchNormalization", ["c", "gamma", "beta", "average", "variance"], ["d"], epsilon=0.01),
    helper.make_node("LeakyRelu", ["d"], ["e"], alpha=0.1),
    helper.make_node("Mul", ["e", "factor"], ["f"]),
    helper.make_node("MatMul", ["f", "kernel2"], ["g"]),
    helper.make_node("Elu", ["g"], ["h"], alpha=0.7),
    helper.make_node("Dropout", ["h"], ["i"]),
    helper.make_node("Gemm", ["i", "kernel3"], ["j"]),
    helper.make_node("Sub", ["one", "j"], ["y"]),
]
weights = [("mean", (1, 3)), ("scale", (3,)), ("kernel1", (9, 3)), ("bias1", (9,)), ("gamma", (9,)), ("beta", (9,)),
           ("average", (9,)), ("variance", (9,)), ("factor", (1,)), ("kernel2", (9, 5)), ("kernel3", (5, 1)), ("one", ())]
network("onnx_scaled_score_3d", nodes, weights, 3, 1, 9, 13, "pytorch", 0.1)

network("onnx_apart_4d", *torch(-1.2), apart=True)

# The middle of an autoencoder beside what it gives back.
nodes = [
    helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["1"], transB=1),
    helper.make_node("Tanh", ["1"], ["z"]),
    helper.make_node("Gemm", ["z", "2.weight", "2.bias"], ["y"], transB=1),
]
network("onnx_latent_4d", nodes, torch(None)[1], 4, 4, 13, 17, "pytorch", -1.5, latent=2)

# The probability of a failure.
nodes = [
    helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["1"], transB=1),
    helper.make_node("Relu", ["1"], ["2"]),
    helper.make_node("Gemm", ["2", "2.weight"], ["3"], transB=1),
    helper.make_node("Sigmoid", ["3"], ["y"]),
]
weights = [("0.weight", (4, 3)), ("0.bias", (4,)), ("2.weight", (1, 4))]
network("onnx_probability_3d", nodes, weights, 3, 1, 14, 17, "pytorch", 0.6, anomalous="high")
