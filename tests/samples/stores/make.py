"""Makes the sample of a store as one version of anomalyd leaves it when it is killed, with what that version answers.

    python tests/samples/stores/make.py BINARY tests/samples/stores/format-N

The store holds closed windows, finished runs, an open journal, rejects, a session and readings that wait for the clock
(where the system's clock is not synchronised). Later versions must open it and give the same answers: see
tests/daemon/upgrade.rs. A sample is made once, by the last version that writes its format, and never changed. The
configuration is that of format 1: later formats have other keys for what is kept. The sample of format 1 is older than
the present form of this script: its two readings from ahead of the clock came 0.2 s one after the other.
"""

import datetime
import json
import math
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SAMPLES = pathlib.Path(__file__).resolve().parent.parent
PORT = 18931
CONFIG = f"""\
clock = "wall"
[store]
directory = "store"
windows = 8
runs = 12
rejects = 16
[mqtt.listen]
address = "127.0.0.1:{PORT}"
[[mqtt.route]]
topic = "plant/{{device}}/{{sensor}}"
[[filter]]
sensors = "*/pressure"
max = 1000.0
[limits]
max_ahead = "5s"
[window]
interval = "1s"
length = "5s"
lateness = "1s"
[schedule]
cron = "*/5 * * * * *"
catch_up = 2
settle = "1s"
[models]
directory = "models"
[publish.files]
directory = "published"
"""


class Device:
    """A device that keeps its session, and waits for each acknowledgement."""

    def __init__(self, client):
        self.socket = socket.create_connection(("127.0.0.1", PORT))
        self.packet = 0
        self.send(0x10, self.text("MQTT") + bytes([4, 0, 0, 60]) + self.text(client), 0x20)

    @staticmethod
    def text(text):
        return len(text.encode()).to_bytes(2, "big") + text.encode()

    def send(self, kind, body, answer):
        length, left = b"", len(body)
        while True:
            left, digit = divmod(left, 128)
            length += bytes([digit | (128 if left else 0)])
            if not left:
                break
        self.socket.sendall(bytes([kind]) + length + body)
        received = b""
        while len(received) < 4:
            received += self.socket.recv(4 - len(received))
        assert received[0] == answer, received

    def publish(self, topic, payload):
        self.packet += 1
        self.send(0x32, self.text(topic) + self.packet.to_bytes(2, "big") + payload.encode(), 0x40)

    def reading(self, sensor, at, value):
        at = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="milliseconds")
        self.publish(f"plant/{sensor}", json.dumps({"ts": at.replace("+00:00", "Z"), "value": value}))


def publish(seconds):
    random.seed(4)
    device = Device("boiler-gateway")
    for n in range(seconds * 5):
        now = time.time()
        device.reading("boiler/temperature", now, round(0.5 + 0.4 * math.sin(n / 7), 2))
        device.reading("boiler/pressure", now, round(random.gauss(1, 0.7), 3))
        if n % 2 == 0:
            device.reading("mill/speed", now, float(1480 + n % 5))
        if n == 20:
            device.reading("boiler/pressure", now, 5000.0)
        if n == 30:
            device.publish("plant/boiler/pressure", "no json")
        if n == 35:
            device.reading("mill/speed", now - 60, 1.0)
        if n == 40:
            device.reading("boiler/temperature", now + 86400, 0.25)
            device.reading("mill/speed", now + 86400.5, 1500.0)
        time.sleep(0.2)


def main(binary, into):
    into = pathlib.Path(into)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "config.toml").write_text(CONFIG)
        (folder / "models").mkdir()
        shutil.copy(SAMPLES / "p2_scale_1d.pkl", folder / "models" / "model_boiler_pressure.pkl")
        shutil.copy(SAMPLES / "p4_bare_1d.pkl", folder / "models" / "model_boiler_temperature.pkl")
        daemon = subprocess.Popen([binary, "run", "--config", folder / "config.toml"])
        time.sleep(3)
        publish(22)
        daemon.kill()
        daemon.wait()
        for what in ["runs", "verdicts", "models", "rejects", "sensors"]:
            answer = subprocess.run([binary, "dump", what, "--config", folder / "config.toml"], check=True, capture_output=True)
            (into / f"{what}.jsonl").write_bytes(answer.stdout)
        shutil.copy(folder / "config.toml", into)
        (folder / "store" / "lock").unlink()
        subprocess.run(["tar", "-C", folder, "--owner=0", "--group=0", "-czf", into / "store.tar.gz", "store"], check=True)


main(*sys.argv[1:])
