"""Bugs of keeping results: pixels that are nowhere, and what is believed of those that are gone."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_AHEAD = "tests/test_sched_ahead.py"
_SCRUB = "tests/test_sched_scrub.py -k 'not story'"
_REACH = "tests/test_sched_reach.py -k 'not any_two and not brings'"
_VANISHED = "tests/test_sched_vanished.py"
_COPIES = "tests/test_sched_copies.py"
_LIFE = "tests/test_sched_life.py"


def _story(*names: str) -> str:
    return "tests/test_sched_farm.py -k '" + " or ".join(f"farm-{name}" for name in names) + "'"


MUTANTS = (
    Mutant(
        "copy-awaited-from-the-dead",
        "sched/copies",
        "if making.asked == node and job is not None:",
        "if False:",
        _VANISHED,
    ),
    Mutant(
        "published-before-the-copy",
        "sched/copies",
        "        if making.asked is None:\n            self._enqueue(key)",
        "        self._publish(job, record, ())",
        _COPIES,
    ),
    Mutant(
        "copy-said-before-it-is-stored",
        "sched/copies",
        "core.out.append(KeepBlob(job.id, request.pixels, request.block))\n",
        "core.send(sender, PixelsKept(job.id, request.pixels, kept=True))\n",
        _AHEAD,
    ),
    Mutant(
        "copy-never-made-again",
        "sched/alarms",
        "self._parts.copies.on_holder_gone(NodeId(node))",
        "pass",
        _COPIES,
    ),
    Mutant(
        "refused-copy-given-up",
        "sched/copies",
        'core.wake(("copies",)',
        '(lambda *_: None)(("copies",)',
        _COPIES,
    ),
    Mutant(
        "lonely-results-stay-lonely", "sched/alarms", "self._parts.copies.make_again(job)", "pass", _COPIES
    ),
    Mutant("unpublished-lost-at-restart", "sched/restoring", "self._take_up(job, record)", "pass", _LIFE),
    Mutant("results-lost-at-restart", "sched/restoring", "self._books.restore(job, run)", "pass", _LIFE),
    Mutant(
        "lost-pixels-kept-quiet",
        "sched/scrub",
        "self._books.append(job, Entry(holder=HolderFact",
        "(lambda *_: None)(job, Entry(holder=HolderFact",
        _SCRUB,
    ),
    Mutant(
        "result-without-holder-counts",
        "sched/facts",
        " and self.holders.anybody(author, fact)\n\n",
        "\n\n",
        _SCRUB,
    ),
    Mutant(
        "word-of-an-earlier-life", "sched/holders", "said.get(author, _UNSAID).boot <= boot", "True", _SCRUB
    ),
    Mutant(
        "dead-holders-awaited-for-ever", "sched/reach", "if ripe and not waits and", "if False and", _REACH
    ),
    Mutant(
        "reboot-is-paid-for-twice", "sched/reach", "if self._due(holders) <= core.now}", "if True}", _REACH
    ),
    Mutant(
        "grace-of-the-first-to-go",
        "sched/reach",
        "return max(map(self._core.away_since",
        "return min(map(self._core.away_since",
        _REACH,
    ),
    Mutant(
        "laptop-at-home-renders-all",
        "sched/reach",
        "core.heard_at <= core.woke_at + core.config.settle_seconds",
        "False",
        _REACH,
    ),
    Mutant(
        "cut-off-half-renders-all",
        "sched/reach",
        "len(missed) > max(_SURVIVED, 1 + len(core.peers))",
        "False",
        _REACH,
    ),
    Mutant(
        "all-keepers-give-up-at-once",
        "sched/reach",
        "not any(map(core.here, job.keepers[: job.keepers.index(core.me)]))",
        "True",
        _REACH,
    ),
    Mutant(
        "done-though-out-of-reach",
        "sched/job",
        "if self.facts.complete and self.absence is not None:",
        "if False:",
        _REACH,
    ),
    Mutant(
        "end-told-though-out-of-reach",
        "sched/ends",
        "job.absence is not None and job.absence.due is not None",
        "False",
        _REACH,
    ),
    Mutant(
        "stand-in-overlooked",
        "sched/facts",
        "if not to_be_had[place].covers(start, stop):",
        "if True:",
        _REACH,
    ),
    Mutant(
        "lost-pixels-taken-to-be-here",
        "sched/facts",
        "here(author) and fact.pixels not in self.holders.ever_lost",
        "here(author)",
        _REACH,
    ),
    Mutant(
        "second-absence-goes-unheard",
        "sched/holders",
        "return 1 + max(self.said_after",
        "return max(self.said_after",
        _REACH,
    ),
    Mutant(
        "two-deaths-lose-pixels", "sched/alarms", "self._parts.reach.look(job)", "pass", _story("two-killed")
    ),
    Mutant("back-again-unnoticed", "sched/scheduler", "self._parts.reach.on_back()", "pass", _REACH),
    Mutant(
        "word-of-before-an-absence", "sched/holders", " or self.missed(node, pixels) > word.after", "", _SCRUB
    ),
)
