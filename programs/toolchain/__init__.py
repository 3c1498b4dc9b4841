"""Builds the on-chain programs: C sources, compiled by Zig's Clang for BPF, linked into Solana SBPF v0 shared objects.

A development tool that needs nothing but ``pip install ziglang``: see ``compiler`` (which compiler and flags),
``objects`` (reading what it wrote), ``instructions`` (what the Solana VM executes), ``linker`` (placing and relocating)
and ``image`` (the ELF file that Solana's loader accepts). ``build`` knows which sources make which program.
"""
