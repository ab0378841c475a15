"""The type number of every message. Numbers are never reused or changed; new ones go to the end of a range.

1-39     gossip        mesh/wire/gossip.py
40-79    scheduling    mesh/wire/sched.py
80-99    blocks        mesh/wire/blocks.py
100-119  admission     mesh/wire/admission.py
"""

from __future__ import annotations

from mesh.wire import admission
from mesh.wire.base import Message
from mesh.wire.blocks import BLOCK_MESSAGES
from mesh.wire.gossip import GOSSIP_MESSAGES
from mesh.wire.sched import SCHED_MESSAGES

MESSAGES: dict[int, type[Message]] = {
    **GOSSIP_MESSAGES,
    **SCHED_MESSAGES,
    **BLOCK_MESSAGES,
    100: admission.JoinHello,
    101: admission.JoinChallenge,
    102: admission.JoinProof,
    103: admission.JoinWelcome,
    104: admission.JoinRefused,
    105: admission.RenewRequest,
    106: admission.Renewed,
}
