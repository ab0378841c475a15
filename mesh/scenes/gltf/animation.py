"""Animation clips: keyframe samplers with STEP, LINEAR and CUBICSPLINE interpolation.

Source: glTF 2.0 specification, section 3.11 and appendix C. Plain Python floats and our own sine and
arc cosine, so that a pose has the same bits on every machine.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from mesh.scenes.exact import acos, sin_cos
from mesh.scenes.gltf.accessors import Accessors
from mesh.scenes.gltf.cursor import Value
from mesh.scenes.gltf.pointers import (
    WEIGHTS,
    Property,
    changes_nothing,
    lamp_or_camera,
    node_path,
    pointer_of,
)
from mesh.scenes.matrices import normalize_quaternion

_PATHS = {"translation": 3, "rotation": 4, "scale": 3}
_MAX_TIME = 1e7
_SHOWN = 80
"""Letters of a pointer that a warning repeats."""
_ENDLESS = 1e30
"""Seconds, which a float32 can still say."""
_F32 = struct.Struct("<f")


class Interpolation(Enum):
    STEP = "STEP"
    LINEAR = "LINEAR"
    CUBICSPLINE = "CUBICSPLINE"


@dataclass(frozen=True, slots=True)
class Sampler:
    """Keyframes: ascending times in seconds and, for each, a row of numbers.

    A cubic spline's row is its in-tangent, value and out-tangent, each `width` long.
    """

    interpolation: Interpolation
    times: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]
    width: int
    is_rotation: bool

    def at(self, time: float) -> tuple[float, ...]:
        """The value at `time`; the first and last keyframes hold beyond the ends."""
        after = bisect_right(self.times, time)
        if after == 0:
            return self._key(0)
        if after == len(self.times) or self.interpolation is Interpolation.STEP:
            return self._key(after - 1)
        start, end = self.times[after - 1], self.times[after]
        if self.interpolation is Interpolation.LINEAR:
            part = (time - start) / (end - start)
            a, b = self.rows[after - 1], self.rows[after]
            if self.is_rotation:
                return slerp(a, b, part)
            return tuple(x + (y - x) * part for x, y in zip(a, b, strict=True))
        return self._hermite(after - 1, (time - start) / (end - start), end - start)

    def _key(self, at: int) -> tuple[float, ...]:
        row = self.rows[at]
        if self.interpolation is Interpolation.CUBICSPLINE:
            return row[self.width : 2 * self.width]
        return row

    def _hermite(self, at: int, t: float, seconds: float) -> tuple[float, ...]:
        width = self.width
        left, right = self.rows[at], self.rows[at + 1]
        squared, cubed = t * t, t * t * t
        of_value = 2.0 * cubed - 3.0 * squared + 1.0
        of_out = seconds * (cubed - 2.0 * squared + t)
        of_next = 3.0 * squared - 2.0 * cubed
        of_in = seconds * (cubed - squared)
        return tuple(
            (of_value * left[width + i] + of_out * left[2 * width + i])
            + (of_next * right[width + i] + of_in * right[i])
            for i in range(width)
        )


@dataclass(frozen=True, slots=True)
class Channel:
    """What moves: a node's translation, rotation, scale or morph weights."""

    node: int
    path: str
    sampler: Sampler


@dataclass(frozen=True, slots=True)
class Dimmer:
    """What changes a number of a lamp or a camera."""

    target: Property
    sampler: Sampler


@dataclass(frozen=True, slots=True)
class Clip:
    channels: tuple[Channel, ...]
    dimmers: tuple[Dimmer, ...]
    duration: float

    def wrap(self, time: float, shift: float = 0.0) -> float:
        """Where in the clip `time` falls: it plays over and over, and its very end is shown when reached.

        Artists render a walk of one second for as many frames as they need; a clip that should stand
        still at its end is exported with that standstill. Files say times in float32, so ours is rounded as
        theirs were: else every other frame would fall just before the keyframe that was made for it.

        `shift` leads to another moment of the same frame, which is never in another turn of the clip: what stands at its
        end when the shutter closes would else be blurred all the way back to where it began.
        """
        (time,) = _F32.unpack(_F32.pack(min(max(time, 0.0), _ENDLESS)))
        if time <= self.duration:
            within = time
        else:
            within = math.fmod(time, self.duration) if self.duration > 0.0 else 0.0
        return min(max(within + shift, 0.0), self.duration)


