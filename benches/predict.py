"""The reference's scoring job for one sensor, as a process of its own; and the training of the models that it loads.

    predict.py train DATA MODELS          a model for each sensor of DATA: the reference's own pickles are of
                                          scikit-learn 0.19, which no current version loads
    predict.py score DATA MODEL DEVICE TAG OUT
"""

import datetime
import pickle
import sys

import pandas as pd


def rows_of(data, device, tag):
    frame = pd.read_csv(data)
    return frame[(frame["Device"] == device) & (frame["Tag"] == tag)]


def train(data, models):
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    frame = pd.read_csv(data)
    for (device, tag), rows in frame.groupby(["Device", "Tag"]):
        pipeline = Pipeline([("scaler", StandardScaler()), ("svm", OneClassSVM(kernel="rbf", gamma=0.01, nu=0.0001))])
        pipeline.fit(rows[["Value"]].to_numpy())
        with open(f"{models}/model_{device}_{tag}", "wb") as file:
            pickle.dump(pipeline, file, protocol=4)


def score(data, model, device, tag, out):
    rows = rows_of(data, int(device), int(tag))
    with open(model, "rb") as file:
        pipeline = pickle.load(file)
    labels = pipeline.predict(rows[["Value"]].to_numpy())
    result = pd.DataFrame(
        {"TS": rows["TS"], "Device": device, "Tag": tag, "Val": rows["Value"], "Prediction": (labels < 0).astype(int)}
    )
    now = datetime.datetime.now().strftime("%y%m%d%H%M%S")
    result.to_csv(f"{out}/preds_{device}_{tag}_{now}.csv", index=False)


if __name__ == "__main__":
    {"train": train, "score": score}[sys.argv[1]](*sys.argv[2:])
