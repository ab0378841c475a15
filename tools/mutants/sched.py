"""Bugs of scheduling: stale and lost words, work that two own or nobody, results that are nowhere."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_PARTS = "tests/test_sched_parts.py"
_DEALING = "tests/test_sched_dealing.py"
_PROTOCOL = " ".join(f"tests/test_sched_{part}.py" for part in ("lending", "stealing", "copies", "life"))
_FAIRNESS = "tests/test_sched_fairness.py"
_AHEAD = "tests/test_sched_ahead.py"
_SCRUB = "tests/test_sched_scrub.py -k 'not story'"
_REACH = "tests/test_sched_reach.py -k 'not any_two and not brings'"
_CONSTRAINTS = "tests/test_sched_constraints.py"
_LIMITS = "tests/test_sched_limits.py"
_TELLING = "tests/test_sched_telling.py"
_RELIEF = "tests/test_sched_relief.py"
_INVITING = "tests/test_sched_inviting.py"
_SAMPLES = "tests/test_sched_samples.py -k 'not waited_for'"
_DONE = "tests/test_sched_done.py"
_STEERING = "tests/test_sched_steering.py -k 'not second'"
_RIGHTS = "tests/test_node_rights.py"
_VANISHED = "tests/test_sched_vanished.py"


def _mutant(name: str, module: str, old: str, new: str, tests: str = _PROTOCOL) -> Mutant:
    return Mutant(name, f"mesh/sched/{module}.py", old, new, tests)


def _story(*names: str) -> str:
    return "tests/test_sched_farm.py -k '" + " or ".join(f"farm-{name}" for name in names) + "'"


MUTANTS = (
    # Dask's two classics: a steal answered after its time, and a worker that comes back under its name.
    _mutant("stale-steal-reply", "thief", "not (expected or waited) or ", ""),
    _mutant("reborn-worker-unnoticed", "presence", "elif peer.boot > known.boot:", "elif False:"),
    _mutant("grant-of-another-life", "thief", "grant.boot != core.boot or ", ""),
    _mutant("request-of-another-life", "lender", "peer.boot > request.boot", "False"),
    _mutant(
        "lost-grant-is-lost", "inbox", "self._parts.lender.on_grant_failed(job, to, message.request)", "pass"
    ),
    _mutant(
        "unanswered-grant-is-lost",
        "alarms",
        "self._parts.lender.on_grant_failed(job, NodeId(thief), request)",
        "pass",
    ),
    _mutant(
        "vanished-node-keeps-its-work",
        "presence",
        "self._parts.rescue.on_peer_vanished(node)",
        "pass",
        _VANISHED,
    ),
    _mutant(
        "begins-after-half-a-job",
        "sharing",
        "job.state(core.follows(job)) is JobState.DONE",
        "job.ended",
        _CONSTRAINTS,
    ),
    _mutant("slow-keeper-unrelieved", "inviting", " or self._relief.mine(job, thief, pace)", "", _INVITING),
    _mutant(
        "copy-awaited-from-the-dead",
        "copies",
        "if making.asked == node and job is not None:",
        "if False:",
        _VANISHED,
    ),
    _mutant(
        "old-words-bring-the-vanished-back",
        "claims",
        "at < core.vanished[said.node] + core.config.settle_seconds",
        "False",
        _VANISHED,
    ),
    _mutant("dead-thief-keeps-its-loot", "lender", "self.adopt_from(job, thief, lent)", "pass"),
    _mutant(
        "circle-loses-work",
        "lender",
        "job.holdings.move(back, UnitState.LENT, UnitState.OWNED)",
        "back.clear()",
    ),
    _mutant("tail-taken-twice", "lender", "            run.stop -= share.tail\n", ""),
    _mutant("engine-not-told-of-the-cut", "lender", "core.out.append(Shorten", "(lambda *_: None)(Shorten"),
    _mutant("whole-unit-after-late-cut", "runner", "min(run.stop, stop))", "stop)"),
    _mutant("parked-thief-forgotten", "scheduler", "stirred and self._parts.lender.has_parked", "False"),
    _mutant(
        "absent-head-not-replaced",
        "inbox",
        "self._parts.spread.on_offer_failed(job, to, message)",
        "pass",
        _DEALING,
    ),
    _mutant("heads-get-one-part", "lender", "heads = job.heirs.get(thief, 1)", "heads = 1", _DEALING),
    _mutant("heirs-sent-away", "lender", "thief in job.heirs and ", "False and ", _DEALING),
    _mutant("heirs-wait-for-ever", "lender", "(late or not self._awaits", "(not self._awaits", _DEALING),
    _mutant("stretches-without-end", "spread", "job.inherited < _MAX_INHERITED", "True", _DEALING),
    _mutant(
        "head-tells-its-teller", "dealing", "Part(node_of(keys[0]),", "Part(node_of(keys[-1]),", _DEALING
    ),
    _mutant("hints-unheard", "inbox", "self._parts.market.hear(sender, message.hints)", "pass", _DEALING),
    _mutant("parked-thief-not-introduced", "lender", "if hint is not None:", "if False:", _DEALING),
    _mutant("distance-ignored", "rules", "grain_of(1 / speed, cost,", "grain_of(1 / speed, 0.0,", _INVITING),
    _mutant("idle-unsaid", "claims", "idle=job.waits and not job.holdings", "idle=False", _INVITING),
    _mutant("idle-uninvited", "inviting", "if self._invite(job, thief, speed):", "if False:", _INVITING),
    _mutant(
        "all-sent-to-one", "market", "                self._named[hint.node] = core.now\n", "", _INVITING
    ),
    _mutant(
        "word-left-at-the-very-end", "market", "if not working or not core.follows(job)", "if True", _INVITING
    ),
    _mutant(
        "no-word-left",
        "market",
        "        if not working or not core.follows(job)",
        "        if False",
        _INVITING,
    ),
    _mutant(
        "silence-taken-for-slowness",
        "estimates",
        "activity.fraction * size, activity.age, age, pace",
        "activity.fraction * size, age, age, pace",
        "tests/test_sched_relief.py",
    ),
    _mutant("idle-for-ever", "claims", "        job.waiting.leave(said.node)\n", "", _INVITING),
    _mutant(
        "silent-engine-never-cut",
        "lender",
        'core.wake(("serve",), core.now',
        '(lambda *_: None)(("serve",), core.now',
    ),
    _mutant("claims-before-the-scene", "runner", "job.scene is SceneState.HERE\n            and ", ""),
    _mutant(
        "published-before-the-copy",
        "copies",
        "        if making.asked is None:\n            self._enqueue(key)",
        "        self._publish(job, record, ())",
    ),
    _mutant(
        "copy-said-before-it-is-stored",
        "copies",
        "core.out.append(KeepBlob(job.id, request.pixels, request.block))\n",
        "core.send(sender, PixelsKept(job.id, request.pixels, kept=True))\n",
        _AHEAD,
    ),
    _mutant("engine-waits-for-its-node", "runner", "while left < ahead + _SLACK", "while False", _AHEAD),
    _mutant("waiting-unit-is-late", "runner", "if run.queued or core.now", "if core.now", _AHEAD),
    _mutant("copy-never-made-again", "alarms", "self._parts.copies.on_holder_gone(NodeId(node))", "pass"),
    _mutant("refused-copy-given-up", "copies", 'core.wake(("copies",)', '(lambda *_: None)(("copies",)'),
    _mutant("lonely-results-stay-lonely", "alarms", "self._parts.copies.make_again(job)", "pass"),
    _mutant("unpublished-lost-at-restart", "restoring", "self._take_up(job, record)", "pass"),
    _mutant("results-lost-at-restart", "restoring", "self._books.restore(job, run)", "pass"),
    _mutant("cancel-lets-run-on", "ends", "            self._let_go(job)\n", "            pass\n"),
    _mutant(
        "paused-job-is-lent",
        "lender",
        "job.ended or job.paused:\n                continue",
        "job.ended:\n                continue",
    ),
    _mutant("after-is-ignored", "sharing", "return not unfinished(self._core, job)", "return True"),
    _mutant(
        "lost-pixels-kept-quiet",
        "scrub",
        "self._books.append(job, Entry(holder=HolderFact",
        "(lambda *_: None)(job, Entry(holder=HolderFact",
        _SCRUB,
    ),
    _mutant(
        "result-without-holder-counts",
        "facts",
        " and self._holders.anybody(author, fact)\n\n",
        "\n\n",
        _SCRUB,
    ),
    _mutant("word-of-an-earlier-life", "holders", "said.get(author, _UNSAID).boot <= boot", "True", _SCRUB),
    _mutant("dead-holders-awaited-for-ever", "reach", "if ripe and not waits and", "if False and", _REACH),
    _mutant("reboot-is-paid-for-twice", "reach", "if self._due(holders) <= core.now}", "if True}", _REACH),
    _mutant(
        "grace-of-the-first-to-go",
        "reach",
        "return max(map(self._core.away_since",
        "return min(map(self._core.away_since",
        _REACH,
    ),
    _mutant(
        "laptop-at-home-renders-all",
        "reach",
        "core.heard_at <= core.woke_at + core.config.settle_seconds",
        "False",
        _REACH,
    ),
    _mutant(
        "cut-off-half-renders-all",
        "reach",
        "len(missed) > max(_SURVIVED, 1 + len(core.peers))",
        "False",
        _REACH,
    ),
    _mutant(
        "all-keepers-give-up-at-once",
        "reach",
        "not any(map(core.here, job.keepers[: job.keepers.index(core.me)]))",
        "True",
        _REACH,
    ),
    _mutant(
        "done-though-out-of-reach",
        "job",
        "if self.facts.complete and self.absence is not None:",
        "if False:",
        _REACH,
    ),
    _mutant(
        "end-told-though-out-of-reach",
        "ends",
        "job.absence is not None and job.absence.due is not None",
        "False",
        _REACH,
    ),
    _mutant(
        "stand-in-overlooked", "facts", "if not to_be_had[place].covers(start, stop):", "if True:", _REACH
    ),
    _mutant(
        "lost-pixels-taken-to-be-here",
        "facts",
        "here(author) and fact.pixels not in self._holders.ever_lost",
        "here(author)",
        _REACH,
    ),
    _mutant(
        "second-absence-goes-unheard",
        "facts",
        "return 1 + max(self._holders.said_after",
        "return max(self._holders.said_after",
        _REACH,
    ),
    _mutant(
        "two-deaths-lose-pixels",
        "alarms",
        "self._parts.reach.look(job)",
        "pass",
        _story("two-killed"),
    ),
    _mutant("back-again-unnoticed", "scheduler", "self._parts.reach.on_back()", "pass", _REACH),
    _mutant("word-of-before-an-absence", "holders", " or self.missed(node, pixels) > word.after", "", _SCRUB),
    _mutant(
        "straggler-waited-for",
        "lender",
        " or self._relieve(thief, request)",
        "",
        _RELIEF,
    ),
    _mutant("everybody-relieves", "relief", "        return not helped\n", "        return True\n", _RELIEF),
    _mutant("relief-without-bound", "relief", "len(job.facts.reliefs) >= _ALWAYS and", "False and", _RELIEF),
    _mutant("helper-lends-it-back", "thief", "job.helping.add_all(taken)", "pass", _RELIEF),
    _mutant("relief-uncounted", "lender", "self._relief.on_taken(job, sender, request)", "pass", _RELIEF),
    _mutant("refused-relief-kept", "lender", "self._relief.on_returned(job, sender, spans)", "pass", _RELIEF),
    _mutant("overdue-engine-keeps-the-next", "lender", "if run.queued:", "if False:", _RELIEF),
    _mutant(
        "done-elsewhere-goes-on", "inbox", "self._parts.runner.withdraw(job, elsewhere)", "pass", _RELIEF
    ),
    _mutant(
        "straggler-not-named", "lender", "hint or self._relief.straggler(job, thief, pace)", "hint", _RELIEF
    ),
    _mutant("samples-of-another-life", "samples", "share.boot != said.boot or ", "", _SAMPLES),
    _mutant("samples-that-do-not-add-up", "samples", " and job.manifest.settings.divisible", "", _SAMPLES),
    _mutant("merged-samples-shared-again", "samples", "if share.merged or not", "if not", _SAMPLES),
    _mutant(
        "engine-not-told-of-shared-samples",
        "samples",
        "core.out.append(SplitSamples",
        "(lambda *_: None)(SplitSamples",
        _SAMPLES,
    ),
    _mutant("helper-never-stops", "samples", "barred or not job.facts", "barred and job.facts", _SAMPLES),
    _mutant("helper-keeps-its-slot", "samples", "self._core.aside -= 1", "pass", _SAMPLES),
    _mutant(
        "done-by-hearsay",
        "replication",
        "        if core.follows(job):\n            # The",
        "        if False:\n            # The",
        _DONE,
    ),
    _mutant(
        "done-before-the-results",
        "job",
        "self.summary_finished and not follows",
        "self.summary_finished",
        _DONE,
    ),
    _mutant("word-of-dead-keepers", "replication", "if job.summary_finished:", "if False:", _DONE),
    _mutant("cancel-goes-one-way", "spread", "if urgent or len(", "if len(", _STEERING),
    _mutant("cancel-misses-workers", "spread", "if urgent and core.keeps(job):", "if False:", _STEERING),
    _mutant("limit-ignored", "runner", "job.startable()", "job.holdings.owned", _CONSTRAINTS),
    _mutant("barred-node-renders-on", "ends", "            self._step_aside(job)\n", "", _CONSTRAINTS),
    _mutant(
        "quota-ignored",
        "quotas",
        "return node in self._nodes.get(user_of(job.manifest), ())",
        "return True",
        _LIMITS,
    ),
    _mutant(
        "quarantine-ignored",
        "constraints",
        "if peer.quarantined:",
        "if False:",
        "tests/test_sched_constraints.py tests/test_sim_whole.py -k quarantine",
    ),
    _mutant(
        "submitter-not-told",
        "lender",
        "core.send(node, WorkTaken",
        "(lambda *_: None)(node, WorkTaken",
        _TELLING,
    ),
    _mutant("log-nowhere-else", "books", "self._keep_log(job, run.author, fact)", "pass", _TELLING),
    _mutant(
        "anybody-edits",
        "spread",
        "if self._rights.may_edit(job.id, job.submitter, edit):",
        "if True:",
        _RIGHTS,
    ),
    _mutant(
        "anybody-submits",
        "spread",
        "if not self._rights.may_submit(offer.job, record):",
        "if False:",
        _RIGHTS,
    ),
    _mutant(
        "sleep-keeps-claims",
        "presence",
        "job.holdings.release([(0, job.layout.total)])\n            self._parts.rescue",
        "self._parts.rescue",
    ),
    _mutant("sleep-counts-as-no-progress", "presence", "self._parts.runner.slept(seconds)", "pass"),
    _mutant(
        "leaving-keeps-work",
        "presence",
        "core.send(heirs[0], WorkReturned",
        "(lambda *_: None)(heirs[0], WorkReturned",
    ),
    _mutant("stall-unnoticed", "runner", "core.now - run.moved < limit", "True"),
    _mutant("gap-accepted", "logs", "run.first > height + 1", "False", _PARTS),
    _mutant("entries-twice", "logs", "run.entries[height + 1 - run.first :]", "run.entries", _PARTS),
    _mutant("older-edit-wins", "edits", "_age(mine) < _age(edit)", "_age(mine) != _age(edit)", _PARTS),
    _mutant("failed-after-any-three", "facts", "if first <= start and stop <= last", "if True", _PARTS),
    _mutant("failure-beats-result", "facts", "self.done.outside(start, stop)", "[(start, stop)]", _PARTS),
    _mutant("retry-forgives-nothing", "facts", "self.missing.add_all(self.failed)", "pass", _PARTS),
    _mutant(
        "crumbs-for-the-busy",
        "rules",
        "stock.owned if idle and stock.in_hand",
        "stock.owned if stock.in_hand",
        _PARTS,
    ),
    _mutant("grain-ignored", "rules", "count >= max(1, stock.grain)", "count >= 1", _PARTS),
    _mutant("remainder-stays", "fairness", "(turn + 0.5)", "0.5", _FAIRNESS),
    _mutant("category-ignored", "fairness", "rating - total / greatest", "rating", _FAIRNESS),
    _mutant(
        "orphans-not-adopted",
        "rescue",
        "self._lender.adopt_from(job, None, ripe)",
        "pass",
        _story("blackout"),
    ),
    _mutant(
        "ledgers-not-compared",
        "replication",
        "self.compare(job, sender)\n            self.stir(job)",
        "pass",
        _story("swizzle", "churn"),
    ),
    _mutant(
        "torn-log-not-given-back",
        "replication",
        "(run.author, run.boot) == life",
        "run.author == to",
        _story("churn"),
    ),
)
