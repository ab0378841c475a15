"""A job's manifest: everything the pixels depend on, and nothing else. Immutable; its digest is the JobId.

How often a job is retried, its priority or its tags are edits in the ledger, not part of the manifest:
changing them must not change what is rendered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mesh.model.ids import Digest
from mesh.model.layers import MATTES, Layer, channels_of
from mesh.model.units import Grid

_DIVISIBLE_PIXELS = 1 << 16


class EngineName(StrEnum):
    BUILTIN = "builtin"
    SLEEP = "sleep"
    """Sleeps and hashes instead of rendering: what the scheduler's benchmarks and tests run."""
    ROUNDING = "rounding"
    """Renders noise that differs in its last bits from run to run: what tests of audits run."""


FRAME_IN_MEMORY = 1 << 30
"""Bytes of the largest frame that is put together in memory, and not on the disk where it is to be: 16384 x 16384 pixels
are 15 GB."""


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What a renderer is told beside the scene. Lengths in scene units, angles in degrees."""

    width: int = 960
    height: int = 540
    bucket: int = 64
    samples: int = 64
    """Samples per pixel."""
    max_depth: int = 8
    """Longest path, in bounces."""
    clamp: float = 20.0
    """Radiance above which one sample is cut (fireflies); 0 leaves it whole. In a scene lit so brightly that white
    things shine more than 1, so many times that."""
    seed: int = 0
    fps: float = 24.0
    """Frame n shows time (n - 1) / fps, in seconds."""
    camera: str = ""
    """Name of a camera in the scene; empty for the first, or a framed one where there is none."""
    environment: str = ""
    """Path inside the scene tree of an equirectangular image; `sky` for the computed sky; empty for the
    scene's own light, and the sky where it has none."""
    environment_rotation: float = 0.0
    environment_strength: float = 1.0
    turntable: int = 0
    """Turn the camera once around the scene in so many frames, beginning at frame 1; 0 leaves it still."""
    scene: str = ""
    clip: str = ""
    variant: str = ""
    noise: float = 0.0
    """Adaptive sampling's target of relative error; 0 takes `samples` everywhere."""
    layers: tuple[Layer, ...] = ()
    """What results hold beside the layers of every frame, in the order of `Layer`."""
    shutter: float = 0.0
    """For how much of a frame's time the shutter is open, around its moment; 0 blurs nothing."""
    motion_steps: int = 16
    """How many moments stand for that time; samples are shared out among them."""
    f_stop: float = 0.0
    """Of the camera's lens, on film 24 mm high; 0 leaves it as the scene has it."""
    focus: float = 0.0
    """Distance of what is sharp where there is an f-stop; 0 takes the middle of the scene."""

    @property
    def frame_bytes(self) -> int:
        """Of a whole frame's pixels, all channels, as it is put together."""
        return 4 * self.width * self.height * len(channels_of(self.layers))

    @property
    def divisible(self) -> bool:
        """Whether a bucket's samples add up to the same however they are shared out: not where those taken decide
        how many follow, nor where each pixel counts the names it meets first. Sums of very large buckets would be
        too much to send."""
        pixels = min(self.bucket, self.width) * min(self.bucket, self.height)
        return self.noise == 0.0 and pixels <= _DIVISIBLE_PIXELS and not MATTES.keys() & set(self.layers)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One job. `entry` is the scene file's path inside the tree named by `scene_root`."""

    name: str
    submitter: str
    """Who asked, for people: user@host."""
    submitted_ms: int
    """Unix time in milliseconds; makes two submissions of one scene two jobs."""
    scene_root: Digest
    entry: str
    frames: tuple[int, ...]
    engine: EngineName
    engine_build: str
    """Exact build of the engine; only nodes that have it take part."""
    settings: RenderSettings

    @property
    def grid(self) -> Grid:
        return Grid(self.settings.width, self.settings.height, self.settings.bucket)
