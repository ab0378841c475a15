"""A unit in a simulated engine: how far it is, where it ends, and what of it others render."""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.sched.samples import DIVIDING
from mesh.wire.effects import Render


@dataclass(slots=True)
class Rendering:
    """What is rendered is counted in ticks: samples, where the engine goes sample by sample, or buckets."""

    effect: Render
    stop: int
    """Bucket."""
    began: float
    """When it came to be rendered, or will."""
    ticks: int
    """Of a bucket."""
    total: int
    done: int = 0
    begun: int = 0
    """What is being rendered beyond that."""
    cuts: list[int] = field(default_factory=list)
    """Where samples begin that others render as well."""
    given: list[tuple[int, int]] = field(default_factory=list)
    """From where to where others' samples are here."""
    spoilt: bool = False
    """Some of those are false."""

    @classmethod
    def of(cls, effect: Render, now: float) -> Rendering:
        manifest, unit, samples = effect.manifest, effect.unit, effect.samples
        divides = manifest.engine in DIVIDING and manifest.settings.divisible
        ticks = manifest.settings.samples if divides else 1
        total = unit.size * ticks if samples is None else samples.stop - samples.start
        return cls(effect, unit.stop, now, ticks, total)

    @property
    def left(self) -> int:
        """Ticks until its end, or until it must stop."""
        return min(self.total, (self.stop - self.effect.unit.start) * self.ticks) - self.done

    def until_cut(self) -> int:
        return min((cut - self.done for cut in self.cuts if cut > self.done), default=self.left)

    def advance(self, count: int) -> None:
        """So much is rendered, and what others have rendered after that is taken."""
        self.done += count
        while ends := [stop for start, stop in self.given if start <= self.done < stop]:
            self.done = max(ends)

    def split(self, tick: int) -> None:
        """Only what is surely not begun is cut."""
        if self.ticks > 1 and tick >= self.done + self.begun:
            self.cuts.append(tick)

    def merge(self, start: int, stop: int) -> bool:
        edges = [*self.cuts, *range(0, self.total + 1, self.ticks)]
        fits = start in edges and stop in edges and stop > self.done
        if fits:
            self.given.append((start, stop))
        return fits
