#!/usr/bin/env python3
"""Writes the history of `joined` as people have histories, with pandas, into the folder `histories`.

    python3 -m venv venv && venv/bin/pip install pandas && venv/bin/python make_histories.py

As with `make_pickles.py`, they need not be written again.
"""

import gzip
from pathlib import Path

import pandas as pd

out = Path("histories")
out.mkdir(exist_ok=True)
long = pd.read_csv("joined/history.csv", parse_dates=["TS"], dtype={"Value": float})
assert not long.duplicated(["TS", "Tag"]).any()
wide = long.pivot(index="TS", columns="Tag", values="Value").reset_index()


def packed(name, text):
    """A file that is the same whenever it is written."""
    (out / name).write_bytes(gzip.compress(text.encode(), mtime=0))


# A spreadsheet of Germany: a column a sensor, local time, decimal commas, gaps, a column that is no sensor.
german = wide.assign(status="läuft")
german["TS"] = german["TS"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin").dt.strftime("%d.%m.%Y %H:%M:%S")
german = german.rename(columns={"TS": "Zeit", "temperature": "Temperatur [°C]"})
packed("german.csv.gz", "sep=;\r\n" + german.to_csv(index=False, sep=";", decimal=",", lineterminator="\r\n"))

# "Unicode text": tabs, UTF-16, milliseconds since 1970, the device in the names of the columns.
unicode = wide.rename(columns={tag: f"press/{tag}" for tag in ["current", "temperature", "vibration"]})
unicode["TS"] = unicode["TS"].astype("datetime64[ms]").astype("int64")
(out / "unicode.txt").write_text(unicode.to_csv(index=False, sep="\t", na_rep="NaN"), encoding="utf-16")

# A long table of one device, its day and its time apart.
apart = pd.DataFrame(
    {
        "Date": long["TS"].dt.strftime("%Y-%m-%d"),
        "Time": long["TS"].dt.strftime("%H:%M:%S.%f"),
        "Sensor": long["Tag"],
        "Value": long["Value"],
    }
)
packed("apart.csv.gz", "# of the press\n\n" + apart.to_csv(index=False, sep="|"))
