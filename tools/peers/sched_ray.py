"""Ray doing what tools/bench_sched.py measures; prints its figures as one JSON object."""

from __future__ import annotations

import hashlib
import json
import sys
import time

import ray


@ray.remote
def unit(number: int, seconds: float) -> bytes:
    time.sleep(seconds)
    return hashlib.sha256(str(number).encode()).digest()


def measure(units: int, seconds: float) -> float:
    began = time.perf_counter()
    ray.get([unit.remote(number, seconds) for number in range(units)])
    return time.perf_counter() - began


def main() -> None:
    units, seconds, workers, empty = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    measure(8, 0.001)
    ideal = units * seconds / workers
    figures = {"efficiency": ideal / measure(units, seconds), "throughput": empty / measure(empty, 0.0)}
    ray.shutdown()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
