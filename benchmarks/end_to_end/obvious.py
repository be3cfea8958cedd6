"""The obvious build: one message at a time, Keras predict, the InfluxDB client's batching."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from influxdb_client import InfluxDBClient, Point
from influxdb_client.client.write_api import WriteOptions
from kafka import KafkaConsumer
from numpy.typing import NDArray

from models.bundle import load_bundle
from models.networks import load_network

WARM_UP = 20
"""Windows that are not timed: the network is built and traced with the first."""


def features(signal: NDArray[np.float64], rate: float, edges: Any, shape: Any) -> NDArray[Any]:
    """Log band power of each frame, as a tutorial would write it."""
    frames, width = shape
    pieces = np.array_split(signal - signal.mean(), frames)
    rows = np.zeros((frames, width))
    for number, piece in enumerate(pieces):
        power = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) ** 2
        frequency = np.fft.rfftfreq(len(piece), 1 / rate)
        for band, (low, high) in enumerate(edges):
            chosen = power[(frequency >= low) & (frequency < high)]
            rows[number, band] = np.log10(chosen.sum() + 1e-12)
    return rows


def main(arguments: list[str]) -> None:
    bootstrap, topic, url, token, org, bucket, count = arguments
    bundle = load_bundle()
    network = load_network(Path(bundle.path) / "network.keras")
    shape = (bundle.features.frames, bundle.features.width)
    edges = bundle.features.edges_hz()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id="obvious", auto_offset_reset="earliest"
    )
    client = InfluxDBClient(url, token=token, org=org)
    writer = client.write_api(write_options=WriteOptions(batch_size=500))
    baselines: dict[tuple[str, str], NDArray[Any]] = {}
    began = 0.0
    for number, record in enumerate(consumer):
        if number == WARM_UP:
            began = time.perf_counter()
        if number == WARM_UP + int(count):
            break
        fields = msgspec.msgpack.decode(record.value)
        samples = np.frombuffer(fields["samples"], fields["dtype"]).astype(float)
        bands = features(samples * fields["scale"], fields["sample_rate_hz"], edges, shape)
        key = (fields["asset"], fields["sensor"])
        sequence = np.clip((bands - baselines.setdefault(key, bands)) / 0.1, -8, 8)[np.newaxis]
        loss = float(np.mean((network.predict(sequence, verbose=0) - sequence) ** 2))
        point = Point("obvious").tag("asset", key[0]).tag("sensor", key[1])
        writer.write(bucket, org, point.field("loss", loss).time(fields["start_ns"]))
    writer.close()
    spent = time.perf_counter() - began
    consumer.close()
    print(f"windows_per_second {int(count) / spent:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
