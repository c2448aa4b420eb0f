"""Writes an autoencoder of known size, and times onnxruntime and scikit-learn on it in this process, with one thread.

    autoencoder.py DIRECTORY

It writes the network twice, as autoencoder.onnx and autoencoder.pkl; then autoencoder.rows (the rows that are scored, a
number a line), and what onnxruntime and scikit-learn make of them, onnx.decisions and pkl.decisions. It prints the
seconds that a call takes, of the best round and of the median one: a line each for onnxruntime, onnxruntime without the
error that numpy computes, and scikit-learn.
"""

import pathlib
import pickle
import statistics
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPRegressor

WIDTHS = (64, 32, 8, 32, 64)
ROWS, CALLS, ROUNDS, OFFSET = 60, 40, 301, -1.0


def main(directory):
    rng = np.random.default_rng(7)
    nodes, tensors, layers, value = [], [], [], "x"
    for layer, (wide, narrow) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        weights = (rng.normal(size=(narrow, wide)) / np.sqrt(wide)).astype(np.float32)
        biases = rng.normal(size=narrow).astype(np.float32) / 10
        layers.append((weights.T.astype(float), biases.astype(float)))
        tensors += [numpy_helper.from_array(weights, f"w{layer}"), numpy_helper.from_array(biases, f"b{layer}")]
        last = layer == len(WIDTHS) - 2
        out = "y" if last else f"z{layer}"
        nodes.append(helper.make_node("Gemm", [value, f"w{layer}", f"b{layer}"], [out], transB=1))
        value = f"a{layer}"
        if not last:
            nodes.append(helper.make_node("Relu", [out], [value]))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTHS[0]]) for name in "xy"]
    graph = helper.make_graph(nodes, "autoencoder", values[:1], values[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"anomalyd.offset": str(OFFSET)})
    onnx.checker.check_model(model, full_check=True)
    (directory / "autoencoder.onnx").write_bytes(model.SerializeToString())

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rows = rng.normal(size=(ROWS, WIDTHS[0])).astype(np.float32)

    # A network of that shape, fitted in a moment, and then given the same weights in float64.
    perceptron = MLPRegressor(hidden_layer_sizes=WIDTHS[1:-1], activation="relu", max_iter=1, random_state=7)
    perceptron.fit(rows[:10], rows[:10])
    perceptron.coefs_ = [np.ascontiguousarray(weights) for weights, _ in layers]
    perceptron.intercepts_ = [biases for _, biases in layers]
    perceptron.offset_ = OFFSET
    (directory / "autoencoder.pkl").write_bytes(pickle.dumps(perceptron, protocol=4))
    doubles = rows.astype(float)

    def network():
        return session.run(None, {"x": rows})[0]

    def decide():
        return -((rows - network()) ** 2).mean(axis=1) - OFFSET

    def decide_by_scikit_learn():
        return -((doubles - perceptron.predict(doubles)) ** 2).mean(axis=1) - OFFSET

    written = [("autoencoder.rows", rows.ravel()), ("onnx.decisions", decide()), ("pkl.decisions", decide_by_scikit_learn())]
    for name, numbers in written:
        (directory / name).write_text("\n".join(repr(float(x)) for x in numbers))
    for call in (decide, network, decide_by_scikit_learn):
        print(*seconds_per_call(call))


def seconds_per_call(call):
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter() - began) / CALLS)
    return min(rounds), statistics.median(rounds)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
