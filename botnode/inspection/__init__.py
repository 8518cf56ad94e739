"""Looks at media that nobody vouches for, in a short-lived process of its own.

Nothing here is imported by a botnode but `protocol`: `botnode.media_inspection` starts the process.
It imports nothing else of the mesh, has no environment, and is bounded in memory, time and output.
"""
