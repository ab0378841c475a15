"""Bugs of judging results: lies that go on, and slander that works."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_VERDICTS = "tests/test_sched_verdicts.py -k 'not story'"
_CONVICTIONS = "tests/test_sched_convictions.py"


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
    Mutant(
        "witnesses-made-up",
        "mesh/node/rights.py",
        "self._vouches(proof[:_KEY], warrant)",
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
