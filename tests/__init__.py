"""Tests; a package, because an installed library brings another one of this name."""