def together(clips: Sequence[Clip]) -> Clip:
    """Clips that move different things as one, as long as the longest: shorter ones stand still at their end."""
    channels = tuple(channel for clip in clips for channel in clip.channels)
    dimmers = tuple(dimmer for clip in clips for dimmer in clip.dimmers)
    return Clip(channels, dimmers, max(clip.duration for clip in clips))


def slerp(a: Sequence[float], b: Sequence[float], part: float) -> tuple[float, ...]:
    """Between two quaternions along the shorter arc (appendix C.4)."""
    a, b = normalize_quaternion(a), normalize_quaternion(b)
    cosine = ((a[0] * b[0] + a[1] * b[1]) + a[2] * b[2]) + a[3] * b[3]
    turn = 1.0
    if cosine < 0.0:
        cosine, turn = -cosine, -1.0
    angle = acos(cosine)
    if angle < 1e-6:
        # The sines' quotient is the straight line here, to all digits.
        of_a, of_b = 1.0 - part, part
    else:
        whole = sin_cos(angle)[0]
        of_a, of_b = sin_cos((1.0 - part) * angle)[0] / whole, sin_cos(part * angle)[0] / whole
    of_b *= turn
    return tuple(of_a * x + of_b * y for x, y in zip(a, b, strict=True))


def read_clip(
    animation: Value,
    accessors: Accessors,
    morphs: Sequence[int],
    known: Collection[str],
    warnings: list[str],
) -> Clip:
    """The clip of one animation; `morphs` says for each node of the file how many morph targets it has, `known` where its
    lamps and cameras stand."""
    samplers = animation.objects("samplers")
    channels: list[Channel] = []
    dimmers: list[Dimmer] = []
    strange: list[str] = []
    for value in animation.objects("channels"):
        index = value.index("sampler", len(samplers), "samplers")
        if index < 0:
            value.fail("is missing", key="sampler")
        pointer = pointer_of(value)
        target, moved = lamp_or_camera(pointer), node_path(pointer)
        if target is not None and target.where in known:
            kind = "SCALAR" if target.width == 1 else "VEC3"
            dimmers.append(Dimmer(target, _read_sampler(samplers[index], accessors, kind, target.width)))
        elif moved is not None:
            node, path = moved
            if node >= len(morphs):
                value.fail(f"refers to nodes[{node}], but the file has only {len(morphs)}", key="target.node")
            width = morphs[node] if path == WEIGHTS else _PATHS[path]
            if width == 0:
                warnings.append(f"{value.where} moves morph weights of a node without morph targets")
                continue
            kind = "SCALAR" if path == WEIGHTS else f"VEC{width}"
            sampler = _read_sampler(samplers[index], accessors, kind, width, path == "rotation")
            channels.append(Channel(node, path, sampler))
        elif not changes_nothing(pointer):
            strange.append(pointer[:_SHOWN] or value.where)
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        name = animation.text("name") or animation.where
        warnings.append(f"the clip {name} also moves {strange[0]}{more}, which stand still here")
    samples = [*(one.sampler for one in channels), *(one.sampler for one in dimmers)]
    duration = max((one.times[-1] for one in samples), default=0.0)
    return Clip(tuple(channels), tuple(dimmers), duration)


def _read_sampler(
    value: Value, accessors: Accessors, kind: str, width: int, is_rotation: bool = False
) -> Sampler:
    interpolation = Interpolation(
        value.choice("interpolation", "LINEAR", tuple(kind.value for kind in Interpolation))
    )
    times = accessors.floats(value, "input", ("SCALAR",))[:, 0].tolist()
    if not all(0.0 <= time <= _MAX_TIME for time in times):
        value.fail("has times that are negative, not finite, or beyond 10,000,000 seconds", key="input")
    if any(later <= earlier for earlier, later in pairwise(times)):
        value.fail("has times that do not ascend", key="input")
    output = accessors.floats(value, "output", (kind,))
    per_key = width * (3 if interpolation is Interpolation.CUBICSPLINE else 1)
    if output.size != len(times) * per_key:
        value.fail(
            f"has {output.size} numbers for {len(times)} keyframes, not {len(times) * per_key}", key="output"
        )
    flat = output.reshape(-1).tolist()
    if not all(-1e15 <= number <= 1e15 for number in flat):
        value.fail("has numbers that are not finite or absurdly large", key="output")
    rows = tuple(tuple(flat[at : at + per_key]) for at in range(0, len(flat), per_key))
    return Sampler(interpolation, tuple(times), rows, width, is_rotation)
