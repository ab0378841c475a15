"""The node's identity as it is now, and its mesh keys: what seals and unseals its datagrams, and what the keyring
machine decides about them.

Whoever still seals under an old key, having slept through a rotation, is answered under that key, or it could
not read that it is out of date.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import replace

from cryptography import x509

from mesh.gossip.keyring import KeyForgotten, KeyInUse, KeyLearned
from mesh.identity.identity import MAX_GOSSIP_KEYS, Identity, MeshKey
from mesh.wire.effects import Address
from mesh.wire.gossip import MeshKeyNews
from mesh.wire.seal import BadSeal, KeyId, Sealer

logger = logging.getLogger(__name__)

_MOST_BEHIND = 1024


def news_of(key: MeshKey) -> MeshKeyNews:
    return MeshKeyNews(key.number, key.secret, key.signature)


def key_in(news: MeshKeyNews) -> MeshKey:
    return MeshKey(news.number, news.secret, news.signature)


class Seals:
    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        """With the newest keys and certificate: replaced, and kept on disk, when one is learned, forgotten or renewed."""
        self._sealer = Sealer(identity.gossip_keys)
        self._behind: OrderedDict[Address, KeyId] = OrderedDict()

    def renew(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        """Raises OSError, and changes nothing, where they cannot be kept."""
        self.identity = self.identity.with_certificate(certificate, issuer)

    def is_genuine(self, news: MeshKeyNews) -> bool:
        return self.identity.is_mesh_key(key_in(news))

    def seal(self, to: Address, plain: bytes) -> bytes:
        return self._sealer.seal(plain, self._behind.get(to))

    def unseal(self, source: Address, sealed: bytes) -> bytes | None:
        """None for what no member sealed, or what was heard before."""
        try:
            plain = self._sealer.unseal(sealed)
        except BadSeal:
            return None
        key = self._sealer.key_of(sealed)
        if key in self._older():
            self._behind[source] = key
            if len(self._behind) > _MOST_BEHIND:
                self._behind.popitem(last=False)
        else:
            self._behind.pop(source, None)
        return plain

    def is_behind(self, source: Address) -> bool:
        """Whether the last datagram from there was under an old key."""
        return source in self._behind

    def notice(self, news: object) -> None:
        """Does what the keyring machine decided."""
        match news:
            case KeyLearned(news=learned):
                self._sealer.add(key_in(learned))
                others = [key for key in self.identity.gossip_keys if key.number != learned.number]
                self._keep((key_in(learned), *others))
            case KeyInUse(number=number):
                self._sealer.use(KeyId(number % 256))
            case KeyForgotten(number=number):
                self._sealer.drop(KeyId(number % 256))
                self._keep(tuple(key for key in self.identity.gossip_keys if key.number != number))

    def _keep(self, keys: tuple[MeshKey, ...]) -> None:
        for old in keys[MAX_GOSSIP_KEYS:]:
            self._sealer.drop(KeyId(old.number % 256))
        kept = keys[:MAX_GOSSIP_KEYS]
        try:
            self.identity = self.identity.with_gossip_keys(kept)
        except OSError as error:
            # They hold for this life; the next one is told of them by the others, over its own connections.
            logger.warning("mesh keys cannot be kept in %s: %s", self.identity.folder, error.strerror)
            self.identity = replace(self.identity, gossip_keys=kept)

    def _older(self) -> set[KeyId]:
        """Keys older than the one that is sealed under."""
        current = self._sealer.current
        numbers = [key.number for key in self.identity.gossip_keys]
        used = next(number for number in numbers if number % 256 == current)
        return {KeyId(number % 256) for number in numbers if number < used}
