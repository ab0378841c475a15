"""Who this node is and whom it trusts: keys, certificates, warrants and invites. Knows files, and no sockets."""
