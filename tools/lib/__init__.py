"""What the commands in tools/ share. Paths are relative to the repository's top."""
