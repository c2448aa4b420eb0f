"""Writes an autoencoder of known size, and times onnxruntime on it in this process, with one thread.

    autoencoder.py DIRECTORY

It writes autoencoder.onnx, autoencoder.rows and autoencoder.decisions (the rows that are scored and what onnxruntime
makes of them, a number a line), and prints the seconds that a call takes.
"""

import pathlib
import statistics
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

WIDTHS = (64, 32, 8, 32, 64)
ROWS, CALLS, ROUNDS, OFFSET = 60, 2000, 7, -1.0


def main(directory):
    rng = np.random.default_rng(7)
    nodes, tensors, value = [], [], "x"
    for layer, (wide, narrow) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        weights = (rng.normal(size=(narrow, wide)) / np.sqrt(wide)).astype(np.float32)
        tensors += [numpy_helper.from_array(weights, f"w{layer}"),
                    numpy_helper.from_array(rng.normal(size=narrow).astype(np.float32) / 10, f"b{layer}")]
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

    def decide():
        (out,) = session.run(None, {"x": rows})
        return -((rows - out) ** 2).mean(axis=1) - OFFSET

    for ending, numbers in (("rows", rows.ravel()), ("decisions", decide())):
        (directory / f"autoencoder.{ending}").write_text("\n".join(repr(float(x)) for x in numbers))
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            decide()
        rounds.append((time.perf_counter() - began) / CALLS)
    alone = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            session.run(None, {"x": rows})
        alone.append((time.perf_counter() - began) / CALLS)
    print(statistics.median(rounds), statistics.median(alone))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
