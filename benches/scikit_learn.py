"""Trains models of a known size, and times other libraries on them in this process.

    scikit_learn.py DIRECTORY

Each case writes its model into a file, and NAME.rows and NAME.decisions: the rows that are scored, and what the library
makes of them, a number a line. It prints a line of words between tabs:

    NAME  FILE  LIBRARY  BEST  MEDIAN  TOLERANCE

BEST and MEDIAN are the seconds that a call for all rows takes; TOLERANCE is how far a decision value may differ,
relative to its size. To add a case, write a function that yields such lines, and name it in CASES.
"""

import ctypes
import os
import pathlib
import pickle
import statistics
import sys
import time

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

ROWS, ROUNDS, ROUND_SECONDS = 60, int(os.environ.get("ANOMALYD_BENCH_ROUNDS", 151)), 0.002


def timed(call):
    """The best and the median seconds of a call. Rounds are short, so that many of them are not interrupted."""
    began = time.perf_counter()
    call()
    calls = max(1, int(ROUND_SECONDS / (time.perf_counter() - began)))
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append((time.perf_counter() - began) / calls)
    return min(rounds), statistics.median(rounds)


def answers(directory, name, rows, decisions):
    for ending, numbers in [("rows", rows), ("decisions", decisions)]:
        numbers = np.asarray(numbers, dtype=float).ravel()
        (directory / f"{name}.{ending}").write_text("\n".join(repr(float(x)) for x in numbers))


def one_class_svms(directory):
    for vectors, features in [(50, 1), (500, 8)]:
        size = f"{vectors} vectors x {features}"
        rng = np.random.default_rng(7)
        # With nu this close to 1 every row of the training becomes a support vector.
        svm = OneClassSVM(kernel="rbf", gamma=0.1, nu=1.0 - 0.5 / vectors)
        pipeline = Pipeline([("scaler", StandardScaler()), ("svm", svm)])
        pipeline.fit(20.0 + 5.0 * rng.normal(size=(vectors, features)))
        rows = 20.0 + 6.0 * rng.normal(size=(ROWS, features))
        name = f"svm, {size}"
        answers(directory, name, rows, pipeline.decision_function(rows))
        (directory / f"{name}.pkl").write_bytes(pickle.dumps(pipeline, protocol=4))
        yield name, f"{name}.pkl", "scikit-learn", *timed(lambda: pipeline.decision_function(rows)), 1e-9
        yield from libsvm(directory, f"bare svm, {size}", svm, pipeline[0].transform(rows))


def libsvm(directory, name, svm, rows):
    """The same support vectors in LIBSVM's own library, called in this process, without the scaler."""
    try:
        from libsvm.svm import gen_svm_nodearray, svm_model
        from libsvm.svmutil import svm_load_model
        from libsvm.svm import libsvm as library
    except ImportError:
        return
    text = ["svm_type one_class", "kernel_type rbf", f"gamma {svm._gamma!r}", "nr_class 2"]
    text += [f"total_sv {len(svm.support_vectors_)}", f"rho {float(-svm.intercept_[0])!r}", "SV"]
    for weight, vector in zip(svm.dual_coef_[0], svm.support_vectors_):
        values = " ".join(f"{index}:{float(value)!r}" for index, value in enumerate(vector, 1))
        text.append(f"{float(weight)!r} {values} ")
    path = directory / f"{name}.libsvm"
    path.write_text("\n".join(text) + "\n")
    model = svm_load_model(str(path))
    # A model without support vectors does nothing: what a call of it takes is Python's own time.
    empty = svm_model.from_buffer_copy(model)
    empty.l = 0
    empty.__createfrom__ = "python"
    nodes = [gen_svm_nodearray(list(map(float, row)))[0] for row in rows]
    value = ctypes.c_double()
    predict = library.svm_predict_values
    predict.argtypes, predict.restype = None, ctypes.c_double

    def calls(of):
        model = ctypes.byref(of)
        arguments = [(model, node, ctypes.byref(value)) for node in nodes]

        def call():
            for each in arguments:
                predict(*each)

        return call

    decisions = []
    for node in nodes:
        predict(ctypes.byref(model), node, ctypes.byref(value))
        decisions.append(value.value)
    answers(directory, name, rows, decisions)
    # Medians of two series may not be subtracted from each other; the best rounds are those that nothing disturbed.
    net = timed(calls(model))[0] - timed(calls(empty))[0]
    yield name, path.name, "LIBSVM", net, net, 1e-9


CASES = [one_class_svms]


def main(directory):
    for cases in CASES:
        for case in cases(directory):
            print(*case, sep="\t", flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
