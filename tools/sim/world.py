"""What a simulated machine can ask for beside network and timers: disks, engines, people.

A scenario gives its own World; the default one knows of nothing, so that an unexpected effect is noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mesh.wire.effects import Effect

if TYPE_CHECKING:
    from tools.sim.host import Host
    from tools.sim.simulation import Simulation


class World(Protocol):
    """Answers come back through `simulation.deliver(host, event, delay)`."""

    def perform(self, simulation: Simulation, host: Host, effect: Effect, /) -> None:
        """Carries out an effect that is no Send, SendDatagram, SetTimer or Notify."""
        ...

    def booted(self, simulation: Simulation, host: Host, /) -> None:
        """A new life of `host` begins; what was on its disk is still there."""
        ...

    def killed(self, simulation: Simulation, host: Host, /) -> None:
        """The life of `host` is over: nothing it had begun goes on."""
        ...


class EmptyWorld:
    def perform(self, _simulation: Simulation, host: Host, effect: Effect) -> None:
        raise TypeError(f"{host.place.name} asks for {effect}, and this world has no such thing")

    def booted(self, simulation: Simulation, host: Host) -> None:
        pass

    def killed(self, simulation: Simulation, host: Host) -> None:
        pass
