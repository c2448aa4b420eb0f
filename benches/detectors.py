"""Trains detectors of a known size, and times scikit-learn and onnxruntime on them in this process, one thread each.

    detectors.py DIRECTORY

For each it writes its model, NAME.rows and NAME.decisions (the rows that are scored and what scikit-learn makes of
them, a number a line), and prints a line of JSON: name, the model's file, features, how many multiplications a row
takes where that is all its work, and the best and the median seconds a call of each library. There are none of
onnxruntime where nothing converts the detector. Without onnx the case whose model is an ONNX file is left out.

What is no outlier detector in scikit-learn becomes one by its error: `offset_` minus the greatest that is normal. The
graphs of onnxruntime are those of skl2onnx, and what is left of the error is taken in numpy; the one of PCA is written
out here, since skl2onnx converts only its first half, and so is the one that is a model's file.
"""

import json
import pathlib
import pickle
import sys

import numpy as np
from scikit_learn import ROWS, answers, timed
from sklearn.cluster import KMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.neural_network import MLPRegressor


def converted(detector, rows):
    from skl2onnx import to_onnx

    return to_onnx(detector, rows[:1], target_opset={"": 15, "ai.onnx.ml": 3})


def written_out(nodes, tensors, features, output):
    """A graph of these nodes, from rows named x to what the last node gives, which is of the shape `output`."""
    from onnx import TensorProto, helper, numpy_helper

    values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", features]),
              helper.make_tensor_value_info(nodes[-1][2], TensorProto.FLOAT, output)]
    nodes = [helper.make_node(kind, inputs, [name], **attributes) for kind, inputs, name, attributes in nodes]
    tensors = [numpy_helper.from_array(tensor.astype(np.float32), name) for name, tensor in tensors.items()]
    graph = helper.make_graph(nodes, "detector", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def pca_graph(pca, features):
    tensors = {"mean": pca.mean_, "back": pca.components_, "to": pca.components_.T.copy()}
    nodes = [("Sub", ["x", "mean"], "centred", {}), ("MatMul", ["centred", "to"], "less", {}),
             ("MatMul", ["less", "back"], "y", {}), ("Sub", ["y", "centred"], "residual", {}),
             ("Mul", ["residual", "residual"], "squares", {}),
             ("ReduceMean", ["squares"], "error", {"axes": [1], "keepdims": 0})]
    return written_out(nodes, tensors, features, ["rows"])


def squares(rows, others):
    return ((rows - others) ** 2).mean(axis=1)


class Case:
    """A detector of so many features, the rows that it is trained on, and how its answers are asked for."""

    ending = "pkl"

    def __init__(self, features, detector, training=1000):
        self.features, self.detector, self.training = features, detector, training

    def train(self, rows):
        self.detector.fit(rows)

    def file(self):
        return pickle.dumps(self.detector, protocol=4)

    def multiplications(self):
        return None

    def decide(self, rows):
        return self.detector.decision_function(rows)

    def graph(self, rows):
        return converted(self.detector, rows)

    def decide_by(self, run, rows):
        return run(rows)


class OfError(Case):
    """A detector whose answer is an error held against an offset."""

    def fit_offset(self, rows):
        self.detector.offset_ = -float(np.quantile(self.error(rows), 0.95))

    def decide(self, rows):
        return -self.error(rows) - self.detector.offset_


class Reconstruction(OfError):
    def error(self, rows):
        return squares(rows, self.detector.inverse_transform(self.detector.transform(rows)))

    def graph(self, rows):
        return pca_graph(self.detector, self.features)

    def decide_by(self, run, rows):
        return -run(rows)[0] - self.detector.offset_


class Distance(OfError):
    def error(self, rows):
        return self.detector.transform(rows).min(axis=1)

    def decide_by(self, run, rows):
        return -run(rows)[1].min(axis=1) - self.detector.offset_


class Replication(OfError):
    def train(self, rows):
        self.detector.fit(rows, rows)

    def multiplications(self):
        return sum(weights.size for weights in self.detector.coefs_)

    def error(self, rows):
        return squares(rows, self.detector.predict(rows))

    def decide_by(self, run, rows):
        return -squares(rows, run(rows)[0].reshape(rows.shape)) - self.detector.offset_


class Network(Replication):
    """A network whose file is a graph. Its numbers are of 32 bits in scikit-learn too, so that answers are the same."""

    ending = "onnx"

    def train(self, rows):
        super().train(rows)
        for layers in (self.detector.coefs_, self.detector.intercepts_):
            layers[:] = [layer.astype(np.float32).astype(float) for layer in layers]

    def graph(self, rows):
        nodes, tensors, value = [], {}, "x"
        for layer, (weights, biases) in enumerate(zip(self.detector.coefs_, self.detector.intercepts_)):
            if layer > 0:
                nodes.append(("Relu", [value], f"activated {layer}", {}))
                value = f"activated {layer}"
            names = [f"weights {layer}", f"biases {layer}"]
            tensors |= zip(names, (weights, biases))
            nodes.append(("Gemm", [value, *names], f"layer {layer}", {}))
            value = f"layer {layer}"
        return written_out(nodes, tensors, self.features, ["rows", self.features])

    def file(self):
        from onnx import helper

        model = self.graph(None)
        helper.set_model_props(model, {"anomalyd.offset": repr(self.detector.offset_)})
        return model.SerializeToString()


def autoencoder():
    return MLPRegressor(hidden_layer_sizes=(32, 8, 32), max_iter=20, random_state=7)


CASES = {
    "forest, 100 trees of 256": Case(8, IsolationForest(n_estimators=100, max_samples=256, random_state=7)),
    "LOF, 400 rows": Case(3, LocalOutlierFactor(n_neighbors=20, novelty=True), training=400),
    "LOF, 5000 rows": Case(3, LocalOutlierFactor(n_neighbors=20, novelty=True), training=5000),
    "envelope": Case(8, EllipticEnvelope(random_state=7)),
    "PCA, 3 components": Reconstruction(8, PCA(3, random_state=7)),
    "PCA, 8 components": Reconstruction(64, PCA(8, random_state=7)),
    "KMeans, 8 centres": Distance(8, KMeans(8, n_init=1, random_state=7)),
    "autoencoder 64-32-8-32-64": Replication(64, autoencoder()),
    "autoencoder, ONNX": Network(64, autoencoder()),
}


def onnxruntime_seconds(case, rows):
    try:
        import onnxruntime

        singles = rows.astype(np.float32)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        model = case.graph(singles).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return timed(lambda: case.decide_by(lambda rows: session.run(None, {name: rows}), singles))
    except Exception as reason:  # A converter that does not know the detector says so in many ways.
        print(f"no onnxruntime: {type(reason).__name__}: {reason}", file=sys.stderr)
        return None


def main(directory):
    for name, case in CASES.items():
        rng = np.random.default_rng(7)
        # Sensors of a machine move together, as a few causes have it.
        causes = rng.normal(size=(8, case.features))

        def sample(count, spread):
            return rng.normal(size=(count, 8)) @ causes + spread * rng.normal(size=(count, case.features))

        training, rows = sample(case.training, 0.3), sample(ROWS, 0.5)
        case.train(training)
        if isinstance(case, OfError):
            case.fit_offset(training)
        file = f"{name}.{case.ending}"
        try:
            (directory / file).write_bytes(case.file())
        except ImportError as reason:
            print(f"no {name}: {reason}", file=sys.stderr)
            continue
        answers(directory, name, rows, case.decide(rows))
        result = {"name": name, "file": file, "features": case.features, "multiplications": case.multiplications(),
                  "scikit-learn": timed(lambda: case.decide(rows))}
        print(json.dumps(result | {"onnxruntime": onnxruntime_seconds(case, rows)}), flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
