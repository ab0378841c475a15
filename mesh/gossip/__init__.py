"""Who is in the mesh: SWIM with Lifeguard, signed. `membership.Membership` is the machine; knows no I/O."""
