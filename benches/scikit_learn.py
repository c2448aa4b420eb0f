"""Trains models of a known size, and times scikit-learn's own decision_function on them in this process.

    scikit_learn.py DIRECTORY

For each size it writes NAME.pkl (the pipeline), NAME.rows and NAME.decisions (the rows that are scored and what
scikit-learn makes of them, a number a line), and prints "NAME VECTORS FEATURES SECONDS", the time a call takes.
"""

import pathlib
import pickle
import statistics
import sys
import time

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

SIZES = {"50x1": (50, 1), "500x8": (500, 8)}
ROWS, CALLS, ROUNDS = 60, 200, 7


def main(directory):
    for name, (vectors, features) in SIZES.items():
        rng = np.random.default_rng(7)
        # With nu this close to 1 every row of the training becomes a support vector.
        svm = OneClassSVM(kernel="rbf", gamma=0.1, nu=1.0 - 0.5 / vectors)
        pipeline = Pipeline([("scaler", StandardScaler()), ("svm", svm)])
        pipeline.fit(20.0 + 5.0 * rng.normal(size=(vectors, features)))
        rows = 20.0 + 6.0 * rng.normal(size=(ROWS, features))
        decisions = pipeline.decision_function(rows)
        (directory / f"{name}.pkl").write_bytes(pickle.dumps(pipeline, protocol=4))
        for ending, numbers in [("rows", rows.ravel()), ("decisions", decisions)]:
            (directory / f"{name}.{ending}").write_text("\n".join(repr(float(x)) for x in numbers))
        rounds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(CALLS):
                pipeline.decision_function(rows)
            rounds.append((time.perf_counter() - began) / CALLS)
        print(name, len(pipeline[-1].support_vectors_), features, statistics.median(rounds))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
