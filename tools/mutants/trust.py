"""Bugs of judging results: lies that go on, and slander that works."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_VERDICTS = "tests/test_sched_verdicts.py -k 'not story'"
_CONVICTIONS = "tests/test_sched_convictions.py"
_BLAME = "tests/test_sched_blame.py -k 'not story'"


MUTANTS = (
    Mutant("one-voice-convicts", "sched/verdicts", "QUORUM = 2", "QUORUM = 1", _VERDICTS),
    Mutant(
        "who-votes-twice-counts-twice",
        "sched/verdicts",
        "if auditor == fact.renderer:",
        "if False:",
        _VERDICTS,
    ),
    Mutant(
        "false-pixels-still-count",
        "sched/facts",
        "                self._count_again()\n        elif",
        "                pass\n        elif",
        _VERDICTS,
    ),
    Mutant("liar-goes-on", "sched/constraints", "if peer.node in job.distrusted:", "if False:", _VERDICTS),
    Mutant("audit-of-anything", "sched/audits", "not audited(job.manifest) or ", "", _VERDICTS),
    Mutant(
        "bias-within-tolerance",
        "render/alike",
        " and shift(one[same], other[same]) <= moved)",
        ")",
        "tests/test_render_pixels.py -k tolerance",
    ),
    Mutant(
        "inexact-engines-compared-to-the-bit",
        "sched/audits",
        "check.piece, tolerance)",
        "check.piece)",
        "tests/test_sched_verdicts.py -k inexact-honest",
    ),
    Mutant(
        "any-difference-is-tolerable",
        "render/alike",
        "return bool(np.count_nonzero(~same) <= most and",
        "return bool(most or",
        "tests/test_sched_verdicts.py -k inexact-lazy",
    ),
    Mutant(
        "edges-of-depth-never-differ",
        "render/alike",
        "np.where(unlike, np.inf, apart)",
        "apart",
        "tests/test_render_pixels.py -k tolerance",
    ),
    Mutant(
        "conviction-unchecked", "sched/convictions", "or self._check(sender, one)", "or True", _CONVICTIONS
    ),
    Mutant(
        "slander-by-one",
        "sched/convictions",
        "len(_against(one)) >= QUORUM",
        "len(_against(one)) >= 1",
        _CONVICTIONS,
    ),
    Mutant(
        "conviction-not-passed-on",
        "sched/convictions",
        "core.send(to, Convictions(tuple(news)))",
        "pass",
        _CONVICTIONS,
    ),
    Mutant(
        "conviction-forgotten-at-restart",
        "sched/convictions",
        "core.persist(OF_MESH",
        "(lambda *_: None)(OF_MESH",
        "tests/test_sched_verdicts.py -k outcast",
    ),
    Mutant(
        "liar-gets-new-jobs",
        "sched/audits",
        "            self._books.reopened(job)\n        self._distrust(job)\n",
        "            self._books.reopened(job)\n",
        _CONVICTIONS,
    ),
    Mutant(
        "convictions-not-compared", "sched/spread", "self._convictions.answer(sender)", "pass", _CONVICTIONS
    ),
    Mutant(
        "old-pardon-covers-new-lies",
        "sched/convictions",
        "one.pardon.counter > _after(one)",
        "True",
        _CONVICTIONS,
    ),
    Mutant(
        "old-news-undoes-pardon",
        "sched/convictions",
        "tuple(findings[:MAX_FINDINGS]), pardon)",
        "tuple(findings[:MAX_FINDINGS]), theirs.pardon)",
        _CONVICTIONS,
    ),
    Mutant(
        "forged-results-enter", "sched/books", "if not self._is_genuine(job, run):", "if False:", _CONVICTIONS
    ),
    Mutant("helpers-lie-is-the-holders", "sched/blame", "return Fault.HELPER", "return Fault.AUTHOR", _BLAME),
    Mutant(
        "holder-shifts-blame",
        "sched/blame",
        "Fault.UNKNOWN if None in mine else Fault.AUTHOR",
        "Fault.UNKNOWN",
        "tests/test_sched_blame.py -k 'truth or shifted'",
    ),
    Mutant("false-part-counts", "sched/verdicts", "self.counts(part.helper, part.sums)", "True", _BLAME),
    Mutant(
        "unsigned-part-taken",
        "sched/samples",
        "if self._rights.has_helped(job.id, part):",
        "if True:",
        _BLAME,
    ),
    Mutant(
        "parts-not-listed",
        "sched/copies",
        "parts = self.parts_of(job, done)",
        "parts = ()",
        "tests/test_sched_blame.py -k forged-pixel",
    ),
    Mutant("helpers-made-up", "sched/books", "and self._rights.has_helped(job.id, part)", "", _BLAME),
    Mutant(
        "witnesses-made-up",
        "node/rights",
        "self._vouches(proof[:_KEY], proof[_PROOF:])",
        "True",
        _CONVICTIONS,
    ),
    Mutant(
        "liar-pardons-itself",
        "node/rights",
        "if node in (edit.author, submitter):",
        "if False:",
        _CONVICTIONS,
    ),
)
