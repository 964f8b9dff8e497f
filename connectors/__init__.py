"""The connectors that ship with syncd, one package for each kind of system.

syncd finds them by entry points and never imports them by name.
"""
