#!/usr/bin/env python3
"""Writes a model of several sensors of a device, two hours of their readings, and scikit-learn's answers to the rows.

    python3 -m venv venv && venv/bin/pip install scikit-learn pandas && venv/bin/python make_joined.py

The model is fitted to a data frame whose columns are called as anomalyd writes features, so that its file says what its
rows are. The rows are made here with pandas, apart from anything that anomalyd does.
"""

import pathlib
import pickle

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

HERE = pathlib.Path(__file__).resolve().parent
START = pd.Timestamp("2018-08-28 22:00")
MINUTES = 120


def readings():
    """Two readings a minute of the vibration, one of the others; some minutes of each are missing."""
    rng = np.random.default_rng(7)
    rows = []
    load = np.cumsum(rng.normal(size=MINUTES)) / 5
    for minute in range(MINUTES):
        at = START + pd.Timedelta(minutes=minute)
        values = {
            "vibration": [load[minute] + x for x in rng.normal(scale=0.2, size=2)],
            "temperature": [60 + 2 * load[minute] + rng.normal(scale=0.3)],
            "current": [10 + load[minute] ** 2 + rng.normal(scale=0.1)],
        }
        if minute in (50, 51, 90):
            values["temperature"] = [40.0]
        if minute in (7, 30, 59, 60, 61, 100):
            del values["temperature"]
        if minute in (20, 58, 110):
            del values["current"]
        if minute in (40, 75):
            del values["vibration"]
        for sensor, of in values.items():
            for place, value in enumerate(of):
                time = at + pd.Timedelta(seconds=5 + 25 * place)
                rows.append((time, "press", sensor, round(float(value), 3)))
    return pd.DataFrame(sorted(rows), columns=["TS", "Device", "Tag", "Value"])


def joined(data):
    """The rows: an interval of the vibration each, without those for which something is missing."""
    by_minute = data.groupby(["Tag", data.TS.dt.floor("min")])["Value"]
    mean = by_minute.mean().unstack("Tag").asfreq("min")
    std = by_minute.std(ddof=0).unstack("Tag").asfreq("min")
    columns = {
        "mean": mean["vibration"],
        "std": std["vibration"],
        "temperature.mean": mean["temperature"],
        "temperature.mean diff 2": mean["temperature"] - mean["temperature"].shift(2),
        "current.mean lag 1": mean["current"].shift(1),
    }
    return pd.DataFrame(columns).dropna(), mean["vibration"]


data = readings()
rows, value = joined(data)
model = Pipeline([("scaler", StandardScaler()), ("detector", OneClassSVM(kernel="rbf", nu=0.1, gamma="scale"))])
model.fit(rows)
(HERE / "model_press_vibration.pkl").write_bytes(pickle.dumps(model, protocol=4))
data["TS"] = data.TS.dt.strftime("%Y-%m-%d %H:%M:%S.000")
data.to_csv(HERE / "history.csv", index=False)
with open(HERE / "golden.csv", "w", encoding="ascii", newline="\n") as file:
    print("TS,Device,Tag,Val,Prediction,Decision", file=file)
    for at, label, decision in zip(rows.index, model.predict(rows), model.decision_function(rows)):
        time = at.strftime("%Y-%m-%d %H:%M:%S.000")
        print(f"{time},press,vibration,{float(value[at])!r},{int(label < 0)},{float(decision)!r}", file=file)
