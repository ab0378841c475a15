"""Commands about the mesh's members: invite, rotate-key, leave, nodes."""

from __future__ import annotations

import click

from mesh.cli.common import connect, json_option, print_json, print_table
from mesh.cli.numbers import Finite, Whole
from mesh.model.status import NodeState, NodeStatus
from mesh.ui.words import duration, percent, plural


@click.command()
@click.option("--uses", default=1, show_default=True, type=Whole(1, 10_000), help="Machines it admits.")
@click.option(
    "--hours",
    default=24.0,
    show_default=True,
    type=Finite(0, 24 * 3650, min_open=True),
    help="How long it is valid.",
)
@json_option
def invite(uses: int, hours: float, as_json: bool) -> None:
    """Print a code that lets other machines join.

    \b
    Examples:
      mesh invite                      # one machine, within a day
      mesh invite --uses 20 --hours 2  # a classroom, this lesson
    """
    with connect() as client:
        code = client.invite(uses, hours)
    if as_json:
        print_json({"code": code, "uses": uses, "hours": hours})
        return
    click.echo(code)
    whom = "one machine" if uses == 1 else f"{uses} machines"
    click.echo(f"Lets {whom} join within {hours:g} hours. There, run: mesh join {code}", err=True)


@click.command()
@json_option
def rotate_key(as_json: bool) -> None:
    """Replace the key that seals the mesh's gossip.

    Do so when a machine that you no longer trust has left. Nothing pauses: the new key goes to every node over
    its own connection before any node uses it. Works where `mesh invite` works.
    """
    with connect() as client:
        rotated = client.rotate_key()
    if as_json:
        print_json({"number": rotated.number, "nodes": rotated.nodes, "seconds": rotated.seconds})
        return
    whom = "this node" if rotated.nodes == 1 else f"{rotated.nodes} nodes"
    click.echo(
        f"Mesh key {rotated.number} is on its way; {whom} will seal under it in {rotated.seconds:g} s."
    )


@click.command()
def leave() -> None:
    """Stop this machine's node; its work goes to others.

    Claimed frames are handed back at once, so that nothing waits for a timeout. The machine stays a member:
    `mesh join` brings it back.
    """
    with connect() as client:
        client.leave()
    click.echo("This machine has left; `mesh join` brings it back.")


@click.command()
@click.argument("node", required=False)
@json_option
def nodes(node: str | None, as_json: bool) -> None:
    """List the nodes, or show one.

    NODE is a name, a short id or the beginning of an id.

    \b
    Examples:
      mesh nodes
      mesh nodes render3
      mesh nodes --json | jq -r '.[] | select(.state == "alive").name'
    """
    with connect() as client:
        if node is not None:
            one = client.node(node)
            print_json(one) if as_json else _print_node(one)
            return
        everyone = client.nodes()
    if as_json:
        print_json(everyone)
        return
    print_table(
        ("node", "id", "state", "site", "address", "threads", "load", "frames", "rendering"),
        [
            (
                member.name + (" *" if member.is_me else ""),
                member.short,
                member.state.value,
                member.site,
                member.address,
                str(member.slots),
                percent(member.load).strip(),
                str(member.frames_done),
                _doing(member),
            )
            for member in everyone
        ],
        right=("threads", "load", "frames"),
    )
    for member in everyone:
        for verdict in member.distrusted:
            click.secho(f"{verdict}.", fg="red")
        if member.expiring:
            click.secho(f"{member.expiring}.", fg="yellow")


def _doing(node: NodeStatus) -> str:
    if node.state in (NodeState.DEAD, NodeState.LEFT):
        return f"last seen {duration(node.seen_seconds)} ago"
    doing = "; ".join(f"{one.job_name}, {one.what}" for one in node.activities)
    if node.preparing:
        return f"{node.preparing}: {doing}" if doing else node.preparing
    return doing or ("distrusted" if node.distrusted else "idle")


def _print_node(node: NodeStatus) -> None:
    facts = {
        "state": f"{node.state.value}, last sign of life {duration(node.seen_seconds)} ago",
        "id": node.node,
        "address": node.address,
        "site": node.site or "none",
        "tags": ", ".join(node.tags) or "none",
        "engines": ", ".join(node.engines) or "none",
        "threads": f"{node.slots}, {percent(node.load).strip()} busy",
        "works for": "jobs that ask for it or its tags, exclusively" if node.exclusive else "any job",
        "ping": "this machine" if node.rtt_ms is None else f"{node.rtt_ms:.1f} ms",
        "rendering": _doing(node),
        "rendered": f"{plural(node.frames_done, 'frame')} ({plural(node.buckets_done, 'bucket')})",
    }
    click.echo(click.style(f"{node.name} ({node.short})", bold=True))
    for title, text in facts.items():
        click.echo(f"  {title:<10} {text}")
    for verdict in node.distrusted:
        click.secho(f"  {verdict}.", fg="red")
    if node.expiring:
        click.secho(f"  {node.expiring}.", fg="yellow")
