"""Types of fields that the scheduler's messages share, with their bounds.

A job's buckets are numbered through in render order (`mesh/sched/layout.py`): a *position*. A set of
positions travels as `Spans`: start, stop, start, stop, ... ascending. Ages and lengths of time are in
seconds; no message carries a clock reading.
"""

from __future__ import annotations

from typing import Annotated

from mesh.model.ids import NodeId
from mesh.wire.base import AtMost, Range

MAX_SPAN_NUMBERS = 4096

Counter = Annotated[int, Range(0, 2**62)]
Position = Annotated[int, Range(0, 2**48)]
Spans = Annotated[tuple[Position, ...], AtMost(MAX_SPAN_NUMBERS)]
Seconds = Annotated[float, Range(0, 1e9)]
Size = Annotated[int, Range(0, 2**48)]
Sentence = Annotated[str, AtMost(1024)]
Key = Annotated[bytes, AtMost(512)]
Nodes = Annotated[tuple[NodeId, ...], AtMost(64)]
