"""The victim's side of stealing: granting, denying, pushing to parked thieves, taking back.

What is granted is LENT until the thief says that it has it; from then on the thief's own claims speak for
it. Should the thief die, this node takes back at once what it had lent to it and is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.model.ids import NodeId
from mesh.sched.adoption import Adoption
from mesh.sched.core import Core
from mesh.sched.estimates import pace_of, rendered_of, spare_of, speed_of, untouched_from
from mesh.sched.intervals import Interval, IntervalSet, from_numbers
from mesh.sched.job import Job, Loan
from mesh.sched.life import UnitState
from mesh.sched.market import Market
from mesh.sched.relief import Relief
from mesh.sched.rules import Stock, grain_of, portion
from mesh.sched.runner import Runner
from mesh.sched.samples import Samples
from mesh.sched.sharing import Sharing
from mesh.wire.effects import Shorten
from mesh.wire.fields import MAX_SPAN_NUMBERS
from mesh.wire.ledger import Hint
from mesh.wire.stealing import StealDeny, StealGrant, StealRequest, Want, WorkReturned

_MAX_PARKED = 1024
_HINTS = 4
_ENOUGH_REFUSED = 3
"""Where so many of those who wait can be given nothing, the others are not tried."""
_LOOK_AGAIN = 0.05
"""Seconds until a lender to whom somebody waits looks again whether its units may be cut."""


@dataclass(frozen=True, slots=True)
class Parked:
    request: StealRequest
    until: float


class Lender:
    def __init__(
        self,
        core: Core,
        adoption: Adoption,
        sharing: Sharing,
        market: Market,
        relief: Relief,
        runner: Runner,
        samples: Samples,
    ) -> None:
        self._core = core
        self._adoption = adoption
        self._samples = samples
        self._sharing = sharing
        self._market = market
        self._relief = relief
        self._runner = runner
        self._parked: dict[NodeId, Parked] = {}

    @property
    def has_parked(self) -> bool:
        return bool(self._parked)

    def on_request(self, sender: NodeId, request: StealRequest) -> None:
        core = self._core
        peer = core.peers.get(sender)
        if peer is not None and peer.boot > request.boot:
            return
        if any(loan.answers(sender, request.request) for job in core.jobs.values() for loan in job.loans):
            return  # came twice
        self._parked.pop(sender, None)
        for want in request.wants:
            job = core.jobs.get(want.job)
            if job is not None and want.speed > 0:
                job.heard_pace = 1 / want.speed
        if self._serve(sender, request):
            return
        if request.parked and len(self._parked) < _MAX_PARKED:
            self._parked[sender] = Parked(request, core.now + 2 * core.config.park_most_seconds)
            self._look_again()
        elif not request.parked and self._awaits_work_for(sender, request):
            until = core.now + core.config.deal_patience_seconds
            self._parked[sender] = Parked(request, until)
            core.wake(("serve",), until)
        elif not request.parked:
            self._deny(sender, request)

    def _awaits_work_for(self, thief: NodeId, request: StealRequest) -> bool:
        """Whether this node's own part of a new job, and with it the part of `thief`, is still to come."""
        for want in request.wants:
            job = self._core.jobs.get(want.job)
            if job is not None and thief in job.heirs and job.patron is not None and not job.holdings:
                return True
        return False

    def serve_parked(self) -> None:
        """Gives to those who wait what has turned up since, and says no to heirs who wait in vain."""
        core = self._core
        refused = 0
        for _ in range(len(self._parked)):
            thief = next(iter(self._parked))
            parked = self._parked.pop(thief)
            if parked.until > core.now and self._serve(thief, parked.request):
                continue
            late = parked.until <= core.now
            if not parked.request.parked and (late or not self._awaits_work_for(thief, parked.request)):
                self._deny(thief, parked.request)
                continue
            if late or self._introduce(thief, parked.request):
                continue
            self._parked[thief] = parked  # to the end of the queue
            refused += 1
            if refused >= _ENOUGH_REFUSED:
                break
        self._look_again()

    def _introduce(self, thief: NodeId, request: StealRequest) -> bool:
        """A keeper has heard who has work now: somebody who waits is told, and asks there."""
        for want in request.wants:
            job = self._core.jobs.get(want.job)
            if job is not None and not job.ended:
                pace = 1 / want.speed if want.speed > 0 else 0.0
                hint = self._market.introduction(job, thief, want.speed)
                hint = hint or self._relief.straggler(job, thief, pace)
                if hint is not None:
                    self._core.send(thief, StealDeny(request.request, request.boot, (hint,)))
                    return True
        return False

    def _look_again(self) -> None:
        """Even an engine that reports nothing tells by its silence that its unit is worth cutting."""
        core = self._core
        began = [run.began for job in core.jobs.values() for run in job.runs.values()]
        if self._parked and began:
            core.wake(("serve",), core.now + max(_LOOK_AGAIN, (core.now - min(began)) / 2))

    def on_taken(self, job: Job, sender: NodeId, request: int) -> None:
        loan = self._loan(job, sender, request)
        if loan is not None:
            job.holdings.release(self._still_lent(job, loan))
            if not job.ended:
                job.lent_to.setdefault(sender, IntervalSet()).add_all(loan.spans)
            self._core.claims_changed(job)
        self._relief.on_taken(job, sender, request)

    def on_returned(self, job: Job, sender: NodeId, returned: WorkReturned) -> None:
        """Work comes back, or is handed over."""
        spans = from_numbers(returned.spans, job.layout.total)
        self._relief.on_returned(job, sender, spans)
        self._samples.on_returned(job, sender, spans)
        for loan in [loan for loan in job.loans if loan.thief == sender]:
            if loan.spans.common(spans):
                job.loans.remove(loan)
                self._take_back(job, loan)
        if sender in job.lent_to:
            job.lent_to[sender].remove_all(spans)
        claim = job.claims.get(sender)
        if claim is not None:
            claim.spans.remove_all(spans)
        self._adoption.adopt(job, spans)

    def on_grant_failed(self, job: Job, thief: NodeId, request: int) -> None:
        loan = self._loan(job, thief, request)
        if loan is not None:
            self._take_back(job, loan)
        self._relief.on_failed(job, thief, request)
        self._samples.on_failed(job, thief, request)

    def on_peer_down(self, thief: NodeId) -> None:
        self._parked.pop(thief, None)
        for job in self._core.jobs.values():
            job.heirs.pop(thief, None)
            for loan in [loan for loan in job.loans if loan.thief == thief]:
                job.loans.remove(loan)
                self._take_back(job, loan)
            lent = job.lent_to.pop(thief, None)
            if lent is not None:
                self._adoption.adopt_from(job, thief, lent)

    def take_granted(self, job: Job, spans: IntervalSet) -> IntervalSet:
        """Owns what was granted to this node. It may be on loan from here: then it went round in a circle
        faster than the borrower's GrantTaken."""
        back = job.holdings.lent.common(spans)
        for loan in list(job.loans):
            loan.spans.remove_all(back)
            if not loan.spans:
                job.loans.remove(loan)
        job.holdings.move(back, UnitState.LENT, UnitState.OWNED)
        taken = job.holdings.take(spans)
        taken.add_all(back)
        return taken

    # --- granting -----------------------------------------------------------------------------------

    def _serve(self, thief: NodeId, request: StealRequest) -> bool:
        core = self._core
        if thief not in core.peers:
            return False
        for want in request.wants:
            job = core.jobs.get(want.job)
            if job is None or job.ended or job.paused:
                continue
            spans = self._carve(job, thief, want, request.idle)
            if spans:
                self._grant(job, thief, request, spans)
                return True
        if not request.parked:
            return False
        return self._samples.offer(thief, request, len(self._parked)) or self._relieve(thief, request)

    def _relieve(self, thief: NodeId, request: StealRequest) -> bool:
        """Gives away what waits behind a unit that takes too long, or has that started elsewhere as well."""
        wish = self._relief.wish(thief, request)
        if wish is None:
            return False
        job, run = wish
        if run.queued:
            spans = [(run.start, run.stop)]
            self._runner.take_back(job, run)
            job.holdings.move(spans, UnitState.OWNED, UnitState.LENT)
            self._grant(job, thief, request, spans)
        else:
            self._relief.offer(job, run, thief, request)
        return True

    def _carve(self, job: Job, thief: NodeId, want: Want, idle: bool) -> list[Interval]:
        """Decides what `thief` gets and moves it to LENT."""
        core = self._core
        info = core.peers.get(thief)
        if info is None or not core.can_render(job, info):
            return []
        if not spare_of(job, core.me, core.capacity.threads, core.now):
            return []
        owned = job.startable()
        if job.helping:
            owned = owned.without(job.helping)
        if thief in job.facts.failures.by_node:
            owned = self._not_failed_by(job, thief, owned)
        runs = [run for run in job.runs.values() if not run.ended and run.start not in job.helping]
        run = max(runs, key=lambda run: run.stop - run.start, default=None)
        tail = in_hand = 0
        if run is not None:
            edge = untouched_from(job, run, core.me, core.capacity.threads, core.now)
            tail = run.stop - edge
            # What is rendered already does not count as work left.
            in_hand = max(0, edge - run.start - round(rendered_of(job, run, core.me, core.now)))
        pace = pace_of(job, core.me, core.now)
        stock = Stock(
            owned=owned.size,
            tail=tail,
            in_hand=in_hand,
            frame=job.layout.buckets,
            grain=grain_of(pace, core.cost(thief), core.config.grain_factor),
            chunk=job.policy.chunk * job.layout.buckets,
            heads=1 + sum(count for heir, count in job.heirs.items() if heir != thief),
        )
        if not stock.owned and not pace:
            return []  # nobody knows yet whether cutting pays
        mine = speed_of(job, core.me, core.now)
        heads = job.heirs.get(thief, 1)
        i_render = self._mine_next(job)
        share = portion(stock, mine, want.speed, i_render=i_render, idle=idle, heads=heads)
        if share.owned:
            spans = owned.back(share.owned)[-MAX_SPAN_NUMBERS // 2 :]
            job.holdings.move(spans, UnitState.OWNED, UnitState.LENT)
            return spans
        if share.tail and run is not None:
            whole = job.layout.unit(run.start, run.begun_stop)
            spans = [(run.stop - share.tail, run.stop)]
            job.holdings.move(spans, UnitState.RUNNING, UnitState.LENT)
            run.stop -= share.tail
            stop = whole.start + run.stop - run.start
            core.out.append(Shorten(job.id, whole, run.attempt, stop))
            return spans
        return []

    def _mine_next(self, job: Job) -> bool:
        """Whether this node would render the job's next unit itself, having nothing more deserving to do. What it holds
        may be nothing but what it has failed at: whoever had that handed over gave it back before knowing why."""
        ranked = self._sharing.ranked()
        is_next = bool(ranked) and ranked[0] is job and self._core.i_can_render(job)
        return is_next and self._runner.first_to_try(job) is not None

    def _not_failed_by(self, job: Job, thief: NodeId, owned: IntervalSet) -> IntervalSet:
        """What `thief` may try: what it has not failed at, or what everybody else has failed at as well."""
        rest = owned.copy()
        for author, fact in job.facts.failures.all:
            if author == thief and fact.epoch >= job.facts.failures.epoch:
                rest.remove(*job.layout.span(fact.unit))
        return rest or owned

    def _grant(self, job: Job, thief: NodeId, request: StealRequest, spans: list[Interval]) -> None:
        core = self._core
        lent = IntervalSet(spans)
        job.heirs.pop(thief, None)
        job.loans.append(Loan(thief, request.request, lent, core.now))
        numbers = lent.numbers(MAX_SPAN_NUMBERS)
        pace = pace_of(job, core.me, core.now)
        core.send(thief, StealGrant(job.id, request.request, request.boot, numbers, pace))
        core.wake(("loan", job.id, thief, request.request), core.now + core.config.lease_seconds / 2)
        core.story.tell(core.now, job.id, spans, f"lent to {thief.hex()[:8]}")
        core.claims_changed(job)

    def _deny(self, thief: NodeId, request: StealRequest) -> None:
        """Has nothing, but may know who has."""
        hints: list[Hint] = []
        for want in request.wants:
            job = self._core.jobs.get(want.job)
            if job is not None and not job.ended and len(hints) < _HINTS:
                hints += self._market.hints(job, thief, _HINTS - len(hints))
        self._core.send(thief, StealDeny(request.request, request.boot, tuple(hints)))

    # --- taking back --------------------------------------------------------------------------------

    def _loan(self, job: Job, thief: NodeId, request: int) -> Loan | None:
        for loan in job.loans:
            if loan.answers(thief, request):
                job.loans.remove(loan)
                return loan
        return None

    def _still_lent(self, job: Job, loan: Loan) -> IntervalSet:
        return job.holdings.lent.common(loan.spans)

    def _take_back(self, job: Job, loan: Loan) -> None:
        spans = self._still_lent(job, loan)
        if spans:
            job.holdings.move(spans, UnitState.LENT, UnitState.OWNED)
            self._core.story.tell(self._core.now, job.id, list(spans), "taken back")
            self._core.claims_changed(job)
