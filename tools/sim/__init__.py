"""The second interpreter of effects: virtual time, thousands of nodes, every fault, one seed.

`simulation.Simulation` runs machines; `network.Network` decides what arrives; `world.World` carries out
what is neither network nor timer. Same seed, same log, byte for byte: nothing here may iterate over sets
or ask a clock.
"""
