"""Reader of workbooks, run in a process of its own (`process`): standard library only, nothing of the portal."""
