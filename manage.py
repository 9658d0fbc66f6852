#!/usr/bin/env python
"""Django's command line. Commands that change the schema run as the database's owner, all others as the runtime role."""

import os
import sys

from partner_portal.postgres.role import OWNER_COMMANDS

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partner_portal.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("PORTAL_DATABASE_ROLE", "owner")
    from partner_portal.local.command_line import run

    run(sys.argv)
