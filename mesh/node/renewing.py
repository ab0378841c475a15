"""Keeps this node's certificate alive: carries out what `mesh/identity/renewal.py` decides, and says where it cannot."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime

import trio
from cryptography import x509

from mesh.identity import certificates, renewal
from mesh.identity.certificates import utc_now
from mesh.identity.errors import Untrusted
from mesh.identity.identity import Identity
from mesh.model.ids import NodeId, short
from mesh.net.renewal import ask_to_renew
from mesh.net.websocket import Broken
from mesh.node.journal import Journal
from mesh.wire.effects import Address

logger = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
"""At most so long nobody looks: clocks are set, and machines sleep."""


PATIENCE = 5
"""Tries in vain before people are told: a node that has just started needs some seconds to find the others."""


class Renewing:
    def __init__(
        self,
        identity: Callable[[], Identity],
        issuers: Callable[[], Mapping[NodeId, Address]],
        adopt: Callable[[x509.Certificate, x509.Certificate], None],
        journal: Journal,
        rng: random.Random,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`issuers` are the others in reach that sign certificates, and where; `adopt` keeps a certificate and its
        issuer's and uses them from then on, or raises OSError where it cannot keep them."""
        self._identity = identity
        self._issuers = issuers
        self._adopt = adopt
        self._journal = journal
        self._rng = rng
        self._clock = clock
        self._turn = rng.randrange(1 << 16)
        self._failures = 0
        self._warned = ""

    async def run(self) -> None:
        """Look after it until cancelled."""
        seconds = 0.0
        while True:
            await trio.sleep(seconds)
            seconds = await self.step()

    async def step(self) -> float:
        """Does what is to be done now; seconds until it is time to look again."""
        identity, issuers, now = self._identity(), self._issuers(), self._clock()
        old = identity.certificate
        begins, ends = old.not_valid_before_utc, old.not_valid_after_utc
        step = renewal.next_step(
            now, begins, ends, signs=identity.can_issue, issuers=tuple(issuers), turn=self._turn
        )
        if isinstance(step, renewal.Wait):
            self._failures, self._warned = 0, ""
            return min(LOOK_SECONDS, (step.until - now).total_seconds())
        try:
            match step:
                case renewal.SignOwn():
                    self._take(renewal.sign_own(identity, now))
                case renewal.Ask(issuer=issuer):
                    await self._ask(identity, issuer, issuers[issuer])
                case renewal.NobodyToAsk():
                    raise Broken("no node that renews certificates is in reach")
                case renewal.Over():
                    raise Broken("it has expired")
        except (Broken, Untrusted, OSError) as error:
            logger.info("The certificate of this node is not renewed: %s.", error)
            self._turn += 1
            self._failures += 1
            if self._failures >= PATIENCE:
                self._warn(identity.node_name, ends)
            return renewal.pause(self._failures - 1, self._rng)
        return 0.0

    async def _ask(self, identity: Identity, issuer: NodeId, address: Address) -> None:
        answer = await ask_to_renew(issuer, address, identity.client_context())
        try:
            self._take((certificates.parse_der(answer.node), certificates.parse_der(answer.issuer)))
        except Untrusted as error:
            raise Broken(f"node {short(issuer)} answered falsely: {error}") from None

    def _take(self, renewed: tuple[x509.Certificate, x509.Certificate]) -> None:
        renewal.check_renewal(self._identity(), *renewed, self._clock())
        self._adopt(*renewed)
        ends = renewed[0].not_valid_after_utc
        self._journal.say("certificate", f"this node's certificate is renewed until {ends:%Y-%m-%d}")

    def _warn(self, name: str, ends: datetime) -> None:
        """Says once what people should know."""
        sentence = renewal.warning(name, ends, self._clock())
        if sentence and sentence != self._warned:
            self._journal.say("certificate", sentence)
            logger.warning("%s.", sentence)
        self._warned = sentence
