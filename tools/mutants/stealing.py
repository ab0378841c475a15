"""Bugs of stealing: stale and lost words, work that two own or nobody, and help that comes to nothing."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_DEALING = "tests/test_sched_dealing.py"
_RELIEF = "tests/test_sched_relief.py"
_INVITING = "tests/test_sched_inviting.py"
_SAMPLES = "tests/test_sched_samples.py -k 'not waited_for'"
_LENDING = "tests/test_sched_lending.py"
_STEALING = "tests/test_sched_stealing.py"


MUTANTS = (
    # Dask's two classics: a steal answered after its time, and a worker that comes back under its name.
    Mutant("stale-steal-reply", "sched/thief", "not (expected or waited) or ", "", _STEALING),
    Mutant(
        "reborn-worker-unnoticed", "sched/presence", "elif peer.boot > known.boot:", "elif False:", _LENDING
    ),
    Mutant("grant-of-another-life", "sched/thief", "grant.boot != core.boot or ", "", _STEALING),
    Mutant(
        "idle-lender-keeps-what-is-too-small",
        "sched/rules",
        "if not i_render or (idle and stock.in_hand) else",
        "if idle and stock.in_hand else",
        "tests/test_sched_parts.py",
    ),
    Mutant(
        "failed-here-is-kept",
        "sched/lender",
        " and self._runner.first_to_try(job) is not None",
        "",
        _LENDING,
    ),
    Mutant("request-of-another-life", "sched/lender", "peer.boot > request.boot", "False", _LENDING),
    Mutant(
        "lost-grant-is-lost",
        "sched/inbox",
        "self._parts.lender.on_grant_failed(job, to, message.request)",
        "pass",
        _LENDING,
    ),
    Mutant(
        "unanswered-grant-is-lost",
        "sched/alarms",
        "self._parts.lender.on_grant_failed(job, NodeId(thief), request)",
        "pass",
        _LENDING,
    ),
    Mutant(
        "slow-keeper-unrelieved", "sched/inviting", " or self._relief.mine(job, thief, pace)", "", _INVITING
    ),
    Mutant(
        "dead-thief-keeps-its-loot",
        "sched/lender",
        "self._adoption.adopt_from(job, thief, lent)",
        "pass",
        _LENDING,
    ),
    Mutant(
        "circle-loses-work",
        "sched/lender",
        "job.holdings.move(back, UnitState.LENT, UnitState.OWNED)",
        "back.clear()",
        _STEALING,
    ),
    Mutant("tail-taken-twice", "sched/lender", "            run.stop -= share.tail\n", "", _LENDING),
    Mutant(
        "engine-not-told-of-the-cut",
        "sched/lender",
        "core.out.append(Shorten",
        "(lambda *_: None)(Shorten",
        _LENDING,
    ),
    Mutant("whole-unit-after-late-cut", "sched/runner", "min(run.stop, stop))", "stop)", _LENDING),
    Mutant(
        "parked-thief-forgotten",
        "sched/scheduler",
        "stirred and self._parts.lender.has_parked",
        "False",
        _LENDING,
    ),
    Mutant(
        "absent-head-not-replaced",
        "sched/inbox",
        "self._parts.spread.on_offer_failed(job, to, message)",
        "pass",
        _DEALING,
    ),
    Mutant("heads-get-one-part", "sched/lender", "heads = job.heirs.get(thief, 1)", "heads = 1", _DEALING),
    Mutant("heirs-sent-away", "sched/lender", "thief in job.heirs and ", "False and ", _DEALING),
    Mutant("heirs-wait-for-ever", "sched/lender", "(late or not self._awaits", "(not self._awaits", _DEALING),
    Mutant("stretches-without-end", "sched/spread", "job.inherited < _MAX_INHERITED", "True", _DEALING),
    Mutant(
        "head-tells-its-teller",
        "sched/dealing",
        "Part(node_of(keys[0]),",
        "Part(node_of(keys[-1]),",
        _DEALING,
    ),
    Mutant(
        "hints-unheard", "sched/inbox", "self._parts.market.hear(sender, message.hints)", "pass", _DEALING
    ),
    Mutant("parked-thief-not-introduced", "sched/lender", "if hint is not None:", "if False:", _DEALING),
    Mutant(
        "distance-ignored", "sched/rules", "grain_of(1 / speed, cost,", "grain_of(1 / speed, 0.0,", _INVITING
    ),
    Mutant("idle-unsaid", "sched/claims", "idle=job.waits and not job.holdings", "idle=False", _INVITING),
    Mutant("idle-uninvited", "sched/inviting", "if self._invite(job, thief, speed):", "if False:", _INVITING),
    Mutant(
        "all-sent-to-one",
        "sched/market",
        "                self._named[hint.node] = core.now\n",
        "",
        _INVITING,
    ),
    Mutant(
        "word-left-at-the-very-end",
        "sched/market",
        "if not working or not core.follows(job)",
        "if True",
        _INVITING,
    ),
    Mutant(
        "turned-away-forgotten",
        "sched/market",
        "if pace <= 0 or not claim.activities:",
        "if pace <= 0:",
        "tests/test_sched_inviting.py tests/test_sched_steering.py",
    ),
    Mutant(
        "no-word-left",
        "sched/market",
        "        if not working or not core.follows(job)",
        "        if False",
        _INVITING,
    ),
    Mutant(
        "silence-taken-for-slowness",
        "sched/estimates",
        "activity.fraction * size, activity.age, age, pace",
        "activity.fraction * size, age, age, pace",
        _RELIEF,
    ),
    Mutant("idle-for-ever", "sched/claims", "        job.waiting.leave(said.node)\n", "", _INVITING),
    Mutant(
        "silent-engine-never-cut",
        "sched/lender",
        'core.wake(("serve",), core.now',
        '(lambda *_: None)(("serve",), core.now',
        _LENDING,
    ),
    Mutant("straggler-waited-for", "sched/lender", " or self._relieve(thief, request)", "", _RELIEF),
    Mutant(
        "everybody-relieves", "sched/relief", "        return not helped\n", "        return True\n", _RELIEF
    ),
    Mutant(
        "relief-without-bound", "sched/relief", "len(job.facts.reliefs) >= _ALWAYS and", "False and", _RELIEF
    ),
    Mutant("helper-lends-it-back", "sched/thief", "job.helping.add_all(taken)", "pass", _RELIEF),
    Mutant(
        "relief-uncounted", "sched/lender", "self._relief.on_taken(job, sender, request)", "pass", _RELIEF
    ),
    Mutant(
        "refused-relief-kept", "sched/lender", "self._relief.on_returned(job, sender, spans)", "pass", _RELIEF
    ),
    Mutant("overdue-engine-keeps-the-next", "sched/lender", "if run.queued:", "if False:", _RELIEF),
    Mutant(
        "done-elsewhere-goes-on",
        "sched/inbox",
        "self._parts.runner.withdraw(job, elsewhere)",
        "pass",
        _RELIEF,
    ),
    Mutant(
        "straggler-not-named",
        "sched/lender",
        "hint or self._relief.straggler(job, thief, pace)",
        "hint",
        _RELIEF,
    ),
    Mutant("samples-of-another-life", "sched/samples", "share.boot != said.boot or ", "", _SAMPLES),
    Mutant(
        "samples-that-do-not-add-up", "sched/samples", " and job.manifest.settings.divisible", "", _SAMPLES
    ),
    Mutant("merged-samples-shared-again", "sched/samples", "if share.merged or not", "if not", _SAMPLES),
    Mutant(
        "engine-not-told-of-shared-samples",
        "sched/samples",
        "core.out.append(SplitSamples",
        "(lambda *_: None)(SplitSamples",
        _SAMPLES,
    ),
    Mutant(
        "helper-never-stops", "sched/helping", "barred or not job.facts", "barred and job.facts", _SAMPLES
    ),
    Mutant("helper-keeps-its-slot", "sched/helping", "self._core.aside -= 1", "pass", _SAMPLES),
)
