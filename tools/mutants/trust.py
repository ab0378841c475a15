"""Bugs of judging results: lies that go on, and slander that works."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_VERDICTS = "tests/test_sched_verdicts.py -k 'not story'"
_CONVICTIONS = "tests/test_sched_convictions.py"
_BLAME = "tests/test_sched_blame.py -k 'not story'"


def _mutant(name: str, module: str, old: str, new: str, tests: str = _CONVICTIONS) -> Mutant:
    return Mutant(name, f"mesh/sched/{module}.py", old, new, tests)


MUTANTS = (
    _mutant("one-voice-convicts", "verdicts", "QUORUM = 2", "QUORUM = 1", _VERDICTS),
    _mutant(
        "who-votes-twice-counts-twice", "verdicts", "if auditor == fact.renderer:", "if False:", _VERDICTS
    ),
    _mutant(
        "false-pixels-still-count",
        "facts",
        "                self._count_again()\n        elif",
        "                pass\n        elif",
        _VERDICTS,
    ),
    _mutant("liar-goes-on", "constraints", "if peer.node in job.distrusted:", "if False:", _VERDICTS),
    _mutant("audit-of-anything", "audits", "not audited(job.manifest) or ", "", _VERDICTS),
    Mutant(
        "bias-within-tolerance",
        "mesh/render/alike.py",
        " and shift(one[same], other[same]) <= moved)",
        ")",
        "tests/test_render_pixels.py -k tolerance",
    ),
    _mutant(
        "inexact-engines-compared-to-the-bit",
        "audits",
        "check.piece, tolerance)",
        "check.piece)",
        "tests/test_sched_verdicts.py -k inexact-honest",
    ),
    Mutant(
        "any-difference-is-tolerable",
        "mesh/render/alike.py",
        "return bool(np.count_nonzero(~same) <= most and",
        "return bool(most or",
        "tests/test_sched_verdicts.py -k inexact-lazy",
    ),
    Mutant(
        "edges-of-depth-never-differ",
        "mesh/render/alike.py",
        "np.where(unlike, np.inf, apart)",
        "apart",
        "tests/test_render_pixels.py -k tolerance",
    ),
    _mutant("conviction-unchecked", "convictions", "or self._check(sender, one)", "or True"),
    _mutant("slander-by-one", "convictions", "len(_against(one)) >= QUORUM", "len(_against(one)) >= 1"),
    _mutant("conviction-not-passed-on", "convictions", "core.send(to, Convictions(tuple(news)))", "pass"),
    _mutant(
        "conviction-forgotten-at-restart",
        "convictions",
        "core.persist(OF_MESH",
        "(lambda *_: None)(OF_MESH",
        "tests/test_sched_verdicts.py -k outcast",
    ),
    _mutant(
        "liar-gets-new-jobs",
        "audits",
        "            self._books.reopened(job)\n        self._distrust(job)\n",
        "            self._books.reopened(job)\n",
    ),
    _mutant("convictions-not-compared", "spread", "self._convictions.answer(sender)", "pass"),
    _mutant("old-pardon-covers-new-lies", "convictions", "one.pardon.counter > _after(one)", "True"),
    _mutant(
        "old-news-undoes-pardon",
        "convictions",
        "tuple(findings[:MAX_FINDINGS]), pardon)",
        "tuple(findings[:MAX_FINDINGS]), theirs.pardon)",
    ),
    _mutant("forged-results-enter", "books", "if not self._is_genuine(job, run):", "if False:"),
    _mutant("helpers-lie-is-the-holders", "blame", "return Fault.HELPER", "return Fault.AUTHOR", _BLAME),
    _mutant(
        "holder-shifts-blame",
        "blame",
        "Fault.UNKNOWN if None in mine else Fault.AUTHOR",
        "Fault.UNKNOWN",
        "tests/test_sched_blame.py -k 'truth or shifted'",
    ),
    _mutant("false-part-counts", "verdicts", "self.counts(part.helper, part.sums)", "True", _BLAME),
    _mutant(
        "unsigned-part-taken", "samples", "if self._rights.has_helped(job.id, part):", "if True:", _BLAME
    ),
    _mutant(
        "parts-not-listed",
        "copies",
        "parts = self.parts_of(job, done)",
        "parts = ()",
        "tests/test_sched_blame.py -k forged-pixel",
    ),
    _mutant("helpers-made-up", "books", "and self._rights.has_helped(job.id, part)", "", _BLAME),
    Mutant(
        "witnesses-made-up",
        "mesh/node/rights.py",
        "self._vouches(proof[:_KEY], proof[_PROOF:])",
        "True",
        _CONVICTIONS,
    ),
    Mutant(
        "liar-pardons-itself",
        "mesh/node/rights.py",
        "if node in (edit.author, submitter):",
        "if False:",
        _CONVICTIONS,
    ),
)
