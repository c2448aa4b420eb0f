"""Trains detectors of a known size, and times scikit-learn and onnxruntime on them in this process, one thread each.

    detectors.py DIRECTORY

For each it writes NAME.pkl, NAME.rows and NAME.decisions (the rows that are scored and what scikit-learn makes of them,
a number a line), and prints "NAME FEATURES SCIKIT_LEARN ONNXRUNTIME": seconds a call, or "-" where there is no
onnxruntime.
"""

import pathlib
import pickle
import statistics
import sys
import time

import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

DETECTORS = {
    "forest-100x256": (8, IsolationForest(n_estimators=100, max_samples=256, random_state=7)),
    "lof-400-rows": (3, LocalOutlierFactor(n_neighbors=20, novelty=True)),
    "lof-5000-rows": (3, LocalOutlierFactor(n_neighbors=20, novelty=True)),
    "envelope": (8, EllipticEnvelope(random_state=7)),
}
TRAINING = {"lof-400-rows": 400, "lof-5000-rows": 5000}
ROWS, ROUNDS = 60, 7


def seconds_per_call(call):
    began = time.perf_counter()
    call()
    calls = max(1, min(200, int(0.1 / (time.perf_counter() - began))))
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append((time.perf_counter() - began) / calls)
    return statistics.median(rounds)


def onnxruntime_seconds(detector, rows):
    try:
        import onnxruntime
        from skl2onnx import to_onnx

        singles = rows.astype(np.float32)
        target = {"": 15, "ai.onnx.ml": 3}
        model = to_onnx(detector, singles[:1], target_opset=target)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return seconds_per_call(lambda: session.run(None, {name: singles}))
    except Exception as reason:  # A converter that does not know the detector says so in many ways.
        print(f"no onnxruntime: {type(reason).__name__}", file=sys.stderr)
        return "-"


def main(directory):
    for name, (features, detector) in DETECTORS.items():
        rng = np.random.default_rng(7)
        detector.fit(20.0 + 5.0 * rng.normal(size=(TRAINING.get(name, 1000), features)))
        rows = 20.0 + 6.0 * rng.normal(size=(ROWS, features))
        (directory / f"{name}.pkl").write_bytes(pickle.dumps(detector, protocol=4))
        for ending, numbers in [("rows", rows.ravel()), ("decisions", detector.decision_function(rows))]:
            (directory / f"{name}.{ending}").write_text("\n".join(repr(float(x)) for x in numbers))
        library = seconds_per_call(lambda: detector.decision_function(rows))
        print(name, features, library, onnxruntime_seconds(detector, rows))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
