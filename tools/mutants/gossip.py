"""Bugs of membership: the classics of SWIM implementations, and the holes that our own rules close."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_PROBING = "tests/test_gossip_probing.py"
_TRUST = "tests/test_gossip_trust.py"
_FORMULAS = "tests/test_gossip_formulas.py"
_SEAL = "tests/test_gossip_seal.py"
_FUZZ = "tests/test_gossip_fuzz.py"
_NEIGHBOURS = "tests/test_gossip_neighbours.py"
_KEYRING = "tests/test_gossip_keyring.py"
_STORIES = "tests/test_gossip_simulations.py"


MUTANTS = (
    Mutant(
        "no-second-chance",
        "gossip/probing",
        "if self._config.second_chance and not probe.second:",
        "if False:",
        _PROBING,
    ),
    Mutant(
        "chances-without-end",
        "gossip/probing",
        "if self._config.second_chance and not probe.second:",
        "if True:",
        _PROBING,
    ),
    Mutant("stale-reply-of-another-life", "gossip/probing", " or ack.boot != probe.boot", "", _PROBING),
    Mutant("reply-of-somebody-else", "gossip/probing", "or ack.sender != probe.target ", "", _PROBING),
    Mutant(
        "late-verdict-counts",
        "gossip/probing",
        "if firing is Firing.LATE:\n            self._awareness",
        "if False:\n            self._awareness",
        _PROBING,
    ),
    Mutant("deaf-node-blames-others", "gossip/probing", "if cut_off and", "if False and", _PROBING),
    Mutant(
        "nacks-ignored",
        "gossip/probing",
        "blames_us = probe.asked - len(probe.answered) if",
        "blames_us = probe.asked if",
        _PROBING,
    ),
    Mutant(
        "helper-keeps-the-answer", "gossip/probing", "if ack.sender == help_.target:", "if False:", _PROBING
    ),
    Mutant(
        "no-second-try",
        "gossip/probing",
        "self._outbox.timer(Clock.RETRY",
        "(lambda *_: None)(Clock.RETRY",
        _PROBING,
    ),
    Mutant(
        "helper-probes-itself",
        "gossip/probing",
        "lambda handle: handle != probe.target and ",
        "lambda handle: ",
        _PROBING,
    ),
    Mutant("buddy-keeps-silent", "gossip/detector", "if not self._config.buddy or", "if True or", _PROBING),
    Mutant(
        "reborn-node-ignored",
        "gossip/registrar",
        "known.version <= old.version",
        "known.claim.incarnation <= old.claim.incarnation",
        _TRUST,
    ),
    Mutant("old-claims-believed", "gossip/registrar", "or known.version <= old.version", "", _TRUST),
    Mutant(
        "ignored-incarnation",
        "gossip/tribunal",
        "if (accusation.boot, accusation.incarnation) != target.version:",
        "if False:",
        _TRUST,
    ),
    Mutant(
        "unsigned-accusations",
        "gossip/tribunal",
        "if not accusation_holds(accusation, accuser, self._keys):",
        "if False:",
        _TRUST,
    ),
    Mutant(
        "expired-members-accuse",
        "gossip/claims",
        "return keys.vouches(record.public_key, record.warrant) and keys.verify(",
        "return keys.verify(",
        _TRUST,
    ),
    Mutant(
        "invented-members",
        "gossip/claims",
        "if not keys.vouches(record.public_key, record.warrant):",
        "if False:",
        _TRUST,
    ),
    Mutant(
        "unsigned-claims",
        "gossip/claims",
        'if not keys.verify(node, record.public_key, b"claim" + record.claim, record.signature):',
        "if False:",
        _TRUST,
    ),
    Mutant(
        "one-accuser-kills", "gossip/formulas", "return max(1, min(most, electorate))", "return 1", _TRUST
    ),
    Mutant(
        "no-appeal", "gossip/tribunal", "if self._config.appeal and not case.appealed:", "if False:", _TRUST
    ),
    Mutant(
        "late-conviction",
        "gossip/detector",
        "if firing is Firing.LATE:\n            self._tribunal.postpone(handle, now)",
        "if False:\n            self._tribunal.postpone(handle, now)",
        _PROBING,
    ),
    Mutant(
        "outdated-accusations-go-unanswered",
        "gossip/receiving",
        "if corrections:",
        "if False:",
        _TRUST,
    ),
    Mutant(
        "objection-in-the-same-incarnation",
        "gossip/publishing",
        "self._published = now\n        self._incarnation += 1\n        return self._signed(left=False)",
        "self._published = now\n        return self._signed(left=False)",
        _TRUST,
    ),
    Mutant(
        "objections-without-limit",
        "gossip/publishing",
        "return now >= self.next_refutation()",
        "return now == now",
        _TRUST,
    ),
    Mutant(
        "progress-without-limit",
        "gossip/publishing",
        "return max(now, self._published + wait)",
        "return now + 0 * wait",
        _PROBING,
    ),
    Mutant(
        "goodbye-taken-for-a-claim",
        "gossip/registrar",
        "Fact.GOODBYE if known.claim.left else Fact.NEWER_CLAIM",
        "Fact.NEWER_CLAIM",
        _PROBING,
    ),
    Mutant(
        "returned-but-never-probed",
        "gossip/table",
        "            self._insert(handle)\n",
        "",
        f"{_STORIES} -k join",
    ),
    Mutant(
        "moved-timers-fire-twice",
        "gossip/timers",
        "if due is None or now < due:",
        "if due is None:",
        _PROBING,
    ),
    Mutant(
        "suspicion-never-decays",
        "gossip/formulas",
        "return max(least, longest - (longest - least) * share)",
        "return longest + 0 * share",
        _FORMULAS,
    ),
    Mutant("rumours-without-end", "gossip/rumours", "if rumour.told >= limit:", "if limit < 0:", _FUZZ),
    Mutant(
        "rumours-without-bound", "gossip/rumours", "if len(self._rumours) > self._limit:", "if False:", _FUZZ
    ),
    Mutant(
        "packets-without-limit",
        "gossip/outbox",
        "room = min(self._config.packet - ARRAY_HEAD, int(self._allow(now)))",
        "room = 4000",
        _FUZZ,
    ),
    Mutant(
        "pull-without-push",
        "gossip/syncing",
        "if wanted:\n            self._outbox.send(sender, SyncWanted(wanted))",
        "pass",
        _PROBING,
    ),
    Mutant(
        "dead-look-alive-in-digests",
        "gossip/syncing",
        "for handle in self._table.in_state(NodeState.DEAD):",
        "for handle in self._table.in_state(NodeState.DEAD)[:0]:",
        _PROBING,
    ),
    Mutant("nobody-knocks", "gossip/knocking", "        if dead:\n", "        if False:\n", _PROBING),
    Mutant("seeds-asked-once", "gossip/seeking", "if event.keep and len", "if False and len", _PROBING),
    Mutant("answers-nobody-asked-for", "gossip/seeking", "if not self._expected:", "if False:", _PROBING),
    Mutant(
        "quarantine-by-one", "gossip/formulas", "return max(2, min(most, others // 2))", "return 1", _FORMULAS
    ),
    Mutant(
        "quarantine-for-ever",
        "gossip/quarantine",
        "return [handle for handle in over if self._troubles.pop(handle).quarantined]",
        "return [] if over else []",
        _PROBING,
    ),
    Mutant(
        "members-without-bound",
        "gossip/registrar",
        "if old is None and len(self._table) >= self._config.max_members:",
        "if False:",
        _TRUST,
    ),
    Mutant(
        "replays-opened", "wire/seal", "if bit >= WINDOW or self.seen >> bit & 1:", "if bit >= WINDOW:", _SEAL
    ),
    Mutant(
        "nonces-used-twice",
        "wire/seal",
        "        self._sequence += 1\n",
        "        self._sequence |= 1\n",
        _SEAL,
    ),
    Mutant(
        "epochs-without-bound", "wire/seal", "if len(self._windows) > self._remembered:", "if False:", _SEAL
    ),
    Mutant(
        "no-neighbour-is-told", "gossip/outbox", "if not self._config.neighbours:", "if True:", _NEIGHBOURS
    ),
    Mutant(
        "neighbours-never-change",
        "gossip/table",
        "if half < NEAR or way <= ",
        "if half < NEAR and way <= ",
        _NEIGHBOURS,
    ),
    Mutant("keys-of-anybody", "gossip/keyring", " or not self._is_genuine(news)", "", _KEYRING),
    Mutant(
        "older-keys-come-back",
        "gossip/keyring",
        "precedence(news) <= precedence(self._newest)",
        "news == self._newest",
        _KEYRING,
    ),
    Mutant(
        "sealed-before-others-can-open",
        "gossip/keyring",
        "timers = [(Deed.USE, news.number, config.use_after)",
        "timers = [(Deed.USE, news.number, 0.0)",
        _KEYRING,
    ),
    Mutant(
        "key-in-use-forgotten",
        "gossip/keyring",
        "if number != self._in_use else []",
        "if True else []",
        _KEYRING,
    ),
    Mutant(
        "sleepers-never-reminded",
        "gossip/keyring",
        "return [Send(node, self._newest)]",
        "return []",
        _KEYRING,
    ),
    Mutant(
        "one-patience-for-all-links",
        "gossip/config",
        "return self.lan if mine == theirs else self.wan",
        "return self.lan",
        f"{_STORIES} -k wan",
    ),
    Mutant(
        "neighbours-look-away",
        "gossip/detector",
        "and self._table.is_near(accusation.target)",
        "and False",
        _NEIGHBOURS,
    ),
)
