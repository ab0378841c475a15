"""What nodes say to each other: messages, their encoding, and the effects and events of the machines."""
