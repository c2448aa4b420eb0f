"""From scikit-learn to verdicts, cell by cell: train, write, prove, inspect, score.

    pip install scikit-learn pandas
    python examples/from_scikit_learn.py

Everything lands in the folder `from-scikit-learn`. `anomalyd` is taken from PATH, else from this repository's target/.
"""

# %% The tools
import shutil
import subprocess
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

FOLDER = Path("from-scikit-learn")
MODELS = FOLDER / "models"
MODELS.mkdir(parents=True, exist_ok=True)
MODEL = MODELS / "model_press-1_vibration.joblib"
PROOF = MODELS / "model_press-1_vibration.expect.csv"


def binary():
    target = Path(__file__).resolve().parents[1] / "target"
    built = [target / profile / "anomalyd" for profile in ("release", "debug")]
    found = [path for path in (shutil.which("anomalyd"), *filter(Path.exists, built)) if path]
    if not found:
        raise SystemExit("anomalyd is not built yet: cargo build --release")
    return found[0]


def anomalyd(*arguments):
    arguments = [str(argument) for argument in arguments]
    print("\n$ anomalyd", *arguments, flush=True)
    subprocess.run([binary(), *arguments], check=True)


# %% Readings: three days of a press, a vibration every ten seconds that follows the time of day
rng = np.random.default_rng(7)
times = pd.date_range("2026-11-01", periods=3 * 8640, freq="10s", tz="UTC")
daily = 0.1 * np.sin(2 * np.pi * np.arange(len(times)) / 8640)
history = pd.DataFrame({"TS": times, "Device": "press-1", "Tag": "vibration"})
history["Value"] = 2.4 + daily + rng.normal(0, 0.05, len(times))

# On the last day a bearing is loose for ten minutes.
last_day = history[history["TS"] >= "2026-11-03"].copy()
loose = last_day["TS"].between("2026-11-03 13:40", "2026-11-03 13:50", inclusive="left")
last_day.loc[loose, "Value"] += rng.normal(0, 0.6, loose.sum())
last_day.to_csv(FOLDER / "last_day.csv", index=False)

# %% Train on the first two days. The columns' names are anomalyd's: the model says itself what its rows are
healthy = history[history["TS"] < "2026-11-03"].set_index("TS")["Value"].resample("1min")
X = pd.DataFrame({"mean": healthy.mean(), "std": healthy.std(ddof=0)}).dropna()
model = make_pipeline(StandardScaler(), OneClassSVM(gamma=0.05, nu=0.002)).fit(X)
joblib.dump(model, MODEL)

# %% The answers that it must give, wherever it is loaded: of rows that are normal, and of rows that are not
odd = X.sample(50, random_state=0) * rng.uniform(0.5, 1.5, (50, 1))
rows = pd.concat([X.sample(50, random_state=1), odd])
answers = rows.assign(decision=model.decision_function(rows), label=model.predict(rows))
answers.to_csv(PROOF, index=False)

# %% Does anomalyd read it, and agree?
anomalyd("model", "inspect", MODEL)
anomalyd("model", "check", MODEL, "--data", PROOF, "--decisions", "decision", "--labels", "label")

# %% What would it have said of the last day?
scored = FOLDER / "scored"
anomalyd("score", "--models", MODELS, "--data", FOLDER / "last_day.csv", "--out", scored, "--decisions")
verdicts = pd.concat(pd.read_csv(file, parse_dates=["TS"]) for file in sorted(scored.glob("preds_*.csv")))
print("\nMinutes that are anomalies; the bearing was loose from 13:40 to 13:50:")
print(verdicts[verdicts["Prediction"] == 1].to_string(index=False))

# %% As scikit-learn says it
minutes = last_day.set_index("TS")["Value"].resample("1min")
rows = pd.DataFrame({"mean": minutes.mean(), "std": minutes.std(ddof=0)})
difference = np.abs(model.decision_function(rows) - verdicts["Decision"].to_numpy()).max()
print(f"\nThe {len(rows)} decision values differ from scikit-learn's by {difference:.1e} at most.")
