"""Dask distributed doing what tools/bench_sched.py measures; prints its figures as one JSON object."""

from __future__ import annotations

import hashlib
import json
import sys
import time

from distributed import Client, LocalCluster


def unit(number: int, seconds: float) -> bytes:
    time.sleep(seconds)
    return hashlib.sha256(str(number).encode()).digest()


def measure(client: Client, units: int, seconds: float) -> float:
    began = time.perf_counter()
    client.gather(client.map(unit, range(units), seconds=seconds, pure=False))
    return time.perf_counter() - began


def main() -> None:
    units, seconds, workers, empty = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        measure(client, 8, 0.001)
        ideal = units * seconds / workers
        figures = {
            "efficiency": ideal / measure(client, units, seconds),
            "throughput": empty / measure(client, empty, 0.0),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
