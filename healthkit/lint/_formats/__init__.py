"""How findings and rules are shown: to readers, to programs, to GitHub."""
