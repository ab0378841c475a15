"""The parts of one node's scheduler, each in its own file, wired to each other."""

from __future__ import annotations

from mesh.sched.adoption import Adoption
from mesh.sched.audits import Audits
from mesh.sched.books import Books
from mesh.sched.claims import Claims
from mesh.sched.convictions import ConvictionBook
from mesh.sched.copies import Copies
from mesh.sched.core import Core
from mesh.sched.ends import Ends
from mesh.sched.failing import Failing
from mesh.sched.helping import Helper
from mesh.sched.inviting import Inviting
from mesh.sched.lender import Lender
from mesh.sched.market import Market
from mesh.sched.reach import Reach
from mesh.sched.relief import Relief
from mesh.sched.replication import Replication
from mesh.sched.rescue import Rescue
from mesh.sched.restoring import Restoring
from mesh.sched.rights import Rights
from mesh.sched.runner import Runner
from mesh.sched.samples import Samples
from mesh.sched.scenes import Scenes
from mesh.sched.scrub import Scrub
from mesh.sched.sharing import Sharing
from mesh.sched.slots import Slots
from mesh.sched.spread import Spread
from mesh.sched.thief import Thief


class Parts:
    def __init__(self, core: Core, rights: Rights) -> None:
        self.books = Books(core, rights)
        self.convictions = ConvictionBook(core, rights)
        self.market = Market(core)
        self.claims = Claims(core)
        self.replication = Replication(core, self.books, self.market, self.claims)
        self.spread = Spread(core, self.books, rights, self.convictions)
        self.scenes = Scenes(core, self.books)
        self.copies = Copies(core, self.books)
        self.audits = Audits(core, self.books, self.convictions, rights)
        self.scrub = Scrub(core, self.books)
        self.reach = Reach(core, self.books)
        self.books.on_retry = self.reach.on_retry
        self.books.on_audit = self.audits.judged
        self.convictions.on_change = self.audits.spread_distrust
        self.sharing = Sharing(core)
        self.slots = Slots(core)
        self.failing = Failing(core, self.books)
        self.runner = Runner(core, self.slots, self.failing, self.sharing, self.copies.on_stored)
        self.relief = Relief(core, self.books, self.market)
        self.inviting = Inviting(core, self.market, self.relief)
        self.samples = Samples(core, self.market, rights)
        self.helper = Helper(core, self.slots.idle, rights)
        self.copies.parts_of = self.samples.parts_of
        self.adoption = Adoption(core)
        self.lender = Lender(
            core, self.adoption, self.sharing, self.market, self.relief, self.runner, self.samples
        )
        self.thief = Thief(core, self.slots, self.runner, self.lender, self.market, self.helper)
        self.rescue = Rescue(core, self.adoption)
        self.ends = Ends(
            core,
            self.runner,
            self.copies,
            self.replication,
            self.audits,
            self.samples,
            self.helper,
            self.reach,
        )
        self.restoring = Restoring(core, self.books, self.copies, self.convictions)
