"""Bugs of a job's life: restarts, edits, rules and rights, and what the ledger adds up to."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_PARTS = "tests/test_sched_parts.py"
_FACTS = "tests/test_sched_facts.py"
_TOO_LARGE = "tests/test_sched_too_large.py -k 'not large_ones'"
_FAIRNESS = "tests/test_sched_fairness.py"
_AHEAD = "tests/test_sched_ahead.py"
_CONSTRAINTS = "tests/test_sched_constraints.py"
_LIMITS = "tests/test_sched_limits.py"
_TELLING = "tests/test_sched_telling.py"
_DONE = "tests/test_sched_done.py"
_STEERING = "tests/test_sched_steering.py -k 'not second'"
_RIGHTS = "tests/test_node_rights.py"
_VANISHED = "tests/test_sched_vanished.py"
_LIFE = "tests/test_sched_life.py"


def _story(*names: str) -> str:
    return "tests/test_sched_farm.py -k '" + " or ".join(f"farm-{name}" for name in names) + "'"


MUTANTS = (
    Mutant(
        "vanished-node-keeps-its-work",
        "sched/presence",
        "self._parts.rescue.on_peer_vanished(node)",
        "pass",
        _VANISHED,
    ),
    Mutant(
        "begins-after-half-a-job",
        "sched/sharing",
        "job.state(core.follows(job)) is JobState.DONE",
        "job.ended",
        _CONSTRAINTS,
    ),
    Mutant(
        "old-words-bring-the-vanished-back",
        "sched/claims",
        "at < core.vanished[said.node] + core.config.settle_seconds",
        "False",
        _VANISHED,
    ),
    Mutant(
        "claims-before-the-scene", "sched/runner", "job.scene is SceneState.HERE\n            and ", "", _LIFE
    ),
    Mutant("engine-waits-for-its-node", "sched/runner", "while left < ahead + _SLACK", "while False", _AHEAD),
    Mutant("waiting-unit-is-late", "sched/runner", "if run.queued or core.now", "if core.now", _AHEAD),
    Mutant(
        "cancel-lets-run-on", "sched/ends", "            self._let_go(job)\n", "            pass\n", _LIFE
    ),
    Mutant(
        "paused-job-is-lent",
        "sched/lender",
        "job.ended or job.paused:\n                continue",
        "job.ended:\n                continue",
        _LIFE,
    ),
    Mutant(
        "after-is-ignored", "sched/sharing", "return not unfinished(self._core, job)", "return True", _LIFE
    ),
    Mutant(
        "done-by-hearsay",
        "sched/replication",
        "        if core.follows(job):\n            # The",
        "        if False:\n            # The",
        _DONE,
    ),
    Mutant(
        "done-before-the-results",
        "sched/job",
        "self.summary_finished and not follows",
        "self.summary_finished",
        _DONE,
    ),
    Mutant("word-of-dead-keepers", "sched/replication", " if job.summary_finished:", " if False:", _DONE),
    Mutant("cancel-goes-one-way", "sched/spread", "if urgent or len(", "if len(", _STEERING),
    Mutant("cancel-misses-workers", "sched/spread", "if urgent and core.keeps(job):", "if False:", _STEERING),
    Mutant("limit-ignored", "sched/runner", "job.startable()", "job.holdings.owned", _CONSTRAINTS),
    Mutant("barred-node-renders-on", "sched/ends", "            self._step_aside(job)\n", "", _CONSTRAINTS),
    Mutant(
        "quota-ignored",
        "sched/quotas",
        "return node in self._nodes.get(user_of(job.manifest), ())",
        "return True",
        _LIMITS,
    ),
    Mutant(
        "quarantine-ignored",
        "sched/constraints",
        "if peer.quarantined:",
        "if False:",
        "tests/test_sched_constraints.py tests/test_sim_whole.py -k quarantine",
    ),
    Mutant(
        "submitter-not-told",
        "sched/adoption",
        "core.send(node, WorkTaken",
        "(lambda *_: None)(node, WorkTaken",
        _TELLING,
    ),
    Mutant("log-nowhere-else", "sched/books", "self._keep_log(job, run.author, fact)", "pass", _TELLING),
    Mutant(
        "anybody-edits",
        "sched/spread",
        "if self._rights.may_edit(job.id, job.submitter, edit):",
        "if True:",
        _RIGHTS,
    ),
    Mutant(
        "anybody-submits",
        "sched/spread",
        "if not self._rights.may_submit(offer.job, record):",
        "if False:",
        _RIGHTS,
    ),
    Mutant(
        "sleep-keeps-claims",
        "sched/presence",
        "job.holdings.release([(0, job.layout.total)])\n            self._parts.rescue",
        "self._parts.rescue",
        _LIFE,
    ),
    Mutant(
        "sleep-counts-as-no-progress", "sched/presence", "self._parts.runner.slept(seconds)", "pass", _LIFE
    ),
    Mutant(
        "leaving-keeps-work",
        "sched/presence",
        "core.send(heirs[0], WorkReturned",
        "(lambda *_: None)(heirs[0], WorkReturned",
        _LIFE,
    ),
    Mutant("stall-unnoticed", "sched/runner", "core.now < run.moved + limit", "True", _LIFE),
    Mutant(
        "too-large-tried-again", "sched/constraints", "if _lacks_memory(job, peer):", "if False:", _TOO_LARGE
    ),
    Mutant(
        "need-unlearned", "sched/failures", "nlargest(2, (*self.too_small.values(), 0))", "(0, 0)", _TOO_LARGE
    ),
    Mutant("too-small-counts-as-failed", "sched/failures", " and not fact.memory\n", "\n", _FACTS),
    Mutant(
        "too-large-against-its-own-account",
        "sched/failing",
        " if event.scene_needs > core.capacity.memory_bytes else 0",
        "",
        _TOO_LARGE,
    ),
    Mutant(
        "too-large-frame-tried-again",
        "sched/failing",
        "if event.unit_needs and not",
        "if False and not",
        _TOO_LARGE,
    ),
    Mutant(
        "too-large-frame-to-a-small-node",
        "sched/failing",
        " and not 0 < info.memory_bytes < memory",
        "",
        _TOO_LARGE,
    ),
    Mutant(
        "audit-learns-nothing-of-memory",
        "sched/scheduler",
        "self._parts.failing.too_large(job, event)",
        "pass",
        _TOO_LARGE,
    ),
    Mutant(
        "late-word-of-the-end",
        "sched/replication",
        "            self._books.reopened(job)  # one keeper",
        "            job.summary_finished = False  # one keeper",
        "tests/test_sched_done.py",
    ),
    Mutant("opening-taken-for-a-stall", "sched/runner", "not run.fraction:", "False:", _LIFE),
    Mutant("any-work-taken-for-progress", "sched/runner", " and not run.fraction:", ":", _LIFE),
    Mutant(
        "opening-stalls-an-audit",
        "sched/audits",
        "if isinstance(event, RenderPreparing):",
        "if False:",
        "tests/test_sched_verdicts.py -k hangs",
    ),
    Mutant("gap-accepted", "sched/logs", "run.first > height + 1", "False", _PARTS),
    Mutant("entries-twice", "sched/logs", "run.entries[height + 1 - run.first :]", "run.entries", _PARTS),
    Mutant("older-edit-wins", "sched/edits", "_age(mine) < _age(edit)", "_age(mine) != _age(edit)", _PARTS),
    Mutant(
        "failed-after-any-three", "sched/failures", "if first <= start and stop <= last", "if True", _FACTS
    ),
    Mutant(
        "failure-beats-result", "sched/facts", "self.done.outside(start, stop)", "[(start, stop)]", _FACTS
    ),
    Mutant("retry-forgives-nothing", "sched/facts", "self.missing.add_all(self.failed)", "pass", _FACTS),
    Mutant(
        "crumbs-for-the-busy",
        "sched/rules",
        "(idle and stock.in_hand)",
        "stock.in_hand",
        _PARTS,
    ),
    Mutant("grain-ignored", "sched/rules", "count >= max(1, stock.grain)", "count >= 1", _PARTS),
    Mutant("remainder-stays", "sched/fairness", "(turn + 0.5)", "0.5", _FAIRNESS),
    Mutant("category-ignored", "sched/fairness", "rating - total / greatest", "rating", _FAIRNESS),
    Mutant(
        "orphans-not-adopted",
        "sched/rescue",
        "self._adoption.adopt_from(job, None, ripe)",
        "pass",
        _story("blackout"),
    ),
    Mutant(
        "ledgers-not-compared",
        "sched/replication",
        "self.compare(job, sender)\n            self.stir(job)",
        "pass",
        _story("swizzle", "churn"),
    ),
    Mutant(
        "torn-log-not-given-back",
        "sched/replication",
        "(run.author, run.boot) == life",
        "run.author == to",
        _story("churn"),
    ),
)
