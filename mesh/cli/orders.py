"""What submit hands to a node: a scene that is ready, or one whose files are still to come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from mesh.control.client import Client
from mesh.control.service import SubmitReceipt
from mesh.control.submission import Prepared, Wish, job_name, submit, submit_when_complete


class Order(Protocol):
    """A job that somebody wants, to be handed to a node."""

    @property
    def name(self) -> str: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def only(self, frames: tuple[int, ...]) -> Order: ...

    def send(self, client: Client) -> SubmitReceipt: ...


@dataclass(frozen=True, slots=True)
class ReadyOrder:
    """Of a scene that is known to be complete; its files go to the node at once."""

    prepared: Prepared

    @property
    def name(self) -> str:
        return self.prepared.name

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.prepared.warnings

    def only(self, frames: tuple[int, ...]) -> ReadyOrder:
        return ReadyOrder(replace(self.prepared, frames=frames))

    def send(self, client: Client) -> SubmitReceipt:
        return submit(client, self.prepared)


@dataclass(frozen=True, slots=True)
class LateOrder:
    """Of a scene whose files the node is to wait for."""

    wish: Wish

    @property
    def name(self) -> str:
        return job_name(self.wish)

    @property
    def warnings(self) -> tuple[str, ...]:
        return ()

    def only(self, frames: tuple[int, ...]) -> LateOrder:
        return LateOrder(replace(self.wish, frames=frames))

    def send(self, client: Client) -> SubmitReceipt:
        return submit_when_complete(client, self.wish)
