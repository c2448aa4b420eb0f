#!/usr/bin/env python3
"""Writes the support vector machines of this folder, each with rows and the library's own answers to them.

    python3 -m venv venv && venv/bin/pip install scikit-learn libsvm-official && venv/bin/python make_svm.py

`.pkl` are scikit-learn's, `.libsvm` the text of LIBSVM; the answers to a text are those that LIBSVM gives for the text,
not for the model that it was written from.
"""

import pathlib
import pickle

import numpy as np
from libsvm.svmutil import svm_load_model, svm_parameter, svm_predict, svm_problem, svm_save_model, svm_train
from sklearn.linear_model import SGDOneClassSVM
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent


def rows_of(features, seed, rows=40):
    rng = np.random.default_rng(seed)
    return 3.0 + 2.0 * rng.normal(size=(rows, features)) * np.arange(1, features + 1)


def answers(name, rows, labels, decisions):
    with open(HERE / f"{name}.csv", "w", encoding="ascii", newline="\n") as file:
        print(",".join([f"x{i}" for i in range(rows.shape[1])] + ["label", "decision"]), file=file)
        for row, label, decision in zip(rows, labels, decisions):
            print(",".join([repr(float(x)) for x in row] + [str(int(label)), repr(float(decision))]), file=file)


def sklearn(name, detector, features, seed):
    model = Pipeline([("scaler", StandardScaler()), ("detector", detector)]).fit(rows_of(features, seed))
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=4))
    rows = np.concatenate([rows_of(features, seed + 1, 18), 10.0 * rows_of(features, seed + 2, 3)])
    answers(name, rows, model.predict(rows), model.decision_function(rows))


def libsvm(name, options, features, seed):
    path = HERE / f"{name}.libsvm"
    training = rows_of(features, seed) / 5.0
    training[::3, 0] = 0.0
    problem = svm_problem([1] * len(training), training.tolist())
    svm_save_model(str(path), svm_train(problem, svm_parameter(f"-s 2 -q {options}")))
    model = svm_load_model(str(path))
    rows = np.concatenate([rows_of(features, seed + 1, 18), 5.0 * rows_of(features, seed + 2, 3)]) / 5.0
    labels, _, decisions = svm_predict([], rows.tolist(), model, "-q")
    answers(name, rows, labels, [decision[0] for decision in decisions])


sklearn("linear_2d", OneClassSVM(kernel="linear", nu=0.2), 2, 200)
sklearn("poly_3d", OneClassSVM(kernel="poly", degree=4, gamma=0.2, coef0=1.5, nu=0.2), 3, 210)
sklearn("poly_degree_0_1d", OneClassSVM(kernel="poly", degree=0, nu=0.2), 1, 220)
sklearn("sigmoid_2d", OneClassSVM(kernel="sigmoid", gamma=0.05, coef0=-0.3, nu=0.3), 2, 230)
sklearn("rbf_9d", OneClassSVM(kernel="rbf", gamma="auto", nu=0.3), 9, 240)
sklearn("sgd_3d", SGDOneClassSVM(nu=0.2, random_state=1), 3, 250)
sklearn("sgd_average_2d", SGDOneClassSVM(nu=0.3, average=True, random_state=2), 2, 260)
libsvm("text_rbf_3d", "-t 2 -g 0.2 -n 0.2", 3, 310)
libsvm("text_linear_2d", "-t 0 -n 0.3", 2, 320)
libsvm("text_polynomial_2d", "-t 1 -d 3 -g 0.3 -r 0.5 -n 0.3", 2, 330)
libsvm("text_sigmoid_3d", "-t 3 -g 0.05 -r 0.2 -n 0.4", 3, 340)

precomputed = OneClassSVM(kernel="precomputed", nu=0.5).fit(np.eye(6) + 0.1)
(HERE / "refused_precomputed.pkl").write_bytes(pickle.dumps(precomputed, protocol=4))
