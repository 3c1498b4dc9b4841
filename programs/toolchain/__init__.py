"""Build tool for the on-chain programs: compiles C for BPF with Zig's Clang, and links Solana SBPF v0 shared objects.

A development tool that requires only ``pip install ziglang``. Modules: ``compiler`` (compiler and flags), ``objects``
(object files), ``instructions`` (SBPF v0 instruction checks), ``linker`` (layout and relocation), ``image`` (the ELF
file for Solana's loader) and ``build`` (the sources of each program).
"""
