"""What can be wrong with this machine's identity or with an invite, as a person reads it."""

from __future__ import annotations

from mesh.errors import ExitCode, MeshError


class NoMeshHere(MeshError):
    """This machine is in no mesh yet: {folder} does not exist. Run `mesh join` to found or join one."""

    exit_code = ExitCode.NO_MESH


class AlreadyInMesh(MeshError):
    """This machine is in a mesh already: {folder} exists. `mesh join` alone goes on in it. To join
    another instead, stop the node and remove that folder; to run a second node here, set MESH_HOME to another."""


class IdentityExposed(MeshError):
    """{path} holds secrets, but other users of this machine may reach it (mode {mode}). Run
    `chmod {wanted} {path}`; if you do not trust them, leave the mesh and join again."""


class IdentityBroken(MeshError):
    """{path} cannot be used: {reason}. Restore it from a backup, or remove the folder {folder} and join
    the mesh again with a new invite."""


class IdentityExpired(MeshError):
    """This node's certificate in {path} expired on {when}: for the month before that it was off, or reached no node that
    renews certificates. If this machine's clock is right, remove the folder {folder} and join the mesh again with a new
    invite (`mesh invite` on the machine that founded it)."""


class ClockBehind(MeshError):
    """This node's certificate in {path} is valid from {when} on, and this machine's clock says {now}. Set
    the clock."""


class NotIssuer(MeshError):
    """This node cannot sign certificates or invites. Run the command on a node with the admin role, such
    as the one that founded the mesh."""


class InvitesNotKept(MeshError):
    """Invites cannot be kept in {path}: {reason}. Make room there, then try again."""


class BadInviteCode(MeshError):
    """The invite code is not right: {reason}. It is nine groups of five letters and digits; copy it again
    from where `mesh invite` printed it."""

    exit_code = ExitCode.USAGE


class NotInvited(MeshError):
    """The mesh does not know this invite. Check the code, or ask for a new one (`mesh invite`)."""


class InviteExpired(MeshError):
    """This invite has expired. Ask for a new one (`mesh invite`)."""


class InviteSpent(MeshError):
    """This invite has been used as often as it may be. Ask for a new one (`mesh invite`)."""


class Untrusted(Exception):
    """A certificate or chain that this mesh does not vouch for. Met by connections, not by people."""
